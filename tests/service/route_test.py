"""Route: by which rule a request goes, to which nodes, and whether its caller may make it."""

import contextlib
import time

import grpc
import jwt
import pytest

import identities
import observe
import own_tokens
import programs
import subjects
from configurations import Folder, at, text
from routes import QUICK, Bridge, open_session, ports

UNAUTHENTICATED, DENIED, INVALID, NOT_FOUND = (16, 7, grpc.StatusCode.INVALID_ARGUMENT,
                                               grpc.StatusCode.NOT_FOUND)
ROLES = {
    "lister": [("allow", "demo", "/v1/**", "GET"), ("deny", "demo", "/v1/secret/**", "*")],
    "orderer": [("allow", "demo", "order", "POST"), ("deny", "demo", "cancel", "*")],
    "all": [("allow", "*", "**", "*")],
    "mostly": [("allow", "demo", "**", "*"), ("deny", "demo", "order", "*")],
    "version": [("allow", "v2.new", "/**", "*")],
}
USERS = {"alice": ("lister",), "bob": ("orderer",), "carol": ("all",), "dora": ("mostly",),
         "eve": (), "frank": ("version",)}
CONFIGURED = text(
    restAPIs=at(1, 2, base="/base"), websocketAPIs=["ws://127.0.0.1:3"],
    GraphQL=["http://127.0.0.1:4/graph"], open=["/public/**", "/health"],
    routes=[{"path": "/v1", "timeout": 7, "rateLimit": {"limit": 5}}],
    actions={"order": {"rest": "POST /orders"}, "cancel": {"rest": "POST /orders/cancel"},
             "look": {"rest": "GET /orders"}})


@pytest.fixture(scope="module")
def keys(database):
    """Tokens' key, and the access key of the application that may do everything."""
    for name, rules in ROLES.items():
        subjects.put_role(database.url, name, *rules)
    for name, roles in USERS.items():
        subjects.put(database.url, "user", name, *roles)
    subjects.put(database.url, "user", "gone", "all", disabled=True)
    database.rows("INSERT INTO registry.service (namespace, name, version, settings, created_at, updated_at)"
                  " VALUES ('default', 'New', 'v2', '{}', now(), now())")
    subjects.put(database.url, "application", "robot", "all", "administrator")
    return {"token": own_tokens.Key("EdDSA", "test-key").put(database),
            "robot": subjects.put_key(database.url, "robot", "robot")}


@pytest.fixture(scope="module")
def folder():
    with Folder() as folder:
        folder.put("demo.config.json", CONFIGURED)
        yield folder


@pytest.fixture(scope="module")
def server(database, keys, folder):
    server = folder.serve(database, "--auth", "required", *QUICK)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def bridge(server, stubs):
    with Bridge(server, stubs) as bridge:
        yield bridge


@pytest.fixture(scope="module")
def open_server(database, server):
    open_server = programs.Server(database.url, "--auth", "open", *QUICK)
    yield open_server
    open_server.stop()


@pytest.fixture
def token(keys):
    return lambda user, **claims: keys["token"].own("user:" + user, **claims)


@pytest.fixture
def register(bridge, keys):
    return lambda *node, **more: bridge.register(*node, key=keys["robot"], **more)


# --- where it goes --------------------------------------------------------------------------------

def test_a_service_without_rules_has_the_default_one(bridge, register, keys):
    register("Plain", "n2-1", 82, weight=3)
    register("Plain", "n1-1", 81, protocol="https")
    answer = bridge.route("plain", "/any/path", "PATCH", key=keys["robot"])
    assert (answer.service, answer.kind, answer.action, answer.open) == ("Plain", 1, "", False)
    assert [(n.name, n.host, n.port, n.tls, n.weight, n.prefix, n.configured)
            for n in answer.nodes.nodes] == [
        ("n1-1", "10.1.2.3", 81, True, 1, "", False), ("n2-1", "10.1.2.3", 82, False, 3, "", False)]
    rule = answer.rule
    assert (rule.id, rule.balance, rule.connect_timeout_ms, rule.timeout_ms, rule.idle_timeout_ms,
            rule.retries, rule.body_limit, len(rule.limits), rule.HasField("cache"),
            rule.breaker.percent) == ("*", 1, 5000, 30000, 60000, 2, 1048576, 0, False, 50)


