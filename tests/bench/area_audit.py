"""The audit log: writing, indexing, finding, and what a record takes on disk (area audit)."""

import random
import subprocess
import sys
import time

import audit_rows
import load
import measure
import programs
import wire

WRITE = "/junction.v1.Audit/Write"
CONTENT = "用户 张伟 删除了冷却塔 A3 的报警记录，耗时 42 ms"
RECORD = {1: 3, 2: 0, 3: CONTENT, 4: "scada-07", 5: "bench.write", 6: "notice", 8: "报警记录"}
JSON = ('{"optType":3,"resultType":0,"content":"%s","sourceNode":"scada-07","namespace":"bench.write",'
        '"severity":"notice","target":"报警记录"}' % CONTENT)
# The same row, as one INSERT writes it.
TABLE = """CREATE SEQUENCE bench_position;
CREATE TABLE bench_record (LIKE audit.record INCLUDING CONSTRAINTS INCLUDING INDEXES);"""
INSERT = f"""INSERT INTO bench_record (time, position, batch, id, opt_type, result_type, severity,
 namespace, source_node, content, target, address, node, trace_id)
 SELECT date_trunc('milliseconds', clock_timestamp()), p, p, gen_random_uuid(), 3, 0, 'notice',
 'bench.write', 'scada-07', '{CONTENT}', '报警记录', '127.0.0.1:40000', 'host-1795298273426',
 '0af7651916cd43dd8448eb211c80319c' FROM nextval('bench_position') AS p;
"""
APPEND = programs.BUILD + "/tests/bench_append"
FINDS = 200  # of each kind


def metric(server, name):
    text = programs.http_request(server.admin, "GET", "/metrics").body.decode()
    return sum(float(line.split()[-1]) for line in text.splitlines()
               if line.startswith(name) and not line.startswith("#"))


# --- writing --------------------------------------------------------------------------------------

def lag(database):
    """Seconds from the last indexed record to the last one, and records between them."""
    row = database.rows(
        "SELECT extract(epoch FROM r.time - t.time), r.position - t.position FROM"
        " (SELECT time, position FROM audit.record ORDER BY time DESC, position DESC LIMIT 1) r,"
        " (SELECT time, position FROM audit.term ORDER BY time DESC, position DESC LIMIT 1) t")[0]
    return float(row[0]), int(row[1])


def catch_up(bench, server):
    """Waits until all is indexed; gives the indexer's rate while there was enough to do."""
    _, waiting = lag(bench.database)
    before, began = metric(server, "junction_audit_indexed_total"), time.monotonic()
    while (behind := lag(bench.database)[1]) > waiting // 10:
        time.sleep(0.05)
    rate = ((metric(server, "junction_audit_indexed_total") - before) /
            (time.monotonic() - began))
    while lag(bench.database)[1]:
        time.sleep(0.05)
    return rate, waiting - behind


def measure_writing(bench):
    server, bridge = bench.junction
    url = bench.database.url
    bench.database.rows(TABLE)
    lags, rates = [], []

    def write():
        sample = load.calls(bench.seconds, server.address, WRITE, wire.message(RECORD), 256)
        seconds, records = lag(bench.database)
        lags.append(f"{seconds:.2f} s, {records} records")
        rates.append("{:.0f}/s over {} records".format(*catch_up(bench, server)))
        return sample
    row = bench.compare("records/s", "audit.write 256 outstanding", write,
                        "pgbench INSERT 64 clients",
                        lambda: load.pgbench(bench.seconds, url, INSERT), goal=2.0)
    row["notes"] += ["index behind at the end: " + "; ".join(lags),
                     "indexer alone: " + "; ".join(rates)]

    def alone():
        rate = float(subprocess.run([APPEND, url, "2", "256", str(bench.seconds), CONTENT],
                                    check=True, capture_output=True, text=True).stdout)
        catch_up(bench, server)
        return measure.Sample(rate)
    bench.compare("records/s", "audit.write 256 outstanding", write,
                  "libpq alone, batches of 256, 2 connections", alone)

    def over_http():
        sample = load.wrk(bench.seconds, bridge.address, "/mw/v1/audit/write", JSON, 100)
        catch_up(bench, server)
        return sample
    bench.compare("records/s", "bridge audit.write 100 connections", over_http,
                  "grpc audit.write 256 outstanding", write)


# --- finding --------------------------------------------------------------------------------------

