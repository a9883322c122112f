/*
 * Inbox: what came to users on channel site, as lists and streams.
 *
 * Streams wait at a bell of their user's; there are a fixed number of bells, shared by users of
 * equal hash. They are rung when this server has changed an inbox, and every poll_ms for what other
 * servers did: what came is in notice.delivery, whose unread notices were read or removed in
 * notice.inbox_change. So cursors and counts of all streams are exact within poll_ms.
 */
#ifndef JUNCTION_SERVER_NOTICE_INBOX_INBOX_H
#define JUNCTION_SERVER_NOTICE_INBOX_INBOX_H

#include "server/notice/notice.h"

void inbox_start(struct lanes *lanes, struct loop *home, int64_t poll_ms);
/* Something came to these users on site, or their inbox was changed. Any thread. */
void inbox_changed(struct text space, const struct text *users, size_t count);
/* To more users than are told. Any thread. */
void inboxes_changed(void);
/* After the lanes have stopped and bells have been heard. */
void inbox_stop(void);

/* Whose inbox a call is about: the user that it names, else the caller. False with c->status set:
 * INVALID_ARGUMENT if there is neither, PERMISSION_DENIED if it is another's and the caller lacks
 * the permission for this action with ADMIN. */
bool inbox_user(struct call *c, const char *given, struct text *user);

#endif
