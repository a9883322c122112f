"""Tokens of outside issuers whose keys were given: which are taken, and what their users may do."""

import json
import time

import grpc
import jwt
import pytest

import issuers
import programs
import subjects

URL = "https://login.example.com/"
ALGORITHMS = ["EdDSA", "ES256", "ES384", "RS256", "RS384", "RS512", "PS256"]


@pytest.fixture(scope="module")
def server(database):
    subjects.put(database.url, "application", "admin", "administrator")
    server = programs.Server(database.url, "--auth", "required")
    server.key = subjects.put_key(database.url, "admin", "admin")
    yield server
    server.stop()


@pytest.fixture(scope="module")
def auth(server, channel, stubs):
    stub = stubs.auth_grpc.AuthStub(channel)
    metadata = [("authorization", subjects.basic(server.key))]
    return Administrator(stub, stubs.auth, metadata)


class Administrator:
    def __init__(self, stub, types, metadata):
        self.stub, self.types, self.metadata = stub, types, metadata

    def ask(self, rpc, **fields):
        request = getattr(self.types, rpc + "Request")(**fields)
        return getattr(self.stub, rpc)(request, metadata=self.metadata)

    def put(self, name, **fields):
        issuer = {"name": name, "url": URL, "audience": issuers.AUDIENCE, **fields}
        return self.ask("PutIssuer", issuer=self.types.Issuer(**issuer)).issuer

    def listed(self):
        return list(self.ask("ListIssuers").issuers)

    def takes(self, token):
        """Whether it is a good one."""
        return self.ask("Introspect", token=token).active

    def who(self, token):
        """Who the caller is, and his roles."""
        answer = self.stub.WhoAmI(self.types.WhoAmIRequest(),
                                  metadata=[("authorization", "Bearer " + token)])
        return answer.subject.name, list(answer.roles)


def refusal(call, *arguments, **fields):
    with pytest.raises(grpc.RpcError) as error:
        call(*arguments, **fields)
    return error.value.code(), error.value.details()


@pytest.fixture(scope="module")
def keys():
    return {algorithm: issuers.Key(algorithm, kid=algorithm) for algorithm in ALGORITHMS}


@pytest.fixture(scope="module")
def corp(auth, keys, database):
    """An issuer with a key for each algorithm, and a user of its that is granted something."""
    subjects.put(database.url, "user", "corp:alice", "reader")
    return auth.put("corp", jwks=issuers.jwks(*keys.values()), algorithms=ALGORITHMS,
                    roles_claim="groups")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_token_is_taken_as_soon_as_the_issuer_is_put(auth, corp, keys, algorithm):
    token = keys[algorithm].token(URL, jti="a token")
    shown = auth.ask("Introspect", token=token)
    assert (shown.active, shown.sub, shown.username) == (True, "user:corp:alice", "corp:alice")
    assert (shown.iss, shown.aud, shown.jti) == (URL, issuers.AUDIENCE, "a token")
    assert shown.token_type == "Bearer" and shown.exp - shown.iat == 600
    assert auth.who(token) == ("corp:alice", ["reader"])


def test_a_token_without_kid_is_tried_with_all_keys(auth, corp, keys):
    assert all(auth.takes(key.token(URL, kid=None)) for key in keys.values())


def test_the_audience_may_be_one_of_several(auth, corp, keys):
    key = keys["ES256"]
    assert auth.takes(key.token(URL, aud=["another", issuers.AUDIENCE]))
    assert not auth.takes(key.token(URL, aud=["another"]))


@pytest.mark.parametrize("said", [["auditor", "service"], "auditor service", "Auditor  service "])
def test_roles_of_the_token_are_added_to_those_granted(auth, corp, keys, said):
    assert auth.who(keys["EdDSA"].token(URL, groups=said)) == (
        "corp:alice", ["auditor", "reader", "service"])


