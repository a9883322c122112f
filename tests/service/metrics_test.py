"""What junctiond tells of itself: metrics, the admin listener, lines of calls."""

import contextlib
import http.client
import threading

import grpc
import pytest

import observe
import postgres
import programs
import subjects

REGISTRY = "junction.v1.Registry/"


@contextlib.contextmanager
def own_server(database, stubs, *arguments):
    server = programs.Server(database.url, *arguments)
    try:
        with server.channel() as channel:
            server.registry = stubs.registry_grpc.RegistryStub(channel)
            server.channel_used = channel
            yield server
    finally:
        server.stop()


def ask(server, stubs, service="nobody", metadata=()):
    """Call of an action that may not be there; gives the code."""
    try:
        server.registry.Call(stubs.registry.CallRequest(service=service, action="go"),
                             metadata=metadata)
        return grpc.StatusCode.OK
    except grpc.RpcError as error:
        return error.code()


@pytest.fixture(scope="module")
def held():
    """An upstream that answers when it is let go."""
    go = threading.Event()

    def answer(request):
        go.wait(programs.WAIT)
        return 200, {}, b"{}"
    with programs.Upstream(answer) as upstream:
        upstream.go = go
        yield upstream
        go.set()


# --- metrics ---------------------------------------------------------------------------------


def test_calls_are_counted_by_method_and_code_and_timed(database, stubs):
    m = stubs.registry
    with own_server(database, stubs) as server:
        server.registry.RegisterServer(m.RegisterServerRequest(server_name="s", host="h", port=1))
        for _ in range(7):
            server.registry.GetServer(m.GetServerRequest(server_name="s"))
        for _ in range(3):
            assert ask(server, stubs) == grpc.StatusCode.NOT_FOUND
        assert ask(server, stubs, "") == grpc.StatusCode.INVALID_ARGUMENT
        unknown = server.channel_used.unary_unary("/made.up/Name")
        with pytest.raises(grpc.RpcError):
            unknown(b"")
        seen = observe.Metrics(server)
        total = "junction_rpc_calls_total"
        assert seen.value(total, method=REGISTRY + "GetServer", code="OK") == 7
        assert seen.value(total, method=REGISTRY + "Call", code="NOT_FOUND") == 3
        assert seen.value(total, method=REGISTRY + "Call", code="INVALID_ARGUMENT") == 1
        assert seen.value(total, method="unknown", code="UNIMPLEMENTED") == 1
        assert "made.up" not in str(seen.series)
        duration = "junction_rpc_duration_seconds_"
        assert seen.value(duration + "count", method=REGISTRY + "GetServer") == 7
        assert seen.value(duration + "count", method=REGISTRY + "Call") == 4
        assert 0 < seen.value(duration + "sum", method=REGISTRY + "Call") < programs.WAIT
        # One a call is received, one an OK sent; the unknown method's is not read.
        assert seen.value("junction_rpc_messages_total", direction="received") == 12
        assert seen.value("junction_rpc_messages_total", direction="sent") == 8


def test_what_is_in_progress_is_seen_and_ends(database, stubs, held):
    m = stubs.registry
    with own_server(database, stubs) as server:
        server.registry.RegisterServer(m.RegisterServerRequest(
            server_name="held", host="127.0.0.1", port=held.port))
        server.registry.RegisterService(m.RegisterServiceRequest(
            server_name="held", service_name="wait", uri="/wait"))
        calls = [server.registry.Call.future(m.CallRequest(service="held", action="wait"))
                 for _ in range(3)]
        observe.wait_until(lambda: observe.value(server, "junction_rpc_in_progress") == 3)
        observe.wait_until(lambda: observe.value(server, "junction_lane_depth", lane="fetch") == 3)
        held.go.set()
        for call in calls:
            assert call.result().code == "200"
        observe.wait_until(lambda: observe.value(server, "junction_rpc_in_progress") == 0)
        observe.wait_until(lambda: observe.value(server, "junction_lane_depth", lane="fetch") == 0)
        # Now and then the server has errands of its own there.
        for lane in ("query", "append", "change", "search", "work"):
            observe.wait_until(
                lambda lane=lane: observe.value(server, "junction_lane_depth", lane=lane) == 0)


