"""Upload over gRPC: how FATE Flow's client gives a list of ids, with and without its size."""

import itertools
import json
import os
import threading

import grpc
import pytest

import observe
import programs
import raw_upstream
import reading

Code = grpc.StatusCode
IDS = b"id\n" + b"".join(b"%d\n" % i for i in range(200000))
GOOD = {"code": 0, "message": "success", "data": {"jobId": "job 1"}}
both = pytest.mark.parametrize("sized", [True, False], ids=["sized", "unsized"])


@pytest.fixture(scope="module")
def reader(stubs, channel, database):
    return reading.Reader(stubs, channel, database)


@pytest.fixture(scope="module")
def upstream():
    """Answers what the test has set."""
    with programs.Upstream(lambda request: upstream.answer) as upstream:
        yield upstream


@pytest.fixture
def third(reader, upstream):
    says(upstream, GOOD)
    return reader.third_party(upstream.port)


def says(upstream, body, status=200, headers=None):
    upstream.answer = (status, headers or {},
                       body if isinstance(body, bytes) else json.dumps(body).encode())


# --- the request ------------------------------------------------------------------------------


@both
@pytest.mark.parametrize("method", [None, "PUT"])
def test_it_is_given_like_the_real_client_gives_it(reader, upstream, third, sized, method):
    third = reader.third_party(upstream.port, method=method)
    body = '{"stat_month": "202201", "job_id": "j 1"}'
    assert reader.upload(third, IDS, sized, body) == "job 1"
    request = upstream.requests[-1]
    assert request.method == (method or "POST") and request.path.startswith("/upload?")
    assert reading.asked(request.path) == body[:-1] + ', "sign": "' + reading.md5("j 1") + '"}'
    assert "+" in request.path and "%20" not in request.path
    head, content = reading.form(request)
    assert head == ['Content-Disposition: form-data; name="file"; filename="id"',
                    "Content-Type: application/octet-stream"]
    assert content == IDS
    assert request.headers["Content-Length"] == str(len(request.body))
    assert "Transfer-Encoding" not in request.headers and "Expect" not in request.headers
    assert reader.row(third) == ["upload", "done", "job 1", len(IDS), 200, None, ""]


def test_job_id_and_sign_are_added_unless_given(reader, upstream, third):
    reader.upload(third, body="{}")
    added = json.loads(reading.asked(upstream.requests[-1].path))
    assert list(added) == ["job_id", "sign"] and added["sign"] == reading.md5(added["job_id"])
    reader.upload(third, body='{"sign":"s","job_id":"j"}')
    assert reading.asked(upstream.requests[-1].path) == '{"sign":"s","job_id":"j"}'


@both
def test_no_content_is_content_too(reader, upstream, third, sized):
    assert reader.upload(third, b"", sized) == "job 1"
    assert reading.form(upstream.requests[-1])[1] == b""
    assert upstream.requests[-1].headers["Content-Length"] == str(len(upstream.requests[-1].body))


@both
def test_bytes_stay_as_they_are(reader, upstream, third, sized):
    content = bytes(range(256)) * 4096 + b"\r\n--x--\r\n"
    assert reader.upload(third, content, sized) == "job 1"
    assert reading.form(upstream.requests[-1])[1] == content


def test_content_may_be_in_the_first_message_and_what_it_said_may_be_repeated(
        reader, upstream, third):
    m = reader.m
    first = m.UploadRequest(server_name=third, request_body="{}", size=6, content=b"id\n")
    again = m.UploadRequest(server_name=third, request_body="{}", size=6, content=b"12\n")
    assert reader.stub.Upload(iter([first, m.UploadRequest(), again])).data.job_id == "job 1"
    assert reading.form(upstream.requests[-1])[1] == b"id\n12\n"


# --- arguments --------------------------------------------------------------------------------


@pytest.mark.parametrize("fields, sentence", [
    ({}, "server_name: is required in the first message"),
    ({"server_name": "x"}, "requestBody: is required"),
    ({"server_name": "x", "request_body": "[]"}, "requestBody: must be a JSON object"),
    ({"server_name": "x", "request_body": '{"job_id":1e}'}, None),
    ({"server_name": "x", "request_body": '{"job_id":{}}'},
     "requestBody.job_id: must be a string"),
    ({"server_name": "x", "request_body": "{}", "size": -1},
     "size: must be 0 to 1125899906842624")])
