"""The hooks over gRPC, answered by a registered third party: what it is asked, and what is made of
each way in which it answers. The third parties are real ones, some of them as bad as can be."""

import concurrent.futures
import json
import threading

import grpc
import pytest

import observe
import programs
import raw_upstream
import subjects

Code = grpc.StatusCode
HOOKS = ("client_authentication", "signature", "site_authentication", "permission")
REFUSAL = {"client_authentication": Code.UNAUTHENTICATED, "signature": Code.PERMISSION_DENIED,
           "site_authentication": Code.UNAUTHENTICATED, "permission": Code.PERMISSION_DENIED}
OTHER = (("x-namespace", "other"),)
YES = b'{"code":0,"msg":"ok","site_signature":"c2ln"}'


@pytest.fixture(scope="module")
def server(database):
    server = programs.Server(database.url, "--hook-server", "Hooks", "--own-party", "8888:ed25519",
                             "--own-party", "9999")
    yield server
    server.stop()


class Third:
    """The hook server: says the same to all until it is told otherwise."""

    def __init__(self, registry, messages):
        self.registry, self.messages = registry, messages
        self.reply = 200, {}, YES
        self.wait = None
        self.paths = []
        self.upstream = programs.Upstream(self.answer)

    def answer(self, request):
        self.paths.append(request.path)
        if self.wait:
            self.wait.wait(programs.WAIT)
        return self.reply

    def register(self, port=None, metadata=(), server="hooks", **fields):
        m = self.messages
        self.registry.RegisterServer(m.RegisterServerRequest(
            server_name=server, host="127.0.0.1", port=port or self.upstream.port),
            metadata=metadata)
        for name in HOOKS:
            self.registry.RegisterService(m.RegisterServiceRequest(
                server_name=server, service_name=name, uri="/v1/" + name, **fields),
                metadata=metadata)

    def delete(self, server="hooks", metadata=()):
        self.registry.DeleteServer(self.messages.DeleteServerRequest(server_name=server),
                                   metadata=metadata)

    def asked(self):
        """The only request since the last look."""
        assert len(self.upstream.requests) == 1, self.upstream.requests
        return self.upstream.requests.pop()


@pytest.fixture(scope="module")
def third_party(registry, stubs):
    third = Third(registry, stubs.registry)
    with third.upstream:
        yield third


@pytest.fixture
def third(third_party):
    third_party.register()
    third_party.reply, third_party.wait = (200, {}, YES), None
    third_party.upstream.requests.clear()
    third_party.paths.clear()
    return third_party


class Hooks:
    """The four RPCs by the names of the hooks, with something to ask."""

    def __init__(self, channel, messages):
        self.stub = channel
        self.messages = messages
        self.fields = {
            "client_authentication": {"full_path": "/v1/job/submit?", "headers": '{"A":"b"}'},
            "signature": {"party_id": "9999", "body": '{"a":1}'},
            "site_authentication": {"src_party_id": "10000", "site_signature": "c2ln",
                                    "body": '{"a":1}'},
            "permission": {"src_party_id": "10000", "component_list": '["reader"]',
                           "dataset_list": "[]"}}

    def ask(self, hook, timeout=None, metadata=(), **fields):
        name = "".join(word.title() for word in hook.split("_"))
        request = getattr(self.messages, name + "Request")(**{**self.fields[hook], **fields})
        return getattr(self.stub, name)(request, timeout=timeout, metadata=metadata)

    def refusal(self, hook, **given):
        with pytest.raises(grpc.RpcError) as caught:
            self.ask(hook, **given)
        return caught.value


@pytest.fixture(scope="module")
def hooks(channel, stubs):
    return Hooks(stubs.auth_grpc.AuthStub(channel), stubs.auth)


def remote_code(stubs, error):
    """What a third party refused with; None: it did not."""
    packed = dict(error.trailing_metadata()).get("grpc-status-details-bin")
    if packed is None:
        return None
    status = stubs.status.Status.FromString(packed)
    assert status.code == error.code().value[0]
    info = stubs.details.ErrorInfo()
    for detail in status.details:
        if detail.Unpack(info):
            assert (info.reason, info.domain) == ("THIRD_PARTY_REFUSED", "junction")
            return int(info.metadata["code"])
    return None


