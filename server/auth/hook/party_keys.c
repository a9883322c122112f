/* PutPartyKey, ListPartyKeys, DeletePartyKey, RotatePartyKey. */
#include "base/log.h"
#include "junction/v1/auth.pb-c.h"
#include "server/auth/hook/party.h"
#include "server/auth/hook/party_store.h"
#include "server/auth/hook/sign_key.h"
#include "server/auth/identity/store.h"
#include "server/call.h"
#include "server/registry/message.h"
#include "steps.gen.h"

static enum next too_many(struct call *c, struct text party)
{
	return fail(c, STATUS_FAILED_PRECONDITION,
		"party %.*s has 100 keys, and may not have more: delete one first",
		TEXT_ARGS(party));
}

static void log_change(const struct call *c, const char *event, struct text party, struct text key)
{
	log_event(LOG_INFO, event, LOG_SLICE("party", party), LOG_SLICE("key", key),
		LOG_SLICE("caller", c->caller.address), LOG_SLICE("trace", c->caller.trace.id));
}

static Auth__PartyKey *key_of(struct call *c, const struct rows *rows, int row)
{
	Auth__PartyKey *key = ARENA_NEW(c->arena, Auth__PartyKey);

	auth__party_key__init(key);
	key->party_id = arena_string(c->arena, rows_text(rows, row, PARTY_KEY_PARTY_ID));
	key->key_id = arena_string(c->arena, rows_text(rows, row, PARTY_KEY_ID));
	key->algorithm =
		(Auth__KeyAlgorithm)sign_algorithm_named(rows_text(rows, row, PARTY_KEY_ALGORITHM));
	key->public_key = arena_string(c->arena, rows_text(rows, row, PARTY_KEY_PEM));
	key->own = rows_bool(rows, row, PARTY_KEY_OWN);
	key->created_at = message_time(c->arena, rows_int64(rows, row, PARTY_KEY_CREATED));
	return key;
}

/* --- PutPartyKey ------------------------------------------------------------------------------ */

struct putting {
	struct public_key key;
	const char *rule; /* that it breaks, or NULL */
};

static enum next put(struct call *c, const struct rows *rows)
{
	const Auth__PutPartyKeyRequest *in = call_request(c, Auth__PutPartyKeyRequest);
	const struct putting *putting = c->state;
	Auth__PutPartyKeyResponse out = AUTH__PUT_PARTY_KEY_RESPONSE__INIT;

	if (rows_count(rows) == 0)
		return too_many(c, text_of(in->party_id));
	out.key = key_of(c, rows, 0);
	log_change(c, "party key registered", text_of(in->party_id), putting->key.id);
	return REPLY(c, &out);
}

static enum next put_key(struct call *c)
{
	const Auth__PutPartyKeyRequest *in = call_request(c, Auth__PutPartyKeyRequest);
	const struct putting *putting = c->state;
	struct text *parameters = arena_array(c->arena, PARTY_PUT_PARAMETERS, sizeof(*parameters));

	if (putting->rule)
		return fail_field(c, "public_key", "%s", putting->rule);
	parameters[0] = audit_caller(c);
	parameters[1] = text_of(in->party_id);
	parameters[2] = putting->key.id;
	parameters[3] = text_of(sign_algorithm_name(putting->key.algorithm));
	parameters[4] = putting->key.pem;
	return change(c, &party_put_key, parameters, put);
}

static void read_key(struct call *c)
{
	const Auth__PutPartyKeyRequest *in = call_request(c, Auth__PutPartyKeyRequest);
	struct putting *putting = c->state;

	putting->rule = sign_key_read(c->arena, text_of(in->public_key), &putting->key);
}

enum next auth_put_party_key(struct call *c)
{
	const Auth__PutPartyKeyRequest *in = call_request(c, Auth__PutPartyKeyRequest);

	if (!party_valid(&c->status, c->arena, "party_id", text_of(in->party_id), false))
		return failed(c);
	if (party_own(text_of(in->party_id)))
		return fail_field(c, "party_id", "is an own party, whose keys Junction makes");
	if (!*in->public_key)
		return fail_field(c, "public_key", "is required");
	c->state = ARENA_NEW(c->arena, struct putting);
	return work(c, read_key, put_key);
}

/* --- ListPartyKeys ---------------------------------------------------------------------------- */

static enum next listed(struct call *c, const struct rows *rows)
{
	Auth__ListPartyKeysResponse out = AUTH__LIST_PARTY_KEYS_RESPONSE__INIT;

	out.n_keys = (size_t)rows_count(rows);
	out.keys = arena_array(c->arena, out.n_keys, sizeof(*out.keys));
	for (size_t i = 0; i < out.n_keys; i++)
		out.keys[i] = key_of(c, rows, (int)i);
	return REPLY(c, &out);
}

