/*
 * Option: google.api.http and Junction's own options, which protobuf-c leaves among a message's
 * unknown fields. What is read lives in the arena.
 */
#ifndef JUNCTION_PROTO_APIGEN_OPTION_H
#define JUNCTION_PROTO_APIGEN_OPTION_H

#include "proto/apigen/schema.h"

/* Never NULL: without the option, all defaults. options may be NULL. */
const Junction__V1__MethodRule *option_method(
	struct arena *a, const Google__Protobuf__MethodOptions *options);
const Junction__V1__FieldRule *option_field(
	struct arena *a, const Google__Protobuf__FieldOptions *options);

/* Fills m's routes: the rule itself, then its additional bindings. */
void option_routes(
	struct arena *a, const Google__Protobuf__MethodOptions *options, struct method *m);

/* Sets an option of message type, as wire bytes. */
void option_set(struct arena *a, ProtobufCMessage *options, uint32_t number, struct text value);

/* protobuf-c's allocator over the arena. */
ProtobufCAllocator option_allocator(struct arena *a);

#endif
