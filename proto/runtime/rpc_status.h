/* Why something failed, as google.rpc.Status: the message that callers get. Any thread. */
#ifndef JUNCTION_PROTO_RUNTIME_RPC_STATUS_H
#define JUNCTION_PROTO_RUNTIME_RPC_STATUS_H

#include "base/status.h"
#include "google/rpc/status.pb-c.h"

/* With details: a BadRequest about s->field, an ErrorInfo of s->remote_code and a RetryInfo of
 * s->retry_ms, whichever there are. Lives in the arena and as long as the status does. */
Google__Rpc__Status *rpc_status(struct arena *a, const struct status *s);

#endif
