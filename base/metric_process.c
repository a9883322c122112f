/* What the kernel says of this process, by the names that Prometheus' client libraries use. */
#include "base/metric.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define FIELD_START 22 /* of /proc/self/stat, counted from 1: ticks from boot to the start */
#define FIELD_STATE 3  /* the first behind the name, which may hold blanks */

static double cpu_seconds(size_t index)
{
	struct timespec used;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
	return (double)used.tv_sec + (double)used.tv_nsec / 1e9;
}

static double resident_bytes(size_t index)
{
	FILE *file = fopen("/proc/self/statm", "re");
	long long size, resident = 0;
	if (!file)
		return 0;
	if (fscanf(file, "%lld %lld", &size, &resident) != 2)
		resident = 0;
	fclose(file);
	return (double)resident * (double)sysconf(_SC_PAGESIZE);
}

static double open_files(size_t index)
{
	DIR *folder = opendir("/proc/self/fd");
	const struct dirent *entry;
	double count = -1; /* the folder's own */
	if (!folder)
		return 0;
	while ((entry = readdir(folder)))
		count += entry->d_name[0] != '.';
	closedir(folder);
	return count;
}

static double file_limit(size_t index)
{
	struct rlimit files;
	return getrlimit(RLIMIT_NOFILE, &files) == 0 ? (double)files.rlim_cur : 0;
}

/* Seconds from boot to the process's start; 0 if it cannot be read. */
static double started_after_boot(void)
{
	char line[1024];
	FILE *file = fopen("/proc/self/stat", "re");
	if (!file)
		return 0;
	const char *at = fgets(line, sizeof(line), file) ? strrchr(line, ')') : NULL;
	fclose(file);
	for (int field = FIELD_STATE; at && field <= FIELD_START; field++)
		at = strchr(at + 1, ' ');
	unsigned long long ticks;
	if (!at || sscanf(at, "%llu", &ticks) != 1)
		return 0;
	return (double)ticks / (double)sysconf(_SC_CLK_TCK);
}

/* Since 1970; found once, so that it does not move with the clock. */
static double started;

static void find_start(void)
{
	struct timespec now, up;
	clock_gettime(CLOCK_REALTIME, &now);
	clock_gettime(CLOCK_BOOTTIME, &up);
	started = (double)(now.tv_sec - up.tv_sec) + (double)(now.tv_nsec - up.tv_nsec) / 1e9 +
		  started_after_boot();
}

static double start_time(size_t index)
{
	return started;
}

static double one(size_t index)
{
	return 1;
}

static const char *version(size_t index)
{
	return JUNCTION_VERSION;
}

static struct metric metrics[] = {
	{.name = "junction_build_info",
		.help = "Always 1; the label is the version.",
		.kind = METRIC_GAUGE,
		.labels = {{"version", version, 1}},
		.read = one},
	{.name = "process_cpu_seconds_total",
		.help = "User and system CPU time spent in seconds.",
		.kind = METRIC_COUNTER,
		.read = cpu_seconds},
	{.name = "process_resident_memory_bytes",
		.help = "Resident memory size in bytes.",
		.kind = METRIC_GAUGE,
		.read = resident_bytes},
	{.name = "process_open_fds",
		.help = "Number of open file descriptors.",
		.kind = METRIC_GAUGE,
		.read = open_files},
	{.name = "process_max_fds",
		.help = "Maximum number of open file descriptors.",
		.kind = METRIC_GAUGE,
		.read = file_limit},
	{.name = "process_start_time_seconds",
		.help = "Start time of the process since unix epoch in seconds.",
		.kind = METRIC_GAUGE,
		.read = start_time},
};

void metric_register_process(void)
{
	find_start();
	for (size_t i = 0; i < sizeof(metrics) / sizeof(metrics[0]); i++)
		metric_register(&metrics[i]);
}
