/*
 * Guard: protobuf-c believes its input; this is what stands before it.
 *
 * protobuf-c has no recursion limit (a 29 KB message ends the process), allocates 176 bytes for an
 * empty submessage of 2, takes ill-formed UTF-8 and cuts strings at NUL. guard_unpack() walks the
 * wire bytes by the descriptor first and refuses all that, then unpacks into the arena under its
 * byte cap. Any thread.
 */
#ifndef JUNCTION_PROTO_RUNTIME_GUARD_H
#define JUNCTION_PROTO_RUNTIME_GUARD_H

#include <protobuf-c/protobuf-c.h>

#include "base/arena.h"
#include "base/status.h"

#define GUARD_DEPTH    64     /* nested messages and groups, the outermost being 1 */
#define GUARD_ELEMENTS 100000 /* fields and elements in one message, nested ones counted */

/* NULL on refusal: INVALID_ARGUMENT (malformed, too deep, ill-formed UTF-8, NUL in a string, a
 * singular message given twice; with the field's path in proto names), or RESOURCE_EXHAUSTED (too
 * many elements, beyond the arena's cap). Entries of a map come as they are: keys may repeat, and
 * the last one counts. The message lives in the arena and is never freed by itself. */
ProtobufCMessage *guard_unpack(struct arena *a, const ProtobufCMessageDescriptor *descriptor,
	struct text wire, struct status *status);

/* Serialized bytes in the arena. */
struct text guard_pack(struct arena *a, const ProtobufCMessage *message);

/* protobuf-c's allocator over an arena: alloc gives NULL beyond the cap, free does nothing. */
ProtobufCAllocator guard_allocator(struct arena *a);

#endif
