"""The schema event: who may do what, its views and how they read, its months and what is dropped."""

import datetime
import itertools
import json
import threading

import pytest

import observe
import postgres
import programs
from event_log import Log

NUMBERS = itertools.count()
TABLES = ("event", "delivery", "transition")
VIEWS = ("delivery_state", "open_delivery", "waiting", "retrying", "dead", "attempt", "slowest_target", "group_lag")


@pytest.fixture(scope="module")
def db(cluster_url):
    with programs.Database(cluster_url) as database:
        yield database


@pytest.fixture(scope="module")
def log(db):
    return Log(db)


@pytest.fixture
def group(request):
    return f"{request.node.originalname} {next(NUMBERS)}"


def result(log, queue, position, outcome, leased=None, subscription=None, holder="test-1", **told):
    """As event.conclude(), told what came."""
    told = {"status": "NULL", "code": "NULL", "latency": "NULL", "reason": "NULL", **told}
    leased = leased or log.lease(queue, position, subscription, holder)
    subscription = f"'{subscription}'" if subscription else "NULL"
    return log.value(
        f"SELECT r_state FROM event.conclude(ARRAY[{queue}], ARRAY[{position}::bigint], ARRAY[{leased[0]}],"
        f" ARRAY['{outcome}'::event.state], ARRAY['{holder}'], ARRAY[{subscription}::uuid],"
        f" ARRAY[{leased[1]}], ARRAY[NULL::bigint], ARRAY[{told['status']}::integer],"
        f" ARRAY[{told['code']}::text], ARRAY[{told['latency']}::double precision],"
        f" ARRAY[{told['reason']}::text])")


# --- what all of it has ---------------------------------------------------------------------------


def test_columns_of_views_indexes_and_types_have_comments_and_constraints_have_names(db):
    assert db.rows("""
        SELECT relname || '.' || attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND attnum > 0
        WHERE relnamespace = 'event'::regnamespace AND relkind = 'v' AND col_description(c.oid, attnum) IS NULL
        UNION ALL SELECT relname FROM pg_class c WHERE relnamespace = 'event'::regnamespace
            AND relkind IN ('i', 'I') AND NOT relispartition AND obj_description(oid, 'pg_class') IS NULL
            AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = c.oid)
        UNION ALL SELECT typname FROM pg_type WHERE typnamespace = 'event'::regnamespace
            AND (typtype = 'e' OR typname = 'listed') AND obj_description(oid, 'pg_type') IS NULL
        UNION ALL SELECT conname FROM pg_constraint n JOIN pg_class c ON c.oid = n.conrelid
        WHERE c.relnamespace = 'event'::regnamespace AND NOT c.relispartition AND contype <> 't'
            AND (conname ~ '_check\\d*$' OR conname NOT LIKE relname || '\\_%')""") == []


# --- rights ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["junction_app", "junction_reader"])
def test_nobody_but_the_owner_rewrites_history(db, log, group, role):
    queue = log.queue(group)
    result(log, queue, log.publish("a.b", group, queue), "delivered")
    partitions = [f"event.{table}_{this_month()}" for table in TABLES]
    for table in [f"event.{table}" for table in TABLES] + partitions:
        for sql in ("INSERT INTO {0} SELECT * FROM {0}", "UPDATE {0} SET position = 1", "DELETE FROM {0}",
                    "TRUNCATE {0}", "DROP TABLE {0}", "ALTER TABLE {0} ADD a int"):
            with pytest.raises(RuntimeError, match="permission denied|must be owner"):
                db.rows(f"SET ROLE {role}; " + sql.format(table))
    for sql in ("SELECT setval('event.last_position', 1)", "CREATE TABLE event.t ()",
                "UPDATE event.revision SET value = 1", "DELETE FROM event.queue",
                "UPDATE event.subscription SET enabled = true", "DELETE FROM event.secret",
                "INSERT INTO event.low_water (queue_id, position) VALUES (1, 1)"):
        with pytest.raises(RuntimeError, match="permission denied"):
            db.rows(f"SET ROLE {role}; {sql}")


