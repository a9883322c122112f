#include "server/event/manage/subscription_message.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/json.h"

enum column {
	ID,
	NAME,
	GROUP,
	BROADCAST,
	PATTERNS,
	CONDITIONS,
	TARGET,
	URL,
	SERVICE,
	CONFIRM,
	ACK_WINDOW,
	TIMEOUT,
	SCHEDULE,
	CONCURRENCY,
	RATE,
	ENCRYPT_STORED,
	PUSH_KEY_ID,
	ORIGIN,
	ENABLED,
	DISABLED_REASON,
	CREATED,
	UPDATED,
};

static char *string_at(struct call *c, const struct rows *rows, int row, enum column column)
{
	return arena_string(c->arena, rows_text(rows, row, (int)column));
}

/* A list that PostgreSQL has written, or NULL. */
static const struct json *list_at(
	struct call *c, const struct rows *rows, int row, enum column column)
{
	struct status ignored = {0};
	struct text text = rows_text(rows, row, (int)column);

	return text.data ? json_read(c->arena, arena_text(c->arena, text), &ignored) : NULL;
}

static char **texts_of(struct call *c, const struct json *list, bool raw, size_t *count)
{
	char **texts = arena_array(c->arena, list ? list->count : 0, sizeof(*texts));

	*count = 0;
	for (const struct json *i = list ? list->first : NULL; i; i = i->next)
		texts[(*count)++] = arena_string(c->arena, raw ? i->raw : i->string);
	return texts;
}

static void show_conditions(struct call *c, Event__Subscription *out, const struct json *list)
{
	out->conditions = arena_array(c->arena, list ? list->count : 0, sizeof(*out->conditions));
	for (const struct json *i = list ? list->first : NULL; i; i = i->next) {
		Event__DataCondition *condition = ARENA_NEW(c->arena, Event__DataCondition);

		event__data_condition__init(condition);
		condition->path =
			arena_string(c->arena, json_member_text(i, TEXT("path"), TEXT("")));
		condition->values =
			texts_of(c, json_member(i, TEXT("values")), true, &condition->n_values);
		out->conditions[out->n_conditions++] = condition;
	}
}

static void show_schedule(struct call *c, Event__Subscription *out, const struct json *list)
{
	out->schedule_ms = arena_array(c->arena, list ? list->count : 0, sizeof(*out->schedule_ms));
	for (const struct json *i = list ? list->first : NULL; i; i = i->next)
		CHECK(json_int64(i, &out->schedule_ms[out->n_schedule_ms++]));
}

static Event__SubscriptionTarget target_of(struct text word)
{
	if (text_equal(word, TEXT("pull")))
		return EVENT__SUBSCRIPTION_TARGET__SUBSCRIPTION_TARGET_PULL;
	if (text_equal(word, TEXT("stream")))
		return EVENT__SUBSCRIPTION_TARGET__SUBSCRIPTION_TARGET_STREAM;
	return text_equal(word, TEXT("url"))
		       ? EVENT__SUBSCRIPTION_TARGET__SUBSCRIPTION_TARGET_URL
		       : EVENT__SUBSCRIPTION_TARGET__SUBSCRIPTION_TARGET_SERVICE;
}

Event__Subscription *subscription_message(struct call *c, const struct rows *rows, int row)
{
	Event__Subscription *out = ARENA_NEW(c->arena, Event__Subscription);

	event__subscription__init(out);
	out->id = string_at(c, rows, row, ID);
	out->name = string_at(c, rows, row, NAME);
	out->group = string_at(c, rows, row, GROUP);
	out->broadcast = rows_bool(rows, row, BROADCAST);
	out->patterns = texts_of(c, list_at(c, rows, row, PATTERNS), false, &out->n_patterns);
	show_conditions(c, out, list_at(c, rows, row, CONDITIONS));
	out->target = target_of(rows_text(rows, row, TARGET));
	out->url = string_at(c, rows, row, URL);
	out->service = string_at(c, rows, row, SERVICE);
	out->confirm = text_equal(rows_text(rows, row, CONFIRM), TEXT("explicit"))
			       ? EVENT__CONFIRM_MODE__CONFIRM_MODE_EXPLICIT
			       : EVENT__CONFIRM_MODE__CONFIRM_MODE_AUTO;
	out->ack_window_ms = rows_int64(rows, row, ACK_WINDOW);
	out->timeout_ms = rows_int64(rows, row, TIMEOUT);
	show_schedule(c, out, list_at(c, rows, row, SCHEDULE));
	out->concurrency = (int32_t)rows_int64(rows, row, CONCURRENCY);
	out->rate = strtod(rows_text(rows, row, RATE).data, NULL);
	out->encrypt_stored = rows_bool(rows, row, ENCRYPT_STORED);
	out->push_key_id = string_at(c, rows, row, PUSH_KEY_ID);
	out->origin = string_at(c, rows, row, ORIGIN);
	out->enabled = rows_bool(rows, row, ENABLED);
	out->disabled_reason = string_at(c, rows, row, DISABLED_REASON);
	out->created_at = rows_int64(rows, row, CREATED);
	out->updated_at = rows_int64(rows, row, UPDATED);
	return out;
}
