/* Objects and lists are looked for what has to go first; only those that hold some are written
 * anew, the others are copied as they stand. */
#include "server/registry/settings.h"

#define GATEWAY TEXT("gateway")
#define SECURE  TEXT("$secureSettings")

/* --- what has to go ------------------------------------------------------------------------- */

static bool contains(struct text name, struct text part)
{
	for (size_t i = 0; i + part.size <= name.size; i++)
		if (text_equal_nocase(text_until(text_from(name, i), part.size), part))
			return true;
	return false;
}

static bool ends(struct text name, struct text with)
{
	return name.size >= with.size &&
	       text_equal_nocase(text_from(name, name.size - with.size), with);
}

static bool names_secret(struct text name)
{
	return contains(name, TEXT("password")) || contains(name, TEXT("passwd")) ||
	       contains(name, TEXT("secret")) || contains(name, TEXT("token")) ||
	       contains(name, TEXT("credential")) || ends(name, TEXT("key")) ||
	       ends(name, TEXT("keys"));
}

static bool is_listed(const struct json *list, struct text name)
{
	for (const struct json *item = list ? list->first : NULL; item; item = item->next)
		if (item->type == JSON_STRING && text_equal(item->string, name))
			return true;
	return false;
}

/* A member of the settings themselves. */
static bool goes(const struct json *member, const struct json *secure, bool show)
{
	if (text_equal(member->name, GATEWAY))
		return show;
	return text_equal(member->name, SECURE) || names_secret(member->name) ||
	       is_listed(secure, member->name);
}

static bool holds_secret(const struct json *value)
{
	for (const struct json *item = value->first; item; item = item->next)
		if ((value->type == JSON_OBJECT && names_secret(item->name)) || holds_secret(item))
			return true;
	return false;
}

/* --- writing -------------------------------------------------------------------------------- */

static void write_value(struct buffer *b, const struct json *value)
{
	bool object = value->type == JSON_OBJECT;

	if (!holds_secret(value)) {
		buffer_add_text(b, value->raw);
		return;
	}
	buffer_add_char(b, object ? '{' : '[');
	for (const struct json *item = value->first; item; item = item->next) {
		if (object && names_secret(item->name))
			continue;
		if (object)
			json_write_name(b, item->name);
		else
			json_write_comma(b);
		write_value(b, item);
	}
	buffer_add_char(b, object ? '}' : ']');
}

static bool is_whole(const struct json *settings, const struct json *secure, bool show)
{
	for (const struct json *m = settings->first; m; m = m->next)
		if (goes(m, secure, show) || (!text_equal(m->name, GATEWAY) && holds_secret(m)))
			return false;
	return true;
}

static struct text write_settings(struct arena *a, const struct json *settings, bool show)
{
	const struct json *secure = json_member(settings, SECURE);
	struct buffer b = {.arena = a};

	if (!settings || settings->type != JSON_OBJECT)
		return TEXT("{}");
	if (is_whole(settings, secure, show))
		return arena_text(a, settings->raw);
	buffer_add_char(&b, '{');
	for (const struct json *m = settings->first; m; m = m->next) {
		if (goes(m, secure, show))
			continue;
		json_write_name(&b, m->name);
		if (text_equal(m->name, GATEWAY))
			buffer_add_text(&b, m->raw);
		else
			write_value(&b, m);
	}
	buffer_add_char(&b, '}');
	return arena_text(a, buffer_text(&b));
}

struct text settings_kept(struct arena *a, const struct json *settings)
{
	return write_settings(a, settings, false);
}

struct text settings_shown(struct arena *a, const struct json *settings)
{
	return write_settings(a, settings, true);
}
