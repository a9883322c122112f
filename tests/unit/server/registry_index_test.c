#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "server/registry/index.h"

/* --- making changes ------------------------------------------------------------------------- */

static struct arena *arena;
static int64_t revision;

static int set_up(void **state)
{
	arena = arena_new(0);
	*state = index_new();
	return 0;
}

static int tear_down(void **state)
{
	struct index *index = *state;
	index_free(&index);
	arena_free(&arena);
	return 0;
}

static struct index_change put_service(const char *space, const char *name, int port)
{
	struct service *s = ARENA_NEW(arena, struct service);
	struct node *node = ARENA_NEW(arena, struct node);

	const struct node **nodes = arena_array(arena, 1, sizeof(struct node *));

	*node = (struct node){.name = TEXT("n"),
		.address = {.host = TEXT("10.0.0.1"), .protocol = TEXT("http"), .port = port},
		.weight = 1,
		.enabled = true};
	nodes[0] = node;
	s->space = text_of(space);
	s->name = text_of(name);
	s->key = index_key(s->name, arena);
	s->settings = TEXT("{}");
	s->version = TEXT("");
	s->nodes = nodes;
	s->node_count = port ? 1 : 0;
	return (struct index_change){
		.kind = INDEX_PUT_SERVICE, .space = s->space, .service_key = s->key, .service = s};
}

static struct index_change put_action(const char *space, const char *service, const char *name)
{
	struct action *a = ARENA_NEW(arena, struct action);

	a->name = text_of(name);
	a->key = index_key(a->name, arena);
	a->uri = TEXT("/u");
	a->method = TEXT("GET");
	a->params = TEXT("{\"a\" : 1.0}");
	return (struct index_change){.kind = INDEX_PUT_ACTION,
		.space = text_of(space),
		.service_key = index_key(text_of(service), arena),
		.key = a->key,
		.action = a};
}

static struct index_change delete_of(struct index_change put)
{
	put.kind = put.kind == INDEX_PUT_SERVICE ? INDEX_DELETE_SERVICE : INDEX_DELETE_ACTION;
	return put;
}

static void apply(struct index *index, struct index_change change)
{
	index_apply(index, &change, 1, ++revision);
}

static const struct service *find(struct index *index, const char *space, const char *name)
{
	return index_service(index, text_of(space), text_of(name));
}

static bool is_there(struct index *index, const char *space, const char *name)
{
	const struct service *s = find(index, space, name);
	service_release(s);
	return s != NULL;
}

/* --- tests ---------------------------------------------------------------------------------- */

static void a_service_is_found_in_any_case_and_shown_as_registered(void **state)
{
	apply(*state, put_service("default", "DemoServer", 80));
	const struct service *s = find(*state, "default", "dEMOsERVER");
	assert_non_null(s);
	assert_string_equal(s->name.data, "DemoServer");
	assert_int_equal(s->nodes[0]->address.port, 80);
	assert_string_equal(s->nodes[0]->address.host.data, "10.0.0.1");
	service_release(s);
	assert_false(is_there(*state, "default", "DemoServe"));
}

static void a_namespace_is_compared_exactly_and_apart_from_others(void **state)
{
	apply(*state, put_service("one", "demo", 80));
	assert_true(is_there(*state, "one", "demo"));
	assert_false(is_there(*state, "One", "demo"));
	assert_false(is_there(*state, "two", "demo"));
	apply(*state, put_service("One", "demo", 81));
	apply(*state, delete_of(put_service("one", "demo", 80)));
	assert_false(is_there(*state, "one", "demo"));
	assert_true(is_there(*state, "One", "demo"));
}

static void what_was_looked_up_stays_as_it_was(void **state)
{
	apply(*state, put_service("default", "demo", 80));
	apply(*state, put_action("default", "demo", "list"));
	const struct service *before = find(*state, "default", "demo");
	apply(*state, put_service("default", "demo", 81));
	apply(*state, delete_of(put_action("default", "demo", "list")));
	apply(*state, delete_of(put_service("default", "demo", 81)));
	assert_int_equal(before->nodes[0]->address.port, 80);
	assert_int_equal(before->action_count, 1);
	assert_string_equal(before->actions[0]->params.data, "{\"a\" : 1.0}");
	assert_false(is_there(*state, "default", "demo"));
	service_release(before);
}

static void a_service_that_moves_keeps_its_actions(void **state)
{
	apply(*state, put_service("default", "demo", 80));
	apply(*state, put_action("default", "demo", "list"));
	apply(*state, put_service("default", "demo", 81));
	const struct service *s = find(*state, "default", "demo");
	assert_int_equal(s->nodes[0]->address.port, 81);
	assert_non_null(service_action(s, TEXT("list")));
	service_release(s);
}

