"""Sessions: refreshed, ended by who has a token of theirs, by administrators, and by thieves."""

import concurrent.futures
import json

import grpc
import pytest

import auditing
import logins
import observe
import postgres
import programs
from identities import INVALID, NOT_FOUND, refusal
from logins import REFRESH_REFUSED


PATIENT = ("--auth", "required", "--lock-timeout-ms", "60000", "--statement-timeout-ms", "60000")


@pytest.fixture(scope="module")
def server(database):
    server = programs.Server(database.url, *PATIENT)
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
def other(database, admin):
    """Another server on the same database, that looks for changes as seldom as it can."""
    server = programs.Server(database.url, *PATIENT, "--auth-poll-ms", "5000")
    yield server
    server.stop()


@pytest.fixture(scope="module")
def elsewhere(other, stubs):
    with logins.Caller(other, stubs) as caller:
        yield caller


def session_of(token):
    return token[3:39]


def made_earlier(database, answer, seconds):
    """The last refresh of the session was so long ago."""
    database.rows(f"UPDATE auth.session SET refreshed_at = refreshed_at - interval '{seconds} s'"
                  f" WHERE id = '{session_of(answer.refresh_token)}'")


def reasons(database, target):
    return [json.loads(r["ext"])["reason"] for r in auditing.rows(
        database, f"content = 'refresh refused' AND target = '{target}'")]


def assert_ended(answer, *callers):
    for caller in callers:
        assert caller.who(answer.access_token) is None
        assert refusal(caller.refresh, answer.refresh_token) == REFRESH_REFUSED


# --- refresh ---------------------------------------------------------------------------------


def test_a_refresh_token_is_good_once(caller, elsewhere, database):
    first = caller.login("alice")
    second = elsewhere.refresh(first.refresh_token)
    assert (second.token_type, second.expires_in) == ("Bearer", 900)
    assert session_of(second.refresh_token) == session_of(first.refresh_token)
    assert caller.who(second.access_token) == "alice" == caller.who(first.access_token)
    third = caller.refresh(second.refresh_token)
    assert len({first.refresh_token, second.refresh_token, third.refresh_token}) == 3
    assert database.rows("SELECT cardinality(used_hashes) FROM auth.session WHERE id ="
                         f" '{session_of(first.refresh_token)}'") == [["2"]]


def test_who_shows_the_one_before_at_once_is_refused_and_nothing_ends(caller, database):
    first = caller.login("alice")
    second = caller.refresh(first.refresh_token)
    assert refusal(caller.refresh, first.refresh_token) == REFRESH_REFUSED
    assert caller.who(second.access_token) == "alice"
    caller.refresh(second.refresh_token)


def test_a_used_refresh_token_ends_its_session(caller, database):
    first = caller.login("alice")
    second = caller.refresh(first.refresh_token)
    made_earlier(database, first, 11)
    assert refusal(caller.refresh, first.refresh_token) == REFRESH_REFUSED
    assert_ended(second, caller)
    assert reasons(database, "user:alice")[-1] == \
        "the refresh token was used before: the session was ended"


def test_one_before_the_last_ends_it_at_once(caller):
    first = caller.login("alice")
    second = caller.refresh(first.refresh_token)
    third = caller.refresh(second.refresh_token)
    assert refusal(caller.refresh, first.refresh_token) == REFRESH_REFUSED
    assert_ended(third, caller)


def test_of_many_who_show_it_at_once_one_gets_the_next(caller, elsewhere, database):
    first = caller.login("alice")

    def refresh(number):
        try:
            return (caller, elsewhere)[number % 2].refresh(first.refresh_token)
        except grpc.RpcError as error:
            assert error.code() == logins.UNAUTHENTICATED
            return None
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        with postgres.Session(database.url) as session:
            session.run("BEGIN; SELECT 1 FROM auth.session WHERE id ="
                        f" '{session_of(first.refresh_token)}' FOR UPDATE;")
            answers = pool.map(refresh, range(8))
            logins.wait_until_locked(database, 8)
            session.run("COMMIT;")
        winners = [answer for answer in answers if answer]
    assert len(winners) == 1
    assert caller.who(winners[0].access_token) == "alice"
    caller.refresh(winners[0].refresh_token)


