/*
 * Send: from the request to the rows. send.c checks and hands over to the append lane
 * (notice.send); spread.c makes the deliveries of large sends, part by part (notice.spread).
 */
#ifndef JUNCTION_SERVER_NOTICE_SEND_SEND_H
#define JUNCTION_SERVER_NOTICE_SEND_SEND_H

#include "server/notice/notice.h"

/* Once, before the first call. */
void send_start(void);

/* Deliveries have been made: those who look after them hear of it. Two columns of a row, JSON
 * lists: ids of channels, and users to whom something came on site (NULL: none). Any thread. */
void send_made(const struct rows *rows, int row, int column, struct text space);

/* Parts of large sends are looked for from now on. */
void spread_start(struct lanes *lanes, struct loop *home, int64_t poll_ms);
/* This server has taken a large send. Any thread. */
void spread_wake(void);
/* After the lanes have stopped. */
void spread_stop(void);

#endif
