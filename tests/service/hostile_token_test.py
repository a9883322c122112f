"""Tokens that are made to be believed: refused, all of them, with one status and one text."""

import base64
import hashlib
import hmac
import json
import socket
import time

import grpc
import jwt
import pytest
from cryptography.hazmat.primitives import serialization

import identities
import issuers
import observe
import own_tokens
import programs
import subjects

REFUSED = (grpc.StatusCode.UNAUTHENTICATED, "the token is not valid")
ALGORITHMS = ["EdDSA", "ES256", "RS256"]


@pytest.fixture(scope="module")
def keys(database):
    """One of each algorithm that Junction signs by, and who they may name."""
    subjects.put(database.url, "user", "alice", "reader")
    subjects.put(database.url, "group", "staff", "administrator")
    return {name: own_tokens.Key(name, "own-" + name).put(database) for name in ALGORITHMS}


@pytest.fixture(scope="module")
def server(database, keys):
    server = programs.Server(database.url, "--auth", "required", "--issuer-cooldown-ms", "600000")
    yield server
    server.stop()


@pytest.fixture
def show(channel, stubs):
    """Whom a token names."""
    auth = stubs.auth_grpc.AuthStub(channel)
    return lambda token: auth.WhoAmI(
        stubs.auth.WhoAmIRequest(),
        metadata=[own_tokens.bearer(token)], timeout=60).subject.name


def encode(data):
    raw = data if isinstance(data, bytes) else json.dumps(data).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def sign(key, header, payload):
    """Text or objects, signed as the key's algorithm has it."""
    parts = [encode(p.encode() if isinstance(p, str) else p) for p in (header, payload)]
    signed = ".".join(parts)
    algorithm = jwt.algorithms.get_default_algorithms()[key.algorithm]
    return signed + "." + encode(algorithm.sign(signed.encode(), key.private))


def header_of(key, **members):
    return {"alg": key.algorithm, "kid": key.kid, "typ": "JWT", **members}


def refused(show, token):
    assert identities.refusal(show, token) == REFUSED


def now():
    return int(time.time())


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_good_ones_are_taken(show, keys, algorithm):
    key = keys[algorithm]
    assert show(key.own()) == "alice"
    assert show(sign(key, header_of(key), key.claims())) == "alice"
    assert show(key.own(aud=["other", "junction"])) == "alice"


# --- algorithms -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["none", "None", "NONE", "nOnE", "", "none ", None, "HS256", "ES512"])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_unsigned_tokens(show, keys, name, algorithm):
    key = keys[algorithm]
    signed = encode(header_of(key, alg=name)) + "." + encode(key.claims())
    for signature in ("", key.own().rpartition(".")[2], "AAAA"):
        refused(show, signed + "." + signature)
    refused(show, signed)


def public_texts(key):
    """What everybody has of a key, as bytes to sign with."""
    public = key.private.public_key()
    pem = public.public_bytes(serialization.Encoding.PEM,
                              serialization.PublicFormat.SubjectPublicKeyInfo)
    der = public.public_bytes(serialization.Encoding.DER,
                              serialization.PublicFormat.SubjectPublicKeyInfo)
    jwk = key.jwk()
    yield from (pem, pem.strip(), der, json.dumps(jwk).encode(), b"",
                json.dumps(jwk, separators=(",", ":")).encode(), key.kid.encode())
    for member in ("x", "n"):
        if member in jwk:
            yield jwk[member].encode()
            yield base64.urlsafe_b64decode(jwk[member] + "==")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_public_key_as_a_shared_secret(show, keys, algorithm):
    key = keys[algorithm]
    for secret in public_texts(key):
        for name, digest in (("HS256", hashlib.sha256), ("HS384", hashlib.sha384),
                             ("HS512", hashlib.sha512), (algorithm, hashlib.sha256)):
            signed = encode(header_of(key, alg=name)) + "." + encode(key.claims())
            refused(show, signed + "." + encode(hmac.new(secret, signed.encode(), digest).digest()))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_another_key_under_our_kid(show, keys, algorithm):
    for other in ("EdDSA", "ES256", "ES384", "RS256", "PS256"):
        forger = own_tokens.Key(other, keys[algorithm].kid)
        refused(show, forger.own())
        refused(show, jwt.encode(forger.claims(), forger.private, other,
                                 headers={"kid": forger.kid, "jwk": forger.jwk()}))


