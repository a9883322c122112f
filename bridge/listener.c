/*
 * Listener: what libmicrohttpd (0.9.75) asks of its user, and how it is answered.
 *
 * - Its URI callback is the only place that shows the target as sent, so exchanges are born there;
 *   they end in the completion callback, which comes for each of them.
 * - The handler is called once for the headers, then for pieces of the body, then with size 0. A
 *   connection may be suspended only in that last call, and must be before the call to the server
 *   starts: the answer may come at once, and resumes it.
 * - STRICT_FOR_CLIENT is the wrong way round: only -1 refuses a blank before a header's colon; 1
 *   refuses a missing Host, with a header sent twice. What -1 lets pass, exchange, front and
 * name_of() refuse.
 * - A daemon must not be stopped while a connection is suspended: it aborts.
 * - Replies lie in the exchange's arena and are not copied.
 */
#include "bridge/listener_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/loop.h"
#include "bridge/acceptor.h"
#include "bridge/gateway/forward.h"
#include "bridge/tls.h"
#include "bridge/worker.h"

#define CONNECTION_MEMORY (32 * 1024) /* headers included; beyond it libmicrohttpd answers 431 */

/* --- connections ---------------------------------------------------------------------------- */

static const struct sockaddr *peer_of(struct MHD_Connection *c)
{
	return MHD_get_connection_info(c, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr;
}

static struct connection *open_connection(struct place *p, struct MHD_Connection *c)
{
	struct connection *conn = check_calloc(1, sizeof(*conn));
	int fd = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
	struct sockaddr_storage local;
	socklen_t size = sizeof(local);
	CHECK(!getsockname(fd, (struct sockaddr *)&local, &size));
	acceptor_format(peer_of(c), conn->peer);
	acceptor_split((const struct sockaddr *)&local, conn->local);
	conn->place = p;
	conn->fd = fd;
	watch_add(p->worker.watch, &conn->watch, fd);
	access_connection(1);
	return conn;
}

static void on_connection(void *arg, struct MHD_Connection *c, void **context,
	enum MHD_ConnectionNotificationCode code)
{
	struct place *p = arg;
	struct connection *conn = *context;
	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		*context = open_connection(p, c);
		return;
	}
	watch_remove(p->worker.watch, &conn->watch);
	if (!conn->left) {
		access_connection(-1);
		acceptor_release(p->listener->acceptor, peer_of(c));
	}
	worker_lose(&p->worker);
	free(conn);
	*context = NULL;
}

static void resume(void *connection)
{
	struct connection *conn = listener_connection(connection);
	worker_make_due(&conn->place->worker);
	conn->paused_in = conn->place->worker.runs;
	MHD_resume_connection(connection);
}

/* A stream has nothing to send, or no room for more. */
static void pause_stream(void *connection)
{
	struct connection *conn = listener_connection(connection);
	conn->paused = true;
	conn->paused_in = conn->place->worker.runs;
	listener_enter(connection, WATCH_OURS);
	MHD_suspend_connection(connection);
}

static bool more_waits(void *connection)
{
	int waiting = 0;
	return ioctl(listener_connection(connection)->fd, FIONREAD, &waiting) == 0 && waiting > 0;
}

static void watch_exchange(struct MHD_Connection *c, const struct exchange *x)
{
	if (exchange_stream(x))
		watch_stream(&listener_connection(c)->watch, stream_tick, exchange_stream(x));
	else if (exchange_forward(x))
		watch_stream(&listener_connection(c)->watch, forward_tick, exchange_forward(x));
}

/* So that libmicrohttpd finds no query: it would make a list of its parameters, and a request with
 * more of them than it has memory for would neither be answered nor end. */
static void hide_query(const char *uri)
{
	char *query = strchr(uri, '?');
	if (query)
		query[1] = '\0';
}

static void *on_target(void *arg, const char *uri, struct MHD_Connection *c)
{
	struct listener *l = ((struct place *)arg)->listener;
	atomic_fetch_add(&l->exchanges, 1);
	struct exchange *x = exchange_new(l->bridge, uri,
		&(struct stream_connection){
			.suspend = pause_stream, .resume = resume, .more = more_waits, .arg = c});
	hide_query(uri);
	return x;
}

static void on_completed(
	void *arg, struct MHD_Connection *c, void **context, enum MHD_RequestTerminationCode code)
{
	struct listener *l = ((struct place *)arg)->listener;
	struct exchange *x = *context;
	if (!x)
		return;
	*context = NULL;
	if (code != MHD_REQUEST_TERMINATED_COMPLETED_OK)
		exchange_access(x)->broken_off = true;
	listener_enter(c, WATCH_HEAD);
	if (exchange_stream(x) || exchange_forward(x))
		watch_stream(&listener_connection(c)->watch, NULL, NULL);
	exchange_free(&x);
	if (atomic_fetch_sub(&l->exchanges, 1) == 1 && atomic_load(&l->bridge->stopping)) {
		pthread_mutex_lock(&l->lock);
		pthread_cond_signal(&l->idle);
		pthread_mutex_unlock(&l->lock);
	}
}

