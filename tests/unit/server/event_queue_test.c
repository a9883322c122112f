/* The queue in memory, and the same in the plain way: random steps must find both alike. */
#include <limits.h>
#include <stdlib.h>

#include "base/check.h"
#include "server/event/delivery/queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct queue queue;
static int64_t now = 1000 * CLOCK_SECOND;

static int begin(void **state)
{
	queue_init(&queue, 8, 100);
	return 0;
}

static int end(void **state)
{
	queue_clear(&queue);
	return 0;
}

static struct delivery_standing stand(
	int64_t position, int number, enum delivery_state state, int64_t due_ms)
{
	return (struct delivery_standing){
		.position = position, .number = number, .state = state, .due_ms = due_ms};
}

static void land(struct delivery *d, int number, enum delivery_state state, int64_t due_ms)
{
	struct delivery_standing s = stand(d->position, number, state, due_ms);

	queue_land(&queue, d, &s, 0, now);
}

static int64_t take(void)
{
	struct delivery *d = queue_take(&queue);

	return d ? d->position : 0;
}

/* --- one by one ------------------------------------------------------------------------------- */

static void the_oldest_is_taken_first_and_once(void **state)
{
	for (int64_t i = 1; i <= 3; i++)
		queue_append(&queue, i, TEXT(""));
	queue_append(&queue, 2, TEXT(""));
	for (int64_t i = 1; i <= 3; i++)
		assert_int_equal(take(), i);
	assert_int_equal(take(), 0);
}

static void one_of_a_key_waits_for_the_one_before(void **state)
{
	queue_append(&queue, 1, TEXT("a"));
	queue_append(&queue, 2, TEXT("a"));
	queue_append(&queue, 3, TEXT("b"));
	struct delivery *first = queue_take(&queue);
	assert_int_equal(take(), 3);
	assert_int_equal(take(), 0);
	land(first, 2, DELIVERY_FAILED, 50);
	assert_int_equal(take(), 0);
	now += 60 * CLOCK_MS;
	assert_ptr_equal(queue_wake(&queue, now), first);
	assert_int_equal(take(), 1);
	land(first, 4, DELIVERY_DELIVERED, INT64_MIN);
	assert_int_equal(take(), 2);
}

static void one_that_is_delivered_and_not_confirmed_holds_its_key(void **state)
{
	queue_append(&queue, 1, TEXT("a"));
	queue_append(&queue, 2, TEXT("a"));
	land(queue_take(&queue), 2, DELIVERY_DELIVERED, 1000);
	assert_int_equal(take(), 0);
	assert_int_equal(queue.watched, 1);
	const struct delivery_standing confirmed = stand(1, 3, DELIVERY_CONFIRMED, INT64_MIN);
	assert_true(queue_correct(&queue, &confirmed, now));
	assert_int_equal(queue.watched, 0);
	assert_int_equal(take(), 2);
}

static void an_older_standing_changes_nothing(void **state)
{
	queue_append(&queue, 1, TEXT(""));
	land(queue_take(&queue), 5, DELIVERY_FAILED, 1000);
	const struct delivery_standing old = stand(1, 5, DELIVERY_CONFIRMED, INT64_MIN);
	assert_false(queue_correct(&queue, &old, now));
	assert_int_equal(queue.count, 1);
}

static void what_is_heard_of_a_busy_one_counts_when_it_lands(void **state)
{
	queue_append(&queue, 1, TEXT(""));
	struct delivery *d = queue_take(&queue);
	const struct delivery_standing confirmed = stand(1, 3, DELIVERY_CONFIRMED, INT64_MIN);
	assert_true(queue_correct(&queue, &confirmed, now));
	assert_int_equal(queue.count, 1);
	struct delivery_standing s = stand(1, 2, DELIVERY_DELIVERED, 1000);
	queue_land(&queue, d, &s, 0, now);
	assert_int_equal(s.state, DELIVERY_CONFIRMED);
	assert_int_equal(queue.count, 0);
}