def test_our_own_key_by_another_algorithm(show, keys):
    key = keys["RS256"]
    for algorithm in ("PS256", "RS384", "RS512", "PS512"):
        refused(show, jwt.encode(key.claims(), key.private, algorithm, headers={"kid": key.kid}))
    for kid in (keys["ES256"].kid, keys["EdDSA"].kid, "", "../../dev/null", "' OR 1=1 --"):
        refused(show, jwt.encode(key.claims(), key.private, "RS256", headers={"kid": kid}))
    refused(show, jwt.encode(key.claims(), key.private, "RS256"))


# --- headers --------------------------------------------------------------------------------------


def test_headers_that_name_a_key_are_not_followed(show, keys, server):
    forger = own_tokens.Key("ES256", "forged")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/jwks.json"
        more = {"jku": url, "x5u": url, "jwk": forger.jwk(), "x5c": ["MIIB"], "x5t": "AAAA"}
        for name in more:
            for kid in (forger.kid, keys["ES256"].kid, None):
                header = {"alg": "ES256", "kid": kid, name: more[name]}
                refused(show, sign(forger, {k: v for k, v in header.items() if v}, forger.claims()))
        # By the right key they change nothing.
        assert show(sign(keys["ES256"], header_of(keys["ES256"], **more),
                         keys["ES256"].claims())) == "alice"
        listener.setblocking(False)
        with pytest.raises(BlockingIOError):
            listener.accept()


@pytest.mark.parametrize("members", [
    {"crit": ["exp"]}, {"crit": []}, {"crit": ["b64"], "b64": False}, {"typ": "JWS"}, {"typ": 1},
    {"kid": ["own-ES256"]}, {"alg": ["ES256"]}, {"alg": "es256"}])
def test_headers_that_are_not_taken(show, keys, members):
    key = keys["ES256"]
    refused(show, sign(key, header_of(key, **members), key.claims()))


@pytest.mark.parametrize("header", [
    '{"alg":"none","alg":"ES256","kid":"own-ES256"}', '{"alg":"ES256","alg":"none","kid":"own-ES256"}',
    '{"alg":"ES256","kid":"other","kid":"own-ES256"}', '{"alg":"ES256","kid":"own-ES256","kid":"other"}',
    '{"alg":"ES256","\\u0061lg":"ES256","kid":"own-ES256"}', '{"alg":"ES256","kid":"own-ES256"}}',
    '[{"alg":"ES256","kid":"own-ES256"}]', '"ES256"', "", "{"])
def test_headers_that_are_read_in_two_ways(show, keys, header):
    refused(show, sign(keys["ES256"], header, keys["ES256"].claims()))


# --- claims ---------------------------------------------------------------------------------------


HOSTILE_CLAIMS = {
    "expired": lambda: {"exp": now() - 31}, "expired long ago": lambda: {"exp": 1},
    "without an end": lambda: {"exp": None}, "an end that is a text": lambda: {"exp": str(now() + 60)},
    "an end beyond all years": lambda: {"exp": 10 ** 30}, "an end below zero": lambda: {"exp": -1},
    "an infinite end": lambda: {"exp": 1e308}, "issued in an hour": lambda: {"iat": now() + 3600},
    "good in an hour": lambda: {"nbf": now() + 3600}, "no audience": lambda: {"aud": None},
    "another audience": lambda: {"aud": "other"}, "other audiences": lambda: {"aud": ["a", "b"]},
    "an audience that begins alike": lambda: {"aud": "junctio"},
    "an audience that is an object": lambda: {"aud": {"junction": True}},
    "no issuer": lambda: {"iss": None}, "another issuer": lambda: {"iss": "https://other/"},
    "an issuer in capitals": lambda: {"iss": "Junction"}, "no subject": lambda: {"sub": None},
    "an unknown subject": lambda: {"sub": "user:unknown"}, "a group": lambda: {"sub": "group:staff"},
    "no kind": lambda: {"sub": "alice"}, "an unknown kind": lambda: {"sub": "role:administrator"},
    "no name": lambda: {"sub": "user:"}, "a list for a subject": lambda: {"sub": ["user:alice"]},
    "a name with NUL": lambda: {"sub": "user:alice\0"}, "a name in capitals": lambda: {"sub": "user:Alice"},
    "a long name": lambda: {"sub": "user:" + "a" * 4000}, "no id": lambda: {"jti": None},
    "claims that are huge": lambda: {"more": "x" * 5000, "list": list(range(300))},
}


