"""Many nodes that come, renew, stop, change and leave at random, at two servers, against a model.

Each node knows when it renewed and what it was told; the log of changes says what became of it. No
node may expire within its lease, nothing else may happen to it than what it did, and who stops
goes.
"""

import random
import threading
import time

import grpc
import pytest

import observe
import programs

LEASE = 3.0  # and so long a server may be held up by the machine, less what lies between two heartbeats
NODES = 24
ACTS = 8


@pytest.fixture(scope="module")
def servers(database):
    servers = [programs.Server(database.url) for _ in range(2)]
    yield servers
    for server in servers:
        server.stop()


@pytest.fixture(scope="module")
def registries(servers, stubs):
    channels = [server.channel() for server in servers]
    yield [stubs.registry_grpc.RegistryStub(channel) for channel in channels]
    for channel in channels:
        channel.close()


class Node(threading.Thread):
    """A node and its model: what it did, and when it renewed (sent, answered; since 1970)."""

    def __init__(self, registries, m, seed, number):
        super().__init__(daemon=True)
        self.registries, self.m = registries, m
        self.random = random.Random(seed * 1000 + number)
        self.service, self.node = f"model{seed}-{number % 5}", f"h-{number}"
        self.wrote, self.renewed, self.missed = [], [], []
        self.lives, self.weight, self.failure = False, 1, None

    def call(self, method, request):
        """The answer, or None for NOT_FOUND."""
        sent = time.time()
        try:
            answer = getattr(self.random.choice(self.registries), method)(request, timeout=30)
        except grpc.RpcError as error:
            assert error.code() == grpc.StatusCode.NOT_FOUND, error
            self.missed.append(time.time())
            self.lives = False
            return None
        if method in ("RegisterNode", "Heartbeat"):
            self.renewed.append((sent, time.time()))
        return answer

    def register(self):
        self.weight = self.random.randrange(100)
        answer = self.call("RegisterNode", self.m.RegisterNodeRequest(
            service=self.service, node=self.node, host="h", port=1, weight=self.weight,
            lease_ms=int(LEASE * 1000)))
        self.wrote.append((answer.revision, "put"))
        self.lives = True

    def renew(self):
        for _ in range(self.random.randrange(1, 6)):
            time.sleep(self.random.uniform(0.05, LEASE / 3))  # its own clock
            if not self.call("Heartbeat",
                             self.m.HeartbeatRequest(service=self.service, node=self.node)):
                return

    def update(self):
        weight = self.random.randrange(100)
        answer = self.call("UpdateNode", self.m.UpdateNodeRequest(
            service=self.service, node=self.node, weight=weight))
        if answer:
            self.weight = weight
            self.wrote.append((answer.revision, "put"))

    def leave(self):
        answer = self.call("DeregisterNode", self.m.DeregisterNodeRequest(
            service=self.service, node=self.node))
        if answer:
            self.wrote.append((answer.revision, "delete"))
            self.lives = False

    def shown(self, registry):
        try:
            listed = registry.ListNodes(self.m.ListNodesRequest(service=self.service)).nodes
        except grpc.RpcError as error:  # the service may have been made at the other one just now
            assert error.code() == grpc.StatusCode.NOT_FOUND, error
            return []
        return [n.weight for n in listed if n.name == self.node]

    def stop_renewing(self):
        observe.wait_until(lambda: not any(self.shown(registry) for registry in self.registries))
        self.lives = False

    def act(self):
        if not self.lives:
            self.register()
            return
        self.random.choices([self.renew, self.update, self.register, self.leave,
                             self.stop_renewing], [8, 3, 1, 2, 2])[0]()

    def run(self):
        try:
            for _ in range(ACTS):
                self.act()
            self.register()
            self.renew()
        except Exception as failure:  # told by the test's own thread
            self.failure = failure

    def last_renewal(self, when):
        return max(sent for sent, answered in self.renewed if answered <= when)

    def check(self, rows):
        """rows: revision, operation, time of all that the log says of it."""
        assert [(r, o) for r, o, _ in rows if o != "expire"] == self.wrote
        for (_, before, _), (_, operation, at) in zip(rows, rows[1:]):
            if operation == "expire":
                assert before == "put" and at >= self.last_renewal(at) + LEASE
        for when in self.missed:
            assert [o for _, o, at in rows if at <= when + 0.001][-1] in ("expire", "delete")


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_nodes_do_as_the_model_says(registries, stubs, database, seed):
    print("seed", seed)
    nodes = [Node(registries, stubs.registry, seed, i) for i in range(NODES)]
    for node in nodes:
        node.start()
    for node in nodes:
        node.join()
    assert [n.failure for n in nodes] == [None] * NODES
    for node in nodes:
        node.stop_renewing()
    for node in nodes:
        node.check([(int(r), o, float(at)) for r, o, at in database.rows(
            "SELECT revision, operation, extract(epoch FROM at) FROM registry.change WHERE "
            f"service_key = '{node.service}' AND kind = 'node' AND name = '{node.node}' "
            "ORDER BY revision")])
    expired = database.rows("SELECT count(*) FROM registry.change WHERE operation = 'expire' "
                            f"AND service_key LIKE 'model{seed}-%'")
    assert int(expired[0][0]) >= NODES  # all that ended by silence, and those on the way
    assert not database.rows("SELECT 1 FROM registry.node WHERE expired_at IS NULL "
                             f"AND service_key LIKE 'model{seed}-%'")
