/*
 * One errand reads the rows, again and again; with a folder, it removes them first. A row of a
 * process of ours that has ended is left out of what is known, and another errand removes it: so a
 * row that could not be removed when the process ended, or was written just then, goes at the next
 * look.
 */
#include "server/extension/extension.h"

#include <semaphore.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/log.h"
#include "base/metric.h"
#include "server/db/array.h"
#include "server/extension/extension_store.h"
#include "server/extension/invocation.h"
#include "server/extension/notice.h"
#include "server/lane/keeping.h"
#include "server/registry/node_health.h"
#include "server/registry/upstream.h"

enum {
	LOOK_MS = 500,      /* between two looks at the rows */
	LOOK_FIRST_MS = 10, /* while PostgreSQL does not answer yet */
	FINISH_MS = 1000,   /* what is left of invocations when the server ends */
	CLEAR_MS = 2000,    /* to remove the rows then */
};

static struct {
	struct extension_options options;
	struct lanes *lanes;
	struct fetch_lane *fetch;
	struct processes *processes; /* NULL: there is no folder */
	atomic_bool looking;         /* look_now waits to be run */
	struct loop_task look_now;
	struct keeping keeping; /* rows of invocations */

	/* The home thread's. */
	struct errand reading, forgetting;
	struct loop_timer *next;
	bool cleared; /* the rows of former processes are gone, ours are started */
	bool again;   /* rows may have changed since reading was sent */
	/* As read, in reading's arena. */
	uint64_t ticket;
	struct buffer dead_names, dead_pids;
} extensions;

static double known_extensions(size_t index)
{
	return (double)known_count();
}

static struct metric registered = {
	.name = "junction_extensions",
	.help = "Extensions of this host that are registered.",
	.kind = METRIC_GAUGE,
	.read = known_extensions,
};

/* --- reading the rows ------------------------------------------------------------------------- */

/* It was started here, and that process has ended. */
static bool dead(const struct known_row *row)
{
	int pid;

	return row->own && row->pid && extensions.processes &&
	       !(processes_find(extensions.processes, row->name, &pid) && pid == row->pid);
}

static size_t split(const struct rows *rows, struct known_row living[EXTENSIONS_MAX],
	struct known_row gone[EXTENSIONS_MAX], size_t *gone_count)
{
	struct known_row found[EXTENSIONS_MAX];
	size_t found_count = extension_read(rows, found), count = 0;

	*gone_count = 0;
	for (size_t i = 0; i < found_count; i++) {
		if (dead(&found[i]))
			gone[(*gone_count)++] = found[i];
		else
			living[count++] = found[i];
	}
	return count;
}

void extension_take(uint64_t ticket, const struct rows *rows)
{
	struct known_row living[EXTENSIONS_MAX], gone[EXTENSIONS_MAX];
	size_t gone_count, count = split(rows, living, gone, &gone_count);

	known_put(ticket, living, count);
}

/* On the lane's thread. */
static void read_rows(struct errand *errand, const struct rows *rows)
{
	struct known_row living[EXTENSIONS_MAX], gone[EXTENSIONS_MAX];
	size_t gone_count, count = split(rows, living, gone, &gone_count);

	known_put(extensions.ticket, living, count);
	for (size_t i = 0; i < gone_count; i++) {
		array_add(&extensions.dead_names, gone[i].name);
		array_add_number(&extensions.dead_pids, gone[i].pid);
	}
}

static void forget_dead(void)
{
	struct errand *e = &extensions.forgetting;
	struct text *parameters;

	if (extensions.dead_names.size == 0 || !errand_begin(e))
		return;
	parameters = arena_array(e->arena, 3, sizeof *parameters);
	parameters[0] = node_hostname();
	parameters[1] = arena_text(e->arena, array_text(&extensions.dead_names));
	parameters[2] = arena_text(e->arena, array_text(&extensions.dead_pids));
	errand_send(e, &extension_forget, parameters);
}

static void look(void *arg);

static void look_after(uint64_t ms)
{
	loop_timer_stop(&extensions.next);
	extensions.next = loop_after(extensions.reading.home, ms, look, NULL);
}

static void have_read(struct errand *errand)
{
	if (!errand->failed && errand->read)
		forget_dead();
	if (!errand->failed && !errand->read) {
		extensions.cleared = true;
		extensions.again = true;
		processes_begin(extensions.processes);
	}
	look_after(extensions.again ? 0 : extension_ready() ? LOOK_MS : LOOK_FIRST_MS);
}

static struct text *host_and_server(struct arena *a)
{
	struct text *parameters = arena_array(a, 2, sizeof *parameters);

