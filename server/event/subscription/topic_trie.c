/*
 * A node for each level of a pattern that is fixed: a text, or "*" alone. The first level with
 * another wildcard ends that: from there on the rest of the pattern is one loose text, in a list of
 * the node that it has reached. A name walks down by its levels, at each node by its own text and
 * by "*", and is held against the loose texts of each node that it passes.
 */
#include "server/event/subscription/topic_trie.h"

#include "base/table.h"
#include "server/event/subscription/topic.h"

struct topic_node {
	struct table children; /* of the levels that are texts */
	struct topic_node *any;
	struct topic_place *end;   /* of the pattern that ends here, or NULL */
	struct topic_place *loose; /* of those that go on with a wildcard */
};

struct topic_trie {
	struct arena *arena;
	struct table places; /* by pattern */
	struct topic_node root;
};

struct topic_trie *topic_trie_new(struct arena *a)
{
	struct topic_trie *t = ARENA_NEW(a, struct topic_trie);

	t->arena = a;
	t->places.exact = t->root.children.exact = true;
	return t;
}

static void clear_node(struct topic_node *node)
{
	struct table_cursor cursor = {0};
	struct topic_node *child;

	while ((child = table_next(&node->children, &cursor)))
		clear_node(child);
	table_clear(&node->children);
	if (node->any)
		clear_node(node->any);
}

void topic_trie_free(struct topic_trie *t)
{
	clear_node(&t->root);
	table_clear(&t->places);
}

/* --- filling -------------------------------------------------------------------------------- */

static struct topic_node *new_node(struct topic_trie *t)
{
	struct topic_node *node = ARENA_NEW(t->arena, struct topic_node);

	node->children.exact = true;
	return node;
}

static struct topic_node *node_below(
	struct topic_trie *t, struct topic_node *node, struct text level)
{
	if (text_equal(level, TEXT("*"))) {
		if (!node->any)
			node->any = new_node(t);
		return node->any;
	}
	struct topic_node *child = table_get(&node->children, level);
	if (!child) {
		child = new_node(t);
		table_put(&node->children, level, child);
	}
	return child;
}

static struct topic_place *new_place(struct topic_trie *t, struct text pattern)
{
	struct topic_place *place = ARENA_NEW(t->arena, struct topic_place);
	struct topic_node *node = &t->root;
	size_t from = 0, dot;

	do {
		dot = text_find(pattern, '.', from);
		struct text level = text_until(text_from(pattern, from), dot - from);
		if (topic_is_pattern(level) && !text_equal(level, TEXT("*"))) {
			place->rest = text_from(pattern, from);
			place->next = node->loose;
			node->loose = place;
			return place;
		}
		node = node_below(t, node, level);
		from = dot + 1;
	} while (dot < pattern.size);
	node->end = place;
	return place;
}

/* Nothing that the last one of the queue without conditions does not bring about. */
static bool adds_nothing(const struct subscription *last, const struct subscription *next)
{
	return last->queue == next->queue && last->condition_count == 0 &&
	       (last->encrypt_stored || !next->encrypt_stored);
}

void topic_trie_add(
	struct topic_trie *t, struct text pattern, const struct subscription *subscription)
{
	struct topic_place *place = table_get(&t->places, pattern);

	if (!place) {
		place = new_place(t, pattern);
		table_put(&t->places, pattern, place);
	}
	if (place->count > 0 && adds_nothing(place->takers[place->count - 1], subscription))
		return;
	if (place->count == place->room) {
		place->room = place->room ? place->room * 2 : 1;
		const struct subscription **more =
			arena_alloc(t->arena, place->room * sizeof(struct subscription *));
		if (place->count)
			memcpy(more, place->takers, place->count * sizeof *more);
		place->takers = more;
	}
	place->takers[place->count++] = subscription;
}

/* --- finding -------------------------------------------------------------------------------- */

struct search {
	void (*found)(void *arg, const struct topic_place *place);
	void *arg;
};

static void walk(const struct topic_node *node, struct text name, const struct search *s);

static void go_on(
	const struct topic_node *node, struct text name, size_t dot, const struct search *s)
{
	if (node && dot < name.size)
		walk(node, text_from(name, dot + 1), s);
	else if (node && node->end)
		s->found(s->arg, node->end);
}

/* name: what is behind the levels that have led here. No deeper than patterns are. */
static void walk(const struct topic_node *node, struct text name, const struct search *s)
{
	size_t dot = text_find(name, '.', 0);

	for (const struct topic_place *place = node->loose; place; place = place->next)
		if (topic_matches(place->rest, name))
			s->found(s->arg, place);
	go_on(table_get(&node->children, text_until(name, dot)), name, dot, s);
	go_on(node->any, name, dot, s);
}

void topic_trie_find(const struct topic_trie *t, struct text name,
	void (*found)(void *arg, const struct topic_place *place), void *arg)
{
	const struct search search = {found, arg};

	walk(&t->root, name, &search);
}
