"""Access keys of applications: made, shown once, listed and removed, with the sessions they opened."""

import concurrent.futures
import hashlib
import re
import time

import pytest

import identities
import postgres
from identities import INVALID, NOT_FOUND, PRECONDITION, at, refusal
from registry_schema_test import waits_for_lock

SESSION = """INSERT INTO auth.session (id, kind, name, access_key, refresh_hash, expires_at)
    VALUES (gen_random_uuid(), '{}', '{}', {}, '\\x00', now() + interval '1 day')"""


@pytest.fixture(scope="module")
def admin(stubs, channel):
    return identities.Identities(stubs, channel)


@pytest.fixture(autouse=True)
def nobody(database, server):
    database.rows("DELETE FROM auth.subject; DELETE FROM auth.revocation")


def create(admin, application, **rest):
    return admin.call("CreateAccessKey", application=application, **rest)


def listed(admin, application=""):
    return [k.id for k in admin.call("ListAccessKeys", application=application).keys]


def open_session(database, kind, name, key=None):
    return database.rows(SESSION.format(kind, name, f"'{key}'" if key else "NULL") + " RETURNING id")[0][0]


def test_a_key_is_shown_once_and_kept_hashed(admin, database, server):
    admin.put_subject("application", "demo")
    made = create(admin, "Demo", title="für den Roboter")
    assert re.fullmatch("ak-[a-z0-9]{20}", made.key.id)
    assert re.fullmatch("[A-Za-z0-9_-]{72}", made.secret)
    assert (made.key.application, made.key.title) == ("demo", "für den Roboter")
    assert made.key.created_at.seconds > 0 and not made.key.HasField("ends_at")
    secret = made.secret.encode()
    assert database.rows("SELECT id, application, title, encode(secret_hash, 'hex'),"
                         " encode(signing_key, 'hex'), ends_at FROM auth.access_key") == [
        [made.key.id, "demo", "für den Roboter", hashlib.sha256(secret).hexdigest(),
         hashlib.sha1(secret).hexdigest(), ""]]
    assert list(admin.call("ListAccessKeys").keys) == [made.key]
    assert made.secret not in server.log_text()


def test_keys_for_rotation_newest_first(admin, database):
    for name in ("b", "a"):
        admin.put_subject("application", name)
    keys = {name: [create(admin, name) for _ in range(3)] for name in ("b", "a")}
    assert len({key.secret for some in keys.values() for key in some}) == 6
    newest_first = {name: [key.key.id for key in reversed(some)] for name, some in keys.items()}
    assert listed(admin) == newest_first["a"] + newest_first["b"]
    assert listed(admin, "B") == newest_first["b"]
    assert listed(admin, "none") == []
    admin.call("DeleteAccessKey", id=newest_first["b"][1])
    assert listed(admin, "b") == [newest_first["b"][0], newest_first["b"][2]]
    admin.delete_subject("application", "a")
    assert listed(admin) == listed(admin, "b")


def test_an_application_has_20_keys_at_most(admin):
    admin.put_subject("application", "demo")
    made = [create(admin, "demo").key.id for _ in range(20)]
    assert refusal(create, admin, "demo") == (
        PRECONDITION, "application demo has 20 access keys, and may not have more: delete one first")
    admin.call("DeleteAccessKey", id=made[7])
    assert create(admin, "demo").key.id not in made


def test_a_key_that_ends(admin):
    admin.put_subject("application", "demo")
    later = int(time.time()) + 60
    made = create(admin, "demo", ends_at=at(later, 5000000))
    assert (made.key.ends_at.seconds, made.key.ends_at.nanos) == (later, 5000000)
    assert admin.call("ListAccessKeys").keys[0] == made.key
    assert refusal(create, admin, "demo", ends_at=at(later - 120)) == (
        INVALID, "endsAt: must be in the future")


