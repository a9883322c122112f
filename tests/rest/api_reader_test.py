"""ApiReader over HTTP, as FATE Flow's component and curl speak to it."""

import contextlib
import gzip
import http.client
import json
import os
import socket
import subprocess
import threading
import urllib.parse

import pytest

import observe
import programs
import raw_upstream
import reading

IDS = b"id\n" + b"".join(b"%d\n" % i for i in range(100000))
GOOD = {"code": 0, "message": "ok", "data": {"jobId": "j 1"}}
RUNNING = {"code": 0, "message": "ok", "data": {"status": "Running"}}


@pytest.fixture(scope="module")
def reader(stubs, channel, database):
    return reading.Reader(stubs, channel, database)


@pytest.fixture(scope="module")
def upstream():
    """Answers what the test has set for the path."""
    def answer(request):
        status, headers, body = upstream.answers[request.path.split("?")[0]]
        return status, headers, body if isinstance(body, bytes) else json.dumps(body).encode()
    with programs.Upstream(answer) as upstream:
        yield upstream


@pytest.fixture
def third(reader, upstream):
    upstream.answers = {"/upload": (200, {}, GOOD), "/query": (200, {}, RUNNING),
                        "/download": (200, {"Content-Type": "text/csv"}, IDS)}
    return reader.third_party(upstream.port)


def path(third, method, body=None):
    query = "" if body is None else "?" + urllib.parse.urlencode({"requestBody": body})
    return f"/v1/api_reader/{third}/{method}{query}"


def curl(*arguments):
    """(HTTP status, body)."""
    done = subprocess.run(["curl", "-sS", "--max-time", str(5 * programs.WAIT), "-w",
                           "\n%{http_code}", *arguments], capture_output=True, check=True)
    body, status = done.stdout.rsplit(b"\n", 1)
    return int(status), body


# --- upload -----------------------------------------------------------------------------------

UPLOADED = {"code": 0, "message": "success", "data": {"jobId": "j 1"}}


def test_a_raw_body_of_known_size(bridge, reader, upstream, third):
    answer = bridge.request("POST", path(third, "upload", '{"a": 1}'), IDS,
                            {"Content-Type": "application/octet-stream"})
    assert (answer.status, answer.json()) == (200, UPLOADED)
    request = upstream.requests[-1]
    assert reading.form(request)[1] == IDS
    assert json.loads(reading.asked(request.path))["a"] == 1
    assert reader.row(third) == ["upload", "done", "j 1", len(IDS), 200, None, ""]


def test_a_raw_body_in_chunks(bridge, upstream, third):
    connection = http.client.HTTPConnection(bridge.address, timeout=programs.WAIT)
    with contextlib.closing(connection):
        connection.request("POST", path(third, "upload", "{}"), iter([IDS[:5], IDS[5:]]),
                           {"Content-Type": "application/octet-stream"}, encode_chunked=True)
        answer = programs.Answer(connection.getresponse())
    assert (answer.status, answer.json()) == (200, UPLOADED)
    assert reading.form(upstream.requests[-1])[1] == IDS


@pytest.mark.parametrize("chunked", [False, True])
def test_a_part_called_file(bridge, upstream, third, tmp_path, chunked):
    (tmp_path / "ids").write_bytes(IDS)
    status, body = curl("-F", f"file=@{tmp_path}/ids;type=text/plain",
                        *(["-H", "Transfer-Encoding: chunked"] if chunked else []),
                        f"http://{bridge.address}" + path(third, "upload", "{}"))
    assert (status, json.loads(body)) == (200, UPLOADED)
    assert reading.form(upstream.requests[-1])[1] == IDS


@pytest.mark.parametrize("content", [b"", b"\xff\x00{}"])
def test_any_bytes_whatever_they_call_themselves(bridge, upstream, third, content):
    for kind in ("application/json", "text/plain", "application/x-www-form-urlencoded"):
        answer = bridge.request("POST", path(third, "upload", "{}"), content, {"Content-Type": kind})
        assert (answer.status, answer.json()) == (200, UPLOADED)
        assert reading.form(upstream.requests[-1])[1] == content


@pytest.mark.parametrize("said, status, refusal", [
    ((200, {}, {"code": 7, "message": "too few"}), 500, {"code": 7, "message": "refused: too few"}),
    ((201, {}, {}), 500, {"code": 500, "message": "answered HTTP 201, where only 200 counts"}),
    ((200, {}, b"<p>"), 500, {"code": 500, "message": "answered something else than a JSON object"}),
    ((302, {"Location": "/x"}, b""), 500, {"code": 500, "message": "answered HTTP 302, Found"})])
def test_refusals(bridge, upstream, third, said, status, refusal):
    upstream.answers["/upload"] = said
    answer = bridge.request("POST", path(third, "upload", "{}"), IDS)
    refusal["message"] = f"{third}.upload {refusal['message']}"
    assert (answer.status, answer.json()) == (status, refusal)


def test_arguments(bridge, third):
    answer = bridge.request("POST", path(third, "upload"), b"id\n")
    assert (answer.status, answer.json()) == (
        400, {"code": 400, "message": "requestBody: is required"})
    answer = bridge.request("POST", path("nobody", "upload", "{}"), b"id\n")
    assert (answer.status, answer.json()) == (
        404, {"code": 404, "message": "no found server nobody"})


