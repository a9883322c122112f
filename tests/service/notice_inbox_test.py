"""Inboxes: lists, reading and deleting, whose they are, and streams of one and of several servers."""

import contextlib
import itertools
import json
import threading

import grpc
import pytest

import observe
import own_tokens
import postgres
import programs
import subjects
from inboxes import Inbox, Post

INVALID, DENIED = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.PERMISSION_DENIED
UNAVAILABLE, EXHAUSTED = grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED
QUICK = ("--notice-poll-ms", "20", "--notice-member-ms", "0", "--public-url", "https://j.example")
NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def server(database):
    server = programs.Server(database.url, *QUICK)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def other_server(database):
    server = programs.Server(database.url, *QUICK)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def other_channel(other_server):
    with other_server.channel() as channel:
        yield channel


@pytest.fixture(scope="module")
def post(stubs, channel, database):
    return Post(stubs, channel, database)


@pytest.fixture
def inbox(stubs, channel):
    """Of a user that no other test has."""
    return Inbox(stubs, channel, f"User{next(NUMBERS)}")


@pytest.fixture
def there(stubs, other_channel, inbox):
    """The same by another server."""
    return Inbox(stubs, other_channel, inbox.user)


@pytest.fixture
def watch(inbox):
    watches = []

    def begin(of=inbox, **fields):
        watches.append(of.watch(**fields))
        return watches[-1]
    yield begin
    for one in watches:
        one.stop()


def ids(inbox, **fields):
    return [item.delivery_id for item in inbox.list(**fields).items]


# --- lists ----------------------------------------------------------------------------------------


def test_an_inbox_that_nobody_has_sent_to_is_empty(inbox, stubs):
    assert inbox.list() == stubs.notice.ListInboxResponse()
    assert inbox.read(all=True) == (0, 0) and inbox.delete(all_read=True) == (0, 0)


def test_what_an_item_says(post, inbox, database):
    post.put_variants("letter", {"body": "Dear {{user}}: {{text}}", "html": "<b>{{text}}</b>"},
                      {"language": "zh", "subject": "你好", "body": "{{user}}：{{text}} {{receipt}}"})
    post.put_recipient(inbox.user, "zh-CN")
    notice = post.to(inbox.user, template="letter", params=json.dumps({"text": "<&>"}), reply=True)
    post.put_recipient(inbox.user, "en")  # what was sent stays as it was sent
    later = post.to(inbox.user, template="letter", params='{"text":"<&>"}')
    second, first = inbox.list().items
    position, = database.rows("SELECT position, event.milliseconds(at) FROM notice.delivery"
                              f" WHERE user_name = '{inbox.user}' ORDER BY 1 LIMIT 1")
    assert (first.delivery_id, first.time) == (position[0], int(position[1]))
    assert (first.notice_id, first.sender, first.title) == (notice, "shop", "你好")
    assert first.message.startswith(f"{inbox.user}：<&> https://j.example/v1/notice/receipt/")
    assert (first.html, first.read, first.read_at, first.reply) == ("", False, 0, True)
    assert (second.notice_id, second.title, second.reply) == (later, "Hello", False)
    assert (second.message, second.html) == (f"Dear {inbox.user}: <&>", "<b>&lt;&amp;&gt;</b>")


def test_attachments_are_listed(post, inbox):
    files = [post.stub.PutAttachment(iter([post.m.PutAttachmentRequest(
        name=name, content_type="text/plain", content=b"x" * size)])).attachment
        for name, size in (("一.txt", 3), ("b.txt", 5))]
    post.to(inbox.user, attachments=",".join(f.attachment_id for f in files))
    item, = inbox.list().items
    assert list(item.attachments) == files


