/*
 * Branches of sixteen by the digits of the hash, the highest first; below them pages of a few
 * things, each with its hash beside it. A page that would become too large turns into a branch,
 * until the digits are used up: what has the same hash shares a page of any size.
 *
 * Nodes and things are counted by references. Who changes a trie copies the nodes on the way to the
 * thing that others have, too; from one that it copies all below is shared. What it has alone it
 * changes in place, so that a new trie is filled without copying.
 */
#include "server/auth/directory/directory_trie.h"

#include <stdlib.h>

#include "base/check.h"

enum { DIGIT_BITS = 4, CHILDREN = 1 << DIGIT_BITS, DEPTH = 64 / DIGIT_BITS, PAGE_MOST = 32 };

struct slot {
	uint64_t hash;
	struct thing *thing;
};

struct trie_node {
	atomic_size_t references;
	bool branch;
	unsigned count, room; /* of a page */
};

struct branch {
	struct trie_node node;
	struct trie_node *children[CHILDREN]; /* NULL: nothing there */
};

struct page {
	struct trie_node node;
	struct slot slots[];
};

static struct trie_node **child(const struct trie_node *n, unsigned i)
{
	return &((struct branch *)n)->children[i];
}

static struct slot *slot(const struct trie_node *n, unsigned i)
{
	return &((struct page *)n)->slots[i];
}

static unsigned digit(uint64_t hash, int depth)
{
	return (unsigned)(hash >> (64 - DIGIT_BITS * (depth + 1))) % CHILDREN;
}

/* --- nodes ---------------------------------------------------------------------------------- */

static struct trie_node *new_branch(void)
{
	struct branch *b = check_calloc(1, sizeof *b);

	atomic_init(&b->node.references, 1);
	b->node.branch = true;
	return &b->node;
}

static size_t page_size(unsigned room)
{
	return sizeof(struct page) + room * sizeof(struct slot);
}

static struct trie_node *new_page(unsigned room)
{
	struct trie_node *n = check_calloc(1, page_size(room));

	atomic_init(&n->references, 1);
	n->room = room;
	return n;
}

static void hold(struct trie_node *n)
{
	atomic_fetch_add_explicit(&n->references, 1, memory_order_relaxed);
}

static void release(struct trie_node *n)
{
	if (!n || atomic_fetch_sub_explicit(&n->references, 1, memory_order_acq_rel) > 1)
		return;
	for (unsigned i = 0; n->branch && i < CHILDREN; i++)
		release(*child(n, i));
	for (unsigned i = 0; i < n->count; i++)
		thing_release(slot(n, i)->thing);
	free(n);
}

static struct trie_node *copy_branch(const struct trie_node *n)
{
	struct trie_node *copy = new_branch();

	for (unsigned i = 0; i < CHILDREN; i++) {
		*child(copy, i) = *child(n, i);
		if (*child(n, i))
			hold(*child(n, i));
	}
	return copy;
}

static struct trie_node *copy_page(const struct trie_node *n)
{
	struct trie_node *copy = new_page(n->room);

	copy->count = n->count;
	for (unsigned i = 0; i < n->count; i++) {
		*slot(copy, i) = *slot(n, i);
		thing_hold(slot(n, i)->thing);
	}
	return copy;
}

/* Has the node there be nobody else's. */
static struct trie_node *own(struct trie_node **at)
{
	struct trie_node *n = *at;

	if (atomic_load_explicit(&n->references, memory_order_acquire) > 1) {
		*at = n->branch ? copy_branch(n) : copy_page(n);
		release(n);
	}
	return *at;
}

/* --- pages ---------------------------------------------------------------------------------- */

static unsigned find(const struct trie_node *page, uint64_t hash, struct text name)
{
	unsigned i = 0;

	while (i < page->count &&
		!(slot(page, i)->hash == hash && text_equal(slot(page, i)->thing->name, name)))
		i++;
	return i;
}

static void add(struct trie_node **at, struct slot added)
{
	struct trie_node *page = *at ? *at : new_page(4);

	if (page->count == page->room) {
		page->room *= 2;
		page = check_realloc(page, page_size(page->room));
	}
	*slot(page, page->count++) = added;
	*at = page;
}

static void split(struct trie_node **at, int depth)
{
	struct trie_node *page = *at, *branch = new_branch();

	for (unsigned i = 0; i < page->count; i++)
		add(child(branch, digit(slot(page, i)->hash, depth)), *slot(page, i));
	free(page);
	*at = branch;
}

/* --- reading -------------------------------------------------------------------------------- */

/* The page for the hash, or NULL, and how deep it lies. */
static const struct trie_node *descend(const struct trie *t, uint64_t hash, int *depth)
{
	const struct trie_node *n = t->root;

	for (*depth = 0; n && n->branch; ++*depth)
		n = *child(n, digit(hash, *depth));
	return n;
}

const struct thing *trie_get(const struct trie *t, struct text name)
{
	int depth;
	uint64_t hash = thing_hash(name);
	const struct trie_node *page = descend(t, hash, &depth);
	unsigned i = page ? find(page, hash, name) : 0;

	return page && i < page->count ? slot(page, i)->thing : NULL;
}

/* The cursor's page is the least hash that belongs there; its item SIZE_MAX is the end. */
const struct thing *trie_next(const struct trie *t, struct directory_cursor *cursor)
{
	while (cursor->item != SIZE_MAX) {
		int depth;
		const struct trie_node *page = descend(t, cursor->page, &depth);
		if (page && cursor->item < page->count)
			return slot(page, (unsigned)cursor->item++)->thing;
		cursor->page += depth ? UINT64_C(1) << (64 - DIGIT_BITS * depth) : 0;
		cursor->item = cursor->page ? 0 : SIZE_MAX;
	}
	return NULL;
}

/* --- changing ------------------------------------------------------------------------------- */

struct trie trie_share(const struct trie *t)
{
	if (t->root)
		hold(t->root);
	return *t;
}

void trie_put(struct trie *t, struct thing *thing)
{
	struct trie_node **at = &t->root;
	unsigned i = 0;

	for (int depth = 0; *at; depth++) {
		struct trie_node *n = own(at);
		if (!n->branch) {
			i = find(n, thing->hash, thing->name);
			if (i < n->count || n->count < PAGE_MOST || depth == DEPTH)
				break;
			split(at, depth);
		}
		at = child(*at, digit(thing->hash, depth));
	}
	if (*at && i < (*at)->count) {
		thing_release(slot(*at, i)->thing);
		slot(*at, i)->thing = thing;
		return;
	}
	add(at, (struct slot){thing->hash, thing});
	t->count++;
}

void trie_remove(struct trie *t, struct text name)
{
	uint64_t hash = thing_hash(name);
	struct trie_node **at = &t->root;

	if (!trie_get(t, name))
		return;
	for (int depth = 0; own(at)->branch; depth++)
		at = child(*at, digit(hash, depth));
	struct slot *removed = slot(*at, find(*at, hash, name));
	thing_release(removed->thing);
	*removed = *slot(*at, --(*at)->count);
	t->count--;
}

void trie_release(struct trie *t)
{
	release(t->root);
	*t = (struct trie){0};
}
