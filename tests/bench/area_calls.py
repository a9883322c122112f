"""Unary calls: areas rpc, register and bridge."""

import os

import load
import postgres
import programs

CHECK = "/grpc.health.v1.Health/Check"
GET_SERVER = "/junction.v1.Registry/GetServer"
ECHO = "/junction.bench.Echo/Echo"
DEMO = b"\x0a\x04demo"


def measure_rpc(bench):
    def calls(address, method, message):
        return lambda: load.h2load(bench.seconds, address, method, message, 4, 25)
    echo = calls(bench.echo.address, ECHO, DEMO)
    bench.compare("calls/s", "health.check 4x25", calls(bench.server.address, CHECK, b""),
                  "echo 4x25", echo, goal=0.8)
    bench.compare("calls/s", "registry.get_server 4x25",
                  calls(bench.server.address, GET_SERVER, DEMO), "echo 4x25", echo, goal=0.7)


def measure_register(bench):
    program = os.path.join(programs.BUILD, "tests", "bench_register")
    database, server = bench.database, bench.server
    database.rows(
        "CREATE TABLE bench_server (namespace text, key text, name text NOT NULL, "
        "host text NOT NULL, port int NOT NULL, protocol text NOT NULL, "
        "created_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (namespace, key))")
    bench.compare(
        "calls/s", "registry.register_server 256 outstanding",
        lambda: load.registrations(bench.seconds, program, server.address, 256),
        "pgbench INSERT 64 clients",
        lambda: load.pgbench(bench.seconds, postgres.BIN + "pgbench", database.url), goal=1.0)


def measure_bridge(bench):
    server, bridge = bench.junction
    bench.compare(
        "calls/s", "bridge registry.get_server 100 connections",
        lambda: load.wrk(bench.seconds, bridge.address, "/v1/server/demo/get", "{}", 100),
        "grpc registry.get_server 100x1",
        lambda: load.h2load(bench.seconds, server.address, GET_SERVER, DEMO, 100, 1),
        goal=0.4)
