"""Groups, deliveries and their steps as they are shown; replay, pause and resume."""

import itertools
import threading

import grpc
import pytest

import event_tables
import observe
import postgres
import programs
from event_log import Log
from event_trial import Events

INVALID, NOT_FOUND = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND
NUMBERS = itertools.count()
WAITING, LEASED, DELIVERED, CONFIRMED, FAILED, DEAD = range(1, 7)


@pytest.fixture(scope="module")
def log(database):
    return Log(database)


@pytest.fixture(scope="module")
def events(channel, stubs, database):
    return Events(stubs, channel, database)


@pytest.fixture
def group(request):
    return f"{request.node.originalname} {next(NUMBERS)}"


@pytest.fixture
def ask(events, stubs):
    """ask("ListGroups", page_size=3): the answer."""
    def call(method, metadata=(), **fields):
        return getattr(events.stub, method)(getattr(stubs.event, method + "Request")(**fields),
                                            timeout=programs.WAIT, metadata=metadata)
    return call


def refusal(call, *arguments, **fields):
    with pytest.raises(grpc.RpcError) as caught:
        call(*arguments, **fields)
    return caught.value.code(), caught.value.details()


def pages(ask, method, items, **fields):
    """All items, page after page, and how many pages there were."""
    found, token, count = [], "", 0
    while count == 0 or token:
        got = ask(method, page_token=token, **fields)
        found += getattr(got, items)
        token, count = got.next_page_token, count + 1
        assert count < 1000, "the pages have no end"
    return found, count


def put(log, queue, count, name="made.up", **fields):
    """[(id, position)] of new events of one queue."""
    ids = [f"id-{next(NUMBERS)}" for _ in range(count)]
    return [(i, log.publish(name, i, queue, **fields)) for i in ids]


def finish(log, queue, position, outcome, subscription=None):
    return log.conclude(queue, position, log.lease(queue, position, subscription), outcome, subscription)


def write_many(log, queue, count, state=None, name="made.up"):
    """Events far more quickly than one by one: the owner may. Their positions lie at the present."""
    first = log.value("SELECT greatest(last_value + 1, event.position_at(clock_timestamp())) FROM"
                      " event.last_position")
    log.database.rows(
        "INSERT INTO event.event (position, time, namespace, event_id, name, data, queues, node)"
        f" SELECT {first} + i, event.time_at({first}), 'default', 'many-{first}-' || i, '{name}', '1',"
        f" '{{{queue}}}', 'test' FROM generate_series(0, {count - 1}) AS i;"
        f"INSERT INTO event.delivery SELECT {queue}, {first} + i FROM generate_series(0, {count - 1}) AS i;"
        f"SELECT setval('event.last_position', {first} + {count - 1})")
    if state:
        log.database.rows(
            "INSERT INTO event.transition (queue_id, position, number, state, at, attempt)"
            f" SELECT {queue}, {first} + i, 1, '{state}', now(), 1 FROM generate_series(0, {count - 1}) AS i")
    return int(first)


# --- groups ----------------------------------------------------------------------------------------


def test_groups_tell_what_is_open_and_since_when(log, ask, group):
    queue = log.queue(group)
    member, wide = log.subscription(group, broadcast=True, name=group + " wide")
    (_, done), (_, failed), (_, waits) = put(log, queue, 3)
    finish(log, queue, done, "delivered")
    finish(log, queue, failed, "failed")
    log.publish("made.up", group, wide)

    def shown():
        return [g for g in pages(ask, "ListGroups", "groups", page_size=2)[0] if g.group == group]
    one, two = shown()
    assert (one.member, one.paused, one.open) == ("", False, 2)
    assert (two.member, two.paused, two.open) == (group + " wide", False, 1)
    oldest = int(log.value(f"SELECT event.milliseconds(event.time_at({failed}))"))
    before = int(log.value("SELECT event.milliseconds(clock_timestamp())"))
    lag = shown()[0].lag_ms
    after = int(log.value("SELECT event.milliseconds(clock_timestamp())"))
    assert before - oldest - 1 <= lag <= after - oldest + 1
    for position in (failed, waits):
        finish(log, queue, position, "dead")
    assert (shown()[0].open, shown()[0].lag_ms) == (0, 0)
    log.database.rows(f"DELETE FROM event.subscription WHERE id = '{member}'")
    assert shown()[1].member == member


