"""Real answers against the schemas that the document gives for them. Of an object nothing may be
there that the document does not name."""

import copy
import json

import jsonschema
import pytest

import extensions
import observe
import programs

EVERYTHING = {
    "int32Value": -1, "int64Value": "-9007199254740993", "uint32Value": 4294967295,
    "uint64Value": "18446744073709551615", "fixed64Value": "1", "floatValue": "NaN",
    "doubleValue": 1.5, "boolValue": True, "stringValue": "grüße", "bytesValue": "AAEC",
    "enumValue": "COLOR_RED", "messageValue": {"int64Value": "1", "messageValue": {}},
    "optionalInt32": 0, "repeatedInt32": [1, 2], "repeatedMessage": [{}, {"raw": [1.0]}],
    "mapString": {"a": "b"}, "mapMessage": {"-1": {}}, "mapBool": {"true": 1},
    "choiceInt64": "5", "raw": {"any": [None, 1e300]}, "another-name": "x",
    "timestamp": "2026-01-02T03:04:05.678Z", "duration": "-1.500s", "fieldMask": "a,b.cD",
    "struct": {"a": [1, None]}, "value": ["x"], "listValue": [{}], "empty": {},
    "any": {"@type": "type.googleapis.com/google.protobuf.Duration", "value": "1s"},
    "int32Wrapper": 1, "int64Wrapper": "2", "uint32Wrapper": 3, "uint64Wrapper": "4",
    "floatWrapper": 0.5, "doubleWrapper": "Infinity", "boolWrapper": False, "stringWrapper": "",
    "bytesWrapper": "AA==", "repeatedTimestamp": ["1970-01-01T00:00:00Z"],
    "mapValue": {"a": None}}


class Document:
    def __init__(self, bridge):
        self.bridge = bridge
        self.json = bridge.get("/openapi.json").json()
        closed = copy.deepcopy(self.json)
        close(closed)
        self.resolver = jsonschema.RefResolver.from_schema(closed)
        self.closed = closed

    def look_up(self, node):
        while "$ref" in node:
            node = self.resolver.resolve(node["$ref"])[1]
        return node

    def validate(self, schema, value):
        jsonschema.Draft202012Validator.check_schema(schema)
        jsonschema.Draft202012Validator(schema, resolver=self.resolver).validate(value)

    def check(self, verb, path, answer):
        """The answer is one that the operation documents."""
        responses = self.closed["paths"][path][verb]["responses"]
        status = str(answer.status)
        assert status in responses or status[0] + "XX" in responses, answer
        response = self.look_up(responses.get(status) or responses[status[0] + "XX"])
        kind = answer.headers["Content-Type"].split(";")[0]
        kind = "*/*" if "*/*" in response["content"] else kind
        assert kind in response["content"], answer
        media = response["content"][kind]
        if media.get("x-each-line"):
            for line in answer.body.splitlines():
                if line:
                    self.validate(media["schema"], json.loads(line))
        elif kind == "application/json":
            self.validate(media["schema"], answer.json())

    def call(self, verb, path, body=None, headers=None, target=None):
        """Sends a request, checks the answer, and gives it."""
        body = body if body is None or isinstance(body, (str, bytes)) else json.dumps(body)
        answer = self.bridge.request(verb.upper(), target or path, body, headers)
        self.check(verb, path, answer)
        return answer


def close(node):
    """Wherever a message is the value of something, no member beyond its own is allowed."""
    children = list(node.values()) if isinstance(node, dict) else node
    if isinstance(node, dict):
        values = [node.get(key) for key in ("schema", "items", "additionalProperties")]
        for value in [*values, *node.get("oneOf", []), *node.get("properties", {}).values()]:
            if isinstance(value, dict) and ("$ref" in value or "allOf" in value):
                value["unevaluatedProperties"] = False
    for child in children:
        if isinstance(child, (dict, list)):
            close(child)


@pytest.fixture(scope="module")
def extension_ports():
    with extensions.ports() as ports:
        yield ports


@pytest.fixture(scope="module")
def server(database, extension_ports):
    server = programs.Server(database.url, *extensions.option(extension_ports))
    yield server
    server.stop()


@pytest.fixture(scope="module")
def document(bridge):
    return Document(bridge)


@pytest.fixture(scope="module")
def trial(trial_bridge):
    return Document(trial_bridge)


@pytest.fixture(scope="module")
def upstream(bridge):
    with programs.Upstream(lambda r: (200, {}, b'{"z":1.0}')) as upstream:
        bridge.post("/v1/server/demo/register", {"host": "127.0.0.1", "port": upstream.port})
        bridge.post("/v1/service/registry", {
            "server_name": "demo", "service_name": "list", "uri": "/list", "method": "GET",
            "params": {"a": [1]}, "headers": {}})
        yield upstream


