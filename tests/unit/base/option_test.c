#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/option.h"
#include "tests/unit/base/child.h"

static const char *url, *name;
static struct option_list listen;
static int64_t timeout;
static bool verbose;

static const struct option options[] = {
	{.name = "--listen",
		.environment = "TEST_LISTEN",
		.kind = OPTION_LIST,
		.value = &listen,
		.fallback = "127.0.0.1:50051",
		.unit = "ADDRESS:PORT",
		.help = "Where gRPC is served; port 0 picks a free one and prints it."},
	{.name = "--timeout",
		.environment = "TEST_TIMEOUT",
		.kind = OPTION_NUMBER,
		.value = &timeout,
		.fallback = "5000",
		.unit = "milliseconds",
		.minimum = -1,
		.maximum = 60000,
		.help = "How long a call may take."},
	{.name = "--database-url",
		.environment = "TEST_DATABASE_URL",
		.kind = OPTION_STRING,
		.value = &url,
		.fallback = "postgres://:hidden@/",
		.unit = "URL",
		.secret = true,
		.help = "Where the data is."},
	{.name = "--name", .kind = OPTION_STRING, .value = &name, .help = "A name."},
	{.name = "--verbose",
		.environment = "TEST_VERBOSE",
		.kind = OPTION_FLAG,
		.value = &verbose,
		.help = "Say more."},
	{.name = NULL},
};

static const struct option_program program = {
	"testd", "testd [options] [migrate]", "A server for tests.", options};

static int forget_environment(void **state)
{
	unsetenv("TEST_LISTEN");
	unsetenv("TEST_TIMEOUT");
	unsetenv("TEST_DATABASE_URL");
	unsetenv("TEST_VERBOSE");
	return 0;
}

static char **arguments;

/* argv without the program's name, ended by NULL. */
static void read_arguments(void *argv)
{
	static char *full[16];
	static char own_name[] = "testd";
	int count = 1;

	full[0] = own_name;
	for (const char *const *given = argv; *given; given++)
		full[count++] = (char *)*given;
	full[count] = NULL;
	option_read(&program, count, full, &arguments);
}

#define READ(...)    read_arguments((const char *[]){__VA_ARGS__ __VA_OPT__(, ) NULL})
#define REFUSED(...) refused((const char *[]){__VA_ARGS__ __VA_OPT__(, ) NULL})

/* What standard error says of a start that must fail with code 2. */
static const char *refused(const char **argv)
{
	static struct child c;

	c = child_run(read_arguments, argv);
	assert_int_equal(c.exit_code, 2);
	assert_string_equal(c.output, "");
	return c.errors;
}

static void free_list(void)
{
	for (size_t i = 0; i < listen.count; i++)
		free((char *)listen.items[i]);
	free(listen.items);
}

static void defaults_hold_where_nothing_is_given(void **state)
{
	READ();
	assert_int_equal(listen.count, 1);
	assert_string_equal(listen.items[0], "127.0.0.1:50051");
	assert_null(listen.items[1]);
	assert_int_equal(timeout, 5000);
	assert_string_equal(url, "postgres://:hidden@/");
	assert_null(name);
	assert_false(verbose);
	assert_null(arguments[0]);
	free_list();
}

static void a_value_stands_behind_the_flag_or_an_equals_sign(void **state)
{
	READ("--timeout", "-1", "--name=a=b", "--verbose", "--database-url", "--odd");
	assert_int_equal(timeout, -1);
	assert_string_equal(name, "a=b");
	assert_true(verbose);
	assert_string_equal(url, "--odd");
	free_list();
	READ("--name=");
	assert_string_equal(name, "");
	assert_false(verbose);
	free_list();
}

static void the_environment_is_read(void **state)
{
	setenv("TEST_LISTEN", "a:1, [::1]:2 ,,c:3,", 1);
	setenv("TEST_TIMEOUT", "60000", 1);
	setenv("TEST_DATABASE_URL", "postgres:///x,y", 1);
	setenv("TEST_VERBOSE", "YES", 1);
	READ();
	assert_int_equal(listen.count, 3);
	assert_string_equal(listen.items[0], "a:1");
	assert_string_equal(listen.items[1], "[::1]:2");
	assert_string_equal(listen.items[2], "c:3");
	assert_int_equal(timeout, 60000);
	assert_string_equal(url, "postgres:///x,y");
	assert_true(verbose);
	free_list();
}

static void an_empty_variable_counts_as_none(void **state)
{
	setenv("TEST_LISTEN", "", 1);
	setenv("TEST_TIMEOUT", "", 1);
	READ();
	assert_int_equal(listen.count, 1);
	assert_int_equal(timeout, 5000);
	free_list();
}

