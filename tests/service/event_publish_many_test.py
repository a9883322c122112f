"""Publishing many events with one call: each is published or refused on its own, in order."""

import itertools
import threading

import grpc
import pytest

import observe
import postgres
import programs
import publications
from event_log import Log

NUMBERS = itertools.count()
ALREADY_EXISTS = grpc.StatusCode.ALREADY_EXISTS.value[0]


@pytest.fixture(scope="module")
def publisher(stubs, channel, database):
    return publications.Publisher(stubs, channel, database)


@pytest.fixture(scope="module")
def log(database):
    return Log(database)


@pytest.fixture
def name():
    """Of events that no other test publishes or subscribes to."""
    return f"many{next(NUMBERS)}.happened"


def numbered(publisher, name, count, **fields):
    return [publisher.request(name, str(i), **fields) for i in range(count)]


def data_of(publisher, name):
    """In the order of the log."""
    return [int(row["data"]) for row in publisher.rows(f"name = '{name}'")]


# --- lists ----------------------------------------------------------------------------------------


def test_a_thousand_stand_in_the_order_of_the_list(publisher, name):
    outcomes = publisher.batch(numbered(publisher, name, 1000))
    assert not any(o.HasField("error") or o.published.repeated for o in outcomes)
    positions = [int(o.published.cursor) for o in outcomes]
    assert positions == sorted(set(positions))
    rows = publisher.rows(f"name = '{name}'")
    assert [(row["event_id"], row["position"], row["data"]) for row in rows] == [
        (o.published.event_id, int(o.published.cursor), str(i)) for i, o in enumerate(outcomes)]


@pytest.mark.parametrize("count", [0, 1001])
def test_none_and_more_are_refused(publisher, name, count):
    with pytest.raises(grpc.RpcError) as caught:
        publisher.batch(numbered(publisher, name, count))
    assert publisher.field_refused(publisher.status(caught.value)) == (
        "events", "events: must have 1 to 1000 events")
    assert not data_of(publisher, name)


def test_bad_ones_take_no_other_with_them(publisher, name):
    bad = {0: {"event": "a..b"}, 3: {"data": "{"}, 4: {"event_id": "\n"}, 9: {"key": "k" * 256},
           11: {"group": "g" * 256}}
    outcomes = publisher.batch([publisher.request(**{"event": name, "data": str(i), **bad.get(i, {})})
                                for i in range(12)])
    assert [i for i, o in enumerate(outcomes) if o.HasField("error")] == sorted(bad)
    assert [i for i, o in enumerate(outcomes) if not o.HasField("published")] == sorted(bad)
    assert [publisher.field_refused(outcomes[i].error)[0] for i in sorted(bad)] == [
        "event", "data", "eventId", "key", "group"]
    assert data_of(publisher, name) == [i for i in range(12) if i not in bad]


def test_only_bad_ones_are_answered_too(publisher):
    outcomes = publisher.batch([publisher.request("a b")] * 3)
    assert [publisher.field_refused(o.error)[0] for o in outcomes] == ["event"] * 3


def test_a_row_that_the_database_refuses_falls_alone(publisher, database, name):
    database.rows("ALTER TABLE event.event ADD CONSTRAINT no_evil CHECK (key <> 'evil')")
    try:
        outcomes = publisher.batch([publisher.request(name, str(i), key="evil" if i == 37 else "")
                                    for i in range(100)])
    finally:
        database.rows("ALTER TABLE event.event DROP CONSTRAINT no_evil")
    assert [i for i, o in enumerate(outcomes) if o.HasField("error")] == [37]
    assert outcomes[37].error.message == "a value breaks a rule of the database"
    assert data_of(publisher, name) == [i for i in range(100) if i != 37]


def test_the_same_id_in_one_list(publisher, name):
    ids = [f"{name} {i}" for i in (1, 2, 1, 1, 3, 2)]
    datas = ["1", "2", "1", "7", "3", "2"]
    publisher.publish(name, "3", event_id=f"{name} 3")
    outcomes = publisher.batch([publisher.request(name, d, event_id=i) for i, d in zip(ids, datas)])
    first, second = outcomes[0].published, outcomes[1].published
    assert [o.published.repeated for o in outcomes] == [False, False, True, False, True, True]
    assert int(outcomes[2].published.cursor) == int(first.cursor)
    assert int(outcomes[5].published.cursor) == int(second.cursor) > int(first.cursor)
    assert (outcomes[3].error.code, outcomes[3].error.message) == (
        ALREADY_EXISTS, "eventId: has been published with something else")
    assert data_of(publisher, name) == [3, 1, 2]
    assert publisher.row(outcomes[4].published)["data"] == "3"


