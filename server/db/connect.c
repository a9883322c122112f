/*
 * One round trip after the handshake does the rest: role, timeouts and checks are one simple query
 * of several statements. It is waited for with poll(), since PQexec() knows no timeout and a
 * stopped PostgreSQL would hold a thread of the pool for ever.
 *
 * Locale "C" knows only ASCII letters: lower() and regular expressions would be wrong for all other
 * names. C.UTF-8 is right.
 */
#include "server/db/connect.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "server/db/error.h"

#define STATEMENT_SECONDS 5

static void notice_log(void *arg, const char *message)
{
	log_event(LOG_DEBUG, "database notice", LOG_SLICE("message", text_trim(text_of(message))));
}

/* Sets the sentence, without the line end that libpq's messages have; false. */
__attribute__((format(printf, 2, 3))) static bool refuse(
	char reason[DB_REASON_SIZE], const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(reason, DB_REASON_SIZE, format, args);
	va_end(args);
	reason[text_trim(text_of(reason)).size] = '\0';
	return false;
}

PGconn *db_connect_plain(const char *url, const char *database, char reason[DB_REASON_SIZE])
{
	/* Only the first dbname is read as a URL; what follows overrides what the URL says. */
	const char *const keywords[] = {"dbname", "application_name", "connect_timeout",
		"client_encoding", "keepalives_idle", "keepalives_interval", "keepalives_count",
		"tcp_user_timeout", database ? "dbname" : NULL, NULL};
	const char *const values[] = {
		url, "junctiond", "2", "UTF8", "5", "2", "3", "10000", database, NULL};
	PGconn *conn = PQconnectdbParams(keywords, values, 1);
	if (PQstatus(conn) == CONNECTION_OK) {
		PQsetNoticeProcessor(conn, notice_log, NULL);
		return conn;
	}
	refuse(reason, "%s", PQerrorMessage(conn));
	PQfinish(conn);
	return NULL;
}

/* The last result of the query, or NULL if the connection broke or the time is over. */
static PGresult *run(PGconn *conn, const char *sql)
{
	int64_t end = clock_now() + STATEMENT_SECONDS * CLOCK_SECOND;
	PGresult *last = NULL;
	if (!PQsendQuery(conn, sql))
		return NULL;
	for (;;) {
		int64_t left = (end - clock_now()) / CLOCK_MS;
		struct pollfd wait = {.fd = PQsocket(conn), .events = POLLIN};
		if (PQisBusy(conn)) {
			if (left <= 0 || (poll(&wait, 1, (int)left) < 0 && errno != EINTR) ||
				!PQconsumeInput(conn))
				break;
			continue;
		}
		PGresult *result = PQgetResult(conn);
		if (!result)
			return last;
		PQclear(last);
		last = result;
		if (PQresultStatus(last) == PGRES_FATAL_ERROR)
			return last;
	}
	PQclear(last);
	return NULL;
}

static bool refuse_error(const PGresult *error, char reason[DB_REASON_SIZE])
{
	const char *state = db_error_state(error);
	if (!strcmp(state, "42P01") || !strcmp(state, "22023"))
		return refuse(reason,
			"the database has not been prepared for Junction: run `junctiond migrate`");
	if (!strcmp(state, "42501"))
		return refuse(reason,
			"the database user may not act as junction_app: run `junctiond migrate`, "
			"or "
			"GRANT junction_app to it (%s)",
			PQresultErrorField(error, PG_DIAG_MESSAGE_PRIMARY));
	return refuse(reason, "%s", PQresultErrorMessage(error));
}

bool db_text_fits(const char *encoding, const char *ctype, char reason[DB_REASON_SIZE])
{
	if (strcmp(encoding, "UTF8") != 0)
		return refuse(reason, "the database's encoding is %s, it must be UTF8", encoding);
	if (!strcmp(ctype, "C") || !strcmp(ctype, "POSIX"))
		return refuse(reason,
			"the database's LC_CTYPE %s knows only ASCII letters: create the database "
			"with another one, for example C.UTF-8",
			ctype);
	return true;
}

static bool database_fits(const PGresult *r, int schema_version, char reason[DB_REASON_SIZE])
{
	int version = atoi(PQgetvalue(r, 0, 2));
	if (!db_text_fits(PQgetvalue(r, 0, 0), PQgetvalue(r, 0, 1), reason))
		return false;
	if (version < schema_version)
		return refuse(reason,
			"the database's schema is version %d, this server needs %d: run `junctiond "
			"migrate`",
			version, schema_version);
	if (version > schema_version)
		return refuse(reason,
			"the database's schema is version %d, this server knows only %d: it must "
			"be "
			"upgraded",
			version, schema_version);
	return true;
}

PGconn *db_connect(const struct db_settings *s, char reason[DB_REASON_SIZE])
{
	char sql[640];
	snprintf(sql, sizeof(sql),
		"SET ROLE junction_app;"
		"SET statement_timeout = %lld; SET lock_timeout = %lld;"
		"SET idle_in_transaction_session_timeout = 0;"
		"%s"
		"SELECT pg_catalog.current_setting('server_encoding'), d.datctype,"
		" (SELECT coalesce(max(version), 0) FROM public.junction_migration)"
		" FROM pg_catalog.pg_database d"
		" WHERE d.datname = pg_catalog.current_database()",
		(long long)s->statement_timeout_ms, (long long)s->lock_timeout_ms,
		s->read_only ? "SET default_transaction_read_only = on;"
			       "SET client_connection_check_interval = 500;"
			     : "");
	PGconn *conn = db_connect_plain(s->url, NULL, reason);
	if (!conn)
		return NULL;
	PGresult *r = run(conn, sql);
	bool fits = false;
	if (!r)
		refuse(reason, "the database does not answer: %s", PQerrorMessage(conn));
	else if (PQresultStatus(r) != PGRES_TUPLES_OK)
		refuse_error(r, reason);
	else
		fits = database_fits(r, s->schema_version, reason);
	PQclear(r);
	if (fits)
		return conn;
	PQfinish(conn);
	return NULL;
}
