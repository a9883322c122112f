"""ExplainRoute: what would become of a request at the gateway, and why."""

import contextlib
import json

import grpc
import pytest

import identities
import observe
import own_tokens
import programs
import subjects
from configurations import Folder, at, text
from routes import QUICK, Bridge

INVALID, DENIED = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.PERMISSION_DENIED
CONFIGURED = text(
    restAPIs=at(1), websocketAPIs=["ws://127.0.0.1:3"], open="/health", retries=0,
    rateLimit=[{"limit": 5}, {"limit": 7, "window": 9, "key": "caller"},
               {"limit": 8, "window": 9, "key": "application"}, {"limit": 6, "window": 1000, "key": "all"}],
    actions={"list": {"rest": "GET /list", "cache": {"ttl": 60}},
             "all": {"rest": "GET /all", "cache": {"ttl": 2, "shared": True, "keys": ["a"]}},
             "mine": {"rest": "GET /mine", "cache": {"ttl": 2, "shared": True, "keys": ["#user"]}}})


@pytest.fixture(scope="module")
def keys(database):
    subjects.put_role(database.url, "all", ("allow", "*", "**", "*"))
    subjects.put_role(database.url, "lister", ("allow", "demo", "/list", "GET"))
    subjects.put(database.url, "user", "alice", "lister")
    subjects.put(database.url, "user", "eve")
    subjects.put(database.url, "application", "robot", "all", "administrator")
    return {"token": own_tokens.Key("EdDSA", "test-key").put(database),
            "robot": subjects.put_key(database.url, "robot", "robot")}


@pytest.fixture(scope="module")
def server(database, keys):
    with Folder() as folder:
        folder.put("demo.config.json", CONFIGURED)
        server = folder.serve(database, "--auth", "required", *QUICK)
        yield server
        server.stop()


@pytest.fixture(scope="module")
def asks(server, stubs):
    with Bridge(server, stubs) as bridge:
        yield bridge


@pytest.fixture
def token(keys):
    return lambda user: keys["token"].own("user:" + user)


def test_what_would_be_sent_is_explained(asks, token):
    said = asks.explain("/api/Demo//list/?x=1", token=token("alice"))
    assert (said.code, said.message, said.service, said.kind, said.action, said.open) == (
        "200", "it would be sent to one of the usable nodes", "demo", 1, "list", False)
    assert said.rule.id == "GET /list"
    assert said.rule_reason == "the first rule of demo whose methods and path (/list) fit GET /list"
    assert (said.caller, said.allowed, said.permission_reason) == (
        "user:alice", True, 'allowed by role "lister", granted to user "alice"')
    assert said.retry_reason == "no other node is tried"
    assert said.limit_reason == (
        "5 in 60000 ms for each address, 7 in 9 ms for each caller, 8 in 9 ms for each application, "
        "6 in 1000 ms for all together")
    assert said.cache_reason == "an answer 200 to GET is kept for 60000 ms, for each caller apart"


def test_for_whom_answers_are_kept(asks, keys):
    def cache(path):
        return asks.explain("/api/demo" + path, key=keys["robot"]).cache_reason
    assert cache("/all") == "an answer 200 to GET is kept for 2000 ms, for all callers"
    assert cache("/mine") == "an answer 200 to GET is kept for 2000 ms, for each caller apart"
    assert cache("") == "answers are not kept"


def test_who_may_not_is_told_why(asks, token):
    said = asks.explain("/api/demo/list", token=token("eve"), method="get")
    assert (said.code, said.message, said.caller, said.allowed, said.permission_reason) == (
        "403", "the caller may not", "user:eve", False, "no rule of its roles allows it")
    said = asks.explain("/api/demo/list", token=token("alice"), method="post")
    assert (said.code, said.rule.id, said.allowed) == ("403", "*", False)


def test_what_is_open_is_for_all(asks, token):
    said = asks.explain("/api/demo/health", token=token("eve"))
    assert (said.code, said.open, said.allowed, said.permission_reason) == (
        "200", True, True, "the rule is open: credentials are not looked at")


def test_another_subject_is_told_of_to_whom_may_know(asks, keys, token):
    def reason(subject, **more):
        said = asks.explain("/api/demo/list", key=keys["robot"], subject=subject, **more)
        return said.code, said.caller, said.permission_reason
    assert reason("user:alice") == ("200", "user:alice", 'allowed by role "lister", granted to user "alice"')
    assert reason("user:eve") == ("403", "user:eve", "no rule of its roles allows it")
    assert reason("user:x") == ("403", "user:x", 'there is no user "x"')
    assert reason("application:robot")[:2] == ("200", "application:robot")
    for wrong in ("alice", "user:", "group:a", ":a", "users:alice"):
        assert identities.refusal(reason, wrong) == (
            INVALID, "subject: must be user:NAME or application:NAME")
    assert identities.refusal(asks.explain, "/api/demo/list", token=token("alice"), subject="user:eve") == (
        DENIED, "user alice may not: auth Explain (READ)")


