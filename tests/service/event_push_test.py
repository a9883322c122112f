"""Events that are pushed: what receivers get, and what their answers do."""

import base64
import email.utils
import hashlib
import hmac
import json
import re
import time

import pytest

import event_receivers as receivers
import observe
import postgres
import programs
import pushing

TRACE = "0af7651916cd43dd8448eb211c80319c"
DAY_MS = 86400000


@pytest.fixture(scope="module")
def stub(channel, stubs):
    return stubs.event_grpc.EventStub(channel)


@pytest.fixture
def push(database, stub, stubs):
    push = pushing.Pushing(database, stub, stubs)
    yield push
    push.end()


@pytest.fixture
def barrier(push, server):
    """What was there before has been seen: another group gets what is published now."""
    with receivers.Receiver() as receiver:
        name = push.subscribe(receiver)

        def wait():
            pushing.wait_known(server)
            event_id = push.publish(f"{name}.now")
            observe.wait_until(lambda: event_id in [p.event_id for p in receiver.got()])
        yield wait


def received(receiver, count=1):
    receiver.wait_count(count)
    return receiver.got()


def open_breakers(server):
    return observe.value(server, "junction_event_push_open_breakers")


# --- the request ------------------------------------------------------------------------------


@pytest.mark.parametrize("data", [
    "null", "0", '"\\u00e9\\ud83d\\ude00é😀\\/"', '{"z":1,"a":{"y":2,"b":3},"":[]}',
    '{"n":[12345678901234567890123, 1.10, 1e400, -0.0, 0.1e-7]}', ' [ 1 ,\t2\n] ',
    '"' + "x" * 100000 + '"'])
def test_data_is_carried_byte_for_byte(push, data):
    with receivers.Receiver() as receiver:
        name = push.subscribe(receiver)
        event_id = push.publish(f"{name}.a", data)
        one, = received(receiver)
        assert one.method == "POST" and one.path == "/in"
        assert one.body == (f'{{"event":"{name}.a","eventId":"{event_id}","data":'
                            + data + "}").encode()


def test_headers_say_whose_attempt_it_is(push):
    with receivers.Receiver() as receiver:
        name = push.subscribe(receiver, group="中 %.a")
        event_id = push.publish(f"{name}.a", metadata=[
            ("traceparent", f"00-{TRACE}-b7ad6b7169203331-01")])
        one, = received(receiver)
        assert one.headers["content-type"] == "application/json"
        assert one.headers["content-length"] == str(len(one.body))
        assert one.headers["webhook-id"] == event_id
        assert abs(int(one.headers["webhook-timestamp"]) - time.time()) < 60
        assert one.headers["junction-group"] == "%E4%B8%AD%20%25.a"
        assert one.headers["junction-attempt"] == "1"
        version, trace, span, flags = one.headers["traceparent"].split("-")
        assert (version, trace, flags) == ("00", TRACE, "01")
        assert re.fullmatch("[0-9a-f]{16}", span) and span != "b7ad6b7169203331"
        assert one.headers["user-agent"].startswith("junction/")
        assert "expect" not in one.headers


def signatures(one, *secrets):
    """What a receiver finds with these."""
    signed = f"{one.headers['webhook-id']}.{one.headers['webhook-timestamp']}.".encode() + one.body
    return ["v1," + base64.b64encode(hmac.digest(s, signed, hashlib.sha256)).decode() for s in secrets]


def test_each_secret_that_counts_signs(push, database):
    new, old, expired = bytes([1]) * 24, bytes([2]) * 64, bytes([3]) * 32
    with receivers.Receiver() as receiver:
        name = push.subscribe(receiver, secrets=(new, old))
        database.rows(f"""INSERT INTO event.secret SELECT id, {pushing.literal(expired)},
            now() - interval '1 day', now() - interval '1 hour'
            FROM event.subscription WHERE name = '{name}'""")
        push.publish(f"{name}.a")
        one, = received(receiver)
        assert one.headers["webhook-signature"].split(" ") == signatures(one, new, old)


