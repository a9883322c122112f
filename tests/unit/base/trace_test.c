#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/trace.h"

#define ID     "4bf92f3577b34da6a3ce929d0e0e4736"
#define PARENT "00-" ID "-00f067aa0ba902b7-01"

static struct arena *a;

static int setup(void **state)
{
	a = arena_new(0);
	return 0;
}

static int teardown(void **state)
{
	arena_free(&a);
	return 0;
}

static struct trace begun(const char *parent, const char *tracestate, const char *request_id)
{
	struct trace_given given = {text_of(parent), text_of(tracestate), text_of(request_id)};
	struct trace t;
	trace_begin(&t, a, &given);
	return t;
}

static const char *string(struct text t)
{
	return arena_string(a, t);
}

static void assert_hex(struct text t, size_t size)
{
	assert_int_equal(t.size, size);
	assert_int_equal(strspn(string(t), "0123456789abcdef"), size);
}

static void a_well_formed_traceparent_is_taken(void **state)
{
	struct trace t = begun(PARENT, "a=1,b=2", "mine");
	assert_string_equal(string(t.id), ID);
	assert_string_equal(string(t.flags), "01");
	assert_string_equal(string(t.state), "a=1,b=2");
	assert_string_equal(string(t.request_id), "mine");
}

static void a_malformed_traceparent_is_replaced_and_its_state_dropped(void **state)
{
	static const char *const parents[] = {
		"",
		"00-00000000000000000000000000000000-00f067aa0ba902b7-01",
		"00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
		"00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
		"00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-001",
		"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902bg-01",
		"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0x",
		"00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
		"ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
		"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
		"cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01x",
		"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
		" 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
	};
	for (size_t i = 0; i < sizeof(parents) / sizeof(parents[0]); i++) {
		struct trace t = begun(parents[i], "a=1", "mine");
		assert_hex(t.id, 32);
		assert_string_not_equal(string(t.id), ID);
		assert_string_equal(string(t.flags), "01");
		assert_int_equal(t.state.size, 0);
	}
}

static void a_later_version_is_read_as_the_first(void **state)
{
	struct trace t = begun("cc-" ID "-00f067aa0ba902b7-00-what-will-come", NULL, NULL);
	assert_string_equal(string(t.id), ID);
	assert_string_equal(string(t.flags), "00");
	assert_memory_equal(trace_parent(&t, a).data, "00-" ID "-", 36);
}

static void unknown_flags_are_not_passed_on(void **state)
{
	assert_string_equal(string(begun("00-" ID "-00f067aa0ba902b7-ff", "", "").flags), "03");
	assert_string_equal(string(begun("00-" ID "-00f067aa0ba902b7-f8", "", "").flags), "00");
}

static void each_span_is_a_new_one_of_the_same_trace(void **state)
{
	struct trace t = begun(PARENT, NULL, NULL);
	struct text one = trace_parent(&t, a), two = trace_parent(&t, a);
	assert_int_equal(one.size, 55);
	assert_memory_equal(one.data, "00-" ID "-", 36);
	assert_hex((struct text){one.data + 36, 16}, 16);
	assert_string_equal(one.data + 52, "-01");
	assert_memory_not_equal(one.data, two.data, 55);
	assert_memory_not_equal(one.data + 36, "00f067aa0ba902b7", 16);
}

static void a_request_id_is_printable_ascii_without_blanks(void **state)
{
	char longest[TRACE_REQUEST_ID_MAX + 2];
	static const char *const bad[] = {"", "a b", "a\tb", "\x7f", "\xc3\xa4"};
	memset(longest, '~', sizeof(longest));
	longest[TRACE_REQUEST_ID_MAX + 1] = '\0';
	assert_hex(begun(NULL, NULL, longest).request_id, 32);
	longest[TRACE_REQUEST_ID_MAX] = '\0';
	assert_string_equal(string(begun(NULL, NULL, longest).request_id), longest);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_hex(begun(NULL, NULL, bad[i]).request_id, 32);
}

static void a_state_that_is_too_long_or_not_printable_is_dropped(void **state)
{
	char longest[TRACE_STATE_MAX + 2];
	memset(longest, 'x', sizeof(longest));
	longest[TRACE_STATE_MAX + 1] = '\0';
	assert_int_equal(begun(PARENT, longest, NULL).state.size, 0);
	longest[TRACE_STATE_MAX] = '\0';
	assert_int_equal(begun(PARENT, longest, NULL).state.size, TRACE_STATE_MAX);
	assert_int_equal(begun(PARENT, "a=\x01", NULL).state.size, 0);
}

static void what_is_missing_is_made_and_differs(void **state)
{
	struct trace one = begun(NULL, NULL, NULL), two = begun(NULL, NULL, NULL);
	assert_hex(one.id, 32);
	assert_hex(one.request_id, 32);
	assert_string_not_equal(string(one.id), string(two.id));
	assert_string_not_equal(string(one.request_id), string(two.request_id));
	assert_string_not_equal(string(one.request_id), string(one.id));
}

static void names_are_known_in_any_case_and_the_first_counts(void **state)
{
	struct trace_given given = {0};
	assert_true(trace_add(&given, TEXT("TraceParent"), TEXT("p")));
	assert_true(trace_add(&given, TEXT("tracestate"), TEXT("s")));
	assert_true(trace_add(&given, TEXT("X-Request-ID"), TEXT("r")));
	assert_true(trace_add(&given, TEXT("x-request-id"), TEXT("second")));
	assert_false(trace_add(&given, TEXT("x-request"), TEXT("n")));
	assert_string_equal(given.parent.data, "p");
	assert_string_equal(given.state.data, "s");
	assert_string_equal(given.request_id.data, "r");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_well_formed_traceparent_is_taken),
		cmocka_unit_test(a_malformed_traceparent_is_replaced_and_its_state_dropped),
		cmocka_unit_test(a_later_version_is_read_as_the_first),
		cmocka_unit_test(unknown_flags_are_not_passed_on),
		cmocka_unit_test(each_span_is_a_new_one_of_the_same_trace),
		cmocka_unit_test(a_request_id_is_printable_ascii_without_blanks),
		cmocka_unit_test(a_state_that_is_too_long_or_not_printable_is_dropped),
		cmocka_unit_test(what_is_missing_is_made_and_differs),
		cmocka_unit_test(names_are_known_in_any_case_and_the_first_counts),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
