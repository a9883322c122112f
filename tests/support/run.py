"""Runs the tests of a build folder: one PostgreSQL for all, ctest in parallel, nothing left behind.

usage: run.py BUILD [--only REGEX]
"""

import contextlib
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
MEMORY = "/dev/shm"
MEMORY_LEAST = 4 << 30  # bytes that must be free there


def in_memory():
    """Whether what tests write fits into memory, and programs may be run from there."""
    with contextlib.suppress(OSError):
        at = os.statvfs(MEMORY)
        return at.f_bavail * at.f_frsize >= MEMORY_LEAST and not at.f_flag & os.ST_NOEXEC
    return False


def prepare(build, stack):
    """What all test files share, told to them by the environment: a folder, stubs, a cluster, and a
    database in it that is copied."""
    folder = stack.enter_context(tempfile.TemporaryDirectory(
        prefix="jt-", dir=MEMORY if in_memory() else "/tmp"))
    os.chmod(folder, 0o755)  # PostgreSQL's user goes in
    os.environ["TMPDIR"] = os.environ["JUNCTION_TEST_FOLDER"] = folder
    os.environ["JUNCTION_BUILD"] = os.path.abspath(build)
    # They look at the environment.
    import postgres
    import programs
    os.environ["JUNCTION_TEST_STUBS"] = programs.make_stubs(tempfile.mkdtemp(dir=folder))
    cluster = stack.enter_context(postgres.Cluster())
    template = stack.enter_context(programs.Database(cluster.url()))
    # It is copied only while nobody is there, autovacuum either.
    postgres.psql(cluster.url(), f"ALTER DATABASE {template.name} ALLOW_CONNECTIONS false")
    os.environ["JUNCTION_TEST_DATABASE_CLUSTER"] = cluster.url()
    os.environ["JUNCTION_TEST_DATABASE_TEMPLATE"] = template.name


def main():
    only = sys.argv[sys.argv.index("--only") + 1] if "--only" in sys.argv else None
    with contextlib.ExitStack() as stack:
        prepare(sys.argv[1], stack)
        # Tests wait most of the time.
        jobs = 2 * len(os.sched_getaffinity(0))
        command = ["ctest", "--test-dir", sys.argv[1], "--output-on-failure", "--no-tests=error",
                   "-j", str(jobs)]
        if not os.environ.get("JUNCTION_SLOW"):
            command += ["-LE", "slow"]
        if only:
            command += ["-R", only]
        return subprocess.call(command)


if __name__ == "__main__":
    sys.exit(main())
