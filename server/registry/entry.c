/*
 * A service is one block: the struct and the bytes of its texts, each ended by NUL, as messages
 * want them. Its nodes and actions are blocks of their own, shared by all versions of the service:
 * to change one action of a thousand copies a thousand pointers, not their texts. Both are parts: a
 * header with the count of references, then a struct that begins with the part's key.
 */
#include "server/registry/entry.h"

#include <stdlib.h>

#include "base/check.h"

/* Before the struct of a node or an action. */
struct part {
	atomic_int references;
	max_align_t value[];
};

struct turn {
	atomic_int references;
	atomic_uint next[NODE_KINDS], again[NODE_KINDS];
};

/* --- packing texts behind a struct ---------------------------------------------------------- */

static size_t packed_size(struct text *const *texts, size_t count)
{
	size_t size = 0;

	for (size_t i = 0; i < count; i++)
		size += texts[i]->size + 1;
	return size;
}

/* Copies the bytes to where at points, makes the texts point there, moves at on. */
static void pack(char *at, struct text *const *texts, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (texts[i]->size)
			memcpy(at, texts[i]->data, texts[i]->size);
		at[texts[i]->size] = '\0';
		texts[i]->data = at;
		at += texts[i]->size + 1;
	}
}

#define ADDRESS_TEXTS(a) &(a)->host, &(a)->protocol
#define COUNT(array)     (sizeof(array) / sizeof((array)[0]))

/* --- parts ---------------------------------------------------------------------------------- */

/* A part of so many bytes; its texts are packed behind it. */
static void *part_new(size_t size, struct text *const *texts, size_t count)
{
	struct part *part = check_malloc(sizeof *part + size + packed_size(texts, count));

	atomic_init(&part->references, 1);
	pack((char *)part->value + size, texts, count);
	return part->value;
}

static struct part *part_of(const void *value)
{
	return (struct part *)((char *)value - offsetof(struct part, value));
}

static void part_hold(const void *value)
{
	atomic_fetch_add_explicit(&part_of(value)->references, 1, memory_order_relaxed);
}

static void part_release(const void *value)
{
	struct part *part = part_of(value);

	if (atomic_fetch_sub_explicit(&part->references, 1, memory_order_acq_rel) == 1)
		free(part);
}

static const void *action_new(const struct action *from)
{
	struct action a = *from;
	struct text *const texts[] = {&a.key, &a.name, &a.uri, &a.method, &a.protocol, &a.params,
		&a.data, &a.headers, ADDRESS_TEXTS(&a.own)};
	struct action *action = part_new(sizeof a, texts, COUNT(texts));

	*action = a;
	return action;
}

static const void *node_new(const struct node *from)
{
	struct node n = *from;
	struct text *const texts[] = {&n.key, &n.name, ADDRESS_TEXTS(&n.address), &n.check_path,
		&n.health_reason, &n.metadata, &n.base};
	struct node *node = part_new(sizeof n, texts, COUNT(texts));

	*node = n;
	return node;
}

/* --- lists of parts ------------------------------------------------------------------------- */

static struct text key_of(const void *part)
{
	return *(const struct text *)part;
}

static void list_make_room(struct list *list, size_t count)
{
	if (count <= list->room)
		return;
	list->room = count > list->room * 2 ? count : list->room * 2;
	list->items = check_realloc(list->items, list->room * sizeof *list->items);
}

