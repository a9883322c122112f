/*
 * States as things. A state is read into a tree, and from that its thing is built twice by the same
 * functions: in the arena, which tells how large it is, and in a block of that size. The keys of
 * tokens are objects of their own, and are read last.
 */
#include "server/auth/directory/directory_thing.h"

#include <stdalign.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/json.h"
#include "base/table.h"

enum thing_kind thing_kind_of(struct text word)
{
	static const char *const words[THING_KINDS] = {"user", "application", "group", "role",
		"access_key", "token_key", "issuer", "revocation"};
	int kind = 0;

	while (kind < THING_KINDS && !text_equal(word, text_of(words[kind])))
		kind++;
	return (enum thing_kind)kind;
}

/* Multiplied by the golden ratio's bits, since the upper ones are looked at first. */
uint64_t thing_hash(struct text name)
{
	return table_hash(name) * UINT64_C(0x9e3779b97f4a7c15);
}

/* --- building ------------------------------------------------------------------------------- */

struct builder {
	char *block; /* NULL: it is being measured */
	size_t size;
	struct arena *arena;
	const char *unreadable; /* a member that is missing or of another type; NULL: none */
};

static void *take(struct builder *b, size_t size, size_t alignment)
{
	b->size = (b->size + alignment - 1) / alignment * alignment;
	void *memory = b->block ? b->block + b->size : arena_alloc(b->arena, size);
	b->size += size;
	return memory;
}

#define TAKE(b, type, count) ((type *)take((b), (count) * sizeof(type), alignof(type)))

static struct text keep(struct builder *b, struct text t)
{
	char *copy = take(b, t.size + 1, 1);

	if (t.size)
		memcpy(copy, t.data, t.size);
	copy[t.size] = '\0';
	return (struct text){copy, t.size};
}

static const struct json *member(
	struct builder *b, const struct json *object, const char *name, enum json_type type)
{
	static const struct json nothing;
	const struct json *value = json_member(object, text_of(name));

	if (value && value->type == type)
		return value;
	b->unreadable = name;
	return &nothing;
}

static struct text text_member(struct builder *b, const struct json *object, const char *name)
{
	return keep(b, member(b, object, name, JSON_STRING)->string);
}

/* null: never. */
static int64_t read_time(struct builder *b, const struct json *value, const char *name)
{
	int64_t ms = INT64_MAX;

	if (!value || (value->type != JSON_NULL && !json_int64(value, &ms)))
		b->unreadable = name;
	return ms;
}

static int64_t time_member(struct builder *b, const struct json *object, const char *name)
{
	return read_time(b, json_member(object, text_of(name)), name);
}

static const struct text *texts_member(
	struct builder *b, const struct json *object, const char *name, size_t *count)
{
	const struct json *list = member(b, object, name, JSON_ARRAY);
	struct text *texts = TAKE(b, struct text, list->count), *next = texts;

	for (const struct json *item = list->first; item; item = item->next)
		*next++ = keep(b, item->string);
	*count = list->count;
	return texts;
}

static int hex_digit(char c)
{
	const char *digits = "0123456789abcdef", *digit = c ? strchr(digits, c) : NULL;

	return digit ? (int)(digit - digits) : -1;
}

static void hex_member(struct builder *b, const struct json *object, const char *name,
	unsigned char *bytes, size_t size)
{
	struct text hex = member(b, object, name, JSON_STRING)->string;

	if (hex.size != 2 * size) {
		b->unreadable = name;
		return;
	}
	for (size_t i = 0; i < size; i++) {
		int high = hex_digit(hex.data[2 * i]), low = hex_digit(hex.data[2 * i + 1]);
		if (high < 0 || low < 0)
			b->unreadable = name;
		bytes[i] = (unsigned char)((unsigned)high << 4 | (unsigned)low);
	}
}

/* --- kinds ---------------------------------------------------------------------------------- */

/* [role, until when] each. */
static const struct held_role *read_held_roles(
	struct builder *b, const struct json *state, size_t *count)
{
	const struct json *list = member(b, state, "roles", JSON_ARRAY);
	struct held_role *roles = TAKE(b, struct held_role, list->count), *next = roles;

	for (const struct json *item = list->first; item; item = item->next, next++) {
		if (item->type != JSON_ARRAY || item->count != 2) {
			b->unreadable = "roles";
			break;
		}
		next->role = keep(b, item->first->string);
		next->ends_ms = read_time(b, item->first->next, "roles");
	}
	*count = list->count;
	return roles;
}

static void read_subject(struct builder *b, const struct json *state, struct thing *thing)
{
	static const enum subject_kind kinds[] = {
		[THING_USER] = SUBJECT_USER,
		[THING_APPLICATION] = SUBJECT_APPLICATION,
		[THING_GROUP] = SUBJECT_GROUP,
	};
	struct subject *s = &thing->subject;
	const struct json *disabled = json_member(state, TEXT("disabled"));

	s->kind = kinds[thing->kind];
	s->name = thing->name;
	s->disabled = disabled && disabled->type == JSON_TRUE;
	s->roles = read_held_roles(b, state, &s->role_count);
	s->groups = texts_member(b, state, "groups", &s->group_count);
}

/* [effect, service, action, method] */
static void read_rule(struct builder *b, const struct json *list, struct rule *rule)
{
	if (list->type != JSON_ARRAY || list->count != 4) {
		b->unreadable = "rules";
		return;
	}
	const struct json *effect = list->first, *service = effect->next, *action = service->next;
	rule->denies = text_equal(effect->string, TEXT("deny"));
	rule->service = keep(b, service->string);
	rule->action = keep(b, action->string);
	rule->method = keep(b, action->next->string);
}

