/* A table of SQLSTATEs and classes, first match wins. */
#include "server/db/error.h"

#include "base/log.h"

struct meaning {
	const char *state; /* the whole, or its beginning */
	enum status_code code;
	const char *message; /* NULL: the error's own primary message */
};

static const struct meaning meanings[] = {
	{"JN400", STATUS_INVALID_ARGUMENT, NULL},
	{"JN404", STATUS_NOT_FOUND, NULL},
	{"JN409", STATUS_ALREADY_EXISTS, NULL},
	{"JN412", STATUS_FAILED_PRECONDITION, NULL},
	{"23505", STATUS_ALREADY_EXISTS, "it exists already"},
	{"23503", STATUS_FAILED_PRECONDITION, "it refers to what is not there, or is referred to"},
	{"23514", STATUS_INVALID_ARGUMENT, "a value breaks a rule of the database"},
	{"23502", STATUS_INVALID_ARGUMENT, "a required value is missing"},
	{"22", STATUS_INVALID_ARGUMENT, "a value is not valid"},
	{"40", STATUS_ABORTED, "another change came in between"},
	{"55P03", STATUS_ABORTED, "lock not available"},
	{"57014", STATUS_DEADLINE_EXCEEDED, "the statement took too long"},
	{"53300", STATUS_UNAVAILABLE, "the database has no free connection"},
	{"53", STATUS_RESOURCE_EXHAUSTED, "the database is out of memory or disk space"},
	{"57P0", STATUS_UNAVAILABLE, "the database is shutting down or starting up"},
	{"08", STATUS_UNAVAILABLE, "the connection to the database broke"},
	{"25006", STATUS_UNAVAILABLE, "the database is read-only"},
	{"", STATUS_INTERNAL, "the database refused a statement"},
};

const char *db_error_state(const PGresult *error)
{
	const char *state = PQresultErrorField(error, PG_DIAG_SQLSTATE);
	return state ? state : "";
}

bool db_error_ends_connection(const PGresult *error)
{
	if (!*db_error_state(error))
		return true;
	const char *severity = PQresultErrorField(error, PG_DIAG_SEVERITY_NONLOCALIZED);
	return severity && (!strcmp(severity, "FATAL") || !strcmp(severity, "PANIC"));
}

void db_error_status(
	struct status *s, struct arena *a, const PGresult *error, const char *statement)
{
	const char *state = db_error_state(error);
	const char *primary = PQresultErrorField(error, PG_DIAG_MESSAGE_PRIMARY);
	const struct meaning *m = meanings;
	while (!text_starts(text_of(state), text_of(m->state)))
		m++;
	if (!primary)
		primary = PQresultErrorMessage(error);
	if (m->message)
		/* Without the detail, which may hold a row's values. */
		log_event(m->code == STATUS_INTERNAL ? LOG_ERROR : LOG_INFO, "statement failed",
			LOG_TEXT("statement", statement ? statement : "unnamed"),
			LOG_TEXT("sqlstate", state), LOG_TEXT("message", primary));
	status_set(s, a, m->code, "%s", m->message ? m->message : primary);
}
