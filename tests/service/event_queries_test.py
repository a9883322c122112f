"""The queries of migrations/EVENT.md over sample rows: as a reader, or as the owner where it says so."""

import csv

import pytest

import postgres
import programs
import sql_page
from event_log import Log


def conclude(log, queue, position, subscription, outcome, status, code, latency, reason):
    number, attempt = log.lease(queue, position, subscription, "host-1795294140123")
    log.database.rows(
        f"SELECT event.conclude(ARRAY[{queue}], ARRAY[{position}::bigint], ARRAY[{number}],"
        f" ARRAY['{outcome}'::event.state], ARRAY['host-1795294140123'], ARRAY['{subscription}'::uuid],"
        f" ARRAY[{attempt}], ARRAY[NULL::bigint], ARRAY[{status}::integer], ARRAY[{code}::text],"
        f" ARRAY[{latency}::double precision], ARRAY[{reason}::text])")


def fill(log):
    """Two groups that are pushed to and one that pulls; some events at the end of each way."""
    ledger, billing = log.subscription("billing", "explicit", name="ledger", target="pull", schedule=[5000],
                                       patterns=["order.*"])
    robot, shipping = log.subscription("shipping", name="robot", patterns=["order.**"])
    wall, screens = log.subscription("screens", name="wall", broadcast=True, patterns=["order.made"])
    log.database.rows("UPDATE event.subscription SET target = 'url', url = 'https://ledger.example/hook'"
                      " WHERE name = 'ledger'; UPDATE event.subscription SET target = 'service',"
                      " service = 'robot' WHERE name = 'robot'")
    ok, busy = ("200", "'200'", 4.2, "NULL"), ("503", "NULL", 1203.5, "'HTTP status 503'")
    for i in range(5, 10):
        position = log.publish("order.made", f"order-{i}", billing, shipping, screens, key=f"customer {i % 2}",
                               data='{"number":%d,"lines":[{"item":"kettle"}]}' % i)
        conclude(log, shipping, position, robot, "delivered", *ok)
        if i < 9:
            conclude(log, billing, position, ledger, "failed" if i in (6, 7) else "delivered",
                     *busy if i in (6, 7) else ok)
        if i == 5:
            log.database.rows("INSERT INTO event.low_water (queue_id, position)"
                              f" VALUES ({billing}, {position}), ({shipping}, {position})")
        if i in (5, 7):
            if i == 7:
                conclude(log, billing, position, ledger, "delivered", *ok)
            log.database.rows(f"SELECT event.confirm('default', 'order-{i}', 'order.made', 'billing', NULL,"
                              " true, 'ledger')")
        if i == 6:
            conclude(log, billing, position, ledger, "failed", *busy)
    position = log.publish("order.cancelled", "cancel-8", billing, shipping)
    conclude(log, billing, position, ledger, "failed", "NULL", "NULL", 15000, "'no answer in time'")
    log.lease(shipping, position, robot, "host-1795294140123")
    log.database.rows("SELECT event.renew_member('host-1795294140123', '10 seconds'); ANALYZE")


@pytest.fixture(scope="module")
def log(cluster_url):
    with programs.Database(cluster_url) as database:
        log = Log(database)
        fill(log)
        yield log


@pytest.fixture
def run(log, tmp_path):
    """The rows of the query under that heading, each by column; of the last one if there are several."""
    def run(heading):
        if not heading.endswith("(owner)"):
            return sql_page.rows(log.database.url, "EVENT.md", heading, tmp_path)
        *first, last = sql_page.queries("EVENT.md")[heading].strip().rstrip(";").split(";")
        for sql in first:
            log.database.rows(sql)
        shown = postgres.psql(log.database.url, f"COPY ({last}) TO STDOUT (FORMAT csv, HEADER)")
        return list(csv.DictReader("\t".join(line) for line in shown))
    return run


def columns(rows, *names):
    return [tuple(row[name] for name in names) for row in rows]


