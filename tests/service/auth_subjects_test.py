"""Users, applications and groups: made, changed, found, listed page by page, and removed."""

import threading

import grpc
import pytest

import identities
import programs
from identities import INVALID, NOT_FOUND, PRECONDITION, names, refusal

NAME_RULE = ('must be 1 to 64 of a-z, 0-9, ".", "_", "@", "+" and "-", beginning with a letter or'
             " digit")
NOBODY = (PRECONDITION, "nobody would be left who has the role administrator")


@pytest.fixture(scope="module")
def admin(stubs, channel):
    return identities.Identities(stubs, channel)


@pytest.fixture(scope="module")
def other(database, stubs):
    """A second server on the same database."""
    server = programs.Server(database.url)
    with server.channel() as channel:
        yield identities.Identities(stubs, channel)
    server.stop()


@pytest.fixture(autouse=True)
def nobody(database, server):
    database.rows("DELETE FROM auth.subject; DELETE FROM auth.role WHERE NOT built_in")


# --- one of them -----------------------------------------------------------------------------


def test_a_user_an_application_and_a_group(admin):
    made = admin.put_subject("user", "Alice@Example.org", title="Älice")
    assert (made.subject.kind, made.subject.name) == (1, "alice@example.org")
    assert (made.title, made.disabled, list(made.services)) == ("Älice", False, [])
    assert made.created_at.seconds > 0 and not made.members
    admin.put_subject("application", "demo", services=["a", 'b"\\,{}', "ä"])
    admin.put_subject("group", "ops", title="Operators", disabled=True)
    assert admin.get_subject("user", "ALICE@example.org") == made
    assert list(admin.get_subject("application", "demo").services) == ["a", 'b"\\,{}', "ä"]
    assert admin.get_subject("GROUP", "ops").disabled


def test_what_is_put_again_is_changed_as_a_whole(admin, database):
    first = admin.put_subject("application", "demo", title="t", services=["a"])
    assert admin.put_subject("application", "Demo", title="t", services=["a"]) == first
    second = admin.put_subject("application", "demo", disabled=True)
    assert (second.title, list(second.services), second.disabled) == ("", [], True)
    assert second.created_at == first.created_at
    assert database.rows("SELECT updated_at > created_at FROM auth.subject") == [["t"]]


def test_a_user_of_an_outside_issuer_keeps_the_case_of_his_name(admin):
    for name in ("Corp:Bob", "corp:bob", "corp:x/y:Zoë"):
        admin.put_subject("user", name)
    found = names(admin.all("ListSubjects", "records", prefix="CORP:"))
    assert found == [(1, "corp:Bob"), (1, "corp:bob"), (1, "corp:x/y:Zoë")]
    assert admin.get_subject("user", "CORP:Bob").subject.name == "corp:Bob"


def test_what_is_not_there_is_not_found(admin):
    admin.put_subject("user", "alice")
    assert refusal(admin.get_subject, "group", "alice") == (NOT_FOUND, "no group alice")
    assert refusal(admin.get_subject, "user", "bob") == (NOT_FOUND, "no user bob")
    assert refusal(admin.delete_subject, "User", "bob") == (NOT_FOUND, "no user bob")
    admin.delete_subject("user", "alice")
    assert refusal(admin.delete_subject, "user", "alice") == (NOT_FOUND, "no user alice")


