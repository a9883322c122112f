#include "server/registry/schedule.h"

#include <stdlib.h>

#include "base/check.h"

static void set(struct schedule *s, size_t place, struct schedule_item *item)
{
	s->items[place] = item;
	item->place = place;
}

static void rise(struct schedule *s, size_t place, struct schedule_item *item)
{
	while (place > 0 && s->items[(place - 1) / 2]->due > item->due) {
		set(s, place, s->items[(place - 1) / 2]);
		place = (place - 1) / 2;
	}
	set(s, place, item);
}

static void sink(struct schedule *s, size_t place, struct schedule_item *item)
{
	for (size_t child = 2 * place + 1; child < s->count; child = 2 * place + 1) {
		if (child + 1 < s->count && s->items[child + 1]->due < s->items[child]->due)
			child++;
		if (s->items[child]->due >= item->due)
			break;
		set(s, place, s->items[child]);
		place = child;
	}
	set(s, place, item);
}

void schedule_add(struct schedule *s, struct schedule_item *item)
{
	if (s->count == s->room) {
		s->room = s->room ? 2 * s->room : 64;
		s->items = check_realloc(s->items, s->room * sizeof *s->items);
	}
	rise(s, s->count++, item);
}

void schedule_remove(struct schedule *s, struct schedule_item *item)
{
	struct schedule_item *last = s->items[--s->count];

	if (last == item)
		return;
	if (last->due < item->due)
		rise(s, item->place, last);
	else
		sink(s, item->place, last);
}

struct schedule_item *schedule_due(const struct schedule *s, int64_t now)
{
	return s->count && s->items[0]->due <= now ? s->items[0] : NULL;
}

void schedule_clear(struct schedule *s)
{
	free(s->items);
	*s = (struct schedule){0};
}
