/*
 * Channels: two to one target share a connection unless they are told to keep their own pool of
 * subchannels, hence USE_LOCAL_SUBCHANNEL_POOL.
 *
 * Messages of a stream often come many at a time. What a stream does once for many of them (waking
 * the thread that sends them on) waits until the queue has run dry, but for no more than
 * LULL_EVENTS completions. A channel without such a stream never looks at its queue without
 * waiting.
 *
 * C core hands tags from thread to thread through a queue that ThreadSanitizer does not see, hence
 * `handed`.
 */
#include "bridge/rpc_channel.h"

#include <grpc/byte_buffer.h>
#include <grpc/support/time.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/check.h"
#include "bridge/rpc_tls.h"

#define RECEIVE_MAX      (64 * 1024 * 1024)
#define RECONNECT_MS     100
#define RECONNECT_MAX_MS 500
#define LULL_EVENTS      256

struct rpc {
	struct rpc_options options;
	struct rpc_tls *tls; /* NULL: none */
	atomic_uint turn;
	struct channel *channels;
};

/* --- what C core takes and gives ------------------------------------------------------------ */

grpc_slice rpc_slice(struct text t)
{
	return grpc_slice_from_copied_buffer(t.data, t.size);
}

struct text rpc_text(const grpc_slice *slice)
{
	return (struct text){(const char *)GRPC_SLICE_START_PTR(*slice), GRPC_SLICE_LENGTH(*slice)};
}

size_t rpc_fill_metadata(grpc_metadata *out, const struct metadata_list *list)
{
	size_t count = list ? list->count : 0;
	for (size_t i = 0; i < count; i++)
		out[i] = (grpc_metadata){.key = rpc_slice(list->items[i].key),
			.value = rpc_slice(list->items[i].value)};
	return count;
}

void rpc_empty_metadata(grpc_metadata *metadata, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		grpc_slice_unref(metadata[i].key);
		grpc_slice_unref(metadata[i].value);
	}
}

grpc_byte_buffer *rpc_payload(struct text message)
{
	grpc_slice slice = rpc_slice(message);
	grpc_byte_buffer *payload = grpc_raw_byte_buffer_create(&slice, 1);
	grpc_slice_unref(slice);
	return payload;
}

/* C core's own sentence tells addresses and paths that are no caller's business. */
struct status rpc_status(struct arena *a, grpc_status_code code, const grpc_slice *message)
{
	struct text t = rpc_text(message);
	struct status status = {.code = (enum status_code)code, .message = ""};
	if (text_starts(t, TEXT("failed to connect to all addresses")))
		status.message = "the Junction server cannot be reached";
	else if (code != GRPC_STATUS_OK)
		status.message = arena_string(a, t);
	return status;
}

struct text rpc_details(struct arena *a, const grpc_metadata_array *trailing)
{
	for (size_t i = 0; i < trailing->count; i++)
		if (text_equal(
			    rpc_text(&trailing->metadata[i].key), TEXT("grpc-status-details-bin")))
			return arena_text(a, rpc_text(&trailing->metadata[i].value));
	return (struct text){"", 0};
}

/* --- calls in progress ---------------------------------------------------------------------- */

static void enlist(struct channel *ch, struct rpc_link *link)
{
	link->previous = NULL;
	link->next = ch->links;
	if (link->next)
		link->next->previous = link;
	ch->links = link;
}

void rpc_land(struct rpc_link *link)
{
	struct channel *ch = link->channel;
	pthread_mutex_lock(&ch->lock);
	if (link->previous)
		link->previous->next = link->next;
	else
		ch->links = link->next;
	if (link->next)
		link->next->previous = link->previous;
	if (ch->stopping && !ch->links)
		pthread_cond_signal(&ch->empty);
	pthread_mutex_unlock(&ch->lock);
}

