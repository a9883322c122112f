/*
 * A secret is read from the terminal without being shown, or from standard input if that is none. A
 * signal that comes meanwhile takes effect when the terminal shows again what is typed.
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <termios.h>
#include <unistd.h>

#include "client/cli/cli.h"

static volatile sig_atomic_t caught;

static void catch_signal(int signal)
{
	caught = signal;
}

/* What is beyond the room is read and lost: it is too long for any secret. mask: of signals, while
 * it waits; NULL: as it is. False at the end of the input or at a signal. */
static bool read_line(char line[SECRET_ROOM], const sigset_t *mask)
{
	struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
	size_t size = 0;
	char c = '\0';

	while (!caught && c != '\n') {
		if (ppoll(&input, 1, NULL, mask) < 0)
			continue;
		if (read(STDIN_FILENO, &c, 1) <= 0)
			break;
		if (c != '\n' && size < SECRET_ROOM - 1)
			line[size++] = c;
	}
	line[size] = '\0';
	return !caught && (size || c == '\n');
}

/* Signals come only while it waits, so that none is missed just before. */
static bool read_hidden(char line[SECRET_ROOM])
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP};
	enum { COUNT = sizeof(signals) / sizeof(*signals) };
	struct sigaction before[COUNT], during = {.sa_handler = catch_signal};
	sigset_t held, mask;
	struct termios shown, hidden;

	tcgetattr(STDIN_FILENO, &shown);
	hidden = shown;
	hidden.c_lflag &= ~(tcflag_t)ECHO;
	hidden.c_lflag |= ECHONL;
	sigemptyset(&held);
	for (size_t i = 0; i < COUNT; i++) {
		sigaddset(&held, signals[i]);
		sigaction(signals[i], &during, &before[i]);
	}
	sigprocmask(SIG_BLOCK, &held, &mask);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
	bool read = read_line(line, &mask);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
	for (size_t i = 0; i < COUNT; i++)
		sigaction(signals[i], &before[i], NULL);
	sigprocmask(SIG_SETMASK, &mask, NULL);
	return read;
}

bool cli_ask(const char *prompt, char secret[SECRET_ROOM])
{
	if (!isatty(STDIN_FILENO))
		return read_line(secret, NULL);
	fputs(prompt, stderr);
	bool read = read_hidden(secret);
	if (caught) {
		fputc('\n', stderr);
		raise(caught);
	}
	return read;
}
