"""Unary calls: areas rpc, register and bridge."""

import load
import wire
from etcd import NODE as ETCD_NODE, PUT

CHECK = "/grpc.health.v1.Health/Check"
GET_SERVER = "/junction.v1.Registry/GetServer"
REGISTER_SERVER = "/junction.v1.Registry/RegisterServer"
REGISTER_NODE = "/junction.v1.Registry/RegisterNode"
ECHO = "/junction.bench.Echo/Echo"
DEMO = wire.message({1: "demo"})
# What RegisterServer stores, in one row.
INSERT = """INSERT INTO bench_server (namespace, key, name, host, port, protocol) VALUES
 ('default', 'bench-' || gen_random_uuid(), 'bench', '10.20.30.40', 8000, 'http');
"""


def measure_rpc(bench):
    def calls(address, method, message):
        return lambda: load.h2load(bench.seconds, address, method, message, 4, 25)
    echo = calls(bench.echo.address, ECHO, DEMO)
    bench.compare("calls/s", "health.check 4x25", calls(bench.server.address, CHECK, b""),
                  "echo 4x25", echo, goal=0.8)
    bench.compare("calls/s", "registry.get_server 4x25",
                  calls(bench.server.address, GET_SERVER, DEMO), "echo 4x25", echo, goal=0.7)


def measure_register(bench):
    server, etcd = bench.server, bench.etcd

    def calls(address, method, message):
        return lambda: load.calls(bench.seconds, address, method, wire.message(message), 256)
    bench.database.rows(
        "CREATE TABLE bench_server (namespace text, key text, name text NOT NULL, "
        "host text NOT NULL, port int NOT NULL, protocol text NOT NULL, "
        "created_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (namespace, key))")
    bench.compare(
        "calls/s", "registry.register_server 256 outstanding",
        calls(server.address, REGISTER_SERVER, {1: "bench-##########", 2: "10.20.30.40", 3: 8000}),
        "pgbench INSERT 64 clients",
        lambda: load.pgbench(bench.seconds, bench.database.url, INSERT), goal=1.0)
    bench.compare(
        "calls/s", "registry.register_node 256 outstanding",
        calls(server.address, REGISTER_NODE,
              {1: "bench-####", 2: "host-##########", 3: "10.20.30.40", 4: 8000}),
        "etcd put 256 outstanding",
        calls(etcd.address, PUT, {1: "bench-####/host-##########", 2: ETCD_NODE}))


def measure_bridge(bench):
    server, bridge = bench.junction
    bench.compare(
        "calls/s", "bridge registry.get_server 100 connections",
        lambda: load.wrk(bench.seconds, bridge.address, "/v1/server/demo/get", "{}", 100),
        "grpc registry.get_server 100x1",
        lambda: load.h2load(bench.seconds, server.address, GET_SERVER, DEMO, 100, 1),
        goal=0.4)
