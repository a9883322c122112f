/* How every command calls, and the two that call what they are told to. */
#include <stdio.h>

#include "api.gen.h"
#include "client/cli/cli.h"
#include "junction/v1/registry.pb-c.h"

int cli_invoke(struct cli *cli, const struct api_method *method, const ProtobufCMessage *request,
	struct junction_reply **reply)
{
	struct junction_error error;
	*reply = junction_invoke(
		cli->client, method->path, request, method->output->descriptor, &error);
	return *reply ? EXIT_DONE : cli_failed(&error);
}

int cli_run_plain(struct cli *cli, const struct command *command, char **arguments)
{
	const struct api_method *method = &api_methods[command->method];
	ProtobufCMessage *request = cli_request(cli, command, method, command->fields, arguments);
	struct junction_reply *reply;

	if (!request)
		return EXIT_USAGE;
	int code = cli_invoke(cli, method, request, &reply);
	if (code != EXIT_DONE)
		return code;
	if (cli->json)
		cli_print_json(method->output, junction_reply_message(reply));
	else
		command->show(cli, junction_reply_message(reply), arguments);
	junction_reply_free(&reply);
	return EXIT_DONE;
}

/* --- rpc ---------------------------------------------------------------------------------------
 */

/* Each message as it comes. */
static int print_stream(
	struct cli *cli, const struct api_method *method, const ProtobufCMessage *request)
{
	struct junction_stream *stream = junction_stream_open(
		cli->client, method->path, request, method->output->descriptor);
	struct junction_reply *reply;
	struct junction_error error;
	enum junction_next next;

	while ((next = junction_stream_next(stream, -1, &reply, &error)) == JUNCTION_NEXT_MESSAGE) {
		cli_print_json(method->output, junction_reply_message(reply));
		junction_reply_free(&reply);
	}
	junction_stream_close(&stream);
	return next == JUNCTION_NEXT_END ? EXIT_DONE : cli_failed(&error);
}

const char *cli_input(struct arena *a)
{
	struct buffer text = {.arena = a};
	size_t got;

	while ((got = fread(buffer_reserve(&text, 65536), 1, 65536, stdin)))
		text.size += got;
	return arena_string(a, buffer_text(&text));
}

const struct api_method *cli_method(struct arena *a, const char *name)
{
	char *dotted = arena_string(a, text_of(name + (*name == '/')));
	for (char *c = dotted; *c; c++)
		if (*c == '/')
			*c = '.';
	for (size_t i = 0; i < api_method_count; i++) {
		const struct api_method *m = &api_methods[i];
		const char *full = arena_printf(a, "%s.%s", m->service, m->name);
		const char *tail = full + strlen(full) - strlen(dotted);
		if (strlen(dotted) <= strlen(full) && strcmp(tail, dotted) == 0 &&
			(tail == full || (tail[-1] == '.' && strchr(dotted, '.'))))
			return m;
	}
	return NULL;
}

int cli_rpc(struct cli *cli, const struct command *command, char **arguments)
{
	const struct api_method *method = cli_method(cli->arena, arguments[0]);
	const char *text = arguments[1] ? arguments[1] : "{}";
	struct junction_reply *reply;

	if (!method)
		return cli_usage("there is no method \"%s\"", arguments[0]);
	if (method->client_streaming)
		return cli_usage("%s takes a stream of requests: not from here", method->name);
	if (strcmp(text, "-") == 0)
		text = cli_input(cli->arena);
	ProtobufCMessage *request = cli_message(cli->arena, method->input, text_of(text), "");
	if (!request)
		return EXIT_USAGE;
	if (method->server_streaming)
		return print_stream(cli, method, request);
	int code = cli_invoke(cli, method, request, &reply);
	if (code == EXIT_DONE)
		cli_print_json(method->output, junction_reply_message(reply));
	junction_reply_free(&reply);
	return code;
}

/* --- call --------------------------------------------------------------------------------------
 */

int cli_call(struct cli *cli, const struct command *command, char **arguments)
{
	static const char *const fields[] = {"service", "action", NULL};
	const struct api_method *method = &api_methods[command->method];
	char *parts[2];
	struct junction_reply *reply;

	if (!cli_split(cli, arguments[0], parts))
		return EXIT_USAGE;
	char *values[] = {parts[0], parts[1], NULL};
	ProtobufCMessage *request = cli_request(cli, command, method, fields, values);
	if (!request)
		return EXIT_USAGE;
	int code = cli_invoke(cli, method, request, &reply);
	if (code != EXIT_DONE)
		return code;
	const Registry__CallResponse *response =
		(const Registry__CallResponse *)junction_reply_message(reply);
	if (cli->json)
		cli_print_json(method->output, &response->base);
	else
		puts(response->result);
	if (strcmp(response->code, "200") != 0) {
		fprintf(stderr, "junction: the action answered %s %s\n", response->code,
			response->message);
		code = EXIT_REFUSED;
	}
	junction_reply_free(&reply);
	return code;
}