bool rpc_take_off(struct rpc *rpc, struct rpc_link *link, const struct api_method *method,
	gpr_timespec deadline)
{
	unsigned turn = atomic_fetch_add_explicit(&rpc->turn, 1, memory_order_relaxed);
	struct channel *ch = &rpc->channels[turn % (unsigned)rpc->options.channels];
	size_t index = (size_t)(method - rpc->options.methods);
	CHECK(index < rpc->options.method_count);
	link->channel = ch;
	link->core = NULL;
	pthread_mutex_lock(&ch->lock);
	if (!ch->stopping && !(link->stream && ch->streamless)) {
		link->core = grpc_channel_create_registered_call(ch->core, NULL,
			GRPC_PROPAGATE_DEFAULTS, ch->queue, ch->methods[index], deadline, NULL);
		enlist(ch, link);
	}
	pthread_mutex_unlock(&ch->lock);
	return link->core != NULL;
}

void rpc_batch(grpc_call *core, const grpc_op *ops, size_t count, struct rpc_tag *tag)
{
	atomic_store_explicit(&tag->handed, true, memory_order_release);
	CHECK(grpc_call_start_batch(core, ops, count, tag, NULL) == GRPC_CALL_OK);
}

static void run_event(const grpc_event *event)
{
	struct rpc_tag *tag = event->tag;
	CHECK(atomic_load_explicit(&tag->handed, memory_order_acquire));
	tag->run(tag, event->success);
}

static void *serve_queue(void *arg)
{
	struct channel *ch = arg;
	for (int events = 0;; events++) {
		grpc_event event = grpc_completion_queue_next(ch->queue,
			ch->dirty ? gpr_inf_past(GPR_CLOCK_MONOTONIC)
				  : gpr_inf_future(GPR_CLOCK_MONOTONIC),
			NULL);
		if (event.type == GRPC_QUEUE_SHUTDOWN)
			return NULL;
		if (event.type == GRPC_OP_COMPLETE)
			run_event(&event);
		if (event.type == GRPC_QUEUE_TIMEOUT || events >= LULL_EVENTS) {
			rpc_stream_lull(ch);
			events = 0;
		}
	}
}

/* --- channels ------------------------------------------------------------------------------- */

static grpc_arg integer(const char *key, int value)
{
	grpc_arg arg = {.type = GRPC_ARG_INTEGER, .key = (char *)key};
	arg.value.integer = value;
	return arg;
}

static grpc_channel *connect_core(const struct rpc *rpc)
{
	char *name = (char *)rpc->options.tls.server_name;
	grpc_arg list[] = {
		integer(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1),
		integer(GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH, RECEIVE_MAX),
		integer(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, RECONNECT_MS),
		integer(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, RECONNECT_MAX_MS),
		integer(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, RECONNECT_MAX_MS),
		integer(GRPC_ARG_ENABLE_RETRIES, 0),
		integer(GRPC_ARG_ENABLE_HTTP_PROXY, 0),
		/* Last: it counts only if there is a name. */
		{.type = GRPC_ARG_STRING,
			.key = (char *)GRPC_SSL_TARGET_NAME_OVERRIDE_ARG,
			.value.string = name},
	};
	grpc_channel_args args = {sizeof(list) / sizeof(list[0]) - !name, list};
	grpc_channel_credentials *credentials = rpc_tls_credentials(rpc->tls);
	grpc_channel *core = grpc_channel_create(rpc->options.target, credentials, &args);
	grpc_channel_credentials_release(credentials);
	return core;
}

/* Calls that stand keep what they need of the channel that was there before. */
static void connect_channel(struct rpc *rpc, struct channel *ch)
{
	const struct rpc_options *options = &rpc->options;
	grpc_channel *core = connect_core(rpc), *old_core = ch->core;
	void **methods = check_calloc(options->method_count, sizeof(*methods));
	void **old_methods = ch->methods;
	for (size_t i = 0; i < options->method_count; i++)
		methods[i] = grpc_channel_register_call(core, options->methods[i].path, NULL, NULL);
	pthread_mutex_lock(&ch->lock);
	ch->core = core;
	ch->methods = methods;
	pthread_mutex_unlock(&ch->lock);
	if (old_core)
		grpc_channel_destroy(old_core);
	free(old_methods);
}

