/*
 * Session: what a login opens. It has a refresh token, which is exchanged for the next one, and
 * access tokens, which bear its id. Any thread.
 *
 * A refresh token is "jr-", the session's id, "-" and 32 random bytes as base64url; its SHA-256 is
 * kept.
 */
#ifndef JUNCTION_SERVER_AUTH_SESSION_SESSION_H
#define JUNCTION_SERVER_AUTH_SESSION_SESSION_H

#include "server/auth/directory/directory.h"

struct session {
	struct text id; /* UUID */
	struct text refresh_token;
	struct text refresh_hash; /* a bytea */
};

/* One that is to be opened. In the arena. */
struct session session_new(struct arena *a);
/* The next refresh token of a session. */
struct session session_next(struct arena *a, struct text id);
/* One whose refresh token was shown; false if it is none. Says nothing about whether it is good. */
bool session_read(struct arena *a, const char *token, struct session *s);
bool session_is_id(struct text t);

/* What Login, IssueToken and Refresh answer. In the arena. */
struct session_tokens {
	char *access_token, *token_type, *refresh_token;
	uint32_t expires_in;
};
/* seconds: that are left of the session. False with the status UNAVAILABLE. */
bool session_tokens(struct call *c, enum subject_kind kind, struct text name,
	const struct session *s, int64_t seconds, struct session_tokens *tokens);

/* Into any of the three responses. */
#define SESSION_FILL(response, tokens)                                                             \
	do {                                                                                       \
		(response)->access_token = (tokens)->access_token;                                 \
		(response)->token_type = (tokens)->token_type;                                     \
		(response)->expires_in = (tokens)->expires_in;                                     \
		(response)->refresh_token = (tokens)->refresh_token;                               \
	} while (0)

#endif
