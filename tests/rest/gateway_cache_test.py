"""Answers of a service that the gateway keeps: for whom, how long, and when not."""

import threading

import pytest

import observe
from gateway_site import OPERATOR, Site, at_once
from gateways import Client, get

KEPT = ["junction; hit"]
MISSED = ["junction; fwd=miss"]


@pytest.fixture(scope="module")
def site(database, stubs):
    with Site(database, stubs) as site:
        yield site


@pytest.fixture(scope="module")
def bridge(site):
    """One all of whose threads hear of changes: what they had kept before was void then."""
    name, _ = keeping(site)
    observe.wait_until(lambda: all(
        ask(site.bridge, name)[1]["cache-status"] == KEPT for _ in range(20)))
    return site.bridge


def keeping(site, *headers, cache=None, **more):
    """A service whose action GET /list is kept, and its node."""
    node = site.node(*headers)
    cache = {"keys": ["page"], "ttl": 60, "shared": True, **(cache or {})}
    more = {"open": True, **more}
    return site.serve(node, actions={"list": {"rest": "GET /list", "cache": cache}}, **more), node


def ask(bridge, name, *headers, query="", **more):
    return get(bridge, f"/api/{name}/list{query}", *headers, **more)


def is_kept(bridge, name, node, *headers, query=""):
    """Whether the second of two requests is answered by what was kept of the first."""
    before = len(node.requests)
    first = ask(bridge, name, *headers, query=query)
    again = ask(bridge, name, *headers, query=query)
    assert first[0] == again[0] == 200
    kept = len(node.requests) == before + 1
    assert (first[2] == again[2]) == kept
    assert (again[1].get("cache-status") == KEPT) == kept
    return kept


# --- what is kept --------------------------------------------------------------------------------


def test_what_is_kept_is_the_answer(site, bridge):
    name, node = keeping(site, 'ETag: "v1"', "Content-Type: application/json", "X-Own: 1",
                         "Cache-Control: max-age=60")
    first, again = (ask(bridge, name, query="?page=1") for _ in range(2))
    assert first[1]["cache-status"] == MISSED and "age" not in first[1]
    assert again[1]["cache-status"] == KEPT and int(again[1]["age"][0]) <= 60
    changing = ("cache-status", "age", "date", "x-request-id", "traceparent", "connection")
    plain = [{k: v for k, v in reply[1].items() if k not in changing} for reply in (first, again)]
    assert plain[0] == plain[1]
    assert (first[0], first[2]) == (again[0], again[2]) == (200, b"0001")
    assert len(node.requests) == 1


def test_what_was_kept_elsewhere_is_as_old_as_it_was_there(site, bridge):
    name, _ = keeping(site, "Age: 7", "Cache-Control: max-age=60")
    first, again = ask(bridge, name), ask(bridge, name)
    assert first[1]["age"] == ["7"] and again[1]["cache-status"] == KEPT
    assert 7 <= int(again[1]["age"][0]) <= 60


def test_keys_part_answers(site, bridge):
    name, node = keeping(site, cache={"keys": ["page", "@X-Tenant"]})
    first = ask(bridge, name, query="?page=1")[2]
    for query in ("?page=1&other=2", "?other=3&page=1", "?page=%31"):
        assert ask(bridge, name, query=query)[2] == first, query
    for query in ("?page=2", "", "?page", "?page=", "?page=1&page=1", "?page[]=1"):
        assert is_kept(bridge, name, node, query=query), query
    assert ask(bridge, name, query="?Page=1")[2] == ask(bridge, name)[2]
    assert ask(bridge, name, "X-Tenant: a", query="?page=1")[2] != first
    assert ask(bridge, name, "Accept-Encoding: gzip", query="?page=1")[2] != first
    assert ask(bridge, name, query="?page=1")[2] == first


def test_without_keys_the_query_counts(site, bridge):
    name, node = keeping(site, cache={"keys": []})
    assert is_kept(bridge, name, node, query="?a=1")
    first = ask(bridge, name, query="?a=1")[2]
    assert ask(bridge, name, query="?a=2")[2] != first


def test_only_the_action_is_kept(site, bridge):
    name, node = keeping(site)
    for path in ("/", "/list/x", "/lists"):
        replies = [get(bridge, f"/api/{name}{path}") for _ in range(2)]
        assert replies[0][2] != replies[1][2], path
        assert "cache-status" not in replies[1][1]
    first = ask(bridge, name)[2]
    assert ask(bridge, name, "Content-Length: 0", method="POST")[2] != first
    assert ask(bridge, name)[2] == first


def test_a_time_is_over(site, bridge):
    name, node = keeping(site, cache={"ttl": 1})
    first = ask(bridge, name)[2]
    observe.wait_until(lambda: ask(bridge, name)[2] != first)
    assert len(node.requests) == 2


