"""Who is let in: credentials of both kinds, what each RPC needs, and what open servers let pass."""

import base64
import time

import grpc
import pytest

import auditing
import identities
import observe
import own_tokens
import programs
import subjects

UNAUTHENTICATED, DENIED = grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED
REQUIRED = (UNAUTHENTICATED, "credentials are required: authorization Bearer with an access token, or"
                             " Basic with an access key")
TOKEN_REFUSED = (UNAUTHENTICATED, "the token is not valid")
KEY_REFUSED = (UNAUTHENTICATED, "the access key is not valid")
ACCESSES = ["UNSPECIFIED", "READ", "WRITE", "CALL", "ADMIN", "AUDIT", "PUBLIC", "KNOWN"]


@pytest.fixture(scope="module")
def keys(database):
    """Subjects by what they may do, and the access keys of applications by their names."""
    url = database.url
    subjects.put_role(url, "counter", ("allow", "trial", "count", "READ"),
                      ("allow", "trial", "sum", "WRITE"))
    subjects.put_role(url, "not-listing", ("allow", "registry", "**", "READ"),
                      ("deny", "registry", "list*", "*"))
    applications = {"nobody": (), "admin": ("administrator",), "demo": ("service",),
                    "counter": ("counter",), "unlisted": ("not-listing",), "reader": ("reader",),
                    "off": ("administrator",), "ended": ("administrator",)}
    made = {}
    for name, roles in applications.items():
        subjects.put(url, "application", name, *roles, disabled=name == "off")
        made[name] = subjects.put_key(url, name, name.replace("-", ""))
    database.rows(f"UPDATE auth.access_key SET ends_at = now() WHERE id = '{made['ended']}'")
    subjects.put(url, "user", "alice", "auditor")
    subjects.put(url, "user", "mallory", "administrator", disabled=True)
    made["token"] = own_tokens.Key("EdDSA", "test-key").put(database)
    return made


@pytest.fixture(scope="module")
def server(database, keys):
    server = programs.Server(database.url, "--auth", "required", program="trial-server")
    yield server
    server.stop()


@pytest.fixture(scope="module")
def open_server(database, keys):
    server = programs.Server(database.url, "--auth", "open", program="trial-server")
    yield server
    server.stop()


@pytest.fixture(scope="module")
def open_channel(open_server):
    with open_server.channel() as channel:
        yield channel


@pytest.fixture
def auth(channel, stubs):
    return stubs.auth_grpc.AuthStub(channel)


@pytest.fixture
def basic(keys):
    """Metadata with the access key of an application."""
    return lambda name: [("authorization", subjects.basic(keys[name]))]


def who(auth, stubs, metadata):
    """Kind, name and roles."""
    answer = auth.WhoAmI(stubs.auth.WhoAmIRequest(), metadata=metadata)
    return answer.subject.kind, answer.subject.name, list(answer.roles)


def refused_who(auth, stubs, metadata):
    return identities.refusal(auth.WhoAmI, stubs.auth.WhoAmIRequest(), metadata=metadata)


# --- each RPC -------------------------------------------------------------------------------------


def methods(stubs):
    """All of Junction's own, and Trial's: full path, descriptor, access, checks_target."""
    from junction.v1 import options_pb2
    for module in (stubs.registry, stubs.auth, stubs.api_reader, stubs.audit, stubs.trial):
        for service in module.DESCRIPTOR.services_by_name.values():
            for method in service.methods:
                rule = method.GetOptions().Extensions[options_pb2.method]
                yield (f"/{service.full_name}/{method.name}", method, ACCESSES[rule.access],
                       rule.checks_target)


def streaming(stubs, path):
    """Which side of the method streams, from the text of the protos, as python3-protobuf 3.21 does not
    say it."""
    from google.protobuf import descriptor_pb2
    for module in (stubs.registry, stubs.auth, stubs.api_reader, stubs.audit, stubs.trial):
        file = descriptor_pb2.FileDescriptorProto()
        module.DESCRIPTOR.CopyToProto(file)
        for service in file.service:
            for method in service.method:
                if path == f"/{file.package}.{service.name}/{method.name}":
                    return method.client_streaming, method.server_streaming
    raise KeyError(path)


