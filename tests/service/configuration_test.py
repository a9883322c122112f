"""Service configuration files: what servers make of them, and of their changes."""

import json
import os
import re
import threading

import grpc
import pytest

import programs
from command_line import run
from configurations import Folder, at, text
from observe import logged, wait_logged, wait_until

FILE = "demo.config.json"


@pytest.fixture
def folder():
    with Folder() as folder:
        yield folder


class Seen:
    """What a server shows."""

    def __init__(self, server, stubs):
        self.channel = server.channel()
        self.m = stubs.registry
        self.registry = stubs.registry_grpc.RegistryStub(self.channel)

    def close(self):
        self.channel.close()

    def services(self):
        listed = self.registry.ListServices(self.m.ListServicesRequest(), timeout=60).services
        return {s.name: s for s in listed if s.name != "$node"}

    def nodes(self, service="demo"):
        """Name to node, of those that are there."""
        if service not in self.services():
            return {}
        listed = self.registry.ListNodes(self.m.ListNodesRequest(service=service), timeout=60)
        return {n.name: n for n in listed.nodes}

    def ports(self, service="demo"):
        return sorted(n.port for n in self.nodes(service).values())

    def actions(self, service="demo"):
        listed = self.registry.ListActions(self.m.ListActionsRequest(service=service), timeout=60)
        return {a.name: a for a in listed.actions}

    def events(self, service="demo"):
        listed = self.registry.ListEvents(self.m.ListEventsRequest(service=service), timeout=60)
        return [(e.name, e.group) for e in listed.events]

    def files(self, service=""):
        listed = self.registry.ListConfigurations(
            self.m.ListConfigurationsRequest(service=service), timeout=60)
        return {c.file: c for c in listed.configurations}

    def call(self, action, service="demo", **more):
        return self.registry.Call(self.m.CallRequest(service=service, action=action, **more),
                                  timeout=60)


@pytest.fixture
def start(database, folder, stubs):
    """Starts a server on the folder; gives it and what it shows."""
    started = []

    def run(*arguments, of=folder, **more):
        server = of.serve(database, *arguments, **more)
        seen = Seen(server, stubs)
        started.append((server, seen))
        return server, seen

    yield run
    for server, seen in started:
        seen.close()
        server.stop()
    for table in ("configuration", "service", "node", "action"):
        database.rows(f"DELETE FROM registry.{table}")
    database.rows("DELETE FROM event.subscription")


def revisions(database):
    return database.rows("SELECT count(DISTINCT revision) FROM registry.change")[0][0]


# --- at start ------------------------------------------------------------------------------------

def test_what_a_file_says_is_there_when_the_server_is_ready(folder, start, database):
    folder.put(FILE, text(
        restAPIs=at(1, 2, base="/v1"), websocketAPIs=at(1), password="p4ssw0rd",
        nested={"apiToken": "t0ken", "kept": 1.50}, rateLimit={"limit": 5}))
    server, seen = start()
    service = seen.services()["demo"]
    assert (service.full_name, service.local, service.version) == ("demo", False, "")
    shown = json.loads(service.settings)
    assert shown["nested"] == {"kept": 1.5} and "gateway" not in shown and "password" not in shown
    nodes = seen.nodes()
    assert sorted(nodes) == sorted(service.nodes) and len(nodes) == 3
    assert all(name.startswith("proxy-" + os.uname().nodename + "-") for name in nodes)
    assert sorted((n.port, n.metadata) for n in nodes.values()) == [
        (1, '{"configured":true,"kind":"http","base":"/v1"}'),
        (1, '{"configured":true,"kind":"upgrade","base":""}'),
        (2, '{"configured":true,"kind":"http","base":"/v1"}')]
    file = seen.files()[FILE]
    assert (file.host, file.service, file.title, file.error) == (
        os.uname().nodename, "demo", "Demo", "")
    assert file.HasField("load_time") and not file.HasField("error_time")
    for kept in ("registry.configuration", "registry.service", "registry.change"):
        rows = str(database.rows(f"SELECT * FROM {kept}"))
        assert "p4ssw0rd" not in rows and "t0ken" not in rows
    assert "p4ssw0rd" not in server.log_text()


