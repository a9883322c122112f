/*
 * The handler: what was given is checked, its attachments are settled, and it goes to notice.send()
 * with others, which decides all that needs the database. Columns are that function's parameters,
 * in their order.
 *
 * A send to many users has a statement of its own, so that what a batch has in memory is bounded.
 */
#include "server/notice/send/send.h"

#include <stdlib.h>

#include "base/metric.h"
#include "junction/v1/notice.pb-c.h"
#include "proto/runtime/guard.h"
#include "server/db/array.h"
#include "server/db/bytea.h"
#include "server/notice/attachment/attachment.h"
#include "server/notice/send/name_list.h"
#include "server/notice/template/template.h"
#include "server/registry/call_shape.h"
#include "server/registry/node_health.h"
#include "server/seal.h"
#include "steps.gen.h"

enum {
	NAME_MOST = 255,
	TITLE_MOST = 1000,
	MESSAGE_MOST = 256 * 1024,
	PARAMS_MOST = 64 * 1024,
	CHANNEL_MOST = 32,
	CHANNELS_MOST = 10,
	GROUPS_MOST = 1000,
	BATCH = 64,
	USERS_OF_BATCH = 1000, /* a send to more has a statement of its own */
};

enum column {
	ID,
	NAMESPACE,
	SENDER,
	TITLE,
	MESSAGE,
	PARAMS,
	PARAM_NAMES,
	TEMPLATE,
	CHANNELS,
	USERS,
	GROUPS,
	ATTACHMENTS,
	REPLY,
	LINKS,
	KEY,
	REQUEST_HASH,
	KEY_MS,
	USER_NAME,
	APPLICATION,
	ROLES,
	ADDRESS,
	NODE,
	TRACE_ID,
	COLUMNS
};

/* Of a row that notice.send() gives. */
enum { PLACE, OUTCOME, THING, NOTICE_ID, DELIVERIES, CHANNEL_IDS, SITE_USERS, AT_ONCE };

static const struct statement send_notices = {
	.name = "notice_send",
	.sql = "SELECT r_place, r_outcome, r_thing, r_notice_id, r_deliveries, r_channel_ids, "
	       "r_users, r_at_once FROM notice.send($1::uuid[], $2::text[], $3::text[], "
	       "$4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], "
	       "$10::text[], $11::text[], $12::text[], $13::boolean[], $14::boolean[], "
	       "$15::text[], $16::bytea[], $17::bigint[], $18::text[], $19::text[], $20::text[], "
	       "$21::text[], $22::text[], $23::text[])",
	.parameters = COLUMNS,
};

static const struct append_log in_batches = {&send_notices, COLUMNS, BATCH};
static const struct append_log alone = {&send_notices, COLUMNS, 1};

struct send {
	struct text columns[COLUMNS];
	size_t users;
};

/* --- metric ----------------------------------------------------------------------------------- */

enum outcome_label { SENT, REPEATED, REFUSED, OUTCOMES };

static const char *outcome_name(size_t index)
{
	static const char *const names[OUTCOMES] = {"sent", "repeated", "refused"};

	return names[index];
}

static struct metric sends = {
	.name = "junction_notice_sends_total",
	.help = "Sends of notices by what came of them; refused: for what stood in them.",
	.kind = METRIC_COUNTER,
	.labels = {{"outcome", outcome_name, OUTCOMES}},
};

void send_start(void)
{
	metric_register(&sends);
}

static enum next refused(struct call *c)
{
	metric_add(&sends, REFUSED, 1);
	return failed(c);
}

/* --- what was given --------------------------------------------------------------------------- */

static bool read_text(struct call *c, const char *field, const char *given, bool required,
	size_t most, bool one_line, struct text *column)
{
	struct text t = text_of(given);

	*column = sql_or_null(t);
	if (t.size == 0 && required)
		return status_field(&c->status, c->arena, field, "is required");
	if (t.size > most)
		return status_field(
			&c->status, c->arena, field, "must have at most %zu bytes", most);
	return !one_line || !text_has_control(t) ||
	       status_field(&c->status, c->arena, field, "must not hold control characters");
}

