"""Watch over HTTP: in each form, and resumed as an EventSource does by itself."""

import contextlib
import json
import socket

import pytest

import programs
import watching

NDJSON = "application/x-ndjson"
SSE = "text/event-stream"
PATH = "/v1/registry/watch"


@pytest.fixture(scope="module")
def bridge(server):
    bridge = programs.Bridge(server)
    yield bridge
    bridge.stop()


@pytest.fixture
def space(request):
    return request.node.name.replace("[", "-").replace("]", "").replace("/", "-")[:64]


class Body:
    """The body of one request, taken bit by bit. The head must be 200."""

    def __init__(self, bridge, accept, space, query="", *headers):
        self.socket = socket.create_connection((bridge.host, bridge.port), timeout=programs.WAIT)
        lines = [f"GET {PATH}{query} HTTP/1.1", "Host: localhost", f"Accept: {accept}",
                 f"x-namespace: {space}", *headers, "", ""]
        self.socket.sendall("\r\n".join(lines).encode("latin-1"))
        self.waiting = self.raw = b""
        self.head = self.raw_upto(b"\r\n\r\n").decode()
        assert self.head.startswith("HTTP/1.1 200"), self.head

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def raw_upto(self, mark):
        while mark not in self.raw:
            data = self.socket.recv(65536)
            assert data, "cut off"
            self.raw += data
        part, _, self.raw = self.raw.partition(mark)
        return part

    def upto(self, mark):
        """What comes before the mark, of the body without its chunks."""
        while mark not in self.waiting:
            size = int(self.raw_upto(b"\r\n"), 16)
            assert size, "the body has ended"
            while len(self.raw) < size + 2:
                data = self.socket.recv(65536)
                assert data, "cut off"
                self.raw += data
            self.waiting += self.raw[:size]
            self.raw = self.raw[size + 2:]
        part, _, self.waiting = self.waiting.partition(mark)
        return part


class EventSource:
    """As browsers have it: remembers the last id, and comes back with it."""

    def __init__(self, bridge, space, query=""):
        self.bridge, self.space, self.query = bridge, space, query
        self.id, self.messages, self.body = "", [], None

    def open(self):
        header = [f"Last-Event-ID: {self.id}"] if self.id else []
        self.body = Body(self.bridge, SSE, self.space, self.query, *header)

    def close(self):
        self.body.socket.close()

    def next(self):
        lines = self.body.upto(b"\n\n").decode().split("\n")
        fields = dict(line.split(": ", 1) for line in lines)
        assert list(fields) in (["id", "data"], ["data"]), fields
        message = json.loads(fields["data"])
        assert fields.get("id", "") == message.get("cursor", "")
        self.id = fields.get("id", self.id)
        self.messages.append(message)
        return message

    def snapshot(self):
        while self.next()["kind"] != "WATCH_KIND_SNAPSHOT_END":
            pass

    def rows(self):
        return [(int(c["revision"]), c["operation"].rpartition("_")[2].lower(), c["service"])
                for message in self.messages if message["kind"] == "WATCH_KIND_CHANGES"
                for c in message["changes"]]


def put(bridge, space, name, port=80):
    answer = bridge.post(f"/v1/server/{name}/register", {"host": "h", "port": port},
                         {"x-namespace": space})
    assert answer.status == 200 and answer.json()["retcode"] == 0


def put_many(bridge, space, actions):
    api = {f"a{i}": {"uri": "/u"} for i in range(actions)}
    answer = bridge.post("/v1/service/registry", {"many": {"host": "h", "port": 1, "api": api}},
                         {"x-namespace": space})
    assert answer.status == 200 and answer.json()["retcode"] == 0


def logged(database, space, after):
    return [(revision, operation, service) for revision, _, service, _, operation
            in watching.logged_rows(database, after, space)]


def test_lines(bridge, space):
    with Body(bridge, NDJSON, space) as body:
        assert json.loads(body.upto(b"\n"))["kind"] == "WATCH_KIND_SNAPSHOT_END"
        put(bridge, space, "one")
        message = json.loads(body.upto(b"\n"))
        change = message["changes"][0]
        assert (change["operation"], change["serviceKey"], change["serviceState"]["settings"]) == (
            "CHANGE_OPERATION_PUT", "one", {})
        assert message["cursor"].startswith(change["revision"])
    with Body(bridge, NDJSON, space, "?after=" + message["cursor"] + "&service=two") as body:
        put(bridge, space, "one", 81)
        put(bridge, space, "two")
        assert json.loads(body.upto(b"\n"))["changes"][0]["service"] == "two"


def test_an_array(bridge, space):
    with Body(bridge, "application/json", space) as body:
        assert body.upto(b"{") == b"["
        put(bridge, space, "one")
        assert body.upto(b'"WATCH_KIND_CHANGES"').endswith(b'},{"kind":')


def test_an_event_source_gets_exactly_what_follows(bridge, space, database):
    source = EventSource(bridge, space)
    source.open()
    source.snapshot()
    start = int(source.id)
    put(bridge, space, "first")
    source.next()
    source.close()
    # While it is away; the second time within a revision.
    put_many(bridge, space, 450)
    for _ in range(2):
        source.open()
        source.next()
        source.close()
    put(bridge, space, "last")
    source.open()
    while not source.rows() or source.rows()[-1][2] != "last":
        source.next()
    source.close()
    assert source.rows() == logged(database, space, start) and len(source.rows()) == 453


def test_a_snapshot_in_parts_has_one_id_at_its_end(bridge, space):
    put_many(bridge, space, 450)
    source = EventSource(bridge, space)
    source.open()
    source.snapshot()
    source.close()
    assert [("cursor" in m and bool(m["cursor"])) for m in source.messages] == [False, False, True]


def test_the_header_wins_over_after(bridge, space):
    """An EventSource says where it stands to the URI that it began with."""
    source = EventSource(bridge, space)
    source.open()
    source.snapshot()
    first = source.id
    put(bridge, space, "one")
    source.next()
    source.close()
    with Body(bridge, NDJSON, space, "?after=" + first, "Last-Event-ID: " + source.id) as body:
        put(bridge, space, "two")
        assert json.loads(body.upto(b"\n"))["changes"][0]["service"] == "two"


def test_the_header_is_checked_like_the_field(bridge):
    for given in ("nonsense", "1.x"):
        answer = bridge.get(PATH, {"Last-Event-ID": given})
        assert answer.status == 400
        assert answer.json()["message"] == "after: must be a cursor that Watch has sent"
    answer = bridge.get(PATH, {"Last-Event-ID": b"1\xff"})
    assert answer.status == 400 and answer.json()["message"].startswith("after: ")


def test_an_empty_header_is_none(bridge, space):
    with Body(bridge, NDJSON, space, "", "Last-Event-ID: ") as body:
        message = json.loads(body.upto(b"\n"))
        assert message["kind"] == "WATCH_KIND_SNAPSHOT_END" and not message["snapshotReason"]


def test_other_methods_leave_the_header_alone(bridge):
    assert bridge.get("/v1/registry/nodes", {"Last-Event-ID": "nonsense"}).status == 200


def test_the_end_of_the_server_is_told(database, space):
    server = programs.Server(database.url)
    bridge = programs.Bridge(server)
    try:
        with Body(bridge, SSE, space) as body:
            body.upto(b"\n\n")
            server.stop()
            end = body.upto(b"\n\n").decode().split("\n")
            assert end[0] == "event: error" and json.loads(end[1].removeprefix("data: "))["code"] == 14
    finally:
        bridge.stop()
        with contextlib.suppress(RuntimeError):
            server.stop()
