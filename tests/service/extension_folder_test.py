"""Extensions that the server has started from its folder: who may register, whose rows stand, and how
they are told that the server ends."""

import contextlib
import json
import os
import signal
import tempfile
import time

import grpc
import pytest

import extensions
import observe
import programs

# Registers as document 002 says, as soon as the bridge is there, and writes what it is told.
SCRIPT = """#!/usr/bin/python3
import http.client, http.server, os, signal, sys, time
NAME, PORT, DEAF = {name!r}, {port}, {deaf}

def say(*words):  # in one write: several threads do
    print(" ".join(words) + "\\n", end="", flush=True)

class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        say(self.path, body)
        if DEAF and self.path == "/extension/shutdown":
            time.sleep(1000)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()
        if self.path == "/extension/shutdown":
            sys.stdout.flush()
            os._exit(7)
    def log_message(self, *_):
        pass

if DEAF:
    signal.signal(signal.SIGTERM, lambda *_: say("SIGTERM"))
server = http.server.ThreadingHTTPServer(("127.0.0.1", PORT), Handler)
while True:
    try:
        bridge = http.client.HTTPConnection(os.environ["EXTENSION_API_ADDR"])
        bridge.request("POST", "/extension/register", None, {{
            "FunctionGraph-Extension-Name": NAME,
            "FunctionGraph-Extension-Address": "127.0.0.1:%d" % PORT}})
        answer = bridge.getresponse()
        say("register", str(answer.status), answer.read().decode())
        if answer.status == 200:
            break
    except OSError:
        pass
    time.sleep(0.05)
server.serve_forever()
"""


class Host:
    """A server with a folder, its bridge, and what its extensions wrote."""

    def __init__(self, database, stubs, ports, deaf=False, names=("one.py", "two.py"), stop_ms=2000,
                 restart_ms=50):
        self.stack = contextlib.ExitStack()
        folder = self.stack.enter_context(tempfile.TemporaryDirectory(prefix="jt-ext-", dir="/tmp"))
        os.chmod(folder, 0o755)
        for i, name in enumerate(names):
            path = os.path.join(folder, name)
            with open(path, "w", encoding="ascii") as file:
                file.write(SCRIPT.format(name=name, port=ports[i], deaf=deaf))
            os.chmod(path, 0o755)
        address = f"127.0.0.1:{programs.free_port()}"
        self.server = programs.Server(
            database.url, *extensions.option(ports), "--extension-folder", folder,
            "--extension-api-address", address, "--extension-restart-ms", str(restart_ms),
            "--extension-stop-ms", str(stop_ms))
        self.running = True
        self.bridge = programs.Bridge(self.server, "--listen", address)
        self.m = stubs.extension
        self.stub = stubs.registry_grpc.RegistryStub(
            self.stack.enter_context(self.server.channel()))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stack.close()
        self.bridge.stop()
        self.stop()

    def stop(self):
        if self.running:
            self.running = False
            self.server.stop()

    def list(self):
        return {e.name: e for e in
                self.stub.ListExtensions(self.m.ListExtensionsRequest()).extensions}

    def registered(self):
        found = self.list().values()
        return found if all(
            e.state == self.m.EXTENSION_STATE_REGISTERED for e in found) else None

    def register(self, name, port):
        return self.stub.RegisterExtension(self.m.RegisterExtensionRequest(
            name=name, address=f"127.0.0.1:{port}"))

    def deregister(self, name):
        return self.stub.DeregisterExtension(self.m.DeregisterExtensionRequest(name=name))

    def outcomes(self):
        answer = self.stub.InvokeFunction(self.m.InvokeFunctionRequest())
        return {e.name: e.outcome for e in answer.extensions}

    def written(self, name, begin):
        return [line["line"] for line in observe.logged(self.server, "extension output", name=name)
                if line["line"].startswith(begin)]


@pytest.fixture
def ports():
    with extensions.ports() as ports:
        yield ports


@pytest.fixture
def host(database, stubs, ports):
    with Host(database, stubs, ports) as host:
        observe.wait_until(host.registered)
        yield host


def refusal(function, *arguments):
    with pytest.raises(grpc.RpcError) as caught:
        function(*arguments)
    return caught.value.code().name, caught.value.details()


def rows(database):
    return database.rows("SELECT name, port, pid FROM registry.extension ORDER BY name")


def test_they_register_and_are_told(host, ports, database):
    found = host.list()
    assert list(found) == ["one.py", "two.py"]
    for i, extension in enumerate(found.values()):
        assert extension.address == f"127.0.0.1:{ports[i]}" and extension.pid > 0
        assert (extension.restarts, extension.last_exit) == (0, "")
    assert rows(database) == [[e.name, e.address.split(":")[1], str(e.pid)] for e in found.values()]
    ok = host.m.INVOCATION_OUTCOME_OK
    assert host.outcomes() == {"one.py": ok, "two.py": ok}
    observe.wait_until(lambda: host.written("one.py", "/extension/invoke"))
    assert [json.loads(line.split(" ", 1)[1])["invokedFunctionUrn"]
            for line in host.written("one.py", "/extension/invoke")]


