"""etcd as a peer: one node with its defaults, fsync included, where PostgreSQL keeps its data too.

Its program is taken out of Debian's package without installing that, which would start a service.
"""

import contextlib
import glob
import os
import shutil
import subprocess
import tempfile
import time

import programs

FOLDER = os.path.join(os.path.abspath(programs.BUILD), "etcd")
PROGRAM = os.path.join(FOLDER, "usr", "bin", "etcd")
PUT = "/etcdserverpb.KV/Put"
WATCH = "/etcdserverpb.Watch/Watch"
# What an entry of a node says, beside its key.
NODE = ('{"host":"10.20.30.40","port":8000,"protocol":"http","weight":1,"enabled":true,'
        '"metadata":{}}')


def unpack():
    if os.path.exists(PROGRAM):
        return
    os.makedirs(FOLDER, exist_ok=True)
    subprocess.run(["apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download",
                    "etcd-server"], check=True, cwd=FOLDER)
    subprocess.run(["dpkg-deb", "-x", *glob.glob(os.path.join(FOLDER, "*.deb")), FOLDER],
                   check=True)


class Etcd:
    def __init__(self):
        unpack()
        self.folder = tempfile.mkdtemp(prefix="jb-etcd-", dir="/tmp")
        self.address, peer = (f"127.0.0.1:{programs.free_port()}" for _ in range(2))
        self.log = os.path.join(self.folder, "log")
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "--", PROGRAM, "--data-dir",
                 os.path.join(self.folder, "data"), "--listen-client-urls",
                 f"http://{self.address}", "--advertise-client-urls", f"http://{self.address}",
                 "--listen-peer-urls", f"http://{peer}", "--initial-advertise-peer-urls",
                 f"http://{peer}", "--initial-cluster", f"default=http://{peer}",
                 "--logger", "zap"], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            self.wait_healthy()
        except BaseException:
            self.stop()
            raise

    def wait_healthy(self):
        end = time.monotonic() + programs.WAIT
        while True:
            with contextlib.suppress(OSError):
                if programs.http_request(self.address, "GET", "/health").status == 200:
                    return
            if self.process.poll() is not None or time.monotonic() > end:
                with open(self.log, encoding="utf-8", errors="replace") as log:
                    raise RuntimeError("etcd did not start: " + log.read()[-2000:])
            time.sleep(0.02)

    def stop(self):
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)
