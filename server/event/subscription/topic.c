/* Wildcards whose levels dots part. */
#include "server/event/subscription/topic.h"

/* Of Unicode, but for control characters. */
static const char *const white_spaces[] = {" ", "\u00a0", "\u1680", "\u2000", "\u2001", "\u2002",
	"\u2003", "\u2004", "\u2005", "\u2006", "\u2007", "\u2008", "\u2009", "\u200a", "\u2028",
	"\u2029", "\u202f", "\u205f", "\u3000"};

static bool is_white_space(struct text t)
{
	size_t i = 0, count = sizeof white_spaces / sizeof white_spaces[0];

	while (i < count && !text_starts(t, text_of(white_spaces[i])))
		i++;
	return i < count;
}

static bool has_white_space(struct text t)
{
	size_t at = 0;

	while (at < t.size && !is_white_space(text_from(t, at)))
		at++;
	return at < t.size;
}

static bool has_empty_level(struct text t)
{
	size_t from = 0, dot;

	do {
		dot = text_find(t, '.', from);
		if (dot == from)
			return true;
		from = dot + 1;
	} while (dot < t.size);
	return false;
}

static bool has(struct text t, char c)
{
	return text_find(t, c, 0) < t.size;
}

static const char *fault(struct text t)
{
	if (t.size == 0 || t.size > TOPIC_MAX)
		return "must have 1 to 255 bytes";
	if (text_has_control(t) || has_white_space(t))
		return "must not hold white space or control characters";
	return has_empty_level(t) ? "must not have an empty level" : NULL;
}

const char *topic_name_fault(struct text name)
{
	if (topic_is_pattern(name) || has(name, '>'))
		return "must not hold \"*\", \"?\" or \">\"";
	return fault(name);
}

const char *topic_pattern_fault(struct text pattern)
{
	return has(pattern, '>') ? "must not hold \">\"" : fault(pattern);
}

bool topic_patterns_hold(struct arena *a, const char *field, char *const *patterns, size_t count,
	struct status *status)
{
	for (size_t i = 0; i < count; i++) {
		const char *fault = topic_pattern_fault(text_of(patterns[i]));

		if (fault)
			return status_field(
				status, a, arena_printf(a, "%s[%zu]", field, i), "%s", fault);
	}
	return true;
}

bool topic_is_pattern(struct text pattern)
{
	return has(pattern, '*') || has(pattern, '?');
}

bool topic_matches(struct text pattern, struct text name)
{
	static const struct wildcard_rules rules = {.separator = '.', .single = true};

	return wildcard_matches(pattern, name, &rules);
}
