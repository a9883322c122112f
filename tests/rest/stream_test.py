"""Streams over HTTP: each form byte for byte, what ends them, and what they cost meanwhile."""

import contextlib
import json
import random
import signal
import socket
import struct
import subprocess
import threading
import time

import pytest

import observe
import programs

NDJSON = "application/x-ndjson"
SSE = "text/event-stream"
FORMS = ("application/json", NDJSON, SSE)
OK = b'{"code":0,"message":"","details":[]}'
KEEPALIVE = ("--keepalive-interval-ms", "1000")


@pytest.fixture(scope="module")
def trial_bridge(trial_server):
    bridge = programs.Bridge(trial_server, *KEEPALIVE, program="trial-bridge")
    yield bridge
    bridge.stop()


@pytest.fixture(scope="module")
def quiet_bridge(trial_server):
    """Does not find out by writing that a client has gone."""
    bridge = programs.Bridge(trial_server, "--keepalive-interval-ms", "86400000",
                             program="trial-bridge")
    yield bridge
    bridge.stop()


@contextlib.contextmanager
def own_server(database):
    """A server of the test's own, which may be killed."""
    server = programs.Server(database.url, program="trial-server")
    try:
        yield server
    finally:
        server.kill() if server.process.poll() is None else None
        server.process.stdout.close()


def in_progress(bridge):
    return bridge.get("/trial/streams").json()["inProgress"]


def head(verb, path, *lines, version="1.1"):
    return "\r\n".join([f"{verb} {path} HTTP/{version}", "Host: localhost", *lines, "", ""]).encode()


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


class Reader:
    """One connection; takes what comes bit by bit."""

    def __init__(self, bridge, data=b"", receive_buffer=None):
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(programs.WAIT)
        self.socket.connect((bridge.host, bridge.port))
        self.waiting = b""
        self.send(data)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def try_send(self, data):
        with contextlib.suppress(OSError):
            self.send(data)

    def more(self):
        data = self.socket.recv(1 << 20)
        self.waiting += data
        return bool(data)

    def upto(self, mark):
        """Through the mark, or what there is at the end."""
        while mark not in self.waiting:
            if not self.more():
                mark = self.waiting
                break
        end = self.waiting.index(mark) + len(mark)
        data, self.waiting = self.waiting[:end], self.waiting[end:]
        return data

    def head(self):
        lines = self.upto(b"\r\n\r\n").decode().split("\r\n")
        return int(lines[0].split()[1]), dict(line.split(": ", 1) for line in lines[1:] if line)

    def chunks(self):
        while size := int(self.upto(b"\r\n"), 16):
            while len(self.waiting) < size + 2:
                assert self.more(), "cut off"
            data, self.waiting = self.waiting[:size], self.waiting[size + 2:]
            yield data
        assert self.upto(b"\r\n") == b"\r\n"

    def body(self):
        return b"".join(self.chunks())

    def element(self, text):
        """Reads chunks until the text has come."""
        self.upto(text)


def form(accept, messages, status=OK, good=True):
    """What the stream must be, to the byte."""
    if accept == NDJSON:
        return b"".join(m + b"\n" for m in [*messages, b'{"@status":' + status + b"}"])
    if accept == SSE:
        return b"".join(b"data: " + m + b"\n\n" for m in messages) + (
            b"event: end\n" if good else b"event: error\n") + b"data: " + status + b"\n\n"
    return b"[" + b",".join([*messages, b'{"@status":' + status + b"}"]) + b"]"


def counted(count):
    return [b'{"number":"%d","padding":""}' % n for n in range(1, count + 1)]


# --- forms ------------------------------------------------------------------------------------


@pytest.mark.parametrize("accept", FORMS)
def test_each_form_byte_for_byte(trial_bridge, accept):
    with Reader(trial_bridge, head("GET", "/trial/count?count=3", f"Accept: {accept}")) as r:
        status, headers = r.head()
        assert status == 200
        assert headers["Content-Type"].split(";")[0] == accept
        assert headers["Cache-Control"] == "no-store" and headers["X-Accel-Buffering"] == "no"
        assert headers["Transfer-Encoding"] == "chunked" and "Content-Length" not in headers
        assert r.body() == form(accept, counted(3))


