/* Statements and the rows they give. */
#ifndef JUNCTION_SERVER_DB_STATEMENT_H
#define JUNCTION_SERVER_DB_STATEMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

/* Parameters are text. One with a name is a constant, prepared under its name on each connection
 * that uses it. One without is planned for its parameters each time, leaves nothing behind, and
 * lives as long as these must. */
struct statement {
	const char *name; /* unique in the process, at most 63 bytes; or NULL */
	const char *sql;
	int parameters;
};

/* A parameter: SQL NULL for an empty text. */
static inline struct text sql_or_null(struct text t)
{
	return t.size > 0 ? t : (struct text){0};
}

/* A result; values in PostgreSQL's text form. Valid while the step or callback that was given it
 * runs. */
struct rows;

int rows_count(const struct rows *r); /* 0 of NULL */
struct text rows_text(
	const struct rows *r, int row, int column); /* data NULL for SQL NULL; NUL-terminated */
bool rows_null(const struct rows *r, int row, int column);
int64_t rows_int64(
	const struct rows *r, int row, int column); /* 0 for NULL; aborts if not a number */
bool rows_bool(const struct rows *r, int row, int column);

#endif
