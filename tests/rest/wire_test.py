"""HTTP/1 byte for byte: what stands behind what on a connection, and when it ends."""

import json
import re
import socket

import pytest

import programs

BODY = b'{"host":"h","port":1}'
GO_ON = b"HTTP/1.1 100 Continue\r\n\r\n"


def request(bridge, line, *headers, body=b"", close=False):
    end = ["Connection: close"] if close else []
    lines = [line, f"Host: {bridge.address}", *headers, *end, "", ""]
    return "\r\n".join(lines).encode() + body


def statuses(answer):
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d\d\d) ", answer)]


def connect(bridge):
    return socket.create_connection((bridge.host, bridge.port), timeout=programs.WAIT)


def read_answer(s):
    """One answer with a Content-Length; the connection stays."""
    answer = b""
    while b"\r\n\r\n" not in answer:
        part = s.recv(1)
        assert part, answer
        answer += part
    length = int(re.search(rb"Content-Length: (\d+)", answer)[1])
    while length:
        part = s.recv(length)
        assert part, answer
        answer, length = answer + part, length - len(part)
    return answer


# --- many on one connection ---------------------------------------------------------------------

def mixed(bridge):
    """Requests of all kinds, one behind the other, and the statuses that they get."""
    call = "POST /mw/call HTTP/1.1"  # of no service: the server refuses it
    parts = [
        (request(bridge, "GET /mw/services HTTP/1.1"), 200),
        (request(bridge, call, f"Content-Length: {len(BODY)}", body=BODY), 400),
        (request(bridge, "OPTIONS /mw/call HTTP/1.1"), 204),
        (request(bridge, call, "Transfer-Encoding: chunked",
                 body=b'A;x="a;b"\r\n{"host":"h\r\n00b\r\n","port":1}\r\n0;end\r\n'
                      b"X-Trailer: 1\r\nContent-Length: 5\r\n\r\n"), 400),
        (b"\r\n" + request(bridge, "HEAD /healthz HTTP/1.1"), 200),
        (request(bridge, "POST /nothing HTTP/1.1", "Content-Length: 2", body=b"{}"), 404),
        (request(bridge, "DELETE /mw/services HTTP/1.1"), 405),
        (request(bridge, f"GET http://{bridge.address}/healthz HTTP/1.1"), 200),
        (request(bridge, "GET /healthz?a=b HTTP/1.1", close=True), 200),
    ]
    return b"".join(part for part, _ in parts), [status for _, status in parts]


def test_requests_of_all_kinds_follow_each_other_in_one_segment(bridge):
    sent, expected = mixed(bridge)
    answer = bridge.raw(sent)
    assert statuses(answer) == expected, answer
    assert answer.endswith(b'{"status":"ok"}')


def test_wherever_a_segment_ends_the_answers_are_the_same(bridge):
    sent, expected = mixed(bridge)
    for at in range(1, len(sent)):
        with connect(bridge) as s:
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            s.sendall(sent[:at])
            s.sendall(sent[at:])
            answer = b"".join(iter(lambda: s.recv(65536), b""))
        assert statuses(answer) == expected, (at, answer)


def test_a_request_byte_by_byte(bridge):
    with connect(bridge) as s:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in request(bridge, "POST /v1/server/w/register HTTP/1.1",
                            "Transfer-Encoding: chunked", body=b"15\r\n" + BODY + b"\r\n0\r\n\r\n"):
            s.sendall(bytes([byte]))
        assert b'"retcode":0' in read_answer(s)


@pytest.mark.parametrize("chunks, good", [
    (b"15\r\n" + BODY + b"\r\n0\r\n\r\n", True),
    (b"0015\r\n" + BODY + b"\r\n000\r\n\r\n", True),
    (b"f;name=value\r\n" + BODY[:15] + b"\r\n6\r\n" + BODY[15:] + b"\r\n0\r\n\r\n", True),
    (b"F\r\n" + BODY[:15] + b"\r\n6\r\n" + BODY[15:] + b"\r\n0\r\nA: b\r\nC: d\r\n\r\n", True),
    (b"x\r\n" + BODY + b"\r\n0\r\n\r\n", False),
    (b"-15\r\n" + BODY + b"\r\n0\r\n\r\n", False),
    (b"0x15\r\n" + BODY + b"\r\n0\r\n\r\n", False),
    (b"\r\n" + BODY + b"\r\n0\r\n\r\n", False),
    (b"14\r\n" + BODY + b"\r\n0\r\n\r\n", False),
    (b"15 5\r\n" + BODY + b"\r\n0\r\n\r\n", False),
    (b"fffffffffffffffff\r\n" + BODY + b"\r\n0\r\n\r\n", False)])
def test_chunks(bridge, chunks, good):
    following = request(bridge, "GET /healthz HTTP/1.1", close=True)
    answer = bridge.raw(request(bridge, "POST /v1/server/w/register HTTP/1.1",
                                "Transfer-Encoding: chunked", body=chunks) + following)
    if good:
        assert statuses(answer) == [200, 200] and b'"retcode":0' in answer
    else:
        # What follows a broken chunk is nobody's request.
        assert statuses(answer)[0] in (400, 413) and b'"status":"ok"' not in answer


# --- versions and forms -------------------------------------------------------------------------

def test_http_1_0_closes_unless_asked_to_stay(bridge):
    answer = bridge.raw(request(bridge, "GET /healthz HTTP/1.0"))
    assert statuses(answer) == [200] and b"\r\nConnection: close\r\n" in answer
    with connect(bridge) as s:
        for _ in range(2):
            s.sendall(request(bridge, "GET /healthz HTTP/1.0", "Connection: keep-alive"))
            assert b"\r\nConnection: Keep-Alive\r\n" in read_answer(s)
        s.sendall(request(bridge, "GET /healthz HTTP/1.0"))
        assert b"\r\nConnection: close\r\n" in read_answer(s)
        assert s.recv(1) == b""


