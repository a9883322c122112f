/*
 * Listener: what libmicrohttpd (0.9.75) asks of its user, and how it is answered.
 *
 * - Its URI callback is the only place that shows the target as sent, so exchanges are born there;
 *   they end in the completion callback, which comes for each of them.
 * - The handler is called once for the headers, then for pieces of the body, then with size 0. A
 *   connection may be suspended only in that last call, and must be before the call to the server
 *   starts: the answer may come at once, on another thread, and resumes it.
 * - STRICT_FOR_CLIENT is the wrong way round: only -1 refuses a blank before a header's colon; 1
 *   refuses a missing Host, with a header sent twice. What -1 lets pass, exchange and front refuse.
 * - A daemon must not be stopped while a connection is suspended: it aborts.
 * - A pool of one thread is refused; without a pool there is one thread.
 * - Sockets are opened here, for a sentence about what failed and the port that 0 became.
 * - Replies lie in the exchange's arena and are not copied.
 */
#include "bridge/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/option.h"

#define CONNECTION_MEMORY (32 * 1024) /* headers included; beyond it libmicrohttpd answers 431 */
#define BACKLOG           1024
#define ADDRESS_SIZE      (INET6_ADDRSTRLEN + 8)

struct endpoint {
	int fd;
	struct MHD_Daemon *daemon;
	char address[ADDRESS_SIZE];
};

struct listener {
	struct bridge *bridge;
	struct endpoint *endpoints;
	size_t count;
	atomic_int exchanges; /* in progress */
	pthread_mutex_t lock;
	pthread_cond_t idle; /* stopping, and no exchanges */
};

/* Both ends of a connection, as text. */
struct ends {
	char peer[ADDRESS_SIZE]; /* "127.0.0.1:4711" */
	char local[INET6_ADDRSTRLEN];
};

/* --- addresses ------------------------------------------------------------------------------ */

static int split_address(const struct sockaddr *sa, char host[INET6_ADDRSTRLEN])
{
	if (sa->sa_family == AF_INET6) {
		const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)sa;
		inet_ntop(AF_INET6, &v6->sin6_addr, host, INET6_ADDRSTRLEN);
		return ntohs(v6->sin6_port);
	}
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)sa;
	inet_ntop(AF_INET, &v4->sin_addr, host, INET6_ADDRSTRLEN);
	return ntohs(v4->sin_port);
}

static void format_address(const struct sockaddr *sa, char out[ADDRESS_SIZE])
{
	char host[INET6_ADDRSTRLEN];
	int port = split_address(sa, host);
	snprintf(out, ADDRESS_SIZE, sa->sa_family == AF_INET6 ? "[%s]:%d" : "%s:%d", host, port);
}

static void local_address(int fd, struct sockaddr_storage *sa)
{
	socklen_t size = sizeof(*sa);
	memset(sa, 0, sizeof(*sa));
	CHECK(!getsockname(fd, (struct sockaddr *)sa, &size));
}

/* --- connections ---------------------------------------------------------------------------- */

static void on_connection(void *arg, struct MHD_Connection *c, void **context,
	enum MHD_ConnectionNotificationCode code)
{
	(void)arg;
	if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
		free(*context);
		*context = NULL;
		return;
	}
	struct ends *ends = check_calloc(1, sizeof(*ends));
	struct sockaddr_storage local;
	format_address(MHD_get_connection_info(c, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr,
		ends->peer);
	local_address(
		MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd, &local);
	split_address((const struct sockaddr *)&local, ends->local);
	*context = ends;
}

