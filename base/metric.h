/*
 * Metric: counters, gauges and histograms, and their text for Prometheus (format 0.0.4).
 *
 * A metric is a static object of the module that knows it, registered before the threads that
 * count start, and never taken back; registering it again changes nothing. Counting is one atomic
 * addition to memory of the thread's own, from any thread. Series that never counted are left out,
 * except of a metric without labels.
 */
#ifndef JUNCTION_BASE_METRIC_H
#define JUNCTION_BASE_METRIC_H

#include <stdatomic.h>

#include "base/arena.h"

#define METRIC_SHARDS 16

enum metric_kind {
	METRIC_COUNTER,
	METRIC_GAUGE,
	METRIC_HISTOGRAM, /* of durations */
};

struct metric_label {
	const char *name; /* NULL: no label */
	const char *(*value)(size_t index);
	size_t count; /* indexes 0 to count - 1 */
};

struct metric {
	const char *name; /* by Prometheus' conventions */
	const char *help;
	enum metric_kind kind;
	/* With two labels, a series' index is first * labels[1].count + second. */
	struct metric_label labels[2];
	/* Asked when the text is made, on its thread, instead of counting; NULL: counted. */
	double (*read)(size_t index);

	/* The module's own. */
	atomic_uint_fast64_t *cells[METRIC_SHARDS];
	struct metric *next;
};

void metric_register(struct metric *m);

void metric_add(struct metric *m, size_t index, int64_t n);
void metric_observe(struct metric *m, size_t index, int64_t ns);

/* Of the process itself: CPU time, memory, files, start; and the version. */
void metric_register_process(void);

/* All that is registered, in the order of registration. Any thread. */
void metric_render(struct buffer *b);

#endif
