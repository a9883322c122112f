/* What configuration files say of a service as a whole. */
#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/server/gateway_file.h"

/* --- the service ------------------------------------------------------------------------------ */

static void nothing_said_is_the_default(void **state)
{
	static const char *const texts[] = {"{code: 'demo'}", "{code: 'demo', settings: null}",
		"{code: 'demo', name: null, settings: {restAPIs: null, routes: null, events: null, "
		"rateLimit: null, cacher: null, breaker: null, bodyLimit: null, open: null, "
		"actions: null, balance: null, weight: null}}",
		"{code: 'demo', settings: {restAPIs: '', websocketAPIs: [], GraphQL: {}, routes: "
		"[], "
		"events: '', rateLimit: false, cacher: {}, actions: {}, open: []}}"};

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct arena *a = arena_new(0);
		struct configuration c = configured(a, texts[i]);

		assert_text(gateway_of(a, &c), configuration_default);
		assert_int_equal(
			c.node_count + c.action_count + c.event_count + c.warning_count, 0);
		arena_free(&a);
	}
}

static void settings_are_carried(void **state)
{
	struct arena *a = arena_new(0);
	struct configuration c = configured(a, "{code: 'demo', settings: {protectPercent: 50, own: "
					       "{n: 1.2345678901234567890123, k: [0x10, .5]},\n"
					       "password: 'x'\n$secureSettings: ['own']}}");

	assert_text(c.settings,
		arena_printf(a,
			"{\"protectPercent\":50,\"own\":{\"n\":1.2345678901234567890123,"
			"\"k\":[16,0.5]},\"password\":\"x\",\"$secureSettings\":[\"own\"],"
			"\"gateway\":%s}",
			configuration_default));
	arena_free(&a);
}

static void the_service_must_be_named(void **state)
{
	assert_refused("{}", "line 1, code: is required");
	assert_refused("{name: 'x',\nsettings: {}}", "line 1, code: is required");
	assert_refused("{code: null}", "line 1, code: is required");
	assert_refused("{\ncode: 1}", "line 2, code: must be a text");
	assert_refused("{code: ''}", "line 1, code: required");
	assert_refused("{code: '1a'}", "line 1, code: must be letters, digits, \"-\" or \"_\", and "
				       "not begin with a digit");
	assert_refused("{code: '数据'}", "line 1, code: must be letters, digits, \"-\" or \"_\", "
					 "and not begin with a digit");
	assert_refused("{code: 'a23456789012345678901234567890123'}",
		"line 1, code: must have at most 32 bytes");
	assert_refused("{code: 'Audit'}", "line 1, code: \"Audit\" is reserved");
	assert_refused("{code: 'get'}", "line 1, code: \"get\" is reserved");
	assert_refused("[]", "line 1: must be an object");
	assert_refused("{code: 'a', name: []}", "line 1, name: must be a text");
	assert_refused("{code: 'a', name: '\\n'}",
		"line 1, name: must have at most 255 bytes and no control characters");
	assert_refused("{code: 'a', settings: []}", "line 1, settings: must be an object");
}

static void what_is_not_known_is_refused(void **state)
{
	assert_refused("{code: 'a',\nsetings: {}}", "line 2, setings: is not known");
	assert_refused("{code: 'a', Settings: {}}", "line 1, Settings: is to be written settings");
	assert_refused("{code: 'a',\nrateLimit: {}}", "line 2, rateLimit: must stand in settings");
	assert_refused("{code: 'a',\nsettings: {\nrestApis: ''}}",
		"line 3, settings.restApis: is to be written restAPIs");
	assert_refused("{code: 'a', settings: {RateLimit: {}}}",
		"line 1, settings.RateLimit: is to be written rateLimit");
	assert_refused("{code: 'a', settings: {gateway: {}}}",
		"line 1, settings.gateway: is made by Junction");
	assert_refused("{code: 'a', settings: {gateway: null}}",
		"line 1, settings.gateway: is made by Junction");
}

