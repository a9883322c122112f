/* What is made of answers to GraphQL's introspection. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/json.h"
#include "server/gateway/graphql/graphql.h"

static struct arena *arena;
static const struct graphql_action *actions;
static size_t action_count;
static struct status status;

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

/* --- answers ---------------------------------------------------------------------------------- */

/* JSON with ' for ". */
static struct text json(const char *text)
{
	char *made = arena_string(arena, text_of(text));

	for (char *c = made; *c; c++)
		if (*c == '\'')
			*c = '"';
	return text_of(made);
}

/* "[Int!]!" as introspection tells it; kind: of what it ends in. */
static void write_reference(struct buffer *b, struct text type, const char *kind)
{
	char last = type.data[type.size - 1];
	struct text inner = text_until(type, type.size - 1);

	if (last == '!' || last == ']') {
		buffer_printf(
			b, "{'kind':'%s','name':null,'ofType':", last == '!' ? "NON_NULL" : "LIST");
		write_reference(b, last == '!' ? inner : text_from(inner, 1), kind);
		buffer_add_char(b, '}');
		return;
	}
	buffer_printf(b, "{'kind':'%s','name':'%.*s','ofType':null}", kind, TEXT_ARGS(type));
}

static const char *reference(const char *type, const char *kind)
{
	struct buffer b = {.arena = arena};

	write_reference(&b, text_of(type), kind);
	return arena_string(arena, buffer_text(&b));
}

static const char *argument(const char *name, const char *type, const char *kind, const char *value)
{
	return arena_printf(arena, "{'name':'%s','type':%s,'defaultValue':%s}", name,
		reference(type, kind), value);
}

static const char *field(
	const char *name, const char *arguments, const char *type, const char *kind)
{
	return arena_printf(arena, "{'name':'%s','isDeprecated':false,'args':[%s],'type':%s}", name,
		arguments, reference(type, kind));
}

/* fields: without a comma behind the last; "": null. */
static const char *type(const char *kind, const char *name, const char *fields)
{
	return arena_printf(arena,
		*fields ? "{'kind':'%s','name':'%s','fields':[%s]}"
			: "{'kind':'%s','name':'%s','fields':null%s}",
		kind, name, fields);
}

static const char *join(const char *a, const char *b)
{
	return arena_printf(arena, "%s,%s", a, b);
}

static bool read_text(struct text answer)
{
	return graphql_read(arena, answer, &actions, &action_count, &status);
}

/* With the fields of the query and the mutation type ("": there is none), and other types. */
static void read_schema(const char *query, const char *mutation, const char *types)
{
	const char *all = arena_printf(arena, "%s%s%s%s%s", type("OBJECT", "TheQuery", query),
		*mutation ? "," : "", *mutation ? type("OBJECT", "TheMutation", mutation) : "",
		*types ? "," : "", types);

	if (!read_text(json(arena_printf(arena,
		    "{'data':{'__schema':{'queryType':{'name':'TheQuery'},'mutationType':%s,"
		    "'types':[%s]}}}",
		    *mutation ? "{'name':'TheMutation'}" : "null", all))))
		fail_msg("%s", status.message);
}

static const char *name(size_t i)
{
	assert_true(i < action_count);
	return arena_string(arena, actions[i].name);
}

static const char *document(size_t i)
{
	const struct json *data;

	assert_true(i < action_count);
	data = json_read(arena, actions[i].data, &status);
	assert_non_null(data);
	assert_int_equal(data->count, 1);
	return arena_string(arena, json_member_text(data, TEXT("graphql"), TEXT("")));
}

static const char *params(size_t i)
{
	assert_true(i < action_count);
	assert_non_null(json_read(arena, actions[i].params, &status));
	return arena_string(arena, actions[i].params);
}

static void assert_params(size_t i, const char *wanted)
{
	assert_string_equal(params(i), json(wanted).data);
}

/* --- documents -------------------------------------------------------------------------------- */

