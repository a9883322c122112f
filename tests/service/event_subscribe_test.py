"""Subscribe with a group: deliveries as a stream, shared, in order, as many as may be in flight."""

import itertools

import grpc
import pytest

import event_tables
import observe
import programs
from event_log import Log
from event_streams import Stream, wait_together
from event_trial import QUICK, Events, Fleet

INVALID, PRECONDITION, EXISTS, ABORTED, EXHAUSTED, UNAVAILABLE = (
    grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.FAILED_PRECONDITION,
    grpc.StatusCode.ALREADY_EXISTS, grpc.StatusCode.ABORTED, grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.UNAVAILABLE)
NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def fleet(stubs, database):
    with Fleet(stubs, database, 2) as fleet:
        yield fleet


@pytest.fixture
def events(fleet):
    return fleet.events[0]


@pytest.fixture
def group():
    """A group, and a first level of names, of its own."""
    return f"g{next(NUMBERS)}"


@pytest.fixture
def open_stream(fleet, stubs, group):
    """Streams of the group, of all its events unless said otherwise."""
    opened = []

    def call(*patterns, server=0, **fields):
        fields.setdefault("group", group)
        begin = not fields.get("lazy")
        stream = Stream(stubs, fleet.channels[server], *(patterns or (group + ".**",)), **fields)
        opened.append(stream)
        return stream.begun() if begin else stream
    yield call
    for stream in opened:
        stream.stop()


def put(events, group, count, **fields):
    return [events.publish(f"{group}.e{i}", i, **fields).event_id for i in range(count)]


def state(events, event_id, group):
    steps = events.steps(event_id, group, "state")
    return steps[-1][0] if steps else "waiting"


def delivered(events, group):
    return int(events.database.rows(
        "SELECT count(*) FROM event.transition t JOIN event.queue q ON q.id = t.queue_id "
        f"WHERE q.group_name = '{group}' AND t.state = 'delivered'")[0][0])


def confirm_all(events, stream, group):
    for message in stream.events():
        events.confirm(message.event, message.event_id, group)


# --- the request -----------------------------------------------------------------------------------

@pytest.mark.parametrize("fields, code, details", [
    ({}, INVALID, "patterns: must be 1 to 100, unless there is a group"),
    ({"patterns": ["a"] * 101, "group": "g"}, INVALID, "patterns: must be 1 to 100"),
    ({"patterns": ["a", ""], "group": "g"}, INVALID, "patterns[1]: "),
    ({"patterns": ["a b"]}, INVALID, "patterns[0]: "),
    ({"patterns": ["a"], "group": "g" * 256}, INVALID, "group: must have 1 to 255 bytes"),
    ({"patterns": ["a"], "group": "g", "after": "0"}, INVALID, "after: goes without a group"),
    ({"patterns": ["a"], "confirm": 2}, INVALID, "confirm: goes with a group"),
    ({"group": "g", "ack_window_ms": 5}, INVALID, "ack_window_ms: goes with a group and patterns"),
    ({"patterns": ["a"], "group": "g", "confirm": 3}, INVALID, "confirm: is not known"),
    ({"patterns": ["a"], "ack_window_ms": 5}, INVALID,
     "ack_window_ms: goes with a group and patterns"),
    ({"patterns": ["a"], "group": "g", "ack_window_ms": 0}, INVALID,
     "ack_window_ms: must be 1 to 86400000"),
    ({"patterns": ["a"], "group": "g", "ack_window_ms": 86400001}, INVALID,
     "ack_window_ms: must be 1 to 86400000"),
    ({"patterns": ["a"], "max_in_flight": 5}, INVALID, "max_in_flight: goes with a group"),
    ({"patterns": ["a"], "group": "g", "max_in_flight": 0}, INVALID,
     "max_in_flight: must be 1 to 10000"),
    ({"patterns": ["a"], "group": "g", "max_in_flight": 10001}, INVALID,
     "max_in_flight: must be 1 to 10000"),
    ({"group": "nobody"}, PRECONDITION,
     "patterns: are required, since the group has no subscription of target stream or pull"),
    ({"patterns": ["a"], "after": "x"}, INVALID, "after: must be a cursor that Subscribe has sent, or 0"),
    ({"patterns": ["a"], "after": "-1"}, INVALID, "after: must be a cursor that Subscribe has sent, or 0"),
    ({"patterns": ["a"], "after": "1.0"}, INVALID, "after: must be a cursor"),
])
def test_what_is_refused(fleet, stubs, database, fields, code, details):
    patterns = fields.get("patterns", [])
    rest = {name: value for name, value in fields.items() if name != "patterns"}
    before = database.rows("SELECT count(*) FROM event.subscription")
    stream = Stream(stubs, fleet.channels[0], *patterns, **rest)
    assert stream.end() == code and stream.details.startswith(details), stream.details
    assert database.rows("SELECT count(*) FROM event.subscription") == before


