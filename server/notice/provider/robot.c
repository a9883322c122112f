/* How many recipients share a message is found by trying: half as many as long as they do not fit.
 * It is found again when the answer is judged, since nothing is kept between the two. */
#include "server/notice/provider/robot.h"

#include "base/percent.h"

enum { RESPONSE_MAX = 64 * 1024, USER_ID_MAX = 64, MOBILE_LEAST = 5, MOBILE_MOST = 20 };

/* --- settings ------------------------------------------------------------------------------- */

enum robot_at robot_setting_at(struct settings *s, enum robot_at first)
{
	static const char *const words[] = {"mobile", "user_id", "none"};
	const char *given[] = {words[first], words[!first], words[ROBOT_NONE]};
	int word = setting_word(s, "at", given, 3);

	return word == 0 ? first : word == 1 ? (enum robot_at) !first : ROBOT_NONE;
}

bool robot_is_markdown(const struct channel *channel)
{
	return ((const struct robot *)channel->made)->markdown;
}

int robot_most(const struct channel *channel)
{
	return ROBOT_MOST;
}

/* --- who is mentioned ----------------------------------------------------------------------- */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter_or_digit(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_mobile(struct text address)
{
	bool plus = text_starts(address, TEXT("+"));

	for (size_t i = plus; i < address.size; i++)
		if (!is_digit(address.data[i]) && address.data[i] != '-')
			return false;
	return address.size >= MOBILE_LEAST && address.size <= MOBILE_MOST;
}

static bool is_user_id(struct text address)
{
	for (size_t i = 0; i < address.size; i++)
		if (!is_letter_or_digit(address.data[i]) &&
			(i == 0 || !strchr("_-@.", address.data[i])))
			return false;
	return address.size > 0 && address.size <= USER_ID_MAX;
}

bool robot_mentions(const struct robot *r, struct text address)
{
	if (r->at == ROBOT_NONE)
		return true;
	return r->at == ROBOT_MOBILE ? is_mobile(address) : is_user_id(address);
}

static bool mentions_any(const struct robot *r, const struct message *message)
{
	for (size_t i = 0; i < message->count; i++)
		if (robot_mentions(r, message->to[i].address))
			return true;
	return false;
}

void robot_write_list(
	struct buffer *b, const struct robot *r, const struct message *message, size_t count)
{
	buffer_add_char(b, '[');
	for (size_t i = 0; i < count; i++) {
		if (!robot_mentions(r, message->to[i].address))
			continue;
		json_write_comma(b);
		json_write_string(b, message->to[i].address);
	}
	buffer_add_char(b, ']');
}

/* --- the request ---------------------------------------------------------------------------- */

/* The body, and of how many recipients; of none if it is too long for one alone. */
static struct text write_body(struct arena *a, const struct robot_kind *kind, const struct robot *r,
	const struct message *message, size_t *count)
{
	struct text body = {0};

	for (*count = message->count; *count > 0; *count /= 2) {
		size_t size;

		body = kind->write(a, r, message, *count, &size);
		if (size <= kind->limit(r))
			break;
	}
	return body;
}

static void refuse(
	struct arena *a, struct notice_outcome *outcome, struct text code, const char *why)
{
	*outcome = (struct notice_outcome){.state = NOTICE_FAILED, .lives = true};
	provider_say(a, outcome, code, text_of(why));
}

static void refuse_address(struct arena *a, const struct robot *r, struct notice_outcome *outcome)
{
	refuse(a, outcome, TEXT("bad_address"),
		r->at == ROBOT_MOBILE ? "the address is no mobile number"
				      : "the address is no user id");
}

struct text robot_query_value(struct arena *a, struct text value)
{
	return percent_encode(a, value, "!\"#$&'()*+,/:;<=>?@[\\]^`{|}");
}

struct fetch_request *robot_compose(struct arena *a, const struct robot_kind *kind,
	const struct channel *channel, const struct message *message, struct text query,
	struct notice_outcome *outcome)
{
	static const struct fetch_header json = {
		{"Content-Type", 12}, {"application/json; charset=utf-8", 31}};
	const struct robot *r = channel->made;
	struct fetch_request *request = ARENA_NEW(a, struct fetch_request);
	size_t count;
	struct text body = write_body(a, kind, r, message, &count);

	if (!mentions_any(r, message)) {
		refuse_address(a, r, outcome);
		return NULL;
	}
	if (count == 0) {
		refuse(a, outcome, TEXT("too_long"),
			arena_printf(a, "the message has more than %zu bytes", kind->limit(r)));
		return NULL;
	}
	*request = (struct fetch_request){
		.method = "POST",
		.url = arena_printf(a, "%.*s%.*s", TEXT_ARGS(r->url), TEXT_ARGS(query)),
		.headers = &json,
		.header_count = 1,
		.body = body,
		.connect_timeout_ms = channel->timeout_ms,
		.total_timeout_ms = channel->timeout_ms,
		.response_limit = RESPONSE_MAX,
	};
	return request;
}

/* --- the answer ----------------------------------------------------------------------------- */

/* An answer may repeat the URL that it was asked by. */
static struct text without_secrets(const struct robot *r, struct text said)
{
	if (memmem(said.data, said.size, r->token.data, r->token.size) ||
		(r->secret.size > 0 &&
			memmem(said.data, said.size, r->secret.data, r->secret.size)))
		return TEXT("what it said is not shown, since it holds the channel's secret");
	return said;
}

static struct notice_outcome judge_answer(struct arena *a, const struct robot_kind *kind,
	const struct robot *r, const struct fetch_response *response)
{
	struct status unreadable;
	const struct json *answer = json_read(a, response->body, &unreadable);
	struct notice_outcome outcome = {.state = NOTICE_SENT, .lives = true};
	int64_t code;

	if (!json_member(answer, TEXT("errcode")) ||
		!json_int64(json_member(answer, TEXT("errcode")), &code))
		return provider_unread(a, response);
	if (code != 0) {
		outcome.state = NOTICE_FAILED;
		kind->read_code(code, &outcome);
	}
	provider_say(a, &outcome, text_of(arena_printf(a, "%lld", (long long)code)),
		without_secrets(r, json_member_text(answer, TEXT("errmsg"), TEXT(""))));
	return outcome;
}

static void postpone(struct arena *a, struct notice_outcome *outcome)
{
	*outcome = (struct notice_outcome){
		.state = NOTICE_WAITING,
		.throttled = true,
		.pause_ms = outcome->pause_ms,
		.lives = outcome->lives,
	};
	provider_say(a, outcome, TEXT("no_room"),
		TEXT("the message had no room to mention this recipient: the next one does"));
}

void robot_judge(struct arena *a, const struct robot_kind *kind, const struct channel *channel,
	const struct message *message, const struct fetch_response *response,
	const struct status *error, bool reached, struct notice_outcome *outcomes)
{
	const struct robot *r = channel->made;
	struct notice_outcome of_all = response ? judge_answer(a, kind, r, response)
						: provider_unanswered(a, error, reached);
	size_t count;

	write_body(a, kind, r, message, &count);
	for (size_t i = 0; i < message->count; i++) {
		outcomes[i] = of_all;
		if (!robot_mentions(r, message->to[i].address))
			refuse_address(a, r, &outcomes[i]);
		else if (i >= count)
			postpone(a, &outcomes[i]);
	}
}
