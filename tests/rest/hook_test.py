"""The hooks' URIs (document 001, 3.2), exact to the letter: always HTTP 200, code 0 or another."""

import json

import pytest

import programs
import raw_upstream

HOOKS = ("client_authentication", "signature", "site_authentication", "permission")
YES = b'{"code":0,"msg":"fine","data":"c2ln"}'
ASKED = {
    "client_authentication": {"full_path": "/v1/job?", "headers": {"A": "b"}},
    "signature": {"party_id": "9999", "body": {"a": 1}},
    "site_authentication": {"src_party_id": "10000", "site_signature": "c2ln", "body": {"a": 1}},
    "permission": {"src_role": None, "src_party_id": "10000", "component_list": ["reader"],
                   "dataset_list": []}}


@pytest.fixture(scope="module")
def server(database):
    server = programs.Server(database.url, "--hook-server", "hooks")
    yield server
    server.stop()


@pytest.fixture(scope="module")
def third_party():
    with programs.Upstream(lambda request: third_party.reply) as third_party:
        yield third_party


def register(bridge, port, **more):
    assert bridge.post("/v1/server/hooks/register",
                       {"host": "127.0.0.1", "port": port}).json()["retcode"] == 0
    for name in HOOKS:
        assert bridge.post("/v1/service/registry", {
            "server_name": "hooks", "service_name": name, "uri": "/" + name,
            **more}).json()["retcode"] == 0


@pytest.fixture
def third(bridge, third_party):
    third_party.reply = 200, {}, YES
    third_party.requests.clear()
    register(bridge, third_party.port)
    return third_party


@pytest.fixture
def ask(bridge):
    def ask(hook, value=None, **fields):
        body = value if isinstance(value, (str, bytes)) else json.dumps({**ASKED[hook], **fields})
        answer = bridge.request("POST", f"/v1/auth/{hook}", body)
        assert answer.status == 200
        assert answer.headers["Content-Type"].startswith("application/json")
        return answer.body.decode()
    return ask


UNKNOWN = 500  # what a third party that answers other than it must comes to


def no(code, message):
    text = json.dumps(message, ensure_ascii=False)
    return f'{{"code":{code},"msg":{text},"message":{text}}}'


@pytest.mark.parametrize("hook", HOOKS)
def test_a_yes(ask, third, hook):
    more = ',"site_signature":"c2ln","data":"c2ln"' if hook == "signature" else ""
    assert ask(hook) == '{"code":0,"msg":"success","message":"success"' + more + "}"
    assert third.requests[-1].path == "/" + hook


@pytest.mark.parametrize("hook", HOOKS)
def test_a_no_has_the_third_partys_number_and_reason(ask, third, hook):
    third.reply = 200, {}, '{"code":4711,"msg":"keine \\"Rechte\\" für dich"}'.encode()
    assert ask(hook) == no(4711, f'hooks.{hook} refused: keine "Rechte" für dich')
    third.reply = 200, {}, b'{"code":-1,"message":"other"}'
    assert ask(hook) == no(-1, f"hooks.{hook} refused: other")


@pytest.mark.parametrize("hook", HOOKS)
@pytest.mark.parametrize("reply, message", [
    ((200, {}, b'{"code":"0"}'), 'answered with a code that is no integer: "0"'),
    ((200, {}, b'{"code":false}'), "answered with a code that is no integer: false"),
    ((200, {}, b"{}"), "answered without a code"),
    ((200, {}, b'{"code":0'), "answered something else than a JSON object"),
    ((200, {}, b"<html/>"), "answered something else than a JSON object"),
    ((201, {}, YES), "answered HTTP 201, where only 200 counts: fine"),
    ((204, {}, b""), "answered HTTP 204, where only 200 counts"),
    ((302, {"Location": "/"}, YES), "answered HTTP 302, Found: fine"),
    ((401, {}, b'{"code":109,"msg":"who?"}'), "answered HTTP 401, Unauthorized: who?"),
])
def test_what_is_no_clear_answer_is_an_error(ask, third, hook, reply, message):
    third.reply = reply
    assert ask(hook) == no(UNKNOWN, f"hooks.{hook} {message}")


@pytest.mark.parametrize("body", [b'{"code":0}', b'{"code":0,"data":""}',
                                  b'{"code":0,"data":"a","site_signature":"b"}'])
def test_no_signature_is_an_error(ask, third, body):
    third.reply = 200, {}, body
    assert json.loads(ask("signature"))["code"] == UNKNOWN


