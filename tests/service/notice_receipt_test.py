"""Receipts: links and inboxes, pages for people, and the events that tell of them."""

import base64
import hmac
import html.parser
import itertools
import json
import os
import threading

import grpc
import pytest

import observe
import programs
from event_streams import Stream
from inboxes import Inbox, Post

NOT_FOUND = grpc.StatusCode.NOT_FOUND
UNKNOWN = (NOT_FOUND, "token: no such receipt, or it is not kept any more")
URL = "https://j.example"
QUICK = ("--notice-poll-ms", "20", "--event-poll-ms", "20", "--public-url", URL)
NUMBERS = itertools.count()
TRACE = "0af7651916cd43dd8448eb211c80319c"


@pytest.fixture(scope="module")
def server(database):
    server = programs.Server(database.url, *QUICK, "--notice-member-ms", "0")
    yield server
    server.stop()


@pytest.fixture(scope="module")
def post(stubs, channel, database):
    post = Post(stubs, channel, database)
    post.put_template("ask", "Did you get it? {{receipt}}")
    post.put_channel("mail")
    return post


@pytest.fixture
def user():
    return f"user{next(NUMBERS)}"


@pytest.fixture
def inbox(stubs, channel, user):
    return Inbox(stubs, channel, user)


@pytest.fixture
def told(stubs, channel, user):
    """The events of this user's receipts, as a subscriber gets them."""
    with Stream(stubs, channel, "notice.receipt") as stream:
        stream.until(lambda: stream.messages)

        def events(count):
            def mine():
                return [e for e in stream.events() if json.loads(e.data)["user"] == user]
            stream.until(lambda: len(mine()) >= count)
            return mine()
        yield events


def delivery(database, user, channel="site", columns="position"):
    return database.rows(f"SELECT {columns} FROM notice.delivery WHERE user_name = '{user}'"
                         f" AND channel = '{channel}' ORDER BY position")[-1]


def token_of(database, position, key=None):
    """As everybody can make it who has the key."""
    if key is None:
        key = bytes.fromhex(database.rows("SELECT encode(key, 'hex') FROM notice.link_key")[0][0])
    number = int(position).to_bytes(8, "big")
    signed = number + hmac.digest(key, number, "sha256")[:16]
    return base64.urlsafe_b64encode(signed).decode()


class Page(html.parser.HTMLParser):
    """Its tags with their attributes, and its text."""

    def __init__(self, body):
        super().__init__()
        self.tags, self.said = [], ""
        assert body.content_type == "text/html; charset=utf-8"
        self.feed(body.data.decode())

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.said += data

    def names(self):
        return [tag for tag, _ in self.tags]


def show(post, token):
    return Page(post.stub.ShowReceipt(post.m.ShowReceiptRequest(token=token), timeout=programs.WAIT))


def confirm(post, token):
    return Page(post.stub.ConfirmReceipt(post.m.ConfirmReceiptRequest(token=token), timeout=programs.WAIT))


def refusal(post, method, token):
    with pytest.raises(grpc.RpcError) as caught:
        getattr(post.stub, method)(getattr(post.m, method + "Request")(token=token), timeout=programs.WAIT)
    return caught.value.code(), caught.value.details()


# --- links ----------------------------------------------------------------------------------------


def test_the_link_is_in_what_is_sent_and_is_signed(post, inbox, database, user):
    post.to(user, template="ask", reply=True)
    position, = delivery(database, user)
    link = inbox.list().items[0].message.rpartition(" ")[2]
    assert link == f"{URL}/v1/notice/receipt/{token_of(database, position)}"


def test_a_page_asks_and_only_its_button_confirms(post, inbox, database, user):
    title = "<script>alert(1)</script> & \"it's\" 好"
    post.to(user, template="ask", reply=True, title=title)
    token = token_of(database, *delivery(database, user))
    for _ in range(2):
        page = show(post, token)
        assert title in page.said and "script" not in page.names()
        assert "请确认您已收到此通知" in page.said and "Please confirm" in page.said
        form, = [attributes for tag, attributes in page.tags if tag == "form"]
        assert form == {"method": "post"} and "button" in page.names()
    assert delivery(database, user, columns="state, receipt_at") == ["delivered", ""]
    assert inbox.list().unread == 1
    page = confirm(post, token)
    assert title in page.said and "已确认收到" in page.said and "confirmed" in page.said
    assert "form" not in page.names()
    assert "form" not in show(post, token).names() and "已确认收到" in show(post, token).said


def test_a_confirmed_delivery_is_read_whatever_it_was(post, database, user):
    post.put_recipient(user, mail="a@example.com")
    for state in ("waiting", "sending", "sent", "delivered", "failed", "unknown", "cancelled"):
        post.send(users=user, channel="mail", template="ask", reply=True)
        position, = delivery(database, user, "mail")
        database.rows(f"UPDATE notice.delivery SET state = '{state}', due = CASE WHEN '{state}' IN"
                      f" ('waiting', 'sending', 'sent', 'unknown') THEN now() END WHERE position = {position}")
        confirm(post, token_of(database, position))
        columns = "state, due, receipt_by, at = receipt_at"
        assert delivery(database, user, "mail", columns) == ["read", "", "link", "t"]