def call_empty(channel, stubs, path, metadata):
    """With an empty message, whatever it is, or, of a client's stream, one that has begun."""
    client, server = streaming(stubs, path)
    kinds = {(False, False): channel.unary_unary, (False, True): channel.unary_stream,
             (True, False): channel.stream_unary, (True, True): channel.stream_stream}
    call = kinds[client, server](path)(iter([b""]) if client else b"", metadata=metadata, timeout=60)
    if server:
        list(call)


def refusal_of(channel, stubs, path, metadata):
    return identities.refusal(call_empty, channel, stubs, path, metadata)


def test_each_rpc_needs_credentials_unless_it_is_public(channel, stubs):
    public = set()
    for path, _, access, _ in methods(stubs):
        if access == "PUBLIC":
            public.add(path.rpartition("/")[2])
        else:
            assert refusal_of(channel, stubs, path, None) == REQUIRED, path
    assert public == {"Login", "IssueToken", "Refresh", "Revoke", "GetJwks", "ChangePassword",
                      "AdmitRequest", "RegisterExtension", "Route", "WatchRoutes"}


def test_without_roles_a_caller_may_only_what_needs_none(channel, stubs, basic):
    service = {"Registry": "registry", "Auth": "auth", "ApiReader": "api_reader", "Audit": "audit",
               "Trial": "trial"}
    known = set()
    for path, method, access, checks_target in methods(stubs):
        if access in ("PUBLIC", "KNOWN") or checks_target:
            known.add(method.name)
            continue
        name = service[path.split("/")[1].rpartition(".")[2]]
        assert refusal_of(channel, stubs, path, basic("nobody")) == (
            DENIED, f"application nobody may not: {name} {method.name} ({access})"), path
    assert known >= {"WhoAmI", "Introspect", "Call", "CallStream", "Upload", "Query", "Download"}


def test_what_anybody_may_know_needs_no_credentials(channel, stubs):
    auth = stubs.auth_grpc.AuthStub(channel)
    assert len(auth.GetJwks(stubs.auth.GetJwksRequest()).keys) >= 1
    # Not even good ones.
    wrong = [own_tokens.bearer("nonsense")]
    assert len(auth.GetJwks(stubs.auth.GetJwksRequest(), metadata=wrong).keys) >= 1
    health = stubs.health_grpc.HealthStub(channel)
    assert health.Check(stubs.health.HealthCheckRequest(), metadata=wrong).status == 1
    reflection = stubs.reflection["v1"]
    stub = stubs.reflection_grpc["v1"].ServerReflectionStub(channel)
    asked = iter([reflection.ServerReflectionRequest(list_services="")])
    assert len(next(stub.ServerReflectionInfo(asked, metadata=wrong))
               .list_services_response.service) > 5


def test_a_rule_for_one_rpc_is_for_no_other(channel, stubs, basic):
    trial, m = stubs.trial_grpc.TrialStub(channel), stubs.trial
    metadata = basic("counter")
    assert [n.number for n in trial.Count(m.CountRequest(count=3), metadata=metadata)] == [1, 2, 3]
    numbers = iter([m.SumRequest(number=n) for n in (1, 2)])
    assert trial.Sum(numbers, metadata=metadata).sum == 3
    assert identities.refusal(trial.Echo, m.Everything(), metadata=metadata) == (
        DENIED, "application counter may not: trial Echo (READ)")
    chat = trial.Chat(iter([m.ChatRequest()]), metadata=metadata)
    assert identities.refusal(next, chat) == (
        DENIED, "application counter may not: trial Chat (WRITE)")


