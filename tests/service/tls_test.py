"""TLS of the server: who gets in, whose certificate it shows, and what new files change."""

import contextlib
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
    """Another authority, whose name is the same."""
    stranger = certificates.Authority()
    yield stranger
    stranger.remove()


@contextlib.contextmanager
def serving(database, pair, *arguments):
    server = programs.Server(database.url, "--tls-cert", pair.cert, "--tls-key", pair.key,
                             *arguments)
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="module")
def secure(database, authority):
    """A server that asks for no client certificate."""
    with serving(database, authority.issue("server")) as server:
        yield server


@pytest.fixture(scope="module")
def mutual(database, authority):
    """A server that does, and believes one client about its callers."""
    with serving(database, authority.issue("server"), "--tls-client-ca", authority.cert,
                 "--bridge-name", "bridge.test") as server:
        yield server


def channel(server, authority, client=None):
    credentials = grpc.ssl_channel_credentials(
        certificates.read(authority.cert), client and certificates.read(client.key),
        client and certificates.read(client.cert))
    return grpc.secure_channel(server.address, credentials, options=[
        ("grpc.use_local_subchannel_pool", 1), ("grpc.enable_http_proxy", 0)])


def list_services(channel, stubs):
    stub = stubs.registry_grpc.RegistryStub(channel)
    return stub.ListServices(stubs.registry.ListServicesRequest(), timeout=programs.WAIT)


def refusal(channel, stubs):
    with channel, pytest.raises(grpc.RpcError) as caught:
        list_services(channel, stubs)
    return caught.value.code()


def serial(server, authority):
    """Of the certificate that a new connection is shown."""
    host, port = server.address.rsplit(":", 1)
    context = authority.context()
    context.set_alpn_protocols(["h2"])
    with socket.create_connection((host, int(port)), timeout=programs.WAIT) as plain:
        with context.wrap_socket(plain, server_hostname="localhost") as secured:
            return secured.getpeercert()["serialNumber"]


def test_a_client_that_trusts_the_authority_gets_in(secure, authority, stubs):
    with channel(secure, authority) as c:
        list_services(c, stubs)


def test_a_client_that_trusts_another_authority_does_not(secure, stranger, stubs):
    assert refusal(channel(secure, stranger), stubs) == grpc.StatusCode.UNAVAILABLE


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
def test_tls_is_version_1_2_at_least(secure, authority):
    host, port = secure.address.rsplit(":", 1)
    for version, works in ((ssl.TLSVersion.TLSv1_1, False), (ssl.TLSVersion.TLSv1_2, True),
                           (ssl.TLSVersion.TLSv1_3, True)):
        context = authority.context()
        context.set_ciphers("DEFAULT@SECLEVEL=0")
        context.set_alpn_protocols(["h2"])
        context.minimum_version = context.maximum_version = version
        with socket.create_connection((host, int(port)), timeout=programs.WAIT) as plain:
            try:
                context.wrap_socket(plain, server_hostname="localhost").close()
                assert works
            except (ssl.SSLError, OSError):
                assert not works


@pytest.mark.parametrize("client, works", [("ours", True), ("none", False), ("expired", False),
                                           ("stranger's", False)])
def test_a_client_must_show_a_certificate_if_the_server_says_so(mutual, authority, stranger, stubs,
                                                                client, works):
    shown = {"ours": authority.issue("client"), "none": None,
             "expired": authority.issue("client", days=-1), "stranger's": stranger.issue("client")}
    if works:
        with channel(mutual, authority, shown[client]) as c:
            list_services(c, stubs)
    else:
        assert refusal(channel(mutual, authority, shown[client]),
                       stubs) == grpc.StatusCode.UNAVAILABLE


@pytest.mark.parametrize("name, alternatives, believed", [
    ("somebody", "DNS:bridge.test", True), ("somebody", "DNS:a.test,DNS:BRIDGE.test", True),
    ("bridge.test", "", True), ("bridge.test", "DNS:other.test", False),
    ("somebody", "", False), ("somebody", "URI:bridge.test", False)])
def test_only_the_bridge_is_believed_about_its_callers(mutual, authority, stubs, name, alternatives,
                                                       believed):
    with channel(mutual, authority, authority.issue(name, alternatives)) as c:
        stub = stubs.registry_grpc.RegistryStub(c)
        with pytest.raises(grpc.RpcError) as caught:
            stub.Call(stubs.registry.CallRequest(service="nobody", action="none"),
                      metadata=(("junction-hops", "8"),))
        assert caught.value.code() == (grpc.StatusCode.FAILED_PRECONDITION if believed
                                       else grpc.StatusCode.NOT_FOUND)


