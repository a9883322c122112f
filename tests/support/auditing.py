"""What tests of the audit log share: writes as a foreign client makes them, and the rows they leave."""

import json

import grpc

ROW = """
SELECT json_build_object('id', id, 'time', audit.milliseconds(time), 'position', position,
    'batch', batch, 'event_time', audit.milliseconds(event_time), 'opt_type', opt_type,
    'result_type', result_type, 'severity', severity, 'namespace', namespace,
    'source_node', source_node, 'content', content, 'target', target, 'user', user_name,
    'application', application, 'roles', roles, 'address', address, 'node', node,
    'trace_id', trace_id, 'ext', ext::text)
FROM audit.record WHERE {} ORDER BY time, position
"""


def request(m, content="pump 3 started", **fields):
    """A good WriteRequest; a field given as None is left out."""
    given = {"opt_type": 1, "result_type": 0, "content": content, "source_node": "plc-7",
             "namespace": "plant", "severity": "info", **fields}
    return m.WriteRequest(**{name: value for name, value in given.items() if value is not None})


def rows(database, condition="true"):
    """Records as dictionaries, in their order; ext as text."""
    return [json.loads(row[0]) for row in database.rows(ROW.format(condition))]


def code_of(call, *arguments, **named):
    """The code that a call ends with."""
    try:
        call(*arguments, **named)
        return grpc.StatusCode.OK
    except grpc.RpcError as error:
        return error.code()


class Log:
    """The service Audit as a generated client sees it, beside the database of its server."""

    def __init__(self, stubs, channel, database):
        self.stubs, self.database, self.m = stubs, database, stubs.audit
        self.stub = stubs.audit_grpc.AuditStub(channel)

    def request(self, *content, **fields):
        return request(self.m, *content, **fields)

    def write(self, *content, metadata=(), **fields):
        """Gives the WriteResult."""
        response = self.stub.Write(self.request(*content, **fields), metadata=metadata)
        assert len(response.results) == 1
        return response.results[0]

    def write_batch(self, records):
        return self.stub.WriteBatch(self.m.WriteBatchRequest(records=records)).outcomes

    def row(self, result):
        """The one that a WriteResult tells of."""
        found = rows(self.database, f"id = '{result.id}'")
        assert len(found) == 1
        assert found[0]["time"] == result.time
        return found[0]

    def rows(self, condition="true"):
        return rows(self.database, condition)

    def field_refused(self, status):
        """Field and message of a google.rpc.Status about one field."""
        assert status.code == grpc.StatusCode.INVALID_ARGUMENT.value[0]
        bad = self.stubs.details.BadRequest()
        assert len(status.details) == 1 and status.details[0].Unpack(bad)
        assert [v.description for v in bad.field_violations] == [status.message]
        return bad.field_violations[0].field, status.message

    def status(self, error):
        """The google.rpc.Status of a failed call."""
        packed = dict(error.trailing_metadata())["grpc-status-details-bin"]
        return self.stubs.status.Status.FromString(packed)
