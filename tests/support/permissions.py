"""Permissions, decided plainly: a random world of subjects and roles, and who may do what in it."""

import datetime
import functools
import re

import postgres

KINDS = ("user", "application", "group")
SERVICES = ("shop", "store", "api.v2", "größe")
METHODS = ("GET", "POST", "READ")
PARTS = ("a", "b", "ab", "list", "x.y", "a_b", "50%", "c\\d", "[e]", "ü", "(f|g)?", "{2}+^$")


def lower(text):
    """Of ASCII letters only."""
    return text.encode().lower().decode()


@functools.lru_cache(maxsize=None)
def pattern(text, path):
    parts = [".*" if part.startswith("**") else "[^/]*" if part == "*" else re.escape(part)
             for part in re.split(r"(\*+)", text)]
    return re.compile("".join(parts), re.DOTALL | (0 if path else re.ASCII | re.IGNORECASE))


class World:
    def __init__(self, random, users, applications, groups, roles):
        self.random = random
        self.names = {"user": [f"u.{i}@x" for i in range(users)] + ["corp:Änne", "corp:anne/B"],
                      "application": [f"app-{i}" for i in range(applications)],
                      "group": [f"g+{i}" for i in range(groups)]}
        self.callers = [(kind, name) for kind in KINDS[:2] for name in self.names[kind]]
        subjects = self.callers + [("group", name) for name in self.names["group"]]
        self.disabled = {s for s in subjects if random.random() < 0.15}
        self.members = {s: set(self.some(self.names["group"], 3)) for s in self.callers}
        self.roles = [f"role_{i}" for i in range(roles)]
        self.parents = {r: set(self.some(self.roles, random.choice((1, 2)))) - {r} for r in self.roles}
        # The first ones inherit from themselves, over each other.
        for role, parent in zip(self.roles[:4], self.roles[1:4] + self.roles[:1]):
            self.parents[role].add(parent)
        self.rules = {r: {self.rule() for _ in range(random.randrange(7))} for r in self.roles}
        # Role by role: in how many days it ends, or None.
        self.grants = {s: {r: random.choice((None, None, 1, 30, -1, -30))
                           for r in self.some(self.roles, 2 if s[0] == "group" else 3)}
                       for s in subjects}

    def some(self, items, most):
        return self.random.sample(items, self.random.randrange(most + 1))

    def action(self):
        """Lower and upper case mixed; some are paths."""
        parts = [self.random.choice(PARTS) for _ in range(self.random.randrange(1, 4))]
        text = self.random.choice(("", "/", "/")) + "/".join(parts)
        return self.random.choice((text, text, text, text.upper(), text.title()))

    def rule(self):
        effect = self.random.choice(("allow",) * 5 + ("deny",))
        text = self.action()
        for _ in range(self.random.randrange(4)):
            start = self.random.randrange(len(text))
            end = self.random.randrange(start, len(text)) + 1
            text = text[:start] + self.random.choice(("*", "*", "**")) + text[end:]
        if effect == "allow" and self.random.random() < 0.2:
            text = "**"
        return (effect, self.random.choice(SERVICES + ("*", "*")),
                text if text.startswith("/") else lower(text), self.random.choice(METHODS + ("*", "*")))

    def any_case(self, text):
        return self.random.choice((text, text, text.encode().upper().decode(), text.capitalize()))

    def question(self):
        """(kind, name, service, action, method)."""
        kind, name = self.random.choice(self.callers)
        if self.random.random() < 0.02:
            name = "nobody"
        return (kind, name if ":" in name else self.any_case(name), self.any_case(self.random.choice(SERVICES)),
                self.action(), self.any_case(self.random.choice(METHODS)))

    # --- in the database --------------------------------------------------------------------------

    def insert(self, database_url):
        subjects = self.callers + [("group", name) for name in self.names["group"]]
        now = datetime.datetime.now(datetime.timezone.utc)
        copies = [
            ("subject (kind, name, disabled)", [(*s, s in self.disabled) for s in subjects]),
            ("member (kind, name, group_name)", [(*s, g) for s, of in self.members.items() for g in of]),
            ("role (name)", [(r,) for r in self.roles]),
            ("role_parent (role, parent)", [(r, p) for r, of in self.parents.items() for p in of]),
            ("rule (role, effect, service, action, method)",
             [(r, *rule) for r, of in self.rules.items() for rule in of]),
            ("role_grant (kind, name, role, ends_at)",
             [(*s, r, days and now + datetime.timedelta(days))
              for s, of in self.grants.items() for r, days in of.items()])]
        postgres.psql(database_url, "BEGIN;" + "".join(
            copy(f"auth.{table}", rows) for table, rows in copies) + "COMMIT;")

    # --- decided ----------------------------------------------------------------------------------

    @functools.cached_property
    def held(self):
        """For each caller the roles that it has."""
        return {s: set() if s in self.disabled else self.roles_of(
            [s] + [("group", g) for g in self.members[s] if ("group", g) not in self.disabled])
            for s in self.callers}

    def roles_of(self, holders):
        roles, found = set(), [r for s in holders for r, days in self.grants[s].items()
                               if days is None or days > 0]
        while found:
            role = found.pop()
            if role not in roles:
                roles.add(role)
                found += self.parents[role]
        return roles

    @functools.cached_property
    def permissions(self):
        """For each caller the rules that count, with their roles."""
        return {s: sorted((r, *rule) for r in roles for rule in self.rules[r])
                for s, roles in self.held.items()}

    def matching(self, question):
        """The rules that match."""
        kind, name, service, action, method = question
        name = name if ":" in name else lower(name)
        path = action.startswith("/")
        return [p for p in self.permissions.get((kind, name), ())
                if p[2] in ("*", lower(service)) and p[4] in ("*", method.upper())
                and pattern(p[3], path).fullmatch(action)]

    def allows(self, question):
        effects = {p[1] for p in self.matching(question)}
        return effects == {"allow"}


def copy(table, rows):
    """A COPY with its rows, for psql."""
    def text(value):
        if value is None:
            return "\\N"
        return str(value).replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")
    return f"COPY {table} FROM STDIN;\n" + "".join(
        "\t".join(map(text, row)) + "\n" for row in rows) + "\\.\n"
