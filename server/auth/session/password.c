/* Passwords that users change, and that administrators reset. */
#include "server/auth/session/password.h"

#include "server/auth/identity/store.h"
#include "server/auth/secret.h"
#include "server/auth/session/password_check.h"
#include "steps.gen.h"

enum { PASSWORD_MIN = 8, PASSWORD_MAX = 1024, ONE_TIME_LENGTH = 20 };

/* --- ChangePassword --------------------------------------------------------------------------- */

static const struct statement change_password = {
	.name = "auth_change_password",
	.sql = "SELECT auth.change_password($1, $2, $3, $4, $5, $6::bigint)",
	.parameters = 6,
};

struct password_change {
	struct password_check check; /* first */
	struct text new_hash;
};

static void wipe(struct call *c)
{
	const Auth__ChangePasswordRequest *in = call_request(c, Auth__ChangePasswordRequest);

	secret_wipe(in->password, strlen(in->password));
	secret_wipe(in->new_password, strlen(in->new_password));
}

static enum next changed(struct call *c, const struct rows *rows)
{
	Auth__ChangePasswordResponse *out = ARENA_NEW(c->arena, Auth__ChangePasswordResponse);

	if (!rows_bool(rows, 0, 0))
		return password_refuse(c, "the password was changed meanwhile");
	auth__change_password_response__init(out);
	return STORE_REPLY(c, out);
}

static enum next store_new(struct call *c)
{
	struct password_change *p = c->state;
	struct text *parameters = arena_array(c->arena, 6, sizeof(*parameters));

	/* He has shown who he is. */
	c->caller.user = p->check.name;
	parameters[0] = audit_caller(c);
	parameters[1] = p->check.name;
	parameters[2] = p->check.hash;
	parameters[3] = p->new_hash;
	parameters[4] = p->check.address;
	parameters[5] = store_token_seconds(c);
	return change(c, &change_password, parameters, changed);
}

static void hash_new(struct call *c)
{
	struct password_change *p = c->state;
	const Auth__ChangePasswordRequest *in = call_request(c, Auth__ChangePasswordRequest);

	p->new_hash = secret_hash_password(c->arena, text_of(in->new_password));
}

static enum next password_is_right(struct call *c)
{
	return work(c, hash_new, store_new);
}

/* NULL: it may be the new password. */
static const char *broken_rule(const Auth__ChangePasswordRequest *in)
{
	size_t size = strlen(in->new_password);

	if (size < PASSWORD_MIN || size > PASSWORD_MAX)
		return "must have 8 to 1024 bytes";
	if (strcmp(in->new_password, in->password) == 0)
		return "must not be the present password";
	if (text_equal_nocase(text_of(in->new_password), text_of(in->user)))
		return "must not be the user's name";
	return NULL;
}

enum next auth_change_password(struct call *c)
{
	const Auth__ChangePasswordRequest *in = call_request(c, Auth__ChangePasswordRequest);
	struct password_change *p = ARENA_NEW(c->arena, struct password_change);
	const char *rule = broken_rule(in);

	c->at_end = wipe;
	if (rule)
		return fail_field(c, "newPassword", "%s", rule);
	p->check = (struct password_check){.what = "change of a password refused",
		.password = in->password,
		.then = password_is_right};
	return password_check(c, &p->check, in->user);
}

/* --- ResetPassword ---------------------------------------------------------------------------- */

static const struct statement reset_password = {
	.name = "auth_reset_password",
	.sql = "SELECT auth.reset_password($1, $2, $3, $4::bigint)",
	.parameters = 4,
};

struct text password_make_one_time(struct arena *a, struct text *password)
{
	*password = secret_make_id(a, ONE_TIME_LENGTH);
	return secret_hash_password(a, *password);
}

struct reset {
	struct text name, password, hash;
};

static enum next reset(struct call *c, const struct rows *rows)
{
	const struct reset *r = c->state;
	Auth__ResetPasswordResponse *out = ARENA_NEW(c->arena, Auth__ResetPasswordResponse);

	auth__reset_password_response__init(out);
	out->one_time_password = (char *)r->password.data;
	return STORE_REPLY(c, out);
}

static enum next store_one_time(struct call *c)
{
	const struct reset *r = c->state;
	struct text *parameters = arena_array(c->arena, 4, sizeof(*parameters));

	parameters[0] = audit_caller(c);
	parameters[1] = r->name;
	parameters[2] = r->hash;
	parameters[3] = store_token_seconds(c);
	return change(c, &reset_password, parameters, reset);
}

static void make_one_time(struct call *c)
{
	struct reset *r = c->state;

	r->hash = password_make_one_time(c->arena, &r->password);
}

enum next auth_reset_password(struct call *c)
{
	const Auth__ResetPasswordRequest *in = call_request(c, Auth__ResetPasswordRequest);
	struct reset *r = ARENA_NEW(c->arena, struct reset);

	c->state = r;
	r->name = store_name(c->arena, "name", in->name, &c->status);
	return r->name.data ? work(c, make_one_time, store_one_time) : failed(c);
}
