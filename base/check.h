/* Invariants that stay on in production: a broken one is logged and the process aborts. */
#ifndef JUNCTION_BASE_CHECK_H
#define JUNCTION_BASE_CHECK_H

#include <stddef.h>

#define CHECK(condition)                                                                           \
	((condition) ? (void)0 : check_failed(#condition, __FILE__, __LINE__, __func__))

_Noreturn void check_failed(
	const char *condition, const char *file, int line, const char *function);

/* malloc, calloc and realloc that abort when memory is out. Freed with free(). */
void *check_malloc(size_t size);
void *check_calloc(size_t count, size_t size);
void *check_realloc(void *memory, size_t size);
char *check_strdup(const char *string);

#endif