def test_a_large_content_is_refused_in_words(bridge, upstream, third, tmp_path):
    """Callers look for an answer when they have sent all."""
    large = tmp_path / "large"
    with large.open("wb") as file:  # more than sockets hold; the bridge takes it for 10 seconds
        file.truncate(16 << 20)
    for name, body, status, words in [
            ("nobody", "{}", 404, b"no found server nobody"), (third, "[]", 400, b"requestBody: "),
            (third, "{}", 500, b"HTTP 413")]:
        upstream.answers["/upload"] = (413, {}, b"") if status == 500 else (200, {}, GOOD)
        for form in (["--data-binary", f"@{large}"], ["-F", f"file=@{large}"]):
            code, said = curl(*form, "-H", "Expect:", f"http://{bridge.address}"
                              + path(name, "upload", body))
            assert (code, words in said) == (status, True), said


def test_a_caller_that_leaves(bridge, reader):
    def serve(connection, request):
        data = request.partition("\r\n\r\n")[2].encode("latin-1")
        while b"\r\n\r\nid\n" not in data:
            more = connection.recv(65536)
            if not more:
                return True
            data += more
        taken.set()
        raw_upstream.until_gone(connection)
        return True
    serve.head_only = True
    taken = threading.Event()
    with raw_upstream.RawUpstream(serve) as upstream:
        third = reader.third_party(upstream.port)
        body = b"POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nid\n" % (
            path(third, "upload", "{}").encode())
        with socket.create_connection((bridge.host, bridge.port)) as connection:
            connection.sendall(body)
            assert taken.wait(programs.WAIT)
        assert reader.row(third) == ["upload", "cancelled", "", 3, None, None, ""]
        observe.wait_until(lambda: upstream.closed == 1)


# --- query ------------------------------------------------------------------------------------


def test_query(bridge, upstream, third):
    answer = bridge.post(path(third, "query"), {"jobId": "j 1"})
    assert (answer.status, answer.json()) == (200, {
        "code": 0, "message": "success", "status": "running",
        "data": {"status": "running", "reported": "Running"}})
    assert upstream.requests[-1].body == b'{"jobId": "j 1"}'
    bridge.post(path(third, "query"), {"jobId": 12, "more": True})
    assert upstream.requests[-1].body == b'{"jobId": "12"}'
    answer = bridge.post(path(third, "query"), {})
    assert (answer.status, answer.json()) == (400, {"code": 400, "message": "jobId: is required"})
    upstream.answers["/query"] = (200, {}, {"code": -5, "msg": "no job"})
    answer = bridge.post(path(third, "query"), {"jobId": "j"})
    assert (answer.status, answer.json()) == (
        500, {"code": -5, "message": f"{third}.query refused: no job"})


# --- download ---------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_download(bridge, reader, upstream, third, method):
    answer = bridge.request(method, path(third, "download", '{"jobId": "j 1"}'))
    assert (answer.status, answer.body) == (200, IDS)
    assert answer.headers["Content-Type"] == "text/csv"
    assert upstream.requests[-1].method == "POST"
    assert reading.asked(upstream.requests[-1].path) == (
        '{"jobId": "j 1", "sign": "' + reading.md5("j 1") + '"}')
    assert reader.row(third) == ["download", "done", "j 1", len(IDS), 200, None, ""]


def test_an_encoding_is_undone(bridge, upstream, third):
    upstream.answers["/download"] = (200, {"Content-Encoding": "gzip"}, gzip.compress(IDS))
    answer = bridge.request("POST", path(third, "download", '{"jobId":"j"}'))
    assert (answer.status, answer.body) == (200, IDS)
    assert "Content-Encoding" not in answer.headers


def test_an_empty_table(bridge, upstream, third):
    upstream.answers["/download"] = (200, {"Content-Type": "text/csv"}, b"")
    answer = bridge.request("POST", path(third, "download", '{"jobId":"j"}'))
    assert (answer.status, answer.body, answer.headers["Content-Type"]) == (200, b"", "text/csv")


@pytest.mark.parametrize("said, status, code, words", [
    ((200, {"Content-Type": "text/html"}, b"<html>"), 500, 500, "answered with an HTML page"),
    ((200, {}, {"code": 7, "message": "no job"}), 500, 7,
     "answered JSON where the table was expected: no job"),
    ((404, {}, b""), 500, 500, "answered HTTP 404, Not Found"),
    ((200, {"Content-Encoding": "br"}, b""), 500, 500, "answered with a Content-Encoding other")])
def test_what_is_no_table(bridge, upstream, third, said, status, code, words):
    upstream.answers["/download"] = said
    answer = bridge.request("POST", path(third, "download", '{"jobId":"j"}'))
    assert (answer.status, answer.json()["code"]) == (status, code)
    assert answer.json()["message"].startswith(f"{third}.download {words}")


def test_what_is_cut_short_does_not_look_whole(bridge, reader):
    def serve(connection, request):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nid\n1\n")
        return True
    with raw_upstream.RawUpstream(serve) as upstream:
        third = reader.third_party(upstream.port)
        with pytest.raises((http.client.IncompleteRead, ConnectionError)):
            bridge.request("POST", path(third, "download", '{"jobId":"j"}'))
    assert reader.row(third)[1] == "failed"


def test_nothing_is_left_in_the_spool_folder(bridge, third, server):
    names = set(os.listdir("/var/tmp"))
    curl("-T", "-", "-X", "POST", f"http://{bridge.address}" + path(third, "upload", "{}"))
    # Of other servers there may be one for a moment.
    observe.wait_until(
        lambda: {n for n in os.listdir("/var/tmp") if n.startswith("junction-")} <= names)
