"""Nodes: registered under document 003's names, living by heartbeats, gone and back."""

import concurrent.futures
import json
import time

import grpc
import pytest

import observe
import programs

LEASE = 2000


@pytest.fixture(scope="module")
def server(database):
    server = programs.Server(database.url, "--forget-nodes-after-ms", "3600000")
    yield server
    server.stop()


@pytest.fixture(scope="module")
def other(database, stubs):
    """A second server on the same database."""
    server = programs.Server(database.url)
    with server.channel() as channel:
        yield stubs.registry_grpc.RegistryStub(channel)
    server.stop()


@pytest.fixture
def m(stubs):
    return stubs.registry


def node(m, service, name="h-1", **rest):
    given = dict(host="10.0.0.1", port=80)
    given.update(rest)
    return m.RegisterNodeRequest(service=service, node=name, **given)


def nodes(registry, m, service):
    try:
        return {n.name: n for n in registry.ListNodes(m.ListNodesRequest(service=service)).nodes}
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.NOT_FOUND
        return {}


def refused(call, *arguments, **rest):
    with pytest.raises(grpc.RpcError) as caught:
        call(*arguments, **rest)
    return caught.value


def history(database, service, name):
    return [row[0] for row in database.rows(
        f"SELECT operation FROM registry.change WHERE kind = 'node' AND service_key = '{service}' "
        f"AND name = '{name}' ORDER BY revision, part")]


# --- registering -----------------------------------------------------------------------------


def test_all_that_is_said_of_several_nodes_is_shown(registry, m):
    metadata = '{"b" : 1.0,"a":[1e400, "\\u00e4\\n"], "z":{}}'
    registry.RegisterNode(node(m, "Shown", "B-2", host="::1", port=65535, protocol="HTTPS",
                               weight=7, enabled=False, metadata=f" {metadata}\n", check_path="mw/health"))
    answer = registry.RegisterNode(node(m, "shown", "a-1", lease_ms=60000,
                                        check=m.NODE_CHECK_NONE))
    assert (answer.node, answer.lease_ms) == ("a-1", 60000) and answer.revision > 0
    registry.RegisterNode(node(m, "SHOWN", "proxy-a.b_c-3"))
    answer = registry.ListNodes(m.ListNodesRequest(service="sHown"))
    assert [(n.service, n.name) for n in answer.nodes] == [
        ("Shown", "a-1"), ("Shown", "B-2"), ("Shown", "proxy-a.b_c-3")]
    a, b, c = answer.nodes
    assert b == m.NodeInfo(service="Shown", name="B-2", host="::1", port=65535, protocol="https",
                           weight=7, metadata=metadata, check=m.NODE_CHECK_HTTP,
                           check_path="/mw/health")
    assert (a.weight, a.enabled, a.metadata, a.check, a.lease_ms, a.available) == (
        1, True, "{}", m.NODE_CHECK_NONE, 60000, True)
    assert (c.check, c.check_path, c.protocol, c.lease_ms) == (m.NODE_CHECK_TCP, "", "http", 0)
    listed = registry.ListServices(m.ListServicesRequest(name="shown")).services[0]
    assert list(listed.nodes) == ["a-1", "B-2", "proxy-a.b_c-3"] and listed.available
    assert not registry.GetServer(m.GetServerRequest(server_name="shown")).HasField("data")


def test_a_node_without_a_name_gets_one(registry, m):
    made = [registry.RegisterNode(node(m, "unnamed", "", host=host, port=port)).node
            for host in ("ab.c", "fe80::1", "x" * 253) for port in (1, 65535)]
    assert len(set(made)) == 6 and set(made) == set(nodes(registry, m, "unnamed"))
    assert made[0].startswith("ab.c-") and made[0].rpartition("-")[2].isdigit()
    assert made[2].startswith("fe80..1-") and all(len(name) <= 255 for name in made)
    for name in made:  # as the rules want it
        registry.RegisterNode(node(m, "unnamed", name))
    assert len(nodes(registry, m, "unnamed")) == 6


APPLICATION = 'must be letters, digits, "-" or "_", and not begin with a digit'
STARTTIME = ('must be hostname-starttime or proxy-hostname-starttime, of letters, digits, "-", "_" '
             'and ".", starttime of digits')


