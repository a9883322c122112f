/*
 * An upstream that is never the bottleneck: it answers each request with the same small JSON.
 *
 * libmicrohttpd's own threads, one epoll each. The request's body is read and thrown away.
 *
 * usage: bench_upstream
 * prints "listening http 127.0.0.1:PORT" and "ready", and serves until it is told to end
 */
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"

enum { THREADS = 2 };

static const char text[] =
	"{\"code\":\"200\",\"message\":\"success\",\"result\":{\"id\":1,\"name\":"
	"\"of an upstream\",\"values\":[1,2,3,4,5,6,7]}}";
static struct MHD_Response *response;

static enum MHD_Result answer(void *arg, struct MHD_Connection *connection, const char *url,
	const char *method, const char *version, const char *body, size_t *body_size, void **state)
{
	if (!*state) {
		*state = (void *)text; /* headers only, so far */
		return MHD_YES;
	}
	if (*body_size) {
		*body_size = 0;
		return MHD_YES;
	}
	return MHD_queue_response(connection, MHD_HTTP_OK, response);
}

int main(void)
{
	response = MHD_create_response_from_buffer(
		sizeof(text) - 1, (void *)text, MHD_RESPMEM_PERSISTENT);
	CHECK(response && MHD_add_response_header(response, "Content-Type", "application/json"));
	const struct sockaddr_in loopback = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct MHD_Daemon *daemon = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD, 0, NULL, NULL,
		answer, NULL, MHD_OPTION_SOCK_ADDR, &loopback, MHD_OPTION_THREAD_POOL_SIZE, THREADS,
		MHD_OPTION_END);
	CHECK(daemon);
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT);
	CHECK(info);
	printf("listening http 127.0.0.1:%d\nready\n", info->port);
	fflush(stdout);
	for (;;)
		pause();
}
