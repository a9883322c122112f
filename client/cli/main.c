/*
 * junction: the command line. One table of commands, one of options; each command makes a request,
 * calls, and prints the response as a table for people or as JSON for programs.
 */
#include <locale.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

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

/* Calls show no credentials, though they might. */
static bool nobody;

int cli_failed(const struct junction_error *error)
{
	fprintf(stderr, "junction: %s (%s)\n", error->message, status_name(error->code));
	if (error->code == STATUS_UNAUTHENTICATED && nobody)
		fputs("junction: log in first: junction login USER\n", stderr);
	return error->code == STATUS_UNAVAILABLE || error->code == STATUS_DEADLINE_EXCEEDED
		       ? EXIT_UNREACHED
		       : EXIT_REFUSED;
}

void cli_print_json(const struct api_message *type, const ProtobufCMessage *message)
{
	struct arena *a = arena_new(0);
	struct buffer out = {.arena = a};
	struct transcode_options options = {.int64_as_number = true};
	struct status status;

	if (message_to_json(&out, type, message, &options, &status)) {
		buffer_add_char(&out, '\n');
		fwrite(out.data, 1, out.size, stdout);
		fflush(stdout);
	} else {
		fprintf(stderr, "junction: %s\n", status.message);
	}
	arena_free(&a);
}

const struct command *cli_command(const char *name)
{
	for (const struct command *c = commands; c->name; c++)
		if (strcmp(c->name, name) == 0)
			return c;
	return NULL;
}

/* NULL after a complaint. */
static const struct command *choose(char **arguments)
{
	int count = 0;

	if (!arguments[0])
		return cli_usage("a command is missing"), NULL;
	while (arguments[count + 1])
		count++;
	const struct command *c = cli_command(arguments[0]);
	if (!c)
		return cli_usage("there is no command \"%s\"", arguments[0]), NULL;
	if (count < c->least || count > c->most)
		return cli_usage("usage: junction %s %s", c->name, c->arguments), NULL;
	return c;
}

static bool takes_what_is_given(const struct cli *cli, const struct command *c)
{
	for (int i = 0; i < GIVEN_COUNT; i++)
		if (cli_is_given(cli, i) && !(c->takes & UINT64_C(1) << i))
			return cli_usage("%s takes no %s", c->name, parameters[i].flag), false;
	return true;
}

static void fill_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGUSR1);
}

/* Before any thread is there, so that all of them have it. */
static void block_signals(void)
{
	sigset_t set;

	fill_signals(&set);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
}

void cli_wait(void)
{
	sigset_t set;
	int signal;

	fill_signals(&set);
	sigwait(&set, &signal);
}

void cli_wake(void)
{
	kill(getpid(), SIGUSR1);
}

struct junction *cli_open(struct cli *cli, bool anonymous)
{
	struct junction_options options = {.target = cli->server,
		.space = cli->space,
		.timeout_ms = cli->timeout_ms,
		.ca = cli->ca,
		.cert = cli->cert,
		.key = cli->key,
		.server_name = cli->server_name,
		.insecure_credentials = cli->insecure_credentials};

	if (!anonymous) {
		options.token = cli->token;
		options.key_file = cli->key_file;
		bool kept = !cli->token && !cli->key_file && kept_exists(cli->server);
		options.get_token = kept ? cli_token : NULL;
		options.get_token_context = cli;
		nobody = !cli->token && !cli->key_file && !kept;
	}
	return junction_open(&options);
}

static int run(struct cli *cli, char **arguments)
{
	const struct command *c = choose(arguments);

	if (!c || !takes_what_is_given(cli, c))
		return EXIT_USAGE;
	if (c->endures || cli->given[GIVEN_KEEP].flag)
		block_signals();
	cli->client = cli_open(cli, c->nobody);
	int code = c->run ? c->run(cli, c, arguments + 1) : cli_run_plain(cli, c, arguments + 1);
	junction_close(&cli->client);
	return code;
}

