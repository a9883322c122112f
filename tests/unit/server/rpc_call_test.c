#include <pthread.h>

#include "base/log.h"
#include "google/rpc/error_details.pb-c.h"
#include "google/rpc/status.pb-c.h"
#include "tests/support/rpc_trial.h"

#define PATH(name) "/junction.v1.Registry/" name

/* --- steps ----------------------------------------------------------------------------------- */

/* Answers with what the call knows of its caller: host = space|address|trace|request id,
 * port = hops, protocol = milliseconds left. */
static enum next show_caller(struct call *c)
{
	Registry__ServerAddress address = REGISTRY__SERVER_ADDRESS__INIT;
	Registry__GetServerResponse out = REGISTRY__GET_SERVER_RESPONSE__INIT;
	address.host = arena_printf(c->arena, "%.*s|%.*s|%.*s|%.*s", TEXT_ARGS(c->caller.space),
		TEXT_ARGS(c->caller.address), TEXT_ARGS(c->caller.trace.id),
		TEXT_ARGS(c->caller.trace.request_id));
	address.port = c->caller.hops;
	address.protocol =
		arena_printf(c->arena, "%lld", (long long)((c->deadline - clock_now()) / CLOCK_MS));
	out.data = &address;
	return REPLY(c, &out);
}

/* Answers with the name that the request holds; remembers a request that holds none. */
static atomic_bool saw_no_name;

static enum next show_name(struct call *c)
{
	const Registry__DeleteServiceRequest *in = call_request(c, Registry__DeleteServiceRequest);
	Registry__ServerAddress address = REGISTRY__SERVER_ADDRESS__INIT;
	Registry__GetServerResponse out = REGISTRY__GET_SERVER_RESPONSE__INIT;
	if (!*in->server_name)
		atomic_store(&saw_no_name, true);
	address.host = in->server_name;
	out.data = &address;
	return REPLY(c, &out);
}

static enum next refuse_field(struct call *c)
{
	return fail_field(c, "port", "must be 1 to %d", 65535);
}

static enum next refuse(struct call *c)
{
	return fail(c, STATUS_FAILED_PRECONDITION, "not \xe4\xbb\x8a, %s", "100%");
}

static enum next overdraw(struct call *c)
{
	arena_alloc(c->arena, 16 << 20);
	Registry__CallResponse out = REGISTRY__CALL_RESPONSE__INIT;
	return REPLY(c, &out);
}

/* Calls that a test has in its hand. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t came = PTHREAD_COND_INITIALIZER;
static struct call *parked[16];
static int parked_count;

static enum next park(struct call *c)
{
	pthread_mutex_lock(&lock);
	parked[parked_count++] = c;
	pthread_cond_broadcast(&came);
	pthread_mutex_unlock(&lock);
	return call_parked(c);
}

static void wait_parked(int count)
{
	pthread_mutex_lock(&lock);
	while (parked_count < count)
		pthread_cond_wait(&came, &lock);
	pthread_mutex_unlock(&lock);
}

static enum next end_well(struct call *c)
{
	Registry__ListServersResponse out = REGISTRY__LIST_SERVERS_RESPONSE__INIT;
	return REPLY(c, &out);
}

static void resume_all(void)
{
	pthread_mutex_lock(&lock);
	for (int i = 0; i < parked_count; i++)
		call_resume(parked[i], end_well);
	parked_count = 0;
	pthread_mutex_unlock(&lock);
}

/* Hands the call to a thread of its own, which may well finish it before the step returns. */
static struct loop *other_thread;

static void finish_there(struct loop_task *task)
{
	struct call *c = (struct call *)((char *)task - offsetof(struct call, lane.sql.task));
	call_resume(c, end_well);
}

static enum next hand_over(struct call *c)
{
	c->lane.sql.task.run = finish_there;
	loop_post(other_thread, &c->lane.sql.task);
	return NEXT_LANE;
}

