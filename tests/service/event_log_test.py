"""The log of applications: what an entry has, what is refused, what is found, how long it is kept."""

import datetime
import json
import time
import uuid

import grpc
import pytest

import auditing
import observe
import programs

FORMS = ("must be milliseconds since 1970, or a time such as 2026-11-22T08:30:00Z, "
         "2026-11-22T08:30:00.5+08:00 or 2026-11-22 08:30:00")
EIGHT_THIRTY = 1795336200000  # 2026-11-22T08:30:00Z
EVER = "-62135596800000"
LAST = "253402300799999"
MESSAGES = [
    '{}',
    ' { "b" : 1.50, "a" : [ 1e400, -0, 123456789012345678901234567890 ],\r\n"eventId":"%s" } ',
    '{"z":1,"eventId":"%s","a":{"y":2,"b":3}}',
    '{"text":"\\u0000\\u4e2d\\ud83d\\ude00","plain":"中😀","slash":"\\/","eventId":"%s"}',
]


class Log:
    """WriteLog and FindLog as a generated client sees them."""

    def __init__(self, stubs, channel):
        self.m, self.stubs = stubs.event, stubs
        self.stub = stubs.event_grpc.EventStub(channel)

    def write(self, message, **metadata):
        """Gives the LogEntry. message: JSON text, or what becomes it."""
        text = message if isinstance(message, str) else json.dumps(message, ensure_ascii=False)
        response = self.stub.WriteLog(self.m.WriteLogRequest(message=text), metadata=list(metadata.items()))
        assert len(response.results) == 1
        return response.results[0]

    def response(self, event_id, begin_time=EVER, end_time=LAST, columns=(), **metadata):
        return self.stub.FindLog(self.m.FindLogRequest(event_id=event_id, begin_time=begin_time,
                                                       end_time=end_time, columns=columns),
                                 metadata=list(metadata.items()))

    def find(self, *arguments, **named):
        return list(self.response(*arguments, **named).results)