def test_a_reader_reads_all_but_secrets_and_changes_nothing(db, log, group):
    log.publish("a.b", group, log.queue(group))
    for name in VIEWS + TABLES + ("queue", "subscription", "member", "low_water", "revision"):
        db.rows(f"SET ROLE junction_reader; SELECT * FROM event.{name}")
    reader = "SET ROLE junction_reader; "
    assert db.rows(reader + "SELECT event.topic_matches('a.*', 'a.b')") == [["t"]]
    assert db.rows(reader + f"SELECT event_id FROM event.list_deliveries('default', '{group}', NULL, NULL, NULL,"
                   " 0, 9223372036854775807, 0, 10, 10)") == [[group]]
    for sql in ("SELECT secret FROM event.secret", "SELECT * FROM event.load()",
                "SELECT event.keep_events(1, true)", "SELECT event.pause('default', 'g', NULL, true)",
                "SELECT event.put_subscription('{}')", "SELECT event.delete_subscription('a', 'b')",
                "SELECT event.rotate_secret('a', 'b', '', 1)",
                "SELECT event.configure_service('a', 'b', '[]')", "SELECT event.make_queue('a', 'b')",
                "SELECT event.replay_some(1, 0, 1, '{dead}', 1, 'me')",
                "SELECT event.confirm('a', 'b', 'c', NULL, NULL, true, 'me')"):
        with pytest.raises(RuntimeError, match="permission denied"):
            db.rows(reader + sql)


def test_the_application_does_its_work_by_functions(db, log, group):
    app = "SET ROLE junction_app; "
    spec = {"namespace": "default", "name": group, "group": group, "patterns": ["a"], "target": "url",
            "url": "http://a/", "confirm": "auto", "ack_window_ms": 1, "timeout_ms": 1, "schedule_ms": [],
            "concurrency": 1, "rate": 0, "encrypt_stored": False, "origin": "api",
            "fresh_secret": "\\x" + "00" * 24}
    put = app + f"SELECT r_fresh FROM event.put_subscription('{json.dumps(spec)}')"
    assert db.rows(put) == [["t"]] and db.rows(put) == [["f"]]
    db.rows(app + f"SELECT event.rotate_secret('default', '{group}', '\\x{'11' * 24}', 1)")
    db.rows(app + f"SELECT event.pause('default', '{group}', NULL, true)")
    db.rows(app + f"SELECT event.delete_subscription('default', '{group}')")
    assert db.rows(app + "SELECT event.keep_events(0, false)") == [["0"]]


def test_everybody_else_is_kept_out(db):
    db.rows("CREATE ROLE junction_stranger_" + db.name)
    try:
        for sql in ("SELECT FROM event.event", "SELECT FROM event.dead", "SELECT event.topic_matches('a', 'a')"):
            with pytest.raises(RuntimeError, match="permission denied"):
                db.rows(f"SET ROLE junction_stranger_{db.name}; {sql}")
    finally:
        db.rows("DROP ROLE junction_stranger_" + db.name)


def test_a_search_path_cannot_change_what_is_done(db, log, group):
    db.rows("CREATE SCHEMA trap; CREATE FUNCTION trap.clock_timestamp() RETURNS timestamptz LANGUAGE sql"
            " AS $$ SELECT timestamptz 'epoch' $$")
    queue = log.queue(group)
    position = log.publish("a.b", group, queue)
    result(log, queue, position, "dead")
    db.rows("SET search_path = trap, pg_catalog;"
            f"SELECT event.replay_some({queue}, 0, {position}, '{{dead}}', 1, 'me')")
    assert log.steps(position, "at > now() - interval '1 hour'")[-1] == ["t"]
    db.rows("DROP SCHEMA trap CASCADE")


def test_patterns_match_as_the_servers_have_it(db):
    cases = [("a.*", "a.b", True), ("a.*", "a.b.c", False), ("a.*", "a", False), ("a.**", "a.b.c", True),
             ("**", "a.b", True), ("a**", "ab.c", True), ("?.b", "文.b", True), ("?.b", ".b", False),
             ("a.?", "a..", False), ("a+b", "a+b", True), ("a+b", "aab", False), ("a.b", "axb", False),
             ("[ab]", "a", False), ("a\\d", "a\\d", True), ("A", "a", False), ("a", "a\nb", False),
             ("{a}|b^$", "{a}|b^$", True), ("***", "x.y", True)]
    for pattern, name, expected in cases:
        pattern, name = (t.replace("\n", "' || E'\\n' || '") for t in (pattern, name))
        assert db.rows(f"SELECT event.topic_matches('{pattern}', '{name}')") == [["t" if expected else "f"]], (
            pattern, name)


