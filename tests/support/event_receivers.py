"""Receivers of pushed events, good and bad ones, in this process or in one that can be killed.

usage: event_receivers.py PORT FILE; takes all that comes, and notes it in the file before it answers.
"""

import json
import os
import select
import socket
import subprocess
import sys
import threading
import time

import observe
import programs
import raw_upstream


class Push:
    """One request, as it came."""

    def __init__(self, text, at):
        head, body = text.encode("latin-1").split(b"\r\n\r\n", 1)
        first, *lines = head.decode("latin-1").split("\r\n")
        self.at = at  # CLOCK_MONOTONIC, the same in all processes
        self.method, self.path, _ = first.split(" ", 2)
        self.headers = {name.lower(): value.strip()
                        for name, value in (line.split(":", 1) for line in lines)}
        self.body = body
        value = json.loads(body)
        self.event, self.event_id, self.data = value["event"], value["eventId"], value["data"]
        self.group = self.headers["junction-group"]
        self.attempt = int(self.headers["junction-attempt"])
        self.taken_at = None  # when it was about to be answered as taken

    def __repr__(self):
        return f"<{self.at:.3f} {self.path} {self.event} {self.event_id} {self.attempt}>"


# --- behaviours: (receiver, connection, push) -> True if the connection is to be closed ------------

def answer(status, body=b"", headers="Content-Type: application/json\r\n"):
    data = (f"HTTP/1.1 {status} x\r\n{headers}Content-Length: {len(body)}\r\n\r\n").encode() + body

    def behave(_receiver, connection, _push):
        connection.sendall(data)
    return behave


_taken = answer(200, b'{"code":"200"}')


def take(receiver, connection, push):
    push.taken_at = time.monotonic()
    _taken(receiver, connection, push)


fail = answer(500)
lie = answer(200, b'{"code":"500","message":"not really"}')
page = answer(200, b"<html>200</html>", "Content-Type: text/html\r\n")
gone = answer(410)


def redirect(to):
    return answer(307, headers=f"Location: {to}\r\n")


def close(_receiver, _connection, _push):
    return True


def reset(_receiver, connection, _push):
    raw_upstream.reset(connection)
    return True


def break_off(_receiver, connection, _push):
    """An answer that ends before its length."""
    connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"code":"200"')
    return True


def hang(receiver, connection, push):
    """Says nothing until it is released; then it takes the event, if somebody is still there."""
    with receiver.hanging(push):
        receiver.released.wait(programs.WAIT)
    if left(connection):
        return True
    take(receiver, connection, push)
    return False


def trickle(receiver, connection, push):
    """An answer that never ends, byte by byte, until it is released."""
    with receiver.hanging(push):
        connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        while not receiver.released.wait(0.02):
            connection.sendall(b"x")
    return True


def left(connection):
    """Whether the other side has closed."""
    # Asked without blocking, a socket with a timeout waits nevertheless.
    if not select.select([connection], [], [], 0)[0]:
        return False
    try:
        return connection.recv(1, socket.MSG_PEEK) == b""
    except OSError:
        return True


class _Hanging:
    def __init__(self, receiver, push):
        self.receiver, self.push = receiver, push

    def __enter__(self):
        with self.receiver.lock:
            self.receiver.hung.append(self.push)

    def __exit__(self, *_):
        with self.receiver.lock:
            self.receiver.hung.remove(self.push)


class Receiver:
    """behave(receiver, connection, push) answers each request; it may be replaced at any time."""

    read = Push

    def __init__(self, behave=take, port=0, note=lambda push: None):
        self.behave, self.note = behave, note
        self.lock = threading.Lock()
        self.pushes = []  # in the order of arrival
        self.hung = []  # those that hang now
        self.released = threading.Event()
        self.upstream = raw_upstream.RawUpstream(self._serve, port)
        self.port = self.upstream.port

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.released.set()
        self.upstream.__exit__()

    def _serve(self, connection, request):
        # The bytes that came are in the list of the upstream, too: 100,000 of them are too many.
        self.upstream.requests.clear()
        push = self.read(request, time.monotonic())
        with self.lock:
            self.pushes.append(push)
        self.note(push)
        return self.behave(self, connection, push)

    def url(self, path="/"):
        return f"http://127.0.0.1:{self.port}{path}"

    def hanging(self, push):
        return _Hanging(self, push)

    def got(self, group=None):
        """What came so far, all or for a group."""
        with self.lock:
            return [p for p in self.pushes if group in (None, p.group)]

    def wait_count(self, count, group=None):
        """Until so many different events have come; gives all that came."""
        observe.wait_until(lambda: len({p.event_id for p in self.got(group)}) >= count)
        return self.got(group)


class ReceiverProcess:
    """One that takes all, in a process of its own, at the same port whenever it is started."""

    def __init__(self, port, folder):
        self.port = port
        self.file = os.path.join(folder, f"receiver-{port}")
        self.process = None
        self.read = self.count = 0

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.kill()

    def start(self):
        self.process = subprocess.Popen([sys.executable, "-B", __file__, str(self.port), self.file],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "ready\n"

    def kill(self):
        self.process.kill()
        self.process.communicate()

    def url(self, path="/"):
        return f"http://127.0.0.1:{self.port}{path}"

    def lines(self):
        """How many came so far."""
        with open(self.file, "rb") as file:
            file.seek(self.read)
            data = file.read()
        self.read += len(data)
        self.count += data.count(b"\n")
        return self.count

    def got(self):
        """[time, group, event, eventId, key or number in its data, attempt] of all that came."""
        if not os.path.exists(self.file):
            return []
        with open(self.file, encoding="utf-8") as file:
            return [json.loads(line) for line in file if line.endswith("\n")]


def _main():
    port, path = int(sys.argv[1]), sys.argv[2]
    lock = threading.Lock()
    with open(path, "a", encoding="utf-8") as file:
        def note(push):
            line = json.dumps([push.at, push.group, push.event, push.event_id, push.data, push.attempt])
            with lock:
                file.write(line + "\n")
                file.flush()
        with Receiver(note=note, port=port):
            print("ready", flush=True)
            sys.stdin.read()  # until who started it is gone


if __name__ == "__main__":
    _main()
