"""The functions of schema registry for nodes: leases, health, history, members."""

import glob
import json
import os

import pytest

import postgres
import programs
from registry_schema_test import ROLES, ROOT, server, service

CALLER = "'c', 'app', 'user', 'trace'"


@pytest.fixture
def db(cluster_url):
    with programs.Database(cluster_url) as database:
        yield database


def node(name="n1", service_name="demo", host="h", port=1, weight=1, lease="60000", kind="tcp",
         path="", metadata="{}"):
    return ("SELECT r_revision FROM registry.register_nodes("
            f"ARRAY['default'], ARRAY['{service_name}'], ARRAY['{name}'], ARRAY['{host}'],"
            f" ARRAY[{port}], ARRAY['http'], ARRAY[{weight}], ARRAY[true], ARRAY['{metadata}'],"
            f" ARRAY['{kind}'], ARRAY['{path}'], ARRAY[{lease}]::integer[],"
            " ARRAY['c'], ARRAY['app'], ARRAY['user'], ARRAY['trace'])")


def health(word, name="n1", host="h", port=1, reason="because", flapping="false"):
    return ("SELECT registry.set_health(ARRAY['default'], ARRAY['demo'],"
            f" ARRAY['{name}'], ARRAY['{host}'], ARRAY[{port}], ARRAY['{word}'],"
            f" ARRAY['{reason}'], ARRAY[{flapping}], 'server-1')")


def expire(*names):
    listed = ", ".join(f"'{name}'" for name in names)
    count = len(names)
    return (f"SELECT r_position, r_left, r_revision FROM registry.expire_nodes("
            f"array_fill('default'::text, '{{{count}}}'), array_fill('demo'::text, '{{{count}}}'),"
            f" ARRAY[{listed}], 'server-1') ORDER BY r_position")


def age(db, name, seconds):
    """The last heartbeat came that long ago."""
    db.rows(f"UPDATE registry.lease SET renewed_at = now() - interval '{seconds} s'"
            f" WHERE node_key = '{name}'")


def last_change(db):
    """Kind, operation, name, author, old value and value of the latest row of the log."""
    kind, operation, name, author, old, value = db.rows(
        "SELECT kind, operation, name, caller_address, old_value, value FROM registry.change"
        " ORDER BY revision DESC, part DESC LIMIT 1")[0]
    return (kind, operation, name, author, json.loads(old) if old else None,
            json.loads(value) if value else None)


# --- registering ---------------------------------------------------------------------------------

def test_a_node_makes_its_service_and_both_are_in_the_log(db):
    revision = db.rows(node("N1", "Demo", metadata='{"b" : 1.0}', kind="http", path="/up"))[0][0]
    assert db.rows("SELECT kind, service_key, name, operation, old_value IS NULL, caller_user, trace"
                   f" FROM registry.change WHERE revision = {revision} ORDER BY part") == [
        ["service", "demo", "demo", "put", "t", "user", "trace"],
        ["node", "demo", "n1", "put", "t", "user", "trace"]]
    assert db.rows("SELECT service_key, key, name, check_kind, check_path, health, metadata,"
                   " lease FROM registry.node") == [
        ["demo", "n1", "N1", "http", "/up", "unknown", '{"b" : 1.0}', "00:01:00"]]
    assert db.rows("SELECT node_key FROM registry.lease") == [["n1"]]
    value = last_change(db)[5]
    assert (value["lease_ms"], value["check_path"], value["metadata"]) == (60000, "/up", {"b": 1.0})


def test_registering_again_replaces_what_was_said_and_logs_the_old_value(db):
    db.rows(node(weight=3))
    db.rows(health("failing"))
    db.rows(node("N1", weight=5, metadata='{"a":1}'))
    *_, old, value = last_change(db)
    assert (old["weight"], value["weight"], old["health"], value["health"]) == (
        3, 5, "failing", "failing")
    assert db.rows("SELECT count(*), min(name) FROM registry.node") == [["1", "n1"]]
    db.rows(node(lease="NULL"))
    assert db.rows("SELECT count(*) FROM registry.lease") == [["0"]]


@pytest.mark.parametrize("moved", [{"host": "other"}, {"port": 2}, {"kind": "none"},
                                   {"kind": "http", "path": "/up"}])
