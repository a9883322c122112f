"""The registry's URIs, exact to the letter (documents 001 and 003)."""

import json

import pytest

import programs


@pytest.fixture(scope="module")
def upstream():
    def answer(request):
        path = request.path.partition("?")[0]
        if path == "/list":
            return 200, {"Content-Type": "text/html"}, b'{"z":1.0,"a":[1e400,{"k":"v"}]}'
        if path == "/text":
            return 200, {}, "grüße".encode()
        if path == "/bytes":
            return 200, {}, b"\xff\xfe"
        if path == "/none":
            return 204, {}, b""
        if path == "/bad":
            return 418, {}, b'"teapot"'
        return 200, {}, json.dumps({"method": request.method, "path": request.path,
                                    "type": request.headers.get("Content-Type"),
                                    "x": request.headers.get("X-Demo"),
                                    "body": request.body.decode()}).encode()
    with programs.Upstream(answer) as upstream:
        yield upstream


@pytest.fixture(scope="module")
def demo(bridge, upstream):
    assert bridge.post("/v1/server/demo/register",
                       {"host": "127.0.0.1", "port": upstream.port}).json()["retcode"] == 0
    for name in ("list", "text", "bytes", "none", "bad", "echo"):
        assert bridge.post("/v1/service/registry", {
            "server_name": "demo", "service_name": name, "uri": "/" + name,
            "method": "GET"}).json()["retcode"] == 0
    return bridge


def test_registering_a_server_answers_as_fate_flow_does(bridge):
    answer = bridge.post("/v1/server/one/register", {"host": "10.0.0.1", "port": "9380"})
    assert answer.status == 200
    assert answer.body == b'{"retcode":0,"retmsg":"success"}'
    assert answer.headers["Content-Type"].startswith("application/json")
    got = bridge.post("/v1/server/ONE/get", {})
    assert got.json() == {"retcode": 0, "retmsg": "success",
                          "data": {"host": "10.0.0.1", "port": 9380, "protocol": "http"}}
    assert bridge.post("/v1/server/service/one/get/", {}).json() == got.json()
    assert bridge.post("/v1/server/nobody/get", {}).body == b'{"retcode":0,"retmsg":"success"}'


def test_all_servers_are_listed_by_name(bridge):
    bridge.post("/v1/server/service/Two/register", {"host": "10.0.0.2", "port": 2})
    for path in ("/v1/server/get", "/v1/server/service/get"):
        data = bridge.request("POST", path).json()["data"]
        assert data["Two"] == {"host": "10.0.0.2", "port": 2, "protocol": "http"}


@pytest.mark.parametrize("body, field", [
    ({"port": 1}, "host"), ({"host": "h"}, "port"), ({"host": "h", "port": 0}, "port"),
    ({"host": "h", "port": 65536}, "port"), ({"host": "h", "port": "x"}, "port"),
    ({"host": "h", "port": 1.5}, "port"), ({"host": 7, "port": 1}, "host"),
    ({"host": "h", "port": 1, "protocol": "ftp"}, "protocol"), ({"host": "a b", "port": 1}, "host"),
])
def test_a_wrong_argument_is_101_and_named(bridge, body, field):
    answer = bridge.post("/v1/server/wrong/register", body)
    assert answer.status == 200
    assert answer.json()["retcode"] == 101 and field in answer.json()["retmsg"]
    assert "data" not in answer.json()


@pytest.mark.parametrize("name", ["get", "service", "registry", "Auth", "api_reader", "event",
                                  "audit", "NOTICE", "$node"])
def test_reserved_names_are_refused(bridge, name):
    answer = bridge.post(f"/v1/server/{name}/register", {"host": "h", "port": 1})
    assert answer.json()["retcode"] == 101 and "server_name" in answer.json()["retmsg"]


@pytest.mark.parametrize("body", ["", "[]", "7", "{", '{"host":"h","host":"g","port":1}',
                                  '{"host":"\\ud800","port":1}', "[" * 70 + "]" * 70])
def test_a_body_that_is_no_json_object_is_101(bridge, body):
    answer = bridge.request("POST", "/v1/server/odd/register", body)
    assert answer.status == 200 and answer.json()["retcode"] == 101


