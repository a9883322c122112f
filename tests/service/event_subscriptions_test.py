"""Subscriptions: registered by name, changed as a whole, counted at once, their secrets seen once."""

import base64
import itertools
import json
import uuid

import grpc
import pytest

import programs
from event_log import Log

INVALID, NOT_FOUND = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND
FAILED, EXISTS = grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.ALREADY_EXISTS
NUMBERS = itertools.count()
URL = "http://127.0.0.1:1/hook"
KEY = base64.b64encode(bytes(range(32))).decode()
SECRET = "whsec_" + base64.b64encode(bytes(range(40))).decode()


@pytest.fixture(scope="module")
def events(channel, stubs):
    return stubs.event_grpc.EventStub(channel)


@pytest.fixture(scope="module")
def other(database, stubs):
    """Another server on the same database."""
    server = programs.Server(database.url)
    with server.channel() as channel:
        yield stubs.event_grpc.EventStub(channel)
    server.stop()


@pytest.fixture
def name(request):
    return f"{request.node.originalname} {next(NUMBERS)}"


@pytest.fixture
def register(events, stubs, name):
    def call(metadata=(), **fields):
        m = stubs.event
        conditions = [m.DataCondition(path=p, values=v) for p, v in fields.pop("conditions", [])]
        given = {"name": name, "group": "g", "patterns": ["a.b"], **fields}
        return events.RegisterSubscription(m.RegisterSubscriptionRequest(conditions=conditions, **given),
                                           timeout=programs.WAIT, metadata=metadata)
    return call


def refusal(call, *arguments, **fields):
    with pytest.raises(grpc.RpcError) as caught:
        call(*arguments, **fields)
    return caught.value.code(), caught.value.details()


def all_of(events, stubs, group="", metadata=()):
    got = events.ListSubscriptions(stubs.event.ListSubscriptionsRequest(group=group, page_size=1000),
                                   timeout=programs.WAIT, metadata=metadata)
    assert got.next_page_token == ""
    return {s.name: s for s in got.subscriptions}


def revision(database):
    return database.rows("SELECT value FROM event.revision")[0][0]


def secrets(database, name):
    """[bytes, whether it is the current one], the newest first."""
    return [(bytes.fromhex(secret[2:]), current == "t") for secret, current in database.rows(
        "SELECT k.secret, k.expires_at IS NULL FROM event.secret k JOIN event.subscription s"
        f" ON s.id = k.subscription_id WHERE s.name = '{name}' ORDER BY k.created_at DESC")]


def shown(secret):
    assert secret.startswith("whsec_")
    return base64.b64decode(secret[6:], validate=True)


# --- what is given ---------------------------------------------------------------------------------


def test_what_is_not_given_has_its_default(register, events, stubs, name):
    m = stubs.event
    got = register()
    s = got.subscription
    assert got.secret == ""  # nobody is pushed to
    assert uuid.UUID(s.id).version == 4 and s.created_at == s.updated_at > 1700000000000
    assert (s.name, s.group, list(s.patterns), s.target, s.confirm) == (
        name, "g", ["a.b"], m.SUBSCRIPTION_TARGET_PULL, m.CONFIRM_MODE_AUTO)
    assert (s.ack_window_ms, s.timeout_ms, s.concurrency, s.rate) == (600000, 15000, 32, 0)
    assert list(s.schedule_ms) == [5000, 300000, 1800000, 7200000, 18000000, 36000000, 50400000,
                                   72000000, 86400000]
    assert (s.broadcast, s.encrypt_stored, s.push_key_id, s.origin, s.enabled, s.disabled_reason) == (
        False, False, "", "api", True, "")
    assert all_of(events, stubs)[name] == s


