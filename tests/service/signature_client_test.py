"""The built-in client authentication, against FATE Flow's way to sign a request."""

import concurrent.futures
import functools
import json
import os
import time

import grpc
import pytest

import fate_client
import programs
import subjects

APP, SECRET = "client-1", "s3cret & more"
MISSING = "requirement headers parameters: ['TIMESTAMP', 'NONCE', 'APP_KEY', 'SIGNATURE']"
DENIED = (grpc.StatusCode.UNAUTHENTICATED, "signature authentication failed")
signed = functools.partial(fate_client.signed, app=APP, secret=SECRET)


@pytest.fixture(scope="module")
def secret_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("secret") / "secret"
    path.write_text(SECRET + "\n")
    path.chmod(0o600)
    return str(path)


@pytest.fixture(scope="module")
def server(database, secret_file):
    server = programs.Server(database.url, "--client-app-key", APP,
                             "--client-secret-file", secret_file)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def auth(channel, stubs):
    return stubs.auth_grpc.AuthStub(channel)


@pytest.fixture
def ask(auth, stubs):
    def ask(path, headers, **more):
        def text(value):
            return value if isinstance(value, str) else json.dumps(value)
        auth.ClientAuthentication(stubs.auth.ClientAuthenticationRequest(
            full_path=path, headers=text(headers),
            **{name: text(value) for name, value in more.items()}))
    return ask


def body_fields(body):
    """data and json as FATE Flow passes them."""
    return {"data": json.dumps(body.decode()), "json": body.decode()}


def refusal(call, *arguments, **more):
    with pytest.raises(grpc.RpcError) as error:
        call(*arguments, **more)
    return error.value.code(), error.value.details()


@pytest.mark.parametrize("path", ["/v1/job/submit", "/v1/job/submit?", "/v1/x?a=%20b&c=??", "/?"])
def test_a_request_without_body(ask, path):
    ask(path, signed(path))
    assert refusal(ask, path + "x", signed(path)) == DENIED


@pytest.mark.parametrize("body", [
    b'{"a": 1}', b' [1,\n2] ', '{"x":"今"}'.encode(), b"true", b"7"])
def test_a_body_is_signed_as_it_was_sent(ask, body):
    ask("/p?", signed("/p", body), **body_fields(body))
    assert refusal(ask, "/p?", signed("/p", body + b" "), **body_fields(body)) == DENIED
    assert refusal(ask, "/p?", signed("/p"), **body_fields(body)) == DENIED


@pytest.mark.parametrize("body", [b"{}", b" {} ", b"[]", b"0", b'""', b"false", b"null"])
def test_an_empty_body_is_not_signed(ask, body):
    ask("/p", signed("/p"), **body_fields(body))
    assert refusal(ask, "/p", signed("/p", body), **body_fields(body)) == DENIED


def test_a_body_that_is_no_json_is_not_signed(ask):
    ask("/p", signed("/p"), data='"--boundary"')
    ask("/p", signed("/p"), data='"--boundary"', json="null")


@pytest.mark.parametrize("form", [
    {"b": "1", "a": "2"}, {"a b": "c&d=e/f", "~-._": "%+"}, {"键": "值 😀", "Z": "", "a": "\u0000"}])
def test_a_form_is_signed_sorted_and_quoted(ask, form):
    ask("/p", signed("/p", form=form), form=form)
    assert refusal(ask, "/p", signed("/p"), form=form) == DENIED
    ask("/p", signed("/p"), form={})


@pytest.mark.parametrize("spell", [
    str.lower, str.title, lambda name: name.replace("_", "-"),
    lambda name: name.lower().replace("_", "-")])
def test_header_names_are_the_same_however_they_are_spelled(ask, spell):
    headers = {spell(name): value for name, value in signed("/p").items()}
    ask("/p", {"Host": "x", **headers, "Accept": "*/*"})
    # As document 001 has it: a string that holds the object.
    ask("/p", json.dumps(json.dumps(signed("/p"))))


