/*
 * Notice: extensions are told that they will end. POST http://{address}/extension/shutdown with
 * {"reason":"SPINDOWN","deadlineMs":...}; what they answer does not matter.
 */
#ifndef JUNCTION_SERVER_EXTENSION_NOTICE_H
#define JUNCTION_SERVER_EXTENSION_NOTICE_H

#include "server/extension/process.h"
#include "server/lane/fetch.h"

/* To all at once that are registered and run as processes of ours. Returns when all have answered
 * or it is term_at (on clock_now()), which is the time they are told. Not on the http lane's
 * thread. */
void notices_send(struct fetch_lane *fetch, struct processes *processes, int64_t term_at);

#endif
