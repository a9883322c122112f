"""Who may call a service behind the gateway, as its callers and its nodes see it, and how often."""

import json
import time

import jwt
import pytest

import gateways
from gateway_site import OPERATOR, Site, at_once
from gateways import Client, get
from observe import wait_until

FORGED = "Junction-Identity: eyJhbGciOiJub25lIn0.eyJzdWIiOiJ1c2VyOnJvb3QifQ."


@pytest.fixture(scope="module")
def site(database, stubs):
    with Site(database, stubs) as site:
        yield site


@pytest.fixture(scope="module")
def bridge(site):
    return site.bridge


@pytest.fixture(scope="module")
def proxied(site):
    """A bridge behind a proxy on this host."""
    return site.start_bridge("--trusted-proxy", "127.0.0.1/32")


@pytest.fixture
def node(site):
    return site.node()


def refusal(reply):
    code, _, body = reply
    value = json.loads(body)
    assert sorted(value) == ["code", "message", "name", "type"]
    assert value["code"] == code
    return code, value["name"], value["type"]


UNKNOWN = (401, "UnAuthorizedError", "INVALID_TOKEN")
FORBIDDEN = (403, "ForbiddenError", "FORBIDDEN")


# --- who may -------------------------------------------------------------------------------------


@pytest.mark.parametrize("shown", [
    [], ["Authorization: Bearer x.y.z"], ["Authorization: Basic " + "eDp5"], ["Authorization: no"],
    [FORGED], ["Cookie: access_token=x"]])
def test_who_does_not_show_who_he_is_does_not_reach_the_node(site, bridge, node, shown):
    name = site.serve(node)
    for method, more in (("GET", []), ("DELETE", []), ("POST", ["Content-Length: 0"])):
        reply = get(bridge, f"/api/{name}/x", *shown, *more, method=method)
        assert refusal(reply) == UNKNOWN
        assert reply[1]["www-authenticate"] == ['Bearer realm="junction"', 'Basic realm="junction"']
    assert node.requests == []


def test_a_refused_body_is_not_read(site, bridge, node):
    name = site.serve(node)
    with Client(bridge) as client:
        client.send(f"POST /api/{name}/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n"
                    "Expect: 100-continue\r\n\r\n")
        assert refusal(client.answer()) == UNKNOWN
    assert node.requests == []


def test_who_has_no_role_may_not(site, bridge, node):
    name = site.serve(node, actions={"list": {"rest": "GET /v1/list"}})
    nobody = site.application("nobody")
    for path in ("/", "/x", "/v1/list"):
        assert refusal(get(bridge, f"/api/{name}{path}", nobody)) == FORBIDDEN
    assert node.requests == []


def test_a_role_names_paths(site, bridge, node):
    name = site.serve(node)
    reader = site.application("path-reader", ("allow", name, "/v1/**", "GET"),
                              ("deny", name, "/v1/secret/**", "*"))
    for path in ("/v1/a", "/v1/a/b?x=1", "/%761/a", "//v1//a", "/v1/a/"):
        assert get(bridge, f"/api/{name}{path}", reader)[0] == 200, path
    count = len(node.requests)
    for path in ("/v2/a", "/", "/v1x", "/v1/secret/a", "/v1/%73ecret/a", "/v1//secret/a", "/x/v1/a"):
        assert refusal(get(bridge, f"/api/{name}{path}", reader)) == FORBIDDEN, path
    for path in ("/v1/../v2", "/v1/%2e%2e/v2", "/v1/..%2Fv2", "/v1/..;/v2", "/v1/..;a=b/v2",
                 "/v1/%2e%2e%3b/v2", "/v1/..%5Cv2"):
        assert get(bridge, f"/api/{name}{path}", reader)[0] == 400, path
    for method in ("DELETE", "OPTIONS"):
        assert refusal(get(bridge, f"/api/{name}/v1/a", reader, method=method)) == FORBIDDEN
    assert len(node.requests) == count


