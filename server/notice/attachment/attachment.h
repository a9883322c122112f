/*
 * Attachments: files that notices carry, kept in PostgreSQL in parts.
 *
 * Whoever sends reads them whole: they are kept in memory while somebody holds them, once however
 * many hold them, and the last few of them some time longer.
 */
#ifndef JUNCTION_SERVER_NOTICE_ATTACHMENT_ATTACHMENT_H
#define JUNCTION_SERVER_NOTICE_ATTACHMENT_ATTACHMENT_H

#include "server/notice/notice.h"

enum { ATTACHMENT_PART = 256 * 1024, ATTACHMENTS_MOST = 20 };

struct attachment_bytes; /* immutable, counted by references */

struct text attachment_text(const struct attachment_bytes *bytes);
void attachment_release(
	const struct attachment_bytes **bytes); /* NULL allowed; clears the pointer */

struct attachment_job {
	struct text id; /* UUID; lives until done() */
	/* Of several that wait for one attachment the last counts. */
	int64_t deadline;
	/* Once, on a lane thread or at once. bytes NULL with the reason in error: NOT_FOUND, or the
	 * database is not reached; else to be released. */
	void (*done)(struct attachment_job *job, const struct attachment_bytes *bytes,
		const struct status *error);
	void *own; /* attachment's */
};
/* Any thread. */
void attachment_get(struct lanes *lanes, struct attachment_job *job);

void attachment_start(struct lanes *lanes, const struct notice_options *options);
/* After the lanes have stopped. */
void attachment_stop(void);

/* --- for Send -----------------------------------------------------------------------------------
 */

/* From "id,id" to a PostgreSQL array of UUIDs, each of an attachment that is there: those that are
 * not ours are read from the file service, if one is configured, and kept. Ends a step: then()
 * finds the array in *ids, which lives in the call's arena. Fails with INVALID_ARGUMENT or
 * NOT_FOUND, field "attachments". */
enum next attachments_settle(struct call *c, struct text given, struct text *ids, call_step *then);

#endif
