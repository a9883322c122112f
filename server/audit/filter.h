/*
 * Filter: the Filter of a request as SQL: a condition on records, and what the index is asked for.
 *
 * Values are parameters and operators are fixed fragments: nothing of a request becomes SQL. What
 * is built lives in the arena, and may point into the request. Pure functions, any thread.
 */
#ifndef JUNCTION_SERVER_AUDIT_FILTER_H
#define JUNCTION_SERVER_AUDIT_FILTER_H

#include "base/arena.h"
#include "base/status.h"
#include "junction/v1/audit.pb-c.h"

struct filter_sql {
	struct text sql;
	const struct text *parameters;
	int parameter_count;
};

struct filter {
	struct filter_sql condition; /* on a record r: exact; "true" without a filter */
	/* A tsquery that every record that fulfils the condition fulfils, too; sql.data NULL: there
	 * is none, so that the index is of no use. */
	struct filter_sql terms;
};

/* in: NULL is no filter. first_parameter: the number n of the first $n in either SQL. False with
 * the status INVALID_ARGUMENT, its field the path from the request:
 * "filter.subFilter[1].expr[0].value[1]". */
bool filter_build(struct arena *a, const Audit__Filter *in, int first_parameter,
	struct filter *filter, struct status *status);

#endif
