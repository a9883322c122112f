/* Texts of entries and of changes end in NUL, so messages point at them. */
#include "server/registry/message.h"

#define STRING(t) ((char *)(t).data)

Google__Protobuf__Timestamp *message_time(struct arena *a, int64_t unix_ms)
{
	if (unix_ms == 0)
		return NULL;
	Google__Protobuf__Timestamp *time = ARENA_NEW(a, Google__Protobuf__Timestamp);

	google__protobuf__timestamp__init(time);
	time->seconds = unix_ms / 1000;
	time->nanos = (int32_t)(unix_ms % 1000 * 1000000);
	return time;
}

/* The API's numbers have an "unspecified" before each. */
static Registry__NodeCheck check_of(enum node_check check)
{
	switch (check) {
	case NODE_CHECK_NONE:
		return REGISTRY__NODE_CHECK__NODE_CHECK_NONE;
	case NODE_CHECK_TCP:
		return REGISTRY__NODE_CHECK__NODE_CHECK_TCP;
	default:
		return REGISTRY__NODE_CHECK__NODE_CHECK_HTTP;
	}
}

static Registry__NodeHealth health_of(enum node_health health)
{
	switch (health) {
	case NODE_PASSING:
		return REGISTRY__NODE_HEALTH__NODE_HEALTH_PASSING;
	case NODE_FAILING:
		return REGISTRY__NODE_HEALTH__NODE_HEALTH_FAILING;
	default:
		return REGISTRY__NODE_HEALTH__NODE_HEALTH_UNSPECIFIED;
	}
}

Registry__NodeInfo *message_node(struct arena *a, struct text service_name,
	const struct service *service, const struct node *node)
{
	const struct service alone = {.nodes = &node, .node_count = 1, .protect_percent = 0};
	Registry__NodeInfo *info = ARENA_NEW(a, Registry__NodeInfo);

	registry__node_info__init(info);
	info->service = STRING(service_name);
	info->name = STRING(node->name);
	info->host = STRING(node->address.host);
	info->port = node->address.port;
	info->protocol = STRING(node->address.protocol);
	info->weight = node->weight;
	info->enabled = node->enabled;
	info->metadata = STRING(node->metadata);
	info->check = check_of(node->check);
	info->check_path = STRING(node->check_path);
	info->health = health_of(node->health);
	info->health_reason = STRING(node->health_reason);
	info->health_time = message_time(a, node->health_ms);
	info->flapping = node->flapping;
	info->available = node_available(service ? service : &alone, node);
	info->lease_ms = (int32_t)node->lease_ms;
	return info;
}

Registry__ServiceState *message_service(struct arena *a, const struct service *service)
{
	const struct node *own = service_own_node(service);
	Registry__ServiceState *state = ARENA_NEW(a, Registry__ServiceState);

	registry__service_state__init(state);
	state->name = STRING(service->name);
	state->version = STRING(service->version);
	state->settings = STRING(service->shown);
	state->node = own ? message_node(a, service->key, NULL, own) : NULL;
	return state;
}

Registry__ActionState *message_action(struct arena *a, const struct action *action)
{
	const struct action here = {.own = action->own, .protocol = action->protocol};
	Registry__ActionState *state = ARENA_NEW(a, Registry__ActionState);

	registry__action_state__init(state);
	state->name = STRING(action->name);
	state->method = STRING(action->method);
	state->uri = STRING(action->uri);
	state->address = STRING(action_url(&here, NULL, a));
	state->params = STRING(action->params);
	state->timeout_ms = (int32_t)action->timeout_ms;
	return state;
}

/* --- changes -------------------------------------------------------------------------------- */

static void set_service(struct arena *a, const struct index_change *c, Registry__RegistryChange *m)
{
	m->subject_case = REGISTRY__REGISTRY_CHANGE__SUBJECT_SERVICE_KEY;
	m->service_key = STRING(c->service_key);
	if (!c->service)
		return;
	m->state_case = REGISTRY__REGISTRY_CHANGE__STATE_SERVICE_STATE;
	m->service_state = message_service(a, c->service);
}

static void set_node(struct arena *a, const struct index_change *c, Registry__RegistryChange *m)
{
	m->subject_case = REGISTRY__REGISTRY_CHANGE__SUBJECT_NODE_KEY;
	m->node_key = STRING(c->key);
	if (!c->node)
		return;
	m->state_case = REGISTRY__REGISTRY_CHANGE__STATE_NODE;
	m->node = message_node(a, c->service_key, NULL, c->node);
}

static void set_action(struct arena *a, const struct index_change *c, Registry__RegistryChange *m)
{
	m->subject_case = REGISTRY__REGISTRY_CHANGE__SUBJECT_ACTION_KEY;
	m->action_key = STRING(c->key);
	if (!c->action)
		return;
	m->state_case = REGISTRY__REGISTRY_CHANGE__STATE_ACTION;
	m->action = message_action(a, c->action);
}

static void set_author(struct arena *a, const struct index_change *c, Registry__RegistryChange *m)
{
	m->author = ARENA_NEW(a, Registry__ChangeAuthor);
	registry__change_author__init(m->author);
	m->author->address = STRING(c->author_address);
	m->author->application = STRING(c->author_application);
	m->author->user = STRING(c->author_user);
	m->author->trace = STRING(c->author_trace);
}

Registry__RegistryChange *message_change(struct arena *a, const struct index_change *c)
{
	Registry__RegistryChange *m = ARENA_NEW(a, Registry__RegistryChange);

	registry__registry_change__init(m);
	m->operation = REGISTRY__CHANGE_OPERATION__CHANGE_OPERATION_PUT;
	m->service = STRING(c->service_key);
	switch (c->kind) {
	case INDEX_DELETE_SERVICE:
		m->operation = REGISTRY__CHANGE_OPERATION__CHANGE_OPERATION_DELETE;
		/* fall through */
	case INDEX_PUT_SERVICE:
		set_service(a, c, m);
		break;
	case INDEX_EXPIRE_NODE:
	case INDEX_DELETE_NODE:
		m->operation = c->kind == INDEX_EXPIRE_NODE
				       ? REGISTRY__CHANGE_OPERATION__CHANGE_OPERATION_EXPIRE
				       : REGISTRY__CHANGE_OPERATION__CHANGE_OPERATION_DELETE;
		/* fall through */
	case INDEX_PUT_NODE:
		set_node(a, c, m);
		break;
	case INDEX_DELETE_ACTION:
		m->operation = REGISTRY__CHANGE_OPERATION__CHANGE_OPERATION_DELETE;
		/* fall through */
	case INDEX_PUT_ACTION:
		set_action(a, c, m);
		break;
	}
	m->revision = c->revision;
	if (c->revision == 0)
		return m;
	m->time = message_time(a, c->at_ms);
	set_author(a, c, m);
	return m;
}
