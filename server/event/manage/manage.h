/*
 * Manage: the side of the service that registers, shows and repairs, and what is done every hour:
 * the months of the log are made and dropped (event.keep_events). Its handlers are first steps.
 */
#ifndef JUNCTION_SERVER_EVENT_MANAGE_MANAGE_H
#define JUNCTION_SERVER_EVENT_MANAGE_MANAGE_H

#include "server/lane/sql.h"

/* Once, after lanes_start(). days: that events are kept, 0: for ever; drop_open: also those that
 * are still to be delivered. */
void manage_start(struct lanes *lanes, int64_t days, bool drop_open);
/* After the lanes have stopped. */
void manage_stop(void);

#endif
