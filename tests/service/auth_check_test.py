"""Check, BatchCheck, Explain, ListPermissions, WhoCan, and what SQL says: auth.check() and friends."""

import datetime

import grpc
import pytest

import issuers
import programs
import subjects

USER, APPLICATION, GROUP = 1, 2, 3
ALLOW, DENY = 1, 2
FULL = 1


@pytest.fixture(scope="module")
def auth(channel, stubs):
    return stubs.auth_grpc.AuthStub(channel)


@pytest.fixture(scope="module")
def world(database):
    """clerk: may list and, of what is below it, all but drop; boss inherits it; staff has it."""
    url = database.url
    subjects.put_role(url, "base", ("deny", "shop", "drop*", "*"))
    subjects.put_role(url, "clerk", ("allow", "shop", "list*", "GET"),
                      ("allow", "shop", "/orders/*", "GET"), ("allow", "shop", "dropped", "*"),
                      parents=["base"])
    subjects.put_role(url, "boss", ("allow", "*", "**", "*"), parents=["clerk"])
    subjects.put(url, "user", "alice", "clerk")
    subjects.put(url, "user", "bob", "boss")
    subjects.put(url, "user", "carol")
    subjects.put(url, "user", "dave", "boss", disabled=True)
    subjects.put(url, "user", "corp:Eve", "boss")
    subjects.put(url, "application", "shop", "boss", "reader")
    subjects.put(url, "group", "staff", "clerk")
    database.rows("INSERT INTO auth.member (group_name, kind, name) VALUES ('staff', 'user', 'carol')")


@pytest.fixture(scope="module")
def server(database, world):
    """Finds users, and so makes no administrator."""
    server = programs.Server(database.url)
    yield server
    server.stop()


@pytest.fixture
def question(stubs):
    def question(name, action="listOrders", method="GET", service="shop", kind=USER):
        return stubs.auth.Question(subject=stubs.auth.Subject(kind=kind, name=name) if name else None,
                                   service=service, action=action, method=method)
    return question


@pytest.fixture
def check(auth, stubs, question):
    def check(*given, **more):
        return auth.Check(stubs.auth.CheckRequest(question=question(*given, **more),
                                                  consistency=FULL)).allowed
    return check


@pytest.fixture
def explain(auth, stubs, question):
    def explain(*given, **more):
        return auth.Explain(stubs.auth.ExplainRequest(question=question(*given, **more),
                                                      consistency=FULL))
    return explain


def refusal(call, *given, **more):
    with pytest.raises(grpc.RpcError) as error:
        call(*given, **more)
    return error.value.code(), error.value.details()


def invalid(details):
    return grpc.StatusCode.INVALID_ARGUMENT, details


@pytest.mark.parametrize("given, allowed", [
    (("alice",), True), (("ALICE", "LISTorders", "get", "SHOP"), True), (("alice", "show"), False),
    (("alice", "list", "POST"), False), (("alice", "list", "GET", "shops"), False),
    (("alice", "dropped"), False), (("alice", "/orders/1"), True), (("alice", "/Orders/1"), False),
    (("alice", "/orders/1/items"), False), (("bob", "any", "x", "y"), True), (("bob", "drop"), False),
    (("carol",), True), (("dave",), False), (("nobody",), False), (("corp:Eve",), True),
    (("CORP:Eve",), True), (("corp:eve",), False), (("shop", "a", "b", "c", APPLICATION), True),
    (("shop",), False)])
def test_check(check, database, given, allowed):
    assert check(*given) is allowed
    name, action, method, service, kind = given + ("alice", "listOrders", "GET", "shop", USER)[len(given):]
    kind = {USER: "user", APPLICATION: "application"}[kind]
    assert database.rows(f"SELECT auth.check('{kind}', '{name}', '{service}', '{action}', '{method}')") \
        == [["t" if allowed else "f"]]


@pytest.mark.parametrize("values", ["'group', 'staff', 'shop', 'list', 'GET'",
                                    "NULL, 'bob', 'shop', 'list', 'GET'", "'user', NULL, 'a', 'b', 'c'",
                                    "'user', 'bob', NULL, 'b', 'c'", "'user', 'bob', 'a', NULL, 'c'",
                                    "'user', 'corp:eve', 'a', 'b', 'c'", "'', '', '', '', ''"])
def test_sql_denies_what_is_no_question(database, values):
    assert database.rows(f"SELECT auth.check({values})") == [["f"]]


def test_a_batch_is_answered_in_order(auth, stubs, question):
    questions = [question("alice"), question("nobody"), question("bob"), question("alice", "x")]
    answer = auth.BatchCheck(stubs.auth.BatchCheckRequest(questions=questions * 250, consistency=FULL))
    assert answer.allowed == [True, False, True, False] * 250


