/* A trie for each kind of thing. */
#include "server/auth/directory/directory_make.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/log.h"
#include "server/auth/directory/directory_trie.h"

struct directory {
	atomic_size_t references;
	int64_t revision;
	struct trie things[THING_KINDS];
};

static enum thing_kind kind_of_subject(enum subject_kind kind)
{
	static const enum thing_kind kinds[SUBJECT_KINDS] = {
		[SUBJECT_NONE] = THING_KINDS,
		[SUBJECT_USER] = THING_USER,
		[SUBJECT_APPLICATION] = THING_APPLICATION,
		[SUBJECT_GROUP] = THING_GROUP,
	};
	return kinds[kind];
}

/* --- reading -------------------------------------------------------------------------------- */

int64_t directory_revision(const struct directory *d)
{
	return d->revision;
}

size_t directory_count(const struct directory *d, enum thing_kind kind)
{
	return d->things[kind].count;
}

const struct subject *directory_subject(
	const struct directory *d, enum subject_kind kind, struct text name)
{
	if (kind == SUBJECT_NONE)
		return NULL;
	const struct thing *thing = trie_get(&d->things[kind_of_subject(kind)], name);
	return thing ? &thing->subject : NULL;
}

const struct role *directory_role(const struct directory *d, struct text name)
{
	const struct thing *thing = trie_get(&d->things[THING_ROLE], name);

	return thing ? &thing->role : NULL;
}

const struct access_key *directory_access_key(const struct directory *d, struct text id)
{
	const struct thing *thing = trie_get(&d->things[THING_ACCESS_KEY], id);

	return thing ? &thing->access_key : NULL;
}

const struct token_key *directory_token_key(const struct directory *d, struct text id)
{
	const struct thing *thing = trie_get(&d->things[THING_TOKEN_KEY], id);

	return thing ? &thing->token_key : NULL;
}

bool directory_revoked(const struct directory *d, struct text id)
{
	return trie_get(&d->things[THING_REVOCATION], id);
}

const struct subject *directory_next_subject(
	const struct directory *d, enum subject_kind kind, struct directory_cursor *cursor)
{
	if (kind == SUBJECT_NONE)
		return NULL;
	const struct thing *thing = trie_next(&d->things[kind_of_subject(kind)], cursor);
	return thing ? &thing->subject : NULL;
}

const struct role *directory_next_role(const struct directory *d, struct directory_cursor *cursor)
{
	const struct thing *thing = trie_next(&d->things[THING_ROLE], cursor);

	return thing ? &thing->role : NULL;
}

const struct token_key *directory_next_token_key(
	const struct directory *d, struct directory_cursor *cursor)
{
	const struct thing *thing = trie_next(&d->things[THING_TOKEN_KEY], cursor);

	return thing ? &thing->token_key : NULL;
}

const struct issuer *directory_next_issuer(
	const struct directory *d, struct directory_cursor *cursor)
{
	const struct thing *thing = trie_next(&d->things[THING_ISSUER], cursor);

	return thing ? &thing->issuer : NULL;
}

/* --- making --------------------------------------------------------------------------------- */

struct directory *directory_begin(const struct directory *old)
{
	struct directory *d = check_calloc(1, sizeof *d);

	atomic_init(&d->references, 1);
	for (int kind = 0; old && kind < THING_KINDS; kind++)
		d->things[kind] = trie_share(&old->things[kind]);
	d->revision = old ? old->revision : 0;
	return d;
}

static void not_readable(const struct directory_change *change, const char *reason)
{
	log_event(LOG_ERROR, "auth entry not readable", LOG_SLICE("kind", change->kind),
		LOG_SLICE("name", change->name), LOG_TEXT("reason", reason));
}

static void change_thing(
	struct directory *d, const struct directory_change *change, struct arena *a)
{
	struct status why = {.message = ""};
	enum thing_kind kind = thing_kind_of(change->kind);

	if (kind == THING_KINDS) {
		not_readable(change, "its kind is not known");
		return;
	}
	struct thing *thing =
		change->state.data ? thing_read(kind, change->name, change->state, a, &why) : NULL;
	if (thing) {
		trie_put(&d->things[kind], thing);
		return;
	}
	if (change->state.data)
		not_readable(change, why.message);
	trie_remove(&d->things[kind], change->name);
}

void directory_change(
	struct directory *d, const struct directory_change *changes, size_t count, int64_t revision)
{
	struct arena *a = arena_new(0);

	for (size_t i = 0; i < count; i++) {
		change_thing(d, &changes[i], a);
		arena_clear(a);
	}
	arena_free(&a);
	d->revision = revision;
}

const struct directory *directory_make(const struct directory *old,
	const struct directory_change *changes, size_t count, int64_t revision)
{
	struct directory *d = directory_begin(old);

	directory_change(d, changes, count, revision);
	return d;
}

/* --- life ----------------------------------------------------------------------------------- */

void directory_share(const struct directory *d)
{
	atomic_fetch_add_explicit(&((struct directory *)d)->references, 1, memory_order_relaxed);
}

void directory_release(const struct directory **d)
{
	struct directory *old = (struct directory *)*d;

	*d = NULL;
	if (!old || atomic_fetch_sub_explicit(&old->references, 1, memory_order_acq_rel) > 1)
		return;
	for (int kind = 0; kind < THING_KINDS; kind++)
		trie_release(&old->things[kind]);
	free(old);
}
