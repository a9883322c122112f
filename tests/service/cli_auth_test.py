"""The command line against a server that asks who calls: logins that are kept, and keys."""

import contextlib
import ctypes
import json
import os
import pty
import re
import select
import signal
import stat
import subprocess
import termios
import time

import pytest

import observe
import postgres
import programs
import subjects
from command_line import CLEAN, PROGRAM, run


@pytest.fixture(scope="module")
def asking(database):
    server = programs.Server(database.url, "--auth", "required")
    yield server
    server.stop()


@pytest.fixture(scope="module")
def administrator(asking, database, tmp_path_factory):
    """Its kept login."""
    password = subprocess.run([os.path.join(programs.BUILD, "bin", "junctiond"), "administrator"],
                              env={**CLEAN, "JUNCTION_DATABASE_URL": database.url}, check=True,
                              capture_output=True, text=True).stdout.split(": ")[1].strip()
    home = Home(asking, tmp_path_factory.mktemp("administrator"))
    said = home("login", "administrator", input=f"{password}\nsecret-of-admin\n")
    assert said == "logged in as administrator\n"
    return home


class Home:
    """A user's configuration folder."""

    def __init__(self, server, folder):
        self.server = server
        self.folder = str(folder)

    def __call__(self, *arguments, code=0, environment=None, **more):
        done = run("--server", self.server.address, *arguments,
                   environment={"XDG_CONFIG_HOME": self.folder, **(environment or {})}, **more)
        assert done.returncode == code, done.stderr
        return done.stderr if code else done.stdout

    @property
    def file(self):
        return os.path.join(self.folder, "junction", "login-" + self.server.address)

    def read(self):
        with open(self.file, encoding="utf-8") as file:
            return json.load(file)

    def change(self, **changes):
        kept = self.read()
        with open(self.file, "w", encoding="utf-8") as file:
            json.dump({**kept, **changes}, file)


@pytest.fixture
def home(asking, tmp_path):
    return Home(asking, tmp_path)


def make_user(administrator, name, *roles):
    """His one-time password."""
    administrator("rpc", "Auth/PutSubject", "-", input=json.dumps(
        {"record": {"subject": {"kind": "SUBJECT_KIND_USER", "name": name}}}))
    for role in roles:
        administrator("rpc", "Auth/PutGrant", "-", input=json.dumps(
            {"grant": {"subject": {"kind": "SUBJECT_KIND_USER", "name": name}, "role": role}}))
    return json.loads(administrator(
        "rpc", "Auth/ResetPassword", "-", input=json.dumps({"name": name})))["oneTimePassword"]


@pytest.fixture
def alice(administrator, home):
    """Logged in anew."""
    password = make_user(administrator, "alice", "reader")
    home("login", "alice", input=f"{password}\npassword of alice\n")
    return home


# --- on a terminal -------------------------------------------------------------------------------

class Terminal:
    """A command on a terminal of its own."""

    def __init__(self, home, *arguments):
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.execve(PROGRAM, [PROGRAM, "--server", home.server.address, *arguments],
                      {**CLEAN, "XDG_CONFIG_HOME": home.folder})
        self.seen = ""

    def read(self):
        """What it shows next; "" at its end, where a terminal fails with EIO."""
        assert select.select([self.terminal], [], [], programs.WAIT)[0], f"hangs: {self.seen}"
        with contextlib.suppress(OSError):
            return os.read(self.terminal, 4096).decode()
        return ""

    def read_until(self, words):
        while words not in self.seen:
            shown = self.read()
            assert shown, f"ended: {self.seen}"
            self.seen += shown

    def type(self, words):
        os.write(self.terminal, words.encode())

    def echoes(self):
        return bool(termios.tcgetattr(self.terminal)[3] & termios.ECHO)

    def answer(self, prompt, words):
        """Once what is typed is not shown."""
        self.read_until(prompt)
        observe.wait_until(lambda: not self.echoes())
        self.type(words + "\n")

    def end(self):
        while shown := self.read():
            self.seen += shown
        os.close(self.terminal)
        return os.waitpid(self.pid, 0)[1]


def test_a_password_is_asked_for_and_not_shown(administrator, home):
    one_time = make_user(administrator, "bob")
    terminal = Terminal(home, "login", "bob")
    terminal.answer("Password of bob: ", one_time)
    terminal.answer("New password: ", "password of bob")
    terminal.answer("New password again: ", "password of bob")
    assert terminal.end() == 0
    assert "logged in as bob" in terminal.seen and "must be changed" in terminal.seen
    assert one_time not in terminal.seen and "password of bob" not in terminal.seen
    assert home("whoami") == "user:bob\nroles: none\n"