class Fake:
    """An answer of our own making."""
    status, headers = 200, {"Content-Type": "application/json"}

    def __init__(self, body):
        self.body = body

    def json(self):
        return json.loads(self.body)


GOOD = b'{"retcode":0,"retmsg":"success","data":{"host":"h","port":1,"protocol":"http"}}'


@pytest.mark.parametrize("old, new", [
    (b'"port":1', b'"port":"1"'), (b'"data"', b'"date"'), (b'"port"', b'"pott"'),
    (b'"retcode":0', b'"retcode":7'), (b'"retmsg":"success",', b"")])
def test_the_checks_find_what_is_wrong(document, old, new):
    document.check("post", "/v1/server/{server_name}/get", Fake(GOOD))
    with pytest.raises(jsonschema.ValidationError):
        document.check("post", "/v1/server/{server_name}/get", Fake(GOOD.replace(old, new)))


def test_fate(document, upstream):
    def call(path, body, name="demo"):
        return document.call("post", path, body, target=path.replace("{server_name}", name)).json()
    register = "/v1/server/{server_name}/register"
    assert call(register, {"host": "h", "port": 1}, "one")["retcode"] == 0
    assert call(register, {"host": "h", "port": "x"}, "one")["retcode"] == 101
    get = "/v1/server/{server_name}/get"
    assert call(get, {})["data"] and "data" not in call(get, {}, "nobody")
    assert call("/v1/server/get", {})["data"]
    assert call("/v1/service/query", {"service_name": "list"})["data"]["service_info"]
    assert call("/v1/service/query", {})["retcode"] == 101
    bulk = {"two": {"host": "h", "port": 2, "api": {"a": {"uri": "/a"}}}}
    assert call("/v1/service/registry", bulk)["retcode"] == 0
    assert call("/v1/service/registry", {"a": 1})["retcode"] == 101
    assert call("/v1/service/delete", {"server_name": "two", "service_name": "a"})["retcode"] == 0
    assert call("/v1/server/{server_name}/delete", {}, "two")["retcode"] == 0
    assert call("/v1/server/{server_name}/delete", {}, "two")["retcode"] == 100
    assert document.call("post", get, "{}", {"Host": "elsewhere.example"},
                         target="/v1/server/demo/get").status == 421


def test_mw(document, upstream):
    good = document.call("post", "/mw/call", {"service": "demo", "action": "list"})
    assert good.json()["result"] == {"z": 1.0}
    assert document.call("post", "/mw/call", {"service": "x", "action": "y"}).status == 404
    assert document.call("post", "/mw/call", {}).status == 400
    assert document.call("post", "/mw/call", "{}", {"Origin": "http://elsewhere.example"}).status == 403


def test_lists(document, upstream):
    assert len(document.call("get", "/mw/services").json()) > 1
    assert document.call("get", "/mw/services", target="/mw/services?name=demo").json()
    assert document.call("get", "/mw/actions", target="/mw/actions?service=demo").json()
    assert document.call("get", "/mw/events", target="/mw/events?service=demo").json() == []
    assert document.call("get", "/mw/actions").status == 400
    assert document.call("get", "/mw/events", target="/mw/events?service=x").status == 404


# --- hooks, by the built-in provider ------------------------------------------------------------

@pytest.fixture(scope="module")
def keys(document):
    """URI of the keys; the own party has one."""
    keys = "/v1/auth/party-keys"
    observe.wait_until(lambda: document.call("get", keys).json()["keys"])
    return keys


def test_hooks(document, keys):
    def code(name, body):
        return document.call("post", f"/v1/auth/{name}", body).json()["code"]
    signed = document.call("post", "/v1/auth/signature", {"party_id": 9999, "body": {"a": 1}})
    assert signed.json()["code"] == 0 and signed.json()["data"]
    request = {"src_party_id": "9999", "body": {"a": 1}}
    assert code("site_authentication", {**request, "site_signature": signed.json()["data"]}) == 0
    assert code("site_authentication", {**request, "site_signature": "AAAA"}) != 0
    assert code("signature", {"party_id": 1, "body": {}}) == 108
    assert code("signature", {"party_id": 9999}) == 101
    assert code("client_authentication", {"full_path": "/x?", "headers": {}}) != 0
    asked = {"src_party_id": 9999, "component_list": [], "dataset_list": [], "more": [1]}
    assert code("permission", asked) == 0
    assert code("permission", {**asked, "src_party_id": 1}) == 108
    assert document.call("post", "/v1/auth/permission", "{", None).json()["code"] == 101
    assert document.call("post", "/v1/auth/permission", "{}",
                         {"Host": "elsewhere.example"}).status == 421