def test_the_newest_first_page_by_page(post, inbox):
    for i in range(7):
        post.to(inbox.user, title=f"t{i}")
    titles = [f"t{i}" for i in reversed(range(7))]
    for size in (1, 3, 7, 8):
        assert [i.title for i in inbox.pages(size)] == titles
    assert inbox.list(page_size=3).unread == 7
    page = inbox.list(page_size=3)
    post.to(inbox.user, title="new")  # is on no later page, and moves none
    assert inbox.titles(page_size=3, page_token=page.next_page_token) == titles[3:6]


def test_what_is_unread_and_what_was_read(post, inbox):
    for i in range(5):
        post.to(inbox.user, title=f"t{i}")
    ids_ = ids(inbox)
    assert inbox.read(ids_[1], ids_[3]) == (2, 3)
    assert inbox.titles(unread=True) == ["t4", "t2", "t0"]
    assert [i.title for i in inbox.pages(2, unread=True)] == ["t4", "t2", "t0"]
    page = inbox.list()
    assert page.unread == 3
    assert [item.read for item in page.items] == [False, True, False, True, False]
    assert [item.read_at >= item.time for item in page.items] == [False, True, False, True, False]
    assert all(item.read_at == 0 for item in page.items if not item.read)


def test_the_unread_are_counted_up_to_10000(post, inbox):
    post.fill(inbox.user, 10010)
    assert inbox.list(page_size=1).unread == 10000
    assert inbox.read(*ids(inbox, page_size=1000)) == (1000, 9010)


def test_a_page_ends_where_a_message_has_no_room(post, inbox):
    for i in range(8):
        post.to(inbox.user, title=f"t{i}", message="x" * 256 * 1024)
    page = inbox.list()
    assert 1 <= len(page.items) < 8 and page.next_page_token
    assert [i.title for i in inbox.pages(50)] == [f"t{i}" for i in reversed(range(8))]


def test_what_is_for_other_pages_is_not_read(stubs, post, inbox, database):
    for i in range(160):
        post.to(inbox.user, message="x" * 256 * 1024)
    server = programs.Server(database.url, *QUICK)
    with server.channel() as channel:
        fresh = Inbox(stubs, channel, inbox.user)
        fresh.list(page_size=1)
        before = observe.rss(server)
        assert len(fresh.list(page_size=1000).items) < 10
        assert not observe.is_plain(server) or observe.rss(server) - before < 20 * 1024 * 1024
    server.stop()


def test_what_templates_make_large_ends_a_page_too(post, inbox):
    post.put_template("large", "{{text}}" * 100)
    for i in range(6):
        post.to(inbox.user, title=f"t{i}", template="large", params=json.dumps({"text": "y" * 5000}))
    assert len(inbox.list().items) < 6
    assert [i.title for i in inbox.pages(50)] == [f"t{i}" for i in reversed(range(6))]


def test_a_notice_that_becomes_too_large_is_shown_as_it_was_sent(post, inbox):
    post.put_template("huge", "{{text}}" * 1000)
    post.to(inbox.user, template="huge", params=json.dumps({"text": "y" * 5000}))
    item, = inbox.list().items
    assert (item.title, item.message, item.html) == ("Hello", "It is here.", "")


def test_other_channels_are_not_in_it(post, inbox):
    post.put_channel("mail")
    post.send(users=inbox.user, channel="mail,site")
    assert len(inbox.list().items) == 1


# --- reading and deleting -------------------------------------------------------------------------


def test_reading_is_written_once(post, inbox, database):
    post.to(inbox.user)
    one, = ids(inbox)
    assert inbox.read(one, one) == (1, 0)
    row = "SELECT state, receipt_at, receipt_by, receipt_told, at = receipt_at FROM notice.delivery" \
          f" WHERE position = {one}"
    before = database.rows(row)
    assert before[0][0] == "read" and before[0][2:] == ["inbox", "t", "t"]
    assert inbox.read(one) == (0, 0) and database.rows(row) == before