static void *value_of(struct cli *cli, int index)
{
	struct given *given = &cli->given[index];

	switch (parameters[index].kind) {
	case OPTION_FLAG:
		return &given->flag;
	case OPTION_LIST:
		return &given->list;
	default:
		return &given->text;
	}
}

/* What the options read lives as long as the process. */
static struct cli the_cli;

static const struct option common[] = {
	{"--server", "JUNCTION_SERVER", OPTION_STRING, &the_cli.server, "127.0.0.1:50051",
		"ADDRESS", "Junction's gRPC address, HOST:PORT or unix:PATH."},
	{"--ca", "JUNCTION_SERVER_CA", OPTION_STRING, &the_cli.ca, NULL, "FILE",
		"Authorities (PEM) of the server's certificate; calls it over TLS."},
	{"--cert", "JUNCTION_SERVER_CERT", OPTION_STRING, &the_cli.cert, NULL, "FILE",
		"Certificate and chain (PEM) to show the server."},
	{"--key", "JUNCTION_SERVER_KEY", OPTION_STRING, &the_cli.key, NULL, "FILE",
		"That certificate's key (PEM, no passphrase)."},
	{"--server-name", "JUNCTION_SERVER_NAME", OPTION_STRING, &the_cli.server_name, NULL, "NAME",
		"Name that the server's certificate must have, if not the one in "
		"--server."},
	{"--token", "JUNCTION_TOKEN", OPTION_STRING, &the_cli.token, NULL, "TOKEN",
		"Access token to show, instead of the login that is kept; others can see "
		"what is on a command line, the variable they cannot.",
		.secret = true},
	{"--key-file", "JUNCTION_KEY_FILE", OPTION_STRING, &the_cli.key_file, NULL, "FILE",
		"Access key to call with, instead of the login that is kept; see "
		"create-key."},
	{"--insecure-credentials", "JUNCTION_INSECURE_CREDENTIALS", OPTION_FLAG,
		&the_cli.insecure_credentials, NULL, NULL,
		"Send credentials to another machine in plain text, too."},
	{"--namespace", "JUNCTION_NAMESPACE", OPTION_STRING, &the_cli.space, NULL, "NAME",
		"Namespace to work in (the server's default is \"default\")."},
	{"--timeout-ms", "JUNCTION_TIMEOUT_MS", OPTION_NUMBER, &the_cli.timeout_ms, "30000",
		"milliseconds", "How long a call may take.", 1, 3600000},
	{"--json", NULL, OPTION_FLAG, &the_cli.json, NULL, NULL,
		"Print each response as one line of JSON."},
};

enum { COMMON = sizeof(common) / sizeof(*common) };

int main(int argc, char **argv)
{
	/* All texts are UTF-8, whatever the environment says. */
	if (!setlocale(LC_CTYPE, "C.UTF-8"))
		setlocale(LC_CTYPE, "");
	/* What C core has to say is in the error already. */
	setenv("GRPC_VERBOSITY", "NONE", 0);
	the_cli.arena = arena_new(0);
	struct option options[COMMON + GIVEN_COUNT + 1] = {0};
	memcpy(options, common, sizeof(common));
	for (int i = 0; i < GIVEN_COUNT; i++)
		options[COMMON + i] = (struct option){.name = parameters[i].flag,
			.kind = parameters[i].kind,
			.value = value_of(&the_cli, i),
			.unit = parameters[i].unit,
			.help = parameters[i].help};
	struct option_program program = {.name = "junction",
		.synopsis = "junction [OPTION...] COMMAND [ARGUMENT...]",
		.purpose = cli_purpose(the_cli.arena),
		.options = options};
	char **arguments;
	option_read(&program, argc, argv, &arguments);
	int code = run(&the_cli, arguments);
	arena_free(&the_cli.arena);
	if (fflush(stdout) != 0) {
		perror("junction: standard output");
		return EXIT_REFUSED;
	}
	return code;
}