# --- what is asked --------------------------------------------------------------------------------

def test_client_authentication_is_asked_as_fate_flow_asks(hooks, third):
    hooks.ask("client_authentication")
    request = third.asked()
    assert (request.method, request.path) == ("POST", "/v1/client_authentication")
    assert request.headers["Content-Type"] == "application/json"
    assert request.body == b'{"full_path":"/v1/job/submit?","headers":{"A":"b"}}'
    hooks.ask("client_authentication", extra='{"form":{"not":"theirs"},"headers":1,"x":2}')
    assert third.asked().body == (
        b'{"full_path":"/v1/job/submit?","headers":{"A":"b"},"x":2}')
    hooks.ask("client_authentication", headers='"{\\"A\\": 1.0}"', form='{"f": "g"}',
              data='"raw \\u00fc"', json="null", extra='{"more": [1.10, 1e400]}')
    assert third.asked().body == (
        b'{"full_path":"/v1/job/submit?","headers":{"A": 1.0},"form":{"f": "g"},'
        b'"data":"raw \\u00fc","json":null,"more":[1.10, 1e400]}')


def test_signature_is_asked_with_the_registered_data(hooks, third):
    third.register(data='{"body": "theirs", "x":1.50, "party_id":0, "y":"data"}',
                   params='{"p":1}', headers='{"X-Not":"sent"}')
    body = '{"z": 1.0, "a": [1e400, 12345678901234567890],"\\u00e9":"\\/"}'
    hooks.ask("signature", body=" " + body + "\n", extra='{"y":"extra","body":"extra"}')
    request = third.asked()
    assert request.path == "/v1/signature" and "X-Not" not in request.headers
    assert request.body.decode() == (
        '{"party_id":"9999","body":' + body + ',"y":"extra","x":1.50}')


def test_site_authentication_is_asked_with_the_registered_data(hooks, third):
    third.register(data='{"site_signature":"theirs","x":[]}')
    hooks.ask("site_authentication")
    assert third.asked().body == (
        b'{"src_party_id":"10000","site_signature":"c2ln","body":{"a":1},"x":[]}')


@pytest.mark.parametrize("said", ["", "0"])
def test_a_site_that_does_not_say_who_it_is_is_ourselves(hooks, third, said):
    hooks.ask("site_authentication", src_party_id=said)
    assert json.loads(third.asked().body)["src_party_id"] == "8888"


def test_permission_is_asked_without_the_registered_data_but_with_a_source_role(hooks, third):
    third.register(data='{"x":1}')
    hooks.ask("permission")
    assert third.asked().body == (
        b'{"src_role":null,"src_party_id":"10000","component_list":["reader"],"dataset_list":[]}')
    hooks.ask("permission", src_role="guest", src_party_id="0", component_list='{"a":"reader"}',
              dataset_list='{"b":{"namespace":"n","name":"m"}}',
              initiator='{"role":"guest","party_id":10000}', roles='{"guest":[10000]}',
              run_time_conf='{"c": 1}', dsl="{}", component_parameters='{"reader":[null]}',
              role="host", party_id="9999", extra='{"job_id":"1"}')
    assert third.asked().body == (
        b'{"src_role":"guest","src_party_id":"0","initiator":{"role":"guest","party_id":10000},'
        b'"roles":{"guest":[10000]},"component_list":{"a":"reader"},'
        b'"dataset_list":{"b":{"namespace":"n","name":"m"}},"run_time_conf":{"c": 1},"dsl":{},'
        b'"component_parameters":{"reader":[null]},"role":"host","party_id":"9999","job_id":"1"}')


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_the_registered_method_carries_the_body(hooks, third, method):
    third.register(method=method)
    hooks.ask("permission")
    request = third.asked()
    assert request.method == method and json.loads(request.body)["src_party_id"] == "10000"
    assert request.headers["Content-Type"] == "application/json"


