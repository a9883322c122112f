"""The queries of migrations/NOTICE.md over sample rows: as a reader, or as the owner where it says so."""

import csv

import pytest

import postgres
import programs
import sql_page
from notice_rows import Notices

NODE = "host-1795294140123"
BILL, SALE, NEWS = (f"0199a0c6-0000-7000-8000-00000000000{i}" for i in (1, 2, 3))


def fill(notices):
    """A bill by mail with a receipt, a sale by SMS, news to many; some deliveries at the end of each way."""
    db = notices.database
    notices.channel("mail", settings='{"host":"mail.example.com","from":"shop@example.com"}')
    sms = notices.channel("sms", kind="sms", quota=100)
    for user in ("alice", "bob", "carol"):
        notices.recipient(user, "zh-CN" if user == "alice" else "", mail=user + "@example.com",
                          sms=f"1380013800{len(user)}")
    db.rows("""INSERT INTO notice.group_name (namespace, name) VALUES ('default', 'customers'), ('default', 'staff');
        INSERT INTO notice.group_member (namespace, group_name, user_name) VALUES ('default', 'customers', 'alice'),
            ('default', 'customers', 'bob'), ('default', 'staff', 'alice');
        INSERT INTO notice.template (namespace, id, version, channel, variants) VALUES
            ('default', 'bill', 1, 'mail', '[{"body":"{{number}}"}]'),
            ('default', 'bill', 2, 'mail,site', '[{"body":"{{number}} {{receipt}}"}]')""")
    attachment = "0199a0c6-0000-7000-8000-00000000000a"
    db.rows(f"""SELECT notice.put_attachment_part('{attachment}', 1, convert_to(repeat('%PDF', 30000), 'UTF8'));
        SELECT notice.put_attachment('{attachment}', 'default', 'bill-17.pdf', 'application/pdf', 120000, NULL);
        SELECT notice.put_attachment_part(gen_random_uuid(), 1, 'half of it')""")
    notices.send(notice_ids=BILL, titles="Your bill", templates="bill", params='{"number":17}',
                 channels="mail,site", users="alice,bob,carol,dave", replies=True, attachments=f"{{{attachment}}}",
                 trace_ids="0af7651916cd43dd8448eb211c80319c", applications="shop")
    alice, _, bob, _, carol, _, _, bobs = (row[0] for row in notices.deliveries(BILL))
    notices.attempt(alice, "sent", "250", "2.0.0 Ok: queued", latency_ms=41.2)
    db.rows(f"UPDATE notice.delivery SET state = 'read', receipt_at = clock_timestamp(), receipt_told = true"
            f" WHERE position = {alice}")
    notices.attempt(bob, "waiting", "451", "4.7.1 try again later", latency_ms=1503.7)
    notices.attempt(bob, "failed", "550", "5.1.1 no such user", latency_ms=38.9)
    notices.attempt(carol, "waiting", "451", "4.7.1 try again later", latency_ms=1499.1)
    notices.send(notice_ids=SALE, titles="Sale", channels="sms", users="alice,bob,carol", user_names="sam",
                 trace_ids="4bf92f3577b34da6a3ce929d0e0e4736")
    for i, (position, outcome) in enumerate(zip((row[0] for row in notices.deliveries(SALE)),
                                                ("delivered", "unknown", "sending"))):
        notices.attempt(position, "sent" if outcome == "delivered" else outcome,
                        {"delivered": "OK", "unknown": "timeout"}.get(outcome),
                        {"unknown": "no answer in time"}.get(outcome), f"biz-{i + 1}" if outcome == "delivered" else None,
                        latency_ms=15000 if outcome == "unknown" else 96.4)
        db.rows(f"INSERT INTO notice.quota_use (channel_id) VALUES ({sms})")
        if outcome == "delivered":
            notices.attempt(position, "delivered", "DELIVERED", None, "biz-2", asked=True, latency_ms=55.0)
    notices.send(notice_ids=NEWS, titles="News", users="alice,bob")
    db.rows(f"UPDATE notice.notice SET deliveries = 1002 WHERE notice_id = '{NEWS}'")
    notices.part(NEWS, *(f"reader{i}" for i in range(1000)), channel_ids=[None])
    db.rows(f"""INSERT INTO notice.charge SELECT id, '{NODE}', 1 FROM notice.channel;
        SELECT notice.renew_member('{NODE}', '10 seconds');
        UPDATE notice.member SET renewed_at = now() + interval '1 hour'; ANALYZE""")
    db.rows("INSERT INTO notice.idempotency VALUES ('default', 'shop', 'order-1', 'x', gen_random_uuid(), 1, now())")


@pytest.fixture(scope="module")
def notices(cluster_url):
    with programs.Database(cluster_url) as database:
        notices = Notices(database)
        fill(notices)
        yield notices


@pytest.fixture
def run(notices, tmp_path):
    """The rows of the query under that heading, each by column."""
    def run(heading):
        if not heading.endswith("(owner)"):
            return sql_page.rows(notices.database.url, "NOTICE.md", heading, tmp_path)
        sql = sql_page.queries("NOTICE.md")[heading].strip().rstrip(";")
        shown = postgres.psql(notices.database.url, f"COPY ({sql}) TO STDOUT (FORMAT csv, HEADER)")
        return list(csv.DictReader("\t".join(line) for line in shown))
    return run


def columns(rows, *names):
    return [tuple(row[name] for name in names) for row in rows]


