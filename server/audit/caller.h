/*
 * Caller: who changes something, as the audit's triggers take it (auth.act_as() in migrations/):
 * first parameter of the SQL functions that change. Any thread; in the arena.
 */
#ifndef JUNCTION_SERVER_AUDIT_CALLER_H
#define JUNCTION_SERVER_AUDIT_CALLER_H

#include "server/call.h"

struct text audit_caller(const struct call *c);
/* Of what a server changes by itself. */
struct text audit_own_caller(struct arena *a);

#endif
