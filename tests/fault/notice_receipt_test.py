"""Servers and PostgreSQL killed between a receipt and its event, and Event out of reach: each receipt is
told, and told once."""

import itertools
import random
import threading

import grpc
import pytest

import observe
import postgres
import programs
from event_streams import Stream
from inboxes import Inbox, Post

QUICK = ("--notice-poll-ms", "20", "--event-poll-ms", "20", "--notice-member-ms", "0", "--public-url",
         "https://j.example")
PUBLISHING = "SELECT pg_advisory_lock(6024025);"  # as event.append() takes it
NUMBERS = itertools.count()
READERS, NOTICES, KILLS = 8, 40, 8


@pytest.fixture
def user():
    return f"user{next(NUMBERS)}"


class Running:
    """One server at a time."""

    def __init__(self, stubs, database):
        self.stubs, self.database = stubs, database
        self.start()

    def start(self):
        self.server = programs.Server(self.database.url, *QUICK)
        self.channel = self.server.channel()

    def kill(self):
        self.server.kill()
        self.channel.close()

    def stop(self):
        self.channel.close()
        self.server.stop()

    def post(self):
        return Post(self.stubs, self.channel, self.database)

    def inbox(self, user):
        return Inbox(self.stubs, self.channel, user)

    def ask(self, *users, count=1):
        post = self.post()
        post.put_template("ask", "?")
        for _ in range(count):
            post.to(*users, template="ask", reply=True)

    def wait_told(self):
        observe.wait_until(lambda: self.database.rows(
            "SELECT 1 FROM notice.delivery WHERE receipt_at IS NOT NULL AND NOT receipt_told LIMIT 1") == [])

    def published(self):
        """Ids of the events, sorted."""
        return [row[0] for row in self.database.rows(
            "SELECT event_id FROM event.event WHERE name = 'notice.receipt' ORDER BY 1")]

    def receipts(self, user="%"):
        """What they should be."""
        return [row[0] for row in self.database.rows(
            "SELECT 'notice.receipt.' || position FROM notice.delivery WHERE receipt_at IS NOT NULL"
            f" AND user_name LIKE '{user}' ORDER BY 1")]


@pytest.fixture
def running(stubs, database):
    running = Running(stubs, database)
    yield running
    running.stop()


def waiting(database):
    """Statements that wait for what a session holds."""
    return int(database.rows("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                             " AND datname = current_database()")[0][0])


def test_killed_before_the_event_is_published(running, database, user):
    running.ask(user)
    with postgres.Session(database.url) as session:
        session.run(PUBLISHING)
        assert running.inbox(user).read(all=True) == (1, 0)
        observe.wait_until(lambda: waiting(database))
        running.kill()
        assert not set(running.receipts(user)) & set(running.published())
    running.start()
    running.wait_told()
    assert set(running.receipts(user)) <= set(running.published())


def test_killed_before_the_receipt_is_marked(running, database, user):
    running.ask(user)
    position, = [row[0] for row in database.rows(
        f"SELECT position FROM notice.delivery WHERE user_name = '{user}'")]
    with postgres.Session(database.url) as publishing, postgres.Session(database.url) as marking:
        publishing.run(PUBLISHING)
        assert running.inbox(user).read(all=True) == (1, 0)
        observe.wait_until(lambda: waiting(database))
        marking.run(f"BEGIN; SELECT FROM notice.delivery WHERE position = {position} FOR UPDATE;")
        publishing.run("SELECT pg_advisory_unlock_all();")
        observe.wait_until(lambda: f"notice.receipt.{position}" in running.published())
        observe.wait_until(lambda: waiting(database))
        running.kill()
        # PostgreSQL would go on with what it has been told.
        database.rows("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                      " WHERE wait_event_type = 'Lock' AND datname = current_database()")
        observe.wait_until(lambda: not waiting(database))
    assert database.rows(f"SELECT receipt_told FROM notice.delivery WHERE position = {position}") == [["f"]]
    running.start()
    running.wait_told()
    assert running.published().count(f"notice.receipt.{position}") == 1


def test_event_takes_nothing_for_a_while(running, database, stubs, user):
    running.ask(user, count=5)
    with postgres.Session(database.url) as session:
        session.run(PUBLISHING)
        assert running.inbox(user).read(all=True) == (5, 0)
        # Until it has given up once.
        observe.wait_logged(running.server, "receipts wait to be published", count="5")
    with Stream(stubs, running.channel, "notice.receipt", after="0") as stream:
        stream.until(lambda: set(running.receipts(user)) <= set(stream.ids()))
    running.wait_told()


def test_kills_while_many_read(running, database):
    """Who was answered is read; each receipt is one event."""
    users = [f"reader{i}" for i in range(READERS)]
    running.ask(*users, count=NOTICES)
    left = {user: [i.delivery_id for i in running.inbox(user).pages(50)] for user in users}
    answered, lock = [], threading.Lock()

    def read(user):
        while left[user]:
            try:
                running.inbox(user).read(left[user][0])
            except (grpc.RpcError, ValueError):  # killed, or its channel closed
                continue
            with lock:
                answered.append(left[user].pop(0))
    threads = [threading.Thread(target=read, args=(user,)) for user in users]
    for thread in threads:
        thread.start()
    for kill in range(KILLS):
        wanted = min((kill + 1) * READERS * NOTICES // (KILLS + 2) + random.randrange(5),
                     READERS * NOTICES - 1)
        observe.wait_until(lambda wanted=wanted: len(answered) >= wanted)
        running.kill()
        running.start()
    for thread in threads:
        thread.join()
    running.wait_told()
    assert len(running.receipts("reader%")) == READERS * NOTICES == len(answered)
    published = running.published()
    assert len(published) == len(set(published)) and set(running.receipts()) == set(published)


def test_postgresql_killed_while_receipts_are_told(stubs):
    with postgres.Cluster(durable=True) as cluster, programs.Database(cluster.url()) as database:
        database.rows("INSERT INTO auth.first_start DEFAULT VALUES")
        running = Running(stubs, database)
        running.ask("ann", count=1)
        running.post().fill("ann", 2000, template="ask", reply=True)
        assert running.inbox("ann").read(all=True)[1] == 0
        observe.wait_until(running.published)
        cluster.kill()
        cluster.start()
        running.wait_told()
        published = running.published()
        assert len(published) == len(set(published)) == 2001 and running.receipts() == published
        running.stop()
