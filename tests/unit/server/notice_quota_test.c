/* How many messages a channel may begin when, told the time; and that no stretch of time has more,
 * wherever in between its beginning and its end a message is counted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/clock.h"
#include "server/notice/sending/quota.h"

static const int64_t start = 1000 * CLOCK_SECOND;

static int64_t asked_again(struct quota *q, int64_t now)
{
	int64_t again;

	assert_int_equal(quota_room(q, now, &again), 0);
	return again;
}

static void expect_room(struct quota *q, int64_t now, int room)
{
	int64_t again;

	assert_int_equal(quota_room(q, now, &again), room);
}

static void test_no_limit(void **state)
{
	struct quota q = {0};

	for (int i = 0; i < 100; i++)
		quota_begin(&q);
	for (int i = 0; i < 100; i++)
		quota_end(&q, start);
	expect_room(&q, start, INT32_MAX);
	assert_int_equal(q.count, 0);
	quota_clear(&q);
}

static void test_counts_until_its_end_is_old(void **state)
{
	struct quota q = {0};

	quota_limit(&q, 2, 1000);
	expect_room(&q, start, 2);
	quota_begin(&q);
	quota_begin(&q);
	assert_true(asked_again(&q, start) == CLOCK_NEVER);
	quota_end(&q, start + 5 * CLOCK_MS);
	assert_true(asked_again(&q, start + 6 * CLOCK_MS) == start + 1005 * CLOCK_MS);
	quota_end(&q, start + 7 * CLOCK_MS);
	assert_true(asked_again(&q, start + 8 * CLOCK_MS) == start + 1005 * CLOCK_MS);
	expect_room(&q, start + 1005 * CLOCK_MS, 1);
	expect_room(&q, start + 1007 * CLOCK_MS, 2);
	quota_clear(&q);
}

static void test_undone_counts_no_more(void **state)
{
	struct quota q = {0};

	quota_limit(&q, 1, 1000);
	quota_begin(&q);
	quota_undo(&q);
	expect_room(&q, start, 1);
	quota_clear(&q);
}

static void test_limits_change(void **state)
{
	struct quota q = {0};

	quota_limit(&q, 4, 1000);
	for (int i = 0; i < 4; i++) {
		quota_begin(&q);
		quota_end(&q, start + i);
	}
	quota_limit(&q, 2, 1000);
	assert_true(asked_again(&q, start + 3) == start + 2 + 1000 * CLOCK_MS);
	quota_limit(&q, 6, 1000);
	expect_room(&q, start + 3, 2);
	quota_limit(&q, 4, 10);
	assert_true(asked_again(&q, start + 3) == start + 10 * CLOCK_MS);
	quota_limit(&q, 0, 10);
	expect_room(&q, start + 3, INT32_MAX);
	quota_clear(&q);
}

static void test_noted_anew(void **state)
{
	struct quota q = {0};

	quota_limit(&q, 3, 1000);
	quota_begin(&q);
	quota_end(&q, start);
	quota_forget(&q);
	expect_room(&q, start, 3);
	quota_note(&q, start - 900 * CLOCK_MS);
	quota_note(&q, start + 500 * CLOCK_MS);
	quota_note(&q, start); /* counts as the one before it */
	assert_true(asked_again(&q, start) == start + 100 * CLOCK_MS);
	expect_room(&q, start + 101 * CLOCK_MS, 1);
	expect_room(&q, start + 1499 * CLOCK_MS, 1);
	expect_room(&q, start + 1500 * CLOCK_MS, 3);
	quota_clear(&q);
}

/* Messages that take different times, begun as soon as there is room: each is counted by its
 * provider at some time between its beginning and its end. */
static void test_no_window_has_more(void **state)
{
	enum { MOST = 7, MESSAGES = 2000, WINDOW_MS = 100 };
	static int64_t counted[MESSAGES], ends[MESSAGES];
	struct quota q = {0};
	int64_t now = start, again;
	size_t begun = 0, ended = 0;

	srand(4);
	quota_limit(&q, MOST, WINDOW_MS);
	while (ended < MESSAGES) {
		if (begun < MESSAGES && quota_room(&q, now, &again) > 0) {
			int64_t takes = rand() % 50 * CLOCK_MS;

			quota_begin(&q);
			ends[begun] = now + takes;
			counted[begun++] = now + (takes ? rand() % takes : 0);
			continue;
		}
		now += CLOCK_MS / 4;
		for (size_t i = 0; i < begun; i++) {
			if (!ends[i] || ends[i] > now)
				continue;
			quota_end(&q, now);
			ends[i] = 0;
			ended++;
		}
	}
	for (size_t i = 0; i < MESSAGES; i++) {
		int within = 0;

		for (size_t k = 0; k < MESSAGES; k++)
			within += counted[k] >= counted[i] &&
				  counted[k] < counted[i] + WINDOW_MS * CLOCK_MS;
		assert_true(within <= MOST);
	}
	quota_clear(&q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_limit),
		cmocka_unit_test(test_counts_until_its_end_is_old),
		cmocka_unit_test(test_undone_counts_no_more),
		cmocka_unit_test(test_limits_change),
		cmocka_unit_test(test_noted_anew),
		cmocka_unit_test(test_no_window_has_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
