/*
 * Design: $node is described as a service like the others, with one node and its actions, so that
 * the lists are made of one kind of thing. The shapes are Moleculer's ($node.* of its 0.14), with
 * method and uri of an action beside them.
 */
#include "server/registry/node_service.h"

#include <stdlib.h>

#include "junction/v1/registry.pb-c.h"
#include "server/registry/call_shape.h"
#include "server/registry/node_health.h"
#include "server/registry/node_json.h"
#include "server/registry/registry.h"

const char *const node_service_actions[] = {
	"actions", "events", "health", "list", "services", NULL};

bool node_service_named(struct text name)
{
	return text_equal_nocase(name, TEXT(NODE_SERVICE_NAME)) ||
	       text_equal_nocase(name, TEXT("$Nodes"));
}

struct text node_service_node(void)
{
	return node_name();
}

/* What was asked for. */
struct listing {
	struct call *c;
	struct service_list services;
	struct event_entries events; /* of all services, if they are wanted */
	bool only_local, only_available, skip_internal, with_actions, with_events;
	bool with_endpoints, with_services, grouping;
};

/* --- $node as a service ------------------------------------------------------------------------
 */

static const struct service *describe(struct arena *a)
{
	struct service *s = ARENA_NEW(a, struct service);
	struct node *node = ARENA_NEW(a, struct node);
	const struct node **nodes = ARENA_NEW(a, const struct node *);
	const struct action **actions;

	while (node_service_actions[s->action_count])
		s->action_count++;
	actions = arena_array(a, s->action_count, sizeof(*actions));
	for (size_t i = 0; i < s->action_count; i++) {
		struct action *action = ARENA_NEW(a, struct action);

		action->key = action->name = text_of(node_service_actions[i]);
		actions[i] = action;
	}
	*node = (struct node){.name = node_name(), .weight = 1, .enabled = true};
	*nodes = node;
	s->key = s->name = TEXT(NODE_SERVICE_NAME);
	s->actions = actions;
	s->nodes = nodes;
	s->node_count = 1;
	return s;
}

static bool is_internal(const struct service *s)
{
	return text_starts(s->name, TEXT("$"));
}

static bool is_listed(const struct listing *l, const struct service *s)
{
	return !(l->only_local && !is_internal(s)) && !(l->skip_internal && is_internal(s)) &&
	       !(l->only_available && !service_available(s));
}

/* --- pieces ------------------------------------------------------------------------------------
 */

static struct text action_full_name(
	struct listing *l, const struct service *s, const struct action *action)
{
	struct text service = service_full_name(s, l->c->arena);

	return text_of(arena_printf(
		l->c->arena, "%.*s.%.*s", TEXT_ARGS(service), TEXT_ARGS(action->name)));
}

static void write_action(
	struct listing *l, struct buffer *b, const struct service *s, const struct action *action)
{
	buffer_add_char(b, '{');
	node_write_text(b, TEXT("name"), action_full_name(l, s, action));
	node_write_text(b, TEXT("rawName"), action->name);
	node_write_text(b, TEXT("method"), action->method);
	node_write_text(b, TEXT("uri"), action->uri);
	node_write_raw(b, TEXT("params"), action->params);
	node_write_raw(b, TEXT("cache"), TEXT(""));
	buffer_add_char(b, '}');
}

static void write_node_names(struct buffer *b, const struct service *s)
{
	json_write_name(b, TEXT("nodes"));
	buffer_add_char(b, '[');
	for (size_t i = 0; i < s->node_count; i++) {
		json_write_comma(b);
		json_write_string(b, s->nodes[i]->name);
	}
	buffer_add_char(b, ']');
}

/* --- services ----------------------------------------------------------------------------------
 */

static void write_actions_of(struct listing *l, struct buffer *b, const struct service *s)
{
	json_write_name(b, TEXT("actions"));
	buffer_add_char(b, '{');
	for (size_t i = 0; i < s->action_count; i++) {
		json_write_name(b, action_full_name(l, s, s->actions[i]));
		write_action(l, b, s, s->actions[i]);
	}
	buffer_add_char(b, '}');
}

