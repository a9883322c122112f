/* The commands, in the order of --help. */
#include <stdio.h>

#include "api.gen.h"
#include "base/json.h"
#include "client/cli/cli.h"
#include "junction/v1/registry.pb-c.h"

static const char *joined(struct arena *a, char **strings, size_t count)
{
	struct buffer out = {.arena = a};
	for (size_t i = 0; i < count; i++)
		buffer_printf(&out, "%s%s", i ? ", " : "", strings[i]);
	return arena_string(a, buffer_text(&out));
}

static int services(struct cli *cli, char **arguments)
{
	const struct api_method *method = &api_methods[API_REGISTRY_LIST_SERVICES];
	Registry__ListServicesRequest request = REGISTRY__LIST_SERVICES_REQUEST__INIT;
	if (arguments[0])
		request.name = arguments[0];
	struct junction_reply *reply;
	int code = cli_invoke(cli, method, &request.base, &reply);
	if (code != EXIT_DONE)
		return code;
	const Registry__ListServicesResponse *response =
		(const Registry__ListServicesResponse *)junction_reply_message(reply);
	if (cli->json) {
		cli_print_json(cli, method, reply);
	} else {
		size_t rows = response->n_services + 1;
		const char **cells = arena_array(cli->arena, rows * 4, sizeof(*cells));
		cells[0] = "SERVICE", cells[1] = "VERSION", cells[2] = "STATE", cells[3] = "NODES";
		for (size_t i = 0; i < response->n_services; i++) {
			const Registry__ServiceInfo *s = response->services[i];
			const char **row = cells + (i + 1) * 4;
			row[0] = s->name;
			row[1] = *s->version ? s->version : "-";
			row[2] = s->available ? "available" : "unavailable";
			row[3] = s->n_nodes ? joined(cli->arena, s->nodes, s->n_nodes) : "-";
		}
		table_print(cells, rows, 4);
	}
	junction_reply_free(&reply);
	return EXIT_DONE;
}

static int actions(struct cli *cli, char **arguments)
{
	const struct api_method *method = &api_methods[API_REGISTRY_LIST_ACTIONS];
	Registry__ListActionsRequest request = REGISTRY__LIST_ACTIONS_REQUEST__INIT;
	request.service = arguments[0];
	struct junction_reply *reply;
	int code = cli_invoke(cli, method, &request.base, &reply);
	if (code != EXIT_DONE)
		return code;
	const Registry__ListActionsResponse *response =
		(const Registry__ListActionsResponse *)junction_reply_message(reply);
	if (cli->json) {
		cli_print_json(cli, method, reply);
	} else {
		size_t rows = response->n_actions + 1;
		const char **cells = arena_array(cli->arena, rows * 4, sizeof(*cells));
		cells[0] = "ACTION", cells[1] = "METHOD", cells[2] = "URI", cells[3] = "STATE";
		for (size_t i = 0; i < response->n_actions; i++) {
			const Registry__ActionInfo *action = response->actions[i];
			const char **row = cells + (i + 1) * 4;
			row[0] = action->name;
			row[1] = *action->action->method ? action->action->method : "-";
			row[2] = *action->action->uri ? action->action->uri : "-";
			row[3] = action->available ? "available" : "unavailable";
		}
		table_print(cells, rows, 4);
	}
	junction_reply_free(&reply);
	return EXIT_DONE;
}

/* Is the pair for the name that prefix ("name=") gives? */
static bool same_name(const struct option_list *pairs, size_t i, struct text prefix)
{
	return text_starts(text_of(pairs->items[i]), prefix);
}

/* One member: a name that is given once has a string, one given again a list. */
static void write_member(struct buffer *out, const struct option_list *pairs, struct text prefix)
{
	size_t given = 0;
	for (size_t i = 0; i < pairs->count; i++)
		given += same_name(pairs, i, prefix);
	json_write_name(out, text_until(prefix, prefix.size - 1));
	if (given > 1)
		buffer_add_char(out, '[');
	for (size_t i = 0; i < pairs->count; i++) {
		if (!same_name(pairs, i, prefix))
			continue;
		json_write_comma(out);
		json_write_string(out, text_from(text_of(pairs->items[i]), prefix.size));
	}
	if (given > 1)
		buffer_add_char(out, ']');
}

/* NAME=VALUE pairs as a JSON object. NULL after a complaint. */
static char *pairs_to_json(struct cli *cli, const char *option, const struct option_list *pairs)
{
	struct buffer out = {.arena = cli->arena};
	buffer_add_char(&out, '{');
	for (size_t i = 0; i < pairs->count; i++) {
		struct text pair = text_of(pairs->items[i]);
		size_t equals = text_find(pair, '=', 0);
		if (equals == 0 || equals == pair.size) {
			cli_usage("%s: \"%s\" is not NAME=VALUE", option, pairs->items[i]);
			return NULL;
		}
		struct text prefix = text_until(pair, equals + 1);
		size_t first = 0;
		while (!same_name(pairs, first, prefix))
			first++;
		if (first == i)
			write_member(&out, pairs, prefix);
	}
	buffer_add_char(&out, '}');
	return arena_string(cli->arena, buffer_text(&out));
}

