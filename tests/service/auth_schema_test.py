"""The schema auth: its rules, who may read what, and what each change tells servers and audit."""

import json
import re

import grpc
import pytest

import auditing
import identities
import programs
import subjects
from identities import audited
from registry_schema_test import Session

HASH, SIGNING = "11" * 32, "22" * 20
PASSWORD = "'$argon2id$v=19$hidden'"
KEY = f"'\\x{HASH}', '\\x{SIGNING}'"


@pytest.fixture(scope="module")
def shared(cluster_url):
    with programs.Database(cluster_url) as database:
        database.rows("""INSERT INTO auth.subject (kind, name) VALUES ('user', 'u'), ('group', 'g'),
            ('application', 'a'); INSERT INTO auth.role (name) VALUES ('r')""")
        yield database


@pytest.fixture
def db(shared):
    shared.rows("TRUNCATE audit.record, auth.change")
    return shared


# --- rules -----------------------------------------------------------------------------------


@pytest.mark.parametrize("table, values, constraint", [
    ("subject (kind, name)", "'robot', 'x'", "subject_kind_known"),
    ("subject (kind, name)", "'user', 'X'", "subject_name_form"),
    ("subject (kind, name)", "'user', ''", "subject_name_form"),
    ("subject (kind, name)", "'user', repeat('x', 65)", "subject_name_form"),
    ("subject (kind, name)", "'user', 'i:' || repeat('x', 254)", "subject_name_form"),
    ("subject (kind, name)", "'user', E'i:a\\nb'", "subject_name_form"),
    ("subject (kind, name)", "'group', 'i:x'", "subject_name_form"),
    ("subject (kind, name, title)", "'user', 'x', repeat('x', 256)", "subject_title_length"),
    ("subject (kind, name, services)", "'user', 'x', '{s}'", "subject_services_of_application"),
    ("subject (kind, name, services)", "'application', 'x', array_fill('s'::text, ARRAY[101])",
     "subject_services_count"),
    ("subject (kind, name)", "'user', 'u'", "subject_pkey"),
    ("password (name, hash, one_time)", "'u', 'plain', false", "password_hash_is_argon2id"),
    ("password (name, hash, one_time)", f"'a', {PASSWORD}, false", "password_subject_fkey"),
    ("password (kind, name, hash, one_time)", f"'application', 'a', {PASSWORD}, false",
     "password_of_user"),
    ("member (group_name, kind, name)", "'g', 'group', 'g'", "member_kind_known"),
    ("member (group_name, kind, name)", "'u', 'user', 'u'", "member_group_fkey"),
    ("member (group_name, kind, name)", "'g', 'user', 'none'", "member_subject_fkey"),
    ("member (group_name, kind, name, group_kind)", "'u', 'user', 'u', 'user'", "member_group_kind"),
    ("role (name)", "'X'", "role_name_form"),
    ("role (name, title)", "'x', repeat('x', 256)", "role_title_length"),
    ("role_parent", "'r', 'r'", "role_parent_not_itself"),
    ("role_parent", "'r', 'none'", "role_parent_parent_fkey"),
    ("rule", "'r', 'may', 's', 'x', '*'", "rule_effect_known"),
    ("rule", "'none', 'allow', 's', 'x', '*'", "rule_role_fkey"),
    ("rule", "'r', 'allow', '', 'x', '*'", "rule_service_length"),
    ("rule", "'r', 'allow', 'S', 'x', '*'", "rule_service_lower_case"),
    ("rule", "'r', 'allow', 's', '', '*'", "rule_action_length"),
    ("rule", "'r', 'allow', 's', repeat('x', 256), '*'", "rule_action_length"),
    ("rule", "'r', 'allow', 's', E'x\\t', '*'", "rule_action_characters"),
    ("rule", "'r', 'allow', 's', 'X', '*'", "rule_action_lower_case"),
    ("rule", "'r', 'allow', 's', 'x', 'get'", "rule_method_form"),
    ("role_grant (kind, name, role)", "'user', 'none', 'r'", "role_grant_subject_fkey"),
    ("role_grant (kind, name, role)", "'user', 'u', 'none'", "role_grant_role_fkey"),
    ("access_key (id, application, secret_hash, signing_key)", f"'k', 'a', {KEY}",
     "access_key_id_form"),
    ("access_key (id, application, secret_hash, signing_key)", f"'ak-' || repeat('k', 20), 'u', {KEY}",
     "access_key_subject_fkey"),
    ("access_key (id, application, kind, secret_hash, signing_key)",
     f"'ak-' || repeat('k', 20), 'u', 'user', {KEY}", "access_key_of_application"),
    ("access_key (id, application, secret_hash, signing_key)",
     f"'ak-' || repeat('k', 20), 'a', '\\x00', '\\x{SIGNING}'", "access_key_secret_hash_is_sha256"),
    ("access_key (id, application, secret_hash, signing_key)",
     f"'ak-' || repeat('k', 20), 'a', '\\x{HASH}', '\\x00'", "access_key_signing_key_is_sha1"),
    ("session (id, kind, name, refresh_hash, expires_at)",
     "gen_random_uuid(), 'group', 'g', '', now()", "session_kind_known"),
    ("session (id, kind, name, refresh_hash, expires_at)",
     "gen_random_uuid(), 'user', 'none', '', now()", "session_subject_fkey"),
    ("revision", "1, false", "revision_single")])
