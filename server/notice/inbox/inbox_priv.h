/*
 * What the parts of the inbox share. Any thread.
 *
 *   inbox.c        whose inbox; reading and deleting
 *   inbox_list.c   a page of it
 *   inbox_watch.c  a stream of it
 *   inbox_item.c   a notice of it
 *   bells.c        who is told that it has changed
 */
#ifndef JUNCTION_SERVER_NOTICE_INBOX_INBOX_PRIV_H
#define JUNCTION_SERVER_NOTICE_INBOX_INBOX_PRIV_H

#include "junction/v1/notice.pb-c.h"
#include "server/notice/inbox/inbox.h"
#include "server/notice/template/content.h"

/* Where streams of that inbox wait. It lives as long as the program. */
struct bell *inbox_bell(struct text space, struct text user);

/* --- inbox_item.c ----------------------------------------------------------------------------- */

/* Of notice.delivery as d, which may be missing in the only row. */
#define INBOX_COLUMNS                                                                              \
	"d.position, d.notice_position, event.milliseconds(event.time_at(d.position)), "           \
	"d.language, "                                                                             \
	"d.state = 'read', "                                                                       \
	"event.milliseconds(d.receipt_at), (SELECT octet_length(n.message) + "                     \
	"coalesce(octet_length(n.params), 0) FROM notice.notice n "                                \
	"WHERE n.position = d.notice_position)"

struct inbox_entry {
	int64_t position, time, read_at; /* times: milliseconds since 1970; 0: none */
	struct text language;
	bool read;
};

/* Some of an inbox, in the order of the rows. */
struct inbox_entries {
	const struct inbox_entry *all;
	const int64_t *notices; /* their positions */
	size_t count;
	bool cut; /* there are more rows, whose contents are for another message */
};

/* column: the first of INBOX_COLUMNS. In the arena. */
struct inbox_entries inbox_entries_read(struct arena *a, const struct rows *rows, int column);
/* In the arena, but points into the content, too. */
Notice__InboxItem *inbox_item(struct arena *a, const struct inbox_entry *entry, struct text user,
	const struct content *content);
char *inbox_position_write(struct arena *a, int64_t position);

#endif