@pytest.mark.parametrize("change", [
    lambda t: t[:-1] + ("A" if t[-1] != "A" else "B"), lambda t: "x" + t[1:], lambda t: t[:-1],
    lambda t: t + "A", lambda t: "jr-" + "0" * 8 + t[11:], lambda t: "jr-" + t[3:].upper(), lambda t: "x"])
def test_what_is_no_refresh_token_is_refused_and_harms_nobody(caller, change):
    answer = caller.login("alice")
    assert refusal(caller.refresh, change(answer.refresh_token)) == REFRESH_REFUSED
    caller.refresh(answer.refresh_token)


def test_a_refresh_token_is_required(caller):
    assert refusal(caller.refresh, "") == (INVALID, "refresh_token: is required")
    assert refusal(caller.call, "Revoke", token="") == (INVALID, "token: is required")


def test_an_access_token_is_no_refresh_token(caller):
    assert refusal(caller.refresh, caller.login("alice").access_token) == REFRESH_REFUSED


def test_a_session_has_an_end_which_its_tokens_share(caller, database):
    answer = caller.login("alice")
    mine = f"WHERE id = '{session_of(answer.refresh_token)}'"
    database.rows(f"UPDATE auth.session SET expires_at = now() + interval '100 s' {mine}")
    answer = caller.refresh(answer.refresh_token)
    assert 0 < answer.expires_in <= 100
    database.rows(f"UPDATE auth.session SET expires_at = now() {mine}")
    assert refusal(caller.refresh, answer.refresh_token) == REFRESH_REFUSED
    database.rows("SELECT auth.forget(1000)")  # its last token may be good for a moment
    assert database.rows(f"SELECT 1 FROM auth.session {mine}") == [["1"]]
    database.rows(f"UPDATE auth.session SET expires_at = now() - interval '61 s' {mine};"
                  "SELECT auth.forget(1000)")
    assert database.rows(f"SELECT 1 FROM auth.session {mine}") == []


def test_who_is_disabled_gets_no_more(caller, admin, database):
    admin.add_user("erin")
    answer = caller.login("erin")
    database.rows("UPDATE auth.subject SET disabled = true WHERE name = 'erin'")
    assert refusal(caller.refresh, answer.refresh_token) == REFRESH_REFUSED
    database.rows("UPDATE auth.subject SET disabled = false WHERE name = 'erin'")
    caller.refresh(answer.refresh_token)


def test_a_key_that_has_ended_refreshes_no_more(caller, admin, database):
    admin.put_subject("application", "demo")
    made = admin.call("CreateAccessKey", application="demo")
    answer = caller.call("IssueToken", access_key_id=made.key.id, secret=made.secret)
    answer = caller.refresh(answer.refresh_token)
    database.rows(f"UPDATE auth.access_key SET ends_at = now() WHERE id = '{made.key.id}'")
    assert refusal(caller.refresh, answer.refresh_token) == REFRESH_REFUSED


# --- revocation ------------------------------------------------------------------------------


@pytest.mark.parametrize("which", ["access_token", "refresh_token"])
def test_who_has_a_token_may_end_its_session(caller, which):
    answer, kept = caller.login("alice"), caller.login("alice")
    caller.call("Revoke", token=getattr(answer, which))
    assert_ended(answer, caller)
    assert caller.who(kept.access_token) == "alice"
    caller.refresh(kept.refresh_token)


def test_a_used_refresh_token_ends_it_too(caller):
    first = caller.login("alice")
    second = caller.refresh(first.refresh_token)
    caller.call("Revoke", token=first.refresh_token)
    assert_ended(second, caller)


def test_what_is_no_token_is_revoked_without_ado(caller, database):
    answer = caller.login("alice")
    before = database.rows("SELECT count(*) FROM auth.revocation")
    forged = answer.refresh_token[:-1] + ("A" if answer.refresh_token[-1] != "A" else "B")
    for token in ("x", "a.b.c", forged, answer.access_token[:-5] + "AAAAA", "jr-" + "0" * 80):
        caller.call("Revoke", token=token)
    assert caller.who(answer.access_token) == "alice"
    assert database.rows("SELECT count(*) FROM auth.revocation") == before
    caller.call("Revoke", token=answer.access_token)
    caller.call("Revoke", token=answer.access_token)
    caller.call("Revoke", token=answer.refresh_token)


