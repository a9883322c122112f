/* Leases against a real PostgreSQL, which is killed and comes back: two servers' worth of them. */
#include "server/registry/feed.h"
#include "server/registry/lease.h"
#include "tests/support/lane_trial.h"
#include "tests/support/postgres.h"

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

/* After server/call.h: it makes a macro of fail. */
#include <cmocka.h>

static struct test_postgres *postgres;
static const char *url;

/* What a server has of it. */
struct half {
	struct lanes *lanes;
	struct index *index;
	struct leases *leases;
	struct feed_listener listeners[2];
	struct feed *feed;
};

static struct half here, there;

static void half_start(struct half *h, const char *name)
{
	struct lanes_options options = trial_options(url);

	*h = (struct half){.lanes = lanes_start(&options), .index = index_new()};
	assert_non_null(h->lanes);
	h->leases = leases_start(&(struct leases_options){.lanes = h->lanes,
		.home = lane_loop(h->lanes, 0),
		.server_name = name,
		.forget_after_ms = 3600000});
	h->listeners[0] = (struct feed_listener){leases_changed, h->leases};
	h->feed = feed_start(h->lanes, lane_loop(h->lanes, 0), h->index, h->listeners, 20);
	while (!feed_ready(h->feed))
		poll(NULL, 0, 1);
}

static void half_stop(struct half *h)
{
	lanes_stop(&h->lanes);
	feed_free(&h->feed);
	leases_free(&h->leases);
	index_free(&h->index);
}

static int start(void **state)
{
	postgres = test_postgres_own(false);
	url = test_postgres_database(postgres, "");
	half_start(&here, "here-1");
	half_start(&there, "there-1");
	return 0;
}

static int stop(void **state)
{
	half_stop(&here);
	half_stop(&there);
	test_postgres_stop(&postgres);
	return 0;
}

/* --- what is registered and renewed ---------------------------------------------------------- */

static bool renew(struct half *h, const char *service, const char *node)
{
	int64_t lease_ms;

	return leases_renew(h->leases, TEXT("default"), text_of(service), text_of(node), &lease_ms);
}

static int64_t sql_number(const char *format, const char *service, const char *node)
{
	char sql[1024];

	snprintf(sql, sizeof sql, format, service, node);
	return test_sql_number(url, sql);
}

/* lease_ms 0: none. Returns when both know it, or know that it has no lease. */
static void put_node(const char *service, const char *node, int lease_ms)
{
	char lease[32] = "NULL", sql[1024];

	if (lease_ms)
		snprintf(lease, sizeof lease, "%d", lease_ms);
	snprintf(sql, sizeof sql,
		"SELECT r_revision FROM registry.register_nodes(ARRAY['default'], ARRAY['%s'], "
		"ARRAY['%s'], ARRAY['h'], ARRAY[1], ARRAY['http'], ARRAY[1], ARRAY[true], "
		"ARRAY['{}'], ARRAY['none'], ARRAY[''], ARRAY[%s]::integer[], ARRAY[''], "
		"ARRAY[''], ARRAY[''], ARRAY[''])",
		service, node, lease);
	int64_t revision = test_sql_number(url, sql);
	while (feed_revision(here.feed) < revision || feed_revision(there.feed) < revision)
		poll(NULL, 0, 1);
}

#define EXPIRED_AT                                                                                 \
	"SELECT coalesce((SELECT registry.milliseconds(max(at)) FROM registry.change WHERE "       \
	"operation = 'expire' AND service_key = '%s' AND name = '%s'), 0)"

/* Milliseconds since 1970, 0: it has not. */
static int64_t expired_at(const char *service, const char *node)
{
	return sql_number(EXPIRED_AT, service, node);
}

static int64_t await_expiry(const char *service, const char *node)
{
	int64_t at;

	while ((at = expired_at(service, node)) == 0)
		poll(NULL, 0, 20);
	return at;
}

