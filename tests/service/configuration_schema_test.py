"""The functions of schema registry for service configurations."""

import json

import pytest

import programs
from registry_nodes_schema_test import health, node
from registry_schema_test import server, service


@pytest.fixture
def db(cluster_url):
    with programs.Database(cluster_url) as database:
        yield database


def at(host="10.0.0.1", port=80, kind="http", base="", protocol="http", weight=1):
    return {"kind": kind, "host": host, "port": port, "protocol": protocol, "base": base,
            "weight": weight}


def action(name="list", uri="/list", method="GET", params="{}", timeout_ms=0):
    return {"name": name, "method": method, "uri": uri, "params": params, "timeout_ms": timeout_ms}


def event(pattern, of="Demo"):
    return {"namespace": "default", "name": f"{of}:{pattern}", "group": of, "broadcast": False,
            "patterns": [pattern], "conditions": None, "target": "service", "url": None,
            "service": of, "confirm": "auto", "ack_window_ms": 600000, "timeout_ms": 15000,
            "schedule_ms": [5000], "concurrency": 32, "rate": 0, "encrypt_stored": False,
            "push_key": None, "push_key_id": None, "fresh_secret": None, "origin": "configuration"}


def content(nodes=(), actions=(), events=(), settings='{"a" : 1.0}'):
    listed = ",".join(
        '{"name":%s,"method":"%s","uri":"%s","params":%s,"timeout_ms":%d}' % (
            json.dumps(a["name"]), a["method"], a["uri"], a["params"], a["timeout_ms"])
        for a in actions)
    return (f'{{"settings":{settings},"nodes":{json.dumps(list(nodes))},"actions":[{listed}],'
            f'"events":{json.dumps(list(events))}}}')


def configure(db, *, host="one", file="demo.config.json", name="Demo", warnings="{}",
              said=None, folder="/etc/j", **what):
    said = content(**what) if said is None else said
    revision, other = db.rows(
        f"SELECT r_revision, r_other FROM registry.configure('default', '{host}', '{folder}',"
        f" '{file}', '{name}', 'title', '{said}', '{warnings}', 'server-1')")[0]
    return revision, other


def unconfigure(db, host="one", file="demo.config.json"):
    return db.rows(f"SELECT registry.unconfigure('default', '{host}', '/etc/j', '{file}',"
                   " 'server-1')")[0][0]


def graphql(db, *actions, name="demo"):
    said = ",".join('{"name":"%s","method":"POST","uri":"/graphql","params":%s,"data":%s}' % a
                    for a in actions)
    return db.rows(f"SELECT registry.configure_graphql('default', '{name}', '[{said}]',"
                   " 'server-1')")[0][0]


def nodes(db, *columns):
    return db.rows(f"SELECT {', '.join(columns) or 'host, port'} FROM registry.node"
                   " WHERE configured ORDER BY host, port, metadata::text")


def actions(db):
    return db.rows("SELECT name, origin FROM registry.action ORDER BY key")


def changes(db, revision):
    return db.rows("SELECT kind, operation, name, caller_address, old_value IS NULL"
                   f" FROM registry.change WHERE revision = {revision} ORDER BY part")


def log_equals_state(db):
    """What the log says of everything is what there is."""
    return db.rows("""
        SELECT count(*) FROM (
            SELECT DISTINCT ON (namespace, kind, service_key, name) *
            FROM registry.change ORDER BY namespace, kind, service_key, name, revision DESC, part DESC
        ) c FULL JOIN registry.state s USING (namespace, kind, service_key, name)
        WHERE CASE WHEN c.operation = 'put' THEN s.value::jsonb IS DISTINCT FROM c.value::jsonb
            ELSE s.value IS NOT NULL END""") == [["0"]]


# --- publishing ----------------------------------------------------------------------------------

def test_a_configuration_brings_its_service_nodes_actions_and_subscriptions(db):
    revision, other = configure(
        db, nodes=[at(), at(kind="graphql", base="/q"), at(kind="upgrade", base="/ws")],
        actions=[action("List", timeout_ms=5, params='{"id" : {"type":"string"}}')],
        events=[event("user.*")])
    assert other == ""
    assert db.rows("SELECT name, key, version, settings FROM registry.service") == [
        ["Demo", "demo", "", '{"a" : 1.0}']]
    assert sorted(nodes(db, "host", "port", "protocol", "metadata", "check_kind", "check_path",
                        "weight", "lease IS NULL")) == sorted([
        ["10.0.0.1", "80", "http", f'{{"configured":true,"kind":"{kind}","base":"{base}"}}',
         *check, "1", "t"] for kind, base, *check in (
             ("http", "", "http", "/mw/server/health"), ("graphql", "/q", "tcp", ""),
             ("upgrade", "/ws", "http", "/mw/server/health"))])
    assert db.rows("SELECT name, method, uri, params, data, headers, timeout, origin"
                   " FROM registry.action") == [
        ["List", "GET", "/list", '{"id" : {"type":"string"}}', "{}", "{}", "00:00:00.005",
         "configuration"]]
    assert db.rows("SELECT s.name, s.patterns, s.target, s.service, q.group_name, s.origin"
                   " FROM event.subscription s JOIN event.queue q ON q.id = s.queue_id") == [
        ["Demo:user.*", "{user.*}", "service", "Demo", "Demo", "configuration"]]
    assert db.rows("SELECT octet_length(secret) FROM event.secret") == [["32"]]
    names = sorted(row[0] for row in nodes(db, "key"))
    assert changes(db, revision) == [
        ["service", "put", "demo", "server-1", "t"],
        *(["node", "put", name, "server-1", "t"] for name in names),
        ["action", "put", "list", "server-1", "t"]]
    assert log_equals_state(db)


