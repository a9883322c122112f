/* A row is read into a tree, and from that member by member; the first member that is missing or of
 * another type is remembered, and what stands for it is empty. Secrets come last, so that nothing
 * else fails when they are there. */
#include "server/event/subscription/subscription_row.h"

#include <limits.h>
#include <stdlib.h>

#include "base/base64.h"
#include "base/json.h"
#include "server/event/subscription/condition.h"
#include "server/event/subscription/topic.h"
#include "server/seal.h"

struct reader {
	const struct row_arenas *arenas;
	const struct json *row;
	const char *unreadable; /* NULL: none */
	struct status *status;
};

/* --- members -------------------------------------------------------------------------------- */

static const struct json *typed(
	struct reader *r, const struct json *value, const char *name, enum json_type type)
{
	static const struct json nothing;

	if (value && value->type == type)
		return value;
	if (!r->unreadable)
		r->unreadable = name;
	return &nothing;
}

static const struct json *member(struct reader *r, const char *name, enum json_type type)
{
	return typed(r, json_member(r->row, text_of(name)), name, type);
}

/* NULL if the member is null. */
static const struct json *member_or_null(struct reader *r, const char *name, enum json_type type)
{
	const struct json *value = json_member(r->row, text_of(name));

	return value && value->type == JSON_NULL ? NULL : typed(r, value, name, type);
}

static struct text read_text(struct reader *r, const char *name)
{
	return arena_text(r->arenas->kept, member(r, name, JSON_STRING)->string);
}

static struct text read_text_or_null(struct reader *r, const char *name)
{
	const struct json *value = member_or_null(r, name, JSON_STRING);

	return value ? arena_text(r->arenas->kept, value->string) : TEXT("");
}

static int64_t read_number(struct reader *r, const char *name)
{
	int64_t number = 0;

	json_int64(member(r, name, JSON_NUMBER), &number);
	return number;
}

static double read_double(struct reader *r, const char *name)
{
	return strtod(arena_string(r->arenas->reading, member(r, name, JSON_NUMBER)->raw), NULL);
}

static int read_int(struct reader *r, const char *name)
{
	int64_t number = read_number(r, name);

	if (number < 0 || number > INT_MAX)
		r->unreadable = name;
	return (int)number;
}

static bool read_bool(struct reader *r, const char *name)
{
	const struct json *value = json_member(r->row, text_of(name));

	return !(value && value->type == JSON_FALSE) &&
	       typed(r, value, name, JSON_TRUE)->type == JSON_TRUE;
}

static enum target_kind read_target(struct reader *r)
{
	static const char *const words[] = {
		[TARGET_PULL] = "pull",
		[TARGET_STREAM] = "stream",
		[TARGET_URL] = "url",
		[TARGET_SERVICE] = "service",
	};
	struct text word = member(r, "target", JSON_STRING)->string;
	int kind = TARGET_PULL;

	while (kind <= TARGET_SERVICE && !text_equal(word, text_of(words[kind])))
		kind++;
	if (kind > TARGET_SERVICE)
		r->unreadable = "target";
	return (enum target_kind)kind;
}

/* Reads the row's text. False: it is no JSON. */
static bool begin(
	struct reader *r, const struct row_arenas *arenas, struct text value, struct status *status)
{
	*r = (struct reader){.arenas = arenas, .status = status};
	r->row = json_read(arenas->reading, value, status);
	return r->row;
}

/* False, with the reason, if a member could not be read. */
static bool is_read(const struct reader *r)
{
	return !r->unreadable || status_set(r->status, r->arenas->reading, STATUS_INVALID_ARGUMENT,
					 "%s is missing or cannot be read", r->unreadable);
}

/* --- lists ---------------------------------------------------------------------------------- */

static void read_patterns(struct reader *r, struct subscription *s)
{
	const struct json *list = member(r, "patterns", JSON_ARRAY);
	struct text *patterns = arena_array(r->arenas->kept, list->count, sizeof *patterns);
	size_t count = 0;

	for (const struct json *item = list->first; item; item = item->next) {
		struct text pattern = typed(r, item, "patterns", JSON_STRING)->string;
		if (topic_pattern_fault(pattern))
			r->unreadable = "patterns";
		patterns[count++] = arena_text(r->arenas->kept, pattern);
	}
	s->patterns = patterns;
	s->pattern_count = count;
}

static bool read_condition(
	struct reader *r, size_t index, const struct json *item, struct condition *condition)
{
	const struct json *list = json_member(item, TEXT("values"));
	size_t count = list ? list->count : 0;
	struct text *values = arena_array(r->arenas->reading, count, sizeof *values),
		    *next = values;

