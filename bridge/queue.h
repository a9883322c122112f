/*
 * Queue: bytes that wait for somebody to take them; memory follows what waits. Starts zeroed and
 * ends with queue_free(). One thread at a time.
 */
#ifndef JUNCTION_BRIDGE_QUEUE_H
#define JUNCTION_BRIDGE_QUEUE_H

#include "base/text.h"

struct queue {
	char *data;
	size_t start, size, room; /* size bytes wait from start on */
};

void queue_add(struct queue *q, struct text bytes);
/* All that waits; stands until the queue is changed. */
struct text queue_text(const struct queue *q);
void queue_drop(struct queue *q, size_t size); /* at most what waits */
void queue_free(struct queue *q);

#endif
