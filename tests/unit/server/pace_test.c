/* How many attempts may begin when: slots, rate and breaker, told the time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "server/pace.h"

static const int64_t start = 1000 * CLOCK_SECOND;

static int room(struct pace *p, int64_t now)
{
	int64_t again;

	return pace_room(p, now, &again);
}

static int64_t asked_again(struct pace *p, int64_t now)
{
	int64_t again;

	assert_int_equal(pace_room(p, now, &again), 0);
	return again;
}

static void attempt(struct pace *p, int64_t now, bool lives, int64_t wait_ms)
{
	assert_true(room(p, now) > 0);
	pace_begin(p);
	pace_end(p, now, lives, wait_ms);
}

static void fail_until_open(struct pace *p, int64_t now)
{
	for (int i = 0; i < PACE_FAILURES; i++)
		attempt(p, now, false, 0);
	assert_int_equal(p->breaker, PACE_OPEN);
}

/* --- slots ---------------------------------------------------------------------------------- */

static void so_many_are_under_way_at_a_time(void **state)
{
	struct pace p;

	pace_init(&p, 3, 0, start, 1);
	for (int left = 3; left > 0; left--) {
		assert_int_equal(room(&p, start), left);
		pace_begin(&p);
	}
	assert_int_equal(asked_again(&p, start), CLOCK_NEVER);
	pace_end(&p, start, true, 0);
	assert_int_equal(room(&p, start), 1);
	pace_undo(&p);
	assert_int_equal(room(&p, start), 2);
}

static void new_limits_count_what_is_under_way(void **state)
{
	struct pace p;

	pace_init(&p, 3, 0, start, 1);
	for (int i = 0; i < 3; i++)
		pace_begin(&p);
	pace_limit(&p, 2, 0);
	assert_int_equal(asked_again(&p, start), CLOCK_NEVER);
	pace_end(&p, start, true, 0);
	assert_int_equal(asked_again(&p, start), CLOCK_NEVER);
	pace_end(&p, start, true, 0);
	assert_int_equal(room(&p, start), 1);
	pace_limit(&p, 5, 0);
	assert_int_equal(room(&p, start), 4);
}

/* --- rate ----------------------------------------------------------------------------------- */

/* Attempts that take no time, as many as may begin, for so long. */
static int count_attempts(struct pace *p, int64_t now, int64_t until)
{
	int count = 0;

	while (now <= until) {
		int64_t again;
		int some = pace_room(p, now, &again);

		for (int i = 0; i < some; i++) {
			pace_begin(p);
			pace_end(p, now, true, 0);
		}
		count += some;
		if (some > 0)
			continue;
		assert_true(again > now);
		now = again;
	}
	return count;
}

static void so_many_begin_in_a_second(void **state)
{
	static const struct {
		double rate;
		int least, most; /* in ten seconds */
	} rows[] = {{0.5, 6, 6}, {2, 21, 21}, {25, 252, 253}, {1000, 10099, 10100}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct pace p;

		pace_init(&p, 1000, rows[i].rate, start, 1);
		assert_in_range(count_attempts(&p, start, start + 10 * CLOCK_SECOND), rows[i].least,
			rows[i].most);
		/* What was not used in an hour is not made up for. */
		assert_in_range(count_attempts(&p, start + 3600 * CLOCK_SECOND,
					start + 3610 * CLOCK_SECOND),
			rows[i].least, rows[i].most);
	}
}

static void the_next_attempt_begins_when_its_token_comes(void **state)
{
	struct pace p;

	pace_init(&p, 10, 4, start, 1);
	pace_begin(&p);
	assert_int_equal(asked_again(&p, start), start + CLOCK_SECOND / 4);
	assert_int_equal(asked_again(&p, start + CLOCK_SECOND / 8), start + CLOCK_SECOND / 4);
	assert_int_equal(room(&p, start + CLOCK_SECOND / 4), 1);
	pace_begin(&p);
	pace_undo(&p);
	assert_int_equal(room(&p, start + CLOCK_SECOND / 4), 1);
}

static void a_new_rate_counts_at_once(void **state)
{
	struct pace p;

	pace_init(&p, 1000, 0, start, 1);
	assert_int_equal(room(&p, start), 1000);
	pace_limit(&p, 1000, 10);
	assert_int_equal(room(&p, start + CLOCK_SECOND), 1);
	pace_limit(&p, 1000, 1000);
	assert_int_equal(room(&p, start + 2 * CLOCK_SECOND), 100);
	pace_limit(&p, 1000, 0);
	assert_int_equal(room(&p, start + 2 * CLOCK_SECOND), 1000);
	/* The least there is does not overflow. */
	pace_limit(&p, 1000, 5e-324);
	pace_begin(&p);
	assert_in_range(
		asked_again(&p, start + 2 * CLOCK_SECOND), start, start + 7200 * CLOCK_SECOND);
}

/* --- breaker -------------------------------------------------------------------------------- */