static const struct ends *ends_of(struct MHD_Connection *c)
{
	return MHD_get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

static void resume(void *connection)
{
	MHD_resume_connection(connection);
}

static void *on_target(void *arg, const char *uri, struct MHD_Connection *c)
{
	struct listener *l = arg;
	atomic_fetch_add(&l->exchanges, 1);
	return exchange_new(l->bridge, uri, resume, c);
}

static void on_completed(
	void *arg, struct MHD_Connection *c, void **context, enum MHD_RequestTerminationCode code)
{
	struct listener *l = arg;
	struct exchange *x = *context;
	(void)c, (void)code;
	if (!x)
		return;
	*context = NULL;
	exchange_free(&x);
	if (atomic_fetch_sub(&l->exchanges, 1) == 1 && atomic_load(&l->bridge->stopping)) {
		pthread_mutex_lock(&l->lock);
		pthread_cond_signal(&l->idle);
		pthread_mutex_unlock(&l->lock);
	}
}

/* --- requests ------------------------------------------------------------------------------- */

static void add_header(struct MHD_Response *response, const char *name, const char *value)
{
	if (value)
		CHECK(MHD_add_response_header(response, name, value) == MHD_YES);
}

static enum MHD_Result send_reply(
	const struct listener *l, struct MHD_Connection *c, const struct exchange *x)
{
	const struct reply *r = exchange_reply(x);
	struct MHD_Response *response = MHD_create_response_from_buffer(
		r->body.size, (void *)r->body.data, MHD_RESPMEM_PERSISTENT);
	bool closing = r->close || atomic_load_explicit(&l->bridge->stopping, memory_order_relaxed);
	CHECK(response);
	add_header(response, "Content-Type",
		r->content_type ? r->content_type : "application/json; charset=utf-8");
	add_header(response, "X-Content-Type-Options", "nosniff");
	add_header(response, "Allow", r->allow);
	add_header(response, "WWW-Authenticate", r->challenge);
	add_header(response, "Retry-After", r->retry_after);
	add_header(response, "Connection", closing ? "close" : NULL);
	enum MHD_Result result = MHD_queue_response(c, (unsigned)r->http, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result each_header(void *arg, enum MHD_ValueKind kind, const char *name,
	size_t name_size, const char *value, size_t value_size)
{
	(void)kind;
	exchange_add_header(
		arg, (struct text){name, name_size}, (struct text){value ? value : "", value_size});
	return MHD_YES;
}

static void open_exchange(struct MHD_Connection *c, struct exchange *x, const char *verb)
{
	const struct ends *ends = ends_of(c);
	MHD_get_connection_values_n(c, MHD_HEADER_KIND, each_header, x);
	exchange_open(x, text_of(verb), text_of(ends->peer), text_of(ends->local));
}

/* Once started, the exchange is the rpc thread's, and the reply is sent when the handler is called
 * again. */
static enum MHD_Result end_body(
	const struct listener *l, struct MHD_Connection *c, struct exchange *x)
{
	exchange_end(x);
	if (exchange_stage(x) == EXCHANGE_REPLIED)
		return send_reply(l, c, x);
	MHD_suspend_connection(c);
	exchange_start(x);
	return MHD_YES;
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *c, const char *url,
	const char *verb, const char *version, const char *data, size_t *size, void **context)
{
	struct listener *l = arg;
	struct exchange *x = *context;
	struct text piece = {data, *size};
	(void)url, (void)version;
	switch (exchange_stage(x)) {
	case EXCHANGE_HEADERS:
		open_exchange(c, x, verb);
		return exchange_stage(x) == EXCHANGE_REPLIED ? send_reply(l, c, x) : MHD_YES;
	case EXCHANGE_BODY:
		if (!piece.size)
			return end_body(l, c, x);
		*size = 0;
		return exchange_read(x, piece) ? MHD_YES : MHD_NO;
	case EXCHANGE_WAITING:
		return MHD_YES;
	case EXCHANGE_REPLIED:
		return send_reply(l, c, x);
	}
	return MHD_NO;
}

/* --- endpoints ------------------------------------------------------------------------------ */

/* Our own paths need no decoding by libmicrohttpd: nobody looks at its version of them. */
static size_t leave_encoded(void *arg, struct MHD_Connection *c, char *string)
{
	(void)arg, (void)c;
	return strlen(string);
}

static void on_log(void *arg, const char *format, va_list args)
{
	char line[256];
	(void)arg;
	vsnprintf(line, sizeof(line), format, args);
	log_event(LOG_DEBUG, "libmicrohttpd", LOG_SLICE("message", text_trim(text_of(line))));
}

static int open_socket(const struct addrinfo *ai)
{
	int on = 1;
	int fd = socket(ai->ai_family, ai->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (ai->ai_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (!bind(fd, ai->ai_addr, ai->ai_addrlen) && !listen(fd, BACKLOG))
		return fd;
	int error = errno;
	close(fd);
	errno = error;
	return -1;
}

static bool cannot_listen(const char *address, const char *reason)
{
	log_event(LOG_ERROR, "cannot listen", LOG_TEXT("address", address),
		LOG_TEXT("reason", reason));
	return false;
}

static bool bind_endpoint(struct endpoint *e, const char *address)
{
	char host[256], service[8];
	int port;
	struct addrinfo *found,
		hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
	struct sockaddr_storage local;
	if (!option_address(address, host, &port))
		return cannot_listen(address, "not ADDRESS:PORT");
	snprintf(service, sizeof(service), "%d", port);
	int error = getaddrinfo(*host ? host : NULL, service, &hints, &found);
	if (error)
		return cannot_listen(address, gai_strerror(error));
	e->fd = open_socket(found);
	error = errno;
	freeaddrinfo(found);
	if (e->fd < 0)
		return cannot_listen(address, strerror(error));
	local_address(e->fd, &local);
	format_address((const struct sockaddr *)&local, e->address);
	return true;
}

static bool start_daemon(
	struct listener *l, struct endpoint *e, const struct listener_options *options)
{
	struct MHD_OptionItem items[] = {
		{MHD_OPTION_EXTERNAL_LOGGER, (intptr_t)on_log, NULL},
		{MHD_OPTION_LISTEN_SOCKET, e->fd, NULL},
		{MHD_OPTION_STRICT_FOR_CLIENT, -1, NULL},
		{MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, NULL},
		{MHD_OPTION_URI_LOG_CALLBACK, (intptr_t)on_target, l},
		{MHD_OPTION_UNESCAPE_CALLBACK, (intptr_t)leave_encoded, NULL},
		{MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)on_connection, NULL},
		{MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)on_completed, l},
		{MHD_OPTION_CONNECTION_TIMEOUT, options->idle_timeout, NULL},
		{MHD_OPTION_CONNECTION_LIMIT, options->connection_limit, NULL},
		{MHD_OPTION_PER_IP_CONNECTION_LIMIT, options->connection_limit_per_address, NULL},
		{MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_MEMORY, NULL},
		{options->threads > 1 ? MHD_OPTION_THREAD_POOL_SIZE : MHD_OPTION_END,
			options->threads, NULL},
		{MHD_OPTION_END, 0, NULL},
	};
	unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC |
			 MHD_USE_ERROR_LOG;
	e->daemon = MHD_start_daemon(
		flags, 0, NULL, NULL, on_request, l, MHD_OPTION_ARRAY, items, MHD_OPTION_END);
	return e->daemon != NULL;
}

static bool open_endpoint(struct listener *l, struct endpoint *e, const char *address,
	const struct listener_options *o)
{
	return bind_endpoint(e, address) &&
	       (start_daemon(l, e, o) || cannot_listen(address, "libmicrohttpd refused to start"));
}

static struct listener *listener_new(struct bridge *bridge, size_t count)
{
	struct listener *l = check_calloc(1, sizeof(*l));
	pthread_condattr_t monotonic;
	l->bridge = bridge;
	l->count = count;
	l->endpoints = check_calloc(count, sizeof(*l->endpoints));
	for (size_t i = 0; i < count; i++)
		l->endpoints[i].fd = -1;
	CHECK(!pthread_mutex_init(&l->lock, NULL));
	CHECK(!pthread_condattr_init(&monotonic));
	CHECK(!pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC));
	CHECK(!pthread_cond_init(&l->idle, &monotonic));
	pthread_condattr_destroy(&monotonic);
	return l;
}

struct listener *listener_open(const struct listener_options *options, struct bridge *bridge)
{
	size_t count = 0;
	while (options->addresses[count])
		count++;
	struct listener *l = listener_new(bridge, count);
	for (size_t i = 0; l && i < count; i++)
		if (!open_endpoint(l, &l->endpoints[i], options->addresses[i], options))
			listener_close(&l);
	return l;
}

const char *listener_address(const struct listener *l, size_t i)
{
	return l->endpoints[i].address;
}

/* --- end ------------------------------------------------------------------------------------ */

/* The socket is closed only when the daemon has stopped; until then it refuses. */
static void stop_accepting(struct endpoint *e)
{
	if (e->daemon && MHD_quiesce_daemon(e->daemon) != MHD_INVALID_SOCKET)
		shutdown(e->fd, SHUT_RDWR);
}

bool listener_drain(struct listener *l, int64_t ms)
{
	int64_t until = clock_now() + ms * CLOCK_MS;
	struct timespec deadline = {until / CLOCK_SECOND, until % CLOCK_SECOND};
	for (size_t i = 0; i < l->count; i++)
		stop_accepting(&l->endpoints[i]);
	atomic_store(&l->bridge->stopping, true);
	int waited = 0;
	pthread_mutex_lock(&l->lock);
	while (atomic_load(&l->exchanges) && waited != ETIMEDOUT)
		waited = pthread_cond_timedwait(&l->idle, &l->lock, &deadline);
	pthread_mutex_unlock(&l->lock);
	return !atomic_load(&l->exchanges);
}

void listener_close(struct listener **l)
{
	for (size_t i = 0; i < (*l)->count; i++) {
		struct endpoint *e = &(*l)->endpoints[i];
		if (e->daemon)
			MHD_stop_daemon(e->daemon);
		if (e->fd >= 0)
			close(e->fd);
	}
	pthread_cond_destroy(&(*l)->idle);
	pthread_mutex_destroy(&(*l)->lock);
	free((*l)->endpoints);
	free(*l);
	*l = NULL;
}
