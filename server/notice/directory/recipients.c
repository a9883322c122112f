/* PutRecipient, GetRecipient, ListRecipients, DeleteRecipient. */
#include "base/check.h"
#include "base/json.h"
#include "server/notice/channel/channel_message.h"
#include "server/notice/directory/names.h"
#include "server/page.h"
#include "steps.gen.h"

enum {
	ADDRESSES_MOST = 20,
	ADDRESS_BYTES = 255,
	PAGE_USUAL = 100,
	PAGE_MOST = 1000,
};

typedef Notice__Recipient__AddressesEntry address_entry;

/* Of notice.recipient as r. */
#define COLUMNS "r.user_name, r.addresses, r.language, event.milliseconds(r.updated_at)"
enum column { USER, ADDRESSES, LANGUAGE, UPDATED, COLUMN_COUNT };

static const struct statement put_recipient = {
	.name = "notice_put_recipient",
	.sql = "SELECT " COLUMNS " FROM notice.put_recipient($1, $2, $3::jsonb, $4) AS r",
	.parameters = 4,
};

static const struct statement get_recipient = {
	.name = "notice_get_recipient",
	.sql = "SELECT " COLUMNS
	       " FROM notice.recipient AS r WHERE r.namespace = $1 AND r.user_name = $2",
	.parameters = 2,
};

static const struct statement list_recipients = {
	.name = "notice_list_recipients",
	.sql = "SELECT " COLUMNS " FROM notice.recipient AS r "
	       "WHERE r.namespace = $1 AND r.user_name > $2 ORDER BY r.user_name LIMIT $3::bigint",
	.parameters = 3,
};

static const struct statement delete_recipient = {
	.name = "notice_delete_recipient",
	.sql = "SELECT notice.delete_recipient($1, $2)",
	.parameters = 2,
};

static void show_addresses(struct call *c, Notice__Recipient *out, struct text written)
{
	struct status ignored = {0};
	const struct json *object = json_read(c->arena, arena_text(c->arena, written), &ignored);

	CHECK(object);
	out->addresses = arena_array(c->arena, object->count, sizeof(*out->addresses));
	for (const struct json *i = object->first; i; i = i->next) {
		address_entry *entry = ARENA_NEW(c->arena, address_entry);

		notice__recipient__addresses_entry__init(entry);
		entry->key = arena_string(c->arena, i->name);
		entry->value = arena_string(c->arena, i->string);
		out->addresses[out->n_addresses++] = entry;
	}
}

static Notice__Recipient *recipient_message(struct call *c, const struct rows *rows, int row)
{
	Notice__Recipient *out = ARENA_NEW(c->arena, Notice__Recipient);

	notice__recipient__init(out);
	out->user = arena_string(c->arena, rows_text(rows, row, USER));
	show_addresses(c, out, rows_text(rows, row, ADDRESSES));
	out->language = arena_string(c->arena, rows_text(rows, row, LANGUAGE));
	out->updated_at = rows_int64(rows, row, UPDATED);
	return out;
}

/* Of calls about one user; NULL with c->status set. */
static struct text *user_parameters(struct call *c, const char *user, size_t count)
{
	struct text *parameters = arena_array(c->arena, count, sizeof(*parameters));

	if (!directory_name_holds(c, "user", user))
		return NULL;
	parameters[0] = c->caller.space;
	parameters[1] = text_of(user);
	return parameters;
}

/* --- PutRecipient ----------------------------------------------------------------------------- */

static bool address_holds(struct call *c, const char *channel, struct text address)
{
	const char *field = arena_printf(c->arena, "addresses.%s", channel);

	if (address.size == 0 || address.size > ADDRESS_BYTES)
		return status_field(
			&c->status, c->arena, field, "must have 1 to %d bytes", ADDRESS_BYTES);
	return !text_has_control(address) ||
	       status_field(&c->status, c->arena, field, "must not hold control characters");
}

/* A JSON object, in which of one channel given twice the last address counts. */
static bool read_addresses(
	struct call *c, const Notice__PutRecipientRequest *in, struct text *addresses)
{
	struct buffer json = {.arena = c->arena};