static void the_code_of_a_bad_file_is_told(void **state)
{
	static const char *const texts[] = {"{code: 'demo', settings: {timeout: 0}}",
		"{code: 'demo', settings: {timeout: ", "{code: 'demo', name: 1}",
		"{code: 'demo'\n x"};
	static const char *const without[] = {"{code: 'demo", "{code: 1, x: }", "[", "", "{code: "};

	for (size_t i = 0; i < 9; i++) {
		struct arena *a = arena_new(0);
		struct configuration out;
		const char *error = NULL;
		const char *text = i < 4 ? texts[i] : without[i - 4];

		assert_false(configuration_read(a, TEXT("f"), text_of(text), &out, &error));
		assert_non_null(error);
		assert_text(out.service, i < 4 ? "demo" : "");
		arena_free(&a);
	}
}

static void a_file_is_bounded(void **state)
{
	struct arena *a = arena_new(0);
	struct buffer b = {.arena = a};
	struct configuration out;
	const char *error = "";

	buffer_add_text(&b, TEXT("{code: 'demo'}"));
	while (b.size < CONFIGURATION_MAX)
		buffer_add_char(&b, '\n');
	assert_true(configuration_read(a, TEXT("f"), buffer_text(&b), &out, &error));
	buffer_add_char(&b, '\n');
	assert_false(configuration_read(a, TEXT("f"), buffer_text(&b), &out, &error));
	assert_string_equal(error, "f, line 1: must have at most 1048576 bytes");
	arena_free(&a);
}

/* --- nodes ------------------------------------------------------------------------------------ */

static void assert_node(const struct configured_node *node, enum configured_kind kind,
	const char *host, int port, bool tls, const char *base)
{
	assert_int_equal(node->kind, kind);
	assert_text(node->host, host);
	assert_int_equal(node->port, port);
	assert_int_equal(node->tls, tls);
	assert_text(node->base, base);
	assert_int_equal(node->weight, 1);
}

static void urls_are_nodes(void **state)
{
	struct arena *a = arena_new(0);
	struct configuration c = configured(a,
		"{code: 'demo', settings: {restAPIs: ['http://127.0.0.1:8000', '', "
		"' HTTPS://Api.Example/v1/ ', 'http://[::1]:81/a%20b'], "
		"websocketAPIs: {'ws://h/x', 'wss://h/'\n'http://i:1', 'https://j:2/'}, "
		"GraphQL: 'http://g:3'}}");

	assert_int_equal(c.node_count, 8);
	assert_node(&c.nodes[0], CONFIGURED_HTTP, "127.0.0.1", 8000, false, "");
	assert_node(&c.nodes[1], CONFIGURED_HTTP, "api.example", 443, true, "/v1");
	assert_node(&c.nodes[2], CONFIGURED_HTTP, "::1", 81, false, "/a%20b");
	assert_node(&c.nodes[3], CONFIGURED_UPGRADE, "h", 80, false, "/x");
	assert_node(&c.nodes[4], CONFIGURED_UPGRADE, "h", 443, true, "");
	assert_node(&c.nodes[5], CONFIGURED_UPGRADE, "i", 1, false, "");
	assert_node(&c.nodes[6], CONFIGURED_UPGRADE, "j", 2, true, "");
	assert_node(&c.nodes[7], CONFIGURED_GRAPHQL, "g", 3, false, "/graphql");
	arena_free(&a);
}

static void graphql_keeps_its_path(void **state)
{
	struct arena *a = arena_new(0);
	struct configuration c = configured(a, "{code: 'demo', settings: {weight: 7, GraphQL: "
					       "['http://a/', 'http://b/q/', 'http://c/x']}}");

	assert_text(c.nodes[0].base, "/graphql");
	assert_text(c.nodes[1].base, "/q/");
	assert_text(c.nodes[2].base, "/x");
	assert_int_equal(c.nodes[2].weight, 7);
	arena_free(&a);
}

