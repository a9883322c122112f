/*
 * Topic trie: which of many patterns match a name, and who wants those. Between the sources of
 * server/event/subscription/subscriptions.h only. Filled by one thread, then read by any.
 */
#ifndef JUNCTION_SERVER_EVENT_SUBSCRIPTION_TOPIC_TRIE_H
#define JUNCTION_SERVER_EVENT_SUBSCRIPTION_TOPIC_TRIE_H

#include "server/event/subscription/subscriptions.h"

struct topic_trie;

/* A pattern, and who gets what it matches. */
struct topic_place {
	const struct subscription **takers;
	size_t count, room;

	/* The trie's. */
	struct text rest; /* of the pattern, behind its fixed beginning */
	struct topic_place *next;
};

/* In the arena, but for its tables: topic_trie_free() first. */
struct topic_trie *topic_trie_new(struct arena *a);
void topic_trie_free(struct topic_trie *t);

/* pattern lives as long as the trie. Subscriptions come ordered by queue, those without conditions
 * first: one that changes nothing for its queue is left out. */
void topic_trie_add(
	struct topic_trie *t, struct text pattern, const struct subscription *subscription);
/* found() is told of each pattern that matches, once. */
void topic_trie_find(const struct topic_trie *t, struct text name,
	void (*found)(void *arg, const struct topic_place *place), void *arg);

#endif
