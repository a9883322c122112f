"""apigen: the OpenAPI document that it makes of protos."""

import json

import pytest

from apigen_test import GOOD, apigen

RICH = """
syntax = "proto3";
package junction.v1;
import "google/api/annotations.proto";
import "google/api/httpbody.proto";
import "google/protobuf/struct.proto";
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";
import "google/rpc/status.proto";
import "junction/v1/options.proto";

// Keeps things.
service Keeper {
  // Takes one. Says
  // so.
  //
  // And more.
  rpc Take(Thing) returns (Thing) {
    option (google.api.http) = {
      post: "/v1/things/{name}" body: "*"
      additional_bindings { put: "/v1/things/{inner.name}" body: "inner" }
    };
    option (junction.v1.method) = { access: ACCESS_WRITE };
  }
  // Looks for some.
  rpc Find(Thing) returns (Found) {
    option (google.api.http) = { get: "/v1/things" };
    option (junction.v1.method) = { access: ACCESS_READ profile: PROFILE_FATE };
  }
  // Takes what was found.
  rpc Put(Found) returns (Small) {
    option (google.api.http) = { post: "/v1/found" body: "*" };
    option (junction.v1.method) = { access: ACCESS_WRITE };
  }
  // Looks for them in another way.
  rpc List(Small) returns (Found) {
    option (google.api.http) = { get: "/mw/things" response_body: "things" };
    option (junction.v1.method) = { access: ACCESS_READ profile: PROFILE_LIST };
  }
  // Says its own code.
  rpc Code(Small) returns (Coded) {
    option (google.api.http) = { get: "/mw/code" };
    option (junction.v1.method) = { access: ACCESS_READ profile: PROFILE_MW };
  }
  // Says how it is.
  rpc Say(Small) returns (Small) {
    option (google.api.http) = { post: "/mw/say" body: "*" };
    option (junction.v1.method) = { access: ACCESS_READ profile: PROFILE_MW };
  }
  // Gives bytes.
  rpc Load(Small) returns (google.api.HttpBody) {
    option (google.api.http) = { get: "/v1/load" };
    option (junction.v1.method) = { access: ACCESS_READ profile: PROFILE_FATE };
  }
  // Gives many bytes.
  rpc LoadMany(Small) returns (stream google.api.HttpBody) {
    option (google.api.http) = { get: "/v1/load/many" };
    option (junction.v1.method) = { access: ACCESS_READ };
  }
  // Tells things.
  rpc Tell(Small) returns (stream Small) {
    option (google.api.http) = { get: "/v1/tell" };
    option (junction.v1.method) = { access: ACCESS_READ resume: "text" };
  }
  // Hears lines.
  rpc Hear(stream Small) returns (Small) {
    option (google.api.http) = { post: "/v1/hear" body: "*" };
    option (junction.v1.method) = { access: ACCESS_WRITE };
  }
  // Hears bytes.
  rpc Upload(stream Piece) returns (Small) {
    option (google.api.http) = { post: "/v1/upload/{name}" body: "piece" };
    option (junction.v1.method) = { access: ACCESS_WRITE };
  }
  // Asks whether it may.
  rpc Ask(Question) returns (Small) {
    option (google.api.http) = { post: "/v1/ask" body: "*" };
    option (junction.v1.method) = { access: ACCESS_CALL profile: PROFILE_HOOK };
  }
  // Reads it elsewhere.
  rpc Read(Small) returns (Small) {
    option (google.api.http) = { get: "/v1/read" };
    option (junction.v1.method) = { access: ACCESS_CALL profile: PROFILE_READER };
  }
  // Loads it from elsewhere.
  rpc LoadElsewhere(Small) returns (stream google.api.HttpBody) {
    option (google.api.http) = { get: "/v1/read/load" };
    option (junction.v1.method) = { access: ACCESS_CALL profile: PROFILE_READER };
  }
  // Adds one.
  rpc Add(Headed) returns (Small) {
    option (google.api.http) = {
      post: "/extension/add"
      additional_bindings { put: "/extension/add" body: "*" }
    };
    option (junction.v1.method) = { access: ACCESS_WRITE profile: PROFILE_EXTENSION };
  }
  // Logs it.
  rpc Log(Small) returns (Outcome) {
    option (google.api.http) = { post: "/mw/log" body: "*" };
    option (junction.v1.method) = { access: ACCESS_WRITE profile: PROFILE_LOG };
  }
  // Audits it.
  rpc Audit(Small) returns (Outcome) {
    option (google.api.http) = { post: "/mw/audit" body: "*" };
    option (junction.v1.method) = { access: ACCESS_AUDIT profile: PROFILE_MW_NUMBER };
  }
  // Hears lines that could come from headers.
  rpc HearHeaded(stream Headed) returns (Outcome) {
    option (google.api.http) = { post: "/v1/hear/headed" body: "*" };
    option (junction.v1.method) = { access: ACCESS_WRITE };
  }
  // Is not there over HTTP. No REST route: it is a secret.
  rpc Hide(Hidden) returns (Hidden) {
    option (junction.v1.method) = { access: ACCESS_READ };
  }
}

// Of a thing.
enum Kind {
  // None.
  KIND_UNSPECIFIED = 0;
  // Odd.
  KIND_ODD = 1;
}

// A thing.
message Thing {
  // Required: its name.
  string name = 1;
  // Required unless it is known.
  int64 size = 2 [json_name = "size_of"];
  // Whether. Required.
  bool flag = 3;
  // Its kind.
  Kind kind = 4;
  // What is in it.
  Thing inner = 5;
  // A second spelling.
  repeated string tags = 6 [(junction.v1.field).second_name = "Tags",
                            (junction.v1.field).one_or_many = true];
  // Any.
  string raw = 7 [(junction.v1.field).raw_json = true];
  // By number.
  map<int64, Small> by_number = 8;
  // One or the other.
  oneof choice {
    // Bytes.
    bytes some_bytes = 9;
    // Nothing.
    google.protobuf.NullValue nothing = 10;
  }
  // When.
  google.protobuf.Timestamp time = 11;
  // Any value.
  google.protobuf.Value value = 12;
  // Perhaps.
  optional double perhaps = 13;
  // How many.
  google.protobuf.UInt64Value count = 14;
  // Small ones.
  repeated Small many = 15;
  // Small one.
  Small small = 16;
}

// Small.
message Small {
  // Text.
  string text = 1;
}

// What was found.
message Found {
  // All of them.
  repeated Thing things = 1;
}

// With a code.
message Coded {
  // Its code.
  string code = 1;
}

// A piece.
message Piece {
  // Required: of what.
  string name = 1;
  // From where.
  uint64 from = 2;
  // The bytes.
  bytes piece = 3;
  // How many of them.
  optional int64 size = 4 [(junction.v1.field).header = "content-length"];
  // Words about them.
  string words = 5 [(junction.v1.field).raw_json = true];
  // Whose.
  string owner = 6 [(junction.v1.field).header = "X-Owner"];
}

// A question.
message Question {
  // Required: who asks.
  string party = 1 [(junction.v1.field).number_as_text = true];
  // What else there is.
  string extra = 2 [(junction.v1.field).raw_json = true, (junction.v1.field).rest = true];
}

// From headers.
message Headed {
  // Required: its name.
  string name = 1 [(junction.v1.field).header = "X-Name"];
  // Its size.
  optional int64 size = 2 [(junction.v1.field).header = "X-Size"];
  // Its color.
  string color = 3;
}

// What came of it.
message Outcome {
  // Required: many.
  repeated Small some = 1 [(junction.v1.field).omit_empty = true];
  // Required: why not.
  google.rpc.Status error = 2;
}

// Not seen.
message Hidden {}
"""


