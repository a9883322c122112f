/*
 * PutChannel: what is kept of the secrets is read, opened and merged with what is given; the
 * provider says whether settings and secrets are right; then all is written, if the secrets are
 * still those that were read, else it begins again. What is opened lives in an arena of its own
 * that is wiped before the step ends.
 */
#include "base/base64.h"
#include "base/json.h"
#include "base/random.h"
#include "server/audit/caller.h"
#include "server/db/bytea.h"
#include "server/notice/channel/channel.h"
#include "server/notice/channel/channel_message.h"
#include "server/notice/channel/channel_secrets.h"
#include "server/notice/provider/provider.h"
#include "server/registry/validate.h"
#include "server/seal.h"
#include "steps.gen.h"

enum {
	SETTINGS_MOST = 64 * 1024,
	CONCURRENCY_MOST = 1000,
	QUOTA_MOST = 1000000,
	QUOTA_MS = 60000,
	QUOTA_MOST_MS = 86400000,
	SCHEDULE_MOST = 20,
	SCHEDULE_MOST_MS = 604800000,
	TIMEOUT_MOST_MS = 300000,
	TOKEN_BYTES = 32,
};

static const int64_t usual_schedule_ms[] = {5000, 30000, 120000, 600000, 3600000, 10800000};

static const struct statement read_secrets = {
	.name = "notice_read_secrets",
	.sql = "SELECT event.text_of(c.secrets), c.secrets_key_id, to_json(c.secret_names) "
	       "FROM notice.channel AS c WHERE c.namespace = $1 AND c.name = $2",
	.parameters = 2,
};

static const struct statement put_channel = {
	.name = "notice_put_channel",
	.sql = "SELECT " CHANNEL_COLUMNS " FROM notice.put_channel($1, $2::json, $3::bytea) AS c",
	.parameters = 3,
};

/* What is wanted, with its defaults. */
struct putting {
	const Notice__PutChannelRequest *in;
	const struct provider *provider;
	struct text settings;
	int64_t concurrency, quota, quota_ms, timeout_ms;
	const int64_t *schedule_ms;
	size_t schedule_count;
	char *receipt_token;
	Notice__PutChannelResponse out;
};

#define REFUSE(c, field, ...) status_field(&(c)->status, (c)->arena, field, __VA_ARGS__)

/* --- what is given -------------------------------------------------------------------------- */

static bool kind_holds(struct call *c, struct putting *p)
{
	bool given = *p->in->kind;

	p->provider = provider_find(text_of(given ? p->in->kind : p->in->channel));
	if (p->provider)
		return true;
	return REFUSE(c, "kind",
		given ? "must be mail, dingtalk, wechat, sms or service"
		      : "is required for a channel that is not called like its kind");
}

static bool settings_hold(struct call *c, struct putting *p)
{
	const struct validation v = {c->arena, &c->status, ""};

	if (strlen(p->in->settings) > SETTINGS_MOST)
		return REFUSE(c, "settings", "must have at most %d bytes", SETTINGS_MOST);
	return valid_object(&v, "settings", text_of(p->in->settings), &p->settings);
}

static bool schedule_holds(struct call *c, struct putting *p)
{
	const struct validation v = {c->arena, &c->status, ""};

	p->schedule_ms = p->in->n_schedule_ms ? p->in->schedule_ms : usual_schedule_ms;
	p->schedule_count = p->in->n_schedule_ms
				    ? p->in->n_schedule_ms
				    : sizeof(usual_schedule_ms) / sizeof(usual_schedule_ms[0]);
	if (p->schedule_count > SCHEDULE_MOST)
		return REFUSE(c, "schedule_ms", "must be at most %d", SCHEDULE_MOST);
	for (size_t i = 0; i < p->schedule_count; i++)
		if (!valid_range(&v, arena_printf(c->arena, "schedule_ms[%zu]", i),
			    p->schedule_ms[i], 1, SCHEDULE_MOST_MS))
			return false;
	return true;
}

