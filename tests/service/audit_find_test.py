"""Find: every operator on every kind of field, on rows that are indexed and on rows that are not."""

import time

import grpc
import pytest

from audit_log import HOLD_INDEX, Finder, append, expr
from postgres import Session

ROWS = {
    "plain": {"content": "Pump 7 started", "severity": "debug", "optType": -(2**31)},
    "leak": {"content": "冷却塔泄漏，3号泵停机", "severity": "error", "user": "ann", "target": "tower",
             "optType": 2**31 - 1, "roles": ["op", "admin"], "eventTime": -62135596800000,
             "ext": '{"a":{"b":[1,2.5,"x"]},"t":true,"n":null,"e":[],"s":"文"}'},
    "mixed": {"content": "restart 泵 Pump_7 by ANN", "severity": "emergency", "user": "bob",
              "resultType": 5, "application": "app", "traceId": "0af7", "target": "100%_\\",
              "eventTime": 1700000000123, "ext": '{"a":[{"b":[[7]]},{"b":"7"}],"t":false,"n":{}}'},
    "wide": {"content": "ＰＵＭＰ　Ｎｏ.７ Größe ÄRGER", "severity": "warning", "user": "ann'\"\\{}",
             "roles": ["o,p", 'q"\\'], "address": "10.0.0.1:5",
             "ext": '{"big":9223372036854775808,"tiny":1e-400,"x.y":1,"q\\"\\\\":"q","s":"Ａ 文字"}'},
    "nul": {"content": "泄漏冷却", "severity": "alert", "ext": '{"s":"a\\u0000b"}'},
}
ALL = list(ROWS)


@pytest.fixture(scope="module")
def holding(database):
    with Session(database.url) as session:
        session.run(HOLD_INDEX)
        yield session


@pytest.fixture(scope="module")
def names(database, server, holding):
    return dict(zip(append(database, ROWS.values()), ROWS))


@pytest.fixture(scope="module")
def finder(channel, stubs):
    return Finder(stubs.audit_grpc.AuditStub(channel), stubs)


@pytest.fixture(scope="module", params=["tail", "indexed"])
def found(request, database, holding, names, finder):
    """The names of the rows that a filter finds."""
    if request.param == "indexed":
        holding.run("SELECT audit.index_next(100000);")
    indexed = database.rows("SELECT count(*) > 0 FROM audit.term") == [["t"]]
    assert indexed == (request.param == "indexed")
    return lambda *given: [names[i] for i in finder.ids(*given) if i in names]


def but(*names):
    return [name for name in ALL if name not in names]