@pytest.fixture(scope="module")
def document(tmp_path_factory):
    run, made = apigen(tmp_path_factory.mktemp("rich"), RICH)
    assert (run.returncode, run.stderr) == (0, "")
    return json.loads((made / "openapi.json").read_text())


def operation(document, verb, path):
    return document["paths"][path][verb]


def properties(document, name):
    return document["components"]["schemas"][name]["properties"]


def reference(name):
    return {"$ref": f"#/components/schemas/{name}"}


def plain(schema):
    """Without the comments."""
    return {key: value for key, value in schema.items() if key != "description"}


def parameters(document, verb, path):
    return {(p["in"], p["name"]): p for p in operation(document, verb, path)["parameters"]
            if "$ref" not in p}


def body(document, verb, path):
    return operation(document, verb, path)["requestBody"]


def answer(document, verb, path, kind="application/json"):
    return operation(document, verb, path)["responses"]["200"]["content"][kind]["schema"]


def test_comments_become_words(document):
    take = operation(document, "post", "/v1/things/{name}")
    assert take["summary"] == "Takes one"
    assert take["description"] == "Says so.\n\nAnd more."
    assert take["tags"] == ["Keeper"]
    assert document["tags"][0] == {"name": "Keeper", "description": "Keeps things."}
    assert operation(document, "get", "/v1/tell")["description"] == "Tells things."
    assert properties(document, "Thing")["inner"]["description"] == "What is in it."


