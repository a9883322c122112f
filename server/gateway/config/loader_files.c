#include "server/gateway/config/loader_files.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/log.h"

/* The index of the first that is not before path. */
static size_t place_of(const struct loader_files *files, const char *path)
{
	size_t low = 0, high = files->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(files->items[middle]->path, path) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct loader_file *loader_file_of(struct loader_files *files, const char *path)
{
	size_t place = place_of(files, path);
	struct loader_file *file;

	if (place < files->count && strcmp(files->items[place]->path, path) == 0)
		return files->items[place];
	if (files->count == files->room) {
		files->room = files->room ? files->room * 2 : 16;
		files->items = check_realloc(files->items, files->room * sizeof(*files->items));
	}
	memmove(&files->items[place + 1], &files->items[place],
		(files->count - place) * sizeof(*files->items));
	files->count++;
	file = files->items[place] = check_calloc(1, sizeof(*file));
	file->path = check_strdup(path);
	return file;
}

static void file_free(struct loader_file *file)
{
	schema_free(&file->schema);
	found_free(&file->found);
	free(file->brings);
	free(file->refusal);
	free(file->path);
	free(file);
}

void loader_file_remove(struct loader_files *files, struct loader_file *file)
{
	size_t place = place_of(files, file->path);

	files->count--;
	memmove(&files->items[place], &files->items[place + 1],
		(files->count - place) * sizeof(*files->items));
	file_free(file);
}

void loader_files_clear(struct loader_files *files)
{
	for (size_t i = 0; i < files->count; i++)
		file_free(files->items[i]);
	free(files->items);
	*files = (struct loader_files){0};
}

static void set_refusal(struct loader_file *file, const char *refusal)
{
	free(file->refusal);
	file->refusal = refusal ? check_strdup(refusal) : NULL;
	file->pending = true;
}

void loader_file_take(struct loader_file *file, struct found *found)
{
	found_free(&file->found);
	file->found = found;
	file->doubled = false;
	set_refusal(file, NULL);
}

void loader_file_refuse(struct loader_file *file, const char *refusal)
{
	set_refusal(file, refusal);
	log_event(LOG_WARN, "service configuration refused", LOG_TEXT("file", file->path),
		LOG_TEXT("reason", refusal));
}

struct text loader_file_service(const struct loader_file *file)
{
	if (file->found && !file->found->error)
		return file->found->service;
	return text_of(file->brings);
}

void loader_file_brings(struct loader_file *file, struct text service)
{
	free(file->brings);
	file->brings = check_malloc(service.size + 1);
	memcpy(file->brings, service.data, service.size);
	file->brings[service.size] = '\0';
}

/* --- doubles --------------------------------------------------------------------------------- */

/* NULL: there is none. */
static const struct loader_file *first_of(
	const struct loader_files *files, const struct loader_file *file)
{
	struct text service = loader_file_service(file);

	for (size_t i = 0; files->items[i] != file; i++)
		if (!files->items[i]->gone &&
			text_equal_nocase(loader_file_service(files->items[i]), service))
			return files->items[i];
	return NULL;
}

static void look_for_double(const struct loader_files *files, struct loader_file *file)
{
	const struct loader_file *first = first_of(files, file);
	struct arena *a;

	if (!first && file->doubled)
		set_refusal(file, NULL);
	if (first && !file->doubled) {
		a = arena_new(0);
		loader_file_refuse(
			file, arena_printf(a, "%s: code %.*s is that of %s, whose name comes first",
				      file->path, TEXT_ARGS(file->found->service), first->path));
		arena_free(&a);
	}
	file->doubled = first != NULL;
}

void loader_files_find_doubles(struct loader_files *files)
{
	for (size_t i = 0; i < files->count; i++) {
		struct loader_file *file = files->items[i];

		if (!file->gone && file->found && !file->found->error)
			look_for_double(files, file);
	}
}
