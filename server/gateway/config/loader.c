/*
 * A tick looks at the folder when it is time to, and passes on what is to be published: one
 * statement at a time. What is read anew goes before what has gone, so that a file that was renamed
 * takes nothing away. What PostgreSQL refuses for good is the error of the file; all else is tried
 * again.
 */
#include "server/gateway/config/loader.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "server/gateway/config/loader_look.h"
#include "server/gateway/config/publish.h"
#include "server/registry/node_health.h"
#include "server/registry/registry.h"

enum {
	TICK_MS = 50,
	SETTLE_MS = 100, /* between two looks at what has just changed */
	AGAIN_MS = 1000, /* after a statement that failed */
	SEE_MS = 3600 * 1000,
	PATIENCE_MS = 5000, /* then the server is ready without what is not published */
};

enum task { SEE, CONFIGURE, REFUSE, REMOVE, SCHEMA, FORGET };

/* What PostgreSQL knows of a file from before. */
struct known {
	const char *path;
	struct text service; /* empty: it has brought none */
};

struct loader {
	const struct gateway_options *options;
	struct schema_lanes lanes;
	struct publish_place place;
	struct loop_task starting;
	atomic_bool left, published;
	_Atomic int64_t last_revision; /* that it has published */
	_Atomic int64_t connected_at;  /* when the database was first there; 0: it was not */

	struct loader_look *look, *last; /* under way, and the one before; or NULL */
	int64_t look_at;
	bool settled;   /* the last look found nothing that was changing */
	char *not_read; /* what was last said to be unreadable */
	struct loader_files files;

	struct errand errand;
	struct loop_task going_on;
	enum task task;
	struct loader_file *at; /* what the statement is about */
	bool sighted;           /* what was known before this start is among the files */
	bool forgetting;        /* files of others are to be forgotten */
	bool failing;
	int64_t go_on_at, see_at;
	/* What the statement has said, in its arena. */
	struct known *known;
	size_t known_count;
	int64_t revision;  /* 0: none */
	const char *other; /* host, or NULL */
};

static struct loader loader;

/* --- publishing ------------------------------------------------------------------------------ */

static void tell(struct loader *l, enum task task, struct loader_file *file)
{
	struct errand *e = &l->errand;
	const struct publish_place *p = &l->place;

	errand_begin(e);
	l->task = task;
	l->at = file;
	l->known_count = 0;
	l->revision = 0;
	l->other = NULL;
	switch (task) {
	case SEE:
		publish_sight(e, p);
		break;
	case CONFIGURE:
		publish_configure(e, p, file->path, file->found);
		break;
	case REFUSE:
		publish_refuse(e, p, file->path, file->found->service,
			file->refusal ? file->refusal : file->found->error);
		break;
	case REMOVE:
		publish_remove(e, p, file->path);
		break;
	case SCHEMA:
		publish_schema(e, p, schema_service(file->schema), schema_actions(file->schema));
		break;
	case FORGET:
		publish_forget(e, p);
		break;
	}
}

static bool send_file(struct loader *l)
{
	for (size_t i = 0; i < l->files.count; i++) {
		struct loader_file *file = l->files.items[i];

		if (!file->pending || file->gone)
			continue;
		file->pending = false;
		tell(l, file->found->error || file->refusal ? REFUSE : CONFIGURE, file);
		return true;
	}
	return false;
}

static bool send_gone(struct loader *l)
{
	for (size_t i = 0; i < l->files.count; i++)
		if (l->files.items[i]->gone) {
			tell(l, REMOVE, l->files.items[i]);
			return true;
		}
	return false;
}

static bool send_schema(struct loader *l)
{
	for (size_t i = 0; i < l->files.count; i++) {
		struct loader_file *file = l->files.items[i];

		if (file->schema && schema_actions(file->schema).data) {
			tell(l, SCHEMA, file);
			return true;
		}
	}
	return false;
}

static void go_on(struct loader *l)
{
	int64_t now = clock_now();

	if (l->left || l->errand.busy || !l->last || now < l->go_on_at)
		return;
	if (now >= l->see_at) {
		l->see_at = now + SEE_MS * CLOCK_MS;
		tell(l, SEE, NULL);
		return;
	}
	if (send_file(l) || send_gone(l) || send_schema(l))
		return;
	if (l->settled)
		l->published = true;
	if (l->forgetting) {
		l->forgetting = false;
		tell(l, FORGET, NULL);
	}
}

/* --- what PostgreSQL says -------------------------------------------------------------------- */