def test_each_binding_has_an_id_of_its_own(document):
    assert operation(document, "post", "/v1/things/{name}")["operationId"] == "Keeper_Take"
    assert operation(document, "put", "/v1/things/{inner.name}")["operationId"] == "Keeper_Take2"


def test_nothing_without_a_route_is_shown(document):
    assert "Hide" not in json.dumps(document) and "Hidden" not in json.dumps(document)


def test_fields_have_their_json_form(document):
    p = {name: plain(schema) for name, schema in properties(document, "Thing").items()}
    strings = {"type": "array", "items": {"type": "string"}}
    assert p["kind"] == {"type": "string", "enum": ["KIND_UNSPECIFIED", "KIND_ODD"]}
    assert p["tags"] == p["Tags"] == {"anyOf": [{"type": "string"}, strings]}
    assert p["raw"] == p["value"] == {}
    assert p["byNumber"] == {"type": "object", "additionalProperties": reference("Small")}
    assert p["someBytes"] == {"type": "string", "contentEncoding": "base64"}
    assert p["nothing"] == {"type": "null"}
    assert p["time"] == {"type": "string", "format": "date-time"}
    assert p["perhaps"]["anyOf"][1] == {"type": "string", "enum": ["NaN", "Infinity", "-Infinity"]}
    assert p["many"] == {"type": "array", "items": reference("Small")}
    assert p["inner"] == reference("Thing")
    assert document["components"]["schemas"]["Thing"]["description"] == (
        "A thing. Set is at most one of: someBytes, nothing.")


def test_only_what_begins_with_required_is_required(document):
    assert document["components"]["schemas"]["Thing"]["required"] == ["name"]


def test_a_message_with_64_bits_has_two_forms_where_both_are_used(document):
    native, numbers = properties(document, "Thing"), properties(document, "ThingWithNumbers")
    assert plain(native["size_of"]) == {"type": "string", "format": "int64", "pattern": "^-?[0-9]+$"}
    assert plain(numbers["size_of"]) == {"type": "integer", "format": "int64"}
    assert native["count"]["anyOf"][0]["type"] == "string"
    assert numbers["count"]["type"] == ["integer", "null"]
    assert plain(numbers["inner"]) == reference("ThingWithNumbers")
    assert plain(numbers["small"]) == plain(native["small"]) == reference("Small")
    names = document["components"]["schemas"]
    assert "SmallWithNumbers" not in names and "Coded" in names
    assert properties(document, "Found")["things"]["items"] == reference("Thing")
    found = properties(document, "FoundWithNumbers")["things"]["items"]
    assert found == reference("ThingWithNumbers")


