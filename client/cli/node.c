/* register-node. With --keep the library's thread keeps the node, and tells here what happens to
 * it. */
#include <stdatomic.h>
#include <stdio.h>

#include "api.gen.h"
#include "base/json.h"
#include "client/cli/cli.h"
#include "junction/v1/registry.pb-c.h"

struct keeping {
	struct arena *arena; /* of the node's thread, and of the main thread after it */
	bool json, known, troubled;
	_Atomic int code; /* not EXIT_DONE: it was refused */
};

static void say(const struct keeping *k, const char *event, const char *name)
{
	struct buffer out = {.arena = k->arena};

	buffer_printf(&out, "{\"event\":\"%s\",\"node\":", event);
	json_write_string(&out, text_of(name));
	if (k->json)
		printf("%.*s}\n", (int)out.size, out.data);
	else
		printf("%s %s\n", event, plain(k->arena, name));
	fflush(stdout);
	arena_clear(k->arena);
}

/* What is refused before it was ever registered will be refused again. */
static void say_trouble(struct keeping *k, const struct junction_error *error)
{
	if (k->troubled)
		return;
	k->troubled = true;
	int code = cli_failed(error);
	if (code == EXIT_REFUSED && !k->known) {
		atomic_store(&k->code, code);
		cli_wake();
	} else {
		fputs("junction: trying again\n", stderr);
	}
}

static void changed(void *context, const struct junction_node *node, enum junction_node_event event,
	const struct junction_error *error)
{
	struct keeping *k = context;

	if (event == JUNCTION_NODE_TROUBLED) {
		say_trouble(k, error);
		return;
	}
	if (event == JUNCTION_NODE_LOST) {
		say(k, "lost", junction_node_name(node));
		return;
	}
	k->known = true;
	k->troubled = false;
	say(k, event == JUNCTION_NODE_REGISTERED ? "registered" : "restored",
		junction_node_name(node));
}

static int keep(struct cli *cli, const Registry__RegisterNodeRequest *request)
{
	struct keeping k = {.arena = arena_new(0), .json = cli->json};
	struct junction_error error;

	struct junction_node *node = junction_node_start(cli->client, request, changed, &k);
	cli_wait();
	const char *name = arena_string(cli->arena, text_of(junction_node_name(node)));
	bool gone = junction_node_stop(&node, &error);
	int code = atomic_load(&k.code);
	if (code == EXIT_DONE && gone)
		say(&k, "deregistered", name);
	else if (code == EXIT_DONE)
		code = cli_failed(&error);
	arena_free(&k.arena);
	return code;
}

int cli_register_node(struct cli *cli, const struct command *command, char **arguments)
{
	static const char *const fields[] = {"service", "host", "port", NULL};
	const struct api_method *method = &api_methods[command->method];
	char *address[2];
	struct junction_reply *reply;

	if (!cli_split_address(cli, arguments[1], address))
		return cli_usage("\"%s\" is not HOST:PORT", arguments[1]);
	char *values[] = {arguments[0], address[0], address[1], NULL};
	ProtobufCMessage *request = cli_request(cli, command, method, fields, values);
	if (!request)
		return EXIT_USAGE;
	if (cli->given[GIVEN_KEEP].flag)
		return keep(cli, (const Registry__RegisterNodeRequest *)request);
	int code = cli_invoke(cli, method, request, &reply);
	if (code != EXIT_DONE)
		return code;
	if (cli->json)
		cli_print_json(method->output, junction_reply_message(reply));
	else
		printf("registered %s\n",
			((const Registry__RegisterNodeResponse *)junction_reply_message(reply))
				->node);
	junction_reply_free(&reply);
	return EXIT_DONE;
}
