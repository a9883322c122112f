"""Subscribe without a group: the log itself, by patterns, after a cursor."""

import base64
import itertools
import tempfile
import threading

import grpc
import pytest

import observe
import programs
from event_log import Log
from event_streams import Stream
from event_trial import QUICK, Events, Fleet

OUT_OF_RANGE, UNAVAILABLE = grpc.StatusCode.OUT_OF_RANGE, grpc.StatusCode.UNAVAILABLE
NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def fleet(stubs, database):
    with Fleet(stubs, database, 2) as fleet:
        yield fleet


@pytest.fixture
def events(fleet):
    return fleet.events[0]


@pytest.fixture
def name():
    """A first level of names of its own."""
    return f"n{next(NUMBERS)}"


@pytest.fixture
def open_stream(fleet, stubs):
    opened = []

    def call(*patterns, server=0, **fields):
        stream = Stream(stubs, fleet.channels[server], *patterns, **fields)
        opened.append(stream)
        return stream.begun()
    yield call
    for stream in opened:
        stream.stop()


def put(events, name, count, **fields):
    return events.publish_all([(f"{name}.e{i}", i, fields) for i in range(count)])


def position(database, event_id):
    return database.rows(f"SELECT position FROM event.event WHERE event_id = '{event_id}'")[0][0]


def head(database):
    return database.rows("SELECT event.head()")[0][0]


# --- from where ------------------------------------------------------------------------------------

def test_from_now_on(database, events, name, open_stream):
    put(events, name, 3)
    stream = open_stream(name + ".*")
    stream.until(lambda: stream.messages)
    first = stream.messages[0]
    assert (first.event, first.event_id, first.data, first.cursor) == ("", "", "", head(database))
    ids = put(events, name, 3)
    assert [m.event_id for m in stream.wait(3)] == ids
    assert [m.cursor for m in stream.events()] == [position(database, i) for i in ids]


def test_what_it_says(database, events, name, open_stream):
    data = '{"b" : 1.000, "a":[1e2,"\\u00e4ä"] }'
    stream = open_stream(name + ".x")
    m = events.m
    sent = events.stub.Publish(
        m.PublishRequest(event=name + ".x", data=data, key="k", event_id=name, group="only this"),
        metadata=[("traceparent", f"00-{'ab' * 16}-{'cd' * 8}-01")])
    (got,) = stream.wait(1)
    ((time,),) = database.rows(
        f"SELECT event.milliseconds(time) FROM event.event WHERE position = {sent.cursor}")
    assert got == m.SubscribeResponse(event=name + ".x", event_id=name, data=data, key="k",
                                      time=int(time), cursor=sent.cursor, trace_id="ab" * 16)


def test_after_a_cursor_and_from_the_oldest(database, events, name, open_stream):
    ids = put(events, name, 2500)  # several pages
    assert open_stream(name + ".**", after="0").wait(2500)[0].event_id == ids[0]
    for at in (0, 1, 1234, 2498):
        stream = open_stream(name + ".**", after=position(database, ids[at]))
        assert [m.event_id for m in stream.wait(2499 - at)] == ids[at + 1:]
        assert all(m.event_id for m in stream.messages)
    last = open_stream(name + ".**", after=position(database, ids[-1]))
    (more,) = put(events, name, 1)
    assert last.wait(1)[0].event_id == more


def test_cursors_that_are_not_there(fleet, stubs, database, name, events):
    put(events, name, 1)
    oldest = int(database.rows("SELECT event.first_kept()")[0][0])
    for cursor, details in ((1, "after: what followed this cursor is not kept any more"),
                            (oldest - 1, "after: what followed this cursor is not kept any more"),
                            (int(head(database)) + 1, "after: the log does not reach that far")):
        stream = Stream(stubs, fleet.channels[0], "**", after=str(cursor))
        assert (stream.end(), stream.details) == (OUT_OF_RANGE, details)
    with Stream(stubs, fleet.channels[0], name + ".**", after=str(oldest)) as stream:
        stream.wait(1)


