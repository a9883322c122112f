/* What is kept of a server's answers: the server is the test itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/keeper_trial.h"

/* --- what is kept ---------------------------------------------------------------------------- */

static void an_answer_is_kept(void **state)
{
	(void)state;
	struct asker a, b;
	assert_false(ask(&a, "demo", "/list"));
	struct peer_call *c = take();
	assert_string_equal(request(c)->service, "demo");
	assert_string_equal(request(c)->method, "GET");
	assert_string_equal(request(c)->path, "/list");
	assert_string_equal(request(c)->known_nodes, "");
	assert_false(request(c)->upgrade);
	answer(c, usual);
	wait_done(&a);
	assert_int_equal(a.code, STATUS_OK);
	assert_string_equal(a.route->said->service, "demo");
	assert_int_equal(node_set_count(a.route->nodes), 2);
	assert_true(ask(&b, "demo", "/list"));
	assert_ptr_equal(a.route, b.route);
	release(&a);
	release(&b);
	assert_asked_anew("demo", "/other");
}

static void what_the_answer_depends_on_tells_questions_apart(void **state)
{
	(void)state;
	struct asker a;
	learn("demo", "/list", usual);
	for (int i = 0; i < 8; i++) {
		set(&a, "demo", "/list");
		struct route_question *q = &a.ask.question;
		if (i == 0)
			q->space = TEXT("blue");
		else if (i == 1)
			q->method = TEXT("POST");
		else if (i == 2)
			q->upgrade = true;
		else if (i == 3)
			metadata_add_own(&a.metadata, TEXT("authorization"), TEXT("Bearer a"));
		else if (i == 4)
			metadata_add_own(&a.metadata, TEXT("authorization"), TEXT(""));
		else if (i == 5)
			metadata_add_own(&a.metadata, TEXT("junction-exposed"), TEXT("address"));
		else if (i == 6)
			metadata_add_own(&a.metadata, TEXT("junction-exposed"), TEXT("proxy"));
		else { /* beside i == 3 */
			q->path = TEXT("/listBearer");
			metadata_add_own(&a.metadata, TEXT("authorization"), TEXT(" a"));
		}
		assert_false(go(&a));
		struct peer_call *c = take();
		if (i == 3)
			assert_string_equal(peer_metadata(c, "authorization"), "Bearer a");
		answer(c, usual);
		wait_done(&a);
		release(&a);
		assert_true(go(&a));
		release(&a);
	}
	set(&a, "demo", "/list"); /* what it does not depend on */
	metadata_add_own(&a.metadata, TEXT("x-request-id"), TEXT("7"));
	assert_true(go(&a));
	release(&a);
}

static void who_asks_the_same_at_the_same_time_waits_for_one_answer(void **state)
{
	(void)state;
	struct asker askers[5];
	for (int i = 0; i < 5; i++)
		assert_false(ask(&askers[i], "demo", "/list"));
	on_loop(run_forget, &askers[3]);
	on_loop(run_forget, &askers[3]); /* again: nothing */
	answer(take(), usual);
	for (int i = 0; i < 5; i++)
		if (i != 3) {
			wait_done(&askers[i]);
			release(&askers[i]);
		}
	assert_int_equal(sem_trywait(&askers[3].done), -1);
	assert_asked_anew("demo", "/next"); /* the next question there is */
}

static void a_question_goes_on_when_nobody_waits(void **state)
{
	(void)state;
	struct asker a, b;
	assert_false(ask(&a, "demo", "/list"));
	on_loop(run_forget, &a);
	assert_false(ask(&b, "demo", "/list"));
	answer(take(), usual);
	wait_done(&b);
	release(&b);
	assert_true(is_kept("demo", "/list"));
}

static void an_answer_is_kept_until_its_end(void **state)
{
	(void)state;
	struct asker a;
	learn("demo", "/never", (struct answer){.revision = "r1", .keep_ms = 0});
	assert_int_equal(metric_value("junction_gateway_routes"), 0);
	learn("demo", "/list", (struct answer){.revision = "r1", .keep_ms = 50});
	for (;;) {
		bool kept = ask(&a, "demo", "/list");
		if (!kept)
			break;
		release(&a);
	}
	answer(take(), usual);
	wait_done(&a);
	release(&a);
}

static void refusals_are_told_and_kept_if_they_may_be(void **state)
{
	(void)state;
	struct asker a;
	const struct answer once = {.refusal = STATUS_UNAUTHENTICATED};
	const struct answer longer = {.refusal = STATUS_PERMISSION_DENIED, .keep_ms = HOUR_MS};
	assert_false(ask(&a, "demo", "/a"));
	answer(take(), once);
	wait_done(&a);
	assert_int_equal(a.code, STATUS_OK);
	assert_int_equal(a.route->said->refusal_code, STATUS_UNAUTHENTICATED);
	assert_null(a.route->nodes);
	release(&a);
	assert_asked_anew("demo", "/a");
	learn("demo", "/b", longer);
	assert_true(is_kept("demo", "/b"));
	tell_changed("default", "demo"); /* nothing can be carried by it meanwhile */
	assert_asked_anew("demo", "/b");
}