def test_new_passwords_that_differ_change_nothing(administrator, home):
    one_time = make_user(administrator, "carol")
    terminal = Terminal(home, "login", "carol")
    terminal.answer("Password of carol: ", one_time)
    terminal.answer("New password: ", "one of two")
    terminal.answer("New password again: ", "two of two")
    assert os.waitstatus_to_exitcode(terminal.end()) == 1
    assert "these are two passwords" in terminal.seen and not os.path.exists(home.file)


def test_an_interrupted_password_leaves_the_terminal_as_it_was(home):
    terminal = Terminal(home, "login", "bob")
    terminal.read_until("Password of bob: ")
    observe.wait_until(lambda: not terminal.echoes())
    # Held, as by the shell that it was started from: the terminal lives on.
    with open(f"/proc/{terminal.pid}/fd/0", encoding="utf-8"):
        terminal.type("\x03")
        assert os.WTERMSIG(os.waitpid(terminal.pid, 0)[1]) == signal.SIGINT
        assert terminal.echoes()
    os.close(terminal.terminal)


def test_a_signal_that_another_thread_catches_interrupts_too(home):
    terminal = Terminal(home, "login", "bob")
    terminal.read_until("Password of bob: ")
    observe.wait_until(lambda: not terminal.echoes())
    for thread in map(int, os.listdir(f"/proc/{terminal.pid}/task")):
        if thread != terminal.pid:
            ctypes.CDLL(None).tgkill(terminal.pid, thread, signal.SIGINT)
    assert os.WTERMSIG(terminal.end()) == signal.SIGINT


# --- logins --------------------------------------------------------------------------------------

def test_nobody_is_told_to_log_in(home):
    assert home("services", code=1).endswith("(UNAUTHENTICATED)\njunction: log in first: junction login USER\n")


def test_a_wrong_password_is_refused_in_the_servers_words(administrator, home):
    assert home("login", "nobody", input="wrong\n", code=1) == \
        "junction: the user's name or the password is wrong (UNAUTHENTICATED)\n"
    assert "a password is missing" in home("login", "nobody", input="", code=2)
    assert not os.path.exists(home.file)


def test_a_one_time_password_needs_a_new_one(administrator, home):
    one_time = make_user(administrator, "dave")
    assert "a new password is missing" in home("login", "dave", input=one_time + "\n", code=1)
    assert not os.path.exists(home.file)


def test_a_password_is_not_sent_in_plain_text_to_another_machine(home):
    done = run("--server", "192.0.2.1:50051", "login", "bob", input="x\n")
    assert done.returncode == 2 and "a password is not sent in plain text" in done.stderr
    done = run("--server", "192.0.2.1:50051", "--token", "x", "services")
    assert done.returncode == 1 and "credentials are not sent in plain text" in done.stderr


def test_a_login_is_kept_for_its_owner_only_and_by_server(alice):
    assert stat.S_IMODE(os.stat(alice.file).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(os.path.dirname(alice.file)).st_mode) == 0o700
    assert alice("whoami") == "user:alice\nroles: reader\n"
    assert json.loads(alice("--json", "whoami"))["subject"]["name"] == "alice"
    assert alice("services").startswith("SERVICE")
    assert "may not" in alice("register", "x", "10.0.0.1:1", code=1)
    other = run("--server", "unix:" + alice.server.socket, "whoami",
                environment={"XDG_CONFIG_HOME": alice.folder})
    assert other.returncode == 1 and "log in first" in other.stderr
    os.chmod(alice.file, 0o640)
    assert "others than its owner have rights on it" in alice("whoami", code=1)


def test_logout_ends_the_session(alice, database):
    kept = alice.read()
    assert alice("logout") == "logged out alice\n"
    assert not os.path.exists(alice.file)
    assert postgres.psql(database.url, "SELECT FROM auth.session WHERE name = 'alice'") == []
    assert "the token is not valid" in alice(
        "whoami", environment={"JUNCTION_TOKEN": kept["accessToken"]}, code=1)
    assert alice("logout", code=1) == "junction: nobody is logged in there\n"


