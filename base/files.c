/*
 * Files: a file is another when its inode, size or times differ, links followed. It is looked at
 * before it is read: what is written in between shows at the next look.
 */
#include "base/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"

/* All of it, or NULL with errno; EFBIG: beyond FILES_SIZE_MAX, EINVAL: no text. */
static char *read_all(int fd)
{
	char *text = check_malloc(FILES_SIZE_MAX + 1);
	size_t size = 0;
	ssize_t got = 1;
	while (got > 0 && size <= FILES_SIZE_MAX) {
		got = read(fd, text + size, FILES_SIZE_MAX + 1 - size);
		size += got > 0 ? (size_t)got : 0;
	}
	int error = got < 0 ? errno : size > FILES_SIZE_MAX ? EFBIG : 0;
	if (!error && memchr(text, '\0', size))
		error = EINVAL;
	if (!error) {
		text[size] = '\0';
		return text;
	}
	explicit_bzero(text, size);
	free(text);
	errno = error;
	return NULL;
}

/* A pipe would never end: only regular files are read. */
static bool read_one(struct watched_file *f)
{
	int fd = open(f->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	bool known = fd >= 0 && !fstat(fd, &f->seen);
	bool regular = known && S_ISREG(f->seen.st_mode);
	if (known && !regular)
		errno = S_ISDIR(f->seen.st_mode) ? EISDIR : EINVAL;
	f->text = regular ? read_all(fd) : NULL;
	int error = errno;
	if (fd >= 0)
		close(fd);
	errno = error;
	return f->text != NULL;
}

bool files_read(struct watched_file *files, size_t count, char reason[FILES_REASON_SIZE])
{
	files_forget(files, count);
	int failed = -1, error = 0;
	/* All are looked at, or one that has not changed would seem to have. */
	for (size_t i = 0; i < count; i++) {
		memset(&files[i].seen, 0, sizeof(files[i].seen));
		if (!files[i].path || read_one(&files[i]) || failed >= 0)
			continue;
		failed = (int)i;
		error = errno;
	}
	if (failed < 0)
		return true;
	files_forget(files, count);
	snprintf(reason, FILES_REASON_SIZE, "%s %s: %s", files[failed].option, files[failed].path,
		error == EINVAL ? "is no text file" : strerror(error));
	return false;
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

bool files_changed(const struct watched_file *files, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct stat *old = &files[i].seen;
		struct stat now = {0};
		if (!files[i].path)
			continue;
		if (stat(files[i].path, &now))
			memset(&now, 0, sizeof(now));
		if (now.st_dev != old->st_dev || now.st_ino != old->st_ino ||
			now.st_size != old->st_size || !same_time(&now.st_mtim, &old->st_mtim) ||
			!same_time(&now.st_ctim, &old->st_ctim))
			return true;
	}
	return false;
}

void files_forget(struct watched_file *files, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (files[i].text)
			explicit_bzero(files[i].text, strlen(files[i].text));
		free(files[i].text);
		files[i].text = NULL;
	}
}
