/*
 * Subscription message: a row of event.subscription as it is shown. Any thread.
 */
#ifndef JUNCTION_SERVER_EVENT_MANAGE_SUBSCRIPTION_MESSAGE_H
#define JUNCTION_SERVER_EVENT_MANAGE_SUBSCRIPTION_MESSAGE_H

#include "junction/v1/event.pb-c.h"
#include "server/call.h"

/* s: the row; q: group_name and member of its queue. */
#define SUBSCRIPTION_COLUMNS                                                                       \
	"s.id, s.name, q.group_name, q.member <> '', array_to_json(s.patterns), s.conditions, "    \
	"s.target, s.url, s.service, s.confirm, s.ack_window_ms, s.timeout_ms, "                   \
	"array_to_json(s.schedule_ms), s.concurrency, s.rate, s.encrypt_stored, s.push_key_id, "   \
	"s.origin, s.enabled, s.disabled_reason, event.milliseconds(s.created_at), "               \
	"event.milliseconds(s.updated_at)"
enum { SUBSCRIPTION_COLUMN_COUNT = 22 };

/* Its columns are the first ones. In the call's arena. */
Event__Subscription *subscription_message(struct call *c, const struct rows *rows, int row);

#endif