@pytest.mark.parametrize("name", ["TIMESTAMP", "NONCE", "APP_KEY", "SIGNATURE"])
@pytest.mark.parametrize("value", [None, "", ["x"], "x" * 256, "a\u0000", ...])
def test_a_header_that_is_missing(ask, name, value):
    headers = signed("/p")
    if value is ...:
        headers.pop(name)
    else:
        headers[name] = value
    assert refusal(ask, "/p", headers) == (grpc.StatusCode.UNAUTHENTICATED, MISSING)


def test_a_header_in_two_spellings_is_none(ask):
    assert refusal(ask, "/p", {**signed("/p"), "app-key": APP}) == (
        grpc.StatusCode.UNAUTHENTICATED, MISSING)


@pytest.mark.parametrize("away, allowed", [(-40, True), (59, True), (-61, False), (90, False)])
def test_a_timestamp_is_good_for_a_minute(ask, away, allowed):
    headers = signed("/p", at=time.time() + away)
    if allowed:
        ask("/p", headers)
    else:
        assert refusal(ask, "/p", headers) == DENIED


@pytest.mark.parametrize("change", [
    {"APP_KEY": "client-2"}, {"NONCE": "other"}, {"TIMESTAMP": "soon"}, {"TIMESTAMP": "-1"},
    {"TIMESTAMP": "99999999999999999999"}, {"SIGNATURE": "AAAA"}, {"SIGNATURE": "x" * 28}])
def test_all_that_is_wrong_is_refused_with_the_same_words(ask, change):
    assert refusal(ask, "/p", {**signed("/p"), **change}) == DENIED


def test_another_secret_or_application(ask):
    assert refusal(ask, "/p", signed("/p", secret=SECRET + "\n")) == DENIED
    assert refusal(ask, "/p", signed("/p", secret="")) == DENIED
    assert refusal(ask, "/p", signed("/p", app="client-2")) == DENIED


@pytest.mark.parametrize("headers", ["[]", "1", '"no object"', '"[]"'])
def test_headers_that_are_no_object(ask, headers):
    code, details = refusal(ask, "/p", headers)
    assert code == grpc.StatusCode.INVALID_ARGUMENT and details.startswith("headers: ")


@pytest.mark.parametrize("more", [{"form": "[]"}, {"form": '{"a":[]}'}, {"json": "{\"a\":1}"},
                                  {"json": "{\"a\":1}", "data": "1"}])
def test_what_does_not_belong_together(ask, more):
    assert refusal(ask, "/p", signed("/p"), **more) == DENIED


def test_a_nonce_is_good_once(ask, database):
    headers = signed("/p", nonce="only-once")
    ask("/p", headers)
    assert refusal(ask, "/p", headers) == DENIED
    # Also with another timestamp and for another request.
    assert refusal(ask, "/q", signed("/q", nonce="only-once", at=time.time() + 5)) == DENIED
    assert database.rows("SELECT app_key, expires_at BETWEEN now() + interval '100 seconds' AND"
                         " now() + interval '140 seconds' FROM auth.seen_nonce"
                         " WHERE nonce = 'only-once'") == [[APP, "t"]]


def test_a_request_that_is_refused_takes_no_nonce(ask, database):
    assert refusal(ask, "/p", signed("/p", secret="wrong", nonce="refused")) == DENIED
    assert database.rows("SELECT count(*) FROM auth.seen_nonce WHERE nonce = 'refused'") == [["0"]]
    ask("/p", signed("/p", nonce="refused"))


def test_of_many_at_once_with_one_nonce_one_comes_in(ask, auth, stubs, database, secret_file):
    headers = json.dumps(signed("/p", nonce="race"))
    other = programs.Server(database.url, "--client-app-key", APP,
                            "--client-secret-file", secret_file)
    try:
        with other.channel() as channel, concurrent.futures.ThreadPoolExecutor(32) as pool:
            stubs_of = [auth, stubs.auth_grpc.AuthStub(channel)]

            def attempt(i):
                try:
                    stubs_of[i % 2].ClientAuthentication(stubs.auth.ClientAuthenticationRequest(
                        full_path="/p", headers=headers))
                    return True
                except grpc.RpcError as error:
                    assert (error.code(), error.details()) == DENIED
                    return False
            assert sum(pool.map(attempt, range(100))) == 1
            # Different ones all come in.
            list(pool.map(lambda i: ask("/p", signed("/p")), range(100)))
    finally:
        other.stop()


