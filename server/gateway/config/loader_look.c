#include "server/gateway/config/loader_look.h"

#include "base/clock.h"

/* On a thread of the pool. */
static void run(struct work_job *job)
{
	struct loader_look *look =
		(struct loader_look *)((char *)job - offsetof(struct loader_look, work));
	struct folder_look *folder = &look->folder;

	folder_look(folder);
	look->found = arena_array(folder->arena, folder->count, sizeof(*look->found));
	for (size_t i = 0; i < folder->count; i++)
		if (folder->files[i].fresh)
			look->found[i] = found_read(&folder->files[i]);
}

static void ended(struct work_job *job, const struct status *error)
{
	struct loader_look *look =
		(struct loader_look *)((char *)job - offsetof(struct loader_look, work));

	look->done(look, !error);
}

struct loader_look *loader_look_start(struct lanes *lanes, const char *folder,
	const struct loader_files *files, void (*done)(struct loader_look *look, bool seen))
{
	struct arena *a = arena_new(0);
	struct loader_look *look = ARENA_NEW(a, struct loader_look);
	struct folder_file *known = arena_array(a, files->count, sizeof(*known));

	for (size_t i = 0; i < files->count; i++)
		known[i] = (struct folder_file){
			.path = arena_string(a, text_of(files->items[i]->path)),
			.seen = files->items[i]->seen,
			.read = files->items[i]->read,
		};
	look->folder = (struct folder_look){
		.arena = a, .folder = folder, .known = known, .known_count = files->count};
	look->done = done;
	look->work = (struct work_job){.run = run, .done = ended, .deadline = CLOCK_NEVER};
	if (!lane_work(lanes, &look->work))
		loader_look_free(&look);
	return look;
}

void loader_look_free(struct loader_look **look)
{
	struct arena *a = *look ? (*look)->folder.arena : NULL;

	for (size_t i = 0; a && (*look)->found && i < (*look)->folder.count; i++)
		found_free(&(*look)->found[i]);
	*look = NULL;
	arena_free(&a);
}

bool loader_look_missed(const struct loader_look *look, const char *path)
{
	struct text file = text_of(path);

	if (look->folder.error)
		return true;
	for (size_t i = 0; i < look->folder.unread_count; i++) {
		struct text folder = text_of(look->folder.unread[i]);

		if (folder.size == 0 ||
			(text_starts(file, folder) && file.data[folder.size] == '/'))
			return true;
	}
	return false;
}

const char *loader_look_trouble(const struct loader_look *look)
{
	const struct folder_look *folder = &look->folder;
	struct buffer b = {.arena = folder->arena};

	if (folder->error)
		buffer_printf(&b, "%s: %s", folder->folder, folder->error);
	for (size_t i = 0; i < folder->unread_count; i++)
		buffer_printf(&b, "%s%s/%s: %s", b.size ? "; " : "", folder->folder,
			folder->unread[i], folder->unread_why[i]);
	return b.size ? arena_string(folder->arena, buffer_text(&b)) : NULL;
}