static void read_known(struct loader *l, const struct rows *rows)
{
	struct arena *a = l->errand.arena;

	l->known_count = (size_t)rows_count(rows);
	l->known = arena_array(a, l->known_count, sizeof(*l->known));
	for (int i = 0; i < rows_count(rows); i++)
		l->known[i] = (struct known){arena_string(a, rows_text(rows, i, 0)),
			arena_text(a, rows_text(rows, i, 1))};
}

/* On the lane's thread. */
static void read_rows(struct errand *e, const struct rows *rows)
{
	struct loader *l = (struct loader *)((char *)e - offsetof(struct loader, errand));

	if (l->task == SEE)
		read_known(l, rows);
	if (l->task != CONFIGURE)
		return;
	l->revision = rows_int64(rows, 0, 0);
	if (!rows_null(rows, 0, 1))
		l->other = arena_string(e->arena, rows_text(rows, 0, 1));
}

/* The next look finds what was there before this start and is not any more. What PostgreSQL does
 * not know any more is published again. */
static void take_known(struct loader *l)
{
	for (size_t i = 0; i < l->files.count; i++)
		l->files.items[i]->known = false;
	for (size_t i = 0; i < l->known_count; i++) {
		struct loader_file *file = loader_file_of(&l->files, l->known[i].path);

		file->known = true;
		if (l->known[i].service.size)
			loader_file_brings(file, l->known[i].service);
	}
	for (size_t i = 0; i < l->files.count; i++)
		if (l->files.items[i]->found && !l->files.items[i]->known)
			l->files.items[i]->pending = true;
	loader_files_find_doubles(&l->files);
	/* Those who start together all have time to say that they look at their folders. */
	l->forgetting = l->sighted;
	l->sighted = true;
}

static void configured(struct loader *l, struct loader_file *file)
{
	const struct found *found = file->found;

	if (l->other)
		log_event(LOG_WARN, "service configuration differs on another host",
			LOG_TEXT("file", file->path), LOG_TEXT("host", l->other));
	if (l->revision)
		l->last_revision = l->revision;
	if (found->error)
		return; /* what has been read since is still to be told */
	loader_file_brings(file, found->service);
	if (l->revision)
		log_event(LOG_INFO, "service configured", LOG_TEXT("file", file->path),
			LOG_SLICE("service", found->service), LOG_NUMBER("revision", l->revision));
	schema_free(&file->schema);
	if (found->schema_url_count)
		file->schema = schema_new(&l->lanes, found);
}

static void removed(struct loader *l, struct loader_file *file)
{
	log_event(LOG_INFO, "service configuration has gone", LOG_TEXT("file", file->path));
	if (file->gone)
		loader_file_remove(&l->files, file);
}

static void done(struct loader *l)
{
	switch (l->task) {
	case SEE:
		take_known(l);
		break;
	case CONFIGURE:
		configured(l, l->at);
		break;
	case REMOVE:
		removed(l, l->at);
		break;
	case SCHEMA:
		schema_published(l->at->schema);
		break;
	case REFUSE:
	case FORGET:
		break;
	}
}

/* The same statement will never do. */
static bool is_final(enum status_code code)
{
	return code == STATUS_INVALID_ARGUMENT || code == STATUS_ALREADY_EXISTS ||
	       code == STATUS_FAILED_PRECONDITION || code == STATUS_NOT_FOUND ||
	       code == STATUS_INTERNAL;
}

static void give_up(struct loader *l, const struct status *error)
{
	if (l->task == CONFIGURE) {
		loader_file_refuse(l->at,
			arena_printf(l->errand.arena, "%s: %s", l->at->path, error->message));
		return;
	}
	log_event(LOG_ERROR, "service configurations not kept",
		LOG_TEXT("file", l->at ? l->at->path : ""), LOG_TEXT("reason", error->message));
	done(l);
}

static void try_again(struct loader *l, const struct status *error)
{
	if (!l->failing)
		log_event(LOG_WARN, "service configurations wait for the database",
			LOG_TEXT("reason", error->message));
	l->failing = true;
	l->go_on_at = clock_now() + AGAIN_MS * CLOCK_MS;
	if (l->task == CONFIGURE || l->task == REFUSE)
		l->at->pending = true;
	if (l->task == SEE)
		l->see_at = 0;
}

static void landed(struct errand *e)
{
	struct loader *l = (struct loader *)((char *)e - offsetof(struct loader, errand));

	if (!e->failed) {
		l->failing = false;
		done(l);
	} else if (is_final(e->error.code)) {
		give_up(l, &e->error);
	} else {
		try_again(l, &e->error);
	}
	/* When this has returned. */
	loop_post(l->lanes.home, &l->going_on);
}

/* --- looking --------------------------------------------------------------------------------- */

