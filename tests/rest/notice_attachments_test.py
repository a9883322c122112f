"""Attachments over HTTP: a raw body, multipart/form-data, and back again, byte for byte."""

import json
import os
import subprocess
import urllib.parse

import pytest

import attaching
import observe
import programs
import sending

PATH = "/v1/notice/attachments"
LIMIT = 2 << 20
ZERO = "00000000-0000-0000-0000-000000000000"


@pytest.fixture(scope="module")
def server(database):
    server = programs.Server(database.url, "--notice-member-ms", "0", "--notice-attachment-limit", str(LIMIT))
    yield server
    server.stop()


@pytest.fixture(scope="module")
def sender(stubs, channel, database):
    return sending.Sender(stubs, channel, database)


def put(bridge, content, query="name=a.txt", headers=None):
    answer = bridge.request("POST", f"{PATH}?{query}", content, headers)
    assert answer.status == 200, answer
    return answer.json()["attachment"]


def refused(answer, status, code, message):
    assert answer.status == status, answer
    assert (answer.json()["code"], answer.json()["message"]) == (code, message)


@pytest.mark.parametrize("size", [0, 1, attaching.PART, LIMIT])
def test_a_raw_body_is_the_content(bridge, sender, size):
    content = os.urandom(size)
    query = urllib.parse.urlencode({"name": "发票 1.pdf", "contentType": "application/pdf"})
    info = put(bridge, content, query, {"Content-Type": "application/x-www-form-urlencoded"})
    assert info == {"attachmentId": info["attachmentId"], "name": "发票 1.pdf", "contentType": "application/pdf",
                    "size": str(size)}
    answer = bridge.get(f"{PATH}/{info['attachmentId']}")
    assert (answer.status, answer.headers["Content-Type"], answer.body) == (200, "application/pdf", content)
    assert attaching.get(sender, info["attachmentId"]) == ("application/pdf", content)


def test_a_chunked_body(bridge):
    content = [os.urandom(70000) for _ in range(20)]
    info = put(bridge, iter(content))
    assert bridge.get(f"{PATH}/{info['attachmentId']}").body == b"".join(content)


def test_curl_sends_a_form(bridge, tmp_path):
    content = os.urandom(500_000)
    (tmp_path / "bill.pdf").write_bytes(content)
    done = subprocess.run(["curl", "-sS", "-F", "name=bill.pdf", "-F", "contentType=application/pdf",
                           "-F", f"file=@{tmp_path}/bill.pdf", f"http://{bridge.address}{PATH}"],
                          capture_output=True, check=True, timeout=programs.WAIT)
    info = json.loads(done.stdout)["attachment"]
    assert (info["name"], info["contentType"], info["size"]) == ("bill.pdf", "application/pdf", "500000")
    assert bridge.get(f"{PATH}/{info['attachmentId']}").body == content
    done = subprocess.run(["curl", "-sS", "-F", f"file=@{tmp_path}/bill.pdf",
                           f"http://{bridge.address}{PATH}?name=from%20the%20query"],
                          capture_output=True, check=True, timeout=programs.WAIT)
    assert json.loads(done.stdout)["attachment"]["name"] == "from the query"


def test_what_breaks_a_rule_is_told(bridge):
    refused(bridge.request("POST", PATH, b"x"), 400, 3, "name: is required in the first message")
    refused(bridge.request("POST", PATH + "?name=a%2Fb", b"x"), 400, 3,
            "name: must be at most 255 bytes without control characters and slashes")
    refused(bridge.request("POST", PATH + "?name=a&contentType=a%0D%0ABcc:x", b"x"), 400, 3,
            "contentType: must be at most 255 bytes of visible ASCII and blanks")
    answer = bridge.request("POST", PATH + "?name=a", bytes(LIMIT + 1))
    refused(answer, 429, 8, f"content: is beyond {LIMIT} bytes, the most that a file may have"
                            " (--notice-attachment-limit)")


def test_what_is_not_there(bridge):
    refused(bridge.get(f"{PATH}/{ZERO}"), 404, 5, "attachmentId: no such attachment")
    refused(bridge.get(f"{PATH}/x"), 400, 3, "attachmentId: must be a UUID")
    refused(bridge.get(f"{PATH}/{ZERO}?deliveryId=x"), 400, 3, "deliveryId: must be a number in decimal digits")


def test_a_user_gets_what_a_notice_in_his_inbox_carries(bridge, sender):
    info = put(bridge, b"for alice")
    sent = bridge.post("/mw/notice/send", {"sender": "s", "title": "t", "message": "m", "users": "alice",
                                           "attachments": info["attachmentId"]}).json()
    item, = [item for item in bridge.get("/v1/notice/inbox?user=alice").json()["items"]
             if item["noticeId"] == sent["noticeId"]]
    assert item["attachments"] == [info]
    query = f"user=alice&deliveryId={item['deliveryId']}"
    assert bridge.get(f"{PATH}/{info['attachmentId']}?{query}").body == b"for alice"


def test_who_breaks_off_leaves_no_attachment(bridge, database):
    before = database.rows("SELECT count(*) FROM notice.attachment")
    parts = "SELECT count(*) FROM notice.upload u JOIN notice.attachment_part p USING (attachment_id)"
    database.rows("TRUNCATE notice.upload")
    connection = programs.http.client.HTTPConnection(bridge.address, timeout=programs.WAIT)
    connection.putrequest("POST", PATH + "?name=a")
    connection.putheader("Content-Length", str(LIMIT))
    connection.endheaders(bytes(LIMIT // 2))
    observe.wait_until(lambda: int(database.rows(parts)[0][0]) >= 2)
    connection.close()
    observe.wait_until(lambda: bridge.get("/v1/notice/notices").status == 200)
    assert database.rows("SELECT count(*) FROM notice.attachment") == before