def test_json_is_parsed_whatever_its_content_type(bridge):
    answer = bridge.request("POST", "/v1/server/plain/register", '{"host":"h","port":1}',
                            {"Content-Type": "text/plain"})
    assert answer.json()["retcode"] == 0


def test_registering_a_service(bridge):
    bridge.post("/v1/server/three/register", {"host": "10.0.0.3", "port": 3})
    answer = bridge.request(
        "POST", "/v1/service/registry",
        '{"server_name":"THREE","service_name":"upload","uri":"u","params":{"b":1.0,"a":1e3}}')
    assert answer.json() == {"retcode": 0, "retmsg": "success", "data": {}}
    answer = bridge.post("/v1/service/query", {"service_name": "upload", "server_name": "three"})
    row = answer.json()["data"]["service_info"][0]
    assert row["f_url"] == "http://10.0.0.3:3/u" and row["f_method"] == "POST"
    assert b'"f_params":{"b":1.0,"a":1e3}' in answer.body  # byte-exact
    assert isinstance(row["f_create_time"], int)
    # The server moves: its services go along. Another protocol of the service's own wins.
    bridge.post("/v1/server/three/register", {"host": "::1", "port": 4, "protocol": "https"})
    row = bridge.post("/v1/service/query", {"service_name": ["upload", "x"]}).json()
    assert row["data"]["service_info"][0]["f_url"] == "https://[::1]:4/u"
    bridge.post("/v1/service/registry", {"server_name": "three", "service_name": "upload",
                                         "uri": "/v", "protocol": "http", "method": "get"})
    row = bridge.post("/v1/service/query", {"service_name": "upload", "url": None}).json()
    row = row["data"]["service_info"][0]
    assert (row["f_url"], row["f_method"], row["f_params"]) == ("http://[::1]:4/v", "GET", {})


def test_what_a_service_registration_refuses(bridge):
    def post(value):
        answer = bridge.post("/v1/service/registry", value).json()
        return answer["retcode"], answer["retmsg"]
    code, text = post({"server_name": "ghost", "service_name": "s", "uri": "/"})
    assert code == 100 and "no found server ghost" in text
    code, text = post({"service_name": "s", "uri": "/"})
    assert code == 101 and "server_name" in text
    assert post({})[0] == 101
    code, text = post({"server_name": "three", "uri": "/"})
    assert code == 101 and "service_name" in text
    code, text = post({"server_name": "three", "service_name": "s", "uri": "/", "methd": "GET"})
    assert code == 101 and "methd" in text
    code, text = post({"server_name": "three", "service_name": "s", "uri": "/", "method": "BREW"})
    assert code == 101 and "method" in text
    code, text = post({"server_name": "three", "service_name": "s", "uri": "/", "params": [1]})
    assert code == 101 and "params" in text


def test_a_service_with_an_address_of_its_own(bridge):
    answer = bridge.post("/v1/service/registry", {
        "server_name": "adhoc", "service_name": "own", "uri": "/o",
        "server_info": {"host": "10.9.9.9", "port": 99}})
    assert answer.json()["retcode"] == 0
    row = bridge.post("/v1/service/query", {"service_name": "own"}).json()
    assert row["data"]["service_info"][0]["f_url"] == "http://10.9.9.9:99/o"
    assert "data" not in bridge.post("/v1/server/adhoc/get", {}).json()


def test_the_bulk_form(bridge):
    body = {"bulkA": {"host": "10.1.0.1", "port": 1, "api": {"s1": {"uri": "/1"},
                                                            "s2": {"uri": "2", "method": "GET"}}},
            "bulkB": {"host": "10.1.0.2", "port": "2"}}
    assert bridge.post("/v1/service/registry", body).json() == {
        "retcode": 0, "retmsg": "success", "data": {}}
    assert bridge.post("/v1/server/bulkb/get", {}).json()["data"]["port"] == 2
    rows = bridge.post("/v1/service/query", {"service_name": ["s1", "s2"]}).json()
    assert [r["f_url"] for r in rows["data"]["service_info"]] == [
        "http://10.1.0.1:1/1", "http://10.1.0.1:1/2"]
    body["bulkC"] = {"host": "10.1.0.3", "port": 0}
    body["bulkA"]["port"] = 7
    answer = bridge.post("/v1/service/registry", body).json()
    assert answer["retcode"] == 101 and "bulkC" in answer["retmsg"]
    assert bridge.post("/v1/server/bulkA/get", {}).json()["data"]["port"] == 1