static void one_put_back_is_as_it_was(void **state)
{
	queue_append(&queue, 1, TEXT(""));
	queue_append(&queue, 2, TEXT(""));
	land(queue_take(&queue), 2, DELIVERY_FAILED, 1000);
	queue_put_back(&queue, queue_take(&queue), false, now);
	assert_int_equal(take(), 2);
	struct delivery *failed = queue_take_failed(&queue, 0);
	assert_int_equal(failed->position, 1);
	queue_put_back(&queue, failed, false, now);
	assert_int_equal(take(), 0);
	now += 1001 * CLOCK_MS;
	assert_ptr_equal(queue_wake(&queue, now), failed);
}

/* A lease whose answer was lost: the load shows it as leased, by whom is not known. */
static void one_that_may_be_leased_here_is_taken_again_after_a_load(void **state)
{
	const struct delivery_standing leased = stand(1, 1, DELIVERY_LEASED, 60000);

	queue_append(&queue, 1, TEXT(""));
	queue_put_back(&queue, queue_take(&queue), true, now);
	queue_load_begin(&queue, true);
	queue_load_put(&queue, 1, TEXT(""), &leased, now);
	queue_load_end(&queue, false, 1);
	assert_int_equal(take(), 1);
	land(queue_find(&queue, 1), 2, DELIVERY_WAITING, INT64_MIN);
	queue_load_begin(&queue, true);
	queue_load_put(&queue, 1, TEXT(""), &leased, now);
	queue_load_end(&queue, false, 1);
	assert_int_equal(take(), 0);
}

static void one_that_is_held_back_is_not_taken(void **state)
{
	queue_append(&queue, 1, TEXT(""));
	struct delivery_standing s = stand(1, 2, DELIVERY_WAITING, INT64_MIN);
	queue_land(&queue, queue_take(&queue), &s, now + 100 * CLOCK_MS, now);
	assert_int_equal(take(), 0);
	assert_null(queue_wake(&queue, now + 99 * CLOCK_MS));
	assert_non_null(queue_wake(&queue, now + 100 * CLOCK_MS));
	assert_int_equal(take(), 1);
}

static void one_with_an_owner_stays_until_it_is_corrected(void **state)
{
	queue_append(&queue, 1, TEXT(""));
	struct delivery *d = queue_take(&queue);
	d->owner = &queue;
	land(d, 2, DELIVERY_DELIVERED, 1000);
	queue_load_begin(&queue, true);
	queue_load_end(&queue, false, 1);
	assert_ptr_equal(queue_find(&queue, 1), d);
	d->owner = NULL;
	queue_load_begin(&queue, true);
	queue_load_end(&queue, false, 1);
	assert_null(queue_find(&queue, 1));
}

static void one_that_was_done_may_be_opened_again(void **state)
{
	queue_append(&queue, 1, TEXT(""));
	queue_append(&queue, 2, TEXT(""));
	land(queue_take(&queue), 2, DELIVERY_DELIVERED, INT64_MIN);
	const struct delivery_standing failed = stand(1, 3, DELIVERY_FAILED, -1);
	assert_true(queue_correct(&queue, &failed, now));
	assert_int_equal(take(), 1);
	assert_int_equal(take(), 2);
}

/* --- the plain way ---------------------------------------------------------------------------- */

enum { EVENTS = 400, KEYS = 4, STEPS = 4000, ROUNDS = 60, PAGE = 4 };

/* An event at the position of its index; what is true of it, and what is known. */
static struct event {
	char key[2];
	enum delivery_state state;
	int number;
	int64_t due;

	bool known, busy, seen;
	bool keyless; /* opened again, its key is not known yet */
	enum delivery_state known_state;
	int64_t known_due;
	struct delivery *delivery; /* of a busy one */
} events[EVENTS + 1];

static struct {
	int published, known, before;
	bool overflow, loading, anew, missed;
	int rows[PAGE], count; /* of the page under way */
	int up_to;
} plain;

static unsigned seed;

static int chance(int below)
{
	seed = seed * 1103515245 + 12345;
	return (int)(seed >> 8) % below;
}

static bool is_final(const struct event *e)
{
	return e->state == DELIVERY_CONFIRMED || e->state == DELIVERY_DEAD ||
	       (e->state == DELIVERY_DELIVERED && e->due == INT64_MIN);
}

static bool is_first_of_key(int i)
{
	if (!*events[i].key || events[i].keyless)
		return true;
	for (int k = 1; k < i; k++)
		if (events[k].known && !events[k].keyless && *events[k].key == *events[i].key)
			return false;
	return true;
}