	for (const struct json *value = list ? list->first : NULL; value; value = value->next)
		*next++ = value->raw;
	return condition_read(r->arenas->kept, index,
		json_member_text(item, TEXT("path"), TEXT("")), values, count, condition,
		r->status);
}

static bool read_conditions(struct reader *r, struct subscription *s)
{
	const struct json *list = member_or_null(r, "conditions", JSON_ARRAY);

	if (!list)
		return true;
	struct condition *conditions =
		arena_array(r->arenas->kept, list->count, sizeof *conditions);
	for (const struct json *item = list->first; item; item = item->next) {
		size_t index = s->condition_count++;
		if (!read_condition(r, index, item, &conditions[index]))
			return false;
	}
	s->conditions = conditions;
	return true;
}

static void read_push_key(struct reader *r, struct subscription *s)
{
	const struct json *key = member_or_null(r, "pushKey", JSON_STRING);
	struct text bytes;

	s->push_key_id = read_text_or_null(r, "pushKeyId");
	if (!key)
		return;
	if (base64_read(r->arenas->kept, key->string, &bytes) && bytes.size == SEAL_PUBLIC_KEY)
		s->push_key = (const unsigned char *)bytes.data;
	else
		r->unreadable = "pushKey";
}

static void read_secret(struct reader *r, const struct json *item, struct push_secret *secret)
{
	const struct json *expires = json_member(item, TEXT("expires"));

	secret->expires_ms = INT64_MAX;
	if (expires && expires->type != JSON_NULL)
		json_int64(typed(r, expires, "secrets", JSON_NUMBER), &secret->expires_ms);
	if (!base64_read(r->arenas->kept, json_member_text(item, TEXT("secret"), TEXT("")),
		    &secret->bytes))
		r->unreadable = "secrets";
}

static void read_secrets(struct reader *r, struct subscription *s)
{
	const struct json *list = member(r, "secrets", JSON_ARRAY);
	struct push_secret *secrets = arena_array(r->arenas->kept, list->count, sizeof *secrets);

	s->secrets = secrets;
	for (const struct json *item = list->first; item; item = item->next)
		read_secret(r, item, &secrets[s->secret_count++]);
}

void row_wipe_secrets(const struct subscription *s)
{
	for (size_t i = 0; i < s->secret_count; i++)
		explicit_bzero((char *)s->secrets[i].bytes.data, s->secrets[i].bytes.size);
}

/* --- rows ----------------------------------------------------------------------------------- */

struct event_queue *row_queue(
	const struct row_arenas *arenas, struct text value, struct status *status)
{
	struct reader r;

	if (!begin(&r, arenas, value, status))
		return NULL;
	struct event_queue *q = ARENA_NEW(arenas->kept, struct event_queue);
	*q = (struct event_queue){
		.id = read_int(&r, "id"),
		.space = read_text(&r, "namespace"),
		.group = read_text(&r, "group"),
		.member = read_text(&r, "member"),
		.paused = read_bool(&r, "paused"),
		.generation = read_number(&r, "generation"),
	};
	return is_read(&r) ? q : NULL;
}

static struct subscription read_members(struct reader *r)
{
	return (struct subscription){
		.id = read_text(r, "id"),
		.space = read_text(r, "namespace"),
		.name = read_text(r, "name"),
		.queue = read_int(r, "queue"),
		.target = read_target(r),
		.url = read_text_or_null(r, "url"),
		.service = read_text_or_null(r, "service"),
		.explicit = text_equal(member(r, "confirm", JSON_STRING)->string, TEXT("explicit")),
		.ack_window_ms = read_number(r, "ackWindowMs"),
		.timeout_ms = read_number(r, "timeoutMs"),
		.concurrency = read_int(r, "concurrency"),
		.rate = read_double(r, "rate"),
		.encrypt_stored = read_bool(r, "encryptStored"),
		.enabled = read_bool(r, "enabled"),
		.origin = read_text(r, "origin"),
	};
}

struct subscription *row_subscription(
	const struct row_arenas *arenas, struct text value, struct status *status)
{
	struct reader r;

	if (!begin(&r, arenas, value, status))
		return NULL;
	struct subscription *s = ARENA_NEW(arenas->kept, struct subscription);
	*s = read_members(&r);
	read_patterns(&r, s);
	read_push_key(&r, s);
	if (!read_conditions(&r, s) || !is_read(&r))
		return NULL;
	read_secrets(&r, s);
	if (is_read(&r))
		return s;
	row_wipe_secrets(s);
	return NULL;
}