def test_an_id_is_sent_as_a_header_can_carry_it(push):
    with receivers.Receiver() as receiver:
        name = push.subscribe(receiver)
        push.publish(f"{name}.a", event_id=f" {name}.1700000000.é%\" ")
        one, = received(receiver)
        assert one.event_id == f" {name}.1700000000.é%\" "
        assert one.headers["webhook-id"] == f"%20{name}%2E1700000000%2E%C3%A9%25\"%20"
        assert one.headers["webhook-signature"].split(" ") == signatures(one, pushing.SECRET)


def test_data_is_pushed_sealed(push):
    with receivers.Receiver() as receiver:
        name = push.subscribe(receiver, push_key=bytes([9]) * 32, push_key_id='my "key"')
        push.publish(f"{name}.a", '{"card":"4711"}')
        one, = received(receiver)
        assert b"4711" not in one.body
        assert list(one.data) == ["$sealed"] and list(one.data["$sealed"]) == ["keyId", "box"]
        assert one.data["$sealed"]["keyId"] == 'my "key"'
        assert len(base64.b64decode(one.data["$sealed"]["box"])) == len('{"card":"4711"}') + 48


@pytest.fixture
def key_file(tmp_path):
    path = tmp_path / "keys"
    path.write_text("k1 " + base64.b64encode(bytes(range(32))).decode() + "\n")
    return str(path)


def test_data_that_is_stored_sealed_is_pushed_open(cluster_url, stubs, key_file):
    with programs.Database(cluster_url) as database:
        database.rows("INSERT INTO auth.first_start DEFAULT VALUES")
        server = programs.Server(database.url, "--key-file", key_file)
        try:
            with server.channel() as channel, receivers.Receiver() as receiver:
                push = pushing.Pushing(database, stubs.event_grpc.EventStub(channel), stubs)
                name = push.subscribe(receiver, encrypt_stored="true")
                push.publish(f"{name}.a", '{"card":"4711"}')
                one, = received(receiver)
                assert one.data == {"card": "4711"}
                assert database.rows("SELECT data IS NULL, key_id FROM event.event") == [["t", "k1"]]
        finally:
            server.stop()


def test_without_the_key_the_attempt_fails_and_says_so(push, database, stubs, key_file):
    other = programs.Server(database.url, "--key-file", key_file, "--event-member-ms", "0")
    try:
        with other.channel() as channel, receivers.Receiver() as receiver:
            name = push.subscribe(receiver, encrypt_stored="true", schedule_ms=[1])
            publisher = pushing.Pushing(database, stubs.event_grpc.EventStub(channel), stubs)
            steps = push.wait_step(publisher.publish(f"{name}.a", "4711"), name, "dead")
            assert {s.reason for s in steps[1::2]} == {
                "its data is sealed with a key that this server does not have"}
            assert [s.latency for s in steps] == [None] * 4 and receiver.got() == []
    finally:
        other.stop()


def test_no_secret_gets_out(push, server, database):
    with receivers.Receiver(receivers.fail) as receiver:
        name = push.subscribe(receiver.url("/in?token=verysecret"), schedule_ms=[])
        event_id = push.publish(f"{name}.a")
        push.wait_step(event_id, name, "dead")
        receiver.behave = receivers.gone
        push.wait_step(push.publish(f"{name}.b"), name, "dead")
        observe.wait_logged(server, "subscription disabled", subscription=name)
    log = server.log_text()
    shown = json.dumps(push.steps(event_id, name))
    for word in ("verysecret", pushing.SECRET.hex(), base64.b64encode(pushing.SECRET).decode()):
        assert word not in log and word not in shown


# --- the answer -------------------------------------------------------------------------------


def ok(body, headers=""):
    return receivers.answer(200, body, headers)


