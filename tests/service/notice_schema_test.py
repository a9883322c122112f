"""The schema notice: who may do what, its views and how they read, its months, and what is dropped."""

import datetime
import itertools
import json
import threading

import pytest

import observe
import postgres
import programs
from notice_rows import Notices

NUMBERS = itertools.count()
MONTHLY = ("notice", "delivery", "attempt")
TABLES = MONTHLY + ("part", "recipient", "group_name", "group_member", "template", "attachment", "quota_use",
                    "revision", "member", "upload")
VIEWS = ("by_channel_and_day", "failure", "open_delivery", "delivery_with_notice", "audit")
CALLER = '{"user":"ann","application":"","roles":"{admin}","address":"10.0.0.9:1","node":"host-1","trace":"t-1"}'


@pytest.fixture(scope="module")
def db(cluster_url):
    with programs.Database(cluster_url) as database:
        yield database


@pytest.fixture(scope="module")
def notices(db):
    notices = Notices(db)
    notices.channel("mail")
    notices.recipient("alice", mail="alice@example.com")
    notices.recipient("bob", mail="bob@example.com")
    return notices


# --- what all of it has ---------------------------------------------------------------------------


def test_everything_has_comments_and_constraints_have_names(db):
    assert db.rows("""
        SELECT relname || '.' || attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND attnum > 0
        WHERE relnamespace = 'notice'::regnamespace AND relkind IN ('v', 'r', 'p') AND NOT relispartition
            AND NOT attisdropped AND col_description(c.oid, attnum) IS NULL
        UNION ALL SELECT relname FROM pg_class c WHERE relnamespace = 'notice'::regnamespace
            AND relkind IN ('v', 'r', 'p', 'S') AND obj_description(oid, 'pg_class') IS NULL
        UNION ALL SELECT relname FROM pg_class c WHERE relnamespace = 'notice'::regnamespace
            AND relkind IN ('i', 'I') AND NOT relispartition AND obj_description(oid, 'pg_class') IS NULL
            AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = c.oid)
        UNION ALL SELECT proname FROM pg_proc p WHERE pronamespace = 'notice'::regnamespace
            AND obj_description(oid, 'pg_proc') IS NULL
        UNION ALL SELECT typname FROM pg_type t WHERE typnamespace = 'notice'::regnamespace
            AND (typtype = 'e' OR typrelid IN (SELECT oid FROM pg_class WHERE relkind = 'c'))
            AND obj_description(oid, 'pg_type') IS NULL
        UNION ALL SELECT conname FROM pg_constraint n JOIN pg_class c ON c.oid = n.conrelid
        WHERE c.relnamespace = 'notice'::regnamespace AND NOT c.relispartition AND contype <> 't'
            AND (conname ~ '_check\\d*$' OR conname NOT LIKE relname || '\\_%')""") == []


def test_functions_do_not_depend_on_a_search_path(db):
    assert db.rows("""SELECT proname FROM pg_proc WHERE pronamespace = 'notice'::regnamespace AND prolang <> (
        SELECT oid FROM pg_language WHERE lanname = 'c') AND prosqlbody IS NULL
        AND NOT coalesce(proconfig, '{}') @> '{"search_path=pg_catalog, pg_temp"}'""") == []


# --- rights ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["junction_app", "junction_reader"])
def test_nobody_but_the_owner_writes_but_by_functions(db, notices, role):
    notices.send(channels="mail,site")
    partitions = [f"notice.{table}_{this_month()}" for table in MONTHLY]
    tables = [f"notice.{table}" for table in TABLES if table != "member"]
    for table in [*tables, *partitions, "notice.attachment_part", "notice.channel", "notice.link_key"]:
        for sql in ("INSERT INTO {0} DEFAULT VALUES", "DELETE FROM {0}", "TRUNCATE {0}", "DROP TABLE {0}",
                    "ALTER TABLE {0} ADD a int"):
            with pytest.raises(RuntimeError, match="permission denied|must be owner"):
                db.rows(f"SET ROLE {role}; " + sql.format(table))
    for sql in ("SELECT setval('notice.last_position', 1)", "CREATE TABLE notice.t ()",
                "UPDATE notice.delivery SET state = 'delivered'", "UPDATE notice.notice SET title = 'x'",
                "UPDATE notice.attempt SET code = 'x'", "UPDATE notice.channel SET settings = '{}'",
                f"SELECT notice.record_change('{CALLER}', 1, 'x', '{{}}')"):
        with pytest.raises(RuntimeError, match="permission denied"):
            db.rows(f"SET ROLE {role}; {sql}")


