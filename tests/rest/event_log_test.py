"""The log's URIs of document 003, exact to the letter."""

import json
import re
import time
import uuid

import pytest

WRITE, FIND = "/mw/v1/event/write", "/mw/v1/event/find"
HEAD = r'\{"message":"success","status":200,"timestamp":([0-9]{13}),"results":'
WRITTEN = re.compile(HEAD + r'\[\{"eventId":("[^"]+"),"time":(-?[0-9]+)\}\]\}')
FORMS = ("must be milliseconds since 1970, or a time such as 2026-11-22T08:30:00Z, "
         "2026-11-22T08:30:00.5+08:00 or 2026-11-22 08:30:00")
EIGHT_THIRTY = 1795336200000  # 2026-11-22T08:30:00Z


@pytest.fixture(scope="module", autouse=True)
def time_zone():
    """That of the server, which is started with it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "Asia/Shanghai")
        yield


@pytest.fixture(scope="module")
def bridge(time_zone, bridge):
    return bridge


@pytest.fixture
def ident():
    return f"test-{uuid.uuid4()}"


def write(bridge, message, path=WRITE):
    """eventId and time of the answer, whose form is exact. message: JSON text, or what becomes it."""
    text = message if isinstance(message, str) else json.dumps(message)
    answer = bridge.request("POST", path, ('{"message":%s}' % text).encode())
    assert answer.status == 200, answer
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    match = WRITTEN.fullmatch(answer.body.decode())
    assert match, answer
    assert abs(int(match[1]) - time.time() * 1000) < 600000
    return json.loads(match[2]), int(match[3])


def find(bridge, ident, path=FIND, **more):
    """What stands in the list of results, and truncated."""
    answer = bridge.post(path, {"eventId": ident, "beginTime": 0, **more})
    assert answer.status == 200, answer
    match = re.fullmatch(HEAD + r'\[(.*)\],"truncated":(false|true)\}', answer.body.decode())
    assert match, answer
    assert abs(int(match[1]) - time.time() * 1000) < 600000
    return match[2], match[3]


def refused(bridge, path, request, field, rule):
    answer = bridge.post(path, request)
    assert answer.status == 400 and list(answer.json()) == ["message", "status", "timestamp", "results"]
    assert answer.json()["message"] == f"{field}: {rule}"
    assert (answer.json()["status"], answer.json()["results"]) == (400, [])


def test_what_is_written_is_found_byte_for_byte(bridge, ident):
    first = '{ "b" : 1.50, "a":[1e400,\t-0], "eventId":"%s", "文":"\\u0000\\u6587" }' % ident
    assert write(bridge, first)[0] == ident
    assert find(bridge, ident) == (first, "false")
    second = '{"eventId":"%s"}' % ident
    write(bridge, second, path=WRITE + "/")
    assert find(bridge, ident, path=FIND + "/") == (f"{first},{second}", "false")


def test_an_id_and_a_time_are_made_if_there_are_none(bridge):
    before = time.time() * 1000 - 1
    ident, at = write(bridge, "{}")
    assert uuid.UUID(ident).version == 7 and before <= at <= time.time() * 1000 + 1
    assert find(bridge, ident) == ("{}", "false")


def test_nothing_is_found(bridge, ident):
    assert find(bridge, ident) == ("", "false")
    answer = bridge.post(FIND, {"eventId": ident, "beginTime": "0", "endTime": 1})
    assert re.fullmatch(HEAD + r'\[\],"truncated":false\}', answer.body.decode())


@pytest.mark.parametrize("given, at", [
    (EIGHT_THIRTY, EIGHT_THIRTY), (str(EIGHT_THIRTY), EIGHT_THIRTY),
    ("2026-11-22T08:30:00Z", EIGHT_THIRTY), ("2026-11-22T16:30:00+08:00", EIGHT_THIRTY),
    ("2026-11-22T16:30:00.250", EIGHT_THIRTY + 250), ("2026-11-22 16:30:00", EIGHT_THIRTY),
    ("2026-11-22 08:30:00Z", EIGHT_THIRTY)])
def test_times_in_all_forms(bridge, ident, given, at):
    message = json.dumps({"eventId": ident, "time": given})
    assert write(bridge, message) == (ident, at)
    assert find(bridge, ident, beginTime=given, endTime=given) == (message, "false")
    assert find(bridge, ident, beginTime=at + 1, endTime=at + 1) == ("", "false")
    assert find(bridge, ident, beginTime=at - 1, endTime=at - 1) == ("", "false")


def test_columns_are_picked(bridge, ident):
    write(bridge, '{"z": 1.50,"eventId":"%s","a":{"y" : 2}}' % ident)
    assert find(bridge, ident, columns=["a", "z", "none"])[0] == '{"z":1.50,"a":{"y" : 2}}'
    assert find(bridge, ident, columns=[])[0].startswith('{"z": 1.50,')
    assert find(bridge, ident, columns=["none"])[0] == "{}"


@pytest.mark.parametrize("message, field, rule", [
    ({"eventId": 1}, "message.eventId", "must be a text of 1 to 255 bytes without control characters"),
    ({"time": "soon"}, "message.time", FORMS), ([], "message", "must be a JSON object"),
    ("{}", "message", "must be a JSON object"), (None, "message", "is required")])
def test_messages_that_break_a_rule(bridge, message, field, rule):
    refused(bridge, WRITE, {"message": message}, field, rule)


@pytest.mark.parametrize("request_, field, rule", [
    ({"beginTime": 0}, "eventId", "is required"), ({"eventId": "x"}, "beginTime", "is required"),
    ({"eventId": "x", "beginTime": "16:30"}, "beginTime", FORMS),
    ({"eventId": "x", "beginTime": 0.5}, "beginTime", FORMS),
    ({"eventId": "x", "beginTime": 0, "endTime": "tomorrow"}, "endTime", FORMS),
    ({"eventId": "x", "beginTime": 2, "endTime": 1}, "beginTime", "must not be after endTime")])
def test_requests_that_break_a_rule(bridge, request_, field, rule):
    refused(bridge, FIND, request_, field, rule)


def test_what_document_003_does_not_have_is_ignored(bridge, ident):
    assert bridge.post(WRITE, {"message": {"eventId": ident}, "more": 1}).status == 200
    assert find(bridge, ident, more=1)[0] == '{"eventId": "%s"}' % ident
