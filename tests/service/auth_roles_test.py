"""Roles with their rules and parents, and grants of them."""

import threading
import time

import grpc
import pytest

import identities
import programs
from identities import INVALID, NOT_FOUND, PRECONDITION, at, refusal, rules

LATER = int(time.time()) + 3600


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


# --- roles -----------------------------------------------------------------------------------


def test_a_role_with_rules_and_parents(admin):
    given = [("deny", "Orders", "Pay", "post"), ("allow", "*", "/v1/**/Pay", "*"),
             ("allow", "orders", "*", "GET"), ("allow", "orders", "pay", "POST")]
    made = admin.put_role("Clerk", *given, title="Schreibkraft é", parents=["reader", "Auditor"])
    assert (made.name, made.title, made.built_in) == ("clerk", "Schreibkraft é", False)
    assert list(made.parents) == ["auditor", "reader"]
    assert rules(made) == [("allow", "*", "/v1/**/Pay", "*"), ("allow", "orders", "*", "GET"),
                           ("allow", "orders", "pay", "POST"), ("deny", "orders", "pay", "POST")]
    assert made.created_at.seconds > 0 and made.created_at == made.updated_at
    assert admin.get_role("CLERK") == made
    assert rules(admin.put_role("bare")) == []


def test_a_role_is_changed_as_a_whole_and_by_what_differs(admin, database):
    rule = ("allow", "a", "x", "*")
    first = admin.put_role("r", rule, ("allow", "b", "x", "*"), title="t", parents=["reader"])
    assert admin.put_role("r", ("allow", "b", "x", "*"), rule, title="t", parents=["reader"]) == first
    kept = database.rows("SELECT ctid FROM auth.rule WHERE role = 'r' AND service = 'a'")
    second = admin.put_role("r", rule, ("deny", "b", "x", "*"), parents=["auditor"])
    assert (second.title, list(second.parents)) == ("", ["auditor"])
    assert rules(second) == [rule, ("deny", "b", "x", "*")]
    assert second.created_at == first.created_at
    assert database.rows("SELECT updated_at > created_at FROM auth.role WHERE name = 'r'") == [["t"]]
    assert database.rows("SELECT ctid FROM auth.rule WHERE role = 'r' AND service = 'a'") == kept


def test_built_in_roles_stay_as_they_are(admin):
    built_in = [r.name for r in admin.all("ListRoles", "roles") if r.built_in]
    assert built_in == ["administrator", "auditor", "fate", "reader", "service"]
    for name in built_in:
        refused = (PRECONDITION, f"role {name} is built in")
        assert refusal(admin.put_role, name) == refused
        assert refusal(admin.delete_role, name) == refused
    assert rules(admin.get_role("administrator")) == [("allow", "*", "**", "*")]


def test_a_role_inherits_from_what_is_there_and_never_from_itself(admin):
    assert refusal(admin.put_role, "a", parents=["reader", "none"]) == (NOT_FOUND, "no role none")
    assert refusal(admin.get_role, "a") == (NOT_FOUND, "no role a")
    assert refusal(admin.put_role, "a", parents=["A"]) == (
        PRECONDITION, "role a would inherit from itself by role a")
    admin.put_role("a")
    for i in range(50):
        admin.put_role(f"r{i}", parents=["a" if i == 0 else f"r{i - 1}"])
    assert refusal(admin.put_role, "a", parents=["reader", "r49"]) == (
        PRECONDITION, "role a would inherit from itself by role r49")
    assert list(admin.get_role("a").parents) == []
    admin.put_role("a", parents=["reader"])
    admin.delete_role("r25")
    assert list(admin.get_role("r26").parents) == []
    admin.put_role("a", parents=["r49"])