def test_the_registry_and_the_process(cluster_url, stubs):
    m = stubs.registry
    with programs.Database(cluster_url) as database:
        with own_server(database, stubs) as server:
            def numbers():
                seen = observe.Metrics(server)
                return [seen.value("junction_registry_" + name)
                        for name in ("services", "nodes", "revision")]
            assert numbers() == [0, 0, 0]
            for name in ("a", "b"):
                server.registry.RegisterServer(m.RegisterServerRequest(
                    server_name=name, host="h", port=1))
            assert numbers()[:2] == [2, 2]
            revision = numbers()[2]
            server.registry.DeleteServer(m.DeleteServerRequest(server_name="a"))
            assert numbers()[:2] == [1, 1] and numbers()[2] > revision
            seen = observe.Metrics(server)
            assert 0 <= seen.value("junction_registry_lag_seconds") < programs.WAIT
            (version, one), = seen.series["junction_build_info"].items()
            assert dict(version)["version"] and one == 1
            assert seen.value("process_cpu_seconds_total") > 0
            assert seen.value("process_resident_memory_bytes") > 1 << 20
            assert seen.value("process_open_fds") > 3
            assert seen.value("process_start_time_seconds") > 1.6e9
            assert seen.value("junction_streams_waiting") == 0


def test_the_database_goes_and_comes_back(stubs):
    with postgres.Cluster() as cluster, programs.Database(cluster.url()) as database:
        with own_server(database, stubs) as server:
            connected = "junction_database_connected"
            connections = "junction_database_connections"
            observe.wait_until(
                lambda: observe.value(server, connections, state="connecting") == 0)
            up = observe.value(server, connections, state="connected")
            assert observe.value(server, connected) == 1 and up >= 4
            cluster.stop("immediate")
            observe.wait_until(lambda: observe.value(server, connected) == 0)
            observe.wait_until(
                lambda: observe.value(server, connections, state="connected") == 0)
            assert observe.value(server, connections, state="connecting") >= 4
            cluster.start()
            observe.wait_until(lambda: observe.value(server, connected) == 1)
            observe.wait_until(
                lambda: observe.value(server, connections, state="connecting") == 0)


def test_messages_of_a_stream_are_counted_and_it_is_one_call(database, stubs):
    reflection = stubs.reflection["v1alpha"]
    with own_server(database, stubs, "--access-log", "all") as server:
        stub = stubs.reflection_grpc["v1alpha"].ServerReflectionStub(server.channel_used)
        request = reflection.ServerReflectionRequest(list_services="")
        assert len(list(stub.ServerReflectionInfo(iter([request] * 5)))) == 5
        method = "grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
        line, = observe.wait_logged(server, "call", method=method)
        assert line["code"] == "OK"
        assert int(line["bytes_in"]) == 5 * request.ByteSize() and int(line["bytes_out"]) > 500
        seen = observe.Metrics(server)
        assert seen.value("junction_rpc_calls_total", method=method, code="OK") == 1
        assert seen.value("junction_rpc_messages_total", direction="received") == 5
        assert seen.value("junction_rpc_messages_total", direction="sent") == 5


def test_a_stream_that_waits_is_seen(database, stubs):
    with own_server(database, stubs) as server:
        stub = stubs.health_grpc.HealthStub(server.channel_used)
        watch = stub.Watch(stubs.health.HealthCheckRequest())
        next(watch)
        observe.wait_until(lambda: observe.value(server, "junction_streams_waiting") == 1)
        assert observe.value(server, "junction_rpc_in_progress") == 1
        watch.cancel()
        observe.wait_until(lambda: observe.value(server, "junction_streams_waiting") == 0)
        observe.wait_until(lambda: observe.value(server, "junction_rpc_in_progress") == 0)
        line, = observe.wait_logged(server, "call", method="grpc.health.v1.Health/Watch")
        assert line["code"] == "CANCELLED"


# --- the admin listener ----------------------------------------------------------------------


def admin(server, verb, path, body=None, headers=None):
    return programs.http_request(server.admin, verb, path, body, headers)


