#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/registry/validate.h"

static struct status status;
static struct validation v = {.status = &status, .prefix = ""};

static int set_up(void **state)
{
	v.arena = arena_new(0);
	v.prefix = "";
	return 0;
}

static int tear_down(void **state)
{
	arena_free(&v.arena);
	return 0;
}

static struct text repeated(size_t count)
{
	char *bytes = arena_alloc(v.arena, count + 1);
	memset(bytes, 'x', count);
	bytes[count] = '\0';
	return (struct text){bytes, count};
}

static void assert_refused(bool result, const char *field, const char *message)
{
	assert_false(result);
	assert_int_equal(status.code, STATUS_INVALID_ARGUMENT);
	assert_string_equal(status.field, field);
	assert_string_equal(status.message, message);
}

static void server_names_may_be_anything_printable(void **state)
{
	static const char *const good[] = {
		"demo", "My Server", "größe", "a.b", "a$b", "gets", "名"};

	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		assert_true(valid_server_name(&v, "server_name", text_of(good[i])));
	assert_true(valid_server_name(&v, "server_name", repeated(255)));
}

static void server_names_are_refused_by_rule(void **state)
{
	static const char *const reserved[] = {
		"get", "Service", "REGISTRY", "auth", "Api_Reader", "event", "audit", "notice"};

	for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++) {
		assert_false(valid_server_name(&v, "server_name", text_of(reserved[i])));
		assert_non_null(strstr(status.message, "is reserved"));
	}
	assert_refused(valid_server_name(&v, "server_name", TEXT("")), "server_name",
		"server_name: required");
	assert_refused(valid_server_name(&v, "server_name", TEXT("$node")), "server_name",
		"server_name: must not begin with \"$\"");
	assert_refused(valid_server_name(&v, "server_name", repeated(256)), "server_name",
		"server_name: must have at most 255 bytes");
	static const char *const bad[] = {"a/b", "a\nb", "a\x7f", "\xc2\x85"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_refused(valid_server_name(&v, "server_name", text_of(bad[i])), "server_name",
			"server_name: must not hold \"/\" or control characters");
}

static void service_names_may_be_what_servers_may_not(void **state)
{
	assert_true(valid_service_name(&v, "service_name", TEXT("get")));
	assert_false(valid_service_name(&v, "service_name", TEXT("a/b")));
	assert_false(valid_service_name(&v, "service_name", TEXT("")));
}

static void hosts_are_names_or_addresses(void **state)
{
	static const char *const good[] = {
		"localhost", "10.0.0.1", "a-b.c_d", "::1", "2001:db8::1", "::ffff:10.0.0.1"};
	static const char *const bad[] = {"", "http://h", "h:80", "h/x", "a b", "[::1]", "h\n",
		"u@h", "fe80::1%eth0", "größe", "h?x", "h#x", "::g"};

	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		assert_true(valid_host(&v, "host", text_of(good[i])));
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_false(valid_host(&v, "host", text_of(bad[i])));
	assert_true(valid_host(&v, "host", repeated(253)));
	assert_false(valid_host(&v, "host", repeated(254)));
}

static void ports_are_required_and_in_range(void **state)
{
	assert_refused(valid_port(&v, "port", false, 80), "port", "port: required");
	assert_refused(valid_port(&v, "port", true, 0), "port", "port: must be 1 to 65535");
	assert_refused(valid_port(&v, "port", true, -1), "port", "port: must be 1 to 65535");
	assert_refused(valid_port(&v, "port", true, 65536), "port", "port: must be 1 to 65535");
	assert_true(valid_port(&v, "port", true, 1));
	assert_true(valid_port(&v, "port", true, 65535));
}

static void protocols_and_methods_are_shown_in_one_case(void **state)
{
	struct text shown;

	assert_true(valid_protocol(&v, "protocol", TEXT("HTTPS"), &shown));
	assert_string_equal(shown.data, "https");
	assert_true(valid_protocol(&v, "protocol", TEXT(""), &shown));
	assert_int_equal(shown.size, 0);
	assert_false(valid_protocol(&v, "protocol", TEXT("ftp"), &shown));
	assert_true(valid_method(&v, "method", TEXT("pAtch"), &shown));
	assert_string_equal(shown.data, "PATCH");
	assert_true(valid_method(&v, "method", TEXT(""), &shown));
	assert_string_equal(shown.data, "POST");
	assert_false(valid_method(&v, "method", TEXT("BREW"), &shown));
	assert_false(valid_method(&v, "method", TEXT("GET "), &shown));
}

