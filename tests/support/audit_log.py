"""Rows of the audit log as tests make them, and Find as they ask it."""

import json
import uuid

import observe

COLUMNS = {  # of what a test gives for a row: how audit.append takes it
    "id": "uuid", "eventTime": "timestamptz", "optType": "integer", "resultType": "integer",
    "severity": "audit.severity", "namespace": "text", "sourceNode": "text", "content": "text",
    "target": "text", "user": "text", "application": "text", "roles": "text", "address": "text",
    "node": "text", "traceId": "text", "ext": "json"}
DEFAULTS = {"optType": 1, "resultType": 0, "severity": "info", "namespace": "n", "sourceNode": "s",
            "content": "c", "node": "test-1"}
# As long as a session holds it no server indexes; in that session audit.index_next still does.
HOLD_INDEX = "SELECT pg_advisory_lock(6024019);"

APPEND_ONE = """
SELECT r_outcome FROM audit.append(ARRAY[gen_random_uuid()], ARRAY[NULL]::timestamptz[], '{1}', '{0}',
    '{info}', '{n}', '{s}', '{c}', ARRAY[NULL], ARRAY[NULL], ARRAY[NULL], ARRAY[NULL], ARRAY[NULL], '{n}',
    ARRAY[NULL], ARRAY[NULL]::json[], ARRAY[NULL], ARRAY[NULL]::bytea[], ARRAY[NULL]::bigint[])"""


def _element(column, value):
    if value is not None and column == "eventTime":
        return f"timestamptz 'epoch' + {value} * interval '1 millisecond'"
    if value is not None and column == "roles":
        value = "{" + ",".join(json.dumps(v, ensure_ascii=False) for v in value) + "}"
    return "NULL" if value is None else "'" + str(value).replace("'", "''") + "'"


def append(database, rows):
    """Writes rows as one batch, with what a caller could not set. ext: JSON text. Gives their ids."""
    rows = [{**DEFAULTS, "id": str(uuid.uuid4()), **row} for row in rows]
    arrays = [f"ARRAY[{','.join(_element(column, row.get(column)) for row in rows)}]::{kind}[]"
              for column, kind in COLUMNS.items()]
    nothing = ",".join(f"array_fill(NULL::{kind}, ARRAY[{len(rows)}])"
                       for kind in ("text", "bytea", "bigint"))
    database.rows(f"SELECT count(*) FROM audit.append({','.join(arrays)},{nothing})")
    return [row["id"] for row in rows]


def begin_empty(database):
    """Empties the log, once it holds what a server makes in the background at its first start."""
    first = {"token_key added", "party_key added"}
    observe.wait_until(lambda: first <= {row[0] for row in database.rows(
        "SELECT content FROM audit.record WHERE namespace = 'junction.auth'")})
    database.rows("TRUNCATE audit.record, audit.term")


def expr(field, operator, *values):
    return {"field": field, "operator": operator, "value": list(values)}


def filter_message(stubs, given):
    """A Filter from its JSON; a condition alone stands for a filter of it. Values are Python's, or
    JSON as bytes."""
    if "field" in given:
        given = {"expr": [given]}
    message = stubs.audit.Filter(op=given.get("op", ""))
    for one in given.get("expr", ()):
        message.expr.add(field=one["field"], operator=one["operator"], value=[
            v.decode() if isinstance(v, bytes) else json.dumps(v, ensure_ascii=False)
            for v in one["value"]])
    message.sub_filter.extend(filter_message(stubs, sub) for sub in given.get("subFilter", ()))
    return message


class Finder:
    """Find over all times, unless told otherwise."""

    def __init__(self, client, stubs):
        self.client = client
        self.stubs = stubs

    def page(self, given=None, start=0, end=2**62, **more):
        request = self.stubs.audit.FindRequest(start_time=start, end_time=end, **more)
        if given is not None:
            request.filter.CopyFrom(filter_message(self.stubs, given))
        return self.client.Find(request, timeout=60).result

    def pages(self, given=None, **more):
        """All pages of a query, to the last."""
        pages = [self.page(given, **more)]
        while pages[-1].has_next:
            pages.append(self.page(
                given, continuation_point=pages[-1].continuation_point, **more))
        return pages

    def ids(self, given=None, **more):
        return ids(*self.pages(given, **{"max_size": 1000, "fields": ["id"], **more}))


def ids(*pages):
    return [record.id for page in pages for record in page.records]