def test_what_is_given_is_kept(register, events, stubs, name):
    m = stubs.event
    s = register(
        patterns=["a.*", "**", 'q"{},\\'], conditions=[("a.b", ['1.00', '"\\u0000x"', "null"]), ("c", [])],
        url=URL, confirm=m.CONFIRM_MODE_EXPLICIT, ack_window_ms=1, timeout_ms=300000,
        schedule_ms=[1, 604800000], concurrency=1000, rate=0.1, push_key=KEY,
        push_key_id="k 1").subscription
    assert list(s.patterns) == ["a.*", "**", 'q"{},\\']
    assert [(c.path, list(c.values)) for c in s.conditions] == [
        ("a.b", ['1.00', '"\\u0000x"', "null"]), ("c", [])]
    assert (s.target, s.url, s.service, s.confirm) == (
        m.SUBSCRIPTION_TARGET_URL, URL, "", m.CONFIRM_MODE_EXPLICIT)
    assert (s.ack_window_ms, s.timeout_ms, list(s.schedule_ms), s.concurrency, s.rate, s.push_key_id) == (
        1, 300000, [1, 604800000], 1000, 0.1, "k 1")
    assert all_of(events, stubs)[name] == s
    assert list(register(no_retry=True).subscription.schedule_ms) == []
    assert register(service="Demo-1").subscription.target == m.SUBSCRIPTION_TARGET_SERVICE
    assert register(target=m.SUBSCRIPTION_TARGET_STREAM).subscription.target == m.SUBSCRIPTION_TARGET_STREAM


@pytest.mark.parametrize("fields, message", [
    ({"name": ""}, "name: must have 1 to 255 bytes"),
    ({"name": "文" * 86}, "name: must have 1 to 255 bytes"),
    ({"name": "a\tb"}, "name: must not hold control characters"),
    ({"group": ""}, "group: must have 1 to 255 bytes"),
    ({"group": "g" * 256}, "group: must have 1 to 255 bytes"),
    ({"patterns": []}, "patterns: must be 1 to 100"),
    ({"patterns": ["a"] * 101}, "patterns: must be 1 to 100"),
    ({"patterns": ["a", "b..c"]}, "patterns[1]: must not have an empty level"),
    ({"conditions": [("a", [])] * 17}, "conditions: must be at most 16"),
    ({"conditions": [("a", []), ("a..b", [])]},
     "conditions[1].path: must be 1 to 16 names parted by dots, none of them empty"),
    ({"conditions": [("a", ["1", "[]"])]},
     "conditions[0].values[1]: must be a JSON text, number, true, false or null"),
    ({"target": 5}, "target: is not known"),
    ({"target": 3}, "url: must begin with http:// or https://"),
    ({"target": 4}, "service: required"),
    ({"target": 1, "url": URL}, "url: goes with target URL only"),
    ({"url": URL, "service": "demo"}, "service: goes with target SERVICE only"),
    ({"url": "ftp://a/"}, "url: must begin with http:// or https://"),
    ({"url": "http://me:secret@a/"}, "url: must not hold credentials"),
    ({"url": "http:///x"}, "url: must have a host, and no blanks or control characters"),
    ({"url": "http://:80/x"}, "url: must have a host, and no blanks or control characters"),
    ({"url": "http://a/b c"}, "url: must have a host, and no blanks or control characters"),
    ({"url": "http://a/" + "b" * 2040}, "url: must have at most 2048 bytes"),
    ({"service": "a/b"}, 'service: must not hold "/" or control characters'),
    ({"service": "registry"}, 'service: "registry" is reserved'),
    ({"confirm": 3}, "confirm: is not known"),
    ({"ack_window_ms": 0}, "ack_window_ms: must be 1 to 86400000"),
    ({"timeout_ms": 300001}, "timeout_ms: must be 1 to 300000"),
    ({"schedule_ms": [1, 2, 0]}, "schedule_ms[2]: must be 1 to 604800000"),
    ({"schedule_ms": [1] * 101}, "schedule_ms: must be at most 100"),
    ({"schedule_ms": [1], "no_retry": True}, "schedule_ms: must be empty with no_retry"),
    ({"concurrency": 0}, "concurrency: must be 1 to 1000"),
    ({"rate": -0.1}, "rate: must be 0 to 1000000"),
    ({"rate": float("nan")}, "rate: must be 0 to 1000000"),
    ({"push_key": KEY, "push_key_id": "k"}, "push_key: goes with targets URL and SERVICE only"),
    ({"secret": SECRET}, "secret: goes with targets URL and SERVICE only"),
    ({"url": URL, "push_key": KEY}, "push_key_id: is required with the other of push_key and push_key_id"),
    ({"url": URL, "push_key_id": "k"}, "push_key: is required with the other of push_key and push_key_id"),
    ({"url": URL, "push_key": KEY[:40], "push_key_id": "k"}, "push_key: must be base64 of 32 bytes"),
    ({"url": URL, "push_key": "A" * 43 + "=", "push_key_id": "k"},
     "push_key: is no public key that can be sealed to"),
    ({"url": URL, "push_key": KEY, "push_key_id": "k" * 256}, "push_key_id: must have 1 to 255 bytes"),
    ({"url": URL, "secret": KEY}, 'secret: must be "whsec_" and base64 of 24 to 64 bytes'),
    ({"url": URL, "secret": "whsec_" + base64.b64encode(b"a" * 23).decode()},
     'secret: must be "whsec_" and base64 of 24 to 64 bytes'),
    ({"url": URL, "secret": "whsec_" + base64.b64encode(b"a" * 65).decode()},
     'secret: must be "whsec_" and base64 of 24 to 64 bytes'),
])
def test_refusals_name_the_field_and_the_rule(register, fields, message):
    assert refusal(register, **fields) == (INVALID, message)