@pytest.mark.parametrize("accept", FORMS)
def test_an_empty_stream(trial_bridge, accept):
    answer = trial_bridge.get("/trial/count?count=0", {"Accept": accept})
    assert answer.status == 200 and answer.body == form(accept, [])


@pytest.mark.parametrize("accept", FORMS)
def test_a_failure_on_the_way_is_said_in_band(trial_bridge, accept):
    answer = trial_bridge.get("/trial/count?count=3&fail_code=9", {"Accept": accept})
    status = b'{"code":9,"message":"asked to fail after 3","details":[]}'
    assert answer.status == 200 and answer.body == form(accept, counted(3), status, good=False)


@pytest.mark.parametrize("accept", FORMS)
def test_a_failure_before_the_beginning_is_a_refusal(trial_bridge, accept):
    for path, code in [("/trial/count?padding=-1", 3), ("/trial/count?count=0&fail_code=5", 5)]:
        answer = trial_bridge.get(path, {"Accept": accept})
        assert answer.status == (400 if code == 3 else 404) and answer.json()["code"] == code
        assert answer.headers["Content-Length"]
    mw = trial_bridge.get("/trial/listen?limit=-1", {"Accept": accept})
    assert mw.status == 400 and mw.json()["code"] == "400"
    assert trial_bridge.get("/trial/count?nothing=1").json()["message"].startswith("nothing: ")


@pytest.mark.parametrize("accept, kind", [
    (None, "application/json"), ("*/*", "application/json"), ("image/png", "application/json"),
    ("application/*", "application/json"), ("text/*", SSE), ("application/x-ndjson", NDJSON),
    ("application/jsonl", "application/jsonl"), ("application/jsonlines", "application/jsonlines"),
    ("Application/X-NDJSON; charset=utf-8", NDJSON), ("text/event-stream, */*", SSE),
    ("application/json;q=0.4, text/event-stream;q=0.5", SSE),
    ("application/x-ndjson;q=0.9, application/json", "application/json"),
    ("application/json;q=0, text/event-stream;q=0.001", SSE),
    ("text/event-stream;q=0, */*", "application/json"),
    ("application/json;q=0.1, */*;q=0.9", NDJSON)])
def test_accept(trial_bridge, accept, kind):
    answer = trial_bridge.get("/trial/count?count=1", {"Accept": accept} if accept else {})
    assert answer.headers["Content-Type"].split(";")[0] == kind
    shape = NDJSON if kind.startswith("application/jsonl") else kind
    assert answer.body == form(shape, counted(1))


def test_the_profile_says_how_integers_are_written(trial_bridge):
    answer = trial_bridge.get("/trial/listen?limit=1", {"Accept": NDJSON})
    assert isinstance(json.loads(answer.body.split(b"\n")[0])["rung"], int)


def test_a_request_follows_a_stream_on_its_connection(trial_bridge):
    one = head("GET", "/trial/count?count=2", f"Accept: {NDJSON}")
    with Reader(trial_bridge, one * 2 + head("GET", "/healthz")) as r:
        for _ in range(2):
            assert r.head()[0] == 200
            assert r.body() == form(NDJSON, counted(2))
        assert r.head()[0] == 200


def test_an_http_1_0_client_reads_until_the_end(trial_bridge):
    answer = trial_bridge.raw(head("GET", "/trial/count?count=2", f"Accept: {NDJSON}", version="1.0"))
    lines, body = answer.split(b"\r\n\r\n", 1)
    assert b"Transfer-Encoding" not in lines and body == form(NDJSON, counted(2))


def test_messages_larger_than_any_buffer(trial_bridge):
    answer = trial_bridge.post("/trial/count", {"count": 3, "padding": 1 << 20}, {"Accept": NDJSON})
    messages = [b'{"number":"%d","padding":"%s"}' % (n, b"x" * (1 << 20)) for n in (1, 2, 3)]
    assert answer.body == form(NDJSON, messages)


