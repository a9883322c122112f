/*
 * Password check: whether somebody knows a user's password, as Login and ChangePassword ask it.
 *
 * The attempt is counted as refused before the password is looked at. Users that do not exist, that
 * are disabled and that have no password cost the same and get the same text. Any thread.
 */
#ifndef JUNCTION_SERVER_AUTH_SESSION_PASSWORD_CHECK_H
#define JUNCTION_SERVER_AUTH_SESSION_PASSWORD_CHECK_H

#include "server/call.h"

/* First in c->state, in the arena. */
struct password_check {
	const char *what; /* of a refusal: "login refused" */
	const char *password;
	call_step *then; /* the password is right */
	/* Known then. */
	struct text name;    /* in lower case */
	struct text address; /* as attempts are counted */
	struct text hash;    /* of the password */
	bool one_time;       /* it must be changed */
	bool disabled, right;
};

/* Ends a step: the call goes on with then(), or fails: INVALID_ARGUMENT naming "user" or
 * "password", RESOURCE_EXHAUSTED, UNAUTHENTICATED. */
enum next password_check(struct call *c, struct password_check *p, const char *user);
/* Ends a step: UNAUTHENTICATED, for administrators with the reason. */
enum next password_refuse(struct call *c, const char *reason);
/* Whom refusals name. */
struct text password_check_who(const struct call *c);

#endif
