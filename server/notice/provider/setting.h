/*
 * Setting: reads the settings and secrets of a channel, one after the other.
 *
 * What has been asked for is known; settings_end() refuses the rest. The first thing that is wrong
 * is the reason (INVALID_ARGUMENT, field "settings.url"); what is read after it means nothing.
 * Texts live as long as the JSON that they are read from. One thread.
 */
#ifndef JUNCTION_SERVER_NOTICE_PROVIDER_SETTING_H
#define JUNCTION_SERVER_NOTICE_PROVIDER_SETTING_H

#include "base/json.h"

enum { SETTINGS_MOST = 16, SETTING_BYTES = 1000 };

struct settings {
	struct arena *arena;
	const char *path;          /* "settings" or "secrets" */
	const struct json *object; /* NULL: empty */
	struct status *status;
	bool refused;
	const char *known[SETTINGS_MOST];
	size_t known_count;
};

void settings_begin(struct settings *s, struct arena *a, const char *path,
	const struct json *object, struct status *status);
/* 1 to SETTING_BYTES bytes without control characters. fallback NULL: it is required. */
struct text setting_text(struct settings *s, const char *name, const char *fallback);
/* One of the words, as its index; if it is missing the first one. */
int setting_word(struct settings *s, const char *name, const char *const *words, int count);
bool setting_bool(struct settings *s, const char *name, bool fallback);
int64_t setting_number(
	struct settings *s, const char *name, int64_t least, int64_t most, int64_t fallback);
/* Whatever it is; NULL if it is missing or null. */
const struct json *setting_value(struct settings *s, const char *name);
/* Absolute, http or https, without credentials, query and fragment. */
struct text setting_url(struct settings *s, const char *name, const char *fallback);
/* Sets the reason, unless there is one already. */
void setting_refuse(struct settings *s, const char *name, const char *rule);
/* False: something was refused, or is no setting. */
bool settings_end(struct settings *s);

#endif