# --- silence, slowness, absence ---------------------------------------------------------------


@pytest.mark.parametrize("accept, sign", [
    ("application/json", b"\n"), (NDJSON, b"\n"), (SSE, b":\n\n")])
def test_silence_is_broken(trial_bridge, accept, sign):
    with Reader(trial_bridge, head("GET", "/trial/listen?limit=2", f"Accept: {accept}")) as r:
        assert r.head()[0] == 200
        chunks = r.chunks()
        began = b""
        while b'{"rung":' not in began:
            began += next(chunks)
        assert next(chunks) == sign and next(chunks) == sign
        trial_bridge.post("/trial/ring", {})
        rest = b"".join(chunks)
        assert b'{"rung":' in rest and OK in rest
        if accept == "application/json":
            assert len(json.loads(began + sign + sign + rest)) == 3


def test_a_slow_reader_holds_up_its_own_stream_only(trial_server):
    bridge = programs.Bridge(trial_server, "--threads", "1", "--body-rate", "0",
                             program="trial-bridge")
    count = 200_000
    request = head("GET", f"/trial/count?count={count}&padding=100", f"Accept: {NDJSON}")
    try:
        before = observe.rss(bridge)
        with Reader(bridge, request, receive_buffer=65536) as slow:
            observe.wait_until(lambda: in_progress(bridge) == 1)
            # Others get twice as much meanwhile, and the slow one goes no further by itself.
            assert bridge.get(f"/trial/count?count={2 * count}").body.endswith(OK + b"}]")
            assert in_progress(bridge) == 1
            if observe.is_plain(bridge):
                assert observe.rss(bridge) - before < 16 << 20
            assert slow.head()[0] == 200
            body = slow.body()
        lines = body.split(b"\n")
        assert len(lines) == count + 2 and lines[-2] == b'{"@status":' + OK + b"}"
        assert all(line.startswith(b'{"number":"%d",' % n) for n, line in enumerate(lines[:count], 1))
    finally:
        bridge.stop()


@pytest.mark.parametrize("accept", FORMS)
@pytest.mark.parametrize("path", ["/trial/listen", "/trial/count?count=100000000&padding=1000"])
def test_a_client_that_vanishes_frees_its_stream(quiet_bridge, accept, path):
    with Reader(quiet_bridge, head("GET", path, f"Accept: {accept}")) as r:
        r.head()
        assert in_progress(quiet_bridge) == 1
    observe.wait_until(lambda: in_progress(quiet_bridge) == 0)


@pytest.mark.parametrize("start", [
    head("POST", "/trial/sum", "Transfer-Encoding: chunked") + chunk(b'{"number":1}\n'),
    head("POST", "/trial/upload/x?milliseconds_each=100", "Content-Length: 100000000") + b"x" * 1000000],
    ids=["lines", "raw"])
def test_a_client_that_vanishes_frees_its_upload(trial_bridge, start):
    with Reader(trial_bridge) as r:
        sender = threading.Thread(target=r.try_send, args=(start,), daemon=True)
        sender.start()
        observe.wait_until(lambda: in_progress(trial_bridge) == 1)
        r.socket.shutdown(socket.SHUT_RDWR)
        sender.join()
    observe.wait_until(lambda: in_progress(trial_bridge) == 0)


# --- what ends a stream from behind -----------------------------------------------------------


@pytest.mark.parametrize("accept", FORMS)
def test_a_server_that_dies_is_unavailable_in_band(database, accept):
    with own_server(database) as server:
        bridge = programs.Bridge(server, program="trial-bridge")
        try:
            with Reader(bridge, head("GET", "/trial/listen", f"Accept: {accept}")) as r:
                assert r.head()[0] == 200
                r.element(b'{"rung":0}')
                server.kill()
                assert b'"code":14' in b"".join(rest_of(r))
        finally:
            bridge.stop()


def rest_of(reader):
    while reader.more():
        if b"\r\n0\r\n\r\n" in reader.waiting:
            break
    yield reader.waiting


