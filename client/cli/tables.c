/* Lists for people. */
#include <stdio.h>

#include "api.gen.h"
#include "client/cli/cli.h"
#include "junction/v1/extension.pb-c.h"
#include "junction/v1/registry.pb-c.h"

enum { NARROW = 7, WIDE = 10 }; /* columns of nodes */

static const char *joined(struct arena *a, char **strings, size_t count)
{
	struct buffer out = {.arena = a};
	for (size_t i = 0; i < count; i++)
		buffer_printf(&out, "%s%s", i ? ", " : "", strings[i]);
	return arena_string(a, buffer_text(&out));
}

static const char *or_dash(const char *text)
{
	return *text ? text : "-";
}

/* The cells of a table, with its head. */
static const char **begin(struct arena *a, const char *const *head, size_t columns, size_t items)
{
	const char **cells = arena_array(a, (items + 1) * columns, sizeof(*cells));
	memcpy(cells, head, columns * sizeof(*cells));
	return cells;
}

void show_services(struct cli *cli, const ProtobufCMessage *message, char **arguments)
{
	static const char *const head[] = {"SERVICE", "VERSION", "STATE", "NODES"};
	const Registry__ListServicesResponse *response = (const void *)message;
	const char **cells = begin(cli->arena, head, 4, response->n_services);

	for (size_t i = 0; i < response->n_services; i++) {
		const Registry__ServiceInfo *s = response->services[i];
		const char **row = cells + (i + 1) * 4;
		row[0] = s->name;
		row[1] = or_dash(s->version);
		row[2] = s->available ? "available" : "unavailable";
		row[3] = or_dash(joined(cli->arena, s->nodes, s->n_nodes));
	}
	table_print(cli->arena, cells, response->n_services + 1, 4);
}

void show_actions(struct cli *cli, const ProtobufCMessage *message, char **arguments)
{
	static const char *const head[] = {"ACTION", "METHOD", "URI", "STATE"};
	const Registry__ListActionsResponse *response = (const void *)message;
	const char **cells = begin(cli->arena, head, 4, response->n_actions);

	for (size_t i = 0; i < response->n_actions; i++) {
		const Registry__ActionInfo *action = response->actions[i];
		const char **row = cells + (i + 1) * 4;
		row[0] = action->name;
		row[1] = or_dash(action->action->method);
		row[2] = or_dash(action->action->uri);
		row[3] = action->available ? "available" : "unavailable";
	}
	table_print(cli->arena, cells, response->n_actions + 1, 4);
}

/* kept: what the file said before counts. */
static const char *standing_of(const Registry__Configuration *c)
{
	if (!*c->error)
		return "loaded";
	return c->load_time ? "kept" : "refused";
}

/* What is wrong with it, or may be. */
static const char *remark_of(struct arena *a, const Registry__Configuration *c)
{
	if (*c->error)
		return c->error;
	return or_dash(joined(a, c->warnings, c->n_warnings));
}

void show_configurations(struct cli *cli, const ProtobufCMessage *message, char **arguments)
{
	static const char *const head[] = {"SERVICE", "FILE", "HOST", "STATE", "REMARK"};
	const Registry__ListConfigurationsResponse *response = (const void *)message;
	const char **cells = begin(cli->arena, head, 5, response->n_configurations);

	for (size_t i = 0; i < response->n_configurations; i++) {
		const Registry__Configuration *c = response->configurations[i];
		const char **row = cells + (i + 1) * 5;
		row[0] = or_dash(c->service);
		row[1] = c->file;
		row[2] = c->host;
		row[3] = standing_of(c);
		row[4] = remark_of(cli->arena, c);
	}
	table_print(cli->arena, cells, response->n_configurations + 1, 5);
}

const char *address_of(struct arena *a, const Registry__NodeInfo *node)
{
	bool colon = strchr(node->host, ':');
	return arena_printf(
		a, "%s%s%s:%d", colon ? "[" : "", node->host, colon ? "]" : "", node->port);
}

const char *state_of(const Registry__NodeInfo *node)
{
	if (!node->enabled)
		return "disabled";
	return node->available ? "available" : "unavailable";
}

const char *health_of(const Registry__NodeInfo *node)
{
	if (node->flapping)
		return "flapping";
	switch (node->health) {
	case REGISTRY__NODE_HEALTH__NODE_HEALTH_PASSING:
		return "passing";
	case REGISTRY__NODE_HEALTH__NODE_HEALTH_FAILING:
		return "failing";
	default:
		return "-";
	}
}

