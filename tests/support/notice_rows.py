"""Notices as their owner can fill them, without a server: every delivery in any state."""

import itertools
import uuid

COLUMNS = ("notice_ids", "namespaces", "senders", "titles", "messages", "params", "param_names", "templates",
           "channels", "users", "groups", "attachments", "replies", "links", "keys", "hashes", "key_ms",
           "user_names", "applications", "roles", "addresses", "nodes", "trace_ids")
NUMBERS = itertools.count(1)


def literal(value):
    if value is None:
        return "NULL"
    return str(value).lower() if isinstance(value, (bool, int)) else "'" + value.replace("'", "''") + "'"


class Notices:
    def __init__(self, database, space="default"):
        self.database, self.space = database, space

    def value(self, sql):
        return self.database.rows(sql)[0][0]

    def channel(self, name, kind="mail", **columns):
        """Gives its id."""
        given = {"namespace": self.space, "name": name, "kind": kind, "concurrency": 10, "quota": 0,
                 "timeout_ms": 15000, "receipt_token": uuid.uuid4().hex, **columns}
        return int(self.value(f"INSERT INTO notice.channel ({', '.join(given)}) VALUES"
                              f" ({', '.join(map(literal, given.values()))}) RETURNING id"))

    def recipient(self, user, language="", **addresses):
        pairs = ", ".join(f"'{name}', {literal(address)}" for name, address in addresses.items())
        self.database.rows("INSERT INTO notice.recipient (namespace, user_name, addresses, language) VALUES"
                           f" ('{self.space}', {literal(user)}, jsonb_build_object({pairs}), '{language}')"
                           " ON CONFLICT ON CONSTRAINT recipient_pkey DO UPDATE"
                           " SET addresses = excluded.addresses, language = excluded.language")

    def send(self, **given):
        """As notice.send() has it, one alone; gives the notice's id."""
        given = {"notice_ids": str(uuid.uuid4()), "namespaces": self.space, "senders": "shop", "titles": "Hello",
                 "messages": "It is here.", "users": "alice", "attachments": "{}", "replies": False, "links": True,
                 "nodes": "host-1795294140123", "addresses": "10.0.0.7:4711", **given}
        types = {"notice_ids": "uuid", "replies": "boolean", "links": "boolean", "hashes": "bytea",
                 "key_ms": "bigint"}
        columns = ", ".join(f"ARRAY[{literal(given.get(name))}]::{types.get(name, 'text')}[]" for name in COLUMNS)
        outcome, = self.database.rows(f"SELECT r_outcome, r_thing FROM notice.send({columns})")
        assert outcome == ["sent", ""], outcome
        return given["notice_ids"]

    def position(self, notice_id):
        return int(self.value(f"SELECT position FROM notice.notice WHERE notice_id = '{notice_id}'"))

    def deliveries(self, notice_id, columns="position"):
        return self.database.rows(f"SELECT {columns} FROM notice.delivery WHERE notice_position ="
                                  f" {self.position(notice_id)} ORDER BY position")

    def part(self, notice_id, *users, channel_ids):
        """Makes its deliveries to these users still to be made."""
        ids = ",".join("NULL" if i is None else str(i) for i in channel_ids)
        self.database.rows(f"INSERT INTO notice.part (notice_position, number, users, channel_ids) VALUES"
                           f" ({self.position(notice_id)}, {next(NUMBERS)}, '{{{','.join(users)}}}', '{{{ids}}}')")

    def attempt(self, position, state, code=None, text=None, message_id=None, asked=False, latency_ms=25.5,
                node="host-1795294140123"):
        """As an attempt of the engine leaves the delivery."""
        self.database.rows(f"""WITH d AS (UPDATE notice.delivery SET state = '{state}',
                attempts = attempts + 1, at = clock_timestamp(), code = {literal(code)}, text = {literal(text)},
                tries = tries + ({state in ('waiting', 'failed')})::integer,
                message_id = coalesce({literal(message_id)}, message_id),
                due = CASE WHEN '{state}' IN ('waiting', 'sending') THEN clock_timestamp() + interval '30 seconds' END
            WHERE position = {position} RETURNING *)
            INSERT INTO notice.attempt (position, number, at, node, asked, state, latency_ms, message_id, code, text)
            SELECT position, attempts, clock_timestamp(), '{node}', {asked}, '{state}',
                CASE WHEN '{state}' <> 'sending' THEN {latency_ms} END, {literal(message_id)}, {literal(code)},
                {literal(text)} FROM d""")
