/*
 * A snapshot: rows as structs in one arena, tables over them, and a trie of topics for each
 * namespace. Subscriptions are ordered by queue, so that the members of a queue stand together, and
 * those without conditions first, as the tries want them.
 */
#include "server/event/subscription/subscriptions_make.h"

#include <limits.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/log.h"
#include "base/table.h"
#include "server/event/subscription/condition.h"
#include "server/event/subscription/subscription_row.h"
#include "server/event/subscription/topic.h"
#include "server/event/subscription/topic_trie.h"

struct space {
	struct table groups, subscriptions; /* by name */
	struct topic_trie *topics;
};

struct subscriptions {
	atomic_size_t references;
	struct arena *arena;
	int64_t revision;
	struct subscription **subscriptions;
	size_t count;
	struct event_queue **queues; /* by id */
	size_t queue_count;
	struct table ids, spaces;
};

/* --- reading -------------------------------------------------------------------------------- */

int64_t subscriptions_revision(const struct subscriptions *s)
{
	return s->revision;
}

static int compare_id(const void *key, const void *element)
{
	const struct event_queue *q = *(const struct event_queue *const *)element;

	return *(const int *)key < q->id ? -1 : *(const int *)key > q->id;
}

static struct event_queue *find_queue(const struct subscriptions *s, int id)
{
	struct event_queue **found = s->queue_count ? bsearch(&id, s->queues, s->queue_count,
							      sizeof *s->queues, compare_id)
						    : NULL;

	return found ? *found : NULL;
}

const struct event_queue *subscriptions_queue(const struct subscriptions *s, int id)
{
	return find_queue(s, id);
}

const struct event_queue *subscriptions_group(
	const struct subscriptions *s, struct text space, struct text group)
{
	const struct space *in = table_get(&s->spaces, space);

	return in ? table_get(&in->groups, group) : NULL;
}

const struct subscription *subscriptions_by_id(const struct subscriptions *s, struct text id)
{
	return table_get(&s->ids, id);
}

const struct subscription *subscriptions_by_name(
	const struct subscriptions *s, struct text space, struct text name)
{
	const struct space *in = table_get(&s->spaces, space);

	return in ? table_get(&in->subscriptions, name) : NULL;
}

size_t subscriptions_count(const struct subscriptions *s)
{
	return s->count;
}

const struct subscription *subscriptions_at(const struct subscriptions *s, size_t index)
{
	return s->subscriptions[index];
}

size_t subscriptions_queue_count(const struct subscriptions *s)
{
	return s->queue_count;
}

const struct event_queue *subscriptions_queue_at(const struct subscriptions *s, size_t index)
{
	return s->queues[index];
}

/* --- matching ------------------------------------------------------------------------------- */

struct matching {
	struct text data;
	struct arena *reading; /* of the data's tree; NULL: nobody has asked for it */
	const struct json *tree;
	struct buffer queues; /* their ids */
	bool ascending, encrypt_stored;
};

/* The tree may be many times as large as the data, so it is no burden on the caller's arena. */
static bool meets_conditions(struct matching *m, const struct subscription *s)
{
	size_t met = 0;

	if (s->condition_count > 0 && !m->reading) {
		struct status status;
		m->reading = arena_new(0);
		m->tree = json_read(m->reading, m->data, &status);
	}
	while (met < s->condition_count && condition_met(&s->conditions[met], m->tree))
		met++;
	return met == s->condition_count;
}

static void add_queue(struct matching *m, int queue)
{
	size_t count = m->queues.size / sizeof queue;
	int last = count > 0 ? ((const int *)m->queues.data)[count - 1] : INT_MIN;

	m->ascending &= last <= queue;
	if (last != queue)
		buffer_add(&m->queues, &queue, sizeof queue);
}