static void failures_are_told_and_not_kept(void **state)
{
	(void)state;
	struct asker a;
	for (int i = 0; i < 2; i++) {
		assert_false(ask(&a, "demo", "/list"));
		struct peer_call *c = take();
		peer_begin(c);
		peer_end(c, GRPC_STATUS_UNAVAILABLE);
		wait_done(&a);
		assert_null(a.route);
		assert_int_equal(a.code, STATUS_UNAVAILABLE);
	}
	assert_false(ask(&a, "demo", "/list"));
	answer(take(), (struct answer){.revision = "r1", .ruleless = true});
	wait_done(&a);
	assert_int_equal(a.code, STATUS_INTERNAL);
	assert_false(ask(&a, "demo", "/list"));
	answer(take(), (struct answer){.revision = "r1", .kind = 77});
	wait_done(&a);
	assert_int_equal(a.code, STATUS_INTERNAL);
}

static void refuse_unknown(struct asker *a)
{
	struct peer_call *c = take();
	peer_begin(c);
	peer_end(c, GRPC_STATUS_NOT_FOUND);
	wait_done(a);
	assert_null(a->route);
	assert_int_equal(a->code, STATUS_NOT_FOUND);
}

/* False: the question is there to be taken. */
static bool told_without_question(struct asker *a)
{
	struct timespec moment = {.tv_nsec = 1000000};
	for (;; nanosleep(&moment, NULL)) {
		if (!sem_trywait(&a->done))
			return true;
		if (sem_trywait(&peer.arrived))
			continue;
		sem_post(&peer.arrived);
		return false;
	}
}

static void that_there_is_no_service_is_kept_for_a_moment(void **state)
{
	(void)state;
	struct asker a;
	assert_false(ask(&a, "none", "/"));
	refuse_unknown(&a);
	for (;;) {
		assert_false(ask(&a, "none", "/"));
		if (told_without_question(&a))
			break;
		refuse_unknown(&a); /* the moment had passed already */
	}
	assert_int_equal(a.code, STATUS_NOT_FOUND);
	do
		assert_false(ask(&a, "none", "/"));
	while (told_without_question(&a));
	refuse_unknown(&a);
	assert_false(ask(&a, "none", "/"));
	on_loop(run_forget, &a);
	tell_changed("default", "none"); /* there it is */
	assert_asked_anew("none", "/");
}

static void what_was_used_the_longest_ago_makes_way(void **state)
{
	(void)state;
	const struct answer refused = {.refusal = STATUS_PERMISSION_DENIED, .keep_ms = HOUR_MS};
	reopen(HOUR_MS, 3);
	tell_stands();
	learn("demo", "/a", usual);
	learn("demo", "/b", usual);
	learn("demo", "/c", usual);
	assert_true(is_kept("demo", "/a"));
	learn("demo", "/d", usual);
	assert_true(is_kept("demo", "/a"));
	assert_true(is_kept("demo", "/c"));
	assert_true(is_kept("demo", "/d"));
	for (int i = 0; i < 20; i++) { /* what is refused or not there takes no room from it */
		char name[16];
		struct asker a;
		snprintf(name, sizeof(name), "none%d", i);
		if (i % 2) {
			learn("demo", name, refused);
			continue;
		}
		assert_false(ask(&a, name, "/"));
		refuse_unknown(&a);
	}
	assert_true(is_kept("demo", "/a"));
	assert_asked_anew("demo", "/b");
}

static void long_ones_count_as_several(void **state)
{
	(void)state;
	static char path[7000];
	reopen(HOUR_MS, 3);
	tell_stands();
	memset(path, 'x', sizeof(path) - 1);
	path[0] = '/';
	learn("demo", "/a", usual);
	learn("demo", "/b", usual);
	learn("demo", path, usual);
	assert_true(is_kept("demo", path));
	assert_true(is_kept("demo", "/b"));
	assert_asked_anew("demo", "/a");
}

/* --- nodes ----------------------------------------------------------------------------------- */

static void the_newest_nodes_count_for_all_answers(void **state)
{
	(void)state;
	struct asker a, held;
	learn("demo", "/a", usual);
	assert_true(ask(&held, "demo", "/a"));
	learn("demo", "/b", (struct answer){.revision = "r2", .count = 3, .keep_ms = HOUR_MS});
	assert_true(ask(&a, "demo", "/a"));
	assert_string_equal(revision(&a), "r2");
	assert_string_equal(revision(&held), "r1"); /* what was given stays as it was */
	release(&a);
	release(&held);
	assert_true(ask(&a, "demo", "/b"));
	learn("demo", "/c", (struct answer){.revision = "r2", .count = 3, .keep_ms = HOUR_MS});
	struct asker b;
	assert_true(ask(&b, "demo", "/c"));
	assert_ptr_equal(a.route->nodes, b.route->nodes);
	release(&a);
	release(&b);
}