	parameters[0] = node_hostname();
	parameters[1] = node_name();
	return parameters;
}

static void read_or_clear(void)
{
	struct errand *e = &extensions.reading;
	bool clear = extensions.processes && !extensions.cleared;

	if (!errand_begin(e))
		return;
	extensions.again = false;
	extensions.dead_names = extensions.dead_pids = (struct buffer){.arena = e->arena};
	extensions.ticket = known_ticket();
	e->read = clear ? NULL : read_rows;
	errand_send(e, clear ? &extension_clear : &extension_load, host_and_server(e->arena));
}

/* --- now and then ----------------------------------------------------------------------------- */

static void look(void *arg)
{
	if (!lanes_ready(extensions.lanes)) {
		look_after(LOOK_FIRST_MS);
		return;
	}
	read_or_clear();
}

static void look_now(struct loop_task *task)
{
	atomic_store(&extensions.looking, false);
	extensions.again = true;
	if (!extensions.reading.busy)
		look_after(0);
}

void extension_look(void)
{
	if (!atomic_exchange(&extensions.looking, true))
		loop_post(extensions.reading.home, &extensions.look_now);
}

/* On the processes' thread. */
static void process_ended(void *arg, const char *name, int pid)
{
	extension_look();
}

void extension_on_call(struct text service, const struct caller *caller)
{
	if (text_equal_nocase(service, text_of(extensions.options.function_service)) &&
		text_equal(caller->space, TEXT("default")))
		invocation_begin(caller->trace.request_id, caller);
}

/* --- life ------------------------------------------------------------------------------------- */

static bool open_processes(void)
{
	const struct extension_options *o = &extensions.options;

	if (!o->folder)
		return true;
	extensions.processes = processes_open(&(struct processes_options){
		.folder = o->folder,
		.user = o->user,
		.api_address = o->api_address,
		.register_ms = o->register_ms,
		.restart_ms = o->restart_ms,
		.stop_ms = o->stop_ms,
		.ended = process_ended,
	});
	return extensions.processes != NULL;
}

bool extension_start(
	const struct extension_options *options, struct lanes *lanes, struct fetch_lane *fetch)
{
	const struct errand errand = {.lanes = lanes, .home = lane_loop(lanes, 0)};

	extensions.options = *options;
	extensions.lanes = lanes;
	extensions.fetch = fetch;
	extensions.reading = extensions.forgetting = errand;
	extensions.reading.landed = have_read;
	keeping_start(
		&extensions.keeping, lanes, &extension_keep_invocations, options->history_days);
	extensions.look_now.run = look_now;
	if (!open_processes())
		return false;
	invocations_start(&(struct invocation_options){
		.fetch = fetch,
		.urn = options->function_urn,
		.timeout_ms = options->timeout_ms,
	});
	if (options->function_service)
		upstream_on_call(extension_on_call);
	metric_register(&registered);
	extension_look();
	return true;
}

bool extension_ready(void)
{
	return known_loaded();
}

struct processes *extension_processes(void)
{
	return extensions.processes;
}

const struct extension_options *extension_settings(void)
{
	return &extensions.options;
}

struct clearing {
	struct sql_job job; /* first */
	sem_t done;
};

static void cleared(struct sql_job *job, const struct rows *rows, const struct status *error)
{
	sem_post(&((struct clearing *)job)->done);
}

/* Waits for it. */
static void clear_own(void)
{
	struct arena *a = arena_new(0);
	struct clearing c = {.job = {.statement = &extension_clear_own,
				     .parameters = host_and_server(a),
				     .deadline = clock_now() + CLEAR_MS * CLOCK_MS,
				     .done = cleared}};

	CHECK(sem_init(&c.done, 0, 0) == 0);
	if (lane_change(extensions.lanes, &c.job))
		while (sem_wait(&c.done) != 0)
			;
	sem_destroy(&c.done);
	arena_free(&a);
}

void extension_leave(void)
{
	int64_t term_at;

	invocations_finish(clock_now() + FINISH_MS * CLOCK_MS);
	if (!extensions.processes)
		return;
	processes_retire(extensions.processes);
	term_at = clock_now() + extensions.options.stop_ms * CLOCK_MS;
	notices_send(extensions.fetch, extensions.processes, term_at);
	processes_stop(extensions.processes, term_at);
	clear_own();
}

void extension_stop(void)
{
	errand_end(&extensions.reading);
	errand_end(&extensions.forgetting);
	keeping_end(&extensions.keeping);
	processes_free(&extensions.processes);
	known_forget();
}