@pytest.mark.parametrize("what", HOSTILE_CLAIMS)
def test_claims_that_are_not_taken(show, keys, what):
    claims = HOSTILE_CLAIMS[what]()
    if what == "claims that are huge":
        assert show(keys["EdDSA"].own(more="x" * 4000)) == "alice"
        claims = {"more": "x" * 9000}
    refused(show, keys["EdDSA"].own(claims.pop("sub", "user:alice"), **claims))


@pytest.mark.parametrize("payload", [
    '{"sub":"user:unknown",%s,"sub":"user:alice"}', '{"sub":"user:alice",%s,"sub":"user:unknown"}',
    '{"sub":"user:alice",%s,"s\\u0075b":"user:alice"}', '{"sub":"user:alice",%s,"exp":1}',
    '{"sub":"user:alice",%s,"x":{"a":1,"a":2}}', '[{"sub":"user:alice",%s}]',
    '{"sub":"user:alice",%s}x', '{"sub":"user:alice",%s', '{"sub":"user:alice",%s,}', "", "null",
    '{"sub":"user:alice",%s,"x":' + "[" * 70 + "]" * 70 + "}"])
def test_claims_that_are_read_in_two_ways(show, keys, payload):
    key = keys["EdDSA"]
    rest = json.dumps({k: v for k, v in key.claims().items() if k != "sub"})[1:-1]
    refused(show, sign(key, header_of(key), payload.replace("%s", rest)))


# --- the text -------------------------------------------------------------------------------------


def spellings(token):
    """Texts that a lenient reader takes for the same token."""
    header, payload, signature = token.split(".")
    yield from (f"{header}=.{payload}.{signature}", f"{header}.{payload}=.{signature}",
                f"{header}.{payload}.{signature}=", f"{header}.{payload}.{signature}==",
                f"{header}.{payload}.{signature}.", f"{header}.{payload}.{signature}.{signature}",
                f".{header}.{payload}.{signature}", f"{header}..{payload}.{signature}",
                f"{header} .{payload}.{signature}", f"{header}. {payload}.{signature}",
                f"{header}.{payload}.{signature[:10]} {signature[10:]}", f"{payload}.{signature}",
                f"{header}.{payload}", f"{header}.{payload}.", f"{token},{token}", f"Bearer {token}",
                f'"{token}"', token[:-1], token + "A", token.swapcase(),
                f"{header}.{payload}.{signature.replace('_', '/').replace('-', '+')}!")
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    # Bits behind the last byte, which most readers ignore.
    for part in (header, payload, signature):
        if len(part) % 4:
            other = part[:-1] + letters[letters.index(part[-1]) ^ 1]
            yield token.replace(part, other)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_token_has_one_spelling(show, keys, algorithm):
    token = keys[algorithm].own()
    assert show(token) == "alice"  # remembered from now on
    for other in spellings(token):
        refused(show, other)


def test_a_standard_alphabet_is_not_read(show, keys):
    key = keys["EdDSA"]
    token = next(t for t in (key.own(jti=str(i)) for i in range(1000)) if "-" in t or "_" in t)
    assert show(token) == "alice"
    refused(show, token.replace("-", "+").replace("_", "/"))


def test_tokens_have_a_limit(show, keys):
    key = keys["EdDSA"]
    pad = next(n for n in range(6500, 4000, -1) if len(key.own(more="x" * n)) <= 8192)
    assert show(key.own(more="x" * pad)) == "alice"
    for size in (pad + 3, 7500):
        refused(show, key.own(more="x" * size))
    for text in ("A" * 8193, "." * 9000, "e30." * 2500, "A" * 4000 + "." + "A" * 4000 + ".A"):
        refused(show, text)


