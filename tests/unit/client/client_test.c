/* The library while its server is away, or takes connections and never says a word. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client/junction.h"
#include "junction/v1/api_reader.pb-c.h"
#include "junction/v1/registry.pb-c.h"

enum { CANCELLED = 1, INVALID_ARGUMENT = 3, DEADLINE_EXCEEDED = 4, UNAVAILABLE = 14 };

/* A port where connections are made and nobody speaks; if closed, where none is made. */
struct silence {
	int socket;
	char target[32];
};

static void silence_make(struct silence *s)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(address);

	s->socket = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(s->socket, (struct sockaddr *)&address, size), 0);
	assert_int_equal(listen(s->socket, 16), 0);
	assert_int_equal(getsockname(s->socket, (struct sockaddr *)&address, &size), 0);
	snprintf(s->target, sizeof(s->target), "127.0.0.1:%d", ntohs(address.sin_port));
}

static struct junction_stream *watch_stream(struct junction *j)
{
	Registry__WatchRequest request = REGISTRY__WATCH_REQUEST__INIT;
	return junction_stream_open(j, "/junction.v1.Registry/Watch", &request.base,
		&registry__watch_response__descriptor);
}

/* What it says once and again. */
static void assert_fails(struct junction_stream *stream, int code, const char *words)
{
	for (int i = 0; i < 2; i++) {
		struct junction_error error = {0};
		struct junction_reply *reply;
		assert_int_equal(
			junction_stream_next(stream, -1, &reply, &error), JUNCTION_NEXT_FAILED);
		assert_null(reply);
		assert_int_equal(error.code, code);
		assert_non_null(strstr(error.message, words));
	}
}

static void a_stream_to_nobody_fails(void **state)
{
	struct silence nobody;
	silence_make(&nobody);
	close(nobody.socket);
	struct junction *j = junction_open(&(struct junction_options){.target = nobody.target});
	struct junction_stream *stream = watch_stream(j);
	assert_fails(stream, UNAVAILABLE, "");
	junction_stream_close(&stream);
	assert_null(stream);
	junction_stream_close(&stream);
	junction_close(&j);
}

