"""GraphQL endpoints of service configuration files: what Junction learns of them, and Call of it."""

import json
import os

import grpc
import pytest

import graphql_servers
import npm
import programs
from configurations import Folder, text
from observe import wait_logged, wait_until

USER = "{ id name role address { city street } friends { id name role } }"


def int_of(name, kind="SCALAR"):
    return {"kind": kind, "name": name, "ofType": None}


# Of a node that answers what the test says: one query, one mutation.
SCHEMA = {"data": {"__schema": {
    "queryType": {"name": "Query"}, "mutationType": {"name": "Mutation"}, "types": [
        {"kind": "OBJECT", "name": "Query", "fields": [
            {"name": "echo", "type": int_of("Json"), "args": [
                {"name": "value", "type": int_of("Json"), "defaultValue": None}]}]},
        {"kind": "OBJECT", "name": "Mutation", "fields": [
            {"name": "put", "type": int_of("Json"), "args": []}]}]}}}


class Raw:
    """A node that tells SCHEMA, and otherwise answers the bytes in answer."""

    def __init__(self):
        self.answer = b'{"data":{}}'
        self.status = 200
        self.upstream = programs.Upstream(self.serve)

    def serve(self, request):
        if b"IntrospectionQuery" in request.body:
            return 200, {}, json.dumps(SCHEMA).encode()
        return self.status, {"Content-Type": "application/json"}, self.answer

    def asked(self):
        """The last request."""
        return self.upstream.requests[-1]


@pytest.fixture(scope="module")
def raw():
    raw = Raw()
    with raw.upstream:
        yield raw


@pytest.fixture(scope="module")
def nodes():
    with graphql_servers.running("http", "apollo", "closed", "github") as (copy, ports):
        yield copy, ports


@pytest.fixture(scope="module")
def folder(nodes, raw):
    with Folder() as folder:
        for kind, port in [*nodes[1].items(), ("raw", raw.upstream.port)]:
            folder.put(f"{kind}.config.json", text(kind, GraphQL=graphql_servers.url(port)))
        yield folder


@pytest.fixture(scope="module")
def server(database, folder):
    server = folder.serve(database, "--check-interval-ms", "0")
    yield server
    server.stop()


@pytest.fixture(scope="module")
def actions(registry, stubs):
    """Those of a service by name, when they are there."""
    def actions(service):
        listed = {}

        def there():
            request = stubs.registry.ListActionsRequest(service=service)
            listed.update({a.name: a for a in registry.ListActions(request, timeout=60).actions})
            return listed
        wait_until(there)
        return listed
    return actions


@pytest.fixture(scope="module")
def call(registry, stubs, actions):
    def call(service, action, **fields):
        actions(service)
        answer = registry.Call(stubs.registry.CallRequest(
            service=service, action=action,
            **{k: v if isinstance(v, str) else json.dumps(v) for k, v in fields.items()}),
            timeout=60)
        return answer.code, answer.result
    return call


def refusal(function):
    with pytest.raises(grpc.RpcError) as caught:
        function()
    return caught.value.code(), caught.value.details()


def document(database, service, action):
    return json.loads(database.rows(
        "SELECT data ->> 'graphql' FROM registry.action"
        f" WHERE service_key = '{service}' AND name = '{action}'")[0][0])


# --- what is learned -----------------------------------------------------------------------------

@pytest.mark.parametrize("service", ["http", "apollo"])
def test_queries_and_mutations_become_actions(actions, service):
    listed = actions(service)
    assert sorted(listed) == sorted(f"{service}.{name}" for name in (
        "user", "users", "Users-2", "search", "node", "whole", "fail", "half", "mutation.user",
        "addUser", "addUsers"))
    one = listed[f"{service}.users"]
    assert one.available and (one.action.method, one.action.uri) == ("POST", "/graphql")
    assert json.loads(one.params) == {
        "first": {"type": "number", "required": False, "graphql": "Int!"},
        "role": {"type": "string", "required": False, "graphql": "Role"},
        "tags": {"type": "array", "items": "string", "required": False, "graphql": "[String!]"}}
    assert json.loads(listed[f"{service}.addUsers"].params) == {
        "users": {"type": "array", "items": "array", "required": True,
                  "graphql": "[[UserInput!]!]!"}}


@pytest.mark.parametrize("service, least", [("http", 11), ("apollo", 11), ("github", 200)])
def test_every_document_is_valid_by_graphql_js(nodes, database, actions, service, least):
    copy, ports = nodes
    actions(service)
    documents = dict(database.rows(
        "SELECT name, data ->> 'graphql' FROM registry.action"
        f" WHERE service_key = '{service}'"))
    assert len(documents) >= least
    with open(os.path.join(copy, "documents"), "w", encoding="utf-8") as file:
        json.dump(documents, file)
    wrong = npm.run(copy, "validate.js", graphql_servers.url(ports[service]), "documents")
    assert json.loads(wrong) == {}


def test_an_endpoint_that_does_not_tell_its_schema_is_told_in_the_log(server):
    told = wait_logged(server, "GraphQL schema not read", service="closed")[0]
    assert told["reason"].startswith("status 400: the GraphQL endpoint does not tell its schema: "
                                     "GraphQL introspection is not allowed by Apollo Server")


# --- Call ----------------------------------------------------------------------------------------

