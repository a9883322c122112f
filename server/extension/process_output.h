/*
 * What an extension's process writes: read from a pipe as fast as it comes, so that the process
 * never waits, and logged line by line by its name, at most OUTPUT_LINES a second for each
 * extension; the others are counted, and their number is logged. Of a line OUTPUT_LINE_MAX bytes
 * are logged; empty ones are not. All on the loop's thread.
 */
#ifndef JUNCTION_SERVER_EXTENSION_PROCESS_OUTPUT_H
#define JUNCTION_SERVER_EXTENSION_PROCESS_OUTPUT_H

#include "base/loop.h"

#define OUTPUT_LINES    100
#define OUTPUT_LINE_MAX 1024

/* How much of an extension is logged, all its lives and both its streams together. The owner sets
 * the first two and leaves the others zero. */
struct output_limit {
	struct loop *loop;
	const char *name; /* of the extension */
	int64_t since;    /* beginning of the second that is counted, on clock_now() */
	int lines;
	int64_t dropped;
	struct loop_timer *timer; /* runs at the end of the second if lines were dropped */
};

struct output;

/* Takes the pipe's end over. stream: "stdout" or "stderr", a literal. */
struct output *output_open(int fd, const char *stream, struct output_limit *limit);
/* The process has ended: logs what it wrote last. Clears the pointer; NULL allowed. */
void output_close(struct output **o);
/* Logs at once how many lines were dropped. */
void output_limit_end(struct output_limit *limit);

#endif
