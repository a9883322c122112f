/*
 * The Audit service: its start and end. The handlers audit_<method> are the first steps named in
 * the generated table of steps.
 */
#ifndef JUNCTION_SERVER_AUDIT_AUDIT_H
#define JUNCTION_SERVER_AUDIT_AUDIT_H

#include "server/lane/sql.h"

struct audit_options {
	int64_t days;              /* how long records are kept, by whole months; 0: for ever */
	int64_t idempotency_hours; /* how long an idempotency key counts */
};

/* Once, after lanes_start() and before the first call. */
void audit_start(const struct audit_options *options, struct lanes *lanes);
/* Pages can be signed: a server is not ready before. Any thread. */
bool audit_ready(void);
/* After the last call has ended and the lanes have stopped. */
void audit_stop(void);

#endif
