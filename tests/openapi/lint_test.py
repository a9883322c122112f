"""The served OpenAPI document against Spectral, whose rules include OpenAPI's own JSON schema."""

import os
import pathlib
import shutil
import subprocess

import pytest

HERE = pathlib.Path(__file__).resolve().parent


@pytest.fixture(scope="module")
def spectral(tmp_path_factory):
    folder = tmp_path_factory.mktemp("npm")
    for name in ("package.json", "package-lock.json", "ruleset.yaml"):
        shutil.copy(HERE / name, folder)
    # No package's own scripts are run: none is needed, and one reports home.
    run = subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=folder,
                         capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr

    def lint(document):
        (folder / "openapi.json").write_bytes(document)
        return subprocess.run(
            ["node_modules/.bin/spectral", "lint", "--ruleset", "ruleset.yaml", "--fail-severity",
             "hint", "openapi.json"],
            cwd=folder, capture_output=True, text=True, env=dict(os.environ, NO_COLOR="1"))
    yield lint
    shutil.rmtree(folder)


@pytest.mark.parametrize("which", ["bridge", "trial_bridge"])
def test_the_linter_has_nothing_to_say(spectral, which, request):
    answer = request.getfixturevalue(which).get("/openapi.json")
    run = spectral(answer.body)
    print(run.stdout)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "No results with a severity of 'hint' or higher found!" in run.stdout


def test_the_linter_would_say_it(spectral, bridge):
    """Guards against a linter that looks at nothing."""
    document = bridge.get("/openapi.json").body.replace(b'"operationId":"Registry_GetServer"',
                                                        b'"operationId":"Registry_Call"')
    run = spectral(document)
    assert run.returncode == 1 and "operation-operationId-unique" in run.stdout


def test_the_lock_names_no_host():
    assert "://" not in (HERE / "package-lock.json").read_text()
