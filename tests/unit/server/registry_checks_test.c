/* Checks of real listeners, marked in a real PostgreSQL and brought back by the feed. */
#include "server/lane/members.h"
#include "tests/support/checks_trial.h"
#include "tests/support/http_peer.h"
#include "tests/support/postgres.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct test_postgres *postgres;

/* As if it had been killed: nobody hears that it goes. */
static void checker_stop_unheard(struct checker *c)
{
	test_sql(url, "ALTER FUNCTION registry.leave_member(text) RENAME TO not_now");
	checker_stop(c);
	test_sql(url, "ALTER FUNCTION registry.not_now(text) RENAME TO leave_member");
}

/* --- nodes ---------------------------------------------------------------------------------- */

static void put(const char *service, int port, const char *path)
{
	put_many(service, 1, port, path);
}

static void await_count(const char *service, const char *what, long count)
{
	char sql[512];

	snprintf(sql, sizeof sql,
		"SELECT count(*) FROM registry.node WHERE service_key = '%s' AND %s", service,
		what);
	test_sql_await(url, sql, count);
}

static long changes_by(const char *service, const char *author)
{
	char sql[256];

	snprintf(sql, sizeof sql,
		"SELECT count(*) FROM registry.change WHERE service_key = '%s' AND "
		"caller_address = '%s'",
		service, author);
	return test_sql_number(url, sql);
}

static bool is_marked(
	struct checker *c, const char *service, enum node_health health, const char *reason)
{
	const struct service *s = index_service(c->index, TEXT("default"), text_of(service));
	bool marked = s && s->node_count && s->nodes[0]->health == health &&
		      strcmp(s->nodes[0]->health_reason.data, reason) == 0;

	service_release(s);
	return marked;
}

static void await_mark(
	struct checker *c, const char *service, enum node_health health, const char *reason)
{
	while (!is_marked(c, service, health, reason))
		poll(NULL, 0, 1);
}

/* --- peers ---------------------------------------------------------------------------------- */

static atomic_int status_code;

static void say_status(struct peer *p, int socket)
{
	char answer[128];

	if (!peer_read(p, socket))
		return;
	snprintf(answer, sizeof answer, "HTTP/1.1 %d X\r\nContent-Length: 0\r\n\r\n",
		atomic_load(&status_code));
	peer_say(socket, answer);
}

static void alternate(struct peer *p, int socket)
{
	static atomic_int count;

	if (!peer_read(p, socket))
		return;
	bool up = atomic_load(&status_code) == 200 || atomic_fetch_add(&count, 1) % 2;
	peer_say(socket, up ? "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
			    : "HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n");
}

static void hang(struct peer *p, int socket)
{
	if (peer_read(p, socket))
		peer_hold(socket);
}

static int closed_port(void)
{
	struct peer *p = peer_start(hang);
	int port = peer_port(p);

	peer_stop(&p);
	return port;
}

/* --- marks ---------------------------------------------------------------------------------- */

static void a_node_is_marked_and_the_mark_comes_back_by_the_feed(void **state)
{
	struct checker *c = checker_start(usual("one"), &loopback);
	struct peer *p = peer_start(say_status);

	atomic_store(&status_code, 503);
	put("marked", peer_port(p), "/");
	await_mark(c, "marked", NODE_FAILING, "status 503");
	await_count("marked", "health_at > now() - interval '1 hour' AND NOT flapping", 1);
	atomic_store(&status_code, 200);
	await_mark(c, "marked", NODE_PASSING, "");
	assert_int_equal(changes_by("marked", "one"), 2);
	/* A result that changes nothing is written nowhere. */
	peer_wait_requests(p, peer_requests(p) + 10);
	assert_int_equal(changes_by("marked", "one"), 2);
	checker_stop(c);
	peer_stop(&p);
}

static void the_own_node_of_a_server_is_checked_by_tcp(void **state)
{
	struct checker *c = checker_start(usual("one"), &loopback);
	char sql[512];

	snprintf(sql, sizeof sql,
		"SELECT max(r_revision) FROM registry.register_servers(ARRAY['default'], "
		"ARRAY['Own'], ARRAY['127.0.0.1'], ARRAY[%d], ARRAY['https'], ARRAY[''], "
		"ARRAY[''], ARRAY[''], ARRAY[''])",
		closed_port());
	test_sql(url, sql);
	await_mark(c, "own", NODE_FAILING, "connection refused");
	checker_stop(c);
}

