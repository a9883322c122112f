"""A C program that shows who it is, against a server that asks everybody."""

import json
import os
import select
import time

import pytest

import observe
import own_tokens
import postgres
import programs
import subjects
from talking import ask, line, running

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "c")


@pytest.fixture(scope="module")
def program(installed):
    return installed.compile(os.path.join(HERE, "keyed.c"))


class Fixed:
    """A server that comes back at its address."""

    def __init__(self, url):
        self.url = url
        self.address = f"127.0.0.1:{programs.free_port()}"
        self.start()

    def start(self):
        self.server = programs.Server(self.url, "--auth", "required", "--listen", self.address)

    def kill(self):
        self.server.kill()
        self.server.process.stdout.close()


@pytest.fixture(scope="module")
def own_key(database):
    return own_tokens.Key("EdDSA").put(database)


@pytest.fixture(scope="module")
def fixed(database, key_file, own_key):
    fixed = Fixed(database.url)
    yield fixed
    fixed.server.stop()


@pytest.fixture(scope="module")
def key_file(database, tmp_path_factory):
    subjects.put(database.url, "application", "keyed", "service")
    key = subjects.put_key(database.url, "keyed", "c")
    path = tmp_path_factory.mktemp("key") / "key.json"
    path.write_text(json.dumps({"accessKeyId": key, "secret": subjects.SECRET, "more": 1}))
    path.chmod(0o600)
    return path


def sessions(database):
    return {row[0] for row in postgres.psql(
        database.url, "SELECT id FROM auth.session WHERE name = 'keyed'")}


def end_sessions(database):
    """As an administrator does; no token of theirs is good any more."""
    ended = sessions(database)
    postgres.psql(database.url, """BEGIN;
        INSERT INTO auth.revocation (id, expires_at) SELECT id::text, now() + interval '1 hour'
        FROM auth.session WHERE name = 'keyed' ON CONFLICT DO NOTHING;
        DELETE FROM auth.session WHERE name = 'keyed'; COMMIT""")
    return ended


def token(own_key, seconds):
    """One of the application that ends so many seconds from now."""
    now = int(time.time())
    return own_key.own("application:keyed", iat=now - 60, nbf=now - 60, exp=now + seconds)


def test_a_key_opens_what_nobody_may(program, fixed, key_file):
    with running(program, fixed.address, "nobody", "call") as process:
        assert ask(process).startswith("failed 16 credentials are required")
    with running(program, fixed.address, f"file:{key_file}", "call") as process:
        assert [ask(process), ask(process)] == ["called", "called"]
    key = json.loads(key_file.read_text())
    with running(program, fixed.address, f"key:{key['accessKeyId']}:{key['secret']}", "call") as process:
        assert ask(process) == "called"
    with running(program, fixed.address, f"key:{key['accessKeyId']}:wrong", "call") as process:
        assert ask(process).startswith("failed 16 ")


def test_a_key_file_is_for_its_owner_only(program, fixed, key_file):
    key_file.chmod(0o640)
    with running(program, fixed.address, f"file:{key_file}", "call") as process:
        assert ask(process) == (f"failed 3 key file {key_file}: others than its owner have rights on it: "
                                f"chmod 600 {key_file}")
    key_file.chmod(0o600)


def test_a_token_is_shown_as_it_is(program, fixed, own_key):
    with running(program, fixed.address, "token:" + token(own_key, 600), "call") as process:
        assert ask(process) == "called"
    with running(program, fixed.address, "token:" + token(own_key, -60), "call") as process:
        assert ask(process) == "failed 16 the token is not valid"


def test_a_sink_shows_the_token(program, fixed, key_file):
    with running(program, fixed.address, "nobody", "sink") as process:
        assert line(process).startswith("failed 16 credentials are required")
    with running(program, fixed.address, f"file:{key_file}", "sink") as process:
        assert not line(process).startswith("failed 16")


def count(process):
    """Calls that went well, and that did not."""
    words = ask(process).split()
    return int(words[1]), int(words[3])


