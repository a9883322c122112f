/* The samples of document 003's appendix: alone, and where they belong. */
#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/registry/settings.h"
#include "tests/unit/server/gateway_file.h"
#include "tests/unit/server/gateway_samples.h"

#define IN_FILE(settings) "{\ncode: \"demo\"\nsettings: " settings "}\n"

static void the_sample_of_a_service_is_read(void **state)
{
	struct arena *a = arena_new(0);
	struct configuration c = configured(a, SAMPLE_SERVICE);

	assert_text(c.service, "mw-ahtu");
	assert_text(c.title, "中间件-权限服务");
	assert_int_equal(c.node_count + c.action_count + c.event_count + c.warning_count, 0);
	assert_text(c.notification_url, "");
	assert_int_equal(settings_of(a, &c)->count, 1);
	assert_text(gateway_of(a, &c), arena_printf(a, "{\"title\":\"中间件-权限服务\"%s",
					       configuration_default + strlen("{\"title\":\"\"")));
	arena_free(&a);
}

static void the_sample_of_limits_is_read(void **state)
{
	struct arena *a = arena_new(0);
	struct configuration c = configured(a, IN_FILE(SAMPLE_RATE_LIMIT));

	assert_raw(settings_of(a, &c), "rateLimit",
		"{\"window\":60000,\"limit\":30,\"headers\":true,\"key\":\"address\"}");
	assert_raw(general_of(a, &c), "limits",
		"[{\"name\":\"settings.rateLimit\",\"limit\":30,\"windowMs\":60000,\"key\":"
		"\"address\",\"headers\":true}]");
	assert_int_equal(c.warning_count, 0);
	arena_free(&a);
}

static void the_sample_of_routes_is_read(void **state)
{
	struct arena *a = arena_new(0);
	struct configuration c = configured(a, IN_FILE(SAMPLE_ROUTES));

	assert_raw(settings_of(a, &c), "routes",
		"[{\"path\":\"/"
		"API\",\"bodyParsers\":{\"json\":{\"limit\":"
		"\"2MB\"},"
		"\"urlencoded\":{\"extended\":true,\"limit\":\"2MB\"}}}]");
	assert_raw(general_of(a, &c), "bodyLimit", "2097152");
	assert_raw(general_of(a, &c), "id", "\"*\"");
	assert_int_equal(c.warning_count, 0);
	arena_free(&a);
}

static void the_samples_of_caches_are_read(void **state)
{
	struct arena *a = arena_new(0);
	struct configuration c = configured(a, IN_FILE(SAMPLE_CACHER_MEMORY));

	assert_raw(settings_of(a, &c), "cacher",
		"{\"type\":\"Memory\",\"options\":{\"ttl\":30,\"clone\":true}}");
	assert_raw(general_of(a, &c), "cache", "null");
	assert_int_equal(c.warning_count, 0);

	c = configured(a, IN_FILE(SAMPLE_CACHER_REDIS));
	assert_raw(settings_of(a, &c), "cacher",
		"{\"type\":\"Redis\",\"options\":{\"prefix\":\"MOL\",\"ttl\":30,\"monitor\":false,"
		"\"redis\":{\"host\":\"redis-Server\",\"port\":6379,\"password\":\"1234\",\"db\":0}"
		"}}");
	assert_warns(&c, FILE_NAME ", line 5, settings.cacher.type: answers are kept in memory: "
				   "Redis cannot be used yet");
	arena_free(&a);
}

/* By what the registry shows and keeps of settings. */
static void a_password_is_not_shown(void **state)
{
	struct arena *a = arena_new(0);
	struct configuration c = configured(a, IN_FILE(SAMPLE_CACHER_REDIS));
	const char *shown = arena_string(a, settings_shown(a, settings_of(a, &c)));

	assert_null(strstr(shown, "1234"));
	assert_non_null(strstr(shown, "redis-Server"));
	assert_null(strstr(arena_string(a, settings_kept(a, settings_of(a, &c))), "1234"));
	arena_free(&a);
}

static void the_sample_of_events_is_read(void **state)
{
	struct arena *a = arena_new(0);
	struct configuration c = configured(a, IN_FILE(SAMPLE_EVENTS));

	assert_raw(settings_of(a, &c), "events", "[\"user.created\",\"user.*\"]");
	assert_int_equal(c.event_count, 2);
	assert_text(c.events[0], "user.created");
	assert_text(c.events[1], "user.*");
	assert_text(c.notification_url, "");
	assert_warns(&c, FILE_NAME ", line 4, settings.events: nobody is told: there is no URL");
	arena_free(&a);
}

static void the_sample_of_a_proxied_service_is_read(void **state)
{
	struct arena *a = arena_new(0);
	struct configuration c = configured(a, SAMPLE_PROXY);

	assert_text(c.service, "db-rtdata");
	assert_text(c.title, "数据-模块名称");
	assert_int_equal(c.node_count + c.warning_count, 0);
	assert_raw(settings_of(a, &c), "websocketAPIs", "[\" \"]");
	assert_raw(settings_of(a, &c), "restAPIs", "\"\"");
	arena_free(&a);
}

/* Their text is read; what they lack is said. */
static void a_sample_alone_lacks_the_code(void **state)
{
	static const char *const samples[] = {SAMPLE_RATE_LIMIT, SAMPLE_ROUTES,
		SAMPLE_CACHER_MEMORY, SAMPLE_CACHER_REDIS, SAMPLE_EVENTS};

	for (size_t i = 0; i < sizeof samples / sizeof *samples; i++)
		assert_refused(samples[i], "line 1, code: is required");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_sample_of_a_service_is_read),
		cmocka_unit_test(the_sample_of_limits_is_read),
		cmocka_unit_test(the_sample_of_routes_is_read),
		cmocka_unit_test(the_samples_of_caches_are_read),
		cmocka_unit_test(a_password_is_not_shown),
		cmocka_unit_test(the_sample_of_events_is_read),
		cmocka_unit_test(the_sample_of_a_proxied_service_is_read),
		cmocka_unit_test(a_sample_alone_lacks_the_code),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
