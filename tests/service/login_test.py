"""Logins and exchanges of access keys: what lets in, what is refused, and with which text."""

import re

import grpc
import pytest

import auditing
import logins
import observe
import postgres
import programs
import subjects
from identities import INVALID, NOT_FOUND, PRECONDITION, refusal
from logins import KEY_REFUSED, LOGIN_REFUSED, PASSWORD

ONE_TIME = (PRECONDITION,
            "the password is a one-time password: it must be changed first (ChangePassword)")


@pytest.fixture(scope="module")
def server(database):
    server = programs.Server(database.url, "--auth", "required")
    yield server
    server.stop()


@pytest.fixture(scope="module")
def admin(database, server, stubs):
    with logins.Administrator(database, server, stubs) as admin:
        admin.add_user("alice")
        yield admin


@pytest.fixture(scope="module")
def caller(admin, server, stubs):
    with logins.Caller(server, stubs) as caller:
        yield caller


@pytest.fixture(scope="module")
def key(admin, database):
    subjects.put(database.url, "application", "demo", "reader")
    subjects.put_key(database.url, "demo", "demo")
    # This server knows the key when it has answered a change of its own.
    admin.put_subject("application", "other")
    return "ak-demo0000000000000000"


@pytest.fixture(autouse=True)
def nobody_waits(database):
    logins.forget_attempts(database)


def refusals(database):
    return [(r["content"], r["target"], r["ext"], r["address"])
            for r in auditing.rows(database, "namespace = 'junction.auth' AND opt_type = 10")]


# --- Login -----------------------------------------------------------------------------------


def test_name_and_password_become_tokens(caller):
    answer = caller.login("Alice")
    assert answer.token_type == "Bearer" and answer.expires_in == 900
    assert caller.who(answer.access_token) == "alice"
    assert answer.refresh_token.startswith("jr-")
    assert caller.login("alice").refresh_token != answer.refresh_token


def test_a_session_is_kept_with_hashes_only(caller, database):
    answer = caller.login("alice")
    row, = database.rows("""SELECT kind, name, access_key, encode(refresh_hash, 'hex'), address,
            round(extract(epoch FROM expires_at - created_at))
        FROM auth.session ORDER BY created_at DESC LIMIT 1""")
    assert row[:3] == ["user", "alice", ""] and row[4:] == ["192.0.2.1:4711", str(12 * 3600)]
    assert answer.refresh_token not in str(database.rows("SELECT s FROM auth.session s"))


def test_whatever_is_wrong_has_one_text(admin, caller, database):
    admin.put_subject("user", "nopassword")
    admin.add_user("asleep")
    admin.put_subject("user", "asleep", disabled=True)
    before = len(refusals(database))
    assert refusal(caller.login, "alice", "wrong horse") == LOGIN_REFUSED
    assert refusal(caller.login, "nobody", PASSWORD) == LOGIN_REFUSED
    assert refusal(caller.login, "nopassword", "") == (INVALID, "password: is required")
    assert refusal(caller.login, "nopassword", "x") == LOGIN_REFUSED
    assert refusal(caller.login, "asleep", PASSWORD) == LOGIN_REFUSED
    assert refusals(database)[before:] == [
        ("login refused", f"user:{name}", '{"reason":"%s"}' % reason, "192.0.2.1:4711")
        for name, reason in [("alice", "wrong password"),
                             ("nobody", "there is no such user, or it has no password"),
                             ("nopassword", "there is no such user, or it has no password"),
                             ("asleep", "the user is disabled")]]


def test_what_is_missing_or_too_long_is_named(caller):
    for fields, text in [
            ({}, "user: is required"), ({"user": "alice"}, "password: is required"),
            ({"user": "alice", "password": "x" * 1025}, "password: must have at most 1024 bytes"),
            ({"user": "a b", "password": "x"}, "user: " + logins.NAME_RULE)]:
        assert refusal(caller.call, "Login", **fields) == (INVALID, text)


def test_a_refused_login_is_in_the_audit_though_its_client_has_gone(caller, database):
    before = len(refusals(database))
    with postgres.Session(database.url) as session:
        session.run("BEGIN; SELECT pg_advisory_xact_lock(6024018);")  # audit.append waits for it
        future = caller.stub.Login.future(
            caller.m.LoginRequest(user="alice", password="wrong horse"), metadata=caller.metadata)
        while not database.rows(f"SELECT 1 FROM {postgres.LOCKS} WHERE objid = 6024018 AND NOT granted"):
            assert not future.done()
        with pytest.raises(grpc.FutureTimeoutError):
            future.result(0.5)  # nor is it answered before
        future.cancel()
        session.run("COMMIT;")
    observe.wait_until(lambda: len(refusals(database)) > before)


def test_a_password_that_was_changed_meanwhile_opens_no_session(caller, database):
    hash_, = database.rows("SELECT hash FROM auth.password WHERE name = 'alice'")[0]
    opened = "SELECT auth.open_session(gen_random_uuid(), 'alice', '%s', '', '', '1', 60)"
    assert database.rows(opened % hash_) == [["t"]]
    assert database.rows(opened % (hash_ + "x")) == [["f"]]


# --- passwords -------------------------------------------------------------------------------


def test_a_one_time_password_must_be_changed_before_it_lets_in(admin, caller, database):
    admin.put_subject("user", "bob")
    once = admin.call("ResetPassword", name="Bob").one_time_password
    assert len(once) == 20
    assert refusal(caller.login, "bob", once) == ONE_TIME
    assert refusals(database)[-1][:3] == (
        "login refused", "user:bob", '{"reason":"the one-time password must be changed"}')
    caller.call("ChangePassword", user="BOB", password=once, new_password=PASSWORD)
    assert refusal(caller.login, "bob", once) == LOGIN_REFUSED
    assert caller.who(caller.login("bob").access_token) == "bob"


