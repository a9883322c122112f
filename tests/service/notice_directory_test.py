"""Recipients and groups: what is kept, replaced, listed and refused."""

import itertools
import threading

import grpc
import pytest

import observe
import postgres
import programs

INVALID, NOT_FOUND = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND
NUMBERS = itertools.count()
NAME_RULES = [("", "must have 1 to 255 bytes"), ("a" * 256, "must have 1 to 255 bytes"),
              ("a,b", "must not hold control characters or commas"),
              ("a\nb", "must not hold control characters or commas"),
              (" a", "must not begin or end with a blank"), ("a ", "must not begin or end with a blank")]


@pytest.fixture(scope="module")
def notice(channel, stubs):
    return stubs.notice_grpc.NoticeStub(channel)


@pytest.fixture
def space():
    """A namespace of the test's own."""
    return f"space-{next(NUMBERS)}"


@pytest.fixture
def ask(notice, stubs, space):
    """ask("GetRecipient", user="x"): the answer."""
    def call(method, of_space=None, **fields):
        return getattr(notice, method)(getattr(stubs.notice, method + "Request")(**fields),
                                       timeout=programs.WAIT,
                                       metadata=[("x-namespace", of_space or space)])
    return call


@pytest.fixture
def refusal(ask):
    def call(method, **fields):
        with pytest.raises(grpc.RpcError) as caught:
            ask(method, **fields)
        return caught.value.code(), caught.value.details()
    return call


def pages(ask, method, items, **fields):
    """All items, and how many of them each page had."""
    found, counts, token = [], [], ""
    while not counts or token:
        got = ask(method, page_token=token, **fields)
        found += getattr(got, items)
        counts.append(len(getattr(got, items)))
        token = got.next_page_token
        assert len(counts) < 100, "the pages have no end"
    return found, counts


def members(ask, group, **fields):
    return pages(ask, "GetNoticeGroup", "users", group=group, **fields)[0]


# --- recipients ---------------------------------------------------------------------------------------


def test_a_recipient_is_replaced_as_a_whole(ask):
    first = ask("PutRecipient", user="李雷", language="zh-CN",
                addresses={"mail": "李雷 <li@example.org>", "sms": "+86 139", "dingtalk": "x\"\\y"}).recipient
    assert (first.user, first.language) == ("李雷", "zh-CN")
    assert dict(first.addresses) == {"mail": "李雷 <li@example.org>", "sms": "+86 139", "dingtalk": "x\"\\y"}
    assert ask("GetRecipient", user="李雷").recipient == first
    second = ask("PutRecipient", user="李雷", addresses={"mail": "new"}).recipient
    assert dict(second.addresses) == {"mail": "new"} and second.language == ""
    assert second.updated_at >= first.updated_at > 1700000000000
    assert ask("GetRecipient", user="李雷").recipient == second


def test_names_are_told_apart_byte_by_byte(ask):
    users = ["Bob", "bob", "b ob", "issuer:bob/1", "a" * 255]
    for user in users:
        ask("PutRecipient", user=user, addresses={"mail": user})
    found, _ = pages(ask, "ListRecipients", "recipients")
    assert [r.user for r in found] == sorted(users)
    assert all(dict(r.addresses) == {"mail": r.user} for r in found)


def test_recipients_are_forgotten(ask, refusal):
    ask("PutRecipient", user="bob")
    ask("DeleteRecipient", user="bob")
    for method in ("GetRecipient", "DeleteRecipient"):
        assert refusal(method, user="bob") == (NOT_FOUND, "no recipient bob")


def test_recipients_have_their_pages_and_namespaces(ask, refusal):
    for i in range(5):
        ask("PutRecipient", user=f"u{i}")
    found, counts = pages(ask, "ListRecipients", "recipients", page_size=2)
    assert ([r.user for r in found], counts) == ([f"u{i}" for i in range(5)], [2, 2, 1])
    assert not ask("ListRecipients", of_space="another").recipients
    assert refusal("ListRecipients", page_size=1001) == (INVALID, "pageSize: must be 1 to 1000")
    assert refusal("ListRecipients", page_token="x")[1] == "pageToken: is none of a page of this list"


