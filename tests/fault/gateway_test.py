"""What fails at, before and behind the gateway: nodes, clients, the server, the bridge itself."""

import contextlib
import json
import socket
import time

import pytest

import gateways
import observe
import programs
from configurations import Folder, at, text
from gateway_load import Load, Node
from gateways import Client, get
from observe import is_plain, rss, wait_until
from raw_upstream import RawUpstream, reset, until_gone

SWITCH = (b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
          b"Sec-WebSocket-Accept: x\r\n\r\n")
SIZED = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n"
           b"X-End: 1\r\n\r\n")


@pytest.fixture
def service(registry, stubs):
    with gateways.services(registry, stubs) as make:
        yield make


@pytest.fixture(scope="module", autouse=True)
def nothing_fatal(bridge, server):
    """At the end of all."""
    yield
    for program in (bridge, server):
        said = program.log_text()
        assert "runtime error" not in said and "Fatal" not in said, said


def send(client, name, verb="GET", path="/", *headers, body=""):
    lines = [f"{verb} /api/{name}{path} HTTP/1.1", "Host: localhost", *headers, "", ""]
    client.send("\r\n".join(lines) + body)


# --- nodes ------------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", [SIZED, CHUNKED], ids=["length", "chunks"])
@pytest.mark.parametrize("end", [reset, lambda connection: connection.close()],
                         ids=["reset", "close"])
def test_an_answer_that_ends_at_any_byte_is_whole_or_known_to_be_broken(
        bridge, service, answer, end):
    def serve(connection, sent):
        at = int(sent.split(" ")[1][1:])
        connection.sendall(answer[:at])
        time.sleep(0.005)  # a reset overtakes what has been sent
        end(connection)
        return True
    name, node = service(serve)
    head = answer.index(b"\r\n\r\n") + 4
    for at in range(len(answer) + 1):
        with Client(bridge) as client:
            send(client, name, "POST", f"/{at}", "Content-Length: 0", "Connection: close")
            data = client.rest()
        whole = data.endswith((b"\r\n\r\nhello", b"\r\nX-End: 1\r\n\r\n"))
        assert data.startswith(b"HTTP/1.1 502" if at < head else b"HTTP/1.1 200"), (at, data)
        assert whole == (at == len(answer)), (at, data)
    assert len(node.requests) == len(answer) + 1


@pytest.mark.parametrize("answer", [SIZED, CHUNKED], ids=["length", "chunks"])
def test_an_answer_that_trickles_arrives(bridge, service, answer):
    def serve(connection, _):
        for i in range(len(answer)):
            connection.sendall(answer[i:i + 1])
            time.sleep(0.01)
    name, _ = service(serve)
    code, _, body = get(bridge, f"/api/{name}/")
    assert (code, body) == (200, b"hello")


def test_a_node_that_dies_in_an_upload_is_a_bad_gateway(bridge, service):
    def serve(connection, _):
        reset(connection)
        return True
    serve.head_only = True
    name, node = service(serve)
    body = "x" * 30000
    sent = {"Content-Length: 30000": body,
            "Transfer-Encoding: chunked": f"7530\r\n{body}\r\n0\r\n\r\n"}
    for died, framing in enumerate(sent):
        with Client(bridge) as client:
            send(client, name, "POST", "/", framing, body=sent[framing][:10000])
            wait_until(lambda died=died: node.closed > died)
            assert client.send(sent[framing][10000:]).answer()[0] == 502
    with Client(bridge) as client:  # beyond what is read before a refusal
        send(client, name, "POST", "/", "Content-Length: 500000")
        with contextlib.suppress(OSError):
            while not client.is_gone():
                client.send(body)


def test_nodes_that_hang_are_given_up_in_time(database):
    with Folder() as folder, RawUpstream(lambda connection, _: until_gone(connection)) as hangs, \
            RawUpstream(hang_in_the_middle) as half:
        folder.put("hang.config.json", text(
            "hang", restAPIs=at(hangs.port), timeout=300, retries=0))
        folder.put("half.config.json", text("half", restAPIs=at(half.port), idleTimeout=3000))
        server = folder.serve(database)
        bridge = programs.Bridge(server)
        try:
            code, _, body = get(bridge, "/api/hang/")
            assert (code, json.loads(body)["type"]) == (504, "REQUEST_TIMEOUT")
            with Client(bridge) as client:
                send(client, "half")
                assert client.read_head()[0].split()[1] == "200"
                assert client.rest() == b"abc"
            wait_until(lambda: hangs.closed and half.closed)
        finally:
            bridge.stop()
            server.stop()