/* --- a client that renews ----------------------------------------------------------------------
 */

struct client {
	struct half *at;
	const char *service, *node;
	int64_t every_ms;
	atomic_bool stopping;
	atomic_int refused;
	int64_t last_ms; /* since 1970: its last heartbeat came no earlier */
	pthread_t thread;
};

static void *renew_all_the_time(void *arg)
{
	struct client *c = arg;

	while (!atomic_load(&c->stopping)) {
		c->last_ms = clock_unix_ms();
		if (!renew(c->at, c->service, c->node))
			atomic_fetch_add(&c->refused, 1);
		usleep((useconds_t)(c->every_ms * 1000));
	}
	return NULL;
}

static void client_start(struct client *c)
{
	assert_int_equal(pthread_create(&c->thread, NULL, renew_all_the_time, c), 0);
}

static void client_stop(struct client *c)
{
	atomic_store(&c->stopping, true);
	pthread_join(c->thread, NULL);
}

/* --- tests -------------------------------------------------------------------------------------
 */

/* Long enough for heartbeats that come, or are written, late. */
#define LEASE_MS 2000

/* Those that stop tell that the others had the time to expire. */
static void who_renews_here_lives_and_who_stops_expires_not_before_its_lease(void **state)
{
	struct client client = {&here, "lives", "h-1", 300};

	put_node("lives", "h-1", LEASE_MS);
	client_start(&client);
	for (int round = 0; round < 2; round++) {
		char dead[16];
		snprintf(dead, sizeof dead, "d-%d", round);
		put_node("lives", dead, LEASE_MS);
		int64_t registered = clock_unix_ms();
		/* What the registration wrote is as good as a heartbeat, and is there at once. */
		assert_true(await_expiry("lives", dead) >= registered + LEASE_MS);
		assert_int_equal(expired_at("lives", "h-1"), 0);
	}
	client_stop(&client);
	assert_true(await_expiry("lives", "h-1") >= client.last_ms + LEASE_MS);
	assert_int_equal(atomic_load(&client.refused), 0);
	while (renew(&here, "lives", "h-1") || renew(&there, "lives", "h-1"))
		poll(NULL, 0, 1);
}

static void a_heartbeat_is_written_an_eighth_of_the_lease_apart(void **state)
{
	struct client client = {&here, "counted", "h-1", 1};

	put_node("counted", "h-1", 4000);
	test_sql(url, "CREATE TABLE public.written (n bigint); "
		      "GRANT INSERT ON public.written TO PUBLIC; "
		      "CREATE FUNCTION public.count_write() RETURNS trigger LANGUAGE plpgsql AS "
		      "$$BEGIN INSERT INTO public.written VALUES (1); RETURN NULL; END$$; "
		      "CREATE TRIGGER written AFTER UPDATE ON registry.lease "
		      "FOR EACH ROW EXECUTE FUNCTION public.count_write()");
	int64_t begun = clock_now();
	client_start(&client);
	/* The first comes at once, and the next ones are never missing. */
	while (sql_number("SELECT count(*) FROM public.written", "", "") < 5)
		poll(NULL, 0, 20);
	int64_t written = sql_number("SELECT count(*) FROM public.written", "", "");
	int64_t eighths = (clock_now() - begun) / (500 * CLOCK_MS);
	assert_true(written <= eighths + 1);
	client_stop(&client);
	test_sql(url, "DROP TRIGGER written ON registry.lease");
}

static void a_lease_changes_with_the_registration(void **state)
{
	put_node("changes", "h-1", 86400000);
	assert_true(renew(&here, "changes", "h-1"));
	put_node("changes", "h-1", 1000);
	await_expiry("changes", "h-1");
	put_node("changes", "h-1", 60000);
	int64_t lease_ms = 0;
	assert_true(leases_renew(
		there.leases, TEXT("default"), TEXT("changes"), TEXT("h-1"), &lease_ms));
	assert_int_equal(lease_ms, 60000);
	put_node("changes", "h-1", 0);
	assert_false(renew(&here, "changes", "h-1"));
	assert_false(renew(&there, "changes", "h-1"));
}

