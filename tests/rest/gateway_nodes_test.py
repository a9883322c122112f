"""Which of its nodes a request goes to by the rules of a service, and what becomes of slow ones."""

import collections
import json
import threading

import pytest

import observe
from gateway_site import Node, Site, at_once
from gateways import Client, get
from raw_upstream import RawUpstream, until_gone


@pytest.fixture(scope="module")
def site(database, stubs):
    with Site(database, stubs) as site:
        yield site


@pytest.fixture(scope="module")
def bridge(site):
    return site.bridge


def raw(site, serve):
    return site.made.enter_context(RawUpstream(serve))


def hang(connection, _):
    until_gone(connection)
    return True


def name_of(reply):
    code, _, body = reply
    return code, json.loads(body)["name"]


# --- times ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_node_that_does_not_answer_in_time(site, bridge, method):
    node = raw(site, hang)
    name = site.serve(node, open=True, timeout=1000)
    reply = get(bridge, f"/api/{name}/", "Content-Length: 0", method=method)
    assert name_of(reply) == (504, "RequestTimeoutError")
    observe.wait_until(lambda: node.closed == 1)
    assert len(node.requests) == 1


def test_each_route_has_its_time(site, bridge):
    node = site.node()
    name = site.serve(node, open=True, timeout=100, routes=[{"path": "/slow", "timeout": 60000}])
    node.open.clear()
    slow = []
    waiting = threading.Thread(target=lambda: slow.append(get(bridge, f"/api/{name}/slow")))
    waiting.start()
    observe.wait_until(lambda: node.requests)
    assert get(bridge, f"/api/{name}/quick")[0] == 504
    node.open.set()
    waiting.join()
    assert slow[0][0] == 200


