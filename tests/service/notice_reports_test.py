"""What providers report of messages that they took: ReportReceipts, and notice.report."""

import itertools
import json
import urllib.parse

import grpc
import pytest

import carrying
import observe
import programs

NUMBERS = itertools.count(1)
STATES = ("waiting", "sending", "sent", "delivered", "read", "failed", "unknown", "cancelled")
# What is believed of a delivery that stands so.
BELIEVED = {
    "delivered": set(STATES) - {"delivered", "read"},
    "read": set(STATES) - {"read"},
    "failed": {"sending", "sent", "unknown"},
    "sent": {"unknown"},
}


@pytest.fixture(scope="module")
def server(database):
    server = programs.Server(database.url, "--notice-poll-ms", "50", "--log-level", "debug")
    yield server
    server.stop()


class Reports:
    """A channel whose provider reports, and deliveries on it as they may stand."""

    def __init__(self, stubs, channel, database):
        self.name = f"c{next(NUMBERS)}"
        self.carrier = carrying.Carrier(stubs, channel, self.name)
        self.stub, self.m, self.database = self.carrier.stub, stubs.notice, database
        # Disabled: nothing is sent that the test has made.
        self.token = self.carrier.put({"service": "pager"}, kind="service", enabled=False).receipt_token
        self.id = self.value(f"SELECT id FROM notice.channel WHERE name = '{self.name}'")

    def value(self, sql):
        return self.database.rows(sql)[0][0]

    def delivery(self, state, message_id=None, address="a", reply=False, code=None):
        """Its position, as a text."""
        def literal(value):
            return "NULL" if value is None else f"'{value}'"
        notice = self.value(
            "INSERT INTO notice.notice (position, notice_id, time, namespace, sender, title, message,"
            " channels, reply, deliveries, node) SELECT greatest(event.position_at(now()),"
            " max(position) + 1), gen_random_uuid(), now(), 'default', 's', 't', 'm',"
            f" '{{{self.name}}}', {reply}, 1, 'n' FROM notice.notice RETURNING position")
        due = "now() + interval '1 hour'" if state in STATES[:3] + ("unknown",) else "NULL"
        return self.value(
            "INSERT INTO notice.delivery (position, notice_position, namespace, user_name, channel,"
            " channel_id, address, state, at, due, message_id, code, text)"
            f" SELECT greatest(event.position_at(now()), max(position) + 1), {notice}, 'default', 'ann',"
            f" '{self.name}', {self.id}, '{address}', '{state}', now() - interval '1 hour', {due},"
            f" {literal(message_id)}, {literal(code)}, {literal(code)}"
            " FROM notice.delivery RETURNING position")

    def stands(self, position, columns="state, due IS NULL, coalesce(code, ''), coalesce(text, '')"):
        return self.database.rows(
            f"SELECT {columns} FROM notice.delivery WHERE position = {position}")[0]

    def state(self, position):
        return self.stands(position)[0]

    def write(self, *reports):
        """notice.report; each: position, message_id, address, state, code, text."""
        columns = [[], [], [], [], [], []]
        for report in reports:
            for column, value in zip(columns, report):
                column.append("NULL" if value is None else f'"{value}"')
        arrays = ", ".join("'{" + ",".join(column) + "}'" for column in columns)
        row, = self.database.rows(f"SELECT * FROM notice.report({self.id}, {arrays})")
        return tuple(map(int, row))

    def report(self, *pieces, token=None):
        requests = [self.m.ReportReceiptsRequest(content=piece) for piece in pieces] or [
            self.m.ReportReceiptsRequest()]
        requests[0].token = self.token if token is None else token
        return self.stub.ReportReceipts(iter(requests), timeout=programs.WAIT)

    def refused(self, *pieces, **more):
        with pytest.raises(grpc.RpcError) as caught:
            self.report(*pieces, **more)
        return caught.value.code(), caught.value.details()


@pytest.fixture
def reports(stubs, channel, database):
    reports = Reports(stubs, channel, database)
    yield reports
    reports.carrier.delete()


# --- what is believed --------------------------------------------------------------------------------

@pytest.mark.parametrize("said", BELIEVED)
def test_what_is_reported_is_believed_where_it_says_more(reports, said):
    for state in STATES:
        position = reports.delivery(state, code="before")
        believed = state in BELIEVED[said]
        before = reports.stands(position, "*")
        assert reports.write((position, None, None, said, "7", "why")) == (
            1, int(believed), 0), state
        if believed:
            assert reports.stands(position) == [said, "t", "7", "why"], state
        else:
            assert reports.stands(position, "*") == before, state
        # The same again is nothing new.
        after = reports.stands(position, "*")
        assert reports.write((position, None, None, said, "8", "again")) == (1, 0, 0)
        assert reports.stands(position, "*") == after


