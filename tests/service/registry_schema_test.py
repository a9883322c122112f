"""The schema registry: its functions, its rights, its order, and the snapshot migrations/schema.sql.

    python3 tests/service/registry_schema_test.py     writes the snapshot anew
"""

import glob
import os
import re
import subprocess
import sys
import threading

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SNAPSHOT = os.path.join(ROOT, "migrations", "schema.sql")
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(ROOT, "tests", "support"))

import observe  # noqa: E402
import postgres  # noqa: E402
import programs  # noqa: E402

ROLES = """
SELECT pg_advisory_lock(1);
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'junction_app') THEN
        CREATE ROLE junction_app;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'junction_reader') THEN
        CREATE ROLE junction_reader;
    END IF;
END $$;
"""


class Migrated(postgres.Database):
    """A database with all migrations, applied by psql."""

    def __enter__(self):
        super().__enter__()
        # Roles are the cluster's: other test files create them at the same time.
        postgres.psql(self.cluster_url, ROLES)
        for path in sorted(glob.glob(os.path.join(ROOT, "migrations", "[0-9]*.sql"))):
            with open(path, encoding="utf-8") as file:
                postgres.psql(self.url, file.read())
        return self


@pytest.fixture
def db(cluster_url):
    with programs.Database(cluster_url) as database:
        yield database


def dump(database):
    """The schema as pg_dump shows it, without what differs from run to run, by month, or from one
    15.x to another."""
    text = subprocess.run([postgres.BIN + "pg_dump", "--schema-only", "--no-owner",
                           "--exclude-table=*.*_2???_??", "-d", database.url],
                          capture_output=True, text=True, check=True).stdout
    text = re.sub(r"^\\(un)?restrict .*\n|^-- Dumped .*\n|^SET .*\n|^SELECT pg_catalog.set_config.*\n",
                  "", text, flags=re.M)
    text = re.sub(r"^( DELETE FROM \S+) AS ", r"\1 ", text, flags=re.M)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


