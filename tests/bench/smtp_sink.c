/*
 * SMTP sink: takes every mail and forgets it, so that what sends is what is measured. A thread for
 * each connection; knows EHLO, MAIL, RCPT, DATA, RSET and QUIT.
 *
 * usage: bench_smtp_sink
 * prints "listening smtp 127.0.0.1:PORT" and "ready"; told by SIGUSR1, the number of mails so far
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"

enum { BUFFER = 64 * 1024 };

static atomic_long mails;

static bool say(int fd, const char *line)
{
	size_t size = strlen(line);

	return send(fd, line, size, MSG_NOSIGNAL) == (ssize_t)size;
}

/* A session: what came and was not read yet. */
struct session {
	int fd;
	bool data; /* the mail itself is coming */
	size_t filled;
	char bytes[BUFFER];
};

static bool answer(struct session *s, const char *line)
{
	if (strncasecmp(line, "DATA", 4) == 0) {
		s->data = true;
		return say(s->fd, "354 go on\r\n");
	}
	if (strncasecmp(line, "QUIT", 4) == 0)
		return say(s->fd, "221 bye\r\n") && false;
	return say(s->fd, "250 OK\r\n");
}

/* False: the session is over. */
static bool take_line(struct session *s, const char *line)
{
	if (!s->data)
		return answer(s, line);
	if (strcmp(line, ".\r\n") != 0)
		return true;
	s->data = false;
	atomic_fetch_add(&mails, 1);
	return say(s->fd, "250 OK\r\n");
}

static bool take_lines(struct session *s)
{
	char *begin = s->bytes, *end;

	while ((end = memchr(begin, '\n', s->filled - (size_t)(begin - s->bytes)))) {
		char line[1024];
		size_t size = (size_t)(end + 1 - begin);

		CHECK(size < sizeof(line));
		memcpy(line, begin, size);
		line[size] = '\0';
		begin = end + 1;
		if (!take_line(s, line))
			return false;
	}
	s->filled -= (size_t)(begin - s->bytes);
	memmove(s->bytes, begin, s->filled);
	return true;
}

static void *serve(void *arg)
{
	struct session *s = check_calloc(1, sizeof(*s));
	ssize_t got;

	s->fd = (int)(intptr_t)arg;
	if (say(s->fd, "220 sink\r\n")) {
		while ((got = recv(s->fd, s->bytes + s->filled, BUFFER - s->filled, 0)) > 0) {
			s->filled += (size_t)got;
			if (!take_lines(s))
				break;
		}
	}
	close(s->fd);
	free(s);
	return NULL;
}

static void *count(void *arg)
{
	const sigset_t *asked = arg;

	int number;

	while (sigwait(asked, &number) == 0) {
		printf("mails %ld\n", atomic_load(&mails));
		fflush(stdout);
	}
	return NULL;
}

int main(void)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM, 0), on = 1;
	sigset_t asked;
	pthread_t thread;

	sigemptyset(&asked);
	sigaddset(&asked, SIGUSR1);
	CHECK(pthread_sigmask(SIG_BLOCK, &asked, NULL) == 0);
	CHECK(pthread_create(&thread, NULL, count, &asked) == 0);
	CHECK(bind(listener, (struct sockaddr *)&address, sizeof(address)) == 0);
	CHECK(listen(listener, 128) == 0);
	CHECK(getsockname(listener, (struct sockaddr *)&address, &size) == 0);
	printf("listening smtp 127.0.0.1:%d\nready\n", ntohs(address.sin_port));
	fflush(stdout);
	for (;;) {
		int fd = accept(listener, NULL, NULL);

		CHECK(fd >= 0);
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		CHECK(pthread_create(&thread, NULL, serve, (void *)(intptr_t)fd) == 0);
		pthread_detach(thread);
	}
}
