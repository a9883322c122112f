/* Explain and ListPermissions: the rules that count for a subject. */
#include "server/auth/check/question.h"
#include "server/auth/identity/store.h"
#include "server/page.h"
#include "server/registry/message.h"
#include "steps.gen.h"

static Auth__Rule *show_rule(struct arena *a, const struct rule *rule)
{
	Auth__Rule *shown = ARENA_NEW(a, Auth__Rule);

	auth__rule__init(shown);
	shown->effect = rule->denies ? AUTH__EFFECT__EFFECT_DENY : AUTH__EFFECT__EFFECT_ALLOW;
	shown->service = (char *)rule->service.data;
	shown->action = (char *)rule->action.data;
	shown->method = (char *)rule->method.data;
	return shown;
}

static Auth__Grant *show_grant(struct arena *a, const struct decision *decision)
{
	Auth__Grant *grant = ARENA_NEW(a, Auth__Grant);

	auth__grant__init(grant);
	grant->subject = store_subject_message(
		a, subject_kind_word(decision->holder->kind), decision->holder->name);
	grant->role = (char *)decision->grant->role.data;
	if (decision->grant->ends_ms != INT64_MAX)
		grant->ends_at = message_time(a, decision->grant->ends_ms);
	return grant;
}

static void show_decision(
	struct arena *a, const struct decision *decision, Auth__ExplainResponse *out)
{
	out->allowed = decision->allowed;
	out->reason = (char *)decision->reason;
	if (!decision->rule)
		return;
	out->rule = show_rule(a, decision->rule);
	out->role = (char *)decision->role->name.data;
	out->n_path = decision->path_count;
	out->path = arena_array(a, out->n_path, sizeof(*out->path));
	for (size_t i = 0; i < out->n_path; i++)
		out->path[i] = (char *)decision->path[i].data;
	if (decision->grant)
		out->grant = show_grant(a, decision);
}

static enum next explain(struct call *c)
{
	const struct directory *d = question_directory(c);
	Auth__ExplainResponse out = AUTH__EXPLAIN_RESPONSE__INIT;
	struct decision decision;

	if (!d)
		return failed(c);
	decide_explain(d, c->state, clock_unix_ms(), c->arena, &decision);
	show_decision(c->arena, &decision, &out);
	enum next next = REPLY(c, &out);
	directory_release(&d);
	return next;
}

enum next auth_explain(struct call *c)
{
	const Auth__ExplainRequest *in = call_request(c, Auth__ExplainRequest);
	struct question *q = c->state = ARENA_NEW(c->arena, struct question);

	if (!question_read(c, "question", in->question, q))
		return failed(c);
	return question_current(c, in->consistency, explain);
}

/* --- ListPermissions -------------------------------------------------------------------------- */

enum { PERMISSIONS = 1000, PERMISSIONS_MOST = 10000, KEY_PARTS = 5 };

struct listing {
	struct question who;
	struct page page;
	size_t bytes;
	Auth__ListPermissionsResponse out;
};

/* Where a rule stands in the list. */
static void read_key(const struct role *role, const struct rule *rule, struct text *key)
{
	key[0] = role->name;
	key[1] = rule->service;
	key[2] = rule->action;
	key[3] = rule->method;
	key[4] = rule->denies ? TEXT("deny") : TEXT("allow");
}

static bool is_behind(const struct text *key, const struct text *after)
{
	for (int i = 0; i < KEY_PARTS; i++) {
		int order = text_compare(key[i], after[i]);
		if (order)
			return order > 0;
	}
	return false;
}

static void add_permission(
	struct call *c, struct listing *listing, const struct role *role, const struct rule *rule)
{
	Auth__Permission *permission = ARENA_NEW(c->arena, Auth__Permission);

	auth__permission__init(permission);
	permission->role = (char *)role->name.data;
	permission->rule = show_rule(c->arena, rule);
	listing->out.permissions[listing->out.n_permissions++] = permission;
	listing->bytes += auth__permission__get_packed_size(permission);
	read_key(role, rule, listing->page.after);
}

/* False if the page was full before. */
static bool add_rules(struct call *c, struct listing *listing, const struct role *role)
{
	for (size_t i = 0; i < role->rule_count; i++) {
		struct text key[KEY_PARTS];
		read_key(role, &role->rules[i], key);
		if (!is_behind(key, listing->page.after))
			continue;
		if ((int64_t)listing->out.n_permissions == listing->page.most ||
			listing->bytes >= PAGE_BYTES) {
			listing->out.next_page_token =
				page_token(c->arena, listing->page.after, KEY_PARTS);
			return false;
		}
		add_permission(c, listing, role, &role->rules[i]);
	}
	return true;
}

static enum next list_permissions(struct call *c)
{
	struct listing *listing = c->state;
	const struct directory *d = question_directory(c);
	size_t count;

	if (!d)
		return failed(c);
	const struct role **roles =
		decide_roles(d, &listing->who, clock_unix_ms(), c->arena, &count);
	listing->out.permissions = arena_array(
		c->arena, (size_t)listing->page.most, sizeof(*listing->out.permissions));
	for (size_t i = 0; i < count && add_rules(c, listing, roles[i]); i++)
		continue;
	enum next next = REPLY(c, &listing->out);
	directory_release(&d);
	return next;
}

static bool read_whom(struct call *c, const Auth__ListPermissionsRequest *in, struct question *who)
{
	if (in->kind < AUTH__SUBJECT_KIND__SUBJECT_KIND_UNSPECIFIED ||
		in->kind > AUTH__SUBJECT_KIND__SUBJECT_KIND_GROUP)
		return status_field(&c->status, c->arena, "kind", "is not known");
	if (!in->kind && *in->name)
		return status_field(&c->status, c->arena, "kind", "is required with a name");
	if (!in->kind)
		return question_caller(c, "kind", who);
	who->kind = (enum subject_kind)in->kind;
	who->name = store_subject_name(c->arena, "name", who->kind, in->name, &c->status);
	return who->name.data;
}

enum next auth_list_permissions(struct call *c)
{
	const Auth__ListPermissionsRequest *in = call_request(c, Auth__ListPermissionsRequest);
	struct listing *listing = c->state = ARENA_NEW(c->arena, struct listing);

	auth__list_permissions_response__init(&listing->out);
	if (!read_whom(c, in, &listing->who) ||
		!page_read(c->arena, in->page_size, PERMISSIONS, PERMISSIONS_MOST, in->page_token,
			KEY_PARTS, &listing->page, &c->status))
		return failed(c);
	return question_current(c, in->consistency, list_permissions);
}
