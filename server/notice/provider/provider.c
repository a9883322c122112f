#include "server/notice/provider/provider.h"

#include "server/posting.h"

enum {
	CODE_MOST = 64,
	TEXT_MOST = 500,
	PAUSE_MS = 60000, /* of a 429 without Retry-After */
};

const struct provider *provider_find(struct text kind)
{
	static const struct provider *const all[] = {&provider_mail, &provider_dingtalk,
		&provider_wechat, &provider_sms, &provider_service};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (text_equal(kind, text_of(all[i]->name)))
			return all[i];
	return NULL;
}

struct text provider_quote(struct arena *a, struct text said, size_t most)
{
	return posting_quote(a, said, most);
}

void provider_say(
	struct arena *a, struct notice_outcome *outcome, struct text code, struct text text)
{
	outcome->code = provider_quote(a, code, CODE_MOST);
	outcome->text = provider_quote(a, text, TEXT_MOST);
}

static struct text name_cause(const struct status *error, bool reached)
{
	if (error->code == STATUS_PERMISSION_DENIED)
		return TEXT("egress");
	if (error->code == STATUS_DEADLINE_EXCEEDED)
		return TEXT("timeout");
	return reached ? TEXT("broken_off") : TEXT("unreached");
}

struct notice_outcome provider_unanswered(struct arena *a, const struct status *error, bool reached)
{
	struct notice_outcome outcome = {.state = reached ? NOTICE_UNKNOWN : NOTICE_WAITING};

	provider_say(a, &outcome, name_cause(error, reached), text_of(error->message));
	return outcome;
}

static enum notice_state read_status(int status, int64_t retry_ms)
{
	if (status == 408 || status == 429 || (status == 503 && retry_ms > 0))
		return NOTICE_WAITING;
	return status >= 300 && status <= 499 ? NOTICE_FAILED : NOTICE_UNKNOWN;
}

struct notice_outcome provider_unread(struct arena *a, const struct fetch_response *response)
{
	int status = response->status;
	int64_t retry_ms = posting_retry_after(a, response, clock_unix_ms());
	struct notice_outcome outcome = {.state = read_status(status, retry_ms)};

	if (outcome.state == NOTICE_WAITING) {
		outcome.throttled = status == 429;
		outcome.pause_ms = outcome.throttled && retry_ms == 0 ? PAUSE_MS : retry_ms;
	}
	outcome.lives = outcome.state == NOTICE_FAILED;
	provider_say(a, &outcome, text_of(arena_printf(a, "http_%d", status)),
		text_of(arena_printf(
			a, "the answer %d does not say what became of the message", status)));
	return outcome;
}
