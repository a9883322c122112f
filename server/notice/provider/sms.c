/* What an answer says is read by the paths of the description. Whatever cannot be read of a message
 * that was on its way is unknown: it is asked about, if the provider can be, and never blindly sent
 * again. */
#include "server/notice/provider/sms.h"

#include "server/notice/template/template.h"

enum { CONCURRENCY = 8, TIMEOUT_MS = 15000, REPORTS_MAX = 10000 };

/* --- reading JSON -------------------------------------------------------------------------------
 */

static const struct json *element(const struct json *list, struct text index)
{
	uint64_t place;

	if (!text_to_uint64(index, &place) || place >= list->count)
		return NULL;
	const struct json *item = list->first;
	while (place-- > 0)
		item = item->next;
	return item;
}

const struct json *sms_at(const struct json *value, struct text path)
{
	for (size_t at = 0; value && at < path.size;) {
		size_t dot = text_find(path, '.', at);
		struct text name = {path.data + at, dot - at};

		value = value->type == JSON_ARRAY ? element(value, name) : json_member(value, name);
		at = dot + 1;
	}
	return value;
}

struct text sms_said(const struct json *value, struct text path)
{
	const struct json *found = path.size > 0 ? sms_at(value, path) : NULL;

	if (!found || found->type == JSON_NULL)
		return TEXT("");
	return found->type == JSON_STRING ? found->string : found->raw;
}

static bool lists(const struct json *codes, struct text code)
{
	for (const struct json *c = codes ? codes->first : NULL; c; c = c->next) {
		if (text_equal(c->string, code))
			return true;
	}
	return false;
}

static const struct json *read_json(struct arena *a, const struct fetch_response *response)
{
	struct status ignored = {.message = ""};

	return json_read(a, response->body, &ignored);
}

/* --- sending ------------------------------------------------------------------------------------
 */

static bool make(struct arena *a, const struct json *settings, const struct json *secrets,
	const void **made, struct status *status)
{
	struct sms *sms = ARENA_NEW(a, struct sms);

	*made = sms;
	return sms_read(a, settings, secrets, sms, status);
}

static struct fetch_request *compose_or_fail(struct arena *a, const struct channel *channel,
	const struct sms_request *how, const struct message *message, int64_t now_ms,
	struct notice_outcome *outcome)
{
	struct fetch_request *request = sms_compose(a, channel, how, message, now_ms);

	if (!request) {
		*outcome = (struct notice_outcome){.state = NOTICE_FAILED, .lives = true};
		provider_say(a, outcome, TEXT("too_long"), TEXT("the message becomes too large"));
	}
	return request;
}

static struct fetch_request *compose(struct arena *a, const struct channel *channel,
	const struct message *message, int64_t now_ms, struct notice_outcome *outcome)
{
	const struct sms *sms = channel->made;

	return compose_or_fail(a, channel, &sms->request, message, now_ms, outcome);
}

static int64_t ask_again(const struct sms *sms)
{
	return sms->asks ? sms->ask_ms : 0;
}

static struct notice_outcome judge_code(
	struct arena *a, const struct sms *sms, const struct json *answer, struct text code)
{
	const struct sms_answer *how = &sms->answer;
	struct notice_outcome outcome = {.state = NOTICE_FAILED, .lives = true};

	if (lists(how->success, code)) {
		outcome.state = NOTICE_SENT;
		outcome.ask_ms = sms->ask_sent ? ask_again(sms) : 0;
		outcome.message_id = provider_quote(a, sms_said(answer, how->message_id), 255);
	} else if (lists(how->throttled, code)) {
		outcome.state = NOTICE_WAITING;
		outcome.throttled = true;
		outcome.pause_ms = sms->pause_ms;
	} else if (lists(how->retry, code)) {
		outcome.state = NOTICE_WAITING;
	} else if (lists(how->unknown, code)) {
		outcome.state = NOTICE_UNKNOWN;
		outcome.ask_ms = ask_again(sms);
	}
	provider_say(a, &outcome, code, sms_said(answer, how->text));
	return outcome;
}

static void judge(struct arena *a, const struct channel *channel, const struct message *message,
	const struct fetch_response *response, const struct status *error, bool reached,
	struct notice_outcome *outcomes)
{
	const struct sms *sms = channel->made;
	const struct json *answer = response ? read_json(a, response) : NULL;
	struct text code = sms_said(answer, sms->answer.code);

	if (code.size > 0) {
		outcomes[0] = judge_code(a, sms, answer, code);
		return;
	}
	outcomes[0] =
		response ? provider_unread(a, response) : provider_unanswered(a, error, reached);
	if (outcomes[0].state == NOTICE_UNKNOWN)
		outcomes[0].ask_ms = ask_again(sms);
}

/* --- asking -------------------------------------------------------------------------------------
 */

static struct fetch_request *compose_question(struct arena *a, const struct channel *channel,
	const struct message *message, int64_t now_ms, struct notice_outcome *outcome)
{
	const struct sms *sms = channel->made;

	if (sms->asks)
		return compose_or_fail(a, channel, &sms->question, message, now_ms, outcome);
	*outcome = (struct notice_outcome){.state = NOTICE_UNKNOWN, .lives = true};
	provider_say(a, outcome, TEXT("not_asked"),
		TEXT("the channel's settings do not say how to ask what became of it"));
	return NULL;
}

