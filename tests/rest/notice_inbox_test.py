"""Inboxes and receipts over HTTP: an EventSource that resumes, NDJSON, and the page that a receipt link
opens, as browsers ask for it."""

import itertools
import json

import pytest
import requests

import observe
import programs
from http_streams import NDJSON, SSE, Body

NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def server(database):
    server = programs.Server(database.url, "--notice-member-ms", "0", "--public-url", "https://j.example")
    yield server
    server.stop()


@pytest.fixture
def user():
    return f"user{next(NUMBERS)}"


@pytest.fixture
def send(bridge, user):
    """Gives the delivery's id."""
    def send(title="Hello", **fields):
        answer = bridge.post("/mw/notice/send", {"sender": "shop", "title": title, "message": "text",
                                                 "users": user, **fields})
        assert answer.status == 200 and answer.json()["code"] == "200", answer
        return bridge.get(f"/v1/notice/inbox?user={user}&pageSize=1").json()["items"][0]["deliveryId"]
    return send


def watch(bridge, accept, user, query="", *headers):
    return Body(bridge, accept, f"/v1/notice/inbox/watch?user={user}{query}", *headers)


# --- inboxes --------------------------------------------------------------------------------------


def test_lists_reading_and_deleting(bridge, send, user):
    ids = [send(f"t{i}") for i in range(3)]
    page = bridge.get(f"/v1/notice/inbox?user={user}&pageSize=2").json()
    assert [i["deliveryId"] for i in page["items"]] == [ids[2], ids[1]]
    assert page["unread"] == "3" and page["nextPageToken"]
    rest = bridge.get(f"/v1/notice/inbox?user={user}&pageToken={page['nextPageToken']}").json()
    assert [i["title"] for i in rest["items"]] == ["t0"] and rest["nextPageToken"] == ""
    read = bridge.post("/v1/notice/inbox/read", {"user": user, "deliveryIds": ids[:2]})
    assert read.json() == {"read": "2", "unread": "1"}
    deleted = bridge.post("/v1/notice/inbox/delete", {"user": user, "allRead": True})
    assert deleted.json() == {"deleted": "2", "unread": "1"}
    left, = bridge.get(f"/v1/notice/inbox?user={user}&unread=true").json()["items"]
    assert (left["deliveryId"], left["read"]) == (ids[2], False)


def test_refusals_name_the_field(bridge, user):
    for path, body, field in (("read", {"deliveryIds": ["1", "x"]}, "deliveryIds[1]"),
                              ("read", {}, "deliveryIds"), ("delete", {"all": True}, "all")):
        answer = bridge.post("/v1/notice/inbox/" + path, {"user": user, **body})
        assert answer.status == 400 and field in answer.json()["message"], answer
    answer = bridge.get(f"/v1/notice/inbox/watch?user={user}&after=x", {"Accept": SSE})
    assert answer.status == 400 and answer.json()["message"].startswith("after: ")
    assert bridge.get("/v1/notice/inbox").json()["message"].startswith("user: is required")


def test_server_sent_events_and_their_resumption(bridge, send, user):
    with watch(bridge, SSE, user) as body:
        assert body.headers["content-type"].startswith(SSE) and body.headers["cache-control"] == "no-store"
        start, first = body.event()
        assert (start, json.loads(first)["unread"]) == ("0", "0") and "item" not in json.loads(first)
        ids = []
        for i in range(2):  # of those that come together each would say how many there are in all
            ids.append(send(f"t{i}"))
            identity, text = body.event()
            said = json.loads(text)
            assert identity == said["cursor"] == ids[i]
            assert (said["item"]["title"], said["unread"]) == (f"t{i}", str(i + 1))
    ids += [send(f"t{i}") for i in range(2, 5)]
    bridge.post("/v1/notice/inbox/delete", {"user": user, "deliveryIds": [ids[3]]})
    # The header wins over the query, with which an EventSource began.
    for query in ("", "&after=0"):
        with watch(bridge, SSE, user, query, f"Last-Event-ID: {ids[1]}") as body:
            assert body.event()[0] == ids[1]
            assert [body.event()[0] for _ in range(2)] == [ids[2], ids[4]]
            bridge.post("/v1/notice/inbox/read", {"user": user, "all": True})
            identity, text = body.event() if query == "" else (ids[4], '{"unread":"0"}')
            assert identity == ids[4] and json.loads(text)["unread"] == "0"


def test_lines(bridge, send, user):
    ids = [send(f"t{i}") for i in range(3)]
    with watch(bridge, NDJSON, user, f"&after={ids[0]}") as body:
        lines = [json.loads(body.upto(b"\n")) for _ in range(3)]
        assert [line["cursor"] for line in lines] == ids
        assert [line.get("item", {}).get("title") for line in lines] == [None, "t1", "t2"]


