"""What becomes of a request on its way to a node, and of the answer on its way back, byte for byte."""

import json
import threading

import pytest

import gateways
from gateways import OK, Client, get, head_of, refuses_the_rest
from raw_upstream import reset, until_gone


@pytest.fixture
def service(registry, stubs):
    with gateways.services(registry, stubs) as make:
        yield make


def refusal(reply):
    code, _, body = reply
    value = json.loads(body)
    assert value["code"] == code
    return code, value["name"], value["type"], value["message"]


# --- the way there -----------------------------------------------------------------------------


@pytest.mark.parametrize("target", [
    "/a/b", "/a%2Fb/%C3%A9?x=1&y=%20", "/a//b", "/?", "/", "/a;b=c,d'(e)!$*+~", "/a?b?c", "/a?=&",
    "/%41", "/a%00b?x=1", "/a/..%2Fb"])
def test_path_and_query_are_untouched(bridge, service, target):
    name, node = service(gateways.answer(OK))
    code, _, body = get(bridge, f"/api/{name}{target}")
    if "%00" in target or ".." in target:
        assert code == 400
        assert node.requests == []
        return
    assert (code, body) == (200, b"ok")
    assert head_of(node.requests[0])[0] == f"GET {target} HTTP/1.1"


def test_a_service_without_a_path_is_its_root(bridge, service):
    name, node = service(gateways.answer(OK))
    assert get(bridge, f"/api/{name}")[0] == 200
    assert head_of(node.requests[0])[0] == "GET / HTTP/1.1"


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_methods_go_through(bridge, service, method):
    name, node = service(gateways.answer(OK))
    more = ["Content-Length: 0"] if method in ("POST", "PUT", "PATCH") else []
    assert get(bridge, f"/api/{name}/x", *more, method=method)[0] == 200
    assert head_of(node.requests[0])[0] == f"{method} /x HTTP/1.1"


def test_hop_by_hop_headers_end_here(bridge, service):
    name, node = service(gateways.answer(OK))
    assert get(bridge, f"/api/{name}/", "Connection: keep-alive, X-Secret, x-other", "X-Secret: 1",
               "X-Other: 2", "Keep-Alive: 5", "Proxy-Connection: x", "TE: gzip, trailers",
               "Proxy-Authorization: Basic x", "X-Kept: 3", "X-Kept: 4", "Cookie: a=b",
               "Accept-Encoding: br")[0] == 200
    _, headers = head_of(node.requests[0])
    for gone in ("x-secret", "x-other", "keep-alive", "proxy-connection", "proxy-authorization"):
        assert gone not in headers
    assert headers["x-kept"] == ["3", "4"]
    assert headers["cookie"] == ["a=b"]
    assert headers["accept-encoding"] == ["br"]
    assert (headers["te"], headers["connection"]) == (["trailers"], ["TE"])


def test_what_junction_says_itself_cannot_be_said_for_it(bridge, service):
    name, node = service(gateways.answer(OK))
    assert get(bridge, f"/api/{name}/", "Junction-Identity: forged", "X-Forwarded-Proto: https",
               "X-Forwarded-Host: evil",
               "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
               "X-Request-ID: abc", "Junction-Hops: 2")[0] == 200
    _, headers = head_of(node.requests[0])
    assert "junction-identity" not in headers
    assert headers["x-forwarded-for"] == ["127.0.0.1"]
    assert headers["x-forwarded-proto"] == ["http"]
    assert headers["x-forwarded-host"] == [f"{bridge.host}:{bridge.port}"]
    assert headers["host"] == [f"127.0.0.1:{node.port}"]
    assert headers["via"] == ["1.1 junction"]
    assert headers["junction-hops"] == ["3"]
    assert headers["x-request-id"] == ["abc"]
    parent = headers["traceparent"][0].split("-")
    assert parent[1] == "0af7651916cd43dd8448eb211c80319c"
    assert parent[2] != "b7ad6b7169203331"


def test_loops_end(bridge, service):
    name, node = service(gateways.answer(OK))
    code, kind, word, _ = refusal(get(bridge, f"/api/{name}/", "Junction-Hops: 8"))
    assert (code, kind, word) == (508, "LoopDetectedError", "LOOP_DETECTED")
    assert node.requests == []


