"""Clients in Python, by protoc's own generator and grpcio, who must show who they are."""

import grpc
import pytest

import logins
import programs
import subjects

UNAUTHENTICATED, DENIED = grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED


@pytest.fixture(scope="module")
def key(database):
    subjects.put(database.url, "application", "python", "reader")
    return subjects.put_key(database.url, "python", "py")


@pytest.fixture(scope="module")
def asking(database, key):
    server = programs.Server(database.url, "--auth", "required")
    yield server
    server.stop()


@pytest.fixture(scope="module")
def user(database, asking, stubs):
    with logins.Administrator(database, asking, stubs) as administrator:
        administrator.add_user("python-user")
    return "python-user"


@pytest.fixture(scope="module")
def channel(asking):
    with asking.channel() as channel:
        yield channel


@pytest.fixture(scope="module")
def auth(channel, stubs):
    return stubs.auth_grpc.AuthStub(channel)


@pytest.fixture(params=["basic", "bearer", "interceptor"])
def registry(request, channel, stubs, auth, key):
    """The registry as an application may use it, by each way to show that it is one."""
    if request.param == "basic":
        shown = subjects.basic(key)
    else:
        shown = "Bearer " + auth.IssueToken(stubs.auth.IssueTokenRequest(
            access_key_id=key, secret=subjects.SECRET)).access_token
    if request.param == "interceptor":
        channel = grpc.intercept_channel(channel, Showing(shown))
        return stubs.registry_grpc.RegistryStub(channel), {}
    return stubs.registry_grpc.RegistryStub(channel), {"metadata": [("authorization", shown)]}


class Showing(grpc.UnaryUnaryClientInterceptor, grpc.UnaryStreamClientInterceptor):
    """Adds what is shown to every call, as programs do that call from many places."""

    def __init__(self, shown):
        self.shown = shown

    def intercept_unary_unary(self, continuation, details, request):
        return continuation(details._replace(metadata=[("authorization", self.shown)]), request)

    intercept_unary_stream = intercept_unary_unary


def refused(call):
    with pytest.raises(grpc.RpcError) as caught:
        call()
    return caught.value.code(), caught.value.details()


def test_nobody_is_refused(channel, stubs):
    m, registry = stubs.registry, stubs.registry_grpc.RegistryStub(channel)
    for call in (lambda: registry.ListServers(m.ListServersRequest()),
                 lambda: next(registry.Watch(m.WatchRequest()))):
        code, text = refused(call)
        assert code == UNAUTHENTICATED and text.startswith("credentials are required")


def test_what_is_granted_is_allowed_and_nothing_else(registry, stubs):
    registry, shown = registry
    m = stubs.registry
    registry.ListServers(m.ListServersRequest(), **shown)
    code, text = refused(lambda: registry.RegisterServer(
        m.RegisterServerRequest(server_name="py", host="10.0.0.1", port=1), **shown))
    assert (code, text) == (DENIED, "application python may not: registry RegisterServer (WRITE)")


def test_a_stream_is_opened_with_credentials(registry, stubs):
    registry, shown = registry
    watch = registry.Watch(stubs.registry.WatchRequest(), **shown)
    assert next(watch).cursor
    watch.cancel()


def test_a_wrong_token_is_refused_with_one_text(channel, stubs):
    registry = stubs.registry_grpc.RegistryStub(channel)
    for shown in ("Bearer x", "Bearer a.b.c", "bearer "):
        assert refused(lambda: registry.ListServers(
            stubs.registry.ListServersRequest(), metadata=[("authorization", shown)])) == (
                UNAUTHENTICATED, "the token is not valid")


def test_a_user_logs_in_refreshes_and_leaves(auth, user, stubs):
    m = stubs.auth
    first = auth.Login(m.LoginRequest(user=user, password=logins.PASSWORD))
    assert first.token_type == "Bearer" and first.expires_in >= 60
    second = auth.Refresh(m.RefreshRequest(refresh_token=first.refresh_token))
    bearer = [logins.bearer(second.access_token)]
    assert auth.WhoAmI(m.WhoAmIRequest(), metadata=bearer).subject.name == user
    auth.Revoke(m.RevokeRequest(token=second.refresh_token))
    assert refused(lambda: auth.WhoAmI(m.WhoAmIRequest(), metadata=bearer)) == (
        UNAUTHENTICATED, "the token is not valid")
    assert refused(lambda: auth.Login(m.LoginRequest(user=user, password="no"))) == \
        logins.LOGIN_REFUSED
