/* Names of users and groups: 1 to 255 bytes without control characters and commas, and no blanks at
 * their ends, since Send parts them by commas and takes such blanks off. Any thread. */
#ifndef JUNCTION_SERVER_NOTICE_DIRECTORY_NAMES_H
#define JUNCTION_SERVER_NOTICE_DIRECTORY_NAMES_H

#include "server/call.h"

/* Of what is written for somebody: BCP 47 as far as its characters go, or empty. */
enum { DIRECTORY_LANGUAGE_BYTES = 35 };
bool directory_is_language(struct text language);

/* False with c->status set, naming the field. */
bool directory_name_holds(struct call *c, const char *field, const char *name);
enum { DIRECTORY_NAMES_MOST = 100000 };

/* The same of a list of at most so many, as an SQL array; data NULL with c->status set:
 * "users[3]". */
struct text directory_names(struct call *c, const char *field, char *const *names, size_t count);

#endif