def test_groups_are_counted_up_to_ten_thousand_from_the_low_water_on(log, ask, group):
    def shown():
        return next(g for g in pages(ask, "ListGroups", "groups")[0] if g.group == group).open
    queue = log.queue(group)
    write_many(log, queue, 10001)
    assert shown() == 10000
    log.database.rows(f"INSERT INTO event.low_water (queue_id, position) VALUES ({queue},"
                      f" (SELECT position FROM event.delivery WHERE queue_id = {queue}"
                      " ORDER BY position OFFSET 8000 LIMIT 1))")
    assert shown() == 2000


def test_what_is_open_at_both_ends_of_much_is_counted(log, ask, group):
    queue = log.queue(group)
    put(log, queue, 1)
    write_many(log, queue, 25000, state="confirmed")
    put(log, queue, 2)
    got = next(g for g in pages(ask, "ListGroups", "groups")[0] if g.group == group)
    assert got.open == 3


def test_groups_have_their_pages(ask, log):
    space = "paged"
    other = Log(log.database, space)
    for name in ("b", "a", "c"):
        other.queue(name)
    metadata = (("x-namespace", space),)
    found, count = pages(ask, "ListGroups", "groups", page_size=2, metadata=metadata)
    assert ([g.group for g in found], count) == (["a", "b", "c"], 2)
    assert refusal(ask, "ListGroups", page_size=-1) == (INVALID, "pageSize: must be 1 to 1000")
    assert refusal(ask, "ListGroups", page_token="eA") == (
        INVALID, "pageToken: is none of a page of this list")


# --- deliveries --------------------------------------------------------------------------------------


def test_deliveries_show_how_they_stand(log, ask, group):
    subscription, queue = log.subscription(group, "explicit")
    names = ["s.waiting", "s.leased", "s.delivered", "s.confirmed", "s.failed", "s.dead"]
    made = [put(log, queue, 1, name)[0] for name in names]
    for (_, position), state in zip(made[1:], ("leased", "delivered", "confirmed", "failed", "dead")):
        leased = log.lease(queue, position, subscription)
        if state != "leased":
            log.conclude(queue, position, leased, state, subscription)
    got, _ = pages(ask, "ListDeliveries", "deliveries", group=group)
    assert [(d.event, d.event_id, d.state, d.attempt) for d in got] == [
        (name, i, state, int(state > WAITING))
        for name, (i, _), state in reversed(list(zip(names, made, range(WAITING, DEAD + 1))))]
    for d, (_, position) in zip(reversed(got), made):
        at, due = (log.database.rows("SELECT event.milliseconds(at), event.milliseconds(due) FROM"
                                     f" event.transition WHERE position = {position}"
                                     " ORDER BY number DESC LIMIT 1") or [["0", "0"]])[0]
        assert (d.group, d.member, str(d.at), str(d.due)) == (group, "", at or "0", due or "0")
        assert d.time == position >> 20
    for state in range(WAITING, DEAD + 1):
        assert [d.state for d in pages(ask, "ListDeliveries", "deliveries", group=group, state=state)[0]
                ] == [state]


def test_deliveries_are_filtered_by_pattern_id_and_time(log, ask, group):
    queue = log.queue(group)
    names = ["f.a", "f.b.c", "f.文", "f.[x]", "g"]
    made = {name: put(log, queue, 1, name)[0] for name in names}

    def found(**fields):
        return [d.event for d in pages(ask, "ListDeliveries", "deliveries", group=group, **fields)[0]]
    assert found() == names[::-1]
    assert found(event="f.*") == ["f.[x]", "f.文", "f.a"]
    assert found(event="f.**") == ["f.[x]", "f.文", "f.b.c", "f.a"]
    assert found(event="f.?") == ["f.文", "f.a"]
    assert found(event="f.[x]") == ["f.[x]"] and found(event="f.[?]") == ["f.[x]"]
    assert found(event="g") == ["g"] and found(event="F.*") == []
    assert found(event_id=made["g"][0]) == ["g"] and found(event_id="nobody's") == []
    assert found(event_id=made["g"][0], event="f.*") == []
    ms = {name: position >> 20 for name, (_, position) in made.items()}
    here = [n for n in names if ms[n] == ms["f.文"]]
    assert found(begin_time=ms["f.文"], end_time=ms["f.文"]) == here[::-1]
    assert found(begin_time=ms["g"] + 1) == found(end_time=ms["f.a"] - 1) == []
    assert found(begin_time=-(2 ** 63), end_time=2 ** 63 - 1) == names[::-1]
    assert found(begin_time=2 ** 63 - 1) == found(end_time=-(2 ** 63)) == []


