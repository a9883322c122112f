/*
 * The events of a call are matched against one set of subscriptions, held as long as something of
 * the call is in the lane: so if one is stale, those behind it are, too, and none overtakes it.
 */
#include "server/db/array.h"
#include "server/event/publishing.h"

struct shared {
	const struct subscriptions *held; /* NULL: nothing is in the lane */
	/* Of a renewal. */
	struct writes *all;
	struct arena *arena;
	struct buffer spaces, groups; /* without a queue */
	struct text parameters[2];
	struct sql_job make;
	struct follow_job wait;
};

static enum write_step read_one(
	struct write *w, const struct caller *caller, const ProtobufCMessage *in)
{
	struct publishing *p = w->thing;

	w->job.columns = p->columns;
	return publishing_read(
		       w->arena, caller, (const Event__PublishRequest *)in, p, &w->outcome.status)
		       ? WRITE_GO
		       : WRITE_REFUSED;
}

static enum write_step prepare(struct write *w, void *memory)
{
	struct shared *shared = memory;

	if (!shared->held)
		shared->held = subscriptions_hold();
	return publishing_match(w->thing, shared->held, &w->outcome.status);
}

static enum write_step finish_one(struct write *w, const struct rows *rows, int row)
{
	Event__PublishResponse response = EVENT__PUBLISH_RESPONSE__INIT;
	enum write_step step =
		publishing_finish(w->thing, rows, row, &response, &w->outcome.status);

	w->outcome.id = response.event_id;
	text_to_int64(text_of(response.cursor), &w->outcome.number);
	w->outcome.repeated = response.repeated;
	return step;
}

static void settled(void *memory)
{
	struct shared *shared = memory;

	subscriptions_release(&shared->held);
}

/* --- renewal: queues that are missing are made, then all that is committed is waited for -------
 */

static void renewed(struct shared *shared, const struct status *error)
{
	arena_free(&shared->arena);
	writes_renewed(shared->all, error);
}

static void current(struct follow_job *job, const struct status *error)
{
	renewed((struct shared *)((char *)job - offsetof(struct shared, wait)), error);
}

static void wait_until_current(struct shared *shared)
{
	static const atomic_bool never;

	shared->wait = (struct follow_job){
		.deadline = writes_deadline(shared->all),
		.cancelled = &never,
		.done = current,
	};
	subscriptions_wait(&shared->wait);
}

static void made(struct sql_job *job, const struct rows *rows, const struct status *error)
{
	struct shared *shared = (struct shared *)((char *)job - offsetof(struct shared, make));

	if (error)
		renewed(shared, error);
	else
		wait_until_current(shared);
}

static void make_queues(struct shared *shared)
{
	static const struct status full = {
		STATUS_RESOURCE_EXHAUSTED, "too many changes are waiting"};

	shared->parameters[0] = array_text(&shared->spaces);
	shared->parameters[1] = array_text(&shared->groups);
	shared->make = (struct sql_job){
		.statement = &publishing_make_queues,
		.parameters = shared->parameters,
		.deadline = writes_deadline(shared->all),
		.done = made,
	};
	if (!lane_change(call_lanes(), &shared->make))
		renewed(shared, &full);
}

static void look(const struct write *w, void *memory)
{
	struct shared *shared = memory;
	const struct publishing *p = w->thing;

	if (!shared->held || !publishing_lacks_queue(p, shared->held))
		return;
	array_add(&shared->spaces, p->space);
	array_add(&shared->groups, p->group);
}

static void renew(struct writes *all, void *memory)
{
	struct shared *shared = memory;

	shared->all = all;
	shared->arena = arena_new(0);
	shared->spaces = shared->groups = (struct buffer){.arena = shared->arena};
	shared->held = subscriptions_hold();
	writes_each(all, look, shared);
	subscriptions_release(&shared->held);
	if (shared->groups.size > 0)
		make_queues(shared);
	else
		wait_until_current(shared);
}

const struct writes_kind publishing_writes = {
	.log = &publishing_log,
	.thing = sizeof(struct publishing),
	.shared = sizeof(struct shared),
	.read = read_one,
	.prepare = prepare,
	.finish = finish_one,
	.settled = settled,
	.renew = renew,
};