def test_the_first_message(reader, fields, sentence):
    code, details, _ = reader.refusal(reader.stub.Upload, iter([reader.m.UploadRequest(**fields)]))
    assert code == Code.INVALID_ARGUMENT
    assert details == sentence or not sentence and details.startswith("requestBody: must be a JSON")


def test_no_message_at_all(reader):
    assert reader.refusal(reader.stub.Upload, iter([])) == (
        Code.INVALID_ARGUMENT, "server_name: is required in the first message", None)


@pytest.mark.parametrize("fields", [{"server_name": "x"}, {"request_body": "{ }"}, {"size": 4}])
def test_later_messages_say_nothing_else(reader, third, fields):
    m, name = reader.m, next(iter(fields)).replace("request_body", "requestBody")
    messages = [m.UploadRequest(server_name=third, request_body="{}", size=3),
                m.UploadRequest(content=b"id\n", **fields)]
    assert reader.refusal(reader.stub.Upload, iter(messages)) == (
        Code.INVALID_ARGUMENT, f"{name}: must be as in the first message", None)


def test_who_is_not_there(reader, upstream):
    only = reader.third_party(upstream.port, names=["query"])
    assert reader.refusal(reader.upload, "nobody") == (
        Code.NOT_FOUND, "no found server nobody", None)
    assert reader.refusal(reader.upload, only) == (
        Code.NOT_FOUND, f"no found server {only} service upload", None)
    away = reader.third_party(programs.free_port())
    code, sentence, _ = reader.refusal(reader.upload, away)
    assert code == Code.UNAVAILABLE and "was not reached" in sentence
    assert reader.row(away) == ["upload", "failed", "", 0, None, None, sentence]


# --- the answer -------------------------------------------------------------------------------


@both
@pytest.mark.parametrize("body, sentence, code", ids=itertools.count(), argvalues=[
    ({"code": 7, "message": "too few ids"}, "refused: too few ids", 7),
    ({"code": -3, "msg": "no"}, "refused: no", -3),
    ({"code": 10 ** 15, "data": {"jobId": "j"}}, "refused: it gave no reason", 10 ** 15),
    ({"code": "0", "data": {"jobId": "j"}}, 'answered with a code that is no integer: "0"', None),
    ({"code": False, "data": {"jobId": "j"}}, "answered with a code that is no integer: false", None),
    ({"code": 0.5, "data": {"jobId": "j"}}, "answered with a code that is no integer: 0.5", None),
    ({"data": {"jobId": "j"}}, "answered without a code", None),
    ({"code": 0}, "answered without a data.jobId of 1 to 1024 bytes", None),
    ({"code": 0, "data": {"jobId": ""}}, "answered without a data.jobId of 1 to 1024 bytes", None),
    ({"code": 0, "data": {"jobId": None}}, "answered without a data.jobId of 1 to 1024 bytes", None),
    ({"code": 0, "data": {"jobId": "a\0"}}, "answered without a data.jobId of 1 to 1024 bytes", None),
    ({"code": 0, "jobId": "j"}, "answered without a data.jobId of 1 to 1024 bytes", None),
    (b'{"code":0,"data":{"jo', "answered something else than a JSON object", None),
    (b"<html></html>", "answered something else than a JSON object", None),
    (b"", "answered something else than a JSON object", None),
    (b" " * (1 << 20) + b"{}", "answered with more than 1048576 bytes", None)])
def test_what_is_refused(reader, upstream, third, sized, body, sentence, code):
    says(upstream, body)
    sentence = f"{third}.upload {sentence}"
    assert reader.refusal(reader.upload, third, sized=sized) == (Code.UNKNOWN, sentence, code)
    assert reader.row(third, ("status", "error", "code", "http_status")) == [
        "failed", sentence, code, 200]


@pytest.mark.parametrize("said, job", [("job 1", "job 1"), (12, "12"), (10 ** 15, str(10 ** 15))])
def test_a_job_is_a_text(reader, upstream, third, said, job):
    says(upstream, {"code": 0.0, "data": {"jobId": said}})
    assert reader.upload(third) == job
    assert reader.row(third)[2] == job


