"""The schema audit: who may do what, the order of its times, its months and its views."""

import datetime
import json

import pytest

import audit_log
import programs


@pytest.fixture(scope="module")
def shared(cluster_url):
    with programs.Database(cluster_url) as database:
        yield database


@pytest.fixture
def db(shared):
    shared.rows("TRUNCATE audit.record, audit.term, audit.idempotency;"
                "SELECT setval('audit.last_position', 0), setval('audit.last_time', 0)")
    return shared


def months(db, table):
    return [row[0] for row in db.rows(
        "SELECT c.relname FROM pg_inherits h JOIN pg_class c ON c.oid = h.inhrelid"
        f" WHERE h.inhparent = 'audit.{table}'::regclass ORDER BY 1")]


def month(table, ahead):
    today = datetime.datetime.now(datetime.timezone.utc)
    at = today.year * 12 + today.month - 1 + ahead
    return f"{table}_{at // 12}_{at % 12 + 1:02}"


def add(db, hours_ago, **row):
    """A record of the past: the owner may."""
    values = {"namespace": "n", "severity": "info", "source_node": "s", "content": "c", "opt_type": 1,
              "result_type": 0, **row}
    db.rows("INSERT INTO audit.record (time, position, batch, id, node, " + ", ".join(values) + ")"
            f" SELECT date_trunc('milliseconds', now() - {hours_ago} * interval '1 hour'),"
            " nextval('audit.last_position'), 1, gen_random_uuid(), 'node', "
            + ", ".join(literal(value) for value in values.values()))


def literal(value):
    return "NULL" if value is None else "'" + str(value).replace("'", "''") + "'"


# --- what all of it has ---------------------------------------------------------------------------


def test_indexes_and_types_have_comments_and_constraints_have_names(shared):
    assert shared.rows("""
        SELECT relname FROM pg_class c WHERE relnamespace = 'audit'::regnamespace AND relkind IN ('i', 'I')
            AND NOT relispartition AND obj_description(oid, 'pg_class') IS NULL
            AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = c.oid)
        UNION ALL SELECT typname FROM pg_type WHERE typnamespace = 'audit'::regnamespace
            AND typtype = 'e' AND obj_description(oid, 'pg_type') IS NULL
        UNION ALL SELECT conname FROM pg_constraint n JOIN pg_class c ON c.oid = n.conrelid
        WHERE c.relnamespace = 'audit'::regnamespace AND NOT c.relispartition
            AND (conname ~ '_check\\d*$' OR conname NOT LIKE relname || '\\_%')""") == []


@pytest.mark.parametrize("row, constraint", [
    ({"namespace": ""}, "record_namespace_length"), ({"namespace": "n" * 256}, "record_namespace_length"),
    ({"sourceNode": "文" * 86}, "record_source_node_length"), ({"content": ""}, "record_content_length"),
    ({"content": "c" * 65537}, "record_content_length"), ({"target": "t" * 1025}, "record_target_length"),
    ({"target": ""}, "record_target_length"), ({"roles": []}, "record_roles_count"),
    ({"roles": ["r"] * 257}, "record_roles_count"),
    ({"ext": json.dumps({"a": "x" * 65536})}, "record_ext_length")])
def test_constraints_refuse_what_the_api_refuses(db, row, constraint):
    with pytest.raises(RuntimeError, match=constraint):
        audit_log.append(db, [row])
    assert db.rows("SELECT FROM audit.record") == []


# --- rights ---------------------------------------------------------------------------------------

ALTERING = ["INSERT INTO {} SELECT * FROM {}", "UPDATE {} SET time = now()", "DELETE FROM {}", "TRUNCATE {}",
            "DROP TABLE {}", "ALTER TABLE {} ADD a int"]


@pytest.mark.parametrize("role", ["junction_app", "junction_reader"])
def test_nobody_but_the_owner_rewrites_history(db, role):
    audit_log.append(db, [{}])
    for table in ("audit.record", "audit.term", "audit.idempotency", "audit." + months(db, "record")[0]):
        for sql in ALTERING:
            with pytest.raises(RuntimeError, match="permission denied|must be owner"):
                db.rows(f"SET ROLE {role}; " + sql.format(table, table))
    for sequence in ("last_position", "last_time"):
        with pytest.raises(RuntimeError, match="permission denied"):
            db.rows(f"SET ROLE {role}; SELECT setval('audit.{sequence}', 1)")
    with pytest.raises(RuntimeError, match="permission denied"):
        db.rows(f"SET ROLE {role}; CREATE TABLE audit.t ()")


