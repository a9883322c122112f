/*
 * Rules are read once for each text of settings and kept by it, so that services that are
 * configured alike, and all that are not, share them; what nobody holds any more goes when there
 * are many.
 *
 * A path is compared as most nodes read it: decoded, without empty segments and without a "/" at
 * its end, so that no other spelling of a path finds another rule.
 */
#include "server/gateway/rules.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/check.h"
#include "base/dots.h"
#include "base/json.h"
#include "base/log.h"
#include "base/percent.h"
#include "base/table.h"
#include "base/wildcard.h"
#include "server/gateway/config/configuration.h"

enum { KEPT_MOST = 1024 };

struct rules {
	struct arena *arena;
	struct text settings; /* that they were read from */
	atomic_uint held;
	struct rule *items;
	size_t count;
};

static struct {
	pthread_mutex_t lock;
	struct table by_settings;
} known = {.lock = PTHREAD_MUTEX_INITIALIZER, .by_settings = {.exact = true}};

/* --- reading ---------------------------------------------------------------------------------- */

static int64_t number(const struct json *object, struct text name)
{
	const struct json *member = json_member(object, name);
	int64_t value = 0;

	return member && json_int64(member, &value) ? value : 0;
}

static bool truth(const struct json *object, struct text name)
{
	const struct json *member = json_member(object, name);

	return member && member->type == JSON_TRUE;
}

static char *word(struct arena *a, const struct json *object, struct text name)
{
	return arena_string(a, json_member_text(object, name, TEXT("")));
}

static size_t length(const struct json *list)
{
	return list && list->type == JSON_ARRAY ? list->count : 0;
}

static struct text *texts(struct arena *a, const struct json *list, size_t *count)
{
	struct text *out = arena_array(a, length(list) + 1, sizeof(*out));

	*count = 0;
	for (const struct json *i = length(list) ? list->first : NULL; i; i = i->next)
		if (i->type == JSON_STRING)
			out[(*count)++] = arena_text(a, i->string);
	return out;
}

/* Those that wildcard_matches() takes. */
static struct text *patterns(struct arena *a, const struct json *list, size_t *count)
{
	size_t all;
	struct text *out = texts(a, list, &all);

	*count = 0;
	for (size_t i = 0; i < all; i++)
		if (out[i].size <= WILDCARD_MAX)
			out[(*count)++] = out[i];
	return out;
}

static Registry__LimitKey limit_key(struct text name)
{
	return text_equal(name, TEXT("caller"))        ? REGISTRY__LIMIT_KEY__LIMIT_KEY_CALLER
	       : text_equal(name, TEXT("application")) ? REGISTRY__LIMIT_KEY__LIMIT_KEY_APPLICATION
	       : text_equal(name, TEXT("all"))         ? REGISTRY__LIMIT_KEY__LIMIT_KEY_ALL
						       : REGISTRY__LIMIT_KEY__LIMIT_KEY_ADDRESS;
}

static void read_limits(struct arena *a, const struct json *list, Registry__RouteRule *out)
{
	out->limits = arena_array(a, length(list) + 1, sizeof(*out->limits));
	for (const struct json *i = length(list) ? list->first : NULL; i; i = i->next) {
		Registry__RouteLimit *limit = ARENA_NEW(a, Registry__RouteLimit);

		registry__route_limit__init(limit);
		limit->name = word(a, i, TEXT("name"));
		limit->limit = number(i, TEXT("limit"));
		limit->window_ms = number(i, TEXT("windowMs"));
		limit->key = limit_key(json_member_text(i, TEXT("key"), TEXT("")));
		limit->headers = truth(i, TEXT("headers"));
		if (limit->limit > 0 && limit->window_ms > 0)
			out->limits[out->n_limits++] = limit;
	}
}

static void read_cache(struct arena *a, const struct json *in, struct rule *rule)
{
	Registry__RouteCache *cache;
	struct text *keys;
	size_t count;

	if (!in || in->type != JSON_OBJECT || number(in, TEXT("ttlMs")) <= 0)
		return;
	cache = rule->message.cache = ARENA_NEW(a, Registry__RouteCache);
	registry__route_cache__init(cache);
	cache->ttl_ms = number(in, TEXT("ttlMs"));
	cache->shared = truth(in, TEXT("shared"));
	cache->most = number(in, TEXT("most"));
	keys = texts(a, json_member(in, TEXT("keys")), &count);
	cache->keys = arena_array(a, count + 1, sizeof(*cache->keys));
	for (size_t i = 0; i < count; i++)
		cache->keys[cache->n_keys++] = (char *)keys[i].data;
	rule->clean = patterns(a, json_member(in, TEXT("clean")), &rule->clean_count);
}

static void read_breaker(struct arena *a, const struct json *in, Registry__RouteRule *out)
{
	if (!in || in->type != JSON_OBJECT)
		return;
	out->breaker = ARENA_NEW(a, Registry__RouteBreaker);
	registry__route_breaker__init(out->breaker);
	out->breaker->percent = (int32_t)number(in, TEXT("percent"));
	out->breaker->volume = (int32_t)number(in, TEXT("volume"));
	out->breaker->window_ms = number(in, TEXT("windowMs"));
	out->breaker->half_open_ms = number(in, TEXT("halfOpenMs"));
	out->breaker->consecutive = (int32_t)number(in, TEXT("consecutive"));
}

static Registry__RouteBalance balance(struct text name)
{
	return text_equal(name, TEXT("leastOutstanding"))
		       ? REGISTRY__ROUTE_BALANCE__ROUTE_BALANCE_LEAST_OUTSTANDING
	       : text_equal(name, TEXT("hash"))
		       ? REGISTRY__ROUTE_BALANCE__ROUTE_BALANCE_HASH
		       : REGISTRY__ROUTE_BALANCE__ROUTE_BALANCE_ROUND_ROBIN;
}

