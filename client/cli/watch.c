/*
 * watch: the library's thread prints, the main thread waits for the end. For people a line for each
 * change: time, operation, subject, what it is now, and who did it; what a terminal takes for a
 * command is left out.
 */
#include <stdio.h>

#include "api.gen.h"
#include "base/clock.h"
#include "base/status.h"
#include "client/cli/cli.h"
#include "junction/v1/registry.pb-c.h"

struct watching {
	struct lasting lasting;
	bool json;
	size_t parts; /* of the snapshot under way */
};

/* --- what goes on ----------------------------------------------------------------------------- */

void lasting_came(struct lasting *l, const char *cursor)
{
	if (l->troubled)
		fputs("junction: it goes on\n", stderr);
	l->connected = true;
	l->troubled = false;
	snprintf(l->cursor, sizeof(l->cursor), "%s", cursor);
}

void lasting_end(struct lasting *l, int code)
{
	l->code = code;
	cli_wake();
}

static bool may_pass(int code)
{
	return code == STATUS_UNAVAILABLE || code == STATUS_DEADLINE_EXCEEDED ||
	       code == STATUS_RESOURCE_EXHAUSTED || code == STATUS_INTERNAL ||
	       code == STATUS_UNKNOWN || code == STATUS_CANCELLED;
}

void lasting_failed(struct lasting *l, const struct junction_error *error)
{
	if (l->troubled && may_pass(error->code))
		return;
	l->troubled = true;
	int code = cli_failed(error);
	if (l->connected && may_pass(error->code))
		fputs("junction: trying again\n", stderr);
	else
		lasting_end(l, code);
}

/* --- watch ------------------------------------------------------------------------------------ */

static const char *operation_of(const Registry__RegistryChange *change)
{
	switch (change->operation) {
	case REGISTRY__CHANGE_OPERATION__CHANGE_OPERATION_DELETE:
		return "delete";
	case REGISTRY__CHANGE_OPERATION__CHANGE_OPERATION_EXPIRE:
		return "expire";
	default:
		return change->time ? "put" : "is";
	}
}

static const char *node_text(struct arena *a, const Registry__NodeInfo *node)
{
	return arena_printf(a, "%s weight %d, %s, health %s%s%s", address_of(a, node), node->weight,
		state_of(node), health_of(node), *node->health_reason ? ": " : "",
		node->health_reason);
}

/* "node    shop/vm-1  10.0.0.1:80 ..." */
static const char *subject_of(struct arena *a, const Registry__RegistryChange *c)
{
	const char *kind, *name, *state = "";

	if (c->subject_case == REGISTRY__REGISTRY_CHANGE__SUBJECT_NODE_KEY)
		kind = "node", name = arena_printf(a, "%s/%s", c->service, c->node_key);
	else if (c->subject_case == REGISTRY__REGISTRY_CHANGE__SUBJECT_ACTION_KEY)
		kind = "action", name = arena_printf(a, "%s.%s", c->service, c->action_key);
	else
		kind = "service", name = c->service;
	if (c->state_case == REGISTRY__REGISTRY_CHANGE__STATE_NODE)
		state = node_text(a, c->node);
	else if (c->state_case == REGISTRY__REGISTRY_CHANGE__STATE_ACTION)
		state = arena_printf(
			a, "%s %s%s", c->action->method, c->action->address, c->action->uri);
	else if (c->state_case == REGISTRY__REGISTRY_CHANGE__STATE_SERVICE_STATE &&
		 c->service_state->node)
		state = address_of(a, c->service_state->node);
	return arena_printf(a, "%-7s  %s  %s", kind, name, state);
}

static void print_change(struct arena *a, const Registry__RegistryChange *c)
{
	char time[32] = "";

	if (c->time)
		clock_iso_into(time, c->time->seconds * 1000 + c->time->nanos / 1000000);
	const char *line = arena_printf(
		a, "%-24s  %-6s  %s", *time ? time : "-", operation_of(c), subject_of(a, c));
	if (c->author && *c->author->address)
		line = arena_printf(a, "%s  by %s%s%s", line, c->author->address,
			*c->author->user ? " " : "", c->author->user);
	printf("%s\n", plain(a, line));
}

static void print_message(struct watching *w, const Registry__WatchResponse *message, bool reset)
{
	struct arena *a = arena_new(0);

	if (reset) {
		w->parts = 0;
		printf("--- snapshot%s%s\n", *message->snapshot_reason ? ": " : "",
			message->snapshot_reason);
	}
	for (size_t i = 0; i < message->n_changes; i++)
		print_change(a, message->changes[i]);
	w->parts += message->n_changes;
	if (message->kind == REGISTRY__WATCH_KIND__WATCH_KIND_SNAPSHOT_END)
		printf("--- that is all, %zu; changes follow\n", w->parts);
	fflush(stdout);
	arena_free(&a);
}

static void came(void *context, const Registry__WatchResponse *message, bool reset)
{
	struct watching *w = context;

	lasting_came(&w->lasting, message->cursor);
	if (w->json)
		cli_print_json(api_methods[API_REGISTRY_WATCH].output, &message->base);
	else
		print_message(w, message, reset);
}

static void failed(void *context, const struct junction_error *error)
{
	struct watching *w = context;

	lasting_failed(&w->lasting, error);
}

int cli_watch(struct cli *cli, const struct command *command, char **arguments)
{
	const struct api_method *method = &api_methods[command->method];
	struct watching w = {.json = cli->json};
	ProtobufCMessage *request = cli_request(cli, command, method, command->fields, arguments);

	if (!request)
		return EXIT_USAGE;
	struct junction_watch *watch =
		junction_watch_start(cli->client, (const Registry__WatchRequest *)request,
			&(struct junction_watch_callbacks){came, failed, &w});
	cli_wait();
	junction_watch_stop(&watch);
	if (!w.json && *w.lasting.cursor)
		fprintf(stderr, "junction: --after %s goes on from here\n", w.lasting.cursor);
	return w.lasting.code;
}