def test_a_uri_is_sent_as_it_may_stand_in_a_url(hooks, third, registry, stubs):
    registry.RegisterService(stubs.registry.RegisterServiceRequest(
        server_name="hooks", service_name="permission", uri="/may?who=\N{SNOWMAN}&x=%20&y={}"))
    hooks.ask("permission")
    assert third.asked().path == "/may?who=%E2%98%83&x=%20&y=%7B%7D"


def test_the_trace_goes_along_and_nobodys_credentials(hooks, third, channel, stubs, database):
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    subjects.put(database.url, "application", "asker", "administrator")
    key = subjects.basic(subjects.put_key(database.url, "asker", "asker"))
    subjects.wait_known(channel, stubs)
    hooks.ask("permission", metadata=(("traceparent", f"00-{trace}-00f067aa0ba902b7-01"),
                                      ("authorization", key)))
    headers = third.asked().headers
    assert headers["traceparent"].split("-")[1] == trace and headers["junction-hops"] == "1"
    assert "authorization" not in headers


def test_nothing_is_remembered(hooks, third):
    for _ in range(3):
        hooks.ask("permission")
    assert len(third.upstream.requests) == 3
    third.reply = 200, {}, b'{"code":1,"msg":"not any more"}'
    assert hooks.refusal("permission").code() == Code.PERMISSION_DENIED


def test_wide_and_large_questions_pass(hooks, third):
    body = json.dumps([{"n": i, "text": "x" * 50} for i in range(30000)])
    hooks.ask("signature", body=body)
    assert third.asked().body == b'{"party_id":"9999","body":' + body.encode() + b"}"


# --- what is refused before anybody is asked ------------------------------------------------------

@pytest.mark.parametrize("hook, field, value, rule", [
    ("client_authentication", "full_path", "", "is required"),
    ("client_authentication", "headers", "", "is required"),
    ("client_authentication", "headers", "null", "is required"),
    ("client_authentication", "headers", '""', "is required"),
    ("client_authentication", "headers", "[1]", "must be a JSON object, or a string holding one"),
    ("client_authentication", "headers", '"A: b"', "invalid JSON at byte 0"),
    ("client_authentication", "form", "{", "must be JSON"),
    ("client_authentication", "data", "text", "must be JSON"),
    ("client_authentication", "json", "{}}", "must be JSON"),
    ("client_authentication", "extra", "[1]", "must be a JSON object"),
    ("client_authentication", "extra", '{"a":1,"a":2}', "invalid JSON at byte 7"),
    ("client_authentication", "extra", json.dumps({str(i): i for i in range(101)}),
     "must have at most 100 members"),
    ("signature", "party_id", "", "is required"),
    ("signature", "body", "", "is required"),
    ("signature", "body", " null ", "is required"),
    ("signature", "body", '{"a":}', "must be JSON"),
    ("site_authentication", "site_signature", "", "is required"),
    ("site_authentication", "body", "null", "is required"),
    ("permission", "src_party_id", "", "is required"),
    ("permission", "component_list", "", "is required"),
    ("permission", "component_list", '"reader"', "must be a JSON list or a JSON object"),
    ("permission", "dataset_list", "null", "is required"),
    ("permission", "dataset_list", "0", "must be a JSON list or a JSON object"),
    ("permission", "dsl", "nothing", "must be JSON"),
])
def test_a_question_that_is_none_names_the_field(hooks, third, stubs, hook, field, value, rule):
    error = hooks.refusal(hook, **{field: value})
    assert error.code() == Code.INVALID_ARGUMENT
    assert error.details().startswith(f"{field}: {rule}")
    packed = dict(error.trailing_metadata())["grpc-status-details-bin"]
    bad = stubs.details.BadRequest()
    assert stubs.status.Status.FromString(packed).details[0].Unpack(bad)
    assert [v.field for v in bad.field_violations] == [field]
    assert not third.upstream.requests


# --- what is made of an answer --------------------------------------------------------------------

