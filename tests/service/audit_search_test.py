"""Text search as SQL: what a term is, and that the index never misses what a text has; the index."""

import json
import random

import pytest

import audit_log
import audit_rules
import postgres
import programs
from registry_schema_test import Session

SEED, TEXTS, VALUES = 8, 400, 150
ALPHABET = (list("泵冷却塔漏") + list("ポンプ") + list("한글") + list("ปั๊ม") + list("abAB1_") + list("éÉßÇÑ")
            + list("насНАСё") + list("ΣσςΏ") + list("ａＡ７＿") + list("🚀✅") + list("ｱ々〇") + list("𠀀")
            + list("  　，。-.'\"\\:%&|!*()+?[]{}^$\n\t") + ["\u0301", "‐", "·"])
random_ = random.Random(SEED)
choice = random_.choice


@pytest.fixture(scope="module")
def db(cluster_url):
    with programs.Database(cluster_url) as database:
        yield database


def made(most):
    return "".join(choice(ALPHABET) for _ in range(random_.randint(1, most)))


def literal(value):
    return "'" + value.replace("'", "''") + "'"


def sql_json(db, sql):
    """The one value of a statement, which is JSON."""
    return json.loads("\n".join("\t".join(row) for row in db.rows(sql)))


def sql_list(values):
    return "ARRAY[" + ",".join(map(literal, values)) + "]::text[]"