/* node NULL: all of its nodes. */
static void write_service(
	struct listing *l, struct buffer *b, const struct service *s, const struct node *node)
{
	json_write_comma(b);
	buffer_add_char(b, '{');
	node_write_text(b, TEXT("name"), s->name);
	if (s->version.size > 0)
		node_write_text(b, TEXT("version"), s->version);
	node_write_text(b, TEXT("fullName"), service_full_name(s, l->c->arena));
	node_write_raw(b, TEXT("settings"), s->shown);
	node_write_raw(b, TEXT("metadata"), TEXT(""));
	node_write_bool(b, TEXT("local"), is_internal(s));
	node_write_bool(b, TEXT("available"), service_available(s));
	if (node)
		node_write_text(b, TEXT("nodeID"), node->name);
	else
		write_node_names(b, s);
	if (l->with_actions)
		write_actions_of(l, b, s);
	if (l->with_events)
		node_write_events_of(b, &l->events, s->name);
	buffer_add_char(b, '}');
}

static void list_services(struct listing *l, struct buffer *b)
{
	buffer_add_char(b, '[');
	for (size_t i = 0; i < l->services.count; i++) {
		const struct service *s = l->services.items[i];

		if (!is_listed(l, s))
			continue;
		if (l->grouping)
			write_service(l, b, s, NULL);
		for (size_t n = 0; !l->grouping && n < s->node_count; n++)
			write_service(l, b, s, s->nodes[n]);
	}
	buffer_add_char(b, ']');
}

/* --- actions -----------------------------------------------------------------------------------
 */

static void write_endpoints(
	struct listing *l, struct buffer *b, const struct service *s, const struct action *action)
{
	json_write_name(b, TEXT("endpoints"));
	buffer_add_char(b, '[');
	if (action->own.port > 0)
		node_write_endpoint(b,
			text_of(arena_printf(l->c->arena, "%.*s:%d", TEXT_ARGS(action->own.host),
				action->own.port)),
			true);
	else
		for (size_t i = 0; i < s->node_count; i++)
			node_write_endpoint(b, s->nodes[i]->name, node_available(s, s->nodes[i]));
	buffer_add_char(b, ']');
}

static void write_action_item(
	struct listing *l, struct buffer *b, const struct service *s, const struct action *action)
{
	size_t count = action->own.port > 0 ? 1 : s->node_count;

	bool available = action_available(s, action);

	if (l->only_available && !available)
		return;
	json_write_comma(b);
	buffer_add_char(b, '{');
	node_write_text(b, TEXT("name"), action_full_name(l, s, action));
	json_write_name(b, TEXT("count"));
	buffer_printf(b, "%zu", count);
	node_write_bool(b, TEXT("hasLocal"), is_internal(s));
	node_write_bool(b, TEXT("available"), available);
	if (count > 0) {
		json_write_name(b, TEXT("action"));
		write_action(l, b, s, action);
	}
	if (l->with_endpoints)
		write_endpoints(l, b, s, action);
	buffer_add_char(b, '}');
}

static void list_actions(struct listing *l, struct buffer *b)
{
	buffer_add_char(b, '[');
	for (size_t i = 0; i < l->services.count; i++) {
		const struct service *s = l->services.items[i];

		for (size_t k = 0; is_listed(l, s) && k < s->action_count; k++)
			write_action_item(l, b, s, s->actions[k]);
	}
	buffer_add_char(b, ']');
}

/* --- events ------------------------------------------------------------------------------------
 */

static void list_events(struct listing *l, struct buffer *b)
{
	buffer_add_char(b, '[');
	for (size_t i = 0; i < l->events.count && !l->only_local; i++)
		if (l->events.items[i].available || !l->only_available)
			node_write_event(b, &l->events.items[i], l->with_endpoints);
	buffer_add_char(b, ']');
}

