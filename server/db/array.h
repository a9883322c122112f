/* Texts of SQL arrays, such as {"a",NULL,"b"}: PostgreSQL reads them as arrays of whatever type the
 * statement wants. Any thread. */
#ifndef JUNCTION_SERVER_DB_ARRAY_H
#define JUNCTION_SERVER_DB_ARRAY_H

#include "base/arena.h"

/* The array starts as {.arena = a}. An element without data is NULL. */
void array_add(struct buffer *array, struct text element);
void array_add_number(struct buffer *array, int64_t element);
/* After the last element. */
struct text array_text(struct buffer *array);

#endif