def test_a_user_need_not_be_known_if_the_token_says_roles(auth, corp, keys, server, stubs):
    with server.channel() as channel:
        registry = stubs.registry_grpc.RegistryStub(channel)

        def list_servers(token):
            return registry.ListServers(stubs.registry.ListServersRequest(),
                                        metadata=[("authorization", "Bearer " + token)])
        list_servers(keys["EdDSA"].token(URL, user="Bob", groups="reader"))
        assert refusal(list_servers, keys["EdDSA"].token(URL, user="Bob", groups="auditor"))[0] == (
            grpc.StatusCode.PERMISSION_DENIED)
        assert refusal(list_servers, keys["EdDSA"].token(URL, user="Bob"))[0] == (
            grpc.StatusCode.UNAUTHENTICATED)


def test_a_user_that_is_disabled_is_refused(auth, corp, keys, database):
    subjects.put(database.url, "user", "corp:mallory", "reader", disabled=True)
    assert not auth.takes(keys["EdDSA"].token(URL, user="mallory", groups="reader"))


def forged(header, key, algorithm):
    """Signed as algorithm says by what everybody knows."""
    secret = json.dumps(key.jwk()).encode()
    return jwt.encode({"iss": URL, "aud": issuers.AUDIENCE, "sub": "alice",
                       "exp": int(time.time()) + 600}, secret if algorithm != "none" else None,
                      algorithm, headers=header)