def test_confirming_again_changes_nothing(post, database, user, told):
    post.to(user, template="ask", reply=True)
    token = token_of(database, *delivery(database, user))
    confirm(post, token)
    told(1)
    observe.wait_until(lambda: delivery(database, user, columns="receipt_told") == ["t"])
    before = delivery(database, user, columns="*")
    confirm(post, token)
    assert delivery(database, user, columns="*") == before


def test_confirming_at_once_counts_once(post, database, user, told):
    post.to(user, template="ask", reply=True)
    token = token_of(database, *delivery(database, user))
    threads = [threading.Thread(target=confirm, args=(post, token)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    event, = told(1)
    assert database.rows("SELECT count(*) FROM event.event WHERE event_id ="
                         f" '{event.event_id}'") == [["1"]]


def test_streams_hear_of_a_link(post, inbox, database, user):
    post.to(user, template="ask", reply=True)
    with inbox.watch() as stream:
        stream.wait_unread(1)
        confirm(post, token_of(database, *delivery(database, user)))
        stream.wait_unread(0)
    assert inbox.list().items[0].read


def test_tokens_that_are_not_ours(post, database, user):
    post.to(user, template="ask", reply=True)
    position, = delivery(database, user)
    right = token_of(database, position)
    other = token_of(database, int(position) + 1)
    raw = bytearray(base64.urlsafe_b64decode(right))
    wrong = ["x", "A" * 32, right[:-1], right + "A", right + "=", right[:31] + "!", right[:11] + other[11:],
             token_of(database, position, os.urandom(32)), "é" * 16, right.lower(), "x" * 100000]
    for i in range(len(raw)):
        raw[i] ^= 1
        wrong.append(base64.urlsafe_b64encode(bytes(raw)).decode())
        raw[i] ^= 1
    for token in wrong:
        for method in ("ShowReceipt", "ConfirmReceipt"):
            assert refusal(post, method, token) == UNKNOWN, token
    # Signed, but what it is for is not there.
    for method in ("ShowReceipt", "ConfirmReceipt"):
        assert refusal(post, method, other) == UNKNOWN
    assert delivery(database, user, columns="state") == ["delivered"]


def test_no_token_or_key_is_logged(post, database, user, server):
    post.to(user, template="ask", reply=True)
    token = token_of(database, *delivery(database, user))
    confirm(post, token)
    refusal(post, "ShowReceipt", token[:-1] + "A")
    log = server.log_text()
    key, = database.rows("SELECT encode(key, 'hex'), encode(key, 'base64') FROM notice.link_key")
    assert token not in log and token[:20] not in log
    assert not any(form in log for form in key)


# --- events ---------------------------------------------------------------------------------------


def test_reading_the_inbox_is_a_receipt(post, inbox, database, user, told):
    notice = post.to(user, template="ask", reply=True, metadata=[
        ("traceparent", f"00-{TRACE}-b7ad6b7169203331-01")])
    position, = delivery(database, user)
    assert inbox.read(position) == (1, 0)
    event, = told(1)
    time, = delivery(database, user, columns="event.milliseconds(receipt_at)")
    assert json.loads(event.data) == {
        "noticeId": notice, "deliveryId": position, "user": user, "channel": "site", "sender": "shop",
        "time": int(time), "by": "inbox"}
    assert (event.event_id, event.trace_id) == (f"notice.receipt.{position}", TRACE)
    observe.wait_until(lambda: delivery(database, user, columns="receipt_told") == ["t"])


def test_a_link_is_a_receipt(post, database, user, told):
    post.put_recipient(user, mail="a@example.com")
    post.send(users=user, channel="mail", template="ask", reply=True)
    position, = delivery(database, user, "mail")
    confirm(post, token_of(database, position))
    data = json.loads(told(1)[0].data)
    assert (data["deliveryId"], data["channel"], data["by"]) == (position, "mail", "link")


def test_what_wants_no_receipt_is_told_to_nobody(post, inbox, database, user, told):
    post.to(user, template="ask")
    first, = delivery(database, user)
    confirm(post, token_of(database, first))
    post.to(user)
    inbox.read(*delivery(database, user))
    assert database.rows("SELECT DISTINCT state, receipt_told FROM notice.delivery"
                         f" WHERE user_name = '{user}'") == [["read", "t"]]
    post.to(user, template="ask", reply=True)
    last, = delivery(database, user)
    inbox.read(last)
    assert [e.event_id for e in told(1)] == [f"notice.receipt.{last}"]


def test_a_receipt_belongs_to_its_namespace(post, stubs, channel, database, user):
    away = Post(stubs, channel, database, space="away")
    away.put_template("ask", "?")
    away.to(user, template="ask", reply=True)
    with Stream(stubs, channel, "notice.receipt", space="away") as there:
        there.until(lambda: there.messages)
        Inbox(stubs, channel, user, [("x-namespace", "away")]).read(all=True)
        assert json.loads(there.wait(1)[0].data)["user"] == user


def test_many_receipts_at_once_are_all_told(post, inbox, database, user, told):
    post.fill(user, 1500, template="ask", reply=True)
    assert inbox.read(all=True) == (1500, 0)
    assert len({e.event_id for e in told(1500)}) == 1500
    observe.wait_until(lambda: untold(database) == 0)


def untold(database):
    return int(database.rows("SELECT count(*) FROM notice.delivery"
                             " WHERE receipt_at IS NOT NULL AND NOT receipt_told")[0][0])


def test_each_is_told_at_once(post, inbox, database, user, told):
    """That of a link and that of an inbox in turn: by and by, the stream would be over before."""
    for i in range(30):
        post.to(user, template="ask", reply=True)
        position, = delivery(database, user)
        if i % 2:
            inbox.read(position)
        else:
            confirm(post, token_of(database, position))
        assert told(i + 1)[-1].event_id == f"notice.receipt.{position}"


def test_what_nobody_has_told_is_told_later(post, database, user, told):
    """As a server leaves it that dies when a receipt is written."""
    post.to(user, template="ask", reply=True)
    position, = delivery(database, user)
    database.rows(f"SELECT notice.take_receipt({position})")
    assert json.loads(told(1)[0].data)["by"] == "link"
    observe.wait_until(lambda: untold(database) == 0)


def test_what_was_told_and_not_marked_is_the_same_event(post, database, user, told):
    """As a server leaves it that dies between the two."""
    post.to(user, template="ask", reply=True)
    position, = delivery(database, user)
    confirm(post, token_of(database, position))
    told(1)
    observe.wait_until(lambda: untold(database) == 0)
    database.rows(f"UPDATE notice.delivery SET receipt_told = false WHERE position = {position}")
    observe.wait_until(lambda: untold(database) == 0)
    assert database.rows("SELECT count(*) FROM event.event WHERE event_id ="
                         f" 'notice.receipt.{position}'") == [["1"]]


def test_those_that_cannot_be_published_hold_up_nobody(post, inbox, database, user, told):
    """More of them than are told at a time."""
    post.fill(user, 450, template="ask", reply=True)
    positions = [row[0] for row in database.rows(
        f"SELECT position FROM notice.delivery WHERE user_name = '{user}' ORDER BY position")]
    database.rows(f"""
        CREATE TABLE public.refused AS SELECT 'notice.receipt.' || p AS id
        FROM unnest('{{{",".join(positions[:400])}}}'::bigint[]) AS p;
        GRANT SELECT ON public.refused TO PUBLIC;
        CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            IF NEW.event_id IN (SELECT id FROM public.refused) THEN RAISE 'not this one'; END IF;
            RETURN NEW; END $$;
        CREATE TRIGGER refuse BEFORE INSERT ON event.event FOR EACH ROW EXECUTE FUNCTION public.refuse()""")
    assert inbox.read(all=True) == (450, 0)
    assert {e.event_id for e in told(50)} == {f"notice.receipt.{p}" for p in positions[400:]}
    database.rows("DELETE FROM public.refused")
    assert {e.event_id for e in told(450)} == {f"notice.receipt.{p}" for p in positions}
    # The trigger stays, and refuses nothing: to drop it may deadlock with what the server writes.
    observe.wait_until(lambda: untold(database) == 0)


def test_an_id_that_somebody_else_has_taken(post, channel, stubs, database, user, server, inbox):
    post.to(user, template="ask", reply=True)
    position, = delivery(database, user)
    stubs.event_grpc.EventStub(channel).Publish(stubs.event.PublishRequest(
        event="mine", event_id=f"notice.receipt.{position}", data="1"), timeout=programs.WAIT)
    inbox.read(position)
    observe.wait_until(lambda: untold(database) == 0)
    observe.wait_logged(server, "receipt not published", id=f"notice.receipt.{position}")


def test_two_servers_tell_it_once(post, stubs, database, user, told):
    servers = [programs.Server(database.url, *QUICK) for _ in range(2)]
    post.fill(user, 300, template="ask", reply=True)
    database.rows("SELECT notice.take_receipt(position) FROM notice.delivery"
                  f" WHERE user_name = '{user}' ORDER BY position")
    assert len({e.event_id for e in told(300)}) == 300
    observe.wait_until(lambda: untold(database) == 0)
    for server in servers:
        server.stop()
    assert database.rows("SELECT max(n) FROM (SELECT count(*) AS n FROM event.event GROUP BY event_id) e") == [["1"]]
