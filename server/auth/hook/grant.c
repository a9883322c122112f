/* PutPartyGrant, ListPartyGrants, DeletePartyGrant. */
#include "server/auth/hook/grant.h"
#include "base/log.h"
#include "junction/v1/auth.pb-c.h"
#include "server/auth/hook/party.h"
#include "server/auth/identity/store.h"
#include "server/call.h"
#include "steps.gen.h"

enum { GRANT_PARAMETERS = 5, NAME_MAX_BYTES = 255 };

static const struct statement put_grant = {
	.name = "auth_put_party_grant",
	.sql = "SELECT auth.put_party_grant($1, $2, $3, $4, $5)",
	.parameters = GRANT_PARAMETERS,
};

static const struct statement list_grants = {
	.name = "auth_list_party_grants",
	.sql = "SELECT party_id, kind, namespace, name FROM auth.party_grant "
	       "WHERE $1 IN ('', party_id) ORDER BY party_id, array_position(ARRAY['role', "
	       "'component', 'dataset'], kind), namespace, name",
	.parameters = 1,
};

static const struct statement delete_grant = {
	.name = "auth_delete_party_grant",
	.sql = "SELECT auth.delete_party_grant($1, $2, $3, $4, $5)",
	.parameters = GRANT_PARAMETERS,
};

/* By GrantKind. */
static const char *const kinds[] = {"", "role", "component", "dataset"};

/* --- what is given ---------------------------------------------------------------------------- */

bool grant_name_valid(struct status *status, struct arena *a, const char *field, struct text name)
{
	if (name.size == 0)
		return status_field(status, a, field, "is required");
	if (name.size > NAME_MAX_BYTES)
		return status_field(status, a, field, "must have at most 255 bytes");
	return !text_has_control(name) ||
	       status_field(status, a, field, "must not hold control characters");
}

static bool valid(struct call *c, const Auth__PartyGrant *grant)
{
	bool dataset = grant->kind == AUTH__GRANT_KIND__GRANT_KIND_DATASET;
	struct text space = text_of(grant->namespace_);

	if (!party_valid(&c->status, c->arena, "grant.party_id", text_of(grant->party_id), true))
		return false;
	if (grant->kind < AUTH__GRANT_KIND__GRANT_KIND_ROLE ||
		grant->kind > AUTH__GRANT_KIND__GRANT_KIND_DATASET)
		return status_field(&c->status, c->arena, "grant.kind",
			"must be a role, a component or a dataset");
	if (!dataset && space.size > 0)
		return status_field(
			&c->status, c->arena, "grant.namespace", "must be empty but of a dataset");
	return (!dataset || grant_name_valid(&c->status, c->arena, "grant.namespace", space)) &&
	       grant_name_valid(&c->status, c->arena, "grant.name", text_of(grant->name));
}

/* The caller and the grant, as parameters; NULL with c->status set if it is not valid. */
static struct text *read_grant(struct call *c, const Auth__PartyGrant *grant)
{
	struct text *parameters = arena_array(c->arena, GRANT_PARAMETERS, sizeof(*parameters));

	if (!grant) {
		status_field(&c->status, c->arena, "grant", "is required");
		return NULL;
	}
	if (!valid(c, grant))
		return NULL;
	parameters[0] = audit_caller(c);
	parameters[1] = text_of(grant->party_id);
	parameters[2] = text_of(kinds[grant->kind]);
	parameters[3] = text_of(grant->namespace_);
	parameters[4] = text_of(grant->name);
	if (grant->kind == AUTH__GRANT_KIND__GRANT_KIND_COMPONENT)
		parameters[4] = arena_lower(c->arena, parameters[4]);
	return parameters;
}

static void log_change(const struct call *c, const char *event, const Auth__PartyGrant *grant)
{
	log_event(LOG_INFO, event, LOG_TEXT("party", grant->party_id),
		LOG_TEXT("kind", kinds[grant->kind]), LOG_TEXT("namespace", grant->namespace_),
		LOG_TEXT("name", grant->name), LOG_SLICE("caller", c->caller.address),
		LOG_SLICE("trace", c->caller.trace.id));
}

/* --- the handlers ----------------------------------------------------------------------------- */

static enum next put(struct call *c, const struct rows *rows)
{
	const Auth__PutPartyGrantRequest *in = call_request(c, Auth__PutPartyGrantRequest);
	Auth__PutPartyGrantResponse out = AUTH__PUT_PARTY_GRANT_RESPONSE__INIT;

	log_change(c, "party granted", in->grant);
	return REPLY(c, &out);
}

enum next auth_put_party_grant(struct call *c)
{
	const Auth__PutPartyGrantRequest *in = call_request(c, Auth__PutPartyGrantRequest);
	struct text *parameters = read_grant(c, in->grant);

	return parameters ? change(c, &put_grant, parameters, put) : failed(c);
}

static enum next listed(struct call *c, const struct rows *rows)
{
	Auth__ListPartyGrantsResponse out = AUTH__LIST_PARTY_GRANTS_RESPONSE__INIT;

	out.n_grants = (size_t)rows_count(rows);
	out.grants = arena_array(c->arena, out.n_grants, sizeof(*out.grants));
	for (int i = 0; i < rows_count(rows); i++) {
		Auth__PartyGrant *grant = ARENA_NEW(c->arena, Auth__PartyGrant);

		auth__party_grant__init(grant);
		grant->party_id = arena_string(c->arena, rows_text(rows, i, 0));
		for (int kind = 1; kind <= AUTH__GRANT_KIND__GRANT_KIND_DATASET; kind++)
			if (text_equal(rows_text(rows, i, 1), text_of(kinds[kind])))
				grant->kind = (Auth__GrantKind)kind;
		grant->namespace_ = arena_string(c->arena, rows_text(rows, i, 2));
		grant->name = arena_string(c->arena, rows_text(rows, i, 3));
		out.grants[i] = grant;
	}
	return REPLY(c, &out);
}

enum next auth_list_party_grants(struct call *c)
{
	const Auth__ListPartyGrantsRequest *in = call_request(c, Auth__ListPartyGrantsRequest);
	struct text *party = ARENA_NEW(c->arena, struct text);

	*party = text_of(in->party_id);
	return change(c, &list_grants, party, listed);
}

static enum next deleted(struct call *c, const struct rows *rows)
{
	const Auth__DeletePartyGrantRequest *in = call_request(c, Auth__DeletePartyGrantRequest);
	Auth__DeletePartyGrantResponse out = AUTH__DELETE_PARTY_GRANT_RESPONSE__INIT;

	if (!rows_bool(rows, 0, 0))
		return fail(c, STATUS_NOT_FOUND, "party %s has no such grant", in->grant->party_id);
	log_change(c, "party grant taken back", in->grant);
	return REPLY(c, &out);
}

enum next auth_delete_party_grant(struct call *c)
{
	const Auth__DeletePartyGrantRequest *in = call_request(c, Auth__DeletePartyGrantRequest);
	struct text *parameters = read_grant(c, in->grant);

	return parameters ? change(c, &delete_grant, parameters, deleted) : failed(c);
}
