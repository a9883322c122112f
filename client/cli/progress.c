/* Progress: "ids.csv: 12 MiB of 100 MiB (12 %), 85 MiB/s", or with a bar if the part is known. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "client/cli/cli.h"

#define EVERY (100 * CLOCK_MS)
#define MIB   (1024.0 * 1024.0)
#define BAR   20

static void show_bar(const struct progress *p)
{
	char bar[BAR + 1];
	int done = (int)(p->part * BAR);

	memset(bar, '.', BAR);
	memset(bar, '#', (size_t)(done < 0 ? 0 : done > BAR ? BAR : done));
	bar[BAR] = '\0';
	fprintf(stderr, "[%s] %3.0f %%, %lld records, ", bar, p->part * 100, (long long)p->records);
}

static void show(struct progress *p, const char *end)
{
	double seconds = (double)(clock_now() - p->begun) / CLOCK_SECOND;

	fprintf(stderr, "\r%s: ", p->name);
	if (p->part >= 0)
		show_bar(p);
	fprintf(stderr, "%.1f MiB", (double)p->done / MIB);
	if (p->total > 0)
		fprintf(stderr, " of %.1f MiB (%lld %%)", (double)p->total / MIB,
			(long long)((double)p->done * 100 / (double)p->total));
	fprintf(stderr, ", %.1f MiB/s%s", seconds > 0 ? (double)p->done / MIB / seconds : 0.0, end);
	fflush(stderr);
}

void progress_begin(struct progress *p, const char *name, int64_t total)
{
	*p = (struct progress){.name = name,
		.total = total,
		.part = -1,
		.begun = clock_now(),
		.terminal = isatty(STDERR_FILENO)};
}

void progress_add(struct progress *p, size_t bytes)
{
	p->done += (int64_t)bytes;
	if (!p->terminal || clock_now() - p->shown < EVERY)
		return;
	p->shown = clock_now();
	show(p, "");
}

void progress_end(struct progress *p)
{
	if (p->terminal && (p->shown || p->part >= 0))
		show(p, "\n");
}
