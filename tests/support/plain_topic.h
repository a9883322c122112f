/* What patterns of event names mean, by the definition, tried out place by place. One thread. */
#ifndef JUNCTION_TESTS_SUPPORT_PLAIN_TOPIC_H
#define JUNCTION_TESTS_SUPPORT_PLAIN_TOPIC_H

#include "base/text.h"

enum { PLAIN_PATTERN_MAX = 255, PLAIN_NAME_MAX = 1024 };

struct plain_trial {
	struct text pattern, name;
	/* 0: not tried, 1: it does not, 2: it does */
	char known[PLAIN_PATTERN_MAX + 1][PLAIN_NAME_MAX + 1];
};

static bool plain_try(struct plain_trial *t, size_t at, size_t from);

static bool plain_continues(const struct plain_trial *t, size_t from)
{
	return from < t->name.size && ((unsigned char)t->name.data[from] & 0xc0) == 0x80;
}

/* A byte that begins a character, and what continues it. */
static bool plain_try_character(struct plain_trial *t, size_t at, size_t from)
{
	if (from == t->name.size || t->name.data[from] == '.' || plain_continues(t, from))
		return false;
	bool does = plain_try(t, at + 1, from + 1);
	for (size_t to = from + 1; !does && plain_continues(t, to); to++)
		does = plain_try(t, at + 1, to + 1);
	return does;
}

static bool plain_try_star(struct plain_trial *t, size_t at, size_t from)
{
	bool any = at + 1 < t->pattern.size && t->pattern.data[at + 1] == '*';

	for (size_t to = from;; to++) {
		if (plain_try(t, at + (any ? 2 : 1), to))
			return true;
		if (to == t->name.size || (!any && t->name.data[to] == '.'))
			return false;
	}
}

/* Whether the rest of the pattern means the rest of the name. */
static bool plain_try(struct plain_trial *t, size_t at, size_t from)
{
	char *known = &t->known[at][from];
	bool does;

	if (*known)
		return *known == 2;
	if (at == t->pattern.size)
		does = from == t->name.size;
	else if (t->pattern.data[at] == '*')
		does = plain_try_star(t, at, from);
	else if (t->pattern.data[at] == '?')
		does = plain_try_character(t, at, from);
	else
		does = from < t->name.size && t->pattern.data[at] == t->name.data[from] &&
		       plain_try(t, at + 1, from + 1);
	*known = does ? 2 : 1;
	return does;
}

static bool plain_matches(struct text pattern, struct text name)
{
	static struct plain_trial t;

	t.pattern = pattern;
	t.name = name;
	for (size_t at = 0; at <= pattern.size; at++)
		memset(t.known[at], 0, name.size + 1);
	return plain_try(&t, 0, 0);
}

#endif