def test_sealing_takes_a_key_file(register):
    assert refusal(register, encrypt_stored=True) == (
        FAILED, "encrypt_stored: this server has no key file (--key-file)")


# --- again -----------------------------------------------------------------------------------------


def test_the_same_again_changes_nothing(register, database, name):
    fields = {"url": URL, "conditions": [("a", ["1.0", '"\\u0000"'])], "rate": 1e-9, "push_key": KEY,
              "push_key_id": "k"}
    first = register(**fields)
    known = secrets(database, name)
    before = revision(database)
    again = register(metadata=(("x-namespace", "default"),), **fields)
    assert again.subscription == first.subscription and again.secret == ""
    assert revision(database) == before and secrets(database, name) == known
    assert register(**{**fields, "secret": first.secret}).secret == ""
    assert revision(database) == before


def test_registered_again_it_is_the_same_with_all_else_replaced(register, events, stubs, database, name):
    first = register(url=URL, conditions=[("a", [])], timeout_ms=5, rate=2).subscription
    queues = database.rows("SELECT id FROM event.queue")
    second = register(patterns=["c"]).subscription
    assert second.id == first.id and second.created_at == first.created_at
    assert second.updated_at > first.updated_at
    assert (second.url, list(second.conditions), second.timeout_ms, second.rate, list(second.patterns)) == (
        "", [], 15000, 0, ["c"])
    assert database.rows("SELECT id FROM event.queue") == queues
    assert register(url=URL).secret == ""  # it has kept the one it had


def test_another_group_or_a_broadcast_leaves_what_is_open_behind(register, events, database, stubs, name):
    log = Log(database)

    def queue():
        return int(log.value(f"SELECT queue_id FROM event.subscription WHERE name = '{name}'"))
    first = register(group=name + "1").subscription
    assert not first.broadcast
    before = queue()
    position = log.publish("a.b", name, before)
    moved = register(group=name + "2").subscription
    assert (moved.id, moved.group) == (first.id, name + "2") and queue() != before
    wide = register(group=name + "2", broadcast=True).subscription
    assert wide.broadcast and wide.id == first.id
    assert log.database.rows(f"SELECT group_name, member FROM event.queue WHERE id = {queue()}") == [
        [name + "2", first.id]]
    assert log.steps(position) == []
    got = events.Pull(stubs.event.PullRequest(group=name + "1"), timeout=programs.WAIT)
    assert got.event_id == name


def test_whether_it_is_enabled_stays_unless_its_target_is_new(register, events, stubs, database, name):
    s = register(url=URL).subscription
    disable = f"SELECT event.disable_subscription('{s.id}', '{URL}', 'gone')"
    database.rows(disable)
    s = register(url=URL, timeout_ms=7).subscription
    assert (s.enabled, s.disabled_reason, s.timeout_ms) == (False, "gone", 7)
    s = register(url=URL + "/new").subscription
    assert (s.enabled, s.disabled_reason) == (True, "")
    events.Pause(stubs.event.PauseRequest(subscription=name), timeout=programs.WAIT)
    assert not register(url=URL).subscription.enabled  # somebody wanted that


