#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/config.h"

#define URL "--database-url=postgresql:///x"

/* What was read lives as long as the process: kept, so that it is no leak. */
static struct config kept[32];
static size_t kept_count;

static const struct config *read_options(const char *const *arguments)
{
	struct config *c = &kept[kept_count++];
	const char *argv[16] = {"junctiond"};
	int argc = 1;
	while (arguments[argc - 1]) {
		argv[argc] = arguments[argc - 1];
		argc++;
	}
	config_read(c, argc, (char **)argv);
	return c;
}

#define READ(...) read_options((const char *[]){__VA_ARGS__, NULL})

/* Exit code of a process that reads these, what it says in output. */
static int try_options(char output[1024], const char *const *arguments)
{
	int ends[2], status;
	assert_int_equal(pipe(ends), 0);
	fflush(NULL);
	pid_t child = fork();
	if (child == 0) {
		dup2(ends[1], STDERR_FILENO);
		close(ends[0]);
		read_options(arguments);
		_exit(0);
	}
	close(ends[1]);
	size_t size = 0;
	for (ssize_t n; (n = read(ends[0], output + size, 1023 - size)) > 0;)
		size += (size_t)n;
	output[size] = '\0';
	close(ends[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	return WEXITSTATUS(status);
}

static void assert_refused(const char *word, const char *const *arguments)
{
	char output[1024];
	assert_int_equal(try_options(output, arguments), 2);
	assert_non_null(strstr(output, word));
}

#define REFUSED(word, ...) assert_refused((word), (const char *[]){__VA_ARGS__, NULL})

static void a_database_is_all_that_is_needed(void **state)
{
	const struct config *c = READ(URL);
	assert_string_equal(c->database_url, "postgresql:///x");
	assert_string_equal(c->addresses[0], "127.0.0.1:50051");
	assert_null(c->addresses[1]);
	assert_int_equal(c->command, COMMAND_SERVE);
	assert_true(c->egress_loopback);
	assert_true(c->egress_private);
}

static void without_a_database_it_does_not_start(void **state)
{
	REFUSED("--database-url", "--listen=127.0.0.1:0");
}

static void an_address_beyond_loopback_needs_insecure(void **state)
{
	const struct config *c;
	REFUSED("--insecure", URL, "--listen=0.0.0.0:50051");
	REFUSED("--insecure", URL, "--listen=:50051");
	REFUSED("--insecure", URL, "--listen=[::]:50051");
	REFUSED("--insecure", URL, "--listen=example.com:50051");
	c = READ(URL, "--listen=127.9.9.9:1", "--listen=[::1]:2", "--listen=localhost:3");
	c = READ(URL, "--insecure", "--listen=:50051");
	assert_string_equal(c->addresses[0], "[::]:50051");
}

static void egress_to_loopback_follows_the_listeners_unless_said(void **state)
{
	const struct config *c;
	c = READ(URL, "--insecure", "--listen=0.0.0.0:1");
	assert_false(c->egress_loopback);
	/* The bridge's addresses count like the server's own. */
	c = READ(URL, "--own-address=127.0.0.1:3000");
	assert_true(c->egress_loopback);
	c = READ(URL, "--own-address=127.0.0.1:3000", "--own-address=0.0.0.0:8080");
	assert_false(c->egress_loopback);
	c = READ(URL, "--insecure", "--listen=0.0.0.0:1", "--egress-loopback=allow");
	assert_true(c->egress_loopback);
	c = READ(URL, "--egress-loopback=refuse", "--egress-private=refuse");
	assert_false(c->egress_loopback);
	assert_false(c->egress_private);
}

static void the_socket_is_one_more_address(void **state)
{
	const struct config *c = READ(URL, "--listen=127.0.0.1:0", "--socket=/run/x/s");
	assert_string_equal(c->addresses[1], "unix:/run/x/s");
	assert_null(c->addresses[2]);
}

static void a_wrong_value_is_refused_by_name(void **state)
{
	REFUSED("--listen", URL, "--listen=50051");
	REFUSED("--own-address", URL, "--own-address=x");
	REFUSED("--egress-loopback", URL, "--egress-loopback=perhaps");
	REFUSED("--egress-private", URL, "--egress-private=auto");
	REFUSED("--log-level", URL, "--log-level=loud");
	REFUSED("--rpc-threads", URL, "--rpc-threads=0");
	REFUSED("serve", URL, "serve");
	REFUSED("again", URL, "migrate", "again");
	REFUSED("migrate", URL, "administrator", "migrate");
}

static void nodes_are_checked_unless_said(void **state)
{
	const struct config *c = READ(URL);
	assert_int_equal(c->check_interval_ms, 10000);
	assert_int_equal(c->check_timeout_ms, 2000);
	assert_int_equal(c->check_down_after, 2);
	assert_int_equal(c->check_up_after, 1);
	assert_int_equal(c->checks_at_once, 256);
	assert_int_equal(c->protect_percent, 0);
	c = READ(URL, "--check-interval-ms=0", "--protect-percent=100");
	assert_int_equal(c->check_interval_ms, 0);
	assert_int_equal(c->protect_percent, 100);
	REFUSED("--check-interval-ms", URL, "--check-interval-ms=-1");
	REFUSED("--check-timeout-ms", URL, "--check-timeout-ms=0");
	REFUSED("--check-down-after", URL, "--check-down-after=0");
	REFUSED("--check-up-after", URL, "--check-up-after=0");
	REFUSED("--checks-at-once", URL, "--checks-at-once=0");
	REFUSED("--protect-percent", URL, "--protect-percent=101");
}

static void searches_have_connections_and_a_time_of_their_own(void **state)
{
	const struct config *c = READ(URL);
	assert_int_equal(c->search_connections, 2);
	assert_int_equal(c->search_timeout_ms, 10000);
	c = READ(URL, "--search-connections=32", "--search-timeout-ms=1");
	assert_int_equal(c->search_connections, 32);
	assert_int_equal(c->search_timeout_ms, 1);
	assert_int_equal(c->statement_timeout_ms, 10000);
	REFUSED("--search-connections", URL, "--search-connections=33");
	REFUSED("--search-timeout-ms", URL, "--search-timeout-ms=0");
}

static void what_is_kept_has_an_end(void **state)
{
	const struct config *c = READ(URL);
	assert_int_equal(c->history_days, 90);
	assert_int_equal(c->audit_days, 0);
	assert_int_equal(c->idempotency_hours, 24);
	assert_int_equal(c->forget_nodes_after_ms, 3600000);
	assert_int_equal(c->watch_patience_ms, 30000);
	REFUSED("--history-days", URL, "--history-days=0");
	REFUSED("--audit-days", URL, "--audit-days=36501");
	REFUSED("--idempotency-hours", URL, "--idempotency-hours=0");
	REFUSED("--idempotency-hours", URL, "--idempotency-hours=8761");
	REFUSED("--forget-nodes-after-ms", URL, "--forget-nodes-after-ms=-1");
	REFUSED("--watch-patience-ms", URL, "--watch-patience-ms=99");
}

static void a_crash_leaves_no_core_unless_said(void **state)
{
	assert_false(READ(URL)->core_dumps);
	assert_true(READ(URL, "--core-dumps")->core_dumps);
}

static void there_are_two_commands(void **state)
{
	const struct config *c = READ("migrate", URL);
	assert_int_equal(c->command, COMMAND_MIGRATE);
	c = READ("administrator", URL);
	assert_int_equal(c->command, COMMAND_ADMINISTRATOR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_database_is_all_that_is_needed),
		cmocka_unit_test(without_a_database_it_does_not_start),
		cmocka_unit_test(an_address_beyond_loopback_needs_insecure),
		cmocka_unit_test(egress_to_loopback_follows_the_listeners_unless_said),
		cmocka_unit_test(the_socket_is_one_more_address),
		cmocka_unit_test(a_wrong_value_is_refused_by_name),
		cmocka_unit_test(nodes_are_checked_unless_said),
		cmocka_unit_test(searches_have_connections_and_a_time_of_their_own),
		cmocka_unit_test(what_is_kept_has_an_end),
		cmocka_unit_test(a_crash_leaves_no_core_unless_said),
		cmocka_unit_test(there_are_two_commands),
	};
	clearenv();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
