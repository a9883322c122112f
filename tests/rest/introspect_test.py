"""What a token says (RFC 7662), over HTTP."""

import json

import pytest

import programs
import subjects


@pytest.fixture(scope="module")
def access_key(database):
    subjects.put(database.url, "application", "demo", "reader")
    return subjects.put_key(database.url, "demo", "demo")


@pytest.fixture(scope="module")
def server(database, access_key):
    server = programs.Server(database.url, "--auth", "required")
    yield server
    server.stop()


def introspect(bridge, access_key, token):
    return bridge.post("/v1/auth/introspect", {"token": token},
                       {"Authorization": subjects.basic(access_key)})


def test_a_good_token(bridge, access_key):
    issued = bridge.post("/v1/auth/token", {"accessKeyId": access_key, "secret": subjects.SECRET})
    token = issued.json()["access_token"]
    shown = introspect(bridge, access_key, token).json()
    assert shown.pop("exp") - shown.pop("iat") == issued.json()["expires_in"] == 900
    assert len(shown.pop("jti")) == 36
    assert shown == {"active": True, "sub": "application:demo", "username": "demo",
                     "iss": "junction", "aud": "junction", "token_type": "Bearer"}
    bridge.post("/v1/auth/revoke", {"token": token})
    assert introspect(bridge, access_key, token).body == b'{"active":false}'


@pytest.mark.parametrize("token", ["no token", "a.b.c", "x" * 9000])
def test_of_what_is_no_good_token_nothing_is_told(bridge, access_key, token):
    answer = introspect(bridge, access_key, token)
    assert (answer.status, answer.body) == (200, b'{"active":false}')


def test_who_asks_must_be_known_and_name_a_token(bridge, access_key):
    assert bridge.post("/v1/auth/introspect", {"token": "x"}).status == 401
    answer = introspect(bridge, access_key, "")
    assert answer.status == 400 and json.loads(answer.body)["message"] == "token: is required"
