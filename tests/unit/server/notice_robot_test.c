/* What DingTalk's and WeCom's robots are sent, and what their answers mean. Signatures are those
 * that Python's hmac, base64 and urllib make. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#undef fail /* cmocka's; steps have one too */

#include "tests/support/provider_trial.h"

#define TOKEN  "{\"access_token\":\"t+k&n\"}"
#define SIGNED "{\"access_token\":\"tok\",\"secret\":\"SECabcdef0123456789\"}"
#define KEY    "{\"key\":\"693a91f6-7xxx\"}"

static struct provider_trial t;

static int open_arena(void **state)
{
	t.arena = arena_new(0);
	return 0;
}

static int close_arena(void **state)
{
	arena_free(&t.arena);
	return 0;
}

static void assert_text(struct text text, const char *expected)
{
	struct text other = text_of(expected);

	if (!text_equal(text, other))
		print_error("\"%.*s\" instead of \"%.*s\"\n", TEXT_ARGS(text), TEXT_ARGS(other));
	assert_true(text_equal(text, other));
}

static void begin(const struct provider *provider, const char *settings, const char *secrets)
{
	assert_true(trial_begin(&t, t.arena, provider, settings, secrets));
	trial_say(&t, TEXT("标题 \"1\""), TEXT("line 1\n**行** 2"));
	trial_address(&t, 1, "13800000000");
}

/* --- settings ------------------------------------------------------------------------------- */