def test_a_stream_that_waits_needs_nothing_that_is_dropped(cluster_url, stubs):
    """Its cursor is in a month that goes, but it had all there was."""
    with programs.Database(cluster_url) as database:
        database.rows("INSERT INTO auth.first_start DEFAULT VALUES")
        # Events of the month before, which is then dropped.
        database.rows("SELECT event.make_month('event.event', (date_trunc('month', now()) - "
                      "interval '1 month')::date); INSERT INTO event.event (position, time, namespace, "
                      "event_id, name, data, queues, node) SELECT event.position_at(t) + i, t, 'default', "
                      "'old' || i, 'old', '1', '{}', 'n' FROM (SELECT date_trunc('month', now()) - "
                      "interval '1 day') AS x (t), generate_series(1, 3) AS i")
        server = programs.Server(database.url, *QUICK)
        with server.channel() as channel:
            events = Events(stubs, channel, database)
            with Stream(stubs, channel, "**", after="0") as waits:
                waits.wait(3)
                cursor = waits.messages[1].cursor
                month = database.rows("SELECT min(inhrelid::regclass::text) FROM pg_inherits "
                                      "WHERE inhparent = 'event.event'::regclass")[0][0]
                database.rows(f"DROP TABLE {month}")
                assert Stream(stubs, channel, "**", after=cursor).end() == OUT_OF_RANGE
                (event_id,) = put(events, "new", 1)
                assert waits.wait(4)[3].event_id == event_id
        server.stop()


# --- which ones ------------------------------------------------------------------------------------

def test_patterns_and_namespaces(events, name, open_stream, stubs, fleet):
    streams = {patterns: open_stream(*patterns) for patterns in (
        (name + ".a.*",), (name + ".**",), (name + ".a.b", name + ".?"), (name + ".a.*", name + ".a.b"))}
    elsewhere = open_stream(name + ".**", space="elsewhere")
    ids = {}
    for event in (".a.b", ".a.c", ".b", ".a.b.c", ".x"):
        ids[event] = events.publish(name + event).event_id
    ids["end"] = events.publish_all([(name + e, None, {}) for e in (".a.b",)])[0]
    other = events.stub.Publish(events.m.PublishRequest(event=name + ".a.b"),
                                metadata=[("x-namespace", "elsewhere")]).event_id
    wanted = [(".a.b", ".a.c"), (".a.b", ".a.c", ".b", ".a.b.c", ".x"), (".a.b", ".b", ".x"),
              (".a.b", ".a.c")]
    for stream, events_ in zip(streams.values(), wanted):
        assert [m.event_id for m in stream.wait(len(events_) + 1)] == [
            ids[e] for e in (*events_, "end")]
    assert [m.event_id for m in elsewhere.wait(1)] == [other]


def test_much_that_is_not_wanted_moves_the_cursor(database, name, open_stream):
    stream = open_stream(name + ".wanted")
    stream.until(lambda: stream.messages)
    database.rows(
        "SELECT count(*) FROM (SELECT array_agg(i::text) AS t, array_agg('x.y'::text) AS n, "
        f"array_agg('{name}-' || i) AS ids FROM generate_series(1, 10500) AS i) g, "
        "LATERAL event.append(g.ids, array_fill(false, ARRAY[10500]), "
        "array_fill((SELECT value FROM event.revision), ARRAY[10500]), "
        "array_fill('default'::text, ARRAY[10500]), g.n, g.t, array_fill(NULL::bytea, ARRAY[10500]), "
        "array_fill(NULL::text, ARRAY[10500]), array_fill(NULL::text, ARRAY[10500]), "
        "array_fill(NULL::text, ARRAY[10500]), array_fill('{}'::text, ARRAY[10500]), "
        "array_fill(NULL::bytea, ARRAY[10500]), array_fill(NULL::text, ARRAY[10500]), "
        "array_fill(NULL::text, ARRAY[10500]), array_fill(NULL::text, ARRAY[10500]), "
        "array_fill('n'::text, ARRAY[10500]), array_fill(NULL::text, ARRAY[10500]))")
    stream.until(lambda: len(stream.messages) == 2)
    first, second = stream.messages
    assert second.event_id == "" and int(first.cursor) < int(second.cursor) <= int(head(database))


def test_large_events_in_small_pages(events, name, open_stream):
    stream = open_stream(name + ".**")
    ids = []
    for _ in range(4):
        ids += events.publish_all([(name + ".x", "x" * 700_000, {})] * 5)
    assert [m.event_id for m in stream.wait(20)] == ids
    assert all(len(m.data) == 700_002 for m in stream.events())
    again = open_stream(name + ".**", after="0")
    assert [m.event_id for m in again.wait(20)] == ids


