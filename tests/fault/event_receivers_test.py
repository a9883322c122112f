"""Receivers that hang, trickle, lie, send elsewhere, close early or die: others get their events."""

import contextlib

import pytest

import event_receivers as receivers
import event_tables
import programs
import pushing
from event_trial import Fleet
from observe import wait_until

GOOD = 300  # events that flow meanwhile


@pytest.fixture(scope="module")
def fleet(database, stubs):
    with Fleet(stubs, database, 2) as fleet:
        yield fleet
    event_tables.check(database)


@contextlib.contextmanager
def bad_receivers(**behaviours):
    with contextlib.ExitStack() as stack:
        yield {name: stack.enter_context(receivers.Receiver(behave))
               for name, behave in behaviours.items()}


def test_bad_receivers_hold_back_nobody(fleet):
    events = list(fleet.events.values())
    with receivers.Receiver() as elsewhere, receivers.Receiver() as good, bad_receivers(
            hang=receivers.hang, trickle=receivers.trickle, lie=receivers.lie, page=receivers.page,
            redirect=receivers.redirect(elsewhere.url()), close=receivers.close,
            reset=receivers.reset, broken=receivers.break_off, fail=receivers.fail) as bad:
        for name, receiver in bad.items():
            events[0].push(name, receiver.url(), "flow.*", timeout_ms=300_000, concurrency=4,
                           schedule_ms=[600_000])
        for group in ("good1", "good2"):
            events[0].push(group, good.url("/" + group), "flow.*")
        first = events[0].publish("flow.first").event_id
        for receiver in bad.values():
            receiver.wait_count(1)
        for name in ("hang", "trickle"):
            wait_until(lambda name=name: bad[name].hung)
        ids = [events[i % 2].publish("flow.more", i).event_id for i in range(GOOD)]
        for group in ("good1", "good2"):
            assert {p.event_id for p in good.wait_count(GOOD + 1, group)} == {first, *ids}
        # All the time these hung, no more of them than they said they take, and none was given up.
        for name in ("hang", "trickle"):
            assert 1 <= len(bad[name].hung) <= 4
            assert [p.event_id for p in bad[name].got()][0] == first
            assert events[0].steps(first, name) == [["leased", "1"]]
        for name, status, code in [("lie", "200", "500"), ("page", "200", ""), ("redirect", "307", ""),
                                   ("close", "", ""), ("reset", "", ""), ("fail", "500", "")]:
            events[0].wait_state(first, name, "failed")
            step = events[0].steps(first, name, "state, attempt, status, code")[1]
            assert step == ["failed", "1", status, code], name
        events[0].wait_state(first, "broken", "failed")
        assert not elsewhere.got()
        reasons = {name: events[0].steps(first, name, "reason")[1][0]
                   for name in bad if name not in ("hang", "trickle")}
        assert all(reasons.values()), reasons
        # The one that hung takes it in the end; the other one has never said that it did.
        bad["hang"].released.set()
        bad["trickle"].released.set()
        events[0].wait_state(first, "hang", "delivered")
        events[0].wait_state(first, "trickle", "failed")
    # What is left is nobody's any more, so that the module ends with servers that are idle.
    for name in bad:
        events[0].stub.DeleteSubscription(events[0].m.DeleteSubscriptionRequest(name=name))


def test_an_attempt_ends_with_its_timeout(fleet):
    events = fleet.events[0]
    with bad_receivers(late=receivers.hang, slow=receivers.trickle) as bad:
        for name, receiver in bad.items():
            events.push(name, receiver.url(), "timeout", timeout_ms=1000, no_retry=True, schedule_ms=[])
        event_id = events.publish("timeout").event_id
        for name, receiver in bad.items():
            receiver.wait_count(1)
            events.wait_state(event_id, name, "dead")
            # curl counts in milliseconds of its own.
            steps = events.steps(event_id, name, "state, attempt, latency_ms >= 990")
            assert steps == [["leased", "1", ""], ["dead", "1", "t"]]
            assert len(receiver.got()) == 1


def test_gone_disables(fleet):
    events = fleet.events[0]
    with receivers.Receiver(receivers.gone) as receiver:
        events.push("gone", receiver.url(), "gone")
        first = events.publish("gone").event_id
        receiver.wait_count(1)
        wait_until(lambda: not events.stub.ListSubscriptions(
            events.m.ListSubscriptionsRequest(group="gone")).subscriptions[0].enabled)
        for server in fleet.servers.values():
            pushing.wait_known(server)
        second = fleet.events[1].publish("gone").event_id
        receiver.behave = receivers.take
        events.stub.Resume(events.m.ResumeRequest(subscription="gone"))
        events.wait_state(second, "gone", "delivered")
        assert second not in {p.event_id for p in receiver.got() if not p.taken_at}
        events.wait_state(first, "gone", "delivered", "dead")


def test_a_receiver_that_is_killed_and_returns(fleet, tmp_path):
    """What it had noted before it answered may come twice; nothing is lost, and keys keep their order."""
    events = list(fleet.events.values())
    with receivers.ReceiverProcess(programs.free_port(), tmp_path) as receiver:
        events[0].push("killed", receiver.url(), "killed")
        ids = []

        def publish(count):
            for _ in range(count):
                n = len(ids)
                ids.append(events[n % 2].publish("killed", n, key=f"killed-{n % 4}").event_id)

        def got():
            return {line[3] for line in receiver.got()}
        for _ in range(2):
            publish(40)
            wait_until(lambda: len(got()) > len(ids) - 40)
            receiver.kill()
            publish(20)
            receiver.start()
            wait_until(lambda: got() == set(ids))
        events[0].wait_done("killed")
        for key in range(4):
            numbers = [line[4] for line in receiver.got() if line[4] % 4 == key]
            assert list(dict.fromkeys(numbers)) == list(range(key, len(ids), 4))
            assert numbers == sorted(numbers)  # one again before the next, never after it