@pytest.mark.parametrize("accept", FORMS)
def test_streams_end_in_band_when_the_bridge_stops(trial_server, accept):
    bridge = programs.Bridge(trial_server, program="trial-bridge")
    try:
        with Reader(bridge, head("GET", "/trial/listen", f"Accept: {accept}")) as r:
            assert r.head()[0] == 200
            r.element(b'{"rung":')
            bridge.process.send_signal(signal.SIGTERM)
            rest = b"".join(rest_of(r))
            assert b'"code":14,"message":"the bridge is stopping"' in rest
            assert rest.endswith(b"\r\n0\r\n\r\n")
    finally:
        bridge.stop()
    assert "broken off" not in bridge.log_text()


# --- uploads ----------------------------------------------------------------------------------


def fnv(data):
    value = 0xcbf29ce484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001b3 % (1 << 64)
    return str(value)


def test_lines_are_messages(trial_bridge):
    for body, count, total in [
            (b"", 0, 0), (b"\n \r\n\n", 0, 0), (b'{"number":1}', 1, 1),
            (b'{"number":1}\r\n\r\n{"number":"2"}\n{}\n', 3, 3),
            (b'{"number":7}\n' * 50000, 50000, 350000)]:
        answer = trial_bridge.request("POST", "/trial/sum", body)
        assert answer.status == 200, answer
        assert answer.json() == {"count": str(count), "sum": str(total)}


def test_lines_may_be_cut_anywhere(trial_bridge):
    body = b'{"number":12}\n\n{"number": 30}'
    with Reader(trial_bridge, head("POST", "/trial/sum", "Transfer-Encoding: chunked")) as r:
        for i in range(len(body)):
            r.send(chunk(body[i:i + 1]))
        r.send(b"0\r\n\r\n")
        assert r.head()[0] == 200
        assert json.loads(r.upto(b"}")) == {"count": "2", "sum": "42"}


@pytest.mark.parametrize("body, message", [
    (b'{"number":1}\n\n{"number":"x"}\n', "line 3: number: "),
    (b'{"number":1}\n[1]', "line 2: "), (b"\n{", "line 2: invalid JSON at byte 1: "),
    (b'{"other":1}\n', "line 1: other: ")])
def test_an_error_names_the_line(trial_bridge, body, message):
    answer = trial_bridge.request("POST", "/trial/sum", body)
    assert answer.status == 400 and answer.json()["message"].startswith(message)
    observe.wait_until(lambda: in_progress(trial_bridge) == 0)


def test_a_refusal_of_the_server_is_the_answer(trial_bridge):
    answer = trial_bridge.request("POST", "/trial/sum", b'{"number":1}\n{"number":-1}\n')
    assert answer.status == 400 and answer.json()["message"] == "number: must not be negative"


def test_a_line_has_a_limit_and_the_body_has_none(trial_server):
    bridge = programs.Bridge(trial_server, "--body-limit", "1024", program="trial-bridge")
    try:
        lines = b'{"number":1}\n' * 10000
        assert bridge.request("POST", "/trial/sum", lines).json()["sum"] == "10000"
        long = b'{"number":1}\n' + b" " * 1012 + b'{"number":2}\n'
        assert bridge.request("POST", "/trial/sum", long).json()["sum"] == "3"
        answer = bridge.request("POST", "/trial/sum", b"\n " + long[13:])
        assert answer.status == 400 and answer.json()["message"].startswith("line 2: is longer")
    finally:
        bridge.stop()


def test_a_raw_body_is_passed_on_in_pieces(trial_bridge):
    data = random.Random(1).randbytes(300_000)
    answer = trial_bridge.request("POST", "/trial/upload/some%20name", data)
    assert answer.status == 200
    assert answer.json() == {"name": "some name", "size": "300000", "hash": fnv(data)}
    empty = trial_bridge.request("POST", "/trial/upload/none", b"")
    assert empty.json() == {"name": "none", "size": "0", "hash": fnv(b"")}


