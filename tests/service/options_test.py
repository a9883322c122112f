"""The programs' command lines: help, wrong values, addresses."""

import os
import subprocess

import pytest

import programs


def run(name, *arguments, environment=None):
    clean = {key: value for key, value in os.environ.items() if not key.startswith("JUNCTION_")}
    return subprocess.run([os.path.join(programs.BUILD, "bin", name), *arguments],
                          env=dict(clean, **(environment or {})), capture_output=True, text=True,
                          timeout=programs.WAIT, check=False)


@pytest.mark.parametrize("name", ["junctiond", "junction-bridge", "junction"])
def test_help_shows_every_option_with_default_and_unit(name):
    done = run(name, "--help")
    assert done.returncode == 0 and not done.stderr
    text = done.stdout
    assert "--help" in text and "milliseconds" in text and "Default: " in text
    assert run(name, "--version").stdout.startswith(name + " ")


@pytest.mark.parametrize("name, arguments, what", [
    ("junctiond", ["--database-url", "postgresql:///x", "--rpc-threads", "many"], "--rpc-threads"),
    ("junctiond", ["--database-url", "postgresql:///x", "--rpc-threads", "0"], "--rpc-threads"),
    ("junctiond", ["--database-url", "postgresql:///x", "--listen", "nowhere"], "--listen"),
    ("junctiond", ["--database-url", "postgresql:///x", "--notice-file-action", "files"],
     "--notice-file-action must be SERVICE.ACTION"),
    ("junctiond", ["--database-url", "postgresql:///x", "--notice-file-action", "files."], "--notice-file-action"),
    ("junctiond", ["--no-such-option"], "--no-such-option"),
    ("junctiond", [], "--database-url"),
    ("junction-bridge", ["--listen", "1:2:3:4"], "--listen"),
    ("junction-bridge", ["--threads", "-1"], "--threads"),
    ("junction", ["--timeout-ms", "soon", "services"], "--timeout-ms"),
    ("junction", [], "command"),
    ("junction", ["dance"], "dance"),
    ("junction", ["actions"], "SERVICE"),
    ("junction", ["call", "nodot"], "nodot"),
])
def test_a_wrong_value_stops_the_start_with_a_sentence(name, arguments, what):
    done = run(name, *arguments)
    assert done.returncode == 2 and what in done.stderr and not done.stdout


@pytest.mark.parametrize("name, extra", [("junctiond", ["--database-url", "postgresql:///x"]),
                                         ("junction-bridge", [])])
def test_beyond_loopback_needs_insecure(name, extra):
    done = run(name, "--listen", "0.0.0.0:0", *extra)
    assert done.returncode != 0 and "--insecure" in done.stderr


def test_several_addresses_are_listened_on(database):
    server = programs.Server(database.url, "--listen", "127.0.0.2:0", "--listen", "[::1]:0")
    try:
        server.wait_listening(4)
        bridge = programs.Bridge(server, "--listen", "127.0.0.3:0", wait=False)
        try:
            bridge.wait_listening(2)
            for _, address in bridge.addresses:
                assert programs.http_request(address, "GET", "/healthz").status == 200
        finally:
            bridge.stop()
    finally:
        server.stop()


def test_the_command_line_client(server, registry, stubs):
    def junction(*arguments):
        return run("junction", "--server", server.address, *arguments)
    with programs.Upstream(lambda request: (200, {}, b'{"path":"%s"}' % request.path.encode())) as up:
        assert junction("register", "cli", f"127.0.0.1:{up.port}").returncode == 0
        done = junction("register", "cli.go", "/go", "--method", "get")
        assert done.returncode == 0 and done.stdout == "registered cli.go\n"
        table = junction("services").stdout.splitlines()
        assert table[0].split() == ["SERVICE", "VERSION", "STATE", "NODES"]
        assert ["cli", "-", "available", f"127.0.0.1:{up.port}"] in [r.split() for r in table]
        assert "cli.go" in junction("actions", "cli").stdout
        assert '"fullName":"cli"' in junction("services", "cli", "--json").stdout
        done = junction("call", "cli.go", "--param", "a=1", "--param", "a=2")
        assert (done.returncode, done.stdout) == (0, '{"path":"/go?a=1&a=2"}\n')
    assert junction("actions", "nobody").returncode == 1
    done = run("junction", "--server", f"127.0.0.1:{programs.free_port()}", "services")
    assert done.returncode == 3 and done.stderr