static void an_object_is_asked_for_two_levels_of_what_needs_no_arguments(void **state)
{
	const char *user = join(field("address", "", "Address", "OBJECT"),
		join(field("id", "", "ID!", "SCALAR"),
			join(field("role", "", "Role", "ENUM"),
				join(field("posts", argument("first", "Int!", "SCALAR", "null"),
					     "Int", "SCALAR"),
					field("name", argument("first", "Int", "SCALAR", "null"),
						"String", "SCALAR")))));
	const char *address = join(
		field("city", "", "String", "SCALAR"), field("country", "", "Country", "OBJECT"));

	read_schema(
		field("users", argument("first", "Int", "SCALAR", "null"), "[User!]!", "OBJECT"),
		"",
		join(type("OBJECT", "User", user),
			join(type("OBJECT", "Address", address),
				type("OBJECT", "Country", field("name", "", "String", "SCALAR")))));
	assert_int_equal(action_count, 1);
	assert_string_equal(name(0), "users");
	assert_false(actions[0].mutation);
	assert_string_equal(document(0), "query users($first: Int) { users(first: $first) { id "
					 "role name address { city } } }");
	assert_params(0, "{'first':{'type':'number','required':false,'graphql':'Int'}}");
}

static void types_that_hold_themselves_end(void **state)
{
	read_schema(field("me", "", "User", "OBJECT"), "",
		type("OBJECT", "User",
			join(field("friends", "", "[User]", "OBJECT"),
				field("id", "", "ID", "SCALAR"))));
	assert_string_equal(document(0), "query me { me { id friends { id } } }");
}

static void an_object_without_anything_to_select_says_its_type(void **state)
{
	const char *needs = argument("x", "Int!", "SCALAR", "null");

	read_schema(join(field("a", "", "A", "OBJECT"), field("b", "", "B", "OBJECT")), "",
		join(type("OBJECT", "A", field("n", needs, "Int", "SCALAR")),
			type("OBJECT", "B", field("a", "", "A!", "OBJECT"))));
	assert_string_equal(document(0), "query a { a { __typename } }");
	assert_string_equal(document(1), "query b { b { a { __typename } } }");
}

static void of_interfaces_and_unions_the_type_is_asked_for_too(void **state)
{
	read_schema(
		join(field("node", "", "Node", "INTERFACE"), field("any", "", "[Any]", "UNION")),
		"",
		join(type("INTERFACE", "Node",
			     join(field("id", "", "ID!", "SCALAR"),
				     field("any", "", "Any", "UNION"))),
			type("UNION", "Any", "")));
	assert_string_equal(
		document(0), "query node { node { __typename id any { __typename } } }");
	assert_string_equal(document(1), "query any { any { __typename } }");
}

static void scalars_and_enums_have_no_selection(void **state)
{
	read_schema(
		join(field("count", "", "Int!", "SCALAR"), field("role", "", "[Role!]", "ENUM")),
		"", "");
	assert_string_equal(document(0), "query count { count }");
	assert_string_equal(document(1), "query role { role }");
	assert_params(0, "{}");
}

static void what_is_deprecated_or_reserved_is_left_out(void **state)
{
	const char *old = "{'name':'old','isDeprecated':true,'args':[],'type':{'kind':'SCALAR',"
			  "'name':'Int','ofType':null}}";

	read_schema(
		join(old, join(field("__x", "", "Int", "SCALAR"), field("a", "", "A", "OBJECT"))),
		"", type("OBJECT", "A", join(old, field("n", "", "Int", "SCALAR"))));
	assert_int_equal(action_count, 1);
	assert_string_equal(document(0), "query a { a { n } }");
}

static void what_is_no_name_is_left_out(void **state)
{
	const char *bad = "a(x:1)} mutation{drop";
	char longest[257] = {0};

	memset(longest, 'a', 256);
	read_schema(join(field(bad, "", "Int", "SCALAR"),
			    join(field(longest, "", "Int", "SCALAR"),
				    join(field("9a", "", "Int", "SCALAR"),
					    join(field("", "", "Int", "SCALAR"),
						    field("a", "", "A", "OBJECT"))))),
		"",
		type("OBJECT", "A",
			join(join(field(bad, "", "Int", "SCALAR"),
				     field(longest, "", "Int", "SCALAR")),
				join(field("n", argument(bad, "Int", "SCALAR", "null"), "Int",
					     "SCALAR"),
					field("m", "", "Int){", "SCALAR")))));
	assert_int_equal(action_count, 1);
	assert_string_equal(document(0), "query a { a { n } }");
}

/* --- arguments -------------------------------------------------------------------------------- */