/* The index of the first part that is not before key. */
static size_t list_place(const void *const *items, size_t count, struct text key)
{
	size_t low = 0, high = count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (text_compare(key_of(items[middle]), key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool is_at(const void *const *items, size_t count, size_t place, struct text key)
{
	return place < count && text_equal(key_of(items[place]), key);
}

/* Takes the reference. */
static void list_put(struct list *list, const void *part)
{
	size_t place = list_place(list->items, list->count, key_of(part));

	if (is_at(list->items, list->count, place, key_of(part))) {
		part_release(list->items[place]);
	} else {
		list_make_room(list, list->count + 1);
		memmove(&list->items[place + 1], &list->items[place],
			(list->count - place) * sizeof *list->items);
		list->count++;
	}
	list->items[place] = part;
}

static void list_remove(struct list *list, struct text key)
{
	size_t place = list_place(list->items, list->count, key);

	if (!is_at(list->items, list->count, place, key))
		return;
	part_release(list->items[place]);
	list->count--;
	memmove(&list->items[place], &list->items[place + 1],
		(list->count - place) * sizeof *list->items);
}

static void list_copy(struct list *list, const struct list *from)
{
	list_make_room(list, from->count);
	for (size_t i = 0; i < from->count; i++) {
		part_hold(from->items[i]);
		list->items[list->count++] = from->items[i];
	}
}

static void list_free(struct list *list)
{
	for (size_t i = 0; i < list->count; i++)
		part_release(list->items[i]);
	free(list->items);
}

/* --- services ------------------------------------------------------------------------------- */

/* What the lists hold is what the service shows. */
static void show_parts(struct service_entry *entry)
{
	entry->service.nodes = (const struct node *const *)entry->nodes.items;
	entry->service.node_count = entry->nodes.count;
	entry->service.actions = (const struct action *const *)entry->actions.items;
	entry->service.action_count = entry->actions.count;
}

static struct service_entry *entry_new(const struct service *from)
{
	struct service s = *from;
	struct text *const texts[] = {&s.space, &s.key, &s.name, &s.version, &s.settings, &s.shown};
	struct service_entry *entry =
		check_malloc(sizeof *entry + packed_size(texts, COUNT(texts)));

	pack((char *)(entry + 1), texts, COUNT(texts));
	*entry = (struct service_entry){.service = s};
	atomic_init(&entry->references, 1);
	return entry;
}

static struct turn *turn_of(const struct service_entry *from)
{
	if (!from) {
		struct turn *turn = check_calloc(1, sizeof *turn);
		atomic_init(&turn->references, 1);
		return turn;
	}
	atomic_fetch_add_explicit(&from->turn->references, 1, memory_order_relaxed);
	return from->turn;
}

struct service_entry *service_entry_new(
	const struct service *service, const struct service_entry *from)
{
	struct service_entry *entry = entry_new(service);

	entry->turn = turn_of(from);
	if (from) {
		list_copy(&entry->nodes, &from->nodes);
		list_copy(&entry->actions, &from->actions);
	}
	if (service->node_count)
		list_put(&entry->nodes, node_new(service->nodes[0]));
	else
		list_remove(&entry->nodes, TEXT(""));
	show_parts(entry);
	return entry;
}

struct service_entry *service_entry_copy(const struct service_entry *from)
{
	struct service_entry *entry = entry_new(&from->service);

	entry->turn = turn_of(from);
	list_copy(&entry->nodes, &from->nodes);
	list_copy(&entry->actions, &from->actions);
	show_parts(entry);
	return entry;
}

void service_entry_hold(struct service_entry *entry)
{
	atomic_fetch_add_explicit(&entry->references, 1, memory_order_relaxed);
}

void service_release(const struct service *service)
{
	struct service_entry *entry = (struct service_entry *)service;

	if (!entry || atomic_fetch_sub_explicit(&entry->references, 1, memory_order_acq_rel) != 1)
		return;
	list_free(&entry->nodes);
	list_free(&entry->actions);
	if (atomic_fetch_sub_explicit(&entry->turn->references, 1, memory_order_acq_rel) == 1)
		free(entry->turn);
	free(entry);
}

void service_entry_put_action(struct service_entry *entry, const struct action *action)
{
	list_put(&entry->actions, action_new(action));
	show_parts(entry);
}

void service_entry_put_node(struct service_entry *entry, const struct node *node)
{
	list_put(&entry->nodes, node_new(node));
	show_parts(entry);
}

void service_entry_remove_action(struct service_entry *entry, struct text key)
{
	list_remove(&entry->actions, key);
	show_parts(entry);
}

void service_entry_remove_node(struct service_entry *entry, struct text key)
{
	list_remove(&entry->nodes, key);
	show_parts(entry);
}

unsigned service_entry_turn(const struct service *service, enum node_kind kind, bool again)
{
	struct turn *turn = ((const struct service_entry *)service)->turn;

	return atomic_fetch_add_explicit(
		again ? &turn->again[kind] : &turn->next[kind], 1, memory_order_relaxed);
}

/* --- actions by name ------------------------------------------------------------------------ */

static const struct action *action_by_short_name(const struct service *service, struct text name)
{
	const void *const *actions = (const void *const *)service->actions;
	char small[256];

	if (name.size > sizeof small)
		return NULL;
	for (size_t i = 0; i < name.size; i++) {
		char c = name.data[i];
		small[i] = (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
	}
	struct text key = {small, name.size};
	size_t place = list_place(actions, service->action_count, key);
	return is_at(actions, service->action_count, place, key) ? service->actions[place] : NULL;
}

/* What follows "prefix." or, if name does not begin so, a text without data. */
static struct text behind(struct text name, struct text prefix)
{
	if (name.size <= prefix.size + 1 || name.data[prefix.size] != '.' ||
		!text_equal_nocase(text_until(name, prefix.size), prefix))
		return (struct text){0};
	return text_from(name, prefix.size + 1);
}

const struct action *service_action(const struct service *service, struct text name)
{
	const struct action *action = action_by_short_name(service, name);
	if (action)
		return action;
	if (service->version.size) {
		struct text rest = behind(name, service->version);
		if (rest.data)
			name = rest;
	}
	struct text rest = behind(name, service->name);
	return rest.data ? action_by_short_name(service, rest) : NULL;
}