def test_a_token_is_refreshed_when_its_time_is_nearly_over(alice):
    before = alice.read()
    alice("whoami")
    assert alice.read() == before
    now = int(time.time() * 1000)
    alice.change(begunAt=now - 900_000, endsAt=now + 10_000)
    assert alice("whoami") == "user:alice\nroles: reader\n"
    after = alice.read()
    assert after["refreshToken"] != before["refreshToken"] and after["endsAt"] > now + 30_000


def test_a_token_that_is_refused_is_refreshed(alice):
    alice.change(accessToken="x.y.z")
    assert alice("whoami") == "user:alice\nroles: reader\n"
    assert alice.read()["accessToken"] != "x.y.z"


def test_commands_at_once_share_one_refresh(alice, database):
    alice.change(accessToken="x.y.z")
    commands = [subprocess.Popen([PROGRAM, "--server", alice.server.address, "whoami"], text=True,
                                 env={**CLEAN, "XDG_CONFIG_HOME": alice.folder},
                                 stdout=subprocess.PIPE) for _ in range(8)]
    assert {c.communicate(timeout=programs.WAIT)[0] for c in commands} == {
        "user:alice\nroles: reader\n"}
    assert postgres.psql(database.url, "SELECT cardinality(used_hashes) FROM auth.session"
                         " WHERE name = 'alice'") == [["1"]]


def test_a_login_that_was_ended_says_so(administrator, alice):
    administrator("rpc", "Auth/EndSessions", '{"kind":"user","name":"alice"}')
    assert "the login of alice has ended: log in again" in alice("whoami", code=1)
    assert alice("logout") == "logged out alice\n"


# --- check and keys ------------------------------------------------------------------------------

def test_check_says_whether_and_why(administrator, alice):
    ask = ("check", "user:alice", "registry", "GetServer")
    assert alice(*ask, "READ") == "allowed\n"
    assert alice(*ask, "WRITE", code=1) == ""
    explained = administrator("check", "--explain", "user:alice", "registry", "GetServer", "read")
    assert re.fullmatch(r"allowed\n.+\nrule   allow \* \*\* READ\nrole   reader\n"
                        r"grant  reader to user:alice\n", explained), explained
    denied = run("--server", alice.server.address, "check", "--explain", "application:none", "x",
                 "y", "GET", environment={"XDG_CONFIG_HOME": alice.folder})
    assert denied.returncode == 1 and denied.stdout.startswith("denied\n")
    assert "is neither user:NAME nor application:NAME" in alice("check", "group:x", "x", "y", "GET",
                                                                code=2)


@pytest.fixture(scope="module")
def application(administrator, database):
    subjects.put(database.url, "application", "shop", "reader")


def test_a_key_is_written_down_and_called_with(administrator, application, home, tmp_path):
    path = tmp_path / "key.json"
    said = administrator("create-key", "shop", "--output", str(path))
    key = json.loads(path.read_text())
    assert said == f"created {key['accessKeyId']} in {path}\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert home("--key-file", str(path), "whoami") == "application:shop\nroles: reader\n"
    assert home("whoami", environment={"JUNCTION_KEY_FILE": str(path)}).startswith("application:shop")
    assert "File exists" in administrator("create-key", "shop", "--output", str(path), code=2)
    assert json.loads(path.read_text()) == key
    path.chmod(0o644)
    assert "others than its owner have rights on it: chmod 600" in home(
        "--key-file", str(path), "whoami", code=1)


def test_a_key_is_printed_without_a_file(administrator, application, home, tmp_path):
    path = tmp_path / "key.json"
    path.touch(0o600)
    path.write_text(administrator("create-key", "shop"))
    assert home("--key-file", str(path), "whoami").startswith("application:shop")


def test_a_file_goes_if_there_is_no_key_for_it(administrator, tmp_path):
    path = tmp_path / "key.json"
    assert "NOT_FOUND" in administrator("create-key", "nothing", "--output", str(path), code=1)
    assert not path.exists()


def test_what_is_given_wins_over_the_login(alice, administrator, application, tmp_path):
    path = tmp_path / "key.json"
    administrator("create-key", "shop", "--output", str(path))
    assert alice("--key-file", str(path), "whoami").startswith("application:shop")
    assert "exclude each other" in alice("--key-file", str(path), "--token", "x", "whoami", code=1)


def test_an_open_server_asks_nobody(server, tmp_path):
    assert Home(server, tmp_path)("whoami").startswith("nobody; the server is open")