static void wrong_settings_are_refused_by_name(void **state)
{
	static const struct {
		const struct provider *provider;
		const char *settings, *secrets, *message;
	} rows[] = {
		{&provider_dingtalk, "{}", NULL, "secrets.access_token: is required"},
		{&provider_dingtalk, "{}", "{\"access_token\":7}",
			"secrets.access_token: must be a text of 1 to 1,000 bytes without control "
			"characters"},
		{&provider_dingtalk, "{}", "{\"access_token\":\"a\",\"key\":\"b\"}",
			"secrets.key: is not known"},
		{&provider_dingtalk, "{\"x\":1}", TOKEN, "settings.x: is not known"},
		{&provider_dingtalk, "{\"format\":\"html\"}", TOKEN,
			"settings.format: must be \"markdown\" or \"text\""},
		{&provider_dingtalk, "{\"at\":1}", TOKEN,
			"settings.at: must be \"mobile\", \"user_id\" or \"none\""},
		{&provider_dingtalk, "{\"at_all\":\"true\"}", TOKEN,
			"settings.at_all: must be true or false"},
		{&provider_dingtalk, "{\"url\":\"ftp://a/\"}", TOKEN,
			"settings.url: must begin with https:// or http://"},
		{&provider_dingtalk, "{\"url\":\"http://\"}", TOKEN,
			"settings.url: must have a host, and visible ASCII characters alone"},
		{&provider_dingtalk, "{\"url\":\"http://a b/\"}", TOKEN,
			"settings.url: must have a host, and visible ASCII characters alone"},
		{&provider_dingtalk, "{\"url\":\"http://u:p@a/\"}", TOKEN,
			"settings.url: must not hold credentials"},
		{&provider_dingtalk, "{\"url\":\"http://a/send?access_token=b\"}", TOKEN,
			"settings.url: must have no query: tokens and keys are secrets"},
		{&provider_wechat, "{}", "{}", "secrets.key: is required"},
		{&provider_wechat, "{\"at_all\":true}", KEY, "settings.at_all: is not known"},
		{&provider_wechat, "{\"at\":\"all\"}", KEY,
			"settings.at: must be \"user_id\", \"mobile\" or \"none\""},
		{&provider_wechat, "{\"format\":\"markdown\",\"at\":\"mobile\"}", KEY,
			"settings.at: must not be \"mobile\" with Markdown"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_false(trial_begin(
			&t, t.arena, rows[i].provider, rows[i].settings, rows[i].secrets));
		assert_int_equal(t.status.code, STATUS_INVALID_ARGUMENT);
		assert_string_equal(t.status.message, rows[i].message);
		assert_memory_equal(t.status.field, rows[i].message, strlen(t.status.field));
	}
	assert_true(trial_begin(&t, t.arena, &provider_dingtalk, NULL, TOKEN));
	assert_true(trial_begin(&t, t.arena, &provider_dingtalk, "{\"at\":null}", TOKEN));
}

static void kinds_are_found_by_name(void **state)
{
	assert_ptr_equal(provider_find(TEXT("dingtalk")), &provider_dingtalk);
	assert_ptr_equal(provider_find(TEXT("wechat")), &provider_wechat);
	assert_ptr_equal(provider_find(TEXT("service")), &provider_service);
	assert_null(provider_find(TEXT("site")));
	assert_int_equal(provider_dingtalk.quota, 20);
	assert_int_equal(provider_wechat.quota, 20);
	assert_int_equal(provider_dingtalk.concurrency, 1);
	assert_int_equal(provider_wechat.concurrency, 1);
}

/* --- the request ---------------------------------------------------------------------------- */

static void a_dingtalk_message_is_signed_once(void **state)
{
	begin(&provider_dingtalk, "{\"url\":\"http://127.0.0.1:1/robot/send\"}", SIGNED);
	const struct fetch_request *request = trial_compose(&t);

	assert_string_equal(request->method, "POST");
	assert_string_equal(request->url,
		"http://127.0.0.1:1/robot/send?access_token=tok&timestamp=1790000000123"
		"&sign=xmTZvxeZDVD81OoyPlWoHF3huMsYehbnu8GQnAyI%2BkM%3D");
	assert_int_equal(request->header_count, 1);
	assert_text(request->headers[0].name, "Content-Type");
	assert_text(request->headers[0].value, "application/json; charset=utf-8");
	assert_int_equal(request->connect_timeout_ms, 1500);
	assert_int_equal(request->total_timeout_ms, 1500);
	assert_int_equal(request->response_limit, 65536);
	const struct fetch_request *other = t.channel.provider->compose(
		t.arena, &t.channel, &t.message, INT64_C(1790000000000), &t.outcomes[0]);
	assert_string_equal(other->url,
		"http://127.0.0.1:1/robot/send?access_token=tok&timestamp=1790000000000"
		"&sign=hh1YoBWqez%2BfRW9jtGxmxlJ%2BgMYUbf%2F12dcf6xkLg%2BE%3D");
}

static void without_a_secret_nothing_is_signed(void **state)
{
	begin(&provider_dingtalk, "{}", TOKEN);
	assert_string_equal(trial_compose(&t)->url,
		"https://oapi.dingtalk.com/robot/send?access_token=t%2Bk%26n");
	begin(&provider_wechat, "{}", "{\"key\":\"a b\\\"=\"}");
	t.to[0].address = TEXT("zhang");
	assert_string_equal(trial_compose(&t)->url,
		"https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=a%20b%22%3D");
}

static void dingtalk_says_who_is_mentioned_twice(void **state)
{
	begin(&provider_dingtalk, "{}", TOKEN);
	assert_text(trial_compose(&t)->body,
		"{\"msgtype\":\"markdown\",\"markdown\":{\"title\":\"标题 \\\"1\\\"\","
		"\"text\":\"line 1\\n**行** 2\\n\\n@13800000000\"},"
		"\"at\":{\"atMobiles\":[\"13800000000\"],\"isAtAll\":false}}");
	trial_address(&t, 3, "+86-1380000000%d");
	t.to[1].address = TEXT("13800000001\n# spam");
	assert_text(trial_compose(&t)->body,
		"{\"msgtype\":\"markdown\",\"markdown\":{\"title\":\"标题 \\\"1\\\"\","
		"\"text\":\"line 1\\n**行** 2\\n\\n@+86-13800000000 @+86-13800000002\"},"
		"\"at\":{\"atMobiles\":[\"+86-13800000000\",\"+86-13800000002\"],"
		"\"isAtAll\":false}}");
	begin(&provider_dingtalk, "{\"format\":\"text\",\"at\":\"user_id\",\"at_all\":true}",
		TOKEN);
	trial_address(&t, 2, "manager%d");
	assert_text(trial_compose(&t)->body,
		"{\"msgtype\":\"text\",\"text\":{\"content\":\"标题 \\\"1\\\"\\nline 1\\n**行** "
		"2\\n"
		"@manager0 @manager1\"},"
		"\"at\":{\"atUserIds\":[\"manager0\",\"manager1\"],\"isAtAll\":true}}");
	begin(&provider_dingtalk, "{\"format\":\"text\",\"at\":\"none\"}", TOKEN);
	t.to[0].address = TEXT("whatever <this> is");
	assert_text(trial_compose(&t)->body, "{\"msgtype\":\"text\",\"text\":{\"content\":\"标题 "
					     "\\\"1\\\"\\nline 1\\n**行** 2\"},"
					     "\"at\":{\"isAtAll\":false}}");
}

static void wechat_mentions_beside_a_text_and_in_markdown(void **state)
{
	begin(&provider_wechat, "{}", KEY);
	trial_address(&t, 2, "zhang.san_%d");
	assert_text(trial_compose(&t)->body,
		"{\"msgtype\":\"text\",\"text\":{\"content\":\"标题 \\\"1\\\"\\nline 1\\n**行** "
		"2\","
		"\"mentioned_list\":[\"zhang.san_0\",\"zhang.san_1\"]}}");
	begin(&provider_wechat, "{\"at\":\"mobile\"}", KEY);
	t.rendered.subject = TEXT("");
	assert_text(trial_compose(&t)->body,
		"{\"msgtype\":\"text\",\"text\":{\"content\":\"line 1\\n**行** 2\","
		"\"mentioned_mobile_list\":[\"13800000000\"]}}");
	begin(&provider_wechat, "{\"format\":\"markdown\"}", KEY);
	trial_address(&t, 2, "u%d");
	assert_text(trial_compose(&t)->body, "{\"msgtype\":\"markdown\",\"markdown\":{\"content\":"
					     "\"line 1\\n**行** 2\\n<@u0> <@u1>\"}}");
	begin(&provider_wechat, "{\"at\":\"none\"}", KEY);
	assert_text(trial_compose(&t)->body, "{\"msgtype\":\"text\",\"text\":{\"content\":"
					     "\"标题 \\\"1\\\"\\nline 1\\n**行** 2\"}}");
}

static void formats_say_whether_bodies_are_markdown(void **state)
{
	begin(&provider_dingtalk, "{}", TOKEN);
	assert_true(provider_dingtalk.markdown);
	assert_true(provider_dingtalk.is_markdown(&t.channel));
	assert_int_equal(provider_dingtalk.most(&t.channel), 100);
	begin(&provider_dingtalk, "{\"format\":\"text\"}", TOKEN);
	assert_false(provider_dingtalk.is_markdown(&t.channel));
	begin(&provider_wechat, "{}", KEY);
	assert_false(provider_wechat.markdown);
	assert_false(provider_wechat.is_markdown(&t.channel));
	begin(&provider_wechat, "{\"format\":\"markdown\"}", KEY);
	assert_true(provider_wechat.is_markdown(&t.channel));
}

static void addresses_that_name_nobody_have_failed(void **state)
{
	static const char *const wrong[] = {"", "1234", "123456789012345678901", "1380000000a",
		"138 00000000", "@all", "13800000000\\n", "+"};
	static const char *const not_ids[] = {"", "@all", "a b", "a<b", "-a", "中",
		"a2345678901234567890123456789012345678901234567890123456789012345"};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		begin(&provider_dingtalk, "{}", TOKEN);
		t.to[0].address = text_of(wrong[i]);
		assert_null(trial_compose(&t));
		assert_int_equal(t.outcomes[0].state, NOTICE_FAILED);
		assert_text(t.outcomes[0].code, "bad_address");
		assert_text(t.outcomes[0].text, "the address is no mobile number");
	}
	for (size_t i = 0; i < sizeof(not_ids) / sizeof(not_ids[0]); i++) {
		begin(&provider_wechat, "{}", KEY);
		t.to[0].address = text_of(not_ids[i]);
		assert_null(trial_compose(&t));
		assert_int_equal(t.outcomes[0].state, NOTICE_FAILED);
		assert_text(t.outcomes[0].text, "the address is no user id");
	}
	/* In good company only they have. */
	begin(&provider_dingtalk, "{}", TOKEN);
	trial_address(&t, 3, "1380000000%d");
	t.to[1].address = TEXT("x");
	assert_non_null(trial_compose(&t));
	trial_judge(&t, 200, TEXT("{\"errcode\":0,\"errmsg\":\"ok\"}"), NULL);
	assert_int_equal(t.outcomes[0].state, NOTICE_SENT);
	assert_int_equal(t.outcomes[1].state, NOTICE_FAILED);
	assert_text(t.outcomes[1].code, "bad_address");
	assert_int_equal(t.outcomes[2].state, NOTICE_SENT);
}