@pytest.mark.parametrize("hook", HOOKS)
def test_a_yes_is_ok(hooks, third, stubs, hook):
    answer = hooks.ask(hook)
    if hook == "signature":
        assert (answer.site_signature, answer.data) == ("c2ln", "c2ln")
    else:
        assert not answer.ListFields()


@pytest.mark.parametrize("hook", HOOKS)
@pytest.mark.parametrize("body, code, message", [
    (b'{"code":1,"msg":"no","message":"other"}', 1, "no"),
    (b'{"code":108,"message":"only this"}', 108, "only this"),
    ('{"code":-7,"msg":"拒绝"}'.encode(), -7, "拒绝"),
    (b'{"code":9007199254740993}', 9007199254740993, "it gave no reason"),
    (b'{"code":2.0,"msg":7}', 2, "it gave no reason"),
    (b' {"site_signature":"c2ln","data":"c2ln","code":3,"msg":""} ', 3, "it gave no reason"),
])
def test_a_no_is_told_with_its_number_and_reason(hooks, third, stubs, hook, body, code, message):
    third.reply = 200, {}, body
    error = hooks.refusal(hook)
    assert error.code() == REFUSAL[hook]
    assert error.details() == f"hooks.{hook} refused: {message}"
    assert remote_code(stubs, error) == code


def test_a_long_reason_is_cut_at_a_character(hooks, third):
    third.reply = 200, {}, json.dumps({"code": 1, "msg": "x" + "拒" * 10000}).encode()
    assert hooks.refusal("permission").details() == "hooks.permission refused: x" + "拒" * 166


@pytest.mark.parametrize("hook", HOOKS)
@pytest.mark.parametrize("reply, says", [
    ((200, {}, b'{"msg":"ok","data":"c2ln"}'), "answered without a code"),
    ((200, {}, b'{"retcode":0,"data":"c2ln"}'), "answered without a code"),
    ((200, {}, b'{"code":null,"data":"c2ln"}'), "answered with a code that is no integer: null"),
    ((200, {}, b'{"code":"0","data":"c2ln"}'), 'answered with a code that is no integer: "0"'),
    ((200, {}, b'{"code":"","data":"c2ln"}'), 'answered with a code that is no integer: ""'),
    ((200, {}, b'{"code":false,"data":"c2ln"}'), "answered with a code that is no integer: false"),
    ((200, {}, b'{"code":0.5,"data":"c2ln"}'), "answered with a code that is no integer: 0.5"),
    ((200, {}, b'{"code":1e-99,"data":"c2ln"}'), "answered with a code that is no integer: 1e-99"),
    ((200, {}, b'{"code":[],"data":"c2ln"}'), "answered with a code that is no integer: []"),
    ((200, {}, b'{"code":18446744073709551616,"data":"c2ln"}'),
     "answered with a code that is no integer: 18446744073709551616"),
    ((200, {}, b'{"code":1,"code":0,"data":"c2ln"}'), "answered something else than a JSON object"),
    ((200, {}, b'{"code":0,"data":"c2ln"'), "answered something else than a JSON object"),
    ((200, {}, b'{"code":0,"data":"\xff"}'), "answered something else than a JSON object"),
    ((200, {}, b'[{"code":0}]'), "answered something else than a JSON object"),
    ((200, {}, b"0"), "answered something else than a JSON object"),
    ((200, {}, b""), "answered something else than a JSON object"),
    ((200, {"Content-Type": "text/html"}, b"<html>ok</html>"),
     "answered something else than a JSON object"),
    ((200, {}, b"[" * 100000), "answered something else than a JSON object"),
    ((201, {}, YES), "answered HTTP 201, where only 200 counts: ok"),
    ((204, {}, b""), "answered HTTP 204, where only 200 counts"),
    ((301, {"Location": "/v1/permission"}, YES), "answered HTTP 301, Moved Permanently: ok"),
    ((302, {"Location": "/yes"}, b""), "answered HTTP 302, Found"),
    ((307, {"Location": "/yes"}, b""), "answered HTTP 307, Temporary Redirect"),
    ((403, {}, b'{"code":0,"msg":"denied"}'), "answered HTTP 403, Forbidden: denied"),
    ((500, {}, b"<html>oops</html>"), "answered HTTP 500, Internal Server Error"),
])
def test_what_is_no_clear_answer_is_a_no(hooks, third, stubs, hook, reply, says):
    third.reply = reply
    error = hooks.refusal(hook)
    assert (error.code(), error.details()) == (Code.UNKNOWN, f"hooks.{hook} {says}")
    assert remote_code(stubs, error) is None
    assert third.asked().path == f"/v1/{hook}"


