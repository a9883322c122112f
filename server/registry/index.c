/*
 * Two levels of tables: namespaces, and in each its services by name. A read takes a reference
 * under the read lock, which is held for the length of one lookup.
 *
 * The one writer works under the write lock for a whole batch, so that no reader sees a part of it.
 * Within a batch a service is copied at its first change only: what the batch itself has made
 * nobody has seen yet. A whole new content is built beside the old one and exchanged.
 */
#include "server/registry/index.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/table.h"
#include "server/registry/entry.h"

struct space {
	char *name;
	struct table services; /* struct service_entry */
	size_t nodes;          /* of all of them */
};

struct index {
	pthread_rwlock_t lock;
	struct table spaces; /* struct space */
	int64_t revision;
	uint64_t batch;
};

/* --- life ----------------------------------------------------------------------------------- */

struct index *index_new(void)
{
	struct index *index = check_calloc(1, sizeof *index);
	pthread_rwlockattr_t attributes;

	index->spaces.exact = true;
	/* glibc's default lets a stream of readers keep the writer out for ever. */
	pthread_rwlockattr_init(&attributes);
	pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	CHECK(pthread_rwlock_init(&index->lock, &attributes) == 0);
	pthread_rwlockattr_destroy(&attributes);
	return index;
}

static void space_free(struct space *space)
{
	struct table_cursor cursor = {0};
	struct service_entry *entry;

	while ((entry = table_next(&space->services, &cursor)))
		service_release(&entry->service);
	table_clear(&space->services);
	free(space->name);
	free(space);
}

static void spaces_clear(struct table *spaces)
{
	struct table_cursor cursor = {0};
	struct space *space;

	while ((space = table_next(spaces, &cursor)))
		space_free(space);
	table_clear(spaces);
}

void index_free(struct index **index)
{
	if (!*index)
		return;
	spaces_clear(&(*index)->spaces);
	pthread_rwlock_destroy(&(*index)->lock);
	free(*index);
	*index = NULL;
}

/* --- reading -------------------------------------------------------------------------------- */

/* "v2.demo" is the service demo of version v2; a version may hold dots of its own. */
static struct service_entry *by_full_name(const struct space *space, struct text name)
{
	for (size_t dot = text_find(name, '.', 0); dot < name.size;
		dot = text_find(name, '.', dot + 1)) {
		struct service_entry *entry = table_get(&space->services, text_from(name, dot + 1));
		if (entry && dot > 0 &&
			text_equal_nocase(entry->service.version, text_until(name, dot)))
			return entry;
	}
	return NULL;
}

const struct service *index_service(struct index *index, struct text name_space, struct text name)
{
	struct service_entry *entry = NULL;

	pthread_rwlock_rdlock(&index->lock);
	const struct space *space = table_get(&index->spaces, name_space);
	if (space)
		entry = table_get(&space->services, name);
	if (space && !entry)
		entry = by_full_name(space, name);
	if (entry)
		service_entry_hold(entry);
	pthread_rwlock_unlock(&index->lock);
	return entry ? &entry->service : NULL;
}

static int by_key(const void *a, const void *b)
{
	return text_compare(
		(*(const struct service *const *)a)->key, (*(const struct service *const *)b)->key);
}

struct service_list index_services(struct index *index, struct text name_space)
{
	int64_t revision;

	return index_snapshot(index, name_space, TEXT(""), &revision);
}

static void add_to_list(struct service_list *list, struct service_entry *entry)
{
	if (!entry)
		return;
	service_entry_hold(entry);
	list->items[list->count++] = &entry->service;
}

/* Under the lock. */
static struct service_list list_services(const struct space *space, struct text key)
{
	struct service_list list = {0};
	struct table_cursor cursor = {0};
	struct service_entry *entry;

	list.items = check_calloc(key.size ? 1 : space->services.count, sizeof *list.items);
	if (key.size)
		add_to_list(&list, table_get(&space->services, key));
	else
		while ((entry = table_next(&space->services, &cursor)))
			add_to_list(&list, entry);
	return list;
}

struct service_list index_snapshot(
	struct index *index, struct text name_space, struct text key, int64_t *revision)
{
	struct service_list list = {0};

	pthread_rwlock_rdlock(&index->lock);
	*revision = index->revision;
	const struct space *space = table_get(&index->spaces, name_space);
	if (space)
		list = list_services(space, key);
	pthread_rwlock_unlock(&index->lock);
	if (list.count)
		qsort(list.items, list.count, sizeof *list.items, by_key);
	return list;
}

struct service_list index_services_named(
	struct index *index, struct text name_space, char *const *names, size_t count)
{
	struct service_list list = {.items = check_calloc(count, sizeof *list.items)};
	size_t kept = 0;

