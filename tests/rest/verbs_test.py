"""Which verbs a URI takes: HEAD, OPTIONS, those that are none; and what pages of other origins are
told about it (CORS)."""

import json

import pytest

import programs

ORIGIN = "https://console.example"
EXPOSED = "Allow, Retry-After, Traceparent, WWW-Authenticate, X-Request-ID"


@pytest.fixture(scope="module")
def console(server):
    """A bridge that pages of ORIGIN may speak to."""
    bridge = programs.Bridge(server, "--origin", ORIGIN)
    yield bridge
    bridge.stop()


def lines_of(answer):
    """Status line and headers, without those that differ from one request to the next."""
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = [line for line in head.decode().split("\r\n")
             if line.split(":")[0].lower() not in ("date", "x-request-id", "traceparent")]
    return lines, body


def ask(bridge, line, *headers):
    text = "\r\n".join([line, f"Host: {bridge.address}", *headers, "Connection: close", "", ""])
    return lines_of(bridge.raw(text.encode()))


@pytest.mark.parametrize("path", ["/mw/services", "/healthz", "/readyz", "/mw/server/health",
                                  "/mw/services?pageSize=x"])
def test_head_has_the_headers_of_get_and_no_body(bridge, path):
    got, body = ask(bridge, f"GET {path} HTTP/1.1")
    head, nothing = ask(bridge, f"HEAD {path} HTTP/1.1")
    assert head == got and body and nothing == b""
    assert f"Content-Length: {len(body)}" in head


def test_head_of_a_stream_has_its_headers_and_no_end(trial_bridge):
    head, nothing = ask(trial_bridge, "HEAD /trial/count HTTP/1.1", "Accept: text/event-stream")
    assert head[0] == "HTTP/1.1 200 OK" and nothing == b""
    assert [line for line in head if line.startswith("Content-Type: text/event-stream")]
    assert not [line for line in head if line.startswith("Content-Length")]


def test_head_is_for_what_get_is_for(bridge):
    head, nothing = ask(bridge, "HEAD /mw/call HTTP/1.1")
    assert head[0] == "HTTP/1.1 405 Method Not Allowed" and nothing == b""
    assert "Allow: POST, OPTIONS" in head
    head, nothing = ask(bridge, "HEAD /nothing HTTP/1.1")
    assert head[0] == "HTTP/1.1 404 Not Found" and nothing == b""