# --- views ----------------------------------------------------------------------------------------


def test_each_view_shows_its_own(db, log, group):
    subscription, queue = log.subscription(group, name=group + " s")
    member, wide = log.subscription(group, broadcast=True, name=group + " wide")
    names = ["waiting", "leased", "confirmable", "failed", "dead", "confirmed", "delivered"]
    made = {name: log.publish(f"v.{name}", f"{group} {name}", queue, key="k") for name in names}
    for name, position in made.items():
        if name == "confirmable":
            log.database.rows(f"UPDATE event.subscription SET confirm = 'explicit' WHERE id = '{subscription}'")
        if name == "leased":
            log.lease(queue, position, subscription)
        elif name != "waiting":
            result(log, queue, position, "delivered" if name == "confirmable" else name,
                   subscription=subscription, status=500, code="'x'", latency=1, reason="'why'")
        log.database.rows(f"UPDATE event.subscription SET confirm = 'auto' WHERE id = '{subscription}'")
    log.publish("v.wide", group, wide)

    def shown(view, columns="event, state"):
        return db.rows(f"SELECT {columns} FROM event.{view} WHERE group_name = '{group}' AND member = ''"
                       " ORDER BY position")
    assert shown("delivery_state") == [
        ["v.waiting", "waiting"], ["v.leased", "leased"], ["v.confirmable", "delivered"],
        ["v.failed", "failed"], ["v.dead", "dead"], ["v.confirmed", "confirmed"], ["v.delivered", "delivered"]]
    assert shown("waiting") == shown("delivery_state")[:3]
    assert shown("retrying") == [["v.failed", "failed"]]
    assert shown("open_delivery") == shown("delivery_state")[:4]
    columns = ("namespace, event_id, key, attempt, at IS NULL, due IS NULL, subscription, holder, status, code,"
               " reason, number, time = event.time_at(position)")
    assert shown("dead", columns) == [["default", f"{group} dead", "k", "1", "f", "t", group + " s", "test-1",
                                       "500", "x", "why", "2", "t"]]
    assert shown("waiting", columns)[0] == ["default", f"{group} waiting", "k", "0", "t", "t", "", "", "", "",
                                            "", "0", "t"]
    wide_row = f"SELECT member FROM event.waiting WHERE group_name = '{group}' AND event = 'v.wide'"
    assert db.rows(wide_row) == [[group + " wide"]]
    db.rows(f"DELETE FROM event.subscription WHERE id = '{member}'")
    assert db.rows(wide_row) == [[member]]


def test_dead_shows_what_is_dead_now_and_once(db, log, group):
    queue = log.queue(group)
    position = log.publish("a.b", group, queue)
    dead = f"SELECT number FROM event.dead WHERE group_name = '{group}'"
    leased = log.lease(queue, position)
    log.conclude(queue, position, leased, "dead")
    assert db.rows(dead) == [["2"]]
    db.rows(f"SELECT event.replay_some({queue}, 0, {position}, '{{dead}}', 1, 'me')")
    assert db.rows(dead) == []
    result(log, queue, position, "dead")
    assert db.rows(dead) == [["5"]]


def test_an_attempt_has_its_result_and_who_confirmed(db, log, group):
    subscription, queue = log.subscription(group, "explicit", name=group, schedule=[1000] * 5)
    position = log.publish("a.b", group, queue)

    def confirm(success):
        db.rows(f"SELECT event.confirm('default', '{group}', 'a.b', '{group}', NULL, {success}, 'ann')")

    def attempts(columns):
        return db.rows(f"SELECT {columns} FROM event.attempt WHERE event_id = '{group}' ORDER BY number")
    result(log, queue, position, "failed", subscription=subscription, status=503, code="'9'", latency=7.5,
           reason="'busy'")
    result(log, queue, position, "delivered", subscription=subscription, status=200, latency=2)
    confirm("false")
    late = log.lease(queue, position, subscription)  # its lease runs out, and another server takes it
    log.age(position)
    other = log.lease(queue, position, subscription, holder="test-2")
    result(log, queue, position, "delivered", late, subscription, status=200, latency=9)  # too late
    result(log, queue, position, "waiting", other, subscription, holder="test-2")  # given back
    log.lease(queue, position, None, holder="ann")  # pulled
    confirm("true")
    assert attempts("attempt, holder, subscription, status, code, latency_ms, reason, state, confirmed_by,"
                    " next_try IS NOT NULL, ended >= started") == [
        ["1", "test-1", group, "503", "9", "7.5", "busy", "failed", "", "t", "t"],
        ["2", "test-1", group, "200", "", "2", "", "failed", "ann", "t", "t"],
        ["3", "test-1", group, "200", "", "9", "", "leased", "", "t", "t"],
        ["4", "test-2", group, "", "", "", "", "leased", "", "t", "t"],
        ["4", "ann", "", "", "", "", "", "confirmed", "ann", "f", ""]]
    db.rows(f"SELECT event.replay_some({queue}, 0, {position}, '{{confirmed}}', 1, 'me')")
    result(log, queue, position, "confirmed", subscription=subscription, latency=1)
    assert attempts("attempt, state, latency_ms")[-2:] == [["4", "confirmed", ""], ["1", "confirmed", "1"]]