def test_rules_of_a_new_password(caller):
    for new, rule in [("", "must have 8 to 1024 bytes"), ("1234567", "must have 8 to 1024 bytes"),
                      ("x" * 1025, "must have 8 to 1024 bytes"),
                      (PASSWORD, "must not be the present password"),
                      ("LongName", "must not be the user's name")]:
        assert refusal(caller.call, "ChangePassword", user="longname", password=PASSWORD,
                       new_password=new) == (INVALID, "newPassword: " + rule)


def test_the_old_password_is_asked_as_by_login(caller, database):
    before = len(refusals(database))
    assert refusal(caller.call, "ChangePassword", user="alice", password="wrong horse",
                   new_password="12345678") == LOGIN_REFUSED
    assert [r[:2] for r in refusals(database)[before:]] == [
        ("change of a password refused", "user:alice")]
    caller.login("alice")


def test_a_change_of_the_password_ends_all_sessions(admin, caller, database):
    admin.add_user("carol")
    first, second = caller.login("carol"), caller.login("carol")
    caller.call("ChangePassword", user="carol", password=PASSWORD, new_password="another one")
    for answer in (first, second):
        assert caller.who(answer.access_token) is None
        assert refusal(caller.refresh, answer.refresh_token) == logins.REFRESH_REFUSED
    row, = auditing.rows(database, "content = 'password changed' AND target = 'user:carol'"
                                   " AND user_name = 'carol'")[-1:]
    assert '"one_time" : false' in row["ext"] or '"one_time": false' in row["ext"]
    assert "argon2" not in row["ext"]


def test_a_reset_ends_all_sessions_and_waits(admin, caller, database):
    admin.add_user("dave")
    answer = caller.login("dave")
    for _ in range(3):
        assert refusal(caller.login, "dave", "wrong horse") == LOGIN_REFUSED
    once = admin.call("ResetPassword", name="dave").one_time_password
    assert caller.who(answer.access_token) is None
    assert refusal(caller.login, "dave", PASSWORD) == LOGIN_REFUSED
    assert refusal(caller.login, "dave", once) == ONE_TIME
    row = auditing.rows(database, "content = 'password changed' AND target = 'user:dave'")[-1]
    assert row["application"] == "operator"


def test_only_a_known_user_is_reset_and_only_by_an_administrator(admin, caller):
    assert refusal(admin.call, "ResetPassword", name="nobody") == (NOT_FOUND, "no user nobody")
    assert refusal(admin.call, "ResetPassword", name="") == (INVALID, "name: is required")
    token = caller.login("alice").access_token
    assert refusal(caller.with_token(token).call, "ResetPassword", name="alice")[0] == \
        logins.DENIED


# --- IssueToken ------------------------------------------------------------------------------


def test_an_access_key_becomes_tokens(caller, key, database):
    answer = caller.call("IssueToken", access_key_id=key, secret=subjects.SECRET)
    assert (answer.token_type, answer.expires_in) == ("Bearer", 900)
    assert caller.who(answer.access_token) == "demo"
    assert database.rows("SELECT kind, name, access_key FROM auth.session"
                         " WHERE access_key IS NOT NULL") == [["application", "demo", key]]


def test_whatever_is_wrong_with_a_key_has_one_text(admin, caller, key, database):
    subjects.put(database.url, "application", "asleep", disabled=True)
    asleep = subjects.put_key(database.url, "asleep", "asleep")
    ended = subjects.put_key(database.url, "demo", "ended")
    database.rows(f"UPDATE auth.access_key SET ends_at = now() WHERE id = '{ended}'")
    admin.put_subject("application", "other", title="to have seen the keys")
    before = len(refusals(database))
    nobody = "ak-nobody00000000000000"
    for shown, secret, reason in [
            (key, "x", "wrong secret"), (nobody, "x", "there is no such access key"),
            (subjects.SECRET[:64], "x", "there is no such access key"),
            (nobody.replace("0", "\n"), "x", "there is no such access key"),
            (asleep, subjects.SECRET, "the application is disabled"),
            (ended, subjects.SECRET, "the access key has ended")]:
        assert refusal(caller.call, "IssueToken", access_key_id=shown, secret=secret) == KEY_REFUSED
        assert refusals(database)[-1][:3] == (
            "exchange of an access key refused",
            "access_key:" + (shown if re.fullmatch("ak-[a-z0-9]{20}", shown) else "?"),
            '{"reason":"%s"}' % reason)
        logins.forget_attempts(database)
    assert len(refusals(database)) == before + 6


def test_what_is_missing_in_an_exchange_is_named(caller):
    for fields, text in [
            ({}, "accessKeyId: is required"), ({"access_key_id": "x"}, "secret: is required"),
            ({"access_key_id": "x" * 65, "secret": "x"}, "accessKeyId: must have at most 64 bytes"),
            ({"access_key_id": "x", "secret": "x" * 1025}, "secret: must have at most 1024 bytes")]:
        assert refusal(caller.call, "IssueToken", **fields) == (INVALID, text)


def test_a_key_that_is_gone_ends_its_sessions(admin, caller, database):
    admin.put_subject("application", "brief")
    made = admin.call("CreateAccessKey", application="brief")
    shown = {"access_key_id": made.key.id, "secret": made.secret}
    answer = caller.call("IssueToken", **shown)
    admin.call("DeleteAccessKey", id=made.key.id)
    assert caller.who(answer.access_token) is None
    assert refusal(caller.refresh, answer.refresh_token) == logins.REFRESH_REFUSED
    assert refusal(caller.call, "IssueToken", **shown) == KEY_REFUSED
