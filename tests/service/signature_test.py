"""The built-in signature and site authentication: signed here and verified by the openssl command
line, signed there and verified here."""

import base64
import concurrent.futures
import json
import os
import re

import grpc
import pytest

import parties
import postgres
import programs

OWN = {"9999": "rsa", "8888": "ed25519"}

# As it is written, and its canonical bytes (RFC 8785).
BODIES = [
    ('{"job_id":"202601","role":"guest","n":1.0}', '{"job_id":"202601","n":1,"role":"guest"}'),
    (' { "b" : [ 1e2 , -0.0, 1E30 ], "a" : "\\u4eca\\/\\u000a" } ',
     '{"a":"今/\\n","b":[100,0,1e+30]}'),
    ("{}", "{}"), ("[]", "[]"), ('"text"', '"text"'), ("1.50", "1.5"), ("false", "false"),
]


@pytest.fixture(scope="module")
def server(database):
    server = programs.Server(database.url, "--own-party", "9999", "--own-party", "8888:ed25519")
    yield server
    server.stop()


@pytest.fixture(scope="module")
def auth(channel, stubs):
    auth = stubs.auth_grpc.AuthStub(channel)
    for party in OWN:
        parties.wait_for_keys(auth, stubs, party)
    return auth


@pytest.fixture(scope="module", params=["rsa", "ed25519"])
def site(request, auth, stubs):
    """Another site, whose public key is registered."""
    pair = parties.KeyPair(request.param)
    pair.party = "site-" + request.param
    auth.PutPartyKey(stubs.auth.PutPartyKeyRequest(party_id=pair.party, public_key=pair.public))
    return pair


def sign(auth, stubs, party, body):
    answer = auth.Signature(stubs.auth.SignatureRequest(party_id=party, body=body))
    assert answer.data == answer.site_signature
    return answer.data


def check(auth, stubs, party, body, signature):
    auth.SiteAuthentication(stubs.auth.SiteAuthenticationRequest(
        src_party_id=party, body=body, site_signature=signature))


def refusal(call, *arguments):
    with pytest.raises(grpc.RpcError) as error:
        call(*arguments)
    return error.value.code(), error.value.details()


def denied(party):
    return (grpc.StatusCode.UNAUTHENTICATED, f"the signature is not that of party {party}")


@pytest.mark.parametrize("party", OWN)
@pytest.mark.parametrize("body, canonical", BODIES)
def test_openssl_takes_what_is_signed_here(auth, stubs, party, body, canonical):
    public = parties.list_keys(auth, stubs, party)[0].public_key
    signature = sign(auth, stubs, party, body)
    assert parties.verifies(public, canonical.encode(), signature)
    assert not parties.verifies(public, canonical.encode() + b" ", signature)


@pytest.mark.parametrize("body, canonical", BODIES)
def test_what_openssl_signs_is_taken_here(auth, stubs, site, body, canonical):
    signature = site.sign(canonical.encode())
    check(auth, stubs, site.party, body, signature)
    assert refusal(check, auth, stubs, site.party, '{"other":1}', signature) == denied(site.party)
    assert refusal(check, auth, stubs, "9999", body, signature) == denied("9999")


@pytest.mark.parametrize("party", OWN)
def test_a_body_that_was_read_and_written_again_is_the_same(auth, stubs, party):
    body = {"name": "今", "list": [1, 2.5, -3e-7, 1e21, None, True], "deep": {"z": {}, "a": "\n/"}}
    signature = sign(auth, stubs, party, json.dumps(body))
    for again in (json.dumps(body, sort_keys=True, indent=2),
                  json.dumps(body, ensure_ascii=False, separators=(",", ":")),
                  json.dumps(dict(reversed(body.items())))):
        check(auth, stubs, party, again, signature)


@pytest.mark.parametrize("party", ["", "0"])
def test_who_does_not_say_who_it_is_is_the_first_own_party(auth, stubs, party):
    check(auth, stubs, party, "{}", sign(auth, stubs, "9999", "{}"))
    assert refusal(check, auth, stubs, party, "{}", sign(auth, stubs, "8888", "{}")) == denied(
        "9999")