@pytest.mark.parametrize("condition, expected", [
    # Texts.
    (expr("user", "Equal", "ann"), ["leak"]),
    (expr("user", "Equal", "ann'\"\\{}"), ["wide"]),
    (expr("user", "Equal", "ANN"), []),
    (expr("user", "NotEqual", "ann"), but("leak")),
    (expr("user", "InList", "bob", "ann'\"\\{}", "none"), ["mixed", "wide"]),
    (expr("user", "NotInList", "bob", "ann"), but("leak", "mixed")),
    (expr("user", "Between", "ann", "ann~"), ["leak", "wide"]),
    (expr("user", "NotBetween", "ann", "ann~"), but("leak", "wide")),
    (expr("user", "GreaterThan", "ann"), ["mixed", "wide"]),
    (expr("user", "GreaterThanOrEqual", "ann"), ["leak", "mixed", "wide"]),
    (expr("user", "LessThan", "bob"), ["leak", "wide"]),
    (expr("user", "LessThanOrEqual", "ann"), ["leak"]),
    (expr("user", "Exists"), ["leak", "mixed", "wide"]),
    (expr("user", "NotExists"), ["plain", "nul"]),
    (expr("application", "Equal", "app"), ["mixed"]),
    (expr("traceId", "Equal", "0af7"), ["mixed"]),
    (expr("address", "Like", "10.%:_"), ["wide"]),
    (expr("message", "Equal", "泄漏冷却"), ["nul"]),
    (expr("content", "GreaterThan", "冷却塔"), ["leak", "wide", "nul"]),
    # Like: letters as they are, one character is not one byte.
    (expr("content", "Like", "%pump%"), []),
    (expr("content", "Like", "泄__却"), ["nul"]),
    (expr("target", "Like", "100\\%\\_\\\\"), ["mixed"]),
    (expr("target", "Like", "100_%\\\\"), ["mixed"]),
    (expr("target", "Like", "\\t\\o%"), ["leak"]),
    (expr("target", "Like", "100\\%"), []),
    # Roles: any of them.
    (expr("roles", "Equal", "admin"), ["leak"]),
    (expr("roles", "Equal", "o,p"), ["wide"]),
    (expr("roles", "NotEqual", "admin"), but("leak")),
    (expr("roles", "InList", 'q"\\', "op"), ["leak", "wide"]),
    (expr("roles", "Like", "o%"), ["leak", "wide"]),
    (expr("roles", "Between", "b", "oo"), ["wide"]),
    (expr("roles", "Match", "P"), ["wide"]),
    (expr("roles", "Exists"), ["leak", "wide"]),
    (expr("roles", "NotExists"), but("leak", "wide")),
    # Numbers, to their bounds.
    (expr("optType", "Equal", -(2**31)), ["plain"]),
    (expr("optType", "Equal", "2147483647"), ["leak"]),
    (expr("optType", "GreaterThan", 2**63 - 1), []),
    (expr("optType", "GreaterThanOrEqual", -(2**63)), ALL),
    (expr("optType", "LessThanOrEqual", "9223372036854775807"), ALL),
    (expr("optType", "InList", 2**63 - 1, "-9223372036854775808", 1e0), ["mixed", "wide", "nul"]),
    (expr("resultType", "Between", "1", 10), ["mixed"]),
    (expr("resultType", "NotBetween", -1, 1), ["mixed"]),
    (expr("eventTime", "Equal", 1700000000123), ["mixed"]),
    (expr("eventTime", "LessThan", "0"), ["leak"]),
    (expr("eventTime", "NotEqual", 1700000000123), but("mixed")),
    (expr("eventTime", "GreaterThan", -(2**63)), ["leak", "mixed"]),
    (expr("time", "GreaterThan", 1700000000000), ALL),
    # Severity: by rank, as word or number.
    (expr("severity", "GreaterThanOrEqual", "Error"), ["leak", "mixed", "nul"]),
    (expr("severity", "LessThan", 4), ["plain"]),
    (expr("severity", "Between", "4", "alert"), ["leak", "wide", "nul"]),
    (expr("severity", "InList", 7, "EMERGENCY"), ["plain", "mixed"]),
    (expr("severity", "NotEqual", "alert"), but("nul")),
    # Parts of ext: each compared with values of its own type, through arrays.
    (expr("ext.a.b", "Equal", 1), ["leak"]),
    (expr("ext.a.b", "Equal", 2.50), ["leak"]),
    (expr("ext.a.b", "Equal", 7), ["mixed"]),
    (expr("ext.a.b", "Equal", "7"), ["mixed"]),
    (expr("ext.a.b", "Equal", "1"), []),
    (expr("ext.a.b", "InList", "x", 7), ["leak", "mixed"]),
    (expr("ext.a.b", "NotInList", "x", 7), but("leak", "mixed")),
    (expr("ext.a.b", "GreaterThan", 2), ["leak", "mixed"]),
    (expr("ext.a.b", "GreaterThan", "2"), ["leak", "mixed"]),
    (expr("ext.a.b", "Between", 2, 3), ["leak"]),
    (expr("ext.a.b", "NotBetween", 2, 3), but("leak")),
    (expr("ext.a", "Exists"), ["leak", "mixed"]),
    (expr("ext.n", "Exists"), ["mixed"]),
    (expr("ext.e", "NotExists"), ALL),
    (expr("ext.t", "Equal", True), ["leak"]),
    (expr("ext.t", "InList", True, False), ["leak", "mixed"]),
    (expr("ext.t", "NotEqual", False), but("mixed")),
    (expr("ext.t", "Equal", "true"), []),
    (expr("ext.s", "Equal", "文"), ["leak"]),
    (expr("ext.s", "Match", "文"), ["leak", "wide"]),
    (expr("ext.s", "MatchPhrase", "a文字"), ["wide"]),
    (expr("ext.s", "Like", "_"), ["leak"]),
    (expr("ext.big", "Equal", 2**63), ["wide"]),
    (expr("ext.big", "GreaterThan", 2**63 - 1), ["wide"]),
    (expr("ext.tiny", "GreaterThan", b"1e-16383"), ["wide"]),
    (expr("ext.tiny", "LessThan", b"1E131071"), ["wide"]),
    (expr('ext.q"\\', "Equal", "q"), ["wide"]),
    (expr("ext.x.y", "Exists"), [])])
