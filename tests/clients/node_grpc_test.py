"""The streams and errors of Trial, as a client in JavaScript sees them (grpc-js)."""

import json
import os

import pytest

import npm
import observe
import programs

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "node")


@pytest.fixture(scope="module")
def result(trial_server):
    folders = [os.path.join(programs.ROOT, "tests", "trial"), os.path.join(programs.ROOT, "proto"),
               "/usr/include"]
    with npm.installed(HERE) as copy:
        return json.loads(npm.run(copy, "client.js", trial_server.address, *folders))


def test_a_unary_call(result):
    assert result["unary"]["int64_value"] == "9007199254740993"
    assert result["unary"]["string_value"] == "今"


@pytest.mark.parametrize("kind, field", [("unary_failure", "number"), ("refused_stream", "count")])
def test_a_failure_with_details(result, stubs, kind, field):
    failure = result[kind]
    assert failure["code"] == 3 and failure["details"] == f"{field}: must not be negative"
    status = stubs.status.Status.FromString(bytes.fromhex(failure["status"][0]))
    bad = stubs.details.BadRequest()
    assert status.details[0].Unpack(bad) and bad.field_violations[0].field == field


def test_a_server_stream(result):
    stream = result["server_stream"]
    assert [a["number"] for a in stream["answers"]] == ["1", "2", "3"]
    assert (stream["code"], stream["details"]) == (9, "asked to fail after 3")


def test_a_client_stream(result):
    assert result["client_stream"] == {"count": "2", "sum": "9007199254740993"}


def test_a_stream_in_both_directions(result):
    assert [a.get("text", "") for a in result["both"]["answers"]] == ["one", "", "今"]
    assert result["both"]["code"] == 0


def test_a_stream_that_is_cancelled_is_freed(result, trial, stubs):
    assert [a["number"] for a in result["cancelled"]["answers"]] == ["1", "2", "3"]
    assert result["cancelled"]["code"] == 1
    observe.wait_until(lambda: not trial.Streams(stubs.trial.StreamsRequest()).in_progress)
