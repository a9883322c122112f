/* Which node requests go to: how evenly, and what changes when nodes do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "base/check.h"
#include "base/clock.h"
#include "bridge/gateway/balance.h"

#define START      (1000 * CLOCK_SECOND)
#define NODES_MOST 1000

static const struct balance_tried none;
static Registry__RouteBreaker breaker = {.half_open_ms = 1000, .consecutive = 1};
static Registry__RouteRule in_turn, least, hashed;
static int64_t now = START;

/* --- sets ------------------------------------------------------------------------------------ */

/* Nodes 0 to count - 1 at ports 1000 and on, without those whose weight is below 0; weights NULL:
 * all 1. */
static struct node_set *make(const int *weights, int count, const struct node_set *before)
{
	static Registry__RouteNode nodes[NODES_MOST];
	static Registry__RouteNode *list[NODES_MOST];
	static char names[NODES_MOST][16];
	Registry__RouteNodes all = REGISTRY__ROUTE_NODES__INIT;
	all.revision = (char *)"r1";
	all.nodes = list;
	for (int i = 0; i < count; i++) {
		if (weights && weights[i] < 0)
			continue;
		Registry__RouteNode *n = &nodes[all.n_nodes];
		registry__route_node__init(n);
		snprintf(names[i], sizeof(names[i]), "n%d", i);
		n->name = names[i];
		n->host = (char *)"node.test";
		n->port = 1000 + i;
		n->weight = weights ? weights[i] : 1;
		n->prefix = (char *)"/base";
		list[all.n_nodes++] = n;
	}
	return node_set_new(&all, before);
}

static int number(const struct node_choice *n)
{
	return n->endpoint->port - 1000;
}

static int pick_of(struct node_set *set, const Registry__RouteRule *rule, struct text header,
	const struct balance_tried *tried, enum endpoint_outcome outcome)
{
	const struct node_choice *n = balance_pick(set, rule, header, tried, now);
	if (!n)
		return -1;
	endpoint_end(n->endpoint, rule->breaker, outcome, now);
	return number(n);
}

static int pick(struct node_set *set, const Registry__RouteRule *rule)
{
	return pick_of(set, rule, (struct text){0}, &none, ENDPOINT_ANSWERED);
}

static void tally(struct node_set *set, const Registry__RouteRule *rule, int count, int *counts)
{
	memset(counts, 0, NODES_MOST * sizeof(*counts));
	for (int i = 0; i < count; i++)
		counts[pick(set, rule)]++;
}

static void leave_alone(struct node_set *set, size_t index)
{
	struct endpoint *e = node_set_node(set, index)->endpoint;
	assert_true(endpoint_begin(e, &breaker, now));
	endpoint_end(e, &breaker, ENDPOINT_NOT_REACHED, now);
}

static void a_set_is_what_it_was_made_of(void **state)
{
	(void)state;
	const int weights[] = {3, 0, 70000};
	struct node_set *set = make(weights, 3, NULL), *more = node_set_hold(set);
	assert_int_equal(node_set_count(set), 3);
	assert_string_equal(node_set_revision(set), "r1");
	assert_string_equal(node_set_node(set, 1)->name, "n1");
	assert_string_equal(node_set_node(set, 1)->base, "/base");
	assert_int_equal(node_set_node(set, 1)->weight, 0);
	assert_int_equal(node_set_node(set, 2)->weight, 65535);
	node_set_release(&set);
	assert_int_equal(node_set_node(more, 0)->weight, 3);
	node_set_release(&more);
	Registry__RouteNodes empty = REGISTRY__ROUTE_NODES__INIT;
	empty.reason = (char *)"all are failing";
	set = node_set_new(&empty, NULL);
	assert_int_equal(pick(set, &in_turn), -1);
	assert_string_equal(node_set_reason(set), "all are failing");
	node_set_release(&set);
}

/* --- in turn --------------------------------------------------------------------------------- */

static void each_node_has_its_weight_of_turns_in_every_round(void **state)
{
	(void)state;
	const int weights[] = {1, 5, 3, 7, 1, 100, 20};
	int counts[NODES_MOST];
	struct node_set *set = make(weights, 7, NULL);
	for (int round = 0; round < 20; round++) {
		tally(set, &in_turn, 137, counts);
		for (int i = 0; i < 7; i++)
			assert_int_equal(counts[i], weights[i]);
	}
	node_set_release(&set);
}