def test_a_denial_wins(registry, stubs, basic):
    m, metadata = stubs.registry, basic("unlisted")
    registry.QueryServices(m.QueryServicesRequest(service_name="x"), metadata=metadata)
    assert identities.refusal(registry.ListServers, m.ListServersRequest(), metadata=metadata) == (
        DENIED, "application unlisted may not: registry ListServers (READ)")


def test_a_refused_call_has_changed_nothing(registry, stubs, basic, database):
    m = stubs.registry
    request = m.RegisterServerRequest(server_name="refused", host="127.0.0.1", port=1)
    assert identities.refusal(registry.RegisterServer, request, metadata=basic("reader"))[0] == DENIED
    assert database.rows("SELECT 1 FROM registry.service WHERE name = 'refused'") == []
    registry.RegisterServer(request, metadata=basic("demo"))
    assert len(database.rows("SELECT 1 FROM registry.service WHERE name = 'refused'")) == 1


# --- who it is ------------------------------------------------------------------------------------


def test_a_caller_is_told_who_he_is(auth, stubs, keys, basic):
    assert who(auth, stubs, basic("demo")) == (2, "demo", ["service"])
    assert who(auth, stubs, [own_tokens.bearer(keys["token"].own("user:alice"))]) == (
        1, "alice", ["auditor"])
    assert who(auth, stubs, [own_tokens.bearer(keys["token"].own("application:demo"))]) == (
        2, "demo", ["service"])


def test_the_scheme_is_read_in_any_case(auth, stubs, keys):
    token, key = keys["token"].own(), subjects.basic(keys["demo"]).split(" ")[1]
    for authorization in ("bearer " + token, "BEARER   " + token, "basic " + key, "BASIC " + key):
        assert who(auth, stubs, [("authorization", authorization)])[1] in ("alice", "demo")


@pytest.mark.parametrize("authorization", [
    "Digest x", "Bearer", "Basic", "Bearer ", "token", "Negotiate YII=", "Bearerx y", " "])
def test_other_schemes_are_none(auth, stubs, authorization):
    code, text = refused_who(auth, stubs, [("authorization", authorization)])
    assert code == UNAUTHENTICATED and text in (REQUIRED[1], TOKEN_REFUSED[1], KEY_REFUSED[1])


def encoded(text):
    return "Basic " + base64.b64encode(text.encode()).decode()


WRONG_KEYS = {
    "another secret": lambda keys: subjects.basic(keys["demo"], "x" * 72),
    "a secret that begins alike": lambda keys: subjects.basic(keys["demo"], subjects.SECRET[:-1]),
    "no secret": lambda keys: subjects.basic(keys["demo"], ""),
    "the hash for a secret": lambda keys: subjects.basic(keys["demo"], "\\x" + "0" * 64),
    "an unknown key": lambda keys: subjects.basic("ak-unknown0000000000000"),
    "the application for a key": lambda keys: subjects.basic("demo"),
    "a key that has ended": lambda keys: subjects.basic(keys["ended"]),
    "a disabled application": lambda keys: subjects.basic(keys["off"]),
    "no colon": lambda keys: encoded("ak-demo"),
    "nothing": lambda keys: "Basic ",
    "no base64": lambda keys: "Basic !!!",
}


@pytest.mark.parametrize("what", WRONG_KEYS)
def test_whatever_is_wrong_with_a_key_is_told_in_one_way(auth, stubs, keys, what):
    assert refused_who(auth, stubs, [("authorization", WRONG_KEYS[what](keys))]) == KEY_REFUSED


def test_a_refused_key_is_in_the_audit(auth, stubs, keys, database):
    condition = "namespace = 'junction.auth' AND content = 'access key refused' AND target = '{}'"
    for key, reason in (("ak-audited0000000000000", "there is no such access key"),
                        (keys["ended"], "the access key has ended"),
                        (keys["off"], "the application is disabled")):
        assert refused_who(auth, stubs, [("authorization", subjects.basic(key))]) == KEY_REFUSED
        matching = condition.format("access_key:" + key)
        observe.wait_until(lambda: auditing.rows(database, matching))
        row = auditing.rows(database, matching)[-1]
        assert (row["user"], row["application"], row["severity"]) == (None, None, "warning")
        assert reason in row["ext"] and subjects.SECRET not in str(row)


