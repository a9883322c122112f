/*
 * Place: where in a message JSON is read or written. Linked on the stack, made a path only for an
 * error. Internal to proto/runtime; any thread.
 */
#ifndef JUNCTION_PROTO_RUNTIME_PLACE_H
#define JUNCTION_PROTO_RUNTIME_PLACE_H

#include "base/arena.h"

struct place {
	const struct place *up; /* NULL outermost */
	struct text name;       /* of a field or of a map's key; data NULL: an element */
	size_t index;           /* of an element */
};

/* "services[2].uri"; NULL for no place, the message itself. */
const char *place_path(struct arena *a, const struct place *at);

#endif
