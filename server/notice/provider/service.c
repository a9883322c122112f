/*
 * A registered service that sends what it is given. Settings:
 *
 *   {"service": NAME, "path": "/mw/notice/deliver", "idempotent": true}
 *
 * service is required. The secret `secret` is "whsec_" and base64; without it nothing is signed. It
 * is asked as targets of events are: at one of its nodes, signed as Standard Webhooks has it. The
 * delivery's id tells repetitions; a service that does not look at it says so (idempotent false),
 * and gets nothing again that may have arrived.
 */
#include "server/notice/provider/provider.h"
#include "server/notice/provider/setting.h"
#include "server/posting.h"
#include "server/registry/registry.h"

enum {
	CONCURRENCY = 8,
	TIMEOUT_MS = 15000,
	RESPONSE_MAX = 64 * 1024,
	MESSAGE_ID_MAX = 255,
};

struct service_way {
	struct text service, path;
	bool idempotent;
	struct text secret; /* bytes; empty: nothing is signed */
};

/* --- settings ------------------------------------------------------------------------------- */

static bool is_path(struct text path)
{
	for (size_t i = 0; i < path.size; i++)
		if (path.data[i] <= ' ' || path.data[i] > '~' || path.data[i] == '#')
			return false;
	return text_starts(path, TEXT("/"));
}

static struct text read_secret(struct settings *s)
{
	struct text given = setting_text(s, "secret", ""), bytes = TEXT("");

	if (given.size > 0 && !posting_read_secret(s->arena, given, &bytes))
		setting_refuse(s, "secret",
			arena_printf(s->arena, "must be \"whsec_\" and base64 of %d to %d bytes",
				POSTING_SECRET_LEAST, POSTING_SECRET_MOST));
	return bytes;
}

static bool make(struct arena *a, const struct json *settings, const struct json *secrets,
	const void **made, struct status *status)
{
	struct service_way *way = ARENA_NEW(a, struct service_way);
	struct settings shown, hidden;

	settings_begin(&shown, a, "settings", settings, status);
	way->service = setting_text(&shown, "service", NULL);
	way->path = setting_text(&shown, "path", "/mw/notice/deliver");
	if (!is_path(way->path))
		setting_refuse(&shown, "path", "must begin with / and have visible ASCII alone");
	way->idempotent = setting_bool(&shown, "idempotent", true);
	if (!settings_end(&shown))
		return false;
	settings_begin(&hidden, a, "secrets", secrets, status);
	way->secret = read_secret(&hidden);
	*made = way;
	return settings_end(&hidden);
}

static bool repeats_safely(const struct channel *channel)
{
	return ((const struct service_way *)channel->made)->idempotent;
}

/* --- the request ---------------------------------------------------------------------------- */

static void write_member(struct buffer *b, struct text name, struct text value)
{
	json_write_name(b, name);
	json_write_string(b, value);
}

static void write_attachments(struct buffer *b, const struct content *content)
{
	json_write_name(b, TEXT("attachments"));
	buffer_add_char(b, '[');
	for (size_t i = 0; i < content->attachment_count; i++) {
		const struct content_attachment *one = &content->attachments[i];

		json_write_comma(b);
		buffer_add_char(b, '{');
		write_member(b, TEXT("attachmentId"), one->id);
		write_member(b, TEXT("name"), one->name);
		write_member(b, TEXT("contentType"), one->content_type);
		json_write_name(b, TEXT("size"));
		buffer_printf(b, "%lld}", (long long)one->size);
	}
	buffer_add_char(b, ']');
}

