"""Runs the tests of a build folder: one PostgreSQL for all, ctest in parallel, nothing left behind.

usage: run.py BUILD [--only REGEX]
"""

import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import postgres  # noqa: E402


def main():
    build = sys.argv[1]
    only = sys.argv[sys.argv.index("--only") + 1] if "--only" in sys.argv else None
    with postgres.Cluster() as cluster:
        environment = dict(os.environ, JUNCTION_TEST_DATABASE_CLUSTER=cluster.url())
        command = ["ctest", "--test-dir", build, "--output-on-failure", "--no-tests=error",
                   "-j", str(max(2, os.cpu_count() or 2))]
        if not os.environ.get("JUNCTION_SLOW"):
            command += ["-LE", "slow"]
        if only:
            command += ["-R", only]
        return subprocess.call(command, env=environment)


if __name__ == "__main__":
    sys.exit(main())
