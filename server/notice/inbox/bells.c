/*
 * Bells, and what other servers do. One errand on the home thread asks every poll_ms whose inboxes
 * have changed since it last asked: by the position of what came last, which rises in the order of
 * the commits, and by the snapshot of that answer, which knows the changes of notice.inbox_change
 * that it showed. So nothing is missed while PostgreSQL is away, but for changes that have been
 * forgotten meanwhile: after an errand that failed all bells are rung.
 */
#include <stdlib.h>

#include "base/check.h"
#include "base/table.h"
#include "server/lane/keeping.h"
#include "server/notice/inbox/inbox_priv.h"

enum { BELLS = 1024, FORGOTTEN_AT_ONCE = 10000 };
#define CHANGES_MOST "1000"

static struct bell bells[BELLS];

struct bell *inbox_bell(struct text space, struct text user)
{
	return &bells[(table_hash(space) * 31 + table_hash(user)) % BELLS];
}

void inbox_changed(struct text space, const struct text *users, size_t count)
{
	for (size_t i = 0; i < count; i++)
		bell_ring(call_streams(), inbox_bell(space, users[i]));
}

void inboxes_changed(void)
{
	for (size_t i = 0; i < BELLS; i++)
		bell_ring(call_streams(), &bells[i]);
}

/* --- other servers ---------------------------------------------------------------------------- */

enum { POSITION, SEEN, ALL, SPACE, USER };

static const struct statement follow_inboxes = {
	.name = "notice_follow_inboxes",
	.sql = "SELECT r_position, r_seen, r_all, r_namespace, r_user "
	       "FROM notice.follow_inboxes($1::bigint, $2::pg_snapshot, " CHANGES_MOST ")",
	.parameters = 2,
};

static const struct statement forget_changes = {
	.name = "notice_forget_inbox_changes",
	.sql = "SELECT notice.forget_inbox_changes($1::integer)",
	.parameters = 1,
};

static struct {
	struct errand errand; /* first */
	int64_t poll_ms;
	struct loop_task starting;
	struct keeping keeping;
	char *position, *seen; /* where it goes on; NULL: it has not begun */
	bool missed;           /* something may have been, since an errand has failed or none was */
} follow;

static void remember(char **what, struct text value)
{
	free(*what);
	*what = check_strdup(value.data);
}

static void read_changes(struct errand *e, const struct rows *rows)
{
	remember(&follow.position, rows_text(rows, 0, POSITION));
	remember(&follow.seen, rows_text(rows, 0, SEEN));
	if (follow.missed || rows_bool(rows, 0, ALL)) {
		inboxes_changed();
		return;
	}
	for (int row = 0; row < rows_count(rows); row++) {
		const struct text user = rows_text(rows, row, USER);
		if (!rows_null(rows, row, USER))
			inbox_changed(rows_text(rows, row, SPACE), &user, 1);
	}
}

static void landed(struct errand *e)
{
	follow.missed = e->failed;
}

static void look(void *arg)
{
	struct text *parameters;

	if (!errand_begin(&follow.errand))
		return;
	parameters = arena_array(follow.errand.arena, 2, sizeof(*parameters));
	parameters[0] = text_of(follow.position);
	parameters[1] = text_of(follow.seen);
	errand_send(&follow.errand, &follow_inboxes, parameters);
}

/* --- life ------------------------------------------------------------------------------------- */

static void begin(struct loop_task *task)
{
	loop_every(follow.errand.home, (uint64_t)follow.poll_ms, look, NULL);
	look(NULL);
}

void inbox_start(struct lanes *lanes, struct loop *home, int64_t poll_ms)
{
	follow.errand = (struct errand){
		.lanes = lanes, .home = home, .read = read_changes, .landed = landed};
	follow.poll_ms = poll_ms;
	follow.missed = true;
	follow.starting.run = begin;
	loop_post(home, &follow.starting);
	keeping_start_steps(&follow.keeping, lanes, &forget_changes, FORGOTTEN_AT_ONCE);
}

void inbox_stop(void)
{
	errand_end(&follow.errand);
	keeping_end(&follow.keeping);
	free(follow.position);
	free(follow.seen);
	follow.position = follow.seen = NULL;
}