@pytest.mark.parametrize("party", ["10000", "*", "9999 ", "0"])
def test_only_own_parties_are_signed_for(auth, stubs, party):
    assert refusal(sign, auth, stubs, party, "{}") == (
        grpc.StatusCode.PERMISSION_DENIED, f"party {party} is no own party")


def test_a_party_that_is_not_known_is_not_believed(auth, stubs):
    signature = sign(auth, stubs, "9999", "{}")
    assert refusal(check, auth, stubs, "10000", "{}", signature) == (
        grpc.StatusCode.UNAUTHENTICATED, "party 10000 has no key")
    assert refusal(check, auth, stubs, "x" * 5000, "{}", signature) == (
        grpc.StatusCode.UNAUTHENTICATED, "party " + "x" * 64 + " has no key")


def test_a_wrong_signature_is_refused_whatever_is_wrong(auth, stubs, site):
    good = base64.b64decode(site.sign(b"{}"))
    flipped = bytes([good[0] ^ 1]) + good[1:]
    for wrong in ("not base64!", "A", base64.b64encode(flipped).decode(),
                  base64.b64encode(good[:-1]).decode(), base64.b64encode(good + b"x").decode(),
                  base64.b64encode(b"\0" * len(good)).decode(), good.hex(), "=" * 4):
        assert refusal(check, auth, stubs, site.party, "{}", wrong) == denied(site.party)


@pytest.mark.parametrize("body, details", [
    ("9007199254740993", "body: is an integer that a double does not hold exactly: give it as a"
     " string"),
    ('{"a":[{"b":1e999}]}', "body.a[0].b: is a number beyond the range of a double"),
    ('{"a":1,"a":1}', 'body: invalid JSON at byte 7: duplicate member "a"'),
    ('"\\ud800"', "body: "),
    ("{", "body: "), ("", "body: is required"), ("null", "body: is required")])
def test_a_body_without_canonical_form_is_refused(auth, stubs, body, details):
    code, said = refusal(sign, auth, stubs, "9999", body)
    assert code == grpc.StatusCode.INVALID_ARGUMENT and said.startswith(details)
    code, said = refusal(check, auth, stubs, "9999", body, "AAAA")
    assert code == grpc.StatusCode.INVALID_ARGUMENT and said.startswith(details)


def test_any_key_of_a_party_will_do_until_it_is_deleted(auth, stubs):
    pairs = [parties.KeyPair(kind) for kind in ("rsa", "ed25519", "rsa")]
    keys = [auth.PutPartyKey(stubs.auth.PutPartyKeyRequest(party_id="several",
                                                           public_key=pair.public)).key
            for pair in pairs]
    signatures = [pair.sign(b'{"a":1}') for pair in pairs]
    for signature in signatures:
        check(auth, stubs, "several", '{"a":1.0}', signature)
    auth.DeletePartyKey(stubs.auth.DeletePartyKeyRequest(party_id="several", key_id=keys[1].key_id))
    check(auth, stubs, "several", '{"a":1}', signatures[0])
    check(auth, stubs, "several", '{"a":1}', signatures[2])
    assert refusal(check, auth, stubs, "several", '{"a":1}', signatures[1]) == denied("several")


def test_a_rotated_key_signs_and_the_old_one_stays_good(auth, stubs):
    before = parties.list_keys(auth, stubs, "8888")[0]
    old = sign(auth, stubs, "8888", '{"a":1}')
    new_key = auth.RotatePartyKey(stubs.auth.RotatePartyKeyRequest(party_id="8888")).key
    new = sign(auth, stubs, "8888", '{"a":1}')
    assert parties.verifies(new_key.public_key, b'{"a":1}', new)
    assert parties.verifies(before.public_key, b'{"a":1}', old)
    check(auth, stubs, "8888", '{"a":1}', old)
    check(auth, stubs, "8888", '{"a":1}', new)
    auth.DeletePartyKey(stubs.auth.DeletePartyKeyRequest(party_id="8888", key_id=before.key_id))
    assert refusal(check, auth, stubs, "8888", '{"a":1}', old) == denied("8888")


