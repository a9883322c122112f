#include "server/auth/session/password_check.h"

#include "server/auth/identity/store.h"
#include "server/auth/refusal.h"
#include "server/auth/secret.h"
#include "server/auth/session/attempt.h"

enum { PASSWORD_MAX = 1024 };

static const struct statement begin_login = {
	.name = "auth_begin_login",
	.sql = "SELECT r_wait_ms, r_hash, r_one_time, r_disabled FROM auth.begin_login($1, $2)",
	.parameters = 2,
};

struct text password_check_who(const struct call *c)
{
	const struct password_check *p = c->state;

	return text_of(arena_printf(c->arena, "user:%.*s", TEXT_ARGS(p->name)));
}

enum next password_refuse(struct call *c, const char *reason)
{
	const struct password_check *p = c->state;

	status_set(&c->status, c->arena, STATUS_UNAUTHENTICATED,
		"the user's name or the password is wrong");
	return refusal_fail(c, p->what, reason, password_check_who(c));
}

static enum next checked(struct call *c)
{
	const struct password_check *p = c->state;

	if (p->right && !p->disabled)
		return p->then(c);
	return password_refuse(c, p->hash.size == 0 ? "there is no such user, or it has no password"
				  : p->right        ? "the user is disabled"
						    : "wrong password");
}

static void compare(struct call *c)
{
	struct password_check *p = c->state;

	p->right = secret_is_password(p->hash, text_of(p->password));
}

static enum next begun(struct call *c, const struct rows *rows)
{
	struct password_check *p = c->state;
	int64_t wait_ms = rows_int64(rows, 0, 0);

	if (wait_ms > 0)
		return attempt_wait(c, p->what, password_check_who(c), wait_ms);
	p->hash = arena_text(c->arena, rows_text(rows, 0, 1));
	p->one_time = rows_bool(rows, 0, 2);
	p->disabled = rows_bool(rows, 0, 3);
	return work(c, compare, checked);
}

static bool read_password(struct call *c, const struct password_check *p)
{
	size_t size = strlen(p->password);

	if (size == 0)
		return status_field(&c->status, c->arena, "password", "is required");
	return size <= PASSWORD_MAX || status_field(&c->status, c->arena, "password",
					       "must have at most %d bytes", PASSWORD_MAX);
}

enum next password_check(struct call *c, struct password_check *p, const char *user)
{
	struct text *parameters = arena_array(c->arena, 2, sizeof(*parameters));

	c->state = p;
	p->name = store_name(c->arena, "user", user, &c->status);
	if (!p->name.data || !read_password(c, p))
		return failed(c);
	p->address = attempt_address(c->arena, c->caller.address);
	parameters[0] = p->name;
	parameters[1] = p->address;
	return change(c, &begin_login, parameters, begun);
}
