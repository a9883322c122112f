"""Lookups among many nodes beside few; what loading and keeping them costs (area lookup)."""

import re
import time

import load
import programs
import wire
from area_calls import GET_SERVER, REGISTER_NODE, REGISTER_SERVER

LIST_NODES = "/junction.v1.Registry/ListNodes"
EACH = 10  # nodes of a service, the server's own among them


def service_name(services):
    return "bench-" + "#" * len(str(services - 1))


def register(server, services):
    name = service_name(services)
    load.calls_once(server.address, REGISTER_SERVER,
                    wire.message({1: name, 2: "10.20.30.40", 3: 8000}), services)
    load.calls_once(server.address, REGISTER_NODE, wire.message(
        {1: name, 2: "host-######", 3: "10.20.30.40", 4: 8000}), (EACH - 1) * services)


def resident_mb(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return int(re.search(r"VmRSS:\s+(\d+) kB", file.read()).group(1)) / 1024


def serve(bench, services):
    """A server that was started with so many services, and what that cost."""
    database = bench.new_database()
    first = programs.Server(database.url)
    try:
        register(first, services)
    finally:
        first.stop()
    if database.rows("SELECT count(*) FROM registry.node") != [[str(services * EACH)]]:
        raise RuntimeError("not every node was registered")
    began = time.monotonic()
    server = bench.keep(f"server of {services * EACH}", programs.Server(database.url))
    return server, (f"{services * EACH} nodes: ready after {time.monotonic() - began:.2f} s, "
                    f"{resident_mb(server.process.pid):.0f} MB resident")


def measure_lookup(bench):
    few, many = 10, 10_000
    (few_server, few_note), (many_server, many_note) = (serve(bench, n) for n in (few, many))

    def lookups(server, services, method):
        return lambda: load.calls(bench.seconds, server.address, method,
                                  wire.message({1: service_name(services)}), 100, count=services)
    for name, method in (("get_server", GET_SERVER), ("list_nodes of a service", LIST_NODES)):
        row = bench.compare("calls/s", f"registry.{name} among {many * EACH} nodes",
                            lookups(many_server, many, method), f"among {few * EACH} nodes",
                            lookups(few_server, few, method))
        row["notes"] += [few_note, many_note]
