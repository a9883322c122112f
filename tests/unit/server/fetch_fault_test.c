/* The http lane when things go wrong: peers that fail, callers that leave, addresses refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/fetch_trial.h"

static void say_hello(struct peer *p, int socket)
{
	while (peer_read(p, socket))
		peer_say(socket, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
}

static void hang(struct peer *p, int socket)
{
	if (peer_read(p, socket))
		peer_hold(socket);
}

/* --- time ---------------------------------------------------------------------------------------
 */

static void set_short_total(struct trial *t)
{
	t->request.total_timeout_ms = 1000;
}

static void set_short_deadline(struct trial *t)
{
	t->job.deadline = clock_now() + CLOCK_SECOND;
}

static void a_peer_that_does_not_answer_times_out(void **state)
{
	struct peer *peer;
	struct trial *t = once(hang, "GET", set_short_total, &peer);

	assert_failed(t, STATUS_DEADLINE_EXCEEDED, "did not answer: timed out");
	finish(t, peer);
	t = once(hang, "GET", set_short_deadline, &peer);
	assert_failed(t, STATUS_DEADLINE_EXCEEDED, "did not answer: timed out");
	finish(t, peer);
}

static void trickle(struct peer *p, int socket)
{
	if (!peer_read(p, socket))
		return;
	peer_say(socket, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nx");
	peer_hold(socket);
}

static void an_answer_that_does_not_end_times_out(void **state)
{
	struct peer *peer;
	struct trial *t = once(trickle, "GET", set_short_total, &peer);

	assert_failed(t, STATUS_DEADLINE_EXCEEDED, "did not finish its answer: timed out");
	finish(t, peer);
}

/* A port that drops connection requests: its queue of two is full and nobody accepts. */
static int full_port(int sockets[4])
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(address);

	sockets[0] = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(sockets[0], (struct sockaddr *)&address, size), 0);
	assert_int_equal(listen(sockets[0], 0), 0);
	assert_int_equal(getsockname(sockets[0], (struct sockaddr *)&address, &size), 0);
	for (int i = 1; i < 4; i++) {
		sockets[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		(void)!connect(sockets[i], (struct sockaddr *)&address, size);
	}
	return ntohs(address.sin_port);
}

static void a_peer_that_does_not_take_the_connection_was_not_reached(void **state)
{
	int sockets[4];
	struct fetch_lane *lane = fetch_start(&usual);
	struct trial *t = trial_new("GET", full_port(sockets), "/");

	t->request.connect_timeout_ms = 120;
	trial_run(t, lane);
	assert_failed(t, STATUS_DEADLINE_EXCEEDED, "was not reached: timed out after");
	assert_failed(t, STATUS_DEADLINE_EXCEEDED, "connecting");
	fetch_stop(&lane);
	trial_free(t);
	for (int i = 0; i < 4; i++)
		close(sockets[i]);
}

static void a_caller_that_has_gone_takes_its_job_along(void **state)
{
	struct fetch_lane *lane = fetch_start(&usual);
	struct peer *peer = peer_start(hang);
	struct trial *t = trial_new("GET", peer_port(peer), "/");

	assert_true(fetch_submit(lane, &t->job));
	peer_wait_requests(peer, 1);
	atomic_store(&t->cancelled, true);
	trial_wait(t);
	assert_failed(t, STATUS_CANCELLED, "gone");
	peer_wait_closed(peer, 1); /* the connection is not kept for others */
	fetch_stop(&lane);
	finish(t, peer);
}

/* --- peers that break off ------------------------------------------------------------------------
 */

static void close_without_answer(struct peer *p, int socket)
{
	peer_read(p, socket);
}

