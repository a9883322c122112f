/*
 * publish, subscribe, confirm, deliveries and replay. Of subscribe the library's thread prints, and
 * confirms what it has printed; the main thread waits for the end. What a terminal takes for a
 * command is left out, but from JSON.
 */
#include <stdio.h>

#include "api.gen.h"
#include "base/clock.h"
#include "base/json.h"
#include "client/cli/cli.h"
#include "junction/v1/event.pb-c.h"
#include "proto/runtime/transcode.h"

enum { PAGE = 1000, COLUMNS = 7 };

/* --- publish, confirm, replay ----------------------------------------------------------------- */

int cli_publish(struct cli *cli, const struct command *command, char **arguments)
{
	char *given[] = {arguments[0], arguments[1], NULL};

	if (given[1] && strcmp(given[1], "-") == 0)
		given[1] = (char *)cli_input(cli->arena);
	if (given[1] && !json_valid(text_trim(text_of(given[1]))))
		return cli_usage("DATA is no JSON: a text has its own quotes, '\"text\"'");
	return cli_run_plain(cli, command, given);
}

void show_published(struct cli *cli, const ProtobufCMessage *response, char **arguments)
{
	puts(plain(cli->arena, ((const Event__PublishResponse *)response)->event_id));
}

void show_replayed(struct cli *cli, const ProtobufCMessage *response, char **arguments)
{
	printf("replayed %lld\n", (long long)((const Event__ReplayResponse *)response)->replayed);
}

/* --- deliveries ------------------------------------------------------------------------------- */

static const char *state_name(Event__DeliveryState state)
{
	static const char *const names[] = {
		"-", "waiting", "leased", "delivered", "confirmed", "failed", "dead"};

	return (size_t)state < sizeof(names) / sizeof(*names) ? names[state] : "?";
}

static const char *time_or_dash(struct arena *a, int64_t ms)
{
	return ms ? clock_local(a, ms) : "-";
}

static const char *group_of(struct arena *a, const Event__Delivery *d)
{
	return plain(a, *d->member ? arena_printf(a, "%s/%s", d->group, d->member) : d->group);
}

static void show_deliveries(
	struct arena *a, Event__Delivery *const *deliveries, size_t count, bool head)
{
	static const char *const heads[COLUMNS] = {
		"TIME", "EVENT", "ID", "GROUP", "STATE", "ATTEMPT", "DUE"};
	const char **cells = arena_array(a, (count + 1) * COLUMNS, sizeof(*cells));
	const char **row = cells;

	if (head) {
		memcpy(row, heads, sizeof(heads));
		row += COLUMNS;
	}
	for (size_t i = 0; i < count; i++, row += COLUMNS) {
		const Event__Delivery *d = deliveries[i];
		row[0] = time_or_dash(a, d->time);
		row[1] = plain(a, d->event);
		row[2] = plain(a, d->event_id);
		row[3] = group_of(a, d);
		row[4] = state_name(d->state);
		row[5] = arena_printf(a, "%d", d->attempt);
		row[6] = time_or_dash(a, d->due);
	}
	table_print(a, cells, (size_t)(row - cells) / COLUMNS, COLUMNS);
}

void show_confirmed(struct cli *cli, const ProtobufCMessage *response, char **arguments)
{
	const Event__ConfirmResponse *r = (const Event__ConfirmResponse *)response;

	show_deliveries(cli->arena, r->deliveries, r->n_deliveries, true);
}

int cli_deliveries(struct cli *cli, const struct command *command, char **arguments)
{
	const struct api_method *method = &api_methods[command->method];
	struct junction_reply *reply = NULL;
	int64_t left;
	int code = EXIT_DONE;
	bool first = true;

	if (!cli_limit(cli, &left))
		return EXIT_USAGE;
	Event__ListDeliveriesRequest *request = (Event__ListDeliveriesRequest *)cli_request(
		cli, command, method, command->fields, arguments);
	if (!request)
		return EXIT_USAGE;
	while (left > 0) {
		request->page_size = left < PAGE ? (int32_t)left : PAGE;
		code = cli_invoke(cli, method, &request->base, &reply);
		if (code != EXIT_DONE)
			break;
		const Event__ListDeliveriesResponse *page =
			(const Event__ListDeliveriesResponse *)junction_reply_message(reply);
		if (cli->json)
			cli_print_json(method->output, &page->base);
		else if (first || page->n_deliveries > 0)
			show_deliveries(cli->arena, page->deliveries, page->n_deliveries, first);
		left = *page->next_page_token ? left - (int64_t)page->n_deliveries : 0;
		request->page_token = arena_string(cli->arena, text_of(page->next_page_token));
		first = false;
		junction_reply_free(&reply);
	}
	return code;
}