static void failures_in_a_row_open_it(void **state)
{
	struct pace p;

	pace_init(&p, 32, 0, start, 1);
	for (int i = 0; i < 10 * PACE_FAILURES; i++)
		attempt(&p, start, i % PACE_FAILURES == 0, 0);
	assert_int_equal(p.breaker, PACE_CLOSED);
	attempt(&p, start, false, 0);
	assert_int_equal(p.breaker, PACE_OPEN);
	int64_t again = asked_again(&p, start);
	assert_in_range(again - start, 800 * CLOCK_MS, 1200 * CLOCK_MS);
	assert_int_equal(asked_again(&p, again - 1), again);
}

static void half_open_it_gives_exactly_one(void **state)
{
	struct pace p;

	pace_init(&p, 32, 0, start, 1);
	pace_begin(&p); /* goes on for long */
	fail_until_open(&p, start);
	int64_t then = asked_again(&p, start);
	assert_int_equal(asked_again(&p, then), CLOCK_NEVER);
	assert_int_equal(p.breaker, PACE_HALF_OPEN);
	pace_undo(&p);
	assert_int_equal(room(&p, then), 1);
	pace_begin(&p);
	assert_int_equal(asked_again(&p, then), CLOCK_NEVER);
	pace_undo(&p);
	assert_int_equal(room(&p, then), 1);
	attempt(&p, then, true, 0);
	assert_int_equal(p.breaker, PACE_CLOSED);
	assert_int_equal(room(&p, then), 32);
	/* From here it counts anew. */
	fail_until_open(&p, then);
	assert_in_range(asked_again(&p, then) - then, 800 * CLOCK_MS, 1200 * CLOCK_MS);
}

static void what_began_before_neither_opens_it_again_nor_closes_it(void **state)
{
	struct pace p;

	pace_init(&p, 32, 0, start, 1);
	for (int i = 0; i < 20; i++)
		pace_begin(&p);
	for (int i = 0; i < PACE_FAILURES; i++)
		pace_end(&p, start, false, 0);
	int64_t until = asked_again(&p, start);
	for (int i = 0; i < 14; i++)
		pace_end(&p, start + CLOCK_MS, i % 2, 0);
	assert_int_equal(asked_again(&p, start + CLOCK_MS), until);
	pace_end(&p, start + CLOCK_MS, true, 0);
	assert_int_equal(asked_again(&p, start + CLOCK_MS), until);
	assert_int_equal(room(&p, until), 1);
}

static void it_stays_open_twice_as_long_each_time(void **state)
{
	static const int64_t seconds[] = {1, 2, 4, 8, 16, 32, 60, 60, 60, 60, 60, 60, 60, 60};
	int64_t shortest = INT64_MAX, longest = 0;

	for (uint64_t seed = 0; seed < 100; seed++) {
		struct pace p;
		int64_t now = start;

		pace_init(&p, 32, 0, start, seed);
		fail_until_open(&p, now);
		for (size_t i = 0; i < sizeof(seconds) / sizeof(seconds[0]); i++) {
			int64_t again = asked_again(&p, now), open = again - now;

			assert_in_range(
				open, seconds[i] * 800 * CLOCK_MS, seconds[i] * 1200 * CLOCK_MS);
			shortest = i == 0 && open < shortest ? open : shortest;
			longest = i == 0 && open > longest ? open : longest;
			attempt(&p, now = again, false, 0);
		}
	}
	assert_true(longest - shortest > 200 * CLOCK_MS);
}

static void a_target_is_left_alone_for_as_long_as_it_asks(void **state)
{
	struct pace p;

	pace_init(&p, 32, 0, start, 1);
	pace_begin(&p);
	pace_begin(&p);
	attempt(&p, start, false, 30000);
	assert_int_equal(asked_again(&p, start), start + 30 * CLOCK_SECOND);
	/* The longest counts, and who answers meanwhile changes nothing. */
	pace_end(&p, start, false, 20000);
	assert_int_equal(asked_again(&p, start), start + 30 * CLOCK_SECOND);
	pace_end(&p, start, true, 0);
	assert_int_equal(asked_again(&p, start), start + 30 * CLOCK_SECOND);
	attempt(&p, start + 30 * CLOCK_SECOND, false, 1);
	assert_in_range(asked_again(&p, start + 30 * CLOCK_SECOND), start + 30800 * CLOCK_MS,
		start + 31200 * CLOCK_MS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(so_many_are_under_way_at_a_time),
		cmocka_unit_test(new_limits_count_what_is_under_way),
		cmocka_unit_test(so_many_begin_in_a_second),
		cmocka_unit_test(the_next_attempt_begins_when_its_token_comes),
		cmocka_unit_test(a_new_rate_counts_at_once),
		cmocka_unit_test(failures_in_a_row_open_it),
		cmocka_unit_test(half_open_it_gives_exactly_one),
		cmocka_unit_test(what_began_before_neither_opens_it_again_nor_closes_it),
		cmocka_unit_test(it_stays_open_twice_as_long_each_time),
		cmocka_unit_test(a_target_is_left_alone_for_as_long_as_it_asks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
