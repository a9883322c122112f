"""Who calls, put straight into the database: the servers follow, as after a change by psql."""

import base64
import hashlib
import json

import postgres

SECRET = "s" * 72


def put(database_url, kind, name, *roles, disabled=False):
    """A subject with roles granted for ever."""
    postgres.psql(database_url, f"""BEGIN;
        INSERT INTO auth.subject (kind, name, disabled) VALUES ('{kind}', '{name}', {disabled})
        ON CONFLICT (kind, name) DO UPDATE SET disabled = excluded.disabled;
        DELETE FROM auth.role_grant WHERE kind = '{kind}' AND name = '{name}';
        INSERT INTO auth.role_grant (kind, name, role)
        SELECT '{kind}', '{name}', r FROM json_array_elements_text('{json.dumps(roles)}') AS r;
        COMMIT""")


def put_key(database_url, application, key, secret=SECRET):
    """An access key "ak-" and 20 letters; key: some letters and digits."""
    name = ("ak-" + key + "0" * 20)[:23]
    postgres.psql(database_url, f"""INSERT INTO auth.access_key (id, application, secret_hash, signing_key)
        VALUES ('{name}', '{application}', '\\x{hashlib.sha256(secret.encode()).hexdigest()}',
            '\\x{hashlib.sha1(secret.encode()).hexdigest()}')""")
    return name


def put_role(database_url, name, *rules, parents=()):
    """rules: (effect, service, action, method)."""
    values = ", ".join("('%s', '%s', '%s', '%s', '%s')" % ((name,) + rule) for rule in rules)
    postgres.psql(database_url, f"""BEGIN; INSERT INTO auth.role (name) VALUES ('{name}');
        {"INSERT INTO auth.rule (role, effect, service, action, method) VALUES " + values if rules else ""};
        {"".join(f"INSERT INTO auth.role_parent (role, parent) VALUES ('{name}', '{p}');" for p in parents)}
        COMMIT""")


def basic(key, secret=SECRET):
    """What goes into the header or metadata authorization."""
    return "Basic " + base64.b64encode(f"{key}:{secret}".encode()).decode()


def wait_known(channel, stubs, authorization=None):
    """Returns when the server knows what has been put."""
    subject = stubs.auth.Subject(kind=stubs.auth.SUBJECT_KIND_APPLICATION, name="fate")
    stubs.auth_grpc.AuthStub(channel).Check(
        stubs.auth.CheckRequest(
            question=stubs.auth.Question(subject=subject, service="registry", action="GetServer",
                                         method="READ"),
            consistency=stubs.auth.CONSISTENCY_FULL),
        metadata=[("authorization", authorization)] if authorization else None)


def audited(database, table, holding):
    """What the audit says of changes of a table whose rows hold that text: content, application,
    roles, whether address and node are known, length of the trace, and the application that the row
    itself names."""
    return database.rows(f"""SELECT content, application, roles, coalesce(address ~ '^127', false),
            node ~ '-[0-9]+$', coalesce(length(trace_id), 0), r->>'caller_application'
        FROM audit.record, json_array_elements(CASE WHEN opt_type = 3 THEN ext->'old' ELSE ext->'new' END) AS r
        WHERE namespace = 'junction.auth' AND ext->>'table' = '{table}' AND r::text LIKE '%{holding}%'
        ORDER BY content""")
