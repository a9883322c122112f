"""A large answer through CallStream: memory stays where it is, and how fast it passes."""

import json
import socket
import time

import pytest

import observe
import programs
import raw_upstream

SIZE = 256 << 20
MOST = 32 << 20  # that server and bridge may grow by


@pytest.fixture(scope="module")
def large(registry, stubs):
    piece = b"x" * (1 << 20)

    def serve(connection, _):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % SIZE)
        for _ in range(SIZE // len(piece)):
            connection.sendall(piece)
    with raw_upstream.RawUpstream(serve) as upstream:
        m = stubs.registry
        registry.RegisterServer(m.RegisterServerRequest(
            server_name="large", host="127.0.0.1", port=upstream.port))
        registry.RegisterService(m.RegisterServiceRequest(
            server_name="large", service_name="get", uri="/", method="GET"))
        yield {"service": "large", "action": "get"}


class Watched:
    """Notes the most that programs have grown by."""

    def __init__(self, *watched):
        self.watched = [(program, observe.rss(program)) for program in watched]
        self.most, self.count, self.began = 0, 0, time.monotonic()

    def look(self):
        self.count += 1
        if self.count % 256 == 0:
            self.most = max(self.most, *(observe.rss(program) - before for program, before in self.watched))

    def end(self, name):
        seconds = time.monotonic() - self.began
        print(f"{name}: {SIZE / seconds / (1 << 20):.0f} MiB/s, grown by {self.most >> 10} KiB")
        if observe.is_plain(self.watched[0][0]):
            assert self.most < MOST


def test_over_grpc(registry, stubs, server, large):
    watched, total = Watched(server), 0
    for message in registry.CallStream(stubs.registry.CallStreamRequest(**large)):
        total += len(message.data)
        watched.look()
    assert total == SIZE
    watched.end("gRPC")


def test_over_http(bridge, server, large):
    body = json.dumps(large).encode()
    watched, total = Watched(server, bridge), 0
    with socket.create_connection((bridge.host, bridge.port), timeout=programs.WAIT) as connection:
        connection.sendall(b"POST /mw/call/stream HTTP/1.0\r\nHost: localhost\r\nContent-Type: "
                           b"application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        while data := connection.recv(1 << 20):
            total += len(data)
            watched.look()
    assert SIZE < total < SIZE + 4096
    watched.end("HTTP")