def test_nonces_that_are_too_old_are_removed_and_free(ask, database):
    database.rows("INSERT INTO auth.seen_nonce SELECT 'client-1', 'old-' || i,"
                  " now() - interval '1 second' FROM generate_series(1, 50) i")
    ask("/p", signed("/p", nonce="old-7"))
    assert database.rows("SELECT nonce FROM auth.seen_nonce WHERE nonce ~ '^old-'") == [["old-7"]]


def test_an_application_signs_with_its_access_keys(ask, channel, stubs, database):
    subjects.put(database.url, "application", "signer")
    good, ended = (subjects.put_key(database.url, "signer", name) for name in ("good", "ended"))
    database.rows(f"UPDATE auth.access_key SET ends_at = now() WHERE id = '{ended}'")
    sign = functools.partial(fate_client.signed, "/p", secret=subjects.SECRET)
    subjects.wait_known(channel, stubs)
    ask("/p", sign(app=good))
    assert refusal(ask, "/p", sign(app=good, secret=subjects.SECRET + "s")) == DENIED
    assert refusal(ask, "/p", sign(app=ended)) == DENIED
    assert refusal(ask, "/p", sign(app=ended[:-1])) == DENIED
    subjects.put(database.url, "application", "signer", disabled=True)
    subjects.wait_known(channel, stubs)
    assert refusal(ask, "/p", sign(app=good)) == DENIED


def test_without_an_application_nobody_comes_in(database, stubs):
    server = programs.Server(database.url)
    try:
        with server.channel() as channel:
            auth = stubs.auth_grpc.AuthStub(channel)
            for app in (APP, ""):
                assert refusal(auth.ClientAuthentication, stubs.auth.ClientAuthenticationRequest(
                    full_path="/p", headers=json.dumps({**signed("/p"), "APP_KEY": app}))) == (
                    DENIED if app else (grpc.StatusCode.UNAUTHENTICATED, MISSING))
    finally:
        server.stop()


@pytest.mark.parametrize("content, said", [
    ("\n", "--client-secret-file: the file holds no secret"), ("", "the file holds no secret"),
    (None, "--client-secret-file")])
def test_a_secret_that_is_none_stops_the_start(database, tmp_path, content, said):
    path = tmp_path / "secret"
    if content is not None:
        path.write_text(content)
    with pytest.raises(RuntimeError) as error:
        programs.Server(database.url, "--client-app-key", APP, "--client-secret-file", str(path))
    assert "junctiond: " in str(error.value) and said in str(error.value)


def test_a_secret_that_everybody_may_read_is_reported(database, tmp_path):
    path = tmp_path / "secret"
    path.write_text("the-secret\r\n")
    os.chmod(path, 0o644)
    server = programs.Server(database.url, "--client-app-key", APP, "--client-secret-file", str(path))
    try:
        assert "everybody may read the file of the client's secret" in server.log_text()
        assert "the-secret" not in server.log_text()
    finally:
        server.stop()


def test_over_http(bridge, database):
    body = '{"a":  1}'
    answer = bridge.post("/v1/auth/client_authentication", {
        "full_path": "/v1/job/submit?", "headers": signed("/v1/job/submit", body.encode()),
        "form": {}, "data": body, "json": json.loads(body)})
    assert answer.status == 200 and answer.json()["code"] == 0, answer
    answer = bridge.post("/v1/auth/client_authentication", {
        "full_path": "/v1/job/submit?", "headers": signed("/other"), "form": {}, "data": "",
        "json": None})
    assert answer.status == 200
    assert (answer.json()["code"], answer.json()["msg"]) == (109, "signature authentication failed")