def test_what_the_tables_refuse(db, table, values, constraint):
    with pytest.raises(RuntimeError, match=f'constraint "{constraint}"'):
        db.rows(f"INSERT INTO auth.{table} VALUES ({values})")


# --- rights ----------------------------------------------------------------------------------

SECRETS = {"password.hash", "own_key.private_key", "access_key.secret_hash", "access_key.signing_key",
           "token_key.private_jwk", "session.refresh_hash", "session.used_hashes"}


def readable(db, role):
    return {row[0] for row in db.rows(f"""
        SELECT c.relname || '.' || a.attname FROM pg_class c
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        WHERE c.relnamespace = 'auth'::regnamespace AND c.relkind IN ('r', 'v')
            AND has_column_privilege('{role}', c.oid, a.attnum, 'SELECT')""")}


def test_the_reader_reads_no_secret(db):
    seen = readable(db, "junction_reader")
    tables = {column.split(".")[0] for column in seen}
    assert {"subject", "member", "role", "rule", "role_grant", "issuer", "access_key"} <= tables
    assert not tables & {"password", "own_key", "token_key", "pending"}
    assert not seen & SECRETS
    assert SECRETS <= readable(db, "junction_app") | {"own_key.private_key"}


def test_the_reader_changes_nothing_and_asks_for_no_secret(db):
    assert db.rows("""SELECT relname FROM pg_class
        WHERE relnamespace = 'auth'::regnamespace AND relkind = 'r'
            AND has_table_privilege('junction_reader', oid, 'INSERT, UPDATE, DELETE, TRUNCATE')""") == []
    for call in ("auth.states('access_key', '{}')", "auth.load('', '', 1)", "auth.follow(0, 1)",
                 "auth.act_as('{}')", "auth.put_subject('', 'user', 'x', '', false, '{}', 1)",
                 "auth.end_sessions(NULL, NULL, NULL, 1)"):
        with pytest.raises(RuntimeError, match="permission denied for function"):
            db.rows(f"SET ROLE junction_reader; SELECT {call}")


def test_everybody_else_may_do_nothing(db):
    assert db.rows("""SELECT proname FROM pg_proc WHERE pronamespace = 'auth'::regnamespace
        AND EXISTS (SELECT FROM aclexplode(coalesce(proacl, acldefault('f', proowner))) AS x
            WHERE x.grantee = 0)""") == []
    assert db.rows("""SELECT relname FROM pg_class WHERE relnamespace = 'auth'::regnamespace
        AND EXISTS (SELECT FROM aclexplode(relacl) AS x WHERE x.grantee = 0)""") == []


@pytest.mark.parametrize("sql", [
    "UPDATE auth.revision SET value = 0", "DELETE FROM auth.change",
    "INSERT INTO auth.change (revision, kind, name) VALUES (1, 'user', 'u')",
    "SELECT FROM auth.pending", "DELETE FROM auth.pending", "TRUNCATE auth.subject CASCADE",
    "ALTER TABLE auth.subject DISABLE TRIGGER ALL", "DELETE FROM audit.record"])
def test_the_application_cannot_change_what_is_told(db, sql):
    with pytest.raises(RuntimeError, match="permission denied|must be owner"):
        db.rows(f"SET ROLE junction_app; {sql}")


def test_the_application_changes_by_the_functions(db):
    db.rows("""SET ROLE junction_app; BEGIN; SELECT auth.put_subject('{"user":"x"}', 'user', 'made', '',
        false, '{}', 1); COMMIT; SELECT auth.delete_subject('{"user":"x"}', 'user', 'made', 1)""")
    assert [row[:3] for row in audited(db)] == [
        ("subject added", "user:made", "x"), ("subject removed", "user:made", "x")]


# --- what a change tells ---------------------------------------------------------------------