static bool is_ready(int i)
{
	const struct event *e = &events[i];

	return e->known && !e->busy && e->known_due <= now && is_first_of_key(i);
}

static int first_ready(void)
{
	for (int i = 1; i <= plain.published; i++)
		if (is_ready(i))
			return i;
	return 0;
}

static int count_known(bool ready)
{
	int count = 0;

	for (int i = 1; i <= plain.published; i++)
		count += ready ? is_ready(i) : events[i].known;
	return count;
}

static struct delivery_standing truth(int i)
{
	const struct event *e = &events[i];
	int64_t due_ms = e->due == INT64_MIN ? INT64_MIN : (e->due - now) / CLOCK_MS;

	return stand(i, e->number, e->state, due_ms);
}

static void know(int i)
{
	struct event *e = &events[i];

	e->busy = false;
	e->known = !is_final(e);
	e->known_state = e->state;
	e->known_due = e->due;
}

/* --- steps ------------------------------------------------------------------------------------ */

static void change_truth(int i)
{
	struct event *e = &events[i];
	int what = chance(6);
	bool due = what == 1 || what == 2 || what == 3;

	if (is_final(e) && chance(20))
		return;
	e->state = DELIVERY_WAITING + what;
	if (e->state == DELIVERY_DELIVERED && chance(2))
		due = false;
	else if (e->state == DELIVERY_FAILED || e->state == DELIVERY_LEASED)
		due = true;
	else if (e->state != DELIVERY_DELIVERED)
		due = false;
	e->due = due ? now + (chance(40) - 5) * CLOCK_MS : INT64_MIN;
	e->number++;
}

static void publish(void)
{
	int i = plain.published + 1;

	if (i > EVENTS)
		return;
	struct event *e = &events[i];
	*e = (struct event){.state = DELIVERY_WAITING, .due = INT64_MIN, .known_due = INT64_MIN};
	if (chance(2))
		e->key[0] = (char)('a' + chance(KEYS));
	if (plain.loading)
		plain.missed = true;
	else if (plain.overflow || count_known(true) >= (int)queue.window ||
		 count_known(false) >= (int)queue.most)
		plain.overflow = true;
	else
		e->known = true;
	e->known_state = DELIVERY_WAITING;
	plain.published = i;
	if (e->known)
		plain.known = i;
	queue_append(&queue, i, text_of(e->key));
}

/* The statement reads now; its rows come later. */
static void load_begin(bool anew)
{
	if (plain.loading)
		return;
	plain.loading = true;
	plain.missed = false;
	plain.anew = anew;
	if (anew) {
		plain.before = plain.known;
		plain.known = 0;
	}
	plain.count = 0;
	plain.up_to = plain.published;
	for (int i = 1; i <= EVENTS; i++)
		events[i].seen = false;
	queue_load_begin(&queue, anew);
}

static void load_put(int i)
{
	struct event *e = &events[i];
	struct delivery_standing s = truth(i);

	queue_load_put(&queue, i, text_of(e->key), &s, now);
	e->keyless = false;
	e->seen = true;
	plain.known = i;
	if (!e->busy)
		know(i);
}

static void load_end(void)
{
	int count = 0;

	for (int i = plain.known + 1; i <= plain.published && count < PAGE; i++)
		if (!is_final(&events[i])) {
			load_put(i);
			count++;
		}
	plain.loading = false;
	plain.overflow = count == PAGE || plain.missed;
	if (count < PAGE && plain.known < plain.up_to)
		plain.known = plain.up_to;
	for (int i = 1; plain.anew && i <= plain.published; i++)
		if (!events[i].seen && !events[i].busy)
			events[i].known = false;
	queue_load_end(&queue, count == PAGE, plain.up_to);
}

static void load_fails(void)
{
	plain.loading = false;
	plain.overflow = true;
	if (plain.anew)
		plain.known = plain.before;
	queue_load_failed(&queue);
}

static void take_one(void)
{
	int i = first_ready();
	struct delivery *d = queue_take(&queue);

	assert_int_equal(d ? d->position : 0, i);
	if (!d)
		return;
	events[i].busy = true;
	events[i].delivery = d;
}

