/*
 * The hook permission: gathers what is asked for, and has auth.check_party() say what of it has not
 * been granted. What is not of the shape that FATE Flow gives it is refused, for an own party too:
 * what nobody understands, nobody may grant.
 */
#include "base/json.h"
#include "junction/v1/auth.pb-c.h"
#include "server/auth/hook/builtin.h"
#include "server/auth/hook/grant.h"
#include "server/auth/hook/party.h"
#include "server/db/array.h"

enum { NEEDS_MAX = 1000, PARAMETERS = 5 };

static const struct statement check_party = {
	.name = "auth_check_party",
	.sql = "SELECT r_kind, r_namespace, r_name FROM auth.check_party($1, $2, $3::text[], "
	       "$4::text[], $5::text[]) LIMIT 1",
	.parameters = PARAMETERS,
};

struct needs {
	struct call *call;
	struct text role;
	struct buffer components, namespaces, names; /* SQL arrays */
};

/* --- what is asked for ------------------------------------------------------------------------ */

static bool refuse(struct needs *n, const char *path, const char *rule)
{
	return status_field(&n->call->status, n->call->arena, path, "%s", rule);
}

static bool valid_name(struct needs *n, const char *path, struct text name)
{
	return grant_name_valid(&n->call->status, n->call->arena, path, name);
}

/* NULL with the status set if it is neither a list nor an object, or has too many values. */
static const struct json *read_values(struct needs *n, const char *field, const char *given)
{
	struct call *c = n->call;
	struct status reason = {.message = ""};
	const struct json *value = json_read(c->arena, text_of(given), &reason);

	if (!value && reason.code == STATUS_INVALID_ARGUMENT)
		refuse(n, field, reason.message);
	else if (!value)
		status_set(&c->status, c->arena, reason.code, "%s", reason.message);
	else if (value->type != JSON_ARRAY && value->type != JSON_OBJECT)
		refuse(n, field, "must be a JSON list or a JSON object");
	else if (value->count > NEEDS_MAX)
		refuse(n, field, "must have at most 1000 values");
	else
		return value;
	return NULL;
}

/* Paths name values by position, as names may be of any length. */
static const char *path_of(struct needs *n, const char *field, size_t position)
{
	return arena_printf(n->call->arena, "%s[%zu]", field, position);
}

static bool add_component(
	struct needs *n, const struct json *parent, const struct json *value, size_t position)
{
	const char *path = path_of(n, "component_list", position);
	struct text name = value->string;

	if (value->type != JSON_STRING && parent->type == JSON_ARRAY)
		return refuse(n, path, "must be a component's name");
	if (value->type != JSON_STRING)
		name = value->name;
	if (!valid_name(n, path, name))
		return false;
	array_add(&n->components, name);
	return true;
}

static bool read_components(struct needs *n, const char *given)
{
	const struct json *list = read_values(n, "component_list", given);
	size_t position = 0;

	for (const struct json *v = list ? list->first : NULL; v; v = v->next)
		if (!add_component(n, list, v, position++))
			return false;
	return list != NULL;
}

static bool add_name(struct needs *n, const char *path, const struct json *dataset,
	const char *member, struct buffer *names)
{
	const struct json *value = json_member(dataset, text_of(member));
	const char *here = arena_printf(n->call->arena, "%s.%s", path, member);

	if (!value || value->type != JSON_STRING)
		return refuse(n, here, "must be a string");
	if (!valid_name(n, here, value->string))
		return false;
	array_add(names, value->string);
	return true;
}

static bool add_dataset(struct needs *n, const char *path, const struct json *dataset)
{
	if (dataset->type != JSON_OBJECT)
		return refuse(n, path, "must be a dataset: an object of namespace and name");
	return add_name(n, path, dataset, "namespace", &n->namespaces) &&
	       add_name(n, path, dataset, "name", &n->names);
}

static bool has_string(const struct json *object, const char *name)
{
	const struct json *member = json_member(object, text_of(name));

	return member && member->type == JSON_STRING;
}

static bool read_datasets(struct needs *n, const char *given)
{
	const struct json *list = read_values(n, "dataset_list", given);
	size_t position = 0;

	if (list && (has_string(list, "namespace") || has_string(list, "name")))
		return add_dataset(n, "dataset_list", list);
	for (const struct json *v = list ? list->first : NULL; v; v = v->next)
		if (!add_dataset(n, path_of(n, "dataset_list", position++), v))
			return false;
	return list != NULL;
}

/* The role that the party says it has, else ours; a party that says none needs all of them. */
static bool read_role(struct needs *n, const Auth__PermissionRequest *in)
{
	if (in->_src_role_case && *in->src_role) {
		n->role = text_of(in->src_role);
		return valid_name(n, "src_role", n->role);
	}
	n->role = in->_role_case && *in->role ? text_of(in->role) : TEXT("*");
	return valid_name(n, "role", n->role);
}

/* --- the steps -------------------------------------------------------------------------------- */

static enum next allow(struct call *c)
{
	Auth__PermissionResponse out = AUTH__PERMISSION_RESPONSE__INIT;

	return REPLY(c, &out);
}

static enum next checked(struct call *c, const struct rows *rows)
{
	const Auth__PermissionRequest *in = call_request(c, Auth__PermissionRequest);

	if (rows_count(rows) == 0)
		return allow(c);
	struct text kind = rows_text(rows, 0, 0), space = rows_text(rows, 0, 1);
	struct text name = rows_text(rows, 0, 2);
	return fail(c, STATUS_PERMISSION_DENIED, "party %s is not granted %.*s %.*s%s%.*s",
		party_shown(c->arena, text_of(in->src_party_id)), TEXT_ARGS(kind), TEXT_ARGS(space),
		space.size > 0 ? "/" : "", TEXT_ARGS(name));
}

enum next builtin_permission(struct call *c)
{
	const Auth__PermissionRequest *in = call_request(c, Auth__PermissionRequest);
	struct text party = party_meant(text_of(in->src_party_id));
	struct needs n = {.call = c,
		.components = {.arena = c->arena},
		.namespaces = {.arena = c->arena},
		.names = {.arena = c->arena}};
	struct text *parameters = arena_array(c->arena, PARAMETERS, sizeof(*parameters));

	if (!read_role(&n, in) || !read_components(&n, in->component_list) ||
		!read_datasets(&n, in->dataset_list))
		return failed(c);
	if (party_own(party))
		return allow(c);
	parameters[0] = party;
	parameters[1] = n.role;
	parameters[2] = array_text(&n.components);
	parameters[3] = array_text(&n.namespaces);
	parameters[4] = array_text(&n.names);
	return query(c, &check_party, parameters, checked);
}