@pytest.mark.parametrize("status, words", [
    (201, "where only 200 counts"), (204, "where only 200 counts"), (301, "Moved Permanently"),
    (302, "Found"), (307, "Temporary Redirect"), (413, "Request Entity Too Large"),
    (500, "Internal Server Error")])
def test_nothing_but_200_is_good(reader, upstream, third, status, words):
    before = len(upstream.requests)
    says(upstream, b"" if status == 204 else GOOD, status, {"Location": "/elsewhere"})
    assert reader.refusal(reader.upload, third)[1].startswith(
        f"{third}.upload answered HTTP {status}, {words}")
    assert len(upstream.requests) == before + 1
    assert reader.row(third)[1:5] == ["failed", "", 7, status]


# --- sizes ------------------------------------------------------------------------------------


@pytest.mark.parametrize("size, sentence", [
    (len(IDS) + 1, f"size: is {len(IDS) + 1}, but only {len(IDS)} bytes came"),
    (len(IDS) - 1, f"size: is {len(IDS) - 1}, but more bytes came"),
    (0, "size: is 0, but more bytes came")])
def test_a_wrong_size_breaks_off_before_the_end(reader, size, sentence):
    whole = []

    def serve(connection, request):
        whole.append(request)

    with raw_upstream.RawUpstream(serve) as upstream:
        third = reader.third_party(upstream.port)
        messages = reader.messages(third, IDS, size)
        assert reader.refusal(reader.stub.Upload, messages) == (
            Code.INVALID_ARGUMENT, sentence, None)
        observe.wait_until(lambda: upstream.closed == 1)
    assert whole == []
    assert reader.row(third)[1] == "failed"


# --- the third party's ways -------------------------------------------------------------------


def read_head(connection):
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(65536)


class Raw(raw_upstream.RawUpstream):
    """serve(connection) is given each connection, with nothing read."""

    def run(self, connection):
        with connection:
            try:
                self.serve(connection)
            except OSError:
                pass
        with self.lock:
            self.closed += 1


@both
def test_an_early_refusal_is_the_answer(reader, sized):
    """Content comes until the third party has been heard: without an end of its own."""
    def serve(connection):
        read_head(connection)
        connection.sendall(b"HTTP/1.1 413 Payload Too Large\r\nContent-Length: 0\r\n"
                           b"Connection: close\r\n\r\n")
        raw_upstream.until_gone(connection)
    with Raw(serve) as upstream:
        third = reader.third_party(upstream.port)
        size = 64 << 20
        code, sentence, _ = reader.refusal(reader.upload, third, bytes(size), sized)
    assert (code, sentence) == (
        Code.UNKNOWN, f"{third}.upload answered HTTP 413, Payload Too Large")
    row = reader.row(third)
    assert row[1] == "failed" and row[3] < size and row[4:] == [413, None, sentence]


def test_a_success_before_the_content_was_taken_is_none(reader):
    answer = json.dumps(GOOD).encode()

    def serve(connection):
        read_head(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n"
                           % len(answer) + answer)
        raw_upstream.until_gone(connection)
    with Raw(serve) as upstream:
        third = reader.third_party(upstream.port)
        assert reader.refusal(reader.upload, third, bytes(64 << 20)) == (
            Code.UNKNOWN, f"{third}.upload answered before it had taken all of the content", None)


def test_a_third_party_that_goes_away(reader):
    with Raw(lambda connection: (read_head(connection), raw_upstream.reset(connection))) as upstream:
        third = reader.third_party(upstream.port)
        code, sentence, _ = reader.refusal(reader.upload, third, bytes(64 << 20))
    assert code == Code.UNAVAILABLE
    assert reader.row(third)[1:3] == ["failed", ""] and reader.row(third)[6] == sentence


