"""Nodes that come and go, as callers see them: marked by checks, called only while they pass."""

import contextlib
import time

import grpc
import pytest

import observe
import programs

# Nodes are checked on after their server has closed: at an address of their own, where no other
# test's server gets the port and finds a check among its requests.
HOST = "127.0.0.2"
CHECKS = ("--check-interval-ms", "100", "--check-timeout-ms", "5000")


@pytest.fixture(scope="module")
def server(database):
    server = programs.Server(database.url, *CHECKS)
    yield server
    server.stop()


def answer(request):
    return 200, {}, b'{"path":"%s"}' % request.path.encode()


def register(registry, m, name, port, host=HOST):
    """As a FATE server does."""
    registry.RegisterServer(m.RegisterServerRequest(server_name=name, host=host, port=port))
    registry.RegisterService(m.RegisterServiceRequest(server_name=name, service_name="go",
                                                      uri="/go"))


def is_available(registry, m, name):
    return next(s.available for s in registry.ListServices(m.ListServicesRequest()).services
                if s.name == name)


def nodes(registry, m, service):
    return registry.ListNodes(m.ListNodesRequest(service=service)).nodes


def call(registry, m, service):
    """The status of a call."""
    try:
        registry.Call(m.CallRequest(service=service, action="go"))
        return grpc.StatusCode.OK
    except grpc.RpcError as error:
        return error.code()


def test_a_server_without_listener_is_unavailable_until_it_is_there(registry, stubs):
    m = stubs.registry
    port = programs.free_port()
    register(registry, m, "absent", port)
    observe.wait_until(lambda: not is_available(registry, m, "absent"))
    assert call(registry, m, "absent") == grpc.StatusCode.UNAVAILABLE
    node, = nodes(registry, m, "absent")
    assert (node.health, node.available) == (m.NODE_HEALTH_FAILING, False)
    assert node.health_reason == "connection refused"
    assert abs(node.health_time.seconds - time.time()) < 600
    with programs.Upstream(answer, port, HOST):
        observe.wait_until(lambda: is_available(registry, m, "absent"))
        assert call(registry, m, "absent") == grpc.StatusCode.OK
        node, = nodes(registry, m, "absent")
        assert (node.health, node.available, node.health_reason) == (
            m.NODE_HEALTH_PASSING, True, "")
    observe.wait_until(lambda: not is_available(registry, m, "absent"))


def test_calls_go_only_to_nodes_that_pass(registry, stubs):
    m = stubs.registry
    broken = []
    with programs.Upstream(answer, host=HOST) as good, programs.Upstream(
            lambda request: (503 if broken else 200, {}, b"{}"), host=HOST) as other:
        register(registry, m, "several", good.port)
        registry.RegisterNode(m.RegisterNodeRequest(service="several", node="other-1",
                                                    host=HOST, port=other.port,
                                                    check_path="/up"))
        observe.wait_until(lambda: all(n.health == m.NODE_HEALTH_PASSING
                                       for n in nodes(registry, m, "several")))
        broken.append(True)
        observe.wait_until(lambda: nodes(registry, m, "several")[1].health_reason == "status 503")
        before = sum(r.path == "/go" for r in other.requests)
        assert [call(registry, m, "several") for _ in range(20)] == [grpc.StatusCode.OK] * 20
        assert sum(r.path == "/go" for r in other.requests) == before
        assert sum(r.path == "/go" for r in good.requests) >= 20


def test_a_check_obeys_the_egress_policy(server, registry, stubs):
    """Junction's own listener is never connected to, by whoever registers it."""
    m = stubs.registry
    host, port = server.address.rsplit(":", 1)
    register(registry, m, "inward", int(port), host)
    observe.wait_until(lambda: nodes(registry, m, "inward")[0].health == m.NODE_HEALTH_FAILING)
    assert nodes(registry, m, "inward")[0].health_reason == "address refused by egress policy"


def test_a_node_that_wants_no_check_gets_none(registry, stubs):
    m = stubs.registry
    registry.RegisterNode(m.RegisterNodeRequest(service="unchecked", node="n-1", host=HOST,
                                                port=programs.free_port(),
                                                check=m.NODE_CHECK_NONE))
    register(registry, m, "checked", programs.free_port())
    observe.wait_until(lambda: not is_available(registry, m, "checked"))
    node, = nodes(registry, m, "unchecked")
    assert (node.health, node.available) == (m.NODE_HEALTH_UNSPECIFIED, True)
    assert not node.HasField("health_time")


def test_with_protection_a_service_whose_nodes_all_fail_still_answers(cluster_url, stubs):
    m = stubs.registry
    with contextlib.ExitStack() as stack:
        database = stack.enter_context(programs.Database(cluster_url))
        server = programs.Server(database.url, *CHECKS, "--protect-percent", "50")
        stack.callback(server.stop)
        registry = stubs.registry_grpc.RegistryStub(stack.enter_context(server.channel()))
        # Its checks fail, its calls do not.
        up = stack.enter_context(programs.Upstream(
            lambda r: (503, {}, b"") if r.path == "/up" else (200, {}, b"{}"), host=HOST))
        register(registry, m, "protected", programs.free_port())
        registry.RegisterNode(m.RegisterNodeRequest(service="protected", node="n-1",
                                                    host=HOST, port=up.port,
                                                    check_path="/up"))
        observe.wait_until(lambda: all(n.health == m.NODE_HEALTH_FAILING
                                       for n in nodes(registry, m, "protected")))
        assert is_available(registry, m, "protected")
        assert all(n.available for n in nodes(registry, m, "protected"))
        observe.wait_until(lambda: call(registry, m, "protected") == grpc.StatusCode.OK)


def test_the_nodes_of_a_server_that_is_killed_are_taken_over(cluster_url, stubs):
    m = stubs.registry
    with contextlib.ExitStack() as stack:
        database = stack.enter_context(programs.Database(cluster_url))
        first = programs.Server(database.url, *CHECKS)
        stack.callback(first.stop)
        second = programs.Server(database.url, *CHECKS)
        stack.callback(second.stop)
        registry = stubs.registry_grpc.RegistryStub(stack.enter_context(second.channel()))
        with programs.Upstream(answer, host=HOST) as up:
            for i in range(10):
                register(registry, m, f"s{i}", up.port)

            def health():
                return {n.health for n in registry.ListNodes(m.ListNodesRequest()).nodes}
            observe.wait_until(
                lambda: database.rows("SELECT count(*) FROM registry.member") == [["2"]])
            observe.wait_until(lambda: health() == {m.NODE_HEALTH_PASSING})
            first.kill()
        observe.wait_until(lambda: health() == {m.NODE_HEALTH_FAILING})
        authors = database.rows("SELECT DISTINCT caller_address FROM registry.change"
                                " WHERE value->>'health' = 'failing'")
        assert authors == [[database.rows("SELECT name FROM registry.member"
                                          " ORDER BY renewed_at DESC LIMIT 1")[0][0]]]


def test_a_server_that_ends_or_checks_nothing_is_no_member(cluster_url):
    with programs.Database(cluster_url) as database:
        idle = programs.Server(database.url)
        checking = programs.Server(database.url, *CHECKS)
        observe.wait_until(
            lambda: database.rows("SELECT count(*) FROM registry.member") == [["1"]])
        checking.stop()
        assert database.rows("SELECT count(*) FROM registry.member") == [["0"]]
        idle.stop()
