/*
 * Files that somebody else writes and replaces while this process runs, such as keys: read whole,
 * and looked at for changes. The owner zeroes each but for option and path, and uses a set from
 * one thread at a time.
 */
#ifndef JUNCTION_BASE_FILES_H
#define JUNCTION_BASE_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#define FILES_SIZE_MAX    (1 << 20) /* bytes of one file */
#define FILES_REASON_SIZE 1024

struct watched_file {
	const char *option; /* "--tls-key": what names the file in sentences */
	const char *path;   /* NULL: not given, and skipped */
	char *text;         /* what was read, NUL-terminated; NULL: nothing */
	struct stat seen;   /* as it was before it was read; zero: never, or not there */
};

/* Reads them all. False with a sentence about the first that cannot be read in reason; the texts
 * are then all gone. */
bool files_read(struct watched_file *files, size_t count, char reason[FILES_REASON_SIZE]);
/* Whether one of them is another than files_read() saw, or is not there any more. */
bool files_changed(const struct watched_file *files, size_t count);
/* Wipes and frees the texts. */
void files_forget(struct watched_file *files, size_t count);

#endif
