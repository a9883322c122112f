"""Robots of chat groups: what they are sent, and what is made of what they say."""

import base64
import hashlib
import hmac
import itertools
import time
import urllib.parse

import pytest

import carrying
import key_files
import observe
import programs

TOKEN, SECRET, KEY = "token+with/=&", "SECret-that-nobody-sees", "693axxx6-7aoc-4bc4"
NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def server(database, tmp_path_factory):
    keys = key_files.KeyFile(tmp_path_factory.mktemp("keys"))
    keys.add("k1")
    server = programs.Server(database.url, "--key-file", str(keys.path), "--notice-poll-ms", "50",
                             "--log-level", "debug")
    yield server
    log = server.log_text()
    server.stop()
    for hidden in (TOKEN, urllib.parse.quote(TOKEN, safe=""), SECRET, KEY):
        assert hidden not in log


@pytest.fixture
def party():
    with carrying.Party(carrying.say(errcode=0, errmsg="ok")) as party:
        yield party


@pytest.fixture
def carrier(stubs, channel):
    carrier = carrying.Carrier(stubs, channel, f"c{next(NUMBERS)}")
    yield carrier
    carrier.delete()


@pytest.fixture
def dingtalk(carrier, party):
    carrier.put({"url": party.url("/robot/send")}, {"access_token": TOKEN, "secret": SECRET},
                kind="dingtalk", timeout_ms=3000, schedule_ms=[3600000])
    carrier.recipients(ann="13800000001", bob="13800000002", eve="13800000003")
    return carrier


@pytest.fixture
def wechat(carrier, party):
    carrier.put({"url": party.url("/cgi-bin/webhook/send")}, {"key": KEY}, kind="wechat",
                timeout_ms=3000, schedule_ms=[3600000])
    carrier.recipients(ann="ann.wu", bob="bob", eve="eve")
    return carrier


def sign(secret, timestamp):
    """As DingTalk's document has it, before it is written into a URL."""
    mac = hmac.new(secret.encode(), f"{timestamp}\n{secret}".encode(), hashlib.sha256)
    return base64.b64encode(mac.digest()).decode()


# --- what is sent ------------------------------------------------------------------------------------

def test_dingtalk_gets_one_signed_message_for_all(dingtalk, party):
    found = dingtalk.wait(
        dingtalk.send("ann", "bob", "eve", title="水泵", message="3 号**漏水**"),
        ann="SENT", bob="SENT", eve="SENT")
    assert {(d.code, d.text, d.attempts) for d in found.values()} == {("0", "ok", 1)}
    request, = party.got()
    given = request.parameters()
    assert (request.method, request.path) == ("POST", "/robot/send")
    assert list(given) == ["access_token", "timestamp", "sign"]
    # Decoded once it is base64 again: encoded twice it would be something else.
    assert given["access_token"] == TOKEN and given["sign"] == sign(SECRET, given["timestamp"])
    assert abs(int(given["timestamp"]) / 1000 - request.at) < 60
    assert request.headers["content-type"] == "application/json; charset=utf-8"
    body = request.json()
    mobiles = body["at"]["atMobiles"]
    assert sorted(mobiles) == ["13800000001", "13800000002", "13800000003"]
    assert body == {
        "msgtype": "markdown", "at": {"atMobiles": mobiles, "isAtAll": False},
        "markdown": {"title": "水泵",
                     "text": body["markdown"]["text"]}}
    assert body["markdown"]["text"].endswith("\n\n" + " ".join("@" + m for m in mobiles))


def test_each_notice_is_signed_with_its_own_time(dingtalk, party):
    for _ in range(2):
        dingtalk.wait(dingtalk.send("ann"), ann="SENT")
    first, second = (r.parameters() for r in party.got())
    assert first["timestamp"] < second["timestamp"] and first["sign"] != second["sign"]


def test_wechat_has_its_key_in_the_url_and_no_signature(wechat, party):
    wechat.wait(wechat.send("ann", "bob", title="水泵", message="3 号漏水"), ann="SENT", bob="SENT")
    request, = party.got()
    assert request.target == f"/cgi-bin/webhook/send?key={KEY}"
    body = request.json()
    assert sorted(body["text"].pop("mentioned_list")) == ["ann.wu", "bob"]
    assert body == {"msgtype": "text", "text": {"content": "水泵\n3 号漏水"}}


def test_markdown_of_wechat_mentions_in_the_text(wechat, party):
    wechat.put({"url": party.url("/"), "format": "markdown"}, kind="wechat")
    wechat.wait(wechat.send("ann"), ann="SENT")
    request, = party.got()
    assert request.json()["markdown"]["content"].endswith("\n<@ann.wu>")


def test_a_message_that_is_too_long_is_not_cut(wechat, party):
    fits = "漏" * 681 + "..."  # with the title and its line: 2,048 bytes
    wechat.wait(wechat.send("ann", message=fits, title="."), ann="SENT")
    found = wechat.wait(wechat.send("ann", message=fits + "!", title="."), ann="FAILED")
    assert (found["ann"].code, found["ann"].text) == (
        "too_long", "the message has more than 2048 bytes")
    request, = party.got()
    assert len(request.json()["text"]["content"].encode()) == 2048


