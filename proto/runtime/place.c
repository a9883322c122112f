/* Outermost first, so the way up is walked before anything is written. */
#include "proto/runtime/place.h"

static void path_write(struct buffer *path, const struct place *at)
{
	if (at->up)
		path_write(path, at->up);
	if (!at->name.data) {
		buffer_printf(path, "[%zu]", at->index);
		return;
	}
	if (path->size > 0)
		buffer_add_char(path, '.');
	buffer_add_text(path, at->name);
}

const char *place_path(struct arena *a, const struct place *at)
{
	struct buffer path = {.arena = a};

	if (!at)
		return NULL;
	path_write(&path, at);
	return arena_string(a, buffer_text(&path));
}