static void a_stream_says_what_is_wrong_with_the_options(void **state)
{
	const struct {
		struct junction_options options;
		const char *words;
	} cases[] = {
		{{.cert = "x"}, "need a ca"},
		{{.ca = "/does/not/exist"}, "/does/not/exist"},
		{{.space = "a\nb"}, "namespace"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct junction *j = junction_open(&cases[i].options);
		struct junction_stream *stream = watch_stream(j);
		assert_fails(stream, INVALID_ARGUMENT, cases[i].words);
		junction_stream_cancel(stream);
		junction_stream_close(&stream);
		junction_close(&j);
	}
}

static void *cancel(void *stream)
{
	junction_stream_cancel(stream);
	return NULL;
}

static void a_wait_ends_in_time_or_when_another_thread_cancels(void **state)
{
	struct silence silence;
	silence_make(&silence);
	struct junction *j = junction_open(&(struct junction_options){.target = silence.target});
	struct junction_stream *stream = watch_stream(j);
	struct junction_reply *reply;
	struct junction_error error;
	pthread_t thread;

	for (int ms = 0; ms < 3; ms++)
		assert_int_equal(
			junction_stream_next(stream, ms, &reply, &error), JUNCTION_NEXT_WAIT);
	assert_int_equal(pthread_create(&thread, NULL, cancel, stream), 0);
	assert_fails(stream, CANCELLED, "");
	pthread_join(thread, NULL);
	junction_stream_close(&stream);
	stream = watch_stream(j);
	junction_stream_next(stream, 0, &reply, &error);
	junction_stream_close(&stream); /* while it waits */
	junction_close(&j);
	close(silence.socket);
}

/* Counts what it is told, for whoever waits. */
struct listener {
	pthread_mutex_t lock;
	pthread_cond_t told;
	int troubles, others;
	int code;
	const struct junction_node *node;
};

#define LISTENER ((struct listener){PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER})

static void trouble(void *context, const struct junction_error *error)
{
	struct listener *l = context;
	pthread_mutex_lock(&l->lock);
	l->troubles++;
	l->code = error->code;
	pthread_cond_signal(&l->told);
	pthread_mutex_unlock(&l->lock);
}

static void changed(void *context, const struct junction_node *node, enum junction_node_event event,
	const struct junction_error *error)
{
	struct listener *l = context;
	l->node = node;
	if (event == JUNCTION_NODE_TROUBLED)
		trouble(l, error);
	else
		l->others++;
}

static void wait_troubles(struct listener *l, int count)
{
	pthread_mutex_lock(&l->lock);
	while (l->troubles < count)
		pthread_cond_wait(&l->told, &l->lock);
	pthread_mutex_unlock(&l->lock);
}

static struct junction_node *node_start(struct junction *j, struct listener *l)
{
	Registry__RegisterNodeRequest request = REGISTRY__REGISTER_NODE_REQUEST__INIT;
	request.service = (char *)"x";
	request.host = (char *)"h";
	request._port_case = REGISTRY__REGISTER_NODE_REQUEST___PORT_PORT;
	request.port = 1;
	return junction_node_start(j, &request, l ? changed : NULL, l);
}

static void a_sink_takes_nothing_that_nobody_receives(void **state)
{
	struct silence nobody;
	silence_make(&nobody);
	close(nobody.socket);
	const struct {
		struct junction_options options;
		int code;
	} cases[] = {
		{{.target = nobody.target}, UNAVAILABLE},
		{{.cert = "x"}, INVALID_ARGUMENT},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct junction *j = junction_open(&cases[i].options);
		struct junction_sink *sink = junction_sink_open(j, "/junction.v1.ApiReader/Upload",
			&api_reader__upload_response__descriptor);
		ApiReader__UploadRequest message = API_READER__UPLOAD_REQUEST__INIT;
		struct junction_error error = {0};
		while (junction_sink_put(sink, &message.base))
			;
		assert_false(junction_sink_put(sink, &message.base));
		assert_null(junction_sink_end(&sink, &error));
		assert_null(sink);
		assert_int_equal(error.code, cases[i].code);
		junction_sink_close(&sink);
		junction_close(&j);
	}
}

static void a_sink_is_closed_before_its_end(void **state)
{
	struct silence silence;
	silence_make(&silence);
	struct junction *j = junction_open(&(struct junction_options){.target = silence.target});
	struct junction_sink *sink = junction_sink_open(
		j, "/junction.v1.ApiReader/Upload", &api_reader__upload_response__descriptor);
	junction_sink_close(&sink);
	assert_null(sink);
	junction_close(&j);
	close(silence.socket);
}

static void a_node_tries_again_and_says_so_each_time(void **state)
{
	struct silence nobody;
	silence_make(&nobody);
	close(nobody.socket);
	struct junction *j = junction_open(&(struct junction_options){.target = nobody.target});
	struct listener l = LISTENER;
	struct junction_error error;
	struct junction_node *node = node_start(j, &l);

	wait_troubles(&l, 3);
	assert_false(junction_node_stop(&node, &error));
	assert_int_equal(error.code, UNAVAILABLE);
	assert_null(node);
	assert_int_equal(l.code, UNAVAILABLE);
	assert_int_equal(l.others, 0);
	assert_true(junction_node_stop(&node, NULL));
	junction_close(&j);
}

static void a_node_is_named_by_host_and_start(void **state)
{
	struct junction *j = junction_open(&(struct junction_options){.target = "unix:/none"});
	struct junction_node *one = node_start(j, NULL), *two = node_start(j, NULL);
	const char *name = junction_node_name(one), *dash = strrchr(name, '-');

	assert_string_not_equal(name, junction_node_name(two));
	assert_non_null(dash);
	assert_true(dash > name);
	assert_int_equal(strspn(dash + 1, "0123456789"), 16);
	assert_int_equal(strlen(dash + 1), 16);
	assert_false(junction_node_stop(&one, NULL));
	assert_false(junction_node_stop(&two, NULL));
	junction_close(&j);
}

/* The registration would wait for half a minute; the farewell waits as long as any call. */
static void a_stop_waits_for_no_registration(void **state)
{
	struct silence silence;
	silence_make(&silence);
	struct junction *j = junction_open(
		&(struct junction_options){.target = silence.target, .timeout_ms = 300});
	struct listener l = LISTENER;
	struct junction_error error;
	struct junction_node *node = node_start(j, &l);

	wait_troubles(&l, 1);
	assert_int_equal(l.code, DEADLINE_EXCEEDED);
	assert_false(junction_node_stop(&node, &error));
	assert_int_equal(error.code, DEADLINE_EXCEEDED);
	junction_close(&j);
	close(silence.socket);
}

static void a_watch_tries_again_and_stops_while_it_waits(void **state)
{
	struct silence silence;
	silence_make(&silence);
	struct listener l = LISTENER;
	Registry__WatchRequest request = REGISTRY__WATCH_REQUEST__INIT;
	struct junction_watch_callbacks callbacks = {.troubled = trouble, .context = &l};
	struct junction *j = junction_open(&(struct junction_options){.target = silence.target});
	struct junction_watch *watch = junction_watch_start(j, &request, &callbacks);

	junction_watch_stop(&watch); /* no word has come */
	assert_int_equal(l.troubles, 0);
	junction_close(&j);
	close(silence.socket);

	j = junction_open(&(struct junction_options){.target = silence.target});
	watch = junction_watch_start(j, &request, &callbacks);
	wait_troubles(&l, 3);
	assert_int_equal(l.code, UNAVAILABLE);
	junction_watch_stop(&watch);
	assert_null(watch);
	junction_watch_stop(&watch);
	junction_close(&j);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stream_to_nobody_fails),
		cmocka_unit_test(a_stream_says_what_is_wrong_with_the_options),
		cmocka_unit_test(a_wait_ends_in_time_or_when_another_thread_cancels),
		cmocka_unit_test(a_sink_takes_nothing_that_nobody_receives),
		cmocka_unit_test(a_sink_is_closed_before_its_end),
		cmocka_unit_test(a_node_tries_again_and_says_so_each_time),
		cmocka_unit_test(a_node_is_named_by_host_and_start),
		cmocka_unit_test(a_stop_waits_for_no_registration),
		cmocka_unit_test(a_watch_tries_again_and_stops_while_it_waits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