@pytest.mark.parametrize("hook", HOOKS)
def test_one_that_hangs_or_is_not_there_is_100(ask, bridge, third, hook):
    def hang(connection, request):
        raw_upstream.until_gone(connection)
        return True
    with raw_upstream.RawUpstream(hang) as raw:
        register(bridge, raw.port, timeout_ms=1000)
        answer = json.loads(ask(hook))
        assert answer["code"] == 100 and f"127.0.0.1:{raw.port}" in answer["msg"]
    register(bridge, programs.free_port())
    answer = json.loads(ask(hook))
    assert answer["code"] == 100 and "was not reached" in answer["msg"]
    assert answer["msg"] == answer["message"]


@pytest.mark.parametrize("hook, field", [(hook, field) for hook, fields in ASKED.items()
                                         for field in fields
                                         if field != "src_role"
                                         and (hook, field) != ("site_authentication",
                                                               "src_party_id")])
def test_a_required_field_that_is_missing_or_null_is_101(ask, third, hook, field):
    without = {name: value for name, value in ASKED[hook].items() if name != field}
    assert ask(hook, json.dumps(without)) == no(101, f"{field}: is required")
    assert ask(hook, **{field: None}) == no(101, f"{field}: is required")
    assert not third.requests


@pytest.mark.parametrize("body", ["", "[]", "null", '{"party_id":', '{"party_id":1,"party_id":2}',
                                  '{"party_id":{}}', b'{"party_id":"\xff"}'])
def test_what_is_no_question_is_101(ask, third, body):
    answer = json.loads(ask("signature", body))
    assert answer["code"] == 101 and answer["msg"] == answer["message"]
    assert not third.requests


def test_what_fate_flow_sends_reaches_the_third_party_to_the_byte(ask, third):
    ask("client_authentication",
        '{"full_path": "/v1/job/submit?", "headers": {"Host": "x", "N": 1.0}, "form": {"f": "g"},'
        ' "data": "{\\"a\\": 1}", "json": {"a": 1}, "also": [1.10, "\\u00fc"]}')
    assert third.requests[-1].body == (
        b'{"full_path":"/v1/job/submit?","headers":{"Host": "x", "N": 1.0},"form":{"f": "g"},'
        b'"data":"{\\"a\\": 1}","json":{"a": 1},"also":[1.10, "\\u00fc"]}')
    ask("signature", '{"body": {"z": 1.0, "a": 12345678901234567890}, "party_id": 9999}')
    assert third.requests[-1].body == (
        b'{"party_id":"9999","body":{"z": 1.0, "a": 12345678901234567890}}')
    ask("site_authentication", '{"src_party_id": 0, "site_signature": "s", "body": []}')
    assert third.requests[-1].body == b'{"src_party_id":"9999","site_signature":"s","body":[]}'
    ask("site_authentication", '{"site_signature": "s", "body": false}')
    assert third.requests[-1].body == b'{"src_party_id":"9999","site_signature":"s","body":false}'
    ask("permission",
        '{"src_role": null, "src_party_id": "10000", "initiator": {"role": "guest", "party_id": 1},'
        ' "roles": {"guest": [1], "host": [2]}, "component_list": ["reader", "heterolr", "reader"],'
        ' "dataset_list": [{"namespace": "n", "name": "m"}], "run_time_conf": {"dsl_version": 2},'
        ' "dsl": {"components": {}}, "component_parameters": {"reader": [{"a": null}]},'
        ' "role": "host", "party_id": 9999}')
    assert third.requests[-1].body.decode() == (
        '{"src_role":null,"src_party_id":"10000","initiator":{"role": "guest", "party_id": 1},'
        '"roles":{"guest": [1], "host": [2]},"component_list":["reader", "heterolr", "reader"],'
        '"dataset_list":[{"namespace": "n", "name": "m"}],"run_time_conf":{"dsl_version": 2},'
        '"dsl":{"components": {}},"component_parameters":{"reader": [{"a": null}]},'
        '"role":"host","party_id":"9999"}')


def test_headers_may_be_text_that_holds_an_object(ask, third):
    ask("client_authentication", headers='{"A": "b"}')
    assert json.loads(third.requests[-1].body)["headers"] == {"A": "b"}
    assert ask("client_authentication", headers=["A"]) == no(
        101, "headers: must be a JSON object, or a string holding one")


def test_the_content_type_and_a_slash_at_the_end_do_not_matter(bridge, third):
    answer = bridge.request("POST", "/v1/auth/permission/", json.dumps(ASKED["permission"]),
                            {"Content-Type": "text/plain"})
    assert answer.body == b'{"code":0,"msg":"success","message":"success"}'
    assert third.requests[-1].headers["Content-Type"] == "application/json"


def test_nobody_who_answers_is_108(database):
    server = programs.Server(database.url, "--hook-fallback", "refuse")
    bridge = programs.Bridge(server)
    answer = bridge.post("/v1/auth/permission", ASKED["permission"])
    assert answer.status == 200
    assert answer.body.decode() == no(
        108, "nobody answers permission: no server is named by --hook-server, and "
        "--hook-fallback is refuse")
    bridge.stop()
    server.stop()
