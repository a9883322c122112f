"""NATS JetStream as a peer: one node, file storage, with its defaults: it answers a publication before
that is on the disk (sync_interval 2 minutes)."""

import json
import os

import npm
import peer
import programs

SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "jetstream")


class JetStream(peer.Peer):
    def __init__(self, stack):
        port, monitor = programs.free_port(), programs.free_port()
        self.url = f"nats://127.0.0.1:{port}"
        self.streams = 0
        program = peer.unpacked("nats-server", "usr/sbin/nats-server")
        super().__init__("nats-server", lambda folder: [
            program, "-js", "-sd", os.path.join(folder, "data"), "-a", "127.0.0.1", "-p", str(port),
            "-m", str(monitor)], f"127.0.0.1:{monitor}", "/healthz")
        self.copy = stack.enter_context(npm.installed(SCRIPT))

    def events(self, rate, seconds, outstanding):
        """What events.js tells."""
        self.streams += 1
        return json.loads(npm.run(self.copy, "events.js", self.url, str(rate), str(seconds),
                                  str(outstanding), f"bench{self.streams}"))
