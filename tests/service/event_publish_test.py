"""Publishing one event: what a row has, who gets it, what is refused, what an id does."""

import itertools
import threading
import time
import uuid

import grpc
import pytest

import observe
import programs
import publications
import subjects
from event_log import Log

DATAS = [
    "null", "true", '""', "-0", "1e400", "123456789012345678901234567890.10",
    ' { "b" : 1.50, "a" : [ 1e400, -0, 123456789012345678901234567890 ] }\r\n',
    '{"z":1,"a":{"y":2,"b":3},"z":2}',
    '{"text":"\\u0000\\u4e2d\\ud83d\\ude00","plain":"中😀","slash":"\\/","quote":"\\"}{,\\\\"}',
    "[" * 64 + "]" * 64,
]
NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def publisher(stubs, channel, database):
    return publications.Publisher(stubs, channel, database)


@pytest.fixture(scope="module")
def log(database):
    return Log(database)


@pytest.fixture
def name():
    """Of events that no other test publishes or subscribes to."""
    return f"test{next(NUMBERS)}.happened"


def refused(publisher, **fields):
    """Field and message."""
    with pytest.raises(grpc.RpcError) as caught:
        publisher.publish(**fields)
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    return publisher.field_refused(publisher.status(caught.value))


def failed(publisher, **fields):
    """Code and message."""
    with pytest.raises(grpc.RpcError) as caught:
        publisher.publish(**fields)
    return caught.value.code(), caught.value.details()


# --- what is written ------------------------------------------------------------------------------


def test_an_event_is_a_row_when_it_is_answered(publisher, name):
    trace = "0af7651916cd43dd8448eb211c80319c"
    before = time.time() * 1000
    response = publisher.publish(
        name, '{"id":7}', metadata=[("traceparent", f"00-{trace}-b7ad6b7169203331-01")])
    row = publisher.row(response)
    assert uuid.UUID(response.event_id).version == 7
    assert not response.repeated
    assert row["time"] == int(response.cursor) >> 20
    assert before - 1 <= row.pop("time") <= time.time() * 1000
    assert row.pop("address").startswith("127.0.0.1:")
    assert row.pop("node").rpartition("-")[2].isdigit()
    assert row == {
        "position": int(response.cursor), "space": "default", "event_id": response.event_id, "name": name,
        "data": '{"id":7}', "sealed": None, "key_id": None, "key": None, "group": None, "queues": [],
        "hashed": False, "user": None, "application": None, "trace_id": trace, "deliveries": []}


@pytest.mark.parametrize("data", DATAS)
def test_data_keeps_its_bytes(publisher, data):
    assert publisher.row(publisher.publish(data=data))["data"] == data


def test_data_that_is_missing_is_null(publisher):
    assert publisher.row(publisher.publish())["data"] == "null"
    first = publisher.publish(event_id="null 1")
    assert publisher.publish(data="null", event_id="null 1").cursor == first.cursor


def test_positions_and_made_ids_rise(publisher):
    responses = [publisher.publish() for _ in range(20)]
    assert [int(r.cursor) for r in responses] == sorted({int(r.cursor) for r in responses})
    assert [r.event_id for r in responses] == sorted({r.event_id for r in responses})


def test_texts_may_be_as_long_as_said(publisher):
    given = {"event": "界" * 85, "event_id": "i" * 255, "group": "g" * 255, "key": "k" * 255}
    response = publisher.publish(data="1", **given)
    row = publisher.row(response)
    assert (row["name"], row["event_id"], row["group"], row["key"]) == tuple(given.values())


def test_who_published_is_known(publisher, database, channel, stubs):
    subjects.put(database.url, "application", "shop", "administrator")
    key = subjects.basic(subjects.put_key(database.url, "shop", "publish1"))
    subjects.wait_known(channel, stubs)
    row = publisher.row(publisher.publish(metadata=[("authorization", key)]))
    assert (row["user"], row["application"]) == (None, "shop")


