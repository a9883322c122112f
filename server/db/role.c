/*
 * Roles belong to the cluster, so that two databases being migrated at once create the same ones.
 * Advisory locks belong to a database: the lock is taken in `postgres`, which every cluster has.
 * Whoever may not connect to it goes without, and a duplicate made meanwhile is no error.
 */
#include "server/db/role.h"

#include "base/log.h"
#include "server/db/connect.h"
#include "server/db/error.h"

#define LOCK_SQL "SELECT pg_catalog.pg_advisory_lock(7163384, 1)"

static const char *const roles[] = {"junction_app", "junction_reader"};
#define ROLE_COUNT 2

static bool ask(PGconn *conn, const char *sql, const char *first, const char *second)
{
	const char *values[] = {first, second};
	PGresult *r = PQexecParams(conn, sql, second ? 2 : 1, NULL, values, NULL, NULL, 0);
	bool yes = PQresultStatus(r) == PGRES_TUPLES_OK && PQntuples(r) == 1 &&
		   *PQgetvalue(r, 0, 0) == 't';
	PQclear(r);
	return yes;
}

static bool exists(PGconn *conn, const char *role)
{
	return ask(conn, "SELECT count(*) = 1 FROM pg_catalog.pg_roles WHERE rolname = $1", role,
		NULL);
}

/* From 16 on, who creates a role is its member, but may not always SET ROLE to it. */
static bool is_member(PGconn *conn, const char *user, const char *role)
{
	return ask(conn,
		PQserverVersion(conn) >= 160000 ? "SELECT pg_catalog.pg_has_role($1, $2, 'SET')"
						: "SELECT pg_catalog.pg_has_role($1, $2, 'MEMBER')",
		user, role);
}

/* True if it was done, or is no longer needed. */
static bool run(PGconn *conn, struct arena *a, const char *sql, const char **problem)
{
	PGresult *r = PQexec(conn, sql);
	const char *state = db_error_state(r);
	bool done = PQresultStatus(r) == PGRES_COMMAND_OK || !strcmp(state, "42710") ||
		    !strcmp(state, "23505");
	if (!done)
		*problem = arena_string(a, text_trim(text_of(PQresultErrorMessage(r))));
	PQclear(r);
	return done;
}

static bool create_roles(PGconn *owner, struct arena *a, struct status *status)
{
	const char *problem = "";
	for (int i = 0; i < ROLE_COUNT; i++) {
		if (exists(owner, roles[i]))
			continue;
		char *sql = arena_printf(a, "CREATE ROLE %s NOLOGIN", roles[i]);
		if (!run(owner, a, sql, &problem))
			return status_set(status, a, STATUS_PERMISSION_DENIED,
				"the roles junction_app and junction_reader are missing and this "
				"database user may not create them: let a superuser run `CREATE "
				"ROLE junction_app NOLOGIN; CREATE ROLE junction_reader NOLOGIN;` "
				"(%s)",
				problem);
	}
	return true;
}

static bool grant_roles(PGconn *owner, const char *user, struct arena *a, struct status *status)
{
	const char *problem = "";
	char *quoted = PQescapeIdentifier(owner, user, strlen(user));
	char *name = arena_string(a, text_of(quoted));
	PQfreemem(quoted);
	for (int i = 0; i < ROLE_COUNT; i++) {
		if (is_member(owner, user, roles[i]))
			continue;
		char *sql = arena_printf(a, "GRANT %s TO %s", roles[i], name);
		if (!run(owner, a, sql, &problem))
			return status_set(status, a, STATUS_PERMISSION_DENIED,
				"this database user may not grant the roles: let a superuser run "
				"`GRANT junction_app, junction_reader TO %s;` (%s)",
				name, problem);
	}
	return true;
}

/* The name of the user that a URL connects as; NULL with the reason in status. */
static const char *user_of(const char *url, struct arena *a, struct status *status)
{
	char reason[DB_REASON_SIZE];
	PGconn *conn = db_connect_plain(url, NULL, reason);
	if (!conn) {
		status_set(status, a, STATUS_UNAVAILABLE,
			"cannot connect to the database as the server will: %s", reason);
		return NULL;
	}
	char *user = arena_string(a, text_of(PQuser(conn)));
	PQfinish(conn);
	return user;
}

bool role_ensure(PGconn *owner, const char *owner_url, const char *server_url, struct arena *a,
	struct status *status)
{
	char reason[DB_REASON_SIZE];
	const char *user = server_url ? user_of(server_url, a, status) : PQuser(owner);
	if (!user)
		return false;
	/* Its lock is gone with it. */
	PGconn *lock = db_connect_plain(owner_url, "postgres", reason);
	if (lock)
		PQclear(PQexec(lock, LOCK_SQL));
	else
		log_event(
			LOG_DEBUG, "roles are created without a lock", LOG_TEXT("reason", reason));
	bool done = create_roles(owner, a, status) && grant_roles(owner, user, a, status);
	PQfinish(lock);
	return done;
}
