/* The settings' member "gateway", and the actions; between the sources of configuration.h only. */
#ifndef JUNCTION_SERVER_GATEWAY_CONFIG_CONFIGURATION_RULES_H
#define JUNCTION_SERVER_GATEWAY_CONFIG_CONFIGURATION_RULES_H

#include "server/gateway/config/config_reading.h"
#include "server/gateway/config/configuration.h"

/* settings NULL: none. Sets out->actions and *gateway, a JSON object; out->service and out->title
 * are there. false with c->error. */
bool configuration_read_rules(struct reading *c, const struct config_value *settings,
	struct configuration *out, struct text *gateway);

#endif
