/* Listening, the limits of connections, and stopping, with real sockets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/check.h"
#include "bridge/acceptor.h"
#include "bridge/access.h"

#define TAKEN_MAX 64

/* What was handed over, in that order. */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	int fds[TAKEN_MAX];
	size_t indexes[TAKEN_MAX];
	struct sockaddr_storage peers[TAKEN_MAX];
	int count;
} taken = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static struct acceptor *acceptor;

static bool take(void *arg, size_t index, int fd, const struct sockaddr *peer, socklen_t size)
{
	CHECK(arg == &taken);
	pthread_mutex_lock(&taken.lock);
	CHECK(taken.count < TAKEN_MAX);
	taken.fds[taken.count] = fd;
	taken.indexes[taken.count] = index;
	memcpy(&taken.peers[taken.count++], peer, size);
	pthread_cond_signal(&taken.changed);
	pthread_mutex_unlock(&taken.lock);
	return true;
}

static void wait_for_taken(int count)
{
	pthread_mutex_lock(&taken.lock);
	while (taken.count < count)
		pthread_cond_wait(&taken.changed, &taken.lock);
	pthread_mutex_unlock(&taken.lock);
}

static void start(int limit, int limit_per_caller)
{
	taken.count = 0;
	acceptor = acceptor_new(&(struct acceptor_options){limit, limit_per_caller, take, &taken});
	assert_true(acceptor_listen(acceptor, "127.0.0.1:0"));
	assert_true(acceptor_listen(acceptor, "[::1]:0"));
	acceptor_start(acceptor);
}

static void release(int i)
{
	close(taken.fds[i]);
	acceptor_release(acceptor, (const struct sockaddr *)&taken.peers[i]);
}

static void stop(void)
{
	acceptor_stop(acceptor);
	for (int i = 0; i < taken.count; i++)
		release(i);
	acceptor_free(&acceptor);
	assert_null(acceptor);
}

static int port_of(size_t index)
{
	return atoi(strrchr(acceptor_address(acceptor, index), ':') + 1);
}

/* From that address of 127/8, or from ::1 if NULL. -1 if refused. */
static int dial(const char *from, int port)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	int fd = socket(from ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK(fd >= 0);
	if (from) {
		CHECK(inet_pton(AF_INET, from, &v4.sin_addr) == 1);
		CHECK(!bind(fd, (struct sockaddr *)&v4, sizeof(v4)));
		v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	}
	v4.sin_port = v6.sin6_port = htons((uint16_t)port);
	if (from ? !connect(fd, (struct sockaddr *)&v4, sizeof(v4))
		 : !connect(fd, (struct sockaddr *)&v6, sizeof(v6)))
		return fd;
	close(fd);
	return -1;
}

static void assert_refused(int fd, const char *sentence)
{
	char reply[1024];
	ssize_t n = recv(fd, reply, sizeof(reply) - 1, MSG_WAITALL);
	assert_true(n > 0);
	reply[n] = '\0';
	assert_memory_equal(reply, "HTTP/1.1 503 Service Unavailable\r\n", 34);
	assert_non_null(strstr(reply, "\r\nRetry-After: 1\r\n"));
	assert_non_null(strstr(reply, "\r\nConnection: close\r\n"));
	const char *body = strstr(reply, "\r\n\r\n") + 4;
	assert_int_equal(atoi(strstr(reply, "Content-Length: ") + 16), strlen(body));
	assert_non_null(strstr(body, sentence));
	close(fd);
}

static void each_address_hands_over_its_own(void **state)
{
	(void)state;
	start(64, 0);
	int first = dial("127.0.0.1", port_of(0));
	wait_for_taken(1);
	int second = dial(NULL, port_of(1));
	wait_for_taken(2);
	assert_int_equal(taken.indexes[0], 0);
	assert_int_equal(taken.indexes[1], 1);
	char peer[ACCEPTOR_ADDRESS_SIZE], expected[ACCEPTOR_ADDRESS_SIZE];
	struct sockaddr_in own;
	socklen_t size = sizeof(own);
	assert_int_equal(getsockname(first, (struct sockaddr *)&own, &size), 0);
	snprintf(expected, sizeof(expected), "127.0.0.1:%d", ntohs(own.sin_port));
	acceptor_format((const struct sockaddr *)&taken.peers[0], peer);
	assert_string_equal(peer, expected);
	acceptor_format((const struct sockaddr *)&taken.peers[1], peer);
	assert_memory_equal(peer, "[::1]:", 6);
	close(first);
	close(second);
	stop();
}

