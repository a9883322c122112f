/*
 * Directory: who is known, and what they may do, in memory.
 *
 * A directory is immutable and counted by references: what was held stays as it was until it is
 * released, whatever is changed meanwhile. A change makes a new one, which shares all that has not
 * changed, and takes the old one's place as a whole. Texts end in NUL and live as long as the
 * directory is held.
 *
 * It is fed from PostgreSQL (auth.load, auth.follow): at once after this server's own changes, and
 * every poll_ms for those of others. While PostgreSQL is away it stays as it was.
 */
#ifndef JUNCTION_SERVER_AUTH_DIRECTORY_DIRECTORY_H
#define JUNCTION_SERVER_AUTH_DIRECTORY_DIRECTORY_H

#include "base/arena.h"
#include "server/auth/token/jwt.h"
#include "server/call.h"

struct directory;

/* As in the proto. */
enum subject_kind { SUBJECT_NONE, SUBJECT_USER, SUBJECT_APPLICATION, SUBJECT_GROUP };
#define SUBJECT_KINDS 4

struct rule {
	bool denies;
	struct text service; /* lower case, or "*" */
	struct text action;  /* pattern: see pattern.h */
	struct text method;  /* upper case, or "*" */
};

struct role {
	struct text name;
	const struct text *parents;
	size_t parent_count;
	const struct rule
		*rules; /* by service ("*" comes before letters), action, method, effect */
	size_t rule_count;
};

struct held_role {
	struct text role;
	int64_t ends_ms; /* since 1970; INT64_MAX: never */
};

struct subject {
	enum subject_kind kind;
	struct text name;
	bool disabled;
	const struct held_role *roles; /* by name; granted to itself */
	size_t role_count;
	const struct text *groups; /* by name; it is in these */
	size_t group_count;
};

struct access_key {
	struct text id, application;
	unsigned char secret_hash[32]; /* SHA-256 of the secret */
	unsigned char signing_key[20]; /* SHA-1 of the secret */
	int64_t ends_ms;               /* INT64_MAX: never */
};

struct token_key {
	struct text id;
	enum jwt_algorithm algorithm;
	struct text public_jwk;
	const struct jwt_key *public_key, *private_key;
	int64_t created_ms, signs_from_ms;
	int64_t verifies_until_ms; /* INT64_MAX: no newer one has taken its place */
};

struct issuer {
	struct text name, url, audience;
	struct text jwks;     /* "" : they are fetched */
	struct text jwks_url; /* "" : they are given */
	unsigned algorithms;  /* bits 1 << enum jwt_algorithm */
	struct text user_claim, roles_claim;
};

/* --- reading: any thread ---------------------------------------------------------------------- */

/* The one of now; NULL before the first load. To be released. */
const struct directory *directory_hold(void);
void directory_release(const struct directory **d); /* NULL allowed; clears the pointer */
int64_t directory_revision(const struct directory *d);

/* By name in lower case; NULL if there is none. Live as long as the directory is held. */
const struct subject *directory_subject(
	const struct directory *d, enum subject_kind kind, struct text name);
const struct role *directory_role(const struct directory *d, struct text name);
const struct access_key *directory_access_key(const struct directory *d, struct text id);
const struct token_key *directory_token_key(const struct directory *d, struct text id);
/* A session (sid) or a token (jti) that has been revoked. */
bool directory_revoked(const struct directory *d, struct text id);

/* One after the other in no order, until NULL. Starts as {0}. */
struct directory_cursor {
	size_t page, item;
};
const struct subject *directory_next_subject(
	const struct directory *d, enum subject_kind kind, struct directory_cursor *cursor);
const struct role *directory_next_role(const struct directory *d, struct directory_cursor *cursor);
const struct token_key *directory_next_token_key(
	const struct directory *d, struct directory_cursor *cursor);
const struct issuer *directory_next_issuer(
	const struct directory *d, struct directory_cursor *cursor);

/* Ends a step: the call goes on with then() once this server's directory holds all that was
 * committed, by any server, before now. Fails with UNAVAILABLE when the call is over before. */
enum next directory_current(struct call *c, call_step *then);

/* --- its life --------------------------------------------------------------------------------- */

/* Once, after lanes_start() and before the first call. changed: NULL, or is told on the
 * directory's thread after each change, the first load included. */
void directory_start(struct lanes *lanes, int64_t poll_ms, void (*changed)(void));
bool directory_ready(void); /* the first load is there; any thread */
/* After the lanes have stopped. */
void directory_stop(void);

/* --- making one: tests and the bench, too ----------------------------------------------------- */

/* A thing as auth.states() gives it. state NULL: it is gone. */
struct directory_change {
	struct text kind, name, state;
};

/* A directory with the changes; old (NULL: none) stays as it is. What cannot be read is logged and
 * left out. To be released. */
const struct directory *directory_make(const struct directory *old,
	const struct directory_change *changes, size_t count, int64_t revision);

#endif
