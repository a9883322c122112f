/* What a row of results makes of a node, and who is in charge of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "server/lane/members.h"
#include "server/registry/health.h"

/* Time in intervals: the window is as long as the header says. */
static const struct health_rules usual = {
	.down_after = 2, .up_after = 1, .window = HEALTH_FLAP_WINDOW};

static char letter_of(const struct health *h)
{
	if (h->flapping) {
		assert_int_equal(h->marked, NODE_FAILING);
		return 'F';
	}
	return h->marked == NODE_PASSING ? 'p' : h->marked == NODE_FAILING ? 'f' : '?';
}

/* Each result (+ or -) every so many intervals, and the mark after it: ?, p, f, or F while it is
 * flapping. What health_take() says has to be that the mark is another. */
static void assert_marks(struct health *h, const struct health_rules *rules, const char *results,
	const char *marks, int64_t every)
{
	static int64_t now;

	now += 1000;
	for (int i = 0; results[i]; i++) {
		char before = letter_of(h);
		bool changed = health_take(h, rules, results[i] == '+', now += every);

		if (letter_of(h) != marks[i])
			fail_msg("%s: %c instead of %c after %d", results, letter_of(h), marks[i],
				i + 1);
		assert_int_equal(changed, letter_of(h) != before);
	}
	assert_int_equal(strlen(results), strlen(marks));
}

static void assert_new(
	const struct health_rules *rules, const char *results, const char *marks, int64_t every)
{
	struct health h;

	health_begin(&h, NODE_UNKNOWN, false);
	assert_marks(&h, rules, results, marks, every);
}

/* --- thresholds ----------------------------------------------------------------------------- */

