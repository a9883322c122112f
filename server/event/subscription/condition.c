/* A condition is kept as names and as trees of JSON that point into the arena's own copies. */
#include "server/event/subscription/condition.h"

static bool refuse(
	struct arena *a, struct status *status, size_t index, const char *where, const char *rule)
{
	const char *field = arena_printf(a, "conditions[%zu].%s", index, where);

	return status_field(status, a, field, "%s", rule);
}

/* False: a name is empty, or there are too many. */
static bool read_path(struct arena *a, struct text path, struct condition *condition)
{
	struct text *names = arena_array(a, CONDITION_NAMES_MAX, sizeof *names);
	struct text copy = arena_text(a, path);
	size_t count = 0, from = 0, dot;

	do {
		dot = text_find(copy, '.', from);
		if (dot == from || count == CONDITION_NAMES_MAX)
			return false;
		names[count++] = text_until(text_from(copy, from), dot - from);
		from = dot + 1;
	} while (dot < copy.size);
	condition->names = names;
	condition->name_count = count;
	return true;
}

bool condition_read(struct arena *a, size_t index, struct text path, const struct text *values,
	size_t value_count, struct condition *condition, struct status *status)
{
	if (!read_path(a, path, condition))
		return refuse(a, status, index, "path",
			"must be 1 to 16 names parted by dots, none of them empty");
	if (value_count > CONDITION_VALUES_MAX)
		return refuse(a, status, index, "values", "must be at most 100");
	const struct json **trees = arena_array(a, value_count, sizeof *trees);
	for (size_t i = 0; i < value_count; i++) {
		struct status why = {0};
		trees[i] = json_read(a, arena_text(a, values[i]), &why);
		if (!trees[i] || trees[i]->type == JSON_ARRAY || trees[i]->type == JSON_OBJECT)
			return refuse(a, status, index, arena_printf(a, "values[%zu]", i),
				"must be a JSON text, number, true, false or null");
	}
	condition->values = trees;
	condition->value_count = value_count;
	return true;
}

static bool is_same(const struct json *a, const struct json *b)
{
	if (a->type != b->type)
		return false;
	if (a->type == JSON_STRING)
		return text_equal(a->string, b->string);
	return a->type != JSON_NUMBER || json_number_equal(a, b);
}

bool condition_met(const struct condition *condition, const struct json *data)
{
	const struct json *value = data;
	size_t i = 0;

	for (size_t name = 0; name < condition->name_count; name++)
		value = json_member(value, condition->names[name]);
	while (value && i < condition->value_count && !is_same(condition->values[i], value))
		i++;
	return value && (i < condition->value_count || condition->value_count == 0);
}