def test_slowest_targets_of_the_last_hour(db, log):
    made = {name: log.subscription(name, name=name, target="pull") for name in ("quick", "slow")}
    for i in range(10):
        for name, (subscription, queue) in made.items():
            position = log.publish("a.b", f"{name} {i}", queue)
            result(log, queue, position, "failed" if (name, i) == ("slow", 9) else "delivered",
                   subscription=subscription, latency=i + (100 if name == "slow" else 0))
            if i == 0:
                log.age(position, "2 hours")
    assert db.rows("SELECT subscription, group_name, target, attempts, failures, p50_ms, round(p99_ms::numeric, 2)"
                   " FROM event.slowest_target WHERE subscription IN ('quick', 'slow')") == [
        ["slow", "slow", "pull", "9", "1", "105", "108.92"], ["quick", "quick", "pull", "9", "0", "5", "8.92"]]


def test_lag_by_group(db, log, group):
    queue = log.queue(group)
    log.publish("a.b", group, queue)
    lag = f"SELECT paused, open, oldest, lag > interval '0' FROM event.group_lag WHERE group_name = '{group}'"
    assert db.rows(lag) == [["f", "1", db.rows(f"SELECT time FROM event.event WHERE event_id = '{group}'")[0][0],
                             "t"]]
    assert db.rows(f"SELECT event.confirm('default', '{group}', 'a.b', '{group}', NULL, true, 'me')")
    assert db.rows(lag) == [["f", "0", "", ""]]


@pytest.fixture(scope="module")
def much(db, log):
    """50,000 events of ten groups, done but for the last hundred; groups know up to where."""
    for i in range(10):
        log.subscription(f"much {i}")
    db.rows("""
        INSERT INTO event.event (position, time, namespace, event_id, name, data, queues, node)
        SELECT p, event.time_at(p), 'default', 'much-' || i, 'm.n', '1', ARRAY[(SELECT id FROM event.queue
            WHERE group_name = 'much ' || i % 10)], 'test'
        FROM generate_series(1, 50000) AS i, LATERAL (SELECT event.position_at(now()) + i AS p) AS x;
        SELECT setval('event.last_position', (SELECT max(position) FROM event.event));
        INSERT INTO event.delivery SELECT queues[1], position FROM event.event WHERE event_id LIKE 'much-%';
        INSERT INTO event.transition (queue_id, position, number, state, at, attempt, holder)
        SELECT queues[1], position, n, (ARRAY['leased', 'delivered'])[n]::event.state,
            now() + (position & 65535) * interval '1 second', 1, 'test'
        FROM event.event, generate_series(1, 2) AS n WHERE event_id LIKE 'much-%' ORDER BY position LIMIT 99800;
        INSERT INTO event.low_water (queue_id, position)
        SELECT q.id, (SELECT max(t.position) FROM event.transition t WHERE t.queue_id = q.id)
        FROM event.queue q WHERE group_name LIKE 'much %'; ANALYZE""")
    return db.rows("SELECT position FROM event.event WHERE event_id = 'much-49900'")[0][0]


@pytest.mark.parametrize("view, where", [
    ("delivery_state", "group_name = 'much 1' AND position > {p}"), ("delivery_state", "position > {p}"),
    ("delivery_state", "event_id = 'much-7'"), ("open_delivery", "true"), ("waiting", "group_name = 'much 1'"),
    ("retrying", "group_name = 'much 1'"), ("dead", "true"), ("dead", "group_name = 'much 1'"),
    ("attempt", "group_name = 'much 1' AND position > {p}"), ("attempt", "event_id = 'much-7'"),
    ("attempt", "started > now() + interval '49000 seconds'"), ("group_lag", "true")])
