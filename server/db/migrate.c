/*
 * An advisory lock of the database is held for the whole run, by the session. PostgreSQL computes
 * the files' SHA-256 itself. A file is sent as one simple query inside BEGIN and COMMIT: it holds
 * neither, so that it and its row in public.junction_migration come together or not at all.
 */
#include "server/db/migrate.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/log.h"
#include "server/db/connect.h"
#include "server/db/role.h"

struct run {
	PGconn *conn;
	struct arena *arena;
	struct status *status;
	const struct migration *list;
	int count;
};

int migrate_version(const struct migration *m)
{
	return atoi(m->name);
}

int migrate_expected_version(void)
{
	return migration_count > 0 ? migrate_version(&migrations[migration_count - 1]) : 0;
}

static bool fail(struct run *m, const char *doing, const PGresult *r)
{
	return status_set(m->status, m->arena, STATUS_INTERNAL, "%s: %s", doing,
		arena_string(m->arena, text_trim(text_of(PQresultErrorMessage(r)))));
}

static bool run(struct run *m, const char *doing, const char *sql)
{
	PGresult *r = PQexec(m->conn, sql);
	bool done = PQresultStatus(r) == PGRES_COMMAND_OK || PQresultStatus(r) == PGRES_TUPLES_OK;
	if (!done)
		fail(m, doing, r);
	PQclear(r);
	return done;
}

/* --- what has been applied ------------------------------------------------------------------ */

static char *checksum_of(struct run *m, const struct migration *file)
{
	const char *values[] = {file->sql};
	const int sizes[] = {(int)strlen(file->sql)}, formats[] = {1};
	PGresult *r = PQexecParams(m->conn,
		"SELECT pg_catalog.encode(pg_catalog.sha256($1::bytea), 'hex')", 1, NULL, values,
		sizes, formats, 0);
	char *sum = NULL;
	if (PQresultStatus(r) == PGRES_TUPLES_OK)
		sum = arena_string(m->arena, text_of(PQgetvalue(r, 0, 0)));
	else
		fail(m, "cannot compute a checksum", r);
	PQclear(r);
	return sum;
}

static const struct migration *find_version(const struct run *m, int version)
{
	for (int i = 0; i < m->count; i++)
		if (migrate_version(&m->list[i]) == version)
			return &m->list[i];
	return NULL;
}

static bool check_applied(struct run *m, int version, const char *name, const char *checksum)
{
	const struct migration *file = find_version(m, version);
	if (!file)
		return status_set(m->status, m->arena, STATUS_FAILED_PRECONDITION,
			"the database's schema is version %d (%s), which this program does not "
			"know: use a newer one",
			version, name);
	const char *sum = checksum_of(m, file);
	if (sum && strcmp(sum, checksum) != 0)
		return status_set(m->status, m->arena, STATUS_FAILED_PRECONDITION,
			"migration %s has been applied to the database and was changed since: "
			"restore the file and write a new one",
			file->name);
	return sum != NULL;
}

/* applied: the highest version in the database. */
static bool read_applied(struct run *m, int *applied)
{
	PGresult *r = PQexec(m->conn,
		"SELECT version, name, checksum FROM public.junction_migration ORDER BY version");
	bool good = PQresultStatus(r) == PGRES_TUPLES_OK;
	if (!good)
		fail(m, "cannot read which migrations have been applied", r);
	*applied = 0;
	for (int i = 0; good && i < PQntuples(r); i++) {
		*applied = atoi(PQgetvalue(r, i, 0));
		good = check_applied(m, *applied, PQgetvalue(r, i, 1), PQgetvalue(r, i, 2));
	}
	PQclear(r);
	return good;
}

/* --- applying ------------------------------------------------------------------------------- */

/* Line of the error in the file, 0 if unknown. */
static int error_line(const struct migration *file, const PGresult *r)
{
	const char *position = PQresultErrorField(r, PG_DIAG_STATEMENT_POSITION);
	int characters = position ? atoi(position) : 0, line = 1;
	const char *at = file->sql;
	if (characters == 0)
		return 0;
	/* It counts characters: bytes that continue one are passed over. */
	for (; characters > 1 && *at; at++) {
		line += *at == '\n';
		characters -= (at[1] & 0xc0) != 0x80;
	}
	return line;
}

static bool run_file(struct run *m, const struct migration *file)
{
	PGresult *r = PQexec(m->conn, file->sql);
	ExecStatusType type = PQresultStatus(r);
	bool done = type == PGRES_COMMAND_OK || type == PGRES_TUPLES_OK;
	if (!done)
		status_set(m->status, m->arena, STATUS_INTERNAL, "migration %s, line %d: %s",
			file->name, error_line(file, r),
			arena_string(m->arena, text_trim(text_of(PQresultErrorMessage(r)))));
	PQclear(r);
	return done;
}

