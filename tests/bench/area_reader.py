"""Tables and ids of ApiReader beside curl straight to the third party; hooks; extensions (area
reader)."""

import contextlib
import json
import os
import sys
import tempfile
import threading
import time

import extensions
import load
import measure
import programs

SIZE = 1 << 30
MIB = 1 << 20
PYTHON = os.path.join(os.path.dirname(os.path.abspath(__file__)), "third_party.py")
UPSTREAM = os.path.join(programs.BUILD, "tests", "bench_upstream")
CLI = os.path.join(programs.BUILD, "bin", "junction")


def resident(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmRSS"))


@contextlib.contextmanager
def grown(pids):
    """The most that each process has grown by meanwhile, in MiB, once it is over."""
    idle = {name: resident(pid) for name, pid in pids.items()}
    most, over = dict.fromkeys(pids, 0), threading.Event()

    def look():
        while not over.wait(0.01):
            for name, pid in pids.items():
                most[name] = max(most[name], resident(pid) - idle[name])
    watcher = threading.Thread(target=look)
    watcher.start()
    yield most
    over.set()
    watcher.join()


def curl(*arguments, size):
    """MiB a second; the transfer must have carried so many bytes and ended well."""
    told = json.loads(load.run("curl", "-sSf", "-o", os.devnull, "-w", "%{json}", *arguments))
    moved = max(told["size_download"], told["size_upload"])
    if moved < size:
        raise RuntimeError(f"curl {arguments}: {moved} bytes of {size}")
    return measure.Sample(size / MIB / told["time_total"], size // MIB)


def junction(*arguments):
    """MiB a second by the command line."""
    began = time.monotonic()
    load.run(CLI, *arguments)
    return measure.Sample(SIZE / MIB / (time.monotonic() - began), SIZE // MIB)


def register(bridge, name, address, services):
    host, port = address.split(":")
    for path, value in [(f"/v1/server/{name}/register", {"host": host, "port": int(port)})] + [
            ("/v1/service/registry", {"server_name": name, "service_name": service, "uri": uri,
                                      "method": method}) for service, uri, method in services]:
        answer = bridge.post(path, value).json()
        assert answer["retcode"] == 0, answer


def compare(bench, name, measured, straight, goal):
    watched = {who: bench.pids[who] for who in ("reader-server", "reader-bridge")}
    with grown(watched) as most:
        row = bench.compare("MiB/s", name, measured, "curl straight to the third party", straight,
                            goal=goal)
    row["notes"].append("CPU us a MiB; resident memory grew by at most " + ", ".join(
        f"{who} {size / MIB:.1f} MiB" for who, size in most.items()))


def measure_transfers(bench, server, bridge, third, table, job):
    """third: (registered name, what it is written in, address); table, job: its paths."""
    name, language, address = third
    base = f"http://{bridge.address}/v1/api_reader/{name}"
    up = f"{base}/upload?requestBody=%7B%7D"
    ours = ("--server", server.address)
    with tempfile.NamedTemporaryFile(prefix="jb-", dir="/dev/shm") as file:
        file.truncate(SIZE)

        def straight_down():
            return curl(f"http://{address}{table}", size=SIZE)

        def straight_up():
            return curl("-F", f"file=@{file.name}", "-H", "Expect:", f"http://{address}{job}",
                        size=SIZE)
        for what, measured, straight, goal in [
                ("download over HTTP",
                 lambda: curl("-X", "POST", f"{base}/download?jobId=1", size=SIZE), straight_down,
                 0.7),
                ("upload over HTTP, size known",
                 lambda: curl("-X", "POST", "-T", file.name, "-H", "Expect:", up, size=SIZE),
                 straight_up, 0.7),
                ("upload over HTTP in parts, hence spooled",
                 lambda: curl("-F", f"file=@{file.name}", "-H", "Expect:", up, size=SIZE),
                 straight_up, None),
                ("download over gRPC",
                 lambda: junction(*ours, "download", name, "1", "--output", os.devnull),
                 straight_down, 0.7),
                ("upload over gRPC", lambda: junction(*ours, "upload", name, file.name), straight_up,
                 0.7)]:
            compare(bench, f"{what}, third party in {language}", measured, straight, goal)


def measure_hook(bench, bridge, upstream):
    body = json.dumps({"src_party_id": "1", "component_list": [], "dataset_list": []})
    for connections in (1, 16):
        row = bench.compare(
            "calls/s", f"hook permission over HTTP, {connections} connections",
            lambda c=connections: load.wrk(bench.seconds, bridge.address, "/v1/auth/permission",
                                           body, c),
            "the third party itself",
            lambda c=connections: load.wrk(bench.seconds, upstream.address, "/code", body, c))
        row["notes"].append(f"added to p50: {row['p50_us'] - row['reference_p50_us']} us")


def measure_invoke(bench, bridge, told):
    for number, extension in enumerate(told):
        answer = bridge.request("POST", "/extension/register", None, {
            "FunctionGraph-Extension-Name": f"bench-{number}",
            "FunctionGraph-Extension-Address": extension.address})
        assert answer.status == 200, answer
    asked = bridge.post("/v1/function/invoke", {}).json()
    assert [e["outcome"] for e in asked["extensions"]] == ["INVOCATION_OUTCOME_OK"] * 10, asked
    for connections in (1, 8):
        bench.compare(
            "calls/s", f"invoke 10 extensions over HTTP, {connections} connections",
            lambda c=connections: load.wrk(bench.seconds, bridge.address, "/v1/function/invoke",
                                           "{}", c),
            "one extension itself",
            lambda c=connections: load.wrk(bench.seconds, told[0].address,
                                           "/extension/invoke", "{}", c))


def measure_reader(bench):
    ports = bench.stack.enter_context(extensions.ports())
    server = bench.keep("reader-server", programs.Server(
        bench.database.url, "--hook-server", "reader", *extensions.option(ports)))
    bridge = bench.keep("reader-bridge", programs.Bridge(server))
    upstream = bench.peer("third party", UPSTREAM)
    python = bench.peer("third party in Python", sys.executable, PYTHON, str(SIZE))
    told = [bench.peer(f"extension {port}", UPSTREAM, str(port)) for port in ports]
    table = f"/table?bytes={SIZE}"
    register(bridge, "reader", upstream.address, [
        ("upload", "/code", "POST"), ("download", table, "POST"), ("permission", "/code", "POST")])
    register(bridge, "python", python.address, [("upload", "/", "POST"), ("download", "/", "GET")])
    measure_transfers(bench, server, bridge, ("python", "Python", python.address), "/", "/")
    measure_transfers(bench, server, bridge, ("reader", "C", upstream.address), table, "/code")
    measure_hook(bench, bridge, upstream)
    measure_invoke(bench, bridge, told)
