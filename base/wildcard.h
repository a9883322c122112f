/*
 * Wildcard: patterns of texts that have levels. "*" stands for any characters but the separator of
 * the levels, "**" for any; all else for itself, but for what the rules say. Any thread.
 */
#ifndef JUNCTION_BASE_WILDCARD_H
#define JUNCTION_BASE_WILDCARD_H

#include "base/text.h"

enum { WILDCARD_MAX = 255 }; /* bytes of a pattern */

struct wildcard_rules {
	char separator;
	bool single; /* "?" stands for one character (UTF-8) but the separator */
	bool fold;   /* the case of ASCII letters does not count */
};

/* pattern: of at most WILDCARD_MAX bytes. In time of at most the product of both sizes. */
bool wildcard_matches(struct text pattern, struct text t, const struct wildcard_rules *rules);

#endif
