/* What of a service's settings is kept, and what is shown. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/registry/settings.h"

static void expect(const char *settings, const char *kept, const char *shown)
{
	struct arena *a = arena_new(0);
	struct status status;
	const struct json *json = json_read(a, text_of(settings), &status);

	/* Compared as strings: they end in NUL. */
	assert_string_equal(settings_kept(a, json).data, kept);
	assert_string_equal(settings_shown(a, json).data, shown);
	arena_free(&a);
}

static void what_holds_no_secret_stays_byte_for_byte(void **state)
{
	const char *plain = "{ \"a\" : 1.00, \"list\":[ {\"b\":\"\\u0041\"} ] }";

	expect(plain, plain, plain);
	expect("{}", "{}", "{}");
}

static void secrets_go_at_any_depth(void **state)
{
	expect("{\"a\":1,\"Password\":2,\"b\":{\"c\":[{\"apiKey\":\"x\",\"d\": "
	       "1.0}],\"myTOKENs\":1}}",
		"{\"a\":1,\"b\":{\"c\":[{\"d\":1.0}]}}", "{\"a\":1,\"b\":{\"c\":[{\"d\":1.0}]}}");
	for (const char *const *name = (const char *const[]){"password", "dbPasswd", "clientSecret",
		     "access_token", "credentials", "key", "KEYS", NULL};
		*name; name++) {
		struct arena *a = arena_new(0);

		expect(arena_printf(a, "{\"%s\":1,\"x\":2}", *name), "{\"x\":2}", "{\"x\":2}");
		arena_free(&a);
	}
	expect("{\"keyboard\":1,\"monkeys2\":1}", "{\"keyboard\":1,\"monkeys2\":1}",
		"{\"keyboard\":1,\"monkeys2\":1}");
}

static void what_the_service_names_as_secure_goes(void **state)
{
	expect("{\"$secureSettings\":[\"dsn\"],\"dsn\":\"x\",\"y\":{\"dsn\":1}}",
		"{\"y\":{\"dsn\":1}}", "{\"y\":{\"dsn\":1}}");
}

static void the_gateways_rules_are_kept_and_not_shown(void **state)
{
	expect("{\"a\":1,\"gateway\":{\"key\": 1},\"token\":2}",
		"{\"a\":1,\"gateway\":{\"key\": 1}}", "{\"a\":1}");
	expect("{\"gateway\":{\"key\": 1}}", "{\"gateway\":{\"key\": 1}}", "{}");
}

static void what_is_no_object_is_none(void **state)
{
	struct arena *a = arena_new(0);

	assert_string_equal(arena_string(a, settings_shown(a, NULL)), "{}");
	arena_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_holds_no_secret_stays_byte_for_byte),
		cmocka_unit_test(secrets_go_at_any_depth),
		cmocka_unit_test(what_the_service_names_as_secure_goes),
		cmocka_unit_test(the_gateways_rules_are_kept_and_not_shown),
		cmocka_unit_test(what_is_no_object_is_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