@pytest.mark.parametrize("headers,kept", [
    (["Set-Cookie: a=b"], False), (["Cache-Control: private"], False),
    (["Cache-Control: no-store"], False), (["Cache-Control: max-age=60, No-Cache"], False),
    (["Cache-Control: max-age=0"], False), (["Cache-Control: max-age=60", "Age: 60"], False),
    (["Vary: *"], False), (["Vary: Cookie"], False), (["Vary: Accept-Encoding"], True),
    (["Expires: Thu, 01 Jan 1970 00:00:00 GMT"], False), (["Cache-Control: public"], True),
    (["Content-Type: text/event-stream"], False)])
def test_the_node_may_say_no(site, bridge, headers, kept):
    name, node = keeping(site, *headers)
    assert is_kept(bridge, name, node) == kept


@pytest.mark.parametrize("headers", [
    ["Cache-Control: no-cache"], ["Cache-Control: no-store"], ["Cache-Control: max-age=0"],
    ["Pragma: no-cache"], ["Range: bytes=0-1"], ['If-Match: "v1"']])
def test_the_client_may_say_no(site, bridge, headers):
    name, node = keeping(site)
    first = ask(bridge, name)[2]
    assert ask(bridge, name, *headers)[2] != first
    assert ask(bridge, name)[2] == first


def test_errors_are_not_kept(site, bridge):
    name, node = keeping(site)

    def fail(connection, _):
        connection.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno")
    node.serve = fail
    assert [ask(bridge, name)[0] for _ in range(2)] == [404, 404]
    assert len(node.requests) == 2


def test_what_is_too_large_is_not_kept(site, bridge):
    name, node = keeping(site, cache={"most": 3})
    assert not is_kept(bridge, name, node)
    name, node = keeping(site, cache={"most": 4})
    assert is_kept(bridge, name, node)


# --- for whom ------------------------------------------------------------------------------------


@pytest.mark.parametrize("cache", [{"shared": False}, {"keys": ["page", "#user"]}])
def test_callers_do_not_share(site, bridge, cache):
    name, node = keeping(site, "Cache-Control: private", cache=cache, open=False)
    names = [f"{name}-{i}" for i in range(2)]
    callers = [site.application(one, ("allow", name, "**", "*")) for one in names]
    callers.append(site.user(f"{name}-0", ))
    site.admin.put_grant("user", f"{name}-0", names[0])
    bodies = [ask(bridge, name, caller)[2] for caller in callers]
    assert len(set(bodies)) == 3
    assert [ask(bridge, name, caller)[2] for caller in callers] == bodies
    assert ask(bridge, name)[0] == 401
    assert len(node.requests) == 3


def test_callers_share_what_is_declared_so_but_only_who_may(site, bridge):
    name, node = keeping(site, open=False)
    one, two = (site.application(f"{name}-{i}", ("allow", name, "**", "*")) for i in range(2))
    stranger = site.application(f"{name}-stranger")
    first = ask(bridge, name, one)[2]
    assert ask(bridge, name, two)[2] == first
    assert ask(bridge, name, stranger)[0] == 403
    assert ask(bridge, name)[0] == 401
    assert ask(bridge, name, "Authorization: Bearer x")[0] == 401
    assert len(node.requests) == 1


def test_who_is_told_private_things_gets_them_alone(site, bridge):
    name, node = keeping(site, "Cache-Control: private", open=False)
    caller = site.application(f"{name}-0", ("allow", name, "**", "*"))
    assert not is_kept(bridge, name, node, caller)


@pytest.mark.parametrize("shown", ["Authorization: Bearer theirs", "Cookie: session=1"])
def test_who_only_the_service_knows_shares_nothing(site, bridge, shown):
    name, node = keeping(site, cache={"shared": False})
    assert is_kept(bridge, name, node)
    assert not is_kept(bridge, name, node, shown)


def test_credentials_of_the_service_are_kept_only_if_it_says_so(site, bridge):
    name, node = keeping(site)
    assert not is_kept(bridge, name, node, "Authorization: Bearer theirs")
    name, node = keeping(site, "Cache-Control: public, max-age=60")
    assert is_kept(bridge, name, node, "Authorization: Bearer theirs")


# --- how it is given -----------------------------------------------------------------------------


def test_what_is_known_already_is_not_sent(site, bridge):
    name, node = keeping(site, 'ETag: "v1"', "X-Own: 1")
    ask(bridge, name)
    with Client(bridge) as client:
        for _ in range(2):
            client.send(f"GET /api/{name}/list HTTP/1.1\r\nHost: localhost\r\n"
                        'If-None-Match: "v1"\r\n\r\n')
            code, headers, body = client.answer()
            assert (code, body, headers["etag"], headers["x-own"]) == (304, b"", ['"v1"'], ["1"])
            assert headers["cache-status"] == KEPT
        assert client.data == b""
    assert ask(bridge, name, 'If-None-Match: "v2"')[0] == 200
    assert len(node.requests) == 1


def test_head_is_answered_by_what_is_kept(site, bridge):
    name, node = keeping(site, "X-Own: 1")
    ask(bridge, name)
    with Client(bridge) as client:
        for _ in range(2):
            client.send(f"HEAD /api/{name}/list HTTP/1.1\r\nHost: localhost\r\n\r\n")
            status, headers = client.read_head()
            assert status.startswith("HTTP/1.1 200")
            assert (headers["content-length"], headers["x-own"]) == (["4"], ["1"])
            assert headers["cache-status"] == KEPT
        assert client.data == b""
    assert len(node.requests) == 1