/* Splits "service.action" at its first dot. False after a complaint. */
static bool split_name(struct cli *cli, const char *full, char **service, char **action)
{
	struct text name = text_of(full);
	size_t dot = text_find(name, '.', 0);
	if (dot == 0 || dot + 1 >= name.size)
		return cli_usage("\"%s\" is not SERVICE.ACTION", full), false;
	*service = arena_string(cli->arena, text_until(name, dot));
	*action = arena_string(cli->arena, text_from(name, dot + 1));
	return true;
}

/* Prints what the action answered: its result alone, or the whole response. */
static int print_result(
	struct cli *cli, const struct api_method *method, const struct junction_reply *reply)
{
	const Registry__CallResponse *response =
		(const Registry__CallResponse *)junction_reply_message(reply);
	bool success = strcmp(response->code, "200") == 0;
	if (cli->json)
		cli_print_json(cli, method, reply);
	else
		puts(response->result);
	if (!success)
		fprintf(stderr, "junction: the action answered %s %s\n", response->code,
			response->message);
	return success ? EXIT_DONE : EXIT_REFUSED;
}

static int call(struct cli *cli, char **arguments)
{
	const struct api_method *method = &api_methods[API_REGISTRY_CALL];
	Registry__CallRequest request = REGISTRY__CALL_REQUEST__INIT;
	if (!split_name(cli, arguments[0], &request.service, &request.action))
		return EXIT_USAGE;
	if (cli->method) {
		request._method_case = REGISTRY__CALL_REQUEST___METHOD_METHOD;
		request.method = (char *)cli->method;
	}
	if (cli->headers.count) {
		request._header_case = REGISTRY__CALL_REQUEST___HEADER_HEADER;
		request.header = pairs_to_json(cli, "--header", &cli->headers);
		if (!request.header)
			return EXIT_USAGE;
	}
	if (cli->params.count) {
		request._param_case = REGISTRY__CALL_REQUEST___PARAM_PARAM;
		request.param = pairs_to_json(cli, "--param", &cli->params);
		if (!request.param)
			return EXIT_USAGE;
	}
	if (cli->body) {
		request._body_case = REGISTRY__CALL_REQUEST___BODY_BODY;
		request.body = (char *)cli->body;
	}
	struct junction_reply *reply;
	int code = cli_invoke(cli, method, &request.base, &reply);
	if (code != EXIT_DONE)
		return code;
	code = print_result(cli, method, reply);
	junction_reply_free(&reply);
	return code;
}

static int finish_registration(struct cli *cli, const struct api_method *method,
	const ProtobufCMessage *request, const char *name)
{
	struct junction_reply *reply;
	int code = cli_invoke(cli, method, request, &reply);
	if (code != EXIT_DONE)
		return code;
	if (cli->json)
		cli_print_json(cli, method, reply);
	else
		printf("registered %s\n", name);
	junction_reply_free(&reply);
	return EXIT_DONE;
}

static int register_action(struct cli *cli, const char *name, const char *uri)
{
	Registry__RegisterServiceRequest request = REGISTRY__REGISTER_SERVICE_REQUEST__INIT;
	if (!split_name(cli, name, &request.server_name, &request.service_name))
		return EXIT_USAGE;
	request.uri = (char *)uri;
	if (cli->method) {
		request._method_case = REGISTRY__REGISTER_SERVICE_REQUEST___METHOD_METHOD;
		request.method = (char *)cli->method;
	}
	if (cli->protocol) {
		request._protocol_case = REGISTRY__REGISTER_SERVICE_REQUEST___PROTOCOL_PROTOCOL;
		request.protocol = (char *)cli->protocol;
	}
	return finish_registration(
		cli, &api_methods[API_REGISTRY_REGISTER_SERVICE], &request.base, name);
}

static int register_any(struct cli *cli, char **arguments)
{
	if (arguments[1][0] == '/')
		return register_action(cli, arguments[0], arguments[1]);
	char host[256];
	int port;
	if (!option_address(arguments[1], host, &port) || !*host || !port)
		return cli_usage("\"%s\" is neither HOST:PORT nor a /URI", arguments[1]);
	Registry__RegisterServerRequest request = REGISTRY__REGISTER_SERVER_REQUEST__INIT;
	request.server_name = arguments[0];
	request.host = host;
	request._port_case = REGISTRY__REGISTER_SERVER_REQUEST___PORT_PORT;
	request.port = port;
	if (cli->protocol) {
		request._protocol_case = REGISTRY__REGISTER_SERVER_REQUEST___PROTOCOL_PROTOCOL;
		request.protocol = (char *)cli->protocol;
	}
	return finish_registration(
		cli, &api_methods[API_REGISTRY_REGISTER_SERVER], &request.base, arguments[0]);
}

const struct command commands[] = {
	{"services", "[NAME]", "list services", 0, 1, services},
	{"actions", "SERVICE", "list the actions of a service", 1, 1, actions},
	{"call", "SERVICE.ACTION", "call an action and print its result", 1, 1, call},
	{"register", "SERVER HOST:PORT | SERVER.ACTION /URI",
		"register a server, or an action of it", 2, 2, register_any},
	{0},
};
