/* Strip: the descriptor set for protoc-c. */
#ifndef JUNCTION_PROTO_APIGEN_STRIP_H
#define JUNCTION_PROTO_APIGEN_STRIP_H

#include "proto/apigen/schema.h"

/* Takes away, in place, what is nobody's type: line numbers and comments. */
void strip_source(struct schema *s);

/* Then, in place as well, what protoc-c 1.4.1 refuses or makes bad C of: see strip.c. */
void strip_for_c(struct arena *a, struct schema *s);

#endif
