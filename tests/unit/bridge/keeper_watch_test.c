/* When what is kept is not so any more: by what the stream says, and without a stream. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/keeper_trial.h"

/* --- messages -------------------------------------------------------------------------------- */

static void all_is_forgotten_when_the_stream_says_so(void **state)
{
	(void)state;
	learn("demo", "/list", usual);
	learn("other", "/", usual);
	tell_all();
	struct asker a;
	assert_false(ask(&a, "demo", "/list"));
	struct peer_call *c = take();
	assert_string_equal(request(c)->known_nodes, "");
	answer(c, usual);
	wait_done(&a);
	release(&a);
	assert_asked_anew("other", "/");
}

static void what_depends_on_callers_is_forgotten_and_nodes_are_not(void **state)
{
	(void)state;
	learn("demo", "/list", usual);
	tell_callers();
	struct asker a;
	assert_false(ask(&a, "demo", "/list"));
	struct peer_call *c = take();
	assert_string_equal(request(c)->known_nodes, "r1");
	answer(c, (struct answer){.keep_ms = HOUR_MS});
	wait_done(&a);
	assert_string_equal(revision(&a), "r1");
	assert_int_equal(node_set_count(a.route->nodes), 2);
	release(&a);
}

static void cleans_go_to_the_cache(void **state)
{
	(void)state;
	Registry__WatchRoutesResponse m = REGISTRY__WATCH_ROUTES_RESPONSE__INIT;
	Registry__RouteService service = REGISTRY__ROUTE_SERVICE__INIT;
	Registry__RouteClean clean = REGISTRY__ROUTE_CLEAN__INIT, *list[] = {&clean};
	service.namespace_ = (char *)"default";
	service.service = (char *)"demo";
	clean.service = &service;
	clean.rule = (char *)"/v1/list";
	m.cleans = list;
	m.n_cleans = 1;
	peer_send(stream, &m.base);
	assert_true(peer_wait(&cleaned.heard));
	assert_string_equal(cleaned.last, "default demo /v1/list");
	m.all = true; /* all, then this one */
	m.n_cleans = 0;
	peer_send(stream, &m.base);
	assert_true(peer_wait(&cleaned.heard));
	assert_string_equal(cleaned.last, "  ");
}

static void a_changed_service_is_asked_for_once_and_carried_meanwhile(void **state)
{
	(void)state;
	struct asker a;
	learn("demo", "/list", usual);
	learn("other", "/", usual);
	tell_changed("blue", "demo");
	tell_changed("default", "emo");
	assert_true(is_kept("demo", "/list"));
	tell_changed("default", "demo");
	for (int i = 0; i < 3; i++) {
		assert_true(ask(&a, "demo", "/list"));
		assert_string_equal(revision(&a), "r1");
		release(&a);
	}
	struct peer_call *c = take();
	assert_string_equal(request(c)->known_nodes, "r1");
	assert_true(is_kept("other", "/"));
	assert_false(ask(&a, "demo", "/wait")); /* what is not known waits */
	struct peer_call *waiting = take();
	answer(c, (struct answer){.revision = "r2", .count = 3, .keep_ms = HOUR_MS});
	answer(waiting, (struct answer){.revision = "r2", .count = 3, .keep_ms = HOUR_MS});
	wait_done(&a);
	assert_string_equal(revision(&a), "r2");
	release(&a);
	assert_true(ask(&a, "demo", "/list"));
	assert_string_equal(revision(&a), "r2");
	release(&a);
	assert_asked_anew("demo", "/next"); /* nothing else was asked */
}

static void many_nodes_are_not_made_anew_each_time(void **state)
{
	(void)state;
	struct asker a;
	const struct answer many = {.revision = "r1", .count = NODES_MOST, .keep_ms = HOUR_MS};
	int64_t begun = clock_now();
	learn("demo", "/list", many);
	tell_changed("default", "demo");
	do {
		assert_true(ask(&a, "demo", "/list"));
		release(&a);
	} while (sem_trywait(&peer.arrived));
	sem_post(&peer.arrived);
	assert_true(clock_now() - begun >= 100 * CLOCK_MS);
	answer(take(), usual);
}

static void full_names_change_with_their_key(void **state)
{
	(void)state;
	learn("v2.Demo", "/", usual);
	learn("xdemo", "/", usual);
	tell_changed("default", "demo");
	assert_true(is_kept("v2.Demo", "/"));
	assert_true(is_kept("xdemo", "/"));
	struct peer_call *c = take();
	assert_string_equal(request(c)->service, "v2.Demo");
	answer(c, usual);
	assert_asked_anew("demo", "/next");
}

