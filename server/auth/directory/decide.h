/*
 * Decide: whether a subject may do something, by the roles that it has. What any rule denies is
 * denied, and so is what none allows. Pure: from a directory and the time. Any thread.
 */
#ifndef JUNCTION_SERVER_AUTH_DIRECTORY_DECIDE_H
#define JUNCTION_SERVER_AUTH_DIRECTORY_DECIDE_H

#include "server/auth/directory/directory.h"

struct question {
	enum subject_kind kind;
	struct text name; /* as it is kept */
	/* Roles that it has besides those granted, by a token of an outside issuer. With some of
	 * them it need not be in the directory. */
	const struct text *more_roles;
	size_t more_count;
	struct text service; /* in lower case */
	struct text action;
	struct text method; /* in upper case */
};

/* Whoever makes a call, without what he wants. Its texts are the caller's; name is empty if he has
 * not shown who he is. */
struct question decide_caller(const struct caller *caller);

bool decide(const struct directory *d, const struct question *q, int64_t now_ms);

/* Why. Points into the directory; path is in the arena. */
struct decision {
	bool allowed;
	const struct rule *rule; /* NULL: none decided */
	const struct role *role; /* that has it */
	const struct text *path; /* of roles, from the one that is granted to that one */
	size_t path_count;
	const struct subject *holder; /* who was granted it: the subject, or a group of its; NULL: a
					 token said it */
	const struct held_role *grant; /* NULL: a token said it */
	const char *reason;            /* a sentence */
};
void decide_explain(const struct directory *d, const struct question *q, int64_t now_ms,
	struct arena *a, struct decision *decision);

/* The roles that a subject has now, inherited ones included, each once, by name. In the arena. */
const struct role **decide_roles(const struct directory *d, const struct question *who,
	int64_t now_ms, struct arena *a, size_t *count);

#endif
