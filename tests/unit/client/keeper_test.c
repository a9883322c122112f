/* What a client shows of itself, while no server answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/junction.h"
#include "junction/v1/registry.pb-c.h"

enum { CANCELLED = 1, INVALID_ARGUMENT = 3, DEADLINE_EXCEEDED = 4, ABORTED = 10, UNAVAILABLE = 14 };

/* Nobody is there. */
#define NOBODY "unix:/does/not/exist"

static struct junction_reply *call(struct junction *j, struct junction_error *error)
{
	Registry__GetServerRequest request = REGISTRY__GET_SERVER_REQUEST__INIT;
	return junction_invoke(j, "/junction.v1.Registry/GetServer", &request.base,
		&registry__get_server_response__descriptor, error);
}

static void assert_call_fails(const struct junction_options *options, int code, const char *words)
{
	struct junction *j = junction_open(options);
	struct junction_error error = {0};

	assert_null(call(j, &error));
	if (error.code != code || !strstr(error.message, words))
		fail_msg("%d %s, not %d %s", error.code, error.message, code, words);
	junction_close(&j);
}

static const char *give(void *context, bool refused, int64_t *good_ms, struct junction_error *error)
{
	return context;
}

static void options_that_cannot_be_used_are_named(void **state)
{
	const struct {
		struct junction_options options;
		const char *words;
	} cases[] = {
		{{.target = NOBODY, .token = "a", .key_file = "b"}, "exclude each other"},
		{{.target = NOBODY, .token = "a", .get_token = give}, "exclude each other"},
		{{.target = NOBODY, .key_file = "a", .access_key_id = "b"}, "exclude each other"},
		{{.target = NOBODY, .access_key_id = "a"}, "given together"},
		{{.target = NOBODY, .access_key_secret = "a"}, "given together"},
		{{.target = NOBODY, .token = ""}, "token: is not a legal"},
		{{.target = NOBODY, .token = "a b"}, "token: is not a legal"},
		{{.target = NOBODY, .token = "a\nb"}, "token: is not a legal"},
		{{.target = NOBODY, .key_file = "/does/not/exist"}, "/does/not/exist"},
		{{.target = NOBODY, .get_token = give, .get_token_context = (void *)"a\rb"},
			"not a legal header value"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_call_fails(&cases[i].options, INVALID_ARGUMENT, cases[i].words);
}

static void credentials_stay_on_this_machine(void **state)
{
	static const char *const away[] = {"192.0.2.1:1", "[2001:db8::1]:1", "host.invalid:1",
		"dns:///127.0.0.1:1", "0.0.0.0:1"};
	static const char *const here[] = {NOBODY, "127.0.0.1:1", "[::1]:1"};

	for (size_t i = 0; i < sizeof(away) / sizeof(*away); i++)
		assert_call_fails(&(struct junction_options){.target = away[i], .token = "x"},
			INVALID_ARGUMENT, "not sent in plain text to another machine");
	for (size_t i = 0; i < sizeof(here) / sizeof(*here); i++)
		assert_call_fails(&(struct junction_options){.target = here[i], .token = "x"},
			UNAVAILABLE, "");
	assert_call_fails(
		&(struct junction_options){
			.target = "0.0.0.0:1", .token = "x", .insecure_credentials = true},
		UNAVAILABLE, "");
}

static void write_file(const char *path, const char *text, mode_t mode)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
	assert_int_equal(chmod(path, mode), 0);
}

static void a_key_file_is_well_formed_and_its_owners(void **state)
{
	static const char good[] = "{\"accessKeyId\":\"a\",\"secret\":\"b\",\"title\":1}";
	const struct {
		const char *text;
		mode_t mode;
		int code;
		const char *words;
	} cases[] = {
		{good, 0600, UNAVAILABLE, ""},
		{good, 0400, UNAVAILABLE, ""},
		{good, 0640, INVALID_ARGUMENT, "others than its owner have rights on it"},
		{good, 0602, INVALID_ARGUMENT, "chmod 600"},
		{"{\"accessKeyId\":\"a\"}", 0600, INVALID_ARGUMENT, "accessKeyId and secret"},
		{"{\"accessKeyId\":1,\"secret\":\"b\"}", 0600, INVALID_ARGUMENT, "accessKeyId and"},
		{"{", 0600, INVALID_ARGUMENT, "must be JSON"},
		{"", 0600, INVALID_ARGUMENT, "must be JSON"},
	};
	char path[] = "/tmp/jt-key-XXXXXX";

	close(mkstemp(path));
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		write_file(path, cases[i].text, cases[i].mode);
		assert_call_fails(&(struct junction_options){.target = NOBODY, .key_file = path},
			cases[i].code, cases[i].words);
	}
	unlink(path);
}

/* --- a source that keeps everybody waiting ------------------------------------------------------
 */

