"""What the bridge lets in: who may speak, which headers, which paths; and how it refuses."""

import json

import pytest

import programs

BODY = b'{"host":"h","port":1}'


def raw(bridge, head, body=b"", host=None):
    """Sends a request whose head is given line by line; gives status and body of the answer."""
    lines = [head[0], f"Host: {host or bridge.address}", *head[1:], "Connection: close", "", ""]
    return split(bridge.raw("\r\n".join(lines).encode("latin-1") + body))


def split(answer):
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split(b" ", 2)[1]), body


def get(bridge, *lines, path="/mw/services", host=None):
    return raw(bridge, [f"GET {path} HTTP/1.1", *lines], host=host)


def post(bridge, *lines, body=BODY):
    return raw(bridge, ["POST /v1/server/f/register HTTP/1.1", *lines], body)


@pytest.mark.parametrize("host, status", [
    ("localhost", 200), ("localhost:80", 200), ("127.0.0.1:3", 200), ("[::1]:3000", 200),
    ("x.localhost", 200), ("127.1.2.3", 200), ("example.com", 421), ("10.0.0.1", 421),
    ("localhost.example.com", 421), ("127.0.0.1.example.com", 421), ("", 400)])
def test_only_known_hosts_are_served(bridge, host, status):
    got = split(bridge.raw(f"GET /mw/services HTTP/1.1\r\nHost: {host}\r\n"
                           "Connection: close\r\n\r\n".encode()))
    assert got[0] == status
    if status == 421:
        assert json.loads(got[1])["code"] == "421"


def test_a_configured_host_is_served(server):
    bridge = programs.Bridge(server, "--host", "junction.example")
    try:
        assert get(bridge, host="junction.example:8080")[0] == 200
        assert get(bridge, host="other.example")[0] == 421
    finally:
        bridge.stop()


def test_foreign_pages_are_refused(bridge):
    own = f"http://{bridge.address}"
    assert get(bridge, f"Origin: {own}")[0] == 200
    assert get(bridge, "Sec-Fetch-Site: same-origin")[0] == 200
    assert get(bridge, "Sec-Fetch-Site: none")[0] == 200
    for line in ("Origin: http://evil.example", "Origin: null", f"Origin: {own}0",
                 "Origin: https://" + bridge.address, "Sec-Fetch-Site: cross-site",
                 "Sec-Fetch-Site: same-site"):
        status, body = get(bridge, line)
        assert status == 403 and json.loads(body)["code"] == "403", line
        assert post(bridge, line, f"Content-Length: {len(BODY)}")[0] == 403


def test_a_configured_origin_is_served(server):
    bridge = programs.Bridge(server, "--origin", "https://console.example")
    try:
        assert get(bridge, "Origin: https://console.example", "Sec-Fetch-Site: cross-site")[0] == 200
        assert get(bridge, "Origin: https://other.example")[0] == 403
    finally:
        bridge.stop()


@pytest.mark.parametrize("lines", [
    ["Content-Length: 21", "Content-Length: 21"],
    ["Content-Length: 21", "Content-Length: 22"],
    ["Content-Length: 21", "Transfer-Encoding: chunked"],
    ["Transfer-Encoding: xchunked"], ["Transfer-Encoding: gzip, chunked"],
    ["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"],
    ["Content-Length: -5"], ["Content-Length: +5"], ["Content-Length: 0x15"],
    ["Host: localhost", "Content-Length: 21"],
])
def test_ambiguous_framing_is_refused_and_the_connection_closed(bridge, lines):
    # Sent without "Connection: close": that it ends shows that the bridge closed it.
    text = "\r\n".join(["POST /v1/server/f/register HTTP/1.1", f"Host: {bridge.address}", *lines,
                        "", ""])
    answer = bridge.raw(text.encode() + BODY)
    # (What libmicrohttpd refuses itself it answers with its own page, the head doubled.)
    assert answer.startswith(b"HTTP/1.1 400") and b"HTTP/1.1 200" not in answer
    assert b"retcode\":0" not in answer


def test_a_missing_host_is_refused(bridge):
    assert bridge.raw(b"GET /mw/services HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.1 400")


def test_a_chunked_body_is_read(bridge):
    chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)
    status, body = post(bridge, "Transfer-Encoding: chunked", body=chunked)
    assert status == 200 and json.loads(body)["retcode"] == 0


