/* Wildcards whose levels "/" parts. */
#include "server/auth/directory/pattern.h"

bool pattern_matches(struct text pattern, struct text action)
{
	const struct wildcard_rules rules = {
		.separator = '/', .fold = !text_starts(action, TEXT("/"))};

	return wildcard_matches(pattern, action, &rules);
}
