"""JSON to message to JSON, beside C++ protobuf (area json)."""

import json
import os
import tempfile

import documents
import load
import programs

OURS = os.path.join(programs.BUILD, "tests", "bench_json")
PEER = os.path.join(programs.BUILD, "tests", "bench_json_cpp")


def check_same(path):
    """Both must give back the same values, however written."""
    ours, peer = (json.loads(load.run(program, path)) for program in (OURS, PEER))
    if ours != peer:
        raise RuntimeError(f"{OURS} and {PEER} make different JSON of {path}")


def measure_json(bench):
    if not os.path.exists(PEER):
        raise RuntimeError("the C++ peer was not built: it takes g++, libprotobuf-dev and the "
                           "release build")
    with tempfile.TemporaryDirectory(prefix="jb-") as folder:
        for name, text in (("small", documents.small()), ("large", documents.large())):
            path = os.path.join(folder, name + ".json")
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
            check_same(path)
            bench.compare("MB/s", f"json {name} ({os.path.getsize(path)} bytes)",
                          lambda path=path: load.json_rate(OURS, path, bench.seconds),
                          "C++ protobuf",
                          lambda path=path: load.json_rate(PEER, path, bench.seconds), goal=1.0)
