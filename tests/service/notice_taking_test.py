"""How deliveries are taken and concluded in PostgreSQL, whatever servers do: migrations/0020."""

import itertools

import pytest

NODE = "one"
LEASE_MS = 60_000


class Channel:
    """A channel with deliveries, and the functions that its server calls."""

    numbers = itertools.count(1)

    def __init__(self, database, kind="service", quota=0, quota_ms=60_000, schedule="{1000,2000}"):
        self.database, self.name = database, f"c{next(self.numbers)}"
        self.id = int(self.value(
            "INSERT INTO notice.channel (namespace, name, kind, concurrency, quota, quota_ms, schedule_ms,"
            f" timeout_ms, receipt_token) VALUES ('default', '{self.name}', '{kind}', 10, {quota},"
            f" {quota_ms}, '{schedule}', 1000, gen_random_uuid()) RETURNING id"))
        self.claim(1)

    def value(self, sql):
        rows = self.database.rows(sql)
        return rows[0][0] if rows else None

    def notice(self, personal=False):
        return int(self.value(
            "INSERT INTO notice.notice (position, notice_id, time, namespace, sender, title, message,"
            " channels, deliveries, personal, node) SELECT greatest(event.position_at(now()), max(position) + 1),"
            f" gen_random_uuid(), now(), 'default', 's', 't', 'm', '{{{self.name}}}', 1, {personal}, 'n'"
            " FROM notice.notice RETURNING position"))

    def deliver(self, notice, user, due="now()", state="waiting", language="", attempts=0):
        return int(self.value(
            "INSERT INTO notice.delivery (position, notice_position, namespace, user_name, channel,"
            " channel_id, address, language, state, at, due, attempts)"
            f" SELECT greatest(event.position_at(now()), max(position) + 1), {notice}, 'default', '{user}',"
            f" '{self.name}', {self.id}, 'at {user}', '{language}', '{state}', now(), {due}, {attempts}"
            " FROM notice.delivery RETURNING position"))

    def claim(self, number, node=NODE, doubtful="NULL", held=()):
        return [int(row[0]) for row in self.database.rows(
            f"SELECT notice.claim({self.id}, '{node}', {number}, {doubtful},"
            f" '{{{','.join(map(str, held))}}}')")]

    def take(self, messages=100, each=1, number=1, node=NODE, lease=LEASE_MS, ask=False, repeats=False):
        """[(message, ask, position, attempt)], and in how many milliseconds the next is due."""
        rows = self.database.rows(
            f"SELECT r_message, r_ask, r_position, r_attempt, r_due_ms FROM notice.take({self.id}, '{node}',"
            f" {number}, {messages}, {each}, {lease}, {ask}, {repeats})")
        *taken, last = rows
        assert last[0] == "0", last
        return ([(int(m), a == "t", int(p), int(n)) for m, a, p, n, _ in taken],
                int(last[4]) if last[4] else None)

    def taken(self, **options):
        return [row[2] for row in self.take(**options)[0]]

    def refused(self, **options):
        with pytest.raises(AssertionError, match="-1"):
            self.take(**options)

    def conclude(self, *rows, node=NODE):
        """Each: position, attempt, state, and what else there is. Gives {place: ms until due}."""
        columns = {name: [] for name in ("position", "number", "state", "untried", "repeats", "throttled",
                                         "pause", "ask", "message_id", "code")}
        for position, number, state, *more in rows:
            more = {"untried": False, "repeats": False, "throttled": False, "pause": 0, "ask": 0,
                    "message_id": "NULL", "code": "NULL", **(more[0] if more else {})}
            for name, value in {"position": position, "number": number, "state": state, **more}.items():
                columns[name].append(str(value))
        c = {name: "'{" + ",".join(values) + "}'" for name, values in columns.items()}
        nothing = "'{" + ",".join(["NULL"] * len(rows)) + "}'"
        return {int(place): int(ms) for place, ms in self.database.rows(
            f"SELECT * FROM notice.conclude('{node}', {c['position']}, {c['number']}, {c['state']},"
            f" {c['untried']}, {c['repeats']}, {c['throttled']}, {c['pause']}, {c['ask']},"
            f" {nothing}, {c['message_id']}, {c['code']}, {nothing})")}

    def stands(self, position, columns="state, attempts, tries, code, due IS NOT NULL"):
        return self.database.rows(f"SELECT {columns} FROM notice.delivery WHERE position = {position}")[0]

    def attempts(self, position):
        return self.database.rows("SELECT number, asked, state, code FROM notice.attempt"
                                  f" WHERE position = {position} ORDER BY number")

    def expire(self):
        """All leases have run out."""
        self.database.rows(f"UPDATE notice.delivery SET due = now() - interval '1 s'"
                           f" WHERE channel_id = {self.id} AND due IS NOT NULL")