def test_query_needs_a_service_name(bridge):
    answer = bridge.post("/v1/service/query", {"server_name": "three"}).json()
    assert answer == {"retcode": 101, "retmsg": "required argument are missing: service_name; "}
    assert bridge.post("/v1/service/query", {"service_name": "nothing", "odd": 1}).json() == {
        "retcode": 0, "retmsg": "success", "data": {"service_info": []}}


def test_deleting(bridge):
    bridge.post("/v1/server/gone/register", {"host": "10.0.0.9", "port": 9})
    for name in ("a", "b"):
        bridge.post("/v1/service/registry", {"server_name": "gone", "service_name": "del" + name,
                                             "uri": "/"})
    done = bridge.post("/v1/service/delete", {"server_name": "GONE", "service_name": "dela"})
    assert done.json() == {"retcode": 0, "retmsg": "success"}
    assert bridge.post("/v1/service/delete", {"server_name": "gone", "service_name": "dela"}
                       ).json()["retcode"] == 100
    assert bridge.post("/v1/server/gone/delete", {}).json()["retcode"] == 0
    assert bridge.post("/v1/server/gone/delete", {}).json()["retcode"] == 100
    rows = bridge.post("/v1/service/query", {"service_name": ["dela", "delb"]}).json()
    assert rows["data"]["service_info"] == []


def test_services_are_a_bare_list(demo, upstream):
    answer = demo.get("/mw/services?name=DEMO")
    assert answer.status == 200
    node = f"127.0.0.1:{upstream.port}"
    assert answer.json() == [{"name": "demo", "fullName": "demo", "available": True, "local": False,
                              "nodes": [node], "Nodes": [node], "settings": {}, "version": ""}]
    names = [s["name"] for s in demo.get("/mw/services").json()]
    assert "demo" in names and "$node" in names
    assert demo.get("/mw/services?name=nobody").json() == []


def test_actions_are_a_bare_list(demo):
    actions = demo.get("/mw/actions?service=demo").json()
    assert {"name": "demo.list", "available": True,
            "action": {"name": "demo.list", "method": "GET", "uri": "/list"},
            "params": {}, "cache": {}} in actions
    missing = demo.get("/mw/actions")
    assert missing.status == 400
    assert missing.json()["code"] == "400" and "service" in missing.json()["mssage"]
    assert missing.json()["message"] == missing.json()["mssage"]
    assert demo.get("/mw/actions?service=nobody").status == 404
    assert demo.get("/mw/events?service=demo").json() == []
    assert demo.get("/mw/events").status == 400


def test_calling_an_action(demo):
    answer = demo.post("/mw/call", {"service": "demo", "action": "list"})
    assert answer.status == 200
    assert answer.json()["code"] == "200"
    assert answer.json()["message"] == answer.json()["mssage"] == "success"
    # Numbers keep their digits, members their order, though the upstream calls it HTML.
    assert b'"result":{"z":1.0,"a":[1e400,{"k":"v"}]}' in answer.body
    assert demo.post("/mw/call", {"service": "DEMO", "action": "demo.text"}).json()["result"] == "grüße"
    assert demo.post("/mw/call", {"service": "demo", "action": "bytes"}).json()["result"] == {
        "base64": "//4="}
    none = demo.post("/mw/call", {"service": "demo", "action": "none"}).json()
    assert none["code"] == "200" and none["result"] is None
    bad = demo.post("/mw/call", {"service": "demo", "action": "bad"})
    assert bad.status == 200 and bad.json()["code"] == "418" and bad.json()["result"] == "teapot"