@pytest.mark.parametrize("change, message", [
    ({"service": ""}, "service: required"),
    ({"service": "a" * 33}, "service: must have at most 32 bytes"),
    ({"service": "a" * 256}, "service: must have at most 255 bytes"),
    ({"service": "a.b"}, "service: " + APPLICATION), ({"service": "1a"}, "service: " + APPLICATION),
    ({"service": "größe"}, "service: " + APPLICATION),
    ({"service": "a b"}, "service: " + APPLICATION),
    ({"service": "a/b"}, 'service: must not hold "/" or control characters'),
    ({"service": "$node"}, 'service: must not begin with "$"'),
    ({"service": "Audit"}, 'service: "Audit" is reserved'),
    ({"service": "get"}, 'service: "get" is reserved'),
    ({"name": "host"}, "node: " + STARTTIME), ({"name": "host-"}, "node: " + STARTTIME),
    ({"name": "-1"}, "node: " + STARTTIME), ({"name": "12"}, "node: " + STARTTIME),
    ({"name": "host-1a"}, "node: " + STARTTIME), ({"name": "ho st-1"}, "node: " + STARTTIME),
    ({"name": "h/-1"}, "node: " + STARTTIME), ({"name": "hé-1"}, "node: " + STARTTIME),
    ({"name": "h" * 254 + "-1"}, "node: must have at most 255 bytes"),
    ({"host": ""}, "host: required"), ({"port": None}, "port: required"),
    ({"port": 0}, "port: must be 1 to 65535"), ({"protocol": "ftp"}, "protocol: must be"),
    ({"host": "http://h"}, "host: must be a host name or an IP address"),
    ({"weight": -1}, "weight: must be 0 to 10000"),
    ({"weight": 10001}, "weight: must be 0 to 10000"),
    ({"metadata": "[]"}, "metadata: must be a JSON object"),
    ({"metadata": "{"}, "metadata: invalid JSON at byte "),
    ({"metadata": '{"a":"' + "x" * 65536 + '"}'}, "metadata: must have at most 65536 bytes"),
    ({"lease_ms": 999}, "leaseMs: must be 1000 to 86400000"),
    ({"lease_ms": -1}, "leaseMs: must be 1000 to 86400000"),
    ({"lease_ms": 86400001}, "leaseMs: must be 1000 to 86400000"),
    ({"check": 9}, "check: is not known"), ({"check": 3}, "checkPath: required"),
    ({"check": 2, "check_path": "/x"}, "checkPath: must not be given with a check that is not"),
    ({"check": 1, "check_path": "/x"}, "checkPath: must not be given with a check that is not"),
    ({"check": 3, "check_path": "/a b"}, "checkPath: must not hold blanks"),
])
def test_every_rule_is_refused_by_field(registry, m, change, message):
    given = {"service": "rules", **change}
    error = refused(registry.RegisterNode, node(m, given.pop("service"), **given))
    assert error.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert error.details().startswith(message)
    assert not nodes(registry, m, "rules")


@pytest.mark.parametrize("given", [
    {"weight": 0}, {"weight": 10000}, {"lease_ms": 1000}, {"lease_ms": 86400000},
    {"metadata": '{"a":"' + "x" * (65536 - 8) + '"}'}, {"name": "h" * 253 + "-1"},
    {"name": "a_b.c-d-0"}, {"port": 1}])
def test_the_bounds_themselves_are_taken(registry, m, given):
    service = "s" * 32
    answer = registry.RegisterNode(node(m, service, **given))
    shown = nodes(registry, m, service)[answer.node]
    for name in given.keys() & {"weight", "lease_ms", "metadata", "port"}:
        assert getattr(shown, name) == given[name]
    registry.DeregisterNode(m.DeregisterNodeRequest(service=service, node=answer.node))


# --- changing --------------------------------------------------------------------------------


