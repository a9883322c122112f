"""Channels of notices as an administrator sees them, and what PostgreSQL has of them."""

import json
import subprocess

import grpc
import pytest

import key_files
import programs

ROBOT = {"access_token": "token-that-nobody-sees", "secret": "secret-that-nobody-sees"}


class Channels:
    """The RPCs of one server."""

    def __init__(self, stubs, channel, database, *metadata):
        self.m, self.database, self.metadata = stubs.notice, database, list(metadata)
        self.stub = stubs.notice_grpc.NoticeStub(channel)

    def call(self, method, **fields):
        return getattr(self.stub, method)(getattr(self.m, method + "Request")(**fields),
                                          timeout=programs.WAIT, metadata=self.metadata)

    def put(self, channel, **fields):
        return self.call("PutChannel", channel=channel, **fields).channel

    def get(self, channel):
        return self.call("GetChannel", channel=channel).channel

    def list(self, **fields):
        return self.call("ListChannels", **fields)

    def delete(self, channel):
        return self.call("DeleteChannel", channel=channel)

    def refusal(self, method, **fields):
        with pytest.raises(grpc.RpcError) as caught:
            self.call(method, **fields)
        return caught.value.code(), caught.value.details()

    def knows_token(self, token):
        """Whether the server's snapshot has a channel with it."""
        request = self.m.ReportReceiptsRequest(token=token)
        try:
            self.stub.ReportReceipts(iter([request]), timeout=programs.WAIT)
        except grpc.RpcError as error:
            return error.code() != grpc.StatusCode.NOT_FOUND
        return True

    def row(self, channel, space="default"):
        (text,), = self.database.rows("SELECT row_to_json(c) FROM notice.channel AS c"
                                      f" WHERE namespace = '{space}' AND name = '{channel}'")
        return json.loads(text)

    def opened(self, channel, keys, space="default"):
        """Its secrets as who has the keys reads them in the table; None: there are none."""
        row = self.row(channel, space)
        if row["secrets"] is None:
            return None
        return json.loads(key_files.unseal(
            keys.keys[row["secrets_key_id"]], bytes.fromhex(row["secrets"][2:]),
            f"channel {space} {channel}".encode()))

    def revision(self):
        return int(self.database.rows("SELECT value FROM notice.revision")[0][0])

    def audited(self, channel):
        """[(opt_type, content, user, ext)] in order."""
        rows = self.database.rows(
            "SELECT opt_type, content, coalesce(user_name, ''), ext FROM audit.record WHERE namespace ="
            f" 'junction.notice' AND target = 'channel:{channel}' ORDER BY position")
        return [(int(kind), content, user, json.loads(ext)) for kind, content, user, ext in rows]


def dump(database):
    """All that the database holds of notices and the audit, as its owner sees it."""
    return subprocess.run(["pg_dump", "--data-only", "--schema=notice", "--schema=audit", "-d",
                           database.url], check=True, capture_output=True).stdout