static void kinds_have_nodes_of_their_own(void **state)
{
	(void)state;
	struct asker a;
	struct answer graphql = {
		.keep_ms = HOUR_MS, .kind = REGISTRY__ROUTE_KIND__ROUTE_KIND_GRAPHQL};
	learn("demo", "/list", usual);
	assert_false(ask(&a, "demo", "/graphql"));
	struct peer_call *c = take();
	assert_string_equal(request(c)->known_nodes, "r1");
	answer(c, graphql); /* the nodes of GraphQL have the same revision */
	c = take();
	assert_string_equal(request(c)->known_nodes, "");
	assert_string_equal(request(c)->path, "/graphql");
	graphql.revision = "r1";
	graphql.count = 1;
	answer(c, graphql);
	wait_done(&a);
	assert_int_equal(node_set_count(a.route->nodes), 1);
	release(&a);
	assert_true(ask(&a, "demo", "/list"));
	assert_int_equal(node_set_count(a.route->nodes), 2);
	release(&a);
	assert_true(ask(&a, "demo", "/graphql"));
	assert_int_equal(node_set_count(a.route->nodes), 1);
	release(&a);
	set(&a, "demo", "/ws");
	a.ask.question.upgrade = true;
	assert_false(go(&a));
	c = take();
	assert_string_equal(request(c)->known_nodes, "");
	answer(c, (struct answer){.keep_ms = 1}); /* and no nodes at all */
	wait_done(&a);
	assert_int_equal(a.code, STATUS_INTERNAL);
}

static void known_nodes_are_kept_while_they_are_asked_about(void **state)
{
	(void)state;
	struct asker a, b;
	learn("demo", "/a", usual);
	assert_false(ask(&a, "demo", "/b"));
	struct peer_call *c = take();
	assert_string_equal(request(c)->known_nodes, "r1");
	assert_false(ask(&b, "demo", "/c"));
	refuse_unknown(&b); /* forgets the nodes of the service */
	tell_all();
	answer(c, (struct answer){.keep_ms = HOUR_MS});
	wait_done(&a);
	assert_string_equal(revision(&a), "r1");
	release(&a);
	assert_false(ask(&a, "demo", "/a"));
	c = take();
	assert_string_equal(request(c)->known_nodes, "");
	answer(c, usual);
	wait_done(&a);
	release(&a);
}

/* --- life ------------------------------------------------------------------------------------ */

static void what_is_done_is_counted(void **state)
{
	(void)state;
	int64_t asked = metric_value("junction_gateway_route_questions_total");
	int64_t hits = metric_value("junction_gateway_route_hits_total");
	assert_int_equal(metric_value("junction_gateway_routes"), 0);
	learn("demo", "/a", usual);
	learn("demo", "/b", usual);
	is_kept("demo", "/a");
	assert_int_equal(metric_value("junction_gateway_routes"), 2);
	assert_int_equal(metric_value("junction_gateway_route_questions_total"), asked + 2);
	assert_int_equal(metric_value("junction_gateway_route_hits_total"), hits + 1);
	tell_callers();
	assert_int_equal(metric_value("junction_gateway_routes"), 0);
}

static void it_may_be_closed_with_questions_under_way(void **state)
{
	(void)state;
	struct asker a, held;
	learn("demo", "/list", usual);
	assert_true(ask(&held, "demo", "/list"));
	assert_false(ask(&a, "demo", "/other"));
	on_loop(run_forget, &a);
	struct peer_call *c = take();
	reopen(HOUR_MS, 100);
	assert_string_equal(revision(&held), "r1");
	release(&held);
	tell_stands();
	answer(c, usual);
	assert_asked_anew("demo", "/list");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		KEEPER_TEST(an_answer_is_kept),
		KEEPER_TEST(what_the_answer_depends_on_tells_questions_apart),
		KEEPER_TEST(who_asks_the_same_at_the_same_time_waits_for_one_answer),
		KEEPER_TEST(a_question_goes_on_when_nobody_waits),
		KEEPER_TEST(an_answer_is_kept_until_its_end),
		KEEPER_TEST(refusals_are_told_and_kept_if_they_may_be),
		KEEPER_TEST(failures_are_told_and_not_kept),
		KEEPER_TEST(that_there_is_no_service_is_kept_for_a_moment),
		KEEPER_TEST(what_was_used_the_longest_ago_makes_way),
		KEEPER_TEST(long_ones_count_as_several),
		KEEPER_TEST(the_newest_nodes_count_for_all_answers),
		KEEPER_TEST(kinds_have_nodes_of_their_own),
		KEEPER_TEST(known_nodes_are_kept_while_they_are_asked_about),
		KEEPER_TEST(what_is_done_is_counted),
		KEEPER_TEST(it_may_be_closed_with_questions_under_way),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
