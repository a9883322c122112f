/*
 * From a publication to those who get the event: by HTTP, or by Subscribe streams.
 *
 * One thread, by one clock. Events bear numbers, which are found in what is received; each is due
 * for as many receipts as there are groups, at a path or a stream of its own. At a rate an event
 * counts from when it was due, so that nothing is left out when all stands still; without one as
 * many are outstanding as is said, and events per second count. Ends when all have been received;
 * who gets none for PATIENCE_MS ends the program with an error.
 *
 * usage: bench_events HOST:PORT FILE RATE SECONDS OUTSTANDING FIRST GROUPS http PORT
 *        bench_events HOST:PORT FILE RATE SECONDS OUTSTANDING FIRST GROUPS stream FILE
 *   FILE         PublishRequest, a pattern (h2.h) with a run of 10 digits in its data
 *   RATE         events a second; 0: as many as come
 *   FIRST        number of the first event: 10 digits
 *   http PORT    listens there, and answers each POST with {"code":"200"}
 *   stream FILE  SubscribeRequest, a pattern: the digits are the group's number, from 0
 * prints one line of JSON: events; seconds: from the first publication to the last receipt;
 * published_per_s, received_per_s; p50, p99 from the publication to each receipt, answer_... to the
 * publisher's answer, microseconds; repeated: receipts beyond the first
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "tests/bench/h2.h"

enum {
	PUBLISHERS = 4, /* connections */
	STREAMERS = 4,
	CLIENTS = 1024, /* HTTP connections at once */
	OUTSTANDING_MOST = 4096,
	PATIENCE_MS = 20000,
	DIGITS = 10,
	MOST = 2000000, /* events */
	REQUEST = 4096,
	INPUT = 16384,
};

static const char publish_method[] = "/junction.v1.Event/Publish";
static const char subscribe_method[] = "/junction.v1.Event/Subscribe";
static const char taken[] = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
			    "Content-Length: 14\r\n\r\n{\"code\":\"200\"}";

struct publication {
	struct rpc rpc; /* first */
	size_t event;
	bool open;
	uint8_t request[REQUEST];
};

/* What has come on a connection or a stream and is not complete. */
struct input {
	size_t filled;
	char bytes[INPUT];
};

struct client {
	int socket; /* -1: free */
	struct input in;
};

struct stream {
	struct rpc rpc; /* first */
	struct input in;
	uint8_t request[REQUEST];
};

static struct h2 publishers[PUBLISHERS], streamers[STREAMERS];
static struct publication publications[OUTSTANDING_MOST];
static struct client clients[CLIENTS];
static struct stream *streams;
static struct pattern event_pattern, stream_pattern;
static int listener = -1;

static uint64_t first;
static size_t groups, outstanding, open_count;
static size_t event_count; /* published, or on its way */
static int64_t *due;       /* of each event */
static unsigned char *receipts_of;
static int64_t *latencies, *answers;
static size_t receipt_count, answer_count, repeated;
static int64_t now, began, last_receipt;

static _Noreturn void fail(const char *what)
{
	fprintf(stderr, "%s; %zu events, %zu answers, %zu receipts\n", what, event_count,
		answer_count, receipt_count);
	exit(1);
}

/* --- receipts ------------------------------------------------------------------------------- */

/* The event's number is the first run of 10 digits that is one of ours. */
static void receive(const char *bytes, size_t size)
{
	static const char mark[] = "\"n\":\"";
	const char *at = memmem(bytes, size, mark, sizeof(mark) - 1);
	if (!at)
		fail("something came that is no event of ours");
	uint64_t number = strtoull(at + sizeof(mark) - 1, NULL, 10);
	if (number < first || number - first >= event_count)
		return; /* of an earlier run */
	size_t event = number - first;
	if (receipts_of[event] == groups) {
		repeated++;
		return;
	}
	receipts_of[event]++;
	latencies[receipt_count++] = now - due[event];
	last_receipt = now;
}

/* The length of the request that is complete at the beginning, 0 if none is. */
static size_t request_size(const struct input *in)
{
	const char *end = memmem(in->bytes, in->filled, "\r\n\r\n", 4);
	if (!end)
		return 0;
	size_t head = (size_t)(end - in->bytes) + 4;
	static const char name[] = "\r\nContent-Length: ";
	const char *length = memmem(in->bytes, head, name, sizeof(name) - 1);
	if (!length)
		fail("a request without a length");
	size_t size = head + strtoul(length + sizeof(name) - 1, NULL, 10);
	return size <= in->filled ? size : 0;
}