def test_each_node_is_judged(asks, keys, token):
    def nodes(path="/api/nodes", **more):
        said = asks.explain(path, **more)
        return {n.name: (n.url, n.usable, n.reason) for n in said.nodes}, said
    robot = {"key": keys["robot"]}
    for i, (weight, enabled) in enumerate([(2, True), (0, True), (3, False)]):
        asks.register("nodes", f"n{i}-1", 80 + i, weight=weight, enabled=enabled, **robot)
    seen, said = nodes(**robot)
    assert seen == {
        "n0-1": ("http://10.1.2.3:80", True, "it is up, of weight 2"),
        "n1-1": ("http://10.1.2.3:81", True, "its weight is 0: only if there is no other"),
        "n2-1": ("http://10.1.2.3:82", False, "it is not enabled")}
    assert said.code == "200" and said.retry_reason.startswith("up to 2 other nodes: ")
    # Where they are is for whom may list them.
    seen, said = nodes(token=token("eve"))
    assert {name: url for name, (url, _, _) in seen.items()} == {"n0-1": "", "n1-1": "", "n2-1": ""}
    assert said.code == "403"
    for i in range(2):
        asks.update("nodes", f"n{i}-1", enabled=False, **robot)
    seen, said = nodes(**robot)
    assert (said.code, said.message) == ("503", "there is no node that could be asked")
    assert not any(usable for _, usable, _ in seen.values())


def test_nodes_of_another_kind_are_told_apart(asks, keys):
    def reasons(**more):
        said = asks.explain("/api/demo/list", key=keys["robot"], **more)
        return said.kind, sorted((n.url, n.usable, n.reason) for n in said.nodes)
    assert reasons() == (1, [
        ("http://127.0.0.1:1", True, "it is up, of weight 1"),
        ("http://127.0.0.1:3", False, "it is only asked for another protocol")])
    assert reasons(upgrade=True) == (2, [
        ("http://127.0.0.1:1", False, "it is only asked by ordinary requests"),
        ("http://127.0.0.1:3", True, "it is up, of weight 1")])


@pytest.mark.parametrize("percent, usable, reason", [
    ("0", False, "its check fails: "),
    ("100", True, "it is not up, but neither are so many others that checks are not believed")])
def test_checks_that_fail_are_told(cluster_url, stubs, percent, usable, reason):
    with contextlib.ExitStack() as stack:
        database = stack.enter_context(programs.Database(cluster_url))
        server = programs.Server(database.url, *QUICK, "--check-interval-ms", "50",
                                 "--protect-percent", percent)
        stack.callback(server.stop)
        bridge = stack.enter_context(Bridge(server, stubs))
        bridge.registry.RegisterNode(bridge.m.RegisterNodeRequest(
            service="checked", node="n-1", host="127.0.0.1", port=programs.free_port(),
            check=bridge.m.NODE_CHECK_TCP), timeout=programs.WAIT)
        observe.wait_until(lambda: reason in bridge.explain("/api/checked").nodes[0].reason)
        said = bridge.explain("/api/checked")
        assert said.nodes[0].usable == usable and said.code == ("200" if usable else "503")
        assert said.permission_reason.startswith("the server is open") and said.caller == ""


@pytest.mark.parametrize("path, reason", [
    ("", "must begin with /api/ and the name of a service"),
    ("/v1/x", "must begin with /api/ and the name of a service"),
    ("/api", "must begin with /api/ and the name of a service"),
    ("/api//x", "must begin with /api/ and the name of a service"),
    ("/api/?x", "must begin with /api/ and the name of a service"),
    ("/api/%zz/x", "has a % that is not followed by two hexadecimal digits"),
    ("/api/demo/%zz", "has a % that is not followed by two hexadecimal digits"),
    ("/api/demo/a/../list", 'must not have "." or ".." as a segment'),
    ("/api/demo/..%2flist", 'must not have "." or ".." as a segment')])
def test_a_path_is_of_the_gateway(asks, keys, path, reason):
    assert identities.refusal(asks.explain, path, key=keys["robot"]) == (INVALID, "path: " + reason)


def test_what_is_not_there_and_what_is_junctions_own(asks, token):
    said = asks.explain("/api/nobody/x", token=token("eve"))
    assert (said.code, said.message, said.service) == ("404", "there is no service nobody", "")
    said = asks.explain("/api/Event/v1/event/publish", token=token("eve"))
    assert (said.code, said.message, said.service) == (
        "200", "Event is Junction's own service: it answers as at /v1/event/publish, if that is one of "
        "its URIs", "")


def test_it_is_for_whom_is_known(asks):
    code, _ = identities.refusal(asks.explain, "/api/demo/list")
    assert code == grpc.StatusCode.UNAUTHENTICATED


def test_a_browser_may_ask(server, keys):
    bridge = programs.Bridge(server)
    headers = {"Authorization": subjects.basic(keys["robot"])}
    answer = bridge.get("/mw/explain?path=/api/demo/list&method=GET", headers)
    said = json.loads(answer.body)
    assert answer.status == 200 and said["code"] == "200" and said["service"] == "demo"
    assert said["message"] == said["mssage"] and said["nodes"]
    assert bridge.get("/mw/explain?path=/api/demo/list").status == 401
    bridge.stop()
