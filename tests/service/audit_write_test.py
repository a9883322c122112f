"""Writing into the audit log, one record at a time: what a row has, what is refused, what an
Idempotency-Key does."""

import json
import threading
import time
import uuid

import grpc
import pytest

import audit_rules
import auditing
import observe
import programs

EXTS = [
    '{}',
    ' { "b" : 1.50, "a" : [ 1e400, -0, 123456789012345678901234567890 ] } ',
    '{"z":1,"a":{"y":2,"b":3}}',
    '{"text":"\\u0000\\u4e2d\\ud83d\\ude00","plain":"中😀","slash":"\\/"}',
    '{"a":"\\"}{,\\\\"}',
]


@pytest.fixture(scope="module")
def log(stubs, channel, database):
    log = auditing.Log(stubs, channel, database)
    # The server's own record, of its key at the first start.
    observe.wait_until(lambda: log.rows("content = 'party_key added'"))
    return log


def refused(log, **fields):
    """Field and message."""
    with pytest.raises(grpc.RpcError) as caught:
        log.write(**fields)
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    return log.field_refused(log.status(caught.value))


# --- what is written ------------------------------------------------------------------------------


def test_a_record_is_a_row_when_it_is_answered(log):
    trace = "0af7651916cd43dd8448eb211c80319c"
    before = time.time() * 1000
    result = log.write("泵 3 started\n", target="pump 3", ext='{"a":1}', event_time=-62135596800000,
                       opt_type=-2147483648, result_type=2147483647,
                       metadata=[("traceparent", f"00-{trace}-b7ad6b7169203331-01")])
    row = log.row(result)
    assert uuid.UUID(result.id).version == 7
    assert before - 1 <= result.time <= time.time() * 1000
    assert not result.repeated
    assert row.pop("address").startswith("127.0.0.1:")
    assert row.pop("node").rpartition("-")[2].isdigit()
    assert row.pop("batch") == row.pop("position")
    assert row == {
        "id": result.id, "time": result.time, "event_time": -62135596800000,
        "opt_type": -2147483648, "result_type": 2147483647, "severity": "info",
        "namespace": "plant", "source_node": "plc-7", "content": "泵 3 started\n",
        "target": "pump 3", "user": None, "application": None, "roles": None, "trace_id": trace,
        "ext": '{"a":1}'}


def test_what_is_left_out_or_empty_is_null(log):
    for fields in ({}, {"target": "", "ext": "", "idempotency_key": ""}):
        row = log.row(log.write(**fields))
        assert [row[name] for name in ("event_time", "target", "ext")] == [None] * 3
    assert log.row(log.write(event_time=0))["event_time"] == 0


def test_the_bridge_says_who_called(log, bridge):
    answer = bridge.post("/mw/v1/audit/write", {
        "optType": 1, "resultType": "0", "message": "by HTTP", "sourceNode": "n",
        "namespace": "plant", "severity": 4, "ext": {"b": 1.50, "a": [1, 2]}})
    assert answer.status == 200, answer
    row = log.rows(f"id = '{answer.json()['results'][0]['id']}'")[0]
    assert row["address"].startswith("127.0.0.1:") and row["address"] != bridge.address
    assert (row["severity"], row["content"]) == ("warning", "by HTTP")
    assert json.loads(row["ext"]) == {"b": 1.5, "a": [1, 2]}


@pytest.mark.parametrize("ext", EXTS)
def test_ext_keeps_its_bytes(log, ext):
    assert log.row(log.write(ext=ext))["ext"] == ext


def test_severities_come_as_words_and_numbers(log):
    for number, word in enumerate(audit_rules.SEVERITIES):
        for given in (str(number), word, word.upper()):
            assert log.row(log.write(severity=given))["severity"] == word