def test_a_role_names_actions(site, bridge, node):
    name = site.serve(node, actions={
        "list": {"rest": "GET /v1/list"}, "one": {"rest": "GET /v1/one/:id"},
        "gone": {"rest": "DELETE /v1/one/:id"}})
    caller = site.application("action-caller", ("allow", name, "*", "*"), ("deny", name, "gone", "*"))
    lister = site.application("lister", ("allow", name, "list", "GET"))
    assert get(bridge, f"/api/{name}/v1/list?page=1", lister)[0] == 200
    assert refusal(get(bridge, f"/api/{name}/v1/one/7", lister)) == FORBIDDEN
    assert get(bridge, f"/api/{name}/v1/one/7", caller)[0] == 200
    count = len(node.requests)
    assert refusal(get(bridge, f"/api/{name}/v1/one/7", caller, method="DELETE")) == FORBIDDEN
    assert len(node.requests) == count


def test_an_access_key_will_do(site, bridge, node):
    name = site.serve(node)
    assert get(bridge, f"/api/{name}/", "Authorization: " + OPERATOR)[0] == 200
    assert "authorization" not in node.last()


def claims_of(bridge, identity, service):
    keys = jwt.PyJWKSet.from_dict(bridge.get("/.well-known/jwks.json").json())
    kid = jwt.get_unverified_header(identity)["kid"]
    key = next(key for key in keys.keys if key.key_id == kid)
    return jwt.decode(identity, key.key, algorithms=["EdDSA", "ES256", "RS256"], audience=service,
                      issuer="junction")


def test_the_node_is_told_who_calls_and_gets_no_credentials(site, bridge, node):
    name = site.serve(node)
    alice = site.user("alice", ("allow", name, "**", "*"))
    began = int(time.time())
    assert get(bridge, f"/api/{name}/", alice, FORGED, "Proxy-Authorization: Basic eDp5")[0] == 200
    headers = node.last()
    assert "authorization" not in headers and "proxy-authorization" not in headers
    identity, = headers["junction-identity"]
    claims = claims_of(bridge, identity, name)
    assert (claims["iss"], claims["aud"], claims["sub"], claims["roles"]) == (
        "junction", name, "user:alice", ["alice"])
    assert began - 60 <= claims["iat"] < claims["exp"] <= time.time() + 120
    with pytest.raises(jwt.InvalidAudienceError):
        claims_of(bridge, identity, "junction")
    # It is for the service alone: nobody else takes it.
    assert get(bridge, f"/api/{name}/", "Authorization: Bearer " + identity)[0] == 401
    assert bridge.get("/v1/auth/whoami", {"Authorization": "Bearer " + identity}).status in (401, 404)


def test_each_caller_has_his_own_identity(site, bridge, node):
    name = site.serve(node)
    callers = {who: site.application(who, ("allow", name, "**", "*")) for who in ("one", "two")}
    for who in ("one", "two", "one", "two"):
        assert get(bridge, f"/api/{name}/", callers[who])[0] == 200
        claims = claims_of(bridge, node.last()["junction-identity"][0], name)
        assert (claims["sub"], claims["roles"]) == (f"application:{who}", [who])


def test_a_role_that_is_taken_away_and_given_back_counts(site, bridge, node):
    name = site.serve(node)
    leaver = site.application("leaver", ("allow", name, "**", "*"))
    assert get(bridge, f"/api/{name}/", leaver)[0] == 200
    site.admin.delete_grant("application", "leaver", "leaver")
    wait_until(lambda: get(bridge, f"/api/{name}/", leaver)[0] == 403)
    site.admin.put_grant("application", "leaver", "leaver")
    wait_until(lambda: get(bridge, f"/api/{name}/", leaver)[0] == 200)
    site.admin.put_role("leaver", ("deny", name, "**", "*"))
    wait_until(lambda: get(bridge, f"/api/{name}/", leaver)[0] == 403)


def test_a_user_who_is_disabled_calls_no_more(site, bridge, node):
    name = site.serve(node)
    shown = site.user("bob", ("allow", name, "**", "*"))
    assert get(bridge, f"/api/{name}/", shown)[0] == 200
    site.admin.put_subject("user", "bob", disabled=True)
    wait_until(lambda: get(bridge, f"/api/{name}/", shown)[0] == 401)


