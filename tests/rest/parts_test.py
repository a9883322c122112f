"""Uploads as multipart/form-data: from real clients, cut anywhere, and malformed."""

import json
import random
import socket
import subprocess

import pytest

import observe
import programs

PATH = "/trial/upload/form"
FORM = {"Content-Type": "multipart/form-data; boundary=xyz"}


def fnv(data):
    value = 0xcbf29ce484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001b3 % (1 << 64)
    return str(value)


def part(name, content, *headers):
    lines = [b"--xyz", b'Content-Disposition: form-data; name="%s"; filename="a b.csv"' % name,
             *headers, b"", content, b""]
    return b"\r\n".join(lines)


def body_of(content):
    return part(b"comment", b"--xy") + part(b"file", content) + b"--xyz--\r\n"


def in_progress(bridge):
    return bridge.get("/trial/streams").json()["inProgress"]


@pytest.fixture(scope="module")
def content():
    """Every byte, and much that looks like a boundary."""
    noise = random.Random(5).randbytes(200_000)
    return noise + b"\r\n--xy\r\n--xYz" * 1000 + bytes(range(256)) + b"\r"


@pytest.fixture
def file(tmp_path, content):
    path = tmp_path / "ids.csv"
    path.write_bytes(content)
    return path


def curl(bridge, *arguments):
    command = ["curl", "-sS", *arguments, f"http://{bridge.address}{PATH}"]
    return json.loads(subprocess.run(command, capture_output=True, check=True,
                                     timeout=programs.WAIT).stdout)


def test_curl_sends_a_file(trial_bridge, file, content):
    answer = curl(trial_bridge, "-F", "comment=no field", "-F", f"file=@{file}")
    assert answer == {"name": "form", "size": str(len(content)), "hash": fnv(content)}
    chunked = curl(trial_bridge, "-H", "Transfer-Encoding: chunked", "-F",
                   f"file=@{file};type=text/csv;filename=x\"y", "-F", "after=1")
    assert chunked == answer


def test_node_sends_a_file(trial_bridge, file, content):
    script = """
        const fs = require("fs");
        const form = new FormData();
        form.append("comment", "no field");
        form.append("file", new Blob([fs.readFileSync(process.argv[1])]), "a\\"b.csv");
        fetch(process.argv[2], {method: "POST", body: form}).then(a => a.text()).then(console.log);
    """
    out = subprocess.run(["node", "-e", script, str(file), f"http://{trial_bridge.address}{PATH}"],
                         capture_output=True, check=True, timeout=programs.WAIT).stdout
    assert json.loads(out) == {"name": "form", "size": str(len(content)), "hash": fnv(content)}


def test_a_raw_body_stays_as_it_is(trial_bridge):
    body = body_of(b"x")
    for kind in ("application/octet-stream", "application/x-www-form-urlencoded",
                 "multipart/mixed; boundary=xyz"):
        answer = trial_bridge.request("POST", PATH, body, {"Content-Type": kind})
        assert answer.json()["hash"] == fnv(body)


def test_chunks_may_cut_it_anywhere(trial_bridge):
    content = b"\r\n--xy\r\n\r\n-"
    body = body_of(content)
    with socket.create_connection((trial_bridge.host, trial_bridge.port), programs.WAIT) as s:
        s.sendall(f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"
                  f"Content-Type: {FORM['Content-Type']}\r\nConnection: close\r\n\r\n".encode())
        for i in range(len(body)):
            s.sendall(b"1\r\n" + body[i:i + 1] + b"\r\n")
        s.sendall(b"0\r\n\r\n")
        answer = b""
        while data := s.recv(65536):
            answer += data
    assert json.loads(answer.split(b"\r\n\r\n")[1])["hash"] == fnv(content)


@pytest.mark.parametrize("body, message", [
    (part(b"file", b"x") + b"--xyz", "the body ends before its last boundary"),
    (part(b"other", b"x") + b"--xyz--", 'the body has no part "file"'),
    (part(b"file", b"x") + part(b"file", b"y") + b"--xyz--", 'part "file" of the body: is repeated'),
    (part(b"file", b"x", b"Content-Transfer-Encoding: base64") + b"--xyz--",
     "part 1 of the body: Content-Transfer-Encoding must be binary, 8bit or 7bit"),
    (part(b"a", b"x") + b"--xyz\r\nnothing\r\n\r\n--xyz--",
     "part 2 of the body: its head has a line that is no header"),
    (part(b"file", b"x", b"X: " + b"y" * 20000) + b"--xyz--",
     "part 1 of the body: its head is longer than 16384 bytes"),
    (b"", "the body ends before its last boundary")],
    ids=["cut", "no file", "two files", "encoded", "no header", "long head", "empty"])
def test_what_is_malformed_is_refused_and_its_call_cancelled(trial_bridge, body, message):
    answer = trial_bridge.request("POST", PATH, body, FORM)
    assert (answer.status, answer.json()["code"]) == (400, 3)
    assert answer.json()["message"] == message
    observe.wait_until(lambda: in_progress(trial_bridge) == 0)


@pytest.mark.parametrize("kind", ["multipart/form-data", f"multipart/form-data; boundary={'x' * 71}"],
                         ids=["none", "long"])
def test_without_a_boundary_it_is_refused_before_the_body(trial_bridge, kind):
    answer = trial_bridge.request("POST", PATH, body_of(b"x"), {"Content-Type": kind})
    assert answer.status == 400
    assert answer.json()["message"].startswith("header Content-Type: must have one boundary")


def test_a_refusal_of_the_server_comes_on_the_way(trial_bridge, content):
    answer = trial_bridge.request("POST", PATH + "?limit=10", body_of(content[:2000]), FORM)
    assert answer.status == 429 and answer.json()["message"] == "more than 10 bytes"


def test_a_large_file_costs_little(trial_server):
    bridge = programs.Bridge(trial_server, program="trial-bridge")
    size = 64 << 20

    def rss():
        with open(f"/proc/{bridge.process.pid}/status", encoding="ascii") as status:
            return next(int(line.split()[1]) << 10 for line in status if line.startswith("VmRSS"))
    with open(f"/proc/{bridge.process.pid}/maps", encoding="ascii") as maps:
        plain = not any(name in line for line in maps for name in ("libasan", "libtsan"))
    head, tail = body_of(b"!").split(b"!")
    try:
        before = most = rss()
        with socket.create_connection((bridge.host, bridge.port), programs.WAIT) as s:
            s.sendall(f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                      f"Content-Type: {FORM['Content-Type']}\r\n"
                      f"Content-Length: {len(head) + size + len(tail)}\r\n\r\n".encode() + head)
            for _ in range(64):
                s.sendall(bytes(1 << 20))
                most = max(most, rss())
            s.sendall(tail)
            answer = b""
            while data := s.recv(65536):
                answer += data
        assert json.loads(answer.split(b"\r\n\r\n")[1])["size"] == str(size)
        assert not plain or most - before < 32 << 20
    finally:
        bridge.stop()