static void read_rule(struct arena *a, const struct json *in, struct rule *rule)
{
	Registry__RouteRule *out = &rule->message;

	registry__route_rule__init(out);
	out->id = word(a, in, TEXT("id"));
	rule->methods = texts(a, json_member(in, TEXT("methods")), &rule->method_count);
	rule->path = text_of(word(a, in, TEXT("path")));
	rule->open = truth(in, TEXT("open"));
	out->balance = balance(json_member_text(in, TEXT("balance"), TEXT("")));
	out->hash_header = word(a, in, TEXT("hashHeader"));
	out->connect_timeout_ms = (int32_t)number(in, TEXT("connectTimeoutMs"));
	out->timeout_ms = (int32_t)number(in, TEXT("timeoutMs"));
	out->idle_timeout_ms = (int32_t)number(in, TEXT("idleTimeoutMs"));
	out->retries = (int32_t)number(in, TEXT("retries"));
	out->body_limit = number(in, TEXT("bodyLimit"));
	out->pages = truth(in, TEXT("pages"));
	read_limits(a, json_member(in, TEXT("limits")), out);
	read_cache(a, json_member(in, TEXT("cache")), rule);
	read_breaker(a, json_member(in, TEXT("breaker")), out);
}

/* The last rule fits everything: without one, none can be used. */
static bool read_rules(struct rules *r, const struct json *gateway)
{
	const struct json *list = json_member(gateway, TEXT("rules"));

	r->items = arena_array(r->arena, length(list) + 1, sizeof(*r->items));
	for (const struct json *i = length(list) ? list->first : NULL; i; i = i->next)
		read_rule(r->arena, i, &r->items[r->count++]);
	return r->count > 0 && r->items[r->count - 1].method_count == 0 &&
	       text_equal(r->items[r->count - 1].path, TEXT("**"));
}

static struct rules *make(const struct service *service)
{
	struct arena *a = arena_new(0);
	struct rules *r = ARENA_NEW(a, struct rules);
	struct status status;
	const struct json *read, *gateway;

	r->arena = a;
	r->settings = arena_text(a, service->settings);
	read = r->settings.size ? json_read(a, r->settings, &status) : NULL;
	gateway = read ? json_member(read, TEXT("gateway")) : NULL;
	if (gateway && read_rules(r, gateway))
		return r;
	if (gateway)
		log_event(LOG_WARN, "rules of a service cannot be read",
			LOG_SLICE("service", service->key));
	r->count = 0;
	CHECK(read_rules(r, json_read(a, text_of(configuration_default), &status)));
	return r;
}

/* --- holding ---------------------------------------------------------------------------------- */

/* Under the lock. */
static void forget_unheld(void)
{
	struct table_cursor cursor = {0};
	struct rules *gone[KEPT_MOST], *r;
	size_t count = 0;

	while (count < KEPT_MOST && (r = table_next(&known.by_settings, &cursor)))
		if (atomic_load(&r->held) == 0)
			gone[count++] = r;
	while (count--) {
		struct arena *a = gone[count]->arena;

		table_remove(&known.by_settings, gone[count]->settings);
		arena_free(&a);
	}
}

const struct rules *rules_of(const struct service *service)
{
	struct rules *r;

	pthread_mutex_lock(&known.lock);
	r = table_get(&known.by_settings, service->settings);
	if (!r) {
		if (known.by_settings.count >= KEPT_MOST)
			forget_unheld();
		r = make(service);
		table_put(&known.by_settings, r->settings, r);
	}
	atomic_fetch_add(&r->held, 1);
	pthread_mutex_unlock(&known.lock);
	return r;
}

void rules_release(const struct rules *rules)
{
	if (rules)
		atomic_fetch_sub(&((struct rules *)rules)->held, 1);
}

/* --- finding ---------------------------------------------------------------------------------- */

const char *rules_path(struct arena *a, struct text path, struct text *plain)
{
	struct text decoded;
	const char *wrong = percent_decode(a, path, false, &decoded);
	char *out = arena_alloc(a, decoded.size + 2);
	size_t size = 0;

	if (decoded.size == 0 || decoded.data[0] != '/')
		out[size++] = '/';
	for (size_t i = 0; i < decoded.size; i++)
		if (decoded.data[i] != '/' || size == 0 || out[size - 1] != '/')
			out[size++] = decoded.data[i];
	if (size > 1 && out[size - 1] == '/')
		size--;
	*plain = (struct text){out, size};
	return !wrong && dots_in(decoded) ? "must not have \".\" or \"..\" as a segment" : wrong;
}

static bool fits(const struct rule *rule, struct text method, struct text path)
{
	static const struct wildcard_rules levels = {.separator = '/'};
	bool listed = rule->method_count == 0;

	for (size_t i = 0; i < rule->method_count; i++)
		listed = listed || text_equal(rule->methods[i], method) ||
			 (text_equal(method, TEXT("HEAD")) &&
				 text_equal(rule->methods[i], TEXT("GET")));
	return listed && rule->path.size <= WILDCARD_MAX &&
	       wildcard_matches(rule->path, path, &levels);
}

const struct rule *rules_find(const struct rules *rules, struct text method, struct text path)
{
	size_t i = 0;

	while (i < rules->count - 1 && !fits(&rules->items[i], method, path))
		i++;
	return &rules->items[i];
}

const struct rule *rules_next(const struct rules *rules, const struct rule *before)
{
	size_t i = before ? (size_t)(before - rules->items) + 1 : 0;

	return i < rules->count ? &rules->items[i] : NULL;
}
