/*
 * Chained buckets, doubled when there are as many entries as buckets. The hash starts from a
 * random number, so that nobody outside can choose names that meet in one bucket.
 */
#include "base/table.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/check.h"

struct table_entry {
	struct table_entry *next;
	uint64_t hash;
	struct text name;
	void *value;
};

static uint64_t hash_seed;

static void make_seed(void)
{
	CHECK(getrandom(&hash_seed, sizeof hash_seed, 0) == sizeof hash_seed);
}

/* FNV-1a over the letters in lower case, its upper bits folded in. */
uint64_t table_hash(struct text name)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, make_seed);
	uint64_t hash = hash_seed;
	for (size_t i = 0; i < name.size; i++) {
		unsigned char c = (unsigned char)name.data[i];
		if (c >= 'A' && c <= 'Z')
			c = (unsigned char)(c | 0x20);
		hash = (hash ^ c) * UINT64_C(0x100000001b3);
	}
	return hash ^ (hash >> 32);
}

/* Where the entry is linked, or the NULL at the end of its bucket. */
static struct table_entry **find(const struct table *t, uint64_t hash, struct text name)
{
	struct table_entry **link = &t->buckets[hash & (t->bucket_count - 1)];
	bool (*equal)(struct text, struct text) = t->exact ? text_equal : text_equal_nocase;

	while (*link && !((*link)->hash == hash && equal((*link)->name, name)))
		link = &(*link)->next;
	return link;
}

void *table_get(const struct table *t, struct text name)
{
	if (t->count == 0)
		return NULL;
	const struct table_entry *entry = *find(t, table_hash(name), name);
	return entry ? entry->value : NULL;
}

static void grow(struct table *t)
{
	size_t count = t->bucket_count ? t->bucket_count * 2 : 16;
	struct table_entry **buckets = check_calloc(count, sizeof *buckets);

	for (size_t i = 0; i < t->bucket_count; i++)
		for (struct table_entry *e = t->buckets[i], *next; e; e = next) {
			next = e->next;
			e->next = buckets[e->hash & (count - 1)];
			buckets[e->hash & (count - 1)] = e;
		}
	free(t->buckets);
	t->buckets = buckets;
	t->bucket_count = count;
}

void table_put(struct table *t, struct text name, void *value)
{
	if (t->count >= t->bucket_count)
		grow(t);
	uint64_t hash = table_hash(name);
	struct table_entry **link = find(t, hash, name);
	if (!*link) {
		*link = check_calloc(1, sizeof **link);
		(*link)->hash = hash;
		t->count++;
	}
	(*link)->name = name;
	(*link)->value = value;
}

void table_remove(struct table *t, struct text name)
{
	if (t->count == 0)
		return;
	struct table_entry **link = find(t, table_hash(name), name);
	struct table_entry *entry = *link;
	if (!entry)
		return;
	*link = entry->next;
	free(entry);
	t->count--;
}

void *table_next(const struct table *t, struct table_cursor *cursor)
{
	if (cursor->entry)
		cursor->entry = cursor->entry->next;
	while (!cursor->entry && cursor->bucket < t->bucket_count)
		cursor->entry = t->buckets[cursor->bucket++];
	return cursor->entry ? cursor->entry->value : NULL;
}

void table_clear(struct table *t)
{
	for (size_t i = 0; i < t->bucket_count; i++)
		for (struct table_entry *e = t->buckets[i], *next; e; e = next) {
			next = e->next;
			free(e);
		}
	free(t->buckets);
	*t = (struct table){.exact = t->exact};
}