def test_the_oldest_due_come_first(database):
    c = Channel(database)
    n = c.notice()
    late, first, second, never = (c.deliver(n, u, due) for u, due in [
        ("a", "now() + interval '10 s'"), ("b", "now() - interval '3 s'"), ("c", "now() - interval '2 s'"),
        ("d", "NULL")])
    third = c.deliver(n, "e", "now() - interval '1 s'")
    rows, due_ms = c.take(messages=2)
    assert rows == [(1, False, first, 1), (2, False, second, 1)] and due_ms <= 0
    assert c.stands(first) == ["sending", "1", "0", "", "t"]
    assert c.attempts(first) == [["1", "f", "sending", ""]]
    rows, due_ms = c.take()
    assert rows == [(1, False, third, 1)] and 0 < due_ms <= 10_000
    assert c.taken() == []
    assert c.stands(late)[0] == c.stands(never)[0] == "waiting"


def test_only_who_claimed_takes(database):
    c = Channel(database)
    position = c.deliver(c.notice(), "a")
    c.refused(number=2)
    c.refused(node="two")
    c.claim(1, node="two")
    c.refused()
    c.claim(2)
    c.refused()
    database.rows(f"UPDATE notice.channel SET enabled = false WHERE id = {c.id}")
    c.refused(number=2)
    database.rows(f"UPDATE notice.channel SET enabled = true WHERE id = {c.id}")
    assert c.taken(number=2) == [position]


def test_recipients_of_a_notice_share_messages(database):
    c = Channel(database, "dingtalk")
    shared, personal, other = c.notice(), c.notice(personal=True), c.notice()
    due = "now() - interval '1 s'"
    positions = [c.deliver(shared, f"s{i}", due) for i in range(5)]
    foreign = c.deliver(shared, "foreign", due, language="en")
    own = [c.deliver(personal, f"p{i}", due) for i in range(2)]
    last = c.deliver(other, "o", due)
    rows, _ = c.take(messages=3, each=3)
    assert [(m, p) for m, _, p, _ in rows] == [
        (1, positions[0]), (1, positions[1]), (1, positions[2]), (2, positions[3]), (2, positions[4]),
        (3, foreign)]
    rows, _ = c.take(messages=10, each=3)
    assert [(m, p) for m, _, p, _ in rows] == [(1, own[0]), (2, own[1]), (3, last)]


def test_a_lease_that_ran_out(database):
    asked, unasked, repeated = (Channel(database) for _ in range(3))
    for c, options, state, due in [(asked, {"ask": True}, "unknown", "t"), (unasked, {}, "unknown", "f"),
                                   (repeated, {"repeats": True}, "waiting", "t")]:
        position = c.deliver(c.notice(), "a")
        assert c.taken(**options) == [position]
        c.expire()
        assert c.taken(**options) == []
        assert c.stands(position) == [state, "1", "1" if state == "waiting" else "0", "server_lost", due]
        assert c.attempts(position) == [["1", "f", state, "server_lost"]]
    position, = (p for _, _, p, _ in asked.take(ask=True)[0])
    assert asked.attempts(position)[1] == ["2", "t", "sending", ""]
    assert asked.stands(position) == ["unknown", "2", "0", "server_lost", "t"]
    # One that tells repetitions gets it again by the schedule, which ends.
    for tries in ("2", "2"):
        repeated.expire()
        position, = repeated.taken(repeats=True)
        repeated.expire()
        assert repeated.taken(repeats=True) == []
        assert repeated.stands(position)[2] == tries
        if tries == "2" and repeated.stands(position)[0] == "unknown":
            break
    assert repeated.stands(position) == ["unknown", "3", "2", "server_lost", "f"]