static void say_bytes(size_t subject, size_t body)
{
	static char many[30000];

	memset(many, 'x', sizeof(many));
	trial_say(&t, (struct text){many, subject}, (struct text){many, body});
}

static void what_is_too_long_is_never_cut(void **state)
{
	static const struct {
		const struct provider *provider;
		const char *settings, *secrets;
		size_t most; /* of the body */
	} rows[] = {
		{&provider_wechat, "{\"at\":\"none\"}", KEY, 2048 - 3},
		{&provider_wechat, "{\"at\":\"none\",\"format\":\"markdown\"}", KEY, 4096},
		{&provider_dingtalk, "{\"at\":\"none\"}", TOKEN,
			20000 -
				sizeof("{\"msgtype\":\"markdown\",\"markdown\":{\"title\":\"xx\","
				       "\"text\":\"\"},\"at\":{\"isAtAll\":false}}") +
				1},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		begin(rows[i].provider, rows[i].settings, rows[i].secrets);
		say_bytes(2, rows[i].most);
		assert_non_null(trial_compose(&t));
		say_bytes(2, rows[i].most + 1);
		assert_null(trial_compose(&t));
		assert_int_equal(t.outcomes[0].state, NOTICE_FAILED);
		assert_text(t.outcomes[0].code, "too_long");
	}
	/* Bytes, not characters. */
	begin(&provider_wechat, "{}", KEY);
	t.to[0].address = TEXT("u");
	struct buffer b = {.arena = t.arena};
	for (int i = 0; i < 683; i++)
		buffer_add_text(&b, TEXT("中"));
	trial_say(&t, TEXT(""), buffer_text(&b));
	assert_null(trial_compose(&t));
	assert_text(t.outcomes[0].text, "the message has more than 2048 bytes");
	trial_say(&t, TEXT(""), text_until(buffer_text(&b), 682 * 3));
	assert_non_null(trial_compose(&t));
}

