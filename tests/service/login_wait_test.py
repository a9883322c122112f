"""Refused logins are slowed: of an account from an address, of either by itself, and of nobody else."""

import concurrent.futures
import json
import re

import pytest

import auditing
import logins
import observe
import postgres
import programs
from identities import refusal
from logins import EXHAUSTED, LOGIN_REFUSED, PASSWORD


PATIENT = ("--auth", "required", "--lock-timeout-ms", "60000", "--statement-timeout-ms", "60000")


@pytest.fixture(scope="module")
def server(database):
    server = programs.Server(database.url, *PATIENT)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def other(database):
    """Another server on the same database."""
    server = programs.Server(database.url, *PATIENT)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def admin(database, server, stubs):
    with logins.Administrator(database, server, stubs) as admin:
        for name in ("alice", "bob"):
            admin.add_user(name)
        yield admin


@pytest.fixture(scope="module")
def caller(admin, server, stubs):
    with logins.Caller(server, stubs) as caller:
        yield caller


@pytest.fixture(autouse=True)
def nobody_waits(database, admin):
    logins.forget_attempts(database)


def refuse(caller, user, address, times=1):
    for _ in range(times):
        assert refusal(caller.log_in_at, address, user, "wrong horse") == LOGIN_REFUSED


@pytest.fixture(scope="module")
def must_wait(caller, stubs, database):
    """Asserts that somebody has to wait, and nothing is tried. However slow the machine is: waits
    that there are last a minute."""
    def ask(user, address, password="wrong horse", caller=caller):
        database.rows("""UPDATE auth.attempt SET wait_until = clock_timestamp() + interval '1 min'
            WHERE refused >= CASE WHEN account <> '' AND address <> '' THEN 3 ELSE 20 END""")
        with logins.refused(EXHAUSTED) as caught:
            caller.log_in_at(address, user, password)
        assert 0 < logins.retry_ms(stubs, caught[0]) <= 60000
    return ask


def count(database, account, address):
    rows = database.rows("SELECT refused FROM auth.attempt"
                         f" WHERE account = '{account}' AND address = '{address}'")
    return int(rows[0][0]) if rows else 0


# --- an account from an address ----------------------------------------------------------------


def test_three_are_free_then_each_costs_twice_the_wait_of_the_one_before(caller, database):
    # What nothing waits for has the time of the attempt.
    waits = """SELECT extract(epoch FROM p.wait_until - a.wait_until)::integer
        FROM auth.attempt p JOIN auth.attempt a ON a.account = '' AND a.address = p.address
        WHERE p.account <> '' AND p.address <> ''"""
    for seconds in [0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]:
        refuse(caller, "alice", "10.0.0.1:1")
        assert database.rows(waits) == [[str(seconds)]]
        logins.let_time_pass(database)


def test_a_wait_is_told_and_ends(caller, stubs, database):
    refuse(caller, "alice", "10.0.0.1:1", 3)
    database.rows("UPDATE auth.attempt SET wait_until = clock_timestamp() + interval '1500 ms'"
                  " WHERE refused = 3 AND address <> '' AND account <> ''")
    with logins.refused(EXHAUSTED) as caught:
        caller.log_in_at("10.0.0.1:1", "alice")
    assert 0 < logins.retry_ms(stubs, caught[0]) <= 1500
    assert re.fullmatch(r"too many attempts were refused; it can be tried again in "
                        r"(1 second|2 seconds)", caught[0].details())
    observe.wait_until(
        lambda: auditing.code_of(caller.log_in_at, "10.0.0.1:1", "alice") != EXHAUSTED)
    assert count(database, "user:alice", "10.0.0.1") == 0


def test_who_has_to_wait_is_not_told_whether_the_password_is_right(caller, must_wait, database):
    refuse(caller, "alice", "10.0.0.1:1", 3)
    must_wait("alice", "10.0.0.1:1", PASSWORD)
    must_wait("alice", "10.0.0.1:2")
    with logins.refused(EXHAUSTED):
        caller.stub.ChangePassword(
            caller.m.ChangePasswordRequest(user="alice", password=PASSWORD, new_password="12345678"),
            metadata=(("junction-caller-address", "10.0.0.1:1"),))
    assert count(database, "user:alice", "10.0.0.1") == 3
    logins.let_time_pass(database)
    caller.log_in_at("10.0.0.1:1", "alice")