static void turns_are_spread_over_the_round(void **state)
{
	(void)state;
	const int weights[] = {2, 2, 10, 6};
	struct node_set *set = make(weights, 4, NULL);
	int last = -1, same = 0, counts[NODES_MOST];
	for (int i = 0; i < 400; i++) {
		tally(set, &in_turn, 10, counts); /* half a round */
		for (int n = 0; n < 4; n++)
			assert_in_range(counts[n] + 1, weights[n] / 2, weights[n] / 2 + 2);
	}
	node_set_release(&set);
	set = make(NULL, 2, NULL);
	for (int i = 0; i < 100; i++) {
		int node = pick(set, &in_turn);
		same += node == last;
		last = node;
	}
	assert_int_equal(same, 0);
	node_set_release(&set);
}

static void a_great_set_is_exact_too(void **state)
{
	(void)state;
	static int weights[NODES_MOST];
	int counts[NODES_MOST], total = 0;
	for (int i = 0; i < NODES_MOST; i++)
		total += weights[i] = 1 + i * 7 % 90;
	struct node_set *set = make(weights, NODES_MOST, NULL);
	tally(set, &in_turn, 17, counts); /* not from the beginning of a round */
	tally(set, &in_turn, total, counts);
	for (int i = 0; i < NODES_MOST; i++)
		assert_int_equal(counts[i], weights[i]);
	node_set_release(&set);
}

static void the_greatest_weights_are_exact(void **state)
{
	(void)state;
	const int weights[] = {65535, 1, 65534};
	int counts[NODES_MOST];
	struct node_set *set = make(weights, 3, NULL);
	tally(set, &in_turn, 131070, counts);
	for (int i = 0; i < 3; i++)
		assert_int_equal(counts[i], weights[i]);
	node_set_release(&set);
}

static void weight_0_is_for_when_there_is_no_other(void **state)
{
	(void)state;
	const int weights[] = {0, 1, 0}, zeros[] = {0, 0, 0};
	int counts[NODES_MOST];
	const Registry__RouteRule *const rules[] = {&in_turn, &least, &hashed};
	struct node_set *set = make(weights, 3, NULL);
	for (size_t i = 0; i < 3; i++) {
		struct balance_tried tried = {{node_set_node(set, 1)->endpoint}, 1};
		assert_int_equal(pick_of(set, rules[i], TEXT("x"), &none, ENDPOINT_ANSWERED), 1);
		assert_int_not_equal(
			pick_of(set, rules[i], TEXT("x"), &tried, ENDPOINT_ANSWERED), 1);
	}
	leave_alone(set, 1);
	tally(set, &in_turn, 100, counts);
	assert_int_equal(counts[0], 50);
	assert_int_equal(counts[2], 50);
	node_set_release(&set);
	set = make(zeros, 3, NULL);
	tally(set, &in_turn, 300, counts);
	assert_int_equal(counts[1], 100);
	node_set_release(&set);
}

static void the_turns_of_one_left_alone_are_shared(void **state)
{
	(void)state;
	const int weights[] = {2, 2, 2000, 4, 2};
	int counts[NODES_MOST];
	struct node_set *set = make(weights, 5, NULL);
	leave_alone(set, 2);
	for (int round = 0; round < 10; round++) {
		tally(set, &in_turn, 10, counts);
		for (int i = 0; i < 5; i++)
			assert_int_equal(counts[i], i == 2 ? 0 : weights[i]);
	}
	node_set_release(&set);
}

static void of_many_left_alone_the_others_are_found(void **state)
{
	(void)state;
	const Registry__RouteRule *const rules[] = {&in_turn, &least, &hashed};
	struct node_set *set = make(NULL, NODES_MOST, NULL);
	int counts[NODES_MOST], seen = 0;
	for (size_t i = 0; i < NODES_MOST; i++)
		if (i % 250)
			leave_alone(set, i);
	for (size_t r = 0; r < 3; r++) {
		tally(set, rules[r], 400, counts);
		for (int i = 0; i < NODES_MOST; i += 250)
			seen += counts[i];
		assert_in_range(counts[250], 50, 150);
	}
	assert_int_equal(seen, 1200);
	node_set_release(&set);
}

static void who_is_left_alone_is_tried_when_its_time_has_come(void **state)
{
	(void)state;
	int counts[NODES_MOST];
	struct node_set *set = make(NULL, 4, NULL);
	leave_alone(set, 1);
	tally(set, &in_turn, 90, counts);
	assert_int_equal(counts[1], 0);
	now += 2 * CLOCK_SECOND;
	tally(set, &in_turn, 400, counts);
	assert_in_range(counts[1], 99, 101);
	node_set_release(&set);
}

/* --- all tried, all left alone --------------------------------------------------------------- */

