"""Checks: in process, over gRPC, and beside casbin and SQL (area auth)."""

import json
import os
import tempfile
import time

import access_rows
import load
import measure
import npm
import programs
import wire
from area_calls import DEMO, ECHO

CHECK = "/junction.v1.Auth/Check"
CHECK_RATE = os.path.join(programs.BUILD, "tests", "bench_check")
CASBIN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "casbin")
SIZES = ((10_000, 1_000), (100_000, 10_000))  # users, roles
QUESTIONS = 10_000
EFFECTS = 40
# The roles of this data are granted to users, and inherit from none.
JOIN = """\\set u random(0, {users} - 1)
\\set s random(0, 199)
\\set j random(0, 9)
SELECT coalesce(bool_or(r.effect = 'allow') AND NOT bool_or(r.effect = 'deny'), false)
FROM auth.subject s JOIN auth.role_grant g ON g.kind = s.kind AND g.name = s.name
JOIN auth.rule r ON r.role = g.role
WHERE s.kind = 'user' AND s.name = 'u' || lpad(:u::text, {digits}, '0') AND NOT s.disabled
AND (g.ends_at IS NULL OR g.ends_at > now()) AND r.service IN ('svc' || :s, '*')
AND r.method IN ('GET', '*') AND auth.action_matches(r.action, 'act' || :j || '.do');
"""


def question(stubs, user, service, action, method):
    a = stubs.auth
    return a.Question(subject=a.Subject(kind=a.SUBJECT_KIND_USER, name=user), service=service,
                      action=action, method=method)


def answers(bench, auth, users, roles):
    """What the server says to all questions."""
    a = bench.stubs.auth
    asked = [question(bench.stubs, *access_rows.question(q, users, roles))
             for q in range(QUESTIONS)]
    return [allowed for start in range(0, QUESTIONS, 1000) for allowed in auth.BatchCheck(
        a.BatchCheckRequest(questions=asked[start:start + 1000])).allowed]


def in_process(bench, folder):
    told = json.loads(load.run(CHECK_RATE, folder, str(bench.seconds)))
    return measure.Sample(told["p50_ns"] / 1000, told={
        "p99 us": told["p99_ns"] / 1000, "load ms": told["load_ms"],
        "exchange us": told["exchange_us"], "MB": told["mb"],
        "bytes a grant": round(told["mb"] * 1e6 / told["grants"]), "allowed": told["allowed"]})


def casbin(bench, copy, folder):
    """The answers to those questions that it comes to, and a sample."""
    told = json.loads(load.run("node", "--max-old-space-size=8192", os.path.join(copy, "check.js"),
                               folder, str(bench.seconds * 1000)))
    return told["allowed"], measure.Sample(told["p50_us"], told={
        "p99 us": round(told["p99_us"]), "load ms": round(told["load_ms"]), "MB": round(told["mb"]),
        "asked": told["asked"]})


def effects(bench, grants, checks, user):
    """Milliseconds from the answer to a grant until the other server says yes, and until it says no
    to a call that asks for full consistency after the grant was taken back: always at once."""
    a, waits = bench.stubs.auth, []
    subject = a.Subject(kind=a.SUBJECT_KIND_USER, name=user)
    asked = a.Question(subject=subject, service="bench", action="effect", method="GET")
    grants.PutRole(a.PutRoleRequest(role=a.Role(name="bench-effect", rules=[
        a.Rule(effect=a.EFFECT_ALLOW, service="bench", action="**", method="*")])))
    grant = a.Grant(subject=subject, role="bench-effect")
    for _ in range(EFFECTS):
        grants.PutGrant(a.PutGrantRequest(grant=grant))
        began = time.monotonic()
        while not checks.Check(a.CheckRequest(question=asked)).allowed:
            pass
        waits.append((time.monotonic() - began) * 1000)
        grants.DeleteGrant(a.DeleteGrantRequest(grant=grant))
        if checks.Check(a.CheckRequest(question=asked, consistency=a.CONSISTENCY_FULL)).allowed:
            raise RuntimeError("a grant that was taken back counted on the other server")
    return load.percentiles(waits)


def measure_size(bench, copy, users, roles):
    size = f"{users} users, {roles} roles"
    database = bench.new_database()
    access_rows.fill(database.url, users, roles)
    began = time.monotonic()
    server = bench.keep(f"server of {users}", programs.Server(database.url))
    ready = time.monotonic() - began
    other = bench.keep(f"other server of {users}", programs.Server(database.url))
    auth, other_auth = (bench.stubs.auth_grpc.AuthStub(bench.stack.enter_context(s.channel()))
                        for s in (server, other))
    said = answers(bench, auth, users, roles)
    with tempfile.TemporaryDirectory(prefix="jb-") as folder:
        access_rows.write(folder, users, roles, QUESTIONS)
        theirs, _ = casbin(bench, copy, folder)
        if theirs != said[:len(theirs)]:
            raise RuntimeError("casbin answers otherwise")
        row = bench.compare("us", f"Check in process, {size}", lambda: in_process(bench, folder),
                            "casbin", lambda: casbin(bench, copy, folder)[1], less=True)
    if row["told"]["allowed"] != sum(said):
        raise RuntimeError("in process the answers are others")
    p50, p99 = effects(bench, auth, other_auth, access_rows.user(1, users))
    row["notes"] += [
        "goal at the larger size: p50 10 us, p99 50 us",
        f"{sum(said)} of {QUESTIONS} questions allowed, in process and over gRPC; casbin says the "
        f"same of the {len(theirs)} that it came to",
        f"server ready after {ready:.2f} s",
        f"grant to effect on another server: p50 {p50:.0f} ms, p99 {p99:.0f} ms of {EFFECTS}"]
    echo = bench.echo.address
    fixed = question(bench.stubs, *access_rows.question(0, users, roles))
    message = bench.stubs.auth.CheckRequest(question=fixed).SerializeToString()
    bench.compare("calls/s", f"auth.check 4x25, {size}",
                  lambda: load.h2load(bench.seconds, server.address, CHECK, message, 4, 25),
                  "echo 4x25",
                  lambda: load.h2load(bench.seconds, echo, ECHO, DEMO, 4, 25),
                  goal=0.8)
    numbered = wire.message({1: wire.message({
        1: wire.message({1: 1, 2: "u" + "#" * access_rows.digits(users)}), 2: "svc7", 3: "act3.do",
        4: "GET"})})
    bench.compare("calls/s", f"auth.check 64 outstanding, {size}",
                  lambda: load.calls(bench.seconds, server.address, CHECK, numbered, 64,
                                     count=users),
                  "pgbench, prepared join, 64 clients",
                  lambda: load.pgbench(bench.seconds, database.url, JOIN.format(
                      users=users, digits=access_rows.digits(users))))


def measure_auth(bench):
    with npm.installed(CASBIN) as copy:
        for users, roles in SIZES:
            measure_size(bench, copy, users, roles)
