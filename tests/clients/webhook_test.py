"""Pushed events as subscribers take them: verified by the npm library of Standard Webhooks, sealed data
opened by libsodium in JavaScript."""

import base64
import json
import os

import pytest

import event_receivers as receivers
import npm
import pushing

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "webhook")
OLD, NEW, OTHER = bytes(range(24)), bytes(range(64)), bytes(32)


@pytest.fixture(scope="module")
def folder():
    with npm.installed(HERE) as folder:
        yield folder


@pytest.fixture
def push(database, channel, stubs):
    push = pushing.Pushing(database, stubs.event_grpc.EventStub(channel), stubs)
    yield push
    push.end()


def received(folder, pushes, *secrets, keys=None):
    """What the library says of each."""
    with open(os.path.join(folder, "pushes"), "w", encoding="utf-8") as file:
        json.dump([{"headers": p.headers, "body": p.body.decode(), "keys": keys,
                    "secrets": [pushing.whsec(s) for s in secrets]} for p in pushes], file)
    return json.loads(npm.run(folder, "receive.js", "pushes", "pushes"))


def test_each_secret_verifies_while_it_counts(push, server, database, folder):
    with receivers.Receiver() as receiver:
        name = push.subscribe(receiver, secrets=(OLD,))
        push.publish(f"{name}.a", '{"number":12345678901234567890.10,"text":"é😀\\u0000"}')
        receiver.wait_count(1)
        # Rotated: both for a while, then the new one alone.
        database.rows(f"""BEGIN; UPDATE event.secret SET expires_at = now() + interval '1 hour'
                WHERE subscription_id = (SELECT id FROM event.subscription WHERE name = '{name}');
            INSERT INTO event.secret SELECT id, {pushing.literal(NEW)} FROM event.subscription
                WHERE name = '{name}'; COMMIT;""")
        pushing.wait_known(server)
        push.publish(f"{name}.b", "null", event_id=f"{name}. %é ")
        receiver.wait_count(2)
        database.rows(f"""UPDATE event.secret SET expires_at = now() WHERE expires_at IS NOT NULL AND
            subscription_id = (SELECT id FROM event.subscription WHERE name = '{name}')""")
        pushing.wait_known(server)
        push.publish(f"{name}.c", '"' + "x" * 200000 + '"')
        receiver.wait_count(3)
        assert [one["verified"] for one in received(folder, receiver.got(), OLD, NEW, OTHER)] == [
            [True, False, False], [True, True, False], [False, True, False]]


@pytest.mark.parametrize("part", ["body", "webhook-id", "webhook-timestamp"])
def test_what_was_changed_on_the_way_does_not_verify(push, folder, part):
    with receivers.Receiver() as receiver:
        name = push.subscribe(receiver)
        push.publish(f"{name}.a", "1")
        one, = receiver.wait_count(1)
        if part == "body":
            one.body = one.body.replace(b'"data":1', b'"data":2')
        elif part == "webhook-id":
            one.headers[part] += "0"
        else:
            one.headers[part] = str(int(one.headers[part]) - 1)
        assert received(folder, [one], pushing.SECRET)[0]["verified"] == [False]


def test_sealed_data_is_opened_by_its_key_alone(push, folder):
    keys, others = (json.loads(npm.run(folder, "receive.js", "keys")) for _ in range(2))
    data = '{"z":1,"card":"4711 é😀","big":12345678901234567890}'
    with receivers.Receiver() as receiver:
        name = push.subscribe(receiver, push_key=base64.b64decode(keys["public"]), push_key_id="k1")
        push.publish(f"{name}.a", data)
        one, = receiver.wait_count(1)
        assert b"4711" not in one.body and one.data["$sealed"]["keyId"] == "k1"
        answer, = received(folder, [one], pushing.SECRET, keys=keys)
        assert answer == {"verified": [True], "opened": data}
        assert received(folder, [one], keys=others)[0]["opened"] is None
