"""Requests and answers that are made so that two who read them see different ones."""

import re
import threading

import pytest

import gateways
from gateways import OK, Client, get
from raw_upstream import until_gone
from strict_node import StrictNode

SECOND = "GET /api/strict/second HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
CHUNKED = "Transfer-Encoding: chunked"


@pytest.fixture(scope="module")
def strict(registry, stubs):
    with StrictNode() as node:
        gateways.register(registry, stubs, "strict", node.port)
        yield node


@pytest.fixture
def node(strict):
    strict.seen.clear()
    yield strict
    assert strict.wrong == []


def request(*lines, body="", verb="POST", target="/api/strict/first"):
    head = [f"{verb} {target} HTTP/1.1", "Host: localhost", *lines, "", ""]
    return "\r\n".join(head) + body


def ask(bridge, *parts):
    """All that comes for what is sent in one piece: the statuses, and the bytes."""
    with Client(bridge) as client:
        data = client.send("".join(parts).encode("latin-1")).rest()
    return [int(code) for code in re.findall(rb"HTTP/1\.1 (\d\d\d) ", data)], data


def lines(node):
    return [request.line for request in node.seen]


# --- requests whose end is in doubt -----------------------------------------------------------


IN_DOUBT = {
    "a length and chunks": request("Content-Length: 5", CHUNKED, body="0\r\n\r\n"),
    "chunks and a length": request(CHUNKED, "Content-Length: 5", body="0\r\n\r\n"),
    "two lengths": request("Content-Length: 0", "Content-Length: 5", body="abcde"),
    "the same length twice": request("Content-Length: 5", "Content-Length: 5", body="abcde"),
    "a list of lengths": request("Content-Length: 5, 5", body="abcde"),
    "two lengths in one": request("Content-Length: 5 5", body="abcde"),
    "a length with a sign": request("Content-Length: +5", body="abcde"),
    "a negative length": request("Content-Length: -5", body="abcde"),
    "a hexadecimal length": request("Content-Length: 0x5", body="abcde"),
    "a length beyond 64 bits": request("Content-Length: 18446744073709551621", body="abcde"),
    "an empty length": request("Content-Length:", body="abcde"),
    "a blank before the colon of a length": request("Content-Length : 5", body="abcde"),
    "a blank before the colon of chunks": request("Transfer-Encoding : chunked", body="0\r\n\r\n"),
    "a vertical tab": request("Transfer-Encoding: \x0bchunked", body="0\r\n\r\n"),
    "a folded coding": request("Transfer-Encoding:\r\n chunked", body="0\r\n\r\n"),
    "a coding in a folded line": request(
        "X-A: b\r\n Transfer-Encoding: chunked", body="0\r\n\r\n"),
    "a folded header": request("X-A: b\r\n c", "Content-Length: 2", body="ok"),
    "a folded header that makes a name": request(
        "Authorizatio: b\r\n n", "Content-Length: 2", body="ok"),
    "identity": request("Transfer-Encoding: identity", body="0\r\n\r\n"),
    "gzip and chunks": request("Transfer-Encoding: gzip, chunked", body="0\r\n\r\n"),
    "chunks twice": request("Transfer-Encoding: chunked, chunked", body="0\r\n\r\n"),
    "a coding like chunks": request("Transfer-Encoding: xchunked", body="0\r\n\r\n"),
    "chunks in quotes": request('Transfer-Encoding: "chunked"', body="0\r\n\r\n"),
    "chunks and another coding": request(CHUNKED, "Transfer-Encoding: cow", body="0\r\n\r\n"),
    "chunks in HTTP/1.0": request(CHUNKED, body="0\r\n\r\n").replace("HTTP/1.1", "HTTP/1.0"),
    "lines that end in LF": request("Content-Length: 2").replace("\r\n", "\n") + "ok",
    "one line that ends in LF": request("X-A: b\nX-C: d", "Content-Length: 2", body="ok"),
    "a line that ends in CR": request("X-A: b\rX-C: d", "Content-Length: 2", body="ok"),
    "an end of CR CR": request("X-A: b\r\rContent-Length: 2", body="ok"),
    "a NUL in a value": request("X-A: b\0c", "Content-Length: 2", body="ok"),
    "a NUL in a length": request("Content-Length: 2\x005", body="ok"),
    "a NUL in a name": request("X\0A: b", "Content-Length: 2", body="ok"),
    "a blank in a name": request("X A: b", "Content-Length: 2", body="ok"),
    "a tab behind a name": request("X-A\t: b", "Content-Length: 2", body="ok"),
    "a line without a colon": request("X-A", "Content-Length: 2", body="ok"),
    "a first line that is folded": request("Content-Length: 2", body="ok").replace(
        "\r\nHost", "\r\n Host"),
    "two hosts": request("Host: evil"),
}


