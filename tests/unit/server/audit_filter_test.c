/* Filters as JSON: what is refused and where, what becomes a parameter, what the index is asked.
 * What the SQL finds is tested with rows: tests/service/audit_find_test.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proto/runtime/transcode.h"
#include "server/audit/filter.h"

static struct arena *arena;
static struct status status;
static struct filter filter;

static int start(void **state)
{
	arena = arena_new(0);
	return 0;
}

static int end(void **state)
{
	arena_free(&arena);
	return 0;
}

static const Audit__Filter *read(const char *json)
{
	const struct api_message *type = api_message_named("junction.v1.Filter");
	const struct transcode_options options = {.refuse_unknown = true};
	ProtobufCMessage *message = message_new(arena, type);
	const struct json *value = json_read(arena, text_of(json), &status);

	assert_non_null(value);
	assert_true(message_from_json(arena, type, value, &options, message, &status));
	return (const Audit__Filter *)message;
}

static bool build(const char *json)
{
	status = (struct status){.message = ""};
	return filter_build(arena, read(json), 3, &filter, &status);
}

static void assert_built(const char *json)
{
	if (!build(json))
		fail_msg("%s: %s", json, status.message);
}

static void assert_refused(const char *json, const char *field, const char *rule)
{
	assert_false(build(json));
	assert_int_equal(status.code, STATUS_INVALID_ARGUMENT);
	assert_string_equal(status.field, field);
	assert_string_equal(status.message, arena_printf(arena, "%s: %s", field, rule));
}

/* One condition. */
static const char *one(const char *field, const char *operator, const char * value)
{
	return arena_printf(arena,
		"{\"expr\":[{\"field\":\"%s\",\"operator\":\"%s\",\"value\":%s}]}", field, operator,
		value);
}

static void assert_condition_refused(const char *field, const char *operator, const char * value,
	const char *member, const char *rule)
{
	assert_refused(one(field, operator, value),
		arena_printf(arena, "filter.expr[0].%s", member), rule);
}

/* --- refusals --------------------------------------------------------------------------------- */

static void a_filter_has_conditions(void **state)
{
	const char *const both = "expr and subFilter must not both be empty";

	assert_refused("{}", "filter", both);
	assert_refused("{\"op\":\"and\",\"expr\":[],\"subFilter\":[]}", "filter", both);
	assert_refused("{\"subFilter\":[{\"expr\":[{\"field\":\"user\",\"operator\":\"Exists\"}]},"
		       "{\"subFilter\":[{}]}]}",
		"filter.subFilter[1].subFilter[0]", both);
	assert_refused("{\"op\":\"not\",\"expr\":[{\"field\":\"user\",\"operator\":\"Exists\"}]}",
		"filter.op", "must be and or or");
}

static void a_condition_has_a_field_and_an_operator(void **state)
{
	const char *const path = "must be ext. and 1 to 16 names parted by dots";
	const char *const unknown = "must be a field of a record, or ext.<path>";

	assert_condition_refused("", "Equal", "1", "field", "is required");
	assert_condition_refused("user_name", "Equal", "1", "field", unknown);
	assert_condition_refused("OptType", "Equal", "1", "field", unknown);
	assert_condition_refused("extra", "Equal", "1", "field", unknown);
	assert_condition_refused("ext", "Exists", "[]", "field", path);
	assert_condition_refused("ext.", "Exists", "[]", "field", path);
	assert_condition_refused("ext.a..b", "Exists", "[]", "field", path);
	assert_condition_refused("ext.a.", "Exists", "[]", "field", path);
	assert_condition_refused(
		"ext.a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q", "Exists", "[]", "field", path);
	assert_built(one("ext.a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p", "Exists", "[]"));
	assert_condition_refused("user", "", "1", "operator", "is required");
	assert_condition_refused("user", "equal", "1", "operator", "is no operator");
	assert_condition_refused("optType", "Like", "\"1\"", "operator", "wants a field of texts");
	assert_condition_refused("id", "Match", "\"1\"", "operator", "wants a field of texts");
	assert_condition_refused(
		"time", "MatchPhrase", "\"1\"", "operator", "wants a field of texts");
}

static void an_operator_takes_its_number_of_values(void **state)
{
	struct buffer many = {.arena = arena};

	assert_condition_refused("user", "Equal", "[]", "value", "Equal takes one value");
	assert_condition_refused("user", "Like", "[1,2]", "value", "Like takes one value");
	assert_condition_refused("user", "Between", "[1]", "value", "Between takes two values");
	assert_condition_refused(
		"user", "NotBetween", "[1,2,3]", "value", "NotBetween takes two values");
	assert_condition_refused("user", "Exists", "1", "value", "Exists takes no value");
	assert_condition_refused(
		"user", "NotInList", "[]", "value", "NotInList takes 1 to 1000 values");
	buffer_add_text(&many, TEXT("[0"));
	for (int i = 1; i < 1000; i++)
		buffer_add_text(&many, TEXT(",0"));
	const char *thousand = arena_printf(arena, "%.*s]", TEXT_ARGS(buffer_text(&many)));
	assert_built(one("user", "InList", thousand));
	thousand = arena_printf(arena, "%.*s,1]", TEXT_ARGS(buffer_text(&many)));
	assert_condition_refused(
		"user", "InList", thousand, "value", "InList takes 1 to 1000 values");
}