static void what_has_changed_is_not_used_for_long(void **state)
{
	(void)state;
	struct asker a;
	learn("demo", "/list", usual);
	tell_changed("default", "demo");
	int64_t changed = clock_now();
	assert_true(is_kept("demo", "/list"));
	struct peer_call *c = take();    /* and gets no answer yet */
	tell_changed("default", "demo"); /* that is no new beginning */
	for (;;) {
		bool kept = ask(&a, "demo", "/list");
		if (!kept)
			break;
		release(&a);
		assert_true(clock_now() - changed < 10 * CLOCK_SECOND);
	}
	answer(c, (struct answer){.revision = "r2", .keep_ms = HOUR_MS});
	answer(take(), (struct answer){.revision = "r3", .keep_ms = HOUR_MS});
	wait_done(&a);
	assert_string_equal(revision(&a), "r3");
	release(&a);
	assert_true(ask(&a, "demo", "/list"));
	assert_string_equal(revision(&a), "r3");
	release(&a);
}

static void without_nodes_nobody_is_carried_meanwhile(void **state)
{
	(void)state;
	struct asker a;
	learn("demo", "/list", (struct answer){.revision = "r1", .keep_ms = HOUR_MS});
	assert_true(is_kept("demo", "/list"));
	tell_changed("default", "demo");
	assert_false(ask(&a, "demo", "/list"));
	answer(take(), (struct answer){.revision = "r2", .count = 1, .keep_ms = HOUR_MS});
	wait_done(&a);
	assert_int_equal(node_set_count(a.route->nodes), 1);
	release(&a);
}

static void a_failed_question_leaves_what_is_known(void **state)
{
	(void)state;
	learn("demo", "/list", usual);
	tell_changed("default", "demo");
	assert_true(is_kept("demo", "/list"));
	struct peer_call *c = take();
	peer_begin(c);
	peer_end(c, GRPC_STATUS_UNAVAILABLE);
	assert_asked_anew("demo", "/next");
	assert_true(is_kept("demo", "/list"));
	answer(take(), usual);
}

/* --- the order of things --------------------------------------------------------------------- */

static void what_was_asked_before_a_message_does_not_count_after_it(void **state)
{
	(void)state;
	struct asker before, after, third;
	void (*const messages[])(void) = {tell_callers, tell_all};
	for (size_t i = 0; i < 2; i++) {
		const char *path = i ? "/b" : "/a";
		assert_false(ask(&before, "demo", path));
		struct peer_call *old = take();
		messages[i]();
		assert_false(ask(&after, "demo", path));
		struct peer_call *new = take();
		answer(old, (struct answer){.revision = "old", .keep_ms = HOUR_MS});
		wait_done(&before);
		assert_int_equal(sem_trywait(&after.done), -1);
		assert_false(ask(&third, "demo", path)); /* joins */
		answer(new, (struct answer){.revision = "new", .keep_ms = HOUR_MS});
		wait_done(&after);
		wait_done(&third);
		assert_string_equal(revision(&after), "new");
		release(&third);
		release(&before);
		release(&after);
		assert_true(ask(&after, "demo", path));
		assert_string_equal(revision(&after), "new");
		release(&after);
	}
	assert_false(ask(&before, "demo", "/c"));
	struct peer_call *old = take();
	tell_callers();
	answer(old, usual);
	wait_done(&before);
	release(&before);
	assert_asked_anew("demo", "/c");
}

static void an_older_answer_does_not_replace_a_newer_one(void **state)
{
	(void)state;
	struct asker before, after;
	assert_false(ask(&before, "demo", "/list"));
	struct peer_call *old = take();
	tell_changed("default", "demo");
	assert_false(ask(&after, "demo", "/list"));
	answer(take(), (struct answer){.revision = "new", .keep_ms = HOUR_MS});
	wait_done(&after);
	answer(old, (struct answer){.revision = "old", .keep_ms = HOUR_MS});
	wait_done(&before);
	assert_string_equal(revision(&before), "new"); /* the nodes as of now */
	release(&before);
	release(&after);
	assert_true(ask(&after, "demo", "/list"));
	assert_string_equal(revision(&after), "new");
	release(&after);
	assert_asked_anew("demo", "/next");
}

