"""Measures Junction as ratios against a limit that is measured in the same run.

usage: bench.py BUILD [AREA] [--json] [--rounds N] [--seconds N]

Areas: rpc (1, 2), register (3), bridge (4); without one, all. Each figure is the median of the
rounds; measurement and reference alternate within a round, so that a drift of the machine hits
both. Beside each: p50 and p99 in microseconds, and the CPU microseconds per call that server, bridge
and PostgreSQL took.
"""

import argparse
import contextlib
import json
import os
import re
import signal
import statistics
import struct
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))


def arguments():
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__.split("\n")[0])
    parser.add_argument("build")
    parser.add_argument("area", nargs="?", choices=["rpc", "register", "bridge"])
    parser.add_argument("--json", action="store_true", help="print a list of objects")
    parser.add_argument("--rounds", type=int, default=3, help="rounds (default 3)")
    parser.add_argument("--seconds", type=int, default=4, help="of each measurement (default 4)")
    return parser.parse_args()


OPTIONS = arguments()
os.environ["JUNCTION_BUILD"] = os.path.abspath(OPTIONS.build)
import postgres  # noqa: E402
import programs  # noqa: E402

TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid):
    """User and system time of a process and of its children, dead or alive (PostgreSQL's)."""
    def one(process):
        with open(f"/proc/{process}/stat", encoding="ascii") as file:
            fields = file.read().rpartition(")")[2].split()
        return sum(map(int, fields[11:15])) / TICKS
    total = one(pid)
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        for child in file.read().split():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                total += one(child)
    return total


class Cpu:
    """CPU time that named processes take while a measurement runs."""

    def __init__(self, pids):
        self.pids = pids

    def __enter__(self):
        self.before = {name: cpu_seconds(pid) for name, pid in self.pids.items()}
        return self

    def __exit__(self, *_):
        self.used = {name: cpu_seconds(pid) - self.before[name] for name, pid in self.pids.items()}

    def per_call(self, calls):
        return {name: round(used * 1e6 / calls, 1) for name, used in self.used.items()}


