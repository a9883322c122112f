/* Calls to a peer that speaks HTTP/2 as a server should not: what it says comes frame by frame from
 * the scenario at hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "base/loop.h"
#include "bridge/rpc_stream.h"

/* --- the peer -------------------------------------------------------------------------------- */

enum { DATA, HEADERS, RST_STREAM = 3, SETTINGS, GOAWAY = 7, WINDOW_UPDATE };
enum { END_STREAM = 1, ACK = 1, END_HEADERS = 4 };
enum { CONNECTIONS_MOST = 64 };

typedef void scenario(int fd, uint32_t id, int nth);

static struct {
	int fd;
	char target[32];
	pthread_t thread, threads[CONNECTIONS_MOST];
	int fds[CONNECTIONS_MOST], count;
	_Atomic(scenario *) answer;
	atomic_int requests; /* since the scenario began */
	atomic_int streams;  /* that the peer allows, 0: any number */
	sem_t reset;         /* posted for each RST_STREAM that comes */
} peer;

static void send_bytes(int fd, const void *bytes, size_t size)
{
	send(fd, bytes, size, MSG_NOSIGNAL);
}

static void frame(int fd, int type, int flags, uint32_t id, const void *payload, size_t size)
{
	uint8_t bytes[512] = {(uint8_t)(size >> 16), (uint8_t)(size >> 8), (uint8_t)size,
		(uint8_t)type, (uint8_t)flags, (uint8_t)(id >> 24), (uint8_t)(id >> 16),
		(uint8_t)(id >> 8), (uint8_t)id};
	CHECK(size + 9 <= sizeof(bytes));
	memcpy(bytes + 9, payload, size);
	send_bytes(fd, bytes, size + 9);
}

/* Pairs of name and value, ending in NULL: each a zero, which says that it is a literal that is not
 * to be indexed, and the two texts after their lengths. */
static void headers(int fd, int flags, uint32_t id, const char *const *pairs)
{
	uint8_t block[400];
	size_t size = 0;
	for (int i = 0; pairs[i]; i++) {
		size_t length = strlen(pairs[i]);
		CHECK(length < 127 && size + length + 2 < sizeof(block));
		if (i % 2 == 0)
			block[size++] = 0;
		block[size++] = (uint8_t)length;
		memcpy(block + size, pairs[i], length);
		size += length;
	}
	frame(fd, HEADERS, flags | END_HEADERS, id, block, size);
}

#define BEGIN(fd, id)                                                                              \
	headers(fd, 0, id,                                                                         \
		(const char *const[]){                                                             \
			":status", "200", "content-type", "application/grpc+proto", NULL})
#define END(fd, id, ...)                                                                           \
	headers(fd, END_STREAM, id, (const char *const[]){"grpc-status", __VA_ARGS__, NULL})
#define BYTES(fd, flags, id, literal) frame(fd, DATA, flags, id, literal, sizeof(literal) - 1)

static bool take(int fd, void *bytes, size_t size)
{
	return recv(fd, bytes, size, MSG_WAITALL) == (ssize_t)size;
}

/* It takes as much as there may be of a stream, and of all together. */
static void greet(int fd)
{
	uint8_t settings[12] = {0, 4, 0x7f, 0xff, 0xff, 0xff, 0, 3};
	uint32_t streams = htonl((uint32_t)atomic_load(&peer.streams));
	memcpy(settings + 8, &streams, sizeof(streams));
	frame(fd, SETTINGS, 0, 0, settings, streams ? 12 : 6);
	frame(fd, WINDOW_UPDATE, 0, 0, (uint8_t[]){0x7f, 0xff, 0, 0}, 4);
}

