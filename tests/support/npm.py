"""Programs in JavaScript beside the packages that their package-lock.json names."""

import contextlib
import shutil
import subprocess
import tempfile


@contextlib.contextmanager
def installed(folder):
    """A copy of the folder with its packages."""
    with tempfile.TemporaryDirectory(prefix="jt-npm-") as copy:
        shutil.copytree(folder, copy, dirs_exist_ok=True,
                        ignore=shutil.ignore_patterns("node_modules"))
        subprocess.run(["npm", "ci", "--prefer-offline", "--ignore-scripts", "--no-audit",
                        "--no-fund"], cwd=copy, check=True, stdout=subprocess.DEVNULL)
        yield copy


def run(copy, script, *arguments):
    """What the script writes to standard output."""
    done = subprocess.run(["node", script, *arguments], cwd=copy, capture_output=True, text=True,
                          timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
