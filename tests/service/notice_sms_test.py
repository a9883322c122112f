"""Short messages by a provider that the channel's settings describe: Aliyun's form, as it ships."""

import base64
import datetime
import hashlib
import hmac
import json
import os
import time
import urllib.parse

import grpc
import pytest

import observe
import programs

EXAMPLE = os.path.join(programs.ROOT, "client", "examples", "aliyun_sms.json")
SECRETS = {"accessKeyId": "LTAI-test", "accessKeySecret": "secret + with / = &"}


def encoded(text):
    return urllib.parse.quote(text, safe="-_.~")


def aliyun_signature(method, parameters, secret):
    """As Aliyun's document "RPC style" has it, written from that."""
    joined = "&".join(f"{encoded(k)}={encoded(v)}" for k, v in sorted(parameters.items()))
    text = f"{method}&{encoded('/')}&{encoded(joined)}"
    mac = hmac.new((secret + "&").encode(), text.encode(), hashlib.sha1)
    return base64.b64encode(mac.digest()).decode()


def test_the_signature_of_this_test_is_aliyuns():
    # The example of Aliyun's document.
    parameters = {
        "Timestamp": "2016-02-23T12:46:24Z", "Format": "XML", "AccessKeyId": "testid",
        "Action": "DescribeRegions", "SignatureMethod": "HMAC-SHA1", "Version": "2014-05-26",
        "SignatureNonce": "3ee8c1b8-83d3-44af-a94f-4e0ad82fd6cf", "SignatureVersion": "1.0"}
    assert aliyun_signature("GET", parameters, "testsecret") == "OLeaidS1JvxuMvnyHOwuJ+uX5qY="


class Aliyun:
    """What the API does, as the numbers say: what is sent is known by OutId."""

    def __init__(self):
        self.sent, self.asked, self.faults, self.status = [], [], [], {}
        self.upstream = programs.Upstream(self.answer)
        self.url = f"http://127.0.0.1:{self.upstream.port}/"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.upstream.__exit__()

    def answer(self, request):
        form = dict(urllib.parse.parse_qsl(request.body.decode(), keep_blank_values=True))
        signature = form.pop("Signature", "")
        if signature != aliyun_signature(request.method, form, SECRETS["accessKeySecret"]):
            self.faults.append(form)
            return self.say("SignatureDoesNotMatch", status=400)
        return self.send(form) if form["Action"] == "SendSms" else self.details(form)

    @staticmethod
    def say(code, status=200, **more):
        body = json.dumps({"Code": code, "Message": f"said {code}", "RequestId": "R", **more})
        return status, {"Content-Type": "application/json"}, body.encode()

    def send(self, form):
        number = form["PhoneNumbers"]
        self.sent.append(form)
        if number == "hang":
            time.sleep(8)  # beyond the channel's timeout: the provider has taken it
        if number == "page":
            return 502, {"Content-Type": "text/html"}, b"<html>bad gateway</html>"
        if number == "limit" and len([f for f in self.sent if f["PhoneNumbers"] == number]) == 1:
            return self.say("isv.BUSINESS_LIMIT_CONTROL", status=400)
        if number == "wrong":
            return self.say("isv.MOBILE_NUMBER_ILLEGAL", status=400)
        return self.say("OK", BizId=f"biz-{form['OutId']}")

    def details(self, form):
        self.asked.append(form)
        details = [{"OutId": f["OutId"], "PhoneNum": f["PhoneNumbers"], "ErrCode": "DELIVERED",
                    "SendStatus": self.status.get(f["PhoneNumbers"], 3)}
                   for f in self.sent if f["PhoneNumbers"] == form["PhoneNumber"]]
        return self.say("OK", TotalCount=str(len(details)),
                        SmsSendDetailDTOs={"SmsSendDetailDTO": details})


@pytest.fixture(scope="module")
def server(database, tmp_path_factory):
    keys = tmp_path_factory.mktemp("keys") / "keys"
    keys.write_text("k1 " + base64.b64encode(bytes(32)).decode() + "\n")
    server = programs.Server(database.url, "--key-file", str(keys), "--notice-poll-ms", "50")
    yield server
    server.stop()


