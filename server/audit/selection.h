/*
 * Selection: which fields of records are asked for, and rows as records. What is made lives in the
 * arena. Any thread.
 */
#ifndef JUNCTION_SERVER_AUDIT_SELECTION_H
#define JUNCTION_SERVER_AUDIT_SELECTION_H

#include "base/arena.h"
#include "base/status.h"
#include "junction/v1/audit.pb-c.h"
#include "server/audit/field.h"
#include "server/db/statement.h"

#define SELECTION_NAMES 256 /* that a request may give */

struct selection {
	bool fields[AUDIT_FIELDS];
	/* Of ext only these, in order: each a list of names, ended by one without data. NULL: all
	 * of it. */
	const struct text **ext_paths;
	size_t ext_path_count;
};

/* names: of a request; none: all but ext, and ext too if with_ext. False with the status
 * INVALID_ARGUMENT, its field "fields[2]". */
bool selection_read(struct arena *a, char *const *names, size_t count, bool with_ext,
	struct selection *selection, struct status *status);

/* What a statement on audit.record r selects for it: all fields in the order of enum audit_field,
 * NULL for those that are not asked for; times as milliseconds, roles as JSON. SQL of constants
 * only. */
const char *selection_columns(struct arena *a, const struct selection *selection);

/* A row whose fields begin at that column, as texts; data NULL: not asked for, or not there. They
 * live as long as the rows; what ext has of the paths asked for lives in the arena. */
void selection_values(struct arena *a, const struct selection *selection, const struct rows *rows,
	int row, int column, struct text values[AUDIT_FIELDS]);

/* The same as a record. Its texts are copies. */
Audit__AuditRecord *selection_record(struct arena *a, const struct selection *selection,
	const struct rows *rows, int row, int column);

/* The part of an object that the paths name: an object with each value as it was written, an array
 * on the way taken whole. Data NULL if nothing is there, or if it is no JSON that json.h takes. */
struct text selection_ext(struct arena *a, const struct selection *selection, struct text object);

#endif