# --- receipts -------------------------------------------------------------------------------------


@pytest.fixture
def asked(bridge, server, database, send, user):
    """Path and delivery of a receipt link."""
    put = bridge.request("PUT", "/v1/notice/templates/ask", json.dumps({"variants": [
        {"body": "{{receipt}}"}]}))
    assert put.status == 200, put
    delivery = send("<b>Title</b> 标题", template="ask", reply=True)
    link = bridge.get(f"/v1/notice/inbox?user={user}").json()["items"][0]["message"]
    assert link.startswith("https://j.example/v1/notice/receipt/")
    return link.removeprefix("https://j.example"), delivery


@pytest.fixture
def state(database):
    return lambda delivery: database.rows(
        f"SELECT state, receipt_by FROM notice.delivery WHERE position = {delivery}")[0]


def test_the_page_by_get_and_its_form_by_post(bridge, asked, state):
    path, delivery = asked
    url = f"http://{bridge.address}{path}"
    with requests.Session() as browser:
        for headers in ({}, {"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate"}):
            page = browser.get(url, headers=headers, timeout=programs.WAIT)
            assert page.status_code == 200
            assert page.headers["Content-Type"] == "text/html; charset=utf-8"
            page.encoding = "utf-8"
            assert "<h1>&lt;b&gt;Title&lt;/b&gt; 标题</h1>" in page.text and '<form method="post">' in page.text
        assert browser.head(url, timeout=programs.WAIT).status_code in (200, 405)
        assert state(delivery) == ["delivered", ""]
        # As a browser sends an empty form.
        done = browser.post(url, data="", timeout=programs.WAIT, headers={
            "Content-Type": "application/x-www-form-urlencoded", "Origin": f"http://{bridge.address}",
            "Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "navigate", "Referer": url})
        assert done.status_code == 200, done.text
        assert done.headers["Content-Type"] == "text/html; charset=utf-8"
        assert "已确认收到" in done.content.decode() and "<form" not in done.content.decode()
        assert state(delivery) == ["read", "link"]
        assert "已确认收到" in browser.get(url, timeout=programs.WAIT).content.decode()


def test_a_program_confirms_without_a_form(bridge, asked, state):
    path, delivery = asked
    assert bridge.request("POST", path).status == 200
    assert state(delivery) == ["read", "link"]


def test_pages_of_others_confirm_nothing(bridge, asked, state):
    path, delivery = asked
    for headers in ({"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}):
        assert bridge.request("POST", path, b"", headers).status == 403
    assert state(delivery) == ["delivered", ""]


def test_a_page_of_others_may_open_the_link_and_nothing_else(bridge, asked):
    """As webmail does; not within its own page, nor to send anything."""
    path, _ = asked
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    answer = bridge.get(path, link)
    assert answer.status == 200
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "sandbox" not in policy
    assert answer.headers["Cache-Control"] == "no-store"
    for verb, uri, headers in (
            ("GET", path, {**link, "Sec-Fetch-Dest": "iframe"}), ("GET", path, {**link, "Sec-Fetch-Mode": "cors"}),
            ("GET", path, {**link, "Origin": "https://evil.example"}), ("POST", path, link), ("PUT", path, link),
            ("GET", "/v1/notice/inbox?user=a", link), ("GET", "/none", link), ("HEAD", path, link)):
        refused = bridge.request(verb, uri, None, headers)
        assert refused.status == 403, (verb, uri, headers)
        assert verb == "HEAD" or b"pages of other origins" in refused.body


def test_a_link_that_is_not_ours(bridge, asked):
    path, _ = asked
    for wrong in (path[:-1], path[:-2] + "AA", path + "A", "/v1/notice/receipt/x", "/v1/notice/receipt/%00"):
        for method in ("GET", "POST"):
            answer = bridge.request(method, wrong)
            assert answer.status in (400, 404), answer
            assert answer.headers["Content-Type"].startswith("application/json")


def test_no_program_logs_the_link(bridge, server, asked):
    path, _ = asked
    foreign = {"Origin": "https://evil.example"}
    for verb, headers in (("GET", {}), ("POST", {}), ("PUT", {}), ("GET", foreign), ("POST", foreign)):
        answer = bridge.request(verb, path, b"", {**headers, "X-Request-ID": "last"})
    assert answer.status == 403
    observe.wait_until(lambda: len(observe.logged(bridge, "request", request_id="last")) == 5)
    token = path.rpartition("/")[2]
    assert token not in server.log_text() and token not in bridge.log_text()
    assert {line["path"] for line in observe.logged(bridge, "request", request_id="last")} == {
        "/v1/notice/receipt/{token}"}
