#ifndef JUNCTION_SERVER_AUTH_SESSION_PASSWORD_H
#define JUNCTION_SERVER_AUTH_SESSION_PASSWORD_H

#include "base/arena.h"

/* A one-time password and its hash, which is returned; both in the arena. On the work pool only, or
 * where nobody waits. */
struct text password_make_one_time(struct arena *a, struct text *password);

#endif
