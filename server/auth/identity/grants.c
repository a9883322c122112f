/* PutGrant, ListGrants, DeleteGrant. */
#include "server/auth/identity/store.h"
#include "server/page.h"
#include "server/registry/message.h"
#include "steps.gen.h"

enum { PAGE_USUAL = 100, PAGE_MOST = 1000 };

enum column { KIND, NAME, ROLE, ENDS, CREATED, COLUMNS };

#define GRANT_COLUMNS                                                                              \
	"g.kind, g.name, g.role, auth.milliseconds(g.ends_at), auth.milliseconds(g.created_at)"

static const struct statement put_grant = {
	.name = "auth_put_grant",
	.sql = "SELECT " GRANT_COLUMNS " FROM auth.put_grant($1, $2, $3, $4, $5) AS g",
	.parameters = 5,
};

static const struct statement list_grants = {
	.name = "auth_list_grants",
	.sql = "SELECT " GRANT_COLUMNS " FROM auth.role_grant g WHERE $1 IN ('', g.kind) AND "
	       "$2 IN ('', g.name) AND $3 IN ('', g.role) AND (g.kind, g.name, g.role) > "
	       "($4, $5, $6) ORDER BY g.kind, g.name, g.role LIMIT $7::bigint",
	.parameters = 7,
};

static const struct statement delete_grant = {
	.name = "auth_delete_grant",
	.sql = "SELECT auth.delete_grant($1, $2, $3, $4)",
	.parameters = 4,
};

static Auth__Grant *grant_of(struct call *c, const struct rows *rows, int row)
{
	Auth__Grant *grant = ARENA_NEW(c->arena, Auth__Grant);

	auth__grant__init(grant);
	grant->subject = store_subject_message(
		c->arena, rows_text(rows, row, KIND), rows_text(rows, row, NAME));
	grant->role = arena_string(c->arena, rows_text(rows, row, ROLE));
	grant->ends_at = message_time(c->arena, rows_int64(rows, row, ENDS));
	grant->created_at = message_time(c->arena, rows_int64(rows, row, CREATED));
	return grant;
}

/* The parameters of a change, with room for when it ends; NULL with c->status set. */
static struct text *read_grant(struct call *c, const Auth__Grant *grant)
{
	struct text *parameters = arena_array(c->arena, 5, sizeof(*parameters));
	struct store_subject subject;

	if (!grant) {
		status_field(&c->status, c->arena, "grant", "is required");
		return NULL;
	}
	if (!store_read_subject(
		    c->arena, "grant.subject", grant->subject, true, &subject, &c->status))
		return NULL;
	parameters[0] = audit_caller(c);
	parameters[1] = subject_kind_word(subject.kind);
	parameters[2] = subject.name;
	parameters[3] = store_name(c->arena, "grant.role", grant->role, &c->status);
	return parameters[3].data ? parameters : NULL;
}

/* --- PutGrant --------------------------------------------------------------------------------- */

static enum next put(struct call *c, const struct rows *rows)
{
	Auth__PutGrantResponse *out = ARENA_NEW(c->arena, Auth__PutGrantResponse);

	auth__put_grant_response__init(out);
	out->grant = grant_of(c, rows, 0);
	return STORE_REPLY(c, out);
}

enum next auth_put_grant(struct call *c)
{
	const Auth__Grant *grant = call_request(c, Auth__PutGrantRequest)->grant;
	struct text *parameters = read_grant(c, grant);

	if (!parameters || !store_read_end(c->arena, "grant.endsAt", grant->ends_at, &parameters[4],
				   &c->status))
		return failed(c);
	return change(c, &put_grant, parameters, put);
}

/* --- ListGrants ------------------------------------------------------------------------------- */

static enum next listed(struct call *c, const struct rows *rows)
{
	const struct page *page = c->state;
	Auth__ListGrantsResponse out = AUTH__LIST_GRANTS_RESPONSE__INIT;
	int count = page_rows(page, rows, COLUMNS);

	out.grants = arena_array(c->arena, (size_t)count, sizeof(*out.grants));
	for (int i = 0; i < count; i++)
		out.grants[out.n_grants++] = grant_of(c, rows, i);
	if (count < rows_count(rows)) {
		const struct text key[] = {rows_text(rows, count - 1, KIND),
			rows_text(rows, count - 1, NAME), rows_text(rows, count - 1, ROLE)};
		out.next_page_token = page_token(c->arena, key, 3);
	}
	return REPLY(c, &out);
}

/* Subject and role, each "" if it is not given. */
static bool read_filter(struct call *c, const Auth__ListGrantsRequest *in, struct text *parameters)
{
	if (!store_read_kind(c->arena, in->kind, &parameters[0], &c->status))
		return false;
	parameters[1] = parameters[2] = TEXT("");
	if (*in->name && !parameters[0].size)
		return status_field(&c->status, c->arena, "kind", "is required with name");
	if (*in->name)
		parameters[1] = store_subject_name(
			c->arena, "name", (enum subject_kind)in->kind, in->name, &c->status);
	if (*in->role)
		parameters[2] = store_name(c->arena, "role", in->role, &c->status);
	return parameters[1].data && parameters[2].data;
}

enum next auth_list_grants(struct call *c)
{
	const Auth__ListGrantsRequest *in = call_request(c, Auth__ListGrantsRequest);
	struct text *parameters = arena_array(c->arena, 7, sizeof(*parameters));
	struct page *page = ARENA_NEW(c->arena, struct page);

	if (!read_filter(c, in, parameters) ||
		!page_read(c->arena, in->page_size, PAGE_USUAL, PAGE_MOST, in->page_token, 3, page,
			&c->status))
		return failed(c);
	for (int i = 0; i < 3; i++)
		parameters[3 + i] = page->after[i];
	parameters[6] = page_limit(c->arena, page);
	c->state = page;
	return change(c, &list_grants, parameters, listed);
}

/* --- DeleteGrant ------------------------------------------------------------------------------ */

static enum next deleted(struct call *c, const struct rows *rows)
{
	Auth__DeleteGrantResponse *out = ARENA_NEW(c->arena, Auth__DeleteGrantResponse);

	auth__delete_grant_response__init(out);
	return STORE_REPLY(c, out);
}

enum next auth_delete_grant(struct call *c)
{
	const Auth__DeleteGrantRequest *in = call_request(c, Auth__DeleteGrantRequest);
	const struct text *parameters = read_grant(c, in->grant);

	return parameters ? change(c, &delete_grant, parameters, deleted) : failed(c);
}
