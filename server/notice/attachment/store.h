/*
 * Store: an attachment on its way into PostgreSQL, in parts, whatever the pieces that it comes in,
 * with memory for one part and its text. What is not completed goes after a day by itself.
 *
 * First member of c->state while its functions run. All lives in the call's arena.
 */
#ifndef JUNCTION_SERVER_NOTICE_ATTACHMENT_STORE_H
#define JUNCTION_SERVER_NOTICE_ATTACHMENT_STORE_H

#include "server/notice/attachment/attachment.h"

#define ATTACHMENT_TYPE "application/octet-stream" /* where none is said */

enum { ATTACHMENT_NAME_MAX = 255 }; /* bytes, of the media type, too */

struct attachment_store {
	char id[37];
	struct text name, content_type, file_id; /* file_id: data NULL if it has none */
	int64_t size;                            /* so far */
	/* The store's. */
	const char *field;
	int parts;             /* written */
	char *room;            /* ATTACHMENT_PART bytes */
	size_t used;           /* of them */
	struct buffer encoded; /* a part, for PostgreSQL */
	struct text rest;      /* of what is being put */
	call_step *then, *done;
};

/* Makes the id. One that was completed may begin again: it is another attachment then. field: that
 * of a content that is too large, a constant. */
void store_begin(struct call *c, struct attachment_store *s, const char *field);
/* Ends a step: takes all of the bytes, which live until then(). Fails with RESOURCE_EXHAUSTED
 * beyond --notice-attachment-limit. */
enum next store_put(struct call *c, struct text bytes, call_step *then);
/* Ends a step: then() runs when the attachment is there. The texts are set. */
enum next store_complete(struct call *c, call_step *then);

/* A file name of 1 to 255 bytes without control characters and slashes, and a media type of 1 to
 * 255 bytes of visible ASCII and blanks. */
bool store_name_holds(struct text name);
bool store_content_type_holds(struct text type);

#endif
