"""Protobuf's own conformance suite, whose runner comes from npm. CONFORMANCE_RUNNER names another
one, for machines on which that cannot run."""

import os
import re
import shlex
import shutil
import subprocess

import pytest

import programs

HERE = os.path.dirname(os.path.abspath(__file__))
TESTEE = os.path.join(programs.BUILD, "bin", "conformance_testee")
PASSED = 1474  # of those that are not skipped: proto2, editions and the text format are


@pytest.fixture(scope="module")
def runner(tmp_path_factory):
    named = os.environ.get("CONFORMANCE_RUNNER")
    if named:
        return shlex.split(named)
    folder = tmp_path_factory.mktemp("npm")
    for name in ("package.json", "package-lock.json"):
        shutil.copy(os.path.join(HERE, name), folder)
    subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=folder,
                   check=True, timeout=240, stdout=subprocess.DEVNULL)
    command = [os.path.join(folder, "node_modules", ".bin", "conformance_test_runner")]
    tried = subprocess.run([*command, "--help"], capture_output=True, text=True, check=False,
                           timeout=60)
    needed = re.search(r"version `(\S+)' not found", tried.stderr)
    if needed:
        pytest.skip(f"the suite's runner needs {needed.group(1)}, which this system does not have")
    return command


def test_the_suite_passes_but_for_what_is_listed(runner, tmp_path):
    command = [*runner, "--enforce_recommended", "--output_dir", str(tmp_path),
               "--failure_list", os.path.join(HERE, "failures.txt"), TESTEE]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False, timeout=240)
    assert done.returncode == 0, done.stdout[-10000:]
    counts = re.findall(r"PASSED: (\d+) successes, .* 0 unexpected failures", done.stdout)
    assert counts and int(counts[0]) == PASSED, done.stdout[-1000:]