class Session:
    """A psql that stays open, for transactions that overlap."""

    def __init__(self, url):
        self.process = subprocess.Popen([postgres.BIN + "psql", "-XAtq", "-F", "\t", "-d", url],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True)

    def send(self, sql):
        self.process.stdin.write(sql + ";\n\\echo done\n")
        self.process.stdin.flush()

    def answer(self):
        lines = []
        for line in self.process.stdout:
            if line == "done\n":
                break
            lines.append(line.rstrip("\n").split("\t"))
        return lines

    def run(self, sql):
        self.send(sql)
        return self.answer()

    def end(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


@pytest.fixture
def sessions(db):
    opened = [Session(db.url) for _ in range(3)]
    yield opened
    for session in opened:
        session.end()


def server(name, host="h", port=1, namespace="default"):
    return ("SELECT r_revision FROM registry.register_servers("
            f"ARRAY['{namespace}'], ARRAY['{name}'], ARRAY['{host}'], ARRAY[{port}], ARRAY['http'],"
            " ARRAY['c'], ARRAY[''], ARRAY[''], ARRAY['t'])")


def service(server_name, name, uri="/", params="{}", host="NULL", port="NULL"):
    return ("SELECT r_position, r_revision FROM registry.register_services("
            f"ARRAY['default'], ARRAY['{server_name}'], ARRAY['{name}'], ARRAY['{uri}'],"
            f" ARRAY['GET'], ARRAY[NULL], ARRAY[{host}]::text[], ARRAY[{port}]::integer[],"
            f" ARRAY[NULL], ARRAY['{params}'], ARRAY['{{}}'], ARRAY['{{}}'], ARRAY[NULL]::integer[],"
            " ARRAY['c'], ARRAY[''], ARRAY[''], ARRAY['t'])")


def waits_for_lock(db, count):
    """Returns once that many sessions wait for another one: for the log's lock, or for a row."""
    observe.wait_until(lambda: db.rows(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND wait_event_type = 'Lock'") == [[str(count)]])


def test_the_snapshot_is_what_the_migrations_make(cluster_url):
    with open(SNAPSHOT, encoding="utf-8") as file, Migrated(cluster_url) as db:
        assert dump(db) == file.read(), "write it anew: python3 " + os.path.relpath(__file__, ROOT)


@pytest.mark.parametrize("schema", ["registry", "upkeep", "api_reader", "auth", "audit", "event"])
def test_everything_has_a_comment(db, schema):
    assert db.rows(f"""
        SELECT c.relname, a.attname FROM pg_class c
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        WHERE c.relnamespace = '{schema}'::regnamespace AND c.relkind IN ('r', 'p')
            AND NOT c.relispartition AND col_description(c.oid, a.attnum) IS NULL
        UNION ALL SELECT relname, '' FROM pg_class WHERE relnamespace = '{schema}'::regnamespace
            AND relkind IN ('r', 'p', 'v', 'S') AND obj_description(oid, 'pg_class') IS NULL
        UNION ALL SELECT proname, '' FROM pg_proc WHERE pronamespace = '{schema}'::regnamespace
            AND obj_description(oid, 'pg_proc') IS NULL
        UNION ALL SELECT nspname, '' FROM pg_namespace WHERE nspname = '{schema}'
            AND obj_description(oid, 'pg_namespace') IS NULL""") == []


def test_a_revision_is_seen_only_after_all_that_are_smaller(db, sessions):
    first, second, reader = sessions
    first.run("BEGIN")
    low = int(first.run(server("slow"))[0][0])
    second.send(server("quick"))
    waits_for_lock(db, 1)
    # The slow one has its revision and is not committed: nobody may be seen beyond it.
    assert reader.run("SELECT revision FROM registry.change") == []
    first.run("COMMIT")
    high = int(second.answer()[0][0])
    assert high > low
    assert reader.run("SELECT revision, name FROM registry.change ORDER BY revision") == [
        [str(low), "slow"], [str(high), "quick"]]


def test_a_writer_of_another_table_holds_nobody_up(db, sessions):
    other, writer, _ = sessions
    other.run("CREATE TABLE public.other (a int); BEGIN; INSERT INTO public.other VALUES (1)")
    assert writer.run(server("demo"))[0][0]
    other.run("ROLLBACK")


def test_concurrent_registrations_of_one_name_leave_one_row(db, sessions):
    first, second, third = sessions
    first.run("BEGIN")
    first.run(server("Demo", "one", 1))
    second.send(server("dEMO", "two", 2))
    third.send(server("demo", "three", 3))
    waits_for_lock(db, 2)
    first.run("COMMIT")
    last = max((int(s.answer()[0][0]), host) for s, host in ((second, "two"), (third, "three")))
    assert db.rows("SELECT name, key FROM registry.service") == [["Demo", "demo"]]
    assert db.rows("SELECT host FROM registry.node") == [[last[1]]]
    assert db.rows("SELECT count(*) FROM registry.change") == [["3"]]


def test_many_writers_at_once_neither_deadlock_nor_lose_a_revision(db):
    names = [f"n{i}" for i in range(8)]
    errors = []

    def write(order):
        session = Session(db.url)
        for name in order:
            answer = session.run(server(name))
            if not answer or not answer[0][0].isdigit():
                errors.append(answer)
        session.end()

    threads = [threading.Thread(target=write, args=(names[i:] + names[:i],)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert db.rows("SELECT count(*), count(DISTINCT revision) FROM registry.change") == [["64", "64"]]
    assert db.rows("SELECT count(*) FROM registry.service") == [["8"]]


def test_servers_are_registered_side_by_side_and_a_deletion_waits_for_them(db, sessions):
    first, second, deleter = sessions
    first.run("BEGIN")
    first.run("SELECT registry.begin_change(false)")
    # Another registration is not held up by one that has not taken its revision yet ...
    high = int(second.run(server("other"))[0][0])
    # ... but a deletion, which works alone, is; and it does not keep the first from ending.
    deleter.send("SELECT registry.delete_server('default', 'other', '', '', '', '')")
    waits_for_lock(db, 1)
    first.run(server("demo"))
    first.run("COMMIT")
    assert int(deleter.answer()[0][0]) > high
    assert db.rows("SELECT key FROM registry.service") == [["demo"]]


def test_a_server_that_moves_keeps_its_services(db):
    db.rows(server("Demo", "one", 1))
    created = db.rows("SELECT created_at FROM registry.service")
    db.rows(service("DEMO", "List", "/l"))
    db.rows(server("demo", "two", 2))
    assert db.rows("SELECT host, port, name FROM registry.node") == [["two", "2", "two:2"]]
    assert db.rows("SELECT name FROM registry.action") == [["List"]]
    assert db.rows("SELECT created_at FROM registry.service") == created


def test_registering_again_overwrites_all_but_the_name_and_the_first_time(db):
    db.rows(server("demo"))
    db.rows(service("demo", "List", "/l", '{"b" : 1.0}'))
    assert db.rows("SELECT params FROM registry.action") == [['{"b" : 1.0}']]
    created = db.rows("SELECT created_at FROM registry.action")
    db.rows(service("demo", "LIST", "/m", "{}", "'::1'", "9"))
    assert db.rows("SELECT name, uri, params, server_host, created_at, updated_at > created_at"
                   " FROM registry.action") == [["List", "/m", "{}", "::1", created[0][0], "t"]]


def test_a_service_of_an_unknown_server_is_refused_unless_it_brings_an_address(db):
    assert db.rows(service("nobody", "list")) == []
    assert db.rows("SELECT count(*) FROM registry.change") == [["0"]]
    revision = db.rows(service("adhoc", "list", host="'h'", port="9"))[0][1]
    assert db.rows("SELECT kind, name, revision FROM registry.change ORDER BY revision, part") == [
        ["service", "adhoc", revision], ["action", "list", revision]]
    assert db.rows("SELECT count(*) FROM registry.node") == [["0"]]


def test_a_refused_row_of_a_batch_does_not_refuse_the_others(db):
    db.rows(server("demo"))
    rows = db.rows("SELECT r_position FROM registry.register_services("
                   "array_fill('default'::text, '{3}'), '{demo,nobody,demo}', '{a,b,c}', '{/,/,/}',"
                   " '{GET,GET,GET}', array_fill(NULL::text, '{3}'), array_fill(NULL::text, '{3}'),"
                   " array_fill(NULL::integer, '{3}'), array_fill(NULL::text, '{3}'),"
                   " array_fill('{}'::text, '{3}'), array_fill('{}'::text, '{3}'),"
                   " array_fill('{}'::text, '{3}'), array_fill(NULL::integer, '{3}'),"
                   " array_fill(''::text, '{3}'), array_fill(''::text, '{3}'),"
                   " array_fill(''::text, '{3}'),"
                   " array_fill(''::text, '{3}')) ORDER BY 1")
    assert rows == [["1"], ["3"]]


BULK = ("SELECT registry.register_bulk('default', '{{a,b}}', '{{h,h}}', '{{1,{port}}}', '{{http,http}}',"
        " '{{a,b,b}}', '{{x,x,y}}', '{{/,/,/}}', '{{GET,GET,GET}}',"
        " array_fill('{{}}'::text, '{{3}}'), array_fill('{{}}'::text, '{{3}}'),"
        " array_fill('{{}}'::text, '{{3}}'), '', '', '', '')")


def test_a_bulk_registration_is_one_revision_or_nothing(db):
    with pytest.raises(RuntimeError, match="node_port_range"):
        db.rows(BULK.format(port=70000))
    assert db.rows("SELECT count(*) FROM registry.state") == [["0"]]
    revision = db.rows(BULK.format(port=2))[0][0]
    assert db.rows("SELECT revision, array_agg(kind || ' ' || service_key || ' ' || name ORDER BY part)"
                   " FROM registry.change GROUP BY 1") == [
        [revision, '{"service a a","service b b","action a x","action b x","action b y"}']]


def test_deleting_takes_along_and_says_when_there_was_nothing(db):
    db.rows(BULK.format(port=2))
    tail = "'c', 'app', 'user', 'trace'"
    assert db.rows(f"SELECT registry.delete_service('default', 'B', 'X', {tail})")[0][0]
    assert db.rows(f"SELECT registry.delete_service('default', 'B', 'X', {tail})") == [[""]]
    assert db.rows(f"SELECT registry.delete_server('default', 'B', {tail})")[0][0]
    assert db.rows(f"SELECT registry.delete_server('default', 'B', {tail})") == [[""]]
    assert db.rows(f"SELECT registry.delete_server('other', 'a', {tail})") == [[""]]
    assert db.rows("SELECT kind, name FROM registry.state ORDER BY kind DESC") == [
        ["service", "a"], ["action", "x"]]
    assert db.rows("SELECT service_key FROM registry.node") == [["a"]]
    assert db.rows("SELECT kind, name, value IS NULL, caller_user FROM registry.change"
                   " WHERE operation = 'delete' ORDER BY revision") == [
        ["action", "x", "t", "user"], ["service", "b", "t", "user"]]


def test_the_last_change_of_each_entity_is_its_state(db):
    db.rows(BULK.format(port=2))
    db.rows(server("A", "moved", 7))
    db.rows(service("b", "y", "/y", '{"k" : [1, 1.0]}'))
    db.rows(service("adhoc", "z", host="'h'", port="9"))
    # A new server's own node is logged in short: what is left out is as it is by default.
    assert db.rows("""
        SELECT count(*), count(*) FILTER (WHERE c.value::text = s.value::text
            OR c.name = 'b' AND s.value::jsonb @> c.value::jsonb) FROM (
            SELECT DISTINCT ON (kind, namespace, service_key, name) * FROM registry.change
            ORDER BY kind, namespace, service_key, name, revision DESC, part DESC) c
        FULL JOIN registry.state s USING (kind, namespace, service_key, name)""") == [["7", "7"]]


@pytest.mark.parametrize("name", ["a/b", "$node", "Get", "NOTICE", "", "a\tb"])
def test_constraints_refuse_what_the_api_refuses(db, name):
    with pytest.raises(RuntimeError, match="service_name_"):
        db.rows(server(name))


@pytest.mark.parametrize("host, port, constraint", [
    ("http://h", 1, "node_host_characters"), ("", 1, "node_host_"),
    ("h" * 254, 1, "node_host_length"), ("h", 0, "node_port_range"),
    ("h", 65536, "node_port_range")])
def test_constraints_refuse_addresses_that_are_none(db, host, port, constraint):
    with pytest.raises(RuntimeError, match=constraint):
        db.rows(server("demo", host, port))


def test_the_application_may_register_and_not_rewrite_history(db):
    db.rows("SET ROLE junction_app; " + server("demo") + ";" + service("demo", "list"))
    assert db.rows("SET ROLE junction_app; SELECT count(*), count(value) FROM registry.state") == [
        ["2", "2"]]
    for sql in ("UPDATE registry.change SET name = ''", "DELETE FROM registry.change",
                "TRUNCATE registry.change", "CREATE TABLE registry.t ()"):
        with pytest.raises(RuntimeError, match="permission denied"):
            db.rows("SET ROLE junction_app; " + sql)


def test_a_reader_reads_and_does_no_more(db):
    db.rows(server("demo"))
    assert db.rows("SET ROLE junction_reader; SELECT count(value) FROM registry.state") == [["1"]]
    assert db.rows("SET ROLE junction_reader; SELECT count(*) FROM registry.change") == [["1"]]
    for sql in (server("other"), "DELETE FROM registry.service", "SELECT registry.next_revision()"):
        with pytest.raises(RuntimeError, match="permission denied"):
            db.rows("SET ROLE junction_reader; " + sql)


def test_a_search_path_cannot_change_what_the_functions_do(db):
    db.rows("CREATE SCHEMA trap; CREATE FUNCTION trap.lower(text) RETURNS text LANGUAGE sql"
            " AS $$ SELECT 'trapped' $$; CREATE FUNCTION trap.nextval(text) RETURNS bigint"
            " LANGUAGE sql AS $$ SELECT -1::bigint $$")
    db.rows("SET search_path = trap, pg_catalog; " + server("Demo"))
    assert db.rows("SELECT service_key, revision > 0 FROM registry.change") == [["demo", "t"]]


if __name__ == "__main__":
    with postgres.Cluster() as own, Migrated(own.url()) as migrated:
        with open(SNAPSHOT, "w", encoding="utf-8") as out:
            out.write(dump(migrated))
