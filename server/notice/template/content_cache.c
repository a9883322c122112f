/* A table by position, and a list from the newest to the oldest; one lock. */
#include <pthread.h>

#include "base/table.h"
#include "server/notice/template/content_priv.h"

static struct {
	pthread_mutex_t lock;
	struct table by_position; /* of struct kept */
	struct kept *newest, *oldest;
	size_t bytes;
} cache = {.lock = PTHREAD_MUTEX_INITIALIZER, .by_position = {.exact = true}};

static struct text key_of(const int64_t *position)
{
	return (struct text){(const char *)position, sizeof(*position)};
}

static void unlink_kept(struct kept *k)
{
	*(k->newer ? &k->newer->older : &cache.newest) = k->older;
	*(k->older ? &k->older->newer : &cache.oldest) = k->newer;
	k->newer = k->older = NULL;
}

static void link_as_newest(struct kept *k)
{
	k->older = cache.newest;
	*(k->older ? &k->older->newer : &cache.oldest) = k;
	cache.newest = k;
}

const struct content *content_cache_find(int64_t position)
{
	const struct content *found = NULL;

	pthread_mutex_lock(&cache.lock);
	struct kept *k = table_get(&cache.by_position, key_of(&position));
	if (k) {
		unlink_kept(k);
		link_as_newest(k);
		found = content_share(&k->content);
	}
	pthread_mutex_unlock(&cache.lock);
	return found;
}

static void drop_oldest(void)
{
	const struct content *c = &cache.oldest->content;

	cache.bytes -= arena_used(cache.oldest->arena);
	table_remove(&cache.by_position, key_of(&c->position));
	unlink_kept(cache.oldest);
	content_release(&c);
}

void content_cache_put(const struct content *c)
{
	struct kept *k = (struct kept *)c;

	pthread_mutex_lock(&cache.lock);
	if (!table_get(&cache.by_position, key_of(&c->position))) {
		content_share(c);
		table_put(&cache.by_position, key_of(&c->position), k);
		link_as_newest(k);
		cache.bytes += arena_used(k->arena);
	}
	while (cache.by_position.count > CONTENTS_MAX || cache.bytes > CONTENTS_BYTES)
		drop_oldest();
	pthread_mutex_unlock(&cache.lock);
}

size_t content_cache_count(void)
{
	pthread_mutex_lock(&cache.lock);
	size_t count = cache.by_position.count;
	pthread_mutex_unlock(&cache.lock);
	return count;
}

void content_stop(void)
{
	pthread_mutex_lock(&cache.lock);
	while (cache.oldest)
		drop_oldest();
	table_clear(&cache.by_position);
	pthread_mutex_unlock(&cache.lock);
}