def test_a_reader_reads_all_but_secrets_and_contents_and_changes_nothing(db, notices):
    notice_id = notices.send(channels="mail,site")
    reader = "SET ROLE junction_reader; "
    for name in VIEWS + TABLES:
        db.rows(reader + f"SELECT * FROM notice.{name}")
    db.rows(reader + "SELECT id, namespace, name, kind, settings, secret_names, enabled FROM notice.channel")
    assert db.rows(reader + "SELECT user_name FROM notice.list_deliveries('default', "
                   f"'{notice_id}', NULL, NULL, NULL, NULL, 9223372036854775807, 10, 5000) WHERE channel = 'mail'") == [
        ["alice"]]
    assert db.rows(reader + "SELECT notice_id FROM notice.list_notices('default', 'shop', NULL, 0,"
                   " 9223372036854775807, 1, 1000, 5000) LIMIT 1") == [[notice_id]]
    for sql in ("SELECT key FROM notice.link_key", "SELECT secrets FROM notice.channel",
                "SELECT receipt_token FROM notice.channel", "SELECT * FROM notice.channel",
                "SELECT bytes FROM notice.attachment_part", "SELECT request_hash FROM notice.idempotency",
                "SELECT notice.keep(1)", "SELECT notice.sweep_attachments(1)", "SELECT notice.forget_keys(1)",
                f"SELECT notice.resend_some(1, '{{failed}}', NULL, NULL, 0, 1, '{CALLER}')",
                f"SELECT notice.cancel_some(1, NULL, 0, 1, '{CALLER}')",
                "SELECT notice.put_attachment_part(gen_random_uuid(), 1, '')",
                "SELECT notice.put_attachment(gen_random_uuid(), 'a', 'b', 'c', 0, NULL)"):
        with pytest.raises(RuntimeError, match="permission denied"):
            db.rows(reader + sql)


def test_the_application_does_its_work_by_functions(db, notices):
    app = "SET ROLE junction_app; "
    assert db.rows(app + "SELECT notice.keep(0)") == [["0"]]
    assert db.rows(app + "SELECT notice.sweep_attachments(1), notice.forget_keys(1)") == [["0", "0"]]
    attachment = db.rows("SELECT gen_random_uuid()")[0][0]
    db.rows(app + f"SELECT notice.put_attachment_part('{attachment}', 1, 'abc');"
            f" SELECT notice.put_attachment('{attachment}', 'default', 'a', 't', 3, NULL)")
    assert db.rows(app + f"SELECT r_place, r_id FROM notice.find_attachments('default', '{{x,{attachment}}}')") == [
        ["1", ""], ["2", attachment]]
    position = notices.position(notices.send(channels="mail"))
    assert db.rows(app + f"SELECT r_cancelled FROM notice.cancel_some({position}, NULL, 0, 10, '{CALLER}')") == [
        ["1"]]
    assert db.rows(app + "SELECT r_resent FROM notice.resend_some("
                   f"{position}, '{{cancelled}}', NULL, NULL, 0, 10, '{CALLER}')") == [["1"]]


def test_everybody_else_is_kept_out(db):
    stranger = "junction_stranger_" + db.name
    db.rows("CREATE ROLE " + stranger)
    try:
        for sql in ("SELECT FROM notice.notice", "SELECT FROM notice.failure", "SELECT notice.first_kept()"):
            with pytest.raises(RuntimeError, match="permission denied"):
                db.rows(f"SET ROLE {stranger}; {sql}")
        assert db.rows("SELECT proname FROM pg_proc p WHERE pronamespace = 'notice'::regnamespace"
                       f" AND has_function_privilege('{stranger}', p.oid, 'EXECUTE')") == []
    finally:
        db.rows("DROP ROLE " + stranger)


# --- sent again, and cancelled --------------------------------------------------------------------


