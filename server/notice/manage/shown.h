/*
 * Shown: notices and how deliveries stand, as the API shows them and takes them. What is made lives
 * in the call's arena. Any thread.
 */
#ifndef JUNCTION_SERVER_NOTICE_MANAGE_SHOWN_H
#define JUNCTION_SERVER_NOTICE_MANAGE_SHOWN_H

#include "junction/v1/notice.pb-c.h"
#include "server/page.h"

/* Columns of a notice, of "n" in a query. */
#define SHOWN_COLUMNS                                                                              \
	"n.notice_id, event.milliseconds(n.time), n.sender, n.title, n.message, n.params, "        \
	"n.template, n.template_version, array_to_json(n.channels), array_to_json(n.groups), "     \
	"array_to_json(n.attachments), n.reply, n.deliveries, "                                    \
	"n.deliveries - notice.unspread(n.position) * cardinality(n.channels), n.user_name, "      \
	"n.application, n.trace_id"
enum { SHOWN_COLUMN_COUNT = 17 };

/* Of the columns from 0 on. */
Notice__NoticeInfo *shown_notice(struct call *c, const struct rows *rows, int row);

char *shown_string(struct call *c, const struct rows *rows, int row, int column);
Notice__NoticeState shown_state(const struct rows *rows, int row, int column);
/* Of a filter: data NULL for UNSPECIFIED. False with c->status set: it is none. */
bool shown_read_state(
	struct call *c, const char *field, Notice__NoticeState given, struct text *word);
/* Of a list by position, the newest first: before which one the page begins. False with c->status
 * set. */
bool shown_read_page(struct call *c, int32_t size, const char *token, int64_t before,
	struct page *page, struct text *position);
struct text shown_number(struct call *c, int64_t number);

#endif
