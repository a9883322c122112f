/*
 * Stored: from rows of events to messages, and back. Any thread.
 */
#ifndef JUNCTION_SERVER_EVENT_STORED_H
#define JUNCTION_SERVER_EVENT_STORED_H

#include "base/arena.h"
#include "server/db/statement.h"

/* Its data, from three columns: data, sealed (event.text_of) and key_id. "null" if it is sealed
 * and cannot be opened here. In the arena. */
char *stored_data(
	struct arena *a, const struct rows *rows, int row, int column, struct text event_id);

/* The same, but data NULL if it cannot be opened. */
struct text stored_open(
	struct arena *a, const struct rows *rows, int row, int column, struct text event_id);

#endif