static void those_without_room_are_mentioned_by_the_next_message(void **state)
{
	begin(&provider_wechat, "{\"format\":\"markdown\"}", KEY);
	trial_address(&t, 100, "a_user_id_of_forty_bytes_and_one_%07d");
	say_bytes(0, 2048);
	const struct fetch_request *request = trial_compose(&t);

	assert_non_null(request);
	assert_non_null(strstr(arena_string(t.arena, request->body), "_0000024>"));
	assert_null(strstr(arena_string(t.arena, request->body), "_0000050>"));
	trial_judge(&t, 200, TEXT("{\"errcode\":0}"), NULL);
	for (size_t i = 0; i < 100; i++) {
		bool mentioned = strstr(arena_string(t.arena, request->body),
			arena_string(t.arena, t.to[i].address));

		assert_int_equal(t.outcomes[i].state, mentioned ? NOTICE_SENT : NOTICE_WAITING);
		assert_int_equal(t.outcomes[i].throttled, !mentioned);
	}
	assert_text(t.outcomes[99].code, "no_room");
}

/* --- the answer ----------------------------------------------------------------------------- */

static void the_errcode_says_what_came_of_it(void **state)
{
	static const struct {
		const struct provider *provider;
		int status;
		const char *body;
		enum notice_state state;
		bool throttled, lives;
		int64_t pause_ms;
		const char *code, *text;
	} rows[] = {
		{&provider_dingtalk, 200, "{\"errcode\":0,\"errmsg\":\"ok\"}", NOTICE_SENT, false,
			true, 0, "0", "ok"},
		{&provider_dingtalk, 200, "{\"errcode\":\"0\"}", NOTICE_SENT, false, true, 0, "0",
			""},
		{&provider_dingtalk, 200,
			"{\"status\":1111,\"wait\":5,\"punish\":\"deny\",\"errcode\": 130101,"
			"\"errmsg\": \"send too fast, exceed 20 times per minute\"}",
			NOTICE_WAITING, true, true, 600000, "130101",
			"send too fast, exceed 20 times per minute"},
		{&provider_dingtalk, 200, "{\"errcode\":410100,\"errmsg\":\"send too fast\"}",
			NOTICE_WAITING, true, true, 600000, "410100", "send too fast"},
		{&provider_dingtalk, 200, "{\"errcode\":-1,\"errmsg\":\"busy\"}", NOTICE_WAITING,
			false, false, 0, "-1", "busy"},
		{&provider_dingtalk, 200, "{\"errcode\":310000,\"errmsg\":\"sign not match\"}",
			NOTICE_FAILED, false, true, 0, "310000", "sign not match"},
		{&provider_dingtalk, 200, "{\"errcode\":300001,\"errmsg\":\"token\\nno\"}",
			NOTICE_FAILED, false, true, 0, "300001", "token no"},
		{&provider_dingtalk, 200, "{\"errcode\":460101}", NOTICE_FAILED, false, true, 0,
			"460101", ""},
		{&provider_dingtalk, 500, "{\"errcode\":0}", NOTICE_SENT, false, true, 0, "0", ""},
		{&provider_wechat, 200, "{\"errcode\":0,\"errmsg\":\"ok\"}", NOTICE_SENT, false,
			true, 0, "0", "ok"},
		{&provider_wechat, 200, "{\"errcode\":45009,\"errmsg\":\"freq\"}", NOTICE_WAITING,
			true, true, 60000, "45009", "freq"},
		{&provider_wechat, 200, "{\"errcode\":45033}", NOTICE_WAITING, true, true, 60000,
			"45033", ""},
		{&provider_wechat, 200, "{\"errcode\":-1}", NOTICE_WAITING, false, false, 0, "-1",
			""},
		{&provider_wechat, 200, "{\"errcode\":93000,\"errmsg\":\"invalid webhook url\"}",
			NOTICE_FAILED, false, true, 0, "93000", "invalid webhook url"},
		{&provider_wechat, 200, "{\"errcode\":130101}", NOTICE_FAILED, false, true, 0,
			"130101", ""},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bool dingtalk = rows[i].provider == &provider_dingtalk;

		begin(rows[i].provider, dingtalk ? "{}" : "{\"at\":\"mobile\"}",
			dingtalk ? TOKEN : KEY);
		const struct notice_outcome *o =
			trial_judge(&t, rows[i].status, text_of(rows[i].body), NULL);

		assert_int_equal(o->state, rows[i].state);
		assert_int_equal(o->throttled, rows[i].throttled);
		assert_int_equal(o->lives, rows[i].lives);
		assert_int_equal(o->pause_ms, rows[i].pause_ms);
		assert_int_equal(o->ask_ms, 0);
		assert_text(o->code, rows[i].code);
		assert_text(o->text, rows[i].text);
		assert_int_equal(o->message_id.size, 0);
	}
}

