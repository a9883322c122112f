/*
 * The server as a whole: listeners, queues with their threads, and the end.
 *
 * Order of the end: grpc's server shuts down and hands the armed slots back; calls end by
 * themselves or are cancelled; when no slot is armed and no call is left, the queues shut down,
 * their threads drain them and return, and only then are server and queues destroyed.
 */
#include "server/rpc/internal.h"

#include <errno.h>
#include <grpc/grpc_security.h>
#include <grpc/support/alloc.h>
#include <grpc/support/log.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "api.gen.h"
#include "base/check.h"
#include "base/log.h"

enum { KEEPALIVE_TIMEOUT_MS = 20000, HANDSHAKE_TIMEOUT_MS = 10000 };

/* --- threads ---------------------------------------------------------------------------------- */

static void *serve(void *arg)
{
	struct queue *q = arg;
	for (;;) {
		grpc_event e =
			grpc_completion_queue_next(q->cq, gpr_inf_future(GPR_CLOCK_REALTIME), NULL);
		if (e.type == GRPC_QUEUE_SHUTDOWN)
			return NULL;
		struct tag *tag = e.tag;
		TAG_TAKE(tag);
		tag->run(tag, e.success);
	}
}

static void start_threads(struct rpc *rpc)
{
	for (int i = 0; i < rpc->options.threads; i++) {
		struct queue *q = &rpc->queues[i];
		char name[16];
		snprintf(name, sizeof(name), "rpc %d", i);
		CHECK(pthread_create(&q->thread, NULL, serve, q) == 0);
		pthread_setname_np(q->thread, name);
	}
}

void rpc_leave(struct rpc *rpc, atomic_int *count)
{
	if (atomic_fetch_sub(count, 1) > 1 || !atomic_load(&rpc->stopping))
		return;
	pthread_mutex_lock(&rpc->lock);
	pthread_cond_broadcast(&rpc->changed);
	pthread_mutex_unlock(&rpc->lock);
}

/* --- listening -------------------------------------------------------------------------------- */

static void log_grpc(gpr_log_func_args *args)
{
	log_event(args->severity == GPR_LOG_SEVERITY_ERROR ? LOG_WARN : LOG_DEBUG, "grpc",
		LOG_TEXT("message", args->message));
}

static grpc_arg number_arg(const char *key, int value)
{
	return (grpc_arg){.type = GRPC_ARG_INTEGER, .key = (char *)key, .value.integer = value};
}

static grpc_server *server_new(const struct rpc_options *options)
{
	grpc_arg args[] = {
		number_arg(GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH, (int)options->message_limit),
		/* Beyond the call limit there is room to be told so, but not without bound. */
		number_arg(GRPC_ARG_MAX_CONCURRENT_STREAMS, 2 * options->call_limit + 100),
		/* On by default, and then two servers share a port without a word. */
		number_arg(GRPC_ARG_ALLOW_REUSEPORT, 0),
		/* Two minutes by default, for who connects and says nothing. */
		number_arg(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, HANDSHAKE_TIMEOUT_MS),
		/* Beyond this one the whole connection is closed; the slots refuse single calls. */
		number_arg(GRPC_ARG_MAX_METADATA_SIZE, 4 * (int)options->metadata_limit),
		/* Streams that are open then may go on; only new calls go elsewhere. */
		number_arg(GRPC_ARG_MAX_CONNECTION_AGE_MS, (int)options->connection_age_ms),
		/* A peer that has vanished is noticed also while nothing is sent. */
		number_arg(GRPC_ARG_KEEPALIVE_TIME_MS, (int)options->keepalive_ms),
		number_arg(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, KEEPALIVE_TIMEOUT_MS),
		number_arg(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1),
		number_arg(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0),
		number_arg(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
			(int)options->ping_interval_ms),
	};
	grpc_channel_args all = {sizeof(args) / sizeof(args[0]), args};
	return grpc_server_create(&all, NULL);
}

/* "127.0.0.1:0" and 41217 make "127.0.0.1:41217". */
static char *address_with_port(const char *listen, int port)
{
	size_t host = (size_t)(strrchr(listen, ':') - listen) + 1;
	char *address = check_malloc(host + 8);
	snprintf(address, host + 8, "%.*s%d", (int)host, listen, port);
	return address;
}

