"""A key's token is renewed before it ends, a minute after it was issued at the earliest."""

import json
import signal
import subprocess

import observe
import postgres
import programs
import subjects
from command_line import CLEAN, PROGRAM


def renewals(database):
    """Of each session, how often it was refreshed."""
    return [int(row[0]) for row in postgres.psql(
        database.url, "SELECT cardinality(used_hashes) FROM auth.session WHERE name = 'kept'")]


def test_a_node_lives_on_while_its_token_is_renewed(database, tmp_path):
    subjects.put(database.url, "application", "kept", "service")
    key = tmp_path / "key.json"
    key.touch(0o600)
    key.write_text(json.dumps({"accessKeyId": subjects.put_key(database.url, "kept", "kept"),
                               "secret": subjects.SECRET}))
    server = programs.Server(database.url, "--auth", "required", "--token-minutes", "1")
    keeper = subprocess.Popen(
        [PROGRAM, "--server", server.address, "--key-file", str(key), "register-node", "kept",
         "10.0.0.1:80", "--keep", "--lease", "1s"], env=CLEAN, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        for count in (0, 1, 2):
            observe.wait_until(lambda: renewals(database) == [count])
        keeper.send_signal(signal.SIGINT)
        said, complained = keeper.communicate(timeout=programs.WAIT)
        assert [line.split()[0] for line in said.splitlines()] == ["registered", "deregistered"]
        assert complained == "" and keeper.returncode == 0
    finally:
        keeper.kill()
        server.stop()
