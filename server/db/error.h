/*
 * What an error of PostgreSQL means to a caller.
 *
 * A caller never sees SQL, names of tables or values of other rows; those stay in the log. The
 * exception are refusals that our own SQL functions word for the caller: they raise SQLSTATE JN400
 * (INVALID_ARGUMENT), JN404 (NOT_FOUND), JN409 (ALREADY_EXISTS) or JN412 (FAILED_PRECONDITION), and
 * their message passes through.
 */
#ifndef JUNCTION_SERVER_DB_ERROR_H
#define JUNCTION_SERVER_DB_ERROR_H

#include <libpq-fe.h>

#include "base/status.h"

/* SQLSTATE, "" if the error is libpq's own (the connection broke). */
const char *db_error_state(const PGresult *error);
/* The connection has ended with this error: libpq's own, or FATAL and PANIC of the server. */
bool db_error_ends_connection(const PGresult *error);
/* Sets the status and logs what the caller is not told. statement is a name, or NULL. */
void db_error_status(
	struct status *s, struct arena *a, const PGresult *error, const char *statement);

#endif