	for (size_t i = 0; i < count; i++) {
		const struct service *service = index_service(index, name_space, text_of(names[i]));
		if (service)
			list.items[list.count++] = service;
	}
	if (list.count)
		qsort(list.items, list.count, sizeof *list.items, by_key);
	for (size_t i = 0; i < list.count; i++) {
		if (kept && text_equal(list.items[kept - 1]->key, list.items[i]->key))
			service_release(list.items[i]);
		else
			list.items[kept++] = list.items[i];
	}
	list.count = kept;
	return list;
}

void service_list_release(struct service_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		service_release(list->items[i]);
	free(list->items);
	*list = (struct service_list){0};
}

struct index_size index_size(struct index *index)
{
	struct index_size size = {0};
	struct table_cursor cursor = {0};
	const struct space *space;

	pthread_rwlock_rdlock(&index->lock);
	while ((space = table_next(&index->spaces, &cursor))) {
		size.services += space->services.count;
		size.nodes += space->nodes;
	}
	pthread_rwlock_unlock(&index->lock);
	return size;
}

/* --- changing ------------------------------------------------------------------------------- */

static struct space *space_of(struct table *spaces, struct text name)
{
	struct space *space = table_get(spaces, name);

	if (!space) {
		space = check_calloc(1, sizeof *space);
		space->name = check_malloc(name.size + 1);
		memcpy(space->name, name.data, name.size);
		space->name[name.size] = '\0';
		table_put(spaces, (struct text){space->name, name.size}, space);
	}
	return space;
}

static void put_entry(struct space *space, struct service_entry *fresh, struct service_entry *old)
{
	table_put(&space->services, fresh->service.key, fresh);
	space->nodes += fresh->service.node_count;
	if (old) {
		space->nodes -= old->service.node_count;
		service_release(&old->service);
	}
}

static void put_service(struct table *spaces, uint64_t batch, const struct index_change *change)
{
	struct space *space = space_of(spaces, change->space);
	struct service_entry *old = table_get(&space->services, change->service_key);
	struct service_entry *fresh = service_entry_new(change->service, old);

	fresh->batch = batch;
	put_entry(space, fresh, old);
}

static void delete_service(struct table *spaces, const struct index_change *change)
{
	struct space *space = table_get(spaces, change->space);
	struct service_entry *old = space ? table_get(&space->services, change->service_key) : NULL;

	if (!old)
		return;
	table_remove(&space->services, change->service_key);
	space->nodes -= old->service.node_count;
	service_release(&old->service);
	if (space->services.count == 0) {
		table_remove(spaces, change->space);
		space_free(space);
	}
}

static void change_part(struct table *spaces, uint64_t batch, const struct index_change *change)
{
	struct space *space = table_get(spaces, change->space);
	struct service_entry *entry =
		space ? table_get(&space->services, change->service_key) : NULL;

	if (!entry)
		return;
	if (entry->batch != batch) {
		struct service_entry *fresh = service_entry_copy(entry);
		fresh->batch = batch;
		put_entry(space, fresh, entry);
		entry = fresh;
	}
	space->nodes -= entry->service.node_count;
	if (change->kind == INDEX_PUT_ACTION)
		service_entry_put_action(entry, change->action);
	else if (change->kind == INDEX_DELETE_ACTION)
		service_entry_remove_action(entry, change->key);
	else if (change->kind == INDEX_PUT_NODE)
		service_entry_put_node(entry, change->node);
	else
		service_entry_remove_node(entry, change->key);
	space->nodes += entry->service.node_count;
}

static void apply(
	struct table *spaces, uint64_t batch, const struct index_change *changes, size_t count)
{
	for (const struct index_change *c = changes; c < changes + count; c++)
		switch (c->kind) {
		case INDEX_PUT_SERVICE:
			put_service(spaces, batch, c);
			break;
		case INDEX_DELETE_SERVICE:
			delete_service(spaces, c);
			break;
		case INDEX_PUT_NODE:
		case INDEX_DELETE_NODE:
		case INDEX_EXPIRE_NODE:
		case INDEX_PUT_ACTION:
		case INDEX_DELETE_ACTION:
			change_part(spaces, batch, c);
			break;
		}
}

void index_apply(
	struct index *index, const struct index_change *changes, size_t count, int64_t revision)
{
	pthread_rwlock_wrlock(&index->lock);
	apply(&index->spaces, ++index->batch, changes, count);
	index->revision = revision;
	pthread_rwlock_unlock(&index->lock);
}

void index_replace(
	struct index *index, const struct index_change *changes, size_t count, int64_t revision)
{
	struct table fresh = {.exact = true};

	apply(&fresh, ++index->batch, changes, count);
	pthread_rwlock_wrlock(&index->lock);
	struct table old = index->spaces;
	index->spaces = fresh;
	index->revision = revision;
	pthread_rwlock_unlock(&index->lock);
	spaces_clear(&old);
}
