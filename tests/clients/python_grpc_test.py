"""Every RPC, called by a client that protoc's own generator for Python made."""

import json
import queue

import grpc
import pytest
from google.protobuf import descriptor_pb2

import programs


@pytest.fixture(scope="module")
def upstream():
    def answer(request):
        body = json.dumps({"method": request.method, "path": request.path,
                           "type": request.headers.get("Content-Type"),
                           "body": request.body.decode()}).encode()
        return 200, {"Content-Type": "application/json"}, body
    with programs.Upstream(answer) as upstream:
        yield upstream


def refusal(call):
    with pytest.raises(grpc.RpcError) as caught:
        call()
    return caught.value


def test_a_server_is_registered_read_moved_and_deleted(registry, stubs):
    m = stubs.registry
    registry.RegisterServer(m.RegisterServerRequest(server_name="Alpha", host="10.0.0.1", port=80))
    data = registry.GetServer(m.GetServerRequest(server_name="aLPHA")).data
    assert (data.host, data.port, data.protocol) == ("10.0.0.1", 80, "http")
    registry.RegisterServer(m.RegisterServerRequest(server_name="alpha", host="h.example", port=443,
                                                    protocol="HTTPS"))
    servers = registry.ListServers(m.ListServersRequest()).data
    assert (servers["Alpha"].host, servers["Alpha"].port) == ("h.example", 443)
    assert servers["Alpha"].protocol == "https"
    registry.DeleteServer(m.DeleteServerRequest(server_name="ALPHA"))
    assert not registry.GetServer(m.GetServerRequest(server_name="Alpha")).HasField("data")
    error = refusal(lambda: registry.DeleteServer(m.DeleteServerRequest(server_name="Alpha")))
    assert error.code() == grpc.StatusCode.NOT_FOUND


def test_a_service_is_registered_queried_and_deleted(registry, stubs):
    m = stubs.registry
    registry.RegisterServer(m.RegisterServerRequest(server_name="beta", host="10.0.0.2", port=81))
    registry.RegisterService(m.RegisterServiceRequest(
        server_name="BETA", service_name="upload", uri="u", method="put", params='{"b":1,"a":1.0}'))
    rows = registry.QueryServices(m.QueryServicesRequest(service_name=["upload"])).data.service_info
    assert len(rows) == 1
    row = rows[0]
    assert row.f_server_name == "beta" and row.f_service_name == "upload"
    assert row.f_url == "http://10.0.0.2:81/u" and row.f_method == "PUT"
    assert row.f_params == '{"b":1,"a":1.0}' and row.f_data == "{}" and row.f_headers == "{}"
    assert row.f_create_time > 1_700_000_000_000 and row.f_create_date[4] == "-"
    registry.DeleteService(m.DeleteServiceRequest(server_name="beta", service_name="upload"))
    assert not registry.QueryServices(
        m.QueryServicesRequest(service_name=["upload"])).data.service_info
    error = refusal(lambda: registry.DeleteService(
        m.DeleteServiceRequest(server_name="beta", service_name="upload")))
    assert error.code() == grpc.StatusCode.NOT_FOUND


def test_the_bulk_form_is_all_or_nothing(registry, stubs):
    m = stubs.registry
    good = m.BulkServer(host="10.0.0.3", port=82, api={"x": m.BulkService(uri="/x")})
    bad = m.BulkServer(host="10.0.0.3", port=82, api={"x": m.BulkService(uri="/x", method="NOPE")})
    error = refusal(lambda: registry.RegisterService(
        m.RegisterServiceRequest(servers={"gamma": good, "delta": bad})))
    assert error.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert "delta" in error.details() and "method" in error.details()
    assert not registry.GetServer(m.GetServerRequest(server_name="gamma")).HasField("data")
    registry.RegisterService(m.RegisterServiceRequest(servers={"gamma": good, "delta": good}))
    assert registry.GetServer(m.GetServerRequest(server_name="delta")).data.port == 82
    names = [r.f_server_name for r in registry.QueryServices(
        m.QueryServicesRequest(service_name=["x"])).data.service_info]
    assert names == ["delta", "gamma"]