static void arguments_have_types_of_json_and_their_own(void **state)
{
	const char *first = join(argument("i", "Int!", "SCALAR", "null"),
		join(argument("f", "Float", "SCALAR", "null"),
			join(argument("s", "String", "SCALAR", "null"),
				argument("b", "Boolean!", "SCALAR", "null"))));
	const char *second = join(argument("e", "Role", "ENUM", "null"),
		join(argument("o", "Input!", "INPUT_OBJECT", "null"),
			join(argument("x", "Date", "SCALAR", "null"),
				argument("d", "ID", "SCALAR", "null"))));

	read_schema(field("a", join(first, second), "Int", "SCALAR"), "", "");
	assert_params(0, "{'i':{'type':'number','required':true,'graphql':'Int!'},"
			 "'f':{'type':'number','required':false,'graphql':'Float'},"
			 "'s':{'type':'string','required':false,'graphql':'String'},"
			 "'b':{'type':'boolean','required':true,'graphql':'Boolean!'},"
			 "'e':{'type':'string','required':false,'graphql':'Role'},"
			 "'o':{'type':'object','required':true,'graphql':'Input!'},"
			 "'x':{'type':'any','required':false,'graphql':'Date'},"
			 "'d':{'type':'string','required':false,'graphql':'ID'}}");
	assert_string_equal(document(0),
		"query a($i: Int!, $f: Float, $s: String, $b: Boolean!, $e: Role, $o: Input!, $x: "
		"Date, "
		"$d: ID) { a(i: $i, f: $f, s: $s, b: $b, e: $e, o: $o, x: $x, d: $d) }");
}

static void lists_are_lists_however_deep(void **state)
{
	const char *deepest = "[[[Int!]!]!]!";

	read_schema(field("a",
			    join(argument("one", "[ID!]", "SCALAR", "null"),
				    argument("deep", deepest, "SCALAR", "null")),
			    "[[[Int!]!]!]!", "SCALAR"),
		"", "");
	assert_params(0,
		"{'one':{'type':'array','items':'string','required':false,"
		"'graphql':'[ID!]'},'deep':{'type':'array','items':'array','required':true,"
		"'graphql':'[[[Int!]!]!]!'}}");
	assert_string_equal(document(0),
		"query a($one: [ID!], $deep: [[[Int!]!]!]!) { a(one: $one, "
		"deep: $deep) }");
}

static void what_has_a_default_may_be_left_out(void **state)
{
	read_schema(join(field("a", argument("n", "Int!", "SCALAR", "'10'"), "Int", "SCALAR"),
			    field("b", "", "B", "OBJECT")),
		"",
		type("OBJECT", "B",
			field("n", argument("n", "Int!", "SCALAR", "'1'"), "Int", "SCALAR")));
	assert_params(0, "{'n':{'type':'number','required':false,'graphql':'Int!'}}");
	assert_string_equal(document(0), "query a($n: Int) { a(n: $n) }");
	assert_string_equal(document(1), "query b { b { n } }");
}

/* A type that is wrapped deeper than the question asks ends without a name. */
static void what_is_not_told_whole_is_left_out(void **state)
{
	const char *cut = "{'kind':'LIST','name':null,'ofType':{'kind':'NON_NULL','name':null}}";
	const char *cut_required = "{'kind':'NON_NULL','name':null,'ofType':{'kind':'LIST'}}";
	const char *format =
		"{'name':'%s','args':[{'name':'x','type':%s,'defaultValue':null}],'type':%s}";
	const char *whole = reference("Int", "SCALAR");

	read_schema(join(arena_printf(arena, format, "a", cut, whole),
			    join(arena_printf(arena, format, "b", cut_required, whole),
				    join(arena_printf(arena, format, "c", whole, cut),
					    field("d", "", "Nobody", "OBJECT")))),
		"", "");
	assert_int_equal(action_count, 1);
	assert_string_equal(document(0), "query a { a }");
	assert_params(0, "{}");
}

static void an_argument_of_a_name_that_another_one_has_is_not_understood(void **state)
{
	const char *n = argument("n", "Int", "SCALAR", "null");

	read_schema(join(field("a", join(n, n), "Int", "SCALAR"), field("b", n, "Int", "SCALAR")),
		"", "");
	assert_int_equal(action_count, 1);
	assert_string_equal(name(0), "b");
}

