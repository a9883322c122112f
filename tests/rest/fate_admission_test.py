"""What a server that requires credentials takes from FATE Flow's clients instead of a token: their key
headers, or the yes of the hook client_authentication."""

import functools
import json
import threading
import time

import pytest

import fate_client
import programs
import subjects

FORM = "application/x-www-form-urlencoded"
REFUSED = {"retcode": 109, "retmsg": "signature authentication failed"}
GET = "/v1/server/nobody/get"
OPEN_GET = "/v1/server/get"
BUILT_IN, BUILT_IN_SECRET = "old-client", "its secret & more"


@pytest.fixture(scope="module")
def keys(database):
    """Access keys of applications, by what they are."""
    url = database.url
    subjects.put(url, "application", "flow", "fate")
    subjects.put(url, "application", "administration", "administrator")
    subjects.put(url, "application", "nothing")
    subjects.put(url, "application", "away", "fate", disabled=True)
    keys = {name: subjects.put_key(url, application, name) for name, application in (
        ("flow", "flow"), ("admin", "administration"), ("nothing", "nothing"), ("away", "away"),
        ("ended", "flow"))}
    database.rows(f"UPDATE auth.access_key SET ends_at = now() WHERE id = '{keys['ended']}'")
    return keys


@pytest.fixture(scope="module")
def server(database, keys, tmp_path_factory):
    secret = tmp_path_factory.mktemp("secret") / "secret"
    secret.write_text(BUILT_IN_SECRET)
    secret.chmod(0o600)
    server = programs.Server(database.url, "--auth", "required", "--hook-server", "hooks",
                             "--hook-fallback", "refuse", "--client-app-key", BUILT_IN,
                             "--client-secret-file", str(secret))
    yield server
    server.stop()


@pytest.fixture
def sign(keys):
    def sign(path, *arguments, key="flow", secret=subjects.SECRET, **more):
        return fate_client.signed(path, *arguments, app=keys.get(key, key), secret=secret, **more)
    return sign


def dashed(headers):
    return {name.replace("_", "-").lower(): value for name, value in headers.items()}


# --- key headers ----------------------------------------------------------------------------------

@pytest.mark.parametrize("spell", [dict, dashed])
@pytest.mark.parametrize("path", ["/v1/server/a%20b/get", "/v1/server/a/get?", "/v1/server/a/get?x=%20y&z",
                                  "/v1/server/a/get/?x=?"])
def test_a_request_without_body(bridge, sign, path, spell):
    answer = bridge.request("POST", path, None, spell(sign(path)))
    assert (answer.status, answer.json()["retcode"]) == (200, 0), answer


@pytest.mark.parametrize("type_", ["application/json", "text/plain", FORM])
@pytest.mark.parametrize("body", [b'{"host":"127.0.0.1", "port":  80}',
                                  ' {"host":"127.0.0.1","port":80,"x":"今"}\n'.encode()])
def test_a_json_body_is_signed_whatever_its_type(bridge, sign, body, type_):
    path = "/v1/server/signed/register"

    def register(sent, headers):
        answer = bridge.request("POST", path, sent, {**headers, "Content-Type": type_})
        return answer.json()
    assert register(body, sign(path, body))["retcode"] == 0
    assert register(body + b" ", sign(path, body)) == REFUSED
    assert register(body, sign(path)) == REFUSED
    assert register(body, sign(path, form={body.decode(): ""})) == REFUSED


@pytest.mark.parametrize("body", [b"{}", b" { } "])
def test_an_empty_object_is_not_signed(bridge, sign, body):
    assert bridge.request("POST", GET, body, sign(GET)).json()["retcode"] == 0
    assert bridge.request("POST", GET, body, sign(GET, body)).json() == REFUSED


def test_a_form_is_signed_sorted(bridge, sign):
    form, body = {"b": "1 &=", "a": "今"}, "b=1+%26%3D&a=%E4%BB%8A&b=2"
    path = "/v1/auth/me"
    type_ = {"Content-Type": FORM + "; charset=utf-8"}
    assert bridge.request("GET", path, body, {**sign(path, form=form), **type_}).status == 200
    for other, sent in ((form, body + "&c="), ({}, body), (form, "--" + body), (form, body + "&%"),
                        (form, "&".join(f"{i}=" for i in range(1001)))):
        answer = bridge.request("GET", path, sent, {**sign(path, form=other), **type_})
        assert (answer.status, answer.json()["message"]) == (401, REFUSED["retmsg"])
    # Nobody signs what is neither.
    assert bridge.request("GET", path, body, sign(path)).status == 401


