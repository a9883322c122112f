"""Keys of outside issuers that are fetched: a good set counts until the next one comes, whatever the
place that they are fetched from does, and no call ever waits for it."""

import base64
import contextlib
import json
import time

import grpc
import jwt
import pytest

import issuers
import observe
import programs
import raw_upstream

COOLDOWN_MS = 100


@pytest.fixture(scope="module")
def server(database):
    server = programs.Server(database.url, "--issuer-cooldown-ms", str(COOLDOWN_MS),
                             "--issuer-refresh-ms", "200")
    yield server
    server.stop()


@pytest.fixture(scope="module")
def auth(channel, stubs):
    return Client(channel, stubs)


class Client:
    def __init__(self, channel, stubs):
        self.stub, self.types = stubs.auth_grpc.AuthStub(channel), stubs.auth

    def put(self, name, jwks_url, **fields):
        self.stub.PutIssuer(self.types.PutIssuerRequest(issuer=self.types.Issuer(
            name=name, url=url_of(name), audience=issuers.AUDIENCE, jwks_url=jwks_url,
            algorithms=["ES256", "RS256"], roles_claim="groups", **fields)))

    def delete(self, name):
        self.stub.DeleteIssuer(self.types.DeleteIssuerRequest(name=name))

    def takes(self, token):
        return self.stub.Introspect(self.types.IntrospectRequest(token=token)).active

    def call(self, token, wait=True):
        """Any call with the token; True if it is taken."""
        future = self.stub.WhoAmI.future(self.types.WhoAmIRequest(),
                                         metadata=[("authorization", "Bearer " + token)])
        return future if not wait else is_taken(future)


def is_taken(future):
    assert future.code() in (grpc.StatusCode.OK, grpc.StatusCode.UNAUTHENTICATED), future
    return future.code() == grpc.StatusCode.OK


def url_of(name):
    return f"https://{name}.example.com/"


def token_of(key, name):
    return key.token(url_of(name), groups="reader")


def fetches(server, outcome):
    text = programs.http_request(server.admin, "GET", "/metrics").body.decode()
    series = observe.parse(text).get("junction_auth_issuer_fetches_total", {})
    return series.get((("outcome", outcome),), 0)


def complaints(server, name):
    return [line for line in server.log_text().splitlines()
            if "cannot be fetched" in line and f"issuer={name} " in line]


@pytest.fixture(scope="module")
def key():
    return issuers.Key("ES256")


def test_keys_come_by_themselves(auth, key):
    with issuers.Site(key) as site:
        auth.put("comes", site.url)
        observe.wait_until(lambda: auth.takes(token_of(key, "comes")))
        request = site.requests[0]
        assert (request.method, request.path) == ("GET", "/jwks.json")
        assert "application/jwk-set+json" in request.headers["Accept"]
        auth.delete("comes")
        assert not auth.takes(token_of(key, "comes"))


def test_keys_are_fetched_again_and_again(auth, key):
    """Without any token that asks for it."""
    other = issuers.Key("ES256", "key-2")
    with issuers.Site(key, other) as site:
        auth.put("again", site.url)
        observe.wait_until(lambda: auth.takes(token_of(key, "again")))
        site.keys = (other,)
        seen = len(site.requests)
        observe.wait_until(lambda: len(site.requests) > seen + 1)
        assert not auth.takes(token_of(key, "again")), "its key is there no more"
        assert auth.takes(token_of(other, "again"))
        auth.delete("again")


def redirect(site):
    return lambda request: (302, {"Location": site.url}, b"")


def huge(site):
    body = issuers.jwks(*site.keys).encode()
    return lambda request: (200, {}, body + b" " * (64 * 1024 - len(body) + 1))