# --- bodies ------------------------------------------------------------------------------------


def test_a_body_goes_through(bridge, service):
    name, node = service(gateways.answer(OK))
    with Client(bridge) as client:
        client.send(f"POST /api/{name}/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello")
        assert client.answer()[0] == 200
    assert node.requests[0].endswith("\r\n\r\nhello")
    assert head_of(node.requests[0])[1]["content-length"] == ["5"]


def read_chunked(connection, request):
    """What follows the head of a request in chunks, to its end."""
    data = request.partition("\r\n\r\n")[2].encode("latin-1")
    while not data.endswith(b"0\r\n\r\n") and b"0\r\nX-" not in data:
        data += connection.recv(65536)
    while not data.endswith(b"\r\n\r\n"):
        data += connection.recv(65536)
    return data


def test_chunks_and_trailers_go_through(bridge, service):
    seen = []

    def serve(connection, request):
        seen.append(read_chunked(connection, request))
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n"
                           b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nX-Sum: 7\r\nConnection: close\r\n\r\n")
    name, node = service(serve)
    with Client(bridge) as client:
        client.send(f"POST /api/{name}/ HTTP/1.1\r\nHost: localhost\r\nTE: trailers\r\n"
                    "Transfer-Encoding: chunked\r\n\r\n4\r\nwiki\r\n0\r\nX-End: yes\r\n\r\n")
        status, headers = client.read_head()
        assert status.startswith("HTTP/1.1 200")
        assert headers["trailer"] == ["X-Sum"]
        body, trailers = client.read_chunks()
    assert body == b"abcde"
    assert b"X-Sum: 7\r\n" in trailers
    assert b"Connection" not in trailers
    assert seen[0].startswith(b"4\r\nwiki\r\n0\r\n")
    assert b"X-End: yes\r\n" in seen[0]
    assert head_of(node.requests[0])[1]["transfer-encoding"] == ["chunked"]


def test_the_node_says_whether_a_body_is_wanted(bridge, service):
    def serve(connection, request):
        assert head_of(request)[1]["expect"] == ["100-continue"]
        asked.set()
        agreed.wait(60)
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = b""
        while len(body) < 5:
            body += connection.recv(5)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n" + body)
    asked, agreed = threading.Event(), threading.Event()

    def head_only(connection, _):
        connection.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno")
        return True
    name, _ = service(expecting(serve))
    with Client(bridge) as client:
        client.send(f"POST /api/{name}/ HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
                    "Content-Length: 5\r\n\r\n")
        assert asked.wait(60)
        agreed.set()
        assert client.read_head()[0] == "HTTP/1.1 100 Continue"
        client.send("hello")
        assert client.answer()[2] == b"hello"


def expecting(serve):
    """RawUpstream reads a body first; here it is not sent before it is wanted."""
    def run(connection, request):
        return serve(connection, request)
    run.head_only = True
    return run