static void take_place(void *arg, const struct topic_place *place)
{
	struct matching *m = arg;

	for (size_t i = 0; i < place->count; i++) {
		const struct subscription *taker = place->takers[i];
		if (!meets_conditions(m, taker))
			continue;
		m->encrypt_stored |= taker->encrypt_stored;
		add_queue(m, taker->queue);
	}
}

static int compare_numbers(const void *a, const void *b)
{
	int x = *(const int *)a, y = *(const int *)b;

	return (x > y) - (x < y);
}

static size_t sort_each_once(int *numbers, size_t count)
{
	size_t kept = 0;

	qsort(numbers, count, sizeof *numbers, compare_numbers);
	for (size_t i = 0; i < count; i++)
		if (kept == 0 || numbers[kept - 1] != numbers[i])
			numbers[kept++] = numbers[i];
	return kept;
}

struct subscriptions_match subscriptions_match(const struct subscriptions *s, struct arena *a,
	struct text space, struct text name, struct text data)
{
	const struct space *in = table_get(&s->spaces, space);
	struct matching m = {.data = data, .queues = {.arena = a}, .ascending = true};

	if (!in)
		return (struct subscriptions_match){0};
	topic_trie_find(in->topics, name, take_place, &m);
	arena_free(&m.reading);
	int *queues = (int *)m.queues.data;
	size_t count = m.queues.size / sizeof *queues;
	if (!m.ascending)
		count = sort_each_once(queues, count);
	return (struct subscriptions_match){queues, count, m.encrypt_stored};
}

bool subscription_wants(const struct subscription *subscription, struct text name, struct text data)
{
	struct matching m = {.data = data};
	size_t i = 0;

	while (i < subscription->pattern_count && !topic_matches(subscription->patterns[i], name))
		i++;
	bool wants = i < subscription->pattern_count && meets_conditions(&m, subscription);
	arena_free(&m.reading);
	return wants;
}

/* --- making --------------------------------------------------------------------------------- */

static void left_out(struct text kind, struct text id, const char *reason)
{
	log_event(LOG_ERROR, "event entry left out", LOG_SLICE("kind", kind), LOG_CUT("id", id),
		LOG_TEXT("reason", reason));
}

static void row_left_out(
	const struct subscriptions_row *row, const char *reason, struct arena *reading)
{
	struct status status;
	const struct json *id = json_member(json_read(reading, row->value, &status), TEXT("id"));

	left_out(row->kind, id ? id->raw : TEXT(""), reason);
}

static void read_row(
	struct subscriptions *s, const struct subscriptions_row *row, struct arena *reading)
{
	const struct row_arenas arenas = {s->arena, reading};
	struct status why = {.message = "its kind is not known"};
	struct event_queue *queue = NULL;
	struct subscription *subscription = NULL;

	if (text_equal(row->kind, TEXT("queue")))
		queue = row_queue(&arenas, row->value, &why);
	else if (text_equal(row->kind, TEXT("subscription")))
		subscription = row_subscription(&arenas, row->value, &why);
	if (queue)
		s->queues[s->queue_count++] = queue;
	else if (subscription)
		s->subscriptions[s->count++] = subscription;
	else
		row_left_out(row, why.message, reading);
}

static void read_rows(struct subscriptions *s, const struct subscriptions_row *rows, size_t count)
{
	struct arena *reading = arena_new(0);

	s->queues = arena_array(s->arena, count, sizeof *s->queues);
	s->subscriptions = arena_array(s->arena, count, sizeof *s->subscriptions);
	for (size_t i = 0; i < count; i++) {
		read_row(s, &rows[i], reading);
		arena_clear(reading);
	}
	arena_free(&reading);
}

static int compare_queues(const void *a, const void *b)
{
	return compare_numbers(
		&(*(struct event_queue *const *)a)->id, &(*(struct event_queue *const *)b)->id);
}