static void at_another_address_a_node_is_unknown_again(void **state)
{
	struct checker *c = checker_start(usual("one"), &loopback);
	struct peer *p = peer_start(hang);

	put("moved", closed_port(), "");
	await_mark(c, "moved", NODE_FAILING, "connection refused");
	put("moved", peer_port(p), "/");
	await_mark(c, "moved", NODE_UNKNOWN, "");
	peer_wait_requests(p, 1);
	put("moved", peer_port(p), "");
	await_mark(c, "moved", NODE_PASSING, "");
	checker_stop(c);
	peer_stop(&p);
}

/* Its check is under way when it goes, and fails afterwards. */
static void assert_dropped(const char *service, const char *sql)
{
	struct checks_options options = usual("dropped");
	struct peer *p = peer_start(hang);
	struct checker *c;

	options.down_after = 1;
	c = checker_start(options, &loopback);
	put(service, peer_port(p), "/");
	peer_wait_requests(p, 1);
	test_sql(url, sql);
	while (true) {
		const struct service *s =
			index_service(c->index, TEXT("default"), text_of(service));
		bool gone = !s || s->node_count == 0;

		service_release(s);
		if (gone)
			break;
		poll(NULL, 0, 1);
	}
	peer_stop(&p);
	put("sentinel", closed_port(), "");
	await_mark(c, "sentinel", NODE_FAILING, "connection refused");
	assert_int_equal(changes_by(service, "dropped"), 0);
	test_sql(url, "SELECT registry.delete_server('default', 'sentinel', '', '', '', '')");
	checker_stop(c);
}

static void the_result_of_a_node_that_has_gone_is_dropped(void **state)
{
	assert_dropped("deleted",
		"SELECT registry.deregister_node('default', 'deleted', '1', '', '', '', '')");
	assert_dropped("deleted-service",
		"SELECT registry.delete_server('default', 'deleted-service', '', '', '', '')");
	assert_dropped("expired",
		"UPDATE registry.lease SET renewed_at = now() - interval '1 hour' "
		"WHERE service_key = 'expired'; SELECT r_left FROM registry.expire_nodes("
		"ARRAY['default'], ARRAY['expired'], ARRAY['1'], 'expirer')");
}

static void one_that_comes_and_goes_flaps_until_it_is_calm(void **state)
{
	struct checks_options options = usual("one");
	struct peer *p = peer_start(alternate);
	struct checker *c;

	options.down_after = 1;
	options.interval_ms = 100;
	c = checker_start(options, &loopback);
	atomic_store(&status_code, 0);
	put("flapping", peer_port(p), "/");
	await_mark(c, "flapping", NODE_FAILING, "flapping; the last failure: status 500");
	long before = changes_by("flapping", "one");
	peer_wait_requests(p, peer_requests(p) + 10);
	assert_int_equal(changes_by("flapping", "one"), before);
	await_count("flapping", "flapping", 1);
	atomic_store(&status_code, 200);
	await_mark(c, "flapping", NODE_PASSING, "");
	await_count("flapping", "NOT flapping AND health_reason = ''", 1);
	checker_stop(c);
	peer_stop(&p);
}

static void what_is_found_while_the_database_is_away_is_written_later(void **state)
{
	struct checker *c = checker_start(usual("one"), &loopback);
	struct peer *p = peer_start(say_status);

	atomic_store(&status_code, 200);
	put("away", peer_port(p), "/");
	await_mark(c, "away", NODE_PASSING, "");
	test_postgres_kill(postgres);
	atomic_store(&status_code, 503);
	peer_wait_requests(p, peer_requests(p) + 5);
	assert_true(is_marked(c, "away", NODE_PASSING, ""));
	test_postgres_restart(postgres);
	await_mark(c, "away", NODE_FAILING, "status 503");
	checker_stop(c);
	peer_stop(&p);
}

static void a_mark_that_could_not_be_written_is_written_later(void **state)
{
	struct peer *p = peer_start(say_status);
	struct checker *c;

	test_sql(url, "ALTER ROUTINE registry.set_health RENAME TO not_now");
	c = checker_start(usual("one"), &loopback);
	atomic_store(&status_code, 503);
	put("unwritten", peer_port(p), "/");
	peer_wait_requests(p, 10);
	assert_true(is_marked(c, "unwritten", NODE_UNKNOWN, ""));
	test_sql(url, "ALTER ROUTINE registry.not_now RENAME TO set_health");
	await_mark(c, "unwritten", NODE_FAILING, "status 503");
	checker_stop(c);
	peer_stop(&p);
}

/* --- several servers ------------------------------------------------------------------------ */

#define SHARED 40

static long members(void)
{
	return test_sql_number(url, "SELECT count(*) FROM registry.member");
}