def test_the_log_level_changes_while_it_runs(database, stubs):
    with own_server(database, stubs, "--access-log", "all", "--log-level", "error") as server:
        def said(request_id):
            ask(server, stubs, metadata=[("x-request-id", request_id)])
            return observe.logged(server, "call", request_id=request_id)
        assert admin(server, "GET", "/log-level").body == b"error\n"
        assert not said("quiet")
        assert admin(server, "PUT", "/log-level", "info").body == b"info\n"
        line, = observe.logged(server, "log level changed")
        assert (line["from"], line["to"]) == ("error", "info")
        assert said("loud")
        assert admin(server, "PUT", "/log-level", " error\n").status == 200
        assert len(observe.logged(server, "log level changed", to="error")) == 1
        assert not said("quiet again")
        for body in ("", "loud", "INFO", "info" * 300, "x" * 2000):
            refused = admin(server, "PUT", "/log-level", body)
            assert refused.status == 400 and b"debug, info, warn or error" in refused.body
        assert admin(server, "GET", "/log-level").body == b"error\n"


def test_what_is_not_served_says_so(server):
    assert admin(server, "GET", "/healthz").body == b"ok\n"
    assert admin(server, "HEAD", "/metrics").body == b""
    assert admin(server, "GET", "/").status == 404
    for path, verb, allow in [("/metrics", "POST", "GET, HEAD"), ("/healthz", "PUT", "GET, HEAD"),
                              ("/log-level", "DELETE", "GET, HEAD, PUT")]:
        refused = admin(server, verb, path)
        assert refused.status == 405 and refused.headers["Allow"] == allow
    port = server.admin.rsplit(":", 1)[1]
    for host in ("localhost:" + port, "127.0.0.1", "[::1]:80"):
        assert admin(server, "GET", "/metrics", headers={"Host": host}).status == 200
    for host in ("evil.example", "evil.example:" + port, "127.0.0.1.evil.example", "10.1.2.3", ""):
        refused = admin(server, "PUT", "/log-level", "debug", {"Host": host})
        assert refused.status == 403, host
    refused = admin(server, "PUT", "/log-level", "debug", {"Origin": "http://" + server.admin})
    assert refused.status == 403
    assert admin(server, "GET", "/log-level").body == b"info\n"


def test_a_body_without_end_is_given_up(server):
    connection = http.client.HTTPConnection(server.admin, timeout=programs.WAIT)
    with contextlib.closing(connection):
        with pytest.raises((ConnectionError, http.client.HTTPException)):
            connection.request("PUT", "/log-level", (b"x" * 1000 for _ in range(100000)),
                               encode_chunked=True, headers={"Transfer-Encoding": "chunked"})
            connection.getresponse()
    assert admin(server, "GET", "/healthz").status == 200


def refused_start(database, *arguments):
    with pytest.raises(RuntimeError) as caught:
        programs.Server(database.url, *arguments).stop()
    return str(caught.value)


def test_where_it_listens(database, server, stubs):
    assert "cannot listen" in refused_start(database, "--admin", server.admin)
    assert "--insecure" in refused_start(database, "--admin", "0.0.0.0:0")
    assert "--admin must be" in refused_start(database, "--admin", "nowhere")
    with own_server(database, stubs, "--admin", "none") as quiet:
        assert quiet.admin is None
    with own_server(database, stubs, "--admin", "0.0.0.0:0", "--insecure") as wide:
        port = wide.admin.rsplit(":", 1)[1]
        for host, status in [("10.1.2.3:" + port, 200), ("evil.example", 403)]:
            assert programs.http_request("127.0.0.1:" + port, "GET", "/metrics", None,
                                         {"Host": host}).status == status


def test_call_never_reaches_it(server, registry, stubs):
    m = stubs.registry
    registry.RegisterServer(m.RegisterServerRequest(
        server_name="own", host="127.0.0.1", port=int(server.admin.rsplit(":", 1)[1])))
    registry.RegisterService(m.RegisterServiceRequest(
        server_name="own", service_name="level", uri="/log-level"))
    with pytest.raises(grpc.RpcError) as caught:
        registry.Call(m.CallRequest(service="own", action="level"))
    assert caught.value.code() == grpc.StatusCode.PERMISSION_DENIED


