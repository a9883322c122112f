/*
 * Channel secrets: an object of texts, sealed as a whole. Any thread.
 *
 * What is opened lives in the arena, which is the caller's to wipe. Errors name the field and never
 * hold a secret.
 */
#ifndef JUNCTION_SERVER_NOTICE_CHANNEL_CHANNEL_SECRETS_H
#define JUNCTION_SERVER_NOTICE_CHANNEL_CHANNEL_SECRETS_H

#include "base/json.h"
#include "junction/v1/notice.pb-c.h"
#include "server/db/statement.h"

enum { CHANNEL_SECRETS_BYTES = 64 * 1024 };

/* As they are kept. */
struct channel_sealed {
	struct text bytes; /* data NULL: there are none */
	struct text key_id;
};

/* From two columns: event.text_of(secrets) and secrets_key_id. In the arena. */
struct channel_sealed channel_secrets_read(
	struct arena *a, const struct rows *rows, int row, int column);

typedef Notice__PutChannelRequest__SecretsEntry channel_secret;

/* *secrets: NULL if there are none. False with the status FAILED_PRECONDITION: they cannot be
 * opened here. */
bool channel_secrets_open(struct arena *a, struct text space, struct text name,
	const struct channel_sealed *sealed, const struct json **secrets, struct status *status);
/* Those that are kept, or NULL, with those that are given in their place or beside them, without
 * those that are given empty; of one given twice the last counts. *secrets: NULL if none are left.
 * False with the status INVALID_ARGUMENT. */
bool channel_secrets_merge(struct arena *a, const struct json *kept, channel_secret *const *given,
	size_t count, const struct json **secrets, struct status *status);
/* The value given for a secret of that name, the last one; NULL: it is not given. */
const char *channel_secrets_given(channel_secret *const *given, size_t count, struct text name);
/* Only if seal_available(). In the arena. */
struct channel_sealed channel_secrets_seal(
	struct arena *a, struct text space, struct text name, const struct json *secrets);

#endif