def test_what_came_of_events_is_counted(publisher, server):
    def counted():
        return [observe.value(server, "junction_event_published_total", outcome=outcome)
                for outcome in ("published", "repeated", "refused")]
    publisher.publish(event_id="count 1")
    publisher.publish(event_id="count 1")
    refused(publisher, event="")
    before = counted()
    publisher.publish()
    publisher.publish(event_id="count 1")
    refused(publisher, event="")
    failed(publisher, event_id="count 1", data="7")
    assert counted() == [before[0] + 1, before[1] + 1, before[2] + 2]


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize("field, message, fields", [
    ("event", "must have 1 to 255 bytes", {"event": ""}),
    ("event", "must have 1 to 255 bytes", {"event": "e" * 256}),
    ("data", "must be a JSON value", {"data": "{"}),
    ("data", "must be a JSON value", {"data": " "}),
    ("data", "must be a JSON value", {"data": "{} {}"}),
    ("data", "must be a JSON value", {"data": "NaN"}),
    ("data", "must be a JSON value", {"data": "[" * 65 + "]" * 65}),
    ("data", "must have at most 1048576 bytes", {"data": '"' + "x" * 1048575 + '"'}),
    ("eventId", "must have at most 255 bytes", {"event_id": "i" * 256}),
    ("eventId", "must not hold control characters", {"event_id": "a\nb"}),
    ("eventId", "must not hold control characters", {"event_id": "a\u0085b"}),
    ("group", "must have at most 255 bytes", {"group": "g" * 256}),
    ("group", "must not hold control characters", {"group": "a\tb"}),
    ("key", "must have at most 255 bytes", {"key": "k" * 256}),
    ("key", "must not hold control characters", {"key": "\x7f"}),
])
def test_a_field_that_breaks_its_rule_is_named(publisher, field, message, fields):
    before = publisher.rows()
    assert refused(publisher, **fields) == (field, f"{field}: {message}")
    assert publisher.rows() == before


@pytest.mark.parametrize("event", [
    ".a", "a.", "a..b", ".", "a b", " a", "a\tb", "a\nb", "a\u00a0b", "a\u3000b", "a\x00b", "a\x7fb",
    "a.*", "a?", "a>b", "**"])
def test_a_name_that_is_none_is_refused(publisher, event):
    before = publisher.rows()
    code, message = failed(publisher, event=event)
    assert code == grpc.StatusCode.INVALID_ARGUMENT
    assert "event" in message
    assert publisher.rows() == before


@pytest.mark.parametrize("event", ["a", "a.b.c", "订单.创建", "a-b_c:d/e#1", "A.b", "😀"])
def test_any_other_is_a_name(publisher, event):
    assert publisher.row(publisher.publish(event))["name"] == event


def test_the_largest_data(publisher):
    data = '"' + "x" * 1048574 + '"'
    assert publisher.row(publisher.publish(data=data))["data"] == data


def test_the_limit_of_data_is_the_servers(stubs, database):
    server = programs.Server(database.url, "--event-data-limit", "10")
    try:
        with server.channel() as channel:
            narrow = publications.Publisher(stubs, channel, database)
            assert refused(narrow, data='"123456789"') == (
                "data", "data: must have at most 10 bytes")
            assert narrow.row(narrow.publish(data='"12345678"'))["data"] == '"12345678"'
    finally:
        server.stop()


# --- ids ------------------------------------------------------------------------------------------


def test_the_same_again_publishes_nothing(publisher, log, name):
    _, queue = log.subscription(name, patterns=[name])
    given = {"event": name, "data": ' {"a": 1}', "event_id": f"{name} 1", "key": "k"}
    first = publisher.publish(**given)
    again = publisher.publish(**given)
    assert (first.repeated, again.repeated) == (False, True)
    assert (again.event_id, int(again.cursor)) == (first.event_id, int(first.cursor)) == (
        given["event_id"], publisher.row(first)["position"])
    assert len(publisher.rows(f"name = '{name}'")) == 1
    assert publisher.row(first)["deliveries"] == [[queue, "k"]]


@pytest.mark.parametrize("other", [
    {"event": "something.else"}, {"data": '{"a":1}'}, {"data": "null"}, {"key": "l"}, {"key": ""},
    {"group": "h"}, {"group": ""},
    # Parts that only together are the same.
    {"key": "kg", "group": ""}, {"key": "", "group": "kg"}])
def test_something_else_with_its_id_is_refused(publisher, name, other):
    given = {"event": name, "data": '{"a": 1}', "event_id": f"{name} 1", "key": "k", "group": "g"}
    first = publisher.publish(**given)
    assert failed(publisher, **{**given, **other}) == (
        grpc.StatusCode.ALREADY_EXISTS, "eventId: has been published with something else")
    assert publisher.publish(**given).cursor == first.cursor
    assert len(publisher.rows(f"event_id = '{name} 1'")) == 1


