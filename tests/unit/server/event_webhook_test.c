/* What is sent to a receiver of events, and what its answer means. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#undef fail /* cmocka's; steps have one too */

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/base64.h"
#include "base/json.h"
#include "server/event/push/webhook.h"

#define NOW INT64_C(1790000000123)

static struct arena *arena;

static int open_arena(void **state)
{
	arena = arena_new(0);
	return sodium_init() < 0;
}

static int close_arena(void **state)
{
	arena_free(&arena);
	return 0;
}

static void assert_text(struct text t, const char *expected)
{
	if (!text_equal(t, text_of(expected)))
		print_error("\"%.*s\" instead of \"%s\"\n", TEXT_ARGS(t),
			expected ? expected : "(nothing)");
	assert_true(text_equal(t, text_of(expected)));
}

static struct push_secret secret(const char *base64, int64_t expires_ms)
{
	struct push_secret s = {.expires_ms = expires_ms};

	assert_true(base64_read(arena, text_of(base64), &s.bytes));
	return s;
}

static const struct delivered_event event = {
	.position = 7,
	.number = 1,
	.attempt = 3,
	.event_id = {"e-1", 3},
	.name = {"user.created", 12},
	.trace_id = {"0af7651916cd43dd8448eb211c80319c", 32},
	.data = {"{\"z\":1,\"a\":12345678901234567890.10}", 35},
};

/* --- the request ---------------------------------------------------------------------------- */

static void signatures_are_those_of_standard_webhooks(void **state)
{
	static const struct {
		const char *secret, *id, *body, *signature;
		int64_t seconds;
	} published[] = {
		{"MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek",
			"{\"test\": 2432232314}",
			"v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", 1614265330},
		{"plJ3nmyCDGBKInavdOK15jsl", "msg_loFOjxBNrRLzqYUf",
			"{\"event_type\":\"ping\",\"data\":{\"success\":true}}",
			"v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0=", 1731705121},
	};

	for (size_t i = 0; i < 2; i++) {
		const struct push_secret one = secret(published[i].secret, INT64_MAX);

		assert_text(webhook_signature(arena, &one, 1, NOW, text_of(published[i].id),
				    published[i].seconds, text_of(published[i].body)),
			published[i].signature);
	}
}