def test_nobody_else_may_register(host, ports):
    for name in ("three.py", "ONE.PY", "one"):
        assert refusal(host.register, name, ports[5]) == (
            "FAILED_PRECONDITION",
            f'name: "{name}" is not one that was started from --extension-folder')
    assert list(host.list()) == ["one.py", "two.py"]


def test_the_row_of_a_process_goes_with_it_and_comes_back_with_the_next(host, database):
    before = host.list()["one.py"]
    os.kill(before.pid, signal.SIGKILL)
    observe.wait_until(lambda: host.list()["one.py"].restarts == 1 and host.registered())
    after = host.list()["one.py"]
    assert after.pid not in (0, before.pid) and after.last_exit == "signal 9"
    assert after.address == before.address
    assert after.registered_at.ToNanoseconds() > before.registered_at.ToNanoseconds()
    assert rows(database)[0][2] == str(after.pid)
    assert set(host.outcomes().values()) == {host.m.INVOCATION_OUTCOME_OK}


def test_one_that_does_not_run_is_not_told(database, stubs, ports):
    with Host(database, stubs, ports, names=("one.py",), restart_ms=3600_000) as host:
        observe.wait_until(host.registered)
        os.kill(host.list()["one.py"].pid, signal.SIGKILL)
        observe.wait_until(lambda: rows(database) == [])
        observe.wait_until(lambda: host.outcomes() == {})
        extension = host.list()["one.py"]
        assert extension.address == "" and not extension.HasField("registered_at")
        assert refusal(host.register, "one.py", ports[0]) == (
            "FAILED_PRECONDITION", 'name: the process of "one.py" does not run')


def test_one_that_deregisters_goes_on_and_may_come_back(host, database, ports):
    before = host.list()["one.py"]
    host.deregister("one.py")
    after = host.list()["one.py"]
    assert (after.pid, after.address) == (before.pid, "")
    assert after.state == host.m.EXTENSION_STATE_STARTING
    assert list(host.outcomes()) == ["two.py"]
    host.register("one.py", ports[0])
    assert host.list()["one.py"].state == host.m.EXTENSION_STATE_REGISTERED
    assert host.list()["one.py"].pid == before.pid and len(rows(database)) == 2


def test_they_are_told_that_the_server_ends_and_their_rows_go(host, database):
    before = time.time() * 1000
    host.stop()
    after = time.time() * 1000
    for name in ("one.py", "two.py"):
        [line] = host.written(name, "/extension/shutdown")
        notice = json.loads(line.split(" ", 1)[1])
        assert list(notice) == ["reason", "deadlineMs"] and notice["reason"] == "SPINDOWN"
        assert before + 2000 - 100 <= notice["deadlineMs"] <= after + 2000
        # It ended by itself, before SIGTERM.
        [ended] = observe.logged(host.server, "extension ended", name=name)
        assert ended["how"] == "exit 7"
    assert rows(database) == []


def test_those_that_do_not_listen_are_killed(database, stubs, ports):
    with Host(database, stubs, ports, deaf=True, names=("one.py",), stop_ms=500) as host:
        observe.wait_until(host.registered)
        pid = host.list()["one.py"].pid
        begun = time.monotonic()
        host.stop()
        assert 1 <= time.monotonic() - begun < 20
        assert host.written("one.py", "/extension/shutdown") and host.written("one.py", "SIGTERM")
        [ended] = observe.logged(host.server, "extension ended", name="one.py")
        assert ended["how"] == "signal 9"
        assert not os.path.exists(f"/proc/{pid}")
    assert rows(database) == []


def test_at_the_start_the_rows_of_this_host_go(database, stubs, ports):
    stale = programs.Server(database.url, *extensions.option(ports))
    with stale.channel() as channel:
        m = stubs.extension
        stubs.registry_grpc.RegistryStub(channel).RegisterExtension(m.RegisterExtensionRequest(
            name="stale", address=f"127.0.0.1:{ports[0]}"))
    stale.kill()
    database.rows("INSERT INTO registry.extension SELECT 'elsewhere', name, port, 1, registered_at,"
                  " server_node, '', '', '', '' FROM registry.extension")
    with Host(database, stubs, ports) as host:
        observe.wait_until(host.registered)
        assert list(host.list()) == ["one.py", "two.py"]
        assert database.rows("SELECT name FROM registry.extension WHERE host = 'elsewhere'") == [
            ["stale"]]
        database.rows("DELETE FROM registry.extension WHERE host = 'elsewhere'")


def test_without_a_folder_nobody_is_told_that_the_server_ends(database, stubs, ports):
    server = programs.Server(database.url, *extensions.option(ports))
    with server.channel() as channel, extensions.Extension(ports[0]) as extension:
        stub, m = stubs.registry_grpc.RegistryStub(channel), stubs.extension
        stub.RegisterExtension(m.RegisterExtensionRequest(name="a", address=extension.address))
        stub.InvokeFunction(m.InvokeFunctionRequest())
        server.stop()
        assert len(extension.told()) == len(extension.requests) == 1
    database.rows("DELETE FROM registry.extension")