enum next auth_list_party_keys(struct call *c)
{
	const Auth__ListPartyKeysRequest *in = call_request(c, Auth__ListPartyKeysRequest);
	struct text *party = ARENA_NEW(c->arena, struct text);

	*party = text_of(in->party_id);
	return change(c, &party_list_keys, party, listed);
}

/* --- DeletePartyKey --------------------------------------------------------------------------- */

static enum next deleted(struct call *c, const struct rows *rows)
{
	const Auth__DeletePartyKeyRequest *in = call_request(c, Auth__DeletePartyKeyRequest);
	struct text outcome = rows_text(rows, 0, 0);
	Auth__DeletePartyKeyResponse out = AUTH__DELETE_PARTY_KEY_RESPONSE__INIT;

	if (text_equal(outcome, TEXT("missing")))
		return fail(c, STATUS_NOT_FOUND, "party %s has no such key", in->party_id);
	if (text_equal(outcome, TEXT("newest")))
		return fail(c, STATUS_FAILED_PRECONDITION,
			"it is the key that party %s signs with: rotate it first", in->party_id);
	log_change(c, "party key deleted", text_of(in->party_id), text_of(in->key_id));
	return REPLY(c, &out);
}

enum next auth_delete_party_key(struct call *c)
{
	const Auth__DeletePartyKeyRequest *in = call_request(c, Auth__DeletePartyKeyRequest);
	struct text *parameters = arena_array(c->arena, 4, sizeof(*parameters));

	if (!party_valid(&c->status, c->arena, "party_id", text_of(in->party_id), false))
		return failed(c);
	if (!*in->key_id)
		return fail_field(c, "key_id", "is required");
	parameters[0] = audit_caller(c);
	parameters[1] = text_of(in->party_id);
	parameters[2] = text_of(in->key_id);
	parameters[3] = party_own(parameters[1]) ? TEXT("true") : TEXT("false");
	return change(c, &party_delete_key, parameters, deleted);
}

/* --- RotatePartyKey --------------------------------------------------------------------------- */

struct rotating {
	enum sign_algorithm algorithm;
	struct key_pair pair;
	bool made;
};

static enum next rotated(struct call *c, const struct rows *rows)
{
	const Auth__RotatePartyKeyRequest *in = call_request(c, Auth__RotatePartyKeyRequest);
	const struct rotating *rotating = c->state;
	Auth__RotatePartyKeyResponse out = AUTH__ROTATE_PARTY_KEY_RESPONSE__INIT;

	if (rows_count(rows) == 0)
		return too_many(c, text_of(in->party_id));
	out.key = key_of(c, rows, 0);
	log_change(c, "party key rotated", text_of(in->party_id), rotating->pair.public.id);
	return REPLY(c, &out);
}

static void forget(struct call *c)
{
	const struct rotating *rotating = c->state;

	sign_key_forget(rotating->pair.private_pem);
}

static enum next add_pair(struct call *c)
{
	const Auth__RotatePartyKeyRequest *in = call_request(c, Auth__RotatePartyKeyRequest);
	const struct rotating *rotating = c->state;

	if (!rotating->made)
		return fail(c, STATUS_INTERNAL, "no key pair could be made");
	return change(c, &party_add_own_key,
		party_add_parameters(
			c->arena, audit_caller(c), text_of(in->party_id), &rotating->pair, false),
		rotated);
}

static void make_pair(struct call *c)
{
	struct rotating *rotating = c->state;

	rotating->made = sign_key_make(c->arena, rotating->algorithm, &rotating->pair);
}

enum next auth_rotate_party_key(struct call *c)
{
	const Auth__RotatePartyKeyRequest *in = call_request(c, Auth__RotatePartyKeyRequest);
	const struct own_party *party = party_own(text_of(in->party_id));
	struct rotating *rotating = ARENA_NEW(c->arena, struct rotating);

	if (!*in->party_id)
		return fail_field(c, "party_id", "is required");
	if (!party)
		return fail_field(c, "party_id", "must be an own party");
	if (in->algorithm < AUTH__KEY_ALGORITHM__KEY_ALGORITHM_UNSPECIFIED ||
		in->algorithm > AUTH__KEY_ALGORITHM__KEY_ALGORITHM_ED25519)
		return fail_field(c, "algorithm", "is not known");
	rotating->algorithm = in->algorithm ? (enum sign_algorithm)in->algorithm : party->algorithm;
	c->state = rotating;
	c->at_end = forget;
	return work(c, make_pair, add_pair);
}
