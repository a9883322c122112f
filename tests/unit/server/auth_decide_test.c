/* Decisions from a directory that is made of states as auth.states() gives them. */
#include "server/auth/directory/decide.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { NOW = 1000000, CHAIN = 500 };

static struct arena *arena;
static const struct directory *directory;
static struct question question;
static struct text said[2]; /* roles of a token */

static int start(void **state)
{
	arena = arena_new(0);
	question = (struct question){.kind = SUBJECT_USER,
		.name = TEXT("alice"),
		.service = TEXT("shop"),
		.action = TEXT("list"),
		.method = TEXT("GET")};
	return 0;
}

static int end(void **state)
{
	directory_release(&directory);
	arena_free(&arena);
	return 0;
}

/* Puts one thing more into the directory; "'" stands for the quote. */
static void put(const char *kind, const char *name, const char *state)
{
	char *json = arena_string(arena, text_of(state));
	const struct directory *old = directory;

	for (char *at = json; *at; at++)
		*at = *at == '\'' ? '"' : *at;
	struct directory_change change = {text_of(kind), text_of(name), text_of(json)};
	directory = directory_make(old, &change, 1, 1);
	directory_release(&old);
}

static void put_role(const char *name, const char *parents, const char *rules)
{
	put("role", name, arena_printf(arena, "{'parents': [%s], 'rules': [%s]}", parents, rules));
}

static void put_subject(const char *kind, const char *name, const char *roles, const char *groups)
{
	put(kind, name,
		arena_printf(arena, "{'disabled': false, 'roles': [%s], 'groups': [%s]}", roles,
			groups));
}

static void assert_decided(bool allowed, const char *reason)
{
	struct decision decision;

	decide_explain(directory, &question, NOW, arena, &decision);
	assert_string_equal(decision.reason, reason);
	assert_int_equal(decision.allowed, allowed);
	assert_int_equal(decide(directory, &question, NOW), allowed);
}

static void assert_allowed(bool allowed)
{
	assert_int_equal(decide(directory, &question, NOW), allowed);
}

#define NO_RULE "no rule of its roles allows it"

static void who_is_not_known_may_nothing(void **state)
{
	put_role("all", "", "['allow', '*', '**', '*']");
	put_subject("application", "alice", "['all', null]", "");
	assert_decided(false, "there is no user \"alice\"");
	question.kind = SUBJECT_APPLICATION;
	assert_decided(true, "allowed by role \"all\", granted to application \"alice\"");
	put("application", "alice", "{'disabled': true, 'roles': [['all', null]], 'groups': []}");
	assert_decided(false, "application \"alice\" is disabled");
}

static void what_no_rule_allows_is_denied(void **state)
{
	put_role("some", "", "['allow', 'shop', 'show', '*'], ['deny', 'shop', 'drop', '*']");
	put_subject("user", "alice", "['gone', null], ['some', null]", "'nowhere'");
	assert_decided(false, NO_RULE);
	question.action = TEXT("Show");
	assert_decided(true, "allowed by role \"some\", granted to user \"alice\"");
	question.action = TEXT("drop");
	assert_decided(false, "denied by role \"some\", granted to user \"alice\"");
}

static void a_rule_counts_for_its_service_and_method(void **state)
{
	put_role("some", "",
		"['allow', '!', '**', '*'], ['allow', '*', '/any', 'GET'],"
		"['allow', 'shop', 'a', 'GET'], ['allow', 'shop', 'b', '*'],"
		"['allow', 'shopping', 'list', '*']");
	put_subject("user", "alice", "['some', null]", "");
	assert_allowed(false);
	question.action = TEXT("a");
	assert_allowed(true);
	question.method = TEXT("POST");
	assert_allowed(false);
	question.action = TEXT("b");
	assert_allowed(true);
	question.service = TEXT("shops");
	assert_allowed(false);
	question.action = TEXT("/any");
	assert_allowed(false);
	question.method = TEXT("GET");
	assert_allowed(true);
	question.service = TEXT("!");
	question.action = TEXT("else");
	assert_allowed(true);
}

static void a_denial_wins_wherever_it_is(void **state)
{
	put_role("base", "", "['deny', '*', 'list', 'GET']");
	put_role("middle", "'base'", "");
	put_role("top", "'middle'", "['allow', '*', '**', '*'], ['allow', 'shop', 'list', 'GET']");
	put_role("plain", "", "['allow', '*', '**', '*']");
	put_subject("user", "alice", "['top', null]", "");
	assert_decided(false,
		"denied by role \"base\", which role \"top\" inherits from, granted to user "
		"\"alice\"");
	put_subject("group", "staff", "['middle', null]", "");
	put_subject("user", "alice", "['plain', null]", "");
	assert_allowed(true);
	put_subject("user", "alice", "['plain', null]", "'staff'");
	assert_decided(false,
		"denied by role \"base\", which role \"middle\" inherits from, granted to group "
		"\"staff\"");
	/* Of one role, too, in both orders. */
	put_role("both", "", "['deny', '*', '**', 'GET'], ['allow', 'shop', '**', 'GET']");
	put_subject("user", "alice", "['both', null]", "");
	assert_allowed(false);
	put_role("both", "", "['allow', '*', '**', 'GET'], ['deny', 'shop', '**', 'GET']");
	assert_allowed(false);
}

