/* Which node a call goes to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/check.h"
#include "server/registry/index.h"

enum { MOST = 64 };

static struct arena *arena;
static struct index *registry;
static int64_t revision;

static int set_up(void **state)
{
	arena = arena_new(0);
	registry = index_new();
	index_protect(0);
	return 0;
}

static int tear_down(void **state)
{
	index_free(&registry);
	arena_free(&arena);
	return 0;
}

/* --- a service of some nodes ------------------------------------------------------------------ */

static void apply(struct index_change change)
{
	change.space = TEXT("default");
	change.service_key = TEXT("s");
	index_apply(registry, &change, 1, ++revision);
}

static void put_service(int protect_percent)
{
	struct service service = {.space = TEXT("default"),
		.key = TEXT("s"),
		.name = TEXT("S"),
		.settings = TEXT("{}"),
		.protect_percent = protect_percent};

	apply((struct index_change){.kind = INDEX_PUT_SERVICE, .service = &service});
}

static struct node healthy(int i, int weight)
{
	return (struct node){.key = text_of(arena_printf(arena, "n%02d", i)),
		.name = TEXT("n"),
		.address = {.host = TEXT("10.0.0.1"), .protocol = TEXT("http"), .port = i + 1},
		.weight = weight,
		.enabled = true};
}

static void put_node(struct node node)
{
	apply((struct index_change){.kind = INDEX_PUT_NODE, .key = node.key, .node = &node});
}

static const struct service *put(const int *weights, int count)
{
	put_service(-1);
	for (int i = 0; i < count; i++)
		put_node(healthy(i, weights[i]));
	return index_service(registry, TEXT("default"), TEXT("s"));
}

#define PUT(...)                                                                                   \
	put((const int[]){__VA_ARGS__}, (int)(sizeof((const int[]){__VA_ARGS__}) / sizeof(int)))

static const struct service *again(const struct service *before)
{
	service_release(before);
	return index_service(registry, TEXT("default"), TEXT("s"));
}

/* The number of the node that is picked; -1: none. */
static int pick_but(const struct service *s, const struct node *const *tried, size_t count)
{
	const struct node *node = service_pick(s, NODE_KIND_HTTP, tried, count);
	return node ? node->address.port - 1 : -1;
}

static int pick(const struct service *s)
{
	return pick_but(s, NULL, 0);
}

static size_t some(int picked)
{
	CHECK(picked >= 0);
	return (size_t)picked;
}

static void assert_shares(const struct service *s, int picks, const int *expected, int count)
{
	int shares[MOST] = {0};

	for (int i = 0; i < picks; i++)
		shares[some(pick(s))]++;
	assert_memory_equal(shares, expected, (size_t)count * sizeof(int));
}

/* --- weights ---------------------------------------------------------------------------------- */

static void each_has_exactly_its_weight_in_any_round(void **state)
{
	srandom(1);
	for (int set = 0; set < 300; set++) {
		int weights[MOST], count = 1 + (int)random() % 12, sum = 0;
		const struct service *s;

		for (int i = 0; i < count; i++)
			sum += weights[i] = (int)random() % (set % 2 ? 4 : 100);
		s = put(weights, count);
		for (int i = (int)random() % 50; i > 0; i--)
			pick(s);
		for (int round = 0; sum > 0 && round < 3; round++)
			assert_shares(s, sum, weights, count);
		service_release(s);
		apply((struct index_change){.kind = INDEX_DELETE_SERVICE});
	}
}

static void each_has_its_share_of_any_stretch_but_for_a_few_turns(void **state)
{
	srandom(2);
	for (int set = 0; set < 200; set++) {
		int weights[MOST], got[MOST] = {0}, count = 2 + (int)random() % 9, sum = 0;
		const struct service *s;

		for (int i = 0; i < count; i++)
			sum += weights[i] = 1 + (int)random() % 20;
		s = put(weights, count);
		for (int turn = 1; turn <= 2 * sum; turn++) {
			got[some(pick(s))]++;
			for (int i = 0; i < count; i++)
				assert_true(abs(got[i] * sum - turn * weights[i]) < 5 * sum);
		}
		service_release(s);
		apply((struct index_change){.kind = INDEX_DELETE_SERVICE});
	}
}

static void nodes_of_one_weight_take_turns(void **state)
{
	const struct service *s = PUT(3, 3);
	int before = pick(s);

	for (int i = 0; i < 100; i++) {
		int next = pick(s);
		assert_int_equal(next, 1 - before);
		before = next;
	}
	service_release(s);
	apply((struct index_change){.kind = INDEX_DELETE_SERVICE});
	s = PUT(1, 1, 1, 1, 1);
	int order[5];
	for (int i = 0; i < 5; i++)
		order[i] = pick(s);
	for (int i = 0; i < 50; i++)
		assert_int_equal(pick(s), order[i % 5]);
	service_release(s);
}