def test_a_right_password_ends_the_count(caller, database):
    refuse(caller, "alice", "10.0.0.1:1", 2)
    caller.log_in_at("10.0.0.1:1", "alice")
    assert count(database, "user:alice", "10.0.0.1") == 0
    assert count(database, "user:alice", "") == 2 == count(database, "", "10.0.0.1")
    refuse(caller, "alice", "10.0.0.1:1", 3)


def test_others_at_the_address_and_the_user_elsewhere_do_not_wait(caller, must_wait):
    refuse(caller, "alice", "10.0.0.1:1", 3)
    must_wait("alice", "10.0.0.1:1", PASSWORD)
    caller.log_in_at("10.0.0.1:1", "bob")
    caller.log_in_at("10.0.0.2:1", "alice")


def test_what_was_refused_an_hour_ago_is_forgotten(caller, database):
    refuse(caller, "alice", "10.0.0.1:1", 3)
    database.rows("UPDATE auth.attempt SET wait_until = wait_until - interval '61 min',"
                  " ends_at = ends_at - interval '61 min'")
    refuse(caller, "alice", "10.0.0.1:1", 3)
    database.rows("UPDATE auth.attempt SET ends_at = now(); SELECT auth.forget(1000)")
    assert database.rows("SELECT account FROM auth.attempt") == []


@pytest.mark.parametrize("first,second,same", [
    ("[2001:db8:1:2::1]:5", "[2001:db8:1:2:ffff::9]:6", True),
    ("[2001:db8:1:2::1]:5", "[2001:db8:1:3::1]:5", False),
    ("10.0.0.1:1", "[::ffff:10.0.0.1]:1", True),
    ("[::ffff:10.0.0.1]:1", "[::ffff:10.0.0.2]:1", False)])
def test_what_counts_as_one_address(caller, must_wait, first, second, same):
    refuse(caller, "alice", first, 3)
    if same:
        must_wait("alice", second)
    else:
        refuse(caller, "alice", second)


def test_unknown_users_wait_as_known_ones_do(caller, must_wait):
    refuse(caller, "nobody", "10.0.0.1:1", 3)
    must_wait("nobody", "10.0.0.1:1")


def test_guesses_at_once_are_counted_before_they_are_looked_at(admin, server, other, stubs, database):
    def guess(number):
        with logins.Caller((server, other)[number % 2], stubs, "10.0.0.1:1") as caller:
            return auditing.code_of(caller.login, "alice", "wrong horse")
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        with postgres.Session(database.url) as session:
            session.run("BEGIN; LOCK TABLE auth.known_address;")
            codes = pool.map(guess, range(32))
            logins.wait_until_locked(database, 8)
            session.run("COMMIT;")
        codes = list(codes)
    # Three, and as many more as waits of 1, 2, 4 seconds may end on a slow machine.
    assert 3 <= codes.count(logins.UNAUTHENTICATED) <= 6
    assert codes.count(EXHAUSTED) == 32 - codes.count(logins.UNAUTHENTICATED)


def test_the_other_server_knows_of_it(caller, other, stubs, must_wait):
    refuse(caller, "alice", "10.0.0.1:1", 3)
    with logins.Caller(other, stubs) as elsewhere:
        must_wait("alice", "10.0.0.1:1", caller=elsewhere)


# --- an account from everywhere, an address over all accounts ----------------------------------


def test_who_guesses_from_many_addresses_waits_and_the_owner_does_not(caller, must_wait, database):
    caller.log_in_at("10.0.0.1:1", "alice")
    for number in range(20):
        refuse(caller, "alice", f"10.1.{number}.1:1")
    must_wait("alice", "10.2.0.1:1", PASSWORD)
    caller.log_in_at("10.0.0.1:2", "alice")
    caller.log_in_at("10.2.0.1:1", "bob")
    # The owner's success does not help the others.
    must_wait("alice", "10.2.0.2:1", PASSWORD)
    database.rows("UPDATE auth.known_address SET ends_at = now()")
    must_wait("alice", "10.0.0.1:2", PASSWORD)


def test_who_guesses_many_names_waits_and_those_known_there_do_not(caller, must_wait, database):
    caller.log_in_at("10.0.0.1:1", "alice")
    for number in range(20):
        refuse(caller, f"user{number}", "10.0.0.1:1")
    must_wait("user20", "10.0.0.1:1")
    must_wait("bob", "10.0.0.1:1", PASSWORD)
    caller.log_in_at("10.0.0.1:1", "alice")
    caller.log_in_at("10.0.0.2:1", "bob")
    # That alice comes and goes does not help the others there.
    must_wait("bob", "10.0.0.1:1", PASSWORD)


