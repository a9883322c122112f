/*
 * Keeper, what is kept. Answers are on one of two shelves, so that what is refused or not there,
 * which anybody can ask for, takes no room from what is. A place with nodes stays for a while
 * without answers, up to PLACES_MOST of them: its next question would else begin the round anew.
 */
#include <stdlib.h>

#include "bridge/gateway/keeper_parts.h"

#define PLACES_MOST 1024
#define UNIT        4096 /* bytes: the first block of an arena */

struct metric keeper_kept_metric = {
	.name = "junction_gateway_routes",
	.help = "Answers about routes that are kept, on all threads.",
	.kind = METRIC_GAUGE,
};

/* --- places ---------------------------------------------------------------------------------- */

static struct place *make_place(struct keeper *k, struct text name, size_t space)
{
	struct place *p = check_calloc(1, sizeof(*p));
	char *own = check_malloc(name.size);
	memcpy(own, name.data, name.size);
	p->name = (struct text){own, name.size};
	p->space = text_until(p->name, space);
	p->service = text_from(p->name, space + 1);
	TAILQ_INIT(&p->current);
	table_put(&k->places, p->name, p);
	return p;
}

struct place *keeper_place(struct keeper *k, struct text space, struct text service)
{
	struct arena *a = arena_new(0);
	struct buffer name = {.arena = a};
	buffer_add_text(&name, space);
	buffer_add_char(&name, '\0');
	buffer_add_text(&name, arena_lower(a, service));
	struct place *p = table_get(&k->places, buffer_text(&name));
	if (!p)
		p = make_place(k, buffer_text(&name), space.size);
	p->references++;
	arena_free(&a);
	return p;
}

void keeper_forget_nodes(struct place *p)
{
	for (size_t i = 0; i < KEEPER_KINDS; i++)
		node_set_release(&p->nodes[i].set);
}

static void free_place(struct keeper *k, struct place *p)
{
	table_remove(&k->places, p->name);
	keeper_forget_nodes(p);
	free((char *)p->name.data);
	free(p);
}

static bool has_nodes(const struct place *p)
{
	for (size_t i = 0; i < KEEPER_KINDS; i++)
		if (p->nodes[i].set)
			return true;
	return false;
}

void keeper_place_release(struct keeper *k, struct place *p)
{
	if (!--p->references && (!has_nodes(p) || k->places.count > PLACES_MOST))
		free_place(k, p);
}

/* Nobody has asked for it lately: it may be gone. */
void keeper_change(struct keeper *k, struct place *p)
{
	int64_t now = clock_now();
	struct kept *a;
	p->changed = k->tick;
	while ((a = TAILQ_FIRST(&p->current))) {
		TAILQ_REMOVE(&p->current, a, current_link);
		a->outdated = now;
	}
	if (!p->references)
		free_place(k, p);
}

void keeper_free_places(struct keeper *k)
{
	struct table_cursor cursor = {0};
	for (struct place *p = table_next(&k->places, &cursor), *next; p; p = next) {
		next = table_next(&k->places, &cursor);
		CHECK(!p->references);
		free_place(k, p);
	}
	table_clear(&k->places);
}

/* --- routes ---------------------------------------------------------------------------------- */

void saying_release(struct saying **released)
{
	struct saying *s = *released;
	*released = NULL;
	if (s && !--s->references)
		arena_free(&(struct arena *){s->arena});
}

struct route *keeper_route(struct saying *s, struct node_set *nodes)
{
	struct kept_route *r = check_calloc(1, sizeof(*r));
	s->references++;
	r->saying = s;
	r->route = (struct route){.said = s->response, .nodes = nodes, .references = 1};
	return &r->route;
}

void route_hold(struct route *r)
{
	r->references++;
}

void route_release(struct route **released)
{
	struct kept_route *r = (struct kept_route *)*released;
	*released = NULL;
	if (!r || --r->route.references)
		return;
	node_set_release(&r->route.nodes);
	saying_release(&r->saying);
	free(r);
}

/* --- answers --------------------------------------------------------------------------------- */

void keeper_drop(struct keeper *k, struct kept *a)
{
	table_remove(&k->answers, a->key);
	TAILQ_REMOVE(&a->shelf->list, a, link);
	a->shelf->units -= a->units;
	if (!a->outdated)
		TAILQ_REMOVE(&a->place->current, a, current_link);
	keeper_place_release(k, a->place);
	route_release(&a->route);
	saying_release(&a->saying);
	explicit_bzero((char *)a->key.data, a->key.size);
	free((char *)a->key.data);
	free(a);
	metric_add(&keeper_kept_metric, 0, -1);
}

void keeper_keep(struct keeper *k, struct text key, struct place *p, struct saying *s,
	struct route *route, uint64_t asked, int64_t expires, int64_t outdated)
{
	struct kept *a = check_calloc(1, sizeof(*a));
	char *own = check_malloc(key.size);
	memcpy(own, key.data, key.size);
	*a = (struct kept){
		.key = {own, key.size},
		.place = p,
		.saying = s,
		.route = route,
		.shelf = route && !route->said->refusal_code ? &k->routes : &k->refusals,
		.units = 1 + (arena_used(s->arena) + key.size) / UNIT,
		.asked = asked,
		.expires = expires,
		.outdated = outdated,
	};
	p->references++;
	s->references++;
	if (route)
		route_hold(route);
	if (!outdated)
		TAILQ_INSERT_TAIL(&p->current, a, current_link);
	table_put(&k->answers, a->key, a);
	TAILQ_INSERT_HEAD(&a->shelf->list, a, link);
	a->shelf->units += a->units;
	metric_add(&keeper_kept_metric, 0, 1);
	struct shelf *shelf = a->shelf;
	while (shelf->units > shelf->most)
		keeper_drop(k, TAILQ_LAST(&shelf->list, kept_list));
}

void keeper_used(struct kept *a)
{
	TAILQ_REMOVE(&a->shelf->list, a, link);
	TAILQ_INSERT_HEAD(&a->shelf->list, a, link);
}

static void clear_shelf(struct keeper *k, struct shelf *shelf)
{
	struct kept *a;
	while ((a = TAILQ_FIRST(&shelf->list)))
		keeper_drop(k, a);
}

void keeper_drop_all(struct keeper *k)
{
	clear_shelf(k, &k->routes);
	clear_shelf(k, &k->refusals);
}
