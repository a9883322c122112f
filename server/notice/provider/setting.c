#include "server/notice/provider/setting.h"

#include "base/check.h"

void settings_begin(struct settings *s, struct arena *a, const char *path,
	const struct json *object, struct status *status)
{
	*s = (struct settings){.arena = a, .path = path, .object = object, .status = status};
	if (object && object->type != JSON_OBJECT)
		s->refused = !status_field(status, a, path, "must be an object");
}

static void refuse(struct settings *s, struct text name, const char *rule)
{
	if (!s->refused)
		status_field(s->status, s->arena,
			arena_printf(s->arena, "%s.%.*s", s->path, TEXT_ARGS(name)), "%s", rule);
	s->refused = true;
}

void setting_refuse(struct settings *s, const char *name, const char *rule)
{
	refuse(s, text_of(name), rule);
}

const struct json *setting_value(struct settings *s, const char *name)
{
	const struct json *value = json_member(s->object, text_of(name));

	CHECK(s->known_count < SETTINGS_MOST);
	s->known[s->known_count++] = name;
	return value && value->type != JSON_NULL ? value : NULL;
}

struct text setting_text(struct settings *s, const char *name, const char *fallback)
{
	const struct json *value = setting_value(s, name);

	if (!value && !fallback)
		setting_refuse(s, name, "is required");
	if (!value)
		return text_of(fallback);
	if (value->type != JSON_STRING || value->string.size == 0 ||
		value->string.size > SETTING_BYTES || text_has_control(value->string))
		setting_refuse(
			s, name, "must be a text of 1 to 1,000 bytes without control characters");
	return value->string;
}

static const char *list_words(struct settings *s, const char *const *words, int count)
{
	struct buffer b = {.arena = s->arena};

	for (int i = 0; i < count; i++)
		buffer_printf(&b, "%s\"%s\"",
			i == 0           ? "must be "
			: i == count - 1 ? " or "
					 : ", ",
			words[i]);
	return arena_string(s->arena, buffer_text(&b));
}

int setting_word(struct settings *s, const char *name, const char *const *words, int count)
{
	const struct json *value = setting_value(s, name);

	if (!value)
		return 0;
	for (int i = 0; i < count; i++)
		if (value->type == JSON_STRING && text_equal(value->string, text_of(words[i])))
			return i;
	setting_refuse(s, name, list_words(s, words, count));
	return 0;
}

bool setting_bool(struct settings *s, const char *name, bool fallback)
{
	const struct json *value = setting_value(s, name);

	if (!value)
		return fallback;
	if (value->type != JSON_TRUE && value->type != JSON_FALSE)
		setting_refuse(s, name, "must be true or false");
	return value->type == JSON_TRUE;
}

int64_t setting_number(
	struct settings *s, const char *name, int64_t least, int64_t most, int64_t fallback)
{
	const struct json *value = setting_value(s, name);
	int64_t number = fallback;

	if (value && (!json_int64(value, &number) || number < least || number > most))
		setting_refuse(s, name,
			arena_printf(s->arena, "must be a number from %lld to %lld",
				(long long)least, (long long)most));
	return number;
}

static bool is_shown(struct text t)
{
	for (size_t i = 0; i < t.size; i++)
		if (t.data[i] <= ' ' || t.data[i] > '~' || t.data[i] == '\\')
			return false;
	return true;
}

struct text setting_url(struct settings *s, const char *name, const char *fallback)
{
	struct text url = setting_text(s, name, fallback);
	bool https = text_starts(url, TEXT("https://"));
	struct text rest = text_from(url, strlen(https ? "https://" : "http://"));
	struct text host = text_until(rest, text_find(rest, '/', 0));

	if (!https && !text_starts(url, TEXT("http://")))
		setting_refuse(s, name, "must begin with https:// or http://");
	else if (host.size == 0 || host.data[0] == ':' || !is_shown(url))
		setting_refuse(s, name, "must have a host, and visible ASCII characters alone");
	else if (text_find(host, '@', 0) < host.size)
		setting_refuse(s, name, "must not hold credentials");
	else if (text_find(url, '?', 0) < url.size || text_find(url, '#', 0) < url.size)
		setting_refuse(s, name, "must have no query: tokens and keys are secrets");
	return url;
}

static bool is_known(const struct settings *s, struct text name)
{
	for (size_t i = 0; i < s->known_count; i++)
		if (text_equal(name, text_of(s->known[i])))
			return true;
	return false;
}

bool settings_end(struct settings *s)
{
	for (const struct json *m = s->object ? s->object->first : NULL; m; m = m->next)
		if (!is_known(s, m->name))
			refuse(s, m->name, "is not known");
	return !s->refused;
}
