/* Mails as the provider composes them, and what it makes of replies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base64.h"
#include "server/notice/provider/mail_text.h"
#include "server/notice/provider/provider.h"

#include <cmocka.h>

/* 2026-11-22T17:05:09Z, a Sunday. */
enum { NOW_S = 1795367109 };

#define SETTINGS "{\"host\":\"mx.example\",\"from\":\"me@here.example\"}"

static struct arena *arena;

static int set_up(void **state)
{
	arena = arena_new(0);
	return 0;
}

static int tear_down(void **state)
{
	arena_free(&arena);
	return 0;
}

static const struct json *json_of(const char *text)
{
	struct status status;
	const struct json *value = text ? json_read(arena, text_of(text), &status) : NULL;

	assert_true(!text || value);
	return value;
}

/* --- settings --------------------------------------------------------------------------------- */

static void bad_settings_are_refused_by_name(void **state)
{
	static const struct {
		const char *settings, *secrets, *field;
	} cases[] = {
		{"{\"from\":\"a@b\"}", NULL, "settings.host"},
		{"{\"host\":\"h\"}", NULL, "settings.from"},
		{"{\"host\":\"h/x\",\"from\":\"a@b\"}", NULL, "settings.host"},
		{"{\"host\":\"h?\",\"from\":\"a@b\"}", NULL, "settings.host"},
		{"{\"host\":\"h\",\"from\":\"a b@b\"}", NULL, "settings.from"},
		{"{\"host\":\"h\",\"from\":\"a@b\",\"reply_to\":\"x\"}", NULL, "settings.reply_to"},
		{"{\"host\":\"h\",\"from\":\"a@b\",\"port\":70000}", NULL, "settings.port"},
		{"{\"host\":\"h\",\"from\":\"a@b\",\"security\":\"ssl\"}", NULL,
			"settings.security"},
		{"{\"host\":\"h\",\"from\":\"a@b\",\"ca_file\":\"x.pem\"}", NULL,
			"settings.ca_file"},
		{"{\"host\":\"h\",\"from\":\"a@b\",\"from_name\":\"a\\nb\"}", NULL,
			"settings.from_name"},
		{"{\"host\":\"h\",\"from\":\"a@b\",\"verify\":false}", NULL, "settings.verify"},
		{"{\"host\":\"h\",\"from\":\"a@b\",\"user\":\"u\"}", NULL, "secrets.password"},
		{SETTINGS, "{\"token\":\"x\"}", "secrets.token"},
		{"{\"host\":\"h\",\"from\":\"a@b\",\"user\":\"u\",\"security\":\"none\"}",
			"{\"password\":\"p\"}", "settings.user"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const void *made;
		struct status status;

		assert_false(provider_mail.make(arena, json_of(cases[i].settings),
			json_of(cases[i].secrets), &made, &status));
		assert_int_equal(status.code, STATUS_INVALID_ARGUMENT);
		assert_string_equal(status.field, cases[i].field);
	}
}

/* --- a message -------------------------------------------------------------------------------- */

static struct content content;
static struct rendered rendered;
static struct addressee addressee;
static struct message message;
static struct channel channel;

static void make_channel(const char *settings, const char *secrets)
{
	struct status status;

	channel = (struct channel){.provider = &provider_mail, .timeout_ms = 60000};
	if (!provider_mail.make(arena, json_of(settings), json_of(secrets), &channel.made, &status))
		fail_msg("%s", status.message);
	content = (struct content){
		.notice_id = TEXT("0192-id"), .sender = TEXT("Ops"), .title = TEXT("Title")};
	rendered = (struct rendered){.subject = TEXT("Alarm"), .body = TEXT("Text")};
	addressee = (struct addressee){.position = 77, .address = TEXT("you@there.example")};
	message = (struct message){.content = &content,
		.rendered = &rendered,
		.to = &addressee,
		.count = 1,
		.language = TEXT("zh-CN")};
}

static const struct fetch_request *composed(void)
{
	struct notice_outcome outcome = {0};
	const struct fetch_request *request =
		provider_mail.compose(arena, &channel, &message, (int64_t)NOW_S * 1000, &outcome);

	if (!request)
		fail_msg("%.*s", TEXT_ARGS(outcome.text));
	return request;
}

static const char *header(const struct fetch_request *request, const char *name)
{
	for (size_t i = 0; i < request->mail->header_count; i++)
		if (text_equal(request->mail->headers[i].name, text_of(name)))
			return arena_string(arena, request->mail->headers[i].value);
	return "";
}

static void the_security_settles_url_and_tls(void **state)
{
	static const struct {
		const char *settings, *url;
		bool starttls;
	} cases[] = {
		{SETTINGS, "smtp://mx.example:587", true},
		{"{\"host\":\"h\",\"from\":\"a@b\",\"security\":\"tls\"}", "smtps://h:465", false},
		{"{\"host\":\"h\",\"from\":\"a@b\",\"security\":\"none\"}", "smtp://h:25", false},
		{"{\"host\":\"::1\",\"from\":\"a@b\",\"port\":2525}", "smtp://[::1]:2525", true},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct fetch_request *request;

		make_channel(cases[i].settings, NULL);
		request = composed();
		assert_string_equal(request->url, cases[i].url);
		assert_int_equal(request->mail->starttls, cases[i].starttls);
		assert_null(request->mail->user);
	}
}

static void a_mail_says_who_when_and_what_it_is(void **state)
{
	const struct fetch_request *request;

	make_channel("{\"host\":\"h\",\"from\":\"me@here.example\",\"user\":\"u\","
		     "\"reply_to\":\"re@x.example\",\"ca_file\":\"/ca.pem\"}",
		"{\"password\":\"p\"}");
	request = composed();
	assert_string_equal(request->mail->from, "me@here.example");
	assert_string_equal(request->mail->to, "you@there.example");
	assert_string_equal(request->mail->user, "u");
	assert_string_equal(request->mail->password, "p");
	assert_string_equal(request->mail->ca_file, "/ca.pem");
	assert_string_equal(header(request, "From"), "\"Ops\" <me@here.example>");
	assert_string_equal(header(request, "To"), "you@there.example");
	assert_string_equal(header(request, "Reply-To"), "re@x.example");
	assert_string_equal(header(request, "Subject"), "Alarm");
	assert_string_equal(header(request, "Date"), "Sun, 22 Nov 2026 17:05:09 +0000");
	assert_string_equal(header(request, "Message-ID"), "<77.0192-id@here.example>");
	assert_string_equal(header(request, "Auto-Submitted"), "auto-generated");
	assert_string_equal(header(request, "X-Junction-Notice"), "0192-id");
	assert_string_equal(header(request, "Content-Language"), "zh-CN");
	assert_null(request->mail->html.data);
	assert_int_equal(request->mail->part_count, 0);
	assert_int_equal(request->total_timeout_ms, 60000);
}

static void a_name_of_the_channel_comes_before_the_sender(void **state)
{
	make_channel("{\"host\":\"h\",\"from\":\"a@b.c\",\"from_name\":\"A \\\"B\\\"\"}", NULL);
	assert_string_equal(header(composed(), "From"), "\"A \\\"B\\\"\" <a@b.c>");
}

static void attachments_are_carried_by_reference(void **state)
{
	static const struct content_attachment file = {
		.name = {"a.pdf", 5}, .content_type = {"application/pdf", 15}, .size = 3};
	static const struct text bytes = {"\0\1\2", 3};
	const struct fetch_mail_part *part;

	make_channel(SETTINGS, NULL);
	content.attachments = &file;
	content.attachment_count = 1;
	message.attachments = &bytes;
	rendered.html = TEXT("<b>Text</b>");
	part = composed()->mail->parts;
	assert_string_equal(part->name, "a.pdf");
	assert_string_equal(part->content_type, "application/pdf");
	assert_ptr_equal(part->bytes.data, bytes.data);
	assert_string_equal(composed()->mail->html.data, "<b>Text</b>");
}

static void nothing_breaks_out_of_a_header(void **state)
{
	const struct fetch_request *request;

	make_channel(SETTINGS, NULL);
	content.sender = TEXT("a\r\nBcc: x@y");
	rendered.subject = TEXT("b\r\n\r\nc\0d");
	message.language = TEXT("en\r\nX: y");
	request = composed();
	for (size_t i = 0; i < request->mail->header_count; i++)
		for (size_t j = 0; j < request->mail->headers[i].value.size; j++)
			assert_in_range(request->mail->headers[i].value.data[j], ' ', '~');
	assert_string_equal(header(request, "Subject"), "b    c d");
	assert_string_equal(header(request, "Content-Language"), "");
}

static void what_is_no_address_has_failed(void **state)
{
	static const struct text bad[] = {
		{"", 0},
		{"you", 3},
		{"@b", 2},
		{"a@", 2},
		{"a@b@c", 5},
		{"a b@c", 5},
		{"a@b c", 5},
		{"a@b\r\nRCPT TO:<c@d>", 18},
		{"<a@b>", 5},
		{"a@b,c@d", 7},
		{"\"a\"@b", 5},
		{"\xe4\xbd\xa0@b", 5},
		{"a@\xe4\xbd\xa0", 5},
		{"a\0@b", 4},
		{"a@b..c", 6},
		{"a@.b", 4},
		{"a@-b", 4},
		{"a@b-", 4},
		{"a@[1.2.3.4]", 11},
	};

	make_channel(SETTINGS, NULL);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct notice_outcome outcome = {0};

		addressee.address = bad[i];
		assert_null(provider_mail.compose(arena, &channel, &message, 0, &outcome));
		assert_int_equal(outcome.state, NOTICE_FAILED);
		assert_true(outcome.lives);
		assert_true(text_equal(outcome.code, TEXT("bad_address")));
	}
	assert_true(mail_text_is_address(TEXT("o'neil+x.y_z=1@xn--fiq228c.example-1.org")));
}

