"""RegisterExtension, DeregisterExtension, ListExtensions: who may be told of invocations."""

import concurrent.futures
import contextlib
import socket
import time

import grpc
import pytest

import extensions
import observe
import postgres
import programs


@pytest.fixture(scope="module")
def ports():
    with extensions.ports() as ports:
        yield ports


@pytest.fixture(scope="module")
def server(database, ports):
    server = programs.Server(database.url, *extensions.option(ports),
                             "--function-name", "demo", "--function-version", "3",
                             "--function-handler", "main.run")
    yield server
    server.stop()


class Client:
    def __init__(self, stub, stubs):
        self.stub = stub
        self.m = stubs.extension

    def register(self, name, port=None, address=None):
        address = f"127.0.0.1:{port}" if address is None else address
        return self.stub.RegisterExtension(
            self.m.RegisterExtensionRequest(name=name, address=address))

    def deregister(self, name):
        return self.stub.DeregisterExtension(self.m.DeregisterExtensionRequest(name=name))

    def list(self):
        return {e.name: e for e in
                self.stub.ListExtensions(self.m.ListExtensionsRequest()).extensions}

    def invoke(self):
        return self.stub.InvokeFunction(self.m.InvokeFunctionRequest())

    def clear(self):
        for name in self.list():
            self.deregister(name)


@pytest.fixture
def client(registry, stubs):
    client = Client(registry, stubs)
    yield client
    client.clear()


def refusal(function, *arguments, **keywords):
    with pytest.raises(grpc.RpcError) as caught:
        function(*arguments, **keywords)
    return caught.value.code().name, caught.value.details()


@contextlib.contextmanager
def stopped(server):
    """It ends when it is left."""
    try:
        yield server
    finally:
        server.stop()


def test_who_registers_learns_of_the_function(client, ports):
    answer = client.register("tracer.sh", ports[0])
    assert (answer.function_name, answer.function_version, answer.handler) == (
        "demo", "3", "main.run")
    assert answer.HasField("error_info")
    assert (answer.error_info.error_type, answer.error_info.error_message) == ("", "")


def test_all_that_are_registered_are_listed_by_name(client, ports):
    before = time.time()
    for i, name in enumerate(("b", "C", "a", "Ä", "a.sh")):
        client.register(name, ports[i])
    found = client.list()
    assert list(found) == ["C", "a", "a.sh", "b", "Ä"]
    b = found["b"]
    assert b.address == f"127.0.0.1:{ports[0]}" and b.state == client.m.EXTENSION_STATE_REGISTERED
    assert (b.pid, b.restarts, b.last_exit) == (0, 0, "")
    assert before - 5 < b.registered_at.ToNanoseconds() / 1e9 < time.time() + 5


@pytest.mark.parametrize("name, rule", [
    ("", "required"), ("a" * 256, "must have at most 255 bytes"),
    ("a/b", 'must not hold "/" or control characters'),
    ("/", 'must not hold "/" or control characters'),
    ("a\nb", 'must not hold "/" or control characters'),
    ("a\x7f", 'must not hold "/" or control characters'),
    (".", 'must not be "." or ".."'), ("..", 'must not be "." or ".."')])
def test_a_name_that_is_no_file_name_is_refused(client, ports, name, rule):
    assert refusal(client.register, name, ports[0]) == ("INVALID_ARGUMENT", f"name: {rule}")
    assert client.list() == {}


@pytest.mark.parametrize("name", ["a", "a" * 255, "...", ".hidden", "mit Lücke", "日志", "-x"])
def test_any_file_name_is_good(client, ports, name):
    client.register(name, ports[0])
    assert list(client.list()) == [name]


@pytest.mark.parametrize("shape", [
    "127.0.0.1", "127.0.0.1:", "127.0.0.1:0{}", "127.0.0.1:{} ", " 127.0.0.1:{}", "127.0.0.1:+{}",
    "127.0.0.1:{}/", "localhost:{}", "0.0.0.0:{}", "127.0.0.2:{}", "http://127.0.0.1:{}",
    "[::1]:{}", "10.0.0.1:{}", "{}", "127.0.0.1:{}x", "127.0.0.1:-1", "127.0.0.1:999999999999"])
def test_only_a_port_of_this_host_is_an_address(client, ports, shape):
    code, details = refusal(client.register, "a", address=shape.format(ports[0]))
    assert code == "INVALID_ARGUMENT"
    assert details == (f"address: must be 127.0.0.1:PORT, PORT from {ports[0]} to {ports[-1]}")


