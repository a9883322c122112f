"""The audit log, as a client in JavaScript writes and reads it (grpc-js)."""

import json
import os

import pytest

import npm
import programs

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "node")


@pytest.fixture(scope="module")
def seen(server):
    folders = [os.path.join(programs.ROOT, "proto"), "/usr/include"]
    with npm.installed(HERE) as copy:
        return json.loads(npm.run(copy, "audit.js", server.address, *folders))


def test_a_repeated_write_gives_the_first_record(seen):
    assert (seen["first"]["repeated"], seen["again"]["repeated"]) == (False, True)
    assert seen["first"]["id"] == seen["again"]["id"]
    assert seen["first"]["time"] == seen["again"]["time"]


def test_a_batch_tells_of_each_record(seen):
    good, bad, also_good = seen["batch"]
    assert good["record"]["id"] < also_good["record"]["id"] and bad["record"] is None
    assert bad["error"]["code"] == 3 and bad["error"]["message"].startswith("severity: ")


def test_a_stream_tells_how_many(seen):
    assert (seen["stream"]["written"], seen["stream"]["refused"]) == ("4", "0")


def test_pages_both_ways(seen):
    assert seen["forward"] == [[0, 1, 2], [3, 4, 5], [6]]
    assert seen["backward"] == [[3, 4, 5], [0, 1, 2]]


def test_a_refusal_names_the_path(seen):
    assert seen["refused"].startswith("filter.expr[0].value[1]: ")


def test_fields_are_chosen(seen):
    assert seen["fields"]["ext"] == '{"i":0.0}' and seen["fields"]["id"] == seen["first"]["id"]
    assert not seen["fields"].get("content")


def test_an_export_is_a_file(seen):
    assert seen["export"] == {"type": "text/csv; charset=utf-8",
                              "text": "optType\r\n0\r\n1\r\n2\r\n3\r\n4\r\n5\r\n6\r\n"}
