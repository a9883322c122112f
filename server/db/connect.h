/*
 * Connecting to PostgreSQL. Everything here blocks, on any thread: the lanes call it on the work
 * pool. Connecting is given 2 seconds, each statement that follows 5.
 */
#ifndef JUNCTION_SERVER_DB_CONNECT_H
#define JUNCTION_SERVER_DB_CONNECT_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

#define DB_REASON_SIZE 512

struct db_settings {
	const char *url; /* libpq URL or keywords */
	int64_t statement_timeout_ms;
	int64_t lock_timeout_ms;
	int schema_version; /* what the database must have */
	/* It cannot write; and a statement whose client hangs up is ended within half a second. */
	bool read_only;
};

/* Whether Junction can work in a database of that encoding and LC_CTYPE; else a sentence in
 * reason. */
bool db_text_fits(const char *encoding, const char *ctype, char reason[DB_REASON_SIZE]);

/* As role junction_app, with the timeouts set and the database checked: UTF8, a locale that knows
 * letters, the schema version. NULL with a sentence in reason. */
PGconn *db_connect(const struct db_settings *settings, char reason[DB_REASON_SIZE]);

/* As the URL's own user; database NULL is the URL's. NULL with a sentence in reason. */
PGconn *db_connect_plain(const char *url, const char *database, char reason[DB_REASON_SIZE]);

#endif
