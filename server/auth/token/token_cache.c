/*
 * Sets of a few places each, as in a processor's cache: a token's place depends on its hash, which
 * nobody chooses. What is kept of a token is one block of memory, its texts behind it.
 */
#include "server/auth/token/token_cache.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"

enum { SETS = 1024, PLACES = 8, LOCKS = 64 };

struct place {
	struct verified *kept; /* NULL: free */
	int64_t used;          /* on clock_now(); 0: free */
	unsigned char hash[SECRET_HASH];
};

static struct {
	struct place (*sets)[PLACES];
	pthread_mutex_t locks[LOCKS];
	atomic_size_t count;
} cache;

/* --- copies ----------------------------------------------------------------------------------- */

enum { TEXTS = 9 };

static void texts_of(struct verified *v, struct text *texts[TEXTS])
{
	struct text *const all[TEXTS] = {&v->who.name, &v->who.issuer, &v->who.audience, &v->who.id,
		&v->who.session, &v->kid, &v->issuer, &v->user_claim, &v->roles_claim};

	memcpy(texts, all, sizeof(all));
}

static size_t size_of(const struct verified *v)
{
	struct verified copy = *v;
	struct text *texts[TEXTS];
	size_t size = sizeof(*v) + v->who.more_count * sizeof(struct text);

	texts_of(&copy, texts);
	for (size_t i = 0; i < TEXTS; i++)
		size += texts[i]->size;
	for (size_t i = 0; i < v->who.more_count; i++)
		size += v->who.more_roles[i].size;
	return size;
}

static char *move(struct text *t, char *to)
{
	if (t->size > 0)
		memcpy(to, t->data, t->size);
	t->data = to;
	return to + t->size;
}

/* Into memory of size_of(v). */
static struct verified *copy_into(void *memory, const struct verified *v)
{
	struct verified *copy = memory;
	struct text *roles = (struct text *)(copy + 1);
	char *end = (char *)(roles + v->who.more_count);
	struct text *texts[TEXTS];

	*copy = *v;
	texts_of(copy, texts);
	for (size_t i = 0; i < TEXTS; i++)
		end = move(texts[i], end);
	for (size_t i = 0; i < v->who.more_count; i++) {
		roles[i] = v->who.more_roles[i];
		end = move(&roles[i], end);
	}
	copy->who.more_roles = roles;
	return copy;
}

/* --- places ----------------------------------------------------------------------------------- */

static size_t set_of(const unsigned char hash[SECRET_HASH])
{
	return (size_t)(hash[0] << 8 | hash[1]) % SETS;
}

/* The one of that hash, or NULL. The set's lock is held. */
static struct place *find(struct place set[PLACES], const unsigned char hash[SECRET_HASH])
{
	for (size_t i = 0; i < PLACES; i++)
		if (set[i].kept && memcmp(set[i].hash, hash, SECRET_HASH) == 0)
			return &set[i];
	return NULL;
}

static struct place *oldest(struct place set[PLACES])
{
	struct place *best = &set[0];

	for (size_t i = 1; i < PLACES; i++)
		if (set[i].used < best->used)
			best = &set[i];
	return best;
}

const struct verified *token_cache_get(struct arena *a, const unsigned char hash[SECRET_HASH])
{
	size_t set = set_of(hash);
	const struct verified *copy = NULL;

	pthread_mutex_lock(&cache.locks[set % LOCKS]);
	struct place *place = find(cache.sets[set], hash);
	if (place) {
		place->used = clock_now();
		copy = copy_into(arena_alloc(a, size_of(place->kept)), place->kept);
	}
	pthread_mutex_unlock(&cache.locks[set % LOCKS]);
	return copy;
}

void token_cache_put(const unsigned char hash[SECRET_HASH], const struct verified *v)
{
	size_t set = set_of(hash);
	struct verified *copy = copy_into(check_malloc(size_of(v)), v);

	pthread_mutex_lock(&cache.locks[set % LOCKS]);
	struct place *place = find(cache.sets[set], hash);
	if (!place)
		place = oldest(cache.sets[set]);
	struct verified *old = place->kept;
	place->kept = copy;
	place->used = clock_now();
	memcpy(place->hash, hash, SECRET_HASH);
	pthread_mutex_unlock(&cache.locks[set % LOCKS]);
	if (!old)
		atomic_fetch_add(&cache.count, 1);
	free(old);
}

size_t token_cache_count(void)
{
	return atomic_load(&cache.count);
}

void token_cache_start(void)
{
	cache.sets = check_calloc(SETS, sizeof(*cache.sets));
	for (size_t i = 0; i < LOCKS; i++)
		pthread_mutex_init(&cache.locks[i], NULL);
}

void token_cache_stop(void)
{
	for (size_t set = 0; cache.sets && set < SETS; set++)
		for (size_t i = 0; i < PLACES; i++)
			free(cache.sets[set][i].kept);
	free(cache.sets);
	cache.sets = NULL;
	atomic_store(&cache.count, 0);
}
