/* A list by number, the last at its end, and a table by name, under a lock that is held for moments
 * only. */
#include "server/gateway/changes.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "base/check.h"
#include "base/table.h"
#include "server/call.h"

struct entry {
	TAILQ_ENTRY(entry) link;
	uint64_t number;
	struct change change; /* in name */
	struct text name;
	char bytes[];
};

static struct {
	pthread_mutex_t lock;
	TAILQ_HEAD(entries, entry) list;
	struct table by_name;
	uint64_t last;    /* number */
	uint64_t dropped; /* what follows that is listed whole */
	atomic_uint_fast64_t callers;
	struct bell bell;
} known = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.list = TAILQ_HEAD_INITIALIZER(known.list),
	.by_name = {.exact = true},
};

/* --- adding ----------------------------------------------------------------------------------- */

static struct text add_part(char *to, struct text part)
{
	if (part.size)
		memcpy(to, part.data, part.size);
	to[part.size] = '\0';
	return (struct text){to, part.size};
}

/* Each part ends in NUL, which none of them holds. */
static struct entry *entry_new(const struct change *from)
{
	size_t size = 1 + from->space.size + 1 + from->service.size + 1 + from->rule.size + 1;
	struct entry *e = check_malloc(sizeof(*e) + size);

	e->bytes[0] = from->clean ? 'c' : 's';
	e->name = (struct text){e->bytes, size};
	e->change.clean = from->clean;
	e->change.space = add_part(e->bytes + 1, from->space);
	e->change.service =
		add_part((char *)e->change.space.data + from->space.size + 1, from->service);
	e->change.rule =
		add_part((char *)e->change.service.data + from->service.size + 1, from->rule);
	return e;
}

static void take_out(struct entry *e)
{
	TAILQ_REMOVE(&known.list, e, link);
	table_remove(&known.by_name, e->name);
	free(e);
}

void changes_add(const struct change *change)
{
	struct entry *e = entry_new(change), *before;

	pthread_mutex_lock(&known.lock);
	before = table_get(&known.by_name, e->name);
	if (!before && known.by_name.count == CHANGES_MOST) {
		before = TAILQ_FIRST(&known.list);
		known.dropped = before->number;
	}
	if (before)
		take_out(before);
	e->number = ++known.last;
	TAILQ_INSERT_TAIL(&known.list, e, link);
	table_put(&known.by_name, e->name, e);
	pthread_mutex_unlock(&known.lock);
}

void changes_add_all(void)
{
	pthread_mutex_lock(&known.lock);
	known.dropped = ++known.last;
	pthread_mutex_unlock(&known.lock);
}

void changes_tell(void)
{
	bell_ring(call_streams(), &known.bell);
}

void changes_of_gate(void)
{
	atomic_fetch_add(&known.callers, 1);
	changes_tell();
}

void changes_clear(void)
{
	while (!TAILQ_EMPTY(&known.list))
		take_out(TAILQ_FIRST(&known.list));
	table_clear(&known.by_name);
}

/* --- reading ---------------------------------------------------------------------------------- */

struct bell *changes_bell(void)
{
	return &known.bell;
}

struct changes_cursor changes_now(void)
{
	struct changes_cursor cursor;

	pthread_mutex_lock(&known.lock);
	cursor = (struct changes_cursor){known.last, atomic_load(&known.callers)};
	pthread_mutex_unlock(&known.lock);
	return cursor;
}

static struct change copy(struct arena *a, const struct change *from)
{
	return (struct change){from->clean, arena_text(a, from->space),
		arena_text(a, from->service), arena_text(a, from->rule)};
}

const struct change *changes_read(
	struct changes_cursor *cursor, struct arena *a, size_t *count, bool *all, bool *callers)
{
	uint64_t now = atomic_load(&known.callers);
	struct change *out = NULL;
	struct entry *e;

	*callers = cursor->callers != now;
	cursor->callers = now;
	*count = 0;
	pthread_mutex_lock(&known.lock);
	*all = cursor->at < known.dropped;
	if (!*all && cursor->at < known.last)
		out = arena_array(a, known.by_name.count, sizeof(*out));
	for (e = TAILQ_LAST(&known.list, entries); out && e && e->number > cursor->at;
		e = TAILQ_PREV(e, entries, link))
		out[(*count)++] = copy(a, &e->change);
	cursor->at = known.last;
	pthread_mutex_unlock(&known.lock);
	return out;
}