@pytest.mark.parametrize("fields, message", [
    ({"event": "a..b"}, "event: must not have an empty level"), ({"state": 7}, "state: is not known"),
    ({"page_size": 1001}, "pageSize: must be 1 to 1000"),
    ({"page_token": "x"}, "pageToken: is none of a page of this list"),
    ({"page_token": "YQpiCg"}, "pageToken: is none of a page of this list"),
    ({"page_token": "MQotMQo"}, "pageToken: is none of a page of this list")])
def test_deliveries_are_refused(ask, fields, message):
    assert refusal(ask, "ListDeliveries", **fields) == (INVALID, message)


def test_pages_of_one_event_are_of_its_queues(log, ask, group):
    queues = [log.queue(group)] + [log.subscription(group, broadcast=True, name=f"{group} {i}")[1]
                                   for i in range(3)]
    log.publish("made.up", group, *queues)
    for size in (1, 3):
        found, count = pages(ask, "ListDeliveries", "deliveries", event_id=group, page_size=size)
        assert [d.member for d in found] == [f"{group} {i}" for i in (2, 1, 0)] + [""]
        assert count >= 4 // size


@pytest.mark.parametrize("narrow", [{}, {"group": True}, {"state": WAITING}, {"state": DEAD}])
def test_pages_of_deliveries_skip_and_repeat_none(log, ask, group, narrow):
    """Events of several queues, some of them at several, in all ways that they are looked for."""
    space = f"space-{next(NUMBERS)}"
    other = Log(log.database, space)
    queues = [other.queue(group)] + [other.subscription(group, broadcast=True)[1] for _ in range(2)]
    wanted = []
    for i in range(12):
        here = queues[:i % 4]
        position = other.publish("page", f"{group}{i}", *here)
        wanted += [(position, q) for q in here]
        if narrow.get("state") == DEAD:
            for q in here:
                finish(other, q, position, "dead")
    position = other.publish("page", group, queues[0])  # dead once, and open again
    finish(other, queues[0], position, "dead")
    log.database.rows(f"SELECT event.replay_some({queues[0]}, 0, {position}, '{{dead}}', 10, 'me')"
                      if narrow.get("state") != DEAD else
                      f"SELECT event.replay_some({queues[0]}, {position - 1}, {position}, '{{dead}}', 10, 'me')")
    if narrow.get("state") != DEAD:
        wanted.append((position, queues[0]))
    fields = {**narrow, **({"group": group} if "group" in narrow else {})}
    ids = dict(log.database.rows("SELECT position, event_id FROM event.event"))
    members = {"": queues[0], **{name: int(q) for q, name in log.database.rows(
        "SELECT queue_id, name FROM event.subscription")}}
    for size in (1, 2, 5, 1000):
        got, _ = pages(ask, "ListDeliveries", "deliveries", page_size=size,
                       metadata=(("x-namespace", space),), **fields)
        assert [(d.event_id, members[d.member]) for d in got] == [
            (ids[str(p)], q) for p, q in sorted(wanted, reverse=True)]


def test_a_page_looks_at_so_many_deliveries_and_goes_on(log, ask, group):
    queue = log.queue(group)
    wanted = put(log, queue, 1, "needle")[0][0]
    write_many(log, queue, 10000)
    got = ask("ListDeliveries", group=group, event="needle")
    assert (list(got.deliveries), bool(got.next_page_token)) == ([], True)
    found, count = pages(ask, "ListDeliveries", "deliveries", group=group, event="needle")
    assert ([d.event_id for d in found], count) == ([wanted], 3)
    found, count = pages(ask, "ListDeliveries", "deliveries", event="needle")  # by the log
    assert [d.event_id for d in found] == [wanted] and count >= 3