static void *serve(void *arg)
{
	int fd = *(int *)arg;
	uint8_t head[9], payload[65536];
	if (!take(fd, payload, 24))
		return NULL;
	greet(fd);
	while (take(fd, head, sizeof(head))) {
		size_t size = (size_t)head[0] << 16 | (size_t)head[1] << 8 | head[2];
		uint32_t id = (uint32_t)head[5] << 24 | (uint32_t)head[6] << 16 |
			      (uint32_t)head[7] << 8 | head[8];
		CHECK(size <= sizeof(payload));
		if (size && !take(fd, payload, size))
			break;
		if (head[3] == SETTINGS && !(head[4] & ACK))
			frame(fd, SETTINGS, ACK, 0, "", 0);
		if (head[3] == RST_STREAM)
			sem_post(&peer.reset);
		if (head[3] == DATA && head[4] & END_STREAM)
			atomic_load (&peer.answer)(fd, id, atomic_fetch_add(&peer.requests, 1));
	}
	return NULL;
}

static void *accept_all(void *arg)
{
	(void)arg;
	for (int fd; (fd = accept(peer.fd, NULL, NULL)) >= 0; peer.count++) {
		CHECK(peer.count < CONNECTIONS_MOST);
		peer.fds[peer.count] = fd;
		CHECK(!pthread_create(
			&peer.threads[peer.count], NULL, serve, &peer.fds[peer.count]));
	}
	return NULL;
}

static int start(void **state)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(address);
	(void)state;
	signal(SIGPIPE, SIG_IGN);
	peer.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK(!bind(peer.fd, (struct sockaddr *)&address, size) && !listen(peer.fd, 16));
	CHECK(!getsockname(peer.fd, (struct sockaddr *)&address, &size));
	snprintf(peer.target, sizeof(peer.target), "127.0.0.1:%d", ntohs(address.sin_port));
	CHECK(!sem_init(&peer.reset, 0, 0));
	CHECK(!pthread_create(&peer.thread, NULL, accept_all, NULL));
	return 0;
}

static int stop(void **state)
{
	(void)state;
	shutdown(peer.fd, SHUT_RDWR);
	pthread_join(peer.thread, NULL);
	close(peer.fd);
	for (int i = 0; i < peer.count; i++) {
		shutdown(peer.fds[i], SHUT_RDWR);
		pthread_join(peer.threads[i], NULL);
		close(peer.fds[i]);
	}
	sem_destroy(&peer.reset);
	return 0;
}

/* --- calls ----------------------------------------------------------------------------------- */

static const struct api_method method = {.path = "/t.T/Any"};

struct probe {
	struct rpc_call call;
	sem_t done;
};

static void post_done(struct rpc_call *call)
{
	sem_post(&((struct probe *)call)->done);
}

static void begin(struct rpc *rpc, struct probe *p, int64_t ms)
{
	p->call = (struct rpc_call){.method = &method,
		.arena = arena_new(0),
		.request = TEXT("ask"),
		.timeout_ms = ms,
		.done = post_done};
	CHECK(!sem_init(&p->done, 0, 0));
	rpc_start(rpc, &p->call);
}

static void await(struct probe *p)
{
	while (sem_wait(&p->done))
		;
	sem_destroy(&p->done);
}

static struct rpc *open_rpc(scenario *answer, int streams)
{
	atomic_store(&peer.answer, answer);
	atomic_store(&peer.requests, 0);
	atomic_store(&peer.streams, streams);
	return rpc_new(&(struct rpc_options){peer.target, 1, {0}});
}

static void close_rpc(struct rpc *rpc)
{
	rpc_stop(rpc);
	rpc_free(&rpc);
}

/* One call to a peer that answers so. */
static void expect(scenario *answer, enum status_code code, const char *told)
{
	struct rpc *rpc = open_rpc(answer, 0);
	struct probe p;
	begin(rpc, &p, 60000);
	await(&p);
	if (p.call.status.code != code)
		fail_msg("wanted %s, got %s: %s", status_name(code),
			status_name(p.call.status.code), p.call.status.message);
	if (code == STATUS_OK)
		assert_true(text_equal(p.call.response, text_of(told)));
	else if (!strstr(p.call.status.message, told))
		fail_msg("wanted %s in %s", told, p.call.status.message);
	arena_free(&p.call.arena);
	close_rpc(rpc);
}

