"""Junction's tokens, verified by foreign libraries with the keys that it publishes (RFC 7517)."""

import json
import os

import jwt
import pytest

import npm
import postgres
import programs
import subjects

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "node")
ALGORITHMS = ["EdDSA", "ES256", "RS256"]
MEMBERS = {"EdDSA": {"crv", "x"}, "ES256": {"crv", "x", "y"}, "RS256": {"n", "e"}}
TYPES = {"EdDSA": "OKP", "ES256": "EC", "RS256": "RSA"}


@pytest.fixture(scope="module")
def access_key(database):
    subjects.put(database.url, "application", "demo", "administrator")
    return subjects.put_key(database.url, "demo", "demo")


@pytest.fixture(scope="module")
def server(database, access_key):
    server = programs.Server(database.url, "--auth", "required", "--token-issuer",
                             "https://junction.example.com")
    yield server
    server.stop()


@pytest.fixture(scope="module")
def tokens(server, channel, stubs, database, access_key):
    """One by each algorithm, all good at the same time."""
    auth = stubs.auth_grpc.AuthStub(channel)
    metadata = [("authorization", subjects.basic(access_key))]
    tokens = {}
    for algorithm in ALGORITHMS:
        # It signs as soon as it is made.
        postgres.psql(database.url, "UPDATE auth.token_key SET verifies_until = "
                      "now() + interval '1 hour' WHERE verifies_until IS NULL")
        auth.RotateTokenKey(stubs.auth.RotateTokenKeyRequest(algorithm=algorithm),
                            metadata=metadata)
        tokens[algorithm] = auth.IssueToken(stubs.auth.IssueTokenRequest(
            access_key_id=access_key, secret=subjects.SECRET)).access_token
        assert jwt.get_unverified_header(tokens[algorithm])["alg"] == algorithm
    return tokens


@pytest.fixture(scope="module")
def url(bridge):
    return f"http://{bridge.address}/.well-known/jwks.json"


def test_the_set_holds_public_members_only(bridge, tokens):
    answer = bridge.get("/.well-known/jwks.json")
    assert answer.status == 200
    assert answer.headers["Content-Type"].split(";")[0] == "application/json"
    assert set(answer.json()) == {"keys"}
    keys = {key["kid"]: key for key in answer.json()["keys"]}
    assert len(keys) == len(answer.json()["keys"]) == 4, "the first key is there, too"
    for algorithm, token in tokens.items():
        key = keys[jwt.get_unverified_header(token)["kid"]]
        assert set(key) == {"kty", "use", "alg", "kid"} | MEMBERS[algorithm]
        assert (key["kty"], key["use"], key["alg"]) == (TYPES[algorithm], "sig", algorithm)
        assert not any("=" in key[name] or not key[name] for name in MEMBERS[algorithm])


def test_pyjwt(url, tokens):
    client = jwt.PyJWKClient(url)
    for algorithm, token in tokens.items():
        claims = jwt.decode(token, client.get_signing_key_from_jwt(token).key, [algorithm],
                            audience="https://junction.example.com",
                            issuer="https://junction.example.com",
                            options={"require": ["exp", "iat", "nbf", "iss", "aud", "sub", "jti"]})
        assert claims["sub"] == "application:demo"


def test_jose(url, tokens):
    with npm.installed(HERE) as copy:
        seen = json.loads(npm.run(copy, "jwks.js", url, "https://junction.example.com",
                                  *tokens.values()))
    assert seen["types"] == ["public"] * 4
    assert seen["remote"] == seen["local"] == [[algorithm, "application:demo"]
                                               for algorithm in tokens]
