"""Channels: what is kept, shown and refused of them, and their secrets."""

import base64
import itertools
import json
import threading

import grpc
import pytest

import key_files
import observe
import postgres
import programs
import subjects
from notice_channels import ROBOT, Channels, dump

INVALID, NOT_FOUND, PRECONDITION = (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND,
                                    grpc.StatusCode.FAILED_PRECONDITION)
SCHEDULE = [5000, 30000, 120000, 600000, 3600000, 10800000]
NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    keys = key_files.KeyFile(tmp_path_factory.mktemp("keys"))
    keys.add("2026-01")
    return keys


@pytest.fixture(scope="module")
def server(database, keys):
    server = programs.Server(database.url, "--key-file", str(keys.path), "--log-level", "debug",
                             "--notice-poll-ms", "20")
    yield server
    server.stop()


@pytest.fixture(scope="module")
def channels(channel, stubs, database):
    return Channels(stubs, channel, database)


@pytest.fixture
def name(request):
    return f"c{next(NUMBERS)}"


def started(database, stubs, *arguments):
    """Another server on the same database."""
    class Started:
        def __enter__(self):
            self.server = programs.Server(database.url, "--notice-poll-ms", "20", *arguments)
            self.channel = self.server.channel()
            channels = Channels(stubs, self.channel, database)
            channels.server = self.server
            return channels

        def __exit__(self, *_):
            self.channel.close()
            self.server.stop()
    return Started()


# --- what is kept and shown ------------------------------------------------------------------------


def test_a_channel_has_the_defaults_of_its_kind(channels, name):
    made = channels.put(name, kind="dingtalk", secrets=ROBOT)
    assert (made.channel, made.kind, made.settings, list(made.secrets)) == (
        name, "dingtalk", "{}", ["access_token", "secret"])
    assert (made.enabled, made.concurrency, made.quota, made.quota_ms) == (True, 1, 20, 60000)
    assert (list(made.schedule_ms), made.timeout_ms, made.waiting) == (SCHEDULE, 15000, 0)
    assert len(base64.urlsafe_b64decode(made.receipt_token + "=")) == 32
    assert made.updated_at > 1700000000000
    assert channels.get(name) == made
    assert made in channels.list().channels


def test_one_that_is_called_like_its_kind_need_not_say_it(channels):
    assert channels.put("dingtalk", secrets=ROBOT).kind == "dingtalk"
    assert channels.put("dingtalk", kind="wechat", secrets={
        "key": "k", **dict.fromkeys(ROBOT, "")}).kind == "wechat"


def test_all_is_replaced_but_secrets_that_are_not_given(channels, name, keys):
    settings = '{"format" : "text","at_all":true}'
    first = channels.put(name, kind="dingtalk", secrets=ROBOT, settings=settings, enabled=False,
                         concurrency=7, quota=0, quota_ms=1, schedule_ms=[1, 604800000], timeout_ms=300000)
    assert first.settings == settings and not first.enabled and first.quota == 0
    assert (first.concurrency, first.quota_ms, list(first.schedule_ms), first.timeout_ms) == (
        7, 1, [1, 604800000], 300000)
    second = channels.put(name, kind="dingtalk", secrets={"secret": "other"})
    assert (second.settings, second.enabled, second.concurrency, second.quota, list(second.schedule_ms)) == (
        "{}", True, 1, 20, SCHEDULE)
    assert second.receipt_token == first.receipt_token
    assert channels.opened(name, keys) == {**ROBOT, "secret": "other"}
    third = channels.put(name, kind="dingtalk", secrets={"secret": ""})
    assert list(third.secrets) == ["access_token"]
    assert channels.opened(name, keys) == {"access_token": ROBOT["access_token"]}


