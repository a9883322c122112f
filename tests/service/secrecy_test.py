"""No secret is shown: after all kinds of calls that carry one, places where one could stand are searched."""

import base64
import json
import os
import resource
import signal
import subprocess
import tempfile

import grpc
import pytest

import logins
import postgres
import programs
import subjects

WRONG, NEXT = "a wrong guess 1", "the next password 2"


@pytest.fixture(scope="module")
def cluster():
    """It logs all that it is sent."""
    with postgres.Cluster(settings="log_statement = all\nlog_min_duration_statement = 0\n") as cluster:
        yield cluster


@pytest.fixture(scope="module")
def database(cluster):
    with programs.Database(cluster.url()) as database:
        yield database


@pytest.fixture(scope="module")
def server(database):
    server = programs.Server(database.url, "--auth", "required", "--log-level", "debug")
    yield server
    server.stop()


@pytest.fixture(scope="module")
def bridge(server):
    bridge = programs.Bridge(server, "--log-level", "debug")
    yield bridge
    bridge.stop()


class Secrets(dict):
    """By what they are; and the texts that calls failed with."""

    def __init__(self):
        super().__init__()
        self.errors = []

    def keep(self, what, secret):
        self[f"{what} {len(self)}"] = secret
        return secret

    def keep_tokens(self, answer):
        self.keep("access token", answer.access_token)
        self.keep("signature", answer.access_token.rpartition(".")[2])
        self.keep("refresh token", answer.refresh_token)
        self.keep("random part", answer.refresh_token[40:])
        return answer

    def refused(self, call, *arguments, **named):
        with pytest.raises(grpc.RpcError) as caught:
            call(*arguments, **named)
        self.errors.append(repr(caught.value) + str(caught.value.trailing_metadata()))


def use_passwords(secrets, caller, once):
    secrets.refused(caller.login, "administrator", once)
    secrets.refused(caller.call, "ChangePassword", user="administrator", password=once,
                    new_password=once)
    secrets.refused(caller.call, "ChangePassword", user="administrator", password=WRONG,
                    new_password=NEXT)
    caller.call("ChangePassword", user="administrator", password=once, new_password=NEXT)
    for user in ("administrator", "nobody", WRONG):
        secrets.refused(caller.login, user, WRONG)
    logins_before = [secrets.keep_tokens(caller.login("administrator", NEXT)) for _ in range(3)]
    secrets.refused(caller.call, "Login", user="administrator", password=NEXT * 100)
    return logins_before


def use_sessions(secrets, caller, answers):
    first, second, third = answers
    secrets.keep_tokens(caller.refresh(first.refresh_token))
    secrets.refused(caller.refresh, first.refresh_token)
    secrets.refused(caller.refresh, first.refresh_token[:-1])
    secrets.refused(caller.refresh, first.access_token)
    caller.call("Revoke", token=second.access_token)
    caller.with_token(third.access_token).call("Introspect", token=first.access_token)
    caller.with_token(third.access_token).call("Introspect", token=second.refresh_token)
    secrets.refused(caller.with_token(second.access_token).call, "WhoAmI")
    secrets.refused(caller.with_token(second.refresh_token).call, "WhoAmI")


def use_keys(secrets, caller, admin, server, stubs):
    admin.put_subject("application", "demo")
    made = admin.call("CreateAccessKey", application="demo")
    secrets.keep("access key", made.secret)
    secrets.keep("access key", made.secret[:64])  # shown in the wrong place
    shown = {"access_key_id": made.key.id, "secret": made.secret}
    secrets.keep_tokens(caller.call("IssueToken", **shown))
    secrets.refused(caller.call, "IssueToken", access_key_id=made.secret[:64], secret=WRONG)
    secrets.refused(caller.call, "IssueToken", access_key_id=made.key.id, secret=made.secret + "x")
    for id_, secret in ((made.key.id, made.secret), (made.key.id, made.secret + "x"),
                        (made.secret, "x")):
        value = subjects.basic(id_, secret)
        secrets.keep("basic", value[6:].rstrip("="))
        with logins.Caller(server, stubs, "192.0.2.3:1", ("authorization", value)) as known:
            if (id_, secret) == (made.key.id, made.secret):
                known.call("WhoAmI")
            else:
                secrets.refused(known.call, "WhoAmI")
    admin.call("RotateTokenKey")
    admin.call("DeleteAccessKey", id=made.key.id)


def use_http(secrets, bridge, token):
    answers = []
    for path, body in [("/v1/auth/login", {"user": "administrator", "password": WRONG}),
                       ("/v1/auth/login", {"user": "administrator", "password": NEXT}),
                       ("/v1/auth/login", {"user": "administrator", "passwort": NEXT}),
                       ("/v1/auth/login", {"user": "administrator", "password": [NEXT]}),
                       ("/v1/auth/refresh", {"refresh_token": WRONG}),
                       ("/v1/auth/revoke", {"token": WRONG})]:
        answers.append(bridge.post(path, body))
    tokens = answers[1].json()
    secrets.keep("access token", tokens["access_token"])
    secrets.keep("refresh token", tokens["refresh_token"])
    for value in (f"Bearer {token}", f"Bearer {token}x",
                  "Basic " + base64.b64encode(f"nobody:{NEXT}".encode()).decode()):
        answers.append(bridge.get("/v1/auth/me", {"Authorization": value}))
    secrets.errors += [str(answer.body) + str(answer.headers) for answer in answers if answer.status != 200]


def pages(program):
    return "".join(str(programs.http_request(program.admin, "GET", path).body)
                   for path in ("/metrics", "/log-level", "/healthz", "/"))