static void who_is_deleted_is_known_no_more_and_the_others_stay(void **state)
{
	for (int i = 0; i < 3; i++) {
		char node[16];
		snprintf(node, sizeof node, "h-%d", i);
		put_node("few", node, 60000);
		put_node("fewer", node, 60000);
	}
	test_sql(url, "SELECT registry.deregister_node('default', 'few', 'h-1', '', '', '', '')");
	while (renew(&here, "few", "h-1") || renew(&there, "few", "h-1"))
		poll(NULL, 0, 1);
	assert_true(renew(&here, "few", "h-0") && renew(&here, "few", "h-2"));
	test_sql(url, "SELECT registry.delete_server('default', 'few', '', '', '', '')");
	while (renew(&here, "few", "h-0") || renew(&here, "few", "h-2"))
		poll(NULL, 0, 1);
	for (int i = 0; i < 3; i++) {
		char node[16];
		snprintf(node, sizeof node, "h-%d", i);
		assert_true(renew(&here, "fewer", node));
	}
	assert_false(renew(&here, "few", "h"));
	assert_false(leases_renew(
		here.leases, TEXT("other"), TEXT("fewer"), TEXT("h-1"), &(int64_t){0}));
}

static void await_connection(bool up)
{
	while (lanes_ready(here.lanes) != up || lanes_ready(there.lanes) != up)
		poll(NULL, 0, 1);
}

/* Longer than its lease: a node that renews here is safe from a server that knows nothing of it. */
static void while_postgresql_is_away_nobody_expires_who_renews(void **state)
{
	struct client client = {&here, "away", "h-1", 300};

	put_node("away", "h-1", LEASE_MS);
	put_node("away", "dead-1", LEASE_MS);
	client_start(&client);
	test_postgres_kill(postgres);
	await_connection(false);
	for (int64_t end = clock_now() + 2 * LEASE_MS * CLOCK_MS; clock_now() < end;)
		usleep(10000);
	test_postgres_restart(postgres);
	/* Whoever asks for the dead one may ask for the other one, too. */
	await_expiry("away", "dead-1");
	assert_int_equal(expired_at("away", "h-1"), 0);
	client_stop(&client);
	assert_int_equal(atomic_load(&client.refused), 0);
	assert_true(await_expiry("away", "h-1") >= client.last_ms + LEASE_MS);
}

/* One heartbeat, and PostgreSQL hears of it only after the state has been loaded anew. */
static void what_could_not_be_written_outlives_the_loading_of_the_state(void **state)
{
	put_node("unwritten", "h-1", 4000);
	test_postgres_kill(postgres);
	await_connection(false);
	for (int64_t end = clock_now() + 3 * CLOCK_SECOND; clock_now() < end;)
		usleep(10000);
	int64_t renewed = clock_unix_ms();
	assert_true(renew(&here, "unwritten", "h-1"));
	test_postgres_restart(postgres);
	assert_true(await_expiry("unwritten", "h-1") >= renewed + 4000);
}

/* As after a crash: heartbeats are not waited for until they are on disk. */
static void what_the_database_has_lost_is_written_again(void **state)
{
	put_node("lost", "h-1", 60000);
	assert_true(renew(&here, "lost", "h-1"));
	int64_t before = clock_unix_ms();
	test_sql(url, "UPDATE registry.lease SET renewed_at = '2000-01-01' "
		      "WHERE service_key = 'lost'; "
		      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE "
		      "application_name = 'junctiond' AND datname = current_database()");
	while (sql_number("SELECT registry.milliseconds(renewed_at) FROM registry.lease WHERE "
			  "service_key = 'lost'",
		       "", "") < before - 1000)
		poll(NULL, 0, 20);
	assert_int_equal(expired_at("lost", "h-1"), 0);
}

