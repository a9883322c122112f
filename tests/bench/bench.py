"""Measures Junction as ratios against a limit or a peer that is measured in the same run.

Areas; without one, all:
  rpc       health.Check and Registry.GetServer over gRPC, 4 connections of 25 streams, beside a
            bare C core echo                                           goal: 0.8 and 0.7
  register  Registry.RegisterServer, 256 outstanding, durable, beside pgbench's single-row INSERTs
            by 64 clients                                              goal: 1
            and RegisterNode likewise, beside etcd's Put               no goal
  heartbeat Registry.Heartbeat of 10,000 nodes with leases, 64 and 256 outstanding, beside
            pgbench's UPDATEs of as many rows by 64 clients            goal: 2
  watch     from a change to its receipt by 1 and by 1,000 that watch, beside etcd; a change is
            begun when all have got the one before                     no goal
  call      Registry.Call over gRPC, and over HTTP through the bridge, 1, 16 and 100 connections,
            beside the upstream itself over HTTP                       no goal
  lookup    GetServer, and ListNodes of one service, among 100,000 nodes beside the same among 100
                                                                       no goal; flat is 1
  bridge    GetServer over HTTP, 100 connections, beside the same over gRPC
                                                                       goal: 0.4
  json      JSON to message to JSON, defaults written: megabytes of JSON in, per second of CPU
            time, for a small and a large message, beside C++ protobuf's JsonStringToMessage and
            MessageToJsonString                                        goal: 1
  grpc-gateway
            GetServer over HTTP, 16 and 100 connections, beside grpc-gateway in front of the same
            server; both over TCP, neither with an access log          goal: 2
  gateway   /api/{service}/..., open and authorized, GET of 100 bytes, POST of 1 KiB, 100 KiB and
            2 MiB, 1, 16, 100 and 1,000 connections, beside nginx's proxy_pass to the same upstream
                                                                       goal at 100: 0.6
            and beside moleculer-web in front of a remote service over NATS
                                                                       goal at 100: 3
  reader    ApiReader's Download and Upload of 1 GiB, over HTTP and gRPC, beside curl straight to
            the third party, one in Python and one in C that is never the bottleneck; with the
            memory that server and bridge grow by                      goal: 0.7
            a hook beside its third party itself, and InvokeFunction with 10 extensions beside one
            extension itself                                           no goal
  audit     Audit.Write, 256 outstanding, durable, beside pgbench's single-row INSERTs of the same
            row by 64 clients; how far the index is behind, and its rate      goal: 2
            the same beside libpq alone with batches of 256, and over HTTP, 100 connections
                                                                       no goal
            Find among a million records, p99 of 200 calls of each kind; with --rows among so many
            beside a million                                           goal: 0.5
  auth      Auth.Check in process beside npm casbin, with 10,000 users and 1,000 roles, and ten
            times as many; loading, exchange, grant to effect       no goal; p50 10 and p99 50 us
            the same over gRPC, 4 connections of 25 streams, beside a bare C core echo
                                                                       goal: 0.8
            and beside a prepared join by pgbench, 64 clients          no goal
  event     Event.Publish, 256 outstanding, durable, with no group and one, beside pgbench's
            single-row INSERTs of the same row by 64 clients           goal: 1.5
            from Publish to the receipt by HTTP and by Subscribe at 10, 1,000 and 5,000 events a
            second, beside NATS JetStream; at 100, beside graphile-worker
                                                            no goal; p50 2 ms at 1,000 a second
            deliveries a second to 1, 10 and 100 groups, beside JetStream and graphile-worker
                                                                       no goal
            the same while a transaction is held open, beside without it
                                                                       goal: 0.9
            matching an event against 1,000 and 10,000 patterns beside 10
                                                                       no goal; flat is 1
  notice    deliveries a second that Send accepts, durable, 1, 100 and 1,000 recipients each, beside
            pgbench's single-row INSERTs of the same row by 64 clients  goal: 2
            from Send to the receipt by WatchInbox, beside Send to its answer
                                                                       no goal
            mails a second into a local SMTP sink, 8 connections, beside curl told of all mails at
            once, 1 and 8 at a time                                    no goal
  stream    a million messages of one number by a server stream: gRPC beside a bare C core stream,
            NDJSON and SSE through the bridge beside gRPC              no goal: for orientation

The goal is the least ratio of Junction's figure to the one beside it; of times, where less is
better, the other way round.

Each figure is the round of the median ratio; measurement and reference alternate within a round, so
that a drift of the machine hits both. Beside each, where there is such: p50 and p99, bytes per
second, and the CPU time of each program per call or message.
"""

import argparse
import contextlib
import functools
import json
import os
import signal
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))

AREAS = ["rpc", "register", "heartbeat", "watch", "call", "lookup", "bridge", "json",
         "grpc-gateway", "gateway", "reader", "audit", "auth", "event", "notice", "stream"]


