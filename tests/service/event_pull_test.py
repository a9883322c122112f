"""Pull: who asks gets the oldest, for 30 seconds, and nobody else meanwhile, at whatever server."""

import concurrent.futures
import itertools

import grpc
import pytest

import observe
import programs
import subjects
from event_log import Log

NOT_FOUND, INVALID = grpc.StatusCode.NOT_FOUND, grpc.StatusCode.INVALID_ARGUMENT
NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def log(database):
    return Log(database)


@pytest.fixture(scope="module")
def client(channel, stubs):
    return stubs.event_grpc.EventStub(channel)


@pytest.fixture(scope="module")
def other(database, stubs):
    server = programs.Server(database.url)
    with server.channel() as channel:
        yield stubs.event_grpc.EventStub(channel)
    server.stop()


@pytest.fixture
def group(request):
    return f"{request.node.name} {next(NUMBERS)}"


@pytest.fixture
def pull(client, stubs, group):
    """Pulls from the test's own group."""
    def call(client=client, metadata=(), **fields):
        if "event_id" not in fields:
            fields.setdefault("group", group)
        return client.Pull(stubs.event.PullRequest(**fields), timeout=programs.WAIT, metadata=metadata)
    return call


def refusal(call, **fields):
    with pytest.raises(grpc.RpcError) as caught:
        call(**fields)
    return caught.value.code(), caught.value.details()


def put(log, queue, count, **fields):
    """Events with unused ids. Gives {id: position}."""
    ids = [f"id-{next(NUMBERS)}" for _ in range(count)]
    return {i: log.publish("made.up", i, queue, **fields) for i in ids}


def confirm(client, stubs, event_id, success=True):
    client.Confirm(stubs.event.ConfirmRequest(event="made.up", event_id=event_id, success=success),
                   timeout=programs.WAIT)


def until(call, wanted):
    """Asks until it gets that event."""
    observe.wait_until(lambda: call().event_id == wanted)


# --- what waits ------------------------------------------------------------------------------------

def test_the_oldest_first_and_each_for_thirty_seconds(log, pull, group):
    events = put(log, log.queue(group), 3)
    for event_id, position in events.items():
        got = pull()
        assert (got.event, got.event_id, got.data, got.success, got.attempt, list(got.events)) == (
            "made.up", event_id, "null", False, 1, [])
        ((state, holder, subscription, attempt, ms),) = log.steps(
            position, "state, holder, subscription_id, attempt, extract(epoch FROM due - at) * 1000")
        assert (state, subscription, attempt, float(ms)) == ("leased", "", "1", 30000)
        assert holder.startswith("127.0.0.1")
    nothing = pull()
    assert (nothing.event, nothing.event_id, nothing.data, nothing.success, nothing.attempt) == (
        "", "", "", False, 0)


def test_what_is_not_confirmed_in_time_waits_again(log, pull, group, client, stubs):
    (first, position), (second, _) = put(log, log.queue(group), 2).items()
    assert [pull().event_id, pull().event_id] == [first, second]
    log.age(position, "31 seconds")
    until(pull, first)
    assert log.steps(position, "number, state, attempt, reason") == [
        ["1", "leased", "1", ""], ["2", "leased", "2", "the lease before ran out"]]
    log.age(position, "31 seconds")
    confirm(client, stubs, first)
    assert pull().event_id == ""


@pytest.mark.parametrize("mode", ["auto", "explicit"])
def test_whatever_the_confirm_mode(log, pull, group, mode):
    _, queue = log.subscription(group, mode)
    ((event_id, position),) = put(log, queue, 1).items()
    assert pull().event_id == event_id
    log.age(position, "31 seconds")
    until(pull, event_id)


def test_it_stops_when_the_schedule_does(log, pull, group):
    """Nine further attempts are scheduled by default."""
    ((event_id, position),) = put(log, log.queue(group), 1).items()
    for _ in range(10):
        until(pull, event_id)
        log.age(position, "31 seconds")
    observe.wait_until(lambda: pull().event_id == "" and
                       log.steps(position, "state, attempt")[-1] == ["dead", "10"])


