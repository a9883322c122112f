#include "server/extension/process_folder.h"

#include <dirent.h>
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/log.h"

static bool wrong_user(const char *name, const char *reason)
{
	log_event(LOG_ERROR, "cannot start extensions", LOG_TEXT("option", "--extension-user"),
		LOG_TEXT("user", name), LOG_TEXT("reason", reason));
	return false;
}

static bool look_up(const char *name, struct process_user *user)
{
	char room[16384];
	struct passwd entry, *found = NULL;
	int error = getpwnam_r(name, &entry, room, sizeof(room), &found);

	if (!found)
		return wrong_user(name, error ? strerror(error) : "there is no such user");
	user->uid = entry.pw_uid;
	user->gid = entry.pw_gid;
	return true;
}

bool process_user_find(const char *name, struct process_user *user)
{
	*user = (struct process_user){.change = geteuid() == 0, .uid = geteuid(), .gid = getegid()};
	if (user->change && !name)
		name = "nobody";
	if (!name)
		return true;
	if (!look_up(name, user))
		return false;
	if (user->change && user->uid == 0)
		return wrong_user(name, "extensions do not run as root");
	if (!user->change && user->uid != geteuid())
		return wrong_user(name, "only a server that runs as root can start extensions as "
					"another user than its own");
	return true;
}

static bool wrong_folder(const char *folder, const char *reason)
{
	log_event(LOG_ERROR, "cannot start extensions", LOG_TEXT("option", "--extension-folder"),
		LOG_TEXT("folder", folder), LOG_TEXT("reason", reason));
	return false;
}

static bool left_out(const char *path, const char *reason)
{
	log_event(LOG_ERROR, "extension left out", LOG_TEXT("file", path),
		LOG_TEXT("reason", reason));
	return false;
}

static bool is_name(const char *name)
{
	struct text text = text_of(name);

	return !text_has_control(text) && text_utf8_error(text) == text.size;
}

/* A file that is not to be executed is no extension, and no reason to complain. */
static bool is_extension(const char *path)
{
	struct stat file;

	if (stat(path, &file))
		return left_out(path, strerror(errno));
	if (!S_ISREG(file.st_mode) || !(file.st_mode & (S_IXUSR | S_IXGRP | S_IXOTH)))
		return false;
	if (!is_name(strrchr(path, '/') + 1))
		return left_out(path, "its name is not UTF-8 without control characters, as the "
				      "name of an extension has to be");
	if (file.st_mode & S_IWOTH)
		return left_out(path, "anybody may write to it");
	return true;
}

static int is_shown(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static void pick(const char *folder, struct dirent **entries, int entry_count, size_t most,
	char **paths, size_t *count)
{
	for (int i = 0; i < entry_count; i++) {
		char *path = NULL;
		CHECK(asprintf(&path, "%s/%s", folder, entries[i]->d_name) > 0);
		bool is = is_extension(path);
		if (is && *count == most)
			is = left_out(path, "there are too many: it is not among the first 10");
		if (is)
			paths[(*count)++] = path;
		else
			free(path);
	}
}

bool process_folder_read(const char *folder, size_t most, char ***paths, size_t *count)
{
	struct stat is;
	struct dirent **entries = NULL;
	char *whole = realpath(folder, NULL);

	if (!whole || stat(whole, &is)) {
		wrong_folder(folder, strerror(errno));
		free(whole);
		return false;
	}
	int found = is.st_mode & S_IWOTH ? 0 : scandir(whole, &entries, is_shown, by_bytes);
	if (is.st_mode & S_IWOTH)
		wrong_folder(folder, "anybody may write to it");
	else if (found < 0)
		wrong_folder(folder, strerror(errno));
	bool right = found >= 0 && !(is.st_mode & S_IWOTH);
	*count = 0;
	if (right) {
		*paths = check_calloc(most, sizeof(**paths));
		pick(whole, entries, found, most, *paths, count);
	}
	for (int i = 0; i < found; i++)
		free(entries[i]);
	free(entries);
	free(whole);
	return right;
}