ANSWERS = {  # behaviour: state, status, code, reason
    "code text": (receivers.take, "delivered", 200, "200", ""),
    "code number": (ok(b'{"message":"ok","code":200}'), "delivered", 200, "200", ""),
    "any 2xx": (receivers.answer(202, b'{"code":"200"}'), "delivered", 202, "200", ""),
    "no code": (ok(b'{"message":"fine"}'), "dead", 200, "", "answered 200 without a code: fine"),
    "another code": (receivers.lie, "dead", 200, "500", 'answered 200 with code "500": not really'),
    "no JSON": (receivers.page, "dead", 200, "", "answered 200 with something else than JSON: .*byte.*"),
    "no object": (ok(b'["200"]'), "dead", 200, "", "answered 200 with JSON that is no object"),
    "empty": (receivers.answer(204), "dead", 204, "", "answered 204 without a body"),
    "control characters": (ok(b'{"code":"\\u0000\\n\\ud83d\\ude00","message":"\\u001b[31m\\u0000"}'),
                           "dead", 200, "  😀", 'answered 200 with code .*:  \\[31m '),
    "redirect": (receivers.redirect("http://127.0.0.1:1/"), "dead", 307, "",
                 "answered 307, and redirects are not followed"),
    "failure": (receivers.answer(500, b'{"code":"200","msg":"full"}'), "dead", 500, "200",
                'answered 500 with code "200": full'),
    "closes": (receivers.close, "dead", None, "", "127.0.0.1:[0-9]+ broke off before its answer: .*"),
    "resets": (receivers.reset, "dead", None, "", "127.0.0.1:[0-9]+ broke off before its answer: .*"),
    "breaks off": (receivers.break_off, "dead", None, "", "127.0.0.1:[0-9]+ broke off its answer: .*"),
    "hangs": (receivers.hang, "dead", None, "", "127.0.0.1:[0-9]+ did not answer: timed out after .*"),
    "trickles": (receivers.trickle, "dead", None, "", "127.0.0.1:[0-9]+ did not .*: timed out after .*"),
    "no HTTP": (lambda r, connection, p: connection.sendall(b"SSH-2.0-x\r\n") or True, "dead", None, "",
                "127.0.0.1:[0-9]+ does not answer in HTTP"),
    "largest": (ok(b'{"code":200}' + b" " * (65536 - 12)), "delivered", 200, "200", ""),
    "too large": (ok(b'{"code":200}' + b" " * (65536 - 11)), "dead", None, "",
                  "the answer of 127.0.0.1:[0-9]+ is too large: its body is beyond 65536 bytes"),
}


@pytest.mark.parametrize("answer", ANSWERS)
def test_what_an_answer_means(push, server, answer):
    behave, state, status, code, reason = ANSWERS[answer]
    outcome = {"delivered": "delivered"}.get(state, "refused" if status else "unanswered")
    before = observe.value(server, "junction_event_pushes_total", outcome=outcome)
    with receivers.Receiver(behave) as receiver:
        hanging = answer in ("hangs", "trickles")
        name = push.subscribe(receiver, schedule_ms=[], timeout_ms=1500 if hanging else 20000)
        leased, ended = push.wait_step(push.publish(f"{name}.a"), name, state)
        assert leased.state == "leased" and leased.subscription == name and leased.holder
        assert leased.due_in == pytest.approx((1500 if hanging else 20000) + 5000, abs=1)
        assert (ended.attempt, ended.status, ended.code) == (1, status, code)
        assert re.fullmatch(reason, ended.reason) and ended.latency > 0 and ended.due_in is None
        assert ended.holder == leased.holder and ended.subscription == name
        assert not hanging or ended.latency >= 1490  # by curl's clock
    assert observe.value(server, "junction_event_pushes_total", outcome=outcome) > before


@pytest.mark.parametrize("url, reason", [
    ("http://169.254.169.254/latest", "Junction may not connect to 169.254.169.254:80: "
     "169.254.169.254 is link-local"),
    ("http://[::ffff:169.254.1.1]:81/", r"Junction may not connect to .*: .* is link-local"),
    ("http://nobody.invalid/", "nobody.invalid:80 was not reached: the name cannot be resolved"),
    ("http://127.0.0.1:{free}/", "127.0.0.1:{free} was not reached: connection refused"),
    ("ftp://127.0.0.1/", ".*")])
def test_what_cannot_be_reached(push, url, reason):
    free = programs.free_port()
    name = push.subscribe(url.replace("{free}", str(free)), schedule_ms=[])
    _, ended = push.wait_step(push.publish(f"{name}.a"), name, "dead")
    assert (ended.status, ended.code) == (None, "")
    assert re.fullmatch(reason.replace("{free}", str(free)), ended.reason)


