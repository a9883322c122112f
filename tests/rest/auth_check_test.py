"""The routes of questions about permissions."""

import pytest

import programs
import subjects


@pytest.fixture(scope="module")
def world(database):
    subjects.put_role(database.url, "clerk", ("allow", "shop", "/orders/**", "GET"),
                      ("deny", "shop", "/orders/*/price", "*"))
    subjects.put(database.url, "user", "alice", "clerk")
    subjects.put(database.url, "application", "till", "clerk")


@pytest.fixture(scope="module")
def server(database, world):
    """Finds users, and so makes no administrator."""
    server = programs.Server(database.url)
    yield server
    server.stop()


FULL = {"consistency": "CONSISTENCY_FULL"}


def question(action="/orders/1", name="alice"):
    return {"subject": {"kind": "SUBJECT_KIND_USER", "name": name}, "service": "Shop",
            "action": action, "method": "get"}


def test_check(bridge):
    def ask(*given):
        return bridge.post("/v1/auth/check", {"question": question(*given), **FULL})
    assert (ask().status, ask().body) == (200, b'{"allowed":true}')
    assert ask("/orders/1/price").body == b'{"allowed":false}'
    assert ask("/orders/1", "nobody").body == b'{"allowed":false}'


def test_checks(bridge):
    answer = bridge.post("/v1/auth/checks", {"questions": [question(), question("/x")], **FULL})
    assert (answer.status, answer.body) == (200, b'{"allowed":[true,false]}')
    answer = bridge.post("/v1/auth/checks", {"questions": [question(), {}]})
    assert answer.status == 400
    assert answer.json()["message"] == "questions[1].subject: is required without credentials"


def test_explain(bridge):
    answer = bridge.post("/v1/auth/explain", {"question": question("/orders/1/price"), **FULL})
    assert answer.json() == {
        "allowed": False, "reason": 'denied by role "clerk", granted to user "alice"',
        "rule": {"effect": "EFFECT_DENY", "service": "shop", "action": "/orders/*/price", "method": "*"},
        "role": "clerk", "path": ["clerk"],
        "grant": {"subject": {"kind": "SUBJECT_KIND_USER", "name": "alice"}, "role": "clerk"}}


def test_permissions(bridge):
    path = "/v1/auth/permissions?kind=SUBJECT_KIND_USER&name=Alice&consistency=CONSISTENCY_FULL&pageSize=1"
    first = bridge.get(path).json()
    assert first["permissions"] == [{"role": "clerk", "rule": {
        "effect": "EFFECT_ALLOW", "service": "shop", "action": "/orders/**", "method": "GET"}}]
    second = bridge.get(f"{path}&pageToken={first['nextPageToken']}").json()
    assert [p["rule"]["action"] for p in second["permissions"]] == ["/orders/*/price"]
    assert not second.get("nextPageToken")


def test_who_can(bridge):
    request = {"service": "shop", "action": "/orders/1", "method": "GET", "pageSize": 1, **FULL}
    first = bridge.post("/v1/auth/who-can", request).json()
    assert first["subjects"] == [{"kind": "SUBJECT_KIND_APPLICATION", "name": "till"}]
    second = bridge.post("/v1/auth/who-can", {**request, "pageToken": first["nextPageToken"]}).json()
    assert second["subjects"] == [{"kind": "SUBJECT_KIND_USER", "name": "alice"}]
    assert not second.get("nextPageToken")
