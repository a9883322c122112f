/*
 * Refusal: who was refused, written into the audit (namespace junction.auth, severity warning,
 * opt_type 10, result_type 1). Any thread.
 *
 * what: the record's content, as "login refused". reason: why, for administrators, as "wrong
 * password"; it stands in ext. Both are constants. who: the target, as "user:alice" or
 * "access_key:ak-..."; it may come from outside, what is too long or no text is made good. No
 * password and no token is put into any of them.
 */
#ifndef JUNCTION_SERVER_AUTH_REFUSAL_H
#define JUNCTION_SERVER_AUTH_REFUSAL_H

#include "server/call.h"

/* Ends a step: fails the call with c->status as it is once the record is durable. One that cannot
 * be written now is tried again while nobody waits; the call fails in any case. */
enum next refusal_fail(struct call *c, const char *what, const char *reason, struct text who);

/* The same record while nobody waits, for refusals that cost their maker nothing: of those of one
 * second REFUSAL_NOTES are written, the others counted (junction_auth_refusals_total). */
void refusal_note(const struct call *c, const char *what, const char *reason, struct text who);
enum { REFUSAL_NOTES = 100 };

/* The target of an access key. What is no id stands as "?": it may be a secret in the wrong place.
 * In the arena. */
struct text refusal_access_key(struct arena *a, struct text id);

/* Once, before the first call. */
void refusal_start(void);

#endif
