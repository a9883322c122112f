#include "server/gateway/config/found.h"

#include "server/event/manage/specification.h"
#include "server/gateway/config/configuration.h"
#include "server/gateway/config/publish.h"
#include "server/registry/settings.h"

/* --- as JSON -------------------------------------------------------------------------------- */

static void write_raw_member(struct buffer *b, const char *name, struct text json)
{
	json_write_name(b, text_of(name));
	buffer_add_text(b, json);
}

/* An empty text stays one: json_write_text_member() makes it null. */
static void write_text(struct buffer *b, const char *name, struct text value)
{
	json_write_name(b, text_of(name));
	json_write_string(b, value);
}

static void write_node(struct buffer *b, const struct configured_node *node)
{
	static const struct text kinds[] = {TEXT("http"), TEXT("upgrade"), TEXT("graphql")};

	json_write_comma(b);
	buffer_add_char(b, '{');
	write_text(b, "kind", kinds[node->kind]);
	write_text(b, "host", node->host);
	json_write_number_member(b, "port", node->port);
	write_text(b, "protocol", node->tls ? TEXT("https") : TEXT("http"));
	write_text(b, "base", node->base);
	json_write_number_member(b, "weight", node->weight);
	buffer_add_char(b, '}');
}

static void write_action(struct buffer *b, const struct configured_action *action)
{
	json_write_comma(b);
	buffer_add_char(b, '{');
	write_text(b, "name", action->name);
	write_text(b, "method", action->method);
	write_text(b, "uri", action->uri);
	write_raw_member(b, "params", action->params);
	json_write_number_member(b, "timeout_ms", action->timeout_ms);
	buffer_add_char(b, '}');
}

static void write_event(struct buffer *b, struct text service, struct text pattern)
{
	const struct caller nobody = {.space = TEXT(PUBLISH_SPACE)};

	json_write_comma(b);
	specification_write_configured(b, &nobody, arena_string(b->arena, service),
		arena_string(b->arena, pattern), (struct text){0});
}

static struct text kept_settings(struct arena *a, struct text settings)
{
	struct status ignored;

	return settings_kept(a, json_read(a, settings, &ignored));
}

static struct text write_content(struct arena *a, const struct configuration *c)
{
	struct buffer b = {.arena = a};

	buffer_add_char(&b, '{');
	write_raw_member(&b, "settings", kept_settings(a, c->settings));
	write_raw_member(&b, "nodes", TEXT("["));
	for (size_t i = 0; i < c->node_count; i++)
		write_node(&b, &c->nodes[i]);
	buffer_add_char(&b, ']');
	write_raw_member(&b, "actions", TEXT("["));
	for (size_t i = 0; i < c->action_count; i++)
		write_action(&b, &c->actions[i]);
	buffer_add_char(&b, ']');
	write_raw_member(&b, "events", TEXT("["));
	for (size_t i = 0; i < c->event_count; i++)
		write_event(&b, c->service, c->events[i]);
	buffer_add_text(&b, TEXT("]}"));
	return buffer_text(&b);
}

/* --- the whole ------------------------------------------------------------------------------ */

static void take_schema(struct found *f, const struct configuration *c)
{
	const char **urls = arena_array(f->arena, c->node_count, sizeof(*urls));

	for (size_t i = 0; i < c->node_count; i++) {
		const struct configured_node *node = &c->nodes[i];
		bool ipv6 = text_find(node->host, ':', 0) < node->host.size;

		if (node->kind != CONFIGURED_GRAPHQL)
			continue;
		if (f->schema_url_count == 0)
			f->schema_path = arena_text(f->arena, node->base);
		urls[f->schema_url_count++] =
			arena_printf(f->arena, ipv6 ? "%s://[%.*s]:%d%.*s" : "%s://%.*s:%d%.*s",
				node->tls ? "https" : "http", TEXT_ARGS(node->host), node->port,
				TEXT_ARGS(node->base));
	}
	f->schema_urls = urls;
}

struct found *found_read(const struct folder_file *file)
{
	struct arena *a = arena_new(0);
	struct found *f = ARENA_NEW(a, struct found);
	struct configuration c = {0};

	f->arena = a;
	if (!file->content.data)
		f->error = arena_printf(a, "%s: %s", file->path, file->error);
	else if (configuration_read(
			 a, text_of(file->path), arena_text(a, file->content), &c, &f->error))
		f->error = NULL;
	f->service = arena_text(a, c.service);
	if (f->error)
		return f;
	f->title = arena_text(a, c.title);
	f->content = write_content(a, &c);
	f->warnings = c.warnings;
	f->warning_count = c.warning_count;
	take_schema(f, &c);
	return f;
}

void found_free(struct found **found)
{
	struct arena *a = *found ? (*found)->arena : NULL;

	*found = NULL;
	arena_free(&a);
}