def test_services_actions_and_events_are_listed(registry, stubs):
    m = stubs.registry
    registry.RegisterServer(m.RegisterServerRequest(server_name="lists", host="10.0.0.4", port=83))
    for name in ("two", "one"):
        registry.RegisterService(m.RegisterServiceRequest(server_name="lists", service_name=name,
                                                          uri="/" + name, method="GET"))
    services = registry.ListServices(m.ListServicesRequest(name="LISTS")).services
    assert [(s.name, s.full_name, s.available, s.local, list(s.nodes), s.version)
            for s in services] == [("lists", "lists", True, False, ["10.0.0.4:83"], "")]
    everything = {s.name: s for s in registry.ListServices(m.ListServicesRequest()).services}
    assert everything["$node"].local and everything["$node"].available
    assert list(everything) == sorted(everything)
    actions = registry.ListActions(m.ListActionsRequest(service="lists")).actions
    assert [(a.name, a.available, a.action.method, a.action.uri) for a in actions] == [
        ("lists.one", True, "GET", "/one"), ("lists.two", True, "GET", "/two")]
    assert not registry.ListEvents(m.ListEventsRequest(service="lists")).events
    for call in (lambda: registry.ListActions(m.ListActionsRequest(service="nobody")),
                 lambda: registry.ListEvents(m.ListEventsRequest(service="nobody"))):
        assert refusal(call).code() == grpc.StatusCode.NOT_FOUND


def test_an_action_is_called(registry, stubs, upstream):
    m = stubs.registry
    registry.RegisterServer(m.RegisterServerRequest(server_name="up", host="127.0.0.1",
                                                    port=upstream.port))
    registry.RegisterService(m.RegisterServiceRequest(server_name="up", service_name="echo",
                                                      uri="/echo", method="POST"))
    answer = registry.Call(m.CallRequest(service="up", action="echo", param='{"q":["a b","c"]}',
                                         body='{"n":1.0}'))
    assert answer.code == "200"
    seen = json.loads(answer.result)
    assert seen["method"] == "POST" and seen["path"] in ("/echo?q=a%20b&q=c", "/echo?q=a+b&q=c")
    assert seen["body"] == '{"n":1.0}' and seen["type"].startswith("application/json")
    nodes = registry.Call(m.CallRequest(service="$node", action="services"))
    assert "up" in [s["name"] for s in json.loads(nodes.result)]


def test_a_refusal_names_the_field_in_status_details(registry, stubs):
    error = refusal(lambda: registry.RegisterServer(
        stubs.registry.RegisterServerRequest(server_name="x", host="h", port=70000)))
    assert error.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert error.details().startswith("port: ")
    trailing = dict(error.trailing_metadata())
    status = stubs.status.Status.FromString(trailing["grpc-status-details-bin"])
    bad = stubs.details.BadRequest()
    assert status.details[0].Unpack(bad)
    assert bad.field_violations[0].field == "port"


def test_namespaces_do_not_see_each_other(registry, stubs):
    m = stubs.registry
    there = (("x-namespace", "elsewhere"),)
    registry.RegisterServer(m.RegisterServerRequest(server_name="own", host="10.0.0.5", port=84),
                            metadata=there)
    assert not registry.GetServer(m.GetServerRequest(server_name="own")).HasField("data")
    assert registry.GetServer(m.GetServerRequest(server_name="own"), metadata=there).data.port == 84
    assert list(registry.ListServers(m.ListServersRequest(), metadata=there).data) == ["own"]
    error = refusal(lambda: registry.ListServers(m.ListServersRequest(),
                                                 metadata=(("x-namespace", "no blank"),)))
    assert error.code() == grpc.StatusCode.INVALID_ARGUMENT


def test_health_answers(channel, stubs):
    health = stubs.health_grpc.HealthStub(channel)
    for service in ("", "junction.v1.Registry"):
        assert health.Check(stubs.health.HealthCheckRequest(service=service)).status == 1
    error = refusal(lambda: health.Check(stubs.health.HealthCheckRequest(service="nope")))
    assert error.code() == grpc.StatusCode.NOT_FOUND
    watch = health.Watch(stubs.health.HealthCheckRequest(service="junction.v1.Registry"))
    assert next(watch).status == 1
    watch.cancel()


