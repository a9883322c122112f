#include "server/event/manage/event_lister.h"

#include "server/event/subscription/subscriptions.h"

static size_t count_patterns(const struct subscriptions *all, struct text space)
{
	size_t count = 0;

	for (size_t i = 0; i < subscriptions_count(all); i++)
		if (text_equal(subscriptions_at(all, i)->space, space))
			count += subscriptions_at(all, i)->pattern_count;
	return count;
}

/* Appends its patterns. */
static size_t list_one(struct arena *a, const struct subscriptions *all,
	const struct subscription *s, struct event_subscription *out)
{
	const struct event_queue *queue = subscriptions_queue(all, s->queue);
	struct event_subscription one = {
		.group = arena_text(a, queue->group),
		.service = arena_text(a, s->service),
		.enabled = s->enabled && !queue->paused,
	};

	for (size_t i = 0; i < s->pattern_count; i++) {
		one.pattern = arena_text(a, s->patterns[i]);
		out[i] = one;
	}
	return s->pattern_count;
}

bool event_lister_list(
	struct call *c, const struct event_subscription **subscriptions, size_t *count)
{
	const struct subscriptions *all = subscriptions_hold();
	struct event_subscription *out;

	if (!all)
		return status_set(&c->status, c->arena, STATUS_UNAVAILABLE,
			"the subscriptions are not loaded yet");
	*count = 0;
	*subscriptions = out =
		arena_array(c->arena, count_patterns(all, c->caller.space), sizeof(*out));
	for (size_t i = 0; i < subscriptions_count(all); i++)
		if (text_equal(subscriptions_at(all, i)->space, c->caller.space))
			*count += list_one(c->arena, all, subscriptions_at(all, i), &out[*count]);
	subscriptions_release(&all);
	return true;
}
