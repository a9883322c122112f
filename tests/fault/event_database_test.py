"""PostgreSQL killed while events flow, and a transaction that somebody holds open throughout."""

import collections
import os
import signal
import threading

import grpc
import pytest

import event_receivers as receivers
import event_tables
import postgres
import programs
from event_trial import FORGETFUL, Fleet, until_answered
from observe import wait_until


@pytest.fixture
def cluster():
    with postgres.Cluster(settings=FORGETFUL) as cluster:
        yield cluster


@pytest.fixture
def own_database(cluster):
    with programs.Database(cluster.url()) as database:
        yield database


class Publisher(threading.Thread):
    """Publishes with ids of its own, at both servers in turn, until it is stopped."""

    def __init__(self, fleet, name):
        super().__init__(daemon=True)
        self.fleet, self.prefix = fleet, name
        self.acknowledged, self.stopping, self.failure = [], threading.Event(), None

    def publish(self, number):
        event_id = f"{self.prefix}-{number}"
        answer = until_answered(lambda: self.fleet.events[number % 2].publish(
            "crash." + self.prefix, number, event_id=event_id, key=self.prefix, timeout=10))
        assert answer.event_id == event_id
        self.acknowledged.append((int(answer.cursor), event_id))

    def run(self):
        try:
            while not self.stopping.is_set():
                self.publish(len(self.acknowledged))
        except Exception as failure:  # told by the test's own thread
            self.failure = failure


def test_killing_postgresql_loses_no_event(cluster, own_database, stubs):
    with Fleet(stubs, own_database, 2) as fleet, receivers.Receiver() as receiver:
        events = fleet.events[0]
        for group in ("one", "two"):
            events.push(group, receiver.url(), "crash.**")
        publishers = [Publisher(fleet, f"p{i}") for i in range(4)]
        for publisher in publishers:
            publisher.start()

        def count():
            return sum(len(p.acknowledged) for p in publishers)
        for _ in range(3):
            before = count()
            wait_until(lambda: count() > before + 40)
            cluster.kill()
            cluster.start()
        before = count()
        wait_until(lambda: count() > before + 40)
        for publisher in publishers:
            publisher.stopping.set()
        for publisher in publishers:
            publisher.join()
        assert [p.failure for p in publishers] == [None] * 4
        events.wait_done()
        for group in ("one", "two"):
            taken = collections.Counter(p.event_id for p in receiver.got(group) if p.taken_at)
            assert set(taken) == {event_id for p in publishers for _, event_id in p.acknowledged}
            for publisher in publishers:
                came = [p.data for p in receiver.got(group) if p.event == "crash." + publisher.prefix]
                assert list(dict.fromkeys(came)) == list(range(len(publisher.acknowledged)))
        for publisher in publishers:
            assert publisher.acknowledged == sorted(publisher.acknowledged)
        event_tables.check(own_database, lost_leases=True)


def test_a_lease_that_is_lost_with_postgresql(cluster, own_database, stubs):
    """Its attempt hangs meanwhile, and is taken in the end: that counts, and it comes but once."""
    with Fleet(stubs, own_database, 1) as fleet, receivers.Receiver(receivers.hang) as receiver:
        events = fleet.events[0]
        events.push("lost", receiver.url(), "lost", timeout_ms=60_000)
        # From here on only what a commit waits for is on disk.
        writer, = own_database.rows(
            "SELECT pid FROM pg_stat_activity WHERE backend_type = 'walwriter'")
        os.kill(int(writer[0]), signal.SIGSTOP)
        event_id = events.publish("lost").event_id
        wait_until(lambda: receiver.hung)
        assert events.steps(event_id, "lost") == [["leased", "1"]]
        cluster.kill()
        cluster.start()
        # Unless a commit of something else has taken it along to the disk.
        assert events.steps(event_id, "lost") in ([], [["leased", "1"]])
        receiver.released.set()
        events.wait_done()
        assert events.steps(event_id, "lost")[-1][0] == "delivered"
        assert until_answered(lambda: events.publish("lost", 2)).cursor
        receiver.wait_count(2)
        assert [p.event_id for p in receiver.got()].count(event_id) == 1
        events.wait_done()
        event_tables.check(own_database, lost_leases=True)


def test_results_wait_for_postgresql(cluster, own_database, stubs):
    """What targets said while it was away is written when it is back: nothing comes twice."""
    with Fleet(stubs, own_database, 1) as fleet, receivers.Receiver(receivers.hang) as receiver:
        events = fleet.events[0]
        events.push("away", receiver.url(), "away", timeout_ms=60_000)
        ids = [events.publish("away", i).event_id for i in range(8)]
        wait_until(lambda: len(receiver.hung) == 8)
        cluster.kill()
        receiver.released.set()
        wait_until(lambda: all(p.taken_at for p in receiver.got()))
        with pytest.raises(grpc.RpcError) as caught:
            events.publish("away")
        assert caught.value.code() == grpc.StatusCode.UNAVAILABLE
        cluster.start()
        events.wait_done()
        assert collections.Counter(p.event_id for p in receiver.got()) == collections.Counter(ids)
        event_tables.check(own_database, lost_leases=True)


def test_a_transaction_held_open_stops_nothing(database, stubs):
    """Everything flows, and nothing becomes dead in the tables that grow: nothing to be vacuumed."""
    with Fleet(stubs, database, 2) as fleet, receivers.Receiver() as receiver, \
            postgres.Session(database.url) as holder:
        events = list(fleet.events.values())
        events[0].push("open", receiver.url(), "open")
        events[0].register("asked", "open")
        holder.run("BEGIN; SELECT txid_current();")
        ids = [events[i % 2].publish("open", i, key=f"k{i % 5}").event_id for i in range(200)]
        assert {p.event_id for p in receiver.wait_count(200, "open")} == set(ids)
        pulled = []
        while len(pulled) < 200:
            got = [e.event_id for e in events[len(pulled) % 2].pull("asked", limit=20).events]
            for event_id in got:
                events[0].confirm("open", event_id, "asked")
            pulled += got
        assert sorted(pulled) == sorted(ids)
        events[0].wait_done()
        # A subscription registered meanwhile counts, too.
        events[1].push("later", receiver.url(), "open.later")
        later = events[0].publish("open.later").event_id
        receiver.wait_count(1, "later")
        events[0].wait_state(later, "later", "delivered")
        holder.run("COMMIT;")

        def changed():
            # A row of two writers at once is dead at once in one of them: that is rare.
            return database.rows(
                "SELECT relname, n_tup_upd, n_dead_tup, n_tup_ins FROM pg_stat_user_tables"
                " WHERE schemaname = 'event' AND relname ~ '^(event|delivery|transition)_'"
                " AND (n_tup_upd > 0 OR n_dead_tup * 50 > n_tup_ins)")

        def counted():
            return int(database.rows(
                "SELECT sum(n_tup_ins) FROM pg_stat_user_tables WHERE schemaname = 'event'"
                " AND relname ~ '^transition_'")[0][0]) >= 800
        wait_until(counted)  # the backends tell what they did from time to time
        assert not changed()
        event_tables.check(database)
