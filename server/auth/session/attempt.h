/*
 * Attempt: where attempts to log in are counted, and how the caller learns that he has to wait. The
 * rules are those of the table auth.attempt. Any thread.
 */
#ifndef JUNCTION_SERVER_AUTH_SESSION_ATTEMPT_H
#define JUNCTION_SERVER_AUTH_SESSION_ATTEMPT_H

#include "server/call.h"

/* An address as attempts are counted by it: of IPv4 without the port, of IPv6 the first half, since
 * whoever has one has all the rest; "-" if it is not known. In the arena. */
struct text attempt_address(struct arena *a, struct text address);

/* Ends a step: RESOURCE_EXHAUSTED, to be tried again after so many milliseconds. what, who: as of
 * refusal_note(). */
enum next attempt_wait(struct call *c, const char *what, struct text who, int64_t ms);

#endif
