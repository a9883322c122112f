/* Events that the server itself tells, against a real PostgreSQL: what is in the log, and how a
 * told event ends. */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/check.h"
#include "server/event/event.h"
#include "server/event/tell.h"
#include "server/seal.h"
#include "tests/support/lane_trial.h"
#include "tests/support/postgres.h"

#include <cmocka.h>

enum { HOUR_MS = 3600000 };

static struct test_postgres *postgres;
static const char *url;
static struct lanes *lanes;
static struct fetch_lane *pushes;
static const struct egress_policy policy = {.loopback = true};

struct trial {
	struct told_event event; /* first */
	atomic_int ended;
	enum status_code code;
	char field[40];
};

/* --- start and stop --------------------------------------------------------------------------- */

/* It looks for nothing by itself, so that what is changed by SQL is not known to it. */
static int begin(void **state)
{
	const struct event_options events = {
		.server_name = "one",
		.poll_ms = HOUR_MS,
		.data_limit = 1000,
	};
	const struct fetch_options fetch = {&policy, 1, 1, 1};

	postgres = test_postgres_shared();
	url = test_postgres_database(postgres, test_postgres_template(postgres));
	struct lanes_options options = trial_options(url);
	assert_true(seal_start(NULL));
	lanes = lanes_start(&options);
	pushes = fetch_start(&fetch);
	call_use_lanes(lanes, pushes, NULL);
	event_start(&events, lanes, pushes);
	while (!event_ready())
		poll(NULL, 0, 1);
	return 0;
}

static int end(void **state)
{
	event_leave();
	fetch_stop(&pushes);
	lanes_stop(&lanes);
	event_stop();
	seal_stop();
	test_postgres_stop(&postgres);
	return 0;
}

/* --- telling ---------------------------------------------------------------------------------- */

static void done(struct told_event *event, const struct status *error)
{
	struct trial *t = (struct trial *)event;

	t->code = error ? error->code : STATUS_OK;
	snprintf(t->field, sizeof t->field, "%s", error && error->field ? error->field : "");
	atomic_fetch_add(&t->ended, 1);
}

static struct told_event event_of(const char *id, const char *data)
{
	return (struct told_event){
		.space = TEXT("plant"),
		.name = TEXT("notice.receipt"),
		.event_id = text_of(id),
		.data = text_of(data),
		.trace_id = TEXT("0af7651916cd43dd8448eb211c80319c"),
		.done = done,
	};
}

static struct trial tell(struct told_event event)
{
	struct trial t = {.event = event};
	int64_t until = clock_now() + 30 * CLOCK_SECOND;

	event_tell(&t.event);
	while (atomic_load(&t.ended) == 0) {
		assert_true(clock_now() < until);
		poll(NULL, 0, 1);
	}
	assert_int_equal(atomic_load(&t.ended), 1);
	return t;
}

static long logged(const char *condition)
{
	char sql[1000];

	CHECK(snprintf(sql, sizeof sql, "SELECT count(*) FROM event.event WHERE %s", condition) <
		(int)sizeof sql);
	return test_sql_number(url, sql);
}

static void a_told_event_is_in_the_log(void **state)
{
	assert_int_equal(tell(event_of("first", "{\"a\": 1.50}")).code, STATUS_OK);
	assert_int_equal(logged("event_id = 'first'"), 1);
	assert_int_equal(
		logged("event_id = 'first' AND namespace = 'plant' AND name = 'notice.receipt' AND "
		       "data = '{\"a\": 1.50}' AND user_name IS NULL AND application IS NULL AND "
		       "address IS NULL AND trace_id = '0af7651916cd43dd8448eb211c80319c'"),
		1);
}

static void without_a_trace(void **state)
{
	struct told_event event = event_of("traceless", "1");

	event.trace_id = TEXT("");
	assert_int_equal(tell(event).code, STATUS_OK);
	assert_int_equal(logged("event_id = 'traceless' AND trace_id IS NULL"), 1);
}

static void told_again_it_is_published_once(void **state)
{
	assert_int_equal(tell(event_of("again", "1")).code, STATUS_OK);
	assert_int_equal(tell(event_of("again", "1")).code, STATUS_OK);
	assert_int_equal(tell(event_of("again", "2")).code, STATUS_ALREADY_EXISTS);
	assert_int_equal(logged("event_id = 'again'"), 1);
}

static void who_subscribed_meanwhile_gets_it(void **state)
{
	test_sql(url,
		"INSERT INTO event.queue (namespace, group_name) VALUES ('plant', 'g');"
		"INSERT INTO event.subscription (namespace, name, queue_id, patterns, target) "
		"SELECT 'plant', 's', id, '{notice.*}', 'pull' FROM event.queue");
	assert_int_equal(tell(event_of("meanwhile", "1")).code, STATUS_OK);
	assert_int_equal(
		test_sql_number(url, "SELECT count(*) FROM event.delivery JOIN event.event USING "
				     "(position) WHERE event_id = 'meanwhile'"),
		1);
}

static void what_is_wrong_is_told(void **state)
{
	struct told_event named = event_of("wrong", "1"), traced = event_of("wrong", "1");

	named.name = TEXT("a b");
	assert_string_equal(tell(named).field, "event");
	assert_string_equal(tell(event_of("wrong", "{")).field, "data");
	/* Only the lane sees that. */
	traced.trace_id = TEXT("\xff");
	assert_int_equal(tell(traced).code, STATUS_INVALID_ARGUMENT);
	assert_int_equal(logged("event_id = 'wrong'"), 0);
}

static void what_must_be_sealed_needs_a_key(void **state)
{
	test_sql(url, "UPDATE event.subscription SET encrypt_stored = true");
	assert_int_equal(tell(event_of("sealed", "1")).code, STATUS_FAILED_PRECONDITION);
	assert_int_equal(logged("event_id = 'sealed'"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_told_event_is_in_the_log),
		cmocka_unit_test(without_a_trace),
		cmocka_unit_test(told_again_it_is_published_once),
		cmocka_unit_test(who_subscribed_meanwhile_gets_it),
		cmocka_unit_test(what_is_wrong_is_told),
		cmocka_unit_test(what_must_be_sealed_needs_a_key),
	};
	return cmocka_run_group_tests(tests, begin, end);
}