def arguments():
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", help="build folder; ./dev gives it")
    parser.add_argument("area", nargs="?", choices=AREAS)
    parser.add_argument("--json", action="store_true", help="print a list of objects")
    parser.add_argument("--rounds", type=int, default=3, help="rounds (default 3)")
    parser.add_argument("--rows", type=int, default=0,
                        help="audit: a second log of so many records, such as 10000000; says first "
                             "what disk it needs")
    parser.add_argument("--seconds", type=int, default=4,
                        help="of each measurement that has no end of its own (default 4)")
    return parser.parse_args()


OPTIONS = arguments()
os.environ["JUNCTION_BUILD"] = os.path.abspath(OPTIONS.build)
import area_audit  # noqa: E402
import area_auth  # noqa: E402
import area_call  # noqa: E402
import area_calls  # noqa: E402
import area_event  # noqa: E402
import area_gateway  # noqa: E402
import area_grpc_gateway  # noqa: E402
import area_heartbeat  # noqa: E402
import area_json  # noqa: E402
import area_lookup  # noqa: E402
import area_notice  # noqa: E402
import area_reader  # noqa: E402
import area_stream  # noqa: E402
import area_watch  # noqa: E402
import etcd  # noqa: E402
import measure  # noqa: E402
import postgres  # noqa: E402
import programs  # noqa: E402


class Peer(programs.Program):
    """A program to compare with, which knows no orderly end."""

    def __init__(self, path, *options):
        super().__init__(path, *options)
        self.wait_ready()
        self.address = self.addresses[0][1]

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()
        self.process.stdout.close()


class Bench:
    """What areas need, started when it is first asked for, and what they have measured."""

    def __init__(self, stack):
        self.stack = stack
        self.seconds = OPTIONS.seconds
        self.rows_most = OPTIONS.rows
        self.pids = {}
        self.rows = []

    def keep(self, name, program):
        """Counts its CPU time under that name, and stops it in the end."""
        self.stack.callback(program.stop)
        self.pids[name] = program.process.pid
        return program

    def peer(self, name, path, *options):
        return self.keep(name, Peer(path, *options))

    @functools.cached_property
    def cluster(self):
        # Room for what is measured: with the defaults a checkpoint falls into every other round.
        cluster = self.stack.enter_context(postgres.Cluster(
            durable=True, settings="shared_buffers = 1GB\nmax_wal_size = 8GB\n"))
        self.pids["postgresql"] = cluster.process.pid
        return cluster

    def new_database(self):
        database = self.stack.enter_context(postgres.Database(self.cluster.url()))
        programs.migrate(database.url)
        return database

    @functools.cached_property
    def database(self):
        return self.new_database()

    @functools.cached_property
    def stubs(self):
        stubs = programs.Stubs()
        self.stack.callback(stubs.remove)
        return stubs

    @functools.cached_property
    def etcd(self):
        return self.keep("etcd", etcd.Etcd())

    @functools.cached_property
    def junction(self):
        """Server and bridge, which speaks to it over its unix socket; "demo" is registered."""
        server = self.keep("server", programs.Server(self.database.url))
        bridge = self.keep("bridge", programs.Bridge(server))
        answer = bridge.post("/v1/server/demo/register", {"host": "10.0.0.1", "port": 8000}).json()
        assert answer["retcode"] == 0, answer
        return server, bridge

    @property
    def server(self):
        return self.junction[0]

    @property
    def bridge(self):
        return self.junction[1]

    @functools.cached_property
    def trial(self):
        """The same with the service Trial."""
        server = self.keep("trial-server", programs.Server(self.database.url,
                                                           program="trial-server"))
        bridge = self.keep("trial-bridge", programs.Bridge(server, program="trial-bridge"))
        return server, bridge

    @functools.cached_property
    def echo(self):
        return self.peer("echo", os.path.join(programs.BUILD, "tests", "bench_echo"), "127.0.0.1:0")

    def compare(self, *what, goal=None, less=False):
        """Gives the row, so that notes may be added."""
        row = measure.compare(OPTIONS.rounds, self.pids, *what, goal=goal, less=less)
        self.rows.append(row)
        return row


def main():
    runs = {"rpc": area_calls.measure_rpc, "register": area_calls.measure_register,
            "heartbeat": area_heartbeat.measure_heartbeat, "watch": area_watch.measure_watch,
            "call": area_call.measure_call, "lookup": area_lookup.measure_lookup,
            "bridge": area_calls.measure_bridge, "json": area_json.measure_json,
            "grpc-gateway": area_grpc_gateway.measure_grpc_gateway,
            "gateway": area_gateway.measure_gateway, "reader": area_reader.measure_reader,
            "audit": area_audit.measure_audit, "auth": area_auth.measure_auth,
            "event": area_event.measure_event, "notice": area_notice.measure_notice,
            "stream": area_stream.measure_stream}
    with contextlib.ExitStack() as stack:
        bench = Bench(stack)
        for area in [OPTIONS.area] if OPTIONS.area else AREAS:
            print(f"bench: {area}", file=sys.stderr)
            runs[area](bench)
    if OPTIONS.json:
        print(json.dumps(bench.rows, indent=1))
    else:
        measure.print_rows(bench.rows)


main()
