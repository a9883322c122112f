"""Each server keeps in memory who is known and what they may do: changes by psql are seen by all of
them, whatever else happens in the database."""

import threading

import grpc
import pytest

import auditing
import postgres
import programs
import subjects
from audit_log import Finder, expr
from observe import logged, value, wait_logged, wait_until
from postgres import Session

USER, FULL = 1, 1
QUICK, SELDOM = ("--auth-poll-ms", "10"), ("--auth-poll-ms", "2000")


class Seen:
    """What a server knows."""

    def __init__(self, server, stubs):
        self.server, self.m = server, stubs.auth
        self.channel = server.channel()
        self.stub = stubs.auth_grpc.AuthStub(self.channel)
        self.audit = stubs.audit_grpc.AuditStub(self.channel)

    def may_read(self, name, consistency=0, timeout=programs.WAIT):
        question = self.m.Question(subject=self.m.Subject(kind=USER, name=name), service="registry",
                                   action="ListServices", method="READ")
        return self.stub.Check(self.m.CheckRequest(question=question, consistency=consistency),
                               timeout=timeout).allowed

    def metric(self, name, **labels):
        return value(self.server, "junction_auth_" + name, **labels)

    def close(self):
        self.channel.close()
        self.server.stop()


@pytest.fixture
def serve(stubs):
    """Servers of a database."""
    started = []

    def serve(database_url, *arguments):
        started.append(Seen(programs.Server(database_url, *arguments), stubs))
        return started[-1]
    yield serve
    for seen in started:
        seen.close()


@pytest.fixture
def database(cluster_url):
    with programs.Database(cluster_url) as database:
        # Who finds a user makes no administrator.
        subjects.put(database.url, "user", "first")
        yield database


def revision(database):
    return int(database.rows("SELECT value FROM auth.revision")[0][0])


def wait_known(database, *servers):
    wait_until(lambda: all(seen.metric("revision") == revision(database) for seen in servers))


def test_two_servers_see_changes_by_psql(serve, database):
    one, other = serve(database.url, *QUICK), serve(database.url, *QUICK)
    users = one.metric("subjects", kind="user")
    subjects.put(database.url, "user", "alice", "reader")
    wait_until(lambda: one.may_read("alice") and other.may_read("alice"))
    wait_known(database, one, other)
    assert one.metric("subjects", kind="user") == users + 1
    assert one.metric("roles") == other.metric("roles") == 5
    assert other.metric("lag_seconds") < programs.WAIT
    database.rows("DELETE FROM auth.subject WHERE name = 'alice'")
    wait_until(lambda: not one.may_read("alice") and not other.may_read("alice"))
    wait_known(database, one, other)
    assert other.metric("subjects", kind="user") == users


def test_who_asks_for_it_sees_what_is_committed(serve, database):
    seen = serve(database.url, *SELDOM)
    for _ in range(10):
        subjects.put(database.url, "user", "alice", "reader")
        assert seen.may_read("alice", FULL)
        assert seen.may_read("alice")
        subjects.put(database.url, "user", "alice")
        assert not seen.may_read("alice", FULL)


def test_more_changes_than_one_answer_holds(serve, database):
    seen = serve(database.url, *SELDOM)
    database.rows("""INSERT INTO auth.subject (kind, name)
                     SELECT 'user', 'one' || i FROM generate_series(1, 1500) AS i""")
    for i in range(3):
        database.rows(f"""BEGIN; INSERT INTO auth.subject (kind, name)
                          SELECT 'user', 'u{i}-' || i FROM generate_series(1, 400) AS i;
                          INSERT INTO auth.role_grant (kind, name, role)
                          SELECT 'user', 'u{i}-' || i, 'reader' FROM generate_series(1, 400) AS i;
                          COMMIT""")
    assert seen.may_read("u2-400", FULL)
    assert seen.may_read("u0-1")
    assert seen.metric("subjects", kind="user") == 2701
    assert seen.metric("revision") == revision(database)


