"""Export: a range as a file, exact to the byte, as the log was when it began, however long it is."""

import csv
import datetime
import http.client
import io
import json

import grpc
import pytest

import audit_log
import auditing
import observe
import postgres
import programs

ROWS = [
    {"content": "泵 3 started", "severity": "error", "optType": -7, "resultType": 2, "user": "ann",
     "application": "app", "address": "10.0.0.1:5", "roles": ["op", 'q"\\,'], "eventTime": -1,
     "target": "tower", "traceId": "0af7", "ext": '{"a" : {"b":[1.0,2e1,\n"x"],\r\n"c":{}},\t"t":true}'},
    {"content": '=1+1, "quoted"\nsecond line\r\n\x01\x7f\u2028', "eventTime": -62135596800000},
    {"content": " @plain "},
]
NAMES = ["id", "time", "optType", "resultType", "content", "sourceNode", "namespace", "severity", "user",
         "application", "address", "roles", "node", "eventTime", "target", "traceId", "ext"]


class Exporter:
    """Export as a generated client sees it."""

    def __init__(self, channel, stubs):
        self.stubs, self.m = stubs, stubs.audit
        self.stub = stubs.audit_grpc.AuditStub(channel)

    def start(self, given=None, **request):
        request = self.m.ExportRequest(**request)
        if given is not None:
            request.filter.CopyFrom(audit_log.filter_message(self.stubs, given))
        return self.stub.Export(request, timeout=programs.WAIT)

    def bytes(self, given=None, **request):
        return b"".join(message.data for message in self.start(given, **request))

    def records(self, given=None, **request):
        data = self.bytes(given, **request)
        assert data == b"" or data.endswith(b"\n")
        return [json.loads(line) for line in data.split(b"\n")[:-1]]

    def progress(self, message):
        progress = self.m.ExportProgress()
        assert len(message.extensions) == 1 and message.extensions[0].Unpack(progress)
        return progress


@pytest.fixture(scope="module")
def server(database):
    server = programs.Server(database.url, "--lock-timeout-ms", "2000")
    yield server
    server.stop()


@pytest.fixture(scope="module")
def exporter(channel, stubs):
    return Exporter(channel, stubs)


@pytest.fixture(scope="module")
def written(database, server):
    """Their ids; what they have in namespace "few"."""
    return audit_log.append(database, [{"namespace": "few", **row} for row in ROWS])


FEW = audit_log.expr("namespace", "Equal", "few")
MANY = audit_log.expr("namespace", "Equal", "many")


@pytest.fixture(scope="module")
def many(database, server):
    for first in range(0, 3000, 500):
        audit_log.append(database, [{"namespace": "many", "content": f"number {i}", "optType": i}
                                    for i in range(first, first + 500)])


@pytest.fixture(scope="module")
def long(database, server):
    """60 MB."""
    for _ in range(20):
        audit_log.append(database, [{"namespace": "long", "content": "x" * 60000}] * 50)


LONG = audit_log.expr("namespace", "Equal", "long")


# --- what is in the file --------------------------------------------------------------------------


def test_a_line_is_made_of_the_row_alone(exporter, database, written):
    row = auditing.rows(database, f"id = '{written[0]}'")[0]
    assert exporter.bytes(FEW).split(b"\n")[0].decode() == (
        f'{{"id":"{row["id"]}","time":{row["time"]},"optType":-7,"resultType":2,'
        '"content":"泵 3 started","sourceNode":"s","namespace":"few","severity":"error","user":"ann",'
        '"application":"app","address":"10.0.0.1:5","roles":["op","q\\"\\\\,"],"node":"test-1",'
        '"eventTime":-1,"target":"tower","traceId":"0af7",'
        '"ext":{"a" : {"b":[1.0,2e1,"x"],"c":{}},\t"t":true}}')


def test_every_server_gives_the_same_bytes(exporter, database, written, many, stubs):
    server = programs.Server(database.url)
    try:
        with server.channel() as channel:
            other = Exporter(channel, stubs)
            for filter_ in (FEW, MANY):
                assert other.bytes(filter_) == exporter.bytes(filter_)
    finally:
        server.stop()


def test_what_a_record_lacks_is_left_out(exporter, written):
    assert [list(record) for record in exporter.records(FEW)] == [NAMES] + [
        [name for name in NAMES if name not in (
            "user", "application", "address", "roles", "target", "traceId", "ext") + without]
        for without in ((), ("eventTime",))]
    assert [record["content"] for record in exporter.records(FEW)] == [row["content"] for row in ROWS]


