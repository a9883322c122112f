"""HTTPS of the bridge, and TLS between it and the server."""

import concurrent.futures
import contextlib
import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import threading

import grpc
import pytest

import certificates
import observe
import programs


@pytest.fixture(scope="module")
def authority():
    authority = certificates.Authority()
    yield authority
    authority.remove()


@pytest.fixture(scope="module")
def stranger():
    stranger = certificates.Authority()
    yield stranger
    stranger.remove()


@contextlib.contextmanager
def serving(server, pair, *arguments, program="junction-bridge"):
    bridge = programs.Bridge(server, "--tls-cert", pair.cert, "--tls-key", pair.key, *arguments,
                             program=program)
    try:
        yield bridge
    finally:
        bridge.stop()


@pytest.fixture(scope="module")
def secure(server, authority):
    with serving(server, authority.issue("bridge")) as bridge:
        yield bridge


@pytest.fixture(scope="module")
def mutual(server, authority):
    with serving(server, authority.issue("bridge"), "--tls-client-ca", authority.cert) as bridge:
        yield bridge


@pytest.fixture(scope="module")
def streams(trial_server, authority):
    with serving(trial_server, authority.issue("bridge"), program="trial-bridge") as bridge:
        yield bridge


def connect(bridge, context):
    return http.client.HTTPSConnection(bridge.host, bridge.port, timeout=programs.WAIT,
                                       context=context)


def ask(connection, method="GET", path="/healthz", body=None, headers=None):
    connection.request(method, path, body, headers or {})
    return programs.Answer(connection.getresponse())


def ask_once(bridge, context, *arguments):
    with contextlib.closing(connect(bridge, context)) as connection:
        return ask(connection, *arguments)


def serial(bridge, context):
    """Of the certificate that a new connection is shown."""
    with contextlib.closing(connect(bridge, context)) as connection:
        connection.connect()
        return connection.sock.getpeercert()["serialNumber"]


class Gate:
    """A service that answers when it is let, and echoes."""

    def __init__(self, bridge, context):
        self.arrived, self.open = threading.Event(), threading.Event()

        def answer(request):
            if request.path == "/slow":
                self.arrived.set()
                self.open.wait(programs.WAIT)
            return 200, {}, request.body or b'"done"'
        self.upstream = programs.Upstream(answer)
        post = [("/v1/server/gate/register", {"host": "127.0.0.1", "port": self.upstream.port})]
        post += [("/v1/service/registry", {"server_name": "gate", "service_name": name, "uri": uri,
                                           "method": "POST"})
                 for name, uri in (("slow", "/slow"), ("echo", "/echo"))]
        for path, value in post:
            assert ask_once(bridge, context, "POST", path, json.dumps(value)).json()["retcode"] == 0

    def close(self):
        self.open.set()
        self.upstream.__exit__()


CALL = json.dumps({"service": "gate", "action": "slow"})


def test_a_client_that_trusts_the_authority_is_answered(secure, authority):
    with contextlib.closing(connect(secure, authority.context())) as connection:
        for _ in range(3):
            assert ask(connection).status == 200
        assert connection.sock.version() == "TLSv1.3"


def test_a_client_that_trusts_another_authority_breaks_off(secure, stranger):
    with pytest.raises(ssl.SSLCertVerificationError):
        ask_once(secure, stranger.context())


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
def test_tls_is_version_1_2_at_least(secure, authority):
    for version, works in ((ssl.TLSVersion.TLSv1_1, False), (ssl.TLSVersion.TLSv1_2, True),
                           (ssl.TLSVersion.TLSv1_3, True)):
        context = authority.context()
        context.set_ciphers("DEFAULT@SECLEVEL=0")
        context.minimum_version = context.maximum_version = version
        if works:
            assert ask_once(secure, context).status == 200
        else:
            with pytest.raises((ssl.SSLError, OSError)):
                ask_once(secure, context)