def test_parties(document, keys):
    grants = "/v1/auth/party-grants"
    rotate = "/v1/auth/party-keys/{party_id}/rotate"
    assert document.call("post", rotate, {}, target=f"{keys}/9999/rotate").status == 200
    assert document.call("post", rotate, {}, target=f"{keys}/1/rotate").status >= 400
    own = document.call("get", keys).json()["keys"]
    delete = "/v1/auth/party-keys/{party_id}/{key_id}"
    assert document.call("delete", delete, target=f"{keys}/9999/{own[-1]['keyId']}").status == 200
    assert document.call("delete", delete, target=f"{keys}/9999/{own[-1]['keyId']}").status == 404
    assert document.call("post", keys, {"partyId": "1", "publicKey": "x"}).status == 400
    grant = {"partyId": "1", "kind": "GRANT_KIND_ROLE", "name": "guest"}
    assert document.call("post", grants, {"grant": grant}).json() == {}
    assert document.call("get", grants).json()["grants"]
    query = "&".join(f"grant.{name}={value}" for name, value in grant.items())
    assert document.call("delete", grants, target=f"{grants}?{query}").status == 200
    assert document.call("delete", grants, target=f"{grants}?{query}").status == 404


# --- ApiReader ----------------------------------------------------------------------------------

def third_party(request):
    """As an ApiReader's server answers; /refuse refuses with a number of its own."""
    answers = {"/upload": {"code": 0, "message": "ok", "data": {"jobId": "7"}},
               "/query": {"code": 0, "message": "ok", "data": {"status": "WAITING"}},
               "/refuse": {"code": -7, "message": "no"}}
    path = request.path.split("?")[0]
    if path == "/download":
        return 200, {"Content-Type": "text/csv"}, b"id,x\n1,2\n"
    return 200, {"Content-Type": "application/json"}, json.dumps(answers[path]).encode()


@pytest.fixture(scope="module")
def reader(bridge):
    with programs.Upstream(third_party) as upstream:
        for server in ("reader", "refuser"):
            bridge.post(f"/v1/server/{server}/register",
                        {"host": "127.0.0.1", "port": upstream.port})
            for service in ("upload", "query", "download"):
                uri = f"/{service}" if server == "reader" else "/refuse"
                bridge.post("/v1/service/registry", {
                    "server_name": server, "service_name": service, "uri": uri})
        yield upstream


@pytest.mark.parametrize("name, status, code", [
    ("reader", 200, 0), ("refuser", 500, -7), ("nobody", 404, 404)])
def test_api_reader(document, reader, name, status, code):
    def call(service, body, query=""):
        path = f"/v1/api_reader/{{server_name}}/{service}"
        return document.call("post", path, body, target=path.format(server_name=name) + query)
    requests = '?requestBody=%7B%22jobId%22%3A%227%22%7D'
    answers = [call("upload", b"1\n2\n", requests), call("query", {"jobId": 7}),
               call("download", None, requests)]
    assert [answer.status for answer in answers] == [status] * 3
    if status == 200:
        assert answers[0].json()["data"] == {"jobId": "7"}
        assert answers[1].json()["status"] == answers[1].json()["data"]["status"] == "running"
        assert answers[2].body == b"id,x\n1,2\n"
    else:
        assert [answer.json()["code"] for answer in answers] == [code] * 3


# --- extensions ---------------------------------------------------------------------------------

def test_extensions(document, extension_ports):
    address = f"127.0.0.1:{extension_ports[0]}"
    def call(what, address, name="audit"):
        headers = {"FunctionGraph-Extension-Name": name}
        headers |= {"FunctionGraph-Extension-Address": address} if address else {}
        return document.call("post", f"/extension/{what}", "{}", headers)
    good = call("register", address)
    assert good.json()["errorInfo"] == {"errorType": "", "errorMessage": ""}
    for wrong in (f"127.0.0.1:{extension_ports[-1] + 1}", address.replace("127", "10"), "", None):
        bad = call("register", wrong, "other")
        assert bad.status == 400 and bad.json()["errorInfo"]["errorType"] == "INVALID_ARGUMENT"
    assert call("register", address, "other").status == 409
    assert document.call("get", "/v1/extensions").json()["extensions"][0]["name"] == "audit"
    told = document.call("post", "/v1/function/invoke", {"waitMs": 0}).json()["extensions"]
    assert told[0]["outcome"] == "INVOCATION_OUTCOME_PENDING"
    assert call("deregister", None).status == 200
    assert call("deregister", None).status == 404
    assert document.call("post", "/v1/function/invoke", {"waitMs": -1}).status == 400


# --- the audit log ------------------------------------------------------------------------------

RECORD = {"optType": 1, "resultType": 0, "content": "c", "sourceNode": "n", "namespace": "answers",
          "severity": 6, "eventTime": 1, "target": "t", "ext": {"a": [1.0]}}


