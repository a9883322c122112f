/* The rules are those of event.proto, and most stand as constraints in migrations/, too; what is
 * not given is written with its default. */
#include "server/event/manage/specification.h"

#include "base/base64.h"
#include "base/json.h"
#include "server/db/bytea.h"
#include "server/event/subscription/condition.h"
#include "server/event/subscription/topic.h"
#include "server/registry/validate.h"
#include "server/seal.h"

enum {
	PATTERNS_MOST = 100,
	URL_MOST = 2048,
	DAY_MS = 86400000,
	ACK_WINDOW_MS = 600000,
	TIMEOUT_MS = 15000,
	TIMEOUT_MOST_MS = 300000,
	SCHEDULE_MOST = 100,
	SCHEDULE_MOST_MS = 604800000,
	CONCURRENCY = 32,
	CONCURRENCY_MOST = 1000,
	RATE_MOST = 1000000,
};

#define REFUSE(c, field, ...) status_field(&(c)->status, (c)->arena, field, __VA_ARGS__)
/* Of an optional field. */
#define GIVEN_OR(in, field, usual) ((in)->_##field##_case ? (in)->field : (usual))

static const int64_t usual_schedule_ms[] = {
	5000, 300000, 1800000, 7200000, 18000000, 36000000, 50400000, 72000000, 86400000};

/* --- where its events go ---------------------------------------------------------------------- */

Event__SubscriptionTarget specification_target(const Event__RegisterSubscriptionRequest *in)
{
	if (in->target != EVENT__SUBSCRIPTION_TARGET__SUBSCRIPTION_TARGET_UNSPECIFIED)
		return in->target;
	if (*in->url)
		return EVENT__SUBSCRIPTION_TARGET__SUBSCRIPTION_TARGET_URL;
	return *in->service ? EVENT__SUBSCRIPTION_TARGET__SUBSCRIPTION_TARGET_SERVICE
			    : EVENT__SUBSCRIPTION_TARGET__SUBSCRIPTION_TARGET_PULL;
}

static bool is_pushed(const Event__RegisterSubscriptionRequest *in)
{
	return specification_target(in) >= EVENT__SUBSCRIPTION_TARGET__SUBSCRIPTION_TARGET_URL;
}

static bool is_shown(struct text t)
{
	for (size_t i = 0; i < t.size; i++)
		if ((unsigned char)t.data[i] <= ' ' || t.data[i] == '\\')
			return false;
	return !text_has_control(t);
}

static bool url_holds(struct call *c, struct text url)
{
	bool https = text_starts(url, TEXT("https://"));
	struct text host = text_from(url, strlen(https ? "https://" : "http://"));

	if (!https && !text_starts(url, TEXT("http://")))
		return REFUSE(c, "url", "must begin with http:// or https://");
	if (url.size > URL_MOST)
		return REFUSE(c, "url", "must have at most %d bytes", URL_MOST);
	host = text_until(host, strcspn(host.data, "/?#"));
	if (text_find(host, '@', 0) < host.size)
		return REFUSE(c, "url", "must not hold credentials");
	return (host.size > 0 && host.data[0] != ':' && is_shown(url)) ||
	       REFUSE(c, "url", "must have a host, and no blanks or control characters");
}

static bool target_holds(struct call *c, const Event__RegisterSubscriptionRequest *in)
{
	const struct validation v = {c->arena, &c->status, ""};
	Event__SubscriptionTarget target = specification_target(in);
	bool url = target == EVENT__SUBSCRIPTION_TARGET__SUBSCRIPTION_TARGET_URL;
	bool service = target == EVENT__SUBSCRIPTION_TARGET__SUBSCRIPTION_TARGET_SERVICE;

	if ((unsigned)target > EVENT__SUBSCRIPTION_TARGET__SUBSCRIPTION_TARGET_SERVICE)
		return REFUSE(c, "target", "is not known");
	if (*in->url && !url)
		return REFUSE(c, "url", "goes with target URL only");
	if (*in->service && !service)
		return REFUSE(c, "service", "goes with target SERVICE only");
	if (url)
		return url_holds(c, text_of(in->url));
	return !service || valid_server_name(&v, "service", text_of(in->service));
}

/* --- what it wants ---------------------------------------------------------------------------- */

bool specification_name_holds(struct call *c, const char *field, const char *name)
{
	size_t size = strlen(name);

	if (size == 0 || size > SPECIFICATION_NAME_MAX)
		return REFUSE(c, field, "must have 1 to %d bytes", SPECIFICATION_NAME_MAX);
	return !text_has_control(text_of(name)) ||
	       REFUSE(c, field, "must not hold control characters");
}

static bool patterns_hold(struct call *c, const Event__RegisterSubscriptionRequest *in)
{
	if (in->n_patterns == 0 || in->n_patterns > PATTERNS_MOST)
		return REFUSE(c, "patterns", "must be 1 to %d", PATTERNS_MOST);
	return topic_patterns_hold(c->arena, "patterns", in->patterns, in->n_patterns, &c->status);
}