static void an_answer_that_says_nothing_is_judged_by_its_status(void **state)
{
	static const struct {
		int status;
		const char *body, *retry_after;
		enum notice_state state;
		bool throttled;
		int64_t pause_ms;
		const char *code;
	} rows[] = {
		{200, "", NULL, NOTICE_UNKNOWN, false, 0, "http_200"},
		{200, "<html>ok</html>", NULL, NOTICE_UNKNOWN, false, 0, "http_200"},
		{200, "{\"errcode\":null}", NULL, NOTICE_UNKNOWN, false, 0, "http_200"},
		{200, "{\"errcode\":0.5}", NULL, NOTICE_UNKNOWN, false, 0, "http_200"},
		{200, "[{\"errcode\":0}]", NULL, NOTICE_UNKNOWN, false, 0, "http_200"},
		{200, "{\"errcode\":0,\"errcode\":0}", NULL, NOTICE_UNKNOWN, false, 0, "http_200"},
		{302, "", NULL, NOTICE_FAILED, false, 0, "http_302"},
		{404, "<html>", NULL, NOTICE_FAILED, false, 0, "http_404"},
		{408, "", NULL, NOTICE_WAITING, false, 0, "http_408"},
		{429, "", "7", NOTICE_WAITING, true, 7000, "http_429"},
		{429, "", NULL, NOTICE_WAITING, true, 60000, "http_429"},
		{500, "", NULL, NOTICE_UNKNOWN, false, 0, "http_500"},
		{502, "<html>", "7", NOTICE_UNKNOWN, false, 0, "http_502"},
		{503, "", NULL, NOTICE_UNKNOWN, false, 0, "http_503"},
		{503, "", "120", NOTICE_WAITING, false, 120000, "http_503"},
	};

	begin(&provider_dingtalk, "{}", TOKEN);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct notice_outcome *o =
			trial_judge(&t, rows[i].status, text_of(rows[i].body), rows[i].retry_after);

		if (o->state != rows[i].state)
			print_error("row %zu\n", i);
		assert_int_equal(o->state, rows[i].state);
		assert_int_equal(o->throttled, rows[i].throttled);
		assert_int_equal(o->pause_ms, rows[i].pause_ms);
		assert_text(o->code, rows[i].code);
		assert_int_equal(o->lives, rows[i].state == NOTICE_FAILED);
	}
}