def test_steps_go_on_behind_what_they_looked_at(db, notices):
    users = [f"s{i}" for i in range(7)]
    for user in users:
        notices.recipient(user, mail=user)
    position = notices.position(notices.send(users=",".join(users), channels="mail"))

    def steps(sql):
        after, done = 0, []
        while after != "":
            done.append(db.rows("SELECT * FROM notice." + sql.replace("AFTER", str(after)))[0])
            after = done[-1][1]
        return [int(count) for count, _ in done]
    assert steps(f"cancel_some({position}, NULL, AFTER, 3, '{CALLER}')") == [3, 3, 1]
    assert steps(f"resend_some({position}, '{{cancelled}}', NULL, '{{s1,s2,s6}}', AFTER, 7, '{CALLER}')") == [3, 0]
    assert [json.loads(row[0])["count"] for row in db.rows(
        "SELECT ext FROM audit.record WHERE target = (SELECT 'notice:' || notice_id FROM notice.notice"
        f" WHERE position = {position}) AND opt_type = 2 ORDER BY position")] == [3, 3, 1, 3]


def test_the_audit_has_who_did_it(db, notices):
    notice_id = notices.send(channels="mail")
    db.rows(f"SELECT notice.cancel_some({notices.position(notice_id)}, 'mail', 0, 10, '{CALLER}')")
    assert db.rows("SELECT opt_type, severity, namespace, source_node, content, user_name, application, roles, address,"
                   f" node, trace_id, ext FROM audit.record WHERE target = 'notice:{notice_id}' AND opt_type = 2") == [
        ["2", "notice", "junction.notice", "host-1", "notice cancelled", "ann", "", "{admin}", "10.0.0.9:1", "host-1",
         "t-1", '{"count":1,"channel":"mail"}']]


def test_what_is_still_to_be_made_is_cancelled_before_anybody_sees_it(db, notices):
    """Those of site come into the inboxes: that is when they were sent."""
    mail = db.rows("SELECT id FROM notice.channel WHERE name = 'mail'")[0][0]
    notice_id = notices.send(users="alice", channels="mail,site")
    db.rows(f"UPDATE notice.notice SET deliveries = 8 WHERE notice_id = '{notice_id}'")
    notices.part(notice_id, "bob", "nobody", channel_ids=[mail, None])
    notices.part(notice_id, "alice", channel_ids=[mail, None])
    position = notices.position(notice_id)
    assert db.rows(f"SELECT notice.unspread({position})") == [["3"]]
    first, second, third = (db.rows(f"SELECT * FROM notice.cancel_some({position}, NULL, 0, 10, '{CALLER}')")[0]
                            for _ in range(3))
    assert (first, second, third) == (["1", "0"], ["1", "0"], ["1", ""])
    assert notices.deliveries(notice_id, "user_name, channel, state, due IS NULL, cancelled") == [
        ["alice", "mail", "cancelled", "t", "t"], ["alice", "site", "delivered", "t", "f"],
        ["bob", "mail", "cancelled", "t", "t"], ["bob", "site", "delivered", "t", "f"],
        ["nobody", "mail", "failed", "t", "f"], ["nobody", "site", "delivered", "t", "f"],
        ["alice", "mail", "cancelled", "t", "t"], ["alice", "site", "delivered", "t", "f"]]
    assert db.rows(f"SELECT notice.unspread({position})") == [["0"]]


# --- attachments ----------------------------------------------------------------------------------


def attach(db, used="NULL", age="1 minute", size=3):
    attachment = db.rows("SELECT gen_random_uuid()")[0][0]
    db.rows(f"SELECT notice.put_attachment_part('{attachment}', 1, 'abc');"
            f"SELECT notice.put_attachment('{attachment}', 'default', 'a', 't', {size}, NULL);"
            f"UPDATE notice.attachment SET used_at = {used}, created_at = now() - interval '{age}'"
            f" WHERE id = '{attachment}'")
    return attachment


def left(db):
    rows = {row[0] for row in db.rows("SELECT id FROM notice.attachment")}
    assert rows == {row[0] for row in db.rows("SELECT attachment_id FROM notice.attachment_part")}
    return rows


@pytest.fixture
def clean(db):
    db.rows("TRUNCATE notice.attachment, notice.attachment_part, notice.upload")