def test_what_has_no_key(admin):
    admin.put_subject("user", "demo")
    assert refusal(create, admin, "demo") == (NOT_FOUND, "no application demo")
    assert refusal(create, admin, "") == (INVALID, "application: is required")
    assert refusal(create, admin, "demo", title="t" * 256) == (
        INVALID, "title: must have at most 255 bytes")
    assert refusal(admin.call, "DeleteAccessKey", id="") == (INVALID, "id: is required")
    assert refusal(admin.call, "DeleteAccessKey", id="ak-none") == (NOT_FOUND, "no access key ak-none")
    assert refusal(admin.call, "ListAccessKeys", application="/")[0] == INVALID


# --- sessions --------------------------------------------------------------------------------


def sessions(database):
    return sorted(row[0] for row in database.rows("SELECT id FROM auth.session"))


def revoked(database):
    """For longer than a token is good."""
    return sorted(row[0] for row in database.rows(
        "SELECT id FROM auth.revocation WHERE expires_at > now() + interval '15 minutes'"))


def test_sessions_end_with_the_key_that_opened_them(admin, database):
    for name in ("demo", "other"):
        admin.put_subject("application", name)
    ids = [create(admin, "demo").key.id for _ in range(2)]
    gone = [open_session(database, "application", "demo", ids[0]) for _ in range(3)]
    kept = [open_session(database, "application", "demo", ids[1]),
            open_session(database, "application", "other")]
    admin.call("DeleteAccessKey", id=ids[0])
    assert revoked(database) == sorted(gone)
    assert sessions(database) == sorted(kept)


def test_sessions_end_with_their_subject(admin, database):
    admin.put_subject("user", "alice")
    admin.put_subject("application", "alice")
    gone = [open_session(database, "user", "alice") for _ in range(3)]
    kept = open_session(database, "application", "alice")
    admin.delete_subject("user", "alice")
    assert revoked(database) == sorted(gone) and sessions(database) == [kept]


def test_sessions_end_when_their_subject_is_disabled(admin, database):
    for name in ("alice", "bob"):
        admin.put_subject("user", name)
    gone, kept = (open_session(database, "user", name) for name in ("alice", "bob"))
    admin.put_subject("user", "bob", title="changed")
    admin.put_subject("user", "alice", disabled=True)
    assert revoked(database) == [gone] and sessions(database) == [kept]


PASSWORD = "SELECT FROM auth.password WHERE name = 'alice' FOR SHARE;"
KEY = "SELECT FROM auth.access_key WHERE application = 'demo' FOR SHARE;"
OF_ALICE, OF_DEMO = (SESSION.format(*who, "(SELECT id FROM auth.access_key)") + ";"
                     for who in (("user", "alice"), ("application", "demo")))


@pytest.mark.parametrize("first, change, then", [
    (PASSWORD, lambda admin, key: admin.delete_subject("user", "alice"), OF_ALICE),
    (KEY, lambda admin, key: admin.delete_subject("application", "demo"), OF_DEMO),
    (KEY, lambda admin, key: admin.call("DeleteAccessKey", id=key), OF_DEMO),
    (OF_ALICE, lambda admin, key: admin.put_subject("user", "alice", disabled=True), ""),
    (OF_ALICE, lambda admin, key: admin.delete_subject("user", "alice"), "")])
def test_who_logs_in_meanwhile_is_out_too(admin, database, first, change, then):
    """A login locks what it was shown, and opens its session, while that is being changed."""
    admin.put_subject("user", "alice")
    database.rows("INSERT INTO auth.password (name, hash, one_time) VALUES ('alice', '$argon2id$', false)")
    admin.put_subject("application", "demo")
    key = create(admin, "demo").key.id
    with postgres.Session(database.url) as login, concurrent.futures.ThreadPoolExecutor() as pool:
        login.run("BEGIN; " + first)
        changing = pool.submit(change, admin, key)
        waits_for_lock(database, 1)
        login.run(then + "COMMIT;")
        changing.result()
    assert sessions(database) == [] and len(revoked(database)) == 1
