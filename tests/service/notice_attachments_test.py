"""Attachments: kept in parts, given to who may have them, read from the file service, swept."""

import concurrent.futures
import os
import threading
import uuid

import grpc
import pytest

import attaching
import observe
import own_tokens
import programs
import sending
import subjects

Code = grpc.StatusCode
LIMIT = 3 << 20
PART = attaching.PART


@pytest.fixture(scope="module")
def files():
    """A file service: what it answers for an id, the test says."""
    def answer(request):
        assert request.method == "GET" and request.body == b""
        files.asked.append(request.path)
        return files.answers.get(request.path.partition("?id=")[2], (404, {}, b"none of mine"))
    with programs.Upstream(answer) as files:
        files.asked, files.answers = [], {}
        yield files


@pytest.fixture(scope="module")
def server(database):
    """It sends nothing on; its file service is not registered at first."""
    server = programs.Server(database.url, "--notice-member-ms", "0", "--notice-attachment-limit",
                             str(LIMIT), "--notice-file-action", "files.get")
    yield server
    server.stop()


@pytest.fixture(scope="module")
def plain_server(database):
    """Without a file service."""
    server = programs.Server(database.url, "--notice-member-ms", "0")
    yield server
    server.stop()


@pytest.fixture(scope="module")
def sender(stubs, channel, database):
    return sending.Sender(stubs, channel, database)


@pytest.fixture(scope="module")
def plain(stubs, plain_server, database):
    with plain_server.channel() as channel:
        yield sending.Sender(stubs, channel, database)


@pytest.fixture(scope="module")
def registered(registry, stubs, files):
    m = stubs.registry
    registry.RegisterServer(m.RegisterServerRequest(server_name="files", host="127.0.0.1", port=files.port))
    registry.RegisterService(m.RegisterServiceRequest(server_name="files", service_name="get", uri="/get",
                                                      method="GET"))
    return files


def refused(call, *arguments, **fields):
    with pytest.raises(grpc.RpcError) as failure:
        call(*arguments, **fields)
    return failure.value.code(), failure.value.details()


def rows(sender, attachment_id):
    """Its row, and its parts' sizes."""
    return (sender.database.rows("SELECT namespace, name, content_type, size, coalesce(file_id, '-') FROM"
                                 f" notice.attachment WHERE id = '{attachment_id}'"),
            [int(size) for size, in sender.database.rows(
                "SELECT octet_length(bytes) FROM notice.attachment_part"
                f" WHERE attachment_id = '{attachment_id}' ORDER BY number")])


# --- putting and getting --------------------------------------------------------------------------


@pytest.mark.parametrize("size, piece", [(0, 1), (1, 1), (PART - 1, PART), (PART, PART), (PART + 1, 1 << 20),
                                         (2 * PART, 100000), (5 * PART + 7, 4000), (LIMIT, 3 << 20)])
