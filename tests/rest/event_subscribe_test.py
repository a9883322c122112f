"""Subscribe over HTTP: server-sent events with the cursor as their id, resumed as an EventSource does,
and NDJSON."""

import json

import pytest

import http_streams
from http_streams import NDJSON, SSE


@pytest.fixture
def name(request):
    return request.node.name.replace("[", "-").replace("]", "")


def begin(bridge, accept, query, *headers):
    return http_streams.Body(bridge, accept, "/v1/event/subscribe" + query, *headers)


def publish(bridge, name, data):
    answer = bridge.request("POST", "/mw/event/publish", f'{{"event":"{name}","data":{data}}}'.encode())
    assert answer.status == 200, answer
    return answer.json()


def text_of(name, sent, data, cursor, attempt=0):
    """Without time and trace."""
    return (f'{{"event":"{name}","eventId":"{sent["eventId"]}","data":{data},"key":""',
            f'"attempt":{attempt},"cursor":"{cursor}"')


def test_server_sent_events_and_their_resumption(bridge, name):
    data = '{"b":1.000,"a":[1e2, "ä"]}'
    with begin(bridge, SSE, f"?patterns={name}.*") as body:
        assert body.headers["content-type"].startswith(SSE)
        assert body.headers["cache-control"] == "no-store"
        start, first = body.event()
        assert json.loads(first)["eventId"] == "" and json.loads(first)["cursor"] == start
        sent = [publish(bridge, f"{name}.{i}", data) for i in range(4)]
        for i in range(2):
            identity, text = body.event()
            for part in text_of(f"{name}.{i}", sent[i], data, sent[i]["cursor"]):
                assert part in text
            assert identity == str(sent[i]["cursor"]) == json.loads(text)["cursor"]
    # The header wins over the query, with which an EventSource began.
    for query, rest in ((f"?patterns={name}.*", sent[2:]), (f"?patterns={name}.*&after=0", sent[2:])):
        with begin(bridge, SSE, query, f"Last-Event-ID: {identity}") as body:
            assert [body.event()[0] for _ in rest] == [str(s["cursor"]) for s in rest]
    with begin(bridge, SSE, f"?patterns={name}.*", f"Last-Event-ID: {start}") as body:
        assert [body.event()[0] for _ in sent] == [str(s["cursor"]) for s in sent]


def test_lines(bridge, name):
    sent = [publish(bridge, f"{name}.{i}", i) for i in range(3)]
    with begin(bridge, NDJSON, f"?patterns={name}.0&patterns={name}.2&after=0") as body:
        assert body.headers["content-type"].startswith(NDJSON)
        lines = [json.loads(body.upto(b"\n")) for _ in range(2)]
        assert [line["eventId"] for line in lines] == [sent[0]["eventId"], sent[2]["eventId"]]
        assert [line["data"] for line in lines] == [0, 2]


def test_a_group_has_no_cursor(bridge, name):
    with begin(bridge, SSE, f"?group={name}&patterns={name}.*") as body:
        sent = publish(bridge, f"{name}.x", '"one"')
        identity, text = body.event()
        assert identity is None
        for part in text_of(f"{name}.x", sent, '"one"', "", 1):
            assert part in text
        answer = bridge.get(f"/mw/event/confirm?event={name}.x&eventId={sent['eventId']}&group={name}")
        assert answer.json()["deliveries"][0]["state"] == "DELIVERY_STATE_CONFIRMED"


@pytest.mark.parametrize("query, field", [
    ("", "patterns"), ("?patterns=a%20b", "patterns[0]"), ("?patterns=a&after=x", "after"),
    ("?patterns=a&group=g&max_in_flight=0", "max_in_flight"), ("?patterns=a&confirm=3", None)])
def test_refusals_are_answers_of_their_own(bridge, query, field):
    answer = bridge.get("/v1/event/subscribe" + query, {"Accept": SSE})
    assert answer.status == 400, answer
    assert answer.headers["Content-Type"].startswith("application/json")
    if field:
        assert answer.json()["message"].startswith(field + ": ")