def test_requests_follow_each_other_on_one_connection(bridge):
    one = (f"POST /v1/server/f/register HTTP/1.1\r\nHost: {bridge.address}\r\n"
           f"Content-Length: {len(BODY)}\r\n\r\n").encode() + BODY
    last = f"GET /mw/services?name=f HTTP/1.1\r\nHost: {bridge.address}\r\nConnection: close\r\n\r\n"
    answer = bridge.raw(one * 4 + last.encode())
    assert answer.count(b"HTTP/1.1 200") == 5 and b'"name":"f"' in answer


@pytest.mark.parametrize("path, status", [
    ("/mw/../mw/services", 400), ("/mw/./services", 400), ("/mw/%2e%2e/services", 400),
    ("/mw/%2E/services", 400), ("/mw/%zz", 400), ("/mw/%ff", 400), ("/mw/%00", 400),
    ("/mw/nothing", 404), ("/mw/services/", 200), ("/mw/%73ervices", 200), ("/nothing", 404),
    ("/mw//services", 404)])
def test_paths_are_decided_once(bridge, path, status):
    assert get(bridge, path=path)[0] == status


def test_unknown_and_misused_paths_answer_in_the_profile_of_their_prefix(bridge):
    fate = bridge.get("/v1/server/a/register")
    assert fate.status == 200 and fate.json()["retcode"] == 100 and fate.headers["Allow"] == "POST, OPTIONS"
    assert bridge.post("/v1/service/nothing", {}).json()["retcode"] == 100
    mw = bridge.post("/mw/services", {})
    assert mw.status == 405 and mw.json()["code"] == "405" and mw.headers["Allow"] == "GET, HEAD, OPTIONS"
    native = bridge.get("/nothing")
    assert native.status == 404 and native.json()["code"] == 5 and native.json()["message"]


def test_the_namespace_header_is_passed_on(bridge):
    bridge.post("/v1/server/spaced/register", {"host": "h", "port": 1}, {"X-Namespace": "other"})
    assert "data" not in bridge.post("/v1/server/spaced/get", {}).json()
    there = bridge.post("/v1/server/spaced/get", {}, {"X-NAMESPACE": "other"}).json()
    assert there["data"]["port"] == 1


def test_metadata_must_be_ascii(bridge):
    assert get(bridge, "Idempotency-Key: gr\xfc\xdfe")[0] == 400
    assert get(bridge, "X-Other: gr\xfc\xdfe")[0] == 200


def test_grpc_and_binary_headers_never_pass(bridge):
    assert get(bridge, "grpc-timeout: 1n", "x-evil-bin: AAAA", "grpc-status: 13")[0] == 200


def test_a_body_beyond_the_limit_is_refused_before_it_is_read(server):
    bridge = programs.Bridge(server, "--body-limit", "1024")
    try:
        status, body = post(bridge, "Content-Length: 1000000", body=b"")
        assert status == 413 and json.loads(body)["retcode"] == 100
        chunk = b"3e8\r\n" + b" " * 1000 + b"\r\n"
        status, _ = post(bridge, "Transfer-Encoding: chunked", body=chunk * 9 + b"0\r\n\r\n")
        assert status == 413
        assert bridge.post("/v1/server/f/register", {"host": "h", "port": 1}).status == 200
    finally:
        bridge.stop()


def test_a_slow_sender_is_cut_off_and_disturbs_nobody(server):
    import socket
    bridge = programs.Bridge(server, "--idle-timeout", "1")
    try:
        with socket.create_connection((bridge.host, bridge.port), timeout=programs.WAIT) as slow:
            slow.sendall(b"POST /v1/server/f/register HTTP/1.1\r\nHost: localhost\r\n"
                         b"Content-Length: 100\r\n\r\n{")
            assert bridge.get("/mw/services").status == 200
            while slow.recv(65536):
                pass
    finally:
        bridge.stop()


def test_without_a_server_answers_are_503_in_profile(database):
    server = programs.Server(database.url)
    bridge = programs.Bridge(server)
    try:
        server.kill()
        mw = bridge.get("/mw/services")
        assert mw.status == 503 and mw.json()["code"] == "503" and mw.headers["Retry-After"]
        fate = bridge.post("/v1/server/f/get", {})
        assert fate.status == 200 and fate.json()["retcode"] == 100
        assert bridge.get("/healthz").status == 200
        assert bridge.get("/readyz").status == 503
    finally:
        bridge.stop()
        server.process.stdout.close()
