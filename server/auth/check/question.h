/*
 * Question: what callers ask about permissions, as decide() takes it.
 *
 * What is read lives in the call's arena. False or NULL with c->status set: it cannot be read.
 */
#ifndef JUNCTION_SERVER_AUTH_CHECK_QUESTION_H
#define JUNCTION_SERVER_AUTH_CHECK_QUESTION_H

#include "junction/v1/auth.pb-c.h"
#include "server/auth/directory/decide.h"

/* path: of the question in the request, "questions[3]". */
bool question_read(struct call *c, const char *path, const Auth__Question *in, struct question *q);

/* Who asks. path: where somebody else could have been named. */
bool question_caller(struct call *c, const char *path, struct question *q);
/* What is asked; path: "" or "questions[3].". */
bool question_what(struct call *c, const char *path, const char *service, const char *action,
	const char *method, struct question *q);

/* Ends a step: then() runs when the directory is as new as the caller wants it. */
enum next question_current(struct call *c, Auth__Consistency consistency, call_step *then);
/* The directory of now; to be released. */
const struct directory *question_directory(struct call *c);

#endif
