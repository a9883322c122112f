/*
 * Arena: memory that is born in one call and dies with it, all at once.
 *
 * Allocation is a bump; there is no free of a single object. The byte cap bounds what outside
 * input may cost: arena_try() refuses beyond it (for decoding), arena_alloc() never fails but
 * remembers the overdraft, which whoever drives the call looks at between steps
 * (arena_overdrawn()). Out of memory aborts. One thread at a time. Under AddressSanitizer every
 * object is a malloc of its own, so that overruns are found.
 */
#ifndef JUNCTION_BASE_ARENA_H
#define JUNCTION_BASE_ARENA_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"

struct arena;

/* cap: bytes that may be handed out; 0 is no cap. */
struct arena *arena_new(size_t cap);
void arena_free(struct arena **arena); /* NULL allowed; clears the pointer */
/* As new: all that was handed out is gone, the overdraft forgotten. Memory for small use is kept.
 */
void arena_clear(struct arena *a);
/* Overwrites all that was handed out, which held secrets: before it is cleared or freed. */
void arena_wipe(struct arena *a);

/* Aligned for any object, not zeroed. size 0 gives a unique pointer. */
void *arena_alloc(struct arena *a, size_t size);
void *arena_zero(struct arena *a, size_t size);
void *arena_array(struct arena *a, size_t count, size_t size); /* zeroed, overflow aborts */
/* NULL if size would go beyond the cap. */
void *arena_try(struct arena *a, size_t size);

bool arena_overdrawn(const struct arena *a);
size_t arena_cap(const struct arena *a);
size_t arena_used(const struct arena *a); /* bytes handed out, each object's rounded up to 16 */

/* Copies end in NUL, which text.size does not count. */
struct text arena_text(struct arena *a, struct text t);
char *arena_string(struct arena *a, struct text t);
struct text arena_lower(struct arena *a, struct text t); /* ASCII letters in lower case */
struct text arena_upper(struct arena *a, struct text t);
char *arena_printf(struct arena *a, const char *format, ...) __attribute__((format(printf, 2, 3)));
char *arena_vprintf(struct arena *a, const char *format, va_list args)
	__attribute__((format(printf, 2, 0)));

#define ARENA_NEW(a, type) ((type *)arena_zero((a), sizeof(type)))

/* A growing byte string in an arena. Starts as {.arena = a}. */
struct buffer {
	struct arena *arena;
	char *data; /* not terminated */
	size_t size;
	size_t room;
};

void buffer_add(struct buffer *b, const void *bytes, size_t size);
void buffer_add_text(struct buffer *b, struct text t);
void buffer_add_char(struct buffer *b, char c);
void buffer_printf(struct buffer *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* At least size writable bytes at the end; b->size is then raised by the caller. */
char *buffer_reserve(struct buffer *b, size_t size);
struct text buffer_text(const struct buffer *b);

#endif
