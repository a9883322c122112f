/*
 * A login is a file of JSON for each server's address, in the user's configuration folder. It is
 * written anew and put in the place of the old one, so it is there as a whole or not at all.
 * Refresh tokens are good once, hence the lock: of several commands one refreshes, and the others
 * find what it has written.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/files.h"
#include "base/json.h"
#include "client/cli/cli.h"

/* Of the file; NULL: the environment names no folder. */
static char *folder(struct arena *a)
{
	const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");

	if (config && *config == '/')
		return arena_printf(a, "%s/junction", config);
	return home && *home == '/' ? arena_printf(a, "%s/.config/junction", home) : NULL;
}

/* The server's address, as a name of a file may be. */
static char *path_of(struct arena *a, const char *server)
{
	struct buffer name = {.arena = a};

	for (; *server; server++)
		buffer_printf(&name,
			strchr("/%", *server) || *server <= ' ' || *server == 127 ? "%%%02X" : "%c",
			(unsigned char)*server);
	return arena_printf(a, "%s/login-%.*s", folder(a), (int)name.size, name.data);
}

static bool failed(const char *path, char reason[KEPT_REASON])
{
	snprintf(reason, KEPT_REASON, "%s: %s", path, strerror(errno));
	return false;
}

/* With the folders above it. */
static bool make_folder(struct arena *a, char reason[KEPT_REASON])
{
	char *path = folder(a);

	if (!path) {
		snprintf(reason, KEPT_REASON,
			"HOME or XDG_CONFIG_HOME must name a folder that logins are kept in");
		return false;
	}
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdir(path, 0700);
		*slash = '/';
	}
	return mkdir(path, 0700) == 0 || errno == EEXIST || failed(path, reason);
}

bool kept_exists(const char *server)
{
	struct arena *a = arena_new(0);
	bool exists = folder(a) && access(path_of(a, server), F_OK) == 0;

	arena_free(&a);
	return exists;
}

bool kept_lock(int *lock, char reason[KEPT_REASON])
{
	struct arena *a = arena_new(0);
	bool locked = false;

	*lock = -1;
	if (make_folder(a, reason)) {
		*lock = open(folder(a), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		locked = (*lock >= 0 && flock(*lock, LOCK_EX) == 0) || failed(folder(a), reason);
	}
	arena_free(&a);
	return locked;
}

void kept_unlock(int *lock)
{
	if (*lock >= 0)
		close(*lock);
	*lock = -1;
}

bool kept_read(struct arena *a, const char *server, struct login *login, char reason[KEPT_REASON])
{
	struct watched_file file = {"login", path_of(a, server)};
	struct status status;

	if (!files_read(&file, 1, reason))
		return false;
	bool own = !(file.seen.st_mode & 077);
	const struct json *json =
		own ? json_read(a, arena_text(a, text_of(file.text)), &status) : NULL;
	files_forget(&file, 1);
	*login = (struct login){
		.user = arena_string(a, json_member_text(json, TEXT("user"), TEXT(""))),
		.token = arena_string(a, json_member_text(json, TEXT("accessToken"), TEXT(""))),
		.refresh = arena_string(a, json_member_text(json, TEXT("refreshToken"), TEXT(""))),
	};
	if (json_int64(json_member(json, TEXT("begunAt")), &login->begun_ms) &&
		json_int64(json_member(json, TEXT("endsAt")), &login->ends_ms))
		return true;
	snprintf(reason, KEPT_REASON,
		own ? "login %s: is none that was kept"
		    : "login %s: others than its owner have rights on it",
		file.path);
	return false;
}

static bool write_all(int fd, struct text text)
{
	while (text.size) {
		ssize_t put = write(fd, text.data, text.size);
		if (put < 0)
			return false;
		text = text_from(text, (size_t)put);
	}
	return fsync(fd) == 0;
}

bool kept_write(const char *server, const struct login *login, char reason[KEPT_REASON])
{
	struct arena *a = arena_new(0);
	char *path = path_of(a, server), *new = arena_printf(a, "%s.new", path);
	struct buffer json = {.arena = a};

	buffer_add_text(&json, TEXT("{\"user\":"));
	json_write_string(&json, text_of(login->user));
	buffer_add_text(&json, TEXT(",\"accessToken\":"));
	json_write_string(&json, text_of(login->token));
	buffer_add_text(&json, TEXT(",\"refreshToken\":"));
	json_write_string(&json, text_of(login->refresh));
	buffer_printf(&json, ",\"begunAt\":%lld,\"endsAt\":%lld}\n", (long long)login->begun_ms,
		(long long)login->ends_ms);
	unlink(new);
	int fd = open(new, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	bool written = fd >= 0 && write_all(fd, buffer_text(&json));
	written = (fd < 0 || close(fd) == 0) && written && rename(new, path) == 0;
	if (!written)
		failed(path, reason);
	arena_free(&a);
	return written;
}

bool kept_remove(const char *server, char reason[KEPT_REASON])
{
	struct arena *a = arena_new(0);
	char *path = path_of(a, server);
	bool removed = unlink(path) == 0 || failed(path, reason);

	arena_free(&a);
	return removed;
}