# --- its subscription ------------------------------------------------------------------------------

def subscriptions(database, group, columns="name, patterns, target, confirm, ack_window_ms, origin"):
    return database.rows(f"SELECT {columns} FROM event.subscription s JOIN event.queue q "
                         f"ON q.id = s.queue_id WHERE q.group_name = '{group}' ORDER BY name")


def test_it_is_registered_once(database, group, open_stream):
    open_stream("x.*", "a.b", "x.*")
    mine = [f"{group}: a.b, x.*", "{a.b,x.*}", "stream", "explicit", "600000", "stream"]
    assert subscriptions(database, group) == [mine]
    revision = database.rows("SELECT value FROM event.revision")
    for server in (0, 1):
        open_stream("a.b", "x.*", server=server)
    assert subscriptions(database, group) == [mine]
    assert database.rows("SELECT value FROM event.revision") == revision
    # Who subscribes last says how it is confirmed.
    open_stream("a.b", "x.*", confirm=1, ack_window_ms=5)
    assert subscriptions(database, group) == [mine[:3] + ["auto", "5", "stream"]]
    open_stream("a.b")
    assert [row[0] for row in subscriptions(database, group)] == [f"{group}: a.b", mine[0]]


def test_long_names(database, group, open_stream):
    name = group + "ä" * 120
    patterns = [f"{i}.{'x' * 200}" for i in range(100)]
    for _ in range(2):
        open_stream(*patterns, group=name)
    ((stored, count),) = subscriptions(database, name, "name, cardinality(patterns)")
    assert stored.startswith(group + "ä" * 30) and len(stored.encode()) <= 255 and count == "100"


def test_it_stays_when_the_stream_ends(events, group, open_stream):
    open_stream().stop()
    ids = put(events, group, 3)
    assert {m.event_id for m in open_stream().wait(3)} == set(ids)


def test_a_name_that_is_taken(database, stubs, fleet, group):
    Log(database).subscription(group, name=f"{group}: a", target="pull")
    stream = Stream(stubs, fleet.channels[0], "a", group=group)
    assert stream.end() == EXISTS and f'"{group}: a"' in stream.details


def test_joining_what_the_group_has(database, stubs, fleet, events, group, open_stream):
    """For streams before for pulls, then by name."""
    log = Log(database)
    for name, mode, target in (("1", "auto", "pull"), ("3", "explicit", "stream"),
                               ("2", "auto", "stream")):
        log.subscription(group, mode, name=f"{group} {name}", target=target, patterns=[group + ".**"])
    other = Stream(stubs, fleet.channels[0], group=group, confirm=2)
    assert (other.end(), other.details) == (
        PRECONDITION, "confirm: that of the group's subscription is another")
    with Stream(stubs, fleet.channels[0], group=group, confirm=1) as stream:
        stream.begun()
        (event_id,) = put(events, group, 1)
        stream.wait(1)
        events.wait_state(event_id, group, "delivered")
        assert events.steps(event_id, group, "due, (SELECT name FROM event.subscription s "
                            "WHERE s.id = subscription_id)")[-1] == ["", f"{group} 2"]
    assert len(subscriptions(database, group)) == 3


def test_one_that_is_removed(database, group, open_stream):
    stream = open_stream()
    database.rows(f"DELETE FROM event.subscription WHERE name LIKE '{group}: %'")
    assert stream.end() == ABORTED and stream.details == "the subscription has been removed"


def test_one_that_is_paused(database, events, group, open_stream):
    stream = open_stream()
    pause = "UPDATE event.subscription SET enabled = {} WHERE name LIKE '" + group + ": %'"
    database.rows(pause.format("false"))
    # The server knows it when it has heard of a later change.
    open_stream(group=group + "b")
    put(events, group, 2)
    with_probe = open_stream(group=group + "c")
    put(events, group, 1)
    with_probe.wait(1)
    assert stream.events() == []
    database.rows(pause.format("true"))
    assert len(stream.wait(3)) == 3


# --- what comes ------------------------------------------------------------------------------------

