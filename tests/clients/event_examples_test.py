"""The examples of events in client/examples do what they say, in each language and without being known
or as an application."""

import json
import os
import shutil
import subprocess

import pytest

import event_tables
import observe
import programs
import subjects

HERE = os.path.dirname(os.path.abspath(__file__))
EXAMPLES = os.path.join(programs.ROOT, "client", "examples")


def python(stubs, folder, name="event"):
    """The command, its further arguments, and what its environment must have."""
    out = stubs.path
    return ["/usr/bin/python3", "-c", "import google, os, sys;"
            "google.__path__.append(os.path.join(os.environ['PYTHONPATH'], 'google'));"
            "exec(open(sys.argv.pop(1)).read())", os.path.join(EXAMPLES, f"{name}.py")], [], {"PYTHONPATH": out}


def javascript(stubs, folder, name="event"):
    for file in ("package.json", "package-lock.json"):
        shutil.copy(os.path.join(HERE, "node", file), folder)
    shutil.copy(os.path.join(EXAMPLES, f"{name}.js"), folder)
    subprocess.run(["npm", "ci", "--prefer-offline", "--ignore-scripts", "--no-audit", "--no-fund"],
                   cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return ["node", str(folder / f"{name}.js")], [os.path.join(programs.ROOT, "proto"), "/usr/include"], {}


@pytest.fixture(scope="module")
def key_file(database, tmp_path_factory):
    subjects.put(database.url, "application", "example", "service")
    key = subjects.put_key(database.url, "example", "example")
    file = tmp_path_factory.mktemp("key") / "key.json"
    file.touch(0o600)
    file.write_text(json.dumps({"accessKeyId": key, "secret": subjects.SECRET}))
    return str(file)


@pytest.mark.parametrize("mode", ["open", "required"])
@pytest.mark.parametrize("language", [python, javascript])
def test_an_example(language, mode, tmp_path, database, key_file, stubs):
    command, more, environment = language(stubs, tmp_path)
    group = f"{language.__name__}-{mode}"
    if mode == "required":
        environment["JUNCTION_KEY_FILE"] = key_file
    server = programs.Server(database.url, "--auth", mode)
    process = subprocess.Popen([*command, server.address, group, *more], text=True, stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, env={**os.environ, **environment})
    try:
        said = sorted(process.stdout.readline().rstrip("\n") for _ in range(2))
        assert said[0].startswith("published ")
        assert said[1].replace(" ", "") == f'received{group}.created{{"number":1}}'
        ident = said[0].split(" ")[1]
        observe.wait_until(lambda: event_tables.steps(database, ident, group, "state")[-1:] == [["confirmed"]])
        assert process.communicate("\n", timeout=programs.WAIT)[0] == ""
        assert process.returncode == 0
    finally:
        process.kill()
        process.wait()
        server.stop()
