"""The command line's event commands: publish, subscribe, confirm, deliveries and replay."""

import datetime
import json
import os
import re
import signal
import subprocess
import uuid

import pytest

import event_tables
import observe
import programs
from command_line import CLEAN, PROGRAM, Fixed, lasting, run
from event_trial import Events

UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}"


@pytest.fixture
def cli(server):
    def call(*arguments, code=0, **more):
        done = run("--server", server.address, *arguments, **more)
        assert done.returncode == code, done.stderr
        return done.stderr if code else done.stdout
    return call


@pytest.fixture(scope="module")
def events(stubs, channel, database):
    return Events(stubs, channel, database)


@pytest.fixture
def group():
    """A name that no other test has, of a group and of what it subscribes to."""
    return "g" + uuid.uuid4().hex[:12]


@pytest.fixture
def fixed(database):
    server = Fixed(database)
    yield server
    server.stop()


def rows(table):
    return [re.split(r"  +", line.rstrip()) for line in table.splitlines()]


def wait_states(cli, group, *states):
    """Until the group's deliveries stand so, the newest event first."""
    observe.wait_until(lambda: tuple(
        row[4] for row in rows(cli("deliveries", "--group", group))[1:]) == states)


# --- publish --------------------------------------------------------------------------------------


def test_publish_prints_the_id(cli, database, group):
    ident = cli("publish", f"{group}.made", '{"b" : 1.50}').strip()
    assert re.fullmatch(UUID, ident)
    assert database.rows(f"SELECT name, data, key, group_name FROM event.event WHERE event_id = '{ident}'") == [
        [f"{group}.made", '{"b" : 1.50}', "", ""]]
    assert cli("publish", "x.y", "1", "--event-id", group, "--order-key", "k", "--group", "g") == group + "\n"
    assert database.rows(f"SELECT name, data, key, group_name FROM event.event WHERE event_id = '{group}'") == [
        ["x.y", "1", "k", "g"]]


def test_publish_takes_data_from_standard_input_or_none(cli, database, group):
    for arguments, given, data in (([], None, "null"), (["-"], "[1,2]\n", "[1,2]")):
        ident = cli("publish", group, *arguments, input=given).strip()
        assert database.rows(f"SELECT data FROM event.event WHERE event_id = '{ident}'") == [[data]]


def test_publish_again(cli, group):
    once = ["publish", group, "1", "--event-id", group]
    assert cli(*once) == cli(*once)
    assert json.loads(cli(*once, "--json"))["repeated"] is True
    assert "(ALREADY_EXISTS)" in cli("publish", group, "2", "--event-id", group, code=1)
    assert "event: " in cli("publish", "a..b", code=1)
    for data in ("{", "hello", ""):
        assert "DATA is no JSON" in cli("publish", group, data, code=2)


# --- subscribe ------------------------------------------------------------------------------------


def subscribed(database, group):
    """Waits for the subscription of a stream."""
    observe.wait_until(lambda: database.rows(
        "SELECT 1 FROM event.subscription s JOIN event.queue q ON q.id = s.queue_id"
        f" WHERE q.group_name = '{group}'") != [])


def test_an_event_is_a_line_and_confirmed_when_it_is_printed(cli, server, database, events, group):
    with lasting("--server", server.address, "subscribe", f"{group}.*", "--group", group) as command:
        subscribed(database, group)
        idents = [cli("publish", f"{group}.one", data).strip() for data in ('{"a":"文"}', '"\\u001b[1m\u0085"')]
        first, second = command.line(), command.line()
        now = datetime.datetime.now()
        time, *rest = re.split("  ", first)
        assert abs((datetime.datetime.fromisoformat(time) - now).total_seconds()) < 600
        assert rest == [f"{group}.one", idents[0], '{"a":"文"}']
        assert re.split("  ", second)[2:] == [idents[1], '"\\u001b[1m?"']
        wait_states(cli, group, "confirmed", "confirmed")
        assert command.end() == ("", "", 0)
    ident = cli("publish", f"{group}.two").strip()
    with lasting("--server", server.address, "--json", "subscribe", "--group", group) as command:
        event = json.loads(command.line())
        assert (event["event"], event["eventId"], event["data"]) == (f"{group}.two", ident, None)
        wait_states(cli, group, "confirmed", "confirmed", "confirmed")
        assert command.end(signal.SIGTERM) == ("", "", 0)


def test_confirm_auto_leaves_it_to_the_server(cli, server, database, group):
    with lasting("--server", server.address, "subscribe", group, "--group", group, "--confirm",
                 "auto") as command:
        subscribed(database, group)
        cli("publish", group)
        assert command.line()
        wait_states(cli, group, "delivered")
        assert command.end() == ("", "", 0)


def test_without_a_group_it_is_the_log(cli, server, group):
    with lasting("--server", server.address, "subscribe", f"{group}.a", f"{group}.b.*", "--after", "0") as command:
        cli("publish", f"{group}.c")
        for name in ("a", "b.1"):
            cli("publish", f"{group}.{name}", "1")
            assert command.line().split("  ")[1] == f"{group}.{name}"
        rest, error, code = command.end()
    assert (rest, code) == ("", 0)
    cursor = re.fullmatch(r"junction: --after (\d+) goes on from here\n", error)[1]
    later = cli("publish", f"{group}.a", "2").strip()
    with lasting("--server", server.address, "--json", "subscribe", f"{group}.a", "--after", cursor) as command:
        event = json.loads(command.line())
        assert event["eventId"] == later and event["data"] == 2 and int(event["cursor"]) > int(cursor)
        assert command.end() == ("", "", 0)