static bool read_texts(struct call *c, const Notice__SendRequest *in, struct text *columns)
{
	return read_text(c, "sender", in->sender, true, NAME_MOST, true, &columns[SENDER]) &&
	       read_text(c, "title", in->title, true, TITLE_MOST, true, &columns[TITLE]) &&
	       read_text(c, "message", in->message, true, MESSAGE_MOST, false, &columns[MESSAGE]) &&
	       read_text(
		       c, "template", in->template_, false, NAME_MOST, true, &columns[TEMPLATE]) &&
	       read_text(c, "idempotencyKey", in->idempotency_key, false, NAME_MOST, true,
		       &columns[KEY]);
}

/* NULL if it was not given. */
static bool read_names(struct call *c, struct name_list_rule rule, const char *given,
	struct text *column, size_t *count)
{
	*column = (struct text){0};
	*count = 0;
	if (!*given)
		return true;
	*column = name_list_read(c->arena, &rule, text_of(given), count, &c->status);
	return column->data != NULL;
}

static bool read_lists(struct call *c, const Notice__SendRequest *in, struct send *s)
{
	size_t count;

	if (!*in->users && !*in->groups)
		return status_field(
			&c->status, c->arena, "users", "is required, or groups instead");
	if (*in->users && *in->groups)
		return status_field(
			&c->status, c->arena, "groups", "must not be given beside users");
	return read_names(c, (struct name_list_rule){"channel", CHANNEL_MOST, CHANNELS_MOST},
		       in->channel, &s->columns[CHANNELS], &count) &&
	       read_names(c, (struct name_list_rule){"groups", NAME_MOST, GROUPS_MOST}, in->groups,
		       &s->columns[GROUPS], &count) &&
	       read_names(c, (struct name_list_rule){"users", NAME_MOST, SIZE_MAX}, in->users,
		       &s->columns[USERS], &s->users);
}

/* Those that a template can ask for. */
static struct text param_names(struct arena *a, const struct json *params)
{
	struct buffer names = {.arena = a};

	for (const struct json *m = params ? params->first : NULL; m; m = m->next)
		if (m->name.size <= TEMPLATE_NAME_MAX && !text_has_control(m->name))
			array_add(&names, m->name);
	return array_text(&names);
}

static bool read_params(struct call *c, const Notice__SendRequest *in, struct text *columns)
{
	struct text given = text_of(in->params);
	const struct json *params;

	if (given.size > PARAMS_MOST)
		return status_field(
			&c->status, c->arena, "params", "must have at most %d bytes", PARAMS_MOST);
	if (!call_object(c->arena, "params", given, &params, &c->status))
		return false;
	columns[PARAMS] = params ? params->raw : (struct text){0};
	columns[PARAM_NAMES] = param_names(c->arena, params);
	return true;
}

static bool read_reply(struct call *c, const Notice__SendRequest *in, struct text *columns)
{
	columns[REPLY] = in->reply ? TEXT("t") : TEXT("f");
	columns[LINKS] = notice_settings()->public_url ? TEXT("t") : TEXT("f");
	return !in->reply || *in->template_ ||
	       status_field(&c->status, c->arena, "reply", "needs a template");
}

/* Of all that the caller wrote. */
static struct text hash(struct arena *a, const Notice__SendRequest *in)
{
	unsigned char hash[SEAL_HASH];
	void *room;

	seal_hash(guard_pack_alone(&in->base, &room), hash);
	free(room);
	return bytea_text(a, hash, sizeof(hash));
}

static void set_key(struct call *c, const Notice__SendRequest *in, struct text *columns)
{
	int64_t hours = notice_settings()->idempotency_hours;

	columns[REQUEST_HASH] = columns[KEY_MS] = (struct text){0};
	if (!columns[KEY].data)
		return;
	columns[REQUEST_HASH] = hash(c->arena, in);
	columns[KEY_MS] = text_of(arena_printf(c->arena, "%lld", (long long)hours * 3600 * 1000));
}

