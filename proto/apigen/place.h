/* Place: finds a declaration's line and leading comment in the source info of its file. */
#ifndef JUNCTION_PROTO_APIGEN_PLACE_H
#define JUNCTION_PROTO_APIGEN_PLACE_H

#include "proto/apigen/schema.h"

/* The way to a declaration as SourceCodeInfo.Location describes it: pairs of field number and
 * index, from the file down. */
struct way {
	const Google__Protobuf__FileDescriptorProto *file;
	int steps[16];
	size_t depth;
};

/* A copy that goes one pair further. */
struct way way_to(struct way w, int field, size_t index);
struct place way_place(struct way w);

#endif