static void a_value_has_the_fields_type(void **state)
{
	static const struct {
		const char *field, *operator, * value, *rule;
	} bad[] = {
		{"optType", "Equal", "[null]", "null: use NotExists"},
		{"user", "Equal", "[[\"a\"]]", "must be a text, a number, true or false"},
		{"ext.a", "Equal", "{\"a\":1}", "must be a text, a number, true or false"},
		{"optType", "Equal", "true", "not a number"},
		{"optType", "Equal", "\"\"", "not a number"},
		{"optType", "Equal", "\" 1\"", "not a number"},
		{"optType", "Equal", "\"0x1\"", "not a number"},
		{"optType", "Equal", "\"1e\"", "not a number"},
		{"optType", "Equal", "\"true\"", "not a number"},
		{"optType", "Equal", "1.5", "not an integer of 64 bits"},
		{"optType", "Equal", "9223372036854775808", "not an integer of 64 bits"},
		{"eventTime", "Equal", "\"-9223372036854775809\"", "not an integer of 64 bits"},
		{"time", "Equal", "\"2026-01-01\"", "not a number"},
		{"severity", "Equal", "8", "not a severity"},
		{"severity", "Equal", "\"\"", "not a severity"},
		{"severity", "Equal", "\"loud\"", "not a severity"},
		{"severity", "Equal", "false", "not a severity"},
		{"id", "Equal", "1", "not a UUID"},
		{"id", "Equal", "\"0af76519-16cd-43dd-8448-eb211c80319\"", "not a UUID"},
		{"id", "Equal", "\"0af76519-16cd-43dd-8448-eb211c80319g\"", "not a UUID"},
		{"id", "Equal", "\"0af7651916cd-43dd-8448-eb211c80319cc\"", "not a UUID"},
		{"id", "Equal", "\"{af76519-16cd-43dd-8448-eb211c80319}\"", "not a UUID"},
		{"user", "Equal", "true", "not a text"},
		{"roles", "InList", "[\"a\",\"b\",false]", "not a text"},
		{"user", "Equal", "\"a\\u0000\"", "must not hold U+0000"},
		{"ext.a", "Equal", "\"\\u0000\"", "must not hold U+0000"},
		{"user", "Match", "\"\\u0000\"", "must not hold U+0000"},
		{"user", "Like", "1", "not a text"},
		{"user", "Like", "\"a\\\\\"", "must not end in a \\ that takes nothing"},
		{"user", "Like", "\"a\\\\\\\\\\\\\"", "must not end in a \\ that takes nothing"},
		{"ext.a", "Like", "\"\\\\\"", "must not end in a \\ that takes nothing"},
		{"ext.a", "GreaterThan", "true", "true and false have no order"},
		{"ext.a", "Match", "true", "not a text"},
		{"ext.a", "Between", "[1,\"2\"]", "not a number"},
		{"ext.a", "NotBetween", "[\"1\",2]", "not a text"},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_false(build(one(bad[i].field, bad[i].operator, bad[i].value)));
		if (!text_starts(text_of(status.field), TEXT("filter.expr[0].value[")))
			fail_msg("%s", status.field);
		assert_string_equal(
			status.message, arena_printf(arena, "%s: %s", status.field, bad[i].rule));
	}
	assert_condition_refused(
		"roles", "InList", "[\"a\",\"b\",false]", "value[2]", "not a text");
	assert_condition_refused("ext.a", "Between", "[1,\"2\"]", "value[1]", "not a number");
}

static void what_is_no_json_is_refused(void **state)
{
	Audit__FilterExpr expr = AUDIT__FILTER_EXPR__INIT, *exprs[] = {&expr};
	Audit__Filter in = AUDIT__FILTER__INIT;
	char *values[] = {(char *)"1", (char *)""};

	in.expr = exprs;
	in.n_expr = 1;
	expr.field = (char *)"user";
	expr.operator_ = (char *)"InList";
	expr.value = values;
	expr.n_value = 2;
	assert_false(filter_build(arena, &in, 1, &filter, &status));
	assert_int_equal(status.code, STATUS_INVALID_ARGUMENT);
	assert_string_equal(status.field, "filter.expr[0].value[1]");
}