@pytest.mark.parametrize("fields, text", [
    ({"addresses": {f"c{i}": "x" for i in range(21)}}, "addresses: must be at most 20"),
    ({"addresses": {"a b": "x"}},
     'addresses: must be by names of channels, 1 to 32 letters, digits, "-" and "_"'),
    ({"addresses": {"": "x"}},
     'addresses: must be by names of channels, 1 to 32 letters, digits, "-" and "_"'),
    ({"addresses": {"sms": "1", "mail": ""}}, "addresses.mail: must have 1 to 255 bytes"),
    ({"addresses": {"mail": "x" * 256}}, "addresses.mail: must have 1 to 255 bytes"),
    ({"addresses": {"mail": "a\r\nBcc: b"}}, "addresses.mail: must not hold control characters"),
    ({"language": "a" * 36}, 'language: must be at most 35 letters, digits and "-"'),
    ({"language": "zh_CN"}, 'language: must be at most 35 letters, digits and "-"'),
])
def test_what_a_recipient_may_not_be(refusal, fields, text):
    assert refusal("PutRecipient", user="refused", **fields) == (INVALID, text)
    assert refusal("GetRecipient", user="refused")[0] == NOT_FOUND


@pytest.mark.parametrize("user, rule", NAME_RULES)
def test_names_of_users(refusal, user, rule):
    for method in ("PutRecipient", "GetRecipient", "DeleteRecipient"):
        assert refusal(method, user=user) == (INVALID, "user: " + rule)


# --- groups -------------------------------------------------------------------------------------------


def test_a_group_is_made_replaced_changed_and_removed(ask, refusal):
    assert ask("PutNoticeGroup", group="运维", users=["b", "a", "c", "a"]).members == 3
    assert members(ask, "运维") == ["a", "b", "c"]
    assert ask("PutNoticeGroup", group="运维", users=["c", "d"]).members == 2
    assert members(ask, "运维") == ["c", "d"]
    answer = ask("ChangeNoticeGroup", group="运维", add=["e", "c", "f"], remove=["d", "nobody", "f"])
    assert answer.members == 2 and members(ask, "运维") == ["c", "e"]
    assert ask("PutNoticeGroup", group="运维").members == 0
    empty = ask("GetNoticeGroup", group="运维")
    assert (list(empty.users), empty.members, empty.next_page_token) == ([], 0, "")
    ask("DeleteNoticeGroup", group="运维")
    for method in ("GetNoticeGroup", "ChangeNoticeGroup", "DeleteNoticeGroup"):
        assert refusal(method, group="运维") == (NOT_FOUND, "no group 运维")


def test_members_that_stay_are_not_written_again(ask, database, space):
    ask("PutNoticeGroup", group="g", users=["a", "b"])
    rows = "SELECT user_name, xmin FROM notice.group_member WHERE namespace = '%s' ORDER BY 1" % space
    before = database.rows(rows)
    ask("PutNoticeGroup", group="g", users=["b", "c"])
    ask("ChangeNoticeGroup", group="g", add=["b"])
    after = dict(database.rows(rows))
    assert after["b"] == dict(before)["b"] and set(after) == {"b", "c"}


def test_members_have_their_pages(ask, refusal):
    users = [f"u{i:02}" for i in range(7)]
    ask("PutNoticeGroup", group="g", users=users)
    found, counts = pages(ask, "GetNoticeGroup", "users", group="g", page_size=3)
    assert (found, counts) == (users, [3, 3, 1])
    assert ask("GetNoticeGroup", group="g", page_size=3).members == 7
    assert pages(ask, "GetNoticeGroup", "users", group="g", page_size=7) == (users, [7])
    assert refusal("GetNoticeGroup", group="g", page_size=10001) == (INVALID, "pageSize: must be 1 to 10000")


