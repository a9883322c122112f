/*
 * Loader files: what the loader knows of each file, by path. The home thread's.
 */
#ifndef JUNCTION_SERVER_GATEWAY_CONFIG_LOADER_FILES_H
#define JUNCTION_SERVER_GATEWAY_CONFIG_LOADER_FILES_H

#include "server/gateway/config/schema.h"

struct loader_file {
	char *path;
	struct file_mark seen, read;
	struct found *found; /* NULL: it is not read yet, or is only known from before */
	char *brings;        /* the service that it has brought, or NULL */
	char *refusal;       /* why it is good and still not published; NULL: it may be */
	bool doubled;        /* that is since another file brings its service */
	bool pending;        /* to be published, or refused */
	bool gone;
	bool known;            /* to PostgreSQL, when it was last asked */
	struct schema *schema; /* NULL: it has none */
};

/* By path. Starts as {0}. */
struct loader_files {
	struct loader_file **items;
	size_t count, room;
};

/* The one of that path, made if there is none. */
struct loader_file *loader_file_of(struct loader_files *files, const char *path);
void loader_file_remove(struct loader_files *files, struct loader_file *file);
void loader_files_clear(struct loader_files *files);

/* Takes what was read of it. */
void loader_file_take(struct loader_file *file, struct found *found);
/* The service that it brings or has brought; data NULL: none. */
struct text loader_file_service(const struct loader_file *file);
/* It is published: sets what it brings. */
void loader_file_brings(struct loader_file *file, struct text service);
/* It is good, and still not to be published. */
void loader_file_refuse(struct loader_file *file, const char *refusal);
/* Refuses those whose service another file brings, whose path comes first; those of which that is
 * not so any more may be published. */
void loader_files_find_doubles(struct loader_files *files);

#endif
