/*
 * Options: a program's configuration from flags and environment, and its --help.
 *
 * One table says name, environment variable, default, unit and meaning. A flag wins over the
 * environment. Lists are given by repeating the flag, or separated by commas in the environment. A
 * wrong value stops the start with a sentence that names the option. Main thread, at start.
 */
#ifndef JUNCTION_BASE_OPTION_H
#define JUNCTION_BASE_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum option_kind {
	OPTION_STRING, /* const char * */
	OPTION_LIST,   /* struct option_list */
	OPTION_NUMBER, /* int64_t within minimum..maximum */
	OPTION_FLAG,   /* bool; given without a value */
};

struct option_list {
	const char **items; /* NULL-terminated */
	size_t count;
};

struct option {
	const char *name;        /* "--listen"; NULL ends the table */
	const char *environment; /* "JUNCTION_LISTEN", or NULL */
	enum option_kind kind;
	void *value;          /* where it goes */
	const char *fallback; /* default as text; NULL is none */
	const char *unit;     /* "milliseconds", "ADDRESS:PORT", shown in --help; NULL for flags */
	const char *help;     /* one sentence */
	int64_t minimum, maximum; /* of a number */
	bool secret;              /* its value is never shown, default included */
};

/* A number, on few lines. */
#define OPTION_RANGE(flag, variable, where, normal, of, least, most, sentence)                     \
	{                                                                                          \
		.name = flag, .environment = variable, .kind = OPTION_NUMBER, .value = where,      \
		.fallback = normal, .unit = of, .help = sentence, .minimum = (least),              \
		.maximum = (most)                                                                  \
	}

/* Of the listener in base/admin, which every program that serves has. */
#define OPTION_ADMIN(variable, normal, where)                                                      \
	{                                                                                          \
		.name = "--admin", .environment = variable, .kind = OPTION_STRING, .value = where, \
		.fallback = normal, .unit = "ADDRESS:PORT|none",                                   \
		.help = "Where to serve metrics and the log level over HTTP; port 0 takes a "      \
			"free one."                                                                \
	}

struct option_program {
	const char *name;     /* "junctiond" */
	const char *synopsis; /* "junctiond [options] [migrate]" */
	const char *purpose;  /* one or more lines */
	const struct option *options;
};

/*
 * Reads the environment, then argv. What is no option is left in arguments (points into argv,
 * NULL-terminated; "--" ends options). --help and --version print to standard output and exit 0. An
 * error prints a sentence and a hint at --help to standard error and exits 2.
 */
void option_read(const struct option_program *program, int argc, char **argv, char ***arguments);
void option_help(const struct option_program *program);
/* How option_read() refuses a value, for what only the program can judge. The sentence has no full
 * stop. */
_Noreturn void option_refuse(const struct option_program *program, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* "host:port", "[::1]:port" or ":port" (host ""): false if it is none; port 0 to 65535. */
bool option_address(const char *text, char host[256], int *port);
/* The address, or NULL for "none". Refuses what is neither and, unless insecure, what other
 * machines can reach. */
const char *option_admin(const struct option_program *program, const char *given, bool insecure);
/* 127.0.0.0/8, ::1 or localhost: only this machine reaches it. */
bool option_loopback(const char *host);
/* What a client calls there is on this machine: "unix:PATH", or HOST:PORT of loopback. */
bool option_local(const char *target);

#endif
