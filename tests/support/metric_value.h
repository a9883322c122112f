/* What a metric says. */
#ifndef JUNCTION_TESTS_METRIC_VALUE_H
#define JUNCTION_TESTS_METRIC_VALUE_H

#include <stdio.h>
#include <stdlib.h>

#include "base/metric.h"

/* series: with its labels, if it has any. 0 if there is none. */
static inline int64_t metric_value(const char *series)
{
	struct arena *a = arena_new(0);
	struct buffer b = {.arena = a};
	char line[160];
	metric_render(&b);
	buffer_add_char(&b, '\0');
	snprintf(line, sizeof(line), "\n%s ", series);
	const char *at = strstr(b.data, line);
	int64_t value = at ? atoll(at + strlen(line)) : 0;
	arena_free(&a);
	return value;
}

#endif