static void who_was_tried_is_not_taken_again_and_loses_no_turn(void **state)
{
	(void)state;
	const int weights[] = {1, 2, 3};
	struct node_set *set = make(weights, 3, NULL);
	int counts[NODES_MOST] = {0};
	struct balance_tried tried = {{node_set_node(set, 1)->endpoint}, 1};
	for (int i = 0; i < 40; i++)
		counts[pick_of(set, &in_turn, TEXT(""), &tried, ENDPOINT_ANSWERED)]++;
	assert_int_equal(counts[0], 10);
	assert_int_equal(counts[2], 30);
	tally(set, &in_turn, 20, counts); /* what it was owed comes first */
	assert_int_equal(counts[1], 20);
	tried.endpoints[tried.count++] = node_set_node(set, 0)->endpoint;
	assert_int_equal(pick_of(set, &in_turn, TEXT(""), &tried, ENDPOINT_ANSWERED), 2);
	tried.endpoints[tried.count++] = node_set_node(set, 2)->endpoint;
	assert_int_equal(pick_of(set, &in_turn, TEXT(""), &tried, ENDPOINT_ANSWERED), -1);
	node_set_release(&set);
}

static void of_all_left_alone_the_one_whose_trial_comes_first_is_taken(void **state)
{
	(void)state;
	const Registry__RouteRule *const rules[] = {&in_turn, &least, &hashed};
	for (size_t r = 0; r < 3; r++) {
		struct node_set *set = make(NULL, 5, NULL);
		size_t first = 0;
		for (size_t i = 0; i < 5; i++)
			leave_alone(set, i);
		for (size_t i = 1; i < 5; i++)
			if (endpoint_trial_time(node_set_node(set, i)->endpoint) <
				endpoint_trial_time(node_set_node(set, first)->endpoint))
				first = i;
		assert_int_equal(pick_of(set, rules[r], TEXT("x"), &none, ENDPOINT_UNKNOWN), first);
		struct balance_tried tried = {{node_set_node(set, first)->endpoint}, 1};
		int next = pick_of(set, rules[r], TEXT("x"), &tried, ENDPOINT_ANSWERED);
		assert_int_not_equal(next, first);
		assert_int_equal(pick(set, rules[r]), next); /* it has been taken again */
		node_set_release(&set);
	}
}

/* --- new sets -------------------------------------------------------------------------------- */

static void a_new_set_goes_on_where_the_old_one_was(void **state)
{
	(void)state;
	const int weights[] = {3, 1, 4, 1, 5, 9, 2, 6};
	struct node_set *one = make(weights, 8, NULL), *other = make(weights, 8, one);
	int expected[100];
	for (int i = 0; i < 17; i++)
		pick(one, &in_turn);
	struct node_set *next = make(weights, 8, one);
	for (int i = 0; i < 100; i++)
		expected[i] = pick(one, &in_turn);
	for (int i = 0; i < 100; i++)
		assert_int_equal(pick(next, &in_turn), expected[i]);
	node_set_release(&one);
	node_set_release(&next);
	node_set_release(&other);
}

/* At each request one of the even nodes is away, and one of the odd ones is there: whoever is away
 * when its turn comes loses it, which is one turn in a hundred. Were turns drawn anew for each set,
 * a third of the nodes would be more than 6 off. */
static void nodes_that_come_and_go_shift_the_turns_of_nobody(void **state)
{
	(void)state;
	enum { COUNT = 200, ROUNDS = 40 };
	static int weights[NODES_MOST], counts[NODES_MOST];
	struct node_set *set = make(weights, 0, NULL);
	uint32_t random = 1;
	memset(counts, 0, sizeof(counts));
	for (int i = 0; i < ROUNDS * COUNT / 2; i++) {
		for (int n = 0; n < COUNT; n++)
			weights[n] = n % 2 ? -1 : 1;
		random = random * 1664525 + 1013904223;
		weights[(random >> 16) % COUNT / 2 * 2] = -1;
		random = random * 1664525 + 1013904223;
		weights[(random >> 16) % COUNT / 2 * 2 + 1] = 1;
		struct node_set *next = make(weights, COUNT, set);
		node_set_release(&set);
		set = next;
		counts[pick(set, &in_turn)]++;
	}
	for (int n = 0; n < COUNT; n++)
		assert_in_range(counts[n], n % 2 ? 0 : ROUNDS - 8, n % 2 ? 8 : ROUNDS + 3);
	node_set_release(&set);
}

static void sets_without_one_before_begin_anywhere(void **state)
{
	(void)state;
	int counts[NODES_MOST] = {0}, seen = 0;
	for (int i = 0; i < 200; i++) {
		struct node_set *set = make(NULL, 10, NULL);
		counts[pick(set, &in_turn)]++;
		node_set_release(&set);
	}
	for (int i = 0; i < 10; i++)
		seen += counts[i] > 0;
	assert_true(seen > 4);
}

