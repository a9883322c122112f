"""Users, roles, rules and questions by formula: the same in SQL, in files for programs, and here.

Role r has 50 rules, user u has 5 roles; every second question is about what one of the user's roles
has a rule for.
"""

import csv
import json
import os

import postgres

RULES, ROLES = 50, 5  # of a role; of a user
ACTION = "act{}.*"

FILL = """SET session_replication_role = replica;
INSERT INTO auth.role (name) SELECT 'r' || r FROM generate_series(0, {roles} - 1) AS r;
INSERT INTO auth.rule (role, effect, service, action, method)
SELECT 'r' || r, CASE WHEN (r + j) % 50 = 49 THEN 'deny' ELSE 'allow' END,
	'svc' || (r * 31 + j * 7) % 200, 'act' || j % 10 || '.*', CASE j % 2 WHEN 1 THEN 'GET' ELSE '*' END
FROM generate_series(0, {roles} - 1) AS r, generate_series(0, 49) AS j;
INSERT INTO auth.subject (kind, name) SELECT 'user', 'u' || lpad(u::text, {digits}, '0') FROM generate_series(0, {users} - 1) AS u;
INSERT INTO auth.role_grant (kind, name, role)
SELECT 'user', 'u' || lpad(u::text, {digits}, '0'), 'r' || (u * 17 + k * 101) % {roles}
FROM generate_series(0, {users} - 1) AS u, generate_series(0, 4) AS k;
ANALYZE auth.role, auth.rule, auth.subject, auth.role_grant;
"""


def digits(users):
    return len(str(users - 1))


def user(u, users):
    """All are of one length, as the load generators write numbers."""
    return f"u{u:0{digits(users)}}"


def rule(r, j):
    return ("deny" if (r + j) % 50 == 49 else "allow", f"svc{(r * 31 + j * 7) % 200}",
            ACTION.format(j % 10), "GET" if j % 2 else "*")


def roles_of(u, roles):
    return [(u * 17 + k * 101) % roles for k in range(ROLES)]


def question(q, users, roles):
    """User, service, action, method."""
    u, j = q * 7919 % users, q * 13 % RULES
    r = roles_of(u, roles)[q % ROLES]
    service = (r * 31 + j * 7 + (q % 2) * 3) % 200
    return user(u, users), f"svc{service}", f"act{j % 10}.do", "GET"


def fill(url, users, roles):
    postgres.psql(url, FILL.format(users=users, roles=roles, digits=digits(users)))


def write(folder, users, roles, questions):
    """states: what a server loads (kind, name, state), by tabs; policy.csv: casbin's; questions."""
    with open(os.path.join(folder, "states"), "w", encoding="ascii") as states, \
            open(os.path.join(folder, "policy.csv"), "w", encoding="ascii") as policy:
        for r in range(roles):
            rules = sorted({rule(r, j)[1:] + rule(r, j)[:1] for j in range(RULES)})
            state = {"parents": [], "rules": [[effect, *rest] for *rest, effect in rules]}
            states.write(f"role\tr{r}\t{json.dumps(state)}\n")
            for *rest, effect in rules:
                policy.write(f"p, r{r}, {', '.join(rest)}, {effect}\n")
        for u in range(users):
            held = sorted(f"r{r}" for r in roles_of(u, roles))
            states.write("user\t%s\t%s\n" % (user(u, users), json.dumps(
                {"disabled": False, "roles": [[r, None] for r in held], "groups": []})))
            for r in held:
                policy.write(f"g, {user(u, users)}, {r}\n")
    with open(os.path.join(folder, "questions.csv"), "w", encoding="ascii") as file:
        csv.writer(file, lineterminator="\n").writerows(
            question(q, users, roles) for q in range(questions))