def test_who_registered_is_kept(register, database, name):
    register()
    user, application, address = database.rows(
        "SELECT author_user, author_application, author_address FROM event.subscription"
        f" WHERE name = '{name}'")[0]
    assert (user, application) == ("", "") and address


# --- secrets ---------------------------------------------------------------------------------------


def test_a_secret_is_made_and_shown_once(register, events, stubs, database, server, name):
    got = register(url=URL)
    assert len(shown(got.secret)) == 32
    assert secrets(database, name) == [(shown(got.secret), True)]
    everything = str(all_of(events, stubs)) + str(register(url=URL)) + server.log_text()
    assert got.secret[6:] not in everything


def test_a_given_secret_takes_the_place_of_all(register, events, stubs, database, name):
    register(url=URL)
    events.RotateSecret(stubs.event.RotateSecretRequest(name=name), timeout=programs.WAIT)
    assert len(secrets(database, name)) == 2
    assert register(url=URL, secret=SECRET).secret == ""
    assert secrets(database, name) == [(shown(SECRET), True)]


def test_rotation_lets_the_old_one_count_for_a_while(register, events, stubs, database, name):
    def rotate(**fields):
        return events.RotateSecret(stubs.event.RotateSecretRequest(name=name, **fields),
                                   timeout=programs.WAIT).secret
    first = shown(register(url=URL).secret)
    second = shown(rotate())
    assert secrets(database, name) == [(second, True), (first, False)]
    ends = "SELECT round(extract(epoch FROM expires_at - now()) / 100) FROM event.secret k JOIN" \
           f" event.subscription s ON s.id = k.subscription_id WHERE s.name = '{name}'" \
           " AND expires_at IS NOT NULL ORDER BY k.created_at DESC"
    assert database.rows(ends) == [["864"]]
    assert rotate(secret=SECRET, overlap_seconds=2592000) == ""
    assert database.rows(ends) == [["25920"], ["864"]]
    third = shown(rotate(overlap_seconds=0))  # the one before ends at once
    assert secrets(database, name) == [(third, True), (second, False), (first, False)]
    for _ in range(4):
        rotate()
    live = secrets(database, name)
    assert len(live) == 5 and live[-1] == (third, False)


def test_rotation_is_refused(register, events, stubs, name):
    def rotate(**fields):
        return refusal(events.RotateSecret, stubs.event.RotateSecretRequest(**{"name": name, **fields}),
                       timeout=programs.WAIT)
    assert rotate() == (NOT_FOUND, f"no subscription {name}")
    register()
    assert rotate() == (FAILED, f"subscription {name} is not pushed to, and has no secret")
    assert rotate(secret="x") == (INVALID, 'secret: must be "whsec_" and base64 of 24 to 64 bytes')
    assert rotate(overlap_seconds=-1) == (INVALID, "overlap_seconds: must be 0 to 2592000")
    assert rotate(name="") == (INVALID, "name: must have 1 to 255 bytes")


# --- it counts at once -----------------------------------------------------------------------------


def test_it_counts_for_what_is_published_next_at_any_server(register, events, other, stubs, name):
    m = stubs.event
    for i, server in enumerate((events, other)):
        group = f"{name} {i}"
        register(name=group, group=group, patterns=[f"count.{i}"])
        sent = server.Publish(m.PublishRequest(event=f"count.{i}", data="1"), timeout=programs.WAIT)
        assert server.Pull(m.PullRequest(group=group), timeout=programs.WAIT).event_id == sent.event_id
        events.DeleteSubscription(m.DeleteSubscriptionRequest(name=group), timeout=programs.WAIT)
        server.Publish(m.PublishRequest(event=f"count.{i}", data="2"), timeout=programs.WAIT)
        assert server.Pull(m.PullRequest(group=group), timeout=programs.WAIT).event_id == ""


# --- deleting and listing ----------------------------------------------------------------------------


