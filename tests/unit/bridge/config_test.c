/* The bridge's options; a wrong one ends the process, so each is tried in a child. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bridge/config.h"

#define ARGUMENTS 8

/* Options live as long as the process: each is read once into its own. */
static struct config of_child, of_defaults, of_names;

static void read_options(struct config *config, const char *const *options)
{
	char *argv[ARGUMENTS + 1] = {(char *)"junction-bridge"};
	int argc = 1;
	for (; options[argc - 1]; argc++)
		argv[argc] = (char *)options[argc - 1];
	config_read(config, argc, argv);
}

#define OPTIONS(...) ((const char *const[]){__VA_ARGS__, NULL})

/* The exit code of a process that reads these options; 0 if it takes them. */
static int outcome(const char *const *options)
{
	int status;
	pid_t child = fork();
	if (!child) {
		fclose(stderr);
		read_options(&of_child, options);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void the_defaults_serve_loopback(void **state)
{
	(void)state;
	read_options(&of_defaults, (const char *const[]){NULL});
	assert_int_equal(of_defaults.listen.count, 1);
	assert_string_equal(of_defaults.listen.items[0], "127.0.0.1:3000");
	assert_string_equal(of_defaults.server, "127.0.0.1:50051");
	assert_int_equal(of_defaults.body_limit, 4 * 1024 * 1024);
	assert_int_equal(of_defaults.rpc_timeout_ms, 60000);
	assert_int_equal(of_defaults.keepalive_ms, 15000);
	assert_false(of_defaults.exposed);
}

static void an_address_that_others_reach_needs_insecure(void **state)
{
	(void)state;
	assert_int_equal(outcome(OPTIONS("--listen", "127.0.0.2:1", "--listen", "[::1]:1")), 0);
	assert_int_equal(outcome(OPTIONS("--listen", "localhost:1")), 0);
	assert_int_equal(outcome(OPTIONS("--listen", "0.0.0.0:1")), 2);
	assert_int_equal(outcome(OPTIONS("--listen", ":1")), 2);
	assert_int_equal(outcome(OPTIONS("--listen", "[::]:1")), 2);
	assert_int_equal(outcome(OPTIONS("--listen", "example.com:1")), 2);
	assert_int_equal(outcome(OPTIONS("--listen", "0.0.0.0:1", "--insecure")), 0);
}

static void what_cannot_be_right_stops_the_start(void **state)
{
	(void)state;
	assert_int_equal(outcome(OPTIONS("--listen", "3000")), 2);
	assert_int_equal(outcome(OPTIONS("--origin", "console.example")), 2);
	assert_int_equal(outcome(OPTIONS("--origin", "https://console.example/")), 2);
	assert_int_equal(outcome(OPTIONS("--origin", "https://console.example")), 0);
	assert_int_equal(outcome(OPTIONS("--log-level", "loud")), 2);
	assert_int_equal(outcome(OPTIONS("--threads", "0")), 2);
	assert_int_equal(outcome(OPTIONS("--server", "dns:///junction")), 2);
	assert_int_equal(outcome(OPTIONS("--server", "unix:")), 2);
	assert_int_equal(outcome(OPTIONS("--server", ":50051")), 2);
	assert_int_equal(outcome(OPTIONS("surplus")), 2);
}

static void names_that_are_listened_on_are_hosts(void **state)
{
	(void)state;
	read_options(&of_names,
		OPTIONS("--insecure", "--listen", "junction.example:1", "--host", "other.example"));
	assert_string_equal(of_names.known_hosts[0], "other.example");
	assert_string_equal(of_names.known_hosts[1], "junction.example");
	assert_null(of_names.known_hosts[2]);
	assert_true(of_names.exposed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_defaults_serve_loopback),
		cmocka_unit_test(an_address_that_others_reach_needs_insecure),
		cmocka_unit_test(what_cannot_be_right_stops_the_start),
		cmocka_unit_test(names_that_are_listened_on_are_hosts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
