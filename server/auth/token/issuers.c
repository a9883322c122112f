/* PutIssuer, ListIssuers, DeleteIssuer. */
#include <stdlib.h>

#include "base/json.h"
#include "base/log.h"
#include "server/auth/auth.h"
#include "server/auth/identity/store.h"
#include "server/db/array.h"
#include "steps.gen.h"

enum {
	NAME_LIMIT = 32,
	URL_LIMIT = 1024,
	AUDIENCE_LIMIT = 255,
	CLAIM_LIMIT = 255,
	JWKS_LIMIT = 64 * 1024,
	JWKS_URL_LIMIT = 2048,
	PUT_PARAMETERS = 9,
};

#define BIT(algorithm)     (1U << (algorithm))
#define DEFAULT_ALGORITHMS (BIT(JWT_EDDSA) | BIT(JWT_ES256) | BIT(JWT_RS256))

static const struct statement put_issuer = {
	.name = "auth_put_issuer",
	.sql = "SELECT auth.put_issuer($1, $2, $3, $4, $5, $6, $7::text[], $8, $9)",
	.parameters = PUT_PARAMETERS,
};

static const struct statement delete_issuer = {
	.name = "auth_delete_issuer",
	.sql = "SELECT auth.delete_issuer($1, $2)",
	.parameters = 2,
};

/* --- messages --------------------------------------------------------------------------------- */

static void put_algorithms(struct arena *a, unsigned algorithms, Auth__Issuer *out)
{
	out->n_algorithms = 0;
	out->algorithms = arena_array(a, JWT_PS256, sizeof(*out->algorithms));
	for (int i = JWT_NONE + 1; i <= JWT_PS256; i++)
		if (algorithms & BIT(i))
			out->algorithms[out->n_algorithms++] =
				(char *)jwt_algorithm_name((enum jwt_algorithm)i);
}

static Auth__Issuer *message_of(struct arena *a, const struct issuer *issuer)
{
	Auth__Issuer *out = ARENA_NEW(a, Auth__Issuer);

	auth__issuer__init(out);
	out->name = arena_string(a, issuer->name);
	out->url = arena_string(a, issuer->url);
	out->audience = arena_string(a, issuer->audience);
	out->jwks = arena_string(a, issuer->jwks);
	out->jwks_url = arena_string(a, issuer->jwks_url);
	out->user_claim = arena_string(a, issuer->user_claim);
	out->roles_claim = arena_string(a, issuer->roles_claim);
	put_algorithms(a, issuer->algorithms, out);
	return out;
}

/* --- what is accepted: false with c->status set ----------------------------------------------- */

static bool is_name(struct text name)
{
	for (size_t i = 0; i < name.size; i++) {
		char c = name.data[i];
		bool letter = c >= 'a' && c <= 'z';
		if (!letter && (i == 0 || ((c < '0' || c > '9') && c != '-')))
			return false;
	}
	return name.size > 0 && name.size <= NAME_LIMIT;
}

static bool refuse(struct call *c, const char *field, const char *rule)
{
	return status_field(&c->status, c->arena, field, "%s", rule);
}

static bool check_text(struct call *c, const char *field, const char *given, size_t most)
{
	struct text t = text_of(given);

	if (t.size == 0)
		return refuse(c, field, "is required");
	if (t.size > most)
		return status_field(
			&c->status, c->arena, field, "must have at most %zu bytes", most);
	return !text_has_control(t) || refuse(c, field, "must not hold control characters");
}

static bool check_algorithms(struct call *c, const Auth__Issuer *in, unsigned *algorithms)
{
	*algorithms = in->n_algorithms ? 0 : DEFAULT_ALGORITHMS;
	for (size_t i = 0; i < in->n_algorithms; i++) {
		enum jwt_algorithm algorithm = jwt_algorithm_of(text_of(in->algorithms[i]));
		if (algorithm == JWT_NONE)
			return refuse(c, arena_printf(c->arena, "issuer.algorithms[%zu]", i),
				"must be EdDSA, ES256, ES384, RS256, RS384, RS512 or PS256");
		*algorithms |= BIT(algorithm);
	}
	return true;
}

