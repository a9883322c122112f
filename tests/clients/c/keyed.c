/*
 * A program that shows who it is, against the installed library; each event is a line on standard
 * output.
 *
 *     keyed ADDRESS nobody|file:PATH|key:ID:SECRET|token:TOKEN|source:PATH ...
 *         ... call             a call for each line of standard input
 *         ... storm            calls of four threads, counted at each line of standard input
 *         ... sink             a client stream
 *         ... watch            a watch, until standard input ends
 *         ... node SERVICE     a node, until standard input ends
 *
 * source:PATH: tokens come from a file, "TOKEN MILLISECONDS", that is read each time one is asked
 * for.
 */
#include <junction/junction.h>
#include <junction/v1/api_reader.pb-c.h>
#include <junction/v1/registry.pb-c.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void say(const char *word, const char *more)
{
	printf("%s %s\n", word, more);
	fflush(stdout);
}

static void say_failed(const struct junction_error *error)
{
	printf("failed %d %s\n", error->code, error->message);
	fflush(stdout);
}

static void wait_for_end(void)
{
	while (getchar() != EOF)
		;
}

static const char *read_token(
	void *path, bool refused, int64_t *good_ms, struct junction_error *error)
{
	static char token[4096];
	char ms[32];

	FILE *file = fopen(path, "r");
	bool found = file && fscanf(file, "%4095s %31s", token, ms) == 2;
	if (file)
		fclose(file);
	say(refused ? "asked again:" : "asked:", found ? ms : "nothing");
	if (found) {
		*good_ms = atoll(ms);
		return token;
	}
	error->code = 9;
	snprintf(error->message, sizeof(error->message), "there is no token in the file");
	return NULL;
}

static bool call(struct junction *j, struct junction_error *error)
{
	Registry__GetServerRequest request = REGISTRY__GET_SERVER_REQUEST__INIT;

	request.server_name = "nothing";
	struct junction_reply *reply = junction_invoke(j, "/junction.v1.Registry/GetServer",
		&request.base, &registry__get_server_response__descriptor, error);
	bool called = reply != NULL;
	junction_reply_free(&reply);
	return called;
}

static void use_calls(struct junction *j)
{
	struct junction_error error;

	for (int c; (c = getchar()) != EOF;) {
		if (c != '\n')
			continue;
		if (call(j, &error))
			say("called", "");
		else
			say_failed(&error);
	}
}

/* --- storm ----------------------------------------------------------------------------------- */

static atomic_bool over;
static atomic_int good, bad;

static void *call_on(void *j)
{
	struct junction_error error;

	while (!atomic_load(&over))
		atomic_fetch_add(call(j, &error) ? &good : &bad, 1);
	return NULL;
}

static void use_storm(struct junction *j)
{
	pthread_t threads[4];

	for (int i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, call_on, j);
	for (int c; (c = getchar()) != EOF;) {
		if (c != '\n')
			continue;
		printf("good %d bad %d\n", atomic_load(&good), atomic_load(&bad));
		fflush(stdout);
	}
	atomic_store(&over, true);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
}

/* --- sink, watch, node ----------------------------------------------------------------------- */

static void use_sink(struct junction *j)
{
	ApiReader__UploadRequest request = API_READER__UPLOAD_REQUEST__INIT;
	struct junction_sink *sink = junction_sink_open(
		j, "/junction.v1.ApiReader/Upload", &api_reader__upload_response__descriptor);
	struct junction_error error = {0};

	request.server_name = "nothing";
	request.request_body = "{}";
	junction_sink_put(sink, &request.base);
	struct junction_reply *reply = junction_sink_end(&sink, &error);
	junction_reply_free(&reply);
	say_failed(&error);
}

static void came(void *context, const Registry__WatchResponse *message, bool reset)
{
	for (size_t i = 0; i < message->n_changes; i++) {
		const Registry__RegistryChange *change = message->changes[i];
		if (change->subject_case == REGISTRY__REGISTRY_CHANGE__SUBJECT_NODE_KEY)
			say("put", change->node_key);
	}
	if (message->kind == REGISTRY__WATCH_KIND__WATCH_KIND_SNAPSHOT_END)
		say("follows", "");
}

static void troubled(void *context, const struct junction_error *error)
{
	say_failed(error);
}

static void use_watch(struct junction *j)
{
	Registry__WatchRequest request = REGISTRY__WATCH_REQUEST__INIT;
	struct junction_watch_callbacks callbacks = {.message = came, .troubled = troubled};
	struct junction_watch *watch = junction_watch_start(j, &request, &callbacks);

	wait_for_end();
	junction_watch_stop(&watch);
}

static void changed(void *context, const struct junction_node *node, enum junction_node_event event,
	const struct junction_error *error)
{
	static const char *const words[] = {"registered", "troubled", "lost", "restored"};
	say(words[event], error ? error->message : "");
}

static void use_node(struct junction *j, const char *service)
{
	Registry__RegisterNodeRequest request = REGISTRY__REGISTER_NODE_REQUEST__INIT;
	struct junction_error error;

	request.service = (char *)service;
	request.host = "10.0.0.1";
	request._port_case = REGISTRY__REGISTER_NODE_REQUEST___PORT_PORT;
	request.port = 80;
	request.lease_ms = 15000; /* whoever does not answer within a third of it is troubled */
	struct junction_node *node = junction_node_start(j, &request, changed, NULL);
	wait_for_end();
	if (!junction_node_stop(&node, &error))
		say_failed(&error);
}

static void show(struct junction_options *options, char *who)
{
	char *colon = strchr(who, ':');

	if (strncmp(who, "file:", 5) == 0)
		options->key_file = colon + 1;
	if (strncmp(who, "token:", 6) == 0)
		options->token = colon + 1;
	if (strncmp(who, "source:", 7) == 0) {
		options->get_token = read_token;
		options->get_token_context = colon + 1;
	}
	if (strncmp(who, "key:", 4) == 0) {
		options->access_key_id = strtok(colon + 1, ":");
		options->access_key_secret = strtok(NULL, ":");
	}
}

int main(int argc, char **argv)
{
	struct junction_options options = {.target = argv[1], .timeout_ms = 20000};
	if (argc < 4)
		return 2;
	show(&options, argv[2]);
	struct junction *j = junction_open(&options);
	if (strcmp(argv[3], "call") == 0)
		use_calls(j);
	else if (strcmp(argv[3], "storm") == 0)
		use_storm(j);
	else if (strcmp(argv[3], "sink") == 0)
		use_sink(j);
	else if (strcmp(argv[3], "watch") == 0)
		use_watch(j);
	else if (strcmp(argv[3], "node") == 0 && argc == 5)
		use_node(j, argv[4]);
	junction_close(&j);
	return 0;
}
