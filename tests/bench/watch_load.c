/*
 * From a change to those that watch: many watches, and one writer that makes one change at a time.
 *
 * All in one thread, by one clock. Each change bears a number of its own, which its watchers find
 * in what they are sent; the next change is begun when the writer has its answer and every watcher
 * has seen this one. Who misses one, or gets none for PATIENCE_MS, ends the program with an error.
 * A message counts as received when the socket is read.
 *
 * usage: bench_watch HOST:PORT WATCHERS SECONDS FIRST WATCH FILE half|open WRITE FILE
 *   FIRST      number of the first change: 10 digits
 *   WATCH      method of the watch, with its request; half: the client has no more to say, open: it
 *              must not end its side
 *   WRITE      method of the change, with its request, a pattern (h2.h) with a run of 10 digits
 * prints one line of JSON, times in microseconds: changes; p50, p99: from sending the change to its
 * receipt; answer_...: to the answer; answer_to_receipt_...: less than 0 where the watcher was told
 * first
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "tests/bench/h2.h"

enum {
	CONNECTIONS = 8, /* of the watchers, if there are so many */
	PATIENCE_MS = 20000,
	WARM_UP = 10, /* changes that are not counted */
	DIGITS = 10,
	MOST = 4000000, /* receipts */
	REQUEST = 1024,
};

struct watcher {
	struct rpc rpc; /* first */
	uint8_t *bytes; /* of a message that is not complete, with its prefix */
	size_t filled, room;
	bool begun, seen;
	int64_t received; /* of this change */
};

static struct h2 connections[CONNECTIONS + 1], *writer; /* the watchers' first */
static size_t watch_connections;
static struct watcher *watchers;
static size_t watcher_count, begun_count, seen_count;

/* The change under way. */
static const char *change_method;
static struct pattern change_pattern;
static char digits[DIGITS + 1];
static int64_t sent, answered; /* answered: 0 as long as it is not */
static struct rpc write_rpc;
static uint8_t write_request[REQUEST];

static int64_t now; /* when the socket that is being read was found readable */

static int64_t *receipts, *after, *answers;
static size_t receipt_count, change_count;

static _Noreturn void fail(const char *what)
{
	fprintf(stderr, "change %s: %s; %zu of %zu watches begun, %zu told\n", digits, what,
		begun_count, watcher_count, seen_count);
	exit(1);
}

/* --- watchers ------------------------------------------------------------------------------- */

static void take_message(struct watcher *w, const uint8_t *message, size_t size)
{
	if (!w->begun) {
		w->begun = true;
		begun_count++;
	}
	if (!sent || w->seen || !memmem(message, size, digits, DIGITS))
		return;
	w->seen = true;
	w->received = now;
	seen_count++;
}

static void add_bytes(struct watcher *w, const uint8_t *bytes, size_t size)
{
	while (w->filled + size > w->room) {
		w->room = w->room ? 2 * w->room : 1024;
		w->bytes = check_realloc(w->bytes, w->room);
	}
	memcpy(w->bytes + w->filled, bytes, size);
	w->filled += size;
}

static void on_watch_bytes(struct h2 *h2, struct rpc *rpc, const uint8_t *bytes, size_t size)
{
	struct watcher *w = (struct watcher *)rpc;
	size_t at = 0;
	add_bytes(w, bytes, size);
	while (w->filled - at >= H2_PREFIX) {
		const uint8_t *p = w->bytes + at;
		size_t length = (size_t)p[1] << 24 | (size_t)p[2] << 16 | (size_t)p[3] << 8 | p[4];
		if (w->filled - at < H2_PREFIX + length)
			break;
		take_message(w, p + H2_PREFIX, length);
		at += H2_PREFIX + length;
	}
	w->filled -= at;
	memmove(w->bytes, w->bytes + at, w->filled);
}

static void on_watch_closed(struct h2 *h2, struct rpc *rpc)
{
	fail("a watch has ended");
}

/* --- the writer ----------------------------------------------------------------------------- */

static void begin_change(uint64_t number)
{
	snprintf(digits, sizeof(digits), "%0*" PRIu64, DIGITS, number % UINT64_C(10000000000));
	pattern_write(&change_pattern, number, write_request);
	write_rpc = (struct rpc){.request = write_request, .size = change_pattern.size};
	for (size_t i = 0; i < watcher_count; i++)
		watchers[i].seen = false;
	seen_count = 0;
	answered = 0;
	sent = clock_now();
	if (!h2_call(writer, change_method, &write_rpc) || !h2_flush(writer))
		fail("it could not be sent");
}