def test_groups_have_their_pages_and_namespaces(ask, refusal):
    for i in range(5):
        ask("PutNoticeGroup", group=f"g{i}", users=["x"] * (i > 0) + ["y"] * (i > 1))
    found, counts = pages(ask, "ListNoticeGroups", "groups", page_size=2)
    assert [(g.group, g.members) for g in found] == [("g0", 0), ("g1", 1), ("g2", 2), ("g3", 2), ("g4", 2)]
    assert counts == [2, 2, 1]
    assert not ask("ListNoticeGroups", of_space="another").groups
    assert refusal("ListNoticeGroups", page_size=1001) == (INVALID, "pageSize: must be 1 to 1000")


def test_a_hundred_thousand_members(ask, refusal):
    users = [f"member-{i:06}" for i in range(100000)]
    assert ask("PutNoticeGroup", group="all", users=users).members == 100000
    assert members(ask, "all", page_size=10000) == users
    # All of them but one are others.
    assert ask("PutNoticeGroup", group="all", users=["m" + u for u in users[1:]] + users[:1]).members == 100000
    assert ask("ChangeNoticeGroup", group="all", add=users).members == 199999
    assert ask("ChangeNoticeGroup", group="all", remove=users).members == 99999
    ask("DeleteNoticeGroup", group="all")
    assert refusal("ChangeNoticeGroup", group="all", add=["x"] * 50000, remove=["y"] * 50001) == (
        INVALID, "remove: must be at most 100000 with those to add")
    assert refusal("PutNoticeGroup", group="all", users=["x"] * 100001) == (
        INVALID, "users: must be at most 100000")


@pytest.mark.parametrize("name, rule", NAME_RULES)
def test_names_in_groups(ask, refusal, name, rule):
    for method in ("PutNoticeGroup", "ChangeNoticeGroup", "GetNoticeGroup", "DeleteNoticeGroup"):
        assert refusal(method, group=name) == (INVALID, "group: " + rule)
    ask("PutNoticeGroup", group="g", users=["kept"])
    assert refusal("PutNoticeGroup", group="g", users=["x", name]) == (INVALID, "users[1]: " + rule)
    assert refusal("ChangeNoticeGroup", group="g", add=["x", "y", name]) == (INVALID, "add[2]: " + rule)
    assert refusal("ChangeNoticeGroup", group="g", remove=[name]) == (INVALID, "remove[0]: " + rule)
    assert members(ask, "g") == ["kept"]


def wait_until_locked(database, count):
    observe.wait_until(lambda: len(database.rows(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
        " AND wait_event_type = 'Lock' AND query LIKE '%notice.change_group%'")) == count)


def test_changes_at_once_are_all_there(ask, database, space):
    ask("PutNoticeGroup", group="g")
    with postgres.Session(database.url) as session:
        session.run(f"BEGIN; SELECT FROM notice.group_name WHERE namespace = '{space}' FOR UPDATE;")
        threads = [threading.Thread(target=ask, args=("ChangeNoticeGroup",),
                                    kwargs={"group": "g", "add": [f"u{i}"]}) for i in range(4)]
        for thread in threads:
            thread.start()
        wait_until_locked(database, 4)
        session.run("COMMIT;")
        for thread in threads:
            thread.join(programs.WAIT)
    assert members(ask, "g") == ["u0", "u1", "u2", "u3"]


def test_a_change_waits_for_a_removal(notice, stubs, ask, database, space):
    ask("PutNoticeGroup", group="g")
    with postgres.Session(database.url) as session:
        session.run(f"BEGIN; DELETE FROM notice.group_name WHERE namespace = '{space}';")
        answer = notice.ChangeNoticeGroup.future(
            stubs.notice.ChangeNoticeGroupRequest(group="g", add=["x"]), timeout=programs.WAIT,
            metadata=[("x-namespace", space)])
        wait_until_locked(database, 1)
        session.run("COMMIT;")
        assert (answer.code(), answer.details()) == (NOT_FOUND, "no group g")