static bool record(struct run *m, const struct migration *file)
{
	const char *checksum = checksum_of(m, file);
	if (!checksum)
		return false;
	const char *version = arena_printf(m->arena, "%d", migrate_version(file));
	const char *values[] = {version, file->name, checksum};
	PGresult *r = PQexecParams(m->conn,
		"INSERT INTO public.junction_migration (version, name, checksum) VALUES ($1, $2, "
		"$3)",
		3, NULL, values, NULL, NULL, 0);
	bool done = PQresultStatus(r) == PGRES_COMMAND_OK;
	if (!done)
		fail(m, "cannot record a migration", r);
	PQclear(r);
	return done;
}

static bool apply(struct run *m, const struct migration *file)
{
	if (!run(m, "cannot begin", "BEGIN"))
		return false;
	bool done = run_file(m, file) && record(m, file) && run(m, "cannot commit", "COMMIT");
	if (done)
		log_event(LOG_INFO, "migration applied", LOG_TEXT("name", file->name));
	else
		PQclear(PQexec(m->conn, "ROLLBACK"));
	return done;
}

static const char prepare_sql[] =
	"CREATE TABLE IF NOT EXISTS public.junction_migration ("
	" version integer CONSTRAINT junction_migration_pkey PRIMARY KEY,"
	" name text NOT NULL,"
	" checksum text NOT NULL,"
	" applied_at timestamptz NOT NULL DEFAULT pg_catalog.now());"
	"COMMENT ON TABLE public.junction_migration IS"
	" 'Migrations that have been applied to this database, by junctiond migrate.';"
	"COMMENT ON COLUMN public.junction_migration.version IS 'Number of the file.';"
	"COMMENT ON COLUMN public.junction_migration.name IS 'The file, without .sql.';"
	"COMMENT ON COLUMN public.junction_migration.checksum IS 'SHA-256 of the file, "
	"hexadecimal.';"
	"COMMENT ON COLUMN public.junction_migration.applied_at IS 'Start of its transaction.';"
	"GRANT USAGE ON SCHEMA public TO junction_app, junction_reader;"
	"GRANT SELECT ON public.junction_migration TO junction_app, junction_reader";

/* Not made in a database that no server would work in. */
static bool check_database(struct run *m)
{
	char reason[DB_REASON_SIZE];
	PGresult *r = PQexec(m->conn,
		"SELECT pg_catalog.current_setting('server_encoding'), datctype"
		" FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()");
	bool good = PQresultStatus(r) == PGRES_TUPLES_OK;
	if (!good)
		fail(m, "cannot read the database's encoding", r);
	else if (!db_text_fits(PQgetvalue(r, 0, 0), PQgetvalue(r, 0, 1), reason))
		good = status_set(m->status, m->arena, STATUS_FAILED_PRECONDITION, "%s", reason);
	PQclear(r);
	return good;
}

static bool apply_all(struct run *m)
{
	int applied;
	if (!check_database(m) ||
		!run(m, "cannot set up the session", "SET client_min_messages = warning") ||
		!run(m, "cannot lock the migrations",
			"SELECT pg_catalog.pg_advisory_lock(7163384, 2)") ||
		!run(m, "cannot create the table of migrations", prepare_sql) ||
		!read_applied(m, &applied))
		return false;
	for (int i = 0; i < m->count; i++)
		if (migrate_version(&m->list[i]) > applied && !apply(m, &m->list[i]))
			return false;
	return true;
}

bool migrate_apply(const struct migration *list, int count, const char *owner_url,
	const char *server_url, struct status *status)
{
	static char message[2048];
	char reason[DB_REASON_SIZE];
	struct arena *a = arena_new(0);
	struct run m = {.arena = a, .status = status, .list = list, .count = count};
	*status = (struct status){STATUS_OK, "", NULL};
	m.conn = db_connect_plain(owner_url, NULL, reason);
	bool done = m.conn ? role_ensure(m.conn, owner_url, server_url, a, status) && apply_all(&m)
			   : status_set(status, a, STATUS_UNAVAILABLE,
				     "cannot connect to the database: %s", reason);
	PQfinish(m.conn);
	snprintf(message, sizeof(message), "%s", status->message);
	status->message = message;
	arena_free(&a);
	return done;
}

bool migrate_run(const char *owner_url, const char *server_url, struct status *status)
{
	return migrate_apply(migrations, migration_count, owner_url, server_url, status);
}
