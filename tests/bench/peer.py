"""Servers to compare with, whose programs are taken out of Debian's packages without installing
those, which would start services."""

import contextlib
import glob
import os
import shutil
import subprocess
import tempfile
import time

import programs


def unpacked(package, program):
    """The program's path; program: its path within the package."""
    folder = os.path.join(os.path.abspath(programs.BUILD), package)
    path = os.path.join(folder, program)
    if not os.path.exists(path):
        os.makedirs(folder, exist_ok=True)
        subprocess.run(["apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download", package],
                       check=True, cwd=folder)
        subprocess.run(["dpkg-deb", "-x", *glob.glob(os.path.join(folder, "*.deb")), folder],
                       check=True)
    return path


class Peer:
    """One process with a folder of its own; healthy when it answers at that address and path."""

    def __init__(self, name, command, health, path):
        """command(folder): what to run."""
        self.name = name
        self.folder = tempfile.mkdtemp(prefix="jb-peer-", dir="/tmp")
        self.log = os.path.join(self.folder, "log")
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "--", *command(self.folder)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            self.wait_healthy(health, path)
        except BaseException:
            self.stop()
            raise

    def wait_healthy(self, address, path):
        end = time.monotonic() + programs.WAIT
        while True:
            with contextlib.suppress(OSError):
                if programs.http_request(address, "GET", path).status == 200:
                    return
            if self.process.poll() is not None or time.monotonic() > end:
                with open(self.log, encoding="utf-8", errors="replace") as log:
                    raise RuntimeError(f"{self.name} did not start: " + log.read()[-2000:])
            time.sleep(0.02)

    def stop(self):
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)