def test_an_update_changes_what_is_given(registry, other, m, database):
    registry.RegisterNode(node(m, "changed", "Ab-1", metadata='{"a":1}', lease_ms=60000))
    update = registry.UpdateNode

    def shown():
        n = nodes(registry, m, "changed")["Ab-1"]
        return n.weight, n.enabled, n.metadata, n.host, n.lease_ms
    assert update(m.UpdateNodeRequest(service="CHANGED", node="aB-1", weight=0)).revision
    assert shown() == (0, True, '{"a":1}', "10.0.0.1", 60000)
    update(m.UpdateNodeRequest(service="changed", node="ab-1", enabled=False))
    assert shown() == (0, False, '{"a":1}', "10.0.0.1", 60000)
    assert not registry.ListServices(m.ListServicesRequest(name="changed")).services[0].available
    update(m.UpdateNodeRequest(service="changed", node="ab-1", metadata='{ "b":2.0}', weight=3,
                               enabled=True))
    assert shown() == (3, True, '{ "b":2.0}', "10.0.0.1", 60000)
    observe.wait_until(lambda: [n.weight for n in nodes(other, m, "changed").values()] == [3])
    rows = database.rows("SELECT old_value->>'weight', value->>'weight' FROM registry.change "
                         "WHERE service_key = 'changed' AND kind = 'node' ORDER BY revision")
    assert rows == [["", "1"], ["1", "0"], ["0", "0"], ["0", "3"]]


def test_what_an_update_may_not_say(registry, m):
    registry.RegisterNode(node(m, "refusing"))
    for given, message in [({"weight": 10001}, "weight: must be 0 to 10000"),
                           ({"metadata": "1"}, "metadata: must be a JSON object"),
                           ({}, "weight, enabled or metadata: required")]:
        error = refused(registry.UpdateNode,
                        m.UpdateNodeRequest(service="refusing", node="h-1", **given))
        assert error.code() == grpc.StatusCode.INVALID_ARGUMENT
        assert error.details().startswith(message)


def each_call(registry, m, service, name, **rest):
    return [lambda: registry.Heartbeat(m.HeartbeatRequest(service=service, node=name), **rest),
            lambda: registry.UpdateNode(
                m.UpdateNodeRequest(service=service, node=name, weight=2), **rest),
            lambda: registry.DeregisterNode(
                m.DeregisterNodeRequest(service=service, node=name), **rest)]


def test_what_is_not_there_is_not_found(registry, m):
    registry.RegisterNode(node(m, "there", lease_ms=60000))
    for service, name, rest in [("there", "h-2", {}), ("nowhere", "h-1", {}),
                                ("there", "x" * 5000, {}),
                                ("there", "h-1", {"metadata": [("x-namespace", "elsewhere")]})]:
        for call in each_call(registry, m, service, name, **rest):
            error = refused(call)
            assert error.code() == grpc.StatusCode.NOT_FOUND
            assert error.details() == f"no node {name} of service {service}"
    for service, name, field in [("", "h-1", "service"), ("there", "", "node")]:
        for call in each_call(registry, m, service, name):
            assert refused(call).details() == f"{field}: required"
    for call in each_call(registry, m, "THERE", "H-1"):
        call()
    assert not nodes(registry, m, "there")


def test_namespaces_have_their_own(registry, m):
    mine = [("x-namespace", "mine")]
    registry.RegisterNode(node(m, "apart", port=1))
    registry.RegisterNode(node(m, "apart", port=2), metadata=mine)
    assert registry.ListNodes(m.ListNodesRequest(), metadata=mine).nodes[0].port == 2
    registry.DeregisterNode(m.DeregisterNodeRequest(service="apart", node="h-1"))
    assert not nodes(registry, m, "apart")
    assert len(registry.ListNodes(m.ListNodesRequest(service="apart"), metadata=mine).nodes) == 1


# --- beside FATE's servers --------------------------------------------------------------------


def test_a_server_of_its_own_and_nodes_live_side_by_side(registry, m, database):
    fate = m.RegisterServerRequest(server_name="both", host="10.0.0.9", port=9)
    for order in ("server", "nodes"):
        if order == "server":
            registry.RegisterServer(fate)
        registry.RegisterNode(node(m, "both", lease_ms=60000))
        registry.RegisterServer(fate)
        assert list(nodes(registry, m, "both")) == ["10.0.0.9:9", "h-1"]
        assert registry.GetServer(m.GetServerRequest(server_name="both")).data.port == 9
        for call in each_call(registry, m, "both", "10.0.0.9:9"):
            assert refused(call).code() == grpc.StatusCode.NOT_FOUND
        registry.DeleteServer(m.DeleteServerRequest(server_name="both"))
        assert not nodes(registry, m, "both")
        for table in ("node", "lease"):
            assert not database.rows(f"SELECT 1 FROM registry.{table} WHERE service_key = 'both'")
        for call in each_call(registry, m, "both", "h-1"):
            assert refused(call).code() == grpc.StatusCode.NOT_FOUND