def test_the_body_is_what_the_path_does_not_say(document):
    whole = body(document, "post", "/v1/things/{name}")["content"]["application/json"]["schema"]
    assert set(properties(document, "Thing")) - set(whole["properties"]) == {"name"}
    assert "required" not in whole
    field = body(document, "put", "/v1/things/{inner.name}")["content"]["application/json"]["schema"]
    assert field == reference("Thing")
    assert parameters(document, "post", "/v1/things/{name}").keys() == {("path", "name")}
    assert parameters(document, "post", "/v1/things/{name}")["path", "name"]["required"]


def test_the_query_takes_what_body_and_path_leave(document):
    found = parameters(document, "get", "/v1/things")
    assert {where for where, _ in found} == {"query"}
    names = {name for _, name in found}
    assert {"name", "size_of", "tags", "time", "count", "small.text", "raw"} <= names
    assert not names & {"many", "byNumber", "value", "inner", "inner.name", "small", "Tags"}
    assert found["query", "name"]["required"] and "required" not in found["query", "size_of"]
    assert found["query", "size_of"]["schema"]["type"] == "integer"
    assert ("query", "inner.text") not in parameters(document, "put", "/v1/things/{inner.name}")
    assert ("query", "name") in parameters(document, "put", "/v1/things/{inner.name}")


def test_profiles_answer_as_the_bridge_does(document):
    fate = answer(document, "get", "/v1/things")
    assert fate["oneOf"] == [{"allOf": [reference("FateSuccess"), reference("FoundWithNumbers")]},
                             reference("FateRefusal")]
    assert operation(document, "get", "/v1/things")["responses"].keys() == {"200", "4XX"}
    assert answer(document, "get", "/mw/things") == {
        "type": "array", "items": reference("ThingWithNumbers")}
    assert answer(document, "get", "/mw/code") == reference("Coded")
    assert answer(document, "post", "/mw/say")["allOf"] == [reference("MwSuccess"),
                                                            reference("Small")]
    assert answer(document, "post", "/v1/things/{name}") == reference("Thing")
    hook = answer(document, "post", "/v1/ask")
    assert hook["oneOf"] == [{"allOf": [reference("HookSuccess"), reference("Small")]},
                             reference("HookRefusal")]
    assert operation(document, "post", "/v1/ask")["responses"].keys() == {"200", "4XX"}
    assert answer(document, "get", "/v1/read")["allOf"] == [reference("ReaderSuccess"),
                                                            reference("Small")]
    assert answer(document, "get", "/v1/read/load", "*/*").keys() == {"description"}
    assert answer(document, "post", "/extension/add") == reference("Small")
    assert answer(document, "post", "/mw/log")["allOf"] == [reference("LogSuccess"),
                                                            reference("Outcome")]
    assert answer(document, "post", "/mw/audit")["allOf"] == [reference("MwNumberSuccess"),
                                                              reference("Outcome")]
    for path, verb, name in (("/v1/things", "get", "FateRefusal"), ("/mw/say", "post", "MwRefusal"),
                             ("/mw/things", "get", "MwRefusal"), ("/v1/tell", "get", "Refusal"),
                             ("/v1/ask", "post", "HookRefusal"),
                             ("/v1/read", "get", "ReaderRefusal"),
                             ("/mw/log", "post", "LogRefusal"),
                             ("/mw/audit", "post", "MwNumberRefusal"),
                             ("/v1/read/load", "get", "ReaderRefusal"),
                             ("/extension/add", "post", "ExtensionRefusal")):
        assert operation(document, verb, path)["responses"]["4XX"] == {
            "$ref": f"#/components/responses/{name}"}
        refused = document["components"]["responses"][name]["content"]["application/json"]
        assert refused["schema"] == reference("Status" if name == "Refusal" else name)


def test_a_server_stream_has_three_forms(document):
    item = {"anyOf": [reference("Small"), reference("StreamEnd")]}
    assert answer(document, "get", "/v1/tell")["items"] == item
    assert answer(document, "get", "/v1/tell", "application/x-ndjson") == item
    assert answer(document, "get", "/v1/tell", "text/event-stream")["type"] == "string"