def test_events_as_they_were_published(events, group, open_stream, database):
    data = '{"b" : 1.000, "a":[1e2,"\\u00e4ä"] }'
    stream = open_stream()
    m = events.m
    sent = events.stub.Publish(m.PublishRequest(event=group + ".x", data=data, key="k", event_id=group),
                               metadata=[("traceparent", f"00-{'ab' * 16}-{'cd' * 8}-01")])
    (got,) = stream.wait(1)
    ((time,),) = database.rows(
        f"SELECT event.milliseconds(time) FROM event.event WHERE position = {sent.cursor}")
    assert got == m.SubscribeResponse(event=group + ".x", event_id=group, data=data, key="k", attempt=1,
                                      time=int(time), trace_id="ab" * 16)


def test_in_order(events, group, open_stream):
    """Those of one key; of others that is not said."""
    stream = open_stream(confirm=1)
    ids = events.publish_all([(f"{group}.n", i, {"key": f"k{i % 2}"}) for i in range(200)])
    got = [m.event_id for m in stream.wait(200)]
    for k in range(2):
        assert [i for i in got if ids.index(i) % 2 == k] == ids[k::2]


def test_no_more_than_may_be_in_flight(events, group, open_stream):
    stream = open_stream(max_in_flight=5)
    ids = put(events, group, 12)
    stream.wait(5)
    observe.wait_until(lambda: delivered(events, group) == 5)
    # Another group's events pass by.
    probe = open_stream(group=group + " probe")
    put(events, group, 1)
    probe.wait(1)
    assert len(set(stream.ids())) == 5
    for i in range(5):
        events.confirm(stream.events()[i].event, stream.ids()[i], group)
        stream.wait(6 + i)
    observe.wait_until(lambda: delivered(events, group) == 10)
    assert len(set(stream.ids())) == 10
    # A refused one makes room, too.
    events.confirm(stream.events()[5].event, stream.ids()[5], group, False)
    stream.wait(11)
    assert set(stream.ids()) < set(ids)


def test_confirmed_at_another_server(events, fleet, group, open_stream):
    stream = open_stream(max_in_flight=1)
    ids = put(events, group, 3)
    for i in range(3):
        got = stream.wait(i + 1)[i]
        fleet.events[1].confirm(got.event, got.event_id, group)
    assert sorted(stream.ids()) == sorted(ids)


def test_auto(events, group, open_stream):
    stream = open_stream(confirm=1, max_in_flight=2)
    ids = put(events, group, 50)
    stream.wait(50)
    events.wait_done(group)
    assert sorted(stream.ids()) == sorted(ids)
    assert {state(events, event_id, group) for event_id in ids} == {"delivered"}
    # A refusal sends it back.
    events.confirm(f"{group}.e0", ids[0], group, False)
    assert state(events, ids[0], group) == "failed"


def test_what_is_not_confirmed_in_time_comes_again(events, group, open_stream):
    stream = open_stream(ack_window_ms=200)
    (event_id,) = put(events, group, 1)
    assert [m.attempt for m in stream.wait(3)] == [1, 2, 3]
    events.confirm(f"{group}.e0", event_id, group)
    assert event_tables.steps(events.database, event_id, group, "state, reason")[:3] == [
        ["leased", ""], ["delivered", ""], ["leased", "not confirmed in time"]]


def test_what_is_refused_comes_again_by_the_schedule(database, events, group, open_stream):
    stream = open_stream()
    database.rows(f"UPDATE event.subscription SET schedule_ms = '{{50,50}}' WHERE name LIKE '{group}: %'")
    (event_id,) = put(events, group, 1)
    for attempt in (1, 2, 3):
        assert stream.wait(attempt)[-1].attempt == attempt
        events.wait_state(event_id, group, "delivered")
        events.confirm(f"{group}.e0", event_id, group, False)
    assert state(events, event_id, group) == "dead"


# --- members of one group --------------------------------------------------------------------------

@pytest.mark.parametrize("servers", [(0, 0), (0, 1), (0, 1, 1, 0)])
def test_each_event_once(events, group, open_stream, servers):
    streams = [open_stream(server=i, confirm=1, max_in_flight=10) for i in servers]
    ids = events.publish_all([(f"{group}.n", i, {}) for i in range(400)])
    wait_together(streams, 400)
    events.wait_done(group)
    assert sorted(itertools.chain(*(s.ids() for s in streams))) == sorted(ids)
    if servers == (0, 0):
        assert all(s.ids() for s in streams)


@pytest.mark.parametrize("servers", [(0, 0), (0, 1)])
def test_of_one_key_one_after_the_other(database, events, fleet, group, open_stream, servers):
    streams = [open_stream(server=i) for i in servers]
    ids = events.publish_all([(f"{group}.n", i, {"key": f"k{i % 3}"}) for i in range(30)])
    seen = []
    while len(seen) < 30:
        wait_together(streams, len(seen) + 1)
        for message in itertools.chain(*(s.events() for s in streams)):
            if message.event_id not in seen:
                seen.append(message.event_id)
                fleet.events[servers[len(seen) % 2]].confirm(message.event, message.event_id, group)
    events.wait_done(group)
    for k in range(3):
        assert [i for i in seen if ids.index(i) % 3 == k] == ids[k::3]
    event_tables.check(database)