def test_a_ring_is_not_closed_by_two_servers_at_once(admin, other):
    for attempt in range(10):
        admin.put_role("a")
        admin.put_role("b")
        outcomes = []

        def close(one, name, parent):
            try:
                one.put_role(name, parents=[parent])
                outcomes.append("done")
            except grpc.RpcError as error:
                outcomes.append(error.code().name)
        threads = [threading.Thread(target=close, args=arguments)
                   for arguments in ((admin, "a", "b"), (other, "b", "a"))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(outcomes) == ["FAILED_PRECONDITION", "done"], attempt
        admin.delete_role("a")
        admin.delete_role("b")


def test_two_servers_change_one_role_at_once(admin, other):
    """What is kept is what one of them gave, whole."""
    given = {one: [("allow", one, f"x{i}", "*") for i in range(50)] for one in ("a", "b")}
    answers = {}

    def put(client, one):
        answers[one] = [rules(client.put_role("r", *given[one], title=one)) for _ in range(10)]
    threads = [threading.Thread(target=put, args=arguments) for arguments in ((admin, "a"), (other, "b"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(answers[one] == [sorted(given[one], key=lambda r: r[2])] * 10 for one in given)
    last = admin.get_role("r")
    assert rules(last) == sorted(given[last.title], key=lambda r: r[2])


def test_1000_rules(admin, database):
    given = [("allow", f"s{i % 10}", f"/{i:04}/" + "x" * 249, "*") for i in range(1000)]
    assert rules(admin.put_role("big", *given)) == sorted(given, key=lambda r: r[1:])
    given[500] = ("deny", "s0", "y", "GET")
    assert sorted(rules(admin.put_role("big", *given))) == sorted(given)
    assert rules(admin.get_role("big")) == sorted(given, key=lambda r: r[1:])
    assert refusal(admin.put_role, "big", *given, ("allow", "a", "b", "*")) == (
        INVALID, "role.rules: must be at most 1000")
    admin.put_role("big")
    assert rules(admin.get_role("big")) == []


@pytest.mark.parametrize("rule, details", [
    (("", "a", "b", "*"), "effect: must be EFFECT_ALLOW or EFFECT_DENY"),
    (("allow", "", "b", "*"), "service: must have 1 to 64 bytes, none of them a control character"),
    (("allow", "a" * 65, "b", "*"),
     "service: must have 1 to 64 bytes, none of them a control character"),
    (("allow", "a\n", "b", "*"), "service: must have 1 to 64 bytes, none of them a control character"),
    (("allow", "a", "", "*"), "action: must have 1 to 255 bytes, none of them a control character"),
    (("allow", "a", "/" + "b" * 255, "*"),
     "action: must have 1 to 255 bytes, none of them a control character"),
    (("allow", "a", "b\x7f", "*"), "action: must have 1 to 255 bytes, none of them a control character"),
    (("allow", "a", "b", ""), 'method: must be 1 to 32 letters, or "*"'),
    (("allow", "a", "b", "**"), 'method: must be 1 to 32 letters, or "*"'),
    (("allow", "a", "b", "GET1"), 'method: must be 1 to 32 letters, or "*"'),
    (("allow", "a", "b", "G" * 33), 'method: must be 1 to 32 letters, or "*"')])
def test_a_rule_that_is_none(admin, rule, details):
    good = ("allow", "a", "b", "*")
    assert refusal(admin.put_role, "r", good, good[:3] + ("GET",), rule) == (
        INVALID, "role.rules[2]." + details)


@pytest.mark.parametrize("rule, kept", [
    (("allow", "ÄB", "Äb*", "get"), ("allow", "Äb", "Äb*", "GET")),
    (("allow", "a", "b" * 255, "G" * 32), ("allow", "a", "b" * 255, "G" * 32)),
    (("deny", "a" * 64, "/**", "*"), ("deny", "a" * 64, "/**", "*"))])
def test_rules_as_they_are_kept(admin, rule, kept):
    assert rules(admin.put_role("r", rule)) == [kept]


def test_a_rule_twice(admin):
    assert refusal(admin.put_role, "r", ("allow", "a", "b", "*"), ("deny", "a", "b", "*"),
                   ("allow", "A", "B", "*")) == (INVALID, "role.rules[2]: is given twice")


@pytest.mark.parametrize("name, more, details", [
    ("", {}, "role.name: is required"),
    ("r", {"title": "t" * 256}, "role.title: must have at most 255 bytes"),
    ("r", {"parents": ["reader"] * 33}, "role.parents: must be at most 32"),
    ("r", {"parents": ["reader", ""]}, "role.parents[1]: is required")])
def test_a_role_that_is_none(admin, name, more, details):
    assert refusal(admin.put_role, name, **more) == (INVALID, details)
    assert refusal(admin.call, "PutRole") == (INVALID, "role: is required")


def test_roles_are_listed_by_name_without_rules(admin):
    for name in ("b.2", "b.1", "a"):
        admin.put_role(name, ("allow", "s", "x", "*"), parents=["reader"])

    def listed(**given):
        return [r.name for r in admin.all("ListRoles", "roles", **given)]
    everything = ["a", "administrator", "auditor", "b.1", "b.2", "fate", "reader", "service"]
    assert listed() == everything
    assert [len(page) for page in admin.pages("ListRoles", "roles", page_size=3)] == [3, 3, 2]
    assert listed(page_size=1) == everything
    assert listed(prefix="B.") == ["b.1", "b.2"]
    roles = admin.all("ListRoles", "roles", prefix="a", page_size=1)
    assert all(not r.rules for r in roles) and list(roles[0].parents) == ["reader"]


def test_what_is_not_there_is_not_found(admin):
    assert refusal(admin.delete_role, "none") == (NOT_FOUND, "no role none")
    admin.put_role("r")
    admin.delete_role("R")
    assert refusal(admin.get_role, "r") == (NOT_FOUND, "no role r")
    assert refusal(admin.get_role, "") == (INVALID, "name: is required")


# --- grants ----------------------------------------------------------------------------------


def test_a_grant_until_a_time_or_for_ever(admin):
    admin.put_subject("user", "alice")
    first = admin.put_grant("user", "Alice", "Reader", ends_at=at(LATER, 123456789))
    assert (first.subject.name, first.role) == ("alice", "reader")
    assert (first.ends_at.seconds, first.ends_at.nanos) == (LATER, 123000000)
    assert admin.put_grant("user", "alice", "reader", ends_at=at(LATER, 123999999)) == first
    second = admin.put_grant("user", "alice", "reader")
    assert not second.HasField("ends_at") and second.created_at == first.created_at
    assert admin.all("ListGrants", "grants") == [second]
    assert admin.put_grant("user", "alice", "reader", ends_at=at(253402300799, 999999999)
                           ).ends_at.seconds == 253402300799


@pytest.mark.parametrize("ends_at, details", [
    (at(1), "grant.endsAt: must be in the future"), (at(0), "grant.endsAt: must be in the future"),
    (at(-2**63), "grant.endsAt: must be in the future"),
    (at(253402300800), "grant.endsAt: must be a time before the year 10000"),
    (at(2**63 - 1), "grant.endsAt: must be a time before the year 10000"),
    (at(LATER, 1000000000), "grant.endsAt: must be a time before the year 10000"),
    (at(LATER, -1), "grant.endsAt: must be a time before the year 10000")])
def test_a_grant_ends_in_the_future(admin, ends_at, details):
    admin.put_subject("user", "alice")
    assert refusal(admin.put_grant, "user", "alice", "reader", ends_at=ends_at) == (INVALID, details)


def test_who_is_granted_what(admin):
    admin.put_subject("user", "alice")
    assert refusal(admin.put_grant, "group", "alice", "reader") == (NOT_FOUND, "no group alice")
    assert refusal(admin.put_grant, "user", "alice", "none") == (NOT_FOUND, "no role none")
    for call in (admin.put_grant, admin.delete_grant):
        assert refusal(call, "", "alice", "reader") == (
            INVALID, "grant.subject.kind: must be a user, an application or a group")
        assert refusal(call, "user", "alice", "") == (INVALID, "grant.role: is required")
    assert refusal(admin.call, "PutGrant") == (INVALID, "grant: is required")
    assert refusal(admin.call, "DeleteGrant", grant=admin.m.Grant(role="reader")) == (
        INVALID, "grant.subject: is required")
    assert refusal(admin.delete_grant, "user", "alice", "reader") == (
        NOT_FOUND, "role reader is not granted to user alice")


def test_grants_are_listed_by_subject_and_role(admin, database):
    subjects = [("application", "a"), ("group", "a"), ("user", "a"), ("user", "a.b"), ("user", "b")]
    for kind, name in subjects:
        admin.put_subject(kind, name)
        for role in ("reader", "auditor"):
            admin.put_grant(kind, name, role)
    database.rows("UPDATE auth.role_grant SET ends_at = now() - interval '1 day' WHERE name = 'b'")
    kinds = {number: word for word, number in identities.KINDS.items()}

    def listed(**given):
        return [(kinds[g.subject.kind], g.subject.name, g.role)
                for g in admin.all("ListGrants", "grants", **given)]
    everything = [(*s, role) for s in subjects for role in ("auditor", "reader")]
    assert listed() == everything
    for size in (1, 3, 10):
        assert listed(page_size=size) == everything
    assert listed(kind=1, page_size=2) == [g for g in everything if g[0] == "user"]
    assert listed(kind=1, name="A.B") == [("user", "a.b", "auditor"), ("user", "a.b", "reader")]
    assert listed(role="Reader", page_size=2) == [g for g in everything if g[2] == "reader"]
    assert refusal(admin.call, "ListGrants", name="a") == (INVALID, "kind: is required with name")
    assert refusal(admin.call, "ListGrants", page_size=1001) == (
        INVALID, "pageSize: must be 1 to 1000")
    admin.put_role("r")
    admin.put_grant("user", "a", "r")
    admin.delete_role("r")
    admin.delete_grant("user", "b", "auditor")
    admin.delete_subject("application", "a")
    assert listed() == [g for g in everything
                        if g != ("user", "b", "auditor") and g[0] != "application"]
