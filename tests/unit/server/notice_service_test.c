/* What answers and reports of a registered service mean. What it is sent is seen by
 * tests/service/notice_service_test.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#undef fail /* cmocka's; steps have one too */

#include "tests/support/provider_trial.h"

#define SETTINGS "{\"service\":\"pager\"}"

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

static void begin(const char *settings)
{
	assert_true(trial_begin(&t, t.arena, &provider_service, settings, NULL));
	trial_address(&t, 1, "desk %d");
}

static void wrong_settings_are_refused_by_name(void **state)
{
	static const struct {
		const char *settings, *secrets, *message;
	} rows[] = {
		{"{}", NULL, "settings.service: is required"},
		{"[]", NULL, "settings: must be an object"},
		{"{\"service\":\"\"}", NULL,
			"settings.service: must be a text of 1 to 1,000 bytes without control "
			"characters"},
		{"{\"service\":\"a\",\"path\":\"b\"}", NULL,
			"settings.path: must begin with / and have visible ASCII alone"},
		{"{\"service\":\"a\",\"path\":\"/b c\"}", NULL,
			"settings.path: must begin with / and have visible ASCII alone"},
		{"{\"service\":\"a\",\"path\":\"/b#c\"}", NULL,
			"settings.path: must begin with / and have visible ASCII alone"},
		{"{\"service\":\"a\",\"idempotent\":0}", NULL,
			"settings.idempotent: must be true or false"},
		{"{\"service\":\"a\",\"url\":\"http://a\"}", NULL, "settings.url: is not known"},
		{SETTINGS, "{\"secret\":\"abc\"}",
			"secrets.secret: must be \"whsec_\" and base64 of 24 to 64 bytes"},
		{SETTINGS, "{\"secret\":\"whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRY=\"}",
			"secrets.secret: must be \"whsec_\" and base64 of 24 to 64 bytes"},
		{SETTINGS, "{\"token\":\"abc\"}", "secrets.token: is not known"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_false(trial_begin(
			&t, t.arena, &provider_service, rows[i].settings, rows[i].secrets));
		assert_int_equal(t.status.code, STATUS_INVALID_ARGUMENT);
		assert_string_equal(t.status.message, rows[i].message);
	}
	assert_true(trial_begin(&t, t.arena, &provider_service, SETTINGS,
		"{\"secret\":\"whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX\"}"));
}

static void it_says_whether_repetitions_are_told(void **state)
{
	begin(SETTINGS);
	assert_true(provider_service.repeats_safely(&t.channel));
	begin("{\"service\":\"pager\",\"idempotent\":false}");
	assert_false(provider_service.repeats_safely(&t.channel));
}

static void without_a_node_it_waits(void **state)
{
	begin(SETTINGS);
	assert_null(trial_compose(&t));
	assert_int_equal(t.outcomes[0].state, NOTICE_WAITING);
	assert_false(t.outcomes[0].throttled);
	assert_text(t.outcomes[0].code, "no_node");
	assert_text(t.outcomes[0].text, "service pager has no node that is up");
}

static void only_2xx_and_its_codes_count(void **state)
{
	static const struct {
		int status;
		const char *body;
		enum notice_state state;
		const char *code, *text, *message_id;
	} rows[] = {
		{200, "{\"code\":\"200\"}", NOTICE_SENT, "200", "", ""},
		{201, "{\"code\":200,\"message\":\"ok\",\"messageId\":\"m1\"}", NOTICE_SENT, "200",
			"ok", "m1"},
		{200, "{\"code\":0,\"data\":{\"messageId\":17}}", NOTICE_SENT, "0", "", "17"},
		{200, "{\"code\":0,\"state\":\"delivered\"}", NOTICE_DELIVERED, "0", "", ""},
		{200, "{\"code\":0,\"data\":{\"state\":\"delivered\",\"messageId\":\"x\"}}",
			NOTICE_DELIVERED, "0", "", "x"},
		{200, "{\"code\":0,\"state\":\"queued\"}", NOTICE_SENT, "0", "", ""},
		{200, "{\"code\":\"E7\",\"msg\":\"no such desk\"}", NOTICE_FAILED, "E7",
			"no such desk", ""},
		{200, "{\"code\":1,\"messageId\":\"m\"}", NOTICE_FAILED, "1", "", ""},
		{200, "{\"code\":null}", NOTICE_FAILED, "null", "", ""},
		{200, "{\"code\":200.5}", NOTICE_FAILED, "200.5", "", ""},
		{200, "{}", NOTICE_UNKNOWN, "http_200",
			"the answer 200 does not say what became of the message", ""},
		{204, "", NOTICE_UNKNOWN, "http_204",
			"the answer 204 does not say what became of the message", ""},
		{200, "<html>", NOTICE_UNKNOWN, "http_200",
			"the answer 200 does not say what became of the message", ""},
		{200, "[{\"code\":200}]", NOTICE_UNKNOWN, "http_200",
			"the answer 200 does not say what became of the message", ""},
		{400, "{\"code\":200,\"message\":\"bad\"}", NOTICE_FAILED, "http_400", "bad", ""},
		{301, "", NOTICE_FAILED, "http_301",
			"the answer 301 does not say what became of the message", ""},
		{500, "{\"code\":0}", NOTICE_UNKNOWN, "http_500",
			"the answer 500 does not say what became of the message", ""},
	};

	begin(SETTINGS);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct notice_outcome *o =
			trial_judge(&t, rows[i].status, text_of(rows[i].body), NULL);

		if (o->state != rows[i].state)
			print_error("%s\n", rows[i].body);
		assert_int_equal(o->state, rows[i].state);
		assert_text(o->code, rows[i].code);
		assert_text(o->text, rows[i].text);
		assert_text(o->message_id, rows[i].message_id);
		assert_int_equal(o->pause_ms, 0);
		assert_int_equal(o->ask_ms, 0);
	}
}

