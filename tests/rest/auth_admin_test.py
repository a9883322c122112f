"""Subjects, roles, grants and access keys over HTTP: paths, queries, and what is refused."""

import json
import re

import pytest

SUBJECTS, ROLES, GRANTS = "/v1/auth/subjects", "/v1/auth/roles", "/v1/auth/grants"
KEYS, MEMBERS = "/v1/auth/access-keys", "/v1/auth/members"


def done(answer):
    """The answer's JSON without times and what is empty."""
    assert answer.status == 200, answer

    def plain(value):
        if isinstance(value, dict):
            return {k: plain(v) for k, v in value.items() if v and k not in ("createdAt", "updatedAt")}
        return [plain(v) for v in value] if isinstance(value, list) else value
    return plain(answer.json())


def refused(answer, status, code, message, field=None):
    assert answer.status == status, answer
    assert answer.headers["Content-Type"].startswith("application/json")
    error = answer.json()
    assert (error["code"], error["message"]) == (code, message)
    assert [v["field"] for d in error.get("details", []) for v in d.get("fieldViolations", [])] == (
        [field] if field else [])


def subject(kind, name):
    return {"kind": "SUBJECT_KIND_" + kind.upper(), "name": name}


def put(bridge, kind, name, **more):
    return bridge.post(SUBJECTS, {"record": {"subject": subject(kind, name), **more}})


@pytest.fixture(autouse=True)
def nobody(database, server):
    database.rows("DELETE FROM auth.subject; DELETE FROM auth.role WHERE NOT built_in")


def test_a_subject_from_its_beginning_to_its_end(bridge):
    answer = put(bridge, "application", "Demo", title="D", services=["web"])
    record = {"subject": subject("application", "demo"), "title": "D", "services": ["web"]}
    assert done(answer) == {"record": record}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z",
                        answer.json()["record"]["createdAt"])
    assert done(bridge.get(SUBJECTS + "/application/demo")) == {"record": record}
    assert done(bridge.get(SUBJECTS + "/APPLICATION/Demo")) == {"record": record}
    assert done(put(bridge, "application", "demo", disabled=True))["record"] == {
        "subject": subject("application", "demo"), "disabled": True}
    assert done(bridge.request("DELETE", SUBJECTS + "/application/demo")) == {}
    for method in ("GET", "DELETE"):
        refused(bridge.request(method, SUBJECTS + "/application/demo"), 404, 5, "no application demo")


def test_a_name_in_a_path_is_decoded(bridge):
    for name in ("a.b_c@d+e-f", "corp:Zoë Ä/b"):
        put(bridge, "user", name)
    for path, name in (("a.b_c%40d+e-f", "a.b_c@d+e-f"),
                       ("corp%3AZo%C3%AB%20%C3%84%2Fb", "corp:Zoë Ä/b")):
        assert done(bridge.get(SUBJECTS + "/user/" + path))["record"]["subject"]["name"] == name


def test_subjects_page_by_page(bridge):
    for name in ("a1", "a2", "a3", "b"):
        put(bridge, "user", name)
    put(bridge, "group", "a4")
    page = done(bridge.get(SUBJECTS + "?kind=SUBJECT_KIND_USER&prefix=a&pageSize=2"))
    assert [r["subject"]["name"] for r in page["records"]] == ["a1", "a2"]
    page = done(bridge.get(SUBJECTS + "?kind=1&prefix=a&page_size=2&page_token="
                           + page["nextPageToken"]))
    assert [r["subject"]["name"] for r in page["records"]] == ["a3"]
    assert "nextPageToken" not in page
    refused(bridge.get(SUBJECTS + "?pageSize=1001"), 400, 3, "pageSize: must be 1 to 1000", "pageSize")
    refused(bridge.get(SUBJECTS + "?pageToken=x"), 400, 3,
            "pageToken: is none of a page of this list", "pageToken")


def test_members(bridge):
    put(bridge, "group", "ops")
    put(bridge, "user", "alice")
    member = {"group": "ops", "member": subject("user", "alice")}
    for _ in range(2):
        assert done(bridge.post(MEMBERS, member)) == {}
    assert done(bridge.get(SUBJECTS + "/group/ops"))["record"]["members"] == [subject("user", "alice")]
    gone = MEMBERS + "?group=ops&member.kind=SUBJECT_KIND_USER&member.name=alice"
    assert done(bridge.request("DELETE", gone)) == {}
    refused(bridge.request("DELETE", gone), 404, 5, "user alice is not in group ops")