/* --- requests ------------------------------------------------------------------------------- */

/* libmicrohttpd ends a value at a NUL, takes LF alone for the end of a line, and appends a folded
 * line to the name of its header. So it is looked at whether the value follows the name, and CR LF,
 * of which it makes NULs, the value. What has been misread gets no name, which nobody takes. */
static struct text name_of(const char *name, size_t name_size, const char *value, size_t value_size)
{
	const char *behind = name + name_size + 1;
	while (behind < value && (*behind == ' ' || *behind == '\t'))
		behind++;
	bool whole = behind == value && !value[value_size + 1];
	return whole ? (struct text){name, name_size} : TEXT("");
}

static enum MHD_Result each_trailer(void *arg, enum MHD_ValueKind kind, const char *name,
	size_t name_size, const char *value, size_t value_size)
{
	(void)kind;
	exchange_add_trailer(arg, name_of(name, name_size, value, value_size),
		(struct text){value ? value : "", value_size});
	return MHD_YES;
}

static enum MHD_Result each_header(void *arg, enum MHD_ValueKind kind, const char *name,
	size_t name_size, const char *value, size_t value_size)
{
	(void)kind;
	exchange_add_header(arg, name_of(name, name_size, value, value_size),
		(struct text){value ? value : "", value_size});
	return MHD_YES;
}

static void open_exchange(
	struct MHD_Connection *c, struct exchange *x, const char *verb, const char *version)
{
	const struct connection *conn = listener_connection(c);
	MHD_get_connection_values_n(c, MHD_HEADER_KIND, each_header, x);
	exchange_open(
		x, text_of(verb), text_of(version), text_of(conn->peer), text_of(conn->local));
}

/* The reply is sent when the handler is called again, after the connection has been resumed. */
static enum MHD_Result end_body(
	const struct listener *l, struct MHD_Connection *c, struct exchange *x)
{
	if (exchange_forward(x))
		MHD_get_connection_values_n(c, MHD_FOOTER_KIND, each_trailer, x);
	exchange_end(x);
	if (exchange_stage(x) == EXCHANGE_REPLIED)
		return listener_reply(l, c, x);
	watch_exchange(c, x);
	listener_enter(c, WATCH_OURS);
	MHD_suspend_connection(c);
	exchange_start(x);
	return MHD_YES;
}

/* The headers are there. */
static enum MHD_Result begin_body(
	const struct listener *l, struct MHD_Connection *c, struct exchange *x)
{
	struct connection *conn = listener_connection(c);
	conn->held = exchange_stage(x) == EXCHANGE_HELD;
	listener_enter(c, conn->held ? WATCH_OURS : WATCH_BODY);
	watch_exchange(c, x);
	if (conn->held)
		MHD_suspend_connection(c);
	return exchange_stage(x) == EXCHANGE_REPLIED ? listener_reply(l, c, x) : MHD_YES;
}

/* libmicrohttpd goes on with the chunks that it has though the connection has been suspended by one
 * of them; it must not be closed then: the next piece will be the last. */
static enum MHD_Result read_piece(struct MHD_Connection *c, struct exchange *x, struct text piece)
{
	struct connection *conn = listener_connection(c);
	if (!conn->paused || conn->paused_in != conn->place->worker.runs)
		listener_go_on(conn, WATCH_BODY);
	bool wanted = exchange_read(x, piece);
	bool suspended = conn->paused || (conn->paused_in == conn->place->worker.runs);
	return wanted || suspended ? MHD_YES : MHD_NO;
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *c, const char *url,
	const char *verb, const char *version, const char *data, size_t *size, void **context)
{
	const struct listener *l = ((const struct place *)arg)->listener;
	struct exchange *x = *context;
	struct text piece = {data, *size};
	(void)url;
	if (listener_connection(c)->held)
		return begin_body(l, c, x);
	switch (exchange_stage(x)) {
	case EXCHANGE_HEADERS:
		open_exchange(c, x, verb, version);
		return begin_body(l, c, x);
	case EXCHANGE_HELD:
		return MHD_YES;
	case EXCHANGE_BODY:
		if (!piece.size)
			return end_body(l, c, x);
		*size = 0;
		return read_piece(c, x, piece);
	case EXCHANGE_WAITING:
		return MHD_YES;
	case EXCHANGE_REPLIED:
		return listener_reply(l, c, x);
	}
	return MHD_NO;
}

/* --- daemons -------------------------------------------------------------------------------- */

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