/* --- nodes -------------------------------------------------------------------------------------
 */

/* A node together with a service that it has. */
struct place {
	const struct node *node;
	const struct service *service;
};

static int by_node(const void *x, const void *y)
{
	const struct place *a = x, *b = y;
	int order = text_compare(a->node->name, b->node->name);

	return order ? order : text_compare(a->service->key, b->service->key);
}

static struct place *places_of(struct listing *l, size_t *count)
{
	struct place *places;
	size_t most = 0;

	for (size_t i = 0; i < l->services.count; i++)
		most += l->services.items[i]->node_count;
	places = arena_array(l->c->arena, most, sizeof(*places));
	*count = 0;
	for (size_t i = 0; i < l->services.count; i++) {
		const struct service *s = l->services.items[i];

		for (size_t n = 0; n < s->node_count; n++)
			places[(*count)++] = (struct place){s->nodes[n], s};
	}
	if (*count > 0)
		qsort(places, *count, sizeof(*places), by_node);
	return places;
}

static void write_address(struct buffer *b, const struct place *p)
{
	json_write_name(b, TEXT("ipList"));
	if (is_internal(p->service)) {
		node_addresses_write(b);
		node_write_text(b, TEXT("hostname"), node_hostname());
		buffer_add_text(b, TEXT(",\"port\":null,\"client\":"));
		node_client_write(b);
		buffer_printf(b, ",\"lastHeartbeatTime\":%.3f", node_uptime());
		return;
	}
	buffer_add_char(b, '[');
	json_write_string(b, p->node->address.host);
	buffer_add_char(b, ']');
	node_write_text(b, TEXT("hostname"), p->node->address.host);
	buffer_printf(b, ",\"port\":%d,\"client\":{\"type\":\"%.*s\"},\"lastHeartbeatTime\":null",
		p->node->address.port, TEXT_ARGS(p->node->address.protocol));
}

/* The places of one node. */
static void write_node(struct listing *l, struct buffer *b, const struct place *p, size_t count)
{
	json_write_comma(b);
	buffer_add_char(b, '{');
	node_write_text(b, TEXT("id"), p->node->name);
	node_write_bool(b, TEXT("available"), node_available(p->service, p->node));
	node_write_bool(b, TEXT("local"), is_internal(p->service));
	node_write_raw(b, TEXT("config"), TEXT(""));
	node_write_raw(b, TEXT("metadata"), p->node->metadata);
	write_address(b, p);
	buffer_add_text(b, TEXT(",\"udpAddress\":null,\"cpu\":null,\"cpuSeq\":null,\"seq\":1,"
				"\"offlineSince\":null"));
	if (l->with_services) {
		json_write_name(b, TEXT("services"));
		buffer_add_char(b, '[');
		for (size_t i = 0; i < count; i++)
			write_service(l, b, p[i].service, p[i].node);
		buffer_add_char(b, ']');
	}
	buffer_add_char(b, '}');
}

static void list_nodes(struct listing *l, struct buffer *b)
{
	size_t count, next;
	struct place *places = places_of(l, &count);

	buffer_add_char(b, '[');
	for (size_t i = 0; i < count; i = next) {
		next = i + 1;
		while (next < count && text_equal(places[next].node->name, places[i].node->name))
			next++;
		write_node(l, b, &places[i], next - i);
	}
	buffer_add_char(b, ']');
}

/* --- the call ----------------------------------------------------------------------------------
 */

static bool flag_value(const struct json *value, bool *flag)
{
	struct text t = value->type == JSON_STRING ? value->string : value->raw;

	*flag = text_equal(t, TEXT("true")) || text_equal(t, TEXT("1")) ||
		text_equal(t, TEXT("on"));
	return *flag || value->type == JSON_NULL || text_equal(t, TEXT("false")) ||
	       text_equal(t, TEXT("0")) || text_equal(t, TEXT("off"));
}