def test_who_is_disabled_is_let_in_again_when_he_is_enabled(auth, stubs, keys, database):
    key = subjects.put_key(database.url, "nobody", "again")
    authorization = [("authorization", subjects.basic(key))]
    observe.wait_until(lambda: auditing.code_of(
        auth.WhoAmI, stubs.auth.WhoAmIRequest(), metadata=authorization) == grpc.StatusCode.OK)
    for disabled, code in ((True, UNAUTHENTICATED), (False, grpc.StatusCode.OK)):
        subjects.put(database.url, "application", "nobody", disabled=disabled)
        observe.wait_until(lambda: auditing.code_of(
            auth.WhoAmI, stubs.auth.WhoAmIRequest(), metadata=authorization) == code)


def test_a_disabled_user_has_no_good_token(auth, stubs, keys):
    assert refused_who(auth, stubs, [own_tokens.bearer(keys["token"].own("user:mallory"))]) == (
        TOKEN_REFUSED)


def test_without_the_database_nobody_is_known(stubs, keys, tmp_path):
    server = programs.Server(f"postgresql:///none?host={tmp_path}", "--auth", "required", wait=False)
    try:
        with server.channel() as channel:
            auth = stubs.auth_grpc.AuthStub(channel)
            for authorization in (subjects.basic("x"), "Bearer " + keys["token"].own()):
                assert refused_who(auth, stubs, [("authorization", authorization)])[0] == (
                    grpc.StatusCode.UNAVAILABLE)
            assert refused_who(auth, stubs, None) == REQUIRED
    finally:
        server.kill()


# --- open servers ---------------------------------------------------------------------------------


def test_an_open_server_lets_strangers_do_everything(open_channel, stubs):
    auth = stubs.auth_grpc.AuthStub(open_channel)
    answer = auth.WhoAmI(stubs.auth.WhoAmIRequest())
    assert not answer.HasField("subject") and not answer.roles
    stubs.auth_grpc.AuthStub(open_channel).ListSubjects(stubs.auth.ListSubjectsRequest())
    trial = stubs.trial_grpc.TrialStub(open_channel)
    assert len(list(trial.Count(stubs.trial.CountRequest(count=2)))) == 2


@pytest.mark.parametrize("metadata", [("forwarded", "for=192.0.2.1"), ("x-forwarded-for", "192.0.2.1"),
                                      ("via", "1.1 proxy"), ("x-forwarded-for", "")])
def test_who_comes_through_a_proxy_needs_credentials_in_open_mode_too(
        open_channel, stubs, basic, metadata):
    auth = stubs.auth_grpc.AuthStub(open_channel)
    assert refused_who(auth, stubs, [metadata]) == REQUIRED
    trial = stubs.trial_grpc.TrialStub(open_channel)
    assert identities.refusal(next, trial.Count(stubs.trial.CountRequest(count=1), metadata=[metadata])
                              ) == REQUIRED
    assert who(auth, stubs, [metadata, *basic("demo")]) == (2, "demo", ["service"])


def test_whoever_says_that_its_caller_is_exposed_is_believed(open_server, open_channel, stubs):
    exposed = [("junction-exposed", "1")]
    with grpc.insecure_channel("unix:" + open_server.socket) as bridge:
        for channel in (open_channel, bridge):
            auth = stubs.auth_grpc.AuthStub(channel)
            auth.WhoAmI(stubs.auth.WhoAmIRequest())
            assert refused_who(auth, stubs, exposed) == REQUIRED


