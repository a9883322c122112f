"""CallStream over gRPC: an answer that is handed on as it comes."""

import threading

import grpc
import pytest

import observe
import programs
import raw_upstream

Code = grpc.StatusCode
LARGE = 24 << 20
OK = "HTTP/1.1 200 OK\r\n"


def serve(upstream, connection, request):
    path = request.split(" ")[1].split("?")[0]

    def say(text):
        connection.sendall(text.encode("latin-1"))
    if path == "/hello":
        say(OK + "Content-Type: text/x; a=b\r\nContent-Length: 5\r\n\r\nhello")
    elif path == "/empty":
        say(OK + "Content-Type: text/x\r\nContent-Length: 0\r\n\r\n")
    elif path == "/nothing":
        say("HTTP/1.1 204 No Content\r\n\r\n")
    elif path == "/odd":
        say(OK + "Content-Type: text/\xe9\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\n\xff")
    elif path == "/busy":
        say("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy")
    elif path in ("/cut", "/reset"):
        say(OK + "Content-Type: text/x\r\nContent-Length: 10\r\n\r\nhello")
        upstream.go.wait(programs.WAIT)
        if path == "/reset":
            raw_upstream.reset(connection)
        return True
    elif path == "/unchunked":
        say(OK + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n")
        raw_upstream.until_gone(connection)
    elif path == "/hang":
        say(OK + "Content-Type: text/x\r\nContent-Length: 10\r\n\r\n")
        raw_upstream.until_gone(connection)
    elif path == "/drip":
        say(OK + "Content-Length: 8\r\n\r\n")
        for i in range(8):
            upstream.go.wait(0.2)
            say(str(i))
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
        upstream.go = threading.Event()
        yield upstream
        upstream.go.set()


@pytest.fixture
def stream(registry, stubs, upstream):
    m = stubs.registry
    registry.RegisterServer(m.RegisterServerRequest(server_name="up", host="127.0.0.1",
                                                    port=upstream.port))

    def stream(action, service="up", timeout=None, timeout_ms=None, **fields):
        if service == "up":
            registry.RegisterService(m.RegisterServiceRequest(
                server_name="up", service_name=action, uri="/" + action, method="POST",
                timeout_ms=timeout_ms))
        return registry.CallStream(m.CallStreamRequest(service=service, action=action, **fields),
                                   timeout=timeout)
    return stream


def read(call):
    """The messages until the end, the code and the sentence."""
    messages = []
    try:
        for message in call:
            messages.append((message.content_type, message.data))
    except grpc.RpcError as error:
        return messages, error.code(), error.details()
    return messages, Code.OK, ""


def test_the_type_comes_first_and_then_the_bytes(stream, upstream):
    assert read(stream("hello", body="{}", param='{"a":1}')) == (
        [("text/x; a=b", b""), ("", b"hello")], Code.OK, "")
    request = upstream.requests[0]
    assert request.startswith("POST /hello?a=1 HTTP/1.1\r\n") and request.endswith("\r\n\r\n{}")
    for header in ("Accept-Encoding: identity", "Content-Type: application/json",
                   "junction-hops: 1", "traceparent: "):
        assert f"\r\n{header}" in request


def test_an_empty_answer_is_one_message(stream):
    assert read(stream("empty")) == ([("text/x", b"")], Code.OK, "")
    assert read(stream("nothing")) == ([("", b"")], Code.OK, "")
    assert read(stream("hello", method="HEAD")) == ([("text/x; a=b", b"")], Code.OK, "")


def test_bytes_are_not_decoded_and_a_type_is_ascii(stream):
    assert read(stream("odd")) == ([("", b""), ("", b"\xff")], Code.OK, "")


def test_a_large_answer_comes_whole(stream):
    total = 0
    for message in stream("large"):
        assert len(message.data) <= 262144
        for at in range(0, len(message.data), 4096):
            assert message.data[at] == ((total + at) >> 16) % 251
        total += len(message.data)
    assert total == LARGE


# --- failures ---------------------------------------------------------------------------------


def test_an_answer_other_than_2xx_is_unknown(stream):
    assert read(stream("busy")) == ([], Code.UNKNOWN, "upstream answered 503 Service Unavailable")


@pytest.mark.parametrize("action", ["cut", "reset", "unchunked"])
def test_what_is_cut_short_is_lost_after_what_came(stream, upstream, action):
    call = stream(action)
    assert next(call).data == b"" and next(call).data == b"hello"
    upstream.go.set()
    messages, code, details = read(call)
    assert messages == [] and code == Code.DATA_LOSS
    assert details.startswith(f"127.0.0.1:{upstream.port} broke off its answer: ")


def test_silence_in_the_answer_times_out(stream):
    messages, code, details = read(stream("hang", timeout_ms=300))
    assert messages == [("text/x", b"")] and code == Code.DEADLINE_EXCEEDED
    assert details.endswith("did not go on with its answer: nothing came for 300 ms")


def test_a_slow_drip_is_no_silence(stream):
    messages, code, _ = read(stream("drip", timeout_ms=1000))
    assert code == Code.OK and b"".join(data for _, data in messages) == b"01234567"


@pytest.mark.parametrize("fields, code, message", [
    ({"action": ""}, Code.INVALID_ARGUMENT, "action: is required"),
    ({"action": "services", "service": "$node"}, Code.INVALID_ARGUMENT,
     "service: is Junction's own, which only Call asks"),
    ({"action": "x", "service": "nobody"}, Code.NOT_FOUND, "there is no service nobody"),
    ({"action": "hello", "method": "HEAD", "body": "x"}, Code.INVALID_ARGUMENT,
     "body: must not be given with method HEAD")])
def test_refusals_are_those_of_call(stream, fields, code, message):
    if fields["action"] == "":
        fields = {**fields, "service": "Up"}
    assert read(stream(**fields)) == ([], code, message)


def test_a_node_that_refuses_is_passed_over(registry, stubs, upstream):
    m = stubs.registry
    for node, port, weight in (("a-1", programs.free_port(), 1), ("b-1", upstream.port, 0)):
        registry.RegisterNode(m.RegisterNodeRequest(service="two", node=node, host="127.0.0.1",
                                                    port=port, weight=weight))
    registry.RegisterService(m.RegisterServiceRequest(
        server_name="two", service_name="hello", uri="/hello"))
    request = m.CallStreamRequest(service="two", action="hello")
    assert read(registry.CallStream(request))[0] == [("text/x; a=b", b""), ("", b"hello")]
    registry.UpdateNode(m.UpdateNodeRequest(service="two", node="b-1", enabled=False))
    messages, code, details = read(registry.CallStream(request))
    assert messages == [] and code == Code.UNAVAILABLE and "connection refused" in details


# --- clients ----------------------------------------------------------------------------------


def test_a_client_that_leaves_breaks_the_transfer_off(stream, upstream):
    call = stream("endless")
    for _ in range(10):
        next(call)
    call.cancel()
    observe.wait_until(lambda: upstream.closed == 1)


def test_a_client_that_leaves_during_silence_does_so_too(stream, upstream):
    call = stream("hang")
    next(call)
    call.cancel()
    observe.wait_until(lambda: upstream.closed == 1)


def test_a_deadline_ends_an_endless_answer(stream, upstream):
    messages, code, _ = read(stream("endless", timeout=0.5))
    assert code == Code.DEADLINE_EXCEEDED and len(messages) > 1
    observe.wait_until(lambda: upstream.closed == 1)


def test_a_client_that_does_not_read_holds_the_upstream_up(stream, upstream):
    call = stream("endless")
    next(call)
    held = upstream.settled()
    assert held < 32 << 20
    for _ in range(held // 16384):
        next(call)
    observe.wait_until(lambda: upstream.written > held)
    call.cancel()
    observe.wait_until(lambda: upstream.closed == 1)
