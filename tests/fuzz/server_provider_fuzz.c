/* The first byte says of which kind the channel is, the second one the status, the rest is what a
 * provider answers, or reports: whatever it is, what is made of it can be kept and shown. */
#include "base/check.h"
#include "tests/support/provider_trial.h"

struct kind {
	const struct provider *provider;
	const char *settings, *secrets;
};

static const struct kind kinds[] = {
	{&provider_dingtalk, "{}", "{\"access_token\":\"token\",\"secret\":\"SECret\"}"},
	{&provider_wechat, "{\"format\":\"markdown\"}", "{\"key\":\"key\"}"},
	{&provider_service, "{\"service\":\"pager\"}", NULL},
	{&provider_sms,
		"{\"request\":{\"url\":\"http://127.0.0.1/\"},"
		"\"answer\":{\"code\":\"Code\",\"text\":\"Message\",\"messageId\":\"BizId\","
		"\"success\":[\"OK\"],\"throttled\":[\"LIMIT\"],\"retry\":[\"BUSY\"]},"
		"\"question\":{\"request\":{\"url\":\"http://127.0.0.1/\"},\"answer\":{"
		"\"code\":\"Code\",\"success\":[\"OK\"],\"list\":\"Details.Detail\","
		"\"match\":{\"PhoneNum\":\"{{address}}\"},\"state\":\"SendStatus\","
		"\"states\":{\"2\":\"failed\",\"3\":\"delivered\"},\"failCode\":\"ErrCode\"}},"
		"\"reports\":{\"messageId\":\"biz_id\",\"address\":\"phone_number\","
		"\"state\":\"success\",\"states\":{\"true\":\"delivered\",\"false\":\"failed\"},"
		"\"code\":\"err_code\",\"text\":\"err_msg\"}}",
		"{\"id\":\"secret\"}"},
	{&provider_mail, "{\"host\":\"127.0.0.1\",\"from\":\"a@example.com\"}", NULL},
};

static void check_said(struct text t, size_t most)
{
	CHECK(t.size <= most);
	CHECK(text_utf8_error(t) == t.size);
	CHECK(!text_has_control(t));
}

static void check_outcome(const struct notice_outcome *o)
{
	CHECK(o->state >= NOTICE_WAITING && o->state <= NOTICE_UNKNOWN);
	CHECK(o->state != NOTICE_SENDING);
	CHECK(o->pause_ms >= 0 && o->ask_ms >= 0);
	CHECK(!o->throttled || o->state == NOTICE_WAITING);
	check_said(o->code, 64);
	check_said(o->text, 500);
	check_said(o->message_id, 255);
}

static void judge(struct provider_trial *t, int status, struct text said)
{
	const struct provider *p = t->channel.provider;
	const struct fetch_header header = {TEXT("Retry-After"), text_until(said, 40)};
	const struct fetch_response response = {
		.status = status,
		.reason = said,
		.headers = &header,
		.header_count = 1,
		.body = said,
	};

	p->judge(t->arena, &t->channel, &t->message, &response, NULL, true, t->outcomes);
	for (size_t i = 0; i < t->message.count; i++) {
		check_outcome(&t->outcomes[i]);
		CHECK(t->outcomes[i].state != NOTICE_READ);
	}
	if (!p->judge_answer)
		return;
	p->judge_answer(t->arena, &t->channel, &t->message, &response, NULL, t->outcomes);
	check_outcome(&t->outcomes[0]);
}

static void read_reports(struct provider_trial *t, struct text said)
{
	const struct provider *p = t->channel.provider;
	const struct report *reports;
	size_t count;

	if (!p->read_reports ||
		!p->read_reports(t->arena, &t->channel, said, &reports, &count, &t->status))
		return;
	for (size_t i = 0; i < count; i++) {
		const struct report *one = &reports[i];
		enum notice_state state = one->outcome.state;

		check_outcome(&one->outcome);
		check_said(one->message_id, 255);
		check_said(one->address, 255);
		CHECK(one->position >= 0);
		CHECK(state == NOTICE_SENT || state == NOTICE_DELIVERED || state == NOTICE_READ ||
			state == NOTICE_FAILED);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const int statuses[] = {200, 204, 250, 302, 400, 404, 408, 429, 450, 500, 503, 550};
	struct provider_trial t;

	if (size < 2)
		return 0;
	const struct kind *kind = &kinds[data[0] % (sizeof(kinds) / sizeof(kinds[0]))];
	int status = statuses[data[1] % (sizeof(statuses) / sizeof(statuses[0]))];
	struct text said = {(const char *)data + 2, size - 2};

	CHECK(trial_begin(&t, arena_new(0), kind->provider, kind->settings, kind->secrets));
	trial_say(&t, TEXT("title"), TEXT("message"));
	trial_address(&t, kind->provider->most ? 3 : 1, "1380000000%d");
	judge(&t, status, said);
	read_reports(&t, said);
	arena_free(&t.arena);
	return 0;
}
