/*
 * The hooks signature and site_authentication. Keys are read from PostgreSQL by each call, so that
 * one that was rotated or deleted through another server counts at once; the body is brought into
 * its canonical form, and signed or verified, on the work pool.
 */
#include "base/base64.h"
#include "base/json_canonical.h"
#include "junction/v1/auth.pb-c.h"
#include "server/auth/hook/builtin.h"
#include "server/auth/hook/party.h"
#include "server/auth/hook/party_store.h"
#include "server/auth/hook/sign_key.h"

/* What is signed. False with c->status set: it is no JSON, or has no canonical form. On the work
 * pool. */
static bool canonical_body(struct call *c, const char *body, struct text *bytes)
{
	struct buffer out = {.arena = c->arena};
	struct status reason = {.message = ""};
	const struct json *value = json_read(c->arena, text_of(body), &reason);

	if (!value && reason.code == STATUS_INVALID_ARGUMENT)
		return status_field(&c->status, c->arena, "body", "%s", reason.message);
	if (!value)
		return status_set(&c->status, c->arena, reason.code, "%s", reason.message);
	if (!json_canonical(&out, value, "body", &c->status))
		return false;
	*bytes = buffer_text(&out);
	return true;
}

/* --- signature -------------------------------------------------------------------------------- */

struct signing {
	struct text private_key;
	struct text signature; /* empty: c->status says why */
};

static enum next signed_it(struct call *c)
{
	const struct signing *signing = c->state;
	Auth__SignatureResponse out = AUTH__SIGNATURE_RESPONSE__INIT;

	if (signing->signature.size == 0)
		return failed(c);
	out.site_signature = arena_string(c->arena, signing->signature);
	out.data = out.site_signature;
	return REPLY(c, &out);
}

static void sign(struct call *c)
{
	const Auth__SignatureRequest *in = call_request(c, Auth__SignatureRequest);
	struct signing *signing = c->state;
	struct text bytes;

	if (canonical_body(c, in->body, &bytes) &&
		!sign_key_sign(c->arena, signing->private_key, bytes, &signing->signature))
		status_set(&c->status, c->arena, STATUS_INTERNAL,
			"the key of party %s cannot be used", in->party_id);
}

static void forget(struct call *c)
{
	const struct signing *signing = c->state;

	sign_key_forget(signing->private_key);
}

static enum next with_private_key(struct call *c, const struct rows *rows)
{
	const Auth__SignatureRequest *in = call_request(c, Auth__SignatureRequest);
	struct signing *signing = ARENA_NEW(c->arena, struct signing);

	if (rows_count(rows) == 0)
		return fail(c, STATUS_UNAVAILABLE, "the key pair of party %s has not been made yet",
			in->party_id);
	signing->private_key = arena_text(c->arena, rows_text(rows, 0, 0));
	c->state = signing;
	c->at_end = forget;
	return work(c, sign, signed_it);
}

enum next builtin_signature(struct call *c)
{
	const Auth__SignatureRequest *in = call_request(c, Auth__SignatureRequest);
	struct text *party = ARENA_NEW(c->arena, struct text);

	*party = text_of(in->party_id);
	if (!party_own(*party))
		return fail(c, STATUS_PERMISSION_DENIED, "party %s is no own party",
			party_shown(c->arena, *party));
	return query(c, &party_private_key, party, with_private_key);
}

/* --- site_authentication ---------------------------------------------------------------------- */

struct verifying {
	struct text party;
	struct text *keys;
	int count;
	bool verified; /* false: c->status says why */
};

static enum next verified(struct call *c)
{
	const struct verifying *verifying = c->state;
	Auth__SiteAuthenticationResponse out = AUTH__SITE_AUTHENTICATION_RESPONSE__INIT;

	return verifying->verified ? REPLY(c, &out) : failed(c);
}

static void verify(struct call *c)
{
	const Auth__SiteAuthenticationRequest *in =
		call_request(c, Auth__SiteAuthenticationRequest);
	struct verifying *v = c->state;
	struct text bytes, signature;

	if (!canonical_body(c, in->body, &bytes))
		return;
	bool readable = base64_read(c->arena, text_of(in->site_signature), &signature);
	for (int i = 0; i < v->count && readable && !v->verified; i++)
		v->verified = sign_key_verifies(v->keys[i], bytes, signature);
	if (!v->verified)
		status_set(&c->status, c->arena, STATUS_UNAUTHENTICATED,
			"the signature is not that of party %.*s", TEXT_ARGS(v->party));
}

static enum next with_public_keys(struct call *c, const struct rows *rows)
{
	struct verifying *v = c->state;

	v->count = rows_count(rows);
	if (v->count == 0)
		return fail(c, STATUS_UNAUTHENTICATED, "party %s has no key",
			party_shown(c->arena, v->party));
	v->keys = arena_array(c->arena, (size_t)v->count, sizeof(*v->keys));
	for (int i = 0; i < v->count; i++)
		v->keys[i] = arena_text(c->arena, rows_text(rows, i, 0));
	return work(c, verify, verified);
}

enum next builtin_site_authentication(struct call *c)
{
	const Auth__SiteAuthenticationRequest *in =
		call_request(c, Auth__SiteAuthenticationRequest);
	struct verifying *v = ARENA_NEW(c->arena, struct verifying);

	v->party = party_meant(text_of(in->src_party_id));
	c->state = v;
	return query(c, &party_public_keys, &v->party, with_public_keys);
}
