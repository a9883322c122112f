"""The command line: every command against a real server, what it prints and how it ends."""

import json
import re
import signal

import pytest

import certificates
import observe
import programs
from command_line import Fixed, lasting, on_terminal, run


@pytest.fixture(scope="module")
def cli(server):
    def call(*arguments, space="cli", code=0, **more):
        done = run("--server", server.address, "--namespace", space, *arguments, **more)
        assert done.returncode == code, done.stderr
        return done.stderr if code else done.stdout
    return call


def rows(table):
    return [re.split(r"  +", line.rstrip()) for line in table.splitlines()]


@pytest.fixture
def fixed(database):
    server = Fixed(database)
    yield server
    server.stop()


# --- nodes ----------------------------------------------------------------------------------------


def test_a_node_is_registered_renewed_changed_and_removed(cli):
    assert cli("register-node", "shop", "10.0.0.1:80", "--node", "web-1", "--lease", "1m",
               "--weight", "3", "--metadata", '{"zone":"a"}', "--check-path", "/health",
               "--protocol", "https") == "registered web-1\n"
    assert cli("heartbeat", "shop", "web-1") == "web-1 lives for 60000 ms\n"
    assert rows(cli("nodes", "shop")) == [
        ["SERVICE", "NODE", "ADDRESS", "WEIGHT", "STATE", "HEALTH", "LEASE"],
        ["shop", "web-1", "10.0.0.1:80", "3", "available", "-", "60s"]]
    assert cli("update-node", "shop", "web-1", "--enabled", "false", "--weight", "5",
               "--metadata", '{"zone":"b"}') == "updated web-1\n"
    assert rows(cli("nodes", "shop", "--wide")) == [
        ["SERVICE", "NODE", "ADDRESS", "WEIGHT", "STATE", "HEALTH", "LEASE", "CHECK", "REASON",
         "METADATA"],
        ["shop", "web-1", "10.0.0.1:80", "5", "disabled", "-", "60s", "GET /health", "-",
         '{"zone":"b"}']]
    assert cli("deregister", "shop", "web-1") == "deregistered web-1\n"
    assert "no node web-1 of service shop (NOT_FOUND)" in cli("heartbeat", "shop", "web-1", code=1)
    assert "NOT_FOUND" in cli("deregister", "shop", "web-1", code=1)


def test_the_server_names_a_node_that_has_no_name(cli):
    name = cli("register-node", "unnamed", "[::1]:80").removeprefix("registered ").strip()
    assert rows(cli("nodes", "unnamed"))[1][1:3] == [name, "[::1]:80"]
    assert rows(cli("nodes", "unnamed"))[1][6] == "-"
    assert json.loads(cli("nodes", "unnamed", "--json"))["nodes"][0]["check"] == "NODE_CHECK_TCP"


def test_every_command_answers_in_json(cli):
    answer = json.loads(cli("register-node", "j", "h:1", "--node", "j-1", "--lease", "90s", "--json"))
    assert (answer["node"], answer["leaseMs"]) == ("j-1", 90000)
    assert json.loads(cli("heartbeat", "j", "j-1", "--json")) == {"leaseMs": 90000}
    assert json.loads(cli("update-node", "j", "j-1", "--weight", "0", "--json"))["revision"] > 0
    assert json.loads(cli("nodes", "--json", "j"))["nodes"][0]["weight"] == 0
    assert json.loads(cli("deregister", "j", "j-1", "--json"))["revision"] > 0
    assert json.loads(cli("register", "js", "h:1", "--json")) == {}
    assert json.loads(cli("register", "js.do", "/do", "--json"))["data"] == {}
    assert json.loads(cli("services", "js", "--json"))["services"][0]["name"] == "js"
    assert json.loads(cli("actions", "js", "--json"))["actions"][0]["name"] == "js.do"


