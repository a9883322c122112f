"""Extensions of the function: ports for them that nobody else uses, and stand-ins that listen there."""

import contextlib
import json
import random
import socket

import raw_upstream

DEFAULT_PORTS = range(8081, 8091)


def _claim(name):
    """A name that is ours as long as it is open, or None: another process has it. A socket in the
    abstract namespace leaves nothing behind."""
    claim = socket.socket(socket.AF_UNIX)
    try:
        claim.bind("\0" + name)
        claim.listen()
        return claim
    except OSError:
        claim.close()
        return None


def _await(name):
    """Until the process that has it leaves it."""
    with socket.socket(socket.AF_UNIX) as waiter, contextlib.suppress(OSError):
        waiter.connect("\0" + name)
        waiter.recv(1)


def _free(port):
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind(("127.0.0.1", port))
            return True
        except OSError:
            return False


@contextlib.contextmanager
def ports():
    """Ten consecutive ones that are ours until it is left, below those that the system gives out."""
    while True:
        first = random.randrange(20000, 32000, 10)
        claim = _claim(f"jt-ports-{first}")
        if not claim:
            continue
        with claim:
            if all(_free(port) for port in range(first, first + 10)):
                yield range(first, first + 10)
                return


@contextlib.contextmanager
def default_ports():
    """8081 to 8090: of one test at a time on this machine."""
    while not (claim := _claim("jt-ports-default")):
        _await("jt-ports-default")
    with claim:
        yield DEFAULT_PORTS


def option(of):
    return "--extension-ports", f"{of[0]}-{of[-1]}"


def answer(connection, status=b"200 OK", body=b"{}", headers=b""):
    connection.sendall(b"HTTP/1.1 " + status + b"\r\n" + headers + b"Content-Length: "
                       + str(len(body)).encode() + b"\r\n\r\n" + body)


class Extension(raw_upstream.RawUpstream):
    """serve(connection, request): as of a RawUpstream; good answers if it is not given."""

    def __init__(self, port, serve=None):
        self.connections = set()
        super().__init__(serve or (lambda connection, _: answer(connection)), port)
        self.address = f"127.0.0.1:{port}"

    def run(self, connection):
        self.connections.add(connection)
        super().run(connection)
        self.connections.discard(connection)

    def __exit__(self, *_):
        super().__exit__()
        for connection in list(self.connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def told(self, path="/extension/invoke"):
        """The bodies of what came there; asserts that nothing else came but POSTs of JSON."""
        bodies = []
        for request in list(self.requests):
            head, body = request.split("\r\n\r\n", 1)
            lines = head.split("\r\n")
            method, where, _ = lines[0].split(" ")
            assert method == "POST" and "content-type: application/json" in map(str.lower, lines)
            if where == path:
                bodies.append(json.loads(body))
        return bodies