static void on_written(struct h2 *h2, struct rpc *rpc)
{
	if (!rpc->ok)
		fail("it was refused");
	answered = now;
}

static void note_change(void)
{
	answers[change_count++] = answered - sent;
	for (size_t i = 0; i < watcher_count; i++) {
		receipts[receipt_count] = watchers[i].received - sent;
		after[receipt_count++] = watchers[i].received - answered;
	}
}

/* --- all of them ---------------------------------------------------------------------------- */

/* One round of sending and reading. */
static void serve(void)
{
	size_t count = watch_connections + 1;
	struct pollfd polls[CONNECTIONS + 1];
	for (size_t i = 0; i < count; i++) {
		if (!h2_flush(&connections[i]))
			fail("a connection is lost");
		polls[i] = (struct pollfd){
			.fd = connections[i].socket, .events = h2_events(&connections[i])};
	}
	int ready = poll(polls, count, PATIENCE_MS);
	if (ready == 0)
		fail("nothing comes any more");
	CHECK(ready > 0 || errno == EINTR);
	for (size_t i = 0; i < count; i++) {
		now = clock_now();
		if (polls[i].revents && !h2_receive(&connections[i]))
			fail("a connection is lost");
	}
}

static void open_connections(const char *address)
{
	watch_connections = watcher_count < CONNECTIONS ? watcher_count : CONNECTIONS;
	for (size_t i = 0; i < watch_connections; i++)
		connections[i] = (struct h2){.bytes = on_watch_bytes, .closed = on_watch_closed};
	writer = &connections[watch_connections];
	writer->closed = on_written;
	for (size_t i = 0; i <= watch_connections; i++)
		h2_open(&connections[i], address);
}

/* Until each has been told something: then it misses nothing that follows. */
static void begin_watches(const char *method, const struct pattern *request, bool keep_open)
{
	watchers = check_calloc(watcher_count, sizeof(*watchers));
	for (size_t i = 0; i < watcher_count; i++) {
		watchers[i].rpc = (struct rpc){
			.request = request->bytes, .size = request->size, .keep_open = keep_open};
		CHECK(h2_call(&connections[i % watch_connections], method, &watchers[i].rpc));
	}
	while (begun_count < watcher_count)
		serve();
}

static void make_change(uint64_t number)
{
	begin_change(number);
	while (!answered || seen_count < watcher_count)
		serve();
}

static void close_all(void)
{
	for (size_t i = 0; i <= watch_connections; i++)
		h2_close(&connections[i]);
	for (size_t i = 0; i < watcher_count; i++)
		free(watchers[i].bytes);
	free(watchers);
}

static void print_percentiles(const char *name, int64_t *values, size_t count)
{
	printf(",\"%sp50_us\":%.0f", name, (double)percentile(values, count, 50) / 1000);
	printf(",\"%sp99_us\":%.0f", name, (double)percentile(values, count, 99) / 1000);
}

static void print_results(void)
{
	printf("{\"changes\":%zu", change_count);
	print_percentiles("", receipts, receipt_count);
	print_percentiles("answer_", answers, change_count);
	print_percentiles("answer_to_receipt_", after, receipt_count);
	printf("}\n");
}

int main(int argc, char **argv)
{
	CHECK(argc == 10);
	watcher_count = strtoull(argv[2], NULL, 10);
	int64_t seconds = atoi(argv[3]);
	uint64_t number = strtoull(argv[4], NULL, 10);
	struct pattern watch = pattern_read(argv[6]);
	change_method = argv[8];
	change_pattern = pattern_read(argv[9]);
	CHECK(watcher_count > 0 && seconds > 0 && change_pattern.size <= REQUEST);
	open_connections(argv[1]);
	receipts = check_calloc(MOST, sizeof(*receipts));
	after = check_calloc(MOST, sizeof(*after));
	answers = check_calloc(MOST, sizeof(*answers));

	begin_watches(argv[5], &watch, strcmp(argv[7], "open") == 0);
	for (int i = 0; i < WARM_UP; i++)
		make_change(number++);
	int64_t end = clock_now() + seconds * CLOCK_SECOND;
	while (clock_now() < end && receipt_count + watcher_count <= MOST) {
		make_change(number++);
		note_change();
	}
	print_results();

	close_all();
	free(watch.bytes);
	free(change_pattern.bytes);
	free(receipts);
	free(after);
	free(answers);
	return 0;
}