def test_a_node_without_a_lease_has_no_heartbeats(registry, m):
    registry.RegisterNode(node(m, "lasting"))
    error = refused(registry.Heartbeat, m.HeartbeatRequest(service="lasting", node="h-1"))
    assert error.code() == grpc.StatusCode.FAILED_PRECONDITION
    assert error.details() == "node h-1 of service lasting has no lease"
    registry.RegisterNode(node(m, "lasting", lease_ms=20000))
    assert registry.Heartbeat(m.HeartbeatRequest(service="lasting", node="h-1")).lease_ms == 20000
    registry.RegisterNode(node(m, "lasting"))
    assert refused(registry.Heartbeat, m.HeartbeatRequest(service="lasting", node="h-1")
                   ).code() == grpc.StatusCode.FAILED_PRECONDITION


# --- leases -----------------------------------------------------------------------------------


def test_who_stops_expires_and_comes_back_as_the_same(registry, other, m, database, stubs):
    with programs.Upstream(lambda request: (200, {}, b"1")) as upstream:
        here = dict(host="127.0.0.1", port=upstream.port, lease_ms=LEASE, weight=5)
        registry.RegisterNode(node(m, "gone", **here))
        registry.RegisterService(m.RegisterServiceRequest(server_name="gone", service_name="x",
                                                          uri="/"))
        call = m.CallRequest(service="gone", action="x")
        assert registry.Call(call).result == "1"
        since = time.monotonic()
        observe.wait_until(lambda: not nodes(registry, m, "gone"))
        assert time.monotonic() - since >= LEASE / 1000 * 0.9
        service = registry.ListServices(m.ListServicesRequest(name="gone")).services[0]
        assert not service.available and not service.nodes
        assert refused(registry.Call, call).code() == grpc.StatusCode.UNAVAILABLE
        for do in each_call(registry, m, "gone", "h-1"):
            assert refused(do).code() == grpc.StatusCode.NOT_FOUND
        observe.wait_until(lambda: not nodes(other, m, "gone"))
        assert database.rows("SELECT expired_at IS NOT NULL FROM registry.node "
                             "WHERE service_key = 'gone'") == [["t"]]
        registry.RegisterNode(node(m, "GONE", "H-1", **here))
        assert nodes(registry, m, "gone")["h-1"].weight == 5
        assert registry.Call(call).result == "1"
    assert history(database, "gone", "h-1") == ["put", "expire", "put"]
    assert database.rows("SELECT old_value IS NULL, caller_address <> '' FROM registry.change "
                         "WHERE service_key = 'gone' AND kind = 'node' ORDER BY revision") == [
        ["t", "t"], ["f", "t"], ["t", "t"]]


def test_a_row_is_forgotten_in_time(m, stubs, cluster_url):
    with programs.Database(cluster_url) as database:
        server = programs.Server(database.url, "--forget-nodes-after-ms", "500")
        try:
            with server.channel() as channel:
                registry = stubs.registry_grpc.RegistryStub(channel)
                registry.RegisterNode(node(m, "forgotten", "h-1", lease_ms=LEASE))
                registry.RegisterNode(node(m, "forgotten", "h-2"))
                observe.wait_until(
                    lambda: database.rows("SELECT key FROM registry.node") == [["h-2"]])
                assert not database.rows("SELECT 1 FROM registry.lease")
                assert history(database, "forgotten", "h-1") == ["put", "expire"]
        finally:
            server.stop()


def test_a_heartbeat_goes_to_any_server_at_once(registry, other, m):
    for i in range(50):
        registry.RegisterNode(node(m, "anywhere", f"h-{i}", lease_ms=20000))
        assert other.Heartbeat(m.HeartbeatRequest(service="Anywhere", node=f"H-{i}")
                               ).lease_ms == 20000


