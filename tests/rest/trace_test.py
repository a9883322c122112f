"""traceparent, tracestate and X-Request-ID in all directions, byte for byte."""

import json
import re

import grpc
import pytest

import observe
import programs

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = "00f067aa0ba902b7"
GIVEN = f"00-{TRACE}-{SPAN}-01"
PARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-(0[0-3])")
MADE = re.compile(r"[0-9a-f]{32}")
BAD_PARENTS = ["", "00", GIVEN.upper(), GIVEN + "-x", GIVEN.replace("00-", "ff-", 1),
               GIVEN.replace(TRACE, "0" * 32), GIVEN.replace(SPAN, "0" * 16), GIVEN[:-1] + "g"]
BAD_IDS = ["a b", "x" * 129]


@pytest.fixture(scope="module")
def upstream():
    with programs.Upstream(lambda request: (200, {}, b"{}")) as upstream:
        yield upstream


@pytest.fixture(scope="module")
def server(database):
    server = programs.Server(database.url, "--access-log", "all")
    yield server
    server.stop()


@pytest.fixture(scope="module")
def registered(registry, stubs, upstream):
    m = stubs.registry
    registry.RegisterServer(m.RegisterServerRequest(server_name="up", host="127.0.0.1",
                                                    port=upstream.port))
    registry.RegisterService(m.RegisterServiceRequest(server_name="up", service_name="go",
                                                      uri="/go"))


@pytest.fixture
def call(registered, registry, stubs, upstream):
    """Calls up.go; gives what the upstream was sent, and the call."""
    m = stubs.registry

    def call(metadata=(), **fields):
        before = len(upstream.requests)
        _, made = registry.Call.with_call(m.CallRequest(service="up", action="go", **fields),
                                          metadata=metadata)
        request, = upstream.requests[before:]
        return request.headers, dict(made.initial_metadata())
    return call


# --- the server ------------------------------------------------------------------------------


def test_what_a_client_gives_goes_on_to_the_called_service(call, server):
    sent, answered = call((("traceparent", GIVEN), ("tracestate", "a=1,b=2"),
                           ("x-request-id", "client's~own")))
    trace, span, flags = PARENT.fullmatch(sent["traceparent"]).groups()
    assert trace == TRACE and span != SPAN and flags == "01"
    assert sent["tracestate"] == "a=1,b=2"
    assert sent["X-Request-ID"] == "client's~own"
    assert answered["x-request-id"] == "client's~own"
    line, = observe.wait_logged(server, "call", request_id="client's~own")
    assert line["trace"] == TRACE
    sent, _ = call((("traceparent", GIVEN[:-2] + "00"),))
    assert PARENT.fullmatch(sent["traceparent"]).group(3) == "00"


def test_what_is_missing_is_made_once_for_all_directions(call, server):
    sent, answered = call()
    assert PARENT.fullmatch(sent["traceparent"]) and MADE.fullmatch(sent["X-Request-ID"])
    assert "tracestate" not in sent
    assert answered["x-request-id"] == sent["X-Request-ID"]
    line, = observe.wait_logged(server, "call", request_id=sent["X-Request-ID"])
    assert line["trace"] == PARENT.fullmatch(sent["traceparent"]).group(1)
    assert call()[0]["X-Request-ID"] != sent["X-Request-ID"]


@pytest.mark.parametrize("bad", BAD_PARENTS)
def test_a_bad_traceparent_is_replaced(call, bad):
    sent, _ = call((("traceparent", bad), ("tracestate", "a=1")))
    trace, _, flags = PARENT.fullmatch(sent["traceparent"]).groups()
    assert trace not in (TRACE, "0" * 32) and flags == "01"
    assert "tracestate" not in sent


@pytest.mark.parametrize("bad", BAD_IDS)
def test_a_bad_request_id_is_replaced(call, bad):
    sent, answered = call((("x-request-id", bad),))
    assert MADE.fullmatch(sent["X-Request-ID"])
    assert answered["x-request-id"] == sent["X-Request-ID"]


def test_headers_of_the_call_itself_win(call):
    other = f"00-{'1' * 32}-{'2' * 16}-00"
    sent, _ = call((("traceparent", GIVEN), ("tracestate", "a=1"), ("x-request-id", "mine")),
                   header=json.dumps({"Traceparent": other, "x-request-id": "its"}))
    assert sent.get_all("traceparent") == [other]
    assert sent.get_all("x-request-id") == ["its"]
    assert "tracestate" not in sent


