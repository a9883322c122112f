"""1 GiB through ApiReader, up and down: memory stays where it is, and how fast it passes."""

import gzip
import http.client
import json
import socket
import threading
import time

import pytest

import observe
import programs
import raw_upstream
import reading

SIZE = 1 << 30
# That server and bridge may grow by. C core lets a stream run ahead of its reader by 16 MiB, or by
# twice what the network seems to hold, which is more on a machine that answers pings late.
MOST = 128 << 20
PIECE = b"1234567\n" * (1 << 17)
ANSWER = json.dumps({"code": 0, "data": {"jobId": "j1"}}).encode()
OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\n"


class Watched:
    """Notes the most that programs grow by, and the time."""

    def __init__(self, name, *watched):
        self.name, self.watched, self.most = name, watched, 0
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        before = [observe.rss(program) for program in self.watched]
        while not self.over.wait(0.01):
            self.most = max(self.most, *(observe.rss(program) - idle
                                         for program, idle in zip(self.watched, before)))

    def __enter__(self):
        self.began = time.monotonic()
        self.thread.start()

    def __exit__(self, *_):
        seconds = time.monotonic() - self.began
        self.over.set()
        self.thread.join()
        print(f"{self.name}: {SIZE / seconds / (1 << 20):.0f} MiB/s, grown by {self.most >> 10} KiB")
        if observe.is_plain(self.watched[0]):
            assert self.most < MOST


class Third(raw_upstream.RawUpstream):
    """Takes uploads without keeping them; gives a table plain or, as /packed, gzipped."""

    def __init__(self):
        self.taken = 0
        self.packed = gzip.compress(PIECE, 1) * (SIZE // len(PIECE))
        super().__init__(None)

    def run(self, connection):
        with connection, connection.makefile("rb") as reader:
            while line := reader.readline():
                headers = http.client.parse_headers(reader)
                if b" /upload" in line:
                    self.take(reader, int(headers["Content-Length"]))
                    connection.sendall(OK + b"Content-Length: %d\r\n\r\n" % len(ANSWER) + ANSWER)
                elif b" /packed" in line:
                    connection.sendall(OK + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n"
                                       % len(self.packed) + self.packed)
                else:
                    connection.sendall(OK + b"Content-Length: %d\r\n\r\n" % SIZE)
                    for _ in range(SIZE // len(PIECE)):
                        connection.sendall(PIECE)

    def take(self, reader, size):
        self.taken = 0
        room = memoryview(bytearray(1 << 20))
        while self.taken < size:
            self.taken += reader.readinto(room[:min(len(room), size - self.taken)])


@pytest.fixture(scope="module")
def third_party():
    with Third() as upstream:
        yield upstream


@pytest.fixture(scope="module")
def reader(stubs, channel, database):
    return reading.Reader(stubs, channel, database)


def messages(reader, name, sized):
    yield reader.m.UploadRequest(server_name=name, request_body="{}", size=SIZE if sized else None)
    for _ in range(SIZE // len(PIECE)):
        yield reader.m.UploadRequest(content=PIECE)


@pytest.mark.parametrize("sized", [True, False], ids=["sized", "spooled"])
def test_up_over_grpc(reader, third_party, server, sized):
    name = reader.third_party(third_party.port)
    with Watched("up, gRPC", server):
        assert reader.stub.Upload(messages(reader, name, sized)).data.job_id == "j1"
    assert SIZE < third_party.taken < SIZE + 1024
    assert reader.row(name)[3] == SIZE


@pytest.mark.parametrize("sized", [True, False], ids=["sized", "spooled"])
def test_up_over_http(reader, third_party, server, bridge, sized):
    name = reader.third_party(third_party.port)
    connection = http.client.HTTPConnection(bridge.address, timeout=300)
    with Watched("up, HTTP", server, bridge):
        connection.request(
            "POST", f"/v1/api_reader/{name}/upload?requestBody=%7B%7D",
            (PIECE for _ in range(SIZE // len(PIECE))),
            {"Content-Length": str(SIZE)} if sized else {}, encode_chunked=not sized)
        answer = programs.Answer(connection.getresponse())
    connection.close()
    assert answer.json()["data"] == {"jobId": "j1"}
    assert SIZE < third_party.taken < SIZE + 1024
    assert reader.row(name)[3] == SIZE


@pytest.mark.parametrize("uri", ["/download", "/packed"])
def test_down_over_grpc(reader, third_party, server, uri):
    name, total = reader.third_party(third_party.port, uri=uri), 0
    with Watched("down, gRPC " + uri, server):
        for message in reader.open(name):
            total += len(message.data)
    assert total == SIZE and reader.row(name)[1] == "done"


@pytest.mark.parametrize("uri", ["/download", "/packed"])
def test_down_over_http(reader, third_party, server, bridge, uri):
    name, total = reader.third_party(third_party.port, uri=uri), 0
    with Watched("down, HTTP " + uri, server, bridge), \
            socket.create_connection((bridge.host, bridge.port), timeout=300) as connection:
        connection.sendall(b"POST /v1/api_reader/%s/download?requestBody=%%7B%%22jobId%%22:1%%7D "
                           b"HTTP/1.0\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n" % name.encode())
        while data := connection.recv(1 << 20):
            total += len(data)
    assert SIZE < total < SIZE + 4096 and reader.row(name)[3] == SIZE