/* --- a stream -------------------------------------------------------------------------------- */

struct upload {
	struct rpc_stream stream; /* first */
	struct rpc *rpc;
	sem_t written, done;
};

static char large[100 * 1024];

static void post_written(struct rpc_stream *s)
{
	sem_post(&((struct upload *)s)->written);
}

static void post_uploaded(struct rpc_stream *s)
{
	sem_post(&((struct upload *)s)->written);
	sem_post(&((struct upload *)s)->done);
}

static void start_upload(void *arg)
{
	struct upload *u = arg;
	CHECK(rpc_stream_start(u->rpc, &u->stream, NULL));
}

static void write_large(void *arg)
{
	struct upload *u = arg;
	if (!rpc_stream_write(&u->stream, (struct text){large, sizeof(large)}, false))
		sem_post(&u->written);
}

static void close_upload(void *arg)
{
	struct upload *u = arg;
	rpc_stream_close(&u->stream);
}

/* --- scenarios ------------------------------------------------------------------------------- */

static void good(int fd, uint32_t id, int nth)
{
	(void)nth;
	BEGIN(fd, id);
	BYTES(fd, 0, id, "\0\0\0\0\3abc");
	END(fd, id, "0");
}

static void in_pieces(int fd, uint32_t id, int nth)
{
	(void)nth;
	BEGIN(fd, id);
	BYTES(fd, 0, id, "\0\0");
	BYTES(fd, 0, id, "\0\0\3a");
	BYTES(fd, 0, id, "");
	BYTES(fd, 0, id, "bc");
	END(fd, id, "0");
}

static void not_grpc(int fd, uint32_t id, int nth)
{
	(void)nth;
	headers(fd, 0, id,
		(const char *const[]){":status", "200", "content-type", "text/html", NULL});
	BYTES(fd, END_STREAM, id, "<html>");
}

static void proxy_error(int fd, uint32_t id, int nth)
{
	(void)nth;
	headers(fd, 0, id,
		(const char *const[]){":status", "503", "content-type", "text/html", NULL});
	BYTES(fd, END_STREAM, id, "<html>");
}

static void no_status(int fd, uint32_t id, int nth)
{
	(void)nth;
	BEGIN(fd, id);
	BYTES(fd, END_STREAM, id, "\0\0\0\0\3abc");
}

static void unknown_status(int fd, uint32_t id, int nth)
{
	(void)nth;
	BEGIN(fd, id);
	END(fd, id, "99", "grpc-message", "100%25 %zz %e4 so");
}

static void refusal(int fd, uint32_t id, int nth)
{
	(void)nth;
	headers(fd, END_STREAM, id,
		(const char *const[]){":status", "200", "content-type", "application/grpc",
			"grpc-status", "10", "grpc-message", "not%20%C3%A9 so; ", NULL});
}

static void cut_short(int fd, uint32_t id, int nth)
{
	(void)nth;
	BEGIN(fd, id);
	BYTES(fd, 0, id, "\0\0\0\0\4abc");
	END(fd, id, "0");
}

static void no_message(int fd, uint32_t id, int nth)
{
	(void)nth;
	BEGIN(fd, id);
	END(fd, id, "0");
}

static void two_messages(int fd, uint32_t id, int nth)
{
	(void)nth;
	BEGIN(fd, id);
	BYTES(fd, 0, id, "\0\0\0\0\3abc\0\0\0\0\1d");
	END(fd, id, "0");
}

static void compressed(int fd, uint32_t id, int nth)
{
	(void)nth;
	BEGIN(fd, id);
	BYTES(fd, 0, id, "\1\0\0\0\3abc");
	END(fd, id, "0");
}

static void huge(int fd, uint32_t id, int nth)
{
	(void)nth;
	BEGIN(fd, id);
	BYTES(fd, 0, id, "\0\4\0\0\1abc");
}