@pytest.mark.parametrize("kind, name, more, details", [
    ("", "a", {}, "record.subject.kind: must be a user, an application or a group"),
    ("user", "", {}, "record.subject.name: is required"),
    ("user", "-a", {}, "record.subject.name: " + NAME_RULE),
    ("user", "a b", {}, "record.subject.name: " + NAME_RULE),
    ("user", "a" * 65, {}, "record.subject.name: " + NAME_RULE),
    ("group", "ä", {}, "record.subject.name: " + NAME_RULE),
    ("group", "corp:a", {}, "record.subject.name: " + NAME_RULE),
    ("application", "corp:a", {}, "record.subject.name: " + NAME_RULE),
    ("user", "1corp:a", {}, 'record.subject.name: must be an issuer\'s name, ":" and the user\'s name'
     " there, without control characters and of at most 255 bytes"),
    ("user", "corp:", {}, 'record.subject.name: must be an issuer\'s name, ":" and the user\'s name'
     " there, without control characters and of at most 255 bytes"),
    ("user", "corp:" + "x" * 251, {}, 'record.subject.name: must be an issuer\'s name, ":" and the'
     " user's name there, without control characters and of at most 255 bytes"),
    ("user", "a", {"title": "ä" * 128}, "record.title: must have at most 255 bytes"),
    ("user", "a", {"services": ["s"]}, "record.services: must be empty but of an application"),
    ("application", "a", {"services": ["s"] * 101}, "record.services: must be at most 100"),
    ("application", "a", {"services": ["s", ""]}, "record.services[1]: is required"),
    ("application", "a", {"services": ["s" * 256]},
     "record.services[0]: must have at most 255 bytes, none of them a control character")])
def test_what_cannot_be_kept_is_refused_by_field(admin, kind, name, more, details):
    assert refusal(admin.put_subject, kind, name, **more) == (INVALID, details)


def test_a_request_without_a_subject(admin):
    assert refusal(admin.call, "PutSubject") == (INVALID, "record: is required")
    assert refusal(admin.call, "PutSubject", record=admin.m.SubjectRecord()) == (
        INVALID, "record.subject: is required")
    assert refusal(admin.get_subject, "robot", "a") == (
        INVALID, 'kind: must be "user", "application" or "group"')
    assert refusal(admin.get_subject, "user", "") == (INVALID, "name: is required")


def test_the_longest_names_that_there_are(admin):
    longest = {"user": "corp:" + "x" * 250, "application": "a" * 64, "group": "9._@+-" + "z" * 58}
    for kind, name in longest.items():
        services = ["s" * 255] * 100 if kind == "application" else []
        admin.put_subject(kind, name, title="ä" * 127 + "t", services=services)
        assert admin.get_subject(kind, name).title == "ä" * 127 + "t"


# --- lists -----------------------------------------------------------------------------------


def test_a_list_is_by_kind_and_name(admin):
    for kind, name in [("user", "b"), ("user", "a.x"), ("user", "a_x"), ("group", "b"), ("user", "a"),
                       ("application", "b1"), ("application", "a")]:
        admin.put_subject(kind, name)

    def listed(**given):
        return names(admin.all("ListSubjects", "records", **given))
    everything = [(2, "a"), (2, "b1"), (3, "b"), (1, "a"), (1, "a.x"), (1, "a_x"), (1, "b")]
    assert listed() == everything
    for size in range(1, 9):
        assert [len(page) for page in admin.pages("ListSubjects", "records", page_size=size)] == [
            min(size, 7 - at) for at in range(0, 7, size)]
        assert listed(page_size=size) == everything
    assert listed(kind=1) == [(1, "a"), (1, "a.x"), (1, "a_x"), (1, "b")]
    assert listed(prefix="A", page_size=2) == [(2, "a"), (1, "a"), (1, "a.x"), (1, "a_x")]
    assert listed(kind=1, prefix="a_") == [(1, "a_x")]
    assert listed(prefix="none") == []


@pytest.mark.parametrize("given, details", [
    ({"page_size": -1}, "pageSize: must be 1 to 1000"),
    ({"page_size": 1001}, "pageSize: must be 1 to 1000"),
    ({"kind": 4}, "kind: must be a user, an application or a group"),
    ({"page_token": "!"}, "pageToken: is none of a page of this list"),
    ({"page_token": "YQo"}, "pageToken: is none of a page of this list"),  # one part
    ({"page_token": "YQphCmEK"}, "pageToken: is none of a page of this list"),  # three
    ({"page_token": "YQpiAAo"}, "pageToken: is none of a page of this list"),  # a NUL
    ({"page_token": "YQr_Cg"}, "pageToken: is none of a page of this list")])  # no UTF-8
