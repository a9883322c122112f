/*
 * Loader look: one look at the folder, on the work pool, with what was read already in the form in
 * which it is published. Begun and ended on the home thread.
 */
#ifndef JUNCTION_SERVER_GATEWAY_CONFIG_LOADER_LOOK_H
#define JUNCTION_SERVER_GATEWAY_CONFIG_LOADER_LOOK_H

#include "server/gateway/config/loader_files.h"
#include "server/lane/work.h"

struct loader_look {
	struct folder_look folder; /* its arena holds all of it */
	struct found **found;      /* of each of its files; NULL: it was not read, or is taken */
	struct work_job work;
	void (*done)(struct loader_look *look, bool seen); /* not seen: it was broken off */
};

/* NULL: the pool takes no more. Of files what is known is copied. */
struct loader_look *loader_look_start(struct lanes *lanes, const char *folder,
	const struct loader_files *files, void (*done)(struct loader_look *look, bool seen));
void loader_look_free(struct loader_look **look); /* NULL allowed */

/* Whether the file may be there though it was not seen: its folder cannot be read. */
bool loader_look_missed(const struct loader_look *look, const char *path);
/* What cannot be read, and why, in the look's arena; NULL: all can. */
const char *loader_look_trouble(const struct loader_look *look);

#endif