static void set_caller(struct call *c, struct text *columns)
{
	const struct caller *caller = &c->caller;
	char *id = arena_alloc(c->arena, 37);

	uuid_ordered(id);
	columns[ID] = (struct text){id, 36};
	columns[NAMESPACE] = caller->space;
	columns[USER_NAME] = sql_or_null(caller->user);
	columns[APPLICATION] = sql_or_null(caller->application);
	columns[ROLES] = sql_or_null(caller->roles);
	columns[ADDRESS] = sql_or_null(caller->address);
	columns[NODE] = node_name();
	columns[TRACE_ID] = sql_or_null(caller->trace.id);
}

/* --- what came of it -------------------------------------------------------------------------- */

static enum next refuse(struct call *c, struct text outcome, struct text thing)
{
	static const struct {
		struct text outcome;
		enum status_code code;
		const char *before, *after; /* around the thing */
	} reasons[] = {
		{{"conflict", 8}, STATUS_ALREADY_EXISTS, "idempotencyKey: has sent something else",
			""},
		{{"no template", 11}, STATUS_NOT_FOUND, "template: there is no template \"", "\""},
		{{"no group", 8}, STATUS_NOT_FOUND, "groups: there is no group \"", "\""},
		{{"no channel", 10}, STATUS_NOT_FOUND, "channel: there is no channel \"", "\""},
		{{"no attachment", 13}, STATUS_NOT_FOUND, "attachments: there is no attachment \"",
			"\""},
		{{"disabled", 8}, STATUS_FAILED_PRECONDITION, "channel: \"", "\" is disabled"},
		{{"no link", 7}, STATUS_FAILED_PRECONDITION,
			"reply: a receipt link is needed on channel \"",
			"\", and the server has no --public-url"},
	};
	const struct send *s = c->state;

	if (text_equal(outcome, TEXT("missing"))) {
		status_field(&c->status, c->arena, "params",
			"\"%.*s\" is missing, template \"%.*s\" needs it", TEXT_ARGS(thing),
			TEXT_ARGS(s->columns[TEMPLATE]));
		return refused(c);
	}
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		if (!text_equal(outcome, reasons[i].outcome))
			continue;
		status_set(&c->status, c->arena, reasons[i].code, "%s%.*s%s", reasons[i].before,
			TEXT_ARGS(thing), reasons[i].after);
		return refused(c);
	}
	return fail(c, STATUS_INTERNAL, "the notice was not sent");
}

static enum next appended(struct call *c, const struct rows *rows, int row)
{
	struct text outcome = row < 0 ? TEXT("") : rows_text(rows, row, OUTCOME);
	bool sent = text_equal(outcome, TEXT("sent"));
	Notice__SendResponse response = NOTICE__SEND_RESPONSE__INIT;

	response.repeated = text_equal(outcome, TEXT("repeated"));
	if (!sent && !response.repeated)
		return refuse(c, outcome, row < 0 ? TEXT("") : rows_text(rows, row, THING));
	metric_add(&sends, sent ? SENT : REPEATED, 1);
	response.notice_id = arena_string(c->arena, rows_text(rows, row, NOTICE_ID));
	response.deliveries = rows_int64(rows, row, DELIVERIES);
	if (sent && !rows_bool(rows, row, AT_ONCE))
		spread_wake();
	else if (sent)
		send_made(rows, row, CHANNEL_IDS, c->caller.space);
	return REPLY(c, &response);
}

static enum next settled(struct call *c)
{
	struct send *s = c->state;

	return append(c, s->users > USERS_OF_BATCH ? &alone : &in_batches, (struct text){0},
		s->columns, appended);
}

enum next notice_send(struct call *c)
{
	const Notice__SendRequest *in = call_request(c, Notice__SendRequest);
	struct send *s = arena_alloc(c->arena, sizeof(*s));
	struct text *columns = s->columns;

	c->state = s;
	if (!read_texts(c, in, columns) || !read_lists(c, in, s) || !read_params(c, in, columns) ||
		!read_reply(c, in, columns))
		return refused(c);
	set_key(c, in, columns);
	set_caller(c, columns);
	columns[ATTACHMENTS] = TEXT("{}");
	if (!*in->attachments)
		return settled(c);
	return attachments_settle(c, text_of(in->attachments), &columns[ATTACHMENTS], settled);
}
