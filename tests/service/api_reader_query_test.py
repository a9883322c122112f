"""Query over gRPC: how FATE Flow's client asks, and what third parties answer."""

import json

import grpc
import pytest

import programs
import reading

Code = grpc.StatusCode


@pytest.fixture(scope="module")
def reader(stubs, channel, database):
    return reading.Reader(stubs, channel, database)


@pytest.fixture(scope="module")
def upstream():
    """Answers what the test has set."""
    with programs.Upstream(lambda request: upstream.answer) as upstream:
        yield upstream


@pytest.fixture(scope="module")
def third(reader, upstream):
    return reader.third_party(upstream.port)


def says(upstream, body, status=200):
    upstream.answer = (status, {}, body if isinstance(body, bytes) else json.dumps(body).encode())


@pytest.mark.parametrize("method", [None, "GET", "PUT"])
def test_it_is_asked_with_json_by_the_registered_method(reader, upstream, method):
    says(upstream, {"code": 0, "message": "", "data": {"status": "success"}})
    third = reader.third_party(upstream.port, method=method)
    assert reader.query(third, "j \"1").status == "success"
    request = upstream.requests[-1]
    assert (request.method, request.path) == (method or "POST", "/query")
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["Content-Length"] == str(len(request.body))
    assert request.body == b'{"jobId": "j \\"1"}'


@pytest.mark.parametrize("said, status, reported", [
    ("success", "success", ""), ("SUCCESS", "success", "SUCCESS"), ("running", "running", ""),
    ("Running", "running", "Running"), ("waiting", "running", "waiting"),
    ("Pending", "running", "Pending"), ("QUEUED", "running", "QUEUED"), ("failed", "failed", ""),
    ("Failed", "Failed", ""), (3, "3", "")])
def test_words_of_third_parties(reader, upstream, third, said, status, reported):
    for body in ({"code": 0, "data": {"status": said}}, {"code": 0, "status": said},
                 {"data": {"status": said}, "status": "other"}, {"code": None, "status": said},
                 {"data": {"status": None}, "status": said}, {"data": [], "status": said}):
        says(upstream, body)
        answer = reader.query(third)
        assert (answer.status, answer.data.status, answer.data.reported) == (status, status, reported)
        assert answer.data.HasField("reported") == (reported != "")


@pytest.mark.parametrize("body, sentence, code", [
    ({"code": 7, "message": "no such job"}, "refused: no such job", 7),
    ({"code": -1, "msg": "no such job", "status": "running"}, "refused: no such job", -1),
    ({"code": "0", "status": "success"}, "answered with a code that is no integer: \"0\"", None),
    ({"code": False, "status": "success"}, "answered with a code that is no integer: false", None),
    ({"code": 0}, "answered without a status", None),
    ({"code": 0, "data": {"status": ""}}, "answered without a status", None),
    ({"code": 0, "data": {"status": "a\0b"}}, "answered without a status", None),
    (b"", "answered something else than a JSON object", None),
    (b"[1]", "answered something else than a JSON object", None),
    (b'{"code":0,"sta', "answered something else than a JSON object", None),
    (b"<html></html>", "answered something else than a JSON object", None)])
def test_what_is_refused(reader, upstream, third, body, sentence, code):
    says(upstream, body)
    assert reader.refusal(reader.query, third) == (
        Code.UNKNOWN, f"{third}.query {sentence}", code)


@pytest.mark.parametrize("status, words", [
    (201, "where only 200 counts"), (204, "where only 200 counts"), (301, "Moved Permanently"), (302, "Found"),
    (404, "Not Found"), (500, "Internal Server Error")])
def test_nothing_but_200_is_good(reader, upstream, third, status, words):
    before = len(upstream.requests)
    upstream.answer = (status, {"Location": "/elsewhere"}, b"" if status == 204 else
                       b'{"code":0,"status":"success"}')
    assert reader.refusal(reader.query, third) == (
        Code.UNKNOWN, f"{third}.query answered HTTP {status}, {words}", None)
    assert len(upstream.requests) == before + 1


def test_arguments(reader, third):
    assert reader.refusal(reader.query, "") == (
        Code.INVALID_ARGUMENT, "server_name: is required", None)
    assert reader.refusal(reader.query, third, "") == (
        Code.INVALID_ARGUMENT, "jobId: is required", None)
    assert reader.refusal(reader.query, third, "x" * 1025) == (
        Code.INVALID_ARGUMENT, "jobId: must have at most 1024 bytes", None)


def test_who_is_not_there(reader, upstream):
    only = reader.third_party(upstream.port, names=["upload"])
    assert reader.refusal(reader.query, "nobody") == (
        Code.NOT_FOUND, "no found server nobody", None)
    assert reader.refusal(reader.query, only) == (
        Code.NOT_FOUND, f"no found server {only} service query", None)
    code, sentence, _ = reader.refusal(reader.query, reader.third_party(programs.free_port()))
    assert code == Code.UNAVAILABLE and "was not reached" in sentence


def test_a_server_is_found_in_any_case(reader, upstream, third):
    says(upstream, {"status": "running"})
    assert reader.query(third.upper()).status == "running"
