"""Subscriptions, groups, deliveries and repair over HTTP: native, and document 003's list of events."""

import json

import pytest

from event_log import Log


@pytest.fixture(scope="module")
def log(database):
    return Log(database)


def good(answer):
    assert answer.status == 200, answer
    assert answer.headers["Content-Type"].startswith("application/json")
    return answer.json()


def refused(answer, status, code, message):
    assert answer.status == status, answer
    body = answer.json()
    assert (body["code"], body["message"]) == (code, message)


def put(bridge, path, value):
    return bridge.request("PUT", path, json.dumps(value))


SHOWN = {
    "name": "hook", "group": "shop", "patterns": ["order.*"],
    "conditions": [{"path": "a.b", "values": [1.00, "x", None]}], "target": "SUBSCRIPTION_TARGET_URL",
    "url": "http://127.0.0.1:1/hook", "service": "", "confirm": "CONFIRM_MODE_EXPLICIT",
    "ackWindowMs": "1000", "timeoutMs": "15000", "scheduleMs": ["1", "2"], "concurrency": 32, "rate": 0.5,
    "broadcast": False, "encryptStored": False, "pushKeyId": "", "origin": "api", "enabled": True,
    "disabledReason": ""}
GIVEN = {"name": "hook", "group": "shop", "patterns": ["order.*"],
         "conditions": [{"path": "a.b", "values": [1.00, "x", None]}], "url": "http://127.0.0.1:1/hook",
         "confirm": "CONFIRM_MODE_EXPLICIT", "ackWindowMs": "1000", "scheduleMs": [1, "2"], "rate": 0.5}


def test_a_subscription_from_its_registration_to_its_end(bridge):
    answer = good(bridge.post("/v1/event/subscriptions", GIVEN))
    shown = answer["subscription"]
    assert answer["secret"].startswith("whsec_") and set(answer) == {"subscription", "secret"}
    made = {key: shown.pop(key) for key in ("id", "createdAt", "updatedAt")}
    assert len(made["id"]) == 36 and made["createdAt"].isdigit()
    assert shown == SHOWN
    assert good(bridge.get("/v1/event/subscriptions?group=shop&pageSize=1")) == {
        "subscriptions": [{**SHOWN, **made}], "nextPageToken": ""}
    raw = bridge.get("/v1/event/subscriptions").body.decode()
    assert '"values":[1.0,"x",null]' in raw and "whsec" not in raw
    answer = good(bridge.post("/v1/event/subscriptions/hook/rotate-secret", {"overlapSeconds": 5}))
    assert answer["secret"].startswith("whsec_") and set(answer) == {"secret"}
    assert good(bridge.post("/v1/event/pause", {"subscription": "hook"})) == {}
    assert not good(bridge.get("/v1/event/subscriptions"))["subscriptions"][0]["enabled"]
    assert good(bridge.post("/v1/event/resume", {"subscription": "hook"})) == {}
    assert good(bridge.request("DELETE", "/v1/event/subscriptions/hook")) == {}
    refused(bridge.request("DELETE", "/v1/event/subscriptions/hook"), 404, 5, "no subscription hook")


def test_refusals(bridge):
    refused(bridge.post("/v1/event/subscriptions", {**GIVEN, "scheduleMs": [1, 2, 0]}), 400, 3,
            "schedule_ms[2]: must be 1 to 604800000")
    refused(bridge.post("/v1/event/subscriptions/no/rotate-secret", {}), 404, 5, "no subscription no")
    refused(put(bridge, "/v1/event/services/a%20b/subscriptions", {"events": ["a..b"]}), 400, 3,
            "events[0]: must not have an empty level")
    refused(bridge.get("/v1/event/deliveries?event=a..b"), 400, 3, "event: must not have an empty level")
    refused(bridge.get("/v1/event/events/no/transitions"), 404, 5, "eventId: no such event")
    refused(bridge.post("/v1/event/groups/no/replay", {}), 404, 5, "no group no")
    refused(bridge.post("/v1/event/pause", {}), 400, 3, "group: either it or a subscription is required")


def test_a_group_its_deliveries_and_their_repair(bridge, log):
    queue = log.queue("seen")
    position = log.publish("order.made", "o 1/2", queue)
    log.conclude(queue, position, log.lease(queue, position), "dead")

    def group():
        answer = good(bridge.get("/v1/event/groups"))
        assert set(answer) == {"groups", "nextPageToken"}
        return next(g for g in answer["groups"] if g["group"] == "seen")
    assert group() == {"group": "seen", "member": "", "paused": False, "open": "0", "lagMs": "0"}
    at = log.steps(position, "event.milliseconds(at), event.milliseconds(due)")
    delivery = {"event": "order.made", "eventId": "o 1/2", "group": "seen", "member": "",
                "state": "DELIVERY_STATE_DEAD", "attempt": 1, "at": at[1][0], "due": "0", "reason": "",
                "time": str(position >> 20)}
    for query in ("", "&state=DELIVERY_STATE_DEAD", "&event=order.*", "&eventId=o%201/2",
                  f"&beginTime={position >> 20}&endTime={position >> 20}"):
        assert good(bridge.get("/v1/event/deliveries?group=seen" + query)) == {
            "deliveries": [delivery], "nextPageToken": ""}
    transition = {"group": "seen", "member": "", "number": 1, "state": "DELIVERY_STATE_LEASED",
                  "at": at[0][0], "due": at[0][1], "attempt": 1, "holder": "test-1", "subscription": "",
                  "status": 0, "code": "", "latencyMs": 0, "reason": "", "confirmedBy": ""}
    assert good(bridge.get("/v1/event/events/o%201%2F2/transitions")) == {"transitions": [
        transition, {**transition, "number": 2, "state": "DELIVERY_STATE_DEAD", "at": at[1][0], "due": "0",
                     "status": 200, "code": "200", "latencyMs": 1.5}]}
    assert good(bridge.post("/v1/event/groups/seen/replay", {"states": ["DELIVERY_STATE_DEAD"]})) == {
        "replayed": "1"}
    assert good(bridge.post("/v1/event/groups/seen/replay", {})) == {"replayed": "0"}
    assert good(bridge.post("/v1/event/pause", {"group": "seen"})) == {}
    got = group()
    assert (got["paused"], got["open"], int(got["lagMs"]) >= 0) == (True, "1", True)
    assert good(bridge.post("/v1/event/resume", {"group": "seen"})) == {}


def test_events_of_a_service(bridge):
    def events(service="demo"):
        answer = bridge.get("/mw/events?service=" + service)
        assert answer.status == 200, answer
        return answer.body.decode()
    good(bridge.post("/v1/server/demo/register", {"host": "127.0.0.1", "port": 1}))
    assert events() == "[]"
    assert good(put(bridge, "/v1/event/services/demo/subscriptions", {"events": ["user.created", "user.*"]})) == {
        "added": 2, "removed": 0}
    assert events() == events("Demo") == (
        '[{"name":"user.*","group":"demo","available":true,"event":{"name":"user.*"}},'
        '{"name":"user.created","group":"demo","available":true,"event":{"name":"user.created"}}]')
    good(bridge.post("/v1/event/pause", {"subscription": "demo:user.*"}))
    assert events().startswith(
        '[{"name":"user.*","group":"demo","available":false,"event":{"name":"user.*"}},')
    assert good(put(bridge, "/v1/event/services/demo/subscriptions", {"events": []})) == {
        "added": 0, "removed": 2}
    assert events() == "[]"
    assert bridge.get("/mw/events?service=nobody").status == 404