def test_an_address_is_required(client):
    assert refusal(client.register, "a", address="") == ("INVALID_ARGUMENT", "address: required")


@pytest.mark.parametrize("off", [-1, 10])
def test_a_port_out_of_range_is_refused(client, ports, off):
    code, details = refusal(client.register, "a", ports[0] + off)
    assert code == "INVALID_ARGUMENT" and str(ports[-1]) in details


def test_a_port_is_of_one_extension(client, ports):
    client.register("first", ports[0])
    assert refusal(client.register, "second", ports[0]) == (
        "ALREADY_EXISTS", f'address: port {ports[0]} is the one of extension "first"')
    assert list(client.list()) == ["first"]
    client.deregister("first")
    client.register("second", ports[0])


def test_names_that_differ_by_case_are_two(client, ports):
    client.register("a", ports[0])
    client.register("A", ports[1])
    assert list(client.list()) == ["A", "a"]


def test_the_same_again_changes_nothing_and_another_address_moves(client, ports, database):
    client.register("a", ports[0])
    first = client.list()["a"]
    rows = database.rows("SELECT xmin, ctid FROM registry.extension")
    client.register("a", ports[0])
    assert client.list()["a"] == first
    assert database.rows("SELECT xmin, ctid FROM registry.extension") == rows
    client.register("a", ports[3])
    moved = client.list()["a"]
    assert moved.address == f"127.0.0.1:{ports[3]}"
    assert moved.registered_at.ToNanoseconds() > first.registered_at.ToNanoseconds()
    client.register("b", ports[0])


def test_an_eleventh_is_refused(client, ports):
    for i in range(10):
        client.register(f"e{i}", ports[i])
    assert refusal(client.register, "e10", ports[0]) == (
        "RESOURCE_EXHAUSTED", "name: this host has 10 other extensions, and may have no more")
    client.register("e3", ports[3])
    assert len(client.list()) == 10
    client.deregister("e3")
    client.register("e10", ports[3])


def test_deregistered_is_gone(client, ports, database):
    client.register("a", ports[0])
    answer = client.deregister("a")
    assert answer.HasField("error_info") and answer.error_info.error_type == ""
    assert client.list() == {} and database.rows("SELECT name FROM registry.extension") == []
    assert refusal(client.deregister, "a") == (
        "NOT_FOUND", 'no extension "a" is registered')
    assert refusal(client.deregister, "")[0] == "INVALID_ARGUMENT"


def test_one_port_is_given_once_however_many_ask_at_once(client, ports, database):
    def register(i):
        try:
            client.register(f"n{i}", ports[i % 3])
            return True
        except grpc.RpcError as error:
            assert error.code().name == "ALREADY_EXISTS" and "is the one of" in error.details()
            return False
    with concurrent.futures.ThreadPoolExecutor(24) as pool:
        assert sum(pool.map(register, range(24))) == 3
    assert database.rows("SELECT count(*), count(DISTINCT port) FROM registry.extension") == [
        ["3", "3"]]


