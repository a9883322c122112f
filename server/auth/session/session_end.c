/* Sessions that are ended by who has a token of theirs, and by administrators. */
#include "server/auth/auth.h"
#include "server/auth/identity/store.h"
#include "server/auth/session/session.h"
#include "server/auth/token/token.h"
#include "steps.gen.h"

/* --- Revoke ----------------------------------------------------------------------------------- */

static const struct statement revoke_session = {
	.name = "auth_revoke_session",
	.sql = "SELECT auth.revoke_session($1, $2::uuid, $3::bytea, $4::bigint)",
	.parameters = 4,
};

static enum next answer_revoke(struct call *c)
{
	Auth__RevokeResponse out = AUTH__REVOKE_RESPONSE__INIT;

	return REPLY(c, &out);
}

static enum next revoked(struct call *c, const struct rows *rows)
{
	return directory_current(c, answer_revoke);
}

/* The session of an access token of Junction's own that is good now; data NULL: it is none. */
static struct text session_of(struct call *c, struct text token)
{
	const struct directory *d = directory_hold();
	struct identity who;
	bool ours = d && token_check(c->arena, d, token, &who) &&
		    text_equal(who.issuer, text_of(auth_settings()->token_issuer)) &&
		    session_is_id(who.session);

	directory_release(&d);
	return ours ? who.session : (struct text){0};
}

enum next auth_revoke(struct call *c)
{
	const Auth__RevokeRequest *in = call_request(c, Auth__RevokeRequest);
	struct text *parameters = arena_array(c->arena, 4, sizeof(*parameters));
	struct session shown = {0};

	if (!*in->token)
		return fail_field(c, "token", "is required");
	if (!session_read(c->arena, in->token, &shown))
		shown.id = session_of(c, text_of(in->token));
	if (!shown.id.data)
		return answer_revoke(c);
	parameters[0] = audit_caller(c);
	parameters[1] = shown.id;
	parameters[2] = shown.refresh_hash;
	parameters[3] = store_token_seconds(c);
	return change(c, &revoke_session, parameters, revoked);
}

/* --- EndSessions ------------------------------------------------------------------------------ */

static const struct statement end_sessions = {
	.name = "auth_end_sessions_of",
	.sql = "SELECT auth.end_sessions_of($1, $2, $3, $4::bigint)",
	.parameters = 4,
};

static enum next ended(struct call *c, const struct rows *rows)
{
	Auth__EndSessionsResponse *out = ARENA_NEW(c->arena, Auth__EndSessionsResponse);

	auth__end_sessions_response__init(out);
	out->ended = (int32_t)rows_int64(rows, 0, 0);
	return STORE_REPLY(c, out);
}

enum next auth_end_sessions(struct call *c)
{
	const Auth__EndSessionsRequest *in = call_request(c, Auth__EndSessionsRequest);
	struct store_subject subject;
	struct text *parameters = arena_array(c->arena, 4, sizeof(*parameters));

	if (!store_find_subject(c->arena, in->kind, in->name, &subject, &c->status))
		return failed(c);
	if (subject.kind == SUBJECT_GROUP)
		return fail_field(c, "kind", "must be \"user\" or \"application\"");
	parameters[0] = audit_caller(c);
	parameters[1] = subject_kind_word(subject.kind);
	parameters[2] = subject.name;
	parameters[3] = store_token_seconds(c);
	return change(c, &end_sessions, parameters, ended);
}
