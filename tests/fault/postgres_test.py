"""PostgreSQL away at the start, gone, back; killed under load: nothing acknowledged is lost."""

import threading
import time

import grpc
import pytest

import observe
import postgres
import programs


@pytest.fixture
def cluster():
    with postgres.Cluster(durable=True) as cluster:
        yield cluster


@pytest.fixture
def database(cluster):
    with programs.Database(cluster.url()) as database:
        yield database
        if cluster.process.poll() is not None:
            cluster.start()


def try_register(registry, m, name, timeout=5):
    try:
        registry.RegisterServer(m.RegisterServerRequest(server_name=name, host="h", port=1),
                                timeout=timeout)
        return grpc.StatusCode.OK
    except grpc.RpcError as error:
        return error.code()


def test_away_at_the_start_gone_and_back(cluster, database, stubs):
    m = stubs.registry
    cluster.stop("immediate")
    server = programs.Server(database.url, wait=False)
    bridge = programs.Bridge(server, wait=False)
    try:
        with server.channel() as channel:
            registry = stubs.registry_grpc.RegistryStub(channel)
            assert try_register(registry, m, "early") == grpc.StatusCode.UNAVAILABLE
            with pytest.raises(grpc.RpcError) as caught:
                registry.ListServices(m.ListServicesRequest(), timeout=5)
            assert caught.value.code() == grpc.StatusCode.UNAVAILABLE
            assert bridge.get("/readyz").status == 503
            cluster.start()
            server.wait_ready()
            assert try_register(registry, m, "first") == grpc.StatusCode.OK
            observe.wait_until(lambda: bridge.get("/readyz").status == 200)

            cluster.kill()
            observe.wait_until(lambda: bridge.get("/readyz").status == 503)
            # What is loaded is still answered; what would change it is refused at once.
            assert registry.GetServer(m.GetServerRequest(server_name="first")).data.port == 1
            assert try_register(registry, m, "second") == grpc.StatusCode.UNAVAILABLE
            cluster.start()
            observe.wait_until(lambda: try_register(registry, m, "third") == grpc.StatusCode.OK)
            observe.wait_until(lambda: bridge.get("/readyz").status == 200)
            assert registry.GetServer(m.GetServerRequest(server_name="third")).data.port == 1
    finally:
        bridge.stop()
        server.stop()


def test_a_watch_says_when_the_database_goes_and_comes(cluster, database, stubs):
    h = stubs.health
    server = programs.Server(database.url)
    try:
        with server.channel() as channel:
            health = stubs.health_grpc.HealthStub(channel)
            watches = [health.Watch(h.HealthCheckRequest(service=service))
                       for service in ("", "junction.v1.Registry")]
            assert [next(w).status for w in watches] == [h.HealthCheckResponse.SERVING] * 2
            for _ in range(2):
                cluster.kill()
                assert [next(w).status for w in watches] == [h.HealthCheckResponse.NOT_SERVING] * 2
                cluster.start()
                assert [next(w).status for w in watches] == [h.HealthCheckResponse.SERVING] * 2
            for watch in watches:
                watch.cancel()
    finally:
        server.stop()


class Load(threading.Thread):
    """Registers distinct names until it is stopped; remembers which were acknowledged."""

    def __init__(self, registry, m, prefix):
        super().__init__(daemon=True)
        self.registry, self.m, self.prefix = registry, m, prefix
        self.acknowledged, self.stopping = [], threading.Event()

    def run(self):
        number = 0
        while not self.stopping.is_set():
            name = f"{self.prefix}-{number}"
            number += 1
            if try_register(self.registry, self.m, name) == grpc.StatusCode.OK:
                self.acknowledged.append(name)


def stored(database):
    return {row[0] for row in database.rows("SELECT key FROM registry.service")}


def test_killing_postgresql_under_load_loses_nothing_acknowledged(cluster, database, stubs):
    m = stubs.registry
    server = programs.Server(database.url)
    try:
        with server.channel() as channel:
            registry = stubs.registry_grpc.RegistryStub(channel)
            loads = [Load(registry, m, f"p{i}") for i in range(16)]
            for load in loads:
                load.start()
            for _ in range(3):
                count = sum(len(load.acknowledged) for load in loads)
                observe.wait_until(lambda: sum(len(l.acknowledged) for l in loads) > count + 200)
                cluster.kill()
                cluster.start()
            count = sum(len(load.acknowledged) for load in loads)
            observe.wait_until(lambda: sum(len(l.acknowledged) for l in loads) > count + 200)
            for load in loads:
                load.stopping.set()
            for load in loads:
                load.join()
            there = stored(database)
            for load in loads:
                assert set(load.acknowledged) <= there
            # Nothing was sent twice: each name has at most one entry in the log of changes.
            assert not database.rows("SELECT service_key FROM registry.change "
                                     "GROUP BY service_key HAVING count(*) > 1")
    finally:
        server.stop()


def test_killing_the_server_under_load_loses_nothing_acknowledged(database, stubs):
    m = stubs.registry
    acknowledged = set()
    for round_number in range(3):
        server = programs.Server(database.url)
        with server.channel() as channel:
            registry = stubs.registry_grpc.RegistryStub(channel)
            for name in acknowledged:
                assert registry.GetServer(m.GetServerRequest(server_name=name)).data.port == 1
            loads = [Load(registry, m, f"s{round_number}-{i}") for i in range(16)]
            for load in loads:
                load.start()
            observe.wait_until(lambda: sum(len(l.acknowledged) for l in loads) > 200)
            server.kill()
            for load in loads:
                load.stopping.set()
            for load in loads:
                load.join()
                acknowledged |= set(load.acknowledged)
        server.stop()
        assert acknowledged <= stored(database)


def test_a_server_drains_on_sigterm(database, stubs):
    m = stubs.registry
    with programs.Upstream(lambda request: (time.sleep(1), (200, {}, b"1"))[1]) as slow:
        server = programs.Server(database.url)
        with server.channel() as channel:
            registry = stubs.registry_grpc.RegistryStub(channel)
            registry.RegisterServer(m.RegisterServerRequest(server_name="slow", host="127.0.0.1",
                                                            port=slow.port))
            registry.RegisterService(m.RegisterServiceRequest(server_name="slow",
                                                              service_name="x", uri="/"))
            future = registry.Call.future(m.CallRequest(service="slow", action="x"))
            observe.wait_until(lambda: slow.requests)
            assert server.stop() == 0
            assert future.result().result == "1"
