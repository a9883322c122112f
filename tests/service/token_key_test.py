"""Keys of access tokens: the first one, rotation without a token refused, revocation."""

import json

import grpc
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519

import observe
import postgres
import programs
import subjects

TOKEN_SECONDS, SKEW_SECONDS = 60, 30
DELAY_SECONDS = 10


class Client:
    """One server, as its administrator sees it."""

    def __init__(self, server, stubs, key):
        self.server, self.types, self.key = server, stubs.auth, key
        self.channel = server.channel()
        self.stub = stubs.auth_grpc.AuthStub(self.channel)

    def ask(self, rpc, authorization=None, **fields):
        return getattr(self.stub, rpc)(
            getattr(self.types, rpc + "Request")(**fields),
            metadata=[("authorization", authorization or subjects.basic(self.key))])

    def rotate(self, **fields):
        return self.ask("RotateTokenKey", **fields).key

    def listed(self):
        return list(self.ask("ListTokenKeys").keys)

    def jwks(self):
        return {key.kid: key for key in self.ask("GetJwks").keys}

    def issue(self):
        return self.ask("IssueToken", access_key_id=self.key, secret=subjects.SECRET).access_token

    def call(self, token):
        """Any call with the token."""
        assert self.ask("WhoAmI", "Bearer " + token).subject.name == "admin"

    def takes(self, token):
        """As the database is now."""
        return self.ask("Introspect", token=token).active

    def refuses(self, token):
        """As this server knows."""
        try:
            self.call(token)
        except grpc.RpcError as error:
            assert error.code() == grpc.StatusCode.UNAUTHENTICATED
            return True
        return False


def kid_of(token):
    return jwt.get_unverified_header(token)["kid"]


@pytest.fixture(scope="module")
def key(database):
    subjects.put(database.url, "application", "admin", "administrator")
    return subjects.put_key(database.url, "admin", "admin")


