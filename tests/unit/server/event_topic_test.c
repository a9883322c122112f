/* Names of events and patterns of them. */
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/event/subscription/topic.h"
#include "tests/support/plain_topic.h"

static void assert_matches(const char *pattern, const char *name, bool does)
{
	if (topic_matches(text_of(pattern), text_of(name)) != does)
		fail_msg("%s: %s %s", pattern, name, does ? "does not match" : "matches");
	if (plain_matches(text_of(pattern), text_of(name)) != does)
		fail_msg("%s: the plain matcher is wrong about %s", pattern, name);
}

static void patterns_mean_what_they_do_in_moleculer(void **state)
{
	static const struct {
		const char *pattern, *name;
		bool matches;
	} table[] = {
		{"user.created", "user.created", true},
		{"user.created", "user.create", false},
		{"user.created", "user.createdx", false},
		{"user.created", "User.created", false},
		{"user.created", "userxcreated", false},
		{"user.*", "user.created", true},
		{"user.*", "user.a.b", false},
		{"user.*", "user", false},
		{"user.*", "user.", true},
		{"user.*", "users.created", false},
		{"user.**", "user.created", true},
		{"user.**", "user.a.b", true},
		{"user.**", "user", false},
		{"user**", "user", true},
		{"user**", "users", true},
		{"user**", "user.a.b", true},
		{"user**", "use", false},
		{"user*", "users", true},
		{"user*", "user", true},
		{"user*", "user.a", false},
		{"*", "a", true},
		{"*", "a.b", false},
		{"**", "a", true},
		{"**", "a.b.c", true},
		{"**", "$node.connected", true},
		{"$node.*", "$node.connected", true},
		{"$node.*", "node.connected", false},
		{"*.created", "user.created", true},
		{"*.created", "a.user.created", false},
		{"**.created", "user.created", true},
		{"**.created", "a.user.created", true},
		{"**.created", "created", false},
		{"a.*.c", "a.b.c", true},
		{"a.*.c", "a.b.b.c", false},
		{"a.*.c", "a.c", false},
		{"a.**.c", "a.b.b.c", true},
		{"a.**.c", "a.c", false},
		{"*.*.*", "a.b.c", true},
		{"*.*.*", "a.b", false},
		{"a.b*d.e", "a.bcd.e", true},
		{"a.b*d.e", "a.bc.d.e", false},
		{"***", "a.b", true},
		{"a***b", "a.x.b", true},
	};

	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
		assert_matches(table[i].pattern, table[i].name, table[i].matches);
}

static void a_question_mark_is_one_character_but_a_dot(void **state)
{
	assert_matches("user?", "users", true);
	assert_matches("user?", "user", false);
	assert_matches("user?", "user.", false);
	assert_matches("user?", "userss", false);
	assert_matches("a?c", "a.c", false);
	assert_matches("??", "ab", true);
	assert_matches("?*", "a", true);
	assert_matches("?*", "", false);
	assert_matches("*?", "abc", true);
	assert_matches("**?", "a.b", true);
	assert_matches("**?", "a.", false);
	/* However many bytes it has. */
	assert_matches("?", "\u00e4", true);
	assert_matches("?", "\u8ba2", true);
	assert_matches("?", "\U0001f4e6", true);
	assert_matches("??", "\u00e4", false);
	assert_matches("?", "\u00e4\u00e4", false);
	assert_matches("a?b", "a\u8ba2b", true);
	assert_matches("*?\u5355", "\u8ba2\u5355", true);
	assert_matches("\u8ba2?.*", "\u8ba2\u5355.\u521b\u5efa", true);
	assert_matches("?\u5355.*", "\u8ba2\u8ba2\u5355.x", false);
}

/* Characters that meet often, one of them of two bytes. */
static struct text make_up(char *buffer, const char *const *parts, size_t part_count)
{
	size_t count = (size_t)rand() % 10;

	*buffer = '\0';
	for (size_t i = 0; i < count; i++)
		strcat(buffer, parts[(size_t)rand() % part_count]);
	return text_of(buffer);
}

