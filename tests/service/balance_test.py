"""Which node a call goes to, and for how long."""

import collections
import contextlib
import socket
import threading
import time

import grpc
import pytest

import observe
import programs
import raw_upstream

Code = grpc.StatusCode


def named(name):
    """An upstream that answers with its name."""
    return programs.Upstream(lambda request: (200, {}, name.encode()))


class Service:
    """A service with one action `do`, and a node for each (host, port, weight)."""

    count = 0

    def __init__(self, registry, stubs, *nodes, **action):
        Service.count += 1
        self.registry, self.m, self.name = registry, stubs.registry, f"balanced-{Service.count}"
        for i, (host, port, weight) in enumerate(nodes):
            registry.RegisterNode(self.m.RegisterNodeRequest(
                service=self.name, node=f"n-{i}", host=host, port=port, weight=weight))
        registry.RegisterService(self.m.RegisterServiceRequest(
            server_name=self.name, service_name="do", uri="/do", method="GET", **action))

    def update(self, node, **fields):
        self.registry.UpdateNode(self.m.UpdateNodeRequest(service=self.name, node=f"n-{node}",
                                                          **fields))

    def call(self, timeout=None, **fields):
        return self.registry.Call(self.m.CallRequest(service=self.name, action="do", **fields),
                                  timeout=timeout)

    def refusal(self, **fields):
        with pytest.raises(grpc.RpcError) as caught:
            self.call(**fields)
        return caught.value.code(), caught.value.details()

    def answers(self, count):
        return collections.Counter(self.call().result.strip('"') for _ in range(count))


@contextlib.contextmanager
def own_server(database, stubs, *arguments):
    server = programs.Server(database.url, *arguments)
    try:
        with server.channel() as channel:
            yield server, stubs.registry_grpc.RegistryStub(channel)
    finally:
        server.stop()


def other_nodes(server):
    text = programs.http_request(server.admin, "GET", "/metrics").body.decode()
    return observe.parse(text)["junction_call_other_nodes_total"][()]


# --- weights ----------------------------------------------------------------------------------


def test_nodes_are_called_by_their_weight(registry, stubs):
    with named("a") as a, named("b") as b, named("c") as c, named("d") as d:
        service = Service(registry, stubs, *(("127.0.0.1", u.port, w) for w, u in
                                             ((1, a), (2, b), (3, c), (0, d))))
        assert service.answers(60) == {"a": 10, "b": 20, "c": 30}
        service.update(2, weight=1)
        assert service.answers(40) == {"a": 10, "b": 20, "c": 10}
        service.update(1, enabled=False)
        assert service.answers(20) == {"a": 10, "c": 10}


def test_without_an_available_node_the_refusal_counts_them(registry, stubs):
    with named("a") as a:
        service = Service(registry, stubs, *[("127.0.0.1", a.port, 1)] * 2)
        for node in (0, 1):
            service.update(node, enabled=False)
        assert service.refusal() == (
            Code.UNAVAILABLE, f"service {service.name} has no available node: 2 registered, 0 of "
            "them enabled, 0 of these passing")
        assert a.requests == []


def test_a_failing_node_gets_no_calls(database, stubs):
    with own_server(database, stubs, "--check-interval-ms", "100") as (_, registry), \
            named("a") as a:
        dead = programs.free_port()
        service = Service(registry, stubs, ("127.0.0.1", dead, 1), ("127.0.0.1", a.port, 0))
        nodes = stubs.registry.ListNodesRequest(service=service.name)
        observe.wait_until(lambda: [n.health for n in registry.ListNodes(nodes).nodes] == [2, 1])
        assert service.answers(10) == {"a": 10}
        service.update(1, enabled=False)
        assert service.refusal()[1].endswith(
            "2 registered, 1 of them enabled, 0 of these passing")


# --- another node -----------------------------------------------------------------------------


def test_a_node_that_refuses_is_passed_over(registry, stubs, server):
    with named("b") as b, named("c") as c:
        service = Service(registry, stubs, ("127.0.0.1", programs.free_port(), 1),
                          ("127.0.0.1", b.port, 1), ("127.0.0.1", c.port, 2))
        before = other_nodes(server)
        # Its 30 turns of 120 are shared out by weight among the others.
        assert service.answers(120) == {"b": 40, "c": 80}
        assert other_nodes(server) - before == 30


@pytest.mark.parametrize("host", ["169.254.1.1", "nobody.invalid"])
def test_a_node_that_cannot_be_connected_to_is_passed_over(registry, stubs, host):
    with named("b") as b:
        service = Service(registry, stubs, (host, 80, 1), ("127.0.0.1", b.port, 0))
        assert service.answers(3) == {"b": 3}
        service.update(1, enabled=False)
        code, details = service.refusal()
        assert code == (Code.PERMISSION_DENIED if host[0] == "1" else Code.UNAVAILABLE)
        assert host in details and "tried" not in details


def test_three_nodes_are_tried_at_most_and_the_last_is_named(registry, stubs, server):
    ports = [programs.free_port() for _ in range(5)]
    service = Service(registry, stubs, *(("127.0.0.1", port, 1) for port in ports))
    before = other_nodes(server)
    code, details = service.refusal()
    assert code == Code.UNAVAILABLE
    address, rest = details.split(" ", 1)
    assert int(address.split(":")[1]) in ports
    assert rest == "was not reached: connection refused (the last of 3 nodes tried)"
    assert other_nodes(server) - before == 2