def test_the_application_appends_and_reads(db):
    assert db.rows("SET ROLE junction_app; " + audit_log.APPEND_ONE) == [["written"]]
    assert db.rows("SET ROLE junction_app; SELECT content FROM audit.record") == [["c"]]
    assert db.rows("SET ROLE junction_app; SELECT length(secret) FROM audit.page_key") == [["32"]]
    assert db.rows("SET ROLE junction_app; SELECT audit.keep_records(0)") == [["0"]]


def test_a_reader_reads_all_but_the_secret(db):
    audit_log.append(db, [{}])
    for name in ("record", "term", "idempotency", "last_hour", "failure", "daily", "actor"):
        db.rows(f"SET ROLE junction_reader; SELECT * FROM audit.{name}")
    for sql in ("SELECT secret FROM audit.page_key", audit_log.APPEND_ONE, "SELECT audit.keep_records(0)",
                "SELECT audit.index_next(1)"):
        with pytest.raises(RuntimeError, match="permission denied"):
            db.rows("SET ROLE junction_reader; " + sql)


def test_everybody_else_is_kept_out(db):
    db.rows("CREATE ROLE junction_stranger_" + db.name)
    try:
        for sql in ("SELECT FROM audit.record", "SELECT audit.fold('A')", audit_log.APPEND_ONE):
            with pytest.raises(RuntimeError, match="permission denied"):
                db.rows(f"SET ROLE junction_stranger_{db.name}; {sql}")
    finally:
        db.rows("DROP ROLE junction_stranger_" + db.name)


def test_a_search_path_cannot_change_what_is_written(db):
    db.rows("CREATE SCHEMA trap; CREATE FUNCTION trap.clock_timestamp() RETURNS timestamptz LANGUAGE sql"
            " AS $$ SELECT timestamptz 'epoch' $$; CREATE FUNCTION trap.lower(text) RETURNS text LANGUAGE sql"
            " AS $$ SELECT 'trapped' $$")
    db.rows("SET search_path = trap, pg_catalog; " + audit_log.APPEND_ONE)
    db.rows("SET search_path = trap, pg_catalog; SELECT audit.index_next(10)")
    assert db.rows("SELECT time > now() - interval '1 hour' FROM audit.record") == [["t"]]
    assert db.rows("SELECT terms FROM audit.term WHERE terms @@ audit.text_query('c', true)") != []
    db.rows("DROP SCHEMA trap CASCADE")


# --- times ----------------------------------------------------------------------------------------


def test_milliseconds_are_exact_in_all_years(db):
    times = [-62135596800000, -62135596799999, -1, 0, 1, 1795294140123, 253402300799998, 253402300799999]
    given = ",".join(f"(timestamptz 'epoch' + {ms} * interval '1 millisecond')" for ms in times)
    assert db.rows(f"SELECT audit.milliseconds(t) FROM (VALUES {given}) AS v (t)") == [
        [str(ms)] for ms in times]


def test_times_do_not_go_back_with_the_clock(db):
    audit_log.append(db, [{}])
    ahead = db.rows("SELECT setval('audit.last_time', audit.milliseconds(now() + interval '1 hour'))")[0][0]
    audit_log.append(db, [{}, {}])
    audit_log.append(db, [{}])
    assert db.rows("SELECT audit.milliseconds(time) FROM audit.record ORDER BY position")[1:] == [[ahead]] * 3
    assert db.rows("SELECT bool_and(time >= before) FROM (SELECT time, lag(time, 1, time) OVER"
                   " (ORDER BY position) AS before FROM audit.record) AS r") == [["t"]]


def test_a_refused_batch_does_not_move_the_time(db):
    audit_log.append(db, [{}])
    before = db.rows("SELECT last_value FROM audit.last_time")
    with pytest.raises(RuntimeError):
        audit_log.append(db, [{"content": ""}])
    assert db.rows("SELECT last_value FROM audit.last_time") == before


def test_batches_are_in_order_and_tell_their_rows(db):
    for size in (3, 1, 2):
        audit_log.append(db, [{}] * size)
    assert db.rows("SELECT batch, array_agg(position ORDER BY position), count(DISTINCT time)"
                   " FROM audit.record GROUP BY batch ORDER BY batch") == [
        ["1", "{1,2,3}", "1"], ["4", "{4}", "1"], ["5", "{5,6}", "1"]]


# --- months ---------------------------------------------------------------------------------------


