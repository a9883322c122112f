/* Changes as messages: what each kind shows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/registry/message.h"

#define OPERATION(name) REGISTRY__CHANGE_OPERATION__CHANGE_OPERATION_##name
#define SUBJECT(name)   REGISTRY__REGISTRY_CHANGE__SUBJECT_##name
#define STATE(name)     REGISTRY__REGISTRY_CHANGE__STATE_##name

static struct arena *arena;

static int set_up(void **state)
{
	arena = arena_new(0);
	return 0;
}

static int tear_down(void **state)
{
	arena_free(&arena);
	return 0;
}

static const struct node node = {
	.key = {"host-1", 6},
	.name = {"Host-1", 6},
	.address = {{"::1", 3}, {"https", 5}, 443},
	.weight = 7,
	.enabled = true,
	.health = NODE_FAILING,
	.check = NODE_CHECK_HTTP,
	.check_path = {"/up", 3},
	.health_reason = {"refused", 7},
	.metadata = {"{\"a\":1}", 7},
	.health_ms = 1500,
	.lease_ms = 1000,
};

static Registry__RegistryChange *message_of(
	enum index_change_kind kind, const struct index_change *more)
{
	struct index_change change = *more;

	change.kind = kind;
	change.service_key = TEXT("demo");
	return message_change(arena, &change);
}

static void assert_change(const Registry__RegistryChange *m, int operation, int subject, int state)
{
	assert_int_equal(m->operation, operation);
	assert_string_equal(m->service, "demo");
	assert_int_equal(m->subject_case, subject);
	assert_int_equal(m->state_case, state);
}

static void each_kind_has_its_operation_and_subject(void **state)
{
	struct service service = {.shown = TEXT("{}"), .name = TEXT("Demo"), .version = TEXT("")};
	struct action action = {.name = TEXT("List"),
		.params = TEXT("{}"),
		.uri = TEXT("/l"),
		.method = TEXT("GET")};
	const struct index_change change = {.key = TEXT("k"),
		.service = &service,
		.action = &action,
		.node = (struct node *)&node};
	const struct index_change gone = {.key = TEXT("k")};

	assert_change(message_of(INDEX_PUT_SERVICE, &change), OPERATION(PUT), SUBJECT(SERVICE_KEY),
		STATE(SERVICE_STATE));
	assert_change(message_of(INDEX_PUT_NODE, &change), OPERATION(PUT), SUBJECT(NODE_KEY),
		STATE(NODE));
	assert_change(message_of(INDEX_PUT_ACTION, &change), OPERATION(PUT), SUBJECT(ACTION_KEY),
		STATE(ACTION));
	assert_change(message_of(INDEX_DELETE_SERVICE, &gone), OPERATION(DELETE),
		SUBJECT(SERVICE_KEY), STATE(_NOT_SET));
	assert_change(message_of(INDEX_DELETE_NODE, &gone), OPERATION(DELETE), SUBJECT(NODE_KEY),
		STATE(_NOT_SET));
	assert_change(message_of(INDEX_EXPIRE_NODE, &gone), OPERATION(EXPIRE), SUBJECT(NODE_KEY),
		STATE(_NOT_SET));
	assert_change(message_of(INDEX_DELETE_ACTION, &gone), OPERATION(DELETE),
		SUBJECT(ACTION_KEY), STATE(_NOT_SET));
	assert_string_equal(message_of(INDEX_DELETE_NODE, &gone)->node_key, "k");
	assert_string_equal(message_of(INDEX_DELETE_ACTION, &gone)->action_key, "k");
	assert_string_equal(message_of(INDEX_DELETE_SERVICE, &gone)->service_key, "demo");
}

static void a_part_of_a_state_has_no_author(void **state)
{
	const struct index_change here = {.key = TEXT("k")};
	const struct index_change logged = {.key = TEXT("k"),
		.revision = 5,
		.at_ms = 1234,
		.author_address = TEXT("1.2.3.4:5"),
		.author_application = TEXT("app"),
		.author_user = TEXT("me"),
		.author_trace = TEXT("t")};
	Registry__RegistryChange *m = message_of(INDEX_DELETE_NODE, &here);

	assert_int_equal(m->revision, 0);
	assert_null(m->time);
	assert_null(m->author);
	m = message_of(INDEX_DELETE_NODE, &logged);
	assert_int_equal(m->revision, 5);
	assert_int_equal(m->time->seconds, 1);
	assert_int_equal(m->time->nanos, 234000000);
	assert_string_equal(m->author->address, "1.2.3.4:5");
	assert_string_equal(m->author->application, "app");
	assert_string_equal(m->author->user, "me");
	assert_string_equal(m->author->trace, "t");
}

static void a_node_shows_all_that_is_known(void **state)
{
	Registry__NodeInfo *info = message_node(arena, TEXT("demo"), NULL, &node);

	assert_string_equal(info->service, "demo");
	assert_string_equal(info->name, "Host-1");
	assert_string_equal(info->host, "::1");
	assert_int_equal(info->port, 443);
	assert_string_equal(info->protocol, "https");
	assert_int_equal(info->weight, 7);
	assert_string_equal(info->metadata, "{\"a\":1}");
	assert_int_equal(info->check, REGISTRY__NODE_CHECK__NODE_CHECK_HTTP);
	assert_string_equal(info->check_path, "/up");
	assert_int_equal(info->health, REGISTRY__NODE_HEALTH__NODE_HEALTH_FAILING);
	assert_string_equal(info->health_reason, "refused");
	assert_int_equal(info->health_time->nanos, 500000000);
	assert_int_equal(info->lease_ms, 1000);
	assert_false(info->available);
}

/* Alone it says of itself what its checks say; among others it may be protected. */
static void availability_depends_on_the_service_that_is_given(void **state)
{
	const struct node *nodes[] = {&node};
	const struct service service = {.nodes = nodes, .node_count = 1, .protect_percent = 50};

	assert_true(message_node(arena, TEXT("demo"), &service, &node)->available);
	index_protect(50);
	assert_false(message_node(arena, TEXT("demo"), NULL, &node)->available);
	index_protect(0);
}

