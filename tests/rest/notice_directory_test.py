"""Recipients, groups and channels over HTTP."""

import json

import pytest

import key_files
import programs


@pytest.fixture(scope="module")
def server(database, tmp_path_factory):
    keys = key_files.KeyFile(tmp_path_factory.mktemp("keys"))
    keys.add("one")
    server = programs.Server(database.url, "--key-file", str(keys.path))
    yield server
    server.stop()


def good(answer):
    assert answer.status == 200, answer
    assert answer.headers["Content-Type"].startswith("application/json")
    return answer.json()


def refused(answer, status, code, message):
    assert answer.status == status, answer
    body = answer.json()
    assert (body["code"], body["message"]) == (code, message)
    return body


def put(bridge, path, value):
    return bridge.request("PUT", path, value if isinstance(value, str) else json.dumps(value))


def test_a_recipient(bridge):
    made = good(put(bridge, "/v1/notice/recipients/%E6%9D%8E", {
        "addresses": {"mail": "li@example.org"}, "language": "zh-CN"}))["recipient"]
    assert made.pop("updatedAt").isdigit()
    assert made == {"user": "李", "addresses": {"mail": "li@example.org"}, "language": "zh-CN"}
    got = good(bridge.get("/v1/notice/recipients/%E6%9D%8E"))["recipient"]
    assert {**got, "updatedAt": 0} == {**made, "updatedAt": 0}
    listed = good(bridge.get("/v1/notice/recipients?pageSize=1"))
    assert ([r["user"] for r in listed["recipients"]], listed["nextPageToken"]) == (["李"], "")
    assert good(bridge.request("DELETE", "/v1/notice/recipients/%E6%9D%8E")) == {}
    refused(bridge.get("/v1/notice/recipients/%E6%9D%8E"), 404, 5, "no recipient 李")


def test_a_refusal_names_the_field(bridge):
    body = refused(put(bridge, "/v1/notice/recipients/x", {"addresses": {"mail": "a\nb"}}), 400, 3,
                   "addresses.mail: must not hold control characters")
    assert body["details"][0]["fieldViolations"][0]["field"] == "addresses.mail"
    refused(put(bridge, "/v1/notice/recipients/a%2Cb", {}), 400, 3,
            "user: must not hold control characters or commas")
    assert put(bridge, "/v1/notice/recipients/x", '{"addresses":{"a":"1","a":"2"}}').status == 400
    refused(bridge.get("/v1/notice/recipients/x"), 404, 5, "no recipient x")


def test_a_group(bridge):
    assert good(put(bridge, "/v1/notice/groups/ops", {"users": ["b", "a"]})) == {"members": "2"}
    assert good(bridge.get("/v1/notice/groups/ops")) == {
        "users": ["a", "b"], "members": "2", "nextPageToken": ""}
    assert good(bridge.post("/v1/notice/groups/ops/members", {"add": ["c"], "remove": ["a"]})) == {
        "members": "2"}
    page = good(bridge.get("/v1/notice/groups/ops?pageSize=1"))
    assert page["users"] == ["b"]
    assert good(bridge.get("/v1/notice/groups/ops?pageToken=" + page["nextPageToken"]))["users"] == ["c"]
    assert good(bridge.get("/v1/notice/groups")) == {
        "groups": [{"group": "ops", "members": "2"}], "nextPageToken": ""}
    refused(put(bridge, "/v1/notice/groups/ops", {"users": ["x", ""]}), 400, 3,
            "users[1]: must have 1 to 255 bytes")
    assert good(bridge.request("DELETE", "/v1/notice/groups/ops")) == {}
    refused(bridge.request("DELETE", "/v1/notice/groups/ops"), 404, 5, "no group ops")


def test_a_channel(bridge):
    """Settings are carried as they are, secrets never."""
    given = '{"settings":{"url":"http://127.0.0.1:1/x","at_all":true},"secrets":{"access_token":"hidden"}}'
    answer = put(bridge, "/v1/notice/channels/dingtalk", given)
    made = good(answer)["channel"]
    assert b'"settings":{"url":"http://127.0.0.1:1/x","at_all":true}' in answer.body
    assert made["secrets"] == ["access_token"] and made["enabled"] is True
    assert (made["quota"], made["quotaMs"], made["scheduleMs"][0]) == (20, "60000", "5000")
    assert good(bridge.get("/v1/notice/channels/dingtalk"))["channel"] == made
    listed = bridge.get("/v1/notice/channels")
    assert good(listed) == {"channels": [made], "nextPageToken": ""}
    assert b"hidden" not in answer.body + listed.body
    refusal = put(bridge, "/v1/notice/channels/dingtalk", {"secrets": {"pin": "1"}})
    assert refusal.status == 400 and refusal.json()["message"].startswith("secrets.pin: ")
    assert put(bridge, "/v1/notice/channels/dingtalk", {"quota": 0}).json()["channel"]["quota"] == 0
    assert good(bridge.request("DELETE", "/v1/notice/channels/dingtalk")) == {}
    refused(bridge.get("/v1/notice/channels/dingtalk"), 404, 5, "no channel dingtalk")