def test_views_read_by_indexes(db, much, view, where):
    """No table is read as a whole, and of none much more than what is shown."""
    plan = json.loads("".join(line for line, in db.rows(
        f"EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, FORMAT JSON) SELECT * FROM event.{view} WHERE "
        + where.format(p=much))))[0]["Plan"]

    def nodes(node):
        yield node
        for child in node.get("Plans", ()):
            yield from nodes(child)
    for node in nodes(plan):
        name = node.get("Relation Name", "")
        if name in {f"{table}_{this_month()}" for table in TABLES}:
            assert node["Node Type"] != "Seq Scan", node
            assert node["Actual Rows"] * node["Actual Loops"] < 8000, node


def test_the_lag_of_a_group_does_not_read_what_is_done(db, much):
    queue = db.rows("SELECT id FROM event.queue WHERE group_name = 'much 1'")[0][0]
    db.rows("SELECT pg_stat_reset(); SELECT pg_stat_force_next_flush()")
    assert db.rows(f"SELECT r_open FROM event.backlog({queue}); SELECT pg_stat_force_next_flush()")[0] == ["10"]
    reads = db.rows(f"SELECT idx_tup_fetch + seq_tup_read FROM pg_stat_user_tables"
                    f" WHERE relname = 'delivery_{this_month()}'")
    assert int(reads[0][0]) < 100


# --- months -----------------------------------------------------------------------------------------


def this_month(ahead=0):
    today = datetime.datetime.now(datetime.timezone.utc)
    at = today.year * 12 + today.month - 1 + ahead
    return f"{at // 12}_{at % 12 + 1:02}"


def months(db, table):
    return [row[0][-7:] for row in db.rows(
        "SELECT c.relname FROM pg_inherits h JOIN pg_class c ON c.oid = h.inhrelid"
        f" WHERE h.inhparent = 'event.{table}'::regclass ORDER BY 1")]


NEXT = [this_month(ahead) for ahead in range(3)]


@pytest.fixture(scope="module")
def past(cluster_url):
    with programs.Database(cluster_url) as database:
        yield database


@pytest.fixture
def old(past):
    """The log of a database with months of 2020."""
    past.rows("SELECT event.keep_events(1, true); TRUNCATE event.event, event.delivery, event.transition,"
              " event.secret, event.subscription, event.queue, event.low_water; SELECT event.make_month(t,"
              " make_date(2020, i, 1)) FROM generate_series(1, 3) AS i,"
              " unnest('{event.event,event.delivery,event.transition}'::regclass[]) AS t")
    return Log(past)


def days_since(*day):
    return (datetime.datetime.now(datetime.timezone.utc)
            - datetime.datetime(*day, tzinfo=datetime.timezone.utc)).days


def keep(log, days, drop_open=False):
    return int(log.database.rows(f"SET ROLE junction_app; SELECT event.keep_events({days}, {drop_open})")[0][0])


def add(log, day, queue, state=None):
    """An event of the past: the owner may."""
    position = int(log.value(f"SELECT event.position_at('{day} 12:00Z') + {next(NUMBERS)}"))
    log.database.rows(
        "INSERT INTO event.event (position, time, namespace, event_id, name, data, queues, node) VALUES"
        f" ({position}, event.time_at({position}), 'default', 'old-{position}', 'a', '1', '{{{queue}}}', 'n');"
        f"INSERT INTO event.delivery VALUES ({queue}, {position})")
    if state:
        log.database.rows("INSERT INTO event.transition (queue_id, position, number, state, at, attempt)"
                          f" VALUES ({queue}, {position}, 1, '{state}', now(), 1)")
    return position


