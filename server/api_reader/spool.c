#include "server/api_reader/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* For file systems that have no O_TMPFILE: the name is there for a moment only. */
static int open_and_unlink(const char *folder)
{
	char path[PATH_MAX];
	int fd;

	if (snprintf(path, sizeof(path), "%s/junction-XXXXXX", folder) >= (int)sizeof(path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	fd = mkostemp(path, O_CLOEXEC);
	if (fd >= 0)
		unlink(path);
	return fd;
}

static bool open_file(struct spool *s)
{
	s->fd = open(s->folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (s->fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == ENOENT))
		s->fd = open_and_unlink(s->folder);
	return s->fd >= 0;
}

bool spool_write(struct spool *s, struct text bytes)
{
	if (s->fd < 0 && !open_file(s)) {
		s->error = errno;
		return false;
	}
	while (bytes.size > 0) {
		ssize_t written = pwrite(s->fd, bytes.data, bytes.size, (off_t)s->end);

		if (written < 0 && errno != EINTR) {
			s->error = errno;
			return false;
		}
		if (written > 0) {
			s->end += written;
			bytes = text_from(bytes, (size_t)written);
		}
	}
	return true;
}

bool spool_read(struct spool *s, char *room, size_t size, struct text *bytes)
{
	ssize_t got;

	do {
		got = pread(s->fd, room, size, (off_t)s->at);
	} while (got < 0 && errno == EINTR);
	if (got <= 0) {
		s->error = got < 0 ? errno : EIO;
		return false;
	}
	s->at += got;
	*bytes = (struct text){room, (size_t)got};
	/* Here, since to give back the space of a large file takes a while. */
	if (s->at == s->end)
		spool_close(s);
	return true;
}

void spool_close(struct spool *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}
