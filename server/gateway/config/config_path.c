/* A pattern is decoded, as the paths are that it is compared with. */
#include "server/gateway/config/config_path.h"

#include "base/dots.h"
#include "base/percent.h"
#include "base/wildcard.h"

static const struct wildcard_rules rules = {.separator = '/'};

static bool has(struct text t, char c)
{
	return text_find(t, c, 0) < t.size;
}

const char *config_path_fault(struct arena *a, struct text path)
{
	struct text decoded;

	if (path.size == 0 || path.data[0] != '/')
		return "must begin with \"/\"";
	if (text_has_control(path) || has(path, ' '))
		return "must not hold blanks or control characters";
	if (has(path, '?') || has(path, '#'))
		return "must not have a query or a fragment";
	const char *fault = percent_decode(a, path, false, &decoded);
	if (fault)
		return fault;
	return dots_in(decoded) ? "must not have \".\" or \"..\" as a segment" : NULL;
}

bool config_path_is_parameter(struct text segment)
{
	return segment.size > 1 &&
	       (segment.data[0] == ':' ||
		       (segment.data[0] == '{' && segment.data[segment.size - 1] == '}'));
}

/* As rules see paths: without empty segments and a "/" at the end. */
static struct text make_pattern(struct arena *a, struct text path)
{
	struct buffer b = {.arena = a};

	for (size_t at = 0, end; at < path.size; at = end + 1) {
		end = text_find(path, '/', at);
		struct text segment = text_from(text_until(path, end), at);
		if (segment.size == 0)
			continue;
		buffer_add_char(&b, '/');
		buffer_add_text(&b, config_path_is_parameter(segment) ? TEXT("*") : segment);
	}
	return b.size > 0 ? buffer_text(&b) : TEXT("/");
}

bool config_path_read_pattern(
	struct reading *c, const struct config_value *value, struct text path, struct text *pattern)
{
	if (path.size == 0 || path.data[0] != '/')
		path = text_of(arena_printf(c->arena, "/%.*s", TEXT_ARGS(path)));
	const char *fault = config_path_fault(c->arena, path);
	if (fault)
		return reading_refuse(c, value, "%s", fault);
	percent_decode(c->arena, path, false, pattern);
	*pattern = make_pattern(c->arena, *pattern);
	return pattern->size + 3 <= WILDCARD_MAX ||
	       reading_refuse(c, value, "must have at most %d bytes", WILDCARD_MAX - 3);
}

bool config_path_covers(struct text pattern, struct text path)
{
	if (text_equal(pattern, path))
		return true;
	if (!has(path, '*'))
		return wildcard_matches(pattern, path, &rules);
	/* All below. */
	return pattern.size >= 3 && text_equal(text_from(pattern, pattern.size - 3), TEXT("/**")) &&
	       text_starts(path, text_until(pattern, pattern.size - 2));
}
