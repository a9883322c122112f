/* The beginning and the end of a server: addresses, sockets, draining. */
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/log.h"
#include "tests/support/rpc_trial.h"

static _Atomic(struct call *) parked;

static enum next park(struct call *c)
{
	atomic_store(&parked, c);
	return call_parked(c);
}

static enum next end_well(struct call *c)
{
	Registry__ListServersResponse out = REGISTRY__LIST_SERVERS_RESPONSE__INIT;
	return REPLY(c, &out);
}

static call_step *const steps[256] = {
	[API_REGISTRY_LIST_SERVERS] = park,
	[API_REGISTRY_GET_SERVER] = end_well,
};

#define LIST_SERVERS "/junction.v1.Registry/ListServers"
#define GET_SERVER   "/junction.v1.Registry/GetServer"

static char folder[64], path[96], socket_listen[128];
static const char *listen_tcp[] = {"127.0.0.1:0", NULL};
static const char *listen_socket[] = {socket_listen, NULL};

static struct call *wait_parked(void)
{
	struct call *c;
	while (!(c = atomic_exchange(&parked, NULL)))
		sched_yield();
	return c;
}

static struct trial started(const char **listen_on)
{
	struct rpc_options options = trial_options(listen_on);
	struct trial t;
	trial_start(&t, &options, steps);
	return t;
}

static void stopped(struct trial *t)
{
	grpc_channel_destroy(t->channel);
	arena_free(&t->arena);
	bells_heard(t->streams);
	rpc_free(&t->rpc);
	stream_lane_stop(&t->streams);
}

/* --- the end --------------------------------------------------------------------------------- */

static void a_drain_lets_the_calls_in_progress_end(void **state)
{
	struct trial t = started(listen_tcp);
	struct asked *q = ask(t.channel, LIST_SERVERS, TEXT(""), NULL, 0);
	struct call *c = wait_parked();
	assert_false(rpc_drain(t.rpc, 0));
	call_resume(c, end_well);
	assert_true(rpc_drain(t.rpc, 60000));
	assert_int_equal(asked_wait(q)->code, GRPC_STATUS_OK);
	rpc_stop(t.rpc);
	asked_free(q);
	stopped(&t);
}

static void a_stop_breaks_off_the_calls_that_are_left(void **state)
{
	struct trial t = started(listen_tcp);
	struct asked *q = ask(t.channel, LIST_SERVERS, TEXT(""), NULL, 0);
	struct call *c = wait_parked();
	assert_false(rpc_drain(t.rpc, 0));
	rpc_stop(t.rpc);
	assert_int_equal(asked_wait(q)->code, GRPC_STATUS_UNAVAILABLE);
	while (!call_over(c))
		sched_yield();
	assert_false(rpc_drain(t.rpc, 0));
	call_resume(c, end_well);
	assert_true(rpc_drain(t.rpc, 60000));
	asked_free(q);
	stopped(&t);
}

static void a_drained_server_takes_no_more_connections(void **state)
{
	struct trial t = started(listen_tcp);
	assert_true(rpc_drain(t.rpc, 60000));
	struct rpc_options options = trial_options((const char *[]){rpc_address(t.rpc, 0), NULL});
	struct rpc *next = rpc_open(&options); /* the port is free again */
	assert_non_null(next);
	rpc_free(&next);
	rpc_stop(t.rpc);
	stopped(&t);
}

static void a_server_stops_under_load(void **state)
{
	struct trial t = started(listen_tcp);
	struct asked *all[64];
	for (int i = 0; i < 64; i++)
		all[i] = ask(t.channel, GET_SERVER, TEXT(""), NULL, 20000);
	assert_int_equal(asked_wait(all[0])->code, GRPC_STATUS_OK);
	while (!rpc_drain(t.rpc, 1000))
		;
	rpc_stop(t.rpc);
	grpc_channel_destroy(t.channel);
	bells_heard(t.streams);
	rpc_free(&t.rpc);
	stream_lane_stop(&t.streams);
	for (int i = 0; i < 64; i++) {
		if (i > 0)
			grpc_call_cancel(all[i]->call, NULL);
		if (i > 0)
			asked_wait(all[i]);
		asked_free(all[i]);
	}
	arena_free(&t.arena);
}