def test_all_pages_make_one_table(cli):
    large = json.dumps({"text": "x" * 60000})
    for i in range(25):  # more than the 1 MiB of a page
        cli("register-node", "paged", f"h:{i + 1}", "--node", f"p-{i:02}", "--metadata", large)
    assert [row[1] for row in rows(cli("nodes", "paged"))[1:]] == [f"p-{i:02}" for i in range(25)]
    pages = [json.loads(page) for page in cli("nodes", "paged", "--json").splitlines()]
    assert len(pages) > 1 and sum(len(page["nodes"]) for page in pages) == 25


def test_a_namespace_is_worked_in_alone(cli):
    cli("register-node", "shop", "h:1", "--node", "there-1", space="there")
    assert "there-1" in cli("nodes", space="there") and "there-1" not in cli("nodes")


def test_control_characters_do_not_reach_the_terminal(cli):
    cli("register-node", "rude", "h:1", "--node", "r-1", "--metadata", '{"a":"x\u009b31my\u4eca"}')
    assert rows(cli("nodes", "rude", "--wide"))[1][-1] == '{"a":"x?31my\u4eca"}'


# --- wrong usage, refusals, nobody there ------------------------------------------------------------


@pytest.mark.parametrize("arguments, sentence", [
    (["nodes", "--weight", "1"], "nodes takes no --weight"),
    (["services", "--keep"], "services takes no --keep"),
    (["register", "a", "h:1", "--method", "GET"], "this register takes no --method"),
    (["register", "a"], "usage: junction register"),
    (["register", "a", "h"], '"h" is neither HOST:PORT nor a /URI'),
    (["register", "nothing-here.json"], "nothing-here.json: No such file"),
    (["register-node", "a", "h"], '"h" is not HOST:PORT'),
    (["register-node", "a", "h:1", "--lease", "ten"], '--lease: "ten" is no duration'),
    (["register-node", "a", "h:1", "--lease", "99999999999s"], "is no duration"),
    (["register-node", "a", "h:1", "--weight", "much"], "weight: "),
    (["register-node", "a", "h:1", "--enabled", "maybe"], "enabled: "),
    (["register-node", "a", "h:1", "--check", "icmp"], "check: "),
    (["call", "a.b", "--param", "x"], '--param: "x" is not NAME=VALUE'),
    (["rpc", "Registry.Nothing"], 'there is no method "Registry.Nothing"'),
    (["rpc", "ListNodes"], 'there is no method "ListNodes"'),
    (["rpc", "Registry.ListNodes", '{"servise":"x"}'], "servise"),
    (["rpc", "Registry.ListNodes", "{"], "invalid JSON at byte"),
    (["rpc", "v1.ServerReflection.ServerReflectionInfo"], "takes a stream of requests"),
    (["help", "nothing"], 'there is no command or method "nothing"'),
])
def test_wrong_usage(cli, arguments, sentence):
    message = cli(*arguments, code=2)
    assert sentence in message and message.endswith("Try 'junction --help'.\n")


def test_the_server_refuses_with_a_sentence(cli):
    assert "weight: must be" in cli("register-node", "a", "h:1", "--weight", "-1", code=1)
    assert "(NOT_FOUND)" in cli("nodes", "nobody", code=1)
    assert "(INVALID_ARGUMENT)" in cli("watch", "--after", "nonsense", code=1)
    assert "leaseMs: must be" in cli("register-node", "a", "h:1", "--lease", "1ms", "--keep", code=1)
    assert "not a legal header value" in cli("services", space="a\nb", code=1)


@pytest.mark.parametrize("command", [["nodes"], ["watch"], ["heartbeat", "a", "b"],
                                     ["rpc", "Registry.Watch"]])
def test_a_server_that_is_away(command):
    done = run("--server", f"127.0.0.1:{programs.free_port()}", *command)
    assert done.returncode == 3 and "(UNAVAILABLE)" in done.stderr and not done.stdout


# --- rpc and help -----------------------------------------------------------------------------------


