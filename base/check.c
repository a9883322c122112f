/* A broken invariant and exhausted memory end the process at once, with one line in the log: what
 * would run on could only do harm. Nothing here allocates on the way out. */
#include "base/check.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"

void check_failed(const char *condition, const char *file, int line, const char *function)
{
	log_event(LOG_ERROR, "check failed", LOG_TEXT("condition", condition),
		LOG_TEXT("file", file), LOG_NUMBER("line", line), LOG_TEXT("function", function));
	abort();
}

static void *checked(void *memory, size_t size)
{
	if (!memory) {
		log_event(LOG_ERROR, "out of memory", LOG_NUMBER("bytes", (int64_t)size));
		abort();
	}
	return memory;
}

/* malloc(0) may answer NULL, which is no failure: one byte is asked for instead. */
void *check_malloc(size_t size)
{
	return checked(malloc(size ? size : 1), size);
}

void *check_calloc(size_t count, size_t size)
{
	return checked(count && size ? calloc(count, size) : calloc(1, 1), size);
}

void *check_realloc(void *memory, size_t size)
{
	return checked(realloc(memory, size ? size : 1), size);
}

char *check_strdup(const char *string)
{
	size_t size = strlen(string) + 1;
	return memcpy(check_malloc(size), string, size);
}
