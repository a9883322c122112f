/* The search over what apigen made; its tables are sorted by name. */
#include "proto/runtime/api.h"

#include <stdlib.h>
#include <string.h>

static int compare_name(const void *name, const void *message)
{
	return strcmp(name, ((const struct api_message *)message)->descriptor->name);
}

const struct api_message *api_message_named(const char *name)
{
	return bsearch(
		name, api_messages, api_message_count, sizeof(api_messages[0]), compare_name);
}
