"""Sending: what is due goes out by its channel's provider, in order, by the channel's pace, once."""

import contextlib
import itertools
import json
import threading
import time

import pytest

import attaching
import event_receivers
import notice_delivering as delivering
import observe
import programs
import smtp_sink
from notice_delivering import Delivering, Fleet, Receiver

USERS = [f"u{i}" for i in range(50)]
CHANNELS = itertools.count()


@pytest.fixture(scope="module")
def server(database):
    server = programs.Server(database.url, *Fleet.quick)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def notices(stubs, channel, database):
    return Delivering(stubs, channel, database)


def metric(server, name, **labels):
    return observe.value(server, "junction_notice_" + name, **labels)


def test_what_goes_out(notices, server):
    before = metric(server, "attempts_total", outcome="sent")
    with Receiver() as receiver:
        name = notices.channel(receiver)
        notices.reach(["alice"], name)
        notice = notices.send(name, ["alice"], title="Hello", message="It is here.", params='{"n": 1.50}')
        notices.wait_states(name, sent=1)
    message, = receiver.got()
    row, = notices.rows(name, "position, state, attempts, tries, coalesce(due::text, ''), message_id, code, text")
    assert row == [message.delivery, "sent", "1", "0", "", "m", "200", ""]
    assert {key: message.body[key] for key in ("noticeId", "channel", "title", "message", "user", "address",
                                               "params")} == {
        "noticeId": notice, "channel": name, "title": "Hello", "message": "It is here.", "user": "alice",
        "address": f"alice@{name}", "params": {"n": 1.5}}
    attempt, = notices.attempts(name, "number, asked, a.state, a.code, latency_ms > 0, a.message_id")
    assert attempt == ["1", "f", "sent", "200", "t", "m"]
    observe.wait_until(lambda: metric(server, "attempts_total", outcome="sent") == before + 1)
    assert metric(server, "attempt_seconds_count") >= 1


def test_the_oldest_first(notices):
    with Receiver() as receiver:
        name = notices.channel(receiver, concurrency=1)
        notices.reach(USERS[:3], name)
        for i in range(20):
            notices.send(name, USERS[:3], title=str(i))
        notices.wait_states(name, sent=60)
    assert [(m.body["title"], m.user) for m in receiver.got()] == [
        (str(i), user) for i in range(20) for user in USERS[:3]]


def test_refused_is_failed(notices):
    with Receiver(delivering.refused) as receiver:
        name = notices.channel(receiver)
        notices.reach(USERS[:1], name)
        notices.send(name, USERS[:1])
        notices.wait_states(name, failed=1)
        assert notices.rows(name, "code, text, coalesce(due::text, '')") == [["550", "not you", ""]]
    assert len(receiver.got()) == 1


def test_again_by_the_schedule_and_then_failed(notices):
    schedule = [100, 300, 200]
    with Receiver(delivering.busy) as receiver:
        name = notices.channel(receiver, schedule_ms=schedule)
        notices.reach(USERS[:1], name)
        notices.send(name, USERS[:1])
        notices.wait_states(name, failed=1)
    assert len(receiver.got()) == 4
    assert notices.rows(name, "attempts, tries, code") == [["4", "4", "http_408"]]
    rows = notices.attempts(name, "extract(epoch FROM a.at) * 1000, latency_ms, a.state")
    assert [row[2] for row in rows] == ["waiting"] * 3 + ["failed"]
    ends = [float(at) + float(ms) for at, ms, _ in rows]
    for end, (begin, _, _), ms in zip(ends, rows[1:], schedule):
        assert float(begin) - end >= 0.9 * ms - 1


def test_unknown_is_sent_again_only_to_who_tells_repetitions(notices):
    with Receiver(delivering.broken) as receiver:
        for safe, attempts in [(True, 3), (False, 1)]:
            name = notices.channel(None, settings={"idempotent": safe}, schedule_ms=[50, 50])
            notices.join(name, receiver.port)
            notices.reach(USERS[:1], name)
            notices.send(name, USERS[:1])
            observe.wait_until(lambda name=name: notices.rows(
                name, "state, coalesce(due::text, '')") == [["unknown", ""]])
            assert notices.rows(name, "attempts, code") == [[str(attempts), "http_500"]]


