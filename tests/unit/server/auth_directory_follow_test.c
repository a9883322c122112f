/* The directory of now against a real PostgreSQL: what is exchanged, and when. */
#include "server/auth/directory/directory.h"
#include "tests/support/lane_trial.h"
#include "tests/support/postgres.h"

#include <poll.h>
#include <pthread.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

/* After server/call.h: it makes a macro of fail. */
#include <cmocka.h>

#include "server/auth/directory/directory_make.h"

static struct test_postgres *postgres;
static const char *url;
static struct lanes *lanes;

/* As changed() finds it. */
static struct {
	atomic_int exchanges, torn;
} seen;

/* Users and groups are only made together, as many of each. */
static void changed(void)
{
	const struct directory *d = directory_hold();

	if (directory_count(d, THING_USER) != directory_count(d, THING_GROUP))
		atomic_fetch_add(&seen.torn, 1);
	atomic_fetch_add(&seen.exchanges, 1);
	directory_release(&d);
}

static int start(void **state)
{
	postgres = test_postgres_own(false);
	url = test_postgres_database(postgres, "");
	struct lanes_options options = trial_options(url);
	test_sql(url, "SELECT upkeep.keep_months('audit.record', 90)");
	lanes = lanes_start(&options);
	assert_non_null(lanes);
	assert_null(directory_hold());
	directory_start(lanes, 20, changed);
	while (!directory_ready())
		poll(NULL, 0, 1);
	return 0;
}

static int stop(void **state)
{
	lanes_stop(&lanes);
	directory_stop();
	test_postgres_stop(&postgres);
	return 0;
}

static size_t count_users(void)
{
	const struct directory *d = directory_hold();
	size_t count = directory_count(d, THING_USER);

	directory_release(&d);
	return count;
}

#define PUT(kind, name, count)                                                                     \
	"INSERT INTO auth.subject (kind, name) SELECT '" kind "', '" name                          \
	"' || i FROM generate_series(1, " #count ") AS i;"

static void one_transaction_is_seen_as_a_whole(void **state)
{
	/* More than one answer holds, each statement with a revision of its own. */
	test_sql(url, "BEGIN;" PUT("user", "u", 1100) PUT("group", "g", 1100) "COMMIT");
	while (count_users() != 1100)
		poll(NULL, 0, 1);
	assert_int_equal(atomic_load(&seen.torn), 0);
}

static void what_is_held_stays_while_others_come(void **state)
{
	const struct directory *held = directory_hold();
	size_t before = directory_count(held, THING_USER);
	int64_t revision = directory_revision(held);

	test_sql(url, "BEGIN;" PUT("user", "late", 1) PUT("group", "late", 1) "COMMIT");
	while (count_users() != before + 1)
		poll(NULL, 0, 1);
	assert_int_equal(directory_count(held, THING_USER), before);
	assert_null(directory_subject(held, SUBJECT_USER, TEXT("late1")));
	assert_int_equal(directory_revision(held), revision);
	directory_release(&held);
}

static atomic_bool ended;

static void *hold_and_release(void *arg)
{
	while (!atomic_load(&ended)) {
		const struct directory *d = directory_hold();
		if (directory_count(d, THING_USER) != directory_count(d, THING_GROUP))
			atomic_fetch_add(&seen.torn, 1);
		directory_release(&d);
	}
	return NULL;
}

static void threads_hold_it_while_it_is_exchanged(void **state)
{
	pthread_t threads[4];
	size_t before = count_users();

	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, hold_and_release, NULL), 0);
	for (int i = 0; i < 20; i++) {
		int exchanges = atomic_load(&seen.exchanges);
		test_sql(url, "BEGIN;" PUT("user", "t", 1) PUT("group", "t",
				      1) "COMMIT;"
					 "DELETE FROM auth.subject WHERE name = 't1'");
		while (atomic_load(&seen.exchanges) == exchanges)
			poll(NULL, 0, 1);
	}
	atomic_store(&ended, true);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	while (count_users() != before)
		poll(NULL, 0, 1);
	assert_int_equal(atomic_load(&seen.torn), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_transaction_is_seen_as_a_whole),
		cmocka_unit_test(what_is_held_stays_while_others_come),
		cmocka_unit_test(threads_hold_it_while_it_is_exchanged),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
