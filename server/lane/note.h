/*
 * Note: a row that is appended while nobody waits for it: how a transfer went, how an extension
 * answered.
 *
 * Copied, so that the call that it tells of may be gone. While PostgreSQL is away it is tried again
 * for a minute; what cannot be written is logged and counted. The statement may meet a row twice,
 * since an outcome may be unknown: it says ON CONFLICT DO NOTHING, or is an update. Any thread.
 */
#ifndef JUNCTION_SERVER_LANE_NOTE_H
#define JUNCTION_SERVER_LANE_NOTE_H

#include "server/lane/sql.h"

/* Once, before the first note. */
void notes_start(struct lanes *lanes);
/* key, log: as of an append. */
void note(const struct append_log *log, struct text key, const struct text *columns);
/* Waits until all notes are written, at most until then (on clock_now()), and up to a second more
 * for those that wait; what comes afterwards is given up at once, and may come as late as it likes.
 * Before the lanes stop, and not on one of their threads. */
void notes_finish(int64_t until);

#endif
