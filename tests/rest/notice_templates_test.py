"""Templates over HTTP: from the first version to the last, and what stands in a refusal."""

import json


def good(answer):
    assert answer.status == 200, answer
    assert answer.headers["Content-Type"].startswith("application/json")
    return answer.json()


def refused(answer, status, code, message):
    assert answer.status == status, answer
    body = answer.json()
    assert (body["code"], body["message"]) == (code, message)
    return body


def put(bridge, template, value):
    return bridge.request("PUT", "/v1/notice/templates/" + template, json.dumps(value))


VARIANT = {"channel": "", "language": "", "subject": "", "body": "", "html": "", "providerTemplate": ""}
GIVEN = {"channel": "mail,sms", "required": ["code"], "variants": [
    {"channel": "mail", "language": "zh-CN", "subject": "验证码", "html": "<b>{{code}}</b>"},
    {"channel": "sms", "providerTemplate": "SMS_12345"}]}
SHOWN = {"template": "verify/1", "version": 1, "channel": "mail,sms", "required": ["code"],
         "variants": [{**VARIANT, **v} for v in GIVEN["variants"]], "deleted": False}


def test_a_template_from_its_first_version_to_its_end(bridge):
    made = good(put(bridge, "verify%2F1", GIVEN))["template"]
    created = made.pop("createdAt")
    assert created.isdigit() and made == SHOWN
    assert good(put(bridge, "verify%2F1", {**GIVEN, "variants": [{}]}))["template"]["version"] == 2
    assert good(bridge.get("/v1/notice/templates/verify%2F1?version=1"))["template"] == {
        **SHOWN, "createdAt": created}
    listed = good(bridge.get("/v1/notice/templates"))
    assert ([t["version"] for t in listed["templates"]], listed["nextPageToken"]) == ([2], "")
    page = good(bridge.get("/v1/notice/templates?template=verify%2F1&pageSize=1"))
    rest = good(bridge.get("/v1/notice/templates?template=verify%2F1&pageToken=" + page["nextPageToken"]))
    assert [t["version"] for t in page["templates"] + rest["templates"]] == [2, 1]
    assert good(bridge.request("DELETE", "/v1/notice/templates/verify%2F1")) == {}
    refused(bridge.get("/v1/notice/templates/verify%2F1"), 404, 5, "no template verify/1")
    assert good(bridge.get("/v1/notice/templates/verify%2F1?version=2"))["template"]["deleted"]


def test_a_refusal_names_the_variant_and_the_line(bridge):
    body = refused(put(bridge, "x", {"variants": [{}, {"channel": "mail", "html": "<p>\n{{{code}}}"}]}), 400, 3,
                   "variants[1].html: line 2: {{{ }}} is not known: all values are escaped")
    assert body["details"][0]["fieldViolations"][0]["field"] == "variants[1].html"
    refused(put(bridge, "x", {}), 400, 3, "variants: must be 1 to 100")
    refused(bridge.get("/v1/notice/templates/x"), 404, 5, "no template x")


def test_a_preview_takes_params_as_they_are(bridge):
    def preview(**fields):
        return bridge.post("/v1/notice/templates/preview", fields)

    variants = [{"subject": "{{n}}", "body": "{{o}}{{receipt}}", "html": "{{#l}}<i>{{.}}</i>{{/l}}"}]
    answer = bridge.request("POST", "/v1/notice/templates/preview", json.dumps(
        {"variants": variants, "params": "@"}).replace(
            '"@"', '{"n":12345678901234567890.10,"o":{"b": 1,"a":[ ]},"l":["<","&"]}'))
    assert good(answer) == {"subject": "12345678901234567890.10", "body": '{"b": 1,"a":[ ]}',
                            "html": "<i>&lt;</i><i>&amp;</i>"}
    assert good(preview(variants=[{"body": "{{a}}"}], params='{"a":"{{title}}"}'))["body"] == "{{title}}"
    body = refused(preview(variants=[{"body": "{{code}}"}]), 400, 3,
                   'params: "code" is missing, the variants need it')
    assert body["details"][0]["fieldViolations"][0]["field"] == "params"
    refused(preview(template="none"), 404, 5, "no template none")
