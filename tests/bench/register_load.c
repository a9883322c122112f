/*
 * Load that h2load cannot make: RegisterServer with a new name in every call.
 *
 * Straight on nghttp2, because C core as a client takes as much CPU as the server that is measured.
 * Each thread polls its connections; each connection keeps a fixed number of streams open, and a
 * stream that closes starts the next call in its slot until the time is over. Frames gather in a
 * buffer per connection, so that one read is followed by one write.
 *
 * usage: bench_register HOST:PORT SECONDS OUTSTANDING
 * prints one line of JSON: {"rate":..., "p50_us":..., "p99_us":..., "calls":..., "errors":...}
 */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <nghttp2/nghttp2.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "junction/v1/registry.pb-c.h"

enum {
	THREADS = 2,
	PER_THREAD = 2,
	CONNECTIONS = THREADS * PER_THREAD,
	MOST = 4000000, /* calls of a connection */
	WINDOW = 1 << 24,
	BUFFER = 65536,
	FRAME = 20000, /* more than nghttp2 hands out at once: 16 KiB and the frame's head */
	PREFIX = 5,    /* gRPC's, before a message: not compressed, length */
};

struct stream {
	int64_t started;
	bool ok;
	size_t size, sent;
	uint8_t body[128];
};

struct connection {
	int number, socket;
	nghttp2_session *session;
	struct stream *streams;
	size_t open; /* calls outstanding */
	size_t serial, calls, errors;
	int64_t *latencies; /* of the calls, nanoseconds */
	size_t filled, sent;
	uint8_t out[BUFFER];
};

static const char *address;
static size_t outstanding; /* per connection */
static int64_t end;

static void encode(struct connection *c, struct stream *s)
{
	char name[64];
	snprintf(name, sizeof(name), "bench-%d-%d-%zu", (int)getpid(), c->number, c->serial++);
	Registry__RegisterServerRequest message = REGISTRY__REGISTER_SERVER_REQUEST__INIT;
	message.server_name = name;
	message.host = (char *)"10.20.30.40";
	message._port_case = REGISTRY__REGISTER_SERVER_REQUEST___PORT_PORT;
	message.port = 8000;
	size_t size = protobuf_c_message_get_packed_size(&message.base);
	CHECK(PREFIX + size <= sizeof(s->body));
	memcpy(s->body, (uint8_t[PREFIX]){0, 0, 0, 0, (uint8_t)size}, PREFIX);
	protobuf_c_message_pack(&message.base, s->body + PREFIX);
	s->size = PREFIX + size;
}

static ssize_t read_body(nghttp2_session *session, int32_t id, uint8_t *buffer, size_t length,
	uint32_t *flags, nghttp2_data_source *source, void *user)
{
	struct stream *s = source->ptr;
	size_t size = s->size - s->sent < length ? s->size - s->sent : length;
	memcpy(buffer, s->body + s->sent, size);
	s->sent += size;
	if (s->sent == s->size)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)size;
}

static nghttp2_nv header(const char *name, const char *value)
{
	return (nghttp2_nv){(uint8_t *)name, (uint8_t *)value, strlen(name), strlen(value),
		NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE};
}

static void begin(struct connection *c, struct stream *s)
{
	*s = (struct stream){.started = clock_now()};
	encode(c, s);
	nghttp2_nv headers[] = {
		header(":method", "POST"),
		header(":scheme", "http"),
		header(":path", "/junction.v1.Registry/RegisterServer"),
		header(":authority", address),
		header("content-type", "application/grpc"),
		header("te", "trailers"),
	};
	nghttp2_data_provider body = {.source.ptr = s, .read_callback = read_body};
	CHECK(nghttp2_submit_request(
		      c->session, NULL, headers, sizeof(headers) / sizeof(*headers), &body, s) > 0);
	c->open++;
}

/* The status counts only where it ends the stream: in trailers, or in headers without a body. */
static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
	size_t name_size, const uint8_t *value, size_t value_size, uint8_t flags, void *user)
{
	static const char status[] = "grpc-status";
	struct stream *s = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
	if (s && name_size == sizeof(status) - 1 && memcmp(name, status, name_size) == 0)
		s->ok = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) && value_size == 1 &&
			*value == '0';
	return 0;
}

static int on_close(nghttp2_session *session, int32_t id, uint32_t error, void *user)
{
	struct connection *c = user;
	struct stream *s = nghttp2_session_get_stream_user_data(session, id);
	int64_t now = clock_now();
	c->open--;
	if (s->ok && error == NGHTTP2_NO_ERROR) {
		CHECK(c->calls < MOST);
		c->latencies[c->calls++] = now - s->started;
	} else {
		c->errors++;
	}
	if (now >= end)
		return 0;
	if (nghttp2_session_check_request_allowed(session))
		begin(c, s);
	else
		c->errors++; /* the server said GOAWAY */
	return 0;
}

static int dial(void)
{
	const char *colon = strrchr(address, ':');
	CHECK(colon);
	char host[256];
	snprintf(host, sizeof(host), "%.*s", (int)(colon - address), address);
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
	CHECK(getaddrinfo(host, colon + 1, &hints, &found) == 0);
	int made = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK(made >= 0);
	if (connect(made, found->ai_addr, found->ai_addrlen) != 0) {
		perror(address);
		exit(1);
	}
	freeaddrinfo(found);
	CHECK(setsockopt(made, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)) == 0);
	CHECK(fcntl(made, F_SETFL, O_NONBLOCK) == 0);
	return made;
}

