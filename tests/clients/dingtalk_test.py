"""DingTalk's robot as an npm SDK for it speaks to it: the same requests, byte for byte, where both say
the same at the same time."""

import json
import os

import pytest

import carrying
import key_files
import npm
import programs

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "dingtalk")
TOKEN, SECRET = "566cc69da782ec33e42541b09b08551f09fbe864eb8008112e994b43887", "SEC0123abcDEF/+="


@pytest.fixture(scope="module")
def folder():
    with npm.installed(HERE) as folder:
        yield folder


@pytest.fixture(scope="module")
def server(database, tmp_path_factory):
    keys = key_files.KeyFile(tmp_path_factory.mktemp("keys"))
    keys.add("k1")
    server = programs.Server(database.url, "--key-file", str(keys.path), "--notice-poll-ms", "50")
    yield server
    server.stop()


@pytest.fixture
def party():
    with carrying.Party(carrying.say(errcode=0, errmsg="ok")) as party:
        yield party


def sent_by_sdk(folder, party, messages):
    """What the robot gets of the SDK."""
    before = len(party.got())
    with open(os.path.join(folder, "messages"), "w", encoding="utf-8") as file:
        json.dump(messages, file)
    answers = json.loads(npm.run(folder, "send.js", "messages"))
    assert answers == [{"errcode": 0, "errmsg": "ok"}] * len(messages)
    return party.got()[before:]


def as_message(party, request, secret):
    """What the SDK is to be told so that it sends the same."""
    body, given = request.json(), request.parameters()
    markdown = body.get("markdown")
    return {"url": party.url("/robot/send"), "token": TOKEN, "secret": secret,
            "timestamp": int(given.get("timestamp", 0)), "at": body["at"],
            "title": markdown and markdown["title"],
            "text": markdown["text"] if markdown else body["text"]["content"]}


@pytest.mark.parametrize("form", ["markdown", "text"])
@pytest.mark.parametrize("secret", [SECRET, None], ids=["signed", "unsigned"])
def test_the_sdk_sends_the_same(stubs, channel, party, folder, form, secret):
    carrier = carrying.Carrier(stubs, channel, f"{form}-{'signed' if secret else 'unsigned'}")
    carrier.put({"url": party.url("/robot/send"), "format": form},
                {"access_token": TOKEN, **({"secret": secret} if secret else {})},
                kind="dingtalk", quota=0)
    carrier.recipients(ann="13800000001", bob="13800000002")
    # Of a dozen signatures some have a "+" and some a "/".
    for i in range(12):
        carrier.wait(carrier.send("ann", "bob", title=f"水泵 {i}", message="漏水 & \"more\""),
                     ann="SENT", bob="SENT")
    ours = party.got()
    theirs = sent_by_sdk(folder, party, [as_message(party, r, secret) for r in ours])
    assert [r.target for r in theirs] == [r.target for r in ours]
    assert [r.json() for r in theirs] == [r.json() for r in ours]
    assert {r.method for r in ours + theirs} == {"POST"}
    assert bool(secret) == all("&sign=" in r.query for r in ours) == any(
        "%2B" in r.query or "%2F" in r.query for r in ours)
    carrier.delete()