def test_an_administrator_ends_all_sessions_of_one(admin, caller):
    admin.add_user("frank")
    answers, kept = [caller.login("frank") for _ in range(3)], caller.login("alice")
    assert admin.call("EndSessions", kind="user", name="Frank").ended == 3
    for answer in answers:
        assert_ended(answer, caller)
    assert caller.who(kept.access_token) == "alice"
    assert admin.call("EndSessions", kind="user", name="frank").ended == 0
    assert caller.who(caller.login("frank").access_token) == "frank"


def test_whose_sessions_end_must_be_known(admin):
    assert refusal(admin.call, "EndSessions", kind="user", name="nobody") == \
        (NOT_FOUND, "no user nobody")
    assert refusal(admin.call, "EndSessions", kind="group", name="x") == \
        (INVALID, 'kind: must be "user" or "application"')
    assert refusal(admin.call, "EndSessions", kind="user", name="") == (INVALID, "name: is required")


def test_the_audit_says_who_ended_it(admin, caller, database):
    answer = caller.login("alice")
    caller.call("Revoke", token=answer.refresh_token)
    row = auditing.rows(database, "content = 'revocation added'")[-1]
    assert row["target"].endswith(session_of(answer.refresh_token))
    assert row["address"] == "192.0.2.1:4711"
    admin.call("EndSessions", kind="user", name="alice")
    row = auditing.rows(database, "content = 'revocation added'")[-1]
    assert row["application"] == "operator"


# --- on all servers --------------------------------------------------------------------------


def introspect(caller, token, with_token):
    return caller.with_token(with_token).call("Introspect", token=token).active


@pytest.mark.parametrize("how", ["Revoke", "EndSessions", "ResetPassword", "DeleteAccessKey"])
def test_once_it_is_answered_no_server_says_that_it_is_good(admin, caller, elsewhere, how):
    """Introspect is asked of what the database knows; the other server's own view follows."""
    asker = caller.login("alice").access_token
    if how == "DeleteAccessKey":
        admin.put_subject("application", "short")
        made = admin.call("CreateAccessKey", application="short")
        answer = caller.call("IssueToken", access_key_id=made.key.id, secret=made.secret)
    else:
        admin.add_user("gina")
        answer = caller.login("gina")
    assert introspect(elsewhere, answer.access_token, asker)
    if how == "Revoke":
        caller.call("Revoke", token=answer.access_token)
    elif how == "EndSessions":
        admin.call("EndSessions", kind="user", name="gina")
    elif how == "ResetPassword":
        admin.call("ResetPassword", name="gina")
    else:
        admin.call("DeleteAccessKey", id=made.key.id)
    assert not introspect(elsewhere, answer.access_token, asker)
    assert_ended(answer, caller, elsewhere)


def test_other_servers_follow_by_themselves(caller, database, stubs):
    server = programs.Server(database.url, "--auth", "required")
    try:
        with logins.Caller(server, stubs) as elsewhere:
            answer = caller.login("alice")
            assert elsewhere.who(answer.access_token) == "alice"
            caller.call("Revoke", token=answer.access_token)
            observe.wait_until(lambda: not elsewhere.who(answer.access_token))
    finally:
        server.stop()


def test_a_session_outlives_its_server_and_so_does_its_end(caller, database, stubs):
    server = programs.Server(database.url, "--auth", "required")
    with logins.Caller(server, stubs) as victim:
        kept, ended = victim.login("alice"), victim.login("alice")
        victim.call("Revoke", token=ended.access_token)
        server.kill()
    server = programs.Server(database.url, "--auth", "required")
    try:
        with logins.Caller(server, stubs) as successor:
            assert successor.who(kept.access_token) == "alice"
            successor.refresh(kept.refresh_token)
            assert_ended(ended, successor)
    finally:
        server.stop()
