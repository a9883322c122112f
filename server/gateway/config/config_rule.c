/* Each object that may stand in a rule (rateLimit, cache, breaker, balance, bodyParsers) is read by
 * a table of its own into what it is by default. false is none. */
#include "server/gateway/config/config_rule.h"

#include "base/json.h"
#include "server/event/subscription/topic.h"
#include "server/gateway/config/config_size.h"

#define MINUTE_MS (INT64_C(60) * 1000)
#define HOUR_MS   (60 * MINUTE_MS)
#define DAY_MS    (24 * HOUR_MS)

enum { LIMITS_MAX = 8, HEADER_MAX = 64 };

#define NUMBER(type, member, name, least, most)                                                    \
	{                                                                                          \
		name, FIELD_NUMBER, offsetof(type, member), least, most                            \
	}
#define BOOL(type, member, name)                                                                   \
	{                                                                                          \
		name, FIELD_BOOL, offsetof(type, member)                                           \
	}
#define READ(name, function)                                                                       \
	{                                                                                          \
		name, FIELD_READ, .read = function                                                 \
	}

static const struct config_breaker default_breaker = {50, 20, 10000, 5000, 5};

const struct config_rule config_rule_default = {
	.balance = "roundRobin",
	.connect_timeout_ms = 5000,
	.idle_timeout_ms = 60000,
	.retries = 2,
	.body_limit = 1024 * 1024,
	.breaker = &default_breaker,
};

#define DEFAULT_TIMEOUT_MS 30000

/* --- balance ---------------------------------------------------------------------------------- */

