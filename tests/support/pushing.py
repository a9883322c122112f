"""Subscriptions that are pushed to, put in by SQL, and what came of their deliveries."""

import base64
import collections
import itertools
import json
import time

import observe

SECRET = bytes(range(32))
STEP = ("number", "state", "attempt", "status", "code", "reason", "latency", "due_in", "holder",
        "subscription")
Step = collections.namedtuple("Step", STEP)


def whsec(secret):
    return "whsec_" + base64.b64encode(secret).decode()


def literal(value):
    if isinstance(value, bytes):
        return f"'\\x{value.hex()}'"
    if isinstance(value, (list, tuple)):
        return "'{" + ",".join(json.dumps(item) for item in value) + "}'"
    return "'" + str(value).replace("'", "''") + "'"


def wait_known(server):
    """What was committed before about subscriptions is known to the server."""
    begin = time.monotonic()
    observe.wait_until(lambda: time.monotonic() - observe.value(
        server, "junction_event_subscriptions_lag_seconds") > begin)


class Pushing:
    """Events that are published by gRPC; each test has names of its own."""

    numbers = itertools.count(1)

    def __init__(self, database, stub, stubs):
        self.database, self.stub, self.m = database, stub, stubs.event
        self.names = []

    def subscribe(self, to=None, name=None, group=None, secrets=(SECRET,), pattern=None, **columns):
        """to: a receiver or a URL. The events of the subscription "s1" are "s1.…"."""
        name = name or f"s{next(self.numbers)}"
        if to:
            columns.update(target="url", url=to if isinstance(to, str) else to.url("/in"))
        columns.update(name=name, patterns=[pattern or f"{name}.**"], namespace="default")
        listed = "".join(f", {column}" for column in columns)
        values = "".join(f", {literal(value)}" for value in columns.values())
        # Each secret but the first, which is the newest, counts for another hour.
        rows = "".join(
            f"INSERT INTO event.secret SELECT id, {literal(secret)}, now() - {i} * interval '1 hour', "
            f"{'NULL' if i == 0 else 'now() + interval $$1 hour$$'} FROM event.subscription "
            f"WHERE name = {literal(name)};" for i, secret in enumerate(secrets))
        self.database.rows(
            f"BEGIN; INSERT INTO event.subscription (queue_id{listed}) "
            f"VALUES (event.make_queue('default', {literal(group or name)}){values}); {rows} COMMIT;")
        self.names.append(name)
        return name

    def change(self, name, **columns):
        listed = ", ".join(f"{column} = {literal(value)}" for column, value in columns.items())
        self.database.rows(f"UPDATE event.subscription SET {listed} WHERE name = {literal(name)}")

    def end(self):
        """Takes back what was subscribed."""
        if self.names:
            self.database.rows("DELETE FROM event.subscription WHERE name IN ("
                               + ", ".join(map(literal, self.names)) + ")")
        self.names = []

    def publish(self, event, data="null", metadata=(), **fields):
        """Its id."""
        return self.stub.Publish(self.m.PublishRequest(event=event, data=data, **fields),
                                 metadata=metadata, timeout=60).event_id

    def publish_many(self, event, count, **fields):
        requests = [self.m.PublishRequest(event=event, data=str(i), **fields) for i in range(count)]
        answer = self.stub.PublishBatch(self.m.PublishBatchRequest(events=requests), timeout=60)
        assert not [o.error for o in answer.outcomes if not o.published.event_id]
        return [o.published.event_id for o in answer.outcomes]

    def steps(self, event_id, group):
        """All of one delivery, in order; due_in: milliseconds from the step to its due."""
        rows = self.database.rows(
            "SELECT number, t.state, attempt, status, t.code, t.reason, latency_ms, "
            "1000 * extract(epoch FROM due - at), holder, s.name FROM event.transition t "
            "JOIN event.queue q ON q.id = t.queue_id JOIN event.event e ON e.position = t.position "
            "LEFT JOIN event.subscription s ON s.id = t.subscription_id "
            f"WHERE e.event_id = {literal(event_id)} AND q.group_name = {literal(group)} ORDER BY number")
        return [Step(int(r[0]), r[1], int(r[2]), int(r[3]) if r[3] else None, r[4], r[5],
                     float(r[6]) if r[6] else None, float(r[7]) if r[7] else None, r[8], r[9])
                for r in rows]

    def wait_step(self, event_id, group, state):
        """The steps once it stands so."""
        found = []

        def stands():
            found[:] = self.steps(event_id, group)
            return found and found[-1].state == state
        observe.wait_until(stands)
        return found

    def states(self, group):
        """{state: how many deliveries of the group stand so}"""
        rows = self.database.rows(
            "SELECT coalesce(t.state, 'waiting'), count(*) FROM event.delivery d "
            "JOIN event.queue q ON q.id = d.queue_id "
            "LEFT JOIN LATERAL (SELECT x.state FROM event.transition x WHERE x.queue_id = d.queue_id "
            "AND x.position = d.position ORDER BY x.number DESC LIMIT 1) t ON true "
            f"WHERE q.group_name = {literal(group)} GROUP BY 1")
        return {state: int(count) for state, count in rows}

    def wait_states(self, group, **states):
        observe.wait_until(lambda: self.states(group) == states)

    def attempts(self, group):
        """How many attempts have been made in all, as the deliveries say."""
        return int(self.database.rows(
            "SELECT coalesce(sum(n), 0) FROM (SELECT max(attempt) AS n FROM event.transition t "
            "JOIN event.queue q ON q.id = t.queue_id "
            f"WHERE q.group_name = {literal(group)} AND t.state <> 'leased' GROUP BY t.position) x")[0][0])
