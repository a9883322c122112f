"""Notices shown, sent again and cancelled over HTTP: native answers."""

import pytest

import sending
from notice_send_test import server  # noqa: F401  a server that sends nothing on

NOTICES, DELIVERIES = "/v1/notice/notices", "/v1/notice/deliveries"
ZERO = "00000000-0000-0000-0000-000000000000"


@pytest.fixture(scope="module")
def sender(stubs, channel, database):
    sender = sending.Sender(stubs, channel, database)
    sender.put_channel("mail")
    sender.put_recipient("alice", mail="alice@example.com")
    return sender


def good(answer):
    assert answer.status == 200, answer
    assert answer.headers["Content-Type"].startswith("application/json")
    return answer.json()


def refused(answer, status, code, message):
    assert answer.status == status, answer
    assert (answer.json()["code"], answer.json()["message"]) == (code, message)


@pytest.fixture
def sent(bridge, sender):
    """The id of a notice to alice by mail and on site."""
    return good(bridge.post("/mw/notice/send", {
        "sender": "shop", "title": "标题", "message": "It is here.", "users": "alice", "channel": "mail,site",
        "params": {"n": 1.0}}))["noticeId"]


def test_a_notice_and_its_counts(bridge, sender, sent):
    shown = good(bridge.get(f"{NOTICES}/{sent}"))
    time = sender.notices(f"n.notice_id = '{sent}'")[0]["time"]
    assert shown["notice"].pop("traceId")
    assert shown == {
        "notice": {"noticeId": sent, "time": str(time), "sender": "shop", "title": "标题", "message": "It is here.",
                   "params": {"n": 1.0}, "template": "", "templateVersion": 0, "channels": ["mail", "site"],
                   "groups": [], "attachments": [], "reply": False, "deliveries": "2", "spread": "2", "user": "",
                   "application": ""},
        "counts": [{"channel": "mail", "state": "NOTICE_STATE_WAITING", "count": "1"},
                   {"channel": "site", "state": "NOTICE_STATE_DELIVERED", "count": "1"}]}
    assert b'"params":{"n": 1.0}' in bridge.get(f"{NOTICES}/{sent}").body
    assert good(bridge.get(f"{NOTICES}?pageSize=1"))["notices"][0]["noticeId"] == sent


def test_pages_by_their_token(bridge, sent):
    first = good(bridge.get(f"{DELIVERIES}?noticeId={sent}&pageSize=1"))
    second = good(bridge.get(f"{DELIVERIES}?noticeId={sent}&pageSize=1&pageToken={first['nextPageToken']}"))
    assert [d["channel"] for page in (first, second) for d in page["deliveries"]] == ["site", "mail"]
    waiting, = good(bridge.get(f"{DELIVERIES}?noticeId={sent}&state=NOTICE_STATE_WAITING"))["deliveries"]
    assert (waiting["user"], waiting["address"], waiting["attempts"], waiting["code"]) == (
        "alice", "alice@example.com", 0, "")
    assert good(bridge.get(f"{DELIVERIES}/{waiting['deliveryId']}/attempts")) == {"attempts": []}


def test_cancel_and_resend(bridge, sent):
    assert good(bridge.post(f"{NOTICES}/{sent}/cancel", {})) == {"cancelled": "1"}
    assert good(bridge.post(f"{NOTICES}/{sent}/resend", {})) == {"resent": "0"}
    assert good(bridge.post(f"{NOTICES}/{sent}/resend", {
        "states": ["NOTICE_STATE_CANCELLED"], "users": ["alice"], "channel": "mail"})) == {"resent": "1"}


def test_what_is_refused(bridge, sent):
    for method, path in (("GET", ""), ("POST", "/resend"), ("POST", "/cancel")):
        refused(bridge.request(method, f"{NOTICES}/{ZERO}{path}", "{}" if path else None), 404, 5,
                "noticeId: no such notice")
        refused(bridge.request(method, f"{NOTICES}/x{path}", "{}" if path else None), 400, 3,
                "noticeId: must be a UUID")
    refused(bridge.get(f"{DELIVERIES}/1/attempts"), 404, 5, "deliveryId: no such delivery")
    refused(bridge.get(f"{DELIVERIES}?noticeId=x"), 400, 3, "noticeId: must be a UUID")
    refused(bridge.get(f"{NOTICES}?pageSize=1001"), 400, 3, "pageSize: must be 1 to 1000")
    answer = bridge.post(f"{NOTICES}/{sent}/resend", {"states": ["NOTICE_STATE_SENT"]})
    refused(answer, 400, 3, "states: must be FAILED, UNKNOWN or CANCELLED")
    refused(bridge.post(f"{NOTICES}/{sent}/resend", {"nobody": 1}), 400, 3, "nobody: unknown field")
