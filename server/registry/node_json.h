/* Pieces of what $node's actions answer, appended as JSON. Any thread. */
#ifndef JUNCTION_SERVER_REGISTRY_NODE_JSON_H
#define JUNCTION_SERVER_REGISTRY_NODE_JSON_H

#include "server/registry/event_list.h"

/* Members of an object. */
void node_write_text(struct buffer *b, struct text name, struct text value);
void node_write_bool(struct buffer *b, struct text name, bool value);
void node_write_raw(struct buffer *b, struct text name, struct text json); /* {} if it is empty */
/* "events": those of a service by its group. */
void node_write_events_of(struct buffer *b, const struct event_entries *entries, struct text group);

/* Elements of a list. */
void node_write_endpoint(struct buffer *b, struct text node, bool available);
void node_write_event(struct buffer *b, const struct event_entry *entry, bool with_endpoints);

#endif
