"""What the bridge hands out about its API: the document, its page, the .proto files."""

import os
import re
import subprocess

import pytest
from google.protobuf import descriptor_pb2

import programs

PAGE = ["/docs", "/docs/style.css", "/docs/script.js"]
DOCUMENTS = [*PAGE, "/openapi.json", "/protos", "/protos/junction/v1/registry.proto",
             "/descriptor-set"]


def protos(bridge):
    return {file["name"]: file for file in bridge.get("/protos").json()}


def repository_source(name):
    for root in (os.path.join(programs.ROOT, "proto"),
                 os.path.join(programs.ROOT, "tests", "trial"), "/usr/include"):
        if os.path.exists(os.path.join(root, name)):
            with open(os.path.join(root, name), "rb") as file:
                return file.read()
    raise FileNotFoundError(name)


@pytest.mark.parametrize("path, kind", [
    ("/openapi.json", "application/json; charset=utf-8"), ("/docs", "text/html; charset=utf-8"),
    ("/docs/style.css", "text/css; charset=utf-8"),
    ("/docs/script.js", "text/javascript; charset=utf-8"),
    ("/protos", "application/json; charset=utf-8"),
    ("/protos/junction/v1/registry.proto", "text/plain; charset=utf-8"),
    ("/descriptor-set", "application/x-protobuf")])
def test_a_document_says_its_type(bridge, path, kind):
    answer = bridge.get(path)
    assert answer.status == 200 and answer.body
    assert answer.headers["Content-Type"] == kind
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("path", DOCUMENTS)
def test_what_is_known_is_not_sent_again(bridge, path):
    first = bridge.get(path)
    etag = first.headers["ETag"]
    assert re.fullmatch(r'"[0-9a-f]{16}"', etag)
    for known in (etag, f'"x", {etag}', f"W/{etag}", "*"):
        answer = bridge.get(path, {"If-None-Match": known})
        assert (answer.status, answer.body, answer.headers["ETag"]) == (304, b"", etag), known
    for other in ('"x"', etag[1:-1], etag[:-2] + '"'):
        answer = bridge.get(path, {"If-None-Match": other})
        assert (answer.status, answer.body) == (200, first.body), other


def test_every_document_has_an_etag_of_its_own(bridge):
    assert len({bridge.get(path).headers["ETag"] for path in DOCUMENTS}) == len(DOCUMENTS)


@pytest.mark.parametrize("path", DOCUMENTS)
def test_the_head_of_a_document_is_that_of_the_whole(bridge, path):
    whole, head = bridge.get(path), bridge.request("HEAD", path)
    assert head.status == 200 and head.body == b""
    for name in ("ETag", "Content-Type", "Content-Length"):
        assert head.headers[name] == whole.headers[name]


def test_documents_are_only_read(bridge):
    for path in DOCUMENTS:
        answer = bridge.post(path, {})
        assert answer.status == 405 and "GET" in answer.headers["Allow"]


# --- the OpenAPI document -----------------------------------------------------------------------

def routes_of_protos(bridge):
    """Verb and path of every binding, as the .proto files that are handed out say."""
    found = set()
    for name in protos(bridge):
        if name.startswith("junction/v1/"):
            source = bridge.get(f"/protos/{name}").body.decode()
            found |= set(re.findall(r'\b(get|post|put|patch|delete): "(/[^"]*)"', source))
    return found


def routes_of_document(document):
    return {(verb, path) for path, item in document["paths"].items() for verb in item
            if verb != "parameters"}


def test_the_document_says_where_credentials_are_needed(bridge):
    document = bridge.get("/openapi.json").json()
    schemes = document["components"]["securitySchemes"]
    assert {name: scheme["scheme"] for name, scheme in schemes.items()} == {
        "bearer": "bearer", "basic": "basic"}
    needed = {operation["operationId"]: operation.get("security")
              for item in document["paths"].values() for verb, operation in item.items()
              if verb != "parameters"}
    public = {name for name, security in needed.items() if security == []}
    assert {"Auth_Login", "Auth_GetJwks", "Registry_RegisterExtension"} <= public
    assert not public & {"Auth_WhoAmI", "Auth_Permission", "Registry_GetServer", "Audit_Find"}
    for name, security in needed.items():
        if name.startswith("Bridge_"):
            assert security is None
        elif name not in public:
            assert security == [{"bearer": []}, {"basic": []}], name


