"""Keys of parties: own ones are made once, others' are registered, listed, deleted."""

import concurrent.futures
import contextlib

import grpc
import pytest

import observe
import parties
import postgres
import programs
import subjects


@pytest.fixture(scope="module")
def server(database):
    server = programs.Server(database.url, "--own-party", "9999", "--own-party", "8888:ed25519")
    yield server
    server.stop()


@pytest.fixture(scope="module")
def auth(channel, stubs):
    return stubs.auth_grpc.AuthStub(channel)


@pytest.fixture(scope="module")
def rsa():
    return parties.KeyPair("rsa")


@pytest.fixture(scope="module")
def ed25519():
    return parties.KeyPair("ed25519")


def put(auth, stubs, party, public):
    return auth.PutPartyKey(stubs.auth.PutPartyKeyRequest(party_id=party, public_key=public)).key


def delete(auth, stubs, party, key_id):
    auth.DeletePartyKey(stubs.auth.DeletePartyKeyRequest(party_id=party, key_id=key_id))


def rotate(auth, stubs, party, algorithm=0):
    return auth.RotatePartyKey(
        stubs.auth.RotatePartyKeyRequest(party_id=party, algorithm=algorithm)).key


def refusal(call, *arguments):
    with pytest.raises(grpc.RpcError) as error:
        call(*arguments)
    return error.value.code(), error.value.details()


def test_own_parties_have_a_key_pair_of_their_algorithm(auth, stubs, database):
    for party, algorithm in (("9999", stubs.auth.KEY_ALGORITHM_RSA_SHA256),
                             ("8888", stubs.auth.KEY_ALGORITHM_ED25519)):
        key, = parties.wait_for_keys(auth, stubs, party)
        assert (key.party_id, key.algorithm, key.own) == (party, algorithm, True)
        assert key.key_id == parties.key_id(key.public_key)
        assert abs(key.created_at.seconds - float(database.rows("SELECT extract(epoch FROM now())")
                                                  [0][0])) < 120
    text = parties.openssl("pkey", "-pubin", "-noout", "-text", stdin=parties.list_keys(
        auth, stubs, "9999")[0].public_key.encode()).decode()
    assert "(2048 bit)" in text


def test_a_private_key_is_where_only_the_application_reads_it(auth, stubs, server, database):
    parties.wait_for_keys(auth, stubs, "9999")
    rows = database.rows("SELECT private_key ~ '^-----BEGIN PRIVATE KEY-----' FROM auth.own_key")
    assert rows and set(map(tuple, rows)) == {("t",)}
    with pytest.raises(RuntimeError, match="permission denied for table own_key"):
        database.rows("SET ROLE junction_reader; SELECT * FROM auth.own_key")
    assert database.rows("SET ROLE junction_reader; SELECT count(*) > 0 FROM auth.party_key") == [
        ["t"]]
    assert "PRIVATE" not in server.log_text()


@pytest.mark.parametrize("kind", ["rsa", "ed25519"])
def test_a_key_is_registered_once(auth, stubs, kind, request):
    pair = request.getfixturevalue(kind)
    first = put(auth, stubs, "once-" + kind, pair.public)
    assert first.key_id == parties.key_id(pair.public)
    assert first.public_key == pair.public and not first.own
    # However it is spaced, it is the same key.
    again = put(auth, stubs, "once-" + kind, "\r\n " + pair.public.replace("\n", "\r\n").strip())
    assert again == first
    assert parties.list_keys(auth, stubs, "once-" + kind) == [first]


def test_a_key_in_the_form_of_pkcs1_is_the_same_key(auth, stubs, rsa):
    old = parties.openssl("rsa", "-pubin", "-RSAPublicKey_out", stdin=rsa.public.encode()).decode()
    assert old.startswith("-----BEGIN RSA PUBLIC KEY-----")
    key = put(auth, stubs, "pkcs1", old)
    assert key.public_key == rsa.public