def test_files_of_folders_in_the_folder_count_too_and_hidden_ones_do_not(folder, start):
    folder.put(FILE, text(restAPIs=at(1)))
    folder.put("team/other.config.json", text("other", restAPIs=at(1)))
    folder.put("team/deep/no.config.json", text("no", restAPIs=at(1)))
    folder.put("team/.hidden.config.json", text("hidden", restAPIs=at(1)))
    folder.put("plain.json", text("plain", restAPIs=at(1)))
    _, seen = start()
    assert sorted(seen.services()) == ["demo", "other"]
    assert sorted(seen.files()) == [FILE, "team/other.config.json"]
    assert list(seen.files("OTHER")) == ["team/other.config.json"]


def test_without_a_folder_that_can_be_read_the_server_is_ready_and_says_so(folder, start):
    os.rmdir(folder.path)
    server, seen = start()
    assert seen.services() == {}
    wait_logged(server, "service configurations not readable: what they brought stays")
    folder.put(FILE, text(restAPIs=at(1)))
    wait_until(lambda: seen.ports() == [1])


def test_the_command_line_lists_the_files(folder, start):
    folder.put(FILE, text(restAPIs=at(1)))
    server, seen = start()
    folder.put(FILE, "{ code: 'demo' ]")
    folder.put("new.config.json", text("new", restAPIs=at(1)))
    wait_until(lambda: seen.files()[FILE].error and "new.config.json" in seen.files())

    def listed(*arguments):
        done = run("--server", server.address, "configurations", *arguments)
        assert done.returncode == 0, done.stderr
        return [re.split(r"  +", line.rstrip()) for line in done.stdout.splitlines()]

    host = os.uname().nodename
    assert listed() == [["SERVICE", "FILE", "HOST", "STATE", "REMARK"],
                        ["demo", FILE, host, "kept", seen.files()[FILE].error],
                        ["new", "new.config.json", host, "loaded", "-"]]
    assert [row[0] for row in listed("NEW")] == ["SERVICE", "new"]


# --- changes -------------------------------------------------------------------------------------

def test_a_change_is_taken_and_the_same_again_is_none(folder, start, database):
    folder.put(FILE, text(restAPIs=at(1, 2)))
    _, seen = start()
    kept = next(name for name, n in seen.nodes().items() if n.port == 2)
    folder.put(FILE, text(restAPIs=at(2, 3)))
    wait_until(lambda: seen.ports() == [2, 3])
    assert seen.nodes()[kept].port == 2
    before = revisions(database)
    folder.put(FILE, text(restAPIs=at(2, 3)) + "\n")
    folder.put("other.config.json", text("other", restAPIs=at(1)))
    wait_until(lambda: seen.ports("other") == [1])
    assert int(revisions(database)) == int(before) + 1


def test_a_file_that_is_written_slowly_is_taken_when_it_is_whole(folder, start, database):
    server, seen = start()
    whole = text(restAPIs=at(7))
    with open(folder.at(FILE), "w", encoding="utf-8") as file:
        for c in whole:
            file.write(c)
            file.flush()
    wait_until(lambda: seen.ports() == [7])
    assert seen.files()[FILE].error == ""


def test_an_error_names_the_line_and_key_and_leaves_what_was_good(folder, start):
    folder.put(FILE, text(restAPIs=at(1)))
    server, seen = start()
    loaded = seen.files()[FILE].load_time
    folder.put(FILE, '{\ncode: "demo",\nname: "Demo",\nsettings: {\n  rateLimit: { limit: -1 }\n}\n}\n')
    wait_until(lambda: seen.files()[FILE].error)
    file = seen.files()[FILE]
    assert "line 5" in file.error and "rateLimit.limit" in file.error and FILE in file.error
    assert file.HasField("error_time") and file.load_time == loaded
    assert seen.ports() == [1]
    assert len(logged(server, "service configuration refused", file=FILE)) == 1
    folder.put(FILE, text(restAPIs=at(2)))
    wait_until(lambda: seen.ports() == [2])
    assert seen.files()[FILE].error == ""


