"""Confirm: every state of a delivery, in every mode, within and after its window, has one answer."""

import concurrent.futures
import itertools

import grpc
import pytest

import observe
import postgres
import programs
import subjects
from event_log import Log

OK, CONFLICT, NOT_FOUND, INVALID = (grpc.StatusCode.OK, grpc.StatusCode.ALREADY_EXISTS,
                                    grpc.StatusCode.NOT_FOUND, grpc.StatusCode.INVALID_ARGUMENT)
NUMBERS = itertools.count()
STATES = ["unspecified", "waiting", "leased", "delivered", "confirmed", "failed", "dead"]


@pytest.fixture(scope="module")
def log(database):
    return Log(database)


@pytest.fixture(scope="module")
def members(log):
    """Of one group each: a subscription by its confirm mode."""
    return {"auto": log.subscription("auto group"),
            "explicit": log.subscription("explicit group", "explicit"),
            "last": log.subscription("last group", "explicit", schedule=[])}


@pytest.fixture(scope="module")
def client(channel, stubs):
    return stubs.event_grpc.EventStub(channel)


def unused_id():
    return f"id-{next(NUMBERS)}"


def confirm(client, stubs, event_id, success=None, group="", event="made.up", metadata=()):
    """Code, and the deliveries or the sentence."""
    try:
        answer = client.Confirm(stubs.event.ConfirmRequest(
            event=event, event_id=event_id, success=success, group=group), timeout=programs.WAIT,
            metadata=metadata)
        return OK, answer.deliveries
    except grpc.RpcError as error:
        return error.code(), error.details()


# --- the table -------------------------------------------------------------------------------------
#
# How a delivery stands, its subscription, whether an hour has gone since -> what a confirmation and
# what a refusal does: to whom it is answered with OK it stands so afterwards, with or without a step.

STANDS = {
    "waiting": [],
    "given back": ["waiting"],
    "leased": [None],
    "delivered": ["delivered"],
    "failed": ["failed"],
    "confirmed": ["confirmed"],
    "dead": ["dead"],
}

TABLE = [
    # stands        member      late   confirmed                 refused
    ("waiting", "auto", False, ("confirmed", 1), ("failed", 1)),
    ("waiting", "explicit", False, ("confirmed", 1), ("failed", 1)),
    ("given back", "auto", False, ("confirmed", 1), ("failed", 1)),
    ("given back", "explicit", True, ("confirmed", 1), ("failed", 1)),
    ("leased", "auto", False, ("confirmed", 1), ("failed", 1)),
    ("leased", "auto", True, ("confirmed", 1), ("failed", 1)),
    ("leased", "explicit", False, ("confirmed", 1), ("failed", 1)),
    ("leased", "explicit", True, ("confirmed", 1), ("failed", 1)),
    ("leased", "last", False, ("confirmed", 1), ("dead", 1)),
    ("delivered", "auto", False, ("confirmed", 1), ("failed", 1)),
    ("delivered", "auto", True, ("confirmed", 1), CONFLICT),
    ("delivered", "explicit", False, ("confirmed", 1), ("failed", 1)),
    ("delivered", "explicit", True, ("confirmed", 1), ("failed", 1)),
    ("delivered", "last", False, ("confirmed", 1), ("dead", 1)),
    ("delivered", "last", True, ("confirmed", 1), ("dead", 1)),
    ("failed", "auto", False, ("confirmed", 1), "same"),
    ("failed", "auto", True, ("confirmed", 1), "same"),
    ("failed", "explicit", False, ("confirmed", 1), "same"),
    ("failed", "explicit", True, ("confirmed", 1), "same"),
    ("confirmed", "auto", False, "same", CONFLICT),
    ("confirmed", "auto", True, "same", CONFLICT),
    ("confirmed", "explicit", False, "same", CONFLICT),
    ("confirmed", "explicit", True, "same", CONFLICT),
    ("dead", "auto", False, CONFLICT, "same"),
    ("dead", "auto", True, CONFLICT, "same"),
    ("dead", "explicit", False, CONFLICT, "same"),
    ("dead", "explicit", True, CONFLICT, "same"),
]


