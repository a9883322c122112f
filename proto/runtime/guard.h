/*
 * Guard: wire bytes to a message of protobuf-c, in the stead of protobuf_c_message_unpack(), which
 * believes its input: it has no recursion limit (a 29 KB message ends the process), allocates 176
 * bytes for an empty submessage of 2, takes ill-formed UTF-8 and cuts strings at NUL; and it fails
 * on what protobuf allows (groups, a message given twice, booleans other than 0 and 1).
 *
 * guard_unpack() refuses the former and takes the latter: the last of a singular field counts,
 * messages given twice are merged, repeated numbers come packed or not, unknown fields (groups and
 * known numbers with another wire type among them) are kept and packed again. Any thread.
 */
#ifndef JUNCTION_PROTO_RUNTIME_GUARD_H
#define JUNCTION_PROTO_RUNTIME_GUARD_H

#include <protobuf-c/protobuf-c.h>

#include "base/arena.h"
#include "base/status.h"

#define GUARD_DEPTH 64 /* nested messages, the outermost being 1 */
/* Fields and elements in one message, nested ones counted: a list of 100,000 fits. */
#define GUARD_ELEMENTS 110000

/* NULL on refusal: INVALID_ARGUMENT (malformed, too deep, ill-formed UTF-8, NUL in a string; with
 * the field's path in proto names), or RESOURCE_EXHAUSTED (too many elements, beyond the arena's
 * cap). Entries of a map come as they are: keys may repeat, and the last one counts. The message
 * lives in the arena and is never freed by itself; it keeps nothing of the wire bytes. */
ProtobufCMessage *guard_unpack(struct arena *a, const ProtobufCMessageDescriptor *descriptor,
	struct text wire, struct status *status);

/* Serialized bytes in the arena. A oneof says alone which of its members is set. */
struct text guard_pack(struct arena *a, const ProtobufCMessage *message);
/* The same bytes in memory of their own, *room, which the caller frees with free(). */
struct text guard_pack_alone(const ProtobufCMessage *message, void **room);

#endif
