/*
 * The robot of a WeCom group. Settings:
 *
 *   {"url": U, "format": "text" or "markdown", "at": "user_id", "mobile" or "none"}
 *
 * The secret `key`, in the URL, is all it has; nothing is signed. A text names whom it mentions in
 * a list beside it, Markdown in the text itself, and only by user ids. Markdown has no subject.
 */
#include "server/notice/provider/robot.h"

enum {
	TEXT_MOST = 2048, /* bytes of UTF-8 */
	MARKDOWN_MOST = 4096,
	TOO_OFTEN = 45009, /* more than 20 in a minute */
	TOO_MANY_AT_ONCE = 45033,
	BUSY = -1,
	PAUSE_MS = 60000,
};

static bool make(struct arena *a, const struct json *settings, const struct json *secrets,
	const void **made, struct status *status)
{
	static const char *const formats[] = {"text", "markdown"};
	struct robot *r = ARENA_NEW(a, struct robot);
	struct settings shown, hidden;

	settings_begin(&shown, a, "settings", settings, status);
	r->url = setting_url(&shown, "url", "https://qyapi.weixin.qq.com/cgi-bin/webhook/send");
	r->markdown = setting_word(&shown, "format", formats, 2) == 1;
	r->at = robot_setting_at(&shown, ROBOT_USER_ID);
	if (r->markdown && r->at == ROBOT_MOBILE)
		setting_refuse(&shown, "at", "must not be \"mobile\" with Markdown");
	if (!settings_end(&shown))
		return false;
	settings_begin(&hidden, a, "secrets", secrets, status);
	r->token = setting_text(&hidden, "key", NULL);
	*made = r;
	return settings_end(&hidden);
}

/* --- the message ---------------------------------------------------------------------------- */

static struct text write_markdown(
	struct arena *a, const struct robot *r, const struct message *message, size_t count)
{
	const char *before = "\n";
	struct buffer b = {.arena = a};

	buffer_add_text(&b, message->rendered->body);
	for (size_t i = 0; i < count && r->at != ROBOT_NONE; i++) {
		if (!robot_mentions(r, message->to[i].address))
			continue;
		buffer_printf(&b, "%s<@%.*s>", before, TEXT_ARGS(message->to[i].address));
		before = " ";
	}
	return buffer_text(&b);
}

static struct text write_text(struct arena *a, const struct rendered *said)
{
	struct buffer b = {.arena = a};

	if (said->subject.size > 0) {
		buffer_add_text(&b, said->subject);
		buffer_add_char(&b, '\n');
	}
	buffer_add_text(&b, said->body);
	return buffer_text(&b);
}

static struct text write_body(struct arena *a, const struct robot *r, const struct message *message,
	size_t count, size_t *size)
{
	struct text content = r->markdown ? write_markdown(a, r, message, count)
					  : write_text(a, message->rendered);
	struct buffer b = {.arena = a};
	const char *type = r->markdown ? "markdown" : "text";

	*size = content.size;
	buffer_printf(&b, "{\"msgtype\":\"%s\",\"%s\":{\"content\":", type, type);
	json_write_string(&b, content);
	if (!r->markdown && r->at != ROBOT_NONE) {
		json_write_name(&b, r->at == ROBOT_MOBILE ? TEXT("mentioned_mobile_list")
							  : TEXT("mentioned_list"));
		robot_write_list(&b, r, message, count);
	}
	buffer_add_text(&b, TEXT("}}"));
	return buffer_text(&b);
}

static size_t limit(const struct robot *r)
{
	return r->markdown ? MARKDOWN_MOST : TEXT_MOST;
}

static void read_code(int64_t code, struct notice_outcome *outcome)
{
	if (code == BUSY) {
		outcome->state = NOTICE_WAITING;
		outcome->lives = false;
	} else if (code == TOO_OFTEN || code == TOO_MANY_AT_ONCE) {
		outcome->state = NOTICE_WAITING;
		outcome->throttled = true;
		outcome->pause_ms = PAUSE_MS;
	}
}

static const struct robot_kind wechat = {write_body, limit, read_code};

/* --- the request ---------------------------------------------------------------------------- */

static struct fetch_request *compose(struct arena *a, const struct channel *channel,
	const struct message *message, int64_t now_ms, struct notice_outcome *outcome)
{
	const struct robot *r = channel->made;
	struct buffer query = {.arena = a};

	buffer_add_text(&query, TEXT("?key="));
	buffer_add_text(&query, robot_query_value(a, r->token));
	return robot_compose(a, &wechat, channel, message, buffer_text(&query), outcome);
}

static void judge(struct arena *a, const struct channel *channel, const struct message *message,
	const struct fetch_response *response, const struct status *error, bool reached,
	struct notice_outcome *outcomes)
{
	robot_judge(a, &wechat, channel, message, response, error, reached, outcomes);
}

const struct provider provider_wechat = {
	.name = "wechat",
	.make = make,
	.concurrency = 1,
	.quota = ROBOT_QUOTA,
	.timeout_ms = ROBOT_TIMEOUT_MS,
	.is_markdown = robot_is_markdown,
	.most = robot_most,
	.compose = compose,
	.judge = judge,
};
