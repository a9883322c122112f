"""Service configuration files while PostgreSQL is away, and while the server is killed."""

import grpc
import pytest

import postgres
import programs
from configurations import Folder, at, text
from observe import wait_logged, wait_until

FILE = "demo.config.json"


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


@pytest.fixture
def folder():
    with Folder() as folder:
        yield folder


def ports(channel, stubs, service="demo"):
    """Of the service's nodes, as the server shows them."""
    registry = stubs.registry_grpc.RegistryStub(channel)
    try:
        listed = registry.ListNodes(stubs.registry.ListNodesRequest(service=service), timeout=60)
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.NOT_FOUND
        return []
    return sorted(node.port for node in listed.nodes)


def test_what_changes_while_the_database_is_away_is_published_when_it_is_back(
        cluster, database, folder, stubs):
    folder.put(FILE, text(restAPIs=at(1)))
    cluster.stop("immediate")
    server = folder.serve(database, wait=False)
    try:
        wait_logged(server, "service configurations wait for the database")
        cluster.start()
        server.wait_ready()
        with server.channel() as channel:
            assert ports(channel, stubs) == [1]
            cluster.kill()
            folder.put(FILE, text(restAPIs=at(2)))
            folder.put("other.config.json", text("other", restAPIs=at(3)))
            wait_until(lambda: len(server.log_text().split("wait for the database")) == 3)
            assert ports(channel, stubs) == [1]
            cluster.start()
            wait_until(lambda: ports(channel, stubs) == [2])
            wait_until(lambda: ports(channel, stubs, "other") == [3])
    finally:
        server.stop()


def test_a_server_that_is_killed_while_it_publishes_leaves_nothing_half(database, folder, stubs):
    for i in range(8):
        folder.put(f"s{i}.config.json", text(f"s{i}", restAPIs=at(1, 2), events=["a", "b"]))
    for round_ in range(6):
        server = folder.serve(database, wait=False)
        if round_ % 2:
            wait_until(lambda seen=round_: int(database.rows(
                "SELECT count(*) FROM registry.configuration")[0][0]) > seen)
        server.kill()
        # A service is there with all that its file says, or not at all.
        assert database.rows("""
            SELECT s.key FROM registry.service s
            WHERE (SELECT count(*) FROM registry.node n WHERE n.service_key = s.key) <> 2
                OR (SELECT count(*) FROM event.subscription e WHERE e.service = s.name) <> 2
                OR NOT EXISTS (SELECT FROM registry.configuration c WHERE c.service_key = s.key)
            """) == []
    server = folder.serve(database)
    try:
        with server.channel() as channel:
            for i in range(8):
                assert ports(channel, stubs, f"s{i}") == [1, 2]
    finally:
        server.stop()
    assert database.rows("SELECT count(*) FROM registry.node") == [["16"]]