static void weight_zero_is_picked_only_if_there_is_no_other(void **state)
{
	const struct service *s = PUT(0, 2, 0);
	struct node failing = healthy(1, 2);

	assert_shares(s, 50, (const int[]){0, 50, 0}, 3);
	failing.health = NODE_FAILING;
	put_node(failing);
	s = again(s);
	assert_shares(s, 50, (const int[]){25, 0, 25}, 3);
	service_release(s);
}

static void the_greatest_weights_of_many_nodes_do_not_overflow(void **state)
{
	int weights[MOST];

	for (int i = 0; i < MOST; i++)
		weights[i] = 10000;
	const struct service *s = put(weights, MOST);
	assert_shares(s, MOST * 10000, weights, MOST);
	service_release(s);
}

static void no_node_no_pick(void **state)
{
	put_service(-1);
	const struct service *s = again(NULL);
	assert_int_equal(pick(s), -1);
	assert_false(service_available(s));
	service_release(s);
}

static void the_only_node_is_picked_always(void **state)
{
	const struct service *s = PUT(7);
	assert_shares(s, 20, (const int[]){20}, 1);
	service_release(s);
}

/* --- what is up ------------------------------------------------------------------------------- */

static void who_is_disabled_failing_or_flapping_is_not_picked(void **state)
{
	const struct service *s = PUT(1, 1, 1, 1);
	struct node disabled = healthy(0, 1), failing = healthy(1, 1), flapping = healthy(2, 1);

	disabled.enabled = false;
	failing.health = NODE_FAILING;
	flapping.flapping = true;
	flapping.health = NODE_PASSING;
	put_node(disabled);
	put_node(failing);
	put_node(flapping);
	s = again(s);
	assert_shares(s, 12, (const int[]){0, 0, 0, 12}, 4);
	for (int i = 0; i < 4; i++)
		assert_int_equal(node_available(s, s->nodes[i]), i == 3);
	assert_true(service_available(s));
	disabled = healthy(3, 1);
	disabled.enabled = false;
	put_node(disabled);
	s = again(s);
	assert_int_equal(pick(s), -1);
	assert_false(service_available(s));
	service_release(s);
}

/* The first `failing` of four, and a fifth one that is disabled. */
static const struct service *fail_some(int failing, int protect_percent)
{
	struct node disabled = healthy(4, 1);

	put_service(protect_percent);
	for (int i = 0; i < 4; i++) {
		struct node node = healthy(i, 1);
		node.health = i < failing ? NODE_FAILING : NODE_PASSING;
		put_node(node);
	}
	disabled.enabled = false;
	put_node(disabled);
	return again(NULL);
}

static void assert_picked(int failing, int protect_percent, const int expected[5])
{
	const struct service *s = fail_some(failing, protect_percent);

	assert_shares(s, 12, expected, 5);
	for (int i = 0; i < 5; i++)
		assert_int_equal(node_available(s, s->nodes[i]), expected[i] > 0);
	service_release(s);
}

static void below_the_threshold_checks_are_not_believed(void **state)
{
	static const int all[5] = {3, 3, 3, 3, 0}, two[5] = {0, 0, 6, 6, 0},
			 one[5] = {0, 0, 0, 12, 0};

	assert_picked(3, -1, one);
	index_protect(25);
	assert_picked(2, -1, two);
	assert_picked(3, -1, all); /* a quarter is up: at most 25 percent */
	assert_picked(4, -1, all);
	assert_picked(3, 24, one); /* the service's own word counts */
	assert_picked(2, 50, all);
	assert_picked(3, 0, one);
	const struct service *s = fail_some(4, 0);
	assert_int_equal(pick(s), -1);
	service_release(s);
}

/* --- another one ------------------------------------------------------------------------------ */

static void who_was_tried_is_not_picked_again(void **state)
{
	const struct service *s = PUT(5, 1, 0);
	const struct node *tried[3];

	for (int i = 0; i < 20; i++) {
		tried[0] = s->nodes[0];
		assert_int_equal(pick_but(s, tried, 1), 1);
		tried[1] = s->nodes[1];
		assert_int_equal(pick_but(s, tried, 2), 2);
		tried[2] = s->nodes[2];
		assert_int_equal(pick_but(s, tried, 3), -1);
	}
	service_release(s);
}

static void picking_again_keeps_the_weights_and_shifts_no_turn(void **state)
{
	const struct service *s = PUT(1, 1, 2);
	int first[3] = {0}, second[3] = {0};

	for (int i = 0; i < 120; i++) {
		const struct node *dead = s->nodes[0];
		size_t picked = some(pick(s));

		first[picked]++;
		if (picked == 0)
			second[some(pick_but(s, &dead, 1))]++;
	}
	assert_memory_equal(first, ((const int[]){30, 30, 60}), sizeof(first));
	assert_memory_equal(second, ((const int[]){0, 10, 20}), sizeof(second));
	service_release(s);
}

static void a_change_of_the_service_does_not_begin_the_round_anew(void **state)
{
	const struct service *s = PUT(1, 1, 1);
	int shares[3] = {0};

	for (int i = 0; i < 30; i++) {
		shares[some(pick(s))]++;
		struct node node = healthy(i % 3, 1);
		node.health_ms = i;
		put_node(node);
		s = again(s);
	}
	assert_memory_equal(shares, ((const int[]){10, 10, 10}), sizeof(shares));
	service_release(s);
}