CHANGES = [  # table; how a row comes, changes and goes; whose change it is
    ("subject", "(kind, name) VALUES ('user', 'x')", "title = 't'", "name = 'x'", "user:x"),
    ("password", f"(name, hash, one_time) VALUES ('u', {PASSWORD}, true)", "one_time = false",
     "name = 'u'", "user:u"),
    ("member", "(group_name, kind, name) VALUES ('g', 'application', 'a')", "created_at = now()",
     "name = 'a'", "application:a"),
    ("role", "(name) VALUES ('x')", "title = 't'", "name = 'x'", "role:x"),
    ("role_parent", "VALUES ('r', 'reader')", "parent = 'auditor'", "role = 'r'", "role:r"),
    ("rule", "VALUES ('r', 'allow', 's', 'x', '*')", "effect = 'deny'", "role = 'r'", "role:r"),
    ("role_grant", "(kind, name, role) VALUES ('group', 'g', 'r')", "ends_at = now()", "role = 'r'",
     "group:g"),
    ("access_key", f"(id, application, secret_hash, signing_key) VALUES ('ak-kkkkkkkkkkkkkkkkkkkk', 'a',"
     f" {KEY})", f"signing_key = '\\x{HASH[:40]}'", "application = 'a'",
     "access_key:ak-kkkkkkkkkkkkkkkkkkkk"),
    ("token_key", "(id, algorithm, public_jwk, private_jwk, signs_from) VALUES ('k', 'EdDSA', '{}',"
     " '{\"d\":\"hidden\"}', now())", "verifies_until = now()", "id = 'k'", "token_key:k"),
    ("issuer", "(name, url, audience, jwks, algorithms, user_claim)"
     " VALUES ('i', 'u', 'a', '{}', '{ES256}', 'sub')", "audience = 'b'", "name = 'i'", "issuer:i"),
    ("revocation", "VALUES ('x', now())", "expires_at = now()", "id = 'x'", "revocation:x")]


@pytest.mark.parametrize("table, come, change, which, target", CHANGES, ids=[c[0] for c in CHANGES])
def test_each_change_by_psql_is_told_once(db, table, come, change, which, target):
    before = int(db.rows("SELECT value FROM auth.revision")[0][0])
    db.rows(f"""INSERT INTO auth.{table} {come}; UPDATE auth.{table} SET {change} WHERE {which};
        DELETE FROM auth.{table} WHERE {which}; DELETE FROM auth.{table} WHERE {which}""")
    kind, name = target.split(":")
    assert db.rows("SELECT revision, kind, name FROM auth.change ORDER BY revision") == [
        [str(before + i), kind, name] for i in (1, 2, 3)]
    records = auditing.rows(db)
    assert [r["opt_type"] for r in records] == [1, 2, 3]
    assert {(r["namespace"], r["target"], r["user"], r["severity"], r["source_node"])
            for r in records} == {("junction.auth", target, "postgresql:postgres", "notice",
                                   "postgresql")}
    assert [r["content"] for r in records] == [
        f"{table} {what}" for what in ("added", "changed", "removed")]
    added, changed, removed = (json.loads(r["ext"]) for r in records)
    assert added["old"] is removed["new"] is None and added["table"] == table
    assert changed["old"] == added["new"] and changed["new"] == removed["old"]
    shown = json.dumps([added, changed, removed])
    assert not any(secret in shown for secret in ("hidden", HASH, SIGNING, HASH[:40]))
    assert not SECRETS & {f"{table}.{column}" for column in added["new"][0]}
    assert db.rows("SELECT FROM auth.pending") == []


def test_party_keys_and_grants_are_audited_and_not_followed(db):
    db.rows("""INSERT INTO auth.party_grant (party_id, kind, namespace, name, caller_address,
        caller_application, caller_user, trace) VALUES ('9', 'role', '', 'guest', '', '', '', '');
        DELETE FROM auth.party_grant""")
    assert [row[:2] for row in audited(db)] == [
        ("party_grant added", "party:9"), ("party_grant removed", "party:9")]
    assert db.rows("SELECT FROM auth.change") == []


def test_one_statement_is_one_revision(db):
    db.rows("INSERT INTO auth.subject (kind, name) SELECT 'user', 'n' || i FROM generate_series(1, 300) i")
    db.rows("DELETE FROM auth.subject WHERE name ~ '^n[0-9]+$'")
    assert db.rows("SELECT count(*) FROM auth.change GROUP BY revision") == [["300"], ["300"]]
    assert len(auditing.rows(db)) == 2


