"""10,000 services of 10 nodes each: what they cost, and that their heartbeats keep them alive. Only
by ./dev test --slow; what it measures is printed (pytest -s), not judged."""

import json
import os
import re
import statistics
import subprocess
import tempfile
import time

import postgres
import programs

SERVICES, EACH = 10_000, 10
LEASE = 30
MEMORY = 1024 ** 3  # of junctiond, far more than it needs
FILL = """SELECT count(*) FROM (SELECT registry.register_nodes(array_agg('default'::text),
 array_agg('many-' || lpad((i % {services})::text, 4, '0')),
 array_agg('h-' || lpad(i::text, 5, '0')),
 array_agg('10.0.0.1'::text), array_agg(1 + i % 60000), array_agg('http'::text), array_agg(1),
 array_agg(true), array_agg('{{"zone":"a"}}'::text), array_agg('tcp'::text), array_agg(''::text),
 array_agg({lease}), array_agg(''::text), array_agg(''::text), array_agg(''::text),
 array_agg(''::text)) FROM generate_series({first}, {last}) i) s"""


def fill(database, services):
    total = services * EACH
    for first in range(0, total, 1000):
        database.rows(FILL.format(services=services, first=first, last=min(first + 999, total - 1),
                                  lease=LEASE * 1000))


def memory(server):
    with open(f"/proc/{server.process.pid}/status", encoding="utf-8") as status:
        return int(re.search(r"VmRSS:\s+(\d+)", status.read())[1]) * 1024


def cpu_seconds(cluster):
    """Of PostgreSQL's processes that live, and of those that have ended."""
    total = 0
    children = subprocess.run(["pgrep", "-P", str(cluster.process.pid)], check=False,
                              stdout=subprocess.PIPE, text=True).stdout.split()
    for pid in [str(cluster.process.pid), *children]:
        try:
            with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
                fields = stat.read().rpartition(")")[2].split()
        except OSError:
            continue
        total += int(fields[11]) + int(fields[12])
        if pid == str(cluster.process.pid):
            total += int(fields[13]) + int(fields[14])
    return total / os.sysconf("SC_CLK_TCK")


def lookups(registry, m, services):
    """Milliseconds at the median, for GetServer and ListNodes of one service."""
    def median(call):
        took = []
        for i in range(500):
            name = f"many-{i * 7919 % services:04}"
            start = time.perf_counter()
            call(name)
            took.append(time.perf_counter() - start)
        return round(statistics.median(took) * 1000, 3)

    def list_nodes(name):
        assert len(registry.ListNodes(m.ListNodesRequest(service=name)).nodes) == EACH
    return (median(lambda name: registry.GetServer(m.GetServerRequest(server_name=name))),
            median(list_nodes))


def count_all(registry, m):
    token, count = "", 0
    while True:
        page = registry.ListNodes(m.ListNodesRequest(page_size=10000, page_token=token))
        count += len(page.nodes)
        token = page.next_page_token
        if not token:
            return count


def beat_all(server, m):
    """One heartbeat of each; # are the last digits of the call's number (tests/bench/h2.h)."""
    request = m.HeartbeatRequest(service="many-####", node="h-#####").SerializeToString()
    with tempfile.NamedTemporaryFile(prefix="jt-") as file:
        file.write(request.replace(b"#", b"\xff"))
        file.flush()
        done = subprocess.run(
            [os.path.join(programs.BUILD, "tests", "bench_calls"), server.address,
             "/junction.v1.Registry/Heartbeat", file.name, "64", "0", "0", str(SERVICES * EACH)],
            check=True, stdout=subprocess.PIPE, timeout=programs.WAIT)
    return json.loads(done.stdout)


def start(database):
    begun = time.monotonic()
    server = programs.Server(database.url)  # ready means loaded
    return server, round(time.monotonic() - begun, 2)


def keep_alive(server, cluster, database, m):
    """Everybody renews each third of a lease, for two leases."""
    updated = "SELECT n_tup_upd FROM pg_stat_user_tables WHERE relname = 'lease'"
    before, cpu = int(database.rows(updated)[0][0]), cpu_seconds(cluster)
    begun = following = time.monotonic()
    rates = []
    while following < begun + 2 * LEASE:
        time.sleep(max(0, following - time.monotonic()))  # the clients' own clocks
        beats = beat_all(server, m)
        assert beats["errors"] == 0
        rates.append(round(beats["rate"]))
        following += LEASE / 3
    passed = time.monotonic() - begun
    print("heartbeats/s in each round", rates, "rows written",
          int(database.rows(updated)[0][0]) - before, "in", round(passed, 1),
          "s, CPU of PostgreSQL", round((cpu_seconds(cluster) - cpu) / passed * 100, 1),
          "% of a core")


def measure(server, loading, m, registry, services):
    print("\nservices", services, "ready after", loading, "s, MiB", memory(server) >> 20,
          "ms of GetServer and ListNodes", lookups(registry, m, services))
    assert count_all(registry, m) == services * EACH
    assert memory(server) < MEMORY


def live_and_go(server, cluster, database, m, registry):
    keep_alive(server, cluster, database, m)
    assert count_all(registry, m) == SERVICES * EACH
    assert memory(server) < MEMORY
    end = time.monotonic() + 2 * LEASE + programs.WAIT
    while count_all(registry, m):  # who stops goes
        assert time.monotonic() < end, "they did not go"
    print("MiB", memory(server) >> 20)


def test_a_hundred_thousand_nodes_cost_little_and_live(stubs):
    m = stubs.registry
    with postgres.Cluster(durable=True) as cluster:
        for services in (100, SERVICES):
            with programs.Database(cluster.url()) as database:
                fill(database, services)
                server, loading = start(database)
                try:
                    with server.channel() as channel:
                        registry = stubs.registry_grpc.RegistryStub(channel)
                        measure(server, loading, m, registry, services)
                        if services == SERVICES:
                            live_and_go(server, cluster, database, m, registry)
                finally:
                    server.stop()
