/*
 * Content: what a notice says, for one recipient on one channel.
 *
 * A notice's content is what was sent and the version of its template, read from PostgreSQL
 * (notice.content) and kept in memory as long as it is held, and the last few of them some time
 * longer. Rendered by any thread that holds it.
 */
#ifndef JUNCTION_SERVER_NOTICE_TEMPLATE_CONTENT_H
#define JUNCTION_SERVER_NOTICE_TEMPLATE_CONTENT_H

#include "server/lane/sql.h"
#include "server/notice/template/variants.h"

struct content_attachment {
	struct text id, name, content_type; /* id: UUID */
	int64_t size;
};

/* Immutable, counted by references. Texts end in NUL. */
struct content {
	int64_t position; /* the notice's */
	int64_t time_ms;
	struct text notice_id, space, sender, title, message;
	struct text template_id;   /* empty: none */
	const struct json *params; /* an object, or NULL */
	bool reply;
	bool personal; /* what it says depends on the user */
	struct text trace_id;
	const struct content_attachment *attachments;
	size_t attachment_count;
};

/* One more reference, and one less. */
const struct content *content_share(const struct content *c);
void content_release(const struct content **c); /* NULL allowed; clears the pointer */

/* Made of a row of notice.content(); NULL (logged) if it cannot be. To be released. */
const struct content *content_read(const struct rows *rows, int row);

/* Those of that many notices, from memory or PostgreSQL. */
struct content_job {
	const int64_t *positions;
	size_t count; /* at most 1,000 */
	int64_t deadline;
	/* Once, on a lane thread or at once. error NULL: contents are those, in the same order,
	 * NULL for one that is not kept any more or cannot be read; they are released when done()
	 * has ended: what is wanted longer is shared. */
	void (*done)(struct content_job *job, const struct content *const *contents,
		const struct status *error);
};
void content_get(struct lanes *lanes, struct content_job *job);

struct content_target {
	struct text channel, language, user;
	struct text receipt; /* the link; empty: there is none */
	bool markdown;       /* the body is Markdown there */
};
/* What it says, in the arena, but pointing into the content, too. False with the reason: it becomes
 * too large. */
bool content_render(const struct content *c, struct arena *a, const struct content_target *target,
	struct rendered *rendered, struct status *status);

/* After the lanes have stopped: nothing is kept that nobody holds. */
void content_stop(void);

#endif
