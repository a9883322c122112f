#include "server/notice/sending/quota.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"

void quota_limit(struct quota *q, int most, int64_t window_ms)
{
	q->most = most;
	q->window = window_ms * CLOCK_MS;
}

static void drop_old(struct quota *q, int64_t now)
{
	while (q->count > 0 && q->ends[q->first] <= now - q->window) {
		q->first++;
		q->count--;
	}
}

int quota_room(struct quota *q, int64_t now, int64_t *again)
{
	*again = CLOCK_NEVER;
	if (q->most == 0)
		return INT_MAX;
	drop_old(q, now);
	int64_t free = (int64_t)q->most - q->under_way, room = free - (int64_t)q->count;
	if (room > 0)
		return (int)room;
	if (free > 0)
		*again = q->ends[q->first + q->count - (size_t)free] + q->window;
	return 0;
}

void quota_begin(struct quota *q)
{
	q->under_way++;
}

void quota_undo(struct quota *q)
{
	q->under_way--;
}

void quota_end(struct quota *q, int64_t now)
{
	q->under_way--;
	if (q->most == 0)
		return;
	drop_old(q, now);
	quota_note(q, now);
}

static void make_room(struct quota *q)
{
	if (q->first > q->count) {
		memmove(q->ends, q->ends + q->first, q->count * sizeof(*q->ends));
		q->first = 0;
	} else {
		q->room = q->room ? 2 * q->room : 32;
		q->ends = check_realloc(q->ends, q->room * sizeof(*q->ends));
	}
}

void quota_note(struct quota *q, int64_t end)
{
	if (q->first + q->count == q->room)
		make_room(q);
	int64_t *next = q->ends + q->first + q->count;
	*next = q->count > 0 && next[-1] > end ? next[-1] : end;
	q->count++;
}

void quota_forget(struct quota *q)
{
	q->first = q->count = 0;
}

void quota_clear(struct quota *q)
{
	free(q->ends);
	*q = (struct quota){0};
}
