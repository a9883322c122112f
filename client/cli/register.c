/*
 * register: a server, an action, or files in the bulk form, of which each member is a server with
 * its actions. Files go in requests of some servers each, so that progress can be seen and no
 * request is too large; to register again changes nothing, so a file that was broken off is given
 * again as it is.
 */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "api.gen.h"
#include "base/json.h"
#include "client/cli/cli.h"
#include "junction/v1/registry.pb-c.h"

enum { SERVERS_EACH = 100 };

static int finish(struct cli *cli, const struct api_method *method, const ProtobufCMessage *request,
	const char *name)
{
	struct junction_reply *reply;
	int code = cli_invoke(cli, method, request, &reply);
	if (code != EXIT_DONE)
		return code;
	if (cli->json)
		cli_print_json(method->output, junction_reply_message(reply));
	else if (name)
		printf("registered %s\n", name);
	junction_reply_free(&reply);
	return EXIT_DONE;
}

static int register_one(struct cli *cli, const struct command *command,
	const struct api_method *method, const char *const *fields, char **values, const char *name)
{
	ProtobufCMessage *request = cli_request(cli, command, method, fields, values);
	return request ? finish(cli, method, request, name) : EXIT_USAGE;
}

/* --- files -------------------------------------------------------------------------------------
 */

static bool read_file(struct arena *a, const char *path, struct text *content)
{
	struct buffer b = {.arena = a};
	FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "rb");
	size_t got;

	if (!f)
		return cli_usage("%s: %s", path, strerror(errno)), false;
	while ((got = fread(buffer_reserve(&b, 65536), 1, 65536, f)))
		b.size += got;
	bool failed = ferror(f);
	if (failed)
		cli_usage("%s: %s", path, strerror(errno));
	if (f != stdin)
		fclose(f);
	*content = buffer_text(&b);
	return !failed;
}

/* Some servers from *next on, in a request of their own. */
static int register_some(struct cli *cli, const char *path, const struct json **next, size_t *count)
{
	const struct api_method *method = &api_methods[API_REGISTRY_REGISTER_SERVICE];
	struct arena *a = arena_new(0);
	struct buffer text = {.arena = a};

	buffer_add_text(&text, TEXT("{\"servers\":{"));
	for (size_t i = 0; *next && i < SERVERS_EACH; i++, *next = (*next)->next, ++*count) {
		json_write_name(&text, (*next)->name);
		buffer_add_text(&text, (*next)->raw);
	}
	buffer_add_text(&text, TEXT("}}"));
	ProtobufCMessage *request =
		cli_message(a, method->input, buffer_text(&text), arena_printf(a, "%s: ", path));
	int code = request ? finish(cli, method, request, NULL) : EXIT_USAGE;
	arena_free(&a);
	return code;
}

static int register_file(struct cli *cli, const char *path, size_t *count)
{
	struct text content;
	struct status status;

	if (!read_file(cli->arena, path, &content))
		return EXIT_USAGE;
	const struct json *json = json_read(cli->arena, content, &status);
	if (!json)
		return cli_usage("%s: %s", path, status.message);
	if (json->type != JSON_OBJECT)
		return cli_usage("%s: must hold an object of servers", path);
	const struct json *next = json->first;
	size_t done = 0;
	int code = EXIT_DONE;
	while (next && code == EXIT_DONE) {
		size_t before = done;
		code = register_some(cli, path, &next, &done);
		if (code != EXIT_DONE)
			done = before;
		if (isatty(STDERR_FILENO))
			fprintf(stderr, "\r%s: %zu of %zu servers%s", path, done, json->count,
				next && code == EXIT_DONE ? "" : "\n");
	}
	if (code != EXIT_DONE)
		fprintf(stderr, "junction: %s: %zu of %zu servers are registered\n", path, done,
			json->count);
	*count += done;
	return code;
}

static int register_files(struct cli *cli, char **paths)
{
	size_t count = 0;
	int code = EXIT_DONE;

	for (int i = 0; i < GIVEN_COUNT; i++)
		if (cli_is_given(cli, i))
			return cli_usage("register takes no %s with files", parameters[i].flag);
	for (; *paths && code == EXIT_DONE; paths++)
		code = register_file(cli, *paths, &count);
	if (!cli->json && code == EXIT_DONE)
		printf("registered %zu servers\n", count);
	return code;
}

static bool are_files(char **arguments)
{
	for (; *arguments; arguments++) {
		size_t size = strlen(*arguments);
		if (strcmp(*arguments, "-") != 0 &&
			(size < 6 || strcmp(*arguments + size - 5, ".json") != 0))
			return false;
	}
	return true;
}

int cli_register(struct cli *cli, const struct command *command, char **arguments)
{
	static const char *const server_fields[] = {"server_name", "host", "port", NULL};
	static const char *const action_fields[] = {"server_name", "service_name", "uri", NULL};
	char *parts[2];

	if (are_files(arguments))
		return register_files(cli, arguments);
	if (!arguments[1] || arguments[2])
		return cli_usage("usage: junction %s %s", command->name, command->arguments);
	if (arguments[1][0] == '/') {
		if (!cli_split(cli, arguments[0], parts))
			return EXIT_USAGE;
		char *values[] = {parts[0], parts[1], arguments[1], NULL};
		return register_one(cli, command, &api_methods[API_REGISTRY_REGISTER_SERVICE],
			action_fields, values, arguments[0]);
	}
	if (!cli_split_address(cli, arguments[1], parts))
		return cli_usage("\"%s\" is neither HOST:PORT nor a /URI", arguments[1]);
	char *values[] = {arguments[0], parts[0], parts[1], NULL};
	return register_one(cli, command, &api_methods[API_REGISTRY_REGISTER_SERVER], server_fields,
		values, arguments[0]);
}