/* Whoever may list issuers would see a password in it. */
static bool check_jwks_url(struct call *c, const char *given)
{
	const char *field = "issuer.jwks_url";
	struct text url = text_of(given);
	bool https = text_starts(url, TEXT("https://"));

	if (!check_text(c, field, given, JWKS_URL_LIMIT))
		return false;
	if (!https && !text_starts(url, TEXT("http://")))
		return refuse(c, field, "must begin with \"https://\" or \"http://\"");
	struct text rest = text_from(url, strlen(https ? "https://" : "http://"));
	struct text host = text_until(rest, strcspn(rest.data, "/?#"));
	if (host.size == 0 || text_find(url, ' ', 0) < url.size)
		return refuse(c, field, "must name a host and hold no blanks");
	return text_find(host, '@', 0) == host.size ||
	       refuse(c, field, "must not hold a user or a password");
}

static bool check_source(struct call *c, const Auth__Issuer *in)
{
	if (!*in->jwks == !*in->jwks_url)
		return refuse(c, "issuer.jwks", "is required, or else issuer.jwks_url");
	if (*in->jwks_url)
		return check_jwks_url(c, in->jwks_url);
	return strlen(in->jwks) <= JWKS_LIMIT ||
	       refuse(c, "issuer.jwks", "must have at most 65536 bytes");
}

static bool check_issuer(struct call *c, const Auth__Issuer *in)
{
	if (!in)
		return refuse(c, "issuer", "is required");
	if (!is_name(text_of(in->name)))
		return refuse(c, "issuer.name",
			"must be 1 to 32 of a-z, 0-9 and \"-\", beginning with a letter");
	if (!check_text(c, "issuer.url", in->url, URL_LIMIT) ||
		!check_text(c, "issuer.audience", in->audience, AUDIENCE_LIMIT))
		return false;
	if (strcmp(in->url, auth_settings()->token_issuer) == 0)
		return refuse(c, "issuer.url", "must not be that of Junction's own tokens");
	if (*in->user_claim && !check_text(c, "issuer.user_claim", in->user_claim, CLAIM_LIMIT))
		return false;
	if (*in->roles_claim && !check_text(c, "issuer.roles_claim", in->roles_claim, CLAIM_LIMIT))
		return false;
	return check_source(c, in);
}

/* --- PutIssuer -------------------------------------------------------------------------------- */

struct putting {
	struct issuer issuer;
	const char *wrong; /* with its keys, or NULL */
};

static enum next put(struct call *c, const struct rows *rows)
{
	const struct putting *putting = c->state;
	struct text outcome = rows_text(rows, 0, 0);
	Auth__PutIssuerResponse *out = ARENA_NEW(c->arena, Auth__PutIssuerResponse);

	if (text_equal(outcome, TEXT("taken")))
		return fail(
			c, STATUS_ALREADY_EXISTS, "another issuer has this url and this audience");
	if (text_equal(outcome, TEXT("full")))
		return fail(c, STATUS_FAILED_PRECONDITION,
			"there are 50 issuers, and may not be more: delete one first");
	log_event(LOG_INFO, "issuer put", LOG_SLICE("issuer", putting->issuer.name),
		LOG_SLICE("caller", c->caller.address), LOG_SLICE("trace", c->caller.trace.id));
	auth__put_issuer_response__init(out);
	out->issuer = message_of(c->arena, &putting->issuer);
	return STORE_REPLY(c, out);
}

static enum next put_checked(struct call *c)
{
	const struct putting *putting = c->state;
	const struct issuer *issuer = &putting->issuer;
	struct buffer algorithms = {.arena = c->arena};
	struct text *parameters = arena_array(c->arena, PUT_PARAMETERS, sizeof(*parameters));

	if (putting->wrong)
		return fail_field(c, "issuer.jwks", "%s", putting->wrong);
	for (int i = JWT_NONE + 1; i <= JWT_PS256; i++)
		if (issuer->algorithms & BIT(i))
			array_add(&algorithms, text_of(jwt_algorithm_name((enum jwt_algorithm)i)));
	parameters[0] = audit_caller(c);
	parameters[1] = issuer->name;
	parameters[2] = issuer->url;
	parameters[3] = issuer->audience;
	parameters[4] = issuer->jwks;
	parameters[5] = issuer->jwks_url;
	parameters[6] = array_text(&algorithms);
	parameters[7] = issuer->user_claim;
	parameters[8] = issuer->roles_claim;
	return change(c, &put_issuer, parameters, put);
}

static bool is_usable(const struct jwt_key_set *set, unsigned algorithms)
{
	for (size_t i = 0; i < set->count; i++)
		for (int algorithm = JWT_NONE + 1; algorithm <= JWT_PS256; algorithm++)
			if ((algorithms & BIT(algorithm)) &&
				jwt_key_takes(set->keys[i], (enum jwt_algorithm)algorithm))
				return true;
	return false;
}

