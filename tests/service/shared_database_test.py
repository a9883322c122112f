"""Several writers: one name at once, two servers on one database."""

import concurrent.futures

import pytest

import observe
import programs


@pytest.fixture(scope="module")
def other(database):
    server = programs.Server(database.url)
    yield server
    server.stop()


def test_a_thousand_registrations_of_one_name_leave_one_row(server, other, database, stubs):
    m = stubs.registry
    with server.channel() as one, other.channel() as two:
        stubs_of = [stubs.registry_grpc.RegistryStub(c) for c in (one, two)]
        calls = [stubs_of[i % 2].RegisterServer.future(m.RegisterServerRequest(
            server_name="Same" if i % 3 else "SAME", host="h", port=1 + i)) for i in range(1000)]
        for call in calls:
            call.result()
        assert database.rows("SELECT count(*) FROM registry.service WHERE key = 'same'") == [["1"]]
        assert database.rows("SELECT count(*) FROM registry.node WHERE service_key = 'same'"
                             ) == [["1"]]
        port = int(database.rows("SELECT port FROM registry.node WHERE service_key = 'same'")[0][0])
        for stub in stubs_of:
            observe.wait_until(lambda: stub.GetServer(
                m.GetServerRequest(server_name="same")).data.port == port)


def test_two_servers_see_each_others_registrations(server, other, stubs):
    m = stubs.registry
    with server.channel() as one, other.channel() as two:
        first, second = (stubs.registry_grpc.RegistryStub(c) for c in (one, two))
        for i in range(20):
            writer, reader = (first, second) if i % 2 else (second, first)
            name = f"shared-{i}"
            writer.RegisterServer(m.RegisterServerRequest(server_name=name, host="h", port=1 + i))
            observe.wait_until(lambda: reader.GetServer(
                m.GetServerRequest(server_name=name)).HasField("data"))
            writer.RegisterService(m.RegisterServiceRequest(server_name=name, service_name="s",
                                                            uri="/"))
            observe.wait_until(
                lambda: reader.ListActions(m.ListActionsRequest(service=name)).actions)
            reader.DeleteServer(m.DeleteServerRequest(server_name=name))
            observe.wait_until(lambda: not writer.GetServer(
                m.GetServerRequest(server_name=name)).HasField("data"))


def test_a_caller_reads_what_it_wrote(server, stubs):
    m = stubs.registry
    with server.channel() as channel:
        registry = stubs.registry_grpc.RegistryStub(channel)

        def write_and_read(i):
            name = f"ryw-{i}"
            registry.RegisterServer(m.RegisterServerRequest(server_name=name, host="h", port=1))
            assert registry.GetServer(m.GetServerRequest(server_name=name)).HasField("data")
            registry.DeleteServer(m.DeleteServerRequest(server_name=name))
            assert not registry.GetServer(m.GetServerRequest(server_name=name)).HasField("data")
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            list(pool.map(write_and_read, range(300)))


def test_registrations_pass_a_writer_that_is_held_open(server, other, database, stubs):
    """Position is commit order: while one writer is held open nothing overtakes it, and when it has
    committed nobody has missed it."""
    import subprocess

    import postgres
    m = stubs.registry
    holder = subprocess.Popen([postgres.BIN + "psql", "-XAtq", "-d", database.url],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
    try:
        # Any open transaction of the cluster holds back xmin: it must not hold back the feed.
        holder.stdin.write("BEGIN; SELECT pg_current_xact_id();\n")
        holder.stdin.flush()
        holder.stdout.readline()
        with server.channel() as one, other.channel() as two:
            first, second = (stubs.registry_grpc.RegistryStub(c) for c in (one, two))
            first.RegisterServer(m.RegisterServerRequest(server_name="held", host="h", port=1))
            observe.wait_until(lambda: second.GetServer(
                m.GetServerRequest(server_name="held")).HasField("data"))
    finally:
        holder.stdin.close()
        holder.wait()
