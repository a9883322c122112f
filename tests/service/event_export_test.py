"""ExportEvents: the log as a file, exact to the byte, as it was when the export began."""

import base64
import json
import os
import threading
import time

import grpc
import pytest

import observe
import programs
from event_trial import Events

DATAS = ["null", "-0", '"a"',
         ' { "b" : 1.50,\r\n "a":[1e400,\n"\\u0000\\u6587文"] }\n', '{"z":1,"a":2,"z":3}']


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    """Files of keys that seal."""
    folder = tmp_path_factory.mktemp("keys")
    lines = [f"{name} {base64.b64encode(os.urandom(32)).decode()}\n" for name in ("old", "new")]
    for name, content in (("both", lines), ("new", lines[1:])):
        (folder / name).touch(0o600)
        (folder / name).write_text("".join(content))
    return folder


@pytest.fixture(scope="module")
def server(database, keys):
    server = programs.Server(database.url, "--key-file", str(keys / "both"))
    yield server
    server.stop()


class Exporter(Events):
    """ExportEvents as a generated client sees it."""

    def start(self, space=None, **request):
        return self.stub.ExportEvents(self.m.ExportEventsRequest(**request), timeout=programs.WAIT,
                                      metadata=[("x-namespace", space)] if space else [])

    def bytes(self, **request):
        return b"".join(message.data for message in self.start(**request))

    def lines(self, **request):
        data = self.bytes(**request)
        assert data == b"" or data.endswith(b"\n")
        return [json.loads(line) for line in data.split(b"\n")[:-1]]

    def ids(self, **request):
        return [line["eventId"] for line in self.lines(**request)]

    def put(self, event, data="null", metadata=(), **fields):
        return self.stub.Publish(self.m.PublishRequest(event=event, data=data, **fields), metadata=metadata)


@pytest.fixture(scope="module")
def exporter(stubs, channel, database):
    return Exporter(stubs, channel, database)


@pytest.fixture(scope="module")
def many(exporter):
    """Ids of 2,500 events, in order; the log has them on three pages at least."""
    return exporter.publish_all([(f"many.{i % 5}", i, {}) for i in range(2500)])


def code(call):
    with pytest.raises(grpc.RpcError) as caught:
        list(call)
    return caught.value.code(), caught.value.details()


# --- what is in the file --------------------------------------------------------------------------


def test_a_line_is_made_of_the_event_alone(exporter, database):
    trace = "0af7651916cd43dd8448eb211c80319c"
    position = exporter.put("line.made", DATAS[3], event_id='id"1', key="k", group="g", metadata=[
        ("traceparent", f"00-{trace}-b7ad6b7169203331-01")]).cursor
    at = database.rows(f"SELECT event.milliseconds(time) FROM event.event WHERE position = {position}")[0][0]
    assert exporter.bytes(patterns=["line.*"]).decode() == (
        f'{{"position":"{position}","time":{at},"event":"line.made","eventId":"id\\"1","key":"k","group":"g",'
        f'"traceId":"{trace}","data": {{ "b" : 1.50, "a":[1e400,"\\u0000\\u6587文"] }}}}\n')


@pytest.mark.parametrize("data", DATAS)
def test_data_is_as_published_but_for_line_breaks(exporter, data):
    name = f"data.n{DATAS.index(data)}"
    exporter.put(name, data)
    written = exporter.bytes(patterns=[name]).decode()
    assert written.endswith(',"data":' + data.replace("\r", "").replace("\n", "") + "}\n")


def test_what_an_event_lacks_is_left_out(exporter):
    exporter.put("bare")
    line = exporter.lines(patterns=["bare"])[0]
    assert [name for name in line if name != "traceId"] == ["position", "time", "event", "eventId", "data"]


def test_who_published_is_told(exporter, database):
    position = exporter.put("authored").cursor
    database.rows("UPDATE event.event SET application = 'shop', user_name = 'ann'"
                  f" WHERE position = {position}")
    line = exporter.lines(patterns=["authored"])[0]
    assert (line["application"], line["user"]) == ("shop", "ann")
    assert list(line).index("application") < list(line).index("user") < list(line).index("data")


# --- which events ---------------------------------------------------------------------------------


