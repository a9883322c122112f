/* ListExtensions: the rows, as they are now, and the processes of this server. */
#include <stdlib.h>

#include "junction/v1/extension.pb-c.h"
#include "server/extension/extension.h"
#include "server/extension/extension_store.h"
#include "steps.gen.h"

struct listing {
	uint64_t ticket;
	Extension__ListExtensionsResponse out;
};

static Extension__Extension *add(struct call *c, struct listing *l, struct text name)
{
	Extension__Extension *m = ARENA_NEW(c->arena, Extension__Extension);

	extension__extension__init(m);
	m->name = arena_string(c->arena, name);
	l->out.extensions[l->out.n_extensions++] = m;
	return m;
}

static Extension__ExtensionState state_of(enum process_state state)
{
	switch (state) {
	case PROCESS_OVERDUE:
		return EXTENSION__EXTENSION_STATE__EXTENSION_STATE_OVERDUE;
	case PROCESS_RESTARTING:
		return EXTENSION__EXTENSION_STATE__EXTENSION_STATE_RESTARTING;
	default: /* registered: not any more, say the rows */
		return EXTENSION__EXTENSION_STATE__EXTENSION_STATE_STARTING;
	}
}

static void add_processes(
	struct call *c, struct listing *l, const struct process_info *processes, size_t count)
{
	for (const struct process_info *p = processes; p < processes + count; p++) {
		Extension__Extension *m = add(c, l, p->name);

		m->state = state_of(p->state);
		m->pid = p->pid;
		m->restarts = p->restarts;
		m->last_exit = arena_string(c->arena, p->last_exit);
	}
}

static Extension__Extension *find(const struct listing *l, struct text name)
{
	for (size_t i = 0; i < l->out.n_extensions; i++)
		if (text_equal(text_of(l->out.extensions[i]->name), name))
			return l->out.extensions[i];
	return NULL;
}

static Google__Protobuf__Timestamp *moment(struct call *c, int64_t us)
{
	Google__Protobuf__Timestamp *t = ARENA_NEW(c->arena, Google__Protobuf__Timestamp);

	google__protobuf__timestamp__init(t);
	t->seconds = us / 1000000;
	t->nanos = (int32_t)(us % 1000000) * 1000;
	return t;
}

/* The row of a process that has ended is about to go. */
static void add_rows(struct call *c, struct listing *l, const struct rows *rows)
{
	struct known_row found[EXTENSIONS_MAX];
	size_t count = extension_read(rows, found);

	for (const struct known_row *row = found; row < found + count; row++) {
		Extension__Extension *m = find(l, row->name);

		if (m && row->own && row->pid != m->pid)
			continue;
		if (!m)
			m = add(c, l, row->name);
		m->state = EXTENSION__EXTENSION_STATE__EXTENSION_STATE_REGISTERED;
		m->address = arena_printf(c->arena, "127.0.0.1:%d", row->port);
		m->registered_at = moment(c, row->registered_us);
	}
}

static int by_name(const void *a, const void *b)
{
	return strcmp((*(Extension__Extension *const *)a)->name,
		(*(Extension__Extension *const *)b)->name);
}

static enum next have_read(struct call *c, const struct rows *rows)
{
	struct listing *l = c->state;
	struct process_info *processes = NULL;
	size_t count = 0;

	extension_take(l->ticket, rows);
	if (extension_processes())
		processes = processes_list(extension_processes(), c->arena, &count);
	extension__list_extensions_response__init(&l->out);
	l->out.extensions =
		arena_array(c->arena, count + EXTENSIONS_MAX, sizeof *l->out.extensions);
	add_processes(c, l, processes, count);
	add_rows(c, l, rows);
	qsort(l->out.extensions, l->out.n_extensions, sizeof *l->out.extensions, by_name);
	return REPLY(c, &l->out);
}

enum next registry_list_extensions(struct call *c)
{
	struct listing *l = ARENA_NEW(c->arena, struct listing);

	c->state = l;
	if (!extension_ready())
		return fail(c, STATUS_UNAVAILABLE, "the extensions are not loaded yet");
	l->ticket = known_ticket();
	return extension_find_all(c, have_read);
}