def test_junction_does_not_push_to_itself(push, server):
    name = push.subscribe(f"http://{server.address}/", schedule_ms=[])
    _, ended = push.wait_step(push.publish(f"{name}.a"), name, "dead")
    assert "an address that Junction itself listens on" in ended.reason


# --- tried again ------------------------------------------------------------------------------


def test_it_is_tried_again_by_the_schedule_until_it_is_dead(push):
    with receivers.Receiver(receivers.fail) as receiver:
        name = push.subscribe(receiver, schedule_ms=[20, 40, 30])
        event_id = push.publish(f"{name}.a", "1")
        steps = push.wait_step(event_id, name, "dead")
        assert [s.state for s in steps] == ["leased", "failed"] * 3 + ["leased", "dead"]
        assert [s.number for s in steps] == list(range(1, 9))
        assert [s.attempt for s in steps] == [1, 1, 2, 2, 3, 3, 4, 4]
        for step, ms in zip(steps[1:6:2], [20, 40, 30]):
            assert 0.9 * ms - 1 <= step.due_in <= 1.1 * ms + 1
        for step in steps[1::2]:
            assert step.status == 500 and step.reason == "answered 500" and step.latency > 0
        assert [p.attempt for p in receiver.got()] == [1, 2, 3, 4]
        assert {p.event_id for p in receiver.got()} == {event_id}
        # Each attempt is signed at its own time, under the same id.
        assert {p.headers["webhook-id"] for p in receiver.got()} == {event_id}
        assert len({p.headers["traceparent"].split("-")[2] for p in receiver.got()}) == 4


def test_what_is_taken_at_last_is_delivered(push):
    with receivers.Receiver(receivers.fail) as receiver:
        name = push.subscribe(receiver, schedule_ms=[1] * 50)
        event_id = push.publish(f"{name}.a")
        receiver.wait_count(1)
        receiver.behave = receivers.take
        steps = push.wait_step(event_id, name, "delivered")
        assert steps[-1].attempt == len(receiver.got())


def test_an_explicit_subscription_waits_for_its_confirmation(push, stub, stubs):
    with receivers.Receiver() as receiver:
        name = push.subscribe(receiver, confirm="explicit", ack_window_ms=3600000)
        event_id = push.publish(f"{name}.a")
        steps = push.wait_step(event_id, name, "delivered")
        assert steps[-1].due_in == pytest.approx(3600000, abs=1)
        stub.Confirm(stubs.event.ConfirmRequest(event=f"{name}.a", event_id=event_id, group=name))
        push.wait_step(event_id, name, "confirmed")


@pytest.mark.parametrize("status, form, ms", [
    (503, lambda: "3600", 3600000), (429, lambda: "1800", 1800000), (500, lambda: "3600", 3600000),
    (503, lambda: email.utils.formatdate(time.time() + 3600, usegmt=True), 3600000),
    (503, lambda: "31536000", DAY_MS), (503, lambda: "1", 10000), (503, lambda: "soon", 10000)])
def test_retry_after_is_waited_for(push, status, form, ms):
    behave = receivers.answer(status, headers=f"Retry-After: {form()}\r\n")
    with receivers.Receiver(behave) as receiver:
        name = push.subscribe(receiver, schedule_ms=[10000, 10000])
        failed = push.wait_step(push.publish(f"{name}.a"), name, "failed")[-1]
        if ms == 10000:
            assert 9000 <= failed.due_in <= 11000
        else:
            assert ms - 60000 < failed.due_in <= ms + 1


def test_a_target_that_asks_for_it_is_left_alone(push, server, barrier):
    before = open_breakers(server)
    with receivers.Receiver(receivers.answer(503, headers="Retry-After: 3600\r\n")) as receiver:
        name = push.subscribe(receiver, schedule_ms=[5])
        first = push.publish(f"{name}.a")
        push.wait_step(first, name, "failed")
        assert open_breakers(server) == before + 1
        second = push.publish(f"{name}.b")
        barrier()
        assert len(receiver.got()) == 1
        assert [s.state for s in push.steps(second, name) if s.attempt] == []
        # To disable it, or to register it anew, makes it forget that.
        push.change(name, enabled="false")
        observe.wait_until(lambda: open_breakers(server) == before)
        receiver.behave = receivers.take
        push.change(name, enabled="true")
        push.wait_step(second, name, "delivered")


