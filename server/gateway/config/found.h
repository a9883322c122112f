/*
 * Found: what was read from one configuration file, in the form in which it is published. Made on
 * any thread, then never changed; has its own memory.
 */
#ifndef JUNCTION_SERVER_GATEWAY_CONFIG_FOUND_H
#define JUNCTION_SERVER_GATEWAY_CONFIG_FOUND_H

#include "server/gateway/config/folder.h"

struct found {
	struct arena *arena;
	struct text service; /* "" if it could not be read */
	struct text title;
	struct text content; /* JSON: see registry.configuration in SQL */
	const char *const *warnings;
	size_t warning_count;
	const char *error;              /* NULL: it is good */
	const char *const *schema_urls; /* the GraphQL endpoint's, one for each node */
	size_t schema_url_count;
	struct text schema_path; /* of the first */
};

struct found *found_read(const struct folder_file *file);
void found_free(struct found **found); /* NULL allowed */

#endif