static void each_secret_signs_that_has_not_expired(void **state)
{
	const struct push_secret secrets[] = {
		secret("plJ3nmyCDGBKInavdOK15jsl", INT64_MAX),
		secret("AAECAwQFBgcICQoLDA0ODxAREhMUFRYX", NOW),
		secret("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", NOW + 1),
	};
	struct text both = webhook_signature(arena, secrets, 3, NOW,
		TEXT("msg_p5jXN8AQM9LWM0D4loKWxJek"), 1614265330, TEXT("{\"test\": 2432232314}"));
	size_t blank = text_find(both, ' ', 0);

	assert_int_equal(both.size, 2 * 47 + 1);
	assert_int_equal(blank, 47);
	assert_text(text_from(both, blank + 1), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
	assert_int_equal(
		webhook_signature(arena, secrets + 1, 1, NOW, TEXT("a"), 1, TEXT("b")).size, 0);
}

static void the_body_carries_the_data_byte_for_byte(void **state)
{
	struct subscription s = {0};
	struct delivered_event odd = event;

	assert_text(webhook_body(arena, &s, &event),
		"{\"event\":\"user.created\",\"eventId\":\"e-1\","
		"\"data\":{\"z\":1,\"a\":12345678901234567890.10}}");
	odd.event_id = TEXT("\"\\/中");
	odd.data = TEXT(" [ 1e400 ,\t\"\\u00e9\\ud83d\\ude00\" ] ");
	assert_text(webhook_body(arena, &s, &odd),
		"{\"event\":\"user.created\",\"eventId\":\"\\\"\\\\/中\","
		"\"data\": [ 1e400 ,\t\"\\u00e9\\ud83d\\ude00\" ] }");
}

static void sealed_data_is_opened_by_its_key_alone(void **state)
{
	unsigned char public_key[crypto_box_PUBLICKEYBYTES], key[crypto_box_SECRETKEYBYTES];
	unsigned char opened[64];
	struct subscription s = {.push_key = public_key, .push_key_id = TEXT("key \"1\"")};
	struct status ignored;
	struct text box;

	crypto_box_keypair(public_key, key);
	const struct json *body = json_read(arena, webhook_body(arena, &s, &event), &ignored);
	const struct json *data = json_member(body, TEXT("data"));
	const struct json *sealed = json_member(data, TEXT("$sealed"));

	assert_int_equal(data->count, 1);
	assert_int_equal(sealed->count, 2);
	assert_text(json_member_text(sealed, TEXT("keyId"), TEXT("")), "key \"1\"");
	assert_true(base64_read(arena, json_member_text(sealed, TEXT("box"), TEXT("")), &box));
	assert_int_equal(box.size, event.data.size + crypto_box_SEALBYTES);
	assert_int_equal(crypto_box_seal_open(opened, (const unsigned char *)box.data, box.size,
				 public_key, key),
		0);
	assert_memory_equal(opened, event.data.data, event.data.size);
}

static struct text header(const struct fetch_request *request, const char *name)
{
	for (size_t i = 0; i < request->header_count; i++)
		if (text_equal(request->headers[i].name, text_of(name)))
			return request->headers[i].value;
	return (struct text){0};
}

static void the_request_says_whose_event_it_is(void **state)
{
	const struct push_secret one = secret("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", INT64_MAX);
	const struct subscription s = {.timeout_ms = 1234, .secrets = &one, .secret_count = 1};
	const char *url = "http://127.0.0.1:1/a?b=c";
	const struct fetch_request *request =
		webhook_request(arena, &s, TEXT("mail"), &event, url, NOW);
	struct text parent = header(request, "traceparent");

	assert_string_equal(request->method, "POST");
	assert_string_equal(request->url, url);
	assert_ptr_not_equal(request->url, url);
	assert_int_equal(request->connect_timeout_ms, 1234);
	assert_int_equal(request->total_timeout_ms, 1234);
	assert_int_equal(request->response_limit, 65536);
	assert_int_equal(request->header_count, 7);
	assert_true(text_equal(request->body, webhook_body(arena, &s, &event)));
	assert_text(header(request, "Content-Type"), "application/json");
	assert_text(header(request, "webhook-id"), "e-1");
	assert_text(header(request, "webhook-timestamp"), "1790000000");
	assert_true(text_equal(header(request, "webhook-signature"),
		webhook_signature(arena, &one, 1, NOW, TEXT("e-1"), 1790000000, request->body)));
	assert_text(header(request, "junction-group"), "mail");
	assert_text(header(request, "junction-attempt"), "3");
	assert_text(text_until(parent, 36), "00-0af7651916cd43dd8448eb211c80319c-");
	assert_text(text_from(parent, 52), "-01");
	assert_false(text_equal(parent,
		header(webhook_request(arena, &s, TEXT("mail"), &event, url, NOW), "traceparent")));
}

static void what_is_missing_is_made_or_left_out(void **state)
{
	const struct subscription s = {.timeout_ms = 1};
	struct delivered_event untraced = event;

	untraced.trace_id = (struct text){0};
	const struct fetch_request *request =
		webhook_request(arena, &s, TEXT("g"), &untraced, "http://a", NOW);
	assert_null(header(request, "webhook-signature").data);
	assert_int_equal(header(request, "traceparent").size, 55);
}

static void an_id_is_sent_and_signed_as_a_header_can_carry_it(void **state)
{
	const struct push_secret one = secret("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", INT64_MAX);
	const struct subscription s = {.timeout_ms = 1, .secrets = &one, .secret_count = 1};
	struct delivered_event odd = event;

	odd.event_id = TEXT(" a.1790000000.100%é ");
	const struct fetch_request *request =
		webhook_request(arena, &s, TEXT("中 a.b"), &odd, "http://a", NOW);
	assert_text(header(request, "webhook-id"), "%20a%2E1790000000%2E100%25%C3%A9%20");
	assert_true(text_equal(header(request, "webhook-signature"),
		webhook_signature(arena, &one, 1, NOW, header(request, "webhook-id"), 1790000000,
			request->body)));
	assert_text(header(request, "junction-group"), "%E4%B8%AD%20a.b");
}

/* --- the answer ----------------------------------------------------------------------------- */

static struct outcome judge(int status, struct text body, const char *retry_after)
{
	const struct fetch_header headers[] = {{TEXT("Content-Type"), TEXT("text/html")},
		{TEXT("RETRY-after"), text_of(retry_after)}};
	const struct fetch_response response = {
		.status = status,
		.headers = headers,
		.header_count = retry_after ? 2 : 1,
		.body = body,
	};

	return webhook_judge(arena, &response, NULL, NOW);
}

static void only_2xx_and_the_code_200_count(void **state)
{
	static const struct {
		int status;
		const char *body, *code, *reason; /* reason NULL: it is delivered */
	} rows[] = {
		{200, "{\"code\":\"200\"}", "200", NULL},
		{200, "{\"code\":200,\"message\":\"x\"}", "200", NULL},
		{299, " {\"a\":{\"code\":1},\"code\":2e2} ", "2e2", NULL},
		{204, "", "", "answered 204 without a body"},
		{200, "{\"code\":\"500\"}", "500", "answered 200 with code \"500\""},
		{200, "{\"code\":500,\"msg\":\"no\\nroom\"}", "500",
			"answered 200 with code 500: no room"},
		{200, "{\"code\":\"0200\"}", "0200", "answered 200 with code \"0200\""},
		{200, "{\"code\":true}", "true", "answered 200 with code true"},
		{200, "{\"code\":null}", "null", "answered 200 with code null"},
		{200, "{\"code\":200.5}", "200.5", "answered 200 with code 200.5"},
		{200, "{\"Code\":200}", "", "answered 200 without a code"},
		{200, "{\"message\":\"hm\"}", "", "answered 200 without a code: hm"},
		{200, "[{\"code\":200}]", "", "answered 200 with JSON that is no object"},
		{200, "\"200\"", "", "answered 200 with JSON that is no object"},
		{404, "{\"code\":\"200\"}", "200", "answered 404 with code \"200\""},
		{400, "{\"message\":\"broken\",\"msg\":\"b\"}", "", "answered 400: broken"},
		{500, "<html>", "", "answered 500"},
		{301, "{\"code\":\"200\"}", "200", "answered 301, and redirects are not followed"},
		{410, "", "", "answered 410: it wants no more events"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct outcome o = judge(rows[i].status, text_of(rows[i].body), NULL);

		assert_int_equal(o.status, rows[i].status);
		assert_text(o.code, rows[i].code);
		assert_text(o.reason, rows[i].reason ? rows[i].reason : "");
		assert_int_equal(o.state, rows[i].reason ? DELIVERY_FAILED : DELIVERY_DELIVERED);
	}
	struct outcome o = judge(200, TEXT("<html>200</html>"), NULL);
	assert_int_equal(o.state, DELIVERY_FAILED);
	assert_true(text_starts(o.reason,
		TEXT("answered 200 with something else than JSON: invalid JSON at byte ")));
}

static void what_the_lane_says_is_the_reason(void **state)
{
	const struct status error = {.code = STATUS_UNAVAILABLE,
		.message = "127.0.0.1:1 was not reached: connection refused"};
	struct outcome o = webhook_judge(arena, NULL, &error, NOW);

	assert_int_equal(o.state, DELIVERY_FAILED);
	assert_int_equal(o.status, 0);
	assert_text(o.code, "");
	assert_text(o.reason, "127.0.0.1:1 was not reached: connection refused");
}

static void assert_shown(struct text t, size_t most)
{
	assert_true(t.size <= most);
	assert_int_equal(text_utf8_error(t), t.size);
	assert_false(text_has_control(t));
}

static void whatever_it_says_is_cut_and_clean(void **state)
{
	static const char *const unit[] = {"a", "中", "\xf0\x9f\x98\x80", "\\u0000", "\\u0085\\n",
		"\\ud83d\\ude00\\\"", "\xc3\xa9 "};

	for (size_t i = 0; i < sizeof(unit) / sizeof(unit[0]); i++) {
		struct buffer many = {.arena = arena}, body = {.arena = arena};

		for (int j = 0; j < 300; j++)
			buffer_add_text(&many, text_of(unit[i]));
		buffer_printf(&body, "{\"code\":\"%.*s\",\"message\":\"%.*s\"}",
			TEXT_ARGS(buffer_text(&many)), TEXT_ARGS(buffer_text(&many)));
		struct outcome o = judge(200, buffer_text(&body), NULL);
		assert_int_equal(o.state, DELIVERY_FAILED);
		assert_true(o.code.size > WEBHOOK_CODE_MAX - 4);
		assert_shown(o.code, WEBHOOK_CODE_MAX);
		assert_shown(o.reason, WEBHOOK_REASON_MAX);
		/* A name that is there twice is told of. */
		body.size = 0;
		buffer_printf(&body, "{\"%.*s\":1,\"%.*s\":2}", TEXT_ARGS(buffer_text(&many)),
			TEXT_ARGS(buffer_text(&many)));
		assert_shown(judge(200, buffer_text(&body), NULL).reason, WEBHOOK_REASON_MAX);
	}
	assert_shown(judge(200, TEXT("\xff\xfe\0\n"), NULL).reason, WEBHOOK_REASON_MAX);
}

static void random_answers_are_none(void **state)
{
	srandom(4711);
	for (int i = 0; i < 20000; i++) {
		static const char pieces[] = "{}[]\":,code200\\u\xc3\x28\x01 e.-";
		char body[40];
		size_t size = (size_t)random() % sizeof(body);

		for (size_t j = 0; j < size; j++)
			body[j] = pieces[(size_t)random() % (sizeof(pieces) - 1)];
		struct outcome o = judge(200, (struct text){body, size}, NULL);
		assert_int_equal(o.state, DELIVERY_FAILED);
		assert_shown(o.reason, WEBHOOK_REASON_MAX);
	}
}

static void retry_after_is_read_in_all_its_forms(void **state)
{
	static const struct {
		const char *value;
		int64_t ms;
	} rows[] = {{"120", 120000}, {" 0 ", 0}, {"86399", 86399000}, {"86400", 86400000},
		{"86401", 86400000}, {"18446744073709551615", 86400000},
		{"99999999999999999999999", 0}, {"-1", 0}, {"1.5", 0}, {"soon", 0}, {"", 0},
		{"Mon, 21 Sep 2026 14:13:21 GMT", 877}, {"Mon, 21 Sep 2026 14:14:20 GMT", 59877},
		{"Monday, 21-Sep-26 14:14:20 GMT", 59877}, {"Mon Sep 21 14:14:20 2026", 59877},
		{"Mon, 21 Sep 2026 14:13:20 GMT", 0}, {"Sun, 06 Nov 1994 08:49:37 GMT", 0},
		{"Fri, 31 Dec 9999 23:59:59 GMT", 86400000},
		{"Mon, 21 Sep 2026 14:14:20 GMT and more", 0}, {"Mon, 21 Sep 2026", 0}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct outcome o = judge(503, TEXT(""), rows[i].value);

		if (o.retry_after_ms != rows[i].ms)
			print_error("%s\n", rows[i].value);
		assert_int_equal(o.retry_after_ms, rows[i].ms);
	}
	assert_int_equal(judge(429, TEXT(""), "7").retry_after_ms, 7000);
	assert_int_equal(judge(400, TEXT(""), "7").retry_after_ms, 7000);
	assert_int_equal(judge(200, TEXT("{}"), "7").retry_after_ms, 7000);
	assert_int_equal(judge(200, TEXT("{\"code\":200}"), "7").retry_after_ms, 0);
	assert_int_equal(judge(503, TEXT(""), NULL).retry_after_ms, 0);
}

static void a_target_lives_that_answers_of_its_own_will(void **state)
{
	static const int live[] = {200, 204, 301, 400, 404, 410, 422, 499};
	static const int dead[] = {0, 408, 429, 500, 503, 599};

	for (size_t i = 0; i < sizeof(live) / sizeof(live[0]); i++)
		assert_true(webhook_lives(&(struct outcome){.status = live[i]}));
	for (size_t i = 0; i < sizeof(dead) / sizeof(dead[0]); i++)
		assert_false(webhook_lives(&(struct outcome){.status = dead[i]}));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(signatures_are_those_of_standard_webhooks),
		cmocka_unit_test(each_secret_signs_that_has_not_expired),
		cmocka_unit_test(the_body_carries_the_data_byte_for_byte),
		cmocka_unit_test(sealed_data_is_opened_by_its_key_alone),
		cmocka_unit_test(the_request_says_whose_event_it_is),
		cmocka_unit_test(what_is_missing_is_made_or_left_out),
		cmocka_unit_test(an_id_is_sent_and_signed_as_a_header_can_carry_it),
		cmocka_unit_test(only_2xx_and_the_code_200_count),
		cmocka_unit_test(what_the_lane_says_is_the_reason),
		cmocka_unit_test(whatever_it_says_is_cut_and_clean),
		cmocka_unit_test(random_answers_are_none),
		cmocka_unit_test(retry_after_is_read_in_all_its_forms),
		cmocka_unit_test(a_target_lives_that_answers_of_its_own_will),
	};

	return cmocka_run_group_tests(tests, open_arena, close_arena);
}
