#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/loop.h"

/* Two that give each other something to do, a few times. */
struct players {
	struct loop *loop;
	int served, returned, least; /* least: rounds to be played */
};

static bool serve(void *arg)
{
	struct players *p = arg;
	if (p->served == p->least || p->served > p->returned)
		return false;
	p->served++;
	return true;
}

static bool give_back(void *arg)
{
	struct players *p = *(struct players **)arg;
	if (p->returned == p->served)
		return false;
	p->returned++;
	return true;
}

static void look_at_players(void *arg)
{
	struct players *p = arg;
	assert_int_equal(p->served, p->least);
	assert_int_equal(p->returned, p->least);
	assert_ptr_equal(loop_current(), p->loop);
}

static void play_more(void *arg)
{
	struct players *p = arg;
	p->least += 1000; /* more than is done before the loop looks at its sockets */
}

struct reading {
	const struct players *players;
	int *served;
};

static void read_served(void *arg)
{
	const struct reading *r = arg;
	*r->served = r->players->returned;
}

static void before_it_waits_all_that_there_is_to_do_is_done(void **state)
{
	struct players p = {.loop = loop_new("players"), .least = 3}, *other = &p;

	loop_before_wait(p.loop, serve, &p);
	loop_before_wait(p.loop, give_back, &other);
	loop_start(p.loop);
	loop_run(p.loop, play_more, &p);
	while (true) {
		int served = 0;
		loop_run(p.loop, read_served, &(struct reading){&p, &served});
		if (served == p.least)
			break;
	}
	loop_run(p.loop, look_at_players, &p);
	loop_stop(&p.loop);
}

static void forget_server(void *arg)
{
	struct players *p = arg;
	loop_forget_wait(p->loop, p);
	p->least++;
}

static void who_is_forgotten_is_not_asked_any_more(void **state)
{
	struct players p = {.loop = loop_new("players"), .least = 1};

	loop_before_wait(p.loop, serve, &p);
	loop_start(p.loop);
	loop_run(p.loop, forget_server, &p);
	loop_stop(&p.loop);
	assert_true(p.served < p.least);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(before_it_waits_all_that_there_is_to_do_is_done),
		cmocka_unit_test(who_is_forgotten_is_not_asked_any_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