def test_of_one_key_one_at_a_time(log, pull, group, client, stubs):
    queue = log.queue(group)
    (one, two), (free,) = put(log, queue, 2, key="k"), put(log, queue, 1)
    assert [pull().event_id, pull().event_id, pull().event_id] == [one, free, ""]
    confirm(client, stubs, one, False)
    assert pull().event_id == ""  # it is to be tried again, so it is not done
    confirm(client, stubs, one)
    until(pull, two)


def test_limit(log, pull, group):
    ids = list(put(log, log.queue(group), 5))
    got = pull(limit=3)
    assert [e.event_id for e in got.events] == ids[:3] and got.event_id == ids[0]
    assert [(e.event, e.data, e.success, e.attempt) for e in got.events] == [
        ("made.up", "null", False, 1)] * 3
    assert [e.event_id for e in pull(limit=1).events] == ids[3:4]
    assert [e.event_id for e in pull(limit=100).events] == ids[4:]
    assert list(pull(limit=100).events) == []
    for limit in (0, -1, 101):
        assert refusal(pull, limit=limit) == (INVALID, "limit: must be 1 to 100")


def test_large_data_comes_in_several_answers(log, pull, group):
    """Clients take messages of 4 MiB."""
    ids = list(put(log, log.queue(group), 8, data='"' + "x" * 1_000_000 + '"'))
    found = []
    while got := pull(limit=8).events:
        assert sum(len(e.data) for e in got) < 4 << 20
        found += [e.event_id for e in got]
    assert found == ids


def test_data_is_what_was_published(log, pull, group):
    data = '{"b" : 1.000,\n "a":[1e2, "\\u00e4ä", {}] }'
    put(log, log.queue(group), 1, data=data)
    assert pull().data == data


def test_groups_and_namespaces_are_apart(log, database, pull, group):
    (mine,) = put(log, log.queue(group), 1)
    elsewhere = Log(database, "elsewhere")
    (theirs,) = put(elsewhere, elsewhere.queue(group), 1)
    other_space = [("x-namespace", "elsewhere")]
    assert pull(group=group + " not there").event_id == ""
    assert pull(metadata=[("x-namespace", "nowhere")]).event_id == ""
    assert pull(metadata=other_space).event_id == theirs
    assert pull(metadata=other_space).event_id == ""
    assert pull().event_id == mine
    assert refusal(pull, event_id=theirs) == (NOT_FOUND, "eventId: no such event")
    assert pull(event_id=theirs, metadata=other_space).event_id == theirs


def test_group_default(log, pull):
    (event_id,) = put(log, log.queue("default"), 1)
    assert pull(group="").event_id == event_id


def test_a_paused_group_gives_nothing(log, database, pull, group):
    queue = log.queue(group)
    pull()  # the server knows the queue
    (event_id,) = put(log, queue, 1)
    database.rows(f"UPDATE event.queue SET paused = true WHERE id = {queue}")
    (probe,) = put(log, log.queue(group + " after"), 1)
    until(lambda: pull(group=group + " after"), probe)  # asks for all subscriptions
    assert pull().event_id == ""
    database.rows(f"UPDATE event.queue SET paused = false WHERE id = {queue}")
    until(pull, event_id)


# --- at the same time ------------------------------------------------------------------------------

def test_nothing_is_given_twice(log, pull, group, client, other):
    """Pullers at two servers, who are all the same to them, until nothing is left."""
    ids = list(put(log, log.queue(group), 120))

    def puller(i):
        found = []
        while got := pull((client, other)[i % 2], limit=1 + i % 3).events:
            found += [e.event_id for e in got]
        return found
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        found = list(pool.map(puller, range(12)))
    assert sorted(itertools.chain(*found)) == sorted(ids)
    for each in found:
        assert each == sorted(each, key=ids.index)


