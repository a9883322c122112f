/*
 * Watch: a descriptor of an extension's process, looked at on the loop's thread when there is
 * something to read. Closed with its watch.
 */
#ifndef JUNCTION_SERVER_EXTENSION_PROCESS_WATCH_H
#define JUNCTION_SERVER_EXTENSION_PROCESS_WATCH_H

#include "base/loop.h"

struct watch;

/* Takes the descriptor over and sets it not to block. Loop's thread. readable() is called again as
 * long as there is something to read; it may close the watch. */
struct watch *watch_open(struct loop *l, int fd, void (*readable)(void *arg), void *arg);
/* Clears the pointer; NULL allowed. */
void watch_close(struct watch **w);

#endif