def test_what_is_open(run):
    assert columns(run("What is stuck?"), "group_name", "member", "open") == [
        ("screens", "wall", "5"), ("billing", "", "3"), ("shipping", "", "1")]
    assert columns(run("What waits?"), "event_id", "state", "attempt") == [
        ("order-8", "delivered", "1"), ("order-9", "waiting", "0")]
    assert columns(run("What is tried again, and when?"), "event_id", "attempt", "reason") == [
        ("cancel-8", "1", "no answer in time")]
    assert columns(run("What is dead?"), "group_name", "event_id", "attempt", "status") == [
        ("billing", "order-6", "2", "503")]
    assert columns(run("What is open by event?"), "group_name", "event", "open") == [
        ("screens", "order.made", "5"), ("billing", "order.made", "2"),
        ("billing", "order.cancelled", "1"), ("shipping", "order.cancelled", "1")]


def test_what_happened(run):
    assert columns(run("What became of an event?"), "group_name", "member", "state") == [
        ("billing", "", "confirmed"), ("screens", "wall", "waiting"), ("shipping", "", "delivered")]
    assert columns(run("What was tried?"), "group_name", "attempt", "status", "state", "confirmed_by") == [
        ("billing", "1", "503", "failed", ""), ("billing", "2", "200", "confirmed", "ledger"),
        ("shipping", "1", "200", "delivered", "")]
    assert columns(run("What happened to it, step by step?"), "r_group", "number", "state") == [
        ("billing", "1", "leased"), ("billing", "2", "failed"), ("billing", "3", "leased"),
        ("billing", "4", "delivered"), ("billing", "5", "confirmed"), ("shipping", "1", "leased"),
        ("shipping", "2", "delivered")]
    assert columns(run("Who is slow?"), "subscription", "address", "attempts", "failures", "p50_ms") == [
        ("ledger", "https://ledger.example/hook", "7", "4", "1203.5"), ("robot", "robot", "5", "0", "4.2")]
    assert columns(run("What did a receiver answer in the last ten minutes?"), "subscription", "status",
                   "attempts") == [("robot", "200", "5"), ("ledger", "200", "3"), ("ledger", "503", "3"),
                                   ("ledger", "", "1"), ("robot", "", "1")]


def test_the_log(run, log):
    rows = run("What was published within a time?")
    assert columns(rows, "event_id", "key")[1:4] == [
        ("order-6", "customer 0"), ("order-7", "customer 1"), ("order-8", "customer 0")]
    assert [row["event_id"] for row in rows][-1] == "cancel-8" and len(rows) == 6
    row, = run("What does a position say?")
    assert int(row["ms"]) == int(row["position"]) >> 20
    assert int(row["first_of_that_time"]) == int(row["ms"]) << 20
    assert columns(run("Who subscribes to what?"), "group_name", "name", "pattern", "target") == [
        ("billing", "ledger", "order.*", "url"), ("screens", "wall", "order.made", "pull"),
        ("shipping", "robot", "order.**", "service")]
    assert columns(run("How does one delivery stand?"), "group_name", "r_state", "reason") == [
        ("billing", "confirmed", ""), ("screens", "waiting", ""), ("shipping", "delivered", "")]
    row, = run("How far is a queue?")
    assert row["r_open"] == "3" and row["all_done_up_to"] < row["r_oldest"]
    assert columns(run("What does ListDeliveries show?"), "event_id", "state") == [
        ("cancel-8", "failed"), ("order-9", "waiting"), ("order-8", "delivered"), ("order-7", "confirmed"),
        ("order-6", "dead"), ("order-5", "confirmed")]


def test_keeping(run):
    row, = run("May a month be dropped?")
    assert (row["before_this_month"], row["before_now"]) == ("f", "t")
    rows = run("How much is kept?")
    assert len(rows) == 3 and all(row["events"] and row["deliveries"] and row["transitions"] for row in rows)
    assert columns(run("Which servers deliver?"), "name", "alive") == [("host-1795294140123", "t")]


def test_changes(run, log):
    assert columns(run("How do I pause a group? (owner)"), "group_name", "paused") == [("shipping", "t")]
    assert columns(run("How do I open what is dead again? (owner)"), "r_replayed", "r_last") == [("1", "")]
    assert columns(run("How do I drop what is older than a year? (owner)"), "months_dropped") == [("0",)]
    run("How do I stop a subscription? (owner)")
    assert log.database.rows("SELECT name FROM event.subscription WHERE name = 'ledger'") == []


def test_every_query_of_the_page_is_run():
    assert len(sql_page.queries("EVENT.md")) >= 10
    assert sql_page.not_run("EVENT.md", __file__) == []