static void an_own_node_comes_with_its_service(void **state)
{
	struct node own = node;
	const struct node *nodes[] = {&own, &node};
	struct service service = {.key = TEXT("demo"),
		.name = TEXT("Demo"),
		.version = TEXT("v2"),
		.shown = TEXT("{}"),
		.nodes = nodes,
		.node_count = 2,
		.protect_percent = 50};

	assert_null(message_service(arena, &service)->node);
	own.key = TEXT("");
	Registry__ServiceState *s = message_service(arena, &service);
	assert_string_equal(s->name, "Demo");
	assert_string_equal(s->version, "v2");
	assert_string_equal(s->settings, "{}");
	assert_string_equal(s->node->service, "demo");
	assert_false(s->node->available);
}

static void an_action_shows_only_an_address_of_its_own(void **state)
{
	struct action action = {.name = TEXT("List"),
		.uri = TEXT("/l"),
		.method = TEXT("GET"),
		.params = TEXT("{}"),
		.timeout_ms = 5};
	Registry__ActionState *a = message_action(arena, &action);

	assert_string_equal(a->address, "");
	assert_int_equal(a->timeout_ms, 5);
	action.own = (struct address){TEXT("::1"), TEXT("https"), 99};
	a = message_action(arena, &action);
	assert_string_equal(a->address, "https://[::1]:99");
	assert_string_equal(a->uri, "/l");
}

static void there_is_no_time_before_the_first(void **state)
{
	assert_null(message_time(arena, 0));
	assert_int_equal(message_time(arena, 1999)->nanos, 999000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_kind_has_its_operation_and_subject),
		cmocka_unit_test(a_part_of_a_state_has_no_author),
		cmocka_unit_test(a_node_shows_all_that_is_known),
		cmocka_unit_test(availability_depends_on_the_service_that_is_given),
		cmocka_unit_test(an_own_node_comes_with_its_service),
		cmocka_unit_test(an_action_shows_only_an_address_of_its_own),
		cmocka_unit_test(there_is_no_time_before_the_first),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