def test_months_are_made_ahead_and_dropped_together(old):
    first, second = days_since(2020, 2, 1), days_since(2020, 3, 1)
    for days, dropped in ((0, 0), (first + 1, 0), (first, 1), (first, 0), (second, 1), (1, 1)):
        assert keep(old, days) == dropped
        assert months(old.database, "event") == months(old.database, "delivery") == months(
            old.database, "transition")
    assert months(old.database, "event") == NEXT
    old.database.rows("DROP TABLE " + ", ".join(f"event.{table}_{NEXT[2]}" for table in TABLES))
    assert keep(old, 0) == 0
    assert [months(old.database, table) for table in TABLES] == [NEXT] * 3
    assert old.database.rows("SELECT count(*) FROM pg_inherits h WHERE h.inhparent IN ('event.event'::regclass,"
                             " 'event.delivery'::regclass, 'event.transition'::regclass)"
                             " AND obj_description(h.inhrelid) IS NULL") == [["0"]]
    with pytest.raises(RuntimeError, match="at least"):
        keep(old, -1)


@pytest.mark.parametrize("state", [None, "waiting", "leased", "failed"])
def test_no_month_is_dropped_that_a_group_has_not_passed(old, state):
    queue = old.queue("slow")
    add(old, "2020-01-10", queue, "confirmed")
    add(old, "2020-02-10", queue, "dead")
    position = add(old, "2020-02-20", queue, state)
    assert keep(old, 1) == 1
    assert months(old.database, "event") == ["2020_02", "2020_03"] + NEXT
    # It blocks what follows as well, though that is empty.
    assert keep(old, 1) == 0
    old.database.rows("INSERT INTO event.transition (queue_id, position, number, state, at, attempt)"
                      f" VALUES ({queue}, {position}, 2, 'delivered', now(), 1)")
    assert keep(old, 1) == 2
    assert old.database.rows("SELECT position FROM event.event") == []


def test_unless_told(old):
    add(old, "2020-01-10", old.queue("slow"))
    assert keep(old, 1) == 0 and keep(old, 0, drop_open=True) == 0
    assert keep(old, 1, drop_open=True) == 3


def test_what_only_a_member_that_is_gone_would_get_blocks_nothing(old):
    member, queue = old.subscription("g", broadcast=True)
    add(old, "2020-01-10", queue)
    assert keep(old, 1) == 0
    old.database.rows(f"INSERT INTO event.low_water (queue_id, position) VALUES ({queue}, 1);"
                      f"DELETE FROM event.subscription WHERE id = '{member}'")
    group = old.queue("g")
    assert keep(old, 0) == 0  # as long as something of it is kept, so is the queue
    assert len(old.database.rows("SELECT id FROM event.queue")) == 2
    assert keep(old, 1) == 3
    assert old.database.rows("SELECT id FROM event.queue") == [[str(group)]]
    assert old.database.rows("SELECT position FROM event.low_water") == []


def test_the_low_water_spares_reading_what_is_done(old):
    """What lies below the mark is not looked at: it is done."""
    queue = old.queue("g")
    position = add(old, "2020-01-10", queue)
    old.database.rows(f"INSERT INTO event.low_water (queue_id, position) VALUES ({queue}, {position})")
    assert keep(old, 1) == 3


def test_secrets_that_expired_are_removed_a_day_later(old):
    subscription, _ = old.subscription("g")
    old.database.rows("INSERT INTO event.secret (subscription_id, secret, created_at, expires_at)"
                      f" SELECT '{subscription}', decode(repeat('00', 24), 'hex'), now() - i * interval '1 day',"
                      " CASE WHEN i > 0 THEN now() - i * interval '20 hours' END FROM generate_series(0, 2) AS i")
    keep(old, 0)
    assert old.database.rows("SELECT count(*), count(expires_at) FROM event.secret") == [["2", "1"]]


def test_who_drops_waits_before_he_has_locked_anything_else(old):
    """All take the tables in the same order, the log first; else two could wait for each other."""
    asked = (f"SELECT relation::regclass, granted FROM {postgres.LOCKS} WHERE mode = 'AccessExclusiveLock'"
             " AND relation IN ('event.event'::regclass, 'event.delivery'::regclass, 'event.transition'::regclass)")
    seen = []

    def drop():
        while not seen:
            try:
                keep(old, 1)
            except RuntimeError as error:
                assert "lock timeout" in str(error)
    with postgres.Session(old.database.url) as reader:
        reader.run("BEGIN; SELECT count(*) FROM event.event;")
        dropping = threading.Thread(target=drop)
        dropping.start()
        observe.wait_until(lambda: seen.extend(old.database.rows(asked)) or seen)
        dropping.join()
        reader.run("COMMIT;")
    assert seen == [["event.event", "f"]]
    assert keep(old, 1) == 3
