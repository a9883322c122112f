/* What stands before the first wildcard and behind the last one is compared with the text's ends:
 * that decides about most patterns. What is left between them, if there is more than stars, is
 * walked through byte by byte with the set of all places in the pattern that may have been reached,
 * so that no pattern and no text makes it take longer than the product of their sizes. */
#include "base/wildcard.h"

#include "base/check.h"

static bool same(char a, char b, bool fold)
{
	return a == b || (fold && (a ^ b) == 0x20 && (a | 0x20) >= 'a' && (a | 0x20) <= 'z');
}

static bool is_wild(char c, const struct wildcard_rules *rules)
{
	return c == '*' || (rules->single && c == '?');
}

/* Takes what stands before the first wildcard and behind the last one off both. False: they differ.
 * The pattern that is left is empty, or begins and ends with a wildcard. */
static bool take_ends(struct text *pattern, struct text *t, const struct wildcard_rules *rules)
{
	size_t start = 0;

	while (start < pattern->size && !is_wild(pattern->data[start], rules)) {
		if (start == t->size || !same(pattern->data[start], t->data[start], rules->fold))
			return false;
		start++;
	}
	*pattern = text_from(*pattern, start);
	*t = text_from(*t, start);
	while (pattern->size > 0 && !is_wild(pattern->data[pattern->size - 1], rules)) {
		if (t->size == 0 ||
			!same(pattern->data[pattern->size - 1], t->data[t->size - 1], rules->fold))
			return false;
		pattern->size--;
		t->size--;
	}
	return true;
}

/* Of a character behind its first byte. */
static bool is_rest(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

/* What is no star takes c. */
static bool takes(char p, char c, const struct wildcard_rules *rules)
{
	if (rules->single && p == '?')
		return c != rules->separator && !is_rest(c);
	return same(p, c, rules->fold);
}

/* The places that are reached when c follows. A star may stand for nothing: what is reached before
 * it is reached behind it. The first star of "**" takes any byte. Behind a "?" the rest of its
 * character is taken, too. */
static void walk(struct text pattern, bool *reached, char c, const struct wildcard_rules *rules)
{
	bool behind = false; /* the place is reached from the one before */
	bool rest = rules->single && is_rest(c);

	for (size_t at = 0; at < pattern.size; at++) {
		bool before = reached[at];
		behind |= before && rest && at > 0 && pattern.data[at - 1] == '?';
		if (pattern.data[at] == '*') {
			bool any = at + 1 < pattern.size && pattern.data[at + 1] == '*';
			behind |= before && (c != rules->separator || any);
			reached[at] = behind;
		} else {
			reached[at] = behind;
			behind = before && takes(pattern.data[at], c, rules);
		}
	}
	reached[pattern.size] =
		behind || (reached[pattern.size] && rest && pattern.data[pattern.size - 1] == '?');
}

/* pattern: begins and ends with a wildcard. */
static bool matches_between(struct text pattern, struct text t, const struct wildcard_rules *rules)
{
	bool reached[WILDCARD_MAX + 1] = {true};

	for (size_t at = 0; at < pattern.size && pattern.data[at] == '*'; at++)
		reached[at + 1] = true;
	for (size_t i = 0; i < t.size; i++)
		walk(pattern, reached, t.data[i], rules);
	return reached[pattern.size];
}

bool wildcard_matches(struct text pattern, struct text t, const struct wildcard_rules *rules)
{
	CHECK(pattern.size <= WILDCARD_MAX);
	if (!take_ends(&pattern, &t, rules))
		return false;
	if (pattern.size == 0)
		return t.size == 0;
	if (text_equal(pattern, TEXT("*")))
		return text_find(t, rules->separator, 0) == t.size;
	return text_equal(pattern, TEXT("**")) || matches_between(pattern, t, rules);
}
