"""The shapes of documents 001 to 003 over HTTP, and the requests whose fields are headers."""

import json
import time

import pytest

NAME, ADDRESS = "FunctionGraph-Extension-Name", "FunctionGraph-Extension-Address"
HOOKS = ("client_authentication", "signature", "site_authentication", "permission")


def error_of(answer):
    value = answer.json()
    assert list(value) == ["functionName", "functionVersion", "handler", "errorInfo"]
    assert list(value["errorInfo"]) == ["errorType", "errorMessage"]
    return value["errorInfo"]["errorType"], value["errorInfo"]["errorMessage"]


# --- hooks -------------------------------------------------------------------------------------


@pytest.mark.parametrize("hook", HOOKS)
def test_hooks_are_200_whatever_happens(bridge, hook):
    path = f"/v1/auth/{hook}"
    wrong = "this URI takes only POST, OPTIONS"
    for answer, code, message in [
            (bridge.post(path, {}), 101, None), (bridge.request("POST", path, "{"), 101, None),
            (bridge.get(path), 100, wrong),
            (bridge.post(path + "/nothing", {}), 100, "there is no such URI")]:
        value = answer.json()
        assert answer.status == 200 and list(value) == ["code", "msg", "message"]
        assert value["code"] == code and value["msg"] == value["message"] != ""
        assert message in (None, value["msg"])
    assert bridge.get(path).headers["Allow"] == "POST, OPTIONS"


def test_the_front_has_its_own_status_there_too(bridge):
    answer = bridge.post("/v1/auth/permission", {}, {"Host": "elsewhere.example"})
    assert answer.status == 421 and answer.json()["code"] == 100


def test_the_rest_of_auth_is_native(bridge):
    answer = bridge.get("/v1/auth/party-keys/x/y/z")
    assert answer.status == 404 and answer.json()["code"] == 5


# --- readers -----------------------------------------------------------------------------------


def test_readers_refuse_with_the_http_status(bridge):
    for answer in [bridge.post("/v1/api_reader/nobody/query", {"jobId": "1"}),
                   bridge.post("/v1/api_reader/nobody/download", {}),
                   bridge.request("POST", "/v1/api_reader/nobody/upload?requestBody={}", b"x"),
                   bridge.get("/v1/api_reader/nobody/download?jobId=1"),
                   bridge.get("/v1/api_reader/nobody/nothing"),
                   bridge.get("/v1/api_reader/nobody/query")]:
        value = answer.json()
        assert answer.status >= 400 and list(value) == ["code", "message"]
        assert value["code"] == answer.status and value["message"]


def test_a_size_that_is_none_is_refused_by_its_header(bridge):
    head = ("POST /v1/api_reader/nobody/upload?requestBody={} HTTP/1.1\r\nHost: localhost\r\n"
            "Connection: close\r\nContent-Length: 9223372036854775808\r\n\r\n")
    answer = bridge.raw(head.encode())
    assert answer.startswith(b"HTTP/1.1 400")
    assert b'"message":"header Content-Length: ' in answer


# --- logs, and a code that is a number ---------------------------------------------------------

HUGE = b"POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000\r\n\r\n"


def test_logs_refuse_with_status_time_and_no_results(bridge):
    path = "/mw/v1/audit/write"
    begin = int(time.time() * 1000)
    for answer, status, message in [
            (bridge.request("POST", path, "{"), 400, None),
            (bridge.post(path + "/", []), 400, "the body must be a JSON object"),
            (bridge.get(path), 405, "this URI takes only POST, OPTIONS"),
            (bridge.post(path + "/nothing", {}), 404, "there is no such URI"),
            (bridge.post(path, {}, {"Host": "elsewhere.example"}), 421, None)]:
        value = answer.json()
        assert answer.status == status
        assert list(value) == ["message", "status", "timestamp", "results"]
        assert value["status"] == status and value["results"] == [] and value["message"]
        assert message in (None, value["message"])
        assert begin <= value["timestamp"] <= time.time() * 1000
    answer = bridge.raw(HUGE % path.encode())
    assert answer.startswith(b"HTTP/1.1 413") and b'"status":413,"timestamp":' in answer


def test_some_refuse_with_a_code_that_is_a_number(bridge):
    path = "/mw/v1/audit/find"
    for answer, status in [
            (bridge.request("POST", path, "{"), 400), (bridge.get(path), 405),
            (bridge.post(path + "/nothing", {}), 404),
            (bridge.post(path, {}, {"Host": "elsewhere.example"}), 421)]:
        value = answer.json()
        assert answer.status == value["code"] == status
        assert list(value) == ["code", "message", "mssage"]
        assert value["message"] == value["mssage"] != ""
    answer = bridge.raw(HUGE % path.encode())
    assert answer.startswith(b"HTTP/1.1 413") and b'{"code":413,' in answer


# --- extensions --------------------------------------------------------------------------------


def test_extensions_are_refused_in_error_info(bridge):
    for answer, http, kind in [
            (bridge.post("/extension/nothing", {}), 404, "NOT_FOUND"),
            (bridge.get("/extension/register"), 405, "UNIMPLEMENTED"),
            (bridge.post("/extension/register", {}), 400, "INVALID_ARGUMENT")]:
        assert answer.status == http
        assert error_of(answer)[0] == kind
    answer = bridge.raw(b"POST /extension/register HTTP/1.1\r\nHost: localhost\r\n"
                        b"Content-Length: 1000000000\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 413") and b'"errorType":"RESOURCE_EXHAUSTED"' in answer


def test_a_header_is_one_line_of_ascii(bridge):
    head = "POST /extension/register HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    for lines, rule in [(f"{NAME}: a\r\n{NAME.lower()}: b\r\n", b"is repeated"),
                        (f"{NAME}: \xe4\xb8\xad\r\n", b"not printable ASCII")]:
        answer = bridge.raw((head + lines + "\r\n").encode("latin-1"))
        assert answer.startswith(b"HTTP/1.1 400") and b'"INVALID_ARGUMENT"' in answer
        assert rule in answer


@pytest.mark.parametrize("body, headers", [
    (None, {}), (b"{}", {}), (b'{"name":"other","address":"x"}', {"Content-Type": "application/json"}),
    (b"\xff{", {}), (iter([b'{"a"', b":1}"]), {})],
    ids=["none", "empty", "fields", "no JSON", "chunked"])
def test_fields_come_from_headers_and_the_body_is_ignored(bridge, body, headers):
    names = {NAME.upper(): "a.sh", ADDRESS.lower(): "127.0.0.1:8081"}
    answer = bridge.request("POST", "/extension/register?name=other", body, {**headers, **names})
    assert answer.status == 200, answer
    assert error_of(answer) == ("", "")


def test_a_download_may_have_a_body_that_is_ignored(bridge):
    for body in (None, json.dumps({"jobId": "9"}), b"\xff" * 1000, iter([b"a", b"b"])):
        answer = bridge.request("POST", "/v1/api_reader/nobody/download?jobId=1", body)
        assert answer.status == 404 and "nobody" in answer.json()["message"].lower()
