"""Nodes over HTTP: their URIs, PATCH and DELETE, and errors as google.rpc.Status says them."""

import pytest

SERVICE = "/v1/registry/services/web"
NODES = SERVICE + "/nodes"


def refused(answer, status, code, message, field=None):
    assert answer.status == status
    assert answer.headers["Content-Type"].startswith("application/json")
    error = answer.json()
    assert (error["code"], error["message"]) == (code, message)
    violations = [v["field"] for d in error.get("details", [])
                  for v in d.get("fieldViolations", [])]
    assert violations == ([field] if field else [])


def patch(bridge, path, body):
    return bridge.request("PATCH", path, body)


def test_a_node_from_its_registration_to_its_end(bridge):
    answer = bridge.post(NODES, {"node": "Web-1", "host": "10.0.0.1", "port": 80, "leaseMs": 60000,
                                 "metadata": {"zone": "a", "n": 1.0}, "checkPath": "/mw/health"})
    assert answer.status == 200
    made = answer.json()
    assert int(made.pop("revision")) > 0
    assert made == {"node": "Web-1", "leaseMs": 60000}
    answer = bridge.post(NODES + "/web-1/heartbeat", {})
    assert (answer.status, answer.json()) == (200, {"leaseMs": 60000})
    answer = patch(bridge, NODES + "/WEB-1", '{"weight":0,"metadata":{"b" : 1.0,"a":[1e400]}}')
    assert answer.status == 200 and int(answer.json()["revision"]) > 0
    answer = bridge.get("/v1/registry/nodes?service=Web")
    assert b'"metadata":{"b" : 1.0,"a":[1e400]}' in answer.body
    node, = answer.json()["nodes"]
    assert (node["service"], node["name"], node["host"], node["port"], node["leaseMs"]) == (
        "web", "Web-1", "10.0.0.1", 80, 60000)
    assert (node["check"], node["checkPath"]) == ("NODE_CHECK_HTTP", "/mw/health")
    assert node.get("weight", 0) == 0 and node["enabled"] is True
    answer = patch(bridge, NODES + "/web-1", '{"enabled":false}')
    assert answer.status == 200
    node, = bridge.get("/v1/registry/nodes?service=web").json()["nodes"]
    assert not node.get("enabled") and not node.get("available")
    assert b'"nodes":["Web-1"]' in bridge.get("/mw/services?name=web").body
    answer = bridge.request("DELETE", NODES + "/web-1")
    assert answer.status == 200 and int(answer.json()["revision"]) > 0
    assert not bridge.get("/v1/registry/nodes?service=web").json().get("nodes")


@pytest.mark.parametrize("body, field, rule", [
    ({"port": 80}, "host", "required"), ({"host": "h"}, "port", "required"),
    ({"host": "h", "port": 0}, "port", "must be 1 to 65535"),
    ({"host": "h", "port": 1, "leaseMs": 999}, "leaseMs", "must be 1000 to 86400000"),
    ({"host": "h", "port": 1, "weight": 10001}, "weight", "must be 0 to 10000"),
    ({"host": "h", "port": 1, "metadata": [1]}, "metadata", "must be a JSON object"),
    ({"host": "h", "port": 1, "check": "NODE_CHECK_HTTP"}, "checkPath", "required"),
    ({"host": "h", "port": 1, "node": "x" * 254 + "-1"}, "node", "must have at most 255 bytes"),
])
def test_a_wrong_argument_is_400_by_field(bridge, body, field, rule):
    refused(bridge.post(NODES, body), 400, 3, f"{field}: {rule}", field)


def test_a_wrong_service_is_400_too(bridge):
    answer = bridge.post("/v1/registry/services/1st/nodes", {"host": "h", "port": 1})
    refused(answer, 400, 3,
            'service: must be letters, digits, "-" or "_", and not begin with a digit', "service")


def test_what_is_not_there_is_404(bridge):
    for answer in (bridge.post(NODES + "/none-1/heartbeat", {}),
                   patch(bridge, NODES + "/none-1", '{"weight":1}'),
                   bridge.request("DELETE", NODES + "/none-1")):
        refused(answer, 404, 5, "no node none-1 of service web")
    refused(bridge.get("/v1/registry/nodes?service=none"), 404, 5, "no service none")


def test_what_is_not_possible_is_400(bridge):
    bridge.post(NODES, {"node": "lasting-1", "host": "h", "port": 1})
    refused(bridge.post(NODES + "/lasting-1/heartbeat", {}), 400, 9,
            "node lasting-1 of service web has no lease")
    refused(patch(bridge, NODES + "/lasting-1", "{}"), 400, 3,
            "weight, enabled or metadata: required")
    refused(bridge.get("/v1/registry/nodes?pageSize=-1"), 400, 3,
            "pageSize: must not be negative", "pageSize")
    refused(bridge.get("/v1/registry/nodes?pageToken=x"), 400, 3,
            "pageToken: is none of a page", "pageToken")


def test_a_list_is_read_page_by_page(bridge):
    for i in range(5):
        bridge.post("/v1/registry/services/paged/nodes", {"node": f"p-{i}", "host": "h", "port": 1})
    names, query = [], ""
    while True:
        page = bridge.get("/v1/registry/nodes?service=paged&pageSize=2" + query).json()
        names.append([n["name"] for n in page["nodes"]])
        if not page.get("nextPageToken"):
            break
        query = "&pageToken=" + page["nextPageToken"].replace("/", "%2F")
    assert names == [["p-0", "p-1"], ["p-2", "p-3"], ["p-4"]]