static int a_busy_one(void)
{
	int from = chance(plain.published + 1);

	for (int i = 1; i <= plain.published; i++) {
		int k = 1 + (from + i) % plain.published;

		if (events[k].busy)
			return k;
	}
	return 0;
}

static void forget_beyond(int i)
{
	int known = plain.loading && plain.anew ? plain.before : plain.known;

	if (events[i].known && i > known && (plain.overflow || plain.loading))
		events[i].known = false;
}

static void land_one(void)
{
	int i = a_busy_one();

	if (!i)
		return;
	change_truth(i);
	struct delivery_standing s = truth(i);
	queue_land(&queue, events[i].delivery, &s, 0, now);
	know(i);
	forget_beyond(i);
}

static void correct_one(void)
{
	int i = 1 + chance(plain.published + 1);

	if (i > plain.published)
		return;
	if (chance(2))
		change_truth(i);
	if (!events[i].busy && (events[i].known || plain.loading || i <= plain.known)) {
		struct delivery_standing s = truth(i);

		events[i].keyless |= !events[i].known;
		events[i].seen |= !events[i].known;
		if (queue_correct(&queue, &s, now))
			know(i);
	}
}

static void check(void)
{
	assert_int_equal(queue.count, count_known(false));
	assert_int_equal(queue.ready.count, count_known(true));
	assert_int_equal(queue.known, plain.known);
	assert_int_equal(queue.overflow, plain.overflow);
	for (int i = 1; i <= plain.published; i++)
		assert_int_equal(queue_find(&queue, i) != NULL, events[i].known);
}

static void step(void)
{
	int what = chance(20);

	now += chance(3) * CLOCK_MS;
	while (queue_wake(&queue, now))
		;
	if (what < 5)
		publish();
	else if (what < 10)
		take_one();
	else if (what < 15)
		land_one();
	else if (what < 17)
		correct_one();
	else if (what < 18 && plain.loading)
		chance(5) ? load_end() : load_fails();
	else if (what < 19 && queue_wants_more(&queue))
		load_begin(false);
	else if (!chance(20))
		load_begin(true);
	check();
}

/* Whatever happened, a load of the whole and then one after the other finishes all. */
static void finish_all(void)
{
	if (plain.loading)
		load_end();
	load_begin(true);
	load_end();
	for (int i = 0; i < 10 * EVENTS && (queue.count || queue.overflow); i++) {
		now += 50 * CLOCK_MS;
		while (queue_wake(&queue, now))
			;
		if (queue_wants_more(&queue)) {
			load_begin(false);
			load_end();
		}
		take_one();
		int busy = a_busy_one();
		if (!busy)
			continue;
		events[busy].number++;
		events[busy].state = DELIVERY_CONFIRMED;
		struct delivery_standing s = truth(busy);
		queue_land(&queue, events[busy].delivery, &s, 0, now);
		know(busy);
	}
	for (int i = 1; i <= plain.published; i++)
		assert_true(is_final(&events[i]));
	assert_int_equal(queue.count, 0);
	assert_int_equal(queue.chains.count, 0);
}

static void it_does_as_the_plain_way_does(void **state)
{
	for (int round = 0; round < ROUNDS; round++) {
		seed = (unsigned)round;
		memset(events, 0, sizeof events);
		memset(&plain, 0, sizeof plain);
		queue_init(&queue, 2 * PAGE, round % 2 ? 20 : 1000);
		for (int i = 0; i < STEPS; i++)
			step();
		finish_all();
		queue_clear(&queue);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(the_oldest_is_taken_first_and_once),
		TEST(one_of_a_key_waits_for_the_one_before),
		TEST(one_that_is_delivered_and_not_confirmed_holds_its_key),
		TEST(an_older_standing_changes_nothing),
		TEST(what_is_heard_of_a_busy_one_counts_when_it_lands),
		TEST(one_put_back_is_as_it_was),
		TEST(one_that_may_be_leased_here_is_taken_again_after_a_load),
		TEST(one_that_is_held_back_is_not_taken),
		TEST(one_with_an_owner_stays_until_it_is_corrected),
		TEST(one_that_was_done_may_be_opened_again),
		cmocka_unit_test(it_does_as_the_plain_way_does),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
