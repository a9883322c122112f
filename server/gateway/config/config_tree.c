/* A path is written from the root on, by way of the parents; a name that would not be clear in it
 * stands as ["a.b"], one with control characters as ["..."]. */
#include "server/gateway/config/config_tree.h"

#include "base/json.h"

#define SHOWN_NAME 64 /* bytes of a name in a path */

const struct config_value *config_tree_member(const struct config_value *object, struct text name)
{
	if (!object || object->type != CONFIG_OBJECT)
		return NULL;
	for (const struct config_value *m = object->first; m; m = m->next)
		if (text_equal(m->name, name))
			return m;
	return NULL;
}

/* --- path ------------------------------------------------------------------------------------- */

static bool is_plain(struct text name)
{
	for (size_t i = 0; i < name.size; i++) {
		char c = name.data[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
		if (!letter && c != '_' && c != '$' && (c < '0' || c > '9'))
			return false;
	}
	return name.size > 0 && name.size <= SHOWN_NAME;
}

static void write_name(struct buffer *b, struct text name)
{
	if (is_plain(name)) {
		if (b->size > 0)
			buffer_add_char(b, '.');
		buffer_add_text(b, name);
		return;
	}
	if (name.size > SHOWN_NAME) {
		name.size = SHOWN_NAME;
		while ((name.data[name.size] & 0xc0) == 0x80)
			name.size--;
	}
	buffer_add_char(b, '[');
	json_write_string(b, text_has_control(name) ? TEXT("...") : name);
	buffer_add_char(b, ']');
}

static void write_path(struct buffer *b, const struct config_value *value)
{
	if (!value->parent)
		return;
	write_path(b, value->parent);
	if (value->parent->type == CONFIG_LIST)
		buffer_printf(b, "[%zu]", value->index);
	else
		write_name(b, value->name);
}

struct text config_tree_path(struct arena *a, const struct config_value *value)
{
	struct buffer b = {.arena = a};

	write_path(&b, value);
	return buffer_text(&b);
}

const char *config_tree_sentence(
	struct arena *a, struct text file, int line, struct text path, const char *rule)
{
	return arena_printf(a, "%.*s, line %d%s%.*s: %s", TEXT_ARGS(file), line,
		path.size > 0 ? ", " : "", TEXT_ARGS(path), rule);
}

/* --- JSON ------------------------------------------------------------------------------------- */

static void write_children(struct buffer *b, const struct config_value *value)
{
	for (const struct config_value *child = value->first; child; child = child->next) {
		if (value->type == CONFIG_OBJECT)
			json_write_name(b, child->name);
		else
			json_write_comma(b);
		config_tree_write(b, child);
	}
}

void config_tree_write(struct buffer *b, const struct config_value *value)
{
	switch (value->type) {
	case CONFIG_NULL:
		buffer_add_text(b, TEXT("null"));
		break;
	case CONFIG_FALSE:
		buffer_add_text(b, TEXT("false"));
		break;
	case CONFIG_TRUE:
		buffer_add_text(b, TEXT("true"));
		break;
	case CONFIG_NUMBER:
		buffer_add_text(b, value->text);
		break;
	case CONFIG_STRING:
		json_write_string(b, value->text);
		break;
	case CONFIG_LIST:
		buffer_add_char(b, '[');
		write_children(b, value);
		buffer_add_char(b, ']');
		break;
	case CONFIG_OBJECT:
		buffer_add_char(b, '{');
		write_children(b, value);
		buffer_add_char(b, '}');
		break;
	case CONFIG_FUNCTION:
		buffer_add_text(b, TEXT("\"address\""));
		break;
	}
}
