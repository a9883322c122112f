/*
 * The client itself: one channel, and unary calls over it. Pings find out about a server that went
 * without a word, so that a watch is never left alone.
 *
 * C core does its work in the threads that wait for calls. Calls that fail at once wait for
 * nothing, and then connections would be made at intervals of 5 seconds. So from a call that was
 * not delivered on, until the channel is ready, a thread of the client's own waits in their stead.
 */
#include <grpc/grpc_security.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/files.h"
#include "client/internal.h"

enum {
	MESSAGE_LIMIT = 64 << 20,
	TIMEOUT_MS = 30000,
	KEEPALIVE_MS = 10000,
	CONNECT_MS = 5000,
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

/* Waits until it is needed and begins to wait for the channel's next state. False at the end. */
static bool attend_once(struct junction *j)
{
	pthread_mutex_lock(&j->lock);
	while (!j->closing && !j->troubled)
		pthread_cond_wait(&j->called, &j->lock);
	bool closing = j->closing;
	grpc_connectivity_state state =
		closing ? GRPC_CHANNEL_SHUTDOWN
			: grpc_channel_check_connectivity_state(j->channel, 0);
	j->troubled = state != GRPC_CHANNEL_READY;
	if (!closing && j->troubled)
		grpc_channel_watch_connectivity_state(
			j->channel, state, gpr_inf_future(GPR_CLOCK_REALTIME), j->states, NULL);
	bool waiting = !closing && j->troubled;
	pthread_mutex_unlock(&j->lock);
	if (waiting)
		grpc_completion_queue_next(j->states, gpr_inf_future(GPR_CLOCK_REALTIME), NULL);
	return !closing;
}

static void *attend(void *j)
{
	while (attend_once(j))
		;
	return NULL;
}

void client_attend(struct junction *j)
{
	pthread_mutex_lock(&j->lock);
	j->troubled = true;
	pthread_cond_signal(&j->called);
	pthread_mutex_unlock(&j->lock);
}

/* The end of the channel is a state too: it ends the attendant's wait. */
static void end_channel(struct junction *j)
{
	pthread_mutex_lock(&j->lock);
	j->closing = true;
	grpc_channel_destroy(j->channel);
	pthread_cond_signal(&j->called);
	pthread_mutex_unlock(&j->lock);
	pthread_join(j->attendant, NULL);
	grpc_completion_queue_shutdown(j->states);
	grpc_completion_queue_destroy(j->states);
	pthread_cond_destroy(&j->called);
	pthread_mutex_destroy(&j->lock);
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
		/* In truth how long a connection may take to be made, its handshake included. */
		integer_argument(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, CONNECT_MS),
		integer_argument(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1000),
		integer_argument(GRPC_ARG_KEEPALIVE_TIME_MS, KEEPALIVE_MS),
		integer_argument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, KEEPALIVE_MS),
		integer_argument(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0),
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
	if (!credentials || !keeper_open(j, options, reason)) {
		if (credentials)
			grpc_channel_credentials_release(credentials);
		j->fault = check_strdup(reason);
		return j;
	}
	j->channel = grpc_channel_create(
		options->target ? options->target : DEFAULT_TARGET, credentials, &channel);
	grpc_channel_credentials_release(credentials);
	j->states = grpc_completion_queue_create_for_next(NULL);
	pthread_mutex_init(&j->lock, NULL);
	pthread_cond_init(&j->called, NULL);
	thread_start(&j->attendant, attend, j);
	return j;
}

void junction_close(struct junction **j)
{
	if (!*j)
		return;
	keeper_close(&(*j)->keeper);
	if ((*j)->channel)
		end_channel(*j);
	free((*j)->fault);
	free((*j)->space);
	free(*j);
	*j = NULL;
	grpc_shutdown();
}

struct junction_reply *junction_invoke(struct junction *j, const char *method,
	const ProtobufCMessage *request, const ProtobufCMessageDescriptor *response,
	struct junction_error *error)
{
	struct junction_reply *reply = NULL;
	struct exchange e;

	exchange_begin(&e, j, method, request, j->timeout_ms, true);
	exchange_settle(&e, EXCHANGE_FOREVER);
	if (e.code == GRPC_STATUS_OK)
		reply = reply_decode(e.payload, response, error);
	else
		exchange_refusal(&e, error);
	exchange_end(&e);
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
