"""Servers and PostgreSQL killed while notices flow, and receivers that hang, trickle, lie or break off:
nobody is forgotten, nobody gets twice what his provider has confirmed, and nobody holds up others."""

import collections
import math
import random
import threading
import time

import pytest

import event_receivers
import notice_delivering as delivering
import observe
import postgres
import programs
from notice_delivering import Fleet, Receiver

SEND = 100  # deliveries of a notice
FEW = 40  # that are taken beyond those that were waited for
USERS = [f"u{i}" for i in range(SEND)]
KILLS = 12


@pytest.fixture
def cluster():
    with postgres.Cluster() as cluster:
        yield cluster


@pytest.fixture
def own_database(cluster):
    with programs.Database(cluster.url()) as database:
        database.rows("INSERT INTO auth.first_start DEFAULT VALUES")
        yield database


class Gated(Receiver):
    """Takes what comes, a little later; but after so many only when it is told to go on. So there are always
    some under way when something is killed, and some left when it is back."""

    def __init__(self):
        super().__init__(self._take)
        self.most, self.changed = 0, threading.Condition(self.lock)

    def __exit__(self, *_):
        self.go_on(math.inf)
        super().__exit__()

    def go_on(self, most):
        with self.changed:
            self.most = most
            self.changed.notify_all()

    def _take(self, _receiver, connection, message):
        with self.changed:
            place = len(self.pushes)
            self.changed.wait_for(lambda: place <= self.most)
        if event_receivers.left(connection):
            return True
        time.sleep(random.random() / 50)
        return delivering.take(self, connection, message)


class Flow:
    """Two channels with a service that takes what comes: one tells repetitions, the other does not."""

    def __init__(self, fleet, receiver, sends, **fields):
        self.fleet, self.notices, self.receiver = fleet, fleet.delivering[0], receiver
        notices = self.notices
        # No attempt ends by its timeout.
        fields = {"concurrency": 8, "timeout_ms": 2 * programs.WAIT * 1000, **fields}
        self.safe = notices.channel(receiver, **fields)
        self.once = notices.channel(receiver, settings={"idempotent": False}, **fields)
        notices.join(self.once, receiver.port)
        self.total = 2 * sends * SEND
        notices.reach(USERS, self.safe, self.once)
        for _ in range(sends):
            notices.send(f"{self.safe},{self.once}", USERS)

    def wait_more(self, count):
        """Until so many more have come. A few more may be taken then, but not all."""
        wanted = len(self.receiver.got()) + count
        assert wanted + FEW < self.total
        self.receiver.go_on(wanted + FEW)
        observe.wait_until(lambda: len(self.receiver.got()) >= wanted)

    def finish(self):
        self.receiver.go_on(math.inf)
        observe.wait_until(self.settled)
        self.check()

    def settled(self):
        self.fleet.end_leases()
        return not self.notices.database.rows(
            "SELECT 1 FROM notice.delivery WHERE due IS NOT NULL OR state IN ('waiting', 'sending') LIMIT 1")

    def check(self):
        doubtful = self.fleet.doubtful()
        came = collections.Counter(m.delivery for m in self.receiver.got())
        # A server may know the channel before it knows the service's node, and then has not tried.
        stand = {position: (channel, state, int(attempts)) for position, channel, state, attempts in
                 self.notices.database.rows(
                     "SELECT position, d.channel, d.state, count(*) FILTER (WHERE a.code IS DISTINCT FROM 'no_node')"
                     " FROM notice.delivery d JOIN notice.attempt a USING (position) GROUP BY 1, 2, 3")}
        assert len(stand) == self.total
        for position, (channel, state, attempts) in stand.items():
            told = (position, channel, state, attempts, came[position])
            if position not in doubtful:
                assert state == "sent" and came[position] == 1 and attempts == 1, told
            elif channel == self.once:
                assert state in ("sent", "unknown") and came[position] <= 1, told
                assert state == "unknown" or came[position] == 1, told
            else:
                assert state == "sent" and 1 <= came[position] <= attempts, told
        assert not self.notices.database.rows(
            "SELECT position FROM notice.delivery d LEFT JOIN notice.attempt a USING (position)"
            " GROUP BY position HAVING count(*) <> max(d.attempts) OR max(number) <> count(*)")
        sent = self.notices.database.rows(
            "SELECT 1 FROM notice.attempt a JOIN notice.delivery d USING (position)"
            " WHERE a.number = d.attempts AND d.state = 'sent' AND (a.state <> 'sent' OR a.code <> '200')")
        assert not sent


def test_killing_servers(database, stubs):
    with Gated() as receiver, Fleet(stubs, database, 1) as fleet:
        flow = Flow(fleet, receiver, 6)
        for _ in range(KILLS):
            flow.wait_more(random.randrange(1, 40))
            time.sleep(random.random() / 100)
            fleet.kill(0)
            fleet.start(0)
            fleet.end_leases()
        flow.finish()
        # It has waited until it knew the service's node.
        assert not database.rows("SELECT 1 FROM notice.attempt WHERE code = 'no_node'")


