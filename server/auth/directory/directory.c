/*
 * The directory of now, and how it is fed: by a follower of the log auth.change on the first lane
 * thread.
 *
 * What is being made is known to that thread only. A load comes page by page, so that no statement
 * and no turn of the thread is long; its pages are not of one moment, so it is shown only when what
 * has changed since the first page is in it, too. Likewise changes that come in several answers,
 * since one transaction may have made them.
 */
#include "server/auth/directory/directory.h"

#include <pthread.h>

#include "base/log.h"
#include "base/metric.h"
#include "server/auth/directory/directory_make.h"
#include "server/lane/keeping.h"

#define LOAD_ROWS   "200" /* of a page */
#define FORGET_ROWS 1000  /* of a step */

static struct {
	pthread_mutex_t lock; /* of now */
	const struct directory *now;
	struct follower *follower;
	void (*changed)(void);
	struct keeping forgetting;

	/* The follower's home thread's. */
	const struct directory *next; /* in the making, or NULL */
	bool loading;                 /* next is a whole new one */
	struct arena *place;          /* of a load: last kind and name, or NULL */
	struct text last_kind, last_name;
} known = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* --- reading -------------------------------------------------------------------------------- */

const struct directory *directory_hold(void)
{
	pthread_mutex_lock(&known.lock);
	const struct directory *d = known.now;
	if (d)
		directory_share(d);
	pthread_mutex_unlock(&known.lock);
	return d;
}

enum next directory_current(struct call *c, call_step *then)
{
	return follow_current(c, known.follower, then);
}

bool directory_ready(void)
{
	return follower_ready(known.follower);
}

/* --- following ------------------------------------------------------------------------------ */

enum column { REVISION, KIND, NAME, STATE, NEWEST };

static const struct statement load = {
	.name = "auth_load",
	.sql = "SELECT r_revision, r_kind, r_name, r_state FROM auth.load($1, $2, $3)",
	.parameters = 3,
};

/* The newest revision tells whether there is more. */
static const struct statement follow = {
	.name = "auth_follow",
	.sql = "SELECT r_revision, r_kind, r_name, r_state, (SELECT value FROM auth.revision) "
	       "FROM auth.follow($1, $2)",
	.parameters = 2,
};

static const struct statement forget = {
	.name = "auth_forget",
	.sql = "SELECT auth.forget($1)",
	.parameters = 1,
};

static const struct text *next_page(void *arg, const struct follower_step *step)
{
	struct text *parameters = arena_array(step->arena, 3, sizeof *parameters);

	if (step->first)
		known.last_kind = known.last_name = TEXT("");
	parameters[0] = known.last_kind;
	parameters[1] = known.last_name;
	parameters[2] = TEXT(LOAD_ROWS);
	return parameters;
}

static struct text column(
	const struct rows *rows, int row, enum column column, struct follower_step *step)
{
	return rows_null(rows, row, column) ? (struct text){0}
					    : arena_text(step->arena, rows_text(rows, row, column));
}

static void read_changes(const struct rows *rows, int count, struct follower_step *step)
{
	struct directory_change *changes = arena_array(step->arena, (size_t)count, sizeof *changes);

	for (int i = 0; i < count; i++)
		changes[i] = (struct directory_change){
			.kind = column(rows, i, KIND, step),
			.name = column(rows, i, NAME, step),
			.state = column(rows, i, STATE, step),
		};
	step->changes = changes;
	step->count = (size_t)count;
}

/* A row without kind is the end of a load, or the beginning of what the log has no more. */
static void read_rows(void *arg, const struct rows *rows, struct follower_step *step)
{
	int count = rows_count(rows);
	bool without = count && rows_null(rows, 0, KIND);

	step->lost = without && !step->loading;
	if (!count || step->lost)
		return;
	step->position = rows_int64(rows, count - 1, REVISION);
	step->more =
		step->loading ? !without : rows_int64(rows, count - 1, NEWEST) > step->position;
	if (!without)
		read_changes(rows, count, step);
}

