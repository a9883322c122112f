"""apigen: what it refuses, and what it makes of protos of our own and of the tree's."""

import os
import pathlib
import shutil
import subprocess

import pytest
from google.protobuf import descriptor_pb2

TREE = pathlib.Path(__file__).resolve().parents[3]
BUILD = pathlib.Path(os.environ["JUNCTION_BUILD"])
ROOTS = (TREE / "proto", "/usr/include")  # where apigen finds the sources of imports

GOOD = """
syntax = "proto3";
package junction.v1;
import "google/api/annotations.proto";
import "junction/v1/options.proto";

// Keeps samples.
service Keeper {
  // Registers one.
  rpc Register(RegisterRequest) returns (RegisterResponse) {
    option (google.api.http) = {
      post: "/v1/{name}/register" body: "*" response_body: "made"
      additional_bindings { put: "/v1/{inner.name}/register" body: "inner" }
    };
    option (junction.v1.method) = {
      access: ACCESS_WRITE bulk { field: "samples" value_member: "name" }
    };
  }
  // Looks at one.
  rpc Get(Sample) returns (Sample) {
    option (google.api.http) = { get: "/v1/{name}" };
    option (junction.v1.method) = { access: ACCESS_READ };
  }
  // Fills one.
  rpc Fill(stream RegisterRequest) returns (Sample) {
    option (google.api.http) = { put: "/v1/{name}/content" body: "content" };
    option (junction.v1.method) = { access: ACCESS_WRITE };
  }
}

// A kind.
enum Kind {
  // None.
  KIND_UNSPECIFIED = 0;
}

// A sample.
message Sample {
  // Its name.
  optional string name = 1 [(junction.v1.field).raw_json = true];
}

// Request of Register.
message RegisterRequest {
  // More.
  repeated string more = 3 [(junction.v1.field).one_or_many = true,
                            (junction.v1.field).second_name = "moar"];
  // Its name.
  string name = 1;
  // What is in it.
  Sample inner = 2;
  // Many.
  map<string, Sample> samples = 4;
  // As it is.
  bytes content = 5;
}

// Response of Register.
message RegisterResponse {
  // What was made.
  Sample made = 1;
}
"""


def shown(answer="stream RegisterRequest", event_id="name", resume="name"):
    """What puts a server stream before RPC Fill."""
    return f"""// Shows what comes.
  rpc Show(RegisterRequest) returns ({answer}) {{
    option (google.api.http) = {{ get: "/v1/show" }};
    option (junction.v1.method) = {{
      access: ACCESS_WRITE event_id: "{event_id}" resume: "{resume}"
    }};
  }}
  // Fills one."""


def rest(name, number):
    return (f"\n  // More.\n  string {name} = {number} [(junction.v1.field).raw_json = true, "
            "(junction.v1.field).rest = true];")


def header(name):
    return f' [(junction.v1.field).header = "{name}"]'


RAW = "(junction.v1.field).raw_json = true"

GET_ROUTE = '    option (google.api.http) = { get: "/v1/{name}" };\n'

LOOK = "  // Looks at one.\n  rpc Get(Sample) returns (Sample) {\n" + GET_ROUTE