static void no_answer_is_unknown_only_if_something_arrived(void **state)
{
	static const struct {
		enum status_code code;
		bool reached;
		const char *said;
	} rows[] = {
		{STATUS_UNAVAILABLE, false, "unreached"},
		{STATUS_UNAVAILABLE, true, "broken_off"},
		{STATUS_DEADLINE_EXCEEDED, false, "timeout"},
		{STATUS_DEADLINE_EXCEEDED, true, "timeout"},
		{STATUS_PERMISSION_DENIED, false, "egress"},
		{STATUS_RESOURCE_EXHAUSTED, true, "broken_off"},
	};

	begin(&provider_dingtalk, "{}", TOKEN);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct status error = {.code = rows[i].code, .message = "because\n of it"};

		provider_dingtalk.judge(
			t.arena, &t.channel, &t.message, NULL, &error, rows[i].reached, t.outcomes);
		assert_int_equal(
			t.outcomes[0].state, rows[i].reached ? NOTICE_UNKNOWN : NOTICE_WAITING);
		assert_text(t.outcomes[0].code, rows[i].said);
		assert_text(t.outcomes[0].text, "because  of it");
		assert_false(t.outcomes[0].lives);
		assert_false(t.outcomes[0].throttled);
	}
}

static void an_answer_cannot_make_the_secrets_known(void **state)
{
	static const char *const said[] = {"no access_token tok!", "SECabcdef0123456789"};

	for (size_t i = 0; i < 2; i++) {
		begin(&provider_dingtalk, "{}", SIGNED);
		const struct notice_outcome *o = trial_judge(&t, 200,
			text_of(arena_printf(
				t.arena, "{\"errcode\":1,\"errmsg\":\"%s\"}", said[i])),
			NULL);
		assert_text(
			o->text, "what it said is not shown, since it holds the channel's secret");
	}
}

static void what_it_says_is_cut_and_clean(void **state)
{
	struct buffer b = {.arena = t.arena};

	begin(&provider_wechat, "{}", KEY);
	buffer_add_text(&b, TEXT("{\"errcode\":9223372036854775807,\"errmsg\":\"\\u0000\\u0085"));
	for (int i = 0; i < 400; i++)
		buffer_add_text(&b, TEXT("中"));
	buffer_add_text(&b, TEXT("\"}"));
	const struct notice_outcome *o = trial_judge(&t, 200, buffer_text(&b), NULL);
	assert_text(text_until(o->text, 5), "  中");
	assert_int_equal(o->text.size, 500);
	assert_int_equal(text_utf8_error(o->text), o->text.size);
	assert_text(provider_quote(t.arena,
			    TEXT("\xff"
				 "a\x01"),
			    9),
		"?a ");
	assert_text(provider_quote(t.arena, TEXT("中中"), 5), "中");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wrong_settings_are_refused_by_name),
		cmocka_unit_test(kinds_are_found_by_name),
		cmocka_unit_test(a_dingtalk_message_is_signed_once),
		cmocka_unit_test(without_a_secret_nothing_is_signed),
		cmocka_unit_test(dingtalk_says_who_is_mentioned_twice),
		cmocka_unit_test(wechat_mentions_beside_a_text_and_in_markdown),
		cmocka_unit_test(formats_say_whether_bodies_are_markdown),
		cmocka_unit_test(addresses_that_name_nobody_have_failed),
		cmocka_unit_test(what_is_too_long_is_never_cut),
		cmocka_unit_test(those_without_room_are_mentioned_by_the_next_message),
		cmocka_unit_test(the_errcode_says_what_came_of_it),
		cmocka_unit_test(an_answer_that_says_nothing_is_judged_by_its_status),
		cmocka_unit_test(no_answer_is_unknown_only_if_something_arrived),
		cmocka_unit_test(an_answer_cannot_make_the_secrets_known),
		cmocka_unit_test(what_it_says_is_cut_and_clean),
	};

	return cmocka_run_group_tests(tests, open_arena, close_arena);
}
