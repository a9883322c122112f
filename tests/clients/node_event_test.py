"""Events, as a client in JavaScript publishes, receives and confirms them (grpc-js)."""

import json
import os

import pytest

import npm
import programs

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "node")


@pytest.fixture(scope="module")
def seen(server):
    folders = [os.path.join(programs.ROOT, "proto"), "/usr/include"]
    with npm.installed(HERE) as copy:
        return json.loads(npm.run(copy, "event.js", server.address, *folders))


def test_a_repeated_publication_is_the_first_one(seen):
    assert (seen["first"]["repeated"], seen["again"]["repeated"]) == (False, True)
    assert seen["first"]["eventId"] == seen["again"]["eventId"] == "node-1"
    assert int(seen["first"]["cursor"]) == int(seen["again"]["cursor"]) > 0
    assert seen["conflict"]["code"] == 6


def test_an_event_comes_as_it_was_published(seen):
    event = seen["received"]
    assert (event["event"], event["eventId"], event["key"], event["attempt"]) == ("node.made", "node-1", "k", 1)
    assert event["data"] == seen["data"]


def test_a_confirmation_tells_how_the_delivery_stands(seen):
    assert [(d["group"], d["state"]) for d in seen["refusal"]] == [("node", "DELIVERY_STATE_FAILED")]
    assert [(d["group"], d["state"]) for d in seen["confirmation"]] == [("node", "DELIVERY_STATE_CONFIRMED")]
    assert seen["contradiction"]["code"] == 6


def test_a_batch_tells_of_each_event(seen):
    good, bad, also_good = seen["batch"]
    assert int(good["published"]["cursor"]) < int(also_good["published"]["cursor"])
    assert bad["published"] is None and bad["error"]["code"] == 3
    assert bad["error"]["message"].startswith("event: ")


def test_a_stream_tells_how_many(seen):
    assert (seen["stream"]["published"], seen["stream"]["refused"]) == ("3", "0")


def test_a_group_gets_each_and_the_log_has_all_in_order(seen):
    assert sorted(seen["shared"]) == ["1", "2", "3", "4", "5"]
    assert seen["log"] == [seen["data"], "1", "2", "3", "4", "5"]
    assert seen["resumed"] == ["4", "5"]
