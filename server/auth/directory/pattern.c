/* What stands before the first star and behind the last one is compared with the action's ends:
 * that decides about most rules. What is left between them, if there is more than stars, is walked
 * through byte by byte with the set of all places in the pattern that may have been reached, so
 * that no pattern and no action makes it take longer than the product of their sizes. */
#include "server/auth/directory/pattern.h"

#include "base/check.h"

static bool same(char a, char b, bool fold)
{
	return a == b || (fold && (a ^ b) == 0x20 && (a | 0x20) >= 'a' && (a | 0x20) <= 'z');
}

/* Takes what stands before the first star and behind the last one off both. False: they differ. The
 * pattern that is left is empty, or begins and ends with a star. */
static bool take_ends(struct text *pattern, struct text *action, bool fold)
{
	size_t start = 0;

	while (start < pattern->size && pattern->data[start] != '*') {
		if (start == action->size || !same(pattern->data[start], action->data[start], fold))
			return false;
		start++;
	}
	*pattern = text_from(*pattern, start);
	*action = text_from(*action, start);
	while (pattern->size > 0 && pattern->data[pattern->size - 1] != '*') {
		if (action->size == 0 || !same(pattern->data[pattern->size - 1],
						 action->data[action->size - 1], fold))
			return false;
		pattern->size--;
		action->size--;
	}
	return true;
}

/* The places that are reached when c follows. A star may stand for nothing: what is reached before
 * it is reached behind it. The first star of "**" takes any byte. */
static void walk(struct text pattern, bool *reached, char c, bool fold)
{
	bool behind = false; /* the place is reached from the one before */

	for (size_t at = 0; at < pattern.size; at++) {
		bool before = reached[at];
		if (pattern.data[at] == '*') {
			bool any = at + 1 < pattern.size && pattern.data[at + 1] == '*';
			behind = behind || (before && (c != '/' || any));
			reached[at] = behind;
		} else {
			reached[at] = behind;
			behind = before && same(pattern.data[at], c, fold);
		}
	}
	reached[pattern.size] = behind;
}

/* pattern: begins and ends with a star. */
static bool matches_between(struct text pattern, struct text action, bool fold)
{
	bool reached[PATTERN_MAX + 1] = {true};

	for (size_t at = 0; at < pattern.size && pattern.data[at] == '*'; at++)
		reached[at + 1] = true;
	for (size_t i = 0; i < action.size; i++)
		walk(pattern, reached, action.data[i], fold);
	return reached[pattern.size];
}

bool pattern_matches(struct text pattern, struct text action)
{
	bool fold = !text_starts(action, TEXT("/"));

	CHECK(pattern.size <= PATTERN_MAX);
	if (!take_ends(&pattern, &action, fold))
		return false;
	if (pattern.size == 0)
		return action.size == 0;
	if (pattern.size == 1)
		return text_find(action, '/', 0) == action.size;
	return pattern.size == 2 || matches_between(pattern, action, fold);
}
