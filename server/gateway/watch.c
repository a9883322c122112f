/*
 * WatchRoutes: what has changed since the stream stands where it stands, in messages of some at a
 * time, a moment after the first of them, so that a burst is one message.
 */
#include "junction/v1/registry.pb-c.h"
#include "server/gateway/changes.h"
#include "server/gateway/route.h"
#include "server/patience.h"
#include "steps.gen.h"

enum { GATHER_MS = 20 };

#define TOO_SLOW "this client does not take what it is told of routes: begin anew"
#define STOPPING "the server is shutting down: watch at another one"

struct watching {
	struct patience patience;
	struct changes_cursor cursor;
	uint64_t rung;
};

static void leave(struct call *c)
{
	struct watching *w = c->state;

	patience_end(&w->patience);
}

static Registry__RouteService *show_service(struct arena *a, const struct change *change)
{
	Registry__RouteService *out = ARENA_NEW(a, Registry__RouteService);

	registry__route_service__init(out);
	out->namespace_ = (char *)change->space.data;
	out->service = (char *)change->service.data;
	return out;
}

static void show(struct arena *a, const struct change *changes, size_t count,
	Registry__WatchRoutesResponse *out)
{
	out->services = arena_array(a, count + 1, sizeof(*out->services));
	out->cleans = arena_array(a, count + 1, sizeof(*out->cleans));
	for (size_t i = 0; i < count; i++) {
		if (!changes[i].clean) {
			out->services[out->n_services++] = show_service(a, &changes[i]);
			continue;
		}
		Registry__RouteClean *clean = ARENA_NEW(a, Registry__RouteClean);
		registry__route_clean__init(clean);
		clean->service = show_service(a, &changes[i]);
		clean->rule = (char *)changes[i].rule.data;
		out->cleans[out->n_cleans++] = clean;
	}
}

static enum next look(struct call *c);

static enum next tell(struct call *c)
{
	struct watching *w = c->state;
	Registry__WatchRoutesResponse *out;
	const struct change *changes;
	bool all, callers;
	size_t count;

	call_end_turn(c);
	w->rung = bell_count(changes_bell());
	changes = changes_read(&w->cursor, c->turn, &count, &all, &callers);
	if (count == 0 && !all && !callers)
		return stream_wait(c, changes_bell(), w->rung, CLOCK_NEVER, look);
	out = ARENA_NEW(c->turn, Registry__WatchRoutesResponse);
	registry__watch_routes_response__init(out);
	out->all = all;
	out->callers = callers;
	show(c->turn, changes, count, out);
	return patience_send(&w->patience, &out->base, false, look);
}

/* Something may have changed: what follows at once is gathered. */
static enum next look(struct call *c)
{
	struct watching *w = c->state;

	patience_sent(&w->patience);
	if (stream_lane_draining(call_streams()))
		return fail(c, STATUS_UNAVAILABLE, STOPPING);
	return stream_wait(c, NULL, 0, clock_now() + GATHER_MS * CLOCK_MS, tell);
}

enum next registry_watch_routes(struct call *c)
{
	struct watching *w = ARENA_NEW(c->arena, struct watching);
	Registry__WatchRoutesResponse *out;

	if (!route_may_ask(c))
		return failed(c);
	c->state = w;
	w->cursor = changes_now();
	patience_begin(&w->patience, c, TOO_SLOW, STOPPING);
	c->at_end = leave;
	out = ARENA_NEW(c->turn, Registry__WatchRoutesResponse);
	registry__watch_routes_response__init(out);
	return patience_send(&w->patience, &out->base, false, look);
}
