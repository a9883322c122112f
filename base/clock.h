/* Time. All functions may be called from any thread. */
#ifndef JUNCTION_BASE_CLOCK_H
#define JUNCTION_BASE_CLOCK_H

#include <stdint.h>

#include "base/arena.h"

#define CLOCK_MS     INT64_C(1000000)
#define CLOCK_SECOND INT64_C(1000000000)
#define CLOCK_NEVER  INT64_MAX

int64_t clock_now(void);     /* CLOCK_MONOTONIC, nanoseconds; deadlines are on this clock */
int64_t clock_unix_ms(void); /* milliseconds since 1970-01-01 UTC */
/* "2026-11-21T20:49:00.123Z" */
char *clock_iso(struct arena *a, int64_t unix_ms);
void clock_iso_into(char out[32], int64_t unix_ms); /* the same, without an arena */
/* "2026-11-21 20:49:00" in the process's time zone */
char *clock_local(struct arena *a, int64_t unix_ms);

/* A random version-4 UUID and a time-ordered version-7 UUID (RFC 9562), 36 characters and NUL. */
void uuid_random(char out[37]);
void uuid_ordered(char out[37]);

#endif
