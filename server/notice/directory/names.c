#include "server/notice/directory/names.h"

#include "server/db/array.h"

enum { BYTES_MOST = 255 };

/* NULL, or the rule that it breaks. */
static const char *broken_rule(const char *name)
{
	struct text text = text_of(name);

	if (text.size == 0 || text.size > BYTES_MOST)
		return "must have 1 to 255 bytes";
	if (text_has_control(text) || text_find(text, ',', 0) < text.size)
		return "must not hold control characters or commas";
	return text_trim(text).size < text.size ? "must not begin or end with a blank" : NULL;
}

bool directory_is_language(struct text language)
{
	static const char allowed[] =
		"-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

	return language.size <= DIRECTORY_LANGUAGE_BYTES &&
	       strspn(language.data, allowed) == language.size;
}

bool directory_name_holds(struct call *c, const char *field, const char *name)
{
	const char *rule = broken_rule(name);

	return !rule || status_field(&c->status, c->arena, field, "%s", rule);
}

struct text directory_names(struct call *c, const char *field, char *const *names, size_t count)
{
	struct buffer array = {.arena = c->arena};
	const char *rule = NULL;
	size_t i = 0;

	if (count > DIRECTORY_NAMES_MOST) {
		status_field(
			&c->status, c->arena, field, "must be at most %d", DIRECTORY_NAMES_MOST);
		return (struct text){0};
	}
	for (; i < count && !(rule = broken_rule(names[i])); i++)
		array_add(&array, text_of(names[i]));
	if (!rule)
		return array_text(&array);
	status_field(&c->status, c->arena, arena_printf(c->arena, "%s[%zu]", field, i), "%s", rule);
	return (struct text){0};
}
