/* The first mark of a node is no change: nobody has seen it come and go. */
#include "server/registry/health.h"

void health_begin(struct health *h, enum node_health marked, bool flapping)
{
	*h = (struct health){.marked = flapping ? NODE_FAILING : marked, .flapping = flapping};
}

/* True if it is one too many. */
static bool note_change(struct health *h, const struct health_rules *rules, int64_t now)
{
	bool full = h->change_count == HEALTH_FLAPS;
	bool flaps = full && now - h->changes[HEALTH_FLAPS - 1] <= rules->window;

	h->change_count += !full;
	for (int i = h->change_count - 1; i > 0; i--)
		h->changes[i] = h->changes[i - 1];
	h->changes[0] = now;
	return flaps;
}

static bool take_while_flapping(struct health *h, const struct health_rules *rules)
{
	int calm = rules->up_after > HEALTH_CALM ? rules->up_after : HEALTH_CALM;

	if (!h->passed || h->run < calm)
		return false;
	h->flapping = false;
	h->marked = NODE_PASSING;
	h->change_count = 0;
	return true;
}

bool health_take(struct health *h, const struct health_rules *rules, bool passed, int64_t now)
{
	enum node_health found = passed ? NODE_PASSING : NODE_FAILING;

	if (h->passed != passed)
		h->run = 0;
	h->passed = passed;
	if (h->run < INT32_MAX)
		h->run++;
	if (h->flapping)
		return take_while_flapping(h, rules);
	if (found == h->marked || h->run < (passed ? rules->up_after : rules->down_after))
		return false;
	h->flapping = h->marked != NODE_UNKNOWN && note_change(h, rules, now);
	h->marked = h->flapping ? NODE_FAILING : found;
	if (h->flapping)
		h->run = passed ? h->run : 0;
	return true;
}