def percentiles(values):
    values = sorted(values)
    return values[len(values) // 2], values[len(values) * 99 // 100]


def frame(message):
    """A gRPC message as it stands in an HTTP/2 body."""
    return struct.pack(">BI", 0, len(message)) + message


def h2load(address, method, message, clients, streams):
    """gRPC calls of one kind; gives rate, p50 and p99. h2load itself prints no percentiles."""
    with tempfile.TemporaryDirectory(prefix="jb-") as folder:
        body, log = os.path.join(folder, "body"), os.path.join(folder, "log")
        with open(body, "wb") as file:
            file.write(frame(message))
        done = subprocess.run(
            ["h2load", "-t2", f"-c{clients}", f"-m{streams}", f"-D{OPTIONS.seconds}",
             "--warm-up-time=500ms", "-d", body, "--log-file", log, "-H",
             "content-type: application/grpc", "-H", "te: trailers",
             f"http://{address}{method}"], capture_output=True, text=True, check=True)
        with open(log, encoding="ascii") as file:
            rows = [line.split("\t") for line in file]
    if any(row[1] != "200" for row in rows):
        raise RuntimeError("h2load saw an answer other than 200")
    rate = float(re.search(r"finished in .*?, ([\d.]+) req/s", done.stdout).group(1))
    return rate, *percentiles(int(row[2]) for row in rows)


def wrk(address, path, body, connections):
    with tempfile.NamedTemporaryFile("w", suffix=".lua", prefix="jb-") as script:
        script.write(f"wrk.method='POST' wrk.body='{body}'")
        script.flush()
        done = subprocess.run(
            ["wrk", "-t2", f"-c{connections}", f"-d{OPTIONS.seconds}s", "--latency", "-s",
             script.name, f"http://{address}{path}"], capture_output=True, text=True, check=True)
    if "Non-2xx" in done.stdout:
        raise RuntimeError("wrk saw an answer other than 2xx:\n" + done.stdout)

    def latency(percent):
        value, unit = re.search(rf"{percent}%\s+([\d.]+)(us|ms|s)", done.stdout).groups()
        return round(float(value) * {"us": 1, "ms": 1e3, "s": 1e6}[unit])
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", done.stdout).group(1))
    return rate, latency(50), latency(99)


def pgbench(database):
    """Single-row INSERTs of what RegisterServer stores, one transaction each, 64 clients."""
    with tempfile.NamedTemporaryFile("w", suffix=".sql", prefix="jb-") as script:
        script.write("INSERT INTO bench_server (namespace, key, name, host, port, protocol) VALUES "
                     "('default', 'bench-' || gen_random_uuid(), 'bench', '10.20.30.40', 8000, "
                     "'http');\n")
        script.flush()
        done = subprocess.run(
            [postgres.BIN + "pgbench", "-n", "-M", "prepared", "-c64", "-j4",
             f"-T{OPTIONS.seconds}", "-f", script.name, database.url],
            capture_output=True, text=True, check=True)
    rate = float(re.search(r"tps = ([\d.]+)", done.stdout).group(1))
    average = float(re.search(r"latency average = ([\d.]+) ms", done.stdout).group(1))
    return rate, round(average * 1000), None


class Echo(programs.Program):
    """The bare C core echo, started like one of ours."""

    def __init__(self):
        self.name, self.addresses = "bench_echo", []
        self.process = subprocess.Popen(
            [os.path.join(programs.BUILD, "tests", "bench_echo"), "127.0.0.1:0"],
            stdout=subprocess.PIPE, text=True)
        self.wait_ready()
        self.address = self.addresses[0][1]

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()
        self.process.stdout.close()


class Bench:
    """All that runs, and what has been measured."""

    def __init__(self, cluster, database, server, bridge, echo):
        self.cluster, self.database = cluster, database
        self.server, self.bridge, self.echo = server, bridge, echo
        self.rows = []

    def cpu(self):
        return Cpu({"server": self.server.process.pid, "bridge": self.bridge.process.pid,
                    "postgresql": self.cluster.process.pid})

    def compare(self, name, goal, measure, reference_name, reference):
        """Rounds of reference and measurement in turn; the median ratio counts."""
        ratios, rates, references, latencies, cpus = [], [], [], [], []
        for _ in range(OPTIONS.rounds):
            reference_rate = reference()[0]
            with self.cpu() as cpu:
                rate, p50, p99 = measure()
            cpus.append(cpu.per_call(rate * OPTIONS.seconds))
            ratios.append(rate / reference_rate)
            rates.append(rate)
            references.append(reference_rate)
            latencies.append((p50, p99))
        middle = ratios.index(statistics.median_low(ratios))
        self.rows.append({
            "id": name, "value": round(rates[middle]), "unit": "calls/s",
            "reference": round(references[middle]), "reference_id": reference_name,
            "ratio": round(ratios[middle], 2), "goal": goal,
            "ratios": [round(ratio, 2) for ratio in ratios],
            "p50_us": latencies[middle][0], "p99_us": latencies[middle][1],
            "cpu_us_per_call": cpus[middle]})

    def rpc(self):
        def echo():
            return h2load(self.echo.address, "/junction.bench.Echo/Echo", b"\x0a\x04demo", 4, 25)
        self.compare("health.check 4x25", 0.8, lambda: h2load(
            self.server.address, "/grpc.health.v1.Health/Check", b"", 4, 25), "echo 4x25", echo)
        self.compare("registry.get_server 4x25", 0.7, lambda: h2load(
            self.server.address, "/junction.v1.Registry/GetServer", b"\x0a\x04demo", 4, 25),
            "echo 4x25", echo)

    def register(self):
        def measure():
            done = subprocess.run(
                [os.path.join(programs.BUILD, "tests", "bench_register"), self.server.address,
                 str(OPTIONS.seconds), "256"], capture_output=True, text=True, check=True)
            result = json.loads(done.stdout)
            if result["errors"]:
                raise RuntimeError(f"{result['errors']} registrations failed")
            return result["rate"], result["p50_us"], result["p99_us"]
        self.compare("registry.register_server 256 outstanding", 1.0, measure,
                     "pgbench INSERT 64 clients", lambda: pgbench(self.database))

    def bridge_(self):
        self.compare(
            "bridge registry.get_server 100 connections", 0.4,
            lambda: wrk(self.bridge.address, "/v1/server/demo/get", "{}", 100),
            "grpc registry.get_server 100x1", lambda: h2load(
                self.server.address, "/junction.v1.Registry/GetServer", b"\x0a\x04demo", 100, 1))

    def print(self):
        if OPTIONS.json:
            print(json.dumps(self.rows, indent=1))
            return
        for row in self.rows:
            cpu = ", ".join(f"{name} {used}" for name, used in row["cpu_us_per_call"].items())
            verdict = "reached" if row["ratio"] >= row["goal"] else "NOT reached"
            print(f"{row['id']}\n"
                  f"  {row['value']:>8} {row['unit']}, p50 {row['p50_us']} us, p99 {row['p99_us']} us\n"
                  f"  {row['reference']:>8} {row['reference_id']}\n"
                  f"  ratio {row['ratio']} (rounds: {row['ratios']}), goal {row['goal']}: {verdict}\n"
                  f"  CPU us per call: {cpu}")


def main():
    with contextlib.ExitStack() as stack:
        # Room for what is measured: with the defaults a checkpoint falls into every other round.
        cluster = stack.enter_context(postgres.Cluster(
            durable=True, settings="shared_buffers = 1GB\nmax_wal_size = 8GB\n"))
        database = stack.enter_context(postgres.Database(cluster.url()))
        programs.migrate(database.url)
        database.rows("CREATE TABLE bench_server (namespace text, key text, name text NOT NULL, "
                      "host text NOT NULL, port int NOT NULL, protocol text NOT NULL, "
                      "created_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (namespace, key))")
        server = programs.Server(database.url)
        stack.callback(server.stop)
        bridge = programs.Bridge(server)
        stack.callback(bridge.stop)
        echo = Echo()
        stack.callback(echo.stop)
        assert bridge.post("/v1/server/demo/register",
                           {"host": "10.0.0.1", "port": 8000}).json()["retcode"] == 0
        bench = Bench(cluster, database, server, bridge, echo)
        areas = {"rpc": bench.rpc, "register": bench.register, "bridge": bench.bridge_}
        for name, run in areas.items():
            if OPTIONS.area in (None, name):
                run()
        bench.print()


main()
