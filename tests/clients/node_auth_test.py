"""A client in JavaScript (grpc-js) that must show who it is."""

import json
import os

import pytest

import npm
import programs
import subjects

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "node")
UNAUTHENTICATED, DENIED = 16, 7


@pytest.fixture(scope="module")
def result(database):
    subjects.put(database.url, "application", "js", "reader")
    key = subjects.put_key(database.url, "js", "js")
    server = programs.Server(database.url, "--auth", "required")
    try:
        with npm.installed(HERE) as copy:
            return json.loads(npm.run(copy, "auth.js", server.address, key, subjects.SECRET,
                                      os.path.join(programs.ROOT, "proto"), "/usr/include"))
    finally:
        server.stop()


@pytest.mark.parametrize("what", ["who", "read", "write", "stream"])
def test_nobody_is_refused(result, what):
    assert result["nobody"][what]["code"] == UNAUTHENTICATED
    assert result["nobody"][what]["details"].startswith("credentials are required")
    assert result["wrong"][what] == {"code": UNAUTHENTICATED, "details": "the token is not valid"}


@pytest.mark.parametrize("shown", ["bearer", "basic", "renewed"])
def test_what_is_granted_is_allowed_and_nothing_else(result, shown):
    seen = result[shown]
    assert seen["who"] == {"subject": {"kind": "SUBJECT_KIND_APPLICATION", "name": "js"},
                           "roles": ["reader"]}
    assert "code" not in seen["read"] and seen["stream"]["cursor"]
    assert seen["write"] == {"code": DENIED,
                             "details": "application js may not: registry RegisterServer (WRITE)"}