def test_a_file_that_was_never_good_brings_nothing(folder, start):
    folder.put(FILE, "{ code: 'demo', settings: [ }")
    _, seen = start()
    assert seen.services() == {} and seen.files()[FILE].error
    assert not seen.files()[FILE].HasField("load_time")
    folder.remove(FILE)
    wait_until(lambda: seen.files() == {})


def test_what_a_file_brought_goes_with_it_and_the_rest_stays(folder, start, stubs):
    folder.put(FILE, text(restAPIs=at(1), events=["a.*"]))
    folder.put("alone.config.json", text("alone", restAPIs=at(1)))
    _, seen = start()
    seen.registry.RegisterNode(stubs.registry.RegisterNodeRequest(
        service="demo", node="own-1", host="127.0.0.1", port=9), timeout=60)
    wait_until(lambda: seen.events() == [("a.*", "demo")])  # a moment after all else
    folder.remove(FILE)
    folder.remove("alone.config.json")
    wait_until(lambda: seen.ports() == [9] and list(seen.services()) == ["demo"])
    wait_until(lambda: seen.events() == [] and seen.files() == {})
    assert seen.services()["demo"].settings == "{}"


def test_a_folder_that_has_gone_takes_nothing_along(folder, start):
    folder.put(FILE, text(restAPIs=at(1)))
    server, seen = start()
    names = list(seen.nodes())
    away = folder.path + "-away"
    os.rename(folder.path, away)
    wait_logged(server, "service configurations not readable: what they brought stays")
    os.rename(away, folder.path)
    folder.put("b.config.json", text("b", restAPIs=at(1)))
    wait_until(lambda: "b" in seen.services())
    assert list(seen.nodes()) == names


def test_of_two_files_with_one_code_the_second_is_refused_until_the_first_goes(folder, start):
    folder.put("a.config.json", text(restAPIs=at(1)))
    folder.put("b.config.json", text("DEMO", restAPIs=at(2)))
    _, seen = start()
    assert seen.ports() == [1]
    assert seen.files()["b.config.json"].error == (
        "b.config.json: code DEMO is that of a.config.json, whose name comes first")
    folder.remove("a.config.json")
    wait_until(lambda: seen.ports() == [2] and seen.files()["b.config.json"].error == "")
    folder.put("a.config.json", text(restAPIs=at(1)))
    wait_until(lambda: seen.ports() == [1] and seen.files()["b.config.json"].error)


def test_fifty_changes_in_a_row_end_with_the_last(folder, start):
    folder.put(FILE, text(restAPIs=at(1)))
    _, seen = start()
    stop, missing = threading.Event(), []

    def look():
        while not stop.is_set():
            if "demo" not in seen.services():
                missing.append(1)

    looking = threading.Thread(target=look)
    looking.start()
    try:
        for port in range(1, 51):
            folder.put(FILE, text(restAPIs=at(port, port + 1)))
            if port % 10 == 0:
                wait_until(lambda port=port: seen.ports() == [port, port + 1])
    finally:
        stop.set()
        looking.join()
    assert not missing


# --- asking --------------------------------------------------------------------------------------

def test_call_asks_http_nodes_behind_their_base_and_even_on_loopback(folder, start):
    with programs.Upstream(lambda r: (200, {}, r.path.encode())) as upstream:
        folder.put(FILE, text(
            restAPIs=at(upstream.port, base="/v1"), websocketAPIs=at(programs.free_port()),
            actions={"list": {"rest": "GET /list"}}))
        _, seen = start("--egress-loopback", "refuse")
        assert list(seen.actions()) == ["demo.list"]
        assert (seen.actions()["demo.list"].action.method,
                seen.actions()["demo.list"].action.uri) == ("GET", "/list")
        assert {json.loads(seen.call("list").result) for _ in range(4)} == {"/v1/list"}


def test_an_address_that_only_registered_itself_is_not_reached_on_loopback(folder, start, stubs):
    with programs.Upstream(lambda r: (200, {}, b"1")) as upstream:
        _, seen = start("--egress-loopback", "refuse")
        seen.registry.RegisterNode(stubs.registry.RegisterNodeRequest(
            service="demo", node="own-1", host="127.0.0.1", port=upstream.port,
            metadata='{"configured":true,"kind":"http","base":""}'), timeout=60)
        seen.registry.RegisterService(stubs.registry.RegisterServiceRequest(
            server_name="demo", service_name="list", uri="/", method="GET"), timeout=60)
        with pytest.raises(grpc.RpcError) as refused:
            seen.call("list")
        assert refused.value.code() == grpc.StatusCode.PERMISSION_DENIED and not upstream.requests


