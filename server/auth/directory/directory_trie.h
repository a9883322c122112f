/*
 * Trie: things of one kind by name, in generations that share what is the same in them. One that
 * has been shared never changes. Between the sources of server/auth/directory/directory.h only.
 *
 * A trie is changed by its only owner, and read by any thread from when it is not changed any more.
 */
#ifndef JUNCTION_SERVER_AUTH_DIRECTORY_DIRECTORY_TRIE_H
#define JUNCTION_SERVER_AUTH_DIRECTORY_DIRECTORY_TRIE_H

#include "server/auth/directory/directory_thing.h"

struct trie_node;

/* Starts as {0}. */
struct trie {
	struct trie_node *root; /* NULL: empty */
	size_t count;
};

const struct thing *trie_get(const struct trie *t, struct text name); /* NULL: there is none */
/* Things one after the other in no order, until NULL. */
const struct thing *trie_next(const struct trie *t, struct directory_cursor *cursor);

/* Another of the same content: changing one leaves the other as it is. */
struct trie trie_share(const struct trie *t);
/* Takes over the reference. What had that name is released. */
void trie_put(struct trie *t, struct thing *thing);
void trie_remove(struct trie *t, struct text name);
void trie_release(struct trie *t);

#endif
