/*
 * One daemon of libmicrohttpd with one thread. A request is judged by its headers in the first call
 * of the handler, when it can still be refused; its body is read into a small buffer; what goes
 * beyond the buffer is read and forgotten up to a bound, since a reply cannot be sent during an
 * upload.
 */
#include "base/admin/admin.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "base/log.h"
#include "base/metric.h"
#include "base/option.h"

enum {
	CONNECTIONS = 16,
	TIMEOUT_SECONDS = 10,
	CONNECTION_MEMORY = 16 * 1024,
	BODY_MAX = 1024,
	DRAIN_MAX = 64 * 1024,
	BACKLOG = 32,
};

struct admin {
	int fd;
	bool loopback; /* only this machine reaches it */
	char address[280];
	struct MHD_Daemon *daemon;
};

struct body {
	size_t size; /* also counts what did not fit */
	char data[BODY_MAX];
};

/* --- replies -------------------------------------------------------------------------------- */

static enum MHD_Result reply(
	struct MHD_Connection *c, unsigned http, struct text body, const char *allow)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(
		body.size, (void *)body.data, MHD_RESPMEM_MUST_COPY);
	CHECK(response);
	MHD_add_response_header(
		response, "Content-Type", "text/plain; version=0.0.4; charset=utf-8");
	MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
	MHD_add_response_header(response, "Cache-Control", "no-store");
	if (allow)
		MHD_add_response_header(response, "Allow", allow);
	enum MHD_Result result = MHD_queue_response(c, http, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result reply_metrics(struct MHD_Connection *c)
{
	struct arena *a = arena_new(0);
	struct buffer b = {.arena = a};
	metric_render(&b);
	enum MHD_Result result = reply(c, 200, buffer_text(&b), NULL);
	arena_free(&a);
	return result;
}

static enum MHD_Result reply_level(struct MHD_Connection *c)
{
	char line[16];
	int size = snprintf(line, sizeof(line), "%s\n", log_level_name(log_level_now()));
	return reply(c, 200, (struct text){line, (size_t)size}, NULL);
}

/* Logged while the lower of both levels is in force. */
static void change_level(enum log_level to)
{
	enum log_level from = log_level_now();
	if (to < from)
		log_set_level(to);
	log_event(LOG_WARN, "log level changed", LOG_TEXT("from", log_level_name(from)),
		LOG_TEXT("to", log_level_name(to)));
	log_set_level(to);
}

static enum MHD_Result put_level(struct MHD_Connection *c, const struct body *body)
{
	enum log_level level;
	char name[8] = "";
	struct text word =
		text_trim((struct text){body->data, body->size < BODY_MAX ? body->size : 0});
	if (word.size > 0 && word.size < sizeof(name))
		memcpy(name, word.data, word.size);
	if (!log_level_named(name, &level))
		return reply(c, 400, TEXT("the body must be debug, info, warn or error\n"), NULL);
	change_level(level);
	return reply_level(c);
}

/* --- requests ------------------------------------------------------------------------------- */

/* A page of a browser that was told a wrong address for its own name says that name. */
static bool is_host_allowed(const struct admin *a, const char *header)
{
	char host[256], with_port[280];
	unsigned char number[sizeof(struct in6_addr)];
	int port;
	if (!header)
		return false;
	snprintf(with_port, sizeof(with_port), "%s:0", header);
	if (!option_address(header, host, &port) && !option_address(with_port, host, &port))
		return false;
	return option_loopback(host) ||
	       (!a->loopback && (inet_pton(AF_INET, host, number) == 1 ||
					inet_pton(AF_INET6, host, number) == 1));
}

static const char *header(struct MHD_Connection *c, const char *name)
{
	return MHD_lookup_connection_value(c, MHD_HEADER_KIND, name);
}

static enum MHD_Result answer(
	struct MHD_Connection *c, const char *path, const char *verb, const struct body *body)
{
	bool get = strcmp(verb, "GET") == 0 || strcmp(verb, "HEAD") == 0;
	bool level = strcmp(path, "/log-level") == 0;
	if (level && strcmp(verb, "PUT") == 0)
		return put_level(c, body);
	if (!level && strcmp(path, "/metrics") != 0 && strcmp(path, "/healthz") != 0)
		return reply(c, 404, TEXT("there is no such URI\n"), NULL);
	if (!get)
		return reply(c, 405, TEXT("this URI does not take that method\n"),
			level ? "GET, HEAD, PUT" : "GET, HEAD");
	if (level)
		return reply_level(c);
	return strcmp(path, "/metrics") == 0 ? reply_metrics(c) : reply(c, 200, TEXT("ok\n"), NULL);
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *c, const char *path,
	const char *verb, const char *version, const char *data, size_t *size, void **context)
{
	struct body *body = *context;
	if (!body) {
		if (!is_host_allowed(arg, header(c, MHD_HTTP_HEADER_HOST)))
			return reply(c, 403, TEXT("Host must be this machine's loopback\n"), NULL);
		if (header(c, MHD_HTTP_HEADER_ORIGIN))
			return reply(c, 403, TEXT("pages of a browser are not served\n"), NULL);
		*context = check_calloc(1, sizeof(*body));
		return MHD_YES;
	}
	if (!*size)
		return answer(c, path, verb, body);
	if (body->size + *size <= BODY_MAX)
		memcpy(body->data + body->size, data, *size);
	body->size += *size;
	*size = 0;
	return body->size <= DRAIN_MAX ? MHD_YES : MHD_NO;
}

static void on_completed(
	void *arg, struct MHD_Connection *c, void **context, enum MHD_RequestTerminationCode code)
{
	free(*context);
	*context = NULL;
}

/* --- the listener --------------------------------------------------------------------------- */

static struct admin *cannot_listen(const char *address, const char *reason, struct admin *a)
{
	log_event(LOG_ERROR, "cannot listen", LOG_TEXT("address", address),
		LOG_TEXT("reason", reason));
	admin_close(&a);
	return NULL;
}

static bool bind_socket(struct admin *a, const struct addrinfo *ai)
{
	int on = 1;
	a->fd = socket(ai->ai_family, ai->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (a->fd < 0)
		return false;
	setsockopt(a->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (ai->ai_family == AF_INET6)
		setsockopt(a->fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	return !bind(a->fd, ai->ai_addr, ai->ai_addrlen) && !listen(a->fd, BACKLOG);
}

/* host:port, with the port that was got. */
static void note_address(struct admin *a, const char *host)
{
	struct sockaddr_storage own;
	socklen_t size = sizeof(own);
	CHECK(!getsockname(a->fd, (struct sockaddr *)&own, &size));
	int port = ntohs(own.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&own)->sin6_port
						   : ((struct sockaddr_in *)&own)->sin_port);
	snprintf(a->address, sizeof(a->address), strchr(host, ':') ? "[%s]:%d" : "%s:%d", host,
		port);
	a->loopback = option_loopback(host);
}

struct admin *admin_open(const char *address)
{
	char host[256], service[8];
	int port;
	struct admin *a = check_calloc(1, sizeof(*a));
	struct addrinfo *found,
		hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
	a->fd = -1;
	if (!option_address(address, host, &port))
		return cannot_listen(address, "not ADDRESS:PORT", a);
	snprintf(service, sizeof(service), "%d", port);
	int error = getaddrinfo(*host ? host : NULL, service, &hints, &found);
	if (error)
		return cannot_listen(address, gai_strerror(error), a);
	bool bound = bind_socket(a, found);
	error = errno;
	freeaddrinfo(found);
	if (!bound)
		return cannot_listen(address, strerror(error), a);
	note_address(a, host);
	return a;
}

const char *admin_address(const struct admin *a)
{
	return a->address;
}

static void on_log(void *arg, const char *format, va_list args)
{
	char line[256];
	vsnprintf(line, sizeof(line), format, args);
	log_event(LOG_DEBUG, "libmicrohttpd", LOG_SLICE("message", text_trim(text_of(line))));
}

bool admin_serve(struct admin *a)
{
	const struct MHD_OptionItem items[] = {
		{MHD_OPTION_EXTERNAL_LOGGER, (intptr_t)on_log, NULL},
		{MHD_OPTION_LISTEN_SOCKET, a->fd, NULL},
		{MHD_OPTION_STRICT_FOR_CLIENT, -1, NULL},
		{MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, NULL},
		{MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)on_completed, NULL},
		{MHD_OPTION_CONNECTION_TIMEOUT, TIMEOUT_SECONDS, NULL},
		{MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS, NULL},
		{MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_MEMORY, NULL},
		{MHD_OPTION_END, 0, NULL},
	};
	a->daemon = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ERROR_LOG, 0, NULL,
		NULL, on_request, a, MHD_OPTION_ARRAY, items, MHD_OPTION_END);
	if (!a->daemon)
		log_event(LOG_ERROR, "cannot listen", LOG_TEXT("address", a->address),
			LOG_TEXT("reason", "libmicrohttpd refused to start"));
	return a->daemon != NULL;
}

void admin_close(struct admin **admin)
{
	struct admin *a = *admin;
	*admin = NULL;
	if (!a)
		return;
	if (a->daemon)
		MHD_stop_daemon(a->daemon);
	else if (a->fd >= 0)
		close(a->fd);
	free(a);
}