def test_the_unix_socket_stays_plain(mutual, stubs):
    with grpc.insecure_channel("unix:" + mutual.socket) as c:
        list_services(c, stubs)


def test_noise_and_silence_at_the_port_hurt_nobody(secure, authority, stubs):
    host, port = secure.address.rsplit(":", 1)
    silent = [socket.create_connection((host, int(port))) for _ in range(50)]
    for noise in (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
                  os.urandom(4096), b"\x16\x03\x01\xff\xff" + bytes(100)):
        with socket.create_connection((host, int(port)), timeout=programs.WAIT) as s:
            s.sendall(noise)
            with contextlib.suppress(OSError):
                s.shutdown(socket.SHUT_WR)
            with contextlib.suppress(ConnectionError):
                while s.recv(4096):
                    pass
    with channel(secure, authority) as c:
        list_services(c, stubs)
    for s in silent:
        s.close()


def test_who_never_finishes_a_handshake_is_closed(secure):
    host, port = secure.address.rsplit(":", 1)
    with contextlib.ExitStack() as open_ones:
        silent = [open_ones.enter_context(socket.create_connection((host, int(port)),
                                                                   timeout=programs.WAIT))
                  for _ in range(20)]
        for s in silent[::2]:
            s.sendall(b"\x16\x03\x01\x02\x00\x01")
        for s in silent:
            with contextlib.suppress(ConnectionError):
                while s.recv(4096):
                    pass


def test_new_files_are_used_for_new_connections_while_old_ones_go_on(database, authority, stubs):
    pair, new = authority.issue("server"), authority.issue("server")
    with serving(database, pair) as server, channel(server, authority) as c:
        assert serial(server, authority) == pair.serial
        stop = threading.Event()
        failures = []

        def go_on():
            while not stop.is_set():
                try:
                    list_services(c, stubs)
                except grpc.RpcError as error:
                    failures.append(error)
        calling = threading.Thread(target=go_on)
        calling.start()
        try:
            pair.become(new)
            observe.wait_until(lambda: serial(server, authority) == new.serial)
        finally:
            stop.set()
            calling.join()
        assert not failures
        reloaded = f'event="certificates reloaded" file={pair.cert} expires=20'
        observe.wait_until(lambda: reloaded in server.log_text())


@pytest.mark.parametrize("file, content, sentence", [
    ("cert", b"no certificate", "--tls-cert {}: holds no certificate in PEM form"),
    ("cert", None, "--tls-cert {}: No such file"),
    ("key", b"no key", "--tls-key {}: holds no key in PEM form"),
    ("key", "other", "--tls-key {}: is not the key of the certificate in --tls-cert")])
def test_broken_new_files_leave_the_old_ones_in_use(database, authority, stubs, file, content,
                                                    sentence):
    pair = authority.issue("server")
    path = getattr(pair, file)
    before, good = pair.serial, certificates.read(path)
    with serving(database, pair) as server:
        if content is None:
            os.unlink(path)
        else:
            certificates.replace(path, certificates.read(authority.issue("other").key)
                                 if content == "other" else content)
        observe.wait_until(lambda: sentence.format(path) in server.log_text())
        observe.wait_logged(server, "certificates not reloaded, the old ones stay")
        assert serial(server, authority) == before
        certificates.replace(path, good)
        observe.wait_logged(server, "certificates reloaded")


def test_sighup_reads_the_files_again_at_once(database, authority):
    pair = authority.issue("server")
    with serving(database, pair) as server:
        server.process.send_signal(signal.SIGHUP)
        observe.wait_logged(server, "certificates reloaded")
        assert serial(server, authority) == pair.serial


def test_new_authorities_of_clients_count_for_new_connections(database, authority, stranger, stubs):
    pair = authority.issue("server")
    trusted = os.path.join(authority.folder, "trusted.pem")
    certificates.replace(trusted, certificates.read(authority.cert))
    with serving(database, pair, "--tls-client-ca", trusted) as server:
        certificates.replace(trusted, certificates.read(stranger.cert))
        observe.wait_logged(server, "certificates reloaded")
        with channel(server, authority, stranger.issue("client")) as c:
            list_services(c, stubs)
        assert refusal(channel(server, authority, authority.issue("client")),
                       stubs) == grpc.StatusCode.UNAVAILABLE