@pytest.mark.parametrize("number", ["0", "0.0", "0e5", "-0"])
def test_zero_may_be_written_in_any_way_that_json_has(hooks, third, number):
    third.reply = 200, {"Content-Type": "text/plain"}, b'{"code":%s}' % number.encode()
    hooks.ask("permission")


@pytest.mark.parametrize("body, signature", [
    ('{"code":0,"data":"c2ln"}', "c2ln"),
    ('{"code":0,"site_signature":"c2ln","data":null}', "c2ln"),
    ('{"code":0,"site_signature":"","data":"c2ln"}', "c2ln"),
    ('{"code":0,"site_signature":"c2ln","data":"c2ln"}', "c2ln"),
    ('{"code":0,"data":"g\\u00fc\\n"}', "gü\n"),
    ('{"code":0,"data":"' + "x" * 100000 + '"}', "x" * 100000),
])
def test_a_signature_is_taken_from_both_places_and_given_in_both(hooks, third, body, signature):
    third.reply = 200, {}, body.encode()
    answer = hooks.ask("signature")
    assert (answer.site_signature, answer.data) == (signature, signature)


@pytest.mark.parametrize("body, says", [
    ('{"code":0}', "without a signature"),
    ('{"code":0,"data":""}', "without a signature"),
    ('{"code":0,"site_signature":null,"data":null}', "without a signature"),
    ('{"code":0,"site_signature":"a","data":"b"}', "two different signatures"),
    ('{"code":0,"data":{"site_signature":"c2ln"}}', "no text"),
    ('{"code":0,"site_signature":1,"data":"c2ln"}', "no text"),
    ('{"code":0,"data":"c2\\u0000ln"}', "no text"),
])
def test_what_is_no_signature_is_an_error(hooks, third, body, says):
    third.reply = 200, {}, body.encode()
    error = hooks.refusal("signature")
    assert error.code() == Code.UNKNOWN and says in error.details()


# --- third parties that misbehave -----------------------------------------------------------------

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


def hang(raw, connection):
    raw_upstream.until_gone(connection)


def cut(raw, connection):
    connection.sendall(OK + b'Content-Length: 500\r\n\r\n{"code":0,')


def reset(raw, connection):
    connection.sendall(OK + b"Content-Length: 500\r\n\r\n" + YES)
    raw_upstream.reset(connection)


def close(raw, connection):
    pass


def trickle(raw, connection):
    connection.sendall(OK + b"Content-Length: 100000\r\n\r\n")
    while not raw.over.wait(0.02):
        connection.sendall(b" ")


def trickle_headers(raw, connection):
    connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
    while not raw.over.wait(0.02):
        connection.sendall(b"x")


def one_gibibyte(raw, connection):
    connection.sendall(OK + b"Content-Length: 1073741824\r\n\r\n" + YES)
    for _ in range(1 << 14):
        raw.write(connection, b" " * 65536)


def without_end(raw, connection):
    connection.sendall(OK + b"\r\n" + YES)
    while True:
        raw.write(connection, b" " * 65536)


def large_header(raw, connection):
    connection.sendall(OK + b"X: " + b"x" * 100000 + b"\r\n\r\n" + YES)


def another_protocol(raw, connection):
    connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n" + YES)


def other_things_first(raw, connection):
    connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nX: y\r\n\r\n" +
                       OK + b"Content-Length: %d\r\n\r\n" % len(YES) + YES)


