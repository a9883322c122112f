/* Bytes as PostgreSQL reads them: "\x00ff". Any thread. */
#ifndef JUNCTION_SERVER_DB_BYTEA_H
#define JUNCTION_SERVER_DB_BYTEA_H

#include "base/arena.h"

/* In the arena, ends in NUL, which is not counted. */
struct text bytea_text(struct arena *a, const void *bytes, size_t size);

#endif
