/*
 * Load that h2load cannot make: RegisterServer with a new name in every call.
 *
 * A fixed number of calls is kept outstanding over a few channels, each channel with a completion
 * queue and a thread of its own; a call that ends starts the next until the time is over.
 *
 * usage: bench_register ADDRESS SECONDS OUTSTANDING
 * prints one line of JSON: {"rate":..., "p50_us":..., "p99_us":..., "calls":..., "errors":...}
 */
#include <grpc/byte_buffer.h>
#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "junction/v1/registry.pb-c.h"

enum { CHANNELS = 4, MOST = 4000000 };

struct lane {
	int number;
	grpc_channel *channel;
	grpc_completion_queue *queue;
	void *method;
	int64_t *latencies; /* nanoseconds */
	size_t started, calls, errors;
};

struct request {
	grpc_call *call;
	int64_t started;
	grpc_metadata_array initial, trailing;
	grpc_byte_buffer *answer;
	grpc_status_code code;
	grpc_slice details;
};

static int64_t end;

static grpc_byte_buffer *next_message(struct lane *lane)
{
	char name[64];
	snprintf(name, sizeof(name), "bench-%d-%d-%zu", (int)getpid(), lane->number,
		lane->started++);
	Registry__RegisterServerRequest message = REGISTRY__REGISTER_SERVER_REQUEST__INIT;
	message.server_name = name;
	message.host = (char *)"10.20.30.40";
	message._port_case = REGISTRY__REGISTER_SERVER_REQUEST___PORT_PORT;
	message.port = 8000;
	grpc_slice slice = grpc_slice_malloc(protobuf_c_message_get_packed_size(&message.base));
	protobuf_c_message_pack(&message.base, GRPC_SLICE_START_PTR(slice));
	grpc_byte_buffer *buffer = grpc_raw_byte_buffer_create(&slice, 1);
	grpc_slice_unref(slice);
	return buffer;
}

static void start(struct lane *lane, struct request *r)
{
	*r = (struct request){.started = clock_now(), .details = grpc_empty_slice()};
	grpc_metadata_array_init(&r->initial);
	grpc_metadata_array_init(&r->trailing);
	r->call = grpc_channel_create_registered_call(lane->channel, NULL, GRPC_PROPAGATE_DEFAULTS,
		lane->queue, lane->method, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
	grpc_byte_buffer *message = next_message(lane);
	grpc_op ops[6] = {
		{.op = GRPC_OP_SEND_INITIAL_METADATA},
		{.op = GRPC_OP_SEND_MESSAGE, .data.send_message.send_message = message},
		{.op = GRPC_OP_SEND_CLOSE_FROM_CLIENT},
		{.op = GRPC_OP_RECV_INITIAL_METADATA,
			.data.recv_initial_metadata.recv_initial_metadata = &r->initial},
		{.op = GRPC_OP_RECV_MESSAGE, .data.recv_message.recv_message = &r->answer},
		{.op = GRPC_OP_RECV_STATUS_ON_CLIENT,
			.data.recv_status_on_client = {.trailing_metadata = &r->trailing,
				.status = &r->code,
				.status_details = &r->details}},
	};
	CHECK(grpc_call_start_batch(r->call, ops, 6, r, NULL) == GRPC_CALL_OK);
	grpc_byte_buffer_destroy(message);
}

static void finish(struct lane *lane, struct request *r)
{
	if (r->code == GRPC_STATUS_OK) {
		CHECK(lane->calls < MOST);
		lane->latencies[lane->calls++] = clock_now() - r->started;
	} else {
		lane->errors++;
	}
	grpc_metadata_array_destroy(&r->initial);
	grpc_metadata_array_destroy(&r->trailing);
	grpc_byte_buffer_destroy(r->answer);
	grpc_slice_unref(r->details);
	grpc_call_unref(r->call);
}

struct work {
	struct lane *lane;
	int outstanding;
};

static void *run(void *argument)
{
	struct work *work = argument;
	struct request *requests = check_calloc((size_t)work->outstanding, sizeof(*requests));
	for (int i = 0; i < work->outstanding; i++)
		start(work->lane, &requests[i]);
	for (int left = work->outstanding; left;) {
		grpc_event event = grpc_completion_queue_next(
			work->lane->queue, gpr_inf_future(GPR_CLOCK_REALTIME), NULL);
		struct request *r = event.tag;
		finish(work->lane, r);
		if (clock_now() < end)
			start(work->lane, r);
		else
			left--;
	}
	free(requests);
	return NULL;
}

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return (x > y) - (x < y);
}

static void open_lane(struct lane *lane, int number, const char *address)
{
	grpc_arg own = {.type = GRPC_ARG_INTEGER,
		.key = (char *)GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL,
		.value.integer = 1};
	grpc_channel_args arguments = {1, &own};
	grpc_channel_credentials *insecure = grpc_insecure_credentials_create();
	lane->number = number;
	lane->channel = grpc_channel_create(address, insecure, &arguments);
	grpc_channel_credentials_release(insecure);
	lane->queue = grpc_completion_queue_create_for_next(NULL);
	lane->method = grpc_channel_register_call(
		lane->channel, "/junction.v1.Registry/RegisterServer", NULL, NULL);
	lane->latencies = check_calloc(MOST, sizeof(*lane->latencies));
}

int main(int argc, char **argv)
{
	CHECK(argc == 4);
	grpc_init();
	struct lane lanes[CHANNELS] = {0};
	struct work works[CHANNELS];
	pthread_t threads[CHANNELS];
	int64_t began = clock_now();
	end = began + atoi(argv[2]) * CLOCK_SECOND;
	for (int i = 0; i < CHANNELS; i++) {
		open_lane(&lanes[i], i, argv[1]);
		works[i] = (struct work){&lanes[i], atoi(argv[3]) / CHANNELS};
		CHECK(pthread_create(&threads[i], NULL, run, &works[i]) == 0);
	}
	size_t calls = 0, errors = 0;
	int64_t *all = check_calloc((size_t)CHANNELS * MOST, sizeof(*all));
	for (int i = 0; i < CHANNELS; i++) {
		pthread_join(threads[i], NULL);
		memcpy(all + calls, lanes[i].latencies, lanes[i].calls * sizeof(*all));
		calls += lanes[i].calls;
		errors += lanes[i].errors;
	}
	double seconds = (double)(clock_now() - began) / CLOCK_SECOND;
	qsort(all, calls, sizeof(*all), compare);
	printf("{\"rate\":%.0f,\"p50_us\":%.0f,\"p99_us\":%.0f,\"calls\":%zu,\"errors\":%zu}\n",
		(double)calls / seconds, calls ? (double)all[calls / 2] / 1000 : 0,
		calls ? (double)all[calls * 99 / 100] / 1000 : 0, calls, errors);
	return 0;
}