def keep_alive(registries, m, service, names, leases):
    """Heartbeats, a third of the lease apart, at the servers in turn; gives how many."""
    beats = 0
    end = time.monotonic() + leases * LEASE / 1000
    following = time.monotonic()
    while following < end:
        time.sleep(max(0, following - time.monotonic()))  # the client's own clock
        for name in names:
            registries[beats % len(registries)].Heartbeat(
                m.HeartbeatRequest(service=service, node=name))
        beats += 1
        following += LEASE / 3000
    return beats


def test_heartbeats_at_one_server_keep_a_node_that_another_thinks_due(registry, other, m, database):
    """For other the lease is never renewed: it asks PostgreSQL again and again."""
    names = [f"h-{i}" for i in range(20)]
    for name in names:
        other.RegisterNode(node(m, "kept", name, lease_ms=LEASE))
    assert keep_alive([registry], m, "kept", names, 5) >= 15
    assert set(nodes(registry, m, "kept")) == set(nodes(other, m, "kept")) == set(names)
    assert not database.rows("SELECT 1 FROM registry.change WHERE operation = 'expire' "
                             "AND service_key = 'kept'")
    observe.wait_until(lambda: not nodes(registry, m, "kept") and not nodes(other, m, "kept"))


def test_a_shorter_lease_is_in_force_at_once(registry, m):
    registry.RegisterNode(node(m, "shorter", lease_ms=86400000))
    registry.RegisterNode(node(m, "shorter", lease_ms=LEASE))
    observe.wait_until(lambda: not nodes(registry, m, "shorter"))


# --- lists ------------------------------------------------------------------------------------


def pages(registry, m, **given):
    token, found = "", []
    metadata = [("x-namespace", "paged")]
    while True:
        answer = registry.ListNodes(m.ListNodesRequest(page_token=token, **given),
                                    metadata=metadata)
        found.append([(n.service, n.name) for n in answer.nodes])
        token = answer.next_page_token
        if not token:
            return found


def test_lists_come_in_pages(registry, m):
    metadata = [("x-namespace", "paged")]
    everything = []
    for service in ("a", "a-b", "a_c", "b"):
        registry.RegisterServer(m.RegisterServerRequest(server_name=service, host="h", port=1),
                                metadata=metadata)
        everything.append((service, "h:1"))
        for i in range(5):
            registry.RegisterNode(node(m, service, f"h-{i}"), metadata=metadata)
            everything.append((service, f"h-{i}"))
    for size in (1, 2, 5, 6, 7, 23, 24, 0, 1000000):
        found = pages(registry, m, page_size=size)
        assert sum(found, []) == everything
        assert all(len(page) == (size or 1000) for page in found[:-1])
        found = pages(registry, m, page_size=size, service="A-B")
        assert sum(found, []) == everything[6:12]
    # What was the last of a page may have gone.
    first = registry.ListNodes(m.ListNodesRequest(page_size=8), metadata=metadata)
    registry.DeleteServer(m.DeleteServerRequest(server_name="a-b"), metadata=metadata)
    rest = registry.ListNodes(m.ListNodesRequest(page_token=first.next_page_token),
                              metadata=metadata)
    assert [(n.service, n.name) for n in rest.nodes] == everything[12:]
    for field, given in [("pageSize: must not be negative", {"page_size": -1}),
                         ("pageToken: is none of a page", {"page_token": "x"}),
                         ("pageToken: is none of a page", {"page_token": "/x"})]:
        error = refused(registry.ListNodes, m.ListNodesRequest(**given))
        assert (error.code(), error.details()) == (grpc.StatusCode.INVALID_ARGUMENT, field)


def test_a_page_of_large_nodes_fits_a_message(registry, m):
    metadata = json.dumps({"x": "y" * 65000})
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda i: registry.RegisterNode(
            node(m, "large", f"h-{i}", metadata=metadata)), range(100)))
    token, names = "", []
    while True:
        answer = registry.ListNodes(m.ListNodesRequest(service="large", page_token=token))
        assert answer.ByteSize() < 2 * 1024 * 1024
        names += [n.name for n in answer.nodes]
        token = answer.next_page_token
        if not token:
            break
    assert sorted(names) == names and len(names) == 100