@pytest.mark.parametrize("what", IN_DOUBT)
def test_what_is_in_doubt_reaches_nobody_and_nothing_behind_it_does(bridge, node, what):
    statuses, data = ask(bridge, IN_DOUBT[what], SECOND)
    assert set(statuses) <= {400, 413}, data
    assert statuses, data
    assert node.seen == []


TARGETS = {
    "another host": "http://evil/api/strict/first",
    "a user": "http://user@localhost/api/strict/first",
    "a star": "*",
    "a fragment": "/api/strict/first#x",
    "a blank": "/api/strict/first x",
    "two versions": "/api/strict/first HTTP/1.1",
    "a tab": "/api/strict/first?a\tb",
    "a CR": "/api/strict/first\rx",
    "a control character": "/api/strict/first\x01",
}


@pytest.mark.parametrize("what", TARGETS)
def test_targets_in_doubt_reach_nobody(bridge, node, what):
    statuses, data = ask(bridge, request(verb="GET", target=TARGETS[what]), SECOND)
    assert statuses == [400], data
    assert node.seen == []


@pytest.mark.parametrize("verb", ["CONNECT", "TRACE", "get", "G\x01T", "PRI"])
def test_verbs_that_no_node_gets(bridge, node, verb):
    target = "localhost:80" if verb == "CONNECT" else "/api/strict/first"
    statuses, _ = ask(bridge, request(verb=verb, target=target), SECOND)
    assert statuses == [501]
    assert node.seen == []


CHUNKS = {
    "none": "\r\nok\r\n0\r\n\r\n",
    "no digit": "g\r\nok\r\n0\r\n\r\n",
    "a sign": "-2\r\nok\r\n0\r\n\r\n",
    "0x": "0x2\r\nok\r\n0\r\n\r\n",
    "a blank": "2 \r\nok\r\n0\r\n\r\n",
    "beyond 64 bits": "10000000000000002\r\nok\r\n0\r\n\r\n",
    "too few": "2\r\nokXX0\r\n\r\n",
    "no end": "2\r\nok0\r\n\r\n",
    "a trailer with a blank": "2\r\nok\r\n0\r\nX Y: z\r\n\r\n",
    "a trailer without a colon": "2\r\nok\r\n0\r\nX-Y\r\n\r\n",
}


@pytest.mark.parametrize("what", CHUNKS)
def test_chunks_that_are_none_end_the_connection(bridge, node, what):
    statuses, data = ask(bridge, request(CHUNKED, body=CHUNKS[what]), SECOND)
    assert set(statuses) <= {400, 413}, data
    assert node.seen == []


# --- requests that are odd, and whole ---------------------------------------------------------


WHOLE = {
    "chunks with extensions": (request(CHUNKED, body='2;a=b;c="d;e"\r\nok\r\n0;x\r\n\r\n'), b"ok"),
    "a size with zeros": (request(CHUNKED, body="0000000002\r\nok\r\n0\r\n\r\n"), b"ok"),
    "other letters": (request("tRANSFER-eNCODING:\tcHUNKED", body="2\r\nok\r\n0\r\n\r\n"), b"ok"),
    "a length with a zero": (request("Content-Length: 02", body="ok"), b"ok"),
    "empty lines before it": ("\r\n\r\n" + request("Content-Length: 2", body="ok"), b"ok"),
    "an absolute target": (
        request("Content-Length: 2", body="ok", target="http://localhost/api/strict/first"), b"ok"),
    "HTTP/1.0": (request("Connection: keep-alive", "Content-Length: 2", body="ok").replace(
        "HTTP/1.1", "HTTP/1.0"), b"ok"),
    "Connection names what frames": (request(
        "Connection: Content-Length, Host, Transfer-Encoding", "Content-Length: 2", body="ok"),
        b"ok"),
    "Connection names chunks": (request(
        "Connection: Transfer-Encoding", CHUNKED, body="2\r\nok\r\n0\r\n\r\n"), b"ok"),
    "a request in the body": (request(f"Content-Length: {len(SECOND)}", body=SECOND),
                              SECOND.encode()),
}


@pytest.mark.parametrize("what", WHOLE)
def test_the_node_gets_what_was_meant(bridge, node, what):
    data, body = WHOLE[what]
    statuses, answer = ask(bridge, data, SECOND)
    assert statuses == [200, 200], answer
    assert lines(node) == ["POST /first HTTP/1.1", "GET /second HTTP/1.1"]
    assert node.seen[0].body == body
    assert answer.endswith(b"GET /second HTTP/1.1")


def test_a_get_may_have_a_body(bridge, node):
    statuses, _ = ask(bridge, request("Content-Length: 2", verb="GET", body="ok"), SECOND)
    assert statuses == [200, 200]
    assert lines(node) == ["GET /first HTTP/1.1", "GET /second HTTP/1.1"]