def test_csv_is_what_a_reader_of_csv_reads(exporter, database, written):
    data = exporter.bytes(FEW, format="EXPORT_FORMAT_CSV").decode()
    assert data.startswith(",".join(NAMES) + "\r\n") and data.endswith("\r\n")
    read = list(csv.DictReader(io.StringIO(data, newline="")))
    assert [row["id"] for row in read] == written
    assert [row["content"] for row in read] == [row["content"] for row in ROWS]
    first = auditing.rows(database, f"id = '{written[0]}'")[0]
    assert datetime.datetime.fromisoformat(read[0]["time"]).timestamp() * 1000 == first["time"]
    assert [row["eventTime"] for row in read] == [
        "1969-12-31T23:59:59.999Z", "0001-01-01T00:00:00.000Z", ""]
    assert (json.loads(read[0]["roles"]), read[1]["roles"]) == (ROWS[0]["roles"], "")
    assert (read[0]["ext"], read[2]["ext"]) == (ROWS[0]["ext"], "")


def test_fields_may_be_picked(exporter, written):
    assert exporter.records(FEW, fields=["severity", "message", "ext.a.c", "ext.t", "ext.x"])[0] == {
        "content": ROWS[0]["content"], "severity": "error", "ext": {"a": {"c": {}}, "t": True}}
    assert exporter.bytes(FEW, fields=["user", "optType"], format="EXPORT_FORMAT_CSV") == (
        b"optType,user\r\n-7,ann\r\n1,\r\n1,\r\n")
    assert exporter.bytes(FEW, fields=["user"], format="EXPORT_FORMAT_CSV") == (
        b'user\r\nann\r\n""\r\n""\r\n')


@pytest.mark.parametrize("form, head, kind", [
    ("NDJSON", b"", "application/x-ndjson"),
    ("CSV", b"id,content\r\n", "text/csv; charset=utf-8")])
def test_an_empty_range_is_an_empty_file(exporter, written, form, head, kind):
    for range_ in ({"start_time": 1, "end_time": 2}, {"start_time": 2**62, "end_time": 2**61}):
        messages = list(exporter.start(fields=["id", "content"], format=f"EXPORT_FORMAT_{form}", **range_))
        assert b"".join(message.data for message in messages) == head
        assert [message.content_type for message in messages if message.content_type] == [kind]
        assert messages[0].content_type == kind
        progress = exporter.progress(messages[-1])
        assert (progress.records, progress.part) == (0, 1)


# --- which records --------------------------------------------------------------------------------


def test_all_are_there_once_in_either_order(exporter, many):
    oldest_first = [record["optType"] for record in exporter.records(MANY)]
    assert oldest_first == list(range(3000))
    assert [record["optType"] for record in exporter.records(
        MANY, start_time=2**62, end_time=0, fields=["optType"])] == oldest_first[::-1]


def test_the_range_is_inclusive(exporter, database, many):
    rows = auditing.rows(database, "namespace = 'many'")
    first, last = rows[0]["time"], rows[-1]["time"]
    for start, end in ((first, last), (last, first)):
        assert len(exporter.records(MANY, start_time=start, end_time=end)) == 3000
    between = [row["opt_type"] for row in rows if first < row["time"] < last]
    assert [record["optType"] for record in exporter.records(
        MANY, start_time=first + 1, end_time=last - 1)] == between


def test_what_is_written_meanwhile_is_not_in_it(exporter, database, long):
    messages = exporter.start(fields=["id", "content"])
    lines = next(messages).data
    late = audit_log.append(database, [{"content": "late"}])
    lines += b"".join(message.data for message in messages)
    ids = [json.loads(line)["id"] for line in lines.splitlines()]
    before = [row[0] for row in database.rows("SELECT id FROM audit.record ORDER BY time, position")]
    assert late[0] not in ids and ids == before[:len(ids)]
    assert late[0] in [record["id"] for record in exporter.records(fields=["id"])]


@pytest.mark.parametrize("request_, field", [
    ({"fields": ["id", "ext.a", "ext.a..b"]}, "fields[2]"), ({"fields": ["ext."]}, "fields[0]"),
    ({"fields": ["opt_type"]}, "fields[0]"), ({"fields": ["id"] * 257}, "fields"),
    ({"format": 3}, "format"), ({"given": audit_log.expr("id", "Equal", "x")}, "filter.expr[0].value[0]")])
def test_what_is_wrong_is_refused_by_its_path(exporter, channel, stubs, database, request_, field):
    log = auditing.Log(stubs, channel, database)
    before = len(database.rows("SELECT FROM audit.record"))
    with pytest.raises(grpc.RpcError) as caught:
        list(exporter.start(**request_))
    assert log.field_refused(log.status(caught.value))[0] == field
    assert len(database.rows("SELECT FROM audit.record")) == before