@pytest.fixture(scope="module")
def notice(channel, stubs):
    return stubs.notice_grpc.NoticeStub(channel)


class Sms:
    """The channel, and what is sent on it."""

    def __init__(self, notice, stubs, aliyun, **changes):
        with open(EXAMPLE, encoding="utf-8") as text:
            self.settings = json.load(text)
        self.settings["request"]["url"] = aliyun.url
        self.settings["question"]["request"]["url"] = aliyun.url
        self.settings.update({"askMs": 200}, **changes)
        self.notice, self.m, self.aliyun = notice, stubs.notice, aliyun
        self.put(schedule_ms=[100] * 5, timeout_ms=3000)
        notice.PutTemplate(self.m.PutTemplateRequest(
            template="code", channel="sms", required=["code"], variants=[
                self.m.TemplateVariant(body="{{code}}", provider_template="SMS_1")]))

    def put(self, **more):
        return self.notice.PutChannel(self.m.PutChannelRequest(
            channel="sms", settings=json.dumps(self.settings), secrets=SECRETS, **more)).channel

    def send(self, number, **more):
        user = f"user-{number}"
        self.notice.PutRecipient(self.m.PutRecipientRequest(user=user, addresses={"sms": number}))
        return self.notice.Send(self.m.SendRequest(
            sender="bank", title="code", message="your code", template="code", users=user,
            params='{"code":"12 34&中"}', **more)).notice_id

    def delivery(self, notice_id):
        found = self.notice.ListNoticeDeliveries(
            self.m.ListNoticeDeliveriesRequest(notice_id=notice_id)).deliveries
        return found[0]

    def wait(self, notice_id, *states):
        wanted = {self.m.NoticeState.Value(f"NOTICE_STATE_{state}") for state in states}
        observe.wait_until(lambda: self.delivery(notice_id).state in wanted)
        return self.delivery(notice_id)


@pytest.fixture
def sms(notice, stubs):
    with Aliyun() as aliyun:
        yield Sms(notice, stubs, aliyun)
        notice.DeleteChannel(stubs.notice.DeleteChannelRequest(channel="sms"))


def test_a_message_goes_out_as_aliyun_wants_it(sms):
    notice_id = sms.send("13800000000")
    delivery = sms.wait(notice_id, "SENT", "DELIVERED")
    form, = sms.aliyun.sent
    assert not sms.aliyun.faults
    assert form["PhoneNumbers"] == "13800000000" and form["TemplateCode"] == "SMS_1"
    assert form["OutId"] == delivery.delivery_id and form["SignName"] == "XMagital"
    assert json.loads(form["TemplateParam"]) == {"code": "12 34&中"}
    assert form["AccessKeyId"] == SECRETS["accessKeyId"]
    said = datetime.datetime.strptime(form["Timestamp"], "%Y-%m-%dT%H:%M:%SZ")
    now = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)
    assert abs((now - said).total_seconds()) < 600
    assert delivery.message_id == f"biz-{delivery.delivery_id}"


def test_what_was_sent_is_asked_about_until_it_has_arrived(sms):
    sms.aliyun.status["13800000001"] = 1
    notice_id = sms.send("13800000001")
    sms.wait(notice_id, "SENT")
    observe.wait_until(lambda: sms.aliyun.asked)
    form = sms.aliyun.asked[0]
    beijing = datetime.datetime.now(datetime.timezone(datetime.timedelta(hours=8)))
    assert form["PhoneNumber"] == "13800000001" and form["BizId"].startswith("biz-")
    assert abs(int(form["SendDate"]) - int(beijing.strftime("%Y%m%d"))) <= 1
    sms.aliyun.status["13800000001"] = 3
    assert sms.wait(notice_id, "DELIVERED").code == "DELIVERED"