def test_a_configured_service_has_its_rules(bridge, keys):
    answer = bridge.route("DEMO", "/v1/x", key=keys["robot"])
    assert answer.rule.id == "/v1/**" and answer.rule.timeout_ms == 7
    assert [(n.limit, n.window_ms, n.key) for n in answer.rule.limits] == [(5, 60000, 1)]
    assert [(n.host, n.port, n.prefix, n.configured) for n in answer.nodes.nodes] == [
        ("127.0.0.1", port, "/base", True) for port in (1, 2)]
    assert bridge.route("demo", "/v2", key=keys["robot"]).rule.id == "*"


def test_kinds_of_nodes(bridge, register, keys):
    def route(path="/graphql", service="demo", **more):
        answer = bridge.route(service, path, key=keys["robot"], **more)
        return answer.kind, ports(answer), {n.prefix for n in answer.nodes.nodes}
    assert route("/") == (1, [1, 2], {"/base"})
    assert route("/", upgrade=True) == (2, [3], {""})
    assert route(upgrade=True) == (2, [3], {""})
    assert route() == (3, [4], {"/graph"})
    assert route("/graphql/") == route("/%67raphql") == route()
    assert route("/graphql/x") == (1, [1, 2], {"/base"})
    register("plainest", "n1-1", 81)
    assert route(service="plainest") == route(service="plainest", upgrade=True) == (1, [81], {""})


def test_an_action_is_named_if_it_is_there(bridge, keys):
    def action(path, method):
        return bridge.route("demo", path, method, key=keys["robot"]).action
    assert action("/orders", "POST") == action("//orders/", "POST") == "order"
    assert action("/orders", "GET") == action("/orders", "HEAD") == "look"
    assert action("/orders", "PUT") == action("/order", "POST") == action("/ORDERS", "POST") == ""


def test_a_service_has_many_names_and_a_namespace(bridge, register, keys, token):
    register("New", "n1-1", 81)
    register("New", "n1-1", 82, space="other")
    for name in ("new", "NEW", "v2.new", "V2.New"):
        answer = bridge.route(name, key=keys["robot"])
        assert (answer.service, ports(answer)) == ("v2.New", [81])
    answer = bridge.route("new", key=keys["robot"], space="other")
    assert (answer.service, ports(answer)) == ("New", [82])
    # Who may is asked by the full name.
    assert not bridge.route("new", token=token("frank")).refusal_code
    assert bridge.route("new", token=token("frank"), space="other").refusal_code == DENIED


@pytest.mark.parametrize("service", ["nobody", "event", "registry", "v3.demo", "demo.x"])
def test_what_is_not_there_is_not_found(bridge, service):
    assert identities.refusal(bridge.route, service) == (
        NOT_FOUND, f"there is no service {service}")


@pytest.mark.parametrize("field, value, reason", [
    ("service", "", "is required"), ("method", "", "is required"), ("path", "", "must begin with /"),
    ("path", "v1", "must begin with /"),
    ("path", "/%7", "has a % that is not followed by two hexadecimal digits"),
    ("path", "/%00", "holds a NUL")])
def test_a_question_is_whole(bridge, field, value, reason):
    assert identities.refusal(bridge.route, **{field: value}) == (INVALID, f"{field}: {reason}")


# --- nodes ----------------------------------------------------------------------------------------

def test_nodes_are_told_once(bridge, register, keys):
    register("known", "n1-1", 81)

    def route(known=""):
        return bridge.route("known", key=keys["robot"], known_nodes=known)
    first = route()
    assert first.nodes.revision and not route(first.nodes.revision).HasField("nodes")
    assert route().nodes.revision == first.nodes.revision
    assert ports(route("other")) == [81]
    seen = {first.nodes.revision}
    for change in ({"weight": 2}, {"weight": 0}, {"enabled": False}):
        bridge.update("known", "n1-1", key=keys["robot"], **change)
        seen.add(route(first.nodes.revision).nodes.revision)
    for node, port, more in (("n2-1", 82, {}), ("n2-1", 83, {}), ("n3-1", 83, {}),
                             ("n3-1", 83, {"protocol": "https"})):
        register("known", node, port, **more)
        if node == "n3-1":
            bridge.update("known", "n2-1", key=keys["robot"], enabled=False)
        seen.add(route(first.nodes.revision).nodes.revision)
    assert len(seen) == 8


