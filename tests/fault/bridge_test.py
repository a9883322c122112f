"""The bridge's connections to the server: retired by the server under load, lost, and made anew."""

import http.client
import json
import socket
import threading
import time

import pytest

import observe
import programs

PATH = "/v1/server/demo/get"


class Load:
    """Callers that ask without a pause until they are stopped; counts what they were answered."""

    def __init__(self, bridge, callers=8):
        self.good = self.bad = 0
        self.ended = False
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.ask, args=(bridge.address,))
                        for _ in range(callers)]

    def ask(self, address):
        caller = http.client.HTTPConnection(address, timeout=programs.WAIT)
        while not self.ended:
            caller.request("POST", PATH, "{}")
            code = json.loads(caller.getresponse().read())["retcode"]
            with self.lock:
                self.good += code == 0
                self.bad += code != 0
        caller.close()

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.ended = True
        for thread in self.threads:
            thread.join()


class Passage:
    """A TCP address that leads to another one, until it is shut for those who come anew."""

    def __init__(self, address):
        host, port = address.rsplit(":", 1)
        self.target = host, int(port)
        self.shut = False
        self.pairs = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.listener.getsockname()[1]}"
        self.threads = [threading.Thread(target=self.accept)]

    def accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            if self.shut:
                near.close()
                continue
            far = socket.create_connection(self.target)
            self.pairs.append((near, far))
            for pair in ((near, far), (far, near)):
                self.threads.append(threading.Thread(target=self.carry, args=pair))
                self.threads[-1].start()

    @staticmethod
    def carry(source, target):
        try:
            while data := source.recv(65536):
                target.sendall(data)
        except OSError:
            pass
        Passage.cut((source, target))

    @staticmethod
    def cut(pair):
        for end in pair:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def __enter__(self):
        self.threads[0].start()
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.threads[0].join()
        for pair in self.pairs:
            self.cut(pair)
        for thread in self.threads[1:]:
            thread.join()
        for end in (self.listener, *(end for pair in self.pairs for end in pair)):
            end.close()


@pytest.mark.parametrize("transport", ["unix", "tcp"])
def test_connections_that_the_server_retires_cost_no_call(database, transport):
    server = programs.Server(database.url, "--connection-age-ms", "100")
    arguments = ["--server", server.address] if transport == "tcp" else []
    bridge = programs.Bridge(server, "--access-log", "errors", *arguments)
    try:
        bridge.post("/v1/server/demo/register", {"host": "127.0.0.1", "port": 8000})
        with Load(bridge) as load:
            observe.wait_until(lambda: load.good >= 1000 or load.bad)
            end = time.monotonic() + 2  # twenty ages of a connection
            observe.wait_until(lambda: time.monotonic() > end or load.bad)
        assert not load.bad, bridge.log_text()
    finally:
        bridge.stop()
        server.stop()


def test_a_server_that_was_killed_is_found_again(database):
    port = programs.free_port()
    address = f"127.0.0.1:{port}"
    server = programs.Server(database.url, "--listen", address)
    bridge = programs.Bridge(server, "--server", address, "--access-log", "none")
    try:
        bridge.post("/v1/server/demo/register", {"host": "127.0.0.1", "port": 8000})
        with Load(bridge) as load:
            observe.wait_until(lambda: load.good > 100)
            server.kill()
            observe.wait_until(lambda: load.bad > 100)
            server = programs.Server(database.url, "--listen", address)
            before = load.good
            observe.wait_until(lambda: load.good > before + 100)
            observe.wait_until(lambda: bridge.get("/readyz").status == 200)
        # Ready means that all threads are connected: nothing fails any more.
        with Load(bridge) as again:
            observe.wait_until(lambda: again.good > 500)
        assert not again.bad
    finally:
        bridge.stop()
        server.stop()


def test_it_is_ready_only_with_the_server_behind_every_thread(server, registry, stubs):
    registry.RegisterServer(stubs.registry.RegisterServerRequest(
        server_name="demo", host="127.0.0.1", port=8000))
    with Passage(server.address) as passage:
        bridge = programs.Bridge(server, "--server", passage.address, "--threads", "2")

        def answers():
            return {bridge.post(PATH, {}).json()["retcode"] == 0 for _ in range(8)}

        try:
            observe.wait_until(lambda: len(passage.pairs) == 2)
            assert answers() == {True}
            assert bridge.get("/readyz").status == 200
            passage.shut = True
            passage.cut(passage.pairs[0])
            observe.wait_until(lambda: answers() == {True, False})
            assert {bridge.get("/readyz").status for _ in range(8)} == {503}
            passage.shut = False
            observe.wait_until(lambda: bridge.get("/readyz").status == 200)
            assert answers() == {True}
        finally:
            bridge.stop()
