"""Notices shown, sent again and cancelled. Nothing is sent on: states are as the test sets them."""

import json
import uuid

import grpc
import pytest

import observe
import programs
import sending
from notice_send_test import server  # noqa: F401  a server that sends nothing on

Code = grpc.StatusCode
STATES = ("waiting", "sending", "sent", "delivered", "read", "failed", "unknown", "cancelled")
MANY = 10000


@pytest.fixture(scope="module")
def sender(stubs, channel, database):
    """In a namespace of its own, beside others."""
    sender = sending.Sender(stubs, channel, database, space="shop")
    sender.put_channel("mail")
    sender.put_channel("post")
    for user in [f"u{i}" for i in range(8)] + ["ann"]:
        sender.put_recipient(user, mail=f"{user}@example.com", post=f"{user} street")
    return sender


@pytest.fixture(scope="module")
def stranger(stubs, channel, database):
    return sending.Sender(stubs, channel, database, space="other")


def call(who, method, **fields):
    request = getattr(who.m, f"{method}Request")(**fields)
    return getattr(who.stub, method)(request, timeout=programs.WAIT, metadata=who.metadata)


def refused(who, method, **fields):
    with pytest.raises(grpc.RpcError) as failure:
        call(who, method, **fields)
    return failure.value.code(), failure.value.details()


def state(sender, name):
    return sender.m.NoticeState.Value("NOTICE_STATE_" + name.upper())


def word(sender, number):
    return sender.m.NoticeState.Name(number).removeprefix("NOTICE_STATE_").lower()


def set_state(sender, position, name, **columns):
    """As the engine would leave it."""
    due = "now() + interval '1 hour'" if name in ("waiting", "sending") else "NULL"
    more = "".join(f", {column} = {value}" for column, value in columns.items())
    sender.database.rows(f"UPDATE notice.delivery SET state = '{name}', due = {due}{more} WHERE position = {position}")


def states(sender, response):
    return [d["state"] for d in sender.deliveries(response)]


@pytest.fixture
def mixed(sender):
    """A notice whose deliveries on mail stand in every state, in this order; those on site beside them."""
    response = sender.send(users=",".join(f"u{i}" for i in range(8)), channel="mail,site")
    for name, delivery in zip(STATES, sender.deliveries(response)[::2]):
        set_state(sender, delivery["position"], name, code="'c-" + name + "'", text="'said'", message_id="'m'",
                  tries=3, attempts=3)
    return response


def audited(sender, response, content):
    """The ext of what is recorded of it."""
    return [json.loads(ext) for ext, in sender.database.rows(
        "SELECT ext FROM audit.record WHERE namespace = 'junction.notice' AND opt_type = 2 AND severity = 'notice'"
        f" AND target = 'notice:{response.notice_id}' AND content = '{content}' ORDER BY position")]


# --- GetNotice, ListNotices -----------------------------------------------------------------------


def test_a_notice_as_it_was_sent(sender):
    sender.put_template("bill", "{{number}} {{receipt}}", channel="site")
    response = sender.send(template="bill", params='{"number": 1.50}', reply=True, users="ann",
                           metadata=[("traceparent", "00-" + "ab" * 16 + "-" + "cd" * 8 + "-01")])
    row, shown = sender.notice(response), call(sender, "GetNotice", notice_id=response.notice_id)
    n = shown.notice
    assert (n.notice_id, n.time, n.sender, n.title, n.message) == (
        response.notice_id, row["time"], "shop", "Hello", "It is here.")
    assert (n.params, n.template, n.template_version, list(n.channels), list(n.groups)) == (
        '{"number": 1.50}', "bill", 1, ["site"], [])
    assert (n.reply, n.deliveries, n.spread, n.user, n.application, n.trace_id) == (True, 1, 1, "", "", "ab" * 16)
    assert [(c.channel, word(sender, c.state), c.count) for c in shown.counts] == [("site", "delivered", 1)]


def test_counts_by_channel_and_state(sender, mixed):
    shown = call(sender, "GetNotice", notice_id=mixed.notice_id.upper())
    assert [(c.channel, word(sender, c.state), c.count) for c in shown.counts] == [
        ("mail", name, 1) for name in STATES] + [("site", "delivered", 8)]
    assert shown.notice.deliveries == shown.notice.spread == 16