static struct text write_body(struct arena *a, const struct channel *channel,
	const struct message *message, struct text delivery_id)
{
	const struct content *content = message->content;
	const struct rendered *said = message->rendered;
	struct buffer b = {.arena = a};

	buffer_add_char(&b, '{');
	write_member(&b, TEXT("noticeId"), content->notice_id);
	write_member(&b, TEXT("deliveryId"), delivery_id);
	write_member(&b, TEXT("channel"), channel->name);
	write_member(&b, TEXT("sender"), content->sender);
	write_member(&b, TEXT("title"), said->subject);
	write_member(&b, TEXT("message"), said->body);
	if (said->html.size > 0)
		write_member(&b, TEXT("html"), said->html);
	write_member(&b, TEXT("user"), message->to->user);
	write_member(&b, TEXT("address"), message->to->address);
	write_member(&b, TEXT("language"), message->language);
	json_write_name(&b, TEXT("params"));
	buffer_add_text(&b, said->params.size > 0 ? said->params : TEXT("{}"));
	write_attachments(&b, content);
	buffer_add_char(&b, '}');
	return buffer_text(&b);
}

static size_t write_headers(struct arena *a, const struct service_way *way,
	const struct message *message, struct text id, struct text body, int64_t now_ms,
	struct fetch_header *headers)
{
	long long seconds = (long long)now_ms / 1000;
	struct buffer signature = {.arena = a};
	size_t count = 0;

	headers[count++] = (struct fetch_header){TEXT("Content-Type"), TEXT("application/json")};
	headers[count++] = (struct fetch_header){TEXT("Idempotency-Key"), id};
	headers[count++] = (struct fetch_header){
		TEXT("traceparent"), posting_parent(a, message->content->trace_id)};
	if (way->secret.size == 0)
		return count;
	posting_sign(&signature, way->secret, id, seconds, body);
	headers[count++] = (struct fetch_header){TEXT("webhook-id"), id};
	headers[count++] = (struct fetch_header){
		TEXT("webhook-timestamp"), text_of(arena_printf(a, "%lld", seconds))};
	headers[count++] =
		(struct fetch_header){TEXT("webhook-signature"), buffer_text(&signature)};
	return count;
}

static struct fetch_request *compose(struct arena *a, const struct channel *channel,
	const struct message *message, int64_t now_ms, struct notice_outcome *outcome)
{
	const struct service_way *way = channel->made;
	bool own_host = false;
	const char *url = registry_node_url(a, channel->space, way->service, way->path, &own_host);
	struct text id = text_of(arena_printf(a, "%lld", (long long)message->to->position));
	struct fetch_request *request = ARENA_NEW(a, struct fetch_request);
	struct fetch_header *headers = arena_array(a, 6, sizeof(*headers));

	if (!url) {
		*outcome = (struct notice_outcome){.state = NOTICE_WAITING};
		provider_say(a, outcome, TEXT("no_node"),
			text_of(arena_printf(a, "service %.*s has no node that is up",
				TEXT_ARGS(way->service))));
		return NULL;
	}
	*request = (struct fetch_request){
		.method = "POST",
		.url = url,
		.headers = headers,
		.body = write_body(a, channel, message, id),
		.connect_timeout_ms = channel->timeout_ms,
		.total_timeout_ms = channel->timeout_ms,
		.response_limit = RESPONSE_MAX,
		.own_host = own_host,
	};
	request->header_count = write_headers(a, way, message, id, request->body, now_ms, headers);
	return request;
}

/* --- the answer ----------------------------------------------------------------------------- */

static struct text said_of(const struct json *object, struct text name)
{
	const struct json *value = json_member(object, name);

	if (!value || (value->type != JSON_STRING && value->type != JSON_NUMBER))
		return TEXT("");
	return value->type == JSON_STRING ? value->string : value->raw;
}

/* A member of the answer, or of the object `data` in it. */
static struct text said_anywhere(const struct json *answer, struct text name)
{
	struct text said = said_of(answer, name);

	return said.size > 0 ? said : said_of(json_member(answer, TEXT("data")), name);
}

static struct text message_of(const struct json *answer)
{
	struct text message = said_of(answer, TEXT("message"));

	return message.size > 0 ? message : said_of(answer, TEXT("msg"));
}

