"""The audit log under kill -9 and under a transaction held open: nothing acknowledged is lost or
doubled, nothing appears behind a reader."""

import contextlib
import threading
import time

import grpc
import pytest

import auditing
import observe
import postgres
import programs

BATCH = 20


@pytest.fixture
def cluster():
    with postgres.Cluster(durable=True) as cluster:
        yield cluster


@pytest.fixture
def database(cluster):
    with programs.Database(cluster.url()) as database:
        yield database
        if cluster.process.poll() is not None:
            cluster.start()


class Load(threading.Thread):
    """Writes records with keys of their own, one by one or as lists, until it is stopped. What is not
    acknowledged is written again, with its key."""

    def __init__(self, log, name, many):
        super().__init__(daemon=True)
        self.log, self.name, self.count = log, name, BATCH if many else 1
        self.acknowledged = {}  # id by content
        self.unknown = []  # contents that may have been written
        self.failures, self.stopping = 0, threading.Event()

    def write(self):
        """Gives what was acknowledged."""
        requests = [self.log.request(content, idempotency_key="key of " + content)
                    for content in self.unknown]
        if self.count == 1:
            return [(self.unknown[0], self.log.stub.Write(requests[0], timeout=10).results[0].id)]
        outcomes = self.log.stub.WriteBatch(
            self.log.m.WriteBatchRequest(records=requests), timeout=10).outcomes
        return [(content, outcome.record.id) for content, outcome in zip(self.unknown, outcomes)
                if outcome.HasField("record")]

    def try_write(self):
        try:
            self.acknowledged.update(self.write())
        except grpc.RpcError:
            pass
        self.unknown = [content for content in self.unknown if content not in self.acknowledged]
        self.failures += bool(self.unknown)

    def run(self):
        number = 0
        while not self.stopping.is_set():
            if not self.unknown:
                self.unknown = [f"{self.name} {i}" for i in range(number, number + self.count)]
                number += self.count
            self.try_write()

    def finish(self, log):
        self.log = log
        while self.unknown:
            self.try_write()


@contextlib.contextmanager
def loads(logs, name):
    """Eight for each log; stopped at the end."""
    started = [Load(log, f"{name} {n} {i}", i % 4 == 3) for n, log in enumerate(logs)
               for i in range(8)]
    for load in started:
        load.start()
    yield started
    for load in started:
        load.stopping.set()
    for load in started:
        load.join()


def wait_for(started, more):
    """Until so many more have been acknowledged."""
    def count():
        return sum(len(load.acknowledged) for load in started)
    until = count() + more
    observe.wait_until(lambda: count() >= until)


def check(database, started):
    """Each acknowledged record is there once, with the id that was told, and no other is."""
    told = {content: number for load in started for content, number in load.acknowledged.items()}
    there = database.rows("SELECT content, id FROM audit.record"
                          " WHERE namespace <> 'junction.auth'")
    assert len(there) == len({content for content, _ in there})
    assert dict(there) == told


def test_killing_the_server_under_load(database, stubs):
    started = []
    for turn in range(3):
        server = programs.Server(database.url)
        with server.channel() as channel:
            log = auditing.Log(stubs, channel, database)
            with loads([log], f"s{turn}") as new:
                wait_for(new, 300)
                server.kill()
            started += new
        server.stop()
    assert sum(load.failures for load in started) > 0
    server = programs.Server(database.url)
    try:
        with server.channel() as channel:
            for load in started:
                load.finish(auditing.Log(stubs, channel, database))
    finally:
        server.stop()
    check(database, started)


def test_killing_postgresql_under_load(cluster, database, stubs):
    server = programs.Server(database.url)
    try:
        with server.channel() as channel:
            log = auditing.Log(stubs, channel, database)
            with loads([log], "p") as started:
                for _ in range(3):
                    wait_for(started, 300)
                    cluster.kill()
                    cluster.start()
                wait_for(started, 300)
            assert sum(load.failures for load in started) > 0
            for load in started:
                load.finish(log)
    finally:
        server.stop()
    check(database, started)


class Reader(threading.Thread):
    """Reads on behind the last record that it has seen, again and again."""

    def __init__(self, database):
        super().__init__(daemon=True)
        self.database, self.seen, self.stopping = database, [], threading.Event()

    def read(self):
        at, position = self.seen[-1] if self.seen else (0, 0)
        self.seen += [(int(t), int(p)) for t, p in self.database.rows(
            "SELECT audit.milliseconds(time), position FROM audit.record WHERE (time, position) > "
            f"(timestamptz 'epoch' + {at} * interval '1 ms', {position}) "
            "ORDER BY time, position LIMIT 500")]

    def run(self):
        while not self.stopping.is_set():
            self.read()


def test_nothing_appears_behind_a_reader(database, stubs):
    """Two servers write while a transaction that has written elsewhere stays open."""
    database.rows("CREATE TABLE public.other (a integer)")
    servers = [programs.Server(database.url) for _ in range(2)]
    try:
        with postgres.Session(database.url) as session, contextlib.ExitStack() as stack:
            session.run("BEGIN ISOLATION LEVEL REPEATABLE READ; INSERT INTO public.other VALUES (1); "
                        "SELECT count(*) FROM audit.record;")
            logs = [auditing.Log(stubs, stack.enter_context(server.channel()), database)
                    for server in servers]
            reader = Reader(database)
            reader.start()
            with loads(logs, "r") as started:
                for count in range(500, 5001, 500):  # slow machines take long for all
                    observe.wait_until(lambda count=count: len(reader.seen) > count)
            reader.stopping.set()
            reader.join()
            session.run("COMMIT;")
    finally:
        for server in servers:
            server.stop()
    check(database, started)
    count = len(database.rows("SELECT 1 FROM audit.record"))
    while len(reader.seen) < count:
        before = len(reader.seen)
        reader.read()
        assert len(reader.seen) > before, "a record was skipped"
    assert reader.seen == [(int(t), int(p)) for t, p in database.rows(
        "SELECT audit.milliseconds(time), position FROM audit.record ORDER BY position")]
    assert reader.seen == sorted(reader.seen)
    assert len(database.rows("SELECT DISTINCT node FROM audit.record")) == 2


def test_times_do_not_follow_a_clock_that_goes_back(database, stubs):
    ahead = int(time.time() * 1000) + 3600_000
    database.rows(f"SELECT setval('audit.last_time', {ahead})")
    server = programs.Server(database.url)
    try:
        with server.channel() as channel:
            log = auditing.Log(stubs, channel, database)
            assert [log.write().time for _ in range(3)] == [ahead] * 3
    finally:
        server.stop()