def test_operators(found, condition, expected):
    assert found(condition) == expected


@pytest.mark.parametrize("text, any_term, phrase", [
    ("泵", ["leak", "mixed"], ["leak", "mixed"]),
    ("塔", ["leak"], ["leak"]),
    ("漏", ["leak", "nul"], ["leak", "nul"]),
    ("冷却", ["leak", "nul"], ["leak", "nul"]),
    ("冷却塔", ["leak", "nul"], ["leak"]),
    ("塔泄漏", ["leak", "nul"], ["leak"]),
    ("却泄", [], []),
    ("塔 漏", ["leak", "nul"], []),
    ("泄漏，3号泵", ["leak", "nul"], ["leak"]),
    ("泄漏3号泵", ["leak", "nul"], ["leak"]),
    ("号 3", ["leak"], []),
    ("pump", ["plain", "wide"], ["plain", "wide"]),
    ("PUMP_7", ["mixed"], ["mixed"]),
    ("pump 7", ["plain", "wide"], ["plain"]),
    ("pum", [], []),
    ("ann 泵", ["leak", "mixed"], []),
    ("泵pump_7", ["leak", "mixed"], ["mixed"]),
    ("restart 泵", ["leak", "mixed"], ["mixed"]),
    ("No.7 grösse größe", ["plain", "wide"], []),
    ("ｎｏ 7 GRÖßE", ["plain", "wide"], ["wide"]),
    ("ärger", ["wide"], ["wide"]),
    ("，", [], []),
    ("", [], []),
    ("%", [], []),
    (".*", [], [])])
def test_words_and_ideographs(found, text, any_term, phrase):
    assert found(expr("content", "Match", text)) == any_term
    assert found(expr("content", "MatchPhrase", text)) == phrase


def test_an_id(found, names):
    some = list(names)
    assert found(expr("id", "Equal", some[1].upper())) == ["leak"]
    assert found(expr("id", "InList", some[0], some[4])) == ["plain", "nul"]
    assert found(expr("id", "NotEqual", some[0])) == but("plain")
    assert found(expr("id", "GreaterThanOrEqual", "0" * 8 + "-0000-0000-0000-" + "0" * 12)) == ALL
    assert found(expr("id", "Exists")) == ALL


def test_conditions_all_hold_and_filters_are_joined(found):
    ann, error = expr("user", "Equal", "ann"), expr("severity", "Equal", "error")
    pump, bob = expr("content", "Match", "pump"), expr("user", "Equal", "bob")
    assert found({"expr": [ann, error]}) == ["leak"]
    assert found({"expr": [ann, bob]}) == []
    assert found({"subFilter": [{"expr": [ann]}, {"expr": [bob]}]}) == []
    assert found({"op": "OR", "subFilter": [{"expr": [ann]}, {"expr": [bob]}]}) == ["leak", "mixed"]
    assert found({"op": "or", "subFilter": [{"expr": [pump]}, {"expr": [error]}]}) == [
        "plain", "leak", "wide"]
    assert found({"op": "Or", "expr": [error],
                  "subFilter": [{"expr": [ann]}, {"expr": [bob]}]}) == ["leak"]
    assert found({"op": "or", "expr": [ann, bob]}) == []
    assert found() == ALL


def test_the_largest_filter(found):
    many = {"expr": [expr("optType", "NotEqual", i + 2) for i in range(239)]}
    for _ in range(15):
        many = {"subFilter": [many], "expr": [
            expr("user", "NotInList", *(f"{{\"{i}\\" for i in range(1000)))]}
    many["expr"].append(expr("content", "MatchPhrase", "泄漏冷却"))
    many["expr"].append(expr("user", "NotExists"))
    assert found(many) == ["nul"]