static void events_are_told_to_the_first_node(void **state)
{
	static const struct {
		const char *urls, *wanted;
	} trials[] = {
		{"restAPIs: ['http://h:8000/v1', 'http://i']",
			"http://h:8000/mw/event/notification"},
		{"restAPIs: 'https://[::1]'", "https://[::1]:443/mw/event/notification"},
		{"GraphQL: 'http://g:1', websocketAPIs: 'wss://w:2/x'",
			"https://w:2/mw/event/notification"},
	};

	for (size_t i = 0; i < sizeof trials / sizeof *trials; i++) {
		struct arena *a = arena_new(0);
		struct configuration c = configured(
			a, arena_printf(a, "{code: 'demo', settings: {%s, events: 'a.**'}}",
				   trials[i].urls));

		assert_text(c.notification_url, trials[i].wanted);
		assert_int_equal(c.event_count, 1);
		assert_int_equal(c.warning_count, 0);
		c = configured(
			a, arena_printf(a, "{code: 'demo', settings: {%s}}", trials[i].urls));
		assert_text(c.notification_url, "");
		arena_free(&a);
	}
}

static void urls_must_be_urls(void **state)
{
	static const struct {
		const char *name, *value, *wanted;
	} trials[] = {
		{"restAPIs", "1", ": must be a text or a list of texts"},
		{"restAPIs", "{a: 1}", ": must be a text or a list of texts"},
		{"restAPIs", "['http://h', 1]", "[1]: must be a text"},
		{"restAPIs", "'h:80'", ": must be an absolute http or https URL"},
		{"restAPIs", "'ws://h'", ": must be an absolute http or https URL"},
		{"GraphQL", "'wss://h'", ": must be an absolute http or https URL"},
		{"websocketAPIs", "'ftp://h'", ": must be an absolute ws, wss, http or https URL"},
		{"restAPIs", "['', 'http://u:secret@h/']", "[1]: must not name a user"},
		{"restAPIs", "'http://'",
			": must have a host name or an IP address behind its scheme"},
		{"restAPIs", "'http:///x'",
			": must have a host name or an IP address behind its scheme"},
		{"restAPIs", "'http://h i/'",
			": must have a host name or an IP address behind its scheme"},
		{"restAPIs", "'http://::1/'",
			": must have a host name or an IP address behind its scheme"},
		{"restAPIs", "'http://[h]/'",
			": must have a host name or an IP address behind its scheme"},
		{"restAPIs", "'http://[::1/'",
			": must have a host name or an IP address behind its scheme"},
		{"restAPIs", "'http://[::1]80/'",
			": must have a host name or an IP address behind its scheme"},
		{"restAPIs", "'http://h:/'",
			": must have a host name or an IP address behind its scheme"},
		{"restAPIs", "'http://h:-1/'",
			": must have a host name or an IP address behind its scheme"},
		{"restAPIs", "'http://h:0'", ": must have a port from 1 to 65535"},
		{"restAPIs", "'http://h:65536'", ": must have a port from 1 to 65535"},
		{"restAPIs", "'http://h/?a'", ": must not have a query or a fragment"},
		{"restAPIs", "'http://h/#a'", ": must not have a query or a fragment"},
		{"restAPIs", "'http://h?a'", ": must begin with \"/\""},
		{"restAPIs", "'http://h/a b'", ": must be ASCII, the rest percent-encoded"},
		{"restAPIs", "'http://h/\\u4e2d'", ": must be ASCII, the rest percent-encoded"},
		{"restAPIs", "'http://h/a/%2E./b'", ": must not have \".\" or \"..\" as a segment"},
		{"restAPIs", "'http://h/%4'",
			": has a % that is not followed by two hexadecimal digits"},
		{"restAPIs", "['http://h:80/a', 'https://H:80/b']",
			"[1]: has host and port of another one"},
		{"weight", "10001", ": must be a whole number from 0 to 10000"},
	};

	for (size_t i = 0; i < sizeof trials / sizeof *trials; i++) {
		struct arena *a = arena_new(0);

		assert_refused(arena_printf(a, "{code: 'demo', settings: {\n%s: %s}}",
				       trials[i].name, trials[i].value),
			arena_printf(a, "line 2, settings.%s%s", trials[i].name, trials[i].wanted));
		arena_free(&a);
	}
}

/* --- events ----------------------------------------------------------------------------------- */

