/*
 * Manage: the side of the service that shows and repairs, and what is done every hour: months are
 * made and dropped (notice.keep).
 */
#ifndef JUNCTION_SERVER_NOTICE_MANAGE_MANAGE_H
#define JUNCTION_SERVER_NOTICE_MANAGE_MANAGE_H

#include "server/notice/notice.h"

/* Once, after lanes_start(). days: that notices are kept, 0: for ever. */
void notice_manage_start(struct lanes *lanes, int64_t days);
/* After the lanes have stopped. */
void notice_manage_stop(void);

#endif