static void numbers_that_numeric_cannot_hold_are_refused(void **state)
{
	static const char *const good[] = {"0", "-0.0e-16382", "1e131071", "0.1e131071",
		"12e131070", "1e-16383", "1.5E-16382", "-1E+131071",
		"1e0000000000000000000000000007"};
	static const char *const bad[] = {"1e131072", "12e131071", "1e-16384", "1.5e-16383",
		"0e-16384", "1e99999999999999999999", "1e-99999999999999999999"};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_built(one("ext.a", "Equal", good[i]));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_condition_refused("ext.a", "Equal", bad[i], "value[0]",
			"must have at most 131072 digits before the point, and 16383 behind it");
}

static char *repeated(const char *text, int times)
{
	struct buffer b = {.arena = arena};

	for (int i = 0; i < times; i++)
		buffer_add_text(&b, text_of(text));
	return arena_string(arena, buffer_text(&b));
}

static void there_are_limits(void **state)
{
#define EXISTS "{\"field\":\"user\",\"operator\":\"Exists\"}"
	assert_built(arena_printf(arena, "%s{\"expr\":[" EXISTS "]}%s",
		repeated("{\"subFilter\":[", 15), repeated("]}", 15)));
	assert_false(build(arena_printf(arena, "%s{\"expr\":[" EXISTS "]}%s",
		repeated("{\"subFilter\":[", 16), repeated("]}", 16))));
	assert_string_equal(
		status.field, arena_printf(arena, "filter%s", repeated(".subFilter[0]", 16)));
	assert_built(arena_printf(arena, "{\"expr\":[%s" EXISTS "]}", repeated(EXISTS ",", 255)));
	assert_refused(arena_printf(arena,
			       "{\"expr\":[" EXISTS "],\"subFilter\":[{\"expr\":[%s" EXISTS "]}]}",
			       repeated(EXISTS ",", 255)),
		"filter.subFilter[0].expr[255]", "there must be at most 256 conditions in all");
	assert_built(one("user", "Like", arena_printf(arena, "\"%s\"", repeated("a", 1024))));
	assert_condition_refused("user", "Match",
		arena_printf(arena, "\"%s\"", repeated("a", 1025)), "value[0]",
		"must have at most 1024 bytes");
#undef EXISTS
}

/* --- what is made ----------------------------------------------------------------------------- */

static void no_filter_is_true(void **state)
{
	assert_true(filter_build(arena, NULL, 3, &filter, &status));
	assert_true(text_equal(filter.condition.sql, TEXT("true")));
	assert_int_equal(filter.condition.parameter_count, 0);
	assert_null(filter.terms.sql.data);
}

static void assert_parameter(const char *json, int index, const char *expected)
{
	assert_built(json);
	assert_true(index < filter.condition.parameter_count);
	assert_string_equal(arena_string(arena, filter.condition.parameters[index]), expected);
	assert_non_null(strstr(
		arena_string(arena, filter.condition.sql), arena_printf(arena, "$%d", index + 3)));
}

static void values_are_parameters(void **state)
{
	assert_parameter(one("user", "Equal", "\"it's\""), 0, "it's");
	assert_parameter(one("user", "Equal", "1.50"), 0, "1.50");
	assert_parameter(one("optType", "Equal", "\"1e2\""), 0, "100");
	assert_parameter(one("time", "Between", "[-9223372036854775808,9223372036854775807]"), 1,
		"9223372036854775807");
	assert_parameter(one("severity", "GreaterThan", "\"Warning\""), 0, "warning");
	assert_parameter(one("severity", "GreaterThan", "3"), 0, "error");
	assert_parameter(one("id", "Equal", "\"0AF76519-16cd-43DD-8448-eb211c80319c\""), 0,
		"0af76519-16cd-43dd-8448-eb211c80319c");
	assert_parameter(one("roles", "InList", "[\"a,b\",\"\\\"\",\"{}\"]"), 0,
		"{\"a,b\",\"\\\"\",\"{}\"}");
	assert_parameter(one("ext.a", "Equal", "\"\\u0061\""), 1, "\"\\u0061\"");
	assert_parameter(one("ext.a", "Like", "\"\\u0061\""), 1, "a");
	assert_parameter(
		one("ext.a", "InList", "[\"x\",true,1.0]"), 1, "{\"\\\"x\\\"\",\"true\",\"1.0\"}");
}

static void names_of_ext_are_quoted(void **state)
{
	assert_built(one("ext.a\\\"b.[*]", "Exists", "[]"));
	const char *path = arena_string(arena, filter.condition.parameters[0]);
	assert_true(text_starts(text_of(path), TEXT("$.\"a\\\"b\"[*]")));
	assert_non_null(strstr(path, "[*].\"[*]\"[*]"));
	assert_null(strstr(arena_string(arena, filter.condition.sql), "a\""));
}