def test_refusals_of_an_address_count_for_ten_minutes(caller, database):
    ends_at = "SELECT ends_at FROM auth.attempt WHERE account = ''"
    refuse(caller, "user0", "10.0.0.1:1")
    first = database.rows(ends_at)
    assert database.rows("SELECT ends_at - wait_until FROM auth.attempt WHERE account = ''") == [
        ["00:10:00"]]
    for number in range(1, 19):
        refuse(caller, f"user{number}", "10.0.0.1:1")
    assert database.rows(ends_at) == first
    database.rows("UPDATE auth.attempt SET ends_at = now() WHERE account = ''")
    refuse(caller, "user20", "10.0.0.1:1")
    assert count(database, "", "10.0.0.1") == 1


def test_many_who_log_in_at_one_address_for_the_first_time_do_not_wait(caller, admin, database):
    hash_, = database.rows("SELECT hash FROM auth.password WHERE name = 'alice'")[0]
    database.rows("INSERT INTO auth.subject (kind, name) SELECT 'user', 'many' || g"
                  " FROM generate_series(1, 25) AS g; INSERT INTO auth.password (name, hash, one_time)"
                  f" SELECT 'many' || g, '{hash_}', false FROM generate_series(1, 25) AS g")
    for number in range(1, 26):
        caller.log_in_at("10.0.0.1:1", f"many{number}")
    assert count(database, "", "10.0.0.1") == 0


# --- access keys, REST, the audit --------------------------------------------------------------


def test_exchanges_of_an_access_key_are_slowed_likewise(admin, caller, stubs, database):
    admin.put_subject("application", "demo")
    made = admin.call("CreateAccessKey", application="demo")

    def exchange(secret, address="10.0.0.1:1"):
        return caller.stub.IssueToken(
            caller.m.IssueTokenRequest(access_key_id=made.key.id, secret=secret), timeout=60,
            metadata=(("junction-caller-address", address),))
    for _ in range(3):
        assert refusal(exchange, "wrong") == logins.KEY_REFUSED
    database.rows("UPDATE auth.attempt SET wait_until = clock_timestamp() + interval '1 min'"
                  " WHERE refused = 3 AND account <> '' AND address <> ''")
    with logins.refused(EXHAUSTED) as caught:
        exchange(made.secret)
    assert 0 < logins.retry_ms(stubs, caught[0]) <= 60000
    exchange(made.secret, "10.0.0.2:1")
    logins.let_time_pass(database)
    exchange(made.secret)
    assert count(database, "access_key:" + made.key.id, "10.0.0.1") == 0


def test_exchanges_at_once_do_not_slow_each_other(admin, caller):
    admin.put_subject("application", "busy")
    made = admin.call("CreateAccessKey", application="busy")
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        tokens = list(pool.map(lambda _: caller.call(
            "IssueToken", access_key_id=made.key.id, secret=made.secret).access_token, range(40)))
    assert len(set(tokens)) == 40


def test_http_says_when_to_try_again(server, caller, database):
    bridge = programs.Bridge(server)
    try:
        body = {"user": "alice", "password": "wrong horse"}
        for _ in range(3):
            assert bridge.post("/v1/auth/login", body).status == 401
        database.rows("UPDATE auth.attempt SET wait_until = now() + interval '100 s'")
        answer = bridge.post("/v1/auth/login", body)
    finally:
        bridge.stop()
    assert answer.status == 429 and 90 < int(answer.headers["Retry-After"]) <= 100
    shown, = answer.json()["details"]
    assert shown["@type"].endswith("google.rpc.RetryInfo")
    assert 90 < float(shown["retryDelay"].rstrip("s")) <= 100


def test_what_was_not_tried_is_in_the_audit_too(caller, must_wait, database):
    refuse(caller, "alice", "10.0.0.1:1", 3)
    must_wait("alice", "10.0.0.1:1")
    rows = []
    observe.wait_until(lambda: rows.extend(auditing.rows(
        database, "content = 'login refused' AND ext->>'reason' LIKE 'too many%'")) or rows)
    assert (rows[-1]["target"], rows[-1]["severity"]) == ("user:alice", "warning")
    assert json.loads(rows[-1]["ext"]) == {"reason": "too many attempts were refused"}
