/*
 * A secret is read from the terminal without being shown, or from standard input if that is none. A
 * signal that comes meanwhile takes effect when the terminal shows again what is typed.
 */
#include <errno.h>
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

/* What is beyond the room is read and lost: it is too long for any secret. False at the end of the
 * input or at a signal. */
static bool read_line(char line[SECRET_ROOM])
{
	size_t size = 0;
	char c = '\0';

	while (!caught && c != '\n') {
		ssize_t got = read(STDIN_FILENO, &c, 1);
		if (got == 0 || (got < 0 && errno != EINTR))
			break;
		if (got > 0 && c != '\n' && size < SECRET_ROOM - 1)
			line[size++] = c;
	}
	line[size] = '\0';
	return !caught && (size || c == '\n');
}

/* Not restarted: a signal ends the reading. */
static bool read_hidden(char line[SECRET_ROOM])
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP};
	enum { COUNT = sizeof(signals) / sizeof(*signals) };
	struct sigaction before[COUNT], during = {.sa_handler = catch_signal};
	struct termios shown, hidden;

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
