"""The audit log's URIs: document 003's, exact to the letter, and ours for batches and files."""

import json
import re
import time
import uuid

import pytest

WRITE, FIND = "/mw/v1/audit/write", "/mw/v1/audit/find"
BATCH, STREAM, EXPORT = "/v1/audit/write-batch", "/v1/audit/write-stream", "/v1/audit/export"
UUID = "[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
WRITTEN = re.compile(
    r'\{"message":"success","status":200,"timestamp":([0-9]{13}),"results":\['
    r'\{"id":"(%s)","time":([0-9]{13}),"repeated":(false|true)\}\]\}' % UUID)
EVER = {"startTime": 0, "endTime": 4102444800000}
INT32 = "not an integer from -2147483648 to 2147483647"
INT64 = "not an integer from -9223372036854775808 to 9223372036854775807"
TRACE = "0af7651916cd43dd8448eb211c80319c"


@pytest.fixture
def record():
    """A request in a namespace of the test's own."""
    return {"optType": 1, "resultType": 0, "content": "登录 ok", "sourceNode": "web-1",
            "namespace": f"test-{uuid.uuid4()}", "severity": "info"}


def write(bridge, record, headers=None, path=WRITE):
    """The four values of the answer, whose form is exact."""
    answer = bridge.post(path, record, headers)
    assert answer.status == 200, answer
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    match = WRITTEN.fullmatch(answer.body.decode())
    assert match, answer
    return match.groups()


def equals(field, value):
    return {"field": field, "operator": "Equal", "value": value}


def find(bridge, record, path=FIND, **more):
    """The answer's result, for the records of the namespace."""
    request = {**EVER, "filter": {"expr": [equals("namespace", record["namespace"])]}, **more}
    answer = bridge.post(path, request)
    assert answer.status == 200, answer
    value = answer.json()
    assert list(value) == ["code", "message", "mssage", "result"]
    assert (value["code"], value["message"], value["mssage"]) == (200, "success", "success")
    assert list(value["result"]) == ["records", "continuationPoint", "hasNext", "hasPrev"]
    return value["result"]


def written(bridge, record, **fields):
    """What the log has of a record that is written with these fields changed."""
    ident = write(bridge, {**record, **fields})[1]
    found = find(bridge, record, filter={"expr": [equals("id", ident)]},
                 fields=["optType", "resultType", "content", "severity", "eventTime", "target",
                         "ext"])
    assert len(found["records"]) == 1
    return found["records"][0]


# --- write ---------------------------------------------------------------------------------------

def test_a_write_answers_with_its_record(bridge, record):
    begin = int(time.time() * 1000)
    timestamp, ident, at, repeated = write(bridge, record)
    # PostgreSQL rounds a time where the server cuts it off.
    assert begin <= int(at) <= int(timestamp) + 1 and repeated == "false"
    assert int(timestamp) <= time.time() * 1000
    assert write(bridge, record, path=WRITE + "/")[1] != ident


