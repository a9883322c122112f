/* GetChannel, ListChannels, DeleteChannel. */
#include "server/audit/caller.h"
#include "server/notice/channel/channel.h"
#include "server/notice/channel/channel_message.h"
#include "server/page.h"
#include "steps.gen.h"

enum { PAGE_USUAL = 100, PAGE_MOST = 1000 };

static const struct statement get_channel = {
	.name = "notice_get_channel",
	.sql = "SELECT " CHANNEL_COLUMNS
	       " FROM notice.channel AS c WHERE c.namespace = $1 AND c.name = $2",
	.parameters = 2,
};

static const struct statement list_channels = {
	.name = "notice_list_channels",
	.sql = "SELECT " CHANNEL_COLUMNS " FROM notice.channel AS c "
	       "WHERE c.namespace = $1 AND c.name > $2 ORDER BY c.name LIMIT $3::bigint",
	.parameters = 3,
};

static const struct statement delete_channel = {
	.name = "notice_delete_channel",
	.sql = "SELECT notice.delete_channel($1, $2, $3)",
	.parameters = 3,
};

/* --- GetChannel ----------------------------------------------------------------------------- */

static enum next got(struct call *c, const struct rows *rows)
{
	Notice__GetChannelResponse out = NOTICE__GET_CHANNEL_RESPONSE__INIT;

	if (rows_count(rows) == 0)
		return fail(c, STATUS_NOT_FOUND, "no channel %s",
			call_request(c, Notice__GetChannelRequest)->channel);
	out.channel = channel_message(c, rows, 0, channel_shows_token(c));
	return REPLY(c, &out);
}

enum next notice_get_channel(struct call *c)
{
	const Notice__GetChannelRequest *in = call_request(c, Notice__GetChannelRequest);
	struct text *parameters = arena_array(c->arena, 2, sizeof(*parameters));

	if (!channel_name_holds(c, in->channel))
		return failed(c);
	parameters[0] = c->caller.space;
	parameters[1] = text_of(in->channel);
	return search(c, &get_channel, parameters, got);
}

/* --- ListChannels --------------------------------------------------------------------------- */

static enum next listed(struct call *c, const struct rows *rows)
{
	const struct page *page = c->state;
	Notice__ListChannelsResponse out = NOTICE__LIST_CHANNELS_RESPONSE__INIT;
	int count = page_rows(page, rows, CHANNEL_COLUMN_COUNT);
	bool shows_token = channel_shows_token(c);

	out.channels = arena_array(c->arena, (size_t)count, sizeof(*out.channels));
	for (int i = 0; i < count; i++)
		out.channels[out.n_channels++] = channel_message(c, rows, i, shows_token);
	if (count < rows_count(rows)) {
		struct text last = text_of(out.channels[count - 1]->channel);
		out.next_page_token = page_token(c->arena, &last, 1);
	}
	return REPLY(c, &out);
}

enum next notice_list_channels(struct call *c)
{
	const Notice__ListChannelsRequest *in = call_request(c, Notice__ListChannelsRequest);
	const struct page_asked asked = {in->page_size, PAGE_USUAL, PAGE_MOST, in->page_token};

	return page_by_name(c, &list_channels, &asked, listed);
}

/* --- DeleteChannel -------------------------------------------------------------------------- */

static enum next answer_deleted(struct call *c)
{
	const Notice__DeleteChannelResponse out = NOTICE__DELETE_CHANNEL_RESPONSE__INIT;

	return REPLY(c, &out);
}

static enum next deleted(struct call *c, const struct rows *rows)
{
	return channels_current(c, answer_deleted);
}

enum next notice_delete_channel(struct call *c)
{
	const Notice__DeleteChannelRequest *in = call_request(c, Notice__DeleteChannelRequest);
	struct text *parameters = arena_array(c->arena, 3, sizeof(*parameters));

	if (!channel_name_holds(c, in->channel))
		return failed(c);
	parameters[0] = audit_caller(c);
	parameters[1] = c->caller.space;
	parameters[2] = text_of(in->channel);
	return change(c, &delete_channel, parameters, deleted);
}