static void remember_place(const struct follower_step *step)
{
	const struct directory_change *changes = step->changes;

	arena_free(&known.place);
	if (!step->more)
		return;
	known.place = arena_new(0);
	known.last_kind = arena_text(known.place, changes[step->count - 1].kind);
	known.last_name = arena_text(known.place, changes[step->count - 1].name);
}

static void exchange(void)
{
	const struct directory *old = known.now, *next = known.next;

	if (known.loading)
		log_event(LOG_INFO, "directory loaded",
			LOG_NUMBER("revision", directory_revision(next)),
			LOG_NUMBER("users", (int64_t)directory_count(next, THING_USER)),
			LOG_NUMBER("roles", (int64_t)directory_count(next, THING_ROLE)));
	known.loading = false;
	pthread_mutex_lock(&known.lock);
	known.now = next;
	pthread_mutex_unlock(&known.lock);
	known.next = NULL;
	directory_release(&old);
	if (known.changed)
		known.changed();
}

static bool apply(void *arg, const struct follower_step *step)
{
	if (!known.next && !step->loading && !step->count)
		return true;
	if (step->loading && step->first)
		directory_release(&known.next);
	if (!known.next)
		known.next = directory_begin(step->loading ? NULL : known.now);
	known.loading |= step->loading;
	directory_change(
		(struct directory *)known.next, step->changes, step->count, step->position);
	if (step->loading)
		remember_place(step);
	if (step->loading || step->more)
		return false;
	exchange();
	return true;
}

static const struct followed auth_log = {
	.name = "auth",
	.load = &load,
	.follow = &follow,
	.page = next_page,
	.read = read_rows,
	.apply = apply,
};

/* --- metrics -------------------------------------------------------------------------------- */

static double count_of(enum thing_kind kind)
{
	const struct directory *d = directory_hold();
	size_t count = d ? directory_count(d, kind) : 0;

	directory_release(&d);
	return (double)count;
}

static const char *subject_label(size_t index)
{
	static const char *const labels[] = {"user", "application", "group"};
	return labels[index];
}

static double subject_count(size_t index)
{
	static const enum thing_kind kinds[] = {THING_USER, THING_APPLICATION, THING_GROUP};
	return count_of(kinds[index]);
}

static double role_count(size_t index)
{
	return count_of(THING_ROLE);
}

static double revision(size_t index)
{
	return (double)follower_revision(known.follower);
}

static double lag(size_t index)
{
	return (double)(clock_now() - follower_current_at(known.follower)) / CLOCK_SECOND;
}

static struct metric metrics[] = {
	{.name = "junction_auth_subjects",
		.help = "Users, applications and groups that are known.",
		.kind = METRIC_GAUGE,
		.labels = {{"kind", subject_label, 3}},
		.read = subject_count},
	{.name = "junction_auth_roles",
		.help = "Roles that are known.",
		.kind = METRIC_GAUGE,
		.read = role_count},
	{.name = "junction_auth_revision",
		.help = "Revision of users, roles and keys that calls are judged by.",
		.kind = METRIC_GAUGE,
		.read = revision},
	{.name = "junction_auth_lag_seconds",
		.help = "Age of what calls are judged by: all that was committed before is in it.",
		.kind = METRIC_GAUGE,
		.read = lag},
};

/* --- life ----------------------------------------------------------------------------------- */

void directory_start(struct lanes *lanes, int64_t poll_ms, void (*changed)(void))
{
	known.changed = changed;
	known.follower = follower_start(&auth_log, NULL, lanes, lane_loop(lanes, 0), poll_ms);
	keeping_start_steps(&known.forgetting, lanes, &forget, FORGET_ROWS);
	for (size_t i = 0; i < sizeof metrics / sizeof metrics[0]; i++)
		metric_register(&metrics[i]);
}

void directory_stop(void)
{
	follower_free(&known.follower);
	keeping_end(&known.forgetting);
	arena_free(&known.place);
	directory_release(&known.next);
	directory_release(&known.now);
}