def test_at_another_address_or_by_another_check_a_node_is_unknown_again(db, moved):
    db.rows(node())
    db.rows(health("failing", flapping="true"))
    db.rows(node(**moved))
    assert db.rows("SELECT health, health_reason, health_at IS NULL, flapping FROM registry.node"
                   ) == [["unknown", "", "t", "f"]]


def test_a_server_that_moves_is_unknown_again_and_one_that_stays_is_not(db):
    db.rows(server("demo"))
    db.rows(health("failing", name=""))
    db.rows(server("demo"))
    assert db.rows("SELECT health FROM registry.node") == [["failing"]]
    db.rows(server("demo", port=2))
    assert db.rows("SELECT health, health_reason FROM registry.node") == [["unknown", ""]]
    assert last_change(db)[4]["health"] == "failing"


@pytest.mark.parametrize("wrong, constraint", [
    ({"weight": -1}, "node_weight_range"), ({"weight": 10001}, "node_weight_range"),
    ({"lease": 999}, "node_lease_range"), ({"lease": 86400001}, "node_lease_range"),
    ({"kind": "ping"}, "node_check_known"), ({"path": "/up"}, "node_check_path"),
    ({"kind": "http"}, "node_check_path"), ({"metadata": "[]"}, "node_metadata_object")])
def test_constraints_refuse_nodes_that_are_none(db, wrong, constraint):
    with pytest.raises(RuntimeError, match=constraint):
        db.rows(node(**wrong))


def update(name="n1", weight="NULL", enabled="NULL", metadata="NULL"):
    return (f"SELECT registry.update_node('default', 'DEMO', '{name}', {weight}, {enabled},"
            f" {metadata}, {CALLER})")


def test_an_update_changes_what_is_given_and_logs_the_old_value(db):
    db.rows(node())
    assert db.rows(update("N1", weight=7))[0][0]
    *_, old, value = last_change(db)
    assert (old["weight"], value["weight"], value["enabled"]) == (1, 7, True)
    db.rows(update(enabled="false"))
    db.rows(update(metadata="'{\"a\" : 1}'"))
    assert db.rows("SELECT weight, enabled, metadata FROM registry.node") == [
        ["7", "f", '{"a" : 1}']]
    assert db.rows(update("nobody", weight=1)) == [[""]]
    db.rows(server("demo"))
    assert db.rows(update("", weight=1)) == [[""]]


def test_deregistering_says_when_there_was_nothing(db):
    db.rows(node())
    db.rows(server("demo"))

    def deregister(name):
        return db.rows(f"SELECT registry.deregister_node('default', 'Demo', '{name}', {CALLER})")
    assert deregister("N1")[0][0]
    kind, operation, name, _, old, value = last_change(db)
    assert (kind, operation, name, old["host"], value) == ("node", "delete", "n1", "h", None)
    assert deregister("n1") == [[""]] and deregister("") == [[""]]
    assert db.rows("SELECT key FROM registry.node") == [[""]]
    assert db.rows("SELECT count(*) FROM registry.lease") == [["0"]]


def test_a_deleted_service_takes_nodes_and_leases_along(db):
    db.rows(node())
    db.rows(node("n2"))
    db.rows(f"SELECT registry.delete_server('default', 'demo', {CALLER})")
    assert db.rows("SELECT (SELECT count(*) FROM registry.node),"
                   " (SELECT count(*) FROM registry.lease)") == [["0", "0"]]
    assert [n["name"] for n in last_change(db)[4]["nodes"]] == ["n1", "n2"]


# --- leases --------------------------------------------------------------------------------------

def test_heartbeats_are_written_with_their_age_and_never_backwards(db):
    db.rows(node())
    age(db, "n1", 50)

    def renew(ms):
        db.rows("SELECT registry.renew_leases(ARRAY['default', 'default'], ARRAY['demo', 'demo'],"
                f" ARRAY['n1', 'gone'], ARRAY[{ms}, {ms}])")
        return db.rows("SELECT now() - renewed_at < interval '15 s', now() - renewed_at >="
                       " interval '10 s' FROM registry.lease")
    assert renew(10000) == [["t", "t"]]
    assert renew(40000) == [["t", "t"]]
    assert db.rows("SELECT registry.renew_lease('default', 'Demo', 'N1')") == [["60000"]]
    assert db.rows("SELECT now() - renewed_at < interval '10 s' FROM registry.lease") == [["t"]]
    db.rows(node("n2", lease="NULL"))
    for name, answer in (("nobody", ""), ("n2", "0")):
        assert db.rows(f"SELECT registry.renew_lease('default', 'demo', '{name}')") == [[answer]]


