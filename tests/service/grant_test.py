"""The built-in permission: what is not granted is denied."""

import json

import grpc
import pytest

import parties
import programs
import subjects

ROLE, COMPONENT, DATASET = 1, 2, 3


@pytest.fixture(scope="module")
def server(database):
    server = programs.Server(database.url, "--own-party", "9999", "--own-party", "9998:ed25519")
    yield server
    server.stop()


@pytest.fixture(scope="module")
def auth(channel, stubs):
    return stubs.auth_grpc.AuthStub(channel)


@pytest.fixture(autouse=True)
def no_grants(database, server):
    database.rows("DELETE FROM auth.party_grant")


def grant_of(stubs, party, kind, name, namespace=""):
    return stubs.auth.PartyGrant(party_id=party, kind=kind, name=name, namespace=namespace)


@pytest.fixture
def put(auth, stubs):
    def put(*grant):
        auth.PutPartyGrant(stubs.auth.PutPartyGrantRequest(grant=grant_of(stubs, *grant)))
    return put


@pytest.fixture
def take_back(auth, stubs):
    def take_back(*grant):
        auth.DeletePartyGrant(stubs.auth.DeletePartyGrantRequest(grant=grant_of(stubs, *grant)))
    return take_back


@pytest.fixture
def ask(auth, stubs):
    def ask(party="10000", components=("reader",), datasets=(), **more):
        def text(value):
            return value if isinstance(value, str) else json.dumps(value)
        auth.Permission(stubs.auth.PermissionRequest(
            src_party_id=party, component_list=text(components), dataset_list=text(datasets),
            **{"role": "host", **more}))
    return ask


def refusal(call, *arguments, **more):
    with pytest.raises(grpc.RpcError) as error:
        call(*arguments, **more)
    return error.value.code(), error.value.details()


def denied(what, party="10000"):
    return (grpc.StatusCode.PERMISSION_DENIED, f"party {party} is not granted {what}")


def invalid(details):
    return (grpc.StatusCode.INVALID_ARGUMENT, details)


def test_all_of_it_must_be_granted(ask, put, take_back):
    need = {"components": ["reader", "HeteroLR", "reader"],
            "datasets": [{"namespace": "n", "name": "a"}, {"namespace": "m", "name": "b", "x": 1}]}
    assert refusal(ask, **need) == denied("role host")
    put("10000", ROLE, "host")
    assert refusal(ask, **need) == denied("component reader")
    put("10000", COMPONENT, "reader")
    assert refusal(ask, **need) == denied("component heterolr")
    put("10000", COMPONENT, "HETEROLR")
    assert refusal(ask, **need) == denied("dataset n/a")
    put("10000", DATASET, "a", "n")
    assert refusal(ask, **need) == denied("dataset m/b")
    put("10000", DATASET, "b", "m")
    ask(**need)
    assert refusal(ask, "10001", **need) == denied("role host", "10001")
    take_back("10000", COMPONENT, "HeteroLr")
    assert refusal(ask, **need) == denied("component heterolr")


def test_nothing_is_granted_at_first(ask):
    assert refusal(ask, components=[], datasets=[]) == denied("role host")


def test_a_star_is_any(ask, put):
    put("10000", ROLE, "*")
    put("10000", COMPONENT, "*")
    ask(components=["anything", "*"])
    put("10000", DATASET, "*", "n")
    ask(datasets=[{"namespace": "n", "name": "any"}])
    assert refusal(ask, datasets=[{"namespace": "m", "name": "t"}]) == denied("dataset m/t")
    put("10000", DATASET, "t", "*")
    ask(datasets=[{"namespace": "m", "name": "t"}])
    assert refusal(ask, datasets=[{"namespace": "m", "name": "*"}]) == denied("dataset m/*")
    put("10000", DATASET, "*", "*")
    ask(datasets=[{"namespace": "m", "name": "*"}])


@pytest.mark.parametrize("given, role", [
    ({"src_role": "guest"}, "guest"), ({"src_role": ""}, "host"), ({"role": ""}, "*"),
    ({"src_role": "guest", "role": ""}, "guest")])
def test_the_role_is_theirs_or_else_ours_or_else_any(ask, put, given, role):
    put("10000", COMPONENT, "*")
    assert refusal(ask, **given) == denied("role " + role)
    put("10000", ROLE, role)
    ask(**given)


