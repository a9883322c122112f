/*
 * Topic: names of events, and patterns of them, as Moleculer matches: "*" stands for any characters
 * of one level, "**" for any characters, dots too, "?" for one character (UTF-8) but a dot; all
 * else for itself. Case counts. Any characters may be none. Any thread.
 */
#ifndef JUNCTION_SERVER_EVENT_SUBSCRIPTION_TOPIC_H
#define JUNCTION_SERVER_EVENT_SUBSCRIPTION_TOPIC_H

#include "base/arena.h"
#include "base/status.h"
#include "base/wildcard.h"

enum { TOPIC_MAX = WILDCARD_MAX }; /* bytes of a name, and of a pattern */

/* NULL, or the rule that the name of an event breaks: "must have 1 to 255 bytes". */
const char *topic_name_fault(struct text name);
/* The same rules, but for "*" and "?". */
const char *topic_pattern_fault(struct text pattern);
/* False with the status INVALID_ARGUMENT of the first one that breaks a rule: "patterns[2]". */
bool topic_patterns_hold(struct arena *a, const char *field, char *const *patterns, size_t count,
	struct status *status);
/* Whether it has "*" or "?". */
bool topic_is_pattern(struct text pattern);
/* pattern: of at most TOPIC_MAX bytes. In time of at most the product of both sizes. */
bool topic_matches(struct text pattern, struct text name);

#endif