def test_pages_that_do_not_exist(admin, given, details):
    assert refusal(admin.call, "ListSubjects", **given) == (INVALID, details)


def test_a_page_has_no_more_than_a_message_has_room_for(admin, database):
    database.rows("""INSERT INTO auth.subject (kind, name, services)
        SELECT 'application', 'big' || i, array_fill(repeat('s', 255), ARRAY[100])
        FROM generate_series(100, 299) AS i""")
    pages = list(admin.pages("ListSubjects", "records", page_size=1000))
    assert [record.subject.name for page in pages for record in page] == [
        f"big{i}" for i in range(100, 300)]
    assert len(pages) > 1 and all(page for page in pages)


def test_2500_subjects_while_others_come_and_go(admin, database):
    database.rows("""INSERT INTO auth.subject (kind, name)
        SELECT 'user', 'kept' || i FROM generate_series(1, 2500) AS i;
        INSERT INTO auth.subject (kind, name)
        SELECT 'user', 'kept' || i || '.gone' FROM generate_series(1, 2500, 50) AS i""")
    ended = threading.Event()

    def disturb():
        for i in range(1, 2500, 50):
            if ended.is_set():
                return
            admin.put_subject("user", f"kept{i}.new")
            admin.delete_subject("user", f"kept{i}.gone")
    thread = threading.Thread(target=disturb)
    thread.start()
    try:
        seen = [r.subject.name for r in admin.all("ListSubjects", "records", kind=1, page_size=37)]
    finally:
        ended.set()
        thread.join()
    assert len(seen) == len(set(seen)), "some came twice"
    assert {name for name in seen if "." not in name} == {f"kept{i}" for i in range(1, 2501)}
    assert seen == sorted(seen)


# --- groups ----------------------------------------------------------------------------------


def test_members_of_a_group_and_groups_of_a_member(admin):
    for kind, name in [("group", "ops"), ("group", "dev"), ("user", "bob"), ("user", "alice"),
                       ("application", "demo")]:
        admin.put_subject(kind, name)
    for group, kind, name in [("Ops", "user", "Bob"), ("ops", "application", "demo"),
                              ("ops", "user", "alice"), ("dev", "user", "alice"),
                              ("ops", "user", "bob")]:
        admin.put_member(group, kind, name)

    def members(kind, name):
        return [(m.kind, m.name) for m in admin.get_subject(kind, name).members]
    assert members("group", "ops") == [(2, "demo"), (1, "alice"), (1, "bob")]
    assert members("user", "alice") == [(3, "dev"), (3, "ops")]
    assert all(not r.members for r in admin.all("ListSubjects", "records"))
    admin.delete_member("ops", "user", "alice")
    assert refusal(admin.delete_member, "ops", "user", "alice") == (
        NOT_FOUND, "user alice is not in group ops")
    assert members("user", "alice") == [(3, "dev")]
    admin.delete_subject("group", "dev")
    admin.delete_subject("application", "demo")
    assert members("user", "alice") == []
    assert members("group", "ops") == [(1, "bob")]


def test_10000_members_are_shown(admin, database):
    database.rows("""INSERT INTO auth.subject (kind, name) VALUES ('group', 'crowd');
        INSERT INTO auth.subject (kind, name) SELECT 'user', 'u' || i FROM generate_series(10000, 20000) i;
        INSERT INTO auth.member (group_name, kind, name) SELECT 'crowd', kind, name
        FROM auth.subject WHERE kind = 'user'""")
    members = [m.name for m in admin.get_subject("group", "crowd").members]
    assert members == [f"u{i}" for i in range(10000, 20000)]


def test_who_can_be_in_a_group(admin):
    admin.put_subject("group", "ops")
    admin.put_subject("user", "alice")
    for call in (admin.put_member, admin.delete_member):
        assert refusal(call, "ops", "group", "ops") == (
            INVALID, "member.kind: must be a user or an application")
        assert refusal(call, "", "user", "alice") == (INVALID, "group: is required")
        assert refusal(call, "ops", "user", "/") == (INVALID, "member.name: " + NAME_RULE)
    assert refusal(admin.call, "PutMember", group="ops") == (INVALID, "member: is required")
    assert refusal(admin.put_member, "none", "user", "alice") == (NOT_FOUND, "no group none")
    assert refusal(admin.put_member, "ops", "user", "bob") == (NOT_FOUND, "no user bob")