static bool conditions_hold(struct call *c, const Event__RegisterSubscriptionRequest *in)
{
	if (in->n_conditions > CONDITIONS_MAX)
		return REFUSE(c, "conditions", "must be at most %d", CONDITIONS_MAX);
	for (size_t i = 0; i < in->n_conditions; i++) {
		const Event__DataCondition *given = in->conditions[i];
		struct text *values = arena_array(c->arena, given->n_values, sizeof(*values));
		struct condition condition;

		for (size_t k = 0; k < given->n_values; k++)
			values[k] = text_of(given->values[k]);
		if (!condition_read(c->arena, i, text_of(given->path), values, given->n_values,
			    &condition, &c->status))
			return false;
	}
	return true;
}

/* --- how it gets it --------------------------------------------------------------------------- */

static bool range_holds(
	struct call *c, const char *field, int64_t number, int64_t least, int64_t most)
{
	const struct validation v = {c->arena, &c->status, ""};

	return valid_range(&v, field, number, least, most);
}

static bool schedule_holds(struct call *c, const Event__RegisterSubscriptionRequest *in)
{
	if (in->no_retry && in->n_schedule_ms > 0)
		return REFUSE(c, "schedule_ms", "must be empty with no_retry");
	if (in->n_schedule_ms > SCHEDULE_MOST)
		return REFUSE(c, "schedule_ms", "must be at most %d", SCHEDULE_MOST);
	for (size_t i = 0; i < in->n_schedule_ms; i++)
		if (!range_holds(c, arena_printf(c->arena, "schedule_ms[%zu]", i),
			    in->schedule_ms[i], 1, SCHEDULE_MOST_MS))
			return false;
	return true;
}

static bool limits_hold(struct call *c, const Event__RegisterSubscriptionRequest *in)
{
	if ((unsigned)in->confirm > EVENT__CONFIRM_MODE__CONFIRM_MODE_EXPLICIT)
		return REFUSE(c, "confirm", "is not known");
	if (!(in->rate >= 0 && in->rate <= RATE_MOST))
		return REFUSE(c, "rate", "must be 0 to %d", RATE_MOST);
	return range_holds(
		       c, "ack_window_ms", GIVEN_OR(in, ack_window_ms, ACK_WINDOW_MS), 1, DAY_MS) &&
	       range_holds(
		       c, "timeout_ms", GIVEN_OR(in, timeout_ms, TIMEOUT_MS), 1, TIMEOUT_MOST_MS) &&
	       range_holds(c, "concurrency", GIVEN_OR(in, concurrency, CONCURRENCY), 1,
		       CONCURRENCY_MOST) &&
	       schedule_holds(c, in);
}

static bool keys_hold(struct call *c, const Event__RegisterSubscriptionRequest *in)
{
	struct text key;

	if (in->encrypt_stored && !seal_available())
		return status_set(&c->status, c->arena, STATUS_FAILED_PRECONDITION,
			"encrypt_stored: this server has no key file (--key-file)");
	if (!is_pushed(in)) {
		const char *field = *in->push_key      ? "push_key"
				    : *in->push_key_id ? "push_key_id"
				    : *in->secret      ? "secret"
						       : NULL;

		return !field || REFUSE(c, field, "goes with targets URL and SERVICE only");
	}
	if (!*in->push_key != !*in->push_key_id)
		return REFUSE(c, *in->push_key ? "push_key_id" : "push_key",
			"is required with the other of push_key and push_key_id");
	if (!*in->push_key)
		return true;
	if (!base64_read(c->arena, text_of(in->push_key), &key) || key.size != SEAL_PUBLIC_KEY)
		return REFUSE(c, "push_key", "must be base64 of %d bytes", SEAL_PUBLIC_KEY);
	if (seal_box(c->arena, (const unsigned char *)key.data, TEXT("")).size == 0)
		return REFUSE(c, "push_key", "is no public key that can be sealed to");
	return specification_name_holds(c, "push_key_id", in->push_key_id);
}

bool specification_holds(struct call *c, const Event__RegisterSubscriptionRequest *in)
{
	return specification_name_holds(c, "name", in->name) &&
	       specification_name_holds(c, "group", in->group) && patterns_hold(c, in) &&
	       conditions_hold(c, in) && target_holds(c, in) && limits_hold(c, in) &&
	       keys_hold(c, in);
}

/* --- writing ---------------------------------------------------------------------------------- */

static void write_texts(struct buffer *json, const char *name, char *const *texts, size_t count)
{
	json_write_name(json, text_of(name));
	buffer_add_char(json, '[');
	for (size_t i = 0; i < count; i++) {
		json_write_comma(json);
		json_write_string(json, text_of(texts[i]));
	}
	buffer_add_char(json, ']');
}