def test_configured_nodes_are_checked_at_their_health_path(folder, start):
    healthy = threading.Event()

    def answer(request):
        return (200, {}, b'{"code":"200"}') if healthy.is_set() else (200, {}, b'{"code":"500"}')

    with programs.Upstream(answer) as upstream:
        folder.put(FILE, text(restAPIs=at(upstream.port, base="/v1")))
        _, seen = start("--check-interval-ms", "50", "--egress-loopback", "refuse")
        state = seen.m.NodeHealth
        wait_until(lambda: [n.health for n in seen.nodes().values()] == [
            state.Value("NODE_HEALTH_FAILING")])
        assert [n.health_reason for n in seen.nodes().values()] == ['code is "500"']
        healthy.set()
        wait_until(lambda: [n.health for n in seen.nodes().values()] == [
            state.Value("NODE_HEALTH_PASSING")])
        assert {r.path for r in upstream.requests} == {"/mw/server/health"}


def test_events_go_to_the_origin_even_on_loopback(folder, start, stubs, database):
    with programs.Upstream(lambda r: (200, {}, b'{"code":"200"}')) as upstream:
        folder.put(FILE, text(restAPIs=at(upstream.port, base="/v1"), events=["user.*"]))
        server, seen = start("--egress-loopback", "refuse")
        wait_until(lambda: seen.events() == [("user.*", "demo")])
        events = stubs.event_grpc.EventStub(seen.channel)
        events.Publish(stubs.event.PublishRequest(event="user.made", data='{"a":1}'), timeout=60)
        wait_until(lambda: upstream.requests)
        request = upstream.requests[0]
        assert (request.method, request.path) == ("POST", "/mw/event/notification")
        assert json.loads(request.body)["event"] == "user.made"


# --- servers and the database --------------------------------------------------------------------

def test_two_servers_publish_one_file_once(folder, start, database):
    folder.put(FILE, text(restAPIs=at(1)))
    _, first = start()
    _, second = start()
    assert first.nodes().keys() == second.nodes().keys()
    before = revisions(database)
    folder.put(FILE, text(restAPIs=at(2)))
    wait_until(lambda: first.ports() == second.ports() == [2])
    folder.remove(FILE)
    wait_until(lambda: not first.services() and not second.services())
    assert int(revisions(database)) == int(before) + 2


def test_two_folders_have_one_service_and_the_later_counts(folder, start):
    folder.put(FILE, text(restAPIs=at(1)))
    with Folder() as another:
        another.put("else.config.json", text(restAPIs=at(2)))
        _, first = start()
        server, second = start(of=another)
        assert second.ports() == [2]
        wait_until(lambda: first.ports() == [2])
        assert "loaded last counts" in second.files()["else.config.json"].warnings[0]
        wait_logged(server, "service configuration differs on another host")
        another.remove("else.config.json")
        wait_until(lambda: first.ports() == [1])


def test_what_happens_while_no_server_runs_is_made_up_for(folder, start):
    folder.put(FILE, text(restAPIs=at(1)))
    folder.put("gone.config.json", text("gone", restAPIs=at(1)))
    server, seen = start()
    names = list(seen.nodes())
    server.kill()
    folder.remove("gone.config.json")
    _, seen = start()
    wait_until(lambda: list(seen.services()) == ["demo"])
    assert list(seen.nodes()) == names


def test_a_file_that_is_bad_at_the_start_leaves_what_was_good_before(folder, start):
    folder.put(FILE, text(restAPIs=at(1)))
    server, _ = start()
    server.kill()
    folder.put(FILE, "{ code: 'demo'")
    _, seen = start()
    assert seen.ports() == [1] and seen.files()[FILE].error


