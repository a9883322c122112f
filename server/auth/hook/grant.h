/* What the sources about grants share. Pure function; any thread. */
#ifndef JUNCTION_SERVER_AUTH_HOOK_GRANT_H
#define JUNCTION_SERVER_AUTH_HOOK_GRANT_H

#include "base/status.h"

/* False with status set: 1 to 255 bytes, no control characters. */
bool grant_name_valid(struct status *status, struct arena *a, const char *field, struct text name);

#endif
