#include "server/notice/channel/channel_message.h"

#include "base/check.h"
#include "base/json.h"

enum { NAME_MOST = 32 };

enum column {
	NAME,
	KIND,
	SETTINGS,
	SECRETS,
	ENABLED,
	CONCURRENCY,
	QUOTA,
	QUOTA_MS,
	SCHEDULE,
	TIMEOUT_MS,
	WAITING,
	UPDATED,
	RECEIPT_TOKEN,
};

bool channel_shows_token(struct call *c)
{
	bool may = call_may(c, TEXT("notice"), TEXT("PutChannel"), TEXT("ADMIN"));

	c->status = (struct status){0};
	return may;
}

/* A list that PostgreSQL has written. */
static const struct json *list_at(
	struct call *c, const struct rows *rows, int row, enum column column)
{
	struct status ignored = {0};
	const struct json *list = json_read(
		c->arena, arena_text(c->arena, rows_text(rows, row, (int)column)), &ignored);

	CHECK(list && list->type == JSON_ARRAY);
	return list;
}

static void show_lists(struct call *c, Notice__Channel *out, const struct rows *rows, int row)
{
	const struct json *secrets = list_at(c, rows, row, SECRETS);
	const struct json *schedule = list_at(c, rows, row, SCHEDULE);

	out->secrets = arena_array(c->arena, secrets->count, sizeof(*out->secrets));
	for (const struct json *i = secrets->first; i; i = i->next)
		out->secrets[out->n_secrets++] = arena_string(c->arena, i->string);
	out->schedule_ms = arena_array(c->arena, schedule->count, sizeof(*out->schedule_ms));
	for (const struct json *i = schedule->first; i; i = i->next)
		CHECK(json_int64(i, &out->schedule_ms[out->n_schedule_ms++]));
}

Notice__Channel *channel_message(struct call *c, const struct rows *rows, int row, bool shows_token)
{
	Notice__Channel *out = ARENA_NEW(c->arena, Notice__Channel);

	notice__channel__init(out);
	out->channel = arena_string(c->arena, rows_text(rows, row, NAME));
	out->kind = arena_string(c->arena, rows_text(rows, row, KIND));
	out->settings = arena_string(c->arena, rows_text(rows, row, SETTINGS));
	show_lists(c, out, rows, row);
	out->enabled = rows_bool(rows, row, ENABLED);
	out->concurrency = (int32_t)rows_int64(rows, row, CONCURRENCY);
	out->quota = (int32_t)rows_int64(rows, row, QUOTA);
	out->quota_ms = rows_int64(rows, row, QUOTA_MS);
	out->timeout_ms = rows_int64(rows, row, TIMEOUT_MS);
	out->waiting = rows_int64(rows, row, WAITING);
	out->updated_at = rows_int64(rows, row, UPDATED);
	if (shows_token)
		out->receipt_token = arena_string(c->arena, rows_text(rows, row, RECEIPT_TOKEN));
	return out;
}

bool channel_is_name(struct text name)
{
	for (size_t i = 0; i < name.size; i++) {
		char c = name.data[i];
		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
			c != '-' && c != '_')
			return false;
	}
	return name.size >= 1 && name.size <= NAME_MOST;
}

bool channel_name_holds(struct call *c, const char *name)
{
	return channel_is_name(text_of(name)) ||
	       status_field(&c->status, c->arena, "channel",
		       "must be 1 to %d letters, digits, \"-\" and \"_\"", NAME_MOST);
}
