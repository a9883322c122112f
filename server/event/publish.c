/* One event: read, matched, appended with those of other calls, answered. If its group has no queue
 * that is made first; if the subscriptions have changed meanwhile all but the reading is done
 * again, until the call's deadline. */
#include "server/db/array.h"
#include "server/event/publishing.h"
#include "steps.gen.h"

static enum next match(struct call *c);

static enum next appended(struct call *c, const struct rows *rows, int row)
{
	Event__PublishResponse response;

	switch (publishing_finish(c->state, rows, row, &response, &c->status)) {
	case WRITE_GO:
		return REPLY(c, &response);
	case WRITE_AGAIN:
		return subscriptions_current(c, match);
	default:
		return failed(c);
	}
}

static enum next made(struct call *c, const struct rows *rows)
{
	return subscriptions_current(c, match);
}

static enum next make_queue(struct call *c)
{
	const struct publishing *p = c->state;
	struct text *parameters = arena_array(c->arena, 2, sizeof(*parameters));
	struct buffer space = {.arena = c->arena}, group = {.arena = c->arena};

	array_add(&space, p->space);
	array_add(&group, p->group);
	parameters[0] = array_text(&space);
	parameters[1] = array_text(&group);
	return change(c, &publishing_make_queues, parameters, made);
}

static enum next match(struct call *c)
{
	struct publishing *p = c->state;
	const struct subscriptions *known = subscriptions_hold();
	enum write_step step = publishing_match(p, known, &c->status);
	bool lacks_queue = known && publishing_lacks_queue(p, known);

	subscriptions_release(&known);
	if (step == WRITE_REFUSED)
		return failed(c);
	if (step == WRITE_GO)
		return append(c, &publishing_log, (struct text){0}, p->columns, appended);
	return lacks_queue ? make_queue(c) : subscriptions_current(c, match);
}

enum next event_publish(struct call *c)
{
	struct publishing *p = arena_alloc(c->arena, sizeof(*p));

	c->state = p;
	if (!publishing_read(
		    c->arena, &c->caller, call_request(c, Event__PublishRequest), p, &c->status))
		return failed(c);
	return match(c);
}