def test_there_are_ten_however_many_ask_at_once(database):
    def register(i):
        return (f"SELECT r_refusal FROM registry.register_extension('busy', 'n{i}', {i + 1}, NULL,"
                " 's', '', '', '', '')")
    for i in range(9):
        assert database.rows(register(i)) == [[""]]
    with postgres.Session(database.url) as first, concurrent.futures.ThreadPoolExecutor() as pool:
        first.run("BEGIN; " + register(9) + ";")
        second = pool.submit(database.rows, register(10))
        observe.wait_until(lambda: database.rows(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND wait_event_type = 'Lock'") == [["1"]])
        assert database.rows("SELECT r_refusal FROM registry.register_extension('other', 'n', 1,"
                             " NULL, 's', '', '', '', '')") == [[""]]
        first.run("COMMIT;")
        assert second.result() == [["count"]]
    database.rows("DELETE FROM registry.extension")


def test_who_registered_it_is_in_its_row(client, ports, database):
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    client.stub.RegisterExtension(
        client.m.RegisterExtensionRequest(name="a", address=f"127.0.0.1:{ports[0]}"),
        metadata=(("traceparent", f"00-{trace}-00f067aa0ba902b7-01"),))
    assert database.rows("SELECT host, port, pid, server_node LIKE host || '-%',"
                         " caller_address LIKE '127.0.0.1:%', trace FROM registry.extension") == [
        [socket.gethostname(), str(ports[0]), "", "t", "t", trace]]


def test_rows_stay_when_the_server_ends(database, stubs, client, ports):
    other = programs.Server(database.url, *extensions.option(ports))
    with other.channel() as channel:
        Client(stubs.registry_grpc.RegistryStub(channel), stubs).register("stays", ports[0])
    other.stop()
    other = programs.Server(database.url, *extensions.option(ports))
    with other.channel() as channel:
        found = Client(stubs.registry_grpc.RegistryStub(channel), stubs).list()
    other.stop()
    assert list(found) == ["stays"]


def test_two_servers_of_a_host_share_its_extensions(database, stubs, client, ports):
    with stopped(programs.Server(database.url, *extensions.option(ports))) as other:
        with other.channel() as channel, extensions.Extension(ports[0]) as extension:
            there = Client(stubs.registry_grpc.RegistryStub(channel), stubs)
            client.register("a", ports[0])
            assert list(there.list()) == ["a"]
            observe.wait_until(lambda: there.invoke().extensions)
            assert extension.told()
            assert refusal(there.register, "b", ports[0])[0] == "ALREADY_EXISTS"
            there.deregister("a")
            observe.wait_until(lambda: not client.invoke().extensions)


def test_extensions_of_another_host_are_not_ours(client, ports, database):
    database.rows("INSERT INTO registry.extension SELECT 'elsewhere', 'n' || i, i, NULL, now(), 's',"
                  f" '', '', '', '' FROM generate_series({ports[0]}, {ports[-1]}) i")
    client.register("a", ports[0])
    assert list(client.list()) == ["a"] and len(client.invoke().extensions) == 1
    database.rows("DELETE FROM registry.extension WHERE host = 'elsewhere'")


def test_metrics_count_them(client, ports, server):
    client.register("a", ports[0])
    client.register("b", ports[1])
    assert observe.value(server, "junction_extensions") == 2


def test_the_documents_ports_are_the_default(database, stubs):
    with extensions.default_ports() as ports, stopped(programs.Server(database.url)) as server, \
            server.channel() as channel:
        client = Client(stubs.registry_grpc.RegistryStub(channel), stubs)
        # 8011 is the port of document 002's own sample.
        for port in (8080, 8091, 8011, "08081"):
            assert refusal(client.register, "a", port) == (
                "INVALID_ARGUMENT", "address: must be 127.0.0.1:PORT, PORT from 8081 to 8090")
        for port in ports:
            client.register(f"p{port}", port)
        assert [e.address for e in client.list().values()] == [f"127.0.0.1:{p}" for p in ports]
        client.clear()
        answer = client.register("a", ports[0])
        assert (answer.function_name, answer.function_version, answer.handler) == (
            "junction", "$LATEST", "index.handler")
        client.clear()


@pytest.mark.parametrize("value", ["8081", "8090-8081", "8081-8091", "0-5", "a-b", "65530-65536"])
def test_a_range_that_is_none_is_refused_at_start(database, value):
    with pytest.raises(RuntimeError, match="--extension-ports must be FIRST-LAST"):
        programs.Server(database.url, "--extension-ports", value)


def test_while_postgresql_is_away_nobody_registers_and_invocations_go_on(stubs):
    with extensions.ports() as ports, postgres.Cluster() as cluster:
        programs.migrate(cluster.url())
        with stopped(programs.Server(cluster.url(), *extensions.option(ports))) as server, \
                server.channel() as channel, extensions.Extension(ports[0]) as extension:
            client = Client(stubs.registry_grpc.RegistryStub(channel), stubs)
            client.register("a", ports[0])
            cluster.stop("immediate")
            assert refusal(client.register, "b", ports[1])[0] == "UNAVAILABLE"
            assert len(client.invoke().extensions) == 1 and len(extension.told()) == 1
            cluster.start()
            observe.wait_until(lambda: registers(client, "b", ports[1]))
            observe.wait_until(lambda: postgres.psql(
                cluster.url(), "SELECT outcome FROM registry.invocation") == [["ok"]])


def registers(client, name, port):
    try:
        client.register(name, port)
        return True
    except grpc.RpcError:
        return False