static call_step *steps[256] = {
	[API_REGISTRY_GET_SERVER] = show_caller,
	[API_REGISTRY_REGISTER_SERVER] = refuse_field,
	[API_REGISTRY_DELETE_SERVER] = refuse,
	[API_REGISTRY_CALL] = overdraw,
	[API_REGISTRY_LIST_SERVERS] = park,
	[API_REGISTRY_QUERY_SERVICES] = hand_over,
	[API_REGISTRY_REGISTER_SERVICE] = end_well,
	[API_REGISTRY_DELETE_SERVICE] = show_name,
};

/* --- setting up ------------------------------------------------------------------------------ */

static char folder[64], socket_listen[128];
static const char *listen_on[] = {"127.0.0.1:0", socket_listen, NULL};
static struct trial trial;

static void start_limited(int call_limit, int64_t deadline_ms)
{
	struct rpc_options options = trial_options(listen_on);
	options.call_limit = call_limit;
	options.default_deadline_ms = deadline_ms;
	trial_start(&trial, &options, steps);
}

static int setup(void **state)
{
	start_limited(1000, 60000);
	return 0;
}

static int teardown(void **state)
{
	trial_stop(&trial);
	return 0;
}

static int setup_all(void **state)
{
	assert_true(api_method_count <= sizeof(steps) / sizeof(steps[0]));
	strcpy(folder, "/tmp/rpc-call-test-XXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(socket_listen, sizeof(socket_listen), "unix:%s/s", folder);
	log_set_level(LOG_ERROR);
	grpc_init();
	other_thread = loop_new("other");
	loop_start(other_thread);
	return 0;
}

static int teardown_all(void **state)
{
	loop_stop(&other_thread);
	grpc_shutdown_blocking();
	rmdir(folder);
	return 0;
}

static const Registry__ServerAddress *caller_shown(
	grpc_channel *channel, const struct pair *metadata, int64_t deadline_ms)
{
	struct asked *q =
		asked_wait(ask(channel, PATH("GetServer"), TEXT(""), metadata, deadline_ms));
	const Registry__GetServerResponse *out =
		asked_reply(&trial, q, &registry__get_server_response__descriptor);
	asked_free(q);
	return out->data;
}

/* --- requests -------------------------------------------------------------------------------- */

static void an_unknown_method_is_unimplemented_at_once(void **state)
{
	assert_int_equal(ask_code(&trial, "/junction.v1.Registry/Nothing", TEXT("")), 12);
	assert_int_equal(ask_code(&trial, "/other.Service/GetServer", TEXT("x")), 12);
}

static void a_method_without_step_is_unimplemented(void **state)
{
	assert_int_equal(ask_code(&trial, PATH("ListEvents"), TEXT("")), 12);
}

static void more_unknown_methods_at_once_than_slots_are_all_answered(void **state)
{
	struct asked *all[64];
	for (int i = 0; i < 64; i++)
		all[i] = ask(trial.channel, "/other.Service/Nothing", TEXT(""), NULL, 0);
	for (int i = 0; i < 64; i++) {
		assert_int_equal(asked_wait(all[i])->code, GRPC_STATUS_UNIMPLEMENTED);
		asked_free(all[i]);
	}
}

static void a_malformed_request_is_an_invalid_argument(void **state)
{
	assert_int_equal(ask_code(&trial, PATH("GetServer"), TEXT("\x0a\xff")), 3);
	assert_int_equal(ask_code(&trial, PATH("GetServer"), TEXT("\x0a\x01\xff")), 3);
}

static void a_deeply_nested_request_is_an_invalid_argument(void **state)
{
	char nested[29 * 1024];
	memset(nested, 15 << 3 | 3, sizeof(nested)); /* groups that open and open */
	struct text request = {nested, sizeof(nested)};
	assert_int_equal(ask_code(&trial, PATH("GetServer"), request), 3);
}

static void two_mib_of_empty_messages_are_refused(void **state)
{
	size_t size = 2 << 20;
	char *empties = check_malloc(size);
	for (size_t i = 0; i < size; i += 2)
		memcpy(empties + i, (char[]){10 << 3 | 2, 0}, 2);
	struct text request = {empties, size};
	assert_int_equal(ask_code(&trial, PATH("RegisterService"), request), 8);
	free(empties);
}

static void a_request_beyond_the_message_limit_is_refused(void **state)
{
	size_t size = 5 << 20;
	char *large = check_calloc(1, size);
	struct text request = {large, size};
	assert_int_equal(ask_code(&trial, PATH("GetServer"), request), 8);
	free(large);
}

static void a_call_without_message_has_an_empty_request(void **state)
{
	assert_int_equal(ask_code(&trial, PATH("GetServer"), (struct text){0}), 0);
}

/* A request of DeleteService whose name has that many letters. */
static struct text named_request(size_t letters)
{
	Registry__DeleteServiceRequest in = REGISTRY__DELETE_SERVICE_REQUEST__INIT;
	in.server_name = arena_zero(trial.arena, letters + 1);
	memset(in.server_name, 'n', letters);
	return guard_pack(trial.arena, &in.base);
}

static void a_request_in_many_pieces_arrives_whole(void **state)
{
	struct asked *q = asked_wait(
		ask(trial.channel, PATH("DeleteService"), named_request(1 << 20), NULL, 0));
	const Registry__GetServerResponse *out =
		asked_reply(&trial, q, &registry__get_server_response__descriptor);
	assert_int_equal(strspn(out->data->host, "n"), 1 << 20);
	assert_int_equal(strlen(out->data->host), 1 << 20);
	asked_free(q);
}

static void a_call_torn_down_before_its_message_never_reaches_its_step(void **state)
{
	struct text request = named_request(200000);
	for (int i = 0; i < 100; i++) {
		struct asked *all[8];
		for (int k = 0; k < 8; k++)
			all[k] = ask(trial.channel, PATH("DeleteService"), request, NULL, 0);
		for (int k = 0; k < 8; k++)
			grpc_call_cancel(all[k]->call, NULL);
		for (int k = 0; k < 8; k++)
			asked_free(asked_wait(all[k]));
	}
	while (!rpc_drain(trial.rpc, 1000))
		;
	assert_false(atomic_load(&saw_no_name));
}

/* --- answers --------------------------------------------------------------------------------- */

static void a_refused_field_comes_with_bad_request_details(void **state)
{
	struct asked *q = asked_wait(ask(trial.channel, PATH("RegisterServer"), TEXT(""), NULL, 0));
	struct status error;
	assert_int_equal(q->code, GRPC_STATUS_INVALID_ARGUMENT);
	assert_true(text_equal(asked_message(&trial, q), TEXT("port: must be 1 to 65535")));
	struct text bytes = asked_trailing(&trial, q, "grpc-status-details-bin");
	assert_non_null(bytes.data);
	const Google__Rpc__Status *s = (const void *)guard_unpack(
		trial.arena, &google__rpc__status__descriptor, bytes, &error);
	assert_non_null(s);
	assert_int_equal(s->code, 3);
	assert_string_equal(s->message, "port: must be 1 to 65535");
	assert_int_equal(s->n_details, 1);
	assert_string_equal(s->details[0]->type_url, "type.googleapis.com/google.rpc.BadRequest");
	const Google__Rpc__BadRequest *bad = (const void *)guard_unpack(trial.arena,
		&google__rpc__bad_request__descriptor,
		(struct text){(char *)s->details[0]->value.data, s->details[0]->value.len}, &error);
	assert_non_null(bad);
	assert_string_equal(bad->field_violations[0]->field, "port");
	asked_free(q);
}

static void a_refusal_carries_its_message_and_no_details(void **state)
{
	struct asked *q = asked_wait(ask(trial.channel, PATH("DeleteServer"), TEXT(""), NULL, 0));
	assert_int_equal(q->code, GRPC_STATUS_FAILED_PRECONDITION);
	assert_true(text_equal(asked_message(&trial, q), TEXT("not \xe4\xbb\x8a, 100%")));
	assert_null(asked_trailing(&trial, q, "grpc-status-details-bin").data);
	asked_free(q);
}

static void a_call_that_needs_too_much_memory_is_refused(void **state)
{
	assert_int_equal(ask_code(&trial, PATH("Call"), TEXT("")), 8);
}

static void a_call_finished_by_another_thread_is_answered(void **state)
{
	for (int round = 0; round < 50; round++) {
		struct asked *all[32];
		for (int i = 0; i < 32; i++)
			all[i] = ask(trial.channel, PATH("QueryServices"), TEXT(""), NULL, 0);
		for (int i = 0; i < 32; i++) {
			assert_int_equal(asked_wait(all[i])->code, GRPC_STATUS_OK);
			asked_free(all[i]);
		}
	}
}

/* --- who calls ------------------------------------------------------------------------------- */

static void the_namespace_is_default_unless_given(void **state)
{
	const struct pair given[] = {{"x-namespace", "Team_1.a-b"}, {0}};
	assert_int_equal(strncmp(caller_shown(trial.channel, NULL, 0)->host, "default|", 8), 0);
	assert_int_equal(
		strncmp(caller_shown(trial.channel, given, 0)->host, "Team_1.a-b|", 11), 0);
}

static void a_malformed_namespace_is_an_invalid_argument(void **state)
{
	static const char long_name[] =
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
	const char *names[] = {"", "a b", "a/b", long_name};
	for (size_t i = 0; i < 4; i++) {
		const struct pair given[] = {{"x-namespace", names[i]}, {0}};
		struct asked *q =
			asked_wait(ask(trial.channel, PATH("GetServer"), TEXT(""), given, 0));
		assert_int_equal(q->code, GRPC_STATUS_INVALID_ARGUMENT);
		asked_free(q);
	}
}

/* What is shown behind the address: "trace|request id". */
static const char *shown_trace(const struct pair *given)
{
	const char *host = caller_shown(trial.channel, given, 0)->host;
	return strchr(strchr(host, '|') + 1, '|') + 1;
}

static void the_trace_and_the_request_id_are_taken(void **state)
{
	const struct pair both[] = {
		{"traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"},
		{"x-request-id", "mine"}, {0}};
	assert_string_equal(shown_trace(both), "4bf92f3577b34da6a3ce929d0e0e4736|mine");
}

static void a_call_without_trace_gets_one_of_its_own(void **state)
{
	const struct pair bad[] = {{"traceparent", "00-none-01"}, {"x-request-id", ""}, {0}};
	const char *first = shown_trace(NULL), *second = shown_trace(bad);
	assert_int_equal(strspn(first, "0123456789abcdef"), 32);
	assert_int_equal(strspn(first + 33, "0123456789abcdef"), 32);
	assert_int_equal(strspn(second, "0123456789abcdef"), 32);
	assert_int_equal(strspn(second + 33, "0123456789abcdef"), 32);
	assert_memory_not_equal(first, second, 32);
	assert_memory_not_equal(first + 33, second + 33, 32);
}

static const struct pair from_bridge[] = {
	{"junction-caller-address", "192.0.2.7:99"}, {"junction-hops", "3"}, {0}};

static void junction_metadata_is_ignored_over_tcp(void **state)
{
	const Registry__ServerAddress *shown = caller_shown(trial.channel, from_bridge, 0);
	assert_int_equal(shown->port, 0);
	assert_int_equal(strncmp(shown->host, "default|127.0.0.1:", 18), 0);
}

static void junction_metadata_is_believed_over_the_unix_socket(void **state)
{
	grpc_channel *bridge = trial_channel(socket_listen);
	const Registry__ServerAddress *shown = caller_shown(bridge, from_bridge, 0);
	assert_int_equal(shown->port, 3);
	assert_int_equal(strncmp(shown->host, "default|192.0.2.7:99|", 21), 0);
	grpc_channel_destroy(bridge);
}

/* --- deadlines, cancellation, admission ------------------------------------------------------ */

static void the_earlier_deadline_counts(void **state)
{
	/* A timeout is rounded up on the wire. */
	assert_in_range(atoi(caller_shown(trial.channel, NULL, 20000)->protocol), 1, 21000);
	assert_in_range(atoi(caller_shown(trial.channel, NULL, 90000)->protocol), 21001, 60000);
	assert_in_range(atoi(caller_shown(trial.channel, NULL, 0)->protocol), 21001, 60000);
}

static void wait_over(int i)
{
	while (!call_over(parked[i]))
		sched_yield();
}

static void a_cancelled_call_is_told_so(void **state)
{
	struct asked *q = ask(trial.channel, PATH("ListServers"), TEXT(""), NULL, 0);
	wait_parked(1);
	assert_false(call_over(parked[0]));
	grpc_call_cancel(q->call, NULL);
	assert_int_equal(asked_wait(q)->code, GRPC_STATUS_CANCELLED);
	wait_over(0);
	assert_true(atomic_load(&parked[0]->cancelled));
	resume_all();
	asked_free(q);
}

static void a_call_beyond_its_deadline_is_over(void **state)
{
	trial_stop(&trial);
	start_limited(1000, 1);
	struct asked *q = ask(trial.channel, PATH("ListServers"), TEXT(""), NULL, 0);
	wait_parked(1);
	wait_over(0);
	assert_false(atomic_load(&parked[0]->cancelled));
	resume_all();
	asked_wait(q);
	asked_free(q);
}

static void a_parked_call_is_answered_when_it_is_resumed(void **state)
{
	struct asked *q = ask(trial.channel, PATH("ListServers"), TEXT(""), NULL, 0);
	wait_parked(1);
	resume_all();
	assert_int_equal(asked_wait(q)->code, GRPC_STATUS_OK);
	asked_free(q);
}

static void a_call_beyond_the_limit_is_refused_at_once(void **state)
{
	trial_stop(&trial);
	start_limited(2, 60000);
	struct asked *first = ask(trial.channel, PATH("ListServers"), TEXT(""), NULL, 0);
	struct asked *second = ask(trial.channel, PATH("ListServers"), TEXT(""), NULL, 0);
	wait_parked(2);
	assert_int_equal(ask_code(&trial, PATH("GetServer"), TEXT("")), 8);
	resume_all();
	assert_int_equal(asked_wait(first)->code, GRPC_STATUS_OK);
	assert_int_equal(asked_wait(second)->code, GRPC_STATUS_OK);
	while (ask_code(&trial, PATH("GetServer"), TEXT("")) != GRPC_STATUS_OK)
		sched_yield(); /* the places are given back a moment after the answer */
	asked_free(first);
	asked_free(second);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_unknown_method_is_unimplemented_at_once),
		TEST(a_method_without_step_is_unimplemented),
		TEST(more_unknown_methods_at_once_than_slots_are_all_answered),
		TEST(a_malformed_request_is_an_invalid_argument),
		TEST(a_deeply_nested_request_is_an_invalid_argument),
		TEST(two_mib_of_empty_messages_are_refused),
		TEST(a_request_beyond_the_message_limit_is_refused),
		TEST(a_call_without_message_has_an_empty_request),
		TEST(a_request_in_many_pieces_arrives_whole),
		TEST(a_call_torn_down_before_its_message_never_reaches_its_step),
		TEST(a_refused_field_comes_with_bad_request_details),
		TEST(a_refusal_carries_its_message_and_no_details),
		TEST(a_call_that_needs_too_much_memory_is_refused),
		TEST(a_call_finished_by_another_thread_is_answered),
		TEST(the_namespace_is_default_unless_given),
		TEST(a_malformed_namespace_is_an_invalid_argument),
		TEST(the_trace_and_the_request_id_are_taken),
		TEST(a_call_without_trace_gets_one_of_its_own),
		TEST(junction_metadata_is_ignored_over_tcp),
		TEST(junction_metadata_is_believed_over_the_unix_socket),
		TEST(the_earlier_deadline_counts),
		TEST(a_cancelled_call_is_told_so),
		TEST(a_call_beyond_its_deadline_is_over),
		TEST(a_parked_call_is_answered_when_it_is_resumed),
		TEST(a_call_beyond_the_limit_is_refused_at_once),
	};
	return cmocka_run_group_tests(tests, setup_all, teardown_all);
}
