"""Calls of third parties: what a caller may do is asked of the action that he wants, by its name and
method as registered, and nothing is sent for who may not."""

import json

import grpc
import pytest

import identities
import programs
import subjects

DENIED = grpc.StatusCode.PERMISSION_DENIED
RULES = {
    "caller": [("allow", "billing", "charge", "POST"), ("allow", "billing", "refund*", "*"),
               ("deny", "billing", "refund-all", "*"), ("allow", "v2.versioned", "*", "*")],
    "reading": [("allow", "reader", "query", "*")],
    "listing": [("allow", "registry", "listnodes", "READ"), ("allow", "registry", "listactions", "READ")],
    "all": [("allow", "*", "**", "*")],
}


@pytest.fixture(scope="module")
def upstream():
    """Answers whatever is asked."""
    body = json.dumps({"code": 0, "data": {"status": "success", "jobId": "j"}}).encode()
    with programs.Upstream(lambda request: (200, {}, body)) as upstream:
        yield upstream


@pytest.fixture(scope="module")
def keys(database):
    made = {}
    for name, rules in RULES.items():
        subjects.put_role(database.url, name, *rules)
        subjects.put(database.url, "application", name, name)
        made[name] = subjects.put_key(database.url, name, name)
    return made


@pytest.fixture(scope="module")
def server(database, keys):
    server = programs.Server(database.url, "--auth", "required", "--registry-poll-ms", "50")
    yield server
    server.stop()


@pytest.fixture(scope="module")
def third_parties(registry, stubs, keys, upstream):
    m, metadata = stubs.registry, [("authorization", subjects.basic(keys["all"]))]
    port = upstream.port
    for space in ("default", "other"):
        call = {"metadata": [*metadata, ("x-namespace", space)]}
        for name in ("Billing", "reader", "versioned"):
            registry.RegisterServer(
                m.RegisterServerRequest(server_name=name, host="127.0.0.1", port=port), **call)
        for server, action in (("billing", "Charge"), ("billing", "refund-one"),
                               ("billing", "refund-all"), ("reader", "query"), ("reader", "upload"),
                               ("reader", "download"), ("versioned", "anything")):
            registry.RegisterService(m.RegisterServiceRequest(
                server_name=server, service_name=action, uri="/" + action, method="POST"), **call)


class Caller:
    def __init__(self, name, channel, stubs, keys, upstream, space="default"):
        self.m, self.upstream = stubs.registry, upstream
        self.registry = stubs.registry_grpc.RegistryStub(channel)
        self.reader, self.reader_m = stubs.api_reader_grpc.ApiReaderStub(channel), stubs.api_reader
        self.metadata = [("authorization", subjects.basic(keys[name])), ("x-namespace", space)]

    def call(self, service, action, **fields):
        return self.registry.Call(self.m.CallRequest(service=service, action=action, **fields),
                                  metadata=self.metadata)

    def stream(self, service, action, **fields):
        return list(self.registry.CallStream(
            self.m.CallStreamRequest(service=service, action=action, **fields),
            metadata=self.metadata))

    def query(self):
        return self.reader.Query(self.reader_m.QueryRequest(server_name="reader", job_id="j"),
                                 metadata=self.metadata)

    def upload(self):
        messages = iter([self.reader_m.UploadRequest(server_name="reader", request_body="{}", size=1),
                         self.reader_m.UploadRequest(content=b"x")])
        return self.reader.Upload(messages, metadata=self.metadata)

    def download(self):
        return list(self.reader.Download(self.reader_m.DownloadRequest(
            server_name="reader", job_id="j"), metadata=self.metadata))

    def refused(self, what, function, *arguments, **fields):
        """By that text, and nothing has been sent."""
        sent = len(self.upstream.requests)
        assert identities.refusal(function, *arguments, **fields) == (DENIED, what)
        assert len(self.upstream.requests) == sent


@pytest.fixture
def as_(channel, stubs, keys, upstream, third_parties):
    return lambda name, space="default": Caller(name, channel, stubs, keys, upstream, space)


def test_the_action_that_is_called_must_be_allowed(as_):
    caller = as_("caller")
    assert caller.call("billing", "charge").code == "200"
    assert caller.call("BILLING", "billing.charge", method="POST").code == "200"
    caller.refused("application reading may not: Billing Charge (POST)",
                   as_("reading").call, "billing", "charge")


def test_so_must_the_method_that_it_is_called_by(as_):
    caller = as_("caller")
    assert caller.call("billing", "refund-one", method="PUT").code == "200"
    caller.refused("application caller may not: Billing Charge (GET)",
                   caller.call, "billing", "charge", method="GET")


def test_what_is_denied_is_not_called(as_):
    caller = as_("caller")
    caller.refused("application caller may not: Billing refund-all (POST)",
                   caller.call, "billing", "refund-all")


def test_a_version_is_part_of_the_service_s_name(as_, database, stubs, keys, upstream):
    as_("caller").refused("application caller may not: versioned anything (POST)",
                          as_("caller").call, "versioned", "anything")
    # No RPC gives a service one yet.
    database.rows("UPDATE registry.service SET version = 'v2' WHERE name = 'versioned'")
    other = programs.Server(database.url, "--auth", "required")
    try:
        with other.channel() as channel:
            caller = Caller("caller", channel, stubs, keys, upstream)
            assert caller.call("v2.versioned", "anything").code == "200"
            reading = Caller("reading", channel, stubs, keys, upstream)
            reading.refused("application reading may not: v2.versioned anything (POST)",
                            reading.call, "versioned", "anything")
    finally:
        other.stop()


def test_a_stream_is_asked_for_in_the_same_way(as_):
    caller = as_("caller")
    assert b"success" in b"".join(m.data for m in caller.stream("billing", "charge"))
    caller.refused("application caller may not: Billing refund-all (POST)",
                   caller.stream, "billing", "refund-all")


def test_another_namespace_changes_nothing(as_):
    caller = as_("caller", "other")
    assert caller.call("billing", "charge").code == "200"
    caller.refused("application caller may not: Billing refund-all (POST)",
                   caller.call, "billing", "refund-all")


def test_what_is_not_there_is_not_found_whoever_asks(as_):
    for name in ("all", "reading"):
        assert identities.refusal(as_(name).call, "billing", "none")[0] == grpc.StatusCode.NOT_FOUND
        assert identities.refusal(as_(name).call, "none", "none")[0] == grpc.StatusCode.NOT_FOUND


def test_the_lists_of_node_are_those_of_the_registry(as_):
    caller = as_("listing")
    for action in ("$node.list", "list", "$Nodes.health", "actions"):
        assert caller.call("$node", action).code == "200"
    for action, rpc in (("services", "ListServices"), ("events", "ListEvents")):
        caller.refused(f"application listing may not: registry {rpc} (READ)",
                       caller.call, "$node", action)
    caller.refused("application caller may not: registry ListNodes (READ)",
                   as_("caller").call, "$node", "list")


def test_api_reader_s_three_are_asked_for_by_their_names(as_):
    reading, everything = as_("reading"), as_("all")
    assert reading.query().status == "success"
    assert everything.upload().data.job_id == "j"
    for name in ("upload", "download"):
        reading.refused(f"application reading may not: reader {name} (POST)", getattr(reading, name))
    reading.refused("application caller may not: reader query (POST)", as_("caller").query)
