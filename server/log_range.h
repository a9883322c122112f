/* Times as positions of events and notices: 20 bits of each are a count (migrations/0015). Any
 * thread. */
#ifndef JUNCTION_SERVER_LOG_RANGE_H
#define JUNCTION_SERVER_LOG_RANGE_H

#include <stdint.h>

#define LOG_RANGE_BITS   20
#define LOG_RANGE_MS_END (INT64_MAX >> LOG_RANGE_BITS)

/* The first position of a time; times that no event can have are those nearest to them. */
static inline int64_t log_range_from(int64_t unix_ms)
{
	int64_t ms = unix_ms < 0 ? 0 : unix_ms > LOG_RANGE_MS_END ? LOG_RANGE_MS_END : unix_ms;

	return ms << LOG_RANGE_BITS;
}

/* Behind its last one. */
static inline int64_t log_range_behind(int64_t unix_ms)
{
	return unix_ms >= LOG_RANGE_MS_END ? INT64_MAX : log_range_from(unix_ms + 1);
}

#endif
