"""GraphQL through the gateway: a stock client and stock servers of npm at its two ends."""

import json

import pytest

import graphql_servers
import npm
import programs
from configurations import Folder, text
from observe import wait_until


@pytest.fixture(scope="module")
def nodes():
    with graphql_servers.running("http", "apollo") as (copy, ports):
        yield copy, ports


@pytest.fixture(scope="module")
def rest():
    """What the service has besides: no GraphQL."""
    with programs.Upstream(lambda r: (200, {}, r.path.encode())) as upstream:
        yield upstream


@pytest.fixture(scope="module")
def server(database, nodes, rest):
    with Folder() as folder:
        for kind, port in nodes[1].items():
            folder.put(f"{kind}.config.json", text(
                kind, GraphQL=graphql_servers.url(port), restAPIs=f"http://127.0.0.1:{rest.port}"))
        folder.put("plain.config.json", text("plain", restAPIs=f"http://127.0.0.1:{rest.port}"))
        server = folder.serve(database, "--check-interval-ms", "0")
        yield server
        server.stop()


@pytest.mark.parametrize("service", ["http", "apollo"])
def test_a_stock_client_sees_what_it_sees_without_junction(bridge, nodes, service):
    copy, ports = nodes
    seen = json.loads(npm.run(copy, "client.js", f"http://{bridge.address}/api/{service}/graphql"))
    ada = {"user": {"id": "1", "name": "Ada", "address": {"city": "北京"}}}
    assert (seen["posted"], seen["schema"]) == (ada, "Query")
    assert seen["added"]["addUser"]["name"] == "é😀"
    assert len(seen["batch"]) == 50 and all(seen["batch"])
    assert seen["broken"]["status"] == 200
    assert seen["broken"]["data"] == {"fail": None, "half": {"sound": "sound", "broken": None}}
    assert sorted(seen["broken"]["errors"]) == ["half of it is broken", "it is broken"]
    direct = json.loads(npm.run(copy, "client.js", graphql_servers.url(ports[service])))
    del seen["added"], direct["added"]
    assert seen == direct


def test_a_question_of_get_goes_with_its_query(bridge):
    seen = bridge.get("/api/http/graphql?query=%7Buser(id%3A%221%22)%7Bname%7D%7D",
                      {"Accept": "application/graphql-response+json"})
    assert seen.status == 200 and json.loads(seen.body) == {"data": {"user": {"name": "Ada"}}}
    assert seen.headers["content-type"].startswith("application/graphql-response+json")
    # A mutation may not be asked so: the node says it.
    seen = bridge.get("/api/http/graphql?query=mutation%7Buser(id%3A%221%22)%7Bname%7D%7D")
    assert seen.status == 405 and "errors" in json.loads(seen.body)


def test_what_is_no_json_is_the_nodes_to_refuse(bridge):
    body = ('--x\r\nContent-Disposition: form-data; name="operations"\r\n\r\n'
            '{"query":"{ Users }"}\r\n--x--\r\n')
    seen = bridge.request("POST", "/api/http/graphql", body,
                          {"Content-Type": "multipart/form-data; boundary=x"})
    assert seen.status == 415
    seen = bridge.request("POST", "/api/apollo/graphql", body,
                          {"Content-Type": "multipart/form-data; boundary=x"})
    assert seen.status == 400


def test_other_paths_go_to_the_other_nodes(bridge):
    assert bridge.get("/api/http/graphqlx").body == b"/graphqlx"
    assert bridge.get("/api/http/graphql/x").body == b"/graphql/x"


def test_the_path_of_a_service_without_an_endpoint_is_as_any_other(bridge):
    assert bridge.get("/api/plain/graphql").body == b"/graphql"


def test_actions_of_the_endpoint_are_shown_and_called_over_http(bridge):
    wait_until(lambda: b'"http.user"' in bridge.get("/mw/actions?service=http").body)
    answer = json.loads(bridge.post("/mw/call", {
        "service": "http", "action": "user", "body": {"id": "1"}}).body)
    assert answer["code"] == "200" and answer["result"]["data"]["user"]["name"] == "Ada"
