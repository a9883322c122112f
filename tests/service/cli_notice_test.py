"""The command line's commands of notices: send, notice, notice-deliveries, resend, cancel, inbox."""

import json
import re
import uuid

import pytest

from command_line import run

UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}"


@pytest.fixture
def cli(server):
    def call(*arguments, code=0, **more):
        done = run("--server", server.address, *arguments, **more)
        assert done.returncode == code, done.stderr
        return done.stderr if code else done.stdout
    return call


@pytest.fixture
def user():
    """A name that no other test has."""
    return "u" + uuid.uuid4().hex[:12]


@pytest.fixture(scope="module")
def closed(channel, stubs):
    """A channel by which nothing is sent: what is sent waits."""
    notice, m = stubs.notice_grpc.NoticeStub(channel), stubs.notice
    notice.PutChannel(m.PutChannelRequest(channel="nowhere", kind="service",
                                          settings='{"service":"nobody"}'))
    return notice, m


def rows(table):
    return [re.split(r"  +", line.rstrip()) for line in table.splitlines()]


def test_send_prints_the_id_and_the_inbox_has_it(cli, user):
    ident = cli("send", "Hello", "a message", "--users", user, "--sender", "me").strip()
    assert re.fullmatch(UUID, ident)
    head, item, unread = rows(cli("inbox", user))
    assert head == ["TIME", "ID", "SENDER", "TITLE", "READ"]
    assert item[2:] == ["me", "Hello", "no"] and unread == ["unread 1"]
    assert rows(cli("inbox", user, "--unread"))[1][3] == "Hello"
    shown = cli("notice", ident)
    assert "me  Hello\na message\n" in shown
    assert rows(shown)[-1] == ["site", "delivered", "1"]


def test_send_takes_the_message_from_standard_input(cli, user):
    cli("send", "Hello", "-", "--users", user, input="two\nlines")
    assert json.loads(cli("--json", "inbox", user))["items"][0]["message"] == "two\nlines"


def test_what_a_terminal_takes_for_a_command_is_left_out(cli, user):
    ident = cli("send", "Hello", "a\x1b[31m red", "--users", user).strip()
    assert "\x1b" not in cli("notice", ident)


def test_deliveries_are_listed_resent_and_cancelled(cli, user, closed):
    notice, m = closed
    ident = cli("send", "Hello", "text", "--users", user, "--channel", "nowhere").strip()
    head, row = rows(cli("notice-deliveries", ident))
    assert head == ["ID", "USER", "CHANNEL", "ADDRESS", "STATE", "ATTEMPTS", "CODE", "TEXT"]
    assert row[1:7] == [user, "nowhere", "-", "failed", "0", "no_address"]
    notice.PutRecipient(m.PutRecipientRequest(user=user, addresses={"nowhere": "there"}))
    assert cli("resend", ident, "--channel", "other") == "sent again 0\n"
    assert cli("resend", ident) == "sent again 1\n"
    assert cli("cancel", ident) == "cancelled 1\n"
    assert rows(cli("notice-deliveries", ident))[1][4] == "cancelled"


def test_refusals_are_told(cli, user):
    assert "NOT_FOUND" in cli("notice", str(uuid.uuid4()), code=1)
    assert "template" in cli("send", "a", "b", "--users", user, "--receipt", code=1)
    assert "groups" in cli("send", "a", "b", "--groups", "no-such-group", code=1)
    assert "usage: junction send" in cli("send", "title", code=2)
    assert "takes no --group" in cli("send", "a", "b", "--group", "x", code=2)


def test_help_tells_of_notices(cli):
    assert "send TITLE MESSAGE|-" in cli("help")
    text = cli("help", "send")
    assert "--users" in text and "Notice.Send" in text and "--weight" not in text
