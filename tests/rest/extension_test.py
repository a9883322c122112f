"""The extension API over HTTP, exact to the letter (document 002), and what it lacks."""

import json

import pytest

import extensions
import programs

GOOD = (b'{"functionName":"junction","functionVersion":"$LATEST","handler":"index.handler",'
        b'"errorInfo":{"errorType":"","errorMessage":""}}')
NONE = b'{"errorInfo":{"errorType":"","errorMessage":""}}'
NAME, ADDRESS = "FunctionGraph-Extension-Name", "FunctionGraph-Extension-Address"


@pytest.fixture(scope="module")
def ports():
    with extensions.ports() as ports:
        yield ports


@pytest.fixture(scope="module")
def server(database, ports):
    server = programs.Server(database.url, *extensions.option(ports))
    yield server
    server.stop()


@pytest.fixture
def api(bridge):
    yield bridge
    for extension in bridge.get("/v1/extensions").json().get("extensions", []):
        bridge.request("POST", "/extension/deregister", None, {NAME: extension["name"]})


def register(bridge, name, port, body=None):
    return bridge.request("POST", "/extension/register", body,
                          {NAME: name, ADDRESS: f"127.0.0.1:{port}"})


def refused(answer, status, error_type, message):
    assert answer.status == status and answer.headers["Content-Type"].startswith("application/json")
    assert answer.json() == {"functionName": "", "functionVersion": "", "handler": "", "errorInfo": {
        "errorType": error_type, "errorMessage": message}}


def test_registering_answers_as_the_document_says(api, ports):
    answer = register(api, "tracer.sh", ports[0])
    assert (answer.status, answer.body) == (200, GOOD)
    assert answer.headers["Content-Type"].startswith("application/json")
    assert register(api, "tracer.sh", ports[0]).body == GOOD


@pytest.mark.parametrize("body", [None, "", "{}", "null", "not JSON", '{"name":"other"}', "[1,",
                                  '{"events":["INVOKE"]}'])
def test_the_body_is_ignored(api, ports, body):
    assert register(api, "a", ports[0], body).body == GOOD
    assert [e["name"] for e in api.get("/v1/extensions").json()["extensions"]] == ["a"]


@pytest.mark.parametrize("name, address", [
    (NAME.lower(), ADDRESS.lower()), (NAME.upper(), ADDRESS.upper()),
    ("functiongraph-Extension-NAME", "FUNCTIONGRAPH-extension-address")])
def test_the_headers_are_known_in_any_case(api, ports, name, address):
    answer = api.request("POST", "/extension/register", None,
                         {name: "a", address: f"127.0.0.1:{ports[0]}"})
    assert answer.body == GOOD


def test_what_is_missing_is_named(api, ports):
    for headers, field in (({ADDRESS: f"127.0.0.1:{ports[0]}"}, "name"), ({NAME: "a"}, "address"),
                           ({}, "name")):
        refused(api.request("POST", "/extension/register", None, headers), 400, "INVALID_ARGUMENT",
                f"{field}: required")


def test_a_refusal_says_type_and_reason(api, ports):
    refused(register(api, "a/b", ports[0]), 400, "INVALID_ARGUMENT",
            'name: must not hold "/" or control characters')
    rule = f"address: must be 127.0.0.1:PORT, PORT from {ports[0]} to {ports[-1]}"
    refused(register(api, "a", 8011), 400, "INVALID_ARGUMENT", rule)
    register(api, "a", ports[0])
    refused(register(api, "b", ports[0]), 409, "ALREADY_EXISTS",
            f'address: port {ports[0]} is the one of extension "a"')
    for i in range(1, 10):
        assert register(api, f"e{i}", ports[i]).status == 200
    refused(register(api, "eleventh", ports[0]), 429, "RESOURCE_EXHAUSTED",
            "name: this host has 10 other extensions, and may have no more")