static void actions_stand_in_the_order_of_their_names(void **state)
{
	static const char *const names[] = {"m", "B", "z", "a", "M"};

	apply(*state, put_service("default", "demo", 80));
	for (int i = 0; i < 5; i++)
		apply(*state, put_action("default", "demo", names[i]));
	const struct service *s = find(*state, "default", "demo");
	assert_int_equal(s->action_count, 4);
	assert_string_equal(s->actions[0]->key.data, "a");
	assert_string_equal(s->actions[1]->key.data, "b");
	assert_string_equal(s->actions[2]->key.data, "m");
	assert_string_equal(s->actions[3]->key.data, "z");
	service_release(s);
	apply(*state, delete_of(put_action("default", "demo", "b")));
	s = find(*state, "default", "demo");
	assert_int_equal(s->action_count, 3);
	assert_null(service_action(s, TEXT("B")));
	service_release(s);
}

static void an_action_is_found_by_short_and_full_name_in_any_case(void **state)
{
	struct index_change demo = put_service("default", "Demo", 80);

	demo.service->version = TEXT("v2");
	apply(*state, demo);
	apply(*state, put_action("default", "demo", "List"));
	apply(*state, put_action("default", "demo", "a.b"));
	const struct service *s = find(*state, "default", "V2.demo");
	assert_non_null(s);
	assert_string_equal(service_full_name(s, arena).data, "v2.Demo");
	assert_non_null(service_action(s, TEXT("lIST")));
	assert_non_null(service_action(s, TEXT("demo.list")));
	assert_non_null(service_action(s, TEXT("v2.demo.list")));
	assert_non_null(service_action(s, TEXT("a.b")));
	assert_non_null(service_action(s, TEXT("DEMO.a.b")));
	assert_null(service_action(s, TEXT("demo.")));
	assert_null(service_action(s, TEXT("demolist")));
	assert_null(service_action(s, TEXT("other.list")));
	service_release(s);
	assert_false(is_there(*state, "default", "v1.demo"));
}

static void an_action_of_no_service_is_left_out(void **state)
{
	apply(*state, put_action("default", "nobody", "list"));
	assert_false(is_there(*state, "default", "nobody"));
}

static void lists_are_ordered_by_name(void **state)
{
	apply(*state, put_service("default", "b", 1));
	apply(*state, put_service("default", "C", 1));
	apply(*state, put_service("default", "A", 1));
	apply(*state, put_service("other", "x", 1));
	struct service_list list = index_services(*state, TEXT("default"));
	assert_int_equal(list.count, 3);
	assert_string_equal(list.items[0]->name.data, "A");
	assert_string_equal(list.items[1]->name.data, "b");
	assert_string_equal(list.items[2]->name.data, "C");
	service_list_release(&list);
	list = index_services(*state, TEXT("nowhere"));
	assert_int_equal(list.count, 0);
	service_list_release(&list);
}

static void a_list_of_names_gives_each_service_once(void **state)
{
	char names[][8] = {"c", "a", "nobody", "C", "A"};
	char *pointers[] = {names[0], names[1], names[2], names[3], names[4]};

	apply(*state, put_service("default", "a", 1));
	apply(*state, put_service("default", "b", 1));
	apply(*state, put_service("default", "c", 1));
	struct service_list list = index_services_named(*state, TEXT("default"), pointers, 5);
	assert_int_equal(list.count, 2);
	assert_string_equal(list.items[0]->name.data, "a");
	assert_string_equal(list.items[1]->name.data, "c");
	service_list_release(&list);
}

static void a_new_content_replaces_the_old_one(void **state)
{
	struct index_change fresh[] = {put_service("default", "new", 1),
		put_action("default", "new", "b"), put_action("default", "new", "a")};

	apply(*state, put_service("default", "old", 1));
	apply(*state, put_service("gone", "old", 1));
	index_replace(*state, fresh, 3, ++revision);
	assert_false(is_there(*state, "default", "old"));
	assert_false(is_there(*state, "gone", "old"));
	const struct service *s = find(*state, "default", "new");
	assert_int_equal(s->action_count, 2);
	assert_string_equal(s->actions[0]->name.data, "a");
	service_release(s);
}