def test_what_says_nothing_new_changes_nothing(channels, name):
    first = channels.put(name, kind="dingtalk", secrets=ROBOT, quota=3)
    row, revision, told = channels.row(name), channels.revision(), channels.audited(name)
    for secrets in ({}, {"secret": ROBOT["secret"]}, ROBOT):
        assert channels.put(name, kind="dingtalk", secrets=secrets, quota=3) == first
    assert (channels.row(name), channels.audited(name)) == (row, told)
    # A statement counts, though it changes nothing.
    assert channels.revision() == revision
    assert channels.put(name, kind="dingtalk", quota=4).updated_at >= first.updated_at
    assert channels.revision() > revision


def test_namespaces_are_apart(channels, stubs, channel, database, name):
    other = Channels(stubs, channel, database, ("x-namespace", "other"))
    here, there = (c.put(name, kind="dingtalk", secrets=ROBOT) for c in (channels, other))
    assert here.receipt_token != there.receipt_token
    assert list(other.list().channels) == [there]
    other.delete(name)
    assert not other.list().channels and channels.get(name) == here


def test_pages(channels, stubs, channel, database):
    paged = Channels(stubs, channel, database, ("x-namespace", "paged"))
    made = [paged.put(f"p{i}", kind="service", settings='{"service":"x"}') for i in range(5)]
    found, token = [], ""
    for count in (2, 2, 1):
        page = paged.list(page_size=2, page_token=token)
        assert len(page.channels) == count
        found, token = found + list(page.channels), page.next_page_token
    assert found == made and not token
    assert paged.refusal("ListChannels", page_size=1001) == (INVALID, "pageSize: must be 1 to 1000")


def test_it_counts_what_waits(channels, name, database):
    channels.put(name, kind="dingtalk", secrets=ROBOT, enabled=False)
    number = channels.row(name)["id"]

    def insert(count, state):
        database.rows(
            "WITH p AS (SELECT greatest(last_value, event.position_at(clock_timestamp())) AS at"
            " FROM notice.last_position), made AS (INSERT INTO notice.delivery (position, notice_position,"
            " namespace, user_name, channel, channel_id, state, at, due)"
            f" SELECT p.at + i, p.at, 'default', 'u', '{name}', {number}, '{state}', now(), now()"
            f" FROM p, generate_series(1, {count}) AS i)"
            f" SELECT setval('notice.last_position', p.at + {count}) FROM p")
    insert(3, "waiting")
    insert(5, "sent")
    assert channels.get(name).waiting == 3
    assert [c.waiting for c in channels.list().channels if c.channel == name] == [3]
    insert(10000, "waiting")
    assert channels.get(name).waiting == 10000
    assert channels.put(name, kind="dingtalk", enabled=False).waiting == 10000


# --- refusals ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("fields, text", [
    ({"channel": ""}, 'channel: must be 1 to 32 letters, digits, "-" and "_"'),
    ({"channel": "a" * 33}, 'channel: must be 1 to 32 letters, digits, "-" and "_"'),
    ({"channel": "a.b"}, 'channel: must be 1 to 32 letters, digits, "-" and "_"'),
    ({"channel": "site"}, 'channel: "site" is always there and has nothing to be set'),
    ({"kind": ""}, "kind: is required for a channel that is not called like its kind"),
    ({"kind": "pigeon"}, "kind: must be mail, dingtalk, wechat, sms or service"),
    ({"settings": "[]"}, "settings: must be a JSON object"),
    ({"settings": "{"}, "settings: invalid JSON at byte 1: "),
    ({"settings": json.dumps({"x": "y" * 65536})}, "settings: must have at most 65536 bytes"),
    ({"settings": '{"tone":"loud"}'}, "settings.tone: "),
    ({"settings": '{"url":"ftp://x"}'}, "settings.url: "),
    ({"secrets": {**ROBOT, "pin": "1"}}, "secrets.pin: "),
    ({"secrets": {"access_token": ""}}, "secrets.access_token: "),
    ({"secrets": {"a b": "1"}}, 'secrets: names must be 1 to 64 letters, digits, "-" and "_"'),
    ({"secrets": {str(i): "1" for i in range(101)}}, "secrets: must be at most 100"),
    ({"secrets": {"x": "y" * 65536}}, "secrets: must have at most 65536 bytes in all"),
    ({"concurrency": -1}, "concurrency: must be 1 to 1000"),
    ({"concurrency": 1001}, "concurrency: must be 1 to 1000"),
    ({"quota": -1}, "quota: must be 0 to 1000000"),
    ({"quota": 1000001}, "quota: must be 0 to 1000000"),
    ({"quota_ms": 86400001}, "quota_ms: must be 1 to 86400000"),
    ({"timeout_ms": 300001}, "timeout_ms: must be 1 to 300000"),
    ({"schedule_ms": [1] * 21}, "schedule_ms: must be at most 20"),
    ({"schedule_ms": [1, 0]}, "schedule_ms[1]: must be 1 to 604800000"),
])
def test_refusals_name_the_field_and_the_rule(channels, fields, text):
    before = channels.revision()
    given = {"channel": "refused", "kind": "dingtalk", "secrets": ROBOT, **fields}
    code, told = channels.refusal("PutChannel", **given)
    assert code == INVALID
    assert told.startswith(text) if text.endswith(": ") else told == text
    assert channels.revision() == before


