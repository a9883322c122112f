"""The bridge's connections to the server: retired by the server under load, lost, and made anew."""

import http.client
import json
import threading
import time

import pytest

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


def until(condition):
    end = time.monotonic() + programs.WAIT
    while not condition():
        assert time.monotonic() < end, "did not come"
        time.sleep(0.01)


@pytest.mark.parametrize("transport", ["unix", "tcp"])
def test_connections_that_the_server_retires_cost_no_call(database, transport):
    server = programs.Server(database.url, "--connection-age-ms", "100")
    arguments = ["--server", server.address] if transport == "tcp" else []
    bridge = programs.Bridge(server, "--access-log", "errors", *arguments)
    try:
        bridge.post("/v1/server/demo/register", {"host": "127.0.0.1", "port": 8000})
        with Load(bridge) as load:
            until(lambda: load.good >= 5000 or load.bad)
            end = time.monotonic() + 2  # twenty ages of a connection
            until(lambda: time.monotonic() > end or load.bad)
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
            until(lambda: load.good > 100)
            server.kill()
            until(lambda: load.bad > 100)
            server = programs.Server(database.url, "--listen", address)
            before = load.good
            until(lambda: load.good > before + 100)
            until(lambda: bridge.get("/readyz").status == 200)
        # All threads are connected again: nothing fails any more.
        with Load(bridge) as again:
            until(lambda: again.good > 500)
        assert not again.bad
    finally:
        bridge.stop()
        server.stop()