/* They would be kept, and shown to whoever may list issuers. */
static bool holds_secrets(struct arena *a, struct text jwks)
{
	struct status ignored;
	const struct json *keys = json_member(json_read(a, jwks, &ignored), TEXT("keys"));

	for (const struct json *key = keys->first; key; key = key->next)
		if (json_member(key, TEXT("d")) || json_member(key, TEXT("k")))
			return true;
	return false;
}

static void read_keys(struct call *c)
{
	struct putting *putting = c->state;
	struct jwt_key_set set;
	struct status status;

	if (!jwt_key_set_read(putting->issuer.jwks, &set, &status, c->arena)) {
		putting->wrong = status.message;
		return;
	}
	if (holds_secrets(c->arena, putting->issuer.jwks))
		putting->wrong = "must hold public keys only";
	else if (!is_usable(&set, putting->issuer.algorithms))
		putting->wrong = "must hold a key for one of the algorithms: EC, OKP, or RSA of at "
				 "least 2048 bits";
	jwt_key_set_free(&set);
}

enum next auth_put_issuer(struct call *c)
{
	const Auth__Issuer *in = call_request(c, Auth__PutIssuerRequest)->issuer;
	struct putting *putting = ARENA_NEW(c->arena, struct putting);

	if (!check_issuer(c, in) || !check_algorithms(c, in, &putting->issuer.algorithms))
		return failed(c);
	putting->issuer.name = text_of(in->name);
	putting->issuer.url = text_of(in->url);
	putting->issuer.audience = text_of(in->audience);
	putting->issuer.jwks = text_trim(text_of(in->jwks));
	putting->issuer.jwks_url = text_of(in->jwks_url);
	putting->issuer.user_claim = *in->user_claim ? text_of(in->user_claim) : TEXT("sub");
	putting->issuer.roles_claim = text_of(in->roles_claim);
	c->state = putting;
	return *in->jwks ? work(c, read_keys, put_checked) : put_checked(c);
}

/* --- ListIssuers ------------------------------------------------------------------------------ */

static int by_name(const void *a, const void *b)
{
	return strcmp((*(Auth__Issuer *const *)a)->name, (*(Auth__Issuer *const *)b)->name);
}

static enum next list(struct call *c)
{
	const struct directory *d = directory_hold();
	struct directory_cursor cursor = {0};
	struct buffer issuers = {.arena = c->arena};
	Auth__ListIssuersResponse out = AUTH__LIST_ISSUERS_RESPONSE__INIT;
	const struct issuer *issuer;

	while ((issuer = directory_next_issuer(d, &cursor))) {
		Auth__Issuer *message = message_of(c->arena, issuer);
		buffer_add(&issuers, &message, sizeof(message));
		out.n_issuers++;
	}
	directory_release(&d);
	out.issuers = (Auth__Issuer **)issuers.data;
	if (out.n_issuers)
		qsort(out.issuers, out.n_issuers, sizeof(*out.issuers), by_name);
	return REPLY(c, &out);
}

enum next auth_list_issuers(struct call *c)
{
	return directory_current(c, list);
}

/* --- DeleteIssuer ----------------------------------------------------------------------------- */

static enum next deleted(struct call *c, const struct rows *rows)
{
	const char *name = call_request(c, Auth__DeleteIssuerRequest)->name;
	Auth__DeleteIssuerResponse *out = ARENA_NEW(c->arena, Auth__DeleteIssuerResponse);

	if (!rows_bool(rows, 0, 0))
		return fail(c, STATUS_NOT_FOUND, "there is no such issuer");
	log_event(LOG_INFO, "issuer deleted", LOG_TEXT("issuer", name),
		LOG_SLICE("caller", c->caller.address), LOG_SLICE("trace", c->caller.trace.id));
	auth__delete_issuer_response__init(out);
	return STORE_REPLY(c, out);
}

enum next auth_delete_issuer(struct call *c)
{
	const Auth__DeleteIssuerRequest *in = call_request(c, Auth__DeleteIssuerRequest);
	struct text *parameters = arena_array(c->arena, 2, sizeof(*parameters));

	if (!*in->name)
		return fail_field(c, "name", "is required");
	parameters[0] = audit_caller(c);
	parameters[1] = text_of(in->name);
	return change(c, &delete_issuer, parameters, deleted);
}
