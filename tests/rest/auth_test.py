"""Who calls, over HTTP: credentials as clients send them, and what those get who show none or wrong
ones, in the shape of each URI."""

import contextlib
import http.client
import json
import socket

import pytest

import programs
import subjects

CHALLENGES = ['Bearer realm="junction"', 'Basic realm="junction"']
TEXT = ("credentials are required: authorization Bearer with an access token, or Basic with an access"
        " key")

# A URI of each shape, and what is asked there.
PROFILES = {
    "fate": ("POST", "/v1/server/known/get", {}),
    "hook": ("POST", "/v1/auth/permission", {"src_party_id": "1", "component_list": [],
                                             "dataset_list": []}),
    "mw": ("POST", "/mw/call", {"service": "known", "action": "query"}),
    "list": ("GET", "/mw/services", None),
    "log": ("POST", "/mw/v1/audit/write", {}),
    "number": ("POST", "/mw/v1/audit/find", {}),
    "reader": ("POST", "/v1/api_reader/known/query", {"jobId": "1"}),
    "extension": ("POST", "/extension/deregister", None),
    "native": ("GET", "/v1/extensions", None),
}


def body_of(profile, text, number, http, word, code):
    """A refusal: number as FATE Flow counts, word and code as gRPC does."""
    both = {"message": text, "mssage": text}
    return {
        "fate": {"retcode": number, "retmsg": text},
        "hook": {"code": number, "msg": text, "message": text},
        "mw": {"code": str(http), **both}, "list": {"code": str(http), **both},
        "number": {"code": http, **both},
        "log": {"message": text, "status": http, "results": []},
        "reader": {"code": http, "message": text},
        "extension": {"functionName": "", "functionVersion": "", "handler": "",
                      "errorInfo": {"errorType": word, "errorMessage": text}},
        "native": {"code": code, "message": text, "details": []},
    }[profile]


def shown(answer):
    value = answer.json()
    if isinstance(value, dict) and "results" in value:
        value.pop("timestamp")
    return value


@pytest.fixture(scope="module")
def keys(database):
    url = database.url
    subjects.put(url, "application", "administration", "administrator")
    subjects.put(url, "application", "nothing")
    return {name: subjects.basic(subjects.put_key(url, application, name))
            for name, application in (("admin", "administration"), ("nothing", "nothing"))}


@pytest.fixture(scope="module")
def server(database, keys):
    server = programs.Server(database.url, "--auth", "required")
    yield server
    server.stop()


@pytest.fixture(scope="module")
def bridge(server, keys):
    """With a server registered, and services at which nobody listens."""
    bridge = programs.Bridge(server)
    admin = {"Authorization": keys["admin"]}
    assert bridge.post("/v1/server/known/register", {"host": "127.0.0.1", "port": programs.free_port()},
                       admin).json()["retcode"] == 0
    for name in ("upload", "query", "download"):
        assert bridge.post("/v1/service/registry", {
            "server_name": "known", "service_name": name, "uri": "/" + name},
            admin).json()["retcode"] == 0
    yield bridge
    bridge.stop()


@pytest.fixture(scope="module")
def token(bridge, keys):
    answer = bridge.post("/v1/auth/token", {"access_key_id": "ak-admin000000000000000",
                                            "secret": subjects.SECRET})
    assert answer.status == 200, answer
    return answer.json()["access_token"]


def ask(bridge, profile, authorization=None, **headers):
    verb, path, value = PROFILES[profile]
    if authorization:
        headers["Authorization"] = authorization
    return bridge.request(verb, path, None if value is None else json.dumps(value), headers)


def refused_for_lack(answer, profile, text=TEXT):
    return (answer.status == (200 if profile in ("fate", "hook") else 401)
            and answer.headers.get_all("WWW-Authenticate") == CHALLENGES
            and shown(answer) == body_of(profile, text, 109, 401, "UNAUTHENTICATED", 16))


def let_in(answer):
    """The hook says that the party may not: 108, too, but in words of its own."""
    value = answer.json()
    code = value.get("retcode", value.get("code")) if isinstance(value, dict) else 0
    return (answer.status not in (401, 403) and code != 109 and "may not: " not in answer.body.decode()
            and answer.headers["WWW-Authenticate"] is None)