static void a_uri_gets_its_leading_slash(void **state)
{
	struct text shown;

	assert_true(valid_uri(&v, "uri", TEXT("u/v?w=1"), &shown));
	assert_string_equal(shown.data, "/u/v?w=1");
	assert_true(valid_uri(&v, "uri", TEXT("/u"), &shown));
	assert_string_equal(shown.data, "/u");
	assert_refused(valid_uri(&v, "uri", TEXT(""), &shown), "uri", "uri: required");
	assert_false(valid_uri(&v, "uri", TEXT("/a b"), &shown));
	assert_false(valid_uri(&v, "uri", TEXT("/a\r\nHost: x"), &shown));
	assert_true(valid_uri(&v, "uri", repeated(2047), &shown));
	assert_false(valid_uri(&v, "uri", repeated(2048), &shown));
}

static void objects_keep_their_bytes(void **state)
{
	struct text shown;

	assert_true(valid_object(&v, "params", TEXT(" {\"b\" : 1.0, \"a\":1e400} "), &shown));
	assert_true(text_equal(shown, TEXT("{\"b\" : 1.0, \"a\":1e400}")));
	assert_true(valid_object(&v, "params", TEXT("null"), &shown));
	assert_true(text_equal(shown, TEXT("{}")));
	assert_true(valid_object(&v, "params", TEXT(""), &shown));
	assert_true(text_equal(shown, TEXT("{}")));
	assert_refused(valid_object(&v, "params", TEXT("[1]"), &shown), "params",
		"params: must be a JSON object");
	assert_false(valid_object(&v, "params", TEXT("{\"a\":1,\"a\":2}"), &shown));
	assert_string_equal(status.field, "params");
	assert_non_null(strstr(status.message, "params: invalid JSON at byte "));
}

static void application_names_are_as_the_document_says(void **state)
{
	static const char *const good[] = {"app-service", "a", "_a", "-a", "A1_b-C", "gets"};
	static const char *const bad[] = {"1a", "a.b", "a b", "größe", "a:b", "a$b"};

	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		assert_true(valid_application_name(&v, "service", text_of(good[i])));
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_refused(valid_application_name(&v, "service", text_of(bad[i])), "service",
			"service: must be letters, digits, \"-\" or \"_\", and not begin with a "
			"digit");
	assert_true(valid_application_name(&v, "service", repeated(32)));
	assert_refused(valid_application_name(&v, "service", repeated(33)), "service",
		"service: must have at most 32 bytes");
	assert_refused(valid_application_name(&v, "service", TEXT("Notice")), "service",
		"service: \"Notice\" is reserved");
	assert_false(valid_application_name(&v, "service", TEXT("")));
	assert_false(valid_application_name(&v, "service", ((struct text){"a\0b", 3})));
}

static void node_names_end_in_a_start_time(void **state)
{
	static const char *const good[] = {
		"h-1", "proxy-host-1763771905", "a.b_c-d-0", "--1", "H-1-2", "1-2"};
	static const char *const bad[] = {
		"h", "h-", "-1", "1", "h-1a", "h -1", "h/-1", "h:-1", "hé-1", "h1", "h_1", "h-1 "};

	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		assert_true(valid_node_name(&v, "node", text_of(good[i])));
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		assert_false(valid_node_name(&v, "node", text_of(bad[i])));
		assert_string_equal(status.field, "node");
		assert_non_null(strstr(status.message, "hostname-starttime"));
	}
	assert_refused(valid_node_name(&v, "node", TEXT("")), "node", "node: required");
	assert_refused(valid_node_name(&v, "node", repeated(256)), "node",
		"node: must have at most 255 bytes");
	assert_false(valid_node_name(&v, "node", ((struct text){"a\0-1", 4})));
}

static void ranges_include_their_ends(void **state)
{
	assert_true(valid_range(&v, "weight", 0, 0, 10));
	assert_true(valid_range(&v, "weight", 10, 0, 10));
	assert_refused(valid_range(&v, "weight", -1, 0, 10), "weight", "weight: must be 0 to 10");
	assert_refused(valid_range(&v, "weight", 11, 0, 10), "weight", "weight: must be 0 to 10");
}

static void a_path_stands_before_the_field(void **state)
{
	v.prefix = "servers.demo.";
	assert_refused(valid_port(&v, "port", false, 0), "servers.demo.port",
		"servers.demo.port: required");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			server_names_may_be_anything_printable, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			server_names_are_refused_by_rule, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			service_names_may_be_what_servers_may_not, set_up, tear_down),
		cmocka_unit_test_setup_teardown(hosts_are_names_or_addresses, set_up, tear_down),
		cmocka_unit_test_setup_teardown(ports_are_required_and_in_range, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			protocols_and_methods_are_shown_in_one_case, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_uri_gets_its_leading_slash, set_up, tear_down),
		cmocka_unit_test_setup_teardown(objects_keep_their_bytes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			application_names_are_as_the_document_says, set_up, tear_down),
		cmocka_unit_test_setup_teardown(node_names_end_in_a_start_time, set_up, tear_down),
		cmocka_unit_test_setup_teardown(ranges_include_their_ends, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_path_stands_before_the_field, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