static bool limits_hold(struct call *c, struct putting *p)
{
	const struct validation v = {c->arena, &c->status, ""};
	const Notice__PutChannelRequest *in = p->in;

	p->concurrency = in->concurrency ? in->concurrency : p->provider->concurrency;
	p->quota = in->_quota_case ? in->quota : p->provider->quota;
	p->quota_ms = in->quota_ms ? in->quota_ms : QUOTA_MS;
	p->timeout_ms = in->timeout_ms ? in->timeout_ms : p->provider->timeout_ms;
	return valid_range(&v, "concurrency", p->concurrency, 1, CONCURRENCY_MOST) &&
	       valid_range(&v, "quota", p->quota, 0, QUOTA_MOST) &&
	       valid_range(&v, "quota_ms", p->quota_ms, 1, QUOTA_MOST_MS) &&
	       valid_range(&v, "timeout_ms", p->timeout_ms, 1, TIMEOUT_MOST_MS) &&
	       schedule_holds(c, p);
}

static bool name_holds(struct call *c, const char *name)
{
	if (text_equal(text_of(name), TEXT("site")))
		return REFUSE(c, "channel", "\"site\" is always there and has nothing to be set");
	return channel_name_holds(c, name);
}

/* --- secrets -------------------------------------------------------------------------------- */

struct merging {
	struct arena *hidden;
	struct channel_sealed sealed; /* what is kept, in the call's arena */
	const struct json *kept;      /* the same, opened; NULL: there are none */
	const struct json *secrets;   /* what is wanted; NULL: none */
	struct status why;
};

/* What is kept cannot be opened here, but need not be if all of it is given anew. */
static bool all_given(struct call *c, const struct putting *p, const struct rows *rows)
{
	struct status ignored = {0};
	const struct json *names =
		json_read(c->arena, arena_text(c->arena, rows_text(rows, 0, 2)), &ignored);
	const struct json *name = names->first;

	while (name && channel_secrets_given(p->in->secrets, p->in->n_secrets, name->string))
		name = name->next;
	return !name;
}

/* rows: what is kept, empty if there is no such channel. */
static bool merge_secrets(
	struct call *c, const struct putting *p, const struct rows *rows, struct merging *m)
{
	if (rows_count(rows) > 0)
		m->sealed = channel_secrets_read(c->arena, rows, 0, 0);
	if (!channel_secrets_open(m->hidden, c->caller.space, text_of(p->in->channel), &m->sealed,
		    &m->kept, &m->why) &&
		!all_given(c, p, rows))
		return false;
	return channel_secrets_merge(
		m->hidden, m->kept, p->in->secrets, p->in->n_secrets, &m->secrets, &m->why);
}

static bool provider_takes(const struct putting *p, struct merging *m)
{
	const struct json *settings = json_read(m->hidden, p->settings, &m->why);
	const void *made;

	return settings && p->provider->make(m->hidden, settings, m->secrets, &made, &m->why);
}

/* Sealed anew only if they are others, or there is another key to seal with. */
static bool seal_secrets(struct call *c, const struct putting *p, struct merging *m)
{
	if (!m->secrets) {
		m->sealed = (struct channel_sealed){0};
		return true;
	}
	if (!seal_available())
		return status_set(&m->why, m->hidden, STATUS_FAILED_PRECONDITION,
			"secrets: need the server's --key-file");
	struct channel_sealed anew = channel_secrets_seal(
		c->arena, c->caller.space, text_of(p->in->channel), m->secrets);
	if (!m->kept || !text_equal(m->kept->raw, m->secrets->raw) ||
		!text_equal(m->sealed.key_id, anew.key_id))
		m->sealed = anew;
	return true;
}

/* --- writing -------------------------------------------------------------------------------- */

static struct text bytea_or_null(struct arena *a, struct text bytes)
{
	return bytes.data ? bytea_text(a, bytes.data, bytes.size) : bytes;
}

static void write_secrets(struct buffer *json, const struct merging *m)
{
	json_write_text_member(json, "secrets", bytea_or_null(json->arena, m->sealed.bytes));
	json_write_text_member(json, "secrets_key_id", m->sealed.key_id);
	json_write_name(json, TEXT("secret_names"));
	buffer_add_char(json, '[');
	for (const struct json *s = m->secrets ? m->secrets->first : NULL; s; s = s->next) {
		json_write_comma(json);
		json_write_string(json, s->name);
	}
	buffer_add_char(json, ']');
}

