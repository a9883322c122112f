/* RotateTokenKey, ListTokenKeys. */
#include "server/auth/token/token_keys.h"

#include <stdlib.h>

#include "base/log.h"
#include "server/auth/auth.h"
#include "server/auth/identity/store.h"
#include "server/auth/secret.h"
#include "server/auth/token/token.h"
#include "server/registry/message.h"
#include "steps.gen.h"

enum {
	KID_LENGTH = 16,
	DELAY_MS = 10000, /* until every server knows it: longer than --auth-poll-ms may be */
	PARAMETERS = 9,
};

const struct statement token_key_add = {
	.name = "auth_add_token_key",
	.sql = "SELECT r_created_at, r_signs_from "
	       "FROM auth.add_token_key($1, $2, $3, $4, $5, $6, $7, $8, $9)",
	.parameters = PARAMETERS,
};

/* --- ListTokenKeys ---------------------------------------------------------------------------- */

static int by_age(const void *a, const void *b)
{
	const struct token_key *one = *(const struct token_key *const *)a,
			       *other = *(const struct token_key *const *)b;

	if (one->created_ms != other->created_ms)
		return one->created_ms > other->created_ms ? -1 : 1;
	return text_compare(one->id, other->id);
}

const struct token_key **token_keys_listed(
	struct arena *a, const struct directory *d, size_t *count)
{
	struct directory_cursor cursor = {0};
	struct buffer list = {.arena = a};
	const struct token_key *key;

	while ((key = directory_next_token_key(d, &cursor)))
		buffer_add(&list, &key, sizeof(key));
	*count = list.size / sizeof(key);
	if (*count)
		qsort(list.data, *count, sizeof(key), by_age);
	return (const struct token_key **)list.data;
}

static Auth__TokenKey *message_of(struct arena *a, const struct token_key *key)
{
	Auth__TokenKey *out = ARENA_NEW(a, Auth__TokenKey);

	auth__token_key__init(out);
	out->id = arena_string(a, key->id);
	out->algorithm = arena_string(a, text_of(jwt_algorithm_name(key->algorithm)));
	out->created_at = message_time(a, key->created_ms);
	out->signs_from = message_time(a, key->signs_from_ms);
	if (key->verifies_until_ms != INT64_MAX)
		out->verifies_until = message_time(a, key->verifies_until_ms);
	return out;
}

static enum next list(struct call *c)
{
	const struct directory *d = directory_hold();
	Auth__ListTokenKeysResponse out = AUTH__LIST_TOKEN_KEYS_RESPONSE__INIT;
	const struct token_key **keys = token_keys_listed(c->arena, d, &out.n_keys);

	out.keys = arena_array(c->arena, out.n_keys, sizeof(*out.keys));
	for (size_t i = 0; i < out.n_keys; i++)
		out.keys[i] = message_of(c->arena, keys[i]);
	directory_release(&d);
	return REPLY(c, &out);
}

enum next auth_list_token_keys(struct call *c)
{
	return directory_current(c, list);
}

/* --- a new one -------------------------------------------------------------------------------- */

void token_key_make(struct arena *a, enum jwt_algorithm algorithm, struct token_key_pair *pair)
{
	pair->algorithm = algorithm;
	pair->id = secret_make_id(a, KID_LENGTH);
	jwt_key_make(a, algorithm, pair->id, &pair->public_jwk, &pair->private_jwk);
}

void token_key_forget(struct token_key_pair *pair)
{
	secret_wipe((char *)pair->private_jwk.data, pair->private_jwk.size);
	pair->private_jwk = (struct text){0};
}

struct text *token_key_parameters(struct arena *a, struct text caller,
	const struct token_key_pair *pair, bool revoke_others, bool first)
{
	struct text *parameters = arena_array(a, PARAMETERS, sizeof(*parameters));
	/* A server with a slow clock may sign with the one before for a while, and another one with
	 * a slow clock takes that token for a while longer. */
	int64_t overlap = auth_settings()->token_seconds + 2 * TOKEN_SKEW_S;

	parameters[0] = caller;
	parameters[1] = pair->id;
	parameters[2] = text_of(jwt_algorithm_name(pair->algorithm));
	parameters[3] = pair->public_jwk;
	parameters[4] = pair->private_jwk;
	parameters[5] = text_of(arena_printf(a, "%d", DELAY_MS));
	parameters[6] = text_of(arena_printf(a, "%lld", (long long)overlap));
	parameters[7] = revoke_others ? TEXT("true") : TEXT("false");
	parameters[8] = first ? TEXT("true") : TEXT("false");
	return parameters;
}

/* --- RotateTokenKey --------------------------------------------------------------------------- */

static void forget(struct call *c)
{
	token_key_forget(c->state);
}

static enum next rotated(struct call *c, const struct rows *rows)
{
	const struct token_key_pair *pair = c->state;
	Auth__RotateTokenKeyResponse *out = ARENA_NEW(c->arena, Auth__RotateTokenKeyResponse);

	if (rows_count(rows) == 0)
		return fail(c, STATUS_FAILED_PRECONDITION,
			"there are 100 keys: revoke the others, or wait until some have ended");
	auth__rotate_token_key_response__init(out);
	out->key = message_of(c->arena, &(struct token_key){
						.id = pair->id,
						.algorithm = pair->algorithm,
						.created_ms = rows_int64(rows, 0, 0),
						.signs_from_ms = rows_int64(rows, 0, 1),
						.verifies_until_ms = INT64_MAX,
					});
	log_event(LOG_INFO, "token key rotated", LOG_SLICE("key", pair->id),
		LOG_TEXT("algorithm", out->key->algorithm), LOG_SLICE("caller", c->caller.address),
		LOG_SLICE("trace", c->caller.trace.id));
	/* The reply takes the place of the pair. */
	forget(c);
	c->at_end = NULL;
	return STORE_REPLY(c, out);
}

static enum next add(struct call *c)
{
	const Auth__RotateTokenKeyRequest *in = call_request(c, Auth__RotateTokenKeyRequest);

	return change(c, &token_key_add,
		token_key_parameters(c->arena, audit_caller(c), c->state, in->revoke_others, false),
		rotated);
}

static void make(struct call *c)
{
	struct token_key_pair *pair = c->state;

	token_key_make(c->arena, pair->algorithm, pair);
}

enum next auth_rotate_token_key(struct call *c)
{
	const Auth__RotateTokenKeyRequest *in = call_request(c, Auth__RotateTokenKeyRequest);
	struct token_key_pair *pair = ARENA_NEW(c->arena, struct token_key_pair);

	pair->algorithm = *in->algorithm ? jwt_algorithm_of(text_of(in->algorithm)) : JWT_EDDSA;
	if (pair->algorithm != JWT_EDDSA && pair->algorithm != JWT_ES256 &&
		pair->algorithm != JWT_RS256)
		return fail_field(c, "algorithm", "must be EdDSA, ES256 or RS256");
	c->state = pair;
	c->at_end = forget;
	return work(c, make, add);
}
