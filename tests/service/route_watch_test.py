"""WatchRoutes: what bridges are told to forget, whichever server it happened on."""

import contextlib
import itertools
import threading
import time

import grpc
import pytest

import auditing
import issuers
import observe
import programs
import subjects
from configurations import Folder, at, text
from routes import QUICK, Bridge, open_session, ports

UNAUTHENTICATED = 16
FILE = "demo.config.json"
CLEANED = text(restAPIs=at(1), actions={
    "list": {"rest": "GET /list", "cache": {"ttl": 60, "clean": ["user.*", "?.all"]}},
    "get": {"rest": "GET /get/:id", "cache": {"ttl": 60, "clean": ["user.changed.**"]}},
    "put": {"rest": "PUT /get/:id"}})
# Each mark has a rule of its own, so that one that comes late is not taken for the next.
MARKS = [("default", "mark", f"GET /{i}") for i in range(20)]
MARKED = text("mark", restAPIs=at(1), actions={
    f"mark{i}": {"rest": f"GET /{i}", "cache": {"ttl": 60, "clean": f"mark.{i}"}}
    for i in range(len(MARKS))})
LIST, GET = ("default", "demo", "GET /list"), ("default", "demo", "GET /get/*")


@pytest.fixture(scope="module")
def key(database):
    subjects.put_role(database.url, "all", ("allow", "*", "**", "*"))
    subjects.put(database.url, "application", "robot", "all", "administrator")
    return subjects.put_key(database.url, "robot", "robot")


@pytest.fixture(scope="module")
def bridges(database, key, stubs):
    """Of two servers on one database."""
    with contextlib.ExitStack() as stack:
        bridges = []
        for _ in range(2):
            server = programs.Server(database.url, "--auth", "required", *QUICK)
            stack.callback(server.stop)
            bridges.append(stack.enter_context(Bridge(server, stubs)))
        yield bridges


@pytest.fixture
def watches(bridges):
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(bridge.watch()) for bridge in bridges]


def wait(watches, condition):
    for watch in watches:
        watch.until(lambda watch=watch: condition(watch))


# --- services -------------------------------------------------------------------------------------

def test_a_stream_begins_with_a_message_of_nothing(bridges):
    with bridges[0].watch() as watch:
        first = watch.messages[0]
        assert not (first.all or first.callers or first.services or first.cleans)
        assert watch.code is None


def test_what_changes_of_a_service_is_told_by_every_server(bridges, watches, key):
    def told(count, service=("default", "telling")):
        wait(watches, lambda w: w.services().count(service) >= count)
        return {s for w in watches for s in w.services()}
    bridges[0].register("Telling", "n1-1", 81, key=key)
    assert told(1) == {("default", "telling")}
    assert ports(bridges[1].route("telling", key=key)) == [81]
    bridges[1].update("telling", "n1-1", enabled=False, key=key)
    told(2)
    assert [ports(b.route("telling", key=key)) for b in bridges] == [[], []]
    bridges[0].registry.DeregisterNode(
        bridges[0].m.DeregisterNodeRequest(service="telling", node="n1-1"),
        metadata=bridges[0].metadata(None, key, "default"), timeout=programs.WAIT)
    told(3)
    bridges[0].register("telling", "n1-1", 81, key=key, space="other")
    assert told(1, ("other", "telling")) == {("default", "telling"), ("other", "telling")}
    assert not any(w.all() or w.cleans() for w in watches)


def test_a_node_whose_lease_ends_is_told(bridges, watches, key):
    bridges[0].register("leased", "n1-1", 81, key=key, lease_ms=1000)
    wait(watches, lambda w: w.services().count(("default", "leased")) >= 2)
    assert ports(bridges[0].route("leased", key=key)) == []


def test_what_comes_together_is_told_together(bridges, watches, key):
    """No message names a service twice, and none is empty but the first."""
    for i in range(20):
        for name in ("one", "two", "three"):
            bridges[i % 2].register(name, f"n{i}-1", 81, key=key)
    bridges[0].register("last", "n1-1", 81, key=key)
    wait(watches, lambda w: ("default", "last") in w.services())
    for watch in watches:
        names = [[s.service for s in m.services] for m in watch.messages[1:]]
        assert all(n and len(n) == len(set(n)) for n in names)
        assert {"one", "two", "three", "last"} <= {s for n in names for s in n}


def is_registered(bridge, name):
    try:
        bridge.register(name, "n1-1", 81)
        return True
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.UNAVAILABLE
        return False