def test_what_is_left_out_leaves_the_log_in_one_piece(publisher, database, name):
    """Each event knows the one before it, whichever of its list were not published."""
    publisher.publish(name, "9", event_id=f"{name} 9")
    before = int(database.rows("SELECT last_value FROM event.last_position")[0][0])
    came = publications.append(database, [f"{name} {i}" for i in ("a", 9, "b", "a", "c", 9)],
                               ["01"] * 6, name=name)
    assert [came[i][2] for i in range(1, 7)] == [
        "published", "conflict", "published", "repeated", "published", "conflict"]
    first, second, third = (came[i][0] for i in (1, 3, 5))
    assert came[4][0] == first < second < third
    assert [came[i][1] for i in (1, 3, 5)] == [before, first, second]
    assert int(database.rows("SELECT last_value FROM event.last_position")[0][0]) == third
    assert [int(row[0]) for row in database.rows(
        f"SELECT position FROM event.event WHERE name = '{name}' ORDER BY position")] == [
            before, first, second, third]


def test_groups_get_their_queues_and_all_keep_their_order(publisher, log, name):
    outcomes = publisher.batch([publisher.request(
        name, str(i), group=f"{name} {i % 100}" if i % 3 else "") for i in range(600)])
    rows = publisher.rows(f"name = '{name}'")
    assert [row["position"] for row in rows] == [int(o.published.cursor) for o in outcomes]
    assert [row["data"] for row in rows] == [str(i) for i in range(600)]
    queues = {group: log.queue(f"{name} {group}") for group in range(100)}
    assert [row["queues"] for row in rows] == [[queues[i % 100]] if i % 3 else [] for i in range(600)]


def test_a_list_is_matched_again_as_a_whole(publisher, database, log, name):
    future = publications.change_under(
        database, lambda: publisher.begin_batch(numbered(publisher, name, 1000, key="k")),
        publications.subscription(name))
    positions = [int(o.published.cursor) for o in future.result().outcomes]
    assert positions == sorted(set(positions))
    assert data_of(publisher, name) == list(range(1000))
    queue = log.queue(name)
    assert all(row["deliveries"] == [[queue, "k"]] for row in publisher.rows(f"name = '{name}'"))


def test_more_than_may_wait_are_refused_one_by_one(publisher, database, stubs, name):
    server = programs.Server(database.url, "--queue-limit", "100")
    try:
        with server.channel() as channel, postgres.Session(database.url) as session:
            session.run(publications.HOLD)
            narrow = publications.Publisher(stubs, channel, database)
            future = narrow.begin_batch(numbered(narrow, name, 1000))
            publications.wait_held(database)
            session.run("COMMIT;")
            outcomes = future.result().outcomes
    finally:
        server.stop()
    full = [i for i, o in enumerate(outcomes) if o.HasField("error")]
    assert 0 < len(full) < 1000
    assert {(outcomes[i].error.code, outcomes[i].error.message) for i in full} == {
        (grpc.StatusCode.RESOURCE_EXHAUSTED.value[0], "too many writes are waiting")}
    assert data_of(publisher, name) == [i for i in range(1000) if i not in full]


# --- streams --------------------------------------------------------------------------------------


def test_a_stream_keeps_its_order(publisher, name):
    response = publisher.stream(numbered(publisher, name, 5000, key="k"))
    assert (response.published, response.repeated, response.refused) == (5000, 0, 0)
    assert not response.refusals
    assert data_of(publisher, name) == list(range(5000))


def test_an_empty_stream(publisher):
    response = publisher.stream([])
    assert (response.published, response.repeated, response.refused) == (0, 0, 0)


