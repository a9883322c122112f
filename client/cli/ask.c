/*
 * A secret is read from the terminal without being shown, or from standard input if that is none. A
 * signal that comes meanwhile takes effect when the terminal shows again what is typed.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <termios.h>
#include <unistd.h>

#include "client/cli/cli.h"

static atomic_int caught;
static int bell = -1; /* readable once a signal was caught: by any thread, maybe not this one */

static void catch_signal(int signal)
{
	int before = errno;

	caught = signal;
	(void)!write(bell, &(uint64_t){1}, sizeof(uint64_t));
	errno = before;
}

/* What is beyond the room is read and lost: it is too long for any secret. False at the end of the
 * input or at a signal. */
static bool read_line(char line[SECRET_ROOM])
{
	struct pollfd waits[] = {
		{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = bell, .events = POLLIN}};
	size_t size = 0;
	char c = '\0';

	while (!caught && c != '\n') {
		if (poll(waits, 2, -1) < 0 || !waits[0].revents)
			continue;
		if (read(STDIN_FILENO, &c, 1) <= 0)
			break;
		if (c != '\n' && size < SECRET_ROOM - 1)
			line[size++] = c;
	}
	line[size] = '\0';
	return !caught && (size || c == '\n');
}

static bool read_hidden(char line[SECRET_ROOM])
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP};
	enum { COUNT = sizeof(signals) / sizeof(*signals) };
	struct sigaction before[COUNT];
	struct sigaction during = {.sa_handler = catch_signal, .sa_flags = SA_RESTART};
	struct termios shown, hidden;

	if (bell < 0)
		bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (bell < 0)
		return false;
	tcgetattr(STDIN_FILENO, &shown);
	hidden = shown;
	hidden.c_lflag &= ~(tcflag_t)ECHO;
	hidden.c_lflag |= ECHONL;
	for (size_t i = 0; i < COUNT; i++)
		sigaction(signals[i], &during, &before[i]);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
	bool read = read_line(line);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
	for (size_t i = 0; i < COUNT; i++)
		sigaction(signals[i], &before[i], NULL);
	return read;
}

bool cli_ask(const char *prompt, char secret[SECRET_ROOM])
{
	if (!isatty(STDIN_FILENO))
		return read_line(secret);
	fputs(prompt, stderr);
	bool read = read_hidden(secret);
	if (caught) {
		fputc('\n', stderr);
		raise(caught);
	}
	return read;
}