static void what_is_made_up_matches_by_the_definition(void **state)
{
	static const char *const parts[] = {"a", "b", ".", "\u00e4", "*", "?", "**"};
	int matching = 0;

	srand(1);
	for (int i = 0; i < 300000; i++) {
		char of_pattern[64], of_name[64];
		struct text pattern = make_up(of_pattern, parts, 7);
		struct text name = make_up(of_name, parts, 4);
		bool matches = plain_matches(pattern, name);
		matching += matches;
		if (topic_matches(pattern, name) != matches)
			fail_msg("%s, %s: not %d", of_pattern, of_name, !matches);
	}
	assert_true(matching > 10000);
}

/* Without end, if each star were tried at each place. */
static void no_pattern_takes_long(void **state)
{
	char pattern[TOPIC_MAX], name[2048];

	for (size_t i = 0; i < sizeof pattern; i++)
		pattern[i] = i % 3 == 2 ? 'a' : '*';
	memset(name, 'a', sizeof name);
	name[sizeof name - 2] = 'b';
	pattern[sizeof pattern - 1] = '*';
	pattern[sizeof pattern - 4] = 'c';
	assert_false(topic_matches(
		(struct text){pattern, sizeof pattern}, (struct text){name, sizeof name}));
}

static void what_has_wildcards_is_a_pattern(void **state)
{
	assert_true(topic_is_pattern(TEXT("user.*")));
	assert_true(topic_is_pattern(TEXT("user?")));
	assert_false(topic_is_pattern(TEXT("user.created")));
	assert_false(topic_is_pattern(TEXT("")));
}

#define SIZE       "must have 1 to 255 bytes"
#define BLANKS     "must not hold white space or control characters"
#define NO_LEVEL   "must not have an empty level"
#define WILDCARDS  "must not hold \"*\", \"?\" or \">\""
#define NO_GREATER "must not hold \">\""

static void assert_fault(const char *given, const char *is, const char *rule)
{
	if (!rule && is)
		fail_msg("%s: %s", given, is);
	if (rule)
		assert_string_equal(is, rule);
}

static void names_and_patterns_have_rules(void **state)
{
	static const struct {
		const char *given, *of_name, *of_pattern;
	} table[] = {
		{"user.created", NULL, NULL},
		{"$node.connected", NULL, NULL},
		{"a", NULL, NULL},
		{"\u8ba2\u5355.\u521b\u5efa", NULL, NULL},
		{"", SIZE, SIZE},
		{"user.*", WILDCARDS, NULL},
		{"user?", WILDCARDS, NULL},
		{"**", WILDCARDS, NULL},
		{"user.>", WILDCARDS, NO_GREATER},
		{".", NO_LEVEL, NO_LEVEL},
		{".a", NO_LEVEL, NO_LEVEL},
		{"a.", NO_LEVEL, NO_LEVEL},
		{"a..b", NO_LEVEL, NO_LEVEL},
		{"a b", BLANKS, BLANKS},
		{"a\tb", BLANKS, BLANKS},
		{"a\n", BLANKS, BLANKS},
		{"a\x7f", BLANKS, BLANKS},
		{"a\xc2\x85", BLANKS, BLANKS},
		{"a\u00a0", BLANKS, BLANKS},
		{"\u8ba2\u3000\u5355", BLANKS, BLANKS},
	};

	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		struct text given = text_of(table[i].given);
		assert_fault(table[i].given, topic_name_fault(given), table[i].of_name);
		assert_fault(table[i].given, topic_pattern_fault(given), table[i].of_pattern);
	}
	char longest[TOPIC_MAX + 1];
	memset(longest, 'a', sizeof longest);
	assert_null(topic_name_fault((struct text){longest, TOPIC_MAX}));
	assert_null(topic_pattern_fault((struct text){longest, TOPIC_MAX}));
	assert_string_equal(topic_name_fault((struct text){longest, sizeof longest}), SIZE);
	assert_string_equal(topic_pattern_fault((struct text){longest, sizeof longest}), SIZE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(patterns_mean_what_they_do_in_moleculer),
		cmocka_unit_test(a_question_mark_is_one_character_but_a_dot),
		cmocka_unit_test(what_is_made_up_matches_by_the_definition),
		cmocka_unit_test(no_pattern_takes_long),
		cmocka_unit_test(what_has_wildcards_is_a_pattern),
		cmocka_unit_test(names_and_patterns_have_rules),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
