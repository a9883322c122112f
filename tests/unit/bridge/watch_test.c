/* Which clients are cut off, with real connections. Where somebody must not be cut off, another one
 * who must be tells the time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "bridge/watch.h"

/* Both ends of a connection; ours is watched. */
struct pair {
	struct watch_entry entry;
	int ours, theirs;
};

static struct watch *watch, *beside; /* NULL: none beside */

static void connect_pair(struct pair *p)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(address);
	int listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK(!bind(listening, (struct sockaddr *)&address, size) && !listen(listening, 1));
	CHECK(!getsockname(listening, (struct sockaddr *)&address, &size));
	p->theirs = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK(!connect(p->theirs, (struct sockaddr *)&address, size));
	p->ours = accept(listening, NULL, NULL);
	CHECK(p->ours >= 0);
	close(listening);
	watch_add(watch, &p->entry, p->ours);
}

static void disconnect(struct pair *p)
{
	watch_remove(watch, &p->entry);
	close(p->ours);
	close(p->theirs);
}

static void put(int fd, const char *bytes)
{
	CHECK(send(fd, bytes, strlen(bytes), MSG_NOSIGNAL) == (ssize_t)strlen(bytes));
}

/* What came is read, as a server would. */
static void swallow(int fd)
{
	char bytes[65536];
	while (recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		;
}

/* One step, in its time. */
static void step(void)
{
	struct timespec pause = {.tv_nsec = WATCH_STEP_MS * 1000000L};
	watch_step(watch);
	if (beside)
		watch_step(beside);
	nanosleep(&pause, NULL);
}

static void wait_for(sem_t *sem)
{
	while (sem_trywait(sem))
		step();
}

/* Waits until ours is shut down. */
static void assert_cut(struct pair *p)
{
	char byte;
	while (recv(p->theirs, &byte, 1, MSG_DONTWAIT) < 0)
		step();
	assert_int_equal(recv(p->theirs, &byte, 1, MSG_DONTWAIT), 0);
}

static void assert_open(struct pair *p)
{
	char byte;
	assert_int_equal(recv(p->theirs, &byte, 1, MSG_DONTWAIT), -1);
}

/* Lets a connection that breaks the rules be cut off, three times. */
static void pass_time(void)
{
	struct pair clock;
	for (int i = 0; i < 3; i++) {
		connect_pair(&clock);
		put(clock.theirs, "G");
		swallow(clock.ours);
		assert_cut(&clock);
		disconnect(&clock);
	}
}

static int open_watch(void **state)
{
	(void)state;
	watch = watch_open(
		&(struct watch_options){.header_ms = 200, .rate = 1000, .window_ms = 200});
	return 0;
}

static int close_watch(void **state)
{
	(void)state;
	watch_close(&watch);
	return watch != NULL;
}

static void a_head_that_does_not_end_is_cut_off(void **state)
{
	struct pair p;
	(void)state;
	connect_pair(&p);
	put(p.theirs, "GET / HT");
	assert_cut(&p);
	disconnect(&p);
}

static void who_says_nothing_yet_is_left_alone(void **state)
{
	struct pair fresh, kept;
	(void)state;
	connect_pair(&fresh);
	connect_pair(&kept);
	put(kept.theirs, "GET / HTTP/1.1\r\n\r\n");
	swallow(kept.ours);
	watch_enter(&kept.entry, WATCH_BODY);
	watch_enter(&kept.entry, WATCH_REPLY);
	watch_enter(&kept.entry, WATCH_HEAD);
	pass_time();
	assert_open(&fresh);
	assert_open(&kept);
	put(kept.theirs, "G");
	assert_cut(&kept);
	disconnect(&fresh);
	disconnect(&kept);
}

static void a_body_that_trickles_is_cut_off(void **state)
{
	struct pair p;
	(void)state;
	connect_pair(&p);
	watch_enter(&p.entry, WATCH_BODY);
	put(p.theirs, "a few bytes");
	swallow(p.ours);
	assert_cut(&p);
	disconnect(&p);
}

static void bytes_that_wait_for_us_are_not_the_clients_fault(void **state)
{
	struct pair p;
	(void)state;
	connect_pair(&p);
	watch_enter(&p.entry, WATCH_BODY);
	put(p.theirs, "a few bytes");
	pass_time();
	assert_open(&p);
	swallow(p.ours);
	assert_cut(&p);
	disconnect(&p);
}

static void a_body_that_flows_goes_on(void **state)
{
	struct pair p, clock;
	char bytes[300] = {0};
	(void)state;
	connect_pair(&p);
	connect_pair(&clock);
	watch_enter(&p.entry, WATCH_BODY);
	put(clock.theirs, "G");
	while (recv(clock.theirs, bytes, 1, MSG_DONTWAIT) < 0) {
		assert_int_equal(send(p.theirs, bytes, sizeof(bytes), 0), sizeof(bytes));
		swallow(p.ours);
		step();
	}
	assert_open(&p);
	disconnect(&p);
	disconnect(&clock);
}

static void while_we_are_waited_for_nothing_is_asked(void **state)
{
	struct pair p;
	(void)state;
	connect_pair(&p);
	watch_enter(&p.entry, WATCH_OURS);
	pass_time();
	assert_open(&p);
	disconnect(&p);
}

static void a_reply_that_is_not_taken_is_cut_off(void **state)
{
	struct pair p;
	char bytes[65536] = {0};
	(void)state;
	connect_pair(&p);
	watch_enter(&p.entry, WATCH_REPLY);
	while (send(p.ours, bytes, sizeof(bytes), MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
		;
	pass_time();
	/* Ours is shut down: nothing can be sent any more. */
	while (send(p.ours, bytes, 1, MSG_DONTWAIT | MSG_NOSIGNAL) == 1 || errno == EAGAIN)
		step();
	disconnect(&p);
}

static void a_reply_that_has_been_taken_is_awaited(void **state)
{
	struct pair p;
	(void)state;
	connect_pair(&p);
	watch_enter(&p.entry, WATCH_REPLY);
	put(p.ours, "part of a reply");
	swallow(p.theirs);
	pass_time();
	assert_open(&p);
	disconnect(&p);
}

/* --- streams --------------------------------------------------------------------------------- */

struct ticks {
	sem_t here, gone;
};

static void note_tick(void *arg, bool gone)
{
	struct ticks *t = arg;
	sem_post(gone ? &t->gone : &t->here);
}

static void a_stream_is_told_when_its_client_has_gone(void **state)
{
	struct ticks ticks;
	struct pair p;
	int left;
	(void)state;
	sem_init(&ticks.here, 0, 0);
	sem_init(&ticks.gone, 0, 0);
	connect_pair(&p);
	watch_enter(&p.entry, WATCH_OURS);
	watch_stream(&p.entry, note_tick, &ticks);
	wait_for(&ticks.here);
	assert_int_equal(sem_getvalue(&ticks.gone, &left), 0);
	assert_int_equal(left, 0);
	shutdown(p.theirs, SHUT_WR);
	wait_for(&ticks.gone);
	watch_stream(&p.entry, NULL, NULL);
	disconnect(&p);
	sem_destroy(&ticks.here);
	sem_destroy(&ticks.gone);
}

/* --- many ------------------------------------------------------------------------------------ */

static void every_one_of_many_is_seen(void **state)
{
	enum { MANY = 200 };
	static struct pair pairs[MANY];
	(void)state;
	for (int i = 0; i < MANY; i++)
		connect_pair(&pairs[i]);
	for (int i = 0; i < MANY; i += 2)
		put(pairs[i].theirs, "G");
	for (int i = 0; i < MANY; i += 2)
		assert_cut(&pairs[i]);
	for (int i = 1; i < MANY; i += 2)
		assert_open(&pairs[i]);
	for (int i = 0; i < MANY; i++)
		disconnect(&pairs[(i * 7) % MANY]);
}

static void without_limits_nobody_is_cut_off(void **state)
{
	struct pair p, slow;
	struct watch *limited = watch, *unlimited = watch_open(&(struct watch_options){0});
	(void)state;
	watch = unlimited;
	connect_pair(&p);
	connect_pair(&slow);
	put(p.theirs, "G");
	watch_enter(&slow.entry, WATCH_BODY);
	watch = limited;
	beside = unlimited;
	pass_time();
	beside = NULL;
	watch = unlimited;
	assert_open(&p);
	assert_open(&slow);
	disconnect(&p);
	disconnect(&slow);
	watch_close(&unlimited);
	watch = limited;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_head_that_does_not_end_is_cut_off),
		cmocka_unit_test(who_says_nothing_yet_is_left_alone),
		cmocka_unit_test(a_body_that_trickles_is_cut_off),
		cmocka_unit_test(bytes_that_wait_for_us_are_not_the_clients_fault),
		cmocka_unit_test(a_body_that_flows_goes_on),
		cmocka_unit_test(while_we_are_waited_for_nothing_is_asked),
		cmocka_unit_test(a_reply_that_is_not_taken_is_cut_off),
		cmocka_unit_test(a_reply_that_has_been_taken_is_awaited),
		cmocka_unit_test(a_stream_is_told_when_its_client_has_gone),
		cmocka_unit_test(every_one_of_many_is_seen),
		cmocka_unit_test(without_limits_nobody_is_cut_off),
	};
	return cmocka_run_group_tests(tests, open_watch, close_watch);
}