REFUSALS = {
    "an RPC without route": (
        GET_ROUTE, "",
        'RPC Keeper.Get has no google.api.http option, and its comment does not say '
        '"No REST route:" and why'),
    "an RPC without route that gives no reason": (
        LOOK, "  // No REST route:\n  rpc Get(Sample) returns (Sample) {\n",
        'RPC Keeper.Get has no google.api.http option, and its comment does not say '
        '"No REST route:" and why'),
    "an RPC without access": (
        "access: ACCESS_READ", "",
        "RPC Keeper.Get does not say what access it needs: (junction.v1.method).access"),
    "a service without comment": (
        "// Keeps samples.", "", "service junction.v1.Keeper has no comment before it"),
    "an RPC without comment": (
        "// Looks at one.", "", "RPC Keeper.Get has no comment before it"),
    "a message without comment": (
        "// A sample.", "", "message junction.v1.Sample has no comment before it"),
    "a field without comment": (
        "// What is in it.", "",
        "field junction.v1.RegisterRequest.inner has no comment before it"),
    "an enum without comment": ("// A kind.", "", "enum junction.v1.Kind has no comment before it"),
    "an enum value without comment": (
        "// None.", "", "enum value junction.v1.Kind.KIND_UNSPECIFIED has no comment before it"),
    "a path variable that is no field": (
        'get: "/v1/{name}"', 'get: "/v1/{title}"',
        "RPC Keeper.Get: {title} in /v1/{title} is no field of junction.v1.Sample"),
    "a dotted path variable that is no field": (
        "{inner.name}", "{inner.title}",
        "RPC Keeper.Register: {inner.title} in /v1/{inner.title}/register is no field of "
        "junction.v1.RegisterRequest"),
    "a path variable that is a message": (
        "/v1/{inner.name}/register", "/v1/{inner}/register",
        "RPC Keeper.Register: {inner} in /v1/{inner}/register is not a single scalar"),
    "a path variable with a pattern": (
        "/v1/{inner.name}/register", "/v1/{name=**}/register",
        "RPC Keeper.Register: the segment {name=**} of /v1/{name=**}/register is neither a "
        "literal nor {field}"),
    "a relative path": (
        'get: "/v1/{name}"', 'get: "v1/{name}"',
        'RPC Keeper.Get: the path "v1/{name}" does not begin with /'),
    "a body that is no field": (
        'body: "inner"', 'body: "outer"',
        'RPC Keeper.Register: body "outer" is no field of junction.v1.RegisterRequest'),
    "a response_body that is no field": (
        'response_body: "made"', 'response_body: "name"',
        'RPC Keeper.Register: response_body "name" is no field of junction.v1.RegisterResponse'),
    "a body of bytes that is no stream": (
        'body: "inner"', 'body: "content"',
        'RPC Keeper.Register: body "content" is bytes, which only a client stream takes'),
    "a body of a client stream that is not bytes": (
        'body: "content"', 'body: "name"',
        'RPC Keeper.Fill: the body of a client stream is "*" or a single bytes field outside of a '
        'oneof, not "name"'),
    "a body of a client stream that is in a oneof": (
        "bytes content = 5", "optional bytes content = 5",
        'RPC Keeper.Fill: the body of a client stream is "*" or a single bytes field outside of a '
        'oneof, not "content"'),
    "a client stream without body": (
        'put: "/v1/{name}/content" body: "content"', 'get: "/v1/{name}/content"',
        'RPC Keeper.Fill: the body of a client stream is "*" or a single bytes field outside of a '
        'oneof, not ""'),
    "a route of a stream both ways": (
        "returns (Sample) {\n    option (google.api.http) = { put",
        "returns (stream Sample) {\n    option (google.api.http) = { put",
        "RPC Keeper.Fill: PUT /v1/{name}/content is a stream both ways, which HTTP/1.1 is not"),
    "a JSON name like that of a stream's status": (
        '(junction.v1.field).raw_json = true]',
        '(junction.v1.field).raw_json = true, json_name = "@status"]',
        "field junction.v1.Sample.name: a JSON name that begins with @ is not a field's to take"),
    "a bulk field that is no field": (
        'field: "samples"', 'field: "examples"',
        'RPC Keeper.Register: bulk field "examples" is no field of junction.v1.RegisterRequest'),
    "a bulk field that is no map": (
        'field: "samples"', 'field: "more"',
        'RPC Keeper.Register: bulk field "more" of junction.v1.RegisterRequest is no map'),
    "an event id that is no field": (
        "// Fills one.", shown(event_id="names"),
        'RPC Keeper.Show: event_id "names" is no string field of junction.v1.RegisterRequest'),
    "what resumes being no string": (
        "// Fills one.", shown(resume="content"),
        'RPC Keeper.Show: resume "content" is no string field of junction.v1.RegisterRequest'),
    "what resumes being repeated": (
        "// Fills one.", shown(resume="more"),
        'RPC Keeper.Show: resume "more" is no string field of junction.v1.RegisterRequest'),
    "resuming what is no stream": (
        "// Fills one.", shown(answer="RegisterRequest"),
        "RPC Keeper.Show: event_id and resume are for server streams only"),
    "two routes of the same shape": (
        'put: "/v1/{inner.name}/register"', 'post: "/v1/{inner.name}/register"',
        "RPC Keeper.Register: POST /v1/{inner.name}/register is already a route of RPC "
        "Keeper.Register"),
    "raw JSON that is no string": (
        "optional string name = 1", "optional bytes name = 1",
        "field junction.v1.Sample.name is raw_json but no string"),
    "one or many of a single field": (
        "repeated string more", "string more",
        "field junction.v1.RegisterRequest.more is one_or_many but not repeated"),
    "leaving out what is single": (
        "Sample inner = 2", "Sample inner = 2 [(junction.v1.field).omit_empty = true]",
        "field junction.v1.RegisterRequest.inner is omit_empty but not repeated"),
    "leaving out a map": (
        "samples = 4", "samples = 4 [(junction.v1.field).omit_empty = true]",
        "field junction.v1.RegisterRequest.samples is omit_empty but not repeated"),
    "a number as text that is no string": (
        "string name = 1;", "int32 name = 1 [(junction.v1.field).number_as_text = true];",
        "field junction.v1.RegisterRequest.name is number_as_text but no single string"),
    "a number as text in a list": (
        "(junction.v1.field).one_or_many = true,",
        "(junction.v1.field).one_or_many = true, (junction.v1.field).number_as_text = true,",
        "field junction.v1.RegisterRequest.more is number_as_text but no single string"),
    "a number as text that is raw JSON": (
        RAW, RAW + ", (junction.v1.field).number_as_text = true",
        "field junction.v1.Sample.name is number_as_text but no single string"),
    "a rest that is no raw JSON": (
        "string name = 1;", "string name = 1 [(junction.v1.field).rest = true];",
        "field junction.v1.RegisterRequest.name is rest but no single raw_json string"),
    "a rest that is optional": (
        RAW, RAW + ", (junction.v1.field).rest = true",
        "field junction.v1.Sample.name is rest but no single raw_json string"),
    "two rests": (
        "bytes content = 5;", "bytes content = 5;" + rest("one", 6) + rest("two", 7),
        "field junction.v1.RegisterRequest.two is rest, but one is already"),
    "a rest of what is no request": (
        "Sample made = 1;", "Sample made = 1;" + rest("more", 2),
        "field junction.v1.RegisterResponse.more is rest, but no RPC's request is a "
        "junction.v1.RegisterResponse"),
    "a header of bytes": (
        "bytes content = 5", "bytes content = 5" + header("X-Content"),
        "field junction.v1.RegisterRequest.content has a header but is no single string or "
        "integer"),
    "a header of a list": (
        "(junction.v1.field).one_or_many = true,",
        '(junction.v1.field).one_or_many = true, (junction.v1.field).header = "X-More",',
        "field junction.v1.RegisterRequest.more has a header but is no single string or integer"),
    "a header of what is no request": (
        "Sample made = 1;", "Sample made = 1;\n  // Size.\n  int64 size = 2" + header("X") + ";",
        "field junction.v1.RegisterResponse.size has a header, but no RPC's request is a "
        "junction.v1.RegisterResponse"),
    "a header that is no token": (
        "string name = 1;", "string name = 1" + header("X Name") + ";",
        'field junction.v1.RegisterRequest.name: "X Name" is no name of a header'),
    "two fields of one header": (
        "string name = 1;", "string name = 1" + header("X-Name") +
        ";\n  // Size.\n  optional int64 size = 6" + header("x-name") + ";",
        "field junction.v1.RegisterRequest.size: the header x-name is that of name already"),
    "a second name that is taken": (
        'second_name = "moar"', 'second_name = "inner"',
        'field junction.v1.RegisterRequest.more: second_name "inner" is a name already'),
}


