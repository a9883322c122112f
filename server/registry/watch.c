/*
 * Watch: first the state, then what follows it in the change log.
 *
 * A watch has a cursor in the log. What follows it comes from memory (recent.h), or from PostgreSQL
 * where memory does not reach. Rows that have been read there are sent only when the log has been
 * asked, afterwards, how far it has been forgotten: had it been before the cursor, or were the
 * cursor behind its end, then there is a snapshot instead. A snapshot holds on to the services as
 * they were at one revision and sends them part by part; the cursor stands behind that revision.
 */
#include "junction/v1/registry.pb-c.h"
#include "server/patience.h"
#include "server/registry/change_rows.h"
#include "server/registry/message.h"
#include "server/registry/registry.h"
#include "server/registry/registry_store.h"
#include "steps.gen.h"

#define STOPPING "the server is stopping: resume this watch elsewhere"
#define TOO_SLOW "this watch is read too slowly: resume it after the last cursor"

enum {
	CHANGES_EACH = RECENT_MOST, /* in one message at most */
	BYTES_EACH = 1024 * 1024,   /* when a message has come to that, it is sent */
	LOOK_AGAIN_MS = 200,
};

struct watch {
	struct patience patience;
	struct recent_wish wish;
	struct cursor cursor;

	/* The snapshot. */
	struct service_list services;
	size_t service; /* the next one */
	size_t part;    /* of it: 0 itself, then its nodes, then its actions */
	int64_t revision;
	const char *reason;

	/* While the log is read. */
	struct cursor before, floor; /* the cursor, and memory's beginning, when it was asked */
	uint64_t rung;               /* recent_bell(), when memory was looked at */
	Registry__WatchResponse *found;
};

static void leave(struct call *c)
{
	struct watch *w = c->state;

	patience_end(&w->patience);
	service_list_release(&w->services);
}

/* --- sending -------------------------------------------------------------------------------- */

static enum next send_response(
	struct call *c, Registry__WatchResponse *out, bool more, call_step *then)
{
	struct watch *w = c->state;

	return patience_send(&w->patience, &out->base, more, then);
}

/* --- the snapshot --------------------------------------------------------------------------- */

/* The next part of a service as a change that puts it; false when there is none. An own node comes
 * with the service. */
static bool next_change(const struct service *s, size_t part, struct index_change *change)
{
	*change = (struct index_change){.space = s->space, .service_key = s->key, .key = s->key};
	if (part == 0) {
		change->kind = INDEX_PUT_SERVICE;
		change->service = (struct service *)s;
		return true;
	}
	part += service_own_node(s) ? 0 : -1;
	if (part < s->node_count) {
		change->kind = INDEX_PUT_NODE;
		change->node = (struct node *)s->nodes[part];
		change->key = change->node->key;
		return true;
	}
	part -= s->node_count;
	if (part >= s->action_count)
		return false;
	change->kind = INDEX_PUT_ACTION;
	change->action = (struct action *)s->actions[part];
	change->key = change->action->key;
	return true;
}

static void fill_part(struct watch *w, struct arena *a, Registry__WatchResponse *out)
{
	struct index_change change;
	size_t bytes = 0;

	out->changes = arena_array(a, CHANGES_EACH, sizeof *out->changes);
	while (w->service < w->services.count && out->n_changes < CHANGES_EACH &&
		bytes < BYTES_EACH) {
		if (!next_change(w->services.items[w->service], w->part++, &change)) {
			w->service++;
			w->part = 0;
			continue;
		}
		Registry__RegistryChange *m = message_change(a, &change);
		out->changes[out->n_changes++] = m;
		bytes += protobuf_c_message_get_packed_size(&m->base);
	}
}

static enum next follow(struct call *c);

static enum next send_part(struct call *c)
{
	struct watch *w = c->state;
	Registry__WatchResponse out = REGISTRY__WATCH_RESPONSE__INIT;

	out.kind = REGISTRY__WATCH_KIND__WATCH_KIND_SNAPSHOT;
	out.snapshot_reason = (char *)(w->reason ? w->reason : "");
	w->reason = NULL;
	fill_part(w, c->turn, &out);
	if (w->service < w->services.count)
		return send_response(c, &out, true, send_part);
	w->cursor = (struct cursor){w->revision, RECENT_WHOLE};
	out.kind = REGISTRY__WATCH_KIND__WATCH_KIND_SNAPSHOT_END;
	out.cursor = cursor_write(c->turn, w->cursor);
	return send_response(c, &out, false, follow);
}

static enum next take_snapshot(struct call *c, const char *reason)
{
	struct watch *w = c->state;
	struct index *index = registry_index(c);

	if (!index)
		return failed(c);
	service_list_release(&w->services);
	w->services = index_snapshot(index, w->wish.space, w->wish.service_key, &w->revision);
	w->service = w->part = 0;
	w->reason = reason;
	return send_part(c);
}

/* --- what follows, from the log ------------------------------------------------------------- */

static enum next go_on(struct call *c)
{
	call_end_turn(c);
	return follow(c);
}