@contextlib.contextmanager
def occupied(notices, users):
    """A channel that hangs with the first of the users, while the others wait: receiver, channel, notice."""
    with Receiver(event_receivers.hang) as receiver:
        name = notices.channel(receiver, concurrency=1, timeout_ms=60_000)
        notices.reach(users, name)
        notice = notices.send(name, users)
        observe.wait_until(lambda: receiver.hung)
        receiver.behave = delivering.take
        yield receiver, name, notice


def test_disabled_channels_wait(notices):
    with occupied(notices, USERS[:3]) as (receiver, name, _):
        notices.put(name, concurrency=1, enabled=False)
        receiver.released.set()
        notices.wait_states(name, sent=1, waiting=2)
        other = notices.channel(receiver)
        notices.reach(USERS[:1], other)
        notices.send(other, USERS[:1])
        notices.wait_states(other, sent=1)
        assert notices.rows(name, "state, attempts") == [["sent", "1"]] + [["waiting", "0"]] * 2
        notices.put(name)
        notices.wait_states(name, sent=3)


def test_a_deleted_channel_fails_what_waits(notices):
    with occupied(notices, USERS) as (receiver, name, _):
        notices.stub.DeleteChannel(notices.m.DeleteChannelRequest(channel=name))
        notices.wait_states(name, sending=1, failed=len(USERS) - 1)
        receiver.released.set()
        notices.wait_states(name, sent=1, failed=len(USERS) - 1)
    assert {tuple(row) for row in notices.rows(name, "state, code, due IS NULL")} == {
        ("sent", "200", "t"), ("failed", "channel_deleted", "t")}
    assert len(receiver.got()) == 1


def test_cancelled_while_it_waits_is_not_sent(notices):
    with occupied(notices, USERS[:1]) as (receiver, name, _):
        second = notices.send(name, USERS[:1], title="second")
        notices.send(name, USERS[:1], title="third")
        notices.stub.Cancel(notices.m.CancelRequest(notice_id=second))
        receiver.released.set()
        notices.wait_states(name, cancelled=1, sent=2)
    assert [m.body["title"] for m in receiver.got()] == ["Hello", "third"]


def test_cancelled_while_it_is_sent_is_not_sent_again(notices):
    def hang_and_refuse(receiver, connection, message):
        with receiver.hanging(message):
            receiver.released.wait(programs.WAIT)
        delivering.busy(receiver, connection, message)

    with Receiver(hang_and_refuse) as receiver:
        name = notices.channel(receiver, concurrency=1, timeout_ms=60_000)
        notices.reach(USERS[:3], name)
        notice = notices.send(name, USERS[:3])
        observe.wait_until(lambda: receiver.hung)
        notices.stub.Cancel(notices.m.CancelRequest(notice_id=notice))
        assert notices.states(name) == {"sending": 1, "cancelled": 2}
        receiver.released.set()
        notices.wait_states(name, cancelled=3)


def test_throttled_is_no_failed_try(notices):
    with Receiver(delivering.throttle(4)) as receiver:
        name = notices.channel(receiver, concurrency=1, schedule_ms=[3_600_000])
        notices.reach(USERS[:5], name)
        notices.send(name, USERS[:5])
        receiver.wait_count(1)
        observe.wait_until(lambda: ["waiting", "1"] in notices.rows(name, "state, attempts"))
        # The channel as a whole is left alone.
        assert sorted(notices.rows(name, "state, attempts, tries")) == [["waiting", "0", "0"]] * 4 + [
            ["waiting", "1", "0"]]
        receiver.behave = delivering.take
        notices.wait_states(name, sent=5)
    times = [m.at for m in receiver.got()]
    assert len(times) == 6 and times[1] - times[0] >= 3.95


def test_a_provider_that_fails_is_left_alone(notices, server):
    before = metric(server, "open_breakers")
    with Receiver(delivering.broken) as receiver:
        name = notices.channel(receiver, concurrency=1, schedule_ms=[50] * 20)
        notices.reach(USERS, name)
        notices.send(name, USERS)
        observe.wait_until(lambda: metric(server, "open_breakers") == before + 1)
        receiver.behave = delivering.take
        notices.wait_states(name, sent=len(USERS))
        observe.wait_until(lambda: metric(server, "open_breakers") == before)
    times = [m.at for m in receiver.got()]
    assert times[5] - times[4] >= 0.75