/* --- addresses ------------------------------------------------------------------------------- */

static void port_0_picks_a_free_port_and_says_which(void **state)
{
	struct trial t = started(listen_tcp);
	assert_int_equal(strncmp(rpc_address(t.rpc, 0), "127.0.0.1:", 10), 0);
	assert_in_range(atoi(rpc_address(t.rpc, 0) + 10), 1, 65535);
	trial_stop(&t);
}

static void a_port_in_use_is_refused(void **state)
{
	struct trial t = started(listen_tcp);
	struct rpc_options options = trial_options((const char *[]){rpc_address(t.rpc, 0), NULL});
	assert_null(rpc_open(&options));
	trial_stop(&t);
}

static void a_socket_is_its_owners_alone_whatever_the_mask(void **state)
{
	struct stat file;
	mode_t mask = umask(0);
	struct trial t = started(listen_socket);
	assert_int_equal(umask(mask), 0);
	assert_int_equal(stat(path, &file), 0);
	assert_int_equal(file.st_mode & 0777, 0600);
	assert_int_equal(ask_code(&t, GET_SERVER, TEXT("")), GRPC_STATUS_OK);
	trial_stop(&t);
	assert_int_equal(access(path, F_OK), -1);
}

static void leave_socket(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	close(fd);
}

static void a_socket_that_nobody_listens_at_is_replaced(void **state)
{
	leave_socket();
	struct trial t = started(listen_socket);
	assert_int_equal(ask_code(&t, GET_SERVER, TEXT("")), GRPC_STATUS_OK);
	trial_stop(&t);
}

static void a_socket_that_somebody_listens_at_is_left_alone(void **state)
{
	struct trial t = started(listen_socket);
	struct rpc_options options = trial_options(listen_socket);
	assert_null(rpc_open(&options));
	grpc_channel *another = trial_channel(socket_listen);
	struct asked *q = asked_wait(ask(another, GET_SERVER, TEXT(""), NULL, 0));
	assert_int_equal(q->code, GRPC_STATUS_OK);
	asked_free(q);
	grpc_channel_destroy(another);
	trial_stop(&t);
}

static void a_file_that_is_no_socket_is_left_alone(void **state)
{
	fclose(fopen(path, "w"));
	struct rpc_options options = trial_options(listen_socket);
	assert_null(rpc_open(&options));
	assert_int_equal(unlink(path), 0);
}

static int setup_all(void **state)
{
	strcpy(folder, "/tmp/rpc-stop-test-XXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/s", folder);
	snprintf(socket_listen, sizeof(socket_listen), "unix:%s", path);
	grpc_init();
	return 0;
}

static int teardown_all(void **state)
{
	grpc_shutdown_blocking();
	rmdir(folder);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_drain_lets_the_calls_in_progress_end),
		cmocka_unit_test(a_stop_breaks_off_the_calls_that_are_left),
		cmocka_unit_test(a_drained_server_takes_no_more_connections),
		cmocka_unit_test(a_server_stops_under_load),
		cmocka_unit_test(port_0_picks_a_free_port_and_says_which),
		cmocka_unit_test(a_port_in_use_is_refused),
		cmocka_unit_test(a_socket_is_its_owners_alone_whatever_the_mask),
		cmocka_unit_test(a_socket_that_nobody_listens_at_is_replaced),
		cmocka_unit_test(a_socket_that_somebody_listens_at_is_left_alone),
		cmocka_unit_test(a_file_that_is_no_socket_is_left_alone),
	};
	return cmocka_run_group_tests(tests, setup_all, teardown_all);
}
