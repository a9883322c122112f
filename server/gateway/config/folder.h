/*
 * Folder: one look at the configuration folder and the folders in it. Blocks: for the work pool.
 *
 * A file is read when it is as the look before saw it, and not as it was when it was last read: so
 * one that is being written is not read half. Names that begin with a dot, or are no text, are not
 * looked at.
 */
#ifndef JUNCTION_SERVER_GATEWAY_CONFIG_FOLDER_H
#define JUNCTION_SERVER_GATEWAY_CONFIG_FOLDER_H

#include "base/arena.h"

/* Which state of a file it is; all zero: none. */
struct file_mark {
	uint64_t device, number;
	int64_t size, modified_ns, changed_ns;
};

bool file_mark_equal(const struct file_mark *a, const struct file_mark *b);

struct folder_file {
	const char *path;            /* behind the folder: "a.config.json", "demo/a.config.json" */
	struct file_mark seen, read; /* by the looks before; then by this one, too */

	bool fresh;          /* this look has read it */
	struct text content; /* data NULL: it cannot be read, or is too large */
	const char *error;   /* then: why */
};

struct folder_look {
	struct arena *arena;
	const char *folder;
	const struct folder_file *known; /* by path */
	size_t known_count;

	const char *error;         /* the folder cannot be read; NULL: it can */
	struct folder_file *files; /* by path */
	size_t count, room;
	/* What cannot be looked at, "" for the folder itself: files there may be there or not. */
	const char **unread, **unread_why;
	size_t unread_count;
};

void folder_look(struct folder_look *look);

#endif
