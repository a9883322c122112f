/* send, notice, notice-deliveries, resend, cancel and inbox. What a terminal takes for a command is
 * left out, but from JSON. */
#include <stdio.h>
#include <stdlib.h>

#include "api.gen.h"
#include "base/clock.h"
#include "client/cli/cli.h"
#include "junction/v1/notice.pb-c.h"

static const char *state_name(Notice__NoticeState state)
{
	static const char *const names[] = {"-", "waiting", "sending", "sent", "delivered", "read",
		"failed", "unknown", "cancelled"};

	return (size_t)state < sizeof(names) / sizeof(*names) ? names[state] : "?";
}

/* --- send ---------------------------------------------------------------------------------------
 */

int cli_send(struct cli *cli, const struct command *command, char **arguments)
{
	char *given[] = {arguments[0], arguments[1], NULL};
	const char *user = getenv("USER");

	if (strcmp(given[1], "-") == 0)
		given[1] = (char *)cli_input(cli->arena);
	if (!cli_is_given(cli, GIVEN_SENDER))
		cli->given[GIVEN_SENDER].text = user && *user ? user : "junction";
	return cli_run_plain(cli, command, given);
}

void show_sent(struct cli *cli, const ProtobufCMessage *response, char **arguments)
{
	puts(plain(cli->arena, ((const Notice__SendResponse *)response)->notice_id));
}

/* --- what became of it --------------------------------------------------------------------------
 */

void show_notice(struct cli *cli, const ProtobufCMessage *response, char **arguments)
{
	static const char *const head[] = {"CHANNEL", "STATE", "DELIVERIES"};
	const Notice__GetNoticeResponse *r = (const Notice__GetNoticeResponse *)response;
	const Notice__NoticeInfo *n = r->notice;
	struct arena *a = cli->arena;
	const char **cells = arena_array(a, (r->n_counts + 1) * 3, sizeof(*cells));

	printf("%s  %s  %s\n%s\n\n", clock_local(a, n->time), plain(a, n->sender),
		plain(a, n->title), plain(a, n->message));
	memcpy(cells, head, sizeof(head));
	for (size_t i = 0; i < r->n_counts; i++) {
		const char **row = cells + (i + 1) * 3;
		row[0] = plain(a, r->counts[i]->channel);
		row[1] = state_name(r->counts[i]->state);
		row[2] = arena_printf(a, "%lld", (long long)r->counts[i]->count);
	}
	table_print(a, cells, r->n_counts + 1, 3);
}

void show_notice_deliveries(struct cli *cli, const ProtobufCMessage *response, char **arguments)
{
	enum { COLUMNS = 8 };
	static const char *const head[COLUMNS] = {
		"ID", "USER", "CHANNEL", "ADDRESS", "STATE", "ATTEMPTS", "CODE", "TEXT"};
	const Notice__ListNoticeDeliveriesResponse *r =
		(const Notice__ListNoticeDeliveriesResponse *)response;
	struct arena *a = cli->arena;
	const char **cells = arena_array(a, (r->n_deliveries + 1) * COLUMNS, sizeof(*cells));

	memcpy(cells, head, sizeof(head));
	for (size_t i = 0; i < r->n_deliveries; i++) {
		const Notice__NoticeDelivery *d = r->deliveries[i];
		const char **row = cells + (i + 1) * COLUMNS;
		row[0] = plain(a, d->delivery_id);
		row[1] = plain(a, d->user);
		row[2] = plain(a, d->channel);
		row[3] = *d->address ? plain(a, d->address) : "-";
		row[4] = state_name(d->state);
		row[5] = arena_printf(a, "%d", d->attempts);
		row[6] = *d->code ? plain(a, d->code) : "-";
		row[7] = *d->text ? plain(a, d->text) : "-";
	}
	table_print(a, cells, r->n_deliveries + 1, COLUMNS);
	if (*r->next_page_token)
		fprintf(stderr, "junction: there are more\n");
}

void show_resent(struct cli *cli, const ProtobufCMessage *response, char **arguments)
{
	printf("sent again %lld\n", (long long)((const Notice__ResendResponse *)response)->resent);
}

void show_cancelled(struct cli *cli, const ProtobufCMessage *response, char **arguments)
{
	printf("cancelled %lld\n",
		(long long)((const Notice__CancelResponse *)response)->cancelled);
}

/* --- inbox --------------------------------------------------------------------------------------
 */

void show_inbox(struct cli *cli, const ProtobufCMessage *response, char **arguments)
{
	enum { COLUMNS = 5 };
	static const char *const head[COLUMNS] = {"TIME", "ID", "SENDER", "TITLE", "READ"};
	const Notice__ListInboxResponse *r = (const Notice__ListInboxResponse *)response;
	struct arena *a = cli->arena;
	const char **cells = arena_array(a, (r->n_items + 1) * COLUMNS, sizeof(*cells));

	memcpy(cells, head, sizeof(head));
	for (size_t i = 0; i < r->n_items; i++) {
		const Notice__InboxItem *item = r->items[i];
		const char **row = cells + (i + 1) * COLUMNS;
		row[0] = clock_local(a, item->time);
		row[1] = plain(a, item->delivery_id);
		row[2] = plain(a, item->sender);
		row[3] = plain(a, item->title);
		row[4] = item->read ? "yes" : "no";
	}
	table_print(a, cells, r->n_items + 1, COLUMNS);
	printf("unread %lld\n", (long long)r->unread);
}