def test_any_method_can_be_called(cli):
    cli("rpc", "Registry.RegisterNode", '{"service":"r","node":"r-1","host":"h","port":1}')
    for name in ("Registry.ListNodes", "junction.v1.Registry.ListNodes",
                 "/junction.v1.Registry/ListNodes"):
        answer = json.loads(cli("rpc", name, "-", input='{"service":"r"}'))
        assert [node["name"] for node in answer["nodes"]] == ["r-1"]
    assert json.loads(cli("rpc", "Health.Check")) == {"status": "SERVING"}
    assert "host: " in cli("rpc", "Registry.RegisterNode", '{"service":"r"}', code=1)


def test_a_server_stream_is_a_line_for_each_message(cli):
    with programs.Upstream(lambda request: (200, {"Content-Type": "text/plain"}, b"abc")) as up:
        cli("register", "streams", f"127.0.0.1:{up.port}")
        cli("register", "streams.go", "/go", "--method", "GET")
        lines = cli("rpc", "Registry.CallStream", '{"service":"streams","action":"go"}').splitlines()
    answers = [json.loads(line) for line in lines]
    assert answers[0]["contentType"] == "text/plain"
    assert "".join(answer["data"] for answer in answers) == "YWJj"
    assert "(NOT_FOUND)" in cli("rpc", "Registry.CallStream", '{"service":"no","action":"no"}', code=1)


def test_help_is_what_the_protos_say():
    text = run("help", "nodes").stdout
    assert text.startswith("Usage: junction [OPTION...] nodes [SERVICE]\n")
    assert "It calls Registry.ListNodes\nThe nodes that live, with what is known of each" in text
    assert "\n  service (string)\n    Only those of this service" in text
    assert "\n  nodes (list of NodeInfo)\n" in text and "\n  --wide\n" in text
    method = run("help", "Registry.Watch").stdout
    assert method.startswith("Registry.Watch\n") and "Each response:\n  kind (WatchKind)" in method
    hook = run("help", "Auth.Signature").stdout
    assert "\n  party_id (string or number)\n" in hook and "\n  any other (JSON)\n" in hook
    whole = run("help").stdout
    for word in ("register-node", "watch", "Exit codes:", "  3  "):
        assert word in whole
    assert max(map(len, (text + method + whole).splitlines())) <= 84


# --- files ------------------------------------------------------------------------------------------


def many(count):
    return {f"bulk-{i:03}": {"host": "h", "port": i + 1, "api": {"go": {"uri": "/go"}}}
            for i in range(count)}


def test_files_are_registered(cli, tmp_path):
    file = tmp_path / "many.json"
    file.write_text(json.dumps(many(250)))
    assert cli("register", str(file), "-", input='{"piped":{"host":"h","port":1,"api":{}}}',
               space="files") == "registered 251 servers\n"
    assert len(rows(cli("services", space="files"))) >= 252
    assert "bulk-249.go" in cli("actions", "bulk-249", space="files")


def test_a_file_with_a_wrong_server_says_how_far_it_came(cli, tmp_path):
    servers = many(250)
    servers["bulk-150"]["port"] = 0
    file = tmp_path / "wrong.json"
    file.write_text(json.dumps(servers))
    message = cli("register", str(file), space="wrong", code=1)
    assert "bulk-150" in message and "100 of 250 servers are registered" in message
    assert len([r for r in rows(cli("services", space="wrong")) if r[0].startswith("bulk")]) == 100
    file.write_text("[]")
    assert "must hold an object of servers" in cli("register", str(file), code=2)


# --- terminals --------------------------------------------------------------------------------------


def test_a_table_fits_the_terminal(cli, server):
    cli("register-node", "fits", "h:1", "--node", "a-name-that-is-quite-long-for-a-terminal-1",
        "--metadata", '{"text":"今天天气很好今天天气很好今天天气很好今天天气很好"}', space="tty")
    arguments = ["--server", server.address, "--namespace", "tty", "nodes", "--wide"]
    lines = on_terminal(90, *arguments).splitlines()
    assert len(lines) == 2 and "\u2026" in lines[1] and "\x1b" not in lines[1]
    for line in lines:
        assert sum(2 if ord(c) > 0x2e80 else 1 for c in line) <= 90, line
    assert "a-name-that-is-quite-long-for-a-terminal-1" in cli(*arguments[2:], space="tty")


