"""What junction-bridge tells of itself: metrics, the admin listener, lines of requests."""

import contextlib
import socket

import pytest

import observe
import programs

CALL = "junction.v1.Registry/Call"
GET_SERVER = "junction.v1.Registry/GetServer"


@contextlib.contextmanager
def own_bridge(server, *arguments, **options):
    bridge = programs.Bridge(server, *arguments, **options)
    try:
        yield bridge
    finally:
        bridge.stop()


def wait_value(program, wanted, name, **labels):
    observe.wait_until(lambda: observe.value(program, name, **labels) == wanted)


def total(bridge, route, code):
    return observe.value(bridge, "junction_http_requests_total", route=route, code=str(code))


# --- metrics ---------------------------------------------------------------------------------


def test_requests_are_counted_by_route_and_status(server):
    with own_bridge(server) as bridge:
        assert bridge.post("/v1/server/counted/register", {"host": "h", "port": 1}).status == 200
        for _ in range(5):
            assert bridge.post("/v1/server/counted/get", {}).status == 200
        for path, status in [("/healthz", 200), ("/readyz", 200), ("/secret/path", 404),
                             ("/../up", 400), ("/mw/call", 405)]:
            assert bridge.get(path).status == status
        assert bridge.request("POST", "/mw/call", "{broken").status == 400
        assert bridge.get("/healthz", {"Host": "evil.example"}).status == 421
        # A request is counted when it has been forgotten, which may be after its reply was read.
        wanted = {(GET_SERVER, 200): 5, ("junction.v1.Registry/RegisterServer", 200): 1,
                  ("/healthz", 200): 1, ("/readyz", 200): 1, (CALL, 400): 1, ("unknown", 400): 1,
                  ("unknown", 404): 1, ("unknown", 405): 1, ("unknown", 421): 1}
        observe.wait_until(lambda: {k: total(bridge, *k) for k in wanted} == wanted)
        seen = observe.Metrics(bridge)
        assert "secret" not in str(seen.series)
        duration = "junction_http_duration_seconds_"
        assert seen.value(duration + "count", route=GET_SERVER) == 5
        assert 0 < seen.value(duration + "sum", route=GET_SERVER) < programs.WAIT
        assert seen.value("process_open_fds") > 3


def test_connections_and_what_is_in_progress(server):
    with own_bridge(server, "--connection-limit-per-address", "3") as bridge:
        assert observe.value(bridge, "junction_http_connections") == 0
        with contextlib.ExitStack() as open_ones:
            for _ in range(3):
                s = open_ones.enter_context(socket.create_connection((bridge.host, bridge.port)))
                s.sendall(b"POST /mw/call HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n")
            wait_value(bridge, 3, "junction_http_connections")
            wait_value(bridge, 3, "junction_http_in_progress")
            with socket.create_connection((bridge.host, bridge.port)) as refused:
                assert refused.recv(4096).startswith(b"HTTP/1.1 503 ")
            wait_value(bridge, 1, "junction_http_refused_total", reason="connections_of_caller")
        wait_value(bridge, 0, "junction_http_connections")
        wait_value(bridge, 0, "junction_http_in_progress")


def test_the_server_goes_and_comes_back(database):
    server = programs.Server(database.url)
    try:
        with own_bridge(server) as bridge:
            wait_value(bridge, 1, "junction_server_connected")
            server.process.kill()
            server.process.wait()
            wait_value(bridge, 0, "junction_server_connected")
            again = programs.Server(database.url, "--socket", server.socket)
            try:
                wait_value(bridge, 1, "junction_server_connected")
            finally:
                again.stop()
    finally:
        server.kill()


# --- the admin listener ----------------------------------------------------------------------


def test_the_log_level_changes_while_it_runs(server):
    with own_bridge(server, "--log-level", "error") as bridge:
        assert bridge.get("/healthz", {"X-Request-ID": "quiet"}).status == 200
        observe.wait_until(lambda: total(bridge, "/healthz", 200) == 1)
        answer = programs.http_request(bridge.admin, "PUT", "/log-level", "info")
        assert (answer.status, answer.body) == (200, b"info\n")
        assert bridge.get("/healthz", {"X-Request-ID": "loud"}).status == 200
        observe.wait_logged(bridge, "request", request_id="loud")
        assert not observe.logged(bridge, "request", request_id="quiet")


def test_where_it_listens(server, bridge):
    for arguments, what in [(("--admin", bridge.admin), "cannot listen"),
                            (("--admin", "0.0.0.0:0"), "--insecure"),
                            (("--admin", "none:"), "--admin must be"),
                            (("--access-log", "some"), "--access-log must be")]:
        with pytest.raises(RuntimeError) as caught:
            programs.Bridge(server, *arguments).stop()
        assert what in str(caught.value)
    with own_bridge(server, "--admin", "none") as quiet:
        assert quiet.admin is None
    refused = programs.http_request(bridge.admin, "GET", "/metrics", None, {"Origin": "null"})
    assert refused.status == 403


# --- lines of requests -----------------------------------------------------------------------