def test_a_timeout_is_unknown_and_asked_about_and_never_sent_again(sms):
    notice_id = sms.send("hang")
    delivery = sms.wait(notice_id, "DELIVERED")
    assert [form["PhoneNumbers"] for form in sms.aliyun.sent] == ["hang"]
    attempts = sms.notice.ListAttempts(
        sms.m.ListAttemptsRequest(delivery_id=delivery.delivery_id)).attempts
    assert [a.asked for a in attempts][:2] == [False, True]
    assert attempts[0].state == sms.m.NOTICE_STATE_UNKNOWN and attempts[0].code == "timeout"


def test_a_page_in_place_of_an_answer_is_unknown(sms):
    sms.aliyun.status["page"] = 2
    delivery = sms.wait(sms.send("page"), "FAILED")
    attempts = sms.notice.ListAttempts(
        sms.m.ListAttemptsRequest(delivery_id=delivery.delivery_id)).attempts
    assert attempts[0].state == sms.m.NOTICE_STATE_UNKNOWN and attempts[0].code == "http_502"
    assert len(sms.aliyun.sent) == 1


def test_the_limit_of_a_number_is_waited_for(sms):
    delivery = sms.wait(sms.send("limit"), "SENT", "DELIVERED")
    assert len(sms.aliyun.sent) == 2
    attempts = sms.notice.ListAttempts(
        sms.m.ListAttemptsRequest(delivery_id=delivery.delivery_id)).attempts
    assert attempts[0].state == sms.m.NOTICE_STATE_WAITING
    assert attempts[0].code == "isv.BUSINESS_LIMIT_CONTROL"


def test_what_the_provider_refuses_has_failed(sms):
    delivery = sms.wait(sms.send("wrong"), "FAILED")
    assert (delivery.code, delivery.text) == (
        "isv.MOBILE_NUMBER_ILLEGAL", "said isv.MOBILE_NUMBER_ILLEGAL")
    assert len(sms.aliyun.sent) == 1


def test_what_the_provider_does_not_know_may_be_sent_again_if_the_settings_say_so(sms):
    sms.settings["absent"] = "waiting"
    sms.put(schedule_ms=[100], timeout_ms=3000)
    forgotten = sms.aliyun.details
    sms.aliyun.details = lambda form: (sms.aliyun.sent.clear(), forgotten(form))[1]
    sms.aliyun.status["page"] = 3
    notice_id = sms.send("page")
    # Asked, told that it is not there, sent again.
    observe.wait_until(lambda: sms.delivery(notice_id).attempts >= 3)
    attempts = sms.notice.ListAttempts(sms.m.ListAttemptsRequest(
        delivery_id=sms.delivery(notice_id).delivery_id)).attempts
    assert [a.asked for a in attempts[:3]] == [False, True, False]
    assert attempts[1].code == "absent"


def test_reports_are_taken_in_aliyuns_form(sms, bridge):
    sms.settings["askSent"] = False
    token = sms.put(schedule_ms=[100], timeout_ms=3000).receipt_token
    good, bad = sms.send("13800000002"), sms.send("13800000003")
    good, bad = sms.wait(good, "SENT"), sms.wait(bad, "SENT")
    reports = [{"phone_number": d.address, "success": d is good, "biz_id": d.message_id,
                "out_id": d.delivery_id, "err_code": "DELIVERED" if d is good else "MK:0012",
                "err_msg": "用户接收成功" if d is good else "空号"} for d in (good, bad)]
    answer = bridge.request("POST", f"/v1/notice/reports/{token}", json.dumps(reports),
                            {"Content-Type": "application/json"})
    assert answer.status == 200 and answer.json()["code"] == 0
    assert sms.delivery(good.notice_id).state == sms.m.NOTICE_STATE_DELIVERED
    failed = sms.delivery(bad.notice_id)
    assert (failed.state, failed.code, failed.text) == (
        sms.m.NOTICE_STATE_FAILED, "MK:0012", "空号")


