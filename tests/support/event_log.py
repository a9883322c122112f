"""The log of events as its owner can fill it, without a server: every delivery in any state."""

import json
import uuid


def literal(text):
    return "NULL" if text is None else "'" + text.replace("'", "''") + "'"


class Log:
    def __init__(self, database, space="default"):
        self.database, self.space = database, space

    def value(self, sql):
        return self.database.rows(sql)[0][0]

    def queue(self, group):
        return int(self.value(f"SELECT event.make_queue('{self.space}', {literal(group)})"))

    def subscription(self, group, confirm="auto", window_ms=600000, schedule=None, name=None,
                     target="pull", patterns=("none",), broadcast=False):
        """Gives its id and its queue."""
        identity = str(uuid.uuid4())
        queue = (int(self.value("INSERT INTO event.queue (namespace, group_name, member) VALUES "
                                f"('{self.space}', {literal(group)}, '{identity}') RETURNING id"))
                 if broadcast else self.queue(group))
        columns = {"confirm": literal(confirm), "ack_window_ms": str(window_ms),
                   "target": literal(target), "namespace": literal(self.space), "id": literal(identity),
                   "name": literal(name or identity), "queue_id": str(queue),
                   "patterns": f"'{json.dumps(list(patterns)).replace('[', '{').replace(']', '}')}'"}
        if schedule is not None:
            columns["schedule_ms"] = "'{" + ",".join(map(str, schedule)) + "}'"
        self.database.rows(f"INSERT INTO event.subscription ({', '.join(columns)}) "
                           f"VALUES ({', '.join(columns.values())})")
        return identity, queue

    def publish(self, name, event_id, *queues, data="null", key=None):
        """Gives the position."""
        return int(self.value(
            f"SELECT r_position FROM event.append(ARRAY[{literal(event_id)}], ARRAY[true], "
            "ARRAY[(SELECT value FROM event.revision)], "
            f"ARRAY['{self.space}'], ARRAY[{literal(name)}], ARRAY[{literal(data)}], "
            f"ARRAY[NULL::bytea], ARRAY[NULL::text], ARRAY[{literal(key)}::text], ARRAY[NULL::text], "
            f"ARRAY['{{{','.join(map(str, queues))}}}'], ARRAY['\\x00'::bytea], ARRAY[NULL::text], "
            "ARRAY[NULL::text], ARRAY[NULL::text], ARRAY['test'], ARRAY[NULL::text])"))

    def ask(self, queue, position, subscription=None, holder="test-1", ms=60000):
        """Whether it was granted, the transition's number and the attempt."""
        return self.database.rows(
            f"SELECT r_granted, r_number, r_attempt FROM event.lease(ARRAY[{queue}], "
            f"ARRAY[{position}::bigint], ARRAY['{holder}'], ARRAY[{literal(subscription)}::uuid], "
            f"ARRAY[{ms}::bigint], ARRAY[true], 1000000)")[0]

    def lease(self, *asked, **more):
        """Gives the transition's number and attempt."""
        granted, number, attempt = self.ask(*asked, **more)
        assert granted == "t"
        return int(number), int(attempt)

    def conclude(self, queue, position, leased, outcome, subscription=None, holder="test-1"):
        """How it stands then."""
        return self.value(
            f"SELECT r_state FROM event.conclude(ARRAY[{queue}], ARRAY[{position}::bigint], "
            f"ARRAY[{leased[0]}], ARRAY['{outcome}'::event.state], ARRAY['{holder}'], "
            f"ARRAY[{literal(subscription)}::uuid], ARRAY[{leased[1]}], ARRAY[NULL::bigint], "
            "ARRAY[200], ARRAY['200'], ARRAY[1.5::double precision], ARRAY[NULL::text])")

    def age(self, position, by="1 hour"):
        """As if all that has happened to the event had happened earlier. Servers forget what they knew."""
        self.database.rows(
            f"BEGIN; UPDATE event.transition SET at = at - interval '{by}', "
            f"due = due - interval '{by}' WHERE position = {position};"
            "UPDATE event.queue SET generation = generation + 1 WHERE id IN "
            f"(SELECT queue_id FROM event.delivery WHERE position = {position}); COMMIT")

    def steps(self, position, columns="number, state, attempt", queue=None):
        only = f" AND queue_id = {queue}" if queue else ""
        return self.database.rows(f"SELECT {columns} FROM event.transition "
                                  f"WHERE position = {position}{only} ORDER BY queue_id, number")