static void open_connection(struct connection *c, int number)
{
	c->number = number;
	c->socket = dial();
	c->streams = check_calloc(outstanding, sizeof(*c->streams));
	c->latencies = check_calloc(MOST, sizeof(*c->latencies));
	nghttp2_session_callbacks *callbacks;
	CHECK(nghttp2_session_callbacks_new(&callbacks) == 0);
	nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
	CHECK(nghttp2_session_client_new(&c->session, callbacks, c) == 0);
	nghttp2_session_callbacks_del(callbacks);
	nghttp2_settings_entry settings[] = {
		{NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
		{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, WINDOW},
	};
	CHECK(nghttp2_submit_settings(c->session, NGHTTP2_FLAG_NONE, settings, 2) == 0);
	CHECK(nghttp2_session_set_local_window_size(c->session, NGHTTP2_FLAG_NONE, 0, WINDOW) == 0);
}

/* False when there is nothing to send. */
static bool fill(struct connection *c)
{
	c->filled = c->sent = 0;
	while (c->filled + FRAME <= BUFFER) {
		const uint8_t *bytes;
		ssize_t size = nghttp2_session_mem_send(c->session, &bytes);
		CHECK(size >= 0 && size <= FRAME);
		if (size == 0)
			break;
		memcpy(c->out + c->filled, bytes, (size_t)size);
		c->filled += (size_t)size;
	}
	return c->filled > 0;
}

static bool later(void)
{
	return errno == EAGAIN || errno == EINTR;
}

/* Sends what the socket takes; false when the connection is lost. */
static bool flush(struct connection *c)
{
	while (c->sent < c->filled || fill(c)) {
		ssize_t n = send(c->socket, c->out + c->sent, c->filled - c->sent, MSG_NOSIGNAL);
		if (n < 0)
			return later();
		c->sent += (size_t)n;
	}
	return true;
}

/* One read's worth; false when the connection is lost. */
static bool receive(struct connection *c)
{
	uint8_t in[BUFFER];
	ssize_t n = recv(c->socket, in, sizeof(in), 0);
	if (n < 0)
		return later();
	return n > 0 && nghttp2_session_mem_recv(c->session, in, (size_t)n) == n;
}

static void lose(struct connection *c)
{
	c->errors += c->open;
	c->open = 0;
}

static void close_connection(struct connection *c)
{
	if (nghttp2_session_terminate_session(c->session, NGHTTP2_NO_ERROR) == 0)
		flush(c);
	nghttp2_session_del(c->session);
	close(c->socket);
	free(c->streams);
	free(c->latencies);
}

static void *run(void *connections)
{
	struct connection *all = connections;
	for (int i = 0; i < PER_THREAD; i++)
		for (size_t k = 0; k < outstanding; k++)
			begin(&all[i], &all[i].streams[k]);
	for (;;) {
		struct pollfd polls[PER_THREAD];
		size_t open = 0;
		for (int i = 0; i < PER_THREAD; i++) {
			struct connection *c = &all[i];
			if (c->open && !flush(c))
				lose(c);
			open += c->open;
			polls[i] = (struct pollfd){.fd = c->open ? c->socket : -1,
				.events = (short)(POLLIN | (c->sent < c->filled ? POLLOUT : 0))};
		}
		if (!open)
			return NULL;
		CHECK(poll(polls, PER_THREAD, -1) > 0 || errno == EINTR);
		for (int i = 0; i < PER_THREAD; i++)
			if (polls[i].revents && !receive(&all[i]))
				lose(&all[i]);
	}
}

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return (x > y) - (x < y);
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
	qsort(all, calls, sizeof(*all), compare);
	printf("{\"rate\":%.0f,\"p50_us\":%.0f,\"p99_us\":%.0f,\"calls\":%zu,\"errors\":%zu}\n",
		(double)calls / seconds, calls ? (double)all[calls / 2] / 1000 : 0,
		calls ? (double)all[calls * 99 / 100] / 1000 : 0, calls, errors);
	free(all);
}

int main(int argc, char **argv)
{
	CHECK(argc == 4 && atoi(argv[2]) > 0 && atoi(argv[3]) >= CONNECTIONS);
	address = argv[1];
	outstanding = (size_t)atoi(argv[3]) / CONNECTIONS;
	struct connection *connections = check_calloc(CONNECTIONS, sizeof(*connections));
	for (int i = 0; i < CONNECTIONS; i++)
		open_connection(&connections[i], i);
	pthread_t threads[THREADS];
	int64_t began = clock_now();
	end = began + atoi(argv[2]) * CLOCK_SECOND;
	for (int i = 0; i < THREADS; i++)
		CHECK(pthread_create(&threads[i], NULL, run, &connections[i * PER_THREAD]) == 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	report(connections, (double)(clock_now() - began) / CLOCK_SECOND);
	for (int i = 0; i < CONNECTIONS; i++)
		close_connection(&connections[i]);
	free(connections);
	return 0;
}