def test_a_report_without_words_leaves_what_was_said(reports):
    position = reports.delivery("sent", code="OK")
    reports.write((position, None, None, "delivered", None, None))
    assert reports.stands(position) == ["delivered", "t", "OK", "OK"]
    position = reports.delivery("sent", code="OK")
    reports.write((position, None, None, "failed", None, "gone"))
    assert reports.stands(position) == ["failed", "t", "", "gone"]


def test_the_report_that_says_most_counts(reports):
    position = reports.delivery("sent")
    assert reports.write(*((position, None, None, state, str(i), None) for i, state in enumerate(
        ("delivered", "read", "failed", "delivered")))) == (4, 1, 0)
    assert reports.stands(position)[::2] == ["read", "1"]
    position = reports.delivery("sent")
    assert reports.write((position, None, None, "failed", "1", None),
                         (position, None, None, "failed", "2", None)) == (2, 1, 0)
    assert reports.stands(position)[2] == "2"


def test_message_ids_tell_deliveries_and_addresses_tell_more(reports):
    alone = reports.delivery("sent", message_id="m1", address="+86 138")
    first = reports.delivery("sent", message_id="m2", address="1")
    second = reports.delivery("sent", message_id="m2", address="2")
    # As only one delivery has the id, another way to write its address does not matter.
    assert reports.write((None, "m1", "138", "delivered", None, None)) == (1, 1, 0)
    assert reports.write((None, "m2", "2", "failed", None, None)) == (1, 1, 0)
    assert [reports.state(p) for p in (alone, first, second)] == ["delivered", "sent", "failed"]
    assert reports.write((None, "m2", "3", "read", None, None)) == (0, 0, 0)
    assert reports.write((None, "m2", None, "read", None, None)) == (1, 2, 0)
    assert [reports.state(p) for p in (first, second)] == ["read", "read"]


def test_nothing_is_said_of_another_channels_deliveries(reports, stubs, channel, database):
    other = Reports(stubs, channel, database)
    position = other.delivery("sent", message_id="m1")
    site = reports.value(
        "INSERT INTO notice.delivery (position, notice_position, namespace, user_name, channel, state, at)"
        " SELECT max(position) + 1, max(notice_position), 'default', 'ann', 'site', 'delivered', now()"
        " FROM notice.delivery RETURNING position")
    for one in (position, site, 17):
        assert reports.write((one, None, None, "read", None, None)) == (0, 0, 0)
    assert reports.write((None, "m1", None, "read", None, None)) == (0, 0, 0)
    assert (other.state(position), reports.state(site)) == ("sent", "delivered")
    other.carrier.delete()


def test_what_was_read_is_a_receipt_that_is_told_if_it_was_wanted(reports):
    for reply in (False, True):
        position = reports.delivery("sent", reply=reply)
        assert reports.write((position, None, None, "delivered", None, None)) == (1, 1, 0)
        assert reports.stands(position, "receipt_at IS NULL, receipt_told") == ["t", "f"]
        assert reports.write((position, None, None, "read", None, None)) == (1, 1, int(reply))
        assert reports.stands(position, "receipt_at > at - interval '1 s'")[0] == "t"
        told = reports.stands(position, "receipt_told")[0]
        assert told == "t" or reply


# --- by the API ---------------------------------------------------------------------------------------

def test_a_service_reports_an_object_or_a_list_in_pieces(reports, server):
    first, second = reports.delivery("sent"), reports.delivery("unknown", message_id="m-7")
    known = observe.value(server, "junction_notice_reports_total", delivery="known")
    unknown = observe.value(server, "junction_notice_reports_total", delivery="unknown")
    answer = reports.report(json.dumps({"deliveryId": first, "state": "delivered"}).encode())
    assert (answer.code, answer.msg) == (0, "OK")
    body = json.dumps([
        {"messageId": "m-7", "state": "failed", "code": "E7", "text": "无法送达\n"},
        {"messageId": "m-8", "state": "read"}, {"deliveryId": "17", "state": "read"}]).encode()
    assert reports.report(*(body[i:i + 1] for i in range(len(body)))).msg == "OK"
    assert reports.stands(first)[0] == "delivered"
    assert reports.stands(second) == ["failed", "t", "E7", "无法送达 "]
    assert observe.value(server, "junction_notice_reports_total", delivery="known") == known + 2
    assert observe.value(server, "junction_notice_reports_total", delivery="unknown") == unknown + 2
    assert reports.report(b"[]").msg == "OK"