static const char *check_of(struct arena *a, const Registry__NodeInfo *node)
{
	switch (node->check) {
	case REGISTRY__NODE_CHECK__NODE_CHECK_HTTP:
		return arena_printf(a, "GET %s", node->check_path);
	case REGISTRY__NODE_CHECK__NODE_CHECK_TCP:
		return "tcp";
	case REGISTRY__NODE_CHECK__NODE_CHECK_NONE:
		return "none";
	default:
		return "-";
	}
}

static const char *lease_of(struct arena *a, const Registry__NodeInfo *node)
{
	if (node->lease_ms == 0)
		return "-";
	return node->lease_ms % 1000 ? arena_printf(a, "%dms", node->lease_ms)
				     : arena_printf(a, "%ds", node->lease_ms / 1000);
}

static void fill_row(
	struct arena *a, const char **row, size_t columns, const Registry__NodeInfo *node)
{
	row[0] = node->service;
	row[1] = node->name;
	row[2] = address_of(a, node);
	row[3] = arena_printf(a, "%d", node->weight);
	row[4] = state_of(node);
	row[5] = health_of(node);
	row[6] = lease_of(a, node);
	if (columns == NARROW)
		return;
	row[7] = check_of(a, node);
	row[8] = or_dash(node->health_reason);
	row[9] = or_dash(node->metadata);
}

/* One table of all pages. */
static void show_nodes(struct cli *cli, const Registry__NodeInfo *const *nodes, size_t count)
{
	static const char *const head[] = {"SERVICE", "NODE", "ADDRESS", "WEIGHT", "STATE",
		"HEALTH", "LEASE", "CHECK", "REASON", "METADATA"};
	size_t columns = cli->given[GIVEN_WIDE].flag ? WIDE : NARROW;
	const char **cells = begin(cli->arena, head, columns, count);

	for (size_t i = 0; i < count; i++)
		fill_row(cli->arena, cells + (i + 1) * columns, columns, nodes[i]);
	table_print(cli->arena, cells, count + 1, columns);
}

int cli_nodes(struct cli *cli, const struct command *command, char **arguments)
{
	const struct api_method *method = &api_methods[command->method];
	ProtobufCMessage *request = cli_request(cli, command, method, command->fields, arguments);
	struct buffer nodes = {.arena = cli->arena}, replies = {.arena = cli->arena};
	struct junction_reply *reply;
	int code;

	if (!request)
		return EXIT_USAGE;
	do {
		code = cli_invoke(cli, method, request, &reply);
		if (code != EXIT_DONE)
			break;
		const Registry__ListNodesResponse *page =
			(const void *)junction_reply_message(reply);
		if (cli->json)
			cli_print_json(method->output, &page->base);
		buffer_add(&nodes, page->nodes, page->n_nodes * sizeof(*page->nodes));
		buffer_add(&replies, &reply, sizeof(reply));
		((Registry__ListNodesRequest *)request)->page_token = page->next_page_token;
	} while (*((Registry__ListNodesRequest *)request)->page_token);
	if (code == EXIT_DONE && !cli->json)
		show_nodes(
			cli, (const void *)nodes.data, nodes.size / sizeof(Registry__NodeInfo *));
	for (size_t i = 0; i < replies.size; i += sizeof(reply)) {
		memcpy(&reply, replies.data + i, sizeof(reply));
		junction_reply_free(&reply);
	}
	return code;
}

static const char *state_of_extension(Extension__ExtensionState state)
{
	switch (state) {
	case EXTENSION__EXTENSION_STATE__EXTENSION_STATE_REGISTERED:
		return "registered";
	case EXTENSION__EXTENSION_STATE__EXTENSION_STATE_OVERDUE:
		return "overdue";
	case EXTENSION__EXTENSION_STATE__EXTENSION_STATE_RESTARTING:
		return "restarting";
	default:
		return "starting";
	}
}

void show_extensions(struct cli *cli, const ProtobufCMessage *message, char **arguments)
{
	static const char *const head[] = {
		"EXTENSION", "ADDRESS", "STATE", "PID", "RESTARTS", "LAST EXIT"};
	const Extension__ListExtensionsResponse *response = (const void *)message;
	const char **cells = begin(cli->arena, head, 6, response->n_extensions);

	for (size_t i = 0; i < response->n_extensions; i++) {
		const Extension__Extension *e = response->extensions[i];
		const char **row = cells + (i + 1) * 6;
		row[0] = e->name;
		row[1] = or_dash(e->address);
		row[2] = state_of_extension(e->state);
		row[3] = e->pid ? arena_printf(cli->arena, "%d", e->pid) : "-";
		row[4] = arena_printf(cli->arena, "%d", e->restarts);
		row[5] = or_dash(e->last_exit);
	}
	table_print(cli->arena, cells, response->n_extensions + 1, 6);
}