/* The port, or 0: logged. */
static int bind_one(struct rpc *rpc, const char *listen)
{
	bool is_unix = strncmp(listen, "unix:", 5) == 0;
	if (is_unix && !socket_clear(listen + 5))
		return 0;
	/* The mask belongs to the whole process; nothing else creates files while it starts. */
	mode_t mask = umask(0177);
	grpc_server_credentials *credentials = rpc->tls && !is_unix
						       ? tls_credentials(rpc->tls)
						       : grpc_insecure_server_credentials_create();
	int port = grpc_server_add_http2_port(rpc->server, listen, credentials);
	grpc_server_credentials_release(credentials);
	umask(mask);
	if (port == 0)
		log_event(LOG_ERROR, "cannot listen", LOG_TEXT("address", listen));
	return port;
}

static bool bind_all(struct rpc *rpc)
{
	size_t count = 0;
	if (rpc->options.tls.cert && !(rpc->tls = tls_open(&rpc->options.tls)))
		return false;
	while (rpc->options.listen[count])
		count++;
	rpc->addresses = check_calloc(count + 1, sizeof(char *));
	for (size_t i = 0; i < count; i++) {
		const char *listen = rpc->options.listen[i];
		int port = bind_one(rpc, listen);
		if (port == 0)
			return false;
		rpc->addresses[i] = strncmp(listen, "unix:", 5) == 0
					    ? check_strdup(listen)
					    : address_with_port(listen, port);
	}
	return true;
}

const char *rpc_address(const struct rpc *rpc, size_t i)
{
	return rpc->addresses[i];
}

struct rpc *rpc_open(const struct rpc_options *options)
{
	CHECK(options->threads >= 1 && options->threads <= 16 && options->call_limit >= 1);
	gpr_set_log_function(log_grpc);
	grpc_init();
	struct rpc *rpc = check_calloc(1, sizeof(*rpc));
	rpc->options = *options;
	rpc->server = server_new(options);
	rpc->queues = check_calloc((size_t)options->threads, sizeof(struct queue));
	for (int i = 0; i < options->threads; i++) {
		struct queue *q = &rpc->queues[i];
		q->rpc = rpc;
		q->cq = grpc_completion_queue_create_for_next(NULL);
		grpc_server_register_completion_queue(rpc->server, q->cq, NULL);
	}
	pthread_mutex_init(&rpc->lock, NULL);
	pthread_condattr_t clock;
	pthread_condattr_init(&clock);
	pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
	pthread_cond_init(&rpc->changed, &clock);
	pthread_condattr_destroy(&clock);
	start_threads(rpc);
	if (!bind_all(rpc))
		rpc_free(&rpc);
	return rpc;
}

/* --- serving ---------------------------------------------------------------------------------- */

static call_step *const built_in[] = {
	[API_GRPC_HEALTH_V1_HEALTH_CHECK] = health_check,
	[API_GRPC_HEALTH_V1_HEALTH_LIST] = health_list,
	[API_GRPC_HEALTH_V1_HEALTH_WATCH] = health_watch,
	[API_GRPC_REFLECTION_V1_SERVER_REFLECTION_SERVER_REFLECTION_INFO] = reflection_info,
	[API_GRPC_REFLECTION_V1ALPHA_SERVER_REFLECTION_SERVER_REFLECTION_INFO] = reflection_info,
};

/* Methods of one service stand together. */
static void fill_tables(struct rpc *rpc, call_step *const *steps)
{
	size_t services = 0;
	rpc->steps = check_calloc(api_method_count, sizeof(call_step *));
	rpc->services = check_calloc(api_method_count + 1, sizeof(char *));
	for (size_t i = 0; i < api_method_count; i++) {
		const struct api_method *m = &api_methods[i];
		rpc->steps[i] = steps[i];
		if (i < sizeof(built_in) / sizeof(built_in[0]) && built_in[i])
			rpc->steps[i] = built_in[i];
		if (rpc->steps[i] &&
			(services == 0 || strcmp(rpc->services[services - 1], m->service) != 0))
			rpc->services[services++] = m->service;
	}
}