static void reset(int fd, uint32_t id, uint8_t error)
{
	frame(fd, RST_STREAM, 0, id, (uint8_t[]){0, 0, 0, error}, 4);
}

#define RESET(name, error)                                                                         \
	static void name(int fd, uint32_t id, int nth)                                             \
	{                                                                                          \
		(void)nth;                                                                         \
		reset(fd, id, error);                                                              \
	}
RESET(reset_internal, 2)
RESET(reset_refused, 7)
RESET(reset_cancel, 8)
RESET(reset_calm, 11)

static void refused_once(int fd, uint32_t id, int nth)
{
	if (nth)
		good(fd, id, nth);
	else
		reset(fd, id, 7);
}

/* Says that it has looked at no request of this connection. */
static void gone_once(int fd, uint32_t id, int nth)
{
	if (nth)
		good(fd, id, nth);
	else
		frame(fd, GOAWAY, 0, 0, (uint8_t[8]){0}, 8);
}

static void rubbish(int fd, uint32_t id, int nth)
{
	(void)id, (void)nth;
	send_bytes(fd, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", 47);
}

static void broken_headers(int fd, uint32_t id, int nth)
{
	(void)nth;
	frame(fd, HEADERS, END_HEADERS, id, "\xff\xff\xff\xff\xff\xff", 6);
}

static void oversize(int fd, uint32_t id, int nth)
{
	(void)id, (void)nth;
	send_bytes(fd, "\xff\xff\xff\0\0\0\0\0\1", 9);
}

static void hang_up(int fd, uint32_t id, int nth)
{
	(void)id, (void)nth;
	shutdown(fd, SHUT_RDWR);
}

static void silence(int fd, uint32_t id, int nth)
{
	(void)fd, (void)id, (void)nth;
}

/* --- tests ----------------------------------------------------------------------------------- */

static void a_message_may_come_in_pieces(void **state)
{
	(void)state;
	expect(good, STATUS_OK, "abc");
	expect(in_pieces, STATUS_OK, "abc");
}

static void an_answer_that_is_not_grpc_is_said_so(void **state)
{
	(void)state;
	expect(not_grpc, STATUS_UNKNOWN, "is not gRPC");
	expect(proxy_error, STATUS_UNAVAILABLE, "HTTP status 503");
}

static void a_status_is_read_whatever_it_is(void **state)
{
	(void)state;
	expect(no_status, STATUS_UNKNOWN, "has no status");
	expect(unknown_status, STATUS_UNKNOWN, "100% %zz ");
	expect(refusal, STATUS_ABORTED, "not \xc3\xa9 so; ");
}

static void messages_that_do_not_fit_their_prefix_fail(void **state)
{
	(void)state;
	expect(cut_short, STATUS_INTERNAL, "cut short");
	expect(no_message, STATUS_INTERNAL, "no message");
	expect(two_messages, STATUS_INTERNAL, "several messages");
	expect(compressed, STATUS_INTERNAL, "compressed");
	expect(huge, STATUS_RESOURCE_EXHAUSTED, "too large");
}

static void broken_off_calls_get_grpcs_codes(void **state)
{
	(void)state;
	expect(reset_internal, STATUS_INTERNAL, "");
	expect(reset_cancel, STATUS_CANCELLED, "");
	expect(reset_calm, STATUS_RESOURCE_EXHAUSTED, "");
}

static void what_was_not_looked_at_is_asked_once_more(void **state)
{
	(void)state;
	expect(refused_once, STATUS_OK, "abc");
	expect(gone_once, STATUS_OK, "abc");
	expect(reset_refused, STATUS_UNAVAILABLE, "refused");
	assert_int_equal(atomic_load(&peer.requests), 2);
}

static void a_broken_connection_is_made_anew(void **state)
{
	static scenario *const broken[] = {rubbish, broken_headers, oversize, hang_up};
	(void)state;
	for (size_t i = 0; i < sizeof(broken) / sizeof(*broken); i++) {
		struct rpc *rpc = open_rpc(broken[i], 0);
		struct probe p;
		begin(rpc, &p, 60000);
		await(&p);
		assert_int_equal(p.call.status.code, STATUS_UNAVAILABLE);
		assert_non_null(strstr(p.call.status.message, "was lost"));
		arena_free(&p.call.arena);
		atomic_store(&peer.answer, good);
		do {
			begin(rpc, &p, 60000);
			await(&p);
			arena_free(&p.call.arena);
		} while (p.call.status.code == STATUS_UNAVAILABLE);
		assert_int_equal(p.call.status.code, STATUS_OK);
		close_rpc(rpc);
	}
}

static void a_call_past_its_deadline_is_taken_back(void **state)
{
	struct rpc *rpc = open_rpc(silence, 0);
	struct probe p, longer;
	(void)state;
	while (!sem_trywait(&peer.reset))
		;
	begin(rpc, &longer, 60000);
	begin(rpc, &p, 30);
	await(&p);
	assert_int_equal(p.call.status.code, STATUS_DEADLINE_EXCEEDED);
	while (sem_wait(&peer.reset))
		;
	assert_int_equal(sem_trywait(&longer.done), -1);
	close_rpc(rpc);
	await(&longer);
	assert_int_equal(longer.call.status.code, STATUS_UNAVAILABLE);
	arena_free(&p.call.arena);
	arena_free(&longer.call.arena);
}

static void many_calls_share_a_connection_that_allows_few(void **state)
{
	enum { MANY = 1000 };
	static struct probe probes[MANY];
	struct rpc *rpc = open_rpc(good, 10);
	(void)state;
	for (int i = 0; i < MANY; i++)
		begin(rpc, &probes[i], 60000);
	for (int i = 0; i < MANY; i++) {
		await(&probes[i]);
		assert_int_equal(probes[i].call.status.code, STATUS_OK);
		arena_free(&probes[i].call.arena);
	}
	close_rpc(rpc);
}

/* It is the writing of a message that makes room for the next. A peer that is silent for long is
 * given up: this one, if room were seen only whenever something else happens. */
static void a_stream_goes_on_though_the_peer_says_nothing(void **state)
{
	struct upload u = {.stream = {.method = &method,
				   .arena = arena_new(0),
				   .written = post_written,
				   .done = post_uploaded},
		.rpc = open_rpc(no_message, 0)};
	struct loop *loop = rpc_loop(u.rpc, 0);
	(void)state;
	CHECK(!sem_init(&u.written, 0, 0) && !sem_init(&u.done, 0, 0));
	loop_run(loop, start_upload, &u);
	for (int i = 0; i < 16; i++) {
		loop_run(loop, write_large, &u);
		while (sem_wait(&u.written))
			;
	}
	loop_run(loop, close_upload, &u);
	while (sem_wait(&u.done))
		;
	assert_int_equal(u.stream.status.code, STATUS_OK);
	sem_destroy(&u.written);
	sem_destroy(&u.done);
	arena_free(&u.stream.arena);
	close_rpc(u.rpc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_may_come_in_pieces),
		cmocka_unit_test(an_answer_that_is_not_grpc_is_said_so),
		cmocka_unit_test(a_status_is_read_whatever_it_is),
		cmocka_unit_test(messages_that_do_not_fit_their_prefix_fail),
		cmocka_unit_test(broken_off_calls_get_grpcs_codes),
		cmocka_unit_test(what_was_not_looked_at_is_asked_once_more),
		cmocka_unit_test(a_broken_connection_is_made_anew),
		cmocka_unit_test(a_call_past_its_deadline_is_taken_back),
		cmocka_unit_test(many_calls_share_a_connection_that_allows_few),
		cmocka_unit_test(a_stream_goes_on_though_the_peer_says_nothing),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
