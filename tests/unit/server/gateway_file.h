/* For tests of configurations: whole files. After cmocka.h. */
#ifndef JUNCTION_TESTS_UNIT_SERVER_GATEWAY_FILE_H
#define JUNCTION_TESTS_UNIT_SERVER_GATEWAY_FILE_H

#include "base/json.h"
#include "server/gateway/config/configuration.h"

#define FILE_NAME "hsm-mw.demo.config.json"

static inline struct configuration configured(struct arena *a, const char *text)
{
	struct configuration out;
	const char *error = "";

	if (!configuration_read(a, TEXT(FILE_NAME), text_of(text), &out, &error))
		fail_msg("%s: %.200s", error, text);
	return out;
}

static inline const struct json *settings_of(struct arena *a, const struct configuration *c)
{
	struct status status;
	const struct json *settings = json_read(a, c->settings, &status);

	if (!settings)
		fail_msg("%.*s: %s", TEXT_ARGS(c->settings), status.message);
	return settings;
}

static inline struct text gateway_of(struct arena *a, const struct configuration *c)
{
	return json_member(settings_of(a, c), TEXT("gateway"))->raw;
}

static inline const struct json *general_of(struct arena *a, const struct configuration *c)
{
	const struct json *gateway = json_member(settings_of(a, c), TEXT("gateway"));
	const struct json *rule = json_member(gateway, TEXT("rules"))->first;

	while (rule->next)
		rule = rule->next;
	return rule;
}

static inline void assert_text(struct text text, const char *wanted)
{
	if (!text_equal(text, text_of(wanted)))
		fail_msg("\"%.*s\" is not \"%s\"", TEXT_ARGS(text), wanted);
}

static inline void assert_raw(const struct json *object, const char *name, const char *wanted)
{
	assert_non_null(json_member(object, text_of(name)));
	assert_text(json_member(object, text_of(name))->raw, wanted);
}

static inline void assert_warns(const struct configuration *c, const char *warning)
{
	assert_int_equal(c->warning_count, 1);
	assert_string_equal(c->warnings[0], warning);
}

static inline void assert_refused(const char *text, const char *wanted)
{
	struct arena *a = arena_new(0);
	struct configuration out;
	const char *error = "";

	if (configuration_read(a, TEXT(FILE_NAME), text_of(text), &out, &error))
		fail_msg("%s is read", text);
	if (strcmp(error, arena_printf(a, "%s, %s", FILE_NAME, wanted)) != 0)
		fail_msg("%s: \"%s\" is not \"%s\"", text, error, wanted);
	arena_free(&a);
}

#endif