def test_head_keeps_nothing(site, bridge):
    name, node = keeping(site)
    with Client(bridge) as client:
        client.send(f"HEAD /api/{name}/list HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert client.read_head()[0].startswith("HTTP/1.1 200")
    assert ask(bridge, name)[1]["cache-status"] == MISSED


def test_pages_that_are_kept_are_still_not_junctions(site, bridge):
    name, node = keeping(site, "Content-Type: text/html")
    assert is_kept(bridge, name, node)
    assert ask(bridge, name)[1]["content-security-policy"] == ["sandbox"]


def test_what_is_kept_is_counted_and_told(site, bridge):
    name, node = keeping(site, rateLimit={"window": 60000, "limit": 3, "headers": True})
    replies = [ask(bridge, name) for _ in range(4)]
    assert [code for code, _, _ in replies] == [200, 200, 200, 429]
    assert [headers["x-rate-limit-remaining"] for _, headers, _ in replies] == [
        ["2"], ["1"], ["0"], ["0"]]
    assert len(node.requests) == 1


def test_pages_of_another_origin_are_judged_by_the_bridge(site):
    name, node = keeping(site, "Access-Control-Allow-Origin: *")
    bridge = site.start_bridge("--origin", "https://one.example", "--origin", "https://two.example")
    for origin in ("https://one.example", "https://two.example"):
        headers = ask(bridge, name, f"Origin: {origin}")[1]
        assert headers["access-control-allow-origin"] == [origin]
    assert len(node.requests) == 1


# --- many at once --------------------------------------------------------------------------------


def test_many_who_ask_at_once_are_one_to_the_node(site, bridge):
    name, node = keeping(site)
    node.open.clear()
    opener = threading.Thread(target=lambda: (
        observe.wait_until(lambda: node.requests), node.open.set()))
    opener.start()
    replies = at_once(50, lambda _: ask(bridge, name))
    opener.join()
    assert {(code, body) for code, _, body in replies} == {(200, b"0001")}
    assert len(node.requests) == 1


def test_who_waited_for_what_is_not_kept_asks_himself(site, bridge):
    name, node = keeping(site, "Cache-Control: no-store")
    replies = at_once(10, lambda _: ask(bridge, name))
    assert sorted(body for _, _, body in replies) == [b"%04d" % i for i in range(1, 11)]
    assert len(node.requests) == 10


def test_who_waits_for_one_that_goes_asks_himself(site, bridge):
    name, node = keeping(site)
    node.open.clear()
    seen = []
    with Client(bridge) as client:
        client.send(f"GET /api/{name}/list HTTP/1.1\r\nHost: localhost\r\n\r\n")
        observe.wait_until(lambda: node.requests)
        waiting = threading.Thread(target=lambda: seen.append(ask(bridge, name)))
        waiting.start()
    observe.wait_until(lambda: len(node.requests) == 2)
    node.open.set()
    waiting.join()
    assert (seen[0][0], seen[0][2]) == (200, b"0002")


# --- what cleans ---------------------------------------------------------------------------------


def publish(bridge, event):
    answer = bridge.request("POST", "/mw/event/publish", '{"event": "%s", "data": {}}' % event,
                            {"Authorization": OPERATOR, "Content-Type": "application/json"})
    assert answer.status == 200, answer


def test_an_event_cleans(site, bridge):
    name, node = keeping(site, cache={"clean": ["order.*", "stock.**"]})
    other, _ = keeping(site)
    untouched = ask(bridge, other)[2]
    for event in ("order.made", "stock.a.b", f"cache.clean.{name}"):
        # Each thread of the bridge hears of the event before for itself.
        observe.wait_until(lambda: ask(bridge, name)[2] == ask(bridge, name)[2])
        first = ask(bridge, name)[2]
        publish(bridge, event)
        observe.wait_until(lambda: ask(bridge, name)[2] != first)
    assert ask(bridge, other)[2] == untouched
    # Each of two threads cleans for each event, and when the server has begun to look for them.
    assert 4 <= len(node.requests) <= 9


def test_an_event_at_another_server_cleans(site, bridge):
    name, node = keeping(site, cache={"clean": ["order.*"]})
    with Site(site.database, site.stubs) as another:
        first = ask(bridge, name)[2]
        assert ask(bridge, name)[2] == first
        # What does not match has been seen when what does has been.
        publish(another.bridge, "other.made")
        publish(another.bridge, "order.made")
        observe.wait_until(lambda: ask(bridge, name)[2] != first)
    assert len(node.requests) == 2


def test_a_rule_that_is_taken_away_gives_nothing_that_was_kept(site, bridge):
    name, node = keeping(site)
    first = ask(bridge, name)[2]
    site.serve_at(name, [f"http://127.0.0.1:{node.port}"], open=True)
    # Each thread of the bridge hears of it for itself.
    observe.wait_until(lambda: len({first, *at_once(8, lambda _: ask(bridge, name)[2])}) == 9)
