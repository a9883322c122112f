/*
 * Cache key: each part is its length and its bytes, so that none can pass for two. What cannot be
 * decoded stands as it was sent, marked. The path as sent is always a part, and Accept-Encoding, so
 * that answers may vary by it. Who is not known to Junction but shows something else that says who
 * he is (open routes, cookies) gets nothing that is kept, unless the rule says that callers share.
 */
#include "bridge/gateway/cache_key.h"

#include <time.h>

#include "base/percent.h"
#include "bridge/gateway/cache.h"

/* --- lists of a header: "no-cache, max-age=60" ------------------------------------------------ */

/* The next member, without blanks around; false: there is none. Commas in quotes part nothing. */
static bool next_member(struct text *left, struct text *member)
{
	size_t i = 0;
	bool quoted = false;
	if (!left->size)
		return false;
	for (; i < left->size && (quoted || left->data[i] != ','); i++) {
		if (left->data[i] == '"')
			quoted = !quoted;
		else if (quoted && left->data[i] == '\\')
			i++;
	}
	i = i < left->size ? i : left->size;
	*member = text_trim(text_until(*left, i));
	*left = text_from(*left, i < left->size ? i + 1 : i);
	return true;
}

struct directives {
	bool no_store, no_cache, is_private, allows_shared; /* the last: for RFC 9111, 3.5 */
	int64_t max_age, s_maxage;                          /* seconds; -1: not said */
};

int64_t cache_seconds(struct text value)
{
	enum { YEAR = 365 * 24 * 3600 };
	uint64_t seconds;
	if (value.size >= 2 && value.data[0] == '"' && value.data[value.size - 1] == '"')
		value = text_from(text_until(value, value.size - 1), 1);
	for (size_t i = 0; i < value.size; i++)
		if (value.data[i] < '0' || value.data[i] > '9')
			return 0;
	if (!value.size)
		return 0;
	return text_to_uint64(value, &seconds) && seconds < YEAR ? (int64_t)seconds : YEAR;
}

/* Said twice: the shorter one. */
static int64_t shorter(int64_t before, int64_t age)
{
	return before >= 0 && before < age ? before : age;
}

static void read_directives(struct directives *d, struct text value)
{
	struct text member;
	while (next_member(&value, &member)) {
		size_t equals = text_find(member, '=', 0);
		struct text name = text_trim(text_until(member, equals));
		struct text age = equals < member.size ? text_trim(text_from(member, equals + 1))
						       : (struct text){0};
		if (text_equal_nocase(name, TEXT("no-store")))
			d->no_store = true;
		else if (text_equal_nocase(name, TEXT("no-cache")))
			d->no_cache = true;
		else if (text_equal_nocase(name, TEXT("private")))
			d->is_private = true;
		else if (text_equal_nocase(name, TEXT("public")) ||
			 text_equal_nocase(name, TEXT("must-revalidate")))
			d->allows_shared = true;
		else if (text_equal_nocase(name, TEXT("max-age")))
			d->max_age = shorter(d->max_age, cache_seconds(age));
		else if (text_equal_nocase(name, TEXT("s-maxage")))
			d->s_maxage = shorter(d->s_maxage, cache_seconds(age));
	}
	d->allows_shared |= d->s_maxage >= 0;
}

/* --- the rule's keys -------------------------------------------------------------------------- */

static bool counts_caller(const Registry__RouteCache *rule)
{
	if (!rule->shared)
		return true;
	for (size_t i = 0; i < rule->n_keys; i++)
		if (rule->keys[i][0] == '#')
			return true;
	return false;
}

static bool counts_header(const Registry__RouteCache *rule, struct text name)
{
	if (text_equal_nocase(name, TEXT("Accept-Encoding")))
		return true;
	for (size_t i = 0; i < rule->n_keys; i++)
		if (rule->keys[i][0] == '@' && text_equal_nocase(text_of(rule->keys[i] + 1), name))
			return true;
	return false;
}

static struct text header(const struct cache_request *r, const char *name)
{
	return r->header(r->arg, text_of(name));
}

/* --- what is asked ---------------------------------------------------------------------------- */

bool cache_takes(const Registry__RouteCache *rule, const struct cache_request *r)
{
	static const char *const others[] = {
		"Range", "If-Range", "If-Match", "If-Unmodified-Since", "Upgrade"};
	struct directives d = {.max_age = -1, .s_maxage = -1};
	if (!text_equal(r->method, TEXT("GET")) && !text_equal(r->method, TEXT("HEAD")))
		return false;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (header(r, others[i]).data)
			return false;
	read_directives(&d, header(r, "Cache-Control"));
	read_directives(&d, header(r, "Pragma"));
	if (d.no_store || d.no_cache || d.max_age == 0)
		return false;
	return r->caller.size || !counts_caller(rule) ||
	       (!r->authorized && !header(r, "Cookie").data);
}

/* --- the key ---------------------------------------------------------------------------------- */

static void add(struct buffer *b, char kind, struct text value)
{
	buffer_printf(b, "%c%zu:", kind, value.size);
	buffer_add_text(b, value);
}

static void add_none(struct buffer *b)
{
	buffer_add_char(b, '-');
}

static void add_decoded(struct buffer *b, struct text sent)
{
	struct text decoded;
	if (percent_decode(b->arena, sent, true, &decoded))
		add(b, 'r', sent);
	else
		add(b, 'd', decoded);
}

