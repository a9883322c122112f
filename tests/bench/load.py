"""The load generators: each call is one measurement, a Sample."""

import contextlib
import itertools
import json
import os
import re
import struct
import subprocess
import tempfile

import postgres
import programs
from measure import Sample

LONGEST = 120  # seconds of any one measurement
CALLS = os.path.join(programs.BUILD, "tests", "bench_calls")
WATCH = os.path.join(programs.BUILD, "tests", "bench_watch")
FRESH = itertools.count(10**9, 10**7)  # numbers of 10 digits; no measurement takes more


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=LONGEST)
    if done.returncode:
        raise RuntimeError(f"{command[0]} ended with {done.returncode}: {done.stderr[-2000:]}")
    return done.stdout


@contextlib.contextmanager
def kept(content):
    """The name of a file that holds it."""
    with tempfile.NamedTemporaryFile(prefix="jb-") as file:
        file.write(content)
        file.flush()
        yield file.name


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
        told = run("h2load", f"-t{min(2, clients)}", f"-c{clients}", f"-m{streams}", f"-D{seconds}",
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
    with kept(frame(message)) as body:
        told = run("h2load", "-t1", "-c1", "-m1", "-n1", "-d", body, "-H",
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
    return _wrk(seconds, address, path, f"wrk.method='POST' wrk.body='{body}'", connections)


def wrk_sized(seconds, address, path, size, connections, authorization):
    """GET, or POST of a JSON text of that size."""
    script = "wrk.headers['Content-Type']='application/json' "
    if size:
        script += f"""wrk.method='POST' wrk.body='{{"data":"'..string.rep('x',{size - 11})..'"}}' """
    if authorization:
        script += f"wrk.headers['Authorization']='{authorization}'"
    return _wrk(seconds, address, path, script, connections)


def _wrk(seconds, address, path, text, connections):
    with tempfile.NamedTemporaryFile("w", suffix=".lua", prefix="jb-") as script:
        script.write(text)
        script.flush()
        # What is slow is in the latencies, not an error.
        told = run("wrk", f"-t{min(2, connections)}", f"-c{connections}", f"-d{seconds}s",
                   "--timeout", "60s", "--latency", "-s", script.name, f"http://{address}{path}")
    if "Non-2xx" in told or "Socket errors" in told:
        raise RuntimeError("wrk saw an answer other than 2xx:\n" + told)

    def latency(percent):
        value, unit = re.search(rf"{percent}%\s+([\d.]+)(us|ms|s)", told).groups()
        return round(float(value) * {"us": 1, "ms": 1e3, "s": 1e6}[unit])
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", told).group(1))
    return Sample(rate, round(rate * seconds), latency(50), latency(99))


def pgbench(seconds, url, script):
    """One transaction at a time by each of 64 clients."""
    with kept(script.encode()) as name:
        told = run(postgres.BIN + "pgbench", "-n", "-M", "prepared", "-c64", "-j4", f"-T{seconds}",
                   "-f", name, url)
    rate = float(re.search(r"tps = ([\d.]+)", told).group(1))
    average = float(re.search(r"latency average = ([\d.]+) ms", told).group(1))
    return Sample(rate, round(rate * seconds), round(average * 1000))


def _calls(address, method, message, outstanding, *, seconds, first, count):
    with kept(message) as name:
        result = json.loads(run(CALLS, address, method, name, str(outstanding), str(seconds),
                                str(first), str(count)))
    if result["errors"]:
        raise RuntimeError(f"{result['errors']} of the calls of {method} failed")
    return Sample(result["rate"], result["calls"], result["p50_us"], result["p99_us"])


def calls(seconds, address, method, message, outstanding, count=0):
    """Calls with a request of its own in each, made of a pattern (wire.py): of numbers never used
    before, or of those below count, again and again."""
    return _calls(address, method, message, outstanding, seconds=seconds,
                  first=0 if count else next(FRESH), count=count)


def calls_once(address, method, message, count):
    """Calls for each number below count."""
    return _calls(address, method, message, 256, seconds=0, first=0, count=count)


def watch(seconds, address, watchers, watch_method, watch_message, side, method, message):
    """From a change to those that watch; side: what becomes of the client's side (watch_load.c)."""
    with kept(watch_message) as watch_name, kept(message) as name:
        result = json.loads(run(WATCH, address, str(watchers), str(seconds), str(next(FRESH)),
                                watch_method, watch_name, side, method, name))
    told = {key: value for key, value in result.items() if key not in ("p50_us", "p99_us")}
    return Sample(result["p50_us"], result["changes"], p99_us=result["p99_us"], told=told)


def json_rate(program, path, seconds):
    return Sample(json.loads(run(program, path, str(seconds)))["mb_per_s"])