/* By queue; within it those first that take all, and of these those that want it encrypted. */
static int compare_subscriptions(const void *a, const void *b)
{
	const struct subscription *x = *(struct subscription *const *)a;
	const struct subscription *y = *(struct subscription *const *)b;

	if (x->queue != y->queue)
		return compare_numbers(&x->queue, &y->queue);
	if ((x->condition_count > 0) != (y->condition_count > 0))
		return x->condition_count > 0 ? 1 : -1;
	return (int)y->encrypt_stored - (int)x->encrypt_stored;
}

static struct space *find_space(struct subscriptions *s, struct text name)
{
	struct space *space = table_get(&s->spaces, name);

	if (space)
		return space;
	space = ARENA_NEW(s->arena, struct space);
	space->groups.exact = space->subscriptions.exact = true;
	space->topics = topic_trie_new(s->arena);
	table_put(&s->spaces, name, space);
	return space;
}

static void index_queues(struct subscriptions *s)
{
	qsort(s->queues, s->queue_count, sizeof *s->queues, compare_queues);
	for (size_t i = 0; i < s->queue_count; i++)
		if (s->queues[i]->member.size == 0)
			table_put(&find_space(s, s->queues[i]->space)->groups, s->queues[i]->group,
				s->queues[i]);
}

static void leave_out_those_without_queue(struct subscriptions *s)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->count; i++) {
		struct subscription *subscription = s->subscriptions[i];
		if (find_queue(s, subscription->queue)) {
			s->subscriptions[kept++] = subscription;
			continue;
		}
		left_out(TEXT("subscription"), subscription->id, "its queue is not known");
		row_wipe_secrets(subscription);
	}
	s->count = kept;
}

static void index_subscriptions(struct subscriptions *s)
{
	qsort(s->subscriptions, s->count, sizeof *s->subscriptions, compare_subscriptions);
	for (size_t i = 0; i < s->count; i++) {
		const struct subscription *subscription = s->subscriptions[i];
		struct event_queue *queue = find_queue(s, subscription->queue);
		struct space *space = find_space(s, subscription->space);
		if (queue->member_count++ == 0)
			queue->members = (const struct subscription *const *)&s->subscriptions[i];
		table_put(&s->ids, subscription->id, (void *)subscription);
		table_put(&space->subscriptions, subscription->name, (void *)subscription);
		for (size_t p = 0; p < subscription->pattern_count; p++)
			topic_trie_add(space->topics, subscription->patterns[p], subscription);
	}
}

const struct subscriptions *subscriptions_make(
	const struct subscriptions_row *rows, size_t count, int64_t revision)
{
	struct subscriptions *s = check_calloc(1, sizeof *s);

	atomic_init(&s->references, 1);
	s->arena = arena_new(0);
	s->revision = revision;
	s->ids.exact = s->spaces.exact = true;
	read_rows(s, rows, count);
	index_queues(s);
	leave_out_those_without_queue(s);
	index_subscriptions(s);
	return s;
}

/* --- life ----------------------------------------------------------------------------------- */

void subscriptions_share(const struct subscriptions *s)
{
	atomic_fetch_add_explicit(
		&((struct subscriptions *)s)->references, 1, memory_order_relaxed);
}

static void clear_space(struct space *space)
{
	table_clear(&space->groups);
	table_clear(&space->subscriptions);
	topic_trie_free(space->topics);
}

void subscriptions_release(const struct subscriptions **s)
{
	struct subscriptions *old = (struct subscriptions *)*s;
	struct table_cursor cursor = {0};
	struct space *space;

	*s = NULL;
	if (!old || atomic_fetch_sub_explicit(&old->references, 1, memory_order_acq_rel) > 1)
		return;
	for (size_t i = 0; i < old->count; i++)
		row_wipe_secrets(old->subscriptions[i]);
	while ((space = table_next(&old->spaces, &cursor)))
		clear_space(space);
	table_clear(&old->spaces);
	table_clear(&old->ids);
	arena_free(&old->arena);
	free(old);
}
