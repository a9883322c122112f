/* PutRole, GetRole, ListRoles, DeleteRole. */
#include "base/json.h"
#include "base/table.h"
#include "server/auth/identity/store.h"
#include "server/db/array.h"
#include "server/page.h"
#include "server/registry/message.h"
#include "steps.gen.h"

enum {
	PARENTS_MOST = 32,
	RULES_MOST = 1000,
	SERVICE_LIMIT = 64,
	ACTION_LIMIT = 255,
	METHOD_LIMIT = 32,
	PAGE_USUAL = 100,
	PAGE_MOST = 1000,
};

enum column { NAME, TITLE, BUILT_IN, CREATED, UPDATED, PARENTS, COLUMNS, RULES = COLUMNS };

static const struct statement put_role = {
	.name = "auth_put_role",
	.sql = "SELECT r_name, r_title, r_built_in, r_created_at, r_updated_at, r_parents, r_rules "
	       "FROM auth.put_role($1, $2, $3, $4, $5, $6, $7, $8)",
	.parameters = 8,
};

static const struct statement get_role = {
	.name = "auth_get_role",
	.sql = "SELECT r_name, r_title, r_built_in, r_created_at, r_updated_at, r_parents, r_rules "
	       "FROM auth.show_role($1)",
	.parameters = 1,
};

static const struct statement list_roles = {
	.name = "auth_list_roles",
	.sql = "SELECT r.name, r.title, r.built_in, auth.milliseconds(r.created_at), "
	       "auth.milliseconds(r.updated_at), (SELECT coalesce(json_agg(p.parent ORDER BY "
	       "p.parent), '[]') FROM auth.role_parent p WHERE p.role = r.name) FROM auth.role r "
	       "WHERE starts_with(r.name, $1) AND r.name > $2 ORDER BY r.name LIMIT $3::bigint",
	.parameters = 3,
};

static const struct statement delete_role = {
	.name = "auth_delete_role",
	.sql = "SELECT auth.delete_role($1, $2)",
	.parameters = 2,
};

/* --- what is kept ----------------------------------------------------------------------------- */

/* Without its rules. NULL with c->status set. */
static Auth__Role *role_of(struct call *c, const struct rows *rows, int row)
{
	Auth__Role *role = ARENA_NEW(c->arena, Auth__Role);

	auth__role__init(role);
	role->name = arena_string(c->arena, rows_text(rows, row, NAME));
	role->title = arena_string(c->arena, rows_text(rows, row, TITLE));
	role->built_in = rows_bool(rows, row, BUILT_IN);
	role->created_at = message_time(c->arena, rows_int64(rows, row, CREATED));
	role->updated_at = message_time(c->arena, rows_int64(rows, row, UPDATED));
	return store_read_texts(c->arena, rows_text(rows, row, PARENTS), &role->n_parents,
		       &role->parents, &c->status)
		       ? role
		       : NULL;
}

/* A list of effect, service, action and method. */
static Auth__Rule *rule_of(struct arena *a, const struct json *list)
{
	Auth__Rule *rule = ARENA_NEW(a, Auth__Rule);
	const struct json *service = list->first->next;

	auth__rule__init(rule);
	rule->effect = text_equal(list->first->string, TEXT("deny")) ? AUTH__EFFECT__EFFECT_DENY
								     : AUTH__EFFECT__EFFECT_ALLOW;
	rule->service = arena_string(a, service->string);
	rule->action = arena_string(a, service->next->string);
	rule->method = arena_string(a, service->next->next->string);
	return rule;
}

/* With its rules. */
static Auth__Role *whole_role(struct call *c, const struct rows *rows)
{
	Auth__Role *role = role_of(c, rows, 0);
	const struct json *list =
		role ? json_read(c->arena, rows_text(rows, 0, RULES), &c->status) : NULL;

	if (!list)
		return NULL;
	role->rules = arena_array(c->arena, list->count, sizeof(*role->rules));
	for (const struct json *rule = list->first; rule; rule = rule->next)
		role->rules[role->n_rules++] = rule_of(c->arena, rule);
	return role;
}