static void a_grant_counts_until_it_ends(void **state)
{
	put_role("all", "", "['allow', '*', '**', '*']");
	put_subject("user", "alice", "['all', 1000000]", "");
	assert_decided(false, NO_RULE);
	put_subject("user", "alice", "['all', 1000001]", "");
	assert_allowed(true);
	put_subject("group", "staff", "['all', 999999]", "");
	put_subject("user", "alice", "", "'staff'");
	assert_allowed(false);
	put_subject("group", "staff", "['all', 1000001]", "");
	assert_allowed(true);
	put("group", "staff", "{'disabled': true, 'roles': [['all', null]], 'groups': []}");
	assert_allowed(false);
}

static void what_a_token_says_counts_besides(void **state)
{
	said[0] = TEXT("nothing");
	said[1] = TEXT("all");
	put_role("all", "", "['allow', '*', '**', '*']");
	question.more_roles = said;
	question.more_count = 2;
	assert_decided(true, "allowed by role \"all\", which its token says");
	put_subject("user", "alice", "['all', null]", "");
	assert_decided(true, "allowed by role \"all\", granted to user \"alice\"");
	put("user", "alice", "{'disabled': true, 'roles': [], 'groups': []}");
	assert_decided(false, "user \"alice\" is disabled");
}

static void assert_path(const char *const *names, size_t count)
{
	struct decision decision;

	decide_explain(directory, &question, NOW, arena, &decision);
	assert_int_equal(decision.path_count, count);
	for (size_t i = 0; i < count; i++)
		assert_string_equal(decision.path[i].data, names[i]);
	assert_ptr_equal(decision.role, directory_role(directory, text_of(names[count - 1])));
}

static void the_shortest_path_is_told(void **state)
{
	static const char *const longer[] = {"b", "c", "goal"}, *const shorter[] = {"x", "goal"};
	struct decision decision;

	put_role("goal", "", "['allow', 'shop', 'lis*', 'GET'], ['allow', 'shop', 'list', 'GET']");
	put_role("c", "'goal'", "");
	put_role("d", "'goal'", "");
	put_role("b", "'c', 'd'", "");
	put_role("x", "'goal'", "");
	put_subject("group", "staff", "['x', 2000000]", "");
	put_subject("user", "alice", "['b', null]", "");
	assert_path(longer, 3);
	put_subject("user", "alice", "['b', null]", "'staff'");
	assert_path(shorter, 2);
	decide_explain(directory, &question, NOW, arena, &decision);
	assert_string_equal(decision.rule->action.data, "lis*");
	assert_string_equal(decision.holder->name.data, "staff");
	assert_int_equal(decision.grant->ends_ms, 2000000);
}

static void who_inherits_from_itself_does_no_harm(void **state)
{
	put_role("a", "'b'", "");
	put_role("b", "'a', 'b', 'c'", "");
	put_role("c", "'a'", "['allow', 'shop', 'list', 'GET']");
	put_subject("user", "alice", "['a', null]", "");
	assert_allowed(true);
	question.action = TEXT("other");
	assert_decided(false, NO_RULE);
}

/* role 0 inherits from 1, that from 2, and all from one that is not there. */
static void put_chain(const char *last_rules)
{
	for (int i = 0; i < CHAIN; i++)
		put_role(arena_printf(arena, "role%03d", i),
			arena_printf(arena, "'role%03d', 'gone'", i + 1),
			i + 1 == CHAIN ? last_rules : "['allow', 'shop', 'list', 'POST']");
}

static void any_number_of_roles_counts(void **state)
{
	size_t count;

	put_chain("['allow', 'shop', 'list', 'GET']");
	put_subject("user", "alice", "['role000', null], ['role250', null]", "");
	assert_decided(true,
		"allowed by role \"role499\", which role \"role250\" inherits from, granted to "
		"user \"alice\"");
	put_role("role499", "", "['deny', 'shop', 'list', 'POST']");
	question.method = TEXT("POST");
	assert_allowed(false);
	const struct role **roles = decide_roles(directory, &question, NOW, arena, &count);
	assert_int_equal(count, CHAIN);
	for (int i = 0; i < CHAIN; i++)
		assert_string_equal(roles[i]->name.data, arena_printf(arena, "role%03d", i));
	question.name = TEXT("nobody");
	decide_roles(directory, &question, NOW, arena, &count);
	assert_int_equal(count, 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, start, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(who_is_not_known_may_nothing),
		TEST(what_no_rule_allows_is_denied),
		TEST(a_rule_counts_for_its_service_and_method),
		TEST(a_denial_wins_wherever_it_is),
		TEST(a_grant_counts_until_it_ends),
		TEST(what_a_token_says_counts_besides),
		TEST(the_shortest_path_is_told),
		TEST(who_inherits_from_itself_does_no_harm),
		TEST(any_number_of_roles_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