def test_a_signature_counts_on_any_route(bridge, sign, keys):
    answer = bridge.get("/v1/auth/me", sign("/v1/auth/me"))
    assert (answer.status, answer.json()["subject"]["name"]) == (200, "flow")
    # The header Authorization, where it is given, is what counts.
    answer = bridge.get("/v1/auth/me", {**sign("/v1/auth/me"),
                                        "Authorization": subjects.basic(keys["nothing"])})
    assert answer.json()["subject"]["name"] == "nothing"
    answer = bridge.get("/v1/auth/me", {**sign("/v1/auth/me"), "Authorization": "Bearer x"})
    assert answer.status == 401


def test_a_server_stream_may_be_signed(bridge, sign):
    path = "/v1/audit/export"
    assert bridge.get(path, sign(path)).status == 403
    answer = bridge.get(path, sign(path, secret="wrong"))
    assert (answer.status, answer.json()["message"]) == (401, REFUSED["retmsg"])
    answer = bridge.get(path, sign(path, key="admin"))
    assert answer.status == 200 and b"junction.auth" in answer.body


def test_a_streamed_body_may_not(bridge, sign):
    path = "/v1/api_reader/features/upload?requestBody={}"
    for size in (4, 1 << 20):
        answer = bridge.request("POST", path, iter([b"a" * size]),
                                {**sign(path), "Content-Type": "application/octet-stream"})
        assert answer.status == 401 and "use the header Authorization" in answer.json()["message"]


@pytest.mark.parametrize("change", [
    {"NONCE": "other"}, {"TIMESTAMP": "soon"}, {"TIMESTAMP": None}, {"NONCE": None}, {"NONCE": ""},
    {"SIGNATURE": None}, {"SIGNATURE": "AAAA"}, {"SIGNATURE": "x" * 28}, {"APP_KEY": "ak-unknown"},
    {"APP_KEY": "x" * 256}, {"NONCE": "n" * 256}])
def test_whatever_is_wrong_is_refused_with_one_text(bridge, sign, change):
    headers = {**sign("/v1/auth/me"), **change}
    answer = bridge.get("/v1/auth/me", {name: value for name, value in headers.items()
                                        if value is not None})
    assert (answer.status, answer.json()["message"]) == (401, REFUSED["retmsg"])
    assert answer.headers.get_all("WWW-Authenticate") == ['Bearer realm="junction"',
                                                          'Basic realm="junction"']


@pytest.mark.parametrize("given", [
    {"secret": subjects.SECRET + "s"}, {"secret": "s" * 20}, {"key": "ended"}, {"key": "away"},
    {"at": time.time() - 62}, {"at": time.time() + 3600}])
def test_a_key_that_is_no_good_is_refused_with_the_same_text(bridge, sign, given):
    answer = bridge.request("POST", GET, None, sign(GET, **given))
    assert (answer.status, answer.json()) == (200, REFUSED)


def test_another_path_is_another_request(bridge, sign):
    for path in ("/v1/server/somebody/get", GET + "?x", GET + "/"):
        assert bridge.request("POST", path, None, sign(GET)).json() == REFUSED


def test_a_request_is_good_once(bridge, sign):
    headers = sign(GET)
    assert bridge.request("POST", GET, None, headers).json()["retcode"] == 0
    assert bridge.request("POST", GET, None, headers).json() == REFUSED
    assert bridge.request("POST", GET, None, dashed(headers)).json() == REFUSED


def test_key_headers_twice_are_none(bridge, sign):
    answer = bridge.request("POST", GET, None, {**sign(GET), "App-Key": "other"})
    assert (answer.status, answer.json()["retcode"]) == (400, 101)


def test_a_signature_shows_who_it_is_and_no_more(bridge, sign):
    answer = bridge.request("POST", GET, None, sign(GET, key="nothing")).json()
    assert answer["retcode"] == 108 and "application nothing may not" in answer["retmsg"]