def test_the_headers_win_over_the_query(api, ports):
    answer = api.request("POST", f"/extension/register?name=b&address=127.0.0.1:{ports[1]}", None,
                         {NAME: "a", ADDRESS: f"127.0.0.1:{ports[0]}"})
    assert answer.body == GOOD
    [extension] = api.get("/v1/extensions").json()["extensions"]
    assert (extension["name"], extension["address"]) == ("a", f"127.0.0.1:{ports[0]}")


def test_the_path_is_the_same_with_a_slash_and_only_for_post(api, ports):
    assert api.request("GET", "/extension/register").status == 405
    assert api.request("POST", "/extension/register/", None, {
        NAME: "a", ADDRESS: f"127.0.0.1:{ports[0]}"}).body == GOOD


def test_a_header_that_is_not_ascii_is_refused(api, ports):
    answer = api.raw(b"POST /extension/register HTTP/1.1\r\nHost: " + api.address.encode()
                     + b"\r\nContent-Length: 0\r\nConnection: close\r\n" + NAME.encode()
                     + b": \xc3\xa4\r\n" + ADDRESS.encode() + b": 127.0.0.1:%d\r\n\r\n" % ports[0])
    assert answer.startswith(b"HTTP/1.1 400 ")


def test_deregistering_is_ours(api, ports):
    register(api, "a", ports[0])
    answer = api.request("POST", "/extension/deregister", None, {NAME: "a"})
    assert (answer.status, answer.body) == (200, NONE)
    answer = api.request("POST", "/extension/deregister", None, {NAME: "a"})
    assert answer.status == 404
    assert answer.json()["errorInfo"] == {
        "errorType": "NOT_FOUND", "errorMessage": 'no extension "a" is registered'}


def test_what_is_registered_is_listed(api, ports):
    assert api.get("/v1/extensions").json() in ({}, {"extensions": []})
    register(api, "a", ports[0])
    [extension] = api.get("/v1/extensions").json()["extensions"]
    assert extension.pop("registeredAt").endswith("Z")
    assert {key: value for key, value in extension.items() if value not in (0, "")} == {
        "name": "a", "address": f"127.0.0.1:{ports[0]}", "state": "EXTENSION_STATE_REGISTERED"}


def test_an_invocation_tells_them(api, ports):
    with extensions.Extension(ports[0]) as extension:
        register(api, "a", ports[0])
        answer = api.post("/v1/function/invoke", {"traceId": "trace-1"})
        assert answer.status == 200
        out = answer.json()
        [result] = out.pop("extensions")
        assert out == {"traceId": "trace-1", "invokedFunctionUrn":
                       "sn:cn:yrk:default:function:0@default@junction:latest"}
        assert int(result.pop("durationUs")) > 0
        assert {key: value for key, value in result.items() if value != ""} == {
            "name": "a", "address": f"127.0.0.1:{ports[0]}", "httpStatus": 200,
            "outcome": "INVOCATION_OUTCOME_OK"}
        [request] = extension.requests
        assert json.loads(request.split("\r\n\r\n")[1]) == {
            "traceId": "trace-1",
            "invokedFunctionUrn": "sn:cn:yrk:default:function:0@default@junction:latest"}


def test_the_trace_is_that_of_the_request(api, ports):
    with extensions.Extension(ports[0]) as extension:
        register(api, "a", ports[0])
        answer = api.post("/v1/function/invoke", {}, {"X-Request-ID": "request-9"})
        assert answer.json()["traceId"] == extension.told()[0]["traceId"] == "request-9"


@pytest.mark.parametrize("body, message", [
    ({"traceId": ""}, "traceId: must have 1 to 128 bytes"),
    ({"waitMs": -1}, "waitMs: must be 0 to 60000")])
def test_a_wrong_argument_is_400(api, body, message):
    answer = api.post("/v1/function/invoke", body)
    assert (answer.status, answer.json()["message"]) == (400, message)