/* Where the cursor stands; another server may be ahead of what is known here. */
static enum next located(struct call *c, const struct rows *rows)
{
	struct watch *w = c->state;
	struct recent *recent = registry_recent();
	int64_t last = rows_int64(rows, 0, 0);
	struct cursor forgotten = {rows_int64(rows, 0, 1), RECENT_WHOLE};

	if (w->before.revision > last)
		return take_snapshot(c, "the cursor is not known here");
	if (forgotten.revision && cursor_compare(w->before, forgotten) < 0)
		return take_snapshot(c, "what followed the cursor is no longer kept");
	if (w->found->n_changes)
		return send_response(c, w->found, false, follow);
	if (cursor_compare(w->before, w->cursor) < 0)
		return go_on(c);
	/* Nothing follows, so nothing is missing before what was in memory when the log was asked.
	 */
	if (cursor_compare(w->cursor, w->floor) < 0) {
		w->cursor = w->floor;
		return go_on(c);
	}
	return stream_wait(
		c, recent_bell(recent), w->rung, clock_now() + LOOK_AGAIN_MS * CLOCK_MS, follow);
}

static void fill_changes(struct watch *w, struct arena *a, const struct rows *rows)
{
	size_t count;
	struct index_change *changes = change_rows_read(rows, 0, a, &count);
	Registry__WatchResponse *out = w->found;

	out->changes = arena_array(a, count, sizeof *out->changes);
	for (size_t i = 0; i < count; i++)
		if (recent_wanted(&w->wish, changes[i].space, changes[i].service_key))
			out->changes[out->n_changes++] = message_change(a, &changes[i]);
}

static enum next read_log(struct call *c, const struct rows *rows)
{
	struct watch *w = c->state;
	int last = rows_count(rows) - 1;

	w->found = ARENA_NEW(c->turn, Registry__WatchResponse);
	registry__watch_response__init(w->found);
	w->before = w->cursor;
	if (last >= 0)
		w->cursor = (struct cursor){rows_int64(rows, last, STORE_REVISION),
			(int)rows_int64(rows, last, STORE_PART)};
	w->found->kind = REGISTRY__WATCH_KIND__WATCH_KIND_CHANGES;
	w->found->cursor = cursor_write(c->turn, w->cursor);
	fill_changes(w, c->turn, rows);
	return query(c, &store_position, NULL, located);
}

static enum next ask_log(struct call *c)
{
	const struct watch *w = c->state;
	struct text *parameters = arena_array(c->turn, 4, sizeof *parameters);

	parameters[0] = text_of(arena_printf(c->turn, "%lld", (long long)w->cursor.revision));
	parameters[1] = text_of(arena_printf(c->turn, "%d", w->cursor.part));
	parameters[2] = text_of(arena_printf(c->turn, "%d", CHANGES_EACH));
	parameters[3] = text_of(arena_printf(c->turn, "%d", BYTES_EACH));
	return query(c, &store_read_log, parameters, read_log);
}

/* --- what follows, from memory -------------------------------------------------------------- */

/* To protobuf-c the changes are fields that it does not know, already packed: recent.h. */
static enum next send_batch(struct call *c, struct recent_batch *batch)
{
	struct watch *w = c->state;
	Registry__WatchResponse out = REGISTRY__WATCH_RESPONSE__INIT;

	out.kind = REGISTRY__WATCH_KIND__WATCH_KIND_CHANGES;
	out.cursor = cursor_write(c->turn, w->cursor);
	out.base.n_unknown_fields = (unsigned)batch->count;
	out.base.unknown_fields = batch->changes;
	enum next next = send_response(c, &out, false, follow);
	recent_release(batch);
	return next;
}

static enum next follow(struct call *c)
{
	struct watch *w = c->state;
	struct recent *recent = registry_recent();
	struct recent_batch batch;

	patience_sent(&w->patience);
	service_list_release(&w->services);
	if (stream_lane_draining(call_streams()))
		return fail(c, STATUS_UNAVAILABLE, STOPPING);
	w->rung = bell_count(recent_bell(recent));
	w->floor = recent_floor(recent);
	switch (recent_read(recent, &w->wish, &w->cursor, &batch)) {
	case RECENT_FOUND:
		return send_batch(c, &batch);
	case RECENT_NOTHING:
		return stream_wait(c, recent_bell(recent), w->rung, CLOCK_NEVER, follow);
	default:
		return ask_log(c);
	}
}

enum next registry_watch(struct call *c)
{
	const Registry__WatchRequest *in = call_request(c, Registry__WatchRequest);
	struct watch *w = ARENA_NEW(c->arena, struct watch);

	if (!registry_index(c))
		return failed(c);
	if (*in->after && !cursor_read(text_of(in->after), &w->cursor))
		return fail_field(c, "after", "must be a cursor that Watch has sent");
	w->wish = (struct recent_wish){.space = c->caller.space,
		.service_key = index_key(text_of(in->service), c->arena),
		.most_bytes = BYTES_EACH};
	c->state = w;
	c->at_end = leave;
	patience_begin(&w->patience, c, TOO_SLOW, STOPPING);
	return *in->after ? follow(c) : take_snapshot(c, NULL);
}