def test_pipelined_requests_are_answered_each_as_its_own(bridge, node):
    parts, expected = [], []
    for i in range(30):
        verb = "POST" if i % 3 else "GET"
        more = {0: ([], ""), 1: (["Content-Length: 3"], "abc"),
                2: ([CHUNKED], "3\r\nabc\r\n0\r\n\r\n")}[i % 3]
        parts.append(request(*more[0], body=more[1], verb=verb, target=f"/api/strict/{i}"))
        expected.append((f"{verb} /{i} HTTP/1.1", b"abc" if i % 3 else b""))
    with Client(bridge) as client:
        client.send("".join(parts))
        answers = [client.answer() for _ in parts]
    assert [(code, body.decode()) for code, _, body in answers] == [
        (200, line) for line, _ in expected]
    assert [(one.line, one.body) for one in node.seen] == expected


def test_wherever_a_segment_ends_the_node_sees_the_same(bridge, node):
    first = request(CHUNKED, body="2;x=y\r\nok\r\n1\r\n!\r\n0\r\nX-End: a\r\n\r\n")
    data = (first + SECOND).encode()
    for at in range(1, len(data)):
        node.seen.clear()
        with Client(bridge) as client:
            client.send(data[:at]).send(data[at:])
            assert client.rest().count(b"HTTP/1.1 200") == 2
        assert [(one.line, one.body) for one in node.seen] == [
            ("POST /first HTTP/1.1", b"ok!"), ("GET /second HTTP/1.1", b"")]
        assert node.seen[0].trailers == {"x-end": ["a"]}


# --- what a client must not say ---------------------------------------------------------------


def test_connection_takes_nothing_away_that_junction_says(bridge, node):
    ask(bridge, request(
        "Connection: close, Host, Authorization, X-Forwarded-For, X-Forwarded-Host, Via,"
        " Content-Length, Junction-Hops, Junction-Identity, traceparent, X-Request-ID",
        "Junction-Hops: 3", "Content-Length: 2", body="ok"))
    headers = node.seen[0].headers
    assert headers["host"] == [f"127.0.0.1:{node.port}"]
    assert headers["x-forwarded-for"] == ["127.0.0.1"]
    assert headers["x-forwarded-host"] == ["localhost"]
    assert headers["content-length"] == ["2"]
    assert headers["junction-hops"] == ["4"]
    assert len(headers["via"]) == len(headers["traceparent"]) == len(headers["x-request-id"]) == 1


def test_trailers_say_nothing_that_only_headers_may(bridge, node):
    bad = ["Content-Length: 3", "Transfer-Encoding: chunked", "Host: evil", "Authorization: x",
           "Junction-Identity: y", "Junction-Hops: 0", "Cookie: a=b", "Content-Type: a/b",
           "X-Forwarded-For: 10.0.0.1", "Connection: close", "If-Match: *", "X-Named: 1",
           "X-Fold: 3\r\n Host: evil", "X-Control: a\x01b", "X-Nul: a\0b"]
    statuses, data = ask(bridge, request("Connection: X-Named", CHUNKED, body="\r\n".join(
        ["2", "ok", "0", *bad, "X-Good: z", "", ""])), SECOND)
    assert statuses == [200, 200], data
    assert lines(node) == ["POST /first HTTP/1.1", "GET /second HTTP/1.1"]
    assert node.seen[0].trailers == {"x-good": ["z"]}


@pytest.mark.parametrize("framing", [("Content-Length: 5", "abcde"), (CHUNKED, "0\r\n\r\n")])
def test_an_upgrade_has_no_body(bridge, node, framing):
    statuses, _ = ask(bridge, request("Connection: Upgrade", "Upgrade: websocket", framing[0],
                                      body=framing[1]), SECOND)
    assert statuses == [400, 200]
    assert lines(node) == ["GET /second HTTP/1.1"]


def test_http2_is_not_smuggled_in_by_an_upgrade(bridge, node):
    statuses, _ = ask(bridge, request(
        "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk",
        verb="GET"), SECOND)
    assert statuses == [200, 200]
    assert lines(node) == ["GET /first HTTP/1.1", "GET /second HTTP/1.1"]
    assert "http2-settings" not in node.seen[0].headers


# --- answers ----------------------------------------------------------------------------------


def stolen(body=b"stolen"):
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


MORE_THAN_ONE = {
    "two answers": OK + stolen(),
    "beyond its length": OK + b"more",
    "beyond its chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                         b"2\r\nok\r\n0\r\n\r\n" + stolen(),
    "behind 204": b"HTTP/1.1 204 No\r\n\r\n" + stolen(),
    "behind 304": b"HTTP/1.1 304 No\r\nContent-Length: 5\r\n\r\n" + stolen(),
}