static void open_channel(struct rpc *rpc, struct channel *ch)
{
	CHECK(!pthread_mutex_init(&ch->lock, NULL));
	CHECK(!pthread_cond_init(&ch->empty, NULL));
	connect_channel(rpc, ch);
	ch->queue = grpc_completion_queue_create_for_next(NULL);
	CHECK(!pthread_create(&ch->thread, NULL, serve_queue, ch));
	pthread_setname_np(ch->thread, "rpc");
}

struct rpc *rpc_new(const struct rpc_options *options)
{
	struct rpc_tls *tls = options->tls.ca ? rpc_tls_open(&options->tls) : NULL;
	if (options->tls.ca && !tls)
		return NULL;
	grpc_init();
	struct rpc *rpc = check_calloc(1, sizeof(*rpc));
	rpc->options = *options;
	rpc->tls = tls;
	rpc->channels = check_calloc((size_t)options->channels, sizeof(*rpc->channels));
	for (int i = 0; i < options->channels; i++)
		open_channel(rpc, &rpc->channels[i]);
	return rpc;
}

void rpc_refresh_tls(struct rpc *rpc, bool now)
{
	if (!rpc->tls || !rpc_tls_refresh(rpc->tls, now))
		return;
	for (int i = 0; i < rpc->options.channels; i++)
		connect_channel(rpc, &rpc->channels[i]);
}

/* Streams have no end of their own that one could wait for. */
static void break_off(struct channel *ch, bool streams_only)
{
	pthread_mutex_lock(&ch->lock);
	ch->streamless = true;
	ch->stopping |= !streams_only;
	for (struct rpc_link *link = ch->links; link; link = link->next)
		if (link->stream || !streams_only)
			grpc_call_cancel_with_status(link->core, GRPC_STATUS_UNAVAILABLE,
				"the bridge is stopping", NULL);
	pthread_mutex_unlock(&ch->lock);
}

void rpc_stop_streams(struct rpc *rpc)
{
	for (int i = 0; i < rpc->options.channels; i++)
		break_off(&rpc->channels[i], true);
}

/* The queue may be shut down only when no batch will be started on it any more. */
static void stop_channel(struct channel *ch)
{
	pthread_mutex_lock(&ch->lock);
	while (ch->links)
		pthread_cond_wait(&ch->empty, &ch->lock);
	pthread_mutex_unlock(&ch->lock);
	grpc_completion_queue_shutdown(ch->queue);
	pthread_join(ch->thread, NULL);
}

void rpc_stop(struct rpc *rpc)
{
	for (int i = 0; i < rpc->options.channels; i++)
		break_off(&rpc->channels[i], false);
	for (int i = 0; i < rpc->options.channels; i++)
		stop_channel(&rpc->channels[i]);
}

static void free_channel(struct channel *ch)
{
	grpc_completion_queue_destroy(ch->queue);
	grpc_channel_destroy(ch->core);
	pthread_cond_destroy(&ch->empty);
	pthread_mutex_destroy(&ch->lock);
	free(ch->methods);
}

void rpc_free(struct rpc **rpc)
{
	for (int i = 0; i < (*rpc)->options.channels; i++)
		free_channel(&(*rpc)->channels[i]);
	free((*rpc)->channels);
	rpc_tls_free(&(*rpc)->tls);
	free(*rpc);
	*rpc = NULL;
	grpc_shutdown_blocking();
}

bool rpc_connected(const struct rpc *rpc)
{
	bool all = true;
	for (int i = 0; i < rpc->options.channels; i++) {
		struct channel *ch = &rpc->channels[i];
		pthread_mutex_lock(&ch->lock);
		grpc_connectivity_state state = grpc_channel_check_connectivity_state(ch->core, 1);
		pthread_mutex_unlock(&ch->lock);
		all &= state == GRPC_CHANNEL_READY || state == GRPC_CHANNEL_IDLE;
	}
	return all;
}
