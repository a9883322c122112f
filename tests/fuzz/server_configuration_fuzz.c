/* Reads any text as a configuration file. What is taken has settings that are JSON, that read as
 * JSON5 say the same, and rules of the form that configuration.h tells; what is refused has a
 * sentence with its file and line. */
#include "base/check.h"
#include "base/json.h"
#include "server/gateway/config/config_text.h"
#include "server/gateway/config/configuration.h"

static const struct json *get(const struct json *object, const char *name, enum json_type type)
{
	const struct json *member = json_member(object, text_of(name));

	CHECK(member && member->type == type);
	return member;
}

static void check_number(const struct json *object, const char *name, int64_t least, int64_t most)
{
	int64_t number;

	CHECK(json_int64(get(object, name, JSON_NUMBER), &number));
	CHECK(number >= least && number <= most);
}

static void check_bool(const struct json *object, const char *name)
{
	const struct json *member = json_member(object, text_of(name));

	CHECK(member && (member->type == JSON_TRUE || member->type == JSON_FALSE));
}

static void check_texts(const struct json *object, const char *name, size_t most)
{
	const struct json *list = get(object, name, JSON_ARRAY);

	CHECK(list->count <= most);
	for (const struct json *item = list->first; item; item = item->next)
		CHECK(item->type == JSON_STRING && item->string.size > 0 &&
			item->string.size <= 255);
}

static bool is_one_of(struct text word, const char *const *words)
{
	while (*words && !text_equal(word, text_of(*words)))
		words++;
	return *words;
}

static void check_limits(const struct json *rule)
{
	static const char *const keys[] = {"address", "caller", "application", "all", NULL};
	const struct json *limits = get(rule, "limits", JSON_ARRAY);

	for (const struct json *limit = limits->first; limit; limit = limit->next) {
		check_number(limit, "limit", 1, 1000000000);
		check_number(limit, "windowMs", 1, 86400000);
		CHECK(is_one_of(get(limit, "key", JSON_STRING)->string, keys));
		check_bool(limit, "headers");
		get(limit, "name", JSON_STRING);
		CHECK(limit->count == 5);
	}
}

static void check_cache(const struct json *cache)
{
	if (cache->type == JSON_NULL)
		return;
	check_number(cache, "ttlMs", 1, INT64_C(31536000000));
	check_number(cache, "most", 1, 1 << 30);
	check_texts(cache, "keys", 16);
	check_texts(cache, "clean", 17);
	check_bool(cache, "shared");
	CHECK(get(cache, "clean", JSON_ARRAY)->count > 0 && cache->count == 5);
}

static void check_breaker(const struct json *breaker)
{
	if (breaker->type == JSON_NULL)
		return;
	check_number(breaker, "percent", 1, 100);
	check_number(breaker, "volume", 1, 1000000);
	check_number(breaker, "windowMs", 1000, 3600000);
	check_number(breaker, "halfOpenMs", 100, 3600000);
	check_number(breaker, "consecutive", 1, 1000000);
	CHECK(breaker->count == 5);
}

static void check_rule(const struct json *rule)
{
	static const char *const balances[] = {"roundRobin", "leastOutstanding", "hash", NULL};
	struct text path = get(rule, "path", JSON_STRING)->string;
	struct text balance = get(rule, "balance", JSON_STRING)->string;

	CHECK(get(rule, "id", JSON_STRING)->string.size > 0);
	CHECK(path.size > 0 && path.size <= 255);
	CHECK(path.data[0] == (rule->next ? '/' : '*'));
	check_texts(rule, "methods", 2);
	check_bool(rule, "open");
	CHECK(is_one_of(balance, balances));
	CHECK((get(rule, "hashHeader", JSON_STRING)->string.size > 0) ==
		text_equal(balance, TEXT("hash")));
	check_number(rule, "connectTimeoutMs", 1, 3600000);
	check_number(rule, "timeoutMs", 1, 3600000);
	check_number(rule, "idleTimeoutMs", 1, 86400000);
	check_number(rule, "retries", 0, 5);
	check_number(rule, "bodyLimit", 0, INT64_C(1) << 50);
	check_limits(rule);
	check_cache(json_member(rule, TEXT("cache")));
	check_breaker(json_member(rule, TEXT("breaker")));
	check_bool(rule, "pages");
	CHECK(rule->count == 15);
}

static void check_settings(struct arena *a, struct text settings)
{
	struct status status;
	const struct json *value = json_read(a, settings, &status);
	const struct config_value *again;
	struct buffer written = {.arena = a};
	const char *error;

	CHECK(value);
	const struct json *gateway = get(value, "gateway", JSON_OBJECT);
	const struct json *rules = get(gateway, "rules", JSON_ARRAY);
	get(gateway, "title", JSON_STRING);
	CHECK(gateway->count == 2 && rules->count > 0);
	for (const struct json *rule = rules->first; rule; rule = rule->next)
		check_rule(rule);
	CHECK(config_text_read(a, TEXT("f"), settings, &again, &error));
	config_tree_write(&written, again);
	CHECK(text_equal(buffer_text(&written), settings));
}

static void check_rest(struct arena *a, const struct configuration *c)
{
	struct status status;

	CHECK(c->service.size > 0 && c->service.size <= 32);
	for (size_t i = 0; i < c->node_count; i++) {
		CHECK(c->nodes[i].host.size > 0 && c->nodes[i].host.size <= 253);
		CHECK(c->nodes[i].port >= 1 && c->nodes[i].port <= 65535);
		CHECK(c->nodes[i].base.size == 0 || c->nodes[i].base.data[0] == '/');
	}
	for (size_t i = 0; i < c->action_count; i++) {
		const struct json *params = json_read(a, c->actions[i].params, &status);
		CHECK(params && params->type == JSON_OBJECT);
		CHECK(c->actions[i].uri.data[0] == '/' && c->actions[i].method.size > 0);
	}
	for (size_t i = 0; i < c->warning_count; i++)
		CHECK(text_starts(text_of(c->warnings[i]), TEXT("f, line ")));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct text content = {size ? (const char *)data : "", size};
	struct arena *a = arena_new(0);
	struct configuration c;
	const char *error = NULL;

	if (configuration_read(a, TEXT("f"), content, &c, &error)) {
		check_settings(a, c.settings);
		check_rest(a, &c);
	} else {
		CHECK(text_starts(text_of(error), TEXT("f, line ")));
		CHECK(text_utf8_error(text_of(error)) == strlen(error));
		CHECK(!text_has_control(text_of(error)));
	}
	arena_free(&a);
	return 0;
}