static int terms_of(const char *json)
{
	assert_built(json);
	return filter.terms.sql.data ? filter.terms.parameter_count : -1;
}

#define C      "{\"field\":\"content\",\"operator\":\"Match\",\"value\":\"c\"}"
#define U      "{\"field\":\"user\",\"operator\":\"InList\",\"value\":[\"a\",\"b\"]}"
#define S      "{\"field\":\"severity\",\"operator\":\"Equal\",\"value\":\"error\"}"
#define E(...) "{\"expr\":[" __VA_ARGS__ "]}"

static void the_index_is_asked_for_what_it_has(void **state)
{
	static const char *const fields[] = {
		"sourceNode", "target", "user", "application", "traceId", "roles"};

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		assert_int_equal(terms_of(one(fields[i], "Equal", "\"a\"")), 1);
	assert_int_equal(
		terms_of(one("id", "Equal", "\"0af76519-16cd-43dd-8448-eb211c80319c\"")), 1);
	assert_int_equal(terms_of(one("content", "MatchPhrase", "\"a\"")), 1);
	assert_int_equal(terms_of(one("content", "Equal", "\"a\"")), -1);
	assert_int_equal(terms_of(one("content", "Like", "\"a\"")), -1);
	assert_int_equal(terms_of(one("user", "Match", "\"a\"")), -1);
	assert_int_equal(terms_of(one("user", "NotEqual", "\"a\"")), -1);
	assert_int_equal(terms_of(one("user", "NotInList", "\"a\"")), -1);
	assert_int_equal(terms_of(one("user", "GreaterThan", "\"a\"")), -1);
	assert_int_equal(terms_of(one("user", "Exists", "[]")), -1);
	assert_int_equal(terms_of(one("namespace", "Equal", "\"a\"")), -1);
	assert_int_equal(terms_of(one("ext.user", "Equal", "\"a\"")), -1);
}

static void terms_are_joined_as_the_conditions_are(void **state)
{
	assert_int_equal(terms_of(E(S)), -1);
	assert_int_equal(terms_of(E(S "," C "," U)), 2);
	assert_int_equal(terms_of("{\"subFilter\":[" E(S) "," E(C) "," E(U) "]}"), 2);
	assert_int_equal(terms_of("{\"op\":\"or\",\"subFilter\":[" E(C) "," E(U) "]}"), 2);
	assert_non_null(strstr(arena_string(arena, filter.terms.sql), "||"));
	assert_int_equal(terms_of("{\"op\":\"or\",\"subFilter\":[" E(C) "," E(S) "]}"), -1);
	assert_int_equal(
		terms_of("{\"op\":\"or\",\"subFilter\":[" E(S) "," E(C) "," E(U) "]}"), -1);
	/* What is not used has no parameter, else PostgreSQL does not know its type. */
	assert_int_equal(
		terms_of("{\"op\":\"or\",\"expr\":[" U "],\"subFilter\":[" E(C) "," E(S) "]}"), 1);
	assert_string_equal(arena_string(arena, filter.terms.parameters[0]), "{\"a\",\"b\"}");
	assert_int_equal(terms_of("{\"subFilter\":[{\"op\":\"or\",\"subFilter\":[" E(C) "," E(
				 S) "]}," E(U) "]}"),
		1);
	assert_non_null(strstr(arena_string(arena, filter.terms.sql), "$3"));
}

static void long_lists_are_not_asked_of_the_index(void **state)
{
	assert_int_equal(
		terms_of(one("user", "InList", arena_printf(arena, "[%s1]", repeated("1,", 63)))),
		1);
	assert_int_equal(
		terms_of(one("user", "InList", arena_printf(arena, "[%s1]", repeated("1,", 64)))),
		-1);
	assert_int_equal(
		terms_of(one("user", "Equal", arena_printf(arena, "\"%s\"", repeated("a", 1025)))),
		-1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_filter_has_conditions),
		cmocka_unit_test(a_condition_has_a_field_and_an_operator),
		cmocka_unit_test(an_operator_takes_its_number_of_values),
		cmocka_unit_test(a_value_has_the_fields_type),
		cmocka_unit_test(what_is_no_json_is_refused),
		cmocka_unit_test(numbers_that_numeric_cannot_hold_are_refused),
		cmocka_unit_test(there_are_limits),
		cmocka_unit_test(no_filter_is_true),
		cmocka_unit_test(values_are_parameters),
		cmocka_unit_test(names_of_ext_are_quoted),
		cmocka_unit_test(the_index_is_asked_for_what_it_has),
		cmocka_unit_test(terms_are_joined_as_the_conditions_are),
		cmocka_unit_test(long_lists_are_not_asked_of_the_index),
	};

	return cmocka_run_group_tests(tests, start, end);
}