def descriptor_set(folder, source):
    proto = folder / "junction/v1/sample.proto"
    proto.parent.mkdir(parents=True, exist_ok=True)
    proto.write_text(source)
    out = folder / "sample.pb"
    subprocess.run(
        ["protoc", f"-I{folder}", f"-I{TREE}/proto", "--include_imports",
         "--include_source_info", f"--descriptor_set_out={out}", "junction/v1/sample.proto"],
        check=True)
    return out


def apigen(folder, source):
    made = folder / "made"
    made.mkdir(exist_ok=True)
    run = subprocess.run([BUILD / "proto/apigen", descriptor_set(folder, source), made, *ROOTS,
                          folder], capture_output=True, text=True)
    return run, made


def line_of(source, text):
    return source[:source.index(text)].count("\n") + 1


@pytest.mark.parametrize("case", REFUSALS)
def test_refuses(case, tmp_path):
    old, new, sentence = REFUSALS[case]
    assert GOOD.count(old) == 1
    run, made = apigen(tmp_path, GOOD.replace(old, new))
    assert run.returncode == 1
    lines = run.stderr.splitlines()
    assert len(lines) == 1, run.stderr
    place, said = lines[0].split(": ", 1)
    assert said == sentence
    assert place.startswith("junction/v1/sample.proto:")
    assert list(made.iterdir()) == []


