/* A target and all its texts are one piece of memory. A group is named by the first two parts of
 * its targets' keys, and goes with the last of them. */
#include "server/registry/targets.h"

#include <stdlib.h>

#include "base/check.h"
#include "server/lane/members.h"

struct target_group {
	LIST_HEAD(, target) targets;
	struct text name;
	char bytes[];
};

#define KEY_MOST (64 + 255 + 255 + 3)

/* --- keys ----------------------------------------------------------------------------------- */

/* "" if they are longer than any that are registered. */
static struct text write_key(char key[KEY_MOST], const struct text *parts, int count)
{
	size_t size = 0;

	for (int i = 0; i < count; i++) {
		if (parts[i].size + size + 1 > KEY_MOST)
			return TEXT("");
		if (parts[i].size)
			memcpy(key + size, parts[i].data, parts[i].size);
		size += parts[i].size;
		key[size++] = '\0';
	}
	return (struct text){key, size};
}

/* --- a target's life ------------------------------------------------------------------------ */

void target_hold(struct target *t)
{
	t->references++;
}

void target_release(struct target *t)
{
	if (--t->references > 0)
		return;
	free(t->reason);
	free(t);
}

/* Moves *at behind the copy. */
static struct text copy(char **at, struct text t)
{
	struct text made = {*at, t.size};

	if (t.size)
		memcpy(*at, t.data, t.size);
	(*at)[t.size] = '\0';
	*at += t.size + 1;
	return made;
}

static struct target *target_new(struct text key, const struct text parts[3], const struct node *n)
{
	struct target *t =
		check_calloc(1, sizeof *t + key.size + n->address.host.size +
					n->address.protocol.size + n->check_path.size + 4);
	char *at = (char *)(t + 1);

	t->references = 1;
	t->key = copy(&at, key);
	t->space = (struct text){t->key.data, parts[0].size};
	t->service_key = (struct text){t->space.data + parts[0].size + 1, parts[1].size};
	t->node_key = (struct text){t->service_key.data + parts[1].size + 1, parts[2].size};
	t->hash = members_hash(key);
	t->address.host = copy(&at, n->address.host);
	t->address.protocol = copy(&at, n->address.protocol);
	t->address.port = n->address.port;
	t->check_path = copy(&at, n->check == NODE_CHECK_HTTP ? n->check_path : TEXT(""));
	t->configured = n->configured;
	health_begin(&t->health, n->health, n->flapping);
	return t;
}

static bool is_same(const struct target *t, const struct node *n)
{
	return t->configured == n->configured && t->address.port == n->address.port &&
	       text_equal(t->address.host, n->address.host) &&
	       text_equal(t->address.protocol, n->address.protocol) &&
	       text_equal(t->check_path, n->check == NODE_CHECK_HTTP ? n->check_path : TEXT(""));
}

/* --- groups --------------------------------------------------------------------------------- */

static void join_group(struct targets *s, struct target *t, struct text name)
{
	struct target_group *g = table_get(&s->groups, name);

	if (!g) {
		g = check_calloc(1, sizeof *g + name.size);
		memcpy(g->bytes, name.data, name.size);
		g->name = (struct text){g->bytes, name.size};
		LIST_INIT(&g->targets);
		table_put(&s->groups, g->name, g);
	}
	t->group = g;
	LIST_INSERT_HEAD(&g->targets, t, in_group);
}

static void leave_group(struct targets *s, struct target *t)
{
	LIST_REMOVE(t, in_group);
	if (!LIST_EMPTY(&t->group->targets))
		return;
	table_remove(&s->groups, t->group->name);
	free(t->group);
}

static void drop(struct targets *s, struct target *t)
{
	table_remove(&s->table, t->key);
	leave_group(s, t);
	t->gone = true;
	s->removed(s->arg, t);
	target_release(t);
}

/* --- the table ------------------------------------------------------------------------------ */

/* What others have found is taken over, unless something of ours is on its way. */
static void take_mark(struct target *t, const struct node *n)
{
	if (t->unwritten || t->writing)
		return;
	if (t->health.flapping != n->flapping)
		health_begin(&t->health, n->health, n->flapping);
	else if (!n->flapping)
		t->health.marked = n->health;
}

struct target *targets_put(struct targets *s, struct text space, struct text service_key,
	const struct node *n, bool *made)
{
	const struct text parts[] = {space, service_key, n->key};
	char bytes[KEY_MOST];
	struct text key = write_key(bytes, parts, 3);
	struct target *t = table_get(&s->table, key);
	bool wanted = key.size > 0 && n->check != NODE_CHECK_NONE && n->address.port > 0;

	*made = wanted && !(t && is_same(t, n));
	if (t && (*made || !wanted))
		drop(s, t);
	if (!wanted)
		return NULL;
	if (*made) {
		t = target_new(key, parts, n);
		table_put(&s->table, t->key, t);
		join_group(s, t, text_until(t->key, space.size + service_key.size + 2));
	} else {
		take_mark(t, n);
	}
	t->load = s->load;
	return t;
}

void targets_remove(
	struct targets *s, struct text space, struct text service_key, struct text node_key)
{
	const struct text parts[] = {space, service_key, node_key};
	char bytes[KEY_MOST];
	struct target *t = table_get(&s->table, write_key(bytes, parts, 3));

	if (t)
		drop(s, t);
}

void targets_remove_service(struct targets *s, struct text space, struct text service_key)
{
	const struct text parts[] = {space, service_key};
	char bytes[KEY_MOST];
	struct target_group *g = table_get(&s->groups, write_key(bytes, parts, 2));

	while (g) {
		struct target *t = LIST_FIRST(&g->targets);

		if (!LIST_NEXT(t, in_group))
			g = NULL; /* goes with its last one */
		drop(s, t);
	}
}

static void remove_others(struct targets *s, unsigned load)
{
	struct table_cursor cursor = {0};
	struct target *t = table_next(&s->table, &cursor);

	while (t) {
		struct target *next = table_next(&s->table, &cursor);

		if (t->load != load)
			drop(s, t);
		t = next;
	}
}

void targets_begin_load(struct targets *s)
{
	s->load++;
}

void targets_end_load(struct targets *s)
{
	remove_others(s, s->load);
}

void targets_clear(struct targets *s)
{
	remove_others(s, ++s->load);
	table_clear(&s->table);
	table_clear(&s->groups);
}