@pytest.fixture
def raw(third):
    """Registers a third party that serves so, until the test is over."""
    opened = []

    def make(serve, **fields):
        def answer(connection, request):
            serve(upstream, connection)
            return True
        upstream = raw_upstream.RawUpstream(answer)
        upstream.over = threading.Event()
        opened.append(upstream)
        third.register(port=upstream.port, **fields)
        return upstream
    yield make
    for upstream in opened:
        upstream.over.set()
        upstream.__exit__()


@pytest.mark.parametrize("hook", HOOKS)
@pytest.mark.parametrize("serve, codes", [
    (hang, [Code.DEADLINE_EXCEEDED]), (trickle, [Code.DEADLINE_EXCEEDED]),
    (trickle_headers, [Code.DEADLINE_EXCEEDED]), (cut, [Code.UNAVAILABLE]),
    (reset, [Code.UNAVAILABLE]), (close, [Code.UNAVAILABLE]),
    (one_gibibyte, [Code.RESOURCE_EXHAUSTED]), (without_end, [Code.RESOURCE_EXHAUSTED]),
    (large_header, [Code.RESOURCE_EXHAUSTED]), (another_protocol, [Code.UNAVAILABLE])],
    ids=lambda value: getattr(value, "__name__", ""))
def test_a_third_party_that_misbehaves_says_no(hooks, raw, hook, serve, codes):
    upstream = raw(serve, timeout_ms=1000 if codes == [Code.DEADLINE_EXCEEDED] else 20000)
    error = hooks.refusal(hook)
    assert error.code() in codes, error.details()
    assert f"127.0.0.1:{upstream.port}" in error.details()
    observe.wait_until(lambda: upstream.closed)
    assert len(upstream.requests) == 1, "asked once, whatever happens"
    assert upstream.written < 64 << 20


def test_a_third_party_that_says_other_things_first_is_understood(hooks, raw):
    raw(other_things_first)
    hooks.ask("permission")


def test_the_callers_deadline_counts_too(hooks, raw):
    upstream = raw(hang)
    assert hooks.refusal("permission", timeout=0.3).code() == Code.DEADLINE_EXCEEDED
    observe.wait_until(lambda: upstream.closed)


def test_where_nobody_listens_nobody_says_yes(hooks, third):
    port = programs.free_port()
    third.register(port=port)
    for hook in HOOKS:
        error = hooks.refusal(hook)
        assert error.code() == Code.UNAVAILABLE
        assert f"127.0.0.1:{port} was not reached" in error.details()


def test_an_address_that_junction_may_not_connect_to_is_refused(hooks, third, registry, stubs):
    registry.RegisterService(stubs.registry.RegisterServiceRequest(
        server_name="hooks", service_name="permission", uri="/x",
        server_info=stubs.registry.ServerInfo(host="169.254.169.254", port=80)))
    assert hooks.refusal("permission").code() == Code.PERMISSION_DENIED


def until_over(raw, connection):
    raw.over.wait(programs.WAIT)


def test_two_hundred_hooks_that_hang_are_in_nobodys_way(hooks, raw, third, registry, stubs):
    upstream = raw(until_over)
    m = stubs.registry
    with programs.Upstream(lambda request: (200, {}, b"1")) as good:
        registry.RegisterServer(m.RegisterServerRequest(server_name="good", host="127.0.0.1",
                                                        port=good.port))
        registry.RegisterService(m.RegisterServiceRequest(server_name="good", service_name="one",
                                                          uri="/"))
        with concurrent.futures.ThreadPoolExecutor(200) as pool:
            asked = [pool.submit(hooks.refusal, HOOKS[i % 4]) for i in range(200)]
            observe.wait_until(lambda: len(upstream.requests) >= 100)
            for _ in range(20):
                assert registry.Call(m.CallRequest(service="good", action="one")).result == "1"
                registry.GetServer(m.GetServerRequest(server_name="good"))
            assert not any(one.done() for one in asked)
            upstream.over.set()
            assert {one.result().code() for one in asked} == {Code.UNAVAILABLE}
    third.register()
    hooks.ask("permission")


# --- who is asked ---------------------------------------------------------------------------------