def test_sealed_data_is_opened(stubs, database, name):
    log = Log(database)
    log.subscription(name, patterns=[name + ".**"])
    database.rows(f"UPDATE event.subscription SET encrypt_stored = true WHERE patterns = '{{{name}.**}}'")
    with tempfile.NamedTemporaryFile("w", suffix=".keys") as keys:
        keys.write("k1 " + base64.b64encode(b"k" * 32).decode() + "\n")
        keys.flush()
        knows = programs.Server(database.url, *QUICK, "--key-file", keys.name)
        without = programs.Server(database.url, *QUICK)
        with knows.channel() as one, without.channel() as other:
            events = Events(stubs, one, database)
            streams = [Stream(stubs, one, name + ".**"), Stream(stubs, other, name + ".**"),
                       Stream(stubs, one, name + ".**", group=name)]
            for stream in streams:
                stream.begun()
            ids = [events.publish(name + ".x", {"secret": 1}).event_id]
            assert database.rows(f"SELECT data IS NULL FROM event.event WHERE event_id = '{ids[0]}'") == [
                ["t"]]
            assert [s.wait(1)[0].data for s in streams] == ['{"secret": 1}', "null", '{"secret": 1}']
            for stub, data in ((events.stub, '{"secret": 1}'),
                               (stubs.event_grpc.EventStub(other), "null")):
                assert stub.Pull(events.m.PullRequest(event_id=ids[0])).data == data
            for stream in streams:
                stream.stop()
        knows.stop()
        without.stop()


# --- nothing lost, nothing twice -------------------------------------------------------------------

def test_what_other_servers_publish(events, fleet, name, open_stream):
    stream = open_stream(name + ".**", server=1)
    ids = []
    for i in range(30):
        ids.append(fleet.events[i % 2].publish(f"{name}.{i}").event_id)
    assert [m.event_id for m in stream.wait(30)] == ids


def test_writers_at_two_servers(database, fleet, name, open_stream):
    """Each sees all of it, in the order of the log, and all the same."""
    streams = [open_stream(name + ".**", server=i % 2) for i in range(4)]

    def write(i):
        for _ in range(10):
            put(fleet.events[i % 2], name, 20)
    writers = [threading.Thread(target=write, args=(i,)) for i in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    logged = [row[0] for row in database.rows(
        f"SELECT event_id FROM event.event WHERE name LIKE '{name}.%' ORDER BY position")]
    assert len(logged) == 800
    for stream in streams:
        assert [m.event_id for m in stream.wait(800)] == logged
        cursors = [int(m.cursor) for m in stream.messages]
        assert cursors == sorted(cursors)


def test_across_restarts(stubs, database, name):
    """A client that comes back with its last cursor, while others publish."""
    stopping, failures = threading.Event(), []
    with Fleet(stubs, database, 2) as fleet:
        def write():
            try:
                while not stopping.is_set():
                    put(fleet.events[1], name, 5)
            except Exception as error:  # noqa: BLE001, looked at below
                failures.append(error)
        writer = threading.Thread(target=write)
        stream = Stream(stubs, fleet.channels[0], name + ".**").begun()
        stream.until(lambda: stream.messages)
        writer.start()
        seen, cursor = [], ""
        for kill in (False, True, False):
            stream.wait(20)
            fleet.kill(0) if kill else fleet.stop(0)
            assert stream.end() == UNAVAILABLE or stream.code == grpc.StatusCode.CANCELLED, stream.code
            seen += stream.ids()
            cursor = stream.messages[-1].cursor
            fleet.start(0)
            stream = Stream(stubs, fleet.channels[0], name + ".**", after=cursor)
        stream.wait(20)
        stopping.set()
        writer.join()
        assert not failures
        logged = [row[0] for row in database.rows(
            f"SELECT event_id FROM event.event WHERE name LIKE '{name}.%' ORDER BY position")]
        stream.until(lambda: len(seen) + len(stream.ids()) >= len(logged))
        assert seen + stream.ids() == logged
        stream.stop()


def test_one_that_is_read_too_slowly(stubs, database, name):
    server = programs.Server(database.url, *QUICK, "--watch-patience-ms", "500")
    with server.channel() as channel, server.channel() as other:
        events = Events(stubs, channel, database)
        lazy = Stream(stubs, other, name + ".**", lazy=True).begun()
        ids = [i for _ in range(7) for i in events.publish_all([(name + ".n", "x" * 500_000, {})] * 6)]
        observe.wait_until(lambda: observe.value(
            server, "junction_rpc_calls_total", method="junction.v1.Event/Subscribe",
            code="RESOURCE_EXHAUSTED"))
        lazy.read()
        assert lazy.end() == grpc.StatusCode.RESOURCE_EXHAUSTED
        assert "read too slowly" in lazy.details
        with Stream(stubs, channel, name + ".**", after=lazy.messages[-1].cursor) as again:
            again.until(lambda: len(again.ids()) + len(lazy.ids()) >= 42)
            assert lazy.ids() + again.ids() == ids
    server.stop()
