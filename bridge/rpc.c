/*
 * Rpc: each call is one batch of the six operations of a unary client, one completion, and then
 * done() on the thread of the channel's queue. The flight is what C core writes into; it lies in
 * the call's arena and is empty of C core's references before done() runs.
 *
 * Two channels to one target share a connection unless they are told to keep their own pool of
 * subchannels. Calls in progress are listed per channel, so that they can be broken off at the
 * end. C core hands a flight from thread to thread through a queue that ThreadSanitizer does not
 * see, hence `handed`.
 */
#include "bridge/rpc.h"

#include <grpc/byte_buffer.h>
#include <grpc/byte_buffer_reader.h>
#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <grpc/support/time.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/check.h"

#define RECEIVE_MAX      (64 * 1024 * 1024)
#define RECONNECT_MS     100
#define RECONNECT_MAX_MS 500
#define OPERATIONS       6

struct flight {
	struct flight *next, *previous;
	struct rpc_call *call;
	struct channel *channel;
	grpc_call *core;
	grpc_metadata_array initial, trailing;
	grpc_byte_buffer *received;
	grpc_status_code code;
	grpc_slice message;
	atomic_bool handed;
};

struct channel {
	grpc_channel *core;
	grpc_completion_queue *queue;
	void **methods; /* registered handles, by index of the method table */
	pthread_t thread;
	pthread_mutex_t lock; /* guards flights and stopping */
	pthread_cond_t empty; /* stopping, and no flights */
	struct flight *flights;
	bool stopping;
};

struct rpc {
	struct rpc_options options;
	atomic_uint turn;
	struct channel *channels;
};

/* --- completion ----------------------------------------------------------------------------- */

static void enlist(struct channel *ch, struct flight *f)
{
	f->previous = NULL;
	f->next = ch->flights;
	if (f->next)
		f->next->previous = f;
	ch->flights = f;
}

static void delist(struct flight *f)
{
	struct channel *ch = f->channel;
	pthread_mutex_lock(&ch->lock);
	if (f->previous)
		f->previous->next = f->next;
	else
		ch->flights = f->next;
	if (f->next)
		f->next->previous = f->previous;
	if (ch->stopping && !ch->flights)
		pthread_cond_signal(&ch->empty);
	pthread_mutex_unlock(&ch->lock);
}

static struct text slice_text(const grpc_slice *slice)
{
	return (struct text){(const char *)GRPC_SLICE_START_PTR(*slice), GRPC_SLICE_LENGTH(*slice)};
}

static struct text received_bytes(struct arena *a, grpc_byte_buffer *received)
{
	struct text bytes = {"", 0};
	grpc_byte_buffer_reader reader;
	grpc_slice slice;
	if (!received || !grpc_byte_buffer_reader_init(&reader, received))
		return bytes;
	struct buffer whole = {.arena = a};
	buffer_reserve(&whole, grpc_byte_buffer_length(received) + 1);
	while (grpc_byte_buffer_reader_next(&reader, &slice)) {
		buffer_add_text(&whole, slice_text(&slice));
		grpc_slice_unref(slice);
	}
	grpc_byte_buffer_reader_destroy(&reader);
	return buffer_text(&whole);
}

static struct text trailing_value(
	struct arena *a, const grpc_metadata_array *trailing, struct text key)
{
	for (size_t i = 0; i < trailing->count; i++)
		if (text_equal(slice_text(&trailing->metadata[i].key), key))
			return arena_text(a, slice_text(&trailing->metadata[i].value));
	return (struct text){"", 0};
}

/* C core's own sentence tells addresses and paths that are no caller's business. */
static const char *status_message(struct arena *a, const grpc_slice *message)
{
	struct text t = slice_text(message);
	if (text_starts(t, TEXT("failed to connect to all addresses")))
		return "the Junction server cannot be reached";
	return arena_string(a, t);
}