def test_a_key_that_another_server_rotates_signs_here_too(auth, stubs, database):
    other = programs.Server(database.url, "--own-party", "9999")
    try:
        with other.channel() as channel:
            there = stubs.auth_grpc.AuthStub(channel)
            key = there.RotatePartyKey(stubs.auth.RotatePartyKeyRequest(
                party_id="9999", algorithm=stubs.auth.KEY_ALGORITHM_ED25519)).key
            signature = sign(auth, stubs, "9999", "[]")
            assert parties.verifies(key.public_key, b"[]", signature)
            check(there, stubs, "9999", "[]", signature)
    finally:
        other.stop()


def test_many_at_once(auth, stubs):
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        bodies = [json.dumps({"i": i, "text": "x" * (i * 97 % 5000)}) for i in range(200)]
        signatures = list(pool.map(lambda body: sign(auth, stubs, "8888", body), bodies))
        list(pool.map(lambda pair: check(auth, stubs, "8888", *pair), zip(bodies, signatures)))


def test_a_large_body(auth, stubs):
    body = json.dumps({str(i): [i / 7, "今" * 10] for i in range(20000)})
    signature = sign(auth, stubs, "9999", body)
    check(auth, stubs, "9999", json.dumps(dict(reversed(json.loads(body).items()))), signature)


def test_until_the_key_pair_is_made_nothing_is_signed(cluster_url, stubs):
    with programs.Database(cluster_url) as database:
        # Who changes keys waits for this lock.
        with postgres.Session(database.url) as session:
            session.run("BEGIN; SELECT FROM pg_advisory_xact_lock(6024017);")
            server = programs.Server(database.url, "--lock-timeout-ms", "200")
            try:
                with server.channel() as channel:
                    auth = stubs.auth_grpc.AuthStub(channel)
                    assert refusal(sign, auth, stubs, "9999", "{}") == (
                        grpc.StatusCode.UNAVAILABLE,
                        "the key pair of party 9999 has not been made yet")
                    session.run("COMMIT;")
                    parties.wait_for_keys(auth, stubs, "9999")
                    assert sign(auth, stubs, "9999", "{}")
            finally:
                server.stop()


def test_over_http(auth, stubs, bridge):
    body = '{"party_id": 9999, "body": {"b": 1.0, "a": [1e2]}}'
    answer = bridge.request("POST", "/v1/auth/signature", body)
    assert answer.status == 200
    said = answer.json()
    assert said["code"] == 0 and said["data"] == said["site_signature"]
    check(auth, stubs, "9999", '{"a":[100],"b":1}', said["data"])
    said = bridge.post("/v1/auth/site_authentication", {
        "src_party_id": "9999", "site_signature": said["data"], "body": {"a": [100], "b": 1}}).json()
    assert said["code"] == 0
    said = bridge.post("/v1/auth/signature", {"party_id": "10000", "body": {}}).json()
    assert (said["code"], said["msg"]) == (108, "party 10000 is no own party")


# RFC 8032, 7.1, test 1.
EXAMPLE_KEY = """-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g
-----END PRIVATE KEY-----
"""
EXAMPLE_BODY = '{"role": "guest", "n": 1.0, "job_id": "202601"}'
EXAMPLE_FORM = '{"job_id":"202601","n":1,"role":"guest"}'
EXAMPLE_SIGNATURE = ("isE+epJspdFHXqtK0dzGOvRQDxejZa9pKiiNZerx5dQ19md5FuyvM9UWzIbUj0C3wuzddsL4HNlyp"
                     "t3Pbpz2BA==")


def test_the_example_in_the_documentation(auth, stubs):
    with open(os.path.join(programs.ROOT, "proto", "junction", "v1", "auth.proto"),
              encoding="utf-8") as file:
        text = re.sub(r"\n *// ?", "\n", file.read())
    for part in (EXAMPLE_KEY, EXAMPLE_BODY, f"{EXAMPLE_FORM}, {len(EXAMPLE_FORM)} bytes",
                 EXAMPLE_SIGNATURE):
        assert part in text
    pair = parties.KeyPair("ed25519")
    pair.private = EXAMPLE_KEY
    assert pair.sign(EXAMPLE_FORM.encode()) == EXAMPLE_SIGNATURE
    public = parties.openssl("pkey", "-pubout", stdin=EXAMPLE_KEY.encode()).decode()
    auth.PutPartyKey(stubs.auth.PutPartyKeyRequest(party_id="example", public_key=public))
    check(auth, stubs, "example", EXAMPLE_BODY, EXAMPLE_SIGNATURE)
