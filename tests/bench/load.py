"""The load generators: each call is one measurement, a Sample."""

import json
import os
import re
import struct
import subprocess
import tempfile

from measure import Sample

LONGEST = 120  # seconds of any one measurement


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True,
                          timeout=LONGEST).stdout


def frame(message):
    """A gRPC message as it stands in an HTTP/2 body."""
    return struct.pack(">BI", 0, len(message)) + message


def percentiles(values):
    values = sorted(values)
    return values[len(values) // 2], values[len(values) * 99 // 100]


def h2load(seconds, address, method, message, clients, streams):
    """gRPC calls of one kind. h2load itself prints no percentiles."""
    with tempfile.TemporaryDirectory(prefix="jb-") as folder:
        body, log = os.path.join(folder, "body"), os.path.join(folder, "log")
        with open(body, "wb") as file:
            file.write(frame(message))
        told = run("h2load", "-t2", f"-c{clients}", f"-m{streams}", f"-D{seconds}",
                   "--warm-up-time=500ms", "-d", body, "--log-file", log, "-H",
                   "content-type: application/grpc", "-H", "te: trailers",
                   f"http://{address}{method}")
        with open(log, encoding="ascii") as file:
            rows = [line.split("\t") for line in file]
    if any(row[1] != "200" for row in rows):
        raise RuntimeError("h2load saw an answer other than 200")
    rate = float(re.search(r"finished in .*?, ([\d.]+) req/s", told).group(1))
    return Sample(rate, round(rate * seconds), *percentiles(int(row[2]) for row in rows))


def h2load_stream(address, method, message, count, size):
    """One call, answered by so many messages, which take so many bytes with their heads."""
    with tempfile.NamedTemporaryFile(prefix="jb-") as body:
        body.write(frame(message))
        body.flush()
        told = run("h2load", "-t1", "-c1", "-m1", "-n1", "-d", body.name, "-H",
                   "content-type: application/grpc", "-H", "te: trailers",
                   f"http://{address}{method}")
    if (came := int(re.search(r"\((\d+)\) data", told).group(1))) != size:
        raise RuntimeError(f"{method}: {came} bytes came instead of {size}:\n{told}")
    value, unit = re.search(r"finished in ([\d.]+)(us|ms|s),", told).groups()
    seconds = float(value) * {"us": 1e-6, "ms": 1e-3, "s": 1}[unit]
    return Sample(count / seconds, count, bytes_per_s=round(size / seconds))


def curl_stream(url, accept, count):
    """A stream over HTTP/1.1, answered by so many messages with a member "number"."""
    with tempfile.NamedTemporaryFile(prefix="jb-") as body:
        told = json.loads(run("curl", "-sSf", "-N", "-H", f"Accept: {accept}", "-o", body.name,
                              "-w", "%{json}", url))
        with open(body.name, "rb") as file:
            text = file.read()
    came = text.count(b'"number":')
    if came != count or f'"{count}"'.encode() not in text[-4096:]:
        raise RuntimeError(f"{url}: {came} messages came as {accept} instead of {count}, "
                           f"ending in {text[-200:]}")
    seconds = told["time_total"]
    return Sample(count / seconds, count, bytes_per_s=round(told["size_download"] / seconds))


def wrk(seconds, address, path, body, connections):
    with tempfile.NamedTemporaryFile("w", suffix=".lua", prefix="jb-") as script:
        script.write(f"wrk.method='POST' wrk.body='{body}'")
        script.flush()
        told = run("wrk", "-t2", f"-c{connections}", f"-d{seconds}s", "--latency", "-s",
                   script.name, f"http://{address}{path}")
    if "Non-2xx" in told or "Socket errors" in told:
        raise RuntimeError("wrk saw an answer other than 2xx:\n" + told)

    def latency(percent):
        value, unit = re.search(rf"{percent}%\s+([\d.]+)(us|ms|s)", told).groups()
        return round(float(value) * {"us": 1, "ms": 1e3, "s": 1e6}[unit])
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", told).group(1))
    return Sample(rate, round(rate * seconds), latency(50), latency(99))


def pgbench(seconds, program, url):
    """Single-row INSERTs of what RegisterServer stores, one transaction each, 64 clients."""
    with tempfile.NamedTemporaryFile("w", suffix=".sql", prefix="jb-") as script:
        script.write("INSERT INTO bench_server (namespace, key, name, host, port, protocol) VALUES "
                     "('default', 'bench-' || gen_random_uuid(), 'bench', '10.20.30.40', 8000, "
                     "'http');\n")
        script.flush()
        told = run(program, "-n", "-M", "prepared", "-c64", "-j4", f"-T{seconds}", "-f",
                   script.name, url)
    rate = float(re.search(r"tps = ([\d.]+)", told).group(1))
    average = float(re.search(r"latency average = ([\d.]+) ms", told).group(1))
    return Sample(rate, round(rate * seconds), round(average * 1000))


def registrations(seconds, program, address, outstanding):
    """RegisterServer with a new name in every call: what h2load cannot make."""
    result = json.loads(run(program, address, str(seconds), str(outstanding)))
    if result["errors"]:
        raise RuntimeError(f"{result['errors']} registrations failed")
    return Sample(result["rate"], result["calls"], result["p50_us"], result["p99_us"])


def json_rate(program, path, seconds):
    return Sample(json.loads(run(program, path, str(seconds)))["mb_per_s"])
