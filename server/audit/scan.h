/*
 * Scan: records of a range in order, as one bounded read.
 *
 * The order is that of (time, position), in which records were committed. What the index cannot
 * tell is compared with the records themselves; records that are not indexed yet are looked
 * through. If the index helps, it is asked first how many records it would give: when these are
 * many, it is quicker to read the records in their order until there are enough.
 */
#ifndef JUNCTION_SERVER_AUDIT_SCAN_H
#define JUNCTION_SERVER_AUDIT_SCAN_H

#include "server/audit/filter.h"
#include "server/audit/selection.h"
#include "server/call.h"

/* A place in the log. */
struct scan_key {
	int64_t time;     /* milliseconds since 1970 */
	int64_t position; /* 0 to SCAN_POSITION_LAST */
};

#define SCAN_POSITION_LAST INT64_MAX

struct scan {
	struct filter filter; /* built with SCAN_FIRST_PARAMETER */
	const struct selection *selection;
	struct scan_key lower, upper; /* both inclusive; lower beyond upper: nothing */
	bool newest_first;
	int limit;
	/* The scan's own. */
	enum next (*then)(struct call *c, const struct rows *rows);
};

enum { SCAN_FIRST_PARAMETER = 3 };

/* The range of a request in milliseconds, both ends inclusive, cut to the years that records may be
 * of. An end before the start asks for the newest record first. */
void scan_set_range(struct scan *scan, int64_t start, int64_t end);

/* Columns of a row; the fields follow, as selection.h has them. */
enum { SCAN_TIME, SCAN_POSITION, SCAN_END_TIME, SCAN_END_POSITION, SCAN_FIELDS };

/* The key of a row; and the last record that the log had when the row was read, whatever the range.
 */
struct scan_key scan_row_key(const struct rows *rows, int row);
struct scan_key scan_row_end(const struct rows *rows, int row);

/* Ends a step: then() gets the rows, NULL if there can be none. c->state is what begins with the
 * scan, and lives in the call's arena. */
enum next scan_run(struct call *c, struct scan *scan,
	enum next (*then)(struct call *c, const struct rows *rows));

/* The lowest key behind k, the highest before it. */
struct scan_key scan_after(struct scan_key k);
struct scan_key scan_before(struct scan_key k);
/* As memcmp. */
int scan_compare(struct scan_key a, struct scan_key b);

#endif