def refused(*arguments):
    clean = {key: value for key, value in os.environ.items() if not key.startswith("JUNCTION_")}
    done = subprocess.run([os.path.join(programs.BUILD, "bin", "junctiond"), "--database-url",
                           "postgresql:///x", "--listen", "127.0.0.1:0", "--admin",
                           "127.0.0.1:0", *arguments], env=clean, capture_output=True, text=True,
                          timeout=programs.WAIT, check=False)
    assert done.returncode in (1, 2) and not done.stdout
    return done.stderr


def test_a_start_with_files_that_cannot_work_is_refused(authority, tmp_path):
    pair, other = authority.issue("server"), authority.issue("server")
    missing, text = str(tmp_path / "missing"), str(tmp_path / "text")
    certificates.replace(text, b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    locked = str(tmp_path / "locked")
    certificates.lock(pair.key, locked)
    for cert, key, ca, sentence in [
            (missing, pair.key, authority.cert, f"--tls-cert {missing}: No such file"),
            (pair.cert, missing, authority.cert, f"--tls-key {missing}: No such file"),
            (pair.cert, pair.key, missing, f"--tls-client-ca {missing}: No such file"),
            (str(tmp_path), pair.key, authority.cert, f"--tls-cert {tmp_path}: Is a directory"),
            (text, pair.key, authority.cert, f"--tls-cert {text}: holds no certificate"),
            (pair.cert, text, authority.cert, f"--tls-key {text}: holds no key"),
            (pair.cert, locked, authority.cert, f"--tls-key {locked}: holds no key"),
            (pair.cert, pair.key, text, f"--tls-client-ca {text}: holds no certificate"),
            (pair.cert, other.key, authority.cert, f"--tls-key {other.key}: is not the key of")]:
        assert sentence in refused("--tls-cert", cert, "--tls-key", key, "--tls-client-ca", ca)


@pytest.mark.parametrize("arguments, sentence", [
    (["--tls-cert", "x"], "--tls-cert and --tls-key are given together"),
    (["--tls-key", "x"], "--tls-cert and --tls-key are given together"),
    (["--tls-client-ca", "x"], "--tls-client-ca needs --tls-cert"),
    (["--tls-cert", "x", "--tls-key", "x", "--bridge-name", "b"], "--bridge-name needs"),
    (["--listen", "0.0.0.0:0"], "--tls-cert")])
def test_options_that_miss_their_companion_are_refused(arguments, sentence):
    assert sentence in refused(*arguments)


def test_an_expired_certificate_is_served_with_a_warning(database, authority):
    pair = authority.issue("server", days=-1)
    with serving(database, pair) as server:
        assert f'event="certificate has expired" file={pair.cert}' in server.log_text()


def test_beyond_loopback_with_tls(database, authority):
    with serving(database, authority.issue("server"), "--listen", "0.0.0.0:0") as server:
        assert len(server.addresses) == 3


def junction(server, *arguments):
    clean = {key: value for key, value in os.environ.items() if not key.startswith("JUNCTION_")}
    return subprocess.run([os.path.join(programs.BUILD, "bin", "junction"), "--server",
                           server.address, *arguments, "services"], env=clean, text=True,
                          capture_output=True, timeout=programs.WAIT, check=False)


def test_the_command_line_speaks_tls(mutual, authority):
    client = authority.issue("client")
    shown = ("--cert", client.cert, "--key", client.key)
    assert junction(mutual, "--ca", authority.cert, *shown).stdout.startswith("SERVICE")
    assert junction(mutual, "--ca", authority.cert, "--server-name", "localhost",
                    *shown).returncode == 0


def test_the_command_line_says_what_failed(mutual, secure, authority, stranger, tmp_path):
    client = authority.issue("client")
    shown = ("--cert", client.cert, "--key", client.key)
    missing = str(tmp_path / "missing")
    for server, arguments, code, sentence in [
            (secure, ["--ca", stranger.cert], 3, "certificate verify failed"),
            (secure, ["--ca", authority.cert, "--server-name", "a.test"], 3, "a.test"),
            (secure, [], 3, ""), (mutual, ["--ca", authority.cert], 3, ""),
            (mutual, ["--ca", missing, *shown], 1, f"ca {missing}: No such file"),
            (mutual, ["--ca", authority.cert, "--cert", client.cert], 1, "given together"),
            (mutual, shown, 1, "need a ca"),
            (secure, ["--ca", authority.cert, "--server", "unix:/x"], 1, "unix socket has no TLS")]:
        done = junction(server, *arguments)
        assert done.returncode == code and sentence in done.stderr, (arguments, done)