# --- on the way -----------------------------------------------------------------------------------


def test_an_export_is_recorded_before_it_begins(exporter, database, written):
    database.rows("ALTER TABLE audit.record ADD CONSTRAINT nobody CHECK (namespace <> 'junction.audit')"
                  " NOT VALID")
    try:
        with pytest.raises(grpc.RpcError):
            next(exporter.start(FEW))
    finally:
        database.rows("ALTER TABLE audit.record DROP CONSTRAINT nobody")
    next(messages := exporter.start(FEW, fields=["id"], start_time=5))
    row = auditing.rows(database, "namespace = 'junction.audit'")[-1]
    assert (row["content"], row["opt_type"], row["severity"]) == ("export began", 2, "notice")
    assert json.loads(row["ext"]) == {"request": {
        "startTime": 5, "filter": {"expr": [{
            "field": "namespace", "operator": "Equal", "value": ["few"]}]}, "fields": ["id"]}}
    messages.cancel()


@pytest.mark.parametrize("start, end", [(None, None), (2**62, 0)])
def test_each_message_tells_how_far_it_is(exporter, many, start, end):
    messages = list(exporter.start(MANY, start_time=start, end_time=end))
    told = [exporter.progress(message) for message in messages]
    seen = 0
    for message, progress in zip(messages, told):
        assert not message.data or message.data.endswith(b"\n")
        seen += message.data.count(b"\n")
        assert progress.records == seen
    assert [p.part for p in told] == sorted(p.part for p in told)
    assert 0 <= told[0].part < 1 and told[-1].part == 1
    assert [bool(message.content_type) for message in messages] == [True] + [False] * (len(told) - 1)
    assert len(told) > 3


def test_memory_does_not_grow_with_it(database, stubs, long, many):
    small = programs.Server(database.url, "--call-memory-limit", str(1 << 20))
    try:
        with small.channel() as channel:
            exporter = Exporter(channel, stubs)
            list(exporter.start(MANY))  # what a first, short one takes is no growth
            size, before, most = 0, observe.rss(small), 0
            for message in exporter.start(LONG):
                size += len(message.data)
                most = max(most, observe.rss(small))
            assert size > 60_000_000
            assert most - before < 20_000_000 or not observe.is_plain(small)
    finally:
        small.stop()


def test_a_failure_on_the_way_is_no_whole_file(exporter, database, bridge, long):
    body = json.dumps({"filter": {"expr": [
        {"field": "namespace", "operator": "Equal", "value": "long"}]}})
    messages = exporter.start(LONG)
    next(messages)
    connection = http.client.HTTPConnection(bridge.address, timeout=programs.WAIT)
    connection.request("POST", "/v1/audit/export", body)
    answer = connection.getresponse()
    assert answer.status == 200 and answer.read(1000)
    with postgres.Session(database.url) as session:
        session.run("BEGIN; LOCK TABLE audit.record IN ACCESS EXCLUSIVE MODE;")
        with pytest.raises(grpc.RpcError) as caught:
            list(messages)
        assert caught.value.code() == grpc.StatusCode.ABORTED
        with pytest.raises((http.client.IncompleteRead, ConnectionError)):
            answer.read()
    connection.close()


# --- over HTTP ------------------------------------------------------------------------------------


def test_over_http_it_is_a_file(exporter, bridge, written):
    want = exporter.bytes(FEW)
    filter_ = {"expr": [{"field": "namespace", "operator": "Equal", "value": "few"}]}
    answer = bridge.post("/v1/audit/export", {"filter": filter_})
    assert (answer.status, answer.headers["Content-Type"], answer.body) == (
        200, "application/x-ndjson", want)
    answer = bridge.get("/v1/audit/export?startTime=1&endTime=2&format=EXPORT_FORMAT_CSV&fields=id")
    assert (answer.status, answer.headers["Content-Type"], answer.body) == (
        200, "text/csv; charset=utf-8", b"id\r\n")
    answer = bridge.get("/v1/audit/export?fields=nothing")
    assert answer.status == 400 and "fields[0]" in answer.json()["message"]


def test_who_leaves_ends_it(exporter, database, server, many):
    messages = exporter.start()
    next(messages)
    messages.cancel()
    observe.wait_until(lambda: not database.rows(
        "SELECT FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%audit.record%'"
        " AND pid <> pg_backend_pid()"))
    assert exporter.records(FEW, fields=["id"]) is not None