static bool is_taken(const struct json *code)
{
	int64_t number;

	if (code->type == JSON_STRING)
		return text_equal(code->string, TEXT("200"));
	return json_int64(code, &number) && (number == 200 || number == 0);
}

static struct notice_outcome judge_code(
	struct arena *a, const struct json *answer, const struct json *code)
{
	struct notice_outcome outcome = {.state = NOTICE_FAILED, .lives = true};

	if (is_taken(code)) {
		bool delivered =
			text_equal(said_anywhere(answer, TEXT("state")), TEXT("delivered"));

		outcome.state = delivered ? NOTICE_DELIVERED : NOTICE_SENT;
		outcome.message_id =
			provider_quote(a, said_anywhere(answer, TEXT("messageId")), MESSAGE_ID_MAX);
	}
	provider_say(a, &outcome, code->type == JSON_STRING ? code->string : code->raw,
		message_of(answer));
	return outcome;
}

static struct notice_outcome judge_response(struct arena *a, const struct fetch_response *response)
{
	struct status unreadable;
	const struct json *answer = json_read(a, response->body, &unreadable);
	const struct json *code = json_member(answer, TEXT("code"));

	if (code && response->status >= 200 && response->status <= 299)
		return judge_code(a, answer, code);
	struct notice_outcome outcome = provider_unread(a, response);
	if (message_of(answer).size > 0)
		provider_say(a, &outcome, outcome.code, message_of(answer));
	return outcome;
}

static void judge(struct arena *a, const struct channel *channel, const struct message *message,
	const struct fetch_response *response, const struct status *error, bool reached,
	struct notice_outcome *outcomes)
{
	outcomes[0] =
		response ? judge_response(a, response) : provider_unanswered(a, error, reached);
}

/* --- reports -------------------------------------------------------------------------------- */

static bool read_state(struct text word, enum notice_state *state)
{
	*state = text_equal(word, TEXT("delivered")) ? NOTICE_DELIVERED
		 : text_equal(word, TEXT("read"))    ? NOTICE_READ
						     : NOTICE_FAILED;
	return *state != NOTICE_FAILED || text_equal(word, TEXT("failed"));
}

static bool read_report(
	struct arena *a, const struct json *item, struct report *report, struct status *status)
{
	struct text id = said_of(item, TEXT("deliveryId"));

	report->message_id = provider_quote(a, said_of(item, TEXT("messageId")), MESSAGE_ID_MAX);
	if (id.size > 0 && (!text_to_int64(id, &report->position) || report->position <= 0))
		return status_field(status, a, "deliveryId", "must be the id of a delivery");
	if (id.size == 0 && report->message_id.size == 0)
		return status_field(status, a, "deliveryId", "is required, or messageId");
	if (!read_state(said_of(item, TEXT("state")), &report->outcome.state))
		return status_field(
			status, a, "state", "must be \"delivered\", \"failed\" or \"read\"");
	provider_say(a, &report->outcome, said_of(item, TEXT("code")), said_of(item, TEXT("text")));
	return true;
}

static bool read_reports(struct arena *a, const struct channel *channel, struct text body,
	const struct report **reports, size_t *count, struct status *status)
{
	const struct json *given = json_read(a, body, status);
	bool list = given && given->type == JSON_ARRAY;

	if (!given)
		return false;
	if (!list && given->type != JSON_OBJECT)
		return status_field(status, a, "content", "must be an object or a list of objects");
	struct report *read = arena_array(a, list ? given->count : 1, sizeof(*read));
	const struct json *item = list ? given->first : given;

	*count = list ? given->count : 1;
	*reports = read;
	for (size_t i = 0; i < *count; i++, item = item->next)
		if (!read_report(a, item, &read[i], status))
			return false;
	return true;
}

const struct provider provider_service = {
	.name = "service",
	.make = make,
	.concurrency = CONCURRENCY,
	.timeout_ms = TIMEOUT_MS,
	.compose = compose,
	.judge = judge,
	.read_reports = read_reports,
	.repeats_safely = repeats_safely,
};