def test_node_names_are_those_of_proxied_nodes_and_unique(db):
    configure(db, nodes=[at(port=port) for port in (3, 1, 2, 3)])
    names = dict(nodes(db, "port", "name"))
    first = names["3"]
    prefix, host, started = first.split("-")
    assert (prefix, host) == ("proxy", "one") and started.isdigit() and len(started) == 13
    assert (names["1"], names["2"]) == (first + "-2", first + "-3")


def test_the_same_again_writes_nothing(db):
    what = {"nodes": [at(), at(port=81)], "actions": [action()], "events": [event("a.**")]}
    configure(db, **what)
    count = "SELECT count(*) FROM registry.change"
    before = db.rows(count)
    row = db.rows("SELECT xmin, * FROM registry.configuration")
    events = db.rows("SELECT xmin, id FROM event.subscription")
    assert configure(db, **what) == ("", "")
    assert configure(db, host="two", **what) == ("", "")
    assert db.rows(count) == before
    assert db.rows("SELECT xmin, * FROM registry.configuration WHERE host = 'one'") == row
    assert db.rows("SELECT xmin, id FROM event.subscription") == events


def test_what_differs_is_replaced_and_what_stays_keeps_its_name_and_health(db):
    configure(db, nodes=[at(), at(port=81), at(kind="upgrade")],
              actions=[action("a"), action("b")], events=[event("a"), event("b")])
    names = dict(nodes(db, "port || (metadata ->> 'kind')", "name"))
    kept = names["80http"]
    db.rows(health("failing", kept.lower(), "10.0.0.1", 80))
    created = db.rows("SELECT created_at FROM registry.action WHERE key = 'b'")
    revision, _ = configure(
        db, nodes=[at(weight=5), at(port=82), at(kind="upgrade", base="/x")],
        actions=[action("b", "/other"), action("c")], events=[event("b"), event("c")],
        settings="{}")
    now = dict(nodes(db, "port || (metadata ->> 'kind')", "name"))
    assert sorted(now) == ["80http", "80upgrade", "82http"] and now["80http"] == kept
    assert now["80upgrade"] != names["80upgrade"]
    assert db.rows(f"SELECT health, weight FROM registry.node WHERE name = '{kept}'") == [
        ["failing", "5"]]
    assert actions(db) == [["b", "configuration"], ["c", "configuration"]]
    assert db.rows("SELECT created_at FROM registry.action WHERE key = 'b'") == created
    assert db.rows("SELECT settings FROM registry.service") == [["{}"]]
    assert db.rows("SELECT name FROM event.subscription ORDER BY 1") == [["Demo:b"], ["Demo:c"]]
    assert len({row[2] for row in changes(db, revision)}) == 9 and log_equals_state(db)


def test_what_registered_itself_stays(db):
    db.rows(server("demo", "fate", 9380))
    db.rows(service("demo", "own"))
    db.rows(node("self-1"))
    configure(db, nodes=[at()], actions=[action("mine")])
    assert log_equals_state(db)
    assert unconfigure(db)
    assert db.rows("SELECT name FROM registry.node ORDER BY key") == [["fate:9380"], ["self-1"]]
    assert actions(db) == [["own", ""]]
    assert db.rows("SELECT name, settings FROM registry.service") == [["demo", "{}"]]
    assert log_equals_state(db)


def test_an_action_that_is_registered_is_the_files_no_more(db):
    db.rows(service("demo", "list", "/first", host="'h'", port="1"))
    configure(db, nodes=[at()], actions=[action("list", "/file")])
    assert db.rows("SELECT uri, origin, server_host FROM registry.action") == [
        ["/file", "configuration", ""]]
    db.rows(service("demo", "list", "/again"))
    assert db.rows("SELECT uri, origin FROM registry.action") == [["/again", ""]]
    unconfigure(db)
    assert actions(db) == [["list", ""]] and log_equals_state(db)