def test_all_in_the_order_of_the_log(exporter, many):
    lines = exporter.lines(patterns=["many.*"])
    assert [line["eventId"] for line in lines] == many
    assert [line["data"] for line in lines] == list(range(2500))
    positions = [int(line["position"]) for line in lines]
    assert positions == sorted(positions)
    assert set(many) < set(exporter.ids())


def test_patterns_choose(exporter, many):
    assert exporter.ids(patterns=["many.1", "many.3"]) == [
        ident for i, ident in enumerate(many) if i % 5 in (1, 3)]
    assert exporter.ids(patterns=["m**"]) == many
    assert exporter.ids(patterns=["many"]) == [] and exporter.bytes(patterns=["none.?"]) == b""


def test_a_group_chooses(exporter):
    exporter.register("chosen", "chosen.*")
    first = exporter.put("chosen.one").event_id
    exporter.put("not.chosen")
    second = exporter.put("other.name", group="chosen").event_id
    exporter.put("chosen.two", group="else")
    assert exporter.ids(group="chosen") == [first, second]
    assert exporter.ids(group="chosen", patterns=["other.*"]) == [second]
    assert exporter.ids(group="nobody") == []


def test_a_broadcast_is_a_groups(exporter):
    exporter.register("loud", "loud.*", name="loud-1", broadcast=True)
    exporter.register("loud", "loud.*", name="loud-2", broadcast=True)
    assert exporter.ids(group="loud") == []
    ident = exporter.put("loud.one").event_id
    assert exporter.ids(group="loud") == [ident]


def test_namespaces_are_apart(exporter):
    ident = exporter.put("spaced", metadata=[("x-namespace", "plant")]).event_id
    assert exporter.ids(patterns=["spaced"]) == []
    assert exporter.ids(space="plant") == [ident]


def test_times_are_inclusive(exporter):
    times, idents = [], []
    for _ in range(3):
        idents.append(exporter.put("timed").event_id)
        times.append(exporter.lines(patterns=["timed"])[-1]["time"])
        observe.wait_until(lambda: time.time() * 1000 > times[-1] + 1)
    assert sorted(set(times)) == times
    for begin, end, expected in (
            (times[0], times[2], idents), (times[1], times[1], idents[1:2]),
            (times[0] + 1, times[2] - 1, idents[1:2]), (times[2] + 1, 2**62, []), (-2**63, times[0], idents[:1]),
            (-2**63, 2**63 - 1, idents), (2**63 - 1, 2**63 - 1, []), (0, 0, []), (-5, -1, [])):
        assert exporter.ids(patterns=["timed"], begin_time=begin, end_time=end) == expected
    assert exporter.ids(patterns=["timed"], begin_time=times[1]) == idents[1:]
    assert exporter.ids(patterns=["timed"], end_time=times[1]) == idents[:2]


def test_what_comes_later_is_not_in_it(exporter, many):
    stream = exporter.start(patterns=["many.*", "late"])
    first = next(stream)
    late = exporter.put("late").event_id
    rest = b"".join(message.data for message in stream)
    assert (first.data + rest).count(b"\n") == 2500
    assert exporter.ids(patterns=["late"]) == [late]


# --- how it comes ---------------------------------------------------------------------------------


def test_messages_have_whole_lines(exporter, many):
    messages = list(exporter.start())
    assert [m.content_type for m in messages] == ["application/x-ndjson"] + [""] * (len(messages) - 1)
    assert len(messages) > 3 and messages[-1].data == b""
    assert all(m.data.endswith(b"\n") for m in messages[:-1])


def test_an_empty_range_is_an_empty_file(exporter):
    messages = list(exporter.start(patterns=["none"]))
    assert [(m.content_type, m.data) for m in messages] == [("application/x-ndjson", b"")]


def test_long_events_are_on_short_pages(exporter):
    data = json.dumps("x" * 900000)
    for i in range(6):
        exporter.put("long", data, event_id=f"long-{i}")
    messages = [m for m in exporter.start(patterns=["long"]) if m.data]
    assert len(messages) == 6 and all(len(m.data) < 1000000 for m in messages)


