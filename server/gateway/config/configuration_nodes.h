/* The nodes of a configuration; between the sources of configuration.h only. */
#ifndef JUNCTION_SERVER_GATEWAY_CONFIG_CONFIGURATION_NODES_H
#define JUNCTION_SERVER_GATEWAY_CONFIG_CONFIGURATION_NODES_H

#include "server/gateway/config/config_reading.h"
#include "server/gateway/config/configuration.h"

/* settings NULL: none. Sets out->nodes and out->notification_url. false with c->error. */
bool configuration_read_nodes(
	struct reading *c, const struct config_value *settings, struct configuration *out);

#endif