/* --- subscribe -------------------------------------------------------------------------------- */

struct subscribing {
	struct lasting lasting;
	struct cli *cli;
	const char *group; /* whose events are to be confirmed, or NULL */
};

static void print_event(struct subscribing *s, const Event__SubscribeResponse *event)
{
	struct arena *a = arena_new(0);

	if (s->cli->json) {
		cli_print_json(api_methods[API_EVENT_SUBSCRIBE].output, &event->base);
	} else {
		printf("%s  %s  %s  %s\n", clock_local(a, event->time), plain(a, event->event),
			plain(a, event->event_id), plain(a, event->data));
		fflush(stdout);
	}
	arena_free(&a);
}

/* One that is not confirmed comes again, or has been decided elsewhere: nothing to end for. */
static void confirm(struct subscribing *s, const Event__SubscribeResponse *event)
{
	const struct api_method *method = &api_methods[API_EVENT_CONFIRM];
	Event__ConfirmRequest request = EVENT__CONFIRM_REQUEST__INIT;
	struct junction_reply *reply;

	request.event = event->event;
	request.event_id = event->event_id;
	request.group = (char *)s->group;
	if (cli_invoke(s->cli, method, &request.base, &reply) != EXIT_DONE)
		fprintf(stderr, "junction: %s is not confirmed\n", event->event_id);
	junction_reply_free(&reply);
}

static void came(void *context, const Event__SubscribeResponse *event)
{
	struct subscribing *s = context;

	lasting_came(&s->lasting, event->cursor);
	if (!*event->event || s->lasting.code != EXIT_DONE)
		return;
	print_event(s, event);
	if (ferror(stdout))
		lasting_end(&s->lasting, EXIT_REFUSED);
	else if (s->group)
		confirm(s, event);
}

static void failed(void *context, const struct junction_error *error)
{
	struct subscribing *s = context;

	lasting_failed(&s->lasting, error);
}

/* Whether the server is there, and knows who asks: a stream on which nothing comes tells nothing.
 */
static int reach(struct cli *cli)
{
	const struct api_method *method = &api_methods[API_AUTH_WHO_AM_I];
	struct junction_reply *reply;
	int code = cli_invoke(cli, method, message_new(cli->arena, method->input), &reply);

	junction_reply_free(&reply);
	return code;
}

int cli_subscribe(struct cli *cli, const struct command *command, char **arguments)
{
	const struct api_method *method = &api_methods[command->method];
	struct subscribing s = {.cli = cli, .group = cli->given[GIVEN_GROUP].text};
	Event__SubscribeRequest *request = (Event__SubscribeRequest *)cli_request(
		cli, command, method, command->fields, arguments);

	if (!request)
		return EXIT_USAGE;
	for (; *arguments; arguments++) {
		if (!cli_set(cli, method->input, "patterns", *arguments, &request->base))
			return EXIT_USAGE;
	}
	if (request->n_patterns == 0 && !s.group)
		return cli_usage("a PATTERN, or --group, is missing");
	if (request->confirm == EVENT__CONFIRM_MODE__CONFIRM_MODE_AUTO)
		s.group = NULL;
	int code = reach(cli);
	if (code != EXIT_DONE)
		return code;
	s.lasting.connected = true;
	struct junction_subscription *subscription = junction_subscription_start(
		cli->client, request, &(struct junction_subscription_callbacks){came, failed, &s});
	cli_wait();
	junction_subscription_stop(&subscription);
	if (!cli->json && *s.lasting.cursor)
		fprintf(stderr, "junction: --after %s goes on from here\n", s.lasting.cursor);
	return s.lasting.code;
}
