/* Name list: names as a request has them, parted by commas. Any thread. */
#ifndef JUNCTION_SERVER_NOTICE_SEND_NAME_LIST_H
#define JUNCTION_SERVER_NOTICE_SEND_NAME_LIST_H

#include "base/status.h"

struct name_list_rule {
	const char *field;
	size_t bytes; /* of a name */
	size_t most;  /* names; SIZE_MAX: any number */
};

/* Each name once, without the blanks around it, parted by commas; *count says how many. In the
 * arena. data NULL with the status INVALID_ARGUMENT: one is empty, too long or has control
 * characters, or there are too many. */
struct text name_list_read(struct arena *a, const struct name_list_rule *rule, struct text given,
	size_t *count, struct status *status);

#endif