def files_of(answer):
    return {f.name: f for f in map(descriptor_pb2.FileDescriptorProto.FromString,
                                   answer.file_descriptor_response.file_descriptor_proto)}


@pytest.mark.parametrize("version", ["v1", "v1alpha"])
def test_reflection_answers(channel, stubs, version):
    reflect = stubs.reflection_grpc[version].ServerReflectionStub(channel).ServerReflectionInfo
    m = stubs.reflection[version]
    r = m.ServerReflectionRequest
    extension = m.ExtensionRequest(containing_type="google.protobuf.MethodOptions",
                                   extension_number=72295728)
    questions = [r(list_services=""), r(file_containing_symbol="junction.v1.Registry.Call"),
                 r(file_by_filename="nope.proto"), r(file_containing_extension=extension),
                 r(all_extension_numbers_of_type="google.protobuf.MethodOptions", host="h")]
    answers = list(reflect(iter(questions)))
    assert [a.original_request for a in answers] == questions
    assert answers[4].valid_host == "h"
    assert [s.name for s in answers[0].list_services_response.service] == [
        "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection",
        "grpc.reflection.v1alpha.ServerReflection", "junction.v1.ApiReader", "junction.v1.Audit",
        "junction.v1.Auth", "junction.v1.Event", "junction.v1.Notice", "junction.v1.Registry"]
    files = files_of(answers[1])
    port = files["junction/v1/registry.proto"].message_type[1].field[2]
    assert port.name == "port" and port.proto3_optional  # the true schema, not protobuf-c's
    assert {"google/api/http.proto", "google/protobuf/descriptor.proto"} <= set(files)
    assert answers[2].error_response.error_code == grpc.StatusCode.NOT_FOUND.value[0]
    assert "google/api/annotations.proto" in files_of(answers[3])
    assert 72295728 in answers[4].all_extension_numbers_response.extension_number


# --- streams --------------------------------------------------------------------------------------


def test_a_server_stream(trial, stubs):
    m = stubs.trial
    call = trial.Count(m.CountRequest(count=1000, padding=3))
    answers = list(call)
    assert [a.number for a in answers] == list(range(1, 1001))
    assert {a.padding for a in answers} == {"xxx"} and call.code() == grpc.StatusCode.OK
    assert list(trial.Count(m.CountRequest())) == []


def test_a_server_stream_that_fails_after_its_messages(trial, stubs):
    call = trial.Count(stubs.trial.CountRequest(count=2, fail_code=9))
    assert [next(call).number, next(call).number] == [1, 2]
    error = refusal(lambda: next(call))
    assert error.code() == grpc.StatusCode.FAILED_PRECONDITION
    assert error.details() == "asked to fail after 2"


def test_a_client_stream(trial, stubs):
    m = stubs.trial
    answer = trial.Sum(m.SumRequest(number=n) for n in range(1000))
    assert (answer.count, answer.sum) == (1000, 499500)
    assert trial.Sum(iter([])).count == 0


def test_a_client_stream_that_is_refused_with_details(trial, stubs):
    error = refusal(lambda: trial.Sum(stubs.trial.SumRequest(number=n) for n in (1, -1, 1)))
    assert error.code() == grpc.StatusCode.INVALID_ARGUMENT
    details = dict(error.trailing_metadata())["grpc-status-details-bin"]
    bad = stubs.details.BadRequest()
    assert stubs.status.Status.FromString(details).details[0].Unpack(bad)
    assert bad.field_violations[0].field == "number"


def test_a_stream_in_both_directions(trial, stubs):
    m = stubs.trial
    questions = queue.Queue()
    answers = trial.Chat(iter(questions.get, None))
    for text in ("a", "", "\u4eca"):
        questions.put(m.ChatRequest(text=text))
        assert next(answers).text == text
    questions.put(None)
    assert list(answers) == [] and answers.code() == grpc.StatusCode.OK