def test_when_the_registry_is_loaded_anew_all_is_told(cluster_url, stubs):
    with programs.Database(cluster_url) as database:
        server = programs.Server(database.url, *QUICK)
        with Bridge(server, stubs) as bridge, bridge.watch() as watch:
            database.rows("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                          " WHERE datname = current_database() AND pid <> pg_backend_pid()")
            watch.until(watch.all)
            observe.wait_until(lambda: is_registered(bridge, "later"))
            watch.until(lambda: ("default", "later") in watch.services())
        server.stop()


# --- callers --------------------------------------------------------------------------------------

def test_what_callers_may_do_is_told_by_every_server(bridges, watches, key):
    def told():
        before = [w.callers() for w in watches]
        yield
        for watch, count in zip(watches, before):
            watch.until(lambda watch=watch, count=count: watch.callers() > count)
        yield
    auth = bridges[0].auth(key)
    bridges[0].register("guarded", "n1-1", 81, key=key)
    shown = open_session(auth, "guest")

    def codes():
        return [b.route("guarded", token=shown).refusal_code for b in bridges]
    wait(watches, lambda w: w.callers())
    steps = [(lambda: auth.put_grant("application", "guest", "all"), 0),
             (lambda: auth.delete_grant("application", "guest", "all"), 7),
             (lambda: auth.put_grant("application", "guest", "all"), 0),
             (lambda: auth.call("Revoke", token=shown), UNAUTHENTICATED)]
    for step, code in steps:
        telling = told()
        next(telling)
        step()
        next(telling)
        observe.wait_until(lambda code=code: codes() == [code, code])
    assert not any(w.all() for w in watches)


def test_keys_of_an_issuer_are_told(bridges, watches, key, database):
    subjects.put_role(database.url, "outsider", ("allow", "issued", "**", "*"))
    bridges[0].register("issued", "n1-1", 81, key=key)
    signing = issuers.Key("ES256")
    answered = threading.Event()

    def answer(request):
        answered.wait(programs.WAIT)
        return 200, {}, issuers.jwks(signing).encode()

    with programs.Upstream(answer) as upstream:
        url = f"http://127.0.0.1:{upstream.port}"
        shown = signing.token(url, roles=["outsider"])
        wait(watches, lambda w: ("default", "issued") in w.services())
        assert bridges[1].route("issued", token=shown).refusal_code == UNAUTHENTICATED
        bridges[0].auth(key).call("PutIssuer", issuer=bridges[0].stubs.auth.Issuer(
            name="corp", url=url, audience=issuers.AUDIENCE, jwks_url=url + "/keys",
            roles_claim="roles"))
        # Told once of the issuer, and once more of its keys.
        observe.wait_until(lambda: len(upstream.requests) == 2)
        bridges[0].register("asked", "n1-1", 81, key=key)
        wait(watches, lambda w: ("default", "asked") in w.services())
        before = [w.callers() for w in watches]
        assert all(before)
        answered.set()
        for watch, count, bridge in zip(watches, before, bridges):
            watch.until(lambda watch=watch, count=count: watch.callers() > count)
            assert bridge.route("issued", token=shown).refusal_code == 0


# --- what is cleaned ------------------------------------------------------------------------------

class Cleaning:
    """A database of its own, and a server that loads a folder; another server publishes."""

    def __init__(self, cluster_url, stubs, stack, *files):
        self.database = stack.enter_context(programs.Database(cluster_url))
        self.folder = stack.enter_context(Folder())
        for name, content in files:
            self.folder.put(name, content)
        servers = [self.folder.serve(self.database, *QUICK),
                   programs.Server(self.database.url, *QUICK)]
        for server in servers:
            stack.callback(server.stop)
        self.bridges = [stack.enter_context(Bridge(server, stubs)) for server in servers]
        self.marks = itertools.cycle(enumerate(MARKS))

    def publish(self, *names, space="default"):
        bridge = self.bridges[1]
        m, stub = bridge.stubs.event, bridge.stubs.event_grpc.EventStub(bridge.channel)
        for i in range(0, len(names), 1000):
            outcomes = stub.PublishBatch(m.PublishBatchRequest(
                events=[m.PublishRequest(event=name, data="1") for name in names[i:i + 1000]]),
                metadata=[("x-namespace", space)], timeout=programs.WAIT).outcomes
            assert all(o.HasField("published") for o in outcomes)

    def mark(self, watch):
        """What was published before has been looked at."""
        before = len(watch.cleans())
        i, mark = next(self.marks)
        self.publish(f"mark.{i}")
        watch.until(lambda: mark in watch.cleans()[before:])

    def cleaned(self, watch, *names, space="default"):
        """What these events clean."""
        self.mark(watch)
        before = len(watch.cleans())
        self.publish(*names, space=space)
        self.mark(watch)
        return [c for c in watch.cleans()[before:] if c not in MARKS]


@pytest.fixture(scope="module")
def cleaning(cluster_url, stubs):
    with contextlib.ExitStack() as stack:
        cleaning = Cleaning(cluster_url, stubs, stack, (FILE, CLEANED), ("mark.config.json", MARKED))
        yield cleaning


@pytest.mark.parametrize("names, rules", [
    (["user.made"], {LIST}), (["user.changed.a"], {GET}), (["user.changed.a.b"], {GET}),
    (["user.changed.x", "ü.all"], {LIST, GET}), (["ab.all", "y.all.x"], set()),
    (["User.made", "user", "users.made", "user.made.x"], set()), (["cache.clean.demo"], {LIST, GET}),
    (["cache.clean.other"], set())])
def test_an_event_cleans_the_rules_whose_patterns_it_matches(cleaning, names, rules):
    for bridge in cleaning.bridges:
        with bridge.watch() as watch:
            assert set(cleaning.cleaned(watch, *names)) == rules
            assert not watch.all() and not watch.callers()


def test_events_of_another_namespace_clean_nothing(cleaning):
    for bridge in cleaning.bridges:
        with bridge.watch() as watch:
            assert cleaning.cleaned(watch, "user.made", space="other") == []


def test_of_many_events_the_only_one_is_found(cleaning):
    for bridge in cleaning.bridges:
        with bridge.watch() as watch:
            names = ["nothing"] * 2500
            names[1234] = "user.changed.a"
            assert cleaning.cleaned(watch, *names) == [GET]


def test_events_clean_on_when_postgresql_was_away(cleaning):
    for bridge in cleaning.bridges:
        with bridge.watch() as watch:
            assert cleaning.cleaned(watch, "user.changed.a") == [GET]
            cleaning.database.rows("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                                   " WHERE datname = current_database() AND pid <> pg_backend_pid()")
            watch.until(watch.all)
            observe.wait_until(lambda: is_published(cleaning, "user.changed.a"))
            watch.until(lambda: watch.cleans().count(GET) >= 2)
            assert cleaning.cleaned(watch, "user.changed.b") == [GET]


def has(bridge, service):
    return auditing.code_of(bridge.route, service) == grpc.StatusCode.OK


def is_published(cleaning, name):
    try:
        cleaning.publish(name)
        return True
    except (grpc.RpcError, AssertionError):
        return False


def test_what_is_cleaned_is_named_as_the_gateway_names_it(cleaning):
    """By the full name, in which case it was registered."""
    cleaning.folder.put("named.config.json", text("Named", restAPIs=at(1), cache={"ttl": 1}))
    for bridge in cleaning.bridges:
        with bridge.watch() as watch:
            observe.wait_until(lambda bridge=bridge: has(bridge, "named"))
            assert bridge.route("named").service == "Named"
            assert cleaning.cleaned(watch, "cache.clean.Named") == [("default", "Named", "*")]


def test_with_the_first_rule_all_of_it_is_cleaned_once(cluster_url, stubs):
    """Events that were published before, and those that were between, are not looked for."""
    with contextlib.ExitStack() as stack:
        cleaning = Cleaning(cluster_url, stubs, stack)
        watches = [stack.enter_context(bridge.watch()) for bridge in cleaning.bridges]
        cleaning.folder.put("mark.config.json", MARKED)
        wait(watches, lambda w: set(MARKS) <= set(w.cleans()))
        cleaning.folder.put(FILE, CLEANED)
        wait(watches, lambda w: ("default", "demo") in w.services())
        # It has been looked from the first one on: this one is cleaned by events alone.
        assert not any(LIST in watch.cleans() for watch in watches)
        for watch in watches:
            assert cleaning.cleaned(watch, "user.made") == [LIST]
        cleaning.folder.put(FILE, text(restAPIs=at(1), actions={"list": {"rest": "GET /list"}}))
        wait(watches, lambda w: w.services().count(("default", "demo")) >= 2)
        for watch in watches:
            assert cleaning.cleaned(watch, "user.made") == []


# --- the end --------------------------------------------------------------------------------------

def test_a_stream_to_which_nothing_happens_goes_on(database, key, stubs):
    server = programs.Server(database.url, "--auth", "required", *QUICK, "--watch-patience-ms", "500")
    with Bridge(server, stubs) as bridge, bridge.watch() as watch:
        # Beyond its patience, which is for clients that do not take what they are sent.
        end = time.monotonic() + 2
        observe.wait_until(lambda: time.monotonic() > end or watch.code is not None)
        bridge.register("patient", "n1-1", 81, key=key)
        watch.until(lambda: ("default", "patient") in watch.services())
    server.stop()


def test_a_server_that_stops_says_so(database, stubs):
    server = programs.Server(database.url, *QUICK)
    with Bridge(server, stubs) as bridge, bridge.watch() as watch:
        server.stop()
        assert watch.end() == grpc.StatusCode.UNAVAILABLE
        assert watch.details.startswith("the server is s")