def test_attachments_without_a_notice_go_after_a_day(db, notices, clean):
    fresh, old, used = attach(db), [attach(db, age="26 hours") for _ in range(3)], attach(
        db, age="400 days", used=notices.position(notices.send()))
    late = attach(db, age="24 hours 1 second")  # a send may have found it a moment ago
    assert db.rows("SELECT notice.sweep_attachments(2)") == [["2"]]
    assert db.rows("SELECT notice.sweep_attachments(2)") == [["1"]]
    assert db.rows("SELECT notice.sweep_attachments(2)") == [["0"]]
    assert left(db) == {fresh, used, late} and not left(db) & set(old)
    assert db.rows(f"SELECT r_id FROM notice.find_attachments('default', '{{{late},{fresh},{used}}}')") == [
        [""], [fresh], [used]]


def test_attachments_go_when_their_last_month_does(db, clean):
    kept = int(db.rows("SELECT notice.first_kept()")[0][0])
    gone, there = attach(db, used=kept - 1), attach(db, used=kept)
    assert db.rows(f"SELECT r_id FROM notice.find_attachments('default', '{{{gone},{there}}}')") == [[""], [there]]
    assert db.rows("SELECT notice.sweep_attachments(10)") == [["1"]]
    assert left(db) == {there}


def test_an_upload_that_took_too_long_is_none(db, clean):
    attachment = db.rows("SELECT gen_random_uuid()")[0][0]
    db.rows(f"SELECT notice.put_attachment_part('{attachment}', 1, 'abc');"
            "UPDATE notice.upload SET begun_at = now() - interval '27 hours'")
    assert db.rows("SELECT notice.sweep_attachments(10)") == [["1"]]
    with pytest.raises(RuntimeError, match="longer than a day"):
        db.rows(f"SELECT notice.put_attachment('{attachment}', 'default', 'a', 't', 3, NULL)")
    assert left(db) == set() and db.rows("SELECT * FROM notice.upload") == []


# --- views ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shown(cluster_url):
    """A database with a few notices only."""
    with programs.Database(cluster_url) as database:
        notices = Notices(database)
        notices.channel("mail")
        notices.channel("sms", kind="sms")
        for user in ("alice", "bob", "carol"):
            notices.recipient(user, mail=user + "@example.com", sms="1")
        yield notices


def test_views_show_how_deliveries_stand(shown):
    db = shown.database
    first = shown.send(users="alice,bob,carol,dave", channels="mail,site", trace_ids="ab" * 16, applications="shop")
    second = shown.send(users="alice", channels="sms")
    mails = [row[0] for row in shown.deliveries(first)][::2]
    shown.attempt(mails[0], "sent", code="250", message_id="m-1")
    shown.attempt(mails[1], "failed", code="550", text="no such user")
    shown.attempt(mails[2], "failed", code="550", text="mailbox full")
    shown.attempt(shown.deliveries(second)[0][0], "unknown", code="timeout", text="no answer")
    assert db.rows("SELECT channel, day = (now() AT TIME ZONE 'UTC')::date, state, count FROM notice.by_channel_and_day"
                   " ORDER BY channel, state") == [
        ["mail", "t", "sent", "1"], ["mail", "t", "failed", "3"], ["site", "t", "delivered", "4"],
        ["sms", "t", "unknown", "1"]]
    assert db.rows("SELECT channel, state, code, count, last_text FROM notice.failure ORDER BY channel, code") == [
        ["mail", "failed", "550", "2", "mailbox full"],
        ["mail", "failed", "no_address", "1", "the recipient has no address on this channel"],
        ["sms", "unknown", "timeout", "1", "no answer"]]
    third = shown.send(users="bob", channels="mail")
    assert db.rows("SELECT channel, user_name, state, age > interval '0', due IS NULL, attempts, code, title,"
                   " notice_id FROM notice.open_delivery ORDER BY position") == [
        ["sms", "alice", "unknown", "t", "t", "1", "timeout", "Hello", second],
        ["mail", "bob", "waiting", "t", "f", "0", "", "Hello", third]]
    assert db.rows("SELECT user_name, channel, address, state, message_id, sender, title, application, trace_id"
                   " FROM notice.delivery_with_notice WHERE namespace = 'default' AND user_name = 'alice'"
                   " ORDER BY position") == [
        ["alice", "mail", "alice@example.com", "sent", "m-1", "shop", "Hello", "shop", "ab" * 16],
        ["alice", "site", "", "delivered", "", "shop", "Hello", "shop", "ab" * 16],
        ["alice", "sms", "1", "unknown", "", "shop", "Hello", "", ""]]
    db.rows(f"SELECT notice.cancel_some({shown.position(third)}, NULL, 0, 10, '{CALLER}')")
    assert db.rows("SELECT content, user_name, application, ext->>'count', trace_id FROM notice.audit"
                   f" WHERE notice_id IN ('{first}', '{third}') ORDER BY time, content DESC") == [
        ["notice sent", "", "shop", "", "ab" * 16], ["notice sent", "", "", "", ""],
        ["notice cancelled", "ann", "", "1", "t-1"]]


