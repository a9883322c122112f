/* Jobs for the lanes of server/lane and what became of them. Any thread waits; the jobs end on the
 * lanes' threads. */
#ifndef JUNCTION_TESTS_SUPPORT_LANE_TRIAL_H
#define JUNCTION_TESTS_SUPPORT_LANE_TRIAL_H

#include "server/lane/sql.h"

#define TRIAL_COLUMNS 4
#define TRIAL_FOREVER INT64_C(0)

/* How a job ended. */
struct ending {
	atomic_int count; /* of done() */
	enum status_code code;
	char message[200];
	int rows, row;
	char value[64]; /* of the first column, of an append the second, in its row */
};

struct ask {
	struct sql_job job;
	struct text parameters[TRIAL_COLUMNS];
	struct ending ending;
};

struct put {
	struct append_job job;
	struct text columns[TRIAL_COLUMNS];
	struct ending ending;
};

/* Applies the program's migrations to the database; options of two lane threads on it. */
struct lanes_options trial_options(const char *url);

/* Strings, NULL for SQL NULL; they must outlive the job. within_ms until the deadline. */
void ask_prepare(struct ask *a, const struct statement *s, int64_t within_ms, const char *first,
	const char *second);
void put_prepare(struct put *p, const struct append_log *log, int64_t within_ms, const char *key,
	const char *const columns[]);

/* Waits until it has ended; returns the code. Fails the program if done() came twice. */
enum status_code ending_await(struct ending *e);

enum status_code ask_query(struct lanes *lanes, struct ask *a);
enum status_code ask_change(struct lanes *lanes, struct ask *a);
enum status_code ask_search(struct lanes *lanes, struct ask *a);

/* Runs a function on a lane thread and waits for it: jobs that it hands over are one round's. */
void trial_together(struct loop *loop, void (*run)(void *arg), void *arg);

#endif
