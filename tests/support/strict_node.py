"""A node that reads requests as RFC 9112 says, to the byte, and takes nothing that is in doubt."""

import contextlib
from dataclasses import dataclass

from raw_upstream import RawUpstream


@dataclass
class Request:
    line: str
    headers: dict  # lower case names to lists of values
    body: bytes
    trailers: dict


class StrictNode(RawUpstream):
    """Answers each request with its own request line; `seen` is what has come whole, `wrong` what
    no node should ever get. What breaks off is neither."""

    def __init__(self):
        self.seen, self.wrong = [], []
        super().__init__(None)

    def run(self, connection):
        with contextlib.suppress(OSError), connection, connection.makefile("rb") as source:
            while True:
                try:
                    request = read_request(source)
                except EOFError:
                    return
                except (ValueError, AssertionError) as error:
                    self.wrong.append(error)
                    return
                if not request:
                    return
                with self.lock:
                    self.seen.append(request)
                line = request.line.encode("latin-1")
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s"
                                   % (len(line), line))


def read_line(source):
    line = source.readline()
    if not line.endswith(b"\n"):
        raise EOFError
    assert line.endswith(b"\r\n"), line
    line = line[:-2]
    assert b"\r" not in line and b"\0" not in line, line
    return line.decode("latin-1")


def read_fields(source):
    fields = {}
    while line := read_line(source):
        name, colon, value = line.partition(":")
        assert colon and name and not set(name) & set(" \t"), line
        fields.setdefault(name.lower(), []).append(value.strip(" \t"))
    return fields


def read_chunks(source):
    body = b""
    while size := int(read_line(source), 16):
        body += source.read(size)
        assert read_line(source) == ""
    return body


def read_request(source):
    if not source.peek(1):
        return None
    line = read_line(source)
    assert len(line.split(" ")) == 3, line
    headers = read_fields(source)
    assert len(headers["host"]) == 1
    coding, length = headers.get("transfer-encoding"), headers.get("content-length")
    assert not (coding and length)
    if coding:
        assert coding == ["chunked"]
        body = read_chunks(source)
        return Request(line, headers, body, read_fields(source))
    assert not length or (len(length) == 1 and length[0].isdigit())
    return Request(line, headers, source.read(int(length[0]) if length else 0), {})
