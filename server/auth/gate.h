/*
 * Gate: lets calls in, by their credentials and what their callers may do.
 *
 * Modes: required; or open, where a call without credentials may do everything, unless it came from
 * beyond this machine or through a proxy. Credentials that are given are checked in both, and who
 * has shown who he is may do what he may do, no more. Answered from memory on the rpc thread. Bound
 * to the runtime by call_use_gate().
 */
#ifndef JUNCTION_SERVER_AUTH_GATE_H
#define JUNCTION_SERVER_AUTH_GATE_H

#include "server/call.h"

extern const struct call_gate auth_gate;

/* open: the mode. */
void gate_start(bool open);

#endif
