"""From a change to those that watch, beside etcd (area watch). 100 nodes are registered again and
again, each time with other metadata."""

import etcd
import load
import wire
from area_calls import REGISTER_NODE

WATCH = "/junction.v1.Registry/Watch"
ALL = {1: "watched"}
CHANGE = {1: "watched", 2: "host-##", 3: "10.20.30.40", 4: 8000, 8: '{"change":"##########"}'}
ETCD_ALL = {1: wire.message({1: "watched/", 2: "watched0"})}
ETCD_CHANGE = {1: "watched/host-##",
               2: etcd.NODE.replace('"metadata":{}', '"metadata":{"change":"##########"}')}


def measure_watch(bench):
    server, peer = bench.server, bench.etcd

    def changes(watchers, *what):
        return lambda: load.watch(bench.seconds, what[0], watchers, what[1], wire.message(what[2]),
                                  what[3], what[4], wire.message(what[5]))
    for watchers in (1, 1000):
        bench.compare(
            "us p50", f"registry.watch, {watchers} watching: from a change to its receipt",
            changes(watchers, server.address, WATCH, ALL, "half", REGISTER_NODE, CHANGE),
            f"etcd, {watchers} watching",
            changes(watchers, peer.address, etcd.WATCH, ETCD_ALL, "open", etcd.PUT, ETCD_CHANGE),
            less=True)
