/*
 * The log of applications: event.log. Its handlers are event_write_log() and event_find_log().
 */
#ifndef JUNCTION_SERVER_EVENT_LOG_H
#define JUNCTION_SERVER_EVENT_LOG_H

#include "server/lane/sql.h"

/* Once, before the first call. days: how long entries are kept, by whole months; 0: for ever. */
void event_log_start(struct lanes *lanes, int64_t days);
/* After the lanes have stopped. */
void event_log_stop(void);

#endif
