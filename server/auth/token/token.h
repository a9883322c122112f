/*
 * Token: access tokens, those that Junction issues and those of outside issuers. Any thread.
 *
 * Junction's say iss and aud (--token-issuer), sub ("user:alice"), iat, nbf, exp, jti, and sid: the
 * session that they belong to. What a subject may do is not in them: that is asked when they are
 * used.
 */
#ifndef JUNCTION_SERVER_AUTH_TOKEN_TOKEN_H
#define JUNCTION_SERVER_AUTH_TOKEN_TOKEN_H

#include "server/auth/directory/directory.h"

enum { TOKEN_SKEW_S = 30 }; /* by how much clocks may differ */

/* Who has shown that it is he. Lives in the arena. */
struct identity {
	enum subject_kind kind;
	/* In lower case; of an outside issuer's user "issuer:" and then what the issuer calls him,
	 * as it writes it: it may tell two apart by that. */
	struct text name;
	const struct text *more_roles; /* that an outside issuer's token says */
	size_t more_count;
	/* What the token says, for Introspect; 0 and "" without a token. */
	struct text issuer, audience, id, session;
	int64_t issued_s, ends_s; /* since 1970 */
};

/* The key that signs: of those that verify the one whose time to sign has come last, or if that has
 * come of none, the one of which it comes next; NULL if there is none. */
const struct token_key *token_signing_key(const struct directory *d, int64_t now_ms);

/* A token of the subject, good for so many seconds; session "": of none. False with the status
 * UNAVAILABLE: there is no key that signs. */
bool token_issue(struct arena *a, enum subject_kind kind, struct text name, struct text session,
	int64_t seconds, struct text *token, struct status *status);

/* A token for somebody else, whom audience names: that it is he who calls, and what roles
 * it has. It has no id, and so Junction takes it for no access token. False as above. */
bool token_vouch(struct arena *a, const struct caller *who, struct text audience, int64_t seconds,
	struct text *token, struct status *status);

/* Whose token it is: of a subject that is known and not disabled, or of an outside issuer's user
 * who is not known, if the token says roles. False for whatever is wrong with it: there is one text
 * for that (TOKEN_REFUSED). What was verified once is remembered until it ends, so that the next
 * call costs a hash; whether it was revoked and whether its key and issuer are still trusted is
 * asked each time. */
bool token_check(
	struct arena *a, const struct directory *d, struct text token, struct identity *who);
#define TOKEN_REFUSED STATUS_TOKEN_REFUSED

/* issuer: the claims iss and aud of Junction's own tokens. */
void token_start(const char *issuer);
void token_stop(void);

#endif
