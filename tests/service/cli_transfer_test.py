"""The command line's transfers: upload, query and download against a real third party."""

import hashlib
import json
import urllib.parse

import pytest

import programs
from command_line import on_terminal, run

TABLE = b"id,x\n" + b"".join(b"%d,%d\n" % (i, i * i) for i in range(100000))


def answer(request):
    if request.path.startswith("/upload"):
        return 200, {}, b'{"code":0,"message":"","data":{"jobId":"job-1"}}'
    if request.path.startswith("/query"):
        return 200, {}, b'{"code":0,"data":{"status":"SUCCESS"}}'
    if "none" in request.path:
        return 200, {}, b'{"code":17,"message":"no such job"}'
    return 200, {"Content-Type": "text/csv"}, TABLE


@pytest.fixture(scope="module")
def third(server):
    with programs.Upstream(answer) as upstream:
        for arguments in (("cli-third", f"127.0.0.1:{upstream.port}"),
                          ("cli-third.upload", "/upload"), ("cli-third.query", "/query"),
                          ("cli-third.download", "/download")):
            done = run("--server", server.address, "register", *arguments)
            assert done.returncode == 0, done.stderr
        yield upstream


@pytest.fixture
def cli(server, third):
    def call(*arguments, code=0, **more):
        done = run("--server", server.address, *arguments, **more)
        assert done.returncode == code, done.stderr
        return done.stderr if code else done.stdout
    return call


def uploaded(third):
    """What the third party was asked last, and the content of its part."""
    request = third.requests[-1]
    query = urllib.parse.parse_qs(urllib.parse.urlsplit(request.path).query)
    return json.loads(query["requestBody"][0]), request.body


def test_ids_go_up_and_the_table_comes_down(cli, third, tmp_path):
    ids = tmp_path / "ids"
    ids.write_bytes(b"sid\n" + b"".join(b"%d\n" % i for i in range(200000)))
    assert cli("upload", "cli-third", str(ids), "--request", '{"stat_month":"202201"}') == "job-1\n"
    asked, body = uploaded(third)
    assert asked["stat_month"] == "202201"
    assert asked["sign"] == hashlib.md5(asked["job_id"].encode()).hexdigest()
    assert ids.read_bytes() in body and b'name="file"' in body
    assert cli("query", "cli-third", "job-1") == "success\n"
    assert json.loads(cli("query", "cli-third", "job-1", "--json"))["data"]["status"] == "success"
    table = tmp_path / "table"
    assert cli("download", "cli-third", "job-1", "--output", str(table)) == ""
    assert table.read_bytes() == TABLE
    assert cli("download", "cli-third", "job-1") == TABLE.decode()


def test_standard_input_has_no_size(cli, third):
    assert json.loads(cli("upload", "cli-third", "-", "--json", input="1\n2\n")) == {
        "data": {"jobId": "job-1"}}
    asked, body = uploaded(third)
    assert sorted(asked) == ["job_id", "sign"] and b"1\n2\n" in body


def test_refusals_are_told(cli, tmp_path):
    assert "no such job (UNKNOWN)" in cli("download", "cli-third", "none", code=1)
    assert "no found server cli-nobody (NOT_FOUND)" in cli("query", "cli-nobody", "1", code=1)
    assert "No such file" in cli("upload", "cli-third", str(tmp_path / "none"), code=2)
    ids = tmp_path / "ids"
    ids.write_text("1\n")
    assert "requestBody" in cli("upload", "cli-third", str(ids), "--request", "[]", code=1)
    assert "NOT_FOUND" in cli("upload", "cli-nobody", str(ids), code=1)
    assert "upload takes no --output" in cli("upload", "cli-third", str(ids), "--output", "x", code=2)


def test_progress_is_shown_on_a_terminal(server, third, tmp_path):
    ids = tmp_path / "ids"
    ids.write_bytes(b"1\n" * (1 << 20))
    text = on_terminal(80, "--server", server.address, "upload", "cli-third", str(ids))
    assert f"\r{ids}: 2.0 MiB of 2.0 MiB (100 %), " in text and "job-1" in text


def test_extensions_are_listed(cli):
    assert cli("extensions") == "EXTENSION  ADDRESS  STATE  PID  RESTARTS  LAST EXIT\n"
