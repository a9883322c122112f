/* Queue: an array that is shifted when its end is reached, and given back when it was a large one
 * and is empty. */
#include "bridge/queue.h"

#include <stdlib.h>

#include "base/check.h"

#define ROOM_KEPT (512 * 1024)

static void make_room(struct queue *q, size_t size)
{
	if (q->room - q->start - q->size >= size)
		return;
	if (q->start)
		memmove(q->data, q->data + q->start, q->size);
	q->start = 0;
	size_t room = q->room ? q->room : 4096;
	while (room - q->size < size)
		room *= 2;
	if (room == q->room)
		return;
	q->data = realloc(q->data, room);
	CHECK(q->data);
	q->room = room;
}

void queue_add(struct queue *q, struct text bytes)
{
	if (!bytes.size)
		return;
	make_room(q, bytes.size);
	memcpy(q->data + q->start + q->size, bytes.data, bytes.size);
	q->size += bytes.size;
}

struct text queue_text(const struct queue *q)
{
	return (struct text){q->size ? q->data + q->start : "", q->size};
}

void queue_drop(struct queue *q, size_t size)
{
	CHECK(size <= q->size);
	q->start += size;
	q->size -= size;
	if (q->size)
		return;
	q->start = 0;
	if (q->room > ROOM_KEPT)
		queue_free(q);
}

void queue_free(struct queue *q)
{
	free(q->data);
	*q = (struct queue){0};
}