static bool read_flags(struct listing *l, const struct json *object, const char *field)
{
	const struct {
		const char *name;
		bool *flag;
	} flags[] = {
		{"onlyLocal", &l->only_local},
		{"onlyAvailable", &l->only_available},
		{"skipInternal", &l->skip_internal},
		{"withActions", &l->with_actions},
		{"withEvents", &l->with_events},
		{"withEndpoints", &l->with_endpoints},
		{"withServices", &l->with_services},
		{"grouping", &l->grouping},
	};

	for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++) {
		const struct json *value = json_member(object, text_of(flags[i].name));

		if (value && !flag_value(value, flags[i].flag))
			return status_field(&l->c->status, l->c->arena,
				arena_printf(l->c->arena, "%s.%s", field, flags[i].name),
				"must be a boolean");
	}
	return true;
}

static bool read_parameters(struct listing *l, struct text param, struct text body)
{
	struct call *c = l->c;
	const struct json *object;

	l->grouping = true;
	if (!call_object(c->arena, "param", param, &object, &c->status) ||
		!read_flags(l, object, "param"))
		return false;
	return call_object(c->arena, "body", body, &object, &c->status) &&
	       read_flags(l, object, "body");
}

static void write_health(struct listing *l, struct buffer *b)
{
	node_health_write(b);
}

struct node_action {
	void (*write)(struct listing *l, struct buffer *b);
	struct text
		rpc; /* that tells the same: who may not call that one may not this one either */
	bool events; /* it needs what is subscribed to */
};

/* NULL if there is no such action. */
static const struct node_action *action_named(struct text action)
{
	static const struct node_action actions[] = {
		{list_actions, TEXT("ListActions")},
		{list_events, TEXT("ListEvents"), .events = true},
		{write_health, TEXT("ListNodes")},
		{list_nodes, TEXT("ListNodes")},
		{list_services, TEXT("ListServices")},
	};
	size_t dot = text_find(action, '.', 0);

	if (dot < action.size && node_service_named(text_until(action, dot)))
		action = text_from(action, dot + 1);
	for (size_t i = 0; node_service_actions[i]; i++) {
		if (text_equal_nocase(action, text_of(node_service_actions[i])))
			return &actions[i];
	}
	return NULL;
}

/* $node and what the index holds, to be released without the first. */
static struct service_list gather(struct call *c, struct service_list *registered)
{
	struct service_list all = {0};

	all.items = arena_array(c->arena, registered->count + 1, sizeof(*all.items));
	all.items[all.count++] = describe(c->arena);
	for (size_t i = 0; i < registered->count; i++)
		all.items[all.count++] = registered->items[i];
	return all;
}

static enum next answer(struct call *c, struct buffer *result)
{
	Registry__CallResponse out = REGISTRY__CALL_RESPONSE__INIT;

	buffer_add_char(result, '\0');
	out.code = (char *)"200";
	out.message = (char *)"success";
	out.result = result->data;
	return REPLY(c, &out);
}

enum next node_service_call(struct call *c, struct text action, struct text param, struct text body)
{
	const struct node_action *found = action_named(action);
	struct listing l = {.c = c};
	struct buffer result = {.arena = c->arena};
	struct service_list registered;
	struct index *index;

	if (!found)
		return fail(c, STATUS_NOT_FOUND, "service " NODE_SERVICE_NAME " has no action %.*s",
			TEXT_ARGS(action));
	if (!call_may(c, TEXT("registry"), found->rpc, TEXT("READ")) ||
		!read_parameters(&l, param, body))
		return failed(c);
	index = registry_index(c);
	if (!index || ((found->events || l.with_events) && !event_list(c, NULL, &l.events)))
		return failed(c);
	registered = index_services(index, c->caller.space);
	l.services = gather(c, &registered);
	found->write(&l, &result);
	service_list_release(&registered);
	return answer(c, &result);
}