def test_a_large_send_is_spread_in_the_end(sender):
    response = sender.send(users=",".join(f"n{i}" for i in range(700)), channel="site,mail")
    sender.wait_spread(response)
    shown = call(sender, "GetNotice", notice_id=response.notice_id)
    assert (shown.notice.deliveries, shown.notice.spread) == (1400, 1400)
    assert [(c.channel, word(sender, c.state), c.count) for c in shown.counts] == [
        ("mail", "failed", 700), ("site", "delivered", 700)]


@pytest.mark.parametrize("method", ["GetNotice", "Resend", "Cancel"])
def test_wrong_ids_of_notices(sender, stranger, method):
    response = sender.send()
    assert refused(stranger, method, notice_id=response.notice_id) == (
        Code.NOT_FOUND, "noticeId: no such notice")
    assert refused(sender, method, notice_id=str(uuid.uuid4()))[0] == Code.NOT_FOUND
    for wrong in ("", "x", response.notice_id + "0", "'; SELECT 1; --", response.notice_id.replace("-", "")):
        code, text = refused(sender, method, notice_id=wrong)
        assert code == Code.INVALID_ARGUMENT and text.startswith("noticeId: ")


def pages(who, method, items, **fields):
    """All items, and how many each page had."""
    found, sizes, token = [], [], ""
    while True:
        page = call(who, method, page_token=token, **fields)
        found += getattr(page, items)
        sizes.append(len(getattr(page, items)))
        token = page.next_page_token
        if not token:
            return found, sizes


def test_notices_are_listed_the_newest_first_page_by_page(sender, stranger):
    name = uuid.uuid4().hex
    ids = [sender.send(sender=name, title=f"t{i}").notice_id for i in range(7)]
    stranger.send(sender=name)
    listed, sizes = pages(sender, "ListNotices", "notices", sender=name, page_size=3)
    assert [n.notice_id for n in listed] == ids[::-1] and sizes == [3, 3, 1]
    assert [n.title for n in listed] == [f"t{i}" for i in range(6, -1, -1)]
    everything = call(sender, "ListNotices", page_size=10)
    assert [n.notice_id for n in everything.notices][:7] == ids[::-1]


def test_notices_by_template_and_by_time(sender):
    template = uuid.uuid4().hex
    sender.put_template(template)
    sent = [sender.send(template=template) for _ in range(3)]
    sender.send()
    rows = [sender.notice(response) for response in sent]

    def listed(**fields):
        return [n.notice_id for n in call(sender, "ListNotices", template=template, **fields).notices]
    ids = [response.notice_id for response in sent][::-1]
    assert listed() == ids
    assert listed(begin_time=rows[0]["time"], end_time=rows[2]["time"]) == ids
    assert listed(begin_time=rows[2]["time"] + 1) == listed(end_time=rows[0]["time"] - 1) == []
    assert listed(begin_time=-1, end_time=(1 << 63) - 1) == ids
    assert set(listed(begin_time=rows[1]["time"])) >= {ids[0], ids[1]}
    assert set(listed(end_time=rows[1]["time"])) >= {ids[1], ids[2]}


def test_a_page_of_large_notices_is_bounded(sender):
    name, text = uuid.uuid4().hex, "x" * (256 << 10)
    ids = [sender.send(sender=name, message=text).notice_id for _ in range(6)]
    listed, sizes = pages(sender, "ListNotices", "notices", sender=name)
    assert [n.notice_id for n in listed] == ids[::-1] and all(n.message == text for n in listed)
    assert sizes == [4, 2]


def test_a_page_is_short_when_enough_was_looked_at(sender, stranger, database):
    mine = sender.send(sender="behind many").notice_id
    other = stranger.send()
    database.rows("""
        INSERT INTO notice.notice (position, notice_id, time, namespace, sender, title, message, channels, deliveries,
            node)
        SELECT next.position + i, gen_random_uuid(), now(), 'other', 's', 't', 'm', '{site}', 0, 'test'
        FROM (SELECT setval('notice.last_position', last_value + 5000) - 5000 AS position
            FROM notice.last_position) AS next, generate_series(1, 5000) AS i""")
    listed, sizes = pages(sender, "ListNotices", "notices", sender="behind many")
    assert [n.notice_id for n in listed] == [mine] and sizes[0] == 0
    assert other.notice_id in [n.notice_id for n in pages(stranger, "ListNotices", "notices", page_size=1000)[0]]