def test_410_disables_the_subscription(push, server, database, barrier):
    with receivers.Receiver(receivers.gone) as receiver:
        name = push.subscribe(receiver.url("/in?token=hidden"), schedule_ms=[3600000])
        failed = push.wait_step(push.publish(f"{name}.a"), name, "failed")[-1]
        assert (failed.status, failed.reason) == (410, "answered 410: it wants no more events")
        line, = observe.wait_logged(server, "subscription disabled", subscription=name)
        assert line["level"] == "warn" and line["namespace"] == "default"
        assert line["reason"] == "its target answered 410 (Gone)" and "hidden" not in str(line)
        assert database.rows(f"SELECT enabled, disabled_reason FROM event.subscription "
                             f"WHERE name = '{name}'") == [["f", "its target answered 410 (Gone)"]]
        second = push.publish(f"{name}.b")
        barrier()
        assert len(receiver.got()) == 1 and push.states(name) == {"failed": 1, "waiting": 1}
        receiver.behave = receivers.take
        push.change(name, enabled="true")
        push.wait_step(second, name, "delivered")


def test_410_of_where_it_pointed_before_does_not_count(push, database):
    def gone_at_last(receiver, connection, one):
        with receiver.hanging(one):
            receiver.released.wait()
        receivers.gone(receiver, connection, one)
    with receivers.Receiver(gone_at_last) as old, receivers.Receiver() as new:
        name = push.subscribe(old, schedule_ms=[1])
        event_id = push.publish(f"{name}.a")
        observe.wait_until(lambda: old.hung)
        push.change(name, url=new.url("/in"))
        old.released.set()
        steps = push.wait_step(event_id, name, "delivered")
        assert [s.status for s in steps] == [None, 410, None, 200]
        assert database.rows(f"SELECT enabled FROM event.subscription WHERE name = '{name}'") == [["t"]]


# --- pace -------------------------------------------------------------------------------------


def test_so_many_attempts_are_under_way_at_a_time(push, barrier):
    with receivers.Receiver(receivers.hang) as receiver:
        name = push.subscribe(receiver, concurrency=3)
        push.publish_many(f"{name}.a", 12)
        observe.wait_until(lambda: len(receiver.hung) == 3)
        barrier()
        assert len(receiver.got()) == 3
        # A new limit counts at once.
        push.change(name, concurrency=5)
        observe.wait_until(lambda: len(receiver.hung) == 5)
        barrier()
        assert len(receiver.got()) == 5
        receiver.released.set()
        push.wait_states(name, delivered=12)
        assert len(receiver.got()) == 12


def test_what_comes_beyond_a_new_limit_is_given_back(push, server, database, barrier):
    given_back = observe.value(server, "junction_event_pushes_total", outcome="given_back")
    with receivers.Receiver(receivers.hang) as receiver:
        # All are there before the first is taken.
        name = push.subscribe(receiver, concurrency=8, enabled="false")
        push.publish_many(f"{name}.a", 8)
        with postgres.Session(database.url) as session:
            session.run("BEGIN; LOCK TABLE event.transition IN SHARE MODE;")
            push.change(name, enabled="true")
            observe.wait_until(lambda: database.rows(
                "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = "
                "current_database() AND query LIKE '%event.lease(%'"))
            push.change(name, concurrency=1)
            pushing.wait_known(server)
        observe.wait_until(lambda: receiver.hung)
        barrier()
        assert len(receiver.got()) == 1
        observe.wait_until(lambda: observe.value(
            server, "junction_event_pushes_total", outcome="given_back") >= given_back + 7)
        receiver.released.set()
        push.wait_states(name, delivered=8)
        assert push.attempts(name) == len(receiver.got()) == 8
        assert {p.attempt for p in receiver.got()} == {1}