def test_members_with_patterns_of_their_own(events, group, open_stream):
    """Each gets what it wants, and of what both want each event is one's."""
    one, both = open_stream(group + ".a"), open_stream(group + ".*")
    b = [events.publish(group + ".b", i).event_id for i in range(20)]
    a = [events.publish(group + ".a", i).event_id for i in range(20)]
    wait_together((one, both), 40)
    assert set(one.ids()) <= set(a) and set(both.ids()) >= set(b)
    assert sorted(one.ids() + both.ids()) == sorted(a + b)


# --- streams that break ----------------------------------------------------------------------------

def put_large(events, group):
    """More than a connection takes for a client that does not read."""
    return [event_id for _ in range(7)
            for event_id in events.publish_all([(group + ".n", "x" * 500_000, {})] * 6)]


def test_what_was_not_sent_goes_to_others_at_once(events, group, open_stream):
    lazy = open_stream(lazy=True, confirm=1)
    lazy.begun()
    ids = put_large(events, group)
    observe.wait_until(lambda: delivered(events, group) > 0 and int(events.database.rows(
        "SELECT count(*) FROM event.transition t JOIN event.queue q ON q.id = t.queue_id "
        f"WHERE q.group_name = '{group}' AND state = 'leased'")[0][0]) > delivered(events, group))
    lazy.stop()
    keen = open_stream(confirm=1)
    events.wait_done(group)
    given_back = {row[0] for row in events.database.rows(
        "SELECT e.event_id FROM event.transition t JOIN event.queue q ON q.id = t.queue_id "
        f"JOIN event.event e USING (position) WHERE q.group_name = '{group}' "
        "AND t.state = 'waiting' AND t.reason = 'not sent'")}
    assert given_back
    keen.until(lambda: given_back <= set(keen.ids()))
    assert set(keen.ids()) < set(ids)
    assert len(set(keen.ids())) == len(keen.ids())
    event_tables.check(events.database)


def test_one_that_is_read_too_slowly(stubs, database, group):
    server = programs.Server(database.url, *QUICK, "--watch-patience-ms", "500")
    with server.channel() as channel, server.channel() as other:
        events = Events(stubs, channel, database)
        lazy = Stream(stubs, other, group + ".**", group=group, confirm=1, lazy=True)
        lazy.begun()
        ids = put_large(events, group)
        observe.wait_until(lambda: observe.value(
            server, "junction_rpc_calls_total", method="junction.v1.Event/Subscribe",
            code="RESOURCE_EXHAUSTED"))
        with Stream(stubs, channel, group + ".**", group=group, confirm=1) as keen:
            events.wait_done(group)
            lazy.read()
            assert lazy.end() == EXHAUSTED and "read too slowly" in lazy.details
            keen.until(lambda: set(keen.ids()) | set(lazy.ids()) == set(ids))
    server.stop()


def test_a_server_that_is_killed(stubs, database, group):
    with Fleet(stubs, database, 2) as fleet:
        first = Stream(stubs, fleet.channels[0], group + ".**", group=group, ack_window_ms=6000).begun()
        ids = put(fleet.events[1], group, 5)
        first.wait(5)
        for event_id in ids:
            fleet.events[1].wait_state(event_id, group, "delivered")
        fleet.servers[0].kill()
        assert first.end() == UNAVAILABLE
        fleet.kill(0)
        with Stream(stubs, fleet.channels[1], group + ".**", group=group, ack_window_ms=6000) as second:
            second.wait(5)
            assert sorted(second.ids()[:5]) == sorted(ids)
            assert all(m.attempt == 2 for m in second.events()[:5])
            confirm_all(fleet.events[1], second, group)
            fleet.events[1].wait_done(group)
        event_tables.check(database)
        fleet.start(0)


def test_a_server_that_stops(stubs, database, group):
    fleet = Fleet(stubs, database, 2)
    try:
        streams = [Stream(stubs, fleet.channels[0], group + ".**", group=group).begun(),
                   Stream(stubs, fleet.channels[0], "**").begun()]
        assert fleet.servers[0].stop() == 0
        assert [s.end() for s in streams] == [UNAVAILABLE] * 2
        assert all("the server is stopping" in s.details for s in streams)
    finally:
        fleet.stop(1)