@pytest.mark.parametrize("method", ["ListNotices", "ListNoticeDeliveries"])
def test_wrong_pages(sender, method):
    for fields in ({"page_size": -1}, {"page_size": 1001}, {"page_token": "x"}, {"page_token": "eAo"}):
        code, text = refused(sender, method, **fields)
        assert code == Code.INVALID_ARGUMENT and text.startswith("page")


# --- ListNoticeDeliveries, ListAttempts -----------------------------------------------------------


def test_a_delivery_as_it_stands(sender, mixed):
    failed, = call(sender, "ListNoticeDeliveries", notice_id=mixed.notice_id, channel="mail",
                   state=state(sender, "failed")).deliveries
    row = sender.deliveries(mixed)[10]
    assert (failed.delivery_id, failed.notice_id, failed.user, failed.channel, failed.address) == (
        str(row["position"]), mixed.notice_id, "u5", "mail", "u5@example.com")
    assert (failed.attempts, failed.at, failed.due, failed.message_id, failed.code, failed.text, failed.time) == (
        3, row["at"], 0, "m", "c-failed", "said", sender.notice(mixed)["time"])
    waiting = call(sender, "ListNoticeDeliveries", notice_id=mixed.notice_id,
                   state=state(sender, "waiting")).deliveries[0]
    assert waiting.due == sender.deliveries(mixed)[0]["due"] > waiting.time


def test_deliveries_by_all_that_may_be_asked_for(sender, stranger):
    user = uuid.uuid4().hex
    sender.put_recipient(user, mail="a@example.com", post="b")
    stranger.send(users=user)
    sent = [sender.send(users=user + ",ann", channel="mail,site,post") for _ in range(3)]
    everything = [dict(d, notice=response.notice_id) for response in sent for d in sender.deliveries(response)]
    for at, delivery in enumerate(everything):
        if delivery["channel"] != "site":
            delivery["state"], delivery["code"] = STATES[at % 8], f"c{at % 3}"
            set_state(sender, delivery["position"], delivery["state"], code=f"'c{at % 3}'")
    for notice in (None, sent[1].notice_id):
        for to in (None, user):
            for channel in (None, "mail", "post"):
                for stands in (None, "failed", "unknown", "waiting"):
                    for code in (None, "c1"):
                        given = {"notice_id": notice, "user": to, "channel": channel, "code": code,
                                 "state": state(sender, stands) if stands else None}
                        want = [str(d["position"]) for d in everything[::-1]
                                if notice in (None, d["notice"]) and to in (None, d["user"])
                                and channel in (None, d["channel"]) and stands in (None, d["state"])
                                and code in (None, d["code"])]
                        found = {d.delivery_id for d in everything_listed(sender, given)}
                        mine = {str(d["position"]) for d in everything}
                        assert found & mine == set(want), given
                        if notice or to:
                            assert found == set(want), given


def everything_listed(sender, given):
    given = {name: value for name, value in given.items() if value is not None}
    found, _ = pages(sender, "ListNoticeDeliveries", "deliveries", page_size=1000, **given)
    ids = [int(d.delivery_id) for d in found]
    assert ids == sorted(ids, reverse=True)
    return found


def test_deliveries_page_by_page(sender, mixed):
    found, sizes = pages(sender, "ListNoticeDeliveries", "deliveries", notice_id=mixed.notice_id, page_size=5)
    assert sizes == [5, 5, 5, 1]
    assert [int(d.delivery_id) for d in found] == [d["position"] for d in sender.deliveries(mixed)][::-1]
    found, sizes = pages(sender, "ListNoticeDeliveries", "deliveries", notice_id=mixed.notice_id, page_size=8)
    assert len(found) == 16 and sizes == [8, 8, 0]


