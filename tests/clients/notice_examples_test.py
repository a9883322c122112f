"""The examples of notices in client/examples do what they say, in each language and without being known
or as an application."""

import os
import subprocess

import pytest

import event_examples_test as examples
import programs
from event_examples_test import key_file  # noqa: F401, a fixture


@pytest.mark.parametrize("mode", ["open", "required"])
@pytest.mark.parametrize("language", [examples.python, examples.javascript])
def test_an_example(language, mode, tmp_path, database, key_file, stubs):  # noqa: F811
    command, more, environment = language(stubs, tmp_path, "notice")
    if mode == "required":
        environment["JUNCTION_KEY_FILE"] = key_file
    server = programs.Server(database.url, "--auth", mode)
    try:
        done = subprocess.run([*command, server.address, "alice,bob", "sent", *more], text=True,
                              capture_output=True, timeout=programs.WAIT, check=False,
                              env={**os.environ, **environment})
        assert done.returncode == 0, done.stderr
        sent, stands = done.stdout.splitlines()
        ident = sent.removeprefix("sent ")
        assert stands == "site delivered 2"
        assert database.rows(f"SELECT d.user_name FROM notice.notice n JOIN notice.delivery d ON "
                             f"d.notice_position = n.position WHERE n.notice_id = '{ident}' ORDER BY 1"
                             ) == [["alice"], ["bob"]]
    finally:
        server.stop()