def test_pages_of_the_bridge_itself_are_https(secure, authority):
    for scheme, status in (("https", 200), ("http", 403)):
        origin = {"Origin": f"{scheme}://{secure.address}"}
        assert ask_once(secure, authority.context(), "GET", "/healthz", None,
                        origin).status == status


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("client, works", [("ours", True), ("none", False), ("expired", False),
                                           ("stranger's", False), ("a server's", False)])
def test_a_client_must_show_a_certificate_if_the_bridge_says_so(mutual, authority, stranger, client,
                                                                works, version):
    shown = {"ours": authority.issue("client"), "none": None,
             "expired": authority.issue("client", days=-1), "stranger's": stranger.issue("client"),
             "a server's": authority.issue("client", usage="serverAuth")}
    context = authority.context(shown[client])
    context.minimum_version = context.maximum_version = version
    if works:
        assert ask_once(mutual, context).status == 200
    else:
        with pytest.raises((OSError, http.client.HTTPException)):
            ask_once(mutual, context)


def test_large_bodies_and_calls_that_wait(secure, authority):
    context = authority.context()
    with contextlib.closing(Gate(secure, context)) as gate:
        text = json.dumps(["ü" * 100] * 5000)
        body = json.dumps({"service": "gate", "action": "echo", "body": text})
        answer = ask_once(secure, context, "POST", "/mw/call", body)
        assert answer.json()["result"] == json.loads(text)
        with concurrent.futures.ThreadPoolExecutor(20) as pool:
            waiting = [pool.submit(ask_once, secure, context, "POST", "/mw/call", CALL)
                       for _ in range(20)]
            assert gate.arrived.wait(programs.WAIT)
            assert ask_once(secure, context).status == 200
            gate.open.set()
            assert all(w.result().json()["result"] == "done" for w in waiting)


def test_a_long_stream(streams, authority):
    answer = ask_once(streams, authority.context(), "GET", "/trial/count?count=50000&padding=100",
                      None, {"Accept": "application/x-ndjson"})
    lines = answer.body.decode().splitlines()
    assert len(lines) == 50001 and json.loads(lines[-1])["@status"]["code"] == 0
    assert [json.loads(line)["number"] for line in lines[:-1]] == [
        str(n) for n in range(1, 50001)]


def test_a_long_upload(streams, authority):
    with contextlib.closing(connect(streams, authority.context())) as connection:
        for _ in range(2):
            answer = ask(connection, "POST", "/trial/upload/x", (b"x" * 60000 for _ in range(100)))
            assert answer.json()["size"] == "6000000"


@pytest.mark.parametrize("path", ["/trial/listen", "/trial/count?count=100000000&padding=1000"])
def test_a_client_that_vanishes_frees_its_stream(streams, authority, path):
    def in_progress():
        return ask_once(streams, authority.context(), "GET", "/trial/streams").json()["inProgress"]
    with contextlib.closing(connect(streams, authority.context())) as connection:
        connection.request("GET", path, headers={"Accept": "application/x-ndjson"})
        connection.getresponse().fp.readline()
        assert in_progress() == 1
        connection.sock.close()
    observe.wait_until(lambda: in_progress() == 0)


def test_noise_at_the_port_hurts_nobody(secure, authority):
    for noise in (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", os.urandom(4096),
                  b"\x16\x03\x01\xff\xff" + bytes(100)):
        with socket.create_connection((secure.host, secure.port), timeout=programs.WAIT) as s:
            answer = b""
            s.sendall(noise)
            with contextlib.suppress(OSError):
                s.shutdown(socket.SHUT_WR)
            with contextlib.suppress(ConnectionError):
                while chunk := s.recv(4096):
                    answer += chunk
            assert b"HTTP/1" not in answer
    assert ask_once(secure, authority.context()).status == 200


