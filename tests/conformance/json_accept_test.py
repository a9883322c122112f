"""Single JSON files: y_*.json must be accepted, n_*.json must not."""

import os
import re
import subprocess

import pytest

import programs

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "json")
FILES = sorted(os.listdir(FOLDER))
PROGRAM = os.path.join(programs.BUILD, "bin", "json_accept")


def judge(argument, **options):
    return subprocess.run([PROGRAM, argument], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=60, check=False, **options)


@pytest.mark.parametrize("name", [name for name in FILES if name.startswith("y_")])
def test_json_is_accepted(name):
    done = judge(os.path.join(FOLDER, name))
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


@pytest.mark.parametrize("name", [name for name in FILES if name.startswith("n_")])
def test_what_is_no_json_is_not(name):
    path = os.path.join(FOLDER, name)
    done = judge(path)
    assert done.returncode == 1
    assert re.fullmatch(re.escape(path) + r": invalid JSON at byte \d+: .+\n",
                        done.stderr.decode())


def test_there_are_both_kinds_and_no_others():
    kinds = [name[:2] for name in FILES]
    assert set(kinds) == {"y_", "n_"} and kinds.count("y_") > 40 and kinds.count("n_") > 40


def test_standard_input_is_read_too():
    assert judge("-", input=b"[1]").returncode == 0
    done = judge("-", input=b"[1")
    assert done.returncode == 1
    assert done.stderr == b"-: invalid JSON at byte 2: the text ends where \",\" or \"]\" was " \
                          b"expected\n"


def test_what_cannot_be_read_is_told_apart():
    assert judge(os.path.join(FOLDER, "nosuch.json")).returncode == 2
    assert judge(FOLDER).returncode == 2
    done = judge("--help")
    assert done.returncode == 2 and done.stderr.startswith(b"usage: ")