def test_the_key_of_the_configuration_is_fate_s(bridge, sign):
    sign = functools.partial(sign, key=BUILT_IN)
    assert bridge.get("/v1/auth/me", sign("/v1/auth/me", secret=BUILT_IN_SECRET)).json()[
        "subject"]["name"] == "fate"
    assert bridge.request("POST", GET, None, sign(GET)).json() == REFUSED


def test_a_refusal_is_in_the_audit(bridge, sign, database, keys):
    bridge.request("POST", GET, None, sign(GET, secret="wrong"))
    bridge.request("POST", GET, None, sign(GET, key="x\"y"))
    assert database.rows("SELECT DISTINCT target, content, address ~ '^127[.]0[.]0[.]1:' FROM audit.record"
                         " WHERE opt_type = 10 AND target IN ('access_key:x\"y',"
                         f" 'access_key:{keys['flow']}') ORDER BY 1") == [
        [f"access_key:{keys['flow']}", "request refused", "t"],
        ['access_key:x"y', "request refused", "t"]]


def test_credentials_are_checked_on_an_open_server_too(database, keys, sign):
    server = programs.Server(database.url)
    bridge = programs.Bridge(server)
    try:
        assert bridge.request("POST", GET).json()["retcode"] == 0
        assert bridge.request("POST", GET, None, sign(GET)).json()["retcode"] == 0
        assert bridge.request("POST", GET, None, sign(GET, secret="wrong")).json() == REFUSED
        assert bridge.request("POST", GET, None, sign(GET, key="nothing")).json()["retcode"] == 108
    finally:
        bridge.stop()
        server.stop()


def test_only_the_bridge_may_ask(channel, stubs, sign):
    import grpc
    with pytest.raises(grpc.RpcError) as error:
        stubs.auth_grpc.AuthStub(channel).AdmitRequest(stubs.auth.AdmitRequestRequest(
            verb="GET", full_path="/p", headers=[
                stubs.auth.HttpHeader(name=name, value=value) for name, value in sign("/p").items()]))
    assert error.value.code() == grpc.StatusCode.PERMISSION_DENIED


# --- the hook -------------------------------------------------------------------------------------

class Hook:
    """The third party that answers client_authentication."""

    def __init__(self):
        self.reply = 200, {}, b'{"code":0,"msg":"ok"}'
        self.wait = None
        self.upstream = programs.Upstream(self.answer, programs.free_port())

    def answer(self, _):
        if self.wait:
            self.wait.wait(programs.WAIT)
        return self.reply

    def asked(self):
        """The only question since the last look."""
        assert len(self.upstream.requests) == 1, self.upstream.requests
        return json.loads(self.upstream.requests.pop().body)


SERVICE = {"server_name": "hooks", "service_name": "client_authentication", "uri": "/auth"}


@pytest.fixture
def hook(bridge, keys):
    """Registered for one test."""
    hook = Hook()
    hook.admin = admin = {"Authorization": subjects.basic(keys["admin"])}
    with hook.upstream:
        for path, value in (
                ("/v1/server/hooks/register", {"host": "127.0.0.1", "port": hook.upstream.port}),
                ("/v1/service/registry", SERVICE)):
            assert bridge.post(path, value, admin).json()["retcode"] == 0
        yield hook
        if hook.wait:
            hook.wait.set()
    assert bridge.post("/v1/server/hooks/delete", {}, admin).json()["retcode"] == 0


def test_without_a_hook_credentials_are_required(bridge):
    answer = bridge.request("POST", GET)
    assert (answer.status, answer.json()["retcode"]) == (200, 109)
    assert answer.json()["retmsg"].startswith("credentials are required")
    assert len(answer.headers.get_all("WWW-Authenticate")) == 2
    assert bridge.get("/v1/auth/me").status == 401


def test_a_hook_is_asked_as_fate_flow_asks(bridge, hook):
    body = '{"host":"127.0.0.1",\n "port":80, "x":"今"}'
    answer = bridge.request("POST", "/v1/server/hooked/register", body.encode(), {
        "Content-Type": "application/json", "X-Who": "me", "Accept": "a/b"})
    assert answer.json() == {"retcode": 0, "retmsg": "success"}
    asked = hook.asked()
    headers = {name.lower(): value for name, value in asked.pop("headers").items()}
    assert asked == {"full_path": "/v1/server/hooked/register?", "form": {}, "data": body,
                     "json": json.loads(body)}
    assert headers == {"host": bridge.address, "accept-encoding": "identity", "x-who": "me",
                       "content-length": str(len(body.encode())), "content-type": "application/json",
                       "accept": "a/b"}
    answer = bridge.request("POST", GET + "?a=%20b&a", "c=d+e&c=f&g", {"Content-Type": FORM})
    assert answer.json()["retcode"] == 101, "the route reads JSON before anybody is asked"
    assert bridge.request("POST", GET + "?a=%20b&a").json()["retcode"] == 0
    asked = hook.asked()
    assert (asked["full_path"], asked["data"], asked["json"], asked["form"]) == (
        GET + "?a=%20b&a", "", None, {})