def test_who_never_finishes_a_handshake_is_closed(server, authority):
    with serving(server, authority.issue("bridge"), "--idle-timeout", "3") as bridge:
        with contextlib.ExitStack() as open_ones:
            silent = [open_ones.enter_context(socket.create_connection(
                (bridge.host, bridge.port), timeout=programs.WAIT)) for _ in range(50)]
            for s in silent[::2]:
                s.sendall(b"\x16\x03\x01\x02\x00\x01")
            assert ask_once(bridge, authority.context()).status == 200
            for s in silent:
                with contextlib.suppress(ConnectionError):
                    while s.recv(4096):
                        pass


def test_new_files_are_used_for_new_connections_while_the_old_ones_go_on(server, authority):
    pair, new = authority.issue("bridge"), authority.issue("bridge")
    context = authority.context()
    with serving(server, pair) as bridge, contextlib.closing(connect(bridge, context)) as old, \
            contextlib.closing(Gate(bridge, context)) as gate:
        old.request("POST", "/mw/call", CALL)
        assert gate.arrived.wait(programs.WAIT)
        assert old.sock.getpeercert()["serialNumber"] == pair.serial
        pair.become(new)
        observe.wait_until(lambda: serial(bridge, context) == new.serial)
        gate.open.set()
        assert programs.Answer(old.getresponse()).json()["result"] == "done"
        assert ask(old).status == 200
        assert old.sock.getpeercert()["serialNumber"] != new.serial
        reloaded = f'event="certificates reloaded" file={pair.cert} expires=20'
        observe.wait_until(lambda: reloaded in bridge.log_text())


@pytest.mark.parametrize("file, content, sentence", [
    ("cert", b"no certificate", "--tls-cert {}: holds no certificate in PEM form"),
    ("key", None, "--tls-key {}: No such file"),
    ("key", b"no key", "--tls-key {}: holds no key in PEM form"),
    ("key", "other", "--tls-key {}: is not the key of the certificate in --tls-cert")])
def test_broken_new_files_leave_the_old_ones_in_use(server, authority, file, content, sentence):
    pair = authority.issue("bridge")
    path = getattr(pair, file)
    before, good = pair.serial, certificates.read(path)
    with serving(server, pair) as bridge:
        if content is None:
            os.unlink(path)
        else:
            certificates.replace(path, certificates.read(authority.issue("other").key)
                                 if content == "other" else content)
        observe.wait_until(lambda: sentence.format(path) in bridge.log_text())
        assert serial(bridge, authority.context()) == before
        certificates.replace(path, good)
        bridge.process.send_signal(signal.SIGHUP)
        observe.wait_logged(bridge, "certificates reloaded")


def test_new_authorities_of_clients_count_for_new_connections(server, authority, stranger):
    trusted = os.path.join(authority.folder, "trusted.pem")
    certificates.replace(trusted, certificates.read(authority.cert))
    with serving(server, authority.issue("bridge"), "--tls-client-ca", trusted) as bridge:
        certificates.replace(trusted, certificates.read(stranger.cert))
        context = authority.context(stranger.issue("client"))

        def is_let_in():
            with contextlib.suppress(OSError, http.client.HTTPException):
                return ask_once(bridge, context).status == 200
        observe.wait_until(is_let_in)
        observe.wait_logged(bridge, "certificates reloaded")
        with pytest.raises((OSError, http.client.HTTPException)):
            ask_once(bridge, authority.context(authority.issue("client")))


def refused(*arguments):
    clean = {key: value for key, value in os.environ.items() if not key.startswith("JUNCTION_")}
    done = subprocess.run([os.path.join(programs.BUILD, "bin", "junction-bridge"), "--listen",
                           "127.0.0.1:0", "--admin", "127.0.0.1:0", *arguments], env=clean,
                          capture_output=True, text=True, timeout=programs.WAIT, check=False)
    assert done.returncode in (1, 2) and not done.stdout
    return done.stderr