@pytest.mark.parametrize("field, rule, given", [
    ("subject", "is required without credentials", {"name": None}),
    ("subject.kind", "must be a user or an application", {"kind": GROUP}),
    ("subject.kind", "must be a user or an application", {"kind": 0}),
    ("subject.kind", "must be a user or an application", {"kind": 4}),
    ("subject.name", None, {"name": " "}),
    ("service", "is required", {"service": ""}), ("action", "is required", {"action": ""}),
    ("action", "must have at most 2048 bytes", {"action": "a" * 2049}),
    ("method", "is required", {"method": ""})])
def test_what_is_no_question(auth, stubs, question, field, rule, given):
    m, bad = stubs.auth, question(**{"name": "alice", **given})
    for call, path in [(lambda: auth.Check(m.CheckRequest(question=bad)), "question."),
                       (lambda: auth.Explain(m.ExplainRequest(question=bad)), "question."),
                       (lambda: auth.BatchCheck(m.BatchCheckRequest(
                           questions=[question("alice"), bad])), "questions[1].")]:
        code, details = refusal(call)
        assert code == grpc.StatusCode.INVALID_ARGUMENT
        assert details.startswith(f"{path}{field}: {rule or ''}")


def test_what_is_no_request(auth, stubs, question):
    m = stubs.auth
    assert refusal(auth.Check, m.CheckRequest()) == invalid("question: is required")
    assert refusal(auth.Explain, m.ExplainRequest()) == invalid("question: is required")
    assert refusal(auth.BatchCheck, m.BatchCheckRequest()) == invalid("questions: must be 1 to 1000")
    assert refusal(auth.BatchCheck, m.BatchCheckRequest(questions=[question("alice")] * 1001)) \
        == invalid("questions: must be 1 to 1000")
    assert refusal(auth.Check, m.CheckRequest(question=question("alice"), consistency=2)) \
        == invalid("consistency: is not known")
    assert refusal(auth.WhoCan, m.WhoCanRequest(service="a", action="b")) == invalid("method: is required")
    assert refusal(auth.ListPermissions, m.ListPermissionsRequest()) \
        == invalid("kind: is required without credentials")
    assert refusal(auth.ListPermissions, m.ListPermissionsRequest(name="a")) \
        == invalid("kind: is required with a name")
    assert refusal(auth.ListPermissions, m.ListPermissionsRequest(kind=4, name="a")) \
        == invalid("kind: is not known")
    assert refusal(auth.ListPermissions, m.ListPermissionsRequest(kind=USER)) == invalid("name: is required")
    for call in (lambda **page: auth.WhoCan(m.WhoCanRequest(service="a", action="b", method="c", **page)),
                 lambda **page: auth.ListPermissions(
                     m.ListPermissionsRequest(kind=USER, name="bob", **page))):
        assert refusal(call, page_size=10001) == invalid("pageSize: must be 1 to 10000")
        assert refusal(call, page_size=-1) == invalid("pageSize: must be 1 to 10000")
        for token in ("x", "dXNlcgo=", "////"):
            assert refusal(call, page_token=token) \
                == invalid("pageToken: is none of a page of this list")


# --- why ------------------------------------------------------------------------------------------

def test_explain_tells_rule_path_and_grant(explain, stubs):
    m = stubs.auth
    assert explain("bob", "DropAll") == m.ExplainResponse(
        allowed=False, role="base", path=["boss", "clerk", "base"],
        reason='denied by role "base", which role "boss" inherits from, granted to user "bob"',
        rule=m.Rule(effect=DENY, service="shop", action="drop*", method="*"),
        grant=m.Grant(subject=m.Subject(kind=USER, name="bob"), role="boss"))
    assert explain("carol") == m.ExplainResponse(
        allowed=True, role="clerk", path=["clerk"],
        reason='allowed by role "clerk", granted to group "staff"',
        rule=m.Rule(effect=ALLOW, service="shop", action="list*", method="GET"),
        grant=m.Grant(subject=m.Subject(kind=GROUP, name="staff"), role="clerk"))


@pytest.mark.parametrize("name, reason", [
    ("nobody", 'there is no user "nobody"'), ("dave", 'user "dave" is disabled'),
    ("alice", "no rule of its roles allows it")])
def test_explain_says_why_no_rule_decided(explain, stubs, name, reason):
    assert explain(name, "else") == stubs.auth.ExplainResponse(reason=reason)


