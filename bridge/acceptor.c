/*
 * Acceptor: a thread that polls the listening sockets, and an eventfd by which it is stopped. The
 * callers that have a connection are a tree (tsearch), kept only if there is a limit for each.
 *
 * Out of files, a listening socket stays readable: it is not polled for a moment.
 */
#include "bridge/acceptor.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <search.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/check.h"
#include "base/log.h"
#include "base/option.h"
#include "bridge/access.h"

#define BACKLOG  1024
#define BATCH    256 /* from one address, before the next one's turn */
#define PAUSE_MS 100 /* without files */

struct endpoint {
	int fd;
	char address[ACCEPTOR_ADDRESS_SIZE];
};

struct caller {
	unsigned char prefix[16]; /* first: compared */
	int count;
};

struct acceptor {
	struct acceptor_options options;
	struct endpoint *endpoints;
	size_t count;
	int stop; /* eventfd */
	bool running;
	pthread_t thread;
	bool starved;
	atomic_int connections;
	pthread_mutex_t lock;
	void *callers;
};

/* --- addresses ------------------------------------------------------------------------------ */

int acceptor_split(const struct sockaddr *sa, char host[INET6_ADDRSTRLEN])
{
	if (sa->sa_family == AF_INET6) {
		const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)sa;
		inet_ntop(AF_INET6, &v6->sin6_addr, host, INET6_ADDRSTRLEN);
		return ntohs(v6->sin6_port);
	}
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)sa;
	inet_ntop(AF_INET, &v4->sin_addr, host, INET6_ADDRSTRLEN);
	return ntohs(v4->sin_port);
}

void acceptor_format(const struct sockaddr *sa, char out[ACCEPTOR_ADDRESS_SIZE])
{
	char host[INET6_ADDRSTRLEN];
	int port = acceptor_split(sa, host);
	snprintf(out, ACCEPTOR_ADDRESS_SIZE, sa->sa_family == AF_INET6 ? "[%s]:%d" : "%s:%d", host,
		port);
}

