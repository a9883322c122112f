"""Data that a subscription wants encrypted: no plaintext is in the database, and it opens again."""

import base64
import hashlib
import json
import subprocess

import grpc
import pytest

import key_files
import programs
import publications
from event_log import Log

SECRET = "a secret that must not be seen"
DATA = '{"n":12345678901234567890.10,"text":"%s"}' % SECRET


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    return key_files.KeyFile(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def first_key(keys):
    return keys.add("2026-01")


@pytest.fixture(scope="module")
def log(database):
    """With groups that get what is named so: "sealed" wants it encrypted, "plain" does not."""
    log = Log(database)
    subscription, _ = log.subscription("sealed", patterns=["sealed", "both"])
    database.rows(f"UPDATE event.subscription SET encrypt_stored = true WHERE id = '{subscription}'")
    log.subscription("plain", patterns=["plain", "both"])
    return log


@pytest.fixture(scope="module")
def sealing(log, first_key, keys, stubs, database):
    """A publisher at a server that has the key."""
    server = programs.Server(database.url, "--key-file", str(keys.path), "--log-level", "debug")
    with server.channel() as channel:
        publisher = publications.Publisher(stubs, channel, database)
        publisher.server = server
        yield publisher
    server.stop()


def dump(database):
    """All that the schema holds, as its owner sees it."""
    return subprocess.run(["pg_dump", "--data-only", "--schema=event", "-d", database.url], check=True,
                          capture_output=True).stdout


def test_it_is_sealed_where_one_group_wants_it(sealing):
    for name, sealed in (("sealed", True), ("both", True), ("plain", False), ("nobody's", False)):
        row = sealing.row(sealing.publish(name, DATA))
        assert (row["data"] is None) == sealed == (row["sealed"] is not None)
        assert row["key_id"] == ("2026-01" if sealed else None)
        if sealed:
            # nonce and tag
            assert len(row["sealed"]) == 2 * (24 + len(DATA) + 16)


def test_nothing_of_it_is_in_the_database(sealing, database):
    """Nor can it be guessed: the hash of what was published is keyed."""
    hidden = "this cannot be seen"
    sealing.publish("plain", '"this can be seen"')
    for name in ("sealed", "both"):
        sealing.publish(name, json.dumps(hidden), event_id=f"{name} 1")
    text = dump(database)
    assert b"this can be seen" in text
    for bytes_of in (hidden.encode(), json.dumps(hidden).encode()):
        for form in (bytes_of, bytes_of.hex().encode(), base64.b64encode(bytes_of),
                     *(hashlib.new(kind, bytes_of).hexdigest().encode() for kind in ("sha256", "blake2b"))):
            assert form not in text
    assert hidden not in sealing.server.log_text()


def test_the_same_again_publishes_nothing(sealing):
    first = sealing.publish("sealed", DATA, event_id="same")
    assert sealing.publish("sealed", DATA, event_id="same").cursor == first.cursor
    with pytest.raises(grpc.RpcError) as caught:
        sealing.publish("sealed", DATA + " ", event_id="same")
    assert caught.value.code() == grpc.StatusCode.ALREADY_EXISTS


def test_what_is_for_one_group_is_sealed_if_that_wants_it(sealing):
    assert sealing.row(sealing.publish("anything", DATA, group="sealed"))["data"] is None
    assert sealing.row(sealing.publish("sealed", DATA, group="plain"))["data"] == DATA


def test_lists_and_streams_are_sealed_too(sealing):
    requests = [sealing.request("sealed", DATA, event_id=f"many {i}") for i in range(6)]
    assert all(o.HasField("published") for o in sealing.batch(requests[:3]))
    assert sealing.stream(requests[3:]).published == 3
    rows = sealing.rows("event_id LIKE 'many %'")
    assert len(rows) == 6 and not [row for row in rows if row["data"] is not None]
    assert len({row["sealed"] for row in rows}) == 6


def test_without_keys_it_is_not_published(sealing, stubs, channel, database):
    """Nor is it written as it is."""
    bare = publications.Publisher(stubs, channel, database)
    before = len(bare.rows())
    for given in ({"event": "sealed"}, {"event": "x", "group": "sealed"}):
        with pytest.raises(grpc.RpcError) as caught:
            bare.publish(data=DATA, **given)
        assert (caught.value.code(), caught.value.details()) == (
            grpc.StatusCode.FAILED_PRECONDITION,
            "a subscription wants its data encrypted, and the server has no --key-file")
    outcomes = bare.batch([bare.request("sealed", DATA), bare.request("plain", DATA)])
    assert outcomes[0].error.code == grpc.StatusCode.FAILED_PRECONDITION.value[0]
    assert outcomes[1].HasField("published")
    assert len(bare.rows()) == before + 1


def test_it_is_sealed_if_that_is_wanted_before_its_commit(sealing, database):
    future = publications.change_under(
        database, lambda: sealing.begin("plain", DATA, event_id="late"),
        "UPDATE event.subscription SET encrypt_stored = true WHERE 'plain' = ANY (patterns)")
    try:
        assert sealing.row(future.result())["data"] is None
    finally:
        database.rows(
            "UPDATE event.subscription SET encrypt_stored = false WHERE 'plain' = ANY (patterns)")


def test_it_opens_after_a_new_key_came(sealing, stubs, database, keys, log):
    """Events of both keys can be read by who has both, none by who has none."""
    old = sealing.publish("sealed", DATA)
    keys.add("2026-02")
    server = programs.Server(database.url, "--key-file", str(keys.path))
    try:
        with server.channel() as channel:
            rotated = publications.Publisher(stubs, channel, database)
            new = rotated.publish("sealed", '"' + SECRET + '"')
            assert [rotated.row(r)["key_id"] for r in (old, new)] == ["2026-01", "2026-02"]
            datas = [rotated.stub.Pull(stubs.event.PullRequest(event_id=r.event_id)).data
                     for r in (old, new)]
            assert datas == [DATA, '"' + SECRET + '"']
            # What was published with an id is known again.
            first = rotated.rows("event_id = 'same'")[0]
            again = rotated.publish("sealed", DATA, event_id="same")
            assert again.repeated and int(again.cursor) == first["position"]
    finally:
        server.stop()
    # A server that has not got the new key yet.
    answer = sealing.stub.Pull(stubs.event.PullRequest(event_id=new.event_id))
    assert (answer.event_id, answer.data) == (new.event_id, "null")


def test_a_server_does_not_start_without_its_keys(database, tmp_path):
    path = tmp_path / "keys"
    path.write_text("# the keys\nname " + base64.b64encode(b"x" * 31).decode() + "\n")
    for file, told in ((path, 'file={} line=2 rule="behind the name'), (tmp_path / "none", "{}: No such")):
        with pytest.raises(RuntimeError) as caught:
            programs.Server(database.url, "--key-file", str(file))
        assert told.format(file) in str(caught.value)
        assert "eHh4" not in str(caught.value)