def test_an_open_server_checks_credentials_that_are_given(open_channel, stubs, keys, basic):
    auth = stubs.auth_grpc.AuthStub(open_channel)
    assert refused_who(auth, stubs, [own_tokens.bearer("nonsense")]) == TOKEN_REFUSED
    assert refused_who(auth, stubs, [("authorization", subjects.basic("x"))]) == KEY_REFUSED
    registry = stubs.registry_grpc.RegistryStub(open_channel)
    request = stubs.registry.ListServersRequest()
    registry.ListServers(request)
    assert identities.refusal(registry.ListServers, request, metadata=basic("nobody"))[0] == DENIED
    assert who(auth, stubs, basic("demo")) == (2, "demo", ["service"])


# --- what is told of callers ----------------------------------------------------------------------


def test_the_audit_says_who_wrote(stubs, channel, open_channel, database, keys, basic):
    log = auditing.Log(stubs, channel, database)
    user = [own_tokens.bearer(keys["token"].own("user:writer"))]
    subjects.put(database.url, "user", "writer", "service", "auditor")
    auth = stubs.auth_grpc.AuthStub(channel)
    observe.wait_until(lambda: auditing.code_of(
        auth.WhoAmI, stubs.auth.WhoAmIRequest(), metadata=user) == grpc.StatusCode.OK)
    for metadata, expected in ((basic("demo"), (None, "demo", ["service"])),
                               (user, ("writer", None, ["auditor", "service"]))):
        row = log.row(log.write(metadata=metadata))
        assert (row["user"], row["application"], row["roles"]) == expected
    row = log.row(auditing.Log(stubs, open_channel, database).write())
    assert (row["user"], row["application"], row["roles"]) == (None, None, None)


def test_the_log_of_the_registry_says_who_changed_it(registry, stubs, database, basic):
    registry.RegisterServer(stubs.registry.RegisterServerRequest(
        server_name="signed", host="127.0.0.1", port=1), metadata=basic("demo"))
    assert database.rows("SELECT DISTINCT caller_application, caller_user FROM registry.change"
                         " WHERE service_key = 'signed'") == [["demo", ""]]


def test_admissions_are_counted(server, auth, stubs, keys, basic):
    def counted():
        return {outcome: observe.value(server, "junction_auth_admissions_total", outcome=outcome)
                for outcome in ("access_key", "token", "refused", "denied", "anonymous")}
    before = counted()
    who(auth, stubs, basic("demo"))
    who(auth, stubs, [own_tokens.bearer(keys["token"].own())])
    refused_who(auth, stubs, None)
    refused_who(auth, stubs, [own_tokens.bearer("x")])
    identities.refusal(auth.ListSubjects, stubs.auth.ListSubjectsRequest(), metadata=basic("demo"))
    after = counted()
    assert {name: after[name] - before[name] for name in after} == {
        "access_key": 1, "token": 1, "refused": 2, "denied": 1, "anonymous": 0}


# --- streams --------------------------------------------------------------------------------------


def test_a_stream_ends_with_its_token(channel, stubs, keys):
    """While it waits, or when its next message has been sent or received."""
    trial, m = stubs.trial_grpc.TrialStub(channel), stubs.trial
    # 30 seconds are allowed for clocks that differ.
    token = keys["token"].own("application:admin", exp=int(time.time()) - 20)
    metadata = [own_tokens.bearer(token)]

    def numbers():
        while trial:
            yield m.SumRequest(number=1)
            time.sleep(0.05)
    listening = trial.Listen(m.ListenRequest(), metadata=metadata, timeout=60)
    counting = trial.Count(m.CountRequest(count=1 << 40, padding=1 << 16), metadata=metadata, timeout=60)
    summing = trial.Sum.future(numbers(), metadata=metadata, timeout=60)
    ended = (UNAUTHENTICATED, "the credentials have ended")
    next(listening)
    assert identities.refusal(next, listening) == ended
    assert identities.refusal(lambda: [None for _ in counting]) == ended
    assert identities.refusal(summing.result) == ended
    trial = None