/* --- many at once ----------------------------------------------------------------------------- */

enum { THREADS = 4, ROUNDS = 2000 };

static atomic_int counts[3];
static atomic_bool done;

static void *pick_many(void *arg)
{
	for (int i = 0; i < ROUNDS * 6; i++) {
		const struct service *s = index_service(registry, TEXT("default"), TEXT("s"));
		atomic_fetch_add(&counts[some(pick(s))], 1);
		service_release(s);
	}
	return NULL;
}

static void *change_on(void *arg)
{
	struct node node = healthy(0, 1);

	while (!atomic_load(&done)) {
		node.health_ms++;
		put_node(node);
	}
	return NULL;
}

static void threads_together_keep_the_weights_while_nodes_change(void **state)
{
	pthread_t threads[THREADS], changer;

	service_release(PUT(1, 2, 3));
	assert_int_equal(pthread_create(&changer, NULL, change_on, NULL), 0);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, pick_many, NULL), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	atomic_store(&done, true);
	pthread_join(changer, NULL);
	for (int i = 0; i < 3; i++)
		assert_int_equal(counts[i], THREADS * ROUNDS * (i + 1));
}

/* --- kinds ------------------------------------------------------------------------------------ */

static struct node of_kind(int i, enum node_kind kind)
{
	struct node node = healthy(i, 1);

	node.kind = kind;
	return node;
}

static int pick_kind(const struct service *s, enum node_kind kind)
{
	const struct node *node = service_pick(s, kind, NULL, 0);

	return node ? node->address.port - 1 : -1;
}

static void only_nodes_of_the_kind_are_picked_in_turns_of_their_own(void **state)
{
	const struct service *s;

	put_service(-1);
	put_node(of_kind(0, NODE_KIND_HTTP));
	put_node(of_kind(1, NODE_KIND_GRAPHQL));
	put_node(of_kind(2, NODE_KIND_HTTP));
	put_node(of_kind(3, NODE_KIND_GRAPHQL));
	s = index_service(registry, TEXT("default"), TEXT("s"));
	for (int i = 0; i < 4; i++) {
		assert_int_equal(pick_kind(s, NODE_KIND_HTTP), i % 2 ? 0 : 2);
		assert_int_equal(pick_kind(s, NODE_KIND_GRAPHQL), i % 2 ? 1 : 3);
		assert_int_equal(pick_kind(s, NODE_KIND_UPGRADE), -1);
	}
	assert_true(service_available(s));
	service_release(s);
}

static void an_action_is_available_at_nodes_of_its_kind(void **state)
{
	const struct action asked = {.kind = NODE_KIND_GRAPHQL}, plain = {.kind = NODE_KIND_HTTP};
	const struct service *s;

	put_service(-1);
	put_node(of_kind(0, NODE_KIND_GRAPHQL));
	s = index_service(registry, TEXT("default"), TEXT("s"));
	assert_true(action_available(s, &asked));
	assert_false(action_available(s, &plain));
	assert_true(service_available(s));
	service_release(s);
}

static void checks_of_one_kind_are_believed_whatever_those_of_another_say(void **state)
{
	struct node down = of_kind(0, NODE_KIND_HTTP);
	const struct service *s;

	down.health = NODE_FAILING;
	put_service(50);
	put_node(down);
	put_node(of_kind(1, NODE_KIND_HTTP));
	put_node(of_kind(2, NODE_KIND_HTTP));
	for (int i = 3; i < 6; i++) {
		down = of_kind(i, NODE_KIND_GRAPHQL);
		down.health = NODE_FAILING;
		put_node(down);
	}
	s = index_service(registry, TEXT("default"), TEXT("s"));
	for (int i = 0; i < 4; i++)
		assert_true(pick_kind(s, NODE_KIND_HTTP) > 0);
	assert_true(pick_kind(s, NODE_KIND_GRAPHQL) >= 3);
	service_release(s);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_has_exactly_its_weight_in_any_round),
		TEST(each_has_its_share_of_any_stretch_but_for_a_few_turns),
		TEST(nodes_of_one_weight_take_turns),
		TEST(weight_zero_is_picked_only_if_there_is_no_other),
		TEST(the_greatest_weights_of_many_nodes_do_not_overflow),
		TEST(no_node_no_pick),
		TEST(the_only_node_is_picked_always),
		TEST(who_is_disabled_failing_or_flapping_is_not_picked),
		TEST(below_the_threshold_checks_are_not_believed),
		TEST(who_was_tried_is_not_picked_again),
		TEST(picking_again_keeps_the_weights_and_shifts_no_turn),
		TEST(a_change_of_the_service_does_not_begin_the_round_anew),
		TEST(threads_together_keep_the_weights_while_nodes_change),
		TEST(only_nodes_of_the_kind_are_picked_in_turns_of_their_own),
		TEST(an_action_is_available_at_nodes_of_its_kind),
		TEST(checks_of_one_kind_are_believed_whatever_those_of_another_say),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