def test_keys_are_listed_newest_first(auth, stubs, rsa, ed25519):
    put(auth, stubs, "many", rsa.public)
    put(auth, stubs, "many", ed25519.public)
    assert [key.public_key for key in parties.list_keys(auth, stubs, "many")] == [
        ed25519.public, rsa.public]
    all_ids = [key.party_id for key in parties.list_keys(auth, stubs)]
    assert all_ids == sorted(all_ids) and {"many", "9999"} <= set(all_ids)
    assert parties.list_keys(auth, stubs, "nobody") == []


@pytest.mark.parametrize("public, rule", [
    ("", "is required"),
    ("no key", "must be a public key in PEM: BEGIN PUBLIC KEY or BEGIN RSA PUBLIC KEY"),
    ("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "must be exactly one"),
    ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "must be exactly one"),
    ("-----BEGIN PUBLIC KEY-----\n" + "A" * 17000, "must have at most 16384 bytes"),
])
def test_what_is_no_public_key_is_refused(auth, stubs, public, rule):
    code, details = refusal(put, auth, stubs, "10000", public)
    assert code == grpc.StatusCode.INVALID_ARGUMENT
    assert details.startswith("public_key: " + rule)


@pytest.mark.parametrize("kind, bits, rule", [
    ("rsa", 1024, "must be an RSA key of 2048 to 8192 bits"),
    ("rsa-pss", 2048, "must be a key of RSA or of Ed25519"),
    ("ec", 0, "must be a key of RSA or of Ed25519")])
def test_other_keys_are_refused(auth, stubs, kind, bits, rule):
    assert refusal(put, auth, stubs, "10000", parties.KeyPair(kind, bits).public) == (
        grpc.StatusCode.INVALID_ARGUMENT, "public_key: " + rule)


def test_two_keys_in_one_text_are_refused(auth, stubs, rsa, ed25519):
    assert refusal(put, auth, stubs, "10000", rsa.public + ed25519.public)[0] == (
        grpc.StatusCode.INVALID_ARGUMENT)


def test_a_private_key_given_by_mistake_is_refused_and_not_shown(auth, stubs, server, rsa, ed25519):
    encrypted = parties.openssl("pkcs8", "-topk8", "-passout", "pass:x",
                                stdin=rsa.private.encode()).decode()
    old = parties.openssl("rsa", "-traditional", stdin=rsa.private.encode()).decode()
    for private in (rsa.private, ed25519.private, encrypted, old, rsa.public + rsa.private):
        assert refusal(put, auth, stubs, "10000", private) == (
            grpc.StatusCode.INVALID_ARGUMENT,
            "public_key: is a private key: keep it to yourself, and give the public one")
    assert rsa.private.splitlines()[1] not in server.log_text()


@pytest.mark.parametrize("party, rule", [
    ("", "is required"), ("a/b", 'must not hold "/" or control characters'),
    ("a\n", 'must not hold "/" or control characters'), ("x" * 65, "must have at most 64 bytes"),
    ("*", 'must not be "*"'), ("0", 'must not be "0", which stands for the first own party'),
    ("9999", "is an own party, whose keys Junction makes")])
def test_a_party_must_have_a_name_of_its_own(auth, stubs, ed25519, party, rule):
    assert refusal(put, auth, stubs, party, ed25519.public) == (
        grpc.StatusCode.INVALID_ARGUMENT, "party_id: " + rule)


def test_a_deleted_key_is_gone(auth, stubs, ed25519):
    key = put(auth, stubs, "gone", ed25519.public)
    delete(auth, stubs, "gone", key.key_id)
    assert parties.list_keys(auth, stubs, "gone") == []
    assert refusal(delete, auth, stubs, "gone", key.key_id) == (
        grpc.StatusCode.NOT_FOUND, "party gone has no such key")
    assert refusal(delete, auth, stubs, "gone", "") == (
        grpc.StatusCode.INVALID_ARGUMENT, "key_id: is required")