def test_texts_may_be_as_long_as_said(log):
    content = "界" * 21845 + "x"
    row = log.row(log.write(content, source_node="n" * 255, namespace="s" * 255, target="t" * 1024,
                            ext='{"a":"' + "e" * 65528 + '"}', idempotency_key="k" * 255))
    assert (row["content"], len(row["target"]), len(row["ext"])) == (content, 1024, 65536)


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize("field, message, fields", [
    ("optType", "is required", {"opt_type": None}),
    ("resultType", "is required", {"result_type": None}),
    ("content", "is required", {"content": ""}),
    ("sourceNode", "is required", {"source_node": ""}),
    ("namespace", "is required", {"namespace": ""}),
    ("severity", "is required", {"severity": ""}),
    ("content", "must have at most 65536 bytes", {"content": "界" * 21846}),
    ("sourceNode", "must have at most 255 bytes", {"source_node": "n" * 256}),
    ("namespace", "must have at most 255 bytes", {"namespace": "n" * 256}),
    ("namespace", "is the server's own", {"namespace": "junction.audit"}),
    ("severity", "must be debug, info, notice, warning, error, critical, alert, emergency or a "
     "number from 7 to 0", {"severity": "8"}),
    ("eventTime", "must be milliseconds of the years 1 to 9999", {"event_time": 253402300800000}),
    ("target", "must have at most 1024 bytes", {"target": "t" * 1025}),
    ("ext", "must have at most 65536 bytes", {"ext": '{"a":"' + "e" * 65529 + '"}'}),
    ("ext", "must be a JSON object", {"ext": "[1]"}),
    ("ext", 'invalid JSON at byte 7: duplicate member "a"', {"ext": '{"a":1,"a":1}'}),
    ("idempotencyKey", "must have at most 255 bytes", {"idempotency_key": "k" * 256}),
])
def test_a_field_that_breaks_its_rule_is_named(log, field, message, fields):
    before = log.rows()
    assert refused(log, **fields) == (field, f"{field}: {message}")
    assert log.rows() == before


def test_a_text_with_nul_is_refused(log):
    for field in ("content", "target", "idempotency_key"):
        with pytest.raises(grpc.RpcError) as caught:
            log.write(**{field: "a\0b"})
        assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
        assert field in caught.value.details()


# --- idempotency ----------------------------------------------------------------------------------


def key():
    return uuid.uuid4().hex


def test_the_same_again_gets_the_first_row(log):
    k = key()
    first = log.write(idempotency_key=k)
    for _ in range(3):
        again = log.write(idempotency_key=k)
        assert (again.id, again.time, again.repeated) == (first.id, first.time, True)
    log.row(first)
    assert not first.repeated
    assert len(log.database.rows(f"SELECT 1 FROM audit.idempotency WHERE key = '{k}'")) == 1


def test_the_key_comes_as_a_header_too(log, bridge):
    body = {"optType": 1, "resultType": 0, "content": "c", "sourceNode": "n", "namespace": "plant",
            "severity": "info"}
    k = key()
    first, again = (bridge.post("/mw/v1/audit/write", body, {"Idempotency-Key": k}).json()
                    for _ in range(2))
    assert first["results"][0]["id"] == again["results"][0]["id"]
    assert again["results"][0]["repeated"]
    assert bridge.post("/mw/v1/audit/write", {**body, "content": "d"},
                       {"Idempotency-Key": k}).status == 409


def test_another_record_with_the_key_is_a_conflict(log):
    k = key()
    first = log.write(idempotency_key=k)
    for fields in ({"content": "other"}, {"event_time": 0}, {"opt_type": 2}, {"ext": "{}"}):
        with pytest.raises(grpc.RpcError) as caught:
            log.write(idempotency_key=k, **fields)
        assert caught.value.code() == grpc.StatusCode.ALREADY_EXISTS
        assert caught.value.details() == "idempotencyKey: has written another record"
    assert log.write(idempotency_key=k).id == first.id


def test_a_key_that_has_expired_is_as_good_as_new(log):
    k = key()
    first = log.write(idempotency_key=k)
    log.database.rows("UPDATE audit.idempotency SET expires_at = time "
                      f"WHERE key = '{k}'")
    second = log.write("other", idempotency_key=k)
    assert second.id != first.id and not second.repeated
    assert log.write("other", idempotency_key=k).id == second.id