def test_an_id_that_was_made_is_taken(publisher):
    made = publisher.publish(data="7").event_id
    assert failed(publisher, data="7", event_id=made)[0] == grpc.StatusCode.ALREADY_EXISTS


def test_of_many_at_once_one_publishes(publisher, name):
    futures = [publisher.begin(name, str(i % 2), event_id=f"{name} 1") for i in range(50)]
    outcomes = [f.code() for f in futures]
    responses = [f.result() for f in futures if f.code() == grpc.StatusCode.OK]
    assert len(publisher.rows(f"name = '{name}'")) == 1
    assert len({int(r.cursor) for r in responses}) == 1 and int(responses[0].cursor) > 0
    assert [r.repeated for r in responses].count(False) == 1
    assert outcomes.count(grpc.StatusCode.ALREADY_EXISTS) == 25 == len(responses)


def test_namespaces_are_apart(publisher, stubs, channel, database, log, name):
    other = publications.Publisher(stubs, channel, database, space="other")
    elsewhere = Log(database, "other")
    _, queue = log.subscription(f"{name} here", patterns=[name])
    _, far = elsewhere.subscription(f"{name} there", patterns=[name])
    mine = publisher.publish(name, "1", event_id=f"{name} 1")
    theirs = other.publish(name, "2", event_id=f"{name} 1")
    assert not theirs.repeated and int(theirs.cursor) != int(mine.cursor)
    assert publisher.row(mine)["deliveries"] == [[queue, None]]
    assert publisher.row(theirs)["deliveries"] == [[far, None]]
    assert publisher.row(theirs)["space"] == "other"
    to_group = other.publish(name, "3", group=f"{name} here")
    assert publisher.row(to_group)["queues"] not in ([queue], [far])


# --- who gets it ----------------------------------------------------------------------------------


def test_groups_that_match_get_it(publisher, log, name):
    first = name.partition(".")[0]
    _, one = log.subscription(f"{name} 1", patterns=["none", name])
    _, same = log.subscription(f"{name} 1", patterns=[f"{first}.**"])
    _, two = log.subscription(f"{name} 2", patterns=[f"{first}.*"])
    _, broadcast = log.subscription(f"{name} 2", patterns=[f"{first}.h*d"], broadcast=True)
    log.subscription(f"{name} 3", patterns=[f"{first}.?"])
    assert one == same
    row = publisher.row(publisher.publish(name, key="k"))
    assert row["queues"] == sorted([one, two, broadcast])
    assert row["deliveries"] == [[queue, "k"] for queue in sorted([one, two, broadcast])]


def test_conditions_look_at_the_data(publisher, log, database, name):
    subscription, queue = log.subscription(name, patterns=[name])
    database.rows("UPDATE event.subscription SET conditions = "
                  """'[{"path":"a.b","values":[1,"x"]}]' """ f"WHERE id = '{subscription}'")
    for data, wanted in (('{"a":{"b":1.0}}', True), ('{"a":{"b":"x"}}', True), ('{"a":{"b":2}}', False),
                         ('{"a":{}}', False), (None, False)):
        assert publisher.row(publisher.publish(name, data))["queues"] == ([queue] if wanted else [])


def test_a_group_that_is_named_gets_it_alone(publisher, log, name):
    _, queue = log.subscription(f"{name} mine", patterns=["none"])
    log.subscription(f"{name} other", patterns=[name])
    log.subscription(f"{name} mine", patterns=[name], broadcast=True)
    row = publisher.row(publisher.publish(name, group=f"{name} mine", key="k"))
    assert (row["group"], row["deliveries"]) == (f"{name} mine", [[queue, "k"]])


def test_a_group_need_not_have_a_subscription(publisher, database, name):
    futures = [publisher.begin(name, str(i), group=f"{name} new") for i in range(50)]
    rows = [publisher.row(future.result()) for future in futures]
    queues = database.rows(f"SELECT id FROM event.queue WHERE group_name = '{name} new' AND member = ''")
    assert len(queues) == 1
    assert {tuple(row["queues"]) for row in rows} == {(int(queues[0][0]),)}


# --- while subscriptions change -------------------------------------------------------------------