def test_only_what_is_late_by_a_quarter_expires(db):
    for name in ("n1", "n2", "n3"):
        db.rows(node(name))
    db.rows(node("n4", lease="NULL"))
    age(db, "n2", 70)
    age(db, "n3", 76)
    rows = db.rows(expire("n1", "n2", "n3", "n4", "nobody"))
    assert 70000 < int(rows[0][1]) <= 75000 and 0 < int(rows[1][1]) <= 5000
    assert [r[1] for r in rows[2:]] == ["", "", ""]
    kind, operation, name, author, old, value = last_change(db)
    assert (kind, operation, name, author, old["name"], value) == (
        "node", "expire", "n3", "server-1", "n3", None)
    assert db.rows("SELECT key FROM registry.node WHERE expired_at IS NOT NULL") == [["n3"]]
    assert db.rows("SELECT name FROM registry.state WHERE kind = 'node' ORDER BY 1") == [
        ["n1"], ["n2"], ["n4"]]
    # Once.
    assert db.rows(expire("n3")) == [["1", "", ""]]
    assert db.rows("SELECT registry.renew_lease('default', 'demo', 'n3')") == [[""]]
    assert db.rows(update("n3", weight=2)) == [[""]]


def test_a_statement_that_was_held_up_expires_nobody(db):
    db.rows(node())
    age(db, "n1", 100)
    call = ("SELECT r_left < 0, r_now - registry.milliseconds(clock_timestamp()) BETWEEN -1000 AND 0"
            " FROM registry.expire_nodes(ARRAY['default'], ARRAY['demo'], ARRAY['n1'], 's', {})")
    clock = "registry.milliseconds(clock_timestamp())"
    assert db.rows(call.format("NULL")) == [["t", "t"]]
    assert db.rows(call.format(clock + " - 31000")) == [["t", "t"]]
    assert not db.rows("SELECT 1 FROM registry.change WHERE operation = 'expire'")
    assert db.rows(call.format(clock + " - 29000")) == [["", "t"]]
    assert last_change(db)[:2] == ("node", "expire")


def test_one_that_returns_is_the_same_node_and_unknown(db):
    db.rows(node(weight=3))
    db.rows(health("failing"))
    age(db, "n1", 100)
    db.rows(expire("n1"))
    db.rows(node("N1"))
    assert db.rows("SELECT name, weight, health, expired_at FROM registry.node") == [
        ["n1", "1", "unknown", ""]]
    assert last_change(db)[4] is None
    assert int(db.rows(expire("n1"))[0][1]) > 70000


def test_expired_nodes_are_forgotten_later(db):
    for name in ("n1", "n2", "n3"):
        db.rows(node(name))
        age(db, name, 100)
    db.rows(expire("n1", "n2"))
    db.rows("UPDATE registry.node SET expired_at = now() - interval '2 h' WHERE key = 'n1'")
    before = db.rows("SELECT count(*) FROM registry.change")
    assert db.rows("SELECT registry.forget_nodes('1 h')") == [["1"]]
    assert db.rows("SELECT key FROM registry.node ORDER BY 1") == [["n2"], ["n3"]]
    assert db.rows("SELECT node_key FROM registry.lease ORDER BY 1") == [["n2"], ["n3"]]
    assert db.rows("SELECT count(*) FROM registry.change") == before


# --- health --------------------------------------------------------------------------------------

def test_health_is_written_once_with_author_reason_and_time(db):
    db.rows(node())
    assert db.rows(health("failing", reason="status 503"))[0][0]
    *_, author, old, value = last_change(db)
    assert (author, old["health"], value["health"], value["health_reason"]) == (
        "server-1", "unknown", "failing", "status 503")
    assert value["health_at"] > 1700000000000
    assert db.rows(health("failing", reason="another")) == [[""]]
    at = db.rows("SELECT health_at FROM registry.node")
    assert db.rows(health("failing", flapping="true"))[0][0]
    assert db.rows("SELECT health_at FROM registry.node WHERE flapping") == at
    assert db.rows(health("passing"))[0][0]
    assert db.rows("SELECT health, health_reason, flapping FROM registry.node") == [
        ["passing", "", "f"]]