static void a_server_that_starts_lets_nobody_go_at_once(void **state)
{
	half_stop(&here);
	half_stop(&there);
	char sql[1024];
	snprintf(sql, sizeof sql,
		"SELECT count(*) FROM registry.register_nodes(ARRAY['default','default'], "
		"ARRAY['early','early'], ARRAY['h-1','h-2'], ARRAY['h','h'], ARRAY[1,1], "
		"ARRAY['http','http'], ARRAY[1,1], ARRAY[true,true], ARRAY['{}','{}'], "
		"ARRAY['none','none'], ARRAY['',''], ARRAY[1000,8000], ARRAY['',''], "
		"ARRAY['',''], ARRAY['',''], ARRAY['',''])");
	test_sql(url, sql);
	test_sql(url, "UPDATE registry.lease SET renewed_at = renewed_at - interval '20 seconds' "
		      "WHERE service_key = 'early'");
	int64_t starting = clock_unix_ms();
	half_start(&there, "there-2");
	int64_t renewed = clock_unix_ms();
	assert_true(renew(&there, "early", "h-2"));
	half_start(&here, "here-2");
	assert_true(await_expiry("early", "h-1") >= starting + 2000);
	assert_int_equal(expired_at("early", "h-2"), 0);
	assert_true(await_expiry("early", "h-2") >= renewed + 8000);
}

static void *hold_leases(void *arg)
{
	test_sql(url, "BEGIN; LOCK TABLE registry.lease; DO $$BEGIN WHILE NOT EXISTS "
		      "(SELECT FROM public.released) LOOP PERFORM pg_sleep(0.01); END LOOP; "
		      "END$$; COMMIT");
	return NULL;
}

/* Both statements are under way when the lanes stop. */
static void what_is_under_way_at_the_end_is_given_up(void **state)
{
	pthread_t holder;

	put_node("last", "h-1", 60000);
	put_node("last", "h-2", 60000);
	put_node("last", "dead-1", 1000);
	test_sql(url, "UPDATE registry.lease SET renewed_at = '2000-01-01' "
		      "WHERE node_key = 'dead-1'");
	test_sql(url, "CREATE TABLE public.released (n bigint)");
	assert_int_equal(pthread_create(&holder, NULL, hold_leases, NULL), 0);
	test_sql_await(url,
		"SELECT count(*) FROM pg_locks WHERE relation = 'registry.lease'::regclass AND "
		"mode = 'AccessExclusiveLock' AND granted",
		1);
	assert_true(renew(&there, "last", "h-1"));
	test_sql_await(url,
		"SELECT count(DISTINCT query) FROM pg_stat_activity WHERE application_name = "
		"'junctiond' AND wait_event_type = 'Lock' AND datname = current_database()",
		2);
	assert_true(renew(&there, "last", "h-2"));
	half_stop(&here);
	half_stop(&there);
	test_sql(url, "INSERT INTO public.released VALUES (1)");
	pthread_join(holder, NULL);
	half_start(&here, "here-3");
	half_start(&there, "there-3");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_renews_here_lives_and_who_stops_expires_not_before_its_lease),
		cmocka_unit_test(a_heartbeat_is_written_an_eighth_of_the_lease_apart),
		cmocka_unit_test(a_lease_changes_with_the_registration),
		cmocka_unit_test(who_is_deleted_is_known_no_more_and_the_others_stay),
		cmocka_unit_test(while_postgresql_is_away_nobody_expires_who_renews),
		cmocka_unit_test(what_could_not_be_written_outlives_the_loading_of_the_state),
		cmocka_unit_test(what_the_database_has_lost_is_written_again),
		cmocka_unit_test(a_server_that_starts_lets_nobody_go_at_once),
		cmocka_unit_test(what_is_under_way_at_the_end_is_given_up),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