static void beyond_the_limit_callers_are_told_and_closed(void **state)
{
	(void)state;
	start(2, 0);
	int first = dial("127.0.0.1", port_of(0)), second = dial(NULL, port_of(1));
	wait_for_taken(2);
	assert_refused(dial("127.0.0.1", port_of(0)), "this bridge has as many connections");
	close(first);
	close(second);
	stop();
}

static void a_callers_limit_is_no_other_callers(void **state)
{
	(void)state;
	start(64, 2);
	int fds[] = {dial("127.0.0.1", port_of(0)), dial("127.0.0.1", port_of(0)), -1, -1};
	wait_for_taken(2);
	assert_refused(dial("127.0.0.1", port_of(0)), "this caller has as many connections");
	fds[2] = dial("127.0.0.2", port_of(0));
	fds[3] = dial(NULL, port_of(1));
	wait_for_taken(4);
	for (size_t i = 0; i < 4; i++)
		close(fds[i]);
	stop();
}

static void a_released_connection_makes_room(void **state)
{
	(void)state;
	start(64, 1);
	for (int i = 0; i < 5; i++) {
		int fd = dial("127.0.0.1", port_of(0));
		wait_for_taken(i + 1);
		close(fd);
		release(i);
	}
	acceptor_free(&acceptor);
}

static void without_files_connections_wait(void **state)
{
	struct rlimit before, none;
	(void)state;
	start(64, 0);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in to = {.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port_of(0)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = before;
	/* It says that it has to wait on standard error. */
	int stderr_before = dup(STDERR_FILENO), said[2];
	assert_int_equal(pipe(said), 0);
	dup2(said[1], STDERR_FILENO);
	close(said[1]);
	none.rlim_cur = (rlim_t)dup(STDIN_FILENO); /* all below are in use */
	close((int)none.rlim_cur);
	char line[512] = "";
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	int connected = connect(fd, (struct sockaddr *)&to, sizeof(to));
	ssize_t size = read(said[0], line, sizeof(line) - 1);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	dup2(stderr_before, STDERR_FILENO);
	close(stderr_before);
	close(said[0]);
	assert_int_equal(connected, 0);
	assert_true(size > 0);
	assert_non_null(strstr(line, "connections have to wait"));
	wait_for_taken(1);
	close(fd);
	stop();
}

static void once_stopped_nobody_is_taken(void **state)
{
	(void)state;
	start(64, 0);
	int port = port_of(0);
	acceptor_stop(acceptor);
	acceptor_stop(acceptor);
	assert_int_equal(dial("127.0.0.1", port), -1);
	assert_int_equal(taken.count, 0);
	acceptor_free(&acceptor);
}

static void an_address_that_cannot_be_listened_at_is_refused(void **state)
{
	(void)state;
	start(64, 0);
	struct acceptor *other = acceptor_new(&(struct acceptor_options){64, 0, take, &taken});
	assert_false(acceptor_listen(other, acceptor_address(acceptor, 0)));
	assert_false(acceptor_listen(other, "nowhere"));
	assert_false(acceptor_listen(other, "192.0.2.1:0"));
	acceptor_free(&other);
	stop();
}

/* Refusals are counted. */
static int start_counting(void **state)
{
	(void)state;
	access_start(NULL);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_address_hands_over_its_own),
		cmocka_unit_test(beyond_the_limit_callers_are_told_and_closed),
		cmocka_unit_test(a_callers_limit_is_no_other_callers),
		cmocka_unit_test(a_released_connection_makes_room),
		cmocka_unit_test(without_files_connections_wait),
		cmocka_unit_test(once_stopped_nobody_is_taken),
		cmocka_unit_test(an_address_that_cannot_be_listened_at_is_refused),
	};
	return cmocka_run_group_tests(tests, start_counting, NULL);
}