/* --- encoded words ---------------------------------------------------------------------------- */

/* Each word is of a line's length at most and of whole characters; together they are the text. */
static void assert_decodes(struct text encoded, size_t first, struct text said)
{
	struct buffer all = {.arena = arena};
	size_t most = first;

	for (size_t at = 0; at < encoded.size;) {
		size_t end = text_find(encoded, ' ', at);
		struct text word = text_until(text_from(encoded, at), end - at);
		struct text bytes;

		assert_in_range(word.size, 13, most);
		assert_memory_equal(word.data, "=?UTF-8?B?", 10);
		assert_memory_equal(word.data + word.size - 2, "?=", 2);
		assert_true(base64_read(
			arena, text_until(text_from(word, 10), word.size - 12), &bytes));
		assert_int_equal(text_utf8_error(bytes), bytes.size);
		buffer_add_text(&all, bytes);
		at = end + 1;
		most = 75;
	}
	assert_true(text_equal(buffer_text(&all), said));
}

static void other_letters_become_encoded_words(void **state)
{
	static const char *const texts[] = {"\xe6\xb0\xb4\xe6\xb3\xb5",
		("a\xe6\xb0\xb4"
		 "bc\xf0\x9f\x92\xa7"),
		"=?UTF-8?B?YQ==?=", " a", "a "};
	struct buffer b = {.arena = arena};

	for (int i = 0; i < 5; i++)
		assert_decodes(mail_text_encode(arena, TEXT("Subject"), text_of(texts[i])), 67,
			text_of(texts[i]));
	for (int i = 0; i < 400; i++) {
		buffer_add_text(&b, text_of(i % 3 ? "\xe6\xb0\xb4" : "\xf0\x9f\x92\xa7"));
		buffer_add_text(&b, TEXT("x"));
		if (i % 7 == 0)
			assert_decodes(mail_text_encode(arena, TEXT("Subject"), buffer_text(&b)),
				67, buffer_text(&b));
	}
}

