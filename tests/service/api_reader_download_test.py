"""Download over gRPC: how FATE Flow's client asks, and what is told apart while it flows."""

import gzip
import itertools
import json
import threading
import zlib

import grpc
import pytest

import programs
import raw_upstream
import reading

Code = grpc.StatusCode
TABLE = b"id,x0\n" + b"".join(b"%d,%d\n" % (i, i * i) for i in range(100000))
OCTETS = "application/octet-stream"


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
    return reader.third_party(upstream.port)


def says(upstream, body, content_type="text/csv", status=200, **headers):
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    if content_type:
        headers["Content-Type"] = content_type
    upstream.answer = (status, headers, body if isinstance(body, bytes) else json.dumps(body).encode())


def refused(reader, third, code=Code.UNKNOWN):
    """The sentence without the name that it begins with, and the third party's code; the row says
    the same."""
    status, sentence, remote = reader.refusal(reader.download, third)
    assert status == code
    assert reader.row(third, ("status", "error", "code")) == ["failed", sentence, remote]
    return sentence.replace(f"{third}.download ", "", 1), remote


# --- the request ------------------------------------------------------------------------------


@pytest.mark.parametrize("method", [None, "GET", "PUT"])
def test_it_is_asked_like_the_real_client_asks(reader, upstream, method):
    says(upstream, b"id\n1\n")
    third = reader.third_party(upstream.port, method=method)
    assert reader.download(third, "j 1") == ("text/csv", b"id\n1\n")
    request = upstream.requests[-1]
    assert request.method == (method or "POST")
    assert request.path == ("/download?requestBody=%7B%22jobId%22%3A+%22j+1%22%2C+%22sign%22%3A+%22"
                            + reading.md5("j 1") + "%22%7D")
    assert request.body == b""
    assert request.headers["Content-Length"] == (None if method == "GET" else "0")
    assert request.headers["Accept-Encoding"] == "gzip, deflate"
    assert "Content-Type" not in request.headers and "Expect" not in request.headers
    assert reader.row(third) == ["download", "done", "j 1", 5, 200, None, ""]


def test_the_callers_own_parameters_stay_as_they_are(reader, upstream, third):
    says(upstream, b"")
    body = '{ "z" : 1.0e2, "jobId":"j1","a":"\\u00e9" }'
    m = reader.m
    list(reader.stub.Download(m.DownloadRequest(server_name=third, request_body=body)))
    assert reading.asked(upstream.requests[-1].path) == (
        '{"z" : 1.0e2, "jobId":"j1","a":"\\u00e9", "sign": "' + reading.md5("j1") + '"}')
    body = '{"sign":"mine","jobId":12}'
    list(reader.stub.Download(m.DownloadRequest(server_name=third, request_body=body)))
    assert reading.asked(upstream.requests[-1].path) == body
    assert [row[2] for row in reader.rows(third)] == ["j1", "12"]


@pytest.mark.parametrize("fields, sentence", [
    ({"job_id": "j"}, "server_name: is required"),
    ({"server_name": "x"}, "requestBody: is required, with jobId"),
    ({"server_name": "x", "request_body": "{}"}, "requestBody.jobId: is required"),
    ({"server_name": "x", "request_body": "[1]"}, "requestBody: must be a JSON object"),
    ({"server_name": "x", "request_body": '{"jobId":"j"}', "job_id": "j"},
     "jobId: must not be given beside requestBody")])
def test_arguments(reader, fields, sentence):
    call = reader.stub.Download(reader.m.DownloadRequest(**fields))
    assert reader.refusal(list, call) == (Code.INVALID_ARGUMENT, sentence, None)


def test_who_is_not_there(reader, upstream):
    only = reader.third_party(upstream.port, names=["upload"])
    assert reader.refusal(reader.download, only) == (
        Code.NOT_FOUND, f"no found server {only} service download", None)
    away = reader.third_party(programs.free_port())
    sentence, _ = refused(reader, away, Code.UNAVAILABLE)
    assert "was not reached" in sentence


# --- tables -----------------------------------------------------------------------------------


TABLES = {"none": b"", "blank": b"\n", "small": b"id,x\n1,2\n", "marked": b"\xef\xbb\xbfid\n",
          "brace": b"{id},x\n1,2\n", "angle": b"<id>,x\n", "bytes": b"\x00\x1f\x8b",
          "objects": b'{"a":1}\n{"a":2}\n', "large": TABLE}


@pytest.mark.parametrize("body", TABLES.values(), ids=TABLES)
@pytest.mark.parametrize("content_type", [None, "text/plain; charset=utf-8", OCTETS])
def test_a_table_comes_as_it_is(reader, upstream, third, body, content_type):
    says(upstream, body, content_type)
    assert reader.download(third) == (content_type or "", body)
    assert reader.row(third) == ["download", "done", "j1", len(body), 200, None, ""]