def test_deliveries_of_what_is_not_there(sender, stranger, mixed):
    for caller, notice in ((stranger, mixed.notice_id), (sender, str(uuid.uuid4()))):
        assert pages(caller, "ListNoticeDeliveries", "deliveries", notice_id=notice) == ([], [0])
    assert pages(stranger, "ListNoticeDeliveries", "deliveries", user="u1") == ([], [0])
    others, _ = pages(stranger, "ListNoticeDeliveries", "deliveries", page_size=1000)
    assert not {d.delivery_id for d in others} & {str(d["position"]) for d in sender.deliveries(mixed)}
    code, text = refused(sender, "ListNoticeDeliveries", notice_id="x")
    assert code == Code.INVALID_ARGUMENT and text == "noticeId: must be a UUID"
    code, text = refused(sender, "ListNoticeDeliveries", state=9)
    assert code == Code.INVALID_ARGUMENT and text.startswith("state: ")


def test_attempts_in_order(sender, stranger, mixed, database):
    position = sender.deliveries(mixed)[4]["position"]
    database.rows(f"""INSERT INTO notice.attempt (position, number, at, node, asked, state, latency_ms, message_id,
            code, text)
        VALUES ({position}, 2, '2026-11-22 10:00:00.25Z', 'b-2', true, 'delivered', 1.5, 'm', '0', 'good'),
            ({position}, 1, '2026-11-22 09:00Z', 'a-1', false, 'sending', NULL, NULL, NULL, NULL)""")
    first, second = call(sender, "ListAttempts", delivery_id=str(position)).attempts
    assert (first.number, first.server, word(sender, first.state), first.latency_ms, first.asked) == (
        1, "a-1", "sending", 0, False)
    assert (second.number, second.at, second.server, word(sender, second.state), second.latency_ms,
            second.message_id, second.code, second.text, second.asked) == (
        2, 1795341600250, "b-2", "delivered", 1.5, "m", "0", "good", True)
    none = str(sender.deliveries(mixed)[0]["position"])
    assert list(call(sender, "ListAttempts", delivery_id=none).attempts) == []
    assert refused(stranger, "ListAttempts", delivery_id=none) == (
        Code.NOT_FOUND, "deliveryId: no such delivery")
    assert refused(sender, "ListAttempts", delivery_id="1")[0] == Code.NOT_FOUND
    for wrong in ("", "x", "-1", "0", "1.0", "9" * 19 + "9"):
        code, text = refused(sender, "ListAttempts", delivery_id=wrong)
        assert code == Code.INVALID_ARGUMENT and text.startswith("deliveryId: ")


# --- Resend ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("given, resent", [
    ([], {"failed"}), (["failed"], {"failed"}), (["unknown"], {"unknown"}), (["cancelled"], {"cancelled"}),
    (["failed", "unknown", "cancelled"], {"failed", "unknown", "cancelled"})])
def test_resend_by_state(sender, mixed, given, resent):
    before = sender.deliveries(mixed)
    response = call(sender, "Resend", notice_id=mixed.notice_id, states=[state(sender, name) for name in given])
    assert response.resent == len(resent)
    for was, now in zip(before, sender.deliveries(mixed)):
        if was["channel"] == "mail" and was["state"] in resent:
            assert (now["state"], now["code"], now["text"]) == ("waiting", None, None)
            assert now["at"] == now["due"] > was["at"]
        else:
            assert now == was
    rows = sender.database.rows("SELECT tries, attempts, message_id IS NULL, cancelled FROM notice.delivery"
                                f" WHERE due <= now() AND notice_position = {sender.notice(mixed)['position']}")
    assert rows == [["0", "3", "t", "f"]] * len(resent)
    assert audited(sender, mixed, "notice resent") == [
        {"count": len(resent), "states": given or ["failed"]}]
    assert call(sender, "Resend", notice_id=mixed.notice_id,
                states=[state(sender, name) for name in given]).resent == 0
    assert len(audited(sender, mixed, "notice resent")) == 1


@pytest.mark.parametrize("name", ["unspecified", "waiting", "sending", "sent", "delivered", "read"])
def test_no_other_state_is_resent(sender, mixed, name):
    assert refused(sender, "Resend", notice_id=mixed.notice_id, states=[state(sender, name)]) == (
        Code.INVALID_ARGUMENT, "states: must be FAILED, UNKNOWN or CANCELLED")


def failing(sender, users, channel="mail"):
    response = sender.send(users=users, channel=channel)
    for delivery in sender.deliveries(response):
        set_state(sender, delivery["position"], "failed", code="'550'")
    return response


