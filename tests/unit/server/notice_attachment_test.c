/* Attachments in memory, against a real PostgreSQL that goes away. */
/* Before cmocka, which has a fail(), too. */
#include "server/notice/attachment/attachment.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "tests/support/lane_trial.h"
#include "tests/support/postgres.h"

enum { MANY = 50, ODD = 2 * ATTACHMENT_PART + 12345, LARGE = 40 << 20 };

#define ID(n)  "00000000-0000-4000-8000-00000000000" #n
#define WITHIN (30 * CLOCK_SECOND)

static struct test_postgres *postgres;
static const char *url;
static struct lanes *lanes;

/* Of numbered bytes, in parts, as PutAttachment leaves it. */
static void put(const char *id, int size)
{
	char sql[1500];

	snprintf(sql, sizeof(sql),
		"INSERT INTO notice.attachment (id, namespace, name, content_type, size) "
		"VALUES ('%s', 'default', 'a', 't', %d); "
		"INSERT INTO notice.attachment_part (attachment_id, number, bytes) "
		"SELECT '%s', i + 1, substr(x.bytes, 1, least(%d, %d - i * %d)) "
		"FROM generate_series(0, (%d - 1) / %d) AS i, (SELECT decode(repeat(encode("
		"sha256('%s'), 'hex'), %d / 32), 'hex') AS bytes OFFSET 0) AS x",
		id, size, id, ATTACHMENT_PART, size, ATTACHMENT_PART, size, ATTACHMENT_PART, id,
		ATTACHMENT_PART);
	test_sql(url, sql);
}

struct get {
	struct attachment_job job;
	const struct attachment_bytes *bytes;
	enum status_code code;
	atomic_int done;
};

static void got(struct attachment_job *job, const struct attachment_bytes *bytes,
	const struct status *error)
{
	struct get *g = (struct get *)job;

	assert_true(!bytes == !!error);
	g->bytes = bytes;
	g->code = error ? error->code : STATUS_OK;
	atomic_fetch_add(&g->done, 1);
}

static void begin(struct get *g, const char *id, int64_t within)
{
	*g = (struct get){
		.job = {.id = text_of(id), .deadline = clock_now() + within, .done = got}};
	attachment_get(lanes, &g->job);
}

static enum status_code await(struct get *g)
{
	while (atomic_load(&g->done) == 0)
		poll(NULL, 0, 1);
	assert_int_equal(atomic_load(&g->done), 1);
	return g->code;
}

static enum status_code get(struct get *g, const char *id)
{
	begin(g, id, WITHIN);
	return await(g);
}

static void forget_rows(void)
{
	test_sql(url, "TRUNCATE notice.attachment, notice.attachment_part");
}

static int start(void **state)
{
	postgres = test_postgres_own(false);
	url = test_postgres_database(postgres, "");
	return trial_options(url).threads != 2;
}

static int stop(void **state)
{
	test_postgres_stop(&postgres);
	return 0;
}

static int begin_lanes(void **state)
{
	struct lanes_options options = trial_options(url);
	static const struct notice_options notice;

	lanes = lanes_start(&options);
	CHECK(lanes);
	while (!lanes_ready(lanes))
		poll(NULL, 0, 1);
	attachment_start(lanes, &notice);
	return 0;
}

static int end_lanes(void **state)
{
	lanes_stop(&lanes);
	attachment_stop();
	forget_rows();
	return 0;
}

static void test_sizes(void **state)
{
	static const int sizes[] = {0, 1, ATTACHMENT_PART, ATTACHMENT_PART + 1, ODD};
	static const char *const ids[] = {ID(1), ID(2), ID(3), ID(4), ID(5)};
	struct get g;

	for (int i = 0; i < 5; i++) {
		put(ids[i], sizes[i]);
		assert_int_equal(get(&g, ids[i]), STATUS_OK);
		struct text bytes = attachment_text(g.bytes);

		assert_int_equal(bytes.size, sizes[i]);
		for (int at = ATTACHMENT_PART; at < sizes[i]; at++)
			assert_int_equal(bytes.data[at], bytes.data[at - ATTACHMENT_PART]);
		attachment_release(&g.bytes);
		assert_null(g.bytes);
	}
	attachment_release(&g.bytes);
}