BAD = {
    "an error": lambda site: lambda request: (500, {}, issuers.jwks(*site.keys).encode()),
    "not found": lambda site: lambda request: (404, {}, b""),
    "another success": lambda site: lambda request: (203, {}, issuers.jwks(*site.keys).encode()),
    "a redirect": redirect,
    "too much": huge,
    "no JSON": lambda site: lambda request: (200, {}, b"<html>"),
    "half of it": lambda site: lambda request: (200, {}, issuers.jwks(*site.keys).encode()[:-9]),
    "another object": lambda site: lambda request: (200, {}, b'{"error":"sorry"}'),
    "too many keys": lambda site: lambda request: (
        200, {}, json.dumps({"keys": [site.keys[0].jwk()] * 101}).encode()),
}


@pytest.mark.parametrize("what", BAD)
def test_what_is_no_good_answer_changes_nothing(auth, server, key, what):
    name = "bad-" + what.replace(" ", "-").lower()
    with issuers.Site(key) as site:
        site.answer = BAD[what](site)
        auth.put(name, site.url)
        observe.wait_until(lambda: len(site.requests) > 1)
        assert not auth.takes(token_of(key, name))
        site.answer = None
        observe.wait_until(lambda: auth.takes(token_of(key, name)))
        site.answer = BAD[what](site)
        seen, failed = len(site.requests), fetches(server, "failed")
        observe.wait_until(lambda: len(site.requests) > seen + 2)
        assert auth.takes(token_of(key, name)), "the last good set counts"
        assert fetches(server, "failed") > failed
        assert len(complaints(server, name)) == 2, "once an outage"
        auth.delete(name)


def test_keys_stay_while_their_place_is_away(auth, server, key):
    with issuers.Site(key) as site:
        auth.put("away", site.url)
        observe.wait_until(lambda: auth.takes(token_of(key, "away")))
    observe.wait_until(lambda: complaints(server, "away"))
    failed = fetches(server, "failed")
    observe.wait_until(lambda: fetches(server, "failed") > failed + 2)
    assert auth.takes(token_of(key, "away")) and auth.call(token_of(key, "away"))
    other = issuers.Key("ES256", "key-2")
    with issuers.Site(other, port=site.port):
        observe.wait_until(lambda: auth.takes(token_of(other, "away")))
    assert len(complaints(server, "away")) == 1
    # A connection that was kept may be what is noticed first.
    why = complaints(server, "away")[0]
    assert "connection refused" in why or "broke off before its answer" in why
    auth.delete("away")


def test_what_is_no_key_for_us_is_left_out(auth, key):
    public = json.dumps(issuers.Key("RS256", "rsa").jwk()).encode()
    foreign = [{"kty": "oct", "kid": "oct", "k": "c2VjcmV0", "alg": "HS256"},
               {"kty": "oct", "kid": "key-1", "k": "c2VjcmV0"}, 7, None, {}, {"kty": "EC"},
               issuers.Key("RS256", "small", bits=1024).jwk(),
               issuers.Key("ES256", "for encryption").jwk(use="enc"),
               {"kty": "FUTURE", "kid": "future", "x": [1]}]
    with issuers.Site(key) as site:
        site.answer = lambda request: (200, {}, json.dumps(
            {"keys": foreign + [key.jwk()], "more": True}).encode())
        auth.put("foreign", site.url)
        observe.wait_until(lambda: auth.takes(token_of(key, "foreign")))
        for kid, secret in (("oct", b"secret"), ("key-1", b"secret"), ("rsa", public)):
            claims = {"iss": url_of("foreign"), "aud": issuers.AUDIENCE, "sub": "alice",
                      "exp": int(time.time()) + 600, "groups": "reader"}
            assert not auth.takes(jwt.encode(claims, secret, "HS256", headers={"kid": kid}))
        auth.delete("foreign")