def test_the_table_is_whole():
    named = {(stands, member) for stands, member, *_ in TABLE}
    assert named >= {(s, m) for s in STANDS for m in ("auto", "explicit")}
    timed = {(s, m, late) for s, m, late, *_ in TABLE if s not in ("waiting", "given back")}
    assert timed >= {(s, m, late) for s in list(STANDS)[2:] for m in ("auto", "explicit")
                     for late in (False, True)}


def put(log, members, stands, member, late):
    """An event whose delivery stands so. Gives its id and position."""
    subscription, queue = members[member]
    event_id = unused_id()
    position = log.publish("made.up", event_id, queue)
    for outcome in STANDS[stands]:
        leased = log.lease(queue, position, subscription)
        if outcome:
            assert log.conclude(queue, position, leased, outcome, subscription) == outcome
    if late:
        log.age(position)
    return event_id, position


def stands_now(log, position):
    steps = log.steps(position)
    assert [int(number) for number, _, _ in steps] == list(range(1, len(steps) + 1))
    return tuple(steps[-1][1:]) if steps else ("waiting", "0")


def check(log, client, stubs, event_id, position, success, expected):
    """One confirmation; what it answers and what it does."""
    before, steps = stands_now(log, position), len(log.steps(position))
    code, said = confirm(client, stubs, event_id, success)
    after = stands_now(log, position)
    if expected is CONFLICT:
        assert (code, after, len(log.steps(position))) == (CONFLICT, before, steps), said
        assert said.startswith("success: ")
        return
    assert code == OK, said
    stood = before if expected == "same" else (expected[0], str(expected[1]))
    assert after == stood
    assert len(log.steps(position)) == steps + (expected != "same")
    assert [(STATES[d.state], str(d.attempt), d.event_id) for d in said] == [(*after, event_id)]


@pytest.mark.parametrize("stands, member, late, confirmed, refused", TABLE)
def test_every_state_has_one_answer(log, members, client, stubs, stands, member, late, confirmed,
                                    refused):
    for success, expected in ((True, confirmed), (False, refused)):
        event_id, position = put(log, members, stands, member, late)
        check(log, client, stubs, event_id, position, success, expected)
        # The same again does nothing; the opposite finds what was done.
        if expected is CONFLICT:
            check(log, client, stubs, event_id, position, success, CONFLICT)
            continue
        check(log, client, stubs, event_id, position, success, "same")
        final = stands_now(log, position)[0] != "failed"
        check(log, client, stubs, event_id, position, not success,
              CONFLICT if final else ("confirmed", 1))


def test_what_it_answers(log, members, client, stubs, database):
    subscription, queue = members["explicit"]
    event_id = unused_id()
    position = log.publish("made.up", event_id, queue)
    log.lease(queue, position, subscription)
    code, (delivery,) = confirm(client, stubs, event_id, False)
    number, state, at, due, attempt, reason, who, time = log.steps(
        position, "number, state, event.milliseconds(at), event.milliseconds(due), attempt, reason, "
        f"confirmed_by, (SELECT event.milliseconds(time) FROM event.event WHERE position = {position})")[1]
    assert (code, delivery.event, delivery.group, delivery.member, STATES[delivery.state]) == (
        OK, "made.up", "explicit group", "", state)
    assert (delivery.at, delivery.due, delivery.attempt, delivery.reason, delivery.time) == (
        int(at), int(due), int(attempt), reason, int(time))
    assert reason == "refused by its receiver" and who.startswith("127.0.0.1")
    assert 4500 <= int(due) - int(at) <= 5500  # the schedule's first step, give or take a tenth
    _, (delivery,) = confirm(client, stubs, event_id)
    assert (STATES[delivery.state], delivery.due, delivery.reason) == ("confirmed", 0, "")


def test_a_result_that_comes_later_changes_nothing(log, members, client, stubs):
    for outcome in ("delivered", "failed"):
        for success, state in ((True, "confirmed"), (False, "failed")):
            subscription, queue = members["auto"]
            event_id = unused_id()
            position = log.publish("made.up", event_id, queue)
            leased = log.lease(queue, position, subscription)
            assert confirm(client, stubs, event_id, success)[0] == OK
            due = log.steps(position, "due")[-1]
            assert log.conclude(queue, position, leased, outcome, subscription) == state
            assert [row[1] for row in log.steps(position)] == ["leased", state, state]
            assert log.steps(position, "due")[-1] == due
            assert log.steps(position, "status, confirmed_by")[-1] == ["200", ""]