def hang_in_the_middle(connection, _):
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
    until_gone(connection)
    return True


# --- clients ----------------------------------------------------------------------------------


def test_clients_that_leave_at_any_byte_leave_nothing(bridge, service):
    def serve(connection, sent):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        connection.sendall(b"x" * 1000000)
    name, node = service(serve)
    data = (f"POST /api/{name}/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 20\r\n\r\n"
            + "x" * 20).encode()
    for at in range(1, len(data) + 1):
        for end in (reset, lambda s: s.close()):
            client = Client(bridge)
            client.send(data[:at])
            if at == len(data):
                client.read_head()
            end(client.socket)
    code, _, body = get(bridge, f"/api/{name}/", "Content-Length: 0", method="POST")
    assert (code, len(body)) == (200, 1000000)


# --- programs that are killed -----------------------------------------------------------------


def test_nodes_may_be_killed_under_load(bridge, registry, stubs):
    with Node() as one, Node() as two, Node() as three:
        gateways.register(registry, stubs, "killed", one.port, two.port, three.port)
        with Load(bridge, "/api/killed/x/2") as gets, \
                Load(bridge, "/api/killed/y/2", threads=4, verb="POST") as posts:
            for node in (one, two):
                wait_until(gets.more(300))
                wait_until(posts.more(20))
                node.kill()
            wait_until(gets.more(300))
            wait_until(posts.more(20))
        assert gets.bad == []
        # Each may meet a dying node more than once: its socket takes connections to the end.
        assert len(posts.bad) <= 4 * 2 * 4, posts.bad
        assert {code for code, _ in posts.bad} <= {502}, posts.bad


def test_the_server_may_be_killed(database, stubs):
    port = programs.free_port()
    address = f"127.0.0.1:{port}"
    server = programs.Server(database.url, "--listen", address)
    with Node() as node:
        with server.channel() as channel:
            gateways.register(stubs.registry_grpc.RegistryStub(channel), stubs, "kept", node.port)
        # After the registration: nobody is told of that change, after which what is kept was old.
        bridge = programs.Bridge(server, "--server", address, "--gateway-grace-ms", "2000")
        try:
            with Load(bridge, "/api/kept/", threads=8) as load:
                # By both of its threads.
                wait_until(lambda: observe.value(bridge, "junction_gateway_routes") == 2)
                good, killed = load.good, time.monotonic()
                server.kill()
                wait_until(lambda: load.bad)
                assert time.monotonic() - killed >= 2 and load.good > good, load.bad[0]
            assert {code for code, _ in load.bad} == {503}, load.bad[0]
            server = programs.Server(database.url, "--listen", address)
            wait_until(lambda: bridge.get("/readyz").status == 200)  # all its threads
            with Load(bridge, "/api/kept/", threads=8) as load:
                wait_until(load.more(200))
            assert load.bad == []
        finally:
            bridge.stop()
            server.stop()


def test_a_bridge_that_is_killed_leaves_nothing_behind(server, registry, stubs):
    with Node() as node:
        gateways.register(registry, stubs, "bridgeless", node.port)
        bridge = programs.Bridge(server)
        with Load(bridge, "/api/bridgeless/", threads=8) as load:
            wait_until(load.more(100))
            bridge.kill()
            wait_until(lambda: load.bad)
        assert {code for code, _ in load.bad} == {0}
        again = programs.Bridge(server)
        with Load(again, "/api/bridgeless/", threads=8) as load:
            wait_until(load.more(100))
        assert load.bad == []
        again.stop()


# --- what is swapped under load ---------------------------------------------------------------


