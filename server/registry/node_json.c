#include "server/registry/node_json.h"

#include "base/json.h"

void node_write_text(struct buffer *b, struct text name, struct text value)
{
	json_write_name(b, name);
	json_write_string(b, value);
}

void node_write_bool(struct buffer *b, struct text name, bool value)
{
	json_write_name(b, name);
	buffer_add_text(b, value ? TEXT("true") : TEXT("false"));
}

void node_write_raw(struct buffer *b, struct text name, struct text json)
{
	json_write_name(b, name);
	buffer_add_text(b, json.size > 0 ? json : TEXT("{}"));
}

void node_write_endpoint(struct buffer *b, struct text node, bool available)
{
	json_write_comma(b);
	buffer_add_char(b, '{');
	node_write_text(b, TEXT("nodeID"), node);
	node_write_bool(b, TEXT("state"), available);
	node_write_bool(b, TEXT("available"), available);
	buffer_add_char(b, '}');
}

static void write_definition(struct buffer *b, const struct event_entry *entry)
{
	buffer_add_char(b, '{');
	node_write_text(b, TEXT("name"), entry->name);
	node_write_text(b, TEXT("group"), entry->group);
	buffer_add_char(b, '}');
}

void node_write_events_of(struct buffer *b, const struct event_entries *entries, struct text group)
{
	struct text last = {0}; /* groups may differ in case alone: the first one counts */

	json_write_name(b, TEXT("events"));
	buffer_add_char(b, '{');
	for (size_t i = 0; i < entries->count; i++) {
		const struct event_entry *entry = &entries->items[i];

		if (!text_equal_nocase(entry->group, group) || text_equal(entry->name, last))
			continue;
		last = entry->name;
		json_write_name(b, entry->name);
		write_definition(b, entry);
	}
	buffer_add_char(b, '}');
}

void node_write_event(struct buffer *b, const struct event_entry *entry, bool with_endpoints)
{
	json_write_comma(b);
	buffer_add_char(b, '{');
	node_write_text(b, TEXT("name"), entry->name);
	node_write_text(b, TEXT("group"), entry->group);
	json_write_name(b, TEXT("count"));
	buffer_printf(b, "%zu", entry->endpoint_count);
	node_write_bool(b, TEXT("hasLocal"), false);
	node_write_bool(b, TEXT("available"), entry->available);
	if (entry->endpoint_count > 0) {
		json_write_name(b, TEXT("event"));
		write_definition(b, entry);
	}
	if (with_endpoints) {
		json_write_name(b, TEXT("endpoints"));
		buffer_add_char(b, '[');
		for (size_t i = 0; i < entry->endpoint_count; i++)
			node_write_endpoint(
				b, entry->endpoints[i].node, entry->endpoints[i].available);
		buffer_add_char(b, ']');
	}
	buffer_add_char(b, '}');
}