def test_namespaces_are_apart(log, ask, group):
    put(log, log.queue(group), 1)
    metadata = (("x-namespace", "nobodys"),)
    assert pages(ask, "ListDeliveries", "deliveries", metadata=metadata)[0] == []
    assert pages(ask, "ListDeliveries", "deliveries", group=group, metadata=metadata)[0] == []
    assert pages(ask, "ListGroups", "groups", metadata=metadata)[0] == []
    assert refusal(ask, "Replay", group=group, metadata=metadata) == (NOT_FOUND, f"no group {group}")
    assert refusal(ask, "Pause", group=group, metadata=metadata) == (NOT_FOUND, f"no group {group}")


# --- steps -------------------------------------------------------------------------------------------


def test_every_step_is_shown(log, ask, events, group):
    subscription, queue = log.subscription(group, "explicit", schedule=[1000], name=group)
    other = log.queue(group + " 2")
    position = log.publish("step.s", group, queue, other)
    for outcome in ("failed", "delivered"):
        log.conclude(queue, position, log.lease(queue, position, subscription), outcome, subscription)
    events.confirm("step.s", group, group=group)
    got = ask("ListTransitions", event_id=group).transitions
    assert [(t.group, t.member, t.number, t.state, t.attempt, t.subscription) for t in got] == [
        (group, "", 1, LEASED, 1, group), (group, "", 2, FAILED, 1, group),
        (group, "", 3, LEASED, 2, group), (group, "", 4, DELIVERED, 2, group),
        (group, "", 5, CONFIRMED, 2, group)]
    assert [(t.holder, t.status, t.code, t.latency_ms, bool(t.due)) for t in got] == [
        ("test-1", 0, "", 0, True), ("test-1", 200, "200", 1.5, True), ("test-1", 0, "", 0, True),
        ("test-1", 200, "200", 1.5, True), ("", 0, "", 0, False)]
    assert got[4].confirmed_by and not got[3].confirmed_by
    assert [t.at for t in got] == [int(ms) for (ms,) in log.steps(position, "event.milliseconds(at)")]
    assert ask("ListTransitions", event_id=group, group=group).transitions == got
    assert list(ask("ListTransitions", event_id=group, group=group + " 2").transitions) == []
    assert refusal(ask, "ListTransitions", event_id="nobody's") == (NOT_FOUND, "eventId: no such event")
    assert refusal(ask, "ListTransitions") == (INVALID, "eventId: is required")


# --- replay ------------------------------------------------------------------------------------------


def states(log, made):
    return [log.steps(position, "state, attempt")[-1] for _, position in made]


@pytest.fixture
def finished(log, group):
    """A queue and its events: delivered, confirmed, failed, dead, waiting, leased."""
    queue = log.queue(group)
    made = put(log, queue, 6)
    for (_, position), outcome in zip(made, ("delivered", "confirmed", "failed", "dead")):
        finish(log, queue, position, outcome)
    log.lease(queue, made[5][1])
    return queue, made


def test_all_dead_are_opened_again(log, ask, finished, group):
    _, made = finished
    assert ask("Replay", group=group).replayed == 1
    assert log.steps(made[3][1], "number, state, attempt, due, reason")[-1][:4] == ["3", "waiting", "0", ""]
    assert log.steps(made[3][1], "reason")[-1][0].startswith("replayed by ")
    assert states(log, made[:3]) == [["delivered", "1"], ["confirmed", "1"], ["failed", "1"]]
    assert ask("Replay", group=group).replayed == 0


def test_one_event_is_opened_again_however_it_stands(log, ask, finished, group):
    _, made = finished
    for event_id, _ in made:
        ask("Replay", group=group, event_id=event_id)
    assert states(log, made[:4]) == [["waiting", "0"]] * 4
    assert log.steps(made[4][1]) == [] and states(log, made[5:]) == [["leased", "1"]]
    assert ask("Replay", group=group, event_id=made[0][0]).replayed == 0


