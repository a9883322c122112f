/* What is looked up once, before the first extension is started: the executables of the folder and
 * the user they run as. Failures are logged as sentences. */
#ifndef JUNCTION_SERVER_EXTENSION_PROCESS_FOLDER_H
#define JUNCTION_SERVER_EXTENSION_PROCESS_FOLDER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* As whom a process runs. */
struct process_user {
	bool change; /* this process is root and becomes another; else the two stay as they are */
	uid_t uid;
	gid_t gid;
};

/* name NULL: nobody if this process is root, else its own user. */
bool process_user_find(const char *name, struct process_user *user);

/* The absolute paths of the executables, in the byte order of their names, at most most of them.
 * The array and each path are freed by the caller; count may be 0. False: nothing to free. */
bool process_folder_read(const char *folder, size_t most, char ***paths, size_t *count);

#endif
