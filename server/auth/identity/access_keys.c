/*
 * CreateAccessKey, ListAccessKeys, DeleteAccessKey. The secret is made here, hashed, put into the
 * answer, and overwritten when the call has ended.
 */
#include "server/auth/identity/store.h"
#include "server/auth/secret.h"
#include "server/db/bytea.h"
#include "server/registry/message.h"
#include "steps.gen.h"

/* 54 bytes are 72 characters: more than the block of SHA-1, so that HMAC takes its hash for it. */
enum { ID_LETTERS = 20, SECRET_BYTES = 54, SHA1_SIZE = 20 };

enum column { ID, APPLICATION, TITLE, CREATED, ENDS };

static const struct statement create_key = {
	.name = "auth_create_access_key",
	.sql = "SELECT r_id, r_application, r_title, r_created_at, r_ends_at FROM "
	       "auth.create_access_key($1, $2, $3, $4, $5, $6, $7)",
	.parameters = 7,
};

static const struct statement list_keys = {
	.name = "auth_list_access_keys",
	.sql = "SELECT k.id, k.application, k.title, auth.milliseconds(k.created_at), "
	       "auth.milliseconds(k.ends_at) FROM auth.access_key k WHERE $1 IN ('', "
	       "k.application) "
	       "ORDER BY k.application, k.created_at DESC, k.id LIMIT 10000",
	.parameters = 1,
};

static const struct statement delete_key = {
	.name = "auth_delete_access_key",
	.sql = "SELECT auth.delete_access_key($1, $2, $3)",
	.parameters = 3,
};

static Auth__AccessKey *key_of(struct call *c, const struct rows *rows, int row)
{
	Auth__AccessKey *key = ARENA_NEW(c->arena, Auth__AccessKey);

	auth__access_key__init(key);
	key->id = arena_string(c->arena, rows_text(rows, row, ID));
	key->application = arena_string(c->arena, rows_text(rows, row, APPLICATION));
	key->title = arena_string(c->arena, rows_text(rows, row, TITLE));
	key->created_at = message_time(c->arena, rows_int64(rows, row, CREATED));
	key->ends_at = message_time(c->arena, rows_int64(rows, row, ENDS));
	return key;
}

/* --- CreateAccessKey -------------------------------------------------------------------------- */

static void forget(struct call *c)
{
	Auth__CreateAccessKeyResponse *out = c->state;

	secret_wipe(out->secret, strlen(out->secret));
}

static enum next created(struct call *c, const struct rows *rows)
{
	Auth__CreateAccessKeyResponse *out = c->state;

	out->key = key_of(c, rows, 0);
	return STORE_REPLY(c, out);
}

enum next auth_create_access_key(struct call *c)
{
	const Auth__CreateAccessKeyRequest *in = call_request(c, Auth__CreateAccessKeyRequest);
	Auth__CreateAccessKeyResponse *out = ARENA_NEW(c->arena, Auth__CreateAccessKeyResponse);
	struct text *parameters = arena_array(c->arena, 7, sizeof(*parameters));
	unsigned char sha256[SECRET_HASH], sha1[SHA1_SIZE];

	parameters[2] = store_name(c->arena, "application", in->application, &c->status);
	if (!parameters[2].data || !store_title(c->arena, "title", in->title, &c->status) ||
		!store_read_end(c->arena, "endsAt", in->ends_at, &parameters[6], &c->status))
		return failed(c);
	auth__create_access_key_response__init(out);
	out->secret = (char *)secret_make(c->arena, SECRET_BYTES).data;
	c->state = out;
	c->at_end = forget;
	secret_sha256(text_of(out->secret), sha256);
	secret_sha1(text_of(out->secret), sha1);
	parameters[0] = audit_caller(c);
	parameters[1] = text_of(
		arena_printf(c->arena, "ak-%.*s", TEXT_ARGS(secret_make_id(c->arena, ID_LETTERS))));
	parameters[3] = text_of(in->title);
	parameters[4] = bytea_text(c->arena, sha256, sizeof(sha256));
	parameters[5] = bytea_text(c->arena, sha1, sizeof(sha1));
	return change(c, &create_key, parameters, created);
}

/* --- ListAccessKeys --------------------------------------------------------------------------- */

static enum next listed(struct call *c, const struct rows *rows)
{
	Auth__ListAccessKeysResponse out = AUTH__LIST_ACCESS_KEYS_RESPONSE__INIT;

	out.n_keys = (size_t)rows_count(rows);
	out.keys = arena_array(c->arena, out.n_keys, sizeof(*out.keys));
	for (size_t i = 0; i < out.n_keys; i++)
		out.keys[i] = key_of(c, rows, (int)i);
	return REPLY(c, &out);
}

enum next auth_list_access_keys(struct call *c)
{
	const Auth__ListAccessKeysRequest *in = call_request(c, Auth__ListAccessKeysRequest);
	struct text *application = ARENA_NEW(c->arena, struct text);

	*application = TEXT("");
	if (*in->application)
		*application = store_name(c->arena, "application", in->application, &c->status);
	return application->data ? change(c, &list_keys, application, listed) : failed(c);
}

/* --- DeleteAccessKey -------------------------------------------------------------------------- */

static enum next deleted(struct call *c, const struct rows *rows)
{
	Auth__DeleteAccessKeyResponse *out = ARENA_NEW(c->arena, Auth__DeleteAccessKeyResponse);

	auth__delete_access_key_response__init(out);
	return STORE_REPLY(c, out);
}

enum next auth_delete_access_key(struct call *c)
{
	const Auth__DeleteAccessKeyRequest *in = call_request(c, Auth__DeleteAccessKeyRequest);
	struct text *parameters = arena_array(c->arena, 3, sizeof(*parameters));

	if (!*in->id)
		return fail_field(c, "id", "is required");
	parameters[0] = audit_caller(c);
	parameters[1] = text_of(in->id);
	parameters[2] = store_token_seconds(c);
	return change(c, &delete_key, parameters, deleted);
}