@pytest.fixture(scope="module")
def servers(database, key):
    servers = [programs.Server(database.url, "--auth", "required", "--token-minutes",
                               str(TOKEN_SECONDS // 60)) for _ in range(2)]
    yield servers
    for server in servers:
        server.stop()


@pytest.fixture(scope="module")
def clients(servers, stubs, key):
    clients = [Client(server, stubs, key) for server in servers]
    yield clients
    for client in clients:
        client.channel.close()


def begin_anew(clients, **fields):
    """One key, which both servers know."""
    key = clients[0].rotate(revoke_others=True, **fields)
    assert [one.id for one in clients[1].listed()] == [key.id]
    return key


def refusal(call, **fields):
    with pytest.raises(grpc.RpcError) as error:
        call(**fields)
    return error.value.code(), error.value.details()


def test_of_servers_that_start_at_once_one_makes_the_first_key(cluster_url):
    with programs.Database(cluster_url) as database:
        servers = [programs.Server(database.url, wait=False) for _ in range(3)]
        try:
            for server in servers:
                server.wait_ready()
            rows = database.rows("SELECT algorithm, signs_from = created_at, verifies_until IS NULL,"
                                 " id FROM auth.token_key")
            assert [row[:3] for row in rows] == [["EdDSA", "t", "t"]]
            made = [line for server in servers for line in server.log_text().splitlines()
                    if "token key made" in line]
            assert len(made) == 1 and rows[0][3] in made[0]
        finally:
            for server in servers:
                server.stop()
        programs.Server(database.url).stop()
        assert database.rows("SELECT count(*) FROM auth.token_key") == [["1"]]


def test_a_server_waits_for_another_one_that_makes_the_first_key(cluster_url):
    private = ed25519.Ed25519PrivateKey.generate()
    public, secret = (jwt.algorithms.OKPAlgorithm.to_jwk(one)
                      for one in (private.public_key(), private))
    with programs.Database(cluster_url) as database, postgres.Session(database.url) as session:
        session.run(f"""BEGIN; SELECT FROM auth.add_token_key(
            '{{}}', 'first', 'EdDSA', '{public}', '{secret}', 0, 0, false, true);""")
        server = programs.Server(database.url, wait=False)
        try:
            observe.wait_until(lambda: database.rows(
                "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'advisory' AND query LIKE "
                "'%add_token_key%' AND datname = current_database()"))
            session.run("COMMIT;")
            server.wait_ready()
            assert database.rows("SELECT id FROM auth.token_key") == [["first"]]
        finally:
            server.stop()


def test_a_rotation_is_noticed_by_nobody(clients):
    """Calls go on all the time, at both servers, with tokens of both and by both keys."""
    first = begin_anew(clients)
    before = [client.issue() for client in clients]
    made = clients[0].rotate()
    seconds = made.signs_from.ToNanoseconds() - made.created_at.ToNanoseconds()
    assert round(seconds / 1e9, 2) == DELAY_SECONDS
    assert {kid_of(token) for token in before} == {first.id}
    latest = before
    while {kid_of(token) for token in latest} != {made.id}:
        latest = [client.issue() for client in clients]
        for client in clients:
            for token in before + latest:
                client.call(token)
        assert set(clients[1].jwks()) >= {kid_of(token) for token in before + latest}
    assert all(client.takes(token) for client in clients for token in before + latest)


def test_the_key_before_verifies_as_long_as_its_tokens_may_be_good(clients):
    begin_anew(clients)
    first = clients[0].rotate()
    second = clients[1].rotate()
    keys = clients[0].listed()
    assert [key.id for key in keys[:2]] == [second.id, first.id] and len(keys) == 3
    assert not keys[0].HasField("verifies_until")
    for newer, older in ((second, keys[1]), (first, keys[2])):
        overlap = older.verifies_until.ToNanoseconds() - newer.signs_from.ToNanoseconds()
        assert round(overlap / 1e9, 2) == TOKEN_SECONDS + 2 * SKEW_SECONDS
    assert set(clients[1].jwks()) == {key.id for key in keys}


@pytest.mark.parametrize("algorithm", ["EdDSA", "ES256", "RS256"])
def test_a_key_that_revokes_the_others_signs_at_once(clients, algorithm):
    old = [client.issue() for client in clients]
    for client in clients:
        client.call(old[0])
    made = clients[0].rotate(algorithm=algorithm, revoke_others=True)
    assert made.algorithm == algorithm and made.signs_from == made.created_at
    for token in old:
        assert clients[0].refuses(token)
        assert not clients[1].takes(token), "what a server asks the database for"
        observe.wait_until(lambda: clients[1].refuses(token))
    assert [key.id for key in clients[1].listed()] == [made.id]
    token = clients[0].issue()
    assert jwt.get_unverified_header(token)["alg"] == algorithm
    assert kid_of(token) == kid_of(clients[1].issue()) == made.id
    for client in clients:
        client.call(token)
    public = clients[1].jwks()[made.id]
    shown = {"kid": public.kid, "kty": public.kty, "use": "sig", "alg": algorithm,
             **{name: getattr(public, name) for name in ("crv", "x", "y", "n", "e")
                if public.HasField(name)}}
    claims = jwt.decode(token, jwt.PyJWK(shown).key, [algorithm], audience="junction",
                        issuer="junction")
    assert claims["sub"] == "application:admin"


@pytest.mark.parametrize("algorithm", ["none", "HS256", "PS256", "eddsa", "RS512"])
def test_another_algorithm_is_refused(clients, algorithm):
    assert refusal(clients[0].rotate, algorithm=algorithm) == (
        grpc.StatusCode.INVALID_ARGUMENT, "algorithm: must be EdDSA, ES256 or RS256")


def test_a_key_that_has_ended_is_shown_for_an_hour_and_goes(clients, database):
    first = begin_anew(clients)
    token = clients[0].issue()
    second = clients[0].rotate()
    for minutes, kept in ((59, True), (61, False)):
        postgres.psql(database.url, "UPDATE auth.token_key SET verifies_until = now() - "
                      f"interval '{minutes} minutes' WHERE id = '{first.id}'")
        assert not clients[1].takes(token) and first.id not in clients[1].jwks()
        clients[0].rotate()
        ids = [key.id for key in clients[0].listed()]
        assert second.id in ids and (first.id in ids) == kept


def test_there_are_at_most_100(clients, database):
    first = begin_anew(clients)
    postgres.psql(database.url, f"""INSERT INTO auth.token_key
        SELECT 'copy-' || i, algorithm, public_jwk, private_jwk, created_at - interval '1 day',
            signs_from - interval '1 day', now() + interval '1 day'
        FROM auth.token_key, generate_series(1, 99) i WHERE id = '{first.id}'""")
    code, text = refusal(clients[0].rotate)
    assert code == grpc.StatusCode.FAILED_PRECONDITION and text.startswith("there are 100 keys")
    assert len(clients[0].listed()) == 100 and kid_of(clients[0].issue()) == first.id
    made = clients[0].rotate(revoke_others=True)
    assert [key.id for key in clients[0].listed()] == [made.id]


def test_a_private_key_is_where_only_the_application_reads_it(clients, servers, database):
    begin_anew(clients, algorithm="RS256")
    secret = json.loads(database.rows("SELECT private_jwk FROM auth.token_key")[0][0])["d"]
    with pytest.raises(RuntimeError, match="permission denied for table token_key"):
        database.rows("SET ROLE junction_reader; SELECT * FROM auth.token_key")
    assert database.rows("SELECT count(*) > 0, count(*) FILTER (WHERE ext::text LIKE "
                         f"'%{secret}%') FROM audit.record WHERE content = 'token_key added'") == [
        ["t", "0"]]
    assert not any(secret in server.log_text() for server in servers)