static void land(struct flight *f)
{
	struct rpc_call *call = f->call;
	struct arena *a = call->arena;
	call->status = (struct status){.code = (enum status_code)f->code, .message = ""};
	if (f->code == GRPC_STATUS_OK) {
		call->response = received_bytes(a, f->received);
	} else {
		call->status.message = status_message(a, &f->message);
		call->details = trailing_value(a, &f->trailing, TEXT("grpc-status-details-bin"));
	}
	delist(f);
	grpc_metadata_array_destroy(&f->initial);
	grpc_metadata_array_destroy(&f->trailing);
	grpc_slice_unref(f->message);
	grpc_byte_buffer_destroy(f->received);
	grpc_call_unref(f->core);
	call->done(call);
}

static void *serve_queue(void *arg)
{
	struct channel *ch = arg;
	for (;;) {
		grpc_event event = grpc_completion_queue_next(
			ch->queue, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
		if (event.type == GRPC_QUEUE_SHUTDOWN)
			return NULL;
		struct flight *f = event.tag;
		CHECK(atomic_load_explicit(&f->handed, memory_order_acquire));
		land(f);
	}
}

/* --- start ---------------------------------------------------------------------------------- */

/* The flight's core call, listed; NULL once the channel is stopping. */
static grpc_call *take_off(struct rpc *rpc, struct flight *f)
{
	struct channel *ch = f->channel;
	size_t method = (size_t)(f->call->method - rpc->options.methods);
	CHECK(method < rpc->options.method_count);
	gpr_timespec deadline = gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC),
		gpr_time_from_millis(f->call->timeout_ms, GPR_TIMESPAN));

	pthread_mutex_lock(&ch->lock);
	if (!ch->stopping) {
		f->core = grpc_channel_create_registered_call(ch->core, NULL,
			GRPC_PROPAGATE_DEFAULTS, ch->queue, ch->methods[method], deadline, NULL);
		enlist(ch, f);
	}
	pthread_mutex_unlock(&ch->lock);
	return f->core;
}

static grpc_slice copied(struct text t)
{
	return grpc_slice_from_copied_buffer(t.data, t.size);
}

static size_t fill_metadata(grpc_metadata *out, const struct metadata_list *list)
{
	size_t count = list ? list->count : 0;
	for (size_t i = 0; i < count; i++)
		out[i] = (grpc_metadata){
			.key = copied(list->items[i].key), .value = copied(list->items[i].value)};
	return count;
}

static void fill_receiving(grpc_op *ops, struct flight *f)
{
	ops[0].op = GRPC_OP_RECV_INITIAL_METADATA;
	ops[0].data.recv_initial_metadata.recv_initial_metadata = &f->initial;
	ops[1].op = GRPC_OP_RECV_MESSAGE;
	ops[1].data.recv_message.recv_message = &f->received;
	ops[2].op = GRPC_OP_RECV_STATUS_ON_CLIENT;
	ops[2].data.recv_status_on_client.trailing_metadata = &f->trailing;
	ops[2].data.recv_status_on_client.status = &f->code;
	ops[2].data.recv_status_on_client.status_details = &f->message;
}

/* When start_batch returns, the flight may have landed: only locals are touched afterwards. */
static void launch(struct flight *f)
{
	grpc_metadata metadata[METADATA_MAX];
	size_t count = fill_metadata(metadata, f->call->metadata);
	grpc_slice payload = copied(f->call->request);
	grpc_byte_buffer *message = grpc_raw_byte_buffer_create(&payload, 1);
	grpc_op ops[OPERATIONS] = {0};
	ops[0].op = GRPC_OP_SEND_INITIAL_METADATA;
	ops[0].data.send_initial_metadata.metadata = metadata;
	ops[0].data.send_initial_metadata.count = count;
	ops[1].op = GRPC_OP_SEND_MESSAGE;
	ops[1].data.send_message.send_message = message;
	ops[2].op = GRPC_OP_SEND_CLOSE_FROM_CLIENT;
	fill_receiving(ops + 3, f);

	atomic_store_explicit(&f->handed, true, memory_order_release);
	CHECK(grpc_call_start_batch(f->core, ops, OPERATIONS, f, NULL) == GRPC_CALL_OK);

	grpc_byte_buffer_destroy(message);
	grpc_slice_unref(payload);
	for (size_t i = 0; i < count; i++) {
		grpc_slice_unref(metadata[i].key);
		grpc_slice_unref(metadata[i].value);
	}
}