static int open_socket(const struct addrinfo *ai)
{
	int on = 1;
	int fd = socket(ai->ai_family, ai->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (ai->ai_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (!bind(fd, ai->ai_addr, ai->ai_addrlen) && !listen(fd, BACKLOG))
		return fd;
	int error = errno;
	close(fd);
	errno = error;
	return -1;
}

static bool cannot_listen(const char *address, const char *reason)
{
	log_event(LOG_ERROR, "cannot listen", LOG_TEXT("address", address),
		LOG_TEXT("reason", reason));
	return false;
}

static void add_endpoint(struct acceptor *a, int fd)
{
	struct sockaddr_storage local;
	socklen_t size = sizeof(local);
	CHECK(!getsockname(fd, (struct sockaddr *)&local, &size));
	a->endpoints = check_realloc(a->endpoints, (a->count + 1) * sizeof(*a->endpoints));
	struct endpoint *e = &a->endpoints[a->count++];
	e->fd = fd;
	acceptor_format((const struct sockaddr *)&local, e->address);
}

bool acceptor_listen(struct acceptor *a, const char *address)
{
	char host[256], service[8];
	int port;
	struct addrinfo *found,
		hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
	if (!option_address(address, host, &port))
		return cannot_listen(address, "not ADDRESS:PORT");
	snprintf(service, sizeof(service), "%d", port);
	int error = getaddrinfo(*host ? host : NULL, service, &hints, &found);
	if (error)
		return cannot_listen(address, gai_strerror(error));
	int fd = open_socket(found);
	error = errno;
	freeaddrinfo(found);
	if (fd < 0)
		return cannot_listen(address, strerror(error));
	add_endpoint(a, fd);
	return true;
}

const char *acceptor_address(const struct acceptor *a, size_t index)
{
	CHECK(index < a->count);
	return a->endpoints[index].address;
}

/* --- callers -------------------------------------------------------------------------------- */

static struct caller caller_of(const struct sockaddr *sa)
{
	struct caller c = {.count = 0};
	if (sa->sa_family == AF_INET6)
		memcpy(c.prefix, &((const struct sockaddr_in6 *)sa)->sin6_addr, 8);
	else
		memcpy(c.prefix + 12, &((const struct sockaddr_in *)sa)->sin_addr, 4);
	return c;
}

static int compare_callers(const void *left, const void *right)
{
	return memcmp(left, right, sizeof((struct caller){0}.prefix));
}

/* Counts the caller's connection, unless it has as many as it may. */
static bool admit_caller(struct acceptor *a, const struct sockaddr *peer)
{
	struct caller key = caller_of(peer);
	if (!a->options.limit_per_caller)
		return true;
	pthread_mutex_lock(&a->lock);
	struct caller **found = tfind(&key, &a->callers, compare_callers);
	bool admitted = !found || (*found)->count < a->options.limit_per_caller;
	if (found && admitted) {
		(*found)->count++;
	} else if (!found) {
		struct caller *c = check_calloc(1, sizeof(*c));
		*c = key;
		c->count = 1;
		CHECK(tsearch(c, &a->callers, compare_callers));
	}
	pthread_mutex_unlock(&a->lock);
	return admitted;
}

static void dismiss_caller(struct acceptor *a, const struct sockaddr *peer)
{
	struct caller key = caller_of(peer);
	if (!a->options.limit_per_caller)
		return;
	pthread_mutex_lock(&a->lock);
	struct caller **found = tfind(&key, &a->callers, compare_callers);
	CHECK(found);
	struct caller *c = *found;
	if (!--c->count) {
		tdelete(c, &a->callers, compare_callers);
		free(c);
	}
	pthread_mutex_unlock(&a->lock);
}

void acceptor_release(struct acceptor *a, const struct sockaddr *peer)
{
	dismiss_caller(a, peer);
	atomic_fetch_sub(&a->connections, 1);
}

/* --- accepting ------------------------------------------------------------------------------ */

/* What the kernel does not take at once is not worth waiting for. */
static void refuse(int fd, const char *reason)
{
	char body[128], reply[512], ignored[4096];
	int size = snprintf(
		body, sizeof(body), "{\"code\":14,\"message\":\"%s\",\"details\":[]}", reason);
	int total = snprintf(reply, sizeof(reply),
		"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json; "
		"charset=utf-8\r\nX-Content-Type-Options: nosniff\r\nRetry-After: 1\r\n"
		"Connection: close\r\nContent-Length: %d\r\n\r\n%s",
		size, body);
	log_event(LOG_DEBUG, "connection refused", LOG_TEXT("reason", reason));
	send(fd, reply, (size_t)total, MSG_DONTWAIT | MSG_NOSIGNAL);
	shutdown(fd, SHUT_WR);
	/* With bytes left unread the kernel would reset the connection, and the reply may be lost.
	 */
	recv(fd, ignored, sizeof(ignored), MSG_DONTWAIT);
	close(fd);
}

static void admit(
	struct acceptor *a, size_t index, int fd, const struct sockaddr *peer, socklen_t size)
{
	if (atomic_load(&a->connections) >= a->options.limit) {
		access_refused(ACCESS_CONNECTIONS);
		refuse(fd, "this bridge has as many connections as it takes");
	} else if (!admit_caller(a, peer)) {
		access_refused(ACCESS_CONNECTIONS_OF_CALLER);
		refuse(fd, "this caller has as many connections as it may have");
	} else {
		atomic_fetch_add(&a->connections, 1);
		if (!a->options.take(a->options.arg, index, fd, peer, size))
			acceptor_release(a, peer);
	}
}

static bool is_starvation(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

/* Other errors are about a connection that has gone again, or there is none: poll() will tell. */
static void note_failure(struct acceptor *a, int error)
{
	if (!is_starvation(error))
		return;
	if (!a->starved)
		log_event(
			LOG_WARN, "connections have to wait", LOG_TEXT("reason", strerror(error)));
	a->starved = true;
}

static void accept_some(struct acceptor *a, size_t index)
{
	for (int i = 0; i < BATCH; i++) {
		struct sockaddr_storage peer;
		socklen_t size = sizeof(peer);
		int fd = accept4(a->endpoints[index].fd, (struct sockaddr *)&peer, &size,
			SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0) {
			note_failure(a, errno);
			return;
		}
		a->starved = false;
		admit(a, index, fd, (const struct sockaddr *)&peer, size);
	}
}

static void *acceptor_run(void *arg)
{
	struct acceptor *a = arg;
	size_t count = a->count;
	struct pollfd *polled = check_calloc(count + 1, sizeof(*polled));
	polled[0] = (struct pollfd){.fd = a->stop, .events = POLLIN};
	for (size_t i = 0; i < count; i++)
		polled[i + 1] = (struct pollfd){.fd = a->endpoints[i].fd, .events = POLLIN};
	while (!polled[0].revents) {
		int ready = poll(polled, a->starved ? 1 : count + 1, a->starved ? PAUSE_MS : -1);
		bool paused = a->starved;
		for (size_t i = 0; ready >= 0 && i < count; i++)
			if (paused || polled[i + 1].revents)
				accept_some(a, i);
	}
	free(polled);
	return NULL;
}

/* --- life ----------------------------------------------------------------------------------- */

struct acceptor *acceptor_new(const struct acceptor_options *options)
{
	struct acceptor *a = check_calloc(1, sizeof(*a));
	a->options = *options;
	a->stop = eventfd(0, EFD_CLOEXEC);
	CHECK(a->stop >= 0);
	CHECK(!pthread_mutex_init(&a->lock, NULL));
	return a;
}

void acceptor_start(struct acceptor *a)
{
	a->running = true;
	CHECK(!pthread_create(&a->thread, NULL, acceptor_run, a));
	pthread_setname_np(a->thread, "accept");
}

void acceptor_stop(struct acceptor *a)
{
	if (a->running) {
		CHECK(!eventfd_write(a->stop, 1));
		pthread_join(a->thread, NULL);
		a->running = false;
	}
	for (size_t i = 0; i < a->count; i++) {
		if (a->endpoints[i].fd >= 0)
			close(a->endpoints[i].fd);
		a->endpoints[i].fd = -1;
	}
}

void acceptor_free(struct acceptor **a)
{
	if (!*a)
		return;
	acceptor_stop(*a);
	tdestroy((*a)->callers, free);
	pthread_mutex_destroy(&(*a)->lock);
	close((*a)->stop);
	free((*a)->endpoints);
	free(*a);
	*a = NULL;
}