def test_the_type_comes_first(reader, upstream, third):
    says(upstream, b"id\n1\n", "text/csv; header=present")
    messages = list(reader.open(third))
    assert [(m.content_type, m.data) for m in messages] == [
        ("text/csv; header=present", b""), ("", b"id\n1\n")]


def raw_deflate(data):
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


@pytest.mark.parametrize("encoding, body", [
    ("gzip", gzip.compress(TABLE)), ("X-Gzip", gzip.compress(TABLE)),
    ("gzip", gzip.compress(TABLE[:70000]) + gzip.compress(TABLE[70000:])),
    ("deflate", zlib.compress(TABLE)), ("deflate", raw_deflate(TABLE)), ("identity", TABLE)],
    ids=["gzip", "x-gzip", "two members", "zlib", "raw deflate", "identity"])
def test_an_encoding_is_undone(reader, upstream, third, encoding, body):
    says(upstream, body, Content_Encoding=encoding)
    assert reader.download(third) == ("text/csv", TABLE)
    assert reader.row(third)[3] == len(TABLE)


# --- what is no table -------------------------------------------------------------------------

PAGE = b"<!DOCTYPE html><title>Log in</title>"
JSON = "answered JSON where the table was expected"


@pytest.mark.parametrize("body, content_type, sentence, code", ids=itertools.count(), argvalues=[
    (PAGE, "text/html; charset=utf-8",
     "answered with an HTML page (its Content-Type says so) where the table was expected", None),
    (PAGE, "text/plain", "answered with an HTML page where the table was expected", None),
    (b" \n<HTML>", None, "answered with an HTML page where the table was expected", None),
    ({"code": 7, "message": "no such job"}, "application/json", JSON + ": no such job", 7),
    ({"code": 7, "message": "no such job"}, OCTETS, JSON + ": no such job", 7),
    ({"retcode": 100, "retmsg": "gone"}, None, JSON + ": gone", 100),
    ({"code": 0, "message": "not yet"}, "text/csv", JSON + ": not yet", None),
    ({"error": "gone"}, "text/csv", JSON + ": gone", None),
    ([], "application/json", JSON, None),
    (b'{"code":1,"mess', "application/json; charset=utf-8", JSON, None),
    (gzip.compress(TABLE), OCTETS,
     "answered with gzip, without the Content-Encoding that says so", None)])
def test_what_is_refused(reader, upstream, third, body, content_type, sentence, code):
    says(upstream, body, content_type)
    assert refused(reader, third) == (sentence, code)
    assert reader.row(third)[3:5] == [0, 200]


def test_an_encoded_error_is_still_one(reader, upstream, third):
    says(upstream, gzip.compress(b'{"code":7,"message":"no such job"}'), OCTETS,
         Content_Encoding="gzip")
    assert refused(reader, third) == (JSON + ": no such job", 7)


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "compress"])
def test_an_encoding_that_nobody_asked_for(reader, upstream, third, encoding):
    says(upstream, b"x", Content_Encoding=encoding)
    assert refused(reader, third) == (
        f"answered with a Content-Encoding other than gzip or deflate: {encoding}", None)


def test_gzip_within_gzip_is_refused(reader, upstream, third):
    says(upstream, gzip.compress(gzip.compress(TABLE)), Content_Encoding="gzip")
    assert refused(reader, third) == (
        "answered with gzip, without the Content-Encoding that says so", None)


@pytest.mark.parametrize("status, words", [
    (201, "where only 200 counts"), (204, "where only 200 counts"), (301, "Moved Permanently"),
    (302, "Found"), (404, "Not Found"), (503, "Service Unavailable")])
def test_nothing_but_200_is_good(reader, upstream, third, status, words):
    before = len(upstream.requests)
    says(upstream, b"" if status == 204 else TABLE, status=status, Location="/elsewhere")
    assert refused(reader, third) == (f"answered HTTP {status}, {words}", None)
    assert len(upstream.requests) == before + 1
    assert reader.row(third)[4] == status


def test_a_refusal_may_say_why(reader, upstream, third):
    says(upstream, {"code": 9, "message": "still running"}, status=409)
    assert refused(reader, third)[0] == "answered HTTP 409, Conflict: still running"


# --- what breaks on the way -------------------------------------------------------------------

OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\n"
PACKED = gzip.compress(TABLE)


@pytest.fixture
def raw(reader):
    """serve(connection, say, go) answers each request."""
    stop, go = [], threading.Event()

    def raw(serve, **fields):
        def run(connection, request):
            serve(connection, connection.sendall, go)
            return True
        upstream = raw_upstream.RawUpstream(run)
        stop.append(upstream)
        return reader.third_party(upstream.port, **fields), upstream, go
    yield raw
    go.set()
    for upstream in stop:
        upstream.__exit__()


def length(count):
    return b"Content-Length: %d\r\n\r\n" % count