def test_a_line_says_who_asked_what_and_how_it_went(bridge):
    body = '{"service":"nobody","action":"go"}'
    answer = bridge.request("POST", "/mw/call?token=s3cret-query", body, {"X-Request-ID": "full"})
    line, = observe.wait_logged(bridge, "request", request_id="full")
    assert (line["level"], line["verb"], line["path"]) == ("info", "POST", "/mw/call")
    assert (line["method"], line["http"], line["code"]) == (CALL, str(answer.status), "NOT_FOUND")
    assert (line["bytes_in"], line["bytes_out"]) == (str(len(body)), str(len(answer.body)))
    assert line["caller"].startswith("127.0.0.1:") and int(line["us"]) > 0
    assert line["end"] == "sent" and "nobody" in line["message"]
    assert answer.headers["traceparent"].split("-")[1] == line["trace"]


@pytest.mark.parametrize("verb, path, headers, http", [
    ("GET", "/none", {}, "404"), ("PUT", "/v1/server/counted", {}, "200"), ("GET", "/mw/call", {}, "405"), ("GET", "/a/../b", {}, "400"),
    ("GET", "/healthz", {"Host": "evil.example"}, "421"),
    ("POST", "/mw/call", {"Origin": "http://evil.example"}, "403"),
    ("POST", "/mw/call", {"Content-Length": "99999999999"}, "413"),
    ("BREW", "/mw/call", {}, "501"),
])
def test_refusals_before_a_method_are_logged(bridge, verb, path, headers, http):
    name = f"refused-{http}"
    answer = bridge.request(verb, path, None, {**headers, "X-Request-ID": name})
    assert answer.status == int(http)
    line, = observe.wait_logged(bridge, "request", request_id=name)
    assert (line["verb"], line["path"], line["http"]) == (verb, path, http)
    assert line["message"]


def test_what_never_became_a_request_is_logged(server):
    with own_bridge(server) as bridge:
        assert b" 400 " in bridge.raw(b"GET /half HTTP/1.1\r\nHost : localhost\r\n\r\n")
        line, = observe.wait_logged(bridge, "request", path="/half")
        assert line["http"] == "0" and line["method"] == ""
        observe.wait_until(lambda: total(bridge, "unknown", "none") == 1)


def test_the_path_is_cut_and_escaped(bridge):
    path = "/%22%0a" + "x" * 4000
    assert bridge.get(path, {"X-Request-ID": 'a"=\\'}).status in (400, 404)
    line, = observe.wait_logged(bridge, "request", request_id='a"=\\')
    assert line["path"] == path[:256]


def test_which_lines_are_wanted(server):
    for option, good, bad in ((None, 1, 1), ("all", 1, 1), ("errors", 0, 1), ("none", 0, 0)):
        with own_bridge(server, *(["--access-log", option] if option else [])) as bridge:
            bridge.get("/healthz", {"X-Request-ID": "good"})
            bridge.get("/none", {"X-Request-ID": "bad"})
            bridge.stop()
            assert len(observe.logged(bridge, "request", request_id="good")) == good
            assert len(observe.logged(bridge, "request", request_id="bad")) == bad


def test_no_secret_is_logged(server):
    secrets = ["s3cret-token", "s3cret-header", "s3cret-query", "s3cret-body"]
    with own_bridge(server, "--log-level", "debug") as bridge:
        body = '{"service":"s","action":"a","header":"{\\"Authorization\\":\\"s3cret-header\\"}",' \
               '"body":"s3cret-body"}'
        for path in ("/mw/call?password=s3cret-query", "/none?password=s3cret-query"):
            bridge.request("POST", path, body, {"Authorization": "Bearer s3cret-token",
                                                "Cookie": "id=s3cret-token"})
        bridge.request("POST", "/mw/call", "{s3cret-body", {})
        bridge.stop()
        assert len(observe.logged(bridge, "request")) >= 3
        for secret in secrets:
            assert secret not in bridge.log_text()


WATCHES = 2  # a bridge's own: each of its threads watches routes


def test_a_stream_is_one_line_at_its_end(database):
    server = programs.Server(database.url, program="trial-server")
    try:
        with own_bridge(server, program="trial-bridge") as bridge:
            answer = bridge.get("/trial/count?count=100", {"X-Request-ID": "whole"})
            line, = observe.wait_logged(bridge, "request", request_id="whole")
            assert (line["http"], line["code"], line["end"]) == ("200", "OK", "sent")
            assert line["bytes_out"] == str(len(answer.body))
            with socket.create_connection((bridge.host, bridge.port)) as s:
                s.sendall(b"GET /trial/listen HTTP/1.1\r\nHost: localhost\r\n"
                          b"X-Request-ID: left\r\n\r\n")
                assert s.recv(4096).startswith(b"HTTP/1.1 200 ")
                wait_value(server, WATCHES + 1, "junction_rpc_in_progress")
            line, = observe.wait_logged(bridge, "request", request_id="left")
            assert line["code"] == "CANCELLED" and line["end"] == "broken off"
            wait_value(server, WATCHES, "junction_rpc_in_progress")
            wait_value(bridge, 0, "junction_http_in_progress")
    finally:
        server.stop()
