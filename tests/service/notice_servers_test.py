"""Servers that share the sending: each channel is sent by one of them, whichever comes, goes or dies."""

import collections

import event_receivers
import notice_delivering as delivering
import observe
import programs
from notice_delivering import Delivering, Fleet, Receiver

USERS = [f"u{i}" for i in range(50)]


def sent(server):
    return observe.value(server, "junction_notice_attempts_total", outcome="sent")


def check_quota(receiver, quota, seconds):
    """No stretch of time has more; they are a moment on their way."""
    times = sorted(m.at for m in receiver.got())
    for first, last in zip(times, times[quota:]):
        assert last - first >= seconds / 2, (first, last)


def test_a_quota_is_kept_by_whoever_sends(database, stubs):
    quota, quota_ms, count = 5, 1000, 45
    with Fleet(stubs, database, 2) as fleet, Receiver() as receiver:
        notices = fleet.delivering[0]
        name = notices.channel(receiver, quota=quota, quota_ms=quota_ms, timeout_ms=3000)
        notices.reach(USERS[:count], name)
        notices.send(name, USERS[:count])
        for part in (10, 20, 30):
            receiver.wait_count(part)
            victim = fleet.in_charge(name)
            fleet.kill(victim)
            if part == 20:
                fleet.kill(1 - victim)
                fleet.start(1 - victim)
            fleet.start(victim)
            fleet.end_leases()
        observe.wait_until(lambda: fleet.end_leases() or notices.states(name) == {"sent": count})
    check_quota(receiver, quota, quota_ms / 1000)
    assert len({m.delivery for m in receiver.got()}) == count


def test_servers_share_channels_and_each_message_goes_once(database, stubs):
    with Fleet(stubs, database, 2) as fleet, Receiver() as receiver:
        notices = list(fleet.delivering.values())
        # So many that no chance gives them all to one of the two.
        names = [notices[i % 2].channel(receiver, timeout_ms=120_000) for i in range(20)]
        observe.wait_until(lambda: {fleet.in_charge(name) for name in names} == {0, 1})
        notices[0].reach(USERS[:8], *names)
        for i in range(5):
            for k, name in enumerate(names):
                notices[(i + k) % 2].send(name, USERS[:8])
        for name in names:
            notices[0].wait_states(name, sent=40)
        assert all(sent(server) > 0
                   for server in fleet.servers.values())
    counts = collections.Counter(m.delivery for m in receiver.got())
    assert len(counts) == 800 and set(counts.values()) == {1}


def test_a_server_that_comes_or_goes_sends_nothing_twice(database, stubs):
    with Receiver() as receiver, Fleet(stubs, database, 1) as fleet:
        notices = fleet.delivering[0]
        names = [notices.channel(receiver, concurrency=2) for _ in range(4)]
        notices.reach(USERS, *names)
        for name in names:
            for _ in range(4):
                notices.send(name, USERS)
        receiver.wait_count(50)
        fleet.start(1)
        receiver.wait_count(400)
        fleet.stop(1)
        for name in names:
            notices.wait_states(name, sent=200)
        fleet.start(1)
    counts = collections.Counter(m.delivery for m in receiver.got())
    assert len(counts) == 800 and set(counts.values()) == {1}


def test_a_server_that_ends_leaves_nothing_in_between(database, stubs):
    """What it is sending is broken off, and known to be unknown; what waits is sent by the next one."""
    with Receiver(event_receivers.hang) as receiver, Fleet(stubs, database, 1) as fleet:
        notices = fleet.delivering[0]
        name = notices.channel(receiver, concurrency=4, timeout_ms=60_000, settings={"idempotent": False})
        notices.reach(USERS[:10], name)
        notices.send(name, USERS[:10])
        observe.wait_until(lambda: len(receiver.hung) == 4)
        fleet.stop(0)
        assert notices.states(name) == {"unknown": 4, "waiting": 6}
        assert {tuple(row) for row in notices.attempts(name, "number, a.state")} == {("1", "unknown")}
        receiver.released.set()
        receiver.behave = delivering.take
        fleet.start(0)
        notices.wait_states(name, unknown=4, sent=6)


def test_a_server_may_send_nothing(database, stubs):
    silent = programs.Server(database.url, "--notice-poll-ms", "20", "--notice-member-ms", "0")
    with Receiver() as receiver, silent.channel() as channel:
        notices = Delivering(stubs, channel, database)
        name = notices.channel(receiver)
        notices.reach(USERS[:1], name)
        notices.send(name, USERS[:1])
        with Fleet(stubs, database, 1):
            notices.wait_states(name, sent=1)
    assert sent(silent) == 0
    silent.stop()


def test_nothing_waits_for_what_is_read_from_time_to_time(database, stubs):
    """What this server sends, and what is to be sent again, goes when it is due."""
    with Fleet(stubs, database, 1, "--notice-poll-ms", "600000") as fleet, Receiver(delivering.busy) as receiver:
        notices = fleet.delivering[0]
        name = notices.channel(receiver, timeout_ms=120_000)
        notices.reach(USERS[:2], name)
        notices.send(name, USERS[:1])
        observe.wait_until(lambda: len(receiver.got()) >= 3)
        receiver.behave = delivering.take
        notices.wait_states(name, sent=1)
        notices.send(name, USERS[1:2])
        notices.wait_states(name, sent=2)