def test_it_is_matched_again_if_subscriptions_change_before_its_commit(publisher, database, log, name):
    # Its server has matched it by then.
    future = publications.change_under(
        database, lambda: publisher.begin(name, "1", event_id=f"{name} 1"),
        publications.subscription(name))
    response = future.result()
    assert not response.repeated
    assert publisher.row(response)["queues"] == [log.queue(name)]
    assert len(publisher.rows(f"name = '{name}'")) == 1


def test_it_is_not_matched_again_for_who_has_left(publisher, server, database, name):
    def leave():
        future = publisher.begin(name)
        publications.wait_held(database)
        future.cancel()
        observe.wait_until(lambda: not observe.value(server, "junction_rpc_in_progress"))
    publications.change_under(database, leave, publications.subscription(name))
    publisher.publish()
    assert not publisher.rows(f"name = '{name}'")


@pytest.mark.parametrize("change, outcome", [
    ("INSERT INTO event.subscription (namespace, name, queue_id, patterns, target) SELECT 'default', "
     "'{} 2', queue_id, '{{none}}', 'pull' FROM event.subscription WHERE id = '{}'", "stale"),
    ("DELETE FROM event.subscription WHERE name = '{0}' AND id = '{1}'", "stale"),
    ("UPDATE event.subscription SET patterns = '{{some}}' WHERE name = '{}' AND id = '{}'", "stale"),
    ("UPDATE event.subscription SET conditions = '[]' WHERE name = '{}' AND id = '{}'", "stale"),
    ("UPDATE event.subscription SET encrypt_stored = true WHERE name = '{}' AND id = '{}'", "stale"),
    ("UPDATE event.subscription SET queue_id = event.make_queue('default', '{} 2') WHERE id = '{}'",
     "stale"),
    ("UPDATE event.subscription SET enabled = false WHERE name = '{}' AND id = '{}'", "published"),
    ("UPDATE event.queue SET paused = true WHERE group_name = '{0}' AND '{1}' <> ''", "published"),
    ("INSERT INTO event.secret (subscription_id, secret) SELECT id, sha256('{}') FROM "
     "event.subscription WHERE id = '{}'", "published"),
    ("SELECT event.make_queue('default', '{} 2'), '{}'", "published"),
])
def test_only_what_says_who_gets_it_makes_it_stale(database, log, name, change, outcome):
    subscription, _ = log.subscription(name, name=name)
    revision = database.rows("SELECT value FROM event.revision")[0][0]
    database.rows(change.format(name, subscription))
    assert int(database.rows("SELECT value FROM event.revision")[0][0]) > int(revision)
    assert publications.append(database, [f"{name} 1"], ["01"], revision)[1][2] == outcome
    assert publications.append(database, [f"{name} 2"], ["01"])[1][2] == "published"


def test_nothing_slips_through(stubs, publisher, channel, database, log, name):
    """Whoever publishes once a subscription is there, by its answer or its commit, at any server, has
    its group in the event."""
    second = programs.Server(database.url)
    stop = threading.Event()
    published, faults = [], []
    register = stubs.event_grpc.EventStub(channel).RegisterSubscription

    def always(client):
        while not stop.is_set():
            published.append(int(client.publish(name).cursor))

    try:
        with second.channel() as other_channel:
            others = publications.Publisher(stubs, other_channel, database)
            threads = [threading.Thread(target=always, args=(client,))
                       for client in (publisher, publisher, others)]
            for thread in threads:
                thread.start()
            queues = []
            for i in range(24):
                if i % 2:
                    queues.append(log.subscription(f"{name} {i}", patterns=[name])[1])
                else:
                    register(stubs.event.RegisterSubscriptionRequest(
                        name=f"{name} {i}", group=f"{name} {i}", patterns=[name]))
                    queues.append(log.queue(f"{name} {i}"))
                for client in (publisher, others):
                    row = client.row(client.publish(name))
                    faults += [(i, row)] if row["queues"] != queues else []
            stop.set()
            for thread in threads:
                thread.join()
    finally:
        stop.set()
        second.stop()
    assert not faults
    rows = publisher.rows(f"name = '{name}'")
    assert set(published) <= {row["position"] for row in rows}
    # In the log's order no event has fewer groups than one before it.
    counts = [len(row["queues"]) for row in rows]
    assert counts == sorted(counts)
    assert all([q for q, _ in row["deliveries"]] == row["queues"] for row in rows)