def test_what_a_call_sends(demo):
    def echo(**more):
        return demo.post("/mw/call", {"service": "demo", "action": "echo", **more}).json()["result"]
    assert echo()["method"] == "GET"
    assert echo(method="delete")["method"] == "DELETE"
    assert echo(header={"X-Demo": 7})["x"] == "7"
    assert echo(header='{"X-Demo":"s"}')["x"] == "s"
    assert echo(param='{"a":"&="}')["path"] == "/echo?a=%26%3D"
    assert echo(param={"a": [1, True], "o": {"k": 1}})["path"].startswith("/echo?a=1&a=true&o=%7B")
    sent = echo(method="POST", body={"k": 1})
    assert json.loads(sent["body"]) == {"k": 1} and sent["type"].startswith("application/json")
    assert echo(method="POST", body='{"k": 1}')["body"] == '{"k": 1}'
    sent = echo(method="POST", body="just text")
    assert sent["body"] == "just text" and sent["type"].startswith("text/plain")
    assert echo(method="GET", body={"k": 1})["body"] == '{"k": 1}'


@pytest.mark.parametrize("name", ["Host", "content-length", "Connection", "junction-hops", "a b",
                                  "Transfer-Encoding", "TE", "Upgrade"])
def test_a_call_may_not_set_these_headers(demo, name):
    answer = demo.post("/mw/call", {"service": "demo", "action": "list", "header": {name: "x"}})
    assert answer.status == 400 and "header" in answer.json()["message"]


@pytest.mark.parametrize("value", ["a\r\nb: c", "a\nb", "a\u0000b"])
def test_a_call_may_not_smuggle_headers(demo, value):
    answer = demo.post("/mw/call", {"service": "demo", "action": "list", "header": {"x": value}})
    assert answer.status == 400


def test_what_a_call_refuses(demo):
    assert demo.post("/mw/call", {"action": "list"}).status == 400
    assert demo.post("/mw/call", {"service": "demo"}).status == 400
    missing = demo.post("/mw/call", {"service": "demo", "action": "nope"})
    assert missing.status == 404 and missing.json()["code"] == "404"
    assert demo.post("/mw/call", {"service": "nobody", "action": "x"}).status == 404
    demo.post("/v1/server/dead/register", {"host": "127.0.0.1", "port": programs.free_port()})
    demo.post("/v1/service/registry", {"server_name": "dead", "service_name": "x", "uri": "/"})
    dead = demo.post("/mw/call", {"service": "dead", "action": "x"})
    assert dead.status == 503 and dead.headers["Retry-After"]


@pytest.mark.parametrize("host", ["169.254.169.254", "224.0.0.1", "0.0.0.0", "::ffff:169.254.1.1"])
def test_a_call_never_connects_to_a_forbidden_address(demo, host):
    demo.post("/v1/server/evil/register", {"host": host, "port": 80})
    demo.post("/v1/service/registry", {"server_name": "evil", "service_name": "x", "uri": "/"})
    answer = demo.post("/mw/call", {"service": "evil", "action": "x"})
    assert answer.status == 403 and answer.json()["code"] == "403"


def test_a_call_never_reaches_junction_itself(demo, server):
    port = int(server.address.rsplit(":", 1)[1])
    demo.post("/v1/server/self/register", {"host": "127.0.0.1", "port": port})
    demo.post("/v1/service/registry", {"server_name": "self", "service_name": "x", "uri": "/"})
    assert demo.post("/mw/call", {"service": "self", "action": "x"}).status == 403


def test_a_loop_ends_at_eight_hops(demo):
    body = json.dumps({"service": "demo", "action": "list"})
    assert demo.request("POST", "/mw/call", body, {"Junction-Hops": "7"}).json()["code"] == "200"
    ended = demo.request("POST", "/mw/call", body, {"Junction-Hops": "8"})
    assert ended.status == 400 and "loop" in ended.json()["message"]


def test_node_lists_as_moleculer_does(demo):
    for service in ("$node", "$Nodes"):
        answer = demo.post("/mw/call", {"service": service, "action": "services"}).json()
        assert answer["code"] == "200"
        assert "demo" in [s["name"] for s in answer["result"]]
    actions = demo.post("/mw/call", {"service": "$node", "action": "actions"}).json()["result"]
    assert "demo.list" in [a["name"] for a in actions]


def test_the_bridge_reports_its_health(bridge):
    assert bridge.get("/healthz").status == 200
    assert bridge.get("/readyz").status == 200
    health = bridge.get("/mw/server/health")
    assert health.status == 200
    assert health.json()["code"] == "200" and health.json()["mssage"] == health.json()["message"]