@pytest.mark.parametrize("path, value, field, rule", [
    (["request"], None, "settings.request", "is required"),
    (["request", "url"], "ftp://x/", "settings.request.url", "must begin with"),
    (["request", "form", "X"], "{{nobody}}", "settings.request.form.X", "there is no {{nobody}}"),
    (["request", "form", "X"], "{{#a}}", "settings.request.form.X", "line 1"),
    (["request", "json"], {}, "settings.request.json", "must not stand beside form"),
    (["request", "sign", "scheme"], "rsa", "settings.request.sign.scheme", "must be"),
    (["request", "method"], "FLY", "settings.request.method", "must be \"POST\""),
    (["answer", "success"], "OK", "settings.answer.success", "must be a list of texts"),
    (["answer", "success"], [], "settings.answer.success", "must be a list of texts"),
    (["question", "answer", "states"], {"1": "lost"}, "settings.question.answer.states.1", "must be"),
    (["reports", "state"], None, "settings.reports.state", "is required"),
    (["askMs"], -1, "settings.askMs", "must be a number"),
    (["colour"], "red", "settings.colour", "is not known"),
])
def test_wrong_settings_are_refused_by_name(sms, path, value, field, rule):
    part = sms.settings
    for name in path[:-1]:
        part = part[name]
    part[path[-1]] = value
    with pytest.raises(grpc.RpcError) as refused:
        sms.put()
    assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert refused.value.details().startswith(f"{field}: ") and rule in refused.value.details()


SIGNED = [
    ({"scheme": "hmac-sha256", "key": "{{secret.k}}", "text": "{{timestamp}}{{address}}",
      "encoding": "hex", "in": "header", "name": "X-Sign"},
     lambda r, q: r.headers["X-Sign"] == hmac.new(
         b"key", f"{q['ts']}{q['to']}".encode(), "sha256").hexdigest()),
    ({"scheme": "hmac-sha1", "key": "{{secret.k}}", "text": "{{timestamp}}", "encoding": "base64",
      "in": "query", "name": "sign"},
     lambda r, q: q["sign"] == base64.b64encode(
         hmac.new(b"key", q["ts"].encode(), "sha1").digest()).decode()),
    ({"scheme": "basic", "user": "me", "password": "{{secret.k}}"},
     lambda r, q: r.headers["Authorization"] == "Basic " + base64.b64encode(b"me:key").decode()),
]


@pytest.mark.parametrize("sign, good", SIGNED, ids=[s["scheme"] for s, _ in SIGNED])
def test_other_providers_are_described_too(notice, stubs, sign, good):
    m, seen = stubs.notice, []

    def answer(request):
        query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(request.path).query))
        seen.append((request, query))
        return 200, {}, b'{"result":{"status":0,"list":[{"id":77}]}}'
    with programs.Upstream(answer) as upstream:
        settings = {
            "request": {"url": f"http://127.0.0.1:{upstream.port}/send?v=1",
                        "query": {"to": "{{address}}", "ts": "{{timestamp}}"},
                        "json": {"text": "{{text}}", "tags": ["{{title}}", 1, None]}, "sign": sign},
            "answer": {"code": "result.status", "messageId": "result.list.0.id", "success": ["0"]}}
        name = f"sms-{sign['scheme']}"
        notice.PutChannel(m.PutChannelRequest(
            channel=name, kind="sms", settings=json.dumps(settings), secrets={"k": "key"}))
        notice.PutRecipient(m.PutRecipientRequest(user=name, addresses={name: "+86 138"}))
        sent = notice.Send(m.SendRequest(
            sender="s", title='a "title"', message="line\nline {{address}}", channel=name, users=name))
        observe.wait_until(lambda: seen)
        request, query = seen[0]
        assert query["to"] == "+86 138" and query["v"] == "1" and good(request, query)
        assert json.loads(request.body) == {
            "text": "line\nline {{address}}", "tags": ['a "title"', 1, None]}

        def delivery():
            return notice.ListNoticeDeliveries(
                m.ListNoticeDeliveriesRequest(notice_id=sent.notice_id)).deliveries[0]
        observe.wait_until(lambda: delivery().state == m.NOTICE_STATE_SENT)
        assert delivery().message_id == "77"