def test_health_of_what_has_moved_or_gone_is_left_as_it_is(db):
    db.rows(node())
    for wrong in ({"host": "other"}, {"port": 2}, {"name": "nobody"}):
        assert db.rows(health("failing", **wrong)) == [[""]]
    age(db, "n1", 100)
    db.rows(expire("n1"))
    assert db.rows(health("failing")) == [[""]]
    assert db.rows("SELECT health FROM registry.node") == [["unknown"]]


def test_a_batch_of_marks_is_one_revision(db):
    for name in ("n1", "n2", "n3"):
        db.rows(node(name))
    db.rows(health("failing", name="n2"))
    revision = db.rows(
        "SELECT registry.set_health(array_fill('default'::text, '{3}'), array_fill('demo'::text,"
        " '{3}'), '{n1,n2,n3}', '{h,h,h}', '{1,1,1}', '{passing,failing,failing}', '{z,x,y}',"
        " '{f,f,f}', 'server-1')")[0][0]
    assert db.rows("SELECT name, value->>'health', value->>'health_reason' FROM registry.change"
                   f" WHERE revision = {revision} ORDER BY part") == [
        ["n1", "passing", ""], ["n3", "failing", "y"]]


# --- history -------------------------------------------------------------------------------------

def partitions(db):
    return [r[0] for r in db.rows("SELECT relname FROM pg_class WHERE relname ~ '^change_\\d'"
                                  " AND relkind = 'r' ORDER BY 1")]


def test_history_is_kept_by_months_and_old_ones_are_dropped(db):
    ahead = partitions(db)
    assert len(ahead) == 3
    db.rows("SELECT registry.make_month('2020-01-01'); SELECT registry.make_month('2020-02-01')")
    db.rows("INSERT INTO registry.change SELECT revision, 1, at, 'default', 'service', 'x', 'x',"
            " 'delete', NULL, NULL, '', '', '', '' FROM (VALUES (1, '2020-01-05'::timestamptz),"
            " (2, '2020-02-05'), (3, now())) v (revision, at)")
    # Not while its last day is young enough.
    days = db.rows("SELECT (now() AT TIME ZONE 'UTC')::date - '2020-03-01'::date")[0][0]
    assert db.rows(f"SELECT registry.keep_history({days} + 1)") == [["1"]]
    assert partitions(db) == ["change_2020_02", *ahead]
    assert db.rows("SELECT forgotten FROM registry.history") == [["1"]]
    assert db.rows("SELECT registry.keep_history(90)") == [["1"]]
    assert db.rows("SELECT registry.keep_history(90)") == [["0"]]
    assert partitions(db) == ahead
    assert db.rows("SELECT forgotten FROM registry.history") == [["2"]]
    assert db.rows("SELECT revision FROM registry.changes_after(2, 10)") == [["3"]]
    with pytest.raises(RuntimeError, match="1 day at least"):
        db.rows("SELECT registry.keep_history(0)")


def test_the_months_to_come_are_made_before_they_come(db):
    ahead = partitions(db)
    db.rows(f"DROP TABLE registry.{ahead[1]}; DROP TABLE registry.{ahead[2]}")
    db.rows("SELECT registry.keep_history(90)")
    assert partitions(db) == ahead
    db.rows(node())
    assert db.rows(f"SELECT count(*) FROM registry.{ahead[0]}") == [["2"]]


def test_changes_are_given_in_whole_revisions(db):
    for i in range(3):
        db.rows(node(f"n{i}", f"s{i}"))
    rows = db.rows("SELECT revision, part FROM registry.changes_after(0, 3)")
    assert len(rows) == 4 and rows == sorted(rows, key=lambda r: (int(r[0]), int(r[1])))
    assert db.rows(f"SELECT count(*) FROM registry.changes_after({rows[-1][0]}, 3)") == [["2"]]