def test_only_what_was_there_is_read_by_all(post, inbox, there):
    post.fill(inbox.user, 4500)  # several steps
    assert there.read(all=True) == (4500, 0)
    assert all(item.read for item in inbox.pages(1000))
    post.to(inbox.user)
    assert inbox.list(page_size=1).unread == 1


def test_all_goes_up_to_what_was_the_last_one(post, inbox, database):
    for i in range(5):
        post.to(inbox.user, title=f"t{i}")
    ids_ = ids(inbox)
    step = f"FROM notice.read_inbox('default', '{inbox.user}', NULL, "
    assert database.rows(f"SELECT r_read, r_last, r_up_to {step} 0, NULL, 2)") == [["2", ids_[3], ids_[0]]]
    post.to(inbox.user, title="meanwhile")
    assert database.rows(f"SELECT r_read, r_last, r_unread {step} {ids_[3]}, {ids_[0]}, 4)") == [["3", "", "1"]]
    assert inbox.titles(unread=True) == ["meanwhile"]


def test_deleting(post, inbox, database):
    for i in range(5):
        post.to(inbox.user, title=f"t{i}")
    ids_ = ids(inbox)
    assert inbox.delete(ids_[0], ids_[2]) == (2, 3)
    assert inbox.delete(ids_[0]) == (0, 3)
    assert inbox.titles() == ["t3", "t1", "t0"]
    assert inbox.read(ids_[0], ids_[1]) == (1, 2)  # what is gone cannot be read
    assert inbox.delete(all_read=True) == (1, 2)
    assert inbox.titles() == ["t1", "t0"]
    assert database.rows("SELECT state, count(*) FROM notice.delivery"
                         f" WHERE user_name = '{inbox.user}' GROUP BY 1 ORDER BY 1") == [
        ["delivered", "4"], ["read", "1"]]


def test_all_that_is_read_goes_in_steps(post, inbox):
    post.fill(inbox.user, 4500)
    kept = ids(inbox, page_size=1)
    assert inbox.read(all=True) == (4500, 0)
    post.to(inbox.user, title="unread")
    assert inbox.delete(all_read=True) == (4500, 1)
    assert inbox.titles() == ["unread"] and kept not in ids(inbox)


def test_what_is_not_in_the_inbox_is_left_out(post, inbox, stubs, channel, database):
    other = Inbox(stubs, channel, inbox.user + "-other")
    elsewhere = Post(stubs, channel, database, space="elsewhere")
    post.to(other.user)
    elsewhere.to(inbox.user)
    post.put_channel("mail")
    post.put_recipient(inbox.user, mail="a@example.com")
    post.send(users=inbox.user, channel="mail")
    wrong = [row[0] for row in database.rows(
        f"SELECT position FROM notice.delivery WHERE user_name LIKE '{inbox.user}%'")]
    assert len(wrong) == 3
    assert inbox.read(*wrong, "1", "9223372036854775807") == (0, 0)
    assert inbox.delete(*wrong, "1", "9223372036854775807") == (0, 0)
    assert inbox.titles() == [] and len(other.titles()) == 1
    assert database.rows("SELECT DISTINCT state, hidden FROM notice.delivery"
                         f" WHERE user_name LIKE '{inbox.user}%' ORDER BY 1") == [
        ["waiting", "f"], ["delivered", "f"]]