@pytest.mark.parametrize("which", ["bridge", "trial_bridge"])
def test_the_document_has_every_route_and_no_other(which, request):
    bridge = request.getfixturevalue(which)
    document = bridge.get("/openapi.json").json()
    own = {("get", path) for path, item in document["paths"].items()
           if item.get("get", {}).get("tags") == ["Bridge"]}
    assert routes_of_document(document) - own == routes_of_protos(bridge)
    assert {path for _, path in own} == {
        "/healthz", "/readyz", "/mw/server/health", "/openapi.json", "/docs", "/protos",
        "/protos/{name}", "/descriptor-set"}
    for path in document["paths"]:
        real = path.replace("/protos/{name}", "/protos/junction/v1/registry.proto")
        uri = re.sub(r"\{[^}]*\}", "x", real)
        answer = bridge.request("TRACE", uri)
        allowed = set(answer.headers["Allow"].lower().split(", ")) - {"head", "options"}
        # A literal of one path may be a value of another's variable.
        documented = {verb for verb, other in routes_of_document(document)
                      if other == path or re.fullmatch(re.sub(r"\{[^}]*\}", "[^/]+", other), uri)}
        assert documented == allowed, path


# --- the page -----------------------------------------------------------------------------------

def test_the_page_runs_only_what_the_bridge_serves(bridge):
    policy = bridge.get("/docs").headers["Content-Security-Policy"]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'" and rules["frame-ancestors"] == "'none'"
    assert rules["script-src"] == rules["style-src"] == rules["connect-src"] == "'self'"
    assert "unsafe" not in policy and "http" not in policy and "*" not in policy
    assert bridge.get("/docs").headers["X-Frame-Options"] == "DENY"


def test_the_page_needs_nothing_from_elsewhere(bridge):
    page = bridge.get("/docs").body.decode()
    links = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert {"/docs/style.css", "/docs/script.js", "/openapi.json"} <= set(links)
    for link in links:
        assert link == "data:," or bridge.get(link).status == 200, link
    for path in PAGE:
        assert not re.search(r"(?:https?:)?//[\w.]+\.\w|@import|url\(", bridge.get(path).body.decode())
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", page)


def test_the_page_makes_no_markup_of_text(bridge):
    script = bridge.get("/docs/script.js").body.decode()
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function",
                         script)


# --- .proto files -------------------------------------------------------------------------------

@pytest.mark.parametrize("which", ["bridge", "trial_bridge"])
def test_protos_are_those_of_the_repository_byte_for_byte(which, request):
    bridge = request.getfixturevalue(which)
    files = protos(bridge)
    assert ("junction/v1/trial.proto" in files) == (which == "trial_bridge")
    for name, file in files.items():
        answer = bridge.get(file["uri"])
        assert file["uri"] == "/protos/" + name
        assert answer.body == repository_source(name), name
        assert len(answer.body) == file["size"]
        assert set(re.findall(rb'^import "(.*)";', answer.body, re.M)) <= {
            other.encode() for other in files}


def test_an_unknown_proto_is_not_found(bridge):
    for path in ("/protos/junction/v1/none.proto", "/protos/junction/v1", "/protos/x"):
        assert bridge.get(path).status == 404
    assert bridge.get("/protos/../protos").status == 400


def test_the_descriptor_set_is_what_protoc_makes_of_the_protos(bridge, tmp_path):
    served = descriptor_pb2.FileDescriptorSet.FromString(bridge.get("/descriptor-set").body)
    for name in protos(bridge):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(bridge.get(f"/protos/{name}").body)
    out = tmp_path / "set.pb"
    subprocess.run(["protoc", f"-I{tmp_path}", "--include_imports",
                    f"--descriptor_set_out={out}", *(f.name for f in served.file)], check=True)
    made = descriptor_pb2.FileDescriptorSet.FromString(out.read_bytes())
    assert {f.name: f.SerializeToString() for f in served.file} == {
        f.name: f.SerializeToString() for f in made.file}
    assert [f.name for f in served.file] == list(protos(bridge))