def test_a_report_may_be_faster_than_the_answer_to_the_sending(reports):
    position = reports.delivery("sent")
    report = json.dumps({"messageId": "m-fast", "state": "delivered"}).encode()
    call = reports.stub.ReportReceipts.future(iter([reports.m.ReportReceiptsRequest(
        token=reports.token, content=report)]), timeout=programs.WAIT)
    call.initial_metadata()  # it has been looked for
    reports.database.rows(
        f"UPDATE notice.delivery SET message_id = 'm-fast' WHERE position = {position}")
    assert call.result().msg == "OK"
    assert reports.state(position) == "delivered"


def test_over_http_the_body_is_the_report(reports, bridge):
    position = reports.delivery("sent")
    path = "/v1/notice/reports/" + urllib.parse.quote(reports.token, safe="")
    for content_type in ("application/json", "text/plain", "application/x-www-form-urlencoded"):
        answer = bridge.request(
            "POST", path, json.dumps([{"deliveryId": position, "state": "read"}]),
            {"Content-Type": content_type})
        assert (answer.status, answer.json()) == (200, {"code": 0, "msg": "OK"})
    assert reports.state(position) == "read"
    assert bridge.request("POST", path, "[").status == 400
    assert bridge.request("POST", "/v1/notice/reports/" + "0" * 32, "[]").status == 404


def test_only_the_providers_token_reports(reports, server):
    assert reports.refused(b"[]", token="wrong-token-4711") == (
        grpc.StatusCode.NOT_FOUND, "token: no channel has this one")
    assert reports.refused(b"[]", token="") == (
        grpc.StatusCode.INVALID_ARGUMENT, "token: is required in the first message")
    with pytest.raises(grpc.RpcError) as caught:
        reports.stub.ReportReceipts(iter([]), timeout=programs.WAIT)
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    reports.report(b"[]")
    log = server.log_text()
    assert reports.token not in log and "wrong-token-4711" not in log


def test_what_cannot_be_read_is_refused_and_changes_nothing(reports):
    position = reports.delivery("sent")
    for body, reason in [
            (b"", "invalid JSON at byte 0"), (b"<html>", "invalid JSON at byte 0"),
            (b'"x"', "content: must be an object or a list of objects"),
            (f'[{{"deliveryId":{position},"state":"read"}},{{"state":"read"}}]'.encode(),
             "deliveryId: is required, or messageId"),
            (f'{{"deliveryId":{position},"state":"sent"}}'.encode(),
             'state: must be "delivered", "failed" or "read"')]:
        code, details = reports.refused(body)
        assert code == grpc.StatusCode.INVALID_ARGUMENT and details.startswith(reason)
    assert reports.state(position) == "sent"


def test_a_report_has_at_most_a_mebibyte(reports):
    position = reports.delivery("sent")
    body = json.dumps([{"deliveryId": position, "state": "read"}]).encode()
    piece = b" " * 65536
    code, details = reports.refused(body, *[piece] * 16)
    assert code == grpc.StatusCode.RESOURCE_EXHAUSTED and details.startswith("content: ")
    assert reports.state(position) == "sent"
    reports.report(body, *[piece] * 15, b" " * (65536 - len(body)))
    assert reports.state(position) == "read"


def test_many_reports_at_once(reports):
    positions = [reports.delivery("sent") for _ in range(20)]
    body = json.dumps([{"deliveryId": p, "state": "delivered"} for p in positions * 500]).encode()
    assert len(body) < 1 << 20
    reports.report(body)
    assert {reports.state(p) for p in positions} == {"delivered"}


def test_a_receipt_that_was_wanted_is_published(reports, database):
    position = reports.delivery("sent", reply=True)
    reports.report(json.dumps({"deliveryId": position, "state": "read"}).encode())
    published = []

    def comes():
        published[:] = database.rows(
            f"SELECT name, data FROM event.event WHERE event_id = 'notice.receipt.{position}'")
        return published
    observe.wait_until(comes)
    (name, data), = published
    assert name == "notice.receipt" and json.loads(data)["by"] == "provider"
