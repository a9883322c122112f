"""The command line's audit commands: audit, audit-write and audit-export."""

import csv
import datetime
import io
import json
import re
import time

import pytest

from command_line import on_terminal, run


def record(**other):
    return {"optType": 1, "resultType": 0, "content": "用户 Alice 登录", "sourceNode": "web-1",
            "namespace": "cli-audit", "severity": "info", **other}


@pytest.fixture
def cli(server):
    def call(*arguments, code=0, **more):
        done = run("--server", server.address, *arguments, **more)
        assert done.returncode == code, done.stderr
        return done.stderr if code else done.stdout
    return call


@pytest.fixture(scope="module")
def written(server):
    """Records of a namespace of their own."""
    lines = "\n".join(json.dumps(record(**other)) for other in (
        {}, {"content": "冷却塔 A3 报警", "severity": "critical", "target": "A3"},
        {"content": "login failed", "resultType": 7, "ext": {"b": 1.50, "a": [2]}})) + "\n\n"
    done = run("--server", server.address, "audit-write", "-", input=lines)
    assert (done.returncode, done.stdout) == (0, "written 3, repeated 0, refused 0\n"), done.stderr


def test_records_are_shown_newest_first(cli, written):
    text = cli("audit", "--where", "namespace=cli-audit")
    head, *rows = text.splitlines()
    assert head.split() == ["TIME", "SEVERITY", "NAMESPACE", "SOURCE", "USER", "CONTENT"]
    assert [re.split("  +", row)[1:] for row in rows] == [
        ["info", "cli-audit", "web-1", "-", "login failed"],
        ["critical", "cli-audit", "web-1", "-", "冷却塔 A3 报警"],
        ["info", "cli-audit", "web-1", "-", "用户 Alice 登录"]]
    assert cli("audit", "冷却塔a3", "--where", "namespace=cli-audit").count("\n") == 2
    assert cli("audit", "却").count("\n") == 2
    assert cli("audit", "nowhere", "--where", "namespace=cli-audit").count("\n") == 1
    assert "critical" not in cli("audit", "--where", "namespace=cli-audit", "--where", "target=A4")


def test_a_filter_and_the_conditions_must_all_hold(cli, written):
    severe = '{"expr":[{"field":"severity","operator":"GreaterThan","value":"notice"}]}'
    assert cli("audit", "--filter", severe, "--where", "namespace=cli-audit").count("\n") == 2
    assert cli("audit", "报警", "--filter", severe, "--where", "sourceNode=web-2").count("\n") == 1
    assert "filter.subFilter[0].expr[0].field" in cli(
        "audit", "--filter", '{"expr":[{"field":"none","operator":"Equal","value":1}]}', code=1)
    assert "--filter: " in cli("audit", "--filter", '{"exprs":[]}', code=2)


def test_times(cli, written):
    def count(*arguments):
        return cli("audit", "--where", "namespace=cli-audit", *arguments).count("\n") - 1
    now = time.time()
    tomorrow = datetime.datetime.fromtimestamp(now + 86400)
    assert count("--since", "10m") == count("--since", "1d") == count("--since", "0") == 3
    assert count("--since", "0", "--until", "1h") == count("--since", str(int(now + 60) * 1000)) == 0
    assert count("--since", "2020-01-01", "--until", tomorrow.isoformat(" ", "seconds")) == 3
    assert count("--since", "2020-01-01 10:30", "--until", "2020-01-01T10:31:00Z") == 0
    assert '--since: "soon" is no time' in cli("audit", "--since", "soon", code=2)
    assert "--limit: must be a number from 1 on" in cli("audit", "--limit", "0", code=2)


def test_pages_follow_each_other_up_to_the_limit(cli):
    lines = "".join(json.dumps(record(namespace="cli-pages", content=f"n {i}")) + "\n"
                    for i in range(1203))
    assert cli("audit-write", "-", input=lines) == "written 1203, repeated 0, refused 0\n"
    rows = cli("audit", "--where", "namespace=cli-pages", "--limit", "1100").splitlines()
    assert len(rows) == 1101 and rows[-1].endswith("n 103")
    pages = cli("audit", "--where", "namespace=cli-pages", "--limit", "5000", "--json").splitlines()
    found = [r["content"] for page in pages for r in json.loads(page)["result"]["records"]]
    assert found == [f"n {i}" for i in reversed(range(1203))] and len(pages) == 2


def test_refused_records_are_told(server, cli, tmp_path):
    lines = tmp_path / "records"
    bad = record(severity="bad")
    lines.write_text("\n".join(map(json.dumps, (record(namespace="cli-refused"), bad))))
    assert cli("audit-write", str(lines), code=1).startswith("junction: record 2: severity: ")
    done = run("--server", server.address, "--json", "audit-write", str(lines))
    assert done.returncode == 1 and json.loads(done.stdout)["refused"] == 1
    lines.write_text("{}\n{")
    assert f"{lines}:2: " in cli("audit-write", str(lines), code=2)
    assert "No such file" in cli("audit-write", str(tmp_path / "none"), code=2)


def test_exports(cli, written, tmp_path):
    where = ("--where", "namespace=cli-audit")
    lines = [json.loads(line) for line in cli("audit-export", *where).splitlines()]
    assert [r["content"] for r in lines] == ["用户 Alice 登录", "冷却塔 A3 报警", "login failed"]
    path = tmp_path / "audit.csv"
    assert cli("audit-export", "failed", *where, "--format", "csv", "--output", str(path)) == ""
    rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))
    assert [(r["content"], r["resultType"], r["ext"]) for r in rows] == [
        ("login failed", "7", '{"b": 1.5, "a": [2]}')]
    assert "--format: must be ndjson or csv" in cli("audit-export", "--format", "xml", code=2)


def test_the_progress_of_an_export_is_a_bar(server, written, tmp_path):
    told = on_terminal(100, "--server", server.address, "audit-export", "--output",
                       str(tmp_path / "all"), "--where", "namespace=cli-audit")
    assert re.search(r"all: \[#{20}\] 100 %, 3 records, ", told)
