"""The server, or PostgreSQL, killed while large sends are taken and spread: nobody is left out, and
nobody gets a notice twice."""

import collections
import threading

import grpc
import pytest

import postgres
import programs
import sending
from event_trial import until_answered
from observe import wait_until

OPTIONS = ("--notice-member-ms", "0")
RECIPIENTS = 20_000
USERS = ",".join(f"user-{i}" for i in range(RECIPIENTS))


@pytest.fixture
def cluster():
    with postgres.Cluster() as cluster:
        yield cluster


@pytest.fixture
def own_database(cluster):
    with programs.Database(cluster.url()) as database:
        yield database


def spread_of(database, key):
    """Deliveries so far of the send with that key."""
    return int(database.rows("SELECT count(*) FROM notice.delivery d JOIN notice.notice n ON "
                             "n.position = d.notice_position JOIN notice.idempotency k "
                             f"ON k.notice_id = n.notice_id WHERE k.key = '{key}'")[0][0])


def check(sender, key):
    """Sent once by that key, and each recipient exactly once."""
    answer = until_answered(lambda: sender.send(users=USERS, idempotency_key=key))
    sender.wait_spread(answer)
    assert answer.deliveries == RECIPIENTS
    assert collections.Counter(sender.users(answer)) == {
        f"user-{i}": 1 for i in range(RECIPIENTS)}
    assert sender.audited(answer)["ext"]["deliveries"] == RECIPIENTS


def test_killing_the_server_while_it_spreads(database, stubs):
    server = programs.Server(database.url, *OPTIONS)
    for attempt in range(4):
        key = f"spread-{attempt}"
        with server.channel() as channel:
            sender = sending.Sender(stubs, channel, database)
            sender.send(users=USERS, idempotency_key=key)
            wait_until(lambda: spread_of(database, key) > attempt * RECIPIENTS // 5)
            server.kill()
        server = programs.Server(database.url, *OPTIONS)
        with server.channel() as channel:
            check(sending.Sender(stubs, channel, database), key)
    server.stop()


def test_killing_the_server_while_it_takes_sends(database, stubs):
    """Whoever got no answer sends again with his key."""
    server = programs.Server(database.url, *OPTIONS)
    for attempt in range(3):
        keys = [f"take-{attempt}-{i}" for i in range(4)]
        with server.channel() as channel:
            sender = sending.Sender(stubs, channel, database)
            futures = [sender.begin(users=USERS, idempotency_key=key) for key in keys]
            wait_until(lambda: sum(f.done() for f in futures) >= attempt)
            server.kill()
            answered = {key: f.result() for key, f in zip(keys, futures)
                        if f.code() == grpc.StatusCode.OK}
        server = programs.Server(database.url, *OPTIONS)
        with server.channel() as channel:
            sender = sending.Sender(stubs, channel, database)
            for key in keys:
                check(sender, key)
            for key, answer in answered.items():
                again = sender.send(users=USERS, idempotency_key=key)
                assert again.repeated and again.notice_id == answer.notice_id
    server.stop()


def test_killing_postgresql_while_it_spreads(cluster, own_database, stubs):
    server = programs.Server(own_database.url, *OPTIONS)
    with server.channel() as channel:
        sender = sending.Sender(stubs, channel, own_database)
        for attempt in range(3):
            key = f"crash-{attempt}"
            until_answered(lambda: sender.send(users=USERS, idempotency_key=key))
            wait_until(lambda: spread_of(own_database, key) > attempt * RECIPIENTS // 4)
            cluster.kill()
            cluster.start()
            check(sender, key)
    server.stop()


def test_killing_one_of_two_servers_that_spread(database, stubs):
    stays = programs.Server(database.url, *OPTIONS, "--notice-poll-ms", "5")
    dies = programs.Server(database.url, *OPTIONS, "--notice-poll-ms", "5")
    with dies.channel() as channel:
        sender = sending.Sender(stubs, channel, database)
        sends = [threading.Thread(target=sender.send, kwargs={
            "users": USERS, "idempotency_key": f"two-{i}"}) for i in range(3)]
        for thread in sends:
            thread.start()
        for thread in sends:
            thread.join()
        wait_until(lambda: spread_of(database, "two-0") > 0)
        dies.kill()
    with stays.channel() as channel:
        for i in range(3):
            check(sending.Sender(stubs, channel, database), f"two-{i}")
    stays.stop()