@pytest.mark.parametrize("method, fields, message", [
    ("ReadInbox", {}, "deliveryIds: must be 1 to 1000, unless there is all"),
    ("ReadInbox", {"delivery_ids": ["1"] * 1001}, "deliveryIds: must be 1 to 1000, unless there is all"),
    ("ReadInbox", {"delivery_ids": ["1"], "all": True}, "all: does not go with deliveryIds"),
    ("ReadInbox", {"delivery_ids": ["1", "x"]}, "deliveryIds[1]: must be a number in decimal digits"),
    ("ReadInbox", {"delivery_ids": [""]}, "deliveryIds[0]: is required"),
    ("DeleteFromInbox", {}, "deliveryIds: must be 1 to 1000, unless there is allRead"),
    ("DeleteFromInbox", {"delivery_ids": ["1"], "all_read": True}, "allRead: does not go with deliveryIds"),
    ("DeleteFromInbox", {"delivery_ids": ["-1"]}, "deliveryIds[0]: must be a number in decimal digits"),
    ("DeleteFromInbox", {"delivery_ids": ["99999999999999999999"]},
     "deliveryIds[0]: must be a number in decimal digits"),
    ("ListInbox", {"page_size": 1001}, "pageSize: must be 1 to 1000"),
    ("ListInbox", {"page_token": "x"}, "pageToken: is none of a page of this list"),
    ("WatchInbox", {"after": "x"}, "after: is no cursor that WatchInbox has sent"),
    ("WatchInbox", {"after": "-1"}, "after: is no cursor that WatchInbox has sent"),
    ("WatchInbox", {"after": "9223372036854775807"}, "after: is no cursor that WatchInbox has sent")])
def test_what_is_refused(inbox, method, fields, message):
    assert inbox.refusal(method, **fields) == (INVALID, message)


# --- streams --------------------------------------------------------------------------------------


def test_a_stream_begins_with_how_many_are_unread(post, inbox, watch):
    for _ in range(3):
        post.to(inbox.user)
    stream = watch().wait_unread(3)
    assert not stream.items() and stream.cursor() == ids(inbox)[0]
    post.to(inbox.user, title="new")
    stream.wait_titles("new")
    assert stream.messages[-1].unread == 4
    assert stream.messages[-1].item == inbox.list().items[0]
    assert stream.cursor() == ids(inbox)[0]


def test_a_stream_of_an_empty_inbox_may_be_resumed(post, inbox, watch):
    stream = watch().wait_unread(0)
    assert stream.cursor() == "0"
    stream.stop()
    post.to(inbox.user, title="meanwhile")
    again = watch(after="0").wait_titles("meanwhile")
    assert not again.messages[0].HasField("item") and again.messages[0].cursor == "0"


def test_nothing_is_lost_and_nothing_comes_twice(post, inbox, watch):
    stream, seen, sent = watch().wait_unread(0), [], []
    for i in range(30):
        sent.append(f"t{i}")
        post.to(inbox.user, title=sent[-1])
        if i % 7 == 3:
            stream.until(lambda: stream.items())
            stream.stop()
            seen += stream.titles()
            stream = watch(after=stream.cursor())
    observe.wait_until(lambda: seen + stream.titles() == sent)


def test_a_long_inbox_comes_page_by_page(post, inbox, watch):
    post.fill(inbox.user, 1234)
    stream = watch(after="0")
    stream.until(lambda: len(stream.items()) == 1234)
    assert [i.delivery_id for i in stream.items()] == [
        i.delivery_id for i in reversed(inbox.pages(1000))]
    assert {m.unread for m in stream.messages} == {1234}


def test_reading_elsewhere_is_told_and_what_changes_nothing_is_not(post, inbox, there, watch):
    for i in range(4):
        post.to(inbox.user, title=f"t{i}")
    near, far = watch().wait_unread(4), watch(there).wait_unread(4)
    ids_ = ids(inbox)
    assert inbox.read(ids_[0]) == (1, 3)
    near.wait_unread(3), far.wait_unread(3)
    assert inbox.delete(ids_[0]) == (1, 3)  # was read: the count is the same
    assert there.delete(ids_[1]) == (1, 2)
    near.wait_unread(2), far.wait_unread(2)
    assert there.read(all=True) == (2, 0)
    near.wait_unread(0), far.wait_unread(0)
    for stream in near, far:
        assert [m.unread for m in stream.messages] == [4, 3, 2, 0]
        assert {m.cursor for m in stream.messages} == {ids_[0]} and not stream.items()


