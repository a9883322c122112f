"""Templates: their versions, what they may say, and what they make of parameters."""

import base64
import itertools
import json
import threading
import time

import grpc
import pytest

import key_files
import observe
import programs

INVALID, NOT_FOUND = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND
NUMBERS = itertools.count()
LINK = "https://j.example/v1/notice/receipt/preview"


@pytest.fixture(scope="module")
def server(database, tmp_path_factory):
    keys = key_files.KeyFile(tmp_path_factory.mktemp("keys"))
    keys.add("one")
    server = programs.Server(database.url, "--public-url", "https://j.example",
                             "--key-file", str(keys.path))
    yield server
    server.stop()


@pytest.fixture(scope="module")
def notice(channel, stubs):
    return stubs.notice_grpc.NoticeStub(channel)


@pytest.fixture
def space():
    """A namespace of the test's own."""
    return f"space-{next(NUMBERS)}"


@pytest.fixture
def ask(notice, stubs, space):
    """ask("GetTemplate", template="x"): the answer."""
    def call(method, **fields):
        return getattr(notice, method)(getattr(stubs.notice, method + "Request")(**fields),
                                       timeout=programs.WAIT, metadata=[("x-namespace", space)])
    return call


@pytest.fixture
def refusal(ask):
    def call(method, **fields):
        with pytest.raises(grpc.RpcError) as caught:
            ask(method, **fields)
        return caught.value.code(), caught.value.details()
    return call


@pytest.fixture
def put(ask):
    """put("x", {"body": "..."}, ...): the template."""
    def call(template, *variants, **fields):
        return ask("PutTemplate", template=template, variants=variants or [{}], **fields).template
    return call


@pytest.fixture
def preview(ask):
    """preview({"body": "..."}, a=1): what one variant makes of parameters."""
    def call(*variants, **params):
        return ask("PreviewTemplate", variants=variants, params=json.dumps(params))
    return call


def known(database, space, template):
    """What the server has found out about the last version."""
    (row,) = database.rows(
        "SELECT needed, personal, has_receipt FROM notice.template"
        f" WHERE namespace = '{space}' AND id = '{template}' ORDER BY version DESC LIMIT 1")
    return tuple(row)


# --- versions -------------------------------------------------------------------------------------

def test_a_template_is_shown_as_it_was_put(ask, put):
    variants = [{"channel": "mail", "language": "zh-CN", "subject": "验证码 {{code}}",
                 "body": "{{#vip}}\r\n\"尊敬的\"\\ {{/vip}}{{user}}:{{code}}", "html": "<b>{{code}}</b>"},
                {"channel": "sms", "provider_template": "SMS_12345"}, {}]
    before = int(time.time() * 1000) - 1000
    made = put("verify 李", *variants, channel=" mail, sms ,mail", required=["vip", "code"])
    assert (made.template, made.version, made.channel) == ("verify 李", 1, "mail,sms")
    assert list(made.required) == ["vip", "code"] and not made.deleted
    assert before < made.created_at < before + 60000
    shown = [{field.name: value for field, value in v.ListFields()} for v in made.variants]
    assert shown == variants
    assert ask("GetTemplate", template="verify 李").template == made
    assert list(ask("ListTemplates").templates) == [made]


def test_the_same_again_makes_no_version(ask, put):
    first = put("x", {"body": "a"}, required=["r"])
    assert put("x", {"body": "a"}, required=["r"]) == first
    assert put("x", {"body": "b"}, required=["r"]).version == 2
    assert put("x", {"body": "a"}, required=["r"]).version == 3
    assert put("x", {"body": "a"}).version == 4
    assert put("x", {"body": "a"}, channel="mail").version == 5
    assert put("x", {"body": "a", "language": "en"}, channel="mail").version == 6
    assert ask("GetTemplate", template="x", version=1).template == first
    assert ask("GetTemplate", template="x").template.version == 6


def test_versions_count_on_after_it_was_deleted(ask, put, refusal):
    first = put("x", {"body": "a"})
    put("x", {"body": "b"})
    ask("DeleteTemplate", template="x")
    assert refusal("DeleteTemplate", template="x") == (NOT_FOUND, "no template x")
    assert refusal("GetTemplate", template="x") == (NOT_FOUND, "no template x")
    assert refusal("PreviewTemplate", template="x") == (NOT_FOUND, "no template x")
    old = ask("GetTemplate", template="x", version=1).template
    assert old.deleted and old.variants == first.variants
    assert not ask("ListTemplates").templates
    assert [t.version for t in ask("ListTemplates", template="x").templates] == [2, 1]
    again = put("x", {"body": "b"})
    assert again.version == 3 and not again.deleted
    assert [(t.version, t.deleted) for t in ask("ListTemplates", template="x").templates] == [
        (3, False), (2, True), (1, True)]
    assert refusal("GetTemplate", template="x", version=4) == (NOT_FOUND, "no template x of version 4")
    assert refusal("GetTemplate", template="x", version=-1) == (INVALID, "version: must be 1 or more")
    assert refusal("GetTemplate", template="y") == (NOT_FOUND, "no template y")


