/* Many nodes, all due at once and at short intervals, behind one listener that counts. */
#include "tests/support/checks_trial.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { NODES = 2000, AT_ONCE = 64, MOST = 1024 };

static struct test_postgres *postgres;

/* --- the listener --------------------------------------------------------------------------- */

/* One thread. A check counts as under way from its request to its answer, and is answered when as
 * many as there may be are under way, or when no more have come for a while. */
struct counter {
	int listener, port;
	pthread_t thread;
	atomic_bool stop;
	struct pollfd sockets[MOST];
	int node[MOST]; /* 0: not known yet */
	int count, asking;
	atomic_int most, twice; /* under way at once; a node's second check beside its first */
	atomic_int checked[NODES + 1];
};

static void take_request(struct counter *c, int i)
{
	char request[2048];
	ssize_t size = recv(c->sockets[i].fd, request, sizeof request - 1, 0);
	int node;

	if (size <= 0)
		return;
	request[size] = '\0';
	if (sscanf(request, "GET /%d ", &node) != 1 || node < 1 || node > NODES)
		return;
	for (int other = 1; other < c->count; other++)
		if (c->node[other] == node)
			atomic_fetch_add(&c->twice, 1);
	c->node[i] = node;
	c->asking++;
	atomic_fetch_add(&c->checked[node], 1);
	if (c->asking > atomic_load(&c->most))
		atomic_store(&c->most, c->asking);
}

static void answer_all(struct counter *c)
{
	static const char answer[] = "HTTP/1.1 204 No Content\r\n\r\n";

	for (int i = c->count - 1; i > 0; i--) {
		if (c->node[i] == 0)
			continue;
		send(c->sockets[i].fd, answer, sizeof answer - 1, MSG_NOSIGNAL);
		close(c->sockets[i].fd);
		c->count--;
		c->sockets[i] = c->sockets[c->count];
		c->node[i] = c->node[c->count];
	}
	c->asking = 0;
}

static void *count_checks(void *arg)
{
	struct counter *c = arg;

	while (!atomic_load(&c->stop)) {
		int ready = poll(c->sockets, (nfds_t)c->count, 50);
		int known = c->count;

		if (c->sockets[0].revents && c->count < MOST) {
			int fd = accept(c->listener, NULL, NULL);
			c->sockets[c->count] = (struct pollfd){.fd = fd, .events = POLLIN};
			c->node[c->count++] = 0;
		}
		for (int i = 1; i < known; i++)
			if (c->sockets[i].revents && c->node[i] == 0)
				take_request(c, i);
		if (ready == 0 || c->asking >= AT_ONCE)
			answer_all(c);
	}
	for (int i = 0; i < c->count; i++)
		close(c->sockets[i].fd);
	return NULL;
}

static struct counter *counter_start(void)
{
	struct counter *c = check_calloc(1, sizeof *c);
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof address;

	c->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(c->listener, (struct sockaddr *)&address, size), 0);
	assert_int_equal(listen(c->listener, 1024), 0);
	assert_int_equal(getsockname(c->listener, (struct sockaddr *)&address, &size), 0);
	c->port = ntohs(address.sin_port);
	c->sockets[0] = (struct pollfd){.fd = c->listener, .events = POLLIN};
	c->count = 1;
	assert_int_equal(pthread_create(&c->thread, NULL, count_checks, c), 0);
	return c;
}

static void counter_stop(struct counter *c)
{
	atomic_store(&c->stop, true);
	pthread_join(c->thread, NULL);
	free(c);
}

/* --- tests ---------------------------------------------------------------------------------- */

static void no_more_are_under_way_than_may_be_and_each_gets_its_turn(void **state)
{
	struct checks_options options = usual("many");
	struct counter *counter = counter_start();
	struct checker *c;

	options.interval_ms = 200;
	options.at_once = AT_ONCE;
	c = checker_start(options, &loopback);
	put_many("many", NODES, counter->port, "/");
	for (int node = 1; node <= NODES; node++)
		while (atomic_load(&counter->checked[node]) < 3)
			poll(NULL, 0, 1);
	assert_int_equal(atomic_load(&counter->most), AT_ONCE);
	assert_int_equal(atomic_load(&counter->twice), 0);
	/* The most overdue comes first: nobody is far ahead of the others. */
	for (int node = 1; node <= NODES; node++)
		assert_in_range(atomic_load(&counter->checked[node]), 3, 6);
	checker_stop(c);
	counter_stop(counter);
}

static int start(void **state)
{
	postgres = test_postgres_shared();
	url = test_postgres_database(postgres, test_postgres_template(postgres));
	return 0;
}

static int stop(void **state)
{
	test_postgres_stop(&postgres);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_more_are_under_way_than_may_be_and_each_gets_its_turn),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