def test_path_and_query_are_looked_at_before_the_body(trial_bridge):
    for query in ("?nothing=1", "?limit=x", "?piece=eHg%3D"):
        answer = trial_bridge.request("POST", "/trial/upload/x" + query, b"abc")
        assert answer.status == 400, query


def test_a_large_upload_costs_little(trial_server):
    bridge = programs.Bridge(trial_server, program="trial-bridge")
    size = 64 << 20
    value = 0xcbf29ce484222325 * pow(0x100000001b3, size, 1 << 64) % (1 << 64)  # of zeros
    try:
        before = observe.rss(bridge)
        most = 0
        with Reader(bridge, head("POST", "/trial/upload/zeros", f"Content-Length: {size}")) as r:
            for _ in range(64):
                r.send(bytes(1 << 20))
                most = max(most, observe.rss(bridge))
            assert r.head()[0] == 200
            assert json.loads(r.upto(b"}")) == {
                "name": "zeros", "size": str(size), "hash": str(value)}
        if observe.is_plain(bridge):
            assert most - before < 32 << 20
    finally:
        bridge.stop()


def test_a_server_that_takes_no_more_holds_up_the_upload(trial_bridge):
    with Reader(trial_bridge) as r:
        r.send(head("POST", "/trial/upload/slow?milliseconds_each=1000", "Content-Length: 100000000"))
        r.socket.setblocking(False)
        sent = stuck = 0
        while stuck < 20:  # nothing more is taken for a while, though there is more
            assert sent < 50_000_000, "nobody holds it up"
            try:
                sent += r.socket.send(bytes(1 << 16))
                stuck = 0
            except BlockingIOError:
                stuck += 1
                assert trial_bridge.get("/healthz").status == 200
                time.sleep(0.01)
        # A reset, since an end would wait behind what nobody takes.
        r.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    observe.wait_until(lambda: in_progress(trial_bridge) == 0)


def test_an_early_end_is_answered_when_the_rest_is_small(trial_bridge):
    with Reader(trial_bridge, head("POST", "/trial/sum", "Transfer-Encoding: chunked")) as r:
        r.send(chunk(b'{"number":-1}\n'))
        observe.wait_until(lambda: in_progress(trial_bridge) == 0)
        r.send(chunk(b'{"number":1}\n' * 100) + b"0\r\n\r\n")
        status, _ = r.head()
        assert status == 400
        assert b'"message":"number: must not be negative"' in r.upto(b"}]}]}")
        r.send(head("GET", "/healthz"))
        assert b"HTTP/1.1 200" in r.upto(b"\r\n")


def test_an_early_end_is_answered_when_the_rest_is_large(trial_bridge):
    with Reader(trial_bridge) as r:
        r.send(head("POST", "/trial/upload/x?limit=1", "Content-Length: 16001000"))
        r.send(bytes(1000))
        observe.wait_until(lambda: in_progress(trial_bridge) == 0)
        for _ in range(250):  # more than sockets hold; the bridge takes it for 10 seconds
            r.send(bytes(64000))
        status, _ = r.head()
        assert status == 429
        assert b'"message":"more than 1 bytes"' in r.upto(b"}")


def test_an_early_end_closes_when_the_rest_takes_long(trial_bridge):
    with Reader(trial_bridge) as r:
        r.send(head("POST", "/trial/upload/x?limit=1", "Content-Length: 1000000000000"))
        r.send(bytes(100000))
        observe.wait_until(lambda: in_progress(trial_bridge) == 0)
        with pytest.raises(OSError):
            while True:
                r.send(bytes(10000))
                assert trial_bridge.get("/healthz").status == 200


def test_curl_uploads_what_it_does_not_know_the_size_of(trial_bridge):
    command = ["curl", "-sS", "-X", "POST", "-T", "-",
               f"http://{trial_bridge.address}/trial/upload/curl"]
    out = subprocess.run(command, input=b"abc" * 1000, capture_output=True, check=True,
                         timeout=programs.WAIT).stdout
    assert json.loads(out)["hash"] == fnv(b"abc" * 1000)