def test_a_node_may_refuse_a_body_that_waits(bridge, service):
    name, _ = service(expecting(gateways.last(
        b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno")))
    with Client(bridge) as client:
        client.send(f"POST /api/{name}/ HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
                    "Content-Length: 500000\r\n\r\n")
        code, _, body = client.answer()
        assert (code, body) == (413, b"no")


def test_an_early_answer_reaches_who_sends_little(bridge, service):
    name, _ = service(expecting(gateways.last(
        b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno")))
    with Client(bridge) as client:
        client.send(f"POST /api/{name}/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50000\r\n\r\n")
        client.send(b"x" * 50000)
        code, _, body = client.answer()
        assert (code, body) == (403, b"no")


def test_a_large_body_is_not_read_to_its_end_after_an_early_answer(bridge, service):
    name, _ = service(expecting(gateways.last(
        b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno")))
    with Client(bridge) as client:
        assert refuses_the_rest(client, name)


def test_too_large_a_body_is_refused_before_it_is_read(bridge, service):
    name, node = service(gateways.answer(OK))
    with Client(bridge) as client:
        client.send(f"POST /api/{name}/ HTTP/1.1\r\nHost: localhost\r\n"
                    "Content-Length: 1048577\r\n\r\n")
        code, kind, word, _ = refusal(client.answer())
        assert (code, kind, word) == (413, "PayloadTooLarge", "PAYLOAD_TOO_LARGE")
    assert node.requests == []


def test_a_chunked_body_beyond_the_limit_ends_the_connection(bridge, service):
    name, _ = service(expecting(lambda connection, _: until_gone(connection) or True))
    with Client(bridge) as client:
        assert refuses_the_rest(client, name)


# --- the way back ------------------------------------------------------------------------------


def test_headers_of_the_answer(bridge, service):
    name, _ = service(gateways.answer(
        b"HTTP/1.1 418 Teapot\r\nContent-Length: 3\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n"
        b"Connection: X-Hop, keep-alive\r\nX-Hop: 1\r\nKeep-Alive: 1\r\nJunction-Identity: x\r\n"
        b"Content-Type: text/plain\r\nX-Own: caf\xe9\r\nServer: theirs\r\n\r\nabc"))
    code, headers, body = get(bridge, f"/api/{name}/")
    assert (code, body) == (418, b"abc")
    assert headers["set-cookie"] == ["a=1", "b=2"]
    assert headers["content-type"] == ["text/plain"]
    assert headers["x-own"] == ["caf\xe9"]
    assert headers["server"] == ["theirs"]
    for gone in ("x-hop", "keep-alive", "junction-identity", "x-content-type-options"):
        assert gone not in headers


def test_what_has_no_type_gets_none(bridge, service):
    name, _ = service(gateways.answer(OK))
    assert "content-type" not in get(bridge, f"/api/{name}/")[1]


def test_pages_of_services_are_no_pages_of_junction(bridge, service):
    name, _ = service(gateways.answer(
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Type: Text/HTML; charset=x\r\n\r\nabc"))
    assert get(bridge, f"/api/{name}/")[1]["content-security-policy"] == ["sandbox"]


def test_head_is_answered_without_a_body(bridge, service):
    name, node = service(gateways.answer(b"HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n"))
    with Client(bridge) as client:
        for _ in range(2):
            client.send(f"HEAD /api/{name}/x HTTP/1.1\r\nHost: localhost\r\n\r\n")
            status, headers = client.read_head()
            assert status.startswith("HTTP/1.1 200")
            assert headers["content-length"] == ["1234"]
        assert client.data == b""
    assert head_of(node.requests[0])[0] == "HEAD /x HTTP/1.1"


@pytest.mark.parametrize("status", [204, 304])
def test_answers_without_a_body(bridge, service, status):
    name, _ = service(gateways.answer(f"HTTP/1.1 {status} X\r\nETag: \"1\"\r\n\r\n".encode()))
    with Client(bridge) as client:
        for _ in range(2):
            client.send(f"GET /api/{name}/ HTTP/1.1\r\nHost: localhost\r\n\r\n")
            code, headers, _ = client.answer()
            assert code == status
            assert headers["etag"] == ['"1"']


def test_an_answer_until_the_end_of_the_connection(bridge, service):
    name, _ = service(gateways.last(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + b"x" * 100000))
    assert get(bridge, f"/api/{name}/")[2] == b"x" * 100000


def test_interim_answers_are_not_the_answer(bridge, service):
    name, _ = service(gateways.answer(
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n" + OK))
    code, headers, body = get(bridge, f"/api/{name}/")
    assert (code, body) == (200, b"ok")
    assert "link" not in headers


def test_ranges_go_through(bridge, service):
    def serve(connection, request):
        _, headers = head_of(request)
        assert headers["range"] == ["bytes=2-3"]
        assert headers["if-range"] == ['"v1"']
        connection.sendall(b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 2-3/10\r\n"
                           b"Content-Length: 2\r\nETag: \"v1\"\r\nAccept-Ranges: bytes\r\n\r\n23")
    name, _ = service(serve)
    code, headers, body = get(bridge, f"/api/{name}/", "Range: bytes=2-3", 'If-Range: "v1"')
    assert (code, body) == (206, b"23")
    assert headers["content-range"] == ["bytes 2-3/10"]


def test_connections_are_kept_on_both_sides(bridge, service):
    name, node = service(gateways.answer(OK))
    with Client(bridge) as client:
        for _ in range(5):
            client.send(f"GET /api/{name}/ HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert client.answer()[0] == 200
    assert len(node.requests) == 5
    assert node.closed == 0


# --- nodes that fail ---------------------------------------------------------------------------


def test_unknown_services(bridge):
    assert refusal(get(bridge, "/api/nobody/x"))[:3] == (
        404, "ServiceNotFoundError", "SERVICE_NOT_FOUND")


def test_nodes_that_refuse_are_passed_over(bridge, service):
    name, gone, node = service(gateways.answer(OK), gateways.answer(OK))
    gone.__exit__()
    for _ in range(4):
        code, _, body = get(bridge, f"/api/{name}/", "Content-Length: 0", method="POST")
        assert (code, body) == (200, b"ok")
    assert len(node.requests) == 4


def test_no_node_is_reached(bridge, service):
    name, gone = service(gateways.answer(OK))
    gone.__exit__()
    code, kind, word, message = refusal(get(bridge, f"/api/{name}/"))
    assert (code, kind, word) == (503, "ServiceUnavailableError", "SERVICE_UNAVAILABLE")
    assert "n0" in message


def break_off(connection, _):
    reset(connection)
    return True


def test_what_may_have_arrived_is_not_sent_again(bridge, service):
    name, bad = service(break_off)
    code, kind, _, _ = refusal(get(bridge, f"/api/{name}/", "Content-Length: 0", method="POST"))
    assert (code, kind) == (502, "BadGatewayError")
    assert len(bad.requests) == 1


def test_what_is_safe_goes_to_another_node(bridge, service):
    name, bad, good = service(break_off, gateways.answer(OK))
    for _ in range(4):
        assert get(bridge, f"/api/{name}/")[0] == 200
    assert bad.requests
    assert len(good.requests) == 4


@pytest.mark.parametrize("data", [
    b"garbage\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc",
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"HTTP/1.1 999 X\r\nContent-Length: 0\r\n\r\n", b"HTTP/1.1 200 OK\r\nA\x00B: c\r\n\r\n",
    b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n"])
def test_garbage_is_a_bad_gateway(bridge, service, data):
    name, _ = service(gateways.last(data))
    assert refusal(get(bridge, f"/api/{name}/", "Content-Length: 0", method="POST"))[0] == 502


def test_an_answer_that_breaks_off_is_no_whole_answer(bridge, service):
    name, _ = service(gateways.last(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"))
    with Client(bridge) as client:
        client.send(f"GET /api/{name}/ HTTP/1.1\r\nHost: localhost\r\n\r\n")
        _, headers = client.read_head()
        assert headers["content-length"] == ["10"]
        assert client.rest() == b"abc"


def test_chunks_that_break_off_have_no_end(bridge, service):
    name, _ = service(gateways.last(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n5\r\nab"))
    with Client(bridge) as client:
        client.send(f"GET /api/{name}/ HTTP/1.1\r\nHost: localhost\r\n\r\n")
        client.read_head()
        assert not client.rest().endswith(b"0\r\n\r\n")


def test_a_client_that_goes_takes_its_request_along(bridge, service):
    gone = threading.Event()

    def serve(connection, _):
        until_gone(connection)
        gone.set()
        return True
    name, _ = service(serve)
    with Client(bridge) as client:
        client.send(f"GET /api/{name}/ HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert gone.wait(60)


# --- Junction's own ----------------------------------------------------------------------------


def test_own_services_answer_as_at_their_documented_paths(bridge):
    direct = bridge.get("/mw/services?name=nobody")
    through = bridge.get("/api/registry/mw/services?name=nobody")
    assert (through.status, through.body) == (direct.status, direct.body)
    answer = bridge.post("/api/event/mw/v1/event/find", {})
    assert json.loads(answer.body)["status"] == 400
    assert refusal(get(bridge, "/api/audit/mw/services"))[0] == 404
    code, kind, _, message = refusal(get(bridge, "/api/audit/graphql"))
    assert (code, kind) == (501, "NotImplementedError")
    assert "GraphQL" in message
