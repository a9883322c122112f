/*
 * Condition: one FilterExpr as SQL. Internal to the filter; any thread.
 */
#ifndef JUNCTION_SERVER_AUDIT_FILTER_CONDITION_H
#define JUNCTION_SERVER_AUDIT_FILTER_CONDITION_H

#include "server/audit/filter.h"

/* Parameters of one SQL text. */
struct filter_parameters {
	struct text *items; /* with room for all that a filter can have */
	int count;
	int first; /* the number of the first $n */
};

/* A filter that is being built. */
struct filter_building {
	struct arena *arena;
	struct status *status;
	struct buffer condition;
	struct filter_parameters parameters, term_parameters;
	int conditions;
};

enum { FILTER_PARAMETERS_EACH = 3 }; /* that a condition has at most */

/* Appends the condition to b->condition. terms: what it asks the index for, data NULL: nothing.
 * False with the status set about the field path, or one in it. */
bool filter_add_condition(struct filter_building *b, const Audit__FilterExpr *in, const char *path,
	struct text *terms);

#endif
