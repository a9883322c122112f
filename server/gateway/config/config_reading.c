/* A member is looked for in the tables one after the other: they are short. */
#include "server/gateway/config/config_reading.h"

#include "base/json.h"

/* --- refusing and warning --------------------------------------------------------------------- */

static const char *sentence(struct reading *c, const struct config_value *value, const char *rule)
{
	return config_tree_sentence(
		c->arena, c->file, value->line, config_tree_path(c->arena, value), rule);
}

bool reading_refuse(struct reading *c, const struct config_value *value, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	c->error = sentence(c, value, arena_vprintf(c->arena, format, args));
	va_end(args);
	return false;
}

bool reading_refuse_absent(
	struct reading *c, const struct config_value *object, struct text name, const char *rule)
{
	const struct config_value absent = {.line = object->line, .name = name, .parent = object};

	return reading_refuse(c, &absent, "%s", rule);
}

void reading_warn(struct reading *c, const struct config_value *value, const char *format, ...)
{
	va_list args;

	if (c->warning_count == c->warning_room) {
		const char **old = c->warnings;
		c->warning_room = c->warning_room * 2 + 8;
		c->warnings = arena_array(c->arena, c->warning_room, sizeof *c->warnings);
		if (c->warning_count > 0)
			memcpy(c->warnings, old, c->warning_count * sizeof *c->warnings);
	}
	va_start(args, format);
	c->warnings[c->warning_count++] = sentence(c, value, arena_vprintf(c->arena, format, args));
	va_end(args);
}

/* --- values ----------------------------------------------------------------------------------- */

bool reading_is_said(const struct config_value *value)
{
	return value && value->type != CONFIG_NULL;
}

bool reading_number(struct reading *c, const struct config_value *value, int64_t least,
	int64_t most, int64_t *number)
{
	const struct json json = {.type = JSON_NUMBER, .raw = value->text};

	return (value->type == CONFIG_NUMBER && json_int64(&json, number) && *number >= least &&
		       *number <= most) ||
	       reading_refuse(c, value, "must be a whole number from %lld to %lld",
		       (long long)least, (long long)most);
}

bool reading_bool(struct reading *c, const struct config_value *value, bool *is)
{
	*is = value->type == CONFIG_TRUE;
	return *is || value->type == CONFIG_FALSE ||
	       reading_refuse(c, value, "must be true or false");
}

bool reading_text(struct reading *c, const struct config_value *value, struct text *text)
{
	*text = value->text;
	return value->type == CONFIG_STRING || reading_refuse(c, value, "must be a text");
}

bool reading_object(struct reading *c, const struct config_value *value)
{
	return value->type == CONFIG_OBJECT || reading_refuse(c, value, "must be an object");
}

bool reading_each_text(struct reading *c, const struct config_value *value, size_t most,
	bool (*take)(
		struct reading *c, const struct config_value *item, struct text text, void *into),
	void *into)
{
	const struct config_value *item = value->first;
	struct text text;

	if (value->type == CONFIG_STRING) {
		text = text_trim(value->text);
		return text.size == 0 || take(c, value, text, into);
	}
	if (value->type != CONFIG_LIST && (value->type != CONFIG_OBJECT || value->count > 0))
		return reading_refuse(c, value, "must be a text or a list of texts");
	if (value->count > most)
		return reading_refuse(c, value, "must have at most %zu", most);
	for (; item; item = item->next) {
		if (!reading_text(c, item, &text))
			return false;
		text = text_trim(text);
		if (text.size > 0 && !take(c, item, text, into))
			return false;
	}
	return true;
}

struct taking {
	const char *(*fault)(struct text text);
	struct texts *texts;
};

static bool take_text(
	struct reading *c, const struct config_value *item, struct text text, void *into)
{
	struct taking *taking = into;
	const char *fault = taking->fault(text);

	if (fault)
		return reading_refuse(c, item, "%s", fault);
	taking->texts->items[taking->texts->count++] = text;
	return true;
}

bool reading_texts(struct reading *c, const struct config_value *value, size_t most,
	const char *(*fault)(struct text text), struct texts *texts)
{
	struct taking taking = {fault, texts};
	size_t room = value->count > 0 ? value->count : 1;

	*texts = (struct texts){.items = arena_array(c->arena, room, sizeof *texts->items)};
	return reading_each_text(c, value, most, take_text, &taking);
}

/* --- members ---------------------------------------------------------------------------------- */

static bool read_member(
	struct reading *c, const struct config_value *member, const struct field *field, void *into)
{
	if (member->type == CONFIG_NULL && !field->takes_null)
		return true;
	switch (field->kind) {
	case FIELD_READ:
		return field->read(c, member, into);
	case FIELD_NUMBER:
		return reading_number(c, member, field->least, field->most,
			(int64_t *)((char *)into + field->offset));
	case FIELD_BOOL:
		return reading_bool(c, member, (bool *)((char *)into + field->offset));
	case FIELD_IDLE:
		reading_warn(c, member, "has no effect here");
		return true;
	default:
		return true;
	}
}

static const struct field *find_field(const struct field *const *tables, struct text name,
	bool (*equal)(struct text a, struct text b))
{
	for (; *tables; tables++)
		for (const struct field *field = *tables; field->name; field++)
			if (equal(name, text_of(field->name)))
				return field;
	return NULL;
}

bool reading_members(struct reading *c, const struct config_value *object,
	const struct field *const *tables, bool others, void *into)
{
	if (!reading_object(c, object))
		return false;
	for (const struct config_value *m = object->first; m; m = m->next) {
		const struct field *field = find_field(tables, m->name, text_equal);
		const struct field *like =
			field ? NULL : find_field(tables, m->name, text_equal_nocase);
		if (like)
			return reading_refuse(c, m, "is to be written %s", like->name);
		if (!field && !others)
			return reading_refuse(c, m, "is not known");
		if (field && !read_member(c, m, field, into))
			return false;
	}
	return true;
}