def test_an_own_party_keeps_the_key_that_it_signs_with(auth, stubs, database):
    old = parties.wait_for_keys(auth, stubs, "8888")[0]
    assert refusal(delete, auth, stubs, "8888", old.key_id) == (
        grpc.StatusCode.FAILED_PRECONDITION,
        "it is the key that party 8888 signs with: rotate it first")
    new = rotate(auth, stubs, "8888")
    assert new.algorithm == stubs.auth.KEY_ALGORITHM_ED25519 and new.own
    assert [key.key_id for key in parties.list_keys(auth, stubs, "8888")][:2] == [
        new.key_id, old.key_id]
    delete(auth, stubs, "8888", old.key_id)
    assert database.rows(f"SELECT count(*) FROM auth.own_key WHERE key_id = '{old.key_id}'") == [
        ["0"]]
    other = rotate(auth, stubs, "8888", stubs.auth.KEY_ALGORITHM_RSA_SHA256)
    assert other.algorithm == stubs.auth.KEY_ALGORITHM_RSA_SHA256


def test_who_changes_keys_is_in_the_audit(auth, stubs, channel, database, ed25519):
    m = stubs.auth
    subjects.put(database.url, "application", "keeper", "administrator")
    key = subjects.put_key(database.url, "keeper", "keeper")
    subjects.wait_known(channel, stubs)
    metadata = [("authorization", subjects.basic(key))]
    made = auth.PutPartyKey(m.PutPartyKeyRequest(party_id="audited", public_key=ed25519.public),
                            metadata=metadata).key
    auth.DeletePartyKey(m.DeletePartyKeyRequest(party_id="audited", key_id=made.key_id),
                        metadata=metadata)
    parties.wait_for_keys(auth, stubs, "8888")
    own = auth.RotatePartyKey(m.RotatePartyKeyRequest(party_id="8888"), metadata=metadata).key
    by_keeper = ["keeper", "{administrator}", "t", "t", "32", "keeper"]
    assert subjects.audited(database, "party_key", '"audited"') == [
        ["party_key added", *by_keeper],
        ["party_key removed", *by_keeper]]
    assert subjects.audited(database, "party_key", own.key_id) == [
        ["party_key added", *by_keeper]]
    # What a server makes by itself is nobody's but its own.
    first = parties.wait_for_keys(auth, stubs, "9999")[-1]
    assert subjects.audited(database, "party_key", first.key_id) == [
        ["party_key added", "", "", "f", "t", "0", ""]]


def test_only_own_parties_have_keys_made(auth, stubs):
    assert refusal(rotate, auth, stubs, "10000") == (
        grpc.StatusCode.INVALID_ARGUMENT, "party_id: must be an own party")
    assert refusal(rotate, auth, stubs, "") == (
        grpc.StatusCode.INVALID_ARGUMENT, "party_id: is required")
    assert refusal(rotate, auth, stubs, "8888", 7) == (
        grpc.StatusCode.INVALID_ARGUMENT, "algorithm: is not known")


def test_a_party_has_no_more_keys_than_a_signature_can_be_tried_with(auth, stubs, database, ed25519):
    database.rows("INSERT INTO auth.party_key (party_id, key_id, algorithm, public_key, own,"
                  " caller_address, caller_application, caller_user, trace) SELECT 'crowd',"
                  " encode(sha256(i::text::bytea), 'hex'), 'ed25519',"
                  " E'-----BEGIN PUBLIC KEY-----\\n', false, '', '', '', ''"
                  " FROM generate_series(1, 100) i")
    assert refusal(put, auth, stubs, "crowd", ed25519.public) == (
        grpc.StatusCode.FAILED_PRECONDITION,
        "party crowd has 100 keys, and may not have more: delete one first")


def test_who_registered_a_key_is_in_its_row(auth, stubs, database, ed25519):
    put(auth, stubs, "traced", ed25519.public)
    address, trace = database.rows("SELECT caller_address, trace FROM auth.party_key"
                                   " WHERE party_id = 'traced'")[0]
    assert address.startswith("127.0.0.1:") and len(trace) == 32


@contextlib.contextmanager
def servers(database, count, *options):
    started = [programs.Server(database.url, *options, wait=False) for _ in range(count)]
    try:
        yield started
    finally:
        with concurrent.futures.ThreadPoolExecutor() as pool:
            list(pool.map(lambda server: server.stop(), started))