def test_a_stream_is_told_the_first_refusals(publisher, name):
    requests = [publisher.request(name if i % 2 else "a b", str(i)) for i in range(300)]
    requests += [publisher.request(name, "1", event_id=f"{name} 1")] * 2
    requests += [publisher.request(name, "2", event_id=f"{name} 1")]
    response = publisher.stream(requests)
    assert (response.published, response.repeated, response.refused) == (151, 1, 151)
    assert [r.index for r in response.refusals] == list(range(0, 200, 2))
    assert {publisher.field_refused(r.error)[0] for r in response.refusals} == {"event"}
    assert data_of(publisher, name) == [*range(1, 300, 2), 1]


def test_a_stream_that_goes_on_is_matched_again(publisher, database, log, name):
    """Nobody sends more while it waits, and what is sent later does not overtake."""
    more = threading.Event()

    def requests():
        yield from numbered(publisher, name, 300)
        more.wait(programs.WAIT)
        yield from (publisher.request(name, str(i)) for i in range(300, 600))

    future = publications.change_under(
        database, lambda: publisher.stub.PublishStream.future(requests(), timeout=programs.WAIT),
        publications.subscription(name))
    observe.wait_until(lambda: len(data_of(publisher, name)) == 300)
    more.set()
    assert future.result().published == 600
    assert data_of(publisher, name) == list(range(600))
    queue = log.queue(name)
    assert all(row["queues"] == [queue] for row in publisher.rows(f"name = '{name}'"))


def test_a_stream_keeps_its_order_while_subscriptions_change(publisher, log, name):
    stop = threading.Event()

    def change():
        for i in itertools.count():
            if stop.is_set():
                return
            publisher.stub.RegisterSubscription(publisher.m.RegisterSubscriptionRequest(
                name=f"{name} {i}", group=name, patterns=["none"]))

    def requests():
        for i in range(3000):
            yield publisher.request(name, str(i), key="k", group=f"{name} {i // 500}" if i % 50 else "")

    changing = threading.Thread(target=change)
    changing.start()
    try:
        response = publisher.stream(requests())
    finally:
        stop.set()
        changing.join()
    assert (response.published, response.refused) == (3000, 0)
    rows = publisher.rows(f"name = '{name}'")
    assert [int(row["data"]) for row in rows] == list(range(3000))
    queues = [log.queue(f"{name} {i}") for i in range(6)]
    assert [row["queues"] for row in rows] == [[queues[i // 500]] if i % 50 else [] for i in range(3000)]


def test_what_a_stream_has_handed_over_is_published_when_it_breaks_off(publisher, server, database,
                                                                       log, name):
    def leave():
        open_end = threading.Event()

        def requests():
            yield from numbered(publisher, name, 50)
            open_end.wait(programs.WAIT)

        before = received(server)
        future = publisher.stub.PublishStream.future(requests())
        observe.wait_until(lambda: received(server) == before + 50)
        publications.wait_held(database)
        future.cancel()
        open_end.set()
        observe.wait_until(lambda: not observe.value(server, "junction_rpc_in_progress"))

    publications.change_under(database, leave, publications.subscription(name))
    observe.wait_until(lambda: len(data_of(publisher, name)) == 50)
    assert data_of(publisher, name) == list(range(50))
    queue = log.queue(name)
    assert all(row["queues"] == [queue] for row in publisher.rows(f"name = '{name}'"))


@pytest.fixture
def ever_changing(publisher, database):
    """Subscriptions that have always changed once more before a commit."""
    value = database.rows("SELECT matching FROM event.revision")[0][0]
    database.rows("UPDATE event.revision SET matching = 9000000000000000000")
    yield
    database.rows(f"UPDATE event.revision SET matching = {value}")


def test_it_is_not_matched_again_for_ever(ever_changing, stubs, database, name):
    server = programs.Server(database.url, "--default-deadline-ms", "500")
    try:
        with server.channel() as channel:
            hasty = publications.Publisher(stubs, channel, database)
            # A stream has no deadline of its own.
            response = hasty.stream(numbered(hasty, name, 20))
            assert (response.published, response.refused) == (0, 20)
            late = grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.UNAVAILABLE
            assert {r.error.code for r in response.refusals} <= {code.value[0] for code in late}
            with pytest.raises(grpc.RpcError) as caught:
                hasty.publish(name)
            assert caught.value.code() in late
    finally:
        server.stop()
    assert not hasty.rows(f"name = '{name}'")


def received(server):
    return observe.value(server, "junction_rpc_messages_total", direction="received")
