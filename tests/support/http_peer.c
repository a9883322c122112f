/* Design: one thread accepts, one per connection serves; counters and texts under one mutex. */
#include "tests/support/http_peer.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MOST = 4096, REQUEST_SIZE = 2 * 1024 * 1024 };

struct connection {
	struct peer *peer;
	int socket;
	bool closed;
	pthread_t thread;
};

struct peer {
	void (*serve)(struct peer *p, int socket);
	int listener, port;
	pthread_t acceptor;
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	struct connection connections[MOST];
	int connection_count, closed_count;
	char *requests[MOST];
	int request_count;
};

static void require(bool condition, const char *what)
{
	if (condition)
		return;
	perror(what);
	abort();
}

static void *serve_connection(void *arg)
{
	struct connection *c = arg;
	struct peer *p = c->peer;

	p->serve(p, c->socket);
	pthread_mutex_lock(&p->mutex);
	c->closed = true;
	close(c->socket);
	p->closed_count++;
	pthread_cond_broadcast(&p->changed);
	pthread_mutex_unlock(&p->mutex);
	return NULL;
}

static void *accept_connections(void *arg)
{
	struct peer *p = arg;
	int socket;

	while ((socket = accept4(p->listener, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
		struct connection *c = &p->connections[p->connection_count];

		require(p->connection_count < MOST, "too many connections");
		pthread_mutex_lock(&p->mutex);
		c->peer = p;
		c->socket = socket;
		require(pthread_create(&c->thread, NULL, serve_connection, c) == 0, "thread");
		p->connection_count++;
		pthread_mutex_unlock(&p->mutex);
	}
	return NULL;
}

struct peer *peer_start(void (*serve)(struct peer *p, int socket))
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(address);
	struct peer *p = calloc(1, sizeof(*p));

	require(p, "memory");
	p->serve = serve;
	pthread_mutex_init(&p->mutex, NULL);
	pthread_cond_init(&p->changed, NULL);
	p->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	require(bind(p->listener, (struct sockaddr *)&address, size) == 0, "bind");
	require(listen(p->listener, 512) == 0, "listen");
	require(getsockname(p->listener, (struct sockaddr *)&address, &size) == 0, "port");
	p->port = ntohs(address.sin_port);
	require(pthread_create(&p->acceptor, NULL, accept_connections, p) == 0, "thread");
	return p;
}

void peer_stop(struct peer **peer)
{
	struct peer *p = *peer;

	if (!p)
		return;
	*peer = NULL;
	shutdown(p->listener, SHUT_RDWR);
	pthread_join(p->acceptor, NULL);
	close(p->listener);
	pthread_mutex_lock(&p->mutex);
	for (int i = 0; i < p->connection_count; i++) {
		if (!p->connections[i].closed)
			shutdown(p->connections[i].socket, SHUT_RDWR);
	}
	pthread_mutex_unlock(&p->mutex);
	for (int i = 0; i < p->connection_count; i++)
		pthread_join(p->connections[i].thread, NULL);
	for (int i = 0; i < p->request_count; i++)
		free(p->requests[i]);
	pthread_mutex_destroy(&p->mutex);
	pthread_cond_destroy(&p->changed);
	free(p);
}

int peer_port(const struct peer *p)
{
	return p->port;
}

static size_t body_size(const char *header)
{
	const char *length = strcasestr(header, "\r\ncontent-length:");

	return length ? strtoul(length + strlen("\r\ncontent-length:"), NULL, 10) : 0;
}

static void keep_request(struct peer *p, const char *text)
{
	pthread_mutex_lock(&p->mutex);
	require(p->request_count < MOST, "too many requests");
	p->requests[p->request_count++] = strdup(text);
	pthread_cond_broadcast(&p->changed);
	pthread_mutex_unlock(&p->mutex);
}

static bool receive_request(int socket, char *text)
{
	size_t size = 0;

	while (size < REQUEST_SIZE) {
		ssize_t got = recv(socket, text + size, REQUEST_SIZE - size, 0);
		char *end;

		if (got <= 0)
			return false;
		size += (size_t)got;
		text[size] = '\0';
		end = strstr(text, "\r\n\r\n");
		if (end && size >= (size_t)(end - text) + 4 + body_size(text))
			return true;
	}
	return false;
}

bool peer_read(struct peer *p, int socket)
{
	char *text = malloc(REQUEST_SIZE + 1);
	bool got;

	require(text, "memory");
	got = receive_request(socket, text);
	if (got)
		keep_request(p, text);
	free(text);
	return got;
}

static bool ends_header(const char *text, size_t size)
{
	return size >= 4 && memcmp(text + size - 4, "\r\n\r\n", 4) == 0;
}

bool peer_read_head(struct peer *p, int socket)
{
	char text[16 * 1024];
	size_t size = 0;

	while (!ends_header(text, size)) {
		require(size < sizeof(text) - 1, "too long a header");
		if (recv(socket, text + size, 1, 0) != 1)
			return false;
		size++;
	}
	text[size] = '\0';
	keep_request(p, text);
	return true;
}

size_t peer_take(int socket, void *bytes, size_t size)
{
	size_t taken = 0;
	ssize_t got = 1;

	while (taken < size && got > 0) {
		got = recv(socket, (char *)bytes + taken, size - taken, 0);
		taken += got > 0 ? (size_t)got : 0;
	}
	return taken;
}

void peer_write(int socket, const void *bytes, size_t size)
{
	const char *at = bytes;

	while (size > 0) {
		ssize_t sent = send(socket, at, size, MSG_NOSIGNAL);

		if (sent <= 0)
			return;
		at += sent;
		size -= (size_t)sent;
	}
}

void peer_say(int socket, const char *text)
{
	peer_write(socket, text, strlen(text));
}

void peer_hold(int socket)
{
	char bytes[256];

	while (recv(socket, bytes, sizeof(bytes), 0) > 0)
		;
}

static int read_count(struct peer *p, const int *count)
{
	int value;

	pthread_mutex_lock(&p->mutex);
	value = *count;
	pthread_mutex_unlock(&p->mutex);
	return value;
}

int peer_connections(struct peer *p)
{
	return read_count(p, &p->connection_count);
}

int peer_requests(struct peer *p)
{
	return read_count(p, &p->request_count);
}

const char *peer_request(struct peer *p, int i)
{
	return i < peer_requests(p) ? p->requests[i] : "";
}

static void wait_for(struct peer *p, const int *value, int least)
{
	pthread_mutex_lock(&p->mutex);
	while (*value < least)
		pthread_cond_wait(&p->changed, &p->mutex);
	pthread_mutex_unlock(&p->mutex);
}

void peer_wait_requests(struct peer *p, int count)
{
	wait_for(p, &p->request_count, count);
}

void peer_wait_closed(struct peer *p, int count)
{
	wait_for(p, &p->closed_count, count);
}