static void drop(struct input *in, size_t size)
{
	in->filled -= size;
	memmove(in->bytes, in->bytes + size, in->filled);
}

static void serve_client(struct client *c)
{
	ssize_t came = read(c->socket, c->in.bytes + c->in.filled, INPUT - c->in.filled);
	if (came <= 0) {
		close(c->socket);
		*c = (struct client){.socket = -1};
		return;
	}
	c->in.filled += (size_t)came;
	size_t size;
	while ((size = request_size(&c->in)) > 0) {
		receive(c->in.bytes, size);
		drop(&c->in, size);
		if (write(c->socket, taken, sizeof(taken) - 1) != sizeof(taken) - 1)
			fail("an answer was not taken");
	}
	if (c->in.filled == INPUT)
		fail("a request is too large");
}

static void accept_client(void)
{
	int socket = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	CHECK(socket >= 0);
	CHECK(setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)) == 0);
	for (size_t i = 0; i < CLIENTS; i++) {
		if (clients[i].socket < 0) {
			clients[i] = (struct client){.socket = socket};
			return;
		}
	}
	fail("too many connections");
}

static void on_stream_bytes(struct h2 *h2, struct rpc *rpc, const uint8_t *bytes, size_t size)
{
	struct input *in = &((struct stream *)rpc)->in;
	while (size > 0) {
		size_t part = size < INPUT - in->filled ? size : INPUT - in->filled;
		if (part == 0)
			fail("a message is too large");
		memcpy(in->bytes + in->filled, bytes, part);
		in->filled += part;
		bytes += part;
		size -= part;
		size_t at = 0;
		while (in->filled - at >= H2_PREFIX) {
			const uint8_t *p = (const uint8_t *)in->bytes + at;
			size_t length =
				(size_t)p[1] << 24 | (size_t)p[2] << 16 | (size_t)p[3] << 8 | p[4];
			if (in->filled - at < H2_PREFIX + length)
				break;
			receive((const char *)p + H2_PREFIX, length);
			at += H2_PREFIX + length;
		}
		drop(in, at);
	}
}

static void on_stream_closed(struct h2 *h2, struct rpc *rpc)
{
	fail("a stream has ended");
}

/* --- publishing ----------------------------------------------------------------------------- */

static void on_published(struct h2 *h2, struct rpc *rpc)
{
	struct publication *p = (struct publication *)rpc;
	if (!rpc->ok)
		fail("a publication was refused");
	p->open = false;
	open_count--;
	answers[answer_count++] = now - due[p->event];
}

static void publish(int64_t at)
{
	static size_t place;
	while (publications[place].open)
		place = (place + 1) % OUTSTANDING_MOST;
	struct publication *p = &publications[place];
	CHECK(event_count < MOST);
	p->event = event_count++;
	p->open = true;
	due[p->event] = at;
	pattern_write(&event_pattern, first + p->event, p->request);
	p->rpc = (struct rpc){.request = p->request, .size = event_pattern.size};
	if (!h2_call(&publishers[p->event % PUBLISHERS], publish_method, &p->rpc))
		fail("the server takes no more calls");
	open_count++;
}

/* What is due by now; gives when the next one is. */
static int64_t publish_due(double rate, int64_t until)
{
	for (;;) {
		now = clock_now();
		int64_t next = rate > 0 ? began + (int64_t)((double)event_count * 1e9 / rate) : now;
		if (next >= until)
			return INT64_MAX;
		if (open_count >= outstanding)
			return rate > 0 ? next : INT64_MAX;
		if (next > now)
			return next;
		publish(next);
	}
}

/* --- all of them ---------------------------------------------------------------------------- */

