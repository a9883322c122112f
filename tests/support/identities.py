"""Subjects, roles and keys as an administrator changes them through a generated client."""

import json

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

import auditing

KINDS = {"user": 1, "application": 2, "group": 3}
EFFECTS = {"allow": 1, "deny": 2}
NOT_FOUND, INVALID, PRECONDITION = (grpc.StatusCode.NOT_FOUND, grpc.StatusCode.INVALID_ARGUMENT,
                                    grpc.StatusCode.FAILED_PRECONDITION)


def refusal(call, *arguments, **named):
    """Code and text that a call is refused with."""
    with pytest.raises(grpc.RpcError) as caught:
        call(*arguments, **named)
    return caught.value.code(), caught.value.details()


def at(seconds, nanos=0):
    return Timestamp(seconds=seconds, nanos=nanos)


def audited(database, condition="true"):
    """What the audit says of changes: content, target, user, application, and the rows before and
    after, without their times."""
    def plain(rows):
        return rows and [{k: v for k, v in row.items() if not k.endswith("_at")} for row in rows]
    found = auditing.rows(database, f"namespace = 'junction.auth' AND ({condition})")
    shown = [json.loads(row["ext"]) for row in found]
    return [(row["content"], row["target"], row["user"], row["application"],
             plain(ext.get("old")), plain(ext.get("new"))) for row, ext in zip(found, shown)]


class Identities:
    """metadata: of each call."""

    def __init__(self, stubs, channel, *metadata):
        self.m, self.metadata = stubs.auth, metadata
        self.stub = stubs.auth_grpc.AuthStub(channel)

    def call(self, rpc, **fields):
        return getattr(self.stub, rpc)(getattr(self.m, rpc + "Request")(**fields),
                                        metadata=self.metadata, timeout=60)

    def subject(self, kind, name):
        return self.m.Subject(kind=KINDS.get(kind, 0), name=name)

    def put_subject(self, kind, name, **rest):
        return self.call("PutSubject", record=self.m.SubjectRecord(
            subject=self.subject(kind, name), **rest)).record

    def get_subject(self, kind, name):
        return self.call("GetSubject", kind=kind, name=name).record

    def delete_subject(self, kind, name):
        self.call("DeleteSubject", kind=kind, name=name)

    def put_member(self, group, kind, name):
        self.call("PutMember", group=group, member=self.subject(kind, name))

    def delete_member(self, group, kind, name):
        self.call("DeleteMember", group=group, member=self.subject(kind, name))

    def put_role(self, name, *rules, **rest):
        """rules: (effect, service, action, method)."""
        return self.call("PutRole", role=self.m.Role(name=name, rules=[
            self.m.Rule(effect=EFFECTS.get(e, 0), service=s, action=a, method=v)
            for e, s, a, v in rules], **rest)).role

    def get_role(self, name):
        return self.call("GetRole", name=name).role

    def delete_role(self, name):
        self.call("DeleteRole", name=name)

    def grant(self, kind, name, role, **rest):
        return self.m.Grant(subject=self.subject(kind, name), role=role, **rest)

    def put_grant(self, *grant, **rest):
        return self.call("PutGrant", grant=self.grant(*grant, **rest)).grant

    def delete_grant(self, *grant):
        self.call("DeleteGrant", grant=self.grant(*grant))

    def pages(self, rpc, items, **fields):
        """All pages of a list, to the last."""
        token = ""
        while True:
            page = self.call(rpc, page_token=token, **fields)
            yield list(getattr(page, items))
            assert not token or page.next_page_token != token, "the same page again"
            token = page.next_page_token
            if not token:
                return

    def all(self, rpc, items, **fields):
        return [item for page in self.pages(rpc, items, **fields) for item in page]


def names(records):
    return [(record.subject.kind, record.subject.name) for record in records]


def rules(role):
    words = {number: word for word, number in EFFECTS.items()}
    return [(words[r.effect], r.service, r.action, r.method) for r in role.rules]
