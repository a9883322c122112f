/* How a stream is written, and what Accept asks for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bridge/form.h"

static struct arena *arena;

static int start(void **state)
{
	(void)state;
	arena = arena_new(0);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

static const char *written(enum form form, const char *json)
{
	struct queue out = {0};
	const struct status ok = {.code = STATUS_OK, .message = ""};
	char *message = arena_string(arena, text_of(json));
	queue_add(&out, form_opening(form));
	form_message(&out, form, true, message, strlen(message));
	form_message(&out, form, false, message, strlen(message));
	form_status(&out, form, false, arena, &ok, TEXT(""));
	const char *all = arena_string(arena, queue_text(&out));
	queue_free(&out);
	return all;
}

#define END "{\"code\":0,\"message\":\"\",\"details\":[]}"

static void each_form(void **state)
{
	(void)state;
	assert_string_equal(written(FORM_ARRAY, "{}"), "[{},{},{\"@status\":" END "}]");
	assert_string_equal(written(FORM_LINES, "{}"), "{}\n{}\n{\"@status\":" END "}\n");
	assert_string_equal(written(FORM_EVENTS, "{}"),
		"data: {}\n\ndata: {}\n\nevent: end\ndata: " END "\n\n");
}

static void bytes_follow_each_other_and_nothing_else(void **state)
{
	(void)state;
	assert_string_equal(written(FORM_BYTES, "a\r\n"), "a\r\na\r\n");
}

static void bytes_have_the_type_that_is_given_if_it_can_be_a_header(void **state)
{
	char *long_type = arena_printf(arena, "text/%01020d", 0);
	(void)state;
	assert_string_equal(form_bytes_type(arena, "text/x; a=b"), "text/x; a=b");
	assert_string_equal(form_bytes_type(arena, ""), "application/octet-stream");
	assert_string_equal(form_bytes_type(arena, "a\r\nb: c"), "application/octet-stream");
	assert_string_equal(form_bytes_type(arena, "text/\xc3\xa9"), "application/octet-stream");
	assert_string_equal(form_bytes_type(arena, long_type), "application/octet-stream");
	long_type[1024] = '\0';
	assert_string_equal(form_bytes_type(arena, long_type), long_type);
}

static void a_message_of_several_lines_becomes_one(void **state)
{
	(void)state;
	assert_string_equal(written(FORM_LINES, "{\"a\":\r\n1\n}"),
		"{\"a\":  1 }\n{\"a\":  1 }\n{\"@status\":" END "}\n");
	assert_string_equal(written(FORM_EVENTS, "\n{}\r"),
		"data:  {} \n\ndata:  {} \n\nevent: end\ndata: " END "\n\n");
}

static const char *written_id(enum form form, const char *id)
{
	struct queue out = {0};
	form_id(&out, form, id);
	const char *all = arena_string(arena, queue_text(&out));
	queue_free(&out);
	return all;
}

static void only_an_event_has_an_id_and_only_a_line_is_one(void **state)
{
	(void)state;
	assert_string_equal(written_id(FORM_EVENTS, "17.3"), "id: 17.3\n");
	assert_string_equal(written_id(FORM_EVENTS, ""), "");
	assert_string_equal(written_id(FORM_EVENTS, NULL), "");
	assert_string_equal(written_id(FORM_EVENTS, "1\n2"), "");
	assert_string_equal(written_id(FORM_EVENTS, "1\r"), "");
	assert_string_equal(written_id(FORM_ARRAY, "17"), "");
	assert_string_equal(written_id(FORM_LINES, "17"), "");
}

static void assert_accepted(const char *accept, enum form form, const char *content_type)
{
	const char *type;
	assert_int_equal(form_accepted(text_of(accept), &type), form);
	assert_string_equal(type, content_type);
}

static void accept_by_quality_then_by_precision(void **state)
{
	(void)state;
	const char *json = "application/json; charset=utf-8";
	assert_accepted("", FORM_ARRAY, json);
	assert_accepted("image/png, text/html;q=0.9", FORM_ARRAY, json);
	assert_accepted("text/*", FORM_EVENTS, "text/event-stream");
	assert_accepted("te/*", FORM_ARRAY, json);
	assert_accepted(
		"application/x-ndjson;q=1.0, */*;q=0.1", FORM_LINES, "application/x-ndjson");
	assert_accepted("*/*, application/jsonl", FORM_LINES, "application/jsonl");
	assert_accepted("application/json ; q=0.75 , text/event-stream;q=0.751", FORM_EVENTS,
		"text/event-stream");
	assert_accepted(",,;q=1,", FORM_ARRAY, json);
	assert_accepted("application/json;q=0, text/event-stream;q=0", FORM_ARRAY, json);
}

static void a_queue_keeps_order_and_gives_room_back(void **state)
{
	(void)state;
	struct queue q = {0};
	char piece[1000];
	size_t taken = 0;
	for (int i = 0; i < 2000; i++) {
		memset(piece, 'a' + i % 26, sizeof(piece));
		queue_add(&q, (struct text){piece, sizeof(piece)});
		if (i % 3)
			continue;
		for (size_t k = 0; k < sizeof(piece); k++, taken++)
			assert_int_equal(queue_text(&q).data[k], 'a' + taken / 1000 % 26);
		queue_drop(&q, sizeof(piece));
	}
	assert_int_equal(q.size + taken, 2000 * 1000);
	queue_drop(&q, q.size);
	assert_null(q.data);
	queue_free(&q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_form),
		cmocka_unit_test(bytes_follow_each_other_and_nothing_else),
		cmocka_unit_test(bytes_have_the_type_that_is_given_if_it_can_be_a_header),
		cmocka_unit_test(a_message_of_several_lines_becomes_one),
		cmocka_unit_test(only_an_event_has_an_id_and_only_a_line_is_one),
		cmocka_unit_test(accept_by_quality_then_by_precision),
		cmocka_unit_test(a_queue_keeps_order_and_gives_room_back),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