def test_progress_is_shown_on_a_terminal(server, tmp_path):
    file = tmp_path / "many.json"
    file.write_text(json.dumps(many(150)))
    text = on_terminal(80, "--server", server.address, "--namespace", "progress", "register",
                       str(file))
    assert "\r" + f"{file}: 100 of 150 servers\r{file}: 150 of 150 servers" in text


# --- watch ------------------------------------------------------------------------------------------


def test_watch_shows_what_is_and_each_change(cli, server):
    cli("register-node", "w", "10.0.0.1:80", "--node", "w-1", space="watched")
    with lasting("--server", server.address, "--namespace", "watched", "watch") as watch:
        assert watch.line() == "--- snapshot"
        assert watch.line() == f"{'-':24}  is      service  w  "
        assert watch.line().startswith(
            f"{'-':24}  is      node     w/w-1  10.0.0.1:80 weight 1, available, health -")
        assert watch.line() == "--- that is all, 2; changes follow"
        cli("update-node", "w", "w-1", "--weight", "7", space="watched")
        line = watch.line()
        assert re.match(r"\d{4}-\d\d-\d\dT\S+Z  put     node     w/w-1  10.0.0.1:80 weight 7, ", line)
        assert "  by 127.0.0.1" in line
        cli("deregister", "w", "w-1", space="watched")
        assert re.match(r"\S+  delete  node     w/w-1  ", watch.line())
        rest, error, code = watch.end()
    assert (rest, code) == ("", 0)
    cursor = re.search(r"--after (\S+) goes on", error)[1]
    cli("register-node", "w", "10.0.0.2:80", "--node", "w-2", space="watched")
    with lasting("--server", server.address, "--namespace", "watched", "watch", "--json", "--after",
                 cursor) as watch:
        message = json.loads(watch.line())
        assert message["kind"] == "WATCH_KIND_CHANGES"
        assert [change["nodeKey"] for change in message["changes"]] == ["w-2"]
        assert watch.end(signal.SIGTERM)[1:] == ("", 0)


def test_a_watch_of_one_service(cli, server):
    cli("register-node", "one", "h:1", "--node", "o-1", space="single")
    cli("register-node", "two", "h:1", "--node", "t-1", space="single")
    with lasting("--server", server.address, "--namespace", "single", "watch", "two") as watch:
        assert watch.line() == "--- snapshot"
        assert watch.line().split()[3] == "two" and watch.line().split()[3] == "two/t-1"


def test_a_watch_goes_on_when_the_server_comes_back(fixed):
    options = ["--server", fixed.address, "--namespace", "restart"]
    with lasting(*options, "watch", "--json") as watch:
        kinds = [json.loads(watch.line())["kind"]]
        assert kinds == ["WATCH_KIND_SNAPSHOT_END"]
        names = [f"n-{i}" for i in range(3)]
        assert run(*options, "register-node", "a", "h:1", "--node", names[0]).returncode == 0
        seen = json.loads(watch.line())["changes"]
        for name in names[1:]:
            fixed.kill()
            fixed.start()
            assert run(*options, "register-node", "a", "h:1", "--node", name).returncode == 0
            seen += json.loads(watch.line())["changes"]
        assert [c["nodeKey"] for c in seen if "nodeKey" in c] == names
        _, error, code = watch.end()
    assert code == 0 and error.count("trying again") == 2 and "it goes on" in error


# --- register-node --keep ---------------------------------------------------------------------------


def nodes(options, service):
    done = run(*options, "nodes", service, "--json")
    return json.loads(done.stdout)["nodes"] if done.returncode == 0 else []