static void test_many_get_one_copy(void **state)
{
	struct get gets[MANY];

	put(ID(1), ODD);
	for (int i = 0; i < MANY; i++)
		begin(&gets[i], ID(1), WITHIN);
	for (int i = 0; i < MANY; i++) {
		assert_int_equal(await(&gets[i]), STATUS_OK);
		assert_ptr_equal(gets[i].bytes, gets[0].bytes);
	}
	for (int i = 0; i < MANY; i++)
		attachment_release(&gets[i].bytes);
}

static void test_what_was_held_is_kept_some_time(void **state)
{
	struct get first, again;

	put(ID(1), ODD);
	assert_int_equal(get(&first, ID(1)), STATUS_OK);
	forget_rows();
	assert_int_equal(get(&again, ID(1)), STATUS_OK);
	assert_ptr_equal(first.bytes, again.bytes);
	attachment_release(&first.bytes);
	attachment_release(&again.bytes);
	assert_int_equal(get(&again, ID(1)), STATUS_OK);
	assert_int_equal(attachment_text(again.bytes).size, ODD);
	attachment_release(&again.bytes);
}

/* Those that nobody holds have 64 MiB together. */
static void test_the_oldest_go(void **state)
{
	struct get g;

	put(ID(1), LARGE);
	put(ID(2), LARGE);
	assert_int_equal(get(&g, ID(1)), STATUS_OK);
	attachment_release(&g.bytes);
	assert_int_equal(get(&g, ID(2)), STATUS_OK);
	attachment_release(&g.bytes);
	forget_rows();
	assert_int_equal(get(&g, ID(1)), STATUS_NOT_FOUND);
	assert_int_equal(get(&g, ID(2)), STATUS_OK);
	attachment_release(&g.bytes);
}

static void test_what_is_not_there(void **state)
{
	struct get g;

	assert_int_equal(get(&g, ID(9)), STATUS_NOT_FOUND);
	put(ID(1), ODD);
	test_sql(url, "DELETE FROM notice.attachment_part WHERE number = 3");
	assert_int_equal(get(&g, ID(1)), STATUS_NOT_FOUND);
	test_sql(url, "INSERT INTO notice.attachment_part VALUES ('" ID(
			      1) "', 3, "
				 "(SELECT bytes FROM notice.attachment_part WHERE number = 1))");
	assert_int_equal(get(&g, ID(1)), STATUS_NOT_FOUND);
}

/* Nobody reads until there is a row in "go". */
static void *hold_up(void *arg)
{
	test_sql(url, "DO $$ BEGIN LOCK TABLE notice.attachment; "
		      "WHILE NOT EXISTS (SELECT FROM go) LOOP END LOOP; END $$");
	return NULL;
}

static void test_of_several_deadlines_the_last_counts(void **state)
{
	struct get early, late;
	pthread_t holder;

	put(ID(1), ODD);
	test_sql(url, "CREATE TABLE go (a int)");
	assert_int_equal(pthread_create(&holder, NULL, hold_up, NULL), 0);
	test_sql_await(url,
		"SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' "
		"AND relation = 'notice.attachment'::regclass AND granted",
		1);
	begin(&early, ID(1), CLOCK_MS);
	begin(&late, ID(1), WITHIN);
	for (int64_t end = early.job.deadline + CLOCK_SECOND / 4; clock_now() < end;)
		poll(NULL, 0, 1);
	test_sql(url, "INSERT INTO go VALUES (1)");
	pthread_join(holder, NULL);
	assert_int_equal(await(&late), STATUS_OK);
	assert_int_equal(await(&early), STATUS_OK);
	attachment_release(&early.bytes);
	attachment_release(&late.bytes);
}

static void test_while_the_database_is_away(void **state)
{
	struct get g;

	put(ID(1), ODD);
	test_postgres_kill(postgres);
	assert_int_equal(get(&g, ID(1)), STATUS_UNAVAILABLE);
	test_postgres_restart(postgres);
	begin(&g, ID(1), WITHIN);
	while (await(&g) == STATUS_UNAVAILABLE)
		begin(&g, ID(1), WITHIN);
	assert_int_equal(g.code, STATUS_OK);
	attachment_release(&g.bytes);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin_lanes, end_lanes)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_sizes),
		TEST(test_many_get_one_copy),
		TEST(test_what_was_held_is_kept_some_time),
		TEST(test_the_oldest_go),
		TEST(test_what_is_not_there),
		TEST(test_of_several_deadlines_the_last_counts),
		TEST(test_while_the_database_is_away),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
