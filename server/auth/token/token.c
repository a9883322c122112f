/*
 * What a token says is judged before its signature is, by what costs least: a kid that nobody knows
 * costs no more than the reading. Verified, it is kept in token_cache.h with what it was verified
 * by; what may change meanwhile is asked of the directory each time.
 */
#include "server/auth/token/token.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/metric.h"
#include "server/auth/directory/decide.h"
#include "server/auth/identity/store.h"
#include "server/auth/token/issuer_keys.h"
#include "server/auth/token/token_cache.h"

enum { NAME_BYTES = 255, ROLES_MAX = 100 };

#define LAST_SECOND INT64_C(253402300799) /* of the year 9999 */

static struct text own_issuer;

static const char *outcome_label(size_t index)
{
	return index ? "good" : "bad";
}

static double remembered(size_t index)
{
	return (double)token_cache_count();
}

static struct metric verifications = {
	.name = "junction_auth_token_verifications_total",
	.help = "Access tokens that were verified by a signature, by what came of it.",
	.kind = METRIC_COUNTER,
	.labels = {{"outcome", outcome_label, 2}},
};
static struct metric cached = {
	.name = "junction_auth_tokens_remembered",
	.help = "Access tokens whose signature need not be verified again.",
	.kind = METRIC_GAUGE,
	.read = remembered,
};

/* --- claims ----------------------------------------------------------------------------------- */

static struct text claim(const struct json *claims, struct text name)
{
	return json_member_text(claims, name, TEXT(""));
}

/* Seconds since 1970, a fraction left out. False if it is there and no time. */
static bool read_time(const struct json *claims, struct text name, int64_t missing, int64_t *time)
{
	const struct json *member = json_member(claims, name);

	*time = missing;
	if (!member)
		return true;
	if (member->type != JSON_NUMBER)
		return false;
	if (!json_int64(member, time)) {
		struct text whole = text_until(member->raw, text_find(member->raw, '.', 0));
		if (text_find(member->raw, 'e', 0) < member->raw.size ||
			text_find(member->raw, 'E', 0) < member->raw.size ||
			!text_to_int64(whole, time))
			return false;
	}
	return *time >= 0 && *time <= LAST_SECOND;
}

/* It has begun, and says when it ends. */
static bool read_times(const struct json *claims, struct identity *who, int64_t now_ms)
{
	int64_t latest = now_ms / 1000 + TOKEN_SKEW_S, not_before;

	return json_member(claims, TEXT("exp")) &&
	       read_time(claims, TEXT("exp"), 0, &who->ends_s) &&
	       read_time(claims, TEXT("nbf"), 0, &not_before) && not_before <= latest &&
	       read_time(claims, TEXT("iat"), 0, &who->issued_s) && who->issued_s <= latest;
}

static bool is_for(const struct json *claims, struct text audience)
{
	const struct json *aud = json_member(claims, TEXT("aud"));

	if (!aud || aud->type != JSON_ARRAY)
		return aud && aud->type == JSON_STRING && text_equal(aud->string, audience);
	for (const struct json *one = aud->first; one; one = one->next)
		if (one->type == JSON_STRING && text_equal(one->string, audience))
			return true;
	return false;
}

static bool count(bool good)
{
	metric_add(&verifications, good, 1);
	return good;
}

/* --- ours ------------------------------------------------------------------------------------- */

/* "user:alice" */
static bool read_subject(const struct json *claims, struct identity *who)
{
	struct text sub = claim(claims, TEXT("sub"));
	size_t colon = text_find(sub, ':', 0);

	who->kind = subject_kind_of(text_until(sub, colon));
	who->name = text_from(sub, colon + 1);
	return who->name.size > 0 && who->name.size <= NAME_BYTES &&
	       (who->kind == SUBJECT_USER || who->kind == SUBJECT_APPLICATION);
}

static bool verify_own(
	const struct directory *d, const struct jwt *jwt, struct verified *v, int64_t now_ms)
{
	const struct token_key *key = directory_token_key(d, jwt->kid);

	v->kid = jwt->kid;
	v->who.id = claim(jwt->claims, TEXT("jti"));
	v->who.session = claim(jwt->claims, TEXT("sid"));
	v->who.audience = own_issuer;
	return key && key->public_key && key->algorithm == jwt->algorithm &&
	       is_for(jwt->claims, own_issuer) && v->who.id.size > 0 &&
	       read_subject(jwt->claims, &v->who) && read_times(jwt->claims, &v->who, now_ms) &&
	       count(jwt_verify(jwt, key->public_key));
}

/* --- those of outside issuers ----------------------------------------------------------------- */

static bool read_user(struct arena *a, const struct issuer *issuer, const struct json *claims,
	struct identity *who)
{
	struct text user = claim(claims, issuer->user_claim);

	if (user.size == 0 || issuer->name.size + 1 + user.size > NAME_BYTES ||
		text_has_control(user))
		return false;
	who->kind = SUBJECT_USER;
	who->name = text_of(arena_printf(a, "%.*s:%.*s", TEXT_ARGS(issuer->name), TEXT_ARGS(user)));
	return true;
}

