/*
 * A cleaner is a service that has rules with patterns. With the first one the position in the log
 * of events is asked for, and all that is kept of cleaners is cleaned when it is known: what was
 * published before is not looked for. From there on the log is read in the order of the commits.
 */
#include "server/gateway/cleaning.h"

#include "base/table.h"
#include "base/wildcard.h"
#include "server/gateway/changes.h"
#include "server/gateway/rules.h"
#include "server/lane/errand.h"

enum { EVENTS_EACH = 1000, UNKNOWN = -1 };

struct cleaner {
	struct arena *arena;
	struct text name; /* "namespace/key" */
	struct text space, full_name;
	const struct rules *rules; /* held */
};

struct seen_event {
	struct text space, name;
};

static struct {
	struct table cleaners;
	int64_t position; /* in the log, or UNKNOWN */
	struct errand errand;
	struct loop_timer *timer;
	struct loop_task starting, going_on, leaving;
	/* The errand's, in its arena. */
	int64_t read_to;
	bool more;
	struct seen_event *seen; /* each once */
	size_t seen_count;
} known = {.cleaners = {.exact = true}, .position = UNKNOWN};

/* --- services --------------------------------------------------------------------------------- */

static void forget(struct text name)
{
	struct cleaner *c = table_get(&known.cleaners, name);
	struct arena *a = c ? c->arena : NULL;

	if (!c)
		return;
	table_remove(&known.cleaners, name);
	rules_release(c->rules);
	arena_free(&a);
}

static void forget_all(void)
{
	struct table_cursor cursor = {0};
	const struct cleaner *c;

	while ((c = table_next(&known.cleaners, &cursor))) {
		forget(c->name);
		cursor = (struct table_cursor){0};
	}
}

static bool has_patterns(const struct rules *rules)
{
	const struct rule *r = rules_next(rules, NULL);

	while (r && r->clean_count == 0)
		r = rules_next(rules, r);
	return r;
}

static void look_at_service(const struct index_change *change)
{
	const struct rules *rules =
		change->kind == INDEX_PUT_SERVICE ? rules_of(change->service) : NULL;
	struct arena *a = arena_new(0);
	struct text name = text_of(arena_printf(
		a, "%.*s/%.*s", TEXT_ARGS(change->space), TEXT_ARGS(change->service_key)));
	struct cleaner *c;

	forget(name);
	if (!rules || !has_patterns(rules)) {
		rules_release(rules);
		arena_free(&a);
		return;
	}
	c = ARENA_NEW(a, struct cleaner);
	*c = (struct cleaner){
		.arena = a,
		.name = name,
		.space = arena_text(a, change->space),
		.full_name = arena_text(a, service_full_name(change->service, a)),
		.rules = rules,
	};
	table_put(&known.cleaners, c->name, c);
}

void cleaning_of_registry(void *arg, const struct index_change *changes, size_t count,
	int64_t revision, bool replaced)
{
	if (replaced)
		forget_all();
	for (size_t i = 0; i < count; i++) {
		const struct index_change *c = &changes[i];

		if (c->kind == INDEX_PUT_SERVICE || c->kind == INDEX_DELETE_SERVICE)
			look_at_service(c);
		if (!replaced)
			changes_add(&(struct change){.space = c->space, .service = c->service_key});
	}
	if (replaced)
		changes_add_all();
	changes_tell();
}

/* --- events ----------------------------------------------------------------------------------- */

static const struct statement log_head = {
	.name = "gateway_log_head",
	.sql = "SELECT event.head()",
	.parameters = 0,
};

static const struct statement log_behind = {
	.name = "gateway_log_behind",
	.sql = "SELECT position, namespace, name FROM event.event WHERE position > $1::bigint "
	       "ORDER BY position LIMIT $2::integer",
	.parameters = 2,
};

static bool matches(const struct rule *rule, struct text event)
{
	static const struct wildcard_rules levels = {.separator = '.', .single = true};
	size_t i = 0;

	while (i < rule->clean_count && !wildcard_matches(rule->clean[i], event, &levels))
		i++;
	return i < rule->clean_count;
}