def test_a_log_that_was_cut_is_loaded_anew(serve, database):
    seen = serve(database.url, *QUICK)
    database.rows("""BEGIN; INSERT INTO auth.subject (kind, name) VALUES ('user', 'cut');
                     INSERT INTO auth.role_grant (kind, name, role) VALUES ('user', 'cut', 'reader');
                     SET CONSTRAINTS ALL IMMEDIATE; DELETE FROM auth.change; COMMIT""")
    wait_until(lambda: seen.may_read("cut"))
    assert len(logged(seen.server, "directory loaded")) == 2
    subjects.put(database.url, "user", "after", "reader")
    assert seen.may_read("after", FULL)
    assert len(logged(seen.server, "directory loaded")) == 2


def test_postgresql_is_restarted(serve):
    with postgres.Cluster() as cluster, programs.Database(cluster.url()) as database:
        subjects.put(database.url, "user", "kept", "reader")
        seen = serve(database.url, *QUICK)
        cluster.stop("immediate")
        wait_logged(seen.server, "connection to the database lost")
        assert seen.may_read("kept")
        with pytest.raises(grpc.RpcError) as refused:
            seen.may_read("kept", FULL, timeout=0.2)
        assert refused.value.code() in (grpc.StatusCode.UNAVAILABLE,
                                        grpc.StatusCode.DEADLINE_EXCEEDED)
        cluster.start()
        subjects.put(database.url, "user", "late", "reader")
        wait_until(lambda: seen.may_read("late"))
        subjects.put(database.url, "user", "kept")
        assert not seen.may_read("kept", FULL)


def test_an_open_transaction_delays_nobody(serve, database, stubs):
    one, other = serve(database.url, *QUICK), serve(database.url, *SELDOM)
    with Session(database.url) as session:
        session.run("""BEGIN; INSERT INTO auth.subject (kind, name) VALUES ('user', 'open');
                       INSERT INTO auth.role_grant (kind, name, role) VALUES ('user', 'open', 'reader');
                       INSERT INTO auth.party_grant (party_id, kind, name) VALUES ('9', 'role', 'r');""")
        subjects.put(database.url, "user", "bob", "reader")
        wait_until(lambda: one.may_read("bob"))
        assert other.may_read("bob", FULL)
        # The audit is written, and read, too.
        result = one.audit.Write(auditing.request(stubs.audit, namespace="n"),
                                 timeout=programs.WAIT).results[0]
        assert Finder(other.audit, stubs).ids(expr("namespace", "Equal", "n")) == [result.id]
        assert not one.may_read("open", FULL)
        session.run("COMMIT;")
    assert other.may_read("open", FULL)
    wait_until(lambda: one.may_read("open"))
    wait_known(database, one)


def test_transactions_that_end_together_do_not_block_each_other(database, serve):
    """Each takes the locks of the revision and of the audit in the same order."""
    serve(database.url)
    ended = []
    with Session(database.url) as session:
        session.run("""BEGIN; SET CONSTRAINTS ALL IMMEDIATE;
                       INSERT INTO auth.party_grant (party_id, kind, name) VALUES ('8', 'role', 'r');""")
        thread = threading.Thread(
            target=lambda: ended.append(subjects.put(database.url, "user", "carol")))
        thread.start()
        wait_until(lambda: database.rows(
            f"SELECT count(*) FROM {postgres.LOCKS} WHERE NOT granted") != [["0"]])
        session.run("INSERT INTO auth.subject (kind, name) VALUES ('user', 'dora'); COMMIT;")
    thread.join()
    assert ended == [None]
    assert database.rows("SELECT count(*) FROM auth.subject WHERE name IN ('carol', 'dora')") == [["2"]]


def test_what_has_expired_is_forgotten(serve, database):
    database.rows("""INSERT INTO auth.revocation (id, expires_at)
                     SELECT 'old' || i, now() - interval '1 second' FROM generate_series(1, 2500) AS i;
                     INSERT INTO auth.revocation (id, expires_at) VALUES ('new', now() + interval '1 hour');
                     UPDATE auth.change SET at = at - interval '2 hours'""")
    seen = serve(database.url, *QUICK)
    wait_until(lambda: database.rows("SELECT id FROM auth.revocation") == [["new"]])
    wait_until(lambda: database.rows(
        "SELECT count(*) FROM auth.change WHERE at < now() - interval '1 hour'") == [["0"]])
    wait_known(database, seen)