# --- lines of calls --------------------------------------------------------------------------


def test_errors_are_logged_unless_told_otherwise(database, stubs):
    for option, ok, refused in ((None, 0, 1), ("errors", 0, 1), ("all", 1, 1), ("none", 0, 0)):
        with own_server(database, stubs, *(["--access-log", option] if option else [])) as server:
            server.registry.ListServices(stubs.registry.ListServicesRequest())
            ask(server, stubs)
            server.stop()
            assert len(observe.logged(server, "call", code="OK")) == ok
            assert len(observe.logged(server, "call", code="NOT_FOUND")) == refused


def test_a_line_says_who_asked_what_and_how_it_went(database, stubs):
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    with own_server(database, stubs) as server:
        ask(server, stubs, metadata=[
            ("traceparent", f"00-{trace}-00f067aa0ba902b7-01"), ("x-namespace", "team"),
            ("x-request-id", 'a"b=c\\d')])
        line, = observe.wait_logged(server, "call", trace=trace)
        request = stubs.registry.CallRequest(service="nobody", action="go")
        assert line["level"] == "info" and line["method"] == REGISTRY + "Call"
        assert line["code"] == "NOT_FOUND" and "nobody" in line["message"]
        assert line["namespace"] == "team" and line["request_id"] == 'a"b=c\\d'
        assert line["caller"].startswith("127.0.0.1:")
        assert int(line["us"]) >= 0
        assert (int(line["bytes_in"]), line["bytes_out"]) == (request.ByteSize(), "0")


def test_refusals_before_a_method_are_logged_and_cut(database, stubs):
    with own_server(database, stubs) as server:
        long_name = "/" + "x" * 3000 + "/Name"
        for path, metadata in ((long_name, ()), ("/a/b", (("x-namespace", "not one"),))):
            with pytest.raises(grpc.RpcError):
                server.channel_used.unary_unary(path)(b"", metadata=metadata)
        unknown, = observe.wait_logged(server, "call", code="UNIMPLEMENTED")
        assert unknown["method"] == "x" * 256
        refused, = observe.wait_logged(server, "call", code="INVALID_ARGUMENT", method="a/b")
        assert "x-namespace" in refused["message"]
        garbage = server.channel_used.unary_unary("/" + REGISTRY + "GetServer")
        with pytest.raises(grpc.RpcError):
            garbage(b"\xff\xff\xff\xff", metadata=[("x-request-id", "garbage")])
        assert observe.wait_logged(server, "call", request_id="garbage")[0]["bytes_in"] == "4"


def test_no_secret_is_logged(database, stubs):
    m = stubs.registry
    subjects.put(database.url, "application", "secretive", "administrator")
    key = subjects.basic(subjects.put_key(database.url, "secretive", "secretive"))
    secrets = [subjects.SECRET, key.split()[1], "s3cret-token", "s3cret-header", "s3cret-query",
               "s3cret-body"]
    with programs.Upstream(lambda request: (500, {}, b"{}")) as up, \
            own_server(database, stubs, "--access-log", "all", "--log-level", "debug") as server:
        server.registry.RegisterServer(m.RegisterServerRequest(
            server_name="up2", host="127.0.0.1", port=up.port))
        server.registry.RegisterService(m.RegisterServiceRequest(
            server_name="up2", service_name="go", uri="/go", method="POST"))
        server.registry.Call(m.CallRequest(
            service="up2", action="go", header='{"Authorization":"Bearer s3cret-header"}',
            param='{"password":"s3cret-query"}', body="s3cret-body"),
            metadata=[("authorization", key)])
        with pytest.raises(grpc.RpcError):
            server.registry.ListServers(m.ListServersRequest(),
                                        metadata=[("authorization", "Bearer s3cret-token")])
        assert "s3cret-query" in up.requests[0].path
        server.stop()
        assert observe.logged(server, "call", method=REGISTRY + "Call")
        for secret in secrets:
            assert secret not in server.log_text()
