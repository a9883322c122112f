/* The subscriptions of now against a real PostgreSQL: when changes are seen. */
#include "tests/support/postgres.h"
#include "tests/support/waiting_call.h"

#include <poll.h>
#include <pthread.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

/* After server/call.h: it makes a macro of fail. */
#include <cmocka.h>

#include "base/metric.h"
#include "server/event/subscription/subscriptions.h"

#define HOUR_MS INT64_C(3600000)

static struct test_postgres *postgres;
static const char *url;
static struct lanes *lanes;
static atomic_int loads, torn;

/* Queues and subscriptions are only made together, as many of each. */
static void look(void)
{
	const struct subscriptions *s = subscriptions_hold();

	if (subscriptions_count(s) != subscriptions_queue_count(s))
		atomic_fetch_add(&torn, 1);
	subscriptions_release(&s);
}

static void changed(void)
{
	look();
	atomic_fetch_add(&loads, 1);
}

static void begin(int64_t poll_ms)
{
	struct lanes_options options = trial_options(url);

	lanes = lanes_start(&options);
	assert_non_null(lanes);
	call_use_lanes(lanes, NULL, NULL);
	assert_null(subscriptions_hold());
	subscriptions_start(lanes, lane_loop(lanes, lanes_threads(lanes) - 1), poll_ms, changed);
	while (!subscriptions_ready())
		poll(NULL, 0, 1);
}

static void end(void)
{
	lanes_stop(&lanes);
	subscriptions_stop();
}

static int start(void **state)
{
	postgres = test_postgres_own(false);
	url = test_postgres_database(postgres, "");
	begin(HOUR_MS);
	return 0;
}

static int stop(void **state)
{
	end();
	test_postgres_stop(&postgres);
	return 0;
}

/* --- rows ----------------------------------------------------------------------------------- */

#define PUT(name)                                                                                  \
	"WITH q AS (INSERT INTO event.queue (namespace, group_name) VALUES ('default', '" name     \
	"') RETURNING id) INSERT INTO event.subscription (namespace, name, queue_id, patterns, "   \
	"target) SELECT 'default', '" name "', q.id, '{" name ".*}', 'pull' FROM q;"
#define DELETE(name)                                                                               \
	"DELETE FROM event.subscription WHERE name = '" name "';"                                  \
	"DELETE FROM event.queue WHERE group_name = '" name "';"
#define TOGETHER(sql) test_sql(url, "BEGIN;" sql "COMMIT")

static bool is_known(const char *name)
{
	const struct subscriptions *s = subscriptions_hold();
	bool known = subscriptions_by_name(s, TEXT("default"), text_of(name));

	subscriptions_release(&s);
	return known;
}

/* --- waiting -------------------------------------------------------------------------------- */

static enum next seen_current(struct call *c)
{
	const struct subscriptions *s = subscriptions_hold();

	((struct waiting_call *)c)->seen = subscriptions_revision(s);
	subscriptions_release(&s);
	return failed(c);
}

static void want_current(struct waiting_call *w)
{
	subscriptions_current(&w->call, seen_current);
}

/* Until this server knows what was committed. The revision that it has then. */
static int64_t await_current(void)
{
	struct waiting_call *w = waiting_start(lane_loop(lanes, 0), 0, want_current);

	waiting_await(w);
	int64_t revision = w->seen;
	waiting_free(w);
	return revision;
}

struct wait {
	struct follow_job job;
	atomic_bool cancelled, ended;
	bool known; /* at its end */
	enum status_code code;
};

static void wait_ended(struct follow_job *job, const struct status *error)
{
	struct wait *w = (struct wait *)job;

	w->code = error ? error->code : STATUS_OK;
	w->known = is_known("waited");
	atomic_store(&w->ended, true);
}

static void wait_for(struct wait *w, int64_t revision, int64_t deadline)
{
	*w = (struct wait){.job = {.revision = revision,
				   .deadline = deadline,
				   .cancelled = &w->cancelled,
				   .done = wait_ended}};
	subscriptions_wait(&w->job);
	while (!atomic_load(&w->ended))
		poll(NULL, 0, 1);
}

/* --- tests ---------------------------------------------------------------------------------- */

static void what_is_put_in_is_there_for_who_asks(void **state)
{
	int before = atomic_load(&loads);

	TOGETHER(PUT("first"));
	assert_int_equal(await_current(), test_sql_number(url, "SELECT value FROM event.revision"));
	assert_true(is_known("first"));
	assert_true(atomic_load(&loads) > before);

	const struct subscriptions *s = subscriptions_hold();
	struct arena *a = arena_new(0);
	const struct event_queue *queue = subscriptions_group(s, TEXT("default"), TEXT("first"));
	struct subscriptions_match found =
		subscriptions_match(s, a, TEXT("default"), TEXT("first.x"), TEXT("null"));
	assert_int_equal(found.count, 1);
	assert_int_equal(found.queues[0], queue->id);
	assert_string_equal(queue->members[0]->name.data, "first");
	arena_free(&a);
	subscriptions_release(&s);
	TOGETHER(DELETE("first"));
	await_current();
	assert_false(is_known("first"));
}

