"""Calls through the server and through the bridge, beside the upstream itself (area call)."""

import json
import os

import load
import programs
import wire

CALL = "/junction.v1.Registry/Call"
BODY = '{"id":1}'


def measure_call(bench):
    server, bridge = bench.junction
    upstream = bench.peer("upstream", os.path.join(programs.BUILD, "tests", "bench_upstream"))
    host, port = upstream.address.split(":")
    for path, value in (("/v1/server/upstream/register", {"host": host, "port": int(port)}),
                        ("/v1/service/registry", {"server_name": "upstream", "uri": "/echo",
                                                  "service_name": "echo", "method": "POST"})):
        answer = bridge.post(path, value).json()
        assert answer["retcode"] == 0, answer
    call = json.dumps({"service": "upstream", "action": "echo", "body": json.loads(BODY)})
    answer = bridge.request("POST", "/mw/call", call).json()
    assert answer["code"] == "200", answer
    request = wire.message({1: "upstream", 2: "echo", 6: BODY})
    for connections in (1, 16, 100):
        def straight(connections=connections):
            return load.wrk(bench.seconds, upstream.address, "/echo", BODY, connections)

        def over_grpc(connections=connections):
            return load.h2load(bench.seconds, server.address, CALL, request, connections, 1)

        def over_http(connections=connections):
            return load.wrk(bench.seconds, bridge.address, "/mw/call", call, connections)
        for name, measure in (("registry.call", over_grpc), ("bridge registry.call", over_http)):
            row = bench.compare("calls/s", f"{name} {connections} connections", measure,
                                "upstream itself", straight)
            row["notes"].append(f"added to p50: {row['p50_us'] - row['reference_p50_us']} us")
