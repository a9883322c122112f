/*
 * A session is opened by the statement that looks once more whether what was shown is still good:
 * the password may have been changed, the key deleted, since it was looked at. An access key is
 * compared first, by this server's directory, and the database then says whether it may be tried at
 * all: what was found out is not told to who has to wait.
 */
#include "server/auth/auth.h"
#include "server/auth/identity/store.h"
#include "server/auth/refusal.h"
#include "server/auth/secret.h"
#include "server/auth/session/attempt.h"
#include "server/auth/session/key_check.h"
#include "server/auth/session/password_check.h"
#include "server/auth/session/session.h"
#include "steps.gen.h"

static struct text session_seconds(struct arena *a)
{
	return text_of(arena_printf(a, "%lld", (long long)auth_settings()->session_seconds));
}

/* --- Login ------------------------------------------------------------------------------------ */

static const struct statement open_session = {
	.name = "auth_open_session",
	.sql = "SELECT auth.open_session($1::uuid, $2, $3, $4::bytea, $5, $6, $7::bigint)",
	.parameters = 7,
};

static const struct statement pass_attempt = {
	.name = "auth_pass_attempt",
	.sql = "SELECT auth.pass_attempt('user:' || $1, $2)",
	.parameters = 2,
};

struct login {
	struct password_check check; /* first */
	struct session session;
};

static void wipe_login(struct call *c)
{
	const Auth__LoginRequest *in = call_request(c, Auth__LoginRequest);

	secret_wipe(in->password, strlen(in->password));
}

static enum next logged_in(struct call *c, const struct rows *rows)
{
	const struct login *l = c->state;
	Auth__LoginResponse out = AUTH__LOGIN_RESPONSE__INIT;
	struct session_tokens tokens;

	if (!rows_bool(rows, 0, 0))
		return password_refuse(c, "the password was changed meanwhile");
	if (!session_tokens(c, SUBJECT_USER, l->check.name, &l->session,
		    auth_settings()->session_seconds, &tokens))
		return failed(c);
	SESSION_FILL(&out, &tokens);
	return REPLY(c, &out);
}

static enum next refuse_one_time(struct call *c, const struct rows *rows)
{
	const struct login *l = c->state;

	status_set(&c->status, c->arena, STATUS_FAILED_PRECONDITION,
		"the password is a one-time password: it must be changed first (ChangePassword)");
	return refusal_fail(
		c, l->check.what, "the one-time password must be changed", password_check_who(c));
}

static enum next let_in(struct call *c)
{
	struct login *l = c->state;
	struct text *parameters = arena_array(c->arena, 7, sizeof(*parameters));

	if (l->check.one_time) {
		parameters[0] = l->check.name;
		parameters[1] = l->check.address;
		return change(c, &pass_attempt, parameters, refuse_one_time);
	}
	l->session = session_new(c->arena);
	parameters[0] = l->session.id;
	parameters[1] = l->check.name;
	parameters[2] = l->check.hash;
	parameters[3] = l->session.refresh_hash;
	parameters[4] = c->caller.address;
	parameters[5] = l->check.address;
	parameters[6] = session_seconds(c->arena);
	return change(c, &open_session, parameters, logged_in);
}

enum next auth_login(struct call *c)
{
	const Auth__LoginRequest *in = call_request(c, Auth__LoginRequest);
	struct login *l = ARENA_NEW(c->arena, struct login);

	c->at_end = wipe_login;
	l->check = (struct password_check){
		.what = "login refused", .password = in->password, .then = let_in};
	return password_check(c, &l->check, in->user);
}

/* --- IssueToken ------------------------------------------------------------------------------- */

enum { KEY_ID_MAX = 64, SECRET_MAX = 1024 };

static const char *const what = "exchange of an access key refused";

static const struct statement open_key_session = {
	.name = "auth_open_key_session",
	.sql = "SELECT r_wait_ms, r_opened FROM auth.open_key_session($1::uuid, $2, $3, $4::bytea, "
	       "$5, $6, $7::bigint)",
	.parameters = 7,
};

struct exchange {
	struct session session;
	struct text application; /* "": the key or its secret is wrong */
	const char *reason;      /* why it is refused, if it is */
};

static void wipe_exchange(struct call *c)
{
	const Auth__IssueTokenRequest *in = call_request(c, Auth__IssueTokenRequest);

	secret_wipe(in->secret, strlen(in->secret));
}

static struct text key_shown(const struct call *c)
{
	const Auth__IssueTokenRequest *in = call_request(c, Auth__IssueTokenRequest);

	return refusal_access_key(c->arena, text_of(in->access_key_id));
}

static enum next exchanged(struct call *c, const struct rows *rows)
{
	const struct exchange *e = c->state;
	Auth__IssueTokenResponse out = AUTH__ISSUE_TOKEN_RESPONSE__INIT;
	struct session_tokens tokens;
	int64_t wait_ms = rows_int64(rows, 0, 0);

	if (wait_ms > 0)
		return attempt_wait(c, what, key_shown(c), wait_ms);
	if (!rows_bool(rows, 0, 1)) {
		status_set(&c->status, c->arena, STATUS_UNAUTHENTICATED,
			"the access key or its secret is wrong");
		return refusal_fail(c, what, e->reason, key_shown(c));
	}
	if (!session_tokens(c, SUBJECT_APPLICATION, e->application, &e->session,
		    auth_settings()->session_seconds, &tokens))
		return failed(c);
	SESSION_FILL(&out, &tokens);
	return REPLY(c, &out);
}

static bool read_exchange(struct call *c, struct exchange *e)
{
	const Auth__IssueTokenRequest *in = call_request(c, Auth__IssueTokenRequest);
	const struct access_key *key;
	const struct directory *d;

	if (!*in->access_key_id || strlen(in->access_key_id) > KEY_ID_MAX)
		return status_field(&c->status, c->arena, "accessKeyId",
			*in->access_key_id ? "must have at most %d bytes" : "is required",
			KEY_ID_MAX);
	if (!*in->secret || strlen(in->secret) > SECRET_MAX)
		return status_field(&c->status, c->arena, "secret",
			*in->secret ? "must have at most %d bytes" : "is required", SECRET_MAX);
	d = directory_hold();
	if (!d)
		return status_set(&c->status, c->arena, STATUS_UNAVAILABLE,
			"the access keys are not known yet");
	e->reason = key_check(d, text_of(in->access_key_id), text_of(in->secret), &key);
	if (!e->reason) {
		e->application = arena_text(c->arena, key->application);
		e->reason =
			"the access key was deleted or has ended, or its application is disabled";
	}
	directory_release(&d);
	return true;
}

enum next auth_issue_token(struct call *c)
{
	struct exchange *e = ARENA_NEW(c->arena, struct exchange);
	struct text *parameters = arena_array(c->arena, 7, sizeof(*parameters));

	c->at_end = wipe_exchange;
	c->state = e;
	e->application = TEXT("");
	if (!read_exchange(c, e))
		return failed(c);
	e->session = session_new(c->arena);
	parameters[0] = e->session.id;
	parameters[1] = key_shown(c);
	parameters[2] = e->application;
	parameters[3] = e->session.refresh_hash;
	parameters[4] = c->caller.address;
	parameters[5] = attempt_address(c->arena, c->caller.address);
	parameters[6] = session_seconds(c->arena);
	return change(c, &open_key_session, parameters, exchanged);
}