def test_puts_at_once_make_a_version_each(ask, put):
    together, made = threading.Barrier(8), []

    def one(number):
        together.wait()
        made.append(put("x", {"body": f"of {number}"}))

    threads = [threading.Thread(target=one, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(t.version for t in made) == list(range(1, 9))
    listed = ask("ListTemplates", template="x").templates
    assert sorted(made, key=lambda t: -t.version) == list(listed)


def test_namespaces_are_apart(ask, put, notice, stubs):
    put("x", {"body": "a"})
    for metadata in [("x-namespace", "another")], []:
        with pytest.raises(grpc.RpcError) as caught:
            notice.GetTemplate(stubs.notice.GetTemplateRequest(template="x"), metadata=metadata,
                               timeout=programs.WAIT)
        assert caught.value.code() == NOT_FOUND


def test_lists_come_in_pages(ask, put, refusal):
    for template in "c", "a", "b", "李":
        put(template, {"body": "1"})
        put(template, {"body": "2"})
    found, token = [], ""
    while not found or token:
        page = ask("ListTemplates", page_size=3, page_token=token)
        found.append([(t.template, t.version) for t in page.templates])
        token = page.next_page_token
    assert found == [[("a", 2), ("b", 2), ("c", 2)], [("李", 2)]]
    first = ask("ListTemplates", template="a", page_size=1)
    put("a", {"body": "3"})
    rest = ask("ListTemplates", template="a", page_token=first.next_page_token)
    assert [t.version for t in [*first.templates, *rest.templates]] == [2, 1]
    assert not rest.next_page_token
    assert refusal("ListTemplates", page_size=101) == (INVALID, "pageSize: must be 1 to 100")
    for key in "", "a\n", "a\nb\n", "a\n0\n", "a\n9999999999\n":
        token = base64.urlsafe_b64encode(key.encode()).decode().rstrip("=") or "x"
        assert refusal("ListTemplates", page_token=token) == (
            INVALID, "pageToken: is none of a page of this list")


def test_a_page_of_large_templates_has_fewer(ask, put):
    for number in range(5):
        put(f"t{number}", *[{"language": f"l{i}", "body": "x" * 200000} for i in range(2)])
    sizes, token = [], ""
    while not sizes or token:
        page = ask("ListTemplates", page_token=token)
        sizes.append(len(page.templates))
        token = page.next_page_token
    assert sum(sizes) == 5 and max(sizes) < 4, sizes


# --- what it may say ------------------------------------------------------------------------------

LONG = "x" * 262145
REFUSED = [
    ({"template": ""}, "template: must have 1 to 255 bytes without control characters"),
    ({"template": "x" * 256}, "template: must have 1 to 255 bytes without control characters"),
    ({"template": "a\nb"}, "template: must have 1 to 255 bytes without control characters"),
    ({"channel": "mail,a b"}, 'channel: "a b" is no name of a channel'),
    ({"channel": "mail,"}, "channel: name 2 is empty"),
    ({"channel": ",".join(f"c{i}" for i in range(11))}, "channel: must have at most 10 names"),
    ({"required": ["a", "b c"]}, 'required[1]: must be 1 to 128 letters, digits, "_" and "-"'),
    ({"required": ["a.b"]}, 'required[0]: must be 1 to 128 letters, digits, "_" and "-"'),
    ({"required": ["a", "a"]}, "required[1]: has been there before"),
    ({"required": [f"n{i}" for i in range(101)]}, "required: must be at most 100 names"),
    ({"variants": []}, "variants: must be 1 to 100"),
    ({"variants": [{"language": f"l{i}"} for i in range(101)]}, "variants: must be 1 to 100"),
    ({"variants": [{}, {"channel": "a/b"}]}, "variants[1].channel: is no name of a channel"),
    ({"variants": [{"language": "zh_CN"}]},
     'variants[0].language: must be at most 35 letters, digits and "-"'),
    ({"variants": [{"channel": "mail", "language": "zh"}, {"channel": "mail", "language": "ZH"}]},
     "variants[1].channel: has been there before with that language"),
    ({"variants": [{"subject": "x" * 1001}]},
     "variants[0].subject: must have at most 1000 bytes without control characters"),
    ({"variants": [{"subject": "a\r\nBcc: b"}]},
     "variants[0].subject: must have at most 1000 bytes without control characters"),
    ({"variants": [{"body": LONG}]}, "variants[0].body: must have at most 262144 bytes"),
    ({"variants": [{"html": LONG}]}, "variants[0].html: must have at most 262144 bytes"),
    ({"variants": [{"language": f"l{i}", "body": LONG[1:]} for i in range(4)] + [{"body": "x"}]},
     "variants: must have at most 1048576 bytes together"),
    ({"variants": [{"provider_template": "x\n"}]},
     "variants[0].provider_template: must have at most 255 bytes without control characters"),
    ({"variants": [{}, {"language": "en", "body": "a\n{{> b}}"}]},
     "variants[1].body: line 2: {{> }} is not known: a template takes no other one in"),
    ({"variants": [{"subject": "{{#a}}"}]}, 'variants[0].subject: line 1: section "a" is not closed'),
    ({"variants": [{"html": "{{{a}}}"}]},
     "variants[0].html: line 1: {{{ }}} is not known: all values are escaped"),
]


@pytest.mark.parametrize(("fields", "message"), REFUSED, ids=[m[:60] for _, m in REFUSED])
def test_what_is_refused(refusal, ask, fields, message):
    assert refusal("PutTemplate", **{"template": "x", "variants": [{}], **fields}) == (INVALID, message)
    assert not ask("ListTemplates").templates


def test_what_is_tried_out_must_hold_too(refusal):
    for fields, message in REFUSED:
        if set(fields) == {"variants"}:
            assert refusal("PreviewTemplate", **fields) == (INVALID, message)


def test_the_largest_is_taken(ask, put):
    variants = [{"language": f"l{i}", "body": "{{a}}" * 52428} for i in range(4)]
    put("x" * 255, *variants, channel=",".join(f"c{i}" for i in range(10)),
        required=[f"n{i}" for i in range(100)])
    assert len(ask("GetTemplate", template="x" * 255).template.variants) == 4


def test_it_is_known_what_must_be_given_and_for_whom_it_is(put, space, database):
    put("x", {"subject": "{{a}} {{title}}", "body": "{{#b}}{{c}}{{/b}}{{d.e}}"},
        {"language": "en", "html": "{{a}}{{noticeId}}{{f}}"}, required=["z", "message"])
    assert known(database, space, "x") == ("{z,message,a,d,f}", "f", "f")
    put("x", {"body": "{{#user}}x{{/user}}"})
    assert known(database, space, "x") == ("{}", "t", "f")
    put("x", {}, {"channel": "mail", "html": "{{#a}}{{receipt}}{{/a}}"})
    assert known(database, space, "x") == ("{}", "t", "t")


# --- what it makes --------------------------------------------------------------------------------

def test_a_preview_has_what_notices_have(ask, refusal):
    everything = "{{sender}}|{{title}}|{{message}}|{{user}}|{{receipt}}|{{noticeId}}"
    shown = ask("PreviewTemplate", variants=[{"subject": everything, "body": everything + "|{{time}}"}])
    nobody = "00000000-0000-0000-0000-000000000000"
    assert shown.subject == f"sender|title|message|user|{LINK}|{nobody}"
    body, at = shown.body.rsplit("|", 1)
    assert body == shown.subject and shown.html == ""
    assert abs(time.time() - time.mktime(time.strptime(at, "%Y-%m-%dT%H:%M:%SZ")) + time.timezone) < 60
    shown = ask("PreviewTemplate", variants=[{"subject": everything}], sender="S", title="T<",
                message="M\nM", user="U", params='{"receipt":"mine"}')
    assert (shown.subject, shown.body) == (f"S|T<|M M|U|mine|{nobody}", "M\nM")
    for field, most in ("user", 255), ("sender", 255), ("title", 1000):
        assert refusal("PreviewTemplate", variants=[{}], **{field: "x" * (most + 1)}) == (
            INVALID, f"{field}: must have at most {most} bytes")
        assert refusal("PreviewTemplate", variants=[{}], **{field: "a\n"}) == (
            INVALID, f"{field}: must not hold control characters")


def test_a_preview_of_a_version(ask, put, refusal):
    put("x", {"body": "1 {{code}}"})
    put("x", {"body": "2 {{code}}"}, {"channel": "mail", "body": "mail {{#b}}{{code}}{{/b}}"},
        {"channel": "mail", "language": "zh", "body": "邮件"}, required=["b"])

    def body(**fields):
        return ask("PreviewTemplate", template="x", params='{"code":"7","b":null}', **fields).body

    assert (body(), body(version=1), body(channel="mail"), body(channel="mail", language="zh-CN")) == (
        "2 7", "1 7", "mail ", "邮件")
    assert refusal("PreviewTemplate", template="x", params='{"b":1}') == (
        INVALID, 'params: "code" is missing, template "x" needs it')
    assert refusal("PreviewTemplate", template="x", params='{"code":1}') == (
        INVALID, 'params: "b" is missing, template "x" needs it')
    assert refusal("PreviewTemplate", template="x") == (
        INVALID, 'params: "b" is missing, template "x" needs it')
    assert refusal("PreviewTemplate", variants=[{"body": "{{a}}"}]) == (
        INVALID, 'params: "a" is missing, the variants need it')
    assert refusal("PreviewTemplate", template="x", version=3)[0] == NOT_FOUND
    assert refusal("PreviewTemplate", template="x", variants=[{}]) == (
        INVALID, "variants: not beside template")
    assert refusal("PreviewTemplate", template="x", params="[]")[0] == INVALID
    assert refusal("PreviewTemplate", variants=[{}], params=json.dumps({"a": "x" * 65536})) == (
        INVALID, "params: must have at most 65536 bytes")
    assert refusal("PreviewTemplate", variants=[{}], channel="a b")[0] == INVALID
    assert refusal("PreviewTemplate", variants=[{}], language="a b")[0] == INVALID


def test_params_may_be_a_string_that_holds_an_object(ask):
    shown = ask("PreviewTemplate", variants=[{"body": "{{a}}"}], params=json.dumps('{"a": 1.50}'))
    assert shown.body == "1.50"


def test_values_cannot_leave_their_place(preview):
    evil = "{{user}}\r\nBcc: x@example.org\r\n\r\n\"'><script>&\u2028"
    shown = preview({"subject": "S {{v}}", "body": "B {{v}}", "html": "<p title='{{v}}'>{{v}}</p>"}, v=evil)
    assert shown.subject == "S {{user}}  Bcc: x@example.org    \"'><script>& "
    assert shown.body == "B " + evil
    escaped = evil.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace(
        '"', "&quot;").replace("'", "&#39;")
    assert shown.html == f"<p title='{escaped}'>{escaped}</p>"
    assert preview({"html": '<a href="{{v}}">'}, v="JavaScript:alert(1)").html == '<a href="#">'
    assert preview({"body": "{{v}}"}, v="a\0b").body == "a\ufffdb"


def test_markdown_goes_by_the_channel(ask):
    def body(channel):
        return ask("PreviewTemplate", variants=[{"body": "**{{v}}**"}], channel=channel,
                   params='{"v":"[x](http://y) <@all>"}').body

    escaped = "**\\[x\\]\\(http\\://y\\) \\<\\@all\\>**"
    plain = "**[x](http://y) <@all>**"
    channels = {"dingtalk": escaped, "wechat": plain, "site": plain, "sms": plain, "other": plain}
    assert {channel: body(channel) for channel in channels} == channels
    # By their settings, once there are any.
    for channel, kind, form, secret in [("dingtalk", "dingtalk", "text", "access_token"),
                                        ("robot", "wechat", "markdown", "key")]:
        ask("PutChannel", channel=channel, kind=kind, settings=json.dumps({"format": form}),
            secrets={secret: "s"})
    observe.wait_until(lambda: body("robot") != plain)
    assert (body("robot"), body("dingtalk")) == (escaped, plain)


def test_what_becomes_too_large_is_refused(refusal):
    grows = [{"html": "{{#a}}{{#a}}{{t}}{{/a}}{{/a}}"}]
    params = json.dumps({"a": list(range(1000)), "t": "<" * 1000})
    code, message = refusal("PreviewTemplate", variants=grows, params=params)
    assert (code, message) == (grpc.StatusCode.RESOURCE_EXHAUSTED,
                               "what the template makes of the parameters is larger than 1048576 bytes")


# --- in the database ------------------------------------------------------------------------------

def test_the_servers_may_only_read(database, put, space):
    put("x", {"body": "a"})
    for statement in ("UPDATE notice.template SET deleted = true", "DELETE FROM notice.template",
                      "SELECT notice.lock_template('a', 'b')"):
        with pytest.raises(Exception, match="permission denied"):
            database.rows("SET ROLE junction_app; " + statement)
    database.rows(f"SET ROLE junction_app; SELECT notice.delete_template('{space}', 'x')")
