/*
 * Each event that is told has an arena of its own, which holds all of it until it has ended: it is
 * matched, appended, and, if the subscriptions were not those of its commit, matched again when
 * they are known. Steps run on whatever thread the one before has ended on.
 */
#include "server/event/tell.h"

#include "server/event/publishing.h"

#define LIMIT (10 * CLOCK_SECOND)

static const atomic_bool never;

struct telling {
	struct arena *arena;
	struct told_event *event;
	struct publishing publishing;
	int64_t deadline;
	struct append_job append;
	struct follow_job wait;
};

static void end(struct telling *t, const struct status *error)
{
	struct arena *arena = t->arena;

	t->event->done(t->event, error);
	arena_free(&arena);
}

static void match(struct telling *t);

static void current(struct follow_job *job, const struct status *error)
{
	struct telling *t = (struct telling *)((char *)job - offsetof(struct telling, wait));

	if (error)
		end(t, error);
	else
		match(t);
}

static void wait_until_current(struct telling *t)
{
	t->wait =
		(struct follow_job){.deadline = t->deadline, .cancelled = &never, .done = current};
	subscriptions_wait(&t->wait);
}

static void appended(
	struct append_job *job, const struct rows *rows, int row, const struct status *error)
{
	struct telling *t = (struct telling *)((char *)job - offsetof(struct telling, append));
	struct status status = {.message = ""};
	Event__PublishResponse response;

	if (error) {
		end(t, error);
		return;
	}
	switch (publishing_finish(&t->publishing, rows, row, &response, &status)) {
	case WRITE_GO:
		end(t, NULL);
		break;
	case WRITE_AGAIN:
		wait_until_current(t);
		break;
	default:
		end(t, &status);
	}
}

static void append_it(struct telling *t)
{
	static const struct status full = {STATUS_UNAVAILABLE, "too many writes are waiting"};

	t->append = (struct append_job){
		.log = &publishing_log,
		.columns = t->publishing.columns,
		.deadline = t->deadline,
		.cancelled = &never,
		.done = appended,
	};
	if (!lane_append(call_lanes(), &t->append))
		end(t, &full);
}

static void match(struct telling *t)
{
	const struct subscriptions *known = subscriptions_hold();
	struct status status = {.message = ""};
	enum write_step step = publishing_match(&t->publishing, known, &status);

	subscriptions_release(&known);
	switch (step) {
	case WRITE_GO:
		append_it(t);
		break;
	case WRITE_AGAIN:
		wait_until_current(t);
		break;
	default:
		end(t, &status);
	}
}

void event_tell(struct told_event *event)
{
	struct arena *a = arena_new(0);
	struct telling *t = ARENA_NEW(a, struct telling);
	struct caller caller = {.space = event->space, .trace.id = event->trace_id};
	Event__PublishRequest in = EVENT__PUBLISH_REQUEST__INIT;
	struct status status = {.message = ""};

	t->arena = a;
	t->event = event;
	t->deadline = clock_now() + LIMIT;
	in.event = arena_string(a, event->name);
	in.event_id = arena_string(a, event->event_id);
	in.data = arena_string(a, event->data);
	if (publishing_read(a, &caller, &in, &t->publishing, &status))
		match(t);
	else
		end(t, &status);
}