def test_only_nodes_that_are_up(bridge, register, keys, database):
    for i in range(4):
        register("some", f"n{i}-1", 80 + i)
    bridge.update("some", "n1-1", key=keys["robot"], enabled=False)
    bridge.update("some", "n3-1", key=keys["robot"], weight=0)
    answer = bridge.route("some", key=keys["robot"])
    assert [(n.port, n.weight) for n in answer.nodes.nodes] == [(80, 1), (82, 1), (83, 0)]
    assert answer.nodes.reason == ""
    for i in (0, 2, 3):
        bridge.update("some", f"n{i}-1", key=keys["robot"], enabled=False)
    nodes = bridge.route("some", key=keys["robot"]).nodes
    assert not nodes.nodes and nodes.reason == (
        "4 registered, 0 of them enabled, none of these passing")


@pytest.mark.parametrize("percent, shown", [("0", 1), ("50", 2)])
def test_a_node_whose_check_fails_is_left_out_unless_too_many_do(cluster_url, stubs, percent, shown):
    with contextlib.ExitStack() as stack:
        database = stack.enter_context(programs.Database(cluster_url))
        server = programs.Server(database.url, *QUICK, "--check-interval-ms", "50",
                                 "--protect-percent", percent)
        stack.callback(server.stop)
        up = stack.enter_context(programs.Upstream(lambda r: (200, {}, b"")))
        bridge = stack.enter_context(Bridge(server, stubs))
        for i, port in enumerate((up.port, programs.free_port())):
            bridge.registry.RegisterNode(bridge.m.RegisterNodeRequest(
                service="checked", node=f"n{i}-1", host="127.0.0.1", port=port,
                check=bridge.m.NODE_CHECK_TCP), timeout=programs.WAIT)
        listed = bridge.m.ListNodesRequest(service="checked")
        observe.wait_until(lambda: [n.health for n in bridge.registry.ListNodes(listed).nodes]
                           == [bridge.m.NODE_HEALTH_PASSING, bridge.m.NODE_HEALTH_FAILING])
        nodes = bridge.route("checked").nodes.nodes
        assert len(nodes) == shown and nodes[0].port == up.port


def test_the_egress_policy_is_told(bridge, keys, server, database, stubs):
    said = bridge.route(path="/health").egress
    assert said.loopback and said.private_ranges and server.address in said.own
    own = programs.Server(database.url, "--auth", "required", "--egress-loopback", "refuse",
                          "--egress-private", "refuse", "--own-address", "[2001:db8::1]:9")
    with Bridge(own, stubs) as other:
        said = other.route(path="/health").egress
        assert not said.loopback and not said.private_ranges
        assert "[2001:db8::1]:9" in said.own
    own.stop()


# --- who calls ------------------------------------------------------------------------------------

def test_what_is_open_does_not_look_at_credentials(bridge, token):
    for path in ("/health", "/public/a/b", "/public//a/"):
        for shown in (None, token("alice"), "broken"):
            answer = bridge.route(path=path, token=shown)
            assert answer.open and not answer.refusal_code and ports(answer) == [1, 2]
            assert (answer.caller, answer.identity, answer.keep_ms) == ("", "", 30000)
    assert bridge.route(path="/publicity").refusal_code == UNAUTHENTICATED


def test_who_is_not_known_is_refused_with_the_rule(bridge, token):
    for shown in (None, "broken", token("nobody"), token("gone"),
                  token("alice", exp=int(time.time()) - 100)):
        answer = bridge.route(path="/v1/x", token=shown)
        assert answer.refusal_code == UNAUTHENTICATED and answer.refusal
        assert not answer.HasField("nodes") and answer.rule.limits[0].limit == 5
        assert (answer.caller, answer.identity, answer.keep_ms) == ("", "", 1000)


def allowed(bridge, token, path, method):
    answer = bridge.route(path=path, method=method, token=token)
    assert answer.refusal_code in (0, DENIED)
    assert answer.HasField("nodes") == (answer.refusal_code == 0) == (answer.identity != "")
    assert answer.keep_ms == (1000 if answer.refusal_code else 30000)
    return answer.refusal_code == 0


@pytest.mark.parametrize("user, path, method, expected", [
    ("alice", "/v1/list", "GET", True), ("alice", "/v1/a/b", "GET", True),
    ("alice", "/v1", "GET", False), ("alice", "/v1/list", "POST", False),
    ("alice", "/v1/list", "HEAD", False), ("alice", "/v1/secret/x", "GET", False),
    # However it is written.
    ("alice", "//v1/list/", "GET", True), ("alice", "/v1//secret/x", "GET", False),
    ("alice", "/v1/%73ecret/x", "GET", False), ("alice", "/v1/secret%2Fx/", "GET", False),
    # By the names of actions, of which one suffices, and one that is denied is enough.
    ("bob", "/orders", "POST", True), ("bob", "/orders/", "POST", True),
    ("bob", "/orders", "GET", False), ("bob", "/orders/cancel", "POST", False),
    ("bob", "/order", "POST", False), ("dora", "/orders", "POST", False),
    ("dora", "/orders", "GET", True), ("dora", "/orders/cancel", "POST", True),
    ("carol", "/any", "PURGE", True), ("eve", "/any", "GET", False)])