def test_how_deliveries_stand(run):
    assert columns(run("What became of a notice?"), "channel", "state", "code", "count") == [
        ("mail", "waiting", "451", "1"), ("mail", "read", "250", "1"), ("mail", "failed", "550", "1"),
        ("mail", "failed", "no_address", "1"), ("site", "delivered", "", "4")]
    everything = [("mail", "waiting", "1"), ("mail", "read", "1"), ("mail", "failed", "2"), ("site", "delivered", "6"),
                  ("sms", "sending", "1"), ("sms", "delivered", "1"), ("sms", "unknown", "1")]
    assert columns(run("How did each day go?"), "channel", "state", "count") == everything
    assert columns(run("How did the last hours go?"), "channel", "state", "count") == everything
    assert columns(run("What fails, and why?"), "channel", "state", "code", "count", "last_text") == [
        ("mail", "failed", "550", "1", "5.1.1 no such user"),
        ("mail", "failed", "no_address", "1", "the recipient has no address on this channel"),
        ("sms", "unknown", "timeout", "1", "no answer in time")]
    assert columns(run("What is open, and since when?"), "channel", "state", "open") == [
        ("mail", "waiting", "1"), ("sms", "sending", "1"), ("sms", "unknown", "1")]
    assert columns(run("Which deliveries wait the longest?"), "channel", "user_name", "attempts", "code", "title") == [
        ("mail", "carol", "1", "451", "Your bill")]


def test_what_a_user_got_and_what_was_tried(run):
    assert columns(run("What was a user sent?"), "channel", "address", "state", "title") == [
        ("site", "", "delivered", "News"), ("sms", "13800138005", "delivered", "Sale"),
        ("site", "", "delivered", "Your bill"), ("mail", "alice@example.com", "read", "Your bill")]
    assert columns(run("What was tried for a delivery?"), "number", "state", "asked", "latency_ms", "code") == [
        ("1", "waiting", "f", "1503.7", "451"), ("2", "failed", "f", "38.9", "550")]
    assert columns(run("How do the providers answer?"), "channel", "state", "code", "attempts", "mean_ms") == [
        ("mail", "waiting", "451", "2", "1501.4"), ("mail", "sent", "250", "1", "41.2"),
        ("mail", "failed", "550", "1", "38.9"), ("sms", "delivered", "DELIVERED", "1", "55.0"),
        ("sms", "sent", "OK", "1", "96.4"), ("sms", "unknown", "timeout", "1", "15000.0"),
        ("sms", "sending", "", "1", "")]
    assert columns(run("Which message is this?"), "user_name", "state", "title") == [("alice", "delivered", "Sale")]
    assert columns(run("Where is a user reached?"), "language", "groups") == [("zh-CN", "{customers,staff}")]


def test_the_audit(run):
    assert columns(run("Who sent it, and what was done to it?"), "content", "application", "trace_id") == [
        ("notice sent", "shop", "0af7651916cd43dd8448eb211c80319c")]
    assert columns(run("What else belongs to that trace?"), "namespace", "content", "target") == [
        ("junction.notice", "notice sent", "notice:" + BILL)]


def test_receipts_and_inboxes(run):
    rows = run("Who has confirmed, and who has not?")
    assert [(r["user_name"], r["channel"]) for r in rows if r["receipt_at"]] == [("alice", "mail")] and len(rows) == 8
    assert columns(run("How full are the inboxes?"), "user_name", "unread") == [
        ("alice", "2"), ("bob", "2"), ("carol", "1"), ("dave", "1")]


def test_what_there_is(run):
    assert columns(run("Which large sends are still being spread?"), "title", "recipients_left") == [("News", "1000")]
    assert columns(run("Which channels are there?"), "name", "kind", "quota") == [
        ("mail", "mail", "0"), ("sms", "sms", "100")]
    assert columns(run("How much of its quota has a channel used?"), "name", "used") == [("sms", "3")]
    assert columns(run("Who is in charge of which channel?"), "channel", "node", "alive") == [
        ("mail", NODE, "t"), ("sms", NODE, "t")]
    assert columns(run("What was sent with which template?"), "id", "version", "notices") == [
        ("bill", "1", "0"), ("bill", "2", "1")]
    row, = run("What takes room among attachments?")
    assert (row["name"], row["size"]) == ("bill-17.pdf", "117 kB") and row["last_sent"]
    assert len(run("Which uploads have not ended?")) == 1
    assert columns(run("What do ListNotices and ListNoticeDeliveries show?"), "title", "user_name", "code") == [
        ("Your bill", "dave", "no_address"), ("Your bill", "bob", "550")]
    assert len(run("How much is kept?")) == 3
    assert run("Since when is it kept?")[0]["kept_since"]


def test_changes(run, notices):
    assert columns(run("How do I send again what failed? (owner)"), "r_resent", "r_last") == [("1", "")]
    assert columns(run("How do I stop a notice? (owner)"), "r_cancelled", "r_last") == [("2", "")]
    assert notices.database.rows("SELECT content, user_name, ext FROM notice.audit WHERE user_name = 'dba' ORDER BY time") == [
        ["notice resent", "dba", '{"count":1,"states":["failed"],"channel":"mail"}'],
        ["notice cancelled", "dba", '{"count":2}']]
    assert columns(run("How do I drop what is older than a year? (owner)"), "months_dropped") == [("0",)]
    assert columns(run("How do I sweep attachments and keys now? (owner)"), "attachments", "keys") == [("0", "1")]


def test_every_query_of_the_page_is_run():
    assert len(sql_page.queries("NOTICE.md")) >= 10
    assert sql_page.not_run("NOTICE.md", __file__) == []