static void what_is_too_long_for_a_line_is_encoded(void **state)
{
	char word[1000];

	memset(word, 'w', sizeof(word));
	assert_decodes(mail_text_encode(arena, TEXT("Subject"), (struct text){word, sizeof(word)}),
		67, (struct text){word, sizeof(word)});
	assert_true(text_equal(mail_text_encode(arena, TEXT("Subject"), TEXT("a b  c? d = e")),
		TEXT("a b  c? d = e")));
	assert_int_equal(mail_text_encode(arena, TEXT("Subject"), TEXT("")).size, 0);
}

static void a_chinese_sender_is_encoded_before_its_address(void **state)
{
	struct text mailbox = mail_text_mailbox(
		arena, TEXT("From"), TEXT("\xe8\xbf\x90\xe7\xbb\xb4"), TEXT("a@b.c"));

	assert_string_equal(mailbox.data, "=?UTF-8?B?6L+Q57u0?= <a@b.c>");
	assert_string_equal(
		mail_text_mailbox(arena, TEXT("From"), TEXT(""), TEXT("a@b.c")).data, "<a@b.c>");
}

/* --- replies ---------------------------------------------------------------------------------- */

static void a_reply_is_an_outcome(void **state)
{
	static const struct {
		int status;
		const char *command;
		enum notice_state state;
		bool lives, pauses;
	} cases[] = {
		{250, "DATA", NOTICE_SENT, true, false},
		{251, "DATA", NOTICE_SENT, true, false},
		{450, "RCPT", NOTICE_WAITING, true, false},
		{452, "DATA", NOTICE_WAITING, true, false},
		{421, "MAIL", NOTICE_WAITING, false, false},
		{550, "RCPT", NOTICE_FAILED, true, false},
		{554, "DATA", NOTICE_FAILED, true, false},
		{552, "MAIL", NOTICE_FAILED, true, false},
		{554, "", NOTICE_WAITING, false, true},
		{421, "", NOTICE_WAITING, false, false},
		{502, "EHLO", NOTICE_WAITING, false, true},
		{454, "STARTTLS", NOTICE_WAITING, false, false},
		{535, "AUTH", NOTICE_WAITING, false, true},
		{530, "MAIL", NOTICE_WAITING, false, true},
	};

	make_channel(SETTINGS, NULL);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fetch_response response = {.status = cases[i].status,
			.reason = TEXT("5.1.1 no\tsuch user"),
			.body = text_of(cases[i].command)};
		struct notice_outcome outcome = {0};

		provider_mail.judge(arena, &channel, &message, &response, NULL, true, &outcome);
		assert_int_equal(outcome.state, cases[i].state);
		assert_int_equal(outcome.lives, cases[i].lives);
		assert_int_equal(outcome.pause_ms, cases[i].pauses ? 60000 : 0);
		assert_true(text_equal(
			outcome.code, text_of(arena_printf(arena, "%d", cases[i].status))));
		assert_true(text_equal(outcome.text, TEXT("5.1.1 no such user")));
		assert_true(text_equal(outcome.message_id,
			text_of(cases[i].state == NOTICE_SENT ? "<77.0192-id@here.example>" : "")));
	}
}

