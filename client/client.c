/*
 * One channel; each call brings a completion queue of its own and plucks from it, so that calls of
 * several threads never wait for each other. A unary call is one batch of six operations.
 */
#include "client/junction.h"

#include <grpc/byte_buffer.h>
#include <grpc/byte_buffer_reader.h>
#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/files.h"
#include "base/text.h"
#include "proto/runtime/guard.h"

enum { MESSAGE_LIMIT = 64 << 20, ARENA_LIMIT = 512 << 20, TIMEOUT_MS = 30000 };

struct junction {
	grpc_channel *channel;
	char *space;
	int64_t timeout_ms;
	char *fault; /* why no call can be made, or NULL */
};

struct junction_reply {
	struct arena *arena;
	ProtobufCMessage *message;
};

/* What one unary call receives. */
struct answer {
	grpc_metadata_array initial, trailing;
	grpc_byte_buffer *payload;
	grpc_status_code code;
	grpc_slice details;
};

static grpc_arg integer_argument(const char *name, int value)
{
	return (grpc_arg){.type = GRPC_ARG_INTEGER, .key = (char *)name, .value.integer = value};
}

/* TLS as the options say; NULL with the reason. */
static grpc_channel_credentials *make_credentials(
	const struct junction_options *options, char reason[FILES_REASON_SIZE])
{
	enum { CA, CERT, KEY, FILES };
	struct watched_file files[FILES] = {
		{"ca", options->ca}, {"cert", options->cert}, {"key", options->key}};
	bool given = options->ca || options->cert || options->key || options->server_name;
	if (!given)
		return grpc_insecure_credentials_create();
	const char *wrong = NULL;
	if (!options->ca)
		wrong = "cert, key and server name need a ca";
	else if (!options->cert != !options->key)
		wrong = "cert and key are given together or not at all";
	else if (options->target && strncmp(options->target, "unix:", 5) == 0)
		wrong = "ca: a server at a unix socket has no TLS";
	if (wrong) {
		snprintf(reason, FILES_REASON_SIZE, "%s", wrong);
		return NULL;
	}
	if (!files_read(files, FILES, reason))
		return NULL;
	grpc_ssl_pem_key_cert_pair pair = {files[KEY].text, files[CERT].text};
	grpc_channel_credentials *tls = grpc_ssl_credentials_create(
		files[CA].text, pair.private_key ? &pair : NULL, NULL, NULL);
	files_forget(files, FILES);
	return tls;
}

struct junction *junction_open(const struct junction_options *options)
{
	grpc_init();
	struct junction *j = check_calloc(1, sizeof(*j));
	j->space = options->space ? check_strdup(options->space) : NULL;
	j->timeout_ms = options->timeout_ms ? options->timeout_ms : TIMEOUT_MS;
	grpc_arg arguments[] = {
		integer_argument(GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH, MESSAGE_LIMIT),
		integer_argument(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100),
		integer_argument(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 100),
		integer_argument(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1000),
		integer_argument(GRPC_ARG_ENABLE_HTTP_PROXY, 0),
		/* Last: it counts only if there is a name. */
		{.type = GRPC_ARG_STRING,
			.key = (char *)GRPC_SSL_TARGET_NAME_OVERRIDE_ARG,
			.value.string = (char *)options->server_name},
	};
	grpc_channel_args channel = {
		sizeof(arguments) / sizeof(*arguments) - !options->server_name, arguments};
	char reason[FILES_REASON_SIZE];
	grpc_channel_credentials *credentials = make_credentials(options, reason);
	if (!credentials) {
		j->fault = check_strdup(reason);
		return j;
	}
	j->channel = grpc_channel_create(
		options->target ? options->target : "127.0.0.1:50051", credentials, &channel);
	grpc_channel_credentials_release(credentials);
	return j;
}

void junction_close(struct junction **j)
{
	if (!*j)
		return;
	if ((*j)->channel)
		grpc_channel_destroy((*j)->channel);
	free((*j)->fault);
	free((*j)->space);
	free(*j);
	*j = NULL;
	grpc_shutdown();
}

static void refuse(struct junction_error *error, int code, struct text message)
{
	error->code = code;
	snprintf(error->message, sizeof(error->message), "%.*s", TEXT_ARGS(message));
}

static grpc_byte_buffer *pack(const ProtobufCMessage *request)
{
	grpc_slice slice = grpc_slice_malloc(protobuf_c_message_get_packed_size(request));
	protobuf_c_message_pack(request, GRPC_SLICE_START_PTR(slice));
	grpc_byte_buffer *buffer = grpc_raw_byte_buffer_create(&slice, 1);
	grpc_slice_unref(slice);
	return buffer;
}

