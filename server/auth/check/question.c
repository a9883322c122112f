#include "server/auth/check/question.h"

#include "server/auth/identity/store.h"

enum { ACTION_MAX = 2048 };

static bool required(struct call *c, const char *path, const char *field, const char *given)
{
	return *given || status_field(&c->status, c->arena,
				 arena_printf(c->arena, "%s%s", path, field), "is required");
}

bool question_caller(struct call *c, const char *path, struct question *q)
{
	*q = decide_caller(&c->caller);
	return q->name.size > 0 ||
	       status_field(&c->status, c->arena, path, "is required without credentials");
}

bool question_what(struct call *c, const char *path, const char *service, const char *action,
	const char *method, struct question *q)
{
	if (!required(c, path, "service", service) || !required(c, path, "action", action) ||
		!required(c, path, "method", method))
		return false;
	q->service = arena_lower(c->arena, text_of(service));
	q->action = text_of(action);
	q->method = arena_upper(c->arena, text_of(method));
	return q->action.size <= ACTION_MAX ||
	       status_field(&c->status, c->arena, arena_printf(c->arena, "%saction", path),
		       "must have at most %d bytes", ACTION_MAX);
}

bool question_read(struct call *c, const char *path, const Auth__Question *in, struct question *q)
{
	if (!in)
		return status_field(&c->status, c->arena, path, "is required");
	const char *field = arena_printf(c->arena, "%s.subject", path);
	struct store_subject subject = {0};
	*q = (struct question){0};
	if (!in->subject && !question_caller(c, field, q))
		return false;
	if (in->subject &&
		!store_read_subject(c->arena, field, in->subject, false, &subject, &c->status))
		return false;
	if (in->subject) {
		q->kind = subject.kind;
		q->name = subject.name;
	}
	return question_what(
		c, arena_printf(c->arena, "%s.", path), in->service, in->action, in->method, q);
}

enum next question_current(struct call *c, Auth__Consistency consistency, call_step *then)
{
	switch (consistency) {
	case AUTH__CONSISTENCY__CONSISTENCY_UNSPECIFIED:
		return then(c);
	case AUTH__CONSISTENCY__CONSISTENCY_FULL:
		return directory_current(c, then);
	default:
		return fail_field(c, "consistency", "is not known");
	}
}

const struct directory *question_directory(struct call *c)
{
	const struct directory *d = directory_hold();

	if (!d)
		status_set(&c->status, c->arena, STATUS_UNAVAILABLE,
			"who may do what is not known yet: ask again in a moment");
	return d;
}
