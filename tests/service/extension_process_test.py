"""Extensions as processes of a real server: what they get, how they end and come back, and that nothing
of them outlives it."""

import contextlib
import datetime
import os
import tempfile

import grpc
import pytest

import extensions
import observe
import programs

# Registers over REST, as document 002 says, and stays.
REGISTER = """
import http.client, os, socket, time
def register(name, port):
    listener = socket.create_server(("127.0.0.1", port))
    while True:
        try:
            bridge = http.client.HTTPConnection(os.environ["EXTENSION_API_ADDR"])
            bridge.request("POST", "/extension/register", None, {
                "FunctionGraph-Extension-Name": name,
                "FunctionGraph-Extension-Address": "127.0.0.1:%d" % port})
            if bridge.getresponse().status == 200:
                return listener
        except OSError:
            pass
        time.sleep(0.05)
"""


@pytest.fixture
def folder():
    with tempfile.TemporaryDirectory(prefix="jt-ext-", dir="/tmp") as folder:
        os.chmod(folder, 0o755)
        yield folder


@pytest.fixture
def ports():
    with extensions.ports() as ports:
        yield ports


def write(folder, name, commands, interpreter="/bin/sh"):
    path = os.path.join(folder, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"#!{interpreter}\n{commands}\n")
    os.chmod(path, 0o755)
    return path


class Host:
    """A server that starts what is in the folder."""

    def __init__(self, database, stubs, ports, folder, *options):
        self.api_address = f"127.0.0.1:{programs.free_port()}"
        self.server = programs.Server(
            database.url, *extensions.option(ports), "--extension-folder", folder,
            "--extension-api-address", self.api_address, *options)
        self.m = stubs.extension
        self.channel = self.server.channel()
        self.stub = stubs.registry_grpc.RegistryStub(self.channel)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.channel.close()
        self.server.stop()

    def bridge(self):
        return programs.Bridge(self.server, "--listen", self.api_address)

    def known(self, name):
        return next(e for e in self.stub.ListExtensions(
            self.m.ListExtensionsRequest()).extensions if e.name == name)

    def logged(self, event, **wanted):
        return observe.logged(self.server, event, **wanted)

    def said(self, name):
        return [line["line"] for line in self.logged("extension output", name=name)]


def is_dead(pid):
    """Gone, or a corpse that whoever inherited it has not looked at yet."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rsplit(")", 1)[1].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        found = file.read().split()
    for task in os.listdir(f"/proc/{pid}/task"):
        with contextlib.suppress(FileNotFoundError), open(
                f"/proc/{pid}/task/{task}/children", encoding="ascii") as file:
            found += file.read().split()
    return set(found)


def test_what_one_gets(database, stubs, ports, folder):
    path = write(folder, "look.py", """
import os, resource, signal, sys
print("argv", sys.argv)
print("env", sorted(os.environ.items()))
print("ids", os.getresuid(), os.getresgid(), os.getgroups())
print("own", os.getpid() == os.getsid(0) == os.getpgid(0), os.getcwd(), oct(os.umask(0)))
print("fds", [(int(fd), os.readlink("/proc/self/fd/" + fd).split(":")[0])
              for fd in sorted(os.listdir("/proc/self/fd"))[:3]],
      [fd for fd in range(3, 1000) if os.path.exists("/proc/self/fd/%d" % fd)])