def test_resend_to_some_users_and_on_one_channel(sender):
    response = failing(sender, "u1,u2,u3", "mail,post")
    assert call(sender, "Resend", notice_id=response.notice_id, users=["u1", "u3", "nobody"],
                channel="post").resent == 2
    assert [(d["user"], d["channel"]) for d in sender.deliveries(response) if d["state"] == "waiting"] == [
        ("u1", "post"), ("u3", "post")]
    assert audited(sender, response, "notice resent") == [
        {"count": 2, "states": ["failed"], "channel": "post", "users": 3}]
    assert call(sender, "Resend", notice_id=response.notice_id, channel="none").resent == 0
    assert call(sender, "Resend", notice_id=response.notice_id).resent == 4
    for users in ([f"u{i}" for i in range(1001)], [""], ["x" * 256]):
        code, text = refused(sender, "Resend", notice_id=response.notice_id, users=users)
        assert code == Code.INVALID_ARGUMENT and text.startswith("users: ")


def test_resend_goes_where_the_recipient_is_now(sender):
    users = [uuid.uuid4().hex for _ in range(4)]
    for user in users[:3]:
        sender.put_recipient(user, "en", mail="old@example.com")
    response = sender.send(users=",".join(users), channel="mail")
    assert states(sender, response) == ["waiting"] * 3 + ["failed"]
    for delivery in sender.deliveries(response):
        set_state(sender, delivery["position"], "failed")
    sender.put_recipient(users[0], "zh-CN", mail="new@example.com")
    sender.put_recipient(users[1], "zh-CN", post="elsewhere")
    call(sender, "DeleteRecipient", user=users[2])
    assert call(sender, "Resend", notice_id=response.notice_id).resent == 1
    first, *others = sender.deliveries(response)
    assert (first["state"], first["address"], first["language"]) == ("waiting", "new@example.com", "zh-CN")
    assert [(d["state"], d["address"]) for d in others] == [
        ("failed", "old@example.com"), ("failed", "old@example.com"), ("failed", None)]
    sender.put_recipient(users[3], mail="found@example.com")
    assert call(sender, "Resend", notice_id=response.notice_id).resent == 1


def test_resend_goes_by_the_channel_that_is_there_now(sender):
    sender.put_channel("again")
    sender.put_recipient("u0", mail="u0@example.com", again="u0", post="u0")
    response = failing(sender, "u0", "again")
    before = sender.deliveries(response)[0]["channel_id"]
    call(sender, "DeleteChannel", channel="again")
    assert call(sender, "Resend", notice_id=response.notice_id).resent == 0
    sender.put_channel("again")
    assert call(sender, "Resend", notice_id=response.notice_id).resent == 1
    delivery, = sender.deliveries(response)
    assert delivery["channel_id"] > before and delivery["state"] == "waiting"


# --- Cancel ---------------------------------------------------------------------------------------


def test_cancel_what_waits(sender, mixed):
    before = sender.deliveries(mixed)
    assert call(sender, "Cancel", notice_id=mixed.notice_id).cancelled == 1
    after = sender.deliveries(mixed)
    assert (after[0]["state"], after[0]["due"]) == ("cancelled", None) and after[0]["at"] > before[0]["at"]
    assert after[1:] == before[1:]
    assert audited(sender, mixed, "notice cancelled") == [{"count": 1}]
    assert call(sender, "Cancel", notice_id=mixed.notice_id).cancelled == 0
    assert len(audited(sender, mixed, "notice cancelled")) == 1
    # What is being sent is not tried again, until it is resent.
    rows = sender.database.rows("SELECT state FROM notice.delivery WHERE cancelled AND"
                                f" notice_position = {sender.notice(mixed)['position']} ORDER BY position")
    assert rows == [["cancelled"], ["sending"]]
    assert call(sender, "Resend", notice_id=mixed.notice_id, states=[state(sender, "cancelled")]).resent == 2
    assert sender.database.rows("SELECT state FROM notice.delivery WHERE cancelled AND"
                                f" notice_position = {sender.notice(mixed)['position']}") == [["sending"]]