def test_a_configured_node_is_changed_by_its_file_alone(db):
    configure(db, nodes=[at("127.0.0.1")])
    name = nodes(db, "name")[0][0]
    with pytest.raises(RuntimeError, match="brought by a configuration file"):
        db.rows(node(name, host="169.254.169.254"))
    with pytest.raises(RuntimeError, match="brought by a configuration file"):
        db.rows(f"SELECT registry.update_node('default', 'demo', '{name}', NULL, NULL,"
                """ '{"configured":true,"kind":"http","base":"/admin"}', '', '', '', '')""")
    assert db.rows(f"SELECT registry.update_node('default', 'demo', '{name}', 7, false, NULL,"
                   " '', '', '', '')") != [[""]]
    assert nodes(db, "host", "weight", "enabled") == [["127.0.0.1", "7", "f"]]


def test_nobody_says_that_it_is_configured(db):
    db.rows(node("n-1", metadata='{"configured":true,"kind":"http","base":"/x"}'))
    assert db.rows("SELECT configured, registry.node_value(n) ->> 'configured'"
                   " FROM registry.node n") == [["f", "false"]]


# --- files that go -------------------------------------------------------------------------------

def test_when_the_file_has_gone_all_it_brought_goes(db):
    configure(db, nodes=[at()], actions=[action()], events=[event("a")])
    revision = unconfigure(db)
    assert [(kind, operation) for kind, operation, *_ in changes(db, revision)] == [
        ("service", "put"), ("node", "delete"), ("action", "delete"), ("service", "delete")]
    for table in ("registry.service", "registry.node", "registry.action", "registry.configuration",
                  "event.subscription"):
        assert db.rows(f"SELECT count(*) FROM {table}") == [["0"]], table
    assert log_equals_state(db)
    assert unconfigure(db) == ""


def test_a_file_may_change_its_service(db):
    configure(db, nodes=[at()], events=[event("a")])
    configure(db, name="other", nodes=[at()], events=[event("a", "other")])
    assert db.rows("SELECT name FROM registry.service") == [["other"]]
    assert db.rows("SELECT name FROM event.subscription") == [["other:a"]]
    assert log_equals_state(db)


def test_a_file_that_is_renamed_takes_nothing_away(db):
    configure(db, nodes=[at()])
    name = nodes(db, "name")
    assert configure(db, file="new.config.json", nodes=[at()])[0] == ""
    assert unconfigure(db) == "" and nodes(db, "name") == name


# --- several hosts -------------------------------------------------------------------------------

def test_of_two_hosts_the_one_that_was_loaded_last_counts(db):
    configure(db, nodes=[at(port=1)])
    revision, other = configure(db, host="two", nodes=[at(port=2)], warnings="{first}")
    assert revision and other == "one" and nodes(db, "port") == [["2"]]
    assert db.rows("SELECT warnings FROM registry.configuration WHERE host = 'two'") == [
        ['{first,"a server on host one has another configuration of service Demo: the one that was'
         ' loaded last counts"}']]
    # Loaded again at the next start, it is still the earlier one.
    assert configure(db, nodes=[at(port=1)]) == ("", "two") and nodes(db, "port") == [["2"]]
    assert unconfigure(db, "two") and nodes(db, "port") == [["1"]]
    assert log_equals_state(db)


def test_a_file_that_two_hosts_have_stays_until_the_last_has_gone(db):
    configure(db, nodes=[at()])
    configure(db, host="two", nodes=[at()])
    assert unconfigure(db) == "" and nodes(db) == [["10.0.0.1", "80"]]
    assert unconfigure(db, "two") and nodes(db) == []


def test_files_that_nobody_has_seen_for_a_day_count_no_more(db):
    see = "SELECT * FROM registry.see_configurations('default', 'one', '/etc/j')"
    forget = "SELECT registry.forget_configurations('server-1')"
    configure(db, nodes=[at()])
    configure(db, host="two", name="gone", nodes=[at()])
    db.rows("UPDATE registry.configuration SET seen_at = now() - interval '25 hours'")
    assert db.rows(see) == [["demo.config.json", "Demo"]]
    assert db.rows(forget) == [["1"]] and db.rows(forget) == [["0"]]
    assert db.rows("SELECT name FROM registry.service") == [["Demo"]] and log_equals_state(db)


def test_what_is_deleted_meanwhile_comes_back_when_the_file_is_loaded(db):
    configure(db, nodes=[at()], actions=[action()])
    db.rows("SELECT registry.delete_server('default', 'demo', '', '', '', '')")
    assert nodes(db) == []
    revision = configure(db, nodes=[at()], actions=[action()])[0]
    assert [row[0] for row in changes(db, revision)] == ["service", "node", "action"]
    assert nodes(db) == [["10.0.0.1", "80"]]