# --- a server that requires them ------------------------------------------------------------------

@pytest.mark.parametrize("profile", PROFILES)
def test_nothing_is_shown(bridge, profile):
    answer = ask(bridge, profile)
    text = shown(answer)["retmsg"] if profile == "fate" else TEXT
    assert text.startswith("credentials are required")
    assert refused_for_lack(answer, profile, text), answer


@pytest.mark.parametrize("profile", PROFILES)
def test_what_is_shown_is_wrong(bridge, profile):
    for given, text in (("Bearer x.y.z", "the token is not valid"), ("Digest x", TEXT),
                        (subjects.basic("ak-admin000000000000000", "wrong"),
                         "the access key is not valid")):
        assert refused_for_lack(ask(bridge, profile, given), profile, text)


@pytest.mark.parametrize("profile", PROFILES)
def test_who_is_known_may_not(bridge, keys, profile):
    answer = ask(bridge, profile, keys["nothing"])
    text = next(text for text in answer.body.decode().split('"')
                if text.startswith("application nothing may not: "))
    assert answer.status == (200 if profile in ("fate", "hook") else 403)
    assert answer.headers["WWW-Authenticate"] is None
    assert shown(answer) == body_of(profile, text, 108, 403, "PERMISSION_DENIED", 7)


@pytest.mark.parametrize("profile", PROFILES)
def test_who_may_gets_through(bridge, keys, token, profile):
    for authorization in (keys["admin"], "Bearer " + token, "bearer " + token):
        answer = ask(bridge, profile, authorization)
        assert let_in(answer), answer


def test_a_stream_is_refused_before_it_begins(bridge, keys):
    assert bridge.get("/v1/audit/export").json() == body_of("native", TEXT, 0, 401, "", 16)
    upload = "/v1/api_reader/known/upload?requestBody={}"
    bytes_ = {"Content-Type": "application/octet-stream"}
    answer = bridge.request("POST", upload, iter([b"x" * 100000]), bytes_)
    assert answer.status == 401 and answer.json() == {"code": 401, "message": TEXT}
    answer = bridge.request("POST", upload, b"x", {**bytes_, "Authorization": keys["nothing"]})
    assert answer.status == 403 and "application nothing may not" in answer.json()["message"], answer


def test_what_is_public_needs_none(bridge):
    for path in ("/healthz", "/readyz", "/mw/server/health", "/openapi.json", "/docs",
                 "/.well-known/jwks.json"):
        assert bridge.get(path).status == 200, path
        # Nor does it look at what is given.
        assert bridge.get(path, {"Authorization": "Bearer x", "APP_KEY": "x"}).status in (200, 401)


def test_the_header_twice_is_none(bridge, keys):
    answer = bridge.raw(b"GET /v1/auth/me HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n" +
                        2 * f"Authorization: {keys['admin']}\r\n".encode() + b"\r\n")
    assert answer.startswith(b"HTTP/1.1 400 ") and b"Authorization is repeated" in answer


def test_who_changes_something_is_in_the_audit(bridge, keys, database):
    answer = bridge.request("POST", "/v1/auth/party-grants", json.dumps(
        {"grant": {"partyId": "1", "kind": "GRANT_KIND_ROLE", "name": "host"}}),
        {"Authorization": keys["admin"]})
    assert answer.status == 200, answer
    assert database.rows("SELECT application, roles, content FROM audit.record"
                         " WHERE content LIKE 'party_grant%'") == [
        ["administration", "{administrator}", "party_grant added"]]


# --- extensions -----------------------------------------------------------------------------------

EXTENSION = {"FunctionGraph-Extension-Name": "demo.sh",
             "FunctionGraph-Extension-Address": "127.0.0.1:8081"}


def test_an_extension_needs_no_credentials_on_its_own_host(bridge, keys):
    answer = bridge.request("POST", "/extension/register", None, EXTENSION)
    assert (answer.status, answer.json()["errorInfo"]) == (200, {"errorType": "", "errorMessage": ""})
    # What the documentation does not have needs them.
    assert bridge.request("POST", "/extension/deregister", None, EXTENSION).status == 401
    assert bridge.request("POST", "/extension/deregister", None,
                          {**EXTENSION, "Authorization": keys["admin"]}).status == 200


