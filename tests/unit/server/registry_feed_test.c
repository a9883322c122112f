/* The feed against a real PostgreSQL that is killed and comes back. */
#include "server/registry/feed.h"
#include "tests/support/postgres.h"
#include "tests/support/waiting_call.h"

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

/* After server/call.h: it makes a macro of fail. */
#include <cmocka.h>

static struct test_postgres *postgres;
static const char *url;
static struct lanes *lanes;
static struct index *registry;
static struct feed *feed;

/* --- registering as another server would ---------------------------------------------------- */

#define REGISTER                                                                                   \
	"SELECT max(r_revision) FROM registry.register_servers(ARRAY['default'], ARRAY['%s'], "    \
	"ARRAY['%s'], ARRAY[%d], ARRAY['http'], ARRAY[''], ARRAY[''], ARRAY[''], ARRAY[''])"

static int64_t put(const char *name, const char *host, int port)
{
	char sql[512];
	snprintf(sql, sizeof sql, REGISTER, name, host, port);
	return test_sql_number(url, sql);
}

static int64_t put_list_action(const char *server, const char *params)
{
	char sql[1024];
	snprintf(sql, sizeof sql,
		"SELECT max(r_revision) FROM registry.register_services(ARRAY['default'], "
		"ARRAY['%s'], ARRAY['List'], ARRAY['/l'], ARRAY['GET'], ARRAY['https'], "
		"ARRAY['::1'], ARRAY[99], ARRAY[NULL], ARRAY['%s'], ARRAY['{}'], "
		"ARRAY['{\"h\":1}'], ARRAY[NULL]::integer[], ARRAY[''], ARRAY[''], ARRAY[''], "
		"ARRAY[''])",
		server, params);
	return test_sql_number(url, sql);
}

static int port_of(const char *name)
{
	const struct service *s = index_service(registry, TEXT("default"), text_of(name));
	int port = s && s->node_count ? s->nodes[0]->address.port : 0;
	service_release(s);
	return port;
}

static void await_port(const char *name, int port)
{
	while (port_of(name) != port)
		poll(NULL, 0, 1);
}

/* --- a call that waits ---------------------------------------------------------------------- */

static enum next go_on(struct call *c)
{
	((struct waiting_call *)c)->seen = port_of("waited");
	return failed(c);
}

static void wait_visible(struct waiting_call *w)
{
	feed_visible(feed, &w->call, w->revision, go_on);
}

static struct waiting_call *start_waiting(int64_t revision)
{
	return waiting_start(lane_loop(lanes, 1), revision, wait_visible);
}

/* --- start and stop ------------------------------------------------------------------------- */

static void start_feed(int64_t poll_ms)
{
	struct lanes_options options = trial_options(url);

	options.threads = 2;
	lanes = lanes_start(&options);
	assert_non_null(lanes);
	registry = index_new();
	feed = feed_start(lanes, lane_loop(lanes, 0), registry, NULL, poll_ms);
}

static void stop_feed(void)
{
	lanes_stop(&lanes);
	feed_free(&feed);
	index_free(&registry);
}

static int start(void **state)
{
	postgres = test_postgres_own(false);
	url = test_postgres_database(postgres, "");
	start_feed(20);
	return 0;
}

static int stop(void **state)
{
	if (feed)
		stop_feed();
	test_postgres_stop(&postgres);
	return 0;
}

static void await_ready(void)
{
	while (!feed_ready(feed))
		poll(NULL, 0, 1);
}

/* --- tests ---------------------------------------------------------------------------------- */

static void what_another_server_registers_is_followed(void **state)
{
	await_ready();
	put("Followed", "10.0.0.1", 1);
	await_port("followed", 1);
	put("followed", "10.0.0.2", 2);
	await_port("followed", 2);
	test_sql(url, "SELECT registry.delete_server('default', 'FOLLOWED', '', '', '', '')");
	await_port("followed", 0);
}