def test_a_grant_counts_until_it_ends(explain, database):
    subjects.put(database.url, "user", "fred")
    database.rows("INSERT INTO auth.role_grant (kind, name, role, ends_at) VALUES "
                  "('user', 'fred', 'clerk', '2100-01-02 03:04:05.678Z')")
    told = explain("fred").grant.ends_at.ToDatetime(datetime.timezone.utc)
    assert told == datetime.datetime(2100, 1, 2, 3, 4, 5, 678000, datetime.timezone.utc)
    database.rows("UPDATE auth.role_grant SET ends_at = now() - interval '1 ms' WHERE name = 'fred'")
    assert explain("fred").reason == "no rule of its roles allows it"
    assert database.rows("SELECT auth.check('user', 'fred', 'shop', 'list', 'GET')") == [["f"]]


# --- the caller -----------------------------------------------------------------------------------

def test_without_a_subject_it_is_the_caller(auth, stubs, question, database):
    m = stubs.auth
    metadata = [("authorization", subjects.basic(subjects.put_key(database.url, "shop", "check")))]
    full = {"consistency": FULL}

    def ask(action):
        return auth.Check(m.CheckRequest(question=question(None, action), **full), metadata=metadata)
    auth.Check(m.CheckRequest(question=question("alice"), **full))  # the key is known here
    assert ask("list").allowed is True
    assert ask("drop").allowed is False
    assert auth.BatchCheck(m.BatchCheckRequest(questions=[question(None), question(None, "drop")], **full),
                           metadata=metadata).allowed == [True, False]
    assert auth.Explain(m.ExplainRequest(question=question(None), **full),
                        metadata=metadata).grant.subject == m.Subject(kind=APPLICATION, name="shop")
    own = auth.ListPermissions(m.ListPermissionsRequest(**full), metadata=metadata).permissions
    assert own == auth.ListPermissions(m.ListPermissionsRequest(kind=APPLICATION, name="Shop")).permissions
    assert {p.role for p in own} == {"boss", "clerk", "base", "reader"}


def test_of_the_caller_the_roles_of_its_token_count(auth, stubs, question):
    m, key, url = stubs.auth, issuers.Key("ES256"), "https://login.example.com/"
    auth.PutIssuer(m.PutIssuerRequest(issuer=m.Issuer(
        name="out", url=url, audience=issuers.AUDIENCE, jwks=issuers.jwks(key), roles_claim="groups")))
    metadata = [("authorization", "Bearer " + key.token(url, groups=["clerk", "reader"]))]
    told = auth.Explain(m.ExplainRequest(question=question(None)), metadata=metadata)
    assert told.reason == 'allowed by role "clerk", which its token says'
    assert (told.allowed, told.path, told.HasField("grant")) == (True, ["clerk"], False)
    assert auth.Check(m.CheckRequest(question=question(None)), metadata=metadata).allowed is True
    own = auth.ListPermissions(m.ListPermissionsRequest(), metadata=metadata).permissions
    assert {p.role for p in own} == {"base", "clerk", "reader"}
    # Asked about by name, it is who is known here.
    assert auth.Check(m.CheckRequest(question=question("out:alice")), metadata=metadata).allowed is False


# --- lists ----------------------------------------------------------------------------------------

def pages(call, field, **request):
    """All items, and how many each page had."""
    items, sizes, token = [], [], ""
    while True:
        answer = call(page_token=token, **request)
        items += getattr(answer, field)
        sizes.append(len(getattr(answer, field)))
        token = answer.next_page_token
        if not token:
            return items, sizes


def test_permissions_in_pages(auth, stubs, database):
    m = stubs.auth

    def ask(name="bob", kind=USER, **page):
        return auth.ListPermissions(m.ListPermissionsRequest(kind=kind, name=name, consistency=FULL, **page))
    every = [(p.role, p.rule.effect, p.rule.service, p.rule.action, p.rule.method)
             for p in ask().permissions]
    assert every == [("base", DENY, "shop", "drop*", "*"), ("boss", ALLOW, "*", "**", "*"),
                     ("clerk", ALLOW, "shop", "/orders/*", "GET"), ("clerk", ALLOW, "shop", "dropped", "*"),
                     ("clerk", ALLOW, "shop", "list*", "GET")]
    for size, sizes in [(1, [1] * 5), (2, [2, 2, 1]), (5, [5]), (4, [4, 1])]:
        assert pages(ask, "permissions", page_size=size) == (list(ask().permissions), sizes)
    assert [p.role for p in ask("staff", GROUP).permissions] == ["base"] + ["clerk"] * 3
    for name in ("dave", "nobody"):
        assert ask(name) == m.ListPermissionsResponse()
    sql = database.rows("""SELECT role, CASE effect WHEN 'allow' THEN 1 ELSE 2 END, service, action, method
        FROM auth.effective_rule WHERE kind = 'user' AND name = 'bob'
        ORDER BY role, service, action, method""")
    assert sql == [[str(value) for value in rule] for rule in every]


