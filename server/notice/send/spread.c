/*
 * One errand makes the deliveries of one part, in a transaction of its own, and goes again as long
 * as there are parts: so sends that come meanwhile wait for a part at most. A part goes with the
 * transaction that makes its deliveries, whichever server that is, so none is made twice and none
 * is lost. All of it lives on the home thread but what it tells others.
 */
#include "base/json.h"
#include "server/lane/errand.h"
#include "server/notice/inbox/inbox.h"
#include "server/notice/send/send.h"
#include "server/notice/sending/sending.h"

static const struct statement spread_part = {
	.name = "notice_spread",
	.sql = "SELECT r_channel_ids, r_users, r_namespace FROM notice.spread()",
};

static struct {
	struct errand errand; /* first */
	int64_t poll_ms;
	bool again; /* there may be another part */
	atomic_bool told;
	struct loop_task starting, waking;
} spread;

/* --- telling ---------------------------------------------------------------------------------- */

static void wake_channels(struct arena *a, struct text ids)
{
	struct status unread;
	const struct json *list = json_read(a, ids, &unread);
	int64_t id;

	for (const struct json *i = list ? list->first : NULL; i; i = i->next)
		if (json_int64(i, &id))
			sending_wake((int)id);
}

static void ring_inboxes(struct arena *a, struct text space, struct text names)
{
	struct status unread;
	const struct json *list = json_read(a, names, &unread);
	struct text *users = arena_array(a, list ? list->count : 0, sizeof(*users));
	size_t count = 0;

	for (const struct json *i = list ? list->first : NULL; i; i = i->next)
		users[count++] = i->string;
	if (count > 0)
		inbox_changed(space, users, count);
}

void send_made(const struct rows *rows, int row, int column, struct text space)
{
	struct arena *a = arena_new(0);

	if (!rows_null(rows, row, column))
		wake_channels(a, rows_text(rows, row, column));
	if (!rows_null(rows, row, column + 1))
		ring_inboxes(a, space, rows_text(rows, row, column + 1));
	arena_free(&a);
}

/* --- parts ------------------------------------------------------------------------------------ */

static void look(void *arg)
{
	spread.again = !errand_begin(&spread.errand);
	if (!spread.again)
		errand_send(&spread.errand, &spread_part, NULL);
}

static void read_part(struct errand *e, const struct rows *rows)
{
	if (rows_count(rows) == 0)
		return;
	send_made(rows, 0, 0, rows_text(rows, 0, 2));
	spread_wake();
}

static void landed(struct errand *e)
{
	if (spread.again)
		spread_wake();
}

static void woken(struct loop_task *task)
{
	atomic_store(&spread.told, false);
	look(NULL);
}

void spread_wake(void)
{
	if (!atomic_exchange(&spread.told, true))
		loop_post(spread.errand.home, &spread.waking);
}

static void begin(struct loop_task *task)
{
	loop_every(spread.errand.home, (uint64_t)spread.poll_ms, look, NULL);
}

void spread_start(struct lanes *lanes, struct loop *home, int64_t poll_ms)
{
	spread.errand =
		(struct errand){.lanes = lanes, .home = home, .read = read_part, .landed = landed};
	spread.poll_ms = poll_ms;
	spread.waking.run = woken;
	spread.starting.run = begin;
	loop_post(home, &spread.starting);
}

void spread_stop(void)
{
	errand_end(&spread.errand);
}
