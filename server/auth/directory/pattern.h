/*
 * Pattern: what the actions of rules mean. "*" stands for any characters but "/", "**" for any; all
 * else for itself. Of a path (an action that begins with "/") case counts, of any other the case of
 * ASCII letters does not. The same as auth.action_matches() in SQL. Any thread.
 */
#ifndef JUNCTION_SERVER_AUTH_DIRECTORY_PATTERN_H
#define JUNCTION_SERVER_AUTH_DIRECTORY_PATTERN_H

#include "base/wildcard.h"

enum { PATTERN_MAX = WILDCARD_MAX }; /* bytes */

/* pattern: of at most PATTERN_MAX bytes. In time of at most the product of both sizes. */
bool pattern_matches(struct text pattern, struct text action);

#endif
