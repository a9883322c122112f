"""The first administrator: made once, printed once, and made again by a command."""

import os
import subprocess

import pytest

import logins
import observe
import postgres
import programs
from identities import PRECONDITION, refusal


@pytest.fixture
def empty(cluster_url):
    """A database that no server has been in."""
    with programs.Database(cluster_url) as database:
        yield database


def log_in(caller, once, password=logins.PASSWORD):
    assert refusal(caller.login, "administrator", once)[0] == PRECONDITION
    caller.call("ChangePassword", user="administrator", password=once, new_password=password)
    return caller.with_token(caller.login("administrator", password).access_token)


def command(database):
    done = subprocess.run([os.path.join(programs.BUILD, "bin", "junctiond"), "administrator"],
                          env={"JUNCTION_DATABASE_URL": database.url}, check=False,
                          capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


def users(database):
    return database.rows("SELECT name, disabled FROM auth.subject WHERE kind = 'user'")


def test_the_first_start_makes_an_administrator_who_may_do_everything(empty, stubs):
    server = programs.Server(empty.url, "--auth", "required", "--log-level", "debug")
    try:
        once = server.wait_administrator()
        with logins.Caller(server, stubs) as caller:
            admin = log_in(caller, once)
            admin.put_subject("user", "alice")
        assert once not in server.log_text()
    finally:
        server.stop()
    # Neither restart nor removal makes another one.
    empty.rows("DELETE FROM auth.subject WHERE kind = 'user'")
    server = programs.Server(empty.url)
    server.process.terminate()
    assert "one-time" not in server.process.stdout.read()
    server.stop()
    assert users(empty) == []


def test_of_many_servers_one_makes_it(empty):
    servers = [programs.Server(empty.url, wait=False) for _ in range(4)]
    for server in servers:
        server.wait_ready()
    observe.wait_until(lambda: users(empty))
    for server in servers:
        server.process.terminate()
    printed = [server.process.stdout.read() + (server.one_time_password or "") for server in servers]
    for server in servers:
        server.stop()
    assert sum(1 for text in printed if text) == 1
    assert users(empty) == [["administrator", "f"]]
    assert empty.rows("SELECT count(*) FROM auth.password") == [["1"]]


def test_where_there_are_users_none_is_made(empty):
    empty.rows("INSERT INTO auth.subject (kind, name) VALUES ('user', 'alice')")
    server = programs.Server(empty.url)
    observe.wait_until(lambda: empty.rows("SELECT 1 FROM auth.first_start"))
    server.process.terminate()
    assert "one-time" not in server.process.stdout.read()
    server.stop()
    assert users(empty) == [["alice", "f"]]


def test_a_command_makes_it_again(empty, stubs):
    code, out, err = command(empty)
    assert (code, err) == (0, "") and out.startswith("administrator one-time password: ")
    empty.rows("UPDATE auth.subject SET disabled = true WHERE name = 'administrator';"
               "UPDATE auth.role_grant SET ends_at = now() WHERE name = 'administrator';"
               "DELETE FROM auth.password")
    server = programs.Server(empty.url, "--auth", "required")
    try:
        code, out, err = command(empty)
        assert (code, err) == (0, "")
        with logins.Caller(server, stubs) as caller:
            admin = log_in(caller, out.split()[-1])
            observe.wait_until(lambda: not refusal_of(
                admin.call, "GetSubject", kind="user", name="administrator"))
            code, out, _ = command(empty)
            observe.wait_until(lambda: not caller.who(admin.metadata[1][1].split()[1]))
            log_in(caller, out.split()[-1])
    finally:
        server.stop()
    assert server.one_time_password is None
    assert users(empty) == [["administrator", "f"]]
    assert empty.rows("SELECT role, ends_at FROM auth.role_grant WHERE kind = 'user'") == [
        ["administrator", ""]]


def refusal_of(call, *arguments, **named):
    try:
        call(*arguments, **named)
        return None
    except logins.grpc.RpcError as error:
        return error.code()


def test_the_command_says_why_it_cannot(cluster_url):
    with postgres.Database(cluster_url) as database:
        code, out, err = command(database)
    assert code == 1 and out == "" and err.startswith("junctiond: ")