def test_a_token_that_is_revoked_calls_no_more(site, bridge, node):
    name = site.serve(node)
    shown = site.user("carol", ("allow", name, "**", "*"))
    assert get(bridge, f"/api/{name}/", shown)[0] == 200
    site.admin.call("Revoke", token=shown.rpartition(" ")[2])
    wait_until(lambda: get(bridge, f"/api/{name}/", shown)[0] == 401)


# --- what is open --------------------------------------------------------------------------------


@pytest.mark.parametrize("shown", [[], ["Authorization: Bearer theirs"], ["Authorization: Basic x=="]])
def test_an_open_service_sees_to_its_callers_itself(site, bridge, node, shown):
    name = site.serve(node, open=True)
    assert get(bridge, f"/api/{name}/x", FORGED, *shown)[0] == 200
    headers = node.last()
    assert "junction-identity" not in headers
    assert headers.get("authorization", []) == [line.partition(": ")[2] for line in shown]


def test_only_what_is_declared_open_is(site, bridge, node):
    name = site.serve(node, open=["/open/**", "/single"], actions={
        "kept": {"rest": "GET /kept", "open": True}, "shut": {"rest": "GET /open/shut", "open": False}})
    for path in ("/open/a", "/open/a/b", "/single", "/kept", "/%6Fpen/a", "//open///a"):
        assert get(bridge, f"/api/{name}{path}")[0] == 200, path
    count = len(node.requests)
    for path in ("/", "/single/x", "/openx", "/open/shut", "/open/%73hut", "/open//shut/", "/keptx"):
        assert refusal(get(bridge, f"/api/{name}{path}")) == UNKNOWN, path
    for path in ("/open/../x", "/open/..%2fx", "/open/..;/x", "/open/%2e%2e;/x"):
        assert get(bridge, f"/api/{name}{path}")[0] == 400, path
    assert refusal(get(bridge, f"/api/{name}/kept", method="DELETE")) == UNKNOWN
    assert len(node.requests) == count


# --- limits --------------------------------------------------------------------------------------


def limited(site, node, limit=3, key="address", **more):
    return site.serve(node, open=key in ("address", "all"), rateLimit={
        "window": 60000, "limit": limit, "key": key, "headers": True, **more})


def codes(bridge, target, count, *headers):
    return [get(bridge, target, *headers)[0] for _ in range(count)]


def test_what_a_limit_tells(site, bridge, node):
    name = limited(site, node)
    for left in (2, 1, 0):
        code, headers, _ = get(bridge, f"/api/{name}/")
        assert (code, headers["x-rate-limit-limit"]) == (200, ["3"])
        assert headers["x-rate-limit-remaining"] == [str(left)]
        assert headers["ratelimit-policy"][0].endswith(";q=3;w=60")
        assert f";r={left};t=" in headers["ratelimit"][0]
        assert int(headers["x-rate-limit-reset"][0]) > time.time() * 1000 - 60000
        assert "retry-after" not in headers
    reply = get(bridge, f"/api/{name}/")
    assert refusal(reply) == (429, "RateLimitExceeded", "RATE_LIMIT_EXCEEDED")
    assert 1 <= int(reply[1]["retry-after"][0]) <= 60
    assert reply[1]["x-rate-limit-remaining"] == ["0"]
    assert len(node.requests) == 3


def test_a_limit_that_tells_nothing(site, bridge, node):
    name = limited(site, node, limit=1, headers=False)
    replies = [get(bridge, f"/api/{name}/") for _ in range(2)]
    assert [reply[0] for reply in replies] == [200, 429]
    assert replies[1][1]["retry-after"]
    for _, headers, _ in replies:
        assert not any("rate" in name and "limit" in name for name in headers)


def test_a_window_ends(site, bridge, node):
    name = limited(site, node, limit=1, window=200)
    assert get(bridge, f"/api/{name}/")[0] == 200
    wait_until(lambda: get(bridge, f"/api/{name}/")[0] == 200)
    assert len(node.requests) == 2


def test_callers_are_counted_apart(site, bridge, node):
    name = limited(site, node, key="caller")
    who = ("allow", name, "**", "*")
    for caller in (site.application("counted-1", who), site.application("counted-2", who)):
        assert codes(bridge, f"/api/{name}/", 4, caller) == [200, 200, 200, 429]
    assert codes(bridge, f"/api/{name}/", 4) == [401] * 4