@pytest.fixture
def service(registry, stubs):
    """service(serve): its name, of one node."""
    with gateways.services(registry, stubs) as make:
        yield lambda serve: make(serve)[0]


@pytest.mark.parametrize("what", MORE_THAN_ONE)
def test_what_follows_an_answer_is_nobodys(bridge, service, what):
    def serve(connection, sent):
        connection.sendall(MORE_THAN_ONE[what] if "/first" in sent else stolen(b"own"))
    name = service(serve)
    with Client(bridge) as client:
        for _ in range(5):
            client.send(f"GET /api/{name}/first HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert client.answer()[2] in (b"ok", b"")
            client.send(f"GET /api/{name}/second HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert client.answer()[2] == b"own"


def test_what_comes_later_is_nobodys_either(bridge, service):
    def serve(connection, sent):
        connection.sendall(OK)
        if "/first" not in sent:
            return False
        connection.sendall(stolen())
        until_gone(connection)
        gone.set()
        return True
    gone = threading.Event()
    name = service(serve)
    with Client(bridge) as client:
        for _ in range(5):
            gone.clear()
            client.send(f"GET /api/{name}/first HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert client.answer()[2] == b"ok"
            assert gone.wait(60)
            client.send(f"GET /api/{name}/second HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert client.answer()[2] == b"ok"


def test_a_body_behind_head_is_nobodys(bridge, service):
    def serve(connection, sent):
        connection.sendall(stolen(b"own") if sent.startswith("GET") else stolen(b"HTTP/1.1 299 x"))
    name = service(serve)
    with Client(bridge) as client:
        for _ in range(5):
            client.send(f"HEAD /api/{name}/ HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert client.read_head()[1]["content-length"] == ["14"]
            client.send(f"GET /api/{name}/ HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert client.answer()[2] == b"own"


REFUSED = {
    "a length and chunks": b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n",
    "two lengths": b"Content-Length: 2\r\nContent-Length: 3\r\n",
    "a list of lengths": b"Content-Length: 2, 3\r\n",
    "a negative length": b"Content-Length: -2\r\n",
    "an unknown coding": b"Transfer-Encoding: gzip, chunked\r\n",
    "chunks twice": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
    "a folded header": b"X-A: b\r\n c\r\nContent-Length: 2\r\n",
    "a blank in a name": b"Content-Length : 2\r\n",
    "LF alone": b"X-A: b\nContent-Length: 2\r\n",
    "CR in a value": b"X-A: b\rc\r\nContent-Length: 2\r\n",
    "NUL in a value": b"X-A: b\0c\r\nContent-Length: 2\r\n",
    "a header of 1 MB": b"X-A: " + b"x" * 1000000 + b"\r\nContent-Length: 2\r\n",
    "10,000 headers": b"X-A: b\r\n" * 10000 + b"Content-Length: 2\r\n",
}


@pytest.mark.parametrize("what", REFUSED)
def test_answers_in_doubt_are_none(bridge, service, what):
    name = service(gateways.last(b"HTTP/1.1 200 OK\r\n" + REFUSED[what] + b"\r\nok"))
    code, _, body = get(bridge, f"/api/{name}/", "Content-Length: 0", method="POST")
    assert code == 502, body
    assert b"BadGateway" in body


def test_interim_answers_without_end_are_none(bridge, service):
    def serve(connection, _):
        while True:
            connection.sendall(b"HTTP/1.1 102 Processing\r\n\r\n" * 100)
    name = service(serve)
    assert get(bridge, f"/api/{name}/", "Content-Length: 0", method="POST")[0] == 502


def test_trailers_of_answers_say_nothing_that_only_headers_may(bridge, service):
    name = service(gateways.answer(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nSet-Cookie: a=b\r\n"
        b"Content-Type: text/html\r\nJunction-Identity: x\r\nLocation: /\r\nConnection: close\r\n"
        b"Access-Control-Allow-Origin: *\r\nX-Good: z\r\n\r\n"))
    with Client(bridge) as client:
        client.send(f"GET /api/{name}/ HTTP/1.1\r\nHost: localhost\r\n\r\n")
        client.read_head()
        assert client.read_chunks() == (b"ok", b"X-Good: z\r\n\r\n")


@pytest.mark.parametrize("trailer", [b"Content-Length: 3", b"Transfer-Encoding: chunked"])
def test_trailers_that_frame_break_the_answer_off(bridge, service, trailer):
    name = service(gateways.answer(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n" + trailer +
        b"\r\n\r\n"))
    with Client(bridge) as client:
        client.send(f"GET /api/{name}/ HTTP/1.1\r\nHost: localhost\r\n\r\n" + SECOND)
        assert not client.rest().endswith(b"0\r\n\r\n")