def test_channels_that_are_not_there(channels):
    for method in ("GetChannel", "DeleteChannel"):
        assert channels.refusal(method, channel="none") == (NOT_FOUND, "no channel none")
        assert channels.refusal(method, channel="a b")[0] == INVALID


# --- what servers know ------------------------------------------------------------------------------


def test_who_is_answered_and_then_the_others_know_it(channels, stubs, database, name, keys):
    with started(database, stubs, "--key-file", str(keys.path)) as other:
        token = channels.put(name, kind="dingtalk", secrets=ROBOT).receipt_token
        assert channels.knows_token(token)
        observe.wait_until(lambda: other.knows_token(token))
        channels.delete(name)
        assert not channels.knows_token(token)
        observe.wait_until(lambda: not other.knows_token(token))


def test_one_that_is_made_again_is_another(channels, name):
    first = channels.put(name, kind="dingtalk", secrets=ROBOT)
    number = channels.row(name)["id"]
    channels.delete(name)
    assert channels.refusal("PutChannel", channel=name, kind="dingtalk")[0] == INVALID
    assert channels.put(name, kind="dingtalk", secrets=ROBOT).receipt_token != first.receipt_token
    assert channels.row(name)["id"] != number


def test_what_waits_for_a_channel_that_is_removed_fails(channels, database, name):
    channels.put(name, kind="dingtalk", secrets=ROBOT, schedule_ms=[3600000],
                 settings=f'{{"url":"http://127.0.0.1:{programs.free_port()}"}}')
    channels.call("PutRecipient", user="bob", addresses={name: "13900000000"})
    channels.call("Send", sender="s", title="t", message="m", users="bob", channel=name)

    def state():
        return database.rows(f"SELECT state, attempts FROM notice.delivery WHERE channel = '{name}'")
    observe.wait_until(lambda: state() == [["waiting", "1"]])
    channels.delete(name)
    observe.wait_until(lambda: state() == [["failed", "1"]])


def test_a_fault_is_told_and_the_channel_kept(channels, server, database, name):
    token = channels.put(name, kind="dingtalk", secrets=ROBOT).receipt_token
    before = observe.value(server, "junction_notice_channel_faults")
    database.rows(f"UPDATE notice.channel SET settings = '{{\"format\":1}}' WHERE name = '{name}'")
    observe.wait_until(lambda: observe.value(server, "junction_notice_channel_faults") == before + 1)
    line = observe.logged(server, "nothing can be sent by a channel", channel=name)[0]
    assert line["level"] == "warn" and line["namespace"] == "default"
    assert line["reason"].startswith("settings.format: ")
    assert channels.knows_token(token)
    channels.put(name, kind="dingtalk")
    assert observe.value(server, "junction_notice_channel_faults") == before


