#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <stdlib.h>

#include "server/registry/schedule.h"

#define ITEMS 300
#define STEPS 100000

static struct schedule schedule;
static struct schedule_item items[ITEMS];
static bool inside[ITEMS];

/* The plain way: the least of all that are in it. */
static int64_t least(void)
{
	int64_t due = INT64_MAX;

	for (int i = 0; i < ITEMS; i++)
		if (inside[i] && items[i].due < due)
			due = items[i].due;
	return due;
}

static void nothing_is_due_in_an_empty_schedule(void **state)
{
	struct schedule empty = {0};

	assert_null(schedule_due(&empty, INT64_MAX));
	schedule_clear(&empty);
}

static void one_is_due_when_its_time_has_come_and_not_before(void **state)
{
	struct schedule one = {0};
	struct schedule_item item = {.due = 5};

	schedule_add(&one, &item);
	assert_null(schedule_due(&one, 4));
	assert_ptr_equal(schedule_due(&one, 5), &item);
	assert_ptr_equal(schedule_due(&one, 6), &item);
	schedule_remove(&one, &item);
	assert_null(schedule_due(&one, 6));
	schedule_clear(&one);
}

/* Few times among many items: equal ones are common. */
static void whatever_comes_and_goes_the_next_one_is_at_hand(void **state)
{
	srand(20261122);
	for (int step = 0; step < STEPS; step++) {
		/* It fills and empties in turn. */
		int i = rand() % ITEMS;
		bool wanted = rand() % 10 < (step / 5000 % 2 ? 2 : 8);

		if (wanted && !inside[i]) {
			items[i].due = rand() % 1000;
			schedule_add(&schedule, &items[i]);
		} else if (!wanted && inside[i]) {
			schedule_remove(&schedule, &items[i]);
		} else {
			continue;
		}
		inside[i] = wanted;
		struct schedule_item *first = schedule_due(&schedule, INT64_MAX);
		assert_true(first ? first->due == least() : least() == INT64_MAX);
		assert_null(schedule_due(&schedule, least() - 1));
	}
}

static void all_leave_it_in_the_order_of_their_times(void **state)
{
	struct schedule_item *first;
	int64_t before = INT64_MIN;

	while ((first = schedule_due(&schedule, INT64_MAX))) {
		assert_true(first->due >= before);
		before = first->due;
		schedule_remove(&schedule, first);
		inside[first - items] = false;
	}
	assert_int_equal(least(), INT64_MAX);
	schedule_clear(&schedule);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_due_in_an_empty_schedule),
		cmocka_unit_test(one_is_due_when_its_time_has_come_and_not_before),
		cmocka_unit_test(whatever_comes_and_goes_the_next_one_is_at_hand),
		cmocka_unit_test(all_leave_it_in_the_order_of_their_times),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