def test_who_asks_again_is_somebody_else(log, group):
    """Unlike a subscription, whose answer was lost: of those that pull many are the same to us."""
    subscription, queue = log.subscription(group)
    for asks, again in ((None, "f"), (subscription, "t")):
        (position,) = put(log, queue, 1).values()
        log.lease(queue, position, asks)
        assert log.ask(queue, position, asks)[0] == again


# --- what failed, and what is confirmed ------------------------------------------------------------

def test_those_that_failed(log, pull, group, client, stubs):
    events = put(log, log.queue(group), 4)
    first, second, third, _ = events
    assert pull(success=False).event_id == ""  # they only wait
    assert len(pull(limit=3).events) == 3
    confirm(client, stubs, third, False)
    confirm(client, stubs, second, False)
    assert pull(success=True).event_id == ""
    got = pull(success=False, limit=5)  # not due yet, for seconds
    assert [(e.event_id, e.attempt, e.success) for e in got.events] == [
        (second, 2, False), (third, 2, False)]
    assert log.steps(events[second], "state, attempt")[-1] == ["leased", "2"]
    assert pull(success=False).event_id == ""
    confirm(client, stubs, first)
    assert pull(success=False).event_id == ""


def test_those_that_are_confirmed(log, pull, group, client, stubs):
    events = put(log, log.queue(group), 4)
    assert len(pull(limit=4).events) == 4
    ids = list(events)
    for event_id in (ids[2], ids[1]):
        confirm(client, stubs, event_id)
    for _ in range(2):  # nothing is taken
        got = pull(success=True, limit=100)
        assert [(e.event_id, e.success, e.attempt) for e in got.events] == [
            (ids[1], True, 1), (ids[2], True, 1)]
        assert pull(success=True).event_id == ids[1]
    assert len(log.steps(events[ids[1]])) == 2


# --- by the id -------------------------------------------------------------------------------------

def test_an_event_by_its_id_is_not_taken(log, pull, group):
    ((event_id, position),) = put(log, log.queue(group), 1, data="[1.0]").items()
    for success in (None, False, True):
        got = pull(event_id=event_id, success=success, limit=5)
        assert (got.event, got.event_id, got.data, got.success, got.attempt) == (
            "made.up", event_id, "[1.0]", False, 0)
        assert [e.event_id for e in got.events] == [event_id]
    assert log.steps(position) == []
    assert refusal(pull, event_id="no such id") == (NOT_FOUND, "eventId: no such event")


def test_whose_confirmation_it_tells_of(log, database, pull, channel, client, stubs, group):
    one, two, app = (log.queue(name) for name in (group + " one", group + " two", "puller"))
    subjects.put(database.url, "application", "puller", "administrator")
    key = subjects.basic(subjects.put_key(database.url, "puller", "pulls1"))
    subjects.wait_known(channel, stubs)
    mine = {"metadata": [("authorization", key)]}
    both, all_three = f"id-{next(NUMBERS)}", f"id-{next(NUMBERS)}"
    log.publish("made.up", both, one, two)
    log.publish("made.up", all_three, one, two, app)
    for event_id in (both, all_three):
        client.Confirm(stubs.event.ConfirmRequest(event="made.up", event_id=event_id,
                                                  group=group + " one"), timeout=programs.WAIT)
    assert pull(event_id=both, group=group + " one").success
    assert pull(event_id=both, group=group + " one").attempt == 1
    assert not pull(event_id=both, group=group + " two").success
    assert not pull(event_id=both, group="none of them").success
    assert not pull(event_id=both).success  # not by all
    client.Confirm(stubs.event.ConfirmRequest(event="made.up", event_id=both), timeout=programs.WAIT)
    assert pull(event_id=both).success and pull(event_id=both, **mine).success
    assert not pull(event_id=all_three, **mine).success
    client.Confirm(stubs.event.ConfirmRequest(event="made.up", event_id=all_three), timeout=programs.WAIT,
                   **mine)
    assert pull(event_id=all_three, **mine).success and not pull(event_id=all_three).success
