"""Events: publishing, delivery by HTTP and by streams, matching (area event)."""

import contextlib
import json
import os

import jetstream
import load
import measure
import npm
import postgres
import programs
import wire

PUBLISH = "/junction.v1.Event/Publish"
NAME = "user.created"
DATA = '{"n":"##########","name":"张伟","note":"%s"}' % ("x" * 60)
EVENT = {1: NAME, 2: DATA}
LOAD = programs.BUILD + "/tests/bench_events"
MATCH = programs.BUILD + "/tests/bench_match"
GRAPHILE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "graphile")
RATES = (10, 1000, 5000)  # events a second
GOAL_US = 2000            # p50 at 1,000 a second
# The same row, as one INSERT writes it.
TABLE = """CREATE SEQUENCE bench_position;
CREATE TABLE bench_event (LIKE event.event INCLUDING CONSTRAINTS INCLUDING INDEXES);"""
INSERT = """INSERT INTO bench_event (position, time, namespace, event_id, name, data, queues, address,
 node, trace_id) SELECT p, date_trunc('milliseconds', clock_timestamp()), 'default',
 gen_random_uuid()::text, '%s', '%s', '{1}', '127.0.0.1:40000', 'host-1795298273426',
 '0af7651916cd43dd8448eb211c80319c' FROM nextval('bench_position') AS p;
""" % (NAME, DATA.replace("#", "1"))


class Flow:
    """A server of its own with so many groups, which get each event by HTTP, by streams, or not at
    all until they ask."""

    def __init__(self, bench, groups, target):
        self.bench, self.groups, self.target = bench, groups, target
        self.database = bench.new_database()
        self.server = bench.keep(f"server of {groups} {target}", programs.Server(self.database.url))
        self.port = programs.free_port()
        events = bench.stubs.event
        with self.server.channel() as channel:
            stub = bench.stubs.event_grpc.EventStub(channel)
            for i in range(groups):
                request = events.RegisterSubscriptionRequest(
                    name=f"bench-{i}", group=f"bench-{i:010}", patterns=["user.*"],
                    concurrency=max(4, min(128, 800 // groups)))
                if target == "http":
                    request.url = f"http://127.0.0.1:{self.port}/{i}"
                elif target == "stream":
                    request.target = events.SUBSCRIPTION_TARGET_STREAM
                stub.RegisterSubscription(request)

    def run(self, rate, outstanding=256):
        """What bench_events tells."""
        subscribe = wire.message({2: "bench-##########", 3: 1, 4: 1000})
        with load.kept(wire.message(EVENT)) as event, load.kept(subscribe) as request:
            where = ["http", str(self.port)] if self.target == "http" else ["stream", request]
            return json.loads(load.run(
                LOAD, self.server.address, event, str(rate), str(self.bench.seconds),
                str(outstanding), str(next(load.FRESH)), str(self.groups), *where))

    def latency(self, rate):
        return latency_of(self.run(rate, 4096))

    def throughput(self):
        told = self.run(0)
        return measure.Sample(told["received_per_s"], told["events"] * self.groups, told["p50_us"],
                              told["p99_us"], told={"events": told["events"]})

    @contextlib.contextmanager
    def held_transaction(self):
        """A transaction that was begun before all that happens meanwhile, and sees nothing of it."""
        with postgres.Session(self.database.url) as session:
            session.run("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT pg_current_xact_id();")
            yield


def latency_of(told):
    return measure.Sample(told["p50_us"], told["events"], p99_us=told["p99_us"],
                          told={"publisher's answer p50 us": told["answer_p50_us"]})


def measure_publishing(bench):
    for groups in (0, 1):
        flow = Flow(bench, groups, "pull")
        flow.database.rows(TABLE)
        bench.compare(
            "events/s", f"event.publish 256 outstanding, {groups} groups",
            lambda f=flow: load.calls(bench.seconds, f.server.address, PUBLISH,
                                      wire.message(EVENT), 256),
            "pgbench INSERT 64 clients",
            lambda f=flow: load.pgbench(bench.seconds, f.database.url, INSERT), goal=1.5)


class Graphile:
    """graphile-worker, which keeps its jobs in PostgreSQL: the same cluster."""

    def __init__(self, bench):
        self.bench = bench
        self.url = bench.new_database().url
        self.copy = bench.stack.enter_context(npm.installed(GRAPHILE))

    def jobs(self, rate, outstanding):
        return json.loads(npm.run(self.copy, "jobs.js", self.url, str(rate),
                                  str(self.bench.seconds), str(outstanding)))


def measure_latency(bench, peer, graphile):
    for target in ("http", "stream"):
        flow = Flow(bench, 1, target)
        for rate in RATES:
            row = bench.compare(
                "us p50", f"event.publish to its receipt by {target}, {rate}/s",
                lambda f=flow, r=rate: f.latency(r),
                "JetStream, durable push consumer",
                lambda r=rate: latency_of(peer.events(r, bench.seconds, 4096)), less=True, goal=None)
            if rate == 1000:
                verdict = "reached" if row["value"] <= GOAL_US else "MISSED"
                row["notes"].append(f"goal p50 {GOAL_US} us: {verdict}")
        bench.compare("us p50", f"event.publish to its receipt by {target}, 100/s",
                      lambda f=flow: f.latency(100), "graphile-worker, job to task",
                      lambda: latency_of(graphile.jobs(100, 4096)), less=True, goal=None)


def measure_throughput(bench, peer, graphile):
    one = Flow(bench, 1, "http")
    bench.compare("deliveries/s", "event deliveries by http, 1 group", one.throughput,
                  "graphile-worker, 256 outstanding", lambda: measure.Sample(
                      graphile.jobs(0, 256)["received_per_s"]), goal=None)
    bench.compare("deliveries/s", "event deliveries by http, 1 group", one.throughput,
                  "JetStream, 256 outstanding", lambda: measure.Sample(
                      peer.events(0, bench.seconds, 256)["received_per_s"]), goal=None)
    bench.compare("deliveries/s", "event deliveries by stream, 1 group",
                  Flow(bench, 1, "stream").throughput, "by http", one.throughput, goal=None)
    for groups in (10, 100):
        bench.compare("deliveries/s", f"event deliveries by http, {groups} groups",
                      Flow(bench, groups, "http").throughput, "1 group", one.throughput, goal=None)

    def held():
        with one.held_transaction():
            return one.throughput()
    bench.compare("deliveries/s", "event deliveries by http, a transaction held open", held,
                  "without it", one.throughput, goal=0.9)


def measure_matching(bench):
    def cost(patterns):
        told = json.loads(load.run(MATCH, str(patterns), str(bench.seconds)))
        return measure.Sample(told["p50_ns"], told={"p99 ns": told["p99_ns"],
                                                    "load ms": told["load_ms"]})
    for patterns in (1000, 10000):
        bench.compare("ns p50", f"event matched against {patterns} patterns",
                      lambda p=patterns: cost(p), "10 patterns", lambda: cost(10), less=True,
                      goal=None)


def measure_event(bench):
    peer = bench.keep("nats-server", jetstream.JetStream(bench.stack))
    graphile = Graphile(bench)
    measure_publishing(bench)
    measure_latency(bench, peer, graphile)
    measure_throughput(bench, peer, graphile)
    measure_matching(bench)