def test_tells_file_and_line_of_every_problem(tmp_path):
    source = GOOD.replace("// A sample.", "").replace("// None.", "")
    run, _ = apigen(tmp_path, source)
    assert [line.split(": ")[0] for line in run.stderr.splitlines()] == [
        f"junction/v1/sample.proto:{line_of(source, 'message Sample')}",
        f"junction/v1/sample.proto:{line_of(source, 'KIND_UNSPECIFIED')}"]


def test_takes_a_reason_in_place_of_a_route(tmp_path):
    source = GOOD.replace(GET_ROUTE, "").replace(
        "// Looks at one.", "// Looks at one. No REST route: a stream both ways.")
    run, _ = apigen(tmp_path, source)
    assert (run.returncode, run.stderr) == (0, "")


def test_refuses_what_is_no_descriptor_set(tmp_path):
    broken = tmp_path / "broken.pb"
    broken.write_bytes(b"\xff\xff\xff")
    run = subprocess.run([BUILD / "proto/apigen", broken, tmp_path, *ROOTS], capture_output=True,
                         text=True)
    assert run.returncode == 1
    assert run.stderr == f"apigen: {broken} is no descriptor set with all imports\n"


def test_refuses_what_has_no_source(tmp_path):
    run = subprocess.run([BUILD / "proto/apigen", descriptor_set(tmp_path, GOOD), tmp_path, *ROOTS],
                         capture_output=True, text=True)
    assert run.returncode == 1
    assert run.stderr == "apigen: junction/v1/sample.proto: No such file or directory\n"


def test_tables_follow_field_numbers_and_merge_options(tmp_path):
    run, made = apigen(tmp_path, GOOD.replace("// Fills one.", shown()))
    assert (run.returncode, run.stderr) == (0, "")
    source = (made / "api.gen.c").read_text()
    fields = source.split("fields_sample__register_request[] = {\n")[1].split("};")[0]
    assert [line.split('"')[1] for line in fields.splitlines()] == [
        "name", "inner", "more", "samples", "content"]
    assert '{"more", "moar", 0 | API_ONE_OR_MANY, NULL, NULL}' in fields
    assert '{"POST", "/v1/{name}/register", API_BODY_ALL, 0}' in source
    assert '{"PUT", "/v1/{inner.name}/register", 1, API_BODY_ALL}' in source
    assert '{"GET", "/v1/{name}", API_BODY_NONE, API_BODY_ALL}' in source
    assert source.count(".event_id = -1") == source.count(".resume = -1") > 0
    assert source.count(".event_id = 0") == source.count(".resume = 0") == 1
    assert 'bulk_keeper_register = {3, "", "name"}' in source
    assert "enum next keeper_register(struct call *c);" in (made / "steps.gen.h").read_text()


def test_tables_say_what_a_field_is_taken_from(tmp_path):
    source = GOOD.replace(
        "bytes content = 5;", "bytes content = 5;" + rest("others", 6) +
        "\n  // Size.\n  optional uint64 size = 7" + header("Content-Length") +
        ";\n  // Party.\n  string party = 8 [(junction.v1.field).number_as_text = true];")
    run, made = apigen(tmp_path, source)
    assert (run.returncode, run.stderr) == (0, "")
    tables = (made / "api.gen.c").read_text()
    assert '{"others", NULL, 0 | API_RAW_JSON | API_REST, NULL, NULL}' in tables
    assert '{"size", NULL, 0 | API_OPTIONAL, NULL, "Content-Length"}' in tables
    assert '{"party", NULL, 0 | API_NUMBER_AS_TEXT, NULL, NULL}' in tables