def test_months_are_made_ahead_and_dropped_together(db):
    for table in ("record", "term"):
        assert months(db, table) == [month(table, ahead) for ahead in range(3)]
        for day in ("2020-01-01", "2020-02-01"):
            db.rows(f"SELECT upkeep.make_month('audit.{table}', '{day}')")
    days = (datetime.datetime.now(datetime.timezone.utc) - datetime.datetime(
        2020, 2, 1, tzinfo=datetime.timezone.utc)).days

    def keep(days):
        return int(db.rows(f"SET ROLE junction_app; SELECT audit.keep_records({days})")[0][0])

    for kept, dropped in ((0, 0), (days + 1, 0), (days, 1), (days, 0), (1, 1)):
        assert keep(kept) == dropped
        assert len(months(db, "record")) == len(months(db, "term"))
    for table in ("record", "term"):
        assert months(db, table) == [month(table, ahead) for ahead in range(3)]
    db.rows("DROP TABLE audit." + month("record", 2) + ", audit." + month("term", 2))
    assert keep(0) == 0
    assert [months(db, table)[2] for table in ("record", "term")] == [month("record", 2), month("term", 2)]
    with pytest.raises(RuntimeError, match="at least"):
        keep(-1)


def test_a_month_has_its_comment_and_index(db):
    assert db.rows("SELECT count(*), count(obj_description(c.oid)), min(i.count), max(i.count)"
                   " FROM pg_inherits h JOIN pg_class c ON c.oid = h.inhrelid, LATERAL (SELECT count(*) FROM"
                   " pg_index WHERE indrelid = c.oid) AS i WHERE h.inhparent IN"
                   " ('audit.record'::regclass, 'audit.term'::regclass)") == [["6", "6", "2", "2"]]


def test_expired_keys_are_forgotten(db):
    db.rows("INSERT INTO audit.idempotency SELECT 'a', key, '', gen_random_uuid(), now(), now() + expires"
            " FROM (VALUES ('older', interval '-2 seconds'), ('old', interval '-1 second'),"
            " ('new', interval '1 hour')) AS v (key, expires)")
    assert db.rows("SELECT audit.forget_keys(1)") == [["1"]]
    assert db.rows("SELECT key FROM audit.idempotency ORDER BY key") == [["new"], ["old"]]
    assert db.rows("SET ROLE junction_app; SELECT audit.forget_keys(10)") == [["1"]]
    assert db.rows("SELECT key FROM audit.idempotency") == [["new"]]


# --- views ----------------------------------------------------------------------------------------


@pytest.fixture
def history(db):
    db.rows("SELECT upkeep.make_month('audit.record', (date_trunc('month', now() AT TIME ZONE 'UTC')"
            " - make_interval(months => i))::date) FROM generate_series(1, 3) AS i")
    add(db, 0.1, content="now", severity="error", result_type=5, user_name="ann", application="app")
    add(db, 0.2, content="before", user_name="ann", application="app")
    add(db, 3, content="older", result_type=1, user_name="bob")
    add(db, 24 * 6, content="days ago", result_type=1, severity="alert")
    add(db, 24 * 20, content="weeks ago", result_type=1, user_name="ann", application="app")
    add(db, 24 * 60, content="months ago", result_type=1, user_name="ann", application="app")
    yield db
    db.rows("SELECT audit.keep_records(1)")


def test_last_hour_and_failure_are_newest_first(history):
    assert history.rows("SELECT content FROM audit.last_hour") == [["now"], ["before"]]
    assert history.rows("SELECT content FROM audit.failure") == [["now"], ["older"], ["days ago"]]


def test_daily_counts_by_day_namespace_and_severity(history):
    add(history, 0.1, namespace="m", user_name="cid")
    today = history.rows("SELECT namespace, severity, records, failures, users, source_nodes FROM audit.daily"
                         " WHERE namespace = 'm' AND day = (SELECT time::date FROM audit.record"
                         " WHERE namespace = 'm')")
    assert today == [["m", "info", "1", "0", "1", "1"]]
    assert history.rows("SELECT sum(records), sum(failures) FROM audit.daily") == [["6", "4"]]
    assert history.rows("SELECT day = (now() - interval '20 days')::date, severity, records FROM audit.daily"
                        " ORDER BY day LIMIT 1") == [["t", "info", "1"]]


def test_daily_looks_into_no_month_that_it_does_not_show(history):
    shown = str(history.rows("EXPLAIN (ANALYZE, COSTS off, TIMING off) SELECT * FROM audit.daily"))
    assert month("record", 0) in shown and month("record", -3) not in shown


def test_actor_tells_who_did_how_much(history):
    assert history.rows("SELECT user_name, application, records, failures, worst, addresses,"
                        " last_time - first_time > interval '19 days' FROM audit.actor"
                        " ORDER BY records DESC, user_name") == [
        ["ann", "app", "3", "2", "error", "0", "t"], ["bob", "", "1", "1", "info", "0", "f"],
        ["", "", "1", "1", "alert", "0", "f"]]