/* --- least outstanding ----------------------------------------------------------------------- */

static void the_one_with_the_least_to_do_by_weight_is_taken(void **state)
{
	(void)state;
	const int weights[] = {1, 4, 2};
	struct node_set *set = make(weights, 3, NULL);
	for (int i = 0; i < 700; i++)
		assert_non_null(balance_pick(set, &least, (struct text){0}, &none, now));
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(atomic_load(&node_set_node(set, i)->endpoint->outstanding),
			100 * weights[i]);
	for (int i = 0; i < 5; i++)
		endpoint_end(
			node_set_node(set, 0)->endpoint, least.breaker, ENDPOINT_ANSWERED, now);
	for (int i = 0; i < 5; i++)
		assert_int_equal(
			number(balance_pick(set, &least, (struct text){0}, &none, now)), 0);
	for (size_t i = 0; i < 3; i++)
		for (int k = 0; k < 100 * weights[i]; k++)
			endpoint_end(node_set_node(set, i)->endpoint, least.breaker,
				ENDPOINT_ANSWERED, now);
	node_set_release(&set);
}

static void of_those_with_the_same_to_do_one_is_drawn_by_weight(void **state)
{
	(void)state;
	const int weights[] = {1, 3};
	int counts[NODES_MOST];
	struct node_set *set = make(weights, 2, NULL);
	tally(set, &least, 4000, counts);
	assert_in_range(counts[0], 850, 1150);
	node_set_release(&set);
}

static void of_many_two_are_drawn(void **state)
{
	(void)state;
	static int weights[100];
	const int count = 100;
	for (int i = 0; i < count; i++)
		weights[i] = i == 50 ? 100 : 1;
	struct node_set *set = make(weights, count, NULL);
	for (int i = 0; i < 199 * 20; i++)
		assert_non_null(balance_pick(set, &least, (struct text){0}, &none, now));
	for (size_t i = 0; i < (size_t)count; i++) {
		struct endpoint *e = node_set_node(set, i)->endpoint;
		int outstanding = atomic_load(&e->outstanding);
		if (i == 50)
			assert_in_range(outstanding, 1600, 2400);
		else
			assert_in_range(outstanding, 10, 30); /* drawn once: up to 40 */
		while (atomic_load(&e->outstanding))
			endpoint_end(e, least.breaker, ENDPOINT_ANSWERED, now);
	}
	node_set_release(&set);
}

/* --- hash ------------------------------------------------------------------------------------ */

enum { VALUES = 20000 };

static int pick_value(struct node_set *set, int value)
{
	char text[32];
	snprintf(text, sizeof(text), "session-%d", value);
	return pick_of(set, &hashed, text_of(text), &none, ENDPOINT_ANSWERED);
}

static void the_same_value_goes_to_the_same_node(void **state)
{
	(void)state;
	int counts[10] = {0};
	struct node_set *one = make(NULL, 10, NULL), *other = make(NULL, 10, NULL);
	for (int i = 0; i < VALUES; i++) {
		int node = pick_value(one, i);
		assert_int_equal(pick_value(other, i), node);
		counts[node]++;
	}
	for (int i = 0; i < 10; i++)
		assert_in_range(counts[i], VALUES / 10 * 9 / 10, VALUES / 10 * 11 / 10);
	int node = pick_of(one, &hashed, TEXT(""), &none, ENDPOINT_ANSWERED);
	for (int i = 0; i < 10; i++)
		assert_int_equal(pick_of(one, &hashed, TEXT(""), &none, ENDPOINT_ANSWERED), node);
	node_set_release(&one);
	node_set_release(&other);
}

static void values_are_spread_by_weight(void **state)
{
	(void)state;
	const int weights[] = {1, 2, 7};
	int counts[3] = {0};
	struct node_set *set = make(weights, 3, NULL);
	for (int i = 0; i < VALUES; i++)
		counts[pick_value(set, i)]++;
	for (int i = 0; i < 3; i++)
		assert_in_range(counts[i], VALUES / 10 * weights[i] * 9 / 10,
			VALUES / 10 * weights[i] * 11 / 10);
	node_set_release(&set);
}