def wait_for_own_keys(server, stubs, own):
    server.wait_ready()
    with server.channel() as channel:
        for party in own:
            parties.wait_for_keys(stubs.auth_grpc.AuthStub(channel), stubs, party)


def test_of_servers_that_start_at_once_one_makes_the_key_pair(cluster_url, stubs):
    with programs.Database(cluster_url) as database:
        with servers(database, 4, "--own-party", "1", "--own-party", "2:ed25519", "--own-party",
                     "3:rsa") as started:
            for server in started:
                wait_for_own_keys(server, stubs, "123")
        # All have ended, so no further one comes.
        assert database.rows("SELECT party_id, algorithm, own FROM auth.party_key"
                             " ORDER BY party_id") == [
            ["1", "rsa-sha256", "t"], ["2", "ed25519", "t"], ["3", "rsa-sha256", "t"]]
        assert database.rows("SELECT count(*) FROM auth.own_key") == [["3"]]


def test_of_key_pairs_that_come_at_the_same_moment_one_is_kept(cluster_url, stubs):
    with programs.Database(cluster_url) as database:
        with postgres.Session(database.url) as session:
            # Reads go on, so that each server finds that the key is missing; all writes wait.
            session.run("BEGIN; LOCK TABLE auth.party_key IN SHARE MODE;")
            with servers(database, 3, "--own-party", "1:ed25519", "--lock-timeout-ms",
                         "60000") as started:
                observe.wait_until(lambda: database.rows(
                    "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                    " AND datname = current_database()") == [["3"]])
                session.run("COMMIT;")
                for server in started:
                    wait_for_own_keys(server, stubs, "1")
        assert database.rows("SELECT count(*) FROM auth.party_key") == [["1"]]


def test_another_algorithm_in_the_configuration_makes_a_new_pair(cluster_url, stubs):
    with programs.Database(cluster_url) as database:
        for option, count in (("1:ed25519", 1), ("1:ed25519", 1), ("1:rsa", 2), ("1", 2),
                              ("1:ed25519", 3)):
            server = programs.Server(database.url, "--own-party", option)
            try:
                with server.channel() as channel:
                    keys = parties.wait_for_keys(stubs.auth_grpc.AuthStub(channel), stubs, "1", count)
            finally:
                server.stop()
            assert len(keys) == count
        assert [key.algorithm for key in keys] == [2, 1, 2]


@pytest.mark.parametrize("option, rule", [
    ("1:dsa", "must be ID, ID:rsa or ID:ed25519"), ("", "is required"),
    (":rsa", "is required"), ("1:", 'names no algorithm behind ":"'),
    ("0", 'must not be "0", which stands for the first own party'), ("*", 'must not be "*"'),
    ("a/b", 'must not hold "/" or control characters')])
def test_a_wrong_own_party_stops_the_start(database, option, rule):
    with pytest.raises(RuntimeError) as error:
        programs.Server(database.url, "--own-party", option)
    assert f'junctiond: --own-party: "{option}" {rule}' in str(error.value)


def test_an_own_party_is_given_once(database):
    with pytest.raises(RuntimeError, match='junctiond: --own-party: "1:rsa" is given twice'):
        programs.Server(database.url, "--own-party", "1", "--own-party", "1:rsa")


def test_over_http(auth, stubs, bridge, ed25519):
    answer = bridge.post("/v1/auth/party-keys", {"party_id": "http", "public_key": ed25519.public})
    assert answer.status == 200 and answer.json()["key"]["partyId"] == "http"
    key_id = answer.json()["key"]["keyId"]
    listed = bridge.get("/v1/auth/party-keys?party_id=http").json()["keys"]
    assert [key["keyId"] for key in listed] == [key_id]
    assert bridge.request("DELETE", f"/v1/auth/party-keys/http/{key_id}").status == 200
    assert bridge.request("DELETE", f"/v1/auth/party-keys/http/{key_id}").status == 404
    answer = bridge.post("/v1/auth/party-keys/9999/rotate", {})
    assert answer.status == 200 and answer.json()["key"]["own"] is True
