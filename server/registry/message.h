/*
 * Message: entries of the index as the messages that show them. What is made lives in the arena and
 * points into the entries, which must outlive the message. Any thread.
 */
#ifndef JUNCTION_SERVER_REGISTRY_MESSAGE_H
#define JUNCTION_SERVER_REGISTRY_MESSAGE_H

#include "junction/v1/registry.pb-c.h"
#include "server/registry/index.h"

/* service: all nodes of which `available` depends on; NULL: on nothing but the node. */
Registry__NodeInfo *message_node(struct arena *a, struct text service_name,
	const struct service *service, const struct node *node);
Registry__ServiceState *message_service(struct arena *a, const struct service *service);
Registry__ActionState *message_action(struct arena *a, const struct action *action);
Registry__RegistryChange *message_change(struct arena *a, const struct index_change *change);
Google__Protobuf__Timestamp *message_time(struct arena *a, int64_t unix_ms); /* NULL for 0 */

#endif