def test_a_kept_node_lives_until_ctrl_c(server):
    options = ["--server", server.address, "--namespace", "kept"]
    with lasting(*options, "register-node", "keep", "h:1", "--lease", "1s", "--keep") as keeper:
        registered = keeper.line()
        name = registered.removeprefix("registered ")
        assert re.fullmatch(r"[\w.-]+-\d{16}", name), registered
        assert nodes(options, "keep")[0]["name"] == name
        assert run(*options, "deregister", "keep", name).returncode == 0
        assert [keeper.line(), keeper.line()] == [f"lost {name}", f"restored {name}"]
        assert nodes(options, "keep")[0]["leaseMs"] == 1000
        assert keeper.end() == (f"deregistered {name}\n", "", 0)
    assert nodes(options, "keep") == []


def test_a_kept_node_outlives_a_server_that_is_killed(fixed):
    options = ["--server", fixed.address, "--namespace", "outlive"]
    with lasting(*options, "register-node", "keep", "h:1", "--node", "k-1", "--lease", "1s",
                 "--keep", "--json") as keeper:
        assert json.loads(keeper.line()) == {"event": "registered", "node": "k-1"}
        fixed.kill()
        assert json.loads(keeper.line())["event"] == "lost"
        fixed.start()
        assert json.loads(keeper.line())["event"] == "restored"
        # The file's other server has not been away, and may just have given up a node that came back
        # after the end of its lease; then it is lost and restored once more.
        observe.wait_until(
            lambda: [node["name"] for node in nodes(options, "keep")] == ["k-1"])
        rest, error, code = keeper.end(signal.SIGTERM)
    assert json.loads(rest.splitlines()[-1])["event"] == "deregistered" and code == 0
    assert "(UNAVAILABLE)\njunction: trying again" in error


def test_a_node_may_be_kept_before_the_server_is_there(database):
    port = programs.free_port()
    with lasting("--server", f"127.0.0.1:{port}", "register-node", "early", "h:1", "--lease", "2s",
                 "--keep") as keeper:
        assert "(UNAVAILABLE)" in keeper.process.stderr.readline()
        server = programs.Server(database.url, "--listen", f"127.0.0.1:{port}")
        try:
            assert keeper.line().startswith("registered ")
            server.kill()
            rest, error, code = keeper.end()
        finally:
            server.process.stdout.close()
    assert code == 3 and "deregistered" not in rest and "(UNAVAILABLE)" in error


def test_a_server_that_says_nothing_any_more_is_noticed(fixed):
    options = ["--server", fixed.address, "--namespace", "mute"]
    with lasting(*options, "register-node", "keep", "h:1", "--node", "k-1", "--lease", "1s",
                 "--keep") as keeper:
        assert keeper.line() == "registered k-1"
        fixed.server.process.send_signal(signal.SIGSTOP)
        try:
            assert keeper.line() == "lost k-1"
        finally:
            fixed.server.process.send_signal(signal.SIGCONT)
        assert keeper.line() == "restored k-1"
        assert "(DEADLINE_EXCEEDED)" in keeper.end()[1]


# --- TLS --------------------------------------------------------------------------------------------


def test_watch_and_keep_over_tls(database):
    authority = certificates.Authority()
    pair, client = authority.issue("server"), authority.issue("client")
    server = programs.Server(database.url, "--tls-cert", pair.cert, "--tls-key", pair.key,
                             "--tls-client-ca", authority.cert)
    options = ["--server", server.address, "--namespace", "tls"]
    tls = ["--ca", authority.cert, "--cert", client.cert, "--key", client.key]
    try:
        with lasting(*options, *tls, "watch", "--json") as watch:
            assert json.loads(watch.line())["kind"] == "WATCH_KIND_SNAPSHOT_END"
            with lasting(*options, *tls, "register-node", "t", "h:1", "--keep") as keeper:
                assert keeper.line().startswith("registered ")
                assert json.loads(watch.line())["changes"]
                assert keeper.end()[2] == 0
        assert run(*options, "watch").returncode == 3
        assert "need a ca" in run(*options, "--cert", client.cert, "watch").stderr
    finally:
        server.stop()
        authority.remove()
