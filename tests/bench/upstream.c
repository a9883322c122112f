/*
 * An upstream that is never the bottleneck: it answers each request with the same small JSON, but
 * /table with as many bytes as its query says (?bytes=N), and what a third party of ApiReader or of
 * the hooks, or an extension, is asked under /code with what means yes there.
 *
 * libmicrohttpd's own threads, one epoll each. The request's body is read and thrown away.
 *
 * usage: bench_upstream [PORT]
 * prints "listening http 127.0.0.1:PORT" and "ready", and serves until it is told to end
 */
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"

enum { THREADS = 2, CONNECTIONS = 10000 };

static const char text[] =
	"{\"code\":\"200\",\"message\":\"success\",\"result\":{\"id\":1,\"name\":"
	"\"of an upstream\",\"values\":[1,2,3,4,5,6,7]}}";
static const char yes[] = "{\"code\":0,\"message\":\"success\",\"data\":{\"jobId\":\"1\"}}";
static struct MHD_Response *response, *agreement;

/* --- a large answer -----------------------------------------------------------------------------
 */

enum { BLOCK = 256 * 1024 };

static ssize_t fill(void *arg, uint64_t at, char *buffer, size_t room)
{
	memset(buffer, '7', room);
	return (ssize_t)room;
}

static enum MHD_Result answer_table(struct MHD_Connection *connection)
{
	const char *bytes = MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "bytes");
	struct MHD_Response *table = MHD_create_response_from_callback(
		bytes ? strtoull(bytes, NULL, 10) : 0, BLOCK, fill, NULL, NULL);
	CHECK(table);
	enum MHD_Result queued = MHD_queue_response(connection, MHD_HTTP_OK, table);
	MHD_destroy_response(table);
	return queued;
}

/* --- serving ------------------------------------------------------------------------------------
 */

static struct MHD_Response *constant(const char *bytes, size_t size)
{
	struct MHD_Response *made =
		MHD_create_response_from_buffer(size, (void *)bytes, MHD_RESPMEM_PERSISTENT);
	CHECK(made && MHD_add_response_header(made, "Content-Type", "application/json"));
	return made;
}

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
	if (strcmp(url, "/table") == 0)
		return answer_table(connection);
	bool agrees = strncmp(url, "/code", 5) == 0 || strncmp(url, "/extension/", 11) == 0;
	return MHD_queue_response(connection, MHD_HTTP_OK, agrees ? agreement : response);
}

int main(int argc, char **argv)
{
	response = constant(text, sizeof(text) - 1);
	agreement = constant(yes, sizeof(yes) - 1);
	const struct sockaddr_in address = {.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons(argc > 1 ? (uint16_t)atoi(argv[1]) : 0)};
	struct MHD_Daemon *daemon = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD, 0, NULL, NULL,
		answer, NULL, MHD_OPTION_SOCK_ADDR, &address, MHD_OPTION_THREAD_POOL_SIZE, THREADS,
		MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS, MHD_OPTION_LISTEN_BACKLOG_SIZE,
		(unsigned)SOMAXCONN, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
		(size_t)(argc > 1 ? BLOCK : 4 * BLOCK) / 8, MHD_OPTION_END);
	CHECK(daemon);
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT);
	CHECK(info);
	printf("listening http 127.0.0.1:%d\nready\n", info->port);
	fflush(stdout);
	for (;;)
		pause();
}
