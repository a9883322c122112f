"""Stock libraries of npm at both ends of the gateway: express and ws as a node, undici and ws as
clients; and Debian's curl."""

import json
import os
import subprocess

import pytest

import gateways
import npm
import programs

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "gateway")


@pytest.fixture(scope="module")
def copy():
    with npm.installed(HERE) as copy:
        yield copy


@pytest.fixture(scope="module")
def port(copy):
    with subprocess.Popen(["node", "node.js"], cwd=copy, stdout=subprocess.PIPE, text=True) as node:
        yield int(node.stdout.readline())
        node.kill()


@pytest.fixture(scope="module")
def base(bridge, registry, stubs, port):
    gateways.register(registry, stubs, "stock", port)
    return f"http://{bridge.address}/api/stock"


@pytest.fixture(scope="module")
def seen(copy, base):
    return json.loads(npm.run(copy, "client.js", base))


def test_json_goes_through(seen):
    assert seen["http"]["json"] == {"query": {"a": "1", "b": " x"}, "ip": "127.0.0.1"}
    assert seen["http"]["posted"] == {"got": {"text": "数据", "number": 1.5}}


def test_a_body_in_chunks_arrives_whole(seen):
    assert seen["http"]["sum"] == seen["http"]["expected"]


def test_large_and_parallel_answers(seen):
    assert (seen["http"]["down"], seen["http"]["parallel"]) == (5000000, 200)


def test_ranges_and_conditions(seen):
    part = seen["http"]["range"]
    assert part["status"] == 206 and part["right"]
    assert part["range"] == f"bytes 10-19/{part['size']}"
    assert seen["http"]["known"] == 304


def test_events_of_a_node(seen):
    assert seen["http"]["events"] == "data: 0\n\ndata: 1\n\ndata: 2\n\n"


def test_a_websocket_is_what_it_would_be_without_junction(seen):
    told = seen["sockets"]
    assert told["protocol"] == "chat"
    assert told["extensions"].startswith("permessage-deflate")
    assert told["path"] == "/chat?room=7"
    assert told["binary"] and told["order"]
    assert told["pong"] == "are you there"
    assert told["closed"] == [4001, "as told"]
    assert told["together"] == 50


def test_a_websocket_to_nobody_is_refused(seen):
    assert seen["sockets"]["unknown"] == 404


def test_curl_uploads_and_downloads(base, tmp_path):
    sent, got = tmp_path / "sent", tmp_path / "got"
    sent.write_bytes(os.urandom(900000))

    def curl(*arguments):
        return subprocess.run(["curl", "-sSf", *arguments], check=True, capture_output=True,
                              timeout=programs.WAIT).stdout
    told = json.loads(curl("-T", str(sent), f"{base}/sum"))
    expected = subprocess.run(["sha256sum", str(sent)], check=True, capture_output=True,
                              text=True).stdout.split()[0]
    assert told["sum"] == expected
    curl("-o", str(got), f"{base}/bytes/3000000")
    assert got.stat().st_size == 3000000
