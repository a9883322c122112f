"""Publishing as a foreign client does it, and the rows that it leaves."""

import json

import grpc

import observe
import postgres
import programs

ROW = """
SELECT json_build_object('position', e.position, 'time', event.milliseconds(e.time), 'space', e.namespace,
    'event_id', e.event_id, 'name', e.name, 'data', e.data, 'sealed', encode(e.sealed, 'hex'),
    'key_id', e.key_id, 'key', e.key, 'group', e.group_name, 'queues', e.queues,
    'hashed', e.body_hash IS NOT NULL, 'user', e.user_name, 'application', e.application,
    'address', e.address, 'node', e.node, 'trace_id', e.trace_id,
    'deliveries', (SELECT coalesce(json_agg(json_build_array(d.queue_id, d.key) ORDER BY d.queue_id), '[]')
        FROM event.delivery d WHERE d.position = e.position))
FROM event.event e WHERE {} ORDER BY e.position
"""
# As long as a transaction holds it nothing is published, and no change of subscriptions committed.
HOLD = "BEGIN; SELECT pg_advisory_xact_lock(6024025);"


def rows(database, condition="true"):
    """Events as dictionaries, in the order of the log."""
    return [json.loads(row[0]) for row in database.rows(ROW.format(condition))]


class Publisher:
    """The service Event as a generated client sees it, beside the database of its server."""

    def __init__(self, stubs, channel, database, space=None):
        self.stubs, self.database, self.m = stubs, database, stubs.event
        self.stub = stubs.event_grpc.EventStub(channel)
        self.metadata = [("x-namespace", space)] if space else []

    def request(self, event="user.created", data=None, **fields):
        return self.m.PublishRequest(event=event, data=data, **fields)

    def publish(self, event="user.created", data=None, metadata=(), timeout=programs.WAIT, **fields):
        return self.stub.Publish(self.request(event, data, **fields), timeout=timeout,
                                 metadata=[*self.metadata, *metadata])

    def begin(self, event="user.created", data=None, **fields):
        """The same, not waited for."""
        return self.stub.Publish.future(self.request(event, data, **fields), timeout=programs.WAIT,
                                        metadata=self.metadata)

    def batch(self, requests):
        return self.stub.PublishBatch(self.m.PublishBatchRequest(events=requests),
                                      timeout=programs.WAIT, metadata=self.metadata).outcomes

    def begin_batch(self, requests):
        return self.stub.PublishBatch.future(self.m.PublishBatchRequest(events=requests),
                                             timeout=programs.WAIT, metadata=self.metadata)

    def stream(self, requests):
        return self.stub.PublishStream(iter(requests), timeout=programs.WAIT, metadata=self.metadata)

    def row(self, response):
        """The one that a PublishResponse tells of."""
        found = rows(self.database, f"position = {response.cursor}")
        assert [row["event_id"] for row in found] == [response.event_id]
        return found[0]

    def rows(self, condition="true"):
        return rows(self.database, condition)

    def field_refused(self, status):
        """Field and message of a google.rpc.Status about one field."""
        assert status.code == grpc.StatusCode.INVALID_ARGUMENT.value[0], status
        bad = self.stubs.details.BadRequest()
        assert len(status.details) == 1 and status.details[0].Unpack(bad)
        assert [v.description for v in bad.field_violations] == [status.message]
        return bad.field_violations[0].field, status.message

    def status(self, error):
        """The google.rpc.Status of a failed call."""
        packed = dict(error.trailing_metadata())["grpc-status-details-bin"]
        return self.stubs.status.Status.FromString(packed)


def subscription(name):
    """SQL that makes a group of that name subscribe to events of that name."""
    return (f"INSERT INTO event.queue (namespace, group_name) VALUES ('default', '{name}');"
            "INSERT INTO event.subscription (namespace, name, queue_id, patterns, target) SELECT "
            f"'default', '{name}', q.id, '{{{name}}}', 'pull' FROM event.queue q "
            f"WHERE q.group_name = '{name}'")


def wait_held(database, count=1):
    """Until so many batches wait for who holds the log."""
    observe.wait_until(lambda: len(database.rows(
        "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'advisory' AND query LIKE '%event.append%' "
        "AND datname = current_database()")) >= count)


def change_under(database, publishing, sql):
    """Commits a change of subscriptions after what publishing() begins was matched, and before it is
    in the log. Gives what publishing() gave."""
    with postgres.Session(database.url) as session:
        session.run(HOLD)
        begun = publishing()
        wait_held(database)
        session.run(f"{sql}; COMMIT;")
    return begun


def append(database, ids, bodies, revision="(SELECT value FROM event.revision)", name="appended"):
    """A batch as a server writes it, to nobody: {place from 1: (position, previous, outcome)}. bodies:
    hashes of what is published, hex."""
    nothing = ", ".join(f"array_fill({value}, ARRAY[{len(ids)}])" for value in (
        "NULL::bytea", "NULL::text", "NULL::text", "NULL::text", "'{}'::text"))
    who = ", ".join(f"array_fill({value}, ARRAY[{len(ids)}])" for value in (
        "NULL::text", "NULL::text", "NULL::text", "'test-1'::text", "NULL::text"))
    array = "ARRAY['" + "','".join(ids) + "']"
    hashes = "ARRAY['" + "','".join("\\x" + body for body in bodies) + "']::bytea[]"
    rows = database.rows(
        f"SELECT r_place, r_position, r_previous, r_outcome FROM event.append({array}, "
        f"array_fill(true, ARRAY[{len(ids)}]), array_fill({revision}::bigint, ARRAY[{len(ids)}]), "
        f"array_fill('default'::text, ARRAY[{len(ids)}]), array_fill('{name}'::text, ARRAY[{len(ids)}]), "
        f"array_fill('1'::text, ARRAY[{len(ids)}]), {nothing}, {hashes}, {who})")
    return {int(place): (int(position), int(previous), outcome)
            for place, position, previous, outcome in rows}
