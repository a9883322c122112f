/* A snapshot: rows as structs in one arena, which is wiped when it goes, since secrets stand
 * anywhere in it: opened, unescaped, and in what providers make of them. */
#include "server/notice/channel/channels_make.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/log.h"
#include "base/table.h"
#include "server/notice/channel/channel_secrets.h"
#include "server/notice/provider/provider.h"

enum column {
	REVISION,
	ID,
	SPACE,
	NAME,
	KIND,
	SETTINGS,
	SECRETS,
	KEY_ID,
	ENABLED,
	CONCURRENCY,
	QUOTA,
	QUOTA_MS,
	TIMEOUT_MS,
	RECEIPT_TOKEN,
};

struct channels {
	atomic_size_t references;
	struct arena *arena;
	int64_t revision;
	struct channel *channels; /* by id */
	size_t count;
	struct table tokens;
};

/* --- reading -------------------------------------------------------------------------------- */

int64_t channels_revision(const struct channels *c)
{
	return c->revision;
}

size_t channels_count(const struct channels *c)
{
	return c->count;
}

const struct channel *channels_at(const struct channels *c, size_t index)
{
	return &c->channels[index];
}

static int compare_id(const void *key, const void *element)
{
	const struct channel *channel = element;

	return *(const int *)key < channel->id ? -1 : *(const int *)key > channel->id;
}

const struct channel *channels_by_id(const struct channels *c, int id)
{
	return c->count ? bsearch(&id, c->channels, c->count, sizeof(*c->channels), compare_id)
			: NULL;
}

const struct channel *channels_by_token(const struct channels *c, struct text receipt_token)
{
	return table_get(&c->tokens, receipt_token);
}

/* --- making --------------------------------------------------------------------------------- */

/* False with the reason: nothing can be sent by it here. */
static bool open_secrets(struct arena *a, struct channel *channel, const struct rows *rows, int row,
	struct status *why)
{
	const struct channel_sealed sealed = channel_secrets_read(a, rows, row, SECRETS);

	return channel_secrets_open(
		a, channel->space, channel->name, &sealed, &channel->secrets, why);
}

static bool make_channel(struct arena *a, struct channel *channel, const struct rows *rows, int row,
	struct status *why)
{
	channel->settings = json_read(a, arena_text(a, rows_text(rows, row, SETTINGS)), why);
	if (!channel->settings)
		return false;
	if (!channel->provider)
		return status_field(why, a, "kind", "is not known to this server");
	return open_secrets(a, channel, rows, row, why) &&
	       channel->provider->make(a, channel->settings, channel->secrets, &channel->made, why);
}

static void read_channel(struct arena *a, struct channel *channel, const struct rows *rows, int row)
{
	struct status why = {0};

	*channel = (struct channel){
		.id = (int)rows_int64(rows, row, ID),
		.space = arena_text(a, rows_text(rows, row, SPACE)),
		.name = arena_text(a, rows_text(rows, row, NAME)),
		.provider = provider_find(rows_text(rows, row, KIND)),
		.enabled = rows_bool(rows, row, ENABLED),
		.concurrency = (int)rows_int64(rows, row, CONCURRENCY),
		.quota = (int)rows_int64(rows, row, QUOTA),
		.quota_ms = rows_int64(rows, row, QUOTA_MS),
		.timeout_ms = rows_int64(rows, row, TIMEOUT_MS),
		.receipt_token = arena_text(a, rows_text(rows, row, RECEIPT_TOKEN)),
	};
	if (make_channel(a, channel, rows, row, &why))
		return;
	channel->made = NULL;
	channel->fault = why.message;
	log_event(LOG_WARN, "nothing can be sent by a channel",
		LOG_SLICE("namespace", channel->space), LOG_SLICE("channel", channel->name),
		LOG_TEXT("reason", channel->fault));
}

const struct channels *channels_make(const struct rows *rows)
{
	struct channels *c = check_calloc(1, sizeof(*c));
	int count = rows_count(rows);

	atomic_init(&c->references, 1);
	c->arena = arena_new(0);
	c->tokens.exact = true;
	c->revision = count > 0 ? rows_int64(rows, 0, REVISION) : 0;
	c->channels = arena_array(c->arena, (size_t)count, sizeof(*c->channels));
	for (int i = 0; i < count && !rows_null(rows, i, ID); i++) {
		struct channel *channel = &c->channels[c->count++];
		read_channel(c->arena, channel, rows, i);
		table_put(&c->tokens, channel->receipt_token, channel);
	}
	return c;
}

/* --- life ----------------------------------------------------------------------------------- */

void channels_share(const struct channels *c)
{
	atomic_fetch_add_explicit(&((struct channels *)c)->references, 1, memory_order_relaxed);
}

void channels_release(const struct channels **c)
{
	struct channels *old = (struct channels *)*c;

	*c = NULL;
	if (!old || atomic_fetch_sub_explicit(&old->references, 1, memory_order_acq_rel) > 1)
		return;
	table_clear(&old->tokens);
	arena_wipe(old->arena);
	arena_free(&old->arena);
	free(old);
}