def test_other_settings_end_the_leaving_alone(notices, server):
    before = metric(server, "open_breakers")
    with Receiver(delivering.throttle(3600)) as bad, Receiver() as good:
        name = notices.channel(bad, concurrency=1)
        notices.reach(USERS[:10], name)
        notices.send(name, USERS[:10])
        observe.wait_until(lambda: metric(server, "open_breakers") == before + 1)
        notices.join(name + "-good", good.port)
        notices.put(name, settings={"service": name + "-good"})
        notices.wait_states(name, waiting=1, sent=9)
        assert len(good.got()) == 9
        observe.wait_until(lambda: metric(server, "open_breakers") == before)


def test_a_service_without_a_node_waits_for_one(notices):
    with Receiver() as receiver:
        name = notices.channel(None, schedule_ms=[50] * 20)
        notices.reach(USERS[:3], name)
        notices.send(name, USERS[:3])
        observe.wait_until(lambda: {row[0] for row in notices.rows(name, "code")} == {"no_node"})
        notices.join(name, receiver.port)
        notices.wait_states(name, sent=3)


def test_concurrency(notices):
    with Receiver(event_receivers.hang) as receiver:
        name = notices.channel(receiver, concurrency=7, timeout_ms=30_000)
        notices.reach(USERS, name)
        notices.send(name, USERS)
        observe.wait_until(lambda: len(receiver.hung) == 7)
        observe.wait_until(lambda: notices.states(name) == {"sending": 7, "waiting": len(USERS) - 7})
        receiver.behave = delivering.take
        receiver.released.set()
        notices.wait_states(name, sent=len(USERS))


def test_concurrency_of_those_that_are_fast(notices):
    """More are taken than the pace has room for, but no more are under way."""
    lock, under_way, most = threading.Lock(), [], []

    def take(receiver, connection, message):
        with lock:
            under_way.append(message)
            most.append(len(under_way))
        time.sleep(0.002)
        with lock:
            under_way.remove(message)
        delivering.take(receiver, connection, message)

    with Receiver(take) as receiver:
        name = notices.channel(receiver, concurrency=3)
        notices.reach(USERS, name)
        for _ in range(10):
            notices.send(name, USERS)
        notices.wait_states(name, sent=10 * len(USERS))
    assert len(most) == 10 * len(USERS) and max(most) == 3


def test_personal_and_in_their_language(notices):
    template = f"hello-{next(CHANNELS)}"
    notices.stub.PutTemplate(notices.m.PutTemplateRequest(template=template, variants=[
        notices.m.TemplateVariant(body="Hello {{user}}: {{title}}"),
        notices.m.TemplateVariant(language="de", body="Hallo {{user}}: {{title}}")]))
    with Receiver() as receiver:
        name = notices.channel(receiver)
        notices.sender.put_recipient("anna", "de-AT", **{name: "a"})
        notices.sender.put_recipient("bob", "en", **{name: "b"})
        notices.send(name, ["anna", "bob"], template=template, title="x")
        notices.wait_states(name, sent=2)
    assert {m.user: m.body["message"] for m in receiver.got()} == {
        "anna": "Hallo anna: x", "bob": "Hello bob: x"}


def test_attachments_in_memory_are_bounded(notices):
    """Mails of 34 MiB each: two of them are beyond 64 MiB, so one is under way at a time."""
    under_way, most = set(), []

    async def stay(server):
        under_way.add(server)
        most.append(len(under_way))
        try:
            await server.sink.over.wait()
        finally:
            under_way.remove(server)

    with smtp_sink.Sink(data_size_limit=1 << 30) as sink:
        sink.say["RCPT"] = stay
        name = "mail"
        notices.stub.PutChannel(notices.m.PutChannelRequest(
            channel=name, concurrency=8, timeout_ms=2500, schedule_ms=[3_600_000], settings=json.dumps(
                {"host": "127.0.0.1", "port": sink.port, "security": "none", "from": "a@example.org"})))
        for user in USERS[:4]:
            notices.sender.put_recipient(user, mail=f"{user}@example.org")
        large = ",".join(attaching.put(notices.sender, b"x" * (17 << 20)).attachment_id for _ in range(2))
        notices.send(name, USERS[:3], attachments=large)
        observe.wait_until(lambda: notices.rows(name, "state, attempts, tries") == [["waiting", "1", "1"]] * 3)
        assert len(most) == 3 and max(most) == 1
        small = attaching.put(notices.sender, b"x").attachment_id
        notices.send(name, USERS[:4], attachments=small)
        observe.wait_until(lambda: len(under_way) == 4)