def test_a_database_of_before_keeps_what_it_has(cluster_url):
    """0002 upon data of 0001: the log, also that of earlier months, and FATE servers with nodes."""
    first, *others = sorted(glob.glob(os.path.join(ROOT, "migrations", "[0-9]*.sql")))
    with postgres.Database(cluster_url) as db:
        postgres.psql(cluster_url, ROLES)
        with open(first, encoding="utf-8") as file:
            postgres.psql(db.url, file.read())
        db.rows(server("Old", "one", 1))
        db.rows(server("old", "two", 2))
        db.rows("UPDATE registry.change SET at = at - interval '70 days'"
                " WHERE revision = (SELECT min(revision) FROM registry.change)")
        before = db.rows("SELECT revision, part, at, name, value::text, caller_address"
                         " FROM registry.change ORDER BY revision")
        for path in others:
            with open(path, encoding="utf-8") as file:
                postgres.psql(db.url, file.read())
        assert db.rows("SELECT revision, part, at, name, value::text, caller_address"
                       " FROM registry.change ORDER BY revision") == before
        assert len(partitions(db)) >= 5
        assert db.rows("SELECT key, name, host, weight, check_kind, lease FROM registry.node") == [
            ["", "two:2", "two", "1", "tcp", ""]]
        assert int(db.rows(server("old", "three", 3))[0][0]) > int(before[-1][0])
        assert last_change(db)[4]["host"] == "two"


# --- members -------------------------------------------------------------------------------------

def test_members_are_those_that_said_so_lately(db):
    def renew(name):
        return [r[0] for r in db.rows(f"SELECT registry.renew_member('{name}', '5 s')")]
    assert renew("b-2") == ["b-2"]
    assert renew("a-1") == ["a-1", "b-2"]
    db.rows("UPDATE registry.member SET renewed_at = now() - interval '6 s' WHERE name = 'a-1'")
    assert renew("b-2") == ["b-2"]
    assert renew("a-1") == ["a-1", "b-2"]
    db.rows("SELECT registry.leave_member('a-1')")
    assert renew("b-2") == ["b-2"]
    db.rows("INSERT INTO registry.member VALUES ('old', now() - interval '51 s')")
    renew("b-2")
    assert db.rows("SELECT name FROM registry.member") == [["b-2"]]


# --- rights --------------------------------------------------------------------------------------

def test_the_application_may_do_what_it_needs_and_drops_no_history(db):
    def run(sql):
        return db.rows("SET ROLE junction_app; " + sql)
    for sql in (node(), node("n2"), health("failing"), update(weight=2), expire("n1"),
                "SELECT registry.renew_lease('default', 'demo', 'n1')",
                "SELECT registry.renew_leases('{default}', '{demo}', '{n1}', '{0}')",
                "SELECT registry.forget_nodes('1 h')", "SELECT registry.keep_history(90)",
                "SELECT registry.renew_member('a-1', '5 s')", "SELECT registry.leave_member('a-1')",
                "SELECT * FROM registry.changes_after(0, 10)", "SELECT * FROM registry.history",
                f"SELECT registry.deregister_node('default', 'demo', 'n2', {CALLER})",
                server("own"), service("own", "list"),
                f"SELECT registry.delete_server('default', 'demo', {CALLER})"):
        run(sql)
    for sql, reason in ((f"DROP TABLE registry.{partitions(db)[0]}", "must be owner"),
                        ("SELECT registry.make_month('2020-01-01')", "permission denied"),
                        ("UPDATE registry.history SET forgotten = 9", "permission denied"),
                        (f"DELETE FROM registry.{partitions(db)[0]}", "permission denied")):
        with pytest.raises(RuntimeError, match=reason):
            run(sql)


def test_a_reader_reads_nodes_and_history_and_does_no_more(db):
    db.rows(node())
    for sql in ("SELECT * FROM registry.node", "SELECT * FROM registry.lease",
                "SELECT * FROM registry.member", "SELECT * FROM registry.history",
                "SELECT * FROM registry.changes_after(0, 10)", "SELECT value FROM registry.state"):
        assert db.rows("SET ROLE junction_reader; " + sql) is not None
    for sql in (node("n2"), health("failing"), update(weight=2), expire("n1"),
                "SELECT registry.keep_history(90)", "SELECT registry.renew_member('x', '1 s')"):
        with pytest.raises(RuntimeError, match="permission denied"):
            db.rows("SET ROLE junction_reader; " + sql)