def test_what_is_too_much_for_a_record_is_counted(db):
    db.rows("""INSERT INTO auth.subject (kind, name, title)
        SELECT 'user', 'n' || i, repeat('x', 200) FROM generate_series(1, 300) i;
        DELETE FROM auth.subject WHERE title LIKE 'x%'""")
    assert [json.loads(r["ext"]) for r in auditing.rows(db)] == [
        {"table": "subject", "oldRows": None, "newRows": 300},
        {"table": "subject", "oldRows": 300, "newRows": None}]


def test_what_is_rolled_back_is_told_to_nobody(db):
    db.rows("""BEGIN; INSERT INTO auth.subject (kind, name) VALUES ('user', 'x');
        SELECT auth.put_role('{}', 'x', '', '{}', '{}', '{}', '{}', '{}'); ROLLBACK""")
    with pytest.raises(RuntimeError, match="nobody would be left"):
        db.rows("""INSERT INTO auth.role_grant (kind, name, role) VALUES ('user', 'u', 'administrator');
            SELECT auth.delete_subject('{}', 'user', 'u', 1)""")
    db.rows("DELETE FROM auth.role_grant WHERE name = 'u'")
    assert [row[0] for row in audited(db)] == ["role_grant added", "role_grant removed"]
    assert db.rows("SELECT count(*) FROM auth.change") == [["2"]]
    assert db.rows("SELECT FROM auth.pending") == []


def test_who_holds_a_transaction_open_holds_up_nobody(db):
    slow, quick = Session(db.url), Session(db.url)
    slow.run("BEGIN")
    slow.run("INSERT INTO auth.subject (kind, name) VALUES ('user', 'slow')")
    quick.run("INSERT INTO auth.subject (kind, name) VALUES ('user', 'quick')")
    assert [row[1] for row in audited(db)] == ["user:quick"]
    slow.run("COMMIT")
    assert [row[1] for row in audited(db)] == ["user:quick", "user:slow"]
    assert db.rows("SELECT name FROM auth.change ORDER BY revision") == [["quick"], ["slow"]]
    quick.run("DELETE FROM auth.subject WHERE name IN ('quick', 'slow')")
    slow.end()
    quick.end()


@pytest.mark.parametrize("table", [change[0] for change in CHANGES] + ["party_key", "party_grant"])
def test_no_table_is_emptied_behind_everybodys_back(db, table):
    with pytest.raises(RuntimeError, match="must not be truncated"):
        db.rows(f"TRUNCATE auth.{table} CASCADE")


# --- what administrators do ------------------------------------------------------------------


@pytest.fixture(scope="module")
def key(database):
    subjects.put(database.url, "application", "root", "administrator")
    return subjects.put_key(database.url, "root", "root")


@pytest.fixture(scope="module")
def server(database, key):
    server = programs.Server(database.url, "--auth", "required")
    yield server
    server.stop()


@pytest.fixture(scope="module")
def admin(stubs, channel, key):
    return identities.Identities(stubs, channel, ("authorization", subjects.basic(key)))


ALICE = {"kind": "user", "name": "alice", "title": "", "disabled": False, "services": []}
OPS = {**ALICE, "kind": "group", "name": "ops"}
MEMBER = {"group_name": "ops", "group_kind": "group", "kind": "user", "name": "alice"}
GRANT = {"kind": "group", "name": "ops", "role": "clerk"}
ROLE = {"name": "clerk", "title": "", "built_in": False}
RULE = {"role": "clerk", "effect": "allow", "service": "s", "action": "x", "method": "*"}