/* False: there are too many. */
static bool add_role(struct arena *a, struct text role, struct text *roles, size_t *count)
{
	if (role.size == 0)
		return true;
	if (*count == ROLES_MAX)
		return false;
	roles[(*count)++] = arena_lower(a, role);
	return true;
}

static bool read_role_words(struct arena *a, struct text words, struct text *roles, size_t *count)
{
	bool good = true;

	for (size_t at = 0, end; good && at < words.size; at = end + 1) {
		end = text_find(words, ' ', at);
		good = add_role(a, text_from(text_until(words, end), at), roles, count);
	}
	return good;
}

static bool read_role_list(
	struct arena *a, const struct json *list, struct text *roles, size_t *count)
{
	bool good = list->type == JSON_ARRAY;

	for (const struct json *one = list->first; good && one; one = one->next)
		good = one->type == JSON_STRING && add_role(a, one->string, roles, count);
	return good;
}

/* A list of strings, or a string with blanks between the roles. */
static bool read_roles(struct arena *a, const struct issuer *issuer, const struct json *claims,
	struct identity *who)
{
	const struct json *said =
		issuer->roles_claim.size ? json_member(claims, issuer->roles_claim) : NULL;

	if (!said)
		return true;
	struct text *roles = arena_array(a, ROLES_MAX, sizeof(*roles));
	who->more_roles = roles;
	return said->type == JSON_STRING ? read_role_words(a, said->string, roles, &who->more_count)
					 : read_role_list(a, said, roles, &who->more_count);
}

static const struct issuer *find_issuer(
	const struct directory *d, struct text url, const struct json *claims)
{
	struct directory_cursor cursor = {0};
	const struct issuer *issuer;

	while ((issuer = directory_next_issuer(d, &cursor)))
		if (text_equal(issuer->url, url) && is_for(claims, issuer->audience))
			return issuer;
	return NULL;
}

static bool verify_outside(struct arena *a, const struct directory *d, const struct jwt *jwt,
	struct verified *v, int64_t now_ms)
{
	const struct issuer *issuer = find_issuer(d, v->who.issuer, jwt->claims);

	if (!issuer || !(issuer->algorithms & 1U << jwt->algorithm))
		return false;
	v->issuer = issuer->name;
	v->user_claim = issuer->user_claim;
	v->roles_claim = issuer->roles_claim;
	v->generation = issuer_keys_generation();
	v->who.audience = issuer->audience;
	v->who.id = claim(jwt->claims, TEXT("jti"));
	v->who.session = TEXT("");
	return read_times(jwt->claims, &v->who, now_ms) &&
	       read_user(a, issuer, jwt->claims, &v->who) &&
	       read_roles(a, issuer, jwt->claims, &v->who) &&
	       count(issuer_keys_verify(issuer, jwt));
}

/* As it was when the token was verified. */
static bool is_same_issuer(const struct directory *d, const struct verified *v)
{
	struct directory_cursor cursor = {0};
	const struct issuer *issuer;

	while ((issuer = directory_next_issuer(d, &cursor)))
		if (text_equal(issuer->name, v->issuer))
			return text_equal(issuer->url, v->who.issuer) &&
			       text_equal(issuer->audience, v->who.audience) &&
			       text_equal(issuer->user_claim, v->user_claim) &&
			       text_equal(issuer->roles_claim, v->roles_claim) &&
			       (issuer->algorithms & 1U << v->algorithm) &&
			       v->generation == issuer_keys_generation();
	return false;
}

/* --- checking --------------------------------------------------------------------------------- */

static const struct verified *verify(
	struct arena *a, const struct directory *d, struct text token, int64_t now_ms)
{
	struct verified *v = ARENA_NEW(a, struct verified);
	struct jwt jwt;

	if (!jwt_read(a, token, &jwt))
		return NULL;
	v->algorithm = jwt.algorithm;
	v->who.issuer = claim(jwt.claims, TEXT("iss"));
	if (v->who.issuer.size == 0)
		return NULL;
	bool good = text_equal(v->who.issuer, own_issuer) ? verify_own(d, &jwt, v, now_ms)
							  : verify_outside(a, d, &jwt, v, now_ms);
	return good ? v : NULL;
}

static bool is_key_trusted(const struct directory *d, const struct verified *v, int64_t now_ms)
{
	const struct token_key *key = directory_token_key(d, v->kid);

	return key && now_ms < key->verifies_until_ms;
}

static bool is_revoked(const struct directory *d, const struct identity *who)
{
	return directory_revoked(d, who->id) ||
	       (who->session.size > 0 && directory_revoked(d, who->session));
}

static bool is_subject_good(const struct directory *d, const struct identity *who)
{
	const struct subject *subject = directory_subject(d, who->kind, who->name);

	return subject ? !subject->disabled : who->more_count > 0;
}

/* What may have changed since it was verified. */
static bool is_good_now(const struct directory *d, const struct verified *v, int64_t now_ms)
{
	if (now_ms / 1000 >= v->who.ends_s + TOKEN_SKEW_S || !is_subject_good(d, &v->who))
		return false;
	return v->kid.size == 0 || (is_key_trusted(d, v, now_ms) && !is_revoked(d, &v->who));
}