def test_a_users_requests_are_not_those_of_an_application(site, bridge, node):
    name = limited(site, node, key="application")
    who = ("allow", name, "**", "*")
    assert codes(bridge, f"/api/{name}/", 4, site.user("dave", who)) == [200] * 4
    assert codes(bridge, f"/api/{name}/", 4, site.application("counted-3", who)) == [200] * 3 + [429]


def test_all_are_counted_together(site, proxied, node):
    name = limited(site, node, key="all")
    assert [get(proxied, f"/api/{name}/", f"X-Forwarded-For: 192.0.2.{i}")[0] for i in range(4)] == [
        200, 200, 200, 429]


def test_addresses_are_those_that_trusted_proxies_tell(site, bridge, proxied, node):
    name = limited(site, node, limit=2)

    def ask(through, address):
        return codes(through, f"/api/{name}/", 3, f"X-Forwarded-For: {address}")
    assert ask(proxied, "198.51.100.1") == [200, 200, 429]
    assert ask(proxied, "198.51.100.2") == [200, 200, 429]
    # What the client itself says before the proxy's word is not believed.
    assert ask(proxied, "198.51.100.77, 198.51.100.2") == [429] * 3
    # Customers have networks of IPv6.
    assert ask(proxied, "2001:db8:1:1::1") == [200, 200, 429]
    assert ask(proxied, "2001:db8:1:1::2") == [429] * 3
    assert ask(proxied, "2001:db8:1:2::1") == [200, 200, 429]
    assert ask(bridge, "198.51.100.3") == [200, 200, 429]
    assert ask(bridge, "198.51.100.4") == [429] * 3


@pytest.mark.parametrize("limit", [1, 7, 25])
def test_exactly_the_limit_passes(site, bridge, node, limit):
    name = limited(site, node, limit=limit)
    seen = at_once(40, lambda _: get(bridge, f"/api/{name}/")[0])
    assert (seen.count(200), seen.count(429)) == (limit, 40 - limit)
    assert len(node.requests) == limit


def test_limits_of_two_routes_are_apart(site, bridge, node):
    limit = {"window": 60000, "limit": 2}
    name = site.serve(node, open=True, rateLimit={"window": 60000, "limit": 3}, routes=[
        {"path": "/one", "rateLimit": limit}, {"path": "/two", "rateLimit": limit},
        {"path": "/none", "rateLimit": False}])
    for path, passed in (("/one", 2), ("/two/x", 2), ("/three", 3)):
        assert codes(bridge, f"/api/{name}{path}", 5) == [200] * passed + [429] * (5 - passed), path
    assert codes(bridge, f"/api/{name}/none", 5) == [200] * 5
    # A route and what lies under it have one.
    assert get(bridge, f"/api/{name}/two")[0] == 429


def test_of_several_limits_each_counts(site, bridge, node):
    name = site.serve(node, rateLimit=[
        {"window": 60000, "limit": 5, "headers": True},
        {"window": 60000, "limit": 2, "key": "caller", "headers": True}])
    who = ("allow", name, "**", "*")
    one, two = site.application("several-1", who), site.application("several-2", who)
    assert codes(bridge, f"/api/{name}/", 3, one) == [200, 200, 429]
    assert codes(bridge, f"/api/{name}/", 3, two) == [200, 200, 429]
    reply = get(bridge, f"/api/{name}/", "Authorization: Bearer x")
    assert reply[0] == 429
    assert reply[1]["x-rate-limit-limit"] == ["5"]


def test_wrong_credentials_are_counted_by_address(site, bridge, node):
    name = site.serve(node, rateLimit={"window": 60000, "limit": 2})
    assert codes(bridge, f"/api/{name}/", 3, "Authorization: Bearer x") == [401, 401, 429]


# --- limits of bodies ----------------------------------------------------------------------------