def test_outcomes(database):
    c = Channel(database)
    n = c.notice()
    p = [c.deliver(n, f"u{i}") for i in range(6)]
    c.take()
    due = c.conclude((p[0], 1, "sent", {"ask": 5000, "message_id": "m0", "code": "OK"}),
                     (p[1], 1, "delivered"), (p[2], 1, "failed", {"code": "550"}),
                     (p[3], 1, "unknown", {"code": "timeout"}), (p[4], 1, "waiting"),
                     (p[5], 1, "waiting", {"throttled": True, "pause": 7000}))
    assert set(due) == {1, 5, 6}
    assert 4000 < due[1] <= 5000 and 800 < due[5] <= 1100 and 6000 < due[6] <= 7000
    assert [c.stands(x) for x in p] == [
        ["sent", "1", "0", "OK", "t"], ["delivered", "1", "0", "", "f"], ["failed", "1", "0", "550", "f"],
        ["unknown", "1", "0", "timeout", "f"], ["waiting", "1", "1", "", "t"], ["waiting", "1", "0", "", "t"]]
    assert c.attempts(p[2]) == [["1", "f", "failed", "550"]]
    assert c.stands(p[0], "message_id") == ["m0"]
    # Said again it changes nothing.
    c.conclude((p[2], 1, "sent"), (p[4], 1, "waiting"))
    assert c.stands(p[2])[0] == "failed" and c.stands(p[4])[2] == "1"


def test_after_the_schedule_it_has_failed(database):
    c = Channel(database)
    position = c.deliver(c.notice(), "a")
    for number, expected in enumerate([[900, 1100], [1800, 2200], None], 1):
        c.expire()
        assert c.taken() == [position]
        due = c.conclude((position, number, "waiting", {"code": "busy"}))
        assert (expected is None and not due) or expected[0] - 100 <= due[1] <= expected[1]
    assert c.stands(position) == ["failed", "3", "3", "busy", "f"]


def test_unknown_is_sent_again_to_who_tells_repetitions(database):
    c = Channel(database, schedule="{1000}")
    position = c.deliver(c.notice(), "a")
    for number, state in [(1, "waiting"), (2, "unknown")]:
        c.expire()
        assert c.taken() == [position]
        c.conclude((position, number, "unknown", {"repeats": True}))
        assert c.stands(position)[0] == state


def test_questions(database):
    c = Channel(database)
    n = c.notice()
    p = [c.deliver(n, f"u{i}") for i in range(4)]
    c.take(ask=True)
    c.conclude(*((x, 1, "sent" if i < 3 else "unknown", {"ask": 1000}) for i, x in enumerate(p)))
    c.expire()
    rows, _ = c.take(ask=True)
    assert rows == [(i + 1, True, x, 2) for i, x in enumerate(p)]
    assert [c.stands(x)[0] for x in p] == ["sent"] * 3 + ["unknown"]
    due = c.conclude((p[0], 2, "delivered"), (p[1], 2, "failed", {"code": "E"}),
                     (p[2], 2, "unknown", {"ask": 1000}), (p[3], 2, "waiting"))
    assert set(due) == {3, 4}
    assert [c.stands(x)[0] for x in p] == ["delivered", "failed", "sent", "waiting"]
    assert c.attempts(p[2]) == [["1", "f", "sent", ""], ["2", "t", "sent", ""]]
    # A day after it was sent nobody asks any more.
    database.rows(f"UPDATE notice.attempt SET at = now() - interval '1 day' WHERE position = {p[2]}")
    c.expire()
    assert [(x, a) for _, a, x, _ in c.take(ask=True)[0]] == [(p[2], True), (p[3], False)]
    assert c.conclude((p[2], 3, "unknown", {"ask": 1000})) == {}
    assert c.stands(p[2]) == ["sent", "3", "0", "", "f"]
    # Where nobody can be asked, nobody is.
    c.conclude((p[3], 3, "sent", {"ask": 1000}))
    c.expire()
    assert c.taken() == []
    assert c.stands(p[3]) == ["sent", "3", "1", "", "f"]


def test_what_moved_on_stays(database):
    c = Channel(database)
    n = c.notice()
    p = [c.deliver(n, f"u{i}") for i in range(3)]
    c.take()
    for position, state in zip(p, ["read", "delivered", "failed"]):
        database.rows(f"UPDATE notice.delivery SET state = '{state}', due = NULL WHERE position = {position}")
    assert c.conclude(*((x, 1, "sent", {"ask": 1000, "message_id": "m"}) for x in p)) == {}
    assert [c.stands(x)[0] for x in p] == ["read", "delivered", "failed"]
    assert c.stands(p[0], "message_id") == ["m"]
    assert c.attempts(p[0])[0][2] == "sent"


def test_an_answer_after_the_lease(database):
    """It is the truth, unless the delivery was taken again."""
    c = Channel(database)
    n = c.notice()
    p = [c.deliver(n, f"u{i}") for i in range(2)]
    c.take(repeats=True)
    c.expire()
    c.take(repeats=True)
    c.expire()
    assert c.taken(messages=1, repeats=True) == [p[0]]
    c.conclude((p[0], 1, "sent", {"code": "late"}), (p[1], 1, "sent", {"code": "late"}))
    assert c.stands(p[0])[:2] == ["sending", "2"]
    assert c.attempts(p[0]) == [["1", "f", "sent", "late"], ["2", "f", "sending", ""]]
    assert c.stands(p[1]) == ["sent", "1", "1", "late", "f"]


