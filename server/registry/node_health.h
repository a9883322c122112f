/* What $node.health tells of this process and its machine. Any thread. */
#ifndef JUNCTION_SERVER_REGISTRY_NODE_HEALTH_H
#define JUNCTION_SERVER_REGISTRY_NODE_HEALTH_H

#include "base/arena.h"

/* "hostname-starttime" of this server, starttime in ms since 1970-01-01 UTC. Constant. */
struct text node_name(void);
struct text node_hostname(void);
/* Seconds since this process started. */
double node_uptime(void);

/* Append a JSON value. */
void node_health_write(struct buffer *b);
void node_client_write(struct buffer *b);    /* {"type","version","langVersion"} */
void node_addresses_write(struct buffer *b); /* array: IP addresses of this host but loopback */

#endif