def test_what_is_written_is_found_as_it_is_shown(bridge, record):
    _, ident, at, _ = write(bridge, record, {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"})
    body = bridge.post(FIND, {**EVER, "filter": {"expr": [equals("id", ident)]}}).body.decode()
    value = json.loads(body)
    shown = value["result"]["records"][0]
    address, node = shown["address"], shown["node"]
    point = value["result"]["continuationPoint"]
    assert body == (
        '{"code":200,"message":"success","mssage":"success","result":{"records":['
        f'{{"id":"{ident}","time":{at},"optType":1,"resultType":0,"content":"登录 ok",'
        f'"message":"登录 ok","sourceNode":"web-1","namespace":"{record["namespace"]}",'
        f'"severity":"info","address":"{address}","node":"{node}","traceId":"{TRACE}"}}],'
        f'"continuationPoint":"{point}","hasNext":false,"hasPrev":false}}}}')
    assert address.startswith("127.0.0.1:") and node and point


@pytest.mark.parametrize("fields, shown", [
    ({"severity": "WARNING"}, {"severity": "warning"}),
    ({"severity": 3}, {"severity": "error"}),
    ({"severity": "0"}, {"severity": "emergency"}),
    ({"optType": "-2147483648", "resultType": "2147483647"},
     {"optType": -2147483648, "resultType": 2147483647}),
    ({"eventTime": 1700000000123}, {"eventTime": 1700000000123}),
    ({"eventTime": "-1"}, {"eventTime": -1}),
    ({"target": "订单/7"}, {"target": "订单/7"}),
    ({"target": "", "ext": None, "eventTime": None}, {}),
    ({"unknown": {"is": "ignored"}}, {})])
def test_each_form_of_a_field(bridge, record, fields, shown):
    base = {"optType": 1, "resultType": 0, "content": "登录 ok", "message": "登录 ok",
            "severity": "info"}
    assert written(bridge, record, **fields) == {**base, **shown}


def test_message_stands_for_content(bridge, record):
    del record["content"]
    assert written(bridge, record, message="m")["content"] == "m"
    assert written(bridge, record, message="m", content="m")["message"] == "m"
    answer = bridge.post(WRITE, {**record, "message": "m", "content": "c"})
    assert (answer.status, answer.json()["message"]) == (400, "message: differs from content")


def test_ext_is_kept_byte_for_byte(bridge, record):
    ext = '{ "z" : 1.10,"a":[1e400, {"\\u0061":null}],"n":12345678901234567890,"中":"\\/" }'
    body = json.dumps(record)[:-1] + ',"ext":' + ext + "}"
    assert bridge.request("POST", WRITE, body.encode()).status == 200
    request = {**EVER, "fields": ["ext"],
               "filter": {"expr": [equals("namespace", record["namespace"])]}}
    assert f'"records":[{{"ext":{ext}}}]'.encode() in bridge.post(FIND, request).body


@pytest.mark.parametrize("fields, message", [
    ({"optType": None}, "optType: is required"),
    ({"resultType": None}, "resultType: is required"),
    ({"content": ""}, "content: is required"),
    ({"sourceNode": None}, "sourceNode: is required"),
    ({"namespace": ""}, "namespace: is required"),
    ({"severity": None}, "severity: is required"),
    ({"severity": "loud"}, "severity: must be debug, info, notice, warning, error, critical, "
                           "alert, emergency or a number from 7 to 0"),
    ({"optType": 2147483648}, "optType: " + INT32), ({"optType": "x"}, "optType: " + INT32),
    ({"content": 1}, "content: must be a string"),
    ({"namespace": "n" * 256}, "namespace: must have at most 255 bytes"),
    ({"namespace": "junction.audit"}, "namespace: is the server's own"),
    ({"eventTime": 253402300800000}, "eventTime: must be milliseconds of the years 1 to 9999"),
    ({"ext": "{}"}, "ext: must be a JSON object"),
    ({"idempotencyKey": "k" * 256}, "idempotencyKey: must have at most 255 bytes")])
def test_a_refusal_names_the_field_and_the_rule(bridge, record, fields, message):
    answer = bridge.post(WRITE, {**record, **fields})
    value = answer.json()
    assert answer.status == 400 and list(value) == ["message", "status", "timestamp", "results"]
    assert (value["message"], value["status"], value["results"]) == (message, 400, [])
    assert not find(bridge, record)["records"]


# --- idempotency ---------------------------------------------------------------------------------

def test_a_key_in_the_header_makes_a_retry_return_the_first(bridge, record):
    key = {"Idempotency-Key": str(uuid.uuid4())}
    first, second = write(bridge, record, key), write(bridge, record, key)
    assert (first[3], second[3]) == ("false", "true") and first[1:3] == second[1:3]
    named = {**record, "idempotencyKey": key["Idempotency-Key"]}
    assert write(bridge, named)[1:] == second[1:]
    assert write(bridge, {**named, "idempotencyKey": "other"}, key)[1:] == second[1:]
    assert len(find(bridge, record)["records"]) == 1
    answer = bridge.post(WRITE, {**record, "content": "else"}, key)
    assert answer.status == answer.json()["status"] == 409
    assert answer.json()["message"] == "idempotencyKey: has written another record"


def test_a_key_that_is_none_is_refused(bridge, record):
    answer = bridge.post(WRITE, record, {"Idempotency-Key": "k" * 256})
    assert answer.status == 400
    assert answer.json()["message"] == "idempotencyKey: must have at most 255 bytes"
    assert write(bridge, record, {"Idempotency-Key": ""})[3] == "false"


# --- find ----------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def shelf(bridge):
    """Ten records, 0 to 9, in one namespace."""
    record = {"optType": 0, "resultType": 0, "content": "", "sourceNode": "n", "severity": "info",
              "namespace": f"shelf-{uuid.uuid4()}"}
    severities = ["debug", "info", "notice", "warning", "error"]
    for i in range(10):
        write(bridge, {**record, "optType": i, "content": f"第{i}次 100% done", "severity":
                       severities[i // 2], "ext": {"n": i, "half": i / 2, "even": i % 2 == 0}})
    return record


def numbers(result):
    return [record["optType"] for record in result["records"]]


def matching(bridge, shelf, *conditions, **more):
    expr = [equals("namespace", shelf["namespace"]), *conditions]
    return numbers(find(bridge, shelf, filter={"expr": expr, **more}))


def condition(field, operator, value):
    return {"field": field, "operator": operator, "value": value}


@pytest.mark.parametrize("field, operator, value, expected", [
    ("optType", "Equal", 3, [3]), ("optType", "Equal", [3], [3]), ("optType", "Equal", "3", [3]),
    ("optType", "Between", [2, "4"], [2, 3, 4]), ("optType", "NotBetween", [1, 8], [0, 9]),
    ("optType", "InList", [7, "1"], [1, 7]), ("optType", "InList", 7, [7]),
    ("severity", "GreaterThanOrEqual", "WARNING", [6, 7, 8, 9]), ("severity", "Equal", 7, [0, 1]),
    ("content", "Like", "%4次 100\\%%", [4]), ("message", "MatchPhrase", "第5次", [5]),
    ("content", "Match", "done", list(range(10))),
    ("ext.n", "LessThan", 2, [0, 1]), ("ext.half", "Equal", 0.5, [1]), ("ext.even", "Equal", True,
                                                                       [0, 2, 4, 6, 8]),
    ("target", "Exists", [], []), ("target", "NotExists", None, list(range(10)))])
def test_a_value_may_be_single_or_a_list(bridge, shelf, field, operator, value, expected):
    assert matching(bridge, shelf, condition(field, operator, value)) == expected


def test_sub_filters_are_joined_by_op(bridge, shelf):
    either = [{"expr": [condition("optType", "LessThan", 2)]},
              {"op": "OR", "subFilter": [{"expr": [equals("optType", 1)]},
                                         {"expr": [equals("optType", 8)]}]}]
    assert matching(bridge, shelf, op="or", subFilter=either) == [0, 1, 8]
    assert matching(bridge, shelf, op="and", subFilter=either) == [1]
    assert matching(bridge, shelf, subFilter=either) == [1]
    assert matching(bridge, shelf, sub_filter=either, op=None) == [1]


def test_pages_go_both_ways(bridge, shelf):
    first = find(bridge, shelf, maxSize="4")
    assert (numbers(first), first["hasNext"], first["hasPrev"]) == ([0, 1, 2, 3], True, False)
    second = find(bridge, shelf, maxSize=4, continuationPoint=first["continuationPoint"])
    assert (numbers(second), second["hasNext"], second["hasPrev"]) == ([4, 5, 6, 7], True, True)
    for no in ("false", False, None, ""):
        again = find(bridge, shelf, maxSize=4, continuationPoint=first["continuationPoint"],
                     prevQuery=no)
        assert numbers(again) == [4, 5, 6, 7]
    for yes in ("true", True):
        back = find(bridge, shelf, maxSize=4, continuationPoint=second["continuationPoint"],
                    prevQuery=yes)
        assert (numbers(back), back["hasNext"], back["hasPrev"]) == ([0, 1, 2, 3], True, False)


def test_a_start_behind_the_end_gives_the_newest_first(bridge, shelf):
    newest = find(bridge, shelf, startTime=str(EVER["endTime"]), endTime=0)
    assert numbers(newest) == list(range(9, -1, -1))
    assert numbers(find(bridge, shelf, path=FIND + "/", startTime=EVER["endTime"], endTime=0,
                        maxSize=1)) == [9]


def test_fields_say_what_is_shown(bridge, shelf):
    found = find(bridge, shelf, maxSize=1, fields=["message", "ext.half", "roles"])
    assert found["records"] == [{"content": "第0次 100% done", "message": "第0次 100% done",
                                 "ext": {"half": 0.0}}]


def deep(levels):
    inner = {"expr": [equals("id", "x")]}
    for _ in range(levels):
        inner = {"subFilter": [inner]}
    return inner


@pytest.mark.parametrize("fields, message", [
    ({"startTime": None}, "startTime: is required"), ({"endTime": None}, "endTime: is required"),
    ({"startTime": "x"}, "startTime: " + INT64),
    ({"maxSize": 0}, "maxSize: must be 1 to 1000"),
    ({"maxSize": 1001}, "maxSize: must be 1 to 1000"),
    ({"fields": "id"}, "fields: must be a list"),
    ({"fields": ["id", "nothing"]}, "fields[1]: must be a field of a record, or ext.<path>"),
    ({"filter": {"expr": {}}}, "filter.expr: must be a list"),
    ({"filter": {"subFilter": [{"expr": [equals("id", "x")], "op": 1}]}},
     "filter.subFilter[0].op: must be a string")])
def test_find_refuses_with_the_path(bridge, shelf, fields, message):
    answer = bridge.post(FIND, {**EVER, **fields})
    assert answer.status == 400, answer
    assert answer.json() == {"code": 400, "message": message, "mssage": message}


@pytest.mark.parametrize("fields, path", [
    ({"filter": {}}, "filter"), ({"filter": {"subFilter": [{}]}}, "filter.subFilter[0]"),
    ({"filter": {"op": "xor", "expr": [equals("user", "x")]}}, "filter.op"),
    ({"filter": {"expr": [equals("nothing", "x")]}}, "filter.expr[0].field"),
    ({"filter": {"expr": [condition("id", "Is", "x")]}}, "filter.expr[0].operator"),
    ({"filter": {"subFilter": [{"expr": [equals("optType", 1)]},
                               {"expr": [condition("optType", "Between", [1, "x"])]}]}},
     "filter.subFilter[1].expr[0].value[1]"),
    ({"filter": {"expr": [equals("optType", [None])]}}, "filter.expr[0].value[0]"),
    ({"filter": {"expr": [condition("optType", "Equal", [])]}}, "filter.expr[0].value"),
    ({"filter": deep(20)}, "filter" + 16 * ".subFilter[0]"),
    ({"prevQuery": "maybe"}, "prevQuery"), ({"prevQuery": 1}, "prevQuery"),
    ({"prevQuery": "true"}, "prevQuery"),
    ({"continuationPoint": "nonsense"}, "continuationPoint")])
def test_what_is_wrong_in_a_filter_or_point_is_named(bridge, shelf, fields, path):
    answer = bridge.post(FIND, {**EVER, **fields})
    value = answer.json()
    assert answer.status == value["code"] == 400 and value["message"] == value["mssage"]
    assert value["message"].split(": ")[0] == path, answer


# --- batches and streams -------------------------------------------------------------------------

def test_a_batch_says_what_came_of_each(bridge, record):
    bad = {**record, "content": ""}
    keyed = {**record, "idempotencyKey": str(uuid.uuid4())}
    answer = bridge.post(BATCH, {"records": [record, bad, keyed, keyed]})
    assert answer.status == 200, answer
    first, refused, second, again = answer.json()["outcomes"]
    for outcome in (first, second, again):
        assert list(outcome) == ["record"]
        assert list(outcome["record"]) == ["id", "time", "repeated"]
        assert re.fullmatch("[0-9]{13}", outcome["record"]["time"])
    assert again["record"] == {**second["record"], "repeated": True}
    assert list(refused) == ["error"] and list(refused["error"]) == ["code", "message", "details"]
    assert (refused["error"]["code"], refused["error"]["message"]) == (3, "content: is required")
    assert [r["id"] for r in find(bridge, record)["records"]] == [
        first["record"]["id"], second["record"]["id"]]


@pytest.mark.parametrize("body, field", [
    ({}, "records"), ({"records": []}, "records"), ({"records": [{}] * 1001}, "records"),
    ({"records": [{"optType": "x"}]}, "records[0].optType"),
    ({"records": [{"type": 1}]}, "records[0].type")])
def test_a_batch_that_is_none_is_refused_as_a_whole(bridge, body, field):
    answer = bridge.post(BATCH, body)
    assert answer.status == 400 and answer.json()["code"] == 3
    assert answer.json()["message"].split(": ")[0] == field


def lines(*records):
    return "\n".join(json.dumps(record) for record in records).encode()


def test_a_stream_is_a_record_a_line(bridge, record):
    keyed = {**record, "idempotencyKey": str(uuid.uuid4())}
    answer = bridge.request("POST", STREAM, lines(record, {**record, "severity": 9}, keyed, keyed))
    assert answer.status == 200, answer
    value = answer.json()
    refusals = value.pop("refusals")
    assert value == {"written": "2", "repeated": "1", "refused": "1"}
    assert [(r["index"], r["error"]["code"]) for r in refusals] == [("1", 3)]
    assert refusals[0]["error"]["message"].startswith("severity: must be debug, info")
    assert len(find(bridge, record)["records"]) == 2
    assert bridge.request("POST", STREAM, b"").json() == {
        "written": "0", "repeated": "0", "refused": "0", "refusals": []}


def test_a_line_that_is_no_record_ends_the_stream(bridge, record):
    answer = bridge.request("POST", STREAM, lines(record, {"optType": "x"}))
    assert answer.status == 400
    assert answer.json()["message"] == "line 2: optType: " + INT32


def test_a_stream_takes_no_key_from_the_header(bridge, record):
    answer = bridge.request("POST", STREAM, lines(record, record), {"Idempotency-Key": "k"})
    assert answer.status == 400 and answer.json()["message"] == (
        "header Idempotency-Key: is not taken with a stream: give idempotencyKey in each message")
    assert not find(bridge, record)["records"]


# --- files ---------------------------------------------------------------------------------------

def test_an_export_is_a_record_a_line(bridge, shelf):
    request = {"filter": {"expr": [equals("namespace", shelf["namespace"])]},
               "fields": ["optType", "ext.n"]}
    answer = bridge.post(EXPORT, request)
    assert answer.status == 200 and answer.headers["Content-Type"] == "application/x-ndjson"
    assert answer.body.decode() == "".join(
        f'{{"optType":{i},"ext":{{"n":{i}}}}}\n' for i in range(10))


def test_an_export_may_be_a_table(bridge, shelf):
    request = {"filter": {"expr": [equals("namespace", shelf["namespace"])]},
               "fields": ["content", "optType"], "format": "EXPORT_FORMAT_CSV"}
    answer = bridge.post(EXPORT, request)
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.body.decode() == "optType,content\r\n" + "".join(
        f"{i},第{i}次 100% done\r\n" for i in range(10))


def test_a_get_exports_by_its_query(bridge, shelf):
    begin = find(bridge, shelf, maxSize=1)["records"][0]["time"]
    query = f"?startTime={begin}&endTime={EVER['endTime']}&fields=namespace&fields=optType"
    answer = bridge.get(EXPORT + query)
    assert answer.status == 200 and answer.headers["Content-Type"] == "application/x-ndjson"
    mine = [r["optType"] for r in map(json.loads, answer.body.splitlines())
            if r["namespace"] == shelf["namespace"]]
    assert mine == list(range(10))
    table = bridge.get(f"{EXPORT}/{query}&format=EXPORT_FORMAT_CSV")
    assert table.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert table.body.startswith(b"optType,namespace\r\n")


@pytest.mark.parametrize("query, message", [
    ("startTime=x", "startTime: " + INT64), ("since=1", "since: is no parameter of this request"),
    ("fields=nothing", "fields[0]: must be a field of a record, or ext.<path>"),
    ("format=XML", "format: must be a name or number of junction.v1.ExportFormat")])
def test_an_export_refuses_before_it_begins(bridge, query, message):
    answer = bridge.get(f"{EXPORT}?{query}")
    assert answer.status == 400 and answer.json()["code"] == 3
    assert answer.json()["message"] == message