static void write_condition(struct buffer *list, const Event__DataCondition *condition)
{
	json_write_comma(list);
	buffer_add_char(list, '{');
	json_write_text_member(list, "path", text_of(condition->path));
	json_write_name(list, TEXT("values"));
	buffer_add_char(list, '[');
	for (size_t i = 0; i < condition->n_values; i++) {
		json_write_comma(list);
		buffer_add_text(list, text_of(condition->values[i]));
	}
	buffer_add_text(list, TEXT("]}"));
}

/* As a text, since PostgreSQL does not look into JSON with \u0000 in it. */
static void write_conditions(struct buffer *json, const Event__RegisterSubscriptionRequest *in)
{
	struct buffer list = {.arena = json->arena};

	if (in->n_conditions > 0) {
		buffer_add_char(&list, '[');
		for (size_t i = 0; i < in->n_conditions; i++)
			write_condition(&list, in->conditions[i]);
		buffer_add_char(&list, ']');
	}
	json_write_text_member(json, "conditions", buffer_text(&list));
}

static void write_schedule(struct buffer *json, const Event__RegisterSubscriptionRequest *in)
{
	bool given = in->no_retry || in->n_schedule_ms > 0;
	const int64_t *schedule = given ? in->schedule_ms : usual_schedule_ms;
	size_t count =
		given ? in->n_schedule_ms : sizeof(usual_schedule_ms) / sizeof(*usual_schedule_ms);

	json_write_name(json, TEXT("schedule_ms"));
	buffer_add_char(json, '[');
	for (size_t i = 0; i < count; i++)
		buffer_printf(json, "%s%lld", i > 0 ? "," : "", (long long)schedule[i]);
	buffer_add_char(json, ']');
}

static void write_limits(struct buffer *json, const Event__RegisterSubscriptionRequest *in)
{
	json_write_number_member(json, "ack_window_ms", GIVEN_OR(in, ack_window_ms, ACK_WINDOW_MS));
	json_write_number_member(json, "timeout_ms", GIVEN_OR(in, timeout_ms, TIMEOUT_MS));
	json_write_number_member(json, "concurrency", GIVEN_OR(in, concurrency, CONCURRENCY));
	json_write_name(json, TEXT("rate"));
	buffer_printf(json, "%.17g", in->rate);
	write_schedule(json, in);
}

static void write_keys(struct buffer *json, const Event__RegisterSubscriptionRequest *in)
{
	struct text key = {0};

	if (*in->push_key && base64_read(json->arena, text_of(in->push_key), &key))
		key = bytea_text(json->arena, key.data, key.size);
	json_write_bool_member(json, "encrypt_stored", in->encrypt_stored);
	json_write_text_member(json, "push_key", key);
	json_write_text_member(json, "push_key_id", text_of(in->push_key_id));
}

void specification_write(struct buffer *json, const struct caller *caller,
	const Event__RegisterSubscriptionRequest *in, struct text origin, struct text secret,
	bool fresh)
{
	static const struct text targets[] = {
		{0}, TEXT("pull"), TEXT("stream"), TEXT("url"), TEXT("service")};
	bool explicit = in->confirm == EVENT__CONFIRM_MODE__CONFIRM_MODE_EXPLICIT;

	buffer_add_char(json, '{');
	json_write_text_member(json, "namespace", caller->space);
	json_write_text_member(json, "name", text_of(in->name));
	json_write_text_member(json, "group", text_of(in->group));
	json_write_bool_member(json, "broadcast", in->broadcast);
	write_texts(json, "patterns", in->patterns, in->n_patterns);
	write_conditions(json, in);
	json_write_text_member(json, "target", targets[specification_target(in)]);
	json_write_text_member(json, "url", text_of(in->url));
	json_write_text_member(json, "service", text_of(in->service));
	json_write_text_member(json, "confirm", explicit ? TEXT("explicit") : TEXT("auto"));
	write_limits(json, in);
	write_keys(json, in);
	json_write_text_member(json, fresh ? "fresh_secret" : "secret", secret);
	json_write_text_member(json, "origin", origin);
	json_write_text_member(json, "author_user", caller->user);
	json_write_text_member(json, "author_application", caller->application);
	json_write_text_member(json, "author_address", caller->address);
	buffer_add_char(json, '}');
}

void specification_write_configured(struct buffer *json, const struct caller *caller, char *service,
	char *pattern, struct text secret)
{
	Event__RegisterSubscriptionRequest one = EVENT__REGISTER_SUBSCRIPTION_REQUEST__INIT;

	one.name = arena_printf(json->arena, "%s:%s", service, pattern);
	one.group = one.service = service;
	one.patterns = &pattern;
	one.n_patterns = 1;
	specification_write(json, caller, &one, TEXT("configuration"), secret, true);
}
