/*
 * Check: the rules that our protos keep beyond protoc's. Each broken one is a sentence on standard
 * error that begins with file and line.
 */
#ifndef JUNCTION_PROTO_APIGEN_CHECK_H
#define JUNCTION_PROTO_APIGEN_CHECK_H

#include "proto/apigen/schema.h"

/* How many rules are broken. */
size_t check_schema(struct arena *a, const struct schema *s);

#endif