def drop(connection, _):
    raw_upstream.reset(connection)
    return True


def test_what_may_have_arrived_is_not_sent_again(registry, stubs):
    with raw_upstream.RawUpstream(drop) as a, named("b") as b:
        service = Service(registry, stubs, ("127.0.0.1", a.port, 1), ("127.0.0.1", b.port, 0))
        code, details = service.refusal(method="POST", body="{}")
        assert code == Code.UNAVAILABLE
        assert f"127.0.0.1:{a.port} broke off before its answer" in details
        assert len(a.requests) == 1 and b.requests == []


def test_an_address_of_the_actions_own_has_no_other_node(registry, stubs):
    dead = programs.free_port()
    with named("a") as a:
        service = Service(registry, stubs, ("127.0.0.1", a.port, 1), server_info=(
            stubs.registry.ServerInfo(host="127.0.0.1", port=dead)))
        code, details = service.refusal()
        assert code == Code.UNAVAILABLE and details.startswith(f"127.0.0.1:{dead} was not reached")
        assert a.requests == []
        service.update(0, enabled=False)
        assert service.refusal() == (code, details)


@contextlib.contextmanager
def deaf_port():
    """A port that drops connection requests: its queue is full and nobody accepts."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        port = listener.getsockname()[1]
        callers = [socket.socket() for _ in range(4)]
        for caller in callers:
            caller.setblocking(False)
            caller.connect_ex(("127.0.0.1", port))
        yield port
        for caller in callers:
            caller.close()


def test_a_node_that_takes_no_connection_is_passed_over_in_time(registry, stubs):
    with named("b") as b, deaf_port() as deaf:
        service = Service(registry, stubs, ("127.0.0.1", deaf, 1), ("127.0.0.1", b.port, 0))
        assert service.answers(1) == {"b": 1}  # after 5 s
        code, details = service.refusal(timeout=0.5)
        assert code == Code.DEADLINE_EXCEEDED
        assert len(b.requests) == 1


# --- time -------------------------------------------------------------------------------------


@pytest.fixture
def slow():
    """Answers when it is told to."""
    go = threading.Event()

    def answer(_):
        go.wait(programs.WAIT)
        return 200, {}, b"late"
    with programs.Upstream(answer) as upstream:
        upstream.go = go
        yield upstream
        go.set()


def test_an_action_may_take_as_long_as_it_says(registry, stubs, slow):
    service = Service(registry, stubs, ("127.0.0.1", slow.port, 1), timeout_ms=2000)
    code, details = service.refusal()
    assert code == Code.DEADLINE_EXCEEDED
    assert f"127.0.0.1:{slow.port} did not answer: timed out after 2" in details


def test_neither_server_nor_bridge_cut_it_shorter(database, stubs, slow):
    with own_server(database, stubs, "--default-deadline-ms", "100") as (server, registry):
        bridge = programs.Bridge(server, "--rpc-timeout-ms", "100")
        try:
            service = Service(registry, stubs, ("127.0.0.1", slow.port, 1), timeout_ms=60000)
            got = []
            threads = [threading.Thread(target=lambda: got.append(service.call().result)),
                       threading.Thread(target=lambda: got.append(bridge.post(
                           "/mw/call", {"service": service.name, "action": "do"}).json()["result"]))]
            for thread in threads:
                thread.start()
            observe.wait_until(lambda: len(slow.requests) == 2)
            time.sleep(0.5)  # beyond both limits
            slow.go.set()
            for thread in threads:
                thread.join()
            assert sorted(got) == ['"late"', "late"]
        finally:
            bridge.stop()


def test_the_callers_deadline_counts_all_the_same(registry, stubs, slow):
    service = Service(registry, stubs, ("127.0.0.1", slow.port, 1), timeout_ms=60000)
    assert service.refusal(timeout=0.3)[0] == Code.DEADLINE_EXCEEDED


@pytest.mark.parametrize("timeout_ms", [0, -1, 3600001])
def test_a_timeout_has_a_range(registry, stubs, timeout_ms):
    m = stubs.registry
    registry.RegisterServer(m.RegisterServerRequest(server_name="timed", host="h", port=1))
    with pytest.raises(grpc.RpcError) as caught:
        registry.RegisterService(m.RegisterServiceRequest(
            server_name="timed", service_name="a", uri="/", timeout_ms=timeout_ms))
    assert caught.value.code() == Code.INVALID_ARGUMENT
    assert caught.value.details() == "timeout_ms: must be 1 to 3600000"


# --- size -------------------------------------------------------------------------------------


def test_a_body_has_a_limit(database, stubs):
    with own_server(database, stubs, "--call-request-limit", "10") as (_, registry), \
            named("a") as a:
        service = Service(registry, stubs, ("127.0.0.1", a.port, 1))
        assert service.call(body="x" * 10).result == '"a"'
        assert service.refusal(body="x" * 11) == (
            Code.RESOURCE_EXHAUSTED, "body: must be at most 10 bytes")
        assert len(a.requests) == 1