static void the_first_load_holds_what_was_registered_before(void **state)
{
	put("Loaded", "10.0.0.7", 7);
	put_list_action("loaded", "{\"b\" : 1.0, \"n\":\"\\u0000\"}");
	stop_feed();
	start_feed(20);
	await_ready();
	const struct service *s = index_service(registry, TEXT("default"), TEXT("LOADED"));
	assert_non_null(s);
	assert_string_equal(s->name.data, "Loaded");
	assert_string_equal(s->nodes[0]->name.data, "10.0.0.7:7");
	assert_string_equal(s->nodes[0]->address.host.data, "10.0.0.7");
	assert_string_equal(s->nodes[0]->address.protocol.data, "http");
	assert_true(s->created_ms > INT64_C(1700000000000));
	const struct action *a = service_action(s, TEXT("list"));
	assert_non_null(a);
	assert_string_equal(a->name.data, "List");
	assert_string_equal(a->uri.data, "/l");
	assert_string_equal(a->method.data, "GET");
	assert_string_equal(a->protocol.data, "https");
	assert_string_equal(a->own.host.data, "::1");
	assert_int_equal(a->own.port, 99);
	assert_string_equal(a->own.protocol.data, "");
	assert_string_equal(a->params.data, "{\"b\" : 1.0, \"n\":\"\\u0000\"}");
	assert_string_equal(a->headers.data, "{\"h\":1}");
	service_release(s);
}

static void a_caller_goes_on_when_its_own_write_is_in_the_index(void **state)
{
	stop_feed();
	start_feed(INT64_C(3600000)); /* nobody but the caller makes it look */
	await_ready();
	struct waiting_call *w = start_waiting(put("waited", "10.0.0.1", 4711));
	waiting_await(w);
	assert_int_equal(w->call.status.code, STATUS_OK);
	assert_int_equal(w->seen, 4711);
	waiting_free(w);
	stop_feed();
	start_feed(20);
}

static void a_caller_that_gives_up_is_told_that_its_write_is_committed(void **state)
{
	await_ready();
	struct waiting_call *w = start_waiting(INT64_MAX);
	atomic_store(&w->call.cancelled, true);
	waiting_await(w);
	assert_int_equal(w->call.status.code, STATUS_UNAVAILABLE);
	assert_string_equal(w->call.status.message, "committed, but not yet visible here");
	waiting_free(w);
}

#define MANY 3000

static void *look_for_parts(void *arg)
{
	atomic_int *torn = arg;
	size_t count;

	do {
		struct service_list list = index_services(registry, TEXT("many"));
		count = list.count;
		service_list_release(&list);
		if (count != 0 && count != MANY)
			atomic_fetch_add(torn, 1);
	} while (count != MANY);
	return NULL;
}

static void one_commit_of_any_size_becomes_visible_as_a_whole(void **state)
{
	atomic_int torn = 0;
	pthread_t reader;

	await_ready();
	assert_int_equal(pthread_create(&reader, NULL, look_for_parts, &torn), 0);
	test_sql(url,
		"SELECT registry.register_bulk('many', array_agg('s' || g), array_agg('h'::text), "
		"array_agg(1), array_agg('http'::text), '{}', '{}', '{}', '{}', '{}', '{}', '{}', "
		"'', '', '', '') FROM generate_series(1, 3000) g");
	pthread_join(reader, NULL);
	assert_int_equal(atomic_load(&torn), 0);
}

static void reads_go_on_without_the_database_and_follow_when_it_is_back(void **state)
{
	await_ready();
	put("kept", "10.0.0.1", 5);
	await_port("kept", 5);
	test_postgres_kill(postgres);
	while (lanes_ready(lanes))
		poll(NULL, 0, 1);
	assert_true(feed_ready(feed));
	assert_int_equal(port_of("kept"), 5);
	test_postgres_restart(postgres);
	put("kept", "10.0.0.1", 6);
	await_port("kept", 6);
}

static void a_database_that_has_lost_commits_is_loaded_anew(void **state)
{
	await_ready();
	put("lost", "10.0.0.1", 8);
	await_port("lost", 8);
	test_postgres_kill(postgres);
	test_postgres_restart(postgres);
	/* As after a switch to a standby that was behind: what was seen is not there. */
	test_sql(url, "DELETE FROM registry.service WHERE key = 'lost'; "
		      "DELETE FROM registry.change WHERE service_key = 'lost'; "
		      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE "
		      "application_name = 'junctiond' AND datname = current_database()");
	await_port("lost", 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_another_server_registers_is_followed),
		cmocka_unit_test(the_first_load_holds_what_was_registered_before),
		cmocka_unit_test(a_caller_goes_on_when_its_own_write_is_in_the_index),
		cmocka_unit_test(a_caller_that_gives_up_is_told_that_its_write_is_committed),
		cmocka_unit_test(one_commit_of_any_size_becomes_visible_as_a_whole),
		cmocka_unit_test(reads_go_on_without_the_database_and_follow_when_it_is_back),
		cmocka_unit_test(a_database_that_has_lost_commits_is_loaded_anew),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
