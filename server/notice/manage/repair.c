/*
 * Resend, Cancel: the notice is found, and then its deliveries are gone through step by step, each
 * a short statement that leaves everything as it has to be, its record in the audit included: what
 * breaks off has done what its steps did.
 */
#include "server/audit/caller.h"
#include "server/db/array.h"
#include "server/notice/ids.h"
#include "server/notice/manage/shown.h"
#include "server/notice/sending/sending.h"
#include "steps.gen.h"

enum { USERS_MOST = 1000, USER_MAX = 255 };

#define LOOKED "1000"

static const struct statement find_notice = {
	.name = "notice_find_notice",
	.sql = "SELECT position FROM notice.notice WHERE namespace = $1 AND notice_id = $2::uuid",
	.parameters = 2,
};

static const struct statement resend_some = {
	.name = "notice_resend_some",
	.sql = "SELECT r_resent, r_last FROM notice.resend_some($1::bigint, $2::notice.state[], "
	       "$3, "
	       "$4::text[], $5::bigint, " LOOKED ", $6::json)",
	.parameters = 6,
};

static const struct statement cancel_some = {
	.name = "notice_cancel_some",
	.sql = "SELECT r_cancelled, r_last FROM notice.cancel_some($1::bigint, $2, $3::bigint, "
	       "" LOOKED ", $4::json)",
	.parameters = 4,
};

/* A repair of either kind. */
struct repair {
	const struct statement *step; /* gives how many it changed, and behind what to go on */
	struct text parameters[6];    /* its own; the first is the notice */
	struct text *after;           /* one of them */
	call_step *then;
	int64_t count;
	struct text find[2];
};

static enum next next_step(struct call *c);

static enum next step_done(struct call *c, const struct rows *rows)
{
	struct repair *r = c->state;

	r->count += rows_int64(rows, 0, 0);
	if (rows_null(rows, 0, 1))
		return r->then(c);
	*r->after = shown_number(c, rows_int64(rows, 0, 1));
	return next_step(c);
}

static enum next next_step(struct call *c)
{
	struct repair *r = c->state;

	return change(c, r->step, r->parameters, step_done);
}

static enum next found(struct call *c, const struct rows *rows)
{
	struct repair *r = c->state;

	if (rows_count(rows) == 0)
		return fail(c, STATUS_NOT_FOUND, "noticeId: no such notice");
	r->parameters[0] = arena_text(c->arena, rows_text(rows, 0, 0));
	return next_step(c);
}

static enum next begin(struct call *c, struct repair *r, const char *notice_id, struct text *after,
	call_step *then)
{
	r->find[0] = c->caller.space;
	if (!ids_read_uuid(c, "noticeId", notice_id, &r->find[1]))
		return failed(c);
	*after = TEXT("0");
	r->after = after;
	r->then = then;
	c->state = r;
	return query(c, &find_notice, r->find, found);
}

/* --- Resend ----------------------------------------------------------------------------------- */

static enum next resent(struct call *c)
{
	const struct repair *r = c->state;
	Notice__ResendResponse out = NOTICE__RESEND_RESPONSE__INIT;

	out.resent = r->count;
	if (r->count > 0)
		sending_wake_all();
	return REPLY(c, &out);
}

static bool may_be_resent(Notice__NoticeState state)
{
	return state == NOTICE__NOTICE_STATE__NOTICE_STATE_FAILED ||
	       state == NOTICE__NOTICE_STATE__NOTICE_STATE_UNKNOWN ||
	       state == NOTICE__NOTICE_STATE__NOTICE_STATE_CANCELLED;
}

static bool read_states(struct call *c, const Notice__ResendRequest *in, struct text *array)
{
	struct buffer states = {.arena = c->arena};
	struct text word;

	for (size_t i = 0; i < in->n_states; i++) {
		if (!may_be_resent(in->states[i]))
			return status_field(&c->status, c->arena, "states",
				"must be FAILED, UNKNOWN or CANCELLED");
		shown_read_state(c, "states", in->states[i], &word);
		array_add(&states, word);
	}
	if (in->n_states == 0)
		array_add(&states, TEXT("failed"));
	*array = array_text(&states);
	return true;
}

/* SQL NULL: of all. */
static bool read_users(struct call *c, const Notice__ResendRequest *in, struct text *array)
{
	struct buffer users = {.arena = c->arena};

	if (in->n_users > USERS_MOST)
		return status_field(
			&c->status, c->arena, "users", "must be at most %d", USERS_MOST);
	for (size_t i = 0; i < in->n_users; i++) {
		struct text user = text_of(in->users[i]);

		if (user.size == 0 || user.size > USER_MAX)
			return status_field(&c->status, c->arena, "users",
				"must be of 1 to %d bytes each", USER_MAX);
		array_add(&users, user);
	}
	*array = in->n_users > 0 ? array_text(&users) : (struct text){0};
	return true;
}

enum next notice_resend(struct call *c)
{
	const Notice__ResendRequest *in = call_request(c, Notice__ResendRequest);
	struct repair *r = ARENA_NEW(c->arena, struct repair);

	r->step = &resend_some;
	if (!read_states(c, in, &r->parameters[1]) || !read_users(c, in, &r->parameters[3]))
		return failed(c);
	r->parameters[2] = sql_or_null(text_of(in->channel));
	r->parameters[5] = audit_caller(c);
	return begin(c, r, in->notice_id, &r->parameters[4], resent);
}

/* --- Cancel ----------------------------------------------------------------------------------- */

static enum next cancelled(struct call *c)
{
	const struct repair *r = c->state;
	Notice__CancelResponse out = NOTICE__CANCEL_RESPONSE__INIT;

	out.cancelled = r->count;
	return REPLY(c, &out);
}

enum next notice_cancel(struct call *c)
{
	const Notice__CancelRequest *in = call_request(c, Notice__CancelRequest);
	struct repair *r = ARENA_NEW(c->arena, struct repair);

	r->step = &cancel_some;
	r->parameters[1] = sql_or_null(text_of(in->channel));
	r->parameters[3] = audit_caller(c);
	return begin(c, r, in->notice_id, &r->parameters[2], cancelled);
}