print("core", resource.getrlimit(resource.RLIMIT_CORE), "mask", signal.pthread_sigmask(0, []))
sys.stdout.flush()
signal.pause()
""", "/usr/bin/python3")
    with Host(database, stubs, ports, folder) as host:
        observe.wait_until(lambda: len(host.said("look.py")) == 6)
        said = dict(line.split(" ", 1) for line in host.said("look.py"))
        pid = host.known("look.py").pid
        # PostgreSQL's address is in the server's environment, and is nobody else's business.
        assert said["env"] == str(sorted({
            "PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/", "LANG": "C.UTF-8",
            "EXTENSION_API_ADDR": host.api_address}.items()))
        assert said["argv"] == str([path])
        assert said["own"] == "True / 0o22"
        # Any descriptors beyond the three would be the server's sockets.
        assert said["fds"] == "[(0, '/dev/null'), (1, 'pipe'), (2, 'pipe')] []"
        assert said["core"] == "(0, 0) mask set()"
        if os.geteuid() == 0:
            assert said["ids"] == "(65534, 65534, 65534) (65534, 65534, 65534) []"
            with open(f"/proc/{pid}/status", encoding="ascii") as file:
                status = dict(line.split(":", 1) for line in file.read().splitlines())
            assert int(status["CapPrm"], 16) == int(status["CapAmb"], 16) == 0
            assert status["NoNewPrivs"].strip() == "1"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_another_user(database, stubs, ports, folder):
    write(folder, "id.sh", "id -un; exec sleep 600")
    with Host(database, stubs, ports, folder, "--extension-user", "daemon") as host:
        observe.wait_until(lambda: host.said("id.sh") == ["daemon"])


def at(line):
    return datetime.datetime.fromisoformat(line["time"].replace("Z", "+00:00"))


def test_one_that_crashes_comes_back_later_each_time(database, stubs, ports, folder):
    write(folder, "crash.sh", "echo going down >&2; kill -9 $$")
    with Host(database, stubs, ports, folder, "--extension-restart-ms", "40") as host:
        observe.wait_until(lambda: len(host.logged("extension started")) >= 6)
        ends, starts = host.logged("extension ended"), host.logged("extension started")
        for i, (ended, started) in enumerate(zip(ends, starts[1:])):
            waited = (at(started) - at(ended)).total_seconds() * 1000
            assert waited >= 36 * 2 ** i - 1 and ended["how"] == "signal 9"
            assert abs(int(ended["restart_ms"]) - 40 * 2 ** i) <= 4 * 2 ** i
        extension = host.known("crash.sh")
        assert extension.restarts >= 5 and extension.last_exit == "signal 9"
        assert set(host.said("crash.sh")) == {"going down"}
        assert host.logged("extension output", stream="stderr")


def test_one_that_cannot_be_executed_is_told_of(database, stubs, ports, folder):
    write(folder, "lost.sh", "", "/no/such/shell")
    with Host(database, stubs, ports, folder) as host:
        extension = host.known("lost.sh")
        assert extension.last_exit == "cannot be started: No such file or directory"
        assert extension.state == host.m.EXTENSION_STATE_RESTARTING and extension.pid == 0
        assert host.logged("extension not started", name="lost.sh", level="error")


def test_one_that_does_not_register_is_reported(database, stubs, ports, folder):
    write(folder, "good.py", REGISTER + f"""
listener = register("good.py", {ports[0]})
time.sleep(600)
""", "/usr/bin/python3")
    write(folder, "hangs.sh", "exec sleep 600")
    with Host(database, stubs, ports, folder, "--extension-register-ms", "700",
              "--extension-stop-ms", "100") as host:
        bridge = host.bridge()
        [line] = observe.wait_logged(host.server, "extension did not register", name="hangs.sh")
        pid = host.known("hangs.sh").pid
        assert (line["level"], line["pid"], line["ms"]) == ("warn", str(pid), "700")
        assert host.known("hangs.sh").state == host.m.EXTENSION_STATE_OVERDUE
        # In time or not.
        observe.wait_until(
            lambda: host.known("good.py").state == host.m.EXTENSION_STATE_REGISTERED)
        assert not is_dead(pid)
        # It still may.
        host.stub.RegisterExtension(host.m.RegisterExtensionRequest(
            name="hangs.sh", address=f"127.0.0.1:{ports[1]}"))
        assert host.known("hangs.sh").state == host.m.EXTENSION_STATE_REGISTERED
        bridge.stop()


def test_a_flood_of_output_harms_nobody(database, stubs, ports, folder):
    write(folder, "flood.py", REGISTER + f"""
import threading
def flood():
    while True:
        os.write(1, b"water\\n" * 10000)