@pytest.mark.parametrize("head", [b"Content-Length: 10", b"Transfer-Encoding: chunked"])
def test_a_node_that_hangs_after_its_head_is_broken_off(site, bridge, head):
    def serve(connection, _):
        connection.sendall(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n\r\n3\r\nabc")
        return hang(connection, _)
    node = raw(site, serve)
    name = site.serve(node, open=True, timeout=60000, idleTimeout=200)
    with Client(bridge) as client:
        client.send(f"GET /api/{name}/ HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert client.read_head()[0].startswith("HTTP/1.1 200")
        assert not client.rest().endswith(b"0\r\n\r\n")
    observe.wait_until(lambda: node.closed == 1)


def test_a_node_that_trickles_goes_on(site, bridge):
    steps = 20

    def serve(connection, _):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % steps)
        for _ in range(steps):
            threading.Event().wait(0.25)
            connection.sendall(b"x")
    name = site.serve(raw(site, serve), open=True, timeout=60000, idleTimeout=4000)
    assert get(bridge, f"/api/{name}/")[2] == b"x" * steps


# --- the breaker ---------------------------------------------------------------------------------


class Ill(Node):
    """Answers 503 until it is well."""

    def __init__(self):
        super().__init__()
        self.well = threading.Event()

    def answer(self, connection, request):
        if self.well.is_set():
            super().answer(connection, request)
        else:
            connection.sendall(b"HTTP/1.1 503 Ill\r\nContent-Length: 0\r\n\r\n")


BREAKER = {"percent": 50, "volume": 4, "window": 60000, "halfOpen": 300, "consecutive": 2}


def test_a_node_that_fails_is_left_alone_and_comes_back(site, bridge):
    ill, well = site.made.enter_context(Ill()), site.node()
    name = site.serve(ill, well, open=True, breaker={**BREAKER, "halfOpen": 3600000})
    codes = [get(bridge, f"/api/{name}/")[0] for _ in range(30)]
    assert codes.count(503) == len(ill.requests) == 4
    assert set(codes[-20:]) == {200}


def test_a_node_that_is_well_again_is_asked_again(site, bridge):
    ill, well = site.made.enter_context(Ill()), site.node()
    name = site.serve(ill, well, open=True, breaker=BREAKER)
    for _ in range(30):
        get(bridge, f"/api/{name}/")
    assert observe.logged(bridge, "endpoint left alone", address=f"127.0.0.1:{ill.port}")
    tried = len(ill.requests)
    observe.wait_until(lambda: get(bridge, f"/api/{name}/") and len(ill.requests) > tried)
    ill.well.set()
    observe.wait_until(lambda: get(bridge, f"/api/{name}/") and observe.logged(
        bridge, "endpoint taken again", address=f"127.0.0.1:{ill.port}"))
    before = len(ill.requests), len(well.requests)
    assert {get(bridge, f"/api/{name}/")[0] for _ in range(20)} == {200}
    more = len(ill.requests) - before[0], len(well.requests) - before[1]
    # Each thread of the bridge has a round of its own.
    assert sum(more) == 20 and abs(more[0] - 10) <= 1


def test_what_is_not_reached_is_left_alone(site, bridge):
    gone, well = site.node(), site.node()
    gone_port = gone.port
    name = site.serve(gone, well, open=True, breaker={**BREAKER, "halfOpen": 3600000, "volume": 1000})
    gone.__exit__()
    assert {get(bridge, f"/api/{name}/")[0] for _ in range(20)} == {200}
    assert observe.logged(bridge, "endpoint left alone", address=f"127.0.0.1:{gone_port}",
                          reason="not reached 2 times in a row")


def test_the_only_node_is_not_given_up(site, bridge):
    ill = site.made.enter_context(Ill())
    name = site.serve(ill, open=True, breaker={**BREAKER, "halfOpen": 3600000})
    assert {get(bridge, f"/api/{name}/")[0] for _ in range(20)} == {503}
    assert len(ill.requests) == 20
    ill.well.set()
    assert get(bridge, f"/api/{name}/")[0] == 200


def test_without_a_breaker_it_is_asked_for_ever(site, bridge):
    ill, well = site.made.enter_context(Ill()), site.node()
    name = site.serve(ill, well, open=True, breaker=False)
    for _ in range(60):
        get(bridge, f"/api/{name}/")
    # Whose turn is next is forgotten when the nodes change, as at the beginning they may.
    assert len(ill.requests) + len(well.requests) == 60 and len(ill.requests) >= 28


# --- which node ----------------------------------------------------------------------------------


def test_each_has_its_turn(site, bridge):
    nodes = [site.node() for _ in range(3)]
    name = site.serve(*nodes, open=True)
    for _ in range(30):
        assert get(bridge, f"/api/{name}/")[0] == 200
    # Each thread of the bridge has a round of its own.
    assert all(abs(len(node.requests) - 10) <= 2 for node in nodes)


def test_weights_count(site, bridge):
    light, heavy, spare = (site.node() for _ in range(3))
    name = site.serve(open=True)
    for node, weight in ((light, 1), (heavy, 4), (spare, 0)):
        site.register(name, node, weight=weight)
    for _ in range(50):
        assert get(bridge, f"/api/{name}/")[0] == 200
    assert abs(len(light.requests) - 10) <= 2
    assert abs(len(heavy.requests) - 40) <= 2
    assert not spare.requests


def test_one_value_goes_to_one_node(site, bridge):
    nodes = [site.node() for _ in range(4)]
    name = site.serve(*nodes, open=True, balance={"hash": "X-Tenant"})
    went = collections.defaultdict(set)
    for _ in range(3):
        for tenant in range(20):
            before = [len(node.requests) for node in nodes]
            assert get(bridge, f"/api/{name}/", f"x-tenant: {tenant}")[0] == 200
            went[tenant].add(tuple(len(n.requests) - b for n, b in zip(nodes, before)))
    assert all(len(places) == 1 for places in went.values())
    assert len(set.union(*went.values())) > 1


def test_only_what_went_to_a_node_that_is_gone_goes_elsewhere(site, bridge):
    nodes = [site.node() for _ in range(3)]
    name = site.serve(*nodes, open=True, balance={"hash": "X-Tenant"})

    lost = set()

    def place(tenant):
        """Who answers; what is lost may still be asked, where a connection was kept."""
        before = [len(node.requests) for node in nodes]
        assert get(bridge, f"/api/{name}/", f"X-Tenant: {tenant}")[0] == 200
        return next(i for i, node in enumerate(nodes)
                    if len(node.requests) > before[i] and i not in lost)
    first = [place(tenant) for tenant in range(20)]
    assert len(set(first)) > 1
    lost.add(first[0])
    nodes[first[0]].serve = lambda *_: True  # closes
    nodes[first[0]].__exit__()
    again = [place(tenant) for tenant in range(20)]
    assert all(a == f for f, a in zip(first, again) if f not in lost)


def test_the_idle_one_is_preferred(site, bridge):
    busy, idle = site.node(), site.node()
    name = site.serve(busy, idle, open=True, balance="leastOutstanding")
    busy.open.clear()
    idle.open.clear()
    with Client(bridge) as client:
        client.send(f"GET /api/{name}/ HTTP/1.1\r\nHost: localhost\r\n\r\n")
        observe.wait_until(lambda: busy.requests or idle.requests)
        if idle.requests:
            busy, idle = idle, busy
        idle.open.set()
        for _ in range(20):
            assert get(bridge, f"/api/{name}/")[0] == 200
        busy.open.set()
        assert client.answer()[0] == 200
    assert (len(busy.requests), len(idle.requests)) == (1, 20)


def test_many_at_once_are_spread(site, bridge):
    nodes = [site.node() for _ in range(4)]
    name = site.serve(*nodes, open=True, balance="leastOutstanding")
    for node in nodes:
        node.open.clear()
    opener = threading.Thread(target=lambda: (
        observe.wait_until(lambda: sum(len(node.requests) for node in nodes) == 40),
        [node.open.set() for node in nodes]))
    opener.start()
    assert {code for code, _, _ in at_once(40, lambda _: get(bridge, f"/api/{name}/"))} == {200}
    opener.join()
    assert all(8 <= len(node.requests) <= 12 for node in nodes)
