"""The functions that say how deliveries stand, with servers that fall asleep, die and forget; and that
what tests look for in the tables is found when it is there."""

import itertools

import pytest

import event_tables

NUMBERS = itertools.count()


class Queue:
    """The queue of a group, and what servers do with it, one delivery at a time."""

    def __init__(self, database, group):
        self.database, self.group = database, group
        self.id = database.rows(f"SELECT event.make_queue('default', '{group}')")[0][0]

    def publish(self, key=None):
        """Gives its position."""
        key = f"'{key}'" if key else "NULL"
        row, = self.database.rows(
            f"SELECT r_outcome, r_position FROM event.append(ARRAY['e{next(NUMBERS)}'], ARRAY[false],"
            " ARRAY[(SELECT value FROM event.revision)], ARRAY['default'], ARRAY['a.b'], ARRAY['1'],"
            f" ARRAY[NULL::bytea], ARRAY[NULL], ARRAY[{key}], ARRAY[NULL], ARRAY['{{{self.id}}}'],"
            " ARRAY[NULL::bytea], ARRAY[NULL], ARRAY[NULL], ARRAY[NULL], ARRAY['n'], ARRAY[NULL])")
        assert row[0] == "published"
        return row[1]

    def lease(self, position, holder="A", ms=600_000):
        """[granted, number, state, attempt]"""
        return self.database.rows(
            f"SELECT r_granted, r_number, r_state, r_attempt FROM event.lease(ARRAY[{self.id}],"
            f" ARRAY[{position}], ARRAY['{holder}'], ARRAY[NULL::uuid], ARRAY[{ms}::bigint],"
            " ARRAY[false], 1000)")[0]

    def lease_that_ran_out(self, position, holder="A"):
        row = self.lease(position, holder, 1)
        self.database.rows("SELECT pg_sleep(0.01)")
        return row

    def conclude(self, position, number, state, attempt, holder="A"):
        """[[number, state, attempt]], or [] if it is to be repeated."""
        return self.database.rows(
            f"SELECT r_number, r_state, r_attempt FROM event.conclude(ARRAY[{self.id}],"
            f" ARRAY[{position}], ARRAY[{number}], ARRAY['{state}'::event.state],"
            f" ARRAY['{holder}'], ARRAY[NULL::uuid], ARRAY[{attempt}], ARRAY[0::bigint], ARRAY[200],"
            " ARRAY['200'], ARRAY[1.5], ARRAY[NULL])")

    def confirm(self, position, success=True):
        return self.database.rows(
            f"SELECT r_outcome, r_state FROM event.event e, event.confirm('default', e.event_id, e.name,"
            f" '{self.group}', NULL, {success}, 'me') WHERE e.position = {position}")[0]

    def opened(self):
        """The positions that servers are told of."""
        return [row[0] for row in self.database.rows(
            f"SELECT position FROM event.opened WHERE queue_id = {self.id} ORDER BY number")]

    def note_done(self, position):
        self.database.rows(
            f"SELECT event.set_low_water(q.id, {position}, q.generation,"
            " coalesce((SELECT max(number) FROM event.opened), 0))"
            f" FROM event.queue q WHERE q.id = {self.id}")

    def found(self):
        """[[position, state]] that a server loads that begins now."""
        return self.database.rows(
            f"SELECT r_position, r_state FROM event.load_queue({self.id}, NULL, 10)")

    def forget(self, position, after):
        """As a crash does with what nobody waited for."""
        self.database.rows(f"DELETE FROM event.transition WHERE queue_id = {self.id}"
                           f" AND position = {position} AND number > {after}")

    def step(self, position, number, state, attempt, due="NULL"):
        self.database.rows(
            "INSERT INTO event.transition (queue_id, position, number, state, at, due, attempt)"
            f" VALUES ({self.id}, {position}, {number}, '{state}', clock_timestamp(), {due}, {attempt})")

    def states(self, position):
        return [row[0] for row in self.database.rows(
            f"SELECT state FROM event.transition WHERE queue_id = {self.id}"
            f" AND position = {position} ORDER BY number")]


@pytest.fixture
def queue(database, request):
    queue = Queue(database, request.node.name)
    yield queue
    for table in ("transition", "delivery", "event"):
        database.rows(f"DELETE FROM event.{table}")


def faults(queue, lost_leases=False):
    return set(event_tables.faults(queue.database, lost_leases))


def test_a_late_result_does_not_swallow_the_next(queue):
    """A fell asleep; B got the lease. What A says then is noted, what B says counts."""
    position = queue.publish()
    queue.lease_that_ran_out(position, "A")
    assert queue.lease(position, "B") == ["t", "2", "leased", "2"]
    assert queue.conclude(position, 1, "failed", 1, "A") == [["3", "leased", "2"]]
    assert queue.conclude(position, 2, "delivered", 2, "B") == [["4", "delivered", "2"]]
    assert queue.states(position) == ["leased", "leased", "leased", "delivered"]
    assert not faults(queue)


@pytest.mark.parametrize("state", ["delivered", "failed"])
def test_a_result_whose_lease_was_lost(queue, state):
    position = queue.publish()
    queue.lease(position)
    queue.forget(position, 0)
    assert queue.conclude(position, 1, state, 1) == [["1", state, "1"]]
    assert not faults(queue, lost_leases=True)


