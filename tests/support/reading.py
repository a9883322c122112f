"""What tests of ApiReader share: a third party with its services, calls as a foreign client makes
them, and the rows that they leave."""

import hashlib
import json
import re
import urllib.parse
import uuid

import grpc

import observe

ROW = ("direction", "status", "job_id", "bytes", "http_status", "code", "error")
PIECE = 256 << 10


def md5(text):
    return hashlib.md5(text.encode()).hexdigest()


def asked(path):
    """The requestBody of a request to a third party, as it was written."""
    query = urllib.parse.urlsplit(path).query
    assert query.startswith("requestBody="), path
    return urllib.parse.unquote_plus(query.removeprefix("requestBody="))


def form(request):
    """The part of a multipart body: its header lines, its content."""
    boundary = re.fullmatch(r"multipart/form-data; boundary=(\S+)", request.headers["Content-Type"])
    start, end = f"--{boundary[1]}\r\n".encode(), f"\r\n--{boundary[1]}--\r\n".encode()
    assert request.body.startswith(start) and request.body.endswith(end), request.body[:200]
    head, content = request.body[len(start):-len(end)].split(b"\r\n\r\n", 1)
    return head.decode().split("\r\n"), content


class Reader:
    """ApiReader as a generated client sees it, beside the database of its server."""

    def __init__(self, stubs, channel, database):
        self.stubs, self.database = stubs, database
        self.m = stubs.api_reader
        self.stub = stubs.api_reader_grpc.ApiReaderStub(channel)
        self.registry = stubs.registry_grpc.RegistryStub(channel)

    def third_party(self, port, names=("upload", "query", "download"), **fields):
        """Registers one; gives its name."""
        m, name = self.stubs.registry, "t" + uuid.uuid4().hex[:8]
        self.registry.RegisterServer(m.RegisterServerRequest(server_name=name, host="127.0.0.1",
                                                             port=port))
        for service in names:
            self.registry.RegisterService(m.RegisterServiceRequest(
                server_name=name, service_name=service, **{"uri": "/" + service, **fields}))
        return name

    def messages(self, name, content, size, body="{}"):
        yield self.m.UploadRequest(server_name=name, request_body=body, size=size)
        for at in range(0, len(content), PIECE):
            yield self.m.UploadRequest(content=content[at:at + PIECE])

    def upload(self, name, content=b"id\n1\n2\n", sized=True, body="{}", timeout=None):
        """The job's id."""
        size = len(content) if sized else None
        return self.stub.Upload(self.messages(name, content, size, body), timeout=timeout).data.job_id

    def query(self, name, job="j1"):
        return self.stub.Query(self.m.QueryRequest(server_name=name, job_id=job))

    def open(self, name, job="j1", timeout=None):
        return self.stub.Download(self.m.DownloadRequest(server_name=name, job_id=job),
                                  timeout=timeout)

    def download(self, name, job="j1", **options):
        """(content type, bytes)."""
        call = self.open(name, job, **options)
        first = next(call)
        assert first.data == b""
        return first.content_type, b"".join(message.data for message in call)

    def refusal(self, function, *arguments, **options):
        """(code, sentence, the third party's own code or None)."""
        try:
            answer = function(*arguments, **options)
        except grpc.RpcError as error:
            return error.code(), error.details(), self.remote_code(error)
        raise AssertionError(f"not refused: {str(answer)[:200]}")

    def remote_code(self, error):
        status = self.stubs.status.Status()
        for key, value in error.trailing_metadata():
            if key == "grpc-status-details-bin":
                status.ParseFromString(value)
        info = self.stubs.details.ErrorInfo()
        for detail in status.details:
            if detail.Unpack(info):
                assert (info.reason, info.domain) == ("THIRD_PARTY_REFUSED", "junction")
                return int(info.metadata["code"])
        return None

    def rows(self, name, columns=ROW, least=0):
        """What is written of its transfers, oldest first, once there are so many and all have
        ended."""
        found = []

        def have_ended():
            found[:] = self.database.rows(
                f"SELECT status, json_build_array({', '.join(columns)}) FROM api_reader.transfer "
                f"WHERE server_name = '{name}' ORDER BY id")
            return len(found) >= least and all(status != "running" for status, _ in found)
        observe.wait_until(have_ended)
        return [json.loads(row) for _, row in found]

    def row(self, name, columns=ROW):
        rows = self.rows(name, columns, 1)
        assert len(rows) == 1, rows
        return rows[0]
