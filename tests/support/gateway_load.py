"""Clients that ask a gateway without a pause, and nodes that can be killed under them."""

import http.client
import os
import subprocess
import sys
import threading

import programs


class Node:
    def __init__(self):
        script = os.path.join(os.path.dirname(__file__), "lone_node.py")
        self.process = subprocess.Popen([sys.executable, "-B", script], stdout=subprocess.PIPE,
                                        text=True)
        self.port = int(self.process.stdout.readline())

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.kill()


class Load:
    """Threads that ask for a path until they are stopped; `bad` lists what is not 200."""

    def __init__(self, bridge, path, threads=20, verb="GET"):
        self.bridge, self.path, self.verb = bridge, path, verb
        self.good, self.bad = 0, []
        self.ended = False
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.run) for _ in range(threads)]

    def run(self):
        caller = http.client.HTTPConnection(self.bridge.address, timeout=programs.WAIT)
        while not self.ended:
            try:
                caller.request(self.verb, self.path, b"" if self.verb == "POST" else None)
                response = caller.getresponse()
                answer = response.status, response.read()
            except (OSError, http.client.HTTPException) as error:
                caller.close()
                answer = 0, repr(error)
            with self.lock:
                if answer[0] == 200:
                    self.good += 1
                else:
                    self.bad.append(answer)
        caller.close()

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.ended = True
        for thread in self.threads:
            thread.join()

    def more(self, count):
        """Whether so many more have been answered, asked again and again."""
        wanted = self.good + count
        return lambda: self.good >= wanted