@pytest.mark.parametrize("answer, came", [
    (length(len(TABLE) + 1) + TABLE, TABLE),
    (length(10) + b"id,x\n", b"id,x\n"),
    (b"Transfer-Encoding: chunked\r\n\r\n5\r\nid,x\n\r\n", b"id,x\n"),
    (b"Transfer-Encoding: chunked\r\n\r\n5\r\nid,x\n\r\nzz\r\n", b"id,x\n"),
    (b"Content-Encoding: gzip\r\n" + length(len(PACKED) - 4) + PACKED[:-4], TABLE),
    (b"Content-Encoding: gzip\r\n" + length(len(PACKED)) + PACKED[:-4], TABLE),
    (b"Content-Encoding: gzip\r\n" + length(len(PACKED) + 3) + PACKED + b"abc", TABLE)],
    ids=["long length", "cut", "cut chunks", "no chunk", "cut gzip", "cut both", "garbage"])
def test_what_is_cut_short_is_lost_after_what_came(reader, raw, answer, came):
    third, _, _ = raw(lambda connection, say, go: say(OK + answer))
    call, data = reader.open(third), b""
    with pytest.raises(grpc.RpcError) as caught:
        for message in call:
            data += message.data
    assert caught.value.code() == Code.DATA_LOSS and data == came
    assert reader.row(third) == [
        "download", "failed", "j1", len(came), 200, None, caught.value.details()]


def test_a_reset_is_a_loss_too(reader, raw):
    def serve(connection, say, go):
        say(OK + length(10) + b"id,x\n")
        go.wait(programs.WAIT)
        raw_upstream.reset(connection)
    third, _, go = raw(serve)
    call = reader.open(third)
    assert [next(call).data, next(call).data] == [b"", b"id,x\n"]
    go.set()
    assert reader.refusal(next, call)[0] == Code.DATA_LOSS


def test_silence_times_out(reader, raw):
    def serve(connection, say, go):
        say(OK + length(10) + b"id,x\n")
        raw_upstream.until_gone(connection)
    third, _, _ = raw(serve, timeout_ms=2000)
    code, sentence, _ = reader.refusal(reader.download, third)
    assert code == Code.DEADLINE_EXCEEDED and "nothing came for 2000 ms" in sentence
    third, _, _ = raw(lambda connection, say, go: raw_upstream.until_gone(connection),
                      timeout_ms=300)
    code, sentence, _ = reader.refusal(reader.download, third)
    assert code == Code.DEADLINE_EXCEEDED
    assert reader.row(third) == ["download", "failed", "j1", 0, None, None, sentence]


def test_a_trickle_is_passed_on_as_it_comes(reader, raw):
    asked = threading.Semaphore(0)

    def serve(connection, say, go):
        say(OK + length(8) + b"id")
        for piece in (b",x", b"\n1", b",2"):
            asked.acquire()
            say(piece)
    third, _, _ = raw(serve)
    call = reader.open(third)
    assert next(call).content_type == "text/csv"
    for piece in (b"id", b",x", b"\n1", b",2"):
        assert next(call).data == piece
        asked.release()
    assert list(call) == []


def test_an_encoded_trickle_is_passed_on_as_it_comes(reader, raw):
    asked = threading.Semaphore(0)
    packer = zlib.compressobj(wbits=31)

    def serve(connection, say, go):
        say(OK + b"Content-Encoding: gzip\r\n\r\n")
        for line in (b"id\n", b"1\n", b"2\n"):
            say(packer.compress(line) + packer.flush(zlib.Z_SYNC_FLUSH))
            asked.acquire()
        say(packer.flush())
    third, _, _ = raw(serve)
    call = reader.open(third)
    assert next(call).data == b""
    for line in (b"id\n", b"1\n", b"2\n"):
        assert next(call).data == line
        asked.release()
    assert list(call) == []


def test_a_client_that_leaves_breaks_the_transfer_off(reader, raw):
    def serve(connection, say, go):
        say(OK + b"\r\nid\n")
        raw_upstream.until_gone(connection)
        go.set()
    third, _, go = raw(serve)
    call = reader.open(third)
    assert [next(call).data, next(call).data] == [b"", b"id\n"]
    call.cancel()
    assert go.wait(programs.WAIT)
    assert reader.row(third) == ["download", "cancelled", "j1", 3, 200, None, ""]


def test_a_client_that_does_not_read_holds_the_third_party_up(reader, raw):
    upstreams = []

    def serve(connection, say, go):
        say(OK + b"\r\n")
        while True:
            upstreams[0].write(connection, b"1234567\n" * 8192)
    third, upstream, _ = raw(serve)
    upstreams.append(upstream)
    call = reader.open(third)
    next(call)
    assert upstream.settled() < 64 << 20
    call.cancel()
    assert reader.row(third)[1] == "cancelled"