@pytest.fixture(scope="module")
def shanghai(database):
    """A server whose time zone is eight hours ahead."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "Asia/Shanghai")
        server = programs.Server(database.url)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def log(stubs, shanghai):
    with shanghai.channel() as channel:
        yield Log(stubs, channel)


@pytest.fixture
def ident():
    return f"test-{uuid.uuid4()}"


def refused(log, call, *arguments, **named):
    """Field and rule."""
    with pytest.raises(grpc.RpcError) as caught:
        call(*arguments, **named)
    packed = dict(caught.value.trailing_metadata())["grpc-status-details-bin"]
    field, message = auditing.Log.field_refused(log, log.stubs.status.Status.FromString(packed))
    assert message.startswith(field + ": ")
    return field, message[len(field) + 2:]


def row(database, event_id):
    rows = database.rows("SELECT row_to_json(l) FROM (SELECT *, event.milliseconds(time) AS ms,"
                         " event.milliseconds(received_at) AS received FROM event.log) AS l"
                         f" WHERE event_id = '{event_id}'")
    assert len(rows) == 1
    return json.loads(rows[0][0])


# --- writing --------------------------------------------------------------------------------------


def test_an_entry_is_a_row_when_it_is_answered(log, shanghai, database, ident):
    trace = "0af7651916cd43dd8448eb211c80319c"
    before = time.time() * 1000 - 1
    entry = log.write({"eventId": ident, "level": "warn"}, **{
        "x-namespace": "plant", "traceparent": f"00-{trace}-b7ad6b7169203331-01"})
    found = row(database, ident)
    assert entry.event_id == ident
    assert before <= entry.time == found["ms"] == found["received"] <= time.time() * 1000 + 1
    assert found["namespace"] == "plant" and found["trace_id"] == trace
    assert found["message"] == '{"eventId": "%s", "level": "warn"}' % ident
    assert (found["user_name"], found["application"], found["roles"]) == (None, None, None)
    assert found["address"].startswith("127.0.0.1:")


@pytest.mark.parametrize("form", MESSAGES)
def test_a_message_is_kept_byte_for_byte(log, database, ident, form):
    text = form.replace("%s", ident)
    entry = log.write(text)
    assert log.find(entry.event_id) == [text]


@pytest.mark.parametrize("message", ["{}", '{"eventId":null}'])
def test_without_an_id_one_is_made(log, message):
    first, second = log.write(message), log.write(message)
    assert uuid.UUID(first.event_id).version == 7
    assert first.event_id < second.event_id
    assert log.find(first.event_id) == [message]


@pytest.mark.parametrize("event_id", ["x", "文" * 85, "a b", "\u00a0", "'\"\\"])
def test_ids_of_all_kinds_are_found(log, event_id):
    assert log.write({"eventId": event_id}).event_id == event_id
    assert log.find(event_id)


@pytest.mark.parametrize("event_id", ["", "x" * 256, "文" * 86, 17, True, [], {}, "a\0b", "a\nb", "\x7f"])
def test_ids_that_break_the_rule_are_refused(log, event_id):
    assert refused(log, log.write, {"eventId": event_id}) == (
        "message.eventId", "must be a text of 1 to 255 bytes without control characters")


@pytest.mark.parametrize("message, rule", [
    ("", "is required"), ("[]", "must be a JSON object"), ('"{}"', "must be a JSON object"),
    ("null", "must be a JSON object"), ("{", "invalid JSON at byte 1: the text ends where"),
    ('{"a":1,"a":2}', "invalid JSON at byte 7: duplicate member"),
    ('{"a":' * 65 + "1" + "}" * 65, "invalid JSON at byte 320: "),
    ('{"a":"' + "x" * (1 << 20) + '"}', "must have at most 1048576 bytes")])
def test_messages_that_break_the_rule_are_refused(log, message, rule):
    field, said = refused(log, log.write, message)
    assert field == "message" and said.startswith(rule)


def test_the_largest_message(log, database):
    text = '{"a":"' + "x" * ((1 << 20) - 8) + '"}'
    assert len(text) == 1 << 20
    assert log.find(log.write(text).event_id) == [text]


# --- times ----------------------------------------------------------------------------------------

TIMES = [
    (EIGHT_THIRTY, EIGHT_THIRTY), (str(EIGHT_THIRTY), EIGHT_THIRTY), (-1, -1),
    ("2026-11-22T08:30:00Z", EIGHT_THIRTY), ("2026-11-22 08:30:00.25Z", EIGHT_THIRTY + 250),
    ("2026-11-22T16:30:00+08:00", EIGHT_THIRTY), ("2026-11-22T16:30:00", EIGHT_THIRTY),
    ("2026-11-22 16:30:00", EIGHT_THIRTY), ("2026-11-22 16:30:00.999999", EIGHT_THIRTY + 999),
    ("2026-11-22", EIGHT_THIRTY - 59400000),
    ("0001-01-01T00:00:00Z", int(EVER)), ("9999-12-31T23:59:59.999Z", int(LAST)),
]


@pytest.mark.parametrize("given, ms", TIMES)
def test_an_entry_may_be_of_any_time(log, database, ident, given, ms):
    assert log.write({"eventId": ident, "time": given}).time == ms
    found = row(database, ident)
    assert found["ms"] == ms and abs(found["received"] - time.time() * 1000) < 600000
    assert len(log.find(ident, str(ms), str(ms))) == 1
    assert log.find(ident, EVER, str(max(ms - 1, int(EVER)))) == [] or ms == int(EVER)
    assert len(log.find(ident, str(given), str(given))) == 1


@pytest.mark.parametrize("given, ms", [("1e3", 1000), ("1000.0", 1000), ("null", None)])
def test_a_time_may_be_a_number_however_it_is_written(log, ident, given, ms):
    entry = log.write('{"eventId":"%s","time":%s}' % (ident, given))
    assert entry.time == ms or (ms is None and abs(entry.time - time.time() * 1000) < 600000)


@pytest.mark.parametrize("given", ["soon", "", 1.5, True, [1], "2026-11-22T16:30:00 +08:00", "16:30"])
def test_other_times_are_refused(log, given):
    assert refused(log, log.write, {"time": given}) == ("message.time", FORMS)
    if isinstance(given, str) and given:
        assert refused(log, log.find, "x", given) == ("beginTime", FORMS)
        assert refused(log, log.find, "x", EVER, given) == ("endTime", FORMS)


@pytest.mark.parametrize("given, rule", [
    ("2026-02-29 00:00:00", "is no time of the calendar"),
    ("253402300800000", "must be of the years 1 to 9999"),
    ("0001-01-01 00:00:00", "must be of the years 1 to 9999")])
def test_times_that_do_not_exist_are_refused(log, given, rule):
    assert refused(log, log.write, {"time": given}) == ("message.time", rule)
    assert refused(log, log.find, "x", given) == ("beginTime", rule)


# --- finding --------------------------------------------------------------------------------------


def test_the_oldest_is_first_and_equal_times_are_as_written(log, ident):
    for i, at in enumerate([30, 10, 20, 10, 20, 10]):
        log.write({"eventId": ident, "time": at, "i": i})
    assert [json.loads(m)["i"] for m in log.find(ident)] == [1, 3, 5, 2, 4, 0]
    assert [json.loads(m)["i"] for m in log.find(ident, "11", "20")] == [2, 4]


def test_it_ends_now_unless_told(log, ident):
    log.write({"eventId": ident})
    log.write({"eventId": ident, "time": int(time.time() * 1000) + 3600000})
    assert len(log.find(ident, EVER, "")) == 1
    assert len(log.find(ident)) == 2


def test_what_others_wrote_is_not_found(log, ident):
    log.write({"eventId": ident, "i": 1})
    log.write({"eventId": ident, "i": 2}, **{"x-namespace": "other"})
    log.write({"eventId": ident + "x"})
    assert [json.loads(m)["i"] for m in log.find(ident)] == [1]
    assert [json.loads(m)["i"] for m in log.find(ident, **{"x-namespace": "other"})] == [2]


@pytest.mark.parametrize("request_, refusal", [
    ({"begin_time": "0"}, ("eventId", "is required")),
    ({"event_id": "x"}, ("beginTime", "is required")),
    ({"event_id": "x", "begin_time": "2", "end_time": "1"}, ("beginTime", "must not be after endTime")),
    ({"event_id": "x", "begin_time": "9999-01-01"}, ("beginTime", "must not be after now")),
    ({"event_id": "x", "begin_time": "0", "columns": ["c"] * 257}, ("columns", "takes at most 256 names"))])
def test_requests_that_break_a_rule_are_refused(log, request_, refusal):
    assert refused(log, log.stub.FindLog, log.m.FindLogRequest(**request_)) == refusal


def test_columns_are_members_as_they_were_written(log, ident):
    log.write('{ "z" : 1.50 ,"eventId":"%s", "a":{"y" : 2, "b":[1e400]}, "":"\\u0000", "a.y":null }'
              % ident)
    log.write('{"eventId":"%s"}' % ident)
    for columns, first in (
            (["z", "eventId", "a"],
             '{"z":1.50,"eventId":"%s","a":{"y" : 2, "b":[1e400]}}' % ident),
            (["z", "", "z"], '{"z":1.50,"":"\\u0000"}'),
            (["a.y", "none"], '{"a.y":null}'), (["none"], "{}"), (["A"], "{}")):
        assert log.find(ident, columns=columns)[0] == first
    assert log.find(ident, columns=["c"] * 255 + ["eventId"]) == ['{"eventId":"%s"}' % ident] * 2


def entries(database, event_id, messages):
    """Writes them as one batch, a second after the other from 1970 on."""
    count = len(messages)
    database.rows(f"""SELECT count(*) FROM event.write_log(array_fill('default'::text, ARRAY[{count}]),
        array_fill('{event_id}'::text, ARRAY[{count}]),
        (SELECT array_agg(to_timestamp(i) ORDER BY i) FROM generate_series(0, {count - 1}) AS i),
        ARRAY[{",".join(f"'{m}'" for m in messages)}], '{{}}', '{{}}', '{{}}', '{{}}',
        array_fill('n'::text, ARRAY[{count}]), '{{}}')""")


def test_too_many_are_cut_off(log, database, ident):
    entries(database, ident, ['{"i":%d}' % i for i in range(10001)])
    response = log.response(ident)
    assert response.truncated and len(response.results) == 10000 and response.results[-1] == '{"i":9999}'
    rest = log.response(ident, "10000000")
    assert not rest.truncated and list(rest.results) == ['{"i":10000}']
    assert not log.response(ident, EVER, "9999999").truncated


def test_too_much_is_cut_off(log, database, ident):
    for i in range(4):
        log.write({"eventId": ident, "time": i, "pad": "x" * ((1 << 20) - 100)})
    response = log.response(ident)
    assert response.truncated and len(response.results) == 3
    rest = log.response(ident, "3")
    assert not rest.truncated and len(rest.results) == 1


# --- keeping --------------------------------------------------------------------------------------


def months(database):
    return [r[0] for r in database.rows("SELECT c.relname FROM pg_inherits h JOIN pg_class c ON c.oid ="
                                        " h.inhrelid WHERE h.inhparent = 'event.log'::regclass ORDER BY 1")]


def month(ahead):
    now = datetime.datetime.now(datetime.timezone.utc)
    number = now.year * 12 + now.month - 1 + ahead
    return f"log_{number // 12}_{number % 12 + 1:02}"


OWN = [month(ahead) for ahead in range(3)]


def test_months_are_made_ahead_and_dropped(log, database):
    assert months(database) == OWN
    database.rows("SELECT upkeep.make_month('event.log', '2020-02-01')")
    assert database.rows("SET ROLE junction_app; SELECT event.keep_log(0)") == [["0"]]
    assert months(database) == ["log_2020_02"] + OWN
    assert database.rows("SET ROLE junction_app; SELECT event.keep_log(30)") == [["1"]]
    assert months(database) == OWN


@pytest.mark.parametrize("days, kept", [("0", ["log_2020_02"]), ("30", [])])
def test_a_server_keeps_what_it_is_told_to_keep(database, days, kept):
    database.rows("SELECT upkeep.make_month('event.log', '2020-02-01'); DROP TABLE event." + OWN[2])
    server = programs.Server(database.url, "--event-log-days", days)
    try:
        observe.wait_until(lambda: months(database) == kept + OWN)
    finally:
        server.stop()


def test_nobody_but_the_owner_rewrites_it(log, database, ident):
    log.write({"eventId": ident})
    for role in ("junction_app", "junction_reader"):
        for sql in ("INSERT INTO event.log (namespace) VALUES ('n')", "UPDATE event.log SET message = '{}'",
                    "DELETE FROM event.log", "TRUNCATE event.log", f"DROP TABLE event.{OWN[0]}",
                    f"DELETE FROM event.{OWN[0]}"):
            with pytest.raises(RuntimeError, match="permission denied|must be owner"):
                database.rows(f"SET ROLE {role}; {sql}")
        assert database.rows(f"SET ROLE {role}; SELECT message::json ->> 'eventId' FROM event.log"
                             f" WHERE event_id = '{ident}'") == [[ident]]
    with pytest.raises(RuntimeError, match="permission denied"):
        database.rows("SET ROLE junction_reader; SELECT event.keep_log(1)")


def test_an_entry_is_found_by_an_index_however_many_there_are(database, ident):
    entries(database, "many", ['{"i":%d}' % i for i in range(5000)])
    entries(database, ident, ["{}"] * 3)
    database.rows("ANALYZE event.log")
    plan = "".join(r[0] for r in database.rows(
        "EXPLAIN (COSTS OFF) SELECT x.message FROM event.log x WHERE x.namespace = 'default'"
        f" AND x.event_id = '{ident}' AND x.time BETWEEN to_timestamp(0) AND now()"
        " ORDER BY x.time, x.number LIMIT 10001"))
    assert f"Index Scan using {OWN[0]}_pkey" in plan and f"Scan on {OWN[0]}" not in plan


def test_entries_are_counted(log, shanghai):
    def count():
        return observe.value(shanghai, "junction_event_log_entries_total")
    before = count()
    log.write("{}")
    with pytest.raises(grpc.RpcError):
        log.write("[]")
    assert count() == before + 1