def post(bridge, target, size, chunked):
    with Client(bridge) as client:
        client.send(f"POST {target} HTTP/1.1\r\nHost: localhost\r\n" + (
            "Transfer-Encoding: chunked\r\n\r\n" if chunked else f"Content-Length: {size}\r\n\r\n"))
        try:
            for at in range(0, size, 65536):
                piece = b"x" * min(65536, size - at)
                client.send(b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece)
            client.send(b"0\r\n\r\n" if chunked else b"")
        except OSError:
            pass
        return client.answer()


@pytest.mark.parametrize("path,limit", [("/", 1 << 20), ("/large", 2 << 20), ("/small", 100)])
def test_a_body_may_be_as_large_as_its_route_says(site, bridge, node, path, limit):
    name = site.serve(node, open=True, routes=[
        {"path": "/large", "bodyLimit": "2MB"}, {"path": "/small", "bodyLimit": 100}])
    assert post(bridge, f"/api/{name}{path}", limit, False)[0] == 200
    assert len(node.requests[0].partition("\r\n\r\n")[2]) == limit
    with Client(bridge) as client:  # it is refused before it comes
        client.send(f"POST /api/{name}{path} HTTP/1.1\r\nHost: localhost\r\n"
                    f"Content-Length: {limit + 1}\r\nExpect: 100-continue\r\n\r\n")
        assert refusal(client.answer()) == (413, "PayloadTooLarge", "PAYLOAD_TOO_LARGE")
    assert len(node.requests) == 1


def test_a_body_in_chunks_may_not_be_larger_either(site, bridge, node):
    def serve(connection, request):
        data = request.partition("\r\n\r\n")[2].encode()
        while not data.endswith(b"0\r\n\r\n"):
            more = connection.recv(65536)
            if not more:
                return True
            data += more
        connection.sendall(gateways.OK)
        return True
    serve.head_only = True
    node.serve = serve
    name = site.serve(node, open=True, bodyLimit=100)
    assert post(bridge, f"/api/{name}/", 100, True)[0] == 200
    assert refusal(post(bridge, f"/api/{name}/", 101, True))[0] == 413


# --- pages ---------------------------------------------------------------------------------------


def test_pages_that_are_believed_are_not_sandboxed(site, bridge):
    node = site.node("Content-Type: text/html")
    believed = site.serve(node, open=True, pages=True)
    other = site.serve(node, open=True)
    assert "content-security-policy" not in get(bridge, f"/api/{believed}/")[1]
    assert get(bridge, f"/api/{other}/")[1]["content-security-policy"] == ["sandbox"]


# --- what is explained ---------------------------------------------------------------------------


def test_what_is_explained_is_what_happens(site, bridge, node):
    name = site.serve(node, open=["/open/**"], rateLimit={"limit": 500},
                      actions={"list": {"rest": "GET /v1/list", "cache": {"ttl": 5}}})
    empty = site.serve(open=True)
    shown = site.application("asker", ("allow", name, "list", "GET"))
    for method, target, action, code in (
            ("GET", f"/api/{name}/v1/list?page=1", "list", "200"),
            ("HEAD", f"/api/{name}/v1/list", "list", "403"),
            ("POST", f"/api/{name}/v1/list", "", "403"),
            ("GET", f"/api/{name}/v1/other", "", "403"),
            ("GET", f"/api/{name}/open/x", "", "200"),
            ("DELETE", f"/api/{name}/open/x", "", "200"),
            ("GET", f"/api/{empty}/x", "", "503"),
            ("GET", "/api/nobody-has-this/x", "", "404")):
        told = site.explain(target, shown.partition(": ")[2], f"&method={method}")
        happened = get(bridge, target, shown, method=method)[0] if method != "HEAD" else None
        assert told["code"] == code, (method, target)
        assert happened in (None, int(code)), (method, target)
        assert told.get("action", "") == action, (method, target)
    told = site.explain(f"/api/{name}/v1/list", shown.partition(": ")[2])
    assert told["caller"] == "application:asker" and told["allowed"]
    assert told["limitReason"].startswith("500 in")
    # Who does not show who he is is told nothing.
    assert site.explain(f"/api/{name}/v1/list", None)["code"] == "401"
    assert get(bridge, f"/api/{name}/v1/list")[0] == 401
