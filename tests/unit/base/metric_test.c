#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/metric.h"

static const char *fruit(size_t index)
{
	static const char *const names[] = {"apple", "a\"b\\c\nd"};
	return names[index];
}

static const char *size(size_t index)
{
	static const char *const names[] = {"small", "large", "huge"};
	return names[index];
}

static double level = 7;

static double read_level(size_t index)
{
	return level;
}

static struct metric eaten = {.name = "eaten_total",
	.help = "Eaten.",
	.kind = METRIC_COUNTER,
	.labels = {{"fruit", fruit, 2}, {"size", size, 3}}};
static struct metric plain = {.name = "plain_total", .help = "Plain.", .kind = METRIC_COUNTER};
static struct metric held = {.name = "held", .help = "Held.", .kind = METRIC_GAUGE};
static struct metric asked = {
	.name = "asked", .help = "Asked.", .kind = METRIC_GAUGE, .read = read_level};
static struct metric took = {.name = "took_seconds",
	.help = "Took.",
	.kind = METRIC_HISTOGRAM,
	.labels = {{"fruit", fruit, 2}}};

static int setup(void **state)
{
	metric_register(&eaten);
	metric_register(&plain);
	metric_register(&held);
	metric_register(&asked);
	metric_register(&took);
	return 0;
}

/* All that is rendered, until the next call. */
static const char *rendered(void)
{
	static struct arena *a;
	arena_free(&a);
	a = arena_new(0);
	struct buffer b = {.arena = a};
	metric_render(&b);
	return arena_string(a, buffer_text(&b));
}

static void assert_line(const char *line)
{
	char whole[256];
	snprintf(whole, sizeof(whole), "\n%s\n", line);
	if (!strstr(rendered(), whole))
		fail_msg("no line %s in\n%s", line, rendered());
}

static void registering_again_changes_nothing(void **state)
{
	metric_add(&plain, 0, 3);
	metric_register(&plain);
	metric_register(&took); /* the last one, too */
	const char *text = rendered();
	const char *at = strstr(text, "# HELP plain_total");
	assert_non_null(at);
	assert_null(strstr(at + 1, "# HELP plain_total"));
	assert_line("plain_total 3");
}

static void a_counter_has_a_series_for_each_pair_of_labels_that_counted(void **state)
{
	metric_add(&eaten, 0 * 3 + 2, 2);
	metric_add(&eaten, 1 * 3 + 0, 1);
	assert_line("# TYPE eaten_total counter");
	assert_line("eaten_total{fruit=\"apple\",size=\"huge\"} 2\n"
		    "eaten_total{fruit=\"a\\\"b\\\\c\\nd\",size=\"small\"} 1");
	assert_null(strstr(rendered(), "large"));
}

static void a_gauge_goes_up_and_down_or_is_asked(void **state)
{
	metric_add(&held, 0, 2);
	metric_add(&held, 0, -3);
	assert_line("# TYPE held gauge\nheld -1");
	assert_line("asked 7");
	level = 0.25;
	assert_line("asked 0.25");
	level = 1.5e18;
	assert_line("asked 1.5e+18");
}

static void a_histogram_sums_up_its_buckets(void **state)
{
	metric_observe(&took, 0, 1);
	metric_observe(&took, 0, 100000); /* the end of a bucket belongs to it */
	metric_observe(&took, 0, 100001);
	metric_observe(&took, 0, INT64_C(31000000000));
	assert_line("# TYPE took_seconds histogram\n"
		    "took_seconds_bucket{fruit=\"apple\",le=\"0.0001\"} 2\n"
		    "took_seconds_bucket{fruit=\"apple\",le=\"0.00025\"} 3");
	assert_line("took_seconds_bucket{fruit=\"apple\",le=\"30\"} 3\n"
		    "took_seconds_bucket{fruit=\"apple\",le=\"+Inf\"} 4\n"
		    "took_seconds_sum{fruit=\"apple\"} 31.000200002\n"
		    "took_seconds_count{fruit=\"apple\"} 4");
	assert_null(strstr(rendered(), "took_seconds_count{fruit=\"a\\"));
}

#define ROUNDS 20000

static void *count_often(void *arg)
{
	for (int i = 0; i < ROUNDS; i++)
		metric_add(arg, 1 * 3 + 2, 1);
	return NULL;
}

static void nothing_is_lost_with_more_threads_than_shards(void **state)
{
	pthread_t threads[METRIC_SHARDS * 2 + 1];
	size_t count = sizeof(threads) / sizeof(threads[0]);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, count_often, &eaten), 0);
	for (size_t i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
	char line[128];
	snprintf(line, sizeof(line), "eaten_total{fruit=\"a\\\"b\\\\c\\nd\",size=\"huge\"} %zu",
		count * ROUNDS);
	assert_line(line);
}

static void a_process_tells_its_own(void **state)
{
	metric_register_process();
	assert_line("junction_build_info{version=\"" JUNCTION_VERSION "\"} 1");
	static const char name[] = "\nprocess_resident_memory_bytes ";
	const char *memory = strstr(rendered(), name);
	assert_non_null(memory);
	assert_true(strtod(memory + sizeof(name) - 1, NULL) > 100000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(registering_again_changes_nothing),
		cmocka_unit_test(a_counter_has_a_series_for_each_pair_of_labels_that_counted),
		cmocka_unit_test(a_gauge_goes_up_and_down_or_is_asked),
		cmocka_unit_test(a_histogram_sums_up_its_buckets),
		cmocka_unit_test(nothing_is_lost_with_more_threads_than_shards),
		cmocka_unit_test(a_process_tells_its_own),
	};
	return cmocka_run_group_tests(tests, setup, NULL);
}