/* Once for each change. */
static void say_trouble(struct loader *l)
{
	const char *trouble = loader_look_trouble(l->last);

	if (trouble && (!l->not_read || strcmp(l->not_read, trouble) != 0))
		log_event(LOG_WARN, "service configurations not readable: what they brought stays",
			LOG_TEXT("reason", trouble));
	free(l->not_read);
	l->not_read = trouble ? check_strdup(trouble) : NULL;
}

/* Once for each change. */
static void say_found(const char *path, const struct found *found)
{
	if (found->error)
		log_event(LOG_WARN, "service configuration refused", LOG_TEXT("file", path),
			LOG_TEXT("reason", found->error));
	for (size_t i = 0; i < found->warning_count; i++)
		log_event(LOG_WARN, "service configuration taken otherwise than it may be meant",
			LOG_TEXT("file", path), LOG_TEXT("warning", found->warnings[i]));
}

static void take_file(struct loader *l, const struct folder_file *seen, struct found **found)
{
	struct loader_file *file = loader_file_of(&l->files, seen->path);

	file->gone = false;
	file->seen = seen->seen;
	file->read = seen->read;
	l->settled = l->settled && file_mark_equal(&file->seen, &file->read);
	if (!*found)
		return;
	say_found(file->path, *found);
	loader_file_take(file, *found);
	*found = NULL;
}

static void find_gone(struct loader *l)
{
	static const struct file_mark none;
	size_t at = 0;

	for (size_t i = 0; i < l->files.count; i++) {
		struct loader_file *file = l->files.items[i];
		const struct folder_look *look = &l->last->folder;

		while (at < look->count && strcmp(look->files[at].path, file->path) < 0)
			at++;
		if ((at < look->count && strcmp(look->files[at].path, file->path) == 0) ||
			loader_look_missed(l->last, file->path))
			continue;
		file->gone = true;
		file->seen = file->read = none;
	}
}

static void looked(struct loader_look *look, bool seen)
{
	struct loader *l = &loader;

	l->look = NULL;
	if (!seen) {
		loader_look_free(&look);
		return;
	}
	loader_look_free(&l->last);
	l->last = look;
	l->settled = true;
	for (size_t i = 0; i < look->folder.count; i++)
		take_file(l, &look->folder.files[i], &look->found[i]);
	find_gone(l);
	say_trouble(l);
	loader_files_find_doubles(&l->files);
	l->look_at = clock_now() + (l->settled ? l->options->poll_ms : SETTLE_MS) * CLOCK_MS;
	go_on(l);
}

/* --- life ------------------------------------------------------------------------------------ */

static void tick(void *arg)
{
	struct loader *l = arg;

	if (l->left)
		return;
	if (!l->connected_at && lanes_ready(l->lanes.lanes))
		l->connected_at = clock_now();
	if (!l->look && clock_now() >= l->look_at)
		l->look = loader_look_start(
			l->lanes.lanes, l->options->config_folder, &l->files, looked);
	for (size_t i = 0; i < l->files.count; i++)
		if (l->files.items[i]->schema)
			schema_look(l->files.items[i]->schema);
	go_on(l);
}

static void start(struct loop_task *task)
{
	int64_t poll_ms = loader.options->poll_ms;

	loop_every(
		loop_current(), (uint64_t)(poll_ms < TICK_MS ? poll_ms : TICK_MS), tick, &loader);
	tick(&loader);
}

static void go_on_later(struct loop_task *task)
{
	go_on(&loader);
}

void loader_start(
	const struct gateway_options *options, struct lanes *lanes, struct fetch_lane *fetch)
{
	struct loop *home = lane_loop(lanes, 0);

	if (!options->config_folder) {
		loader.published = true;
		return;
	}
	loader.options = options;
	loader.lanes = (struct schema_lanes){lanes, fetch, home};
	loader.place = (struct publish_place){
		node_hostname(), text_of(options->config_folder), text_of(options->server_name)};
	loader.errand =
		(struct errand){.lanes = lanes, .home = home, .read = read_rows, .landed = landed};
	loader.going_on.run = go_on_later;
	loader.starting.run = start;
	loop_post(home, &loader.starting);
}

bool loader_ready(void)
{
	int64_t since = loader.connected_at;

	return (loader.published && registry_has(loader.last_revision)) ||
	       (since && clock_now() - since > PATIENCE_MS * CLOCK_MS);
}

void loader_leave(void)
{
	loader.left = true;
	schema_leave();
}

void loader_stop(void)
{
	errand_end(&loader.errand);
	loader_look_free(&loader.look);
	loader_look_free(&loader.last);
	loader_files_clear(&loader.files);
	free(loader.not_read);
	loader.not_read = NULL;
}