static void write_limits(struct buffer *json, const struct putting *p)
{
	json_write_bool_member(json, "enabled", !p->in->_enabled_case || p->in->enabled);
	json_write_number_member(json, "concurrency", p->concurrency);
	json_write_number_member(json, "quota", p->quota);
	json_write_number_member(json, "quota_ms", p->quota_ms);
	json_write_number_member(json, "timeout_ms", p->timeout_ms);
	json_write_name(json, TEXT("schedule_ms"));
	buffer_add_char(json, '[');
	for (size_t i = 0; i < p->schedule_count; i++) {
		json_write_comma(json);
		buffer_printf(json, "%lld", (long long)p->schedule_ms[i]);
	}
	buffer_add_char(json, ']');
}

static struct text write_spec(
	const struct call *c, const struct putting *p, const struct merging *m)
{
	struct buffer json = {.arena = c->arena};

	buffer_add_char(&json, '{');
	json_write_text_member(&json, "namespace", c->caller.space);
	json_write_text_member(&json, "name", text_of(p->in->channel));
	json_write_text_member(&json, "kind", text_of(p->provider->name));
	json_write_text_member(&json, "settings", p->settings);
	write_secrets(&json, m);
	write_limits(&json, p);
	json_write_text_member(&json, "receipt_token", text_of(p->receipt_token));
	json_write_text_member(&json, "author_user", c->caller.user);
	json_write_text_member(&json, "author_application", c->caller.application);
	json_write_text_member(&json, "author_address", c->caller.address);
	buffer_add_char(&json, '}');
	return buffer_text(&json);
}

static char *make_token(struct arena *a)
{
	char bytes[TOKEN_BYTES];
	struct buffer token = {.arena = a};

	random_bytes(bytes, sizeof(bytes));
	base64_write_url(&token, (struct text){bytes, sizeof(bytes)});
	return arena_string(a, buffer_text(&token));
}

/* --- steps ---------------------------------------------------------------------------------- */

static enum next begin(struct call *c);

static enum next answer(struct call *c)
{
	const struct putting *p = c->state;

	return REPLY(c, &p->out);
}

/* The reason lives in the hidden arena. */
static enum next refuse(struct call *c, const struct status *why)
{
	c->status = *why;
	c->status.message = arena_string(c->arena, text_of(why->message));
	if (why->field)
		c->status.field = arena_string(c->arena, text_of(why->field));
	return failed(c);
}

static enum next put(struct call *c, const struct rows *rows)
{
	struct putting *p = c->state;

	if (rows_count(rows) == 0)
		return begin(c);
	p->out.channel = channel_message(c, rows, 0, true);
	return channels_current(c, answer);
}

static enum next write_channel(struct call *c, const struct rows *rows, struct merging *m)
{
	const struct putting *p = c->state;
	struct text *parameters = arena_array(c->arena, 3, sizeof(*parameters));

	if (!merge_secrets(c, p, rows, m) || !provider_takes(p, m))
		return refuse(c, &m->why);
	parameters[0] = audit_caller(c);
	parameters[2] = bytea_or_null(c->arena, m->sealed.bytes);
	if (!seal_secrets(c, p, m))
		return refuse(c, &m->why);
	parameters[1] = write_spec(c, p, m);
	return change(c, &put_channel, parameters, put);
}

static enum next merge(struct call *c, const struct rows *rows)
{
	struct merging m = {.hidden = arena_new(0)};
	enum next next = write_channel(c, rows, &m);

	arena_wipe(m.hidden);
	arena_free(&m.hidden);
	return next;
}

static enum next begin(struct call *c)
{
	const struct putting *p = c->state;
	struct text *parameters = arena_array(c->arena, 2, sizeof(*parameters));

	parameters[0] = c->caller.space;
	parameters[1] = text_of(p->in->channel);
	return query(c, &read_secrets, parameters, merge);
}

enum next notice_put_channel(struct call *c)
{
	struct putting *p = ARENA_NEW(c->arena, struct putting);

	p->in = call_request(c, Notice__PutChannelRequest);
	notice__put_channel_response__init(&p->out);
	if (!name_holds(c, p->in->channel) || !kind_holds(c, p) || !settings_hold(c, p) ||
		!limits_hold(c, p))
		return failed(c);
	p->receipt_token = make_token(c->arena);
	c->state = p;
	return begin(c);
}