static void only_what_went_to_a_node_that_is_gone_goes_elsewhere(void **state)
{
	(void)state;
	static int before[VALUES];
	const int weights[] = {1, 1, 2, -1, 1, 1, 1, 1}, all[] = {1, 1, 2, 1, 1, 1, 1, 1};
	int moved[8] = {0};
	struct node_set *set = make(all, 8, NULL), *less = make(weights, 8, set);
	for (int i = 0; i < VALUES; i++)
		before[i] = pick_value(set, i);
	for (int i = 0; i < VALUES; i++) {
		int node = pick_value(less, i);
		if (before[i] == 3)
			moved[node]++;
		else
			assert_int_equal(node, before[i]);
	}
	for (int i = 0; i < 8; i++)
		assert_true(i == 3 || moved[i] > VALUES / 9 / 16);
	leave_alone(set, 3); /* the same as if it were gone */
	for (int i = 0; i < VALUES; i++)
		assert_int_equal(pick_value(set, i), pick_value(less, i));
	node_set_release(&set);
	node_set_release(&less);
}

static void without_the_header_it_is_in_turn(void **state)
{
	(void)state;
	int counts[NODES_MOST];
	struct node_set *set = make(NULL, 4, NULL);
	tally(set, &hashed, 400, counts);
	for (int i = 0; i < 4; i++)
		assert_int_equal(counts[i], 100);
	node_set_release(&set);
}

/* --- repeating ------------------------------------------------------------------------------- */

static int repetitions(struct node_set *set, int64_t at)
{
	int count = 0;
	while (balance_may_repeat(set, at))
		count++;
	return count;
}

static void a_fifth_may_be_repeated_and_ten_besides(void **state)
{
	(void)state;
	struct node_set *set = make(NULL, 2, NULL);
	assert_int_equal(repetitions(set, START), 10);
	for (int i = 0; i < 100; i++)
		balance_count(set, START + CLOCK_SECOND);
	assert_int_equal(repetitions(set, START + CLOCK_SECOND), 20);
	assert_int_equal(repetitions(set, START + 9 * CLOCK_SECOND), 0);
	assert_int_equal(repetitions(set, START + 10 * CLOCK_SECOND), 10);
	assert_int_equal(repetitions(set, START + 11 * CLOCK_SECOND), 0);
	struct node_set *next = make(NULL, 3, set);
	assert_int_equal(repetitions(next, START + 11 * CLOCK_SECOND), 0);
	for (int i = 0; i < 10; i++)
		balance_count(set, START + 11 * CLOCK_SECOND);
	node_set_release(&set);
	assert_int_equal(repetitions(next, START + 11 * CLOCK_SECOND), 2);
	node_set_release(&next);
}

static int prepare(void **state)
{
	(void)state;
	in_turn.balance = REGISTRY__ROUTE_BALANCE__ROUTE_BALANCE_ROUND_ROBIN;
	least.balance = REGISTRY__ROUTE_BALANCE__ROUTE_BALANCE_LEAST_OUTSTANDING;
	hashed.balance = REGISTRY__ROUTE_BALANCE__ROUTE_BALANCE_HASH;
	in_turn.breaker = least.breaker = hashed.breaker = &breaker;
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_set_is_what_it_was_made_of),
		cmocka_unit_test(each_node_has_its_weight_of_turns_in_every_round),
		cmocka_unit_test(turns_are_spread_over_the_round),
		cmocka_unit_test(a_great_set_is_exact_too),
		cmocka_unit_test(the_greatest_weights_are_exact),
		cmocka_unit_test(weight_0_is_for_when_there_is_no_other),
		cmocka_unit_test(the_turns_of_one_left_alone_are_shared),
		cmocka_unit_test(of_many_left_alone_the_others_are_found),
		cmocka_unit_test(who_is_left_alone_is_tried_when_its_time_has_come),
		cmocka_unit_test(who_was_tried_is_not_taken_again_and_loses_no_turn),
		cmocka_unit_test(of_all_left_alone_the_one_whose_trial_comes_first_is_taken),
		cmocka_unit_test(a_new_set_goes_on_where_the_old_one_was),
		cmocka_unit_test(nodes_that_come_and_go_shift_the_turns_of_nobody),
		cmocka_unit_test(sets_without_one_before_begin_anywhere),
		cmocka_unit_test(the_one_with_the_least_to_do_by_weight_is_taken),
		cmocka_unit_test(of_those_with_the_same_to_do_one_is_drawn_by_weight),
		cmocka_unit_test(of_many_two_are_drawn),
		cmocka_unit_test(the_same_value_goes_to_the_same_node),
		cmocka_unit_test(values_are_spread_by_weight),
		cmocka_unit_test(only_what_went_to_a_node_that_is_gone_goes_elsewhere),
		cmocka_unit_test(without_the_header_it_is_in_turn),
		cmocka_unit_test(a_fifth_may_be_repeated_and_ten_besides),
	};
	return cmocka_run_group_tests(tests, prepare, NULL);
}