def test_no_call_notices_that_its_session_was_ended(program, fixed, database, key_file):
    end_sessions(database)
    with running(program, fixed.address, f"file:{key_file}", "storm") as process:
        for _ in range(5):
            before = count(process)[0]
            observe.wait_until(lambda: count(process)[0] > before + 100 and sessions(database))
            ended = end_sessions(database)
            observe.wait_until(lambda: sessions(database) - ended)
        assert count(process)[1] == 0
    # One that all the threads share.
    assert len(sessions(database)) == 1


def bring(path, token, good_ms):
    """What the source finds from now on: all of it at once, as it may be reading."""
    new = path.with_suffix(".new")
    new.write_text(f"{token} {good_ms}")
    new.rename(path)


def wait_for(process, wanted, *others):
    """That line; before it there may be others."""
    while (said := line(process)) != wanted:
        assert said in others


def test_a_source_is_asked_before_a_token_ends_and_when_it_is_refused(
        program, fixed, own_key, tmp_path):
    path = tmp_path / "token"
    with running(program, fixed.address, f"source:{path}", "call") as process:
        assert [ask(process), line(process)] == [
            "asked: nothing", "failed 9 there is no token in the file"]
        bring(path, token(own_key, 600), 400)
        assert ask(process) == "asked: 400"
        wait_for(process, "called", "asked: 400")
        assert line(process) == "asked: 400"  # by itself, before the time is over
        bring(path, token(own_key, -60), 0)
        wait_for(process, "asked: 0", "asked: 400")
        path.unlink()
        # The token that was brought is shown a moment later.
        observe.wait_until(lambda: ask(process) == "asked again: nothing")
        assert line(process) == "failed 9 there is no token in the file"
        # Nobody waits for one any more.
        assert not select.select([process.stdout], [], [], 0.2)[0]
        bring(path, token(own_key, 600), 0)
        assert [ask(process), line(process), ask(process)] == ["asked again: 0", "called", "called"]


def test_a_node_lives_on_when_its_session_was_ended(program, fixed, database, key_file, stubs):
    end_sessions(database)
    with running(program, fixed.address, f"file:{key_file}", "node", "c-keyed") as process:
        assert line(process) == "registered"
        for _ in range(2):
            ended = end_sessions(database)
            observe.wait_until(lambda: sessions(database) - ended)
    # Nothing more was said, and it could be deregistered.
    names = postgres.psql(database.url, "SELECT name FROM registry.node WHERE service_key = 'c-keyed'")
    assert names == []


def register(fixed, stubs, key_file, name):
    key = json.loads(key_file.read_text())
    with fixed.server.channel() as channel:
        stubs.registry_grpc.RegistryStub(channel).RegisterNode(
            stubs.registry.RegisterNodeRequest(service="c-watched", node=name, host="h", port=1),
            metadata=[("authorization", subjects.basic(key["accessKeyId"]))])


def test_a_watch_goes_on_after_its_token_was_refused(program, fixed, database, key_file, stubs):
    with running(program, fixed.address, f"file:{key_file}", "watch") as process:
        assert line(process).startswith("follows")
        register(fixed, stubs, key_file, "h-1")
        assert line(process) == "put h-1"
        fixed.kill()
        end_sessions(database)
        fixed.start()
        register(fixed, stubs, key_file, "h-2")
        while (word := line(process)) != "put h-2":
            assert word.startswith(("failed 14", "failed 16 the token is not valid")), word


def ended_watches(fixed):
    return observe.value(fixed.server, "junction_rpc_calls_total",
                         method="junction.v1.Registry/Watch", code="UNAUTHENTICATED")


def test_a_watch_goes_on_without_a_word_when_its_token_ends(
        program, fixed, own_key, key_file, stubs, tmp_path):
    # Tokens are good for half a minute longer than they say; the watch has to begin with this one.
    path, before = tmp_path / "token", ended_watches(fixed)
    bring(path, token(own_key, -15), 400)
    with running(program, fixed.address, f"source:{path}", "watch") as process:
        wait_for(process, "follows", "asked: 400", "put h-1", "put h-2")
        bring(path, token(own_key, 600), 0)
        wait_for(process, "asked: 0", "asked: 400")
        observe.wait_until(lambda: ended_watches(fixed) > before)
        register(fixed, stubs, key_file, "h-3")
        assert line(process) == "put h-3"
