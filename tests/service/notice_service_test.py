"""A registered service that carries notices out: what it is given, and what is made of what it says."""

import base64
import hashlib
import hmac
import itertools
import json
import time

import grpc
import pytest

import carrying
import key_files
import observe
import programs

SECRET = bytes(range(32))
TRACE = "0af7651916cd43dd8448eb211c80319c"
NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def server(database, tmp_path_factory):
    keys = key_files.KeyFile(tmp_path_factory.mktemp("keys"))
    keys.add("k1")
    server = programs.Server(database.url, "--key-file", str(keys.path), "--notice-poll-ms", "50")
    yield server
    server.stop()


class Pager(carrying.Carrier):
    """The channel, and the service behind it."""

    def __init__(self, stubs, channel, registry, party):
        super().__init__(stubs, channel, f"pager{next(NUMBERS)}")
        self.registry, self.r, self.party = registry, stubs.registry, party
        self.register("pager-1", party)

    def register(self, node, party):
        self.registry.RegisterNode(self.r.RegisterNodeRequest(
            service=self.name, node=node, host="127.0.0.1", port=party.port))

    def deregister(self, node):
        self.registry.DeregisterNode(self.r.DeregisterNodeRequest(service=self.name, node=node))

    def open(self, secrets=None, schedule_ms=(50, 3600000), **settings):
        return self.put({"service": self.name, **settings}, secrets, kind="service",
                        schedule_ms=schedule_ms, timeout_ms=3000)

    def report(self, token, *reports):
        body = json.dumps(reports).encode()
        return self.stub.ReportReceipts(iter([
            self.m.ReportReceiptsRequest(token=token, content=body)]), timeout=programs.WAIT)


@pytest.fixture
def party():
    with carrying.Party(carrying.say(code="200", message="ok", messageId="p-1")) as party:
        yield party


@pytest.fixture
def pager(stubs, channel, registry, party):
    pager = Pager(stubs, channel, registry, party)
    yield pager
    pager.delete()


# --- what it is given ---------------------------------------------------------------------------------

def test_it_gets_all_that_there_is_to_say(pager, party):
    pager.open()
    pager.recipients(ann="desk 7")
    notice_id = pager.send("ann", title="水泵", message="3 号\n\"漏水\"", params='{"n":12345678901234567890.10}',
                           metadata=[("traceparent", f"00-{TRACE}-b7ad6b7169203331-01")])
    found = pager.wait(notice_id, ann="SENT")["ann"]
    assert (found.message_id, found.code, found.text) == ("p-1", "200", "ok")
    request, = party.got()
    assert (request.method, request.target) == ("POST", "/mw/notice/deliver")
    assert request.headers["content-type"] == "application/json"
    assert request.headers["idempotency-key"] == found.delivery_id
    assert request.headers["traceparent"].split("-")[1] == TRACE
    assert "webhook-signature" not in request.headers
    assert request.json() == {
        "noticeId": notice_id, "deliveryId": found.delivery_id, "channel": pager.name, "sender": "ops",
        "title": "水泵", "message": "3 号\n\"漏水\"", "user": "ann", "address": "desk 7", "language": "",
        "params": {"n": 12345678901234567890.10}, "attachments": []}
    # Numbers as they were written.
    assert b'"params":{"n":12345678901234567890.10}' in request.body


def test_it_is_signed_as_standard_webhooks_are(pager, party):
    pager.open({"secret": "whsec_" + base64.b64encode(SECRET).decode()}, path="/in?x=1")
    pager.recipients(ann="a")
    pager.wait(pager.send("ann"), ann="SENT")
    request, = party.got()
    assert request.target == "/in?x=1"
    said, stamp = request.headers["webhook-id"], request.headers["webhook-timestamp"]
    assert said == request.headers["idempotency-key"] and abs(int(stamp) - time.time()) < 60
    mac = hmac.new(SECRET, f"{said}.{stamp}.".encode() + request.body, hashlib.sha256).digest()
    assert request.headers["webhook-signature"] == "v1," + base64.b64encode(mac).decode()


def test_its_nodes_take_turns_and_it_waits_for_one(pager, party):
    pager.open(schedule_ms=[50] * 20)
    pager.recipients(ann="a")
    with carrying.Party(carrying.say(code=0)) as other:
        pager.register("pager-2", other)
        for _ in range(4):
            pager.wait(pager.send("ann"), ann="SENT")
        assert (len(party.got()), len(other.got())) == (2, 2)
    pager.deregister("pager-1")
    pager.deregister("pager-2")
    notice_id = pager.send("ann")
    observed = []

    def waits():
        observed[:] = [pager.deliveries(notice_id)["ann"]]
        return observed[0].code == "no_node"
    observe.wait_until(waits)
    assert pager.state(observed[0]) == "WAITING"
    pager.register("pager-1", party)
    pager.wait(notice_id, ann="SENT")


# --- what it says ------------------------------------------------------------------------------------

def test_it_may_say_that_it_has_arrived(pager, party):
    pager.open()
    pager.recipients(ann="a")
    party.behave = carrying.say(code=200, data={"state": "delivered", "messageId": 17})
    found = pager.wait(pager.send("ann"), ann="DELIVERED")["ann"]
    assert (found.message_id, found.due) == ("17", 0)


