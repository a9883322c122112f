/* Which HTTP headers go on to the server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "bridge/metadata.h"

static struct arena *arena;
static struct metadata_list list;

static int open_list(void **state)
{
	(void)state;
	arena = arena_new(0);
	list.count = 0;
	return 0;
}

static int close_list(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

static const char *add(const char *name, const char *value)
{
	return metadata_add_header(&list, arena, text_of(name), text_of(value));
}

static void assert_passes(const char *name, const char *key)
{
	size_t before = list.count;
	assert_null(add(name, "v"));
	assert_int_equal(list.count, before + 1);
	assert_true(text_equal(list.items[before].key, text_of(key)));
	assert_true(text_equal(list.items[before].value, TEXT("v")));
}

static void assert_left_out(const char *name, const char *value)
{
	size_t before = list.count;
	assert_null(add(name, value));
	assert_int_equal(list.count, before);
}

static void listed_headers_pass_in_lower_case(void **state)
{
	(void)state;
	assert_passes("Authorization", "authorization");
	assert_passes("Idempotency-Key", "idempotency-key");
	assert_passes("X-Namespace", "x-namespace");
}

static void fates_own_pass_with_either_separator(void **state)
{
	(void)state;
	assert_passes("APP_KEY", "app-key");
	assert_passes("SITE-SIGNATURE", "site-signature");
	assert_passes("src_party_id", "src-party-id");
	assert_passes("Src_Role", "src-role");
	assert_passes("TIMESTAMP", "timestamp");
	assert_passes("Nonce", "nonce");
	assert_passes("SIGNATURE", "signature");
}

static void function_graph_headers_pass_whatever_their_tail(void **state)
{
	(void)state;
	assert_passes("FunctionGraph-Extension-Name", "functiongraph-extension-name");
	assert_left_out("FunctionGraph-x-bin", "v");
	assert_left_out("FunctionGraph-!", "v");
}

static void everything_else_is_left_out(void **state)
{
	(void)state;
	assert_left_out("Accept", "v");
	assert_left_out("grpc-timeout", "1S");
	assert_left_out("X_Namespace", "v");
	assert_left_out("junction-caller-address", "1.2.3.4:5");
	assert_left_out("junction_scheme", "https");
	assert_left_out("authorization-bin", "v");
	assert_left_out("", "v");
}

static void hops_pass_only_as_a_small_number(void **state)
{
	(void)state;
	assert_left_out("junction-hops", "x");
	assert_left_out("junction-hops", "-1");
	assert_left_out("junction-hops", "1000");
	assert_left_out("junction_hops", "3");
	assert_null(add("Junction-Hops", "3"));
	assert_int_equal(list.count, 1);
	assert_true(text_equal(list.items[0].value, TEXT("3")));
}

static void a_listed_header_must_be_printable_ascii(void **state)
{
	(void)state;
	assert_non_null(add("X-Namespace", "caf\xc3\xa9"));
	assert_non_null(add("X-Namespace", "a\tb"));
	assert_non_null(add("FunctionGraph-Name", "\x7f"));
	assert_left_out("Accept-Language", "\xc3\xa9");
}

static void a_repeated_listed_header_is_refused(void **state)
{
	(void)state;
	assert_passes("app_key", "app-key");
	assert_non_null(add("APP-KEY", "v"));
	assert_null(add("Accept", "a"));
	assert_null(add("Accept", "b"));
}

static void too_many_are_refused_and_leave_room_for_our_own(void **state)
{
	(void)state;
	const char *reason = NULL;
	for (int i = 0; i < 2 * METADATA_MAX && !reason; i++) {
		char name[32];
		snprintf(name, sizeof(name), "functiongraph-%d", i);
		reason = add(name, "v");
	}
	assert_non_null(reason);
	for (int i = 0; i < METADATA_OWN; i++)
		metadata_add_own(&list, TEXT("junction-scheme"), TEXT("http"));
	assert_int_equal(list.count, METADATA_MAX);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_list, close_list)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(listed_headers_pass_in_lower_case),
		TEST(fates_own_pass_with_either_separator),
		TEST(function_graph_headers_pass_whatever_their_tail),
		TEST(everything_else_is_left_out),
		TEST(hops_pass_only_as_a_small_number),
		TEST(a_listed_header_must_be_printable_ascii),
		TEST(a_repeated_listed_header_is_refused),
		TEST(too_many_are_refused_and_leave_room_for_our_own),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