def test_who_may(bridge, token, user, path, method, expected):
    assert allowed(bridge, token(user), path, method) == expected


def test_a_refusal_says_what_and_why(bridge, token):
    def said(user, path, method="GET"):
        answer = bridge.route(path=path, method=method, token=token(user))
        assert answer.caller == "user:" + user
        return answer.refusal_code, answer.refusal
    assert said("eve", "/v1//list/") == (DENIED, (
        "user:eve may not GET /v1/list of service demo: no rule of its roles allows it"))
    assert said("alice", "/v1/secret/x") == (DENIED, (
        'user:alice may not GET /v1/secret/x of service demo: denied by role "lister", granted to user '
        '"alice"'))
    assert said("dora", "/orders", "POST") == (DENIED, (
        'user:dora may not POST /orders of service demo: denied by role "mostly", granted to user '
        '"dora"'))


def test_an_action_that_is_denied_is_denied_however_many_there_are(bridge, token, keys):
    bridge.registry.RegisterServer(
        bridge.m.RegisterServerRequest(server_name="several", host="10.1.2.3", port=81),
        metadata=bridge.metadata(None, keys["robot"], "default"), timeout=programs.WAIT)
    for action, uri in (("first", "/many/"), ("order", "/many?x=1"), ("last", "/many")):
        bridge.act("several", action, uri, "POST", key=keys["robot"])
    auth = bridge.auth(keys["robot"])
    auth.put_role("several", ("allow", "several", "last", "POST"))
    auth.put_grant("user", "eve", "several")

    def refused(path, method="POST"):
        return bridge.route("several", path, method, token=token("eve")).refusal_code
    assert bridge.route("several", "/many", "POST", token=token("eve")).action == "first"
    assert not refused("/many") and refused("/many", "GET") and refused("/many/x")
    for denied in ("order", "first", "last", "/many"):
        auth.put_role("several", ("allow", "several", "last", "POST"),
                      ("deny", "several", denied, "*"))
        assert refused("/many") == DENIED
    auth.delete_grant("user", "eve", "several")


# --- the identity ---------------------------------------------------------------------------------

def read_identity(bridge, answer, audience):
    """The claims, checked as a node checks them that knows Junction's public keys."""
    auth = bridge.stubs.auth_grpc.AuthStub(bridge.channel)
    keys = {key.kid: key for key in auth.GetJwks(bridge.stubs.auth.GetJwksRequest(), timeout=60).keys}
    key = keys[jwt.get_unverified_header(answer.identity)["kid"]]
    public = jwt.algorithms.OKPAlgorithm.from_jwk({"kty": key.kty, "crv": key.crv, "x": key.x})
    return jwt.decode(answer.identity, public, [key.alg], audience=audience, issuer="junction")


def test_the_identity_says_who_calls(bridge, token, keys):
    before = int(time.time())
    answer = bridge.route(path="/v1/list", token=token("alice"))
    said = read_identity(bridge, answer, "demo")
    assert (answer.caller, said["sub"], said["roles"]) == ("user:alice", "user:alice", ["lister"])
    assert before <= said["iat"] <= time.time() and said["exp"] == said["iat"] + 90
    assert set(said) == {"iss", "aud", "sub", "roles", "iat", "exp"}
    answer = bridge.route(key=keys["robot"])
    said = read_identity(bridge, answer, "demo")
    assert (answer.caller, said["sub"]) == ("application:robot", "application:robot")
    assert said["roles"] == ["administrator", "all"]
    answer = bridge.route("new", token=token("frank"))
    assert read_identity(bridge, answer, "v2.New")["aud"] == "v2.New"


def test_the_identity_is_no_access_token(bridge, register, token):
    """Not even of a service that is called as Junction's own tokens' audience is."""
    register("junction", "n1-1", 81)
    identity = bridge.route("junction", token=token("carol")).identity
    assert read_identity(bridge, bridge.route("junction", token=token("carol")), "junction")
    assert bridge.route(path="/v1/list", token=identity).refusal_code == UNAUTHENTICATED