threading.Thread(target=flood, daemon=True).start()
listener = register("flood.py", {ports[0]})
time.sleep(600)
""", "/usr/bin/python3")
    write(folder, "quiet.sh", "echo here; exec sleep 600")
    with Host(database, stubs, ports, folder, "--extension-stop-ms", "100") as host:
        bridge = host.bridge()
        observe.wait_until(
            lambda: host.known("flood.py").state == host.m.EXTENSION_STATE_REGISTERED)
        observe.wait_until(lambda: len(host.logged("extension output dropped")) >= 2)
        lines = host.logged("extension output", name="flood.py", line="water")
        seconds = (at(lines[-1]) - at(lines[0])).total_seconds()
        assert 100 <= len(lines) <= 100 * (seconds + 2)
        # Many more than those were read: it was not held up.
        assert sum(int(line["lines"]) for line in host.logged("extension output dropped")) > 20000
        assert host.said("quiet.sh") == ["here"]
        bridge.stop()


def test_what_ignores_the_end_is_killed_with_what_it_started(database, stubs, ports, folder):
    write(folder, "deaf.sh", "trap '' TERM\n(while :; do sleep 0.05; done) &\necho $!\n"
                             "while :; do sleep 0.05; done")
    with Host(database, stubs, ports, folder, "--extension-stop-ms", "300") as host:
        observe.wait_until(lambda: host.said("deaf.sh"))
        pids = [host.known("deaf.sh").pid, int(host.said("deaf.sh")[0])]
        assert not any(map(is_dead, pids))
        host.server.stop()
        assert host.logged("extension killed", name="deaf.sh")
        assert host.logged("extension ended")[0]["how"] == "signal 9"
        assert not os.path.exists(f"/proc/{pids[0]}")
        observe.wait_until(lambda: all(map(is_dead, pids)))


def test_a_grandchild_does_not_outlive_its_parent(database, stubs, ports, folder):
    write(folder, "leave.sh", "sleep 600 & echo $!; exit 4")
    with Host(database, stubs, ports, folder) as host:
        observe.wait_until(lambda: host.said("leave.sh") and host.logged("extension ended"))
        observe.wait_until(lambda: is_dead(int(host.said("leave.sh")[0])))
        assert host.known("leave.sh").last_exit == "exit 4"


def test_none_is_alive_when_the_server_was_killed(database, stubs, ports, folder):
    for name in ("a.sh", "b.sh"):
        write(folder, name, "trap '' TERM HUP; echo here; while :; do sleep 0.05; done")
    host = Host(database, stubs, ports, folder)
    observe.wait_until(lambda: host.said("a.sh") and host.said("b.sh"))
    pids = [host.known(name).pid for name in ("a.sh", "b.sh")]
    assert not any(map(is_dead, pids))
    host.channel.close()
    host.server.kill()
    observe.wait_until(lambda: all(map(is_dead, pids)))


def descriptors(pid):
    """How many pipes and how many pidfds it has."""
    found = []
    for fd in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):
            found.append(os.readlink(f"/proc/{pid}/fd/{fd}"))
    return sum(f.startswith("pipe:") for f in found), found.count("anon_inode:[pidfd]")


def test_restarts_leave_nothing_behind(database, stubs, ports, folder):
    write(folder, "crash.sh", "exit 1")
    write(folder, "lost.sh", "", "/no/such/shell")
    with Host(database, stubs, ports, folder, "--extension-restart-ms", "1") as host:
        pid = host.server.process.pid
        pipes, _ = descriptors(pid)
        observe.wait_until(lambda: host.known("crash.sh").restarts >= 12
                           and host.known("lost.sh").restarts >= 12)
        # Between two starts there is no child, no corpse and no pidfd. gRPC has pipes too.
        observe.wait_until(lambda: not children(pid))
        observe.wait_until(lambda: descriptors(pid)[1] == 0 and descriptors(pid)[0] <= pipes + 8)


@pytest.mark.parametrize("make, options, reason", [
    (lambda folder: os.rmdir(folder), [], "No such file or directory"),
    (lambda folder: os.chmod(folder, 0o777), [], "anybody may write to it"),
    (lambda folder: None, ["--extension-user", "no-such-user"], "there is no such user"),
    (lambda folder: None, ["--extension-user", "root"],
     "extensions do not run as root" if os.geteuid() == 0 else "only a server that runs as root"),
])
def test_a_wrong_start_is_refused_with_a_sentence(database, make, options, reason):
    folder = tempfile.mkdtemp(prefix="jt-ext-", dir="/tmp")
    make(folder)
    with pytest.raises(RuntimeError) as caught:
        programs.Server(database.url, "--extension-folder", folder, *options).stop()
    assert reason in str(caught.value) and "cannot start extensions" in str(caught.value)
    assert "ended with 1" in str(caught.value)
    with contextlib.suppress(FileNotFoundError):
        os.rmdir(folder)


def test_what_anybody_may_write_to_is_left_out(database, stubs, ports, folder):
    write(folder, "good.sh", "echo here; exec sleep 600")
    os.chmod(write(folder, "planted.sh", "echo here"), 0o757)
    with Host(database, stubs, ports, folder) as host:
        observe.wait_until(lambda: host.said("good.sh"))
        [line] = host.logged("extension left out", level="error")
        assert line["file"].endswith("/planted.sh") and line["reason"] == "anybody may write to it"
        names = [e.name for e in host.stub.ListExtensions(
            host.m.ListExtensionsRequest()).extensions]
        assert names == ["good.sh"]
        with pytest.raises(grpc.RpcError) as caught:
            host.stub.RegisterExtension(host.m.RegisterExtensionRequest(
                name="planted.sh", address=f"127.0.0.1:{ports[0]}"))
        assert caught.value.code() == grpc.StatusCode.FAILED_PRECONDITION
