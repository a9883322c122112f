#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "base/clock.h"

static void iso_times_are_utc_with_milliseconds(void **state)
{
	struct arena *a = arena_new(0);

	assert_string_equal(clock_iso(a, INT64_C(1795294140123)), "2026-11-21T20:49:00.123Z");
	assert_string_equal(clock_iso(a, 0), "1970-01-01T00:00:00.000Z");
	assert_string_equal(clock_iso(a, -1), "1969-12-31T23:59:59.999Z");
	assert_string_equal(clock_iso(a, -1000), "1969-12-31T23:59:59.000Z");
	assert_string_equal(clock_iso(a, INT64_C(253402300799999)), "9999-12-31T23:59:59.999Z");
	assert_string_equal(clock_iso(a, INT64_C(-62135596800000)), "0001-01-01T00:00:00.000Z");
	arena_free(&a);
}

static void the_most_distant_times_fit(void **state)
{
	struct arena *a = arena_new(0);

	assert_string_equal(clock_iso(a, INT64_MAX), "292278994-08-17T07:12:55.807Z");
	arena_free(&a);
}

static void local_times_are_in_the_process_time_zone(void **state)
{
	struct arena *a = arena_new(0);

	setenv("TZ", "UTC-8", 1);
	tzset();
	assert_string_equal(clock_local(a, INT64_C(1795294140123)), "2026-11-22 04:49:00");
	arena_free(&a);
}

static void the_monotonic_clock_does_not_go_back(void **state)
{
	int64_t last = clock_now();

	for (int i = 0; i < 1000; i++) {
		int64_t now = clock_now();
		assert_true(now >= last);
		last = now;
	}
}

static void unix_milliseconds_are_the_wall_clock(void **state)
{
	int64_t before = (int64_t)time(NULL) * 1000;
	int64_t now = clock_unix_ms();

	/* time() may lag behind clock_gettime() by a tick. */
	assert_true(now >= before - 1000 && now <= ((int64_t)time(NULL) + 2) * 1000);
}

static void check_uuid(const char *uuid, char version)
{
	assert_int_equal(strlen(uuid), 36);
	for (int i = 0; i < 36; i++) {
		if (i == 8 || i == 13 || i == 18 || i == 23)
			assert_int_equal(uuid[i], '-');
		else
			assert_non_null(strchr("0123456789abcdef", uuid[i]));
	}
	assert_int_equal(uuid[14], version);
	assert_non_null(strchr("89ab", uuid[19]));
}

static void random_uuids_have_version_4_and_differ(void **state)
{
	char a[37], b[37];

	uuid_random(a);
	uuid_random(b);
	check_uuid(a, '4');
	check_uuid(b, '4');
	assert_string_not_equal(a, b);
}

static int64_t uuid_ms(const char *uuid)
{
	char high[13];

	memcpy(high, uuid, 8);
	memcpy(high + 8, uuid + 9, 4);
	high[12] = '\0';
	return strtoll(high, NULL, 16);
}

static void ordered_uuids_begin_with_the_milliseconds(void **state)
{
	char uuid[37];
	int64_t before = clock_unix_ms();

	uuid_ordered(uuid);
	check_uuid(uuid, '7');
	assert_true(uuid_ms(uuid) >= before && uuid_ms(uuid) <= clock_unix_ms());
}

/* A microsecond apart they already sort, which random bits in the place of the fraction would not.
 */
static void ordered_uuids_sort_as_they_were_made(void **state)
{
	char last[37], next[37];

	uuid_ordered(last);
	for (int i = 0; i < 1000; i++) {
		for (int64_t until = clock_now() + 1000; clock_now() < until;)
			;
		uuid_ordered(next);
		assert_true(strcmp(last, next) < 0);
		memcpy(last, next, sizeof(last));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(iso_times_are_utc_with_milliseconds),
		cmocka_unit_test(the_most_distant_times_fit),
		cmocka_unit_test(local_times_are_in_the_process_time_zone),
		cmocka_unit_test(the_monotonic_clock_does_not_go_back),
		cmocka_unit_test(unix_milliseconds_are_the_wall_clock),
		cmocka_unit_test(random_uuids_have_version_4_and_differ),
		cmocka_unit_test(ordered_uuids_begin_with_the_milliseconds),
		cmocka_unit_test(ordered_uuids_sort_as_they_were_made),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
