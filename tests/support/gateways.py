"""Services behind the gateway, and a client that says byte by byte what it sends."""

import contextlib
import itertools
import socket

import programs
from raw_upstream import RawUpstream

NAMES = itertools.count()
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def answer(data):
    """A node that answers each request alike."""
    def serve(connection, _):
        connection.sendall(data)
    return serve


def last(data):
    """The same, and closes."""
    def serve(connection, _):
        connection.sendall(data)
        return True
    return serve


def register(registry, stubs, service, *ports, **more):
    """Nodes n0-1, n1-1, ... of the service on these ports of this host."""
    for i, port in enumerate(ports):
        registry.RegisterNode(stubs.registry.RegisterNodeRequest(
            service=service, node=f"n{i}-1", host="127.0.0.1", port=port, **more), timeout=60)


@contextlib.contextmanager
def services(registry, stubs):
    """make(serve, ...): registers a service with a node for each way to serve; its name, its nodes."""
    with contextlib.ExitStack() as stack:
        def make(*serve):
            name = f"service-{next(NAMES)}"
            nodes = [stack.enter_context(RawUpstream(one)) for one in serve]
            register(registry, stubs, name, *(node.port for node in nodes))
            return (name, *nodes)
        yield make


def refuses_the_rest(client, name):
    """Whether the connection ends before a body of 8 MiB without a length has been taken."""
    client.send(f"POST /api/{name}/ HTTP/1.1\r\nHost: localhost\r\n"
                "Transfer-Encoding: chunked\r\n\r\n")
    with contextlib.suppress(OSError):
        for _ in range(1024):
            client.send(b"2000\r\n" + b"x" * 0x2000 + b"\r\n")
            if client.is_gone():
                return True
        return False
    return True


def head_of(request):
    """The request line and headers (lower case names to lists) that a node has got."""
    lines = request.partition("\r\n\r\n")[0].split("\r\n")
    headers = {}
    for line in lines[1:]:
        name, _, value = line.partition(":")
        headers.setdefault(name.lower(), []).append(value.strip())
    return lines[0], headers


class Client:
    """One connection to the bridge."""

    def __init__(self, bridge):
        self.socket = socket.create_connection((bridge.host, bridge.port), timeout=programs.WAIT)
        self.data = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data if isinstance(data, bytes) else data.encode())
        return self

    def more(self):
        piece = self.socket.recv(65536)
        self.data += piece
        return bool(piece)

    def read_head(self):
        """Status line and headers; names in lower case to lists of values."""
        while b"\r\n\r\n" not in self.data:
            if not self.more():
                raise EOFError(self.data)
        head, self.data = self.data.split(b"\r\n\r\n", 1)
        status, headers = head_of(head.decode("latin-1") + "\r\n\r\n")
        return status, headers

    def read(self, size):
        while len(self.data) < size:
            if not self.more():
                raise EOFError(self.data)
        piece, self.data = self.data[:size], self.data[size:]
        return piece

    def read_chunks(self):
        """The body, and the trailers as they came."""
        body = b""
        while True:
            while b"\r\n" not in self.data:
                if not self.more():
                    raise EOFError(self.data)
            line, self.data = self.data.split(b"\r\n", 1)
            size = int(line, 16)
            if not size:
                break
            body += self.read(size)
            assert self.read(2) == b"\r\n"
        trailers = b""
        while not trailers.endswith(b"\r\n\r\n") and trailers != b"\r\n":
            trailers += self.read(1)
        return body, trailers

    def answer(self):
        """Status, headers, body of the next reply."""
        status, headers = self.read_head()
        code = int(status.split()[1])
        if headers.get("transfer-encoding") == ["chunked"]:
            return code, headers, self.read_chunks()[0]
        length = headers.get("content-length")
        if length:
            return code, headers, self.read(int(length[0]))
        if code in (204, 304):
            return code, headers, b""
        return code, headers, self.rest()

    def rest(self):
        """All that comes until the end."""
        with contextlib.suppress(ConnectionResetError):
            while self.more():
                pass
        rest, self.data = self.data, b""
        return rest

    def is_gone(self):
        """Whether the bridge has closed, as far as is known now."""
        self.socket.setblocking(False)
        try:
            return not self.socket.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return False
        finally:
            self.socket.settimeout(programs.WAIT)


def get(bridge, target, *headers, method="GET"):
    """One request on a connection of its own: status, headers, body."""
    lines = [f"{method} {target} HTTP/1.1", f"Host: {bridge.host}:{bridge.port}", *headers]
    with Client(bridge) as client:
        return client.send("\r\n".join(lines) + "\r\n\r\n").answer()