def test_an_address_that_names_nobody_has_failed_and_no_other(dingtalk, party):
    dingtalk.recipients(bob="all # of you")
    found = dingtalk.wait(dingtalk.send("ann", "bob"), ann="SENT", bob="FAILED")
    assert found["bob"].code == "bad_address"
    assert party.got()[0].json()["at"]["atMobiles"] == ["13800000001"]


@pytest.mark.parametrize("kind,secrets", [
    ("dingtalk", {"access_token": TOKEN}), ("wechat", {"key": KEY})])
def test_a_channel_has_the_quota_of_robots(carrier, kind, secrets):
    made = carrier.put({}, secrets, kind=kind)
    assert (made.quota, made.quota_ms, made.concurrency) == (20, 60000, 1)


# --- what comes back --------------------------------------------------------------------------------

def wait_code(carrier, notice_id, code):
    observe.wait_until(
        lambda: {d.code for d in carrier.deliveries(notice_id).values()} == {code})


def test_a_robot_that_is_asked_too_fast_is_left_alone(dingtalk, party):
    party.behave = carrying.say(errcode=130101, errmsg="send too fast, exceed 20 times per minute")
    notice_id = dingtalk.send("ann", "bob")
    wait_code(dingtalk, notice_id, "130101")
    for d in dingtalk.wait(notice_id, ann="WAITING", bob="WAITING").values():
        assert d.text == "send too fast, exceed 20 times per minute"
        assert 570 < d.due / 1000 - time.time() < 601


def test_wecom_is_left_alone_for_a_minute(wechat, party):
    party.behave = carrying.say(errcode=45009, errmsg="api freq out of limit")
    notice_id = wechat.send("ann")
    wait_code(wechat, notice_id, "45009")
    found = wechat.deliveries(notice_id)["ann"]
    assert wechat.state(found) == "WAITING" and 30 < found.due / 1000 - time.time() < 61


@pytest.mark.parametrize("code,text", [
    (310000, "sign not match, more: [https://ding-doc.dingtalk.com/doc]"),
    (300001, "token is not exist"), (40035, "缺少参数 json"), (460101, "message too long")])
def test_an_errcode_in_a_200_has_failed(dingtalk, party, code, text):
    party.behave = carrying.say(errcode=code, errmsg=text)
    found = dingtalk.wait(dingtalk.send("ann"), ann="FAILED")["ann"]
    assert (found.code, found.text, found.attempts, found.due) == (str(code), text, 1, 0)
    assert len(party.got()) == 1


def test_a_wrong_key_of_wecom_has_failed(wechat, party):
    party.behave = carrying.say(errcode=93000, errmsg=f"invalid webhook url {KEY}")
    found = wechat.wait(wechat.send("ann"), ann="FAILED")["ann"]
    assert found.code == "93000" and KEY not in found.text


@pytest.mark.parametrize("behave,code", [
    (carrying.page, "http_200"),
    (carrying.answer(200), "http_200"),
    (carrying.answer(200, b'{"errcode":'), "http_200"),
    (carrying.answer(502, b"<html>"), "http_502"),
    (carrying.huge, "broken_off"),
    (carrying.close, "broken_off"),
    (carrying.hang, "timeout"),
], ids=["page", "empty", "torn", "502", "huge", "close", "hang"])
def test_without_a_word_of_the_robot_it_is_unknown_and_not_sent_again(
        dingtalk, party, behave, code):
    party.behave = behave
    found = dingtalk.wait(dingtalk.send("ann"), ann="UNKNOWN")["ann"]
    assert (found.code, found.attempts, found.due) == (code, 1, 0)
    assert TOKEN not in found.text and SECRET not in found.text and "sign" not in found.text
    assert len(party.got()) == 1


@pytest.mark.parametrize("behave,code", [
    (carrying.say(errcode=-1, errmsg="系统繁忙"), "-1"),
    (carrying.answer(503, Retry_After="3600"), "http_503"),
    (carrying.answer(429, Retry_After="3600"), "http_429")], ids=["busy", "503", "429"])
def test_what_was_not_processed_waits(dingtalk, party, behave, code):
    party.behave = behave
    notice_id = dingtalk.send("ann")
    wait_code(dingtalk, notice_id, code)
    found = dingtalk.deliveries(notice_id)["ann"]
    assert dingtalk.state(found) == "WAITING" and found.due / 1000 - time.time() > 3000


def test_where_nobody_listens_it_waits_and_is_sent_when_somebody_does(carrier, stubs):
    port = programs.free_port()
    carrier.put({"url": f"http://127.0.0.1:{port}/"}, {"key": KEY}, kind="wechat",
                schedule_ms=[50] * 20)
    carrier.recipients(ann="ann")
    notice_id = carrier.send("ann")
    wait_code(carrier, notice_id, "unreached")
    with carrying.Party(carrying.say(errcode=0, errmsg="ok"), port) as party:
        carrier.wait(notice_id, ann="SENT")
        assert len(party.got()) == 1
