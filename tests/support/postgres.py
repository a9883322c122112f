"""A real PostgreSQL for tests: a cluster of its own in a short temporary folder, unix socket only."""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import uuid

BIN = "/usr/lib/postgresql/15/bin/"
# Where clusters that need not be durable lie. In memory, if run.py can: on a disk the file system
# works longer on the thousand files of each database than PostgreSQL does for the test.
FOLDER = os.environ.get("JUNCTION_TEST_FOLDER", "/tmp")
# In a FROM: pg_locks of this database alone. Tables of the others in the cluster bear the same numbers.
LOCKS = ("(SELECT k.* FROM pg_locks k JOIN pg_stat_activity a USING (pid)"
         " WHERE a.datname = current_database()) AS locks")


def _owner():
    """PostgreSQL refuses to run as root; its package brings a user that may."""
    return pwd.getpwnam("postgres") if os.getuid() == 0 else pwd.getpwuid(os.getuid())


class Cluster:
    """Started when entered, stopped and removed when left. durable: fsync as in production;
    settings: further lines of postgresql.conf."""

    def __init__(self, durable=False, settings=""):
        self.durable = durable
        self.settings = settings

    def __enter__(self):
        self.owner = _owner()
        # Short: a socket's path may have 107 bytes.
        self.folder = tempfile.mkdtemp(prefix="jt-", dir="/tmp" if self.durable else FOLDER)
        os.chown(self.folder, self.owner.pw_uid, self.owner.pw_gid)
        os.chmod(self.folder, 0o755)
        self.data = os.path.join(self.folder, "data")
        self._run("initdb", "-D", self.data, "-U", "postgres", "--encoding=UTF8",
                  "--locale=C.UTF-8", "--auth=trust", *([] if self.durable else ["--no-sync"]))
        with open(os.path.join(self.data, "postgresql.conf"), "a", encoding="utf-8") as conf:
            conf.write(f"listen_addresses = ''\nunix_socket_directories = '{self.folder}'\n"
                       "max_connections = 400\n")
            conf.write(self.settings)
            if not self.durable:
                conf.write("fsync = off\nfull_page_writes = off\nmax_wal_size = 128MB\n")
        self.start()
        return self

    def __exit__(self, *_):
        _end_kept(f"host={self.folder}&")
        self.stop("immediate")
        shutil.rmtree(self.folder, ignore_errors=True)

    def _command(self, program, *arguments):
        # It ends with us, even by kill -9.
        command = ["setpriv", "--pdeathsig", "QUIT"]
        if os.getuid() == 0:
            command += [f"--reuid={self.owner.pw_uid}", f"--regid={self.owner.pw_gid}",
                        "--clear-groups"]
        return [*command, "--", BIN + program, *arguments]

    def _run(self, program, *arguments, check=True):
        return subprocess.run(self._command(program, *arguments), check=check, cwd="/",
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                              stdin=subprocess.DEVNULL)

    def start(self):
        # As a child of ours, so that it is reaped when it is killed: PostgreSQL takes the process
        # number in its lock file for a living server as long as it is even a zombie.
        with open(os.path.join(self.folder, "log"), "ab") as log:
            self.process = subprocess.Popen(self._command("postgres", "-D", self.data), cwd="/",
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        while self._run("pg_isready", "-h", self.folder, check=False).returncode:
            if self.process.poll() is not None:
                with open(os.path.join(self.folder, "log"), encoding="utf-8") as log:
                    raise RuntimeError("PostgreSQL did not start: " + log.read()[-2000:])

    def stop(self, mode="fast"):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGQUIT if mode == "immediate" else signal.SIGINT)
            self.process.wait()

    def kill(self):
        """kill -9 of the postmaster; waits until its children have gone too."""
        pid = self.process.pid
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            children = list(map(int, file.read().split()))
        self.process.kill()
        self.process.wait()
        for child in children:
            try:
                os.kill(child, signal.SIGKILL)
            except ProcessLookupError:
                pass
        while any(_alive(child) for child in children):
            os.sched_yield()

    def url(self, database="postgres"):
        return f"postgresql:///{database}?host={self.folder}&user=postgres"


def _alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


class _Lost(RuntimeError):
    """The connection was gone before the script began."""


class _Kept:
    """A psql that stays for the next script: a process and a connection for each would cost ten
    times what they ask for. What a script leaves behind is undone, as at the end of a connection."""

    STEPS = r"""RESET ALL;
\echo begun
\i '{}'
ROLLBACK;
SELECT pg_stat_force_next_flush() \g /dev/null
DISCARD ALL;
\echo ended
"""

    def __init__(self, url):
        self.script = tempfile.NamedTemporaryFile("w", prefix="jt-sql-", encoding="utf-8")
        self.errors = tempfile.TemporaryFile("w+", encoding="utf-8")
        self.process = subprocess.Popen(
            [BIN + "psql", "-XAtq", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-d", url], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors)

    def run(self, sql):
        for file in self.errors, self.script:  # psql shares our place in the errors
            file.seek(0)
            file.truncate()
        self.script.write(sql)
        self.script.flush()
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(self.STEPS.format(self.script.name))
            self.process.stdin.flush()
        lines = []
        while (line := self.process.stdout.readline()) != "ended\n":
            if not line:
                self.end()
                self.errors.seek(0)
                raise (RuntimeError if lines else _Lost)(self.errors.read())
            lines.append(line)
        return "".join(lines[1:])

    def end(self):
        self.process.communicate()


_kept = {}  # those that wait, by URL


def psql(url, sql):
    """Runs SQL as a script; gives its rows as lists of strings. One that asks for statistics does so
    on a connection of its own, when those before have told what they did: at their end."""
    counts = "pg_stat" in sql
    if counts:
        _end_kept(url)
    waiting = _kept.setdefault(url, [])
    answer = None
    with contextlib.suppress(IndexError, _Lost):
        kept = waiting.pop()
        answer = kept.run(sql)
    if answer is None:
        kept = _Kept(url)
        answer = kept.run(sql)
    if counts:
        kept.end()
    else:
        waiting.append(kept)
    return [line.split("\t") for line in answer.splitlines()]


def _end_kept(part):
    """Those whose URL has this part."""
    for url in [url for url in _kept if part in url]:
        for kept in _kept.pop(url):
            kept.end()


class Database:
    """A database of its own in a cluster, dropped when left; a copy of the template, if there is
    one."""

    def __init__(self, cluster_url, template="template1"):
        self.cluster_url = cluster_url
        self.template = template
        self.name = "t" + uuid.uuid4().hex[:16]
        self.url = cluster_url.replace("/postgres?", f"/{self.name}?")

    def __enter__(self):
        psql(self.cluster_url, f"CREATE DATABASE {self.name} TEMPLATE {self.template}")
        return self

    def __exit__(self, *_):
        _end_kept(f"/{self.name}?")
        psql(self.cluster_url, f"DROP DATABASE IF EXISTS {self.name} WITH (FORCE)")

    def rows(self, sql):
        return psql(self.url, sql)


class Session:
    """psql that stays, for transactions that are held open."""

    def __init__(self, url):
        self.process = subprocess.Popen(
            [BIN + "psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", url], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.communicate("\\q\n")

    def run(self, sql):
        """Returns when it has been done."""
        self.process.stdin.write(sql + "\n\\echo done\n")
        self.process.stdin.flush()
        while (line := self.process.stdout.readline()) != "done\n":
            assert line, "psql has ended"
