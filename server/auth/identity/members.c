/* PutMember, DeleteMember. */
#include "server/auth/identity/store.h"
#include "steps.gen.h"

static const struct statement put_member = {
	.name = "auth_put_member",
	.sql = "SELECT auth.put_member($1, $2, $3, $4)",
	.parameters = 4,
};

static const struct statement delete_member = {
	.name = "auth_delete_member",
	.sql = "SELECT auth.delete_member($1, $2, $3, $4)",
	.parameters = 4,
};

/* The parameters of both; NULL with c->status set. */
static struct text *read_member(struct call *c, const char *group, const Auth__Subject *member)
{
	struct text *parameters = arena_array(c->arena, 4, sizeof(*parameters));
	struct store_subject subject;

	parameters[1] = store_name(c->arena, "group", group, &c->status);
	if (!parameters[1].data ||
		!store_read_subject(c->arena, "member", member, false, &subject, &c->status))
		return NULL;
	parameters[0] = audit_caller(c);
	parameters[2] = subject_kind_word(subject.kind);
	parameters[3] = subject.name;
	return parameters;
}

static enum next put(struct call *c, const struct rows *rows)
{
	Auth__PutMemberResponse *out = ARENA_NEW(c->arena, Auth__PutMemberResponse);

	auth__put_member_response__init(out);
	return STORE_REPLY(c, out);
}

enum next auth_put_member(struct call *c)
{
	const Auth__PutMemberRequest *in = call_request(c, Auth__PutMemberRequest);
	const struct text *parameters = read_member(c, in->group, in->member);

	return parameters ? change(c, &put_member, parameters, put) : failed(c);
}

static enum next deleted(struct call *c, const struct rows *rows)
{
	Auth__DeleteMemberResponse *out = ARENA_NEW(c->arena, Auth__DeleteMemberResponse);

	auth__delete_member_response__init(out);
	return STORE_REPLY(c, out);
}

enum next auth_delete_member(struct call *c)
{
	const Auth__DeleteMemberRequest *in = call_request(c, Auth__DeleteMemberRequest);
	const struct text *parameters = read_member(c, in->group, in->member);

	return parameters ? change(c, &delete_member, parameters, deleted) : failed(c);
}