/* Only plain names of the message: what a report is told by. */
static bool matches(struct arena *a, const struct json *match, const struct json *item,
	const struct message *message)
{
	const struct addressee *to = &message->to[0];
	const struct template_builtin names[] = {
		{TEXT("deliveryId"), text_of(arena_printf(a, "%lld", (long long)to->position))},
		{TEXT("messageId"), to->message_id},
		{TEXT("address"), to->address},
	};
	const struct template_values values = {NULL, names, sizeof(names) / sizeof(names[0])};
	struct status status = {.message = ""};

	for (const struct json *m = match ? match->first : NULL; m; m = m->next) {
		const struct template *t = template_compile(a, m->string, "match", &status);
		struct buffer wanted = {.arena = a};

		if (!t || !template_render(t, &values, TEMPLATE_PLAIN, &wanted, &status) ||
			!text_equal(buffer_text(&wanted), sms_said(item, m->name)))
			return false;
	}
	return true;
}

static enum notice_state state_of(const struct json *states, struct text said)
{
	struct text word = json_member_text(states, said, TEXT("unknown"));

	return text_equal(word, TEXT("delivered")) ? NOTICE_DELIVERED
	       : text_equal(word, TEXT("sent"))    ? NOTICE_SENT
	       : text_equal(word, TEXT("failed"))  ? NOTICE_FAILED
						   : NOTICE_UNKNOWN;
}

/* The provider knows nothing of it. */
static struct notice_outcome absent(struct arena *a, const struct sms *sms)
{
	struct notice_outcome outcome = {
		.state = NOTICE_UNKNOWN, .lives = true, .ask_ms = sms->ask_ms};

	if (sms->absent_is_waiting) {
		outcome.state = NOTICE_WAITING;
		outcome.ask_ms = 0;
	}
	provider_say(a, &outcome, TEXT("absent"), TEXT("the provider knows no such message"));
	return outcome;
}

static const struct json *find_item(struct arena *a, const struct sms_answer *how,
	const struct json *answer, const struct message *message)
{
	const struct json *list = sms_at(answer, how->list);

	if (!list)
		return NULL;
	if (list->type != JSON_ARRAY)
		return matches(a, how->match, list, message) ? list : NULL;
	for (const struct json *item = list->first; item; item = item->next) {
		if (matches(a, how->match, item, message))
			return item;
	}
	return NULL;
}

static void judge_answer(struct arena *a, const struct channel *channel,
	const struct message *message, const struct fetch_response *response,
	const struct status *error, struct notice_outcome *outcome)
{
	const struct sms *sms = channel->made;
	const struct sms_answer *how = &sms->question_answer;
	const struct json *answer = response ? read_json(a, response) : NULL;

	*outcome = (struct notice_outcome){.state = NOTICE_UNKNOWN, .ask_ms = sms->ask_ms};
	if (!answer || !lists(how->success, sms_said(answer, how->code))) {
		provider_say(a, outcome, TEXT("not_answered"),
			response ? TEXT("the provider did not say what became of it")
				 : text_of(error->message));
		return;
	}
	const struct json *item = find_item(a, how, answer, message);
	if (!item) {
		*outcome = absent(a, sms);
		return;
	}
	outcome->lives = true;
	outcome->state = state_of(how->states, sms_said(item, how->state));
	if (outcome->state == NOTICE_DELIVERED || outcome->state == NOTICE_FAILED)
		outcome->ask_ms = 0;
	provider_say(a, outcome, sms_said(item, how->fail_code), TEXT(""));
}

/* --- reports ------------------------------------------------------------------------------------
 */

static void read_report(struct arena *a, const struct sms_reports *how, const struct json *item,
	struct report *report)
{
	int64_t position;

	*report = (struct report){.outcome = {.lives = true}};
	if (text_to_int64(sms_said(item, how->delivery_id), &position))
		report->position = position;
	report->message_id = provider_quote(a, sms_said(item, how->message_id), 255);
	report->address = provider_quote(a, sms_said(item, how->address), 255);
	report->outcome.state = state_of(how->states, sms_said(item, how->state));
	provider_say(a, &report->outcome, sms_said(item, how->code), sms_said(item, how->text));
}

static bool read_reports(struct arena *a, const struct channel *channel, struct text body,
	const struct report **reports, size_t *count, struct status *status)
{
	const struct sms *sms = channel->made;
	const struct json *all = json_read(a, body, status);

	if (!all)
		return false;
	if (!sms->reports.given)
		return status_set(status, a, STATUS_FAILED_PRECONDITION,
			"the channel's settings do not say how its provider reports");
	const struct json *list = sms_at(all, sms->reports.list);
	bool many = list && list->type == JSON_ARRAY;
	if (!list || (!many && list->type != JSON_OBJECT) || (many && list->count > REPORTS_MAX))
		return status_field(
			status, a, "content", "must hold at most %d reports", REPORTS_MAX);
	struct report *read = arena_array(a, many ? list->count + 1 : 1, sizeof(*read));
	*count = 0;
	for (const struct json *item = many ? list->first : list; item; item = item->next) {
		read_report(a, &sms->reports, item, &read[*count]);
		*count += read[*count].outcome.state != NOTICE_UNKNOWN;
		if (!many)
			break;
	}
	*reports = read;
	return true;
}

const struct provider provider_sms = {
	.name = "sms",
	.make = make,
	.concurrency = CONCURRENCY,
	.timeout_ms = TIMEOUT_MS,
	.compose = compose,
	.judge = judge,
	.compose_question = compose_question,
	.judge_answer = judge_answer,
	.read_reports = read_reports,
};