def test_audit_logs(document):
    path = "/mw/v1/audit/write"
    body = document.closed["paths"][path]["post"]["requestBody"]["content"]["application/json"]
    document.validate(body["schema"], RECORD)
    key = {"Idempotency-Key": "k"}
    assert document.call("post", path, RECORD, key).json()["results"]
    assert document.call("post", path, {}, key).status == 400
    assert document.call("post", path, {**RECORD, "optType": 2}, key).status == 409
    assert document.call("post", path, "{", {"Host": "elsewhere.example"}).status == 421
    many = document.call("post", "/v1/audit/write-batch", {"records": [RECORD, {}]}).json()
    assert [list(outcome) for outcome in many["outcomes"]] == [["record"], ["error"]]
    assert document.call("post", "/v1/audit/write-batch", {}).status == 400
    lines = document.call("post", "/v1/audit/write-stream", json.dumps(RECORD) + "\n{}").json()
    assert lines["written"] == lines["refused"] == "1" and lines["refusals"]
    assert document.call("post", "/v1/audit/write-stream", "{").status == 400


def test_audit_is_found(document):
    path, ever = "/mw/v1/audit/find", {"startTime": 4102444800000, "endTime": 0}
    assert document.bridge.post("/mw/v1/audit/write", RECORD).status == 200
    body = document.closed["paths"][path]["post"]["requestBody"]["content"]["application/json"]
    name = {"field": "namespace", "operator": "InList", "value": ["answers"]}
    request = {**ever, "fields": ["id", "ext"],
               "filter": {"op": "or", "subFilter": [{"expr": [name]}]}}
    document.validate(body["schema"], request)
    found = document.call("post", path, request).json()["result"]["records"]
    assert found[0].keys() == {"id", "ext"}
    assert document.call("post", path, ever).json()["result"]["continuationPoint"]
    assert document.call("post", path, {**ever, "prevQuery": True}).status == 400
    assert document.call("post", path, "{}", {"Origin": "http://elsewhere.example"}).status == 403
    export = "/v1/audit/export"
    assert document.call("post", export, {"fields": ["id"]}).body.startswith(b'{"id":"')
    assert document.call("get", export, target=f"{export}?format=EXPORT_FORMAT_CSV").status == 200
    assert document.call("get", export, target=f"{export}?fields=x").status == 400
    assert document.call("post", export, {"filter": {}}).status == 400


# --- what is no operation of a service ----------------------------------------------------------

@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/mw/server/health", "/openapi.json",
                                  "/docs", "/protos", "/descriptor-set"])
def test_what_the_bridge_answers_itself(document, path):
    assert document.call("get", path).status == 200
    assert document.call("get", path, None, {"Host": "elsewhere.example"}).status == 421


def test_native(trial):
    assert trial.call("post", "/trial/ring", {}).json()["rung"]
    assert trial.call("get", "/trial/streams").json()
    request = trial.closed["paths"]["/trial/echo"]["post"]["requestBody"]
    trial.validate(request["content"]["application/json"]["schema"], EVERYTHING)
    assert trial.call("post", "/trial/echo", EVERYTHING).json()["int64Value"] == "-9007199254740993"
    assert trial.call("post", "/trial/echo", {"int32Value": "x"}).status == 400
    assert trial.call("post", "/trial/echo", {"none": 1}).json()["code"] == 3


def test_streams(trial):
    for kind in ("application/json", "application/x-ndjson"):
        for target in ("/trial/count?count=3", "/trial/count?count=1&failCode=5"):
            answer = trial.call("get", "/trial/count", None, {"Accept": kind}, target=target)
            assert answer.headers["Content-Type"].startswith(kind) and b"@status" in answer.body
    assert trial.call("get", "/trial/count", target="/trial/count?count=x").status == 400
    assert trial.call("get", "/trial/listen", target="/trial/listen?limit=1").status == 200
    assert trial.call("get", "/trial/listen", target="/trial/listen?limit=x").status == 400


def test_events_of_a_stream_hold_what_its_elements_are(trial):
    answer = trial.call("get", "/trial/count", None, {"Accept": "text/event-stream"},
                        target="/trial/count?count=2")
    events = [dict(line.split(": ", 1) for line in event.split("\n"))
              for event in answer.body.decode().strip().split("\n\n")]
    message = trial.closed["components"]["schemas"]["CountResponse"]
    for event in events[:-1]:
        trial.validate(message, json.loads(event["data"]))
    assert len(events) == 3 and events[-1]["event"] == "end"
    trial.validate(trial.closed["components"]["schemas"]["Status"], json.loads(events[-1]["data"]))


def test_client_streams(trial):
    path = "/trial/sum"
    assert trial.call("post", path, '{"number":1}\n{"number":"2"}\n').json()["sum"] == "3"
    assert trial.call("post", path, '{"number":-1}').status == 400
    answer = trial.call("post", "/trial/upload/{name}", b"\xff\x00", target="/trial/upload/x")
    assert answer.json()["size"] == "2"
