"""Nodes that renew live on: through kills of the servers and of PostgreSQL. Those that stop go."""

import contextlib
import os
import signal
import subprocess
import threading

import grpc
import pytest

import observe
import postgres
import programs

LEASE = 6.0
BEATS = 6  # in a lease


@pytest.fixture
def cluster():
    with postgres.Cluster() as cluster:
        yield cluster


@pytest.fixture
def database(cluster):
    with programs.Database(cluster.url()) as database:
        yield database


@pytest.fixture
def m(stubs):
    return stubs.registry


def register(registry, m, name, lease=LEASE):
    registry.RegisterNode(m.RegisterNodeRequest(service="faults", node=name, host="h", port=1,
                                                lease_ms=int(lease * 1000)))


def expired(database):
    return {row[0] for row in database.rows(
        "SELECT name FROM registry.change WHERE operation = 'expire'")}


class Client(threading.Thread):
    """Heartbeats at the first server that answers."""

    def __init__(self, stubs, servers, name):
        super().__init__(daemon=True)
        self.m, self.name_of_node = stubs.registry, name
        self.channels = [s.channel() for s in servers]
        self.registries = [stubs.registry_grpc.RegistryStub(c) for c in self.channels]
        self.stopping = threading.Event()
        self.beats, self.not_found = 0, 0

    def beat(self, registry):
        try:
            registry.Heartbeat(self.m.HeartbeatRequest(service="faults", node=self.name_of_node),
                               timeout=LEASE / 3)
            self.beats += 1
            return True
        except grpc.RpcError as error:
            self.not_found += error.code() == grpc.StatusCode.NOT_FOUND
            return False

    def run(self):
        any(self.beat(registry) for registry in self.registries)
        while not self.stopping.wait(LEASE / BEATS):
            any(self.beat(registry) for registry in self.registries)

    def stop(self):
        self.stopping.set()
        self.join()
        for channel in self.channels:
            channel.close()


def test_killing_the_server_that_takes_the_heartbeats_takes_no_node_along(database, stubs, m):
    servers = [programs.Server(database.url) for _ in range(2)]
    clients = [Client(stubs, servers, f"h-{i}") for i in range(10)]
    try:
        with servers[1].channel() as channel:
            registry = stubs.registry_grpc.RegistryStub(channel)
            for client in clients:
                register(registry, m, client.name_of_node)
                client.start()
            observe.wait_until(lambda: all(client.beats > 3 for client in clients))
            servers[0].kill()
            # Who stops now goes later than anybody who would go for the kill.
            register(registry, m, "dead-1")
            observe.wait_until(lambda: expired(database))
            beats = max(client.beats for client in clients)
            observe.wait_until(lambda: all(client.beats > beats + BEATS for client in clients))
            assert expired(database) == {"dead-1"}
            listed = registry.ListNodes(m.ListNodesRequest(service="faults")).nodes
            assert len(listed) == len(clients) and not any(c.not_found for c in clients)
            for client in clients:
                client.stop()
            observe.wait_until(lambda: len(expired(database)) == len(clients) + 1)
    finally:
        servers[0].stop()
        servers[1].stop()


def test_both_servers_away_for_a_while_take_no_node_along(database, stubs, m):
    """What could not renew meanwhile, and is due, gets the time to do so: half a lease."""
    servers = [programs.Server(database.url) for _ in range(2)]
    with servers[0].channel() as channel:
        registry = stubs.registry_grpc.RegistryStub(channel)
        register(registry, m, "h-1", lease=4 * LEASE)
        register(registry, m, "dead-1")
    for server in servers:
        server.kill()
        server.stop()
    # As if they had been away for longer than a lease.
    database.rows("UPDATE registry.lease SET renewed_at = renewed_at - interval '60 seconds'")
    servers = [programs.Server(database.url, wait=False) for _ in range(2)]
    client = Client(stubs, servers[1:], "h-1")
    try:
        servers[1].wait_ready()
        client.start()
        servers[0].wait_ready()
        observe.wait_until(lambda: "dead-1" in expired(database))
        observe.wait_until(lambda: client.beats > 3 * BEATS)
        assert expired(database) == {"dead-1"} and not client.not_found
        client.stop()
    finally:
        for server in servers:
            server.stop()


@pytest.mark.parametrize("how", ["killed", "frozen"])
def test_postgresql_away_for_longer_than_a_lease_takes_no_node_along(cluster, database, stubs, m,
                                                                     how):
    servers = [programs.Server(database.url) for _ in range(2)]
    clients = [Client(stubs, servers[i % 2:], f"h-{i}") for i in range(10)]
    try:
        with servers[1].channel() as channel:
            registry = stubs.registry_grpc.RegistryStub(channel)
            for client in clients:
                register(registry, m, client.name_of_node)
                client.start()
            observe.wait_until(lambda: all(client.beats > 2 for client in clients))
            register(registry, m, "dead-1")
            beats = min(client.beats for client in clients)
            if how == "killed":
                cluster.kill()
            else:
                freeze(cluster, signal.SIGSTOP)
            observe.wait_until(lambda: all(client.beats > beats + 2 * BEATS for client in clients))
            if how == "killed":
                cluster.start()
            else:
                freeze(cluster, signal.SIGCONT)
            observe.wait_until(lambda: expired(database))
            beats = max(client.beats for client in clients)
            observe.wait_until(lambda: all(client.beats > beats + BEATS for client in clients))
            assert expired(database) == {"dead-1"} and not any(c.not_found for c in clients)
            for client in clients:
                client.stop()
            observe.wait_until(lambda: len(expired(database)) == len(clients) + 1)
    finally:
        for server in servers:
            server.stop()


def freeze(cluster, signal_number):
    """All of its processes, as a machine that is suspended does."""
    children = subprocess.run(["pgrep", "-P", str(cluster.process.pid)], check=True,
                              stdout=subprocess.PIPE, text=True).stdout.split()
    for pid in [str(cluster.process.pid), *children]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(pid), signal_number)