def test_states_and_times_say_which(log, ask, finished, group):
    _, made = finished
    time = [position >> 20 for _, position in made]
    assert ask("Replay", group=group, states=[CONFIRMED, DELIVERED], end_time=time[0] - 1).replayed == 0
    assert ask("Replay", group=group, states=[CONFIRMED, DELIVERED], begin_time=time[5] + 1).replayed == 0
    assert ask("Replay", group=group, states=[CONFIRMED, DELIVERED], begin_time=time[0],
               end_time=time[5]).replayed == 2
    assert states(log, made[:4]) == [["waiting", "0"]] * 2 + [["failed", "1"], ["dead", "1"]]
    assert ask("Replay", group=group, event_id=made[3][0], states=[FAILED]).replayed == 0
    assert ask("Replay", group=group, event_id=made[3][0], end_time=time[3] - 1).replayed == 0
    assert ask("Replay", group=group, event_id=made[2][0], states=[FAILED]).replayed == 1


def test_a_replay_is_refused(ask, finished, group):
    assert refusal(ask, "Replay") == (INVALID, "group: is required")
    assert refusal(ask, "Replay", group="nobody") == (NOT_FOUND, "no group nobody")
    assert refusal(ask, "Replay", group=group, event_id="no") == (
        NOT_FOUND, f"the group {group} does not get such an event")
    for state in (0, WAITING, LEASED, 7):
        assert refusal(ask, "Replay", group=group, states=[DEAD, state]) == (
            INVALID, "states[1]: must be CONFIRMED, DELIVERED, FAILED or DEAD")


def test_much_is_opened_in_steps_that_leave_the_mark_behind(log, ask, group):
    """Nothing is open below the mark of a queue at any time, or nobody would look for it."""
    queue = log.queue(group)
    write_many(log, queue, 5001, state="dead")
    first = write_many(log, queue, 4500, state="confirmed")
    log.database.rows("INSERT INTO event.low_water (queue_id, position)"
                      f" VALUES ({queue}, {first + 5000})")
    generation = int(log.value(f"SELECT generation FROM event.queue WHERE id = {queue}"))
    broken, done = [], threading.Event()

    def look():
        while not done.is_set():
            rows = log.database.rows(event_tables.RULES["open deliveries below the mark"])
            broken.extend(row for row in rows if row[0] == str(queue))
    looking = threading.Thread(target=look)
    looking.start()
    try:
        assert ask("Replay", group=group).replayed == 5001
        assert ask("Replay", group=group, states=[CONFIRMED]).replayed == 4500
    finally:
        done.set()
        looking.join()
    assert broken == []
    assert int(log.value(f"SELECT generation FROM event.queue WHERE id = {queue}")) >= generation + 6
    assert log.value(f"SELECT count(*) FROM event.load_queue({queue}, NULL, 20000)") == "9501"


def test_what_a_server_knew_before_does_not_move_the_mark_over_a_replay(log, ask, group):
    queue = log.queue(group)
    (_, position), = put(log, queue, 1)
    finish(log, queue, position, "dead")
    note = f"SELECT event.set_low_water({queue}, {position}, 1, 0); SELECT event.low_water_of({queue})"
    assert log.database.rows(note)[-1] == [str(position)]
    assert ask("Replay", group=group).replayed == 1
    assert log.database.rows(note)[-1] == [str(position - 1)]
    assert log.value(f"SELECT count(*) FROM event.load_queue({queue}, NULL, 10)") == "1"


def test_a_replay_and_a_server_that_notes_the_mark_wait_for_each_other(log, group):
    """Whoever is first: what is open is never below the mark."""
    queue = log.queue(group)
    (_, position), = put(log, queue, 1)
    finish(log, queue, position, "dead")
    noting = f"SELECT event.set_low_water({queue}, {position}, 1, 0)"
    with postgres.Session(log.database.url) as replay:
        replay.run(f"BEGIN; SELECT FROM event.replay_some({queue}, 0, {position}, '{{dead}}', 10, 'me');")
        server = threading.Thread(target=postgres.psql, args=(log.database.url, noting))
        server.start()
        observe.wait_until(lambda: log.value(f"SELECT count(*) FROM {postgres.LOCKS} WHERE locktype = 'advisory'"
                                             f" AND objid = {queue} AND NOT granted") == "1")
        replay.run("COMMIT;")
        server.join()
    assert log.value(f"SELECT event.low_water_of({queue}) < {position}") == "t"