def test_a_role_and_its_grant(bridge):
    rules = [{"effect": "EFFECT_ALLOW", "service": "orders", "action": "/v1/**", "method": "GET"},
             {"effect": "EFFECT_DENY", "service": "orders", "action": "pay", "method": "*"}]
    role = {"name": "clerk", "title": "C", "parents": ["reader"], "rules": rules}
    assert done(bridge.post(ROLES, {"role": role})) == {"role": role}
    assert done(bridge.get(ROLES + "/Clerk")) == {"role": role}
    listed = done(bridge.get(ROLES + "?prefix=c"))["roles"]
    assert listed == [{k: v for k, v in role.items() if k != "rules"}]
    assert done(bridge.get(ROLES + "/reader"))["role"]["builtIn"] is True
    put(bridge, "user", "alice")
    grant = {"subject": subject("user", "alice"), "role": "clerk", "endsAt": "2999-12-31T23:59:59.999Z"}
    assert done(bridge.post(GRANTS, {"grant": grant})) == {"grant": grant}
    assert done(bridge.get(GRANTS + "?kind=1&name=alice&role=clerk")) == {"grants": [grant]}
    gone = GRANTS + "?grant.subject.kind=1&grant.subject.name=alice&grant.role=clerk"
    assert done(bridge.request("DELETE", gone)) == {}
    refused(bridge.request("DELETE", gone), 404, 5, "role clerk is not granted to user alice")
    assert done(bridge.request("DELETE", ROLES + "/clerk")) == {}
    refused(bridge.get(ROLES + "/clerk"), 404, 5, "no role clerk")
    refused(bridge.request("DELETE", ROLES + "/fate"), 400, 9, "role fate is built in")


def test_an_access_key(bridge):
    put(bridge, "application", "demo")
    made = bridge.post(KEYS, {"application": "demo", "title": "t", "endsAt": "2999-01-01T00:00:00Z"})
    secret = made.json()["secret"]
    key = done(made)["key"]
    assert len(secret) == 72
    assert key == {"id": key["id"], "application": "demo", "title": "t",
                   "endsAt": "2999-01-01T00:00:00Z"}
    answer = bridge.get(KEYS + "?application=demo")
    assert done(answer) == {"keys": [key]} and secret.encode() not in answer.body
    assert done(bridge.request("DELETE", f"{KEYS}/{key['id']}")) == {}
    refused(bridge.request("DELETE", f"{KEYS}/{key['id']}"), 404, 5, "no access key " + key["id"])


def test_the_last_administrator_stays(bridge):
    put(bridge, "user", "root")
    bridge.post(GRANTS, {"grant": {"subject": subject("user", "root"), "role": "administrator"}})
    refused(bridge.request("DELETE", SUBJECTS + "/user/root"), 400, 9,
            "nobody would be left who has the role administrator")


@pytest.mark.parametrize("path, body, field", [
    (SUBJECTS, {"record": {"subject": subject("user", "a"), "password": "p"}}, "record.password"),
    (SUBJECTS, {"kind": 1}, "kind"),
    (MEMBERS, {"group": "ops", "members": []}, "members"),
    (ROLES, {"role": {"name": "r", "rules": [{"path": "/"}]}}, "role.rules[0].path"),
    (GRANTS, {"grant": {"until": 1}}, "grant.until"),
    (KEYS, {"application": "a", "secret": "s"}, "secret")])
def test_unknown_fields_are_refused(bridge, path, body, field):
    answer = bridge.post(path, body)
    assert answer.status == 400 and answer.json()["code"] == 3
    assert answer.json()["message"].startswith(field + ": "), answer


@pytest.mark.parametrize("path, body, message", [
    (SUBJECTS, {"record": {"subject": subject("user", "a b")}}, None),
    (ROLES, {"role": {"name": "r", "rules": [{"effect": "EFFECT_ALLOW", "service": "s"}]}},
     "role.rules[0].action: must have 1 to 255 bytes, none of them a control character"),
    (ROLES, {"role": {"name": "administrator"}}, None),
    (GRANTS, {"grant": {"subject": subject("user", "a"), "role": "r",
                        "endsAt": "2001-01-01T00:00:00Z"}}, "grant.endsAt: must be in the future"),
    (KEYS, {"application": "a", "endsAt": "2001-01-01T00:00:00Z"}, "endsAt: must be in the future")])
def test_what_cannot_be_is_400(bridge, path, body, message):
    answer = bridge.post(path, body)
    assert answer.status == 400, answer
    assert message is None or answer.json()["message"] == message


@pytest.mark.parametrize("path", [SUBJECTS + "?unknown=1", ROLES + "?rules=1", KEYS + "?id=a"])
def test_unknown_parameters_are_refused(bridge, path):
    assert bridge.get(path).status == 400


def test_a_body_may_be_pretty_printed_and_a_role_large(bridge):
    rules = [{"effect": "EFFECT_ALLOW", "service": "s", "action": f"/{i:03}/" + "ä" * 120,
              "method": "GET"} for i in range(1000)]
    body = json.dumps({"role": {"name": "big", "rules": rules}}, indent=4)
    answer = bridge.request("POST", ROLES, body)
    assert answer.status == 200, answer
    assert done(bridge.get(ROLES + "/big"))["role"]["rules"] == rules
