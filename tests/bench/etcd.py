"""etcd as a peer: one node with its defaults, fsync included, where PostgreSQL keeps its data too."""

import os

import peer
import programs

PUT = "/etcdserverpb.KV/Put"
WATCH = "/etcdserverpb.Watch/Watch"
# What an entry of a node says, beside its key.
NODE = ('{"host":"10.20.30.40","port":8000,"protocol":"http","weight":1,"enabled":true,'
        '"metadata":{}}')


class Etcd(peer.Peer):
    def __init__(self):
        self.address, others = (f"127.0.0.1:{programs.free_port()}" for _ in range(2))
        program = peer.unpacked("etcd-server", "usr/bin/etcd")
        super().__init__("etcd", lambda folder: [
            program, "--data-dir", os.path.join(folder, "data"), "--listen-client-urls",
            f"http://{self.address}", "--advertise-client-urls", f"http://{self.address}",
            "--listen-peer-urls", f"http://{others}", "--initial-advertise-peer-urls",
            f"http://{others}", "--initial-cluster", f"default=http://{others}", "--logger", "zap"],
            self.address, "/health")