def test_cancelled_while_it_is_sent(database):
    c = Channel(database)
    n = c.notice()
    p = [c.deliver(n, f"u{i}") for i in range(4)]
    c.take()
    database.rows(f"UPDATE notice.delivery SET cancelled = true WHERE notice_position = {n}")
    c.conclude((p[0], 1, "sent"), (p[1], 1, "waiting"), (p[2], 1, "unknown", {"repeats": True}),
               (p[3], 1, "waiting", {"untried": True}))
    assert [c.stands(x)[0] for x in p] == ["sent", "cancelled", "unknown", "cancelled"]


def test_given_back_as_if_never_taken(database):
    c = Channel(database)
    position = c.deliver(c.notice(), "a")
    c.take()
    assert c.conclude((position, 1, "unknown", {"untried": True})) == {1: 0}
    assert c.stands(position) == ["waiting", "0", "0", "", "t"]
    assert c.attempts(position) == []
    c.conclude((position, 1, "unknown", {"untried": True}))
    assert c.stands(position) == ["waiting", "0", "0", "", "t"]


def test_a_claim_gives_back_what_came_to_nobody(database):
    c = Channel(database)
    n = c.notice()
    held, lost = c.deliver(n, "held"), c.deliver(n, "lost")
    assert c.taken() == [held, lost]
    c.claim(2)
    assert c.stands(lost)[0] == "sending"
    c.claim(3, doubtful=10_000, held=[held])
    assert c.stands(held)[0] == "sending" and c.stands(lost) == ["waiting", "0", "0", "", "t"]
    # Another server's are its own.
    c.claim(4, node="two", doubtful=10_000)
    assert c.stands(held)[0] == "sending"


def test_quota_use(database):
    c = Channel(database, "wechat", quota=20)
    n = c.notice()
    for i in range(5):
        c.deliver(n, f"u{i}")
    c.take(messages=1, each=2)
    c.take(messages=1, each=2)
    uses = c.claim(2)
    assert len(uses) == 2 and all(-1000 <= use < 10_000 for use in uses) and uses == sorted(uses, reverse=True)
    database.rows(f"UPDATE notice.quota_use SET at = now() - interval '1 hour' WHERE channel_id = {c.id}")
    assert c.claim(3) == []
    c.take(number=3)
    assert len(c.claim(4)) == 1
    assert c.value(f"SELECT count(*) FROM notice.quota_use WHERE channel_id = {c.id}") == "1"


def test_open_channels_and_deleted_ones(database):
    database.rows("DELETE FROM notice.delivery")
    c, gone, idle = Channel(database), Channel(database), Channel(database)
    c.deliver(c.notice(), "a", "now() + interval '10 s'")
    idle.deliver(idle.notice(), "b", "NULL", "sent")
    n = gone.notice()
    under_way = gone.deliver(n, "under way")
    assert gone.taken() == [under_way]
    waiting = [gone.deliver(n, f"w{i}", "now() + interval '1 hour'") for i in range(5)]
    asked = gone.deliver(n, "asked", "now() + interval '1 hour'", "sent")
    assert gone.value(f"SELECT notice.close_deleted({gone.id}, 100)") == "0"
    database.rows(f"DELETE FROM notice.channel WHERE id = {gone.id}")
    assert [row[0] for row in database.rows("SELECT r_channel FROM notice.open_channels()")] == [
        str(c.id), str(gone.id)]
    for expected in ("4", "2", "0"):
        assert gone.value(f"SELECT notice.close_deleted({gone.id}, 4)") == expected
    assert [gone.stands(x)[:1] + gone.stands(x)[3:] for x in waiting] == [["failed", "channel_deleted", "f"]] * 5
    assert gone.stands(asked)[0] == "sent" and gone.stands(under_way)[0] == "sending"
    gone.expire()
    assert gone.value(f"SELECT notice.close_deleted({gone.id}, 4)") == "1"
    assert gone.stands(under_way)[::3] == ["unknown", "server_lost"]
    assert gone.attempts(under_way) == [["1", "f", "unknown", "server_lost"]]
    assert [row[0] for row in database.rows("SELECT r_channel FROM notice.open_channels()")] == [str(c.id)]