@pytest.fixture(scope="module")
def much(db, notices):
    """50,000 deliveries, most of them done, some failed, some open."""
    mail = db.rows("SELECT id FROM notice.channel WHERE name = 'mail'")[0][0]
    notice_id = notices.send(users="alice", channels="mail")
    db.rows(f"""INSERT INTO notice.delivery (position, notice_position, namespace, user_name, channel, channel_id, state,
            at, due, code)
        SELECT next.position + i, {notices.position(notice_id)}, 'default', 'm' || i % 1000, 'mail', {mail},
            CASE WHEN i % 1000 = 1 THEN 'failed' WHEN i % 1000 = 2 THEN 'waiting' WHEN i % 1000 = 3 THEN 'unknown'
                ELSE 'delivered' END::notice.state, now(), CASE WHEN i % 1000 = 2 THEN now() END, '250'
        FROM (SELECT setval('notice.last_position', last_value + 50000) - 50000 AS position
            FROM notice.last_position) AS next, generate_series(1, 50000) AS i; ANALYZE""")
    return notices.position(notices.send(users="alice"))


@pytest.mark.parametrize("sql", [
    "SELECT * FROM notice.failure", "SELECT * FROM notice.open_delivery",
    "SELECT * FROM notice.delivery_with_notice WHERE namespace = 'default' AND user_name = 'm7'",
    "SELECT * FROM notice.delivery_with_notice WHERE position > {p}",
    "SELECT * FROM notice.by_channel_and_day WHERE channel = 'none' AND false"])
def test_views_read_by_indexes(db, much, sql):
    """No table is read as a whole, and of none much more than what is shown."""
    plan = json.loads("".join(line for line, in db.rows(
        "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, FORMAT JSON) " + sql.format(p=much))))[0]["Plan"]

    def nodes(node):
        yield node
        for child in node.get("Plans", ()):
            yield from nodes(child)
    for node in nodes(plan):
        if node.get("Relation Name", "") == f"delivery_{this_month()}":
            assert node["Node Type"] != "Seq Scan", node
            assert node["Actual Rows"] * node["Actual Loops"] < 1000, node


@pytest.mark.parametrize("arguments, most", [
    ("NULL, 'm7', NULL, NULL, NULL, {end}, 10, 5000", 60), ("NULL, NULL, NULL, 'failed', NULL, {end}, 10, 5000", 200),
    ("NULL, NULL, NULL, NULL, NULL, {end}, 10, 5000", 200), ("NULL, NULL, 'none', NULL, NULL, {end}, 10, 5000", 5200)])
def test_a_page_of_deliveries_reads_little(db, much, arguments, most):
    db.rows("SELECT pg_stat_reset(); SELECT pg_stat_force_next_flush()")
    db.rows("SELECT count(*) FROM notice.list_deliveries('default', "
            f"{arguments.format(end=(1 << 63) - 1)}); SELECT pg_stat_force_next_flush()")
    reads = db.rows("SELECT coalesce(idx_tup_fetch, 0) + seq_tup_read FROM pg_stat_user_tables"
                    f" WHERE schemaname = 'notice' AND relname = 'delivery_{this_month()}'")
    assert 0 < int(reads[0][0]) <= most


# --- months ---------------------------------------------------------------------------------------


def this_month(ahead=0):
    today = datetime.datetime.now(datetime.timezone.utc)
    at = today.year * 12 + today.month - 1 + ahead
    return f"{at // 12}_{at % 12 + 1:02}"


def months(db, table):
    return [row[0][-7:] for row in db.rows(
        "SELECT c.relname FROM pg_inherits h JOIN pg_class c ON c.oid = h.inhrelid"
        f" WHERE h.inhparent = 'notice.{table}'::regclass ORDER BY 1")]


