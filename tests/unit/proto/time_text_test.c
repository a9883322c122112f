/* Times as people and programs write them. Timestamps and durations: known_test.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "proto/runtime/time_text.h"

/* 2026-11-22T08:30:00Z */
#define EIGHT_THIRTY INT64_C(1795336200000)
#define HOUR         INT64_C(3600000)

static int set_up(void **state)
{
	setenv("TZ", "Asia/Shanghai", 1);
	tzset();
	return 0;
}

static void assert_moment(const char *text, int64_t ms)
{
	int64_t got = 0;
	const char *fault = moment_from_text(text_of(text), &got);

	if (fault || got != ms)
		fail_msg("%s: %s %lld", text, fault ? fault : "", (long long)got);
}

static void assert_faults(const char *const *texts, const char *rule)
{
	int64_t ms;

	for (; *texts; texts++) {
		const char *fault = moment_from_text(text_of(*texts), &ms);
		if (!fault || strcmp(fault, rule) != 0)
			fail_msg("%s: %s", *texts, fault ? fault : "taken");
	}
}

static void a_moment_may_be_milliseconds(void **state)
{
	assert_moment("1795336200000", EIGHT_THIRTY);
	assert_moment("0", 0);
	assert_moment("-1", -1);
	assert_moment("-62135596800000", INT64_C(-62135596800000));
	assert_moment("253402300799999", INT64_C(253402300799999));
}

static void a_moment_may_have_an_offset(void **state)
{
	assert_moment("2026-11-22T08:30:00Z", EIGHT_THIRTY);
	assert_moment("2026-11-22 08:30:00Z", EIGHT_THIRTY);
	assert_moment("2026-11-22T08:30Z", EIGHT_THIRTY);
	assert_moment("2026-11-22T16:30:00+08:00", EIGHT_THIRTY);
	assert_moment("2026-11-22T16:30:00+0800", EIGHT_THIRTY);
	assert_moment("2026-11-22 16:30+08", EIGHT_THIRTY);
	assert_moment("2026-11-21T22:45:00-09:45", EIGHT_THIRTY);
	assert_moment("2026-11-22T08:30:00.123987654Z", EIGHT_THIRTY + 123);
	assert_moment("1969-12-31T23:59:59.9999Z", -1);
	assert_moment("0001-01-01T00:00:00Z", INT64_C(-62135596800000));
	assert_moment("9999-12-31T23:59:59.999999Z", INT64_C(253402300799999));
}

static void without_an_offset_it_is_of_the_time_zone(void **state)
{
	assert_moment("2026-11-22 08:30:00", EIGHT_THIRTY - 8 * HOUR);
	assert_moment("2026-11-22T08:30:00", EIGHT_THIRTY - 8 * HOUR);
	assert_moment("2026-11-22 08:30:00.5", EIGHT_THIRTY - 8 * HOUR + 500);
	assert_moment("2026-11-22 08:30", EIGHT_THIRTY - 8 * HOUR);
	assert_moment("2026-11-22", EIGHT_THIRTY - 8 * HOUR - 8 * HOUR - HOUR / 2);
	setenv("TZ", "America/New_York", 1);
	tzset();
	assert_moment("2026-11-22 08:30:00", EIGHT_THIRTY + 5 * HOUR);
	assert_moment("2026-07-22 08:30:00", INT64_C(1784709000000) + 4 * HOUR);
	set_up(NULL);
}

static void other_texts_are_refused(void **state)
{
	static const char *const wrong[] = {"", "now", "1.5", "1e3", " 1", "20261122T083000Z",
		"26-11-22", "2026-1-22", "2026-11-22T", "2026-11-22Z", "2026-11-22T08",
		"2026-11-22t08:30:00", "2026-11-22  08:30:00", "2026-11-22T08:30:00 +08:00",
		"2026-11-22T08:30:00+8", "2026-11-22T08:30:00+08:", "2026-11-22T08:30:00+08:000",
		"2026-11-22T08:30:00+24", "2026-11-22T08:30:00+0860", "2026-11-22T08:30:00.",
		"2026-11-22T08:30:", "2026-11-22T08:30:00z", "2026-11-22T08:30:00Zx",
		"2026/11/22 08:30:00", NULL};
	static const char *const impossible[] = {"2026-02-29", "2026-13-01T00:00Z",
		"2026-00-01 00:00", "2026-11-22 24:00", "2026-11-22T08:60:00Z",
		"2026-11-22 08:30:60", NULL};
	static const char *const beyond[] = {"-62135596800001", "253402300800000",
		"0001-01-01 00:00:00", "0000-12-31T23:59:59Z", "9999-12-31T23:59:59-00:01",
		"9223372036854775807", NULL};

	assert_faults(wrong, "must be milliseconds since 1970, or a time such as "
			     "2026-11-22T08:30:00Z, 2026-11-22T08:30:00.5+08:00 or 2026-11-22 "
			     "08:30:00");
	assert_faults(impossible, "is no time of the calendar");
	assert_faults(beyond, "must be of the years 1 to 9999");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_moment_may_be_milliseconds),
		cmocka_unit_test(a_moment_may_have_an_offset),
		cmocka_unit_test(without_an_offset_it_is_of_the_time_zone),
		cmocka_unit_test(other_texts_are_refused),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
