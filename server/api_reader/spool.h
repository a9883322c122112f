/*
 * Spool: a file without a name that keeps a content until its size is known. It goes with its last
 * descriptor, so that nothing is left behind, however the server ends.
 *
 * All but spool_close() block, and belong on the work pool.
 */
#ifndef JUNCTION_SERVER_API_READER_SPOOL_H
#define JUNCTION_SERVER_API_READER_SPOOL_H

#include <stdint.h>

#include "base/text.h"

struct spool {
	const char *folder;
	int fd;      /* -1: not open */
	int64_t end; /* bytes in it */
	int64_t at;  /* bytes that were read */
	int error;   /* why the last one failed: errno */
};

/* The first write makes the file. False with the reason in s->error. */
bool spool_write(struct spool *s, struct text bytes);
/* The next bytes into room, size of them at most. False with the reason in s->error. What is read
 * to its end is closed. */
bool spool_read(struct spool *s, char *room, size_t size, struct text *bytes);
/* May be called again. */
void spool_close(struct spool *s);

#endif
