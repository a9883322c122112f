/* One list behind a lock that is held as long as ten pointers are copied. */
#include "server/extension/known.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"

static struct {
	pthread_mutex_t lock;
	struct extension_list list;
	uint64_t tickets; /* given out */
	uint64_t newest;  /* of what is in the list; 0: nothing has been read */
} known = {.lock = PTHREAD_MUTEX_INITIALIZER};

static struct extension *extension_new(const struct known_row *row)
{
	struct extension *e = check_calloc(1, sizeof *e + row->name.size);
	char *name = (char *)(e + 1);

	memcpy(name, row->name.data, row->name.size);
	e->row = *row;
	e->row.name.data = name;
	snprintf(e->address, sizeof e->address, "127.0.0.1:%d", row->port);
	atomic_init(&e->references, 1);
	return e;
}

void extension_release(struct extension *e)
{
	if (atomic_fetch_sub(&e->references, 1) == 1)
		free(e);
}

static bool same(const struct known_row *a, const struct known_row *b)
{
	return a->port == b->port && a->pid == b->pid && a->own == b->own &&
	       a->registered_us == b->registered_us && text_equal(a->name, b->name);
}

/* A reference to the one that is known, or a new one. */
static struct extension *find_or_make(const struct known_row *row)
{
	for (size_t i = 0; i < known.list.count; i++) {
		struct extension *e = known.list.items[i];
		if (same(&e->row, row)) {
			atomic_fetch_add(&e->references, 1);
			return e;
		}
	}
	return extension_new(row);
}

uint64_t known_ticket(void)
{
	pthread_mutex_lock(&known.lock);
	uint64_t ticket = ++known.tickets;
	pthread_mutex_unlock(&known.lock);
	return ticket;
}

void known_put(uint64_t ticket, const struct known_row *rows, size_t count)
{
	struct extension_list list = {.count = count}, old = {.count = 0};

	CHECK(count <= EXTENSIONS_MAX);
	pthread_mutex_lock(&known.lock);
	if (ticket > known.newest) {
		for (size_t i = 0; i < count; i++)
			list.items[i] = find_or_make(&rows[i]);
		old = known.list;
		known.list = list;
		known.newest = ticket;
	}
	pthread_mutex_unlock(&known.lock);
	known_release(&old);
}

bool known_loaded(void)
{
	pthread_mutex_lock(&known.lock);
	bool loaded = known.newest > 0;
	pthread_mutex_unlock(&known.lock);
	return loaded;
}

void known_list(struct extension_list *list)
{
	pthread_mutex_lock(&known.lock);
	*list = known.list;
	for (size_t i = 0; i < list->count; i++)
		atomic_fetch_add(&list->items[i]->references, 1);
	pthread_mutex_unlock(&known.lock);
}

void known_release(struct extension_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		extension_release(list->items[i]);
	list->count = 0;
}

size_t known_count(void)
{
	pthread_mutex_lock(&known.lock);
	size_t count = known.list.count;
	pthread_mutex_unlock(&known.lock);
	return count;
}

void known_forget(void)
{
	struct extension_list old;

	pthread_mutex_lock(&known.lock);
	old = known.list;
	known.list.count = 0;
	known.newest = 0;
	pthread_mutex_unlock(&known.lock);
	known_release(&old);
}