static void the_url_is_made_of_the_address_that_wins(void **state)
{
	struct index_change service = put_service("default", "demo", 8000);
	struct index_change action = put_action("default", "demo", "x");
	struct service *s = service.service;
	const struct node *node = s->nodes[0];
	struct action *x = action.action;

	assert_string_equal(action_url(x, node, arena).data, "http://10.0.0.1:8000/u");
	x->protocol = TEXT("https");
	assert_string_equal(action_url(x, node, arena).data, "https://10.0.0.1:8000/u");
	x->own = (struct address){.host = TEXT("::1"), .port = 9};
	assert_string_equal(action_url(x, node, arena).data, "https://[::1]:9/u");
	x->own.protocol = TEXT("http");
	assert_string_equal(action_url(x, node, arena).data, "http://[::1]:9/u");
	assert_true(action_available(s, x));
	s->node_count = 0;
	assert_true(action_available(s, x));
	assert_string_equal(action_url(x, NULL, arena).data, "http://[::1]:9/u");
	x->own.port = 0;
	assert_string_equal(action_url(x, NULL, arena).data, "");
	assert_false(action_available(s, x));
}

static void a_configured_node_is_asked_behind_its_base(void **state)
{
	struct index_change action = put_action("default", "demo", "x");
	struct node node = {.address = {.host = TEXT("h"), .protocol = TEXT("http"), .port = 1},
		.base = TEXT("/v1")};

	assert_string_equal(action_url(action.action, &node, arena).data, "http://h:1/v1/u");
	node.kind = NODE_KIND_GRAPHQL;
	assert_string_equal(action_url(action.action, &node, arena).data, "http://h:1/v1");
	action.action->own = (struct address){.host = TEXT("o"), .port = 2};
	assert_string_equal(action_url(action.action, &node, arena).data, "http://o:2/u");
}

/* --- nodes ------------------------------------------------------------------------------------ */

static struct index_change put_node(const char *service, const char *name, int weight)
{
	struct node *node = ARENA_NEW(arena, struct node);

	*node = (struct node){.name = text_of(name),
		.key = index_key(text_of(name), arena),
		.address = {.host = TEXT("10.0.0.2"), .protocol = TEXT("http"), .port = 1},
		.metadata = TEXT("{ \"a\":1.0}"),
		.weight = weight,
		.lease_ms = 1000,
		.enabled = true};
	return (struct index_change){.kind = INDEX_PUT_NODE,
		.space = TEXT("default"),
		.service_key = index_key(text_of(service), arena),
		.key = node->key,
		.node = node};
}

static struct index_change node_gone(const char *service, const char *name, bool expired)
{
	struct index_change change = put_node(service, name, 1);

	change.kind = expired ? INDEX_EXPIRE_NODE : INDEX_DELETE_NODE;
	change.node = NULL;
	return change;
}

static void assert_nodes(struct index *index, const char *service, const char *names)
{
	const struct service *s = find(index, "default", service);
	struct buffer all = {.arena = arena};

	assert_non_null(s);
	for (size_t i = 0; i < s->node_count; i++)
		buffer_printf(&all, "%s:%d ", s->nodes[i]->name.data, s->nodes[i]->weight);
	assert_true(text_equal(buffer_text(&all), text_of(names)));
	service_release(s);
}

static void nodes_stand_in_the_order_of_their_names_behind_the_own_one(void **state)
{
	apply(*state, put_service("default", "demo", 0));
	apply(*state, put_node("demo", "b-1", 1));
	apply(*state, put_node("demo", "C-1", 2));
	apply(*state, put_node("demo", "a-1", 3));
	assert_nodes(*state, "demo", "a-1:3 b-1:1 C-1:2 ");
	apply(*state, put_service("default", "demo", 80));
	assert_nodes(*state, "demo", "n:1 a-1:3 b-1:1 C-1:2 ");
	apply(*state, put_node("demo", "B-1", 4));
	assert_nodes(*state, "demo", "n:1 a-1:3 B-1:4 C-1:2 ");
	apply(*state, put_service("default", "demo", 0));
	assert_nodes(*state, "demo", "a-1:3 B-1:4 C-1:2 ");
}

static void a_node_goes_when_it_is_deleted_or_has_expired(void **state)
{
	apply(*state, put_service("default", "demo", 80));
	apply(*state, put_node("demo", "a-1", 1));
	apply(*state, put_node("demo", "b-1", 1));
	const struct service *before = find(*state, "default", "demo");
	apply(*state, node_gone("demo", "A-1", true));
	assert_nodes(*state, "demo", "n:1 b-1:1 ");
	apply(*state, node_gone("demo", "b-1", false));
	apply(*state, node_gone("demo", "b-1", false));
	apply(*state, node_gone("nobody", "b-1", true));
	assert_nodes(*state, "demo", "n:1 ");
	apply(*state, put_node("demo", "a-1", 7));
	assert_nodes(*state, "demo", "n:1 a-1:7 ");
	assert_int_equal(before->node_count, 3);
	assert_string_equal(before->nodes[1]->metadata.data, "{ \"a\":1.0}");
	service_release(before);
}

