"""What takes long: many of a thing, many kills. Only by ./dev test --slow."""

import concurrent.futures

import grpc

import observe
import postgres
import programs

MANY = 100_000


def test_a_hundred_thousand_servers_are_loaded_and_listed(database, stubs):
    m = stubs.registry
    server = programs.Server(database.url)
    try:
        with server.channel() as channel:
            registry = stubs.registry_grpc.RegistryStub(channel)
            for start in range(0, MANY, 1000):
                registry.RegisterService(m.RegisterServiceRequest(servers={
                    f"many-{i}": m.BulkServer(host="10.0.0.1", port=1 + i % 60000)
                    for i in range(start, start + 1000)}))
            assert registry.GetServer(m.GetServerRequest(server_name="MANY-99999")).HasField("data")
    finally:
        server.stop()
    server = programs.Server(database.url)  # ready means loaded
    try:
        with server.channel() as channel:
            registry = stubs.registry_grpc.RegistryStub(channel)
            for i in (0, 50_000, 99_999):
                got = registry.GetServer(m.GetServerRequest(server_name=f"many-{i}"))
                assert got.data.port == 1 + i % 60000
    finally:
        server.stop()


def test_many_kills_of_both_lose_nothing_acknowledged(stubs):
    m = stubs.registry
    acknowledged = set()

    def register(registry, name):
        try:
            registry.RegisterServer(m.RegisterServerRequest(server_name=name, host="h", port=1),
                                    timeout=5)
            return name
        except grpc.RpcError:
            return None
    with postgres.Cluster(durable=True) as cluster, programs.Database(cluster.url()) as database:
        for round_number in range(20):
            server = programs.Server(database.url)
            with server.channel() as channel, concurrent.futures.ThreadPoolExecutor(64) as pool:
                registry = stubs.registry_grpc.RegistryStub(channel)
                calls = [pool.submit(register, registry, f"k{round_number}-{i}")
                         for i in range(2000)]
                observe.wait_until(lambda: sum(c.done() for c in calls) > 500)
                if round_number % 2:
                    server.kill()
                else:
                    cluster.kill()
                    cluster.start()
                acknowledged |= {c.result() for c in calls} - {None}
            server.stop()
            there = {row[0] for row in database.rows("SELECT key FROM registry.service")}
            assert acknowledged <= there
        assert len(acknowledged) > 5000
