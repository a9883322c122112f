#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/extension/process_output.h"
#include "tests/support/process_trial.h"

#define OUTPUT "event=\"extension output\" name="

static void ended(const char *name)
{
	wait_logged(arena_printf(trial.arena, "event=\"extension ended\" name=%s", name));
}

static void lines_are_logged_by_name_and_stream(void **state)
{
	write_script("say", "echo one; echo two words; printf 'in '; sleep 0.05; echo parts\n"
			    "echo wrong >&2; printf '\\r\\n\\n'; printf 'with return\\r\\n'\n"
			    "printf '\\377\\000\\n'");
	trial_begin();
	ended("say");
	assert_true(has_said("say", "stdout", "one"));
	assert_true(has_said("say", "stdout", "\"two words\""));
	assert_true(has_said("say", "stdout", "\"in parts\""));
	assert_true(has_said("say", "stderr", "wrong"));
	assert_true(has_said("say", "stdout", "\"with return\""));
	assert_true(has_said("say", "stdout", "\"\xef\xbf\xbd\\u0000\""));
	assert_int_equal(count_logged(OUTPUT), 6);
	assert_int_equal(count_logged("level=info " OUTPUT), 6);
}

/* Why it crashed is what one wants to read. */
static void the_last_words_are_logged_before_the_end(void **state)
{
	write_script("die", "seq 50; printf 'last words' >&2; kill -9 $$");
	trial_begin();
	ended("die");
	assert_true(has_said("die", "stderr", "\"last words\""));
	assert_true(has_said("die", "stdout", "50"));
	assert_true(strstr(trial_log(), "last words") < strstr(trial_log(), "extension ended"));
	assert_true(is_logged("how=\"signal 9\""));
}

static void what_it_started_does_not_hold_up_its_end(void **state)
{
	write_script("leave", "setsid sleep 60 & echo $!");
	trial_begin();
	ended("leave");
	long pid = logged_number(OUTPUT "leave", 0, "line");
	assert_true(pid > 0);
	kill((pid_t)pid, SIGKILL);
}

static char *repeat(const char *text, size_t count)
{
	struct buffer b = {.arena = trial.arena};

	for (size_t i = 0; i < count; i++)
		buffer_add(&b, text, strlen(text));
	buffer_add_char(&b, '\0');
	return b.data;
}

static void a_long_line_is_cut(void **state)
{
	char *whole = repeat("x", OUTPUT_LINE_MAX);

	write_file("lines.txt",
		arena_printf(trial.arena, "%s\n%sy\n%sz%s\n%s\xe4\xb8\xad\n%s\nshort\n", whole,
			whole, whole, repeat("z", 200000), whole + 2,
			repeat("\xff", OUTPUT_LINE_MAX + 10)),
		0644);
	write_script("say", "exec cat \"${0%/*}/lines.txt\"");
	trial_begin();
	ended("say");
	assert_int_equal(count_logged(arena_printf(trial.arena, "line=%s\n", whole)), 3);
	/* Two bytes of the character would fit. */
	assert_int_equal(count_logged(arena_printf(trial.arena, "line=%s\n", whole + 2)), 1);
	assert_true(has_said("say", "stdout", "short"));
	assert_int_equal(count_logged(OUTPUT), 6);
}

/* Not reading would stop it, and then the marker would not come. */
static void a_flood_is_read_and_logged_in_part(void **state)
{
	write_script("flood", "seq 1000000; sleep 1.1; echo after; exec sleep 60");
	write_script("other", "sleep 0.1; echo quiet; exec sleep 60");
	trial_begin();
	wait_logged("line=after");
	assert_true(has_said("other", "stdout", "quiet"));
	size_t said = count_logged(OUTPUT "flood"), drops = count_logged("output dropped\"");
	long dropped = 0;
	for (size_t i = 0; i < drops; i++)
		dropped += logged_number("extension output dropped\" name=flood", i, "lines");
	assert_int_equal(dropped + (long)said, 1000001);
	assert_in_range(said, OUTPUT_LINES + 1, (drops + 1) * OUTPUT_LINES);
	assert_true(drops >= 1);
	assert_true(has_said("flood", "stdout", "1"));
	assert_false(has_said("flood", "stdout", "1000000"));
}

static void both_streams_share_the_limit(void **state)
{
	write_script("flood", "seq 150; seq 150 >&2; exec sleep 60");
	trial_begin();
	wait_logged("output dropped");
	assert_int_equal(count_logged(OUTPUT), OUTPUT_LINES);
	assert_true(
		is_logged("level=warn event=\"extension output dropped\" name=flood lines=200\n"));
}

/* Without a line to come, and without an end. */
static void what_was_dropped_is_told_at_the_end_too(void **state)
{
	write_script("flood", "seq 150");
	trial_begin();
	ended("flood");
	assert_true(is_logged("output dropped\" name=flood lines=50\n"));
}

static void an_endless_flood_can_be_ended(void **state)
{
	write_script("yes", "exec yes");
	write_script("zeros", "exec cat /dev/zero");
	trial_begin();
	wait_logged("output dropped\" name=yes");
	int64_t before = clock_now();
	trial_end(0);
	assert_true(clock_now() - before < 10 * CLOCK_SECOND);
	assert_true(count_logged("how=\"signal 15\"") == 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, trial_setup, trial_teardown)
		TEST(lines_are_logged_by_name_and_stream),
		TEST(the_last_words_are_logged_before_the_end),
		TEST(what_it_started_does_not_hold_up_its_end),
		TEST(a_long_line_is_cut),
		TEST(a_flood_is_read_and_logged_in_part),
		TEST(both_streams_share_the_limit),
		TEST(what_was_dropped_is_told_at_the_end_too),
		TEST(an_endless_flood_can_be_ended),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
