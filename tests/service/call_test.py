"""Call over gRPC: what reaches the upstream, what comes back, and what $node says."""

import json
import threading

import grpc
import pytest

import programs

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.fixture(scope="module")
def upstream():
    """Echoes, or does what the path says."""
    left = threading.Event()

    def answer(request):
        path = request.path.split("?")[0]
        if path == "/hang":
            # The connection is readable when Junction has closed it.
            request.connection.recv(1)
            left.set()
            return 200, {}, b""
        if path == "/large":
            count = int(request.path.split("=")[1])
            return 200, {}, b"[" + b"0," * (count - 1) + b"0]"
        return 200, {}, json.dumps({
            "method": request.method, "path": request.path, "body": request.body.decode(),
            "headers": {k.lower(): v for k, v in request.headers.items()}}).encode()

    with programs.Upstream(answer) as upstream:
        upstream.left = left
        yield upstream


@pytest.fixture(scope="module")
def call(registry, stubs, upstream):
    m = stubs.registry
    registry.RegisterServer(m.RegisterServerRequest(server_name="Up", host="127.0.0.1",
                                                    port=upstream.port))
    for name in ("echo", "hang", "large"):
        registry.RegisterService(m.RegisterServiceRequest(server_name="up", service_name=name,
                                                          uri="/" + name, method="POST"))

    def call(action="echo", metadata=(), timeout=None, service="up", **fields):
        return registry.Call(m.CallRequest(service=service, action=action, **fields),
                             metadata=metadata, timeout=timeout)
    return call


def refusal(function):
    with pytest.raises(grpc.RpcError) as caught:
        function()
    return caught.value.code(), caught.value.details()


def test_junction_says_who_calls_in_which_trace_and_how_far_it_has_come(call):
    seen = json.loads(call(metadata=(("traceparent", f"00-{TRACE}-00f067aa0ba902b7-01"),)).result)
    version, trace, parent, flags = seen["headers"]["traceparent"].split("-")
    assert (version, trace, flags) == ("00", TRACE, "01")
    assert len(parent) == 16 and parent != "00f067aa0ba902b7"
    assert seen["headers"]["junction-hops"] == "1"
    assert seen["headers"]["user-agent"].startswith("junction/")
    given = f"00-{'1' * 32}-{'2' * 16}-00"
    seen = json.loads(call(header=json.dumps({"Traceparent": given})).result)
    assert seen["headers"]["traceparent"] == given


def test_the_body_says_what_it_is_unless_the_caller_does(call):
    assert json.loads(call(body='{"a":1}').result)["headers"]["content-type"] == "application/json"
    seen = json.loads(call(body="hello").result)
    assert seen["headers"]["content-type"] == "text/plain; charset=utf-8"
    seen = json.loads(call(body="a=b", header='{"content-type":"text/x"}').result)
    assert seen["headers"]["content-type"] == "text/x" and seen["body"] == "a=b"
    seen = json.loads(call().result)
    assert "content-type" not in seen["headers"] and seen["headers"]["content-length"] == "0"


def test_head_takes_no_body(call):
    assert call(method="HEAD").result == "null"
    code, details = refusal(lambda: call(method="HEAD", body="x"))
    assert code == grpc.StatusCode.INVALID_ARGUMENT and details.startswith("body: ")


@pytest.mark.parametrize("fields, path", [
    ({"method": "TRACE"}, "method: "), ({"param": "[1]"}, "param: "), ({"header": "x"}, "header: "),
    ({"header": '{"junction-hops":"0"}'}, "header.junction-hops: "), ({"action": ""}, "action: "),
    ({"service": ""}, "service: "), ({"service": "x" * 256}, "service: ")])
def test_a_refusal_names_its_field(call, fields, path):
    code, details = refusal(lambda: call(**fields))
    assert code == grpc.StatusCode.INVALID_ARGUMENT and details.startswith(path)


