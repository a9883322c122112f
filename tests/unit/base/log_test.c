#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/log.h"
#include "tests/unit/base/child.h"

/* What run() logs, without the time, which is checked. */
static const char *logged(void (*run)(void *arg), void *arg)
{
	static struct child c;

	c = child_run(run, arg);
	assert_int_equal(c.exit_code, 0);
	if (!*c.errors)
		return c.errors;
	assert_memory_equal(c.errors, "time=2", 6);
	assert_memory_equal(c.errors + 28, "Z level=", 8);
	return c.errors + 30;
}

static void log_plain(void *arg)
{
	char id[] = "abcZZ";
	log_event(LOG_INFO, "started", LOG_TEXT("address", "127.0.0.1:50051"),
		LOG_NUMBER("ms", -12), LOG_SLICE("id", ((struct text){id, 3})));
}

static void an_event_is_one_logfmt_line(void **state)
{
	assert_string_equal(logged(log_plain, NULL),
		"level=info event=started address=127.0.0.1:50051 ms=-12 id=abc\n");
}

static void log_awkward(void *arg)
{
	log_event(LOG_WARN, "two words", LOG_TEXT("empty", ""), LOG_TEXT("none", NULL),
		LOG_TEXT("equals", "a=b"), LOG_TEXT("quote", "a\"b\\c"),
		LOG_TEXT("lines", "a\r\nb\tc"), LOG_SLICE("nul", TEXT("a\0\x1b\x7f")),
		LOG_TEXT("utf8", "\xe4\xb8\xad"), LOG_TEXT("bad", "a\xff\xc3"));
}

static void values_are_quoted_and_escaped_where_they_need_it(void **state)
{
	assert_string_equal(logged(log_awkward, NULL),
		"level=warn event=\"two words\" empty=\"\" none=\"\" equals=\"a=b\" "
		"quote=\"a\\\"b\\\\c\" lines=\"a\\r\\nb\\tc\" nul=\"a\\u0000\\u001b\\u007f\" "
		"utf8=\xe4\xb8\xad bad=\"a\xef\xbf\xbd\xef\xbf\xbd\"\n");
}

static void log_at_all_levels(void *arg)
{
	log_set_level(*(enum log_level *)arg);
	for (int i = LOG_DEBUG; i <= LOG_ERROR; i++)
		log_event((enum log_level)i, "x");
}

static void events_below_the_level_are_not_written(void **state)
{
	enum log_level level = LOG_WARN;
	const char *lines = logged(log_at_all_levels, &level);

	assert_memory_equal(lines, "level=warn event=x\n", 19);
	assert_non_null(strstr(lines, "level=error event=x\n"));
	assert_null(strstr(lines, "level=info"));
	level = LOG_DEBUG;
	assert_memory_equal(logged(log_at_all_levels, &level), "level=debug event=x\n", 20);
}

static void levels_are_known_by_name(void **state)
{
	enum log_level level;

	assert_true(log_level_named("debug", &level));
	assert_int_equal(level, LOG_DEBUG);
	assert_true(log_level_named("error", &level));
	assert_int_equal(level, LOG_ERROR);
	assert_false(log_level_named("loud", &level));
	assert_false(log_level_named("", &level));
}

/* Lines of every length around the limit; each must end well. */
static void log_long(void *arg)
{
	static char value[5000];
	int size = *(int *)arg;

	memset(value, 'v', sizeof(value));
	log_event(LOG_INFO, "x", LOG_SLICE("long", ((struct text){value, (size_t)size})),
		LOG_TEXT("after", "two words"));
}

static void a_line_too_long_is_cut_and_still_one_line(void **state)
{
	int lengths[] = {3990, 4005, 4010, 4011, 4012, 4013, 4014, 4015, 4016, 4017, 4018, 4019,
		4020, 4021, 4022, 4023, 4024, 4025, 4026, 4027, 4028, 4029, 4030, 4031, 4032, 4033,
		4034, 4035, 4036, 4037, 4038, 4039, 4040, 4041, 4042, 4043, 4044, 4045, 4050, 5000};

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		const char *line = logged(log_long, &lengths[i]);
		size_t size = strlen(line), quotes = 0;
		assert_true(size + 30 <= 4096);
		assert_ptr_equal(strchr(line, '\n'), line + size - 1);
		for (const char *c = line; *c; c++)
			quotes += *c == '"';
		assert_int_equal(quotes % 2, 0);
		if (lengths[i] < 4005)
			assert_non_null(strstr(line, "v after=\"two words\"\n"));
		if (lengths[i] > 4045)
			assert_non_null(strstr(line, "vvv...\"\n"));
	}
}

static void *log_many(void *arg)
{
	for (int i = 0; i < 50; i++)
		log_event(
			LOG_INFO, "from a thread", LOG_TEXT("text", "aaaaaaaaaaaaaaaaaaaaaaaaaa"));
	return NULL;
}

static void log_from_threads(void *arg)
{
	pthread_t threads[4];

	for (int i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, log_many, NULL);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
}

static void lines_of_threads_do_not_mix(void **state)
{
	static const char rest[] =
		" level=info event=\"from a thread\" text=aaaaaaaaaaaaaaaaaaaaaaaaaa\n";
	struct child c = child_run(log_from_threads, NULL);
	int lines = 0;

	for (const char *at = c.errors; *at; at += 29 + strlen(rest), lines++) {
		assert_memory_equal(at, "time=", 5);
		assert_memory_equal(at + 29, rest, strlen(rest));
	}
	assert_int_equal(lines, 200);
}

static void log_to_nowhere(void *arg)
{
	close(STDERR_FILENO);
	errno = ENOENT;
	log_event(LOG_INFO, "x");
	if (errno != ENOENT)
		exit(1);
}

static void logging_leaves_errno_alone(void **state)
{
	assert_int_equal(child_run(log_to_nowhere, NULL).exit_code, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_event_is_one_logfmt_line),
		cmocka_unit_test(values_are_quoted_and_escaped_where_they_need_it),
		cmocka_unit_test(events_below_the_level_are_not_written),
		cmocka_unit_test(levels_are_known_by_name),
		cmocka_unit_test(a_line_too_long_is_cut_and_still_one_line),
		cmocka_unit_test(lines_of_threads_do_not_mix),
		cmocka_unit_test(logging_leaves_errno_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