@pytest.mark.parametrize("request_, message", [
    ({"patterns": ["a"] * 101}, "patterns: takes at most 100 patterns"),
    ({"patterns": ["a", ""]}, "patterns[1]: must have 1 to 255 bytes"),
    ({"begin_time": 2, "end_time": 1}, "beginTime: must not be after endTime")])
def test_requests_that_break_a_rule_are_refused(exporter, request_, message):
    assert code(exporter.start(**request_)) == (grpc.StatusCode.INVALID_ARGUMENT, message)


def test_months_that_are_dropped_meanwhile_are_told(exporter, database, many):
    """The first page is read, and then no other: the client takes none until the month has gone."""
    database.rows("SELECT event.make_month('event.event', '2000-01-01')")
    positions = "(event.position_at('2000-01-02') + i)"
    database.rows("INSERT INTO event.event (position, time, namespace, event_id, name, data, queues, node)"
                  f" SELECT {positions}, event.time_at({positions}), 'default', 'old-' || i, 'old',"
                  " to_json(repeat('x', 50000)), '{}', 'n' FROM generate_series(1, 2000) AS i")
    stream = exporter.start(patterns=["old"])
    assert b"old-1" in next(stream).data
    database.rows("DROP TABLE event.event_2000_01")
    status, message = code(stream)
    assert (status, message) == (grpc.StatusCode.OUT_OF_RANGE,
                                 "what follows has been dropped meanwhile: export again")


# --- sealed data ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sealed(exporter):
    exporter.register("secret", "secret.*", encrypt_stored=True)
    exporter.put("secret.one", DATAS[3], event_id="sealed-1")
    return exporter


def test_sealed_data_stays_sealed_unless_told(sealed, database):
    stored, key = database.rows("SELECT translate(encode(sealed, 'base64'), E'\\n', ''), key_id"
                                " FROM event.event WHERE event_id = 'sealed-1'")[0]
    assert key == "new"
    line = sealed.bytes(patterns=["secret.*"]).decode()
    assert line.endswith(f',"keyId":"new","sealed":"{stored}"}}\n') and '"data"' not in line
    opened = sealed.bytes(patterns=["secret.*"], decrypt=True).decode()
    assert opened.endswith(',"data":' + DATAS[3].replace("\r", "").replace("\n", "") + "}\n")
    assert "keyId" not in opened and "sealed\"" not in opened


def test_other_data_is_the_same_either_way(sealed):
    sealed.put("plain.one", "1")
    assert sealed.bytes(patterns=["plain.*"], decrypt=True) == sealed.bytes(patterns=["plain.*"])


@pytest.mark.parametrize("file", [None, "new"])
def test_a_key_that_is_missing_is_named(sealed, database, stubs, keys, file):
    database.rows("UPDATE event.event SET key_id = 'gone' WHERE event_id = 'sealed-1'")
    arguments = ["--key-file", str(keys / file)] if file else []
    other = programs.Server(database.url, *arguments)
    try:
        with other.channel() as channel:
            exporter = Exporter(stubs, channel, database)
            status, message = code(exporter.start(patterns=["secret.*"], decrypt=True))
            assert (status, message) == (grpc.StatusCode.FAILED_PRECONDITION, (
                "the server's key file has no key \"gone\" that opens the data of event \"sealed-1\""))
            assert exporter.ids(patterns=["secret.*"]) == ["sealed-1"]
    finally:
        other.stop()
        database.rows("UPDATE event.event SET key_id = 'new' WHERE event_id = 'sealed-1'")


# --- over HTTP ------------------------------------------------------------------------------------


def test_over_http_it_is_the_same_file(exporter, bridge, many):
    answer = bridge.get("/v1/event/export?patterns=many.*&patterns=line.*")
    assert answer.status == 200 and answer.headers["Content-Type"] == "application/x-ndjson"
    assert answer.body == exporter.bytes(patterns=["many.*", "line.*"])
    assert bridge.post("/v1/event/export", {"patterns": ["many.*"]}).body.count(b"\n") == 2500


def test_an_export_that_is_broken_off_ends(exporter, many):
    stream = exporter.start()
    next(stream)
    stream.cancel()
    threads = [threading.Thread(target=exporter.ids, kwargs={"patterns": ["many.*"]}) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(programs.WAIT)
    assert not any(thread.is_alive() for thread in threads)