def test_failures_say_the_request_id_too(registered, registry, stubs, channel):
    with pytest.raises(grpc.RpcError) as caught:
        registry.Call(stubs.registry.CallRequest(service="none", action="go"),
                      metadata=(("x-request-id", "mine"),))
    assert ("x-request-id", "mine") in caught.value.trailing_metadata()
    with pytest.raises(grpc.RpcError) as caught:
        registry.Call(stubs.registry.CallRequest())
    keys = [key for key, _ in caught.value.trailing_metadata()]
    assert keys.count("x-request-id") == 1 and keys.count("grpc-status-details-bin") == 1
    with pytest.raises(grpc.RpcError) as caught:
        channel.unary_unary("/no/such")(b"", metadata=(("x-request-id", "mine"),))
    assert ("x-request-id", "mine") in caught.value.trailing_metadata()


def test_a_stream_says_it_at_its_beginning(channel, stubs):
    stub = stubs.health_grpc.HealthStub(channel)
    watch = stub.Watch(stubs.health.HealthCheckRequest(), metadata=(("x-request-id", "mine"),))
    assert ("x-request-id", "mine") in watch.initial_metadata()
    watch.cancel()


# --- the bridge ------------------------------------------------------------------------------


@pytest.fixture
def post(registered, bridge, upstream):
    """Calls up.go over HTTP; gives what the upstream was sent, and the answer's headers."""
    def post(headers=None):
        before = len(upstream.requests)
        answer = bridge.post("/mw/call", {"service": "up", "action": "go"}, headers)
        assert answer.status == 200, answer
        request, = upstream.requests[before:]
        return request.headers, answer.headers
    return post


def test_a_trace_goes_through_bridge_and_server_span_by_span(post, bridge, server):
    sent, answered = post({"traceparent": GIVEN, "tracestate": "a=1,b=2", "X-Request-ID": "r~1"})
    bridge_trace, bridge_span, flags = PARENT.fullmatch(answered["traceparent"]).groups()
    trace, server_span, _ = PARENT.fullmatch(sent["traceparent"]).groups()
    assert bridge_trace == trace == TRACE and flags == "01"
    assert len({SPAN, bridge_span, server_span}) == 3
    assert sent["tracestate"] == "a=1,b=2"
    assert answered["X-Request-ID"] == sent["X-Request-ID"] == "r~1"
    line, = observe.wait_logged(bridge, "request", request_id="r~1")
    assert line["trace"] == TRACE
    line, = observe.wait_logged(server, "call", request_id="r~1")
    assert line["trace"] == TRACE


def test_the_bridge_makes_what_is_missing(post):
    sent, answered = post()
    assert PARENT.fullmatch(answered["traceparent"]).group(1, 3) == \
        (PARENT.fullmatch(sent["traceparent"]).group(1), "01")
    assert MADE.fullmatch(answered["X-Request-ID"])
    assert sent["X-Request-ID"] == answered["X-Request-ID"]
    assert "tracestate" not in sent
    assert post()[1]["traceparent"] != answered["traceparent"]


@pytest.mark.parametrize("bad", BAD_PARENTS)
def test_the_bridge_replaces_a_bad_traceparent(post, bad):
    sent, answered = post({"traceparent": bad, "tracestate": "a=1"})
    trace = PARENT.fullmatch(answered["traceparent"]).group(1)
    assert trace not in (TRACE, "0" * 32)
    assert PARENT.fullmatch(sent["traceparent"]).group(1) == trace
    assert "tracestate" not in sent


@pytest.mark.parametrize("bad", [*BAD_IDS, "\xe4"])
def test_the_bridge_replaces_a_bad_request_id(post, bad):
    sent, answered = post({"X-Request-ID": bad.encode("latin-1")})
    assert MADE.fullmatch(answered["X-Request-ID"])
    assert sent["X-Request-ID"] == answered["X-Request-ID"]


@pytest.mark.parametrize("path, status", [("/healthz", 200), ("/none", 404), ("/../x", 400),
                                          ("/mw/call", 405)])
def test_every_reply_says_both(bridge, path, status):
    answer = bridge.request("GET", path, None, {"traceparent": GIVEN, "X-Request-ID": "mine"})
    assert answer.status == status
    assert PARENT.fullmatch(answer.headers["traceparent"]).group(1) == TRACE
    assert answer.headers["X-Request-ID"] == "mine"


def test_a_page_of_another_host_is_told_too(bridge):
    answer = bridge.get("/healthz", {"Host": "evil.example", "X-Request-ID": "mine"})
    assert answer.status == 421 and answer.headers["X-Request-ID"] == "mine"