def test_what_a_server_does_itself_it_tells_at_once(stubs, database, inbox):
    """By one that does not look at what others do before the test is over."""
    server = programs.Server(database.url, *QUICK, "--notice-poll-ms", "60000")
    with server.channel() as channel:
        post, near = Post(stubs, channel, database), Inbox(stubs, channel, inbox.user)
        post.put_template("link", "{{receipt}}")
        with near.watch() as stream:
            stream.wait_unread(0)
            for i in range(3):
                post.to(inbox.user, template="link")
                stream.wait_unread(i + 1)
            first, second, third = near.list().items
            near.read(first.delivery_id)
            stream.wait_unread(2)
            near.delete(second.delivery_id)
            stream.wait_unread(1)
            post.stub.ConfirmReceipt(post.m.ConfirmReceiptRequest(token=third.message.rpartition("/")[2]))
            stream.wait_unread(0)
    server.stop()


def test_another_servers_sends_come_too(post, inbox, there, watch):
    stream = watch(there).wait_unread(0)
    for i in range(5):
        post.to(inbox.user, "somebody else", title=f"t{i}")
    stream.wait_titles(*(f"t{i}" for i in range(5)))


def test_a_large_send_comes_to_streams_of_both_servers(post, inbox, there, watch):
    near, far = watch().wait_unread(0), watch(there).wait_unread(0)
    users = [f"{inbox.user}-{i}" for i in range(3000)]
    post.to(*users, inbox.user, title="to all")
    near.wait_titles("to all"), far.wait_titles("to all")


def test_more_than_is_told_one_by_one(post, inbox, there, watch):
    stream = watch(there).wait_unread(0)
    post.fill(inbox.user, 3000)
    stream.until(lambda: len(stream.items()) == 3000)
    post.to(inbox.user, title="last")
    stream.until(lambda: stream.items()[-1].title == "last")


def test_a_stream_without_news_asks_nothing(stubs, database, post, inbox):
    def calls(function):
        return int(database.rows("SELECT coalesce(sum(calls), 0) FROM pg_stat_user_functions"
                                 f" WHERE funcname = '{function}'")[0][0])
    database.rows(f"ALTER DATABASE {database.name} SET track_functions = 'pl'")
    server = programs.Server(database.url, *QUICK)
    with server.channel() as channel:
        near = Inbox(stubs, channel, inbox.user)
        with near.watch() as stream:
            stream.wait_unread(0)
            post.to(inbox.user, title="one")
            stream.wait_titles("one")
            # Two of its looks at other servers, whose numbers PostgreSQL tells once a second.
            for _ in range(2):
                before, looks = calls("count_unread"), calls("follow_inboxes")
                observe.wait_until(lambda looks=looks: calls("follow_inboxes") > looks + 20)
            assert calls("count_unread") - before <= 3
    server.stop()
    database.rows(f"ALTER DATABASE {database.name} RESET track_functions")


def test_two_streams_of_one_user_and_one_of_another(post, inbox, stubs, channel, watch):
    other = Inbox(stubs, channel, inbox.user.lower())  # names differ by case, too
    one, two, theirs = watch().wait_unread(0), watch().wait_unread(0), watch(other).wait_unread(0)
    post.to(inbox.user, title="a")
    one.wait_titles("a"), two.wait_titles("a")
    post.to(other.user, title="b")
    theirs.wait_titles("b")
    assert (one.titles(), two.titles()) == (["a"], ["a"])


def test_what_was_deleted_before_it_was_seen_does_not_come(post, inbox, watch):
    for i in range(4):
        post.to(inbox.user, title=f"t{i}")
    ids_ = ids(inbox)
    inbox.delete(ids_[0], ids_[2])
    inbox.read(ids_[1])
    stream = watch(after="0").wait_titles("t0", "t2")
    assert [i.read for i in stream.items()] == [False, True]
    assert stream.messages[-1].unread == 1