# --- of which group ----------------------------------------------------------------------------------

def states(log, position):
    return {row[0]: row[1] for row in log.database.rows(
        "SELECT q.group_name, coalesce((event.last_transition(d.queue_id, d.position)).state, 'waiting') "
        "FROM event.delivery d JOIN event.queue q ON q.id = d.queue_id "
        f"WHERE d.position = {position}")}


def test_of_the_group_that_is_named(log, client, stubs):
    queues = [log.queue(group) for group in ("one", "two", "three")]
    event_id = unused_id()
    position = log.publish("made.up", event_id, *queues)
    assert confirm(client, stubs, event_id, group="two")[0] == OK
    assert states(log, position) == {"one": "waiting", "two": "confirmed", "three": "waiting"}
    assert confirm(client, stubs, event_id, group="four") == (NOT_FOUND,
                                                              "group: it does not get this event")
    assert confirm(client, stubs, event_id, group="default")[0] == NOT_FOUND


def test_without_a_group_every_open_one_and_then_all(log, client, stubs):
    queues = [log.queue(group) for group in ("one", "two", "three")]
    event_id = unused_id()
    position = log.publish("made.up", event_id, *queues)
    # Only what is open is refused: the confirmed one of group two is no conflict.
    confirm(client, stubs, event_id, group="two")
    code, deliveries = confirm(client, stubs, event_id, False)
    assert (code, [d.group for d in deliveries]) == (OK, ["one", "three"])
    assert states(log, position) == {"one": "failed", "two": "confirmed", "three": "failed"}
    code, deliveries = confirm(client, stubs, event_id, True)
    assert (code, [d.group for d in deliveries]) == (OK, ["one", "three"])
    # None is open: now it is about all of them.
    code, deliveries = confirm(client, stubs, event_id, True)
    assert (code, [d.group for d in deliveries]) == (OK, ["one", "three", "two"])
    assert confirm(client, stubs, event_id, False)[0] == CONFLICT


def test_a_conflict_in_one_changes_none(log, client, stubs):
    """The middle one is confirmed, and all are meant, since none is open."""
    late = [log.subscription(group, "auto") for group in ("one", "two", "three")]
    event_id = unused_id()
    position = log.publish("made.up", event_id, *(queue for _, queue in late))
    for subscription, queue in late:
        leased = log.lease(queue, position, subscription)
        log.conclude(queue, position, leased, "delivered", subscription)
    confirm(client, stubs, event_id, group="two")
    before = log.steps(position)
    assert confirm(client, stubs, event_id, False)[0] == CONFLICT
    assert log.steps(position) == before


def test_of_the_application_that_asks(log, database, channel, client, stubs):
    subjects.put(database.url, "application", "shop", "administrator")
    key = subjects.basic(subjects.put_key(database.url, "shop", "confirm1"))
    subjects.wait_known(channel, stubs)
    metadata = [("authorization", key)]
    queues = [log.queue(group) for group in ("shop", "two")]
    event_id = unused_id()
    position = log.publish("made.up", event_id, *queues)
    assert confirm(client, stubs, event_id, metadata=metadata)[0] == OK
    assert states(log, position) == {"shop": "confirmed", "two": "waiting"}
    assert log.steps(position, "confirmed_by") == [["shop"]]
    # Its own is final: the open one of group two is not meant.
    assert confirm(client, stubs, event_id, False, metadata=metadata)[0] == CONFLICT
    event_id = unused_id()
    position = log.publish("made.up", event_id, queues[1])
    assert confirm(client, stubs, event_id, metadata=metadata)[0] == OK
    assert states(log, position) == {"two": "confirmed"}


def test_what_nobody_gets_belongs_to_group_default(log, client, stubs):
    for group in ("", "default"):
        event_id = unused_id()
        position = log.publish("made.up", event_id)
        if group == "":
            assert confirm(client, stubs, event_id, group="other")[0] == NOT_FOUND
        code, (delivery,) = confirm(client, stubs, event_id, group=group)
        assert (code, delivery.group, STATES[delivery.state]) == (OK, "default", "confirmed")
        assert states(log, position) == {"default": "confirmed"}
        assert confirm(client, stubs, event_id)[0] == OK
        assert confirm(client, stubs, event_id, False, "default")[0] == CONFLICT
        assert len(log.steps(position)) == 1