static void one_that_is_busy_says_so_by_its_status(void **state)
{
	begin(SETTINGS);
	const struct notice_outcome *o = trial_judge(&t, 429, TEXT("{\"code\":1}"), "30");
	assert_int_equal(o->state, NOTICE_WAITING);
	assert_true(o->throttled);
	assert_int_equal(o->pause_ms, 30000);
	o = trial_judge(&t, 503, TEXT(""), "Mon, 21 Sep 2099 14:13:21 GMT");
	assert_int_equal(o->state, NOTICE_WAITING);
	assert_false(o->throttled);
	assert_int_equal(o->pause_ms, 86400000);
	o = trial_judge(&t, 408, TEXT(""), NULL);
	assert_int_equal(o->state, NOTICE_WAITING);
}

static const struct report *reports;
static size_t report_count;

static bool read_body(const char *body)
{
	return provider_service.read_reports(
		t.arena, &t.channel, text_of(body), &reports, &report_count, &t.status);
}

static void reports_are_an_object_or_a_list(void **state)
{
	begin(SETTINGS);
	assert_true(read_body("{\"deliveryId\":\"17\",\"state\":\"delivered\"}"));
	assert_int_equal(report_count, 1);
	assert_int_equal(reports[0].position, 17);
	assert_int_equal(reports[0].outcome.state, NOTICE_DELIVERED);
	assert_int_equal(reports[0].message_id.size + reports[0].outcome.code.size, 0);
	assert_true(read_body(
		"[{\"messageId\":\"m\",\"state\":\"failed\",\"code\":7,\"text\":\"no\\n\"},"
		"{\"deliveryId\":18,\"messageId\":\"n\",\"state\":\"read\",\"x\":[]}]"));
	assert_int_equal(report_count, 2);
	assert_int_equal(reports[0].position, 0);
	assert_text(reports[0].message_id, "m");
	assert_text(reports[0].outcome.code, "7");
	assert_text(reports[0].outcome.text, "no ");
	assert_int_equal(reports[0].outcome.state, NOTICE_FAILED);
	assert_int_equal(reports[1].position, 18);
	assert_int_equal(reports[1].outcome.state, NOTICE_READ);
	assert_true(read_body("[]"));
	assert_int_equal(report_count, 0);
}

static void reports_that_cannot_be_read_are_refused(void **state)
{
	static const struct {
		const char *body, *message;
	} rows[] = {
		{"", "invalid JSON at byte 0"},
		{"17", "content: must be an object or a list of objects"},
		{"[17]", "deliveryId: is required, or messageId"},
		{"{\"state\":\"read\"}", "deliveryId: is required, or messageId"},
		{"{\"deliveryId\":\"x\",\"state\":\"read\"}",
			"deliveryId: must be the id of a delivery"},
		{"{\"deliveryId\":-1,\"state\":\"read\"}",
			"deliveryId: must be the id of a delivery"},
		{"{\"deliveryId\":1}", "state: must be \"delivered\", \"failed\" or \"read\""},
		{"{\"deliveryId\":1,\"state\":\"sent\"}",
			"state: must be \"delivered\", \"failed\" or \"read\""},
		{"[{\"deliveryId\":1,\"state\":\"read\"},{}]",
			"deliveryId: is required, or messageId"},
	};

	begin(SETTINGS);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_false(read_body(rows[i].body));
		assert_int_equal(t.status.code, STATUS_INVALID_ARGUMENT);
		assert_true(text_starts(text_of(t.status.message), text_of(rows[i].message)));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wrong_settings_are_refused_by_name),
		cmocka_unit_test(it_says_whether_repetitions_are_told),
		cmocka_unit_test(without_a_node_it_waits),
		cmocka_unit_test(only_2xx_and_its_codes_count),
		cmocka_unit_test(one_that_is_busy_says_so_by_its_status),
		cmocka_unit_test(reports_are_an_object_or_a_list),
		cmocka_unit_test(reports_that_cannot_be_read_are_refused),
	};

	return cmocka_run_group_tests(tests, open_arena, close_arena);
}
