/* A snapshot of channels made of rows of notice.channel. Any thread. */
#ifndef JUNCTION_SERVER_NOTICE_CHANNEL_CHANNELS_MAKE_H
#define JUNCTION_SERVER_NOTICE_CHANNEL_CHANNELS_MAKE_H

#include "server/notice/channel/channel.h"

/* What channels_make() takes, by id: $columns of notice.revision as r and notice.channel as c,
 * which is missing in the only row if there are no channels. */
#define CHANNELS_COLUMNS                                                                           \
	"r.value, c.id, c.namespace, c.name, c.kind, c.settings, event.text_of(c.secrets), "       \
	"c.secrets_key_id, c.enabled, c.concurrency, c.quota, c.quota_ms, c.timeout_ms, "          \
	"c.receipt_token"

/* Held by the caller. Faults are logged. */
const struct channels *channels_make(const struct rows *rows);
int64_t channels_revision(const struct channels *c);
void channels_share(const struct channels *c);

#endif