	if (in->n_addresses > ADDRESSES_MOST)
		return status_field(
			&c->status, c->arena, "addresses", "must be at most %d", ADDRESSES_MOST);
	buffer_add_char(&json, '{');
	for (size_t i = 0; i < in->n_addresses; i++) {
		struct text channel = text_of(in->addresses[i]->key);
		struct text address = text_of(in->addresses[i]->value);

		if (!channel_is_name(channel))
			return status_field(&c->status, c->arena, "addresses",
				"must be by names of channels, 1 to 32 letters, digits, \"-\" and "
				"\"_\"");
		if (!address_holds(c, channel.data, address))
			return false;
		json_write_name(&json, channel);
		json_write_string(&json, address);
	}
	buffer_add_char(&json, '}');
	*addresses = buffer_text(&json);
	return true;
}

static bool language_holds(struct call *c, struct text language)
{
	return directory_is_language(language) ||
	       status_field(&c->status, c->arena, "language",
		       "must be at most %d letters, digits and \"-\"", DIRECTORY_LANGUAGE_BYTES);
}

static enum next put(struct call *c, const struct rows *rows)
{
	Notice__PutRecipientResponse out = NOTICE__PUT_RECIPIENT_RESPONSE__INIT;

	out.recipient = recipient_message(c, rows, 0);
	return REPLY(c, &out);
}

enum next notice_put_recipient(struct call *c)
{
	const Notice__PutRecipientRequest *in = call_request(c, Notice__PutRecipientRequest);
	struct text *parameters = user_parameters(c, in->user, 4);

	if (!parameters || !read_addresses(c, in, &parameters[2]) ||
		!language_holds(c, text_of(in->language)))
		return failed(c);
	parameters[3] = text_of(in->language);
	return change(c, &put_recipient, parameters, put);
}

/* --- GetRecipient ----------------------------------------------------------------------------- */

static enum next got(struct call *c, const struct rows *rows)
{
	Notice__GetRecipientResponse out = NOTICE__GET_RECIPIENT_RESPONSE__INIT;

	if (rows_count(rows) == 0)
		return fail(c, STATUS_NOT_FOUND, "no recipient %s",
			call_request(c, Notice__GetRecipientRequest)->user);
	out.recipient = recipient_message(c, rows, 0);
	return REPLY(c, &out);
}

enum next notice_get_recipient(struct call *c)
{
	const Notice__GetRecipientRequest *in = call_request(c, Notice__GetRecipientRequest);
	const struct text *parameters = user_parameters(c, in->user, 2);

	return parameters ? query(c, &get_recipient, parameters, got) : failed(c);
}

/* --- ListRecipients --------------------------------------------------------------------------- */

static enum next listed(struct call *c, const struct rows *rows)
{
	const struct page *page = c->state;
	Notice__ListRecipientsResponse out = NOTICE__LIST_RECIPIENTS_RESPONSE__INIT;
	int count = page_rows(page, rows, COLUMN_COUNT);

	out.recipients = arena_array(c->arena, (size_t)count, sizeof(*out.recipients));
	for (int i = 0; i < count; i++)
		out.recipients[out.n_recipients++] = recipient_message(c, rows, i);
	if (count < rows_count(rows)) {
		struct text last = text_of(out.recipients[count - 1]->user);
		out.next_page_token = page_token(c->arena, &last, 1);
	}
	return REPLY(c, &out);
}

enum next notice_list_recipients(struct call *c)
{
	const Notice__ListRecipientsRequest *in = call_request(c, Notice__ListRecipientsRequest);
	const struct page_asked asked = {in->page_size, PAGE_USUAL, PAGE_MOST, in->page_token};

	return page_by_name(c, &list_recipients, &asked, listed);
}

/* --- DeleteRecipient -------------------------------------------------------------------------- */

static enum next deleted(struct call *c, const struct rows *rows)
{
	const Notice__DeleteRecipientResponse out = NOTICE__DELETE_RECIPIENT_RESPONSE__INIT;

	return REPLY(c, &out);
}

enum next notice_delete_recipient(struct call *c)
{
	const Notice__DeleteRecipientRequest *in = call_request(c, Notice__DeleteRecipientRequest);
	const struct text *parameters = user_parameters(c, in->user, 2);

	return parameters ? change(c, &delete_recipient, parameters, deleted) : failed(c);
}
