/* Which nodes are checked, and what a change of the registry does to what is known of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "server/registry/targets.h"

static struct targets targets;
static char removed[256]; /* the keys of those that have gone, in order */

static void note_removed(void *arg, struct target *t)
{
	assert_ptr_equal(arg, &targets);
	assert_true(t->gone);
	strcat(removed, t->node_key.data);
	strcat(removed, ";");
}

static int set_up(void **state)
{
	targets = (struct targets){.removed = note_removed,
		.arg = &targets,
		.table = {.exact = true},
		.groups = {.exact = true}};
	removed[0] = '\0';
	return 0;
}

static int tear_down(void **state)
{
	targets_clear(&targets);
	return 0;
}

static struct node node_at(const char *key, int port)
{
	return (struct node){.key = text_of(key),
		.name = text_of(key),
		.address = {.host = TEXT("10.0.0.1"), .protocol = TEXT("http"), .port = port},
		.check = NODE_CHECK_TCP};
}

static struct target *put(const char *service, struct node node, bool made)
{
	bool is_made;
	struct target *t =
		targets_put(&targets, TEXT("default"), text_of(service), &node, &is_made);

	assert_int_equal(is_made, made);
	return t;
}

static void assert_removed(const char *keys)
{
	assert_string_equal(removed, keys);
	removed[0] = '\0';
}

/* --- tests ---------------------------------------------------------------------------------- */

static void a_target_knows_what_it_is_called_and_where_it_is(void **state)
{
	struct node node = node_at("n1", 80);
	struct target *t;

	node.check = NODE_CHECK_HTTP;
	node.check_path = TEXT("/up");
	node.health = NODE_FAILING;
	t = put("demo", node, true);
	assert_string_equal(t->space.data, "default");
	assert_string_equal(t->service_key.data, "demo");
	assert_string_equal(t->node_key.data, "n1");
	assert_string_equal(t->address.host.data, "10.0.0.1");
	assert_string_equal(t->check_path.data, "/up");
	assert_int_equal(t->address.port, 80);
	assert_int_equal(t->health.marked, NODE_FAILING);
}

static void the_same_again_keeps_what_was_counted(void **state)
{
	struct node node = node_at("n1", 80);
	struct target *t = put("demo", node, true);

	t->health.run = 7;
	node.weight = 9;
	node.metadata = TEXT("{\"a\":1}");
	assert_ptr_equal(put("demo", node, false), t);
	assert_int_equal(t->health.run, 7);
	assert_removed("");
}

static void one_that_moves_or_is_checked_otherwise_begins_anew(void **state)
{
	static const struct {
		int port;
		const char *host, *protocol, *path;
	} steps[] = {
		{80, "10.0.0.1", "http", ""},
		{81, "10.0.0.1", "http", ""},
		{81, "10.0.0.2", "http", ""},
		{81, "10.0.0.2", "https", ""},
		{81, "10.0.0.2", "https", "/a"},
		{81, "10.0.0.2", "https", "/b"},
	};

	for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
		struct node node = node_at("n1", steps[i].port);
		struct target *t;

		node.address.host = text_of(steps[i].host);
		node.address.protocol = text_of(steps[i].protocol);
		node.check_path = text_of(steps[i].path);
		node.check = *steps[i].path ? NODE_CHECK_HTTP : NODE_CHECK_TCP;
		t = put("demo", node, true);
		assert_int_equal(t->health.run, 0);
		t->health.run = 7;
		assert_removed(i ? "n1;" : "");
	}
}

static void one_that_is_not_to_be_checked_is_no_target(void **state)
{
	struct node node = node_at("n1", 80);

	put("demo", node, true);
	node.check = NODE_CHECK_NONE;
	assert_null(put("demo", node, false));
	assert_removed("n1;");
	assert_null(put("demo", node, false));
	assert_removed("");
}

static void what_others_have_found_is_taken_over_unless_ours_is_on_its_way(void **state)
{
	struct node node = node_at("n1", 80);
	struct target *t = put("demo", node, true);

	t->health.run = 7;
	node.health = NODE_FAILING;
	put("demo", node, false);
	assert_int_equal(t->health.marked, NODE_FAILING);
	assert_int_equal(t->health.run, 7);
	node.health = NODE_PASSING;
	t->unwritten = true;
	put("demo", node, false);
	t->unwritten = false;
	t->writing = true;
	put("demo", node, false);
	t->writing = false;
	assert_int_equal(t->health.marked, NODE_FAILING);
	node.flapping = true;
	put("demo", node, false);
	assert_true(t->health.flapping);
	assert_int_equal(t->health.marked, NODE_FAILING);
	node.flapping = false;
	put("demo", node, false);
	assert_false(t->health.flapping);
	assert_int_equal(t->health.marked, NODE_PASSING);
}

static void nodes_are_removed_by_name_and_with_their_service(void **state)
{
	put("demo", node_at("a", 1), true);
	put("demo", node_at("b", 1), true);
	put("demo", node_at("", 1), true);
	put("demo2", node_at("c", 1), true);
	targets_remove(&targets, TEXT("default"), TEXT("demo"), TEXT("nobody"));
	targets_remove(&targets, TEXT("other"), TEXT("demo"), TEXT("a"));
	assert_removed("");
	targets_remove(&targets, TEXT("default"), TEXT("demo"), TEXT("a"));
	assert_removed("a;");
	targets_remove_service(&targets, TEXT("default"), TEXT("demo"));
	assert_removed(";b;");
	targets_remove_service(&targets, TEXT("default"), TEXT("demo"));
	assert_removed("");
	assert_int_equal(targets.table.count, 1);
	assert_int_equal(targets.groups.count, 1);
}

static void a_whole_load_removes_the_others_and_keeps_what_was_counted(void **state)
{
	struct target *kept = put("demo", node_at("kept", 1), true);

	kept->health.run = 7;
	put("demo", node_at("gone", 1), true);
	targets_begin_load(&targets);
	put("demo", node_at("kept", 1), false);
	put("new", node_at("new", 1), true);
	targets_end_load(&targets);
	assert_removed("gone;");
	assert_int_equal(kept->health.run, 7);
	assert_int_equal(targets.table.count, 2);
}

static void one_that_is_held_outlives_the_table(void **state)
{
	struct target *t = put("demo", node_at("a", 1), true);

	target_hold(t);
	targets_remove_service(&targets, TEXT("default"), TEXT("demo"));
	assert_true(t->gone);
	assert_string_equal(t->node_key.data, "a");
	target_release(t);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_target_knows_what_it_is_called_and_where_it_is),
		TEST(the_same_again_keeps_what_was_counted),
		TEST(one_that_moves_or_is_checked_otherwise_begins_anew),
		TEST(one_that_is_not_to_be_checked_is_no_target),
		TEST(what_others_have_found_is_taken_over_unless_ours_is_on_its_way),
		TEST(nodes_are_removed_by_name_and_with_their_service),
		TEST(a_whole_load_removes_the_others_and_keeps_what_was_counted),
		TEST(one_that_is_held_outlives_the_table),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
