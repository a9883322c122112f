/*
 * Store: what the handlers of subjects, roles and keys share: names, pages, and changes that this
 * server has seen itself when they are answered. Any thread.
 */
#ifndef JUNCTION_SERVER_AUTH_STORE_H
#define JUNCTION_SERVER_AUTH_STORE_H

#include "junction/v1/auth.pb-c.h"
#include "server/auth/directory.h"

/* "user", "application", "group"; "" of NONE. */
struct text subject_kind_word(enum subject_kind kind);
/* SUBJECT_NONE if it is none of them; any case. */
enum subject_kind subject_kind_of(struct text word);

/* The name in lower case, in the arena; data NULL with the status INVALID_ARGUMENT naming the
 * field. */
struct text store_name(
	struct arena *a, const char *field, const char *given, struct status *status);

/* Who changes something, as auth.act_as() takes it: first parameter of the SQL functions that
 * change. */
struct text store_caller(const struct call *c);

/* Ends a step: replies once this server's directory holds what the call has changed. */
enum next store_reply(struct call *c, const ProtobufCMessage *message);
#define STORE_REPLY(c, message) store_reply((c), &(message)->base)

#endif
