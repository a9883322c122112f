/* Pings of clients, frame by frame: how often they are taken without a call in progress. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "tests/support/rpc_trial.h"

enum { FRAME_SETTINGS = 4, FRAME_PING = 6, FRAME_GOAWAY = 7, FLAG_ACK = 1, PINGS = 8 };

static call_step *const steps[256];
static const char *listen_on[] = {"127.0.0.1:0", NULL};

static int connect_to(const char *address)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)atoi(strrchr(address, ':') + 1)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	return fd;
}

static void send_all(int fd, struct text bytes)
{
	assert_int_equal(send(fd, bytes.data, bytes.size, MSG_NOSIGNAL), (ssize_t)bytes.size);
}

/* Reads frames up to a PING's answer: true; false if it is GOAWAY that comes. */
static bool is_answered(int fd)
{
	unsigned char head[9], body[16384];
	for (;;) {
		assert_int_equal(recv(fd, head, sizeof(head), MSG_WAITALL), sizeof(head));
		size_t size = (size_t)head[0] << 16 | (size_t)head[1] << 8 | head[2];
		assert_true(size <= sizeof(body));
		if (size > 0)
			assert_int_equal(recv(fd, body, size, MSG_WAITALL), (ssize_t)size);
		if (head[3] == FRAME_GOAWAY)
			return false;
		if (head[3] == FRAME_PING && head[4] & FLAG_ACK)
			return true;
	}
}

/* How many pings are answered, one each ms. */
static int ping(const char *address, int ms)
{
	static const char ping_frame[] = "\0\0\x08\x06\0\0\0\0\0pingping";
	int fd = connect_to(address), answered = 0;
	send_all(fd, TEXT("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0"));
	while (answered < PINGS) {
		send_all(fd, (struct text){ping_frame, sizeof(ping_frame) - 1});
		if (!is_answered(fd))
			break;
		answered++;
		usleep((useconds_t)ms * 1000);
	}
	close(fd);
	return answered;
}

static int pings_answered(int64_t interval_ms, int ms)
{
	struct rpc_options options = trial_options(listen_on);
	struct trial t;
	options.ping_interval_ms = interval_ms;
	trial_start(&t, &options, steps);
	int answered = ping(rpc_address(t.rpc, 0), ms);
	trial_stop(&t);
	return answered;
}

static void a_client_without_call_may_ping_as_often_as_is_permitted(void **state)
{
	assert_int_equal(pings_answered(20, 40), PINGS);
}

static void a_client_that_pings_more_often_is_sent_away(void **state)
{
	assert_in_range(pings_answered(3600000, 1), 1, PINGS - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_client_without_call_may_ping_as_often_as_is_permitted),
		cmocka_unit_test(a_client_that_pings_more_often_is_sent_away),
	};
	grpc_init();
	int failures = cmocka_run_group_tests(tests, NULL, NULL);
	grpc_shutdown_blocking();
	return failures;
}
