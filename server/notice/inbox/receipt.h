/*
 * Receipts: links that confirm a notice, and what is told of it.
 *
 * A link is --public-url, "/v1/notice/receipt/" and a token: base64url of the delivery's position
 * (8 bytes, big endian) and the first 16 bytes of HMAC-SHA256 of it with the key of all servers
 * (notice.link_key). Who has the link may confirm, and can make no other.
 *
 * Each receipt of a notice that wanted one, by link or by reading the inbox, is published as event
 * "notice.receipt" with the id "notice.receipt.POSITION": at once, or later by any server while it
 * stands as not told (notice.delivery.receipt_told).
 */
#ifndef JUNCTION_SERVER_NOTICE_INBOX_RECEIPT_H
#define JUNCTION_SERVER_NOTICE_INBOX_RECEIPT_H

#include "server/notice/notice.h"

enum { RECEIPT_KEY = 32 };

/* Loads the key, again and again until it is there. */
void receipt_start(struct lanes *lanes, struct loop *home, const struct notice_options *options);
bool receipt_ready(void); /* the key is there; any thread */
/* Receipts may have come that are to be told. Any thread. */
void receipt_wake(void);
/* After the lanes have stopped. */
void receipt_stop(void);

/* The link of a delivery; empty without --public-url. In the arena. Any thread, once ready. */
struct text receipt_link(struct arena *a, int64_t position);
/* False: it is not one of ours. Any thread, once ready. */
bool receipt_read_token(struct text token, int64_t *position);

#endif
