"""What a service configuration file brings, in the lists of document 003, and where the files are
listed."""

import json
import os

import pytest

import programs
from configurations import Folder, at, text
from observe import wait_until

FILE = "mw-ahtu.config.json"


@pytest.fixture(scope="module")
def folder():
    with Folder() as folder:
        yield folder


@pytest.fixture(scope="module")
def upstream():
    def answer(request):
        return 200, {"Content-Type": "application/json"}, json.dumps({"path": request.path}).encode()
    with programs.Upstream(answer) as upstream:
        yield upstream


@pytest.fixture(scope="module")
def bridge(database, folder, upstream):
    folder.put(FILE, text(
        "mw-ahtu", "中间件-权限服务", restAPIs=at(upstream.port, base="/base"),
        websocketAPIs=at(upstream.port), size=1.5, apiKey="s3cret",
        rateLimit={"window": 60000, "limit": 30}, events=["user.created", "user.*"],
        actions={"list": {"rest": "GET /v1/list"}}))
    server = folder.serve(database)
    bridge = programs.Bridge(server)
    yield bridge
    bridge.stop()
    server.stop()


def only(listed):
    assert len(listed) == 1
    return listed[0]


def test_the_service_is_listed_without_secrets_and_rules(bridge):
    service = only(bridge.get("/mw/services?name=MW-AHTU").json())
    assert (service["name"], service["fullName"], service["available"], service["local"],
            service["version"]) == ("mw-ahtu", "mw-ahtu", True, False, "")
    assert service["nodes"] == service["Nodes"] and len(service["nodes"]) == 2
    assert all(name.startswith(f"proxy-{os.uname().nodename}-") for name in service["nodes"])
    assert service["settings"]["size"] == 1.5
    assert not {"gateway", "apiKey"} & service["settings"].keys()


def test_its_actions_are_listed_and_called_behind_the_base(bridge):
    action = only(bridge.get("/mw/actions?service=mw-ahtu").json())
    assert (action["name"], action["available"]) == ("mw-ahtu.list", True)
    assert action["action"] == {"name": "mw-ahtu.list", "method": "GET", "uri": "/v1/list"}
    called = bridge.post("/mw/call", {"service": "mw-ahtu", "action": "mw-ahtu.list"}).json()
    assert (called["code"], called["result"]) == ("200", {"path": "/base/v1/list"})


def test_its_events_are_listed(bridge):
    assert [(event["name"], event["group"], event["available"], event["event"])
            for event in bridge.get("/mw/events?service=mw-ahtu").json()] == [
        (name, "mw-ahtu", True, {"name": name}) for name in ("user.*", "user.created")]


def test_the_files_are_listed_with_what_is_wrong_with_them(bridge, folder):
    def files(query=""):
        return bridge.get("/v1/registry/configurations" + query).json()["configurations"]

    file = only(files("?service=Mw-Ahtu"))
    assert (file["file"], file["host"], file["service"], file["title"]) == (
        FILE, os.uname().nodename, "mw-ahtu", "中间件-权限服务")
    assert file["loadTime"].endswith("Z") and "error" not in {k for k, v in file.items() if v}
    folder.put("z.config.json", "{\n code: 'z',\n settings: { rateLimit: { limit: 'x' } }\n}")
    wait_until(lambda: len(files()) == 2)
    bad = files()[1]
    assert bad["error"].startswith("z.config.json, line 3, settings.rateLimit.limit")
    assert bad["errorTime"].endswith("Z") and not bad.get("loadTime")
    folder.remove("z.config.json")
    wait_until(lambda: len(files()) == 1)