def test_protoc_c_takes_the_stripped_set(tmp_path):
    _, made = apigen(tmp_path, GOOD)
    subprocess.run(["protoc", f"--descriptor_set_in={made}/stripped.pb", f"--c_out={tmp_path}",
                    "junction/v1/sample.proto"], check=True)
    header = (tmp_path / "junction/v1/sample.pb-c.h").read_text()
    assert "Sample__Sample__NameCase _name_case;" in header
    assert "sample__register_request__descriptor" in header
    includes = [line for line in header.splitlines() if line.startswith("#include")]
    assert includes == ["#include <protobuf-c/protobuf-c.h>"]
    subprocess.run(["cc", "-fsyntax-only", "-Wall", "-Wextra", "-Werror", f"-I{tmp_path}",
                    tmp_path / "junction/v1/sample.pb-c.c"], check=True)


def test_the_stripped_set_keeps_what_is_on_the_wire():
    true, stripped = descriptor_pb2.FileDescriptorSet(), descriptor_pb2.FileDescriptorSet()
    true.ParseFromString((BUILD / "gen/api.pb").read_bytes())
    stripped.ParseFromString((BUILD / "gen/stripped.pb").read_bytes())
    assert [f.name for f in true.file] == [f.name for f in stripped.file]
    optional = 0
    for before, after in zip(true.file, stripped.file):
        assert not after.service
        for was, now in zip(before.message_type, after.message_type, strict=True):
            optional += sum(f.proto3_optional for f in was.field)
            assert not any(f.proto3_optional for f in now.field)
            assert [(f.name, f.number, f.type, f.oneof_index) for f in was.field] == [
                (f.name, f.number, f.type, f.oneof_index) for f in now.field]
            assert [o.name for o in was.oneof_decl] == [o.name for o in now.oneof_decl]
    assert optional


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A copy of the tree with its runtime built."""
    root = tmp_path_factory.mktemp("tree")
    shutil.copytree(TREE, root / "junction",
                    ignore=shutil.ignore_patterns(".git", "build", "node_modules", "__pycache__"))
    subprocess.run(["cmake", "--preset", "dev", "-B", root / "build"], cwd=root / "junction",
                   check=True, stdout=subprocess.DEVNULL)
    compiled(root)
    yield root
    shutil.rmtree(root)


def compiled(root):
    """Builds; the names of the C files that were compiled for it."""
    run = subprocess.run(["ninja", "-C", root / "build", "-j2", "runtime"], capture_output=True,
                         text=True)
    assert run.returncode == 0, run.stdout + run.stderr
    return {line.rsplit("/", 1)[1].removesuffix(".o") for line in run.stdout.splitlines()
            if "Building C object" in line}


def change(root, name, old, new):
    proto = root / "junction/proto/junction/v1" / name
    source = proto.read_text()
    assert old in source
    proto.write_text(source.replace(old, new, 1))


def test_a_changed_comment_compiles_only_the_documents(built):
    assert compiled(built) == set()
    change(built, "registry.proto", "// Where a server is reached.", "// Where servers live.")
    assert compiled(built) == {"documents.gen.c"}


def test_a_changed_json_name_compiles_only_the_tables(built):
    change(built, "registry.proto", '[json_name = "f_url"]', '[json_name = "f_uri"]')
    assert compiled(built) == {"api.gen.c", "descriptor_set.gen.c", "documents.gen.c"}


def test_a_new_field_compiles_what_includes_its_message(built):
    change(built, "registry.proto", "message ServerInfo {\n",
           "message ServerInfo {\n  // Zone.\n  string zone = 9;\n")
    assert compiled(built) == {"registry.pb-c.c", "api.gen.c", "descriptor_set.gen.c",
                               "documents.gen.c"}
