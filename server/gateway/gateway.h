/*
 * The gateway's side of the server: its start and end. The bridge moves the bytes; here is decided
 * where they go. The handlers (registry_route, registry_watch_routes, registry_explain_route,
 * registry_list_configurations) are the first steps named in the generated table of steps.
 *
 * config/ reads service configuration files and publishes them in PostgreSQL as services, nodes,
 * actions and subscriptions; graphql/ makes actions of what a GraphQL endpoint can be asked; rules
 * says by which rule a method and path go; route answers the bridge.
 */
#ifndef JUNCTION_SERVER_GATEWAY_GATEWAY_H
#define JUNCTION_SERVER_GATEWAY_GATEWAY_H

#include "base/egress.h"
#include "server/call.h"

struct gateway_options {
	const char *config_folder; /* NULL: none; it and its folders are looked at */
	const char *server_name;
	int64_t poll_ms;                    /* how often the folder is looked at */
	const struct egress_policy *egress; /* what bridges may connect to; outlives the gateway */
};

/* Once, after registry_start() and lanes_start(), before the first call. */
void gateway_start(
	const struct gateway_options *options, struct lanes *lanes, struct fetch_lane *fetch);
/* The folder has been read once; any thread. */
bool gateway_ready(void);
/* Before the lanes stop. */
void gateway_leave(void);
/* After the last call has ended and the lanes have stopped. */
void gateway_stop(void);

const struct gateway_options *gateway_settings(void);

#endif
