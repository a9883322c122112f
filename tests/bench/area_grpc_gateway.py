"""The bridge beside grpc-gateway, both in front of one server over TCP, neither with an access log
(area grpc-gateway).

grpc-gateway 1.6 and all it needs come from Debian's Go packages; nothing is downloaded. Its
generator knows neither proto3's optional nor a repeated response_body: they are taken out of a copy
of the protos, which changes nothing on the wire, nor in GetServer.
"""

import json
import os
import re
import shutil
import subprocess

import load
import programs

HERE = os.path.dirname(os.path.abspath(__file__))
PROTO = os.path.join(programs.ROOT, "proto")
FOLDER = os.path.join(os.path.abspath(programs.BUILD), "grpc_gateway")
OWN = ["junction/v1/options.proto", "junction/v1/registry.proto"]
# Where these Go packages have them; protobuf's own files name the packages of later ones.
GOOGLE = ",".join(f"Mgoogle/protobuf/{name}.proto=github.com/golang/protobuf/{package}"
                  for name, package in (("descriptor", "protoc-gen-go/descriptor"),
                                        ("timestamp", "ptypes/timestamp")))


def copy_proto(path):
    with open(os.path.join(PROTO, path), encoding="utf-8") as file:
        text = file.read()
    text = re.sub(r"^(\s*)optional ", r"\1", text, flags=re.M)
    text = re.sub(r' response_body: "\w+"', "", text)
    text = re.sub(r"^package junction\.v1;", '\\g<0>\noption go_package = "junction/api;api";', text,
                  flags=re.M)
    copy = os.path.join(FOLDER, "proto", path)
    os.makedirs(os.path.dirname(copy), exist_ok=True)
    with open(copy, "w", encoding="utf-8") as file:
        file.write(text)


def build():
    """The program, all of it below the build folder; Go builds anew only what has changed."""
    source = os.path.join(FOLDER, "src")
    shutil.rmtree(source, ignore_errors=True)
    os.makedirs(os.path.join(source, "bench"))
    environment = dict(os.environ, GO111MODULE="off", GOFLAGS="", GOPROXY="off",
                       GOPATH=FOLDER + ":/usr/share/gocode", GOCACHE=os.path.join(FOLDER, "cache"))

    def run(*command):
        subprocess.run(command, check=True, cwd=FOLDER, env=environment)
    for path in OWN:
        copy_proto(path)
    run("protoc", "-Iproto", f"-I{PROTO}", f"--go_out=plugins=grpc,{GOOGLE}:src",
        f"--grpc-gateway_out={GOOGLE}:src", *OWN)
    shutil.copy(os.path.join(HERE, "grpc_gateway", "main.go"), os.path.join(source, "bench"))
    run("go", "build", "-o", "bench_gateway", "bench")
    return os.path.join(FOLDER, "bench_gateway")


def measure_grpc_gateway(bench):
    gateway = bench.peer("grpc-gateway", build(), bench.server.address)
    bridge = bench.keep("bridge-tcp", programs.Bridge(
        bench.server, "--server", bench.server.address, "--log-level", "warn"))
    path = "/v1/server/demo/get"
    answers = [json.loads(programs.http_request(peer.address, "POST", path, "{}").body)["data"]
               for peer in (bridge, gateway)]
    if answers[0] != answers[1]:
        raise RuntimeError(f"the bridge and grpc-gateway do not answer alike: {answers}")
    for connections in (16, 100):
        def calls(address, connections=connections):
            return lambda: load.wrk(bench.seconds, address, path, "{}", connections)
        bench.compare("calls/s", f"bridge over TCP registry.get_server {connections} connections",
                      calls(bridge.address), "grpc-gateway 1.6", calls(gateway.address), goal=2.0)
