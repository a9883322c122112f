/*
 * Writer: what the last put of a fetch stream has come to, and peers that take what is put, for the
 * unit tests of the http lane: one test at a time, as with the reader. After cmocka.h.
 */
#ifndef JUNCTION_TESTS_SUPPORT_FETCH_WRITER_H
#define JUNCTION_TESTS_SUPPORT_FETCH_WRITER_H

#include <poll.h>

#include "tests/support/fetch_reader.h"

enum { KIB = 1024, MIB = 1024 * 1024, SOCKETS = 32 * MIB /* more than both sockets take */ };

struct writer {
	struct fetch_put put; /* first */
	sem_t done;
	bool wanted; /* of the last put */
	uint64_t at; /* bytes put */
};

static struct writer writer;

/* Every byte of a body says where it stands. */
static inline void fill(char *bytes, uint64_t at, size_t size)
{
	for (size_t i = 0; i < size; i++)
		bytes[i] = (char)((at + i) * 31 >> 3);
}

static struct reader *_Atomic stopped; /* reads and leaves when its put ends */

static inline void on_last_read(
	struct fetch_read *read, const struct fetch_response *response, const struct status *error)
{
	struct reader *r = atomic_load(&stopped);

	on_read(read, response, error);
	fetch_stream_close(&r->stream);
}

static inline void on_put(struct fetch_put *put, bool wanted)
{
	struct reader *r = atomic_load(&stopped);

	if (r) {
		r->read = (struct fetch_read){.cancelled = &r->cancelled, .done = on_last_read};
		fetch_stream_read(r->stream, &r->read);
	}
	writer.wanted = wanted;
	sem_post(&writer.done);
}

static inline struct text content(size_t size)
{
	static char bytes[8 * MIB];

	assert_true(size <= sizeof(bytes));
	fill(bytes, writer.at, size);
	return (struct text){bytes, size};
}

static inline void start_put(struct reader *r, size_t size)
{
	writer.put = (struct fetch_put){
		.bytes = content(size), .cancelled = &r->cancelled, .done = on_put};
	writer.at += size;
	fetch_stream_put(r->stream, &writer.put);
}

static inline void wait_put(void)
{
	while (sem_wait(&writer.done) != 0)
		;
}

static inline bool put(struct reader *r, size_t size)
{
	start_put(r, size);
	wait_put();
	return writer.wanted;
}

static inline struct reader *open_body_at(
	int port, const char *method, uint64_t size, int64_t timeout_ms)
{
	struct fetch_request request = {
		.method = method,
		.connect_timeout_ms = 60000,
		.total_timeout_ms = timeout_ms,
		.body_follows = true,
		.body_size = size,
	};

	writer.at = 0;
	return open_request(request, port, CLOCK_NEVER);
}

static inline struct reader *open_body(const char *method, uint64_t size, int64_t timeout_ms)
{
	return open_body_at(peer_port(peer), method, size, timeout_ms);
}

static inline struct reader *post(void (*serve)(struct peer *, int), uint64_t size)
{
	peer = peer_start(serve);
	return open_body("POST", size, 60000);
}

/* Puts until a piece is under way for half a second, and still. */
static inline void hold_up(struct reader *r)
{
	struct timespec late;

	for (;;) {
		start_put(r, MIB);
		clock_gettime(CLOCK_REALTIME, &late);
		late.tv_nsec += CLOCK_SECOND / 2;
		late.tv_sec += late.tv_nsec / CLOCK_SECOND;
		late.tv_nsec %= CLOCK_SECOND;
		if (sem_timedwait(&writer.done, &late) != 0)
			return;
		assert_true(writer.wanted);
	}
}

static inline void assert_unwanted(struct reader *r, size_t piece)
{
	while (put(r, piece))
		;
	assert_false(put(r, 0)); /* nor any later one */
}

/* --- peers ------------------------------------------------------------------------------------ */

static sem_t may_go_on; /* what some peers wait for */

static inline void writer_init(void)
{
	sem_init(&writer.done, 0, 0);
	sem_init(&may_go_on, 0, 0);
}

static inline uint64_t length_of(struct peer *p)
{
	const char *head = peer_request(p, peer_requests(p) - 1);
	const char *length = strstr(head, "\r\nContent-Length: ");

	return length ? strtoull(length + strlen("\r\nContent-Length: "), NULL, 10) : 0;
}

/* False if it has not come as it was put. */
static inline bool take_body(struct peer *p, int socket)
{
	char bytes[16 * KIB], expected[16 * KIB];
	uint64_t size = length_of(p);
	bool right = true;

	for (uint64_t at = 0; at < size;) {
		size_t step = size - at < sizeof(bytes) ? size - at : sizeof(bytes);

		if (peer_take(socket, bytes, step) < step)
			return false;
		fill(expected, at, step);
		right = right && memcmp(bytes, expected, step) == 0;
		at += step;
	}
	return right;
}

static inline void take_all(struct peer *p, int socket)
{
	while (peer_read_head(p, socket)) {
		bool right = take_body(p, socket);

		peer_say(socket, right ? "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood"
				       : "HTTP/1.1 400 Bad\r\nContent-Length: 3\r\n\r\nbad");
	}
}

static inline void assert_good(struct reader *r)
{
	assert_begins(r, 200);
	next(r);
	assert_true(r->good);
	assert_int_equal(r->piece.size, 4);
	assert_memory_equal(r->piece.data, "good", 4);
	assert_ends(r);
}

/* Until the client has gone, as far as that shows: not while it has left something to read. */
static inline void wait_gone(int socket)
{
	struct pollfd gone = {.fd = socket, .events = POLLRDHUP};

	while (poll(&gone, 1, -1) < 0)
		;
}

#endif