def test_a_result_whose_lease_was_lost_after_others(queue):
    position = queue.publish()
    queue.lease(position)
    queue.conclude(position, 1, "failed", 1)
    # Nobody has looked at it since.
    assert queue.conclude(position, 3, "delivered", 2) == [["3", "delivered", "2"]]
    assert not faults(queue, lost_leases=True)


@pytest.mark.parametrize("number", [1, 2])
def test_what_was_confirmed_after_its_lease_was_lost_stays_so(queue, number):
    position = queue.publish()
    for _ in range(number):
        queue.lease_that_ran_out(position)
    queue.forget(position, 0)
    assert queue.confirm(position) == ["done", "confirmed"]
    assert queue.conclude(position, number, "failed", number) == [["2", "confirmed", "1"]]
    assert not faults(queue, lost_leases=True)


def test_a_result_after_a_confirmation_changes_nothing(queue):
    for state in ("delivered", "failed", "dead"):
        position = queue.publish()
        queue.lease(position)
        assert queue.confirm(position) == ["done", "confirmed"]
        assert queue.conclude(position, 1, state, 1) == [["3", "confirmed", "1"]]
    # One that is given back leaves no trace.
    position = queue.publish()
    queue.lease(position)
    queue.confirm(position)
    assert queue.conclude(position, 1, "waiting", 1) == [["2", "confirmed", "1"]]
    assert queue.states(position) == ["leased", "confirmed"]
    assert not faults(queue)


def test_a_result_may_be_repeated(queue):
    for state in ("delivered", "failed", "waiting"):
        position = queue.publish()
        queue.lease(position)
        first = queue.conclude(position, 1, state, 1)
        assert queue.conclude(position, 1, state, 1) == first
        assert len(queue.states(position)) == 2
    assert not faults(queue)


@pytest.mark.parametrize("success", [False, True])
def test_what_was_done_and_is_refused_is_found_again(queue, success):
    """Also by servers that begin to look where all was done; those that have looked are told of it."""
    position = queue.publish()
    queue.lease(position)
    queue.conclude(position, 1, "delivered", 1)
    before = queue.opened()
    queue.note_done(position)
    assert queue.found() == []
    assert queue.confirm(position, success)[0] == "done"
    assert queue.found() == ([] if success else [[position, "failed"]])
    assert queue.opened()[len(before):] == ([] if success else [position])
    assert not faults(queue)
    # What was open and is refused is nothing new to them.
    position = queue.publish()
    queue.lease(position)
    queue.confirm(position, False)
    assert position not in queue.opened()
    assert not faults(queue)


def test_a_result_of_what_is_not_kept(queue):
    assert queue.conclude(1, 1, "delivered", 1) == []


# --- what the tests look for ---------------------------------------------------------------------------

@pytest.mark.parametrize("state, attempt, due", [
    ("leased", 2, "now()"), ("waiting", 1, "NULL"), ("delivered", 1, "NULL"), ("failed", 2, "now()"),
    ("dead", 1, "NULL"), ("confirmed", 2, "NULL")])
def test_a_step_after_the_end_is_seen(queue, state, attempt, due):
    position = queue.publish()
    queue.confirm(position)
    assert not faults(queue)
    queue.step(position, 2, state, attempt, due)
    assert faults(queue) == {"a step that may not be"}


@pytest.mark.parametrize("state, attempt", [("leased", 3), ("leased", 1), ("waiting", 1),
                                            ("delivered", 2), ("failed", 0), ("dead", 2)])
def test_attempts_that_do_not_rise_by_one_are_seen(queue, state, attempt):
    position = queue.publish()
    queue.lease_that_ran_out(position)
    queue.step(position, 2, state, attempt, "now() + interval '1 hour'")
    assert faults(queue) == {"a step that may not be"}


def test_a_lease_taken_from_its_holder_is_seen(queue):
    position = queue.publish()
    queue.lease(position)
    queue.step(position, 2, "leased", 2, "now() + interval '1 hour'")
    assert faults(queue) == {"a step that may not be"}


def test_gaps_and_strays_are_seen(queue):
    position = queue.publish()
    queue.step(position, 2, "leased", 1, "now()")
    assert faults(queue) == {"numbers with a gap"}
    queue.forget(position, 0)
    queue.step(int(position) + 1, 1, "leased", 1, "now()")
    assert faults(queue) == {"a transition without a delivery"}
    queue.forget(int(position) + 1, 0)
    queue.database.rows(f"INSERT INTO event.delivery VALUES ({queue.id}, {int(position) + 1})")
    assert faults(queue) == {"a delivery that its event does not know"}
    queue.database.rows(f"DELETE FROM event.delivery WHERE position = {position}")
    assert faults(queue) == {"an event without a delivery that it should have",
                             "a delivery that its event does not know"}


def test_a_key_out_of_order_is_seen(queue):
    first, second = queue.publish("k"), queue.publish("k")
    queue.lease(second)
    assert faults(queue) == {"a key's next before the former was done"}
    queue.forget(second, 0)
    queue.lease(first)
    queue.conclude(first, 1, "delivered", 1)
    queue.lease(second)
    assert not faults(queue)
