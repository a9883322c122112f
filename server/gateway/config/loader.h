/*
 * Loader: finds *.config.json in the folder and the folders in it, reads what is new or has
 * changed, and publishes it (registry.configure in SQL): as services, nodes, actions,
 * subscriptions. A file that is not good leaves what it said before as it was; one that has gone
 * takes along what it brought. What several servers load alike is published once.
 *
 * On one lane thread; the folder is read on the work pool.
 */
#ifndef JUNCTION_SERVER_GATEWAY_CONFIG_LOADER_H
#define JUNCTION_SERVER_GATEWAY_CONFIG_LOADER_H

#include "server/gateway/gateway.h"

void loader_start(
	const struct gateway_options *options, struct lanes *lanes, struct fetch_lane *fetch);
bool loader_ready(void); /* all that lay there has been read and published, or refused */
void loader_leave(void);
void loader_stop(void);

#endif
