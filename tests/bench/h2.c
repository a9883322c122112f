/* Design: windows so wide that they never hold anything up; every frame is sent from one buffer. */
#include "tests/bench/h2.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"

enum {
	WINDOW = 1 << 24,
	FRAME = 20000, /* more than nghttp2 hands out at once: 16 KiB and the frame's head */
};

/* --- calls ---------------------------------------------------------------------------------- */

static ssize_t read_request(nghttp2_session *session, int32_t id, uint8_t *buffer, size_t length,
	uint32_t *flags, nghttp2_data_source *source, void *user)
{
	struct rpc *rpc = source->ptr;
	size_t size = rpc->size - rpc->sent < length ? rpc->size - rpc->sent : length;
	if (size == 0)
		return NGHTTP2_ERR_DEFERRED;
	memcpy(buffer, rpc->request + rpc->sent, size);
	rpc->sent += size;
	if (rpc->sent == rpc->size && !rpc->keep_open)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)size;
}

static nghttp2_nv header(const char *name, const char *value)
{
	return (nghttp2_nv){(uint8_t *)name, (uint8_t *)value, strlen(name), strlen(value),
		NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE};
}

bool h2_call(struct h2 *h2, const char *path, struct rpc *rpc)
{
	if (!nghttp2_session_check_request_allowed(h2->session))
		return false;
	nghttp2_nv headers[] = {
		header(":method", "POST"),
		header(":scheme", "http"),
		header(":path", path),
		header(":authority", h2->address),
		header("content-type", "application/grpc"),
		header("te", "trailers"),
	};
	nghttp2_data_provider body = {.source.ptr = rpc, .read_callback = read_request};
	CHECK(nghttp2_submit_request(h2->session, NULL, headers, sizeof(headers) / sizeof(*headers),
		      &body, rpc) > 0);
	return true;
}

/* The first one is enough to know what is wrong. */
static void tell(const uint8_t *reason, size_t size)
{
	static atomic_flag told = ATOMIC_FLAG_INIT;
	if (!atomic_flag_test_and_set(&told))
		fprintf(stderr, "a call failed: %.*s\n", (int)size, (const char *)reason);
}

static bool is(const char *wanted, const uint8_t *name, size_t size)
{
	return size == strlen(wanted) && memcmp(name, wanted, size) == 0;
}

/* The status counts only where it ends the stream: in trailers, or in headers without a body. */
static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
	size_t name_size, const uint8_t *value, size_t value_size, uint8_t flags, void *user)
{
	struct rpc *rpc = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
	if (rpc && is("grpc-status", name, name_size))
		rpc->ok = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) && is("0", value, value_size);
	else if (rpc && !rpc->ok && is("grpc-message", name, name_size) && value_size)
		tell(value, value_size);
	return 0;
}

static int on_bytes(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *bytes,
	size_t size, void *user)
{
	struct h2 *h2 = user;
	struct rpc *rpc = nghttp2_session_get_stream_user_data(session, id);
	if (rpc && h2->bytes)
		h2->bytes(h2, rpc, bytes, size);
	return 0;
}

static int on_close(nghttp2_session *session, int32_t id, uint32_t error, void *user)
{
	struct h2 *h2 = user;
	struct rpc *rpc = nghttp2_session_get_stream_user_data(session, id);
	rpc->ok = rpc->ok && error == NGHTTP2_NO_ERROR;
	h2->closed(h2, rpc);
	return 0;
}

/* --- connections ---------------------------------------------------------------------------- */

static int dial(const char *address)
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

void h2_open(struct h2 *h2, const char *address)
{
	h2->address = address;
	h2->socket = dial(address);
	nghttp2_session_callbacks *callbacks;
	CHECK(nghttp2_session_callbacks_new(&callbacks) == 0);
	nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_bytes);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
	CHECK(nghttp2_session_client_new(&h2->session, callbacks, h2) == 0);
	nghttp2_session_callbacks_del(callbacks);
	nghttp2_settings_entry settings[] = {
		{NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
		{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, WINDOW},
	};
	CHECK(nghttp2_submit_settings(h2->session, NGHTTP2_FLAG_NONE, settings, 2) == 0);
	CHECK(nghttp2_session_set_local_window_size(h2->session, NGHTTP2_FLAG_NONE, 0, WINDOW) ==
		0);
}

void h2_close(struct h2 *h2)
{
	if (nghttp2_session_terminate_session(h2->session, NGHTTP2_NO_ERROR) == 0)
		h2_flush(h2);
	nghttp2_session_del(h2->session);
	close(h2->socket);
}

/* False when there is nothing to send. */
static bool fill(struct h2 *h2)
{
	h2->filled = h2->sent = 0;
	while (h2->filled + FRAME <= H2_BUFFER) {
		const uint8_t *bytes;
		ssize_t size = nghttp2_session_mem_send(h2->session, &bytes);
		CHECK(size >= 0 && size <= FRAME);
		if (size == 0)
			break;
		memcpy(h2->out + h2->filled, bytes, (size_t)size);
		h2->filled += (size_t)size;
	}
	return h2->filled > 0;
}

static bool later(void)
{
	return errno == EAGAIN || errno == EINTR;
}

bool h2_flush(struct h2 *h2)
{
	while (h2->sent < h2->filled || fill(h2)) {
		ssize_t n =
			send(h2->socket, h2->out + h2->sent, h2->filled - h2->sent, MSG_NOSIGNAL);
		if (n < 0)
			return later();
		h2->sent += (size_t)n;
	}
	return true;
}

bool h2_receive(struct h2 *h2)
{
	uint8_t in[H2_BUFFER];
	ssize_t n = recv(h2->socket, in, sizeof(in), 0);
	if (n < 0)
		return later();
	return n > 0 && nghttp2_session_mem_recv(h2->session, in, (size_t)n) == n;
}

short h2_events(const struct h2 *h2)
{
	return (short)(POLLIN | (h2->sent < h2->filled ? POLLOUT : 0));
}

/* --- requests and results ------------------------------------------------------------------- */

struct pattern pattern_read(const char *path)
{
	FILE *file = fopen(path, "rb");
	CHECK(file && fseek(file, 0, SEEK_END) == 0);
	long size = ftell(file);
	CHECK(size >= 0 && size < 1 << 20);
	rewind(file);
	struct pattern p = {.size = H2_PREFIX + (size_t)size};
	p.bytes = check_calloc(1, p.size);
	for (int i = 0; i < 4; i++)
		p.bytes[1 + i] = (uint8_t)(size >> (24 - 8 * i));
	CHECK(fread(p.bytes + H2_PREFIX, 1, (size_t)size, file) == (size_t)size);
	fclose(file);
	return p;
}

void pattern_write(const struct pattern *pattern, uint64_t number, uint8_t *out)
{
	uint64_t rest = number;
	memcpy(out, pattern->bytes, pattern->size);
	for (size_t i = pattern->size; i-- > H2_PREFIX;) {
		if (out[i] != PATTERN_DIGIT) {
			rest = number;
			continue;
		}
		out[i] = (uint8_t)('0' + rest % 10);
		rest /= 10;
	}
}

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return (x > y) - (x < y);
}

int64_t percentile(int64_t *values, size_t count, int percent)
{
	if (count == 0)
		return 0;
	qsort(values, count, sizeof(*values), compare);
	return values[count * (size_t)percent / 100];
}