# --- secrets ----------------------------------------------------------------------------------------


def test_secrets_are_seen_nowhere(channels, server, database, name):
    shown = [channels.put(name, kind="dingtalk", secrets=ROBOT), channels.get(name),
             channels.put(name, kind="dingtalk", secrets={"secret": "another-that-nobody-sees"}),
             channels.list()]
    errors = [channels.refusal("PutChannel", channel=name, kind="wechat"),
              channels.refusal("PutChannel", channel=name, kind="dingtalk", settings='{"x":1}')]
    metrics = programs.http_request(server.admin, "GET", "/metrics").body
    seen = (repr(shown) + repr(errors) + server.log_text()).encode() + metrics + dump(database)
    token = channels.row(name)["receipt_token"]
    for secret in (*ROBOT.values(), "another-that-nobody-sees"):
        bytes_of = secret.encode()
        for form in (bytes_of, bytes_of.hex().encode(), base64.b64encode(bytes_of)):
            assert form not in seen
    assert token not in server.log_text() and token.encode() not in metrics
    for column in ("secrets", "secrets_key_id", "receipt_token"):
        with pytest.raises(RuntimeError, match="permission denied"):
            database.rows(f"SET ROLE junction_reader; SELECT {column} FROM notice.channel")
    assert database.rows(f"SET ROLE junction_reader; SELECT secret_names FROM notice.channel"
                         f" WHERE name = '{name}'") == [["{access_token,secret}"]]


def test_secrets_are_wiped_when_they_count_no_more(channels, stubs, database, name, keys):
    """At a server that has only loaded them."""
    with started(database, stubs, "--key-file", str(keys.path)) as other:
        if not observe.is_plain(other.server):
            pytest.skip("its memory is not looked through")
        secrets = {"access_token": "wiped-token-of-this-test", "secret": "wiped-secret-of-this-test"}
        token = channels.put(name, kind="dingtalk", secrets=secrets).receipt_token
        observe.wait_until(lambda: other.knows_token(token))
        for secret in secrets.values():
            assert observe.holds(other.server, secret.encode())
        channels.put(name, kind="dingtalk", secrets=ROBOT)
        for secret in secrets.values():
            observe.wait_until(lambda: not observe.holds(other.server, secret.encode()))


def test_the_same_secrets_are_sealed_to_other_bytes_for_each_channel(channels, name, keys):
    channels.put(name, kind="dingtalk", secrets=ROBOT)
    channels.put(name + "b", kind="dingtalk", secrets=ROBOT)
    one, two = channels.row(name), channels.row(name + "b")
    assert one["secrets"] != two["secrets"]
    # Nor can one be passed off as the other's.
    with pytest.raises(AssertionError):
        key_files.unseal(keys.keys["2026-01"], bytes.fromhex(one["secrets"][2:]),
                         f"channel default {name}b".encode())


def test_without_a_key_file_there_are_no_secrets(channels, stubs, database, name):
    with started(database, stubs) as bare:
        assert bare.refusal("PutChannel", channel=name, kind="dingtalk", secrets=ROBOT) == (
            PRECONDITION, "secrets: need the server's --key-file")
        made = bare.put(name, kind="service", settings='{"service":"demo"}')
        assert not made.secrets and channels.get(name) == made
    assert channels.row(name)["secrets"] is None and channels.row(name)["secret_names"] == []


def test_a_server_with_another_key_file_says_so(channels, stubs, database, name, tmp_path):
    others = key_files.KeyFile(tmp_path)
    others.add("2026-01-b")
    channels.put(name, kind="dingtalk", secrets=ROBOT)
    told = 'secrets: this server\'s --key-file does not open what was sealed with key "2026-01"'
    with started(database, stubs, "--key-file", str(others.path)) as other:
        assert told in [line["reason"] for line in observe.logged(
            other.server, "nothing can be sent by a channel", channel=name)]
        assert observe.value(other.server, "junction_notice_channel_faults") > 0
        for secrets in ({}, {"secret": "new"}):
            assert other.refusal("PutChannel", channel=name, kind="dingtalk",
                                 secrets=secrets) == (PRECONDITION, told)
        # With all of them given anew what was kept need not be opened.
        other.put(name, kind="dingtalk", secrets=ROBOT)
        assert channels.opened(name, others) == ROBOT