static void a_type_that_is_wrapped_wrongly_is_left_out(void **state)
{
	read_schema(join(field("a", "", "Int!!", "SCALAR"), field("b", "", "[Int!]!", "SCALAR")),
		"", "");
	assert_int_equal(action_count, 1);
	assert_string_equal(name(0), "b");
}

/* --- names ------------------------------------------------------------------------------------ */

static void a_mutation_gives_way_to_a_query_of_its_name(void **state)
{
	read_schema(join(field("user", "", "Int", "SCALAR"), field("User", "", "Int", "SCALAR")),
		join(field("USER", "", "Int", "SCALAR"), field("add", "", "Int", "SCALAR")), "");
	assert_int_equal(action_count, 4);
	assert_string_equal(name(0), "user");
	assert_string_equal(name(1), "User-2");
	assert_string_equal(name(2), "mutation.USER");
	assert_string_equal(name(3), "add");
	assert_string_equal(document(1), "query User { User }");
	assert_string_equal(document(2), "mutation USER { USER }");
	assert_true(actions[2].mutation && actions[3].mutation && !actions[1].mutation);
}

static void root_types_have_the_names_that_the_schema_says(void **state)
{
	assert_true(read_text(json(arena_printf(arena,
		"{'data':{'__schema':{'queryType':{'name':'Q'},'mutationType':null,"
		"'subscriptionType':{'name':'Subscription'},'types':[%s,%s,%s]}},'errors':[]}",
		type("OBJECT", "Q", field("a", "", "Int", "SCALAR")),
		type("OBJECT", "Query", field("b", "", "Int", "SCALAR")),
		type("OBJECT", "Subscription", field("c", "", "Int", "SCALAR"))))));
	assert_int_equal(action_count, 1);
	assert_string_equal(name(0), "a");
}

/* --- bounds ----------------------------------------------------------------------------------- */

static const char *many_fields(const char *format, int count, const char *of, const char *kind)
{
	struct buffer b = {.arena = arena};

	for (int i = 0; i < count; i++) {
		const char *number = arena_printf(arena, format, i);

		buffer_printf(&b, "%s%s", i ? "," : "", field(number, "", of, kind));
	}
	return arena_string(arena, buffer_text(&b));
}

static void there_are_a_thousand_actions_at_most(void **state)
{
	read_schema(many_fields("q%d", 600, "Int", "SCALAR"),
		many_fields("m%d", GRAPHQL_ACTIONS_MAX, "Int", "SCALAR"), "");
	assert_int_equal(action_count, GRAPHQL_ACTIONS_MAX);
	assert_string_equal(name(GRAPHQL_ACTIONS_MAX - 1), "m399");
}

static void a_wide_answer_is_asked_for_fewer_levels(void **state)
{
	const char *leaves = many_fields("leaf%04d", 200, "Int", "SCALAR");
	const char *wide = join(leaves, many_fields("inner%d", 100, "Wide", "OBJECT"));

	read_schema(join(field("wide", "", "Wide", "OBJECT"), field("huge", "", "Huge", "OBJECT")),
		"",
		join(type("OBJECT", "Wide", wide),
			type("OBJECT", "Huge", many_fields("leaf%04d", 2000, "Int", "SCALAR"))));
	assert_int_equal(action_count, 1);
	assert_int_equal(strlen(document(0)), strlen("query wide { wide { } }") + 200 * 9);
	assert_null(strstr(document(0), "inner"));
}

/* --- what is no introspection ----------------------------------------------------------------- */

static void assert_refused(const char *answer, enum status_code code, const char *message)
{
	assert_false(read_text(json(answer)));
	assert_int_equal(status.code, code);
	assert_string_equal(status.message, message);
	assert_int_equal(action_count, 0);
}

static void the_endpoint_says_why_it_does_not_tell(void **state)
{
	struct buffer b = {.arena = arena};

	assert_refused("{'errors':[{'message':'introspection is off'}],'data':null}",
		STATUS_UNAVAILABLE,
		"the GraphQL endpoint does not tell its schema: introspection is off");
	assert_refused("{'errors':[{}]}", STATUS_UNAVAILABLE,
		"the GraphQL endpoint does not tell its schema: an error without a message");
	for (int i = 0; i < 101; i++)
		buffer_add_text(&b, TEXT("\xe4\xb8\xad"));
	assert_false(read_text(json(arena_printf(
		arena, "{'errors':[{'message':'%.*s'}]}", TEXT_ARGS(buffer_text(&b))))));
	/* Cut between characters. */
	assert_int_equal(strlen(status.message),
		strlen("the GraphQL endpoint does not tell its schema: ") + 198);
}

