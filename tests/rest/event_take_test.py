"""GET /mw/event and /mw/event/confirm: document 003's answers, to the letter."""

import json

import pytest

from event_log import Log

DATA = '{"n":1.000, "list":[ 1e2,"\\u00e4ä" ] ,"b":{}}'
SUCCESS = '{"code":"200","message":"success","mssage":"success",'


@pytest.fixture(scope="module")
def log(database):
    return Log(database)


def body(answer, status=200):
    assert answer.status == status, answer
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    # Both are GETs that change something.
    assert answer.headers["Cache-Control"] == "no-store"
    return answer.body.decode()


def refused(answer, status, message):
    assert json.loads(body(answer, status)) == {
        "code": str(status), "message": message, "mssage": message}


def test_pull(bridge, log):
    queue = log.queue("pull")
    for i in range(3):
        log.publish("a.b", f"p{i}", queue, data=DATA if i < 2 else "null")
    assert body(bridge.get("/mw/event?group=pull")) == (
        SUCCESS + f'"event":"a.b","eventId":"p0","data":{DATA},"success":false,"attempt":1}}')
    assert body(bridge.get("/mw/event/?group=pull&limit=5")) == (
        SUCCESS + f'"event":"a.b","eventId":"p1","data":{DATA},"success":false,"attempt":1,"events":['
        f'{{"event":"a.b","eventId":"p1","data":{DATA},"success":false,"attempt":1}},'
        '{"event":"a.b","eventId":"p2","data":null,"success":false,"attempt":1}]}')
    nothing = SUCCESS + '"event":"","eventId":"","data":null,"success":false,"attempt":0}'
    for query in ("?group=pull", "?group=pull&limit=5", "?group=pull&success=true",
                  "?group=pull&success=false", "?group=nobody", ""):
        assert body(bridge.get("/mw/event" + query)) == nothing


def test_by_its_id(bridge, log):
    log.publish("a.b", "one", log.queue("by id"), data=DATA)
    assert body(bridge.get("/mw/event?eventId=one")) == (
        SUCCESS + f'"event":"a.b","eventId":"one","data":{DATA},"success":false,"attempt":0}}')
    body(bridge.get("/mw/event/confirm?event=a.b&eventId=one"))
    for query in ("eventId=one", "eventId=one&group=by%20id", "group=by%20id&success=true"):
        assert body(bridge.get("/mw/event?" + query)) == (
            SUCCESS + f'"event":"a.b","eventId":"one","data":{DATA},"success":true,"attempt":1}}')
    refused(bridge.get("/mw/event?eventId=no"), 404, "eventId: no such event")
    refused(bridge.get("/mw/event?limit=0"), 400, "limit: must be 1 to 100")


def test_confirm(bridge, log):
    queues = [log.queue("c1"), log.queue("c2")]
    position = log.publish("a.b", "c", *queues)
    time = log.value(f"SELECT event.milliseconds(time) FROM event.event WHERE position = {position}")
    answer = body(bridge.get("/mw/event/confirm?event=a.b&eventId=c&group=c1&success=false"))
    ((at, due),) = log.steps(position, "event.milliseconds(at), event.milliseconds(due)")
    assert answer == (
        SUCCESS + '"deliveries":[{"event":"a.b","eventId":"c","group":"c1","member":"",'
        f'"state":"DELIVERY_STATE_FAILED","attempt":1,"at":{at},"due":{due},'
        f'"reason":"refused by its receiver","time":{time}}}]}}')
    answer = json.loads(body(bridge.get("/mw/event/confirm?event=a.b&eventId=c")))
    assert [(d["group"], d["state"], d["due"]) for d in answer["deliveries"]] == [
        ("c1", "DELIVERY_STATE_CONFIRMED", 0), ("c2", "DELIVERY_STATE_CONFIRMED", 0)]
    again = json.loads(body(bridge.get("/mw/event/confirm?event=a.b&eventId=c&success=true")))
    assert again == answer
    refused(bridge.get("/mw/event/confirm?event=a.b&eventId=c&success=false"), 409,
            "success: it is final already that the event was processed")


def test_what_confirm_refuses(bridge, log):
    log.publish("a.b", "r", log.queue("r"))
    refused(bridge.get("/mw/event/confirm?event=a.b&eventId=no"), 404, "eventId: no such event")
    refused(bridge.get("/mw/event/confirm?event=a.c&eventId=r"), 404,
            "event: the event of that id has another name")
    refused(bridge.get("/mw/event/confirm?event=a.b&eventId=r&group=x"), 404,
            "group: it does not get this event")
    refused(bridge.get("/mw/event/confirm?eventId=r"), 400, "event: is required")
    refused(bridge.get("/mw/event/confirm?event=a.b"), 400, "eventId: is required")
