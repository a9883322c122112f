"""gRPC, REST, SQL and a plain evaluation (support/permissions.py) agree on who may do what."""

import collections
import concurrent.futures
import random

import pytest

import permissions
import postgres
import programs

SEED, QUESTIONS, BATCH = 13, 100_000, 1000
KINDS = {"user": 1, "application": 2, "group": 3}
EFFECTS = {1: "allow", 2: "deny"}


@pytest.fixture(scope="module")
def world(database):
    world = permissions.World(random.Random(SEED), users=120, applications=30, groups=20, roles=80)
    world.insert(database.url)
    return world


@pytest.fixture(scope="module")
def server(database, world):
    """Finds users, and so makes no administrator."""
    server = programs.Server(database.url)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def questions(world):
    return [world.question() for _ in range(QUESTIONS)]


@pytest.fixture(scope="module")
def truth(world, questions):
    """What the plain evaluation says: of all kinds enough."""
    truth = [world.allows(q) for q in questions]
    assert 0.1 < sum(truth) / QUESTIONS < 0.9
    denied = sum({p[1] for p in world.matching(q)} == {"allow", "deny"} for q in questions)
    assert denied > QUESTIONS / 100
    return truth


@pytest.fixture(scope="module")
def auth(channel, stubs):
    return stubs.auth_grpc.AuthStub(channel)


def message(stubs, question):
    kind, name, service, action, method = question
    return stubs.auth.Question(subject=stubs.auth.Subject(kind=KINDS[kind], name=name), service=service,
                               action=action, method=method)


def assert_same(questions, truth, answers, of):
    assert len(answers) == len(truth)
    wrong = [(q, expected) for q, expected, answer in zip(questions, truth, answers) if expected != answer]
    assert not wrong, f"{of} differs {len(wrong)} times: {wrong[:5]}"


def batches(questions):
    return [questions[i:i + BATCH] for i in range(0, len(questions), BATCH)]


def test_grpc(auth, stubs, questions, truth):
    answers = []
    for batch in batches(questions):
        answers += auth.BatchCheck(stubs.auth.BatchCheckRequest(
            questions=[message(stubs, q) for q in batch])).allowed
    assert_same(questions, truth, answers, "gRPC")


def test_rest(auth, bridge, questions, truth):
    answers = []
    for batch in batches(questions):
        answers += bridge.post("/v1/auth/checks", {"questions": [
            {"subject": {"kind": "SUBJECT_KIND_" + kind.upper(), "name": name}, "service": service,
             "action": action, "method": method}
            for kind, name, service, action, method in batch]}).json()["allowed"]
    assert_same(questions, truth, answers, "REST")


def ask_sql(url, questions):
    rows = [(i, *q) for i, q in enumerate(questions)]
    return [row[0] == "t" for row in postgres.psql(url, """
        CREATE TEMP TABLE q (i int, kind text, name text, service text, action text, method text);
        """ + permissions.copy("q", rows) + """
        SELECT auth.check(kind, name, service, action, method) FROM q ORDER BY i""")]


def test_sql(database, world, questions, truth):
    quarter = QUESTIONS // 4
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        parts = pool.map(lambda i: ask_sql(database.url, questions[i:i + quarter]),
                         range(0, QUESTIONS, quarter))
    assert_same(questions, truth, [answer for part in parts for answer in part], "SQL")


def test_explain_names_a_rule_that_decides(auth, stubs, world, questions, truth):
    decided = 0
    for question, allowed in list(zip(questions, truth))[:1000]:
        told = auth.Explain(stubs.auth.ExplainRequest(question=message(stubs, question)))
        matching = world.matching(question)
        assert (told.allowed, told.HasField("rule")) == (allowed, bool(matching)), question
        if not matching:
            continue
        decided += 1
        rule = told.rule
        assert (told.role, EFFECTS[rule.effect], rule.service, rule.action, rule.method) in matching
        assert (EFFECTS[rule.effect] == "allow") is allowed
        assert_path(world, question, told)
    assert decided > 300


def assert_path(world, question, told):
    """The grant is one of the subject's that counts, and the path leads from its role to the rule's."""
    kind = {number: word for word, number in KINDS.items()}[told.grant.subject.kind]
    holder = (kind, told.grant.subject.name)
    name = question[1] if ":" in question[1] else permissions.lower(question[1])
    days = world.grants[holder][told.grant.role]
    assert holder == (question[0], name) or holder[1] in world.members[(question[0], name)]
    assert holder not in world.disabled
    assert told.grant.HasField("ends_at") is (days is not None)
    assert days is None or days > 0
    assert (told.path[0], told.path[-1]) == (told.grant.role, told.role)
    for role, parent in zip(told.path, told.path[1:]):
        assert parent in world.parents[role]


def test_who_can(auth, stubs, database, world, questions):
    for *_, service, action, method in questions[:100]:
        expected = sorted(s for s in world.callers if world.allows((*s, service, action, method)))
        told = auth.WhoCan(stubs.auth.WhoCanRequest(service=service, action=action, method=method))
        quoted = ", ".join("'" + text + "'" for text in (service, action, method))
        kept = postgres.psql(database.url, f"SELECT kind, name FROM auth.who_can({quoted})")
        assert list(map(tuple, kept)) == expected
        assert [(s.kind, s.name) for s in told.subjects] == [(KINDS[kind], name) for kind, name in expected]


def test_permissions(auth, stubs, database, world):
    kept = collections.defaultdict(set)
    for kind, name, *permission in database.rows("""SELECT DISTINCT kind, name, role, effect, service, action,
            method FROM auth.effective_rule"""):
        kept[(kind, name)].add(tuple(permission))
    for subject in world.callers:
        told = auth.ListPermissions(stubs.auth.ListPermissionsRequest(
            kind=KINDS[subject[0]], name=subject[1])).permissions
        rules = {(p.role, EFFECTS[p.rule.effect], p.rule.service, p.rule.action, p.rule.method)
                 for p in told}
        assert len(rules) == len(told)
        assert rules == kept[subject] == set(world.permissions[subject])