def test_members_that_get_broadcasts_are_named(log, client, stubs):
    log.subscription("cast", name="cast one", broadcast=True)
    queues = [row[0] for row in log.database.rows(
        "SELECT id FROM event.queue WHERE group_name = 'cast'")]
    event_id = unused_id()
    log.publish("made.up", event_id, *queues)
    code, deliveries = confirm(client, stubs, event_id, group="cast")
    assert (code, [(d.group, d.member) for d in deliveries]) == (OK, [("cast", "cast one")])


# --- what is refused ---------------------------------------------------------------------------------

def test_what_there_is_not(log, client, stubs):
    event_id = unused_id()
    log.publish("made.up", event_id, log.queue("one"))
    assert confirm(client, stubs, "no such id") == (NOT_FOUND, "eventId: no such event")
    assert confirm(client, stubs, event_id, event="other.name") == (
        NOT_FOUND, "event: the event of that id has another name")
    assert confirm(client, stubs, event_id, metadata=[("x-namespace", "other")])[0] == NOT_FOUND
    assert confirm(client, stubs, event_id, event="") == (INVALID, "event: is required")
    assert confirm(client, stubs, "") == (INVALID, "eventId: is required")


# --- at the same time --------------------------------------------------------------------------------

def test_fifty_at_once_end_in_one_state(log, members, client, stubs):
    """The first refusal sends it back, the first confirmation ends it: it is confirmed in the end."""
    for member in ("auto", "explicit"):
        subscription, queue = members[member]
        event_id = unused_id()
        position = log.publish("made.up", event_id, queue)
        log.lease(queue, position, subscription)
        with concurrent.futures.ThreadPoolExecutor(50) as pool:
            answers = list(pool.map(lambda i: confirm(client, stubs, event_id, i % 2 == 0), range(50)))
        assert all(code == OK for code, _ in answers[::2])
        assert {code for code, _ in answers[1::2]} <= {OK, CONFLICT}
        assert stands_now(log, position) == ("confirmed", "1")
        assert [row[1] for row in log.steps(position)] in (["leased", "confirmed"],
                                                           ["leased", "failed", "confirmed"])


def test_one_that_is_confirmed_meanwhile_takes_the_others_back(log, database, client, stubs):
    """A refusal of both finds both open, and writes the first; then the second turns out confirmed."""
    queues = [log.queue(group) for group in ("m1", "m2")]
    event_id = unused_id()
    position = log.publish("made.up", event_id, *queues)
    with (postgres.Session(database.url) as session,
          concurrent.futures.ThreadPoolExecutor(1) as pool):
        session.run(f"BEGIN; SELECT FROM event.confirm('default', '{event_id}', 'made.up', 'm2', NULL, "
                    "true, 'somebody');")
        refused = pool.submit(confirm, client, stubs, event_id, False)
        observe.wait_until(lambda: database.rows(
            "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() "
            "AND wait_event_type = 'Lock' AND query LIKE '%event.confirm(%'"))
        session.run("COMMIT;")
        assert refused.result(programs.WAIT)[0] == CONFLICT
    assert states(log, position) == {"m1": "waiting", "m2": "confirmed"}


def test_several_deliveries_at_once_all_or_none(log, client, stubs):
    """Confirmations of all groups against refusals of one: either all became confirmed at once, or
    after the refusal."""
    queues = [log.queue(group) for group in ("r1", "r2", "r3", "r4")]
    for _ in range(5):
        event_id = unused_id()
        position = log.publish("made.up", event_id, *queues)
        with concurrent.futures.ThreadPoolExecutor(24) as pool:
            answers = list(pool.map(lambda i: (i, confirm(
                client, stubs, event_id, i % 3 > 0, "" if i % 3 == 1 else f"r{i % 4 + 1}")), range(24)))
        for i, (code, said) in answers:
            assert code in (OK, CONFLICT), said
            # Nobody's refusal is conflicted with by a confirmation of an open one.
            assert code == OK or i % 3 == 0, said
        assert set(states(log, position).values()) == {"confirmed"}
        for queue in queues:
            numbers = [int(row[0]) for row in log.steps(position, queue=queue)]
            assert numbers == list(range(1, len(numbers) + 1))