@pytest.mark.parametrize("name", ["Forwarded", "x-forwarded-for", "VIA"])
def test_an_extension_registers_through_no_proxy(bridge, name):
    answer = bridge.request("POST", "/extension/register", None, {**EXTENSION, name: "127.0.0.1"})
    assert (answer.status, answer.json()["errorInfo"]) == (403, {
        "errorType": "PERMISSION_DENIED",
        "errorMessage": "extensions register from their own host, and through no proxy"})


def test_an_extension_registers_from_its_own_host(server, keys):
    with everywhere(server) as port:
        assert send("127.0.0.1", port, "POST", "/extension/register", EXTENSION).status == 200
        answer = send(own_address(), port, "POST", "/extension/register", EXTENSION)
        assert answer.status == 403 and "their own host" in answer.body.decode()
        assert send(own_address(), port, "POST", "/extension/deregister", {
            **EXTENSION, "Authorization": keys["admin"]}).status == 200


# --- an open server -------------------------------------------------------------------------------

def own_address():
    """Of this machine, as others would call it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        try:
            s.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("this machine has no address but loopback")
        return s.getsockname()[0]


@contextlib.contextmanager
def everywhere(server, *arguments):
    """The port of a bridge that other machines can reach."""
    bridge = programs.Bridge(server, "--listen", "0.0.0.0:0", "--insecure", *arguments)
    bridge.wait_listening(2)
    try:
        yield next(int(address.rsplit(":", 1)[1]) for _, address in bridge.addresses
                   if address.startswith("0.0.0.0:"))
    finally:
        bridge.stop()


def send(host, port, verb, path, headers):
    connection = http.client.HTTPConnection(host, port, timeout=programs.WAIT)
    with contextlib.closing(connection):
        connection.request(verb, path, None, headers)
        return programs.Answer(connection.getresponse())


@pytest.fixture(scope="module")
def open_server(database, keys):
    server = programs.Server(database.url)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def open_bridge(open_server):
    bridge = programs.Bridge(open_server)
    yield bridge
    bridge.stop()


@pytest.mark.parametrize("profile", PROFILES)
def test_an_open_server_asks_nobody(open_bridge, profile):
    assert let_in(ask(open_bridge, profile))


@pytest.mark.parametrize("profile", ["fate", "list", "native"])
def test_an_open_server_checks_what_is_given(open_bridge, keys, profile):
    assert refused_for_lack(ask(open_bridge, profile, "Bearer x"), profile, "the token is not valid")
    assert "may not" in ask(open_bridge, profile, keys["nothing"]).body.decode()
    assert "may not" not in ask(open_bridge, profile, keys["admin"]).body.decode()


@pytest.mark.parametrize("name", ["Forwarded", "forwarded", "X-Forwarded-For", "x-forwarded-for", "Via",
                                  "VIA"])
@pytest.mark.parametrize("value", ["for=127.0.0.1", "127.0.0.1", ""])
def test_who_comes_through_a_proxy_shows_credentials(open_bridge, keys, name, value):
    assert refused_for_lack(ask(open_bridge, "native", **{name: value}), "native")
    assert ask(open_bridge, "native", keys["admin"], **{name: value}).status == 200


@pytest.mark.parametrize("name", ["X-Forwarded-Proto", "X-Forwarded", "Vias", "junction-exposed"])
def test_other_headers_say_nothing_of_proxies(open_bridge, name):
    assert ask(open_bridge, "native", **{name: "1"}).status == 200


@pytest.mark.parametrize("tcp", [False, True])
def test_a_bridge_that_others_reach_asks_everybody(open_server, keys, tcp):
    verb, path, _ = PROFILES["native"]
    with everywhere(open_server, *(["--server", open_server.address] if tcp else [])) as port:
        for host in ("127.0.0.1", own_address()):
            answer = send(host, port, verb, path, {})
            assert refused_for_lack(answer, "native"), answer
            assert send(host, port, verb, path, {"Authorization": keys["admin"]}).status == 200
        # Over TCP the server knows no bridge, and so not who is behind it.
        if tcp:
            assert send("127.0.0.1", port, "POST", "/extension/register", EXTENSION).status == 403