static void a_mark_changes_after_so_many_results_in_a_row(void **state)
{
	static const struct {
		int down_after, up_after;
		const char *results, *marks;
	} cases[] = {
		{1, 1, "+-", "pf"},
		{1, 1, "-+", "fp"},
		{2, 1, "+--+", "ppfp"},
		{2, 1, "--+", "?fp"},
		{2, 1, "-+-+-+-", "?pppppp"},
		{3, 2, "+-+--+---++", "????????ffp"},
		{3, 2, "++--+---+-++", "?ppppppffffp"},
		{1, 3, "++-++-+++", "??ffffffp"},
		{2, 2, "-+-+-+", "??????"},
		{5, 1, "+----+-----", "ppppppppppf"},
		{1000, 1, "-----+-----", "?????pppppp"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct health_rules rules = {cases[i].down_after, cases[i].up_after, 0};

		assert_new(&rules, cases[i].results, cases[i].marks, 1);
	}
}

static void what_is_known_of_a_node_stands_until_there_are_results_enough(void **state)
{
	struct health h;

	health_begin(&h, NODE_FAILING, false);
	assert_marks(&h, &usual, "--+", "ffp", 1);
	health_begin(&h, NODE_PASSING, false);
	assert_marks(&h, &usual, "++--", "pppf", 1);
}

/* --- flapping ------------------------------------------------------------------------------- */

static void one_change_too_many_within_the_window_is_flapping(void **state)
{
	struct health_rules quick = {1, 1, HEALTH_FLAP_WINDOW};

	/* Four changes are borne, the fifth is not. */
	assert_new(&quick, "+-+-+", "pfpfp", 1);
	assert_new(&quick, "+-+-+-", "pfpfpF", 1);
	assert_new(&quick, "-+-+-+", "fpfpfF", 1);
	assert_new(&usual, "+--+--+--+", "ppfppfppFF", 1);
}

static void the_first_mark_is_no_change(void **state)
{
	struct health_rules quick = {1, 1, HEALTH_FLAP_WINDOW};
	struct health h;

	assert_new(&quick, "-+-+-", "fpfpf", 1);
	health_begin(&h, NODE_PASSING, false);
	assert_marks(&h, &quick, "-+-+-", "fpfpF", 1);
}

static void changes_that_lie_apart_are_no_flapping(void **state)
{
	struct health_rules quick = {1, 1, HEALTH_FLAP_WINDOW};

	/* Five changes span four times the step: just within the window, and just beyond. */
	assert_new(&quick, "+-+-+-", "pfpfpF", HEALTH_FLAP_WINDOW / 4);
	assert_new(&quick, "+-+-+-+-+-+-", "pfpfpfpfpfpf", HEALTH_FLAP_WINDOW / 4 + 1);
}

static void flapping_ends_after_calm(void **state)
{
	struct health_rules quick = {1, 1, HEALTH_FLAP_WINDOW};
	struct health h;

	health_begin(&h, NODE_UNKNOWN, false);
	assert_marks(&h, &quick, "+-+-+-", "pfpfpF", 1);
	assert_marks(&h, &quick, "++++-++++-+++++", "FFFFFFFFFFFFFFp", 1);
	/* What was before is forgotten. */
	assert_new(&quick, "+-+-+-+++++-+-+-", "pfpfpFFFFFpfpfpF", 1);
	health_begin(&h, NODE_FAILING, true);
	assert_marks(&h, &quick, "--+++++", "FFFFFFp", 1);
}

static void a_pass_that_made_it_flap_counts_for_calm(void **state)
{
	struct health_rules quick = {1, 1, HEALTH_FLAP_WINDOW};

	assert_new(&quick, "-+-+-+++++", "fpfpfFFFFp", 1);
}

static void calm_is_never_less_than_the_threshold(void **state)
{
	struct health_rules slow = {1, HEALTH_CALM + 2, HEALTH_FLAP_WINDOW};
	struct health h;

	health_begin(&h, NODE_FAILING, true);
	assert_marks(&h, &slow, "+++++++", "FFFFFFp", 1);
}

/* --- rendezvous ----------------------------------------------------------------------------- */

#define NODES 20000

static void hashes_are_the_same_on_all_machines(void **state)
{
	assert_true(members_hash(TEXT("")) == UINT64_C(0xefd01f60ba992926));
	assert_true(members_hash(TEXT("a")) == UINT64_C(0x82a2a958a9bece5b));
	assert_true(members_hash((struct text){"default\0demo\0n1\0", 16}) ==
		    UINT64_C(0xf96c16d008d7c66a));
	const uint64_t three[] = {members_hash(TEXT("one-1")), members_hash(TEXT("two-2")),
		members_hash(TEXT("three-3"))};
	static const int chosen[] = {1, 0, 0, 2, 0, 1, 2, 1};
	for (int i = 0; i < 8; i++) {
		char name[16];

		snprintf(name, sizeof name, "n%d", i);
		assert_int_equal(members_choose(three, 3, members_hash(text_of(name))), chosen[i]);
	}
}

static uint64_t node_hash(int i)
{
	char name[32];

	snprintf(name, sizeof name, "default-demo-%d", i);
	return members_hash(text_of(name));
}

static void nodes_are_shared_out_evenly_and_only_those_of_one_that_goes_move(void **state)
{
	const uint64_t all[] = {members_hash(TEXT("host-1700000000001")),
		members_hash(TEXT("host-1700000000002")), members_hash(TEXT("host-1700000000003"))};
	int shares[3] = {0}, moved[3] = {0};

	for (int i = 0; i < NODES; i++) {
		size_t before = members_choose(all, 3, node_hash(i));
		size_t after = members_choose(all, 2, node_hash(i)); /* the last one has gone */

		shares[before]++;
		if (before != 2)
			assert_int_equal(after, before);
		else
			moved[after]++;
		assert_int_equal(members_choose(&all[1], 1, node_hash(i)), 0);
	}
	for (int i = 0; i < 3; i++)
		assert_in_range(shares[i], NODES / 3 * 9 / 10, NODES / 3 * 11 / 10);
	for (int i = 0; i < 2; i++)
		assert_in_range(moved[i], shares[2] / 2 * 9 / 10, shares[2] / 2 * 11 / 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_mark_changes_after_so_many_results_in_a_row),
		cmocka_unit_test(what_is_known_of_a_node_stands_until_there_are_results_enough),
		cmocka_unit_test(one_change_too_many_within_the_window_is_flapping),
		cmocka_unit_test(the_first_mark_is_no_change),
		cmocka_unit_test(changes_that_lie_apart_are_no_flapping),
		cmocka_unit_test(flapping_ends_after_calm),
		cmocka_unit_test(a_pass_that_made_it_flap_counts_for_calm),
		cmocka_unit_test(calm_is_never_less_than_the_threshold),
		cmocka_unit_test(hashes_are_the_same_on_all_machines),
		cmocka_unit_test(nodes_are_shared_out_evenly_and_only_those_of_one_that_goes_move),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