void rpc_start(struct rpc *rpc, call_step *const *steps)
{
	fill_tables(rpc, steps);
	rpc->reflection = reflection_new();
	rpc_observe_start(rpc);
	slots_register(rpc);
	grpc_server_start(rpc->server);
	slots_arm(rpc);
}

void rpc_set_serving(struct rpc *rpc, bool serving)
{
	if (atomic_exchange(&rpc->serving, serving) != serving)
		bell_ring(call_streams(), &rpc->serving_changed);
}

void rpc_refresh_tls(struct rpc *rpc, bool now)
{
	if (rpc->tls)
		tls_refresh(rpc->tls, now);
}

/* --- the end ---------------------------------------------------------------------------------- */

static void down(struct tag *tag, bool ok)
{
	struct rpc *rpc = TAG_OWNER(tag, struct rpc, down_tag);
	pthread_mutex_lock(&rpc->lock);
	rpc->down = true;
	pthread_cond_broadcast(&rpc->changed);
	pthread_mutex_unlock(&rpc->lock);
}

/* rpc->lock is held. */
static bool wait_until(struct rpc *rpc, int64_t clock)
{
	struct timespec at = {clock / CLOCK_SECOND, clock % CLOCK_SECOND};
	return pthread_cond_timedwait(&rpc->changed, &rpc->lock, &at) != ETIMEDOUT;
}

static void shut_down(struct rpc *rpc)
{
	if (atomic_exchange(&rpc->stopping, true))
		return;
	rpc->down_tag.run = down;
	TAG_GIVE(&rpc->down_tag);
	grpc_server_shutdown_and_notify(rpc->server, rpc->queues[0].cq, &rpc->down_tag);
}

/* A call that has arrived still counts as an armed slot until its thread has taken it. */
static bool at_rest(struct rpc *rpc)
{
	return atomic_load(&rpc->armed) == 0 && atomic_load(&rpc->calls) == 0;
}

bool rpc_drain(struct rpc *rpc, int64_t ms)
{
	int64_t until = clock_now() + ms * CLOCK_MS;
	shut_down(rpc);
	pthread_mutex_lock(&rpc->lock);
	while (!at_rest(rpc) && wait_until(rpc, until))
		;
	pthread_mutex_unlock(&rpc->lock);
	return at_rest(rpc);
}

void rpc_stop(struct rpc *rpc)
{
	grpc_server_cancel_all_calls(rpc->server);
	pthread_mutex_lock(&rpc->lock);
	while (!rpc->down)
		pthread_cond_wait(&rpc->changed, &rpc->lock);
	pthread_mutex_unlock(&rpc->lock);
}

static void stop_threads(struct rpc *rpc)
{
	pthread_mutex_lock(&rpc->lock);
	while (!at_rest(rpc))
		pthread_cond_wait(&rpc->changed, &rpc->lock);
	pthread_mutex_unlock(&rpc->lock);
	for (int i = 0; i < rpc->options.threads; i++)
		grpc_completion_queue_shutdown(rpc->queues[i].cq);
	for (int i = 0; i < rpc->options.threads; i++)
		pthread_join(rpc->queues[i].thread, NULL);
}

void rpc_free(struct rpc **p)
{
	struct rpc *rpc = *p;
	if (!rpc)
		return;
	*p = NULL;
	rpc_observe_stop();
	rpc_drain(rpc, 0);
	rpc_stop(rpc);
	stop_threads(rpc);
	grpc_server_destroy(rpc->server);
	tls_free(&rpc->tls);
	for (int i = 0; i < rpc->options.threads; i++)
		grpc_completion_queue_destroy(rpc->queues[i].cq);
	slots_free(rpc);
	reflection_free(&rpc->reflection);
	for (size_t i = 0; rpc->addresses && rpc->addresses[i]; i++)
		free(rpc->addresses[i]);
	pthread_cond_destroy(&rpc->changed);
	pthread_mutex_destroy(&rpc->lock);
	free(rpc->addresses);
	free(rpc->services);
	free(rpc->steps);
	free(rpc->queues);
	free(rpc);
	grpc_shutdown_blocking();
}
