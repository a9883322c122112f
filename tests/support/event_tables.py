"""What must be true of the tables of events, whatever has happened."""

STEPS = """
SELECT t.*, d.key, coalesce(lag(t.state) OVER w, 'waiting') AS was,
    coalesce(lag(t.attempt) OVER w, 0) AS was_attempt, lag(t.due) OVER w AS was_due,
    lag(t.holder) OVER w AS was_holder, row_number() OVER w AS place,
    -- what came of an attempt after somebody else had decided: it changes nothing
    coalesce(t.number > 1 AND t.state = lag(t.state) OVER w AND t.attempt = lag(t.attempt) OVER w
        AND t.holder IS NOT NULL AND (t.latency_ms IS NOT NULL OR t.reason IS NOT NULL), false) AS beside
FROM event.transition t
LEFT JOIN event.delivery d ON d.queue_id = t.queue_id AND d.position = t.position
WINDOW w AS (PARTITION BY t.queue_id, t.position ORDER BY t.number)
"""

# A clock is read a moment before it is compared with.
SLACK = "interval '100 milliseconds'"

# A result whose lease went with the database: {lost} allows it.
ALLOWED = f"""
CASE s.state
WHEN 'leased' THEN s.attempt = s.was_attempt + 1 AND CASE s.was
    WHEN 'waiting' THEN true
    WHEN 'failed' THEN s.was_due IS NOT NULL
    WHEN 'leased' THEN s.at >= s.was_due - {SLACK} OR s.holder = s.was_holder
    WHEN 'delivered' THEN s.was_due IS NOT NULL AND s.at >= s.was_due - {SLACK}
    ELSE false END
WHEN 'waiting' THEN
    s.was = 'leased' AND s.attempt = s.was_attempt - 1
    OR s.was IN ('confirmed', 'delivered', 'failed', 'dead') AND s.attempt = 0
    OR {{lost}} AND s.was IN ('waiting', 'failed', 'delivered')
WHEN 'delivered' THEN
    s.was = 'leased' AND s.attempt = s.was_attempt
    OR {{lost}} AND s.was IN ('waiting', 'failed', 'delivered')
WHEN 'failed' THEN
    s.was IN ('leased', 'delivered') AND s.attempt = s.was_attempt AND s.due IS NOT NULL
    OR s.was = 'waiting' AND s.confirmed_by IS NOT NULL AND s.attempt = s.was_attempt + 1
    OR {{lost}} AND s.was IN ('waiting', 'failed', 'delivered')
WHEN 'confirmed' THEN
    s.was NOT IN ('confirmed', 'dead') AND s.attempt - s.was_attempt = (s.was = 'waiting')::integer
    OR {{lost}} AND s.was IN ('waiting', 'failed', 'delivered')
WHEN 'dead' THEN s.was NOT IN ('confirmed', 'dead')
    AND s.attempt - s.was_attempt = (s.was = 'waiting')::integer
    OR {{lost}} AND s.was IN ('waiting', 'failed', 'delivered')
END
"""