static void nodes_are_counted(void **state)
{
	apply(*state, put_node("nobody", "a-1", 1));
	assert_int_equal(index_size(*state).nodes, 0);
	apply(*state, put_service("default", "demo", 80));
	apply(*state, put_service("other", "demo", 0));
	apply(*state, put_node("demo", "a-1", 1));
	apply(*state, put_node("demo", "A-1", 2));
	assert_int_equal(index_size(*state).nodes, 2);
	assert_int_equal(index_size(*state).services, 2);
	apply(*state, node_gone("demo", "a-1", true));
	assert_int_equal(index_size(*state).nodes, 1);
	apply(*state, put_node("demo", "a-1", 1));
	apply(*state, delete_of(put_service("default", "demo", 80)));
	assert_int_equal(index_size(*state).nodes, 0);
	assert_int_equal(index_size(*state).services, 1);
}

/* --- threads -------------------------------------------------------------------------------- */

struct reading {
	struct index *index;
	atomic_bool stop;
	atomic_int reads, torn;
};

/* Both services are always put in one batch with one port. */
static void *read_pairs(void *arg)
{
	struct reading *r = arg;

	while (!atomic_load(&r->stop)) {
		struct service_list list = index_services(r->index, TEXT("default"));
		if (list.count != 2 || list.items[0]->nodes[0]->address.port !=
					       list.items[1]->nodes[0]->address.port)
			atomic_fetch_add(&r->torn, 1);
		service_list_release(&list);
		atomic_fetch_add(&r->reads, 1);
	}
	return NULL;
}

static void a_batch_becomes_visible_as_a_whole(void **state)
{
	struct reading r = {.index = *state};
	struct index_change pair[] = {
		put_service("default", "a", 1), put_service("default", "b", 1)};
	struct node node = *pair[0].service->nodes[0];
	const struct node *nodes[] = {&node};
	pthread_t threads[2];

	pair[0].service->nodes = pair[1].service->nodes = nodes;
	index_apply(*state, pair, 2, ++revision);
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, read_pairs, &r), 0);
	for (int round = 0; round < 300 || atomic_load(&r.reads) < 300; round++) {
		node.address.port = 1 + round % 60000;
		if (round % 10)
			index_apply(*state, pair, 2, ++revision);
		else
			index_replace(*state, pair, 2, ++revision);
	}
	atomic_store(&r.stop, true);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(atomic_load(&r.torn), 0);
}

static void many_services_are_all_found(void **state)
{
	enum { MANY = 20000 };
	struct index_change *changes = arena_array(arena, MANY, sizeof *changes);

	for (int i = 0; i < MANY; i++)
		changes[i] = put_service("default", arena_printf(arena, "Name-%d", i), 1 + i);
	index_replace(*state, changes, MANY / 2, ++revision);
	index_apply(*state, changes + MANY / 2, MANY / 2, ++revision);
	for (int i = 0; i < MANY; i++) {
		const struct service *s =
			find(*state, "default", arena_printf(arena, "name-%d", i));
		assert_non_null(s);
		assert_int_equal(s->nodes[0]->address.port, 1 + i);
		service_release(s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_service_is_found_in_any_case_and_shown_as_registered, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_namespace_is_compared_exactly_and_apart_from_others, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			what_was_looked_up_stays_as_it_was, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_service_that_moves_keeps_its_actions, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			actions_stand_in_the_order_of_their_names, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			an_action_is_found_by_short_and_full_name_in_any_case, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			an_action_of_no_service_is_left_out, set_up, tear_down),
		cmocka_unit_test_setup_teardown(lists_are_ordered_by_name, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_list_of_names_gives_each_service_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_new_content_replaces_the_old_one, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			the_url_is_made_of_the_address_that_wins, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_configured_node_is_asked_behind_its_base, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			nodes_stand_in_the_order_of_their_names_behind_the_own_one, set_up,
			tear_down),
		cmocka_unit_test_setup_teardown(
			a_node_goes_when_it_is_deleted_or_has_expired, set_up, tear_down),
		cmocka_unit_test_setup_teardown(nodes_are_counted, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_batch_becomes_visible_as_a_whole, set_up, tear_down),
		cmocka_unit_test_setup_teardown(many_services_are_all_found, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
