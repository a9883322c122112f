"""Keeps a node of a service registered and shows what changes, until Enter is pressed.

    python3 node.py 127.0.0.1:50051 demo 8080

Needs grpcio, and stubs of junction/v1/registry.proto by protoc (see README). A server that asks who
calls wants JUNCTION_KEY_FILE to name a key of "junction create-key".
"""

import base64
import json
import os
import socket
import sys
import threading
import time

import grpc
from junction.v1 import registry_pb2 as m
from junction.v1.registry_pb2_grpc import RegistryStub

target, service, port = sys.argv[1:]
registry = RegistryStub(grpc.insecure_channel(target))
shown = []
if key_file := os.environ.get("JUNCTION_KEY_FILE"):
    with open(key_file, encoding="utf-8") as file:
        key = json.load(file)
    pair = f"{key['accessKeyId']}:{key['secret']}".encode()
    shown = [("authorization", "Basic " + base64.b64encode(pair).decode())]
node = f"{socket.gethostname()}-{time.time_ns() // 1000}"
lease_ms = 10000
stopping = threading.Event()


def say(words):
    """One write: two threads print."""
    print(words + "\n", end="", flush=True)


def keep():
    registered, pause = False, 0
    while not stopping.wait(pause):
        pause = lease_ms / 3000
        try:
            if registered:
                registry.Heartbeat(m.HeartbeatRequest(service=service, node=node), timeout=pause,
                                   metadata=shown)
            else:
                registry.RegisterNode(m.RegisterNodeRequest(
                    service=service, node=node, host="127.0.0.1", port=int(port),
                    lease_ms=lease_ms), timeout=10, metadata=shown)
                registered = True
                say(f"registered {node}")
        except grpc.RpcError as error:
            say(f"troubled {error.details()}")
            registered = registered and error.code() != grpc.StatusCode.NOT_FOUND
            pause = 1 if registered else 0.1


def watch():
    cursor = ""
    while not stopping.is_set():
        try:
            for message in registry.Watch(m.WatchRequest(after=cursor), metadata=shown):
                cursor = message.cursor
                for change in message.changes:
                    say(f"change of {change.service}")
        except grpc.RpcError:
            stopping.wait(1)


keeper = threading.Thread(target=keep)
keeper.start()
threading.Thread(target=watch, daemon=True).start()
sys.stdin.readline()
stopping.set()
keeper.join()
registry.DeregisterNode(m.DeregisterNodeRequest(service=service, node=node), timeout=5,
                        metadata=shown)
