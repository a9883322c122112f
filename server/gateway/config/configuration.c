/* The text is read into a tree first (config_text.h). What is said of the service as a whole is
 * read here; nodes and rules are the other sources'. */
#include "server/gateway/config/configuration.h"

#include "base/json.h"
#include "server/event/subscription/topic.h"
#include "server/gateway/config/config_text.h"
#include "server/gateway/config/configuration_nodes.h"
#include "server/gateway/config/configuration_rules.h"
#include "server/registry/validate.h"

enum { TITLE_MAX = 255, EVENTS_MAX = 100 };

const char configuration_default[] =
	"{\"title\":\"\",\"rules\":[{\"id\":\"*\",\"methods\":[],\"path\":\"**\",\"open\":false,"
	"\"balance\":\"roundRobin\",\"hashHeader\":\"\",\"connectTimeoutMs\":5000,"
	"\"timeoutMs\":30000,\"idleTimeoutMs\":60000,\"retries\":2,\"bodyLimit\":1048576,"
	"\"limits\":[],\"cache\":null,\"breaker\":{\"percent\":50,\"volume\":20,"
	"\"windowMs\":10000,\"halfOpenMs\":5000,\"consecutive\":5},\"pages\":false}]}";

/* --- the service ------------------------------------------------------------------------------ */

static bool read_code(struct reading *c, const struct config_value *root, struct configuration *out)
{
	const struct text field = TEXT("code");
	const struct config_value *code = config_tree_member(root, field);
	struct status status;
	const struct validation v = {c->arena, &status, ""};

	if (!reading_is_said(code))
		return reading_refuse_absent(c, root, field, "is required");
	if (code->type != CONFIG_STRING)
		return reading_refuse(c, code, "must be a text");
	if (!valid_application_name(&v, field.data, code->text))
		return reading_refuse(c, code, "%s", status.message + field.size + strlen(": "));
	c->service = out->service = code->text;
	return true;
}

static bool read_title(
	struct reading *c, const struct config_value *root, struct configuration *out)
{
	const struct config_value *name = config_tree_member(root, TEXT("name"));

	if (!reading_is_said(name))
		return true;
	if (!reading_text(c, name, &out->title))
		return false;
	return (out->title.size <= TITLE_MAX && !text_has_control(out->title)) ||
	       reading_refuse(
		       c, name, "must have at most %d bytes and no control characters", TITLE_MAX);
}

static bool read_events(
	struct reading *c, const struct config_value *settings, struct configuration *out)
{
	const struct config_value *events = config_tree_member(settings, TEXT("events"));
	struct texts texts = {0};

	if (reading_is_said(events) &&
		!reading_texts(c, events, EVENTS_MAX, topic_pattern_fault, &texts))
		return false;
	out->events = texts.items;
	out->event_count = texts.count;
	return true;
}

/* What stands beside code, name and settings; parts of the settings do not. */
static bool check_members(struct reading *c, const struct config_value *root)
{
	static const struct field fields[] = {
		{"code", FIELD_QUIET}, {"name", FIELD_QUIET}, {"settings", FIELD_QUIET}, {0}};
	static const struct field *const tables[] = {fields, NULL};
	static const char *const parts[] = {"restAPIs", "websocketAPIs", "GraphQL", "routes",
		"rateLimit", "cacher", "events", "actions"};

	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		const struct config_value *part = config_tree_member(root, text_of(parts[i]));
		if (part)
			return reading_refuse(c, part, "must stand in settings");
	}
	return reading_members(c, root, tables, false, NULL);
}

/* --- settings --------------------------------------------------------------------------------- */

static void write_settings(
	struct buffer *b, const struct config_value *settings, struct text gateway)
{
	buffer_add_char(b, '{');
	for (const struct config_value *m = settings ? settings->first : NULL; m; m = m->next) {
		json_write_name(b, m->name);
		config_tree_write(b, m);
	}
	json_write_name(b, TEXT("gateway"));
	buffer_add_text(b, gateway);
	buffer_add_char(b, '}');
}

static bool read_settings(struct reading *c, const struct config_value *root,
	const struct config_value *settings, struct configuration *out)
{
	struct buffer b = {.arena = c->arena};
	struct text gateway;

	if (settings && !reading_object(c, settings))
		return false;
	if (!read_events(c, settings, out) || !configuration_read_nodes(c, settings, out) ||
		!configuration_read_rules(c, settings, out, &gateway))
		return false;
	if (gateway.size > CONFIGURATION_MAX)
		return reading_refuse(c, settings,
			"the rules made of it must have at most %d bytes", CONFIGURATION_MAX);
	if (out->event_count > 0 && out->node_count == 0)
		reading_warn(c, config_tree_member(settings, TEXT("events")),
			"nobody is told: there is no URL");
	write_settings(&b, settings, gateway);
	out->settings = buffer_text(&b);
	return true;
}

static bool read_root(struct reading *c, const struct config_value *root, struct configuration *out)
{
	const struct config_value *settings = config_tree_member(root, TEXT("settings"));

	return reading_object(c, root) && read_code(c, root, out) && check_members(c, root) &&
	       read_title(c, root, out) &&
	       read_settings(c, root, reading_is_said(settings) ? settings : NULL, out);
}

bool configuration_read(struct arena *a, struct text file, struct text content,
	struct configuration *out, const char **error)
{
	struct reading c = {.arena = a, .file = file};
	const struct config_value *root;

	*out = (struct configuration){.service = TEXT(""), .title = TEXT("")};
	if (content.size > CONFIGURATION_MAX) {
		*error = config_tree_sentence(a, file, 1, TEXT(""),
			arena_printf(a, "must have at most %d bytes", CONFIGURATION_MAX));
		return false;
	}
	if (!config_text_read(a, file, content, &root, error)) {
		if (root->type == CONFIG_OBJECT)
			read_code(&c, root, out);
		return false;
	}
	if (!read_root(&c, root, out)) {
		*error = c.error;
		return false;
	}
	out->warnings = c.warnings;
	out->warning_count = c.warning_count;
	return true;
}
