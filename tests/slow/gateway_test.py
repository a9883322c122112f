"""What is large or many at the gateway: 1 GiB up and down in bounded memory, 1,000 idle WebSockets."""

import base64
import os
import socket
import subprocess

import pytest

import gateways
import programs
from raw_upstream import RawUpstream, until_gone

GIB = 1 << 30


def resident(pid):
    """Bytes, now."""
    with open(f"/proc/{pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def peak(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmHWM"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("config")


class Node:
    def __init__(self):
        self.process = subprocess.Popen(
            [os.path.join(programs.BUILD, "tests", "bench_upstream")], stdout=subprocess.PIPE,
            text=True)
        self.port = int(self.process.stdout.readline().rpartition(":")[2])

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


@pytest.fixture(scope="module")
def node():
    node = Node()
    yield node
    node.stop()


@pytest.fixture(scope="module")
def server(database, folder, node):
    (folder / "hsm-mw.large.config.json").write_text(
        '{code: "large", settings: {restAPIs: "http://127.0.0.1:%d", bodyLimit: "2GB"}}' % node.port)
    server = programs.Server(database.url, "--config-folder", str(folder))
    yield server
    server.stop()


def test_a_gibibyte_comes_down(bridge):
    told = subprocess.run(
        ["curl", "-sSf", "-o", "/dev/null", "-w", "%{size_download}",
         f"http://{bridge.address}/api/large/table?bytes={GIB}"],
        check=True, capture_output=True, text=True).stdout
    assert int(told) == GIB
    assert peak(bridge.process.pid) < 64 << 20


def test_a_gibibyte_goes_up(bridge, tmp_path):
    path = tmp_path / "gib"
    with open(path, "wb") as file:
        file.truncate(GIB)
    for more in ([], ["-H", "Transfer-Encoding: chunked"]):
        told = subprocess.run(
            ["curl", "-sSf", "-T", str(path), *more, "-w", "%{size_upload}", "-o", "/dev/null",
             f"http://{bridge.address}/api/large/put"],
            check=True, capture_output=True, text=True).stdout
        assert int(told) >= GIB
    assert peak(bridge.process.pid) < 64 << 20


def upgrade(bridge):
    s = socket.create_connection((bridge.host, bridge.port), timeout=programs.WAIT)
    key = base64.b64encode(os.urandom(16)).decode()
    s.sendall(f"GET /api/idle/ HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n"
              f"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n"
              .encode())
    data = b""
    while b"\r\n\r\n" not in data:
        data += s.recv(4096)
    assert data.startswith(b"HTTP/1.1 101")
    return s


def test_a_thousand_idle_websockets(bridge, registry, stubs):
    switch = (b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
              b"Sec-WebSocket-Accept: x\r\n\r\n")

    def serve(connection, _):
        connection.sendall(switch)
        until_gone(connection)
        return True
    with RawUpstream(serve) as upstream:
        gateways.register(registry, stubs, "idle", upstream.port)
        warm = [upgrade(bridge) for _ in range(50)]
        before = resident(bridge.process.pid)
        held = [upgrade(bridge) for _ in range(1000)]
        each = (resident(bridge.process.pid) - before) / 1000
        for s in (*warm, *held):
            s.close()
    assert each < 16 * 1024
