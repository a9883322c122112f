"""Thousands of random filters over random rows: Find gives what a plain evaluation of the rules
gives, in both orders, forward and backward, from the index and from the tail behind it."""

import concurrent.futures
import json
import random

import pytest

import audit_rules
from audit_log import DEFAULTS, HOLD_INDEX, Finder, append, begin_empty, ids
from postgres import Session

SEED, ROWS, FILTERS, ANALYZED = 6, 2000, 2000, 300
WORDS = ["泵", "冷却", "冷却塔", "却塔", "泄漏", "塔泄", "漏", "文", "pump", "Pump", "PUMP_7", "ｐｕｍｐ", "7", "７",
         "Größe", "GRÖSSE", "größe", "Насос", "насос", "é", "한글", "タワー", "🚀", "a", "A", "ab"]
GAPS = ["", "", " ", "，", "、 ", "-", "　", ".", "%", "\\", "'"]
TEXTS = ["a", "A", "ab", "a%b", "a_b", "a\\b", "100%", "{}", '"', "'", ",", "文", "文字", "é", "Z", "~", "",
         "{\"a\",b}", "7", "true", "null", "\U0001f680", "$1", "\u0001"]
NUMBERS = [b"0", b"-0", b"1", b"1.0", b"1e0", b"7", b"-7", b"2.5", b"9007199254740993",
           b"9223372036854775807", b"9223372036854775808", b"-9223372036854775808", b"1e400", b"1e-400",
           b"0.1", b"100E-3"]
INTEGERS = [-(2**63), 2**63 - 1, -(2**31), 2**31 - 1, 2**31, -1, 0, 1, 2, 7]
PATHS = ["a", "a.b", "a.b.c", "b", "n", "e", "文.x", "big"]
TEXT_FIELDS = ["content", "message", "sourceNode", "namespace", "user", "application", "address",
               "node", "target", "traceId", "roles"]
ORDERED = ["Equal", "NotEqual", "GreaterThan", "GreaterThanOrEqual", "LessThan", "LessThanOrEqual",
           "Between", "NotBetween", "InList", "NotInList", "Exists", "NotExists"]
UNORDERED = ["Equal", "NotEqual", "InList", "NotInList", "Exists", "NotExists"]
OF_TEXTS = ["Like", "Match", "MatchPhrase"]
random_ = random.Random(SEED)
choice = random_.choice


def sentence(most):
    return "".join(choice(WORDS) + choice(GAPS) for _ in range(random_.randint(1, most)))


def maybe(value):
    return value if random_.random() < 0.5 else None


def short_text():
    return choice(TEXTS[:-1]) or "-"


# --- rows ------------------------------------------------------------------------------------------

def json_value(depth):
    kind = random_.randrange(8 if depth else 5)
    if kind < 5:
        return [lambda: choice(NUMBERS).decode(), lambda: json.dumps(choice(TEXTS + WORDS)), lambda: "true",
                lambda: "false", lambda: "null"][kind]()
    if kind < 7:
        return "[" + ",".join(json_value(depth - 1) for _ in range(random_.randrange(4))) + "]"
    return json_object(depth - 1)


def json_object(depth):
    names = random_.sample(["a", "b", "c", "n", "e", "文", "x", "big"], random_.randrange(5))
    return "{" + ", ".join(f"{json.dumps(name)} : {json_value(depth)}" for name in names) + "}"


def ext():
    odd = random_.random()
    if odd < 0.02:
        return '{"a":"\\u0000","b":1}'
    return '{"a":1e200000,"b":1}' if odd < 0.04 else json_object(4)


def row():
    made = {
        "content": choice([lambda: sentence(6), lambda: sentence(2), short_text])(),
        "optType": choice([-(2**31), 2**31 - 1, -1, 0, 1, 2, 7]), "resultType": choice([0, 0, 1, 7]),
        "severity": choice(audit_rules.SEVERITIES), "sourceNode": short_text(), "namespace": short_text(),
        "target": maybe(choice([short_text, lambda: sentence(2)])()), "user": maybe(short_text()),
        "application": maybe(short_text()), "address": maybe(short_text()), "traceId": maybe(short_text()),
        "roles": maybe([choice(TEXTS[:-1] + WORDS) for _ in range(random_.randint(1, 3))]),
        "eventTime": maybe(choice([-62135596800000, 253402300799999, 0, 1, -1, 1700000000123])),
        "ext": maybe(ext())}
    return {**DEFAULTS, **made}


# Whether the index is used is up to an estimate, which is left to chance.
ANY_ESTIMATE = """
CREATE OR REPLACE FUNCTION audit.estimate(query tsquery, since timestamptz, until timestamptz)
    RETURNS bigint LANGUAGE sql RETURN CASE WHEN random() < 0.3 THEN 1000000000 ELSE 0 END
"""