struct source {
	pthread_mutex_t lock;
	pthread_cond_t told;
	int asked;
	bool open; /* it answers */
};

#define SOURCE ((struct source){PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER})

static const char *keep_waiting(
	void *context, bool refused, int64_t *good_ms, struct junction_error *error)
{
	struct source *s = context;

	pthread_mutex_lock(&s->lock);
	s->asked++;
	pthread_cond_broadcast(&s->told);
	while (!s->open)
		pthread_cond_wait(&s->told, &s->lock);
	pthread_mutex_unlock(&s->lock);
	*error = (struct junction_error){ABORTED, "no token today"};
	return NULL;
}

static void wait_asked(struct source *s)
{
	pthread_mutex_lock(&s->lock);
	while (!s->asked)
		pthread_cond_wait(&s->told, &s->lock);
	pthread_mutex_unlock(&s->lock);
}

static void open_source(struct source *s)
{
	pthread_mutex_lock(&s->lock);
	s->open = true;
	pthread_cond_broadcast(&s->told);
	pthread_mutex_unlock(&s->lock);
}

static struct junction *open_with(struct source *s, int64_t timeout_ms)
{
	return junction_open(&(struct junction_options){.target = NOBODY,
		.timeout_ms = timeout_ms,
		.get_token = keep_waiting,
		.get_token_context = s});
}

static struct junction_stream *open_stream(struct junction *j)
{
	Registry__WatchRequest request = REGISTRY__WATCH_REQUEST__INIT;
	return junction_stream_open(j, "/junction.v1.Registry/Watch", &request.base,
		&registry__watch_response__descriptor);
}

static void what_a_source_says_is_why_all_calls_fail(void **state)
{
	struct source s = SOURCE;
	open_source(&s);
	struct junction *j = open_with(&s, 0);
	struct junction_error error;
	struct junction_reply *reply;

	for (int i = 1; i <= 2; i++) {
		assert_null(call(j, &error));
		assert_int_equal(error.code, ABORTED);
		assert_string_equal(error.message, "no token today");
		assert_int_equal(s.asked, i);
	}
	struct junction_stream *stream = open_stream(j);
	assert_int_equal(junction_stream_next(stream, -1, &reply, &error), JUNCTION_NEXT_FAILED);
	assert_int_equal(error.code, ABORTED);
	junction_stream_close(&stream);
	junction_close(&j);
}

static void a_call_waits_for_a_token_until_its_deadline(void **state)
{
	struct source s = SOURCE;
	struct junction *j = open_with(&s, 50);
	struct junction_error error;

	assert_null(call(j, &error));
	assert_int_equal(error.code, DEADLINE_EXCEEDED);
	assert_string_equal(error.message, "no token came in time");
	wait_asked(&s);
	open_source(&s);
	junction_close(&j);
}

static void *cancel(void *stream)
{
	junction_stream_cancel(stream);
	return NULL;
}

static void a_stream_that_waits_for_a_token_can_be_cancelled(void **state)
{
	struct source s = SOURCE;
	struct junction *j = open_with(&s, 0);
	struct junction_stream *stream = open_stream(j);
	struct junction_reply *reply;
	struct junction_error error;
	pthread_t thread;

	assert_int_equal(junction_stream_next(stream, 0, &reply, &error), JUNCTION_NEXT_WAIT);
	assert_int_equal(junction_stream_next(stream, 5, &reply, &error), JUNCTION_NEXT_WAIT);
	assert_int_equal(pthread_create(&thread, NULL, cancel, stream), 0);
	assert_int_equal(junction_stream_next(stream, -1, &reply, &error), JUNCTION_NEXT_FAILED);
	assert_int_equal(error.code, CANCELLED);
	pthread_join(thread, NULL);
	junction_stream_close(&stream);
	stream = open_stream(j);
	junction_stream_close(&stream); /* while it waits */
	open_source(&s);
	junction_close(&j);
}

static void a_watch_that_waits_for_a_token_can_be_stopped(void **state)
{
	struct source s = SOURCE;
	struct junction *j = open_with(&s, 0);
	Registry__WatchRequest request = REGISTRY__WATCH_REQUEST__INIT;
	struct junction_watch *watch =
		junction_watch_start(j, &request, &(struct junction_watch_callbacks){0});

	wait_asked(&s);
	junction_watch_stop(&watch);
	open_source(&s);
	junction_close(&j);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_that_cannot_be_used_are_named),
		cmocka_unit_test(credentials_stay_on_this_machine),
		cmocka_unit_test(a_key_file_is_well_formed_and_its_owners),
		cmocka_unit_test(what_a_source_says_is_why_all_calls_fail),
		cmocka_unit_test(a_call_waits_for_a_token_until_its_deadline),
		cmocka_unit_test(a_stream_that_waits_for_a_token_can_be_cancelled),
		cmocka_unit_test(a_watch_that_waits_for_a_token_can_be_stopped),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
