"""Watchers of two servers that write at once, with random operations, while servers and PostgreSQL
are killed: each sees every change once, in the order of the commits."""

import contextlib
import random
import threading

import grpc
import pytest

import observe
import postgres
import programs
import watching

WATCHERS = 6
WRITERS = 6
SEEDS = (1, 2, 3)


class Writer(threading.Thread):
    """Random operations on few names, now through this server, now through that one."""

    def __init__(self, stubs, place, seed):
        super().__init__(daemon=True)
        self.stubs, self.place, self.random = stubs, place, random.Random(seed)
        self.stopping, self.done = threading.Event(), 0
        self.start()

    def run(self):
        while not self.stopping.is_set():
            server = self.random.choice(self.place.servers)
            with server.channel() as channel:
                registry = self.stubs.registry_grpc.RegistryStub(channel)
                for _ in range(20):
                    with contextlib.suppress(grpc.RpcError):
                        self.operate(registry)
                        self.done += 1
                    if self.stopping.is_set():
                        break

    def operate(self, registry):
        m, pick = self.stubs.registry, self.random
        server, action = f"S{pick.randint(0, 5)}", f"a{pick.randint(0, 3)}"
        node = f"host-{pick.randint(0, 3)}"
        kind, port = pick.randint(0, 11), pick.randint(1, 65535)
        if kind <= 1:
            return registry.RegisterServer(m.RegisterServerRequest(
                server_name=server, host="h", port=port), timeout=10)
        if kind <= 3:
            return registry.RegisterService(m.RegisterServiceRequest(
                server_name=server, service_name=action, uri="/u"), timeout=10)
        if kind <= 6:
            return registry.RegisterNode(m.RegisterNodeRequest(
                service=server, node=node, host="h", port=port, weight=pick.randint(0, 9),
                lease_ms=pick.choice((0, 1000, 3600_000)), metadata='{"n":%d}' % port), timeout=10)
        if kind == 7:
            return registry.UpdateNode(m.UpdateNodeRequest(
                service=server, node=node, enabled=pick.random() < 0.5), timeout=10)
        if kind == 8:
            return registry.DeregisterNode(m.DeregisterNodeRequest(service=server, node=node),
                                           timeout=10)
        if kind == 9:
            return registry.DeleteService(m.DeleteServiceRequest(
                server_name=server, service_name=action), timeout=10)
        if kind == 10:
            return registry.RegisterService(m.RegisterServiceRequest(servers={
                f"B{pick.randint(0, 2)}": m.BulkServer(host="b", port=port, api={
                    f"x{i}": m.BulkService(uri="/x") for i in range(pick.randint(0, 400))})}),
                timeout=10)
        if pick.random() < 0.3:
            return registry.DeleteServer(m.DeleteServerRequest(
                server_name=pick.choice((server, "B0", "B1", "B2"))), timeout=10)
        return self.mark(server.lower(), pick)

    def mark(self, service, pick):
        """As the checks of a server do."""
        with contextlib.suppress(RuntimeError):
            self.place.database.rows(
                "SELECT registry.set_health(array_agg(namespace), array_agg(service_key), "
                "array_agg(key), array_agg(host), array_agg(port), "
                f"array_agg('{pick.choice(('passing', 'failing'))}'), array_agg('because'), "
                f"array_agg(false), 'test') FROM registry.node WHERE service_key = '{service}' "
                "AND expired_at IS NULL HAVING count(*) > 0")

    def stop(self):
        self.stopping.set()
        self.join(programs.WAIT)
        assert not self.is_alive()


class Place:
    """Two servers on one database, with writers and watchers."""

    def __init__(self, stubs, database, seed):
        print("seed", seed)
        self.stubs, self.database = stubs, database
        self.servers = [programs.Server(database.url), programs.Server(database.url)]
        self.writers = [Writer(stubs, self, seed * 100 + i) for i in range(WRITERS)]
        self.watchers = [
            watching.Watcher(stubs, self.servers, seed * 200 + i, restless=i % 2 == 0,
                             service="s1" if i == 2 else "") for i in range(WATCHERS)]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for one in (*self.writers, *self.watchers):
            one.stopping.set()
        for server in self.servers:
            server.stop()

    def done(self):
        return sum(writer.done for writer in self.writers)

    def work(self, more):
        """So many more operations succeed."""
        before = self.done()
        for step in range(100, more + 1, 100):  # slow machines take long for many
            observe.wait_until(lambda step=step: self.done() >= before + step)

    def replace(self, i):
        self.servers[i].kill()
        self.servers[i].process.stdout.close()
        self.servers[i] = programs.Server(self.database.url)

    def finish(self):
        """Writing ends; then every watcher knows what the log and the state say."""
        for writer in self.writers:
            writer.stop()
        # Nothing is left that changes by itself. Each goes in a transaction of its own: one that
        # holds the log's lock and asks for a row meets the servers, who expire nodes, halfway.
        self.database.rows(
            "SELECT format('SELECT registry.deregister_node(%L, %L, %L, %L, %L, %L, %L)', "
            "namespace, service_key, key, '', '', '', '') FROM registry.node "
            "WHERE lease < interval '2 seconds' AND expired_at IS NULL \\gexec")
        for watcher in self.watchers:
            self.compare(watcher)

    def compare(self, watcher):
        follower, service = watcher.follower, watcher.service
        rows = watching.logged_rows(self.database, follower.start, service=service)
        with contextlib.suppress(AssertionError):
            observe.wait_until(lambda: len(follower.rows) >= len(rows) or watcher.failure)
        watcher.stop()
        assert follower.rows == rows
        assert follower.reasons == [""]
        keys = {key for key in watching.stored_keys(self.database)
                if not service or key[1] == service}
        assert follower.state.keys() == keys
        for server in self.servers:
            last = int(follower.cursor.partition(".")[0])
            observe.wait_until(lambda s=server: watching.fresh(self.stubs, s).start >= last)
            snapshot = watching.fresh(self.stubs, server, service)
            assert follower.state.different(snapshot.state) == {}


@pytest.fixture
def database(cluster_url):
    with programs.Database(cluster_url) as database:
        yield database


@pytest.mark.parametrize("seed", SEEDS)
def test_random_writers_on_two_servers(stubs, database, seed):
    with Place(stubs, database, seed) as place:
        place.work(1500)
        place.finish()


def test_servers_are_killed(stubs, database):
    with Place(stubs, database, 11) as place:
        for i in (0, 1, 0):
            place.work(200)
            place.replace(i)
        place.work(200)
        place.finish()


def test_postgresql_is_killed(stubs):
    with postgres.Cluster(durable=True) as cluster, programs.Database(cluster.url()) as database:
        with Place(stubs, database, 12) as place:
            for _ in range(2):
                place.work(200)
                cluster.kill()
                cluster.start()
            place.work(200)
            place.finish()