def test_a_server_with_another_key_file_sends_nothing(stubs, cluster_url, keys, tmp_path):
    """What waits is sent by one that has the key; what needs no secret is sent by any."""
    others = key_files.KeyFile(tmp_path)
    others.add("2026-01-b")
    with programs.Database(cluster_url) as database, programs.Upstream(
            lambda _: (200, {}, b'{"errcode":0,"errmsg":"ok","code":"200","state":"sent"}')) as robot:
        def states():
            return dict(database.rows("SELECT channel, state FROM notice.delivery"))
        with started(database, stubs, "--key-file", str(keys.path), "--notice-member-ms", "0") as admin:
            url = f"http://127.0.0.1:{robot.port}/robot"
            admin.put("robot", kind="dingtalk", secrets=ROBOT, settings=json.dumps({"url": url}))
            admin.put("plain", kind="wechat", secrets={"key": "k"}, settings=json.dumps({"url": url}))
            admin.call("PutRecipient", user="bob", addresses={"robot": "13900000000", "plain": "bob"})
        with started(database, stubs, "--key-file", str(others.path)) as other:
            other.put("plain", kind="wechat", secrets={"key": "k"}, settings=json.dumps({"url": url}))
            other.call("Send", sender="s", title="t", message="m", users="bob", channel="robot,plain")
            observe.wait_until(lambda: states() == {"robot": "waiting", "plain": "sent"})
            assert len(robot.requests) == 1
            assert database.rows("SELECT max(attempts) FROM notice.delivery WHERE channel = 'robot'") == [["0"]]
        with started(database, stubs, "--key-file", str(keys.path)):
            observe.wait_until(lambda: states() == {"robot": "sent", "plain": "sent"})
            assert "access_token=" + ROBOT["access_token"] in robot.requests[1].path


def test_a_new_key_takes_over(channels, stubs, database, name, keys, tmp_path):
    """What the old one sealed opens, and is sealed anew when the channel is put."""
    both = key_files.KeyFile(tmp_path)
    both.add("2026-01", keys.keys["2026-01"])
    both.add("2026-02")
    channels.put(name, kind="dingtalk", secrets=ROBOT)
    with started(database, stubs, "--key-file", str(both.path)) as rotated:
        assert not observe.logged(rotated.server, "nothing can be sent by a channel", channel=name)
        rotated.put(name, kind="dingtalk")
        assert channels.row(name)["secrets_key_id"] == "2026-02"
        assert rotated.opened(name, both) == ROBOT
        rotated.delete(name)


def put_at_once(channels, name, *given):
    """Puts that have all read what is kept before the first one writes; they write in this order."""
    threads = [threading.Thread(target=channels.put, args=(name,),
                                kwargs={"kind": "dingtalk", "secrets": secrets}) for secrets in given]
    with postgres.Session(channels.database.url) as session:
        session.run("BEGIN; SELECT FROM notice.revision FOR UPDATE;")
        for i, thread in enumerate(threads):
            thread.start()
            observe.wait_until(lambda i=i: len(channels.database.rows(
                "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
                " AND wait_event_type = 'Lock' AND query LIKE '%notice.put_channel%'")) == i + 1)
        session.run("COMMIT;")
        for thread in threads:
            thread.join(programs.WAIT)


def test_puts_at_once_lose_no_secret_of_each_other(channels, name, keys):
    channels.put(name, kind="dingtalk", secrets=ROBOT)
    put_at_once(channels, name, {"access_token": "new token"}, {"secret": "new secret"})
    assert channels.opened(name, keys) == {"access_token": "new token", "secret": "new secret"}