def test_so_many_attempts_begin_in_a_second(push):
    with receivers.Receiver() as receiver:
        name = push.subscribe(receiver, concurrency=100, rate=20)
        before = time.monotonic()
        push.publish_many(f"{name}.a", 30)
        receiver.wait_count(30)
        # Two may begin at once, and one each twentieth of a second from then on.
        assert max(p.at for p in receiver.got()) - before >= 28 / 20
        assert len(receiver.got()) == 30


def test_a_dead_target_is_left_alone_and_burns_no_attempts(push, server, barrier):
    before = open_breakers(server)
    with receivers.Receiver(receivers.fail) as receiver:
        name = push.subscribe(receiver, concurrency=8, schedule_ms=[1] * 100)
        push.publish_many(f"{name}.a", 40)
        observe.wait_until(lambda: open_breakers(server) == before + 1)
        # Each time it is asked for one event; twice it fails, then it recovers.
        seen = 0
        while seen < 2:
            barrier()
            count = len(receiver.got())
            observe.wait_until(lambda: len(receiver.got()) > count)
            barrier()
            if len(receiver.got()) == count + 1:
                seen += 1
            else:
                assert seen == 0 and count < 5 + 8  # those that were under way when it opened
        assert open_breakers(server) == before + 1
        receiver.behave = receivers.take
        push.wait_states(name, delivered=40)
        assert open_breakers(server) == before
        assert push.attempts(name) == len(receiver.got())


def test_a_dead_target_holds_up_no_other(push):
    with receivers.Receiver(receivers.hang) as dead, receivers.Receiver() as other:
        stuck = push.subscribe(dead, concurrency=200, timeout_ms=300000)
        fine = push.subscribe(other, pattern=f"{stuck}.**")
        push.publish_many(f"{stuck}.a", 300)
        push.wait_states(fine, delivered=300)
        observe.wait_until(lambda: len(dead.hung) == 200)
        push.publish_many(f"{stuck}.b", 300)
        push.wait_states(fine, delivered=600)
        assert len(dead.got()) == 200
        push.change(stuck, enabled="false")
        dead.released.set()


def test_members_of_a_group_share_its_events(push):
    with receivers.Receiver() as a, receivers.Receiver() as b:
        first = push.subscribe(a, concurrency=1)
        push.subscribe(b, group=first, pattern=f"{first}.**", concurrency=1)
        ids = push.publish_many(f"{first}.a", 60)
        push.wait_states(first, delivered=60)
        got = [p.event_id for r in (a, b) for p in r.got()]
        assert sorted(got) == sorted(ids)
        assert a.got() and b.got()


# --- changes ----------------------------------------------------------------------------------


def test_url_and_secrets_count_from_the_next_attempt(push, database):
    with receivers.Receiver(receivers.fail) as old, receivers.Receiver() as new:
        name = push.subscribe(old, schedule_ms=[1] * 100)
        event_id = push.publish(f"{name}.a")
        old.wait_count(1)
        database.rows(f"""BEGIN;
            UPDATE event.subscription SET url = '{new.url("/new")}' WHERE name = '{name}';
            UPDATE event.secret SET secret = {pushing.literal(bytes(24))} WHERE subscription_id =
                (SELECT id FROM event.subscription WHERE name = '{name}'); COMMIT;""")
        push.wait_step(event_id, name, "delivered")
        one, = new.got()
        assert one.path == "/new" and one.attempt == len(old.got()) + 1
        assert one.headers["webhook-signature"].split(" ") == signatures(one, bytes(24))


def test_a_new_timeout_counts_from_the_next_attempt(push, barrier):
    with receivers.Receiver() as receiver:
        name = push.subscribe(receiver, timeout_ms=20000)
        assert push.wait_step(push.publish(f"{name}.a"), name, "delivered")[0].due_in == \
            pytest.approx(25000, abs=1)
        push.change(name, timeout_ms=1500)
        barrier()
        receiver.behave = receivers.hang
        steps = push.wait_step(push.publish(f"{name}.b"), name, "failed")
        assert steps[0].due_in == pytest.approx(6500, abs=1)
        assert steps[1].latency >= 1490 and "timed out" in steps[1].reason