static bool is_header_name(struct text name)
{
	for (size_t i = 0; i < name.size; i++) {
		char c = name.data[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
		if (!letter && c != '-' && c != '_' && (c < '0' || c > '9'))
			return false;
	}
	return name.size > 0 && name.size <= HEADER_MAX;
}

static bool read_hash(struct reading *c, const struct config_value *value, void *into)
{
	struct config_rule *rule = into;

	rule->balance = "hash";
	if (!reading_text(c, value, &rule->hash_header))
		return false;
	return is_header_name(rule->hash_header) ||
	       reading_refuse(c, value,
		       "must be the name of a header, of at most %d letters, "
		       "digits, \"-\" and \"_\"",
		       HEADER_MAX);
}

static bool read_balance(struct reading *c, const struct config_value *value, void *into)
{
	static const char *const words[][2] = {{"roundRobin", "roundRobin"},
		{"weighted", "roundRobin"}, {"leastOutstanding", "leastOutstanding"}};
	static const struct field fields[] = {READ("hash", read_hash), {0}};
	static const struct field *const tables[] = {fields, NULL};
	struct config_rule *rule = into;

	rule->hash_header = TEXT("");
	if (value->type == CONFIG_OBJECT && reading_is_said(value->first))
		return reading_members(c, value, tables, false, rule);
	for (size_t i = 0; value->type == CONFIG_STRING && i < 3; i++)
		if (text_equal_nocase(value->text, text_of(words[i][0]))) {
			rule->balance = words[i][1];
			return true;
		}
	return reading_refuse(c, value,
		"must be \"roundRobin\", \"weighted\", "
		"\"leastOutstanding\" or {hash: \"HEADER\"}");
}

/* --- rateLimit -------------------------------------------------------------------------------- */

static bool read_limit_key(struct reading *c, const struct config_value *value, void *into)
{
	static const char *const keys[] = {"address", "caller", "application", "all"};
	struct config_limit *limit = into;

	if (value->type == CONFIG_FUNCTION)
		return true;
	for (size_t i = 0; value->type == CONFIG_STRING && i < 4; i++)
		if (text_equal(value->text, text_of(keys[i]))) {
			limit->key = keys[i];
			return true;
		}
	return reading_refuse(
		c, value, "must be \"address\", \"caller\", \"application\" or \"all\"");
}

static bool read_limit(
	struct reading *c, const struct config_value *value, struct config_limit *limit)
{
	static const struct field fields[] = {
		NUMBER(struct config_limit, window_ms, "window", 1, DAY_MS),
		NUMBER(struct config_limit, limit, "limit", 1, 1000000000),
		BOOL(struct config_limit, headers, "headers"),
		READ("key", read_limit_key),
		{"StoreFactory", FIELD_IDLE},
		{0},
	};
	static const struct field *const tables[] = {fields, NULL};

	*limit = (struct config_limit){.limit = 30, .window_ms = MINUTE_MS, .key = "address"};
	return reading_members(c, value, tables, false, limit);
}

static bool read_rate_limit(struct reading *c, const struct config_value *value, void *into)
{
	struct config_rule *rule = into;
	bool list = value->type == CONFIG_LIST;
	size_t count = value->type == CONFIG_FALSE ? 0 : list ? value->count : 1;

	if (count > LIMITS_MAX)
		return reading_refuse(c, value, "must have at most %d", LIMITS_MAX);
	struct config_limit *limits = arena_array(c->arena, count, sizeof *limits);
	const struct config_value *item = list ? value->first : value;
	for (size_t i = 0; i < count; i++, item = item->next) {
		if (!read_limit(c, item, &limits[i]))
			return false;
		limits[i].name = arena_string(c->arena, config_tree_path(c->arena, item));
	}
	rule->limits = limits;
	rule->limit_count = count;
	return true;
}

/* --- cache ------------------------------------------------------------------------------------ */

/* Names of query parameters, "@name", "#user". */
static const char *key_fault(struct text key)
{
	if (key.size > 255 || text_has_control(key))
		return "must have at most 255 bytes and no control characters";
	if (key.data[0] == '@' && !is_header_name(text_from(key, 1)))
		return "must have the name of a header behind \"@\"";
	if (key.data[0] == '#' && !text_equal(key, TEXT("#user")) &&
		!text_starts(key, TEXT("#user.")))
		return "must be \"#user\": nothing else is known of a caller";
	return NULL;
}

static bool read_keys(struct reading *c, const struct config_value *value, void *into)
{
	struct texts *keys = &((struct config_cache *)into)->keys;

	if (!reading_texts(c, value, CONFIG_PATTERNS_MAX, key_fault, keys))
		return false;
	for (size_t i = 0; i < keys->count; i++)
		if (keys->items[i].data[0] == '#')
			keys->items[i] = TEXT("#user");
	return true;
}

static bool read_clean(struct reading *c, const struct config_value *value, void *into)
{
	struct config_cache *cache = into;

	return reading_texts(c, value, CONFIG_PATTERNS_MAX, topic_pattern_fault, &cache->clean);
}

static bool read_most(struct reading *c, const struct config_value *value, void *into)
{
	struct config_cache *cache = into;

	return config_size_read_bytes(c, value, 1, INT64_C(1) << 30, &cache->most);
}

static bool read_ttl(struct reading *c, const struct config_value *value, void *into)
{
	return config_size_read_seconds(c, value, &((struct config_cache *)into)->ttl_ms);
}

/* What always cleans it comes last. */
static void add_own_clean(struct reading *c, struct config_cache *cache)
{
	struct text own =
		text_of(arena_printf(c->arena, "cache.clean.%.*s", TEXT_ARGS(c->service)));
	struct text *items = arena_array(c->arena, cache->clean.count + 1, sizeof *items);

	for (size_t i = 0; i < cache->clean.count; i++) {
		items[i] = cache->clean.items[i];
		if (text_equal(items[i], own))
			return;
	}
	items[cache->clean.count] = own;
	cache->clean = (struct texts){items, cache->clean.count + 1};
}

static bool read_cache(struct reading *c, const struct config_value *value, void *into)
{
	static const struct field fields[] = {
		BOOL(struct config_cache, enabled, "enabled"),
		BOOL(struct config_cache, shared, "shared"),
		{"ttl", FIELD_READ, .takes_null = true, .read = read_ttl},
		READ("keys", read_keys),
		READ("clean", read_clean),
		READ("most", read_most),
		{"lock", FIELD_IDLE},
		{0},
	};
	static const struct field *const tables[] = {fields, NULL};
	struct config_rule *rule = into;
	struct config_cache *cache = ARENA_NEW(c->arena, struct config_cache);

	*cache = (struct config_cache){
		.enabled = true, .ttl_ms = c->cache_ttl_ms, .most = 1024 * 1024};
	rule->cache = NULL;
	if (value->type == CONFIG_FALSE)
		return true;
	if (value->type != CONFIG_TRUE && !reading_members(c, value, tables, false, cache))
		return false;
	if (!c->cacher || !cache->enabled || cache->ttl_ms == 0)
		return true;
	add_own_clean(c, cache);
	rule->cache = cache;
	return true;
}

/* --- cacher ----------------------------------------------------------------------------------- */

static bool read_cacher_type(struct reading *c, const struct config_value *value, void *into)
{
	struct text type;

	if (!reading_text(c, value, &type))
		return false;
	if (text_equal_nocase(type, TEXT("Memory")) || text_equal_nocase(type, TEXT("MemoryLRU")))
		return true;
	if (!text_equal_nocase(type, TEXT("Redis")))
		return reading_refuse(c, value, "must be \"Memory\" or \"Redis\"");
	reading_warn(c, value, "answers are kept in memory: Redis cannot be used yet");
	return true;
}

static bool read_cacher_ttl(struct reading *c, const struct config_value *value, void *into)
{
	return config_size_read_seconds(c, value, &c->cache_ttl_ms);
}

static bool read_cacher_options(struct reading *c, const struct config_value *value, void *into)
{
	static const struct field fields[] = {
		{"ttl", FIELD_READ, .takes_null = true, .read = read_cacher_ttl},
		{"prefix", FIELD_QUIET},
		{"monitor", FIELD_QUIET},
		{"clone", FIELD_QUIET},
		{"redis", FIELD_QUIET},
		{"cluster", FIELD_IDLE},
		{"lock", FIELD_IDLE},
		{"max", FIELD_IDLE},
		{"maxParamsLength", FIELD_IDLE},
		{"pingInterval", FIELD_IDLE},
		{"redlock", FIELD_IDLE},
		{"serializer", FIELD_IDLE},
		{0},
	};
	static const struct field *const tables[] = {fields, NULL};

	return reading_members(c, value, tables, false, into);
}

bool config_rule_read_cacher(struct reading *c, const struct config_value *value)
{
	static const struct field fields[] = {
		READ("type", read_cacher_type), READ("options", read_cacher_options), {0}};
	static const struct field *const tables[] = {fields, NULL};

	c->cacher = true;
	c->cache_ttl_ms = 30000;
	if (!reading_is_said(value) || value->type == CONFIG_TRUE)
		return true;
	if (value->type == CONFIG_FALSE) {
		c->cacher = false;
		return true;
	}
	return value->type == CONFIG_STRING ? read_cacher_type(c, value, NULL)
					    : reading_members(c, value, tables, false, NULL);
}

/* --- breaker ---------------------------------------------------------------------------------- */

static bool read_breaker(struct reading *c, const struct config_value *value, void *into)
{
	static const struct field fields[] = {
		NUMBER(struct config_breaker, percent, "percent", 1, 100),
		NUMBER(struct config_breaker, volume, "volume", 1, 1000000),
		NUMBER(struct config_breaker, window_ms, "window", 1000, HOUR_MS),
		NUMBER(struct config_breaker, half_open_ms, "halfOpen", 100, HOUR_MS),
		NUMBER(struct config_breaker, consecutive, "consecutive", 1, 1000000),
		{0},
	};
	static const struct field *const tables[] = {fields, NULL};
	struct config_rule *rule = into;
	struct config_breaker *breaker = ARENA_NEW(c->arena, struct config_breaker);

	*breaker = default_breaker;
	rule->breaker = value->type == CONFIG_FALSE ? NULL : breaker;
	return value->type == CONFIG_FALSE || value->type == CONFIG_TRUE ||
	       reading_members(c, value, tables, false, breaker);
}

/* --- the rule --------------------------------------------------------------------------------- */

static bool read_body_limit(struct reading *c, const struct config_value *value, void *into)
{
	struct config_rule *rule = into;

	rule->own_body_limit = 0;
	return value->type == CONFIG_FALSE ||
	       config_size_read_bytes(c, value, 0, CONFIG_SIZE_MAX, &rule->own_body_limit);
}

static bool read_body_parsers(struct reading *c, const struct config_value *value, void *into)
{
	return config_size_read_parsers(c, value, &((struct config_rule *)into)->parser_limit);
}

bool config_rule_read_open(struct reading *c, const struct config_value *value, void *into)
{
	struct config_rule *rule = into;
	bool open;

	if (!reading_bool(c, value, &open))
		return false;
	rule->own_open = open ? SAID_YES : SAID_NO;
	return true;
}

const struct field config_rule_fields[] = {
	READ("balance", read_balance),
	NUMBER(struct config_rule, timeout_ms, "timeout", 1, HOUR_MS),
	NUMBER(struct config_rule, connect_timeout_ms, "connectTimeout", 1, HOUR_MS),
	NUMBER(struct config_rule, idle_timeout_ms, "idleTimeout", 1, DAY_MS),
	NUMBER(struct config_rule, retries, "retries", 0, 5),
	READ("bodyLimit", read_body_limit),
	READ("bodyParsers", read_body_parsers),
	READ("rateLimit", read_rate_limit),
	READ("cache", read_cache),
	READ("breaker", read_breaker),
	BOOL(struct config_rule, pages, "pages"),
	{0},
};

void config_rule_start(struct config_rule *rule, const struct config_rule *general)
{
	*rule = *general;
	rule->own_body_limit = rule->parser_limit = -1;
	rule->own_open = UNSAID;
}

void config_rule_end(struct config_rule *rule)
{
	if (rule->own_body_limit >= 0)
		rule->body_limit = rule->own_body_limit;
	else if (rule->parser_limit >= 0)
		rule->body_limit = rule->parser_limit;
	if (rule->own_open != UNSAID)
		rule->open = rule->own_open == SAID_YES;
}

/* --- writing ---------------------------------------------------------------------------------- */

static void write_texts(struct buffer *b, const char *name, const struct texts *texts)
{
	json_write_name(b, text_of(name));
	buffer_add_char(b, '[');
	for (size_t i = 0; i < texts->count; i++) {
		json_write_comma(b);
		json_write_string(b, texts->items[i]);
	}
	buffer_add_char(b, ']');
}

static void write_limits(struct buffer *b, const struct config_rule *rule)
{
	buffer_add_text(b, TEXT(",\"limits\":["));
	for (size_t i = 0; i < rule->limit_count; i++) {
		const struct config_limit *limit = &rule->limits[i];
		json_write_comma(b);
		buffer_add_char(b, '{');
		json_write_text_member(b, "name", text_of(limit->name));
		json_write_number_member(b, "limit", limit->limit);
		json_write_number_member(b, "windowMs", limit->window_ms);
		json_write_text_member(b, "key", text_of(limit->key));
		json_write_bool_member(b, "headers", limit->headers);
		buffer_add_char(b, '}');
	}
	buffer_add_char(b, ']');
}

static void write_cache(struct buffer *b, const struct config_cache *cache)
{
	buffer_add_char(b, '{');
	json_write_number_member(b, "ttlMs", cache->ttl_ms);
	write_texts(b, "keys", &cache->keys);
	json_write_bool_member(b, "shared", cache->shared);
	json_write_number_member(b, "most", cache->most);
	write_texts(b, "clean", &cache->clean);
	buffer_add_char(b, '}');
}

static void write_breaker(struct buffer *b, const struct config_breaker *breaker)
{
	buffer_add_char(b, '{');
	json_write_number_member(b, "percent", breaker->percent);
	json_write_number_member(b, "volume", breaker->volume);
	json_write_number_member(b, "windowMs", breaker->window_ms);
	json_write_number_member(b, "halfOpenMs", breaker->half_open_ms);
	json_write_number_member(b, "consecutive", breaker->consecutive);
	buffer_add_char(b, '}');
}

void config_rule_write(struct buffer *b, const struct config_rule *rule)
{
	json_write_bool_member(b, "open", rule->open);
	json_write_text_member(b, "balance", text_of(rule->balance));
	json_write_name(b, TEXT("hashHeader"));
	json_write_string(b, rule->hash_header);
	json_write_number_member(b, "connectTimeoutMs", rule->connect_timeout_ms);
	json_write_number_member(
		b, "timeoutMs", rule->timeout_ms ? rule->timeout_ms : DEFAULT_TIMEOUT_MS);
	json_write_number_member(b, "idleTimeoutMs", rule->idle_timeout_ms);
	json_write_number_member(b, "retries", rule->retries);
	json_write_number_member(b, "bodyLimit", rule->body_limit);
	write_limits(b, rule);
	json_write_name(b, TEXT("cache"));
	if (rule->cache)
		write_cache(b, rule->cache);
	else
		buffer_add_text(b, TEXT("null"));
	json_write_name(b, TEXT("breaker"));
	if (rule->breaker)
		write_breaker(b, rule->breaker);
	else
		buffer_add_text(b, TEXT("null"));
	json_write_bool_member(b, "pages", rule->pages);
}