def test_a_start_with_files_that_cannot_work_is_refused(authority, tmp_path):
    pair, other = authority.issue("bridge"), authority.issue("other")
    missing, text = str(tmp_path / "missing"), str(tmp_path / "text")
    certificates.replace(text, b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    locked = str(tmp_path / "locked")
    certificates.lock(pair.key, locked)
    for side, ca in (("tls", "--tls-client-ca"), ("server", "--server-ca")):
        def start(cert, key, trusted):
            return refused(f"--{side}-cert", cert, f"--{side}-key", key, ca, trusted)
        assert f"cert {missing}: No such file" in start(missing, pair.key, authority.cert)
        assert f"key {missing}: No such file" in start(pair.cert, missing, authority.cert)
        assert f"{ca} {missing}: No such file" in start(pair.cert, pair.key, missing)
        assert f"cert {text}: holds no certificate" in start(text, pair.key, authority.cert)
        assert f"key {text}: holds no key" in start(pair.cert, text, authority.cert)
        assert f"key {locked}: holds no key" in start(pair.cert, locked, authority.cert)
        assert f"{ca} {text}: holds no certificate" in start(pair.cert, pair.key, text)
        assert f"key {other.key}: is not the key of" in start(pair.cert, other.key, authority.cert)


@pytest.mark.parametrize("arguments, sentence", [
    (["--tls-cert", "x"], "--tls-cert and --tls-key are given together"),
    (["--tls-client-ca", "x"], "--tls-client-ca needs --tls-cert"),
    (["--server-cert", "x", "--server-ca", "x"], "--server-key are given together"),
    (["--server-name", "x"], "need --server-ca"),
    (["--server-ca", "x", "--server", "unix:/x"], "unix socket has no TLS"),
    (["--listen", "0.0.0.0:0"], "--tls-cert")])
def test_options_that_miss_their_companion_are_refused(arguments, sentence):
    assert sentence in refused(*arguments)


def test_beyond_loopback_with_tls(server, authority):
    with serving(server, authority.issue("bridge"), "--listen", "0.0.0.0:0") as bridge:
        bridge.wait_listening(2)


# --- between bridge and server -------------------------------------------------------------------


SERVERS = {"junction": "junctiond", "trial": "trial-server"}


@contextlib.contextmanager
def chain(database, authority, client, *arguments, kind="junction"):
    """A server that takes mTLS, and a bridge that calls it so; speaks plain HTTP itself."""
    pair = authority.issue("server")
    server = programs.Server(database.url, "--tls-cert", pair.cert, "--tls-key", pair.key,
                             *arguments, program=SERVERS[kind])
    with contextlib.ExitStack() as stack:
        stack.callback(server.stop)
        bridge = programs.Bridge(server, "--server", server.address, "--server-ca", authority.cert,
                                 "--server-cert", client.cert, "--server-key", client.key,
                                 "--server-name", "localhost", program=kind + "-bridge")
        stack.callback(bridge.stop)
        yield bridge


def looped(bridge):
    """400 if the server believes that the call has come far, else 404."""
    return bridge.request("POST", "/mw/call", '{"service":"nobody","action":"x"}',
                          {"Junction-Hops": "8"}).status


@pytest.mark.parametrize("name, status", [("bridge", 400), ("another", 404)])
def test_the_server_believes_the_bridge_by_its_certificate(database, authority, name, status):
    with chain(database, authority, authority.issue("client", "DNS:bridge"), "--tls-client-ca",
               authority.cert, "--bridge-name", name) as bridge:
        assert looped(bridge) == status


def test_calls_in_progress_survive_new_files_towards_the_server(database, authority, stranger):
    client = authority.issue("client", "DNS:bridge")
    trusted = os.path.join(authority.folder, "trusted.pem")
    certificates.replace(trusted, certificates.read(authority.cert))
    with chain(database, authority, client, "--tls-client-ca", trusted, "--bridge-name",
               "bridge") as bridge:
        gate_open, arrived = threading.Event(), threading.Event()

        def answer(_):
            arrived.set()
            gate_open.wait(programs.WAIT)
            return 200, {}, b'"done"'
        with programs.Upstream(answer) as up, concurrent.futures.ThreadPoolExecutor(1) as pool:
            bridge.post("/v1/server/up/register", {"host": "127.0.0.1", "port": up.port})
            bridge.post("/v1/service/registry",
                        {"server_name": "up", "service_name": "go", "uri": "/go", "method": "GET"})
            waiting = pool.submit(bridge.post, "/mw/call", {"service": "up", "action": "go"})
            assert arrived.wait(programs.WAIT)
            certificates.replace(trusted, certificates.read(stranger.cert))
            assert looped(bridge) == 400
            client.become(stranger.issue("client", "DNS:other"))
            bridge.process.send_signal(signal.SIGHUP)
            reloaded = f'"certificates reloaded" file={client.cert}'
            observe.wait_until(lambda: reloaded in bridge.log_text())
            observe.wait_until(lambda: all(looped(bridge) == 404 for _ in range(4)))
            gate_open.set()
            assert waiting.result().json()["result"] == "done"


def test_streams_in_progress_survive_them_too(database, authority):
    client = authority.issue("client")
    with chain(database, authority, client, "--tls-client-ca", authority.cert,
               kind="trial") as bridge:
        connection = http.client.HTTPConnection(bridge.address, timeout=programs.WAIT)
        with contextlib.closing(connection):
            connection.request("GET", "/trial/listen", headers={"Accept": "application/x-ndjson"})
            listening = connection.getresponse()
            before = json.loads(listening.fp.readline() and listening.fp.readline())
            bridge.process.send_signal(signal.SIGHUP)
            observe.wait_logged(bridge, "certificates reloaded")
            assert bridge.post("/trial/ring", {}).status == 200
            while not (line := listening.fp.readline()).startswith(b"{"):
                pass
            assert json.loads(line) != before


def test_a_server_that_another_authority_signed_is_not_called(database, authority, stranger):
    pair = stranger.issue("server")
    server = programs.Server(database.url, "--tls-cert", pair.cert, "--tls-key", pair.key)
    try:
        bridge = programs.Bridge(server, "--server", server.address, "--server-ca", authority.cert,
                                 wait=False)
        try:
            answer = bridge.get("/readyz")
            assert answer.status == 503
        finally:
            bridge.stop()
    finally:
        server.stop()


@pytest.mark.parametrize("tls, scheme", [(True, "https"), (False, "http")])
def test_the_server_is_told_the_scheme(authority, tls, scheme):
    """By a foreign server, which sees the metadata."""
    seen = {}

    class Everything(grpc.GenericRpcHandler):
        def service(self, details):
            seen.update({details.method: dict(details.invocation_metadata)})
            return grpc.unary_unary_rpc_method_handler(lambda request, context: b"")

    foreign = grpc.server(concurrent.futures.ThreadPoolExecutor(2), handlers=(Everything(),))
    pair = authority.issue("server")
    port = foreign.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials(
        [(certificates.read(pair.key), certificates.read(pair.cert))]))
    foreign.start()
    arguments = ("--tls-cert", pair.cert, "--tls-key", pair.key) if tls else ()
    bridge = programs.Program("junction-bridge", "--listen", "127.0.0.1:0", "--admin",
                              "127.0.0.1:0", "--server", f"127.0.0.1:{port}", "--server-ca",
                              authority.cert, *arguments)
    try:
        bridge.wait_listening(1)
        bridge.host, bridge.port = bridge.addresses[0][1].rsplit(":", 1)
        if tls:
            ask_once(bridge, authority.context(), "POST", "/mw/call", CALL)
        else:
            programs.http_request(bridge.addresses[0][1], "POST", "/mw/call", CALL)
        assert seen["/junction.v1.Registry/Call"]["junction-scheme"] == scheme
    finally:
        bridge.stop()
        foreign.stop(None)