def test_a_new_url_is_asked_at_once(push, server):
    before = open_breakers(server)
    with receivers.Receiver(receivers.answer(503, headers="Retry-After: 3600\r\n")) as old, \
            receivers.Receiver() as new:
        name = push.subscribe(old)
        push.wait_step(push.publish(f"{name}.a"), name, "failed")
        assert open_breakers(server) == before + 1
        second = push.publish(f"{name}.b")
        push.change(name, url=new.url("/in"))
        push.wait_step(second, name, "delivered")
        assert open_breakers(server) == before and len(old.got()) == 1


def test_what_is_paused_or_disabled_waits(push, server, database, barrier):
    with receivers.Receiver() as receiver:
        name = push.subscribe(receiver)
        push.wait_step(push.publish(f"{name}.a"), name, "delivered")
        for stop, go in (
                (f"UPDATE event.subscription SET enabled = false WHERE name = '{name}'",
                 f"UPDATE event.subscription SET enabled = true WHERE name = '{name}'"),
                (f"UPDATE event.queue SET paused = true WHERE group_name = '{name}'",
                 f"UPDATE event.queue SET paused = false WHERE group_name = '{name}'")):
            count = len(receiver.got())
            database.rows(stop)
            pushing.wait_known(server)
            event_id = push.publish(f"{name}.b")
            barrier()
            assert len(receiver.got()) == count
            assert push.steps(event_id, name) == []
            database.rows(go)
            push.wait_step(event_id, name, "delivered")


def test_a_subscription_that_goes_lets_what_is_under_way_end(push, database, barrier):
    with receivers.Receiver(receivers.hang) as receiver:
        name = push.subscribe(receiver, concurrency=1, schedule_ms=[3600000])
        first, second = push.publish_many(f"{name}.a", 2)
        observe.wait_until(lambda: receiver.hung)
        database.rows(f"DELETE FROM event.subscription WHERE name = '{name}'")
        barrier()
        receiver.released.set()
        push.wait_step(first, name, "delivered")
        barrier()
        assert push.steps(second, name) == []


# --- services ---------------------------------------------------------------------------------


@pytest.fixture
def nodes(registry, stubs):
    """nodes(service, node, receiver or None): registers it, or takes it away."""
    def put(service, node, receiver):
        if receiver:
            registry.RegisterNode(stubs.registry.RegisterNodeRequest(
                service=service, node=node, host="127.0.0.1", port=receiver.port))
        else:
            registry.DeregisterNode(stubs.registry.DeregisterNodeRequest(service=service, node=node))
    return put


def test_nodes_of_a_service_take_turns(push, nodes, registry):
    with receivers.Receiver() as a, receivers.Receiver() as b:
        name = push.subscribe(target="service", service="Push-Nodes", concurrency=1)
        nodes("push-nodes", "a-1", a)
        nodes("push-nodes", "b-1", b)
        push.publish_many(f"{name}.a", 20)
        push.wait_states(name, delivered=20)
        assert (len(a.got()), len(b.got())) == (10, 10)
        assert {p.path for p in a.got()} == {"/mw/event/notification"}
        nodes("push-nodes", "a-1", None)
        push.publish_many(f"{name}.b", 5)
        push.wait_states(name, delivered=25)
        assert (len(a.got()), len(b.got())) == (10, 15)


def test_without_a_node_events_wait_and_burn_no_attempts(push, nodes, server, barrier):
    before = open_breakers(server)
    given_back = observe.value(server, "junction_event_pushes_total", outcome="given_back")
    with receivers.Receiver() as receiver:
        name = push.subscribe(target="service", service="push-late", schedule_ms=[])
        ids = push.publish_many(f"{name}.a", 10)
        observe.wait_until(lambda: open_breakers(server) == before + 1)
        barrier()
        assert observe.value(server, "junction_event_pushes_total", outcome="given_back") > given_back
        for event_id in ids:
            assert {s.state for s in push.steps(event_id, name)} <= {"leased", "waiting"}
        nodes("push-late", "a-1", receiver)
        push.wait_states(name, delivered=10)
        for event_id in ids:
            steps = push.steps(event_id, name)
            assert steps[-1].attempt == 1
            assert all(s.attempt == 0 and s.latency is None for s in steps if s.state == "waiting")
        assert {p.attempt for p in receiver.got()} == {1}
        assert open_breakers(server) == before