def of_process(program):
    shown = ""
    for name in ("cmdline", "environ"):
        with open(f"/proc/{program.process.pid}/{name}", encoding="utf-8", errors="replace") as file:
            shown += file.read()
    return shown


@pytest.fixture(scope="module")
def secrets(server, bridge, database, stubs):
    secrets = Secrets()
    once = secrets.keep("one-time password", server.wait_administrator())
    for password in (WRONG, NEXT):
        secrets.keep("password", password)
    with logins.Caller(server, stubs) as caller:
        answers = use_passwords(secrets, caller, once)
        admin = caller.with_token(answers[2].access_token)
        use_sessions(secrets, caller, answers)
        use_keys(secrets, caller, admin, server, stubs)
        use_http(secrets, bridge, answers[2].access_token)
        admin.put_subject("user", "alice")
        secrets.keep("one-time password", admin.call("ResetPassword", name="alice").one_time_password)
        admin.call("EndSessions", kind="user", name="administrator")
    for private, in database.rows("SELECT private_jwk FROM auth.token_key"):
        secrets.keep("private key", json.loads(private)["d"])
    return secrets


def search(secrets, text, *marks, but=()):
    """marks: what must stand there, so that the right place is searched."""
    for mark in marks:
        assert mark in text
    found = [what for what, secret in secrets.items()
             if secret in text and not what.startswith(tuple(but) or "-")]
    assert not found


def test_there_are_secrets_of_all_kinds(secrets):
    kinds = {what.rpartition(" ")[0] for what in secrets}
    assert kinds == {"one-time password", "password", "access token", "signature", "refresh token",
                     "random part", "access key", "basic", "private key"}
    assert all(len(secret) > 10 for secret in secrets.values()) and len(secrets.errors) > 15


def test_none_is_logged(secrets, server, bridge):
    search(secrets, server.log_text(), "method=junction.v1.Auth/Login")
    search(secrets, bridge.log_text(), "/v1/auth/login")


def test_none_is_in_metrics_and_pages(secrets, server, bridge):
    search(secrets, pages(server), "junction_auth_refusals_total")
    search(secrets, pages(bridge), "junction_")


def test_none_is_in_what_calls_fail_with(secrets):
    search(secrets, "".join(secrets.errors), "the user's name or the password is wrong")


def test_none_is_in_the_audit(secrets, database):
    rows = str(database.rows("SELECT r FROM audit.record r"))
    search(secrets, rows, "login refused", "access key refused", "password changed",
           "revocation added", "token_key added", "access_key added")


def test_none_is_in_lists_and_settings(secrets, database, server, bridge, stubs):
    with logins.Administrator(database, server, stubs) as admin:
        lists = "".join(str(admin.call(rpc)) for rpc in (
            "ListSubjects", "ListAccessKeys", "ListTokenKeys", "ListRoles", "ListGrants",
            "ListIssuers", "GetJwks"))
        value = dict(admin.metadata)["authorization"]
    for path in ("/mw/services", "/v1/auth/subjects", "/v1/auth/access-keys",
                 "/.well-known/jwks.json"):
        lists += str(bridge.get(path, {"Authorization": value}).body)
    search(secrets, lists, "administrator", "jwks" if "jwks" in lists else "keys")


def test_none_is_in_the_process_list(secrets, server, bridge):
    search(secrets, of_process(server), "--auth", "JUNCTION_DATABASE_URL")
    search(secrets, of_process(bridge), "--server")


def test_none_is_kept_but_as_a_hash(secrets, database):
    dump = subprocess.run([postgres.BIN + "pg_dump", "--data-only", "-d", database.url], check=True,
                          capture_output=True, text=True).stdout
    search(secrets, dump, "$argon2id$", but=("private key",))


def test_postgresql_is_sent_hashes_only(secrets, cluster):
    """Of what its own log has if it is told to log all: the private keys of tokens are the exception,
    as they are kept."""
    with open(os.path.join(cluster.folder, "log"), encoding="utf-8", errors="replace") as file:
        search(secrets, file.read(), "auth.begin_login", "auth.open_session", "$argon2id$",
               but=("private key",))


# --- cores -----------------------------------------------------------------------------------


def limit(process):
    with open(f"/proc/{process.pid}/limits", encoding="ascii") as file:
        return next(line.split()[4:6] for line in file if line.startswith("Max core file size"))


def start(folder, program, *options):
    """As somebody who has allowed cores of any size, in a folder of its own."""
    def allow_cores():
        resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    environment = {"JUNCTION_DATABASE_URL": "postgresql:///nothing?host=/nowhere"}
    process = subprocess.Popen(
        [os.path.join(programs.BUILD, "bin", program), "--listen", "127.0.0.1:0", "--admin",
         "127.0.0.1:0", *options], cwd=folder, env=environment, preexec_fn=allow_cores,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout.readline().startswith("listening ")
    return process


@pytest.mark.parametrize("program", ["junctiond", "junction-bridge"])
@pytest.mark.parametrize("wanted", [False, True])
def test_a_crash_leaves_no_core_unless_it_is_wanted(program, wanted):
    with tempfile.TemporaryDirectory(prefix="jt-core-") as folder:
        process = start(folder, program, *(["--core-dumps"] if wanted else []))
        allowed = limit(process)
        process.send_signal(signal.SIGABRT)
        process.communicate()
        assert process.returncode == -signal.SIGABRT
        if wanted and allowed[0] == "0":
            pytest.skip("a sanitizer forbids cores")
        assert allowed == ["unlimited" if wanted else "1"] * 2
        with open("/proc/sys/kernel/core_pattern", encoding="ascii") as file:
            in_folder = not file.read().startswith(("|", "/"))
        assert os.listdir(folder) == [] or wanted
        assert not wanted or not in_folder or len(os.listdir(folder)) == 1