def test_what_is_not_there_is_named(call):
    assert refusal(lambda: call(service="nobody")) == (
        grpc.StatusCode.NOT_FOUND, "there is no service nobody")
    assert refusal(lambda: call("nothing")) == (
        grpc.StatusCode.NOT_FOUND, "service Up has no action nothing")
    assert refusal(lambda: call("nothing", service="$node"))[0] == grpc.StatusCode.NOT_FOUND
    assert refusal(lambda: call(metadata=(("x-namespace", "other"),)))[0] == (
        grpc.StatusCode.NOT_FOUND)


def test_a_caller_that_leaves_takes_its_request_along(call, upstream):
    code, _ = refusal(lambda: call("hang", timeout=0.3))
    assert code == grpc.StatusCode.DEADLINE_EXCEEDED
    assert upstream.left.wait(programs.WAIT)


def test_a_large_answer_passes_and_one_beyond_the_limit_is_refused(call, upstream):
    count = 1024 * 1024
    assert len(call("large", param=f'{{"n":{count}}}').result) == 2 * count + 1
    code, details = refusal(lambda: call("large", param=f'{{"n":{32 * count}}}'))
    assert code == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert f"127.0.0.1:{upstream.port}" in details and "beyond" in details


def node(call, action, **fields):
    answer = call(action, service="$node", **fields)
    assert answer.code == "200" and answer.message == "success"
    return json.loads(answer.result)


def test_node_services_are_as_moleculer_shows_them(call, upstream):
    services = {s["name"]: s for s in node(call, "services")}
    assert services["Up"] == {
        "name": "Up", "fullName": "Up", "settings": {}, "metadata": {}, "local": False,
        "available": True, "nodes": [f"127.0.0.1:{upstream.port}"]}
    own = services["$node"]
    assert own["local"] and len(own["nodes"]) == 1
    assert [s["name"] for s in node(call, "services", param='{"onlyLocal":true}')] == ["$node"]
    assert "$node" not in [s["name"] for s in node(call, "$node.services",
                                                   param='{"skipInternal":"true"}')]
    apart = {s["name"]: s for s in node(call, "services", body='{"grouping":false}')}
    assert apart["Up"]["nodeID"] == f"127.0.0.1:{upstream.port}" and "nodes" not in apart["Up"]
    more = {s["name"]: s for s in node(call, "services",
                                       param='{"withActions":1,"withEvents":"on"}')}
    assert more["Up"]["events"] == {}
    assert more["Up"]["actions"]["Up.echo"] == {
        "name": "Up.echo", "rawName": "echo", "method": "POST", "uri": "/echo", "params": {},
        "cache": {}}
    code, details = refusal(lambda: node(call, "services", param='{"onlyLocal":"perhaps"}'))
    assert code == grpc.StatusCode.INVALID_ARGUMENT
    assert details == "param.onlyLocal: must be a boolean"


def test_node_actions_and_events(call, upstream):
    actions = {a["name"]: a for a in node(call, "actions", param='{"withEndpoints":true}')}
    assert actions["Up.echo"]["count"] == 1 and not actions["Up.echo"]["hasLocal"]
    assert actions["Up.echo"]["endpoints"] == [
        {"nodeID": f"127.0.0.1:{upstream.port}", "state": True, "available": True}]
    assert actions["$node.list"]["hasLocal"]
    assert "endpoints" not in node(call, "actions")[0]
    assert node(call, "events") == []


def test_node_list_and_health(call, upstream):
    nodes = {n["id"]: n for n in node(call, "list", param='{"withServices":true}')}
    there = nodes[f"127.0.0.1:{upstream.port}"]
    assert there["hostname"] == "127.0.0.1" and there["port"] == upstream.port
    assert not there["local"] and [s["name"] for s in there["services"]] == ["Up"]
    own = [n for n in nodes.values() if n["local"]]
    assert len(own) == 1 and own[0]["client"]["type"] == "junction"
    health = node(call, "health")
    assert set(health) == {"cpu", "mem", "os", "process", "client", "net", "time"}
    assert health["process"]["argv"] == ["junctiond"]
    assert health["os"]["hostname"] in own[0]["id"]
