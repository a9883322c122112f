/*
 * Store: what the handlers of subjects, roles and keys share: names, times, and changes that this
 * server has seen itself when they are answered. Any thread.
 *
 * What refuses says so in status, INVALID_ARGUMENT naming the field.
 */
#ifndef JUNCTION_SERVER_AUTH_IDENTITY_STORE_H
#define JUNCTION_SERVER_AUTH_IDENTITY_STORE_H

#include "junction/v1/auth.pb-c.h"
#include "server/audit/caller.h"
#include "server/auth/directory/directory.h"

/* "user", "application", "group"; "" of NONE. */
struct text subject_kind_word(enum subject_kind kind);
/* SUBJECT_NONE if it is none of them; any case. */
enum subject_kind subject_kind_of(struct text word);

/* The name of a role, an application or a group, or of a user of Junction's own: in lower case, in
 * the arena; data NULL if it is none. */
struct text store_name(
	struct arena *a, const char *field, const char *given, struct status *status);
/* The name of a subject of that kind: of a user it may also be "issuer:name", whose name is kept as
 * it is, since the issuer may tell two apart by it. */
struct text store_subject_name(struct arena *a, const char *field, enum subject_kind kind,
	const char *given, struct status *status);
/* A title of at most 255 bytes. */
bool store_title(struct arena *a, const char *field, const char *given, struct status *status);

struct store_subject {
	enum subject_kind kind;
	struct text name; /* in the arena */
};
/* groups: it may be a group. */
bool store_read_subject(struct arena *a, const char *field, const Auth__Subject *given, bool groups,
	struct store_subject *subject, struct status *status);
/* By the word for its kind: paths have "kind" and "name". */
bool store_find_subject(struct arena *a, const char *kind, const char *name,
	struct store_subject *subject, struct status *status);
/* Of a list: the word for a kind, "" if none is given; and what names shall begin with, as they are
 * kept. */
bool store_read_kind(
	struct arena *a, Auth__SubjectKind given, struct text *word, struct status *status);
struct text store_prefix(struct arena *a, const char *given);
Auth__Subject *store_subject_message(struct arena *a, struct text kind, struct text name);

/* What PostgreSQL gives as a JSON list of strings. False with the status. */
bool store_read_texts(
	struct arena *a, struct text json, size_t *count, char ***texts, struct status *status);

/* Until when something counts, as a parameter in ms since 1970; unset: data NULL. Must be in the
 * future. */
bool store_read_end(struct arena *a, const char *field, const Google__Protobuf__Timestamp *given,
	struct text *ms, struct status *status);

/* Last parameter of those that end sessions: seconds that a token of a session may still be good.
 */
struct text store_token_seconds(const struct call *c);

/* Ends a step: replies once this server's directory holds what the call has changed. message lives
 * in the arena; it takes the place of c->state. */
enum next store_reply(struct call *c, ProtobufCMessage *message);
#define STORE_REPLY(c, message) store_reply((c), &(message)->base)

#endif