static void a_flag_wins_over_the_environment(void **state)
{
	setenv("TEST_LISTEN", "a:1", 1);
	setenv("TEST_TIMEOUT", "nonsense", 1);
	setenv("TEST_VERBOSE", "0", 1);
	READ("--listen", "b:2", "--timeout=3", "--listen=c:3,d:4", "--verbose");
	assert_int_equal(listen.count, 2);
	assert_string_equal(listen.items[0], "b:2");
	assert_string_equal(listen.items[1], "c:3,d:4");
	assert_null(listen.items[2]);
	assert_int_equal(timeout, 3);
	assert_true(verbose);
	free_list();
}

static void what_is_no_option_is_left_in_order(void **state)
{
	READ("migrate", "--verbose", "-", "x", "--", "--timeout", "--");
	assert_string_equal(arguments[0], "migrate");
	assert_string_equal(arguments[1], "-");
	assert_string_equal(arguments[2], "x");
	assert_string_equal(arguments[3], "--timeout");
	assert_string_equal(arguments[4], "--");
	assert_null(arguments[5]);
	assert_int_equal(timeout, 5000);
	free_list();
}

static void a_wrong_number_stops_the_start_with_a_sentence(void **state)
{
	assert_string_equal(REFUSED("--timeout", "60001"),
		"testd: --timeout must be a whole number from -1 to 60000 milliseconds, not "
		"\"60001\".\nTry 'testd --help'.\n");
	assert_non_null(strstr(REFUSED("--timeout=-2"), "not \"-2\""));
	assert_non_null(strstr(REFUSED("--timeout=5s"), "not \"5s\""));
	assert_non_null(strstr(REFUSED("--timeout="), "not \"\""));
}

static void a_wrong_variable_is_named(void **state)
{
	setenv("TEST_TIMEOUT", "soon", 1);
	assert_memory_equal(REFUSED(), "testd: TEST_TIMEOUT must be a whole number", 42);
	forget_environment(state);
	setenv("TEST_VERBOSE", "perhaps", 1);
	assert_string_equal(REFUSED(), "testd: TEST_VERBOSE must be true or false, not "
				       "\"perhaps\".\nTry 'testd --help'.\n");
}

static void unknown_and_incomplete_options_are_refused(void **state)
{
	assert_string_equal(REFUSED("--colour=red"),
		"testd: there is no option --colour.\nTry 'testd --help'.\n");
	assert_non_null(strstr(REFUSED("-x"), "there is no option -x."));
	assert_non_null(strstr(REFUSED("--time"), "there is no option --time."));
	assert_string_equal(REFUSED("--timeout"),
		"testd: --timeout needs a value (milliseconds).\nTry 'testd --help'.\n");
	assert_non_null(strstr(REFUSED("--name"), "--name needs a value."));
	assert_non_null(strstr(REFUSED("--verbose=1"), "--verbose takes no value."));
}

static void help_shows_every_option_aligned(void **state)
{
	const char *argv[] = {"--help", NULL};

	setenv("TEST_TIMEOUT", "wrong", 1); /* does not matter to --help */
	struct child c = child_run(read_arguments, argv);
	assert_int_equal(c.exit_code, 0);
	assert_string_equal(c.errors, "");
	assert_string_equal(c.output,
		"Usage: testd [options] [migrate]\n"
		"\n"
		"A server for tests.\n"
		"\n"
		"Options:\n"
		"  --listen ADDRESS:PORT   Where gRPC is served; port 0 picks a free one and\n"
		"                          prints it. May be given several times. Default:\n"
		"                          127.0.0.1:50051. Environment: TEST_LISTEN.\n"
		"  --timeout milliseconds  How long a call may take. Default: 5000 milliseconds.\n"
		"                          Range: -1 to 60000. Environment: TEST_TIMEOUT.\n"
		"  --database-url URL      Where the data is. Has a default. Environment:\n"
		"                          TEST_DATABASE_URL.\n"
		"  --name VALUE            A name.\n"
		"  --verbose               Say more. Environment: TEST_VERBOSE.\n"
		"  --help                  Print this help and exit.\n"
		"  --version               Print the version and exit.\n");
	for (const char *line = c.output; *line; line += strcspn(line, "\n") + 1)
		assert_true(strcspn(line, "\n") <= 80);
}