def test_keys_count_as_long_as_the_option_says(log, database):
    k = key()
    server = programs.Server(database.url, "--idempotency-hours", "3")
    try:
        with server.channel() as channel:
            auditing.Log(log.stubs, channel, database).write(idempotency_key=k)
    finally:
        server.stop()
    assert database.rows("SELECT expires_at - time FROM audit.idempotency "
                         f"WHERE key = '{k}'") == [["03:00:00"]]


def test_a_key_at_two_servers_at_once_writes_once(log, database):
    server = programs.Server(database.url)
    keys = [key() for _ in range(40)]
    results = {}

    def write_all(name, writer):
        results[name] = [writer.write(idempotency_key=k) for k in keys]
    try:
        with server.channel() as channel:
            threads = [threading.Thread(target=write_all, args=(name, writer))
                       for name, writer in enumerate([
                           log, log, *[auditing.Log(log.stubs, channel, database)] * 2])]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
    finally:
        server.stop()
    for same in zip(*(results[name] for name in range(4))):
        assert len({(r.id, r.time) for r in same}) == 1
        assert sorted(r.repeated for r in same) == [False, True, True, True]
        log.row(same[0])


# --- what is kept ---------------------------------------------------------------------------------


@pytest.fixture
def old_month(database):
    database.rows("SELECT upkeep.make_month('audit.record', '2020-01-01')")
    yield lambda: database.rows("SELECT 1 FROM pg_class WHERE relname = 'record_2020_01'")
    database.rows("DROP TABLE IF EXISTS audit.record_2020_01")


def test_records_are_kept_as_long_as_the_option_says(database, old_month):
    server = programs.Server(database.url, "--audit-days", "31")
    observe.wait_until(lambda: not old_month())
    server.stop()


def test_records_are_kept_for_ever_otherwise(database, old_month):
    """The month after next is made again in the same transaction."""
    last = "SELECT max(relname) FROM pg_class WHERE relname LIKE 'record_20%' AND relkind = 'r'"
    name = database.rows(last)[0][0]
    database.rows(f"DROP TABLE audit.{name}")
    server = programs.Server(database.url)
    observe.wait_until(lambda: database.rows(last) == [[name]])
    server.stop()
    assert old_month()


def test_keys_that_have_expired_are_forgotten(database):
    database.rows("INSERT INTO audit.idempotency SELECT 'old', 'old ' || i, '', gen_random_uuid(), "
                  "now() - interval '1 day', now() FROM generate_series(1, 12000) AS i")
    server = programs.Server(database.url)
    observe.wait_until(lambda: not database.rows(
        "SELECT 1 FROM audit.idempotency WHERE application = 'old' LIMIT 1"))
    server.stop()


# --- reads of the log -----------------------------------------------------------------------------


def test_of_a_long_request_the_beginning_is_recorded(log):
    values = ['"%s"' % ("界" * 300) for _ in range(100)]
    condition = log.m.FilterExpr(field="content", operator="InList", value=values)
    log.stub.Find(log.m.FindRequest(start_time=0, end_time=2**53,
                                    filter=log.m.Filter(expr=[condition])))
    row = log.rows("namespace = 'junction.audit'")[-1]
    ext = json.loads(row["ext"])
    assert set(ext) == {"request", "records"}
    assert 29990 < len(ext["request"].encode()) < 30010
    assert ext["request"].startswith('{"startTime":0,')
    assert (row["opt_type"], row["severity"], row["source_node"]) == (1, "notice", row["node"])


def test_an_export_is_recorded_when_it_begins(log):
    list(log.stub.Export(log.m.ExportRequest(end_time=1)))
    row = log.rows("namespace = 'junction.audit'")[-1]
    assert (row["opt_type"], row["content"], row["ext"]) == (
        2, "export began", '{"request":{"endTime":1}}')


# --- how many -------------------------------------------------------------------------------------


def test_records_are_counted_by_what_came_of_them(log, server):
    def counts():
        metrics = observe.Metrics(server)
        return [metrics.value("junction_audit_records_total", outcome=outcome)
                for outcome in ("written", "repeated", "refused")]
    k, before = key(), counts()
    for content in ("a", "a", "b"):
        auditing.code_of(log.write, content, idempotency_key=k)
    auditing.code_of(log.write, "")
    assert [after - b for after, b in zip(counts(), before)] == [1, 1, 2]
