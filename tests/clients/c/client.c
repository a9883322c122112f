/*
 * A program against the installed library; each event is a line on standard output.
 *
 *     client ADDRESS stream            a stream, read by hand
 *     client ADDRESS watch             a watch, until standard input ends
 *     client ADDRESS subscribe PATTERN the log of events, from its beginning, likewise
 *     client ADDRESS node SERVICE ...  a node of each service, until standard input ends
 */
#include <junction/junction.h>
#include <junction/v1/event.pb-c.h>
#include <junction/v1/registry.pb-c.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void say(const char *word, const char *more)
{
	printf("%s %s\n", word, more);
	fflush(stdout);
}

static void wait_for_end(void)
{
	while (getchar() != EOF)
		;
}

/* --- stream ---------------------------------------------------------------------------------- */

static void *cancel(void *stream)
{
	junction_stream_cancel(stream);
	return NULL;
}

static int use_stream(struct junction *j)
{
	static const char *const words[] = {"message", "end", "failed", "wait"};
	Registry__WatchRequest request = REGISTRY__WATCH_REQUEST__INIT;
	struct junction_stream *stream = junction_stream_open(j, "/junction.v1.Registry/Watch",
		&request.base, &registry__watch_response__descriptor);
	struct junction_reply *reply;
	struct junction_error error = {0};
	pthread_t thread;
	char code[16];

	say(words[junction_stream_next(stream, -1, &reply, &error)], "");
	const Registry__WatchResponse *first =
		(const Registry__WatchResponse *)junction_reply_message(reply);
	say("cursor", *first->cursor ? "yes" : "no");
	junction_reply_free(&reply);
	say(words[junction_stream_next(stream, 20, &reply, &error)], "");
	say(words[junction_stream_next(stream, 0, &reply, &error)], "");
	pthread_create(&thread, NULL, cancel, stream);
	enum junction_next next = junction_stream_next(stream, -1, &reply, &error);
	pthread_join(thread, NULL);
	snprintf(code, sizeof(code), "%d", error.code);
	say(words[next], code);
	junction_stream_close(&stream);
	return 0;
}

/* --- watch ----------------------------------------------------------------------------------- */

static void came(void *context, const Registry__WatchResponse *message, _Bool reset)
{
	if (reset)
		say("reset", message->snapshot_reason);
	for (size_t i = 0; i < message->n_changes; i++) {
		const Registry__RegistryChange *change = message->changes[i];
		if (change->subject_case == REGISTRY__REGISTRY_CHANGE__SUBJECT_NODE_KEY)
			say(change->operation == REGISTRY__CHANGE_OPERATION__CHANGE_OPERATION_PUT
					? "put"
					: "gone",
				change->node_key);
	}
}

static void troubled(void *context, const struct junction_error *error)
{
	say("troubled", "");
}

static int use_watch(struct junction *j)
{
	Registry__WatchRequest request = REGISTRY__WATCH_REQUEST__INIT;
	struct junction_watch_callbacks callbacks = {.message = came, .troubled = troubled};
	struct junction_watch *watch = junction_watch_start(j, &request, &callbacks);

	wait_for_end();
	junction_watch_stop(&watch);
	return 0;
}

/* --- subscription ---------------------------------------------------------------------------- */

static void happened(void *context, const Event__SubscribeResponse *event)
{
	if (*event->event)
		say(event->event, event->data);
}

static int use_subscription(struct junction *j, char *pattern)
{
	Event__SubscribeRequest request = EVENT__SUBSCRIBE_REQUEST__INIT;
	struct junction_subscription_callbacks callbacks = {
		.event = happened, .troubled = troubled};

	request.n_patterns = 1;
	request.patterns = &pattern;
	request.after = (char *)"0";
	struct junction_subscription *subscription =
		junction_subscription_start(j, &request, &callbacks);
	wait_for_end();
	junction_subscription_stop(&subscription);
	return 0;
}

/* --- node ------------------------------------------------------------------------------------ */

static void changed(void *context, const struct junction_node *node, enum junction_node_event event,
	const struct junction_error *error)
{
	static const char *const words[] = {"registered", "troubled", "lost", "restored"};
	say(words[event], context);
}

static int use_nodes(struct junction *j, char **services)
{
	struct junction_node *nodes[16] = {0};
	struct junction_error error;
	int count = 0, kept = 0;

	for (; services[count] && count < 16; count++) {
		Registry__RegisterNodeRequest request = REGISTRY__REGISTER_NODE_REQUEST__INIT;
		request.service = services[count];
		request.host = "10.0.0.1";
		request._port_case = REGISTRY__REGISTER_NODE_REQUEST___PORT_PORT;
		request.port = 80;
		request.lease_ms = 6000;
		nodes[count] = junction_node_start(j, &request, changed, services[count]);
	}
	wait_for_end();
	for (int i = 0; i < count; i++)
		kept += !junction_node_stop(&nodes[i], &error);
	return kept;
}

int main(int argc, char **argv)
{
	if (argc < 3)
		return 2;
	struct junction *j =
		junction_open(&(struct junction_options){.target = argv[1], .timeout_ms = 5000});
	int code = 2;
	if (strcmp(argv[2], "stream") == 0)
		code = use_stream(j);
	else if (strcmp(argv[2], "watch") == 0)
		code = use_watch(j);
	else if (strcmp(argv[2], "subscribe") == 0 && argc == 4)
		code = use_subscription(j, argv[3]);
	else if (strcmp(argv[2], "node") == 0)
		code = use_nodes(j, argv + 3);
	junction_close(&j);
	return code;
}