/* "ids" is meant by ids, ids[] and ids[0] too. */
static bool is_meant(struct arena *a, struct text name, struct text key)
{
	struct text decoded;
	if (percent_decode(a, name, true, &decoded) || !text_starts(decoded, key))
		return false;
	return decoded.size == key.size || decoded.data[key.size] == '[';
}

/* All of that name, in the order in which they were sent. */
static void add_parameters(struct buffer *b, struct text query, struct text key)
{
	for (size_t at = 0, end; at < query.size; at = end + 1) {
		end = text_find(query, '&', at);
		struct text pair = text_from(text_until(query, end), at);
		size_t equals = text_find(pair, '=', 0);
		if (!is_meant(b->arena, text_until(pair, equals), key))
			continue;
		add_decoded(b, text_until(pair, equals));
		if (equals < pair.size)
			add_decoded(b, text_from(pair, equals + 1));
		else
			add_none(b);
	}
}

static void add_header(struct buffer *b, const struct cache_request *r, const char *name)
{
	struct text value = header(r, name);
	if (value.data)
		add(b, 'h', value);
	else
		add_none(b);
}

struct text cache_key(
	struct arena *a, const Registry__RouteCache *rule, const struct cache_request *r)
{
	struct buffer b = {.arena = a};
	add(&b, 'p', r->path);
	add_header(&b, r, "Accept-Encoding");
	if (counts_caller(rule))
		add(&b, 'c', r->caller);
	if (!rule->n_keys)
		add(&b, 'q', r->query);
	for (size_t i = 0; i < rule->n_keys; i++) {
		if (rule->keys[i][0] == '@')
			add_header(&b, r, rule->keys[i] + 1);
		else if (rule->keys[i][0] != '#')
			add_parameters(&b, r->query, text_of(rule->keys[i]));
	}
	return buffer_text(&b);
}

/* --- what is answered ------------------------------------------------------------------------- */

static bool varies_too_much(const Registry__RouteCache *rule, struct text value)
{
	struct text member;
	while (next_member(&value, &member))
		if (member.size && !counts_header(rule, member))
			return true;
	return false;
}

/* The one form that may still be sent (RFC 9110, 5.6.7). */
static bool read_date(struct text value, int64_t *seconds)
{
	char string[32];
	struct tm tm = {0};
	if (!value.size || value.size >= sizeof(string))
		return false;
	memcpy(string, value.data, value.size);
	string[value.size] = '\0';
	const char *end = strptime(string, "%a, %d %b %Y %H:%M:%S GMT", &tm);
	*seconds = end && !*end ? (int64_t)timegm(&tm) : 0;
	return end && !*end;
}

struct answer {
	struct directives directives;
	bool must_not; /* be kept */
	bool has_expires;
	struct text expires, date;
	int64_t age; /* seconds that it was kept elsewhere */
};

static void read_header(
	struct answer *a, const Registry__RouteCache *rule, const struct cache_header *h)
{
	if (text_equal_nocase(h->name, TEXT("Cache-Control"))) {
		read_directives(&a->directives, h->value);
	} else if (text_equal_nocase(h->name, TEXT("Set-Cookie"))) {
		a->must_not = true;
	} else if (text_equal_nocase(h->name, TEXT("Vary"))) {
		a->must_not |= varies_too_much(rule, h->value);
	} else if (text_equal_nocase(h->name, TEXT("Content-Type"))) {
		/* Those who wait for it would wait for its end. */
		a->must_not |= text_equal_nocase(text_until(h->value, strlen("text/event-stream")),
			TEXT("text/event-stream"));
	} else if (text_equal_nocase(h->name, TEXT("Expires"))) {
		a->has_expires = true;
		a->expires = h->value;
	} else if (text_equal_nocase(h->name, TEXT("Date"))) {
		a->date = h->value;
	} else if (text_equal_nocase(h->name, TEXT("Age"))) {
		a->age = cache_seconds(h->value);
	}
}

/* How long its sender holds it to be good, in seconds; -1: he does not say. */
static int64_t lifetime(const struct answer *a)
{
	const struct directives *d = &a->directives;
	int64_t expires, date;
	if (d->s_maxage >= 0)
		return d->s_maxage;
	if (d->max_age >= 0 || !a->has_expires)
		return d->max_age;
	if (!read_date(a->expires, &expires) || !read_date(a->date, &date) || expires <= date)
		return 0;
	return expires - date;
}

int64_t cache_keeps(const Registry__RouteCache *rule, const struct cache_request *r, int status,
	const struct cache_header *headers, size_t count, int64_t length)
{
	struct answer a = {.directives = {.max_age = -1, .s_maxage = -1}};
	const struct directives *d = &a.directives;
	bool own = r->caller.size && counts_caller(rule);
	if (status != 200 || !text_equal(r->method, TEXT("GET")) || length > rule->most)
		return 0;
	for (size_t i = 0; i < count; i++)
		read_header(&a, rule, &headers[i]);
	if (a.must_not || d->no_store || d->no_cache || (d->is_private && !own))
		return 0;
	if (r->authorized && !r->caller.size && !d->allows_shared)
		return 0;
	int64_t seconds = lifetime(&a);
	if (seconds < 0)
		return rule->ttl_ms;
	int64_t ms = seconds > a.age ? (seconds - a.age) * 1000 : 0;
	return ms < rule->ttl_ms ? ms : rule->ttl_ms;
}
