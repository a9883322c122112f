/*
 * junction: the command line. One table of commands, one of options; each command makes a request,
 * calls, and prints the response as a table for people or as JSON for programs.
 */
#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "client/cli/cli.h"
#include "proto/runtime/transcode.h"

int cli_usage(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	fputs("junction: ", stderr);
	vfprintf(stderr, format, args);
	fputs("\nTry 'junction --help'.\n", stderr);
	va_end(args);
	return EXIT_USAGE;
}

int cli_invoke(struct cli *cli, const struct api_method *method, const ProtobufCMessage *request,
	struct junction_reply **reply)
{
	struct junction_error error;
	*reply = junction_invoke(
		cli->client, method->path, request, method->output->descriptor, &error);
	if (*reply)
		return EXIT_DONE;
	fprintf(stderr, "junction: %s (%s)\n", error.message, status_name(error.code));
	return error.code == STATUS_UNAVAILABLE || error.code == STATUS_DEADLINE_EXCEEDED
		       ? EXIT_UNREACHED
		       : EXIT_REFUSED;
}

void cli_print_json(
	struct cli *cli, const struct api_method *method, const struct junction_reply *reply)
{
	struct buffer out = {.arena = cli->arena};
	struct transcode_options options = {.int64_as_number = true};
	struct status status;
	if (!message_to_json(
		    &out, method->output, junction_reply_message(reply), &options, &status))
		fprintf(stderr, "junction: %s\n", status.message);
	else
		printf("%.*s\n", (int)out.size, out.data);
}

static int run_command(struct cli *cli, char **arguments)
{
	if (!arguments[0])
		return cli_usage("a command is missing");
	for (const struct command *c = commands; c->name; c++) {
		if (strcmp(c->name, arguments[0]) != 0)
			continue;
		int count = 0;
		while (arguments[count + 1])
			count++;
		if (count < c->least || count > c->most)
			return cli_usage("usage: junction %s %s", c->name, c->arguments);
		return c->run(cli, arguments + 1);
	}
	return cli_usage("there is no command \"%s\"", arguments[0]);
}

/* The purpose, with the table of commands, for --help. */
static const char *describe(struct arena *a)
{
	struct buffer out = {.arena = a};
	buffer_printf(
		&out, "Asks Junction what is registered, registers, and calls.\n\nCommands:\n");
	for (const struct command *c = commands; c->name; c++)
		buffer_printf(&out, "  %-8s %-34s %s\n", c->name, c->arguments, c->purpose);
	buffer_printf(&out,
		"\nExit codes: %d done; %d refused, or the called action answered other "
		"than 2xx;\n%d wrong usage; %d Junction or the service was not reached in "
		"time.\n",
		EXIT_DONE, EXIT_REFUSED, EXIT_USAGE, EXIT_UNREACHED);
	return arena_string(a, buffer_text(&out));
}

int main(int argc, char **argv)
{
	setlocale(LC_ALL, "");
	/* What C core has to say is in the error already. */
	setenv("GRPC_VERBOSITY", "NONE", 0);
	/* Static: what the options read lives as long as the process. */
	static struct cli cli;
	cli.arena = arena_new(0);
	const struct option options[] = {
		{"--server", "JUNCTION_SERVER", OPTION_STRING, &cli.server, "127.0.0.1:50051",
			"ADDRESS", "Junction's gRPC address, HOST:PORT or unix:PATH"},
		{"--ca", "JUNCTION_SERVER_CA", OPTION_STRING, &cli.ca, NULL, "FILE",
			"authorities (PEM) of the server's certificate; calls it over TLS"},
		{"--cert", "JUNCTION_SERVER_CERT", OPTION_STRING, &cli.cert, NULL, "FILE",
			"certificate and chain (PEM) to show the server"},
		{"--key", "JUNCTION_SERVER_KEY", OPTION_STRING, &cli.key, NULL, "FILE",
			"that certificate's key (PEM, no passphrase)"},
		{"--server-name", "JUNCTION_SERVER_NAME", OPTION_STRING, &cli.server_name, NULL,
			"NAME",
			"name that the server's certificate must have, if not the one in --server"},
		{"--namespace", "JUNCTION_NAMESPACE", OPTION_STRING, &cli.space, NULL, "NAME",
			"namespace to work in (the server's default is \"default\")"},
		{"--timeout-ms", "JUNCTION_TIMEOUT_MS", OPTION_NUMBER, &cli.timeout_ms, "30000",
			"milliseconds", "how long a call may take", 1, 3600000},
		{"--json", NULL, OPTION_FLAG, &cli.json, NULL, NULL,
			"print the response as one line of JSON"},
		{"--method", NULL, OPTION_STRING, &cli.method, NULL, "METHOD",
			"call, register: HTTP method"},
		{"--protocol", NULL, OPTION_STRING, &cli.protocol, NULL, "PROTOCOL",
			"register: http or https"},
		{"--param", NULL, OPTION_LIST, &cli.params, NULL, "NAME=VALUE",
			"call: query parameter; repeatable"},
		{"--header", NULL, OPTION_LIST, &cli.headers, NULL, "NAME=VALUE",
			"call: request header; repeatable"},
		{"--body", NULL, OPTION_STRING, &cli.body, NULL, "JSON",
			"call: request body; what is not JSON is sent as plain text"},
		{0},
	};
	struct option_program program = {.name = "junction",
		.synopsis = "junction [OPTION...] COMMAND [ARGUMENT...]",
		.purpose = describe(cli.arena),
		.options = options};
	char **arguments;
	option_read(&program, argc, argv, &arguments);

	cli.client = junction_open(&(struct junction_options){.target = cli.server,
		.space = cli.space,
		.timeout_ms = cli.timeout_ms,
		.ca = cli.ca,
		.cert = cli.cert,
		.key = cli.key,
		.server_name = cli.server_name});
	int code = run_command(&cli, arguments);
	junction_close(&cli.client);
	arena_free(&cli.arena);
	if (fflush(stdout) != 0) {
		perror("junction: standard output");
		return EXIT_REFUSED;
	}
	return code;
}
