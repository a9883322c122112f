/* Channels as callers see them: never with secrets. Any thread; in the call's arena. */
#ifndef JUNCTION_SERVER_NOTICE_CHANNEL_CHANNEL_MESSAGE_H
#define JUNCTION_SERVER_NOTICE_CHANNEL_CHANNEL_MESSAGE_H

#include "junction/v1/notice.pb-c.h"
#include "server/call.h"

/* Of notice.channel as c. */
#define CHANNEL_COLUMNS                                                                            \
	"c.name, c.kind, c.settings, to_json(c.secret_names), c.enabled, c.concurrency, c.quota, " \
	"c.quota_ms, to_json(c.schedule_ms), c.timeout_ms, notice.count_waiting(c.id), "           \
	"event.milliseconds(c.updated_at), c.receipt_token"

enum { CHANNEL_COLUMN_COUNT = 13 };

/* Whether the caller may see the tokens that receipts are reported with. */
bool channel_shows_token(struct call *c);
Notice__Channel *channel_message(
	struct call *c, const struct rows *rows, int row, bool shows_token);

/* 1 to 32 letters, digits, "-" and "_". */
bool channel_is_name(struct text name);
/* False with c->status set: it is none. */
bool channel_name_holds(struct call *c, const char *name);

#endif
