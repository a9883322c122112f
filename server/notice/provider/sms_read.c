/* Each object of the description is read as settings of its own. Templates are compiled here only
 * to find their faults. */
#include "server/notice/provider/setting.h"
#include "server/notice/provider/sms.h"
#include "server/notice/template/template.h"
#include "server/registry/call_shape.h"

enum { ASK_MS = 60000, PAUSE_MS = 60000, TIME_MAX_MS = 24 * 3600 * 1000, DAY_MINUTES = 24 * 60 };

/* The settings within one of them; nothing is there if it is missing. */
static void begin_within(
	struct settings *within, struct settings *s, const char *name, bool required)
{
	const struct json *object = setting_value(s, name);

	if (!object && required)
		setting_refuse(s, name, "is required");
	settings_begin(within, s->arena, arena_printf(s->arena, "%s.%s", s->path, name), object,
		s->status);
	within->refused |= s->refused;
}

static void end_within(struct settings *within, struct settings *s)
{
	s->refused |= !settings_end(within);
}

/* --- templates ----------------------------------------------------------------------------------
 */

static void check_template(struct settings *s, const char *name, struct text text)
{
	const char *field = arena_printf(s->arena, "%s.%s", s->path, name);
	size_t count;

	if (s->refused)
		return;
	const struct template *t = template_compile(s->arena, text, field, s->status);
	if (!t) {
		s->refused = true;
		return;
	}
	const struct text *names = template_required(t, &count);
	for (size_t i = 0; i < count; i++) {
		if (!sms_known_name(names[i]))
			setting_refuse(s, name,
				arena_printf(
					s->arena, "there is no {{%.*s}}", TEXT_ARGS(names[i])));
	}
}

static struct text read_template(struct settings *s, const char *name)
{
	struct text text = setting_text(s, name, NULL);

	check_template(s, name, text);
	return text;
}

/* An object of templates; NULL: there is none. */
static const struct json *read_templates(struct settings *s, const char *name)
{
	const struct json *object = setting_value(s, name);
	struct settings each;

	settings_begin(
		&each, s->arena, arena_printf(s->arena, "%s.%s", s->path, name), object, s->status);
	each.refused |= s->refused;
	for (const struct json *m = each.object ? each.object->first : NULL; m; m = m->next) {
		const char *own = arena_string(s->arena, m->name);

		if (m->type != JSON_STRING)
			setting_refuse(&each, own, "must be a text");
		else if (m->name.size == 0 || text_has_control(m->name))
			setting_refuse(&each, own,
				"its name must not be empty or hold control characters");
		else
			check_template(&each, own, m->string);
	}
	s->refused |= each.refused;
	return object;
}

/* The texts of a JSON body are templates. */
static void check_json(struct settings *s, const struct json *value)
{
	if (value->type == JSON_STRING)
		check_template(s, "json", value->string);
	for (const struct json *part = value->first; part; part = part->next)
		check_json(s, part);
}

/* --- codes and states ---------------------------------------------------------------------------
 */

static const struct json *read_codes(struct settings *s, const char *name, bool required)
{
	const struct json *codes = setting_value(s, name);
	bool good = !codes ? !required : codes->type == JSON_ARRAY && (codes->first || !required);

	for (const struct json *c = codes ? codes->first : NULL; c; c = c->next)
		good &= c->type == JSON_STRING;
	if (!good)
		setting_refuse(s, name, "must be a list of texts");
	return codes;
}

static const struct json *read_states(struct settings *s)
{
	static const char *const words[] = {"sent", "delivered", "failed", "unknown"};
	const struct json *states = setting_value(s, "states");
	struct settings each;

	if (!states)
		setting_refuse(s, "states", "is required");
	settings_begin(
		&each, s->arena, arena_printf(s->arena, "%s.states", s->path), states, s->status);
	each.refused |= s->refused;
	for (const struct json *m = each.object ? each.object->first : NULL; m; m = m->next) {
		bool known = false;

		for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
			known |= m->type == JSON_STRING && text_equal(m->string, text_of(words[i]));
		if (!known)
			setting_refuse(&each, arena_string(s->arena, m->name),
				"must be \"sent\", \"delivered\", \"failed\" or \"unknown\"");
	}
	s->refused |= each.refused;
	return states;
}

static struct text read_path(struct settings *s, const char *name)
{
	return setting_text(s, name, "");
}

/* --- its parts ----------------------------------------------------------------------------------
 */

static void read_hmac(struct settings *s, struct sms_sign *sign)
{
	static const char *const encodings[] = {"base64", "hex"};
	static const char *const places[] = {"query", "form", "header"};

	sign->key = read_template(s, "key");
	sign->text = read_template(s, "text");
	sign->name = setting_text(s, "name", NULL);
	sign->hex = setting_word(s, "encoding", encodings, 2) == 1;
	sign->place = (enum sms_place)setting_word(s, "in", places, 3);
}

