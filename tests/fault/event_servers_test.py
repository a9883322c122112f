"""Servers that share the work of events, and what becomes of it when one ends."""

import collections
import concurrent.futures

import pytest

import event_receivers as receivers
import event_tables
import programs
from event_trial import Fleet
from observe import wait_until

GROUPS = 24


@pytest.fixture(scope="module")
def fleet(database, stubs):
    """Two that nobody kills."""
    with Fleet(stubs, database, 2) as fleet:
        yield fleet
    event_tables.check(database)


@pytest.fixture
def own_database(cluster_url):
    with programs.Database(cluster_url) as database:
        yield database
        event_tables.check(database)


@pytest.fixture
def doomed(own_database, stubs):
    with Fleet(stubs, own_database, 2) as fleet:
        yield fleet


def holders(database, prefix):
    return collections.Counter(row[0] for row in database.rows(
        "SELECT t.holder FROM event.transition t JOIN event.queue q ON q.id = t.queue_id"
        f" WHERE t.state = 'leased' AND q.group_name LIKE '{prefix}%'"))


def test_two_servers_share_many_queues(fleet, database):
    events = list(fleet.events.values())
    with receivers.Receiver() as receiver:
        for i in range(GROUPS):
            events[0].push(f"share{i}", receiver.url(f"/{i}"), "share.*", timeout_ms=60_000)
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            ids = list(pool.map(lambda i: events[i % 2].publish(f"share.{i % 3}", i).event_id,
                                range(40)))
        for i in range(GROUPS):
            pushes = receiver.wait_count(len(ids), f"share{i}")
            # Nothing failed: each came once.
            assert collections.Counter(p.event_id for p in pushes) == collections.Counter(ids)
            assert {p.path for p in pushes} == {f"/{i}"} and {p.attempt for p in pushes} == {1}
        events[0].wait_done()
    assert set(holders(database, "share")) == set(fleet.names.values())


def test_order_per_key_over_two_servers(fleet):
    events = list(fleet.events.values())
    with receivers.Receiver() as receiver:
        for group in ("order1", "order2"):
            events[0].push(group, receiver.url(), "order.**", timeout_ms=60_000)
        for i in range(120):
            events[i % 2].publish(f"order.{i % 2}", i, key=f"order-{i % 3}")
        for group in ("order1", "order2"):
            pushes = receiver.wait_count(120, group)
            for key in range(3):
                assert [p.data for p in pushes if p.data % 3 == key] == list(range(key, 120, 3))
        events[0].wait_done()


def test_a_failed_one_holds_back_its_key_alone(fleet):
    events = fleet.events[1]
    refused = set()

    def behave(receiver, connection, push):
        if push.data["key"] == "a" and push.data["n"] == 0 and push.attempt < 4:
            refused.add(push.attempt)
            return receivers.lie(receiver, connection, push)
        return receivers.take(receiver, connection, push)
    with receivers.Receiver(behave) as receiver:
        events.push("held", receiver.url(), "held", timeout_ms=60_000)
        for n in range(5):
            for key in "ab":
                fleet.events[n % 2].publish("held", {"key": key, "n": n}, key="held-" + key)
        pushes = receiver.wait_count(10)
        events.wait_done()
        pushes = receiver.got()
        of_a = [(p.data["n"], p.attempt) for p in pushes if p.data["key"] == "a"]
        assert of_a == [(0, 1), (0, 2), (0, 3), (0, 4), (1, 1), (2, 1), (3, 1), (4, 1)]
        assert [(p.data["n"], p.attempt) for p in pushes if p.data["key"] == "b"] \
            == [(n, 1) for n in range(5)]
    assert refused == {1, 2, 3}


@pytest.mark.parametrize("end", ["kill", "stop"])
def test_another_server_takes_over(doomed, end):
    """The one in charge ends while its pushes hang. What it had is pushed again, by the other one."""
    group = "over-" + end
    with receivers.Receiver(receivers.hang) as receiver:
        # Long enough that none has ended by itself before its server is told to.
        doomed.events[0].push(group, receiver.url(), group, timeout_ms=8_000)
        ids = [doomed.events[i % 2].publish(group, i, key="k" if i < 3 else "").event_id
               for i in range(8)]
        wait_until(lambda: len(receiver.hung) == 6)  # all but those that wait for their key
        in_charge = doomed.in_charge(ids[-1], group)
        other = doomed.events[1 - in_charge]
        receiver.behave = receivers.take
        getattr(doomed, end)(in_charge)
        more = [other.publish(group, i).event_id for i in range(8, 12)]
        other.wait_done(group)
        taken = [p for p in receiver.got() if p.taken_at]
        assert collections.Counter(p.event_id for p in taken) == collections.Counter(ids + more)
        assert [p.data for p in taken if p.event_id in ids[:3]] == [0, 1, 2]
        for event_id in ids:
            steps = other.steps(event_id, group, "state, attempt, holder, reason")
            assert steps[-2:][0][2] == doomed.names[1 - in_charge]
            assert steps[-1][0] == "delivered"
        if end == "kill":
            lease = other.steps(ids[-1], group, "state, attempt, reason")[1]
            assert lease == ["leased", "2", "the lease before ran out"]
    doomed.start(in_charge)


def test_a_server_that_has_ended_comes_back_to_what_waits(own_database, stubs):
    """Both end while a target is away. What waited is there for those that start later."""
    with receivers.Receiver(receivers.fail) as receiver:
        with Fleet(stubs, own_database, 2) as fleet:
            fleet.events[0].push("back", receiver.url(), "back")
            ids = [fleet.events[i % 2].publish("back", i).event_id for i in range(10)]
            receiver.wait_count(1)
            fleet.kill(0)
        receiver.behave = receivers.take
        with Fleet(stubs, own_database, 1) as fleet:
            fleet.events[0].wait_done("back")
        assert {p.event_id for p in receiver.got() if p.taken_at} == set(ids)