def test_headers_that_are_repeated_are_a_list(bridge, hook):
    answer = bridge.raw(b"POST " + GET.encode() + b" HTTP/1.1\r\nHost: 127.0.0.1\r\nX-A: 1\r\nX-B: \xff\r\n"
                        b"x-a: 2\r\nConnection: close\r\n\r\n")
    assert b'"retcode":0' in answer
    assert hook.asked()["headers"] == {"Host": "127.0.0.1", "X-A": "1,2", "Connection": "close"}


def test_who_is_let_in_may_do_what_fate_may(bridge, hook, database):
    path = "/v1/service/registry"
    service = {"server_name": "nobody", "service_name": "s", "uri": "/u"}
    assert bridge.post(path, service).json()["retmsg"] == "no found server nobody"
    assert hook.asked()["json"] == service
    assert bridge.post("/v1/service/query", {"service_name": "s"}).json()["retcode"] == 0
    # A route that is none of FATE Flow's.
    assert bridge.get("/mw/services").status == 401
    assert len(hook.upstream.requests) == 1


def test_a_no_is_a_no(bridge, hook, database):
    hook.reply = 200, {}, b'{"code":7,"msg":"not you"}'
    answer = bridge.request("POST", GET)
    assert (answer.status, answer.json()["retcode"]) == (200, 109)
    assert "not you" in answer.json()["retmsg"]
    assert database.rows("SELECT count(*) > 0 FROM audit.record WHERE target = 'application:fate'"
                         " AND opt_type = 10") == [["t"]]


@pytest.mark.parametrize("reply", [(500, {}, b""), (200, {}, b"yes"), (200, {}, b'{"code":"0"}'),
                                   (302, {"Location": "/"}, b"")])
def test_what_is_no_clear_yes_is_a_no(bridge, hook, reply):
    hook.reply = reply
    answer = bridge.request("POST", GET)
    assert answer.status == 200 and answer.json()["retcode"] not in (0, 101), answer


def test_a_hook_that_hangs_lets_nobody_in(bridge, hook):
    hook.wait = threading.Event()
    assert bridge.post("/v1/service/registry", {**SERVICE, "timeout_ms": 1000},
                       hook.admin).json()["retcode"] == 0
    answer = bridge.request("POST", GET)
    assert answer.json()["retcode"] == 100 and "time" in answer.json()["retmsg"].lower(), answer


def test_a_hook_that_is_dead_lets_nobody_in(bridge, hook):
    hook.upstream.server.server_close()
    answer = bridge.request("POST", GET)
    assert answer.json()["retcode"] == 100 and hook.upstream.requests == [], answer


def test_key_headers_of_ours_are_not_the_hook_s(bridge, hook, sign):
    assert bridge.request("POST", GET, None, sign(GET)).json()["retcode"] == 0
    assert bridge.request("POST", GET, None, sign(GET, secret="wrong")).json() == REFUSED
    assert hook.upstream.requests == []
    # Those of others are, on FATE Flow's routes.
    headers = sign(GET, key="theirs")
    assert bridge.request("POST", GET, None, headers).json()["retcode"] == 0
    assert hook.asked()["headers"]["APP_KEY"] == "theirs"
    assert bridge.get("/v1/auth/me", sign("/v1/auth/me", key="theirs")).status == 401
    assert hook.upstream.requests == []


def test_who_has_a_token_is_not_asked_about(bridge, hook, keys):
    answer = bridge.request("POST", GET, None, {"Authorization": subjects.basic(keys["flow"])})
    assert answer.json()["retcode"] == 0
    answer = bridge.request("POST", GET, None, {"Authorization": subjects.basic(keys["flow"], "wrong")})
    assert answer.json()["retcode"] == 109
    assert hook.upstream.requests == []
