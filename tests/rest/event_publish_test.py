"""The URIs of publishing: document 003's style, exact to the letter, and ours for lists and streams."""

import json
import re
import uuid

import pytest

import publications

PUBLISH, BATCH, STREAM = "/mw/event/publish", "/v1/event/publish-batch", "/v1/event/publish-stream"
PUBLISHED = re.compile(r'\{"code":"200","message":"success","mssage":"success",'
                       r'"eventId":"([^"]*)","cursor":"([0-9]{19})","repeated":(false|true)\}')
TRACE = "0af7651916cd43dd8448eb211c80319c"


@pytest.fixture
def ident():
    return f"rest-{uuid.uuid4()}"


def publish(bridge, body, headers=None):
    """Id, position and whether it is repeated, of an answer whose form is exact."""
    answer = bridge.request("POST", PUBLISH, body, headers)
    assert answer.status == 200, answer
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    match = PUBLISHED.fullmatch(answer.body.decode())
    assert match, answer
    return match[1], int(match[2]), match[3] == "true"


def row(database, position):
    return publications.rows(database, f"position = {position}")[0]


def test_an_answer_is_exact(bridge, database, ident):
    given, position, repeated = publish(bridge, json.dumps(
        {"event": "user.created", "eventId": ident, "data": {"a": 1}, "key": "k"}))
    assert (given, repeated) == (ident, False)
    assert publish(bridge, json.dumps(
        {"event": "user.created", "eventId": ident, "data": {"a": 1}, "key": "k"}).replace(
            '{"a": 1}', '{"a": 1}')) == (ident, position, True)
    written = row(database, position)
    assert (written["name"], written["key"], written["event_id"]) == ("user.created", "k", ident)


@pytest.mark.parametrize("data", [
    "12345678901234567890123.450e+67", '{"z":1.0,"a":{"y":[1e2,-0]},"b":null}', '"\\u4e2d\\/"', "null",
    "[ 1 ,\t2 ]", "true"])
def test_data_keeps_its_bytes(bridge, database, data):
    body = '{"event":"a.b","data":' + data + "}"
    assert row(database, publish(bridge, body)[1])["data"] == data


def test_data_that_is_missing_is_null(bridge, database):
    given, position, _ = publish(bridge, '{"event":"a.b"}')
    assert uuid.UUID(given).version == 7
    assert row(database, position)["data"] == "null"


def test_who_published_from_where(bridge, database):
    _, position, _ = publish(bridge, '{"event":"a.b"}', {
        "X-Namespace": "apart", "traceparent": f"00-{TRACE}-b7ad6b7169203331-01"})
    written = row(database, position)
    assert (written["space"], written["trace_id"]) == ("apart", TRACE)
    assert written["address"].startswith("127.0.0.1:") and written["address"] != bridge.address


def test_a_conflict_is_409(bridge, ident):
    publish(bridge, json.dumps({"event": "a", "eventId": ident, "data": 1}))
    answer = bridge.post(PUBLISH, {"event": "a", "eventId": ident, "data": 2})
    assert answer.status == 409
    message = "eventId: has been published with something else"
    assert answer.json() == {"code": "409", "message": message, "mssage": message}


@pytest.mark.parametrize("body, message", [
    ({"event": ""}, "event: must have 1 to 255 bytes"),
    ({}, "event: must have 1 to 255 bytes"),
    ({"event": "a", "eventId": "i" * 256}, "eventId: must have at most 255 bytes"),
    ({"event": "a", "eventId": "a\n"}, "eventId: must not hold control characters"),
    ({"event": "a", "group": "g" * 256}, "group: must have at most 255 bytes"),
    ({"event": "a", "key": "k" * 256}, "key: must have at most 255 bytes"),
])
def test_a_field_that_breaks_its_rule_is_400(bridge, body, message):
    answer = bridge.post(PUBLISH, body)
    assert answer.status == 400
    assert answer.json() == {"code": "400", "message": message, "mssage": message}


@pytest.mark.parametrize("event", ["a..b", "a b", "a.*", "a>", "?"])
def test_a_name_that_is_none_is_400(bridge, event):
    answer = bridge.post(PUBLISH, {"event": event})
    assert answer.status == 400
    assert answer.json()["message"].startswith("event: ")


@pytest.mark.parametrize("body", ["", "{", '{"event":"a","data":}', '{"event":"a","data":01}',
                                  '{"event":"a","data":{"b":1,"b":2}}', "[]"])
def test_what_is_no_json_is_400(bridge, body):
    answer = bridge.request("POST", PUBLISH, body)
    assert (answer.status, answer.json()["code"]) == (400, "400")


def test_a_list_is_answered_one_by_one(bridge, database, ident):
    answer = bridge.post(BATCH, {"events": [
        {"event": "a", "eventId": ident, "data": {"b": 1}}, {"event": "a b"},
        {"event": "a", "eventId": ident, "data": {"b": 1}}]})
    assert answer.status == 200, answer
    first, second, third = answer.json()["outcomes"]
    assert set(first) == set(third) == {"published"}
    assert (first["published"]["repeated"], third["published"]["repeated"]) == (False, True)
    assert first["published"]["cursor"] == third["published"]["cursor"]
    assert second["error"]["details"][0]["fieldViolations"][0]["field"] == "event"
    assert row(database, first["published"]["cursor"])["event_id"] == ident


def test_a_stream_of_lines(bridge, database, ident):
    lines = "".join(json.dumps({"event": ident, "data": i}) + "\n" for i in range(50))
    answer = bridge.request("POST", STREAM, lines + '{"event":""}\n',
                            {"Content-Type": "application/x-ndjson"})
    assert answer.status == 200, answer
    told = answer.json()
    assert [int(told[name]) for name in ("published", "repeated", "refused")] == [50, 0, 1]
    assert int(told["refusals"][0]["index"]) == 50
    rows = publications.rows(database, f"name = '{ident}'")
    assert [row["data"] for row in rows] == [str(i) for i in range(50)]
