"""Who is slow, many or large: what the bridge takes, and that nobody else notices."""

import contextlib
import json
import socket

import pytest

import observe
import programs


def connect(bridge, source="127.0.0.1"):
    return socket.create_connection((bridge.host, bridge.port), timeout=programs.WAIT,
                                    source_address=(source, 0))


def read_all(s):
    return b"".join(iter(lambda: s.recv(65536), b""))


def get(bridge, path="/healthz", *headers):
    text = "\r\n".join([f"GET {path} HTTP/1.1", "Host: localhost", *headers, "Connection: close",
                        "", ""])
    answer = bridge.raw(text.encode())
    return int(answer.split(b" ", 2)[1]), answer.partition(b"\r\n\r\n")[2]


def is_refused(s):
    """Answered 503 and closed; a reset may be faster."""
    with contextlib.suppress(ConnectionError):
        answer = read_all(s)
        assert answer.startswith(b"HTTP/1.1 503 ") and b"\r\nRetry-After: 1\r\n" in answer
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["code"] == 14
    return True


# --- slow ---------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def strict(server):
    bridge = programs.Bridge(server, "--header-timeout", "1", "--log-level", "debug")
    yield bridge
    bridge.stop()


def trickle(s, every=0.2):
    """Sends a byte now and then, for as long as the other side listens."""
    s.settimeout(every)
    while True:
        try:
            s.sendall(b"x")
            if not s.recv(65536):
                return
        except TimeoutError:
            pass
        except ConnectionError:
            return


def test_a_head_that_comes_byte_by_byte_is_cut_off(strict):
    with connect(strict) as s:
        s.sendall(b"GET /healthz HTTP/1.1\r\nX-Slow: ")
        trickle(s)
    observe.wait_logged(strict, "slow client cut off")
    assert get(strict)[0] == 200


def test_so_is_the_head_of_a_later_request(strict):
    with connect(strict) as s:
        s.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert s.recv(65536).startswith(b"HTTP/1.1 200 OK\r\n")
        s.sendall(b"GET /healthz HTTP/1.1\r\nX-Slow: ")
        trickle(s)


def test_who_says_nothing_may_stay_longer(strict):
    with connect(strict) as quiet, connect(strict) as kept, connect(strict) as slow:
        kept.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert kept.recv(65536).startswith(b"HTTP/1.1 200 OK\r\n")
        slow.sendall(b"GET")
        trickle(slow)
        for s in (quiet, kept):
            s.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert s.recv(65536).startswith(b"HTTP/1.1 200 OK\r\n")


def test_who_says_nothing_does_not_stay_forever(server):
    bridge = programs.Bridge(server, "--idle-timeout", "1")
    try:
        with connect(bridge) as quiet, connect(bridge) as kept:
            kept.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert read_all(kept).startswith(b"HTTP/1.1 200 OK\r\n")
            assert read_all(quiet) == b""
    finally:
        bridge.stop()


def test_a_body_that_trickles_is_cut_off(server):
    bridge = programs.Bridge(server, "--body-rate", "1000000", "--log-level", "debug")
    try:
        with connect(bridge) as s:
            s.sendall(b"POST /mw/call HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4000000\r\n\r\n")
            trickle(s)
        observe.wait_logged(bridge, "slow client cut off", reason="the body came too slowly")
    finally:
        bridge.stop()


# --- many ---------------------------------------------------------------------------------------

def test_connections_beyond_the_limit_are_told_and_closed(server):
    bridge = programs.Bridge(server, "--connection-limit", "3")
    try:
        with contextlib.ExitStack() as stack:
            kept = [stack.enter_context(connect(bridge)) for _ in range(3)]
            for s in kept:
                s.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
                assert s.recv(65536).startswith(b"HTTP/1.1 200 OK\r\n")
            for _ in range(20):
                with connect(bridge) as s:
                    assert is_refused(s)
            for s in kept:
                s.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
                assert s.recv(65536).startswith(b"HTTP/1.1 200 OK\r\n")
        observe.wait_until(lambda: get(bridge)[0] == 200)
    finally:
        bridge.stop()


def test_a_callers_limit_hurts_no_other_caller(server):
    bridge = programs.Bridge(server, "--connection-limit-per-address", "2")
    try:
        with connect(bridge) as first, connect(bridge) as second:
            for s in (first, second):
                s.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
                assert s.recv(65536).startswith(b"HTTP/1.1 200 OK\r\n")
            for _ in range(20):
                with connect(bridge) as s:
                    assert is_refused(s)
            with connect(bridge, "127.0.0.2") as other:
                other.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
                assert other.recv(65536).startswith(b"HTTP/1.1 200 OK\r\n")
        observe.wait_until(lambda: get(bridge)[0] == 200)
    finally:
        bridge.stop()


# --- large --------------------------------------------------------------------------------------

def test_a_target_has_a_limit(bridge):
    assert get(bridge, "/healthz?" + "a" * (8192 - 9))[0] == 200
    assert get(bridge, "/healthz?" + "a&" * 4000)[0] == 200
    status, body = get(bridge, "/mw/" + "a" * 8192)
    assert status == 414 and json.loads(body)["code"] == "414"


def test_headers_have_a_limit_in_bytes_and_number(bridge):
    assert get(bridge, "/healthz", "X-Long: " + "x" * 16000)[0] == 200
    assert get(bridge, "/healthz", *["X: y"] * 90)[0] == 200
    for headers in (["X-Long: " + "x" * 16384], ["X: y"] * 101, ["X-Long: " + "x" * 8192] * 2):
        status, body = get(bridge, "/mw/services", *headers)
        assert status == 431 and json.loads(body)["code"] == "431"


def test_headers_beyond_all_measure_are_refused_too(bridge):
    for headers in (["X-Long: " + "x" * 100_000], ["a:b"] * 5000, ["Cookie: " + "a=b;" * 4000]):
        assert get(bridge, "/healthz", *headers)[0] == 431
    assert get(bridge, "/" + "a" * 100_000)[0] == 414