@pytest.mark.parametrize("path, allow", [
    ("/mw/services", "GET, HEAD, OPTIONS"), ("/mw/call", "POST, OPTIONS"),
    ("/v1/server/a/register", "POST, OPTIONS"), ("/healthz", "GET, HEAD, OPTIONS"),
    ("*", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS")])
def test_options_says_what_a_uri_takes(bridge, path, allow):
    head, body = ask(bridge, f"OPTIONS {path} HTTP/1.1")
    assert head == ["HTTP/1.1 204 No Content", "Connection: close",
                    "X-Content-Type-Options: nosniff", f"Allow: {allow}"]
    assert body == b""


def test_options_of_an_unknown_uri_is_404(bridge):
    assert ask(bridge, "OPTIONS /nothing HTTP/1.1")[0][0] == "HTTP/1.1 404 Not Found"


def test_options_reads_a_body_and_goes_on(bridge):
    host = f"Host: {bridge.address}\r\n"
    answer = bridge.raw((f"OPTIONS /mw/call HTTP/1.1\r\n{host}Content-Length: 2\r\n\r\n{{}}"
                         f"GET /healthz HTTP/1.1\r\n{host}Connection: close\r\n\r\n").encode())
    assert answer.count(b"HTTP/1.1 204 ") == 1 and answer.count(b"HTTP/1.1 200 ") == 1


def test_only_options_may_ask_about_everything(bridge):
    for verb in ("GET", "HEAD", "POST"):
        assert ask(bridge, f"{verb} * HTTP/1.1")[0][0] == "HTTP/1.1 400 Bad Request"


def test_verbs_that_no_uri_takes(bridge):
    head, body = ask(bridge, "TRACE /mw/services HTTP/1.1")
    assert head[0] == "HTTP/1.1 405 Method Not Allowed" and "Allow: GET, HEAD, OPTIONS" in head
    assert json.loads(body)["code"] == "405"
    for line in ("CONNECT localhost:80", "BREW /mw/services", "get /mw/services",
                 "GETT /mw/services"):
        head, body = ask(bridge, line + " HTTP/1.1")
        assert head[0] == "HTTP/1.1 501 Not Implemented", line
    assert json.loads(body)["code"] == "501"
    head, body = ask(bridge, "BREW /v1/server/a/get HTTP/1.1")
    assert head[0] == "HTTP/1.1 501 Not Implemented" and json.loads(body)["retcode"] == 100


def test_in_an_envelope_a_wrong_verb_is_a_retcode(bridge):
    head, body = ask(bridge, "PUT /v1/server/a/get HTTP/1.1")
    assert head[0] == "HTTP/1.1 200 OK" and "Allow: POST, OPTIONS" in head
    assert json.loads(body)["retcode"] == 100


# --- pages of other origins ---------------------------------------------------------------------

def test_a_preflight_from_a_configured_origin_is_answered(console):
    head, body = ask(console, "OPTIONS /mw/call HTTP/1.1", f"Origin: {ORIGIN}",
                     "Access-Control-Request-Method: POST",
                     "Access-Control-Request-Headers: content-type,x-namespace",
                     "Sec-Fetch-Site: cross-site")
    assert head == ["HTTP/1.1 204 No Content", "Connection: close",
                    "X-Content-Type-Options: nosniff", "Allow: POST, OPTIONS", "Vary: Origin",
                    f"Access-Control-Allow-Origin: {ORIGIN}",
                    "Access-Control-Allow-Methods: POST, OPTIONS",
                    "Access-Control-Allow-Headers: content-type,x-namespace",
                    "Access-Control-Max-Age: 600"]
    assert body == b""


@pytest.mark.parametrize("line, status", [
    ("GET /mw/services", 200), ("HEAD /mw/services", 200), ("GET /nothing", 404),
    ("DELETE /mw/services", 405), ("GET /mw/../x", 400), ("OPTIONS /mw/services", 204)])
def test_a_configured_origin_may_read_every_reply(console, line, status):
    head, _ = ask(console, line + " HTTP/1.1", f"Origin: {ORIGIN}")
    assert head[0].startswith(f"HTTP/1.1 {status} ")
    for wanted in (f"Access-Control-Allow-Origin: {ORIGIN}", "Vary: Origin",
                   f"Access-Control-Expose-Headers: {EXPOSED}"):
        assert head.count(wanted) == 1


def test_without_an_origin_only_vary_is_said(console):
    head, _ = ask(console, "GET /mw/services HTTP/1.1")
    assert "Vary: Origin" in head and not [x for x in head if x.startswith("Access-Control")]


def test_where_no_origin_is_configured_nothing_is_said(bridge):
    for headers in ([], [f"Origin: http://{bridge.address}"]):
        head, _ = ask(bridge, "GET /mw/services HTTP/1.1", *headers)
        assert head[0] == "HTTP/1.1 200 OK"
        assert not [x for x in head if x.startswith(("Access-Control", "Vary"))]


@pytest.mark.parametrize("origin", ["https://other.example", "null", "http://console.example",
                                    "https://console.example:444",
                                    "https://console.example.other.example"])
def test_preflights_of_foreign_origins_are_refused(console, origin):
    head, _ = ask(console, "OPTIONS /mw/call HTTP/1.1", f"Origin: {origin}",
                  "Access-Control-Request-Method: POST")
    assert head[0] == "HTTP/1.1 403 Forbidden"
    assert not [line for line in head if line.startswith("Access-Control")]