RULES = {
    "an id twice": """
        SELECT event_id FROM event.event GROUP BY namespace, event_id HAVING count(*) > 1""",
    "an event without a delivery that it should have": """
        SELECT e.position, q.id FROM event.event e CROSS JOIN LATERAL unnest(e.queues) AS q (id)
        WHERE NOT EXISTS (SELECT FROM event.delivery d
            WHERE d.queue_id = q.id AND d.position = e.position)""",
    "a delivery that its event does not know": """
        SELECT d.* FROM event.delivery d JOIN event.queue q ON q.id = d.queue_id
        LEFT JOIN event.event e ON e.position = d.position
        WHERE e.position IS NULL
            OR d.queue_id <> ALL (e.queues) AND q.group_name <> 'default'
            OR d.queue_id = ANY (e.queues) AND d.key IS DISTINCT FROM e.key
            OR q.namespace <> e.namespace""",
    "a transition without a delivery": """
        SELECT t.* FROM event.transition t WHERE NOT EXISTS (SELECT FROM event.delivery d
            WHERE d.queue_id = t.queue_id AND d.position = t.position)""",
    "a position that has not been given out": """
        SELECT position FROM event.event WHERE position > (SELECT last_value FROM event.last_position)""",
    "numbers with a gap": f"SELECT s.* FROM ({STEPS}) s WHERE s.number <> s.place",
    "a step that may not be": f"""
        SELECT s.was, s.was_attempt, s.was_due, s.was_holder, s.* FROM ({STEPS}) s
        WHERE NOT s.beside AND ({ALLOWED}) IS NOT TRUE""",
    "a key's next before the former was done": """
        SELECT n.*, first.at FROM (
            SELECT d.queue_id, d.position, d.key, lag(d.position) OVER (PARTITION BY d.queue_id, d.key
                ORDER BY d.position) AS former
            FROM event.delivery d WHERE d.key IS NOT NULL) n
        JOIN LATERAL (SELECT x.at FROM event.transition x WHERE x.queue_id = n.queue_id
            AND x.position = n.position AND x.state = 'leased' ORDER BY x.number LIMIT 1) first ON true
        WHERE n.former IS NOT NULL AND NOT EXISTS (SELECT FROM event.transition f
            WHERE f.queue_id = n.queue_id AND f.position = n.former
                AND NOT event.is_open(f.state, f.due) AND f.at <= first.at)""",
    "a row that was changed": """
        SELECT relname, n_tup_upd FROM pg_stat_user_tables WHERE schemaname = 'event'
            AND relname ~ '^(event|delivery|transition)_' AND n_tup_upd > 0""",
    "open deliveries below the mark": """
        SELECT l.queue_id, l.position, d.position FROM (
            SELECT DISTINCT ON (queue_id) * FROM event.low_water ORDER BY queue_id, number DESC) l
        JOIN event.delivery d ON d.queue_id = l.queue_id AND d.position <= l.position
        LEFT JOIN LATERAL (SELECT x.state, x.due FROM event.transition x
            WHERE x.queue_id = d.queue_id AND x.position = d.position
            ORDER BY x.number DESC LIMIT 1) t ON true
        WHERE event.is_open(t.state, t.due)""",
}


def faults(database, lost_leases=False):
    """{rule: rows that break it}, of the rules that are broken."""
    lost = "true" if lost_leases else "false"
    found = {rule: database.rows(sql.replace("{lost}", lost)) for rule, sql in RULES.items()}
    return {rule: rows for rule, rows in found.items() if rows}


def check(database, lost_leases=False):
    """lost_leases: PostgreSQL was killed, and leases, which are not waited for, may have gone."""
    found = faults(database, lost_leases)
    assert not found, "\n".join(
        f"{rule}:\n" + "\n".join("  " + " | ".join(row) for row in rows[:10])
        for rule, rows in found.items())


def open_deliveries(database, group=None):
    """[group, event, event id, state, attempt] of all that are still to be done."""
    where = f" AND q.group_name = '{group}'" if group else ""
    return database.rows(
        "SELECT q.group_name, e.name, e.event_id, coalesce(t.state, 'waiting'), coalesce(t.attempt, 0)"
        " FROM event.delivery d JOIN event.queue q ON q.id = d.queue_id"
        " JOIN event.event e ON e.position = d.position"
        " LEFT JOIN LATERAL (SELECT x.state, x.attempt, x.due FROM event.transition x"
        "   WHERE x.queue_id = d.queue_id AND x.position = d.position"
        "   ORDER BY x.number DESC LIMIT 1) t ON true"
        f" WHERE event.is_open(t.state, t.due){where} ORDER BY d.position")


def steps(database, event_id, group, columns="state, attempt"):
    """The transitions of one delivery, in order."""
    return database.rows(
        f"SELECT {columns} FROM event.transition t JOIN event.queue q ON q.id = t.queue_id"
        " JOIN event.event e ON e.position = t.position"
        f" WHERE e.event_id = '{event_id}' AND q.group_name = '{group}' ORDER BY number")