static void read_sign(struct settings *request, struct sms_sign *sign)
{
	static const char *const schemes[] = {
		[SMS_UNSIGNED] = "none",
		[SMS_ALIYUN] = "aliyun",
		[SMS_HMAC_SHA1] = "hmac-sha1",
		[SMS_HMAC_SHA256] = "hmac-sha256",
		[SMS_BASIC] = "basic",
	};
	struct settings s;

	begin_within(&s, request, "sign", false);
	sign->scheme = (enum sms_scheme)setting_word(&s, "scheme", schemes, SMS_BASIC + 1);
	switch (sign->scheme) {
	case SMS_UNSIGNED:
		break;
	case SMS_ALIYUN:
		sign->user = read_template(&s, "keyId");
		sign->key = read_template(&s, "key");
		break;
	case SMS_BASIC:
		sign->user = read_template(&s, "user");
		sign->key = read_template(&s, "password");
		break;
	case SMS_HMAC_SHA1:
	case SMS_HMAC_SHA256:
		read_hmac(&s, sign);
		break;
	}
	end_within(&s, request);
}

static void read_request(struct settings *all, struct sms_request *request)
{
	static const char *const methods[] = {"POST", "GET", "PUT"};
	struct settings s;

	begin_within(&s, all, "request", true);
	request->method = methods[setting_word(&s, "method", methods, 3)];
	request->url = read_template(&s, "url");
	if (!text_starts(request->url, TEXT("https://")) &&
		!text_starts(request->url, TEXT("http://")))
		setting_refuse(&s, "url", "must begin with https:// or http://");
	request->query = read_templates(&s, "query");
	request->form = read_templates(&s, "form");
	request->headers = read_templates(&s, "headers");
	request->json = setting_value(&s, "json");
	if (request->json && request->form)
		setting_refuse(&s, "json", "must not stand beside form");
	if (request->json)
		check_json(&s, request->json);
	read_sign(&s, &request->sign);
	end_within(&s, all);
}

static void read_answer(struct settings *all, struct sms_answer *answer)
{
	struct settings s;

	begin_within(&s, all, "answer", true);
	answer->code = setting_text(&s, "code", NULL);
	answer->text = read_path(&s, "text");
	answer->message_id = read_path(&s, "messageId");
	answer->success = read_codes(&s, "success", true);
	answer->throttled = read_codes(&s, "throttled", false);
	answer->retry = read_codes(&s, "retry", false);
	answer->unknown = read_codes(&s, "unknown", false);
	end_within(&s, all);
}

static void read_question(struct settings *all, struct sms *sms)
{
	struct sms_answer *answer = &sms->question_answer;
	struct settings question, s;

	begin_within(&question, all, "question", false);
	sms->asks = question.object != NULL;
	if (!sms->asks)
		return;
	read_request(&question, &sms->question);
	begin_within(&s, &question, "answer", true);
	answer->code = setting_text(&s, "code", NULL);
	answer->success = read_codes(&s, "success", true);
	answer->list = read_path(&s, "list");
	answer->match = read_templates(&s, "match");
	answer->state = setting_text(&s, "state", NULL);
	answer->states = read_states(&s);
	answer->fail_code = read_path(&s, "failCode");
	end_within(&s, &question);
	end_within(&question, all);
}

static void read_reports(struct settings *all, struct sms_reports *reports)
{
	struct settings s;

	begin_within(&s, all, "reports", false);
	reports->given = s.object != NULL;
	if (!reports->given)
		return;
	reports->list = read_path(&s, "list");
	reports->delivery_id = read_path(&s, "deliveryId");
	reports->message_id = read_path(&s, "messageId");
	if (reports->delivery_id.size == 0 && reports->message_id.size == 0)
		setting_refuse(&s, "deliveryId", "or messageId is required");
	reports->address = read_path(&s, "address");
	reports->state = setting_text(&s, "state", NULL);
	reports->states = read_states(&s);
	reports->code = read_path(&s, "code");
	reports->text = read_path(&s, "text");
	end_within(&s, all);
}

/* Secrets are texts of any names: templates ask for them. */
static bool check_secrets(struct arena *a, const struct json *secrets, struct status *status)
{
	struct settings s;

	settings_begin(&s, a, "secrets", secrets, status);
	for (const struct json *m = s.object ? s.object->first : NULL; m; m = m->next) {
		if (m->type != JSON_STRING)
			setting_refuse(&s, arena_string(a, m->name), "must be a text");
	}
	return !s.refused;
}

bool sms_read(struct arena *a, const struct json *settings, const struct json *secrets,
	struct sms *sms, struct status *status)
{
	static const char *const absences[] = {"unknown", "waiting"};
	struct settings s;

	*sms = (struct sms){0};
	settings_begin(&s, a, "settings", settings, status);
	read_request(&s, &sms->request);
	read_answer(&s, &sms->answer);
	read_question(&s, sms);
	read_reports(&s, &sms->reports);
	sms->ask_ms = setting_number(&s, "askMs", 1, TIME_MAX_MS, ASK_MS);
	sms->ask_sent = setting_bool(&s, "askSent", false);
	sms->absent_is_waiting = setting_word(&s, "absent", absences, 2) == 1;
	sms->pause_ms = setting_number(&s, "pauseMs", 1, TIME_MAX_MS, PAUSE_MS);
	sms->utc_offset_minutes =
		setting_number(&s, "utcOffsetMinutes", -DAY_MINUTES, DAY_MINUTES, 0);
	return settings_end(&s) && check_secrets(a, secrets, status);
}
