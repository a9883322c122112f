"""A third party that answers byte by byte, or worse: a thread for each connection."""

import contextlib
import socket
import struct
import threading
import time

import programs


class RawUpstream:
    """serve(connection, request) runs for each request; the connection is closed when it says so by
    returning True, or when the other side has gone. With serve.head_only it reads the body itself."""

    def __init__(self, serve, port=0):
        self.serve = serve
        self.lock = threading.Lock()
        self.requests = []  # as text, in the order of arrival
        self.written = 0
        self.closed = 0
        # Where it has listened nobody else does either, when it has ended.
        self.listener = socket.create_server(("127.0.0.1", port or programs.free_port()),
                                             backlog=4096)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(OSError):  # a test may have ended it before
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                connection.settimeout(programs.WAIT)
                threading.Thread(target=self.run, args=(connection,), daemon=True).start()

    def run(self, connection):
        with contextlib.suppress(OSError), connection:
            while request := read_request(connection, getattr(self.serve, "head_only", False)):
                with self.lock:
                    self.requests.append(request)
                if self.serve(connection, request):
                    break
        with self.lock:
            self.closed += 1

    def write(self, connection, data):
        connection.sendall(data)
        with self.lock:
            self.written += len(data)

    def settled(self):
        """What has been written once nothing moves any more: the other side does not take it."""
        before, still = -1, 0
        while still < 20:
            still = still + 1 if self.written == before else 0
            before = self.written
            time.sleep(0.02)
        return before


def read_request(connection, head_only=False):
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(65536)
        if not more:
            return None
        data += more
    head, body = data.split(b"\r\n\r\n", 1)
    length = next((int(line.split(b":")[1]) for line in head.split(b"\r\n")
                   if line.lower().startswith(b"content-length:") and not head_only), 0)
    while len(body) < length:
        more = connection.recv(65536)
        if not more:
            return None
        body += more
    return (head + b"\r\n\r\n" + body).decode("latin-1")


def reset(connection):
    """The connection ends by a reset, now."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def until_gone(connection):
    with contextlib.suppress(OSError):
        while connection.recv(65536):
            pass