/* How many nodes of a service the second of two servers is in charge of. */
static long share_of_second(const char *service, const char *first, const char *second)
{
	const uint64_t both[] = {members_hash(text_of(first)), members_hash(text_of(second))};
	long share = 0;

	for (int i = 1; i <= SHARED; i++) {
		char key[64];
		int size = snprintf(key, sizeof key, "default%c%s%c%d", 0, service, 0, i) + 1;

		share += members_choose(both, 2, members_hash((struct text){key, (size_t)size})) ==
			 1;
	}
	assert_in_range(share, SHARED / 4, SHARED * 3 / 4);
	return share;
}

/* Registers nodes of a new service; true if each was marked by the one that is in charge, alone. It
 * may be otherwise as long as one of the two has not heard of the other. */
static bool are_marked_by_those_in_charge(int round, int port)
{
	char name[32];

	snprintf(name, sizeof name, "late-%d", round);
	long share = share_of_second(name, "refusing", "allowed");
	put_many(name, SHARED, port, "");
	await_count(name, "health <> 'unknown'", SHARED);
	return changes_by(name, "allowed") == share &&
	       changes_by(name, "refusing") == SHARED - share;
}

/* One server may not connect to the nodes, the other may: a mark tells whose it is. */
static void servers_share_the_nodes_and_take_over(void **state)
{
	struct checks_options refusing = usual("refusing"), allowed = usual("allowed");
	struct peer *p = peer_start(hang);
	long share = share_of_second("shared", "refusing", "allowed");

	test_sql(url, "DELETE FROM registry.member");
	struct checker *one = checker_start(refusing, &nothing);
	put_many("shared", SHARED, peer_port(p), "");
	await_count("shared", "health_reason = 'address refused by egress policy'", SHARED);
	struct checker *two = checker_start(allowed, &loopback);
	await_count("shared", "health = 'passing'", share);
	assert_int_equal(members(), 2);
	checker_stop_unheard(one);
	await_count("shared", "health = 'passing'", SHARED);
	one = checker_start(refusing, &nothing);
	await_count("shared", "health = 'failing'", SHARED - share);
	int round = 0;
	while (!are_marked_by_those_in_charge(round++, peer_port(p)))
		;
	/* Both have heard of each other: nobody checks what is not its own. */
	await_count("shared", "health = 'passing'", share);
	long marks = changes_by("shared", "refusing") + changes_by("shared", "allowed");
	for (int last = round + 3; round < last; round++)
		assert_true(are_marked_by_those_in_charge(round, peer_port(p)));
	assert_int_equal(changes_by("shared", "refusing") + changes_by("shared", "allowed"), marks);
	checker_stop(two);
	assert_int_equal(
		test_sql_number(url, "SELECT count(*) FROM registry.member WHERE name = 'allowed'"),
		0);
	await_count("shared", "health = 'failing'", SHARED);
	checker_stop(one);
	assert_int_equal(members(), 0);
	peer_stop(&p);
}

static void a_server_that_checks_nothing_is_no_member(void **state)
{
	struct checks_options options = usual("idle");

	options.interval_ms = 0;
	struct checker *c = checker_start(options, &loopback);
	assert_null(c->checks);
	checker_stop(c);
}

static void leaving_is_bounded_when_the_database_is_away(void **state)
{
	struct checker *c = checker_start(usual("one"), &loopback);

	while (members() == 0)
		poll(NULL, 0, 1);
	test_postgres_kill(postgres);
	checker_stop(c);
	test_postgres_restart(postgres);
}

static int start(void **state)
{
	postgres = test_postgres_own(false);
	url = test_postgres_database(postgres, "");
	return 0;
}

static int stop(void **state)
{
	test_postgres_stop(&postgres);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_node_is_marked_and_the_mark_comes_back_by_the_feed),
		cmocka_unit_test(the_own_node_of_a_server_is_checked_by_tcp),
		cmocka_unit_test(at_another_address_a_node_is_unknown_again),
		cmocka_unit_test(the_result_of_a_node_that_has_gone_is_dropped),
		cmocka_unit_test(one_that_comes_and_goes_flaps_until_it_is_calm),
		cmocka_unit_test(what_is_found_while_the_database_is_away_is_written_later),
		cmocka_unit_test(a_mark_that_could_not_be_written_is_written_later),
		cmocka_unit_test(servers_share_the_nodes_and_take_over),
		cmocka_unit_test(a_server_that_checks_nothing_is_no_member),
		cmocka_unit_test(leaving_is_bounded_when_the_database_is_away),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