/* --- PutRole ---------------------------------------------------------------------------------- */

static bool read_parents(struct call *c, const Auth__Role *given, struct text *parents)
{
	struct buffer array = {.arena = c->arena};

	if (given->n_parents > PARENTS_MOST)
		return status_field(
			&c->status, c->arena, "role.parents", "must be at most %d", PARENTS_MOST);
	for (size_t i = 0; i < given->n_parents; i++) {
		struct text parent =
			store_name(c->arena, arena_printf(c->arena, "role.parents[%zu]", i),
				given->parents[i], &c->status);

		if (!parent.data)
			return false;
		array_add(&array, parent);
	}
	*parents = array_text(&array);
	return true;
}

static bool is_method(struct text method)
{
	for (size_t i = 0; i < method.size; i++)
		if (method.data[i] < 'A' || method.data[i] > 'Z')
			return text_equal(method, TEXT("*"));
	return method.size > 0 && method.size <= METHOD_LIMIT;
}

/* What is wrong with it, NULL if nothing is; then with the field. */
static const char *read_rule(
	struct arena *a, const Auth__Rule *given, struct text rule[4], const char **field)
{
	struct text action = text_of(given->action);

	*field = "effect";
	if (given->effect != AUTH__EFFECT__EFFECT_ALLOW &&
		given->effect != AUTH__EFFECT__EFFECT_DENY)
		return "must be EFFECT_ALLOW or EFFECT_DENY";
	rule[0] = given->effect == AUTH__EFFECT__EFFECT_DENY ? TEXT("deny") : TEXT("allow");
	*field = "service";
	rule[1] = arena_lower(a, text_of(given->service));
	if (rule[1].size < 1 || rule[1].size > SERVICE_LIMIT || text_has_control(rule[1]))
		return "must have 1 to 64 bytes, none of them a control character";
	*field = "action";
	rule[2] = *given->action == '/' ? action : arena_lower(a, action);
	if (action.size < 1 || action.size > ACTION_LIMIT || text_has_control(action))
		return "must have 1 to 255 bytes, none of them a control character";
	*field = "method";
	rule[3] = arena_upper(a, text_of(given->method));
	return is_method(rule[3]) ? NULL : "must be 1 to 32 letters, or \"*\"";
}

/* Rules as they were read. */
struct rules {
	struct table known; /* none of them is to be given twice */
	struct buffer columns[4];
};

static bool add_rule(struct call *c, struct rules *rules, size_t index, const Auth__Rule *given)
{
	const char *path = arena_printf(c->arena, "role.rules[%zu]", index);
	struct text rule[4], whole;
	const char *field, *wrong = read_rule(c->arena, given, rule, &field);

	if (wrong)
		return status_field(&c->status, c->arena,
			arena_printf(c->arena, "%s.%s", path, field), "%s", wrong);
	whole = text_of(arena_printf(c->arena, "%s\n%s\n%s\n%s", rule[0].data, rule[1].data,
		rule[2].data, rule[3].data));
	if (table_get(&rules->known, whole))
		return status_field(&c->status, c->arena, path, "is given twice");
	table_put(&rules->known, whole, rules);
	for (int i = 0; i < 4; i++)
		array_add(&rules->columns[i], rule[i]);
	return true;
}

/* Texts of the arrays of effects, services, actions and methods. */
static bool read_rules(struct call *c, const Auth__Role *given, struct text columns[4])
{
	struct rules rules = {.known.exact = true};
	bool good = true;

	if (given->n_rules > RULES_MOST)
		return status_field(
			&c->status, c->arena, "role.rules", "must be at most %d", RULES_MOST);
	for (int i = 0; i < 4; i++)
		rules.columns[i] = (struct buffer){.arena = c->arena};
	for (size_t i = 0; good && i < given->n_rules; i++)
		good = add_rule(c, &rules, i, given->rules[i]);
	table_clear(&rules.known);
	for (int i = 0; i < 4; i++)
		columns[i] = array_text(&rules.columns[i]);
	return good;
}