class Log:
    """A database of so many records, indexed, and a server in front of it."""

    def __init__(self, bench, rows):
        print(f"bench: {rows} audit records need about {rows * audit_rows.BYTES_EACH / 1e9:.1f} GB "
              "of disk", file=sys.stderr)
        self.rows = rows
        self.database = bench.new_database()
        audit_rows.fill(self.database.url, rows)
        self.server = bench.keep(f"server of {rows}", programs.Server(self.database.url))
        self.stubs = bench.stubs
        self.audit = self.stubs.audit_grpc.AuditStub(
            bench.stack.enter_context(self.server.channel()))

    def expression(self, field, operator, *values):
        return self.stubs.audit.FilterExpr(field=field, operator=operator, value=values)

    def request(self, *exprs, any_of=(), newest_first=True, size=10, first=audit_rows.FIRST_MS,
                last=audit_rows.LAST_MS):
        f = self.stubs.audit.Filter(expr=exprs, op="or",
                                    sub_filter=[self.stubs.audit.Filter(expr=e) for e in any_of])
        request = self.stubs.audit.FindRequest(
            start_time=last if newest_first else first, end_time=first if newest_first else last,
            max_size=size)
        if exprs or any_of:
            request.filter.CopyFrom(f)
        return request

    def point_of_page(self, number):
        request = self.request()
        for _ in range(number - 1):
            request.continuation_point = self.audit.Find(request).result.continuation_point
        return request.continuation_point

    def latencies(self, requests):
        taken = []
        for request in requests:
            began = time.perf_counter()
            answer = self.audit.Find(request).result
            taken.append((time.perf_counter() - began) * 1e6)
            assert answer.records, request
        return taken

    def scans(self):
        """Of months that have records: sequential scans, and index scans."""
        return [int(n) for n in self.database.rows(
            "SELECT sum(seq_scan), sum(idx_scan) FROM pg_stat_user_tables"
            " WHERE schemaname = 'audit' AND relname ~ '^(record|term)_' AND n_live_tup > 0")[0]]

    def size(self):
        return self.database.rows(
            "SELECT split_part(c.relname, '_', 1), sum(pg_table_size(c.oid)),"
            " sum(pg_indexes_size(c.oid)) FROM pg_inherits h JOIN pg_class c ON c.oid = h.inhrelid"
            " WHERE h.inhparent IN ('audit.record'::regclass, 'audit.term'::regclass)"
            " GROUP BY 1 ORDER BY 1")


def kinds(log):
    """Requests by what they ask; each kind often, with other values."""
    chosen = random.Random(7)
    back = log.point_of_page(1000)
    day = 86400_000

    def times():
        first = chosen.randrange(audit_rows.FIRST_MS, audit_rows.LAST_MS - day)
        return {"first": first, "last": first + day}

    def page(prev):
        request = log.request()
        request.continuation_point = back
        request.prev_query = "true" if prev else ""
        return request
    return {
        "first page by time": lambda: log.request(**times()),
        "page 1,000 forward": lambda: page(False),
        "page 1,000 backward": lambda: page(True),
        "namespace in a time range": lambda: log.request(
            log.expression("namespace", "Equal", '"%s"' % chosen.choice(audit_rows.NAMESPACES)),
            **times()),
        "phrase of a rare word": lambda: log.request(
            log.expression("content", "MatchPhrase", '"%s"' % chosen.choice(audit_rows.RARE))),
        "either of two": lambda: log.request(any_of=(
            [log.expression("content", "MatchPhrase", '"%s"' % chosen.choice(audit_rows.RARE))],
            [log.expression("target", "Equal", '"%s"' % audit_rows.target(chosen)),
             log.expression("severity", "GreaterThan", '"info"')])),
    }


def sample_of(log, make, notes):
    before = log.scans()
    taken = log.latencies([make() for _ in range(FINDS)])
    # The statistics of a backend become visible when it is idle.
    log.database.rows("SELECT pg_stat_clear_snapshot()")
    after = log.scans()
    p50, p99 = load.percentiles(taken)
    notes.append(f"{log.rows} records: p50 {p50:.0f} us, p99 {p99:.0f} us, "
                 f"{after[0] - before[0]} sequential scans, {after[1] - before[1]} index scans")
    return measure.Sample(p99, FINDS, round(p50), round(p99))


def measure_finding(bench):
    logs = [Log(bench, rows) for rows in ([1_000_000, bench.rows_most] if bench.rows_most else
                                          [1_000_000])]
    least = logs[0]
    registry = bench.stubs.registry_grpc.RegistryStub(
        bench.stack.enter_context(least.server.channel()))
    demo = bench.stubs.registry.GetServerRequest(server_name="demo")

    def floor():
        taken = []
        for _ in range(FINDS):
            began = time.perf_counter()
            registry.GetServer(demo)
            taken.append((time.perf_counter() - began) * 1e6)
        p50, p99 = load.percentiles(taken)
        return measure.Sample(p99, FINDS, round(p50), round(p99))
    makers = [kinds(log) for log in logs]
    for kind in makers[0]:
        notes = []
        if len(logs) == 1:
            row = bench.compare("us, p99", f"audit.find {kind}, 1 M records",
                                lambda k=kind, n=notes: sample_of(least, makers[0][k], n),
                                "registry.get_server by the same client", floor, less=True)
        else:
            row = bench.compare("us, p99", f"audit.find {kind}, {logs[1].rows} records",
                                lambda k=kind, n=notes: sample_of(logs[1], makers[1][k], n),
                                "1 M records", lambda k=kind, n=notes: sample_of(
                                    least, makers[0][k], n), goal=0.5, less=True)
        row["notes"] += notes
    for log in logs:
        parts = [f"{name}: {int(table) / log.rows:.0f} and {int(index) / log.rows:.0f} for its indexes"
                 for name, table, index in log.size()]
        total = sum(int(t) + int(i) for _, t, i in log.size()) / log.rows
        row["notes"].append(f"bytes a record on disk, of {log.rows}: {total:.0f} ({', '.join(parts)})")


def measure_audit(bench):
    measure_writing(bench)
    measure_finding(bench)