def test_killing_one_of_two_servers(database, stubs):
    database.rows("DELETE FROM notice.attempt; DELETE FROM notice.delivery; DELETE FROM notice.channel")
    with Gated() as receiver, Fleet(stubs, database, 2) as fleet:
        flow = Flow(fleet, receiver, 4, concurrency=2)
        for i in range(6):
            flow.wait_more(20)
            fleet.kill(i % 2)
            fleet.start(i % 2)
        flow.finish()


def test_killing_postgresql(cluster, own_database, stubs):
    """No server dies, so everything comes once, and each is known to have come."""
    with Gated() as receiver, Fleet(stubs, own_database, 1) as fleet:
        flow = Flow(fleet, receiver, 4)
        for _ in range(5):
            flow.wait_more(random.randrange(1, 60))
            cluster.kill()
            cluster.start()
        flow.finish()


def test_committed_without_an_answer(cluster, own_database, stubs):
    """PostgreSQL has taken and concluded, but the server does not hear of it: it finds out."""
    def commits_wait(standby):
        own_database.rows(f"ALTER SYSTEM SET synchronous_standby_names = '{standby}'")
        own_database.rows("SELECT pg_reload_conf()")
        observe.wait_until(lambda: own_database.rows("SHOW synchronous_standby_names") == [[standby]])

    with Receiver(event_receivers.hang) as receiver, Fleet(stubs, own_database, 1) as fleet:
        notices = fleet.delivering[0]
        name = notices.channel(receiver, concurrency=1, timeout_ms=120_000, settings={"idempotent": False})
        notices.reach(USERS[:5], name)
        notices.send(name, USERS[:5])
        observe.wait_until(lambda: receiver.hung)
        receiver.behave = delivering.take
        commits_wait("nobody")
        receiver.released.set()
        # What is written is seen only when it is acknowledged: who waits are a take and a conclusion.
        observe.wait_until(lambda: {row[0] for row in own_database.rows(
            "SELECT substring(query FROM 'notice[.]([a-z]+)') FROM pg_stat_activity"
            " WHERE wait_event = 'SyncRep'")} >= {"take", "conclude"})
        own_database.rows("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'")
        commits_wait("")
        observe.wait_until(lambda: own_database.rows(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'") == [])
        notices.wait_states(name, sent=5)
        assert sorted(m.user for m in receiver.got()) == USERS[:5]
        assert {tuple(row) for row in notices.attempts(name, "number, a.state")} == {("1", "sent")}


def test_killing_both(cluster, own_database, stubs):
    with Gated() as receiver, Fleet(stubs, own_database, 2) as fleet:
        flow = Flow(fleet, receiver, 4, concurrency=2)
        for i in range(4):
            flow.wait_more(20)
            cluster.kill()
            fleet.kill(i % 2)
            cluster.start()
            fleet.start(i % 2)
        flow.finish()


def test_bad_receivers_hold_up_nobody(database, stubs):
    bad = {"hang": event_receivers.hang, "trickle": event_receivers.trickle, "flood": delivering.flood,
           "close": event_receivers.close, "reset": event_receivers.reset,
           "broken": event_receivers.break_off, "lie": event_receivers.page}
    receivers = {name: Receiver(behave) for name, behave in bad.items()}
    with Receiver() as good, Fleet(stubs, database, 1, "--log-level", "debug") as fleet:
        notices = fleet.delivering[0]
        names = {}
        for name, receiver in receivers.items():
            names[name] = notices.channel(receiver, settings={"idempotent": False}, timeout_ms=5000,
                                          concurrency=4)
        fine = notices.channel(good)
        notices.reach(USERS, fine, *names.values())
        for name in names.values():
            notices.send(name, USERS[:2])
        notices.send(fine, USERS)
        notices.wait_states(fine, sent=SEND)
        for name, code in [("hang", "timeout"), ("trickle", "timeout"), ("flood", "broken_off"),
                           ("close", "broken_off"), ("reset", "broken_off"), ("broken", "broken_off"),
                           ("lie", "http_200")]:
            notices.wait_states(names[name], unknown=2)
            assert {row[0] for row in notices.rows(names[name], "code")} == {code}, name
            assert len(receivers[name].got()) == 2
        for receiver in receivers.values():
            receiver.__exit__()


def test_one_bad_recipient_holds_up_nobody(database, stubs):
    def by_user(receiver, connection, message):
        behave = {"u0": event_receivers.hang, "u1": event_receivers.reset, "u2": delivering.refused,
                  "u3": delivering.flood, "u4": delivering.broken}
        return behave.get(message.user, delivering.take)(receiver, connection, message)

    with Receiver(by_user) as receiver, Fleet(stubs, database, 1) as fleet:
        notices = fleet.delivering[0]
        name = notices.channel(receiver, settings={"idempotent": False}, timeout_ms=5000, concurrency=8)
        notices.reach(USERS, name)
        notices.send(name, USERS)
        notices.wait_states(name, sent=SEND - 5, unknown=4, failed=1)
        receiver.released.set()