# --- outside issuers ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def outside(database, keys):
    """The key of an issuer that names users and roles."""
    key = issuers.Key("ES256", "outside")
    database.rows(f"""INSERT INTO auth.issuer (name, url, audience, jwks, algorithms, user_claim,
        roles_claim) VALUES ('corp', 'https://corp/', '{issuers.AUDIENCE}', '{issuers.jwks(key)}',
        '{{ES256}}', 'sub', 'groups')""")
    return key


def test_what_an_issuer_says_has_limits(show, outside):
    def token(user="alice", groups=("reader",)):
        return outside.token("https://corp/", user, groups=groups)
    observe.wait_until(lambda: shown_or_none(show, token()) == "corp:alice")
    longest = "a" * (255 - len("corp:"))
    assert show(token(longest)) == "corp:" + longest
    assert show(token(groups=["reader"] + ["r"] * 99)) == "corp:alice"
    assert show(token(groups=" ".join(["reader"] + ["r"] * 99))) == "corp:alice"
    for wrong in (token(longest + "a"), token("a\nb"), token("a\0"), token("a\u0085"),
                  token(groups=["reader"] * 101), token(groups=" ".join(["reader"] * 101)),
                  token(groups=["reader", 7]), token(groups={"reader": True}), token(groups=[]),
                  token(groups=[""]), token(groups="  ")):
        refused(show, wrong)


@pytest.mark.parametrize("column, value", [
    ("url", "https://other/"), ("audience", "other"), ("algorithms", "{RS256}"),
    ("user_claim", "email"), ("roles_claim", "roles")])
def test_what_is_remembered_ends_when_the_issuer_is_changed(show, outside, database, column, value):
    token = outside.token("https://corp/", groups=["reader"])
    observe.wait_until(lambda: shown_or_none(show, token) == "corp:alice")
    (before,), = database.rows(f"SELECT {column} FROM auth.issuer WHERE name = 'corp'")
    database.rows(f"UPDATE auth.issuer SET {column} = '{value}' WHERE name = 'corp'")
    observe.wait_until(lambda: shown_or_none(show, token) is None)
    database.rows(f"UPDATE auth.issuer SET {column} = '{before}' WHERE name = 'corp'")
    observe.wait_until(lambda: shown_or_none(show, token) == "corp:alice")


# --- many -----------------------------------------------------------------------------------------


def test_a_flood_of_unknown_keys_costs_no_fetch_and_no_memory(show, keys, server, database):
    """Nothing is verified for a key that nobody knows; an issuer's keys are fetched for one once in a
    while, whoever asks how often."""
    issuer = issuers.Key("ES256", "known")
    with issuers.Site(issuer) as site:
        database.rows(f"""INSERT INTO auth.issuer (name, url, audience, jwks_url, algorithms, user_claim,
            roles_claim) VALUES ('flood', 'https://flood/', '{issuers.AUDIENCE}', '{site.url}',
            '{{ES256}}', 'sub', 'groups')""")
        good = issuer.token("https://flood/", groups="reader")
        observe.wait_until(lambda: shown_or_none(show, good) == "flood:alice")
        remembered = observe.value(server, "junction_auth_tokens_remembered")
        verified = observe.value(server, "junction_auth_token_verifications_total", outcome="bad")
        fetched = len(site.requests)
        own, outside = keys["EdDSA"].own().split("."), good.split(".")
        for i in range(5000):
            for (_, payload, signature), algorithm in ((own, "EdDSA"), (outside, "ES256")):
                header = encode({"alg": algorithm, "kid": f"unknown-{i}"})
                refused(show, f"{header}.{payload}.{signature}")
        assert observe.value(server, "junction_auth_tokens_remembered") == remembered
        assert observe.value(server, "junction_auth_token_verifications_total",
                             outcome="bad") <= verified + 5000
        assert len(site.requests) <= fetched + 1
        assert show(good) == "flood:alice"


def shown_or_none(show, token):
    try:
        return show(token)
    except grpc.RpcError as error:
        assert (error.code(), error.details()) == REFUSED
        return None