static void exchange(struct junction *j, grpc_call *call, grpc_completion_queue *queue,
	grpc_byte_buffer *payload, struct answer *answer)
{
	grpc_metadata space = {
		.key = grpc_slice_from_static_string("x-namespace"),
		.value = grpc_slice_from_static_string(j->space ? j->space : ""),
	};
	grpc_op ops[6] = {
		{.op = GRPC_OP_SEND_INITIAL_METADATA,
			.data.send_initial_metadata = {.count = j->space ? 1 : 0,
				.metadata = &space}},
		{.op = GRPC_OP_SEND_MESSAGE, .data.send_message.send_message = payload},
		{.op = GRPC_OP_SEND_CLOSE_FROM_CLIENT},
		{.op = GRPC_OP_RECV_INITIAL_METADATA,
			.data.recv_initial_metadata.recv_initial_metadata = &answer->initial},
		{.op = GRPC_OP_RECV_MESSAGE, .data.recv_message.recv_message = &answer->payload},
		{.op = GRPC_OP_RECV_STATUS_ON_CLIENT,
			.data.recv_status_on_client = {.trailing_metadata = &answer->trailing,
				.status = &answer->code,
				.status_details = &answer->details}},
	};
	if (grpc_call_start_batch(call, ops, 6, answer, NULL) == GRPC_CALL_OK) {
		grpc_completion_queue_pluck(
			queue, answer, gpr_inf_future(GPR_CLOCK_REALTIME), NULL);
		return;
	}
	/* C core refuses metadata with illegal values this way. */
	answer->code = GRPC_STATUS_INVALID_ARGUMENT;
	answer->details =
		grpc_slice_from_static_string("the namespace is not a legal header value");
}

static struct junction_reply *decode(const struct answer *answer,
	const ProtobufCMessageDescriptor *response, struct junction_error *error)
{
	if (answer->code != GRPC_STATUS_OK) {
		refuse(error, answer->code,
			(struct text){(const char *)GRPC_SLICE_START_PTR(answer->details),
				GRPC_SLICE_LENGTH(answer->details)});
		return NULL;
	}
	struct junction_reply *reply = check_calloc(1, sizeof(*reply));
	reply->arena = arena_new(ARENA_LIMIT);
	struct status status = {0};
	if (answer->payload) {
		grpc_byte_buffer_reader reader;
		grpc_byte_buffer_reader_init(&reader, answer->payload);
		grpc_slice all = grpc_byte_buffer_reader_readall(&reader);
		grpc_byte_buffer_reader_destroy(&reader);
		struct text wire = {
			(const char *)GRPC_SLICE_START_PTR(all), GRPC_SLICE_LENGTH(all)};
		reply->message = guard_unpack(reply->arena, response, wire, &status);
		grpc_slice_unref(all);
	}
	if (!reply->message) {
		refuse(error, STATUS_INTERNAL, TEXT("the server's answer cannot be read"));
		junction_reply_free(&reply);
	}
	return reply;
}

struct junction_reply *junction_invoke(struct junction *j, const char *method,
	const ProtobufCMessage *request, const ProtobufCMessageDescriptor *response,
	struct junction_error *error)
{
	if (j->fault) {
		refuse(error, STATUS_INVALID_ARGUMENT, text_of(j->fault));
		return NULL;
	}
	struct answer answer = {.details = grpc_empty_slice()};
	grpc_metadata_array_init(&answer.initial);
	grpc_metadata_array_init(&answer.trailing);
	grpc_completion_queue *queue = grpc_completion_queue_create_for_pluck(NULL);
	gpr_timespec deadline = gpr_time_add(
		gpr_now(GPR_CLOCK_MONOTONIC), gpr_time_from_millis(j->timeout_ms, GPR_TIMESPAN));
	grpc_slice path = grpc_slice_from_copied_string(method);
	grpc_call *call = grpc_channel_create_call(
		j->channel, NULL, GRPC_PROPAGATE_DEFAULTS, queue, path, NULL, deadline, NULL);
	grpc_byte_buffer *payload = pack(request);

	exchange(j, call, queue, payload, &answer);
	struct junction_reply *reply = decode(&answer, response, error);

	grpc_byte_buffer_destroy(payload);
	grpc_byte_buffer_destroy(answer.payload);
	grpc_slice_unref(answer.details);
	grpc_slice_unref(path);
	grpc_metadata_array_destroy(&answer.initial);
	grpc_metadata_array_destroy(&answer.trailing);
	grpc_call_unref(call);
	grpc_completion_queue_shutdown(queue);
	grpc_completion_queue_destroy(queue);
	return reply;
}

const ProtobufCMessage *junction_reply_message(const struct junction_reply *reply)
{
	return reply->message;
}

void junction_reply_free(struct junction_reply **reply)
{
	if (!*reply)
		return;
	arena_free(&(*reply)->arena);
	free(*reply);
	*reply = NULL;
}