@both
def test_a_third_party_that_takes_nothing_or_never_answers(reader, sized):
    go = threading.Event()
    with Raw(lambda connection: go.wait(programs.WAIT)) as upstream:
        third = reader.third_party(upstream.port, timeout_ms=300)
        code, _, _ = reader.refusal(reader.upload, third, bytes(64 << 20), sized)
        assert code == Code.DEADLINE_EXCEEDED
        go.set()
    with Raw(raw_upstream.until_gone) as upstream:
        third = reader.third_party(upstream.port, timeout_ms=300)
        assert reader.refusal(reader.upload, third, sized=sized)[0] == Code.DEADLINE_EXCEEDED
        assert reader.row(third)[1] == "failed"


def test_a_client_that_leaves_breaks_the_transfer_off(reader):
    taken = threading.Event()

    def serve(connection):
        while b"half of it" not in connection.recv(65536):
            pass
        taken.set()
        raw_upstream.until_gone(connection)
    with Raw(serve) as upstream:
        third = reader.third_party(upstream.port)

        def messages():
            yield reader.m.UploadRequest(server_name=third, request_body="{}", size=100,
                                         content=b"half of it")
            taken.wait(programs.WAIT)
            call.cancel()
        call = reader.stub.Upload.future(messages())
        observe.wait_until(lambda: upstream.closed == 1)
    assert reader.row(third) == ["upload", "cancelled", "", 10, None, None, ""]


# --- the spool --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def spooling(database, stubs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("spool")
    server = programs.Server(database.url, "--spool-folder", str(folder), "--spool-limit", "1000000")
    with server.channel() as channel:
        reader = reading.Reader(stubs, channel, database)
        reader.folder = folder
        reader.server = server
        yield reader
    server.stop()


def spools(server):
    """Files without a name that the server holds open."""
    folder = f"/proc/{server.process.pid}/fd"
    links = []
    for name in os.listdir(folder):
        try:
            links.append(os.readlink(os.path.join(folder, name)))
        except FileNotFoundError:
            pass
    return [link for link in links if "(deleted)" in link and "spool" in link]


def test_a_content_without_size_has_no_name_and_leaves_nothing(spooling, upstream):
    says(upstream, GOOD)
    third = spooling.third_party(upstream.port)
    seen = []

    def messages():
        yield spooling.m.UploadRequest(server_name=third, request_body="{}", content=b"x" * 999999)
        observe.wait_until(lambda: spools(spooling.server))
        seen.append(os.listdir(spooling.folder))
        yield spooling.m.UploadRequest(content=b"y")
    assert spooling.stub.Upload(messages()).data.job_id == "job 1"
    assert seen == [[]]
    assert reading.form(upstream.requests[-1])[1] == b"x" * 999999 + b"y"
    observe.wait_until(lambda: not spools(spooling.server))


def test_a_content_beyond_the_limit(spooling, upstream):
    third = spooling.third_party(upstream.port)
    before = len(upstream.requests)
    code, sentence, _ = spooling.refusal(spooling.upload, third, b"x" * 1000001, sized=False)
    assert code == Code.RESOURCE_EXHAUSTED
    assert sentence == ("content: is beyond 1000000 bytes, the most that the server keeps of a "
                        "content without size (--spool-limit)")
    assert spooling.row(third) == ["upload", "failed", "", 0, None, None, sentence]
    assert len(upstream.requests) == before
    observe.wait_until(lambda: not spools(spooling.server))
    # With a size nothing is kept.
    assert spooling.upload(third, b"x" * 1000001) == "job 1"


def test_a_client_that_leaves_takes_its_spool_along(spooling, upstream):
    third = spooling.third_party(upstream.port)

    def messages():
        yield spooling.m.UploadRequest(server_name=third, request_body="{}", content=b"x" * 1000)
        observe.wait_until(lambda: spools(spooling.server))
        call.cancel()
    call = spooling.stub.Upload.future(messages())
    assert spooling.row(third)[1] == "cancelled"
    observe.wait_until(lambda: not spools(spooling.server))


def test_a_folder_that_cannot_be_used(database, stubs, upstream):
    server = programs.Server(database.url, "--spool-folder", "/nonexistent/folder")
    with server.channel() as channel:
        reader = reading.Reader(stubs, channel, database)
        third = reader.third_party(upstream.port)
        assert reader.refusal(reader.upload, third, sized=False) == (
            Code.INTERNAL,
            "the server's --spool-folder cannot be used: No such file or directory", None)
    server.stop()