static void without_a_reply_it_counts_whether_the_mail_was_there(void **state)
{
	struct status error;

	make_channel(SETTINGS, NULL);
	status_set(&error, arena, STATUS_UNAVAILABLE, "it broke");
	for (int reached = 0; reached < 2; reached++) {
		struct notice_outcome outcome = {0};

		provider_mail.judge(arena, &channel, &message, NULL, &error, reached, &outcome);
		assert_int_equal(outcome.state, reached ? NOTICE_UNKNOWN : NOTICE_WAITING);
		assert_true(
			text_equal(outcome.code, text_of(reached ? "broken_off" : "unreached")));
	}
}

static void a_reply_that_repeats_the_login_is_not_shown(void **state)
{
	static const char *const said[] = {"what is geheim?",
		"unknown: AUTH PLAIN AGJvYgBnZWhlaW0=", "unknown: Z2VoZWlt", "bob may not"};

	make_channel(
		"{\"host\":\"h\",\"from\":\"a@b\",\"user\":\"bob\"}", "{\"password\":\"geheim\"}");
	for (int i = 0; i < 4; i++) {
		struct fetch_response response = {
			.status = 500, .reason = text_of(said[i]), .body = TEXT("AUTH")};
		struct notice_outcome outcome = {0};

		provider_mail.judge(arena, &channel, &message, &response, NULL, false, &outcome);
		assert_true(text_starts(outcome.text, TEXT("what it said is not shown")));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bad_settings_are_refused_by_name),
		cmocka_unit_test(the_security_settles_url_and_tls),
		cmocka_unit_test(a_mail_says_who_when_and_what_it_is),
		cmocka_unit_test(a_name_of_the_channel_comes_before_the_sender),
		cmocka_unit_test(attachments_are_carried_by_reference),
		cmocka_unit_test(nothing_breaks_out_of_a_header),
		cmocka_unit_test(what_is_no_address_has_failed),
		cmocka_unit_test(other_letters_become_encoded_words),
		cmocka_unit_test(what_is_too_long_for_a_line_is_encoded),
		cmocka_unit_test(a_chinese_sender_is_encoded_before_its_address),
		cmocka_unit_test(a_reply_is_an_outcome),
		cmocka_unit_test(without_a_reply_it_counts_whether_the_mail_was_there),
		cmocka_unit_test(a_reply_that_repeats_the_login_is_not_shown),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