bool token_check(
	struct arena *a, const struct directory *d, struct text token, struct identity *who)
{
	int64_t now_ms = clock_unix_ms();
	unsigned char hash[SECRET_HASH];

	if (token.size > JWT_MAX)
		return false;
	secret_sha256(token, hash);
	const struct verified *v = token_cache_get(a, hash);
	if (v && v->kid.size == 0 && !is_same_issuer(d, v))
		v = NULL;
	if (!v) {
		v = verify(a, d, token, now_ms);
		if (v)
			token_cache_put(hash, v);
	}
	if (!v || !is_good_now(d, v, now_ms))
		return false;
	*who = v->who;
	return true;
}

/* --- issuing ---------------------------------------------------------------------------------- */

const struct token_key *token_signing_key(const struct directory *d, int64_t now_ms)
{
	struct directory_cursor cursor = {0};
	const struct token_key *key, *best = NULL;

	while ((key = directory_next_token_key(d, &cursor))) {
		if (!key->private_key || !jwt_key_signs(key->private_key, key->algorithm) ||
			key->verifies_until_ms <= now_ms)
			continue;
		bool later = best && key->signs_from_ms > best->signs_from_ms;
		if (!best || (best->signs_from_ms > now_ms ? !later
							   : later && key->signs_from_ms <= now_ms))
			best = key;
	}
	return best;
}

static void add_text(struct buffer *b, struct text name, struct text value)
{
	json_write_name(b, name);
	json_write_string(b, value);
}

static void add_time(struct buffer *b, struct text name, int64_t seconds)
{
	json_write_name(b, name);
	buffer_printf(b, "%lld", (long long)seconds);
}

static void add_claims(struct buffer *b, enum subject_kind kind, struct text name,
	struct text audience, int64_t now_s, int64_t seconds)
{
	add_text(b, TEXT("iss"), own_issuer);
	add_text(b, TEXT("aud"), audience);
	add_text(b, TEXT("sub"),
		text_of(arena_printf(b->arena, "%.*s:%.*s", TEXT_ARGS(subject_kind_word(kind)),
			TEXT_ARGS(name))));
	add_time(b, TEXT("iat"), now_s);
	add_time(b, TEXT("exp"), now_s + seconds);
}

static bool sign(struct arena *a, const struct directory *d, struct text claims, int64_t now_ms,
	struct text *token, struct status *status)
{
	const struct token_key *key = d ? token_signing_key(d, now_ms) : NULL;

	*token = (struct text){0};
	if (key)
		*token = jwt_sign(a, key->private_key, key->algorithm, key->id, claims);
	return token->data ||
	       status_set(status, a, STATUS_UNAVAILABLE, "there is no key for tokens that signs");
}

bool token_issue(struct arena *a, enum subject_kind kind, struct text name, struct text session,
	int64_t seconds, struct text *token, struct status *status)
{
	const struct directory *d = directory_hold();
	int64_t now_ms = clock_unix_ms();
	struct buffer b = {.arena = a};
	char id[37];

	uuid_ordered(id);
	buffer_add_char(&b, '{');
	add_claims(&b, kind, name, own_issuer, now_ms / 1000, seconds);
	add_time(&b, TEXT("nbf"), now_ms / 1000);
	add_text(&b, TEXT("jti"), text_of(id));
	if (session.size > 0)
		add_text(&b, TEXT("sid"), session);
	buffer_add_char(&b, '}');
	bool issued = sign(a, d, buffer_text(&b), now_ms, token, status);
	directory_release(&d);
	return issued;
}

static void add_roles(
	struct buffer *b, const struct directory *d, const struct question *who, int64_t now_ms)
{
	size_t count;
	const struct role **roles = decide_roles(d, who, now_ms, b->arena, &count);

	json_write_name(b, TEXT("roles"));
	buffer_add_char(b, '[');
	for (size_t i = 0; i < count; i++) {
		json_write_comma(b);
		json_write_string(b, roles[i]->name);
	}
	buffer_add_char(b, ']');
}

bool token_vouch(struct arena *a, const struct caller *caller, struct text audience,
	int64_t seconds, struct text *token, struct status *status)
{
	const struct directory *d = directory_hold();
	struct question who = decide_caller(caller);
	int64_t now_ms = clock_unix_ms();
	struct buffer b = {.arena = a};

	buffer_add_char(&b, '{');
	add_claims(&b, who.kind, who.name, audience, now_ms / 1000, seconds);
	if (d)
		add_roles(&b, d, &who, now_ms);
	buffer_add_char(&b, '}');
	bool issued = sign(a, d, buffer_text(&b), now_ms, token, status);
	directory_release(&d);
	return issued;
}

void token_start(const char *issuer)
{
	own_issuer = text_of(issuer);
	jwt_start();
	token_cache_start();
	metric_register(&verifications);
	metric_register(&cached);
}

void token_stop(void)
{
	token_cache_stop();
	jwt_stop();
}