def test_what_is_put_is_got(sender, size, piece):
    content = os.urandom(size)
    info = attaching.put(sender, content, name="bill 发票.pdf", content_type="application/pdf", size=piece)
    assert (info.name, info.content_type, info.size) == ("bill 发票.pdf", "application/pdf", size)
    assert str(uuid.UUID(info.attachment_id)) == info.attachment_id
    assert attaching.get(sender, info.attachment_id) == ("application/pdf", content)
    assert attaching.get(sender, info.attachment_id.upper()) == ("application/pdf", content)
    row, parts = rows(sender, info.attachment_id)
    assert row == [["default", "bill 发票.pdf", "application/pdf", str(size), "-"]]
    assert parts == [PART] * (size // PART) + [size % PART] * (size % PART > 0)
    assert sender.database.rows("SELECT * FROM notice.upload") == []


def test_content_may_be_in_the_first_message_and_what_it_said_may_be_repeated(sender):
    m = sender.m
    info = sender.stub.PutAttachment(iter([
        m.PutAttachmentRequest(name="a", content=b"1"), m.PutAttachmentRequest(),
        m.PutAttachmentRequest(name="a", content_type="application/octet-stream", content=b"2")])).attachment
    assert attaching.get(sender, info.attachment_id) == ("application/octet-stream", b"12")


@pytest.mark.parametrize("messages, field", [
    ([], "name"), ([{}], "name"), ([{"content": b"x"}], "name"), ([{"name": "a/b"}], "name"),
    ([{"name": "a\\b"}], "name"), ([{"name": "a\r\nb"}], "name"), ([{"name": "a" * 256}], "name"),
    ([{"name": "a\u0085"}], "name"), ([{"name": "a", "content_type": "text/plain\r\nBcc: x"}], "contentType"),
    ([{"name": "a", "content_type": "t" * 256}], "contentType"),
    ([{"name": "a", "content_type": "text/ü"}], "contentType"), ([{"name": "a"}, {"name": "b"}], "name"),
    ([{"name": "a"}, {"content_type": "text/plain"}], "contentType")])
def test_what_breaks_a_rule_is_refused_by_field(sender, messages, field):
    before = sender.database.rows("SELECT count(*) FROM notice.attachment")
    code, text = refused(sender.stub.PutAttachment,
                         iter([sender.m.PutAttachmentRequest(**fields) for fields in messages]))
    assert code == Code.INVALID_ARGUMENT and text.startswith(field + ": ")
    assert sender.database.rows("SELECT count(*) FROM notice.attachment") == before


def test_one_byte_beyond_the_limit_is_too_much(sender):
    code, text = refused(attaching.put, sender, bytes(LIMIT + 1))
    assert code == Code.RESOURCE_EXHAUSTED and text.startswith("content: ") and str(LIMIT) in text
    assert "--notice-attachment-limit" in text


def test_a_stream_that_breaks_leaves_no_attachment(sender):
    """Its parts go a day later."""
    go, before = threading.Event(), sender.database.rows("SELECT id FROM notice.attachment ORDER BY id")

    def messages():
        yield from attaching.pieces(sender.m, bytes(2 * PART))
        go.wait(programs.WAIT)
    call = sender.stub.PutAttachment.future(messages())
    upload = "SELECT attachment_id FROM notice.upload u WHERE (SELECT count(*) FROM notice.attachment_part p" \
             " WHERE p.attachment_id = u.attachment_id) = 2"
    observe.wait_until(lambda: sender.database.rows(upload))
    broken = sender.database.rows(upload)[0][0]
    call.cancel()
    go.set()
    with pytest.raises(grpc.FutureCancelledError):
        call.result()
    assert sender.database.rows("SELECT id FROM notice.attachment ORDER BY id") == before
    sender.database.rows(f"UPDATE notice.upload SET begun_at = now() - interval '25 hours'"
                         f" WHERE attachment_id = '{broken}'")
    assert sender.database.rows("SELECT notice.sweep_attachments(20)") == [["0"]]
    sender.database.rows("UPDATE notice.upload SET begun_at = begun_at - interval '2 hours'")
    assert sender.database.rows("SELECT notice.sweep_attachments(20)") == [["1"]]
    assert rows(sender, broken) == ([], [])


def test_many_at_once_stay_apart(sender):
    contents = [os.urandom(PART * 2 + i) for i in range(12)]
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        infos = list(pool.map(lambda content: attaching.put(sender, content), contents))
        got = list(pool.map(lambda info: attaching.get(sender, info.attachment_id)[1], infos))
    assert got == contents and len({info.attachment_id for info in infos}) == 12


def test_putting_and_getting_take_constant_memory(sender, server):
    if not observe.is_plain(server):
        pytest.skip("measured without sanitizers only")
    content = os.urandom(LIMIT)
    attaching.get(sender, attaching.put(sender, content).attachment_id)
    before = observe.rss(server)
    for _ in range(30):
        attaching.get(sender, attaching.put(sender, content).attachment_id)
    # The allocator may keep a content for each of the threads that had one.
    assert observe.rss(server) - before < 10 * LIMIT


@pytest.mark.parametrize("given", ["", "x", "00000000-0000-0000-0000-00000000000g", "1" * 36])
def test_ids_of_another_form_are_refused(sender, given):
    assert refused(attaching.get, sender, given)[0] == Code.INVALID_ARGUMENT


def test_what_is_not_there_or_elsewhere_is_not_found(sender, stubs, channel):
    info = attaching.put(sender)
    assert refused(attaching.get, sender, str(uuid.uuid4()))[0] == Code.NOT_FOUND
    other = sending.Sender(stubs, channel, sender.database, space="other")
    assert refused(attaching.get, other, info.attachment_id)[0] == Code.NOT_FOUND


# --- carried by a notice --------------------------------------------------------------------------


def test_a_notice_carries_each_once(sender):
    first, second = (attaching.put(sender).attachment_id for _ in range(2))
    response = sender.send(attachments=f" {second} ,{first.upper()},{first},{second}")
    assert sender.notice(response)["attachments"] == [second, first]
    assert sender.database.rows(f"SELECT used_at FROM notice.attachment WHERE id IN ('{first}', '{second}')") == [
        [str(sender.notice(response)["position"])]] * 2


def test_at_most_twenty(sender):
    ids = [attaching.put(sender, b"").attachment_id for _ in range(21)]
    assert sender.notice(sender.send(attachments=",".join(ids[:20] + ids[:1])))["attachments"] == ids[:20]
    assert sender.field_refused(attachments=",".join(ids)) == ("attachments", "must be at most 20")


@pytest.mark.parametrize("given", [",", "a,,b", "a,", ",a", "a\nb", "x" * 256])
def test_a_list_that_is_none_is_refused(sender, given):
    field, rule = sender.field_refused(attachments=given)
    assert field == "attachments" and rule.startswith("must be ids of 1 to 255 bytes")


def test_without_a_file_service_what_is_not_there_is_not_found(plain, stubs, plain_server):
    there, written = attaching.put(plain).attachment_id, plain.written()
    for unknown in ("x", str(uuid.uuid4()), "'; DROP TABLE notice.notice; --"):
        assert plain.failed(attachments=f"{there},{unknown}") == (
            Code.NOT_FOUND, f'attachments: "{unknown}" is not there')
    with plain_server.channel() as channel:
        other = sending.Sender(stubs, channel, plain.database, space="other")
        assert other.failed(attachments=there) == (Code.NOT_FOUND, f'attachments: "{there}" is not there')
    assert plain.written() == written


def test_one_that_is_about_to_go_is_not_taken(plain):
    info = attaching.put(plain)
    plain.database.rows("UPDATE notice.attachment SET created_at = now() - interval '24 hours 1 second'"
                        f" WHERE id = '{info.attachment_id}'")
    assert plain.failed(attachments=info.attachment_id)[0] == Code.NOT_FOUND
    assert attaching.get(plain, info.attachment_id)[1] == b"content"


# --- the file service -----------------------------------------------------------------------------


def test_a_file_service_that_is_not_there_is_told(sender):
    code, text = sender.failed(attachments="f-1")
    assert (code, text) == (Code.NOT_FOUND, "there is no service files")


def test_what_is_not_ours_is_read_there(sender, registered):
    content, own = os.urandom(2 * PART + 5), attaching.put(sender).attachment_id
    registered.answers.update({
        "f%201": (200, {"Content-Disposition": 'attachment; filename="x/a.pdf"', "Content-Type": "application/pdf"},
                  content),
        "%E6%96%87": (200, {"Content-Disposition": "inline; filename=b; filename*=UTF-8''%E5%8F%91%E7%A5%A8.txt"},
                      b"")})
    response = sender.send(attachments=f"f 1,{own},文,f 1")
    one, same, two = sender.notice(response)["attachments"]
    assert same == own
    assert attaching.get(sender, one) == ("application/pdf", content)
    assert rows(sender, one) == ([["default", "a.pdf", "application/pdf", str(len(content)), "f 1"]],
                                 [PART, PART, 5])
    assert rows(sender, two)[0] == [["default", "发票.txt", "application/octet-stream", "0", "文"]]
    assert registered.asked == ["/get?id=f%201", "/get?id=%E6%96%87"]
    assert sender.deliveries(response)[0]["state"] == "delivered"


def test_a_file_is_read_once_a_day(sender, registered):
    """So a send that is repeated does not depend on the file service."""
    registered.answers["daily"] = (200, {}, b"1")
    first, = sender.notice(sender.send(attachments="daily"))["attachments"]
    registered.answers["daily"] = (404, {}, b"")
    assert sender.notice(sender.send(attachments="daily"))["attachments"] == [first]
    assert sender.notice(sender.send(attachments=f"daily,{first}"))["attachments"] == [first]
    sender.database.rows(f"UPDATE notice.attachment SET created_at = now() - interval '1 day' WHERE id = '{first}'")
    assert sender.failed(attachments="daily")[0] == Code.NOT_FOUND
    registered.answers["daily"] = (200, {}, b"2")
    second, = sender.notice(sender.send(attachments="daily"))["attachments"]
    assert second != first and attaching.get(sender, second)[1] == b"2"


def test_what_the_file_service_answers_otherwise_is_no_file(sender, registered):
    written = sender.written()
    registered.answers.update({"gone": (410, {}, b""), "ill": (500, {}, b"secret"),
                               "moved": (302, {"Location": "/get?id=f"}, b""), "big": (200, {}, bytes(LIMIT + 1))})
    assert sender.failed(attachments="nothing") == (Code.NOT_FOUND, 'attachments: "nothing" is not there')
    assert sender.failed(attachments="gone") == (Code.NOT_FOUND, 'attachments: "gone" is not there')
    assert sender.failed(attachments="ill") == (
        Code.UNKNOWN, 'attachments: files.get answered HTTP 500 when it was asked for "ill"')
    assert sender.failed(attachments="moved")[0] == Code.UNKNOWN
    code, text = sender.failed(attachments="big")
    assert code == Code.RESOURCE_EXHAUSTED and text.startswith("attachments: ") and str(LIMIT) in text
    assert sender.written() == written


def test_wrong_headers_of_the_file_service_do_no_harm(sender, registered):
    registered.answers["odd/id"] = (200, {"Content-Disposition": 'attachment; filename="a\tb"',
                                          "Content-Type": "text/\xfc"}, b"x")
    registered.answers["odd%2Fid"] = registered.answers["odd/id"]
    attachment, = sender.notice(sender.send(attachments="odd/id"))["attachments"]
    assert rows(sender, attachment)[0] == [["default", "odd_id", "application/octet-stream", "1", "odd/id"]]


# --- who may have it ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def people(database):
    """By name: the metadata that each calls with."""
    url, key = database.url, own_tokens.Key("EdDSA", "attaching").put(database)
    subjects.put_role(url, "files-admin", ("allow", "notice", "getattachment", "ADMIN"))
    subjects.put_role(url, "sender", ("allow", "notice", "**", "WRITE"))
    for name, roles in (("alice", ()), ("bob", ()), ("admin", ("files-admin",)), ("sam", ("sender",))):
        subjects.put(url, "user", name, *roles)
    return {name: [own_tokens.bearer(key.own("user:" + name))]
            for name in ("alice", "bob", "admin", "sam")}


@pytest.fixture(scope="module")
def closed(database, people):
    server = programs.Server(database.url, "--auth", "required", "--notice-member-ms", "0",
                             "--notice-file-action", "files.get")
    yield server
    server.stop()


def test_the_file_service_is_asked_by_the_server_whoever_sends(closed, people, registered, stubs, database):
    registered.answers["for%20sam"] = (200, {}, b"x")
    with closed.channel() as channel:
        sam = sending.Sender(stubs, channel, database)
        sam.metadata = people["sam"]
        assert len(sam.notice(sam.send(attachments="for sam"))["attachments"]) == 1
        m = stubs.registry
        code, _ = refused(stubs.registry_grpc.RegistryStub(channel).Call,
                          m.CallRequest(service="files", action="get"), metadata=people["sam"])
        assert code == Code.PERMISSION_DENIED


def test_it_is_given_to_whom_the_notice_went_to_and_to_administrators(closed, people, stubs, database):
    with closed.channel() as channel:
        callers = {}
        for name, metadata in people.items():
            callers[name] = sending.Sender(stubs, channel, database)
            callers[name].metadata = metadata
        info = attaching.put(callers["sam"])
        response = callers["sam"].send(users="alice", attachments=info.attachment_id)
        other = callers["sam"].send(users="alice,bob")
        carried, = (str(d["position"]) for d in callers["sam"].deliveries(response))
        empty, bobs = (str(d["position"]) for d in callers["sam"].deliveries(other))

        def get(name, **fields):
            return attaching.get(callers[name], info.attachment_id, **fields)[1]
        assert get("admin") == get("alice", delivery_id=carried) == get(
            "alice", delivery_id=carried, user="alice") == get("admin", user="alice", delivery_id=carried) == b"content"
        assert get("admin", user="admin", delivery_id=bobs) == b"content"
        for name, fields in (("alice", {}), ("alice", {"delivery_id": empty}), ("bob", {"delivery_id": bobs}),
                             ("bob", {"delivery_id": carried}), ("bob", {"delivery_id": carried, "user": "alice"}),
                             ("sam", {}), ("alice", {"delivery_id": "1"})):
            assert refused(get, name, **fields)[0] == Code.PERMISSION_DENIED, (name, fields)
        for wrong in ("x", "0", "-1", "1e9", "9" * 30):
            assert refused(get, "alice", delivery_id=wrong)[0] == Code.INVALID_ARGUMENT
        assert refused(attaching.get, callers["alice"], str(uuid.uuid4()))[0] == Code.PERMISSION_DENIED
        assert refused(attaching.get, callers["admin"], str(uuid.uuid4()))[0] == Code.NOT_FOUND
        database.rows(f"UPDATE notice.delivery SET hidden = true WHERE position = {carried}")
        assert refused(get, "alice", delivery_id=carried)[0] == Code.PERMISSION_DENIED
