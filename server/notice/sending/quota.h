/*
 * Quota: at most so many messages within any stretch of time of a length. A message counts from
 * when it is begun until that length after it has ended, so that the one that takes its place
 * comes late enough whenever in between the provider counted it. Pure: told the time, on
 * clock_now(). One thread.
 */
#ifndef JUNCTION_SERVER_NOTICE_SENDING_QUOTA_H
#define JUNCTION_SERVER_NOTICE_SENDING_QUOTA_H

#include <stddef.h>
#include <stdint.h>

/* Starts as {0}: no limit. */
struct quota {
	int most; /* 0: no limit */
	int64_t window;
	int under_way;
	int64_t *ends; /* of messages that ended and still count, never falling; from first */
	size_t first, count, room;
};

/* New limits; what is known still counts. */
void quota_limit(struct quota *q, int most, int64_t window_ms);
/* How many messages may begin now. 0: *again is when to ask again, CLOCK_NEVER: when one has ended.
 */
int quota_room(struct quota *q, int64_t now, int64_t *again);
void quota_begin(struct quota *q);
void quota_end(struct quota *q, int64_t now);
/* One that was begun has not been sent. */
void quota_undo(struct quota *q);
/* Those that have ended are forgotten, to be noted anew. */
void quota_forget(struct quota *q);
/* One that somebody else has sent ended then; one that ends before the last one counts as if it
 * had ended with it. */
void quota_note(struct quota *q, int64_t end);
void quota_clear(struct quota *q);

#endif