def test_http_1_0_is_not_told_to_go_on_and_has_no_chunks(bridge):
    answer = bridge.raw(request(bridge, "POST /v1/server/w/register HTTP/1.0",
                                "Expect: 100-continue", f"Content-Length: {len(BODY)}", body=BODY))
    assert statuses(answer) == [200]
    answer = bridge.raw(request(bridge, "POST /v1/server/w/register HTTP/1.0",
                                "Transfer-Encoding: chunked", body=b"15\r\n" + BODY + b"\r\n0\r\n\r\n"))
    assert statuses(answer) == [400]


@pytest.mark.parametrize("first, status", [
    (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505), (b"GET /healthz HTTP/3.0\r\n\r\n", 505),
    (b"GET /healthz HTTP/0.9\r\n\r\n", 505), (b"GET /healthz\r\n\r\n", 400),
    (b"GET /healthz http/1.1\r\n\r\n", 400), (b"GET  /healthz HTTP/1.1\r\n\r\n", 400),
    (b"GET\t/healthz HTTP/1.1\r\n\r\n", 400)])
def test_what_is_not_http_1_is_refused_and_the_connection_closed(bridge, first, status):
    answer = bridge.raw(first + request(bridge, "GET /healthz HTTP/1.1"))
    assert statuses(answer) == [status]
    assert b"\r\nConnection: close\r\n" in answer


def test_garbage_ends_the_connection(bridge):
    assert bridge.raw(b"\x16\x03\x01\r\n\r\n" + request(bridge, "GET /healthz HTTP/1.1")) == b""


def test_an_absolute_target_is_served_if_host_says_the_same(bridge):
    own = bridge.address
    for target in (f"http://{own}/healthz", f"HTTP://{own}/healthz?a=b"):
        answer = bridge.raw(request(bridge, f"GET {target} HTTP/1.1", close=True))
        assert statuses(answer) == [200], target
    for target, status in ((f"http://{own}", 404), (f"http://{own}0/healthz", 400),
                           ("http://evil.example/healthz", 400), ("http:///healthz", 400),
                           (f"http://user@{own}/healthz", 400), (f"ftp://{own}/healthz", 400),
                           (f"//{own}/healthz", 404)):
        answer = bridge.raw(request(bridge, f"GET {target} HTTP/1.1", close=True))
        assert statuses(answer) == [status], target


@pytest.mark.parametrize("target, status", [
    ("/healthz#x", 400), ("/healthz?a#x", 400), ("/healthz?a b", 400), ("/healthz\x7f", 400),
    ("/mw;v=1/services", 404), ("/mw/services;v=1", 404), ("/mw%2Fservices", 404),
    ("/mw/services?", 200), ("/MW/services", 404), ("/mw/%252e%252e/services", 404),
    ("/mw/%2e./services", 400), ("//mw/services", 404), ("/mw/services//", 404)])
def test_targets_are_read_once(bridge, target, status):
    answer = bridge.raw(request(bridge, f"GET {target} HTTP/1.1", close=True))
    assert statuses(answer) == [status]


def test_a_slash_in_a_variable_is_part_of_it(bridge):
    for name in ("a%2Fb", "a;v=1", "a+b", "%252e"):
        line = f"POST /v1/server/{name}/register HTTP/1.1"
        answer = bridge.raw(request(bridge, line, f"Content-Length: {len(BODY)}", body=BODY,
                                    close=True))
        said = json.loads(answer.partition(b"\r\n\r\n")[2])
        # It reaches the server, which may have its own mind about such a name.
        assert said["retcode"] in (0, 101) and "URI" not in said["retmsg"], said


# --- Expect -------------------------------------------------------------------------------------

def test_who_waits_for_it_is_told_to_go_on(bridge):
    with connect(bridge) as s:
        s.sendall(request(bridge, "POST /v1/server/w/register HTTP/1.1", "Expect: 100-CONTINUE",
                          f"Content-Length: {len(BODY)}"))
        assert s.recv(len(GO_ON), socket.MSG_WAITALL) == GO_ON
        s.sendall(BODY)
        answer = read_answer(s)
        assert answer.startswith(b"HTTP/1.1 200 OK\r\n") and b'"retcode":0' in answer
        s.sendall(request(bridge, "GET /healthz HTTP/1.1"))
        assert read_answer(s).startswith(b"HTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize("line, headers, status", [
    ("POST /nothing HTTP/1.1", [], 404), ("PUT /mw/call HTTP/1.1", [], 405),
    ("POST /mw/call HTTP/1.1", ["Origin: http://evil.example"], 403),
    ("POST /mw/call HTTP/1.1", ["Content-Length: 99999999"], 413),
    ("POST /mw/../call HTTP/1.1", [], 400), ("BREW /mw/call HTTP/1.1", [], 501)])
def test_a_refusal_before_the_body_comes_instead_of_going_on(bridge, line, headers, status):
    if not any(header.startswith("Content-Length") for header in headers):
        headers = [*headers, "Content-Length: 2"]
    answer = bridge.raw(request(bridge, line, "Expect: 100-continue", *headers))
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert statuses(answer) == [status] and b"\r\nConnection: close\r\n" in answer


@pytest.mark.parametrize("value", ["200-ok", "100-continue, x", "", "100-continue;q=1"])
def test_other_expectations_are_not_met(bridge, value):
    answer = bridge.raw(request(bridge, "POST /mw/call HTTP/1.1", f"Expect: {value}",
                                "Content-Length: 2"))
    assert statuses(answer) == [417]
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["code"] == "417"
