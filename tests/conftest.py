"""Fixtures: the real programs, one set for each test file. ./dev test starts them."""

import os
import sys

import pytest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "support"))

import postgres  # noqa: E402
import programs  # noqa: E402


@pytest.fixture(scope="session")
def cluster_url():
    """The PostgreSQL that all test files share; one of our own if there is none."""
    shared = os.environ.get("JUNCTION_TEST_DATABASE_CLUSTER")
    if shared:
        yield shared
        return
    with postgres.Cluster() as cluster:
        yield cluster.url()


@pytest.fixture(scope="module")
def database(cluster_url):
    with programs.Database(cluster_url) as database:
        # Servers would make it while tests look at what there is; logins.py has those that do.
        database.rows("INSERT INTO auth.first_start DEFAULT VALUES")
        yield database


@pytest.fixture(scope="module")
def server(database):
    server = programs.Server(database.url)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def trial_server(database):
    server = programs.Server(database.url, program="trial-server")
    yield server
    server.stop()


@pytest.fixture(scope="module")
def trial_bridge(trial_server):
    bridge = programs.Bridge(trial_server, program="trial-bridge")
    yield bridge
    bridge.stop()


@pytest.fixture(scope="module")
def trial(trial_server, stubs):
    """The service Trial as a generated Python client sees it."""
    with trial_server.channel() as channel:
        yield stubs.trial_grpc.TrialStub(channel)


@pytest.fixture(scope="module")
def bridge(server):
    bridge = programs.Bridge(server)
    yield bridge
    bridge.stop()


@pytest.fixture(scope="session")
def stubs():
    stubs = programs.Stubs()
    yield stubs
    stubs.remove()


@pytest.fixture(scope="module")
def channel(server):
    with server.channel() as channel:
        yield channel


@pytest.fixture(scope="module")
def registry(channel, stubs):
    """The registry as a generated Python client sees it."""
    return stubs.registry_grpc.RegistryStub(channel)