static void what_changed_while_it_was_asked_for_is_asked_for_again(void **state)
{
	(void)state;
	struct asker a;
	assert_false(ask(&a, "demo", "/list"));
	struct peer_call *c = take();
	tell_changed("default", "demo");
	answer(c, usual);
	wait_done(&a);
	release(&a);
	assert_true(is_kept("demo", "/list"));
	answer(take(), (struct answer){.revision = "r2", .count = 1, .keep_ms = HOUR_MS});
	assert_asked_anew("demo", "/next");
}

/* --- without a stream ------------------------------------------------------------------------ */

static void nothing_is_kept_before_the_stream_stands(void **state)
{
	(void)state;
	reopen(HOUR_MS, 100);
	learn("demo", "/list", usual);
	assert_asked_anew("demo", "/list");
	struct asker a;
	assert_false(ask(&a, "demo", "/list"));
	struct peer_call *c = take();
	tell_stands();
	answer(c, usual); /* asked before */
	wait_done(&a);
	release(&a);
	learn("demo", "/list", usual);
	assert_true(is_kept("demo", "/list"));
}

static void when_the_stream_has_broken_what_is_kept_is_used_for_a_while(void **state)
{
	(void)state;
	learn("demo", "/list", usual);
	break_stream();
	assert_true(is_kept("demo", "/list"));
	learn("demo", "/new", usual);
	assert_true(is_kept("demo", "/new"));
	tell_stands(); /* and forgotten then */
	struct asker a;
	assert_false(ask(&a, "demo", "/list"));
	struct peer_call *c = take();
	assert_string_equal(request(c)->known_nodes, "");
	answer(c, usual);
	wait_done(&a);
	release(&a);
	assert_asked_anew("demo", "/new");
}

static void after_that_the_server_is_asked_each_time(void **state)
{
	(void)state;
	reopen(0, 100);
	tell_stands();
	learn("demo", "/list", usual);
	assert_true(is_kept("demo", "/list"));
	break_stream();
	assert_asked_anew("demo", "/list");
	assert_asked_anew("demo", "/list");
	tell_stands();
	assert_asked_anew("demo", "/list");
	assert_true(is_kept("demo", "/list"));
}

static void when_it_stands_again_the_cache_is_cleaned(void **state)
{
	(void)state;
	break_stream();
	Registry__WatchRoutesResponse m = REGISTRY__WATCH_ROUTES_RESPONSE__INIT;
	peer_send(stream, &m.base);
	assert_true(peer_wait(&cleaned.heard));
	assert_string_equal(cleaned.last, "  ");
}

static void the_stream_is_opened_at_most_twice_a_second(void **state)
{
	(void)state;
	int64_t begun = clock_now();
	for (int i = 0; i < 4; i++) {
		peer_end(stream, GRPC_STATUS_PERMISSION_DENIED);
		take_stream();
	}
	assert_true(clock_now() - begun >= 3 * CLOCK_SECOND / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		KEEPER_TEST(all_is_forgotten_when_the_stream_says_so),
		KEEPER_TEST(what_depends_on_callers_is_forgotten_and_nodes_are_not),
		KEEPER_TEST(cleans_go_to_the_cache),
		KEEPER_TEST(a_changed_service_is_asked_for_once_and_carried_meanwhile),
		KEEPER_TEST(many_nodes_are_not_made_anew_each_time),
		KEEPER_TEST(full_names_change_with_their_key),
		KEEPER_TEST(what_has_changed_is_not_used_for_long),
		KEEPER_TEST(without_nodes_nobody_is_carried_meanwhile),
		KEEPER_TEST(a_failed_question_leaves_what_is_known),
		KEEPER_TEST(what_was_asked_before_a_message_does_not_count_after_it),
		KEEPER_TEST(an_older_answer_does_not_replace_a_newer_one),
		KEEPER_TEST(what_changed_while_it_was_asked_for_is_asked_for_again),
		KEEPER_TEST(nothing_is_kept_before_the_stream_stands),
		KEEPER_TEST(when_the_stream_has_broken_what_is_kept_is_used_for_a_while),
		KEEPER_TEST(after_that_the_server_is_asked_each_time),
		KEEPER_TEST(when_it_stands_again_the_cache_is_cleaned),
		KEEPER_TEST(the_stream_is_opened_at_most_twice_a_second),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