NEXT = [this_month(ahead) for ahead in range(3)]


@pytest.fixture(scope="module")
def past(cluster_url):
    with programs.Database(cluster_url) as database:
        yield database


@pytest.fixture
def old(past):
    """A database with months of 2020."""
    past.rows("SELECT notice.keep(1); SELECT notice.make_month(t, make_date(2020, i, 1)) FROM generate_series(1, 3)"
              " AS i, unnest('{notice.notice,notice.delivery,notice.attempt}'::regclass[]) AS t")
    return past


def days_since(*day):
    return (datetime.datetime.now(datetime.timezone.utc)
            - datetime.datetime(*day, tzinfo=datetime.timezone.utc)).days


def keep(db, days):
    return int(db.rows(f"SET ROLE junction_app; SELECT notice.keep({days})")[0][0])


def test_months_are_made_ahead_and_dropped_together(old):
    first, second = days_since(2020, 2, 1), days_since(2020, 3, 1)
    for days, dropped in ((0, 0), (first + 1, 0), (first, 1), (first, 0), (second, 1), (1, 1)):
        assert keep(old, days) == dropped
        assert months(old, "notice") == months(old, "delivery") == months(old, "attempt")
    assert months(old, "notice") == NEXT
    old.rows("DROP TABLE " + ", ".join(f"notice.{table}_{NEXT[2]}" for table in MONTHLY))
    assert keep(old, 0) == 0
    assert [months(old, table) for table in MONTHLY] == [NEXT] * 3
    assert old.rows("SELECT count(*) FROM pg_inherits h WHERE h.inhparent IN ('notice.notice'::regclass,"
                    " 'notice.delivery'::regclass, 'notice.attempt'::regclass)"
                    " AND obj_description(h.inhrelid) IS NULL") == [["0"]]
    with pytest.raises(RuntimeError, match="at least"):
        keep(old, -1)


def test_what_was_to_be_made_goes_with_its_notice(old):
    old.rows("INSERT INTO notice.part (notice_position, number, users, channel_ids)"
             " SELECT event.position_at(t), 1, '{a}', '{NULL}'"
             " FROM unnest('{2020-01-31 23:00Z,2020-02-01 01:00Z}'::timestamptz[]) AS t")
    assert keep(old, days_since(2020, 2, 1)) == 1
    assert old.rows("SELECT event.time_at(notice_position) = '2020-02-01 01:00Z' FROM notice.part") == [["t"]]
    assert keep(old, 1) == 2 and old.rows("SELECT * FROM notice.part") == []


def test_templates_stay(old):
    old.rows("INSERT INTO notice.template (namespace, id, version, variants, created_at) VALUES"
             " ('default', 'bill', 1, '[]', '2020-01-01Z'), ('default', 'bill', 2, '[]', '2020-01-02Z')")
    assert keep(old, 1) == 3
    assert old.rows("SELECT version FROM notice.template ORDER BY 1") == [["1"], ["2"]]


def test_who_drops_waits_before_he_has_locked_anything_else(old):
    """All take the lock of the positions first, then the tables in one order."""
    asked = (f"SELECT relation::regclass, granted FROM {postgres.LOCKS} WHERE mode = 'AccessExclusiveLock'"
             " AND relation IN ('notice.notice'::regclass, 'notice.delivery'::regclass, 'notice.attempt'::regclass)")
    sends = f"SELECT granted FROM {postgres.LOCKS} WHERE locktype = 'advisory' AND objid = 6024033"
    seen = []

    def drop():
        while not seen:
            try:
                keep(old, 1)
            except RuntimeError as error:
                assert "lock timeout" in str(error)

    def held_up_by(sql, look):
        seen.clear()
        with postgres.Session(old.url) as other:
            other.run(f"BEGIN; {sql};")
            dropping = threading.Thread(target=drop)
            dropping.start()
            observe.wait_until(lambda: seen.extend(old.rows(look)) or seen)
            others = old.rows(asked)
            dropping.join()
            other.run("COMMIT;")
        return others
    assert held_up_by("SELECT pg_advisory_xact_lock(6024033)", sends + " AND NOT granted") == []
    held_up_by("SELECT count(*) FROM notice.notice", asked)
    assert seen == [["notice.notice", "f"]]
    assert keep(old, 1) == 3
