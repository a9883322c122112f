"""Receives the events of a group, confirms each that it has printed, and publishes one, until Enter
is pressed.

    python3 event.py 127.0.0.1:50051 orders

Needs grpcio, and stubs of junction/v1/event.proto by protoc (see README). A server that asks who
calls wants JUNCTION_KEY_FILE to name a key of "junction create-key".
"""

import base64
import json
import os
import sys
import threading
import uuid

import grpc
from junction.v1 import event_pb2 as m
from junction.v1.event_pb2_grpc import EventStub

target, group = sys.argv[1:]
events = EventStub(grpc.insecure_channel(target))
shown = []
if key_file := os.environ.get("JUNCTION_KEY_FILE"):
    with open(key_file, encoding="utf-8") as file:
        key = json.load(file)
    pair = f"{key['accessKeyId']}:{key['secret']}".encode()
    shown = [("authorization", "Basic " + base64.b64encode(pair).decode())]
subscribed = threading.Event()
stopping = threading.Event()


def say(words):
    """One write: two threads print."""
    print(words + "\n", end="", flush=True)


def receive():
    """An event that was not confirmed comes again: what is done with it must bear that."""
    while not stopping.is_set():
        try:
            stream = events.Subscribe(m.SubscribeRequest(group=group, patterns=[f"{group}.*"]),
                                      metadata=shown)
            stream.initial_metadata()  # from now on the group gets what is published
            subscribed.set()
            for event in stream:
                say(f"received {event.event} {event.data}")
                events.Confirm(m.ConfirmRequest(event=event.event, event_id=event.event_id,
                                                group=group), timeout=10, metadata=shown)
        except grpc.RpcError as error:
            say(f"troubled {error.details()}")
            stopping.wait(1)


threading.Thread(target=receive, daemon=True).start()
subscribed.wait()
# Published again with the same id, as it may be after a failure, it is still one event.
published = events.Publish(m.PublishRequest(event=f"{group}.created", event_id=str(uuid.uuid4()),
                                            data=json.dumps({"number": 1})),
                           timeout=10, metadata=shown)
say(f"published {published.event_id}")
sys.stdin.readline()
stopping.set()
