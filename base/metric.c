/*
 * Each metric has a block of cells for each shard, in cache lines of its own; a thread counts in
 * one shard for as long as it lives. There may be more threads than shards, so additions are
 * atomic; there the line is shared, and nothing is lost.
 *
 * A series of a histogram is its buckets, not yet summed up, and the sum in nanoseconds; how many
 * there were is the sum of the buckets, so that both always fit together.
 */
#include "base/metric.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"

#define LINE_BYTES 64
#define LINE_CELLS (LINE_BYTES / sizeof(atomic_uint_fast64_t))

/* Upper ends in seconds; the last bucket has none. */
static const struct {
	int64_t ns;
	const char *text;
} bounds[] = {
	{100000, "0.0001"},
	{250000, "0.00025"},
	{500000, "0.0005"},
	{1000000, "0.001"},
	{2500000, "0.0025"},
	{5000000, "0.005"},
	{10000000, "0.01"},
	{25000000, "0.025"},
	{50000000, "0.05"},
	{100000000, "0.1"},
	{250000000, "0.25"},
	{500000000, "0.5"},
	{1000000000, "1"},
	{2500000000, "2.5"},
	{5000000000, "5"},
	{10000000000, "10"},
	{30000000000, "30"},
};
#define BOUNDS  (sizeof(bounds) / sizeof(bounds[0]))
#define SUM     (BOUNDS + 1)
#define BUCKETS (BOUNDS + 2) /* cells of a series: buckets, the endless one, the sum */

static struct metric *first, **last = &first;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static size_t series_count(const struct metric *m)
{
	return (m->labels[0].name ? m->labels[0].count : 1) *
	       (m->labels[1].name ? m->labels[1].count : 1);
}

static size_t cells_each(const struct metric *m)
{
	return m->kind == METRIC_HISTOGRAM ? BUCKETS : 1;
}

static void make_cells(struct metric *m)
{
	size_t cells = series_count(m) * cells_each(m);
	size_t each = (cells + LINE_CELLS - 1) / LINE_CELLS * LINE_CELLS;
	size_t bytes = each * sizeof(atomic_uint_fast64_t) * METRIC_SHARDS;
	atomic_uint_fast64_t *all = aligned_alloc(LINE_BYTES, bytes);
	CHECK(all);
	memset(all, 0, bytes);
	for (size_t i = 0; i < METRIC_SHARDS; i++)
		m->cells[i] = all + i * each;
}

void metric_register(struct metric *m)
{
	pthread_mutex_lock(&lock);
	if (!m->next && last != &m->next) {
		if (!m->read)
			make_cells(m);
		*last = m;
		last = &m->next;
	}
	pthread_mutex_unlock(&lock);
}

/* --- counting ------------------------------------------------------------------------------- */

static size_t shard(void)
{
	static atomic_uint threads;
	static _Thread_local unsigned number; /* from 1 */
	if (!number)
		number = 1 + atomic_fetch_add(&threads, 1) % METRIC_SHARDS;
	return number - 1;
}

static void add(atomic_uint_fast64_t *cell, int64_t n)
{
	atomic_fetch_add_explicit(cell, (uint64_t)n, memory_order_relaxed);
}

void metric_add(struct metric *m, size_t index, int64_t n)
{
	add(&m->cells[shard()][index], n);
}

void metric_observe(struct metric *m, size_t index, int64_t ns)
{
	atomic_uint_fast64_t *cells = m->cells[shard()] + index * BUCKETS;
	size_t bucket = 0;
	while (bucket < BOUNDS && ns > bounds[bucket].ns)
		bucket++;
	add(&cells[bucket], 1);
	add(&cells[SUM], ns);
}

/* --- text ----------------------------------------------------------------------------------- */

static int64_t total(const struct metric *m, size_t cell)
{
	uint64_t sum = 0;
	for (size_t i = 0; i < METRIC_SHARDS; i++)
		sum += atomic_load_explicit(&m->cells[i][cell], memory_order_relaxed);
	return (int64_t)sum;
}

static void add_escaped(struct buffer *b, const char *value)
{
	for (const char *c = value; *c; c++) {
		if (*c == '\\' || *c == '"' || *c == '\n')
			buffer_add_char(b, '\\');
		buffer_add_char(b, *c == '\n' ? 'n' : *c);
	}
}

static void add_label(struct buffer *b, char *before, const char *name, const char *value)
{
	buffer_printf(b, "%c%s=\"", *before, name);
	add_escaped(b, value);
	buffer_add_char(b, '"');
	*before = ',';
}

/* name{label="value",le="0.1"} and a blank; le NULL: none. */
static void add_series(
	struct buffer *b, const struct metric *m, const char *suffix, size_t index, const char *le)
{
	char before = '{';
	size_t inner = m->labels[1].name ? m->labels[1].count : 1;
	buffer_printf(b, "%s%s", m->name, suffix);
	if (m->labels[0].name)
		add_label(b, &before, m->labels[0].name, m->labels[0].value(index / inner));
	if (m->labels[1].name)
		add_label(b, &before, m->labels[1].name, m->labels[1].value(index % inner));
	if (le)
		add_label(b, &before, "le", le);
	buffer_add_text(b, before == ',' ? TEXT("} ") : TEXT(" "));
}

static void add_number(struct buffer *b, double value)
{
	if (value == floor(value) && fabs(value) < 1e15)
		buffer_printf(b, "%lld\n", (long long)value);
	else
		buffer_printf(b, "%.9g\n", value);
}

static void add_histogram(struct buffer *b, const struct metric *m, size_t index)
{
	int64_t count = 0;
	size_t base = index * BUCKETS;
	for (size_t i = 0; i <= BOUNDS; i++)
		count += total(m, base + i);
	if (!count && m->labels[0].name)
		return;
	int64_t sum = total(m, base + SUM);
	count = 0;
	for (size_t i = 0; i <= BOUNDS; i++) {
		count += total(m, base + i);
		add_series(b, m, "_bucket", index, i < BOUNDS ? bounds[i].text : "+Inf");
		buffer_printf(b, "%lld\n", (long long)count);
	}
	add_series(b, m, "_sum", index, NULL);
	buffer_printf(b, "%lld.%09lld\n", (long long)(sum / CLOCK_SECOND),
		(long long)(sum % CLOCK_SECOND));
	add_series(b, m, "_count", index, NULL);
	buffer_printf(b, "%lld\n", (long long)count);
}

static void add_value(struct buffer *b, const struct metric *m, size_t index)
{
	double value = m->read ? m->read(index) : (double)total(m, index);
	if (value == 0 && !m->read && m->labels[0].name)
		return;
	add_series(b, m, "", index, NULL);
	add_number(b, value);
}

void metric_render(struct buffer *b)
{
	static const char *const kinds[] = {"counter", "gauge", "histogram"};
	pthread_mutex_lock(&lock);
	for (const struct metric *m = first; m; m = m->next) {
		buffer_printf(b, "# HELP %s %s\n# TYPE %s %s\n", m->name, m->help, m->name,
			kinds[m->kind]);
		for (size_t i = 0; i < series_count(m); i++) {
			if (m->kind == METRIC_HISTOGRAM)
				add_histogram(b, m, i);
			else
				add_value(b, m, i);
		}
	}
	pthread_mutex_unlock(&lock);
}