STEPS = [  # what is done, and what of it the audit says
    (lambda a: a.put_subject("user", "alice"), [("subject added", "user:alice", None, [ALICE])]),
    (lambda a: a.put_subject("user", "alice"), []),
    (lambda a: a.put_subject("user", "alice", title="A"),
     [("subject changed", "user:alice", [ALICE], [{**ALICE, "title": "A"}])]),
    (lambda a: a.put_subject("user", "alice"),
     [("subject changed", "user:alice", [{**ALICE, "title": "A"}], [ALICE])]),
    (lambda a: a.put_subject("group", "ops"), [("subject added", "group:ops", None, [OPS])]),
    (lambda a: a.put_member("ops", "user", "alice"), [("member added", "user:alice", None, [MEMBER])]),
    (lambda a: a.put_member("ops", "user", "alice"), []),
    (lambda a: a.put_role("clerk", ("allow", "s", "x", "*"), parents=["reader"]), [
        ("role added", "role:clerk", None, [ROLE]),
        ("role_parent added", "role:clerk", None, [{"role": "clerk", "parent": "reader"}]),
        ("rule added", "role:clerk", None, [RULE])]),
    (lambda a: a.put_role("clerk", ("allow", "s", "x", "*"), parents=["reader"]), []),
    (lambda a: a.put_role("clerk", ("allow", "s", "x", "*"), ("deny", "s", "y", "*")), [
        ("role_parent removed", "role:clerk", [{"role": "clerk", "parent": "reader"}], None),
        ("rule added", "role:clerk", None, [{**RULE, "effect": "deny", "action": "y"}]),
        ("role changed", "role:clerk", [ROLE], [ROLE])]),
    (lambda a: a.put_role("clerk", ("allow", "s", "x", "*")), [
        ("rule removed", "role:clerk", [{**RULE, "effect": "deny", "action": "y"}], None),
        ("role changed", "role:clerk", [ROLE], [ROLE])]),
    (lambda a: a.put_grant("group", "ops", "clerk"), [("role_grant added", "group:ops", None, [GRANT])]),
    (lambda a: a.put_grant("group", "ops", "clerk"), []),
    (lambda a: a.put_grant("group", "ops", "clerk", ends_at=identities.at(2**33)),
     [("role_grant changed", "group:ops", [GRANT], [GRANT])]),
    (lambda a: a.delete_grant("group", "ops", "clerk"),
     [("role_grant removed", "group:ops", [GRANT], None)]),
    (lambda a: a.delete_member("ops", "user", "alice"),
     [("member removed", "user:alice", [MEMBER], None)]),
    (lambda a: a.delete_role("clerk"), [
        ("role removed", "role:clerk", [ROLE], None), ("rule removed", "role:clerk", [RULE], None)]),
    (lambda a: a.delete_subject("group", "ops"), [("subject removed", "group:ops", [OPS], None)]),
    (lambda a: a.delete_subject("user", "alice"), [("subject removed", "user:alice", [ALICE], None)]),
]


def done(database):
    """What the administrator did; the server does some things by itself."""
    return audited(database, "application = 'root'")


def test_what_an_administrator_does_is_in_the_audit_with_his_name(admin, database):
    for step, wanted in STEPS:
        before = len(done(database))
        step(admin)
        assert sorted(done(database)[before:], key=str) == sorted(
            [(content, target, None, "root", old, new) for content, target, old, new in wanted],
            key=str)
    for record in auditing.rows(database, "application = 'root'"):
        assert record["roles"] == ["administrator"]
        assert re.fullmatch(r"127\.0\.0\.1:\d+", record["address"])
        assert re.fullmatch("[0-9a-f]{32}", record["trace_id"])
        assert record["node"] == record["source_node"] != "postgresql"


def test_a_key_and_its_end_are_in_the_audit_without_its_secret(admin, database, server):
    admin.put_subject("application", "demo")
    before = len(done(database))
    made = admin.call("CreateAccessKey", application="demo", title="t")
    key, session = made.key.id, "00000000-0000-0000-0000-000000000001"
    database.rows(f"""INSERT INTO auth.session (id, kind, name, access_key, refresh_hash, expires_at)
        VALUES ('{session}', 'application', 'demo', '{key}', '', now() + interval '1 day')""")
    admin.call("DeleteAccessKey", id=key)
    shown = {"id": key, "application": "demo", "kind": "application", "title": "t"}
    assert done(database)[before:] == [
        ("access_key added", "access_key:" + key, None, "root", None, [shown]),
        ("access_key removed", "access_key:" + key, None, "root", [shown], None),
        ("revocation added", "revocation:" + session, None, "root", None, [{"id": session}])]
    assert not any(made.secret in str(record) for record in auditing.rows(database))
    assert made.secret not in server.log_text()


def test_what_goes_with_a_subject_is_in_the_audit(admin, database):
    admin.put_subject("application", "demo")
    admin.put_subject("group", "ops")
    admin.put_member("ops", "application", "demo")
    admin.put_grant("application", "demo", "reader")
    admin.call("CreateAccessKey", application="demo")
    before = len(done(database))
    admin.delete_subject("application", "demo")
    assert sorted(row[0] for row in done(database)[before:]) == [
        "access_key removed", "member removed", "role_grant removed", "subject removed"]
    admin.delete_subject("group", "ops")


def test_what_is_refused_is_not_in_the_audit_as_done(admin, database):
    before = done(database)
    for call in (lambda: admin.delete_role("administrator"),
                 lambda: admin.put_grant("user", "none", "reader"),
                 lambda: admin.put_role("x", parents=["none"]),
                 lambda: admin.delete_subject("application", "none")):
        with pytest.raises(grpc.RpcError):
            call()
    assert done(database) == before
