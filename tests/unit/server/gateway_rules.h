/* For tests of configurations: the rules made of settings. After cmocka.h. */
#ifndef JUNCTION_TESTS_UNIT_SERVER_GATEWAY_RULES_H
#define JUNCTION_TESTS_UNIT_SERVER_GATEWAY_RULES_H

#include "base/json.h"
#include "server/gateway/config/configuration.h"

/* where: its path behind the settings. */
#define LIMIT(where, limit, window, key, headers)                                                  \
	"{\"name\":\"settings." where "\",\"limit\":" limit ",\"windowMs\":" window                \
	",\"key\":\"" key "\",\"headers\":" headers "}"

/* Of {code: "demo", settings: {...}}. */
static inline struct configuration configured(struct arena *a, const char *settings)
{
	struct configuration out;
	const char *error = "";
	const char *text = arena_printf(a, "{code: \"demo\", settings: {%s}}", settings);

	if (!configuration_read(a, TEXT("f"), text_of(text), &out, &error))
		fail_msg("%s: %s", settings, error);
	return out;
}

static inline void assert_refused(const char *settings, const char *wanted)
{
	struct arena *a = arena_new(0);
	struct configuration out;
	const char *error = "";
	const char *text = arena_printf(a, "{code: \"demo\", settings: {%s}}", settings);

	if (configuration_read(a, TEXT("f"), text_of(text), &out, &error))
		fail_msg("%s is read", settings);
	if (strcmp(error, arena_printf(a, "f, line 1, settings.%s", wanted)) != 0)
		fail_msg("%s: \"%s\" is not \"%s\"", settings, error, wanted);
	arena_free(&a);
}

static inline const struct json *rules_of(struct arena *a, struct text settings)
{
	struct status status;
	const struct json *gateway = json_member(json_read(a, settings, &status), TEXT("gateway"));

	assert_non_null(gateway);
	return json_member(gateway, TEXT("rules"));
}

/* The first of that path. */
static inline const struct json *rule_at(struct arena *a, const char *settings, const char *path)
{
	const struct json *rules = rules_of(a, configured(a, settings).settings);

	for (const struct json *rule = rules->first; rule; rule = rule->next)
		if (text_equal(json_member_text(rule, TEXT("path"), TEXT("")), text_of(path)))
			return rule;
	fail_msg("%s: no rule has the path %s", settings, path);
	return NULL;
}

/* A member of the rule of that path, as it stands there. */
static inline void assert_rule(
	const char *settings, const char *path, const char *name, const char *wanted)
{
	struct arena *a = arena_new(0);
	const struct json *member = json_member(rule_at(a, settings, path), text_of(name));

	assert_non_null(member);
	if (!text_equal(member->raw, text_of(wanted)))
		fail_msg("%s: %s of %s is %.*s, not %s", settings, name, path,
			TEXT_ARGS(member->raw), wanted);
	arena_free(&a);
}

static inline void assert_general(const char *settings, const char *name, const char *wanted)
{
	assert_rule(settings, "**", name, wanted);
}

/* Each as "id path", with "!" before one that is open. */
static inline void assert_order(const char *settings, const char *wanted)
{
	struct arena *a = arena_new(0);
	struct buffer b = {.arena = a};
	const struct json *rules = rules_of(a, configured(a, settings).settings);

	for (const struct json *rule = rules->first; rule; rule = rule->next) {
		bool open = json_member(rule, TEXT("open"))->type == JSON_TRUE;
		struct text id = json_member_text(rule, TEXT("id"), TEXT(""));
		struct text path = json_member_text(rule, TEXT("path"), TEXT(""));
		buffer_printf(&b, "%s%s%.*s %.*s", b.size > 0 ? ", " : "", open ? "!" : "",
			TEXT_ARGS(id), TEXT_ARGS(path));
	}
	if (!text_equal(buffer_text(&b), text_of(wanted)))
		fail_msg("%s: %.*s, not %s", settings, TEXT_ARGS(buffer_text(&b)), wanted);
	arena_free(&a);
}

static inline void assert_no_warning(const char *settings)
{
	struct arena *a = arena_new(0);
	struct configuration c = configured(a, settings);

	if (c.warning_count > 0)
		fail_msg("%s: %s", settings, c.warnings[0]);
	arena_free(&a);
}

static inline void assert_warns(const char *settings, const char *wanted)
{
	struct arena *a = arena_new(0);
	struct configuration c = configured(a, settings);

	assert_int_equal(c.warning_count, 1);
	assert_string_equal(c.warnings[0], arena_printf(a, "f, line 1, settings.%s", wanted));
	arena_free(&a);
}

#endif
