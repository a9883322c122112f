/* The watches as a whole; the RPC itself is in watch.c. */
#ifndef JUNCTION_SERVER_REGISTRY_WATCH_H
#define JUNCTION_SERVER_REGISTRY_WATCH_H

#include <stdint.h>

/* Ends those whose client has left a message unread for that long, and while the server shuts down
 * all that wait for their client. Any thread. */
void watches_break_off_slow(int64_t patience_ms);

#endif