def test_namespaces_are_apart(post, inbox, stubs, channel, database, watch):
    elsewhere = Inbox(stubs, channel, inbox.user, [("x-namespace", "elsewhere")])
    here, away = watch().wait_unread(0), watch(elsewhere).wait_unread(0)
    Post(stubs, channel, database, space="elsewhere").to(inbox.user, title="away")
    post.to(inbox.user, title="here")
    away.wait_titles("away"), here.wait_titles("here")
    assert elsewhere.titles() == ["away"] and inbox.titles() == ["here"]


def test_many_senders_and_watchers(post, stubs, channel, other_channel):
    users = [f"Many{i}" for i in range(20)]
    with_channels = [(u, c) for u in users for c in (channel, other_channel)]
    streams = [Inbox(stubs, c, u).watch().wait_unread(0) for u, c in with_channels]

    def send(part):
        for i in range(15):
            post.to(*users[part::2], title=f"{part}-{i}")
    threads = [threading.Thread(target=send, args=(part % 2,)) for part in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for (user, _), stream in zip(with_channels, streams):
        stream.until(lambda stream=stream: len(stream.items()) >= 30)
        listed = Inbox(stubs, channel, user).pages(50)
        assert [i.delivery_id for i in stream.items()] == [i.delivery_id for i in reversed(listed)]
        stream.wait_unread(30)
        stream.stop()


def test_streams_go_on_when_postgresql_was_away(stubs):
    with postgres.Cluster() as cluster, programs.Database(cluster.url()) as database, \
            contextlib.ExitStack() as stack:
        database.rows("INSERT INTO auth.first_start DEFAULT VALUES")
        servers = [programs.Server(database.url, *QUICK) for _ in range(2)]
        for server in servers:
            stack.callback(server.stop)
        with servers[0].channel() as near, servers[1].channel() as far:
            post, ann = Post(stubs, near, database), Inbox(stubs, near, "ann")
            distant = Inbox(stubs, far, "ann")
            streams = [distant.watch().wait_unread(0)]

            def came():
                # One that asked just then has ended, and is resumed.
                if streams[-1].code is grpc.StatusCode.UNAVAILABLE:
                    streams.append(distant.watch(
                        after=next(s.cursor() for s in reversed(streams) if s.messages)))
                return sum(len(stream.items()) for stream in streams)
            cluster.kill()
            cluster.start()
            # Each thread of the server has a connection of its own, that comes back by itself.
            observe.wait_until(lambda: done(lambda: post.to("ann")))
            observe.wait_until(lambda: done(ann.titles))
            observe.wait_until(lambda: done(lambda: came() == len(ann.titles())))
            observe.wait_until(lambda: done(lambda: ann.read(all=True)))
            came()
            streams[-1].wait_unread(0).stop()


def done(step):
    """What the step gives, or False if PostgreSQL is away."""
    try:
        return step()
    except grpc.RpcError as error:
        assert error.code() == UNAVAILABLE
        return False


def test_a_server_that_stops_says_so(stubs, database, post, inbox):
    server = programs.Server(database.url, *QUICK)
    with server.channel() as channel:
        stream = Inbox(stubs, channel, inbox.user).watch().wait_unread(0)
        server.stop()
        assert stream.end() == UNAVAILABLE


def test_who_does_not_read_is_broken_off(stubs, database, post, inbox):
    for _ in range(60):
        post.to(inbox.user, message="z" * 250000)
    server = programs.Server(database.url, *QUICK, "--watch-patience-ms", "3000")
    with server.channel() as channel:
        stream = Inbox(stubs, channel, inbox.user).watch(lazy=True, after="0")
        observe.wait_logged(server, "call", code="RESOURCE_EXHAUSTED")
        stream.read()
        assert stream.end() == EXHAUSTED
        assert stream.details == "this inbox is read too slowly: resume it"
        again = Inbox(stubs, channel, inbox.user).watch(after=stream.cursor())
        again.until(lambda: len(stream.items()) + len(again.items()) == 60)
        assert [i.delivery_id for i in stream.items() + again.items()] == [
            i.delivery_id for i in reversed(inbox.pages(50))]
        again.stop()
    server.stop()


def test_streams_that_wait_cost_little(stubs, server, channel, inbox):
    if not observe.is_plain(server):
        pytest.skip("memory is not to be measured here")

    def begin(count):
        streams = [Inbox(stubs, channel, f"{inbox.user}-{i}").call("WatchInbox") for i in range(count)]
        assert all(next(stream).unread == 0 for stream in streams)
        return streams
    first = begin(50)
    before = observe.rss(server)
    more = begin(500)
    assert (observe.rss(server) - before) / 500 < 48 * 1024
    for stream in first + more:
        stream.cancel()


def test_changes_are_forgotten_in_the_end(post, inbox, database):
    post.to(inbox.user)
    inbox.read(all=True)
    database.rows("UPDATE notice.inbox_change SET at = now() - interval '2 hours'"
                  f" WHERE user_name <> '{inbox.user}'")
    database.rows("SELECT notice.forget_inbox_changes(1000000)")
    assert database.rows("SELECT DISTINCT user_name FROM notice.inbox_change") == [[inbox.user]]


# --- whose ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def guarded(database, stubs):
    """A server that wants to know who calls, its channel, and metadata of callers."""
    url = database.url
    subjects.put_role(url, "inbox-clerk", ("allow", "notice", "listinbox", "ADMIN"))
    subjects.put(url, "user", "ann")
    subjects.put(url, "user", "bob", "inbox-clerk")
    subjects.put(url, "application", "desk", "inbox-clerk")
    subjects.put(url, "application", "idle")
    key = own_tokens.Key("EdDSA", "inbox-key").put(database)
    callers = {name: [own_tokens.bearer(key.own(f"user:{name}"))] for name in ("ann", "bob")}
    for name in ("desk", "idle"):
        callers[name] = [("authorization", subjects.basic(subjects.put_key(url, name, name)))]
    server = programs.Server(url, *QUICK, "--auth", "required")
    with server.channel() as channel:
        yield channel, callers
    server.stop()


@pytest.fixture
def as_caller(guarded, stubs):
    channel, callers = guarded
    return lambda caller, user="": Inbox(stubs, channel, user, callers[caller])


def test_a_user_sees_his_own_inbox_alone(post, as_caller):
    post.to("ann", title="for ann")
    post.to("bob", title="for bob")
    ann = as_caller("ann")
    assert ann.titles() == as_caller("ann", "ann").titles() == ["for ann"]
    with ann.watch(after="0") as stream:
        stream.wait_titles("for ann")
    for method, fields in (("ListInbox", {}), ("ReadInbox", {"all": True}), ("WatchInbox", {}),
                           ("DeleteFromInbox", {"all_read": True})):
        code, message = as_caller("ann", "bob").refusal(method, **fields)
        assert code == DENIED and method in message
    assert as_caller("ann", "Ann").refusal("ListInbox")[0] == DENIED
    assert ann.read(all=True) == (1, 0)


def test_who_may_administrate_an_action_may_do_that(post, as_caller):
    post.to("carl", title="for carl")
    for caller in ("bob", "desk"):
        assert as_caller(caller, "carl").titles() == ["for carl"]
        assert as_caller(caller, "carl").refusal("ReadInbox", all=True)[0] == DENIED
    assert as_caller("idle", "carl").refusal("ListInbox")[0] == DENIED


def test_an_application_must_say_whose(as_caller, inbox, stubs, channel):
    required = (INVALID, "user: is required, since the caller is no user that is known")
    assert as_caller("desk").refusal("ListInbox") == required
    assert Inbox(stubs, channel, "").refusal("ListInbox") == required