@pytest.mark.parametrize("given, details", [
    ({}, "filter: expr and subFilter must not both be empty"),
    ({"subFilter": [{}]}, "filter.subFilter[0]: expr and subFilter must not both be empty"),
    ({"op": "xor", **{"expr": [expr("user", "Exists")]}}, "filter.op: must be and or or"),
    ({"subFilter": [{"expr": [expr("user", "Exists")]},
                    {"expr": [expr("optType", "Between", 1, "x")]}]},
     "filter.subFilter[1].expr[0].value[1]: not a number"),
    (expr("optType", "Equal", 1.5), "filter.expr[0].value[0]: not an integer of 64 bits"),
    (expr("time", "Equal", None), "filter.expr[0].value[0]: null: use NotExists"),
    (expr("user", "Equal", "a\0"), "filter.expr[0].value[0]: must not hold U+0000"),
    (expr("user", "Like", "%\\"), "filter.expr[0].value[0]: must not end in a \\ that takes nothing"),
    (expr("user", "Equal", b"1 2"), "filter.expr[0].value[0]: invalid JSON at byte 2: "
                                    "text after the value"),
    (expr("severity", "Match", "error"), "filter.expr[0].operator: wants a field of texts"),
    (expr("hat", "Exists"), "filter.expr[0].field: must be a field of a record, or ext.<path>")])
def test_a_refusal_says_where(finder, names, given, details):
    with pytest.raises(grpc.RpcError) as error:
        finder.page(given)
    assert error.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert error.value.details() == details


@pytest.mark.parametrize("given, details", [
    ({"start": None}, "startTime: is required"), ({"end": None}, "endTime: is required"),
    ({"max_size": 0}, "maxSize: must be 1 to 1000"),
    ({"max_size": 1001}, "maxSize: must be 1 to 1000"),
    ({"max_size": 2**31 - 1}, "maxSize: must be 1 to 1000"),
    ({"prev_query": "1", "continuation_point": "x"}, "prevQuery: must be true or false"),
    ({"prev_query": "true"}, "prevQuery: needs a continuationPoint"),
    ({"continuation_point": "x"}, "continuationPoint: is not one of this service's"),
    ({"fields": ["id", "hat"]}, "fields[1]: must be a field of a record, or ext.<path>")])
def test_a_request_that_breaks_a_rule(finder, names, given, details):
    with pytest.raises(grpc.RpcError) as error:
        finder.page(**given)
    assert (error.value.code(), error.value.details()) == (
        grpc.StatusCode.INVALID_ARGUMENT, details)


def test_times_are_inclusive_and_cut_to_what_there_can_be(finder, names, database):
    at = int(database.rows("SELECT audit.milliseconds(time) FROM audit.record WHERE namespace = 'n'"
                           " LIMIT 1")[0][0])
    here = expr("namespace", "Equal", "n")
    assert len(finder.ids(here, start=at, end=at)) == len(ROWS)
    assert finder.ids(here, start=at + 1, end=2**63 - 1) == []
    assert finder.ids(here, start=-(2**63), end=at - 1) == []
    assert finder.ids(here, start=-(2**63), end=2**63 - 1) == list(names)
    assert finder.ids(here, start=2**63 - 1, end=-(2**63)) == list(names)[::-1]
    assert finder.ids(here, start=at, end=at - 1) == list(names)[::-1]


def test_a_read_is_recorded_before_it_is_answered(finder, names, database):
    before = int(time.time() * 1000) - 60000
    page = finder.page({"expr": [expr("user", "Equal", "ann"), expr("severity", "Equal", b" 3 ")]},
                       start=before, end=2**61, max_size=7, fields=["user"])
    assert len(page.records) == 1
    mine = "FROM audit.record WHERE namespace = 'junction.audit' ORDER BY time DESC, position DESC LIMIT 1"
    assert database.rows(f"SELECT content, result_type, address ~ '^127', ext {mine}") == [[
        "find gave 1 record", "0", "t",
        '{"request":{"startTime":%d,"endTime":%d,"maxSize":7,"fields":["user"],"filter":{"expr":['
        '{"field":"user","operator":"Equal","value":["ann"]},'
        '{"field":"severity","operator":"Equal","value":[ 3 ]}]}},"records":1}' % (before, 2**61)]]
    finder.page(start=before, end=2**61, continuation_point=finder.page(
        start=before, end=2**61, max_size=1).continuation_point)
    assert "ontinuation" not in database.rows(f"SELECT ext {mine}")[0][0]