def test_deleted_it_is_gone_with_its_secrets_but_not_what_waits(register, events, stubs, database, name):
    log = Log(database)
    s = register(url=URL, group=name).subscription
    queue = log.queue(name)
    log.publish("a.b", name, queue)
    delete = stubs.event.DeleteSubscriptionRequest(name=name)
    events.DeleteSubscription(delete, timeout=programs.WAIT)
    assert name not in all_of(events, stubs)
    assert database.rows(f"SELECT 1 FROM event.secret WHERE subscription_id = '{s.id}'") == []
    assert log.value(f"SELECT count(*) FROM event.load_queue({queue}, NULL, 10)") == "1"
    assert refusal(events.DeleteSubscription, delete, timeout=programs.WAIT) == (
        NOT_FOUND, f"no subscription {name}")
    assert register().subscription.id != s.id


def test_pages_are_ordered_by_name(register, events, stubs):
    names = [f"page {i:02}" for i in range(7)]
    for n in reversed(names):
        register(name=n, group="paged", patterns=["p"])
    register(name="page 03x", group="other", patterns=["p"])
    seen, token, pages = [], "", 0
    while pages == 0 or token:
        got = events.ListSubscriptions(stubs.event.ListSubscriptionsRequest(
            group="paged", page_size=3, page_token=token), timeout=programs.WAIT)
        seen += [s.name for s in got.subscriptions]
        token, pages = got.next_page_token, pages + 1
    assert (seen, pages) == (names, 3)
    for fields, message in (({"page_size": 1001}, "pageSize: must be 1 to 1000"),
                            ({"page_token": "x"}, "pageToken: is none of a page of this list")):
        assert refusal(events.ListSubscriptions, stubs.event.ListSubscriptionsRequest(**fields),
                       timeout=programs.WAIT) == (INVALID, message)


def test_namespaces_are_apart(register, events, stubs, name):
    elsewhere = (("x-namespace", "elsewhere"),)
    here, there = register().subscription, register(metadata=elsewhere, patterns=["z"]).subscription
    assert here.id != there.id
    assert list(all_of(events, stubs)[name].patterns) == ["a.b"]
    assert list(all_of(events, stubs, metadata=elsewhere)[name].patterns) == ["z"]


# --- a service's configuration -----------------------------------------------------------------------


def test_a_configuration_replaces_its_own_only(register, events, stubs, database):
    m = stubs.event

    def configure(service, *patterns, metadata=()):
        got = events.ConfigureSubscriptions(
            m.ConfigureSubscriptionsRequest(service=service, events=patterns), timeout=programs.WAIT,
            metadata=metadata)
        return got.added, got.removed
    register(name="mine", group="conf", patterns=["x"])
    assert configure("conf", "user.created", "user.*", "user.*") == (2, 0)
    assert configure("conf2", "user.*") == (1, 0)
    s = all_of(events, stubs)["conf:user.*"]
    assert (s.group, s.service, s.origin, s.target, list(s.patterns)) == (
        "conf", "conf", "configuration", m.SUBSCRIPTION_TARGET_SERVICE, ["user.*"])
    assert len(secrets(database, "conf:user.*")) == 1
    before = revision(database)
    assert configure("conf", "user.*", "user.created") == (0, 0)
    assert revision(database) == before
    assert configure("CONF", "user.*", metadata=(("x-namespace", "elsewhere"),)) == (1, 0)
    assert configure("conf", "order.**", "user.*") == (1, 1)
    assert set(all_of(events, stubs, "conf")) == {"mine", "conf:order.**", "conf:user.*"}
    assert all_of(events, stubs)["conf:user.*"] == s
    assert configure("conf") == (0, 2)
    assert set(all_of(events, stubs, "conf")) == {"mine"}
    assert "conf2:user.*" in all_of(events, stubs)