static void read_role(struct builder *b, const struct json *state, struct thing *thing)
{
	struct role *r = &thing->role;
	const struct json *list = member(b, state, "rules", JSON_ARRAY);
	struct rule *rules = TAKE(b, struct rule, list->count), *next = rules;

	for (const struct json *item = list->first; item; item = item->next)
		read_rule(b, item, next++);
	r->name = thing->name;
	r->rules = rules;
	r->rule_count = list->count;
	r->parents = texts_member(b, state, "parents", &r->parent_count);
}

static void read_access_key(struct builder *b, const struct json *state, struct thing *thing)
{
	struct access_key *k = &thing->access_key;

	k->id = thing->name;
	k->application = text_member(b, state, "application");
	hex_member(b, state, "secretHash", k->secret_hash, sizeof k->secret_hash);
	hex_member(b, state, "signingKey", k->signing_key, sizeof k->signing_key);
	k->ends_ms = time_member(b, state, "endsAt");
}

static void read_token_key(struct builder *b, const struct json *state, struct thing *thing)
{
	struct token_key *k = &thing->token_key;

	*k = (struct token_key){
		.id = thing->name,
		.algorithm = jwt_algorithm_of(member(b, state, "algorithm", JSON_STRING)->string),
		.public_jwk = keep(b, member(b, state, "publicJwk", JSON_OBJECT)->raw),
		.created_ms = time_member(b, state, "createdAt"),
		.signs_from_ms = time_member(b, state, "signsFrom"),
		.verifies_until_ms = time_member(b, state, "verifiesUntil"),
	};
	if (k->algorithm == JWT_NONE)
		b->unreadable = "algorithm";
}

static void read_issuer(struct builder *b, const struct json *state, struct thing *thing)
{
	struct issuer *i = &thing->issuer;
	const struct json *jwks = json_member(state, TEXT("jwks"));
	const struct json *algorithms = member(b, state, "algorithms", JSON_ARRAY);

	i->name = thing->name;
	i->url = text_member(b, state, "url");
	i->audience = text_member(b, state, "audience");
	i->jwks = keep(b, jwks && jwks->type == JSON_OBJECT ? jwks->raw : TEXT(""));
	i->jwks_url = text_member(b, state, "jwksUrl");
	i->algorithms = 0;
	for (const struct json *item = algorithms->first; item; item = item->next)
		i->algorithms |= 1u << jwt_algorithm_of(item->string);
	i->algorithms &= ~(1u << JWT_NONE);
	i->user_claim = text_member(b, state, "userClaim");
	i->roles_claim = text_member(b, state, "rolesClaim");
}

static void read_nothing(struct builder *b, const struct json *state, struct thing *thing)
{
}

static struct thing *build(
	struct builder *b, enum thing_kind kind, struct text name, const struct json *state)
{
	static void (*const readers[THING_KINDS])(
		struct builder * b, const struct json *state, struct thing *thing) = {
		[THING_USER] = read_subject,
		[THING_APPLICATION] = read_subject,
		[THING_GROUP] = read_subject,
		[THING_ROLE] = read_role,
		[THING_ACCESS_KEY] = read_access_key,
		[THING_TOKEN_KEY] = read_token_key,
		[THING_ISSUER] = read_issuer,
		[THING_REVOCATION] = read_nothing,
	};
	struct thing *thing = TAKE(b, struct thing, 1);

	atomic_init(&thing->references, 1);
	thing->kind = kind;
	thing->name = keep(b, name);
	thing->hash = thing_hash(name);
	readers[kind](b, state, thing);
	return thing;
}

static bool read_keys(
	struct token_key *key, const struct json *state, struct arena *a, struct status *status)
{
	const struct json *private = json_member(state, TEXT("privateJwk"));

	key->public_key = jwt_key_read(a, key->public_jwk, status);
	if (key->public_key)
		key->private_key = jwt_key_read(a, private ? private->raw : TEXT(""), status);
	return key->private_key;
}

struct thing *thing_read(enum thing_kind kind, struct text name, struct text state, struct arena *a,
	struct status *status)
{
	const struct json *json = json_read(a, state, status);
	struct builder b = {.arena = a};

	if (!json)
		return NULL;
	build(&b, kind, name, json);
	if (b.unreadable) {
		status_set(status, a, STATUS_INVALID_ARGUMENT, "%s is missing or of another type",
			b.unreadable);
		return NULL;
	}
	b.block = check_malloc(b.size);
	b.size = 0;
	struct thing *thing = build(&b, kind, name, json);
	if (kind == THING_TOKEN_KEY && !read_keys(&thing->token_key, json, a, status)) {
		thing_release(thing);
		return NULL;
	}
	return thing;
}

/* --- life ----------------------------------------------------------------------------------- */

void thing_hold(struct thing *thing)
{
	atomic_fetch_add_explicit(&thing->references, 1, memory_order_relaxed);
}

void thing_release(struct thing *thing)
{
	if (atomic_fetch_sub_explicit(&thing->references, 1, memory_order_acq_rel) > 1)
		return;
	if (thing->kind == THING_TOKEN_KEY) {
		jwt_key_free((struct jwt_key **)&thing->token_key.public_key);
		jwt_key_free((struct jwt_key **)&thing->token_key.private_key);
	}
	free(thing);
}