@pytest.mark.parametrize("behave,code,text", [
    (carrying.say(code="E7", message="no such desk"), "E7", "no such desk"),
    (carrying.say(status=400, code="200", msg="bad"), "http_400", "bad")])
def test_what_it_refuses_has_failed(pager, party, behave, code, text):
    pager.open()
    pager.recipients(ann="a")
    party.behave = behave
    found = pager.wait(pager.send("ann"), ann="FAILED")["ann"]
    assert (found.code, found.text, found.attempts) == (code, text, 1)


LOST = [carrying.hang, carrying.close, carrying.page, carrying.answer(500)]


@pytest.mark.parametrize("behave", LOST, ids=["hang", "close", "page", "500"])
def test_what_may_have_arrived_is_repeated_with_the_same_id(pager, party, behave):
    pager.open()
    pager.recipients(ann="a")
    party.behave = carrying.once(behave, carrying.say(code=0))
    found = pager.wait(pager.send("ann"), ann="SENT")["ann"]
    assert found.attempts == 2
    assert [r.headers["idempotency-key"] for r in party.got()] == [found.delivery_id] * 2
    assert [pager.state(a) for a in pager.attempts(found)][1] == "SENT"


def test_what_may_have_arrived_is_unknown_in_the_end(pager, party):
    pager.open(schedule_ms=[20, 20])
    pager.recipients(ann="a")
    party.behave = carrying.answer(500)
    found = pager.wait(pager.send("ann"), ann="UNKNOWN")["ann"]
    assert (found.code, found.attempts, len(party.got())) == ("http_500", 3, 3)


@pytest.mark.parametrize("behave", LOST, ids=["hang", "close", "page", "500"])
def test_one_that_does_not_tell_repetitions_gets_none(pager, party, behave):
    pager.open(idempotent=False)
    pager.recipients(ann="a")
    party.behave = carrying.once(behave, carrying.say(code=0))
    found = pager.wait(pager.send("ann"), ann="UNKNOWN")["ann"]
    assert (found.attempts, found.due, len(party.got())) == (1, 0, 1)


@pytest.mark.parametrize("status", [408, 429, 503])
def test_what_it_did_not_process_is_sent_again_by_whatever_service(pager, party, status):
    pager.open(idempotent=False)
    pager.recipients(ann="a")
    retry = carrying.answer(status, Retry_After="1")
    party.behave = carrying.once(retry, carrying.say(code=0))
    found = pager.wait(pager.send("ann"), ann="SENT")["ann"]
    assert found.attempts == 2


# --- what it reports ---------------------------------------------------------------------------------

def test_it_reports_by_the_deliverys_id_or_its_own(pager, party):
    token = pager.open().receipt_token
    pager.recipients(ann="a", bob="b")
    ids = itertools.count(1)
    party.behave = lambda *given: carrying.say(code=0, messageId=f"p-{next(ids)}")(*given)
    notice_id = pager.send("ann", "bob")
    found = pager.wait(notice_id, ann="SENT", bob="SENT")
    pager.report(token, {"deliveryId": found["ann"].delivery_id, "state": "delivered"},
                 {"messageId": found["bob"].message_id, "state": "failed", "code": "E1", "text": "no"})
    found = pager.wait(notice_id, ann="DELIVERED", bob="FAILED")
    assert (found["bob"].code, found["bob"].text) == ("E1", "no")


@pytest.mark.parametrize("state", ["delivered", "failed", "read"])
def test_a_report_that_comes_before_the_answer_stands(pager, party, state):
    token = pager.open().receipt_token
    pager.recipients(ann="a")

    def report_first(_party, connection, request):
        pager.report(token, {"deliveryId": request.json()["deliveryId"], "state": state})
        return carrying.say(code=0, messageId="p-1")(_party, connection, request)
    party.behave = report_first
    notice_id = pager.send("ann")
    pager.wait(notice_id, ann=state.upper())

    def concluded():
        return pager.deliveries(notice_id)["ann"].message_id == "p-1"
    observe.wait_until(concluded)
    found = pager.deliveries(notice_id)["ann"]
    assert pager.state(found) == state.upper() and found.attempts == 1
    attempt, = pager.attempts(found)
    assert pager.state(attempt) == "SENT"


def test_what_has_arrived_is_not_sent_again(pager, party):
    token = pager.open(schedule_ms=[3600000]).receipt_token
    pager.recipients(ann="a")
    party.behave = carrying.close
    notice_id = pager.send("ann")
    observe.wait_until(lambda: pager.deliveries(notice_id)["ann"].code == "broken_off")
    found = pager.deliveries(notice_id)["ann"]
    pager.report(token, {"deliveryId": found.delivery_id, "state": "delivered"})
    found = pager.wait(notice_id, ann="DELIVERED")["ann"]
    assert found.due == 0


def test_a_kind_that_reports_nothing_says_so(stubs, channel, party):
    robot = carrying.Carrier(stubs, channel, "robot")
    token = robot.put({"url": party.url("/")}, {"key": "k"}, kind="wechat").receipt_token
    with pytest.raises(grpc.RpcError) as caught:
        robot.stub.ReportReceipts(iter([robot.m.ReportReceiptsRequest(token=token, content=b"[]")]),
                                  timeout=programs.WAIT)
    assert caught.value.code() == grpc.StatusCode.FAILED_PRECONDITION
    assert caught.value.details() == "channel robot: its kind reports nothing"
    robot.delete()