def test_a_page_of_permissions_is_no_larger_than_a_message_may_be(auth, stubs, database):
    database.rows("INSERT INTO auth.role (name) SELECT 'long' || i FROM generate_series(10, 29) i")
    database.rows("""INSERT INTO auth.rule (role, effect, service, action, method)
        SELECT 'long' || i, 'allow', 's', repeat('a', 250) || j, 'GET'
        FROM generate_series(10, 29) i, generate_series(1000, 1999) j""")
    subjects.put(database.url, "user", "long", *(f"long{i}" for i in range(10, 30)))

    def ask(**page):
        return auth.ListPermissions(stubs.auth.ListPermissionsRequest(
            kind=USER, name="long", consistency=FULL, page_size=10000, **page))
    items, sizes = pages(ask, "permissions")
    assert [(p.role, p.rule.action[-4:]) for p in items] \
        == [(f"long{i}", str(j)) for i in range(10, 30) for j in range(1000, 2000)]
    assert len(sizes) > 2 and max(sizes) < 10000


def test_who_can_in_pages(auth, stubs, database):
    m = stubs.auth

    def ask(action="list", **page):
        return auth.WhoCan(m.WhoCanRequest(service="Shop", action=action, method="get",
                                           consistency=FULL, **page))
    every = [(s.kind, s.name) for s in ask().subjects]
    assert every == [(APPLICATION, "shop"), (USER, "alice"), (USER, "bob"), (USER, "carol"),
                     (USER, "corp:Eve")]
    for size, sizes in [(1, [1] * 5), (2, [2, 2, 1]), (5, [5]), (4, [4, 1])]:
        assert pages(ask, "subjects", page_size=size) == (list(ask().subjects), sizes)
    assert [s.name for s in ask("other").subjects] == ["shop", "bob", "corp:Eve"]
    assert ask("drop") == m.WhoCanResponse()
    for action in ("list", "other", "drop"):
        assert [[str({"application": 2, "user": 1}[kind]), name] for kind, name in
                database.rows(f"SELECT kind, name FROM auth.who_can('shop', '{action}', 'get')")] \
            == [[str(s.kind), s.name] for s in ask(action).subjects]


# --- SQL ------------------------------------------------------------------------------------------

def test_readers_may_ask_in_sql(database):
    assert database.rows("""SET ROLE junction_reader; SELECT auth.check('user', 'alice', 'shop', 'list', 'GET');
        SELECT count(*) FROM auth.who_can('shop', 'list', 'GET');
        SELECT count(*) FROM auth.effective_rule WHERE kind = 'user' AND name = 'bob'""") \
        == [["t"], ["5"], ["5"]]


@pytest.mark.parametrize("query", [
    "SELECT auth.check('user', 'alice', 'shop', 'list', 'GET')",
    "SELECT count(*) FROM auth.who_can('shop', 'list', 'GET')",
    "SELECT count(*) FROM auth.effective_rule WHERE kind = 'user' AND name = 'bob'"])
def test_sql_has_indexes_to_look_up_by(database, query):
    scans = database.rows(f"""BEGIN; SET LOCAL enable_seqscan = off; {query};
        SELECT seq_scan FROM pg_stat_xact_all_tables WHERE schemaname = 'auth'
        AND relname IN ('subject', 'member', 'role_grant', 'rule')""")
    assert scans[1:] == [["0"]] * 4


# --- how new --------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def other(database, stubs, server):
    """Another server, which looks for changes of the first one seldom."""
    other = programs.Server(database.url, "--auth-poll-ms", "5000")
    with other.channel() as channel:
        yield stubs.auth_grpc.AuthStub(channel)
    other.stop()


@pytest.mark.parametrize("by, times", [("sql", 50), ("rpc", 200)])
def test_what_is_taken_back_is_denied_on_every_server_at_once(auth, other, stubs, question, database, by,
                                                              times):
    m = stubs.auth
    grant = m.Grant(subject=m.Subject(kind=USER, name="gina"), role="clerk")
    request = m.CheckRequest(question=question("gina"), consistency=FULL)
    subjects.put(database.url, "user", "gina")
    for _ in range(times):
        if by == "rpc":
            auth.PutGrant(m.PutGrantRequest(grant=grant))
            assert other.Check(request).allowed is True
            auth.DeleteGrant(m.DeleteGrantRequest(grant=grant))
        else:
            subjects.put(database.url, "user", "gina", "clerk")
            assert other.Check(request).allowed is True
            database.rows("DELETE FROM auth.role_grant WHERE name = 'gina'")
        assert other.Check(request).allowed is False
        assert auth.Check(request).allowed is False