static struct MHD_Daemon *start_daemon(struct place *p)
{
	struct MHD_OptionItem items[] = {
		{MHD_OPTION_EXTERNAL_LOGGER, (intptr_t)on_log, NULL},
		{MHD_OPTION_STRICT_FOR_CLIENT, -1, NULL},
		{MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, NULL},
		{MHD_OPTION_URI_LOG_CALLBACK, (intptr_t)on_target, p},
		{MHD_OPTION_UNESCAPE_CALLBACK, (intptr_t)leave_encoded, NULL},
		{MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)on_connection, p},
		{MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)on_completed, p},
		{MHD_OPTION_CONNECTION_TIMEOUT, p->listener->options.idle_timeout, NULL},
		/* The acceptor's limit is the one that counts. */
		{MHD_OPTION_CONNECTION_LIMIT, INT_MAX, NULL},
		{MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_MEMORY, NULL},
		{MHD_OPTION_END, 0, NULL},
	};
	struct MHD_OptionItem secure[] = {
		{MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)TLS_PRIORITIES},
		{MHD_OPTION_HTTPS_CERT_CALLBACK2, 0, tls_choose},
		{MHD_OPTION_END, 0, NULL},
	};
	bool tls = tls_is_open();
	unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_NO_LISTEN_SOCKET |
			 MHD_USE_ERROR_LOG | MHD_ALLOW_UPGRADE | (tls ? MHD_USE_TLS : 0);
	return MHD_start_daemon(flags, 0, NULL, NULL, on_request, p, MHD_OPTION_ARRAY, items,
		tls ? MHD_OPTION_ARRAY : MHD_OPTION_END, secure, MHD_OPTION_END);
}

/* --- places --------------------------------------------------------------------------------- */

static void release(void *arg, const struct sockaddr *peer)
{
	acceptor_release(((struct place *)arg)->listener->acceptor, peer);
}

/* On its loop; without a daemon if libmicrohttpd refuses. */
static void open_place(void *place)
{
	struct place *p = place;
	p->worker.daemon = start_daemon(p);
	if (!p->worker.daemon)
		return;
	p->worker.watch = watch_open(&p->listener->options.watch);
	p->worker.refused = release;
	p->worker.arg = p;
	worker_open(&p->worker);
}

static void close_place(void *place)
{
	struct place *p = place;
	if (p->worker.daemon)
		worker_close(&p->worker);
}

/* To whoever has the fewest. */
static bool take(void *arg, size_t index, int fd, const struct sockaddr *peer, socklen_t size)
{
	const struct listener *l = arg;
	struct worker *least = &l->places[0].worker;
	(void)index;
	for (int i = 1; i < l->count; i++)
		if (worker_load(&l->places[i].worker) < worker_load(least))
			least = &l->places[i].worker;
	worker_take(least, fd, peer, size);
	return true;
}

/* --- life ----------------------------------------------------------------------------------- */

static bool open_all(struct listener *l)
{
	for (size_t i = 0; l->options.addresses[i]; i++)
		if (!acceptor_listen(l->acceptor, l->options.addresses[i]))
			return false;
	for (int i = 0; i < l->count; i++) {
		loop_run(l->places[i].worker.loop, open_place, &l->places[i]);
		if (!l->places[i].worker.daemon) {
			log_event(LOG_ERROR, "libmicrohttpd refused to start");
			return false;
		}
	}
	return true;
}

static struct listener *listener_new(const struct listener_options *options, struct bridge *bridge)
{
	struct listener *l = check_calloc(1, sizeof(*l));
	pthread_condattr_t monotonic;
	l->bridge = bridge;
	l->options = *options;
	l->nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
	CHECK(l->nothing >= 0);
	l->count = rpc_threads(bridge->rpc);
	l->places = check_calloc((size_t)l->count, sizeof(*l->places));
	for (int i = 0; i < l->count; i++) {
		l->places[i].listener = l;
		l->places[i].worker.loop = rpc_loop(bridge->rpc, i);
	}
	l->acceptor = acceptor_new(&(struct acceptor_options){
		.limit = options->connection_limit,
		.limit_per_caller = options->connection_limit_per_address,
		.take = take,
		.arg = l,
	});
	CHECK(!pthread_mutex_init(&l->lock, NULL));
	CHECK(!pthread_condattr_init(&monotonic));
	CHECK(!pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC));
	CHECK(!pthread_cond_init(&l->idle, &monotonic));
	pthread_condattr_destroy(&monotonic);
	return l;
}

struct listener *listener_open(const struct listener_options *options, struct bridge *bridge)
{
	access_start(bridge->rpc);
	struct listener *l = listener_new(options, bridge);
	if (open_all(l))
		acceptor_start(l->acceptor);
	else
		listener_close(&l);
	return l;
}

const char *listener_address(const struct listener *l, size_t i)
{
	return acceptor_address(l->acceptor, i);
}

/* --- end ------------------------------------------------------------------------------------ */

bool listener_drain(struct listener *l, int64_t ms)
{
	int64_t until = clock_now() + ms * CLOCK_MS;
	struct timespec deadline = {until / CLOCK_SECOND, until % CLOCK_SECOND};
	acceptor_stop(l->acceptor);
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
	acceptor_stop((*l)->acceptor);
	for (int i = 0; i < (*l)->count; i++)
		loop_run((*l)->places[i].worker.loop, close_place, &(*l)->places[i]);
	acceptor_free(&(*l)->acceptor);
	close((*l)->nothing);
	pthread_cond_destroy(&(*l)->idle);
	pthread_mutex_destroy(&(*l)->lock);
	free((*l)->places);
	free(*l);
	*l = NULL;
}