static void events_must_be_patterns(void **state)
{
	assert_refused("{code: 'a', settings: {events: ['a',\n'b c']}}",
		"line 2, settings.events[1]: must not hold white space or control characters");
	assert_refused("{code: 'a', settings: {events: ['a..b']}}",
		"line 1, settings.events[0]: must not have an empty level");
	assert_refused("{code: 'a', settings: {events: ['a.>']}}",
		"line 1, settings.events[0]: must not hold \">\"");
	assert_refused("{code: 'a', settings: {events: {'user.created': {}}}}",
		"line 1, settings.events: must be a text or a list of texts");
}

/* Each "%d" is the item's number. */
static void add_item(struct buffer *b, const char *item, int number)
{
	for (const char *p; (p = strstr(item, "%d")); item = p + 2)
		buffer_printf(b, "%.*s%d", (int)(p - item), item, number);
	buffer_printf(b, "%s,", item);
}

static const char *with_items(
	struct arena *a, const char *open, const char *item, const char *close, int count)
{
	struct buffer b = {.arena = a};

	buffer_printf(&b, "{code: 'demo', settings: {%s", open);
	for (int i = 0; i < count; i++)
		add_item(&b, item, i);
	buffer_printf(&b, "%s}}", close);
	return arena_string(a, buffer_text(&b));
}

static void lists_are_bounded(void **state)
{
	static const struct {
		const char *open, *item, *close;
		int most;
		const char *wanted;
	} trials[] = {
		{"events: [", "'a'", "]", 100, "settings.events: must have at most 100"},
		{"routes: [", "{path: 'p%d'}", "]", 100, "settings.routes: must have at most 100"},
		{"open: [", "'/p%d'", "]", 100, "settings.open: must have at most 100"},
		{"rateLimit: [", "{}", "]", 8, "settings.rateLimit: must have at most 8"},
		{"actions: {", "a%d: {rest: '/p%d'}", "}", 1000,
			"settings.actions: must have at most 1000"},
		{"restAPIs: [", "'http://h%d'", "]", 100,
			"settings.restAPIs: must have at most 100"},
		{"GraphQL: 'http://g', restAPIs: [", "'http://h%d'", "]", 99,
			"settings.GraphQL: there must be at most 100 URLs"},
		{"cache: {keys: [", "'k%d'", "]}", 16, "settings.cache.keys: must have at most 16"},
		{"cache: {clean: [", "'a.b%d'", "]}", 16,
			"settings.cache.clean: must have at most 16"},
	};

	for (size_t i = 0; i < sizeof trials / sizeof *trials; i++) {
		struct arena *a = arena_new(0);

		configured(a, with_items(a, trials[i].open, trials[i].item, trials[i].close,
				      trials[i].most));
		assert_refused(with_items(a, trials[i].open, trials[i].item, trials[i].close,
				       trials[i].most + 1),
			arena_printf(a, "line 1, %s", trials[i].wanted));
		arena_free(&a);
	}
}

/* Each of many actions repeats what it has from the general rule. */
static void the_rules_are_bounded(void **state)
{
	struct arena *a = arena_new(0);
	struct buffer b = {.arena = a};

	buffer_add_text(&b, TEXT("cache: {keys: ["));
	for (int i = 0; i < 16; i++)
		buffer_printf(&b, "'%0100d',", i);
	buffer_add_text(&b, TEXT("]}, actions: {"));
	buffer_add_char(&b, '\0');
	configured(a, with_items(a, b.data, "a%d: {rest: '/p%d'}", "}", 400));
	assert_refused(with_items(a, b.data, "a%d: {rest: '/p%d'}", "}", 600),
		"line 1, settings: the rules made of it must have at most 1048576 bytes");
	arena_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_said_is_the_default),
		cmocka_unit_test(settings_are_carried),
		cmocka_unit_test(the_service_must_be_named),
		cmocka_unit_test(what_is_not_known_is_refused),
		cmocka_unit_test(the_code_of_a_bad_file_is_told),
		cmocka_unit_test(a_file_is_bounded),
		cmocka_unit_test(urls_are_nodes),
		cmocka_unit_test(graphql_keeps_its_path),
		cmocka_unit_test(events_are_told_to_the_first_node),
		cmocka_unit_test(urls_must_be_urls),
		cmocka_unit_test(events_must_be_patterns),
		cmocka_unit_test(lists_are_bounded),
		cmocka_unit_test(the_rules_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