# --- the last administrator ------------------------------------------------------------------


def test_the_last_administrator_stays(admin):
    admin.put_subject("user", "root")
    admin.put_grant("user", "root", "administrator")
    assert refusal(admin.delete_subject, "user", "root") == NOBODY
    assert refusal(admin.put_subject, "user", "root", disabled=True) == NOBODY
    assert refusal(admin.delete_grant, "user", "root", "administrator") == NOBODY
    assert not admin.get_subject("user", "root").disabled
    assert len(admin.all("ListGrants", "grants")) == 1
    admin.put_subject("application", "tool")
    admin.put_grant("application", "tool", "administrator")
    admin.delete_subject("user", "root")
    assert refusal(admin.delete_subject, "application", "tool") == NOBODY


def test_the_last_administrator_by_a_group_stays(admin):
    admin.put_subject("group", "ops")
    admin.put_subject("user", "bob")
    admin.put_subject("user", "alice")
    admin.put_grant("group", "ops", "administrator")
    for name in ("bob", "alice"):
        admin.put_member("ops", "user", name)
    admin.put_subject("user", "bob", disabled=True)
    assert refusal(admin.delete_member, "ops", "user", "alice") == NOBODY
    assert refusal(admin.put_subject, "group", "ops", disabled=True) == NOBODY
    assert refusal(admin.delete_subject, "group", "ops") == NOBODY
    assert refusal(admin.delete_grant, "group", "ops", "administrator") == NOBODY
    assert refusal(admin.delete_subject, "user", "alice") == NOBODY
    admin.delete_member("ops", "user", "bob")


def test_an_administrator_whose_grant_has_ended_is_none(admin, database):
    for name in ("root", "old"):
        admin.put_subject("user", name)
        admin.put_grant("user", name, "administrator")
    database.rows("UPDATE auth.role_grant SET ends_at = now() - interval '1 s' WHERE name = 'old'")
    assert refusal(admin.delete_subject, "user", "root") == NOBODY
    admin.delete_grant("user", "old", "administrator")


def test_where_there_was_none_there_need_be_none(admin):
    admin.put_subject("user", "alice")
    admin.put_subject("user", "alice", disabled=True)
    admin.delete_subject("user", "alice")


def test_two_administrators_remove_each_other_at_two_servers(admin, other):
    for attempt in range(10):
        for name in ("a", "b"):
            admin.put_subject("user", name)
            admin.put_grant("user", name, "administrator")
        outcomes = []

        def remove(one, name):
            try:
                one.delete_subject("user", name)
                outcomes.append("removed")
            except grpc.RpcError as error:
                outcomes.append(error.details())
        threads = [threading.Thread(target=remove, args=pair) for pair in ((admin, "a"), (other, "b"))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(outcomes) == [NOBODY[1], "removed"], attempt


# --- what is seen ----------------------------------------------------------------------------


def test_a_change_is_seen_at_once_where_it_was_made(admin, other):
    """Without asking for full consistency: whoever was answered reads what he has written."""
    def may(one):
        return one.call("Check", question=one.m.Question(
            subject=one.subject("user", "alice"), service="registry", action="ListServices",
            method="READ")).allowed
    for one in (admin, other) * 5:
        one.put_subject("user", "alice")
        one.put_grant("user", "alice", "reader")
        assert may(one)
        one.delete_grant("user", "alice", "reader")
        assert not may(one)
        one.put_subject("group", "g")
        one.put_grant("group", "g", "reader")
        one.put_member("g", "user", "alice")
        assert may(one)
        one.put_subject("group", "g", disabled=True)
        assert not may(one)
        one.put_subject("group", "g")
        assert may(one)
        one.delete_member("g", "user", "alice")
        assert not may(one)
        one.delete_subject("user", "alice")
