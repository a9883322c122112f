/* WhoAmI: what the gate has found out about the caller. */
#include "junction/v1/auth.pb-c.h"
#include "server/auth/directory/decide.h"
#include "server/auth/identity/store.h"
#include "steps.gen.h"

static void list_roles(struct call *c, const struct question *who, Auth__WhoAmIResponse *out)
{
	const struct directory *d = directory_hold();
	const struct role **roles = decide_roles(d, who, clock_unix_ms(), c->arena, &out->n_roles);

	out->roles = arena_array(c->arena, out->n_roles, sizeof(*out->roles));
	for (size_t i = 0; i < out->n_roles; i++)
		out->roles[i] = arena_string(c->arena, roles[i]->name);
	directory_release(&d);
}

enum next auth_who_am_i(struct call *c)
{
	Auth__WhoAmIResponse out = AUTH__WHO_AM_IRESPONSE__INIT;
	const struct question who = decide_caller(&c->caller);

	if (c->caller.anonymous)
		return REPLY(c, &out);
	out.subject = store_subject_message(c->arena, subject_kind_word(who.kind), who.name);
	list_roles(c, &who, &out);
	return REPLY(c, &out);
}
