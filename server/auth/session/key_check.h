/*
 * Key check: whether somebody has shown an access key that is good now, by this server's directory.
 * Takes as long whatever is wrong, and whether there is such a key or not. Any thread.
 */
#ifndef JUNCTION_SERVER_AUTH_SESSION_KEY_CHECK_H
#define JUNCTION_SERVER_AUTH_SESSION_KEY_CHECK_H

#include "server/auth/directory/directory.h"

/* NULL and the key, which lives as long as the directory is held; or why not, for administrators
 * only. */
const char *key_check(const struct directory *d, struct text id, struct text secret,
	const struct access_key **key);

#endif