@pytest.fixture(scope="module")
def texts():
    """Random ones, and pieces of these as what is looked for."""
    long = [made(14) for _ in range(TEXTS)]
    values = [made(4) for _ in range(VALUES // 2)]
    while len(values) < VALUES:
        text = choice(long)
        at = random_.randrange(len(text))
        values.append(text[at:at + random_.randint(1, 5)])
    return long, values + list("泵aé漏Σ７🚀ｱ ，")


# --- what is found --------------------------------------------------------------------------------


def test_every_character_folds_as_the_rule_says(db):
    codes = [c for c in range(1, 0x30000) if not 0xd800 <= c <= 0xdfff]
    folded = sql_json(db, "SELECT json_object_agg(c, ascii(audit.fold(chr(c)))) FROM unnest("
                          f"'{{{','.join(map(str, codes))}}}'::integer[]) AS c"
                          " WHERE audit.fold(chr(c)) <> chr(c)")
    assert {chr(int(c)): chr(f) for c, f in folded.items()} == {
        chr(c): audit_rules.fold(chr(c)) for c in codes if audit_rules.fold(chr(c)) != chr(c)}


def test_no_character_is_a_letter_and_an_ideograph(db):
    assert db.rows("SELECT c FROM generate_series(1, 262143) AS c WHERE c NOT BETWEEN 55296 AND 57343"
                   " AND chr(c) ~ ('[' || audit.letters() || ']')"
                   " AND chr(c) ~ ('[' || audit.ideographs() || ']')") == []


def test_terms_are_what_the_rules_say(db, texts):
    given = sql_json(db, "SELECT json_agg(audit.text_terms(t) ORDER BY n)"
                         f" FROM unnest({sql_list(texts[0])}) WITH ORDINALITY AS u (t, n)")
    for text, terms in zip(texts[0], given):
        found = audit_rules.units(text)
        followed = [b[2] for b in found[1:]] + [False]
        assert set(terms) == {unit + found[i + 1][0] if followed[i] else unit
                              for i, (unit, _, _) in enumerate(found)}, text


@pytest.mark.parametrize("every, rule", [(False, audit_rules.match), (True, audit_rules.match_phrase)])
def test_a_pattern_finds_what_the_rules_find_and_the_index_misses_nothing(db, texts, every, rule):
    found = sql_json(db, f"""
        SELECT json_agg(json_build_array(t.n, v.n, audit.fold(t.t) ~ v.pattern, t.terms @@ v.query))
        FROM (SELECT n - 1 AS n, t, array_to_tsvector(audit.text_terms(t)) AS terms
            FROM unnest({sql_list(texts[0])}) WITH ORDINALITY AS u (t, n)) AS t,
        (SELECT n - 1 AS n, coalesce(audit.text_pattern(v, {every}), '(?!)') AS pattern,
            audit.text_query(v, {every}) AS query
            FROM unnest({sql_list(texts[1])}) WITH ORDINALITY AS u (v, n) OFFSET 0) AS v""")
    assert len(found) == len(texts[0]) * len(texts[1])
    hits = 0
    for t, v, matches, indexed in found:
        pair = (texts[0][t], texts[1][v])
        assert matches == rule(*pair), pair
        assert indexed or not matches, pair
        hits += matches
    assert hits > 1000


# --- the index ------------------------------------------------------------------------------------


@pytest.fixture
def log(db):
    """An empty log."""
    db.rows("TRUNCATE audit.record, audit.term, audit.idempotency")
    return lambda *contents: audit_log.append(db, [
        row if isinstance(row, dict) else {"content": row} for row in contents])


def index(db, most=100000):
    return [int(n) for n in db.rows(f"SELECT r_indexed, r_behind FROM audit.index_next({most})")[0]]


def searched(db, query, *more):
    return [row[0] for row in db.rows(
        f"SELECT id FROM audit.search({', '.join([literal(query), *more])})")]


def test_what_is_written_is_found_before_and_after_it_is_indexed(db, log):
    ids = log("冷却塔泄漏", "pump started", "塔冷却", "PUMP 7")
    for step in (0, 1, 1, 1, 1):
        assert index(db, step)[0] == step
        assert searched(db, "冷却") == [ids[2], ids[0]]
        assert searched(db, "塔") == [ids[2], ids[0]]
        assert searched(db, "Pump") == [ids[3], ids[1]]
        assert searched(db, "冷却塔") == [ids[0]]
        assert searched(db, "却冷") == searched(db, "，") == []
    assert searched(db, "pump", "most => 1") == [ids[3]]
    assert searched(db, "pump", "until => now() - interval '1 hour'") == []
    assert db.rows("SELECT count(*) FROM audit.term") == [["4"]]


def test_the_index_is_used(db, log):
    log(*["common words here"] * 500, "rare 塔")
    index(db)
    db.rows("ANALYZE audit.term")
    plan = db.rows("SET enable_seqscan = off; EXPLAIN SELECT FROM audit.search('塔')")
    assert "Bitmap Index Scan on term_" in str(plan)


def test_one_session_indexes_at_a_time(db, log):
    log(*"abc")
    with postgres.Session(db.url) as session:
        session.run("BEGIN; SELECT audit.index_next(2);")
        assert index(db) == [0, 0]
        assert db.rows("SELECT count(*) FROM audit.term") == [["0"]]
        session.run("COMMIT;")
    assert db.rows("SELECT count(*) FROM audit.term") == [["2"]]
    assert index(db, 1) == [1, 0]
    assert index(db) == [0, 0]


def test_it_says_how_many_wait(db, log):
    log(*"abcdefgh")
    assert index(db, 3) == [3, 5]
    assert index(db, 3) == [3, 2]
    assert index(db, 3) == [2, 0]


def test_what_was_gathered_is_put_in_place_when_there_is_time(db, log):
    log(*"abc")
    pending = ("SELECT sum(gin_clean_pending_list(x.indexrelid)) FROM pg_inherits h JOIN pg_index x"
               " ON x.indrelid = h.inhrelid WHERE h.inhparent = 'audit.term'::regclass"
               " AND NOT x.indisprimary")
    assert index(db, 2)[0] == 2
    assert int(db.rows(pending)[0][0]) > 0
    assert index(db, 2)[0] == 1
    assert db.rows(pending) == [["0"]]


def test_a_batch_that_is_not_committed_is_not_passed_over(db, log):
    writer = Session(db.url)
    try:
        writer.run("BEGIN")
        writer.run(audit_log.APPEND_ONE)
        assert index(db) == [0, 0]
        writer.run("COMMIT")
    finally:
        writer.end()
    log("quick")
    assert index(db) == [2, 0]


@pytest.mark.parametrize("content, query", [
    ("".join(chr(0x4e00 + i) for i in range(20992)) + "é" * 1280, "龘龙"),
    ("x" * 65536, "x" * 1000), ("x" * 1000 + " y" * 30000, "x" * 1000),
    ("𠀀" * 16384, "𠀀𠀀𠀀"), (" ".join("%x" % i for i in range(13600)), "3520 3521"),
    ("'" * 65536, "'"), ("ß" * 32768, "ß" * 900)], ids=lambda text: f"{text[:2]}...{len(text)}")
def test_the_longest_contents_are_indexed(db, log, content, query):
    assert len(content.encode()) <= 65536
    ids = log({"content": content, "roles": [f"{i:03}" + "𠀀" * 600 for i in range(256)],
               "target": "文" * 341, "user": "\U0010ffff" * 5000, "application": "a" * 100000})
    assert index(db) == [1, 0]
    has = bool(audit_rules.terms(query)) and audit_rules.match_phrase(content, query)
    assert searched(db, query) == (ids if has else [])


def test_fields_are_found_whatever_they_hold(db, log):
    odd = ["a'b", "a\\b", "a b", "文", "a:b", "&|!", "*", "", "x" * 5000, "'"]
    ids = log(*[{"content": "c", "user": text or None, "roles": [text, "r"]} for text in odd])
    index(db)
    for field in ("user", "role"):
        for text, id_ in zip(odd, ids):
            found = db.rows(f"SELECT r.id FROM audit.term t JOIN audit.record r USING (time, position)"
                            f" WHERE t.terms @@ audit.field_query('{field}', {literal(text)})")
            assert found == ([] if field == "user" and not text else [[id_]])
    assert db.rows("SELECT count(*) FROM audit.term"
                   f" WHERE terms @@ audit.field_query('id', '{ids[3]}')") == [["1"]]


def test_it_can_be_made_again(db, log):
    ids = log("冷却塔", "pump")
    index(db)
    db.rows("TRUNCATE audit.term")
    assert searched(db, "冷却") == ids[:1]
    assert index(db) == [2, 0]
    assert searched(db, "冷却") == ids[:1]


def test_the_application_and_readers_may_search(db, log):
    ids = log("冷却塔")
    for role in ("junction_reader", "junction_app"):
        assert db.rows(f"SET ROLE {role}; SELECT id FROM audit.search('塔')") == [ids]
    with pytest.raises(RuntimeError, match="permission denied for function index_next"):
        db.rows("SET ROLE junction_reader; SELECT audit.index_next(1)")
    assert db.rows("SET ROLE junction_app; SELECT r_indexed FROM audit.index_next(1)") == [["1"]]
