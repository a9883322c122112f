"""HTTPS on both sides of the gateway, and connections that change to another protocol."""

import base64
import contextlib
import hashlib
import json
import os
import socket
import ssl

import pytest

import certificates
import gateways
import observe
from gateway_site import Site
from gateways import Client
from raw_upstream import RawUpstream

MEGABYTE = 1 << 20
GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


@pytest.fixture(scope="module")
def authority():
    authority = certificates.Authority()
    yield authority
    authority.remove()


@pytest.fixture(scope="module")
def site(database, stubs):
    with Site(database, stubs) as site:
        yield site


@pytest.fixture(scope="module")
def bridges(site, authority):
    """By whether its clients speak TLS."""
    pair = authority.issue("bridge")
    ca = ("--gateway-ca", authority.cert)
    return {False: site.start_bridge(*ca),
            True: site.start_bridge(*ca, "--tls-cert", pair.cert, "--tls-key", pair.key)}


class Node(RawUpstream):
    """Echoes bodies, and all that comes after an upgrade."""

    def __init__(self, pair=None):
        self.context = None
        if pair:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(pair.cert, pair.key)
        super().__init__(self.answer)

    def run(self, connection):
        with contextlib.suppress(OSError):
            if self.context:
                connection = self.context.wrap_socket(connection, server_side=True)
            super().run(connection)

    def answer(self, connection, request):
        head, _, body = request.partition("\r\n\r\n")
        _, headers = gateways.head_of(request)
        data = body.encode("latin-1")
        if "upgrade" not in headers:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(data), data))
            return False
        key = headers["sec-websocket-key"][0] + GUID
        accept = base64.b64encode(hashlib.sha1(key.encode()).digest())
        connection.sendall(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
                           b"Upgrade: websocket\r\nSec-WebSocket-Accept: " + accept
                           + b"\r\n\r\nhello" + data)
        while data := connection.recv(65536):
            connection.sendall(data)
            if data.endswith(b"bye"):
                return True
        return True

    @property
    def url(self):
        return f"{'https' if self.context else 'http'}://127.0.0.1:{self.port}"


class SecureClient(Client):
    def __init__(self, bridge, authority):
        super().__init__(bridge)
        self.socket = authority.context().wrap_socket(self.socket, server_hostname="localhost")


def serve(site, node, **settings):
    name = site.serve(open=True)
    site.serve_at(name, [node.url], **{"open": True, **settings})
    observe.wait_until(lambda: any(n.get("usable") for n in site.explain(f"/api/{name}/")["nodes"]))
    return name


@pytest.fixture(params=[(False, True), (True, False), (True, True)],
                ids=["to the node", "to the client", "both"])
def way(request, site, bridges, authority):
    """connect() to the bridge; the node, and the name of its service."""
    to_client, to_node = request.param
    node = site.made.enter_context(Node(authority.issue("node") if to_node else None))
    bridge = bridges[to_client]
    return (lambda: SecureClient(bridge, authority) if to_client else Client(bridge),
            node, serve(site, node), to_client)


def upgrade(client, name, *headers):
    key = base64.b64encode(os.urandom(16)).decode()
    lines = [f"GET /api/{name}/chat HTTP/1.1", "Host: localhost", "Connection: Upgrade",
             "Upgrade: websocket", "Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {key}", *headers]
    client.send("\r\n".join(lines) + "\r\n\r\n")
    return base64.b64encode(hashlib.sha1((key + GUID).encode()).digest()).decode()


def switched(client, name, *headers):
    """Upgraded, up to what the node says first."""
    accept = upgrade(client, name, *headers)
    status, got = client.read_head()
    assert status.startswith("HTTP/1.1 101"), status
    assert got["sec-websocket-accept"] == [accept]
    assert (got["upgrade"], got["connection"]) == (["websocket"], ["Upgrade"])
    assert client.read(5) == b"hello"


# --- requests ------------------------------------------------------------------------------------