def test_what_is_granted_to_any_counts_for_those_that_have_a_key(ask, put, auth, stubs):
    for kind in (ROLE, COMPONENT):
        put("*", kind, "*")
    assert refusal(ask, "keyless") == denied("role host", "keyless")
    assert refusal(ask, "*") == denied("role host", "*")
    key = auth.PutPartyKey(stubs.auth.PutPartyKeyRequest(
        party_id="known", public_key=parties.KeyPair("ed25519").public)).key
    ask("known")
    auth.DeletePartyKey(stubs.auth.DeletePartyKeyRequest(party_id="known", key_id=key.key_id))
    assert refusal(ask, "known") == denied("role host", "known")


@pytest.mark.parametrize("party", ["9999", "9998", "0"])
def test_an_own_party_may_do_all(ask, party):
    ask(party, components=["a"], datasets=[{"namespace": "n", "name": "t"}])


@pytest.mark.parametrize("components", [
    ["a", "b"], {"0": "A", "1": "b"}, {"a": {"x": 1}, "B": []}, {"x": "a", "b": None}])
def test_components_in_each_shape(ask, put, components):
    put("10000", ROLE, "host")
    put("10000", COMPONENT, "a")
    assert refusal(ask, components=components) == denied("component b")
    put("10000", COMPONENT, "b")
    ask(components=components)


@pytest.mark.parametrize("datasets", [
    [{"namespace": "n", "name": "t"}], {"reader_0": {"namespace": "n", "name": "t"}},
    {"namespace": "n", "name": "t"}])
def test_datasets_in_each_shape(ask, put, datasets):
    put("10000", ROLE, "host")
    assert refusal(ask, components=[], datasets=datasets) == denied("dataset n/t")
    put("10000", DATASET, "t", "n")
    ask(components=[], datasets=datasets)


@pytest.mark.parametrize("datasets", [[], {}])
def test_no_dataset_needs_nothing(ask, put, datasets):
    put("10000", ROLE, "host")
    ask(components={}, datasets=datasets)


@pytest.mark.parametrize("given, details", [
    ({"components": '"reader"'}, "component_list: must be a JSON list or a JSON object"),
    ({"components": [1]}, "component_list[0]: must be a component's name"),
    ({"components": ["a", ["b"]]}, "component_list[1]: must be a component's name"),
    ({"components": ["a", ""]}, "component_list[1]: is required"),
    ({"components": ["a\u0000b"]}, "component_list[0]: must not hold control characters"),
    ({"components": ["x" * 256]}, "component_list[0]: must have at most 255 bytes"),
    ({"components": ["a"] * 1001}, "component_list: must have at most 1000 values"),
    ({"datasets": ["n.t"]}, "dataset_list[0]: must be a dataset: an object of namespace and name"),
    ({"datasets": [{"namespace": "n"}]}, "dataset_list[0].name: must be a string"),
    ({"datasets": [{"name": "n"}]}, "dataset_list[0].namespace: must be a string"),
    ({"datasets": {"a": {"namespace": "n", "name": "t"}, "b": {"namespace": 1, "name": "t"}}},
     "dataset_list[1].namespace: must be a string"),
    ({"datasets": {"namespace": "n"}}, "dataset_list.name: must be a string"),
    ({"datasets": [{"namespace": "", "name": "t"}]}, "dataset_list[0].namespace: is required"),
    ({"datasets": [None]}, "dataset_list[0]: must be a dataset: an object of namespace and name"),
    ({"role": "a\n"}, "role: must not hold control characters"),
    ({"src_role": "a\n"}, "src_role: must not hold control characters")])
def test_what_nobody_understands_is_refused(ask, put, given, details):
    for grant in ((ROLE, "*"), (COMPONENT, "*"), (DATASET, "*", "*")):
        put("10000", *grant)
    assert refusal(ask, **given) == invalid(details)
    assert refusal(ask, "9999", **given) == invalid(details)


def test_many_names_at_once(ask, put):
    put("10000", ROLE, "host")
    put("10000", COMPONENT, "*")
    put("10000", DATASET, "*", "n")
    ask(components=[f"c{i}" for i in range(1000)],
        datasets=[{"namespace": "n", "name": f"{{\"{i}\\,"} for i in range(1000)])


def test_a_grant_twice_is_one_grant(auth, stubs, put, take_back, database):
    for _ in range(2):
        put("10000", COMPONENT, "Reader")
    assert database.rows("SELECT party_id, kind, namespace, name, caller_address ~ '^127',"
                         " length(trace) FROM auth.party_grant") == [
        ["10000", "component", "", "reader", "t", "32"]]
    take_back("10000", COMPONENT, "READER")
    assert refusal(take_back, "10000", COMPONENT, "reader") == (
        grpc.StatusCode.NOT_FOUND, "party 10000 has no such grant")


