"""A thousand nodes of a service that come and go under load."""

import threading

import gateways
import programs
from gateway_load import Load, Node
from observe import is_plain, rss, wait_until

NODES = 1000
ROUNDS = 5


def flap(registry, stubs, mine, ended):
    """Off and on again, all of mine, in turn, until it has ended; how often that was, each time."""
    done = 0
    while not ended.is_set():
        for i in mine:
            registry.UpdateNode(stubs.registry.UpdateNodeRequest(
                service="flapping", node=f"n{i}-1", enabled=bool(done % 2)), timeout=60)
        done += 1
        yield done


def test_a_thousand_nodes_flap_under_load(server, registry, stubs):
    with Node() as node:
        bridge = programs.Bridge(server, "--access-log", "errors")
        gateways.register(registry, stubs, "flapping", *[node.port] * NODES)
        wait_until(lambda: gateways.get(bridge, "/api/flapping/")[0] == 200)
        rounds, sizes, ended = [], [], threading.Event()

        def run(first):
            for done in flap(registry, stubs, range(1 + first, NODES, 8), ended):
                rounds.append(done)
        threads = [threading.Thread(target=run, args=(i,)) for i in range(8)]
        with Load(bridge, "/api/flapping/") as load:
            for thread in threads:
                thread.start()
            for i in range(1, ROUNDS + 1):
                wait_until(lambda i=i: len(rounds) >= 8 * i)
                wait_until(load.more(100))
                sizes.append(rss(bridge))
            ended.set()
            for thread in threads:
                thread.join()
        assert load.bad == []
        if is_plain(bridge):
            assert sizes[-1] < sizes[0] + (16 << 20), sizes
        bridge.stop()
