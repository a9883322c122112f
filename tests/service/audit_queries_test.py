"""The queries of migrations/AUDIT.md, each as a reader over sample rows."""

import csv
import re

import pytest

import audit_log
import programs
import sql_page

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
BATCHES = [
    [{"content": "order 7 made", "target": "order 7", "user": "ann", "traceId": TRACE},
     {"content": "冷却塔泄漏", "severity": "alert", "sourceNode": "tower", "namespace": "plant"}],
    [{"content": "order 7 deleted", "target": "order 7", "user": "bob", "address": "10.0.0.1:5",
      "application": "shop", "traceId": TRACE},
     {"content": "order 70 deleted", "target": "order 70", "user": "cid"},
     {"content": "login failed", "resultType": 1, "user": "cid", "address": "a"}],
    [{"content": "login failed again", "resultType": 2, "user": "cid", "address": "b", "node": "test-2"},
     {"content": "find gave 1 record", "namespace": "junction.audit", "sourceNode": "j", "user": "eve",
      "ext": '{"request":{"maxSize":1},"records":1}'}],
]


@pytest.fixture(scope="module")
def db(cluster_url):
    with programs.Database(cluster_url) as database:
        for batch in BATCHES:
            audit_log.append(database, batch)
        database.rows("SELECT audit.index_next(6)")
        # A moment and a month that the page names.
        database.rows("SELECT upkeep.make_month('audit.record', '2026-01-01');"
                      "INSERT INTO audit.record (time, position, batch, id, opt_type, result_type, severity,"
                      " namespace, source_node, content, node) SELECT time, 0, 0, gen_random_uuid(), 1, 0,"
                      " 'info', 'n', 's', content, 'node' FROM (VALUES"
                      " (timestamptz '2026-01-15 05:54Z', 'too early'), ('2026-01-15 05:56Z', 'before'),"
                      " ('2026-01-15 06:05Z', 'after'), ('2026-01-15 06:06Z', 'too late')) AS v (time, content)")
        yield database


@pytest.fixture
def run(db, tmp_path):
    """The rows of the query under that heading, each by column."""
    def run(heading):
        return sql_page.rows(db.url, "AUDIT.md", heading, tmp_path)
    return run


def column(rows, name):
    return [row[name] for row in rows]


def test_who_deleted_it(run):
    rows = run("Who deleted it?")
    assert [(row["user_name"], row["application"], row["address"], row["content"]) for row in rows] == [
        ("bob", "shop", "10.0.0.1:5", "order 7 deleted")]


def test_what_belongs_to_a_call(run):
    assert column(run("What belongs to this call?"), "content") == ["order 7 made", "order 7 deleted"]


def test_whose_calls_fail(run):
    rows = run("Whose calls fail today?")
    assert [list(row.values()) for row in rows] == [["cid", "2", "2", "login failed again"]]


def test_what_happened_around_a_moment(run):
    assert column(run("What happened around that moment?"), "content") == ["before", "after"]


def test_where_it_is_mentioned(run):
    rows = run("Where is it mentioned?")
    assert [(row["severity"], row["source_node"], row["content"]) for row in rows] == [
        ("alert", "tower", "冷却塔泄漏")]


def test_who_writes_most(run):
    assert [(row["source_node"], row["namespace"], row["records"], row["worst"], row["text"])
            for row in run("Who writes most?")] == [
        ("s", "n", "5", "info", "73 bytes"), ("j", "junction.audit", "1", "info", "18 bytes"),
        ("tower", "plant", "1", "alert", "15 bytes")]


def test_how_fast_it_grows(run, db):
    db.rows("ANALYZE audit.record")
    rows = run("How fast does it grow?")
    months = column(rows, "month")
    assert months == sorted(months) and "2026_01" in months and len(months) == 4
    assert sum(max(0, int(n)) for n in column(rows, "records")) == 11
    assert all(re.fullmatch(r"\d+ (bytes|kB)", size) for size in column(rows, "size"))


def test_what_each_server_committed(run):
    rows = run("What did each server commit, and in which order?")
    assert [(row["batch"], row["node"], row["records"], row["left_out"]) for row in rows] == [
        ("6", "test-1", "1", "1"), ("6", "test-2", "1", "0"), ("3", "test-1", "3", "0"),
        ("1", "test-1", "2", "0")]


def test_whether_the_index_is_up_to_date(run, db):
    assert column(run("Is the index up to date?"), "records") == ["1"]
    db.rows("SELECT audit.index_next(1)")
    assert [list(row.values()) for row in run("Is the index up to date?")] == [["0", "00:00:00"]]


def test_who_has_read_the_log(run):
    rows = run("Who has read the audit log?")
    assert [(row["user_name"], row["content"], row["asked"]) for row in rows] == [
        ("eve", "find gave 1 record", '{"maxSize":1}')]


def test_how_to_keep_a_month(run, tmp_path):
    run("How do I keep a month before it is dropped?")
    with open(tmp_path / "audit-2026-01.csv", encoding="utf-8", newline="") as file:
        kept = list(csv.DictReader(file))
    assert len(kept[0]) == 19
    assert column(kept, "content") == ["too early", "before", "after", "too late"]


def test_every_query_is_run_here():
    assert len(sql_page.queries("AUDIT.md")) >= 10
    assert sql_page.not_run("AUDIT.md", __file__) == []
