/*
 * Probe: the URIs that the bridge answers for itself (/healthz, /readyz, /mw/server/health), and
 * the server's health behind /readyz. Any thread.
 */
#ifndef JUNCTION_BRIDGE_PROBE_H
#define JUNCTION_BRIDGE_PROBE_H

#include "bridge/reply.h"
#include "bridge/rpc.h"

#define PROBE_TIMEOUT_MS 2000

/* For the router; they have routes and a profile, no messages. */
enum { PROBE_ALIVE, PROBE_READY, PROBE_HEALTH, PROBE_COUNT };
extern const struct api_method probe_methods[PROBE_COUNT];

bool probe_is(const struct api_method *method);

/* The call that asks the server for its health; the caller sets done. */
void probe_fill_call(struct rpc_call *call, struct arena *a);
/* Whether the ended call says that the server is serving, and each thread reaches it. */
bool probe_is_serving(const struct rpc *rpc, const struct rpc_call *call);

/* The reply of a probe; serving counts for PROBE_READY. */
void probe_reply(struct reply *r, struct arena *a, const struct api_method *method, bool serving);

/* The same, asking the server and waiting for its answer. Not from an rpc's done(). */
bool probe_server(struct rpc *rpc);

#endif