def test_who_grants_is_in_the_audit(auth, stubs, channel, database):
    m = stubs.auth
    subjects.put(database.url, "application", "granter", "administrator")
    metadata = [("authorization", subjects.basic(subjects.put_key(database.url, "granter", "granter")))]
    subjects.wait_known(channel, stubs)
    grant = grant_of(stubs, "10000", ROLE, "audited")
    for _ in range(2):
        auth.PutPartyGrant(m.PutPartyGrantRequest(grant=grant), metadata=metadata)
    auth.DeletePartyGrant(m.DeletePartyGrantRequest(grant=grant), metadata=metadata)
    by_granter = ["granter", "{administrator}", "t", "t", "32", "granter"]
    assert subjects.audited(database, "party_grant", '"audited"') == [
        ["party_grant added", *by_granter], ["party_grant removed", *by_granter]]


def test_grants_are_listed_in_order(auth, stubs, put):
    grants = [("*", ROLE, "guest", ""), ("10000", ROLE, "guest", ""), ("10000", COMPONENT, "a", ""),
              ("10000", DATASET, "*", "a"), ("10000", DATASET, "b", "a"), ("10000", DATASET, "a", "b"),
              ("9", ROLE, "*", "")]
    for grant in reversed(grants):
        put(*grant)

    def listed(party=""):
        return [(g.party_id, g.kind, g.name, g.namespace) for g in auth.ListPartyGrants(
            stubs.auth.ListPartyGrantsRequest(party_id=party)).grants]
    assert listed() == grants
    assert listed("10000") == grants[1:6]
    assert listed("none") == []


@pytest.mark.parametrize("grant, details", [
    (("", ROLE, "a"), "grant.party_id: is required"),
    (("0", ROLE, "a"), 'grant.party_id: must not be "0", which stands for the first own party'),
    (("a/b", ROLE, "a"), 'grant.party_id: must not hold "/" or control characters'),
    (("1", 0, "a"), "grant.kind: must be a role, a component or a dataset"),
    (("1", 4, "a"), "grant.kind: must be a role, a component or a dataset"),
    (("1", ROLE, "a", "n"), "grant.namespace: must be empty but of a dataset"),
    (("1", DATASET, "a"), "grant.namespace: is required"),
    (("1", DATASET, "a", "x" * 256), "grant.namespace: must have at most 255 bytes"),
    (("1", ROLE, ""), "grant.name: is required"),
    (("1", ROLE, "x" * 256), "grant.name: must have at most 255 bytes"),
    (("1", ROLE, "a\u0085"), "grant.name: must not hold control characters")])
def test_a_grant_says_what_to_whom(put, take_back, grant, details):
    assert refusal(put, *grant) == invalid(details)
    assert refusal(take_back, *grant) == invalid(details)


def test_no_grant_at_all(auth, stubs):
    assert refusal(auth.PutPartyGrant, stubs.auth.PutPartyGrantRequest()) == invalid(
        "grant: is required")


def test_a_dba_asks_the_same_question(database, put):
    put("10000", ROLE, "host")
    assert database.rows("SET ROLE junction_reader; SELECT * FROM auth.check_party('10000', 'host',"
                         " '{Reader}', '{n}', '{t}')") == [
        ["component", "", "reader"], ["dataset", "n", "t"]]


def test_over_http(bridge, put):
    put("10000", ROLE, "host")
    grant = {"partyId": "10000", "kind": "GRANT_KIND_COMPONENT", "name": "reader"}
    assert bridge.post("/v1/auth/party-grants", {"grant": grant}).status == 200
    grants = bridge.get("/v1/auth/party-grants?party_id=10000").json()["grants"]
    assert grants[1]["name"] == "reader"
    job = {"src_role": None, "src_party_id": 10000, "role": "host", "party_id": "9999",
           "initiator": {"role": "guest", "party_id": 10000}, "roles": {"guest": [10000]},
           "component_list": ["reader", "reader"], "dataset_list": [], "unknown": {}}
    assert bridge.post("/v1/auth/permission", job).json()["code"] == 0
    answer = bridge.request("DELETE", "/v1/auth/party-grants?grant.party_id=10000"
                            "&grant.kind=GRANT_KIND_COMPONENT&grant.name=reader")
    assert answer.status == 200, answer
    said = bridge.post("/v1/auth/permission", job)
    assert said.status == 200 and said.json()["code"] == 108
    assert said.json()["message"] == "party 10000 is not granted component reader"