@pytest.mark.parametrize("service, patterns, refused", [
    ("", ["a"], (INVALID, "service: required")),
    ("a", ["b", "c>"], (INVALID, 'events[1]: must not hold ">"')),
    ("a", ["b"] * 1001, (INVALID, "events: must be at most 1000")),
    ("s" * 250, ["b" * 5], (INVALID, "events[0]: must have at most 4 bytes for a service of that name")),
    ("s" * 255, ["b"], (INVALID, "events[0]: must have at most 0 bytes for a service of that name")),
    ("taken", ["b"], (EXISTS, "subscription taken:b is there, and not by the configuration of taken")),
])
def test_a_configuration_is_refused_as_a_whole(register, events, stubs, service, patterns, refused):
    register(name="taken:b")
    before = all_of(events, stubs)
    assert refusal(events.ConfigureSubscriptions, stubs.event.ConfigureSubscriptionsRequest(
        service=service, events=patterns), timeout=programs.WAIT) == refused
    assert all_of(events, stubs) == before


def test_a_service_sees_what_it_is_subscribed_to(events, registry, stubs, register):
    m, r = stubs.event, stubs.registry

    def listed(service="Seen"):
        got = registry.ListEvents(r.ListEventsRequest(service=service), timeout=programs.WAIT)
        return [(e.name, e.group, e.available, e.event.name) for e in got.events]

    def node(**flags):
        got = registry.Call(r.CallRequest(service="$node", action="events", param=json.dumps(flags)),
                            timeout=programs.WAIT)
        return [e for e in json.loads(got.result) if e["name"].startswith("seen.")]
    registry.RegisterServer(r.RegisterServerRequest(server_name="Seen", host="127.0.0.1", port=1),
                            timeout=programs.WAIT)
    assert listed() == []
    events.ConfigureSubscriptions(m.ConfigureSubscriptionsRequest(
        service="Seen", events=["seen.b", "seen.*"]), timeout=programs.WAIT)
    register(name="seen 1", group="else", service="seen", patterns=["seen.a"])
    register(name="seen 2", group="seen", url=URL, patterns=["seen.b"])
    register(name="seen 3", group="seen", patterns=["seen.c"])
    register(name="seen 4", group="nobody", service="not-there", patterns=["seen.d"])
    all_four = [("seen.*", "Seen", True, "seen.*"), ("seen.a", "else", True, "seen.a"),
                ("seen.b", "Seen", True, "seen.b"), ("seen.b", "seen", True, "seen.b"),
                ("seen.c", "seen", True, "seen.c")]
    assert listed() == listed("SEEN") == all_four
    events.Pause(m.PauseRequest(subscription="seen 2"), timeout=programs.WAIT)
    events.Pause(m.PauseRequest(group="else"), timeout=programs.WAIT)
    assert [e[:3] for e in listed() if not e[2]] == [("seen.a", "else", False), ("seen.b", "seen", False)]
    assert listed("$node") == []
    found = {(e["name"], e["group"]): e for e in node(withEndpoints=True)}
    assert found["seen.*", "Seen"] == {
        "name": "seen.*", "group": "Seen", "count": 1, "hasLocal": False, "available": True,
        "event": {"name": "seen.*", "group": "Seen"},
        "endpoints": [{"nodeID": "127.0.0.1:1", "state": True, "available": True}]}
    assert found["seen.d", "nobody"] == {"name": "seen.d", "group": "nobody", "count": 0,
                                         "hasLocal": False, "available": False, "endpoints": []}
    assert found["seen.a", "else"]["count"] == 1 and not found["seen.a", "else"]["available"]
    assert [(e["name"], e["group"]) for e in node(onlyAvailable=True)] == [
        ("seen.*", "Seen"), ("seen.b", "Seen"), ("seen.c", "seen")]
    assert node(onlyLocal=True) == []
    services = json.loads(registry.Call(r.CallRequest(
        service="$node", action="services", param='{"withEvents":true}'), timeout=programs.WAIT).result)
    assert next(s for s in services if s["name"] == "Seen")["events"] == {
        "seen.*": {"name": "seen.*", "group": "Seen"}, "seen.b": {"name": "seen.b", "group": "Seen"},
        "seen.c": {"name": "seen.c", "group": "seen"}}
    registry.DeleteServer(r.DeleteServerRequest(server_name="Seen"), timeout=programs.WAIT)
    assert refusal(listed)[0] == NOT_FOUND
