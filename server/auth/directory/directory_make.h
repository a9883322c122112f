/*
 * Directories in the making, which only their maker knows, and what is counted in them. Between the
 * sources of server/auth/directory/directory.h only.
 */
#ifndef JUNCTION_SERVER_AUTH_DIRECTORY_DIRECTORY_MAKE_H
#define JUNCTION_SERVER_AUTH_DIRECTORY_DIRECTORY_MAKE_H

#include "server/auth/directory/directory_thing.h"

/* With all that the old one has (NULL: nothing), to be changed by one thread until others know it;
 * old stays as it is. To be released. */
struct directory *directory_begin(const struct directory *old);
void directory_change(struct directory *d, const struct directory_change *changes, size_t count,
	int64_t revision);
/* One more reference; any thread that has one. */
void directory_share(const struct directory *d);
size_t directory_count(const struct directory *d, enum thing_kind kind);

#endif