static void keys_and_secrets_come_as_they_are_stored(void **state)
{
	TOGETHER(PUT("pushed"));
	test_sql(url, "UPDATE event.subscription SET target = 'url', url = 'https://a.example/', "
		      "push_key = sha256('key'), push_key_id = 'k', conditions = "
		      "'[{\"path\":\"x\",\"values\":[10000000000000000000000001]}]', rate = 0.5");
	/* Longer than what encode() has on a line. */
	test_sql(url, "INSERT INTO event.secret (subscription_id, secret, expires_at) SELECT id, "
		      "convert_to(repeat('old!', 16), 'UTF8'), timestamptz 'epoch' + interval "
		      "'1700000000 seconds' FROM event.subscription");
	test_sql(url, "INSERT INTO event.secret (subscription_id, secret) SELECT id, "
		      "convert_to(repeat('new!', 6), 'UTF8') FROM event.subscription");
	await_current();

	const struct subscriptions *s = subscriptions_hold();
	const struct subscription *one = subscriptions_by_name(s, TEXT("default"), TEXT("pushed"));
	assert_string_equal(one->push_key_id.data, "k");
	/* SHA-256 of "key" begins so. */
	assert_memory_equal(one->push_key, "\x2c\x70\xe1\x2b", 4);
	assert_int_equal(one->secret_count, 2);
	assert_true(text_equal(one->secrets[0].bytes, TEXT("new!new!new!new!new!new!")));
	assert_true(one->secrets[0].expires_ms == INT64_MAX);
	assert_int_equal(one->secrets[1].bytes.size, 64);
	assert_memory_equal(one->secrets[1].bytes.data + 60, "old!", 4);
	assert_true(one->secrets[1].expires_ms == 1700000000000);
	assert_true(one->rate == 0.5);
	assert_false(subscription_wants(
		one, TEXT("pushed.x"), TEXT("{\"x\":10000000000000000000000000}")));
	assert_true(subscription_wants(
		one, TEXT("pushed.x"), TEXT("{\"x\":10000000000000000000000001}")));
	subscriptions_release(&s);
	TOGETHER(DELETE("pushed"));
	await_current();
}

static void what_is_held_stays_while_others_come(void **state)
{
	await_current();
	const struct subscriptions *held = subscriptions_hold();
	size_t before = subscriptions_count(held);

	TOGETHER(PUT("late"));
	assert_true(await_current() > subscriptions_revision(held));
	assert_int_equal(subscriptions_count(held), before);
	assert_null(subscriptions_by_name(held, TEXT("default"), TEXT("late")));
	assert_true(is_known("late"));
	subscriptions_release(&held);
	TOGETHER(DELETE("late"));
	await_current();
}

static void who_needs_a_revision_waits_for_it(void **state)
{
	struct wait w;

	TOGETHER(PUT("waited"));
	long revision = test_sql_number(url, "SELECT value FROM event.revision");
	wait_for(&w, revision, CLOCK_NEVER);
	assert_int_equal(w.code, STATUS_OK);
	assert_true(w.known);
	TOGETHER(DELETE("waited"));
	wait_for(&w, 0, CLOCK_NEVER);
	assert_int_equal(w.code, STATUS_OK);
	assert_false(w.known);
	wait_for(&w, revision + 1000000, clock_now() + 10 * CLOCK_MS);
	assert_int_equal(w.code, STATUS_UNAVAILABLE);
}

static void nothing_is_loaded_while_nothing_changes(void **state)
{
	await_current();
	int before = atomic_load(&loads);

	for (int i = 0; i < 10; i++)
		await_current();
	assert_int_equal(atomic_load(&loads), before);
}

static void it_stays_while_postgresql_is_away(void **state)
{
	TOGETHER(PUT("kept"));
	await_current();
	test_postgres_kill(postgres);
	while (lanes_ready(lanes))
		poll(NULL, 0, 1);
	assert_true(is_known("kept"));
	assert_true(subscriptions_ready());
	test_postgres_restart(postgres);
	TOGETHER(DELETE("kept") PUT("new"));
	await_current();
	assert_false(is_known("kept"));
	assert_true(is_known("new"));
	TOGETHER(DELETE("new"));
	await_current();
}

/* The sum that the program's metrics show. */
static bool is_shown(const char *line)
{
	struct arena *a = arena_new(0);
	struct buffer b = {.arena = a};

	metric_render(&b);
	bool shown = strstr(arena_string(a, buffer_text(&b)), line);
	arena_free(&a);
	return shown;
}

static void how_many_there_are_is_a_metric(void **state)
{
	assert_true(is_shown("\njunction_event_subscriptions 0\n"));
	TOGETHER(PUT("one") PUT("two"));
	await_current();
	assert_true(is_shown("\njunction_event_subscriptions 2\n"));
	assert_true(is_shown("\njunction_event_subscriptions_lag_seconds "));
	TOGETHER(DELETE("one") DELETE("two"));
	await_current();
}

static atomic_bool over;

static void *hold_and_release(void *arg)
{
	while (!atomic_load(&over))
		look();
	return NULL;
}

static void threads_hold_it_while_it_is_exchanged(void **state)
{
	pthread_t threads[4];

	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, hold_and_release, NULL), 0);
	for (int i = 0; i < 20; i++) {
		TOGETHER(PUT("t"));
		await_current();
		TOGETHER(DELETE("t"));
		await_current();
	}
	atomic_store(&over, true);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(atomic_load(&torn), 0);
}

static void what_others_change_is_noticed(void **state)
{
	end();
	begin(20);
	TOGETHER(PUT("polled"));
	while (!is_known("polled"))
		poll(NULL, 0, 1);
	TOGETHER(DELETE("polled"));
	while (is_known("polled"))
		poll(NULL, 0, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(how_many_there_are_is_a_metric),
		cmocka_unit_test(what_is_put_in_is_there_for_who_asks),
		cmocka_unit_test(keys_and_secrets_come_as_they_are_stored),
		cmocka_unit_test(what_is_held_stays_while_others_come),
		cmocka_unit_test(who_needs_a_revision_waits_for_it),
		cmocka_unit_test(nothing_is_loaded_while_nothing_changes),
		cmocka_unit_test(it_stays_while_postgresql_is_away),
		cmocka_unit_test(threads_hold_it_while_it_is_exchanged),
		cmocka_unit_test(what_others_change_is_noticed),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