def test_requests_go_through(way):
    connect, node, name, to_client = way
    body = os.urandom(MEGABYTE)
    with connect() as client:
        for _ in range(2):
            client.send(f"GET /api/{name}/x?y=1 HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert client.answer()[0] == 200
            client.send(f"POST /api/{name}/x HTTP/1.1\r\nHost: localhost\r\n"
                        f"Content-Length: {MEGABYTE}\r\n\r\n").send(body)
            code, _, echo = client.answer()
            assert (code, echo == body) == (200, True)
    line, headers = gateways.head_of(node.requests[0])
    assert line == "GET /x?y=1 HTTP/1.1"
    assert headers["x-forwarded-proto"] == ["https" if to_client else "http"]
    assert headers["host"] == [f"127.0.0.1:{node.port}"]


@pytest.mark.parametrize("why", ["stranger", "other name", "expired"])
def test_a_node_that_does_not_prove_itself_gets_nothing(site, bridges, authority, why):
    stranger = certificates.Authority("Stranger")
    pair = (stranger.issue("node") if why == "stranger" else
            authority.issue("node", alternatives="DNS:localhost") if why == "other name" else
            authority.issue("node", days=-1))
    with Node(pair) as node:
        name = serve(site, node, retries=0)
        code, _, body = gateways.get(bridges[False], f"/api/{name}/", "X-Secret: 1")
        assert (code, json.loads(body)["name"]) == (503, "ServiceUnavailableError")
        assert node.requests == []
    stranger.remove()


# --- another protocol ----------------------------------------------------------------------------


def test_bytes_are_carried_both_ways(way):
    connect, node, name, _ = way
    with connect() as client:
        switched(client, name)
        data = os.urandom(65536)
        for _ in range(16):
            client.send(data)
            assert client.read(len(data)) == data
        client.send(b"bye")
        assert client.rest() == b"bye"


def test_a_megabyte_at_once(way):
    connect, node, name, _ = way
    with connect() as client:
        switched(client, name)
        data = os.urandom(MEGABYTE // 4)
        client.send(data)
        assert client.read(len(data)) == data


def test_many_small_pieces(way):
    connect, node, name, _ = way
    with connect() as client:
        switched(client, name)
        for _ in range(2):
            for i in range(500):
                client.send(b"%04d" % i)
            assert client.read(2000) == b"".join(b"%04d" % i for i in range(500))


def test_who_has_sent_all_still_gets_the_rest(way):
    connect, node, name, to_client = way
    with connect() as client:
        switched(client, name)
        client.send(b"more")
        assert client.read(4) == b"more"
        if to_client:  # both say in good order that they send no more
            client.socket.unwrap()
        else:
            client.socket.shutdown(socket.SHUT_WR)
            assert client.rest() == b""


def test_the_end_of_one_side_is_that_of_the_other(way):
    connect, node, name, _ = way
    with connect() as client:
        switched(client, name)
    observe.wait_until(lambda: node.closed == 1)


def test_what_follows_the_request_at_once_is_not_lost(way):
    connect, node, name, _ = way
    with connect() as client:
        client.send(f"GET /api/{name}/chat HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n"
                    "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: x\r\n\r\n"
                    "early")
        assert client.read_head()[0].startswith("HTTP/1.1 101")
        assert client.read(10) == b"helloearly"


@pytest.mark.parametrize("secure", [False, True])
def test_idle_ones_end(site, bridges, authority, secure):
    with Node() as node:
        name = serve(site, node, idleTimeout=300)
        with SecureClient(bridges[True], authority) if secure else Client(bridges[False]) as client:
            switched(client, name)
            assert client.rest() == b""
        observe.wait_until(lambda: node.closed == 1)


def test_who_may_not_is_not_upgraded(site, bridges):
    with Node() as node:
        name = serve(site, node, open=False)
        stranger = site.application("upgrade-stranger")
        caller = site.application("upgrade-caller", ("allow", name, "/chat", "GET"))
        for shown, code in (([], 401), ([stranger], 403)):
            with Client(bridges[False]) as client:
                upgrade(client, name, *shown)
                assert client.answer()[0] == code
        assert node.requests == []
        with Client(bridges[False]) as client:
            switched(client, name, caller)
        _, headers = gateways.head_of(node.requests[0])
        assert "authorization" not in headers and headers["junction-identity"]


def test_upgrades_have_nodes_of_their_own(site, bridges, authority):
    with Node() as rest, Node(authority.issue("node")) as other:
        name = site.serve(open=True)
        site.serve_at(name, [rest.url], open=True,
                      websocketAPIs=[other.url.replace("https", "wss") + "/ws"])
        observe.wait_until(lambda: gateways.get(bridges[False], f"/api/{name}/")[0] == 200)
        with Client(bridges[False]) as client:
            switched(client, name)
        assert gateways.head_of(other.requests[0])[0] == "GET /ws/chat HTTP/1.1"
        assert all("upgrade" not in gateways.head_of(r)[1] for r in rest.requests)