void rpc_start(struct rpc *rpc, struct rpc_call *call)
{
	unsigned turn = atomic_fetch_add_explicit(&rpc->turn, 1, memory_order_relaxed);
	struct flight *f = ARENA_NEW(call->arena, struct flight);
	f->call = call;
	f->channel = &rpc->channels[turn % (unsigned)rpc->options.channels];
	call->response = call->details = (struct text){"", 0};
	if (!take_off(rpc, f)) {
		status_set(
			&call->status, call->arena, STATUS_UNAVAILABLE, "the bridge is stopping");
		call->done(call);
		return;
	}
	grpc_metadata_array_init(&f->initial);
	grpc_metadata_array_init(&f->trailing);
	launch(f);
}

/* --- channels ------------------------------------------------------------------------------- */

static grpc_arg integer(const char *key, int value)
{
	grpc_arg arg = {.type = GRPC_ARG_INTEGER, .key = (char *)key};
	arg.value.integer = value;
	return arg;
}

static grpc_channel *connect_core(const char *target)
{
	grpc_arg list[] = {
		integer(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1),
		integer(GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH, RECEIVE_MAX),
		integer(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, RECONNECT_MS),
		integer(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, RECONNECT_MAX_MS),
		integer(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, RECONNECT_MAX_MS),
		integer(GRPC_ARG_ENABLE_RETRIES, 0),
		integer(GRPC_ARG_ENABLE_HTTP_PROXY, 0),
	};
	grpc_channel_args args = {sizeof(list) / sizeof(list[0]), list};
	grpc_channel_credentials *plain = grpc_insecure_credentials_create();
	grpc_channel *core = grpc_channel_create(target, plain, &args);
	grpc_channel_credentials_release(plain);
	return core;
}

static void open_channel(struct channel *ch, const struct rpc_options *options)
{
	ch->core = connect_core(options->target);
	ch->queue = grpc_completion_queue_create_for_next(NULL);
	ch->methods = check_calloc(options->method_count, sizeof(*ch->methods));
	for (size_t i = 0; i < options->method_count; i++)
		ch->methods[i] =
			grpc_channel_register_call(ch->core, options->methods[i].path, NULL, NULL);
	CHECK(!pthread_mutex_init(&ch->lock, NULL));
	CHECK(!pthread_cond_init(&ch->empty, NULL));
	CHECK(!pthread_create(&ch->thread, NULL, serve_queue, ch));
	pthread_setname_np(ch->thread, "rpc");
}

struct rpc *rpc_new(const struct rpc_options *options)
{
	grpc_init();
	struct rpc *rpc = check_calloc(1, sizeof(*rpc));
	rpc->options = *options;
	rpc->channels = check_calloc((size_t)options->channels, sizeof(*rpc->channels));
	for (int i = 0; i < options->channels; i++)
		open_channel(&rpc->channels[i], options);
	return rpc;
}

static void cancel_flights(struct channel *ch)
{
	pthread_mutex_lock(&ch->lock);
	ch->stopping = true;
	for (struct flight *f = ch->flights; f; f = f->next)
		grpc_call_cancel_with_status(
			f->core, GRPC_STATUS_UNAVAILABLE, "the bridge is stopping", NULL);
	pthread_mutex_unlock(&ch->lock);
}

/* The queue may be shut down only when no batch will be started on it any more. */
static void stop_channel(struct channel *ch)
{
	pthread_mutex_lock(&ch->lock);
	while (ch->flights)
		pthread_cond_wait(&ch->empty, &ch->lock);
	pthread_mutex_unlock(&ch->lock);
	grpc_completion_queue_shutdown(ch->queue);
	pthread_join(ch->thread, NULL);
}

void rpc_stop(struct rpc *rpc)
{
	for (int i = 0; i < rpc->options.channels; i++)
		cancel_flights(&rpc->channels[i]);
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
	free(*rpc);
	*rpc = NULL;
	grpc_shutdown_blocking();
}