def test_a_configuration_may_be_swapped_a_hundred_times(database):
    def settings(i):
        addresses = at(*(node.port for node in nodes))
        order = addresses[i % 3:] + addresses[:i % 3]
        return text("swapped", f"Swap {i}", restAPIs=order[:3 - i % 2], weight=1 + i % 7,
                    retries=1 + i % 3, timeout=20000 + i, size=i,
                    balance=("roundRobin", "leastOutstanding")[i % 2])

    def is_seen(i):
        listed = bridge.get("/mw/services?name=swapped").json()
        return [one["settings"]["size"] for one in listed] == [i]
    with Folder() as folder, Node() as one, Node() as two, Node() as three:
        nodes = one, two, three
        folder.put("swapped.config.json", settings(0))
        server = folder.serve(database)
        bridge = programs.Bridge(server, "--access-log", "errors")
        try:
            with Load(bridge, "/api/swapped/", threads=8) as load:
                for i in range(1, 101):
                    folder.put("swapped.config.json", settings(i))
                    wait_until(lambda i=i: is_seen(i))
                    wait_until(load.more(5))
            assert load.bad == []
            if is_plain(bridge):
                assert rss(bridge) < 64 << 20
        finally:
            bridge.stop()
            server.stop()


# --- another protocol -------------------------------------------------------------------------


def upgrade(bridge, name):
    client = Client(bridge)
    send(client, name, "GET", "/", "Connection: Upgrade", "Upgrade: websocket",
         "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
    assert client.read_head()[0].split()[1] == "101"
    return client


def switching(then):
    """A node that changes the protocol, and what it does then."""
    def serve(connection, _):
        connection.sendall(SWITCH)
        then(connection)
        return True
    return serve


def test_a_bridge_that_is_stopped_ends_its_websockets(server, service):
    name, node = service(switching(until_gone))
    bridge = programs.Bridge(server)
    clients = [upgrade(bridge, name) for _ in range(10)]
    before = time.monotonic()
    bridge.stop()
    assert time.monotonic() - before < 10
    for client in clients:
        assert client.rest() == b""
        client.socket.close()
    wait_until(lambda: node.closed == 10)


def test_idle_websockets_end(database):
    with Folder() as folder, RawUpstream(switching(until_gone)) as node:
        folder.put("idle.config.json", text("idle", websocketAPIs=[f"ws://127.0.0.1:{node.port}"],
                                            idleTimeout=3000))
        server = folder.serve(database)
        bridge = programs.Bridge(server)
        try:
            assert upgrade(bridge, "idle").rest() == b""
            wait_until(lambda: node.closed == 1)
        finally:
            bridge.stop()
            server.stop()


def test_a_client_that_does_not_read_holds_the_node(bridge, service):
    def flood(connection):
        while True:
            node.write(connection, b"x" * 65536)
    name, node = service(switching(flood))
    before = rss(bridge)
    client = upgrade(bridge, name)
    written = node.settled()
    assert written < 32 << 20
    assert rss(bridge) - before < 16 << 20
    client.read(written)
    wait_until(lambda: node.written > written)
    reset(client.socket)
    wait_until(lambda: node.closed == 1)


def test_the_end_of_one_direction_is_passed_on(bridge, service):
    def echo_at_the_end(connection):
        data = b""
        while piece := connection.recv(100):
            data += piece
        connection.sendall(data)

    def end_first(connection):
        connection.shutdown(socket.SHUT_WR)
        got.append(connection.recv(100))
    got = []
    name, _ = service(switching(echo_at_the_end))
    with upgrade(bridge, name) as client:
        client.send("hello")
        client.socket.shutdown(socket.SHUT_WR)
        assert client.rest() == b"hello"
    name, _ = service(switching(end_first))
    with upgrade(bridge, name) as client:
        assert client.rest() == b""
        client.send("late")
        wait_until(lambda: got)
    assert got == [b"late"]


@pytest.mark.parametrize("answer", [
    b"HTTP/1.1 426 Upgrade Required\r\nContent-Length: 2\r\n\r\nno",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n"])
def test_a_refused_upgrade_is_an_answer_like_others(bridge, service, answer):
    name, _ = service(gateways.answer(answer))
    with Client(bridge) as client:
        for _ in range(2):
            send(client, name, "GET", "/", "Connection: Upgrade", "Upgrade: websocket")
            code, _, body = client.answer()
            assert (code, body) == (int(answer[9:12]), b"no")
