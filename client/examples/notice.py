"""Sends a notice to users, parted by commas, and prints how it stands with them.

    python3 notice.py 127.0.0.1:50051 alice,bob "Your order has been sent"

Needs grpcio, and stubs of junction/v1/notice.proto by protoc (see README). A server that asks who
calls wants JUNCTION_KEY_FILE to name a key of "junction create-key".
"""

import base64
import json
import os
import sys
import uuid

import grpc
from junction.v1 import notice_pb2 as m
from junction.v1.notice_pb2_grpc import NoticeStub

target, users, message = sys.argv[1:]
notices = NoticeStub(grpc.insecure_channel(target))
shown = []
if key_file := os.environ.get("JUNCTION_KEY_FILE"):
    with open(key_file, encoding="utf-8") as file:
        key = json.load(file)
    pair = f"{key['accessKeyId']}:{key['secret']}".encode()
    shown = [("authorization", "Basic " + base64.b64encode(pair).decode())]

# Sent again with the same key, as it may be after a failure, it is still one notice.
request = m.SendRequest(sender="example", title="Example", message=message, users=users,
                        idempotency_key=str(uuid.uuid4()))
for attempt in range(5):
    try:
        sent = notices.Send(request, timeout=10, metadata=shown)
        break
    except grpc.RpcError as error:
        if attempt == 4 or error.code() not in (grpc.StatusCode.UNAVAILABLE,
                                                grpc.StatusCode.DEADLINE_EXCEEDED):
            raise
print(f"sent {sent.notice_id}")
counts = notices.GetNotice(m.GetNoticeRequest(notice_id=sent.notice_id), timeout=10,
                           metadata=shown).counts
for count in counts:
    state = m.NoticeState.Name(count.state).removeprefix("NOTICE_STATE_").lower()
    print(f"{count.channel} {state} {count.count}")