def test_nor_do_those_that_make_it(channels, name, keys):
    put_at_once(channels, name, {"access_token": "old", "secret": "kept"}, {"access_token": "new"})
    assert channels.opened(name, keys) == {"access_token": "new", "secret": "kept"}


def test_many_puts_at_once_of_one_that_is_not_there(channels, name, keys):
    """One makes it, and all keep its token."""
    made = []

    def put():
        made.append(channels.put(name, kind="dingtalk", secrets=ROBOT).receipt_token)
    threads = [threading.Thread(target=put) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(programs.WAIT)
    assert len(made) == 8 and len(set(made)) == 1
    assert channels.opened(name, keys) == ROBOT
    assert [kind for kind, *_ in channels.audited(name)] == [1]


# --- who may, and what is told of it ----------------------------------------------------------------


def test_the_token_for_reports_is_for_those_who_may_change_it(channels, stubs, database, name):
    token = channels.put(name, kind="dingtalk", secrets=ROBOT).receipt_token
    seen = {}
    with started(database, stubs, "--auth", "required") as guarded:
        for role, key in (("administrator", "noticeadmin"), ("reader", "noticereader")):
            subjects.put(database.url, "application", "notice-" + role, role)
            made = subjects.basic(subjects.put_key(database.url, "notice-" + role, key))
            guarded.metadata = [("authorization", made)]
            observe.wait_until(lambda: _answers(guarded, name))
            listed, = [c for c in guarded.list().channels if c.channel == name]
            seen[role] = (guarded.get(name).receipt_token, listed.receipt_token)
            if role == "reader":
                assert guarded.refusal("PutChannel", channel=name)[0] == grpc.StatusCode.PERMISSION_DENIED
    assert seen == {"administrator": (token, token), "reader": ("", "")}


def _answers(channels, name):
    try:
        return channels.get(name)
    except grpc.RpcError as error:
        assert error.code() in (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED)


def test_changes_are_audited_without_what_is_secret(channels, name, database):
    channels.put(name, kind="dingtalk", secrets=ROBOT, settings='{"url":"http://127.0.0.1:1/hidden-path"}')
    channels.put(name, kind="dingtalk", secrets={"secret": "other"}, quota=7)
    database.rows(f"UPDATE notice.channel SET enabled = false WHERE name = '{name}'")
    channels.delete(name)
    told = channels.audited(name)
    assert [(kind, content) for kind, content, *_ in told] == [
        (1, "channel added"), (2, "channel changed"), (2, "channel changed"), (3, "channel removed")]
    assert [user for *_, user, _ in told] == ["", "", "postgresql:postgres", ""]
    added, changed, switched, removed = (ext for *_, ext in told)
    assert added["old"] is None and added["new"]["settings"] == ["url"]
    assert added["new"]["secrets"] == ["access_token", "secret"] and added["new"]["kind"] == "dingtalk"
    assert changed["changed"] == ["quota", "secrets", "settings"]
    assert (changed["old"]["quota"], changed["new"]["quota"], changed["new"]["settings"]) == (20, 7, [])
    assert switched["changed"] == ["enabled"]
    assert removed["new"] is None and removed["old"]["name"] == name
    (rows,), = database.rows("SELECT count(*) FROM audit.record WHERE ext::text LIKE '%hidden-path%'")
    assert rows == "0"
    (author, node, trace), = database.rows(
        "SELECT address, node, length(trace_id) FROM audit.record WHERE namespace = 'junction.notice'"
        f" AND target = 'channel:{name}' ORDER BY position LIMIT 1")
    assert author.startswith("127.0.0.1:") and "-" in node and trace == "32"


def test_a_change_that_fails_is_not_audited(channels, name, database):
    channels.put(name, kind="dingtalk", secrets=ROBOT)
    database.rows(f"BEGIN; UPDATE notice.channel SET enabled = false WHERE name = '{name}'; ROLLBACK")
    assert len(channels.audited(name)) == 1