static void say_half(struct peer *p, int socket)
{
	if (peer_read(p, socket))
		peer_say(socket, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
}

static void say_half_a_header(struct peer *p, int socket)
{
	if (peer_read(p, socket))
		peer_say(socket, "HTTP/1.1 200 OK\r\nContent-Le");
}

static void talk_nonsense(struct peer *p, int socket)
{
	peer_say(socket, "220 mail.example ESMTP\r\n");
	peer_hold(socket);
}

static void a_peer_that_breaks_off_is_unavailable(void **state)
{
	struct peer *peer;
	struct trial *t = once(close_without_answer, "GET", NULL, &peer);

	assert_failed(t, STATUS_UNAVAILABLE, "broke off before its answer");
	finish(t, peer);
	t = once(say_half, "GET", NULL, &peer);
	assert_failed(t, STATUS_UNAVAILABLE, "broke off its answer");
	finish(t, peer);
	t = once(say_half_a_header, "GET", NULL, &peer);
	assert_failed(t, STATUS_UNAVAILABLE, "broke off its answer");
	finish(t, peer);
	t = once(talk_nonsense, "GET", NULL, &peer);
	assert_failed(t, STATUS_UNAVAILABLE, "does not answer in HTTP");
	finish(t, peer);
}

static void use_https(struct trial *t)
{
	t->request.url = arena_printf(t->arena, "https%s", t->request.url + strlen("http"));
}

static void a_peer_without_tls_is_not_reached_over_https(void **state)
{
	struct peer *peer;
	struct trial *t = once(talk_nonsense, "GET", use_https, &peer);

	assert_failed(t, STATUS_UNAVAILABLE, "was not reached");
	finish(t, peer);
}

static void a_closed_port_refuses_and_no_secret_of_the_url_is_told(void **state)
{
	struct peer *peer = peer_start(say_hello);
	struct fetch_lane *lane = fetch_start(&usual);
	int port = peer_port(peer);
	struct trial *t = trial_new("GET", port, "/");
	char expected[64];

	peer_stop(&peer);
	t->request.url = arena_printf(t->arena, "http://user:secret@127.0.0.1:%d/?k=secret", port);
	snprintf(expected, sizeof(expected), "127.0.0.1:%d was not reached: connection refused",
		port);
	trial_run(t, lane);
	assert_failed(t, STATUS_UNAVAILABLE, expected);
	assert_null(strstr(t->error.message, "secret"));
	fetch_stop(&lane);
	trial_free(t);
}

/* --- sent once
 * ------------------------------------------------------------------------------------ */

static void answer_once_then_break_off(struct peer *p, int socket)
{
	if (!peer_read(p, socket))
		return;
	peer_say(socket, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
	peer_read(p, socket);
}

static void nothing_is_sent_twice_when_a_kept_connection_breaks_off(void **state)
{
	static const char *const methods[] = {"POST", "GET", "HEAD", "PATCH"};

	for (size_t i = 0; i < sizeof(methods) / sizeof(*methods); i++) {
		struct fetch_lane *lane = fetch_start(&usual);
		struct peer *peer = peer_start(answer_once_then_break_off);
		struct trial *first = trial_new("GET", peer_port(peer), "/first");
		struct trial *second = trial_new(methods[i], peer_port(peer), "/second");

		if (strcmp(methods[i], "HEAD") != 0)
			second->request.body = TEXT("order one");
		trial_run(first, lane);
		assert_body(first, 200, "hello");
		trial_run(second, lane);
		assert_failed(second, STATUS_UNAVAILABLE, "is not sent again");
		fetch_stop(&lane); /* whatever curl still wanted to do is over */
		assert_int_equal(peer_requests(peer), 2);
		trial_free(first);
		trial_free(second);
		peer_stop(&peer);
	}
}

static void answer_once(struct peer *p, int socket)
{
	if (peer_read(p, socket))
		peer_say(socket, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
}

static void a_kept_connection_that_was_closed_meanwhile_is_replaced(void **state)
{
	struct fetch_lane *lane = fetch_start(&usual);
	struct peer *peer = peer_start(answer_once);

	for (int i = 1; i <= 3; i++) {
		struct trial *t = trial_new("POST", peer_port(peer), "/");

		trial_run(t, lane);
		assert_body(t, 200, "hello");
		trial_free(t);
		peer_wait_closed(peer, i);
	}
	assert_int_equal(peer_connections(peer), 3);
	fetch_stop(&lane);
	peer_stop(&peer);
}

/* --- addresses and URLs
 * ---------------------------------------------------------------------------- */

static void an_address_that_the_policy_refuses_is_never_connected_to(void **state)
{
	static const char *const hosts[] = {
		"127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "2130706433"};
	const struct egress_policy closed = {.private_ranges = true};
	struct fetch_options options = usual;
	struct peer *peer = peer_start(say_hello);

	options.egress = &closed;
	for (size_t i = 0; i < sizeof(hosts) / sizeof(*hosts); i++) {
		struct fetch_lane *lane = fetch_start(&options);
		struct trial *t = trial_new("GET", peer_port(peer), "/");

		t->request.url = arena_printf(t->arena, "http://%s:%d/", hosts[i], peer_port(peer));
		trial_run(t, lane);
		assert_failed(t, STATUS_PERMISSION_DENIED,
			"is a loopback address, not allowed by configuration");
		fetch_stop(&lane);
		trial_free(t);
	}
	assert_int_equal(peer_connections(peer), 0);
	peer_stop(&peer);
}

static struct fetch_lane *own_host_lane(struct sockaddr_storage *own, int port)
{
	static struct egress_policy policy;
	struct fetch_options options = usual;

	*(struct sockaddr_in *)own = (struct sockaddr_in){
		.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = INADDR_ANY};
	policy = (struct egress_policy){.own = own, .own_count = 1};
	options.egress = &policy;
	return fetch_start(&options);
}

static void a_job_for_the_own_host_may_use_loopback_and_nothing_more(void **state)
{
	struct sockaddr_storage own = {0};
	struct peer *peer = peer_start(close_without_answer);
	struct peer *junction = peer_start(close_without_answer);
	struct fetch_lane *lane = own_host_lane(&own, peer_port(junction));
	const struct {
		int port;
		const char *path, *refusal;
		bool own_host;
	} jobs[] = {
		{peer_port(peer), "/", NULL, true},
		{peer_port(peer), "/", "is a loopback address, not allowed", false},
		{peer_port(junction), "/", "that Junction itself listens on", true},
		{0, "http://10.0.0.1/", "is a private address", true},
		{0, "http://169.254.169.254/", "is link-local", true},
	};

	for (size_t i = 0; i < sizeof(jobs) / sizeof(*jobs); i++) {
		struct trial *t = trial_new("GET", jobs[i].port, jobs[i].path);

		if (jobs[i].port == 0)
			t->request.url = jobs[i].path;
		t->request.fresh = true;
		t->request.own_host = jobs[i].own_host;
		trial_run(t, lane);
		if (jobs[i].refusal)
			assert_failed(t, STATUS_PERMISSION_DENIED, jobs[i].refusal);
		else
			assert_failed(t, STATUS_UNAVAILABLE, "broke off before its answer");
		trial_free(t);
	}
	assert_int_equal(peer_connections(peer), 1);
	assert_int_equal(peer_connections(junction), 0);
	fetch_stop(&lane);
	peer_stop(&peer);
	peer_stop(&junction);
}

static void a_name_that_cannot_be_resolved_was_not_reached(void **state)
{
	struct fetch_lane *lane = fetch_start(&usual);
	struct trial *t = trial_new("GET", 80, "/");

	/* A label beyond 63 bytes: no resolver asks the network about it. */
	t->request.url =
		"http://"
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example/";
	trial_run(t, lane);
	assert_failed(t, STATUS_UNAVAILABLE, "was not reached: the name cannot be resolved");
	fetch_stop(&lane);
	trial_free(t);
}

static void what_is_no_http_url_is_refused(void **state)
{
	static const char *const urls[] = {"", "nonsense", "ftp://127.0.0.1/", "file:///etc/passwd",
		"http://", "http://127.0.0.1:99999/", "http://a b/", "gopher://127.0.0.1:70/"};
	struct fetch_lane *lane = fetch_start(&usual);

	for (size_t i = 0; i < sizeof(urls) / sizeof(*urls); i++) {
		struct trial *t = trial_new("GET", 80, "/");

		t->request.url = urls[i];
		trial_run(t, lane);
		assert_failed(t, STATUS_INVALID_ARGUMENT, "not an absolute http or https URL");
		trial_free(t);
	}
	fetch_stop(&lane);
}

/* --- the queue
 * --------------------------------------------------------------------------------------- */

static void a_host_that_hangs_holds_up_only_its_own_jobs(void **state)
{
	struct fetch_options options = usual;
	struct fetch_lane *lane;
	struct peer *slow = peer_start(hang), *quick = peer_start(say_hello);
	struct trial *held = trial_new("GET", peer_port(slow), "/");
	struct trial *behind = trial_new("GET", peer_port(slow), "/");
	struct trial *other = trial_new("GET", peer_port(quick), "/");

	options.connections_per_host = 1;
	lane = fetch_start(&options);
	behind->request.total_timeout_ms = 300;
	assert_true(fetch_submit(lane, &held->job));
	assert_true(fetch_submit(lane, &behind->job));
	trial_run(other, lane);
	assert_body(other, 200, "hello");
	trial_wait(behind);
	assert_failed(behind, STATUS_DEADLINE_EXCEEDED, "waiting for a free connection");
	peer_wait_requests(slow, 1);
	fetch_stop(&lane);
	assert_failed(held, STATUS_UNAVAILABLE, "stopping");
	assert_int_equal(peer_requests(slow), 1);
	trial_free(held);
	trial_free(behind);
	trial_free(other);
	peer_stop(&slow);
	peer_stop(&quick);
}

static void a_full_lane_says_so_and_one_that_stops_ends_its_jobs(void **state)
{
	struct fetch_options options = usual;
	struct fetch_lane *lane;
	struct peer *peer = peer_start(hang);
	struct trial *trials[3];

	options.queue_limit = 3;
	options.connections = 2;
	lane = fetch_start(&options);
	for (int i = 0; i < 3; i++) {
		trials[i] = trial_new("GET", peer_port(peer), "/");
		assert_true(fetch_submit(lane, &trials[i]->job));
	}
	assert_false(fetch_submit(lane, &trials[0]->job));
	fetch_stop(&lane);
	for (int i = 0; i < 3; i++) {
		assert_failed(trials[i], STATUS_UNAVAILABLE, "stopping");
		trial_free(trials[i]);
	}
	peer_stop(&peer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_peer_that_does_not_answer_times_out),
		cmocka_unit_test(an_answer_that_does_not_end_times_out),
		cmocka_unit_test(a_peer_that_does_not_take_the_connection_was_not_reached),
		cmocka_unit_test(a_caller_that_has_gone_takes_its_job_along),
		cmocka_unit_test(a_peer_that_breaks_off_is_unavailable),
		cmocka_unit_test(a_peer_without_tls_is_not_reached_over_https),
		cmocka_unit_test(a_closed_port_refuses_and_no_secret_of_the_url_is_told),
		cmocka_unit_test(nothing_is_sent_twice_when_a_kept_connection_breaks_off),
		cmocka_unit_test(a_kept_connection_that_was_closed_meanwhile_is_replaced),
		cmocka_unit_test(an_address_that_the_policy_refuses_is_never_connected_to),
		cmocka_unit_test(a_job_for_the_own_host_may_use_loopback_and_nothing_more),
		cmocka_unit_test(a_name_that_cannot_be_resolved_was_not_reached),
		cmocka_unit_test(what_is_no_http_url_is_refused),
		cmocka_unit_test(a_host_that_hangs_holds_up_only_its_own_jobs),
		cmocka_unit_test(a_full_lane_says_so_and_one_that_stops_ends_its_jobs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