# --- errors --------------------------------------------------------------------------------------

def refuse(db, error, name="Demo"):
    db.rows("SELECT registry.refuse_configuration('default', 'one', '/etc/j', 'demo.config.json',"
            f" '{name}', '{error}')")
    return db.rows("SELECT service, error, content IS NULL, loaded_at IS NULL"
                   " FROM registry.configuration")


def test_an_error_leaves_what_was_good(db):
    assert refuse(db, "line 1") == [["Demo", "line 1", "t", "t"]]
    configure(db, nodes=[at()])
    assert db.rows("SELECT error, error_at FROM registry.configuration") == [["", ""]]
    assert refuse(db, "line 2", "else") == [["Demo", "line 2", "f", "f"]]
    when = db.rows("SELECT xmin, error_at FROM registry.configuration")
    refuse(db, "line 2")
    assert db.rows("SELECT xmin, error_at FROM registry.configuration") == when
    assert nodes(db) == [["10.0.0.1", "80"]]
    # As it was before the error: the registry need not change.
    assert configure(db, nodes=[at()]) == ("", "")
    assert db.rows("SELECT error FROM registry.configuration") == [[""]]


def test_a_subscription_of_somebody_else_is_not_taken_over(db):
    db.rows("SELECT event.put_subscription('%s')" % json.dumps(
        {**event("a"), "origin": "api", "fresh_secret": "\\\\x" + "00" * 32}).replace("\\\\\\\\", "\\\\"))
    with pytest.raises(RuntimeError, match="subscription Demo:a is there"):
        configure(db, nodes=[at()], events=[event("a")])
    assert nodes(db) == [] and db.rows("SELECT count(*) FROM registry.configuration") == [["0"]]


def test_subscriptions_that_the_api_configured_stay_without_events_in_the_file(db):
    spec = json.dumps([{**event("a"), "fresh_secret": "\\x" + "00" * 32}])
    db.rows(f"SELECT event.configure_service('default', 'demo', '{spec}')")
    configure(db, nodes=[at()])
    unconfigure(db)
    assert db.rows("SELECT name FROM event.subscription") == [["Demo:a"]]


# --- GraphQL -------------------------------------------------------------------------------------

def test_a_schema_brings_actions_beside_those_of_the_file(db):
    assert graphql(db, ("user", "{}", "{}")) == ""
    configure(db, nodes=[at(kind="graphql", base="/graphql")], actions=[action("list")])
    db.rows(service("demo", "own"))
    revision = graphql(db, ("user", '{"id":{"type":"ID"}}', '{"graphql":"q"}'), ("list", "{}", "{}"),
                       ("own", "{}", "{}"))
    assert [row[2] for row in changes(db, revision)] == ["user"]
    assert actions(db) == [["list", "configuration"], ["own", ""], ["user", "graphql"]]
    assert graphql(db, ("user", '{"id":{"type":"ID"}}', '{"graphql":"q"}')) == ""
    assert graphql(db, ("other", "{}", "{}"))
    assert actions(db) == [["list", "configuration"], ["other", "graphql"], ["own", ""]]
    configure(db, nodes=[at()], actions=[action("list")])
    assert actions(db) == [["list", "configuration"], ["own", ""]] and log_equals_state(db)


# --- rights --------------------------------------------------------------------------------------

def test_servers_publish_by_the_functions_only(db):
    called = db.rows("SET ROLE junction_app; SELECT r_revision IS NOT NULL FROM registry.configure("
                     "'default', 'one', '/etc/j', 'f', 'Demo', '',"
                     f" '{content(nodes=[at()], events=[event('a')])}', '{{}}', 's')")
    assert called == [["t"]]
    for forbidden in ("DELETE FROM registry.configuration",
                      "SELECT registry.apply_configuration('default', 'demo', false, 's')",
                      "SELECT registry.forget_configuration('a', 'b', 'c', 'd', 'e')"):
        with pytest.raises(RuntimeError, match="permission denied"):
            db.rows("SET ROLE junction_app; " + forbidden)
    assert db.rows("SET ROLE junction_reader; SELECT count(*) FROM registry.configuration") == [["1"]]


def test_everything_is_commented(db):
    assert db.rows("""
        SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
        WHERE c.relnamespace = 'registry'::regnamespace AND c.relkind = 'r' AND a.attnum > 0
            AND c.relname IN ('configuration', 'node', 'action')
            AND col_description(c.oid, a.attnum) IS NULL""") == []
    assert db.rows("""
        SELECT p.proname FROM pg_proc p WHERE p.pronamespace = 'registry'::regnamespace
            AND obj_description(p.oid, 'pg_proc') IS NULL""") == []
