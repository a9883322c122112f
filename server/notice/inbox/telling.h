/* Telling: receipts become events. Part of receipt.h. */
#ifndef JUNCTION_SERVER_NOTICE_INBOX_TELLING_H
#define JUNCTION_SERVER_NOTICE_INBOX_TELLING_H

#include "server/notice/notice.h"

void telling_start(struct lanes *lanes, struct loop *home, tell_event *tell);
/* After the lanes have stopped. */
void telling_stop(void);

#endif
