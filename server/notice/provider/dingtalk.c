/*
 * The custom robot of a DingTalk group. Settings:
 *
 *   {"url": U, "format": "markdown" or "text", "at": "mobile", "user_id" or "none",
 *    "at_all": false}
 *
 * Secrets: access_token, required, and secret, without which nothing is signed. What is signed is
 * the time and the secret, not the message; the signature is base64, percent-encoded once, as the
 * query of a URL needs it. Who is mentioned must stand in the text, too. Of Markdown the subject is
 * shown in the list of chats alone.
 */
#include "server/hmac.h"
#include "server/notice/provider/robot.h"

enum {
	BODY_MOST = 20000, /* beyond it the robot answers 460101 */
	TOO_FAST = 130101, /* more than 20 in a minute: it takes nothing for 10 minutes */
	TOO_FAST_TOO = 410100,
	BUSY = -1,
	PAUSE_MS = 600000,
};

static bool make(struct arena *a, const struct json *settings, const struct json *secrets,
	const void **made, struct status *status)
{
	static const char *const formats[] = {"markdown", "text"};
	struct robot *r = ARENA_NEW(a, struct robot);
	struct settings shown, hidden;

	settings_begin(&shown, a, "settings", settings, status);
	r->url = setting_url(&shown, "url", "https://oapi.dingtalk.com/robot/send");
	r->markdown = setting_word(&shown, "format", formats, 2) == 0;
	r->at = robot_setting_at(&shown, ROBOT_MOBILE);
	r->at_all = setting_bool(&shown, "at_all", false);
	if (!settings_end(&shown))
		return false;
	settings_begin(&hidden, a, "secrets", secrets, status);
	r->token = setting_text(&hidden, "access_token", NULL);
	r->secret = setting_text(&hidden, "secret", "");
	*made = r;
	return settings_end(&hidden);
}

/* --- the message ---------------------------------------------------------------------------- */

static void write_at(
	struct buffer *b, const struct robot *r, const struct message *message, size_t count)
{
	buffer_add_text(b, TEXT("\"at\":{"));
	if (r->at != ROBOT_NONE) {
		json_write_name(b, r->at == ROBOT_MOBILE ? TEXT("atMobiles") : TEXT("atUserIds"));
		robot_write_list(b, r, message, count);
	}
	json_write_name(b, TEXT("isAtAll"));
	buffer_printf(b, "%s}", r->at_all ? "true" : "false");
}

static struct text write_text(
	struct arena *a, const struct robot *r, const struct message *message, size_t count)
{
	const struct rendered *said = message->rendered;
	const char *before = r->markdown ? "\n\n" : "\n";
	struct buffer b = {.arena = a};

	if (!r->markdown && said->subject.size > 0) {
		buffer_add_text(&b, said->subject);
		buffer_add_char(&b, '\n');
	}
	buffer_add_text(&b, said->body);
	for (size_t i = 0; i < count && r->at != ROBOT_NONE; i++) {
		if (!robot_mentions(r, message->to[i].address))
			continue;
		buffer_printf(&b, "%s@%.*s", before, TEXT_ARGS(message->to[i].address));
		before = " ";
	}
	return buffer_text(&b);
}

static struct text write_body(struct arena *a, const struct robot *r, const struct message *message,
	size_t count, size_t *size)
{
	struct text text = write_text(a, r, message, count);
	struct buffer b = {.arena = a};

	if (r->markdown) {
		buffer_add_text(&b, TEXT("{\"msgtype\":\"markdown\",\"markdown\":{\"title\":"));
		json_write_string(&b, message->rendered->subject);
		json_write_name(&b, TEXT("text"));
	} else {
		buffer_add_text(&b, TEXT("{\"msgtype\":\"text\",\"text\":{\"content\":"));
	}
	json_write_string(&b, text);
	buffer_add_text(&b, TEXT("},"));
	write_at(&b, r, message, count);
	buffer_add_char(&b, '}');
	*size = b.size;
	return buffer_text(&b);
}

static size_t limit(const struct robot *r)
{
	return BODY_MOST;
}

static void read_code(int64_t code, struct notice_outcome *outcome)
{
	if (code == BUSY) {
		outcome->state = NOTICE_WAITING;
		outcome->lives = false;
	} else if (code == TOO_FAST || code == TOO_FAST_TOO) {
		outcome->state = NOTICE_WAITING;
		outcome->throttled = true;
		outcome->pause_ms = PAUSE_MS;
	}
}

static const struct robot_kind dingtalk = {write_body, limit, read_code};

/* --- the request ---------------------------------------------------------------------------- */

static struct text write_query(struct arena *a, const struct robot *r, int64_t now_ms)
{
	struct buffer b = {.arena = a};

	buffer_add_text(&b, TEXT("?access_token="));
	buffer_add_text(&b, robot_query_value(a, r->token));
	if (r->secret.size > 0) {
		struct text signed_text = text_of(
			arena_printf(a, "%lld\n%.*s", (long long)now_ms, TEXT_ARGS(r->secret)));
		struct text sign = hmac_base64(a, HMAC_SHA256, r->secret, signed_text);

		buffer_printf(&b, "&timestamp=%lld&sign=", (long long)now_ms);
		buffer_add_text(&b, robot_query_value(a, sign));
	}
	return buffer_text(&b);
}

static struct fetch_request *compose(struct arena *a, const struct channel *channel,
	const struct message *message, int64_t now_ms, struct notice_outcome *outcome)
{
	struct text query = write_query(a, channel->made, now_ms);

	return robot_compose(a, &dingtalk, channel, message, query, outcome);
}

static void judge(struct arena *a, const struct channel *channel, const struct message *message,
	const struct fetch_response *response, const struct status *error, bool reached,
	struct notice_outcome *outcomes)
{
	robot_judge(a, &dingtalk, channel, message, response, error, reached, outcomes);
}

const struct provider provider_dingtalk = {
	.name = "dingtalk",
	.make = make,
	.concurrency = 1,
	.quota = ROBOT_QUOTA,
	.timeout_ms = ROBOT_TIMEOUT_MS,
	.markdown = true,
	.is_markdown = robot_is_markdown,
	.most = robot_most,
	.compose = compose,
	.judge = judge,
};