def test_a_new_key_is_fetched_when_a_token_names_it(database, stubs, key):
    """Though the next fetch is far away."""
    other = issuers.Key("ES256", "key-2")
    server = programs.Server(database.url, "--issuer-cooldown-ms", str(COOLDOWN_MS))
    try:
        with issuers.Site(key) as site, server.channel() as channel:
            auth = Client(channel, stubs)
            auth.put("rotates", site.url)
            observe.wait_until(lambda: auth.call(token_of(key, "rotates")))
            site.keys = (key, other)
            observe.wait_until(lambda: auth.call(token_of(other, "rotates")))
            assert auth.call(token_of(key, "rotates"))
            auth.delete("rotates")
    finally:
        server.stop()


def test_many_unknown_kids_are_one_fetch(cluster_url, stubs, key):
    with programs.Database(cluster_url) as database:
        server = programs.Server(database.url)
        try:
            with issuers.Site(key) as site, server.channel() as channel:
                auth = Client(channel, stubs)
                auth.put("flood", site.url)
                observe.wait_until(lambda: auth.call(token_of(key, "flood")))
                made = key.token(url_of("flood"), kid="unknown-0000", groups="reader")
                head, rest = made.split(".", 1)
                flood = [auth.call(header_with(head, i) + "." + rest, wait=False)
                         for i in range(5000)]
                assert not any(is_taken(future) for future in flood)
                assert auth.call(token_of(key, "flood"))
                assert len(site.requests) <= 2
                assert fetches(server, "fetched") <= 2
        finally:
            server.stop()


def header_with(head, number):
    """The header of a token with another kid."""
    text = base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)).decode()
    changed = text.replace("unknown-0000", f"unknown-{number:04}").encode()
    return base64.urlsafe_b64encode(changed).rstrip(b"=").decode()


@contextlib.contextmanager
def slow_site(serve):
    with raw_upstream.RawUpstream(serve) as site:
        site.url = f"http://127.0.0.1:{site.port}/jwks.json"
        yield site


def trickle(connection, request):
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n")
    with contextlib.suppress(OSError):
        while True:
            connection.sendall(b" ")
            time.sleep(0.01)
    return True


def hang(connection, request):
    raw_upstream.until_gone(connection)
    return True


def test_no_call_waits_for_a_place_that_does_not_answer(auth, server, key):
    with slow_site(hang) as hanging, slow_site(trickle) as trickling, issuers.Site(key) as site:
        auth.put("hanging", hanging.url)
        auth.put("trickling", trickling.url)
        auth.put("answering", site.url)
        observe.wait_until(lambda: auth.takes(token_of(key, "answering")))

        def calls_end_within_a_fetch():
            begun, closed = len(hanging.requests), hanging.closed
            for name in ("hanging", "trickling"):
                assert not auth.call(token_of(key, name)), "there are no keys"
                assert auth.call(token_of(key, "answering"))
            return len(hanging.requests) == begun == closed + 1 and hanging.closed == closed
        observe.wait_until(calls_end_within_a_fetch)
        for name in ("hanging", "trickling"):
            observe.wait_until(lambda: complaints(server, name))
        for name in ("hanging", "trickling", "answering"):
            auth.delete(name)


def test_the_egress_policy_counts(auth, server):
    auth.put("egress", "http://169.254.169.254/latest/meta-data")
    observe.wait_until(lambda: complaints(server, "egress"))
    assert "link-local" in complaints(server, "egress")[0]
    auth.delete("egress")


def test_an_issuer_that_goes_while_its_keys_are_fetched(auth, server):
    """And the server with it."""
    with slow_site(hang) as slow:
        auth.put("going", slow.url)
        observe.wait_until(lambda: slow.requests)
        auth.delete("going")
        observe.wait_until(lambda: slow.closed)
        assert not complaints(server, "going")


def test_a_server_ends_while_keys_are_fetched(cluster_url, stubs):
    with programs.Database(cluster_url) as database, slow_site(hang) as slow:
        server = programs.Server(database.url)
        with server.channel() as channel:
            Client(channel, stubs).put("stopping", slow.url)
            observe.wait_until(lambda: slow.requests)
        server.stop()
