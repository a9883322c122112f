"""CallStream over HTTP: the answer's own bytes, and what ends them."""

import contextlib
import json
import socket

import pytest

import observe
import programs
import raw_upstream

LARGE = 24 << 20
OK = "HTTP/1.1 200 OK\r\n"


def serve(upstream, connection, request):
    path = request.split(" ")[1]

    def say(text):
        connection.sendall(text.encode("latin-1"))
    if path == "/hello":
        say(OK + "Content-Type: text/html; a=b\r\nContent-Length: 5\r\n\r\n\xff\nl\0o")
    elif path == "/untyped":
        say(OK + "Content-Length: 2\r\n\r\n{}")
    elif path == "/nothing":
        say("HTTP/1.1 204 No Content\r\n\r\n")
    elif path == "/busy":
        say("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")
    elif path == "/cut":
        say(OK + "Content-Type: text/x\r\nContent-Length: 10\r\n\r\nhello")
        return True
    elif path == "/hang":
        say(OK + "Content-Type: text/x\r\nContent-Length: 10\r\n\r\n")
        raw_upstream.until_gone(connection)
    elif path == "/deaf":
        raw_upstream.until_gone(connection)
    elif path == "/large":
        say(OK + f"Content-Length: {LARGE}\r\n\r\n")
        for i in range(LARGE >> 16):
            upstream.write(connection, bytes([i % 251]) * 65536)
    elif path == "/endless":
        say(OK + "\r\n")
        while True:
            upstream.write(connection, b"x" * 65536)
    return False


@pytest.fixture
def upstream():
    with raw_upstream.RawUpstream(lambda c, r: serve(upstream, c, r)) as upstream:
        yield upstream


@pytest.fixture
def register(bridge, upstream):
    assert bridge.post("/v1/server/up/register",
                       {"host": "127.0.0.1", "port": upstream.port}).json()["retcode"] == 0

    def register(action, **fields):
        answer = bridge.post("/v1/service/registry", {
            "server_name": "up", "service_name": action, "uri": "/" + action, **fields})
        assert answer.json()["retcode"] == 0, answer
    return register


@pytest.fixture
def ask(bridge, register):
    def ask(action, headers=None, **fields):
        register(action, **fields)
        return bridge.post("/mw/call/stream", {"service": "up", "action": action}, headers)
    return ask


@pytest.fixture
def raw(bridge, register):
    """A connection on which an answer is under way."""
    with contextlib.ExitStack() as stack:
        def raw(action, **fields):
            register(action, **fields)
            body = json.dumps({"service": "up", "action": action})
            s = stack.enter_context(socket.create_connection((bridge.host, bridge.port),
                                                             timeout=programs.WAIT))
            s.sendall(f"POST /mw/call/stream HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
                      f"application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
            return s
        yield raw


def take(connection, mark=None):
    """Through the mark, or until the other side closes."""
    data = b""
    while mark is None or mark not in data:
        more = connection.recv(65536)
        if not more:
            break
        data += more
    return data


@pytest.mark.parametrize("accept", [None, "application/json", "text/event-stream"])
def test_the_answer_is_the_upstreams_bytes_whatever_accept_says(ask, accept):
    answer = ask("hello", {"Accept": accept} if accept else {})
    assert answer.status == 200 and answer.body == b"\xff\nl\0o"
    assert answer.headers["Content-Type"] == "text/html; a=b"
    assert answer.headers["Transfer-Encoding"] == "chunked"
    # No browser takes a third party's page for one of ours.
    assert answer.headers["Content-Security-Policy"] == "sandbox"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"


def test_bytes_of_no_type_are_just_bytes(ask):
    for action, body in (("untyped", b"{}"), ("nothing", b"")):
        answer = ask(action)
        assert (answer.status, answer.body) == (200, body)
        assert answer.headers["Content-Type"] == "application/octet-stream"


def test_a_large_answer_comes_whole(ask):
    body = ask("large").body
    assert len(body) == LARGE
    assert all(body[at] == (at >> 16) % 251 for at in range(0, LARGE, 4093))


def test_a_request_follows_on_the_connection(raw, bridge):
    connection = raw("hello")
    assert take(connection, b"\r\n0\r\n\r\n").startswith(b"HTTP/1.1 200")
    connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert take(connection, b"\r\n\r\n").startswith(b"HTTP/1.1 200")


def test_what_fails_before_the_first_byte_is_refused(ask, bridge):
    answer = ask("busy")
    assert answer.status == 500
    assert answer.json() == {"code": "500", **{
        name: "upstream answered 503 Service Unavailable" for name in ("message", "mssage")}}
    assert answer.headers["Content-Length"] and "Content-Security-Policy" not in answer.headers
    answer = bridge.post("/mw/call/stream", {"service": "nobody", "action": "x"})
    assert answer.status == 404 and answer.json()["message"] == "there is no service nobody"
    answer = bridge.post("/mw/call/stream", {"service": "up"})
    assert answer.status == 400 and answer.json()["message"] == "action: is required"


def test_what_fails_later_breaks_the_connection_off(raw, bridge):
    data = take(raw("cut"))
    head, body = data.split(b"\r\n\r\n", 1)
    assert head.startswith(b"HTTP/1.1 200") and b"Content-Type: text/x" in head
    assert body == b"5\r\nhello\r\n"  # and no last chunk
    observe.wait_until(lambda: 'code=DATA_LOSS' in bridge.log_text() and
                       'bytes_out=5 ' in bridge.log_text())
    lines = bridge.log_text().splitlines()
    failed = next(line for line in lines if "stream failed" in line)
    assert "broke off its answer" in failed and "CallStream" in failed
    request = next(line for line in lines if "bytes_out=5 " in line and "DATA_LOSS" in line)
    assert 'end="broken off"' in request


def test_silence_breaks_it_off_too(raw):
    data = take(raw("hang", timeout_ms=2000))
    assert data.startswith(b"HTTP/1.1 200") and data.endswith(b"\r\n\r\n")


def test_a_client_that_leaves_breaks_the_transfer_off(raw, upstream):
    connection = raw("endless")
    take(connection, b"xxxx")
    connection.close()
    observe.wait_until(lambda: upstream.closed == 1)


def test_a_client_that_leaves_during_silence_does_so_too(raw, upstream):
    connection = raw("hang")
    take(connection, b"\r\n\r\n")
    connection.close()
    observe.wait_until(lambda: upstream.closed == 1)


def test_a_client_that_leaves_before_the_header_does_so_too(raw, upstream):
    connection = raw("deaf")
    observe.wait_until(lambda: len(upstream.requests) == 1)
    connection.close()
    observe.wait_until(lambda: upstream.closed == 1)


def test_a_client_that_does_not_read_holds_the_upstream_up(raw, upstream):
    connection = raw("endless")
    take(connection, b"xxxx")
    held = upstream.settled()
    assert held < 64 << 20
    while upstream.written == held:
        connection.recv(65536)
    connection.close()
    observe.wait_until(lambda: upstream.closed == 1)
