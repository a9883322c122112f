"""The queries of migrations/AUTH.md, each as a reader over sample rows."""

import pytest

import programs
import sql_page
import subjects

@pytest.fixture(scope="module")
def db(cluster_url):
    with programs.Database(cluster_url) as database:
        database.rows("SELECT upkeep.keep_months('audit.record', 90)")
        url = database.url
        subjects.put_role(url, "clerk", ("allow", "billing", "charge*", "*"), ("allow", "shop", "**", "GET"))
        subjects.put_role(url, "manager", ("deny", "billing", "charge.old", "POST"), parents=["clerk"])
        subjects.put_role(url, "chief", parents=["administrator"])
        subjects.put_role(url, "idle")
        subjects.put(url, "user", "alice", "manager")
        subjects.put(url, "user", "bob", "clerk", disabled=True)
        subjects.put(url, "group", "board", "chief")
        subjects.put(url, "user", "root")
        subjects.put(url, "application", "shop", "clerk")
        old, new = subjects.put_key(url, "shop", "old"), subjects.put_key(url, "shop", "new")
        database.rows(f"""INSERT INTO auth.member (group_name, kind, name) VALUES ('board', 'user', 'root');
            UPDATE auth.role_grant SET ends_at = now() + interval '3 days' WHERE name = 'shop';
            UPDATE auth.role_grant SET ends_at = now() + interval '30 days' WHERE name = 'alice';
            UPDATE auth.access_key SET created_at = now() - interval '100 days' WHERE id = '{old}';
            INSERT INTO auth.session (id, kind, name, access_key, refresh_hash, address, expires_at) VALUES
                (gen_random_uuid(), 'application', 'shop', '{old}', '', '10.0.0.1:5', now() + interval '1 hour'),
                (gen_random_uuid(), 'application', 'shop', '{new}', '', '10.0.0.2:5', now() - interval '1 hour')""")
        database.rows("""SELECT audit.append(ARRAY[gen_random_uuid()], ARRAY[NULL::timestamptz], ARRAY[10], ARRAY[1],
            ARRAY['warning'::audit.severity], ARRAY['junction.auth'], ARRAY['n'], ARRAY['login refused'],
            ARRAY['user:eve'], ARRAY[NULL::text], ARRAY[NULL::text], ARRAY[NULL::text], ARRAY['10.0.0.9:77'],
            ARRAY['n'], ARRAY[NULL::text], ARRAY[NULL::json], ARRAY[NULL::text], ARRAY[NULL::bytea],
            ARRAY[NULL::bigint])""")
        yield database


@pytest.fixture
def run(db, tmp_path):
    def run(heading):
        return [tuple(row.values()) for row in sql_page.rows(db.url, "AUTH.md", heading, tmp_path)]
    return run


def test_may_she(run):
    assert run("May she?") == [("t",)]


def test_why(run):
    assert run("Why?") == [("deny", "charge.old", "POST", "manager", "manager", "user", "alice"),
                           ("allow", "charge*", "*", "clerk", "manager", "user", "alice")]


def test_who_can(run):
    assert run("Who can?") == [("application", "shop"), ("user", "alice"), ("user", "root")]


def test_who_is_an_administrator(run):
    assert run("Who is an administrator?") == [("user", "root", "", "group", "board", "chief")]


def test_whose_grants_end_soon(run):
    assert [row[:3] for row in run("Whose grants end soon?")] == [("application", "shop", "clerk")]


def test_which_access_keys_are_to_be_replaced(run):
    (key, application, _, _, _, sessions, _), = run("Which access keys are to be replaced?")
    assert (key[:6], application, sessions) == ("ak-old", "shop", "1")


def test_who_is_logged_in(run):
    assert [row[:3] for row in run("Who is logged in?")] == [("application", "shop", "10.0.0.1:5")]


def test_what_was_changed(run):
    rows = run("What was changed this week, and by whom?")
    assert rows[0][1:5] == ("postgresql:postgres", "", "access_key changed", "access_key:ak-old00000000000000000")
    assert "role added" in {row[3] for row in rows} and "login refused" not in {row[3] for row in rows}


def test_whose_logins_are_refused(run):
    assert [row[:3] for row in run("Whose logins are refused?")] == [("10.0.0.9", "user:eve", "1")]


def test_which_roles_nobody_has(run):
    assert run("Which roles does nobody have?") == [("idle", "")]


def test_every_query_is_run_here():
    assert len(sql_page.queries("AUTH.md")) >= 10
    assert sql_page.not_run("AUTH.md", __file__) == []