static void print_wide_help(void *arg)
{
	static const struct option wide[] = {{.name = "--an-option-with-a-very-long-name",
						     .kind = OPTION_STRING,
						     .unit = "UNIT",
						     .value = &name,
						     .help = "Means something."},
		{.name = NULL}};

	option_help(&(struct option_program){"wide", "wide", "Wide.", wide});
}

static void an_option_too_wide_has_its_sentence_below(void **state)
{
	struct child c = child_run(print_wide_help, NULL);

	assert_non_null(strstr(c.output, "\n  --an-option-with-a-very-long-name UNIT\n"
					 "             Means something.\n"
					 "  --help     Print this help and exit.\n"));
}

static void version_prints_name_and_version(void **state)
{
	const char *argv[] = {"--version", NULL};
	struct child c = child_run(read_arguments, argv);

	assert_int_equal(c.exit_code, 0);
	assert_string_equal(c.output, "testd " JUNCTION_VERSION "\n");
}

static void output_that_cannot_be_written_is_a_failure(void **state)
{
	/* The shell's redirection is the real thing: a full device. */
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		const char *argv[] = {"--version", NULL};
		if (!freopen("/dev/full", "w", stdout))
			_exit(3);
		read_arguments(argv);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 1);
}

static void addresses_are_host_and_port(void **state)
{
	static const struct {
		const char *text, *host;
		int port;
	} cases[] = {{"127.0.0.1:50051", "127.0.0.1", 50051}, {"localhost:0", "localhost", 0},
		{":65535", "", 65535}, {"[::1]:80", "::1", 80},
		{"[fe80::1%eth0]:1", "fe80::1%eth0", 1}};
	char host[256];
	int port;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_true(option_address(cases[i].text, host, &port));
		assert_string_equal(host, cases[i].host);
		assert_int_equal(port, cases[i].port);
	}
}

static void what_is_no_address_is_refused(void **state)
{
	static const char *const none[] = {"", "localhost", "localhost:", "localhost:x", "a:65536",
		"a:-1", "a:-0", "a:+1", "::1:80", "::1", "[::1]", "[::1]80", "[]:80", "[::1:80",
		"::1]:80", "http://a:80", "a b:80", "a/b:80", "[[::1]]:80"};
	char host[256], longest[300];
	int port;

	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		if (option_address(none[i], host, &port))
			fail_msg("\"%s\" is an address", none[i]);
	snprintf(longest, sizeof(longest), "%0255d:80", 0);
	assert_true(option_address(longest, host, &port));
	snprintf(longest, sizeof(longest), "%0256d:80", 0);
	assert_false(option_address(longest, host, &port));
}

static void loopback_is_what_only_this_machine_reaches(void **state)
{
	static const char *const own[] = {"127.0.0.1", "127.8.9.10", "::1", "localhost"};
	static const char *const others[] = {"", "0.0.0.0", "::", "128.0.0.1", "10.0.0.1", "::2",
		"localhost.example", "127.0.0.1.example"};

	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		assert_true(option_loopback(own[i]));
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_false(option_loopback(others[i]));
}

static void what_is_called_on_this_machine_is_a_socket_or_loopback(void **state)
{
	static const char *const own[] = {
		"unix:/run/x", "127.0.0.1:1", "127.8.9.10:1", "[::1]:1", "localhost:1"};
	static const char *const others[] = {"", "127.0.0.1", "192.0.2.1:1", "0.0.0.0:1",
		"[2001:db8::1]:1", "dns:///127.0.0.1:1", "unix", "localhost.example:1"};

	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		assert_true(option_local(own[i]));
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_false(option_local(others[i]));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, forget_environment, forget_environment)
	const struct CMUnitTest tests[] = {
		TEST(defaults_hold_where_nothing_is_given),
		TEST(a_value_stands_behind_the_flag_or_an_equals_sign),
		TEST(the_environment_is_read),
		TEST(an_empty_variable_counts_as_none),
		TEST(a_flag_wins_over_the_environment),
		TEST(what_is_no_option_is_left_in_order),
		TEST(a_wrong_number_stops_the_start_with_a_sentence),
		TEST(a_wrong_variable_is_named),
		TEST(unknown_and_incomplete_options_are_refused),
		TEST(help_shows_every_option_aligned),
		TEST(an_option_too_wide_has_its_sentence_below),
		TEST(version_prints_name_and_version),
		TEST(output_that_cannot_be_written_is_a_failure),
		TEST(addresses_are_host_and_port),
		TEST(what_is_no_address_is_refused),
		TEST(loopback_is_what_only_this_machine_reaches),
		TEST(what_is_called_on_this_machine_is_a_socket_or_loopback),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
