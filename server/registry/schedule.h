/*
 * Schedule: things by the time when they are due, the next one at hand (a binary heap). Embedded in
 * what it is about. Not locked.
 */
#ifndef JUNCTION_SERVER_REGISTRY_SCHEDULE_H
#define JUNCTION_SERVER_REGISTRY_SCHEDULE_H

#include <stddef.h>
#include <stdint.h>

struct schedule_item {
	int64_t due;  /* on clock_now(); not to be changed while it is in a schedule */
	size_t place; /* the schedule's */
};

/* Starts as {0}. */
struct schedule {
	struct schedule_item **items;
	size_t count, room;
};

void schedule_add(struct schedule *s, struct schedule_item *item);
void schedule_remove(struct schedule *s, struct schedule_item *item);
/* The first one if it is due at that time, else NULL. */
struct schedule_item *schedule_due(const struct schedule *s, int64_t now);
void schedule_clear(struct schedule *s);

#endif
