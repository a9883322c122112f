/* A file's state is told by device, inode, size and both times; it is asked for before and after
 * reading, and only what stayed the same has been read. */
#include "server/gateway/config/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/gateway/config/configuration.h"

#define SUFFIX ".config.json"

bool file_mark_equal(const struct file_mark *a, const struct file_mark *b)
{
	return a->device == b->device && a->number == b->number && a->size == b->size &&
	       a->modified_ns == b->modified_ns && a->changed_ns == b->changed_ns;
}

static int64_t nanoseconds(struct timespec t)
{
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static struct file_mark mark_of(const struct stat *s)
{
	return (struct file_mark){
		s->st_dev, s->st_ino, s->st_size, nanoseconds(s->st_mtim), nanoseconds(s->st_ctim)};
}

/* --- reading a file ------------------------------------------------------------------------- */

static const char *why(struct arena *a)
{
	char text[128];

	return arena_string(a, text_of(strerror_r(errno, text, sizeof(text))));
}

/* As many bytes as it has room for, or fewer if the file ends before; -1: it cannot be read. */
static ssize_t read_all(int fd, char *to, size_t room)
{
	size_t size = 0;
	ssize_t got;

	do {
		got = read(fd, to + size, room - size);
		if (got > 0)
			size += (size_t)got;
	} while ((got > 0 && size < room) || (got < 0 && errno == EINTR));
	return got < 0 ? -1 : (ssize_t)size;
}

/* False: it is not as it was seen. */
static bool read_open(struct folder_look *look, struct folder_file *f, int fd)
{
	struct stat after;
	char *bytes = arena_alloc(look->arena, (size_t)f->seen.size + 1);
	ssize_t size = read_all(fd, bytes, (size_t)f->seen.size + 1);

	if (size < 0) {
		f->error = why(look->arena);
		return true;
	}
	if (size != f->seen.size || fstat(fd, &after) != 0)
		return false;
	const struct file_mark mark = mark_of(&after);
	f->content = (struct text){bytes, (size_t)size};
	return file_mark_equal(&mark, &f->seen);
}

static bool read_file(struct folder_look *look, struct folder_file *f)
{
	int fd;
	bool done;

	if (f->seen.size > CONFIGURATION_MAX) {
		f->error =
			arena_printf(look->arena, "must have at most %d bytes", CONFIGURATION_MAX);
		return true;
	}
	fd = open(arena_printf(look->arena, "%s/%s", look->folder, f->path),
		O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0) {
		f->error = why(look->arena);
		return errno != ENOENT;
	}
	done = read_open(look, f, fd);
	close(fd);
	return done;
}

/* --- one look ------------------------------------------------------------------------------- */

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct folder_file *)a)->path, ((const struct folder_file *)b)->path);
}

static void add_file(struct folder_look *look, const char *path, const struct stat *s)
{
	const struct folder_file wanted = {.path = path};
	const struct folder_file *known =
		look->known_count
			? bsearch(&wanted, look->known, look->known_count, sizeof(wanted), by_path)
			: NULL;
	struct folder_file f = {
		.path = path, .seen = mark_of(s), .read = known ? known->read : wanted.read};

	if (known && file_mark_equal(&known->seen, &f.seen) && !file_mark_equal(&f.read, &f.seen) &&
		read_file(look, &f)) {
		f.fresh = true;
		f.read = f.seen;
	}
	if (look->count == look->room) {
		struct folder_file *files = look->files;

		look->room = look->room ? look->room * 2 : 16;
		look->files = arena_array(look->arena, look->room, sizeof(*files));
		if (look->count)
			memcpy(look->files, files, look->count * sizeof(*files));
	}
	look->files[look->count++] = f;
}

static bool is_shown(const char *name)
{
	struct text t = text_of(name);

	return *name != '.' && text_utf8_error(t) == t.size && !text_has_control(t);
}

static bool is_configuration(const char *name)
{
	size_t size = strlen(name), suffix = strlen(SUFFIX);

	return size > suffix && strcmp(name + size - suffix, SUFFIX) == 0;
}

static void note_unread(struct folder_look *look, const char *path)
{
	const char **paths = arena_array(look->arena, look->unread_count + 1, sizeof(*paths));
	const char **reasons = arena_array(look->arena, look->unread_count + 1, sizeof(*reasons));

	if (look->unread_count) {
		memcpy(paths, look->unread, look->unread_count * sizeof(*paths));
		memcpy(reasons, look->unread_why, look->unread_count * sizeof(*reasons));
	}
	paths[look->unread_count] = path;
	reasons[look->unread_count++] = why(look->arena);
	look->unread = paths;
	look->unread_why = reasons;
}

static bool look_into(struct folder_look *look, const char *path);

static void look_at(struct folder_look *look, DIR *folder, const char *path, const char *name)
{
	const char *below = *path ? arena_printf(look->arena, "%s/%s", path, name)
				  : arena_string(look->arena, text_of(name));
	struct stat s;

	if (!is_shown(name))
		return;
	if (fstatat(dirfd(folder), name, &s, 0) != 0) {
		if (errno != ENOENT && errno != ELOOP)
			note_unread(look, path);
		return;
	}
	if (S_ISREG(s.st_mode) && is_configuration(name))
		add_file(look, below, &s);
	else if (S_ISDIR(s.st_mode) && !*path && !look_into(look, below) && errno != ENOENT)
		note_unread(look, below);
}

/* False with errno: it cannot be read. */
static bool look_into(struct folder_look *look, const char *path)
{
	DIR *folder = opendir(arena_printf(look->arena, "%s/%s", look->folder, path));
	const struct dirent *entry;
	int error;

	if (!folder)
		return false;
	do {
		errno = 0;
		entry = readdir(folder);
		error = errno;
		if (entry)
			look_at(look, folder, path, entry->d_name);
	} while (entry);
	closedir(folder);
	errno = error;
	return error == 0;
}

void folder_look(struct folder_look *look)
{
	if (!look_into(look, ""))
		look->error = why(look->arena);
	if (look->count)
		qsort(look->files, look->count, sizeof(*look->files), by_path);
}