static void what_is_no_introspection_is_refused(void **state)
{
	const char *none = "the answer is no introspection of GraphQL: it has no data.__schema";

	assert_refused("{'data':{}}", STATUS_INVALID_ARGUMENT, none);
	assert_refused("[]", STATUS_INVALID_ARGUMENT, none);
	assert_refused("{'data':{'__schema':[]},'errors':[]}", STATUS_INVALID_ARGUMENT, none);
	assert_refused("<html>", STATUS_INVALID_ARGUMENT,
		"the answer is no introspection of GraphQL: invalid JSON at byte 0: expected a "
		"value");
	assert_refused("{'data':{'__schema':{'queryType':{'name':'Q'}}}}", STATUS_INVALID_ARGUMENT,
		"the GraphQL schema has no list of types");
	assert_refused("{'data':{'__schema':{'queryType':{'name':'Q'},'types':[]}}}",
		STATUS_INVALID_ARGUMENT, "the GraphQL schema's queryType names no type of its own");
	assert_refused("{'data':{'__schema':{'queryType':null,'types':[]}}}",
		STATUS_INVALID_ARGUMENT,
		"the GraphQL schema names neither a query nor a mutation type");
}

static void a_tree_beyond_the_cap_is_refused(void **state)
{
	struct buffer b = {.arena = arena};

	buffer_add_char(&b, '[');
	for (int i = 0; i < 1000 * 1000; i++)
		buffer_add_text(&b, TEXT("0,"));
	buffer_add_text(&b, TEXT("0]"));
	assert_false(read_text(buffer_text(&b)));
	assert_int_equal(status.code, STATUS_RESOURCE_EXHAUSTED);
	assert_string_equal(status.message, "the GraphQL schema is too large");
}

static void the_question_asks_for_seven_levels_of_types(void **state)
{
	const struct json *question = json_read(arena, text_of(graphql_introspection), &status);
	struct text query = json_member_text(question, TEXT("query"), TEXT(""));
	size_t levels = 0, depth = 0;

	for (size_t i = 0; i < query.size; i++) {
		levels += text_starts(text_from(query, i), TEXT("ofType"));
		depth += query.data[i] == '{';
		depth -= query.data[i] == '}';
	}
	assert_int_equal(levels, 7);
	assert_int_equal(depth, 0);
	assert_string_equal(
		arena_string(arena, json_member_text(question, TEXT("operationName"), TEXT(""))),
		"IntrospectionQuery");
}

int main(void)
{
#define TRIAL(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TRIAL(an_object_is_asked_for_two_levels_of_what_needs_no_arguments),
		TRIAL(types_that_hold_themselves_end),
		TRIAL(an_object_without_anything_to_select_says_its_type),
		TRIAL(of_interfaces_and_unions_the_type_is_asked_for_too),
		TRIAL(scalars_and_enums_have_no_selection),
		TRIAL(what_is_deprecated_or_reserved_is_left_out),
		TRIAL(what_is_no_name_is_left_out),
		TRIAL(arguments_have_types_of_json_and_their_own),
		TRIAL(lists_are_lists_however_deep),
		TRIAL(what_has_a_default_may_be_left_out),
		TRIAL(what_is_not_told_whole_is_left_out),
		TRIAL(an_argument_of_a_name_that_another_one_has_is_not_understood),
		TRIAL(a_type_that_is_wrapped_wrongly_is_left_out),
		TRIAL(a_mutation_gives_way_to_a_query_of_its_name),
		TRIAL(root_types_have_the_names_that_the_schema_says),
		TRIAL(there_are_a_thousand_actions_at_most),
		TRIAL(a_wide_answer_is_asked_for_fewer_levels),
		TRIAL(the_endpoint_says_why_it_does_not_tell),
		TRIAL(what_is_no_introspection_is_refused),
		TRIAL(a_tree_beyond_the_cap_is_refused),
		TRIAL(the_question_asks_for_seven_levels_of_types),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
