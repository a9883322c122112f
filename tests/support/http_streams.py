"""Streams over HTTP, read bit by bit: server-sent events and NDJSON."""

import socket

import programs

NDJSON, SSE = "application/x-ndjson", "text/event-stream"


class Body:
    """The body of one request, taken bit by bit. The head must be 200."""

    def __init__(self, bridge, accept, path, *headers):
        self.socket = socket.create_connection((bridge.host, bridge.port), timeout=programs.WAIT)
        lines = [f"GET {path} HTTP/1.1", "Host: localhost", f"Accept: {accept}",
                 *headers, "", ""]
        self.socket.sendall("\r\n".join(lines).encode("latin-1"))
        self.file = self.socket.makefile("rb")
        assert self.file.readline().startswith(b"HTTP/1.1 200")
        self.headers = {}
        while line := self.file.readline().decode().strip():
            name, _, value = line.partition(": ")
            self.headers[name.lower()] = value
        self.waiting = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.socket.close()

    def upto(self, mark):
        while mark not in self.waiting:
            size = int(self.file.readline(), 16)
            assert size, "the body has ended"
            self.waiting += self.file.read(size + 2)[:-2]
        part, _, self.waiting = self.waiting.partition(mark)
        return part.decode()

    def event(self):
        """(id or None, data) of the next server-sent event."""
        fields = dict(line.split(": ", 1) for line in self.upto(b"\n\n").split("\n"))
        assert list(fields) in (["id", "data"], ["data"])
        return fields.get("id"), fields["data"]