def test_an_http_body_is_bytes_of_any_type(document):
    for path in ("/v1/load", "/v1/load/many"):
        answers = operation(document, "get", path)["responses"]
        assert list(answers["200"]["content"]) == ["*/*"]
        assert list(answers["200"]["content"]["*/*"]["schema"]) == ["description"]
        assert "4XX" in answers
        broken = "closed before the end" in answers["200"]["description"]
        assert broken == path.endswith("many")


def test_a_stream_that_resumes_takes_the_last_id(document):
    found = parameters(document, "get", "/v1/tell")
    assert ("query", "text") in found
    assert found["header", "Last-Event-ID"]["schema"]["type"] == "string"
    assert ("header", "Last-Event-ID") not in parameters(document, "get", "/v1/things")


def test_a_client_stream_takes_lines_or_bytes(document):
    lines = body(document, "post", "/v1/hear")["content"]
    assert lines == {"application/x-ndjson": {"x-each-line": True, "schema": reference("Small")}}
    assert body(document, "post", "/v1/upload/{name}")["content"].keys() == {
        "application/octet-stream", "multipart/form-data"}
    assert parameters(document, "post", "/v1/upload/{name}").keys() == {
        ("path", "name"), ("query", "from"), ("query", "words"), ("query", "size"),
        ("header", "X-Owner")}


def test_lines_take_nothing_from_headers(document):
    assert parameters(document, "post", "/v1/hear/headed") == {}


def test_what_may_be_left_out_is_not_required(document):
    assert document["components"]["schemas"]["Outcome"]["required"] == ["error"]


def test_a_status_is_that_of_refusals(document):
    assert plain(properties(document, "Outcome")["error"]) == reference("Status")
    assert "google.rpc.Status" not in document["components"]["schemas"]


def test_bytes_may_come_as_a_part_of_a_form(document):
    form = body(document, "post", "/v1/upload/{name}")["content"]["multipart/form-data"]["schema"]
    assert form["type"] == "object" and form["required"] == ["file"]
    assert form["properties"].keys() == {"words", "file"}
    assert plain(form["properties"]["file"]) == {
        "type": "string", "contentMediaType": "application/octet-stream"}


def test_a_header_is_a_parameter_in_place_of_the_query(document):
    found = parameters(document, "post", "/extension/add")
    assert found.keys() == {("header", "X-Name"), ("header", "X-Size"), ("query", "color")}
    assert found["header", "X-Name"]["required"] and "required" not in found["header", "X-Size"]
    assert found["header", "X-Size"]["schema"] == {"type": "integer", "format": "int64"}
    found = parameters(document, "put", "/extension/add")
    assert found.keys() == {("header", "X-Name"), ("header", "X-Size")}
    assert not any("required" in parameter for parameter in found.values())
    assert "required" not in document["components"]["schemas"]["Headed"]
    assert "required" not in body(document, "put", "/extension/add")


def test_a_rest_is_what_other_properties_there_may_be(document):
    question = document["components"]["schemas"]["Question"]
    assert plain(question["properties"]["party"]) == {"type": ["string", "number"]}
    assert question["properties"].keys() == {"party"}
    assert question["additionalProperties"] == {"description": "What else there is."}
    assert "additionalProperties" not in document["components"]["schemas"]["Small"]


def test_a_bulk_form_is_a_second_body(tmp_path):
    _, made = apigen(tmp_path, GOOD)
    document = json.loads((made / "openapi.json").read_text())
    content = body(document, "post", "/v1/{name}/register")["content"]
    one, bulk = content["application/json"]["schema"]["anyOf"]
    assert "samples" not in one["properties"]
    assert bulk["additionalProperties"] == reference("Sample") and bulk["minProperties"] == 1
    assert "StreamEnd" not in document["components"]["schemas"]


def test_no_reference_leads_nowhere(document):
    def references(node):
        if isinstance(node, dict):
            yield from [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        for child in node.values() if isinstance(node, dict) else node:
            if isinstance(child, (dict, list)):
                yield from references(child)
    for target in set(references(document)):
        at = document
        for step in target.removeprefix("#/").split("/"):
            at = at[step]