HOSTILE = {
    "another audience": lambda k: k["ES256"].token(URL, aud="another"),
    "no audience": lambda k: k["ES256"].token(URL, aud=None),
    "another issuer": lambda k: k["ES256"].token(URL + "x"),
    "expired": lambda k: k["ES256"].token(URL, exp=int(time.time()) - 3600),
    "endless": lambda k: k["ES256"].token(URL, exp=None),
    "not yet": lambda k: k["ES256"].token(URL, nbf=int(time.time()) + 3600),
    "no user": lambda k: k["ES256"].token(URL, user=None),
    "an empty user": lambda k: k["ES256"].token(URL, user=""),
    "a user that is a number": lambda k: k["ES256"].token(URL, user=7),
    "roles that are a number": lambda k: k["ES256"].token(URL, groups=7),
    "of an unknown kid": lambda k: k["ES256"].token(URL, kid="unknown"),
    "of another key's kid": lambda k: k["ES256"].token(URL, kid="RS256"),
    "by a key of the same kid": lambda k: issuers.Key("ES256", kid="ES256").token(URL),
    "unsigned": lambda k: forged({"kid": "ES256"}, k["ES256"], "none"),
    "signed by the public key": lambda k: forged({"kid": "RS256"}, k["RS256"], "HS256"),
    "cut": lambda k: k["ES256"].token(URL)[:-4],
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_token_is_refused(auth, corp, keys, what):
    token = HOSTILE[what](keys)
    assert not auth.takes(token)
    assert refusal(auth.who, token) == (grpc.StatusCode.UNAUTHENTICATED, "the token is not valid")


def test_only_the_algorithms_of_the_issuer_and_of_the_key_count(auth, keys):
    key = keys["RS256"]
    url = URL + "algorithms"
    auth.put("algorithms", url=url, algorithms=["RS256", "PS256", "RS512"], jwks=json.dumps(
        {"keys": [key.jwk(alg="RS256"), keys["ES256"].jwk()]}), roles_claim="groups")
    assert auth.takes(key.token(url, groups="reader"))
    assert not auth.takes(key.token(url, algorithm="PS256", groups="reader"))
    assert not auth.takes(key.token(url, algorithm="RS384", groups="reader"))
    assert not auth.takes(keys["ES256"].token(url, groups="reader"))


def test_issuers_whose_keys_have_the_same_id(auth):
    one, other = issuers.Key("ES256", "same"), issuers.Key("ES256", "same")
    auth.put("one", url=URL + "one", jwks=issuers.jwks(one), roles_claim="groups")
    auth.put("other", url=URL + "other", jwks=issuers.jwks(other), roles_claim="groups")
    assert auth.takes(one.token(URL + "one", groups="reader"))
    assert auth.takes(other.token(URL + "other", groups="reader"))
    assert not auth.takes(one.token(URL + "other", groups="reader"))
    assert not auth.takes(other.token(URL + "one", groups="reader"))


def test_another_claim_names_the_user(auth, keys):
    url = URL + "claim"
    auth.put("claim", url=url, jwks=issuers.jwks(keys["ES256"]), user_claim="email",
             roles_claim="https://example.com/roles")
    token = keys["ES256"].token(url, email="Eve@Example.com",
                                **{"https://example.com/roles": ["reader"]})
    assert auth.who(token) == ("claim:Eve@Example.com", ["reader"])


def test_new_keys_count_at_once_and_old_ones_no_more(auth, keys):
    url = URL + "keys"
    before, after = (keys[name].token(url, groups="reader") for name in ("ES256", "EdDSA"))
    auth.put("keys", url=url, jwks=issuers.jwks(keys["ES256"]), roles_claim="groups")
    assert (auth.takes(before), auth.takes(after)) == (True, False)
    auth.put("keys", url=url, jwks=issuers.jwks(keys["EdDSA"]), roles_claim="groups")
    assert (auth.takes(before), auth.takes(after)) == (False, True)
    auth.ask("DeleteIssuer", name="keys")
    assert (auth.takes(before), auth.takes(after)) == (False, False)
    assert refusal(auth.who, after)[0] == grpc.StatusCode.UNAUTHENTICATED
    assert refusal(auth.ask, "DeleteIssuer", name="keys") == (
        grpc.StatusCode.NOT_FOUND, "there is no such issuer")


# --- administration -------------------------------------------------------------------------------

def secret_set(key, **members):
    return json.dumps({"keys": [key.jwk(), key.jwk(kid="secret", **members)]})


WRONG = {
    "no name": ({"name": ""}, "issuer.name"),
    "a name in upper case": ({"name": "Corp"}, "issuer.name"),
    "a name with a colon": ({"name": "a:b"}, "issuer.name"),
    "a name beginning with a digit": ({"name": "1a"}, "issuer.name"),
    "a long name": ({"name": "a" * 33}, "issuer.name"),
    "no url": ({"url": ""}, "issuer.url"),
    "a long url": ({"url": "h" * 1025}, "issuer.url"),
    "our own url": ({"url": "junction"}, "issuer.url"),
    "no audience": ({"audience": ""}, "issuer.audience"),
    "a long audience": ({"audience": "a" * 256}, "issuer.audience"),
    "an audience with a control character": ({"audience": "a\nb"}, "issuer.audience"),
    "no keys": ({"jwks": ""}, "issuer.jwks"),
    "keys twice": ({"jwks_url": "https://example.com"}, "issuer.jwks"),
    "keys that are no JSON": ({"jwks": "{"}, "issuer.jwks"),
    "keys that are no set": ({"jwks": "[]"}, "issuer.jwks"),
    "an empty set": ({"jwks": '{"keys":[]}'}, "issuer.jwks"),
    "large keys": ({"jwks": '{"keys":[' + " " * 65536 + "]}"}, "issuer.jwks"),
    "a name twice in the keys": ({"jwks": '{"keys":[],"keys":[]}'}, "issuer.jwks"),
    "only a symmetric key": (
        {"jwks": '{"keys":[{"kty":"oct","k":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}]}'},
        "issuer.jwks"),
    "an algorithm that is not taken": ({"algorithms": ["RS256", "HS256"]}, "issuer.algorithms[1]"),
    "no algorithm at all": ({"algorithms": ["none"]}, "issuer.algorithms[0]"),
    "a long claim": ({"user_claim": "a" * 256}, "issuer.user_claim"),
    "a claim with a control character": ({"roles_claim": "a\x01"}, "issuer.roles_claim"),
    "another scheme": ({"jwks": "", "jwks_url": "file:///etc/passwd"}, "issuer.jwks_url"),
    "no host": ({"jwks": "", "jwks_url": "https:///jwks"}, "issuer.jwks_url"),
    "a blank": ({"jwks": "", "jwks_url": "https://example.com/a b"}, "issuer.jwks_url"),
    "a password": ({"jwks": "", "jwks_url": "https://a:b@example.com/"}, "issuer.jwks_url"),
    "a long address": ({"jwks": "", "jwks_url": "https://a/" + "b" * 2048}, "issuer.jwks_url"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_refused_by_its_field(auth, keys, what):
    fields, field = WRONG[what]
    fields = {"jwks": issuers.jwks(keys["ES256"]), "url": URL + "wrong", **fields}
    code, text = refusal(auth.put, **{"name": "wrong", **fields})
    assert code == grpc.StatusCode.INVALID_ARGUMENT and text.startswith(field + ": "), text
    assert "wrong" not in [issuer.name for issuer in auth.listed()]


def test_secret_keys_are_refused_and_not_repeated(auth, keys):
    fields = {"name": "wrong", "url": URL + "wrong"}
    for given in (secret_set(keys["ES256"], d="c2VjcmV0"),
                  secret_set(keys["RS256"], kty="oct", k="c2VjcmV0")):
        code, text = refusal(auth.put, **fields, jwks=given)
        assert (code, text) == (grpc.StatusCode.INVALID_ARGUMENT,
                                "issuer.jwks: must hold public keys only")


def test_keys_that_none_of_the_algorithms_takes_are_refused(auth, keys):
    fields = {"name": "wrong", "url": URL + "wrong"}
    for key, algorithm in ((keys["ES256"], "RS256"), (issuers.Key("RS256", bits=1024), "RS256"),
                           (keys["ES384"], "ES256")):
        code, text = refusal(auth.put, **fields, jwks=issuers.jwks(key), algorithms=[algorithm])
        assert code == grpc.StatusCode.INVALID_ARGUMENT and text.startswith("issuer.jwks: must"), text


def test_an_issuer_is_kept_as_it_was_given(auth, keys):
    given = ' {"keys" : [' + json.dumps(keys["ES256"].jwk(more=1.50)) + ']}\n'
    put = auth.put("kept", url=URL + "kept", jwks=given)
    assert put.jwks == given.strip() and not put.jwks_url
    assert list(put.algorithms) == ["EdDSA", "ES256", "RS256"]
    assert (put.user_claim, put.roles_claim) == ("sub", "")
    assert put in auth.listed()
    changed = auth.put("kept", url=URL + "kept", jwks=given, algorithms=["PS256", "ES256", "PS256"],
                       user_claim="email")
    assert list(changed.algorithms) == ["ES256", "PS256"]
    names = [issuer.name for issuer in auth.listed()]
    assert names == sorted(names) and names.count("kept") == 1 and changed in auth.listed()


def test_one_url_and_audience_is_one_issuer(auth, keys):
    fields = {"url": URL + "twice", "jwks": issuers.jwks(keys["ES256"])}
    auth.put("first", **fields)
    assert refusal(auth.put, "second", **fields) == (
        grpc.StatusCode.ALREADY_EXISTS, "another issuer has this url and this audience")
    auth.put("second", audience="another", **fields)


def test_changes_are_in_the_audit_with_who_made_them(auth, keys, database):
    fields = {"url": URL + "audited", "jwks": issuers.jwks(keys["ES256"])}
    auth.put("audited", **fields)
    auth.put("audited", user_claim="email", **fields)
    auth.ask("DeleteIssuer", name="audited")
    assert database.rows("SELECT content, application, roles FROM audit.record WHERE namespace = "
                         "'junction.auth' AND target = 'issuer:audited' ORDER BY position") == [
        [f"issuer {what}", "admin", "{administrator}"] for what in ("added", "changed", "removed")]


def test_there_are_at_most_50(auth, keys):
    given = issuers.jwks(keys["EdDSA"])
    for i in range(len(auth.listed()), 50):
        auth.put(f"many-{i}", url=f"{URL}{i}", jwks=given)
    code, text = refusal(auth.put, "many-50", url=URL + "50", jwks=given)
    assert code == grpc.StatusCode.FAILED_PRECONDITION and "50 issuers" in text
    auth.put("many-49", url=URL + "changed", jwks=given)
