/*
 * A service is one block: the struct, its nodes and the bytes of all its texts, each ended by NUL,
 * as messages want them. Its actions are blocks of their own, shared by all versions of the
 * service: to change one action of a thousand copies a thousand pointers, not their texts.
 */
#include "server/registry/entry.h"

#include <stdlib.h>

#include "base/check.h"

struct action_entry {
	struct action action; /* first: an action points at its entry */
	atomic_int references;
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
static void pack(char **at, struct text *const *texts, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (texts[i]->size)
			memcpy(*at, texts[i]->data, texts[i]->size);
		(*at)[texts[i]->size] = '\0';
		texts[i]->data = *at;
		*at += texts[i]->size + 1;
	}
}

#define NODE_TEXTS(n) &(n)->name, &(n)->host, &(n)->protocol
#define COUNT(array)  (sizeof(array) / sizeof((array)[0]))

/* --- actions -------------------------------------------------------------------------------- */

static const struct action *action_new(const struct action *from)
{
	struct action a = *from;
	struct text *const texts[] = {&a.key, &a.name, &a.uri, &a.method, &a.protocol, &a.params,
		&a.data, &a.headers, NODE_TEXTS(&a.own)};
	struct action_entry *entry = check_malloc(sizeof *entry + packed_size(texts, COUNT(texts)));
	char *at = (char *)(entry + 1);

	pack(&at, texts, COUNT(texts));
	entry->action = a;
	atomic_init(&entry->references, 1);
	return &entry->action;
}

static const struct action *action_hold(const struct action *action)
{
	struct action_entry *entry = (struct action_entry *)action;

	atomic_fetch_add_explicit(&entry->references, 1, memory_order_relaxed);
	return action;
}

static void action_release(const struct action *action)
{
	struct action_entry *entry = (struct action_entry *)action;

	if (atomic_fetch_sub_explicit(&entry->references, 1, memory_order_acq_rel) == 1)
		free(entry);
}

/* --- services ------------------------------------------------------------------------------- */

static void make_room(struct service_entry *entry, size_t count)
{
	if (count <= entry->room)
		return;
	entry->room = count > entry->room * 2 ? count : entry->room * 2;
	entry->actions = check_realloc(entry->actions, entry->room * sizeof *entry->actions);
	entry->service.actions = entry->actions;
}

struct service_entry *service_entry_new(const struct service *from, const struct service *actions)
{
	struct service s = *from;
	struct text *const texts[] = {&s.space, &s.key, &s.name, &s.version, &s.settings};
	size_t size = packed_size(texts, COUNT(texts));

	for (size_t i = 0; i < s.node_count; i++) {
		struct node n = s.nodes[i];
		struct text *const node_texts[] = {NODE_TEXTS(&n)};
		size += sizeof n + packed_size(node_texts, COUNT(node_texts));
	}
	struct service_entry *entry = check_malloc(sizeof *entry + size);
	struct node *nodes = (struct node *)(entry + 1);
	char *at = (char *)(nodes + s.node_count);
	pack(&at, texts, COUNT(texts));
	for (size_t i = 0; i < s.node_count; i++) {
		nodes[i] = s.nodes[i];
		struct text *const node_texts[] = {NODE_TEXTS(&nodes[i])};
		pack(&at, node_texts, COUNT(node_texts));
	}
	s.nodes = nodes;
	s.actions = NULL;
	s.action_count = 0;
	*entry = (struct service_entry){.service = s};
	atomic_init(&entry->references, 1);
	if (actions) {
		make_room(entry, actions->action_count);
		for (size_t i = 0; i < actions->action_count; i++)
			entry->actions[i] = action_hold(actions->actions[i]);
		entry->service.action_count = actions->action_count;
	}
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
	for (size_t i = 0; i < entry->service.action_count; i++)
		action_release(entry->actions[i]);
	free(entry->actions);
	free(entry);
}

/* The index of the first action that is not before key. */
static size_t action_place(const struct service *service, struct text key)
{
	size_t low = 0, high = service->action_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (text_compare(service->actions[middle]->key, key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool action_is_at(const struct service *service, size_t place, struct text key)
{
	return place < service->action_count && text_equal(service->actions[place]->key, key);
}

void service_entry_put_action(struct service_entry *entry, const struct action *action)
{
	struct service *service = &entry->service;
	size_t place = action_place(service, action->key);

	if (action_is_at(service, place, action->key)) {
		action_release(entry->actions[place]);
	} else {
		make_room(entry, service->action_count + 1);
		memmove(&entry->actions[place + 1], &entry->actions[place],
			(service->action_count - place) * sizeof *entry->actions);
		service->action_count++;
	}
	entry->actions[place] = action_new(action);
}

void service_entry_remove_action(struct service_entry *entry, struct text key)
{
	struct service *service = &entry->service;
	size_t place = action_place(service, key);

	if (!action_is_at(service, place, key))
		return;
	action_release(entry->actions[place]);
	service->action_count--;
	memmove(&entry->actions[place], &entry->actions[place + 1],
		(service->action_count - place) * sizeof *entry->actions);
}

static const struct action *action_by_short_name(const struct service *service, struct text name)
{
	char small[256];

	if (name.size > sizeof small)
		return NULL;
	for (size_t i = 0; i < name.size; i++) {
		char c = name.data[i];
		small[i] = (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
	}
	struct text key = {small, name.size};
	size_t place = action_place(service, key);
	return action_is_at(service, place, key) ? service->actions[place] : NULL;
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