def test_replayed_it_is_delivered_again(events, ask, group):
    with programs.Upstream(lambda request: (200, {}, b'{"code":"200"}')) as receiver:
        events.push(group, f"http://127.0.0.1:{receiver.port}/", "again." + str(next(NUMBERS)))
        name = "again." + str(next(NUMBERS) - 1)
        sent = events.publish(name).event_id
        events.wait_state(sent, group, "delivered")
        assert ask("Replay", group=group, event_id=sent).replayed == 1
        events.wait_state(sent, group, "delivered")
        assert [state for state, _ in events.steps(sent, group)] == [
            "leased", "delivered", "waiting", "leased", "delivered"]
        assert len(receiver.requests) == 2


# --- pause and resume --------------------------------------------------------------------------------


def test_a_paused_group_gets_nothing_until_it_is_resumed(events, ask, group):
    with programs.Upstream(lambda request: (200, {}, b'{"code":"200"}')) as receiver:
        pattern = f"paused.{next(NUMBERS)}"
        events.push(group, f"http://127.0.0.1:{receiver.port}/", pattern)
        for pause in ({"group": group}, {"subscription": group}):
            before = len(receiver.requests)
            ask("Pause", **pause)
            ask("Pause", **pause)
            held = events.publish(pattern).event_id
            # Another one passes meanwhile.
            events.push(group + "2", f"http://127.0.0.1:{receiver.port}/", pattern + "2")
            passed = events.publish(pattern + "2").event_id
            events.wait_state(passed, group + "2", "delivered")
            assert events.steps(held, group) == [] and len(receiver.requests) == before + 1
            ask("Resume", **pause)
            events.wait_state(held, group, "delivered")


def test_pause_takes_the_members_along_and_those_that_come(log, events, ask, group):
    queue = log.queue(group)
    events.register(group, "a", name=group + "1", broadcast=True)
    paused = f"SELECT id, paused FROM event.queue WHERE group_name = '{group}' ORDER BY id"
    revision = "SELECT value FROM event.revision"
    ask("Pause", group=group)
    before = log.value(revision)
    ask("Pause", group=group)
    assert log.value(revision) == before
    events.register(group, "a", name=group + "2", broadcast=True)
    assert [p for _, p in log.database.rows(paused)] == ["t"] * 3
    assert [g.paused for g in pages(ask, "ListGroups", "groups")[0] if g.group == group] == [True] * 3
    ask("Resume", group=group)
    assert [p for _, p in log.database.rows(paused)] == ["f"] * 3
    assert str(queue) in [q for q, _ in log.database.rows(paused)]


def test_resume_enables_what_junction_has_disabled(log, events, ask, group):
    s = events.register(group, "a", url="http://127.0.0.1:1/").subscription
    log.database.rows(f"SELECT event.disable_subscription('{s.id}', '{s.url}', 'gone')")
    row = f"SELECT enabled, disabled_reason FROM event.subscription WHERE id = '{s.id}'"
    assert log.database.rows(row) == [["f", "gone"]]
    ask("Pause", subscription=group)
    assert log.database.rows(row) == [["f", ""]]
    ask("Resume", subscription=group)
    assert log.database.rows(row) == [["t", ""]]


@pytest.mark.parametrize("method", ["Pause", "Resume"])
def test_pause_and_resume_are_refused(ask, method):
    for fields in ({}, {"group": "a", "subscription": "b"}):
        assert refusal(ask, method, **fields) == (INVALID, "group: either it or a subscription is required")
    assert refusal(ask, method, group="nobody") == (NOT_FOUND, "no group nobody")
    assert refusal(ask, method, subscription="nobody") == (NOT_FOUND, "no subscription nobody")