def test_a_subscription_of_somebody_else_is_an_error_of_the_file(folder, start, stubs):
    _, seen = start()
    stubs.event_grpc.EventStub(seen.channel).RegisterSubscription(
        stubs.event.RegisterSubscriptionRequest(name="demo:a", group="g", patterns=["a"]),
        timeout=60)
    folder.put(FILE, text(restAPIs=at(1), events=["a"]))
    wait_until(lambda: seen.files())
    assert "subscription demo:a is there" in seen.files()[FILE].error and seen.services() == {}


# --- GraphQL -------------------------------------------------------------------------------------

def schema(*queries, mutations=()):
    """The answer to an introspection: fields that take an id and give a string."""
    def of(kind, name=None, inner=None):
        return {"kind": kind, "name": name, "ofType": inner}

    def fields(names):
        return [{"name": name, "type": of("SCALAR", "String"), "args": [
            {"name": "id", "type": of("NON_NULL", inner=of("SCALAR", "ID"))}]} for name in names]

    types = [{"kind": "OBJECT", "name": "Query", "fields": fields(queries)},
             {"kind": "OBJECT", "name": "Mutation", "fields": fields(mutations)},
             {"kind": "SCALAR", "name": "String"}, {"kind": "SCALAR", "name": "ID"}]
    return json.dumps({"data": {"__schema": {
        "queryType": {"name": "Query"}, "mutationType": {"name": "Mutation"} if mutations else None,
        "types": types}}}).encode()


class Endpoint:
    """A GraphQL endpoint whose answers the test sets."""

    def __init__(self, *queries, **more):
        self.status, self.introspection = 200, schema(*queries, **more)

    def __call__(self, request):
        if request.method != "POST":
            return 200, {}, b"{}"
        if b"__schema" in request.body:
            return self.status, {}, self.introspection
        asked = json.loads(request.body)
        return 200, {"Content-Type": "application/json"}, json.dumps(
            {"data": {"path": request.path, "id": asked["variables"]["id"]}}).encode()


def names(seen, service="demo"):
    return sorted(seen.actions(service)) if service in seen.services() else []


def test_what_a_graphql_endpoint_can_be_asked_are_actions_that_can_be_called(folder, start):
    endpoint = Endpoint("user", mutations=["rename", "user"])
    with programs.Upstream(endpoint) as upstream:
        folder.put(FILE, text(restAPIs=at(programs.free_port()),
                              GraphQL=f"http://127.0.0.1:{upstream.port}/api/graphql",
                              actions={"list": {"rest": "GET /list"}}))
        _, seen = start("--egress-loopback", "refuse")
        wait_until(lambda: names(seen) == [
            "demo.list", "demo.mutation.user", "demo.rename", "demo.user"])
        action = seen.actions()["demo.user"]
        assert (action.action.method, action.action.uri) == ("POST", "/api/graphql")
        assert "id" in json.loads(action.params)
        answer = json.loads(seen.call("user", body='{"id":"7"}').result)
        assert answer["data"] == {"path": "/api/graphql", "id": "7"}
        # No other action of the service goes there.
        with pytest.raises(grpc.RpcError) as refused:
            seen.call("list")
        assert refused.value.code() == grpc.StatusCode.UNAVAILABLE
        folder.put(FILE, text(restAPIs=at(1), actions={"list": {"rest": "GET /list"}}))
        wait_until(lambda: names(seen) == ["demo.list"])


def test_a_schema_is_asked_for_until_it_comes_and_a_bad_one_leaves_the_last(folder, start):
    endpoint = Endpoint("first")
    endpoint.status, endpoint.introspection = 503, b"busy"
    with programs.Upstream(endpoint) as upstream:
        url = f"http://127.0.0.1:{upstream.port}"
        folder.put(FILE, text(GraphQL=url))
        server, seen = start()
        assert "status 503" in wait_logged(server, "GraphQL schema not read")[0]["reason"]
        assert names(seen) == []
        endpoint.status, endpoint.introspection = 200, schema("first")
        wait_until(lambda: names(seen) == ["demo.first"])
        endpoint.introspection = b'{"data":null}'
        folder.put(FILE, text(GraphQL=url, title="2"))
        wait_until(lambda: len(logged(server, "GraphQL schema not read")) == 2)
        assert names(seen) == ["demo.first"]
        endpoint.introspection = schema("second")
        wait_until(lambda: names(seen) == ["demo.second"])