@pytest.fixture(scope="module")
def rows(database, server):
    """In the order of the log, half of them indexed."""
    database.rows(ANY_ESTIMATE)
    begin_empty(database)
    made = {}
    with Session(database.url) as session:
        session.run(HOLD_INDEX)
        while len(made) < ROWS:
            batch = [row() for _ in range(random_.randint(1, 99))]
            made.update(zip(append(database, batch), batch))
        session.run(f"SELECT audit.index_next({len(made) // 2});")
        stored = database.rows("SELECT id, audit.milliseconds(time) FROM audit.record ORDER BY time, position")
        for number, time in stored:
            made[number].update(id=number, time=int(time))
            audit_rules.parse_ext(made[number])
        yield [made[number] for number, _ in stored]
        assert database.rows("SELECT count(*) FROM audit.term") == [[str(len(made) // 2)]]


# --- filters ---------------------------------------------------------------------------------------

def as_json(value):
    return json.dumps(value, ensure_ascii=choice([True, False])).encode()


def pattern():
    text = choice([short_text, lambda: sentence(2), lambda: choice(WORDS)])()
    parts = [choice([c, c, c, "%", "_", "\\" + c]) for c in text.replace("\\", "\\\\")[:8]]
    made = "".join(parts) + choice(["", "%"])
    return made if (len(made) - len(made.rstrip("\\"))) % 2 == 0 else made + "\\"


def text_value(operator, some, field):
    if operator == "Like":
        return as_json(choice(["", "%"]) + pattern())
    if operator in OF_TEXTS:
        return as_json(choice([lambda: sentence(3), lambda: choice(WORDS), short_text])())
    own = some.get("content" if field == "message" else field)
    own = choice(own) if isinstance(own, list) else own
    return choice([lambda: as_json(own or "a"), lambda: as_json(short_text()), lambda: choice(NUMBERS)])()


def ext_value(operator, kind):
    if operator in OF_TEXTS:
        return text_value(operator, {}, "")
    return as_json(choice(TEXTS + WORDS)) if kind == "text" else choice(
        NUMBERS[:-4] + [b"1e131071", b"1e-16383"])


def value_of(field, operator, some, kind):
    if field in TEXT_FIELDS:
        return text_value(operator, some, field)
    if field.startswith("ext."):
        if operator in UNORDERED and random_.random() < 0.3:
            return choice([b"true", b"false"])
        return ext_value(operator, kind)
    if field == "severity":
        number = random_.randrange(8)
        return as_json(choice([number, str(number), audit_rules.SEVERITIES[number].upper()]))
    if field == "id":
        return as_json(choice([some["id"], some["id"].upper()]))
    number = choice([*INTEGERS, some[field] if some.get(field) is not None else 0])
    return as_json(choice([number, str(number)]))


def condition(rows):
    field = choice([*TEXT_FIELDS, "content", *(f"ext.{path}" for path in PATHS), "id", "time", "optType",
                    "resultType", "severity", "eventTime"])
    texts = field in TEXT_FIELDS or field.startswith("ext.")
    operator = choice(choice([ORDERED, OF_TEXTS]) if texts else ORDERED)
    kind = choice(["text", "number"])
    count = {"Between": 2, "NotBetween": 2, "Exists": 0, "NotExists": 0,
             "InList": random_.randint(1, 4), "NotInList": random_.randint(1, 70)}.get(operator, 1)
    return {"field": field, "operator": operator,
            "value": [value_of(field, operator, choice(rows), kind) for _ in range(count)]}


def filter_(rows, depth=3):
    made = {"op": choice(["", "and", "or"]),
            "expr": [condition(rows) for _ in range(choice([0, 1, 1, 1, 2]))]}
    count = random_.randint(0, 3) if depth else 0
    made["subFilter"] = [filter_(rows, depth - 1) for _ in range(count)]
    return made if made["expr"] or made["subFilter"] else filter_(rows, depth)


# --- the comparison --------------------------------------------------------------------------------

def ask(finder, rows, given, size, times):
    """A filter's rows, page by page to the end and back again."""
    first, last = times
    asked = {"start": first, "end": last, "max_size": size, "fields": ["id"]}
    pages = finder.pages(given, **asked)
    low, high = sorted(times)
    expected = [row["id"] for row in rows if low <= row["time"] <= high and audit_rules.holds(row, given)]
    expected = expected[::-1] if first > last else expected
    assert ids(*pages) == expected, (given, times)
    assert [page.has_prev for page in pages] == [False] + [True] * (len(pages) - 1)
    back = [pages[-1]]
    while back[0].has_prev:
        back.insert(0, finder.page(given, prev_query="true", **asked,
                                   continuation_point=back[0].continuation_point))
    assert ids(*back) == expected, (given, times)
    assert [page.has_next for page in back] == [True] * (len(back) - 1) + [False]
    return len(expected)


def test_find_gives_what_the_rules_give(rows, channel, stubs, database):
    finder = Finder(stubs.audit_grpc.AuditStub(channel), stubs)
    times = [row["time"] for row in rows]
    cases = []
    for _ in range(FILTERS):
        low, high = choice(times[:500]) - choice([0, 1]), choice([choice(times), times[-1]])
        times_given = sorted((low, high), reverse=choice([True, False]))
        cases.append((filter_(rows), choice([150, 400, 1000]), times_given))
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        counts = list(pool.map(lambda case: ask(finder, rows, *case), cases[ANALYZED:]))
        # Then the planner knows what costs much, and takes parallel plans, too.
        database.rows("ANALYZE audit.record; ANALYZE audit.term")
        counts += pool.map(lambda case: ask(finder, rows, *case), cases[:ANALYZED])
    # Of every kind: filters that find nothing, something, much.
    assert min(counts.count(0), sum(0 < n < 50 for n in counts), sum(n >= 400 for n in counts)) > FILTERS / 20