@pytest.mark.parametrize("service", ["http", "apollo"])
def test_a_query_and_a_mutation_with_variables(call, service):
    code, result = call(service, "addUser", body={"user": {"name": "Grace", "role": "GUEST"}})
    made = json.loads(result)["data"]["addUser"]
    assert code == "200" and made["name"] == "Grace"
    assert made["address"] == {"city": "北京", "street": None}
    ada = {"id": "1", "name": "Ada", "role": "ADMIN"}
    assert ada in made["friends"]
    code, result = call(service, "user", param={"id": "1"})
    assert code == "200" and json.loads(result)["data"]["user"]["name"] == "Ada"
    code, result = call(service, "mutation.user", body={"id": made["id"]})
    assert json.loads(result)["data"]["user"]["name"] == "Grace"
    code, result = call(service, "users", body={"first": 1, "role": "ADMIN"})
    assert [u["name"] for u in json.loads(result)["data"]["users"]] == ["Ada"]
    # The default of what is not given.
    code, result = call(service, "users")
    assert len(json.loads(result)["data"]["users"]) > 1


def test_names_that_differ_only_in_case_are_two_actions(call):
    many = json.loads(call("http", "users")[1])["data"]["users"]
    assert json.loads(call("http", "Users-2")[1]) == {"data": {"Users": len(many)}}


def test_what_has_other_types_is_asked_for_too(call):
    assert json.loads(call("http", "search", body={"text": "x"})[1])["data"]["search"][0] == {
        "__typename": "User"}
    assert json.loads(call("http", "node", body={"id": "1"})[1]) == {
        "data": {"node": {"__typename": "User", "id": "1"}}}
    assert json.loads(call("http", "whole")[1]) == {
        "data": {"whole": {"part": {"sound": "part", "broken": None}, "parts": None}}}


@pytest.mark.parametrize("service, status", [("http", "200"), ("apollo", "400")])
def test_wrong_variables_are_errors_in_the_result(call, service, status):
    for variables in ({}, {"id": {"a": 1}}):
        code, result = call(service, "user", body=variables)
        answer = json.loads(result)
        assert code == status and "$id" in answer["errors"][0]["message"]
        assert "data" not in answer


@pytest.mark.parametrize("service", ["http", "apollo"])
def test_errors_of_fields_come_with_code_200(call, service):
    code, result = call(service, "fail")
    answer = json.loads(result)
    assert (code, answer["data"]) == ("200", {"fail": None})
    assert answer["errors"][0]["message"] == "it is broken"
    answer = json.loads(call(service, "half")[1])
    assert answer["data"] == {"half": {"sound": "sound", "broken": None}}
    assert answer["errors"][0]["path"] == ["half", "broken"]


def test_the_body_is_the_operation_and_the_variables_as_they_were_given(call, raw):
    given = '{ "value":12345678901234567890.10, "a":1e400,"é":"\\u0000" }'
    for fields in ({"body": given}, {"param": given}, {"body": json.dumps(given)},
                   {"body": given, "param": "{}"}):
        raw.answer = b' {"data":{"echo":1.50},"errors":[ ]}'
        assert call("raw", "echo", **fields) == ("200", '{"data":{"echo":1.50},"errors":[ ]}')
        asked = raw.asked()
        assert (asked.method, asked.path) == ("POST", "/graphql")
        assert asked.headers["content-type"] == "application/json"
        assert asked.headers["accept"] == (
            "application/graphql-response+json, application/json;q=0.9")
        assert asked.body.decode() == (
            '{"query":"query echo($value: Json) { echo(value: $value) }","variables":'
            + given + "}")
    call("raw", "put")
    assert raw.asked().body == b'{"query":"mutation put { put }"}'


def test_a_caller_may_say_what_it_accepts(call, raw):
    call("raw", "put", header={"Accept": "text/x", "content-type": "Application/JSON ; charset=x"})
    assert raw.asked().headers.get_all("accept") == ["text/x"]
    assert raw.asked().headers.get_all("content-type") == ["Application/JSON ; charset=x"]


@pytest.mark.parametrize("fields, field", [
    ({"body": "[1]"}, "body: must be a JSON object: the variables"),
    ({"body": "x"}, "body: must be a JSON object: the variables"),
    ({"body": "{}", "param": {"query": "{ other }"}}, "param: must not be given with a body"),
    ({"method": "GET"}, "method: must be POST"),
    ({"header": {"Content-Type": "application/x-www-form-urlencoded"}},
     "header.content-type: must be application/json"),
    ({"header": {"Content-Type": "application/jsonx"}}, "header.content-type: "),
    ({"header": {"Content-Type": "application/graphql"}}, "header.content-type: ")])
def test_nothing_but_variables_can_be_said(call, raw, actions, fields, field):
    actions("raw")
    before = len(raw.upstream.requests)
    code, details = refusal(lambda: call("raw", "echo", **fields))
    assert code == grpc.StatusCode.INVALID_ARGUMENT and details.startswith(field)
    assert len(raw.upstream.requests) == before


def test_another_status_is_the_code(call, raw):
    raw.status, raw.answer = 503, b'{"errors":[{"message":"later"}]}'
    assert call("raw", "echo") == ("503", '{"errors":[{"message":"later"}]}')
    raw.status = 200


def test_an_answer_can_be_streamed(registry, stubs, raw, actions):
    actions("raw")
    raw.answer = b'{"data":[' + b"0," * 100000 + b"0]}"
    pieces = list(registry.CallStream(stubs.registry.CallStreamRequest(
        service="raw", action="raw.echo", body='{"value":1}'), timeout=60))
    assert pieces[0].content_type == "application/json"
    assert b"".join(p.data for p in pieces) == raw.answer
    assert json.loads(raw.asked().body)["variables"] == {"value": 1}