/* event NULL: all rules that have patterns. */
static void clean_by(const struct cleaner *c, const struct seen_event *event)
{
	for (const struct rule *r = rules_next(c->rules, NULL); r; r = rules_next(c->rules, r))
		if (event ? matches(r, event->name) : r->clean_count > 0)
			changes_add(&(struct change){
				true, c->space, c->full_name, text_of(r->message.id)});
}

static void see_events(struct arena *a, const struct rows *rows, int count)
{
	struct table names = {.exact = true};

	known.seen = arena_array(a, (size_t)count + 1, sizeof(*known.seen));
	for (int row = 0; row < count; row++) {
		struct text space = rows_text(rows, row, 1), name = rows_text(rows, row, 2);
		struct text whole =
			text_of(arena_printf(a, "%.*s/%.*s", TEXT_ARGS(space), TEXT_ARGS(name)));

		if (table_get(&names, whole))
			continue;
		known.seen[known.seen_count] = (struct seen_event){
			text_until(whole, space.size), text_from(whole, space.size + 1)};
		table_put(&names, whole, &known.seen[known.seen_count++]);
	}
	table_clear(&names);
}

/* On a lane's thread. */
static void read_rows(struct errand *e, const struct rows *rows)
{
	bool first = known.position == UNKNOWN;
	int count = rows_count(rows);

	known.read_to = count > 0 ? rows_int64(rows, count - 1, 0) : known.position;
	known.more = !first && count == EVENTS_EACH;
	known.seen_count = 0;
	if (!first)
		see_events(e->arena, rows, count);
}

static void landed(struct errand *e)
{
	bool first = known.position == UNKNOWN;
	struct table_cursor cursor = {0};
	const struct cleaner *c;

	if (e->failed)
		return;
	while ((first || known.seen_count > 0) && (c = table_next(&known.cleaners, &cursor))) {
		if (first)
			clean_by(c, NULL);
		for (size_t i = 0; i < known.seen_count; i++)
			if (text_equal(c->space, known.seen[i].space))
				clean_by(c, &known.seen[i]);
	}
	if (first || known.seen_count > 0)
		changes_tell();
	known.position = known.read_to;
	if (known.more)
		loop_post(known.errand.home, &known.going_on);
}

static void look_at_log(void *arg)
{
	struct text *parameters;

	if (known.errand.busy)
		return;
	if (known.cleaners.count == 0) {
		known.position = UNKNOWN;
		return;
	}
	errand_begin(&known.errand);
	if (known.position == UNKNOWN) {
		errand_send(&known.errand, &log_head, NULL);
		return;
	}
	parameters = arena_array(known.errand.arena, 2, sizeof(*parameters));
	parameters[0] =
		text_of(arena_printf(known.errand.arena, "%lld", (long long)known.position));
	parameters[1] = text_of(arena_printf(known.errand.arena, "%d", EVENTS_EACH));
	errand_send(&known.errand, &log_behind, parameters);
}

/* --- life ------------------------------------------------------------------------------------- */

static void start(struct loop_task *task)
{
	known.timer = loop_every(loop_current(), CLEANING_POLL_MS, look_at_log, NULL);
}

static void go_on(struct loop_task *task)
{
	if (known.timer)
		look_at_log(NULL);
}

void cleaning_start(struct lanes *lanes)
{
	known.errand = (struct errand){
		.lanes = lanes, .home = lane_loop(lanes, 0), .read = read_rows, .landed = landed};
	known.starting.run = start;
	known.going_on.run = go_on;
	loop_post(known.errand.home, &known.starting);
}

static void leave(struct loop_task *task)
{
	loop_timer_stop(&known.timer);
}

void cleaning_leave(void)
{
	known.leaving.run = leave;
	loop_post(known.errand.home, &known.leaving);
}

void cleaning_stop(void)
{
	errand_end(&known.errand);
	forget_all();
	table_clear(&known.cleaners);
}