@pytest.mark.parametrize("of_group", [True, False])
def test_it_goes_on_when_the_server_comes_back(fixed, database, group, of_group):
    options = ["--server", fixed.address]
    more = ["--group", group] if of_group else ["--after", "0"]

    def publish(number):
        assert run(*options, "publish", group, str(number)).returncode == 0

    with lasting(*options, "--json", "subscribe", group, *more) as command:
        if of_group:
            subscribed(database, group)
        publish(0)
        seen = [json.loads(command.line())["data"]]
        if of_group:
            observe.wait_until(lambda: not event_tables.open_deliveries(database, group))
        for number in (1, 2):
            fixed.kill()
            fixed.start()
            publish(number)
            seen.append(json.loads(command.line())["data"])
            if of_group:
                observe.wait_until(lambda: not event_tables.open_deliveries(database, group))
        assert seen == [0, 1, 2]
        rest, error, code = command.end()
    assert (rest, code) == ("", 0)
    assert error.count("trying again") == 2 and error.count("it goes on") == 2


def test_what_is_refused_or_not_reached_ends_it(cli, group):
    assert "(INVALID_ARGUMENT)" in cli("subscribe", "a..b", code=1)
    assert "after: " in cli("subscribe", "a", "--after", "x", code=1)
    assert "(FAILED_PRECONDITION)" in cli("subscribe", "--group", group, code=1)
    assert "a PATTERN, or --group, is missing" in cli("subscribe", code=2)
    assert "confirm: " in cli("subscribe", "a", "--group", group, "--confirm", "never", code=2)
    done = run("--server", f"127.0.0.1:{programs.free_port()}", "subscribe", "a")
    assert done.returncode == 3 and "(UNAVAILABLE)" in done.stderr


def test_what_could_not_be_printed_is_not_confirmed(cli, server, database, group):
    read, write = os.pipe()
    command = subprocess.Popen([PROGRAM, "--server", server.address, "subscribe", group, "--group", group],
                               env=CLEAN, stdout=write, stderr=subprocess.PIPE,
                               preexec_fn=lambda: signal.signal(signal.SIGPIPE, signal.SIG_IGN))
    os.close(write)
    try:
        subscribed(database, group)
        os.close(read)
        cli("publish", group)
        assert command.wait(programs.WAIT) == 1
    finally:
        command.kill()
        command.communicate()
    assert not [row for row in rows(cli("deliveries", "--group", group))[1:] if row[4] == "confirmed"]


# --- confirm, deliveries, replay ------------------------------------------------------------------


def test_a_delivery_is_refused_listed_and_replayed(cli, events, group):
    events.register(group, f"{group}.*", no_retry=True)
    first, second = (cli("publish", f"{group}.{name}", "1").strip() for name in ("a", "b"))
    head = ["TIME", "EVENT", "ID", "GROUP", "STATE", "ATTEMPT", "DUE"]
    table = rows(cli("confirm", f"{group}.a", first, "--group", group))
    assert table[0] == head and table[1][1:] == [f"{group}.a", first, group, "confirmed", "1", "-"]
    assert rows(cli("confirm", f"{group}.b", second, "--refuse"))[1][4] in ("failed", "dead")
    listed = rows(cli("deliveries", "--group", group))
    assert [row[2] for row in listed[1:]] == [second, first]
    assert [row[2] for row in rows(cli("deliveries", "--group", group, "--state", "confirmed"))[1:]] == [first]
    assert rows(cli("deliveries", "--event-id", second, "--group", group))[1:] == listed[1:2]
    assert "NOT_FOUND" in cli("confirm", f"{group}.a", second, code=1)
    assert "ALREADY_EXISTS" in cli("confirm", f"{group}.a", first, "--group", group, "--refuse", code=1)
    assert cli("replay", group, "--event-id", first) == "replayed 1\n"
    assert [row[4] for row in rows(cli("deliveries", "--event-id", first))[1:]] == ["waiting"]
    assert cli("replay", group, "--event-id", first, "--dead") == "replayed 0\n"
    assert "NOT_FOUND" in cli("replay", "no-such-group", code=1)


def test_all_that_is_dead_is_replayed(cli, server, database, events, group):
    events.push(group, "http://127.0.0.1:1/", group, timeout_ms=1000, schedule_ms=[], no_retry=True)
    for i in range(3):
        cli("publish", group, str(i))
    wait_states(cli, group, "dead", "dead", "dead")
    events.stub.Pause(events.m.PauseRequest(group=group))
    assert json.loads(cli("replay", group, "--dead", "--json")) == {"replayed": 3}
    wait_states(cli, group, "waiting", "waiting", "waiting")


def test_pages_of_deliveries_up_to_the_limit(cli, events, group):
    events.register(group, group)
    idents = events.publish_all([(group, i, {}) for i in range(1203)])
    table = rows(cli("deliveries", "--group", group, "--limit", "1100"))
    assert [row[2] for row in table[1:]] == idents[:-1101:-1]
    assert len(rows(cli("deliveries", "--group", group))) == 101
    pages = [json.loads(line) for line in
             cli("--json", "deliveries", "--group", group, "--limit", "5000").splitlines()]
    assert [d["eventId"] for page in pages for d in page["deliveries"]] == idents[::-1]
    assert "state: " in cli("deliveries", "--state", "lost", code=2)
    assert "--limit: must be a number from 1 on" in cli("deliveries", "--limit", "0", code=2)


def test_help_tells_of_events(cli):
    assert "publish EVENT [DATA|-]" in cli("help")
    text = cli("help", "subscribe")
    assert "--confirm auto|explicit" in text and "Event.Subscribe" in text
