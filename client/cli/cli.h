/* The command line: what its commands share. One thread. */
#ifndef JUNCTION_CLI_H
#define JUNCTION_CLI_H

#include "base/option.h"
#include "client/junction.h"
#include "proto/runtime/api.h"

/* Exit codes, as --help shows them. */
enum { EXIT_DONE = 0, EXIT_REFUSED = 1, EXIT_USAGE = 2, EXIT_UNREACHED = 3 };

struct cli {
	struct arena *arena;
	struct junction *client;
	/* Options. */
	const char *server, *space, *method, *protocol, *body;
	const char *ca, *cert, *key, *server_name;
	struct option_list params, headers;
	int64_t timeout_ms;
	bool json;
};

struct command {
	const char *name;
	const char *arguments; /* "SERVICE.ACTION" */
	const char *purpose;
	int least, most; /* arguments */
	int (*run)(struct cli *cli, char **arguments);
};

extern const struct command commands[]; /* ends with name NULL */

/* Says on standard error what is wrong with the command line. Returns EXIT_USAGE. */
int cli_usage(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Calls; the reply lives in *reply. On failure says why and gives the exit code, else EXIT_DONE. */
int cli_invoke(struct cli *cli, const struct api_method *method, const ProtobufCMessage *request,
	struct junction_reply **reply);

/* Prints a response as JSON, one line. */
void cli_print_json(
	struct cli *cli, const struct api_method *method, const struct junction_reply *reply);

/* A table for people: columns as wide as their widest cell, the first row is the head. Cells are
 * rows * columns UTF-8 strings. */
void table_print(const char *const *cells, size_t rows, size_t columns);

#endif
