/*
 * A refresh token is good once. Shown again within 10 seconds it is refused and nothing else
 * happens: two may have shared it, or an answer was lost; later it ends the session, since one of
 * two who have it is a thief.
 */
#include "server/auth/auth.h"
#include "server/auth/identity/store.h"
#include "server/auth/refusal.h"
#include "server/auth/session/session.h"
#include "steps.gen.h"

static const char *const what = "refresh refused";

static const struct statement refresh_session = {
	.name = "auth_refresh_session",
	.sql = "SELECT r_outcome, r_kind, r_name, r_seconds FROM auth.refresh_session($1, "
	       "$2::uuid, $3::bytea, $4::bytea, $5::bigint)",
	.parameters = 5,
};

struct refresh {
	struct session next;
	struct text outcome, kind, name;
	int64_t seconds; /* that are left */
};

static struct text who(const struct call *c)
{
	const struct refresh *r = c->state;

	return r->kind.size == 0 ? TEXT("")
				 : text_of(arena_printf(c->arena, "%.*s:%.*s", TEXT_ARGS(r->kind),
					   TEXT_ARGS(r->name)));
}

static void set_refused(struct call *c)
{
	status_set(&c->status, c->arena, STATUS_UNAUTHENTICATED, "the refresh token is not valid");
}

static enum next refuse_reuse(struct call *c)
{
	set_refused(c);
	return refusal_fail(
		c, what, "the refresh token was used before: the session was ended", who(c));
}

/* For administrators, by the outcome. */
static const char *reason_of(struct text outcome)
{
	static const struct {
		struct text outcome;
		const char *reason;
	} reasons[] = {
		{TEXT("ended"), "the session has ended"},
		{TEXT("refused"), "the subject is disabled, or its access key is good no more"},
		{TEXT("repeated"), "the refresh token was exchanged a moment ago"},
	};

	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (text_equal(outcome, reasons[i].outcome))
			return reasons[i].reason;
	return "the session has no such refresh token";
}

static enum next refuse(struct call *c, const char *reason, struct text whom)
{
	set_refused(c);
	refusal_note(c, what, reason, whom);
	return failed(c);
}

static enum next answer(struct call *c)
{
	const struct refresh *r = c->state;
	Auth__RefreshResponse out = AUTH__REFRESH_RESPONSE__INIT;
	struct session_tokens tokens;

	if (!session_tokens(c, subject_kind_of(r->kind), r->name, &r->next, r->seconds, &tokens))
		return failed(c);
	SESSION_FILL(&out, &tokens);
	return REPLY(c, &out);
}

static enum next refreshed(struct call *c, const struct rows *rows)
{
	struct refresh *r = c->state;

	r->outcome = arena_text(c->arena, rows_text(rows, 0, 0));
	r->kind = arena_text(c->arena, rows_text(rows, 0, 1));
	r->name = arena_text(c->arena, rows_text(rows, 0, 2));
	r->seconds = rows_int64(rows, 0, 3);
	if (text_equal(r->outcome, TEXT("refreshed")))
		return answer(c);
	if (text_equal(r->outcome, TEXT("reused")))
		return directory_current(c, refuse_reuse);
	return refuse(c, reason_of(r->outcome), who(c));
}

enum next auth_refresh(struct call *c)
{
	const Auth__RefreshRequest *in = call_request(c, Auth__RefreshRequest);
	struct refresh *r = ARENA_NEW(c->arena, struct refresh);
	struct text *parameters = arena_array(c->arena, 5, sizeof(*parameters));
	struct session shown;

	c->state = r;
	if (!*in->refresh_token)
		return fail_field(c, "refresh_token", "is required");
	if (!session_read(c->arena, in->refresh_token, &shown))
		return refuse(c, "it is no refresh token", TEXT(""));
	r->next = session_next(c->arena, shown.id);
	parameters[0] = audit_caller(c);
	parameters[1] = shown.id;
	parameters[2] = shown.refresh_hash;
	parameters[3] = r->next.refresh_hash;
	parameters[4] = store_token_seconds(c);
	return change(c, &refresh_session, parameters, refreshed);
}
