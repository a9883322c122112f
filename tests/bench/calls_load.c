/*
 * Load that h2load cannot make: unary calls with a request of its own in each.
 *
 * Each thread polls its connections; each connection keeps a fixed number of calls open, and one
 * that ends starts the next in its slot until the time is over, or until each number was used once.
 * Call i of connection c has the number i * CONNECTIONS + c, so numbers ascend nearly in order.
 *
 * usage: bench_calls HOST:PORT METHOD FILE OUTSTANDING SECONDS FIRST COUNT
 *   FILE     the request, a pattern (h2.h)
 *   SECONDS  0: each of COUNT numbers once
 *   COUNT    numbers go from FIRST to FIRST + COUNT - 1, and then again; 0: they never repeat
 * prints one line of JSON: {"rate":..., "p50_us":..., "p99_us":..., "calls":..., "errors":...}
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "tests/bench/h2.h"

enum {
	THREADS = 2,
	PER_THREAD = 2,
	CONNECTIONS = THREADS * PER_THREAD,
	MOST = 4000000, /* calls of a connection */
	REQUEST = 1024,
};

struct slot {
	struct rpc rpc; /* first */
	int64_t started;
	uint8_t request[REQUEST];
};

struct connection {
	struct h2 h2; /* first */
	uint64_t number, serial;
	struct slot *slots;
	size_t open; /* calls outstanding */
	size_t calls, errors;
	int64_t *latencies; /* of the calls, nanoseconds */
};

static const char *method;
static struct pattern pattern;
static size_t outstanding; /* per connection */
static uint64_t first, count;
static int64_t end; /* 0: each number once */

/* The number of the next call; false when there is none. */
static bool next(struct connection *c, uint64_t *number)
{
	uint64_t index = c->serial * CONNECTIONS + c->number;
	if (end ? clock_now() >= end : index >= count)
		return false;
	c->serial++;
	*number = first + (count ? index % count : index);
	return true;
}

static void begin(struct connection *c, struct slot *s)
{
	uint64_t number;
	if (!next(c, &number))
		return;
	s->rpc = (struct rpc){.request = s->request, .size = pattern.size};
	s->started = clock_now();
	pattern_write(&pattern, number, s->request);
	if (h2_call(&c->h2, method, &s->rpc))
		c->open++;
	else
		c->errors++; /* the server said GOAWAY */
}

static void on_closed(struct h2 *h2, struct rpc *rpc)
{
	struct connection *c = (struct connection *)h2;
	struct slot *s = (struct slot *)rpc;
	c->open--;
	if (rpc->ok) {
		CHECK(c->calls < MOST);
		c->latencies[c->calls++] = clock_now() - s->started;
	} else {
		c->errors++;
	}
	begin(c, s);
}

static void lose(struct connection *c)
{
	c->errors += c->open;
	c->open = 0;
}

static void *run(void *connections)
{
	struct connection *all = connections;
	for (int i = 0; i < PER_THREAD; i++)
		for (size_t k = 0; k < outstanding; k++)
			begin(&all[i], &all[i].slots[k]);
	for (;;) {
		struct pollfd polls[PER_THREAD];
		size_t open = 0;
		for (int i = 0; i < PER_THREAD; i++) {
			struct connection *c = &all[i];
			if (c->open && !h2_flush(&c->h2))
				lose(c);
			open += c->open;
			polls[i] = (struct pollfd){
				.fd = c->open ? c->h2.socket : -1, .events = h2_events(&c->h2)};
		}
		if (!open)
			return NULL;
		CHECK(poll(polls, PER_THREAD, -1) > 0 || errno == EINTR);
		for (int i = 0; i < PER_THREAD; i++)
			if (polls[i].revents && !h2_receive(&all[i].h2))
				lose(&all[i]);
	}
}

static void report(struct connection connections[CONNECTIONS], double seconds)
{
	size_t calls = 0, errors = 0;
	int64_t *all = check_calloc((size_t)CONNECTIONS * MOST, sizeof(*all));
	for (int i = 0; i < CONNECTIONS; i++) {
		struct connection *c = &connections[i];
		memcpy(all + calls, c->latencies, c->calls * sizeof(*all));
		calls += c->calls;
		errors += c->errors;
	}
	printf("{\"rate\":%.0f,\"p50_us\":%.0f,\"p99_us\":%.0f,\"calls\":%zu,\"errors\":%zu}\n",
		(double)calls / seconds, (double)percentile(all, calls, 50) / 1000,
		(double)percentile(all, calls, 99) / 1000, calls, errors);
	free(all);
}

int main(int argc, char **argv)
{
	CHECK(argc == 8 && atoi(argv[4]) >= CONNECTIONS);
	method = argv[2];
	pattern = pattern_read(argv[3]);
	CHECK(pattern.size <= REQUEST);
	outstanding = (size_t)atoi(argv[4]) / CONNECTIONS;
	int64_t seconds = atoi(argv[5]);
	first = strtoull(argv[6], NULL, 10);
	count = strtoull(argv[7], NULL, 10);
	struct connection *connections = check_calloc(CONNECTIONS, sizeof(*connections));
	for (int i = 0; i < CONNECTIONS; i++) {
		struct connection *c = &connections[i];
		*c = (struct connection){.number = (uint64_t)i, .h2.closed = on_closed};
		c->slots = check_calloc(outstanding, sizeof(*c->slots));
		c->latencies = check_calloc(MOST, sizeof(*c->latencies));
		h2_open(&c->h2, argv[1]);
	}
	pthread_t threads[THREADS];
	int64_t began = clock_now();
	end = seconds ? began + seconds * CLOCK_SECOND : 0;
	for (int i = 0; i < THREADS; i++)
		CHECK(pthread_create(&threads[i], NULL, run, &connections[i * PER_THREAD]) == 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	report(connections, (double)(clock_now() - began) / CLOCK_SECOND);
	for (int i = 0; i < CONNECTIONS; i++) {
		h2_close(&connections[i].h2);
		free(connections[i].slots);
		free(connections[i].latencies);
	}
	free(connections);
	free(pattern.bytes);
	return 0;
}