static void serve(int64_t wake)
{
	static struct pollfd polls[PUBLISHERS + STREAMERS + 1 + CLIENTS];
	static void *who[PUBLISHERS + STREAMERS + 1 + CLIENTS];
	size_t count = 0, h2_count;
	for (size_t i = 0; i < PUBLISHERS + (streams ? STREAMERS : 0); i++) {
		struct h2 *h2 = i < PUBLISHERS ? &publishers[i] : &streamers[i - PUBLISHERS];
		if (!h2_flush(h2))
			fail("a connection is lost");
		who[count] = h2;
		polls[count++] = (struct pollfd){.fd = h2->socket, .events = h2_events(h2)};
	}
	h2_count = count;
	for (size_t i = 0; i < CLIENTS; i++) {
		if (clients[i].socket < 0)
			continue;
		who[count] = &clients[i];
		polls[count++] = (struct pollfd){.fd = clients[i].socket, .events = POLLIN};
	}
	polls[count++] = (struct pollfd){.fd = listener, .events = POLLIN};
	int64_t wait = wake - clock_now();
	struct timespec time = {wake == INT64_MAX ? PATIENCE_MS / 1000 : 0,
		wake == INT64_MAX || wait < 0 ? 0 : (long)(wait % 1000000000)};
	int ready = ppoll(polls, count, &time, NULL);
	if (ready == 0 && wake == INT64_MAX)
		fail("nothing comes any more");
	for (size_t i = 0; i < count && ready > 0; i++) {
		if (!polls[i].revents)
			continue;
		now = clock_now();
		if (i == count - 1)
			accept_client();
		else if (i >= h2_count)
			serve_client(who[i]);
		else if (!h2_receive(who[i]))
			fail("a connection is lost");
	}
}

static void open_listener(int port)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr = {htonl(INADDR_LOOPBACK)}};
	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK(setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)) == 0);
	CHECK(bind(listener, (struct sockaddr *)&address, sizeof(address)) == 0);
	CHECK(listen(listener, CLIENTS) == 0);
}

static void open_streams(const char *address)
{
	streams = check_calloc(groups, sizeof(*streams));
	for (size_t i = 0; i < STREAMERS; i++) {
		streamers[i] = (struct h2){.bytes = on_stream_bytes, .closed = on_stream_closed};
		h2_open(&streamers[i], address);
	}
	for (size_t i = 0; i < groups; i++) {
		struct stream *s = &streams[i];
		pattern_write(&stream_pattern, i, s->request);
		s->rpc = (struct rpc){.request = s->request, .size = stream_pattern.size};
		CHECK(h2_call(&streamers[i % STREAMERS], subscribe_method, &s->rpc));
	}
}

static void print_results(void)
{
	double seconds = (double)(last_receipt - began) / CLOCK_SECOND;
	printf("{\"events\":%zu,\"seconds\":%.3f,\"published_per_s\":%.0f,\"received_per_s\":%.0f",
		event_count, seconds, (double)event_count / seconds,
		(double)receipt_count / seconds);
	printf(",\"p50_us\":%.0f,\"p99_us\":%.0f",
		(double)percentile(latencies, receipt_count, 50) / 1000,
		(double)percentile(latencies, receipt_count, 99) / 1000);
	printf(",\"answer_p50_us\":%.0f,\"answer_p99_us\":%.0f,\"repeated\":%zu}\n",
		(double)percentile(answers, answer_count, 50) / 1000,
		(double)percentile(answers, answer_count, 99) / 1000, repeated);
}

int main(int argc, char **argv)
{
	CHECK(argc == 10);
	event_pattern = pattern_read(argv[2]);
	double rate = atof(argv[3]);
	int64_t seconds = atoi(argv[4]);
	outstanding = strtoull(argv[5], NULL, 10);
	first = strtoull(argv[6], NULL, 10);
	groups = strtoull(argv[7], NULL, 10);
	CHECK(event_pattern.size <= REQUEST && outstanding > 0 && outstanding <= OUTSTANDING_MOST);
	CHECK(groups > 0 && groups < 256);
	due = check_calloc(MOST, sizeof(*due));
	receipts_of = check_calloc(MOST, 1);
	latencies = check_calloc(MOST * groups, sizeof(*latencies));
	answers = check_calloc(MOST, sizeof(*answers));
	for (size_t i = 0; i < CLIENTS; i++)
		clients[i].socket = -1;
	for (size_t i = 0; i < PUBLISHERS; i++) {
		publishers[i].closed = on_published;
		h2_open(&publishers[i], argv[1]);
	}
	if (strcmp(argv[8], "http") == 0) {
		open_listener(atoi(argv[9]));
	} else {
		stream_pattern = pattern_read(argv[9]);
		CHECK(stream_pattern.size <= REQUEST);
		open_streams(argv[1]);
	}

	began = last_receipt = clock_now();
	int64_t until = began + seconds * CLOCK_SECOND;
	while (now < until || answer_count < event_count || receipt_count < event_count * groups)
		serve(publish_due(rate, until));
	print_results();
	return 0;
}
