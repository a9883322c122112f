#include "server/db/once.h"

#include "server/db/connect.h"
#include "server/db/migrate.h"

enum { STATEMENT_MS = 10000, LOCK_MS = 5000 };

bool db_once(const char *url, const struct statement *s, const struct text *parameters,
	struct arena *a, struct status *status)
{
	const struct db_settings settings = {
		.url = url,
		.statement_timeout_ms = STATEMENT_MS,
		.lock_timeout_ms = LOCK_MS,
		.schema_version = migrate_expected_version(),
	};
	char reason[DB_REASON_SIZE];
	const char **values = arena_array(a, (size_t)s->parameters + 1, sizeof(*values));
	PGconn *connection = db_connect(&settings, reason);

	if (!connection)
		return status_set(status, a, STATUS_UNAVAILABLE, "%s", reason);
	for (int i = 0; i < s->parameters; i++)
		values[i] = parameters[i].data ? arena_string(a, parameters[i]) : NULL;
	PGresult *r = PQexecParams(connection, s->sql, s->parameters, NULL, values, NULL, NULL, 0);
	bool good = PQresultStatus(r) == PGRES_TUPLES_OK;
	if (!good)
		status_set(status, a, STATUS_INTERNAL, "%s",
			arena_string(a, text_trim(text_of(PQresultErrorMessage(r)))));
	PQclear(r);
	PQfinish(connection);
	return good;
}