# --- how long -------------------------------------------------------------------------------------

def test_what_depends_on_a_caller_ends_with_what_he_shows(bridge, token):
    # Junction's clock may be ahead of the issuer's: a token is good for 30 seconds more.
    for seconds in (5, -20):
        answer = bridge.route(path="/v1/x", token=token("alice", exp=int(time.time()) + seconds))
        assert 0 < answer.keep_ms <= (seconds + 30) * 1000 or answer.keep_ms == 30000
    assert 0 < answer.keep_ms <= 10000
    said = read_identity(bridge, answer, "demo")
    assert said["exp"] - said["iat"] == answer.keep_ms // 1000 + 60
    assert bridge.route(path="/v1/x", token=token("alice", exp=int(time.time()) + 600)).keep_ms == 30000


def test_and_with_the_role_that_lets_him_in(bridge, token, keys):
    auth = bridge.auth(keys["robot"])
    end = int(time.time()) + 20
    for role, action in (("passing", "/x"), ("staying", "/*")):
        auth.put_role(role, ("allow", "demo", action, "GET"))
    auth.put_subject("user", "guest")
    auth.put_grant("user", "guest", "passing", ends_at=identities.at(end))
    assert 0 < bridge.route(path="/x", token=token("guest")).keep_ms <= 20000
    auth.delete_grant("user", "guest", "passing")
    auth.put_grant("user", "guest", "staying")
    assert bridge.route(path="/x", token=token("guest")).keep_ms == 30000


def test_changes_of_roles_and_tokens_count_at_once(bridge, keys):
    auth = bridge.auth(keys["robot"])
    shown = open_session(auth, "changing")
    assert bridge.route(token=shown).refusal_code == DENIED
    auth.put_grant("application", "changing", "all")
    assert bridge.route(token=shown).refusal_code == 0
    auth.call("Revoke", token=shown)
    assert bridge.route(token=shown).refusal_code == UNAUTHENTICATED


# --- who may ask ----------------------------------------------------------------------------------

def test_only_a_bridge_may_ask(server, stubs, keys, bridge):
    sentence = ("only a bridge may ask: one is known by the server's unix socket (--socket), or by its "
                "certificate (--tls-client-ca and --bridge-name)")
    with Bridge(server, stubs, server.address) as other:
        for shown in (None, keys["robot"]):
            assert identities.refusal(other.route, key=shown) == (
                grpc.StatusCode.PERMISSION_DENIED, sentence)
        assert identities.refusal(lambda: list(other.registry.WatchRoutes(
            other.m.WatchRoutesRequest(), timeout=60))) == (grpc.StatusCode.PERMISSION_DENIED, sentence)


def test_of_an_open_server_whoever_is_not_exposed(open_server, stubs, token):
    with Bridge(open_server, stubs, open_server.address) as anybody:
        answer = anybody.route(path="/v1/secret/x")
        assert (answer.refusal_code, answer.caller, answer.identity) == (0, "", "")
        assert answer.keep_ms == 30000 and ports(answer) == [1, 2] and not answer.open
        assert anybody.route(path="/v1/x", token="broken").refusal_code == UNAUTHENTICATED
        assert anybody.route(path="/v1/secret/x", token=token("alice")).refusal_code == DENIED
        assert identities.refusal(anybody.route, metadata=[("x-forwarded-for", "192.0.2.1")])[0] == (
            grpc.StatusCode.PERMISSION_DENIED)
    with Bridge(open_server, stubs) as bridge:
        exposed = bridge.route(path="/v1/x", metadata=[("junction-exposed", "network")])
        assert exposed.refusal_code == UNAUTHENTICATED


# --- what is counted ------------------------------------------------------------------------------

def test_answers_are_counted_by_what_came_of_them(bridge, server, token):
    def counted():
        metrics = observe.Metrics(server)
        return [metrics.value("junction_routes_total", outcome=o) for o in (
            "allowed", "open", "unauthenticated", "denied", "unknown_service")]
    before = counted()
    bridge.route(path="/v1/x", token=token("alice"))
    bridge.route(path="/health")
    bridge.route(path="/v1/x")
    bridge.route(path="/v1/x", token=token("eve"))
    identities.refusal(bridge.route, "nobody")
    identities.refusal(bridge.route, path="/%")
    assert [now - then for now, then in zip(counted(), before)] == [1, 1, 1, 1, 1]