def test_a_hook_that_is_not_registered_is_the_built_in_providers(hooks, third):
    third.delete()
    error = hooks.refusal("signature", party_id="12345")
    assert error.code() == Code.PERMISSION_DENIED and "12345" in error.details()
    third.register()
    assert hooks.ask("signature", party_id="12345").data == "c2ln"
    third.registry.DeleteService(third.messages.DeleteServiceRequest(
        server_name="hooks", service_name="signature"))
    assert "12345" in hooks.refusal("signature", party_id="12345").details()
    hooks.ask("permission")
    assert third.paths == ["/v1/signature", "/v1/permission"]


def test_a_third_party_that_is_deleted_while_it_is_asked_may_still_answer(hooks, third):
    third.wait = threading.Event()
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        asked = pool.submit(hooks.ask, "signature", party_id="12345")
        observe.wait_until(lambda: third.upstream.requests)
        third.delete()
        third.wait.set()
        assert asked.result().data == "c2ln"
    assert hooks.refusal("signature", party_id="12345").code() == Code.PERMISSION_DENIED
    assert len(third.upstream.requests) == 1


def test_only_the_namespace_default_says_who_answers(hooks, third):
    with programs.Upstream(lambda request: (200, {}, b'{"code":0,"data":"theirs"}')) as theirs:
        third.register(port=theirs.port, metadata=OTHER)
        assert hooks.ask("signature").data == "c2ln"
        assert hooks.ask("signature", metadata=OTHER).data == "c2ln"
        third.delete()
        assert hooks.refusal("signature", party_id="12345", metadata=OTHER).code() == (
            Code.PERMISSION_DENIED)
        assert not theirs.requests
        third.delete(metadata=OTHER)


def test_the_server_is_found_whatever_the_case_of_its_name(hooks, third, registry, stubs):
    third.delete()
    third.register(server="HOOKS")
    hooks.ask("permission")
    assert third.asked().path == "/v1/permission"
    third.delete()


@pytest.mark.parametrize("arguments, says", [
    ((), "nobody answers permission: no server is named by --hook-server, and --hook-fallback is "
         "refuse"),
    (("--hook-server", "nobody"),
     "nobody answers permission: no found server nobody, and --hook-fallback is refuse"),
    (("--hook-server", "half"),
     "nobody answers permission: no found server half service permission, and --hook-fallback is "
     "refuse")])
def test_without_the_built_in_provider_nobody_says_yes(database, third, stubs, arguments, says):
    third.registry.RegisterServer(third.messages.RegisterServerRequest(
        server_name="half", host="127.0.0.1", port=third.upstream.port))
    server = programs.Server(database.url, "--hook-fallback", "refuse", *arguments)
    with server.channel() as channel:
        hooks = Hooks(stubs.auth_grpc.AuthStub(channel), stubs.auth)
        error = hooks.refusal("permission")
        assert (error.code(), error.details()) == (Code.PERMISSION_DENIED, says)
        assert hooks.refusal("permission", src_party_id="").code() == Code.INVALID_ARGUMENT
    server.stop()


def test_while_it_is_not_known_who_is_registered_nobody_says_yes(stubs):
    server = programs.Server("postgresql://127.0.0.1:1/nothing", "--hook-server", "hooks",
                             wait=False)
    with server.channel() as channel:
        hooks = Hooks(stubs.auth_grpc.AuthStub(channel), stubs.auth)
        for hook in HOOKS:
            error = hooks.refusal(hook)
            assert (error.code(), error.details()) == (
                Code.UNAVAILABLE, "the registry is not loaded yet")
    server.stop()


def test_a_loop_of_junctions_ends(server, third, stubs):
    # Only the bridge, at the unix socket, is believed about the hops.
    with grpc.insecure_channel("unix:" + server.socket) as channel:
        hooks = Hooks(stubs.auth_grpc.AuthStub(channel), stubs.auth)
        hooks.ask("permission", metadata=(("junction-hops", "7"),))
        assert third.asked().headers["junction-hops"] == "8"
        error = hooks.refusal("permission", metadata=(("junction-hops", "8"),))
        assert error.code() == Code.FAILED_PRECONDITION and "loop" in error.details()
        assert not third.upstream.requests