static enum next put(struct call *c, const struct rows *rows)
{
	Auth__PutRoleResponse *out = ARENA_NEW(c->arena, Auth__PutRoleResponse);

	auth__put_role_response__init(out);
	out->role = whole_role(c, rows);
	return out->role ? STORE_REPLY(c, out) : failed(c);
}

enum next auth_put_role(struct call *c)
{
	const Auth__Role *given = call_request(c, Auth__PutRoleRequest)->role;
	struct text *parameters = arena_array(c->arena, 8, sizeof(*parameters));

	if (!given)
		return fail_field(c, "role", "is required");
	parameters[0] = audit_caller(c);
	parameters[1] = store_name(c->arena, "role.name", given->name, &c->status);
	parameters[2] = text_of(given->title);
	if (!parameters[1].data || !store_title(c->arena, "role.title", given->title, &c->status) ||
		!read_parents(c, given, &parameters[3]) || !read_rules(c, given, &parameters[4]))
		return failed(c);
	return change(c, &put_role, parameters, put);
}

/* --- GetRole ---------------------------------------------------------------------------------- */

static enum next got(struct call *c, const struct rows *rows)
{
	Auth__GetRoleResponse out = AUTH__GET_ROLE_RESPONSE__INIT;

	if (rows_count(rows) == 0)
		return fail(c, STATUS_NOT_FOUND, "no role %s",
			call_request(c, Auth__GetRoleRequest)->name);
	out.role = whole_role(c, rows);
	return out.role ? REPLY(c, &out) : failed(c);
}

enum next auth_get_role(struct call *c)
{
	struct text *name = ARENA_NEW(c->arena, struct text);

	*name = store_name(
		c->arena, "name", call_request(c, Auth__GetRoleRequest)->name, &c->status);
	return name->data ? query(c, &get_role, name, got) : failed(c);
}

/* --- ListRoles -------------------------------------------------------------------------------- */

static enum next listed(struct call *c, const struct rows *rows)
{
	const struct page *page = c->state;
	Auth__ListRolesResponse out = AUTH__LIST_ROLES_RESPONSE__INIT;
	int count = page_rows(page, rows, COLUMNS);

	out.roles = arena_array(c->arena, (size_t)count, sizeof(*out.roles));
	for (int i = 0; i < count; i++) {
		Auth__Role *role = role_of(c, rows, i);

		if (!role)
			return failed(c);
		out.roles[out.n_roles++] = role;
	}
	if (count < rows_count(rows)) {
		const struct text key = rows_text(rows, count - 1, NAME);
		out.next_page_token = page_token(c->arena, &key, 1);
	}
	return REPLY(c, &out);
}

enum next auth_list_roles(struct call *c)
{
	const Auth__ListRolesRequest *in = call_request(c, Auth__ListRolesRequest);
	struct text *parameters = arena_array(c->arena, 3, sizeof(*parameters));
	struct page *page = ARENA_NEW(c->arena, struct page);

	if (!page_read(c->arena, in->page_size, PAGE_USUAL, PAGE_MOST, in->page_token, 1, page,
		    &c->status))
		return failed(c);
	parameters[0] = store_prefix(c->arena, in->prefix);
	parameters[1] = page->after[0];
	parameters[2] = page_limit(c->arena, page);
	c->state = page;
	return change(c, &list_roles, parameters, listed);
}

/* --- DeleteRole ------------------------------------------------------------------------------- */

static enum next deleted(struct call *c, const struct rows *rows)
{
	Auth__DeleteRoleResponse *out = ARENA_NEW(c->arena, Auth__DeleteRoleResponse);

	auth__delete_role_response__init(out);
	return STORE_REPLY(c, out);
}

enum next auth_delete_role(struct call *c)
{
	struct text *parameters = arena_array(c->arena, 2, sizeof(*parameters));

	parameters[0] = audit_caller(c);
	parameters[1] = store_name(
		c->arena, "name", call_request(c, Auth__DeleteRoleRequest)->name, &c->status);
	return parameters[1].data ? change(c, &delete_role, parameters, deleted) : failed(c);
}
