"""POST /mw/notice/send: document 003's answers, to the letter."""

import json
import re
import uuid

import pytest

import programs
import sending

SEND = "/mw/notice/send"
SENT = re.compile(r'\{"code":"200","message":"success","mssage":"success",'
                  r'"noticeId":"([0-9a-f-]{36})","deliveries":([0-9]+),"repeated":(false|true)\}')
GIVEN = {"sender": "shop", "title": "标题", "message": "It is here.", "users": "alice"}
TRACE = "0af7651916cd43dd8448eb211c80319c"


@pytest.fixture(scope="module")
def server(database):
    """It sends nothing on: what waits stays as it was sent."""
    server = programs.Server(database.url, "--notice-member-ms", "0")
    yield server
    server.stop()


@pytest.fixture(scope="module")
def sender(stubs, channel, database):
    return sending.Sender(stubs, channel, database)


def send(bridge, body, headers=None):
    """Id, number of deliveries and whether it is repeated, of an answer whose form is exact."""
    answer = bridge.request("POST", SEND, body if isinstance(body, (str, bytes)) else json.dumps(body),
                            headers)
    assert answer.status == 200, answer
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    match = SENT.fullmatch(answer.body.decode())
    assert match, answer
    return match[1], int(match[2]), match[3] == "true"


def row(sender, notice_id):
    return sender.notice(sender.m.SendResponse(notice_id=notice_id))


def refused(bridge, status, message, fields):
    answer = bridge.post(SEND, {**GIVEN, **fields})
    assert (answer.status, answer.json()) == (
        status, {"code": str(status), "message": message, "mssage": message})


def test_an_answer_is_exact(bridge, sender):
    notice_id, deliveries, repeated = send(bridge, {**GIVEN, "users": "alice, bob"}, {
        "X-Namespace": "apart", "traceparent": f"00-{TRACE}-b7ad6b7169203331-01"})
    assert (deliveries, repeated) == (2, False)
    notice = row(sender, notice_id)
    assert (notice["title"], notice["space"], notice["trace_id"]) == ("标题", "apart", TRACE)
    assert notice["address"].startswith("127.0.0.1:") and notice["address"] != bridge.address


@pytest.mark.parametrize("content_type", [None, "text/plain", "application/x-www-form-urlencoded", "x"])
def test_the_content_type_does_not_count(bridge, sender, content_type):
    headers = {"Content-Type": content_type} if content_type else {}
    assert row(sender, send(bridge, GIVEN, headers)[0])["sender"] == "shop"


def test_the_message_in_either_spelling(bridge, sender):
    given = {**GIVEN, "mssage": "in the document's spelling"}
    del given["message"]
    assert row(sender, send(bridge, given)[0])["message"] == "in the document's spelling"


@pytest.mark.parametrize("params", ['{"b":1.50,"a":[1e2,-0]}', '"{\\"b\\":1.50,\\"a\\":[1e2,-0]}"'])
def test_params_keep_their_bytes(bridge, sender, params):
    body = json.dumps(GIVEN)[:-1] + ',"params":' + params + "}"
    assert row(sender, send(bridge, body)[0])["params"] == '{"b":1.50,"a":[1e2,-0]}'


def test_what_is_not_known_is_ignored(bridge):
    send(bridge, {**GIVEN, "priority": "high"})


def test_the_key_is_a_header(bridge, sender):
    headers = {"Idempotency-Key": str(uuid.uuid4())}
    first = send(bridge, GIVEN, headers)
    assert send(bridge, GIVEN, headers) == (first[0], 1, True)
    answer = bridge.request("POST", SEND, json.dumps({**GIVEN, "title": "other"}), headers)
    message = "idempotencyKey: has sent something else"
    assert (answer.status, answer.json()) == (
        409, {"code": "409", "message": message, "mssage": message})


def test_a_list_of_ten_thousand_users(bridge, sender):
    users = [f"user-{i}" for i in range(10_000)]
    notice_id, deliveries, _ = send(bridge, {**GIVEN, "users": ", ".join(users)})
    assert deliveries == 10_000
    response = sender.m.SendResponse(notice_id=notice_id)
    sender.wait_spread(response)
    assert sorted(sender.users(response)) == sorted(users)


@pytest.mark.parametrize("message, fields", [
    ("sender: is required", {"sender": ""}),
    ("title: is required", {"title": None}),
    ("message: is required", {"message": ""}),
    ("users: is required, or groups instead", {"users": ""}),
    ("groups: must not be given beside users", {"groups": "staff"}),
    ("users: name 2 is empty", {"users": "alice,,bob"}),
    ("title: must not hold control characters", {"title": "a\r\nBcc: b"}),
    ("params: must be a JSON object, or a string holding one", {"params": [1]}),
    ("reply: needs a template", {"reply": True}),
])
def test_a_field_that_breaks_its_rule_is_400(bridge, message, fields):
    refused(bridge, 400, message, fields)


def test_a_missing_param_is_400(bridge, sender):
    sender.put_template("rest-code", "{{code}}")
    refused(bridge, 400, 'params: "code" is missing, template "rest-code" needs it',
            {"template": "rest-code", "params": {"Code": 1}})


@pytest.mark.parametrize("message, fields", [
    ('channel: there is no channel "pigeon"', {"channel": "pigeon"}),
    ('template: there is no template "nix"', {"template": "nix"}),
    ('groups: there is no group "nix"', {"users": None, "groups": "nix"}),
])
def test_what_is_not_there_is_404(bridge, message, fields):
    refused(bridge, 404, message, fields)


def test_an_attachment_that_is_not_there_is_404(bridge):
    answer = bridge.post(SEND, {**GIVEN, "attachments": str(uuid.uuid4())})
    assert answer.status == 404 and answer.json()["message"].startswith("attachments: ")


def test_a_disabled_channel_is_400(bridge, sender):
    sender.put_channel("mail", enabled=False)
    refused(bridge, 400, 'channel: "mail" is disabled', {"channel": "mail"})


@pytest.mark.parametrize("body", ["", "{", "[]", '{"sender":"a","sender":"b"}'])
def test_what_is_no_object_is_400(bridge, body):
    answer = bridge.request("POST", SEND, body)
    assert (answer.status, answer.json()["code"]) == (400, "400")
