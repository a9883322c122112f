/* The first line is a pattern, what follows it an action: they match if and only if they do by the
 * definition, tried out. */
#include <stdlib.h>

#include "base/check.h"
#include "server/auth/directory/pattern.h"

enum { ACTION_MAX = 1024 };

static char fold(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

struct trial {
	struct text pattern, action;
	bool path;
	/* 0: not tried, 1: it does not, 2: it does */
	char known[PATTERN_MAX + 1][ACTION_MAX + 1];
};

/* Whether the rest of the pattern means the rest of the action. */
static bool try(struct trial *t, size_t at, size_t from)
{
	char *known = &t->known[at][from];

	if (*known)
		return *known == 2;
	bool does = false;
	if (at == t->pattern.size) {
		does = from == t->action.size;
	} else if (t->pattern.data[at] != '*') {
		char a = t->pattern.data[at];
		does = from < t->action.size &&
		       (a == t->action.data[from] ||
			       (!t->path && fold(a) == fold(t->action.data[from]))) &&
		       try(t, at + 1, from + 1);
	} else {
		bool any = at + 1 < t->pattern.size && t->pattern.data[at + 1] == '*';
		size_t behind = at + (any ? 2 : 1);
		for (size_t to = from; !does; to++) {
			does = try(t, behind, to);
			if (to == t->action.size || (!any && t->action.data[to] == '/'))
				break;
		}
	}
	*known = does ? 2 : 1;
	return does;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct trial t;
	struct text input = {size ? (const char *)data : "", size};
	size_t line = text_find(input, '\n', 0);

	t.pattern = text_until(input, line);
	t.action = text_from(input, line + (line < size));
	if (t.pattern.size > PATTERN_MAX || t.action.size > ACTION_MAX)
		return 0;
	t.path = text_starts(t.action, TEXT("/"));
	memset(t.known, 0, sizeof(t.known));
	CHECK(pattern_matches(t.pattern, t.action) == try(&t, 0, 0));
	return 0;
}