def test_cancel_on_one_channel(sender):
    response = sender.send(users="u1,u2", channel="mail,post,site")
    assert call(sender, "Cancel", notice_id=response.notice_id, channel="post").cancelled == 2
    assert states(sender, response) == ["waiting", "cancelled", "delivered"] * 2
    assert audited(sender, response, "notice cancelled") == [{"count": 2, "channel": "post"}]
    assert call(sender, "Cancel", notice_id=response.notice_id, channel="site").cancelled == 0


def test_who_did_it_is_in_the_audit(sender, mixed):
    trace = uuid.uuid4().hex
    sender.stub.Cancel(sender.m.CancelRequest(notice_id=mixed.notice_id), metadata=[
        *sender.metadata, ("traceparent", f"00-{trace}-{'cd' * 8}-01")])
    row, = sender.database.rows(
        "SELECT opt_type, result_type, severity, content, target, source_node = node, address <> '', user_name"
        f" FROM audit.record WHERE trace_id = '{trace}'")
    assert row == ["2", "0", "notice", "notice cancelled", "notice:" + mixed.notice_id, "t", "t", ""]


# --- many -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def many(sender):
    """A notice with 100,000 deliveries that wait."""
    sender.database.rows(f"""INSERT INTO notice.recipient (namespace, user_name, addresses)
        SELECT 'shop', 'many' || i, '{{"mail":"m@example.com"}}' FROM generate_series(1, {MANY}) AS i""")
    response = sender.send(users="many1", channel="mail")
    sender.database.rows(f"""WITH first AS (SELECT d.* FROM notice.delivery d JOIN notice.notice n
            ON n.position = d.notice_position WHERE n.notice_id = '{response.notice_id}'),
        next AS (SELECT setval('notice.last_position', last_value + {MANY}) - {MANY} AS position
            FROM notice.last_position)
        INSERT INTO notice.delivery (position, notice_position, namespace, user_name, channel, channel_id, address,
            state, at, due)
        SELECT next.position + i, first.notice_position, 'shop', 'many' || i, 'mail', first.channel_id,
            'm@example.com', 'waiting', now(), now() FROM first, next, generate_series(2, {MANY}) AS i""")
    return response


def test_many_are_cancelled_and_resent_in_small_steps(sender, many):
    assert call(sender, "Cancel", notice_id=many.notice_id).cancelled == MANY
    assert call(sender, "Resend", notice_id=many.notice_id, states=[state(sender, "cancelled")]).resent == MANY
    for content in ("notice cancelled", "notice resent"):
        counts = [ext["count"] for ext in audited(sender, many, content)]
        assert sum(counts) == MANY and max(counts) <= 1000
    shown = call(sender, "GetNotice", notice_id=many.notice_id)
    assert [(word(sender, c.state), c.count) for c in shown.counts] == [("waiting", MANY)]
    listed, sizes = pages(sender, "ListNoticeDeliveries", "deliveries", notice_id=many.notice_id, user="many99")
    assert len(listed) == 1 and sizes == [1]


def test_cancel_while_another_resends(sender, many):
    """They take what they change in one order: none breaks the other."""
    wanted = [state(sender, name) for name in ("cancelled", "failed")]
    calls = [sender.stub.Cancel.future(sender.m.CancelRequest(notice_id=many.notice_id), metadata=sender.metadata)
             if i % 2 else sender.stub.Resend.future(sender.m.ResendRequest(
                 notice_id=many.notice_id, states=wanted), metadata=sender.metadata) for i in range(6)]
    for each in calls:
        each.result(timeout=programs.WAIT)
    shown = call(sender, "GetNotice", notice_id=many.notice_id)
    assert sum(c.count for c in shown.counts) == MANY


# --- what is forgotten ----------------------------------------------------------------------------


def test_expired_keys_are_forgotten(sender, database):
    database.rows("""INSERT INTO notice.idempotency SELECT 'shop', 'app', 'k' || i, 'x', gen_random_uuid(), 1,
        now() + (i % 2 * 2 - 1) * interval '1 hour' FROM generate_series(1, 4000) AS i""")
    other = programs.Server(database.url, "--notice-member-ms", "0")
    observe.wait_until(lambda: database.rows("SELECT count(*), min(expires_at) > now() FROM notice.idempotency"
                                             " WHERE application = 'app'") == [["2000", "t"]])
    other.stop()
